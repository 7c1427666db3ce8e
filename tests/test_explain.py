"""explain: why a line matched, what counts, and both sides."""

from __future__ import annotations

import json
import re
import sys
import zipfile
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path

import pytest
from audits import ROUNDED, with_shares
from click.testing import CliRunner, Result
from programs import program, renamed

import provenance
from provenance.cli import main
from provenance.decode import shown
from provenance.explained import explained
from provenance.library import Library
from provenance.model import Block, Report
from provenance.report.columns import _block
from provenance.report.explain import Quoted, explain
from provenance.spread import spread

pytestmark = pytest.mark.usefixtures("in_this_process")

COMMON = program(77, functions=1, classes=0, statements=12)
"""A function that every family has."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty families that share a function, the first of which is copied with other names."""
    root = tmp_path_factory.mktemp("explain")
    for number in range(30):
        folder = root / "birds" / "models" / f"bird{number}"
        folder.mkdir(parents=True)
        (folder / "modeling.py").write_text(program(number, functions=2) + "\n\n" + COMMON)
    provenance.build_index([str(root / "birds")], root / "i.db", date="2024-01-01")
    mine = root / "mine" / "src"
    mine.mkdir(parents=True)
    text = renamed(program(0, functions=2)) + "\n\n" + COMMON
    (mine / "model.py").write_text(text + "\n\nown_name = [other_name * 7]\n")
    (mine / "other.py").write_text("x = 1\n")
    return root


def line_of(root: Path, start: str) -> int:
    lines = (root / "mine" / "src" / "model.py").read_text("utf-8").split("\n")
    return next(n for n, line in enumerate(lines, 1) if line.startswith(start))


def call(root: Path, *words: str, columns: int = 80) -> Result:
    options = ["--index", str(root / "i.db"), "--no-default-index"]
    environment = {"COLUMNS": str(columns)}
    return CliRunner(env=environment).invoke(main, ["explain", *words, *options])


def quoted(root: Path, report: Report) -> Quoted:
    """Both sides as they are on disk."""
    with Library([str(root / "i.db")]) as library:
        mine = (root / "mine" / "src" / "model.py").read_text("utf-8")
        theirs = {
            (one.reference.package, one.reference.version or "", one.reference.path): (
                root / "birds" / one.reference.path
            ).read_text("utf-8")
            for one in report.findings
        }
        return Quoted(mine, theirs, spread(mine.encode(), library), library.indexes[0].families)


def scanned(root: Path) -> Report:
    return provenance.scan(str(root / "mine"), [root / "i.db"], include=["src/model.py"])


# --- how it is asked ----------------------------------------------------------------------


def test_a_file_of_a_very_long_path_is_explained(root: Path, tmp_path: Path) -> None:
    """A glob of it is refused."""
    path = "/".join(["a" * 100] * 11) + "/model.py"
    with zipfile.ZipFile(tmp_path / "long.zip", "w") as archive:
        archive.writestr(path, (root / "mine" / "src" / "model.py").read_text("utf-8"))
    result = call(root, str(tmp_path / "long.zip"), path)
    assert result.exit_code == 0, result.output
    assert "bird0" in result.output


def test_a_file_is_named_as_a_user_would(root: Path, tmp_path: Path) -> None:
    """On disk by itself, inside a folder, by its end, inside an archive; with a line or without."""
    line = line_of(root, "class")
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        archive.write(root / "mine" / "src" / "model.py", "src/model.py")
    for words in (
        (f"{root}/mine/src/model.py:{line}",),
        (f"{root}/mine", f"src/model.py:{line}"),
        (f"{root}/mine", f"./src/model.py:{line}"),
        (f"{root}/mine", f"model.py:{line}"),
        (str(root), f"mine/src/model.py:{line}"),
        (str(root), f"src/model.py:{line}"),
        (str(tmp_path / "mine.zip"), f"src/model.py:{line}"),
    ):
        ended = call(root, *words)
        assert ended.exit_code == 0, ended.output
        assert f"line {line} is in the block" in " ".join(ended.output.split())
        assert "<- birds/bird0" in ended.output
    whole = call(root, f"{root}/mine/src/model.py")
    assert whole.output.count("<- birds/bird0") >= 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mine", "nothing.py"), "found no such Python file"),
        (("mine", "src/model.py:99999"), "expected one of them, not 99999"),
        (("mine", "src/model.py:0"), "expected one of them, not 0"),
        (("mine", f"src/model.py:{10**17}"), f"expected one of them, not {10**17}"),
        (("mine",), "found 2 files, expected one"),
        (("nowhere.py:3",), "cannot be opened"),
    ],
)
def test_what_is_not_there_is_said(words: tuple[str, ...], said: str, root: Path) -> None:
    ended = call(root, f"{root}/{words[0]}", *words[1:])
    assert ended.exit_code in (2, 3)
    assert said in ended.output
    assert "Traceback" not in ended.output


# --- what it says -------------------------------------------------------------------------


