"""scan and compare: what is hidden stays hidden, everything is counted, and the result is the
same whoever does the work and wherever the code stands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import inserted, program, renamed

import provenance
from provenance import Report, SourceError, UsageError
from provenance.attribute import strength
from provenance.given import LONGEST_HIDDEN, MOST_HIDDEN
from provenance.indexing import merge_indexes
from provenance.library import said
from provenance.model import SourceFile
from provenance.scanning import Outcome, _scan_batch, _Settings
from provenance.source import open_source

pytestmark = pytest.mark.usefixtures("in_this_process")

FIXTURES = Path(__file__).parent.parent / "fixtures"


def write(folder: Path, **files: str) -> str:
    """A folder with these modules."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    return str(folder)


OWN = "\n\ndef own(x):\n    return [y for y in x if y is not None and y > len(x)]\n"
"""What no reference has, so that a file is not one of theirs as it is."""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases of one package, and another package that has some of the same code."""
    folder = tmp_path_factory.mktemp("index")
    path = folder / "reference.db"
    for day, name, seeds in (
        ("2024-01-10", "old", range(4)),
        ("2025-02-20", "new", range(2, 8)),
    ):
        source = write(folder / name, **{f"m{seed}": program(seed) for seed in seeds})
        provenance.build_index([source], path, date=day, extend=path.exists())
    return path


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A repository with copies of all of it, own code, and files that cannot be read."""
    folder = tmp_path_factory.mktemp("mine") / "repo"
    write(
        folder,
        copy0=program(0),
        copy3=renamed(program(3)),
        copy6=inserted(program(6), 1, 0.1),
        own=program(1000) + program(1001),
        empty="",
        remarks="# nothing\n",
    )
    write(folder / "deep" / "er", copy5="import os\n\n\n" + program(5), copy7=program(7))
    (folder / "bad.py").write_bytes(b"x = '\xff\xfe'\n")
    (folder / "broken.py").write_text(program(4) + "def f(:\n")
    return str(folder)


@pytest.fixture(scope="module")
def report(mine: str, index: Path) -> Report:
    """Of the whole repository against the whole index."""
    return provenance.scan(mine, [index])


# --- what a report says -------------------------------------------------------------------


def test_every_file_is_in_the_report_once(report: Report, mine: str) -> None:
    """Scanned or skipped with a reason, sorted by path; findings name scanned files."""
    paths = [file.path for file in report.files]
    skipped = [one.path for one in report.skipped]
    assert paths == sorted(paths)
    assert skipped == ["bad.py"]
    assert "0xff" in report.skipped[0].reason
    found = {str(path.relative_to(mine)) for path in Path(mine).rglob("*.py")}
    assert sorted(paths + skipped) == sorted(found)
    assert {finding.suspect.path for finding in report.findings} <= set(paths)
    assert {f.path for f in report.files if f.error_lines} == {"broken.py"}


def test_copies_are_found_and_own_code_is_not(report: Report) -> None:
    """Each copy names the module it was taken from."""
    named: dict[str, set[str]] = {}
    for finding in report.findings:
        origins = {finding.reference.origin, *finding.also}
        named.setdefault(finding.suspect.path, set()).update(origins)
    for file in report.files:
        if file.identical:
            named[file.path] = {file.identical.origin}
    for seed, path in ((0, "copy0.py"), (3, "copy3.py"), (6, "copy6.py"), (5, "deep/er/copy5.py")):
        assert any(origin.endswith(f"/m{seed}") for origin in named[path]), path
        first = next(file for file in report.files if file.path == path).composition[0]
        assert first.origin.endswith(f"/m{seed}")
        assert first.share > 0.7
    for path in ("empty.py", "remarks.py"):
        assert path not in named


def test_shares_add_up(report: Report) -> None:
    """Composition and novel are 1 together, similarity is what novel leaves."""
    for file in report.files:
        total = sum(share.share for share in file.composition) + file.common
        assert total + file.novel == pytest.approx(1, abs=1e-5)
        assert file.similarity == pytest.approx(total, abs=1e-5)
        shares = [(-share.share, share.origin) for share in file.composition]
        assert shares == sorted(shares)
        assert all(0 < share.share <= 1 for share in file.composition)
        assert 0 <= file.novel <= 1


