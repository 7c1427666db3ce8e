"""worker: one process that does batches of files, held to time and memory, and the pipe to it.

Whoever started it ends it, and it ends by itself where that process is no more.
"""

from __future__ import annotations

import errno
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from math import inf
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, Protocol, TypeVar

from provenance.aside import has_temporary
from provenance.errors import LEAST_DEPTH, ProvenanceError, TooLongError, UsageError
from provenance.model import Skipped, SourceFile, Unread

_START_SECONDS = 120.0  # a worker imports and opens what it needs in one or two
_STARTS = 3  # a process that is ended before its first file says nothing of any file
_PAUSE_SECONDS = 0.5
_NAP_SECONDS = 1.0
_MOST_SECONDS = 1_000_000  # that a system can wait for, at once
_MOST_MEMORY = 10**18  # that a system can bound
_CYCLES = 50_000
"""Objects that are made and not let go before cycles are sought. Python begins with 700 or 2,000:
on sympy it seeks a hundred times and finds none, on models 300 objects for 3 % of the time."""

_HERE = os.path.dirname(os.path.realpath(__file__))
"""Whose code this is: the server of workers knows nothing of what a script puts into ``sys.path``,
and finds another one where that is installed."""
_NEEDED = ("provenance.attribute", "provenance.candidates", "provenance.declared")
"""Imported before a process is forked: what every worker needs, and takes long."""


_Resource = TypeVar("_Resource", covariant=True)

Batch = Sequence[SourceFile | Unread]
Work = Callable[[Batch, Any], list[Any]]
"""What is done with a batch: a result for each file."""

Cause = Literal["time", "memory", "death"]
"""Why a worker was lost."""


class Opens(Protocol[_Resource]):
    """Settings that travel to a worker, which opens there what the work needs."""

    def open(self) -> AbstractContextManager[_Resource]:
        """Open it, for as long as the context lasts."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a worker may take: ``seconds`` for a batch of files, and so for a file; ``memory``,
    bytes beside what it begins with, where the system can bound it (Linux). A batch takes a second
    or two."""

    seconds: float = 60.0
    memory: int = 4_000_000_000

    def __post_init__(self) -> None:
        for name, value, kinds, most in (
            ("seconds", self.seconds, (int, float), _MOST_SECONDS),
            ("memory", self.memory, (int,), _MOST_MEMORY),
        ):
            if not isinstance(value, kinds) or not 0 < value <= most:  # what is no number neither
                raise UsageError(
                    f"{name}: found {value!r} as a bound, expected a number above 0, at most "
                    f"{most:,}"
                )


BOUNDS = Bounds()

_held = False  # whether this process is one that somebody else ends


def patience(seconds: float) -> float:
    """How long work may take that ends by itself: for ever in a worker, which is ended where it
    takes longer than it may. To look at the clock costs time too."""
    return inf if _held else seconds


@dataclass(frozen=True, slots=True)
class Task:
    """What is done with every batch, with what, and how it is bounded."""

    work: Work
    settings: Opens[Any]
    limits: Bounds
    context: BaseContext


@dataclass(slots=True)
class Begun:
    """A batch that was given to a worker, and what became of it."""

    batch: Batch
    done: list[Any] | None = None
    told: list[Skipped] = field(default_factory=list)


class LostError(Exception):
    """A worker is of no more use, for what it did last."""

    def __init__(self, cause: Cause) -> None:
        self.cause: Cause = cause


class UnstartedError(ProvenanceError):
    """A worker did not start, as often as it was tried."""


