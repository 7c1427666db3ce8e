"""The audit as SARIF 2.1.0 (OASIS, errata 01), one result for each ruling and each fixed entry.

Pure. Limits are those that GitHub code scanning documents ("SARIF support for code scanning",
"Validating your SARIF file"): beyond 25,000 results, or 10 MB after gzip, it refuses a log, and
it shows the first 5,000. The gravest come first, and what is cut is said in the log itself, as a
notification and as ``properties.cut``.

Code scanning takes every result for an alert: it reads neither ``kind`` nor ``suppressions`` nor
``baselineState``. ``code_scanning`` is therefore the same log with the results alone that are to
be looked at: new ones that break a rule.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from provenance.model import Audit, FileResult, Finding, Fixed, Identity, Level, Rule, Ruling
from provenance.report.evidence import (
    breaks_nothing,
    evidence,
    files_of,
    has_lines,
    identity_of,
    relative_uri,
    shortened,
    subject,
    told,
    utf8,
)
from provenance.report.json import counts
from provenance.report.rules import PREFIX, RULES, help_markdown, help_text, undated
from provenance.report.text import limited, number, safe
from provenance.version import VERSION

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
MOST_RESULTS = 25_000
MOST_BYTES = 10_000_000
"""Of the log after gzip."""
SHOWN_RESULTS = 5_000
_MOST_MESSAGE = 1_000
_MOST_NOTIFICATIONS = 1_000
_ROOT, _REFERENCE = "%SRCROOT%", "REFERENCE"
_ORDER: tuple[Rule | None, ...] = (*RULES, None)

_Json = dict[str, Any]


def sarif(audit: Audit) -> str:
    """The audit as a SARIF log, with all that was found: what breaks no rule too, as
    ``informational``, and what is declared or known with its ``suppressions``."""
    return _log(audit, audit.rulings, audit.fixed)


def code_scanning(audit: Audit) -> str:
    """The log for code scanning: the new results alone that break a rule. How many are left out
    is said in the log."""
    alerts = [one for one in audit.rulings if one.status == "new" and not breaks_nothing(one)]
    left = len(audit.rulings) + len(audit.fixed) - len(alerts)
    words = (
        f"Not in this log: {number(left, 'result')} of those that break no rule, are known to the "
        "baseline, or are fixed. Written as .sarif it has all."
    )
    return _log(audit, alerts, (), [_notification("left-out", "note", words)] if left else [])


def _log(
    audit: Audit,
    rulings: Sequence[Ruling],
    fixed: Sequence[Fixed],
    said: Sequence[_Json] = (),
) -> str:
    """The log, with as many results as are accepted."""
    files = files_of(audit)
    every: list[Ruling | Fixed] = [*rulings, *fixed]
    kept = every[:MOST_RESULTS]
    text = _written(audit, files, kept, len(every), said)
    while kept and _too_big(text):
        kept = kept[: len(kept) * 3 // 4]
        text = _written(audit, files, kept, len(every), said)
    return text


def _too_big(text: str) -> bool:
    """Whether it is too big after gzip. Compressors differ by little; 5 % are left for that."""
    if len(text) <= MOST_BYTES * 95 // 100:
        return False
    return len(zlib.compress(text.encode(), 6)) > MOST_BYTES * 95 // 100


def _written(
    audit: Audit,
    files: Mapping[str, FileResult],
    kept: Sequence[Ruling | Fixed],
    found: int,
    said: Sequence[_Json],
) -> str:
    cut = found - len(kept)
    notifications = [*said, *_notifications(audit)]
    if cut:
        words = (
            f"Cut: {cut:,} of {found:,} results, the least grave ones. A log may have "
            f"{MOST_RESULTS:,} results and {MOST_BYTES // 1_000_000} MB after gzip. "
            "The JSON and CSV reports have all of them."
        )
        notifications.insert(0, _notification("cut", "warning", words))
    elif found > SHOWN_RESULTS:
        words = f"Code scanning shows {SHOWN_RESULTS:,} of these {found:,} results, by severity."
        notifications.insert(0, _notification("cut", "note", words))
    artifacts = sorted({one.path for one in kept} & set(files))
    places = {path: at for at, path in enumerate(artifacts)}
    results = [
        _absent(one) if isinstance(one, Fixed) else _result(one, files, places) for one in kept
    ]
    run: _Json = {
        "tool": {"driver": _driver()},
        "automationDetails": {"id": "provenance/"},
        "invocations": [
            {
                "executionSuccessful": not audit.incomplete,
                "toolExecutionNotifications": notifications,
            }
        ],
        "originalUriBaseIds": {
            _ROOT: {"description": {"text": "The scanned source; paths are relative to it."}},
            _REFERENCE: {
                "description": {
                    "text": "The reference release that relatedLocations name in their "
                    "properties; paths are relative to its archive."
                }
            },
        },
        "artifacts": [_artifact(path, files[path]) for path in artifacts],
        "results": results,
        "columnKind": "unicodeCodePoints",
        "newlineSequences": ["\r\n", "\n", "\r"],  # as Python counts; by default without the last
        "properties": {
            "source": _text(audit.report.source),
            "cut": cut,
            "counts": counts(audit.report),
            "policy": _plain(dict(audit.policy)),
            "policyFile": None if audit.policy_file is None else _text(audit.policy_file),
            "indexes": _plain([asdict(one) for one in audit.report.indexes]),
            "asOf": audit.report.as_of,
            "suspectDate": audit.report.suspect_date,
            "excludeOrigin": _plain(audit.report.exclude_origin),
        },
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


# --- the tool ----------------------------------------------------------------------------


def _driver() -> _Json:
    return {
        "name": "Provenance",
        "fullName": f"Provenance {VERSION}",
        "version": VERSION,
        "semanticVersion": VERSION,
        "shortDescription": {"text": "Which code of a repository resembles published model code."},
        "rules": [*(_rule(rule) for rule in RULES), _FIXED],
        "notifications": [
            {
                "id": name,
                "name": name.title().replace("-", ""),
                "shortDescription": {"text": words},
                "fullDescription": {"text": words},
                "help": {"text": words},
            }
            for name, words in _NOTIFICATIONS
        ],
    }


_FIXED: _Json = {
    "id": PREFIX + "fixed",
    "name": "Fixed",
    "shortDescription": {"text": "An entry of the baseline that nothing answers to any more"},
    "fullDescription": {"text": "What the baseline knew is no longer found."},
    "help": {"text": "Nothing needs to be done; write the baseline anew to drop the entry."},
    "defaultConfiguration": {"level": "none"},
}

_NOTIFICATIONS = (
    ("incomplete", "Something could not be done: the audit is not clean, whatever was found."),
    ("skipped", "A file was not looked at."),
    ("syntax", "A file has syntax errors; what is around them was scanned."),
    ("cut", "The log has fewer results than were found, or a viewer shows fewer."),
    ("left-out", "Results that need no look are not in this log."),
    ("undated", "Git could not say of all files since when their lines are there."),
    ("limited", "Of some units only the likeliest references were looked at."),
)


def _rule(rule: Rule) -> _Json:
    said = RULES[rule]
    return {
        "id": PREFIX + rule,
        "name": said.name,
        "shortDescription": {"text": said.short},
        "fullDescription": {"text": said.full},
        "help": {"text": help_text(rule), "markdown": help_markdown(rule)},
        "defaultConfiguration": {"level": said.level},
        "properties": {"tags": ["provenance", "licensing", "maintainability"]},
    }


def _notifications(audit: Audit) -> Iterator[_Json]:
    """What could not be done and what was not looked at; each kind is counted in full."""
    for words in audit.incomplete:
        yield _notification("incomplete", "error", _text(words))
    report = audit.report
    for skipped in report.skipped[:_MOST_NOTIFICATIONS]:
        yield _notification("skipped", "warning", _text(skipped.reason), skipped.path)
    if (more := len(report.skipped) - _MOST_NOTIFICATIONS) > 0:
        yield _notification("skipped", "warning", f"Skipped: {number(more, 'more file')}.")
    if words := undated(audit):
        yield _notification("undated", "warning", _text(words))
    if words := limited(report):
        yield _notification("limited", "warning", words)
    broken = [file for file in report.files if file.error_lines]
    for file in broken[:_MOST_NOTIFICATIONS]:
        words = f"Syntax is broken at line {file.error_lines[0]}."
        yield _notification("syntax", "note", words, file.path)
    if (more := len(broken) - _MOST_NOTIFICATIONS) > 0:
        yield _notification("syntax", "note", f"Syntax is broken in {number(more, 'more file')}.")


def _notification(name: str, level: Level, words: str, path: str | None = None) -> _Json:
    at = [one for one, _ in _NOTIFICATIONS].index(name)
    made: _Json = {
        "descriptor": {"id": name, "index": at},
        "level": level,
        "message": {"text": _braced(words)},
    }
    if path is not None:
        location = {"uri": relative_uri(path), "uriBaseId": _ROOT}
        made["locations"] = [{"physicalLocation": {"artifactLocation": location}}]
    return made


# --- the results -------------------------------------------------------------------------


def _artifact(path: str, file: FileResult) -> _Json:
    return {
        "location": {"uri": relative_uri(path), "uriBaseId": _ROOT},
        "hashes": {"sha-256": file.sha256},
        "sourceLanguage": "python",
    }


def _result(ruling: Ruling, files: Mapping[str, FileResult], places: Mapping[str, int]) -> _Json:
    passes = breaks_nothing(ruling)
    artifact: _Json = {"uri": relative_uri(ruling.path), "uriBaseId": _ROOT}
    if ruling.path in places:
        artifact["index"] = places[ruling.path]
    location: _Json = {"physicalLocation": {"artifactLocation": artifact}}
    if ruling.start_line >= 1 and has_lines(ruling.path):
        location["physicalLocation"]["region"] = {
            "startLine": ruling.start_line,
            "endLine": max(ruling.start_line, ruling.end_line),
        }
    if ruling.finding:
        suspect = ruling.finding.suspect
        location["logicalLocations"] = [
            {"fullyQualifiedName": _text(suspect.name), "kind": _KINDS[suspect.kind]}
        ]
    made: _Json = {
        "ruleId": PREFIX + ruling.rule,
        "ruleIndex": _ORDER.index(ruling.rule),
        "kind": "informational" if passes else "fail",
        "level": "none" if passes else ruling.level,
        "message": {"text": _message(ruling)},
        "locations": [location],
        "partialFingerprints": _fingerprints(ruling.id),
        "baselineState": "unchanged" if ruling.status == "known" else "new",
        "suppressions": _suppressions(ruling, identity_of(ruling, files)),
        "properties": {
            "id": utf8(ruling.id),
            "subject": _text(subject(ruling, files)),
            "breaks": list(ruling.breaks),
            "status": ruling.status,
            "remedy": _text(ruling.remedy),
            "evidence": {
                label: _text(value)
                for label, value in evidence(ruling, identity_of(ruling, files))
                if label != "id"
            },
        },
    }
    if ruling.finding:
        made["relatedLocations"] = [_reference(ruling.finding)]
    return made


_KINDS = {
    "module": "module",
    "class": "type",
    "function": "function",
    "method": "member",
    "nested": "function",
}


def _reference(finding: Finding) -> _Json:
    """The reference side. Its address on the web is a property and no URI: code scanning refuses
    a log whose absolute URIs have another scheme than the checkout's."""
    reference = finding.reference
    release = reference.package + (f" {reference.version}" if reference.version else "")
    words = f"{release}, {reference.origin}: {reference.name}"
    location: _Json = {
        "artifactLocation": {"uri": relative_uri(reference.path), "uriBaseId": _REFERENCE}
    }
    if has_lines(reference.path):
        location["region"] = {
            "startLine": max(1, reference.start_line),
            "endLine": max(1, reference.start_line, reference.end_line),
        }
    return {
        "id": 1,
        "physicalLocation": location,
        "logicalLocations": [{"fullyQualifiedName": _text(reference.name)}],
        "message": {"text": _braced(_text(words))},
        "properties": {
            "origin": _text(reference.origin),
            "release": _text(release),
            "license": None if reference.license is None else _text(reference.license),
            "firstSeen": reference.first_seen,
            "link": None if reference.link is None else _text(reference.link),
            "blocks": [
                [one.suspect_start, one.suspect_end, one.reference_start, one.reference_end]
                for one in finding.blocks[:100]
            ],
        },
    }


