"""pages: what is packed comes back, and what is no page says so, at no great cost."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from provenance import pages
from provenance.pages import (
    LARGEST,
    compress,
    decompress,
    deltas,
    pack_lists,
    plain,
    split,
    stretches,
    sums,
    texts,
    unpack,
    unpack_lists,
)

NUMBERS = st.integers(0, 2**63 - 1)


def array(values: Any) -> NDArray[np.uint64]:
    return np.array(values, np.uint64)


@st.composite
def arrays(draw: st.DrawFn) -> NDArray[np.uint64]:
    """Values of any width, from none to eight bytes, and any number of them."""
    most = draw(st.sampled_from([0, *(2 ** (8 * width) - 1 for width in range(1, 9))]))
    return array(draw(st.lists(st.integers(0, most), max_size=30)))


@st.composite
def ascending_lists(draw: st.DrawFn) -> list[list[int]]:
    """Ascending lists of units, some of them empty."""
    one = st.lists(st.integers(0, 2**32 - 1), max_size=6).map(sorted)
    return draw(st.lists(one, max_size=8))


# --- round trips --------------------------------------------------------------------------


@given(NUMBERS, st.lists(arrays(), max_size=6))
def test_arrays_come_back(number: int, written: list[NDArray[np.uint64]]) -> None:
    """All of them, in order, whatever their widths; zeros and empty ones too."""
    read = unpack(number, compress(plain(number, *written)))
    assert [one.tolist() for one in read] == [one.tolist() for one in written]
    for one in read:
        assert one.dtype in (np.uint8, np.uint32, np.uint64)
        assert one.dtype.isnative


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32, np.int64, np.intp, np.bool_])
def test_integers_of_any_type_are_written_alike(dtype: type) -> None:
    """And arrays that do not lie in one piece."""
    values = np.array([1, 0, 1, 1, 0, 1])
    expected = plain(7, array(values))
    assert plain(7, values.astype(dtype)) == expected
    assert plain(7, np.repeat(values, 2).astype(dtype)[::2]) == expected


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_texts_come_back(written: list[str]) -> None:
    """Also empty ones; no text at all reads as one empty text."""
    assert split(texts(written)) == (written or [""])
    (read,) = unpack(3, compress(plain(3, texts(written))))
    assert split(read) == (written or [""])


@given(st.lists(st.text(max_size=5), min_size=1))
def test_no_text_becomes_two(written: list[str]) -> None:
    """Nor is one lost: NULs and lone surrogates are replaced."""
    read = split(texts(written))
    assert len(read) == len(written)
    for left, right in zip(read, written, strict=True):
        if left != right:
            assert any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in right)


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_sums_undo_deltas(values: list[int]) -> None:
    """Of ascending values and, modulo 2**64, of any others."""
    assert sums(deltas(array(values))).tolist() == values
    ascending = deltas(array(sorted(values))).tolist()
    assert sum(ascending) == max(values, default=0)


@given(ascending_lists())
def test_sums_of_several_lists(lists: list[list[int]]) -> None:
    """Each starts anew, empty ones too."""
    parts = [deltas(array(one)) for one in lists]
    joined = np.concatenate([array([]), *parts])
    assert sums(joined, [part.size for part in parts]).tolist() == [
        value for one in lists for value in one
    ]


@given(st.lists(st.integers(0, 2**32 - 1)))
def test_deltas_leave_what_they_are_given(values: list[int]) -> None:
    """Whatever its type."""
    for dtype in (np.uint64, np.int64):
        given_ = np.array(values, dtype)
        assert sums(deltas(given_)).tolist() == values
        assert given_.tolist() == values


@given(ascending_lists())
def test_lists_come_back(lists: list[list[int]]) -> None:
    """Through a page as well."""
    counts = array([len(one) for one in lists])
    values = [value for one in lists for value in one]
    firsts, steps = pack_lists(counts, array(values))
    assert firsts.tolist() == [one[0] for one in lists if one]
    assert unpack_lists(counts, firsts, steps).tolist() == values
    read = unpack(0, compress(plain(0, counts, firsts, steps)))
    assert unpack_lists(*read).tolist() == values


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 9))))
def test_stretches_are_ranges(pairs: list[tuple[int, int]]) -> None:
    """One after another, empty ones left out."""
    starts, counts = (array([pair[at] for pair in pairs]) for at in (0, 1))
    expected = [at for start, count in pairs for at in range(start, start + count)]
    assert stretches(starts, counts).tolist() == expected


# --- damage -------------------------------------------------------------------------------


@settings(deadline=None)
@given(NUMBERS, st.lists(arrays(), max_size=4), st.integers(0, 10**9), st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_changes_nothing(
    number: int, written: list[NDArray[np.uint64]], at: int, by: int
) -> None:
    """DEFLATE has bits that mean nothing; every other one counts."""
    packed = bytearray(compress(plain(number, *written)))
    packed[at % len(packed)] ^= by
    try:
        read = unpack(number, bytes(packed))
    except ValueError:
        return
    assert [one.tolist() for one in read] == [one.tolist() for one in written]


def test_every_flipped_byte_of_a_page_is_refused_or_changes_nothing() -> None:
    """All 255 ways to change each byte."""
    steps = np.arange(60) % 7
    written = [steps, np.zeros(9, np.intp), array([2**40, 5])]
    packed = compress(plain(12, *written))
    refused = 0
    for at in range(len(packed)):
        for by in range(1, 256):
            try:
                read = unpack(12, packed[:at] + bytes([packed[at] ^ by]) + packed[at + 1 :])
            except ValueError:
                refused += 1
                continue
            assert [one.tolist() for one in read] == [one.tolist() for one in written]
    assert refused > 0.98 * 255 * len(packed)


@given(NUMBERS, NUMBERS, st.lists(arrays(), max_size=3))
def test_a_page_in_the_place_of_another_is_refused(
    number: int, other: int, written: list[NDArray[np.uint64]]
) -> None:
    """Its number is in it."""
    packed = compress(plain(number, *written))
    if number != other:
        with pytest.raises(ValueError, match=f"page {number} where page {other} must be"):
            unpack(other, packed)


@given(st.lists(arrays(), max_size=3), st.integers(0, 10**9))
def test_what_is_cut_off_is_refused(written: list[NDArray[np.uint64]], at: int) -> None:
    """Packed or plain, wherever it ends."""
    page = plain(1, *written)
    packed = compress(page)
    with pytest.raises(ValueError, match="page"):
        unpack(1, packed[: at % len(packed)])
    with pytest.raises(ValueError, match="page"):
        unpack(1, compress(page[: at % len(page)]))


@given(st.lists(arrays(), max_size=3), st.binary(min_size=1, max_size=9))
def test_what_goes_on_is_refused(written: list[NDArray[np.uint64]], more: bytes) -> None:
    """Behind the packed page or behind the last array."""
    page = plain(1, *written)
    with pytest.raises(ValueError, match="page"):
        unpack(1, compress(page) + more)
    with pytest.raises(ValueError, match="page"):
        unpack(1, compress(page + more))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_page_or_a_value_error(data: bytes) -> None:
    """Packed well, with anything in them, or not packed at all."""
    for page in (data, compress(data), compress(struct.pack("<Q", 5) + data)):
        try:
            unpack(5, page)
        except ValueError:
            continue


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 7, 2**16, 2**31, 2**32 - 1]), st.integers(0, 255)),
        min_size=1,
        max_size=4,
    ),
    st.binary(max_size=40),
)
def test_no_head_makes_a_small_page_large(heads: list[tuple[int, int]], rest: bytes) -> None:
    """Sizes and widths are believed only as far as there are bytes: billions of elements of no
    byte each are refused too."""
    claims = b"".join(struct.pack("<IB", *head) for head in heads)
    packed = compress(struct.pack("<QB", 9, len(heads)) + claims + rest)
    tracemalloc.start()
    try:
        read = unpack(9, packed)
        assert sum(one.size for one in read) <= len(claims + rest)
    except ValueError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("width", [0, 9, 255])
@pytest.mark.parametrize("size", [0, 1, 2**32 - 1])
def test_a_width_that_no_number_has_is_refused(size: int, width: int) -> None:
    """Even of arrays with nothing in them."""
    page = struct.pack("<QBIB", 1, 1, size, width) + bytes(min(size, 9) * width)
    with pytest.raises(ValueError, match="page"):
        unpack(1, compress(page))


def test_a_page_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the bound, not when memory is full; the bound is a small one here."""
    monkeypatch.setattr("provenance.pages.LARGEST", 100_000)
    bomb = zlib.compress(bytes(20_000_000), 9)
    tracemalloc.start()
    with pytest.raises(ValueError, match="too large"):
        decompress(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.fixture(scope="module")
def beyond() -> bytes:
    """What holds more than any page, packed: that takes a second."""
    return zlib.compress(bytes(4 * LARGEST), 1)


@pytest.mark.parametrize("width", range(1, 9))
def test_the_largest_page_costs_bounded_memory(width: int, beyond: bytes) -> None:
    """One that is forged, too: three times the bound, 200 MB, whatever it says it holds."""
    size = (LARGEST - 14) // width
    bomb = zlib.compress(struct.pack("<QBIB", 1, 1, size, width) + bytes(size * width), 1)
    tracemalloc.start()
    assert unpack(1, bomb)[0].size == size
    with pytest.raises(ValueError, match="too large"):
        unpack(1, beyond)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert LARGEST <= 1 << 26
    assert peak < 3.1 * LARGEST


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0, 1, 2, 5, 2**31, 2**32, 2**62, 2**63, 2**64 - 1]), max_size=9),
    st.lists(st.integers(0, 2**64 - 1), max_size=9),
    st.lists(st.integers(0, 2**64 - 1), max_size=9),
)
def test_lists_that_do_not_fit_are_refused(
    counts: list[int], firsts: list[int], steps: list[int]
) -> None:
    """Also counts whose sum wraps around to the right one."""
    fits = len(firsts) == sum(count > 0 for count in counts)
    fits = fits and sum(counts) == len(firsts) + len(steps)
    if fits:
        assert unpack_lists(array(counts), array(firsts), array(steps)).size == sum(counts)
        return
    tracemalloc.start()
    with pytest.raises(ValueError, match="page"):
        unpack_lists(array(counts), array(firsts), array(steps))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


