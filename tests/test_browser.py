"""The HTML report in a real browser: what a person does with it, without a network.

Needs the extra ``browser`` and a Chromium: ``PROVENANCE_BROWSER`` names it, else it is looked
for. Where either is missing these tests are skipped, and say so.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from thorough import THOROUGH

import provenance
from provenance.model import Ancestor, Declaration, Near, Report, Scores, SuspectSeen
from provenance.report.html import html_report
from provenance.report.words import catalogue
from provenance.sides import reference_texts, suspect_texts

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="needs the extra 'browser': pip install '.[browser]'"
)
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright",
    reason="needs the extra 'browser': pip install '.[browser]'",
)

expect = sync_api.expect

BROWSER = os.environ.get("PROVENANCE_BROWSER") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="needs a Chromium: apt-get install chromium, or PROVENANCE_BROWSER"
)
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()

REFERENCE = '''\
import torch
from torch import nn


class LlamaScores(nn.Module):
    """Scores of queries against keys."""

    def forward(self, query, key, mask=None):
        weights = torch.matmul(query, key.transpose(2, 3)) * self.scaling
        if mask is not None:
            weights = weights + mask[:, :, :, : key.shape[-2]]
        return nn.functional.softmax(weights, dim=-1).to(query.dtype)


def repeat_heads(states, count):
    batch, heads, length, size = states.shape
    if count == 1:
        return states
    states = states[:, :, None, :, :].expand(batch, heads, count, length, size)
    return states.reshape(batch, heads * count, length, size)


def warm_up(step, steps, rate):
    if step < steps:
        return rate * step / max(1, steps)
    return rate * (steps / max(1, step)) ** 0.5
'''
HOSTILE = "</script><script>document.title='broken'</script><img src=x onerror=alert(1)>"
UNSEEN = "\u202e\x1b[31m"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    folder = tmp_path_factory.mktemp("browser")
    (folder / "reference").mkdir()
    (folder / "reference" / "modeling_llama.py").write_text(REFERENCE, "utf-8")
    ours = folder / "suspect"
    (ours / "deep").mkdir(parents=True)
    text = REFERENCE.replace("Llama", "Mine").replace("weights", "scores")
    mine = text.replace("import torch\n", f"# {HOSTILE} {UNSEEN}\nimport torch\n")
    (ours / "mine.py").write_text(mine, "utf-8")
    lines = [f"    total = total * {n} + table[{n}]\n" for n in range(9)]
    part = text[text.index("def repeat_heads") :].replace(
        "    batch, heads", f"    total, table = 0, [0] * 9\n{''.join(lines)}    batch, heads", 1
    )
    (ours / "deep" / "part.py").write_text(part, "utf-8")
    (ours / "own.py").write_text("total = 1\n", "utf-8")
    made = provenance.compare(str(ours), str(folder / "reference"))
    assert {finding.suspect.path for finding in made.findings} == {"mine.py", "deep/part.py"}
    return made, folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=BROWSER, args=SWITCHES)
        yield opened
        opened.close()


Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens a report as a file, with no network; at the end nothing may have been asked for, and
    the console may have said nothing."""
    said: list[str] = []
    contexts = []

    def asked(address: str) -> None:
        if not address.startswith("file:"):
            said.append(f"asked: {address}")

    def opened(
        text: str, fragment: str = "", width: int = 1440, height: int = 900, **options: Any
    ) -> Any:
        path = tmp_path / "report.html"
        path.write_text(text, "utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": height}, offline=True, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: asked(request.url))
        page.goto(path.as_uri() + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not said


def written(report: tuple[Report, Path], **options: Any) -> str:
    made, folder = report
    references = reference_texts(made, str(folder / "reference"))
    return html_report(made, suspect_texts(made), references=references, **options)


def finding(report: tuple[Report, Path], name: str, path: str = "mine.py") -> Any:
    (one,) = (
        one for one in report[0].findings if one.suspect.name == name and one.suspect.path == path
    )
    return one


def test_the_hostile_line_is_text_and_does_nothing(
    report: tuple[Report, Path], open_page: Open
) -> None:
    page = open_page(written(report))
    page.locator("#files .file", has_text="mine.py").locator("summary").first.click()
    page.locator("details.source summary").click()
    first = page.locator(".lines .ln").first
    assert first.inner_text().strip().endswith(f"# {HOSTILE} \\u202e\\x1b[31m")
    assert page.title().startswith("Provenance: ")
    assert page.locator("img").count() == 0


def test_hostile_names_are_text_wherever_they_stand(
    report: tuple[Report, Path], open_page: Open
) -> None:
    made, _ = report
    name = "</noscript></title><img src=x onerror=alert(1)><script>alert(2)</script>"
    path = "a/</noscript><svg onload=alert(3)>.py"
    old = made.findings[0].suspect.path
    changed = replace(
        made,
        source=name,
        files=tuple(
            replace(file, path=path if file.path == old else file.path) for file in made.files
        ),
        findings=tuple(
            replace(
                one,
                suspect=replace(
                    one.suspect, name=name, path=path if one.suspect.path == old else "deep/part.py"
                ),
                reference=replace(one.reference, name=name, title=name, license=name),
            )
            for one in made.findings
        ),
    )
    page = open_page(html_report(changed, {path: name}))
    page.locator(".finding > summary").first.click()
    page.locator("#files .file > summary").first.click()
    assert page.locator(".finding code").first.text_content() == name
    assert page.title() == f"Provenance: {name}"
    page.fill("#q", "onerror")
    page.select_option("#language", "ko")
    assert page.locator("img, svg[onload]").count() == 0
    assert page.evaluate("document.scripts.length") == len(
        re.findall("<script", html_report(changed, {path: name}))
    )


def test_filters_search_and_order(report: tuple[Report, Path], open_page: Open) -> None:
    made, _ = report
    page = open_page(written(report))
    rows = page.locator(".finding")
    expect(rows).to_have_count(len(made.findings))
    page.fill("#q", "SCORES")
    assert {*rows.locator(".ours code").all_text_contents()} == {
        one.suspect.name for one in made.findings if "Scores" in one.suspect.name
    }
    assert page.inner_text("#count") == f"Findings shown: {rows.count()} of {len(made.findings)}"
    page.fill("#q", "there is no such thing")
    expect(rows).to_have_count(0)
    assert page.locator("#none").is_visible()
    page.click("#filters button[type=reset]")
    expect(rows).to_have_count(len(made.findings))
    page.fill("#by-path", "deep/")
    expect(rows).to_have_count(sum(one.suspect.path.startswith("deep/") for one in made.findings))
    page.click("#filters button[type=reset]")
    for select, value, wanted in (
        ("#by-verdict", "resembles", lambda one: one.verdict == "resembles"),
        ("#by-attribution", "undeclared", lambda one: one.attribution == "undeclared"),
        ("#by-family", made.findings[0].reference.family, lambda _: True),
    ):
        page.select_option(select, value)
        expect(rows).to_have_count(sum(map(wanted, made.findings)))
        page.click("#filters button[type=reset]")
    page.select_option("#sort", "place")
    places = [
        (path, int(lines.partition("–")[0]))
        for path, _, lines in (
            one.partition(":") for one in rows.locator(".ours .where").all_text_contents()
        )
    ]
    assert places == sorted(places)
    assert len(places) == len(made.findings)


def test_a_link_opens_its_finding_with_both_sides_aligned(
    report: tuple[Report, Path], open_page: Open
) -> None:
    _, folder = report
    one = finding(report, "MineScores")
    page = open_page(written(report), f"#{one.id}")
    row = page.locator(f'[id="{one.id}"]')
    assert row.get_attribute("open") is not None
    row.locator(".sides").wait_for()
    ours = (folder / "suspect" / "mine.py").read_text("utf-8").split("\n")
    theirs = REFERENCE.split("\n")
    seen: dict[str, set[int]] = {"sus": set(), "ref": set()}
    for made_row in row.locator(".sides .row").all():
        kind = made_row.get_attribute("class").split()[1]
        pair = []
        for side, lines in (("sus", ours), ("ref", theirs)):
            half = made_row.locator(f".ln.{side}")
            number, text = half.locator("> i").inner_text(), half.locator("> span").inner_text()
            assert number
            assert text.strip() == lines[int(number) - 1].strip()
            seen[side].add(int(number))
            pair.append(text)
        assert kind == ("same" if pair[0] == pair[1] else "changed")
    assert seen["sus"] == set(range(one.suspect.start_line, one.suspect.end_line + 1))
    assert seen["ref"] == set(range(one.reference.start_line, one.reference.end_line + 1))
    renamed = row.locator(".sides .sus mark.renamed").all_inner_texts()
    assert renamed.count("scores") == 4
    assert renamed.count("MineScores") == 1
    assert "weights → scores" in row.locator(".renames").inner_text()


def test_renamed_names_of_any_script_are_marked_whole(open_page: Open, tmp_path: Path) -> None:
    for name in ("reference", "suspect"):
        (tmp_path / name).mkdir()
    (tmp_path / "reference" / "heads.py").write_text(REFERENCE, "utf-8")
    renamed = {"weights": "\U00020000가중치", "LlamaScores": "점수_1", "query": "質問"}
    text = REFERENCE
    for old, new in renamed.items():
        text = re.sub(rf"\b{old}\b", new, text)
    (tmp_path / "suspect" / "mine.py").write_text(text, "utf-8")
    made = provenance.compare(str(tmp_path / "suspect"), str(tmp_path / "reference"))
    one = next(one for one in made.findings if one.suspect.name == "점수_1")
    assert {(rename.reference, rename.suspect) for rename in one.renames} == {*renamed.items()}
    page = open_page(written((made, tmp_path)), f"#{one.id}")
    sides = page.locator(f'[id="{one.id}"] .sides')
    sides.wait_for()
    assert not sides.locator("mark.edited, .row.only").count()
    for side, names in (("sus", renamed.values()), ("ref", renamed)):
        marked = sides.locator(f".{side} mark.renamed").all_inner_texts()
        assert set(marked) == {*names}


def test_what_is_on_one_side_only_is_folded_and_says_how_much(
    report: tuple[Report, Path], open_page: Open
) -> None:
    one = finding(report, "repeat_heads", "deep/part.py")
    page = open_page(written(report), f"#{one.id}")
    fold = page.locator(f'[id="{one.id}"] .fold')
    told = fold.locator("summary").inner_text()
    assert not fold.locator(".row").first.is_visible()
    fold.locator("summary").click()
    assert fold.locator(".row").first.is_visible()
    lines = fold.locator(".row.only .sus:not(.none)")
    assert f"{lines.count()} lines only in the scanned code" in told
    texts = [line.strip() for line in lines.locator("> span").all_inner_texts()]
    assert [f"total = total * {n} + table[{n}]" for n in range(9)] == texts[2:11]


def test_both_sides_scroll_together(report: tuple[Report, Path], open_page: Open) -> None:
    one = finding(report, "MineScores")
    page = open_page(written(report), f"#{one.id}", height=160)
    box = page.locator(f'[id="{one.id}"] .sides')
    at = """box => [...box.querySelectorAll('.row:last-child .ln')]
        .map(half => half.getBoundingClientRect().top)"""
    before = box.evaluate(at)
    box.evaluate("box => { box.scrollTop = 40; }")
    after = box.evaluate(at)
    assert before[0] == before[1]
    assert after[0] == after[1] == before[0] - 40


def test_what_the_code_says_of_its_days_and_sources_is_shown(
    report: tuple[Report, Path], open_page: Open
) -> None:
    made, _ = report
    one = finding(report, "MineScores")
    told = replace(
        one,
        attribution="declared elsewhere",
        seen=SuspectSeen("2025-02-03", "git", "2025-01-31", "2025-01-30", "2025-03-01", 7, 8, True),
        declarations=(Declaration("adapted", "NOTICE", 4, "Adapted from <b>kite</b>", "kite"),),
        chain=(Ancestor("reference/kite", "kite.py", "KiteScores", "2024-05-06", 0.71),),
        scores=Scores(0.9, 0.75, 0.9951),
        near=(Near("tern", "reference/tern", "tern.py", "Tern", None, Scores(0.8, 0.5, 0.625)),),
        lineage=(),
        also=("reference/kite", "other/kite", "reference/swift"),
        families=2,
    )
    others = tuple(other for other in made.findings if other is not one)
    changed = replace(made, findings=(told, *others), history="no git here")
    page = open_page(html_report(changed, suspect_texts(made)), f"#{one.id}")
    said = page.locator(f'[id="{one.id}"] .body').inner_text()
    assert "Here since 2025-02-03 by git" in said
    assert "the first 2025-01-30, the last 2025-03-01" in said
    assert "NOTICE:4 Adapted from <b>kite</b> (kite)" in said
    assert re.search(r"2024-05-06\s+KiteScores reference/kite 71\s%", said)
    assert "half of the lines that have a day (7 of 8 paired) had been committed" in said
    assert "and 4 more origins" in said  # of two families
    assert "The named unit has the score >0.99; the next families have less:" in said
    assert "Tern reference/tern 0.63" in said
    assert "no git here" in page.locator("#method").inner_text()


def test_keys_go_from_finding_to_finding(report: tuple[Report, Path], open_page: Open) -> None:
    page = open_page(written(report))
    ids = page.locator(".finding").evaluate_all("all => all.map(one => one.id)")
    for key, wanted in (("n", ids[0]), ("n", ids[1]), ("p", ids[0])):
        page.keyboard.press(key)
        assert page.evaluate("location.hash") == f"#{wanted}"
        assert page.locator(".finding[open]").evaluate_all("all => all.map(one => one.id)") == [
            wanted
        ]
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"


def test_a_finding_is_copied_as_text(report: tuple[Report, Path], open_page: Open) -> None:
    one = finding(report, "MineScores")
    page = open_page(
        written(report), f"#{one.id}", permissions=["clipboard-read", "clipboard-write"]
    )
    page.locator(f'[id="{one.id}"] .acts button').first.click()
    page.wait_for_function("document.getElementById('said').textContent")
    text = page.evaluate("navigator.clipboard.readText()")
    assert f"mine.py:{one.suspect.start_line}-{one.suspect.end_line} MineScores" in text
    assert f"modeling_llama.py:{one.reference.start_line}-{one.reference.end_line}" in text
    assert one.id in text
    assert catalogue("en")["caveat"] in text


def test_language_and_theme_are_switched_in_the_page(
    report: tuple[Report, Path], open_page: Open
) -> None:
    one = finding(report, "MineScores")
    page = open_page(written(report), f"#{one.id}", color_scheme="light")
    page.select_option("#language", "ko")
    korean = catalogue("ko")
    assert page.get_attribute("html", "lang") == "ko"
    assert page.locator(".caveat").inner_text() == korean["caveat"]
    assert korean["against"] in page.locator(f'[id="{one.id}"] .body').inner_text()
    page.locator("#files .file > summary").first.click()
    assert korean["composition"] in page.locator("#files .file .body").first.inner_text()
    page.select_option("#language", "en")
    assert page.locator(".caveat").inner_text() == catalogue("en")["caveat"]
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.click("#theme")
    assert page.evaluate(colour) != light
    page.click("#theme")
    assert page.evaluate(colour) == light


def test_prints_all_evidence_unfolded_in_the_order_of_the_list(
    report: tuple[Report, Path], open_page: Open
) -> None:
    page = open_page(written(report), color_scheme="dark")
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator(".finding:not([open])").count() == 0
    for box in page.locator(".finding").all():
        assert box.locator(".sides .row").first.is_visible()
    assert page.locator(".fold .row").first.is_visible()
    assert not page.locator("#filters").is_visible()
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".finding[open]").count() == 0


