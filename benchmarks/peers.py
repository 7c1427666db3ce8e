"""Side by side: which family do we and other detectors name first, how fast, with what memory?

    python benchmarks/peers.py                        those already in the scratch folder
    python benchmarks/peers.py --install              fetch the others there first
    python benchmarks/peers.py --only SIM --answers

Job L: suspects are the modeling files of five of the contest's models in transformers 5.23.0,
references the ``modeling_*.py`` of 4.57.1. Right is who names a declared parent's family first
(truth.py); a parent that 4.57.1 does not have stands for its own parents. Where several families
are named with the same score, the share of them that are right counts. Then again, after every name
in the suspects was changed (attacks/rename.py, which drops comments and layout as well).

Every peer ranks the references of each suspect by its own measure: SIM by the percentage of the
suspect's text in one reference, each compared in isolation; copydetect, Dolos and vendetect by
their similarity of the suspect; jscpd by the lines of all clones that the two have. Parameters are
the peers' defaults, but for their thresholds of display, which are lowered so that they name
something. Seconds are of whole processes, the least of ``--runs``; memory is what the process and
its children hold alone, at most. Our index is built beforehand from the same references, in the
time told below the table; the peers have nothing to build.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import truth
from attacks import ATTACKS
from contest import NEWEST, place

from provenance.model import SourceFile
from provenance.source import open_source

SUSPECTS = ("solar_open", "axk1", "hyperclovax_vision_v2", "exaone_moe", "kimi_k25")
OLDER = "transformers==4.57.1"
SCRATCH = Path(tempfile.gettempdir(), "provenance-peers")
LIMIT = 900
"""Seconds after which a run is given up."""

Ranked = dict[str, list[tuple[float, str]]]
"""Of each suspect, the score of each family that is named."""


@dataclass(frozen=True, slots=True)
class Job:
    """One folder of suspects, ``FAMILY.py`` each, and one of references,
    ``transformers/models/FAMILY/FILE.py``."""

    suspects: Path
    references: Path
    scratch: Path

    @property
    def output(self) -> Path:
        return self.scratch / "output"

    def families(self) -> Iterator[tuple[str, Path]]:
        for path in sorted(self.references.rglob("*.py")):
            yield path.parent.name, path


@dataclass(frozen=True, slots=True)
class Peer:
    """A detector: how it is installed, how it is run, and what its output names.

    ``version`` raises ``OSError`` or ``subprocess.SubprocessError`` where it is not installed.
    """

    name: str
    install: Callable[[Path], None]
    version: Callable[[Path], str]
    command: Callable[[Job], Sequence[str]]
    ranked: Callable[[Job, str], Ranked]


# --- a run --------------------------------------------------------------------------------


def measured(command: Sequence[str], folder: Path) -> tuple[str, float, float]:
    """What a command printed, its seconds, and the peak megabytes of it and its children."""
    printed, complaint = folder / "stdout", folder / "stderr"
    with printed.open("wb") as out, complaint.open("wb") as err:
        start = time.perf_counter()
        process = psutil.Popen(command, cwd=folder, stdout=out, stderr=err)
        peak = 0
        while process.poll() is None:
            try:
                family = [process, *process.children(recursive=True)]
            except psutil.NoSuchProcess:
                break
            peak = max(peak, sum(_memory(one) for one in family))
            if time.perf_counter() - start > LIMIT:
                for one in family:
                    one.kill()
            time.sleep(0.02)
        status = process.wait()
        seconds = time.perf_counter() - start
    if seconds > LIMIT:
        raise subprocess.SubprocessError(f"no answer within {LIMIT} s")
    if status:
        last = complaint.read_text("utf-8", "replace").strip().split("\n")[-1]
        raise subprocess.SubprocessError(f"ended with {status}: {last[:200]}")
    return printed.read_text("utf-8", "replace"), seconds, peak / 1e6


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def _run(*command: str, folder: Path | None = None) -> str:
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=LIMIT
    ).stdout


def _python(scratch: Path) -> str:
    return str(scratch / "python" / ("Scripts" if sys.platform == "win32" else "bin") / "python")


def _pip(requirement: str) -> Callable[[Path], None]:
    def install(scratch: Path) -> None:
        if not Path(_python(scratch)).exists():
            _run(sys.executable, "-m", "venv", str(scratch / "python"))
        _run(_python(scratch), "-m", "pip", "install", "--quiet", requirement)

    return install


def _installed(distribution: str) -> Callable[[Path], str]:
    def version(scratch: Path) -> str:
        code = f"from importlib.metadata import version; print(version({distribution!r}))"
        return _run(_python(scratch), "-c", code).strip()

    return version


# --- ours ---------------------------------------------------------------------------------


def _ours(job: Job) -> list[str]:
    command = [sys.executable, "-m", "provenance", "scan", str(job.suspects), "--format", "json"]
    return [
        *command,
        "--no-cache",
        "--no-default-index",
        "--index",
        str(job.scratch / "references.db"),
    ]


def _ours_ranked(job: Job, printed: str) -> Ranked:
    return {
        Path(file["path"]).stem: [
            (part["share"], part["origin"].split("/")[-1]) for part in file["composition"]
        ]
        for file in json.loads(printed)["files"]
    }


def _build(job: Job) -> tuple[float, float]:
    """Make our index of the references; its seconds and megabytes on disk."""
    index = job.scratch / "references.db"
    index.unlink(missing_ok=True)
    command = [sys.executable, "-m", "provenance", "index", "build", str(job.references)]
    _, seconds, _ = measured([*command, "-o", str(index)], job.scratch)
    return seconds, index.stat().st_size / 1e6


# --- SIM ----------------------------------------------------------------------------------


def _install_sim(scratch: Path) -> None:
    if shutil.which("sim_text") is None:
        _run("apt-get", "install", "-y", "-q", "similarity-tester")


def _sim_version(scratch: Path) -> str:
    return _run("dpkg-query", "-W", "-f", "${Version}", "similarity-tester")


def _sim(job: Job) -> list[str]:
    suspects = [str(path) for path in sorted(job.suspects.glob("*.py"))]
    references = [str(path) for _, path in job.families()]
    return ["sim_text", "-e", "-p", "-S", "-T", "-t", "1", *suspects, "/", *references]


def _sim_ranked(job: Job, printed: str) -> Ranked:
    ranked: Ranked = defaultdict(list)
    for line in printed.split("\n"):
        left, consists, right = line.partition(" consists for ")
        if consists:
            share, _, rest = right.partition(" % of ")
            reference = rest.removesuffix(" material").strip()
            ranked[Path(left).stem].append((float(share), Path(reference).parent.name))
    return ranked


# --- copydetect ---------------------------------------------------------------------------

_COPYDETECT = """
import json, sys
from copydetect import CopyDetector
found = CopyDetector(test_dirs=[sys.argv[1]], ref_dirs=[sys.argv[2]], extensions=["py"],
                     autoopen=False, silent=True)
