"""numbering: several open indexes -> the numbers that their joined content has. No page is kept.

Trees, units, pieces, words and names are numbered by rank (``build``), which depends on nothing
but what they are. So each index is read through once for each of them. What stays in memory is the
number of each thing, four bytes; by what it is numbered stands in files, which are put in order a
part at a time.
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

_AT_ONCE = 1 << 18
"""Units or pieces that are put in order together, and ranks of an index."""
_TREES_AT_ONCE = 512
_EVERY = 64
_END = "\0"


@dataclass(slots=True, eq=False)
class Part:
    """An index that is joined with others, and what its numbers become.

    ``names``, ``trees``, ``units``, ``pieces``, ``words``: by the number in this index the number
    in the whole. Trees and units begin with nobody, 0.
    """

    index: Index
    releases: NDArray[np.intp]
    origins: NDArray[np.intp]
    names: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    trees: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    units: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    pieces: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    words: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))


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


def number_ranks(parts: Sequence[Part], folder: Path) -> None:
    """Write where the least rank of each unit and of each piece of each part stands among all
    ranks, behind all where it has none: ``units.rank0``, nobody's first, ``pieces.rank0``..."""
    of_part: list[list[int]] = []
    streams: list[Iterator[tuple[str, int]]] = []
    for part in parts:
        first = len(streams)
        for ranks in _ranks_of(part, folder, first):
            path = folder / f"ranks{len(streams)}"
            path.write_text("".join(f"{order}{name}{_END}" for order, name in ranks), "utf-8")
            streams.append(_tagged(written(path), len(streams)))
        of_part.append(list(range(first, len(streams))))
        part.index.forget()
    numbers = [array("I") for _ in streams]
    many = 0
    for _, same in groupby(heapq.merge(*streams), key=itemgetter(0)):
        for _, at in same:
            numbers[at].append(many)
        many += 1
    for at, part in enumerate(parts):
        for kind, size in (("units", part.index.units + 1), ("pieces", part.index.counts["piece"])):
            least = np.full(size, many, np.uint32)
            for run in of_part[at]:
                path = folder / f"{kind}.ranked{run}"
                which, found = np.fromfile(path, np.uint32).reshape(2, -1)
                np.minimum.at(least, which, np.frombuffer(numbers[run], np.uint32)[found])
                path.unlink()
            least.tofile(folder / f"{kind}.rank{at}")


def written(path: Path) -> Iterator[str]:
    """Texts that were written to a file, each with a NUL behind it."""
    rest = ""
    with open(path, encoding="utf-8", newline="") as file:
        while block := file.read(1 << 20):
            *whole, rest = (rest + block).split(_END)
            yield from whole


