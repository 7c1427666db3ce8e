"""Workers: what one of them may cost, and that none outlives its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from provenance import workers
from provenance.errors import TooLongError
from provenance.model import Skipped, SourceFile
from provenance.source import open_source
from provenance.workers import BOUNDS, Bounds, run


@dataclass(frozen=True)
class Nothing:
    """Settings that open nothing."""

    @contextmanager
    def open(self) -> Iterator[None]:
        yield None


def act(batch: Sequence[SourceFile], _: None) -> list[str]:
    """Does what the first word of a file says."""
    done = []
    for file in batch:
        said = file.content[:20].split()[0].decode()
        if said == "#die":
            os._exit(9)
        if said == "#hang":
            time.sleep(600)
        if said == "#slow":
            raise TooLongError
        if said == "#eat":
            held = bytearray(2_000_000_000)
            held[::4096] = b"x" * len(held[::4096])
        done.append(file.path)
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve files, enough for workers to be worth their start."""
    for number in range(12):
        text = f"#fine\nx = {number}\n" + "# padding\n" * 30_000
        (tmp_path / f"f{number:02}.py").write_text(text, "utf-8")
    return tmp_path


def done(folder: Path, bounds: Bounds = BOUNDS) -> tuple[list[str], list[Skipped]]:
    skipped: list[Skipped] = []
    source = open_source(str(folder))
    results = run(act, source, skipped, 2, Nothing(), None, limits=bounds)
    return [path for batch in results for path in batch], skipped


def say(folder: Path, name: str, what: str) -> None:
    path = folder / name
    path.write_text(what + path.read_text("utf-8"), "utf-8")


def test_all_is_done_in_order(folder: Path) -> None:
    paths, skipped = done(folder)
    assert paths == [f"f{number:02}.py" for number in range(12)]
    assert skipped == []


@pytest.mark.parametrize(
    ("what", "bounds"),
    [
        ("#die ", BOUNDS),
        ("#hang ", Bounds(seconds=2)),
        pytest.param(
            "#eat ",
            Bounds(memory=1_000_000_000),
            marks=pytest.mark.skipif(sys.platform != "linux", reason="no such limit here"),
        ),
    ],
)
def test_a_file_that_kills_its_worker_costs_itself_alone(
    folder: Path, what: str, bounds: Bounds
) -> None:
    say(folder, "f04.py", what)
    paths, skipped = done(folder, bounds)
    assert paths == [f"f{number:02}.py" for number in range(12) if number != 4]
    (told,) = skipped
    assert told.path == "f04.py"
    assert "--timeout" in told.reason
    assert "--exclude" in told.reason


def test_no_number_of_jobs_starts_more_than_two_a_processor(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy of a scanned repository may ask for any."""
    asked, pool = [], workers._pool

    def counted(jobs: int, limits: Bounds) -> AbstractContextManager[ProcessPoolExecutor]:
        asked.append(jobs)
        return pool(jobs, limits)

    monkeypatch.setattr(workers, "_pool", counted)
    results = run(act, open_source(str(folder)), [], 10**9, Nothing(), None)
    assert len([path for batch in results for path in batch]) == 12
    assert 1 <= asked[0] <= 2 * (os.cpu_count() or 1)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_file_that_is_given_up_costs_itself_alone(folder: Path, jobs: int) -> None:
    """In a worker, and where there is none."""
    say(folder, "f04.py", "#slow ")
    skipped: list[Skipped] = []
    results = run(act, open_source(str(folder)), skipped, jobs, Nothing(), None)
    paths = [path for batch in results for path in batch]
    assert paths == [f"f{number:02}.py" for number in range(12) if number != 4]
    assert [one.path for one in skipped] == ["f04.py"]
    assert "--timeout" in skipped[0].reason


def test_several_at_fault_are_all_told(folder: Path) -> None:
    for number in (0, 7, 11):
        say(folder, f"f{number:02}.py", "#die ")
    paths, skipped = done(folder)
    assert len(paths) == 9
    assert [one.path for one in skipped] == ["f00.py", "f07.py", "f11.py"]


def test_leaving_early_leaves_no_process(folder: Path) -> None:
    """Whoever stops listening, for whatever reason, ends the workers at once."""
    say(folder, "f11.py", "#hang ")
    results = run(act, open_source(str(folder)), [], 2, Nothing(), None)
    next(iter(results))
    start = time.monotonic()
    results.close()  # type: ignore[attr-defined]
    assert time.monotonic() - start < 20
    ours = psutil.Process().children(recursive=True)
    assert not [one for one in ours if "spawn_main" in " ".join(one.cmdline())]


SCAN = """
import sys
sys.path[:0] = [{tests!r}]
from test_workers import Nothing, act, open_source, run
if __name__ == "__main__":
    print("started", flush=True)
    for batch in run(act, open_source({folder!r}), [], 2, Nothing(), None):
        print(len(batch), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_no_worker_outlives_the_process_that_started_it(folder: Path, sent: str) -> None:
    for number in (6, 11):
        say(folder, f"f{number:02}.py", "#hang ")
    script = folder / "scan.txt"
    script.write_text(SCAN.format(tests=str(Path(__file__).parent), folder=str(folder)), "utf-8")
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    assert process.stdout.readline()  # a first batch is done: the workers are there
    family = psutil.Process(process.pid).children(recursive=True)
    assert family
    process.send_signal(getattr(signal, sent))
    process.wait(timeout=30)
    process.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []
