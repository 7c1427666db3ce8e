"""The JSON report, described by ``schema.json`` beside this file."""

from __future__ import annotations

import json
from dataclasses import fields
from importlib import resources
from itertools import islice
from typing import Any

from provenance.model import Report
from provenance.version import VERSION

FORMAT_VERSION = 4
"""Version of the JSON.

1: first version (never released).
2: verdicts, rates, lineage, declared or not, uses, notices; identical files.
3: composition, common and novel of all files together; findings: since when the suspect is as it
   is, by which lines it is declared, what its reference is itself like; files: percentile and
   false-alarm rate; notices: what stands in notice files; notice_files; history.
4: findings: the scores by which families were ranked, and the next families below; files: of how
   many units limits leave candidates out.
"""

_JOINED = 10_000
"""So many pieces of JSON are kept until they are joined."""


def json_report(report: Report) -> str:
    """The report as JSON text, see ``written``."""
    return written(said(report))


def written(whole: dict[str, Any]) -> str:
    """JSON text: keys in a fixed order, two blanks of indentation, ASCII only, so that no control
    character of a scanned name reaches a terminal; ends with a newline. A dataclass is an object
    of its fields: copied before, as ``asdict`` does, the many of a large report took as long again.
    """
    pieces = json.JSONEncoder(
        indent=2, ensure_ascii=True, allow_nan=False, default=fields_of
    ).iterencode(whole)
    some: list[str] = []  # joined now and then: very small ones take five times their length
    while text := "".join(islice(pieces, _JOINED)):
        some.append(text)
    return "".join([*some, "\n"])


def fields_of(one: Any) -> dict[str, Any]:
    """The fields of a dataclass by name, in their order."""
    return {field.name: getattr(one, field.name) for field in fields(one)}


def said(report: Report) -> dict[str, Any]:
    """What the report says, by the names of the schema."""
    return {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "provenance-checker", "version": VERSION},
        "source": report.source,
        "index": report.indexes,
        "parameters": {
            **fields_of(report.parameters),
            "as_of": report.as_of,
            "exclude_origin": report.exclude_origin,
            "suspect_date": report.suspect_date,
        },
        "counts": counts(report),
        "composition": report.composition,
        "common": report.common,
        "novel": report.novel,
        "files": report.files,
        "vendored": report.vendored,
        "findings": report.findings,
        "skipped": report.skipped,
        "notice_files": report.notice_files,
        "history": report.history,
    }


def counts(report: Report) -> dict[str, int]:
    """How many of everything, so that nothing can go missing unseen."""
    return {
        "files": len(report.files),
        "lines": sum(file.lines for file in report.files),
        "units": sum(file.units for file in report.files),
        "files_with_findings": len({finding.suspect.path for finding in report.findings}),
        "files_with_syntax_errors": sum(1 for file in report.files if file.error_lines),
        "findings": len(report.findings),
        "skipped": len(report.skipped),
        "units_limited": sum(file.limited for file in report.files),
        "files_identical": sum(1 for file in report.files if file.identical),
        **{
            f"files_{verdict}": sum(1 for file in report.files if file.verdict == verdict)
            for verdict in ("derived", "resembles", "common")
        },
    }


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the report."""
    text = resources.files("provenance.report").joinpath("schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
