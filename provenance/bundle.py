"""bundle: an ``Audit`` -> one archive with all that is needed to check it, and back.

    README.txt     what this is and how to check it by hand
    bundle.json    versions, parameters, the call, checksums of every input and index
    report.json    the scan                      report.html, report.sarif   the same to look at
    audit.json     the rulings and the policy    SHA256SUMS                  of all the others

The same audit gives the same bytes on every machine: members stand in one order, are stored and
not compressed (compressors differ), and have the same day and permissions. Sums say that nothing
was damaged or exchanged by itself; they do not say who made the archive.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256

from provenance.errors import BundleError
from provenance.model import Audit
from provenance.report.audit import audit_json
from provenance.report.formats import Texts, named
from provenance.report.json import FORMAT_VERSION as REPORT_FORMAT
from provenance.report.json import json_report
from provenance.report.text import safe
from provenance.version import VERSION

FORMAT_VERSION = 1
"""Version of ``bundle.json`` and of the members. 1: first version."""

SUMS = "SHA256SUMS"
MEMBERS = (
    "README.txt",
    "audit.json",
    "bundle.json",
    "report.html",
    "report.json",
    "report.sarif",
    SUMS,
)
_DAY = (1980, 1, 1, 0, 0, 0)
MOST_BYTES = 2_000_000_000
"""Of a bundle that is read."""
_MOST_MEMBERS = 1_000
_MOST_DIRECTORY = 1_000_000
README = f"""Evidence of an audit by Provenance {VERSION}.

report.html   to look at, in any browser, without a network
report.json   the same for machines; schema: 'python -c "import provenance.report.json as r;
              print(r.schema())"'
report.sarif  the same for code scanning
audit.json    what the policy said of each finding, and the policy; schema likewise, from
              provenance.report.audit
bundle.json   versions, parameters, and the SHA-256 of every scanned file and of every index
SHA256SUMS    of all the others; check with: sha256sum -c SHA256SUMS

Check it, and scan again if you have the source:

    provenance verify-bundle FILE --source FOLDER

A match is consistent with derivation from an earlier source; it is no proof. The sums say that
nothing was damaged; they do not say who made this archive.
"""


@dataclass(frozen=True, slots=True)
class Call:
    """How the source was scanned, as far as the report does not say it: which files."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None


def bundled(audit: Audit, texts: Texts, call: Call) -> bytes:
    """The archive.

    Args:
        audit: what it is evidence of.
        texts: what the page may quote; nothing else of them is kept.
        call: which files of the source were scanned.
    """
    return packed(members(audit, texts, call))


def members(audit: Audit, texts: Texts, call: Call) -> dict[str, bytes]:
    """The members of the archive of an audit, by name."""
    content = {
        "README.txt": README.encode(),
        "audit.json": audit_bytes(audit),
        "bundle.json": about_bytes(audit, sorted(texts.references), call),
        "report.html": named("html").write(audit, replace(texts, language="en")).encode(),
        "report.json": json_report(audit.report).encode(),
        "report.sarif": named("sarif").write(audit, texts).encode(),
    }
    content[SUMS] = sums(content)
    return content


def audit_bytes(audit: Audit) -> bytes:
    """``audit.json``: what the policy said, and the policy."""
    ruled = json.loads(audit_json(audit))
    del ruled["report"]  # it is a member of its own
    return _json(ruled)


def sums(content: Mapping[str, bytes]) -> bytes:
    """Lines of ``sha256sum``, of all members but the sums themselves."""
    return "".join(
        f"{sha256(content[name]).hexdigest()}  {name}\n" for name in sorted(content) if name != SUMS
    ).encode()


