"""Workers: what one of them may cost, and that none outlives its work."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil
import pytest
from ending import ends
from programs import program
from thorough import THOROUGH

import provenance
from provenance import notebook, worker, workers
from provenance.errors import ProvenanceError, TooLongError
from provenance.model import Skipped, SourceFile
from provenance.sides import reference_texts, suspect_texts
from provenance.source import open_source
from provenance.workers import BOUNDS, Bounds, Listed, run


@dataclass(frozen=True)
class Nothing:
    """Settings that open nothing."""

    @contextmanager
    def open(self) -> Iterator[None]:
        yield None


class Dies(Nothing):
    """Settings that cannot be opened."""

    def open(self) -> Any:
        os._exit(9)


@dataclass(frozen=True)
class Killed(Nothing):
    """Settings in whose opening a worker is killed, as for want of memory, but for the first
    ``spared`` and all after as many as ``times``."""

    folder: Path
    times: int
    spared: int = 0

    def open(self) -> Any:
        number = 0
        while (self.folder / str(number)).exists():
            number += 1
        (self.folder / str(number)).touch(exist_ok=False)
        if self.spared <= number < self.spared + self.times:
            os.kill(os.getpid(), 9)
        return super().open()


def act(batch: Sequence[SourceFile], _: None) -> list[str]:
    """Does what the first word of a file says."""
    done = []
    for file in batch:
        said = file.content[:20].split()[0].decode()
        if said == "#die":
            os._exit(9)
        if said == "#hang":
            time.sleep(600)
        if said == "#group":  # as a group of processes is told to end: one after the other
            subprocess.Popen(["sh", "-c", f"sleep 0.2; kill -TERM {os.getppid()}"])
            os.kill(os.getpid(), signal.SIGTERM)
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


def done(folder: Path, bounds: Bounds = BOUNDS, jobs: int = 2) -> tuple[list[str], list[Skipped]]:
    skipped: list[Skipped] = []
    source = open_source(str(folder))
    results = run(act, source, skipped, jobs, Nothing(), None, limits=bounds)
    return [path for batch in results for path in batch], skipped


def say(folder: Path, name: str, what: str) -> None:
    path = folder / name
    path.write_text(what + path.read_text("utf-8"), "utf-8")


def test_all_is_done_in_order(folder: Path) -> None:
    paths, skipped = done(folder)
    assert paths == [f"f{number:02}.py" for number in range(12)]
    assert skipped == []


needs_a_limit = pytest.mark.skipif(
    sys.platform != "linux", reason="this system bounds no process's memory"
)


@pytest.fixture(params=["forked", "forkserver", "spawn"])
def jobs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many workers; each way to start them that this system has."""
    if request.param == "forked":
        if sys.platform != "linux":
            pytest.skip("no process is forked here")
        return 1
    if request.param not in multiprocessing.get_all_start_methods():
        pytest.skip("this system starts none like that")
    context = multiprocessing.get_context(request.param)
    monkeypatch.setattr(workers, "context_for", lambda _: context)
    return 2


COSTS = {
    "#die ": (BOUNDS, "did not survive", "--memory"),
    "#hang ": (Bounds(seconds=5), "more than 5 seconds", "--timeout"),
    "#slow ": (BOUNDS, "more than 60 seconds", "--timeout"),
    "#eat ": (
        Bounds(memory=1_000_000_000),
        "more memory was needed than 1,000 MB",
        "--memory",
    ),
}
ALSO = [("forkserver", "#eat "), ("spawn", "#die ")]
"""What is tried of workers that are not forked; all of it in the thorough run."""


