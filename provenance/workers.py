"""workers: batches of files -> results in order, in this process or in several.

Nothing depends on which process did what, nor on how many there are. A worker that dies or is
too long about its batch costs the file at fault and no other: the batch is halved until that file
stands alone, and it is told among the skipped. Workers end with the process that started them.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any, Protocol, TypeVar

from provenance.errors import TooLongError
from provenance.model import Skipped, SourceFile

Progress = Callable[[int, int], None]
"""Called with (done, total) files as work goes on."""

_BATCH_FILES = 64
_BATCH_BYTES = 1_500_000
_FEW_BYTES = 3_000_000  # below this a second process costs more than it saves

_TASKS = 2  # batches under way for each worker

_Done = TypeVar("_Done")
_Work = Callable[[Sequence[SourceFile], Any], list[_Done]]

_Resource = TypeVar("_Resource", covariant=True)


class Yields(Protocol):
    """Where files come from."""

    @property
    def total(self) -> int:
        """How many there are."""
        ...

    def files(self) -> Iterator[SourceFile | Skipped]:
        """The files, one at a time, or why one is not read."""
        ...


class Opens(Protocol[_Resource]):
    """Settings that travel to a worker, which opens there what the work needs."""

    def open(self) -> AbstractContextManager[_Resource]:
        """Open it, for as long as the context lasts."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a worker may take: ``seconds`` for a batch of files, and so for a file; ``memory``,
    bytes, where the system can bound it (Linux). A batch takes a second or two."""

    seconds: float = 60.0
    memory: int = 4_000_000_000


BOUNDS = Bounds()


def run(
    work: _Work[_Done],
    source: Yields,
    skipped: list[Skipped],
    jobs: int,
    settings: Opens[Any],
    progress: Progress | None,
    known: Callable[[SourceFile], bool] = lambda _: False,
    limits: Bounds = BOUNDS,
) -> Iterator[list[_Done]]:
    """Results of every batch, in the order of the files.

    Args:
        work: what to do with a batch, a result for each file; runs in a worker when there are
            jobs and files enough.
        source: where the files come from.
        skipped: grows by what could not be read, or cost a worker its life.
        jobs: how many processes; at most two a processor are started.
        settings: what the work needs.
        progress: is told how many files are done.
        known: files that need no parsing; they travel without their content.
        limits: of a worker. In this process the work itself gives a file up, with
            ``TooLongError``.
    """
    batches = _batches(source, skipped, known)
    done = 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(min(source.total, done + len(skipped)), source.total)

    tell(0)
    head: list[list[SourceFile]] = []
    size = 0
    for batch in batches:
        head.append(batch)
        size += sum(len(file.content) for file in batch)
        if jobs < 2 or size > _FEW_BYTES:
            break
    if not head:  # nothing to do: what the work needs is not even opened
        return
    whole = _chain(head, batches)
    if jobs < 2 or size <= _FEW_BYTES:
        with settings.open() as resource:
            for batch in whole:
                yield list(_here(work, batch, resource, limits, skipped))
                tell(len(batch))
        return
    task = _Task(work, settings, limits, skipped)
    for outcome in _spread(task, whole, jobs):
        yield outcome
        tell(len(outcome))


@dataclass(frozen=True, slots=True)
class _Task:
    """What is done with every batch, and where to tell what could not be."""

    work: _Work[Any]
    settings: Opens[Any]
    limits: Bounds
    skipped: list[Skipped]

    def start(self, pool: ProcessPoolExecutor, batch: Sequence[SourceFile]) -> Future[list[Any]]:
        """Give a batch to a worker; a pool that has broken meanwhile says so later."""
        try:
            with _unshadowed():
                return pool.submit(_in_worker, self.work, batch, self.settings, self.limits.seconds)
        except BrokenProcessPool as error:
            broken: Future[list[Any]] = Future()
            broken.set_exception(error)
            return broken


_DIED = (BrokenProcessPool, MemoryError, TooLongError)


def _spread(task: _Task, batches: Iterator[list[SourceFile]], jobs: int) -> Iterator[list[Any]]:
    """Results of the batches, in order, from several workers."""
    # a policy of the scanned repository may ask for any number, and all are started at once
    jobs = min(jobs, 2 * (os.cpu_count() or 1), 61 if sys.platform == "win32" else jobs)
    pending: deque[tuple[list[SourceFile], Future[list[Any]]]] = deque()
    more = True
    while more:
        with _pool(jobs, task.limits) as pool:
            broken = False
            while not broken:
                while len(pending) <= _TASKS * jobs and (batch := next(batches, None)) is not None:
                    pending.append((batch, task.start(pool, batch)))
                if not pending:
                    more = False
                    break
                batch, future = pending.popleft()
                try:
                    yield future.result()
                except _DIED as error:
                    broken = isinstance(error, BrokenProcessPool)
                    yield _alone(task, batch)
        # Those whose worker went with the pool are done one by one: one of them is at fault.
        while broken and pending:
            batch, future = pending.popleft()
            lost = future.cancelled() or isinstance(future.exception(), _DIED)
            yield _alone(task, batch) if lost else future.result()


def _here(
    work: _Work[_Done],
    batch: Sequence[SourceFile],
    resource: Any,
    limits: Bounds,
    skipped: list[Skipped],
) -> Iterator[_Done]:
    """Results of a batch in this process, without the files whose work was given up."""
    try:
        yield from work(batch, resource)
    except TooLongError:
        if len(batch) > 1:
            half = len(batch) // 2
            for part in (batch[:half], batch[half:]):
                yield from _here(work, part, resource, limits, skipped)
        else:
            skipped.append(_at_fault(batch[0], limits))


def _at_fault(file: SourceFile, limits: Bounds) -> Skipped:
    return Skipped(
        file.path,
        f"found a file that a worker process did not survive, or on which it spent more than "
        f"{limits.seconds:g} seconds or {limits.memory:,} bytes, expected less; look at "
        "the file, leave it out with --exclude, or raise --timeout or --memory",
    )


def _alone(task: _Task, batch: Sequence[SourceFile]) -> list[Any]:
    """A batch in a process of its own; where that dies too, its halves."""
    with _pool(1, task.limits) as pool:
        try:
            return task.start(pool, batch).result()
        except _DIED:
            pass
    if len(batch) > 1:
        half = len(batch) // 2
        return _alone(task, batch[:half]) + _alone(task, batch[half:])
    task.skipped.extend(_at_fault(file, task.limits) for file in batch)
    return []


@contextmanager
def _pool(jobs: int, limits: Bounds) -> Iterator[ProcessPoolExecutor]:
    """Worker processes that end when this context does, however it does, or this process."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload(["provenance.attribute", "provenance.candidates"])
    ends_with_us, held = context.Pipe(duplex=False)
    first = (ends_with_us, limits.memory)
    with _unshadowed():
        pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=first)
    calls = getattr(pool, "_call_queue", None)
    try:
        yield pool
        if not getattr(pool, "_broken", False):
            pool.shutdown()
    finally:
        held.close()  # workers that are still about something give up
        if sys.version_info < (3, 11, 5) and calls is not None:
            # Where a worker died, a batch that is half written into the queue waits for a reader
            # for ever (CPython issue 94777, mended in 3.11.5).
            with suppress(OSError):
                calls._reader.close()
        pool.shutdown(cancel_futures=True)
        ends_with_us.close()


