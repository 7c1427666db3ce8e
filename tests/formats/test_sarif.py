"""SARIF, for viewers and for code scanning: places, what is accepted, limits."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from audits import audit, finding, ruling

from formats.outputs import written
from provenance.model import Attribution, Audit, Level, Rule, Skipped
from provenance.report.formats import Texts, named

pytestmark = pytest.mark.usefixtures("in_this_process")


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