def test_findings_are_sorted_by_strength_and_told_apart(report: Report) -> None:
    """The strongest first; no two have one id."""
    assert list(report.findings) == sorted(report.findings, key=strength)
    assert len({finding.id for finding in report.findings}) == len(report.findings)


def test_findings_hold_what_they_say(report: Report, mine: str) -> None:
    """Lines stand in the files, blocks in the units, numbers in their ranges."""
    kinds = {"type-1", "type-2", "type-3", "fragment"}
    for finding in report.findings:
        suspect, reference = finding.suspect, finding.reference
        lines = (Path(mine) / suspect.path).read_text("utf-8").count("\n") + 1
        assert 1 <= suspect.start_line <= suspect.end_line <= lines
        assert finding.clone_type in kinds
        assert finding.blocks
        for block in finding.blocks:
            assert suspect.start_line <= block.suspect_start <= block.suspect_end
            assert block.suspect_end <= suspect.end_line
            assert reference.start_line <= block.reference_start <= block.reference_end
            assert block.reference_end <= reference.end_line
        for share in (
            finding.resemblance,
            finding.suspect_containment,
            finding.reference_containment,
            finding.same_text,
        ):
            assert 0 <= share <= 1
        if finding.clone_type in ("type-1", "type-2"):
            assert finding.resemblance == 1
        if finding.clone_type == "type-1":
            assert finding.renames == ()
            assert finding.same_text == 1
        assert finding.reference.origin not in finding.also
        assert list(finding.also) == sorted(set(finding.also))


def test_blocks_of_a_module_leave_out_its_functions(tmp_path: Path) -> None:
    """They are units of their own, may be anything, and be from any day."""
    row = "first_{0} = build({0}, ['a', {0}], wide={0} if ready else None)\n"
    first = "".join(map(row.format, range(6)))
    last = first.replace("first", "last")
    folders = [tmp_path / "reference", tmp_path / "suspect"]
    for folder, inner in zip(folders, (program(1, functions=1), program(2)), strict=True):
        folder.mkdir()
        (folder / "a.py").write_text(f"{first}\n{inner}\n{last}", newline="\n")
    report = provenance.compare(folders[1], folders[0])
    (module,) = [one for one in report.findings if one.suspect.kind == "module"]
    ends = [len((folder / "a.py").read_text().splitlines()) for folder in folders]
    found = [[*astuple(block)] for block in module.blocks]
    assert found == [
        [1, 6, 1, 6],
        [ends[1] - 5, ends[1], ends[0] - 5, ends[0]],
    ]


def test_lines_are_counted_as_wc_does(report: Report, mine: str) -> None:
    """A file of n ended lines has n lines; an empty one still has its first."""
    for file in report.files:
        assert file.lines == max(1, (Path(mine) / file.path).read_text("utf-8").count("\n"))


@pytest.mark.parametrize("text", ["", "# nothing\n", "import os\n", "x = 1\n", "def f(): pass\n"])
def test_a_source_with_nothing_to_compare_has_no_finding(
    text: str, index: Path, tmp_path: Path
) -> None:
    """A file of which nothing is fingerprinted is scanned like any other."""
    found = provenance.scan(write(tmp_path / "s", a=text), [index])
    assert [file.path for file in found.files] == ["a.py"]
    assert found.findings == ()
    assert (found.files[0].similarity, found.files[0].novel) == (0.0, 1.0)


def test_a_reference_with_nothing_in_it(tmp_path: Path) -> None:
    """Comparing with nothing finds nothing."""
    suspect = write(tmp_path / "s", a=program(1))
    assert provenance.compare(suspect, write(tmp_path / "r", a="")).findings == ()


def test_code_compared_with_itself_is_type_1_throughout(tmp_path: Path) -> None:
    """Every file is that very file; what grew is wholly explained but for that, nothing renamed."""
    source = write(tmp_path / "s", **{f"m{seed}": program(seed) for seed in range(3)})
    same = provenance.compare(source, source)
    assert same.findings == ()
    assert [
        (file.identical.path, file.identical.exact) for file in same.files if file.identical
    ] == [(file.path, True) for file in same.files]
    assert [(one.files, one.exact) for one in same.vendored] == [(3, 3)]
    grown = write(tmp_path / "g", **{f"m{seed}": program(seed) + OWN for seed in range(3)})
    found = provenance.compare(grown, source)
    assert found.findings
    assert {finding.clone_type for finding in found.findings} == {"type-1"}
    for finding in found.findings:
        assert (finding.suspect.name, finding.suspect.path) == (
            finding.reference.name,
            finding.reference.path,
        )