class Worker:
    """A process that does one batch after the other, and the pipe to it.

    Raises:
        UnstartedError: none starts, though it was tried again.
        ProvenanceError: what it needs cannot be opened.
    """

    def __init__(self, task: Task) -> None:
        self._limits = task.limits
        self.left = 0.0  # seconds, for its batch
        self.job: Begun | None = None
        for left in reversed(range(_STARTS)):
            try:
                self._start(task)
                return
            except UnstartedError:
                if not left:
                    raise
            time.sleep(_PAUSE_SECONDS)

    def _start(self, task: Task) -> None:
        forks = task.context.get_start_method() == "fork"
        try:
            self.pipe, theirs = task.context.Pipe()
        except OSError as error:
            raise _unstarted(error) from error
        given = (theirs, self.pipe if forks else None, task.work, task.settings, task.limits.memory)
        self._process = task.context.Process(  # type: ignore[attr-defined]
            target=_serve, args=given, daemon=True
        )
        try:
            with _forking() if forks else _apart(), _undisturbed(forks):
                self._process.start()
        except (EOFError, OSError) as error:
            self.end()
            raise _unstarted(error) from error
        finally:
            theirs.close()
        try:
            # in naps: no time passes while all are stopped, as from a terminal
            if not any(self.pipe.poll(_NAP_SECONDS) for _ in range(int(_START_SECONDS))):
                raise ProvenanceError(
                    "found that a worker process did not open the indexes in "
                    f"{_START_SECONDS:g} seconds, expected it in one or two; use fewer --jobs, or "
                    "keep the indexes where they are read sooner"
                )
            (whose,) = self._received() or ["an earlier release"]  # which did not tell
            if whose != _HERE and not _is_as_here(whose):
                raise ProvenanceError(
                    f"found that worker processes run {whose}, expected {_HERE}, whose modules "
                    "are others; install that one alone, or put the folder that it is in into "
                    "PYTHONPATH"
                )
        except (EOFError, OSError) as error:
            said = _ending(self._gone())
            self.end()
            raise UnstartedError(
                f"found that a worker process ended before its first file{said}, {_STARTS} times "
                "one after the other, expected it to open the indexes; free some of the machine's "
                "memory, or use fewer --jobs"
            ) from error
        except MemoryError as error:
            self.end()
            raise ProvenanceError(
                "found that a worker process could not open the indexes with "
                f"{self._limits.memory / 1e6:,.0f} MB, expected it to; raise --memory"
            ) from error
        except BaseException:
            self.end()
            raise

    def give(self, job: Begun) -> None:
        """Let it begin with a batch."""
        self.job = job
        self.left = self._limits.seconds
        try:
            self.pipe.send(job.batch)
        except OSError:  # told when its results are taken; half of a batch is waited for
            self._process.kill()

    def taken(self) -> list[Any]:
        """The results of its batch, once it is ready.

        Raises:
            LostError: there are none, and the worker is of no more use.
        """
        self.job = None
        try:
            if not self.pipe.poll():  # nothing came in time
                raise LostError("time")
            return self._received()  # type: ignore[no-any-return]
        except (EOFError, OSError):
            self._gone()
            raise LostError("death") from None
        except MemoryError:
            raise LostError("memory") from None
        except TooLongError:
            raise LostError("time") from None

    def _received(self) -> Any:
        done, error, said = self.pipe.recv()
        if error is not None:
            raise error from _ThereError(said) if said else None
        return done

    def _gone(self) -> int | None:
        """How it has ended, once its pipe is shut. Who ends a whole group of processes, as when a
        terminal is closed, tells us too: that is waited for, or it would be blamed on a file."""
        self._process.join(_PAUSE_SECONDS)
        code: int | None = self._process.exitcode
        if code is not None and -code in _ended_by():
            time.sleep(_PAUSE_SECONDS)
        return code

    def end(self) -> None:
        """End it, whatever it is about."""
        self.pipe.close()
        if self._process.pid is not None:
            self._process.kill()
            self._process.join()
        with suppress(ValueError):  # who ignores SIGCHLD is not told that it has ended
            self._process.close()


@lru_cache(maxsize=1)
def _is_as_here(folder: str) -> bool:
    """Whether a folder has the modules that this one has, as where a checkout was installed."""

    def modules(top: str) -> dict[Path, bytes]:
        return {one.relative_to(top): one.read_bytes() for one in Path(top).rglob("*.py")}

    return modules(folder) == modules(_HERE)


def _unstarted(error: Exception) -> UnstartedError:
    """That no process could be started, and the remedy."""
    remedy = {
        errno.EAGAIN: "let this user have more processes (ulimit -u), or end some",
        errno.EMFILE: "let a process have more open files (ulimit -n), or use --jobs 1",
    }.get(getattr(error, "errno", None) or 0)
    usual = "free some memory, processes and open files, or start in a folder that is still there"
    said = str(error)
    if isinstance(error, EOFError):  # from the server that starts them
        said = "what starts them has ended"
        remedy = "let this user have more processes (ulimit -u), or use --jobs 1; else " + usual
    return UnstartedError(
        f"found that no worker process could be started ({said}), expected one; {remedy or usual}"
    )


