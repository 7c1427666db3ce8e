"""pages: arrays of numbers <-> the compressed pages an index is made of. Pure.

A page is a few arrays, each as its byte planes (all first bytes, all second bytes, ...): small
numbers leave long runs of zeros, and neighbours that are alike are alike in every plane, so
that DEFLATE (RFC 1951) packs them well. zlib's own checksum and the page's number inside the
page say when a page is damaged or stands in another one's place.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST = 1 << 26
"""Bytes beyond which no page is written: more is damage, or somebody's trap. The largest of a
million units of real packages has 2.6 MB: 128 pieces of code, which are the longest there are, at
four bytes an element; it has room for as many files of 130,000 elements, some 500 KB each."""

_LEVEL = 9
_HEAD = struct.Struct("<QB")
_ARRAY = struct.Struct("<IB")
_TEXT_END = "\0"


def plain(number: int, *arrays: NDArray[Any]) -> bytes:
    """The page as it is before compression: its number, then each array of integers >= 0 with
    as many planes as its greatest value needs, one at least: what a page unpacks to is bounded
    by its own size."""
    parts = [_HEAD.pack(number, len(arrays))]
    for array in arrays:
        values = np.ascontiguousarray(array, "<u8")
        width = max(1, (int(values.max(initial=0)).bit_length() + 7) // 8)
        planes = values.view(np.uint8).reshape(-1, 8).T[:width]
        parts += [_ARRAY.pack(values.size, width), planes.tobytes()]
    return b"".join(parts)


def compress(page: bytes) -> bytes:
    """A plain page as it is stored."""
    return zlib.compress(page, _LEVEL)


def decompress(data: bytes) -> bytes:
    """The plain page again.

    Raises:
        ValueError: it is no whole page.
    """
    stream = zlib.decompressobj()
    try:
        page = stream.decompress(data, LARGEST)
    except zlib.error as error:
        raise ValueError(f"a page that does not unpack: {error}") from error
    if not stream.eof or stream.unused_data:
        raise ValueError("a page that is cut off or too large")
    return page


def unpack(number: int, data: bytes) -> list[NDArray[np.uint64]]:
    """The arrays of page ``number``, one-byte ones as uint8, the others uint32 or uint64.

    Raises:
        ValueError: this is not that page.
    """
    page = decompress(data)
    try:
        found, count = _HEAD.unpack_from(page)
        if found != number:
            raise ValueError(f"page {found} where page {number} must be")
        at = _HEAD.size
        arrays: list[NDArray[Any]] = []
        for _ in range(count):
            size, width = _ARRAY.unpack_from(page, at)
            at += _ARRAY.size
            if not 1 <= width <= 8:
                raise ValueError(f"an array {width} bytes wide")
            planes = np.frombuffer(page, np.uint8, size * width, at)
            at += size * width
            if width == 1:
                arrays.append(planes)
                continue
            wide = 4 if width <= 4 else 8
            columns = np.zeros((size, wide), np.uint8)
            columns[:, :width] = planes.reshape(width, size).T
            arrays.append(columns.view(f"<u{wide}").ravel().astype(f"u{wide}", copy=False))
    except (struct.error, ValueError) as error:
        raise ValueError(f"a page that is not as it was written: {error}") from error
    if at != len(page):
        raise ValueError("a page with something behind its end")
    return arrays


def texts(values: Sequence[str]) -> NDArray[np.uint8]:
    """Texts as one array of bytes."""
    joined = _TEXT_END.join(value.replace(_TEXT_END, "\ufffd") for value in values)
    return np.frombuffer(joined.encode("utf-8", "replace"), np.uint8)


def split(array: NDArray[Any]) -> list[str]:
    """The inverse of ``texts`` for at least one text."""
    return array.astype(np.uint8, copy=False).tobytes().decode("utf-8").split(_TEXT_END)


def deltas(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Ascending values as their differences."""
    result = values.astype(np.uint64)
    result[1:] -= values[:-1].astype(np.uint64)
    return result


