"""What is written is valid to official schemas and readers, whatever the run found."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from audits import audit, file_result

from formats.outputs import written
from formats.validators import CHECKS, check_codequality, check_junit, check_sarif
from provenance.model import Audit, Skipped
from provenance.report.formats import FORMATS, Texts, named

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.mark.parametrize("name", sorted(CHECKS))
@pytest.mark.filterwarnings("ignore")
def test_a_real_run_is_valid(name: str, scanned: tuple[Audit, Texts]) -> None:
    CHECKS[name](written(name, scanned))


@pytest.mark.parametrize("name", sorted(CHECKS))
@pytest.mark.filterwarnings("ignore")
def test_a_run_without_any_finding_is_valid(name: str) -> None:
    empty = audit(())
    CHECKS[name](named(name).write(empty, Texts()))
    nothing = replace(empty.report, source="", files=(), suspect_date=None)
    skipped = replace(nothing, skipped=(Skipped("a.py", "no time"),))
    CHECKS[name](named(name).write(replace(empty, report=skipped, policy=()), Texts()))


@pytest.mark.parametrize("name", ["junit", "cyclonedx", "spdx", "sarif", "markdown"])
def test_files_with_broken_syntax_are_named(name: str, scanned: tuple[Audit, Texts]) -> None:
    """Only what is around it was looked at: what is borrowed may stand in the rest."""
    audited, texts = scanned
    (broken,) = (file for file in audited.report.files if file.error_lines)
    whole = replace(
        audited,
        rulings=(),
        report=replace(audited.report, findings=(), files=(replace(broken, path="no<t>.py"),)),
    )
    text = named(name).write(whole, texts)
    CHECKS.get(name, lambda _: None)(text)
    assert "yntax is broken" in text
    assert re.search(r"no(<|&lt;|%3C|\\<)t", text)
    assert "line 1" in text


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("units", [0, 1, 1234])
def test_that_limits_leave_candidates_out_is_told(one: Any, units: int) -> None:
    """Wherever more than a list of findings is."""
    files = tuple(
        replace(file, limited=units * (at == 0))
        for at, file in enumerate(map(file_result, ("a.py", "b.py")))
    )
    empty = audit(())
    text = one.write(replace(empty, report=replace(empty.report, files=files)), Texts())
    CHECKS.get(one.name, lambda _: None)(text)
    if one.name == "json":
        assert json.loads(text)["report"]["counts"]["units_limited"] == units
    elif one.name not in ("csv", "codequality"):
        text = text.partition('<script type="application/json"')[0]
        said = re.search(
            r"Of ([\d,]+) units? only the likeliest references", " ".join(text.split())
        )
        assert (int(said[1].replace(",", "")) if said else 0) == units


def test_a_check_fails_on_what_is_wrong(scanned: tuple[Audit, Texts]) -> None:
    """The validators validate: one missing member is found."""
    from jsonschema import ValidationError  # type: ignore[import-untyped, unused-ignore]

    log = json.loads(written("sarif", scanned))
    del log["runs"][0]["tool"]
    with pytest.raises(ValidationError):
        check_sarif(json.dumps(log))
    entries = json.loads(written("codequality", scanned))
    del entries[0]["location"]["lines"]
    with pytest.raises(ValidationError):
        check_codequality(json.dumps(entries))
    with pytest.raises(AssertionError):
        check_junit(written("junit", scanned).replace("<testcase ", '<testcase file="a" '))


def test_paths_of_gitlab_are_relative_and_plain(scanned: tuple[Audit, Texts]) -> None:
    paths = {one["location"]["path"] for one in json.loads(written("codequality", scanned))}
    assert paths == {one.path for one in scanned[0].rulings}
