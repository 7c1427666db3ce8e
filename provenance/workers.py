"""workers: batches of files -> results in order, in this process or in several.

Nothing depends on which process did what, nor on how many there are.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from provenance.errors import ProvenanceError
from provenance.model import Skipped, SourceFile

if TYPE_CHECKING:
    from provenance.source import Source

Progress = Callable[[int, int], None]
"""Called with (done, total) files as work goes on."""

_BATCH_FILES = 64
_BATCH_BYTES = 1_500_000
_FEW_BYTES = 3_000_000  # below this a second process costs more than it saves

_Done = TypeVar("_Done")

_Resource = TypeVar("_Resource", covariant=True)


class Opens(Protocol[_Resource]):
    """Settings that travel to a worker, which opens there what the work needs."""

    def open(self) -> AbstractContextManager[_Resource]:
        """Open it, for as long as the context lasts."""
        ...


def run(
    work: Callable[[Sequence[SourceFile], Any], list[_Done]],
    source: Source,
    skipped: list[Skipped],
    jobs: int,
    settings: Opens[Any],
    progress: Progress | None,
    known: Callable[[SourceFile], bool] = lambda _: False,
) -> Iterator[list[_Done]]:
    """Results of every batch, in the order of the files.

    Args:
        work: what to do with a batch; runs in a worker when there are jobs and files enough.
        source: where the files come from.
        skipped: grows by what could not be read.
        jobs: how many processes.
        settings: what the work needs.
        progress: is told how many files are done.
        known: files that need no parsing; they travel without their content.
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
    if jobs < 2 or size <= _FEW_BYTES:
        with settings.open() as resource:
            for batch in _chain(head, batches):
                yield work(batch, resource)
                tell(len(batch))
        return
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    context.set_forkserver_preload(["provenance.attribute", "provenance.candidates"])
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        pending: deque[tuple[int, Future[list[_Done]]]] = deque()
        try:
            for batch in _chain(head, batches):
                pending.append((len(batch), pool.submit(_in_worker, work, batch, settings)))
                if len(pending) > 2 * jobs:
                    count, future = pending.popleft()
                    yield future.result()
                    tell(count)
            while pending:
                count, future = pending.popleft()
                yield future.result()
                tell(count)
        except BrokenProcessPool as error:
            raise ProvenanceError(
                "a worker process died (killed, or out of memory), expected it to finish its "
                "files; run again with --jobs 1, or leave large files out with --exclude"
            ) from error
        finally:
            for _, future in pending:
                future.cancel()


def _chain(
    head: list[list[SourceFile]], rest: Iterator[list[SourceFile]]
) -> Iterator[list[SourceFile]]:
    while head:
        yield head.pop(0)
    yield from rest


def _batches(
    source: Source, skipped: list[Skipped], known: Callable[[SourceFile], bool]
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
    work: Callable[[Sequence[SourceFile], Any], list[_Done]],
    batch: Sequence[SourceFile],
    settings: Opens[Any],
) -> list[_Done]:
    """Do a batch in a worker process, with what an earlier batch opened there."""
    if settings not in _in_this_worker:
        _in_this_worker[settings] = settings.open().__enter__()
    return work(batch, _in_this_worker[settings])


def emptied(file: SourceFile) -> SourceFile:
    """The file without its content, which need not travel back."""
    return replace(file, content=b"")
