"""The HTML report: everything is in it, nothing of the scanned code can run, nothing is loaded."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import audits
import hypothesis
import pytest
from click.testing import CliRunner
from hypothesis import strategies as st
from programs import program

import provenance
from provenance import model
from provenance.cli import main
from provenance.licenses import DutyKind
from provenance.model import Finding, Identity, Report, Skipped
from provenance.report import html, quoted
from provenance.report.html import html_report
from provenance.report.json import json_report
from provenance.report.saved import report_of
from provenance.report.text import safe
from provenance.report.tiles import WIDTH, height, tiles
from provenance.report.words import catalogue, languages
from provenance.sides import reference_texts, suspect_texts

pytestmark = pytest.mark.usefixtures("in_this_process")

REFERENCE = """\
class LlamaScores:
    def forward(self, query, key, mask=None):
        weights = matmul(query, key.transpose(2, 3)) * self.scaling
        if mask is not None:
            weights = weights + mask[:, :, :, : key.shape[-2]]
        return softmax(weights, dim=-1).to(query.dtype)


def repeat_heads(states, count):
    batch, heads, length, size = states.shape
    if count == 1:
        return states
    states = states[:, :, None, :, :].expand(batch, heads, count, length, size)
    return states.reshape(batch, heads * count, length, size)
