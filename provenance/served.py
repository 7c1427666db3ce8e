"""served: imported by the server that starts workers, and by nothing else: what ends it is told by
who asked for them, in one message, and not by a traceback of its own before that."""

from __future__ import annotations

import sys


def _quiet(*_: object) -> None:
    """Say nothing."""


sys.excepthook = _quiet
