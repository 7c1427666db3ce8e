"""index: the fingerprints of reference code in one file, and look-ups in it.

A scan opens it read-only. Look-ups are made in bulk: postings are not rows but pages of
sorted keys, found by the leading bits of a key, so that one page answers many keys with one
``searchsorted`` and the cost hardly grows with the index. No source text is stored: kinds and
hashes of elements, identifiers, spans.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.errors import IndexFileError
from provenance.model import Family, Parameters, Place, Release, Tokens, UnitKind
from provenance.order import distinct, firsts, inserted
from provenance.pages import decompress, split, stretches, sums, unpack, unpack_lists
from provenance.recent import Recent
from provenance.schema import (
    DOORS,
    EXACT,
    FILE,
    FORMAT_VERSION,
    KEY_BITS,
    LAYOUT,
    NAMES_PER_PAGE,
    PAGED,
    PIECES_PER_PAGE,
    TABLES,
    TREES_PER_PACK,
    TREES_PER_PAGE,
    UNITS_PER_PAGE,
    WORDS_PER_PAGE,
    open_checked,
    sealed,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.null import Baseline

KINDS: tuple[UnitKind, ...] = ("module", "class", "function", "method", "nested")
LARGE_WORD = 0xFFFF
_MOST_TEXTS = 20_000
_MOST_JOINED = 8192  # pages of a door kept as one: all of an index of a quarter million units
NO_DAY = "9999-99-99"
"""Sorts behind every day: what is not dated is not called older than what is."""

_Page = tuple["NDArray[np.unsignedinteger[Any]]", "NDArray[np.uint32]", "NDArray[np.uint32]"]
"""A page of postings: its keys, where each one's units begin and the last ones end, the units."""


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What an index says of itself. ``checksum`` covers what is stored, not the file's bytes."""

    path: str
    format_version: int
    checksum: str
    parameters: Parameters
    counts: dict[str, int]
    releases: tuple[Release, ...]


