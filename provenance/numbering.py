"""numbering: several open indexes -> the numbers that their joined content has. No page is kept.

Trees, units, pieces, words and names are numbered by rank (``build``), which depends on nothing
but what they are. So each index is read through once for each of them, and what stays in memory
are numbers: some 40 bytes for each unit, whatever its size.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.elements import words_of
from provenance.index import KINDS, Index
from provenance.pages import split, sums
from provenance.parse import grammar
from provenance.rank import Rank, rank
from provenance.schema import (
    PIECES_PER_PAGE,
    TEXT,
    TREES_PER_PACK,
    TREES_PER_PAGE,
    UNITS_PER_PAGE,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AT_ONCE = 1 << 20
"""Units or pieces that are put in order together."""
_TREES_AT_ONCE = 512
_END = "\0"


@dataclass(slots=True, eq=False)
class Part:
    """An index that is joined with others, and what its numbers become.

    ``names``, ``trees``, ``units``, ``pieces``, ``words``: by the number in this index the number
    in the whole. Trees and units begin with nobody, 0. ``rank_of_unit`` and ``rank_of_piece``:
    where their least rank stands among all ranks, until they are numbered.
    """

    index: Index
    releases: NDArray[np.intp]
    origins: NDArray[np.intp]
    names: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    trees: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    units: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    pieces: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    words: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    rank_of_unit: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    rank_of_piece: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))


# --- names --------------------------------------------------------------------------------


def number_names(parts: Sequence[Part]) -> Iterator[str]:
    """Every name once, in order; the parts know their numbers when all are read."""
    numbers = [array("I") for _ in parts]
    streams = [_tagged(_names(part), at) for at, part in enumerate(parts)]
    for number, (name, same) in enumerate(groupby(heapq.merge(*streams), key=itemgetter(0))):
        for _, at in same:
            numbers[at].append(number)
        yield name
    for part, found in zip(parts, numbers, strict=True):
        part.names = np.frombuffer(found, np.uint32) if found else np.empty(0, np.uint32)


def _tagged(values: Iterable[Any], at: int) -> Iterator[tuple[Any, int]]:
    return ((value, at) for value in values)


def _names(part: Part) -> Iterator[str]:
    for page in range(part.index._count("name")):
        (written,) = part.index._read("name", page)
        yield from split(written)


# --- ranks --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Some trees of an index, one after another: SHA-256 and mark of each, and in the order of
    the schema how many values of each column it has, and the columns."""

    said: list[str]
    counts: list[NDArray[np.intp]]
    columns: list[NDArray[np.intp]]


HOLDERS, LICENSES, PIECES, SIZES, LINES, UNITS, STARTS, LENGTHS, FIRST, MORE, KIND, NAMES = range(
    12
)
"""The columns of trees."""


def trees_of(part: Part, packs: Sequence[int]) -> Trees:
    """All trees of some packs."""
    read = [part.index._packed(pack) for pack in packs]
    return Trees(
        [text for said, _, _ in read for text in said],
        [np.concatenate([np.diff(edges[at]) for _, edges, _ in read]) for at in range(12)],
        [np.concatenate([found[at] for _, _, found in read]).astype(np.intp) for at in range(12)],
    )


def number_ranks(parts: Sequence[Part], folder: Path) -> int:
    """Let every part know the rank of its units and pieces; returns how many ranks there are,
    which stands for none."""
    streams = []
    for at, part in enumerate(parts):
        ranks = _ranks_of(part)
        path = folder / f"ranks{at}"
        path.write_text("".join(f"{order}{name}{_END}" for order, name in ranks), "utf-8")
        part.index.forget()
        streams.append(_tagged(written(path), at))
    numbers = [array("I") for _ in parts]
    many = 0
    for _, same in groupby(heapq.merge(*streams), key=itemgetter(0)):
        for _, at in same:
            numbers[at].append(many)
        many += 1
    for part, found in zip(parts, numbers, strict=True):
        place = np.array([*found, many], np.uint32)
        part.rank_of_unit = place[part.rank_of_unit]
        part.rank_of_piece = place[part.rank_of_piece]
    return many


