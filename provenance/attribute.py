"""attribute: candidates of one file -> its findings and its composition.

Every candidate is compared exactly, first by shingle sets to rank, then element by element.
One file rarely borrows each function from another family: between candidates that score
alike, the family that explains most of the file is named, and what else scores the same is
said beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from provenance.align import align, blocks, clone_type, renames
from provenance.library import Library, Shingled, shingled
from provenance.mark import with_mark
from provenance.model import (
    Alignment,
    CellPlace,
    FileResult,
    Finding,
    Parsed,
    Place,
    Reference,
    Rename,
    Share,
    Sketch,
    SourceFile,
    Suspect,
    Tokens,
    Unit,
)
from provenance.parse import grammar
from provenance.sketch import body, positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_SCORE = 0.25
"""Candidates below this mean shingle resemblance are not aligned, unless one contains the other."""
LEAST_SHARED = 0.5
"""A finding needs this share of the suspect or of the reference unit paired."""
ALIKE = 0.02
"""Scores that differ by less than this do not tell two origins apart."""
_ROUNDED = 6


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate unit with its exact score in [0, 1]."""

    score: float
    number: int
    unit: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A unit of the file that is to be explained, with its candidates, best first."""

    position: int
    scored: tuple[Scored, ...]


def attribute(
    file: SourceFile,
    parsed: Parsed,
    sketch: Sketch,
    proposed: NDArray[np.int64],
    library: Library,
) -> tuple[FileResult, tuple[Finding, ...]]:
    """Explain one file.

    Args:
        file: what was scanned.
        parsed: its units.
        sketch: their fingerprints.
        proposed: int64[c, 3], (row of the sketch, index number, unit id), likeliest first.
        library: the indexes.

    Returns:
        The file's result, and its findings from the strongest down.
    """
    scored = _score(parsed, sketch, proposed, library)
    entries = _entries(parsed, scored)
    findings: list[Finding] = []
    owner = np.full(len(parsed.tokens), -1, np.intp)  # of each element: position in origins
    origins: list[str] = []
    explained: list[tuple[float, str, NDArray[np.intp]]] = []
    for entry, origin, chosen in _consistent(entries, library):
        made = _finding(file, parsed, entry, origin, chosen, library)
        if made is None:
            continue
        finding, covered = made
        findings.append(finding)
        explained.append((finding.matched, origin, covered))
    findings = _numbered(findings)
    for _, origin, covered in sorted(explained, key=lambda item: (-item[0], item[1])):
        if origin not in origins:
            origins.append(origin)
        free = covered[owner[covered] < 0]
        owner[free] = origins.index(origin)
    findings.sort(key=strength)
    return _result(file, parsed, owner, origins), tuple(findings)


def strength(finding: Finding) -> tuple[float | str, ...]:
    """Sort key: the most matched elements, weighed by resemblance, first."""
    weight = finding.matched * max(finding.suspect_containment, finding.reference_containment)
    return (-round(weight, _ROUNDED), finding.suspect.path, finding.suspect.start_line, finding.id)


def _result(
    file: SourceFile, parsed: Parsed, owner: NDArray[np.intp], origins: list[str]
) -> FileResult:
    size = max(1, owner.size)
    counts = np.bincount(owner[owner >= 0], minlength=len(origins)).tolist()
    shares = [
        Share(origin, round(count / size, _ROUNDED))
        for origin, count in zip(origins, counts, strict=False)
        if count
    ]
    shares.sort(key=lambda share: (-share.share, share.origin))
    similarity = round(sum(share.share for share in shares), _ROUNDED)
    return FileResult(
        path=file.path,
        sha256=file.sha256,
        lines=parsed.units[0].end_line,
        units=len(parsed.units),
        similarity=similarity,
        composition=tuple(shares),
        novel=round(1.0 - similarity, _ROUNDED),
        error_lines=parsed.error_lines,
    )


# --- candidates, exactly ------------------------------------------------------------------


def span(parsed: Parsed, position: int) -> slice | NDArray[np.intp]:
    """The elements of a unit: all between its ends, but of a module only its body."""
    unit = parsed.units[position]
    if unit.kind == "module":
        return positions(body(parsed.units, position))
    return slice(unit.start, unit.stop)


def _score(
    parsed: Parsed, sketch: Sketch, proposed: NDArray[np.int64], library: Library
) -> dict[int, tuple[Scored, ...]]:
    """Candidates of each unit with their exact score, best first; hidden ones left out."""
    found: dict[int, list[Scored]] = {}
    own: tuple[int, Shingled] | None = None
    for row, number, unit in proposed.tolist():
        if library.hides and not library.places(number, unit):
            continue
        position = int(sketch.unit[row])
        if own is None or own[0] != row:
            own = (row, shingled(parsed.tokens[span(parsed, position)], library.parameters))
        value = score(own[1], library.shingled(number, unit))
        if value >= LEAST_SCORE:
            found.setdefault(position, []).append(Scored(value, number, unit))
    return {
        position: tuple(sorted(listed, key=lambda s: (-s.score, s.number, s.unit)))
        for position, listed in found.items()
    }


def score(suspect: Shingled, reference: Shingled) -> float:
    """How alike two units are, in [0, 1]: the mean resemblance of both views, or, where one is
    part of the other, three quarters of the mean containment of the smaller one."""
    shared = _common(suspect.structure, reference.structure)
    same = _common(suspect.text, reference.text)
    resemblance = (
        shared / max(1, suspect.structure.size + reference.structure.size - shared)
        + same / max(1, suspect.text.size + reference.text.size - same)
    ) / 2
    containment = (
        shared / max(1, min(suspect.structure.size, reference.structure.size))
        + same / max(1, min(suspect.text.size, reference.text.size))
    ) / 2
    return round(max(resemblance, 0.75 * containment - 0.25), _ROUNDED)


def _common(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> int:
    """How many values two ascending arrays of distinct values share."""
    if left.size > right.size:
        left, right = right, left
    if not left.size:
        return 0
    at = np.searchsorted(right, left)
    at[at == right.size] = 0
    return int(np.count_nonzero(right[at] == left))


# --- what is to be explained, and by whom -------------------------------------------------


def _entries(parsed: Parsed, scored: dict[int, tuple[Scored, ...]]) -> list[_Entry]:
    """The units to explain: a class as a whole, unless its methods taken one by one are
    explained clearly better; a function, else the functions in it; the module body."""
    inner: dict[int, float] = {}  # what the units inside explain, in elements times score
    for position in range(len(parsed.units) - 1, 0, -1):
        unit = parsed.units[position]
        own = scored[position][0].score * (unit.stop - unit.start) if position in scored else 0.0
        inner[unit.parent] = inner.get(unit.parent, 0.0) + max(own, inner.get(position, 0.0))
    entries: list[_Entry] = []
    explained = 0  # the first element that no entry spans yet
    for position, unit in enumerate(parsed.units):
        if position not in scored or (position and unit.start < explained):
            continue
        size = unit.stop - unit.start
        if position and scored[position][0].score * size < inner.get(position, 0.0) - 0.1 * size:
            continue
        entries.append(_Entry(position, scored[position]))
        if position:
            explained = unit.stop
    return entries


def _consistent(entries: list[_Entry], library: Library) -> list[tuple[_Entry, str, Scored]]:
    """Name an origin for each entry: the one that explains most of the file takes all entries
    for which nobody scores better, then the one that explains most of the rest, and so on."""
    best: list[dict[str, Scored]] = []
    for entry in entries:
        by_origin: dict[str, Scored] = {}
        for candidate in entry.scored:
            for place in library.places(candidate.number, candidate.unit):
                by_origin.setdefault(place.origin, candidate)
        best.append(by_origin)
    open_ = list(range(len(entries)))
    chosen: list[tuple[_Entry, str, Scored]] = []
    while open_:
        votes: dict[str, float] = {}
        for at in open_:
            top = entries[at].scored[0].score
            for origin, candidate in best[at].items():
                if candidate.score >= top - ALIKE:
                    votes[origin] = votes.get(origin, 0.0) + candidate.score
        origin = min(votes, key=lambda name: (-round(votes[name], _ROUNDED), name))
        rest: list[int] = []
        for at in open_:
            named = best[at].get(origin)
            if named and named.score >= entries[at].scored[0].score - ALIKE:
                chosen.append((entries[at], origin, named))
            else:
                rest.append(at)
        open_ = rest
    return chosen


# --- one finding --------------------------------------------------------------------------


def _finding(
    file: SourceFile,
    parsed: Parsed,
    entry: _Entry,
    origin: str,
    chosen: Scored,
    library: Library,
) -> tuple[Finding, NDArray[np.intp]] | None:
    """The finding and the file's elements it explains; None where too little is shared."""
    unit = parsed.units[entry.position]
    elements = span(parsed, entry.position)
    suspect = parsed.tokens[elements]
    places = library.places(chosen.number, chosen.unit)
    place = next(place for place in places if place.origin == origin)
    index = library.indexes[chosen.number]
    reference = index.tokens_at(place.id)
    alignment = align(suspect, reference)
    shared = max(alignment.suspect_containment, alignment.reference_containment)
    if shared < LEAST_SHARED or alignment.matched < library.parameters.smallest:
        return None
    renamed = _renamed(parsed, suspect, reference, alignment, place, library, chosen.number)
    written_same = not renamed
    where = np.arange(unit.start, unit.stop) if isinstance(elements, slice) else elements
    finding = Finding(
        id="",
        suspect=_suspect(file, unit),
        reference=Reference(
            origin=place.origin,
            package=place.package,
            version=place.version,
            path=place.path,
            name=place.name,
            start_line=place.first_line,
            end_line=place.last_line,
            license=place.license,
            first_seen=places[0].date,
        ),
        clone_type=clone_type(alignment, same_names=written_same),
        resemblance=round(alignment.resemblance, _ROUNDED),
        suspect_containment=round(alignment.suspect_containment, _ROUNDED),
        reference_containment=round(alignment.reference_containment, _ROUNDED),
        same_text=round(float(alignment.same_text.mean()), _ROUNDED),
        matched=alignment.matched,
        also=_also(entry, chosen, origin, library),
        blocks=blocks(alignment, suspect, reference),
        renames=renamed,
    )
    key = f"{finding.suspect.name}\0{origin}\0{place.name}\0".encode() + suspect.text.tobytes()
    identity = blake2b(key, digest_size=10).hexdigest()
    return replace(finding, id=identity), where[alignment.suspect]