def test_it_says_why_and_what_speaks_for_and_against(root: Path) -> None:
    text = " ".join(call(root, f"{root}/mine", f"model.py:{line_of(root, 'class')}").output.split())
    for part in (
        "matched: this class and that, equal but for names or literals (type-2)",
        "renamed: ",
        "paired lines; the whole is in 1 family of 30",
        "for: - the verdict is ",
        "it scores higher than ",
        "% of unrelated families reach it",
        "against: - ",
        "which side is older is not known",
        "both may follow a third source that is not indexed",
        "who else: no other origin is as close",
        "dates: first seen 2024-01-01",
        "get it with: provenance sources fetch birds/bird0",
    ):
        assert part in text, part


def test_what_is_common_is_discounted(root: Path) -> None:
    """Its lines are marked, its families counted, and without a line it is only listed."""
    line = line_of(root, COMMON.split("(")[0])
    text = call(root, f"{root}/mine", f"model.py:{line}").output
    flat = " ".join(text.split())
    assert re.search(rf"line {line} is in the block [\d-]+ = [\d-]+; .*discounted", flat)
    assert "common, it counts for no origin" in flat
    marked = re.findall(r"^[> ]\. +(\d+) ", text, re.MULTILINE)
    assert line in map(int, marked)
    whole = call(root, f"{root}/mine/src/model.py").output
    assert "Discounted as common, and not shown: " in whole
    assert not re.findall(rf"^[> ][=~.:] +{line} ", whole, re.MULTILINE)


def test_a_line_of_its_own_is_said_to_be_so(root: Path) -> None:
    line = line_of(root, "own_name")
    text = " ".join(call(root, f"{root}/mine", f"model.py:{line}").output.split())
    assert f"Nothing of the indexed code was found at line {line}" in text
    assert "Found in this file: " in text


def test_a_reference_file_as_it_is_is_said(root: Path, tmp_path: Path) -> None:
    (tmp_path / "same.py").write_bytes((root / "birds/models/bird3/modeling.py").read_bytes())
    text = call(root, str(tmp_path / "same.py")).output
    assert "It is a reference file, byte for byte: models/bird3/modeling.py" in text


# --- both sides ---------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_both_sides_fit(width: int, root: Path) -> None:
    """Two columns where there is room, else one under the other; nothing is wider, and each shown
    line is the line of its number."""
    report = scanned(root)
    text = explain(report, report.files[0], quoted(root, report), width=width)
    mine = quoted(root, report).suspect
    assert mine is not None
    theirs = (root / "birds/models/bird0/modeling.py").read_text("utf-8").split("\n")
    lines = text.split("\n")
    assert max(map(len, lines)) <= width
    shown = set()
    sides = False
    for line in lines:
        sides = bool(line) and (sides or line.startswith("   = as written"))
        if not sides:
            continue
        if width >= 100:
            row = re.match(r"[> ] *(\d+) (.*?) +[=~.] +(\d+)(?: (.*))?$", line)
            pair = (row[1], row[2], row[3], row[4] or "") if row else None
        else:
            row = re.match(r"[> ][=~. ] +(\d+) ?(.*)$", line)
            pair = (row[1], row[2], "", "") if row else None
            if other := re.match(r"  < *(\d+) ?(.*)$", line):
                assert theirs[int(other[1]) - 1].startswith(other[2].removesuffix(">"))
        if pair is not None:
            number, left, right, written = pair
            shown.add(int(number))
            assert mine.split("\n")[int(number) - 1].strip().startswith(left.strip().rstrip(">"))
            if right:
                assert theirs[int(right) - 1].strip().startswith(written.strip().rstrip(">"))
    for finding in report.findings:
        if finding.verdict != "common":
            for block in finding.blocks:
                assert shown >= set(range(block.suspect_start, block.suspect_end + 1))


def test_renamed_words_are_underlined_where_that_is_possible(root: Path) -> None:
    report = scanned(root)
    sides = quoted(root, report)
    plain = explain(report, report.files[0], sides, width=120)
    styled = explain(report, report.files[0], sides, width=120, styled=True)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d+m", "", styled) == plain
    assert re.search(r"\x1b\[4m\w*_x\x1b\[24m", styled)


