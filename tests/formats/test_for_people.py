"""What people read: the comment of a merge request, the text, JUnit's cases, the table."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from xml.etree.ElementTree import fromstring

import pytest
from audits import audit, finding, ruling

from provenance.model import Fixed, Level, Skipped, Status
from provenance.report.formats import Texts, named

pytestmark = pytest.mark.usefixtures("in_this_process")


# --- the comment --------------------------------------------------------------------------


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


def test_a_comment_does_not_say_that_no_rule_is_broken_where_one_warns() -> None:
    from provenance.report.markdown import markdown

    warns = ruling(finding(), rule="notice", breaks=("notice",), level="warning")
    text = markdown(audit((warns,), incomplete=()))
    assert text.startswith("### Provenance: nothing new fails\n")
    assert "#### To look at: 1" in text


def test_common_code_names_no_origin_in_a_comment() -> None:
    from provenance.report.markdown import markdown

    common = finding(1, verdict="common", families=41)
    text = markdown(audit((ruling(common, rule="allowed", level="note", breaks=()),)))
    assert "common, in 41 families" in text
    assert "llama" not in text
    assert "Scanned 1 file (20 lines): 1 result, 0 new and failing" in text


# --- the text, the cases, the table -------------------------------------------------------


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


def test_the_text_says_derivation_of_what_is_derived_alone() -> None:
    """Two units of a file, of one origin, for one reason, but of two verdicts."""
    from provenance.report.audit import audit_text

    both = [replace(finding(1), verdict="derived"), replace(finding(2), verdict="resembles")]
    said = audit_text(audit(tuple(ruling(one, path="a.py") for one in both))).split("\n")
    for one, means in zip(both, ("consistent with derivation", "resembles it"), strict=True):
        at = next(at for at, line in enumerate(said) if one.suspect.name in line)
        assert said[at].count("(") == 1
        assert said[at + 1].strip().startswith(means)


@pytest.mark.parametrize("status", ["new", "known"])
@pytest.mark.parametrize("level", ["error", "note"])
def test_junit_says_what_was_found_of_every_ruling(status: Status, level: Level) -> None:
    """Of what the baseline knows, too: that its licence is denied stands in the message alone."""
    one = ruling(finding(), status=status, level=level, message="GPL is denied")
    (case,) = fromstring(named("junit").write(audit((one,)), Texts()))[0].iter("testcase")
    told = [case.find("failure"), case.find("system-out")]
    (said,) = (f"{x.get('message')} {x.text}" for x in told if x is not None)
    assert said.count("GPL is denied") == 1


def test_names_with_blanks_can_be_told_apart_in_csv() -> None:
    also = ("my model/llama", "b/y")
    table = named("csv").write(audit((ruling(finding(also=also)),)), Texts())
    (row,) = csv.DictReader(io.StringIO(table))
    assert [one.replace(r"\x20", " ") for one in row["also"].split()] == [*also]
