"""The cluster: findings as of the local engine, an executor killed on the way, growth with data.

Runs on ``local-cluster``: two executors, processes of their own with one core and 1 GB each.
References are model files of transformers 4.57.1, suspects those of 5.23.0, both by SHA-256, so
that a larger run holds the smaller ones. Figures are those of Spark's own event log.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from provenance.cluster.building import build_tables, fingerprint_rows
from provenance.cluster.exchange import export_index
from provenance.cluster.folders import Tables
from provenance.cluster.scan import scan_tables
from provenance.cluster.session import session
from provenance.indexing import SketchSettings, build_index
from provenance.model import Parameters, SourceFile
from provenance.pypi import fetch
from provenance.report.json import json_report
from provenance.scanning import scan
from provenance.schema import BAND, RUN, TEXT_RUN
from provenance.sketch import permutations
from provenance.source import open_source

MODEL_FILES = ("transformers/models/*/modeling_*.py",)
CONTEST = "transformers/models/{solar_open,axk1,exaone_moe}/modeling_*.py"


def main() -> int:
    """Run all, print the tables; 1 where findings differ."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--files", type=int, default=48, help="reference files at 1x")
    options.add_argument("--times", type=int, nargs="*", default=[1, 2, 4])
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="provenance-cluster-") as place:
        root = Path(place)
        return run(root, asked.files, asked.times)


