"""index: the fingerprints of reference code in one file, and look-ups in it.

A scan opens it read-only. What shares a key is found by ``postings``, what a unit is made of by
``elements``; here is what its files, trees and units are. No source text is stored: kinds and
hashes of elements, identifiers, spans.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.checksum import check_meta, heading_rows, opening_rows, opening_sum
from provenance.elements import Elements, Tree
from provenance.errors import IndexFileError
from provenance.model import Parameters, Place, Release, Tokens, UnitKind
from provenance.opening import (
    OriginFacts,
    Origins,
    checksum_of,
    count_of,
    counts_of,
    day_of,
    page_bits_of,
    parameters_of,
    release_of,
    selections_of,
)
from provenance.pages import split, stretches
from provenance.postings import Posted, Postings
from provenance.recent import Recent
from provenance.references import DEFAULT_INDEX
from provenance.regular import sha256_of
from provenance.schema import (
    FILE,
    LAYOUT,
    TREES_PER_PACK,
    TREES_PER_PAGE,
    UNITS_PER_PAGE,
    WIDE,
    Shape,
    unread,
)
from provenance.seen import Seen
from provenance.stored import Stored
from provenance.units import Units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.null import Baseline

KINDS: tuple[UnitKind, ...] = ("module", "class", "function", "method", "nested")
NO_DAY = "9999-99-99"
"""Sorts behind every day: what is not dated is not called older than what is."""


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
class Standing:
    """One file of one release that has a unit: numbers of tree, release, origin and path."""

    tree: int
    release: int
    origin: int
    path: int


class Index:
    """An open index, read-only. Use as a context manager or ``close`` it.

    Args:
        path: of the file.
        origins: whether to read its origins, of which a large index has many, and check all that
            it says of itself against its sum. Without, only ``standings_of`` knows them.

    Raises:
        IndexFileError: it is none, or damaged.
    """

    def __init__(self, path: str | Path, *, origins: bool = True) -> None:
        self.path = str(path)
        stored = Stored(path)
        self.connection = stored.connection
        self._read, self._count = stored.read, stored.count
        self.damaged, self._unread = stored.damaged, stored.unread
        try:
            self._load(whole=origins)
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
            self.connection.close()
            raise unread(path, error) or IndexFileError(
                f"{self.path}: found a damaged index ({error}), expected one written by "
                "'provenance index build'; build it again"
            ) from error
        except BaseException:
            self.connection.close()
            raise
        most = self.units, int(self.counts["tree"])
        self._postings = Postings(stored, self.shape, self._bits, self.parameters.common, most)
        wide = self.shape.version == WIDE
        self._elements = Elements(
            stored, self._postings if wide else None, self.counts.get("word", 0)
        )
        self._packs: Recent[int, tuple[Any, Any, Any]] = Recent(512)
        self._trees: Recent[int, Tree] = Recent(1500)
        self._tokens: Recent[int, Tokens] = Recent(800)
        self._units = Units(stored, *most)
        self._files: Recent[int, tuple[Any, ...]] = Recent(256)
        self._standing: Recent[int, tuple[Standing, ...]] = Recent(50_000)
        self._holders: Recent[int, tuple[str, ...]] = Recent(50_000)

    def _load(self, *, whole: bool) -> None:
        check_meta(self.connection)
        origins: list[Any] = []
        if whole:
            meta, releases, origins = opening_rows(self.connection)
            if opening_sum(meta, releases, origins) != json.loads(meta["rows"]):
                raise ValueError("what it says of itself is not as it was written")
        else:
            meta, releases = heading_rows(self.connection)
        self.parameters = parameters_of(meta["parameters"])
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
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        self.counts = counts_of(meta["counts"])
        self.shape = Shape()
        if version == WIDE:
            self.shape = Shape(WIDE, **counts_of(meta["shape"]))
        if not (8 <= self.shape.key_bits <= 64 and 1 <= self.shape.unit <= 4):
            raise ValueError("keys of bits that no key has")
        self._bits = page_bits_of(meta["page_bits"], self.shape.doors, self.shape.key_bits)
        self.checksum = checksum_of(meta["checksum"])
        self.units, _ = self.counts["unit"], self.counts["tree"]
        if [row[0] for row in releases] != list(range(1, len(releases) + 1)):
            raise ValueError("releases that are not numbered from 1 on")
        self.releases = {row[0]: release_of(row[1:9]) for row in releases}
        self.selections = {row[0]: selections_of(row[9]) for row in releases}
        self.origin_facts = Origins(origins)
        self._many_origins = len(origins)

    @cached_property
    def baseline(self) -> Baseline | None:
        """What unrelated code scores in this index, None where that was not measured."""
        from provenance.null import Baseline

        asked = "SELECT value FROM meta WHERE key = 'baseline'"
        try:
            row = self.connection.execute(asked).fetchone()
            return None if row is None else Baseline.from_json(row[0])
        except (sqlite3.DatabaseError, ValueError) as error:
            raise unread(self.path, error) or self.damaged(str(error)) from error

    def standings_of(self, names: Iterable[str]) -> dict[str, tuple[str | None, int]]:
        """First day and how often one of its units stands in another origin, of those of some
        origins that it has."""
        found = {}
        asked = "SELECT first, shared FROM origin WHERE name = ?"
        try:
            for name in names:
                row = self.connection.execute(asked, (name,)).fetchone()
                if row is not None:
                    found[name] = day_of(row[0]), count_of(row[1], "shared")
        except (sqlite3.DatabaseError, ValueError) as error:
            raise unread(self.path, error) or self.damaged(str(error)) from error
        return found

    @cached_property
    def families(self) -> int:
        """How many families it has."""
        return len(set(self.origin_facts.families))

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

    def forget(self) -> None:
        """Let go of what was kept to be asked for again, which is read anew where it is."""
        for kept in (self._packs, self._trees, self._tokens, self._files):
            kept.clear()
        self._standing.clear()
        self._holders.clear()
        self._units.forget()
        self._elements.forget()
        self.connection.execute("PRAGMA shrink_memory")

    def lookup(
        self, door: int, keys: NDArray[np.uint64], most: int | None = None
    ) -> tuple[NDArray[np.intp], NDArray[np.uint32], NDArray[np.intp]]:
        """All units posted under each key, see ``Postings.lookup``."""
        return self.posted(door, keys, most).every(keys.size)

    def posted(self, door: int, keys: NDArray[np.uint64], most: int | None = None) -> Posted:
        """What is posted under those keys that some unit has, see ``Postings.posted``."""
        return self._postings.posted(door, keys, most)

    def stretch(
        self, door: int, leading: int, bits: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.intp], NDArray[np.uint32]]:
        """All postings whose keys begin with some bits, see ``Postings.stretch``."""
        return self._postings.stretch(door, leading, bits)

    def names(self, words: NDArray[np.uint64]) -> list[str]:
        """The identifiers with the given hashes, '' where there is none; the signs of a family
        mark stand as they are."""
        return self._elements.names(words)

    def name(self, number: int) -> str:
        """A path, or the qualified name of a unit, by its number."""
        return self._elements.name(number)

    def spelled(self, number: int) -> str:
        """The same where a report names a place by it: none has an empty path or name."""
        if not (name := self.name(number)):
            raise self.damaged(f"the name {number} of a file or unit is empty")
        return name

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
                raise self.damaged(f"tree {number}: {error}") from error
            self._trees.keep(number, found)
        return found

    def _packed(self, page: int) -> tuple[list[str], NDArray[np.intp], list[NDArray[Any]]]:
        """A page of trees: what they say, where each one's part of an array begins, the arrays."""
        found = self._packs.recall(page)
        if found is None:
            said, *arrays = self._read("tree", page)
            texts, values = split(said), arrays[12:]
            size = len(texts) // 2
            if len(values) != 12 or any(array.size != size for array in arrays[:12]):
                raise self.damaged(f"tree page {page} is uneven")
            edges = np.zeros((12, size + 1), np.intp)
            np.cumsum(np.stack(arrays[:12]), axis=1, dtype=np.intp, out=edges[:, 1:])
            if edges[:, -1].tolist() != [array.size for array in values]:
                raise self.damaged(f"tree page {page} is uneven")
            found = self._packs.keep(page, (texts, edges, values))
        return found

    def _pack(self, number: int) -> list[NDArray[np.intp]]:
        """The arrays of a tree."""
        page, position = divmod(number, TREES_PER_PACK)
        _, edges, arrays = self._packed(page)
        if position >= edges.shape[1] - 1:
            raise self.damaged(f"no tree {number}")
        return [
            array[first:stop].astype(np.intp)
            for array, (first, stop) in zip(
                arrays, edges[:, position : position + 2].tolist(), strict=True
            )
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
        return self._units.unit(number)

    def classes_of(self, units: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        """The classes that have units as members, see ``Units.classes_of``."""
        return self._units.classes_of(units)

    def unit_page(
        self, page: int
    ) -> tuple[
        NDArray[np.intp],
        NDArray[np.intp],
        NDArray[np.uint32],
        NDArray[np.intp],
        NDArray[np.uint32],
    ]:
        """A page of units, see ``Units.page``."""
        return self._units.page(page)

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
            raise self.damaged(f"tree {tree} is no file's")
        found = [
            Standing(tree, int(releases[at]), int(origins[at]), int(paths[at]))
            for at in range(int(edges[position]), int(edges[position + 1]))
        ]
        if not found:
            raise self.damaged(f"tree {tree} is no file's")
        return found

    def _file_page(
        self, page: int
    ) -> tuple[NDArray[np.intp], NDArray[Any], NDArray[Any], NDArray[Any]]:
        found = self._files.recall(page)
        if found is None:
            try:
                counts, releases, origins, paths = self._read("file", page)
            except ValueError as error:
                raise self.damaged(f"file page {page}: {error}") from error
            edges = np.concatenate([[0], np.cumsum(counts, dtype=np.intp)])
            beyond = page * TREES_PER_PAGE + counts.size > self.counts["tree"] + 1
            if beyond or not edges[-1] == releases.size == origins.size == paths.size:
                raise self.damaged(f"file page {page} is uneven")
            if not set(releases.tolist()) <= self.releases.keys():
                raise self.damaged(f"file page {page} names a release that is not there")
            if origins.size and not 1 <= origins.min() <= origins.max() <= self._many_origins:
                raise self.damaged(f"file page {page} names an origin that is not there")
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
            names = {self.origin_of(one) for one in self.standing(unit)}
            known = self._holders.keep(unit, tuple(sorted(names)))
        return known

    def day_of(self, standing: Standing) -> str:
        """The day of the file's release, ``NO_DAY`` where it has none."""
        return self.releases[standing.release].date or NO_DAY

    def origin_of(self, standing: Standing) -> str:
        """The name of the file's origin."""
        return self.origin_facts.names[standing.origin - 1]

    def seen(self, releases: Sequence[int], origins: Sequence[int]) -> Seen:
        """The units that a file has whose release and origin are among these."""
        of_release = np.zeros(max(self.releases, default=0) + 1, bool)
        of_release[np.array(releases, np.intp)] = True
        of_origin = np.zeros(len(self.origin_facts) + 1, bool)
        of_origin[np.array(origins, np.intp)] = True

        def trees_of(page: int) -> NDArray[np.bool_]:
            edges, release, origin, _ = self._file_page(page)
            return _any(edges, of_release[release] & of_origin[origin])

        def units_of(page: int) -> NDArray[np.bool_]:
            edges, of_units = self._units.trees_of(page)
            return _any(edges, trees.of(of_units))

        trees = Seen(int(self.counts["tree"]) + 1, TREES_PER_PAGE, trees_of)
        return Seen(self.units + 1, UNITS_PER_PAGE, units_of)

    def tokens(self, unit: int) -> Tokens:
        """The unit's elements; ``line`` is that of its first place."""
        return self.tokens_at(*self._first(unit))

    def tokens_at(self, tree: int, position: int) -> Tokens:
        """The elements of a unit of a tree, with their lines there."""
        key = tree << 32 | position
        known = self._tokens.recall(key)
        if known is None:
            try:
                known = self._tokens_at(self.tree(tree), position)
            except (IndexError, ValueError, MemoryError) as error:
                raise self._unread(f"tree {tree}, unit {position}", error) from error
            self._tokens.keep(key, known)
        return known

    def positions_at(self, tree: int, position: int) -> NDArray[np.intp]:
        """Where the elements of a unit of a tree stand in it."""
        here = self.tree(tree)
        chosen, _, _ = self._pieces_of(here, position)
        if isinstance(chosen, slice):
            return np.arange(int(here.start[position]), int(here.stop[position]))
        return stretches(here.edges[chosen], here.sizes[chosen])

    def _tokens_at(self, tree: Tree, position: int) -> Tokens:
        chosen, before, size = self._pieces_of(tree, position)
        whole = self._elements.tokens(tree, chosen)
        if len(whole) == size:
            return whole
        found = whole[before : before + size]  # a part of an outer function
        if len(found) != size:
            raise ValueError("a unit that its file's pieces do not hold")
        return found

    def _pieces_of(self, tree: Tree, position: int) -> tuple[slice | NDArray[np.intp], int, int]:
        """The pieces of a tree that hold a unit, at which element of them it starts, its size."""
        start, stop = int(tree.start[position]), int(tree.stop[position])
        edges = tree.edges
        if KINDS[int(tree.kinds[position])] == "module":  # what no function or class spans
            inner = tree.kinds != KINDS.index("module")
            depth = np.zeros(int(edges[-1]) + 1, np.intp)
            np.add.at(depth, tree.start[inner], 1)
            np.add.at(depth, tree.stop[inner], -1)
            chosen = np.flatnonzero(np.cumsum(depth)[edges[:-1]] == 0)
            return chosen, 0, int(tree.sizes[chosen].sum())
        first = int(edges.searchsorted(start, "right")) - 1
        last = int(edges.searchsorted(stop, "left"))
        return slice(first, last), start - int(edges[first]), stop - start

    def views(
        self, units: Sequence[int]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64], list[tuple[int, int]]]:
        """The elements of several units in the structure and in the text view, read together, and
        the half-open span of each in them; between two spans may be what is of neither."""
        pieces = []
        spans: list[tuple[int, int]] = []
        end = 0
        try:
            for unit in units:
                number, position = self._first(unit)
                tree = self.tree(number)
                chosen, before, size = self._pieces_of(tree, position)
                pieces.append((tree, chosen))
                spans.append((end + before, end + before + size))
                end += int(tree.sizes[chosen].sum())
                if spans[-1][1] > end:
                    raise ValueError("a unit that its file's pieces do not hold")
            structure, text = self._elements.views(pieces)
        except (IndexError, ValueError, MemoryError) as error:
            raise self._unread(f"units {units}", error) from error
        return structure, text, spans

    def _first(self, unit: int) -> tuple[int, int]:
        """The first tree that has a unit, and its position there."""
        tree = int(self._unit(unit)[1][0])
        found = np.flatnonzero(self.tree(tree).units == unit)
        if not found.size:
            raise self.damaged(f"unit {unit} is not in tree {tree}")
        return tree, int(found[0])

    # --- where units stand ------------------------------------------------------------

    def named(self, unit: int, standing: Standing) -> tuple[str, str]:
        """Path and name of the first place of a unit in one file of one release."""
        tree = self.tree(standing.tree)
        found = np.flatnonzero(tree.units == unit)
        if not found.size:
            raise self.damaged(f"unit {unit} is not in tree {standing.tree}")
        return self.spelled(standing.path), self.spelled(int(tree.names[found[0]]))

    def place(self, unit: int, standing: Standing) -> Place:
        """The first place of a unit in one file of one release."""
        found = np.flatnonzero(self.tree(standing.tree).units == unit)
        if not found.size:
            raise self.damaged(f"unit {unit} is not in tree {standing.tree}")
        return self._place(standing, int(found[0]))

    def _place(self, standing: Standing, position: int) -> Place:
        tree, release = self.tree(standing.tree), self.releases[standing.release]
        kind = int(tree.kinds[position])
        if kind >= len(KINDS):
            raise self.damaged(f"tree {standing.tree} has a unit of no kind")
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
            path=self.spelled(standing.path),
            name=self.spelled(int(tree.names[position])),
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
            format_version=self.shape.version,
            checksum=self.checksum,
            parameters=self.parameters,
            counts=self.counts,
            releases=tuple(order),
        )

    def origins(self) -> list[OriginFacts]:
        """Every origin, by name."""
        return sorted(self.origin_facts.values(), key=lambda one: one.name)


