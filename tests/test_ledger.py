"""The baseline: what is new, known and fixed, whatever moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from provenance.errors import UsageError
from provenance.ledger import Entry, accepted, compared, ledger_text, read_ledger
from provenance.model import Fixed, Level, Ruling


def ruling(identity: str, path: str, level: Level = "error") -> Ruling:
    return Ruling(
        id=identity,
        rule="undeclared",
        breaks=("undeclared",),
        level=level,
        status="new",
        path=path,
        start_line=1,
        end_line=9,
        origin="pkg/family",
        license="MIT",
        message="found",
        remedy="mend",
    )


def entry(identity: str, path: str, reason: str = "why", rule: str = "undeclared") -> Entry:
    return Entry(identity, path, "name", "pkg/family", rule, "2026-01-01", reason)


def status(
    rulings: Sequence[Ruling],
    entries: Sequence[Entry],
    scanned: Sequence[str] | None = None,
    there: Sequence[str] = (),
) -> tuple[list[str], tuple[Fixed, ...], tuple[Entry, ...]]:
    told, fixed, held = compared(
        rulings,
        entries,
        lambda path: scanned is None or path in scanned,
        lambda path: path in there,
    )
    return [one.status for one in told], fixed, held


def test_what_it_has_is_known_and_keeps_its_reason_and_day() -> None:
    told, fixed, held = compared(
        [ruling("a", "x.py"), ruling("b", "x.py")],
        [entry("a", "x.py")],
        lambda _: True,
        lambda _: True,
    )
    assert [one.status for one in told] == ["known", "new"]
    assert told[0].reason == "why"
    assert fixed == ()
    new = accepted(told, held, "2026-11-26", "now")
    assert [(one.id, one.date, one.reason) for one in new] == [
        ("a", "2026-01-01", "why"),
        ("b", "2026-11-26", "now"),
    ]


def test_what_is_gone_is_fixed() -> None:
    assert status([], [entry("a", "x.py")])[1] == (Fixed("a", "x.py", "name", "pkg/family"),)


def test_what_is_gone_has_no_identity_of_what_is_there() -> None:
    """The first of several places of the same code is gone: the second one has its number now."""
    entries = [entry("a", "w.py"), entry("a-2", "x.py"), entry("a-3", "y.py")]
    found, fixed, _ = status([ruling("a", "y.py")], entries)
    assert found == ["known"]
    assert [(one.id, one.path) for one in fixed] == [("a-2", "w.py"), ("a-3", "x.py")]


def test_a_moved_file_stays_known() -> None:
    found, fixed, held = status([ruling("a", "new.py")], [entry("a", "old.py")])
    assert (found, fixed) == (["known"], ())
    assert held[0].path == "new.py"


def test_a_second_copy_is_new_whatever_their_order() -> None:
    """An entry is used up; the one at its own path has it."""
    for second in ("a.py", "z.py"):
        rulings = sorted([ruling("a", "m.py"), ruling("a-2", second)], key=lambda one: one.path)
        known, _, _ = status(rulings, [entry("a", "m.py")])
        found = dict(zip((one.path for one in rulings), known, strict=True))
        assert found == {"m.py": "known", second: "new"}


def test_a_part_gets_the_verdicts_of_the_whole() -> None:
    """A second copy is new although the first one, still there, was not scanned."""
    entries = [entry("a", "m.py")]
    found, fixed, held = status([ruling("a", "z.py")], entries, ["z.py"], ["m.py", "z.py"])
    assert (found, fixed) == (["new"], ())
    assert held == tuple(entries), "what was not looked at is kept"
    found, fixed, _ = status([ruling("a", "z.py")], entries, ["z.py"], ["z.py"])
    assert (found, fixed) == (["known"], ()), "the first one is gone: it was moved"


def test_what_breaks_a_graver_rule_since_is_new() -> None:
    """A policy that denies more has a say of what was accepted; the entry is not gone for that."""
    denied = replace(ruling("a", "x.py"), rule="license")
    assert status([denied], [entry("a", "x.py")]) == (["new"], (), ())
    assert status([denied], [entry("a", "old.py")]) == (["new"], (), ())
    assert status([denied], [entry("a", "x.py", rule="origin")])[0] == ["known"]
    milder = replace(denied, rule="notice")
    assert status([milder], [entry("a", "x.py", rule="license")])[0] == ["known"]


def test_no_entry_is_used_up_by_what_a_milder_one_accepts() -> None:
    rulings = [ruling("a", "x.py"), replace(ruling("a-2", "y.py"), rule="origin")]
    for order in (1, -1):
        entries = [entry("a", "z.py", rule="origin"), entry("a", "z.py")][::order]
        assert status(rulings, entries)[0] == ["known", "known"]


def test_what_only_notes_uses_up_no_entry() -> None:
    found, fixed, _ = status([ruling("a", "x.py", "note")], [entry("a", "x.py")])
    assert found == ["new"]
    assert len(fixed) == 1


def test_it_is_written_and_read_the_same() -> None:
    entries = [entry("b", "y.py"), entry("a", "x.py", "wegen Übernahme")]
    text = ledger_text(entries)
    assert read_ledger(text, "b.json") == tuple(reversed(entries))
    assert ledger_text(reversed(entries)) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "b.json:1: found no JSON"),
        ("{\n{", "b.json:2: found no JSON"),
        ("[" * 100_000, "found no JSON"),
        ("[]", "no baseline of format 1"),
        ('{"format_version": 2, "entries": []}', "no baseline of format 1"),
        ('{"format_version": 1, "entries": {}}', "no baseline of format 1"),
        ('{"format_version": 1, "entries": [1]}', "found entry 1 without"),
        ('{"format_version": 1, "entries": [{"id": 3}]}', "found entry 1 without"),
        (ledger_text([entry("a", "x.py", rule="none")]), "found the rule 'none' in entry 1"),
    ],
)
def test_what_is_no_baseline_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_ledger(text, "b.json")
    assert said in str(refused.value)
    assert "--write-baseline" in str(refused.value)


def test_many_entries_of_one_code_take_time_by_their_number() -> None:
    """A baseline of a scanned repository has as many as it likes; this took hours."""
    entries = [
        Entry("a" * 20, f"p{at}", "n", "o", "undeclared", "2026-01-02", "") for at in range(50_000)
    ]
    found = [ruling(f"{'a' * 20}-{at}", f"q{at}") for at in range(2, 20_000)]
    told, fixed, held = compared(found, entries, lambda _: True, lambda _: True)
    assert {one.status for one in told} == {"known"}
    assert len(fixed) + len(held) == len(entries)