def _ranks_of(part: Part, folder: Path, run: int) -> Iterator[list[Rank]]:
    """The ranks of an index, in order, so many at a time; then it is written which of them its
    units and pieces have, two rows of uint32: ``units.ranked0``, ``pieces.ranked0``..."""
    index = part.index
    known: dict[Rank, int] = {}
    of_unit: list[tuple[NDArray[np.uint32], NDArray[np.uint32]]] = []
    of_piece: list[tuple[NDArray[np.uint32], NDArray[np.uint32]]] = []
    packs = part.index._count("tree")
    for first in range(0, packs, _TREES_AT_ONCE // TREES_PER_PACK):
        stop = min(first + _TREES_AT_ONCE // TREES_PER_PACK, packs)
        trees = trees_of(part, range(first, stop))
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
        if sum(found.size for _, found in of_unit) < _AT_ONCE and stop < packs:
            continue
        ranks = sorted(known)
        place_of = np.empty(len(known), np.uint32)
        place_of[[known[one] for one in ranks]] = np.arange(len(ranks), dtype=np.uint32)
        for kind, pairs in (("units", of_unit), ("pieces", of_piece)):
            which, has = (np.concatenate(column) for column in zip(*pairs, strict=True))
            np.stack([which, place_of[has]]).tofile(folder / f"{kind}.ranked{run}")
            pairs.clear()
        known.clear()
        yield ranks
        run += 1


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
            raise part.index.damaged("as many trees as it says are not there")
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
        raise parts[int(part_of[which])].index.damaged("a file whose content is in no part")
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


# --- units and pieces ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Units or pieces, so many, by rank and size. In files, in parallel: rank << 32 | size, and
    which it is of those of all parts, end to end; where each part's begin, and the last one's
    end."""

    many: int
    path: Path
    edges: NDArray[np.intp]

    def keys(self, most: int) -> Iterator[NDArray[np.uint64]]:
        """Ranks and sizes, so many at a time."""
        return _blocks(self.path.with_suffix(".keys"), np.uint64, most)

    def sources(self, most: int) -> Iterator[NDArray[np.uint32]]:
        """Which they are, so many at a time."""
        return _blocks(self.path.with_suffix(".sources"), np.uint32, most)

    def stretches(self, most: int) -> Iterator[tuple[NDArray[np.uint64], Chosen]]:
        """Ranks and sizes, and where each is read from, in stretches that end where the key
        changes."""
        keys, sources = np.empty(0, np.uint64), np.empty(0, np.uint32)
        for more, those in zip(self.keys(most), self.sources(most), strict=True):
            keys, sources = np.concatenate([keys, more]), np.concatenate([sources, those])
            stop = int(np.searchsorted(keys, keys[-1]))
            if stop:
                yield keys[:stop], self._chosen(sources[:stop])
                keys, sources = keys[stop:], sources[stop:]
        if keys.size:
            yield keys, self._chosen(sources)

    def _chosen(self, sources: NDArray[np.uint32]) -> Chosen:
        owner = (np.searchsorted(self.edges, sources, "right") - 1).astype(np.uint16)
        return Chosen(owner, (sources - self.edges[owner]).astype(np.uint32))


def _blocks(path: Path, dtype: type[np.generic], most: int) -> Iterator[NDArray[Any]]:
    """The numbers of a file, so many at a time."""
    with open(path, "rb") as file:
        while (found := np.fromfile(file, dtype, most)).size:
            yield found


_Found = tuple["NDArray[np.uint64]", "NDArray[np.uint32]", "NDArray[np.uint32]", "NDArray[Any]"]


def _ranked(
    found: Iterable[_Found], edges: NDArray[np.intp], path: Path
) -> tuple[NDArray[np.uint32], Ranked]:
    """The number of each unit or piece of all parts, end to end, by rank, size and digest.

    Args:
        found: digests, which they are, ranks, sizes; by digest, in stretches that no digest is cut
            by. Of equal ones the first of least rank is read.
        edges: where the units or pieces of each part begin, and those of the last one end.
        path: of the files, without their endings.
    """
    number = np.zeros(int(edges[-1]), np.uint32)  # first by digest
    ranked = Ranked(0, path, edges)
    with open(path.with_suffix(".met"), "wb") as keys, open(path.with_suffix(".which"), "wb") as of:
        many = 0
        for digests, which, rank_of, size_of in found:
            order = np.lexsort((rank_of, *digests.T[::-1]))
            digests = digests[order]
            fresh = np.ones(order.size, bool)
            fresh[1:] = (digests[1:] != digests[:-1]).any(axis=1)
            number[which[order]] = many + np.cumsum(fresh) - 1
            least = order[fresh]
            (rank_of[least].astype(np.uint64) << np.uint64(32) | size_of[least]).tofile(keys)
            which[least].tofile(of)
            many += least.size
    ranked = Ranked(many, path, edges)
    place = np.empty(many, np.uint32)
    done = 0
    with (
        open(path.with_suffix(".keys"), "wb") as keys,
        open(path.with_suffix(".sources"), "wb") as of,
    ):
        for ascending, which, met in _in_order(path):
            place[met] = np.arange(done, done + met.size, dtype=np.uint32)
            done += met.size
            ascending.tofile(keys)
            which.tofile(of)
    for first in range(0, number.size, _AT_ONCE):
        some = number[first : first + _AT_ONCE]
        some[:] = place[some]
    return number, ranked


def _in_order(
    path: Path,
) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.uint32], NDArray[np.intp]]]:
    """Ascending keys, which they are, and where they stood, equal ones as they stood; in stretches
    that no key is cut by. The files are gone through once for each of them."""
    keys, which = path.with_suffix(".met"), path.with_suffix(".which")
    drawn = [block[::_EVERY].copy() for block in _blocks(keys, np.uint64, _AT_ONCE)]
    sample = np.sort(np.concatenate([np.empty(0, np.uint64), *drawn]))
    bounds = np.unique(sample[:: max(1, _AT_ONCE // _EVERY)])
    for low, high in zip([None, *bounds[1:]], [*bounds[1:], None], strict=True):
        found: list[tuple[NDArray[Any], ...]] = []
        first = 0
        for block, those in zip(
            _blocks(keys, np.uint64, _AT_ONCE), _blocks(which, np.uint32, _AT_ONCE), strict=True
        ):
            inside = np.ones(block.size, bool) if low is None else block >= low
            if high is not None:
                inside &= block < high
            mine = np.flatnonzero(inside)
            found.append((block[mine], those[mine], first + mine))
            first += block.size
        if found:
            some, those, at = (np.concatenate(column) for column in zip(*found, strict=True))
            order = np.argsort(some, kind="stable")
            yield some[order], those[order], at[order]


def number_units(parts: Sequence[Part], folder: Path) -> Ranked:
    """Units by rank, elements, digest."""
    for at, part in enumerate(parts):
        with open(folder / f"units.size{at}", "wb") as file:
            for page in range(part.index.units // UNITS_PER_PAGE + 1):
                part.index._read("unit", page)[0].astype(np.uint32).tofile(file)
    edges = np.cumsum([0, *(part.index.units + 1 for part in parts)])
    number, ranked = _ranked(_by_digest(parts, edges, folder), edges, folder / "units")
    number += 1
    for part, first, stop in zip(parts, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part.units = number[first:stop]
        part.units[0] = 0
    return ranked


def _by_digest(parts: Sequence[Part], edges: NDArray[np.intp], folder: Path) -> Iterator[_Found]:
    """Digests, which units, ranks, elements, for ``_ranked``."""
    bits = (sum(part.index.units for part in parts) // _AT_ONCE).bit_length()
    for leading in range(1 << bits):
        found: list[tuple[NDArray[Any], ...]] = []
        for at, part in enumerate(parts):
            keys, counts, units = part.index.stretch(TEXT, leading, bits)
            if (counts != 1).any():
                raise part.index.damaged("a digest of several units")
            rank_of = np.fromfile(folder / f"units.rank{at}", np.uint32)[units]
            size_of = np.fromfile(folder / f"units.size{at}", np.uint32)[units]
            found.append((keys, (int(edges[at]) + units.astype(np.intp)), rank_of, size_of))
        keys, which, rank_of, size_of = (np.concatenate(one) for one in zip(*found, strict=True))
        yield keys[:, None], which.astype(np.uint32), rank_of, size_of


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
        raise part.index.damaged(f"piece page {page} is uneven")
    return Pieces(sizes.astype(np.intp), leaves, kinds, steps.astype(np.uint32), words)


def number_pieces(parts: Sequence[Part], folder: Path) -> Ranked:
    """Pieces by rank and size. Those of equal rank and size are in no order yet, which their
    content decides."""
    for at, part in enumerate(parts):
        _write_digests(part, folder, at)
    edges = np.cumsum([0, *(part.index.counts["piece"] for part in parts)])
    number, ranked = _ranked(_by_content(parts, edges, folder), edges, folder / "pieces")
    for part, first, stop in zip(parts, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part.pieces = number[first:stop]
    return ranked


def _by_content(parts: Sequence[Part], edges: NDArray[np.intp], folder: Path) -> Iterator[_Found]:
    """Digests, which pieces, ranks, sizes, for ``_ranked``."""
    bits = (int(edges[-1]) // _AT_ONCE).bit_length()
    for leading in range(1 << bits):
        found: list[tuple[NDArray[Any], ...]] = []
        for at in range(len(parts)):
            first = int(edges[at])
            for digests, rank_of, size_of in zip(
                _blocks(folder / f"pieces.digest{at}", np.uint64, 2 * _AT_ONCE),
                _blocks(folder / f"pieces.rank{at}", np.uint32, _AT_ONCE),
                _blocks(folder / f"pieces.size{at}", np.uint32, _AT_ONCE),
                strict=True,
            ):
                digests = digests.reshape(-1, 2)
                mine = np.arange(size_of.size)
                if bits:
                    mine = np.flatnonzero(digests[:, 0] >> np.uint64(64 - bits) == leading)
                which = (first + mine).astype(np.uint32)
                found.append((digests[mine], which, rank_of[mine], size_of[mine]))
                first += size_of.size
        if found:
            digests, which, rank_of, size_of = (
                np.concatenate(one) for one in zip(*found, strict=True)
            )
            yield digests, which, rank_of, size_of


def _write_digests(part: Part, folder: Path, at: int) -> None:
    """Write uint64[n, 2], a digest of each piece, by which it is known in all parts, and uint32[n],
    the sizes: ``pieces.digest0``, ``pieces.size0``..."""
    words = word_hashes(part)
    with (
        open(folder / f"pieces.digest{at}", "wb") as file,
        open(folder / f"pieces.size{at}", "wb") as of_sizes,
    ):
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
            pieces.sizes.astype(np.uint32).tofile(of_sizes)


def word_hashes(part: Part) -> NDArray[np.uint64]:
    """The hashes of a part's words, by their numbers."""
    pages = [part.index._read("word", page)[0] for page in range(part.index._count("word"))]
    return np.concatenate([np.empty(0, np.uint64), *pages]).astype(np.uint64, copy=False)


def number_words(parts: Sequence[Part], pieces: Ranked) -> NDArray[np.uint64]:
    """Words by how often they stand in the chosen pieces, the frequent first, then by hash;
    returns their hashes."""
    every = np.empty(0, np.uint64)
    waiting = [every]
    for part in parts:
        waiting.append(word_hashes(part))
        if sum(some.size for some in waiting) > _AT_ONCE or part is parts[-1]:
            every = np.unique(np.concatenate([every, *waiting]))
            waiting.clear()
    used = np.zeros(int(pieces.edges[-1]), bool)
    for some in pieces.sources(_AT_ONCE):
        used[some] = True
    times = np.zeros(every.size, np.int64)
    for at, part in enumerate(parts):
        hashes = word_hashes(part)
        counted = np.zeros(hashes.size, np.int64)
        for page in range(part.index._count("piece")):
            first = int(pieces.edges[at]) + page * PIECES_PER_PAGE
            some = used[first : min(first + PIECES_PER_PAGE, int(pieces.edges[at + 1]))]
            if some.any():
                found = pieces_of(part, page)
                counts = np.bincount(found.words[np.repeat(some, found.leaves)])
                counted[: counts.size] += counts
        part.words = np.searchsorted(every, hashes).astype(np.uint32)
        times[part.words] += counted
    order = np.lexsort((every, -times))
    number = np.empty(every.size, np.uint32)
    number[order] = np.arange(every.size, dtype=np.uint32)
    for part in parts:
        part.words = number[part.words]
    return every[order]
