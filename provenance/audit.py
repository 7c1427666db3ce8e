"""audit: wires the stages into the three jobs, ``scan``, ``compare`` and ``build_index``.

Files flow in batches: read here, parsed to findings in worker processes (or in this one, for
few files), collected in order. Nothing depends on which process did what.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from provenance.errors import ProvenanceError, UsageError
from provenance.model import (
    FileResult,
    Finding,
    IndexUsed,
    Parameters,
    Parsed,
    Report,
    Sketch,
    Skipped,
    SourceFile,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.library import Library
    from provenance.source import Source

Progress = Callable[[int, int], None]
"""Called with (done, total) files as work goes on."""

_BATCH_FILES = 64
_BATCH_BYTES = 1_500_000
_FEW_BYTES = 3_000_000  # below this a second process costs more than it saves

_Done = TypeVar("_Done")
_Outcome = tuple[FileResult, tuple[Finding, ...]]


# --- scan ---------------------------------------------------------------------------------


def scan(
    source: str,
    indexes: Sequence[str | Path],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    as_of: str | None = None,
    exclude_origin: Sequence[str] = (),
    jobs: int = 1,
    progress: Progress | None = None,
) -> Report:
    """Find what in a source resembles reference code.

    Args:
        source: a directory, file, archive, or ``pypi:NAME==VERSION``.
        indexes: index files, at least one; their parameters must agree.
        include: globs of files to scan; all where empty.
        exclude: globs of files to leave out.
        as_of: ISO day; hides reference code first seen on or after it.
        exclude_origin: globs of origins to hide.
        jobs: how many processes may work; the result does not depend on it.
        progress: called with (done, total) files.

    Raises:
        ProvenanceError: the source or an index could not be opened, or a worker died.
    """
    from provenance.source import open_source

    if not indexes:
        raise UsageError(
            "no index was given, expected at least one; make one with "
            "'provenance index build SOURCE -o FILE' and pass it with --index"
        )
    as_of = _day(as_of, "--as-of")
    settings = _Settings(tuple(str(path) for path in indexes), as_of, tuple(exclude_origin))
    with settings.open() as library:
        used = tuple(
            IndexUsed(Path(index.path).name, index.checksum, index.packages())
            for index in library.indexes
        )
        parameters = library.parameters
    opened = open_source(source, include=include, exclude=exclude)
    files: list[FileResult] = []
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    for outcome in _run(_scan_batch, opened, skipped, jobs, settings, progress):
        for result, found in outcome:
            files.append(result)
            findings += found
    from provenance.attribute import strength

    return Report(
        source=source,
        indexes=used,
        parameters=parameters,
        as_of=as_of,
        exclude_origin=tuple(exclude_origin),
        files=tuple(sorted(files, key=lambda file: file.path)),
        findings=tuple(sorted(_told_apart(findings), key=strength)),
        skipped=tuple(sorted(skipped, key=lambda one: (one.path, one.reason))),
    )


def _told_apart(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The same code in two files has one identity; a number tells the places apart."""
    from dataclasses import replace

    seen: dict[str, int] = {}
    for finding in sorted(findings, key=lambda f: (f.id, f.suspect.path, f.suspect.start_line)):
        times = seen[finding.id] = seen.get(finding.id, 0) + 1
        yield finding if times == 1 else replace(finding, id=f"{finding.id}-{times}")


def _day(text: str | None, option: str) -> str | None:
    """An ISO day, checked."""
    if text is None:
        return None
    from datetime import datetime

    try:
        day = datetime.strptime(text, "%Y-%m-%d").date().isoformat()
    except ValueError:
        day = ""
    if day != text or not text:
        raise UsageError(f"{option}: found {text!r}, expected a day such as 2026-01-26")
    return day


@dataclass(frozen=True, slots=True)
class _Settings:
    """What a worker needs to scan: it opens the indexes itself."""

    indexes: tuple[str, ...]
    as_of: str | None
    exclude_origin: tuple[str, ...]

    def open(self) -> Library:
        from provenance.library import Library

        return Library(self.indexes, as_of=self.as_of, exclude_origin=self.exclude_origin)


def _scan_batch(files: Sequence[SourceFile], library: Library) -> list[_Outcome]:
    """All of the work on a batch of files."""
    try:
        return _explained(files, library)
    except ProvenanceError:
        raise
    except Exception:
        from provenance.index import verify

        for index in library.indexes:  # is it the index? then say so
            verify(index.path)
        raise


def _explained(files: Sequence[SourceFile], library: Library) -> list[_Outcome]:
    import numpy as np

    from provenance.attribute import attribute
    from provenance.candidates import candidates
    from provenance.parse import parse
    from provenance.sketch import sketch

    parsed = [parse(file.content) for file in files]
    sketches = [sketch(one, library.parameters, library.permutations) for one in parsed]
    proposed: list[list[NDArray[np.int64]]] = [[] for _ in files]
    for number, index in enumerate(library.indexes):
        for listed, pairs in zip(
            proposed, candidates(sketches, index, library.hidden(number)), strict=True
        ):
            listed.append(np.insert(pairs, 1, number, axis=1))
    outcomes: list[_Outcome] = []
    for file, one, drawn, listed in zip(files, parsed, sketches, proposed, strict=True):
        joined = np.concatenate(listed)
        by_row = joined[np.argsort(joined[:, 0], kind="stable")]
        outcomes.append(attribute(file, one, drawn, by_row, library))
    return outcomes


# --- compare ------------------------------------------------------------------------------


