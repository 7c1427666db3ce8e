"""verifying: a bundle of evidence -> what holds of it, checked against itself and, where the source
is there, against a new scan.

The bundle comes from elsewhere: only what it says is believed that its form allows, and it names
no file that is read. The source and further indexes are named by whoever checks.
"""

from __future__ import annotations

import json
import os
import reprlib
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from provenance.bundle import (
    FORMAT_VERSION,
    MOST_BYTES,
    README,
    SUMS,
    Call,
    about_bytes,
    audit_bytes,
    unpacked,
    wrong_sums,
)
from provenance.errors import BundleError, UsageError
from provenance.identity import vendored
from provenance.model import (
    Audit,
    Direction,
    Finding,
    Fixed,
    Identity,
    Report,
    Ruling,
    SuspectSeen,
)
from provenance.patterns import Patterns
from provenance.references import DEFAULT_INDEX
from provenance.regular import remedy
from provenance.release import checked_day
from provenance.report.formats import Texts, named
from provenance.report.json import json_report
from provenance.report.text import number, safe
from provenance.verdict import ruled, turned
from provenance.version import VERSION
from provenance.workers import BOUNDS, Bounds, Progress

_MOST_NAMED = 10
_DEEPEST_POLICY = 4


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked: whether it holds, or could not be checked (``open``)."""

    what: str
    state: Literal["holds", "differs", "open"]
    words: str = ""


def verify_bundle(
    path: str,
    source: str | None = None,
    indexes: Sequence[str] = (),
    *,
    jobs: int = 1,
    limits: Bounds = BOUNDS,
    progress: Progress | None = None,
) -> tuple[Check, ...]:
    """Check a bundle; scan the source again and compare, if it is given.

    Args:
        path: the bundle.
        source: what was scanned: the same folder, archive or requirement.
        indexes: index files that were looked into, beside the default one.
        jobs: how many processes may work.
        limits: what the work on a file may take.
        progress: called with (done, total) files.

    Raises:
        UsageError: indexes without a source, which alone needs them.
        BundleError: it is no bundle, or it was changed since it was made.
        ProvenanceError: the source or an index cannot be read.
    """
    if indexes and source is None:
        raise UsageError("--index: found without --source, expected both: it is looked into then")
    shown = safe(path)
    try:
        state = os.stat(path)
        if not stat.S_ISREG(state.st_mode):
            raise BundleError(f"{shown}: found no file, expected a bundle of evidence")
        if state.st_size > MOST_BYTES:
            raise BundleError(
                f"{shown}: found {state.st_size:,} bytes, expected a bundle of evidence of at most "
                f"{MOST_BYTES:,}"
            )
        data = Path(path).read_bytes()
    except OSError as error:
        raise BundleError(
            f"{shown}: cannot be read ({error.strerror}), expected a bundle of evidence; "
            + remedy(error, "check its name and its permissions")
        ) from error
    content = unpacked(data, shown)
    if wrong := wrong_sums(content):
        words = "no list of all other members in SHA256SUMS"
        if wrong != [SUMS]:
            words = f"other bytes than SHA256SUMS says in {', '.join(wrong)}"
        raise BundleError(f"{shown}: found {words}; it was changed after it was made, get it again")
    checks = [Check("sums", "holds", f"{len(content) - 1} members are as they were packed")]
    about = _About(content, shown)
    if about.version != VERSION:
        words = f"made by Provenance {safe(about.version)}, this is {VERSION}: results can differ"
        checks.append(Check("version", "open", words))
    if source is None:
        words = f"name what was scanned ({safe(about.source)}) with --source to scan it again"
        return (*checks, Check("scan", "open", words))
    found, missing = _indexes(about, indexes)
    if missing:
        words = f"not at hand: {', '.join(missing)}; name it with --index"
        return (*checks, Check("indexes", "open", words))
    checks.append(Check("indexes", "holds", f"{len(found)} with the recorded checksums"))
    from provenance.scanning import scan

    call = about.call
    packed = _seen(content["report.json"])
    of_itself = {"git", "archive"} & {one.source for one, _ in packed.values()}
    report = scan(
        source,
        found,
        include=call.include,
        exclude=call.exclude,
        only=call.only,
        as_of=about.text("as_of"),
        exclude_origin=about.texts("exclude_origin"),
        suspect_date=None if of_itself else about.text("suspect_date"),
        jobs=jobs,
        limits=limits,
        progress=progress,
    )
    report, undated = _dated(replace(report, source=about.source), packed)
    if undated:
        of = number(undated, "finding or identical file", "findings and identical files")
        words = f"of {of} are those of the bundle: no git history is here to ask"
        checks.append(Check("days", "open", words))
    return (*checks, *_compared(content, about, report, source, found, limits))


_Seen = Mapping[str, tuple[SuspectSeen, Direction]]


def _seen(packed: bytes) -> _Seen:
    """Since when the scanned side of each finding, by its id, and of each identical file, by its
    path, is as it is, and its direction, by the packed report; nothing where it is no report."""
    from msgspec import ValidationError, convert

    try:
        report = json.loads(packed)
        dated = {str(one["id"]): one for one in report["findings"]}
        dated |= {
            f"/{one['path']}": one["identical"] for one in report["files"] if one["identical"]
        }
        return {
            key: (convert(one["seen"], SuspectSeen), convert(one["direction"], Direction))
            for key, one in dated.items()
        }
    except (ValidationError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _dated(report: Report, packed: _Seen) -> tuple[Report, int]:
    """The report with the packed days of git where none are to be had here, and of how many
    findings and identical files. What git does say here is not replaced: it must agree."""
    undated = 0

    def dated(one: Finding | Identity, key: str) -> tuple[SuspectSeen, Direction]:
        nonlocal undated
        then = packed.get(key)
        if one.seen.source == "none" and then is not None and then[0].source == "git":
            undated += 1
            return then
        return one.seen, one.direction

    found = [turned(one, *dated(one, one.id)) for one in report.findings]
    files = []
    for file in report.files:
        if same := file.identical:
            seen, direction = dated(same, f"/{file.path}")
            file = replace(file, identical=replace(same, seen=seen, direction=direction))
        files.append(file)
    if undated:
        files = list(ruled(files, found))
        report = replace(
            report, files=tuple(files), findings=tuple(found), vendored=vendored(files)
        )
    return report, undated


def _compared(
    content: dict[str, bytes],
    about: _About,
    report: Report,
    source: str,
    found: Sequence[str],
    limits: Bounds,
) -> Iterator[Check]:
    """The new report against the packed one, then what is made of it; by the indexes found."""
    recorded = {one["path"]: one["sha256"] for one in about.inputs}
    now = {file.path: file.sha256 for file in report.files}
    if recorded != now:
        yield Check("inputs", "differs", _difference(recorded, now))
    else:
        words = f"{number(len(now), 'file has', 'files have')} the recorded checksums"
        yield Check(
            "inputs", "holds", words + _left_out(about, report, str(DEFAULT_INDEX) in found)
        )
    if json_report(report).encode() != content["report.json"]:
        yield Check("report.json", "differs", _findings(content["report.json"], report))
        return
    yield Check("report.json", "holds", f"{number(len(report.findings), 'finding')}, byte for byte")
    audit = _audit(content["audit.json"], report)
    if audit is None:
        yield Check("audit.json", "differs", "its rulings do not fit the findings of the report")
        return
    if audit_bytes(audit) != content["audit.json"]:
        words = "other bytes than those made of its rulings"
        yield Check("audit.json", "differs", words)
    else:
        words = "its rulings fit the findings; 'provenance audit' makes them again from the policy"
        yield Check("audit.json", "open", words)
    # The report names its version: here it is this one, whatever bundle.json says.
    references = (one.reference for one in report.findings)
    quotable = {(one.package, one.version or "", one.path) for one in references}
    quoted = sorted(quotable & {tuple(one) for one in about.quoted})
    same = about_bytes(audit, quoted, about.call) == content["bundle.json"]
    yield Check("bundle.json", "holds" if same else "differs", _BYTES[same])
    same = content["README.txt"] == README.encode()
    yield Check("README.txt", "holds" if same else "differs", _README[same])
    same = named("sarif").write(audit, Texts()).encode() == content["report.sarif"]
    yield Check("report.sarif", "holds" if same else "differs", _BYTES[same])
    from provenance.sides import reference_texts, suspect_texts

    here = replace(report, source=source)
    texts = Texts(
        suspect_texts(here, include=about.call.include, exclude=about.call.exclude, limits=limits),
        reference_texts(here, limits=limits),
    )
    if sorted(list(one) for one in texts.references) != about.quoted:
        words = "it quotes other reference files than are at hand; 'provenance sources fetch'"
        yield Check("report.html", "open", words)
        return
    same = named("html").write(audit, texts).encode() == content["report.html"]
    yield Check("report.html", "holds" if same else "differs", _BYTES[same])


def _left_out(about: _About, report: Report, default: bool) -> str:
    """By what the call of the bundle looked at less than all, or at something as it said itself,
    which holds of it all the same; ``default``: whether it looked into the default index."""
    call = about.call
    parts = [
        *(f"only {glob}" for glob in (*call.include, *(call.only or ()))),
        *(f"without {glob}" for glob in call.exclude),
        *(f"origins hidden: {glob}" for glob in report.exclude_origin),
        *([f"as of {report.as_of}"] if report.as_of else []),
        *([f"scanned code said to be of {report.suspect_date}"] if report.suspect_date else []),
        *([] if default else ["without the default index"]),
    ]
    if not parts:
        return ""
    more = f" and {len(parts) - _MOST_NAMED} more" if len(parts) > _MOST_NAMED else ""
    return f"; not all was looked at: {', '.join(map(safe, parts[:_MOST_NAMED]))}{more}"


_README = {True: "byte for byte", False: "other bytes than those of this release"}
_BYTES = {True: "byte for byte", False: "other bytes than those made of the same findings"}


def _difference(recorded: dict[str, str], now: dict[str, str]) -> str:
    """Which files are gone, new or changed."""
    parts = []
    for words, paths in (
        ("gone", recorded.keys() - now.keys()),
        ("new", now.keys() - recorded.keys()),
        ("changed", {path for path in recorded.keys() & now if recorded[path] != now[path]}),
    ):
        if paths:
            named_ = ", ".join(safe(path) for path in sorted(paths)[:_MOST_NAMED])
            more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
            parts.append(f"{words}: {named_}{more}")
    return "; ".join(parts)


def _findings(packed: bytes, report: Report) -> str:
    """What is not the same in two reports."""
    try:
        then = json.loads(packed)
        ids = {str(one["id"]) for one in then["findings"]}
        now = {one.id for one in report.findings}
        fresh = json.loads(json_report(report))
        other = [name for name in fresh if then.get(name) != fresh[name]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it is no report of this version"
    parts = [f"differs in {', '.join(other)}"] if other else ["written in another way"]
    for words, some in (("no longer found", ids - now), ("found now", now - ids)):
        if some:
            parts.append(f"{words}: {', '.join(safe(one) for one in sorted(some)[:_MOST_NAMED])}")
    return "; ".join(parts)


def _indexes(about: _About, given: Sequence[str]) -> tuple[list[str], list[str]]:
    """The index files with the recorded checksums, in the recorded order; what is not at hand."""
    from provenance.index import Index

    by_checksum: dict[str, str] = {}  # the default index before a copy of it
    for path in (str(DEFAULT_INDEX), *given):
        if path in given or os.path.exists(path):
            with Index(path) as index:
                by_checksum.setdefault(index.checksum, path)
    found, missing = [], []
    for one in about.indexes:
        if at_hand := by_checksum.get(one["checksum"]):
            found.append(at_hand)
        else:
            missing.append(f"{safe(one['name'])} with checksum {safe(one['checksum'])}")
    return found, missing


def _audit(packed: bytes, report: Report) -> Audit | None:
    """The packed rulings, with the findings of a report; None where they do not fit."""
    from msgspec import ValidationError, convert

    findings = {one.id: one for one in report.findings}
    try:
        told = json.loads(packed, parse_float=_finite, parse_constant=_finite)
        if sorted(one["finding"] for one in told["rulings"] if one["finding"]) != sorted(findings):
            return None  # one ruling for each finding, no more, no less
        rulings = tuple(
            replace(
                convert({**one, "finding": None}, Ruling),
                finding=findings[one["finding"]] if one["finding"] else None,
            )
            for one in told["rulings"]
        )
        if not _is_shallow(told["policy"], _DEEPEST_POLICY):
            return None
        return Audit(
            report=report,
            policy=tuple(told["policy"].items()),
            policy_file=convert(told["policy_file"], str | None),
            rulings=rulings,
            fixed=convert(told["fixed"], tuple[Fixed, ...]),
            incomplete=convert(told["incomplete"], tuple[str, ...]),
        )
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _finite(text: str) -> float:
    """A number that JSON can hold: not all that Python reads as such is one, as ``NaN``."""
    if not isfinite(value := float(text)):
        raise ValueError(text)
    return value


def _is_shallow(value: Any, depth: int) -> bool:
    """Whether lists and objects stand in each other no deeper."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, (list, tuple)):
        return True
    return depth > 0 and all(_is_shallow(one, depth - 1) for one in value)