MARKED = """class RegNetEncoder:
    def forward(self, pixels, hidden):
        for stage in self.stages:
            hidden = stage(pixels, hidden + self.offset) * self.scale
        return hidden


class RegNetModel:
    base_model_prefix = "regnet"

    def __init__(self, config):
        self.regnet = RegNetEncoder(config, depth=4, width=config.width * 2)
        self.kernel = self.pool(config.kernel + 1, stride=2, padding=1)

    def forward(self, pixels, hidden=None):
        outputs = self.regnet(pixels, hidden or self.kernel(pixels), cached=False)
        return self.regnet.norm(outputs[0]) + self.kernel(outputs[1])
"""


def test_a_name_that_both_have_is_no_rename(tmp_path: Path) -> None:
    """An index keeps a family's mark as a sign, not how it was spelt: RegNet's is regnet here."""
    reference = write(tmp_path / "r", modeling_regnet=MARKED)
    changed = write(tmp_path / "s", mine=MARKED.replace("kernel", "filters") + OWN)
    report = provenance.compare(changed, reference)
    model = next(one for one in report.findings if one.suspect.name == "RegNetModel")
    assert [(one.reference, one.suspect) for one in model.renames] == [("kernel", "filters")]
    moved = MARKED.replace("RegNet", "Zorblatt").replace("regnet", "zorblatt")
    report = provenance.compare(write(tmp_path / "m", mine=moved + OWN), reference)
    model = next(one for one in report.findings if one.suspect.name == "ZorblattModel")
    assert {(one.reference, one.suspect) for one in model.renames} == {
        ("RegNet", "Zorblatt"),
        ("regnet", "zorblatt"),
    }


def test_what_is_as_written_is_type_1_whatever_else_its_file_has(tmp_path: Path) -> None:
    """The marks of the two files decide what is equal in the text view, not what is as written."""
    reference = write(tmp_path / "r", modeling_regnet=MARKED)
    other = write(tmp_path / "o", mine=MARKED + OWN + "\n\nclass Own:\n    pass\n" * 5)
    for one, two in ((other, reference), (reference, other)):  # of a mark, and of none
        found = provenance.compare(one, two).findings
        assert {"RegNetEncoder", "RegNetModel"} <= {one.suspect.name for one in found}
        assert {(one.clone_type, one.renames, one.same_text) for one in found} == {
            ("type-1", (), 1.0)
        }
    changed = MARKED.replace('"regnet"', '"resnet"') + OWN + "\n\nclass Own:\n    pass\n" * 5
    found = provenance.compare(write(tmp_path / "c", mine=changed), reference).findings
    types = {one.suspect.name: one.clone_type for one in found}
    assert (types["RegNetEncoder"], types["RegNetModel"]) == ("type-1", "type-2")


def test_a_text_with_the_mark_of_another_family_is_not_as_written(tmp_path: Path) -> None:
    """The text view has a sign for both marks, which made it type-1, with no rename that tells."""
    function = """

def loaded(path, table, other):
    result = {}
    for key, value in table.items():
        if key.startswith("regnet_config") and other(key, "regnet"):
            result[key] = value + path.get("regnet_weights", 12)
        elif key in other:
            result[other[key]] = value - 5
    return result
"""
    there = MARKED + function
    here = there.replace("RegNet", "Zorblatt").replace("regnet", "zorblatt")
    reference = write(tmp_path / "r", modeling_regnet=there)
    (found,) = (
        one
        for one in provenance.compare(write(tmp_path / "s", mine=here), reference).findings
        if one.suspect.name == "loaded"
    )
    assert (found.clone_type, found.renames, found.resemblance) == ("type-2", (), 1.0)


# --- hiding -------------------------------------------------------------------------------


def days(found: Report) -> set[str | None]:
    return {finding.reference.first_seen for finding in found.findings}