@contextmanager
def _unshadowed() -> Iterator[None]:
    """For as long as processes are started. Those of ``multiprocessing`` import what they need from
    the working folder first, and that may be what is scanned: a ``numpy.py`` in it would be run.
    """
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


def _begin(ends_with_us: Connection, memory: int) -> None:
    """A worker's first act: interrupts are for the process that started it, which may die too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        import resource
    except ImportError:  # Windows
        pass
    else:
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        least = memory if most == resource.RLIM_INFINITY else min(memory, most)
        resource.setrlimit(resource.RLIMIT_DATA, (least, most))

    def watch() -> None:
        try:
            ends_with_us.recv_bytes()
        except (EOFError, OSError):
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _chain(
    head: list[list[SourceFile]], rest: Iterator[list[SourceFile]]
) -> Iterator[list[SourceFile]]:
    while head:
        yield head.pop(0)
    yield from rest


def _batches(
    source: Yields, skipped: list[Skipped], known: Callable[[SourceFile], bool]
) -> Iterator[list[SourceFile]]:
    """Files in batches that bound memory; what could not be read goes to ``skipped``."""
    batch: list[SourceFile] = []
    size = 0
    for file in source.files():
        if isinstance(file, Skipped):
            skipped.append(file)
            continue
        if known(file):
            file = emptied(file)
        batch.append(file)
        size += len(file.content)
        if len(batch) >= _BATCH_FILES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


_in_this_worker: dict[Any, Any] = {}


def _in_worker(
    work: _Work[_Done], batch: Sequence[SourceFile], settings: Opens[Any], seconds: float
) -> list[_Done]:
    """Do a batch in a worker process, with what an earlier batch opened there. A watchdog, which
    needs no help of the interpreter, ends the process when it takes too long."""
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            if settings not in _in_this_worker:
                _in_this_worker[settings] = settings.open().__enter__()
            return work(batch, _in_this_worker[settings])
        finally:
            faulthandler.cancel_dump_traceback_later()


def emptied(file: SourceFile) -> SourceFile:
    """The file without its content, which need not travel back."""
    return replace(file, content=b"")
