"""The audit as an SPDX 2.3 document (JSON): every finding is a snippet of its file.

Pure. SPDX wants the SHA-1 of a file and the byte range of a snippet (clauses 8.4 and 9.3), so the
bytes of the scanned files must be at hand. A ruling whose bytes are not, and a declaration at
fault, is an annotation of the document instead: no ruling is left out. A snippet of a notebook
is the whole file, its cells are in the comment.

Relationships: ``DESCENDANT_OF`` where the verdict is derived and no day speaks against it,
``VARIANT_OF`` ("not clear which came first") where one does. What resembles, what is common and
what is used has none; its comment says what was found. The namespace is a UUID of
the content, the day of creation is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha1, sha256
from typing import Any
from uuid import uuid5

from provenance.licenses import spdx_expression
from provenance.model import Audit, FileResult, Ruling
from provenance.report.cyclonedx import NAMESPACE, Named, derives, descends, named_of
from provenance.report.evidence import (
    evidence,
    files_of,
    has_lines,
    identity_of,
    place,
    shortened,
    utf8,
)
from provenance.report.rules import broken_files, undated
from provenance.report.text import limited, safe
from provenance.version import VERSION

UNDATED = "1970-01-01T00:00:00Z"
"""When a document was created for which no day was given: SPDX wants one, and we read no clock."""
_DOCUMENT, _SOURCE = "SPDXRef-DOCUMENT", "SPDXRef-Source"
_TOOL = f"Tool: provenance-checker-{VERSION}"
_MOST = 2_000
_LINE_END = re.compile(rb"\r\n|\r|\n")

_Json = dict[str, Any]


def spdx(audit: Audit, contents: Mapping[str, bytes], created: str | None = None) -> str:
    """The audit as SPDX 2.3 JSON.

    Args:
        audit: what to show.
        contents: bytes of scanned files as they are on disk, by path; those that are no longer
            what was scanned are not used.
        created: when the document is made, ``YYYY-MM-DDThh:mm:ssZ``; else the day of the suspect
            or that up to which references count, else ``UNDATED``.
    """
    known = files_of(audit)
    day = audit.report.suspect_date or audit.report.as_of
    created = created or (f"{day}T00:00:00Z" if day else UNDATED)
    drawn = _Drawn(audit, known, contents, created)
    for ruling in audit.rulings:
        drawn.add(ruling)
    document: _Json = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": "provenance of " + (_text(audit.report.source) or "source"),
        "comment": "Code that resembles published code. A match is consistent with derivation "
        "from an earlier source; it is no proof.",
        "creationInfo": {"created": created, "creators": [_TOOL]},
        "packages": [
            {
                "SPDXID": _SOURCE,
                "name": _text(audit.report.source) or "source",
                "downloadLocation": "NOASSERTION",
                "filesAnalyzed": False,
            },
            *(drawn.packages[named] for named in sorted(drawn.packages)),
        ],
        "files": [drawn.files[path] for path in sorted(drawn.files)],
        "snippets": drawn.snippets,
        "relationships": [
            _relationship(_DOCUMENT, "DESCRIBES", _SOURCE),
            *(
                _relationship(_DOCUMENT, "DESCRIBES", drawn.files[path]["SPDXID"])
                for path in sorted(drawn.files)
            ),
            *drawn.relationships,
        ],
        "annotations": [
            *drawn.annotations,
            *(drawn.annotation(f"fixed: {one.id}: {one.path}: {one.name}") for one in audit.fixed),
            *(drawn.annotation(f"not completed: {words}") for words in audit.incomplete),
            *(
                drawn.annotation(f"skipped: {one.path}: {one.reason}")
                for one in audit.report.skipped
            ),
            *(drawn.annotation(f"undated: {words}") for words in filter(None, [undated(audit)])),
            *(
                drawn.annotation(f"limited: {said}")
                for said in filter(None, [limited(audit.report)])
            ),
            *(
                drawn.annotation(f"syntax: {path}: {words}")
                for path, words in broken_files(audit.report)
            ),
        ],
    }
    name = uuid5(NAMESPACE, json.dumps(document, sort_keys=True))
    document["documentNamespace"] = f"urn:uuid:{name}"
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


class _Drawn:
    """The parts of a document, filled ruling by ruling."""

    def __init__(
        self,
        audit: Audit,
        known: Mapping[str, FileResult],
        contents: Mapping[str, bytes],
        created: str,
    ) -> None:
        self.known = known
        self.created = created
        self.contents = {
            path: content
            for path, content in contents.items()
            if path in known and sha256(content).hexdigest() == known[path].sha256
        }
        self.starts: dict[str, list[int]] = {}
        self.packages: dict[Named, _Json] = {}
        self.files: dict[str, _Json] = {}
        self.snippets: list[_Json] = []
        self.relationships: list[_Json] = []
        self.annotations: list[_Json] = []

    def add(self, ruling: Ruling) -> None:
        """One ruling: as a snippet, else as an annotation."""
        named = named_of(ruling, self.known)
        content = self.contents.get(ruling.path)
        shown = [
            f"{label}: {value}"
            for label, value in evidence(ruling, identity_of(ruling, self.known))
            if label != "id"
        ]
        words = f"{ruling.rule}, {ruling.status}, {place(ruling)}. {ruling.message}"
        comment = "\n".join([_text(words), *shown])
        if ruling.rule == "declaration" or not content:
            of = self.known.get(ruling.path)
            asked = ruling.finding or (of and of.identical)  # not of uses and declarations
            why = "the bytes of the file were not at hand; " if asked else ""
            self.annotations.append(
                self.annotation(f"ruling {ruling.id}: {ruling.path}: {why}{words}")
            )
            return
        if ruling.path not in self.files:  # to hash it for each would take long
            self.files[ruling.path] = _file(ruling.path, content)
        file = self.files[ruling.path]["SPDXID"]
        identity = f"SPDXRef-Snippet-{_plain(ruling.id)}"
        self.snippets.append(
            {
                "SPDXID": identity,
                "name": utf8(ruling.id),
                "snippetFromFile": file,
                "ranges": self._ranges(ruling, file, content),
                "licenseConcluded": "NOASSERTION",
                "copyrightText": "NOASSERTION",
                "comment": comment,
            }
        )
        if named is not None and derives(ruling, self.known):
            package = self.packages.setdefault(named, _package(named))["SPDXID"]
            kind = "DESCENDANT_OF" if descends(ruling, self.known) else "VARIANT_OF"
            made = _relationship(identity, kind, package)
            self.relationships.append({**made, "comment": "Consistent with it; no proof."})

    def annotation(self, words: str) -> _Json:
        """An annotation of the document."""
        return {
            "annotationDate": self.created,
            "annotationType": "OTHER",
            "annotator": _TOOL,
            "comment": _text(words),
        }

    def _ranges(self, ruling: Ruling, file: str, content: bytes) -> list[_Json]:
        """Bytes and lines, from 1, the last included."""
        lines = None
        first, last = 1, len(content)
        if has_lines(ruling.path):
            if (starts := self.starts.get(ruling.path)) is None:
                starts = [0, *(found.end() for found in _LINE_END.finditer(content))]
                self.starts[ruling.path] = starts
            start = min(max(1, ruling.start_line), len(starts))
            end = min(max(start, ruling.end_line), len(starts))
            after = starts[end] if end < len(starts) else len(content)
            first = min(starts[start - 1] + 1, len(content))
            last = max(first, after)
            lines = {"lineNumber": start}, {"lineNumber": end}
        pointers = [({"offset": first}, {"offset": last}), *([lines] if lines else [])]
        return [
            {
                "startPointer": {**begin, "reference": file},
                "endPointer": {**stop, "reference": file},
            }
            for begin, stop in pointers
        ]


def _file(path: str, content: bytes) -> _Json:
    return {
        "SPDXID": "SPDXRef-File-" + uuid5(NAMESPACE, utf8(path)).hex,
        "fileName": "./" + utf8(path),
        "fileTypes": ["SOURCE"],
        "checksums": [
            {
                "algorithm": "SHA1",
                "checksumValue": sha1(content, usedforsecurity=False).hexdigest(),
            },
            {"algorithm": "SHA256", "checksumValue": sha256(content).hexdigest()},
        ],
        "licenseConcluded": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    }


def _package(named: Named) -> _Json:
    valid = spdx_expression(named.license) if named.license else None
    words = "\0".join((named.package, named.version, named.origin, named.license))
    made: _Json = {
        "SPDXID": "SPDXRef-Package-" + uuid5(NAMESPACE, utf8(words)).hex,
        "name": _text(named.package) or "unnamed",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "sourceInfo": f"origin {_text(named.origin)}",
        "licenseDeclared": valid or "NOASSERTION",
    }
    if named.version:
        made["versionInfo"] = _text(named.version)
    if named.license and not valid:
        made["licenseComments"] = f"stated as: {_text(named.license)}"
    return made


def _relationship(one: str, kind: str, other: str) -> _Json:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _plain(identity: str) -> str:
    """An identity as part of an SPDX identifier: letters, digits, dots and hyphens."""
    if re.fullmatch(r"[A-Za-z0-9.-]+", identity):
        return identity
    return uuid5(NAMESPACE, utf8(identity)).hex


def _text(text: str) -> str:
    return shortened(safe(text), _MOST)
