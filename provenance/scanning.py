"""scanning: wires the stages into the jobs ``scan`` and ``compare``.

Files flow in batches: read here, parsed to findings in worker processes, collected in order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.aside import temporary
from provenance.errors import ProvenanceError, TooLongError, UsageError
from provenance.given import hidden_of, jobs_of, path_of, paths_of, texts_of
from provenance.model import (
    NONE_WANTED,
    OF_REFERENCE,
    DaySource,
    FileResult,
    Finding,
    IndexUsed,
    Parameters,
    Release,
    Report,
    Skipped,
    SourceFile,
    Unread,
)
from provenance.references import DEFAULT_INDEX
from provenance.release import checked_day
from provenance.workers import BOUNDS, Bounds, Progress, at_once, emptied, patience, run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.cache import Cache
    from provenance.history import Wanted
    from provenance.library import Library
    from provenance.model import LineDay, Parsed, Sketch, UseOf
    from provenance.notices import NoticeFile
    from provenance.parse import Walked
    from provenance.source import Source
    from provenance.spoken import Spoken

Outcome = tuple[FileResult, tuple[Finding, ...]]


# --- scan ---------------------------------------------------------------------------------


def scan(
    source: str | os.PathLike[str],
    indexes: Sequence[str | Path] = (DEFAULT_INDEX,),
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    only: Sequence[str] | None = None,
    as_of: str | None = None,
    exclude_origin: Sequence[str] = (),
    suspect_date: str | None = None,
    jobs: int = 1,
    limits: Bounds = BOUNDS,
    progress: Progress | None = None,
    cache: str | None = None,
) -> Report:
    """Find what in a source resembles reference code.

    Args:
        source: a directory, file, archive, or ``pypi:NAME==VERSION``.
        indexes: index files, at least one; their parameters must agree. The default one if
            none is given.
        include: globs of files to scan; all where empty.
        exclude: globs of files to leave out.
        only: paths of files and folders in the source, beside which nothing is scanned.
        as_of: ISO day; hides reference code first seen on or after it.
        exclude_origin: globs of origins to hide.
        suspect_date: ISO day since when the source is as it is. If None: of each finding, that of
            its lines in git, where the source is in a repository; else that of the archive.
        jobs: how many processes may work; the result does not depend on it. 0 does all of it in
            this process, where nothing but the time of parsing is bounded.
        limits: what the work on a file may take.
        progress: called with (done, total) files.
        cache: a file that keeps what was found in each file, see ``provenance.cache``; the result
            does not depend on it. None for none.

    Raises:
        ProvenanceError: the source or an index could not be opened, or a worker died.
    """
    from provenance.library import said, standings_of
    from provenance.source import open_source

    source, places = path_of("source", source), paths_of("indexes", indexes)
    include, exclude = texts_of("include", include), texts_of("exclude", exclude)
    hidden = hidden_of(exclude_origin)
    only = None if only is None else texts_of("only", only)
    jobs = jobs_of(jobs)
    if not places:
        raise UsageError(
            "no index was given, expected at least one; make one with "
            "'provenance index build SOURCE -o FILE' and pass it with --index"
        )
    as_of = checked_day(as_of, "--as-of")
    known, parameters = said(places)
    used = tuple(replace(one, name=Path(one.name).name) for one in known)
    opened_at = [one.name for one in known]
    whole = tuple(map(os.path.abspath, places))  # workers begin elsewhere
    settings = _Settings(whole, as_of, hidden, used)
    opened = open_source(source, include=include, exclude=exclude, only=only)
    skipped: list[Skipped] = []
    beside, notices = noticed(opened.notices(), skipped, jobs, limits)
    settings = replace(settings, notices=notices, seconds=limits.seconds)
    if (include or exclude) and not opened.total and only is None:
        skipped.append(Skipped(".", NONE_WANTED))
    given = checked_day(suspect_date, "--suspect-date")
    with _Remembered(opened, cache, settings, used, opened_at) as asked:
        for outcome in run(_scan_batch, asked, skipped, jobs, settings, progress, limits=limits):
            for result, found in outcome:
                asked.keep(result, found)
    named = {
        origin
        for result, _ in asked.found
        for share in result.composition
        for origin in (share.origin, *share.also)
    }
    asked_for = Asked(
        source=source,
        release=opened.release,
        indexes=used,
        parameters=parameters,
        standings=standings_of(known, named),
        as_of=as_of,
        exclude_origin=hidden,
        suspect_date=given,
        notice_files=beside,
        history=given is None and opened.release.sha256 is None,
        jobs=jobs,
    )
    return reported(asked_for, asked.found, skipped)


def noticed(
    found: Iterable[tuple[str, bytes] | Skipped],
    skipped: list[Skipped],
    jobs: int,
    limits: Bounds = BOUNDS,
) -> tuple[tuple[str, ...], tuple[NoticeFile, ...]]:
    """The paths of notice files that are read, and what they say.

    Args:
        found: as ``Source.notices`` has them.
        skipped: grows by those that are not read, and why.
        jobs: 0 reads them in this process.
        limits: what to read all of them may take.
    """
    files: list[SourceFile] = []
    for one in found:
        if isinstance(one, Skipped):
            skipped.append(one)
        else:
            path, content = one
            files.append(SourceFile(path, content, ""))
    lost: list[Skipped] = []
    read = at_once(_notices, files, lost, jobs, limits) if files else []
    if lost or len(read) > 1:  # what bounds all of them together held for each alone
        unread = {one.path for one in lost}
        files = [file for file in files if file.path not in unread]
        again: list[Skipped] = []
        read = at_once(_notices, files, again, jobs, limits) if files else []
        if again or len(read) > 1:
            lost += (Skipped(file.path, _TOGETHER) for file in files)
            files, read = [], []
    skipped += lost
    return tuple(file.path for file in files), tuple(one for some in read for one in some)


_TOGETHER = (
    "found notice files that take more than a worker may, all together, expected less; leave some "
    "out with --exclude, or raise --timeout and --memory"
)


def _notices(files: Sequence[SourceFile], _: None) -> list[tuple[NoticeFile, ...]]:
    """The work on the notice files, in a worker: one result for all that are read together."""
    from provenance.notices import notice_files

    return [notice_files((file.path, file.content) for file in files)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a scan, and what its source and its indexes say of themselves: all that a
    report says beside what was found. ``history``: whether git is asked since when."""

    source: str
    release: Release
    indexes: tuple[IndexUsed, ...]
    parameters: Parameters
    standings: dict[str, tuple[str, int]]
    as_of: str | None
    exclude_origin: tuple[str, ...]
    suspect_date: str | None
    notice_files: tuple[str, ...]
    history: bool
    jobs: int = 1


