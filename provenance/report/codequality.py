"""The audit as a GitLab Code Quality report.

Pure. A result in a notebook stands at its first line, as GitLab wants one.

A JSON array of objects as GitLab's documentation lays down ("Code Quality", section "Code
Quality report format"): ``description``, ``check_name``, ``fingerprint`` (unique in the report),
``severity``, ``location.path`` (relative, no ``./`` before it) and ``location.lines.begin``. GitLab
itself tells new from fixed ones, by the fingerprints of two branches.
"""

from __future__ import annotations

import json

from provenance.model import Audit, Ruling
from provenance.report.evidence import has_lines, shortened, told, utf8
from provenance.report.rules import PREFIX
from provenance.report.text import safe

_MOST = 1_000


def codequality(audit: Audit) -> str:
    """One entry for each ruling, gravest first: ``critical`` fails the audit, ``info`` breaks no
    rule."""
    return json.dumps([_entry(one) for one in audit.rulings], indent=2, ensure_ascii=True) + "\n"


def _entry(ruling: Ruling) -> dict[str, object]:
    lines = (ruling.start_line, ruling.end_line) if has_lines(ruling.path) else (1, 1)
    first = max(1, lines[0])
    return {
        "description": shortened(safe(told(ruling)), _MOST),
        "check_name": PREFIX + ruling.rule,
        "fingerprint": utf8(ruling.id),
        "severity": _severity(ruling),
        "location": {
            "path": utf8(ruling.path),
            "lines": {"begin": first, "end": max(first, lines[1])},
        },
    }


def _severity(ruling: Ruling) -> str:
    if ruling.level == "note":
        return "info"
    if ruling.level == "error" and ruling.status == "new":
        return "critical"
    return "minor"
