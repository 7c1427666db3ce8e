"""postings: keys -> the units that hold them, out of the pages of an open index.

Look-ups are made in bulk: postings are not rows but pages of sorted keys, found by the leading
bits of a key, so that one page answers many keys with one ``searchsorted`` and the cost hardly
grows with the index.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from provenance.order import distinct, firsts, inserted
from provenance.pages import Lists, find_short, read_short, stretches, sums, unpack
from provenance.recent import Recent
from provenance.schema import EXACT, FILE, LAYOUT, WIDE, WORD, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.stored import Stored

_SHORT_AT_ONCE = 1 << 12
_MOST_JOINED = 8192  # pages of a door kept as one: all of an index of a quarter million units


class Posted(NamedTuple):
    """What is posted under those of some keys that some unit has: their places among all,
    ascending; how many units hold each, ``Parameters.common + 1`` where they are too many to be
    listed; where its units begin, how many of them are listed, and the units."""

    at: NDArray[np.intp]
    held: NDArray[np.intp]
    start: NDArray[np.intp]
    listed: NDArray[np.intp]
    units: NDArray[np.uint32]

    def of(self, some: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        """The units of some of these keys: positions in ``some``, and units, in parallel."""
        count = self.listed[some]
        units = self.units[stretches(self.start[some], count)]
        return np.repeat(np.arange(some.size), count), units

    def every(self, size: int) -> tuple[NDArray[np.intp], NDArray[np.uint32], NDArray[np.intp]]:
        """As ``Postings.lookup`` says it of so many keys."""
        held = np.zeros(size, np.intp)
        held[self.at] = self.held
        at, units = self.of(np.arange(self.at.size))
        return self.at[at], units, held


@dataclass(frozen=True, slots=True, eq=False)
class _Page:
    """Pages of postings, as one: their keys, and the units of each."""

    keys: NDArray[np.unsignedinteger[Any]]
    units: Lists

    def find(
        self, sought: NDArray[np.uint64], most: int | None
    ) -> tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.uint32]]:
        """Which of some keys are here, how many units each has, and the units that are listed."""
        if not self.keys.size:
            return np.zeros(sought.size, bool), np.zeros(sought.size, np.intp), self.units.firsts
        at = self.keys.searchsorted(sought.astype(self.keys.dtype))
        at[at == self.keys.size] = 0
        found = self.keys[at] == sought
        many = np.where(found, self.units.many(at), 0)
        return found, many, self.units.values(at[np.flatnonzero(_at_most(many, most))])

    def joined(self, other: _Page) -> _Page:
        """With the postings of others, whose keys stand between these."""
        at, counts = self.keys.searchsorted(other.keys), other.units.counts()
        first, step = self.units.before(at)
        filled = counts > 0
        step = np.repeat(step[filled], counts[filled] - 1)
        units = Lists.packed(
            inserted(self.units.counts(), at, counts),
            inserted(self.units.firsts, first[filled], other.units.firsts),
            inserted(self.units.steps, step, other.units.steps),
        )
        return _Page(inserted(self.keys, at, other.keys), units)


class Postings:
    """The doors of an open index.

    Args:
        stored: its pages.
        shape: how they are written.
        bits: of each door, how many leading bits of a key name its page.
        common: most units that a fingerprint lists.
        most: the greatest numbers of a unit and of a tree.
    """

    def __init__(
        self,
        stored: Stored,
        shape: Shape,
        bits: Sequence[int],
        common: int,
        most: tuple[int, int],
    ) -> None:
        self._stored, self._bits, self._common, self._most = stored, bits, common, most
        self._shape = shape
        self._recent: Recent[int, _Page] = Recent(512)
        self._joined: dict[int, tuple[NDArray[np.uint64], _Page]] = {}
        self._present: dict[int, NDArray[np.uint8]] = {}

    def lookup(
        self, door: int, keys: NDArray[np.uint64], most: int | None = None
    ) -> tuple[NDArray[np.intp], NDArray[np.uint32], NDArray[np.intp]]:
        """All units posted under each key.

        Args:
            door: which kind of key.
            keys: uint64[n], in any order, repeated or not.
            most: the units of a key that more hold are not listed. None lists all.

        Returns:
            Positions in ``keys`` and unit ids, in parallel, by position and then by unit; and
            intp[n], how many units hold each key: those of a common fingerprint are not
            listed, and ``Parameters.common + 1`` stands for their number.
        """
        return self.posted(door, keys, most).every(keys.size)

    def posted(self, door: int, keys: NDArray[np.uint64], most: int | None = None) -> Posted:
        """The same, of those keys only that some unit has, and not yet listed."""
        stored = self._shape.width(door)
        asked = keys >> np.uint64(64 - stored)
        likely = None
        if door in self._present:
            likely = np.flatnonzero(_may_be(asked, self._present[door]))
            asked = asked[likely]
        sought, inverse = distinct(asked, stored)
        if not sought.size:
            none = np.empty(0, np.intp)
            return Posted(none, none, none, none, np.empty(0, np.uint32))
        if self._shape.version == WIDE:
            found, many, units = self._found(door, sought, stored, most)
        else:
            page = self._page_of(door, sought, stored)
            if likely is None and door in self._present:  # just now
                return self.posted(door, keys, most)
            found, many, units = page.find(sought, most)
            self._checked(door, units)
        listed = _at_most(many, most)
        held = np.where(many == 0, self._common + 1, many)
        at = np.flatnonzero(found[inverse])
        which = inverse[at]
        start = (np.cumsum(listed) - listed)[which]
        return Posted(
            at if likely is None else likely[at], held[which], start, listed[which], units
        )

    def _found(
        self, door: int, sought: NDArray[np.uint64], stored: int, most: int | None
    ) -> tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.uint32]]:
        """Which of some distinct keys are on short pages, how many units each has, their units."""
        bits, shape = self._bits[door], self._shape
        behind = np.uint64(stored - bits)
        leading = sought >> behind if bits else np.zeros_like(sought)
        fresh = firsts(leading)
        numbers, which = leading[fresh], np.cumsum(fresh) - 1
        low = sought & ((np.uint64(1) << behind) - np.uint64(1)) if bits else sought
        found, counts, units = [], [], []
        for at in range(0, numbers.size, _SHORT_AT_ONCE):
            some = numbers[at : at + _SHORT_AT_ONCE].tolist()
            own = slice(*which.searchsorted((at, at + len(some))).tolist())
            pages = self._stored.short([door << 40 | number for number in some])
            try:
                there, many, listed = find_short(
                    pages, which[own] - at, low[own], shape.key(door, bits), shape.unit, most
                )
            except (ValueError, MemoryError) as error:
                raise self._stored.unread(f"posting pages of door {door}", error) from error
            found.append(there)
            counts.append(many)
            units.append(listed)
        every = np.concatenate(units)
        self._checked(door, every)
        return np.concatenate(found), np.concatenate(counts), every

    def _checked(self, door: int, units: NDArray[np.uint32]) -> None:
        most = self._most[1 if door in (FILE, LAYOUT) else 0]
        if door != WORD and units.max(initial=0) > most:
            raise self._stored.damaged(f"posting pages of door {door} name what is not there")

    def _page_of(self, door: int, sought: NDArray[np.uint64], stored: int) -> _Page:
        """The pages that may hold some keys, as they are stored, ascending: as one, with all that
        were asked for so far, where these are not too many."""
        every = 1 << self._bits[door]
        known, page = self._joined.get(door, (sought[:0], None))
        if page is not None and known.size == every:
            return page
        leading = sought >> np.uint64(stored - self._bits[door])
        numbers = leading[firsts(leading)]
        if numbers.size == 1:
            key = door << 40 | int(numbers[0])
            return self._recent.recall(key) or self._recent.keep(
                key, self._posted(door, [int(numbers[0])])
            )
        missing = np.setdiff1d(numbers, known, assume_unique=True)
        if page is None or known.size + missing.size > _MOST_JOINED:
            known, page = numbers, self._posted(door, numbers.tolist())
        elif missing.size:
            if _MOST_JOINED >= every < 3 * known.size:  # the others will be asked for too
                missing = np.setdiff1d(np.arange(every, dtype=np.uint64), known, assume_unique=True)
            page = page.joined(self._posted(door, missing.tolist()))
            known = np.concatenate([known, missing])
            known.sort()
        else:
            return page
        self._joined[door] = known, page
        if known.size == every:
            self._present[door] = _present(page.keys)
        return page

    def stretch(
        self, door: int, leading: int, bits: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.intp], NDArray[np.uint32]]:
        """All postings of a door whose keys begin with some bits: the keys, ascending, with all
        their bits in front; how many units each has, 0 where they are too many; those units."""
        own = self._bits[door]
        if own >= bits:
            numbers = range(leading << own - bits, leading + 1 << own - bits)
        else:
            numbers = range(leading >> bits - own, (leading >> bits - own) + 1)
        if self._shape.version == WIDE:
            found, counts, units = self._short(door, numbers)
        else:
            page = self._posted(door, numbers)
            found, counts = page.keys, page.units.counts().astype(np.intp)
            units = page.units.values(np.flatnonzero(counts))
        self._checked(door, units)
        # All bits in front.
        keys = found.astype(np.uint64) << np.uint64(64 - self._shape.width(door))
        if own < bits:
            inside = keys >> np.uint64(64 - bits) == leading
            units, keys, counts = units[np.repeat(inside, counts)], keys[inside], counts[inside]
        return keys, counts, units

    def _posted(self, door: int, numbers: Sequence[int]) -> _Page:
        """Pages of ascending numbers as one. They are cut by leading bits of their keys, which
        ascend from one to the next."""
        try:
            read = [*self._read(door, numbers)]
            deltas, counts, *packed = (np.concatenate(parts) for parts in zip(*read, strict=True))
            units = Lists.packed(counts, *packed)
            keys = sums(deltas, [one[0].size for one in read])
            if keys.size != counts.size:
                raise ValueError("they are uneven")
            if door not in EXACT and int(keys.max(initial=0)) >> self._shape.key_bits:
                raise ValueError("they hold keys that are too long")
        except (ValueError, TypeError, MemoryError) as error:
            raise self._stored.unread(f"posting pages of door {door}", error) from error
        return _Page(keys.astype(_key_type(self._shape.width(door)), copy=False), units)

    def _read(self, door: int, numbers: Sequence[int]) -> Iterator[list[NDArray[Any]]]:
        """The arrays of each of some pages."""
        for at in range(0, len(numbers), _SHORT_AT_ONCE):
            some = [door << 40 | number for number in numbers[at : at + _SHORT_AT_ONCE]]
            for number, data in zip(some, self._stored.short(some), strict=True):
                yield unpack(number, data)

    def _short(
        self, door: int, numbers: Sequence[int]
    ) -> tuple[NDArray[np.uint64], NDArray[np.intp], NDArray[np.uint32]]:
        """Keys, counts and units of short pages of ascending numbers."""
        bits, shape = self._bits[door], self._shape
        keys, counts, units = [], [], []
        for at in range(0, len(numbers), _SHORT_AT_ONCE):
            some = numbers[at : at + _SHORT_AT_ONCE]
            pages = self._stored.short([door << 40 | number for number in some])
            try:
                many, low, count, listed = read_short(pages, shape.key(door, bits), shape.unit)
            except (ValueError, MemoryError) as error:
                raise self._stored.unread(f"posting pages of door {door}", error) from error
            leading = np.repeat(np.array(some, np.uint64), many)
            behind = shape.width(door) - bits
            keys.append(leading << np.uint64(behind) | low if bits else low)
            counts.append(count)
            units.append(listed)
        return np.concatenate(keys), np.concatenate(counts), np.concatenate(units)


def _at_most(counts: NDArray[np.intp], most: int | None) -> NDArray[np.intp]:
    """How many units of each key are listed."""
    return counts if most is None else np.where(counts > most, 0, counts)


def _key_type(width: int) -> type[np.unsignedinteger[Any]]:
    return np.uint64 if width > 32 else np.uint32


def _present(keys: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.uint8]:
    """Of all low parts of keys, as many bits as one in 32 is some key's, those that some key has:
    eight to a byte. Leading parts would tell less: fingerprints are the least of several."""
    present = np.zeros(1 << max(0, keys.size.bit_length() + 2), np.uint8)
    byte, bit = _places(keys.astype(np.uint64, copy=False), present)
    np.bitwise_or.at(present, byte, np.uint8(1) << bit)
    return present


def _may_be(keys: NDArray[np.uint64], present: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Of which keys the low part is some key's."""
    byte, bit = _places(keys, present)
    found = present.take(byte)
    found >>= bit
    found &= np.uint8(1)
    return found.view(bool)


def _places(
    keys: NDArray[np.uint64], present: NDArray[np.uint8]
) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """The byte that tells of each key's low part, and which bit of it."""
    byte = (keys.view(np.int64) >> np.int64(3)).astype(np.intp, copy=False)
    byte &= present.size - 1
    return byte, keys.astype(np.uint8) & np.uint8(7)