def test_as_of_hides_what_was_first_seen_on_or_after_the_day(mine: str, index: Path) -> None:
    """The day itself is hidden, the day after not; what is older stays."""
    everything = provenance.scan(mine, [index])
    assert days(everything) == {"2024-01-10", "2025-02-20"}
    assert days(provenance.scan(mine, [index], as_of="2025-02-21")) == days(everything)
    before = provenance.scan(mine, [index], as_of="2025-02-20")
    assert days(before) == {"2024-01-10"}
    for finding in before.findings:
        assert {finding.reference.origin[:4], *(name[:4] for name in finding.also)} == {"old/"}
    nothing = provenance.scan(mine, [index], as_of="2024-01-10")
    assert nothing.findings == ()
    assert all(file.novel == 1.0 for file in nothing.files)


@pytest.mark.parametrize(
    "day",
    [
        "",
        "yesterday",
        "2026-13-01",
        "2026-1-1",
        "20260101",
        "2026-01-01T00:00",
    ],
)
def test_a_day_that_is_none_is_refused(day: str, mine: str, index: Path) -> None:
    """With an example of one."""
    with pytest.raises(UsageError, match="2026-01-26"):
        provenance.scan(mine, [index], as_of=day)


@pytest.mark.parametrize(
    ("globs", "said"),
    [(["a"] * (MOST_HIDDEN + 1), "1,001 globs"), (["a" * (LONGEST_HIDDEN + 1)], "100,001 char")],
)
def test_very_many_hidden_origins_are_refused(
    mine: str, index: Path, globs: list[str], said: str
) -> None:
    """Each worker asks them of all origins: a megabyte of them took a minute, and was told of the
    first file."""
    with pytest.raises(UsageError, match=f"exclude-origin: found {said}.* hide several"):
        provenance.scan(mine, [index], exclude_origin=globs)
    assert provenance.scan(mine, [index], exclude_origin=globs[:-1] or [globs[0][:-1]]).findings


def test_exclude_origin_hides_origins_by_glob(mine: str, index: Path) -> None:
    """Neither named, nor among the others that are as close, nor in a composition."""
    found = provenance.scan(mine, [index], exclude_origin=["new/*", "old/m0"])
    assert found.findings
    shown = {finding.reference.origin for finding in found.findings}
    shown.update(name for finding in found.findings for name in finding.also)
    shown.update(share.origin for file in found.files for share in file.composition)
    assert shown <= {"old/m1", "old/m2", "old/m3"}
    assert provenance.scan(mine, [index], exclude_origin=["*"]).findings == ()
    unknown = provenance.scan(mine, [index], exclude_origin=["none/such"])
    assert unknown.findings == provenance.scan(mine, [index]).findings


def test_include_and_exclude_choose_files(mine: str, index: Path) -> None:
    """Files that are not chosen are neither scanned nor skipped."""

    def paths(**chosen: list[str]) -> list[str]:
        found = provenance.scan(mine, [index], **chosen)  # type: ignore[arg-type]
        assert {one.path for one in found.skipped} <= {"bad.py"}
        return [file.path for file in found.files]

    assert paths(include=["copy*.py"]) == [
        "copy0.py",
        "copy3.py",
        "copy6.py",
        "deep/er/copy5.py",
        "deep/er/copy7.py",
    ]
    assert paths(include=["deep/"]) == ["deep/er/copy5.py", "deep/er/copy7.py"]
    assert paths(include=["copy{0,3}.py"], exclude=["copy3.py"]) == ["copy0.py"]
    assert provenance.scan(mine, [index], include=["none*"]).files == ()


# --- several indexes ----------------------------------------------------------------------


def test_two_indexes_are_one(mine: str, index: Path, tmp_path: Path) -> None:
    """What stands in either is found, and both are named."""
    other = tmp_path / "other.db"
    provenance.build_index([write(tmp_path / "o", z=program(1000))], other)
    found = provenance.scan(mine, [index, other])
    assert [used.name for used in found.indexes] == ["reference.db", "other.db"]
    named = {finding.reference.origin for finding in found.findings}
    assert "o/z" in named
    alone = provenance.scan(mine, [index])
    assert {f.reference.origin for f in alone.findings} < named