@pytest.mark.parametrize(
    ("jobs", "what"),
    [
        pytest.param(way, what, marks=[needs_a_limit] if what == "#eat " else [])
        for way in ("forked", "forkserver", "spawn")
        for what in COSTS
        if THOROUGH or way == "forked" or (way, what) in ALSO
    ],
    indirect=["jobs"],
)
def test_a_file_that_costs_its_worker_costs_itself_alone(
    folder: Path, jobs: int, what: str
) -> None:
    """However workers are started; what was exceeded is said, and the remedy."""
    bounds, found, option = COSTS[what]
    say(folder, "f04.py", what)
    paths, skipped = done(folder, bounds, jobs)
    assert paths == [f"f{number:02}.py" for number in range(12) if number != 4]
    (told,) = skipped
    assert told.path == "f04.py"
    assert found in told.reason
    assert option in told.reason
    assert "--exclude" in told.reason


def test_one_small_file_is_held_to_bounds_too(tmp_path: Path) -> None:
    """Little work is done in one worker, however many may be started."""
    (tmp_path / "f.py").write_text("#hang ", "utf-8")
    for many in (1, 2):
        paths, (told,) = done(tmp_path, Bounds(seconds=0.5), many)
        assert paths == []
        assert "more than 0.5 seconds" in told.reason


def test_beside_another_thread_nothing_is_forked(folder: Path) -> None:
    """A lock that it holds would stay shut in the worker; and the work is done all the same."""
    ends = threading.Event()
    thread = threading.Thread(target=ends.wait)
    thread.start()
    try:
        assert worker.context_for(1).get_start_method() != "fork"
        paths, _ = done(folder, jobs=1)
    finally:
        ends.set()
        thread.join()
    assert len(paths) == 12


def test_threads_that_start_workers_leave_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is away for a while for one was lost for good where another looked meanwhile: what the
    program itself started by ``spawn`` later did not find its own functions."""
    script = sys.modules["__main__"]
    monkeypatch.setattr(script, "__file__", "script.py", raising=False)
    monkeypatch.setenv("PYTHONSAFEPATH", "")
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with worker._apart():
            inside.set()
            leave.wait(0.2)

    def second() -> None:
        inside.wait()
        with worker._apart():
            leave.set()
            time.sleep(0.2)

    threads = [threading.Thread(target=one) for one in (second, first)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert vars(script)["__file__"] == "script.py"
    assert os.environ["PYTHONSAFEPATH"] == ""


def test_where_no_process_may_be_started_the_work_is_done_in_this_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon of multiprocessing has no children; 0 asks for none."""
    say(folder, "f04.py", "#slow ")
    monkeypatch.setattr(workers, "Worker", None)
    paths, skipped = done(folder, jobs=0)
    assert (len(paths), [one.path for one in skipped]) == (11, ["f04.py"])
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # type: ignore[attr-defined]
    assert done(folder, jobs=2) == (paths, skipped)


