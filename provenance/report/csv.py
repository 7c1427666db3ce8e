"""The audit as CSV (RFC 4180: UTF-8, a header line, CRLF), one row for each ruling, then one for
each fixed entry of the baseline.

Pure. A cell that a spreadsheet would take for a formula begins with an apostrophe (OWASP, "CSV
Injection").
"""

from __future__ import annotations

import csv
import re

from provenance.model import Audit, FileResult, Fixed, Ruling
from provenance.report.evidence import files_of, identity_of, subject
from provenance.report.text import safe

COLUMNS = tuple(
    """
    id status level rule breaks path start_line end_line name origin license message remedy
    verdict attribution clone_type resemblance suspect_containment reference_containment
    false_alarm_rate families also first_seen direction package version reference_path
    reference_name reference_start_line reference_end_line link declared_by reason sha256
    """.split()
)
_FORMULA: tuple[str, ...] = (
    "=",
    "+",
    "-",
    "@",
    "\N{FULLWIDTH EQUALS SIGN}",
    "\N{FULLWIDTH PLUS SIGN}",
    "\N{FULLWIDTH HYPHEN-MINUS}",
    "\N{FULLWIDTH COMMERCIAL AT}",
)
_PARTS = re.compile(r"(?<=[;|])")
"""Behind what parts cells in other places of the world: OWASP says to take care of it."""
_QUOTED = re.compile(r"^[\s\"]*")
"""What stands before a formula and is no part of it; a quote of ours there ends theirs."""


def table(audit: Audit) -> str:
    """The audit as CSV text, columns as in ``COLUMNS``; what is not known is empty."""
    lines = _Lines()
    writer = csv.DictWriter(lines, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    files = files_of(audit)
    for ruling in audit.rulings:
        writer.writerow({name: _cell(value) for name, value in _row(ruling, files).items()})
    for fixed in audit.fixed:
        writer.writerow({name: _cell(value) for name, value in _fixed(fixed).items()})
    return "".join(lines)


class _Lines(list[str]):
    """What ``csv`` writes to."""

    def write(self, line: str) -> None:
        """One line more."""
        self.append(line)


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = safe(str(value))
    parts = _PARTS.split(text)  # where ; parts cells, they begin anew behind it
    return "".join(f"'{one}" if _QUOTED.sub("", one).startswith(_FORMULA) else one for one in parts)


def _names(names: tuple[str, ...]) -> str:
    """Names with blanks between them; those inside of one are escapes."""
    return " ".join(one.replace(" ", r"\x20") for one in names)


def _row(ruling: Ruling, files: dict[str, FileResult]) -> dict[str, object]:
    row: dict[str, object] = {
        "id": ruling.id,
        "status": ruling.status,
        "level": ruling.level,
        "rule": ruling.rule,
        "breaks": " ".join(ruling.breaks),
        "path": ruling.path,
        "start_line": ruling.start_line,
        "end_line": ruling.end_line,
        "name": subject(ruling, files),
        "origin": ruling.origin,
        "license": ruling.license,
        "message": ruling.message,
        "remedy": ruling.remedy,
        "declared_by": ruling.declared_by,
        "reason": ruling.reason,
        "sha256": files[ruling.path].sha256 if ruling.path in files else None,
    }
    if finding := ruling.finding:
        reference = finding.reference
        row |= {
            "verdict": finding.verdict,
            "attribution": finding.attribution,
            "clone_type": finding.clone_type,
            "resemblance": finding.resemblance,
            "suspect_containment": finding.suspect_containment,
            "reference_containment": finding.reference_containment,
            "false_alarm_rate": finding.false_alarm_rate,
            "families": finding.families,
            "also": _names(finding.also),
            "first_seen": reference.first_seen,
            "direction": finding.direction,
            "package": reference.package,
            "version": reference.version,
            "reference_path": reference.path,
            "reference_name": reference.name,
            "reference_start_line": reference.start_line,
            "reference_end_line": reference.end_line,
            "link": reference.link,
        }
    elif identity := identity_of(ruling, files):
        row |= {
            "verdict": files[ruling.path].verdict,
            "attribution": identity.attribution,
            "also": _names(identity.also),
            "first_seen": identity.first_seen,
            "direction": identity.direction,
            "package": identity.package,
            "version": identity.version,
            "reference_path": identity.path,
        }
    return row


def _fixed(fixed: Fixed) -> dict[str, object]:
    return {
        "id": fixed.id,
        "status": "fixed",
        "path": fixed.path,
        "name": fixed.name,
        "origin": fixed.origin,
    }
