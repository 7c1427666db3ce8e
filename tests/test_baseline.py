"""baseline: what unrelated code scores in an index. A finding's percentile and false-alarm rate."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import program

import provenance
from provenance.baseline import _resemblance as resemblances
from provenance.baseline import _View, measure
from provenance.index import Index
from provenance.library import resemblance
from provenance.library import resemblances as of_several
from provenance.null import SIZES, STEPS, Baseline, Survival, counted

pytestmark = pytest.mark.usefixtures("in_this_process")

_SCORES = st.lists(st.floats(0, 1), max_size=60)


def one_class(scores: list[float]) -> Baseline:
    """A baseline of one size class with these scores for everything."""
    table = (counted(20, scores),)
    return Baseline(2, 0.0, table, table, table, table)


def own(origin: str) -> str:
    """Every origin is a family."""
    return origin


Build = Callable[[dict[str, str]], Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """An index of a package with one module for each family."""

    def made(families: dict[str, str]) -> Path:
        folder = tmp_path / "zoo" / "models"
        for name, text in families.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / "modeling.py").write_text(text, "utf-8")
        path = tmp_path / "zoo.db"
        provenance.build_index([str(tmp_path / "zoo")], path, date="2025-03-01", license="MIT")
        return path

    return made


def measured(path: Path, family_of: Callable[[str], str] = own) -> Baseline:
    with Index(path) as index:
        return measure(index, family_of)


def highest(table: tuple[Survival, ...]) -> float:
    """The highest score of a null, rounded down to a step."""
    return max((len(one.above) - 1) / STEPS for one in table)


# --- what it answers ----------------------------------------------------------------------


@given(_SCORES, st.floats(0, 1))
def test_rates_are_never_below_what_the_null_shows(scores: list[float], score: float) -> None:
    """Rounding to steps may only make a false alarm likelier, and by one step at most."""
    baseline = one_class(scores)
    reached = sum(one >= score for one in scores)
    nearly = sum(one >= score - 1 / STEPS - 1e-6 for one in scores)
    rate = baseline.false_alarm_rate(score, 50)
    assert (reached + 1) / (len(scores) + 1) <= rate <= (nearly + 1) / (len(scores) + 1)
    assert 0 < rate <= 1
    assert 0 <= baseline.percentile(score, 50) <= 1
    if scores:
        assert baseline.percentile(score, 50) <= 1 - reached / len(scores) + 1e-12


@given(_SCORES, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_score_is_never_a_likelier_alarm(
    scores: list[float], one: float, other: float
) -> None:
    baseline = one_class(scores)
    low, high = min(one, other), max(one, other)
    assert baseline.false_alarm_rate(high, 50) <= baseline.false_alarm_rate(low, 50)
    assert baseline.percentile(high, 50) >= baseline.percentile(low, 50)


@given(_SCORES, st.floats(0.01, 1))
def test_a_threshold_is_the_least_score_with_its_rate(scores: list[float], rate: float) -> None:
    baseline = one_class(scores)
    least = baseline.threshold(rate, 50)
    if least is None:
        assert baseline.false_alarm_rate(1.0, 50) > rate
        return
    assert baseline.false_alarm_rate(least, 50) <= rate
    if least:
        assert baseline.false_alarm_rate(least - 1 / STEPS, 50) > rate


def test_no_null_no_claim() -> None:
    """Nothing was compared: nothing is unusual."""
    baseline = one_class([])
    assert baseline.false_alarm_rate(1.0, 500) == 1.0
    assert baseline.percentile(1.0, 500) == 0.0
    assert baseline.threshold(0.01, 500) is None


def test_each_size_has_its_class() -> None:
    """Elements choose the table: below the smallest class its own."""
    table = tuple(counted(least, [least / 1000]) for least in SIZES)
    baseline = Baseline(2, 0.0, table, table, table, table)
    found = [baseline.survival(elements).least for elements in (1, 20, 39, 40, 319, 320, 10**6)]
    assert found == [20, 20, 20, 40, 160, 320, 320]


# --- as JSON ------------------------------------------------------------------------------


@given(_SCORES)
def test_json_gives_back_the_same(scores: list[float]) -> None:
    baseline = one_class(scores)
    assert Baseline.from_json(baseline.to_json()) == baseline


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"families":1}',
        one_class([0.5]).to_json().replace('"above":[1', '"above":[0'),
        one_class([0.5]).to_json().replace('"least":20', '"least":null'),
        json.dumps({**json.loads(one_class([]).to_json()), "score": []}),
    ],
)
def test_refuses_what_it_did_not_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"no baseline|Expecting"):
        Baseline.from_json(text)


# --- what it measures ---------------------------------------------------------------------


@given(
    st.lists(st.lists(st.integers(0, 40), min_size=1), max_size=5),
    st.lists(st.lists(st.integers(0, 40), min_size=1), max_size=5),
)
def test_resemblance_is_that_of_a_scan(left: list[list[int]], right: list[list[int]]) -> None:
    """All pairs at once give what ``attribute`` gives pair by pair."""
    import numpy as np

    one, other = ([np.unique(np.array(each, np.uint64)) for each in sets] for sets in (left, right))
    found = resemblances(_View(one), _View(other))
    assert found.tolist() == [[resemblance(a, b) for b in other] for a in one]
    if other:
        assert found.tolist() == [of_several(a, other) for a in one]


def test_very_many_pairs_are_counted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that memory does not go with their number."""
    import numpy as np

    one, other = (
        [np.unique(random.Random(at + first).choices(range(30), k=12)) for at in range(9)]
        for first in (0, 100)
    )
    whole = resemblances(_View(one), _View(other)).tolist()
    monkeypatch.setattr("provenance.baseline._PAIRS", 7)
    assert resemblances(_View(one), _View(other)).tolist() == whole


