"""indexing: sources -> an index file, by hand or, for the default index, by the manifest."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from provenance.aside import alone
from provenance.baseline import measure
from provenance.errors import IndexFileError, ProvenanceError, SourceError, UsageError
from provenance.given import jobs_of, path_of, paths_of, text_of, texts_of
from provenance.index import Index
from provenance.integrity import verify
from provenance.merge import merge
from provenance.model import (
    Family,
    Parameters,
    Parsed,
    Release,
    Sketch,
    Skipped,
    SourceFile,
    Unread,
)
from provenance.origins import origin_of
from provenance.ours import forget, is_ours, note
from provenance.parse import parse, syntax
from provenance.pypi import fetch
from provenance.references.manifest import Manifest, Package, ReleaseEntry, load
from provenance.release import checked_day
from provenance.schema import FORMAT_VERSION, WIDE
from provenance.segments import Segments
from provenance.sketch import permutations, sketch
from provenance.source import Source, open_source
from provenance.statements import Statements, of_cells
from provenance.version import VERSION
from provenance.workers import BOUNDS, Bounds, Progress, emptied, patience, run
from provenance.writing import NewIndex

_SAVE_EVERY = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Built:
    """What ``build_index`` did: files added, of these parsed anew, releases known before."""

    files: int
    parsed: int
    known: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def build_index(
    sources: Sequence[str | os.PathLike[str]],
    output: str | Path,
    *,
    origin: str | None = None,
    date: str | None = None,
    license: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    extend: bool = False,
    baseline: bool = True,
    jobs: int = 1,
    limits: Bounds = BOUNDS,
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
        baseline: measure what unrelated code scores in the index; without it a scan says nothing
            of false-alarm rates.
        extend: add to the index at ``output``, with its parameters; what it has costs nothing.
        jobs: how many processes may work; the index does not depend on it. 0 does all of it in
            this process, where nothing but the time of parsing is bounded.
        limits: what the work on a file may take.
        progress: called with (done, total) files of the source being read.

    Raises:
        ProvenanceError: a source could not be opened or the index not be written.
    """
    asked = tuple(dict.fromkeys(paths_of("sources", sources)))
    path = Path(path_of("output", output))
    include, exclude = texts_of("include", include), texts_of("exclude", exclude)
    origin, license = text_of("origin", origin), text_of("license", license)
    jobs = jobs_of(jobs)
    if not asked:
        raise UsageError("sources: found none, expected at least one")
    given = checked_day(date, "--date")
    selection = json.dumps([list(include), list(exclude), origin], sort_keys=True)
    files = parsed = 0
    known: list[str] = []
    skipped: list[Skipped] = []

    def enter(segments: Segments) -> None:
        nonlocal files, parsed
        for text in asked:
            source = open_source(text, include=include, exclude=exclude)
            release = source.release
            if given:
                release = replace(release, date=given, date_source="given")
            if license and release.license is None:
                release = replace(release, license=license)
            if segments.knows_release(release, selection):
                known.append(text)
                continue
            number = segments.add_release(release, selection)

            def named(path: str, package: str = release.package) -> str:
                return origin or origin_of(package, path)

            done = _enter(segments, source, number, named, skipped, jobs, progress, limits)
            files, parsed = files + done[0], parsed + done[1]

    told = measured if baseline else None
    with _added_to(path, extend=extend) as base:
        parameters = base.parameters if base else Parameters()
        drawn = base.permutations if base else permutations(parameters)
        decided = asked, selection, date, license, parameters, WIDE, VERSION
        stamp = repr((*decided, base.checksum) if base else decided)
        while True:
            files = parsed = 0
            known.clear()
            skipped.clear()
            with Segments(path, parameters, drawn, stamp, base) as segments:
                enter(segments)
                if base is None:
                    chosen = ", --include and --exclude; no index was written" if baseline else ""
                    _refuse_empty(files, asked, chosen, skipped)
                if segments.stale():
                    continue
                if files:
                    segments.finish(told)
                break
    return Built(files, parsed, tuple(known), tuple(skipped))


def measured(index: Index) -> str:
    """The baseline of an index, as it is stored."""
    family = {facts.name: facts.family.name for facts in index.origin_facts.values()}
    return measure(index, family.__getitem__).to_json()


