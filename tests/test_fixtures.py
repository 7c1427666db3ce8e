"""Every case of ``fixtures/`` is found as its ``expected.json`` says, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import provenance
from provenance import Finding, Report

pytestmark = pytest.mark.usefixtures("in_this_process")

FIXTURES = Path(__file__).parent.parent / "fixtures"
CASES = sorted(path.parent.name for path in FIXTURES.glob("*/expected.json"))
_WRONG: dict[str, str] = {}
"""Cases in which the product is known to be wrong, with the reason."""


def case(name: str) -> object:
    """A case, marked where the product is known to be wrong."""
    if name not in _WRONG:
        return name
    return pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=_WRONG[name]))


def test_there_are_cases() -> None:
    """Every folder is a whole case."""
    assert len(CASES) >= 12
    folders = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())
    assert folders == CASES
    readme = (FIXTURES / "README.md").read_text("utf-8")
    for name in CASES:
        assert f"`{name}`" in readme


def key(finding: Finding) -> tuple[str, str, str, str]:
    suspect, reference = finding.suspect, finding.reference
    return (suspect.path, suspect.name, reference.path, reference.name)


def code_lines(path: Path, first: int, last: int) -> set[int]:
    """The lines of a region that have code on them, roughly."""
    if path.suffix != ".py":
        return set(range(first, last + 1))
    lines = path.read_text("utf-8").split("\n")
    noise = ("#", '"""', "'''", ")", "]", "}", "@", "(")
    return {
        number
        for number in range(first, last + 1)
        if (text := lines[number - 1].strip()) and not text.startswith(noise)
    }


def check_lines(found: set[int], region: set[int], whole: set[int], what: str) -> None:
    """Nine tenths of the region's code, and no more than two lines outside of it."""
    assert len(found & region) >= 0.9 * len(region), f"{what}: missing {sorted(region - found)}"
    assert len(found - whole) <= 2, f"{what}: too many {sorted(found - whole)}"


def check(report: Report, folder: Path, expected: dict[str, Any]) -> None:
    """Hold the report against the expectation."""
    found = {key(finding): finding for finding in report.findings}
    wanted = {
        (want["suspect"], want["name"], want["reference"], want["reference_name"]): want
        for want in expected["findings"]
    }
    assert set(found) == set(wanted)
    assert len(report.findings) == len(wanted)
    for name, want in wanted.items():
        finding = found[name]
        assert finding.clone_type in want["clone_types"]
        assert finding.suspect_containment >= want["least_suspect_containment"]
        assert finding.reference_containment >= want["least_reference_containment"]
        mine: set[int] = set()
        theirs: set[int] = set()
        for block in finding.blocks:
            mine.update(range(block.suspect_start, block.suspect_end + 1))
            theirs.update(range(block.reference_start, block.reference_end + 1))
        for side, lines, path in (
            (0, mine, folder / "suspect" / want["suspect"]),
            (2, theirs, folder / "reference" / want["reference"]),
        ):
            regions = [(one[side], one[side + 1]) for one in want["lines"]]
            code = set().union(*(code_lines(path, *region) for region in regions))
            whole = set().union(*(set(range(first, last + 1)) for first, last in regions))
            check_lines(lines, code, whole, f"{path.name} {name[1]}")
        renamed = {(rename.reference, rename.suspect) for rename in finding.renames}
        assert {tuple(pair) for pair in want.get("renames", [])} <= renamed
        if "type-1" in want["clone_types"]:
            assert finding.renames == ()
        cell = finding.suspect.cell
        if "cell" in want:
            assert cell is not None
            place = [cell.start_cell, cell.start_line, cell.end_cell, cell.end_line]
            assert place == want["cell"]
        else:
            assert cell is None
    assert {file.path for file in report.files} == set(expected["similarity"])
    for file in report.files:
        least, most = expected["similarity"][file.path]
        assert least <= file.similarity <= most, file
        assert bool(file.error_lines) == (file.path in expected["broken"])
    identical = {file.path: file.identical.path for file in report.files if file.identical}
    assert identical == expected.get("identical", {})
    assert report.skipped == ()


def expectation(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FIXTURES / name / "expected.json").read_text("utf-8"))
    return loaded


@pytest.mark.parametrize("name", [case(name) for name in CASES])
def test_compare_finds_what_is_expected(name: str) -> None:
    """Suspect against reference, without an index."""
    folder = FIXTURES / name
    report = provenance.compare(str(folder / "suspect"), str(folder / "reference"))
    check(report, folder, expectation(name))


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One index of the references of all cases, each under its own origin."""
    index = tmp_path_factory.mktemp("library") / "all.db"
    for number, name in enumerate(CASES):
        source = str(FIXTURES / name / "reference")
        provenance.build_index([source], index, origin=f"fixtures/{name}", extend=number > 0)
    return index


@pytest.mark.parametrize("name", [case(name) for name in CASES])
def test_scan_finds_what_is_expected_among_all_references(name: str, library: Path) -> None:
    """The right origin is named, though the references of all other cases are there too."""
    folder = FIXTURES / name
    report = provenance.scan(str(folder / "suspect"), [library])
    check(report, folder, expectation(name))
    assert {finding.reference.origin for finding in report.findings} <= {f"fixtures/{name}"}