found.run()
scores = found.similarity_matrix[:, :, 0].tolist()
print(json.dumps([list(map(str, found.test_files)), list(map(str, found.ref_files)), scores]))
"""


def _copydetect(job: Job) -> list[str]:
    return [_python(job.scratch), "-c", _COPYDETECT, str(job.suspects), str(job.references)]


def _copydetect_ranked(job: Job, printed: str) -> Ranked:
    suspects, references, scores = json.loads(printed.strip().split("\n")[-1])
    return {
        Path(suspect).stem: [
            (score, Path(reference).parent.name)
            for score, reference in zip(row, references, strict=True)
        ]
        for suspect, row in zip(suspects, scores, strict=True)
    }


# --- Dolos --------------------------------------------------------------------------------

_DOLOS = """
import { readdirSync, readFileSync } from "node:fs";
import { join, basename, dirname } from "node:path";
import { Dolos } from "@dodona/dolos-lib";
const [suspects, references] = process.argv.slice(2);
const at = folder => readdirSync(folder, { recursive: true })
  .filter(name => name.endsWith(".py")).map(name => join(folder, name)).sort();
const mine = new Set(at(suspects));
const report = await new Dolos({ language: "python" }).analyzePaths([...mine, ...at(references)]);
const files = report.entries().map(entry => entry.file);
for (const suspect of files.filter(file => mine.has(file.path))) {
  for (const reference of files.filter(file => !mine.has(file.path))) {
    const family = basename(dirname(reference.path));
    const score = report.getPair(suspect, reference).similarity;
    console.log([basename(suspect.path, ".py"), family, score].join("\\t"));
  }
}
"""


def _install_dolos(scratch: Path) -> None:
    folder = scratch / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    _run("npm", "install", "--no-audit", "--no-fund", "@dodona/dolos-lib", folder=folder)


def _dolos_version(scratch: Path) -> str:
    folder = scratch / "npm" / "node_modules" / "@dodona" / "dolos-lib"
    return str(json.loads((folder / "package.json").read_text("utf-8"))["version"])


def _dolos(job: Job) -> list[str]:
    script = job.scratch / "npm" / "job.mjs"
    script.write_text(_DOLOS, encoding="utf-8")
    return ["node", str(script), str(job.suspects), str(job.references)]


def _dolos_ranked(job: Job, printed: str) -> Ranked:
    ranked: Ranked = defaultdict(list)
    for line in printed.split("\n"):
        if line.count("\t") == 2:
            suspect, family, score = line.split("\t")
            ranked[suspect].append((float(score), family))
    return ranked


# --- jscpd --------------------------------------------------------------------------------


def _jscpd(job: Job) -> list[str]:
    shutil.rmtree(job.output, ignore_errors=True)
    program = Path(_python(job.scratch)).with_name("jscpd")
    command = [str(program), str(job.suspects), str(job.references), "--reporters", "json"]
    command += ["--output", str(job.output), "--format", "python", "--silent"]
    return [*command, "--max-lines", "100000", "--max-size", "10mb"]


def _jscpd_ranked(job: Job, printed: str) -> Ranked:
    [written] = job.output.glob("*.json")
    lines: dict[tuple[str, str], int] = defaultdict(int)
    for clone in json.loads(written.read_text("utf-8"))["duplicates"]:
        paths = [Path(clone[side]["name"]) for side in ("firstFile", "secondFile")]
        suspects = [path for path in paths if len(path.parts) == 1]  # relative to their folder
        others = [path for path in paths if len(path.parts) > 1]
        if suspects and others:
            lines[suspects[0].stem, others[0].parent.name] += clone["lines"]
    ranked: Ranked = defaultdict(list)
    for (suspect, family), count in lines.items():
        ranked[suspect].append((count, family))
    return ranked


# --- vendetect ----------------------------------------------------------------------------


def _vendetect(job: Job) -> list[str]:
    for folder in (job.suspects, job.references):
        if not (folder / ".git").exists():
            _run("git", "init", "--quiet", folder=folder)
            _run("git", "add", ".", folder=folder)
            who = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost")
            _run("git", *who, "commit", "--quiet", "-m", "files", folder=folder)
    program = Path(_python(job.scratch)).with_name("vendetect")
    command = [str(program), str(job.suspects), str(job.references), "--format", "csv"]
    return [*command, "--min-similarity", "0.0", "--max-history-depth", "0", "--quiet"]


def _vendetect_ranked(job: Job, printed: str) -> Ranked:
    ranked: Ranked = defaultdict(list)
    best: dict[tuple[str, str], float] = {}
    for row in csv.DictReader(printed.strip().split("\n")):
        key = Path(row["Test File"]).stem, Path(row["Source File"]).parent.name
        best[key] = max(best.get(key, 0.0), float(row["Similarity"]))
    for (suspect, family), score in best.items():
        ranked[suspect].append((score, family))
    return ranked


def _nothing(scratch: Path) -> None:
    """Ours is there already."""


PEERS = (
    Peer("Provenance", _nothing, lambda _: "this one", _ours, _ours_ranked),
    Peer("SIM, text", _install_sim, _sim_version, _sim, _sim_ranked),
    Peer(
        "copydetect",
        _pip("copydetect"),
        _installed("copydetect"),
        _copydetect,
        _copydetect_ranked,
    ),
    Peer("Dolos", _install_dolos, _dolos_version, _dolos, _dolos_ranked),
    Peer("jscpd", _pip("jscpd"), _installed("jscpd"), _jscpd, _jscpd_ranked),
    Peer("vendetect", _pip("vendetect"), _installed("vendetect"), _vendetect, _vendetect_ranked),
)


# --- the job ------------------------------------------------------------------------------


def _modeling(source: str, pattern: str) -> Iterator[tuple[str, bytes]]:
    for file in open_source(source, include=[f"transformers/models/{pattern}"]).files():
        if isinstance(file, SourceFile):
            yield file.path, file.content


def prepare(newest: str, older: str, work: Path) -> tuple[Path, Path, Path]:
    """Lay out suspects, renamed suspects and references."""
    suspects, renamed, references = work / "suspects", work / "renamed", work / "references"
    for folder in (suspects, renamed):
        folder.mkdir()
    for family in SUSPECTS:
        [(_, content)] = _modeling(newest, f"{family}/modeling_{family}.py")
        (suspects / f"{family}.py").write_bytes(content)
        changed = ATTACKS["rename"](content.decode("utf-8"), random.Random(1))
        (renamed / f"{family}.py").write_text(changed, encoding="utf-8", newline="\n")
    for path, content in _modeling(older, "**/modeling_*.py"):
        target = references / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return suspects, renamed, references


def right_answers(newest: str, known: set[str]) -> dict[str, set[str]]:
    """The declared parents of each suspect that are among the references, or their parents."""
    files = [
        (file.path, file.content)
        for file in open_source(newest).files()
        if isinstance(file, SourceFile)
    ]
    families = {family for path, _ in files if (family := truth.family_of(path))}
    parents: dict[str, set[str]] = {}
    asked = set(SUSPECTS)
    while asked:
        ages = {
            family: truth.FirstRelease("", "1" if family in asked else "0") for family in families
        }
        parents |= {family: set() for family in asked}
        for child in truth.class_lineage(files, ages).children:
            family = truth.family_of(child.child.path) or ""
            if family in asked and child.child.path.endswith(f"/modeling_{family}.py"):
                parents[family] |= {truth.family_of(one.path) or "" for one in child.parents}
        asked = set().union(*(parents[family] for family in asked)) - known - parents.keys()
    return {suspect: _among(suspect, parents, known) for suspect in SUSPECTS}


def _among(family: str, parents: dict[str, set[str]], known: set[str]) -> set[str]:
    """The known families that are reached over parents that are not."""
    found: set[str] = set()
    seen: set[str] = set()
    follow = [family]
    while follow:
        one = follow.pop()
        for parent in parents.get(one, set()) - seen:
            seen.add(parent)
            if parent in known:
                found.add(parent)
            else:
                follow.append(parent)
    return found


def right(ranked: Ranked, answers: dict[str, set[str]]) -> tuple[float, list[str]]:
    """How many suspects are answered rightly, and what is said of each."""
    total = 0.0
    said: list[str] = []
    for suspect, parents in answers.items():
        scored = [pair for pair in ranked.get(suspect, []) if pair[0] > 0]
        best = max((score for score, _ in scored), default=0.0)
        first = sorted({family for score, family in scored if score == best})
        total += len(parents.intersection(first)) / max(1, len(first))
        said.append(f"{suspect}: {', '.join(first) or 'nothing'} ({best:g})")
    return total, said


def row(peer: Peer, jobs: Sequence[Job], answers: dict[str, set[str]], runs: int) -> list[str]:
    """Print one row of the table; what was answered."""
    version = peer.version(jobs[0].scratch)
    cells: list[str] = []
    said: list[str] = []
    for job in jobs:
        command = peer.command(job)
        measures = [measured(command, job.scratch) for _ in range(runs)]
        total, lines = right(peer.ranked(job, measures[0][0]), answers)
        seconds = min(one[1] for one in measures)
        megabytes = max(one[2] for one in measures)
        cells += [f"{total:.2g} of {len(answers)}", f"{seconds:.1f} s", f"{megabytes:.0f} MB"]
        said += [f"{peer.name}, {job.suspects.name}: {line}" for line in lines]
    print(f"| {peer.name} {version} | {' | '.join(cells)} |", flush=True)
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description="Side by side with other detectors.")
    parser.add_argument("--install", action="store_true", help="fetch what is not there")
    parser.add_argument("--scratch", type=Path, default=SCRATCH, help="folder for the peers")
    parser.add_argument("--wheels", type=Path, help="a folder with wheels, instead of fetching")
    parser.add_argument("--only", choices=[peer.name for peer in PEERS], action="append")
    parser.add_argument("--answers", action="store_true", help="list what each named first")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    newest, older = place(NEWEST, options.wheels), place(OLDER, options.wheels)
    with tempfile.TemporaryDirectory() as folder:
        suspects, renamed, references = prepare(newest, older, Path(folder))
        scratch = options.scratch.resolve()
        jobs = [Job(suspects, references, scratch), Job(renamed, references, scratch)]
        known = {family for family, _ in jobs[0].families()}
        answers = right_answers(newest, known)
        print(f"{sum(1 for _ in jobs[0].families())} references. Right answers:")
        for suspect, parents in answers.items():
            print(f"* {suspect}: {', '.join(sorted(parents))}")
        seconds, megabytes = _build(jobs[0])
        print(f"\nOur index: {seconds:.0f} s, {megabytes:.1f} MB, built beforehand.\n")
        print("| | right | time | memory | names changed: right | time | memory |")
        print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
        said: list[str] = []
        left_out: list[str] = []
        for peer in PEERS:
            if options.only and peer.name not in options.only:
                continue
            try:
                if options.install:
                    peer.install(scratch)
                said += row(peer, jobs, answers, options.runs)
            except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
                left_out.append(f"* {peer.name} is left out: {_why(error)}")
        print("", *left_out, sep="\n")
        if options.answers:
            print("", *said, sep="\n")


def _why(error: Exception) -> str:
    """The last line of what a failed command said, else the error itself."""
    said = getattr(error, "stderr", None)
    lines = [line for line in str(said or "").split("\n") if line.strip()]
    return f"{type(error).__name__}: {error}"[:200] + (f"; {lines[-1][:200]}" if lines else "")


if __name__ == "__main__":
    main()
