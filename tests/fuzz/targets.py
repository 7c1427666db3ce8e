"""Every reader of what nobody has vouched for, as a function of bytes.

Each ``fuzz_`` function hands bytes to one reader and holds the answer to what the reader promises:
a value, or an error of ours with a message; anything else is a crash. Inputs to begin with are in
``seeds``, changes that keep their form in ``changes``. Nothing here needs a fuzzer: the tests run
each target on its seeds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from fuzz import archives, configuration, indexes, reports, sources, tables


def targets() -> dict[str, Callable[[bytes], None]]:
    """All of them, by name."""
    return {
        name.removeprefix("fuzz_"): value
        for module in (sources, archives, configuration, reports, indexes, tables)
        for name, value in vars(module).items()
        if name.startswith("fuzz_")
    }
