"""Commands as a user types them. For tests only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from provenance.cli import main

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"


FULL = ["/dev/full", "&-"]
"""Where nothing can be written to, as a shell says it."""


def run(*arguments: object) -> Result:
    """Run a command in this process; no exception may come out but its own exit."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert "Traceback" not in result.output
    return result


def in_process(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "provenance", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **more)