def test_what_is_scanned_steers_no_terminal(root: Path, tmp_path: Path) -> None:
    text = renamed(program(0, functions=2)).replace("(", "(  # \x1b[31m\u202e red\n", 1)
    (tmp_path / "m.py").write_text(text, "utf-8")
    shown = explained(str(tmp_path / "m.py"), None, [root / "i.db"], width=120)
    assert "<- birds/bird0" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\x1b[31m" in shown


@pytest.mark.skipif(sys.platform == "win32", reason="names of files")
def test_a_file_is_named_as_it_is_or_as_it_is_shown(root: Path, tmp_path: Path) -> None:
    """Whatever signs its name has: only as it is shown it was found."""
    place = tmp_path / "a\nb\x1b\udce9.py"
    place.write_text((root / "mine" / "src" / "model.py").read_text("utf-8"))
    (tmp_path / "c.py").write_text("x = 1\n")
    line = line_of(root, "class")
    asked: list[tuple[str, str | None]] = [(f"{place}:{line}", None)]
    asked += [(str(tmp_path), f"{name}:{line}") for name in (place.name, shown(place.name))]
    told = [explained(source, path, [root / "i.db"]) for source, path in asked]
    assert "named: birds/bird0" in told[0]
    assert told[1] == told[2]
    assert told[0].split("\n")[1:] == told[1].split("\n")[1:]


def test_what_the_only_family_has_is_not_too_frequent(root: Path, tmp_path: Path) -> None:
    """The line counted on the same page, of a rarity of 1."""
    provenance.build_index(
        [root / "birds" / "models" / "bird0"], tmp_path / "one.db", origin="birds"
    )
    source = str(root / "mine" / "src" / "model.py")
    shown = explained(f"{source}:{line_of(root, 'class') + 2}", None, [tmp_path / "one.db"])
    assert "1 family of 1 have what stands there" in " ".join(shown.split())
    assert "too frequent" not in shown


def test_a_line_is_as_common_as_the_rarest_run_that_covers_it(root: Path) -> None:
    text = (root / "mine" / "src" / "model.py").read_text("utf-8")
    with Library([str(root / "i.db")]) as library:
        counts = spread(text.encode(), library)
    common = line_of(root, COMMON.split("(")[0])
    assert counts[common + 2] >= 29
    assert counts[line_of(root, "class") + 2] == 1
    assert line_of(root, "own_name") not in counts


def test_a_notebook_is_explained_as_it_is_scanned(root: Path, tmp_path: Path) -> None:
    """Cell by cell: a string that one leaves open hides no other."""
    text = renamed(program(0, functions=2))
    lines = "".join(f"    {line}\n" for line in text.split("\n"))
    cells = ["x = '''open\n", f"class A:\n    '''Of it.'''\n{lines}"]
    made = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": one} for one in cells]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    report = provenance.scan(tmp_path, [root / "i.db"])
    name = next(one.suspect.name for one in report.findings if one.verdict != "common")
    shown = call(root, str(tmp_path / "a.ipynb") + f"::{name}")
    assert shown.exit_code == 0, shown.output
    assert "named: birds/bird0" in shown.output


def test_a_line_of_a_unit_is_not_said_to_be_unpaired_in_the_body_of_the_module(
    tmp_path: Path,
) -> None:
    """The body is what no class or function spans: of a paired line of one it was said that it is
    this file's own."""
    body = "".join(f"value_{n} = compute({n}, [name_{n}, {n} * 2])\n" for n in range(30))
    text = f"{body}\n\n{program(0, functions=1)}"
    for name, more in (("theirs", ""), ("mine", "\n\nlast = 1\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.py").write_text(text + more)
    provenance.build_index([str(tmp_path / "theirs")], tmp_path / "i.db", date="2024-01-01")
    found = provenance.scan(str(tmp_path / "mine"), [tmp_path / "i.db"]).findings
    unit = next(one.suspect for one in found if one.suspect.kind != "module")
    assert any(one.suspect.kind == "module" for one in found)
    for line in (unit.start_line, 1):
        ended = call(tmp_path, str(tmp_path / "mine"), f"model.py:{line}")
        assert ended.exit_code == 0, ended.output
        assert f"line {line} is in the block" in ended.output
        assert "is paired with nothing" not in ended.output


@pytest.mark.parametrize("share", [0.004, 0.996])
def test_no_more_is_said_to_be_all_or_none_than_is(share: float, root: Path) -> None:
    """Not that nothing speaks against it, where some of it is not in the reference."""
    report = scanned(root)
    findings = (replace(one, verdict="derived") for one in with_shares(report.findings, share))
    made = replace(report, findings=tuple(findings), files=with_shares(report.files, share))
    text = explain(made, made.files[0], quoted(root, report), width=120)
    assert ROUNDED.search(text) is None
    assert ("99 % of it is not in" if share < 0.5 else "<1 % of it is not in") in text
    for percentile, said in ((0.999999, "than >99.99 %"), (0.9999, "than 99.99 %")):
        most = with_shares(made.findings, percentile)
        assert f"{said} of pairs" in explain(
            replace(made, findings=most), made.files[0], quoted(root, report), width=120
        )


def test_lines_that_stand_very_often_are_held_against_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ten thousand empty ones took time by the square. All are shown, in order, equal beside equal
    where what is around them is."""
    given: list[int] = []

    def matcher(junk: None, here: list[str], there: list[str], autojunk: bool) -> object:
        given.extend((len(here), len(there)))
        return SequenceMatcher(junk, here, there, autojunk)

    monkeypatch.setattr("provenance.report.columns.SequenceMatcher", matcher)
    left = [line for at in range(100) for line in (f"a{at} = {at}", *[""] * 100)]
    right = [line for at in range(100) for line in (f"a{at} = {at}", "")]
    rows = list(_block(Block(1, len(left), 1, len(right)), 1, left, right, set()))
    assert given == [100, 100]
    assert [row.left for row in rows if row.left] == [*range(1, len(left) + 1)]
    assert [row.right for row in rows if row.right] == [*range(1, len(right) + 1)]
    assert [row.mark for row in rows] == ["=", "=", *"~" * 99] * 100
