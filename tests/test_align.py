"""align: pairs are equal, unique, inside both spans; copies are found however they were edited."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import inserted, program, reformatted, renamed
from thorough import tried

import provenance.align
from provenance.align import SHORTEST_RUN, _longest, _runs, align, blocks, clone_type, renames
from provenance.model import Alignment, Block, Rename, Tokens
from provenance.parse import parse

SEEDS = st.integers(0, 10**6)
FEW = settings(max_examples=tried(12, 30), deadline=None, derandomize=True)


def tokens(text: str) -> Tokens:
    return parse(text.encode()).tokens


def made_of(values: list[int]) -> Tokens:
    """Elements with these numbers for structure, two to a line."""
    structure = np.array(values, np.uint64)
    line = (np.arange(structure.size) // 2 + 1).astype(np.uint32)
    return Tokens(structure, structure, np.zeros(structure.size, np.uint8), line, structure)


def check(found: Alignment, suspect: Tokens, reference: Tokens) -> None:
    """What every alignment must satisfy."""
    i, j = found.suspect, found.reference
    assert i.size == j.size == found.same_text.size == found.matched
    assert (suspect.structure[i] == reference.structure[j]).all()
    assert (found.same_text == (suspect.text[i] == reference.text[j])).all()
    assert (np.diff(i) > 0).all()
    assert np.unique(j).size == j.size
    assert (found.suspect_size, found.reference_size) == (len(suspect), len(reference))
    for share in (found.suspect_containment, found.reference_containment, found.resemblance):
        assert 0.0 <= share <= 1.0
    assert found.resemblance <= min(found.suspect_containment, found.reference_containment)


def check_blocks(parts: tuple[Block, ...], found: Alignment, left: Tokens, right: Tokens) -> None:
    """Blocks stand inside both spans, in order, and cover every paired line of the suspect."""
    covered: set[int] = set()
    theirs: set[int] = set()
    for block in parts:
        assert left.line[0] <= block.suspect_start <= block.suspect_end <= left.line[-1]
        assert right.line[0] <= block.reference_start <= block.reference_end <= right.line[-1]
        covered.update(range(block.suspect_start, block.suspect_end + 1))
        theirs.update(range(block.reference_start, block.reference_end + 1))
    assert set(left.line[found.suspect].tolist()) <= covered
    assert set(right.line[found.reference].tolist()) <= theirs
    starts = [block.suspect_start for block in parts]
    assert starts == sorted(starts)


# --- what always holds --------------------------------------------------------------------

SEQUENCE = st.lists(st.integers(0, 4), max_size=80)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(SEQUENCE, SEQUENCE, SEQUENCE)
def test_pairs_are_equal_and_no_position_is_used_twice(
    left: list[int], shared: list[int], right: list[int]
) -> None:
    """For any two sequences, repetitive ones too; with blocks inside both spans."""
    suspect, reference = made_of(left + shared), made_of(shared + right)
    found = align(suspect, reference)
    check(found, suspect, reference)
    check_blocks(blocks(found, suspect, reference), found, suspect, reference)


@settings(max_examples=tried(30, 100), deadline=None, derandomize=True)
@given(st.integers(0, 40), st.integers(SHORTEST_RUN, 60), st.integers(0, 40))
def test_a_shared_run_long_enough_is_paired_wherever_it_stands(
    before: int, run: int, after: int
) -> None:
    """Exactly the elements of a run of ``SHORTEST_RUN`` or more have partners, in order."""
    shared = list(range(1000, 1000 + run))
    suspect = made_of([*range(before), *shared])
    reference = made_of([*shared, *range(5000, 5000 + after)])
    found = align(suspect, reference)
    check(found, suspect, reference)
    assert found.suspect.tolist() == list(range(before, before + run))
    assert found.reference.tolist() == list(range(run))


GAPS = st.lists(st.integers(0, 3), max_size=4)
RUNS = st.permutations([0, 1, 2])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(GAPS, GAPS), min_size=4, max_size=4), RUNS, st.booleans())
def test_runs_with_gaps_between_them_are_paired_right(
    gaps: list[tuple[list[int], list[int]]], order: list[int], moved: bool
) -> None:
    """Runs of the shortest length, in another order on one side, with gaps between them, of one
    length on both sides too. Every element of a run has a partner."""
    runs = [list(range(100 * at, 100 * at + SHORTEST_RUN)) for at in (1, 2, 3)]
    left, right = list(gaps[3][0]), list(gaps[3][1])
    for at, place in enumerate(order if moved else [0, 1, 2]):
        left += runs[at] + gaps[at][0]
        right += runs[place] + gaps[at][1]
    suspect, reference = made_of(left), made_of(right)
    found = align(suspect, reference)
    check(found, suspect, reference)
    check_blocks(blocks(found, suspect, reference), found, suspect, reference)
    assert {at for at, value in enumerate(left) if value >= 100} <= set(found.suspect.tolist())


@FEW
@given(SEEDS)
def test_a_program_aligns_with_itself_as_a_whole(seed: int) -> None:
    """Each element with itself, both containments and the resemblance 1."""
    whole = tokens(program(seed))
    found = align(whole, whole)
    check(found, whole, whole)
    assert found.suspect.tolist() == found.reference.tolist() == list(range(len(whole)))
    assert found.resemblance == found.suspect_containment == found.reference_containment == 1.0
    assert clone_type(found, same_names=True) == "type-1"


@FEW
@given(SEEDS, SEEDS)
def test_programs_that_have_nothing_to_do_with_each_other(seed: int, other: int) -> None:
    """Whatever is paired is equal, and the same is paired both ways round in size."""
    left, right = tokens(program(seed)), tokens(program(other))
    check(align(left, right), left, right)
    check(align(right, left), right, left)


@pytest.mark.parametrize(("left", "right"), [("", ""), ("", "x = 1\n"), ("x = 1\n", "")])
def test_nothing_aligns_with_nothing(left: str, right: str) -> None:
    """No element, no share, no block, no error."""
    suspect, reference = tokens(left), tokens(right)
    found = align(suspect, reference)
    assert found.matched == 0
    assert found.suspect_containment == found.reference_containment == found.resemblance == 0.0
    assert blocks(found, suspect, reference) == ()


def test_a_run_shorter_than_the_shortest_is_not_paired() -> None:
    """Short equal runs stand in any two files."""
    run = list(range(100, 100 + SHORTEST_RUN - 1))
    assert align(made_of([1, 2, 3, *run]), made_of([*run, 7, 8])).matched == 0


# --- edits --------------------------------------------------------------------------------


@FEW
@given(SEEDS)
def test_reformatting_is_type_1(seed: int) -> None:
    """Layout, remarks and docstrings leave every element and its text paired."""
    source = program(seed)
    found = align(tokens(reformatted(source)), tokens(source))
    assert found.same_text.all()
    assert clone_type(found, same_names=True) == "type-1"


@FEW
@given(SEEDS)
def test_renaming_is_type_2(seed: int) -> None:
    """All elements are paired in order, none of the names is the same."""
    source = program(seed)
    found = align(tokens(renamed(source)), tokens(source))
    assert found.resemblance == 1.0
    assert not found.same_text.all()
    assert clone_type(found, same_names=False) == "type-2"


def test_equal_texts_with_another_family_mark_are_type_2() -> None:
    """The text view neutralises the mark; names as written decide between types 1 and 2."""
    whole = tokens(program(3))
    assert clone_type(align(whole, whole), same_names=False) == "type-2"


@FEW
@given(SEEDS, st.sampled_from([0.05, 0.1]))
def test_inserted_statements_leave_the_rest_paired(seed: int, share: float) -> None:
    """Type 3: nearly all of the reference is found again, and all pairs are right."""
    source = program(seed, statements=14)
    suspect, reference = tokens(inserted(source, seed, share)), tokens(source)
    found = align(suspect, reference)
    check(found, suspect, reference)
    if found.matched < len(suspect):
        assert clone_type(found, same_names=True) == "type-3"
    assert found.reference_containment > 0.85
    check_blocks(blocks(found, suspect, reference), found, suspect, reference)


@FEW
@given(SEEDS, SEEDS)
def test_deleted_lines_leave_the_rest_paired(seed: int, other: int) -> None:
    """What is left of a function is found again."""
    head, tail = program(seed, functions=2, classes=0), program(other, functions=2, classes=0)
    suspect, reference = tokens(head + tail), tokens(head + program(seed + 1) + tail)
    found = align(suspect, reference)
    check(found, suspect, reference)
    assert found.suspect_containment > 0.95


METHODS = [
    "    def grow(self, amount):\n        self.width = self.width * amount + self.bias[0]\n"
    "        return self.norm(self.width, eps=1e-6)\n",
    "    def gate(self, x, mask=None):\n        if mask is not None:\n"
    "            x = x.masked_fill(mask == 0, -1e9)\n        return x.softmax(-1)\n",
    "    def merge(self, parts):\n        total = sum(part.size for part in parts)\n"
    "        for part in parts:\n            self.log.append((part, part.size / total))\n",
    "    def close(self):\n        while self.log:\n            self.emit(self.log.pop())\n"
    "        self.open = False\n        return {'width': self.width}\n",
]


@settings(max_examples=tried(8, 24), deadline=None, derandomize=True)
@given(st.permutations(range(len(METHODS))))
def test_moved_methods_are_found(order: list[int]) -> None:
    """Reordering the methods of a class leaves nearly every one of its elements paired."""
    reference = tokens("class A:\n" + "\n".join(METHODS))
    suspect = tokens("class A:\n" + "\n".join(METHODS[at] for at in order))
    found = align(suspect, reference)
    check(found, suspect, reference)
    assert found.suspect_containment > 0.9
    parts = blocks(found, suspect, reference)
    check_blocks(parts, found, suspect, reference)
    if order != sorted(order):
        assert len(parts) > 1
        assert clone_type(found, same_names=True) == "type-3"


def test_a_part_of_the_suspect_is_a_fragment() -> None:
    """A function pasted into one many times as long."""
    pasted = program(1, functions=1, classes=0)
    around = program(2, functions=8), program(3, functions=8)
    suspect, reference = tokens(around[0] + pasted + around[1]), tokens(pasted)
    found = align(suspect, reference)
    check(found, suspect, reference)
    assert found.reference_containment == 1.0
    assert clone_type(found, same_names=True) == "fragment"
    first = around[0].count("\n") + 1
    last = (around[0] + pasted).count("\n")
    longest = max(blocks(found, suspect, reference), key=lambda b: b.suspect_end - b.suspect_start)
    assert first <= longest.suspect_start <= longest.suspect_end <= last


def test_blocks_are_the_lines_that_are_equal() -> None:
    """Exactly, for two copied runs with own code between them."""
    first = "a = b.view(c, 1)\nd = a[b] + f(d, c)\nfor e in d:\n    g(e, a=1)\n"
    last = "while h:\n    h = i(h, -1)\n    j[h] = k.l(h)\nm(n, o)\n"
    suspect = tokens(first + "raise 0\n" + last)
    reference = tokens("x = 1\n\n" + first + "y = [1, 2, 3]\nz = y\n\n" + last)
    parts = blocks(align(suspect, reference), suspect, reference)
    assert parts[0] == Block(1, 4, 3, 6)
    assert parts[-1] == Block(6, 9, 10, 13)


def test_repetitive_code_is_aligned_in_bounded_work() -> None:
    """A table of thousands of equal rows against another: no quadratic number of pairs."""
    left = tokens("x = [\n" + "    (1, 'a', None),\n" * 4000 + "]\n")
    right = tokens("y = [\n" + "    (2, 'b', None),\n" * 3000 + "]\nz = f(x)\n")
    found = align(left, right)
    check(found, left, right)
    assert found.reference_containment > 0.9


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(["ab" * 9, "abc" * 7, "d" * 14, "e", "fg"]), max_size=12),
    st.lists(st.sampled_from(["ab" * 9, "abc" * 7, "d" * 14, "e", "fg"]), max_size=12),
)
def test_each_run_taken_is_the_longest_that_is_left(parts: list[str], others: list[str]) -> None:
    """As in the paper, where all runs are looked at again after each that is taken."""
    left, right = (np.frombuffer("".join(one).encode(), np.uint8) for one in (parts, others))
    runs = _runs(left.astype(np.uint64), right.astype(np.uint64))
    left_over = list(zip(*(one.tolist() for one in runs), strict=True))
    expected = []
    while left_over:
        used = min(left_over, key=lambda run: (-run[2], run[0], abs(run[0] - run[1])))
        expected.append(used)
        left_over = [rest for run in left_over if (rest := rest_of(run, used))[2] >= SHORTEST_RUN]
    assert list(_longest(*runs)) == expected


def rest_of(run: tuple[int, int, int], used: tuple[int, int, int]) -> tuple[int, int, int]:
    """The longest part of a run that lies beside another one on both sides."""
    best = (*run[:2], 0)
    at = 0
    for k in range(run[2] + 1):
        is_free = k < run[2] and not any(
            used[side] <= run[side] + k < used[side] + used[2] for side in (0, 1)
        )
        if not is_free:
            if k - at > best[2]:
                best = (run[0] + at, run[1] + at, k - at)
            at = k + 1
    return best


def test_runs_are_looked_at_only_where_one_beside_them_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the time goes with the square: pieces in another order, each at many places."""
    looked_at: list[int] = []

    def counted(*runs: Any) -> Any:
        looked_at.append(runs[0].size)
        return clipped(*runs)

    clipped = provenance.align._clipped
    monkeypatch.setattr("provenance.align._clipped", counted)
    for times in (10, 20):
        orders = [np.random.default_rng(seed).permutation(100 * times) for seed in (1, 2)]
        left, right = (
            made_of([15 * (one % 100) + k for one in order.tolist() for k in range(15)])
            for order in orders
        )
        shared = 100 * times * times
        looked_at.clear()
        check(align(left, right), left, right)
        assert shared < sum(looked_at) < 4 * shared


