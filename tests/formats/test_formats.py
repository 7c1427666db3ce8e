"""All formats of one run have the same findings, and none looks clean where the run is not."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from audits import audit

from formats.outputs import written
from provenance.errors import UsageError
from provenance.model import Audit
from provenance.report.formats import FORMATS, Texts, format_of, named

pytestmark = pytest.mark.usefixtures("in_this_process")


# --- number and identity ------------------------------------------------------------------


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


# --- what is not complete is never clean --------------------------------------------------


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


# --- names of files -----------------------------------------------------------------------


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
