"""Theorems that hold across modules, and round trips of what is written, each for any input. Those
of one module stand in its own test; CONTRIBUTING.md lists all, with a fault that each catches."""

from __future__ import annotations

import codecs
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import permutations

import pytest
from audits import hostile
from faults import THEOREMS, Theorem
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mutations import ROOT, mutated
from programs import _each_name, program, renamed, shuffled_names
from thorough import tried

import provenance
from provenance.align import align, blocks, renames
from provenance.bundle import MEMBERS, packed, unpacked
from provenance.decode import decode
from provenance.ledger import Entry, ledger_text, read_ledger
from provenance.library import Library, resemblance, score
from provenance.model import Audit, Parsed, Report, Skipped, SourceFile
from provenance.parse import grammar, parse
from provenance.report.json import json_report
from provenance.report.saved import report_of
from provenance.ruling import GRAVEST
from provenance.scanning import Asked, Outcome, outcomes, reported
from provenance.spoken import UNSPOKEN

SEEDS = st.integers(0, 10**6)
MANY = settings(max_examples=tried(25, 60), deadline=None, derandomize=True)
FEW = settings(max_examples=tried(6, 15), deadline=None, derandomize=True)
"""Of what parses or scans."""
SHORT = {"functions": 2, "statements": 5}


def source_file(path: str, text: str) -> SourceFile:
    content = text.encode()
    return SourceFile(path, content, sha256(content).hexdigest(), None, ())


# --- the theorems themselves --------------------------------------------------------------


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda one: one.name)
def test_faults_can_be_put_in_and_tests_are_there(theorem: Theorem) -> None:
    """Three at least for each theorem of CONTRIBUTING.md; ``mutations`` shows they are caught."""
    assert len(theorem.faults) >= 3
    for fault in theorem.faults:
        text = (ROOT / "provenance" / fault[0]).read_text("utf-8")
        assert mutated(text, fault) != text
    for test in theorem.tests:
        file, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / "tests" / file).read_text("utf-8")


def test_each_theorem_is_told() -> None:
    told = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Theorems")[2]
    rows = told.partition("\n## ")[0].split("|---|---|---|\n")[1].strip().split("\n")
    for theorem, row in zip(THEOREMS, rows, strict=True):
        assert row.startswith(f"| {theorem.name}")
        assert {f"tests/{test.partition('::')[0]}" for test in theorem.tests} == set(
            row.split("|")[2].replace("`", "").replace(" ", "").split(",")
        )


