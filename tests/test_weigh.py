"""weigh: why a family is named for a unit, or is not; every unit of it is compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from audits import ROUNDED, with_shares
from click.testing import CliRunner, Result
from programs import inserted, program, renamed

import provenance
from provenance.cli import main
from provenance.explained import weigh
from provenance.library import Library, resemblance, score, shingled
from provenance.model import SourceFile, UnitWeighed
from provenance.parse import parse
from provenance.report.weighed import of_file, of_unit
from provenance.source import open_source
from provenance.verdict import ALIKE

pytestmark = pytest.mark.usefixtures("in_this_process")

EARLY, LATE = "2024-01-01", "2025-01-01"
TEXT = program(1, functions=3, classes=2)
OTHER = program(400, functions=1, classes=1)
SMALL = "class Held:\n    first = None\n    second = None\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """near has most of it, far half, twin what near has; late has it as it is, but later."""
    root = tmp_path_factory.mktemp("weigh")
    near = inserted(TEXT, 10, 0.05)
    early = {"near": near, "twin": near, "far": inserted(TEXT, 12, 0.45)}
    early |= {f"other{n}": program(200 + n, functions=4, classes=2) for n in range(30)}
    early["small"] = SMALL + "\n\n" + program(77, functions=2)
    for day, families in ((EARLY, early), (LATE, {"late": TEXT})):
        package = root / day / "birds"
        for family, text in families.items():
            folder = package / "models" / family
            folder.mkdir(parents=True)
            (folder / "modeling.py").write_text(text)
        provenance.build_index([str(package)], root / "i.db", date=day, extend=day == LATE)
    mine = root / "mine"
    mine.mkdir()
    (mine / "mine.py").write_text(f"{TEXT}\n\n{OTHER}\n\n{SMALL}")
    return root


def weighed(root: Path, name: str, pattern: str, as_of: str | None = "2024-06-01") -> UnitWeighed:
    source, index = str(root / "mine"), root / "i.db"
    report = provenance.scan(source, [index], as_of=as_of)
    (file,) = open_source(source).files()
    assert isinstance(file, SourceFile)
    with Library([str(index)], as_of=as_of) as library:
        weighing = weigh(file, report.findings, library, library.origins_like(pattern))
        names = [unit.name for unit in weighing.parsed.units]
        return weighing.unit(names.index(name))


def classes(text: str) -> list[str]:
    return [one.name for one in parse(text.encode()).units if one.kind == "class"]


def call(root: Path, *words: str, columns: int = 80) -> Result:
    options = ["--index", str(root / "i.db"), "--no-default-index", "--as-of", "2024-06-01"]
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(main, ["explain", *words, *options])


def test_each_family_has_its_reason(root: Path) -> None:
    name = classes(TEXT)[0]
    told = {one.family: one for one in weighed(root, name, "*").weighed}
    assert {told["near"].reason, told["twin"].reason} == {"named", "as close"}
    assert told["far"].reason == "lower"
    assert told["late"].reason == "hidden"
    assert told["late"].near is None
    assert told["late"].hidden is not None
    assert told["late"].hidden.scores.score == 1.0
    assert told["late"].hidden.first_seen == LATE
    assert weighed(root, name, "late", None).weighed[0].reason == "named"
    (nobody,) = weighed(root, classes(OTHER)[0], "near").weighed
    assert nobody.reason == "below"
    assert nobody.near is not None
    assert nobody.near.scores.structure < nobody.needed[0]
    assert nobody.near.scores.text < nobody.needed[1]
    (inside,) = weighed(root, f"{name}.{_method(name)}", "far").weighed
    assert inside.reason == "inside"


def _method(name: str) -> str:
    units = parse(TEXT.encode()).units
    return next(one.name for one in units if one.name.startswith(f"{name}.")).split(".")[1]


def test_the_unit_that_is_shown_is_the_best_of_all(root: Path) -> None:
    """By the scores of the shingles of each unit of the family, computed apart."""
    parsed = parse((root / "mine" / "mine.py").read_bytes())
    reference = parse((root / EARLY / "birds/models/far/modeling.py").read_bytes())
    with Library([str(root / "i.db")]) as library:
        parameters = library.parameters
    for unit in (one for one in parsed.units if one.kind == "class"):
        own = shingled(parsed.tokens[unit.start : unit.stop], parameters)
        every = {}
        for other in reference.units[1:]:
            that = shingled(reference.tokens[other.start : other.stop], parameters)
            every[other.name] = score(
                resemblance(own.structure, that.structure), resemblance(own.text, that.text)
            )
        (said,) = weighed(root, unit.name, "far").weighed
        if said.near is None:
            assert max(every.values()) == 0.0
            continue
        assert said.near.scores.score == pytest.approx(max(every.values()), abs=2e-6)
        assert every[said.near.name] == max(every.values())


def test_an_equal_unit_that_is_small_is_alone(root: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"{SMALL}\n\n{OTHER}")
    ended = call(root, f"{tmp_path}/mine.py::Held", "--against", "small")
    text = " ".join(ended.output.split())
    assert ended.exit_code == 0, text
    assert "small: alone" in text
    assert "score 1.00 (structure 1.00, text 1.00)" in text
    assert "it may be chance" in text


# --- as a user asks -----------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_why_not_is_answered(columns: int, root: Path) -> None:
    name = classes(TEXT)[0]
    ended = call(root, f"{root}/mine/mine.py::{name}", "--against", "FAR", columns=columns)
    assert ended.exit_code == 0, ended.output
    assert max(map(len, ended.output.split("\n"))) <= max(columns, len(str(root)) + 40)
    text = " ".join(ended.output.split())
    for part in (
        f"class {name}, lines ",
        "named: birds/near",
        "nearest families of those that were compared",
        "birds/twin",
        ": as close",
        ": lower",
        f"its unit that is nearest: birds/far {name}",
        "less than what is named, birds/near",
    ):
        assert part in text, part


def test_a_whole_file_is_answered_unit_by_unit(root: Path) -> None:
    text = " ".join(call(root, f"{root}/mine", "--against", "far").output.split())
    units = [one for one in parse((root / "mine/mine.py").read_bytes()).units if one.parent == 0]
    assert f"far: of {len(units)} units" in text
    for unit in units:
        assert f"{unit.name} ({unit.start_line}-{unit.end_line}): " in text


def test_what_is_hidden_is_said_to_be(root: Path) -> None:
    name = classes(TEXT)[0]
    ended = call(root, f"{root}/mine/mine.py::{name}", "--against", "late")
    text = " ".join(ended.output.split())
    assert "nothing of it may be seen" in text
    assert f"is hidden as of 2024-06-01: first seen {LATE}" in text
    ended = call(
        root, f"{root}/mine/mine.py::{name}", "--against", "twin", "--exclude-origin", "*/twin"
    )
    assert "hidden by --exclude-origin" in " ".join(ended.output.split())


def test_a_unit_without_a_finding_is_explained(root: Path) -> None:
    line = (root / "mine/mine.py").read_text().count("\n", 0, len(TEXT)) + 3
    for place in (f"mine.py::{classes(OTHER)[0]}", f"mine.py:{line}"):
        ended = call(root, f"{root}/mine", place)
        assert ended.exit_code == 0, ended.output
        text = " ".join(ended.output.split())
        assert "nothing is named for it: of a unit of its size structure from" in text


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("", "", "module body (1): nothing named"),
        ("x = 1\n", ":1", "so small a unit is not looked up"),
        ("class A(\n  def f(:\n", ":1", "nothing is named for it"),
        (
            "class A:\n    @property\n    def g(self):\n        return [1]\n    @g.setter\n"
            "    def g(self, v):\n        self.value = v\n",
            "::A.g",
            "method A.g, line",
        ),
    ],
)
def test_what_is_hardly_code_is_explained(
    text: str, place: str, said: str, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(text)
    ended = call(root, f"{tmp_path}/mine.py{place}", "--against", "near")
    assert ended.exit_code == 0, ended.output
    assert " ".join(ended.output.split()).count(said) == (2 if place == "::A.g" else 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mine/mine.py::Nothing",), "found no class or function Nothing"),
        (("mine", "--against", "nowhere"), "--against nowhere: found no such family"),
        (("mine/nothing.py::Held",), "cannot be opened"),
    ],
)
def test_what_is_not_there_is_said(words: tuple[str, ...], said: str, root: Path) -> None:
    ended = call(root, f"{root}/{words[0]}", *words[1:])
    assert ended.exit_code in (2, 3)
    assert said in " ".join(ended.output.split())
    assert "Traceback" not in ended.output


def test_too_many_families_are_refused(root: Path, tmp_path: Path) -> None:
    for number in range(45):
        folder = tmp_path / "many" / "models" / f"bird{number}"
        folder.mkdir(parents=True)
        (folder / "modeling.py").write_text(program(number, functions=2))
    provenance.build_index([str(tmp_path / "many")], tmp_path / "m.db", baseline=False)
    words = ("explain", f"{root}/mine", "--against", "bird*", "--no-default-index")
    ended = CliRunner().invoke(main, [*words, "--index", str(tmp_path / "m.db")])
    assert ended.exit_code == 2
    assert "found 45 families, expected at most 40" in ended.output


@pytest.mark.parametrize("share", [0.004, 0.996])
def test_no_score_is_said_to_be_all_or_none_that_is_not(share: float, root: Path) -> None:
    name = classes(TEXT)[0]
    report = provenance.scan(str(root / "mine"), [root / "i.db"], as_of="2024-06-01")
    unit = with_shares(weighed(root, name, "*"), share)
    text = of_unit(report, unit, width=120) + of_file(report, report.files[0], [unit], width=120)
    # what is needed, and a difference, are no score of anything
    text = re.sub(r"(?:from|scores) \d\.\d\d (?:on|less)|\d\.\d\d lower", "", text)
    assert ROUNDED.search(text) is None
    assert ("<0.01" if share < 0.5 else ">0.99") in text
    assert ("% of this is not in that") in text


def test_what_is_not_as_equal_as_what_is_named_was_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where something has a unit's very structure, nothing else is as close, however near."""
    package = tmp_path / "birds"
    lines = TEXT.split("\n")
    at = next(at for at, line in enumerate(lines) if line.startswith("class "))
    below = next(at for at in range(at, len(lines)) if lines[at].strip().startswith("return"))
    near = [*lines[:below], lines[below].replace("return", "del x; return"), *lines[below + 1 :]]
    for family, text in (("equal", TEXT), ("near", "\n".join(near))):
        (package / "models" / family).mkdir(parents=True)
        (package / "models" / family / "modeling.py").write_text(text)
    index = tmp_path / "i.db"
    provenance.build_index([str(package)], index, date=EARLY)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "mine.py").write_text(renamed(TEXT))
    report = provenance.scan(str(mine), [index])
    (file,) = open_source(str(mine)).files()
    assert isinstance(file, SourceFile)
    with Library([str(index)]) as library:
        weighing = weigh(file, report.findings, library, library.origins_like("near"))
        at = next(at for at, one in enumerate(weighing.parsed.units) if one.kind == "class")
        unit = weighing.unit(at)
        with monkeypatch.context() as patched:  # too little is alike of it, and of it alone
            patched.setattr("provenance.weigh.accepted", lambda *_: False)
            assert weighing.unit(at).weighed[0].reason == "below"
    (said,) = unit.weighed
    assert unit.finding is not None
    assert unit.finding.scores is not None
    assert said.near is not None
    assert 0 < unit.finding.scores.score - said.near.scores.score <= ALIKE
    assert said.near in unit.nearest
    assert said.reason == "lower"
    told = of_unit(report, unit, width=1_000)
    assert "and the very structure of this unit: where something has that, nothing else" in told


