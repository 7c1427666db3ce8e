"""postings: keys -> the units that hold them, out of the pages of an open index.

Look-ups are made in bulk: postings are not rows but pages of sorted keys, found by the leading
bits of a key, so that one page answers many keys with one ``searchsorted`` and the cost hardly
grows with the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.order import distinct, firsts, inserted
from provenance.pages import find_short, read_short, stretches, sums, unpack_lists
from provenance.recent import Recent
from provenance.schema import EXACT, FILE, LAYOUT, WIDE, WORD, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.stored import Stored

_SHORT_AT_ONCE = 1 << 12
_MOST_JOINED = 8192  # pages of a door kept as one: all of an index of a quarter million units

_Page = tuple["NDArray[np.unsignedinteger[Any]]", "NDArray[np.uint32]", "NDArray[np.uint32]"]
"""A page of postings: its keys, where each one's units begin and the last ones end, the units."""


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
        if not keys.size:
            return np.empty(0, np.intp), np.empty(0, np.uint32), np.empty(0, np.intp)
        stored = self._shape.width(door)
        asked = keys >> np.uint64(64 - stored)
        if door not in self._present:
            return self._looked_up(door, asked, stored, most)
        at = np.flatnonzero(_may_be(asked, self._present[door]))
        held = np.zeros(keys.size, np.intp)
        position, units, held[at] = self._looked_up(door, asked[at], stored, most)
        return at[position], units, held

    def _looked_up(
        self, door: int, keys: NDArray[np.uint64], stored: int, most: int | None
    ) -> tuple[NDArray[np.intp], NDArray[np.uint32], NDArray[np.intp]]:
        """``lookup`` of keys as they are stored, in so many bits."""
        if not keys.size:
            return np.empty(0, np.intp), np.empty(0, np.uint32), np.empty(0, np.intp)
        sought, inverse = distinct(keys, stored)
        if self._shape.version == WIDE:
            found, many, units = self._found(door, sought, stored, most)
            listed = _at_most(many, most)
            start = np.cumsum(listed) - listed
            return self._told(inverse, found, many, listed, start, units)
        leading = sought >> np.uint64(stored - self._bits[door])
        numbers = leading[firsts(leading)]
        if numbers.size == 1:
            page_keys, edges, units = self._page(door, int(numbers[0]))
        else:
            page_keys, edges, units = self._pages(door, numbers)
        if not page_keys.size:
            return np.empty(0, np.intp), units, np.zeros(keys.size, np.intp)
        at = page_keys.searchsorted(sought.astype(page_keys.dtype))
        at[at == page_keys.size] = 0
        found = page_keys[at] == sought
        start = edges[at].astype(np.intp)
        many = np.where(found, edges[at + 1] - start, 0)
        return self._told(inverse, found, many, _at_most(many, most), start, units)

    def _told(
        self,
        inverse: NDArray[np.intp],
        found: NDArray[np.bool_],
        many: NDArray[np.intp],
        listed: NDArray[np.intp],
        start: NDArray[np.intp],
        units: NDArray[np.uint32],
    ) -> tuple[NDArray[np.intp], NDArray[np.uint32], NDArray[np.intp]]:
        """What ``lookup`` says of keys, each of which is one of some distinct ones, by how many
        units these have, how many of them are listed, and from where on."""
        held = np.where(found & (many == 0), self._common + 1, many)
        count = listed[inverse]
        position = np.repeat(np.arange(inverse.size), count)
        return position, units[stretches(start[inverse], count)], held[inverse]

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

    def _pages(self, door: int, numbers: NDArray[np.uint64]) -> _Page:
        """At least the pages of these numbers, ascending, as one page: all that were asked for so
        far, where these are not too many."""
        known, page = self._joined.get(door, (numbers[:0], None))
        missing = np.setdiff1d(numbers, known, assume_unique=True)
        every = 1 << self._bits[door]
        if page is None or known.size + missing.size > _MOST_JOINED:
            known, page = numbers, self._posted(door, numbers.tolist())
        elif missing.size:
            if _MOST_JOINED >= every < 3 * known.size:  # the others will be asked for too
                missing = np.setdiff1d(np.arange(every, dtype=np.uint64), known, assume_unique=True)
            keys, edges, units = self._posted(door, missing.tolist())
            at = page[0].searchsorted(keys)
            behind = np.repeat(page[1][at].astype(np.intp), np.diff(edges))
            page = (
                inserted(page[0], at, keys),
                _edges(inserted(np.diff(page[1]), at, np.diff(edges))),
                inserted(page[2], behind, units),
            )
            known = np.concatenate([known, missing])
            known.sort()
        else:
            return page
        self._joined[door] = known, page
        if known.size == every:
            self._present[door] = _present(page[0])
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
        found, edges, units = self._posted(door, numbers)
        counts = np.diff(edges).astype(np.intp)
        # All bits in front.
        keys = found.astype(np.uint64) << np.uint64(64 - self._shape.width(door))
        if own < bits:
            inside = keys >> np.uint64(64 - bits) == leading
            units, keys, counts = units[np.repeat(inside, counts)], keys[inside], counts[inside]
        return keys, counts, units

    def _page(self, door: int, number: int) -> _Page:
        """The page of a number."""
        key = door << 40 | number
        return self._recent.recall(key) or self._recent.keep(key, self._posted(door, [number]))

    def _posted(self, door: int, numbers: Sequence[int]) -> _Page:
        """Pages of ascending numbers as one. They are cut by leading bits of their keys, which
        ascend from one to the next."""
        try:
            if self._shape.version == WIDE:
                keys, counts, units = self._short(door, numbers)
            else:
                read = [self._stored.read("posting", door << 40 | number) for number in numbers]
                steps, counts, *lists = (np.concatenate(parts) for parts in zip(*read, strict=True))
                keys = sums(steps, [one[0].size for one in read])
                units = unpack_lists(counts, *lists)
        except (ValueError, TypeError, MemoryError) as error:
            raise self._stored.unread(f"posting pages of door {door}", error) from error
        if keys.size != counts.size:
            raise self._stored.damaged(f"posting pages of door {door} are uneven")
        page = keys.astype(_key_type(self._shape.width(door)), copy=False), _edges(counts), units
        if door not in EXACT and int(keys.max(initial=0)) >> self._shape.key_bits:
            raise self._stored.damaged(f"posting pages of door {door} hold keys that are too long")
        self._checked(door, units)
        return page

    def _short(
        self, door: int, numbers: Sequence[int]
    ) -> tuple[NDArray[np.uint64], NDArray[np.intp], NDArray[np.uint32]]:
        """Keys, counts and units of short pages of ascending numbers."""
        bits, shape = self._bits[door], self._shape
        keys, counts, units = [], [], []
        for at in range(0, len(numbers), _SHORT_AT_ONCE):
            some = numbers[at : at + _SHORT_AT_ONCE]
            pages = self._stored.short([door << 40 | number for number in some])
            many, low, count, listed = read_short(pages, shape.key(door, bits), shape.unit)
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


def _edges(counts: NDArray[Any]) -> NDArray[np.uint32]:
    """Where each of some lists begins, one after another, and where the last one ends."""
    edges = np.zeros(counts.size + 1, np.uint32)
    np.cumsum(counts, out=edges[1:])
    return edges