@dataclass(frozen=True, slots=True)
class OriginFacts:
    """One origin of an index: its family, its first day there, how many distinct units it has,
    and how often one of them stands in another origin too."""

    name: str
    family: Family
    first: str | None
    units: int
    shared: int


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One distinct file content: its pieces and its units in source order, in parallel arrays.

    Pieces: their numbers, sizes in elements, where each begins and the last one ends, the 1-based
    line of their first element. Units:
    numbers, half-open spans of elements, 1-based inclusive lines, positions in ``KINDS``,
    numbers of their names. ``holders`` are those its copyright lines name, ``licenses`` the SPDX
    expressions of the licences it states.
    """

    sha256: str
    mark: str
    holders: tuple[str, ...]
    licenses: tuple[str, ...]
    pieces: NDArray[np.intp]
    sizes: NDArray[np.intp]
    edges: NDArray[np.intp]
    lines: NDArray[np.intp]
    units: NDArray[np.intp]
    start: NDArray[np.intp]
    stop: NDArray[np.intp]
    first_line: NDArray[np.intp]
    last_line: NDArray[np.intp]
    kinds: NDArray[np.intp]
    names: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Standing:
    """One file of one release that has a unit: numbers of tree, release, origin and path."""

    tree: int
    release: int
    origin: int
    path: int


_NO_WORD = np.empty(0, np.uint32)


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """A page of pieces: where each one's elements and words begin; kinds, line steps, words, kept
    small, so that many pages can be."""

    elements: list[int]
    leaves: list[int]
    kinds: NDArray[np.uint8]
    steps: NDArray[Any]
    words: NDArray[np.uint32]


class Index:
    """An open index, read-only. Use as a context manager or ``close`` it."""

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.connection = open_checked(Path(path))
        try:
            self._load()
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
            self.connection.close()
            raise IndexFileError(
                f"{self.path}: found a damaged index ({error}), expected one written by "
                "'provenance index build'; build it again"
            ) from error
        except BaseException:
            self.connection.close()
            raise
        self._recent: Recent[int, _Page] = Recent(512)
        self._joined: dict[int, tuple[NDArray[np.uint64], _Page]] = {}
        self._present: dict[int, tuple[NDArray[np.bool_], np.uint64]] = {}
        self._words: Recent[int, tuple[Any, list[str]]] = Recent(1024)
        self._names: Recent[int, list[str]] = Recent(512)
        self._texts: dict[int, str] = {}  # of words
        self._pieces: Recent[int, _Pieces] = Recent(1024)
        self._packs: Recent[int, tuple[Any, Any, Any]] = Recent(512)
        self._trees: Recent[int, Tree] = Recent(1500)
        self._tokens: Recent[int, Tokens] = Recent(800)
        self._units: Recent[int, tuple[Any, Any, Any, Any, Any]] = Recent(2048)
        self._files: Recent[int, tuple[Any, ...]] = Recent(256)
        self._standing: Recent[int, tuple[Standing, ...]] = Recent(50_000)
        self._holders: Recent[int, tuple[str, ...]] = Recent(50_000)

    def _load(self) -> None:
        meta, releases, origins = opening_rows(self.connection)
        if opening_sum(meta, releases, origins) != json.loads(meta["rows"]):
            raise ValueError("what it says of itself is not as it was written")
        stored = json.loads(meta["parameters"])
        if set(stored) != {field.name for field in fields(Parameters)}:
            raise ValueError("its parameters are not those of this version")
        self.parameters = Parameters(**stored)
        for decided in ("grammar", "normalisation", "scheme"):
            found, ours = getattr(self.parameters, decided), getattr(Parameters(), decided)
            if found != ours:
                raise IndexFileError(
                    f"{self.path}: found an index made with {decided} {found!r}, expected "
                    f"{ours!r}; build it again with this version"
                )
        drawn = np.frombuffer(meta["permutations"], "<u4").reshape(2, -1)
        if drawn.shape[1] != self.parameters.bands * self.parameters.rows:
            raise ValueError("permutations do not match the parameters")
        self.permutations = drawn.astype(np.uint32)
        bits = json.loads(meta["page_bits"])
        self._bits: list[int] = [int(bits[str(door)]) for door in DOORS]
        if not all(0 <= size <= KEY_BITS for size in self._bits):
            raise ValueError("page bits out of range")
        self.checksum = str(json.loads(meta["checksum"]))
        self.counts: dict[str, int] = json.loads(meta["counts"])
        self.units = int(self.counts["unit"])
        self.releases: dict[int, Release] = {row[0]: Release(*row[1:9]) for row in releases}
        self.origin_facts: dict[int, OriginFacts] = {
            row[0]: OriginFacts(row[1], Family(*row[2:6]), *row[6:]) for row in origins
        }

    @cached_property
    def baseline(self) -> Baseline | None:
        """What unrelated code scores in this index, None where that was not measured."""
        from provenance.null import Baseline

        row = self.connection.execute("SELECT value FROM meta WHERE key = 'baseline'").fetchone()
        return None if row is None else Baseline.from_json(row[0])

    @cached_property
    def families(self) -> int:
        """How many families it has."""
        return len({facts.family.name for facts in self.origin_facts.values()})

    @cached_property
    def _days_of_package(self) -> dict[str, list[str]]:
        days: dict[str, set[str]] = {}
        for release in self.releases.values():
            if release.date:
                days.setdefault(release.package, set()).add(release.date)
        return {package: sorted(known) for package, known in days.items()}

    def absent_before(self, package: str, day: str | None) -> str | None:
        """The last day before one on which a release of the package was indexed."""
        earlier = [known for known in self._days_of_package.get(package, ()) if known < (day or "")]
        return earlier[-1] if earlier else None

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; look-ups fail from now on."""
        self.connection.close()

    # --- pages ------------------------------------------------------------------------

    def _read(self, table: str, number: int) -> list[NDArray[Any]]:
        """The arrays of a page."""
        try:
            row = self.connection.execute(
                f"SELECT data FROM {table} WHERE id = ?",  # noqa: S608
                (number,),
            ).fetchone()
        except (sqlite3.DatabaseError, OverflowError) as error:
            raise self._damaged(str(error)) from error
        if row is None:
            raise self._damaged(f"no {table} page {number} where one must be")
        try:
            return unpack(number, row[0])
        except (ValueError, TypeError) as error:
            raise self._damaged(f"{table} {number}: {error}") from error

    def _damaged(self, what: str) -> IndexFileError:
        return IndexFileError(
            f"{self.path}: found a damaged index ({what}), expected what "
            "'provenance index verify' accepts; build it again"
        )

    # --- look-ups ---------------------------------------------------------------------

    def lookup(
        self, door: int, keys: NDArray[np.uint64]
    ) -> tuple[NDArray[np.intp], NDArray[np.uint32], NDArray[np.intp]]:
        """All units posted under each key.

        Args:
            door: which kind of key.
            keys: uint64[n], in any order, repeated or not.

        Returns:
            Positions in ``keys`` and unit ids, in parallel, by position and then by unit; and
            intp[n], how many units hold each key: those of a common fingerprint are not
            listed, and ``Parameters.common + 1`` stands for their number.
        """
        if not keys.size:
            return np.empty(0, np.intp), np.empty(0, np.uint32), np.empty(0, np.intp)
        stored = 64 if door in EXACT else KEY_BITS
        asked = keys >> np.uint64(64 - stored)
        if door not in self._present:
            return self._looked_up(door, asked, stored)
        present, shift = self._present[door]
        at = np.flatnonzero(present[asked >> shift])
        held = np.zeros(keys.size, np.intp)
        position, units, held[at] = self._looked_up(door, asked[at], stored)
        return at[position], units, held

    def _looked_up(
        self, door: int, keys: NDArray[np.uint64], stored: int
    ) -> tuple[NDArray[np.intp], NDArray[np.uint32], NDArray[np.intp]]:
        """``lookup`` of keys as they are stored, in so many bits."""
        if not keys.size:
            return np.empty(0, np.intp), np.empty(0, np.uint32), np.empty(0, np.intp)
        sought, inverse = distinct(keys, stored)
        leading = sought >> np.uint64(stored - self._bits[door])
        numbers = leading[firsts(leading)]
        if numbers.size == 1:
            page_keys, edges, units = self._page(door, int(numbers[0]))
        else:
            page_keys, edges, units = self._pages(door, numbers)
        if not page_keys.size:
            return np.empty(0, np.intp), units, np.zeros(keys.size, np.intp)
        at = page_keys.searchsorted(sought.astype(page_keys.dtype))
        at[at == page_keys.size] = 0
        found = page_keys[at] == sought
        start = edges[at].astype(np.intp)
        listed = np.where(found, edges[at + 1] - start, 0)
        held = np.where(found & (listed == 0), self.parameters.common + 1, listed)
        count = listed[inverse]
        position = np.repeat(np.arange(keys.size), count)
        return position, units[stretches(start[inverse], count)], held[inverse]

    def _pages(self, door: int, numbers: NDArray[np.uint64]) -> _Page:
        """At least the pages of these numbers, ascending, as one page: all that were asked for so
        far, where these are not too many."""
        known, page = self._joined.get(door, (numbers[:0], None))
        missing = np.setdiff1d(numbers, known, assume_unique=True)
        every = 1 << self._bits[door]
        if page is None or known.size + missing.size > _MOST_JOINED:
            known, page = numbers, self._posted(door, numbers.tolist())
        elif missing.size:
            if _MOST_JOINED >= every < 3 * known.size:  # the others will be asked for too
                missing = np.setdiff1d(np.arange(every, dtype=np.uint64), known, assume_unique=True)
            keys, edges, units = self._posted(door, missing.tolist())
            at = page[0].searchsorted(keys)
            behind = np.repeat(page[1][at].astype(np.intp), np.diff(edges))
            page = (
                inserted(page[0], at, keys),
                _edges(inserted(np.diff(page[1]), at, np.diff(edges))),
                inserted(page[2], behind, units),
            )
            known = np.concatenate([known, missing])
            known.sort()
        else:
            return page
        self._joined[door] = known, page
        if known.size == every:
            self._present[door] = _present(page[0], 64 if door in EXACT else KEY_BITS)
        return page

    def _page(self, door: int, number: int) -> _Page:
        """The page of a number."""
        key = door << 40 | number
        return self._recent.recall(key) or self._recent.keep(key, self._posted(door, [number]))

    def _posted(self, door: int, numbers: Sequence[int]) -> _Page:
        """Pages of ascending numbers as one. They are cut by leading bits of their keys, which
        ascend from one to the next."""
        read = [self._read("posting", door << 40 | number) for number in numbers]
        try:
            steps, counts, *lists = (np.concatenate(parts) for parts in zip(*read, strict=True))
            keys = sums(steps, [one[0].size for one in read]).astype(_key_type(door), copy=False)
            page = keys, _edges(counts), unpack_lists(counts, *lists)
        except (ValueError, TypeError, MemoryError) as error:
            raise self._damaged(f"posting pages of door {door}: {error}") from error
        if keys.size != counts.size:
            raise self._damaged(f"posting pages of door {door} are uneven")
        most = {FILE: self.counts["tree"], LAYOUT: self.counts["tree"]}.get(door, self.units)
        if door not in EXACT and keys.max(initial=0) >> KEY_BITS:
            raise self._damaged(f"posting pages of door {door} hold keys that are too long")
        if page[2].max(initial=0) > most:
            raise self._damaged(f"posting pages of door {door} name what is not there")
        return page

    # --- trees ------------------------------------------------------------------------

    def tree(self, number: int) -> Tree:
        """One distinct file content."""
        found = self._trees.recall(number)
        if found is None:
            try:
                holders, licenses, pieces, sizes, lines, *of_units = self._pack(number)
                sha256, mark = self._said(number)
                units, start, size, first, more, kinds, names = of_units
                if not pieces.size == sizes.size == lines.size or any(
                    array.size != units.size for array in of_units
                ):
                    raise ValueError("its pieces or units are uneven")
                start, first = np.cumsum(start), np.cumsum(first)
                found = Tree(
                    sha256,
                    mark,
                    tuple(map(self.name, holders.tolist())),
                    tuple(map(self.name, licenses.tolist())),
                    pieces,
                    sizes,
                    np.concatenate([[0], np.cumsum(sizes)]),
                    np.cumsum(lines),
                    units,
                    start,
                    start + size,
                    first,
                    first + more,
                    kinds,
                    names,
                )
            except ValueError as error:
                raise self._damaged(f"tree {number}: {error}") from error
            self._trees.keep(number, found)
        return found

    def _packed(self, page: int) -> tuple[list[str], list[NDArray[np.intp]], list[NDArray[Any]]]:
        """A page of trees: what they say, where each one's part of an array begins, the arrays."""
        found = self._packs.recall(page)
        if found is None:
            said, *arrays = self._read("tree", page)
            texts, values = split(said), arrays[12:]
            counts = [array.astype(np.intp) for array in arrays[:12]]
            edges = [np.concatenate([[0], np.cumsum(count)]) for count in counts]
            size = len(texts) // 2
            if len(values) != 12 or any(
                edge.size != size + 1 or edge[-1] != array.size
                for edge, array in zip(edges, values, strict=True)
            ):
                raise self._damaged(f"tree page {page} is uneven")
            found = self._packs.keep(page, (texts, edges, values))
        return found

    def _pack(self, number: int) -> list[NDArray[np.intp]]:
        """The arrays of a tree."""
        page, position = divmod(number, TREES_PER_PACK)
        _, edges, arrays = self._packed(page)
        if position >= edges[0].size - 1:
            raise self._damaged(f"no tree {number}")
        return [
            array[int(edge[position]) : int(edge[position + 1])].astype(np.intp)
            for edge, array in zip(edges, arrays, strict=True)
        ]

    def _said(self, number: int) -> list[str]:
        """SHA-256 and family mark of a tree."""
        page, position = divmod(number, TREES_PER_PACK)
        return self._packed(page)[0][2 * position : 2 * position + 2]

    def same_file(self, sha256: str) -> int | None:
        """The tree whose file has this SHA-256, None where there is none."""
        key = np.array([int(sha256[:16], 16)], np.uint64)
        for number in self.lookup(FILE, key)[1].tolist():
            if self.tree(number).sha256 == sha256:
                return int(number)
        return None

    def same_layout(self, digest: int) -> list[int]:
        """The trees whose text, layout and comments aside, has this digest."""
        found: list[int] = self.lookup(LAYOUT, np.array([digest], np.uint64))[1].tolist()
        return found

    # --- units ------------------------------------------------------------------------

    def _unit(self, number: int) -> tuple[int, NDArray[np.uint32]]:
        """Elements of a unit, and the trees that have it."""
        page, position = divmod(number, UNITS_PER_PAGE)
        elements, edges, trees, _, _ = self._unit_page(page)
        if not 0 <= position < elements.size or edges[position] == edges[position + 1]:
            raise self._damaged(f"unit {number} stands nowhere")
        return int(elements[position]), trees[edges[position] : edges[position + 1]]

    def _unit_page(
        self, page: int
    ) -> tuple[
        NDArray[np.intp],
        NDArray[np.intp],
        NDArray[np.uint32],
        NDArray[np.intp],
        NDArray[np.uint32],
    ]:
        """Elements; where each unit's trees begin, and the trees; the same of its classes."""
        found = self._units.recall(page)
        if found is None:
            try:
                elements, counts, firsts, steps, more, *lists = self._read("unit", page)
                edges = np.concatenate([[0], np.cumsum(counts, dtype=np.intp)])
                trees = unpack_lists(counts, firsts, steps)
                outer = np.concatenate([[0], np.cumsum(more, dtype=np.intp)])
                classes = unpack_lists(more, *lists)
            except (ValueError, MemoryError, TypeError) as error:
                raise self._damaged(f"unit page {page}: {error}") from error
            if not elements.size == edges.size - 1 == outer.size - 1:
                raise self._damaged(f"unit page {page} is uneven")
            if trees.max(initial=0) > self.counts["tree"] or classes.max(initial=0) > self.units:
                raise self._damaged(f"unit page {page} names what is not there")
            found = self._units.keep(page, (elements.astype(np.intp), edges, trees, outer, classes))
        return found

    def classes_of(self, units: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        """The classes that have units as members: positions in ``units``, and classes, in
        parallel."""
        if not units.size:
            return np.empty(0, np.intp), np.empty(0, np.uint32)
        page, at = np.divmod(units, UNITS_PER_PAGE)
        numbers = np.flatnonzero(np.bincount(page))
        pages = [self._unit_page(number) for number in numbers.tolist()]
        sizes = np.array([one[0].size for one in pages])
        place = np.empty(int(numbers[-1]) + 1, np.intp)
        place[numbers] = np.arange(numbers.size)
        rank = place[page]
        if (at >= sizes[rank]).any():
            raise self._damaged("a key names a unit that is not there")
        at += (np.cumsum(sizes) - sizes)[rank]  # among all units of these pages
        counts = np.concatenate([np.diff(one[3]) for one in pages])
        starts = np.cumsum(counts) - counts
        count = counts[at]
        position = np.repeat(np.arange(units.size), count)
        classes = np.concatenate([one[4] for one in pages])
        return position, classes[stretches(starts[at], count)]

    def standing(self, unit: int) -> tuple[Standing, ...]:
        """Every file, in every release that ships it, that has a unit."""
        known = self._standing.recall(unit)
        if known is None:
            found: list[Standing] = []
            for tree in self._unit(unit)[1].tolist():
                found += self.files_of(tree)
            known = self._standing.keep(unit, tuple(found))
        return known

    def files_of(self, tree: int) -> list[Standing]:
        """The files that a tree is."""
        page, position = divmod(tree, TREES_PER_PAGE)
        edges, releases, origins, paths = self._file_page(page)
        if not 0 <= position < edges.size - 1:
            raise self._damaged(f"tree {tree} is no file's")
        found = [
            Standing(tree, int(releases[at]), int(origins[at]), int(paths[at]))
            for at in range(int(edges[position]), int(edges[position + 1]))
        ]
        if not found:
            raise self._damaged(f"tree {tree} is no file's")
        return found

    def _file_page(
        self, page: int
    ) -> tuple[NDArray[np.intp], NDArray[Any], NDArray[Any], NDArray[Any]]:
        found = self._files.recall(page)
        if found is None:
            try:
                counts, releases, origins, paths = self._read("file", page)
            except ValueError as error:
                raise self._damaged(f"file page {page}: {error}") from error
            edges = np.concatenate([[0], np.cumsum(counts, dtype=np.intp)])
            beyond = page * TREES_PER_PAGE + counts.size > self.counts["tree"] + 1
            if beyond or not edges[-1] == releases.size == origins.size == paths.size:
                raise self._damaged(f"file page {page} is uneven")
            if not set(releases.tolist()) <= self.releases.keys():
                raise self._damaged(f"file page {page} names a release that is not there")
            if not set(origins.tolist()) <= self.origin_facts.keys():
                raise self._damaged(f"file page {page} names an origin that is not there")
            found = self._files.keep(page, (edges, releases, origins, paths))
        return found

    def pairs_of(self, page: int) -> set[tuple[int, int]]:
        """Every (release, origin) of the files of a page of trees."""
        _, releases, origins, _ = self._file_page(page)
        return set(zip(releases.tolist(), origins.tolist(), strict=True))

    def origins_of(self, unit: int) -> tuple[str, ...]:
        """Every origin that has the unit, by name."""
        known = self._holders.recall(unit)
        if known is None:
            facts = self.origin_facts
            names = {facts[one.origin].name for one in self.standing(unit)}
            known = self._holders.keep(unit, tuple(sorted(names)))
        return known

    def day_of(self, standing: Standing) -> str:
        """The day of the file's release, ``NO_DAY`` where it has none."""
        return self.releases[standing.release].date or NO_DAY

    def origin_of(self, standing: Standing) -> str:
        """The name of the file's origin."""
        return self.origin_facts[standing.origin].name

    def visible(self, allowed: Iterable[tuple[int, int]]) -> NDArray[np.bool_]:
        """bool[units + 1]: the units that some file has whose (release, origin) is allowed."""
        chosen = np.zeros((max(self.releases, default=0) + 1, self._most_origin() + 1), bool)
        for release, origin in allowed:
            chosen[release, origin] = True
        trees = int(self.counts["tree"])
        seen = np.zeros(trees + 1, bool)
        for page in range(trees // TREES_PER_PAGE + 1):
            edges, releases, origins, _ = self._file_page(page)
            owner = np.repeat(np.arange(edges.size - 1), np.diff(edges)) + page * TREES_PER_PAGE
            seen[owner[chosen[releases, origins]]] = True
        result = np.zeros(self.units + 1, bool)
        for page in range(self.units // UNITS_PER_PAGE + 1):
            elements, edges, of_units, _, _ = self._unit_page(page)
            owner = np.repeat(np.arange(elements.size), np.diff(edges)) + page * UNITS_PER_PAGE
            result[owner[seen[of_units]]] = True
        return result

    def _most_origin(self) -> int:
        return max(self.origin_facts, default=0)

    def tokens(self, unit: int) -> Tokens:
        """The unit's elements; ``line`` is that of its first place."""
        tree = int(self._unit(unit)[1][0])
        found = np.flatnonzero(self.tree(tree).units == unit)
        if not found.size:
            raise self._damaged(f"unit {unit} is not in tree {tree}")
        return self.tokens_at(tree, int(found[0]))

    def tokens_at(self, tree: int, position: int) -> Tokens:
        """The elements of a unit of a tree, with their lines there."""
        key = tree << 32 | position
        known = self._tokens.recall(key)
        if known is None:
            try:
                known = self._tokens_at(self.tree(tree), position)
            except (IndexError, ValueError, MemoryError) as error:
                raise self._damaged(f"tree {tree}, unit {position}: {error}") from error
            self._tokens.keep(key, known)
        return known

    def _tokens_at(self, tree: Tree, position: int) -> Tokens:
        start, stop = int(tree.start[position]), int(tree.stop[position])
        edges = tree.edges
        if KINDS[int(tree.kinds[position])] == "module":  # what no function or class spans
            inner = tree.kinds != KINDS.index("module")
            depth = np.zeros(int(edges[-1]) + 1, np.intp)
            np.add.at(depth, tree.start[inner], 1)
            np.add.at(depth, tree.stop[inner], -1)
            chosen = np.flatnonzero(np.cumsum(depth)[edges[:-1]] == 0)
            return self._joined_pieces(tree, chosen)
        first = int(edges.searchsorted(start, "right")) - 1
        last = int(edges.searchsorted(stop, "left"))
        whole = self._joined_pieces(tree, np.arange(first, last))
        before = int(edges[first])
        if len(whole) == stop - start:
            return whole
        found = whole[start - before : stop - before]  # a part of an outer function
        if len(found) != stop - start:
            raise ValueError("a unit that its file's pieces do not hold")
        return found

    def _joined_pieces(self, tree: Tree, chosen: NDArray[np.intp]) -> Tokens:
        """The elements of some pieces of a tree, one piece after another."""
        from provenance.parse import grammar

        known = grammar()
        kinds, steps, words = [np.empty(0, np.uint8)], [np.empty(0, np.uint8)], [_NO_WORD]
        sizes = tree.sizes[chosen]
        for at, size in zip(tree.pieces[chosen].tolist(), sizes.tolist(), strict=True):
            number, piece = divmod(at, PIECES_PER_PAGE)
            page = self._piece_page(number)
            low, high = page.elements[piece], page.elements[piece + 1]
            if high - low != size:
                raise ValueError("a piece that is not as long as its place")
            kinds.append(page.kinds[low:high])
            steps.append(page.steps[low:high])
            words.append(page.words[page.leaves[piece] : page.leaves[piece + 1]])
        kind = np.concatenate(kinds)
        structure = known.kind_hash[kind]
        word = np.zeros(kind.size, np.uint64)
        word[known.is_leaf[kind]] = self._hashes(np.concatenate(words))
        line = np.cumsum(np.concatenate(steps), dtype=np.intp)
        before = np.concatenate([[0], line])[np.cumsum(sizes) - sizes]
        line += np.repeat(tree.lines[chosen] - before, sizes)  # each piece has a first line
        return Tokens(structure, structure ^ word, kind, line.astype(np.uint32), word)

    def _piece_page(self, number: int) -> _Pieces:
        page = self._pieces.recall(number)
        if page is None:
            from provenance.parse import grammar

            sizes, kinds, steps, low, high = self._read("piece", number)
            words = words_of(low, high)
            kinds = kinds.astype(np.uint8, copy=False)
            elements = np.concatenate([[0], np.cumsum(sizes, dtype=np.intp)])
            leaves = np.concatenate([[0], np.cumsum(grammar().is_leaf[kinds])])[elements]
            if not kinds.size == steps.size == elements[-1] or words.size != leaves[-1]:
                raise self._damaged(f"piece page {number} is uneven")
            if words.max(initial=0) >= max(1, self._word_hashes.size):
                raise self._damaged(f"piece page {number} names words that are not there")
            page = self._pieces.keep(
                number,
                _Pieces(
                    elements.tolist(),
                    leaves.tolist(),
                    kinds.copy(),  # which lets the bytes that were read go
                    steps.copy(),
                    words.astype(np.uint32),
                ),
            )
        return page

    # --- words and names --------------------------------------------------------------

    def _hashes(self, numbers: NDArray[np.intp]) -> NDArray[np.uint64]:
        """Hashes of words by their numbers."""
        result: NDArray[np.uint64] = self._word_hashes[numbers]
        return result

    @cached_property
    def _word_hashes(self) -> NDArray[np.uint64]:
        """The hash of every word, by its number."""
        (last,) = self.connection.execute("SELECT max(id) FROM word").fetchone()
        pages = range(0 if last is None else last + 1)
        every = [self._word_page(page)[0] for page in pages]
        return np.concatenate([np.empty(0, np.uint64), *every])

    @cached_property
    def _by_hash(self) -> NDArray[np.intp]:
        """The numbers of all words, by their hashes."""
        return np.argsort(self._word_hashes)

    def _word_page(self, page: int) -> tuple[NDArray[np.uint64], list[str]]:
        found = self._words.recall(page)
        if found is None:
            try:
                hashes, written = self._read("word", page)
                texts = split(written)
            except ValueError as error:
                raise self._damaged(f"word page {page}: {error}") from error
            if hashes.size != len(texts):
                raise self._damaged(f"word page {page} is uneven")
            found = self._words.keep(page, (hashes.astype(np.uint64), texts))
        return found

    def names(self, words: NDArray[np.uint64]) -> list[str]:
        """The identifiers with the given hashes, '' where there is none; the signs of a family
        mark stand as they are."""
        known = self._word_hashes
        if not known.size:
            return [""] * words.size
        if len(self._texts) > _MOST_TEXTS:
            self._texts.clear()
        texts, listed = self._texts, words.tolist()
        missing = np.array([word for word in listed if word not in texts], np.uint64)
        if missing.size:
            at = known.searchsorted(missing, sorter=self._by_hash)
            numbers = self._by_hash[np.minimum(at, known.size - 1)]
            found = known[numbers] == missing
            for word, number, same in zip(
                missing.tolist(), numbers.tolist(), found.tolist(), strict=True
            ):
                page, position = divmod(number, WORDS_PER_PAGE)
                texts[word] = self._word_page(page)[1][position] if same else ""
        return [texts[word] for word in listed]

    def name(self, number: int) -> str:
        """A path, or the qualified name of a unit, by its number."""
        page, position = divmod(number, NAMES_PER_PAGE)
        names = self._names.recall(page)
        if names is None:
            try:
                (written,) = self._read("name", page)
                names = self._names.keep(page, split(written))
            except ValueError as error:
                raise self._damaged(f"name page {page}: {error}") from error
        if position >= len(names):
            raise self._damaged(f"no name {number}")
        return names[position]

    # --- where units stand ------------------------------------------------------------

    def named(self, unit: int, standing: Standing) -> tuple[str, str]:
        """Path and name of the first place of a unit in one file of one release."""
        tree = self.tree(standing.tree)
        found = np.flatnonzero(tree.units == unit)
        if not found.size:
            raise self._damaged(f"unit {unit} is not in tree {standing.tree}")
        return self.name(standing.path), self.name(int(tree.names[found[0]]))

    def place(self, unit: int, standing: Standing) -> Place:
        """The first place of a unit in one file of one release."""
        found = np.flatnonzero(self.tree(standing.tree).units == unit)
        if not found.size:
            raise self._damaged(f"unit {unit} is not in tree {standing.tree}")
        return self._place(standing, int(found[0]))

    def _place(self, standing: Standing, position: int) -> Place:
        tree, release = self.tree(standing.tree), self.releases[standing.release]
        kind = int(tree.kinds[position])
        if kind >= len(KINDS):
            raise self._damaged(f"tree {standing.tree} has a unit of no kind")
        return Place(
            tree=standing.tree,
            position=position,
            origin=self.origin_of(standing),
            package=release.package,
            version=release.version,
            license=release.license,
            date=release.date,
            date_source=release.date_source,
            link=release.link,
            path=self.name(standing.path),
            name=self.name(int(tree.names[position])),
            kind=KINDS[kind],
            first_line=int(tree.first_line[position]),
            last_line=int(tree.last_line[position]),
            mark=tree.mark,
        )

    def places(self, unit: int) -> tuple[Place, ...]:
        """Every place of a unit, in every release that ships it: oldest first, unknown dates
        last; then by package, version, path and line. Slow for units that stand everywhere."""
        found = [
            self._place(standing, position)
            for standing in self.standing(unit)
            for position in np.flatnonzero(self.tree(standing.tree).units == unit).tolist()
        ]
        return tuple(sorted(found, key=_age))

    def oldest(self, standings: Iterable[Standing]) -> Standing:
        """The first of some files by day, package, version and path."""

        def age(one: Standing) -> tuple[str, str, str, str]:
            release = self.releases[one.release]
            return (
                release.date or NO_DAY,
                release.package,
                release.version or "",
                self.name(one.path),
            )

        known = list(standings)
        first = min(self.day_of(one) for one in known)
        return min((one for one in known if self.day_of(one) == first), key=age)

    def packages(self) -> tuple[str, ...]:
        """The releases as ``package==version``, sorted."""
        names = {
            one.package if one.version is None else f"{one.package}=={one.version}"
            for one in self.releases.values()
        }
        return tuple(sorted(names))

    def facts(self) -> IndexFacts:
        """What ``provenance index info`` shows."""
        order = sorted(
            self.releases.values(),
            key=lambda one: (one.package, one.date or NO_DAY, one.version or ""),
        )
        return IndexFacts(
            path=self.path,
            format_version=FORMAT_VERSION,
            checksum=self.checksum,
            parameters=self.parameters,
            counts=self.counts,
            releases=tuple(order),
        )

    def origins(self) -> list[OriginFacts]:
        """Every origin, by name."""
        return sorted(self.origin_facts.values(), key=lambda one: one.name)


def _key_type(door: int) -> type[np.unsignedinteger[Any]]:
    return np.uint64 if door in EXACT else np.uint32


def _present(
    ascending: NDArray[np.unsignedinteger[Any]], stored: int
) -> tuple[NDArray[np.bool_], np.uint64]:
    """Of all leading parts of keys of so many bits, those that some key has, and how many bits
    stand behind such a part: of four parts at most one is some key's."""
    bits = min(stored, ascending.size.bit_length() + 2)
    behind = np.uint64(stored - bits)
    present = np.zeros(1 << bits, bool)
    present[ascending.astype(np.uint64, copy=False) >> behind] = True
    return present, behind


def _edges(counts: NDArray[Any]) -> NDArray[np.uint32]:
    """Where each of some lists begins, one after another, and where the last one ends."""
    edges = np.zeros(counts.size + 1, np.uint32)
    np.cumsum(counts, out=edges[1:])
    return edges


def words_of(low: NDArray[Any], high: NDArray[Any]) -> NDArray[np.intp]:
    """Numbers of words from their two low bytes each, and the large ones in order.

    Raises:
        ValueError: the two do not fit together.
    """
    words = low.astype(np.uint8, copy=False).view("<u2").astype(np.intp)
    large = words == LARGE_WORD
    if np.count_nonzero(large) != high.size:
        raise ValueError("a page of words that do not fit together")
    words[large] = high
    return words


def _age(place: Place) -> tuple[Any, ...]:
    return (
        place.date or NO_DAY,
        place.package,
        place.version or "",
        place.path,
        place.first_line,
        place.tree,
        place.position,
    )


def parameters_json(parameters: Parameters) -> str:
    """The parameters as they are stored: JSON with sorted keys."""
    return json.dumps(asdict(parameters), sort_keys=True)


_Rows = list[tuple[Any, ...]]


def opening_rows(connection: sqlite3.Connection) -> tuple[dict[str, Any], _Rows, _Rows]:
    """All that is read at opening: meta, the rows of release, those of origin."""
    return (
        dict(connection.execute("SELECT key, value FROM meta")),
        connection.execute("SELECT * FROM release ORDER BY id").fetchall(),
        connection.execute("SELECT * FROM origin ORDER BY id").fetchall(),
    )


def opening_sum(meta: dict[str, Any], releases: _Rows, origins: _Rows) -> int:
    """CRC-32 of all that is read at opening, but for itself: these values stand in no page."""
    stated = sorted(item for item in meta.items() if item[0] != "rows")
    return zlib.crc32(ascii((stated, releases, origins)).encode())


def logical_rows(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Every row that the checksum covers, in order; pages as they read."""
    for table in TABLES:
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1"):  # noqa: S608
            if table == "meta" and row[0] in ("checksum", "rows"):
                continue
            yield (table, row[0], decompress(row[1])) if table in PAGED else (table, *row)


def checksum(rows: Iterable[tuple[Any, ...]]) -> str:
    """SHA-256 over the rows' values with their types and lengths."""
    from hashlib import sha256

    total = sha256()
    for row in rows:
        for value in row:
            data = value if isinstance(value, bytes) else str(value).encode("utf-8")
            total.update(f"{type(value).__name__}{len(data)}:".encode())
            total.update(data)
        total.update(b"\n")
    return total.hexdigest()


def verify(path: str | Path) -> str:
    """Check a whole index: the SHA-256 behind its last byte, SQLite's own structure, everything
    stored against the checksum, and the stored permutations against datasketch's.

    Returns:
        The checksum.

    Raises:
        IndexFileError: something is not as it was written.
    """
    from provenance.sketch import permutations

    with Index(path) as index:
        if not sealed(Path(path)):
            raise index._damaged("its bytes are not those that were written")
        try:
            sound = index.connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            found = checksum(logical_rows(index.connection))
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            raise index._damaged(str(error)) from error
        if sound != "ok":
            raise index._damaged(str(sound).replace("\n", " "))
        if found != index.checksum:
            raise index._damaged(f"checksum {found}, stored {index.checksum}")
        if not np.array_equal(index.permutations, permutations(index.parameters)):
            raise index._damaged("permutations that are not those of its parameters")
        return found
