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

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.attribute import accepted
from provenance.elements import Tree
from provenance.index import Index
from provenance.library import Shingled, shingled
from provenance.null import FILE_SIZES, SIZES, Baseline, counted
from provenance.pages import stretches
from provenance.recent import Recent
from provenance.schema import FILE, STRUCTURE, TREES_PER_PAGE, UNITS_PER_PAGE
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
_BLOCK, _PAIRS = 64, 1 << 20
"""Units that are compared with others at once, and equal shingles that are looked at at once."""


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
        [families.unrelated(file.family, file.around(row)) for file, row in units], bool
    ).reshape(len(units), families.compared.size)
    of_file = [families.drawn(file.family, file.tree.sha256) for file in files]
    scores: dict[str, dict[int, list[float]]] = {
        view: {least: [] for least in SIZES} for view in ("score", "structure", "text")
    }
    shares: dict[int, list[float]] = {least: [] for least in FILE_SIZES}
    for target in range(families.compared.size):
        chosen = [file for file, targets in zip(files, of_file, strict=True) if target in targets]
        sets = [sample, *(file.sets for file in chosen)]
        best, *of_chosen = _best(sets, _blocks(index, families.members[target]))
        for view, highest in best.items():
            for least, found in scores[view].items():
                found += highest[unrelated[:, target] & (class_of == least)].tolist()
        for file, own in zip(chosen, of_chosen, strict=True):
            share = file.explained(own, index.parameters.large)
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
    ones, ``members[t]`` the units of the t-th of those, ascending. Who holds a unit is read where
    it is asked for: in memory is something for each file, but nothing for each unit."""

    def __init__(self, index: Index, family_of: Callable[[str], str]) -> None:
        self.index = index
        self._pages: Recent[int, tuple[NDArray[np.intp], ...]] = Recent(256)
        name_of = {number: family_of(one.name) for number, one in index.origin_facts.items()}
        self.names = sorted(set(name_of.values()))
        number = {name: at for at, name in enumerate(self.names)}
        self.of_origin = {origin: number[name] for origin, name in name_of.items()}
        self.small, self.large = index.parameters.small, index.parameters.large
        self.edges, self.of_tree = self._trees()
        self.total = np.zeros(len(self.names))
        for page in range(index.units // UNITS_PER_PAGE + 1):
            size, unit, family = self._page(page, self.large)
            np.add.at(self.total, family, size[unit])
        telling = np.flatnonzero(self.total).tolist()
        order = sorted(telling, key=lambda family: _hash(self.names[family]))
        self.compared = np.array(order[:FAMILIES], np.intp)
        self.row_of = np.full(len(self.names), -1, np.intp)
        self.row_of[self.compared] = np.arange(self.compared.size)
        self.members = [self._members(family) for family in self.compared.tolist()]
        self.shared = self._shared()

    def _trees(self) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        """Where the families that have each tree begin and the last one's end, and the families."""
        trees = self.index.counts["tree"]
        family_of = np.zeros(max(self.of_origin, default=0) + 1, np.int64)
        family_of[list(self.of_origin)] = list(self.of_origin.values())
        counts, families = [np.zeros(1, np.intp)], [np.empty(0, np.uint32)]
        for page in range(trees // TREES_PER_PAGE + 1):
            edges, _, origins, _ = self.index._file_page(page)
            tree = np.repeat(np.arange(edges.size - 1), np.diff(edges))
            pairs = np.unique(tree << 32 | family_of[origins])
            counts.append(np.bincount(pairs >> 32, minlength=edges.size - 1))
            families.append((pairs & 0xFFFFFFFF).astype(np.uint32))
        return np.cumsum(np.concatenate(counts)), np.concatenate(families)

    def _page(
        self, page: int, least: int = 0
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """A page of units: the elements of each, and in parallel, by unit, every family that has
        one of so many elements at least."""
        size, edges, trees, _, _ = self.index.unit_page(page)
        unit = np.repeat(np.arange(size.size), np.diff(edges))
        kept = size[unit] >= least
        unit, tree = unit[kept], trees[kept].astype(np.intp)
        count = self.edges[tree + 1] - self.edges[tree]
        family = self.of_tree[stretches(self.edges[tree], count)]
        pairs = np.unique(np.repeat(unit, count) << 32 | family)
        return size, pairs >> 32, pairs & 0xFFFFFFFF

    def _members(self, family: int) -> NDArray[np.uint32]:
        """The units of a family."""
        trees = np.searchsorted(self.edges, np.flatnonzero(self.of_tree == family), "right") - 1
        units = [self.index.tree(number).units for number in trees.tolist()]
        return np.unique(np.concatenate(units)).astype(np.uint32)

    def _shared(self) -> NDArray[np.float64]:
        """float64[compared, families]: elements in large units that the two have alike."""
        shared = np.zeros((self.compared.size, len(self.names)))
        pages = [np.empty(0, np.uint32), *(members // UNITS_PER_PAGE for members in self.members)]
        for page in np.unique(np.concatenate(pages)).tolist():
            size, unit, family = self._page(page, self.large)
            row = self.row_of[family]
            for target in np.unique(row[row >= 0]).tolist():
                held = np.zeros(size.size, bool)
                held[unit[row == target]] = True
                own = held[unit]
                np.add.at(shared[target], family[own], size[unit[own]])
        return shared

    def holders(
        self, units: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Of ascending units the elements, where the families that have each begin and the last
        one's end, and the families."""
        none = np.empty(0, np.intp)
        elements, counts, families = [none], [none], [none]
        page_of = units // UNITS_PER_PAGE
        for page in np.unique(page_of).tolist():
            size, unit, family = self._pages.recall(page) or self._pages.keep(
                page, self._page(page)
            )
            at = units[page_of == page] % UNITS_PER_PAGE
            edges = np.searchsorted(unit, np.arange(size.size + 1))
            count = edges[at + 1] - edges[at]
            elements.append(size[at])
            counts.append(count)
            families.append(family[stretches(edges[at], count)])
        edges = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
        return np.concatenate(elements), edges, np.concatenate(families)

    def held(self, units: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Of ascending units the elements, and intp[units, compared]: the same where the unit is
        large and the compared family has it, else 0."""
        elements, edges, families = self.holders(units)
        row = self.row_of[families]
        unit = np.repeat(np.arange(units.size), np.diff(edges))[row >= 0]
        found = np.zeros((units.size, self.compared.size), np.intp)
        found[unit, row[row >= 0]] = np.where(elements >= self.large, elements, 0)[unit]
        return elements, found

    def common(self, units: NDArray[np.intp], structure: Hashes) -> list[bool]:
        """Whether so many families have units like each of some: of the same text, or where they
        are large, with digests of structure, of the same structure."""
        kinds, kind = np.unique(structure, return_inverse=True)  # of one kind may be very many
        asked, alike, _ = self.index.lookup(STRUCTURE, kinds)
        every, at = np.unique(np.concatenate([units, alike.astype(np.intp)]), return_inverse=True)
        _, edges, families = self.holders(every)
        count = (edges[1:] - edges[:-1])[at]
        many = len(self.names)
        family = families[stretches(edges[at], count)]
        own, others = np.split(count, [units.size])
        row = np.repeat(np.arange(units.size), own)
        by_kind = np.unique(np.repeat(asked, others) * many + family[row.size :])
        beside = ~np.isin(kind[row] * many + family[: row.size], by_kind)
        held = np.bincount(by_kind // many, minlength=kinds.size)[kind]
        held += np.bincount(row[beside], minlength=units.size)
        return [is_common(number, many) for number in held.tolist()]

    def unrelated(self, family: int, aside: NDArray[Any] | int = 0) -> NDArray[np.bool_]:
        """bool[compared]: which have nothing to do with a family, where of what they share so many
        elements are left aside."""
        least = np.minimum(self.total[family], self.total[self.compared])
        shared = self.shared[:, family] - aside
        result: NDArray[np.bool_] = (self.compared != family) & (
            shared < np.maximum(1, LINEAGE * least)
        )
        return result

    def related(self) -> float:
        """The share of pairs of a family and a compared one that have to do with each other."""
        apart = sum(int(self.unrelated(at).sum()) for at in range(len(self.names)))
        pairs = self.compared.size * (len(self.names) - 1)
        return round(1 - apart / pairs, 6) if pairs else 0.0

    def drawn(self, family: int, key: str) -> frozenset[int]:
        """Some of the compared families that have nothing to do with one, by their hash."""
        apart = np.flatnonzero(self.unrelated(family)).tolist()
        order = sorted(apart, key=lambda at: _hash(self.names[self.compared[at]], key))
        return frozenset(order[:FAMILIES_OF_FILE])


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """A sampled file. ``held``: of each of its units, and of each compared family, the elements
    where it is large and the family has it. ``sets`` holds all shingles of its units that are not
    small. In parallel, of each of these: position in the tree, elements, elements where what
    repeats counts once, whether it is common, shingles, and the elements of the file it spans (the
    module's body)."""

    tree: Tree
    held: NDArray[np.intp]
    family: int
    size: int
    positions: list[int]
    sizes: list[int]
    distinct: list[int]
    common: list[bool]
    units: list[Shingled]
    sets: _Sets
    spans: list[NDArray[np.intp]]

    def around(self, row: int) -> NDArray[Any]:
        """What the compared families have, elements, of the units that stand in one of the file's,
        or that it stands in."""
        tree, at = self.tree, self.positions[row]
        touching = (tree.start < tree.stop[at]) & (tree.stop > tree.start[at])
        touching[0] = False  # the module's body has no part of it
        positions = np.flatnonzero(touching) if at else np.zeros(1, np.intp)
        _, once = np.unique(tree.units[positions], return_index=True)
        result: NDArray[Any] = self.held[positions[once]].sum(axis=0)
        return result

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


def _by_sha256(index: Index) -> Iterator[int]:
    """All trees, by the SHA-256 of their files."""
    bits = (index.counts["tree"] // FILES).bit_length()
    for leading in range(1 << bits):
        _, _, trees = index.stretch(FILE, leading, bits)
        yield from sorted(trees.tolist(), key=lambda tree: index.tree(tree).sha256)


def _files(index: Index, families: _Families) -> list[_File]:
    """The files of least SHA-256 that are not small."""
    parameters = index.parameters
    found: list[_File] = []
    for number in _by_sha256(index):
        tree = index.tree(number)
        size = int(tree.sizes.sum())
        if size < FILE_SIZES[0]:
            continue
        body = np.ones(size, bool)
        for start, stop in zip(tree.start[1:].tolist(), tree.stop[1:].tolist(), strict=True):
            body[start:stop] = False
        own, at = np.unique(tree.units, return_inverse=True)
        elements, held = (of_own[at] for of_own in families.held(own))
        positions = np.flatnonzero(elements >= parameters.small).tolist()
        if not positions:
            continue
        tokens = [index.tokens_at(number, at) for at in positions]
        units = [shingled(one, parameters) for one in tokens]
        structure = np.array([digest(one.structure) for one in tokens], np.uint64)
        found.append(
            _File(
                tree=tree,
                held=held,
                family=families.of_origin[index.files_of(number)[0].origin],
                size=size,
                positions=positions,
                sizes=elements[positions].tolist(),
                distinct=[unit.structure.size + parameters.k - 1 for unit in units],
                common=families.common(tree.units[positions], structure),
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


def _blocks(index: Index, units: NDArray[np.uint32]) -> Iterator[_Sets]:
    """The shingle sets of those of some units of the index that are not small, not too many at
    once."""
    parameters = index.parameters
    large = [unit for unit in units.tolist() if index._unit(unit)[0] >= parameters.small]
    for at in range(0, len(large), _BLOCK):
        some = large[at : at + _BLOCK]
        yield _Sets([shingled(index.tokens(unit), parameters) for unit in some])


def _best(lefts: list[_Sets], right: Iterable[_Sets]) -> list[dict[str, NDArray[np.float64]]]:
    """The best resemblance that each unit of each of the left has with one of the right."""
    best: list[dict[str, NDArray[np.float64]]] = [{} for _ in lefts]
    for block in right:
        for left, known in zip(lefts, best, strict=True):
            structure = _resemblance(left.structure, block.structure)
            text = _resemblance(left.text, block.text)
            every = {"structure": structure, "text": text, "score": (structure + 2 * text) / 3}
            for view, found in every.items():
                highest = found.max(axis=1)
                known[view] = np.maximum(known[view], highest) if view in known else highest
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
    row = left.owner * shape[1]
    pairs = np.zeros(shape[0] * shape[1], np.intp)
    ends = np.cumsum(count)
    parts = np.searchsorted(ends, np.arange(_PAIRS, ends[-1] if ends.size else 0, _PAIRS))
    for at in np.split(np.arange(count.size), parts):
        pair = np.repeat(row[at], count[at]) + right.owner[stretches(first[at], count[at])]
        pairs += np.bincount(pair, minlength=pairs.size)
    shared = pairs.reshape(shape)
    result: NDArray[np.float64] = shared / (left.sizes[:, None] + right.sizes - shared)
    return result
