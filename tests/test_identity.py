"""Files that are reference files as they are: recognised, dated, and grouped."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import program, reformatted, renamed

import provenance
from provenance.identity import vendored
from provenance.model import FileResult, Identity, Report
from provenance.parse import parse
from provenance.report.html import html_report
from provenance.report.saved import report_of
from provenance.sketch import digest

pytestmark = pytest.mark.usefixtures("in_this_process")

FIRST, SECOND = "2024-01-02", "2025-03-04"
ROBIN, WREN, WREN_LATER, LARK = (program(seed, functions=2) for seed in range(4))
SMALL = "def double(value):\n    return 2 * value\n"
RELEASES = {
    ("1.0", FIRST): {"robin": ROBIN, "wren": WREN, "small": SMALL},
    ("2.0", SECOND): {"robin": ROBIN, "wren": WREN_LATER, "lark": LARK, "small": SMALL},
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases of a package of three families: one stays, one changes, one is new."""
    folder = tmp_path_factory.mktemp("birds")
    path = folder / "birds.db"
    for (version, day), modules in RELEASES.items():
        archive = folder / f"birds-{version}.zip"
        with zipfile.ZipFile(archive, "w") as opened:
            for name, text in modules.items():
                opened.writestr(f"birds/models/{name}.py", text)
        provenance.build_index(
            [str(archive)], path, date=day, license="MIT", extend=path.exists(), baseline=False
        )
    return path


def scanned(index: Path, folder: Path, files: dict[str, str], **options: object) -> Report:
    """The report on a folder of these files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="\n")
    return provenance.scan(str(folder), [index], **options)  # type: ignore[arg-type]


def identities(report: Report) -> dict[str, Identity | None]:
    return {file.path: file.identical for file in report.files}


def test_the_same_bytes_are_named_with_the_first_release_that_has_them(
    index: Path, tmp_path: Path
) -> None:
    """They have no findings of their own: the file is one fact."""
    report = scanned(index, tmp_path, {"mine.py": ROBIN})
    (file,) = report.files
    assert file.identical == Identity(
        origin="birds/robin",
        package="birds",
        version="1.0",
        versions=("1.0", "2.0"),
        path="birds/models/robin.py",
        license="MIT",
        first_seen=FIRST,
        exact=True,
        also=(),
        absent_before=None,
        family="robin",
        title="robin",
        code=f"{digest(parse(ROBIN.encode()).tokens.text):016x}",
    )
    assert report.findings == ()
    assert (file.similarity, file.novel) == (1.0, 0.0)
    assert [(part.origin, part.share) for part in file.composition] == [("birds/robin", 1.0)]
    assert file.lines == len(ROBIN.splitlines())
    assert file.verdict == "derived"


def test_layout_comments_and_docstrings_make_no_difference(index: Path, tmp_path: Path) -> None:
    """Such a file is identical, but not byte for byte."""
    report = scanned(index, tmp_path, {"mine.py": reformatted(WREN_LATER)})
    (found,) = identities(report).values()
    assert found is not None
    assert (found.origin, found.version, found.exact) == ("birds/wren", "2.0", False)
    assert report.findings == ()


def test_other_names_are_another_file(index: Path, tmp_path: Path) -> None:
    """It is compared like any other, and found."""
    report = scanned(index, tmp_path, {"mine.py": renamed(ROBIN)})
    assert identities(report) == {"mine.py": None}
    assert {finding.reference.origin for finding in report.findings} == {"birds/robin"}
    assert report.vendored == ()


def test_one_more_statement_is_another_file(index: Path, tmp_path: Path) -> None:
    """However little it is."""
    report = scanned(index, tmp_path, {"mine.py": ROBIN + "\nshape = (3, 4)\n"})
    assert identities(report) == {"mine.py": None}
    assert report.findings


@pytest.mark.parametrize("text", [SMALL, reformatted(SMALL)], ids=["bytes", "layout"])
def test_what_is_small_says_nothing(text: str, index: Path, tmp_path: Path) -> None:
    """Any two programs have such files."""
    report = scanned(index, tmp_path, {"mine.py": text})
    assert identities(report) == {"mine.py": None}


@pytest.mark.parametrize("text", [ROBIN, reformatted(ROBIN)], ids=["bytes", "layout"])
def test_hidden_releases_and_origins_are_not_seen(text: str, index: Path, tmp_path: Path) -> None:
    """Neither as the file's own nor among the versions that have it."""
    files = {"mine.py": text}
    between = scanned(index, tmp_path, files, as_of=SECOND)
    assert [one and one.versions for one in identities(between).values()] == [("1.0",)]
    for options in ({"as_of": FIRST}, {"exclude_origin": ("birds/robin",)}):
        hidden = scanned(index, tmp_path, files, **options)
        assert identities(hidden) == {"mine.py": None}
        assert hidden.vendored == ()
        assert not any(one.reference.origin == "birds/robin" for one in hidden.findings)


