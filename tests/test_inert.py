"""What a hostile tree is called is only ever text, in every format: no markup, link, formula,
address, control or bidirectional character of it is alive."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from typing import Any, get_type_hints
from urllib.parse import unquote_to_bytes, urlsplit
from xml.etree.ElementTree import fromstring

import pytest
from audits import ATTACKS, audit, file_result, finding, hostile, ruling
from formats.validators import CHECKS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thorough import THOROUGH

from provenance.auditing import without_policy
from provenance.decode import printable
from provenance.model import Audit, Declaration, Identity, Skipped, UseOf
from provenance.report.evidence import relative_uri
from provenance.report.explain import Quoted, explain
from provenance.report.formats import FORMATS, Texts, named
from provenance.report.json import json_report
from provenance.report.markdown import code, prose
from provenance.report.saved import report_of
from provenance.report.text import text_report

PLAIN = ("json", "sarif", "code-scanning", "codequality", "cyclonedx", "spdx")
EXAMPLES = settings(
    max_examples=25 if THOROUGH else 10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def _texts(whole: Audit) -> Texts:
    """Bytes for every file, so that SPDX has snippets: their checksum is made to fit."""
    return Texts(contents={file.path: b"x = 1\n" * 9 for file in whole.report.files})


def _fitting(whole: Audit) -> Audit:
    from dataclasses import replace
    from hashlib import sha256

    digest = sha256(b"x = 1\n" * 9).hexdigest()
    files = tuple(replace(file, sha256=digest) for file in whole.report.files)
    return replace(whole, report=replace(whole.report, files=files))


@pytest.mark.parametrize("name", sorted(set(CHECKS)))
@pytest.mark.filterwarnings("ignore")
@EXAMPLES
@given(whole=hostile())
def test_a_hostile_tree_yields_a_valid_file(name: str, whole: Audit) -> None:
    whole = _fitting(whole)
    CHECKS[name](named(name).write(whole, _texts(whole)))


@pytest.mark.parametrize("name", [one.name for one in FORMATS if one.name != "html"])
@EXAMPLES
@given(whole=hostile())
def test_no_control_or_bidirectional_character_is_left(name: str, whole: Audit) -> None:
    whole = _fitting(whole)
    text = named(name).write(whole, _texts(whole))
    bad = {sign for sign in text if not printable(sign)} - {"\n"}
    assert bad <= ({"\r"} if name == "csv" else set())
    text.encode("utf-8")
    if name in PLAIN:
        assert text.isascii()
        json.loads(text)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


@EXAMPLES
@given(whole=hostile())
def test_sarif_has_no_address_link_or_placeholder_of_theirs(whole: Audit) -> None:
    log = json.loads(named("sarif").write(whole, Texts()))
    run = log["runs"][0]

    def visit(value: Any) -> None:
        if isinstance(value, dict):
            if "uri" in value:
                parts = urlsplit(value["uri"])
                assert parts[:2] == ("", "")
                assert (parts.query, parts.fragment) == ("", "")
                assert value["uri"].isascii()
            for inner in value.values():
                visit(inner)
        elif isinstance(value, list):
            for inner in value:
                visit(inner)

    visit(run["results"])
    visit(run["artifacts"])
    for result in run["results"]:
        for message in (
            result["message"],
            *(one["message"] for one in result.get("relatedLocations", ())),
        ):
            text = message["text"]
            assert not re.search(r"(?<!\\)[\[\]]", text)
            assert not re.search(r"(?<!\{)\{(\{\{)*\d", text)
    for text in _strings(run["results"]):
        assert all(map(printable, text))


@EXAMPLES
@given(whole=hostile())
def test_no_cell_is_a_formula(whole: Audit) -> None:
    rows = csv.reader(io.StringIO(named("csv").write(whole, Texts()), newline=""), strict=True)
    for row in rows:
        for cell in row:
            assert all(map(printable, cell))
            assert not cell.lstrip().startswith(("=", "+", "-", "@"))


def test_no_part_of_a_cell_is_a_formula_where_a_semicolon_parts_cells() -> None:
    found = finding(1)
    path = 'a;=1+1;b | @x;"=2".py'
    suspect = replace(found.suspect, path=path)
    text = named("csv").write(audit((ruling(replace(found, suspect=suspect)),)), Texts())
    assert """;'=1+1;b |' @x;'""=2"".py""" in text


@EXAMPLES
@given(whole=hostile())
def test_xml_holds_their_text_as_text(whole: Audit) -> None:
    root = fromstring(named("junit").write(whole, Texts()))
    suite = root.find("testsuite")
    assert suite is not None
    assert sum(1 for _ in suite.iter("testcase")) == len(whole.rulings)


# --- Markdown, read by GitHub's own parser ----------------------------------------------------