def _ending(code: int | None) -> str:
    """How a process has ended, in words."""
    with suppress(ValueError):
        if code is not None and code < 0:
            return f", by {signal.Signals(-code).name}"
    return "" if code is None else f", with {code}"


class _ThereError(Exception):
    """Where in a worker an error was raised."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def ready(crew: Sequence[Worker]) -> list[tuple[Worker, Begun]]:
    """Those whose results, or whose end, can be taken, and for what; waits for one, or till the
    time of one is over. No more of it passes than was waited for: none while all are stopped, as
    from a terminal."""
    busy = [(worker, worker.job) for worker in crew if worker.job is not None]
    while True:
        asked = min(_NAP_SECONDS, max(0.0, min(worker.left for worker, _ in busy)))
        begun = time.monotonic()
        ready = wait([worker.pipe for worker, _ in busy], asked)
        passed = min(asked, time.monotonic() - begun)
        for worker, _ in busy:
            worker.left -= passed
        found = [one for one in busy if one[0].pipe in ready or one[0].left <= 0]
        if found:
            return found


# --- starting a worker --------------------------------------------------------------------

_alone = threading.RLock()
"""Held while what all threads share is changed for who is started."""


def _fork_anew() -> None:
    """A lock that another thread held when this process was forked would stay shut."""
    global _alone
    _alone = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fork_anew)


def context_for(jobs: int) -> BaseContext:
    """How workers are started. To fork costs next to nothing, but takes along only the thread that
    does it: a lock that another one held would stay shut."""
    methods = multiprocessing.get_all_start_methods()
    if jobs == 1 and sys.platform == "linux" and threading.active_count() == 1:
        for name in _NEEDED:
            import_module(name)
        return multiprocessing.get_context("fork")
    if "forkserver" not in methods or not _served() or not has_temporary():
        return multiprocessing.get_context("spawn")  # the server listens in that of temporary files
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["provenance.served", *_NEEDED, "provenance.heard"])
    return context


_server_of: int | None = None  # who started the server of workers, if anybody did


def _served() -> bool:
    """Whether a server can start workers: it serves who started it, but no fork of that process,
    and hears of their end by a signal, which it does not where that is blocked."""
    global _server_of
    if signal.SIGCHLD in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        return False
    _server_of = _server_of or os.getpid()
    return _server_of == os.getpid()


@contextmanager
def _undisturbed(forks: bool) -> Iterator[None]:
    """For as long as processes are started: they begin with signals blocked that are for who
    starts them, and would be told of an interruption while they import."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    if not forks:
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # when it starts, it unblocks some
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ended_by())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ended_by() -> list[signal.Signals]:
    """The signals of the terminal, as far as this system has them."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


@contextmanager
def _forking() -> Iterator[None]:
    """Threads of libraries, as numpy starts them for linear algebra, are made again there."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*multi-threaded, use of fork.*", DeprecationWarning)
        yield


@contextmanager
def _apart() -> Iterator[None]:
    """For as long as processes are started. Those of ``multiprocessing`` import what they need from
    the working folder first, and that may be what is scanned: a ``numpy.py`` in it would be run.
    They also run the script again that started us, unless nobody tells them which one it is. What
    other threads start meanwhile is started as ever. One of ours at a time: another would take what
    is changed for what was there, and leave it so."""
    from multiprocessing import spawn, util

    changed: Any = util
    with _alone, unshadowed() if sys.platform == "win32" else nullcontext():
        thread = threading.get_ident()
        prepared, started = spawn.get_preparation_data, changed.spawnv_passfds

        def without_script(name: str) -> dict[str, Any]:
            told: dict[str, Any] = prepared(name)
            if threading.get_ident() == thread:
                told = {key: one for key, one in told.items() if "main" not in key}
            return told

        def from_elsewhere(path: Any, words: Sequence[Any], descriptors: Any) -> Any:
            if threading.get_ident() == thread:
                words = _unshadowed_words(words)
            return started(path, words, descriptors)

        spawn.get_preparation_data = without_script
        changed.spawnv_passfds = from_elsewhere
        try:
            yield
        finally:
            spawn.get_preparation_data = prepared
            changed.spawnv_passfds = started