def test_the_rate_is_that_of_the_report(tmp_path: Path) -> None:
    """Also of an equal unit in which much repeats, which counts with all its elements."""
    package = tmp_path / "birds" / "models"
    texts = {f"other{n}": program(200 + n, functions=4, classes=2) for n in range(30)}
    again = "class Table:\n    def fill(self, rows):\n" + 40 * "        rows.append(self.row(1))\n"
    for family, text in (texts | {"again": again}).items():
        (package / family).mkdir(parents=True)
        (package / family / "modeling.py").write_text(text)
    provenance.build_index([str(tmp_path / "birds")], tmp_path / "i.db", date=EARLY)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "mine.py").write_text(f"{again}\n\n{OTHER}")
    report = provenance.scan(str(mine), [tmp_path / "i.db"])
    (file,) = open_source(str(mine)).files()
    assert isinstance(file, SourceFile)
    with Library([str(tmp_path / "i.db")]) as library:
        weighing = weigh(file, report.findings, library, library.origins_like("again"))
        names = [one.name for one in weighing.parsed.units]
        unit = weighing.unit(names.index("Table"))
    assert unit.finding is not None
    assert unit.finding.families == 1
    assert unit.finding.false_alarm_rate is not None
    assert unit.rate == unit.finding.false_alarm_rate
    assert [one.false_alarm_rate for one in unit.weighed] == [unit.rate]