def _any(edges: NDArray[np.intp], holds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of lists one after another, by where each begins and the last one ends, which hold any."""
    before = np.concatenate([[0], np.cumsum(holds)])[edges]
    return np.diff(before) > 0


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


def agreed(indexes: Sequence[Index]) -> Parameters:
    """The parameters of indexes.

    Raises:
        IndexFileError: they are not the same of all.
    """
    first = indexes[0]
    for index in indexes[1:]:
        if index.parameters != first.parameters:
            raise IndexFileError(
                f"{index.path}: found parameters {index.parameters}, expected those of "
                f"{first.path}: {first.parameters}; build one of them again with the other's "
                "parameters"
            )
    return first.parameters


def opened_once(paths: Sequence[str | Index], *, origins: bool = True) -> list[Index]:
    """Open indexes, each file and all copies of it once, in an order that does not depend on the
    given one: the default index first, whose families nobody renames, then the largest; with
    their origins or without."""
    found: dict[object, str | Index] = {}
    for path in paths:
        key: object = path
        if isinstance(path, str):
            with suppress(OSError):  # it is told where it is opened
                state = os.stat(path)
                key = (state.st_dev, state.st_ino)
            known = found.get(key)
            if isinstance(known, str) and _place(known) <= _place(path):
                continue
        found[key] = path
    kept: list[Index] = []
    with ExitStack() as opened:
        indexes = [
            opened.enter_context(one if isinstance(one, Index) else Index(one, origins=origins))
            for one in found.values()
        ]
        times = Counter(index.checksum for index in indexes)
        seen: set[tuple[str, str]] = set()
        for index in sorted(indexes, key=lambda one: _place(one.path)):
            alone = times[index.checksum] == 1  # what an index says of itself may lie
            content = index.checksum, "" if alone else sha256_of(index.path)
            if content in seen:
                index.close()
            else:
                seen.add(content)
                kept.append(index)
        opened.pop_all()
    kept.sort(key=lambda one: (_place(one.path)[0], -one.units, one.checksum, _place(one.path)))
    return kept


def _place(path: str) -> tuple[bool, str, str]:
    return path != str(DEFAULT_INDEX), os.path.basename(path), os.path.abspath(path)
