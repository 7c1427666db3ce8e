"""align: two units -> ``Alignment``, the elements they share, verified one by one. Pure.

Greedy String Tiling (Wise 1993, "String Similarity via Greedy String Tiling and Running
Karp-Rabin Matching", the algorithm of JPlag): the longest common run first, then the longest
among what is left; order-free, so that moved code is found. Runs are found through the shared
k-grams of both sides, names masked. A pair of elements is in an
alignment only when the two are equal: hashes propose, the comparison decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from heapq import heappop, heappush
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from provenance.mark import without_words, words
from provenance.model import Alignment, Block, CloneType, Rename, Tokens
from provenance.sketch import shingles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

SHORTEST_RUN = 12
"""Elements that must be equal in a row before two places are paired at all. A choice: runs
of eight (five as written) paired 83 % of a Glm4Moe model with a Whisper decoder, twelve 59 %."""

_WIDEST_GAP = 32
_MOST_PAIRS_PER_ELEMENT = 16


def align(suspect: Tokens, reference: Tokens) -> Alignment:
    """Pair the elements of two units.

    Args:
        suspect: elements of the suspect unit.
        reference: elements of the reference unit.

    Returns:
        The pairs; empty where no run of ``SHORTEST_RUN`` equal elements is shared.
    """
    n, m = len(suspect), len(reference)
    if n == m and np.array_equal(suspect.structure, reference.structure):
        every = np.arange(n)
        return Alignment(every, every, suspect.text == reference.text, n, m)
    runs = _tiles(suspect.structure, reference.structure)
    partner = _grown(suspect.structure, reference.structure, runs)
    paired = np.flatnonzero(partner >= 0)
    partners = partner[paired]
    return Alignment(paired, partners, suspect.text[paired] == reference.text[partners], n, m)


def _tiles(left: Hashes, right: Hashes) -> list[tuple[int, int, int]]:
    """Runs of at least ``SHORTEST_RUN`` equal elements, none twice on either side, as
    (suspect position, reference position, length), in the suspect's order.
    """
    head = _equal_head(left, right)
    tail = _equal_head(left[head:][::-1], right[head:][::-1])
    head, tail = (size if size >= SHORTEST_RUN else 0 for size in (head, tail))
    found = [(0, 0, head)] if head else []
    if tail:
        found.append((left.size - tail, right.size - tail, tail))
    stop, last = left.size - tail, right.size - tail
    if min(stop, last) - head < SHORTEST_RUN:
        return found
    runs = _runs(left[head:stop], right[head:last])
    found += [(start + head, other + head, length) for start, other, length in _longest(*runs)]
    return sorted(found)


def _equal_head(left: Hashes, right: Hashes) -> int:
    """How many elements are equal from the start."""
    size = min(left.size, right.size)
    differing = left[:size] != right[:size]
    first = int(differing.argmax()) if size else 0
    return first if size and differing[first] else size


_Runs = tuple["NDArray[np.intp]", "NDArray[np.intp]", "NDArray[np.intp]"]


def _runs(left: Hashes, right: Hashes) -> _Runs:
    """The longest runs of equal elements along every diagonal: starts on both sides, lengths."""
    at, to = _shared(shingles(left, SHORTEST_RUN), shingles(right, SHORTEST_RUN))
    if not at.size:
        return at, to, at
    width = left.size + right.size + 1
    along = (at - to + right.size) * width + at  # by diagonal, then along it
    along.sort()
    breaks = np.flatnonzero(np.diff(along) != 1)
    firsts = along[np.concatenate([[0], breaks + 1])]
    lengths = np.diff(np.concatenate([[-1], breaks, [along.size - 1]])) + SHORTEST_RUN - 1
    starts = firsts % width
    return starts, starts - firsts // width + right.size, lengths


def _longest(
    starts: NDArray[np.intp], others: NDArray[np.intp], lengths: NDArray[np.intp]
) -> Iterator[tuple[int, int, int]]:
    """The longest run, then the longest of what that leaves of the others, and so on. Each run is
    looked at again only where one beside it is taken: the time goes with what is shared. The arrays
    are used up."""
    moved = np.abs(starts - others)  # the same however much is taken off
    order = np.lexsort((moved, starts, -lengths))
    is_whole = np.ones(order.size, bool)
    clipped: list[tuple[int, int, int, int]] = []
    near, near_too = _Near(starts, lengths), _Near(others, lengths)

    def key(run: int) -> tuple[int, int, int, int]:
        return -int(lengths[run]), int(starts[run]), int(moved[run]), run

    at = 0
    while True:
        while at < order.size and not is_whole[order[at]]:
            at += 1
        whole = key(int(order[at])) if at < order.size else None
        if clipped and (whole is None or clipped[0] < whole):
            size, start, _, run = heappop(clipped)
            if lengths[run] != -size:
                continue  # less is left of it by now
        elif whole is not None:
            size, start, _, run = whole
        else:
            return
        used = start, int(others[run]), -size
        yield used
        around = np.concatenate([near.runs(start, -size), near_too.runs(used[1], -size)])
        around = around[lengths[around] > 0]  # one that is near on both sides stands there twice
        shift, rest = _clipped(starts[around], others[around], lengths[around], used)
        less = rest < lengths[around]
        around, shift, rest = around[less], shift[less], rest[less]
        starts[around] += shift
        others[around] += shift
        lengths[around] = np.where(rest < SHORTEST_RUN, 0, rest)
        is_whole[around] = False
        for one in dict.fromkeys(around[rest >= SHORTEST_RUN].tolist()):
            heappush(clipped, key(one))


class _Near:
    """Which runs are at a place of one side: those that cover its first piece, pieces being as long
    as the shortest run, and those that begin behind that."""

    def __init__(self, starts: NDArray[np.intp], lengths: NDArray[np.intp]) -> None:
        first = (starts // SHORTEST_RUN).astype(np.int32)  # there may be very many
        number = (starts + lengths - 1) // SHORTEST_RUN - first + 1
        ends = np.cumsum(number)
        runs = np.repeat(np.arange(starts.size, dtype=np.int32), number)
        pieces = np.arange(runs.size, dtype=np.int32)
        pieces += (first - ends + number).astype(np.int32)[runs]
        order = np.argsort(pieces, kind="stable")
        self._covered, self._covering = pieces[order], runs[order]
        self._beginning = np.argsort(first, kind="stable").astype(np.int32)
        self._begun = first[self._beginning]

    def runs(self, start: int, length: int) -> NDArray[np.intp]:
        """Those that may cover some of a place, once each."""
        first, last = start // SHORTEST_RUN, (start + length - 1) // SHORTEST_RUN
        edges = np.array([first, first + 1, last + 1], np.int32)  # else all are copied
        low, high = np.searchsorted(self._covered, edges[:2])
        low_too, high_too = np.searchsorted(self._begun, edges[1:])
        return np.concatenate([self._covering[low:high], self._beginning[low_too:high_too]])


def _clipped(
    starts: NDArray[np.intp],
    others: NDArray[np.intp],
    lengths: NDArray[np.intp],
    used: tuple[int, int, int],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """What is left of runs without what a used run covers on either side: of each the longest rest,
    by how far behind its start it begins and its length."""
    covered = []  # by the used run, on each run's own scale; all behind it where it is not
    for first in (used[0] - starts, used[1] - others):
        outside = (first >= lengths) | (first + used[2] <= 0)
        low = np.where(outside, lengths, first.clip(0))
        covered.append((low, np.where(outside, lengths, np.minimum(first + used[2], lengths))))
    (low, high), (low_too, high_too) = covered
    edges = (  # before, between, behind
        (np.zeros_like(lengths), np.minimum(low, low_too)),
        (np.minimum(high, high_too), np.maximum(low, low_too)),
        (np.maximum(high, high_too), lengths),
    )
    shift, rest = edges[0][0], edges[0][1]
    for begin, end in edges[1:]:
        longer = end - begin > rest
        shift, rest = np.where(longer, begin, shift), np.where(longer, end - begin, rest)
    return shift, rest


def _shared(grams: Hashes, others: Hashes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions of equal k-grams, as pairs. Where k-grams repeat so often that pairs would
    grow beyond bounds, the most frequent are left out: the runs around them grow over them."""
    order = np.argsort(others, kind="stable")
    ranked = others[order]
    low = np.searchsorted(ranked, grams, "left")
    count = np.searchsorted(ranked, grams, "right") - low
    bound = _MOST_PAIRS_PER_ELEMENT * (grams.size + others.size)
    total = int(count.sum())
    while total > bound:
        count[count == count.max()] = 0
        total = int(count.sum())
    at = np.repeat(np.arange(grams.size), count)
    inner = np.arange(total) - np.repeat(np.cumsum(count) - count, count)
    return at, order[np.repeat(low, count) + inner]


