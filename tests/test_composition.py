"""Who is named for what: every part by one origin, the fewest, the likelier sources first."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import program, shuffled_names

import provenance
from provenance.composition import HALF, MARGIN, named, nearest, of_repository, weight
from provenance.model import FileResult, Share
from provenance.report.saved import report_of

pytestmark = pytest.mark.usefixtures("in_this_process")

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is slow to draw, too."""
DAY = "2024-01-01"
EQUAL = dict.fromkeys("abcdef", (DAY, 0))
GAPS = st.dictionaries(
    st.sampled_from("abcdef"), st.sampled_from([0.0, 0.04, 0.1, 0.3]), max_size=4
)
PARTS = st.lists(
    st.tuples(st.integers(1, 50).map(float), GAPS, st.sampled_from("abcdef")).map(
        lambda one: (one[0], {**one[1], one[2]: 0.0})  # somebody is the nearest
    ),
    max_size=8,
)


def file(lines: int, *shares: Share, common: float = 0.0) -> FileResult:
    explained = sum(share.share for share in shares) + common
    return FileResult(
        f"{lines}.py", "0" * 64, lines, 1, explained, shares, common, 1 - explained, ()
    )


# --- a file -------------------------------------------------------------------------------


def test_who_is_near_to_most_is_named_for_all_that_it_is_near_to() -> None:
    """An elder sibling that wins one unit by a hair is not named beside the true source."""
    parts = [(4.0, {"a": 0.0}), (3.0, {"a": 0.04, "b": 0.0}), (2.0, {"b": 0.2, "c": 0.0})]
    assert named(parts, EQUAL) == ["a", "a", "c"]


def test_what_is_far_is_not_named_whatever_it_explains() -> None:
    parts = [(90.0, {"a": 0.0}), (1.0, {"a": MARGIN + 0.01, "b": 0.0})]
    assert named(parts, EQUAL) == ["a", "b"]


def test_between_equals_the_older_then_the_more_widely_shared_then_the_first_by_name() -> None:
    parts = [(1.0, {"a": 0.0, "b": 0.0, "c": 0.0})]
    assert named(parts, EQUAL) == ["a"]
    assert named(parts, {**EQUAL, "c": (DAY, 9)}) == ["c"]
    assert named(parts, {**EQUAL, "b": ("2023-01-01", 0)}) == ["b"]


def test_of_what_is_very_old_the_older_is_not_worth_more_than_numbers_hold() -> None:
    """A member of an archive may be of the year 1: that ended every scan that met it."""
    parts = [(1.0, {"a/a": 0.0, "b/b": 0.0})]
    assert named(parts, {"a/a": ("1990-01-01", 0), "b/b": ("0001-01-01", 0)}) == ["b/b"]


def test_without_a_day_an_origin_is_as_young_as_the_youngest() -> None:
    parts = [(1.0, {"a": 0.0, "b": 0.0})]
    undated = ("9999-99-99", 0)
    assert named(parts, {"a": undated, "b": ("2024-01-01", 0)}) == ["a"]
    assert named([(1.0, {"a": 0.0, "b": 0.0, "c": 0.0})], {
        "a": undated, "b": ("2020-01-01", 0), "c": (DAY, 0)
    }) == ["b"]  # fmt: skip
    assert named(parts, dict.fromkeys("ab", undated)) == ["a"]


@UNHURRIED
@given(PARTS)
def test_every_part_is_named_by_one_that_is_near(
    parts: list[tuple[float, dict[str, float]]],
) -> None:
    found = named(parts, EQUAL)
    assert all(gaps[origin] <= MARGIN for origin, (_, gaps) in zip(found, parts, strict=True))
    assert found == named(list(reversed(parts)), EQUAL)[::-1], "their order does not matter"


def test_nearest_are_those_of_at_least_half() -> None:
    assert nearest({"c": 2.0, "b": 2.0, "a": 1.0, "d": 0.9}, 2.0) == ("b", "c", "a")


# --- a repository -------------------------------------------------------------------------


def test_a_file_weighs_as_many_lines_as_it_has() -> None:
    files = [
        file(300, Share("a", 0.5), common=0.1),
        file(100, Share("b", 1.0, ("a",))),
        file(0),
    ]
    shares, common, novel = of_repository(files, EQUAL)
    assert shares == (Share("a", 0.625),), "what b is named for, a explains as well"
    assert (common, novel) == (0.075, 0.3)