def reported(asked: Asked, outcomes: Iterable[Outcome], skipped: Iterable[Skipped]) -> Report:
    """What was found in each file, in any order -> the report of all of them."""
    from provenance.attribute import strength
    from provenance.composition import of_repository
    from provenance.identity import vendored
    from provenance.verdict import directed, of_files

    files: list[FileResult] = []
    findings: list[Finding] = []
    for result, found in sorted(outcomes, key=lambda one: (one[0].path, one[0].sha256)):
        files.append(result)
        findings += found
    composition, common, novel = of_repository(files, asked.standings)
    lines: Mapping[str, Mapping[int, LineDay]] = {}
    unread = None
    if asked.history:
        from provenance.history import history

        past = history(asked.source, _lines_of(files, findings), asked.jobs)
        lines, unread = past.lines, past.reason
    dated = asked.suspect_date or asked.release.date
    day_source: DaySource = "given" if asked.suspect_date else "archive"
    told = list(directed(findings, dated, day_source, lines))
    files = list(of_files(files, told, dated, day_source, lines))
    return Report(
        source=asked.source,
        indexes=asked.indexes,
        parameters=asked.parameters,
        as_of=asked.as_of,
        exclude_origin=asked.exclude_origin,
        suspect_date=dated,
        files=tuple(files),
        findings=tuple(sorted(_told_apart(told), key=strength)),
        vendored=vendored(files),
        skipped=tuple(sorted(skipped, key=lambda one: (one.path, one.reason))),
        composition=composition,
        common=common,
        novel=novel,
        notice_files=asked.notice_files,
        history=unread,
    )