def run(root: Path, files: int, times: list[int]) -> int:
    """All of it, in a folder."""
    (root / "events").mkdir()
    settings = {
        "spark.driver.memory": "700m",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "4",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": (root / "events").as_uri(),
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
    }
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    most = files * max(times)
    references = _chosen(root / "r", fetch("transformers", "4.57.1"), MODEL_FILES, most)
    suspects = _chosen(root / "s", fetch("transformers", "5.23.0"), MODEL_FILES, most // 4)
    contest = _chosen(root / "c", fetch("transformers", "5.23.0"), (CONTEST,), 99)
    sizes: dict[str, tuple[int, int, int]] = {}
    keys: list[str] = []
    same = True
    with session("local-cluster[2,1,1024]", settings) as spark:
        context = spark.sparkContext
        for factor in times:
            part = _linked(root / f"references-{factor}", references[: files * factor])
            asked = _linked(root / f"suspects-{factor}", suspects[: files * factor // 4])
            tables = str(root / f"tables-{factor}" / "references.db")
            context.setJobGroup(f"build {factor}", "")
            build_tables(spark, [str(part / "zoo")], tables)
            context.setJobGroup(f"scan {factor}", "")
            found, _ = scan_tables(spark, str(asked / "zoo"), tables)
            index = root / f"index-{factor}" / "references.db"
            index.parent.mkdir()
            build_index([str(part / "zoo")], index)
            expected = scan(str(asked / "zoo"), [index])
            same &= _told(
                f"{factor}x", json_report(found) == json_report(expected), len(found.findings)
            )
            written = _bytes(Path(tables))
            sizes[f"build {factor}"] = files * factor, _bytes(part), written
            sizes[f"scan {factor}"] = files * factor // 4, _bytes(asked), written
            context.setJobGroup("", "")
            keys.append(_keys(Tables(spark, tables), files * factor))
        asked_last = asked
        context.setJobGroup("export", "")
        opened = Tables(spark, tables)
        export_index(opened, opened.header, str(root / "exported.db"))
        same &= _told(
            "exported index", (root / "exported.db").read_bytes() == index.read_bytes(), 0
        )
        context.setJobGroup("build, killed", "")
        watch = _Killer(context, "build, killed", f"build {times[-1]}")
        again = str(root / "tables-killed" / "references.db")
        build_tables(spark, [str(part / "zoo")], again)
        same &= watch.stop()
        context.setJobGroup("", "")
        opened = Tables(spark, again)
        export_index(opened, opened.header, str(root / "again.db"))
        same &= _told(
            "index of a build whose executor was killed",
            (root / "again.db").read_bytes() == index.read_bytes(),
            0,
        )
        asked = _linked(root / "contest", contest)
        expected = scan(str(asked / "zoo"), [index], as_of="2026-08-10")
        for name, killed in (("contest", False), ("contest, killed", True)):
            context.setJobGroup(name, "")
            killer = _Killer(context, name, "contest") if killed else None
            found, _ = scan_tables(spark, str(asked / "zoo"), tables, as_of="2026-08-10", part=1)
            if killer is not None:
                same &= killer.stop()
            same &= _told(name, json_report(found) == json_report(expected), len(found.findings))
    print("\n| references | the largest LSH key | structure: keys, too common | text | capped |")
    print("|---:|---:|---:|---:|---:|")
    print("\n".join(keys))
    _print_constants(part, Path(tables), index, asked_last)
    jobs = _read_events(next((root / "events").iterdir()))
    print(f"\nexecutors lost: {jobs.lost}")
    print(
        "\n| | files | source | tables | shuffled | spilled | executors | the longest stage "
        "| tasks lost |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for group, spent in jobs.groups.items():
        if not group:
            continue
        count, source, written = sizes.get(group, (0, 0, 0))
        row = (
            f"{count or ''}", f"{source / 1e6:.2f} MB", f"{written / 1e6:.2f} MB",
            f"{spent.shuffled / 1e6:.2f} MB", f"{spent.spilled / 1e6:.2f} MB",
            f"{spent.seconds:.1f} s", f"{max(spent.stages.values(), default=0) / 1000:.1f} s",
            str(spent.lost),
        )  # fmt: skip
        print(f"| {group} | {' | '.join(row)} |")
    return 0 if same else 1


def _keys(tables: Tables, files: int) -> str:
    """How many units the most common keys have, as a row of a table."""
    from pyspark.sql import functions as sql

    posting = tables.read("posting").withColumn("none", sql.size("numbers") == 0)
    largest = posting.where(sql.col("door") == BAND).agg(sql.max("held")).collect()[0][0]
    row = [str(files), f"{largest:,}"]
    for door in (RUN, TEXT_RUN):
        of_door = posting.where(sql.col("door") == door)
        row.append(f"{of_door.count():,}, {of_door.where('none').count():,}")
    others = posting.where("none").where(~sql.col("door").isin(RUN, TEXT_RUN)).count()
    return f"| {' | '.join(row)} | {others} |"


def _print_constants(references: Path, tables: Path, index: Path, suspects: Path) -> None:
    """What docs/scale.md calculates with: processor time of this process, bytes of the tables."""
    parameters = Parameters()
    drawn = permutations(parameters)
    files = [
        one for one in open_source(str(references / "zoo")).files() if isinstance(one, SourceFile)
    ]
    size = sum(len(file.content) for file in files)
    settings = SketchSettings(parameters, tuple(map(tuple, drawn.tolist())), 60.0)
    begun = time.process_time()
    rows = fingerprint_rows(files, settings)
    spent = time.process_time() - begun
    units, posts = sum(len(row[9]) for row in rows), sum(len(row[11]) for row in rows)
    print(f"\nfingerprints: {spent:.1f} s of processor time, {spent / size * 1e6:.2f} s per MB")
    print(f"{units / size * 1e3:.2f} units, {posts / size * 1e3:.0f} postings per KB")
    for name in ("tree", "unit", "posting"):
        print(f"table {name}: {_bytes(tables / name) / size:.2f} bytes a byte")
    begun = time.process_time()
    scan(str(suspects / "zoo"), [index], jobs=0)
    spent = time.process_time() - begun
    print(f"local scan: {spent:.1f} s, {spent / _bytes(suspects) * 1e6:.2f} s per MB")


def _told(what: str, same: bool, findings: int) -> bool:
    print(f"{what}: {'identical' if same else 'DIFFERENT'}, {findings} findings", flush=True)
    return same


def _chosen(folder: Path, wheel: str, include: tuple[str, ...], most: int) -> list[Path]:
    """Model files of a wheel, in the order of their SHA-256."""
    found = []
    for path, data in open_source(wheel, include=include).contents():
        place = folder / "zoo" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        found.append(place)
    return sorted(found, key=_digest)[:most]


def _digest(path: Path) -> str:
    from hashlib import sha256

    return sha256(path.read_bytes()).hexdigest()


def _linked(folder: Path, files: list[Path]) -> Path:
    """Some of the files in a folder of their own."""
    for file in files:
        place = folder / "zoo" / Path(*file.parts[file.parts.index("zoo") + 1 :])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.hardlink_to(file)
    return folder


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _is_executor(process: psutil.Process) -> bool:
    try:
        return "CoarseGrainedExecutorBackend" in " ".join(process.cmdline())
    except psutil.Error:  # a worker that has ended
        return False


class _Killer:
    """Kills one executor's JVM in the middle of a group of jobs: when as many of them have begun as
    half of another group's that did the same."""

    def __init__(self, context: Any, group: str, like: str) -> None:
        self.killed = False
        tracker = context.statusTracker()
        half = len(tracker.getJobIdsForGroup(like)) // 2
        self._begun: Callable[[], bool] = lambda: len(tracker.getJobIdsForGroup(group)) > half
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._begun():
            if self._done.wait(0.1):
                return
        executors = [*filter(_is_executor, psutil.Process().children(recursive=True))]
        executors[0].kill()
        self.killed = True
        print(f"killed -9 one of {len(executors)} executors", flush=True)

    def stop(self) -> bool:
        """Whether one was killed while the jobs ran."""
        self._done.set()
        self._thread.join()
        return self.killed


@dataclass
class _Spent:
    """What the tasks of a job group took."""

    shuffled: int = 0
    spilled: int = 0
    seconds: float = 0.0
    lost: int = 0  # tasks that did not end well
    stages: dict[int, int] = field(default_factory=lambda: defaultdict(int))


@dataclass
class _Events:
    groups: dict[str, _Spent] = field(default_factory=dict)
    lost: int = 0


def _read_events(path: Path) -> _Events:
    """What Spark's event log says of each job group."""
    found = _Events()
    of_stage: dict[int, str] = {}
    for line in path.read_text("utf-8").splitlines():
        event: dict[str, Any] = json.loads(line)
        kind = event["Event"]
        if kind == "SparkListenerJobStart":
            group = event.get("Properties", {}).get("spark.jobGroup.id", "")
            found.groups.setdefault(group, _Spent())
            of_stage.update(dict.fromkeys(event["Stage IDs"], group))
        elif kind == "SparkListenerExecutorRemoved" and "SIGKILL" not in event.get("Reason", ""):
            found.lost += "shutdown" not in event["Removed Reason"].lower()
        elif kind == "SparkListenerTaskEnd":
            spent = found.groups[of_stage[event["Stage ID"]]]
            spent.lost += event["Task End Reason"]["Reason"] != "Success"
            metrics = event.get("Task Metrics")
            if not metrics:
                continue
            spent.shuffled += metrics["Shuffle Write Metrics"]["Shuffle Bytes Written"]
            spent.spilled += metrics["Disk Bytes Spilled"]
            spent.seconds += metrics["Executor Run Time"] / 1000
            spent.stages[event["Stage ID"]] += metrics["Executor Run Time"]
    return found


if __name__ == "__main__":
    sys.exit(main())