def about_bytes(audit: Audit, quoted: Sequence[Sequence[str]], call: Call) -> bytes:
    """``bundle.json``: what was scanned and how, and which reference files the page quotes."""
    report = audit.report
    said = {
        "format_version": FORMAT_VERSION,
        "report_format_version": REPORT_FORMAT,
        "tool": {"name": "provenance-checker", "version": VERSION},
        "call": {
            "source": report.source,
            "include": list(call.include),
            "exclude": list(call.exclude),
            "only": None if call.only is None else list(call.only),
            "as_of": report.as_of,
            "exclude_origin": list(report.exclude_origin),
            "suspect_date": report.suspect_date,
        },
        "parameters": asdict(report.parameters),
        "indexes": [asdict(one) for one in report.indexes],
        "inputs": [{"path": file.path, "sha256": file.sha256} for file in report.files],
        "skipped": [asdict(one) for one in report.skipped],
        "quoted": [list(one) for one in quoted],
    }
    return _json(said)


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False) + "\n").encode()


# --- the archive --------------------------------------------------------------------------


def packed(content: Mapping[str, bytes]) -> bytes:
    """Members as a zip, the same bytes for the same members."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(content):
            info = zipfile.ZipInfo(name, _DAY)
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, content[name])
    return written.getvalue()


def unpacked(data: bytes, shown: str) -> dict[str, bytes]:
    """The members of a bundle, in memory; nothing is written to disk.

    Args:
        data: the archive.
        shown: what messages call it.

    Raises:
        BundleError: it is no bundle: no zip, with members that lack or that it does not have,
            compressed, encrypted or damaged ones, or not packed as ``packed`` does.
    """
    _check_end(data, shown)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            content = _members(archive, shown)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise BundleError(
            f"{shown}: found no readable zip ({error}), expected a bundle of 'provenance audit "
            "--bundle'; get it again"
        ) from error
    if packed(content) != data:
        raise BundleError(
            f"{shown}: found members packed in another way, with other days, an order of their "
            "own or bytes between them, expected those of 'provenance audit --bundle' alone; it "
            "was changed after it was made"
        )
    return content


def _check_end(data: bytes, shown: str) -> None:
    """The end of a zip says how long its directory is: before anything of it is read."""
    end = data[-22:]
    found = ""
    if len(end) < 22 or end[:4] != b"PK\5\6" or data[-42:-38] == b"PK\6\7":
        found = "no zip, or bytes behind it"
    else:
        entries, size = struct.unpack("<HL", end[10:16])
        if entries > _MOST_MEMBERS:
            found = f"a zip of {entries:,} members"
        elif size > _MOST_DIRECTORY:
            found = f"a zip with a directory of {size:,} bytes"
    if found:
        raise BundleError(
            f"{shown}: found {found}, expected a bundle of 'provenance audit --bundle'; get it "
            "again"
        )


def _members(archive: zipfile.ZipFile, shown: str) -> dict[str, bytes]:
    infos = archive.infolist()
    names = [info.filename for info in infos]
    extra = sorted({safe(name) for name in names if name not in MEMBERS})
    missing = [name for name in MEMBERS if name not in names]
    twice = [name for name in MEMBERS if names.count(name) > 1]
    wrong = [
        *([f"{', '.join(extra[:5])} beside its own"] if extra else []),
        *([f"no {', '.join(missing)}"] if missing else []),
        *([f"{', '.join(twice)} more than once"] if twice else []),
    ]
    if wrong:
        raise BundleError(
            f"{shown}: found {'; '.join(wrong)}, expected the members of a bundle, each once; "
            "get it again"
        )
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise BundleError(
                f"{shown}: found {info.filename} compressed or encrypted, expected it stored; it "
                "was packed anew after it was made"
            )
    return {info.filename: archive.read(info) for info in infos}


def wrong_sums(content: Mapping[str, bytes]) -> Sequence[str]:
    """The members whose bytes are not those of the sums; the sums themselves where they are no
    list of all the others, each once and in order."""
    right, stated = sums(content), content[SUMS]
    pairs = [*zip(stated.splitlines(keepends=True), right.splitlines(keepends=True), strict=False)]
    if len(stated) != len(right) or any(one[64:] != other[64:] for one, other in pairs):
        return [SUMS]
    return [other[66:-1].decode() for one, other in pairs if one != other]
