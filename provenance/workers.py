"""workers: batches of files -> results in order, worked on in processes that are held to bounds.

Nothing depends on which process did what, nor on how many there are. Even little work is done in a
process of its own: only a process can be held to time and memory, and be lost. One that dies, takes
too long or needs too much costs the file at fault and no other: the files of its batch are done one
by one, and that file is told among the skipped. Workers end with the process that started them.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from provenance.errors import TooLongError
from provenance.model import Skipped, SourceFile, Unread
from provenance.worker import (
    BOUNDS,
    Begun,
    Bounds,
    Cause,
    LostError,
    Opens,
    Task,
    UnstartedError,
    Worker,
    bound,
    context_for,
    held,
    patience,
    ready,
)

__all__ = [
    "BOUNDS",
    "Bounds",
    "Listed",
    "Nothing",
    "Progress",
    "Streamed",
    "at_once",
    "bound",
    "emptied",
    "held",
    "patience",
    "run",
]

Progress = Callable[[int, int], None]
"""Called with (done, total) files as work goes on."""

_BATCH_FILES = 64
_BATCH_BYTES = 1_500_000
_FEW_BYTES = 3_000_000  # below this a second process costs more than it saves

_AHEAD = 2  # batches begun for each worker whose results wait for those of an earlier one

_Done = TypeVar("_Done")
_File = SourceFile | Unread
_Work = Callable[[Sequence[SourceFile], Any], list[_Done]]
_Batch = Sequence[_File]


class Yields(Protocol):
    """Where files come from."""

    @property
    def total(self) -> int:
        """How many there are."""
        ...

    def files(self) -> Iterator[_File | Skipped]:
        """The files, one at a time, or why one is not read."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """Files that are at hand, as a source yields them."""

    listed: Sequence[SourceFile]

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.listed)

    def files(self) -> Iterator[SourceFile | Skipped]:
        """The files."""
        yield from self.listed


@dataclass(frozen=True, slots=True)
class Streamed:
    """Files as they come, once, as a source yields them; nobody knows how many."""

    coming: Iterator[_File]
    total: int = 0

    def files(self) -> Iterator[_File | Skipped]:
        """The files."""
        yield from self.coming


@dataclass(frozen=True, slots=True)
class Nothing:
    """Settings of work that needs none."""

    def open(self) -> AbstractContextManager[None]:
        """Nothing is to be opened."""
        return nullcontext()


def run(
    work: _Work[_Done],
    source: Yields,
    skipped: list[Skipped],
    jobs: int,
    settings: Opens[Any],
    progress: Progress | None,
    known: Callable[[_File], bool] = lambda _: False,
    limits: Bounds = BOUNDS,
) -> Iterator[list[_Done]]:
    """Results of every batch, in the order of the files.

    Args:
        work: what to do with a batch, of which the notebooks are read there, too: a result for
            each file; runs in a worker.
        source: where the files come from.
        skipped: grows by what could not be read, or cost a worker its life.
        jobs: how many workers, where there is work for so many; at most two a processor are
            started. 0 does the work in this process, which nothing holds to bounds: the work
            itself gives a file up, with ``TooLongError``. So does a process that may start none,
            a daemon of ``multiprocessing``.
        settings: what the work needs.
        progress: is told how many files are done.
        known: files that need no parsing; they travel without their content.
        limits: of a worker.

    Raises:
        ProvenanceError: a worker does not start, or the work raises it.
    """
    batches = _batches(source, skipped, known)
    done = 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(min(source.total, done + len(skipped)), source.total)

    tell(0)
    head: list[list[_File]] = []
    size = 0
    for batch in batches:
        head.append(batch)
        size += sum(len(file.content) for file in batch)
        if jobs < 2 or size > _FEW_BYTES:
            break
    if not head:  # nothing to do: what the work needs is not even opened
        return
    whole = _chain(head, batches)
    if jobs < 1 or multiprocessing.current_process().daemon:
        with settings.open() as resource:
            for batch in whole:
                outcome = _left(_here(_Reads(work), batch, resource, limits, skipped), skipped)
                yield outcome
                tell(len(outcome))
        return
    jobs = 1 if size <= _FEW_BYTES else min(jobs, most_workers())
    task = Task(_Reads(work), settings, limits, context_for(jobs))
    for results in _spread(task, whole, jobs, skipped):
        outcome = _left(results, skipped)
        yield outcome
        tell(len(outcome))


def at_once(
    work: _Work[_Done],
    files: Sequence[SourceFile],
    skipped: list[Skipped],
    jobs: int,
    limits: Bounds = BOUNDS,
) -> list[_Done]:
    """What is made of a few files that are read together, in one worker; see ``run``.

    Args:
        work: what to do with them all; it needs nothing that must be opened.
        files: the files.
        skipped: grows by those that cost a worker its life; the others are done one by one then.
        jobs: 0 does the work in this process.
        limits: of the worker.
    """
    if jobs < 1 or multiprocessing.current_process().daemon:
        return _left(_here(_Reads(work), files, None, limits, skipped), skipped)
    task = Task(_Reads(work), Nothing(), limits, context_for(1))
    (done,) = _spread(task, iter([files]), 1, skipped)
    return _left(done, skipped)


@dataclass(frozen=True, slots=True)
class _Reads:
    """Work on a batch of which the notebooks are read first; why one is not is among what it
    gives."""

    work: _Work[Any]

    def __call__(self, files: _Batch, resource: Any) -> list[Any]:
        from provenance.notebook import parted

        told, unread = parted(files)
        return [*unread, *(self.work(told, resource) if told else ())]


def _left(done: Iterable[Any], skipped: list[Skipped]) -> list[Any]:
    """The results of a batch, but why files are skipped, which is told."""
    left: list[Any] = []
    for one in done:
        (skipped if isinstance(one, Skipped) else left).append(one)
    return left


def most_workers() -> int:
    """How many are started, however many are asked for: the policy of a scanned repository may ask
    for any number. Each takes two of the files that may be open here, and we some."""
    most = 2 * (os.cpu_count() or 1)
    if sys.platform == "win32":
        return min(most, 60)
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if files == resource.RLIM_INFINITY else max(1, min(most, (files - 16) // 2))


def _here(
    work: _Reads,
    batch: _Batch,
    resource: Any,
    limits: Bounds,
    skipped: list[Skipped],
) -> Iterator[Any]:
    """Results of a batch in this process, without the files whose work was given up."""
    try:
        yield from work(batch, resource)
    except TooLongError:
        if len(batch) == 1:
            skipped.append(_at_fault(batch[0], "time", limits))
            return
        for file in batch:
            yield from _here(work, [file], resource, limits, skipped)


# --- several workers ----------------------------------------------------------------------


def _spread(
    task: Task, batches: Iterator[_Batch], jobs: int, skipped: list[Skipped]
) -> Iterator[list[Any]]:
    """Results of the batches, in order, from several workers."""
    begun: deque[Begun] = deque()
    crew: list[Worker] = []
    following = next(batches, None)
    with ExitStack() as ends:
        ends.callback(_end, crew)
        while following is not None or begun:
            idle = next((worker for worker in crew if worker.job is None), None)
            if following is not None and len(begun) <= _AHEAD * jobs:
                if idle is None and len(crew) < jobs:
                    try:
                        crew.append(idle := Worker(task))
                    except UnstartedError:
                        if not crew:
                            raise
                        jobs = len(crew)  # the system has no more to give: these do it
                if idle is not None:
                    begun.append(Begun(following))
                    idle.give(begun[-1])
                    following = next(batches, None)  # read while they work
                    continue
            if (done := begun[0].done) is not None:
                skipped.extend(begun.popleft().told)
                yield done
                continue
            for worker, job in ready(crew):
                try:
                    job.done = worker.taken()
                    job.batch = ()  # let go: a notebook may have much beside its code
                except LostError as lost:
                    crew.remove(worker)
                    worker.end()
                    _again(task, job, lost.cause)


def _end(crew: Sequence[Worker]) -> None:
    for worker in crew:
        worker.end()


def _again(task: Task, job: Begun, cause: Cause) -> None:
    """What is left of a batch that cost a worker: its files one by one, each that costs another
    one told."""
    job.done = []
    if len(job.batch) == 1 and cause != "death":  # that may have been by chance
        job.told.append(_at_fault(job.batch[0], cause, task.limits))
        return
    worker: Worker | None = None
    try:
        for file in job.batch:
            worker = worker or Worker(task)
            try:
                worker.give(Begun([file]))
                while not ready([worker]):
                    pass
                job.done += worker.taken()
            except LostError as lost:
                job.told.append(_at_fault(file, lost.cause, task.limits))
                worker.end()
                worker = None
    finally:
        if worker:
            worker.end()


def _at_fault(file: _File, cause: Cause, limits: Bounds) -> Skipped:
    memory = f"{limits.memory / 1e6:,.0f} MB"
    seconds = "1 second" if limits.seconds == 1 else f"{limits.seconds:g} seconds"
    found, option = {
        "time": (f"that took more than {seconds}", "--timeout"),
        "memory": (
            f"for which more memory was needed than {memory}, or than the system grants",
            "--memory",
        ),
        "death": (
            f"that its worker process did not survive, most likely for want of memory, of which "
            f"it may take {memory}",
            "--memory",
        ),
    }[cause]
    return Skipped(
        file.path,
        f"found a file {found}, expected less; look at it, leave it out with --exclude, or raise "
        f"{option}",
    )


# --- batches ------------------------------------------------------------------------------


def _chain(head: list[list[_File]], rest: Iterator[list[_File]]) -> Iterator[list[_File]]:
    while head:
        yield head.pop(0)
    yield from rest


def _batches(
    source: Yields, skipped: list[Skipped], known: Callable[[_File], bool]
) -> Iterator[list[_File]]:
    """Files in batches that bound memory; what could not be read goes to ``skipped``."""
    batch: list[_File] = []
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


def emptied(file: _File) -> SourceFile:
    """The file without its content, which need not travel back, nor the cells that it had."""
    return SourceFile(file.path, b"", file.sha256, file.modified)