def test_the_rate_knows_in_how_many_families_it_is(tmp_path: Path) -> None:
    """As the report's does: with the null alone it was far lower than the share of those that are
    named beside it."""
    package = tmp_path / "birds"
    for number in range(30):
        folder = package / "models" / f"m{number}"
        folder.mkdir(parents=True)
        shared = [TEXT] * (number < 3)
        (folder / "modeling.py").write_text(
            "\n\n".join([*shared, program(200 + number, functions=4)])
        )
    provenance.build_index([str(package)], tmp_path / "i.db", date=EARLY)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.py").write_text(TEXT + "\n\n" + OTHER)
    report = provenance.scan(str(tmp_path / "mine"), [tmp_path / "i.db"])
    (file,) = open_source(str(tmp_path / "mine")).files()
    assert isinstance(file, SourceFile)
    with Library([str(tmp_path / "i.db")]) as library:
        weighing = weigh(file, report.findings, library, library.origins_like("*"))
        names = [unit.name for unit in weighing.parsed.units]
        unit = weighing.unit(names.index(classes(TEXT)[0]))
    assert unit.finding is not None
    assert unit.finding.false_alarm_rate == round(2 / 30, 6)
    told = {one.family: one.false_alarm_rate for one in unit.weighed[:3]}
    assert told == dict.fromkeys(("m0", "m1", "m2"), unit.rate)
    assert unit.rate == unit.finding.false_alarm_rate