def compare(
    suspect: str,
    reference: str,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    jobs: int = 1,
    progress: Progress | None = None,
) -> Report:
    """Find what in one source resembles another; no index needed.

    Args:
        suspect: what to scan, see ``scan``.
        reference: what to compare with; its origins are named by its paths.
        include: globs of suspect files.
        exclude: globs of suspect files to leave out.
        jobs: how many processes may work.
        progress: called with (done, total) files of the side that is being read.
    """
    with tempfile.TemporaryDirectory(prefix="provenance-") as folder:
        index = Path(folder, "reference.db")
        build_index([reference], index, jobs=jobs, progress=progress)
        return scan(
            suspect, [index], include=include, exclude=exclude, jobs=jobs, progress=progress
        )


# --- build --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Built:
    """What ``build_index`` did: files added, of these parsed anew, releases known before."""

    files: int
    parsed: int
    known: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def build_index(
    sources: Sequence[str],
    output: str | Path,
    *,
    origin: str | None = None,
    date: str | None = None,
    license: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    extend: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Built:
    """Index sources as reference code.

    Args:
        sources: see ``scan``.
        output: the index file; replaced only when the new one is complete.
        origin: names the origin of all files by hand; else a rule from path to family does.
        date: ISO day of the releases, where the archive does not say it rightly.
        license: SPDX expression of the sources, where their metadata does not say it.
        include: globs of files to index.
        exclude: globs of files to leave out.
        extend: add to the index at ``output``, with its parameters; what it has costs nothing.
        jobs: how many processes may work; the index does not depend on it.
        progress: called with (done, total) files of the source being read.

    Raises:
        ProvenanceError: a source could not be opened or the index not be written.
    """
    import json
    from dataclasses import replace

    from provenance.build import Builder
    from provenance.index import Index
    from provenance.origins import origin_of
    from provenance.sketch import permutations
    from provenance.source import open_source

    path = Path(output)
    if extend:
        with Index(path) as old:
            parameters, drawn = old.parameters, old.permutations
    else:
        parameters = Parameters()
        drawn = permutations(parameters)
    given = _day(date, "--date")
    selection = json.dumps([list(include), list(exclude), origin], sort_keys=True)
    files = parsed_files = 0
    known: list[str] = []
    skipped: list[Skipped] = []
    if extend:
        from provenance.index import verify

        verify(path)  # what is damaged must not be carried over
    with Builder(path, parameters, drawn, extend=extend) as builder:
        for text in sources:
            source = open_source(text, include=include, exclude=exclude)
            release = source.release
            if given:
                release = replace(release, date=given, date_source="given")
            if license:
                release = replace(release, license=license)
            if builder.knows_release(release, selection):
                known.append(text)
                continue
            number = builder.add_release(release, selection)
            settings = _SketchSettings(parameters, tuple(map(tuple, drawn.tolist())))

            def known_tree(file: SourceFile) -> bool:
                return builder.knows_tree(file.sha256)

            for batch in _run(_sketch_batch, source, skipped, jobs, settings, progress, known_tree):
                for file, made in batch:
                    if made is not None and not builder.knows_tree(file.sha256):
                        builder.add_tree(file, *made)
                        parsed_files += 1
                    name = origin or origin_of(release.package, file.path)
                    builder.add_file(number, name, file.path, file.sha256)
                    files += 1
        if files or not extend:
            _refuse_empty(files, sources)
            builder.finish()
    return Built(files, parsed_files, tuple(known), tuple(skipped))


def _refuse_empty(files: int, sources: Sequence[str]) -> None:
    if not files:
        raise UsageError(
            f"{', '.join(sources)}: found no Python file, expected at least one; look at the "
            "sources, --include and --exclude; no index was written"
        )


@dataclass(frozen=True, slots=True)
class _SketchSettings:
    """What a worker needs to sketch."""

    parameters: Parameters
    permutations: tuple[tuple[int, ...], ...]

    def open(self) -> AbstractContextManager[_SketchSettings]:
        return nullcontext(self)


def _sketch_batch(
    files: Sequence[SourceFile], settings: _SketchSettings
) -> list[tuple[SourceFile, tuple[Parsed, Sketch] | None]]:
    import numpy as np

    from provenance.parse import parse
    from provenance.sketch import sketch

    drawn = np.array(settings.permutations, np.uint32)
    made: list[tuple[SourceFile, tuple[Parsed, Sketch] | None]] = []
    for file in files:
        parsed = parse(file.content)
        made.append((_emptied(file), (parsed, sketch(parsed, settings.parameters, drawn))))
    return made


def _emptied(file: SourceFile) -> SourceFile:
    """The file without its content, which need not travel back."""
    from dataclasses import replace

    return replace(file, content=b"")


# --- how work is done ---------------------------------------------------------------------

_Resource = TypeVar("_Resource", covariant=True)


class _Opens(Protocol[_Resource]):
    """Settings that travel to a worker, which opens there what the work needs."""

    def open(self) -> AbstractContextManager[_Resource]: ...


def _run(
    work: Callable[[Sequence[SourceFile], Any], list[_Done]],
    source: Source,
    skipped: list[Skipped],
    jobs: int,
    settings: _Opens[Any],
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
            file = _emptied(file)
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
    settings: _Opens[Any],
) -> list[_Done]:
    """Do a batch in a worker process, with what an earlier batch opened there."""
    if settings not in _in_this_worker:
        _in_this_worker[settings] = settings.open().__enter__()
    return work(batch, _in_this_worker[settings])