def _numbered(findings: list[Finding]) -> list[Finding]:
    """The same unit twice in a file gets a number behind its id, in the order of the lines."""
    seen: dict[str, int] = {}
    result: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (f.suspect.start_line, f.suspect.name)):
        times = seen[finding.id] = seen.get(finding.id, 0) + 1
        result.append(finding if times == 1 else replace(finding, id=f"{finding.id}-{times}"))
    return result


def _also(entry: _Entry, chosen: Scored, origin: str, library: Library) -> tuple[str, ...]:
    others: set[str] = set()
    for candidate in entry.scored:
        if candidate.score >= chosen.score - ALIKE:
            others.update(p.origin for p in library.places(candidate.number, candidate.unit))
    return tuple(sorted(others - {origin}))


def _suspect(file: SourceFile, unit: Unit) -> Suspect:
    cell = None
    if file.cells:
        first, last = _cell(file, unit.start_line), _cell(file, unit.end_line)
        cell = CellPlace(*first, *last)
    return Suspect(file.path, unit.name, unit.kind, unit.start_line, unit.end_line, cell)


def _cell(file: SourceFile, line: int) -> tuple[int, int]:
    number, first = file.cells[0]
    for candidate in file.cells:
        if candidate[1] <= line:
            number, first = candidate
    return number, line - first + 1


def _renamed(
    parsed: Parsed,
    suspect: Tokens,
    reference: Tokens,
    alignment: Alignment,
    place: Place,
    library: Library,
    number: int,
) -> tuple[Rename, ...]:
    """The renames between the paired identifiers of the two units."""
    i, j = alignment.suspect, alignment.reference
    named = suspect.kind[i] == grammar().identifier
    left, right = suspect.word[i[named]], reference.word[j[named]]
    if not left.size or (place.mark == parsed.mark and np.array_equal(left, right)):
        return ()
    pairs, counts = np.unique(np.stack([left, right]), axis=1, return_counts=True)
    written = {word: raw for raw, word in parsed.words.items()}
    theirs = library.indexes[number].names(pairs[1])
    counted: dict[tuple[str, str], int] = {}
    for word, name, count in zip(pairs[0].tolist(), theirs, counts.tolist(), strict=True):
        mine = written.get(word, b"").decode("utf-8", "replace")
        counted[mine, with_mark(name, place.mark)] = count
    return renames(counted)
