"""Files that are reference files as they are: recognised, dated, grouped, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest
from programs import program, renamed

import provenance
from provenance.model import FileResult, Report


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")
    return folder


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases of a package: one file changed in the second, one is as it was."""
    root = tmp_path_factory.mktemp("identity")
    first = write(root / "1", pkg__models__a=program(1), pkg__models__b=program(2), tiny="x = 1\n")
    second = write(root / "2", pkg__models__a=program(1), pkg__models__b=program(3))
    provenance.build_index([str(first)], root / "i.db", date="2024-01-01", license="MIT")
    provenance.build_index([str(second)], root / "i.db", date="2025-01-01", extend=True)
    return root / "i.db"


def scan(folder: Path, index: Path, **hidden: object) -> Report:
    return provenance.scan(str(folder), [index], **hidden)  # type: ignore[arg-type]


def only(report: Report) -> FileResult:
    (file,) = report.files
    return file


def test_the_same_bytes_are_the_file_and_have_no_findings(index: Path, tmp_path: Path) -> None:
    """It is wholly explained; named by the first release that has it."""
    report = scan(write(tmp_path, mine=program(1)), index)
    file = only(report)
    assert file.identical is not None
    assert file.identical.exact
    assert (file.identical.package, file.identical.first_seen) == ("1", "2024-01-01")
    assert file.identical.path == "pkg/models/a.py"
    assert file.identical.license == "MIT"
    assert (file.similarity, file.novel, file.verdict) == (1, 0, "derived")
    assert file.units > 1
    assert report.findings == ()


def test_another_layout_is_the_file_but_not_exactly(index: Path, tmp_path: Path) -> None:
    text = "# a remark\n\n\n" + program(1).replace("\n", "\n\n")
    file = only(scan(write(tmp_path, mine=text), index))
    assert file.identical is not None
    assert not file.identical.exact


def test_other_names_or_more_code_are_findings_not_identity(index: Path, tmp_path: Path) -> None:
    """Where anything differs that the text view sees, lines are compared."""
    for number, text in enumerate((renamed(program(1)), program(1) + "\n\nMORE = [1, 2]\n")):
        report = scan(write(tmp_path / str(number), mine=text), index)
        assert only(report).identical is None
        assert report.findings


def test_what_is_too_small_to_tell_is_no_identity(index: Path, tmp_path: Path) -> None:
    assert only(scan(write(tmp_path, tiny="x = 1\n"), index)).identical is None


def test_hidden_references_identify_nothing(index: Path, tmp_path: Path) -> None:
    """As-of and excluded origins hold for files as for units."""
    early = write(tmp_path / "early", mine=program(1))
    late = write(tmp_path / "late", mine=program(3))
    assert only(scan(early, index, as_of="2024-01-01")).identical is None
    assert only(scan(early, index, as_of="2024-06-01")).identical is not None
    assert only(scan(late, index, as_of="2025-01-01")).identical is None
    assert only(scan(late, index)).identical is not None
    assert only(scan(late, index, exclude_origin=["*"])).identical is None


def test_a_vendored_folder_is_one_line(index: Path, tmp_path: Path) -> None:
    """Grouped by where the files stand and by the release that explains most of them."""
    text = {"lib__pkg__models__a": program(1), "lib__pkg__models__b": program(2)}
    report = scan(write(tmp_path, **text, own="def own(a):\n    return a\n"), index)
    (group,) = report.vendored
    assert (group.folder, group.reference_folder) == ("lib", ".")
    assert (group.package, group.files, group.exact) == ("1", 2, 2)
    assert group.license == "MIT"
    shown = provenance.text_report(report)
    assert "lib: 2 files" in shown
    assert "0 matches in 0 of 3 files" in shown


def test_a_renamed_file_is_grouped_by_its_folder(index: Path, tmp_path: Path) -> None:
    report = scan(write(tmp_path, here__other=program(1)), index)
    (group,) = report.vendored
    assert (group.folder, group.reference_folder) == ("here", "pkg/models")


def test_a_replaced_notice_is_said_of_an_identical_file(tmp_path: Path) -> None:
    """The text is the same, the holder's line is another one."""
    head = "# Copyright 2024 {}\n# SPDX-License-Identifier: MIT\n\n"
    reference = write(tmp_path / "r", a=head.format("Example Labs") + program(1))
    suspect = write(tmp_path / "s", a=head.format("Somebody Else") + program(1))
    file = only(provenance.compare(str(suspect), str(reference)))
    assert file.identical is not None
    (notice,) = file.notices
    assert notice.missing_holders == ("Example Labs",)
    assert notice.new_holders == ("Somebody Else",)
    assert notice.replaced