# --- short pages --------------------------------------------------------------------------

_POSTINGS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 2**40 - 1), st.lists(st.integers(0, 2**24 - 1), max_size=5)),
        max_size=6,
    ),
    min_size=1,
    max_size=5,
)


def _short(pages_: list[list[tuple[int, list[int]]]], repeat: int = 1) -> list[bytes]:
    keys = np.array([key for page in pages_ for key, _ in page], np.uint64)
    lists = [units * repeat for page in pages_ for _, units in page]
    units = np.array([unit for some in lists for unit in some], np.uint64)
    edges = np.cumsum([0, *map(len, pages_)]).tolist()
    counts = np.array([len(some) for some in lists], np.intp)
    written = pages.low_bytes(keys, 5), counts, pages.low_bytes(units, 3)
    return pages.short_pages(edges, *written, 5, 3)


@given(_POSTINGS, st.sampled_from([1, 60, 300]))
def test_short_pages_come_back(written: list[list[tuple[int, list[int]]]], repeat: int) -> None:
    """With no unit, some, and more than a byte can count."""
    many, keys, counts, units = pages.read_short(_short(written, repeat), 5, 3)
    assert many.tolist() == [len(page) for page in written]
    assert keys.tolist() == [key for page in written for key, _ in page]
    assert counts.tolist() == [repeat * len(some) for page in written for _, some in page]
    assert units.tolist() == [one for page in written for _, some in page for one in some * repeat]