def test_the_order_of_indexes_and_copies_of_them_change_nothing(
    mine: str, index: Path, tmp_path: Path
) -> None:
    """Byte for byte."""
    other, copy = tmp_path / "other.db", tmp_path / "later" / "reference.db"
    provenance.build_index([write(tmp_path / "o", z=program(1000), a=program(1))], other)
    copy.parent.mkdir()
    copy.write_bytes(index.read_bytes())
    (tmp_path / "z.db").symlink_to(other)
    once = provenance.json_report(provenance.scan(mine, [index, other]))
    for indexes in ([other, index], [other, index, other, tmp_path / "z.db"], [copy, other]):
        assert provenance.json_report(provenance.scan(mine, indexes)) == once
    assert provenance.scan(mine, [copy, index]) == provenance.scan(mine, [index])


@pytest.mark.parametrize("name", ["indexes", "include", "exclude", "exclude_origin"])
def test_a_text_is_no_list(name: str, mine: str, index: Path) -> None:
    """Taken sign by sign, a glob would hide every origin, and say nothing."""
    given: dict[str, Any] = {"indexes": [index], name: "*"}
    with pytest.raises(UsageError, match=rf"{name}: found '\*', expected a list"):
        provenance.scan(mine, **given)
    with pytest.raises(UsageError, match="include: found"):
        provenance.build_index([mine], index, include="*")
    with pytest.raises(UsageError, match="sources: found"):
        provenance.build_index(mine, index)


def test_a_source_may_be_a_path(mine: str, index: Path) -> None:
    assert provenance.scan(Path(mine), [index]) == provenance.scan(mine, [index])


def test_no_index_and_no_source_are_refused(mine: str, index: Path) -> None:
    """With the remedy."""
    with pytest.raises(UsageError, match="index build"):
        provenance.scan(mine, [])
    with pytest.raises(SourceError, match="absent"):
        provenance.scan("absent", [index])


# --- the same every time ------------------------------------------------------------------


