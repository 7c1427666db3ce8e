"""What a unit shares with a reference is counted as sets are, however often it repeats."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance import candidates
from provenance.postings import Posted
from provenance.schema import RUN

FINGERPRINTS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([1, 2, 2 << 31, (2 << 31) + 1, 9 << 60])),
    max_size=80,
)


class _Index:
    """Units that hold fingerprints, by hand."""

    units = 16

    def __init__(self, held: dict[int, list[int]]) -> None:
        self.held = held

    def posted(self, _: int, keys: Any) -> Posted:
        found = [self.held.get(key, []) for key in keys.tolist()]
        many = np.array([len(one) for one in found], np.intp)
        listed = np.array([unit for one in found for unit in one], np.uint32)
        at = np.flatnonzero(many)
        return Posted(at, many[at], (np.cumsum(many) - many)[at], many[at], listed)


@given(FINGERPRINTS)
def test_each_row_has_each_fingerprint_once(listed: list[tuple[int, int]]) -> None:
    owner = np.array([row for row, _ in listed], np.intp)
    keys = np.array([key for _, key in listed], np.uint64)
    asked = np.flatnonzero(owner != 3)
    first: dict[tuple[int, int], int] = {}
    for place, one in enumerate(listed):
        if one[0] != 3:
            first.setdefault(one, place)
    assert candidates._once(owner, keys, asked).tolist() == sorted(first.values())


def test_rows_and_fingerprints_that_mix_to_the_same_are_told_apart() -> None:
    owner = np.array([5, 9, 5, 9, 5, 9, 2], np.intp)
    keys = owner.astype(np.uint64) * candidates._FACTOR
    keys[-1] ^= np.uint64(1 << 63)
    assert candidates._once(owner, keys, np.arange(7)).tolist() == [0, 1, 6]


@pytest.mark.parametrize("many", [10_000, 3])
def test_what_repeats_is_shared_once(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of numbers is no part of another one, and what a unit shares is what the sets of both
    share, whether repeats are dropped before they are looked up or behind."""
    monkeypatch.setattr(candidates, "_MANY", many)
    index = _Index({7: [4], 8: [4, 5], 9: [6]})
    rows = np.array([0, 0, 0, 0, 0, 1, 1, 0], np.intp)
    keys = np.array([7, 7, 7, 7, 8, 7, 9, 3], np.uint64)
    row, unit, share = candidates._shared(cast(Any, index), RUN, keys, rows, 2)
    # of 16 units one has 7 and 9, two have 8, nobody has 3: they weigh 4, 4, 3 and 4
    found = {
        (r, u): [one for r_, u_, one in zip(row, unit, share, strict=True) if (r_, u_) == (r, u)]
        for r, u in zip(row.tolist(), unit.tolist(), strict=True)
    }
    assert found == {
        (0, 4): pytest.approx([4 / 11, 3 / 11]),
        (0, 5): pytest.approx([3 / 11]),
        (1, 4): pytest.approx([4 / 8]),
        (1, 6): pytest.approx([4 / 8]),
    }
