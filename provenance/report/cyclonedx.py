"""The audit as a CycloneDX 1.6 bill of materials: what of others the scanned source resembles.

Pure. Components are the reference releases that *derived* findings name, with the places found as
``evidence.occurrences`` and the technique ``ast-fingerprint`` (``hash-comparison`` for files that
are reference files byte for byte), and the scanned files, whose ``pedigree`` has those releases: as
``ancestors``, or as ``variants`` ("the relationship between the components is not known") where the
days speak against it. What merely resembles, what is common and what is used but not copied makes
no component of a bill of materials: it stands as an occurrence of its file. Every ruling is one
occurrence, its ``bom-ref`` is ``finding:`` and the identity; a declaration at fault is a property.

There is no timestamp; the serial number is a UUID of the content (RFC 9562, version 5).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from provenance.licenses import spdx_expression
from provenance.model import Audit, FileResult, Ruling
from provenance.report.evidence import (
    files_of,
    has_lines,
    identity_of,
    place,
    shortened,
    subject,
    utf8,
)
from provenance.report.rules import broken_files, undated
from provenance.report.text import limited, number, safe
from provenance.verdict import score
from provenance.version import VERSION

NAMESPACE = UUID("5b7a1f0e-3f0c-5d43-9c41-0f6a5e0c1d6b")
"""Of the name-based UUIDs of our reports."""
_MOST = 1_000

_Json = dict[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Named:
    """A reference release as far as a bill of materials names it."""

    package: str
    version: str
    origin: str
    license: str


def cyclonedx(audit: Audit) -> str:
    """The audit as CycloneDX 1.6 JSON."""
    files = files_of(audit)
    by_release: dict[Named, list[Ruling]] = defaultdict(list)
    by_file: dict[str, list[Ruling]] = defaultdict(list)
    faults = []
    for ruling in audit.rulings:
        if ruling.rule == "declaration":
            faults.append(ruling)
            continue
        by_file[ruling.path].append(ruling)
        if (named := named_of(ruling, files)) is not None and derives(ruling, files):
            by_release[named].append(ruling)
    releases = [_release(named, rulings, files) for named, rulings in sorted(by_release.items())]
    parts = [
        _file(path, rulings, files.get(path), files) for path, rulings in sorted(by_file.items())
    ]
    bom: _Json = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {
                "components": [
                    {
                        "type": "application",
                        "bom-ref": "tool",
                        "name": "provenance-checker",
                        "version": VERSION,
                    }
                ]
            },
            "component": {
                "type": "application",
                "bom-ref": "source",
                "name": _text(audit.report.source) or "source",
            },
        },
        "components": [*releases, *parts],
        "properties": [
            *(
                _property("declaration", f"{one.id}: {one.path}:{one.start_line}: {one.message}")
                for one in faults
            ),
            *(_property("fixed", f"{one.id}: {one.path}: {one.name}") for one in audit.fixed),
            *(_property("incomplete", words) for words in audit.incomplete),
            *(_property("skipped", f"{one.path}: {one.reason}") for one in audit.report.skipped),
            *(_property("undated", words) for words in filter(None, [undated(audit)])),
            *(_property("limited", said) for said in filter(None, [limited(audit.report)])),
            *(_property("syntax", f"{path}: {said}") for path, said in broken_files(audit.report)),
            *(_property("index", f"{one.name} {one.checksum}") for one in audit.report.indexes),
            _property(
                "means",
                "A match is consistent with derivation from an earlier source; it is no proof.",
            ),
        ],
    }
    content = json.dumps(bom, sort_keys=True)
    bom["serialNumber"] = f"urn:uuid:{uuid5(NAMESPACE, content)}"
    return json.dumps(bom, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


# --- what a bill of materials may say of a ruling -----------------------------------------


def named_of(ruling: Ruling, files: Mapping[str, FileResult]) -> Named | None:
    """The reference release that a ruling names, None for a use and a declaration at fault."""
    if finding := ruling.finding:
        side = finding.reference
        return Named(side.package, side.version or "", side.origin, side.license or "")
    if identity := identity_of(ruling, files):
        version, license = identity.version or "", identity.license or ""
        return Named(identity.package, version, identity.origin, license)
    return None


def derives(ruling: Ruling, files: Mapping[str, FileResult]) -> bool:
    """Whether it may name an origin in a bill of materials: the verdict is derived. What resembles
    is not sure enough, and common code tells none."""
    if ruling.finding is not None:
        return ruling.finding.verdict == "derived"
    return identity_of(ruling, files) is None or files[ruling.path].verdict == "derived"


def descends(ruling: Ruling, files: Mapping[str, FileResult]) -> bool:
    """Whether the scanned side may stand as a descendant: the verdict is derived, and nothing says
    that the reference is not the older side."""
    dated = ruling.finding or identity_of(ruling, files)
    known = dated is None or dated.direction in ("older", "unknown")
    return derives(ruling, files) and known


# --- the components -----------------------------------------------------------------------


def _release(named: Named, rulings: Sequence[Ruling], files: Mapping[str, FileResult]) -> _Json:
    return {
        **_component(named),
        "bom-ref": _ref(named),
        "evidence": {
            "identity": [
                {
                    "field": "name",
                    "confidence": max(_confidence(one) for one in rulings),
                    "concludedValue": _text(named.origin),
                    "methods": [_method(one, files) for one in rulings],
                    "tools": ["tool"],
                }
            ],
            "occurrences": [_occurrence(one, "", files) for one in rulings],
        },
    }


def _file(
    path: str,
    rulings: Sequence[Ruling],
    file: FileResult | None,
    files: Mapping[str, FileResult],
) -> _Json:
    made: _Json = {"type": "file", "bom-ref": f"file:{utf8(path)}", "name": utf8(path) or "file"}
    if file:
        made["hashes"] = [{"alg": "SHA-256", "content": file.sha256}]
    kin: dict[str, dict[Named, None]] = {"ancestors": {}, "variants": {}}
    for ruling in rulings:
        named = named_of(ruling, files)
        if named is not None and derives(ruling, files):
            kin["ancestors" if descends(ruling, files) else "variants"][named] = None
    older = {named.origin for named in kin["ancestors"]}
    kin["variants"] = {one: None for one in kin["variants"] if one.origin not in older}
    if any(kin.values()):
        made["pedigree"] = {
            **{
                kind: [_component(named) for named in sorted(found)]
                for kind, found in kin.items()
                if found
            },
            "notes": "Consistent with derivation, by comparison of syntax trees; no proof.",
        }
    words = {one.id: said for one in rulings if (said := _of_file(one, files))}
    if words:
        made["evidence"] = {
            "occurrences": [
                _occurrence(one, words[one.id], files) for one in rulings if one.id in words
            ]
        }
    return made


def _of_file(ruling: Ruling, files: Mapping[str, FileResult]) -> str | None:
    """Why a ruling is an occurrence of its file and of no release, None where it is of one."""
    if named_of(ruling, files) is None:
        return f"use of {_text(ruling.origin)}, no copy; "
    if derives(ruling, files):
        return None
    if ruling.finding is not None and ruling.finding.verdict == "common":
        return "common code, which tells no origin; "
    return f"resembles {_text(ruling.origin)}, as unrelated code may do; "


def _component(named: Named) -> _Json:
    """The release, without evidence. No package URL: an index does not know whether its release
    came from a registry."""
    made: _Json = {
        "type": "library",
        "group": _text(named.package),
        "name": _text(named.origin) or "unnamed",
    }
    if named.version:
        made["version"] = _text(named.version)
    if named.license:
        valid = spdx_expression(named.license)
        made["licenses"] = (
            [{"expression": valid}] if valid else [{"license": {"name": _text(named.license)}}]
        )
    return made


def _ref(named: Named) -> str:
    words = "\0".join((named.package, named.version, named.origin, named.license))
    return f"release:{uuid5(NAMESPACE, utf8(words))}"


def _confidence(ruling: Ruling) -> float:
    """How sure the method is, in [0, 1]: the share of unrelated families that do *not* score so
    high; the resemblance where the index has no baseline for it; 1 for an identical file."""
    finding = ruling.finding
    if finding is None:
        return 1.0
    rate = finding.false_alarm_rate
    return round(finding.resemblance if rate is None else 1 - rate, 4)


def _method(ruling: Ruling, files: Mapping[str, FileResult]) -> _Json:
    finding = ruling.finding
    if finding is None:
        identity = identity_of(ruling, files)
        exact = identity is not None and identity.exact
        return {
            "technique": "hash-comparison" if exact else "ast-fingerprint",
            "confidence": 1.0,
            "value": f"{_text(ruling.id)}: the whole file is equal"
            + ("" if exact else ", but for layout and comments"),
        }
    return {
        "technique": "ast-fingerprint",
        "confidence": _confidence(ruling),
        "value": f"{_text(ruling.id)}: {finding.verdict}, {finding.clone_type}, resemblance "
        f"{score(finding.resemblance)}, {number(finding.matched, 'element')} matched",
    }


def _occurrence(ruling: Ruling, words: str, files: Mapping[str, FileResult]) -> _Json:
    same = ruling.finding or identity_of(ruling, files)
    also = same.also if same else ()
    held = "as close in" if ruling.finding else "also in"
    line = {"line": max(1, ruling.start_line)} if has_lines(ruling.path) else {}
    return {
        "bom-ref": f"finding:{utf8(ruling.id)}",
        "location": utf8(ruling.path),
        **line,
        "symbol": subject(ruling, files),
        "additionalContext": words
        + f"{place(ruling)}; {ruling.rule}, {ruling.status}"
        + (f"; {held} {_text(', '.join(also[:8]))}" if also else "")
        + (f" and {len(also) - 8} more" if len(also) > 8 else ""),
    }


def _property(name: str, value: str) -> _Json:
    return {"name": f"provenance:{name}", "value": _text(value)}


def _text(text: str) -> str:
    return shortened(safe(text), _MOST)