def test_units_of_one_shape_are_looked_up_once(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Very many of them, each with all others, took gigabytes."""
    import numpy as np

    shape = (
        "def g{0}(x):\n    y = (x - {0}) // (x + {0})\n    return y if x > {0} else (x, y, {0})\n"
    )
    path = build({f"f{at}": "".join(shape.format(at + k) for k in range(20)) for at in (100, 200)})
    lookup = Index.lookup

    def once(self: Index, door: int, keys: Any, most: int | None = None) -> Any:
        assert np.unique(keys).size == keys.size
        return lookup(self, door, keys, most)

    monkeypatch.setattr(Index, "lookup", once)
    measured(path)


def test_programs_of_nothing_in_common_score_low(build: Build) -> None:
    """Random programs: nobody is related, no file has an accepted match, all pairs are counted."""
    baseline = measured(build({f"f{seed}": program(seed) for seed in range(8)}))
    assert (baseline.families, baseline.related) == (8, 0.0)
    assert sum(one.pairs for one in baseline.file) == 8 * 7
    assert sum(one.pairs for one in baseline.score) > 100
    assert highest(baseline.score) < 0.4
    assert highest(baseline.file) == 0
    assert baseline.false_alarm_rate(0.9, 100) == 1 / (baseline.survival(100).pairs + 1)


def test_true_derivations_do_not_raise_the_null(build: Build) -> None:
    """Two families that share most of their code are related: their resemblance is no null."""
    families = {f"f{seed}": program(seed) for seed in range(8)}
    families["f8"] = families["f0"] + program(100, functions=1, classes=0)
    baseline = measured(build(families))
    assert baseline.related == pytest.approx(2 / (9 * 8), abs=1e-6)
    assert highest(baseline.score) < 0.4
    assert highest(baseline.file) == 0


def test_what_is_alike_without_relation_stays_in_the_null(build: Build) -> None:
    """One function that two families have, and nothing else of each other: being equal is no
    ground to leave it out."""
    shared = program(100, functions=1, classes=0, statements=20)
    families = {f"f{seed}": program(seed, functions=30) for seed in range(8)}
    for name in ("f0", "f1"):
        families[name] += shared
    assert highest(measured(build(families)).score) == 1.0


def test_common_units_are_left_out(build: Build) -> None:
    """What most families have is known to be common; the null is that of the rest."""
    shared = program(100, functions=1, classes=0, statements=20)
    families = {f"f{seed}": program(seed, functions=30) + shared for seed in range(8)}
    assert highest(measured(build(families)).score) < 0.4


def test_origins_of_one_family_are_not_compared(build: Build) -> None:
    """``family_of`` decides: one family alone has no null."""
    path = build({f"f{seed}": program(seed) for seed in range(3)})
    baseline = measured(path, lambda origin: "all")
    assert baseline.families == 1
    assert not any(one.pairs for one in (*baseline.score, *baseline.file))


def test_the_same_index_gives_the_same_bytes(build: Build) -> None:
    path = build({f"f{seed}": program(seed) for seed in range(5)})
    assert measured(path).to_json() == measured(path).to_json()


def test_an_index_with_next_to_nothing_in_it(build: Build) -> None:
    """No file is large enough: tables without pairs."""
    baseline = measured(build({"a": "x = 1\n", "b": "y = 2\n"}))
    assert baseline.threshold(0.5, 100) is None
    assert Baseline.from_json(baseline.to_json()) == baseline