def _unshadowed_words(words: Sequence[Any]) -> list[Any]:
    """A command line of Python that imports nothing from the working folder."""
    if sys.version_info >= (3, 11):
        return [words[0], "-P", *words[1:]]
    if "-c" not in words:
        return [*words]
    at = words.index("-c") + 1
    code = f"import sys; sys.path = [*filter(None, sys.path)]; {words[at]}"
    return [*words[:at], code, *words[at + 1 :]]


@contextmanager
def unshadowed() -> Iterator[None]:
    """For as long as programs are started that run Python: they import nothing from the working
    folder, or begin in another one."""
    with _alone:
        yield from _unshadowed()


def _unshadowed() -> Iterator[None]:
    if sys.version_info >= (3, 11) and not sys.flags.ignore_environment:
        before = os.environ.get("PYTHONSAFEPATH")
        os.environ["PYTHONSAFEPATH"] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ["PYTHONSAFEPATH"]
            else:
                os.environ["PYTHONSAFEPATH"] = before
    else:
        here = os.getcwd()
        os.chdir(sys.prefix)  # the workers come back by themselves
        try:
            yield
        finally:
            os.chdir(here)


# --- in a worker --------------------------------------------------------------------------


def _serve(
    pipe: Connection,
    inherited: Connection | None,
    work: Work,
    settings: Any,
    memory: int,
) -> None:
    """Do batches until the process that sends them is no more.

    Args:
        pipe: where batches come from and results go.
        inherited: the other end of it, where this process was forked.
        work: what to do with a batch.
        settings: what it needs.
        memory: bytes that may be taken.
    """
    global _held
    _held = True
    for sent in _ended_by():  # for who started us
        signal.signal(sent, signal.SIG_IGN if sent == signal.SIGINT else signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ended_by())
    if inherited is not None:
        inherited.close()
        gc.freeze()  # what is shared with who forked us is not written to
    gc.set_threshold(_CYCLES)
    sys.setrecursionlimit(max(LEAST_DEPTH, sys.getrecursionlimit()))
    batches: SimpleQueue[Batch] = SimpleQueue()

    def read() -> None:
        try:
            while True:
                batches.put(pipe.recv())
        finally:
            os._exit(1)

    try:
        bound(memory)
        threading.Thread(target=read, daemon=True).start()
    except ProvenanceError as error:
        pipe.send((None, error, ""))
        return
    except RuntimeError as error:
        said = f"found that a worker process could start no thread ({error}), expected one; "
        remedy = "let this user have more processes (ulimit -u), end some, or use fewer --jobs"
        pipe.send((None, UnstartedError(said + remedy), ""))
        return
    opened = resource = None
    first = True
    while True:
        answer: tuple[list[Any] | None, Exception | None, str]
        try:
            if first:
                opened = settings.open()  # kept: it closes when it is no more
                resource = opened.__enter__()
            answer = [_HERE] if first else work(batches.get(), resource), None, ""
        except (ProvenanceError, TooLongError, MemoryError) as error:
            answer = None, error, ""
        except Exception as error:
            answer = None, error, traceback.format_exc()
        try:
            pipe.send(answer)
        except OSError:  # half of it may have gone, and what follows be taken for the rest
            os._exit(1)
        except MemoryError as error:
            pipe.send((None, error, ""))
        except Exception as error:  # it cannot travel
            said = answer[2] or traceback.format_exc()
            pipe.send((None, RuntimeError(repr(answer[1] or error)), said))
        first = False


@contextmanager
def held(memory: int) -> Iterator[None]:
    """For as long as it lasts, let this process take so many bytes more than it has, where the
    system can see to that: a ``MemoryError`` where it asks for more."""
    try:
        import resource
    except ImportError:  # Windows
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_DATA)
    bound(memory)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def bound(memory: int) -> None:
    """Let this process take so many bytes more than it has, where the system can see to that.

    Raises:
        ProvenanceError: it can, but does not.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    with suppress(OSError), open("/proc/self/statm") as file:
        memory += int(file.read().split()[5]) * resource.getpagesize()
    try:
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        least = memory if most == resource.RLIM_INFINITY else min(memory, most)
        resource.setrlimit(resource.RLIMIT_DATA, (least, most))
    except (OSError, ValueError) as error:
        raise ProvenanceError(
            f"found that no process may bound its memory here ({error}), expected to be let; allow "
            "prlimit and setrlimit where what programs may call is filtered"
        ) from error
