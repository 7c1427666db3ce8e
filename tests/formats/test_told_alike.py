"""What every format says in the same way: shares, numbers, declarations, cells of notebooks."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from dataclasses import replace
from hashlib import sha256
from typing import Any, get_args

import pytest
from audits import ROUNDED, audit, file_result, finding, ruling, with_shares

import provenance
from formats.outputs import written
from provenance.model import (
    Ancestor,
    Attribution,
    Audit,
    Declaration,
    Direction,
    Fixed,
    Identity,
    Near,
    Scores,
    Skipped,
    SuspectSeen,
    UseOf,
    Vendored,
    Verdict,
)
from provenance.report import words
from provenance.report.evidence import evidence
from provenance.report.formats import FORMATS, Texts, named
from provenance.report.text import percent, rate
from provenance.verdict import score

pytestmark = pytest.mark.usefixtures("in_this_process")


# --- numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "whole", "fine", "two"),
    [
        (0.0, "0 %", "0 %", "0.00"),
        (0.000049, "<1 %", "0.0049 %", "<0.01"),
        (0.0049, "<1 %", "0.49 %", "<0.01"),
        (0.01, "1 %", "1 %", "0.01"),
        (0.0125, "1 %", "1.3 %", "0.01"),
        (0.125, "13 %", "13 %", "0.13"),
        (0.625, "63 %", "63 %", "0.63"),
        (0.99, "99 %", "99 %", "0.99"),
        (0.9949, ">99 %", ">99 %", ">0.99"),
        (0.995, ">99 %", ">99 %", ">0.99"),
        (0.999999, ">99 %", ">99 %", ">0.99"),
        (1.0, "100 %", "100 %", "1.00"),
    ],
)
def test_nothing_is_said_to_be_all_or_none_that_is_not(
    share: float, whole: str, fine: str, two: str
) -> None:
    """In no format; and all round alike, as the script of the page does."""
    assert (percent(share), rate(share), score(share)) == (whole, fine, two)
    plain = words.percent(share).replace("\u00a0", "")
    assert plain == whole.replace(" ", "")
    found = finding(1, false_alarm_rate=share, resemblance=share, suspect_containment=share)
    said = dict(evidence(ruling(found), None))
    assert said["unrelated families that do as well"] == fine
    assert f"resemblance {two}, {whole} of this in that" in said["match"]


@pytest.mark.parametrize("share", [0.004, 0.996])
def test_no_format_says_all_or_none_of_what_is_not(
    share: float, scanned: tuple[Audit, Texts]
) -> None:
    """Whatever it tells; ``html`` speaks by its script."""
    made = with_shares(scanned[0], share)
    near = Near("n", "reference/near", "n.py", "N", None, Scores(share, share, share))
    chain = (Ancestor("reference/old", "old.py", "Old", "2024-01-01", share),)
    told = {"verdict": "derived", "scores": near.scores, "near": (near,), "chain": chain}
    found = tuple(replace(one, **told) for one in made.report.findings)
    of = {one.id: one for one in found}
    rulings = (replace(one, finding=one.finding and of[one.finding.id]) for one in made.rulings)
    made = replace(made, report=replace(made.report, findings=found), rulings=tuple(rulings))
    texts = {one.name: one.write(made, scanned[1]) for one in FORMATS if one.name != "html"}
    texts["scan"] = provenance.text_report(made.report)
    for name, text in texts.items():
        said = ROUNDED.search(text)
        assert said is None, (name, text[: said.end()][-200:])
    for name in ("text", "sarif", "cyclonedx", "scan"):
        assert ("<0.01" if share < 0.5 else ">0.99") in texts[name].replace("\\u003e", ">"), name


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
def test_of_one_thing_no_format_speaks_as_of_several(one: Any) -> None:
    """Once of everything, and once so much that one is left out."""
    seen = SuspectSeen("2026-01-26", "git", "2025-01-01", "2026-01-26", lines=0, of=1)
    found = finding(families=1, also=("a/b",), matched=1, seen=seen, direction="younger")
    for status, many in itertools.product(("new", "known"), (1, 1_001)):
        whole = audit(
            (ruling(found, status=status),),
            fixed=(Fixed("f" * 20, "a.py", "A", "o"),) * many,
            incomplete=("!" * 600,),
            policy_file=None,
        )
        path = found.suspect.path
        same = [Vendored("f", "r", "p", None, None, 1, 1, 1)]
        broken = [
            file_result(path if at == 0 else f"{at}.py", lines=1, error_lines=(1,), limited=1)
            for at in range(many)
        ]
        report = replace(
            whole.report,
            files=tuple(broken),
            vendored=tuple(same),
            skipped=(Skipped("a", "b"),) * many,
        )
        text = " ".join(one.write(replace(whole, report=report), Texts()).split())
        wrong = re.findall(r"(?<![\d.,])\b1 (?:more )?(?!is\b|was\b|has\b|as\b)[a-z]+s\b", text)
        assert not [said for said in wrong if said.split()[-1] not in ("fails", "counts")], wrong


# --- whole files --------------------------------------------------------------------------


@pytest.mark.parametrize("said", get_args(Attribution))
def test_every_format_says_whether_a_reference_file_as_it_is_is_declared(said: Attribution) -> None:
    """As of a finding; the page says by which lines."""
    line = Declaration("copied", "a.py", 7, "# Copied from the quux", "quux")
    same = Identity("a/x", "a", None, (), "m.py", None, None, True, (), attribution=said)
    same = replace(same, declarations=(line,))
    one = replace(ruling(finding(0)), finding=None, start_line=1, end_line=20, origin="a/x")
    one = replace(one, path="a.py", rule="allowed", level="note")
    made = audit((one,))
    content = b"x = 1\n" * 20
    file = file_result("a.py", identical=same, sha256=sha256(content).hexdigest())
    vendored = (Vendored("f", "r", "p", None, None, 1, 1, 1),)
    made = replace(made, report=replace(made.report, files=(file,), vendored=vendored))
    texts = {
        name: named(name).write(made, Texts(contents={"a.py": content}))
        for name in ("sarif", "junit", "markdown", "spdx", "csv", "html")
    }
    texts["scan"] = provenance.text_report(made.report)
    where = {"sarif": f'"{said}"', "csv": f",{said},", "scan": f"  1 {said}\n"}
    where |= {"markdown": f", derived, {said} ", "html": f'attribution.{said}">{said}</span><br>'}
    for name, text in texts.items():
        assert where.get(name, f"attribution: {said}") in text, name
    assert ">a.py</bdi>:7</span> <code><bdi># Copied from the quux<" in texts["html"]


@pytest.mark.parametrize(
    ("direction", "verdict", "kin"),
    [
        ("older", "derived", "ancestors"),
        ("same", "derived", "variants"),
        ("younger", "resembles", ""),
    ],
)
def test_an_equal_file_that_is_older_descends_from_nothing(
    direction: Direction, verdict: Verdict, kin: str
) -> None:
    """The same rule as for a finding."""
    same = Identity(
        origin="transformers/llama",
        package="transformers",
        version="4.57.1",
        versions=("4.57.1",),
        path="transformers/models/llama/modeling_llama.py",
        license="Apache-2.0",
        first_seen="2025-01-01",
        exact=True,
        also=(),
        direction=direction,
    )
    one = replace(
        ruling(finding(0)),
        finding=None,
        start_line=1,
        end_line=20,
        origin=same.origin,
        rule="undeclared",
    )
    made = audit((one,))
    files = (file_result(one.path, identical=same, verdict=verdict),)
    whole = replace(made, report=replace(made.report, files=files))
    bom = json.loads(named("cyclonedx").write(whole, Texts()))
    (file,) = (part for part in bom["components"] if part["type"] == "file")
    assert sorted(set(file.get("pedigree", {})) & {"ancestors", "variants"}) == [kin] * bool(kin)
    table = named("csv").write(whole, Texts())
    (row,) = csv.DictReader(io.StringIO(table))
    assert (row["verdict"], row["direction"]) == (verdict, direction)


def test_a_use_in_a_reference_file_of_one_line_is_a_use() -> None:
    """Of its own family, which is denied: it has the lines and the origin of the whole file."""
    from provenance.ruling import Scope, rulings
    from provenance.settings import Policy

    same = Identity("a/x", "a", None, (), "m.py", None, None, True, ())
    use = UseOf("import", "a.x", 1, "a/x", "X")
    file = file_result("m.py", lines=1, identical=same, uses=(use,))
    empty = audit(())
    report = replace(empty.report, files=(file,))
    told = rulings(report, Policy(deny_family=("a/x",)), Scope({}))
    made = replace(empty, report=report, rulings=told)
    table = csv.DictReader(io.StringIO(named("csv").write(made, Texts())))
    assert sorted((row["name"], row["package"]) for row in table) == [
        ("use", ""),
        ("whole file", "a"),
    ]


@pytest.mark.parametrize(("denied", "level"), [("a/x", "error"), ("b/y", "warning"), ("c", "note")])
def test_a_file_that_a_denied_origin_has_too_warns(denied: str, level: str) -> None:
    """As a unit does that is as close to it."""
    from provenance.ruling import Scope, rulings
    from provenance.settings import Policy

    same = Identity(
        "a/x", "a", None, (), "m.py", None, None, True, ("b/y",), attribution="declared"
    )
    file = file_result("m.py", identical=same)
    report = replace(audit(()).report, files=(file,))
    (one,) = rulings(report, Policy(deny_family=(denied,)), Scope({}))
    assert one.level == level
    assert ("the denied b/y has it too" in one.message) is (level == "warning")
    assert bool(one.remedy) is (level != "note")


# --- notebooks ----------------------------------------------------------------------------


def test_no_line_of_a_notebook_is_said_to_be_one_of_its_file(scanned: tuple[Audit, Texts]) -> None:
    """Lines run on through its cells; where a viewer would show that line of the JSON that the file
    is, no line stands, and the cell is named."""
    ours = {one.id for one in scanned[0].rulings if one.path == "notes.ipynb"}
    told = [
        one for one in json.loads(written("codequality", scanned)) if one["fingerprint"] in ours
    ]
    assert len(told) == len(ours) > 1
    assert {tuple(one["location"]["lines"].values()) for one in told} == {(1, 1)}
    assert all("cell 2 lines " in one["description"] for one in told)
    for name in ("sarif", "code-scanning"):
        (run,) = json.loads(written(name, scanned))["runs"]
        found = [one for one in run["results"] if one["properties"]["id"] in ours]
        assert found
        for one in found:
            assert "region" not in one["locations"][0]["physicalLocation"]
            assert "cell 2 lines " in one["message"]["text"]
    bom = json.loads(written("cyclonedx", scanned))
    places = [
        one
        for part in bom["components"]
        for one in part.get("evidence", {}).get("occurrences", [])
        if one["location"] == "notes.ipynb"
    ]
    assert {one["bom-ref"].removeprefix("finding:") for one in places} == ours
    assert all("line" not in one and "cell 2 lines " in one["additionalContext"] for one in places)


def test_no_line_of_a_notebook_of_the_references_is_said_to_be_one_of_its_file() -> None:
    for path, lines in (("llama.ipynb", None), ("llama.py", {"startLine": 151, "endLine": 157})):
        found = finding(1)
        found = replace(found, reference=replace(found.reference, path=path))
        (run,) = json.loads(named("sarif").write(audit((ruling(found),)), Texts()))["runs"]
        (related,) = run["results"][0]["relatedLocations"]
        assert related["physicalLocation"].get("region") == lines


def test_what_a_notebook_uses_is_placed_in_its_cells() -> None:
    """Its line is none of the file."""
    place = {"path": "a.ipynb", "start_line": 9, "end_line": 9}
    uses = ruling(finding(1), finding=None, rule="origin", **place)
    told = "It stands in line 9 of its code cells, counted through."
    (run,) = json.loads(named("sarif").write(audit((uses,)), Texts()))["runs"]
    assert told in run["results"][0]["message"]["text"]
    assert told in named("codequality").write(audit((uses,)), Texts())
    assert told.removeprefix("It stands in ") in named("spdx").write(audit((uses,)), Texts())
