"""Verdicts follow from rates, and only from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import program

import provenance
from provenance import verdict
from provenance.library import Library
from provenance.model import Ancestor, Finding, Identity, Reference, Suspect
from provenance.null import Baseline, counted

pytestmark = pytest.mark.usefixtures("in_this_process")

NULL = Baseline(
    families=100,
    related=0.0,
    score=(counted(20, [0.1] * 990 + [0.5] * 9 + [0.9]),),
    structure=(counted(20, [0.1]),),
    text=(counted(20, [0.1]),),
    file=(counted(200, [0.0] * 995 + [0.2] * 5),),
)


def finding(rate: float | None, *, said: str = "resembles") -> Finding:
    reference = Reference(
        origin="birds/wren", package="birds", version="1", path="a.py", name="f", start_line=1,
        end_line=9, license="MIT", first_seen="2024-01-01", date_source="given",
        absent_before=None, family="wren", title="Wren", organisation=None, country=None, link=None,
    )  # fmt: skip
    return Finding(
        id="0", suspect=Suspect("m.py", "f", "function", 1, 9), reference=reference,
        clone_type="type-3", resemblance=0.8, suspect_containment=0.9, reference_containment=0.9,
        same_text=0.9, matched=90, also=(), blocks=(), renames=(), verdict=said,  # type: ignore[arg-type]
        attribution="undeclared", families=1, lineage=(), rarity=1.0,
        percentile=None if rate is None else 0.99, false_alarm_rate=rate,
        direction="unknown",
    )  # fmt: skip


def judged(one: Finding, share: float, null: Baseline | None = NULL) -> str:
    return verdict.judged([one], {"wren": share}, 1000, null)[0].verdict


def test_a_rate_of_one_in_a_thousand_is_enough_alone() -> None:
    assert judged(finding(0.001), 0.0) == "derived"
    assert judged(finding(0.0011), 0.0) == "resembles"


def test_one_in_a_hundred_needs_the_file() -> None:
    """The same family explains more of the file than 99 % of unrelated ones do."""
    assert judged(finding(0.01), 0.5) == "derived"
    assert judged(finding(0.01), 0.0) == "resembles"
    assert judged(finding(0.011), 0.5) == "resembles"


def test_what_has_no_rate_is_never_derived() -> None:
    """A part of a unit has none: the null is of whole units."""
    assert judged(finding(None), 1.0) == "resembles"


def test_common_is_never_derived() -> None:
    assert judged(finding(0.0001, said="common"), 1.0) == "common"


def test_without_a_baseline_nothing_is_derived() -> None:
    assert judged(finding(None), 1.0, None) == "resembles"


@given(families=st.integers(1, 500), of=st.integers(1, 500))
def test_what_more_have_is_less_rare_and_more_often_a_false_alarm(families: int, of: int) -> None:
    families = min(families, of)
    assert 0 <= verdict.rarity(families, of) <= 1
    assert verdict.rate(0.0, families, of) <= verdict.rate(0.0, families + 1, of)
    assert verdict.rarity(families, of) >= verdict.rarity(families + 1, of)
    assert verdict.rate(0.3, families, of) >= 0.3


def test_few_families_are_never_common() -> None:
    """In an index of two families everything shared is shared by all."""
    assert not verdict.is_common(2, 2)
    assert verdict.is_common(3, 20)
    assert not verdict.is_common(3, 60)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [((), "clear"), (("common",), "common"), (("common", "derived", "resembles"), "derived")],
)
def test_a_file_has_the_strongest_verdict(verdicts: tuple[str, ...], expected: str) -> None:
    from provenance.model import FileResult

    file = FileResult("m.py", "0" * 64, 9, 1, 0.0, (), 0.0, 1.0, ())
    found = [finding(0.5, said=one) for one in verdicts]
    assert verdict.of_file(file, found) == expected
    same = Identity("birds/wren", "birds", "1", ("1",), "a.py", None, None, True, ())
    assert verdict.of_file(replace(file, identical=same), found) == "derived"


@pytest.mark.parametrize(
    ("day", "before", "direction", "said"),
    [
        ("2024-06-01", "2023-06-01", "older", "derived"),
        ("2024-01-02", "2023-06-01", "same", "derived"),
        ("2023-09-01", "2023-06-01", "unknown", "derived"),  # it appeared between the two releases
        ("2023-01-01", "2023-06-01", "younger", "resembles"),
        ("2023-01-01", None, "unknown", "derived"),  # nobody knows what older releases have
    ],
)
def test_nothing_is_derived_from_what_is_younger(
    day: str, before: str | None, direction: str, said: str
) -> None:
    known = finding(0.0001, said="derived")
    chain = (Ancestor("birds/finch", "b.py", "F", "2020-01-01", 0.5),)
    known = replace(known, reference=replace(known.reference, absent_before=before), chain=chain)
    (told,) = verdict.directed([known], day)
    assert (told.direction, told.verdict) == (direction, said)
    assert told.chain == (chain if said == "derived" else ())


def test_how_many_families_hold_it_is_of_those_of_all_indexes(tmp_path: Path) -> None:
    """Of one alone, a small index of private code made common, and of no origin, what it had
    too; and 300 % of all families did as well."""
    shared = program(7, functions=1, classes=0, statements=30)
    for number in range(60):
        folder = tmp_path / "many" / "models" / f"fam{number}x"
        folder.mkdir(parents=True)
        own = program(100 + number, functions=1, classes=0)
        (folder / "modeling.py").write_text(own + (shared if number < 2 else ""))
    few = tmp_path / "few" / "models" / "ours9"
    few.mkdir(parents=True)
    (few / "modeling.py").write_text(shared + program(99, functions=1, classes=0))
    (tmp_path / "mine.py").write_text(shared)
    provenance.build_index([tmp_path / "many"], tmp_path / "many.db", date="2024-01-01")
    provenance.build_index([tmp_path / "few"], tmp_path / "few.db", date="2020-01-01")
    (found,) = provenance.scan(
        tmp_path / "mine.py", [tmp_path / "many.db", tmp_path / "few.db"]
    ).findings
    assert (found.families, found.verdict) == (3, "resembles")
    assert 0.9 > found.rarity > 0.5
    assert found.false_alarm_rate is not None
    assert found.false_alarm_rate <= 1


def test_one_null_is_for_all_indexes(tmp_path: Path) -> None:
    """That of the largest: beside it, what a small index has measured nothing of, as of one family
    there are no two that are unrelated, is judged by the same."""
    for number in range(60):
        folder = tmp_path / "many" / "models" / f"fam{number}x"
        folder.mkdir(parents=True)
        (folder / "modeling.py").write_text(program(100 + number, functions=4))
    few = tmp_path / "few" / "models" / "ours9"
    few.mkdir(parents=True)
    (few / "modeling.py").write_text(program(7, functions=4))
    mine = tmp_path / "mine.py"
    mine.write_text(program(7, functions=4) + program(8, functions=1))
    indexes = [tmp_path / "many.db", tmp_path / "few.db"]
    for path in indexes:
        provenance.build_index([path.with_suffix("")], path, date="2024-01-01")
    alone = provenance.scan(mine, indexes[1:]).findings
    beside = provenance.scan(mine, indexes).findings
    assert {one.verdict for one in alone} == {"resembles"}
    assert {one.verdict for one in beside} == {"derived"}
    assert {one.reference.origin for one in beside} == {"few/ours9"}


def test_a_rate_is_read_in_the_class_of_all_elements_as_it_was_measured(tmp_path: Path) -> None:
    """Where a unit repeats itself, and is not equal to its reference, by all of its elements: the
    sizes of the null are such. Counted once, one in four of such units fell into another class."""
    told = program(7, functions=1, classes=0, statements=4)
    repeated = told + "    held.append(width)\n" * 60
    for number in range(60):
        folder = tmp_path / "many" / "models" / f"fam{number}x"
        folder.mkdir(parents=True)
        own = program(100 + number, functions=4)
        (folder / "modeling.py").write_text(own + (repeated if not number else ""))
    provenance.build_index([tmp_path / "many"], tmp_path / "many.db", date="2024-01-01")
    mine = tmp_path / "mine.py"
    mine.write_text(repeated + "    return held * 2 - width\n")
    (found,) = provenance.scan(mine, [tmp_path / "many.db"]).findings
    assert found.resemblance < 1.0
    assert found.scores is not None
    elements = round(found.matched / found.suspect_containment)
    with Library([str(tmp_path / "many.db")]) as library:
        null = library.null
    assert null is not None
    assert elements >= 320
    assert null.survival(elements).pairs != null.survival(160).pairs
    assert found.false_alarm_rate == round(null.false_alarm_rate(found.scores.score, elements), 6)