def test_without_script_every_finding_is_there(
    report: tuple[Report, Path], browser: Any, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(written(report), "utf-8")
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator(".finding").count() == len(report[0].findings)
    assert page.locator(".file .legend").count() == len(
        {f.suspect.path for f in report[0].findings}
    )
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("width", "language"), [(1440, "en"), (390, "ko")])
def test_meets_wcag_2_aa(
    report: tuple[Report, Path], open_page: Open, theme: str, width: int, language: str
) -> None:
    one = finding(report, "repeat_heads", "deep/part.py")
    page = open_page(
        written(report, language=language), f"#{one.id}", width=width, color_scheme=theme
    )
    page.locator("#files .file > summary").first.click()
    page.locator("details.source summary").first.click()
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    for step in ("page", "dialog"):
        if step == "dialog":
            page.click("#help")
        found = axe.Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
        assert len(found.response["passes"]) > 10
        broken = [
            (rule["id"], node["target"], node.get("failureSummary"))
            for rule in found.response["violations"]
            for node in rule["nodes"]
        ]
        assert not broken


@pytest.mark.parametrize("width", [1440, 768, 390, 320])
def test_nothing_is_wider_than_the_screen(
    report: tuple[Report, Path], open_page: Open, width: int
) -> None:
    one = finding(report, "MineScores")
    page = open_page(written(report), f"#{one.id}", width=width)
    page.locator("#files .file > summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_of_thousands_of_findings_few_are_drawn_at_first(
    report: tuple[Report, Path], open_page: Open
) -> None:
    """So one of five thousand opens within 2 s on a quiet machine (benchmarks/README.md)."""
    many = 1000 if THOROUGH else 240
    made, _ = report
    one = finding(report, "MineScores")
    file = next(file for file in made.files if file.path == "mine.py")
    text = suspect_texts(made)["mine.py"] + "# a line that is the file's own\n" * 170
    paths = [f"package/part_{number // 20}/module_{number}.py" for number in range(many)]
    findings = [
        replace(
            one,
            id=f"{5 * number + nth:020x}",
            suspect=replace(one.suspect, path=path),
            reference=replace(one.reference, path=f"reference_{number % 50}.py"),
        )
        for number, path in enumerate(paths)
        for nth in range(5)
    ]
    large = replace(
        made,
        files=tuple(replace(file, path=path) for path in paths),
        findings=tuple(findings),
    )
    side = one.reference
    references = {
        (side.package, side.version or "", f"reference_{number}.py"): REFERENCE
        for number in range(50)
    }
    page_text = html_report(large, dict.fromkeys(paths, text), references=references)
    page = open_page(page_text)
    assert page.locator(".finding").count() == 50
    assert page.inner_text("#count") == f"Findings shown: {5 * many:,} of {5 * many:,}"
    page.fill("#q", f"module_{many - 1}")
    assert page.locator(".finding").count() == 5
    page.goto(page.url.partition("#")[0] + f"#{findings[-1].id}")
    page.locator(f'[id="{findings[-1].id}"] .sides .row').first.wait_for()