"""
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]><img src=x onerror=alert(1)>",
    "\"' onfocus=alert(1) autofocus='",
    "{{ 7 * 7 }}{% raw %}${alert(1)}",
    "\u202egnp.exe\u2066\u200b",
    "\u2028\u2029\x1b[31m\x00\x07",
    "&lt;b&gt;&#60;",
    "javascript:alert(1)",
    "한국어 ünïcode",
]
SEEDED = hypothesis.settings(deadline=None, derandomize=True)
VOID = set("meta link br input img hr".split())
SHAPES = set("rect line circle path".split())


class _Page(HTMLParser):
    """A page as its elements; refuses one that is not well nested."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.blocks: list[tuple[str, dict[str, str], str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag}: an attribute twice: {names}"
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if tag not in VOID:
            self._open.append(tag)
        if tag in ("script", "style"):
            self.blocks.append((tag, given, ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert [tag] == self._open[-1:], f"</{tag}> closes another element"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("script", "style"):
            tag, given, text = self.blocks[-1]
            self.blocks[-1] = tag, given, text + data
        else:
            self.text.append(data)

    def data(self, name: str = "data") -> Any:
        return next(json.loads(text) for _, given, text in self.blocks if given.get("id") == name)

    def findings(self) -> list[Any]:
        """What each finding says in full, in the order of the list."""
        places = dict.fromkeys(one[0] for one in self.data()["findings"])
        held: dict[int, Any] = {}
        for place in places:
            held.update({int(at): one for at, one in self.data(f"more-{place}").items()})
        return [held[at] for at in sorted(held)]

    def quote(self, name: str) -> dict[int, str]:
        """The lines of a quoted file, by number."""
        return {
            first + at: line
            for first, text, _ in self.data(f"text-{name}")
            for at, line in enumerate(text.split("\n"))
        }

    @property
    def said(self) -> str:
        return "".join(self.text)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    folder = tmp_path_factory.mktemp("html")
    (folder / "reference").mkdir()
    (folder / "reference" / "modeling_llama.py").write_text(REFERENCE, "utf-8")
    suspect = folder / "suspect"
    suspect.mkdir()
    text = REFERENCE.replace("Llama", "Mine").replace("weights", "scores")
    (suspect / "mine.py").write_text(f'"""{HOSTILE[0]}"""\n{text}# {HOSTILE[5]}\n', "utf-8")
    (suspect / "own.py").write_text("total = 1\n", "utf-8")
    (suspect / "broken.py").write_bytes(b"\xff\xfe\x00x")
    report = provenance.compare(str(suspect), str(folder / "reference"))
    assert report.findings
    assert report.skipped
    return report, folder


def _hostile(report: Report, sign: str) -> Report:
    """The report with a hostile text wherever a name, path, licence or reason can stand."""
    old = report.findings[0].suspect.path

    def path(of: str) -> str:
        return sign + ".py" if of == old else of

    findings = tuple(
        replace(
            one,
            suspect=replace(one.suspect, path=path(one.suspect.path), name=sign),
            reference=replace(
                one.reference,
                origin=sign,
                package=sign,
                version=sign,
                path=sign,
                name=sign,
                license=sign,
                family=sign,
                title=sign,
                organisation=sign,
                country=sign,
                link=f"javascript:{sign}",
            ),
            also=(sign,),
            renames=(model.Rename(sign, sign, 3),),
            lineage=(model.LineageMember(sign, sign, sign, "2025-01-01"),),
            scores=model.Scores(0.9, 0.6, 0.7),
            near=(model.Near(sign, sign, sign, sign, None, model.Scores(0.8, 0.5, 0.6)),),
        )
        for one in report.findings
    )
    use = model.UseOf("import", sign, 1, sign, sign)
    notice = model.Notice(
        sign, sign, 0.5, sign, (sign,), (sign,), (sign,), (sign,), (sign,), (sign,), True
    )
    files = tuple(
        replace(file, path=path(file.path), uses=(use,), notices=(notice,), identical=None)
        for file in report.files
    )
    identity = model.Identity(sign, sign, sign, (sign, sign), sign, sign, None, True, (sign,))
    files = (*files, replace(files[0], path=f"{sign}/two.py", identical=identity))
    return replace(
        report,
        source=sign,
        exclude_origin=(sign,),
        files=files,
        findings=findings,
        vendored=(model.Vendored(sign, sign, sign, sign, sign, 1, 1, 1),),
        skipped=(Skipped(sign, sign),),
        indexes=(model.IndexUsed(sign, sign, (sign,)),),
    )


@pytest.fixture(scope="module")
def page(scanned: tuple[Report, Path]) -> str:
    report, folder = scanned
    return html_report(
        report,
        suspect_texts(report),
        references=reference_texts(report, str(folder / "reference")),
    )


def test_days_of_git_are_told_for_all(scanned: tuple[Report, Path]) -> None:
    """Of none that was given the page said that the date is not known, above findings with days."""
    report, _ = scanned
    assert "(git)" not in html_report(report)
    days = ["2026-01-03", "2025-12-30"] * len(report.findings)
    dated = [
        replace(one, seen=model.SuspectSeen("2026-01-01", "git", earliest=day, latest=day))
        for one, day in zip((*report.findings, report.findings[0]), days, strict=False)
    ]
    told = "<dd>2025-12-30 – 2026-01-03 (git)</dd>"
    assert html_report(replace(report, findings=tuple(dated))).count(told) == 2
    cut = [replace(one, seen=replace(one.seen, bounded=True)) for one in dated]
    page = html_report(replace(report, findings=tuple(cut)))
    assert told.replace("<dd>", "<dd>≤ ") in page
    assert told.replace("</dd>", ". <span ") in page  # that lines may be older


def test_every_finding_file_and_skipped_file_is_in_it(
    scanned: tuple[Report, Path], page: str
) -> None:
    report, _ = scanned
    read = _Page(page)
    ids = [given["id"] for _, given in read.elements if "id" in given]
    assert len(ids) == len(set(ids))
    for finding in report.findings:
        assert finding.id in ids
        assert finding.reference.name in read.said
    for number, file in enumerate(report.files):
        assert f"file-{number}" in ids
        assert file.path in read.said
    for skipped in report.skipped:
        assert skipped.path in read.said
        assert skipped.reason in read.said
    assert report.indexes[0].checksum in read.said
    told = {one["id"]: one for one in json.loads(json_report(report))["findings"]}
    held = {one["id"]: one for one in read.findings()}
    assert held.keys() == told.keys()
    for key, finding in told.items():
        assert {name: held[key][name] for name in finding} == finding


def test_the_policy_forbids_all_but_our_style_and_script(page: str) -> None:
    read = _Page(page)
    policy = next(
        given["content"]
        for _, given in read.elements
        if given.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag, given, text in read.blocks:
        if given.get("type") == "application/json":
            continue
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    executable = [one for one in read.blocks if one[0] == "script" and "type" not in one[1]]
    assert len(executable) == 1


def _loads(read: _Page) -> Iterator[str]:
    """Whatever a browser would fetch, or run, by itself."""
    for tag, given in read.elements:
        for name, value in given.items():
            if name.startswith("on") or name == "style":
                yield f"{tag} {name}"
            if name in ("src", "srcset", "action", "formaction", "data", "poster", "background"):
                yield f"{tag} {name}={value}"
            if name == "href" and not (tag == "a" and value.startswith("#")):
                yield f"{tag} {name}={value}"
        if tag in (
            "link",
            "iframe",
            "object",
            "embed",
            "base",
            "img",
            "use",
            "image",
            "foreignobject",
        ):
            yield tag
        if tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            yield tag
    for tag, _, text in read.blocks:
        if tag == "style" and re.search(r"url\(|@import", text):
            yield tag


@pytest.mark.parametrize("sign", HOSTILE)
def test_nothing_of_the_scanned_code_runs_breaks_out_or_hides(
    scanned: tuple[Report, Path], sign: str
) -> None:
    report = _hostile(scanned[0], sign)
    path = report.findings[0].suspect.path
    side = report.findings[0].reference
    text = html_report(
        report,
        {path: f"x = 1 # {sign}\n" * 50},
        references={(side.package, side.version or "", side.path): f"{sign}\n" * 50},
    )
    read = _Page(text)
    assert not [*_loads(read)]
    assert sum(1 for tag, _ in read.elements if tag == "script") == len(
        [one for one in read.blocks if one[0] == "script"]
    )
    assert sum("type" not in given for tag, given, _ in read.blocks if tag == "script") == 1
    assert not re.findall(r"[^\n -~\u00a0-\u1fff\u2010-\u2027\u2030-\uffff]", text)
    assert not re.findall(r"[\u200b-\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]", text)
    shown = safe(sign)
    assert shown in read.said
    assert all(one["reference"]["link"] is None for one in read.findings())
    assert shown in {one["suspect"]["name"] for one in read.findings()}
    assert read.quote("s0")[1] == "x = 1 # " + "".join(safe(one) for one in sign)


def test_loads_nothing(page: str) -> None:
    assert not [*_loads(_Page(page))]


def test_the_same_report_gives_the_same_bytes(scanned: tuple[Report, Path], page: str) -> None:
    report, folder = scanned
    again = html_report(
        report,
        dict(reversed(suspect_texts(report).items())),
        references=reference_texts(report, str(folder / "reference")),
    )
    assert again == page


def test_both_sides_are_quoted_with_their_lines(scanned: tuple[Report, Path], page: str) -> None:
    report, _ = scanned
    read = _Page(page)
    assert len(read.findings()) == len(report.findings)
    for finding in read.findings():
        side = finding["reference"]
        lines = read.quote(f"r{finding['quote']}")
        for at in range(side["start_line"], side["end_line"] + 1):
            assert lines[at] == REFERENCE.split("\n")[at - 1]
    names = [given.get("id", "") for _, given, _ in read.blocks]
    assert sum(name.startswith("text-r") for name in names) == 1, "a file is quoted once"


def test_without_source_places_stand_alone(scanned: tuple[Report, Path]) -> None:
    report, _ = scanned
    read = _Page(html_report(report))
    assert not [1 for _, given, _ in read.blocks if given.get("id", "").startswith("text-")]
    assert catalogue("en")["no_source"] in read.said


def test_a_report_of_nothing_is_a_page(scanned: tuple[Report, Path]) -> None:
    report = replace(scanned[0], files=(), findings=(), skipped=(), vendored=())
    assert catalogue("en")["no_findings"] in _Page(html_report(report)).said


@SEEDED
@hypothesis.given(st.text(st.characters(codec=None), max_size=60))
def test_coloured_source_is_the_text_with_the_unseen_written_out(text: str) -> None:
    shown = "".join(sign if sign in "\t\n" else safe(sign) for sign in text)
    coloured, runs = quoted.colours(text)
    assert coloured == quoted.visible(text) == shown
    kinds = re.findall(r"([a-z])(\d+)", runs)
    assert "".join(f"{kind}{length}" for kind, length in kinds) == runs
    units = len(shown.encode("utf-16-le", "surrogatepass")) // 2
    assert sum(int(length) for _, length in kinds) == units, "a browser counts UTF-16 units"


def test_much_source_is_quoted_without_colours_and_the_page_says_so(
    scanned: tuple[Report, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    report, _ = scanned
    monkeypatch.setattr(quoted, "COLOURED", 10)
    read = _Page(html_report(report, suspect_texts(report)))
    (first, text, runs), *more = read.data("text-s0")
    assert (first, runs, more) == (1, "", [])
    assert "class MineScores" in text
    assert "without colours" in read.said


def test_colours_cost_time_by_the_length_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are made where no time-out ends it. 200 KB of blank lines took eight minutes, as from
    each of them on a docstring was looked for; now each is taken by itself, before."""
    first, *_ = quoted._lexer()._tokens["root"]  # type: ignore[attr-defined]
    assert [first[0](" \n" * 9, at).span() for at in (0, 2)] == [(0, 2), (2, 4)]
    assert quoted.colours(" \n" * 9)[0] == " \n" * 9
    page = quoted.Quotes(*_quoted("x = f'" + "\\N{" * 500))
    assert page.plain == 1, "very long lines have no colours"
    monkeypatch.setattr(quoted, "COLOURED", 500)
    plain = [quoted.Quotes(*_quoted(f"{line}\n" * 100)).plain for line in ("long = b", "+-~b[c]+")]
    assert plain == [0, 1], "each sign takes as long as a word"


@SEEDED
@hypothesis.given(st.text(), st.integers(0, 30))
def test_what_there_is_to_colour_is_counted_no_further_than_is_coloured(
    text: str, most: int
) -> None:
    """Files with a finding are quoted whole: three of 9 MB took half a minute, though none of them
    was coloured."""
    work = len(re.findall(r"\w+|[^\w\s]", text)) + len(text) // 20
    told = quoted._work(text, most)
    assert told == work if work <= most else told > most


def test_no_more_of_a_file_is_counted_than_is_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Counted:
        def finditer(self, text: str) -> Iterator[str]:
            for sign in text:
                seen.append(sign)
                yield sign

    monkeypatch.setattr(quoted, "_COLOURED", Counted())
    assert quoted._work("+" * 100_000, 6_000) > 6_000
    assert len(seen) <= 6_001


def _quoted(text: str) -> tuple[Report, list[Finding], dict[str, str], dict[Any, str]]:
    found = audits.finding(1)
    whole = audits.audit((audits.ruling(found),)).report
    return whole, [found], {found.suspect.path: text}, {}


@SEEDED
@hypothesis.given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 4)), max_size=6))
def test_each_line_of_the_spans_is_quoted_once(spans: list[tuple[int, int]]) -> None:
    text = "\n".join(f"line {number}" for number in range(1, 14))
    wanted = [(first, first + length) for first, length in spans]
    quote = quoted.stretches(text, wanted)
    numbers = []
    for first, held in quote:
        for at, line in enumerate(held.split("\n"), first):
            assert line == f"line {at}"
            numbers.append(at)
    asked = {at for first, last in wanted for at in range(first, last + 1)}
    assert numbers == sorted(asked)


@SEEDED
@hypothesis.given(
    st.lists(st.tuples(st.sampled_from(["", "a/", "a/b/", "a/b/c/", "d/"]), st.integers(0, 10_000)))
)
def test_the_map_gives_each_file_its_share_of_the_area(lines: list[tuple[str, int]]) -> None:
    file = model.FileResult("", "", 0, 0, 0.0, (), 0.0, 1.0, ())
    files = [
        replace(file, path=f"{folder}{at}.py", lines=count)
        for at, (folder, count) in enumerate(lines)
    ]
    drawn, frames = tiles(files)
    assert [tile.number for tile in drawn] == [*range(len(files))]
    total = sum(max(1, count) for _, count in lines)
    for tile in drawn:
        assert tile.file is not None
        area = tile.width * tile.height / (WIDTH * height(files))
        assert area == pytest.approx(max(1, tile.file.lines) / total, abs=1e-3)
        for frame in frames:
            if tile.path.startswith(f"{frame.path}/"):
                assert frame.x - 0.02 <= tile.x
                assert tile.x + tile.width <= frame.x + frame.width + 0.05


# --- languages ----------------------------------------------------------------------------


def test_the_catalogues_say_the_same() -> None:
    keys = {language: set(catalogue(language)) for language in languages()}
    assert keys["en"] == keys["ko"]
    for key, sentence in catalogue("en").items():
        wanted = set(re.findall(r"\{\d\}", sentence))
        for form in catalogue("ko")[key].split("|"):
            assert set(re.findall(r"\{\d\}", form)) == wanted, key


def test_every_key_is_used_and_there() -> None:
    folder = Path(html.__file__).parent
    said = "".join(
        (folder / name).read_text("utf-8")
        for name in ("html.py", "words.py", "templates/report.html", "templates/report.js")
    )
    keys = set(catalogue("en"))
    for family, values in (
        ("verdict", get_args(model.Verdict)),
        ("attribution", get_args(model.Attribution)),
        ("type", get_args(model.CloneType)),
        ("against", ("younger", "same", "unknown")),
        ("duty", get_args(DutyKind)),
        ("own", ("long",)),
        ("common", ("long",)),
    ):
        assert {f"{family}.{value}" for value in values} <= keys
    plain_keys = re.findall(r"(?:\bt|text|say|marked|act)\(['\"]([a-z_.]+)['\"][,)]", said)
    assert set(plain_keys) <= keys
    built: tuple[str, ...] = ("verdict.", "attribution.", "type.", "against.", "notice.")
    built = (*built, "own.", "common.", "headline.", "sort.", "key.", "n.", "duty.")
    assert not {key for key in keys if key not in said and not key.startswith(built)}


@pytest.mark.parametrize("language", languages())
def test_opens_in_the_language_asked_for(scanned: tuple[Report, Path], language: str) -> None:
    text = html_report(scanned[0], language=language)
    assert f'<html lang="{language}">' in text
    assert catalogue(language)["caveat"] in _Page(text).said


@pytest.mark.parametrize("language", languages())
def test_never_says_that_someone_copied(language: str) -> None:
    said = " ".join(catalogue(language).values()).lower()
    assert not re.search(r"plagiari|stole|theft|표절|도용", said)


def test_an_unknown_language_is_refused(scanned: tuple[Report, Path]) -> None:
    with pytest.raises(ValueError, match="expected one of en, ko"):
        html_report(scanned[0], language="xx")


# --- the command --------------------------------------------------------------------------


def test_the_command_writes_it_whole_beside_the_text(
    scanned: tuple[Report, Path], tmp_path: Path
) -> None:
    _, folder = scanned
    out = tmp_path / "report.html"
    arguments = [str(folder / "suspect"), str(folder / "reference"), "--jobs", "1"]
    ran = CliRunner().invoke(main, ["compare", *arguments, "--html", str(out), "--lang", "ko"])
    assert ran.exit_code == 0, ran.output
    assert "modeling_llama" in ran.output
    read = _Page(out.read_text("utf-8"))
    assert read.data("text-r0")
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
    again = ["--output", str(tmp_path / "again.html"), "--lang", "ko"]
    ran = CliRunner().invoke(main, ["compare", *arguments, *again])
    assert (tmp_path / "again.html").read_bytes() == out.read_bytes()  # in that language too
    missing = tmp_path / "none" / "report.html"
    ran = CliRunner().invoke(main, ["compare", *arguments, "--html", str(missing)])
    assert ran.exit_code == 2
    assert "--html" in ran.output


def test_the_command_offers_the_languages_there_are() -> None:
    said = CliRunner().invoke(main, ["scan", "--help"]).output
    assert f"[{'|'.join(languages())}]" in said


# --- from a saved result ------------------------------------------------------------------


def _command(*words: str) -> Any:
    return CliRunner().invoke(main, [*words])


def test_a_saved_result_is_the_result(scanned: tuple[Report, Path]) -> None:
    assert report_of(json_report(scanned[0]), "result.json") == scanned[0]


def test_a_saved_result_gives_the_same_page(scanned: tuple[Report, Path], tmp_path: Path) -> None:
    _, folder = scanned
    sides = [str(folder / "suspect"), str(folder / "reference"), "--jobs", "1"]
    first, again, saved = (str(tmp_path / name) for name in ("a.html", "b.html", "result.json"))
    ran = _command("compare", *sides, "--html", first, "--format", "json", "-o", saved)
    assert ran.exit_code == 0, ran.output
    ran = _command("report", saved, "--html", again, "--reference", sides[1])
    assert ran.exit_code == 0, ran.output
    assert Path(again).read_bytes() == Path(first).read_bytes()


def test_a_scanned_file_that_changed_is_not_quoted_and_that_is_said(
    scanned: tuple[Report, Path], tmp_path: Path
) -> None:
    report, folder = scanned
    saved, out = tmp_path / "result.json", tmp_path / "report.html"
    saved.write_text(json_report(report), "utf-8")
    moved = tmp_path / "moved"
    moved.mkdir()
    text = (folder / "suspect" / "mine.py").read_text("utf-8")
    (moved / "mine.py").write_text(text + "\n", "utf-8")
    ran = _command("report", str(saved), "--html", str(out), "--source", str(moved))
    assert ran.exit_code == 0, ran.output
    assert "text of 1 scanned file with findings is gone or has changed" in ran.output
    read = _Page(out.read_text("utf-8"))
    assert not [1 for _, given, _ in read.blocks if given.get("id", "").startswith("text-")]
    assert catalogue("en")["no_source"] in read.said
    (moved / "mine.py").write_text(text, "utf-8")
    ran = _command("report", str(saved), "--html", str(out), "--source", str(moved))
    assert "changed" not in ran.output
    assert _Page(out.read_text("utf-8")).quote("s0")[1].startswith('"""')


def test_scanned_code_that_is_gone_is_said(scanned: tuple[Report, Path], tmp_path: Path) -> None:
    saved, out = tmp_path / "result.json", tmp_path / "report.html"
    saved.write_text(json_report(replace(scanned[0], source=str(tmp_path / "none"))), "utf-8")
    ran = _command("report", str(saved), "--html", str(out))
    assert ran.exit_code == 0, ran.output
    assert "cannot be opened" in ran.output
    assert out.exists()


def _broken(held: dict[str, Any], path: str, value: Any) -> str:
    at: Any = held
    *above, last = [int(one) if one.isdigit() else one for one in path.split(".")]
    for name in above:
        at = at[name]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return json.dumps(held)


NEAR = {
    **dict.fromkeys(("family", "origin", "path", "name"), "tern"),
    "first_seen": "soon",
    "scores": {"structure": 0.5, "text": 0.5, "score": 0.5},
}


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("format_version", 1, "a report of format version 1, expected"),
        ("format_version", None, "JSON without a format_version"),
        ("findings.0.verdict", "guilty", 'findings\\[0\\].verdict: "guilty"'),
        ("findings.0.resemblance", float("inf"), "the number Infinity"),
        ("findings.0.resemblance", 1e300, "resemblance"),
        ("findings.0.resemblance", True, "resemblance: true"),
        ("findings.0.id", "data", "the id 'data'"),
        ("findings.0.reference.first_seen", "soon", "the day 'soon'"),
        ("findings.0.near", [NEAR], "the day 'soon'"),
        ("findings.0.scores", {"structure": 1.0, "text": 1.0, "score": "1"}, "score"),
        ("findings.0.blocks.0.suspect_end", 1_000_000_000, "outside of its unit"),
        ("findings.0.suspect", [], "findings\\[0\\].suspect"),
        ("findings.0.suspect.path", None, "no path"),
        ("files.0.lines", 1.5, "lines: 1.5"),
        ("files.0.more", 1, "an unknown more"),
        ("files", {}, "files"),
        ("parameters", None, "no "),
        ("parameters.as_of", "\x1b]0;x\u202e", "the day"),
        ("parameters.suspect_date", "\ud800", "the day"),
        ("parameters.suspect_date", "2026-02-30", "the day '2026-02-30'"),
        ("findings.0.reference.first_seen", "2026-99-99", "the day '2026-99-99'"),
        ("findings.0.resemblance", 1.5, "resemblance: 1.5"),
        ("findings.0.suspect_containment", -0.5, "suspect_containment: -0.5"),
        ("findings.0.matched", -1, "matched: -1"),
        ("findings.0.lineage", [], "no blocks or no lineage"),
        ("findings.0.blocks", [], "no blocks or no lineage"),
        ("findings.0.suspect.start_line", 0, "start_line: 0"),
        ("files.0.sha256", "##vso[task.x]", "the checksum '##vso"),
        ("index.0.checksum", "0", "the checksum '0'"),
        ("parameters.suspect_date", "\u0662\u0660\u0662\u0664-01-01", "the day"),
        ("index", "x", "indexes"),
        ("index", [], "a report without an index"),
        ("findings.0.suspect.name", "", 'suspect.name: ""'),
        ("findings.0.reference.family", "", 'reference.family: ""'),
        ("notice_files", [""], 'notice_files.0.: ""'),
    ],
)
def test_a_result_that_is_none_is_refused(
    scanned: tuple[Report, Path], path: str, value: Any, said: str
) -> None:
    text = _broken(json.loads(json_report(scanned[0])), path, value)
    with pytest.raises(provenance.SourceError, match=f"result.json: found.*{said}"):
        report_of(text, "result.json")


def test_a_report_nested_nearly_too_deep_is_refused(scanned: tuple[Report, Path]) -> None:
    """What could just be read could not be shown in the message."""
    held = json.loads(json_report(scanned[0]))
    for deep in range(800, 1_000):
        text = json.dumps({**held, "findings": 0}).replace(
            '"findings": 0', f'"findings": {"[" * deep}{"]" * deep}'
        )
        with pytest.raises(provenance.SourceError, match=r"result\.json: found"):
            report_of(text, "result.json")


def test_the_report_of_an_audit_is_told_as_such() -> None:
    with pytest.raises(provenance.SourceError, match="found the report of an audit"):
        report_of('{"format_version": 1, "rulings": [], "report": {}}', "result.json")


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, "\x00", '"x"'])
def test_what_is_no_json_report_is_refused(text: str) -> None:
    with pytest.raises(provenance.SourceError, match="provenance scan --format json"):
        report_of(text, "result.json")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device")
def test_what_never_ends_is_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout may hold a link to it."""
    monkeypatch.setattr("provenance.cli_report._LONGEST", 10_000)
    done = CliRunner().invoke(main, ["report", "/dev/zero"])
    assert done.exit_code == 3
    assert "more than 10,000 bytes" in done.stderr


@pytest.mark.parametrize("key", ["first_seen", "absent_before"])
def test_a_day_of_an_identical_file_that_is_none_is_refused(
    key: str, scanned: tuple[Report, Path]
) -> None:
    same = Identity("a/b", "a", None, (), "b.py", None, None, True, (), family="b", title="B")
    changed: dict[str, Any] = {key: ""}
    file = replace(scanned[0].files[0], identical=replace(same, **changed))
    report = replace(scanned[0], files=(file, *scanned[0].files[1:]))
    with pytest.raises(provenance.SourceError, match="a file with the day ''"):
        report_of(json_report(report), "result.json")


@pytest.mark.parametrize("key", ["day", "authored", "earliest", "latest"])
def test_a_day_of_the_scanned_side_that_is_none_is_refused(
    key: str, scanned: tuple[Report, Path]
) -> None:
    """A terminal would obey it."""
    first, *others = scanned[0].findings
    changed: dict[str, Any] = {key: "\x1b[2J"}
    finding = replace(first, seen=replace(first.seen, **changed))
    report = replace(scanned[0], findings=(finding, *others))
    with pytest.raises(provenance.SourceError, match=r"the day '\\x1b\[2J'"):
        report_of(json_report(report), "result.json")
    same = Identity("a/b", "a", None, (), "b.py", None, None, True, (), family="b", title="B")
    same = replace(same, seen=finding.seen)
    file = replace(scanned[0].files[0], identical=same)
    report = replace(scanned[0], files=(file, *scanned[0].files[1:]))
    with pytest.raises(provenance.SourceError, match="a file with the day"):
        report_of(json_report(report), "result.json")


def test_two_files_with_one_path_are_refused(scanned: tuple[Report, Path]) -> None:
    report = replace(scanned[0], files=scanned[0].files[:1] * 2)
    with pytest.raises(provenance.SourceError, match="two files with the same path"):
        report_of(json_report(report), "result.json")


def test_the_filter_of_licences_has_them_as_they_are(scanned: tuple[Report, Path]) -> None:
    """A browser takes the text of an option for its value, but for blanks."""
    first, *others = scanned[0].findings
    side = replace(first.reference, license="Our  own ")
    page = html_report(replace(scanned[0], findings=(replace(first, reference=side), *others)))
    assert '<option value="Our  own ">' in page


def test_two_findings_with_one_id_are_refused(scanned: tuple[Report, Path]) -> None:
    report = replace(scanned[0], findings=scanned[0].findings[:1] * 2)
    with pytest.raises(provenance.SourceError, match="same id"):
        report_of(json_report(report), "result.json")


def test_a_reference_of_another_release_is_not_quoted(tmp_path: Path) -> None:
    """Its lines are others."""
    text = program(1)
    for version, head in (("1.0", ""), ("2.0", "A = 1\n" * 9)):
        with zipfile.ZipFile(tmp_path / f"demo-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(
                f"demo-{version}.dist-info/METADATA", f"Name: demo\nVersion: {version}\n"
            )
            wheel.writestr("demo/theirs.py", head + text)
    one, two = (str(tmp_path / f"demo-{version}-py3-none-any.whl") for version in ("1.0", "2.0"))
    provenance.build_index([one], tmp_path / "one.db")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.py").write_text(f"{text}\nX = 1\n")
    report = provenance.scan(tmp_path / "mine", [tmp_path / "one.db"])
    assert reference_texts(report, one) == {("demo", "1.0", "demo/theirs.py"): text}
    assert reference_texts(report, two) == {}
    with pytest.raises(provenance.SourceError, match="nothing"):  # not left out in silence
        reference_texts(report, str(tmp_path / "nothing"))


def test_files_of_very_long_paths_are_quoted(tmp_path: Path) -> None:
    """A glob of one is refused, and no page was written."""
    path = "/".join(["a" * 100] * 11) + "/theirs.py"
    both = []
    for name, text in (("theirs", program(1)), ("mine", f"{program(1)}\nX = 1\n")):
        both.append(str(tmp_path / f"{name}.zip"))
        with zipfile.ZipFile(both[-1], "w") as archive:
            archive.writestr(path, text)
    provenance.build_index([both[0]], tmp_path / "one.db")
    report = provenance.scan(both[1], [tmp_path / "one.db"])
    assert [where for _, _, where in reference_texts(report, both[0])] == [path]
    assert [*suspect_texts(report)] == [path]


def test_a_reference_that_is_given_is_not_quoted_from_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside one that stands in the cache, of which it had the text for a day."""
    text, kept = program(1), {}
    for version, head in (("1.0", ""), ("2.0", "A = 1\n" * 9)):
        kept["demo", version] = str(tmp_path / f"demo-{version}-py3-none-any.whl")
        with zipfile.ZipFile(kept["demo", version], "w") as wheel:
            wheel.writestr(
                f"demo-{version}.dist-info/METADATA", f"Name: demo\nVersion: {version}\n"
            )
            wheel.writestr("demo/theirs.py", head + text)
    provenance.build_index([kept["demo", "1.0"]], tmp_path / "one.db")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.py").write_text(f"{text}\nX = 1\n")
    report = provenance.scan(tmp_path / "mine", [tmp_path / "one.db"])
    first = report.findings[0]
    newer = replace(first, reference=replace(first.reference, version="2.0"))
    both = replace(report, findings=(*report.findings, newer))
    monkeypatch.setattr("provenance.sides.cached", lambda name, version: kept.get((name, version)))
    assert reference_texts(both, kept["demo", "2.0"]) == {
        ("demo", "1.0", "demo/theirs.py"): text,
        ("demo", "2.0", "demo/theirs.py"): "A = 1\n" * 9 + text,
    }
