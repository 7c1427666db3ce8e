"""The same bytes everywhere: what Provenance writes of its fixtures under many circumstances.

    python benchmarks/determinism.py                the Pythons that are found, about ten minutes
    python benchmarks/determinism.py --python /usr/bin/python3.14 --numpy 2.0.2
    python benchmarks/determinism.py --every        every combination, some hours

For each Python a virtual environment is made, with this checkout and the releases of
``.ci/constraints.txt``, and beside it the NumPy releases asked for. In each, ``tests/golden.py``
runs in fresh processes under circumstances that differ: hash seed, locale and encoding, time zone,
order in which the files were made, number of processes, permissions of new files, width of the
terminal. As few rows are run as hold every pair of values of two of these circumstances.

One table of SHA-256 is printed, of all outputs and the index file, with in how many runs each was
made; where one output has two, the exit code is 1 and the runs are named.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
CIRCUMSTANCES: dict[str, tuple[dict[str, str], ...]] = {
    "hash seed": tuple({"PYTHONHASHSEED": seed} for seed in ("0", "1", "4294967295")),
    "locale": (
        {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "tr_TR.UTF-8", "LANG": "ko_KR.UTF-8", "PYTHONUTF8": "0"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"},
    ),
    "time zone": tuple({"TZ": zone} for zone in ("UTC", "Pacific/Kiritimati", "XXX+12")),
    "order of files": ({"GOLDEN_ORDER": ""}, {"GOLDEN_ORDER": "backwards"}),
    "processes": ({"GOLDEN_JOBS": "1"}, {"GOLDEN_JOBS": "2"}),
    "umask": ({"umask": "022"}, {"umask": "077"}),
    "width": ({"COLUMNS": "60"}, {"COLUMNS": "200"}),
}
NUMPY = ("2.0.2", "2.2.6")
"""The oldest allowed and one between; the newest is that of the lock."""


def pythons() -> list[str]:
    """Those on the path and in pyenv's folder, one of each version from 3.10 on."""
    names = [f"python3.{minor}" for minor in range(10, 20)]
    places = [shutil.which(name) for name in names]
    places += [str(one) for one in Path.home().glob(".pyenv/versions/*/bin/python")]
    found: dict[tuple[int, int], str] = {}
    for place in places:
        if place is not None:
            version = _version(place)
            if version >= (3, 10):
                found.setdefault(version, place)
    return [found[version] for version in sorted(found)]


def _version(python: str) -> tuple[int, int]:
    ended = subprocess.run(
        [python, "-c", "import sys; print(*sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
    )
    match = re.fullmatch(r"(\d+) (\d+)\n", ended.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def rows(every: bool) -> list[tuple[int, ...]]:
    """Which value of each circumstance a run has: every combination, or few that hold all pairs:
    each next one holds the most pairs that no row before it held."""
    sizes = [range(len(values)) for values in CIRCUMSTANCES.values()]
    whole = list(itertools.product(*sizes))
    if every:
        return whole
    places = list(itertools.combinations(range(len(sizes)), 2))
    waiting = {(a, b, x, y) for a, b in places for x in sizes[a] for y in sizes[b]}
    chosen: list[tuple[int, ...]] = []
    while waiting:
        counts = [sum((a, b, row[a], row[b]) in waiting for a, b in places) for row in whole]
        best = whole[counts.index(max(counts))]
        chosen.append(best)
        waiting -= {(a, b, best[a], best[b]) for a, b in places}
    return chosen


def environments(folder: Path, python: str, numpy: list[str]) -> Iterator[tuple[str, str, str]]:
    """``(what it is, its Python, folders to import from)``, made where they are not there yet."""
    version = ".".join(map(str, _version(python)))
    place = folder / f"python{version}"
    inner = str(place / ("Scripts" if os.name == "nt" else "bin") / "python")
    locked = {"PIP_CONSTRAINT": str(folder / "constraints.txt")}
    shutil.copyfile(ROOT / ".ci" / "constraints.txt", folder / "constraints.txt")
    _call([python, "-m", "venv", str(place)])
    _call([inner, "-m", "pip", "install", "--quiet", str(ROOT)], **locked)
    for release in [*numpy, ""]:
        beside = folder / f"numpy{release}-{version}"
        paths = ""
        if release:
            wanted = [f"numpy=={release}", "--no-deps", "--only-binary=:all:"]
            try:
                _call([inner, "-m", "pip", "install", "-q", "-t", str(beside), *wanted])
            except subprocess.CalledProcessError:
                print(f"Python {version}: NumPy {release} is not to be had, left out", flush=True)
                continue
            paths = str(beside)
        asked = "import numpy, sys; print('%d.%d.%d' % sys.version_info[:3], numpy.__version__)"
        told = _call([inner, "-c", asked], PYTHONPATH=paths).split()
        yield f"Python {told[0]}, NumPy {told[1]}", inner, paths


def _call(command: list[str], **environment: str) -> str:
    ended = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment},
    )
    return ended.stdout


def sums(python: str, paths: str, values: dict[str, str], folder: Path) -> dict[str, str]:
    """The SHA-256 of every output of one run, by name."""
    environment = {**os.environ, **values, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    umask = int(environment.pop("umask"), 8)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        ended = subprocess.run(
            [python, str(ROOT / "tests" / "golden.py"), str(Path(place, "made"))],
            capture_output=True,
            text=True,
            env=environment,
            umask=umask if os.name == "posix" else -1,
            check=False,
        )
    if ended.returncode:
        return {"(it failed)": ended.stderr.strip().splitlines()[-1]}
    return {name: digest for digest, name in map(str.split, ended.stdout.splitlines())}


def main() -> int:
    parser = argparse.ArgumentParser(description="The same bytes everywhere.")
    parser.add_argument("--python", action="append", help="a Python; several times")
    parser.add_argument("--numpy", action="append", help="a release of NumPy; several times")
    parser.add_argument("--every", action="store_true", help="every combination, not every pair")
    given = parser.parse_args()
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    chosen = rows(given.every)
    memory = "/dev/shm"  # there the order of a folder is that of making, reversed
    base = memory if os.access(memory, os.W_OK) else None
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory(dir=base) as work,
    ):
        for python in given.python or pythons():
            numpy = given.numpy or list(NUMPY)
            for what, inner, paths in environments(Path(folder), python, numpy):
                for row in chosen:
                    parts = zip(CIRCUMSTANCES.values(), row, strict=True)
                    values = {k: v for some, at in parts for k, v in some[at].items()}
                    for name, digest in sums(inner, paths, values, Path(work)).items():
                        found[name][digest].append(f"{what}, {json.dumps(values)}")
                print(f"{what}: {len(chosen)} runs", flush=True)
    return table(found)


def table(found: dict[str, dict[str, list[str]]]) -> int:
    """Print what was made; 1 where something was made in two ways."""
    print(f"\n{'output':26}{'runs':>6}  SHA-256")
    differ = 0
    for name, digests in sorted(found.items()):
        for digest, runs in digests.items():
            print(f"{name:26}{len(runs):6}  {digest}")
        if len(digests) > 1 or name.startswith("("):
            differ = 1
            for digest, runs in digests.items():
                print(f"  {digest[:16]}: {runs[0]}")
    if not found:
        print("nothing was run")
        return 1
    print("some differ" if differ else "all are the same")
    return differ


if __name__ == "__main__":
    sys.exit(main())
