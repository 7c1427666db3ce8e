"""Commands as a user types them, run in this process. For tests only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from provenance.cli import main

OWN = "def f(a):\n    return [a.b(c) for c in a if c.d]\n"


def run(*arguments: object, code: int) -> Result:
    """Run a command in this process; no exception may come out but its own exit."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code == code, result.output
    return result


def audited(*arguments: object, code: int) -> dict[str, Any]:
    run("audit", *arguments, "--output", "audit.json", code=code)
    found: dict[str, Any] = json.loads(Path("audit.json").read_text("utf-8"))
    Path("audit.json").unlink()
    return found


def failures(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in found["rulings"] if one["level"] == "error" and one["status"] == "new"]