def test_the_report_does_not_depend_on_jobs_where_a_batch_has_no_unit(
    mine: str, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of files of which nothing is fingerprinted."""
    monkeypatch.setattr("provenance.workers._BATCH_FILES", 1)
    provenance.scan(mine, [index])


def test_the_report_does_not_depend_on_jobs(
    mine: str, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte, with worker processes and several batches."""
    monkeypatch.setattr("provenance.workers._FEW_BYTES", 10)
    monkeypatch.setattr("provenance.workers._BATCH_FILES", 2)
    left_out = ["empty.py", "remarks.py"]
    reports = [
        provenance.json_report(provenance.scan(mine, [index], jobs=jobs, exclude=left_out))
        for jobs in (1, 2)
    ]
    assert reports[0] == reports[1]
    alone = reports[0]
    assert json.loads(alone)["counts"]["findings"] > 5


def test_workers_find_an_index_that_is_named_from_here(
    mine: str, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the current folder is another one than that in which Python began: on Python 3.10
    workers begin in that one."""
    monkeypatch.setattr("provenance.workers._FEW_BYTES", 10)
    monkeypatch.chdir(index.parent)
    assert provenance.scan(mine, [index.name], jobs=2) == provenance.scan(mine, [index.name])


def test_the_report_does_not_depend_on_batches(
    mine: str, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file alone gives what all together give."""
    left_out = ["empty.py", "remarks.py"]
    together = provenance.scan(mine, [index], exclude=left_out)
    monkeypatch.setattr("provenance.workers._BATCH_FILES", 1)
    assert provenance.scan(mine, [index], exclude=left_out) == together


@pytest.mark.parametrize("as_of", [None, "2025-01-01"])
def test_what_is_remembered_changes_no_result(
    mine: str, index: Path, tmp_path: Path, as_of: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files one after another in two orders, each with nothing remembered of others, and all with
    nothing remembered at all. Their code recurs under other names, in other files, at other lines.
    """
    moved = OWN + "\n# three\n# lines\n# more\n"
    read = open_source(mine).files()
    texts = [file.content for file in read if isinstance(file, SourceFile)]
    texts += [renamed(program(seed)).encode() for seed in (0, 3, 5)]
    texts += [(moved + inserted(program(seed), seed, 0.1)).encode() for seed in (2, 6, 6)]
    texts += [(moved + program(seed) + program(seed + 1)).encode() for seed in (2, 3, 6)]
    files = [SourceFile(f"{at}.py", text, "0" * 64) for at, text in enumerate(texts * 2)]
    joined = "".join(map(program, (3, 11, 12)))  # two origins have what is in both, one has more
    texts += [(moved + joined).encode(), (moved + program(3)).encode()]
    path = Path(shutil.copy(index, tmp_path))
    source = write(tmp_path / "third", joined=joined)
    provenance.build_index([source], path, date="2024-06-01", extend=True)
    settings = _Settings((str(path),), as_of, (), said([str(path)])[0])

    def scanned(some: list[SourceFile]) -> dict[str, list[Outcome]]:
        with settings.open() as opened:
            return {file.path: _scan_batch([file], opened) for file in some}

    forwards = scanned(files)
    assert sum(len(found[0][1]) for found in forwards.values()) > 40
    assert scanned(files[::-1]) == forwards
    assert {path: found for file in files for path, found in scanned([file]).items()} == forwards
    monkeypatch.setattr("provenance.recent.Recent.keep", lambda self, key, value, *_: value)
    assert scanned(files) == forwards


_REPORT = "import sys, provenance as p; print(p.json_report(p.scan(sys.argv[1], sys.argv[2:])))"


def test_the_report_does_not_depend_on_the_process(mine: str, index: Path, report: Report) -> None:
    """The same bytes whatever PYTHONHASHSEED is."""
    found = {
        subprocess.run(
            [sys.executable, "-c", _REPORT, mine, str(index)],
            capture_output=True,
            check=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("0", "99")
    }
    assert found == {provenance.json_report(report).strip()}


def test_progress_ends_at_the_total(mine: str, index: Path) -> None:
    """It never falls and never goes beyond."""
    told: list[tuple[int, int]] = []
    provenance.scan(mine, [index], progress=lambda done, total: told.append((done, total)))
    counts = [done for done, _ in told]
    assert counts == sorted(counts)
    assert told[-1][0] == told[-1][1] == len(list(Path(mine).rglob("*.py")))


# --- ids ----------------------------------------------------------------------------------


def ids(source: str, index: Path) -> list[str]:
    return sorted(finding.id for finding in provenance.scan(source, [index]).findings)


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 7), lines=st.integers(1, 30))
def test_ids_survive_lines_above_and_another_path(
    seed: int, lines: int, index: Path, tmp_path: Path
) -> None:
    """An id says what code it is, not where it stands."""
    text = program(seed) + OWN
    here = write(tmp_path / f"a{seed}-{lines}", a=text)
    moved = write(tmp_path / f"b{seed}-{lines}" / "some" / "where", other="# x\n" * lines + text)
    assert ids(here, index) == ids(moved, index) != []


def test_the_same_code_twice_has_two_ids(index: Path, tmp_path: Path) -> None:
    """In two files, or twice in one."""
    text = program(0) + OWN
    found = ids(write(tmp_path / "two", a=text, b=text), index)
    once = ids(write(tmp_path / "one", a=text), index)
    assert len(found) == len(set(found)) == 2 * len(once)
    assert set(once) <= set(found)


# --- kinds of sources ---------------------------------------------------------------------


def test_a_notebook_has_places_by_cell(tmp_path: Path) -> None:
    """Cell numbers count all cells, lines those inside the cell."""
    folder = FIXTURES / "notebook"
    found = provenance.compare(str(folder / "suspect"), str(folder / "reference"))
    places = {f.suspect.name: f.suspect.cell for f in found.findings}
    cell = places["Spectrogram"]
    assert cell is not None
    assert (cell.start_cell, cell.start_line, cell.end_cell, cell.end_line) == (7, 2, 7, 29)
    notebook = json.loads((folder / "suspect" / "listening.ipynb").read_text("utf-8"))
    lines = "".join(notebook["cells"][cell.start_cell - 1]["source"]).splitlines()
    assert lines[cell.start_line - 1] == "class Spectrogram:"
    assert "cell 7" in provenance.text_report(found)


def test_a_file_an_archive_and_a_directory_give_the_same_findings(tmp_path: Path) -> None:
    """Only the label and the archive's day differ."""
    import zipfile

    folder = write(tmp_path / "s", a=program(2) + OWN)
    reference = write(tmp_path / "r", b=program(2))
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.write(tmp_path / "s" / "a.py", "a.py")
    found = [
        provenance.compare(str(source), reference)
        for source in (folder, tmp_path / "s" / "a.py", tmp_path / "s.zip")
    ]
    assert len({one.source for one in found}) == 3
    unknown = found[0].findings[0].seen
    plain = [
        replace(
            one,
            source="",
            indexes=(),
            suspect_date=None,
            findings=tuple(replace(finding, seen=unknown) for finding in one.findings),
        )
        for one in found
    ]
    assert plain[0] == plain[1] == plain[2]
    assert plain[0].findings


def test_a_file_that_only_differs_by_encoding_is_the_same_code(tmp_path: Path) -> None:
    """BOM, CRLF and a PEP 263 comment change no finding."""
    text = program(9).replace("'cat'", "'Käthe'")
    reference = write(tmp_path / "r", b=text)
    for number, data in enumerate(
        (
            b"\xef\xbb\xbf" + text.encode(),
            text.replace("\n", "\r\n").encode(),
            b"# coding: latin-1\n" + text.encode("latin-1"),
        )
    ):
        suspect = tmp_path / f"s{number}"
        suspect.mkdir()
        (suspect / "a.py").write_bytes(data)
        found = provenance.compare(str(suspect), reference)
        identical = found.files[0].identical
        assert identical is not None
        assert not identical.exact
        assert found.files[0].similarity == 1


@pytest.mark.parametrize("wrapped", ["def outer():\n", "class Outer:\n    def inner(self):\n"])
@pytest.mark.parametrize("times", [0, 100])
def test_what_repeats_around_a_copy_hides_no_copy(wrapped: str, times: int, tmp_path: Path) -> None:
    """What repeats is proposed once: a function around two copies looked like one of them, and one
    was paired; around one copy and very many like lines, it was a mere part of a function."""
    written = FIXTURES / "type1" / "reference"
    lines = (written / "modeling_tern.py").read_text().splitlines(keepends=True)
    start = next(at for at, line in enumerate(lines) if line.startswith("class TernAttention"))
    stop = next(at for at in range(start + 1, len(lines)) if lines[at].startswith("class"))
    copied = "".join(lines[start:stop]).rstrip() + "\n"
    body = copied if times else copied + copied.replace("TernAttention", "Other")
    body += "x = [x for x in range(1) if x > 2]\n" * times
    depth = "    " * wrapped.count("\n")
    (tmp_path / "factory.py").write_text(wrapped + textwrap.indent(body, depth))
    found = {
        one.suspect.name.rpartition(".")[2]
        for one in provenance.compare(tmp_path / "factory.py", written).findings
        if one.suspect_containment > 0.99
    }
    assert found >= ({"TernAttention"} if times else {"TernAttention", "Other"})


def test_no_release_is_said_to_lack_what_is_hidden_of_it(tmp_path: Path) -> None:
    """The code is as old as its hidden origin: a scanned side of that time is not the older one."""
    parts, text = [], program(3)
    for day, family in (
        ("2023-06-01", "other"),
        ("2023-11-01", "llama"),
        ("2024-01-26", "llama"),
        ("2024-06-01", "gemma"),
    ):
        place = tmp_path / day / "pack" / "models" / family
        place.mkdir(parents=True)
        (place / f"modeling_{family}.py").write_text(program(4) if family == "other" else text)
        parts.append(tmp_path / f"{day}.db")
        provenance.build_index([tmp_path / day / "pack"], parts[-1], date=day)
    merge_indexes(parts, tmp_path / "all.db")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.py").write_text(f"{text}\nX = 1\n")
    (tmp_path / "mine" / "b.py").write_text(text)
    report = provenance.scan(
        tmp_path / "mine",
        [tmp_path / "all.db"],
        exclude_origin=["*/llama"],
        suspect_date="2023-12-20",
    )
    same = [file.identical for file in report.files if file.identical]
    assert report.findings
    assert same
    told = {
        (a.reference.origin, a.reference.first_seen, a.reference.absent_before, a.direction)
        for a in report.findings
    }
    told |= {(b.origin, b.first_seen, b.absent_before, b.direction) for b in same}
    assert told == {("pack/gemma", "2024-06-01", "2023-06-01", "unknown")}