def _grown(left: Hashes, right: Hashes, runs: list[tuple[int, int, int]]) -> NDArray[np.intp]:
    """The partner of each suspect element, -1 for none: the runs, grown at both ends over
    equal elements, and the equal elements of short gaps of one length on both sides."""
    partner = np.full(left.size, -1, np.intp)
    if not runs:
        return partner
    for i, j, length in runs:
        partner[i : i + length] = np.arange(j, j + length)
    taken = np.zeros(right.size, bool)
    taken[partner[partner >= 0]] = True
    edges = [(0, 0, 0), *runs, (left.size, right.size, 0)]
    for before, after in pairwise(edges):
        i, j = before[0] + before[2], before[1] + before[2]
        stop, last = after[0], after[1]
        if before[2]:  # forwards from the run before
            while i < stop and j < right.size and not taken[j] and left[i] == right[j]:
                partner[i], taken[j] = j, True
                i, j = i + 1, j + 1
        if after[2]:  # backwards from the run after
            while (
                i < stop and last > 0 and not taken[last - 1] and left[stop - 1] == right[last - 1]
            ):
                stop, last = stop - 1, last - 1
                partner[stop], taken[last] = last, True
        if before[2] and after[2] and 0 < stop - i == last - j <= _WIDEST_GAP:
            same = (left[i:stop] == right[j:last]) & ~taken[j:last]
            partner[i:stop][same] = np.arange(j, last)[same]
            taken[j:last] |= same
    return partner


