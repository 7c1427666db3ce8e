"""What may be chance on its own is not reported: a short method of common shape, a short run of a
long one. Beside what tells it is."""

from __future__ import annotations

from pathlib import Path

import pytest

import provenance
from provenance.align import align
from provenance.finding import TELLING_RUN, TELLING_TEXT_RUN, telling_run
from provenance.model import Parameters
from provenance.parse import parse

BLEND = """
def blend(left, right, weight):
    mixed = left * weight + right.scale(1 - weight)
    if mixed > left:
        return mixed - left.bias
    return right[weight]
"""
CLIP = """
def clip(value, low, high):
    for one in value.parts:
        one.limit(low, high)
    while value.size > high:
        value = value.drop(low)
    return [value, low + high]
"""
BOTH = """
def route(tokens, experts, gate):
    scores = gate(tokens).softmax(dim=-1)
    best = scores.topk(experts.count)
    out = tokens.new_zeros(tokens.shape)
    for number, expert in enumerate(experts):
        rows = (best == number).nonzero()
        if rows.numel() == 0:
            continue
        out[rows] += expert(tokens[rows]) * scores[rows, number]
    return out
"""
RENAMES = {
    "blend": "join", "left": "first", "right": "second", "weight": "ratio", "mixed": "sum_of",
    "scale": "times", "bias": "rest", "clip": "bound", "value": "thing", "low": "least",
    "high": "most", "parts": "pieces", "limit": "keep", "size": "length", "drop": "without",
    "one": "piece", "route": "send", "tokens": "words", "experts": "people", "gate": "door",
    "scores": "marks", "best": "top", "out": "result", "rows": "lines", "expert": "person",
    "number": "place", "softmax": "smooth", "topk": "first_of", "count": "many",
    "new_zeros": "empty", "shape": "form", "nonzero": "where", "numel": "amount", "dim": "axis",
}  # fmt: skip


def renamed(source: str) -> str:
    """With every name changed, so that only structure is left."""
    import re

    return re.sub(r"\b\w+\b", lambda found: RENAMES.get(found[0], found[0]), source)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    reference = folder / "reference"
    reference.mkdir()
    for name, source in (("blend", BLEND), ("clip", CLIP), ("route", BOTH)):
        (reference / f"{name}.py").write_text(source, "utf-8")
    provenance.build_index([str(reference)], folder / "of.db", origin="ours")
    return folder / "of.db"


def found(folder: Path, index: Path, *sources: str) -> set[str]:
    own = "\n\ndef own(x):\n    return [y for y in x if y is not None and y > len(x)]\n"
    (folder / "mine.py").write_text("".join(sources) + own, "utf-8")
    return {finding.suspect.name for finding in provenance.scan(str(folder), [index]).findings}


def test_the_cases_are_of_the_sizes_that_they_are_meant_to_be() -> None:
    sizes = [len(parse(source.encode()).tokens) for source in (BLEND, CLIP, BOTH)]
    assert [40 <= size < 80 for size in sizes] == [True, True, False]
    assert sizes[2] >= 80


def test_a_short_unit_of_equal_structure_alone_is_no_finding(tmp_path: Path, index: Path) -> None:
    assert found(tmp_path, index, renamed(BLEND)) == set()


def test_as_written_it_is_one(tmp_path: Path, index: Path) -> None:
    assert found(tmp_path, index, BLEND) == {"blend"}


def test_two_of_one_origin_support_each_other(tmp_path: Path, index: Path) -> None:
    assert found(tmp_path, index, renamed(BLEND), renamed(CLIP)) == {"join", "bound"}


def test_a_longer_one_tells_alone_and_supports_it(tmp_path: Path, index: Path) -> None:
    assert found(tmp_path, index, renamed(BOTH)) == {"send"}
    assert found(tmp_path, index, renamed(BLEND), renamed(BOTH)) == {"join", "send"}


def shared_part(lines: int, *, names: bool) -> bool:
    """Whether a part of so many different lines, between other code, is reported."""
    own = "\n".join(f"    mine_{n} = other.thing_{n}(first)" for n in range(3))
    part = [f"    total += left.part_{n}[{n}] {'+-*/'[n % 4]} right" for n in range(lines)]
    suspect = "def f(left, right):\n" + "\n".join([own, *part, own.replace("mine", "his")])
    if not names:
        suspect = suspect.replace("left", "a").replace("right", "b").replace("total", "c")
    reference = "def g(left, right):\n    if left:\n        return 1\n" + "\n".join(part)
    one, two = parse(suspect.encode()).tokens, parse(reference.encode()).tokens
    return telling_run(align(one, two), one, Parameters())


def test_what_repeats_in_a_part_counts_once() -> None:
    """Forty lines of one shape are no evidence where the names differ, however many they are."""
    assert not shared_part(40, names=False)
    assert shared_part(40, names=True)
    assert not shared_part(1, names=True)
    assert TELLING_TEXT_RUN < TELLING_RUN


WIDEST = "\n\ndef widest(values):\n    return [max(one) for one in zip(*values)]\n"
SHORTEST = "\n\ndef first(values):\n    return values[0]\n"
MIXER = """
class Mixer:
    def __init__(self, config):
        self.gate = Linear(config.width, config.heads)
        self.mix = Linear(config.heads, config.width)
        self.scale = config.width ** -0.5

    def project(self, states, mask):
        gated = self.gate(states) * self.scale
        if mask is not None:
            gated = gated.masked_fill(mask == 0, -1e9)
        return self.mix(gated.softmax(dim=-1))

    def forward(self, states, mask=None):
        shape = states.shape
        flat = states.reshape(-1, shape[-1])
        mixed = self.project(flat, mask)
        return mixed.reshape(*shape[:-1], -1) + states
"""
OTHER = """
class Other:
    def count(self):
        return [one.size for one in self.parts if one.size > 3]

    def forward(self, states, mask=None):
        shape = states.shape
        flat = states.reshape(-1, shape[-1])
        mixed = self.project(flat, mask)
        mixed = mixed.clamp(min=self.least, max=self.most)
        return mixed.reshape(*shape[:-1], -1) + states
"""


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four families of one package: what each of them has, none of the others has."""
    zoo = tmp_path_factory.mktemp("families") / "zoo"
    parts = {"ant": BOTH, "bee": WIDEST + SHORTEST, "cat": MIXER, "dog": OTHER}
    for name, source in parts.items():
        (zoo / "models" / name).mkdir(parents=True)
        (zoo / "models" / name / "modeling.py").write_text(source, "utf-8")
    provenance.build_index([str(zoo)], zoo.with_suffix(".db"), date="2025-03-01")
    return zoo.with_suffix(".db")


def test_a_small_equal_unit_is_kept_beside_a_larger_one(tmp_path: Path, families: Path) -> None:
    """Whoever has that one; but not alone, and not if it is tiny."""
    assert found(tmp_path, families, WIDEST, SHORTEST) == set()
    assert found(tmp_path, families, WIDEST, SHORTEST, BOTH) == {"widest", "route"}


def test_an_equal_method_is_told_apart_from_its_class(tmp_path: Path, families: Path) -> None:
    """The class is nearest to one family, one method of it is as written in another."""
    head = MIXER[: MIXER.index("    def forward")]
    method = OTHER[OTHER.index("    def forward") :]
    (tmp_path / "mine.py").write_text(head + method, "utf-8")
    report = provenance.scan(str(tmp_path), [families])
    named = {one.suspect.name: one.reference.origin for one in report.findings}
    assert named == {"Mixer": "zoo/cat", "Mixer.forward": "zoo/dog"}
