"""candidates: the sketches of a batch of files -> the reference units worth comparing.

Three doors lead to a candidate: equality of a whole unit, MinHash LSH bands for near copies,
and shared winnowed fingerprints weighted by rarity for parts of units, which bands miss
(design.md section 4: a unit wholly contained in one ten times as long shares no band).
Everything is looked up in bulk, once for each batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from provenance.index import BAND, FINGERPRINT, STRUCTURE, TEXT, Index
from provenance.model import Sketch

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_CANDIDATES = 12
_TEXT_WEIGHT, _STRUCTURE_WEIGHT = 8.0, 4.0
COMMON_FINGERPRINT = 64
"""A fingerprint held by more units than this proposes nobody: it is no evidence."""


def candidates(
    sketches: Sequence[Sketch], index: Index, hidden: NDArray[np.bool_] | None = None
) -> list[NDArray[np.int64]]:
    """The best candidates of every row of every sketch.

    Args:
        sketches: of a batch of files.
        index: where to look.
        hidden: bool[units + 1], reference units not to be seen.

    Returns:
        One int64[c, 2] for each sketch: (row, unit id), by row, the likeliest unit first, at
        most ``MOST_CANDIDATES`` for each row.
    """
    sizes = [sketch.unit.size for sketch in sketches]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    rows = np.arange(int(offsets[-1]))
    bands = index.parameters.bands
    found = [
        _hits(index, TEXT, [s.text_digest for s in sketches], rows, _TEXT_WEIGHT),
        _hits(index, STRUCTURE, [s.structure_digest for s in sketches], rows, _STRUCTURE_WEIGHT),
        _hits(
            index,
            BAND,
            [s.band.ravel() for s in sketches],
            np.repeat(rows, bands),
            1.0 / bands,
        ),
        _rare(index, sketches, offsets),
    ]
    row = np.concatenate([hit[0] for hit in found])
    unit = np.concatenate([hit[1] for hit in found]).astype(np.int64)
    weight = np.concatenate([hit[2] for hit in found])
    if hidden is not None:
        seen = ~hidden[unit]
        row, unit, weight = row[seen], unit[seen], weight[seen]
    pair, inverse = np.unique(row << 32 | unit, return_inverse=True)
    total = np.bincount(inverse, weight, pair.size) if pair.size else np.empty(0)
    row, unit = pair >> 32, pair & 0xFFFFFFFF
    order = np.lexsort((unit, -np.round(total, 9), row))
    row, unit = row[order], unit[order]
    rank = np.arange(row.size) - np.searchsorted(row, row, "left")
    best = rank < MOST_CANDIDATES
    row, unit = row[best], unit[best]
    edges = np.searchsorted(row, offsets)
    return [
        np.stack([row[first:stop] - offset, unit[first:stop]], axis=1)
        for first, stop, offset in zip(edges, edges[1:], offsets, strict=False)
    ]


_Hits = tuple["NDArray[np.intp]", "NDArray[np.uint32]", "NDArray[np.float64]"]


def _hits(
    index: Index,
    door: int,
    keys: Sequence[NDArray[np.uint64]],
    rows: NDArray[np.intp],
    weight: float,
) -> _Hits:
    joined = np.concatenate(keys) if keys else np.empty(0, np.uint64)
    at, units, _ = index.lookup(door, joined)
    return rows[at], units, np.full(at.size, weight)


def _rare(index: Index, sketches: Sequence[Sketch], offsets: NDArray[np.intp]) -> _Hits:
    """Shared fingerprints, each weighing by how few units hold it: the share of the row's
    fingerprints, by weight, that the unit holds as well."""
    keys = np.concatenate([sketch.fingerprint for sketch in sketches])
    rows = np.concatenate(
        [sketch.owner + offset for sketch, offset in zip(sketches, offsets, strict=False)]
    )
    at, units, held = index.lookup(FINGERPRINT, keys, most=COMMON_FINGERPRINT)
    weight = np.log2(max(2, index.units) / np.maximum(held, 1)).clip(0.1)
    whole = np.bincount(rows, weight, int(offsets[-1])) if keys.size else np.zeros(offsets[-1])
    return rows[at], units, weight[at] / whole[rows[at]]
