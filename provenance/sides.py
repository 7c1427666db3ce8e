"""sides: a ``Report`` -> the text of both sides of its findings, read again, for reports that
quote it.

The scanned side is what was scanned; a file that has changed since is left out. The reference
side is there where its release's archive is in the cache (``provenance sources fetch``), or where
it was given to ``compare``. Nothing is fetched.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from hashlib import sha256

from provenance.cachefolder import stands_in
from provenance.errors import SourceError
from provenance.model import FileResult, Report, Skipped, SourceFile, Unread
from provenance.pypi import cached, parse_requirement
from provenance.regular import is_elsewhere
from provenance.source import Source, open_named, open_source
from provenance.workers import BOUNDS, Bounds, Nothing, Streamed, run

_PLAIN = re.compile(r"[\w./+-]{1,900}")  # longer ones are refused as globs
_FEW = 200


def suspect_texts(
    report: Report,
    source: str | None = None,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    limits: Bounds = BOUNDS,
) -> dict[str, str]:
    """The text of every scanned file with a finding, by path; without those that have changed.

    Args:
        report: of a scan with the same ``include`` and ``exclude``.
        source: where the scanned code is now, if not where it was.
        include: globs of files that were scanned.
        exclude: globs of files that were left out.
        limits: what to read a notebook may take.

    Raises:
        ProvenanceError: the source cannot be opened any more.
    """
    found = {finding.suspect.path for finding in report.findings}
    wanted = {file.path: file.sha256 for file in report.files if file.path in found}
    opened = _again(report, source, include, exclude, wanted)
    return {
        file.path: file.content.decode()
        for file in _read(opened, lambda one: wanted.get(one.path) == one.sha256, limits)
    }


def scanned_file(
    report: Report, file: FileResult, *, include: Sequence[str] = (), limits: Bounds = BOUNDS
) -> SourceFile | None:
    """A scanned file, read again; None where it has changed.

    Args:
        report: of a scan with the same ``include``.
        file: of the report.
        include: globs of files that were scanned.
        limits: what to read a notebook may take.
    """
    opened = _again(report, None, include, (), [file.path])
    scanned = file.path, file.sha256
    return next(iter(_read(opened, lambda one: (one.path, one.sha256) == scanned, limits)), None)


def suspect_contents(
    report: Report,
    source: str | None = None,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> dict[str, bytes]:
    """The bytes of every scanned file with a finding, or that is a reference file, by path;
    without those that have changed.

    Args:
        report: of a scan with the same ``include`` and ``exclude``.
        source: where the scanned code is now, if not where it was.
        include: globs of files that were scanned.
        exclude: globs of files that were left out.

    Raises:
        ProvenanceError: the source cannot be opened any more.
    """
    found = {finding.suspect.path for finding in report.findings}
    wanted = {
        file.path: file.sha256 for file in report.files if file.path in found or file.identical
    }
    opened = _again(report, source, include, exclude, wanted)
    return {
        path: content
        for path, content in opened.contents()
        if path in wanted and sha256(content).hexdigest() == wanted[path]
    }


def _again(
    report: Report,
    source: str | None,
    include: Sequence[str],
    exclude: Sequence[str],
    wanted: Collection[str],
) -> Source:
    """What was scanned, opened again: of a folder, which may be any in a saved report, only the
    files that are wanted; of an archive likewise without globs."""
    if not include and not exclude:
        include = _globs(wanted)
    place = _at_hand(source or report.source)
    return open_named(place, wanted, include=include, exclude=exclude)


def _at_hand(source: str) -> str:
    """The source, or the archive in the cache where it is a release: nothing is fetched."""
    if not source.startswith("pypi:"):
        return source
    path = cached(*parse_requirement(source.removeprefix("pypi:")))
    if path is None:
        raise SourceError(
            f"{source}: found no such release in the cache, expected the one that was scanned; "
            "fetch it with pip and name the archive with --source"
        )
    return path


def reference_texts(
    report: Report,
    reference: str | None = None,
    *,
    scanned: str | None = None,
    limits: Bounds = BOUNDS,
) -> dict[tuple[str, str, str], str]:
    """The text of reference files, by package, version (empty where there is none) and path.

    Args:
        report: whose findings name the files.
        reference: the source that they are of, as far as it is of their release; else what is in
            the cache is read, unless what was scanned may have brought that along.
        scanned: where the scanned code is now, if not where it was.
        limits: what to read a notebook may take.

    Raises:
        ProvenanceError: the source cannot be opened.
    """
    wanted: dict[tuple[str, str], set[str]] = defaultdict(set)
    for finding in report.findings:
        side = finding.reference
        wanted[side.package, side.version or ""].add(side.path)
    texts: dict[tuple[str, str, str], str] = {}
    given = None
    if reference is not None:
        paths = {path for some in wanted.values() for path in some}
        given = open_source(reference, include=_globs(paths))
        held = _texts(given, paths, limits)
    brought = _brings_cache(scanned or report.source)
    for (package, version), paths in sorted(wanted.items()):
        # What says which release it is quotes no other, whose lines are others.
        if given and given.release.version in (None, version):
            texts |= {(package, version, path): held[path] for path in paths & held.keys()}
            continue
        place = cached(package, version) if version and not brought else None
        if place is None:
            continue
        try:
            opened = open_source(place, include=_globs(paths))
            found = _texts(opened, paths, limits)
            texts |= {(package, version, path): text for path, text in found.items()}
        except SourceError:
            continue  # the report says that it lacks, and how to get it
    return texts


def _brings_cache(source: str) -> bool:
    """Whether the cache folder stands in what was scanned. A saved report may name another
    computer, where nobody looks; but for Windows that is a folder of this one."""
    if source.startswith("pypi:") or (sys.platform == "win32" and is_elsewhere(source)):
        return False
    return stands_in(source)


def _texts(source: Source, paths: Collection[str], limits: Bounds) -> dict[str, str]:
    read = _read(source, lambda one: one.path in paths, limits)
    return {file.path: file.content.decode() for file in read}


def _read(
    source: Source, wanted: Callable[[SourceFile | Unread], bool], limits: Bounds
) -> list[SourceFile]:
    """The files of a source that are wanted, the notebooks among them read by a worker: one that
    was scanned may have taken all the time that it may."""
    read: list[SourceFile] = []

    def notebooks() -> Iterator[Unread]:
        for file in source.files():
            if isinstance(file, Skipped) or not wanted(file):
                continue
            if isinstance(file, Unread):
                yield file
            else:
                read.append(file)

    for batch in run(_as_read, Streamed(notebooks()), [], 1, Nothing(), None, limits=limits):
        read += batch
    return read


def _as_read(files: Sequence[SourceFile], _: None) -> list[SourceFile]:
    """The work on a batch of notebooks, which are read before."""
    return [*files]


def _globs(paths: Collection[str]) -> list[str]:
    """Globs of just these paths, where that is quicker than to look at every file."""
    few = len(paths) <= _FEW and all(_PLAIN.fullmatch(path) for path in paths)
    return [f"/{path}" for path in sorted(paths)] if few else []