def sums(differences: NDArray[Any], sizes: Sequence[int] | None = None) -> NDArray[np.uint64]:
    """The inverse of ``deltas``; of several lists one after another where sizes are given."""
    total: NDArray[np.uint64] = np.cumsum(differences, dtype=np.uint64)
    if sizes is None:
        return total
    each = np.array(sizes, np.intp)
    before = np.concatenate([np.zeros(1, np.uint64), total])[np.cumsum(each) - each]
    total -= np.repeat(before, each)
    return total


def stretches(starts: NDArray[Any], counts: NDArray[Any]) -> NDArray[np.intp]:
    """The positions start, start + 1, ... of every stretch, one after another."""
    counts = counts.astype(np.intp, copy=False)
    inner = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    result: NDArray[np.intp] = np.repeat(starts.astype(np.intp, copy=False), counts) + inner
    return result


def pack_lists(
    counts: NDArray[Any], values: NDArray[Any]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Ascending lists, one after another, as the first value of each and the steps behind it."""
    starts = (np.cumsum(counts) - counts)[counts > 0]
    steps = deltas(values)
    inner = np.ones(values.size, bool)
    inner[starts] = False
    return values[starts].astype(np.uint64), steps[inner]


def check_lists(counts: NDArray[Any], firsts: NDArray[Any], steps: NDArray[Any]) -> None:
    """Whether packed lists are as many, and as long, as is said.

    Raises:
        ValueError: they are not.
    """
    if counts.size and int(counts.max()) > firsts.size + steps.size:
        raise ValueError("a page of lists that are not there")
    filled = np.count_nonzero(counts)
    if firsts.size != filled or steps.size != int(counts.sum(dtype=np.intp)) - filled:
        raise ValueError("a page of uneven lists")


def unpack_lists(
    counts: NDArray[Any], firsts: NDArray[Any], steps: NDArray[Any]
) -> NDArray[np.uint32]:
    """The inverse of ``pack_lists``: all values, one list after another.

    Raises:
        ValueError: the three do not fit together.
    """
    check_lists(counts, firsts, steps)
    counts = counts.astype(np.intp, copy=False)
    filled = counts[counts > 0]
    total = int(filled.sum())
    if not total:
        return np.empty(0, np.uint32)
    starts = np.cumsum(filled) - filled
    values = np.empty(total, np.uint32)
    inner = np.ones(total, bool)
    inner[starts] = False
    values[inner] = steps
    values[starts] = 0
    np.cumsum(values, out=values)
    # What the running sum lacks at a list's start, so that it stands at its first value there.
    values += np.repeat(firsts.astype(np.uint32) - values[starts], filled)
    return values


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """Lists that stay packed, as most are never asked for: where each begins and the last one ends,
    which are empty, and what ``pack_lists`` gives."""

    edges: NDArray[np.uint32]
    empty: NDArray[np.intp]
    firsts: NDArray[np.uint32]
    steps: NDArray[np.uint32]

    @classmethod
    def packed(cls, counts: NDArray[Any], firsts: NDArray[Any], steps: NDArray[Any]) -> Lists:
        """Lists by how many values each has.

        Raises:
            ValueError: the three do not fit together.
        """
        check_lists(counts, firsts, steps)
        edges = np.zeros(counts.size + 1, np.uint32)
        np.cumsum(counts, out=edges[1:])
        return cls(
            edges,
            np.flatnonzero(counts == 0),
            firsts.astype(np.uint32, copy=False),
            steps.astype(np.uint32, copy=False),
        )

    def counts(self) -> NDArray[np.uint32]:
        """How many values each has."""
        return np.diff(self.edges)

    def many(self, at: NDArray[np.intp]) -> NDArray[np.intp]:
        """How many values some of them have."""
        return self.edges[at + 1].astype(np.intp) - self.edges[at]

    def before(self, at: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """How many first values, and how many steps, stand before those of some of them."""
        first = at - self.empty.searchsorted(at)
        return first, self.edges[at].astype(np.intp) - first

    def values(self, at: NDArray[np.intp]) -> NDArray[np.uint32]:
        """What some of them list, of which none is empty, one after another."""
        if not at.size:
            return self.firsts[:0]
        many = self.many(at)
        first, step = self.before(at)
        return unpack_lists(many, self.firsts[first], self.steps[stretches(step, many - 1)])


# --- short pages --------------------------------------------------------------------------

_SHORT = struct.Struct("<IHH")
_LARGE_COUNT = 255


def low_bytes(values: NDArray[Any], width: int) -> bytes:
    """The low bytes of each value, so many of them, the lowest first."""
    columns = np.ascontiguousarray(values, "<u8").view(np.uint8).reshape(-1, 8)
    return columns[:, :width].tobytes()


def short_pages(
    edges: Sequence[int], keys: bytes, counts: NDArray[Any], units: bytes, key: int, unit: int
) -> list[bytes]:
    """Short pages of postings, one between each two of ``edges``: CRC-32 of what follows, how
    many keys, how many large counts; the keys' low bytes; a byte for how many units each has,
    255 for as many or more; the units; the large counts.

    Args:
        edges: where each page's keys begin, and where the last one's end.
        keys: of all pages, ``key`` bytes each.
        counts: how many units each key has.
        units: of all keys, ``unit`` bytes each.
        key: bytes of a key.
        unit: bytes of a unit.
    """
    small = np.minimum(counts, _LARGE_COUNT).astype(np.uint8)
    listed = np.concatenate([[0], np.cumsum(counts, dtype=np.intp)])[np.array(edges)].tolist()
    large = np.flatnonzero(small == _LARGE_COUNT)
    behind = np.searchsorted(large, edges).tolist()
    written = small.tobytes()
    pages = []
    for at in range(len(edges) - 1):
        first, stop = edges[at], edges[at + 1]
        more = b""
        if behind[at] != behind[at + 1]:
            more = counts[large[behind[at] : behind[at + 1]]].astype("<u4").tobytes()
        rest = b"".join(
            (
                _SHORT.pack(0, stop - first, len(more) // 4)[4:],
                keys[first * key : stop * key],
                written[first:stop],
                units[listed[at] * unit : listed[at + 1] * unit],
                more,
            )
        )
        pages.append(zlib.crc32(rest).to_bytes(4, "little") + rest)
    return pages


def read_short(
    pages: Sequence[bytes], key: int, unit: int
) -> tuple[NDArray[np.intp], NDArray[np.uint64], NDArray[np.intp], NDArray[np.uint32]]:
    """The inverse of ``short_pages``: how many keys each page has, the low bytes of all keys, how
    many units each has, all units.

    Raises:
        ValueError: a page is not as it was written.
    """
    joined, begin, sizes, many, large, left = _opened(pages, key, unit)
    at = begin + _SHORT.size
    keys = _wide(joined, at, many, key).astype(np.uint64, copy=False)
    at = at + many * key
    counts = joined[stretches(at, many)].astype(np.intp)
    more = _wide(joined, begin + sizes - 4 * large, large, 4)
    places = np.flatnonzero(counts == _LARGE_COUNT)
    if places.size != more.size:
        raise ValueError("a short page with uneven counts")
    counts[places] = more
    units = _wide(joined, at + many, left // unit, unit).astype(np.uint32)
    if int(counts.sum()) != units.size:
        raise ValueError("short pages with uneven lists")
    return many, keys, counts, units


def find_short(
    pages: Sequence[bytes],
    which: NDArray[np.intp],
    sought: NDArray[np.uint64],
    key: int,
    unit: int,
    most: int | None = None,
) -> tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.uint32]]:
    """What ``read_short`` says of some keys, with nothing else unpacked: an answer costs no more
    where a page holds much else.

    Args:
        pages: short pages.
        which: of each sought key, the page that may hold it.
        sought: the low bytes of the keys.
        key: bytes of a key.
        unit: bytes of a unit.
        most: the units of a key that has more of them are left out.

    Returns:
        Which keys are there; how many units each has; their units, one key after another.

    Raises:
        ValueError: a page is not as it was written.
    """
    joined, begin, sizes, many, large, left = _opened(pages, key, unit)
    first = (begin + _SHORT.size)[which]
    low, high = np.zeros(which.size, np.intp), many[which]
    for _ in range(int(many.max(initial=0)).bit_length()):
        middle = (low + high) >> 1
        open_ = low < high
        below = open_ & (_numbers(joined, first + middle * key, key) < sought)
        low = np.where(below, middle + 1, low)
        high = np.where(open_ & ~below, middle, high)
    found = low < many[which]
    found &= _numbers(joined, first + low * key, key) == sought
    counts = np.zeros(which.size, np.intp)
    if not found.any():
        return found, counts, np.empty(0, np.uint32)
    which, at = which[found], low[found]
    counted = (begin + _SHORT.size + many * key)[which]
    # How many units the keys before each one have, and it: the last of a stretch.
    several = joined[stretches(counted, at + 1)].astype(np.intp)
    ends = np.cumsum(at + 1)
    big = np.flatnonzero(several == _LARGE_COUNT)
    if big.size:
        owner = ends.searchsorted(big, "right")
        rank = np.arange(big.size) - big.searchsorted((ends - at - 1)[owner])
        page = which[owner]
        if (rank >= large[page]).any():
            raise ValueError("a short page with uneven counts")
        several[big] = _numbers(joined, (begin + sizes - 4 * large)[page] + 4 * rank, 4)
    own = several[ends - 1]
    total = np.add.reduceat(several, ends - at - 1)
    if (total * unit > left[which]).any():
        raise ValueError("short pages with uneven lists")
    counts[found] = own
    listed = own if most is None else np.where(own > most, 0, own)
    units = _wide(joined, counted + many[which] + (total - own) * unit, listed, unit)
    return found, counts, units.astype(np.uint32)


_Opened = tuple[
    "NDArray[np.uint8]",
    "NDArray[np.intp]",
    "NDArray[np.intp]",
    "NDArray[np.intp]",
    "NDArray[np.intp]",
    "NDArray[np.intp]",
]


def _opened(pages: Sequence[bytes], key: int, unit: int) -> _Opened:
    """Short pages end to end; of each where it begins, its size, how many keys and how many large
    counts it has, bytes of its units."""
    for page in pages:
        if len(page) < _SHORT.size or zlib.crc32(page[4:]) != int.from_bytes(page[:4], "little"):
            raise ValueError("a short page that is not as it was written")
    joined = np.frombuffer(b"".join(pages), np.uint8)
    sizes = np.array([len(page) for page in pages], np.intp)
    begin = np.cumsum(sizes) - sizes
    many = joined[begin + 4].astype(np.intp) | joined[begin + 5].astype(np.intp) << 8
    large = joined[begin + 6].astype(np.intp) | joined[begin + 7].astype(np.intp) << 8
    left = sizes - _SHORT.size - many * (key + 1) - 4 * large
    if (left < 0).any() or (left % unit).any():
        raise ValueError("a short page that is cut off")
    return joined, begin, sizes, many, large, left


def _numbers(joined: NDArray[np.uint8], at: NDArray[np.intp], width: int) -> NDArray[np.uint64]:
    """The number of so many bytes that begins at each of some places; behind the end of all,
    any."""
    last = joined.size - 1
    result = np.zeros(at.size, np.uint64)
    for byte in range(width):
        own = joined.take(at + byte, mode="clip") if last >= 0 else result
        result |= own.astype(np.uint64) << np.uint64(8 * byte)
    return result


def _wide(
    joined: NDArray[np.uint8], begin: NDArray[np.intp], many: NDArray[np.intp], width: int
) -> NDArray[Any]:
    """Numbers of so many bytes each, out of stretches of bytes."""
    places = np.repeat(begin - (np.cumsum(many) - many) * width, many)
    places += np.arange(0, places.size * width, width)
    kind = np.uint32 if width <= 4 else np.uint64
    numbers = np.zeros(places.size, kind)
    for byte in range(width):
        numbers |= joined[places].astype(kind) << kind(8 * byte)
        places += 1
    return numbers