def merge_indexes(paths: Sequence[str | Path], output: str | Path) -> None:
    """Join indexes of the same parameters into one, as if all had been built in one go.

    Args:
        paths: of the indexes, in any order.
        output: the index file; replaced only when the new one is complete. It may be one of them.

    Raises:
        ProvenanceError: one of them is damaged, they do not go together, or the new one could not
            be written.
    """
    places, output = paths_of("paths", paths), path_of("output", output)
    if not places:
        raise UsageError("no index was given, expected at least one to join")
    with _alone(output):
        for path in places:
            verify(path)  # what is damaged must not be carried over
        merge(places, output, measured)


@contextmanager
def _added_to(path: Path, *, extend: bool) -> Iterator[Index | None]:
    """The index that is added to, open; none where one is built."""
    with _alone(path):
        if not extend:
            yield None
            return
        verify(path)  # what is damaged must not be carried over
        with Index(path) as base:
            yield base


@contextmanager
def _alone(path: str | Path) -> Iterator[None]:
    """For as long as an index is made that is put in the place of another one, by whatever name."""
    with alone(Path(path)) as free:
        if not free:
            raise IndexFileError(
                f"{path}: found an index that another process adds to, or replaces, whose work "
                "would be lost, expected one that nobody does; wait for it, and try again"
            )
        yield


def _enter(
    segments: Segments,
    source: Source,
    release: int,
    named: Callable[[str], str | None],
    skipped: list[Skipped],
    jobs: int,
    progress: Progress | None,
    limits: Bounds = BOUNDS,
    family_of: Callable[[str], Family] | None = None,
) -> tuple[int, int]:
    """Enter the files of a source whose origin has a name; returns how many, and how many of
    them were parsed."""
    settings = SketchSettings(
        segments.parameters, tuple(map(tuple, segments.drawn.tolist())), limits.seconds
    )

    def known(file: SourceFile | Unread) -> bool:
        origin = named(file.path)
        if origin is not None and segments.has(release, origin, file.path, file.sha256):
            return True
        if isinstance(file, Unread):  # the same bytes may be Python, and no notebook
            return False
        return origin is None or segments.knows_tree(file.sha256)

    files = parsed = 0
    told: list[Skipped] = []
    for batch in run(sketch_batch, source, told, jobs, settings, progress, known, limits):
        for file, parsed_file, drawing, said in batch:
            origin = named(file.path)
            if origin is None:
                continue
            if segments.has(release, origin, file.path, file.sha256):
                segments.passed(release, origin, file.path, file.sha256)
                files += 1
                continue
            if not segments.knows_tree(file.sha256):
                segments.add_tree(file, parsed_file, drawing, said)
                parsed += 1
            family = family_of(origin) if family_of else None
            segments.add_file(release, origin, file.path, file.sha256, family)
            files += 1
        segments.breathe()
    skipped += sorted(told, key=lambda one: (one.path, one.reason))
    return files, parsed


# --- the default index --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Missing:
    """A release of the manifest that could not be had, and why."""

    release: str
    reason: str


@dataclass(frozen=True, slots=True)
class BuiltDefault:
    """What ``build_default`` did. Nothing is put in place while something is missing."""

    files: int
    parsed: int
    missing: tuple[Missing, ...]
    skipped: tuple[Skipped, ...]


