"""mark: which name a file's classes begin with, and names without it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thorough import tried

from provenance.mark import (
    CAMEL,
    SNAKE,
    UPPER,
    family_mark,
    fold,
    folds,
    with_mark,
    without_mark,
    words,
)

PARTS = ("Norm", "MLP", "Attention", "DecoderLayer", "PreTrainedModel", "Model", "ForCausalLM")
MARKS = (
    "Llama",
    "SolarOpen",
    "Glm4Moe",
    "Qwen2_5_VL",
    "Ernie4_5_Moe",
    "DeepseekV3",
    "Phi",
    "AXK1",
    "Qwen2Audio",
    "GPTNeoX",
)


@pytest.mark.parametrize("mark", MARKS)
def test_the_mark_is_what_the_classes_begin_with(mark: str) -> None:
    """To the letter, digits and underscores included."""
    assert family_mark(family(mark)) == mark


def family(mark: str) -> list[str]:
    """Class names of a family. ``VL`` and ``MLP`` in one are one word, so there it is left out."""
    return [mark + part for part in PARTS if not (mark[-1].isupper() and part == "MLP")]


@pytest.mark.parametrize("mark", MARKS)
def test_a_stranger_among_the_classes_does_not_hide_the_mark(mark: str) -> None:
    """A helper class of another name, and the mark is the same."""
    assert family_mark([*family(mark), "RotaryCache"]) == mark


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["LlamaModel"],
        ["Model"],
        ["Encoder", "Decoder", "Tokenizer"],
        ["_"],
        ["A", "B"],
        ["Outer.LlamaA", "Outer.LlamaB", "Outer.LlamaC"],
    ],
)
def test_there_is_no_mark_where_classes_share_none(names: list[str]) -> None:
    """No class, one class, classes of different names, or only classes inside others."""
    assert family_mark(names) == ""


def test_the_mark_does_not_depend_on_the_order_of_classes() -> None:
    """Ties are settled by the names themselves."""
    names = ["AbA", "AbB", "CdA", "CdB"]
    assert family_mark(names) == family_mark(names[::-1])


@pytest.mark.parametrize(
    ("name", "mark", "plain"),
    [
        ("SolarOpenMLP", "SolarOpen", f"{CAMEL}MLP"),
        ("solar_open", "SolarOpen", SNAKE),
        ("SOLAR_OPEN_START", "SolarOpen", f"{UPPER}_START"),
        ("create_solar_open_model", "SolarOpen", f"create_{SNAKE}_model"),
        ("Glm4MoeConfig", "Glm4Moe", f"{CAMEL}Config"),
        ("glm4_moe", "Glm4Moe", SNAKE),
        ("Qwen2_5_VLModel", "Qwen2_5_VL", f"{CAMEL}Model"),
        ("qwen2_5_vl", "Qwen2_5_VL", SNAKE),
        ("Philosophy", "Phi", "Philosophy"),
        ("graphics", "Phi", "graphics"),
        ("sophia", "Phi", "sophia"),
        ("MyLlama2", "Llama", "MyLlama2"),
    ],
)
def test_without_mark_replaces_the_mark_and_nothing_else(name: str, mark: str, plain: str) -> None:
    """In every way of writing it, but not inside another word."""
    assert without_mark(name, mark) == plain


@settings(max_examples=tried(50, 200), deadline=None, derandomize=True)
@given(st.sampled_from(MARKS), st.sampled_from(PARTS), st.sampled_from(["", "My", "_", "is_"]))
def test_with_mark_undoes_without_mark(mark: str, part: str, before: str) -> None:
    """The name as it is written in a class, or as the mark in capitals with underscores."""
    for name in (before + mark + part, f"{before}{mark}_{part.lower()}"):
        assert with_mark(without_mark(name, mark), mark) == name


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("models/regnet/modeling_regnet.py", "regnet"),
        ("models/reg_net/modeling.py", "reg_net"),
        ("models/regnets/modeling.py", "reg_net"),
        ("", "reg_net"),
    ],
)
def test_a_mark_in_small_letters_is_spelt_as_in_the_path(path: str, written: str) -> None:
    for name in (written, f"self_{written}_in", written.upper()):
        assert with_mark(without_mark(name, "RegNet"), "RegNet", path) == name


@settings(max_examples=tried(75, 300), deadline=None, derandomize=True)
@given(st.text("abcABC_019", min_size=1, max_size=20), st.sampled_from(MARKS))
def test_a_name_without_the_mark_is_unchanged(name: str, mark: str) -> None:
    """Where no word of the mark occurs, nothing is replaced; and a sign is never in a name."""
    if words(mark)[0].lower() not in name.lower():
        assert without_mark(name, mark) == name
        assert with_mark(name, mark) == name


@settings(max_examples=tried(30, 100), deadline=None, derandomize=True)
@given(st.sampled_from(MARKS), st.sampled_from(MARKS), st.sampled_from(PARTS))
def test_two_families_have_the_same_names_without_their_marks(
    mark: str, other: str, part: str
) -> None:
    """Taking each family's own mark out leaves the same name."""
    assert without_mark(mark + part, mark) == without_mark(other + part, other)


@settings(max_examples=tried(50, 200), deadline=None, derandomize=True)
@given(st.lists(st.text("abAB1_", max_size=12), max_size=10))
def test_any_names_have_a_mark_that_most_of_them_begin_with(names: list[str]) -> None:
    """The mark, where there is one, begins at least two of the names."""
    mark = family_mark(names)
    assert not mark or sum(name.startswith(mark) for name in names) >= 1


def test_names_folded_at_once_are_those_folded_one_by_one() -> None:
    for names in ([], ["Qwen2_5_VL"], ["İΣ-9", "", "a\0b", "GLM-4.5"], ["ΑΣ", "x y", "Shap-E", ""]):
        assert folds(names) == [fold(name) for name in names]