class _Page(HTMLParser):
    """Tags, and the text outside code."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.plain = ""
        self.inside = 0
        self.comments = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name != "align"]
        self.inside += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self.inside -= tag == "code"

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.plain += data

    def handle_comment(self, data: str) -> None:
        self.comments += 1


OURS = set("h3 h4 p ul li strong em code table thead tbody tr th td details summary".split())


def _read(text: str) -> _Page:
    cmarkgfm = pytest.importorskip("cmarkgfm", reason="cmarkgfm is GitHub's Markdown parser")
    from cmarkgfm.cmark import Options

    page = _Page()
    page.feed(cmarkgfm.github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE))
    page.close()
    return page


@EXAMPLES
@given(whole=hostile())
def test_markdown_has_no_mark_link_or_tag_of_theirs(whole: Audit) -> None:
    page = _read(named("markdown").write(whole, Texts()))
    assert set(page.tags) <= OURS
    assert not page.comments
    assert "@" not in page.plain
    assert "#" not in page.plain


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_attack_alone_is_text_in_markdown(attack: str) -> None:
    for written in (code(attack), prose(attack), f"- {code(attack)}: {prose(attack)}"):
        page = _read(written)
        assert set(page.tags) <= {"p", "ul", "li", "code"}
        assert not page.comments


@EXAMPLES
@given(text=st.text(min_size=1, max_size=60))
def test_a_code_span_shows_what_it_was_given(text: str) -> None:
    """Nothing is lost or added but what is no printable sign, and what is too long."""
    cmarkgfm = pytest.importorskip("cmarkgfm", reason="cmarkgfm is GitHub's Markdown parser")
    from html import unescape

    from provenance.report.text import safe

    if not safe(text).strip():
        assert code(text) == "(blank)"
        return
    page = cmarkgfm.github_flavored_markdown_to_html(code(text))
    shown = re.fullmatch(r"<p><code>(.*)</code></p>\n", page, re.DOTALL)
    assert shown is not None, page
    assert unescape(shown[1]) == safe(text)


# --- addresses ------------------------------------------------------------------------------


@EXAMPLES
@given(path=st.text(min_size=1, max_size=40))
def test_a_path_and_its_uri_are_one_to_one(path: str) -> None:
    uri = relative_uri(path)
    begins = "./" if path.startswith("/") else ""
    assert unquote_to_bytes(uri) == (begins + path).encode()
    assert urlsplit(uri)[:2] == ("", "")


def test_bytes_of_a_name_stay_bytes() -> None:
    assert relative_uri("models/caf\udce9.py") == "models/caf%E9.py"
    assert relative_uri("a b/c:d#e?.py") == "a%20b/c%3Ad%23e%3F.py"


def test_an_identity_is_written_as_it_is() -> None:
    """An identity keys the baseline: no format changes it."""
    whole = audit((ruling(finding(7)),))
    for one in FORMATS:
        if one.name not in ("text", "html"):
            assert finding(7).id in one.write(whole, Texts()), one.name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("::error file=a::b.py", "\\x3a:error file=a::b.py"),
        ("a ::add-mask::b.py", "a \\x3a:add-mask::b.py"),
        ("##[command]x.py", "\\x23#[command]x.py"),
        ("a##vso[task.setvariable]x.py", "a\\x23#vso[task.setvariable]x.py"),
        ("##teamcity[buildStop]x.py", "\\x23#teamcity[buildStop]x.py"),
        ("a::b # [x].py", "a::b # [x].py"),
        ("caf\udce9.py", "caf\\xe9.py"),  # as everywhere else, and as a shell takes it
    ],
)
def test_no_name_is_a_command_to_a_service_that_reads_the_log(name: str, shown: str) -> None:
    from provenance.report.text import safe

    assert safe(name) == shown


def _hostile_throughout(value: Any, text: str) -> Any:
    """Plain data, with every text that may be any text replaced."""
    if is_dataclass(value) and not isinstance(value, type):
        hints = get_type_hints(type(value))
        changed = {}
        for one in fields(value):
            held = getattr(value, one.name)
            free = hints[one.name] in (str, str | None) and one.name not in _CHECKED
            changed[one.name] = text if free else _hostile_throughout(held, text)
        return replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(
            text if isinstance(one, str) else _hostile_throughout(one, text) for one in value
        )
    return value


_CHECKED = frozenset(
    "id day authored earliest latest first_seen absent_before as_of suspect_date sha256 checksum "
    "path".split()
)
"""What ``report.saved`` refuses where it is none, and paths, by which files are told apart."""


@pytest.mark.parametrize("text", ["\x1b[2J", "\ud800", "\u3000::error::x", "##vso[x]", "\u202e"])
def test_no_field_of_a_saved_report_is_alive(text: str) -> None:
    """Whoever wrote it: it need not have been us."""
    found = finding(1, declarations=(Declaration("copied", "a.py", 1, "# x", "llama"),))
    same = Identity("a/b", "a", None, (), "b.py", None, None, True, ("c/d",), family="b", title="B")
    files = (
        file_result(found.suspect.path, uses=(UseOf("import", "transformers", 1, "a/b", "B"),)),
        file_result("z.py", identical=replace(same, path=text)),
    )
    plain = replace(audit((ruling(found),)).report, files=files, skipped=(Skipped("s", "r"),))
    report = report_of(json_report(_hostile_throughout(plain, text)), "saved.json")
    whole = without_policy(report)
    explained = (
        explain(report, one, Quoted(None, {}, {}, 1), width=80, styled=False)
        for one in report.files
    )
    for shown in (
        text_report(report),
        *explained,
        *(one.write(whole, Texts()) for one in FORMATS if one.name != "html"),
    ):
        assert all(map(printable, shown.replace("\r\n", "\n").replace("\n", "")))
        assert not re.search(r"^\s*::", shown, re.MULTILINE)
