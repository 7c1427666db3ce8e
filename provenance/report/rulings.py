"""The audit as JSON: the report's own JSON, and with it ``audit``, all rulings.

Pure. A ruling names its finding by ``id`` and does not repeat it. ``schema.json`` describes both.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from math import isfinite
from typing import Any

from provenance.model import Audit, Ruling
from provenance.report.json import plain


def audit_json(audit: Audit) -> str:
    """The audit as JSON text, written like ``json_report``."""
    whole = {**plain(audit.report), "audit": rulings(audit)}
    return json.dumps(whole, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def rulings(audit: Audit) -> dict[str, Any]:
    """The rulings, the policy and what could not be done, as plain data."""
    by_rule = Counter(one.rule for one in audit.rulings)
    return {
        "policy": _plain(dict(audit.policy)),
        "policy_file": audit.policy_file,
        "counts": {
            "rulings": len(audit.rulings),
            "failing": len(audit.failures),
            "known": sum(one.status == "known" for one in audit.rulings),
            "fixed": len(audit.fixed),
            "by_rule": dict(sorted(by_rule.items())),
        },
        "rulings": [_ruling(one) for one in audit.rulings],
        "fixed": [asdict(one) for one in audit.fixed],
        "incomplete": list(audit.incomplete),
    }


def _ruling(ruling: Ruling) -> dict[str, Any]:
    return {
        "id": ruling.id,
        "rule": ruling.rule,
        "breaks": list(ruling.breaks),
        "level": ruling.level,
        "status": ruling.status,
        "path": ruling.path,
        "start_line": ruling.start_line,
        "end_line": ruling.end_line,
        "origin": ruling.origin,
        "license": ruling.license,
        "message": ruling.message,
        "remedy": ruling.remedy,
        "finding": ruling.finding.id if ruling.finding else None,
        "declared_by": ruling.declared_by,
        "reason": ruling.reason,
    }


def _plain(value: object) -> Any:
    """Plain data for JSON; what JSON does not know (a day, a number that is none) as text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and isfinite(value):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value)
