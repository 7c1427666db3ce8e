"""Two thousand scans in one process, through the Python API: memory must stay flat.

    python benchmarks/soak.py                 2,000 scans, about five minutes
    python benchmarks/soak.py --scans 200

The fixtures are scanned in turn against an index of their references and against the default one.
Printed is the memory that the process holds after every tenth part of the scans; the last against
the first is the growth. To reach: 5 %.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
from pathlib import Path

import psutil

from provenance import build_index, scan
from provenance.references import DEFAULT_INDEX

FIXTURES = Path(__file__).parent.parent / "fixtures"


def held() -> float:
    """Megabytes that this process holds alone."""
    gc.collect()
    return float(psutil.Process().memory_full_info().uss) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory over many scans.")
    parser.add_argument("--scans", type=int, default=2_000)
    scans = parser.parse_args().scans
    suspects = sorted(path for path in FIXTURES.glob("*/suspect") if path.is_dir())
    references = sorted(str(path) for path in FIXTURES.glob("*/reference") if path.is_dir())
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder, "fixtures.db")
        build_index(references, index)
        for number in range(scans):
            scan(str(suspects[number % len(suspects)]), [index, DEFAULT_INDEX])
            if (number + 1) % max(1, scans // 10) == 0:
                figures.append(held())
                print(f"{number + 1:6,} scans: {figures[-1]:.1f} MB", flush=True)
    growth = figures[-1] / figures[0] - 1
    print(f"growth from the first tenth to the last: {growth:+.1%}, to reach 5 %")


if __name__ == "__main__":
    main()
