"""candidates: the sketches of a batch of files -> the reference units worth comparing.

Three kinds of door lead to a candidate: equality of a whole unit, MinHash LSH bands for near
copies, and shared winnowed fingerprints of both views for parts of units, which bands miss
(design.md section 4: a unit wholly contained in one ten times as long shares no band). Rare
fingerprints count most, as in SourcererCC (Sajnani et al. 2016); common ones propose nobody.
Everything is looked up in bulk, once for each batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.index import Index
from provenance.model import Sketch
from provenance.order import distinct, firsts, ranked
from provenance.pages import stretches
from provenance.schema import BAND, RUN, STRUCTURE, TEXT, TEXT_RUN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.seen import Seen

MOST_CANDIDATES = 16
"""Compared exactly for each unit. On the development set the first-named family of a model is a
declared parent in .875; with 8 in .858, with 32 in .875 for a twentieth more time."""

LEAST_OF_BEST = 0.4
"""Candidates with less than this share of the best one's hits are not compared."""
LEAST_WEIGHT = 0.2
"""Share of bands plus shares of fingerprints, below which a unit is not worth comparing: a choice
for speed. Two units alike enough to be reported are expected to have more."""
TELLING_RUNS, TELLING_TEXT_RUNS = 6, 3
"""Rare fingerprints that a part must share: 64 equal elements have 49 shingles, so at least six
fingerprints; 36 equal as written have 29, so at least three (windows of eight)."""
MOST_BY_BANDS = 1024
"""LSH keys of a unit are followed from the rarest on, until they have proposed so many units; the
others count for what is proposed, by whatever door, but propose nothing. A key that thousands hold
tells little, and more hold it in every larger index. Of the 839 findings in 50 model files of
transformers 5.23.0, by what the default index has of before October 2025, 834 are as without it
to the letter, and all are of the same origins."""
MOST_BY_MEMBER = 128
"""Likeliest units of each method whose classes are proposed: a choice for speed."""
LEAST_BY_MEMBER = 0.08
"""Share, of bands and of fingerprints together, from which a unit tells of the classes that it is a
member of: more than one LSH key, a fourteenth, which units share by chance. One of 504 edited
classes of the development set is lost; of the 5,100 findings in model files (a to m) of
transformers 5.23.0, by what the default index has of before October 2025, 5,088 are as without it
to the letter. Against ten million units a scan reads half as many pages of units, and takes a
twentieth less."""
_MANY = 10_000
"""In a unit of so many fingerprints, of which honest code has none, few may be distinct: a million
equal elements have the same one a hundred thousand times. Each is looked up once."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, odd
_UNITS_AT_ONCE, _PAIRS_AT_ONCE = 1 << 18, 1 << 18
EQUAL_STRUCTURE, EQUAL_TEXT = 1, 2
_TEXTS, _STRUCTURES, _BANDS, _RUNS, _TEXT_RUNS = range(5)  # the doors, in the order of asking
_WHOLE = 2.0  # all fingerprints of both views
_TEXT_WEIGHT, _STRUCTURE_WEIGHT = 8.0, 4.0  # above whatever bands and fingerprints can add up to


def candidates(
    sketches: Sequence[Sketch], index: Index, seen: Seen | None = None
) -> list[tuple[NDArray[np.int64], NDArray[np.intp]]]:
    """The best candidates of every row of every sketch.

    Args:
        sketches: of a batch of files.
        index: where to look.
        seen: the reference units that may be seen. None: all.

    Returns:
        Two arrays for each sketch. int64[c, 4]: (row, unit id, equality, telling), by row, the
        likeliest unit first, at most ``MOST_CANDIDATES`` for each row. Equality is
        ``EQUAL_TEXT`` for a unit equal in text, ``EQUAL_STRUCTURE`` for one in structure, else
        0; telling is the number of shared rare fingerprints, where they are as many as a run
        that is long enough to be reported has (``attribute.telling_run``), else 0. And the rows
        that ``MOST_BY_BANDS`` or ``MOST_BY_MEMBER`` limit, ascending: more units or classes
        share something with them than were looked at.
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
    told = np.flatnonzero(texts)  # the others equal nothing
    text = _equal(index, TEXT, texts[told], told, _TEXT_WEIGHT)
    told = np.flatnonzero(structures)
    structure = _equal(index, STRUCTURE, structures[told], large[told], _STRUCTURE_WEIGHT)
    open_ = _open(text, structure, outer, seen)
    fresh = open_[large]
    bands = index.parameters.bands
    keys = _joined([sketch.band for sketch in sketches])[fresh].ravel()
    banded, left = _banded(index, keys.astype(np.uint64), np.repeat(large[fresh], bands))
    found = [text, structure, banded]
    for door in (RUN, TEXT_RUN):
        keys = _joined([_runs(sketch, door)[0] for sketch in sketches])
        owner = _joined([_runs(sketch, door)[1] + start for sketch, start in starts])
        owner = owner.astype(np.intp)
        fresh = open_[owner]
        found.append(_shared(index, door, keys[fresh], owner[fresh], rows.size))
    units = index.units.bit_length()
    bits = rows.size.bit_length() + units
    row, unit = (np.concatenate([hit[part] for hit in found]) for part in (0, 1))
    pair, order = ranked(_pairs(row, unit, units), bits)
    weight = np.concatenate([hit[2] for hit in found])[order]
    doors = np.repeat(np.arange(len(found), dtype=np.uint8), [hit[0].size for hit in found])[order]
    fresh = firsts(pair)
    pair, at = pair[fresh], np.cumsum(fresh) - 1
    del found, row, unit, order, keys, owner, fresh  # of very many units they are large
    total = np.bincount(at, weight, pair.size) + _held_too(index, left, pair)
    runs = np.bincount(at[doors == _RUNS], minlength=pair.size)
    text_runs = np.bincount(at[doors == _TEXT_RUNS], minlength=pair.size)
    equality = np.zeros(pair.size, np.int64)
    equality[at[doors == _STRUCTURES]] = EQUAL_STRUCTURE
    equality[at[doors == _TEXTS]] = EQUAL_TEXT
    of_class, its, cut = _of_classes(index, pair, total.clip(None, _WHOLE), outer, size)
    limited = np.zeros(rows.size, bool)
    limited[left[1]] = limited[cut] = True
    place = pair.searchsorted(of_class)
    known = pair.take(place, mode="clip") == of_class
    total[place[known]] += its[known]
    enough = (runs >= TELLING_RUNS) | (text_runs >= TELLING_TEXT_RUNS)
    telling = np.where(enough, runs + text_runs, 0)
    likely = np.flatnonzero((total >= LEAST_WEIGHT) | enough)
    added = np.flatnonzero(~known & (its >= LEAST_WEIGHT))
    row, unit = _parts(np.concatenate([pair[likely], of_class[added]]), units)
    total = np.concatenate([total[likely], its[added]])
    telling, equality = (
        np.concatenate([one[likely], np.zeros(added.size, np.int64)]) for one in (telling, equality)
    )
    if seen is not None:
        shown = seen.of(unit)
        row, unit, total = row[shown], unit[shown], total[shown]
        telling, equality = telling[shown], equality[shown]
    order = np.lexsort((unit, -np.round(total, 9), row))
    row, unit, total = row[order], unit[order], total[order]
    telling, equality = telling[order], equality[order]
    first_of_row = np.searchsorted(row, row, "left")
    rank = np.arange(row.size) - first_of_row
    best = (rank < MOST_CANDIDATES) & (total >= LEAST_OF_BEST * np.minimum(total[first_of_row], 1))
    row = row[best]
    edges = np.searchsorted(row, offsets)
    row = row - np.repeat(offsets[:-1], np.diff(edges))  # in its file
    listed = np.stack([row, unit[best], equality[best], telling[best]], axis=1)
    some = np.flatnonzero(limited)
    cuts = np.searchsorted(some, offsets)
    some -= np.repeat(offsets[:-1], np.diff(cuts))
    places = zip(pairwise(edges.tolist()), pairwise(cuts.tolist()), strict=True)
    return [(listed[first:stop], some[begin:end]) for (first, stop), (begin, end) in places]


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


