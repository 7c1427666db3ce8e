"""What a file says of its sources, held against what its text shows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from programs import program, renamed

import provenance
from provenance.model import Declaration, Report

pytestmark = pytest.mark.usefixtures("in_this_process")

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


def scan(text: str, index: Path, folder: Path, **options: Any) -> Report:
    (folder / "mine.py").write_text(text)
    return provenance.scan(str(folder), [index], **options)


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


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("owl", "undeclared"), ("mine", "declared elsewhere"), ("wren", "declared elsewhere")],
)
def test_what_was_generated_from_its_neighbour_names_no_other_source(
    folder: str, expected: str, index: Path, tmp_path: Path
) -> None:
    """A file of owl, generated from the file beside it, says nothing of wren, nor of another."""
    head = "# This file was automatically generated from birds/models/owl/modular_owl.py.\n"
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "m.py").write_text(head + renamed(program(1)))
    report = provenance.scan(str(tmp_path), [index])
    assert {finding.attribution for finding in report.findings} == {expected}


def test_a_long_licence_at_the_head_of_a_file_hides_no_claim_below_it(
    index: Path, tmp_path: Path
) -> None:
    """What stands before all code speaks of the whole file, however long it is."""
    claim = "# Adapted from birds/models/wren/modeling_wren.py\n"
    code = "".join(f"x{number} = {number}\n" for number in range(40)) + renamed(program(1))
    for before in ("# A long licence.\n" * 100, '"""\n' + "A long licence.\n" * 100 + '"""\n'):
        report = scan(before + claim + code, index, tmp_path)
        assert {finding.attribution for finding in report.findings} == {"declared"}


def test_where_a_scan_begins_does_not_change_what_is_declared(index: Path, tmp_path: Path) -> None:
    """In the folder of a model, above it, or with its file alone."""
    head = "# This file was automatically generated from birds/models/owl/modular_owl.py.\n"
    (tmp_path / "owl").mkdir()
    file = tmp_path / "owl" / "modeling_owl.py"
    file.write_text(head + renamed(program(1)))
    for source in (tmp_path, file.parent, file):
        report = provenance.scan(str(source), [index])
        assert {finding.attribution for finding in report.findings} == {"undeclared"}


@pytest.mark.parametrize(
    ("head", "kind", "line", "text"),
    [
        (
            "\n# Copied from birds.models.wren.modeling_wren.Wren\n",
            "copied",
            2,
            "# Copied from birds.models.wren.modeling_wren.Wren",
        ),
        ("# Ported from birds' WrenAttention\n", "ported", 1, "# Ported from birds' WrenAttention"),
        (
            "# see https://github.com/o/birds/blob/0123abc/models/wren/modeling_wren.py#L3\n",
            "link",
            1,
            "# see https://github.com/o/birds/blob/0123abc/models/wren/modeling_wren.py#L3",
        ),
        (
            "from birds.models.wren.modeling_wren import helper\n",
            "import",
            1,
            "birds.models.wren.modeling_wren.helper",
        ),
        (HEAD, "copyright", 1, "# Copyright 2024 Example Labs"),
    ],
)
def test_a_declaration_is_a_line_to_look_up(
    head: str, kind: str, line: int, text: str, index: Path, tmp_path: Path
) -> None:
    report = scan(head + renamed(program(1)), index, tmp_path)
    for finding in report.findings:
        assert finding.attribution == "declared"
        one = finding.declarations[0]
        assert (one.kind, one.path, one.line, one.text) == (kind, "mine.py", line, text)
        assert one.family == "wren"


@pytest.mark.parametrize(
    "inside",
    [
        "# SPDX-SnippetName: WrenModel\n",
        "# SPDX-SnippetComment: from birds/models/wren/modeling_wren.py\n",
        "# Adapted from birds/models/wren/modeling_wren.py\n",
        "# SPDX-SnippetCopyrightText: 2024 Example Labs\n"
        "# SPDX-FileCopyrightText: 2023 Older Example\n",
    ],
)
def test_snippet_tags_declare_what_they_enclose(inside: str, index: Path, tmp_path: Path) -> None:
    """However far above the unit they begin; beyond their end they say nothing."""
    code = renamed(program(1))
    tags = "# SPDX-SnippetBegin\n# SPDX-License-Identifier: MIT\n" + inside + "x = 1\n" * 80
    report = scan("y = 1\n" * 80 + tags + code + "# SPDX-SnippetEnd\n", index, tmp_path)
    assert {finding.attribution for finding in report.findings} == {"declared"}
    if "Copyright" not in inside:  # holders stand for the whole file
        closed = "y = 1\n" * 80 + tags + "# SPDX-SnippetEnd\n" + "x = 1\n" * 80
        report = scan(closed + code, index, tmp_path)
        assert {finding.attribution for finding in report.findings} == {"undeclared"}


LONG = "@marked(\n" + "    one,\n" * 20 + ")\n"
"""A decorator of more lines than a comment may stand above what it speaks of."""


@pytest.mark.parametrize(
    "decorators", [LONG, "@a\n" * 20, "@a\n{}" + LONG, "@marked(\n    {}" + LONG[9:]]
)
def test_a_comment_above_or_among_decorators_speaks_of_what_they_stand_on(
    decorators: str, index: Path, tmp_path: Path
) -> None:
    before, sign, after = program(1).partition("class ")
    comment = "# Copied from birds.models.wren.modeling_wren\n"
    above = decorators.format(comment) if "{}" in decorators else comment + decorators
    report = scan("import os\n" + "\n" * 99 + before + above + sign + after, index, tmp_path)
    told = {one.suspect.name: one.attribution for one in report.findings}
    assert told.pop(after.partition(":")[0].partition("(")[0]) == "declared"
    assert set(told.values()) == {"undeclared"}


def test_what_is_declared_elsewhere_shows_what_is_named(index: Path, tmp_path: Path) -> None:
    head = "# Copied from birds.models.owl.modeling_owl.Owl\n"
    report = scan(head + renamed(program(1)), index, tmp_path)
    for finding in report.findings:
        assert [(one.kind, one.line, one.family) for one in finding.declarations] == [
            ("copied", 1, "owl")
        ]
    assert "says: copied owl, line 1" in provenance.text_report(report)


@pytest.mark.parametrize(
    "path",
    ["birds/activations.py", "birds/layers/owl/beaks.py", "birds/models/base.py", "birds/model.py"],
)
def test_a_comment_that_names_the_reference_file_declares(path: str, tmp_path: Path) -> None:
    """Also where its path tells no family, or another one, and nobody is named in it."""
    reference, file = tmp_path / "reference", tmp_path / "reference" / path
    owl = reference / "birds" / "models" / "owl" / "modeling_owl.py"
    for place, seed in ((file, 2), (owl, 5)):
        place.parent.mkdir(parents=True)
        place.write_text(program(seed))
    built = tmp_path / "i.db"
    provenance.build_index([str(reference)], built, date="2024-01-01")
    (tmp_path / "here").mkdir()
    dotted = path.removesuffix(".py").replace("/", ".")
    for named in (path, f"{dotted}.Beak", f"https://example.example/o/b/blob/1/{path}#L3"):
        head = f"# Adapted from {named} of birds.\n"
        for text in (renamed(program(2)), program(2)):
            report = scan(head + text, built, tmp_path / "here")
            said = {one.attribution for one in report.findings}
            said |= {one.identical.attribution for one in report.files if one.identical}
            assert said == {"declared"}, named
    other = "# Adapted from other/activations.py\n" + renamed(program(2))
    report = scan(other, built, tmp_path / "here")
    assert {one.attribution for one in report.findings} == {"undeclared"}


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
        ("2023-05-01", "unknown"),  # no older release says that it was not there yet
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


def test_disguised_serving_code_is_derived_with_its_notice_replaced(tmp_path: Path) -> None:
    """Every name changed, another holder, a header that names another family: what the text shows
    is said beside what the file says, with the lines."""
    case = Path(__file__).parent.parent / "fixtures" / "serving_disguised"
    expected = json.loads((case / "expected.json").read_text("utf-8"))
    models = tmp_path / "serving" / "serving" / "models"
    shutil.copytree(case / "reference" / "serving" / "models", models)
    for number, name in enumerate(("lantern", *(f"other{n}" for n in range(14)))):
        (models / f"{name}.py").write_text(program(100 + number, functions=8, classes=4))
    provenance.build_index(
        [str(tmp_path / "serving")], tmp_path / "i.db", date="2024-06-01", license="Apache-2.0"
    )
    report = provenance.scan(str(case / "suspect"), [tmp_path / "i.db"], suspect_date="2026-01-01")
    assert len(report.findings) == len(expected["findings"]) == 4
    wanted = {one["name"]: one for one in expected["findings"]}
    for finding in report.findings:
        want = wanted[finding.suspect.name]
        assert (finding.verdict, finding.clone_type) == ("derived", "type-2")
        assert finding.false_alarm_rate is not None
        assert finding.false_alarm_rate <= 0.001
        assert (finding.reference.origin, finding.reference.name) == (
            "serving/quill",
            want["reference_name"],
        )
        assert [
            [one.suspect_start, one.suspect_end, one.reference_start, one.reference_end]
            for one in finding.blocks
        ] == want["lines"]
        assert finding.attribution == "declared elsewhere"
        assert [(one.kind, one.line, one.family) for one in finding.declarations] == [
            ("adapted", 3, "lantern")
        ]
        assert finding.direction == "older"
    (file,) = report.files
    (notice,) = file.notices
    assert notice.replaced
    assert notice.missing_holders == ("The Inkwell Research Team",)
    assert notice.new_holders == ("Hanbit Intelligence Corp.",)
    assert notice.kept_holders == ()
    assert file.percentile is not None
    assert file.false_alarm_rate is not None


def test_very_many_claims_cost_each_finding_little(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each finding asks for those near it: where each made anew what a claim declares, a file of
    half a megabyte took most of a minute."""
    made: list[object] = []

    def counted(*given: Any) -> Declaration:
        made.append(given)
        return Declaration(*given)

    monkeypatch.setattr("provenance.declared.Declaration", counted)
    for place in ("owl/modeling_owl.py", "wren/modeling_wren.py"):
        made.clear()
        head = "".join(f"# Adapted from birds/models/{place}#L{at}\n" for at in range(1_000))
        report = scan(head + renamed(program(1)), index, tmp_path, jobs=0)
        assert len(report.findings) > 4
        assert len(made) <= 1_000 + 20 * len(report.findings)
