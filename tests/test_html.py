"""The HTML report: everything is in it, nothing of the scanned code can run, nothing is loaded."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import hypothesis
import pytest
from click.testing import CliRunner
from hypothesis import strategies as st

import provenance
from provenance import model
from provenance.cli import main
from provenance.model import Report, Skipped
from provenance.report import html
from provenance.report.html import LANGUAGES, catalogue, html_report
from provenance.report.json import plain
from provenance.report.text import safe
from provenance.sides import reference_texts, suspect_texts

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
    told = [{**one, "file": 0} for one in json.loads(json.dumps(plain(report)["findings"]))]
    assert [{**one, "file": 0} for one in read.data()["findings"]] == told


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
    assert all(one["reference"]["link"] is None for one in read.data()["findings"])
    assert read.data()["findings"][0]["suspect"]["name"] == shown
    line = "".join(read.data("text-s0")[1][0][1::2])
    assert line == "x = 1 # " + "".join(safe(one) for one in sign)


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
    for number, finding in enumerate(report.findings):
        first, lines = read.data(f"text-r{number}")
        assert first == finding.reference.start_line
        assert len(lines) == finding.reference.end_line - first + 1
        quoted = ["".join(line[1::2]) for line in lines]
        assert quoted == REFERENCE.split("\n")[first - 1 : finding.reference.end_line]


def test_without_source_places_stand_alone(scanned: tuple[Report, Path]) -> None:
    report, _ = scanned
    read = _Page(html_report(report))
    assert not [1 for _, given, _ in read.blocks if given.get("id", "").startswith("text-")]
    assert catalogue("en")["no_source"] in read.said


def test_a_report_of_nothing_is_a_page(scanned: tuple[Report, Path]) -> None:
    report = replace(scanned[0], files=(), findings=(), skipped=(), vendored=())
    assert catalogue("en")["no_findings"] in _Page(html_report(report)).said


@hypothesis.given(st.text(st.characters(codec=None), max_size=60))
def test_coloured_lines_are_the_text_with_the_unseen_written_out(text: str) -> None:
    lines = html._coloured(text)
    shown = ["".join("\t" if s == "\t" else safe(s) for s in one) for one in text.split("\n")]
    assert ["".join(str(piece) for piece in line[1::2]) for line in lines] == shown


@hypothesis.given(st.lists(st.integers(0, 10_000), max_size=40))
def test_the_map_gives_each_file_its_share_of_the_area(lines: list[int]) -> None:
    file = model.FileResult("", "", 0, 0, 0.0, (), 0.0, 1.0, ())
    files = [replace(file, path=str(at), lines=count) for at, count in enumerate(lines)]
    tiles = [*html._tiles(files)]
    assert sorted(tile.number for tile in tiles) == [*range(len(files))]
    total = sum(max(1, count) for count in lines)
    for tile in tiles:
        area = tile.width * tile.height / (html._MAP[0] * html._MAP[1])
        assert area == pytest.approx(max(1, tile.file.lines) / total, abs=1e-3)


# --- languages ----------------------------------------------------------------------------


def test_the_catalogues_say_the_same() -> None:
    keys = {language: set(catalogue(language)) for language in LANGUAGES}
    assert keys["en"] == keys["ko"]
    for key, sentence in catalogue("en").items():
        wanted = set(re.findall(r"\{\d\}", sentence))
        for form in catalogue("ko")[key].split("|"):
            assert set(re.findall(r"\{\d\}", form)) == wanted, key


def test_every_key_is_used_and_there() -> None:
    folder = Path(html.__file__).parent
    said = "".join(
        (folder / name).read_text("utf-8")
        for name in ("html.py", "templates/report.html", "templates/report.js")
    )
    keys = set(catalogue("en"))
    for family, values in (
        ("verdict", get_args(model.Verdict)),
        ("attribution", get_args(model.Attribution)),
        ("type", get_args(model.CloneType)),
        ("against", ("younger", "same", "unknown")),
        ("own", ("long",)),
        ("common", ("long",)),
    ):
        assert {f"{family}.{value}" for value in values} <= keys
    plain_keys = re.findall(r"(?:\bt|text|say|marked)\(['\"]([a-z_.]+)['\"][,)]", said)
    assert set(plain_keys) <= keys
    built = ("verdict.", "attribution.", "type.", "against.", "notice.", "own.", "common.")
    assert not {key for key in keys if key not in said and not key.startswith(built)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_opens_in_the_language_asked_for(scanned: tuple[Report, Path], language: str) -> None:
    text = html_report(scanned[0], language=language)
    assert f'<html lang="{language}">' in text
    assert catalogue(language)["caveat"] in _Page(text).said


@pytest.mark.parametrize("language", LANGUAGES)
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
    missing = tmp_path / "none" / "report.html"
    ran = CliRunner().invoke(main, ["compare", *arguments, "--html", str(missing)])
    assert ran.exit_code == 2
    assert "--html" in ran.output


def test_the_command_offers_the_languages_there_are() -> None:
    said = CliRunner().invoke(main, ["scan", "--help"]).output
    assert f"[{'|'.join(LANGUAGES)}]" in said
