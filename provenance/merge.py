"""merge: index files of the same parameters -> one, the same bytes as built of all in one go.

Everything that is in an index is in order, so its pages are read from front to back and written
from front to back; in memory are the numbers of things (``numbering``) and a stretch of each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import astuple
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.errors import IndexFileError
from provenance.index import NO_DAY, Index, agreed, parameters_json
from provenance.model import Family, Release
from provenance.numbering import (
    HOLDERS,
    LICENSES,
    NAMES,
    PIECES,
    UNITS,
    Chosen,
    Files,
    Part,
    files_of,
    number_names,
    number_pieces,
    number_ranks,
    number_trees,
    number_units,
    number_words,
    pieces_of,
    trees_of,
    written,
)
from provenance.opening import Origins
from provenance.origins import plain_family
from provenance.pages import split, stretches, texts
from provenance.schema import (
    FILE,
    LAYOUT,
    NAMES_PER_PAGE,
    PIECES_PER_PAGE,
    TREES_PER_PACK,
    UNITS_PER_PAGE,
    WORD,
    WORDS_PER_PAGE,
    shape_of,
)
from provenance.writing import (
    NewIndex,
    Selected,
    insert,
    two_bytes,
    write_door,
    write_files,
    write_meta,
    write_releases,
    write_units,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORDS_AT_ONCE = 1 << 19
_PIECES_AT_ONCE = 1 << 14
_TREES_AT_ONCE = 1 << 11
_UNITS_AT_ONCE = 1 << 18
_POSTINGS_AT_ONCE = 1 << 18
_KEPT_OF_EACH = 256  # KiB of its file's pages


def merge(
    paths: Sequence[str | Path],
    output: str | Path,
    measure: Callable[[Index], str] | None = None,
    most: int = 64,
    *,
    named: Sequence[str | Path] = (),
) -> None:
    """Join indexes.

    Args:
        paths: of the indexes, which are sound (``verify``).
        output: the file to write; replaced only when the new one is complete.
        measure: gives the baseline of the whole.
        most: bits of a key, see ``shape_of``.
        named: what errors name in place of the paths, where some of these are ours.

    Raises:
        IndexFileError: they do not go together, one is damaged, or the new one not written.
    """
    file = NewIndex(Path(output))
    with ExitStack() as opened:
        opened.callback(file.discard)
        indexes = (opened.enter_context(Index(path)) for path in paths)
        try:
            joined = _Merge(indexes, file.folder, most)
            try:
                joined.number()
            except OSError as error:  # a full disk
                raise file.unwritable(error) from error
            file.write(joined.fill, measure, joined.shape.version)
        except (ValueError, IndexError, KeyError, OverflowError) as error:
            names = ", ".join(str(path) for path in named or paths)
            raise IndexFileError(
                f"{names}: found a damaged index among these ({error}), expected what "
                "'provenance index verify' accepts; build it again"
            ) from error


class _Merge:
    """Open indexes on their way to one."""

    def __init__(self, indexes: Iterable[Index], folder: Path, most: int) -> None:
        self.indexes: list[Index] = []
        self.folder = folder
        selected: dict[Release, set[str]] = {}
        chosen: dict[str, Family] = {}
        entered: dict[str, int] = {}
        origins: list[NDArray[np.intp]] = []
        same: dict[Release, Release] = {}
        for index in indexes:  # one by one: of many, each is to keep little
            self.indexes.append(index)
            index.connection.execute(f"PRAGMA cache_size = {-_KEPT_OF_EACH}")
            self.parameters = agreed((self.indexes[0], index))
            for number, selections in index.selections.items():
                selected.setdefault(index.releases[number], set()).update(selections)
            for number, release in index.releases.items():
                index.releases[number] = same.setdefault(release, release)
            for facts in index.origin_facts.values():
                chosen[facts.name] = _preferred(facts.name, chosen.get(facts.name), facts.family)
            names = index.origin_facts.names
            origins.append(np.array([entered.setdefault(one, len(entered)) for one in names], int))
            index.origin_facts = Origins(())  # read no more
        self.releases = [
            Selected(release, tuple(sorted(selected[release])))
            for release in sorted(selected, key=Selected.order)
        ]
        self.origins = dict(sorted(chosen.items()))
        self.bits = min(most, *(index.shape.key_bits for index in self.indexes))
        release_of = {one.release: at for at, one in enumerate(self.releases, 1)}
        origin_of = {name: at for at, name in enumerate(self.origins, 1)}
        numbers = np.array([origin_of[name] for name in entered], np.intp)
        self.parts = [
            Part(
                index,
                _table({at: release_of[one] for at, one in index.releases.items()}),
                np.concatenate([np.zeros(1, np.intp), numbers[own]]),
            )
            for index, own in zip(self.indexes, origins, strict=True)
        ]
        self.place = 0

    def number(self) -> None:
        """Find out what there is, and give it its numbers."""
        parts = self.parts
        with open(self.folder / "names", "wb") as file:
            for name in number_names(parts):
                file.write(f"{name}\0".encode("utf-8", "replace"))
        number_ranks(parts, self.folder)
        self.files = files_of(parts)
        self.trees = number_trees(parts, self.files)
        self.units = number_units(parts, self.folder)
        self.pieces = number_pieces(parts, self.folder)
        self.hashes = number_words(parts, self.pieces)
        units = self.units.many
        greatest = max(units, self.hashes.size, self.trees.part.size)
        self.shape = shape_of(units, greatest, self.bits)

    def fill(self, connection: sqlite3.Connection) -> None:
        """Write all rows."""
        names = written(self.folder / "names")
        page = 0
        while some := list(islice(names, NAMES_PER_PAGE)):
            insert(connection, "name", page, texts(some))
            page += 1
        self._write_words(connection, self.hashes)
        self._write_pieces(connection)
        self._write_trees(connection, self.trees)
        for part in self.parts:
            part.pieces = part.names = part.words[:0]
        rows = self._files(self.files)
        del self.files
        many_trees = self.trees.part.size - 1
        write_files(connection, rows, many_trees)
        standing = self._write_units(connection, rows, many_trees)
        bits = {door: self._write_door(connection, door) for door in self.shape.doors}
        write_releases(connection, self.releases)
        self._write_origins(connection, rows, standing)
        counts = {
            "release": len(self.releases),
            "origin": len(self.origins),
            "file": rows.shape[0],
            "tree": many_trees,
            "place": self.place,
            "unit": self.units.many,
            "piece": self.pieces.many,
        }
        drawn = self.indexes[0].permutations.astype("<u4").tobytes()
        stated = parameters_json(self.parameters)
        write_meta(connection, stated, drawn, bits, counts, self.shape, self.hashes.size)
        for index in self.indexes:  # what is written is measured next
            index.close()
        self.parts.clear()

    # --- words, pieces, trees ---------------------------------------------------------

    def _write_words(self, connection: sqlite3.Connection, hashes: NDArray[np.uint64]) -> None:
        for first in range(0, hashes.size, _WORDS_AT_ONCE):
            stop = min(first + _WORDS_AT_ONCE, hashes.size)
            written = [""] * (stop - first)
            for part in self.parts:
                for page in range(part.index._count("word")):
                    numbers = part.words[page * WORDS_PER_PAGE : (page + 1) * WORDS_PER_PAGE]
                    inside = np.flatnonzero((numbers >= first) & (numbers < stop))
                    if inside.size:
                        found = split(part.index._read("word", page)[1])
                        for at, number in zip(
                            inside.tolist(), numbers[inside].tolist(), strict=True
                        ):
                            written[number - first] = written[number - first] or found[at]
            for at in range(first, stop, WORDS_PER_PAGE):
                end = min(at + WORDS_PER_PAGE, stop)
                some = texts(written[at - first : end - first])
                insert(connection, "word", at // WORDS_PER_PAGE, hashes[at:end], some)

    def _write_pieces(self, connection: sqlite3.Connection) -> None:
        """Write the pieces; those of equal rank and size by their content."""
        final = np.empty(self.pieces.many, np.uint32)
        first = page = 0
        rest: list[tuple[bytes, bytes, bytes]] = []
        for decides, chosen in self.pieces.stretches(_PIECES_AT_ONCE):
            found = self._content(chosen)
            key = decides.tolist()
            order = sorted(range(len(key)), key=lambda at: (key[at], found[at]))
            final[first + np.array(order)] = np.arange(first, first + len(key), dtype=np.uint32)
            first += len(key)
            rest += [found[at] for at in order]
            whole = len(rest) // PIECES_PER_PAGE * PIECES_PER_PAGE
            for at in range(0, whole, PIECES_PER_PAGE):
                _insert_pieces(connection, page, rest[at : at + PIECES_PER_PAGE])
                page += 1
            rest = rest[whole:]
        if rest:
            _insert_pieces(connection, page, rest)
        for part in self.parts:
            part.pieces[:] = final[part.pieces]
            part.words = part.words[:0]

    def _content(self, chosen: Chosen) -> list[tuple[bytes, bytes, bytes]]:
        """Kinds, words, steps of some pieces, as they are compared."""
        found: list[tuple[bytes, bytes, bytes]] = [(b"", b"", b"")] * chosen.part.size
        for number, mine, local in _by_part(chosen, 0, chosen.part.size):
            part = self.parts[number]
            page_of = local // PIECES_PER_PAGE
            at = 0
            for page in np.unique(page_of).tolist():
                pieces = pieces_of(part, page)
                kinds, steps = pieces.kinds.tobytes(), pieces.steps.astype("<u4").tobytes()
                words = part.words[pieces.words].astype("<u4").tobytes()
                edges = np.concatenate([[0], np.cumsum(pieces.sizes)]).tolist()
                leaves = np.concatenate([[0], np.cumsum(pieces.leaves)]).tolist()
                end = int(np.searchsorted(page_of, page, "right"))
                for place, piece in zip(
                    mine[at:end].tolist(), (local[at:end] % PIECES_PER_PAGE).tolist(), strict=True
                ):
                    low, high = edges[piece], edges[piece + 1]
                    left, right = leaves[piece], leaves[piece + 1]
                    found[place] = (
                        kinds[low:high],
                        words[4 * left : 4 * right],
                        steps[4 * low : 4 * high],
                    )
                at = end
        return found

    def _write_trees(self, connection: sqlite3.Connection, chosen: Chosen) -> None:
        for first in range(0, chosen.part.size, _TREES_AT_ONCE):
            stop = min(first + _TREES_AT_ONCE, chosen.part.size)
            said = ["", ""] * (stop - first)
            places: list[NDArray[np.intp]] = []
            counts: list[list[NDArray[np.intp]]] = [[] for _ in range(12)]
            values: list[list[NDArray[Any]]] = [[] for _ in range(12)]
            for number, mine, local in _by_part(chosen, first, stop):
                part = self.parts[number]
                packs, at = np.unique(local // TREES_PER_PACK, return_inverse=True)
                at = at * TREES_PER_PACK + local % TREES_PER_PACK
                trees = trees_of(part, packs.tolist())
                places.append(mine)
                new = {
                    HOLDERS: part.names,
                    LICENSES: part.names,
                    PIECES: part.pieces,
                    UNITS: part.units,
                    NAMES: part.names,
                }
                for column in range(12):
                    count = trees.counts[column]
                    taken = stretches((np.cumsum(count) - count)[at], count[at])
                    value: NDArray[Any] = trees.columns[column][taken]
                    counts[column].append(count[at])
                    values[column].append(new[column][value] if column in new else value)
                for place, tree in zip(mine.tolist(), at.tolist(), strict=True):
                    said[2 * place : 2 * place + 2] = trees.said[2 * tree : 2 * tree + 2]
                part.index.forget()
            order = np.argsort(np.concatenate(places))
            columns = []
            for one, some in zip(counts, values, strict=True):
                count = np.concatenate(one)
                taken = stretches((np.cumsum(count) - count)[order], count[order])
                columns.append((count[order], np.concatenate(some)[taken]))
            if not first:  # nobody
                said[:2] = "", ""
            self.place += int(columns[UNITS][0].sum())
            edges = [np.concatenate([[0], np.cumsum(count)]) for count, _ in columns]
            for low in range(0, stop - first, TREES_PER_PACK):
                end = min(low + TREES_PER_PACK, stop - first)
                insert(
                    connection,
                    "tree",
                    (first + low) // TREES_PER_PACK,
                    texts(said[2 * low : 2 * end]),
                    *(count[low:end] for count, _ in columns),
                    *(
                        value[int(edge[low]) : int(edge[end])]
                        for (_, value), edge in zip(columns, edges, strict=True)
                    ),
                )

    # --- files, units, postings -------------------------------------------------------

    def _files(self, files: Files) -> NDArray[np.uint32]:
        """uint32[n, 4]: tree, release, origin and path of each file, in order, each once."""
        tree = np.empty(files.tree.size, np.uint32)
        for number, part in enumerate(self.parts):
            mine = files.part == number
            tree[mine] = part.trees[files.tree[mine]]
        order = np.lexsort((files.path, files.origin, files.release, tree))
        rows = np.stack([tree, files.release, files.origin, files.path], axis=1)[order]
        fresh = np.ones(order.size, bool)
        fresh[1:] = (rows[1:] != rows[:-1]).any(axis=1)
        return rows[fresh]

    def _write_units(
        self,
        connection: sqlite3.Connection,
        rows: NDArray[np.uint32],
        many_trees: int,
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Write the units; returns of each origin how many it has, and how often one of them
        stands in another."""
        pairs = np.unique(rows[:, 0].astype(np.int64) << 32 | rows[:, 2])
        origins = (pairs & 0xFFFFFFFF).astype(np.uint32)
        edges = np.searchsorted(pairs >> 32, np.arange(many_trees + 2))
        most = len(self.origins) + 1
        held, shared = np.zeros(most, np.intp), np.zeros(most, np.intp)
        first = 0
        for elements in self._elements():
            trees, classes = self._standing(first, first + elements.size)
            write_units(connection, first, elements, trees, classes)
            unit, tree = trees >> 32, trees & 0xFFFFFFFF
            count = edges[tree + 1] - edges[tree]
            holders = origins[stretches(edges[tree], count)]
            found = np.unique(np.repeat(unit, count) << 32 | holders)
            owner = found & 0xFFFFFFFF
            times = np.bincount((found >> 32) - first)[(found >> 32) - first]
            held += np.bincount(owner, minlength=most)
            shared += np.bincount(owner, times - 1, most).astype(np.intp)
            first += elements.size
        return held, shared

    def _elements(self) -> Iterator[NDArray[np.uint32]]:
        """The elements of all units, nobody's first, so many at a time."""
        rest = np.zeros(1, np.uint32)
        for keys in self.units.keys(_UNITS_AT_ONCE):
            rest = np.concatenate([rest, keys.astype(np.uint32)])
            if rest.size > _UNITS_AT_ONCE:
                yield rest[:_UNITS_AT_ONCE]
                rest = rest[_UNITS_AT_ONCE:]
        yield rest

    def _standing(self, first: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of some units (unit << 32 | tree) and (unit << 32 | class), ascending, each once."""
        trees: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        classes: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        for part in self.parts:
            local = np.flatnonzero((part.units >= max(1, first)) & (part.units < stop))
            page_of = local // UNITS_PER_PAGE
            for page in np.unique(page_of).tolist():
                _, inner, of_tree, outer, of_class = part.index.unit_page(page)
                low, high = np.searchsorted(page_of, (page, page + 1))
                at = local[low:high] % UNITS_PER_PAGE
                unit = part.units[local[low:high]].astype(np.int64) << 32
                for found, new, edges, listed in (
                    (trees, part.trees, inner, of_tree),
                    (classes, part.units, outer, of_class),
                ):
                    count = edges[at + 1] - edges[at]
                    values = new[listed[stretches(edges[at], count)]]
                    found.append((np.repeat(unit, count) | values).astype(np.int64))
            part.index.forget()
        return np.unique(np.concatenate(trees)), np.unique(np.concatenate(classes))

    def _write_door(self, connection: sqlite3.Connection, door: int) -> int:
        if door == WORD:
            words = np.arange(self.hashes.size, dtype=np.uint32)
            known = [(self.hashes, words, self.hashes[:0])]
            return write_door(connection, door, 0, known, self.shape, self.folder)

        def stretch(leading: int, bits: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
            keys, owners, common = [], [], []
            for part in self.parts:
                own, counts, listed = part.index.stretch(door, leading, bits)
                new = part.trees if door in (FILE, LAYOUT) else part.units
                keys.append(np.repeat(own, counts))
                owners.append(new[listed])
                common.append(own[counts == 0])
            return np.concatenate(keys), np.concatenate(owners), np.concatenate(common)

        many = sum(part.index.units for part in self.parts) * 20
        bits = (many // _POSTINGS_AT_ONCE).bit_length()
        found = (stretch(leading, bits) for leading in range(1 << bits))
        return write_door(connection, door, self.parameters.common, found, self.shape, self.folder)

    def _write_origins(
        self,
        connection: sqlite3.Connection,
        rows: NDArray[np.uint32],
        standing: tuple[NDArray[np.intp], NDArray[np.intp]],
    ) -> None:
        days: dict[int, str] = {}
        pairs = np.unique(rows[:, 1].astype(np.int64) << 32 | rows[:, 2])
        for release, origin in zip(
            (pairs >> 32).tolist(), (pairs & 0xFFFFFFFF).tolist(), strict=True
        ):
            day = self.releases[release - 1].release.date or NO_DAY
            days[origin] = min(day, days.get(origin, NO_DAY))
        held, shared = standing
        connection.executemany(
            "INSERT INTO origin VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    number,
                    name,
                    *astuple(family),
                    None if days.get(number, NO_DAY) == NO_DAY else days[number],
                    int(held[number]),
                    int(shared[number]),
                )
                for number, (name, family) in enumerate(self.origins.items(), 1)
            ),
        )


def _preferred(origin: str, known: Family | None, other: Family) -> Family:
    """Of two families that an origin is said to be of, the one that says more."""
    if known is None or known == other:
        return other
    plain = plain_family(origin)
    return min((known, other), key=lambda one: (one == plain, repr(one)))


def _table(numbers: dict[int, int]) -> NDArray[np.intp]:
    found = np.zeros(max(numbers, default=0) + 1, np.intp)
    found[list(numbers)] = list(numbers.values())
    return found


def _by_part(
    chosen: Chosen, first: int, stop: int
) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.intp]]]:
    """Of some numbers of the whole, for each part: the places among them, and the numbers there,
    ascending."""
    owner, local = chosen.part[first:stop], chosen.number[first:stop].astype(np.intp)
    for number in np.unique(owner).tolist():
        mine = np.flatnonzero(owner == number)
        mine = mine[np.argsort(local[mine], kind="stable")]
        yield number, mine, local[mine]


def _insert_pieces(
    connection: sqlite3.Connection, page: int, pieces: Sequence[tuple[bytes, bytes, bytes]]
) -> None:
    words = np.frombuffer(b"".join(words for _, words, _ in pieces), "<u4").astype(np.intp)
    insert(
        connection,
        "piece",
        page,
        np.array([len(kinds) for kinds, _, _ in pieces], np.intp),
        np.frombuffer(b"".join(kinds for kinds, _, _ in pieces), np.uint8),
        np.frombuffer(b"".join(steps for _, _, steps in pieces), "<u4"),
        *two_bytes(words),
    )
