"""seen: what a scan may see does not depend on what was asked before, and is asked page by page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import program

import provenance
from provenance.index import Index
from provenance.seen import Seen

pytestmark = pytest.mark.usefixtures("in_this_process")


@given(
    st.lists(st.booleans(), min_size=1, max_size=60),
    st.integers(1, 20),
    st.lists(st.lists(st.integers(0, 59), max_size=8), max_size=6),
)
def test_any_order_of_asking_gives_the_same(
    truth: list[bool], each: int, asked: list[list[int]]
) -> None:
    """Each page is read once, and only where something of it is asked for."""
    read: list[int] = []

    def page(number: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        read.append(number)
        return np.array(truth[number * each :], bool)  # longer than a page, as a forged one may be

    seen = Seen(len(truth), each, page)
    wanted = [[one % len(truth) for one in few] for few in asked]
    for few in wanted:
        assert seen.of(np.array(few, np.uint32)).tolist() == [truth[one] for one in few]
    assert sorted(read) == sorted({one // each for few in wanted for one in few})
    assert seen.every().tolist() == truth


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases of three families each, which share some of their code."""
    place = tmp_path_factory.mktemp("seen")
    for number in (1, 2):
        for family in ("wren", "robin", "tern"):
            folder = place / f"v{number}" / "birds" / "models" / family
            folder.mkdir(parents=True)
            seed = len(family) + (number if family == "wren" else 0)
            (folder / f"modeling_{family}.py").write_text(program(seed, classes=2), "utf-8")
    path = place / "birds.db"
    for number, day in ((1, "2024-01-01"), (2, "2025-01-01")):
        source = str(place / f"v{number}" / "birds")
        provenance.build_index([source], path, date=day, extend=number > 1)
    return path


def test_a_unit_is_seen_where_a_file_has_it_that_is(index: Path) -> None:
    """As ``standing`` says it of every unit, for all releases and origins."""
    with Index(index) as opened:
        numbers = np.arange(1, opened.units + 1)
        for releases in ([1], [2], [1, 2], []):
            for origins in ([1], [2, 3], [*opened.origin_facts], []):
                seen = opened.seen(releases, origins)
                assert seen.of(numbers).tolist() == [
                    any(one.release in releases and one.origin in origins for one in files)
                    for files in map(opened.standing, numbers.tolist())
                ]
                assert not seen.every()[0]