@given(_POSTINGS, st.sampled_from([1, 60, 300]), st.sampled_from([None, 0, 3, 280]), st.data())
def test_keys_are_found_on_short_pages_as_reading_all_says(
    written: list[list[tuple[int, list[int]]]],
    repeat: int,
    most: int | None,
    data: st.DataObject,
) -> None:
    """Those that are there, with all of their units but for those of a key with more than
    ``most``; those that are not, not."""
    held = [dict(page) for page in written]
    made = _short([sorted(page.items()) for page in held], repeat)
    known = [(at, key) for at, page in enumerate(held) for key in page]
    pages_of = st.tuples(st.integers(0, len(held) - 1), st.integers(0, 2**40 - 1))
    asked = data.draw(st.lists(st.sampled_from(known) if known else pages_of))
    asked += data.draw(st.lists(pages_of, max_size=3))
    which = np.array([at for at, _ in asked], np.intp)
    keys = np.array([key for _, key in asked], np.uint64)
    found, counts, units = pages.find_short(made, which, keys, 5, 3, most)
    lists = [held[at].get(key) for at, key in asked]
    many = [repeat * len(some or []) for some in lists]
    assert found.tolist() == [some is not None for some in lists]
    assert counts.tolist() == many
    assert units.tolist() == [
        one
        for some, number in zip(lists, many, strict=True)
        if some and (most is None or number <= most)
        for one in some * repeat
    ]


@given(_POSTINGS, st.data())
def test_a_damaged_short_page_is_refused(
    written: list[list[tuple[int, list[int]]]], data: st.DataObject
) -> None:
    """Any one byte of it changed, or its end cut off."""
    made = _short(written)
    which = data.draw(st.integers(0, len(made) - 1))
    page = bytearray(made[which])
    at = data.draw(st.integers(0, len(page) - 1))
    page[at] ^= data.draw(st.integers(1, 255))
    for bad in (bytes(page), made[which][:at]):
        whole = [*made[:which], bad, *made[which + 1 :]]
        with pytest.raises(ValueError, match="short page"):
            pages.read_short(whole, 5, 3)
        with pytest.raises(ValueError, match="short page"):
            pages.find_short(whole, np.zeros(1, np.intp), np.zeros(1, np.uint64), 5, 3)


@given(st.binary(max_size=60))
def test_any_short_bytes_are_pages_or_a_value_error(rest: bytes) -> None:
    """Even where the sum is right."""
    import zlib

    page = zlib.crc32(rest).to_bytes(4, "little") + rest
    with contextlib.suppress(ValueError):
        pages.read_short([page], 5, 3)
    first = int.from_bytes(rest[4:9], "little")
    for key in (0, first, 2**40 - 1):
        with contextlib.suppress(ValueError):
            pages.find_short([page], np.zeros(1, np.intp), np.array([key], np.uint64), 5, 3)
