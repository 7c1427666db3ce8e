"""Two thousand scans in one process, through the Python API: memory must stay flat.

    python benchmarks/soak.py                 2,000 scans, about ten minutes
    python benchmarks/soak.py --scans 200     too few to judge by, to try it

The fixtures are scanned in turn against an index of their references and against the default one.
A hundred times in all, at equal distances and each time after whole rounds of the fixtures, three
figures are read:

- resident: memory of the process behind which no file stands, with what the allocator has kept for
  itself (not what it holds alone: that grows where others end who have the same libraries);
- in use: bytes that ``malloc`` has given out and not got back, which no fragmentation moves (glibc
  only): numpy, SQLite, the parser;
- blocks: objects that Python's own allocator holds.

The first fifth is warming up. Flat is: the median of the last fifth is at most 5 % above the
median of the second, in all three. Where it is not, the exit code is 1.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import statistics
import sys
import tempfile
from pathlib import Path

import psutil

from provenance import build_index, scan
from provenance.references import DEFAULT_INDEX

FIXTURES = Path(__file__).parent.parent / "fixtures"
MOST_GROWTH = 0.05
FIFTHS = 5
SAMPLES = 100


class _Mallinfo2(ctypes.Structure):
    """``struct mallinfo2`` of glibc 2.33 and newer."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
        ).split()
    ]


def in_use() -> float | None:
    """Megabytes that malloc has given out, None where the C library cannot tell."""
    try:
        asked = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError, TypeError):
        return None
    asked.restype = _Mallinfo2
    found = asked()
    return float(found.uordblks + found.hblkhd) / 1e6


def sample() -> dict[str, float]:
    """The figures as they are now."""
    gc.collect()
    held = psutil.Process().memory_info()
    figures = {"resident, MB": float(held.rss - getattr(held, "shared", 0)) / 1e6}
    native = in_use()
    if native is not None:
        figures["in use, MB"] = native
    figures["blocks, thousand"] = sys.getallocatedblocks() / 1e3
    return figures


def growth(values: list[float]) -> tuple[list[float], float]:
    """The median of every fifth, and by what share the last is above the second."""
    size = len(values) / FIFTHS
    medians = [
        statistics.median(values[round(at * size) : round((at + 1) * size)]) for at in range(FIFTHS)
    ]
    return medians, medians[-1] / medians[1] - 1


def main() -> int:
    parser = argparse.ArgumentParser(description="Memory over many scans.")
    parser.add_argument("--scans", type=int, default=2_000)
    scans = parser.parse_args().scans
    suspects = sorted(path for path in FIXTURES.glob("*/suspect") if path.is_dir())
    references = sorted(str(path) for path in FIXTURES.glob("*/reference") if path.is_dir())
    rounds = max(FIFTHS, -(-scans // len(suspects)))
    wanted = {round((at + 1) * rounds / SAMPLES) for at in range(SAMPLES)}
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder, "fixtures.db")
        build_index(references, index)
        for number in range(1, rounds + 1):
            for suspect in suspects:
                scan(str(suspect), [index, DEFAULT_INDEX], jobs=0)
            if number in wanted:
                figures.append(sample())
    print(f"{rounds * len(suspects):,} scans, medians of fifths of {len(figures)} samples")
    print(f"{'':18}" + "".join(f"{at + 1:>10}" for at in range(FIFTHS)) + "   last to second")
    flat = True
    for name in figures[0]:
        medians, grown = growth([one[name] for one in figures])
        flat = flat and grown <= MOST_GROWTH
        print(f"{name:18}" + "".join(f"{one:>10.1f}" for one in medians) + f"   {grown:+.2%}")
    print(f"flat within {MOST_GROWTH:.0%}: {'yes' if flat else 'no'}")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