# --- renames ------------------------------------------------------------------------------


def test_a_renamed_family_is_one_rename() -> None:
    """``Llama`` -> ``Solar``, all its places counted together, equal names left out."""
    pairs = {
        ("SolarMLP", "LlamaMLP"): 4,
        ("SolarModel", "LlamaModel"): 3,
        ("SolarRMSNorm", "LlamaRMSNorm"): 2,
        ("forward", "forward"): 9,
        ("self", "self"): 40,
    }
    assert renames(pairs, certain=False) == (Rename("Llama", "Solar", 9),)


@pytest.mark.parametrize(
    ("suspect", "reference", "expected"),
    [
        ("hidden_dim", "hidden_size", ("size", "dim")),
        ("x", "y", ("y", "x")),
        ("SolarOpenMLP", "Glm4MoeMLP", ("Glm4Moe", "SolarOpen")),
        pytest.param("num_kv_heads", "num_key_value_heads", ("key_value", "kv"), id="gqa"),
        pytest.param("layer_idx", "position", ("position", "layer_idx")),
        pytest.param("n_exp", "experts", ("experts", "n_exp")),
        pytest.param("size", "head_dim", ("head_dim", "size")),
        pytest.param("점수_1", "scores_2", ("scores_2", "점수_1"), id="letters-of-no-word"),
        pytest.param("café", "cafe", ("cafe", "café"), id="a-letter-of-no-word"),
    ],
)
def test_a_rename_names_the_part_that_differs(
    suspect: str, reference: str, expected: tuple[str, str]
) -> None:
    """Words that both names begin or end with are left out."""
    assert renames({(suspect, reference): 2}, certain=False) == (Rename(*expected, 2),)


def test_renames_are_sorted_by_places_and_unknown_names_left_out() -> None:
    """The most frequent first; '' stands for an identifier that is not known."""
    pairs = {("a", "b"): 1, ("c", "d"): 5, ("", "e"): 9, ("f", ""): 9, ("g", "h"): 5}
    often = (Rename("d", "c", 5), Rename("h", "g", 5))
    assert renames(pairs, certain=True) == (*often, Rename("b", "a", 1))


def test_a_name_paired_by_chance_is_no_rename() -> None:
    """A name that mostly stands for itself was not renamed where it once stands for another."""
    assert renames({("x", "x"): 9, ("y", "x"): 1}, certain=True) == ()


def test_a_single_place_is_a_rename_only_where_all_is_paired() -> None:
    """In edited code another name in one place may as well be another thing."""
    pairs = {("a", "b"): 1, ("SolarMLP", "LlamaMLP"): 1, ("SolarModel", "LlamaModel"): 1}
    family = Rename("Llama", "Solar", 2)
    assert renames(pairs, certain=True) == (family, Rename("b", "a", 1))
    assert renames(pairs, certain=False) == (family,)


def test_nothing_renamed() -> None:
    """No pairs, no renames."""
    assert renames({}, certain=True) == ()