def test_a_worker_that_does_not_start_is_an_error(folder: Path) -> None:
    """No file is at fault."""
    results = run(act, open_source(str(folder)), [], 1, Dies(), None)
    with pytest.raises(ProvenanceError, match="before its first file, with 9, 3 times"):
        list(results)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_worker_that_is_killed_before_its_first_file_is_started_again(
    folder: Path, jobs: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The system may end any process for want of memory; it is tried a bounded number of times."""
    source = open_source(str(folder))
    twice = Killed(tmp_path_factory.mktemp("twice"), 2)
    assert sum(map(len, run(act, source, [], jobs, twice, None))) == 12
    always = Killed(tmp_path_factory.mktemp("always"), 99)
    with pytest.raises(ProvenanceError, match="before its first file, by SIGKILL, 3 times"):
        list(run(act, source, [], jobs, always, None))
    assert len([*always.folder.iterdir()]) == 3


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_batch_that_does_not_get_to_its_worker_is_given_to_another(
    folder: Path, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of one was waited for till its time was over, and a file was blamed."""
    refused: list[Any] = []
    usual, here = Connection.send, os.getpid()

    def send(pipe: Connection, sent: Any) -> None:
        if os.getpid() == here and isinstance(sent, list) and not refused:
            refused.append(sent)
            raise OSError(errno.ENOBUFS, "No buffer space available")
        usual(pipe, sent)

    monkeypatch.setattr(Connection, "send", send)
    paths, skipped = done(folder, Bounds(seconds=20), jobs)
    assert (sorted(paths), skipped) == ([f"f{number:02}.py" for number in range(12)], [])
    assert refused


def tell_much(batch: Sequence[SourceFile], _: None) -> list[str]:
    """Answers that are sent in two parts, the length first."""
    return [file.path * 10_000 for file in batch]


@pytest.mark.skipif(sys.platform != "linux", reason="a fault can be put into a forked worker only")
def test_an_answer_of_which_half_is_sent_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the worker said next was taken for the rest, and more was waited for without end."""
    (tmp_path / "f.py").write_text("#fine\n")
    usual, here = Connection._send, os.getpid()  # type: ignore[attr-defined]

    def send(pipe: Connection, sent: Any, *more: Any) -> None:
        if os.getpid() != here and len(sent) > 16_384:
            raise OSError(errno.ENOBUFS, "No buffer space available")
        usual(pipe, sent, *more)

    monkeypatch.setattr(Connection, "_send", send)
    skipped: list[Skipped] = []
    source = open_source(str(tmp_path))
    assert sum(map(len, run(tell_much, source, skipped, 1, Nothing(), None))) == 0
    assert [(one.path, "did not survive" in one.reason) for one in skipped] == [("f.py", True)]


@pytest.mark.skipif(sys.platform != "linux", reason="a fault can be put into a forked worker only")
@pytest.mark.parametrize("error", [PermissionError(1, "no"), ValueError("not allowed")])
def test_where_no_process_may_be_bound_is_told(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """As where calls of the system are filtered; a worker ended with a traceback, and its end was
    put down to want of memory."""
    import resource

    (tmp_path / "f.py").write_text("#fine\n")

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(resource, "setrlimit", fails)
    with pytest.raises(ProvenanceError, match=r"bound its memory here .*, expected .*allow"):
        done(tmp_path, jobs=1)
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_the_workers_that_start_do_the_work_of_those_that_do_not(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_BATCH_BYTES", 1)
    told = tmp_path / "told"
    told.mkdir()
    settings = Killed(told, 99, spared=1)
    assert sum(map(len, run(act, open_source(str(folder)), [], 2, settings, None))) == 12
    assert len([*told.iterdir()]) > 1


@pytest.mark.skipif(sys.platform != "linux", reason="a fault can be put into a forked worker only")
def test_a_group_of_processes_that_is_told_to_end_is_interrupted(folder: Path) -> None:
    """The worker hears of it first: its end was blamed on its file."""

    class ToldError(Exception):
        pass

    told = threading.Event()

    def end(*_: object) -> None:
        told.set()
        raise ToldError

    say(folder, "f04.py", "#group ")
    before = signal.signal(signal.SIGTERM, end)
    try:
        with pytest.raises(ToldError):
            done(folder, jobs=1)
    finally:
        with suppress(ToldError):
            told.wait(10)
        signal.signal(signal.SIGTERM, before)


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0,
    reason="another user, whose processes are limited, needs root to become",
)
@pytest.mark.parametrize(("most", "found"), [(1, "could be started"), (2, "no thread")])
def test_too_few_processes_for_a_user_are_told_with_the_remedy(
    folder: Path, most: int, found: str
) -> None:
    import resource

    worker.context_for(1)  # imports, which that user may not
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
        os.setuid(1_000_000 + os.getpid())  # of whom there is no other process
        try:
            list(run(act, Listed([SourceFile("a.py", b"x", "", None, ())]), [], 1, Nothing(), None))
        except ProvenanceError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        told = stream.read()
    os.waitpid(child, 0)
    assert found in told
    assert "ulimit -u" in told


@pytest.mark.skipif(sys.platform != "linux", reason="there is a server")
def test_a_server_that_can_start_no_worker_is_told_once(folder: Path, tmp_path: Path) -> None:
    """Of three tries each had left a traceback of the server's before what was to be said."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def fork():\n"
        "    raise BlockingIOError(11, 'Resource temporarily unavailable')\n"
        "if any('forkserver' in one for one in sys.orig_argv):\n"
        "    os.fork = fork\n"
    )
    script = (
        "from provenance.workers import Listed, run\n"
        "from provenance.worker import context_for\n"
        "from provenance.indexing import SketchSettings, sketch_batch\n"
        "from provenance.model import Parameters, SourceFile\n"
        "files = [SourceFile(f'{at}.py', b'#' * 1_600_000, '', None, ()) for at in range(4)]\n"
        "settings = SketchSettings(Parameters(), (), 5.0)\n"
        "list(run(sketch_batch, Listed(files), [], 2, settings, None))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "what starts them has ended" in ended.stderr
    assert "ulimit -u" in ended.stderr
    assert "forkserver.py" not in ended.stderr.partition("Traceback")[0]
    assert "os.fork()" not in ended.stderr


def test_a_reference_that_no_worker_can_read_is_not_left_out_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page said of it that the text is not at hand, and how to fetch it."""
    kept = str(tmp_path / "demo-1.0-py3-none-any.whl")
    code = {"cell_type": "code", "metadata": {}, "source": program(1), "outputs": []}
    notebook = {"cells": [code], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    with zipfile.ZipFile(kept, "w") as wheel:
        wheel.writestr("demo-1.0.dist-info/METADATA", "Name: demo\nVersion: 1.0\n")
        wheel.writestr("demo/theirs.ipynb", json.dumps(notebook))
    provenance.build_index([kept], tmp_path / "one.db")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.py").write_text(f"{program(1)}\nX = 1\n")
    report = provenance.scan(tmp_path / "mine", [tmp_path / "one.db"])
    monkeypatch.setattr("provenance.sides.cached", lambda name, version: kept)
    assert [*reference_texts(report)] == [("demo", "1.0", "demo/theirs.ipynb")]
    monkeypatch.setattr("provenance.worker._START_SECONDS", 0.0)
    with pytest.raises(provenance.ProvenanceError, match="use fewer --jobs"):
        reference_texts(report)


@pytest.mark.skipif(sys.platform != "linux", reason="there is a server")
@pytest.mark.parametrize("installed", ["the same", "another", "one that tells no place"])
def test_workers_run_the_code_of_who_started_them(tmp_path: Path, installed: str) -> None:
    """Or none: the server imports another release where a script found its own by ``sys.path``."""
    copy, theirs = tmp_path / "provenance", tmp_path / "theirs" / "provenance"
    here, unwanted = Path(worker.__file__).parent, shutil.ignore_patterns("*.db", "__pycache__")
    shutil.copytree(here, copy, ignore=unwanted)
    shutil.copytree(here, theirs, ignore=unwanted)
    if installed == "one that tells no place":
        code = (theirs / "worker.py").read_text()
        assert "[_HERE] if first" in code
        (theirs / "worker.py").write_text(code.replace("[_HERE] if first", "[] if first"))
    if installed != "the same":
        with (copy / "sides.py").open("a") as file:
            file.write("\n\ndef _as_read(files, _):\n    return ['of the copy' for _ in files]\n")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from provenance.sides import Nothing, _as_read, run\n"
        "from provenance.workers import Listed\n"
        "from provenance.model import SourceFile\n"
        "files = [SourceFile(f'{at}.py', b'#' * 1_600_000, '', None, ()) for at in range(4)]\n"
        "found = run(_as_read, Listed(files), [], 2, Nothing(), None)\n"
        "print(*(getattr(one, 'path', one) for batch in found for one in batch))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(theirs.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    if installed == "the same":  # as a checkout and what was installed of it
        assert ended.stdout == "0.py 1.py 2.py 3.py\n", ended.stderr
    elif ended.returncode:
        assert "found that worker processes run " in ended.stderr
        assert f"expected {copy.resolve()}, whose modules are others" in ended.stderr
    else:
        assert ended.stdout.split("\n") == [" ".join(["of the copy"] * 4), ""]


def test_no_number_of_jobs_starts_more_than_two_a_processor(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy of a scanned repository may ask for any."""
    begun, start = [], worker.Worker.__init__

    def counted(self: worker.Worker, task: worker.Task) -> None:
        begun.append(self)
        start(self, task)

    monkeypatch.setattr(worker.Worker, "__init__", counted)
    monkeypatch.setattr(workers, "_BATCH_BYTES", 1)
    results = run(act, open_source(str(folder)), [], 10**9, Nothing(), None)
    assert len([path for batch in results for path in batch]) == 12
    assert 1 <= len(begun) <= 2 * (os.cpu_count() or 1)


def test_several_at_fault_are_all_told(folder: Path) -> None:
    for number in (0, 7, 11):
        say(folder, f"f{number:02}.py", "#die ")
    paths, skipped = done(folder)
    assert len(paths) == 9
    assert [one.path for one in skipped] == ["f00.py", "f07.py", "f11.py"]


def _left(folder: str) -> None:
    results = run(act, open_source(folder), [], 2, Nothing(), None)
    next(iter(results))
    ours = psutil.Process()
    workers = [
        one
        for one in ours.children(recursive=True)
        if one.ppid() != ours.pid or "spawn_main" in " ".join(one.cmdline())
    ]
    assert workers
    results.close()  # type: ignore[attr-defined]
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []


def test_leaving_early_leaves_no_process(folder: Path) -> None:
    """Whoever stops listening, for whatever reason, ends the workers, though one hangs."""
    say(folder, "f11.py", "#hang ")
    ends(_left, [str(folder)])


SCAN = """
import sys
sys.path[:0] = [{tests!r}]
from test_workers import Nothing, act, open_source, run
if __name__ == "__main__":
    print("started", flush=True)
    for batch in run(act, open_source({folder!r}), [], {jobs}, Nothing(), None):
        print(len(batch), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_no_worker_outlives_the_process_that_started_it(folder: Path, sent: str, jobs: int) -> None:
    for number in (6, 11):
        say(folder, f"f{number:02}.py", "#hang ")
    script = folder / "scan.txt"
    script.write_text(
        SCAN.format(tests=str(Path(__file__).parent), folder=str(folder), jobs=jobs), "utf-8"
    )
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
    process.wait(timeout=120)
    process.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=120)
    assert alive == []


STOPPED = """
import subprocess, sys, time
sys.path[:0] = [{tests!r}]
from test_workers import Bounds, Listed, Nothing, SourceFile, run
from provenance import git, worker
where, worker._START_SECONDS = {where!r}, 3
def nap(of):
    if of == where:
        print("begun", flush=True)
        time.sleep(1.5)
def work(batch, _):
    nap("file")
    return ["done"]
class Slow(Nothing):
    def open(self):
        nap("start")
        return super().open()
if __name__ == "__main__":
    if where == "git":
        told = subprocess.Popen("echo begun; sleep 1.5", shell=True, stdin=-1, stderr=-1)
        git._answer(told, b"", 3)
    files = Listed([SourceFile("a.py", b"x", "", None, ())])
    skipped = []
    bounds = Bounds(seconds=3)
    print(list(run(work, files, skipped, 1, Slow(), None, limits=bounds)), skipped, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="signals of POSIX, and work that is forked")
@pytest.mark.parametrize("where", ["file", "start", "git"])
def test_while_all_are_stopped_nobodys_time_passes(where: str, tmp_path: Path) -> None:
    """As by Ctrl-Z: the file at hand was told as one that takes too long, a worker as one that does
    not start, and git as too slow."""
    script = tmp_path / "scan.txt"
    script.write_text(STOPPED.format(tests=str(Path(__file__).parent), where=where), "utf-8")
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    os.killpg(process.pid, signal.SIGSTOP)
    time.sleep(5)
    os.killpg(process.pid, signal.SIGCONT)
    assert process.stdout.read() == b"[['done']] []\n"
    process.stdout.close()
    assert process.wait(timeout=120) == 0


HOST = """
import multiprocessing, os, signal, sys, threading
sys.path[:0] = [{tests!r}]
from test_workers import Nothing, act, open_source, run
def go(jobs):
    batches = run(act, open_source({folder!r}), [], jobs, Nothing(), None)
    return len([path for batch in batches for path in batch])
if __name__ == "__main__":
{host}
    assert [go(1), go(2)] == [12, 12]
    print("done")
    sys.stdout.flush()
    if "child" in globals():
        os.waitpid(child, 0) if child else os._exit(0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals and forks of POSIX")
@pytest.mark.parametrize(
    "host",
    [
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))",
        "go(2); child = os.fork()",
        "os.close(0); sys.stdin = None",
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (14, 14))",
    ],
    ids=[
        "children are not waited for",
        "signals are blocked",
        "forked since",
        "no input",
        "few open files",
    ],
)
def test_work_is_done_whatever_its_host_does_with_processes(folder: Path, host: str) -> None:
    """Each but the last was an exception, or never ended."""
    script = folder / "scan.txt"
    text = HOST.format(tests=str(Path(__file__).parent), folder=str(folder), host=f"    {host}")
    script.write_text(text, "utf-8")
    line = [sys.executable, str(script)]
    ended = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "done\n" * (2 if "fork" in host else 1)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_what_is_interrupted_while_workers_start_says_nothing_itself(folder: Path) -> None:
    """The server of workers imports for a second: what Ctrl-C did there was a traceback."""
    (folder / "slow.py").write_text(
        f"import pathlib, time\npathlib.Path({str(folder / 'begun')!r}).touch()\ntime.sleep(2)\n"
    )
    script = folder / "scan.txt"
    host = "    from provenance import worker\n    worker._NEEDED = ('slow',)"
    text = HOST.format(tests=str(Path(__file__).parent), folder=str(folder), host=host)
    tried = "    try: go(2)\n    except KeyboardInterrupt: sys.exit(3)\n#"
    script.write_text(text.replace("    assert", tried), "utf-8")
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while not (folder / "begun").exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=120)[1] == b""
    assert process.returncode == 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows starts processes in another way")
def test_what_other_threads_see_is_as_it_was_while_workers_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The working folder (Python 3.10), the environment or the name of the script were others: a
    scan of ``.`` in another thread was of another folder, and what was started there failed."""

    def seen() -> tuple[object, ...]:
        main = vars(sys.modules["__main__"])
        return os.getcwd(), dict(os.environ), main.get("__file__"), main.get("__spec__")

    usual, before, found = BaseProcess.start, seen(), []

    def start(self: BaseProcess) -> None:
        found.append(seen())
        usual(self)

    monkeypatch.setattr(BaseProcess, "start", start)
    assert done(folder, jobs=2)[0]
    assert len(found) > 1
    assert found == [before] * len(found)


ENDED = """
    import multiprocessing, time
    import provenance
    provenance.scan({folder!r}, jobs=2)
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=time.sleep, args=(1_000,))
    process.start()
    process.terminate()
    process.join()
    with context.Pool(2) as pool:
        print(pool.map(abs, [-process.exitcode, 3]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_processes_of_others_can_be_ended(folder: Path) -> None:
    """The server of workers is one for all of a process, and what it started heard no signal: who
    ended a pool of their own after a scan waited for ever."""
    script = folder / "scan.txt"
    text = f"if __name__ == '__main__':{ENDED.format(folder=str(folder))}"
    script.write_text(text, "utf-8")
    line = [sys.executable, str(script)]
    ended = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", "[15, 3]\n")


def test_a_worker_that_cannot_be_started_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For want of processes, or since what starts them was killed: no file is at fault."""
    for error in (EOFError("unexpected EOF"), OSError(11, "try again")):

        def fails(_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr("multiprocessing.process.BaseProcess.start", fails)
        with pytest.raises(ProvenanceError, match="could be started"):
            done(folder)


SWALLOWED = """
import signal, sys, time
from provenance import terminal
from provenance.__main__ import start

class Goes:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)
        len("Python asks here whether a signal came")

def goes():
    Goes()
    if sys.argv.pop(1) == "again":
        signal.raise_signal(signal.SIGINT)
    time.sleep(60)

terminal._check_memory = goes
start()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("told", ["once", "again"])
def test_who_is_told_to_end_while_an_object_goes_ends(told: str) -> None:
    """Python lets nothing out of ``__del__``, and all later signals were ignored then."""
    line = [sys.executable, "-c", SWALLOWED, told, "families"]
    ended = subprocess.run(line, capture_output=True, text=True, timeout=50, check=False)
    said = "provenance: interrupted; nothing is written by half\n"
    assert (ended.returncode, ended.stderr, ended.stdout) == (3, said, "")


@needs_a_limit
def test_a_notebook_is_read_where_memory_is_bounded(folder: Path, jobs: int) -> None:
    """It was read by the process that gathers, which nothing holds to anything."""
    text = json.dumps({"nbformat": 4, "cells": [], "picture": "x" * 40_000_000})
    (folder / "f05.ipynb").write_text(text, "utf-8")
    (folder / "f06.ipynb").write_text('{"cells": [', "utf-8")
    paths, skipped = done(folder, Bounds(memory=60_000_000), jobs)
    assert paths == [f"f{number:02}.py" for number in range(12)]
    large, broken = skipped
    assert (large.path, broken.path) == ("f05.ipynb", "f06.ipynb")
    assert "--memory" in large.reason
    assert "valid JSON" in broken.reason


def test_a_notebook_that_is_read_is_worked_on_as_its_code(folder: Path, jobs: int) -> None:
    for path in folder.glob("f0[1-9].py"):
        path.unlink()
    cell = {"cell_type": "code", "source": "#fine\nx = 1"}
    text = json.dumps({"nbformat": 4, "cells": [cell]})
    (folder / "f05.ipynb").write_text(text, "utf-8")
    (folder / "f06.ipynb").write_text("[]", "utf-8")
    paths, skipped = done(folder, jobs=jobs)
    assert paths == ["f00.py", "f05.ipynb", "f10.py", "f11.py"]
    assert [one.path for one in skipped] == ["f06.ipynb"]
    assert done(folder, jobs=0) == (paths, skipped)


def test_files_that_are_read_together_cost_the_one_at_fault(jobs: int) -> None:
    """As notice files are, before any file is looked at."""
    text = {"a": b"#fine", "b": b"#die", "c": b"#fine", "d": b"#slow"}
    files = [SourceFile(path, content, "") for path, content in text.items()]
    skipped: list[Skipped] = []
    assert workers.at_once(act, files[::2], skipped, jobs) == ["a", "c"]
    assert skipped == []
    assert workers.at_once(act, files, skipped, jobs) == ["a", "c"]
    assert [one.path for one in skipped] == ["b", "d"]
    skipped.clear()
    assert workers.at_once(act, files[2:], skipped, 0) == ["c"]
    assert [one.path for one in skipped] == ["d"]


def test_no_notebook_is_read_where_nothing_bounds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page read those with findings again in the process that gathers: three of 3.6 MB took half
    a minute."""
    code = program(1)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "model.py").write_text(code, "utf-8")
    (tmp_path / "here").mkdir()
    cells = [{"cell_type": "code", "source": code + "\nx = 1"}]
    (tmp_path / "here" / "a.ipynb").write_text(json.dumps({"cells": cells}), "utf-8")
    usual, here, read = notebook.read_notebook, os.getpid(), []

    def noted(data: bytes, most: int) -> Any:
        if os.getpid() == here:
            read.append(data)
        return usual(data, most)

    monkeypatch.setattr(notebook, "read_notebook", noted)
    report = provenance.compare(tmp_path / "here", tmp_path / "there")
    assert report.findings
    assert suspect_texts(report) == {"a.ipynb": code + "\nx = 1\n"}
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "a.ipynb").write_text("[", "utf-8")
    assert suspect_texts(report, str(tmp_path / "moved")) == {}
    assert read == []
