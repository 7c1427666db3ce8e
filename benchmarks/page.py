"""The HTML report in a browser: how long a large one takes, and its pictures for the README.

    python benchmarks/page.py                    5,000 findings in 1,000 files, a minute
    python benchmarks/page.py --pictures         makes pictures/ again

Needs the extra ``browser`` and a Chromium. What is large is made of the fixtures: every file of
theirs many times, each finding with another identity and reference file. Seconds are those of
this machine, medians of ``--runs``.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import provenance
from provenance.model import Finding, Report
from provenance.report.html import html_report
from provenance.sides import reference_texts, suspect_texts

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "pictures"
CASE = ROOT / "fixtures" / "type2_renamed"
CONTEST = ("pypi:transformers==5.23.0", "transformers/models/axk1/modeling*", "2026-08-10")
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
_ACT = """async (act) => {
    const started = performance.now();
    if (act === "search") set("q", "_7");
    if (act === "all") set("q", "");
    if (act === "sort") set("sort", "place");
    if (act === "open") document.querySelectorAll(".finding > summary")[20].click();
    function set(id, value) {
        document.getElementById(id).value = value;
        document.getElementById(id).dispatchEvent(new Event("input", { bubbles: true }));
    }
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return performance.now() - started;
}"""
_SCROLL = """async () => {
    const frames = [];
    for (let last = performance.now(), at = 0; at < 60; at++) {
        scrollBy(0, 600);
        await new Promise((done) => requestAnimationFrame(done));
        const now = performance.now();
        frames.push(now - last);
        last = now;
    }
    return frames.sort((a, b) => a - b)[54];
}"""


def large() -> tuple[Report, dict[str, str], dict[tuple[str, str, str], str]]:
    """A report of 5,000 findings in 1,000 files, and the text of both sides."""
    reports, sources, references = [], {}, {}
    for case in sorted(ROOT.glob("fixtures/*/suspect")):
        reference = str(case.with_name("reference"))
        report = provenance.compare(str(case), reference)
        for path, text in suspect_texts(report).items():
            sources[case.parent.name, path] = text
        references.update(reference_texts(report, reference))
        reports.append((case.parent.name, report))
    files, findings, texts = [], [], {}
    pool = [(name, report, file) for name, report in reports for file in report.files]
    pool = [one for one in pool if (one[0], one[2].path) in sources]
    for number in range(1000):
        name, report, file = pool[number % len(pool)]
        path = f"package/part_{number // 25}/module_{number}.py"
        text = sources[name, file.path]
        files.append(replace(file, path=path))
        texts[path] = text + "# a line of its own\n" * max(0, 250 - file.lines)
        own = [one for one in report.findings if one.suspect.path == file.path]
        for nth in range(5):
            one = own[nth % len(own)]
            findings.append(_moved(one, path, 5 * number + nth))
    first = reports[0][1]
    made = replace(first, files=tuple(files), findings=tuple(findings), skipped=(), vendored=())
    return made, texts, references


def _moved(finding: Finding, path: str, number: int) -> Finding:
    return replace(
        finding,
        id=f"{number:020x}",
        suspect=replace(finding.suspect, path=path, name=f"{finding.suspect.name}_{number}"),
    )


def measure(runs: int) -> None:
    """Print how long a large page takes to write, to open and to work with."""
    from playwright.sync_api import sync_playwright

    report, sources, references = large()
    started = time.process_time()
    page = html_report(report, sources, references=references)
    wrote = time.process_time() - started
    print(f"written in {wrote:.1f} s of CPU, {len(page) / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started_browser:
        path = Path(folder, "report.html")
        path.write_text(page, "utf-8")
        browser = started_browser.chromium.launch(
            executable_path=shutil.which("chromium"), args=SWITCHES
        )
        rows: dict[str, list[float]] = {}
        for _ in range(runs):
            opened = browser.new_page(viewport={"width": 1440, "height": 900})
            opened.goto(path.as_uri())
            timing = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
            rows.setdefault("opens, ready to use", []).append(opened.evaluate(timing))
            for act in ("search", "all", "sort", "open"):
                rows.setdefault(act, []).append(opened.evaluate(_ACT, act))
            rows.setdefault("a frame while scrolling, 9 of 10", []).append(opened.evaluate(_SCROLL))
            opened.close()
        browser.close()
    for name, taken in rows.items():
        print(f"{name:34} {statistics.median(taken):6.0f} ms")


def pictures() -> None:
    """Make the pictures of the README: the summary of a real scan, and a finding of our own."""
    from playwright.sync_api import sync_playwright

    source, include, day = CONTEST
    summary = provenance.scan(source, include=[include], as_of=day)
    case = provenance.compare(str(CASE / "suspect"), str(CASE / "reference"))
    texts = suspect_texts(case), reference_texts(case, str(CASE / "reference"))
    finding = max(case.findings, key=lambda one: one.matched)
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        page = browser.new_page(viewport={"width": 1280, "height": 890})
        _show(page, Path(folder, "summary.html"), html_report(summary))
        page.screenshot(path=PICTURES / "summary.png")
        page.set_viewport_size({"width": 1280, "height": 800})
        text = html_report(case, texts[0], references=texts[1])
        _show(page, Path(folder, "finding.html"), text, f"#{finding.id}")
        page.locator(f'[id="{finding.id}"] .sides').scroll_into_view_if_needed()
        page.evaluate("document.querySelector('.finding[open] .pro').scrollIntoView()")
        page.evaluate("scrollBy(0, -90)")
        page.screenshot(path=PICTURES / "finding.png")
        browser.close()
    for path in sorted(PICTURES.glob("*.png")):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


def _show(page: Any, path: Path, text: str, fragment: str = "") -> None:
    path.write_text(text, "utf-8")
    page.goto(path.as_uri() + fragment)


def main() -> None:
    """Run what the command line asks for."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--pictures", action="store_true", help="make the pictures of the README")
    asked.add_argument("--runs", type=int, default=5, help="how often to open the page")
    given = asked.parse_args()
    if given.pictures:
        pictures()
    else:
        measure(given.runs)


if __name__ == "__main__":
    main()
