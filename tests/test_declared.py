"""What a file says of its sources, held against what its text shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from programs import program, renamed

import provenance
from provenance.model import Report

HEAD = """\
# Copyright 2024 Example Labs
# Copyright 2023 Older Example
# SPDX-License-Identifier: Apache-2.0
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two families: wren, and owl, which has nothing to do with it."""
    root = tmp_path_factory.mktemp("declared")
    for name, seed in (("wren", 1), ("owl", 5)):
        folder = root / "birds" / "models" / name
        folder.mkdir(parents=True)
        (folder / f"modeling_{name}.py").write_text(HEAD + program(seed))
    provenance.build_index([str(root / "birds")], root / "i.db", date="2024-01-01")
    return root / "i.db"


def scan(text: str, index: Path, folder: Path, **options: str) -> Report:
    (folder / "mine.py").write_text(text)
    return provenance.scan(str(folder), [index], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("", "undeclared"),
        ("# Copyright 2026 Somebody\n", "undeclared"),
        ("# Adapted from birds/models/wren/modeling_wren.py\n", "declared"),
        (HEAD, "declared"),
        ("# Copyright 2023 Older Example\n# Copyright 2026 Somebody\n", "undeclared"),
        ("# Copied from birds.models.owl.modeling_owl.Owl\n", "declared elsewhere"),
        ("from birds.models.wren.modeling_wren import helper\n", "declared"),
        (
            "# Adapted from birds/models/owl/modeling_owl.py\n"
            "from birds.models.wren.modeling_wren import helper\n",
            "declared elsewhere",
        ),
    ],
)
def test_a_finding_says_whether_the_file_names_its_source(
    head: str, expected: str, index: Path, tmp_path: Path
) -> None:
    """By comment, by all of the holders' lines, by import; another family named is no name, and a
    kept import does not make up for it."""
    report = scan(head + renamed(program(1)), index, tmp_path)
    assert report.findings
    assert {finding.attribution for finding in report.findings} == {expected}


def test_a_replaced_holder_is_a_notice(index: Path, tmp_path: Path) -> None:
    """Who is missing, who is named instead, which licence is no longer stated."""
    report = scan("# Copyright 2026 Somebody\n" + renamed(program(1)), index, tmp_path)
    (notice,) = report.files[0].notices
    assert notice.origin == "birds/wren"
    assert set(notice.missing_holders) == {"Example Labs", "Older Example"}
    assert notice.new_holders == ("Somebody",)
    assert notice.missing_licenses == ("Apache-2.0",)
    assert notice.replaced


def test_reuse_without_a_copy_is_a_use(index: Path, tmp_path: Path) -> None:
    """No text is shared, the family is still named."""
    text = "from birds.models.owl.modeling_owl import Owl\n\n\nclass Mine(Owl):\n    pass\n"
    report = scan(text, index, tmp_path)
    assert report.findings == ()
    assert {use.kind for use in report.files[0].uses} == {"import", "subclass"}
    assert {use.origin for use in report.files[0].uses} == {"birds/owl"}


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-05-01", "older"),
        ("2023-05-01", "younger"),
        ("2024-01-02", "same"),
        (None, "unknown"),
    ],
)
def test_direction_comes_from_days(
    day: str | None, expected: str, index: Path, tmp_path: Path
) -> None:
    """Each is a day either way."""
    options = {} if day is None else {"suspect_date": day}
    report = scan(renamed(program(1)), index, tmp_path, **options)
    assert {finding.direction for finding in report.findings} == {expected}
