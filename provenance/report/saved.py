"""saved: the text of a JSON report -> the ``Report`` that it was written from. Pure.

The data types of ``model`` are the schema: every field is checked against its annotation, so that
what is made of a saved report can rely on it as on a fresh one.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from provenance.errors import SourceError
from provenance.model import Finding, Report, SuspectSeen
from provenance.report.json import FORMAT_VERSION, counts

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LARGE = 2**53 - 1
_LONG = 10_000_000
_ID = re.compile(r"[0-9a-f]{8,64}(?:-[0-9]{1,9})?")
_MAY_BE_EMPTY = re.compile(r"\.(?:source|text|exclude_origin\[[0-9]+\])$")
"""Texts of which the schema asks for no character."""
_MAY_BE_NONE = re.compile(r"\.(?:seed|limited|exact|younger|of|seen\.lines)$")
"""Numbers that may be 0."""
_SUM = re.compile(r"[0-9a-f]{64}")
_OF_CALL = ("as_of", "exclude_origin", "suspect_date")
"""What of a report stands among the parameters."""
_BESIDE = ("format_version", "tool", "index", "parameters", "counts")
"""What is not called so in a report, or does not stand in it."""


def report_of(text: str, name: str) -> Report:
    """The report that ``json_report`` wrote.

    Args:
        text: JSON.
        name: of the file, for messages.

    Raises:
        SourceError: it is no such report, or of another version.
    """
    try:
        held = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise _refused(name, f"no JSON ({error})") from error
    if not isinstance(held, dict) or "format_version" not in held:
        raise _refused(name, "JSON without a format_version")
    if "rulings" in held and "report" in held:
        raise SourceError(
            f"{name}: found the report of an audit, expected that of a scan; take its member "
            "'report', or write one with 'provenance scan --format json'"
        )
    if held["format_version"] != FORMAT_VERSION:
        found = reprlib.repr(held["format_version"])
        raise SourceError(
            f"{name}: found a report of format version {found}, expected {FORMAT_VERSION}; scan "
            "again with this version of provenance"
        )
    said = held.get("parameters")
    said = said if isinstance(said, dict) else {}
    if elsewhere := held.keys() & {"indexes", *_OF_CALL}:
        raise _refused(name, f"{min(elsewhere)} beside the parameters")
    try:
        report: Report = _made(
            Report,
            {
                **{key: value for key, value in held.items() if key not in _BESIDE},
                **{key: said[key] for key in _OF_CALL if key in said},
                "indexes": held.get("index"),
                "parameters": {key: said[key] for key in said if key not in _OF_CALL},
            },
            "",
        )
    except (_UnfitError, RecursionError) as error:
        raise _refused(name, str(error)) from error
    if (day := _no_day(report.as_of, report.suspect_date)) is not None:
        raise _refused(name, f"the day {day[:40]!r}")
    if not report.indexes:
        raise _refused(name, "a report without an index")
    sums = [*(one.checksum for one in report.indexes), *(file.sha256 for file in report.files)]
    if (wrong := next((one for one in sums if not _SUM.fullmatch(one)), None)) is not None:
        raise _refused(name, f"the checksum {wrong[:40]!r}")
    if len({file.path for file in report.files}) < len(report.files):
        raise _refused(name, "two files with the same path")
    for file in report.files:
        same = file.identical
        if same is None:
            continue
        if (day := _no_day(same.first_seen, same.absent_before, *_days(same.seen))) is not None:
            raise _refused(name, f"a file with the day {day[:40]!r}")
    lines = {file.path: file.lines for file in report.files}
    for file in report.files:
        if any(line > file.lines for line in (*file.error_lines, *(one.line for one in file.uses))):
            raise _refused(name, f"lines beyond the {file.lines:,} of {file.path[:200]!r}")
    for finding in report.findings:
        if fault := _fault(finding, lines):
            raise _refused(name, f"a finding with {fault}")
    if len({finding.id for finding in report.findings}) < len(report.findings):
        raise _refused(name, "two findings with the same id")
    if held.get("counts") != counts(report):
        raise _refused(name, "counts that are not those of what stands in it")
    return report


def _fault(finding: Finding, lines: Mapping[str, int]) -> str | None:
    """What cannot be of a finding, though its types are right, in files of so many lines."""
    if not _ID.fullmatch(finding.id):
        return f"the id {finding.id[:40]!r}"
    ours, theirs = finding.suspect, finding.reference
    if ours.path not in lines:
        return f"the path {ours.path[:200]!r}, at which no file was scanned"
    if ours.end_line > lines[ours.path]:
        return f"line {ours.end_line:,}, beyond the {lines[ours.path]:,} of {ours.path[:200]!r}"
    days = [theirs.first_seen, theirs.absent_before, *(one.first_seen for one in finding.lineage)]
    days += [*(one.first_seen for one in finding.chain), *(one.first_seen for one in finding.near)]
    days += _days(finding.seen)
    if (day := _no_day(*days)) is not None:
        return f"the day {day[:40]!r}"
    if not finding.blocks or not finding.lineage:
        return "no blocks or no lineage"
    for one in finding.blocks:
        fits = ours.start_line <= one.suspect_start <= one.suspect_end <= ours.end_line
        fits &= (
            1 <= theirs.start_line <= one.reference_start <= one.reference_end <= theirs.end_line
        )
        fits &= min(ours.start_line, theirs.start_line) > 0
        if not fits or max(ours.end_line, theirs.end_line) > _LONG:
            return f"lines {one.suspect_start}-{one.suspect_end} outside of its unit"
    return None


def _days(seen: SuspectSeen) -> list[str | None]:
    return [seen.day, seen.authored, seen.earliest, seen.latest]


def _no_day(*days: str | None) -> str | None:
    """The first that is no day."""
    return next((day for day in days if day is not None and not _is_day(day)), None)


def _is_day(text: str) -> bool:
    try:
        return bool(_DAY.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _refuse(constant: str) -> None:
    raise ValueError(f"the number {constant}")


def _refused(name: str, found: str) -> SourceError:
    return SourceError(
        f"{name}: found {found}, expected a report that 'provenance scan --format json' wrote; "
        "scan again"
    )


class _UnfitError(Exception):
    """A value is not what its annotation says."""


@cache
def _names(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in fields(kind)}


def _made(kind: Any, value: Any, place: str) -> Any:
    """The value as what an annotation asks for."""
    if is_dataclass(kind):
        return _record(kind, value, place)
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        if value is None and type(None) in get_args(kind):
            return None
        if value == "" and str in get_args(kind):  # a day is looked at later
            return value
        (one,) = (one for one in get_args(kind) if one is not type(None))
        return _made(one, value, place)
    if origin is Literal:
        if isinstance(value, str) and value in get_args(kind):
            return value
    elif origin is tuple and isinstance(value, list):
        of, *more = get_args(kind)
        if more == [...]:
            return tuple(_made(of, one, f"{place}[{at}]") for at, one in enumerate(value))
    elif kind in (int, float):  # counts and lines, or shares: all floats are such
        least = int(kind is int and not _MAY_BE_NONE.search(place))
        if type(value) in (int, kind) and least <= value <= (1 if kind is float else _LARGE):
            return kind(value)
    elif type(value) is kind and (value != "" or _MAY_BE_EMPTY.search(place)):
        return value
    raise _UnfitError(f"{place}: {json.dumps(value)[:60]}")


def _record(kind: Any, value: Any, place: str) -> Any:
    hints = _names(kind)
    if not isinstance(value, dict):
        raise _UnfitError(f"{place}: {json.dumps(value)[:60]}")
    if missing := hints.keys() - value.keys():
        raise _UnfitError(f"{place}: no {min(missing)}")
    if beyond := value.keys() - hints.keys():
        raise _UnfitError(f"{place}: an unknown {min(beyond)[:60]}")
    return kind(**{key: _made(hints[key], one, f"{place}.{key}") for key, one in value.items()})