@pytest.mark.parametrize("text", [LARK, reformatted(LARK)], ids=["bytes", "layout"])
@pytest.mark.parametrize(
    ("day", "direction", "verdict"),
    [
        (None, "unknown", "derived"),
        ("2026-01-01", "older", "derived"),
        (SECOND, "same", "derived"),
        ("2024-06-01", "unknown", "derived"),  # it came between the two releases
        ("2023-01-01", "younger", "resembles"),
    ],
)
def test_nothing_is_derived_from_a_file_that_is_younger(
    text: str, day: str | None, direction: str, verdict: str, index: Path, tmp_path: Path
) -> None:
    """The same rule as for a finding: what the reference's package did not have by then."""
    report = scanned(index, tmp_path, {"mine.py": text}, suspect_date=day)
    (file,) = report.files
    same = file.identical
    assert same is not None
    assert (same.first_seen, same.absent_before) == (SECOND, FIRST)
    assert (same.direction, file.verdict) == (direction, verdict)
    assert (same.seen.day, same.seen.source) == (day, "given" if day else "none")
    (line,) = report.vendored
    assert line.younger == (direction == "younger")
    text = " ".join(provenance.text_report(report).split())
    assert ("the reference is younger than 1 of them" in text) == (direction == "younger")
    page = html_report(report)
    assert '<span data-t="no_findings.identical">Files that are reference files' in page
    late = '<span data-t="headline.late_files" data-a="[1]">1 file is a reference file' in page
    assert late == (direction in ("same", "younger"))
    assert report_of(provenance.json_report(report), "r") == report


def test_a_vendored_folder_is_one_line_of_the_release_that_explains_most(
    index: Path, tmp_path: Path
) -> None:
    """What stands in both releases goes with the one that has the rest."""
    files = {
        "lib/birds/models/robin.py": ROBIN,
        "lib/birds/models/wren.py": reformatted(WREN_LATER),
        "lib/birds/models/lark.py": LARK,
        "lib/birds/models/own.py": program(9),
    }
    report = scanned(index, tmp_path, files)
    (line,) = report.vendored
    assert (line.folder, line.reference_folder) == ("lib", ".")
    assert (line.package, line.version, line.license) == ("birds", "2.0", "MIT")
    assert (line.files, line.exact) == (3, 2)
    assert line.lines == sum(file.lines for file in report.files if file.identical)
    text = provenance.text_report(report)
    assert sum("birds 2.0" in one for one in text.splitlines()) == 1


def test_folders_and_releases_are_told_apart(index: Path, tmp_path: Path) -> None:
    """One line for each folder, and for each release that is needed to explain it."""
    files = {
        "a/models/wren.py": WREN,
        "a/models/lark.py": LARK,
        "b/birds/models/robin.py": ROBIN,
        "c/song.py": LARK,
    }
    found = scanned(index, tmp_path, files).vendored
    assert [(one.folder, one.reference_folder, one.version, one.files) for one in found] == [
        ("a", "birds", "1.0", 1),
        ("a", "birds", "2.0", 1),
        ("b", ".", "1.0", 1),
        ("c", "birds/models", "2.0", 1),
    ]


def test_the_report_does_not_depend_on_jobs(index: Path, tmp_path: Path) -> None:
    """Identical files among others."""
    files = {f"m{seed}.py": program(seed, functions=2) for seed in range(6)}
    once = scanned(index, tmp_path, files)
    assert provenance.scan(str(tmp_path), [index], jobs=2) == once


NAMES = st.sampled_from(("a", "b", "models"))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda parts: "/".join(parts) + ".py")
VERSIONS = st.lists(st.sampled_from(("1", "2", "3")), unique=True, max_size=3).map(tuple)


@given(st.lists(st.tuples(PATHS, PATHS, VERSIONS, st.booleans(), st.booleans()), max_size=12))
def test_every_identical_file_is_in_one_line(
    drawn: list[tuple[str, str, tuple[str, ...], bool, bool]],
) -> None:
    """And no other is; the order of the files makes no difference."""
    files = [_result(*one) for one in drawn]
    lines = vendored(files)
    same = [file for file in files if file.identical]
    assert sum(line.files for line in lines) == len(same)
    assert sum(line.lines for line in lines) == sum(file.lines for file in same)
    assert sum(line.exact for line in lines) == sum(
        file.identical is not None and file.identical.exact for file in same
    )
    assert all(line.files >= 1 for line in lines)
    keys = [(line.folder, line.reference_folder, line.package, line.version) for line in lines]
    assert len(set(keys)) == len(keys)
    assert set(vendored(reversed(files))) == set(lines)


def _result(
    path: str, other: str, versions: tuple[str, ...], exact: bool, identical: bool
) -> FileResult:
    version = versions[0] if versions else None
    known = Identity("p/o", "p", version, versions, other, "MIT", None, exact, ())
    return FileResult(
        path=path,
        sha256="0" * 64,
        lines=7,
        units=1,
        similarity=1.0,
        composition=(),
        common=0.0,
        novel=0.0,
        error_lines=(),
        identical=known if identical else None,
    )


