"""slices: the rows that some look-ups need -> an index of only these. Pure.

A slice answers what it was cut for as the whole index would: numbers are its own, but in the same
order; how many units there are, and who made them, is that of the whole. It is an ``Index`` whose
rows are in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from provenance.cluster.fingerprints import (
    lines_of,
    signed,
    spans_of,
    stored,
    tokens_of,
    unsigned,
)
from provenance.cluster.tables import Header, refused
from provenance.elements import Tree
from provenance.errors import IndexFileError
from provenance.index import KINDS, Index, Standing
from provenance.null import Baseline
from provenance.postings import Posted
from provenance.recent import Recent
from provenance.schema import FILE, LAYOUT, RUN, TEXT_RUN
from provenance.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from provenance.model import Tokens

_NO_KEYS = np.empty(0, np.uint64), np.zeros(1, np.intp), np.empty(0, np.uint32)


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit by the numbers of the tables. Without ``tokens`` it can only be proposed."""

    number: int
    classes: Sequence[int] = ()
    stands: Sequence[int] = ()  # release << 32 | origin
    trees: Sequence[int] = ()
    unit: int | None = None  # its digest, as in the tables
    tokens: bytes | None = None
    words: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class TreeRow:
    """A distinct content, and the files that it is: (release, origin, path)."""

    number: int
    sha256: str
    mark: str
    holders: Sequence[str]
    licenses: Sequence[str]
    names: Sequence[str]
    spans: bytes
    lines: bytes
    files: Sequence[tuple[int, int, str]]


@dataclass(slots=True)
class Rows:
    """What a slice is made of."""

    postings: list[tuple[int, int, Sequence[int]]] = field(default_factory=list)  # door, key
    units: list[UnitRow] = field(default_factory=list)
    trees: list[TreeRow] = field(default_factory=list)