# --- what is found ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Six small models, each a mate of another that shares a file with it."""
    folder = tmp_path_factory.mktemp("theorems")
    for number in range(6):
        models = folder / "birds" / f"bird{number}"
        models.mkdir(parents=True)
        (models / "own.py").write_text(program(number, **SHORT), "utf-8")
        (models / "shared.py").write_text(program(10 + number // 2, **SHORT), "utf-8")
    provenance.build_index([str(folder / "birds")], folder / "i.db", date="2025-01-02")
    with Library([str(folder / "i.db")]) as opened:
        yield opened


def report(library: Library, found: list[Outcome], skipped: list[Skipped]) -> Report:
    asked = Asked(
        source="mine",
        release=next(iter(library.indexes[0].releases.values())),
        indexes=(),
        parameters=library.parameters,
        standings=library.standings,
        as_of=None,
        exclude_origin=(),
        suspect_date=None,
        notice_files=(),
        history=False,
    )
    return reported(asked, found, skipped)


FILES = st.lists(
    st.tuples(st.lists(st.integers(0, 12), min_size=1, max_size=3), st.sampled_from(["", "_x"])),
    min_size=2,
    max_size=6,
)
"""Of each file the programs that it is made of, and what their names end in."""


@FEW
@given(FILES, st.randoms(use_true_random=False))
def test_order_and_batches_of_files_change_nothing(
    library: Library, files: list[tuple[list[int], str]], drawn: random.Random
) -> None:
    """Whichever worker had which files, in whichever order they came back."""
    given_files = [
        source_file(f"{at}.py", "".join(renamed(program(s, **SHORT), also=a) for s in seeds))
        for at, (seeds, a) in enumerate(files)
    ]
    skipped = [Skipped("b", "found x"), Skipped("a", "found z"), Skipped("a", "found y")]
    whole = json_report(report(library, outcomes(given_files, library, UNSPOKEN, 60.0), skipped))
    drawn.shuffle(given_files)
    drawn.shuffle(skipped)
    cut = drawn.randint(0, len(given_files))
    parts = [
        one
        for batch in (given_files[:cut], given_files[cut:])
        if batch
        for one in outcomes(batch, library, UNSPOKEN, 60.0)
    ]
    drawn.shuffle(parts)
    assert json_report(report(library, parts, skipped)) == whole


@FEW
@given(FILES)
def test_what_a_file_is_made_of_adds_up_to_one(
    library: Library, files: list[tuple[list[int], str]]
) -> None:
    """And what all files together are made of."""
    found = outcomes(
        [
            source_file(f"{at}.py", "".join(renamed(program(s, **SHORT), also=a) for s in seeds))
            for at, (seeds, a) in enumerate(files)
        ],
        library,
        UNSPOKEN,
        60.0,
    )
    told = report(library, found, [])
    each = [(one.composition, one.common, one.novel) for one in told.files]
    for composition, common, novel in (*each, (told.composition, told.common, told.novel)):
        parts = [*(share.share for share in composition), common, novel]
        assert all(0 <= part <= 1 for part in parts)
        assert abs(sum(parts) - 1) < 1e-5


def test_what_is_remembered_of_two_units_is_theirs(library: Library) -> None:
    """Whichever were asked for before."""
    units = [(0, unit) for unit in range(1, 13)]
    for one, other in permutations(units, 2):
        left, right = library.shingled([one, other])
        structure = resemblance(left.structure, right.structure)
        assert library.alike(one, other) == score(structure, resemblance(left.text, right.text))


# --- alignment under its renames -----------------------------------------------------------


@FEW
@given(SEEDS)
def test_blocks_are_equal_under_the_renames(seed: int) -> None:
    """The reference with its names changed as the renames say is the suspect, element by element,
    and each place of a name is counted once. Blocks are all lines of both."""
    theirs, mine = (program(seed, **SHORT), shuffled_names(program(seed, **SHORT), seed + 1))
    left, right = parse(mine.encode()), parse(theirs.encode())
    found = align(left.tokens, right.tokens)
    names = left.tokens.kind[found.suspect] == grammar().identifier
    pairs = Counter(
        zip(
            (_name(left, at) for at in found.suspect[names].tolist()),
            (_name(right, at) for at in found.reference[names].tolist()),
            strict=True,
        )
    )
    said = renames(pairs, certain=True)
    assert sum(one.places for one in said) == int(names.sum())
    changed = {one.reference: one.suspect for one in said}
    assert len(changed) == len(said)
    again = parse(_each_name(theirs, lambda name: changed.get(name, name)).encode())
    assert again.tokens.text.tolist() == left.tokens.text.tolist()
    parts = blocks(found, left.tokens, right.tokens)
    lines = left.tokens.line
    assert (parts[0].suspect_start, parts[-1].suspect_end) == (int(lines[0]), int(lines[-1]))


@FEW
@given(SEEDS, st.sampled_from([("Robin", "Trout"), ("Robin", "Rook"), ("Trout", "Robin")]))
def test_a_word_that_all_names_bear_is_one_rename(seed: int, words: tuple[str, str]) -> None:
    """Of all their places, and without the words that both names end with."""
    theirs, mine = (
        _each_name(program(seed, **SHORT), lambda name, word=word: word + name.title())
        for word in words
    )
    left, right = parse(mine.encode()), parse(theirs.encode())
    found = align(left.tokens, right.tokens)
    names = left.tokens.kind[found.suspect] == grammar().identifier
    pairs = Counter(
        (_name(left, at), _name(right, to))
        for at, to in zip(
            found.suspect[names].tolist(), found.reference[names].tolist(), strict=True
        )
    )
    (one,) = renames(pairs, certain=True)
    assert (one.reference, one.suspect, one.places) == (*words, int(names.sum()))


def _name(parsed: Parsed, at: int) -> str:
    word = int(parsed.tokens.word[at])
    return next(raw.decode() for raw, known in parsed.words.items() if known == word)


# --- what is written is read the same ------------------------------------------------------

TEXTS = st.text(
    st.characters(exclude_categories=()) | st.sampled_from("\ud800\udbff\udc00\udfff"), max_size=12
).filter(lambda text: json.loads(json.dumps(text)) == text)
"""Lone surrogates too; not two halves of one character, which JSON cannot tell from it."""
RULES = st.sampled_from(GRAVEST)
ENTRIES = st.lists(st.builds(Entry, *[TEXTS] * 4, RULES, *[TEXTS] * 2), max_size=6) | st.lists(
    st.builds(Entry, *[st.sampled_from("ab")] * 4, RULES, *[st.sampled_from("ab")] * 2), max_size=9
)
"""Of any texts; of so few that some entries differ only in the last of them."""


@MANY
@given(ENTRIES, st.randoms(use_true_random=False))
@example([Entry("\udfff", "\ud800", "", "", "notice", "", "")], random.Random(0))
def test_a_baseline_comes_back_whatever_its_texts(
    entries: list[Entry], drawn: random.Random
) -> None:
    """Lone surrogates too, and as bytes of a file; in whichever order it is given."""
    text = ledger_text(entries)
    assert Counter(read_ledger(text.encode().decode(), "b.json")) == Counter(entries)
    drawn.shuffle(entries)
    assert ledger_text(entries) == text


@settings(MANY, max_examples=tried(10, 30), suppress_health_check=list(HealthCheck))
@given(hostile(), st.floats(0, 1), st.sampled_from(["", "1"]) | st.none())
def test_a_saved_report_comes_back_whatever_its_texts(
    whole: Audit, rate: float, version: str | None
) -> None:
    """And whatever a number, and a text that may be none or empty."""
    findings = tuple(
        replace(
            one,
            suspect=replace(one.suspect, end_line=20),
            reference=replace(one.reference, version=version),
            false_alarm_rate=rate,
        )
        for one in whole.report.findings
    )
    held = replace(whole.report, findings=findings)
    text = json_report(held)
    again = report_of(text.encode().decode(), "saved.json")
    assert again == held
    assert json_report(again) == text


@MANY
@given(
    st.lists(st.binary(max_size=40), min_size=len(MEMBERS), max_size=len(MEMBERS)),
    st.permutations(MEMBERS),
)
def test_a_bundle_comes_back_whatever_its_members(parts: list[bytes], order: list[str]) -> None:
    """In whichever order they are packed."""
    content = dict(zip(MEMBERS, parts, strict=True))
    data = packed({name: content[name] for name in order})
    assert unpacked(data, "a.bundle") == content
    assert data == packed(content)


@MANY
@given(
    st.text(st.characters(codec="latin-1", exclude_characters="\0\r"), max_size=60),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "latin-1"]),
)
def test_encoding_mark_and_line_ends_do_not_reach_the_text(
    text: str, end: str, encoding: str
) -> None:
    """A declaration is part of the text; whatever else carries it is not."""
    named = "latin-1" if encoding == "latin-1" else "utf-8"
    text = f"# coding: {named}\n" + text
    assert decode(text.replace("\n", end).encode(encoding)) == text.encode()


@FEW
@given(SEEDS, st.sampled_from(["\r\n", "\r"]), st.booleans())
def test_line_ends_and_mark_change_no_element(seed: int, end: str, marked: bool) -> None:
    """Nor the lines at which they stand."""
    source = program(seed, **SHORT)
    data = (codecs.BOM_UTF8 if marked else b"") + source.replace("\n", end).encode()
    found = decode(data)
    assert isinstance(found, bytes)
    plain, other = parse(source.encode()).tokens, parse(found).tokens
    assert other.text.tolist() == plain.text.tolist()
    assert other.line.tolist() == plain.line.tolist()