def test_a_replaced_notice_is_said_of_an_identical_file(tmp_path: Path) -> None:
    """The text is the same, the holder's line is another one."""
    head = "# Copyright 2024 {}\n# SPDX-License-Identifier: MIT\n\n"
    for folder, holder in (("r", "Example Labs"), ("s", "Somebody Else")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text(head.format(holder) + program(1))
    (file,) = provenance.compare(str(tmp_path / "s"), str(tmp_path / "r")).files
    assert file.identical is not None
    (notice,) = file.notices
    assert notice.missing_holders == ("Example Labs",)
    assert notice.new_holders == ("Somebody Else",)
    assert notice.replaced


def test_another_comment_makes_a_file_no_younger(tmp_path: Path) -> None:
    """Each release has another year in its head: the code is as old as it is all the same,
    in another index too."""
    day = {"1.0": FIRST, "1.5": SECOND, "2.0": "2026-03-01"}
    whole, parts = tmp_path / "whole.db", []
    for version in day:
        archive = tmp_path / f"birds-{version}.zip"
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("birds/models/robin.py", f"# Copyright {day[version]}\n{ROBIN}")
        parts.append(tmp_path / f"{version}.db")
        for path in (parts[-1], whole):
            provenance.build_index(
                [archive], path, date=day[version], extend=path.exists(), baseline=False
            )
    (tmp_path / "mine.py").write_text(f"# Copyright {day['2.0']}\n{ROBIN}", newline="\n")
    for indexes in ([whole], parts):
        report = provenance.scan(tmp_path / "mine.py", indexes, suspect_date="2024-06-01")
        (file,) = report.files
        same = file.identical
        assert same is not None
        assert (same.version, same.exact, same.versions) == ("2.0", True, ("2.0",))
        assert (same.first_seen, same.absent_before) == (FIRST, None)
        assert (same.direction, file.verdict) == ("older", "derived")


def test_the_notices_of_a_file_are_those_of_the_very_file_it_is_from(tmp_path: Path) -> None:
    """Two folders of one origin may have files of one path: which was looked at last made whose
    holder was missed."""
    index = tmp_path / "birds.db"
    for folder, text in (
        ("a", f"# Copyright 2020 Alice\n{ROBIN}"),
        ("b", f"# Copyright 2021 Bob\n{LARK}"),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.py").write_text(text, newline="\n")
    provenance.build_index(
        [tmp_path / "a", tmp_path / "b"], index, origin="birds", date=FIRST, license="MIT"
    )
    files = {"1.py": f"{ROBIN}\nshape = (3, 4)\n", "2.py": f"{LARK}\nshape = (3, 4)\n"}
    files |= {"3.py": f"{ROBIN}\nshape = (5, 6)\n", "4.py": reformatted(LARK)}
    files |= {"5.py": reformatted(ROBIN)}
    report = scanned(index, tmp_path / "mine", files)
    missing = [
        holder for file in report.files for one in file.notices for holder in one.missing_holders
    ]
    assert missing == ["Alice", "Bob", "Alice", "Bob", "Alice"]


def test_not_in_that_of_is_of_all_indexes(tmp_path: Path) -> None:
    """A release between two of one index may stand in another one."""
    indexes = [tmp_path / "one.db", tmp_path / "other.db"]
    releases = (("1.0", FIRST, WREN, 0), ("1.1", "2024-09-09", WREN, 1), ("1.2", SECOND, LARK, 0))
    for version, day, text, at in releases:
        archive = tmp_path / f"birds-{version}.zip"
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("birds/models/bird.py", text)
        provenance.build_index(
            [archive], indexes[at], date=day, extend=indexes[at].exists(), baseline=False
        )
    for mine in (LARK, LARK + "\nshape = (3, 4)\n"):
        (tmp_path / "mine.py").write_text(mine, newline="\n")
        report = provenance.scan(tmp_path / "mine.py", indexes)
        sides = [
            *(one.reference for one in report.findings),
            *(one.identical for one in report.files),
        ]
        days = {(one.first_seen, one.absent_before) for one in sides if one is not None}
        assert days == {(SECOND, "2024-09-09")}


@pytest.mark.parametrize("head", ["", "# mine\n"], ids=["bytes", "layout"])
def test_a_reference_file_says_what_it_uses_and_where_it_is_broken(
    head: str, tmp_path: Path
) -> None:
    """An audit asks whether what is used is denied: to add no line to a copy hid it."""
    uses = "from birds.models.robin import Robin\n\n\nclass WrenHead(Robin):\n    beak = 1\n\n\n"
    wren = f"{uses}{WREN}\nbeak = = 1\n"
    archive, index = tmp_path / "birds-1.0.zip", tmp_path / "birds.db"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("birds/models/robin.py", ROBIN)
        opened.writestr("birds/models/wren.py", wren)
    provenance.build_index([archive], index, baseline=False)
    (file,) = scanned(index, tmp_path / "mine", {"mine.py": head + wren}).files
    assert file.identical is not None
    assert file.identical.exact == (not head)
    assert [(use.kind, use.origin) for use in file.uses] == [
        ("import", "birds/robin"),
        ("subclass", "birds/robin"),
    ]
    assert file.error_lines == (len((head + wren).splitlines()),)
