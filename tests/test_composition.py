"""The composition of many files: every part counts once, and all shares add up to 1."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from provenance.composition import cover, of_repository
from provenance.model import FileResult, Share

ORIGINS = st.frozensets(st.sampled_from("abcdef"), max_size=4)
PARTS = st.lists(st.tuples(st.integers(0, 50).map(float), ORIGINS), max_size=12)


def file(lines: int, *shares: Share, common: float = 0.0) -> FileResult:
    explained = sum(share.share for share in shares) + common
    return FileResult(
        f"{lines}.py", "0" * 64, lines, 1, explained, shares, common, 1 - explained, ()
    )


def test_who_explains_most_takes_all_that_it_explains_as_well() -> None:
    """No origin is named beside another that explains the same parts and more."""
    parts = [(4.0, frozenset("ab")), (3.0, frozenset("bc")), (2.0, frozenset("c"))]
    assert cover(parts) == [("b", 7.0, ("a",)), ("c", 2.0, ())]


def test_equals_are_named_by_name() -> None:
    assert cover([(1.0, frozenset("ba"))]) == [("a", 1.0, ("b",))]


@given(PARTS)
def test_every_part_counts_once(parts: list[tuple[float, frozenset[str]]]) -> None:
    found = cover(parts)
    assert sum(one[1] for one in found) == sum(size for size, origins in parts if origins)
    weights = [one[1] for one in found]
    assert weights == sorted(weights, reverse=True)
    assert found == cover(reversed(parts)), "the order of the parts does not matter"


def test_a_file_weighs_as_many_lines_as_it_has() -> None:
    files = [
        file(300, Share("p/x", 0.5), common=0.1),
        file(100, Share("p/y", 1.0, ("p/x",))),
        file(0),
    ]
    shares, common, novel = of_repository(files)
    assert shares == (Share("p/x", 0.625),)
    assert (common, novel) == (0.075, 0.3)


def test_nothing_scanned_is_all_own() -> None:
    assert of_repository([]) == ((), 0.0, 1.0)