class _Remembered:
    """A source without the files whose results are known; it gathers the results of all."""

    def __init__(
        self,
        opened: Source,
        path: str | None,
        settings: _Settings,
        used: tuple[IndexUsed, ...],
        places: Sequence[str],
    ) -> None:
        self.found: list[Outcome] = []
        self._opened = opened
        self._cache: Cache | None = None
        self._read: dict[tuple[str, str], SourceFile] = {}
        if path is not None:
            from provenance.cache import Cache, context, file_of

            # Places and patience do not decide; which indexes they are is said beside.
            listed = [sorted(one.listed) for one in settings.notices]  # a set has no order
            notices = tuple(replace(one, listed=frozenset()) for one in settings.notices)
            decides = replace(settings, indexes=(), seconds=0.0, used=(), notices=notices)
            indexes = [
                (one.name, one.checksum, *file_of(path))
                for one, path in zip(used, places, strict=True)
            ]
            bare = replace(decides, notices=())
            self._cache = Cache(path, context(indexes, decides, listed), context(indexes, bare))

    def __enter__(self) -> _Remembered:
        return self

    def __exit__(self, *error: object) -> None:
        if self._cache is not None:
            self._cache.close()

    @property
    def total(self) -> int:
        """How many files there are, those that are skipped and known ones too."""
        return self._opened.total

    def files(self) -> Iterator[SourceFile | Unread | Skipped]:
        """The files that must be looked at."""
        for file in self._opened.files():
            if self._cache is not None and not isinstance(file, Skipped):
                known = self._cache.recall(file)
                if known is not None:
                    self.found.append(known)
                    continue
                self._read[file.path, file.sha256] = emptied(file)
            yield file

    def keep(self, result: FileResult, findings: tuple[Finding, ...]) -> None:
        """Take the results of a file that was looked at."""
        self.found.append((result, findings))
        read = self._read.pop((result.path, result.sha256), None)
        if self._cache is not None and read is not None:
            self._cache.keep(read, (result, findings))


def _lines_of(files: Sequence[FileResult], findings: Iterable[Finding]) -> list[Wanted]:
    """The lines of which git is asked: those that findings above common pair, by file, then all
    of files that are reference files. The cells of a notebook are no lines of its file."""
    from provenance.history import Wanted

    ranges: dict[str, list[tuple[int, int]]] = {}
    for finding in findings:
        if finding.verdict != "common" and finding.suspect.cell is None:
            listed = ranges.setdefault(finding.suspect.path, [])
            listed += ((block.suspect_start, block.suspect_end) for block in finding.blocks)
    whole = {file.path: [(1, file.lines)] for file in files if file.identical}
    sha256 = {file.path: file.sha256 for file in files}
    return [
        Wanted(path, sha256[path], tuple(asked))
        for part in (ranges, whole)
        for path, asked in sorted(part.items())
        if not path.endswith(".ipynb")
    ]