class _About:
    """What ``bundle.json`` says, each part checked for its form."""

    def __init__(self, content: dict[str, bytes], shown: str) -> None:
        self.shown = shown
        try:
            self.said: Any = json.loads(content["bundle.json"])
        except (ValueError, RecursionError) as error:
            raise self._wrong("the whole", "JSON") from error
        if not isinstance(self.said, dict) or self.said.get("format_version") != FORMAT_VERSION:
            raise self._wrong(
                "the whole", f"format_version {FORMAT_VERSION}; use the Provenance that made it"
            )
        tool, call = self.said.get("tool"), self.said.get("call")
        if not isinstance(tool, dict) or not isinstance(call, dict):
            raise self._wrong("tool, call", "objects")
        self._call = call
        self.version = reprlib.repr(tool.get("version")).strip("'")
        self.source = self.text("source") or ""
        only = None if call.get("only") is None else self.texts("only")
        self.call = Call(self.texts("include"), self.texts("exclude"), only)
        self.inputs = self._rows("inputs", ("path", "sha256"))
        self.indexes = self._rows("indexes", ("name", "checksum"))
        if not self.indexes:
            raise self._wrong("indexes", "one at least")
        quoted = self.said.get("quoted")
        if not isinstance(quoted, list) or not all(
            isinstance(row, list) and all(isinstance(text, str) for text in row) for row in quoted
        ):
            raise self._wrong("quoted", "lists of texts")
        self.quoted = quoted
        for key in ("as_of", "suspect_date"):
            try:
                checked_day(self.text(key), key)
            except UsageError as error:
                raise self._wrong(key, "a day such as 2026-01-26") from error
        for key in ("include", "exclude"):
            try:
                Patterns(self.texts(key))
            except UsageError as error:
                raise self._wrong(key, "globs") from error

    def text(self, key: str) -> str | None:
        """A text of the call, or None."""
        value = self._call.get(key)
        if value is not None and not isinstance(value, str):
            raise self._wrong(key, "a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Texts of the call."""
        value = self._call.get(key)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self._wrong(key, "texts")
        return tuple(value)

    def _rows(self, key: str, names: tuple[str, ...]) -> list[dict[str, str]]:
        rows = self.said.get(key)
        if not isinstance(rows, list) or not all(
            isinstance(row, dict) and all(isinstance(row.get(name), str) for name in names)
            for row in rows
        ):
            raise self._wrong(key, f"objects with {', '.join(names)}")
        return rows

    def _wrong(self, key: str, expected: str) -> BundleError:
        return BundleError(
            f"{self.shown}: bundle.json: found another form of {key}, expected {expected}"
        )
