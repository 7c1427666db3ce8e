"""identity: scanned files that are reference files, byte for byte or but for their layout.

They are recognised before anything is compared: a vendored package is one line of a report, not a
finding for each of its functions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from pathlib import PurePosixPath

from provenance.library import Library
from provenance.model import FileResult, Identity, Parsed, Share, SourceFile, Vendored
from provenance.schema import FILE, LAYOUT, TEXT
from provenance.sketch import digest


def same_bytes(
    files: Sequence[tuple[SourceFile, Parsed]], library: Library
) -> dict[int, FileResult]:
    """The results for files whose very bytes are indexed, by their places among the files; none
    for those too small to say anything (below ``Parameters.large`` elements)."""
    results: dict[int, FileResult] = {}
    for at in library.held(FILE, [int(file.sha256[:16], 16) for file, _ in files]):
        file, parsed = files[at]
        if file.content and (found := library.same_file(file.sha256)):
            lines = max(1, file.content.count(b"\n") + (file.content[-1:] not in (b"\n", b"")))
            identity = library.identity(found, digest(parsed.tokens.text), exact=True)
            results[at] = _result(file, lines, found[0].units, parsed.error_lines, identity)
    return results


def may_equal(files: Sequence[Parsed], library: Library) -> list[int]:
    """The places of the files that may equal indexed ones: not those whose first large function is
    as written in none. To digest that takes far less than to digest all of the file."""
    large = library.parameters.large
    asked: list[int] = []
    digests: list[int] = []
    others: list[int] = []
    for at, parsed in enumerate(files):
        for unit in parsed.units:
            if unit.stop - unit.start >= large and unit.kind not in ("module", "class"):
                asked.append(at)
                digests.append(digest(parsed.tokens.text[unit.start : unit.stop]))
                break
        else:
            others.append(at)
    return sorted([*others, *(asked[held] for held in library.held(TEXT, digests))])


def same_layout(
    files: Sequence[tuple[SourceFile, Parsed]], library: Library
) -> dict[int, FileResult]:
    """The results for files that equal indexed ones but for layout, comments, docstrings,
    annotations and imports, names included; by their places among the files."""
    large = library.parameters.large
    asked = [at for at, (_, parsed) in enumerate(files) if len(parsed.tokens) >= large]
    digests = [digest(files[at][1].tokens.text) for at in asked]
    results: dict[int, FileResult] = {}
    for held in library.held(LAYOUT, digests):
        file, parsed = files[asked[held]]
        if found := library.same_layout(digests[held], parsed.mark):
            identity = library.identity(found, digests[held], exact=False)
            units, lines = len(parsed.units), parsed.units[0].end_line
            results[asked[held]] = _result(file, lines, units, parsed.error_lines, identity)
    return results


def _result(
    file: SourceFile, lines: int, units: int, errors: tuple[int, ...], identity: Identity
) -> FileResult:
    return FileResult(
        path=file.path,
        sha256=file.sha256,
        lines=lines,
        units=units,
        similarity=1.0,
        composition=(Share(identity.origin, 1.0),),
        common=0.0,
        novel=0.0,
        error_lines=errors,
        identical=identity,
        verdict="derived",
    )


def vendored(files: Iterable[FileResult]) -> tuple[Vendored, ...]:
    """Identical files by where they stand: each group is a folder here that holds files of one
    folder of one release, named by the release that explains most of them.

    Two paths belong to the folders that remain when their common ending is taken away:
    ``lib/hf/models/llama/a.py`` and ``transformers/models/llama/a.py`` to ``lib/hf`` and
    ``transformers``.
    """
    groups: dict[tuple[str, str, str], list[FileResult]] = {}
    for file in files:
        if file.identical:
            here, there = _folders(file.path, file.identical.path)
            groups.setdefault((here, there, file.identical.package), []).append(file)
    found: list[Vendored] = []
    for (here, there, package), members in sorted(groups.items()):
        for version, chosen in _by_version(members):
            licenses = {file.identical.license for file in chosen if file.identical}
            found.append(
                Vendored(
                    folder=here,
                    reference_folder=there,
                    package=package,
                    version=version,
                    license=licenses.pop() if len(licenses) == 1 else None,
                    files=len(chosen),
                    exact=sum(1 for file in chosen if file.identical and file.identical.exact),
                    lines=sum(file.lines for file in chosen),
                    younger=sum(
                        1
                        for file in chosen
                        if file.identical and file.identical.direction == "younger"
                    ),
                )
            )
    return tuple(sorted(found, key=lambda one: (-one.files, one.folder, one.package)))


def _by_version(
    files: Sequence[FileResult],
) -> Iterator[tuple[str | None, list[FileResult]]]:
    """The version that most of some files have, with those; then that which most of the rest have,
    and so on: there may be very many of both."""
    holding: dict[str | None, list[int]] = {}
    for at, file in enumerate(files):
        for version in _versions(file):
            holding.setdefault(version, []).append(at)
    times = {version: len(held) for version, held in holding.items()}
    waiting = [(-count, version or "", version) for version, count in times.items()]
    heapify(waiting)
    left = set(range(len(files)))
    while left:
        count, _, version = heappop(waiting)
        if -count != times[version]:
            continue  # it was counted anew since
        chosen = [at for at in holding[version] if at in left]
        left.difference_update(chosen)
        yield version, [files[at] for at in chosen]
        fewer = Counter(one for at in chosen for one in _versions(files[at]))
        for one, gone in fewer.items():
            times[one] -= gone
            if times[one]:
                heappush(waiting, (-times[one], one or "", one))


def _versions(file: FileResult) -> tuple[str | None, ...]:
    return (file.identical.versions or (None,)) if file.identical else ()


def _folders(path: str, other: str) -> tuple[str, str]:
    """What remains in front of the common ending of two paths, ``.`` where nothing does."""
    mine, theirs = list(PurePosixPath(path).parts), list(PurePosixPath(other).parts)
    while mine and theirs and mine[-1] == theirs[-1]:
        mine.pop()
        theirs.pop()
    if len(mine) == len(PurePosixPath(path).parts):  # renamed: the folders they stand in
        mine, theirs = mine[:-1], theirs[:-1]
    return "/".join(mine) or ".", "/".join(theirs) or "."
