"""licenses: what an expression asks for, whatever it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from ending import ends
from hypothesis import given
from hypothesis import strategies as st

from provenance.licenses import duties, is_license, permitted, spdx_expression
from provenance.notices import notice_files

KNOWN = (
    "Apache-2.0 MIT BSD-2-Clause BSD-3-Clause ISC MPL-2.0 GPL-2.0-only GPL-3.0-or-later "
    "LGPL-2.1-only LGPL-3.0-or-later AGPL-3.0-only CC-BY-4.0 CC-BY-NC-4.0 CC-BY-SA-4.0 "
    "LicenseRef-Llama-2-Community LicenseRef-Llama-3-Community LicenseRef-Llama-3.1-Community"
).split()


def kinds(expression: str) -> set[str]:
    return {duty.kind for duty in duties(expression)}


@pytest.mark.parametrize("name", KNOWN)
def test_every_line_of_a_known_licence_names_its_section(name: str) -> None:
    """One line each, and where the licence says it."""
    found = duties(name)
    assert found
    assert all(duty.license == name and duty.section for duty in found)
    assert all("\n" not in duty.text and len(duty.text) <= 90 for duty in found)
    assert kinds(name) & {"keep-notices", "include-license"}


def test_what_tells_the_licences_apart() -> None:
    """The duties that matter for a model: changes, source, name, trade."""
    assert {"state-changes", "include-notice-file", "patents"} <= kinds("Apache-2.0")
    assert "state-changes" not in kinds("MIT")
    assert "no-endorsement" in kinds("BSD-3-Clause") - kinds("BSD-2-Clause")
    assert "network-source" in kinds("AGPL-3.0-only") - kinds("GPL-3.0-only")
    assert "non-commercial" in kinds("CC-BY-NC-4.0") - kinds("CC-BY-4.0")
    assert "name-model" in kinds("LicenseRef-Llama-3.1-Community")
    assert "name-model" not in kinds("LicenseRef-Llama-2-Community")


def test_and_asks_for_both_and_or_leaves_a_choice() -> None:
    """``AND`` adds up; of ``OR`` each duty names what may be chosen from."""
    both = duties("MIT AND Apache-2.0")
    assert {duty.license for duty in both} == {"MIT", "Apache-2.0"}
    assert all(duty.one_of == () for duty in both)
    either = duties("MIT OR Apache-2.0")
    assert {duty.one_of for duty in either} == {("MIT", "Apache-2.0")}
    mixed = duties("ISC AND (MIT OR BSD-2-Clause)")
    assert {duty.one_of for duty in mixed if duty.license == "ISC"} == {()}
    assert {duty.one_of for duty in mixed if duty.license == "MIT"} == {("MIT", "BSD-2-Clause")}


def test_where_there_is_a_choice_each_duty_says_so() -> None:
    """None of them is asked for whatever is chosen."""
    said = [one.sentence for one in duties("(MIT AND ISC) OR GPL-3.0-only")]
    assert said
    assert all("one is to be chosen of MIT AND ISC or GPL-3.0-only)" in one for one in said)
    assert not any("chosen" in one.sentence for one in duties("MIT AND ISC"))
    many = duties(" OR ".join(f"LicenseRef-{'x' * 100}{number}" for number in range(8)))
    assert all("and 4 more" in one.sentence and len(one.sentence) < 500 for one in many)


@pytest.mark.parametrize("text", ["Foo-1.0", "LicenseRef-Own", "(MIT", "MIT,", "see LICENSE file"])
def test_what_is_not_known_is_one_duty_to_read_it(text: str) -> None:
    """Neither a guess nor silence."""
    (duty,) = duties(text)
    assert duty.kind == "unknown"
    assert duty.text.startswith("Read the licence")


def test_an_exception_is_read_besides_its_licence() -> None:
    """``WITH`` changes what a licence asks in a way only its text says."""
    found = duties("GPL-2.0-or-later WITH Classpath-exception-2.0")
    assert {duty.kind for duty in found} > {"unknown", "disclose-source"}
    assert any("Classpath-exception-2.0" in duty.text for duty in found)


def test_case_and_later_versions_are_the_same_licence() -> None:
    """SPDX identifiers are compared without case; ``+`` is any later version."""
    assert [d.kind for d in duties("apache-2.0")] == [d.kind for d in duties("Apache-2.0")]
    assert [d.kind for d in duties("GPL-3.0+")] == [d.kind for d in duties("GPL-3.0-or-later")]


def test_licences_without_duties_ask_for_nothing() -> None:
    """A dedication to the public is no unknown licence."""
    assert duties("CC0-1.0") == duties("Unlicense") == duties("") == ()


@given(
    st.text(max_size=200) | st.lists(st.sampled_from([*KNOWN, "AND", "OR", "(", ")"])).map(" ".join)
)
def test_any_text_gives_an_answer(text: str) -> None:
    """It never raises; what is not blank and not free of duties says something."""
    found = duties(text)
    assert found == duties(text)
    assert bool(found) == bool(text.split()) or not kinds(text)


@pytest.mark.parametrize("text", ["(" * 5000 + "MIT", "MIT AND " * 5000 + "MIT", "MIT OR (" * 500])
def test_nesting_and_length_are_bounded(text: str) -> None:
    """A tag can be made to be long or deep; the answer is short."""
    assert len(duties(text)) < 20


TEXTS = Path("/usr/share/common-licenses")
"""Where Debian and its kin keep the texts of licences."""


def whole_text(file: str) -> bytes:
    if not (TEXTS / file).is_file():
        pytest.skip("this system does not keep the text of that licence")
    return (TEXTS / file).read_bytes()


@pytest.mark.parametrize(
    ("name", "file", "section", "start", "words"),
    [
        ("Apache-2.0", "Apache-2.0", "4(a)", "(a) You must give", "copy of this License"),
        ("Apache-2.0", "Apache-2.0", "4(b)", "(b) You must cause", "prominent notices"),
        ("Apache-2.0", "Apache-2.0", "4(c)", "(c) You must retain", "attribution notices"),
        ("Apache-2.0", "Apache-2.0", "4(d)", '(d) If the Work includes a "NOTICE"', "attribution"),
        ("Apache-2.0", "Apache-2.0", "3", "3. Grant of Patent License", "litigation"),
        ("MPL-2.0", "MPL-2.0", "3.1", "3.1. Distribution of Source", "inform recipients"),
        ("MPL-2.0", "MPL-2.0", "3.2", "3.2. Distribution of Executable", "Source Code Form"),
        ("MPL-2.0", "MPL-2.0", "3.4", "3.4. Notices", "remove or alter"),
        ("GPL-2.0-only", "GPL-2", "1", "1. You may copy and distribute", "copyright notice"),
        ("GPL-2.0-only", "GPL-2", "2(a)", "a) You must cause the modified files", "date of any"),
        ("GPL-2.0-only", "GPL-2", "2(b)", "b) You must cause any work", "as a whole"),
        ("GPL-2.0-only", "GPL-2", "3", "3. You may copy and distribute the Program", "offer"),
        ("GPL-3.0-only", "GPL-3", "4", "4. Conveying Verbatim Copies", "copyright notice"),
        ("GPL-3.0-only", "GPL-3", "5(a)", "a) The work must carry prominent", "modified"),
        ("GPL-3.0-only", "GPL-3", "5(c)", "c) You must license the entire", "as a whole"),
        ("GPL-3.0-only", "GPL-3", "6", "6. Conveying Non-Source Forms", "Corresponding Source"),
        ("GPL-3.0-only", "GPL-3", "11", "11. Patents", "patent license"),
        ("LGPL-2.1-only", "LGPL-2.1", "2(b)", "b) You must cause the files", "date of any"),
        ("LGPL-2.1-only", "LGPL-2.1", "2(c)", "c) You must cause the whole", "licensed"),
        ("LGPL-3.0-only", "LGPL-3", "4(a)", "a) Give prominent notice with each copy of the Com",
         "Library is used"),
        ("LGPL-3.0-only", "LGPL-3", "4(b)", "b) Accompany the Combined Work", "GNU GPL"),
        ("LGPL-3.0-only", "LGPL-3", "2", "2. Conveying Modified Versions", "this License"),
    ],
)  # fmt: skip
def test_the_sections_are_those_of_the_texts(
    name: str, file: str, section: str, start: str, words: str
) -> None:
    """Each section that a duty names begins so, and speaks of it within a page."""
    assert any(duty.section == f"section {section}" for duty in duties(name))
    text = " ".join(whole_text(file).decode().split())
    assert start in text
    assert words in text[text.index(start) :][:1500]


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("Apache-2.0", {"Apache-2.0"}),
        ("BSD", {"BSD-3-Clause"}),
        ("CC0-1.0", set()),
        ("GPL-1", {"GPL-1.0-only", "GPL-1.0-or-later"}),
        ("GPL-2", {"GPL-2.0-only", "GPL-2.0-or-later"}),
        ("GPL-3", {"GPL-3.0-only", "GPL-3.0-or-later"}),
        ("LGPL-2", {"LGPL-2.0-only", "LGPL-2.0-or-later"}),
        ("LGPL-2.1", {"LGPL-2.1-only", "LGPL-2.1-or-later"}),
        ("LGPL-3", {"LGPL-3.0-only"}),
        ("MPL-2.0", {"MPL-2.0"}),
    ],
)
def test_a_whole_text_states_its_own_licence_alone(file: str, names: set[str]) -> None:
    """Not those that it names, as one that may be chosen instead. The appendix of the GNU licences
    shows how to state any later version."""
    (found,) = notice_files([("LICENSE", whole_text(file))])
    assert {one.expression for one in found.statements.licenses} == names


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("GPL-3.0", "GPL-3.0-only"),
        ("gpl-3.0+", "GPL-3.0-or-later"),
        ("LGPL-2.1+", "lgpl-2.1-or-later"),
        ("MIT AND AGPL-3.0", "AGPL-3.0-only"),
        ("GPL-2.0 WITH Classpath-exception-2.0", "GPL-2.0-only"),
        ("GPL-2.0-with-classpath-exception", "GPL-2.0-only"),
        ("GPL-3.0-with-GCC-exception", "GPL-3.0-only"),
    ],
)
def test_an_identifier_that_was_given_up_is_denied_as_the_one_for_it(
    expression: str, name: str
) -> None:
    """Packages still name it, and no policy can: code under it passed where it was denied."""
    assert not permitted(expression, (), (name,))
    assert permitted(expression, (name, "MIT"), ())
    assert not is_license(expression.rpartition(" ")[2])
    assert permitted("GPL-3.0", (), ("GPL-3.0-or-later", "LGPL-3.0-only"))
    assert permitted("Apache-2.0+", (), ("Apache-2.0-or-later",))


def _many_names(name: str) -> None:
    assert all(is_license(name) for _ in range(500_000))


def _many_globs(expression: str) -> None:
    globs = [f"x{number}*" for number in range(50_000)]
    assert not any(permitted(expression, globs, ()) for _ in range(150))


def test_very_many_licences_of_a_policy_are_looked_up_in_time() -> None:
    """A megabyte of names took three minutes and more, one of globs seconds for each finding."""
    ends(_many_names, ["MIT"])
    ends(_many_globs, ["MIT"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mit", "MIT"),
        ("Apache-2.0 or (mit AND isc)", "Apache-2.0 OR (MIT AND ISC)"),
        ("gpl-2.0+", "GPL-2.0-or-later"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("GPL-2.0-only WITH Classpath-exception-2.0",) * 2,
        ("GPL-2.0-with-classpath-exception",) * 2,
        ("MIT OR GPL-2.0-with-classpath-exception",) * 2,
        *((text, None) for text in ("GPL", "bzip2-1.0.5", "Nunit", "Net-SNMP", "BSD", "(((", "")),
        *((text, None) for text in ("Classpath-exception-2.0", "MIT OR Classpath-exception-2.0")),
        ("LicenseRef-scancode-net-snmp", None),
        ("MIT WITH Apache-2.0", None),
        ("MIT WITH GPL-2.0-with-classpath-exception", None),
    ],
)
def test_an_expression_names_no_other_licence(text: str, expected: str | None) -> None:
    """The library takes many names for a licence that they do not name for sure."""
    assert spdx_expression(text) == expected
