"""candidates: the sketches of a batch of files -> the reference units worth comparing.

Three kinds of door lead to a candidate: equality of a whole unit, MinHash LSH bands for near
copies, and shared winnowed fingerprints of both views for parts of units, which bands miss
(design.md section 4: a unit wholly contained in one ten times as long shares no band). Rare
fingerprints count most, as in SourcererCC (Sajnani et al. 2016); common ones propose nobody.
Everything is looked up in bulk, once for each batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from provenance.index import Index
from provenance.model import Sketch
from provenance.schema import BAND, RUN, STRUCTURE, TEXT, TEXT_RUN

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_CANDIDATES = 8
"""Compared exactly for each unit; twelve named no more parents on the development set."""

LEAST_OF_BEST = 0.4
"""Candidates with less than this share of the best one's hits are not compared."""
LEAST_WEIGHT = 0.2
"""Share of bands plus shares of fingerprints, below which a unit is not worth comparing: a choice
for speed. Two units alike enough to be reported are expected to have more."""
TELLING_RUNS, TELLING_TEXT_RUNS = 6, 3
"""Rare fingerprints that a part must share: 64 equal elements have 49 shingles, so at least six
fingerprints; 36 equal as written have 29, so at least three (windows of eight)."""
EQUAL_STRUCTURE, EQUAL_TEXT = 1, 2
_WHOLE = 2.0  # all fingerprints of both views
_TEXT_WEIGHT, _STRUCTURE_WEIGHT = 8.0, 4.0  # above whatever bands and fingerprints can add up to


def candidates(
    sketches: Sequence[Sketch], index: Index, hidden: NDArray[np.bool_] | None = None
) -> list[NDArray[np.int64]]:
    """The best candidates of every row of every sketch.

    Args:
        sketches: of a batch of files.
        index: where to look.
        hidden: bool[units + 1], reference units not to be seen.

    Returns:
        One int64[c, 4] for each sketch: (row, unit id, equality, telling), by row, the
        likeliest unit first, at most ``MOST_CANDIDATES`` for each row. Equality is
        ``EQUAL_TEXT`` for a unit equal in text, ``EQUAL_STRUCTURE`` for one in structure, else
        0; telling is the number of shared rare fingerprints, where they are as many as a run
        that is long enough to be reported has (``attribute.telling_run``), else 0.
    """
    offsets = np.cumsum([0, *(sketch.unit.size for sketch in sketches)])
    rows = np.arange(int(offsets[-1]))
    starts = list(zip(sketches, offsets.tolist(), strict=False))
    large = _joined([sketch.large + start for sketch, start in starts]).astype(np.intp)
    size = _joined([sketch.size for sketch in sketches]).astype(np.intp)
    within = _joined([np.where(s.outer < 0, -1, s.outer + start) for s, start in starts])
    outer = within.astype(np.intp)
    texts = _joined([sketch.text_digest for sketch in sketches])
    structures = _joined([sketch.structure_digest[sketch.large] for sketch in sketches])
    text = _equal(index, TEXT, texts, rows, _TEXT_WEIGHT)
    structure = _equal(index, STRUCTURE, structures, large, _STRUCTURE_WEIGHT)
    open_ = _open(text, structure, outer, hidden)
    fresh = open_[large]
    bands = index.parameters.bands
    keys = _joined([sketch.band for sketch in sketches])[fresh].ravel()
    found = [text, structure]
    found.append(_equal(index, BAND, keys, np.repeat(large[fresh], bands), 1.0 / bands))
    for door in (RUN, TEXT_RUN):
        keys = _joined([_runs(sketch, door)[0] for sketch in sketches])
        owner = _joined([_runs(sketch, door)[1] + start for sketch, start in starts])
        owner = owner.astype(np.intp)
        fresh = open_[owner]
        found.append(_shared(index, door, keys[fresh], owner[fresh], rows.size))
    found.append(_of_classes(index, found, outer, size))
    row = np.concatenate([hit[0] for hit in found])
    unit = np.concatenate([hit[1] for hit in found]).astype(np.int64)
    weight = np.concatenate([hit[2] for hit in found])
    doors = np.repeat([TEXT, STRUCTURE, BAND, RUN, TEXT_RUN, -1], [hit[0].size for hit in found])
    if hidden is not None:
        seen = ~hidden[unit]
        row, unit, weight, doors = row[seen], unit[seen], weight[seen], doors[seen]
    joint = row << 32 | unit
    order = np.argsort(joint, kind="stable")  # which merges: each door's hits come by rows
    joint, weight, doors = joint[order], weight[order], doors[order]
    first = np.diff(joint, prepend=-1) != 0
    pair, inverse = joint[first], np.cumsum(first) - 1
    runs = np.bincount(inverse[doors == RUN], minlength=pair.size)
    text_runs = np.bincount(inverse[doors == TEXT_RUN], minlength=pair.size)
    equality = np.zeros(pair.size, np.int64)
    equality[inverse[doors == STRUCTURE]] = EQUAL_STRUCTURE
    equality[inverse[doors == TEXT]] = EQUAL_TEXT
    enough = (runs >= TELLING_RUNS) | (text_runs >= TELLING_TEXT_RUNS)
    telling = np.where(enough, runs + text_runs, 0)
    total = np.bincount(inverse, weight, pair.size) if pair.size else np.empty(0)
    likely = (total >= LEAST_WEIGHT) | enough
    pair, total, telling, equality = pair[likely], total[likely], telling[likely], equality[likely]
    row, unit = pair >> 32, pair & 0xFFFFFFFF
    order = np.lexsort((unit, -np.round(total, 9), row))
    row, unit, total = row[order], unit[order], total[order]
    telling, equality = telling[order], equality[order]
    first_of_row = np.searchsorted(row, row, "left")
    rank = np.arange(row.size) - first_of_row
    best = (rank < MOST_CANDIDATES) & (total >= LEAST_OF_BEST * np.minimum(total[first_of_row], 1))
    listed = np.stack([row, unit, equality, telling], axis=1)[best]
    row = row[best]
    edges = np.searchsorted(row, offsets)
    return [
        listed[first:stop] - np.array([offset, 0, 0, 0])
        for first, stop, offset in zip(edges, edges[1:], offsets, strict=False)
    ]


