"""The report of an audit: as text for a person at a terminal, and as JSON, which
``audit.schema.json`` beside this file describes."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib import resources
from typing import Any

from provenance.model import Audit, Ruling
from provenance.report.json import fields_of, said, written
from provenance.report.rules import broken, excused, lessens, own_references, undated
from provenance.report.text import limited, number, safe, wrapped
from provenance.verdict import score

FORMAT_VERSION = 1
"""Version of the JSON. 1: first version."""

_MOST_UNITS = 6
_MOST_LISTED = 20
_TITLES = {
    "undeclared": "not declared",
    "elsewhere": "declared as another origin",
    "origin": "denied origin",
    "license": "licence not allowed",
    "notice": "notice is gone",
    "declaration": "declaration at fault",
    "allowed": "allowed",
}


def audit_json(audit: Audit) -> str:
    """An audit as JSON text: rulings, what is fixed, what could not be done, policy, report."""
    told = [
        {**fields_of(one), "finding": one.finding.id if one.finding else None}
        for one in audit.rulings
    ]
    return written(
        {
            "format_version": FORMAT_VERSION,
            "policy": dict(audit.policy),
            "policy_file": audit.policy_file,
            "clean": not audit.failures and not audit.incomplete,
            "counts": counts(audit),
            "rulings": told,
            "fixed": audit.fixed,
            "incomplete": audit.incomplete,
            "report": said(audit.report),
        }
    )


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of an audit; what it says of the report refers to the report's."""
    text = resources.files("provenance.report").joinpath("audit.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def counts(audit: Audit) -> dict[str, int]:
    """How many of everything."""
    levels = Counter(one.level for one in audit.rulings if one.status == "new")
    return {
        "failures": len(audit.failures),
        "files_that_fail": len({one.path for one in audit.failures if one.rule != "declaration"}),
        "warnings": levels["warning"],
        "known": sum(1 for one in audit.rulings if one.status == "known"),
        "fixed": len(audit.fixed),
        "allowed": levels["note"],
        "files": len(audit.report.files),
        "incomplete": len(audit.incomplete),
    }


def audit_text(audit: Audit, *, width: int = 80) -> str:
    """An audit as text: what fails and warns, by file, and what to do about it.

    Args:
        audit: what to show.
        width: columns, at least 40.
    """
    return "\n".join(_lines(audit, max(40, width))) + "\n"


def _lines(audit: Audit, width: int) -> Iterator[str]:
    shown = [one for one in audit.rulings if one.status == "new" and one.level != "note"]
    by_file: dict[str, dict[tuple[str, ...], list[Ruling]]] = defaultdict(dict)
    for one in shown:
        alone = one.id if one.rule == "declaration" else ""
        verdict = one.finding.verdict if one.finding else ""
        key = (one.level, one.rule, one.origin, one.license or "", one.remedy, alone, verdict)
        by_file[one.path].setdefault(key, []).append(one)
    for path in sorted(by_file):
        yield safe(path)
        left = Counter[str]()
        listed = 0
        for group in by_file[path].values():
            listed += group[0].rule == "declaration"
            if group[0].rule == "declaration" and listed > _MOST_LISTED:
                left[group[0].level] += 1
            else:
                yield from _group(group, width)
        for level, many in left.items():
            said = f"{level}, {_TITLES['declaration']}: {many:,} more, in --output FILE.json"
            yield from wrapped(said, width, "  ")
        yield ""
    if audit.fixed:
        yield f"No longer found, so that the baseline can be written again ({len(audit.fixed)}):"
        for gone in audit.fixed[:_MOST_LISTED]:
            yield from wrapped(f"{safe(gone.path)} {safe(gone.name)}", width, "  ")
        yield from _more(len(audit.fixed))
        yield ""
    if audit.incomplete:
        yield f"Not complete ({len(audit.incomplete)}):"
        for missing in audit.incomplete[:_MOST_LISTED]:
            yield from wrapped(safe(missing), width, "  ")
        yield from _more(len(audit.incomplete))
        yield ""
    told_above = set(audit.incomplete)
    skipped = [f"{one.path}: {one.reason}" for one in audit.report.skipped]
    if left_out := [one for one in skipped if one not in told_above]:
        yield f"Skipped ({len(left_out)}):"
        for missing in left_out[:_MOST_LISTED]:
            yield from wrapped(safe(missing), width, "  ")
        yield from _more(len(left_out))
        yield ""
    yield from wrapped(_summary(audit), width, "")
    for who, less in lessens(audit):
        said = "; ".join(f"{key} {', '.join(map(safe, values))}" for key, values in less)
        yield from wrapped(f"{safe(who)}: {said}.", width, "")
    told = [broken(audit), own_references(audit), excused(audit), undated(audit)]
    for said in filter(None, [*told, limited(audit.report)]):
        yield from wrapped(safe(said), width, "")
    if any(rule in one.breaks for one in audit.failures for rule in ("undeclared", "elsewhere")):
        yield "To declare what is listed: provenance notices --write"


def _group(group: list[Ruling], width: int) -> Iterator[str]:
    """The rulings on a file that say the same of one origin."""
    first = group[0]
    licensed = f" ({safe(first.license)})" if first.license else ""
    named = "" if first.rule == "declaration" else f": {safe(first.origin)}{licensed}"
    yield from wrapped(f"{first.level}, {_TITLES[first.rule]}{named}", width, "  ")
    findings = [one.finding for one in group if one.finding]
    if findings:
        names = [
            f"{safe(one.suspect.name) if one.suspect.kind != 'module' else 'module body'} "
            f"({one.suspect.start_line}-{one.suspect.end_line})"
            for one in findings
        ]
        more = f" and {len(names) - _MOST_UNITS} more" if len(names) > _MOST_UNITS else ""
        yield from wrapped(", ".join(names[:_MOST_UNITS]) + more, width, "    ")
        scores = [score(one) for one in sorted(one.resemblance for one in findings)]
        derived = findings[0].verdict == "derived"  # all have one verdict
        said = "consistent with derivation" if derived else "resembles it"
        between = " to ".join(dict.fromkeys((scores[0], scores[-1])))
        yield from wrapped(f"{said}, resemblance {between}", width, "    ")
    for said in dict.fromkeys(part for one in group for part in _said(one)):
        yield from wrapped(safe(said), width, "    ")
    yield from wrapped(f"to do: {safe(first.remedy)}", width, "    ")


def _said(one: Ruling) -> list[str]:
    """What a message says beside the heads above it."""
    parts = one.message.split("; ")
    if one.finding:
        return [part for part in parts[1:] if part != _TITLES[one.rule]]
    return [f"line {one.start_line}: {one.message}"]


def _more(length: int) -> Iterator[str]:
    if length > _MOST_LISTED:
        yield f"  and {length - _MOST_LISTED:,} more"


def _summary(audit: Audit) -> str:
    total = counts(audit)
    lines = sum(file.lines for file in audit.report.files)
    if total["failures"]:
        text = f"{number(total['failures'], 'failure')} in {total['files_that_fail']:,} of "
    else:
        text = "Clean: " if not audit.incomplete else "No failure, but not complete: "
    text += f"{number(total['files'], 'file')} ({number(lines, 'line')})"
    for key, one in (("warnings", "warning"), ("known", ""), ("fixed", ""), ("allowed", "")):
        if total[key]:
            text += f", {number(total[key], one) if one else f'{total[key]:,} {key}'}"
    return text + "."
