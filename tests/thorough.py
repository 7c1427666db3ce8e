"""Whether much is tried of what else is tried with a few examples; see CONTRIBUTING.md. For tests
only."""

from __future__ import annotations

import os

THOROUGH = "PROVENANCE_THOROUGH" in os.environ


def tried(usually: int, thoroughly: int) -> int:
    """How many examples of a theorem are tried in this run."""
    return thoroughly if THOROUGH else usually