_Hits = tuple["NDArray[np.intp]", "NDArray[np.uint32]", "NDArray[np.float64]"]


def _joined(parts: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    return np.concatenate(parts) if parts else np.empty(0, np.uint64)


def _runs(sketch: Sketch, door: int) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    return sketch.run if door == RUN else sketch.text_run


def _equal(
    index: Index,
    door: int,
    keys: NDArray[np.generic],
    rows: NDArray[np.generic],
    weight: float,
) -> _Hits:
    """Units under the same key, each hit of one weight."""
    at, units, _ = index.lookup(door, keys.astype(np.uint64, copy=False))
    return rows.astype(np.intp, copy=False)[at], units, np.full(at.size, weight)


def _shared(
    index: Index,
    door: int,
    keys: NDArray[np.generic],
    rows: NDArray[np.generic],
    size: int,
) -> _Hits:
    """Units that share fingerprints: the hits of a row and a unit add up to the share of the
    row's fingerprints, weighed by rarity, that the unit holds as well."""
    owner = rows.astype(np.intp, copy=False)
    at, units, held = index.lookup(door, keys.astype(np.uint64, copy=False))
    weight = np.log2(max(2, index.units) / np.maximum(held, 1)).clip(0.1)
    whole = np.bincount(owner, weight, size)
    return owner[at], units, weight[at] / whole[owner[at]]


def _open(
    text: _Hits, structure: _Hits, outer: NDArray[np.intp], hidden: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    """bool[rows], for which rows the merely similar counts: not where the row and its class are
    equal in text to units that may be seen, and so few are equal in structure that all are
    candidates, whatever their rank."""
    row = text[0] if hidden is None else text[0][~hidden[text[1]]]
    settled = np.zeros(outer.size, bool)
    settled[row] = True
    settled &= np.bincount(structure[0], minlength=outer.size) < MOST_CANDIDATES
    return ~(settled & ((outer < 0) | settled[outer]))


def _of_classes(
    index: Index,
    found: Sequence[_Hits],
    outer: NDArray[np.intp],
    size: NDArray[np.intp],
) -> _Hits:
    """Classes whose members the members of a row resemble. Fingerprints are the methods' own; a
    class is proposed by the best share that each of its methods has, weighed by its size."""
    row = np.concatenate([hit[0] for hit in found])
    unit = np.concatenate([hit[1] for hit in found]).astype(np.int64)
    weight = np.concatenate([hit[2] for hit in found]).clip(None, _WHOLE)
    inside = outer[row] >= 0
    pair, inverse = np.unique(row[inside] << 32 | unit[inside], return_inverse=True)
    total = np.bincount(inverse, weight[inside], pair.size).clip(None, _WHOLE)
    at, classes = index.classes_of(pair & 0xFFFFFFFF)
    member, share = (pair >> 32)[at], total[at]
    key = member << 32 | classes
    order = np.lexsort((share, key))
    last = np.flatnonzero(np.append(np.diff(key[order]), 1)) if order.size else order
    best = order[last]  # the best of each member and class
    member, classes, share = member[best], classes[best], share[best]
    row = outer[member]
    return row, classes, share * size[member] / size[row]
