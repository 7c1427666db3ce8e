"""near: a finding lists the next families below those that it names, with their scores."""

from __future__ import annotations

from pathlib import Path

import pytest
from programs import inserted, program

import provenance
from provenance.model import Finding, Report
from provenance.near import MOST

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program in seven families, each time with more of its statements new, and thirty others."""
    root = tmp_path_factory.mktemp("near")
    first = program(1, functions=3, classes=2)
    texts = {f"kin{n}": inserted(first, 10 + n, share) for n, share in enumerate(SHARES)}
    texts |= {f"other{n}": program(200 + n, functions=4, classes=2) for n in range(30)}
    for family, text in texts.items():
        folder = root / "birds" / "models" / family
        folder.mkdir(parents=True)
        (folder / "modeling.py").write_text(text)
    provenance.build_index([str(root / "birds")], root / "i.db", date="2024-01-01")
    return root


SHARES = (0.05, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)


def report_of(root: Path, text: str, folder: Path) -> Report:
    (folder / "mine.py").write_text(text)
    return provenance.scan(str(folder), [root / "i.db"])


def classes(report: Report) -> list[Finding]:
    return [one for one in report.findings if one.suspect.kind == "class"]


def test_the_next_families_are_listed_with_what_they_score(root: Path, tmp_path: Path) -> None:
    """The nearest first, none that is named or as close, each once, none nearer than the named."""
    report = report_of(root, program(1, functions=3, classes=2), tmp_path)
    found = classes(report)
    assert found
    for finding in found:
        assert finding.reference.family == "kin0"
        assert finding.scores is not None
        listed = [one.scores.score for one in finding.near]
        assert len(listed) == MOST
        assert listed == sorted(listed, reverse=True)
        assert max(listed) < finding.scores.score
        families = {one.family for one in finding.near}
        assert len(families) == MOST
        assert families <= {f"kin{n}" for n in range(1, len(SHARES))}
        for one in finding.near:
            assert (one.origin, one.name) == (f"birds/{one.family}", finding.suspect.name)
            assert (one.path, one.first_seen) == (f"models/{one.family}/modeling.py", "2024-01-01")
            both = (one.scores.structure + 2 * one.scores.text) / 3
            assert one.scores.score == pytest.approx(both, abs=2e-6)
    text = provenance.text_report(report, width=200)
    first = found[0].near[0]
    assert f"less near: {first.origin} {first.scores.score:.2f}, " in text


def test_what_is_as_close_is_not_among_them(root: Path, tmp_path: Path) -> None:
    for finding in classes(report_of(root, program(1, functions=3, classes=2), tmp_path)):
        named = {finding.reference.origin, *finding.also}
        assert named.isdisjoint(one.origin for one in finding.near)


def test_of_an_equal_unit_the_next_are_listed_too(root: Path, tmp_path: Path) -> None:
    """Though who is named needs no comparison there."""
    first = program(1, functions=3, classes=2)
    for finding in classes(report_of(root, inserted(first, 10, SHARES[0]), tmp_path)):
        assert finding.scores is not None
        assert finding.scores.score == 1.0
        assert finding.near
        assert all(one.scores.score < 1.0 for one in finding.near)