def test_what_is_named_elsewhere_is_said_to_be_as_close() -> None:
    files = [file(100, Share("a", 1.0)), file(100, Share("b", 1.0, ("a", "c")))]
    assert of_repository(files, EQUAL) == ((Share("a", 1.0, ("b", "c")),), 0.0, 0.0)


@UNHURRIED
@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.lists(st.integers(0, 9), min_size=3, max_size=3)),
        max_size=8,
    )
)
def test_shares_add_up_to_one(sizes: list[tuple[int, list[int]]]) -> None:
    files = [
        file(lines, *(Share(one, part / 40) for one, part in zip("ab", parts, strict=False)),
             common=parts[2] / 40)
        for lines, parts in sizes
    ]  # fmt: skip
    shares, common, novel = of_repository(files, EQUAL)
    assert abs(sum(share.share for share in shares) + common + novel - 1) < 1e-5


def test_nothing_scanned_is_all_own() -> None:
    assert of_repository([], EQUAL) == ((), 0.0, 1.0)


@UNHURRIED
@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(0.05, 1.0), st.floats(0.05, 1.0))
def test_a_unit_weighs_what_it_tells(one: int, other: int, near: float, telling: float) -> None:
    """More for being larger, but never twice what ``HALF`` elements are; by the square of how near
    its nearest is; in proportion to how few have it."""
    small, large = sorted((one, other))
    assert 0 < weight(small, near, telling) <= weight(large, near, telling) < telling
    assert weight(5000, near, telling) < 2 * weight(HALF, near, telling)
    assert weight(one, near / 2, telling) <= weight(one, near, telling) / 4 + 1e-12
    assert weight(one, near, telling / 2) <= weight(one, near, telling) / 2 + 1e-12


def test_what_is_near_outweighs_much_that_hardly_resembles() -> None:
    """Two units equal to those of one family, five that resemble another by a third."""
    equal = [(weight(100, 1.0, 1.0), {"a": 0.0, "b": 0.09})] * 2
    far = [(weight(100, 0.35, 1.0), {"b": 0.0, "a": 0.09})] * 5
    assert named(equal + far, EQUAL) == ["a"] * 7


def test_six_sixths_are_not_more_than_one(tmp_path: Path) -> None:
    """Each share is rounded up by itself: the report of such a file was none by its schema, and
    could not be read again."""
    parts = [shuffled_names(program(1, functions=1, classes=0), seed) for seed in range(6)]
    for number, text in enumerate(parts):
        reference = tmp_path / "reference" / "models" / f"f{number}" / "a.py"
        reference.parent.mkdir(parents=True)
        reference.write_text(text, newline="\n")
    (tmp_path / "mine.py").write_text("\n\n".join(parts), newline="\n")
    report = provenance.compare(tmp_path / "mine.py", tmp_path / "reference")
    (mine,) = report.files
    assert [share.share for share in mine.composition] == [round(1 / 6, 6)] * 6
    assert (mine.similarity, mine.novel) == (1.0, 0.0)
    assert report_of(provenance.json_report(report), "it") == report


def test_what_is_common_is_similar_but_nobodys(tmp_path: Path) -> None:
    """A file of what a dozen families have, a part of one of them, and its own: the three add up
    to 1, and the first two are what is similar."""
    boilerplate, borrowed, own = (program(seed, functions=2) for seed in (900, 901, 902))
    for seed in range(12):
        place = tmp_path / "birds" / f"m{seed}.py"
        place.parent.mkdir(exist_ok=True)
        place.write_text(boilerplate + (borrowed if not seed else program(seed)))
    provenance.build_index([str(tmp_path / "birds")], tmp_path / "i.db")
    (tmp_path / "mine.py").write_text(boilerplate + borrowed + own)
    (told,) = provenance.scan(str(tmp_path / "mine.py"), [tmp_path / "i.db"]).files
    explained = sum(share.share for share in told.composition)
    assert told.common > 0.2
    assert explained > 0.2
    assert told.novel > 0.2
    assert told.similarity == pytest.approx(explained + told.common, abs=1e-5)
    assert told.similarity + told.novel == pytest.approx(1, abs=1e-5)
