"""Coverage-guided fuzzing of all that reads what nobody has vouched for, with atheris.

    pip install '.[test]' atheris
    python tests/fuzz/fuzz.py all --executions 100000              every target; a table of figures
    python tests/fuzz/fuzz.py parse report --executions 1000000    these
    python tests/fuzz/fuzz.py parse --input FILE                   one input again

``--seconds`` ends a target sooner, ``--keep FOLDER`` keeps what was found: the corpus of every
target, from which the next run goes on, and inputs that crash or hang. The exit code is 1 where
there was one. It becomes a test then. Targets are the functions of ``targets.py``.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

HANG_SECONDS = 20
MEGABYTES = 2_000
"""What a single input may take."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of a target. ``seconds`` and ``slowest`` are of processor time; ``edges`` of
    control flow reached, ``features`` with how often; ``crash`` names the input kept, "" for
    none."""

    target: str
    executions: int
    seconds: float
    edges: int
    features: int
    inputs: int
    slowest: float
    crash: str


HEAD = """\
| target | executions | seconds | edges | features | inputs kept | slowest input | crashes |
|---|---:|---:|---:|---:|---:|---:|---|"""


def row(one: Figures) -> str:
    """A line of the table."""
    return (
        f"| {one.target} | {one.executions:,} | {one.seconds:,.0f} | {one.edges:,} | "
        f"{one.features:,} | {one.inputs:,} | {1000 * one.slowest:,.0f} ms | "
        f"{one.crash or 'none'} |"
    )


def work(name: str, options: list[str], slowest: Path) -> None:
    """Fuzz one target in this process, until libFuzzer ends it."""
    import atheris

    with atheris.instrument_imports(include=["provenance", "tomllib", "tarfile", "zipfile"]):
        for library in ("tarfile", "tomllib", "zipfile"):
            import_module(library)
        from fuzz import changes, targets
    target = targets.targets()[name]
    most = 0.0

    def timed(data: bytes) -> None:
        nonlocal most
        begun = time.thread_time()
        target(data)
        if (taken := time.thread_time() - begun) > most:
            most = taken
            slowest.write_text(json.dumps([most, data.hex()[:40_000]]))

    change = changes.CHANGES.get(name)
    if change is None:
        atheris.Setup([sys.argv[0], *options], timed)
    else:
        mutator: Callable[[bytes, int, int], bytes] = lambda data, most, seed: change(  # noqa: E731
            data, most, seed, atheris.Mutate
        )
        atheris.Setup([sys.argv[0], *options], timed, custom_mutator=mutator)
    atheris.Fuzz()


def fuzzed(name: str, executions: int, seconds: int, keep: Path) -> Figures:
    """Fuzz one target in a process of its own."""
    from fuzz import changes, seeds

    corpus, found = keep / name, keep / f"{name}-found"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    for number, seed in enumerate(seeds.seeds(name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    slowest = keep / f"{name}-slowest.json"
    options = [
        f"-runs={executions}",
        f"-max_total_time={seconds}",
        f"-max_len={changes.LONGEST.get(name, 4_000)}",
        f"-timeout={HANG_SECONDS}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
        "-seed=7",
        str(corpus),
    ]
    begun = _worked()
    log = keep / f"{name}.log"
    with log.open("wb") as written:
        command = [sys.executable, __file__, name, "--in-this-process", str(slowest), *options]
        ended = subprocess.run(command, stderr=written, stdout=written, check=False)
    said = log.read_text("utf-8", "replace")
    last = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", said)[-1:] or [("0", "0", "0")]
    counted = re.findall(r"number_of_executed_units: (\d+)|^#(\d+)\s", said, re.MULTILINE)
    crash = ""
    if ended.returncode:
        kept = sorted(found.iterdir(), key=lambda one: one.stat().st_mtime)
        crash = str(kept[-1]) if kept else f"exit code {ended.returncode}, see {log}"
    edges, features, inputs = map(int, last[0])
    return Figures(
        name,
        max((int(one or other) for one, other in counted), default=0),
        _worked() - begun,
        edges,
        features,
        inputs,
        json.loads(slowest.read_text())[0] if slowest.exists() else 0.0,
        crash,
    )


def _worked() -> float:
    """Seconds of processor time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Fuzz the targets that are named, one after another."""
    from fuzz import targets

    names = list(targets.targets())
    read = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    read.add_argument("target", nargs="+", choices=["all", *names])
    read.add_argument("--executions", type=int, default=100_000, help="of each target")
    read.add_argument("--seconds", type=int, default=0, help="at most, of each; 0 for no bound")
    read.add_argument("--keep", type=Path, help="folder of corpora and crashes")
    read.add_argument("--input", type=Path, help="run the target on this file, and nothing else")
    given = read.parse_args()
    if given.input:
        targets.targets()[given.target[0]](given.input.read_bytes())
        return 0
    keep = given.keep or Path(tempfile.mkdtemp(prefix="provenance-fuzzing-"))
    wanted = names if "all" in given.target else given.target
    print(HEAD, flush=True)
    done = []
    for name in wanted:
        done.append(fuzzed(name, given.executions, given.seconds, keep))
        print(row(done[-1]), flush=True)
    total = sum(one.executions for one in done)
    seconds = sum(one.seconds for one in done)
    print(f"\n{total:,} executions in {seconds:,.0f} s of one processor; kept in {keep}")
    return int(any(one.crash for one in done))


if __name__ == "__main__":
    if sys.argv[2:3] == ["--in-this-process"]:
        work(sys.argv[1], sys.argv[4:], Path(sys.argv[3]))
    raise SystemExit(main())
