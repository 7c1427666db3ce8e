"""baseline: a finished index -> how strongly code of unrelated families resembles each other in it.

A score is no answer: in this field everything resembles everything. So files of the index are
compared with families that they have nothing to do with, and what they score there is kept as a
table: the null. A finding's score is then read against it.

*Unrelated* are two families of which neither holds 1 % of the other's text: as many elements in
units of ``Parameters.large`` elements or more that are equal in the text view. Where a unit is
looked at, it, what it stands in and what stands in it are left aside: whether its families are
related is never judged by the resemblance that is measured. In transformers 4.57.1 14 % of all
pairs of families are related in this sense, and 91 % of those that declare to share code.

*Common* units, which more than 5 % of the families have as they are, are left out: what a
resemblance of theirs is worth is known better, k of N families have it. With them more than one
unrelated pair in a thousand of units below 80 elements is equal. How far the tables move with
both bounds: benchmarks/README.md.

Pairs share units and families, so they tell less than as many independent ones would. As in
"Permutation P-values should never be zero" (Phipson and Smyth 2010) the measured pair counts as
one of the null: no rate is below 1 / (pairs + 1). Where no pair scores so high, the true rate is,
with 95 % confidence, below 3 / pairs (the rule of three).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from provenance.attribute import accepted
from provenance.index import Index
from provenance.library import Shingled, shingled
from provenance.null import FILE_SIZES, SIZES, Baseline, counted
from provenance.pages import stretches
from provenance.schema import STRUCTURE, TREES_PER_PAGE, UNITS_PER_PAGE
from provenance.sketch import digest, mix
from provenance.verdict import is_common

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

LINEAGE = 0.01
"""Share of a family's text that a related one holds."""
FILES, UNITS, FAMILIES, FAMILIES_OF_FILE = 400, 400, 48, 8
"""Files that are looked at; of their units, in each size class; families that units are compared
with; those that each file is. Choices: for 3,000 pairs of files and 14,000 of units in each class,
some seconds of work whatever the index's size."""
_BLOCK = 64


# --- measuring ----------------------------------------------------------------------------


def measure(index: Index, family_of: Callable[[str], str]) -> Baseline:
    """Compare a sample of an index's files, and their units, with unrelated families of it.

    The sample is the files of least SHA-256, and the units and families of least hash: the same
    index gives the same baseline, one that has grown much of the same sample.

    Args:
        index: finished.
        family_of: the family that an origin belongs to.
    """
    families = _Families(index, family_of)
    files = _files(index, families)
    units = _units(files)
    sample = _Sets([file.units[row] for file, row in units])
    class_of = np.array([_class(SIZES, file.sizes[row]) for file, row in units], np.intp)
    unrelated = np.array(
        [families.unrelated(file.family, file.around(index, row)) for file, row in units], bool
    ).reshape(len(units), families.compared.size)
    of_file = [families.drawn(file.family, file.sha256) for file in files]
    scores: dict[str, dict[int, list[float]]] = {
        view: {least: [] for least in SIZES} for view in ("score", "structure", "text")
    }
    shares: dict[int, list[float]] = {least: [] for least in FILE_SIZES}
    for target in range(families.compared.size):
        reference = _blocks(index, families.units(target))
        for view, best in _best(sample, reference).items():
            for least, found in scores[view].items():
                found += best[unrelated[:, target] & (class_of == least)].tolist()
        for file, targets in zip(files, of_file, strict=True):
            if target in targets:
                share = file.explained(_best(file.sets, reference), index.parameters.large)
                shares[_class(FILE_SIZES, file.size)].append(share)
    return Baseline(
        families=len(families.names),
        related=families.related(),
        score=tuple(counted(least, found) for least, found in scores["score"].items()),
        structure=tuple(counted(least, found) for least, found in scores["structure"].items()),
        text=tuple(counted(least, found) for least, found in scores["text"].items()),
        file=tuple(counted(least, found) for least, found in shares.items()),
    )