def build_default(
    output: str | Path,
    *,
    manifest: Manifest | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> BuiltDefault:
    """Build the default index from the manifest: the same bytes each time.

    What is done is kept beside the output every minute or so, in a file that the next run goes
    on with and the last one removes.

    Args:
        output: the index file; replaced only when every release is in.
        manifest: the built-in one if None.
        jobs: how many processes may work; the index does not depend on it.
        progress: called with (done, total) files of the release being read.
        tell: called with a line for each release.

    Raises:
        ProvenanceError: the index could not be written, or the manifest names no file of a
            release.
    """
    manifest = manifest or load()
    path = NewIndex(Path(output)).target
    decided = repr((manifest, Parameters(), FORMAT_VERSION))
    stamp = hashlib.sha256(decided.encode()).hexdigest()[:12]
    partial = path.with_name(f".{path.name}.{stamp}.partial")
    if partial.is_symlink():  # anyone may have put it there, and what it leads to is not ours
        partial.unlink()
    files = parsed = 0
    missing: list[Missing] = []
    skipped: list[Skipped] = []
    saved = time.monotonic()
    with ExitStack() as opened:
        segments = _going_on(partial, opened)
        for package in manifest.packages:
            for release in package.releases:
                label = f"{package.name} {release.version}"
                facts = Release(
                    package=package.name,
                    version=release.version,
                    license=package.license,
                    date=release.date,
                    date_source=release.date_source,
                    sha256=release.sha256,
                    purl=f"{package.purl}@{release.version}",
                    link=package.template,
                )
                selection = json.dumps([list(package.include), list(package.exclude), "manifest"])
                if segments.knows_release(facts, selection):
                    tell(f"{label}: kept from the last run")
                    continue
                try:
                    archive = fetched(package, release)
                    source = open_source(archive, include=package.include, exclude=package.exclude)
                except ProvenanceError as error:
                    missing.append(Missing(label, str(error)))
                    tell(f"{label}: missing; {error}")
                    continue
                number = segments.add_release(facts, selection)

                def named(path: str, package: Package = package) -> str | None:
                    return package.origin_of(path)

                done = _enter(
                    segments,
                    source,
                    number,
                    named,
                    skipped,
                    jobs,
                    progress,
                    Bounds(),
                    manifest.family,
                )
                if not done[0]:
                    raise UsageError(
                        f"{label}: found no file that the manifest names, expected at least one; "
                        f"look at include, exclude and origins of {package.name}"
                    )
                files, parsed = files + done[0], parsed + done[1]
                tell(f"{label}: {done[0]:,} file{'s' * (done[0] > 1)}, {done[1]:,} of them new")
                if time.monotonic() - saved > _SAVE_EVERY:
                    segments.finish()
                    opened.close()
                    note(partial, partial)
                    segments = _going_on(partial, opened)
                    saved = time.monotonic()
        segments.finish(None if missing else measured)
    if missing:
        note(partial, partial)
    else:
        os.replace(partial, path)
        forget(partial)
    return BuiltDefault(files, parsed, tuple(missing), tuple(skipped))


def _going_on(partial: Path, opened: ExitStack) -> Segments:
    """What is added to that which was kept, if anything was."""
    base = opened.enter_context(_added_to(partial, extend=is_ours(partial, partial)))
    parameters = Parameters()
    drawn = permutations(parameters)
    return opened.enter_context(Segments(partial, parameters, drawn, None, base))


def fetched(package: Package, release: ReleaseEntry) -> str:
    """The path of a release's archive, fetched if it is not in the cache, and checked.

    Raises:
        SourceError: it could not be had, or is not the one that was recorded.
    """
    path = fetch(package.name, release.version)
    found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if found != release.sha256:
        raise SourceError(
            f"{path}: found an archive with SHA-256 {found}, expected {release.sha256}, the one "
            "the manifest records; delete it to fetch it again"
        )
    return path


def _refuse_empty(
    files: int, sources: Sequence[str], chosen: str, skipped: Sequence[Skipped] = ()
) -> None:
    if not files:
        why = "; ".join(f"{one.path}: {one.reason}" for one in skipped[:3])
        raise (SourceError if why else UsageError)(
            f"{', '.join(sources)}: found no Python file, expected at least one; look at what is "
            f"there{chosen}" + (f" ({why})" if why else "")
        )


@dataclass(frozen=True, slots=True)
class SketchSettings:
    """What a worker needs to sketch."""

    parameters: Parameters
    permutations: tuple[tuple[int, ...], ...]
    seconds: float

    def open(self) -> AbstractContextManager[SketchSettings]:
        """Nothing is to be opened."""
        return nullcontext(self)


Made = tuple[SourceFile, Parsed, Sketch, Statements]
"""A file without its content, and all that an index keeps of it."""


def sketch_batch(files: Sequence[SourceFile], settings: SketchSettings) -> list[Made]:
    """All of the work on a batch of reference files."""
    drawn = np.array(settings.permutations, np.uint32)
    made: list[Made] = []
    for file in files:
        trees = syntax(file.content, patience(settings.seconds), file.cells)
        parsed = parse(file.content, trees)
        drawing = sketch(parsed, settings.parameters, drawn)
        made.append((emptied(file), parsed, drawing, of_cells(file.content, file.cells)))
    return made
