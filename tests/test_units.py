"""Pages of units say which trees and classes have a unit, however many are unpacked at once."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance import candidates, units
from provenance.errors import IndexFileError
from provenance.pages import pack_lists
from provenance.schema import UNITS_PER_PAGE
from provenance.stored import Stored
from provenance.units import Units

PAGES = 5


class _Kept:
    """Pages of units that were made up."""

    def __init__(self, seed: int) -> None:
        drawn = np.random.default_rng(seed)
        self.lists: list[tuple[list[list[int]], list[list[int]]]] = []
        for _ in range(PAGES):
            trees = [sorted({*drawn.integers(1, 999, 2).tolist()}) for _ in range(UNITS_PER_PAGE)]
            classes = [
                sorted({*drawn.integers(1, 99, drawn.integers(0, 4)).tolist()}) for _ in trees
            ]
            self.lists.append((trees, classes))

    def read(self, table: str, number: int) -> list[Any]:
        assert table == "unit"
        packed = []
        for lists in self.lists[number]:
            counts = np.array([len(one) for one in lists], np.uint8)
            values = np.array([value for one in lists for value in one], np.uint32)
            packed.append((counts, *pack_lists(counts, values)))
        (many, first, step), (more, *classes) = packed
        return [np.full(UNITS_PER_PAGE, 7 + number, np.uint16), many, first, step, more, *classes]

    def damaged(self, said: str) -> IndexFileError:
        return IndexFileError(said)

    def unread(self, what: str, error: Exception) -> Exception:
        return Stored.unread(cast(Stored, self), what, error)


@cache
def _kept(seed: int) -> _Kept:
    return _Kept(seed)


@given(st.integers(0, 9), st.lists(st.integers(0, PAGES * UNITS_PER_PAGE - 1), max_size=60))
@pytest.mark.parametrize("at_once", [1, 2, 256])
def test_classes_of_units_are_those_that_were_written(
    at_once: int, seed: int, asked: list[int]
) -> None:
    kept = _kept(seed)
    opened = Units(cast(Stored, kept), PAGES * UNITS_PER_PAGE, 999)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "_PAGES_AT_ONCE", at_once)
        position, classes = opened.classes_of(np.array(asked, np.int64))
    expected = [
        (at, one)
        for at, unit in enumerate(asked)
        for one in kept.lists[unit // UNITS_PER_PAGE][1][unit % UNITS_PER_PAGE]
    ]
    assert sorted(zip(position.tolist(), classes.tolist(), strict=True)) == sorted(expected)


def test_a_unit_says_its_trees_and_one_that_is_not_there_is_damage() -> None:
    kept = _Kept(3)
    opened = Units(cast(Stored, kept), PAGES * UNITS_PER_PAGE, 999)
    elements, trees = opened.unit(UNITS_PER_PAGE + 4)
    assert (elements, trees.tolist()) == (8, kept.lists[1][0][4])
    kept.lists[0] = ([[]], [[]])
    with pytest.raises(IndexFileError):
        opened.unit(1)


def test_lists_that_name_what_is_not_there_are_damage() -> None:
    opened = Units(cast(Stored, _Kept(1)), 50, 999)
    with pytest.raises(IndexFileError, match="lists that name what is not there"):
        opened.classes_of(np.arange(400))


def test_parts_of_candidates_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that many units hold count the same, however few pairs are looked at at once."""
    drawn = np.random.default_rng(1)
    lists = [np.unique(drawn.integers(0, 200, 40)).astype(np.uint32) for _ in range(30)]

    class Index:
        units = 200
        parameters = type("Parameters", (), {"bands": 14})()

        def lookup(self, _: int, keys: Any) -> tuple[Any, Any, None]:
            found = [lists[key] for key in keys.tolist()]
            at = np.repeat(np.arange(len(found)), [one.size for one in found])
            return at, np.concatenate(found), None

    keys, rows = drawn.integers(0, 30, 80).astype(np.uint64), drawn.integers(0, 9, 80)
    held = np.array([lists[key].size for key in keys.tolist()])
    pair = np.unique(drawn.integers(0, 9, 300) << 8 | drawn.integers(0, 200, 300)).astype(np.uint64)
    expected = [
        sum(
            int(one & 255) in lists[key].tolist()
            for key, row in zip(keys.tolist(), rows.tolist(), strict=True)
            if row == int(one) >> 8
        )
        / 14
        for one in pair
    ]
    for size in (1, 7, 1 << 18):
        monkeypatch.setattr(candidates, "_UNITS_AT_ONCE", size)
        monkeypatch.setattr(candidates, "_PAIRS_AT_ONCE", size)
        found = candidates._held_too(cast(Any, Index()), (keys, rows, held), pair)
        assert found.tolist() == pytest.approx(expected)


def test_what_shares_one_common_key_tells_of_no_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a method's units those of more than one LSH key propose their classes, the likeliest of
    them; that some are left out is told by how many there are."""
    asked: list[int] = []

    class Index:
        units = 200

        def classes_of(self, units: Any) -> tuple[Any, Any]:
            asked.extend(units.tolist())
            return np.arange(units.size), units.astype(np.uint32) + 100

    monkeypatch.setattr(candidates, "MOST_BY_MEMBER", 2)
    outer, size = np.array([-1, 0, 0]), np.array([20, 10, 10])
    row, unit = np.array([0, 1, 1, 1, 2, 2]), np.array([3, 4, 5, 6, 7, 8])
    share = np.array([2.0, 1 / 14, 2 / 14, 1.0, 0.5, 1 / 14])
    pair = (row << 8 | unit).astype(np.uint64)
    found, weight, cut = candidates._of_classes(cast(Any, Index()), pair, share, outer, size)
    assert asked == [5, 6, 7]
    assert found.tolist() == [105, 106, 107]  # of row 0
    assert weight.tolist() == pytest.approx([1 / 14, 0.5, 0.25])
    assert cut.tolist() == [1]