def _class(sizes: Sequence[int], elements: int) -> int:
    """The least size of the class of so many elements."""
    return max((least for least in sizes if least <= elements), default=sizes[0])


def _hash(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode(), digest_size=8).digest()


class _Families:
    """The families of an index, by number, and what they share. ``compared`` are the sampled
    ones, ``members[t]`` the units of the t-th of those, ascending."""

    def __init__(self, index: Index, family_of: Callable[[str], str]) -> None:
        name_of = {number: family_of(one.name) for number, one in index.origin_facts.items()}
        self.names = sorted(set(name_of.values()))
        number = {name: at for at, name in enumerate(self.names)}
        self.of_origin = {origin: number[name] for origin, name in name_of.items()}
        self.elements, holder, unit_of = self._standing(index)
        self.holders, self.edges = holder, np.searchsorted(unit_of, np.arange(index.units + 2))
        self.small = index.parameters.small
        self.weight = np.where(self.elements >= index.parameters.large, self.elements, 0)
        size, many = self.weight[unit_of], len(self.names)
        self.total = np.bincount(holder, size, many)
        telling = np.flatnonzero(self.total).tolist()
        order = sorted(telling, key=lambda family: _hash(self.names[family]))
        self.compared = np.array(order[:FAMILIES], np.intp)
        self.row_of = np.full(many, -1, np.intp)
        self.row_of[self.compared] = np.arange(self.compared.size)
        self.members = [unit_of[holder == family] for family in self.compared.tolist()]
        shared = []
        for members in self.members:
            held = np.zeros(index.units + 1, bool)
            held[members] = True
            shared.append(np.bincount(holder, size * held[unit_of], many))
        self.shared = np.array(shared).reshape(-1, many)

    def _standing(
        self, index: Index
    ) -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.int32]]:
        """The elements of each unit, and in parallel, by unit, every family that has one."""
        family_of = np.zeros(max(self.of_origin, default=0) + 1, np.int64)
        family_of[list(self.of_origin)] = list(self.of_origin.values())
        pairs = [np.empty(0, np.int64)]
        for page in range(index.counts["tree"] // TREES_PER_PAGE + 1):
            edges, _, origins, _ = index._file_page(page)
            tree = np.repeat(np.arange(edges.size - 1), np.diff(edges)) + page * TREES_PER_PAGE
            pairs.append(np.unique(tree.astype(np.int64) << 32 | family_of[origins]))
        of_tree = np.concatenate(pairs)
        edge = np.searchsorted(of_tree >> 32, np.arange(index.counts["tree"] + 2))
        of_tree &= 0xFFFFFFFF
        elements, holders, holds = [], [np.empty(0, np.int32)], [np.empty(0, np.int32)]
        for page in range(index.units // UNITS_PER_PAGE + 1):
            size, edges, trees, _, _ = index.unit_page(page)
            elements.append(size)
            unit = np.repeat(np.arange(size.size), np.diff(edges)) + page * UNITS_PER_PAGE
            count = (edge[trees.astype(np.intp) + 1] - edge[trees]).astype(np.intp)
            family = of_tree[stretches(edge[trees], count)]
            found = np.unique(np.repeat(unit, count) << 32 | family)
            holders.append((found & 0xFFFFFFFF).astype(np.int32))
            holds.append((found >> 32).astype(np.int32))
        return np.concatenate(elements), np.concatenate(holders), np.concatenate(holds)

    def common(self, index: Index, units: NDArray[np.intp], structure: Hashes) -> list[bool]:
        """Whether so many families have units like each of some: of the same text, or where they
        are large, with digests of structure, of the same structure."""
        at, alike, _ = index.lookup(STRUCTURE, structure)
        every = np.concatenate([units, alike.astype(np.intp)])
        row = np.concatenate([np.arange(units.size), at])
        count = self.edges[every + 1] - self.edges[every]
        family = self.holders[stretches(self.edges[every], count)]
        many = len(self.names)
        pairs = np.unique(np.repeat(row, count) * many + family)
        held = np.bincount(pairs // many, minlength=units.size)
        return [is_common(number, many) for number in held.tolist()]

    def units(self, target: int) -> list[int]:
        """The units of a compared family that are not small."""
        members = self.members[target]
        found: list[int] = members[self.elements[members] >= self.small].tolist()
        return found

    def unrelated(self, family: int, aside: NDArray[np.intp]) -> NDArray[np.bool_]:
        """bool[compared]: which have nothing to do with a family, some units left aside."""
        count = self.edges[aside + 1] - self.edges[aside]
        row = self.row_of[self.holders[stretches(self.edges[aside], count)]]
        weight = np.repeat(self.weight[aside], count)[row >= 0]
        left_aside = np.bincount(row[row >= 0], weight, self.compared.size).astype(np.intp)
        least = np.minimum(self.total[family], self.total[self.compared])
        shared = self.shared[:, family] - left_aside
        result: NDArray[np.bool_] = (self.compared != family) & (
            shared < np.maximum(1, LINEAGE * least)
        )
        return result

    def related(self) -> float:
        """The share of pairs of a family and a compared one that have to do with each other."""
        nothing = np.empty(0, np.intp)
        apart = sum(int(self.unrelated(at, nothing).sum()) for at in range(len(self.names)))
        pairs = self.compared.size * (len(self.names) - 1)
        return round(1 - apart / pairs, 6) if pairs else 0.0

    def drawn(self, family: int, key: str) -> frozenset[int]:
        """Some of the compared families that have nothing to do with one, by their hash."""
        apart = np.flatnonzero(self.unrelated(family, np.empty(0, np.intp))).tolist()
        order = sorted(apart, key=lambda at: _hash(self.names[self.compared[at]], key))
        return frozenset(order[:FAMILIES_OF_FILE])


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """A sampled file. ``sets`` holds all shingles of its units that are not small. In parallel,
    of each of these: position in the tree, elements, elements where what repeats counts once,
    whether it is common, shingles, and the elements of the file it spans (the module's body)."""

    number: int
    sha256: str
    family: int
    size: int
    positions: list[int]
    sizes: list[int]
    distinct: list[int]
    common: list[bool]
    units: list[Shingled]
    sets: _Sets
    spans: list[NDArray[np.intp]]

    def around(self, index: Index, row: int) -> NDArray[np.intp]:
        """The units of the index that stand in one of the file's, or that it stands in."""
        tree, at = index.tree(self.number), self.positions[row]
        if not at:
            return tree.units[:1]
        touching = (tree.start < tree.stop[at]) & (tree.stop > tree.start[at])
        touching[0] = False  # the module's body has no part of it
        return np.unique(tree.units[touching])

    def explained(self, best: dict[str, NDArray[np.float64]], large: int) -> float:
        """The share of elements that stand in a unit with an accepted match; units below
        ``large`` count beside a larger one only, as in a scan."""
        covered = np.zeros(self.size, bool)
        matched = [
            row
            for row in range(len(self.units))
            if not self.common[row]
            and accepted(best["structure"][row], best["text"][row], self.distinct[row], large)
        ]
        if any(self.distinct[row] >= large for row in matched):
            for row in matched:
                covered[self.spans[row]] = True
        return float(covered.mean())


def _files(index: Index, families: _Families) -> list[_File]:
    """The files of least SHA-256 that are not small."""
    parameters = index.parameters
    found: list[_File] = []
    for number in sorted(range(1, index.counts["tree"] + 1), key=lambda at: index.tree(at).sha256):
        tree = index.tree(number)
        size = int(tree.sizes.sum())
        if size < FILE_SIZES[0]:
            continue
        body = np.ones(size, bool)
        for start, stop in zip(tree.start[1:].tolist(), tree.stop[1:].tolist(), strict=True):
            body[start:stop] = False
        elements = families.elements[tree.units]
        positions = np.flatnonzero(elements >= parameters.small).tolist()
        if not positions:
            continue
        tokens = [index.tokens_at(number, at) for at in positions]
        units = [shingled(one, parameters) for one in tokens]
        structure = np.array([digest(one.structure) for one in tokens], np.uint64)
        found.append(
            _File(
                number=number,
                sha256=tree.sha256,
                family=families.of_origin[index.files_of(number)[0].origin],
                size=size,
                positions=positions,
                sizes=elements[positions].tolist(),
                distinct=[unit.structure.size + parameters.k - 1 for unit in units],
                common=families.common(index, tree.units[positions], structure),
                units=units,
                sets=_Sets(units),
                spans=[
                    np.arange(tree.start[at], tree.stop[at]) if at else np.flatnonzero(body)
                    for at in positions
                ],
            )
        )
        if len(found) == FILES:
            break
    return found


def _units(files: list[_File]) -> list[tuple[_File, int]]:
    """Of the files' units that are not common, equal ones once, those of least hash in each
    size class: the file, and the row in it."""
    drawn: dict[int, dict[bytes, tuple[_File, int]]] = {least: {} for least in SIZES}
    for file in files:
        for row, unit in enumerate(file.units):
            if not file.common[row]:
                key = blake2b(np.sort(mix(unit.text)).tobytes(), digest_size=8).digest()
                drawn[_class(SIZES, file.sizes[row])].setdefault(key, (file, row))
    return [one for found in drawn.values() for _, one in sorted(found.items())[:UNITS]]


class _Sets:
    """The shingle sets of some units in both views, to be compared all with all."""

    def __init__(self, units: list[Shingled]) -> None:
        self.structure = _View([unit.structure for unit in units])
        self.text = _View([unit.text for unit in units])


def _blocks(index: Index, units: list[int]) -> list[_Sets]:
    """The shingle sets of some units of the index, not too many at once: what is compared is all
    in memory."""
    return [
        _Sets([shingled(index.tokens(unit), index.parameters) for unit in units[at : at + _BLOCK]])
        for at in range(0, len(units), _BLOCK)
    ]


def _best(left: _Sets, right: list[_Sets]) -> dict[str, NDArray[np.float64]]:
    """The best resemblance that each unit of the left has with one of the right."""
    best: dict[str, NDArray[np.float64]] = {}
    for block in right:
        structure = _resemblance(left.structure, block.structure)
        text = _resemblance(left.text, block.text)
        every = {"structure": structure, "text": text, "score": (structure + 2 * text) / 3}
        for view, found in every.items():
            highest = found.max(axis=1)
            best[view] = np.maximum(best[view], highest) if view in best else highest
    return best


class _View:
    """n sets of shingles: the distinct ones, ascending, how many sets have each, and which."""

    def __init__(self, sets: list[NDArray[np.uint64]]) -> None:
        self.sizes = np.array([one.size for one in sets], np.intp)
        joined = np.concatenate([np.empty(0, np.uint64), *sets])
        order = np.argsort(joined, kind="stable")
        self.keys, self.count = np.unique(joined, return_counts=True)
        self.owner = np.repeat(np.arange(len(sets)), self.sizes)[order]


def _resemblance(left: _View, right: _View) -> NDArray[np.float64]:
    """float64[m, n]: Jaccard resemblance of each of m sets with each of n."""
    if left.keys.size > right.keys.size:
        return np.ascontiguousarray(_resemblance(right, left).T)
    at = np.searchsorted(right.keys, left.keys)
    at[at == right.keys.size] = 0
    count = np.repeat(np.where(right.keys[at] == left.keys, right.count[at], 0), left.count)
    first = np.repeat((np.cumsum(right.count) - right.count)[at], left.count)
    shape = left.sizes.size, right.sizes.size
    pair = np.repeat(left.owner * shape[1], count) + right.owner[stretches(first, count)]
    shared = np.bincount(pair, minlength=shape[0] * shape[1]).reshape(shape)
    result: NDArray[np.float64] = shared / (left.sizes[:, None] + right.sizes - shared)
    return result