_Left = tuple["NDArray[np.uint64]", "NDArray[np.intp]", "NDArray[np.intp]"]
"""LSH keys that do not propose all of their units, the row of each, how many units it has."""


def _banded(index: Index, keys: NDArray[np.uint64], rows: NDArray[np.intp]) -> tuple[_Hits, _Left]:
    """Units that share LSH keys: those that the rarest keys of each row propose, and the keys that
    are left over."""
    posted = index.posted(BAND, keys, MOST_BY_BANDS)
    keys, rows, held = keys[posted.at], rows[posted.at], posted.held
    order = np.lexsort((keys, held, rows))
    total = np.cumsum(held[order]) - held[order]
    before = np.empty(keys.size, np.intp)  # what the rarer keys of the row propose
    before[order] = total - total[np.searchsorted(rows[order], rows[order])]
    proposes = before < MOST_BY_BANDS
    whole = proposes & (held <= MOST_BY_BANDS)
    chosen = np.flatnonzero(whole)
    at, units = posted.of(chosen)
    owner = rows[chosen[at]]
    weight = np.full(owner.size, 1.0 / index.parameters.bands)
    some = np.flatnonzero(proposes & ~whole)
    # They propose their first units, and count as those that are left over do.
    for few in np.split(some, np.flatnonzero(np.diff(np.cumsum(held[some]) // _UNITS_AT_ONCE)) + 1):
        at, listed, _ = index.lookup(BAND, keys[few])
        first = np.arange(at.size) - at.searchsorted(at) < MOST_BY_BANDS
        owner = np.concatenate([owner, rows[few][at[first]]])
        units = np.concatenate([units, listed[first]])
    weight = np.concatenate([weight, np.zeros(owner.size - weight.size)])
    left = np.flatnonzero(~whole)
    return (owner, units, weight), (keys[left], rows[left], held[left])


def _held_too(index: Index, left: _Left, pair: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Of pairs, ascending, the weight of the LSH keys that many units hold, this one too."""
    keys, rows, held = left
    shared = np.zeros(pair.size, np.intp)
    every, own = distinct(keys, 64)
    many = np.zeros(every.size, np.intp)
    many[own] = held
    units = np.uint64(index.units.bit_length())
    group = np.cumsum(many) // _UNITS_AT_ONCE
    for number in _values(group):
        first, stop = np.searchsorted(group, (number, number + 1)).tolist()
        at, listed, _ = index.lookup(BAND, every[first:stop])
        lists = at.astype(np.uint64) << units | listed
        asking = np.flatnonzero((own >= first) & (own < stop))
        row = rows[asking].astype(np.uint64)
        begin, end = (
            pair.searchsorted(row << units),
            pair.searchsorted((row + np.uint64(1)) << units),
        )
        key, counts = (own[asking] - first).astype(np.uint64), end - begin
        part = np.cumsum(counts) // _PAIRS_AT_ONCE
        for which in _values(part):
            some = slice(*np.searchsorted(part, (which, which + 1)).tolist())
            asked = stretches(begin[some], counts[some])
            sought = np.repeat(key[some], counts[some]) << units
            sought |= pair[asked] & ((np.uint64(1) << units) - np.uint64(1))
            same = lists.take(lists.searchsorted(sought), mode="clip") == sought
            shared += np.bincount(asked[same], minlength=pair.size)
    return shared / index.parameters.bands


def _values(ascending: NDArray[np.intp]) -> list[int]:
    """Those that occur, each once. ``numpy.unique`` imports masked arrays to say so."""
    every: list[int] = ascending[np.flatnonzero(np.diff(ascending, prepend=-1))].tolist()
    return every


def _shared(
    index: Index,
    door: int,
    keys: NDArray[np.generic],
    rows: NDArray[np.generic],
    size: int,
) -> _Hits:
    """Units that share fingerprints: the hits of a row and a unit add up to the share of the
    row's fingerprints, weighed by rarity, that the unit holds as well. What repeats in a row counts
    once, as where units are compared: a table of numbers shares one fingerprint, however long."""
    owner = rows.astype(np.intp, copy=False)
    asked = keys.astype(np.uint64, copy=False)
    if owner.size > _MANY and int(np.bincount(owner).max()) > _MANY:
        once = _once(owner, asked, np.arange(owner.size))
        owner, asked = owner[once], asked[once]
    posted = index.posted(door, asked)
    shares = np.zeros(size, bool)
    shares[owner[posted.at[posted.listed > 0]]] = True
    once = _once(owner, asked, np.flatnonzero(shares[owner]))
    held = np.zeros(owner.size, np.intp)
    held[posted.at] = posted.held
    counts = np.arange(1 + posted.held.max(initial=0)).clip(1)
    weight = np.log2(max(2, index.units) / counts).clip(0.1)
    whole = np.bincount(owner[once], weight[held[once]], size)
    first = np.zeros(owner.size, bool)
    first[once] = True
    some = np.flatnonzero(first[posted.at])
    row = owner[posted.at[some]]
    share = weight[posted.held[some]] / whole[row]
    at, units = posted.of(some)
    return row[at], units, share[at]


def _once(
    owner: NDArray[np.intp], keys: NDArray[np.uint64], asked: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Of some places, ascending, those where a row has a fingerprint for the first time. To sort
    by both mixed takes far less than to sort by the one and the other."""
    keys, owner = keys[asked], owner[asked]
    bits = 64 - max(1, asked.size.bit_length())
    mixed = owner.astype(np.uint64) * _FACTOR
    mixed ^= keys
    mixed, order = ranked(mixed >> np.uint64(64 - bits), bits)
    again = np.flatnonzero(~firsts(mixed))
    now, before = order[again], order[again - 1]
    if (keys[now] != keys[before]).any() or (owner[now] != owner[before]).any():  # hardly ever
        order = np.lexsort((keys, owner))
        again = np.flatnonzero((np.diff(keys[order]) == 0) & (np.diff(owner[order]) == 0))
        now = order[again + 1]
    first = np.ones(asked.size, bool)
    first[now] = False
    return asked[first]


def _open(
    text: _Hits, structure: _Hits, outer: NDArray[np.intp], seen: Seen | None
) -> NDArray[np.bool_]:
    """bool[rows], for which rows the merely similar counts: not where the row and its class are
    equal in text to units that may be seen, and so few are equal in structure that all are
    candidates, whatever their rank."""
    row = text[0] if seen is None else text[0][seen.of(text[1])]
    settled = np.zeros(outer.size, bool)
    settled[row] = True
    settled &= np.bincount(structure[0], minlength=outer.size) < MOST_CANDIDATES
    return ~(settled & ((outer < 0) | settled[outer]))


def _pairs(row: NDArray[np.intp], unit: NDArray[np.integer[Any]], units: int) -> NDArray[np.uint64]:
    """Pairs of rows and units as one number each, of which the unit takes so many bits."""
    pair: NDArray[np.uint64] = row.astype(np.uint64) << np.uint64(units)
    return pair | unit.astype(np.uint64, copy=False)


def _parts(pair: NDArray[np.uint64], units: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and units of pairs."""
    unit = pair & np.uint64((1 << units) - 1)
    return (pair >> np.uint64(units)).astype(np.intp), unit.astype(np.intp)


def _of_classes(
    index: Index,
    pair: NDArray[np.uint64],
    share: NDArray[np.float64],
    outer: NDArray[np.intp],
    size: NDArray[np.intp],
) -> tuple[NDArray[np.uint64], NDArray[np.float64], NDArray[np.intp]]:
    """Classes whose members the members of a row resemble, as pairs of the row and the class,
    ascending, with their weight; and the members of which not all units were asked. Fingerprints
    are the methods' own; a class is proposed by the best share that each of its methods has,
    weighed by its size."""
    units = index.units.bit_length()
    row, unit = _parts(pair, units)
    inside = np.flatnonzero(outer[row] >= 0)
    cut = np.flatnonzero(np.bincount(row[inside], minlength=outer.size) > MOST_BY_MEMBER)
    inside = inside[share[inside] >= LEAST_BY_MEMBER]
    inside = inside[np.lexsort((-share[inside], row[inside]))]
    rank = np.arange(inside.size) - np.searchsorted(row[inside], row[inside])
    inside = np.sort(inside[rank < MOST_BY_MEMBER])
    at, classes = index.classes_of(unit[inside])
    member, share = row[inside][at], share[inside][at]
    bits = outer.size.bit_length() + units
    key, order = ranked(_pairs(member, classes, units), bits)
    if not key.size:
        return key, share, cut
    first = np.flatnonzero(firsts(key))
    best = np.maximum.reduceat(share[order], first)  # of each member and class
    member, unit = _parts(key[first], units)
    row = outer[member]
    proposed, place = distinct(_pairs(row, unit, units), bits)
    its = np.bincount(place, best * size[member] / size[row], proposed.size)
    return proposed, its.astype(np.float64, copy=False), cut