def written(path: Path) -> Iterator[str]:
    """Texts that were written to a file, each with a NUL behind it."""
    rest = ""
    with open(path, encoding="utf-8", newline="") as file:
        while block := file.read(1 << 20):
            *whole, rest = (rest + block).split(_END)
            yield from whole


def _ranks_of(part: Part) -> list[Rank]:
    """The ranks of an index, in order; the part knows which of them its units and pieces have."""
    index = part.index
    known: dict[Rank, int] = {}
    of_unit: list[tuple[NDArray[np.uint32], NDArray[np.uint32]]] = []
    of_piece: list[tuple[NDArray[np.uint32], NDArray[np.uint32]]] = []
    packs = part.index._count("tree")
    for first in range(0, packs, _TREES_AT_ONCE // TREES_PER_PACK):
        trees = trees_of(part, range(first, min(first + _TREES_AT_ONCE // TREES_PER_PACK, packs)))
        counts, columns = trees.counts, trees.columns
        marks = [mark for mark, count in zip(trees.said[1::2], counts[UNITS].tolist(), strict=True)
                 for _ in range(count)]  # fmt: skip
        found = np.array(
            [
                known.setdefault(rank(KINDS[kind], index.name(name), mark), len(known))
                for kind, name, mark in zip(
                    columns[KIND].tolist(), columns[NAMES].tolist(), marks, strict=True
                )
            ],
            np.uint32,
        )
        of_unit.append((columns[UNITS].astype(np.uint32), found))
        # A piece has the rank of the last function or class that begins with it.
        owner = np.repeat(np.arange(counts[UNITS].size), counts[UNITS])
        start = sums(columns[STARTS], counts[UNITS].tolist()).astype(np.int64)
        begins = owner << 32 | start
        whole = np.flatnonzero(columns[KIND])[::-1]
        keys, last = np.unique(begins[whole], return_index=True)
        tree = np.repeat(np.arange(counts[PIECES].size), counts[PIECES])
        behind = sums(columns[SIZES], counts[PIECES].tolist()).astype(np.int64)
        at = tree << 32 | behind - columns[SIZES]
        place = np.searchsorted(keys, at)
        place[place == keys.size] = 0
        same = keys[place] == at if keys.size else np.zeros(at.size, bool)
        of_piece.append((columns[PIECES][same].astype(np.uint32), found[whole[last[place[same]]]]))
    ranks = sorted(known)
    place_of = np.empty(len(known), np.uint32)
    place_of[[known[one] for one in ranks]] = np.arange(len(ranks), dtype=np.uint32)
    part.rank_of_unit = np.full(index.units + 1, len(ranks), np.uint32)
    for unit, found in of_unit:
        np.minimum.at(part.rank_of_unit, unit, place_of[found])
    part.rank_of_piece = np.full(index.counts["piece"], len(ranks), np.uint32)
    for piece, found in of_piece:
        np.minimum.at(part.rank_of_piece, piece, place_of[found])
    return ranks


# --- trees --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """Of each number of the whole, from 0 on, the part that it is read from, and its number
    there."""

    part: NDArray[np.uint16]
    number: NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class Files:
    """All files, in parallel: part, tree there; release, origin and path in the whole."""

    part: NDArray[np.uint16]
    tree: NDArray[np.uint32]
    release: NDArray[np.uint32]
    origin: NDArray[np.uint32]
    path: NDArray[np.uint32]


def files_of(parts: Sequence[Part]) -> Files:
    """Every file of every part."""
    found: list[tuple[NDArray[Any], ...]] = []
    for number, part in enumerate(parts):
        for page in range(part.index._count("file")):
            edges, release, origin, path = part.index._file_page(page)
            tree = np.repeat(np.arange(edges.size - 1), np.diff(edges)) + page * TREES_PER_PAGE
            found.append(
                (
                    np.full(tree.size, number, np.uint16),
                    tree.astype(np.uint32),
                    part.releases[release].astype(np.uint32),
                    part.origins[origin].astype(np.uint32),
                    part.names[path],
                )
            )
        part.index.forget()
    return Files(*(np.concatenate(column) for column in zip(*found, strict=True)))


def number_trees(parts: Sequence[Part], files: Files) -> Chosen:
    """Trees by their first path, then by SHA-256. Of equal ones that is read whose content is
    known, and whose path is first."""
    hashes, paths, empty, owner, number = [], [], [], [], []
    for at, part in enumerate(parts):
        trees = part.index.counts["tree"]
        first = np.full(trees + 1, np.iinfo(np.uint32).max, np.uint32)
        mine = files.part == at
        np.minimum.at(first, files.tree[mine], files.path[mine])
        said = bytearray()
        units: list[NDArray[np.intp]] = []
        for pack in range(part.index._count("tree")):
            texts, edges, _ = part.index._packed(pack)
            said += bytes.fromhex("".join(texts[0::2]))
            units.append(np.diff(edges[UNITS]))
        hashes.append(np.frombuffer(bytes(said), ">u8").astype(np.uint64).reshape(-1, 4))
        if hashes[-1].shape[0] != trees:
            raise part.index._damaged("as many trees as it says are not there")
        part.index.forget()
        paths.append(first[1:])
        empty.append((np.concatenate(units) if units else np.empty(0, np.intp))[1:] == 0)
        owner.append(np.full(trees, at, np.uint16))
        number.append(np.arange(1, trees + 1, dtype=np.uint32))
    sha, path = np.concatenate(hashes), np.concatenate(paths)
    bare, part_of, local = np.concatenate(empty), np.concatenate(owner), np.concatenate(number)
    order = np.lexsort((path, bare, sha[:, 3], sha[:, 2], sha[:, 1], sha[:, 0]))
    sha = sha[order]
    fresh = np.ones(order.size, bool)
    fresh[1:] = (sha[1:] != sha[:-1]).any(axis=1)
    starts = np.flatnonzero(fresh)
    if starts.size and bare[order[starts]].any():
        which = int(order[starts[int(np.argmax(bare[order[starts]]))]])
        raise parts[int(part_of[which])].index._damaged("a file whose content is in no part")
    least = np.minimum.reduceat(path[order], starts) if starts.size else path
    by_path = np.argsort(least, kind="stable")
    place = np.empty(starts.size, np.uint32)
    place[by_path] = np.arange(1, starts.size + 1, dtype=np.uint32)
    numbers = np.empty(order.size, np.uint32)
    numbers[order] = place[np.cumsum(fresh) - 1]
    for at, part in enumerate(parts):
        part.trees = np.concatenate([np.zeros(1, np.uint32), numbers[part_of == at]])
    source = order[starts][by_path]
    nobody = np.zeros(1, np.uint16), np.zeros(1, np.uint32)
    return Chosen(
        np.concatenate([nobody[0], part_of[source]]), np.concatenate([nobody[1], local[source]])
    )


# --- units --------------------------------------------------------------------------------


def number_units(parts: Sequence[Part]) -> NDArray[np.uint32]:
    """Units by rank, elements, digest; returns the elements of each, nobody's first."""
    elements = [_elements_of(part) for part in parts]
    for part in parts:
        part.units = np.zeros(part.index.units + 1, np.uint32)
    ranks, sizes, digests = [], [], []
    many = 0
    for keys, owner, unit in _by_digest(parts):
        rank_of = np.empty(keys.size, np.uint32)
        size_of = np.empty(keys.size, np.uint32)
        for at, part in enumerate(parts):
            mine = owner == at
            rank_of[mine] = part.rank_of_unit[unit[mine]]
            size_of[mine] = elements[at][unit[mine]]
        fresh = np.ones(keys.size, bool)
        fresh[1:] = keys[1:] != keys[:-1]
        starts = np.flatnonzero(fresh)
        place = many + np.cumsum(fresh) - 1
        for at, part in enumerate(parts):
            mine = owner == at
            part.units[unit[mine]] = place[mine]
        ranks.append(np.minimum.reduceat(rank_of, starts))
        sizes.append(size_of[starts])
        digests.append(keys[starts])
        many += starts.size
    none = np.empty(0, np.uint32)
    rank_of, size_of = np.concatenate([none, *ranks]), np.concatenate([none, *sizes])
    digest_of = np.concatenate([np.empty(0, np.uint64), *digests])
    del ranks, sizes, digests
    order = np.argsort(rank_of, kind="stable")
    for first, stop in runs(rank_of[order], _AT_ONCE):
        some = order[first:stop]
        order[first:stop] = some[np.lexsort((digest_of[some], size_of[some], rank_of[some]))]
    number = np.empty(many, np.uint32)
    number[order] = np.arange(1, many + 1, dtype=np.uint32)
    for part in parts:
        part.units[1:] = number[part.units[1:]]
        part.rank_of_unit = np.empty(0, np.uint32)
    return np.concatenate([np.zeros(1, np.uint32), size_of[order]])


def runs(ascending: NDArray[Any], most: int) -> Iterator[tuple[int, int]]:
    """Half-open stretches of so many values or a few more, which end where the value changes."""
    first = 0
    while first < ascending.size:
        last = ascending[min(first + most, ascending.size) - 1]
        stop = int(np.searchsorted(ascending, last, "right"))
        yield first, stop
        first = stop


def _elements_of(part: Part) -> NDArray[np.uint32]:
    pages = range(part.index.units // UNITS_PER_PAGE + 1)
    return np.concatenate([part.index._read("unit", page)[0].astype(np.uint32) for page in pages])


def _by_digest(
    parts: Sequence[Part],
) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.uint16], NDArray[np.uint32]]]:
    """(digests, parts, units there), by digest, in stretches that no digest is cut by."""
    bits = max(0, (sum(part.index.units for part in parts) // _AT_ONCE).bit_length())
    for leading in range(1 << bits):
        keys, owners, units = [], [], []
        for at, part in enumerate(parts):
            found, counts, listed = part.index.stretch(TEXT, leading, bits)
            if (counts != 1).any():
                raise part.index._damaged("a digest of several units")
            keys.append(found)
            owners.append(np.full(found.size, at, np.uint16))
            units.append(listed)
        digests, owner, unit = np.concatenate(keys), np.concatenate(owners), np.concatenate(units)
        order = np.argsort(digests, kind="stable")
        if order.size:
            yield digests[order], owner[order], unit[order]


# --- pieces and words ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Some pieces of an index, one after another: their sizes in elements and in words."""

    sizes: NDArray[np.intp]
    leaves: NDArray[np.intp]
    kinds: NDArray[np.uint8]
    steps: NDArray[np.uint32]
    words: NDArray[np.intp]


def pieces_of(part: Part, page: int) -> Pieces:
    """A page of pieces."""
    sizes, kinds, steps, *numbers = part.index._read("piece", page)
    kinds, words = kinds.astype(np.uint8, copy=False), words_of(*numbers)
    edges = np.concatenate([[0], np.cumsum(sizes, dtype=np.intp)])
    leaves = np.diff(np.concatenate([[0], np.cumsum(grammar().is_leaf[kinds])])[edges])
    if not kinds.size == steps.size == edges[-1] or words.size != leaves.sum():
        raise part.index._damaged(f"piece page {page} is uneven")
    return Pieces(sizes.astype(np.intp), leaves, kinds, steps.astype(np.uint32), words)


def number_pieces(parts: Sequence[Part], folder: Path) -> tuple[Chosen, NDArray[np.uint64]]:
    """Pieces by rank and size; returns where each is read from, and the two in one number. Those
    of equal rank and size are in no order yet, which their content decides."""
    sizes = [_hashed(part, folder / f"pieces{at}") for at, part in enumerate(parts)]
    edges = np.cumsum([0, *(size.size for size in sizes)])
    number = np.empty(int(edges[-1]), np.uint32)  # of every piece, first by digest
    sources, decided = [np.empty(0, np.uint32)], [np.empty(0, np.uint64)]
    many = 0
    for keys, at, rank_of, size_of in _by_content(parts, sizes, edges, folder):
        order = np.lexsort((rank_of, keys[:, 1], keys[:, 0]))
        keys = keys[order]
        fresh = np.ones(order.size, bool)
        fresh[1:] = (keys[1:] != keys[:-1]).any(axis=1)
        number[at[order]] = many + np.cumsum(fresh) - 1
        least = order[fresh]
        sources.append(at[least])
        decided.append(rank_of[least].astype(np.uint64) << np.uint64(32) | size_of[least])
        many += least.size
    source, decides = np.concatenate(sources), np.concatenate(decided)
    del sources, decided
    by_rank = np.argsort(decides, kind="stable")
    place = np.empty(many, np.uint32)
    place[by_rank] = np.arange(many, dtype=np.uint32)
    for part, first, stop in zip(parts, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part.pieces = place[number[first:stop]]
        part.rank_of_piece = np.empty(0, np.uint32)
    source = source[by_rank]
    owner = (np.searchsorted(edges, source, "right") - 1).astype(np.uint16)
    chosen = Chosen(owner, (source - edges[owner]).astype(np.uint32))
    return chosen, decides[by_rank]


def _by_content(
    parts: Sequence[Part],
    sizes: Sequence[NDArray[np.uint32]],
    edges: NDArray[np.intp],
    folder: Path,
) -> Iterator[tuple[NDArray[Any], NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]]:
    """(digests, places among all, ranks, sizes) of pieces, by digest, in stretches that no digest
    is cut by, within each as they stand."""
    bits = (int(edges[-1]) // _AT_ONCE).bit_length()
    for leading in range(1 << bits):
        found: list[tuple[NDArray[Any], ...]] = []
        for at, (part, size) in enumerate(zip(parts, sizes, strict=True)):
            keys = np.fromfile(folder / f"pieces{at}", np.uint64).reshape(-1, 2)
            mine = np.arange(size.size)
            if bits:
                mine = np.flatnonzero(keys[:, 0] >> np.uint64(64 - bits) == leading)
            place = (int(edges[at]) + mine).astype(np.uint32)
            found.append((keys[mine], place, part.rank_of_piece[mine], size[mine]))
        keys, place, rank_of, size_of = (np.concatenate(one) for one in zip(*found, strict=True))
        if place.size:
            yield keys, place, rank_of, size_of


def _hashed(part: Part, path: Path) -> NDArray[np.uint32]:
    """Write uint64[n, 2], a digest of each piece, by which it is known in all parts; returns the
    sizes."""
    words = word_hashes(part)
    sizes = [np.empty(0, np.uint32)]
    with open(path, "wb") as file:
        for page in range(part.index._count("piece")):
            pieces = pieces_of(part, page)
            kinds, steps = pieces.kinds.tobytes(), pieces.steps.tobytes()
            hashes = words[pieces.words].tobytes()
            at = leaf = 0
            for size, leaves in zip(pieces.sizes.tolist(), pieces.leaves.tolist(), strict=True):
                total = blake2b(size.to_bytes(8, "little"), digest_size=16)
                total.update(kinds[at : at + size])
                total.update(steps[4 * at : 4 * (at + size)])
                total.update(hashes[8 * leaf : 8 * (leaf + leaves)])
                file.write(total.digest())
                at, leaf = at + size, leaf + leaves
            sizes.append(pieces.sizes.astype(np.uint32))
    return np.concatenate(sizes)


def word_hashes(part: Part) -> NDArray[np.uint64]:
    """The hashes of a part's words, by their numbers."""
    pages = [part.index._read("word", page)[0] for page in range(part.index._count("word"))]
    return np.concatenate([np.empty(0, np.uint64), *pages]).astype(np.uint64, copy=False)


def number_words(parts: Sequence[Part], pieces: Chosen) -> NDArray[np.uint64]:
    """Words by how often they stand in the chosen pieces, the frequent first, then by hash;
    returns their hashes."""
    own = [word_hashes(part) for part in parts]
    every = np.unique(np.concatenate([np.empty(0, np.uint64), *own]))
    times = np.zeros(every.size, np.int64)
    for at, part in enumerate(parts):
        used = np.zeros(part.index.counts["piece"], bool)
        used[pieces.number[pieces.part == at]] = True
        counted = np.zeros(own[at].size, np.int64)
        for page in range(part.index._count("piece")):
            first = page * PIECES_PER_PAGE
            some = used[first : first + PIECES_PER_PAGE]
            if some.any():
                found = pieces_of(part, page)
                counts = np.bincount(found.words[np.repeat(some, found.leaves)])
                counted[: counts.size] += counts
        times[np.searchsorted(every, own[at])] += counted
    order = np.lexsort((every, -times))
    number = np.empty(every.size, np.uint32)
    number[order] = np.arange(every.size, dtype=np.uint32)
    for part, hashes in zip(parts, own, strict=True):
        part.words = number[np.searchsorted(every, hashes)]
    return every[order]
