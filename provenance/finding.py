"""finding: one unit and the candidate that is named for it -> a finding. Pure but for the library.

The two are paired element by element; all that the finding says is counted from these pairs. What
else scores as well is said beside it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from provenance.align import align, blocks, clone_type, renames
from provenance.library import Library, shared, shingled
from provenance.mark import with_mark, without_mark
from provenance.model import (
    Alignment,
    CellPlace,
    Finding,
    Parameters,
    Parsed,
    Place,
    Reference,
    Rename,
    Scores,
    SourceFile,
    Suspect,
    Tokens,
    Unit,
)
from provenance.parse import grammar, word_hashes
from provenance.sketch import body, mix, positions, unmixed
from provenance.verdict import ALIKE, is_common, rarity, rate

if TYPE_CHECKING:
    from numpy.typing import NDArray

TWIN = 0.1
"""Nor do units of equal structure whose text resemblance differs by no more than this, and what
two names changed in one place make of it (each is in five shingles)."""
TELLING_RUN, TELLING_TEXT_RUN = 64, 36
"""Elements in a row that make a part worth reporting, what repeats counted once: of 98,780 units of
packages without model code none shared so long a run with the default index, of which the longest
were 39 and 33 (benchmarks/README.md)."""
_MOST_LINEAGE = 8
_ROUNDED = 6


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate unit and how alike it is: resemblance of both views' shingle sets."""

    number: int
    unit: int
    structure: float
    text: float
    telling: int
    size: int  # of the suspect unit, in elements, what repeats counted once
    score: float

    @property
    def scores(self) -> Scores:
        """What it is ranked by, rounded as reports have it."""
        return Scores(
            round(self.structure, _ROUNDED), round(self.text, _ROUNDED), round(self.score, _ROUNDED)
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """A unit of the file that is to be explained, with its candidates, best first."""

    position: int
    elements: int
    scored: tuple[Scored, ...]
    best: dict[str, Scored]  # of each origin
    whole: bool  # False where only a part of the unit may be explained


def telling_run(alignment: Alignment, suspect: Tokens, parameters: Parameters) -> bool:
    """Whether a part of a unit is reported: 64 equal elements in a row, or 36 equal as written.
    A table of numbers repeats one shingle, however long it is: it is counted as short as its
    distinct shingles are few.
    """
    if not alignment.matched:
        return False
    unbroken = (np.diff(alignment.suspect) == 1) & (np.diff(alignment.reference) == 1)
    same = alignment.same_text
    for view, run, k, least in (
        (suspect.structure, unbroken, parameters.k, TELLING_RUN),
        (suspect.text, unbroken & same[1:] & same[:-1], parameters.text_k, TELLING_TEXT_RUN),
    ):
        first, size = _longest(run)
        if size + 1 >= least:
            start = int(alignment.suspect[first])
            hashes = unmixed(view[start : start + size + 1], k)
            if np.unique(hashes).size + k - 1 >= least:
                return True
    return False


def _may_tell(suspect: Tokens, chosen: Scored, library: Library) -> bool:
    """Whether two units share as many distinct shingles as a run that ``telling_run`` accepts has,
    and a run as long as that: what costs far less than to pair them."""
    parameters = library.parameters
    own, (there,) = (
        shingled(suspect, parameters),
        library.shingled([(chosen.number, chosen.unit)]),
    )
    structure = shared(own.structure, [there.structure])[0] + parameters.k - 1
    text = shared(own.text, [there.text])[0] + parameters.text_k - 1
    if structure < TELLING_RUN and text < TELLING_TEXT_RUN:
        return False
    reference = library.indexes[chosen.number].tokens(chosen.unit)
    for left, right, size in (
        (suspect.structure, reference.structure, TELLING_RUN),
        (suspect.text, reference.text, TELLING_TEXT_RUN),
    ):
        (common,) = shared(np.sort(unmixed(right, size)), [unmixed(left, size)])
        if common:
            return True
    return False


def _longest(flags: NDArray[np.bool_]) -> tuple[int, int]:
    """The first longest run of True: where it starts, and its length."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    if not edges.size:
        return 0, 0
    lengths = edges[1::2] - edges[::2]
    best = int(lengths.argmax())
    return int(edges[2 * best]), int(lengths[best])


def span(parsed: Parsed, position: int) -> slice | NDArray[np.intp]:
    """The elements of a unit: all between its ends, but of a module only its body."""
    unit = parsed.units[position]
    if unit.kind == "module":
        return positions(body(parsed.units, position))
    return slice(unit.start, unit.stop)


def finding_of(
    file: SourceFile,
    parsed: Parsed,
    entry: Entry,
    digest: int,
    origin: str,
    chosen: Scored,
    library: Library,
) -> tuple[Finding, NDArray[np.intp]] | None:
    """The finding and the file's elements it explains; None where too little is shared."""
    unit = parsed.units[entry.position]
    elements = span(parsed, entry.position)
    suspect = parsed.tokens[elements]
    if not entry.whole and not _may_tell(suspect, chosen, library):
        return None
    place = library.first_place(chosen.number, chosen.unit, origin)
    index = library.indexes[chosen.number]
    reference = index.tokens_at(place.tree, place.position)
    pair = digest, chosen.number, chosen.unit
    alignment = library.alignments.recall(pair)
    if alignment is None:
        alignment = library.alignments.keep(pair, align(suspect, reference))
    if not entry.whole and not telling_run(alignment, suspect, library.parameters):
        return None
    if alignment.matched < min(library.parameters.small, len(suspect)):
        return None
    renamed = _renamed(parsed, suspect, reference, alignment, place, library, chosen.number)
    written = _as_written(parsed, suspect, reference, alignment, place)
    same_names = not renamed and _same_marks(parsed, suspect, reference, alignment, place)
    alike = _alike(entry, chosen)
    also = {other for one in alike for other in library.origins(one.number, one.unit)} - {origin}
    lineage, families = library.lineage(((one.number, one.unit) for one in alike), _MOST_LINEAGE)
    null = library.null
    rate_ = percentile = None
    if null is not None and entry.whole:
        alone = null.false_alarm_rate(chosen.score, entry.elements)
        rate_ = round(rate(alone, families, library.families), _ROUNDED)
        percentile = round(null.percentile(chosen.score, entry.elements), _ROUNDED)
    where = np.arange(unit.start, unit.stop) if isinstance(elements, slice) else elements
    stand = None
    if "module" in (unit.kind, place.kind):
        stand = where, index.positions_at(place.tree, place.position)
    key = f"{unit.name}\0{origin}\0{place.name}\0".encode() + suspect.text.tobytes()
    finding = Finding(
        id=blake2b(key, digest_size=10).hexdigest(),
        suspect=_suspect(file, unit),
        reference=_reference(chosen, origin, place, reference, library),
        clone_type=clone_type(replace(alignment, same_text=written), same_names=same_names),
        resemblance=round(alignment.resemblance, _ROUNDED),
        suspect_containment=round(alignment.suspect_containment, _ROUNDED),
        reference_containment=round(alignment.reference_containment, _ROUNDED),
        same_text=round(float(written.mean()), _ROUNDED),
        matched=alignment.matched,
        also=tuple(sorted(also)),
        blocks=blocks(alignment, suspect, reference, stand),
        renames=renamed,
        verdict="common" if is_common(families, library.families) else "resembles",
        attribution="undeclared",
        families=families,
        lineage=lineage,
        rarity=round(rarity(families, library.families), _ROUNDED),
        percentile=percentile,
        false_alarm_rate=rate_,
        direction="unknown",
        scores=chosen.scores if entry.whole else None,
    )
    return finding, where[alignment.suspect]


def _reference(
    chosen: Scored, origin: str, place: Place, elements: Tokens, library: Library
) -> Reference:
    """The reference side of a finding: a unit's place in an origin, and its elements."""
    key = chosen.number, chosen.unit, origin
    made = library.references.recall(key)
    if made is None:
        made = library.references.keep(key, _made(chosen, origin, place, elements, library))
    library.stands(made, library.indexes[chosen.number], place.tree)
    return made


def _made(
    chosen: Scored, origin: str, place: Place, elements: Tokens, library: Library
) -> Reference:
    family = library.family(origin)
    first_seen, absent_before = library.days_of_unit(
        chosen.number, chosen.unit, elements, place.package
    )
    return Reference(
        origin=place.origin,
        package=place.package,
        version=place.version,
        path=place.path,
        name=place.name,
        start_line=place.first_line,
        end_line=place.last_line,
        license=place.license,
        first_seen=first_seen,
        date_source=place.date_source,
        absent_before=absent_before,
        family=family.name,
        title=family.title,
        organisation=family.organisation,
        country=family.country,
        link=_link(place),
        stated_licenses=library.indexes[chosen.number].tree(place.tree).stated,
    )


def _alike(entry: Entry, chosen: Scored) -> list[Scored]:
    """The candidates that score as well as the named one, or better, itself included."""
    return [one for one in entry.scored if one is chosen or alike(one, chosen, entry.elements)]


def alike(one: Scored | Scores, chosen: Scored | Scores, elements: int) -> bool:
    """Whether a candidate scores as well as the named one, or better: the text does not tell which
    is the source of a unit of so many elements."""
    twin = one.structure == chosen.structure
    return (
        twin and one.text >= chosen.text - TWIN - 10 / elements
    ) or one.score >= chosen.score - ALIKE


def _link(place: Place) -> str | None:
    """A public address of a place's lines."""
    if place.link is None or place.version is None:
        return None
    values = {"version": place.version, "path": place.path}
    lines = {"first": str(place.first_line), "last": str(place.last_line)}
    return re.sub(r"\{(\w+)\}", lambda found: {**values, **lines}.get(found[1], ""), place.link)


def _suspect(file: SourceFile, unit: Unit) -> Suspect:
    cell = None
    if file.cells:
        first, last = _cell(file, unit.start_line), _cell(file, unit.end_line)
        cell = CellPlace(*first, *last)
    return Suspect(file.path, unit.name, unit.kind, unit.start_line, unit.end_line, cell)


def _cell(file: SourceFile, line: int) -> tuple[int, int]:
    """The cell of a notebook that a line stands in, and which line of it that is."""
    at = bisect_right(file.cells, line, key=lambda cell: cell[1])
    number, first = file.cells[max(0, at - 1)]
    return number, line - first + 1


@lru_cache(maxsize=1)
def _written(parsed: Parsed) -> dict[int, bytes]:
    """The texts of a file by their hashes."""
    return {word: raw for raw, word in parsed.words.items()}


def _as_written(
    parsed: Parsed, suspect: Tokens, reference: Tokens, alignment: Alignment, place: Place
) -> NDArray[np.bool_]:
    """Which pairs are equal in the text view, or as written, as far as an index tells: a text of
    the suspect's is read with the reference's mark, which the suspect's file need not have."""
    same = alignment.same_text
    if place.mark == parsed.mark or same.all():
        return same
    differing = np.flatnonzero(~same)
    mine = _with_mark_of(place, parsed, suspect.word[alignment.suspect[differing]])
    result: NDArray[np.bool_] = same.copy()
    result[differing] = mine == reference.word[alignment.reference[differing]]
    return result


def _same_marks(
    parsed: Parsed, suspect: Tokens, reference: Tokens, alignment: Alignment, place: Place
) -> bool:
    """Whether no paired texts are told as equal that bear the marks of two families, as a string
    may that names one."""
    if place.mark == parsed.mark:
        return True
    equal = suspect.word[alignment.suspect[alignment.same_text]]
    there = reference.word[alignment.reference[alignment.same_text]]
    borne = equal == there  # the others are equal as written
    return np.array_equal(_with_mark_of(place, parsed, equal[borne]), there[borne])


def _with_mark_of(place: Place, parsed: Parsed, words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Texts of the suspect's, as they are where the reference's mark is read in them."""
    distinct, at = np.unique(words, return_inverse=True)
    written = _written(parsed)
    known = [written.get(word) for word in distinct.tolist()]
    again = word_hashes([one or b"" for one in known], place.mark)
    kept = np.array([one is None for one in known], bool)
    return np.where(kept, distinct, again)[at]


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
    # Pairs are told apart by one number each, far cheaper than by rows.
    joint = mix(left * np.uint64(0x9E3779B97F4A7C15) + right)
    order = joint.argsort(kind="stable")
    joint = joint[order]
    starts = np.flatnonzero(np.concatenate([[True], joint[1:] != joint[:-1]]))
    counts = np.diff(starts, append=joint.size)
    first = order[starts]
    pairs = left[first], right[first]
    written = _written(parsed)
    theirs = library.indexes[number].names(pairs[1])
    counted: dict[tuple[str, str], int] = {}
    for word, name, count in zip(pairs[0].tolist(), theirs, counts.tolist(), strict=True):
        mine = written.get(word, b"").decode("utf-8", "replace")
        # an index has not how a mark was spelt: what may be as the suspect has it is no rename
        same = bool(place.mark) and without_mark(mine, place.mark) == name
        counted[mine, mine if same else with_mark(name, place.mark, place.path)] = count
    return renames(counted, certain=alignment.resemblance == 1.0)