def _told_apart(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The same code in two files has one identity; a number tells the places apart."""
    seen: dict[str, int] = {}
    for finding in sorted(findings, key=lambda f: (f.id, f.suspect.path, f.suspect.start_line)):
        times = seen[finding.id] = seen.get(finding.id, 0) + 1
        yield finding if times == 1 else replace(finding, id=f"{finding.id}-{times}")


@dataclass(frozen=True, slots=True)
class _Settings:
    """What a worker needs to scan: it opens the indexes itself."""

    indexes: tuple[str, ...]
    as_of: str | None
    exclude_origin: tuple[str, ...]
    used: tuple[IndexUsed, ...]
    notices: tuple[NoticeFile, ...] = ()
    seconds: float = BOUNDS.seconds

    def open(self) -> _Opened:
        from provenance.library import Library, same_still

        library = Library(self.indexes, as_of=self.as_of, exclude_origin=self.exclude_origin)
        with ExitStack() as held:
            held.enter_context(library)
            same_still(library.indexes, self.used)
            held.pop_all()
        return _Opened(library, self.notices, self.seconds)


class _Opened:
    """What is known when a file is scanned: the indexes, what notice files say, and how long its
    parsing may take."""

    def __init__(
        self, library: Library, notices: Sequence[NoticeFile], seconds: float = BOUNDS.seconds
    ) -> None:
        self.library = library
        self.seconds = seconds
        self._notices = notices

    @cached_property
    def beside(self) -> Spoken:
        """The notice files, read against the indexes, once."""
        from provenance.spoken import beside

        return beside(self._notices, self.library)

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.library.__exit__()


def _scan_batch(files: Sequence[SourceFile], opened: _Opened) -> list[Outcome]:
    """All of the work on a batch of files."""
    library = opened.library
    try:
        return outcomes(files, library, opened.beside, opened.seconds)
    except (ProvenanceError, TooLongError, MemoryError):
        raise
    except Exception:
        from provenance.integrity import verify

        for index in library.indexes:  # is it the index? then say so
            verify(index.path)
        raise


Proposed = tuple["Sketch", "NDArray[np.int64]", int]
"""The sketch of a file, its candidates, as ``attribute`` takes them, and of how many of its units
limits leave some out."""


def outcomes(
    files: Sequence[SourceFile],
    library: Library,
    notices: Spoken,
    seconds: float,
    propose: Callable[[list[tuple[SourceFile, Parsed]], Library], list[Proposed]] | None = None,
) -> list[Outcome]:
    """What is found in each file of a batch.

    Args:
        files: the batch.
        library: the indexes.
        notices: the notice files of the source, read against them.
        seconds: how long the parsing of a file may take.
        propose: gives the candidates of parsed files, where they are known from elsewhere.

    Raises:
        TooLongError: it took longer.
    """
    from provenance.attribute import attribute
    from provenance.declared import declared, of_identical, said, used
    from provenance.identity import may_equal, same_bytes, same_layout
    from provenance.parse import parses, syntax, walked

    library.let_go()
    uses: list[tuple[UseOf, ...]] = []

    def walks() -> Iterator[Walked]:
        for file in files:
            trees = syntax(file.content, patience(seconds), file.cells)
            walk = walked(file.content, trees)
            uses.append(used(file, trees, walk, library))
            del trees
            yield walk

    parsed = [*parses(walks())]
    found: dict[int, Outcome] = {}
    for at, same in same_bytes([*zip(files, parsed, strict=True)], library).items():
        found[at] = of_identical(same, said(files[at], uses[at], library, notices), library), ()
    read = [at for at in range(len(files)) if at not in found]
    if propose is None:
        some = [read[place] for place in may_equal([parsed[at] for at in read], library)]
    else:
        some = read  # not all that is as written is known
    for place, same in same_layout([(files[at], parsed[at]) for at in some], library).items():
        at = some[place]
        told = said(files[at], uses[at], library, notices)
        found[at] = of_identical(same, told, library), ()
    left = [at for at in read if at not in found]
    listed = (propose or _proposed)([(files[at], parsed[at]) for at in left], library)
    for at, (drawn, by_row, limited) in zip(left, listed, strict=True):
        result, findings = attribute(files[at], parsed[at], drawn, by_row, library)
        if limited:
            result = replace(result, limited=limited)
        if findings:
            told = said(files[at], uses[at], library, notices)
            found[at] = declared(result, findings, told, library)
        else:
            found[at] = (replace(result, uses=uses[at]) if uses[at] else result), ()
    return [found[at] for at in range(len(files))]


def _proposed(read: list[tuple[SourceFile, Parsed]], library: Library) -> list[Proposed]:
    from provenance.sketch import sketches

    parsed = [one for _, one in read]
    drawn = library.permutations
    sketched = [*sketches(parsed, library.parameters, drawn, library.holds_band)]
    listed = proposed(sketched, library)
    return [(drawing, *one) for drawing, one in zip(sketched, listed, strict=True)]


def proposed(
    sketched: Sequence[Sketch], library: Library
) -> Iterator[tuple[NDArray[np.int64], int]]:
    """The candidates of some files in all indexes, as ``attribute`` takes them, and of how many
    units limits leave some out."""
    import numpy as np

    from provenance.candidates import candidates

    found: list[list[NDArray[np.int64]]] = [[] for _ in sketched]
    limited: list[set[int]] = [set() for _ in sketched]
    for number, index in enumerate(library.indexes):
        listed = candidates(sketched, index, library.shown(number))
        for of_file, cut, (pairs, rows) in zip(found, limited, listed, strict=True):
            if pairs.size:
                of_file.append(np.insert(pairs, 1, number, axis=1))
            cut.update(rows.tolist())
    for of_file, cut in zip(found, limited, strict=True):
        joined = np.concatenate(of_file) if of_file else np.empty((0, 5), np.int64)
        yield joined[np.argsort(joined[:, 0], kind="stable")], len(cut)


# --- compare ------------------------------------------------------------------------------


def compare(
    suspect: str | os.PathLike[str],
    reference: str | os.PathLike[str],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    jobs: int = 1,
    limits: Bounds = BOUNDS,
    progress: Progress | None = None,
) -> Report:
    """Find what in one source resembles another; no index needed.

    Args:
        suspect: what to scan, see ``scan``.
        reference: what to compare with; its origins are named by its paths. What of it cannot be
            read is skipped as well, and said to be of it.
        include: globs of suspect files.
        exclude: globs of suspect files to leave out.
        jobs: how many processes may work, see ``scan``.
        limits: what the work on a file may take.
        progress: called with (done, total) files of the side that is being read.
    """
    with temporary("provenance-") as folder:
        index = Path(folder, "reference.db")
        from provenance.indexing import build_index

        built = build_index(
            [reference], index, baseline=False, jobs=jobs, limits=limits, progress=progress
        )
        report = scan(
            suspect,
            [index],
            include=include,
            exclude=exclude,
            jobs=jobs,
            limits=limits,
            progress=progress,
        )
        unread = (Skipped(one.path, f"{OF_REFERENCE}{one.reason}") for one in built.skipped)
        return replace(report, skipped=(*report.skipped, *unread))
