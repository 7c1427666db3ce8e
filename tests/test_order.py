"""order: sorted integers and where they came from, held against NumPy's slower ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.order import distinct, firsts, inserted, ranked

VALUES = st.lists(st.integers(0, 2**20 - 1), max_size=60)


@pytest.mark.parametrize("bits", [20, 64])
@given(VALUES)
def test_ranked_is_a_stable_sort(bits: int, values: list[int]) -> None:
    """Whether value and position fit into one number or not."""
    given_ = np.array(values, np.uint64)
    ascending, order = ranked(given_, bits)
    assert order.tolist() == np.argsort(given_, kind="stable").tolist()
    assert ascending.tolist() == sorted(values)
    assert given_.tolist() == values


@pytest.mark.parametrize("bits", [20, 64])
@given(VALUES)
def test_distinct_is_unique(bits: int, values: list[int]) -> None:
    found, place = distinct(np.array(values, np.uint64), bits)
    assert found.tolist() == sorted(set(values))
    assert found[place].tolist() == values


def test_firsts() -> None:
    assert firsts(np.array([1, 1, 2, 5, 5], np.uint64)).tolist() == [True, False, True, True, False]
    assert firsts(np.empty(0, np.uint64)).size == 0


@given(VALUES, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=20))
def test_inserted_is_insert(values: list[int], new: list[tuple[int, int]]) -> None:
    new = sorted((min(at, len(values)), value) for at, value in new)
    at = np.array([one[0] for one in new], np.intp)
    more = np.array([one[1] for one in new], np.uint64)
    given_ = np.array(values, np.uint64)
    assert inserted(given_, at, more).tolist() == np.insert(given_, at, more).tolist()