def _suppressions(ruling: Ruling, identity: Identity | None) -> list[_Json]:
    """Why a result needs no look: what the source itself declares, what the configuration declares,
    what the baseline has. One that fails or warns although declared has none: a viewer takes what
    is accepted for no problem (3.27.23)."""
    found: list[_Json] = []
    because = {"justification": _text(ruling.reason)} if ruling.reason else {}
    says = ruling.finding or identity
    passes = breaks_nothing(ruling)
    if passes and says and says.attribution == "declared":
        lines = (f"Declared in {one.path}, line {one.line}." for one in says.declarations)
        words = _text(next(lines, "Declared in the source."))
        found.append({"kind": "inSource", "status": "accepted", "justification": words})
    if passes and ruling.declared_by:
        by = {"properties": {"declaredBy": _text(ruling.declared_by)}}
        found.append({"kind": "external", "status": "accepted", **because, **by})
    if ruling.status == "known":
        by = {"properties": {"declaredBy": "baseline"}}
        found.append({"kind": "external", "status": "accepted", **because, **by})
    return found


def _absent(fixed: Fixed) -> _Json:
    words = f"No longer found: {fixed.name}, which resembled {fixed.origin}."
    location = {"artifactLocation": {"uri": relative_uri(fixed.path), "uriBaseId": _ROOT}}
    return {
        "ruleId": PREFIX + "fixed",
        "ruleIndex": len(RULES),
        "kind": "pass",
        "level": "none",
        "message": {"text": _braced(_text(words))},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": _fingerprints(fixed.id),
        "baselineState": "absent",
        "suppressions": [],
        "properties": {"id": utf8(fixed.id)},
    }


def _fingerprints(identity: str) -> dict[str, str]:
    """Code scanning tells alerts apart by ``primaryLocationLineHash`` alone: without ours it takes
    a hash of the first lines, which two results can share and an edit changes."""
    return {"provenance/v1": utf8(identity), "primaryLocationLineHash": f"{utf8(identity)}:1"}


def _message(ruling: Ruling) -> str:
    """The message; a viewer shows its first sentence alone where room is short."""
    return _braced(_text(told(ruling)))


def _braced(text: str) -> str:
    """Plain text as a message string: no placeholder (SARIF 3.11.5) and no link (3.11.6)."""
    for sign, escape in (("{", "{{"), ("}", "}}"), ("[", "\\["), ("]", "\\]")):
        text = text.replace(sign, escape)
    return text


def _text(text: str) -> str:
    return shortened(safe(text), _MOST_MESSAGE)


def _plain(value: object) -> Any:
    """Plain data for JSON: what is text made visible, what is unknown as text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and isfinite(value):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {_text(str(key)): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return _text(str(value))
