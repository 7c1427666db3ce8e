"""Speed and memory, as ratios taken in one run.

    python benchmarks/speed.py                 all rows, about ten minutes
    python benchmarks/speed.py --runs 5        more runs, steadier medians

Needs the extra ``dev`` (psutil). Every figure is the median of ``--runs`` ratios whose two
sides ran one after the other, so that a machine whose speed drifts does not matter.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import psutil

from provenance.pypi import fetch, parse_requirement

REFERENCE = "pypi:transformers==4.57.1"
RELATED = ("pypi:transformers==5.23.0", "transformers/**")
UNRELATED = ("pypi:sympy==1.13.3", "**")
MORE_UNRELATED = tuple(
    (f"pypi:{name}", "**") for name in ("Django==5.1.4", "networkx==3.4.2", "SQLAlchemy==2.0.36")
)
_BARE = """
import sys, time
from tree_sitter import Parser
from provenance.parse import grammar
from provenance.model import SourceFile
from provenance.source import open_source
files = open_source(sys.argv[1], include=[sys.argv[2]]).files()
texts = [file.content for file in files if isinstance(file, SourceFile)][:2500]
parser = Parser(grammar().language)
start = time.process_time()
for text in texts:
    parser.parse(text)
print(len(texts), sum(map(len, texts)), time.process_time() - start)
"""
_SCAN = """
import itertools, json, os, sys
from provenance import source
from provenance.scanning import scan
whole = source.Source.files
source.Source.files = lambda self: itertools.islice(whole(self), 2500)
if __name__ == "__main__":
    start = sum(os.times()[:4])
    report = scan(sys.argv[1], [sys.argv[3]], include=[sys.argv[2]], jobs=int(sys.argv[4]))
    used = sum(os.times()[:4]) - start
    print(json.dumps([len(report.files), len(report.findings), used]))
"""


_AS_INSTALLED = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
} | {"OPENBLAS_NUM_THREADS": "1"}
"""What is measured is compiled once, and starts numpy as the command does."""


def python(code: str, *arguments: str, watched: bool = True) -> tuple[str, float, float]:
    """Run code in a fresh interpreter; what it printed, wall seconds, peak megabytes of it and
    its children together, where it is watched: to ask for them holds up what is measured."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "measured.py")
        script.write_text(code, encoding="utf-8")
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, str(script), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env=_AS_INSTALLED,
        )
        peak = 0.0
        eldest = psutil.Process(process.pid)
        while watched and process.poll() is None:
            try:
                family = [eldest, *eldest.children(recursive=True)]
                peak = max(peak, sum(_memory(one) for one in family))
            except psutil.NoSuchProcess:
                break
            time.sleep(0.05)
        output = process.communicate()[0]
        if process.returncode:
            raise SystemExit(f"a measured program ended with {process.returncode}")
        return output, time.perf_counter() - start, peak / 1e6


def _memory(process: psutil.Process) -> int:
    """Bytes that only this process holds: pages that processes share are not counted twice."""
    try:
        return int(process.memory_full_info().uss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def wall(command: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


ONE_FILE = (
    ("1,090 lines that resemble nothing", UNRELATED[0], "sympy/matrices/dense.py"),
    (
        "730 lines that resemble much",
        "pypi:transformers==5.23.0",
        "transformers/models/axk1/modeling_axk1.py",
        "--as-of",
        "2026-08-10",
    ),
)


def row(name: str, runs: int, ratio: Callable[[], float], bound: str) -> None:
    figures = [ratio() for _ in range(runs)]
    median = statistics.median(figures)
    print(f"| {name} | {median:.2f} ({min(figures):.2f} to {max(figures):.2f}) | {bound} |")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory, as ratios.")
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    command = [sys.executable, "-m", "provenance"]
    with tempfile.TemporaryDirectory() as folder:
        index = str(Path(folder, "index.db"))
        build = (
            "import sys\nfrom provenance.indexing import build_index\n"
            "if __name__ == '__main__':\n"
            "    build_index([sys.argv[1]], sys.argv[2], jobs=2)\n"
        )
        _, seconds, peak = python(build, REFERENCE, index)
        size = os.path.getsize(index) / 1e6
        lines = "1.2 M lines"
        print(f"build of {REFERENCE} ({lines}): {seconds:.0f} s, {peak:.0f} MB, {size:.1f} MB\n")
        print("| measure | median (least to most) | to reach |\n|---|---|---|")
        print(f"| peak memory of that build, all processes, MB | {peak:.0f} | 800 |")

        def cpu(source: tuple[str, str]) -> float:
            bare = float(python(_BARE, *source, watched=False)[0].split()[2])
            used = json.loads(python(_SCAN, *source, index, "1", watched=False)[0])[2]
            return float(used) / bare

        def workers() -> float:
            two = python(_SCAN, *RELATED, index, "2", watched=False)[1]
            return two / python(_SCAN, *RELATED, index, "1", watched=False)[1]

        def memory() -> float:
            return python(_SCAN, *RELATED, index, "1")[2]

        def memory_of_two() -> float:
            return python(_SCAN, *RELATED, index, "2")[2]

        row("CPU of a scan over bare parsing, sympy", runs, lambda: cpu(UNRELATED), "2.5, then 2.0")
        for package in MORE_UNRELATED:
            row(f"the same, {package[0]}", runs, partial(cpu, package), "2.5, then 2.0")
        row(
            "the same where every file resembles the index, 2,500 files of transformers 5.23.0",
            runs,
            lambda: cpu(RELATED),
            "2.5, then 2.0",
        )
        row(
            "wall clock of 2 processes over 1, 2,500 files of transformers 5.23.0",
            runs,
            workers,
            "0.6",
        )
        row("peak memory of a scan of 2,500 files, one process, MB", runs, memory, "400")
        row("the same, two workers, all processes together, MB", runs, memory_of_two, "400")
        empty = [sys.executable, "-c", "import click"]
        sketches = [sys.executable, "-c", "import datasketch"]

        def one(source: str, path: str, *more: str) -> float:
            archive = fetch(*parse_requirement(source.removeprefix("pypi:")))
            with zipfile.ZipFile(archive) as opened:
                text = opened.read(path)
            Path(folder, "one.py").write_bytes(text)
            return wall(
                [*command, "scan", "--no-cache", str(Path(folder, "one.py")), *more]
            ) / wall(sketches)

        row(
            "`provenance --help` over `import click`",
            5 * runs,
            lambda: wall([*command, "--help"]) / wall(empty),
            "1.5",
        )
        for name, release, path, *more in ONE_FILE:
            row(
                f"one file of {name}, whole process, default index, over `import datasketch`",
                5 * runs,
                partial(one, release, path, *more),
                "1.6",
            )


if __name__ == "__main__":
    main()