def blocks(
    alignment: Alignment,
    suspect: Tokens,
    reference: Tokens,
    stand: tuple[NDArray[np.intp], NDArray[np.intp]] | None = None,
) -> tuple[Block, ...]:
    """The alignment as line blocks, in the suspect's order. A run of paired elements is one
    block; runs that meet on a line, in order on both sides, are one.

    Args:
        alignment: of the two units.
        suspect: elements of the suspect unit.
        reference: elements of the reference unit.
        stand: where the elements of both stand in their files, where that is not one behind the
            other: those of a module, between which are its functions and classes.
    """
    if not alignment.matched:
        return ()
    i, j = alignment.suspect, alignment.reference
    if i is j and stand is None:  # equal structure: one run
        firsts, lasts = np.array([0]), np.array([i.size - 1])
    else:
        at, to = (i, j) if stand is None else (stand[0][i], stand[1][j])
        breaks = np.flatnonzero((np.diff(at) != 1) | (np.diff(to) != 1))
        firsts = np.concatenate([[0], breaks + 1])
        lasts = np.concatenate([breaks, [i.size - 1]])
    found: list[Block] = []
    rows = zip(
        suspect.line[i[firsts]].tolist(),
        suspect.line[i[lasts]].tolist(),
        reference.line[j[firsts]].tolist(),
        reference.line[j[lasts]].tolist(),
        strict=True,
    )
    for row in rows:
        block = Block(*row)
        last = found[-1] if found else None
        if (
            last
            and last.suspect_end >= block.suspect_start - 1
            and last.reference_end >= block.reference_start - 1
            and last.reference_start <= block.reference_start
            and last.reference_end <= block.reference_end
        ):
            found[-1] = Block(
                last.suspect_start,
                max(last.suspect_end, block.suspect_end),
                last.reference_start,
                block.reference_end,
            )
        else:
            found.append(block)
    return tuple(found)


def clone_type(alignment: Alignment, *, same_names: bool) -> CloneType:
    """Type 1 identical but for layout and comments, 2 names or literals changed too, 3 edited,
    ``fragment`` when most of the suspect is something else.

    Args:
        alignment: of the two units.
        same_names: whether equal texts are equal as written, family marks included.
    """
    n, m = alignment.suspect_size, alignment.reference_size
    whole = alignment.matched == n == m
    if whole and bool((alignment.suspect == alignment.reference).all()):
        return "type-1" if same_names and bool(alignment.same_text.all()) else "type-2"
    return "type-3" if alignment.suspect_containment >= 0.5 else "fragment"


def renames(pairs: Mapping[tuple[str, str], int], *, certain: bool) -> tuple[Rename, ...]:
    """What was renamed to what, most frequent first.

    Args:
        pairs: how often each (suspect name, reference name) stands paired, equal ones too;
            '' where an identifier is not known.
        certain: whether every element of both units is paired; where not, a name that changed
            in a single place may as well be another one.

    Returns:
        One entry for every differing part: words that both names begin or end with are left
        out, so that ``LlamaMLP``, ``LlamaModel`` -> ``SolarMLP``, ``SolarModel`` are two
        places of ``Llama`` -> ``Solar``. A name counts as renamed when it stands for its
        partner in at least half of its places: the others are other code.
    """
    whole: Counter[str] = Counter()
    for (_, reference), count in pairs.items():
        whole[reference] += count
    parts: Counter[tuple[str, str]] = Counter()
    for (suspect, reference), count in pairs.items():
        if suspect and reference and suspect != reference and 2 * count >= whole[reference]:
            parts[_difference(suspect, reference)] += count
    if not certain:
        parts = Counter({part: count for part, count in parts.items() if count > 1})
    ranked = sorted(parts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Rename(reference, suspect, count) for (suspect, reference), count in ranked)


@lru_cache(maxsize=10_000)
def _difference(suspect: str, reference: str) -> tuple[str, str]:
    """The two names without the words they both begin with and both end with; whole where one has
    letters that are not ASCII, which are of no word to the family mark."""
    if not (suspect.isascii() and reference.isascii()):
        return suspect, reference
    left, right = words(suspect), words(reference)
    first = 0
    while first < min(len(left), len(right)) and left[first] == right[first]:
        first += 1
    last = 0
    while last < min(len(left), len(right)) - first and left[-1 - last] == right[-1 - last]:
        last += 1
    parts = without_words(suspect, first, last), without_words(reference, first, last)
    return parts if all(parts) else (suspect, reference)