class Slice(Index):
    """An index of some rows. It has no file, and nothing to close."""

    def __init__(self, header: Header, rows: Rows) -> None:
        self.path = header.path
        self.parameters = header.parameters
        self.permutations = header.drawn
        self.checksum = header.checksum
        self.counts = header.counts
        self.units = header.counts["unit"]
        self.releases = header.releases
        self.origin_facts = header.by_column
        self._header = header
        self.damaged = self._unsound
        self._standing: Recent[int, tuple[Standing, ...]] = Recent(50_000)
        self._holders: Recent[int, tuple[str, ...]] = Recent(50_000)
        self._spelt: list[str] = []
        self._spelling: dict[str, int] = {}
        self._of_tree: dict[int, Tree] = {}
        self._of_unit: dict[int, Tokens] = {}
        self._placed: Recent[tuple[int, int], Tokens] = Recent(800)
        units = {row.number: row for row in rows.units}
        trees = {row.number: row for row in rows.trees}
        posted: dict[int, list[tuple[int, Sequence[int]]]] = {}
        for door, key, numbers in rows.postings:
            posted.setdefault(door, []).append((key, numbers))
        self._unit_numbers = _ascending(
            *(units, *(row.classes for row in rows.units)),
            *(n for door, keys in posted.items() if door not in (FILE, LAYOUT) for _, n in keys),
        )
        self._tree_numbers = _ascending(
            trees,
            *(row.trees for row in rows.units),
            *(n for door in (FILE, LAYOUT) for _, n in posted.get(door, ())),
        )
        self._unit_rows = {self._unit_of(number): row for number, row in units.items()}
        self._tree_rows = {self._tree_of(number): row for number, row in trees.items()}
        self._by_digest = {
            row.unit: number for number, row in self._unit_rows.items() if row.unit is not None
        }
        self._doors = {door: self._page_of(door, keys) for door, keys in posted.items()}

    def close(self) -> None:
        """Nothing is open."""

    def unit_numbers(self, units: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of units in the tables."""
        result: NDArray[np.int64] = self._unit_numbers[units - 1]
        return result

    def units_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The inverse of ``unit_numbers``."""
        if not np.isin(numbers, self._unit_numbers).all():
            raise self._unsound("a unit that is named and not there")
        return self._unit_numbers.searchsorted(numbers) + 1

    def _unit_of(self, number: int) -> int:
        return int(self._unit_numbers.searchsorted(number)) + 1

    def _tree_of(self, number: int) -> int:
        return int(self._tree_numbers.searchsorted(number)) + 1

    def _page_of(
        self, door: int, keys: list[tuple[int, Sequence[int]]]
    ) -> tuple[NDArray[np.uint64], NDArray[np.intp], NDArray[np.uint32]]:
        """The postings of a door: keys, where each one's units begin and end, the units."""
        ordered = sorted(keys)
        counts = [len(numbers) for _, numbers in ordered]
        every = np.array([n for _, numbers in ordered for n in sorted(numbers)], np.int64)
        known = self._tree_numbers if door in (FILE, LAYOUT) else self._unit_numbers
        edges = np.concatenate([[0], np.cumsum(counts, dtype=np.intp)])
        local = (known.searchsorted(every) + 1).astype(np.uint32)
        return unsigned([key for key, _ in ordered]), edges, local

    # --- what an index answers --------------------------------------------------------

    @cached_property
    def baseline(self) -> Baseline | None:
        """What unrelated code scores in the whole."""
        return None if self._header.baseline is None else Baseline.from_json(self._header.baseline)

    def posted(self, door: int, keys: NDArray[np.uint64], most: int | None = None) -> Posted:
        """See ``Index.posted``."""
        known, edges, units = self._doors.get(door, _NO_KEYS)
        asked = stored(door, keys, self._header.key_bits)
        place = known.searchsorted(asked)
        at = np.flatnonzero(known.take(place, mode="clip") == asked) if known.size else place[:0]
        start = edges[place[at]]
        many = edges[place[at] + 1] - start
        capped = self.parameters.common if door in (RUN, TEXT_RUN) else self._header.most
        held = np.where(many == 0, capped + 1, many)
        listed = many if most is None else np.where(many > most, 0, many)
        return Posted(at, held, start, listed, units)

    def classes_of(self, units: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        """See ``Index.classes_of``."""
        at: list[int] = []
        classes: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        for position, unit in enumerate(units.tolist()):
            row = self._unit_rows.get(unit)
            if row is not None and row.classes:
                at += [position] * len(row.classes)
                classes.append(self.units_of(np.array(sorted(row.classes), np.int64)))
        return np.array(at, np.intp), np.concatenate(classes).astype(np.uint32)

    def seen(self, releases: Sequence[int], origins: Sequence[int]) -> Seen:
        """See ``Index.seen``; of the units that are here."""
        of_release, of_origin = set(releases), set(origins)
        result = np.zeros(self._unit_numbers.size + 1, bool)
        for unit, row in self._unit_rows.items():
            result[unit] = any(
                one >> 32 in of_release and one & 0xFFFFFFFF in of_origin for one in row.stands
            )
        return Seen(result.size, result.size, lambda _: result)

    def tree(self, number: int) -> Tree:
        """See ``Index.tree``."""
        found = self._of_tree.get(number)
        if found is None:
            row = self._tree_row(number)
            try:
                at, lines = spans_of(row.spans), lines_of(row.lines)
            except ValueError as error:
                raise self._unsound(f"tree {row.sha256}: {error}") from error
            if len(row.names) != at.start.size:
                raise self._unsound(f"tree {row.sha256} has no name for each unit")
            units = [self._by_digest.get(digest, 0) for digest in signed(at.digests).tolist()]
            found = self._of_tree[number] = Tree(
                row.sha256,
                row.mark,
                tuple(row.holders),
                tuple(row.licenses),
                np.zeros(1, np.intp),
                np.array([lines.size]),
                np.array([0, lines.size]),
                lines.astype(np.intp),
                np.array(units, np.intp),
                at.start,
                at.stop,
                at.first,
                at.last,
                at.kinds,
                np.array([self._spelled(name) for name in row.names], np.intp),
            )
        return found

    def _tree_row(self, number: int) -> TreeRow:
        row = self._tree_rows.get(number)
        if row is None:
            raise self._unsound(f"no tree {number} where one must be")
        return row

    def _unit(self, number: int) -> tuple[int, NDArray[np.uint32]]:
        row = self._unit_rows.get(number)
        if row is None or row.tokens is None or not row.trees:
            raise self._unsound(f"no unit {number} where one must be")
        trees = self._tree_numbers.searchsorted(sorted(row.trees)) + 1
        return len(self.tokens(number)), trees.astype(np.uint32)

    def files_of(self, tree: int) -> list[Standing]:
        """See ``Index.files_of``."""
        row = self._tree_row(tree)
        if not row.files:
            raise self._unsound(f"tree {row.sha256} is no file's")
        for release, origin, _ in row.files:
            if release not in self.releases or origin not in self.origin_facts:
                raise self._unsound(f"tree {row.sha256} is of a release or origin of nobody")
        return [
            Standing(tree, release, origin, self._spelled(path))
            for release, origin, path in row.files
        ]

    def tokens(self, unit: int) -> Tokens:
        """See ``Index.tokens``; lines are those of no place."""
        found = self._of_unit.get(unit)
        if found is None:
            row = self._unit_rows.get(unit)
            if row is None or row.tokens is None:
                raise self._unsound(f"no unit {unit} where one must be")
            try:
                found = self._of_unit[unit] = tokens_of(row.tokens)
            except ValueError as error:
                raise self._unsound(f"unit {row.number}: {error}") from error
        return found

    def tokens_at(self, tree: int, position: int) -> Tokens:
        """See ``Index.tokens_at``."""
        known = self._placed.recall((tree, position))
        if known is None:
            from dataclasses import replace

            here = self.tree(tree)
            lines = here.lines[self.positions_at(tree, position)]
            own = self.tokens(int(here.units[position]))
            if lines.size != len(own):
                raise self._unsound(f"tree {here.sha256}: a unit of another size")
            known = replace(own, line=lines.astype(np.uint32))
            self._placed.keep((tree, position), known)
        return known

    def positions_at(self, tree: int, position: int) -> NDArray[np.intp]:
        """See ``Index.positions_at``."""
        here = self.tree(tree)
        span = np.zeros(here.lines.size, bool)
        span[int(here.start[position]) : int(here.stop[position])] = True
        if KINDS[int(here.kinds[position])] == "module":
            for inner in range(1, here.start.size):
                span[int(here.start[inner]) : int(here.stop[inner])] = False
        return np.flatnonzero(span)

    def views(
        self, units: Sequence[int]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64], list[tuple[int, int]]]:
        """See ``Index.views``."""
        every = [self.tokens(unit) for unit in units]
        edges = np.cumsum([0, *map(len, every)]).tolist()
        none = np.empty(0, np.uint64)
        return (
            np.concatenate([none, *(one.structure for one in every)]),
            np.concatenate([none, *(one.text for one in every)]),
            list(pairwise(edges)),
        )

    def names(self, words: NDArray[np.uint64]) -> list[str]:
        """See ``Index.names``; of the units that are here."""
        return [self._written.get(word, "") for word in words.tolist()]

    @cached_property
    def _written(self) -> dict[int, str]:
        """The texts of identifiers by their hashes."""
        from provenance.parse import grammar

        identifier = grammar().identifier
        texts: dict[int, str] = {}
        for unit, row in self._unit_rows.items():
            if row.tokens is not None:
                own = self.tokens(unit)
                words = np.unique(own.word[own.kind == identifier]).tolist()
                if len(words) != len(row.words):
                    raise self._unsound(f"unit {row.number} has no text for each identifier")
                texts.update(zip(words, row.words, strict=True))
        return texts

    def name(self, number: int) -> str:
        """See ``Index.name``."""
        return self._spelt[number]

    def _spelled(self, name: str) -> int:
        """A number for a name."""
        number = self._spelling.get(name)
        if number is None:
            number = self._spelling[name] = len(self._spelt)
            self._spelt.append(name)
        return number

    def _unsound(self, what: str) -> IndexFileError:
        return refused(self.path, f"damaged tables ({what})")


def _ascending(*numbers: Iterable[int]) -> NDArray[np.int64]:
    return np.array(sorted({number for some in numbers for number in some}), np.int64)
