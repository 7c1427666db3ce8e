"""Work goes with the number of each thing that an input has, not with the product of two of them:
n or 2n of one, beside n or 2n of another. Counted are the times that each line of the program runs;
what it calls in C, such as ``sorted`` or ``in`` of a list, is not seen. A line that runs once for
each pair runs n * n times more often than the sum of both lets expect; one that runs as often as
the lesser of both, a few times n.
"""

from __future__ import annotations

import re
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from audits import audit, file_result, filled, finding, ruling
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import Program

from provenance import build_index
from provenance.identity import vendored
from provenance.ledger import Entry, compared
from provenance.model import Audit, Fixed, Identity, Notice, Skipped
from provenance.notices import MARK
from provenance.report.formats import FORMATS, Texts
from provenance.report.json import json_report
from provenance.report.notices import headers, notices_text
from provenance.ruling import Scope, _Judge
from provenance.scanning import scan
from provenance.settings import Policy

N = 12
_OURS = str(Path(sys.modules["provenance"].__file__ or "").parent)


def steps(work: Callable[[], object]) -> Counter[tuple[str, int]]:
    """How often each line of the program, and of what dataclasses write, is run."""
    found: Counter[tuple[str, int]] = Counter()

    def inside(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            found[frame.f_code.co_filename, frame.f_lineno] += 1
        return inside

    def called(frame: FrameType, *_: Any) -> Any:
        name = frame.f_code.co_filename
        return inside if name.startswith(_OURS) or name == "<string>" else None

    before = sys.gettrace()
    sys.settrace(called)
    try:
        work()
    finally:
        sys.settrace(before)
    return found


def products(make: Callable[[int, int], Callable[[], object]]) -> dict[tuple[str, int], int]:
    """The lines that run for each pair of two things, of which ``make`` takes the numbers."""
    make(1, 1)()  # what is remembered from then on, as a module that is imported
    few, left, right, both = (
        steps(make(*sizes)) for sizes in ((N, N), (2 * N, N), (N, 2 * N), (2 * N, 2 * N))
    )
    found = {line: both[line] - left[line] - right[line] + few[line] for line in both}
    return {line: more for line, more in found.items() if 2 * more >= N * N}


def test_a_product_is_seen() -> None:
    """One that is there: else no test below could fail."""
    one = filled(Entry)

    def make(left: int, right: int) -> Callable[[], object]:
        return lambda: [replace(one) for _ in range(left) for _ in range(right)]

    assert products(make)
    assert not products(lambda left, right: make(left + right, 1))


# --- a scan -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sizes:
    """How many there are of the things that a source and a reference have."""

    findings: int = 2
    references: int = 1
    licenses: int = 1
    holders: int = 1
    claims: int = 0
    imports: int = 0
    reference_licenses: int = 1
    reference_holders: int = 1
    tables: int = 0
    named: int = 0
    notices: int = 1
    sections: int = 0
    notice_licenses: int = 0
    notice_holders: int = 0


def _function(number: int) -> str:
    made = Program(number)
    made.function(f"part_{number}", 6, 0)
    return "\n".join([*made.lines, "    scale = [weight, bias, mask.index(token, 2)]", ""])


def _head(holders: int, licenses: int, whose: str) -> str:
    lines = [f"# Copyright 2020 {whose}{at} Lab{at}" for at in range(holders)]
    lines += [f"# SPDX-License-Identifier: LicenseRef-{whose}{at}" for at in range(licenses)]
    return "\n".join(lines) + "\n"


def _written(root: Path, sizes: Sizes) -> tuple[str, str]:
    """A source, and an index of what it is like."""
    source, models = root / "source", root / "birds" / "models"
    source.mkdir(parents=True)
    parts = [_function(at) for at in range(sizes.findings)]
    for at in range(sizes.references):
        file = models / f"bird{at}" / f"modeling_bird{at}.py"
        file.parent.mkdir(parents=True)
        head = _head(sizes.reference_holders, sizes.reference_licenses, f"Of{at}x")
        file.write_text(head + "\n" + "\n".join(parts[at :: sizes.references]))
    head = _head(sizes.holders, sizes.licenses, "Here")
    head += "".join(f"from birds.models.bird{at} import Bird{at}\n" for at in range(sizes.imports))
    claims = "".join(
        f"# Copied from birds.models.bird{at}.modeling_bird{at}\n\n" for at in range(sizes.claims)
    )
    tail = "\nown = another(7, [1])\n" + "\n" * 80 + claims
    (source / "model.py").write_text(head + "\n" + "\n".join(parts) + tail)
    said = [f"This has code of birds/bird{at}\n" for at in range(sizes.named)]
    said += [f"Copyright 2020 Of0x{at + 1} Lab{at + 1}\n" for at in range(sizes.notice_holders)]
    said += [f"SPDX-License-Identifier: LicenseRef-N{at}\n" for at in range(sizes.notice_licenses)]
    for at in range(sizes.notices):
        (source / f"NOTICE.{at}.txt").write_text("\n".join(said))
    ours = "".join(
        f"## birds{at}, MIT\n\n- model.py, lines 1-2: birds/models/bird{at}/modeling_bird{at}.py\n"
        for at in range(sizes.sections)
    )
    (source / "THIRD_PARTY_NOTICES.md").write_text(f"{MARK}\n\n{ours}")
    table = '[[annotations]]\npath = "**"\nSPDX-License-Identifier = "MIT"\n'
    (source / "REUSE.toml").write_text(table * sizes.tables)
    index = root / "birds.db"
    build_index([root / "birds"], index, baseline=False, jobs=0)
    return str(source), str(index)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("findings", "tables"),
        ("findings", "notices"),
        ("findings", "sections"),
        ("findings", "named"),
        ("findings", "imports"),
        ("references", "holders"),
        ("references", "notice_holders"),
        ("reference_holders", "holders"),
        ("reference_licenses", "licenses"),
        ("reference_licenses", "notice_licenses"),
        ("reference_licenses", "tables"),
        ("reference_holders", "tables"),
    ],
)
def test_a_scan_takes_no_product(left: str, right: str, tmp_path: Path) -> None:
    """Each function is a finding, in the one file of the source."""
    least = Sizes(findings=2 * N if left == "references" else 2)

    def make(one: int, other: int) -> Callable[[], object]:
        sizes = replace(least, **{left: one, right: other})
        source, index = _written(tmp_path / f"{one}-{other}", sizes)

        def scanned() -> None:
            report = scan(source, [index], jobs=0)
            assert len(report.findings) == sizes.findings, report

        return scanned

    assert products(make) == {}


# --- what is written of it ----------------------------------------------------------------


def _audit(findings: int = 2, files: int = 2, skipped: int = 2, fixed: int = 2) -> Audit:
    found = [
        finding(at, suspect=replace(finding().suspect, path="a.py", start_line=at + 1))
        for at in range(findings)
    ]
    made = audit(tuple(map(ruling, found)))
    more = tuple(file_result(f"b{at}.py") for at in range(files))
    unread = tuple(Skipped(f"c{at}.py", "found no text") for at in range(skipped))
    report = replace(made.report, files=(*made.report.files, *more), skipped=unread)
    gone = tuple(Fixed(f"{at:020x}", "d.py", "f", "birds/owl") for at in range(fixed))
    return replace(made, report=report, fixed=gone)


@pytest.mark.parametrize("written", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("other", ["files", "skipped", "fixed"])
def test_no_format_takes_a_product(written: Any, other: str) -> None:
    """Of findings, and of what else a report lists."""

    def make(one: int, two: int) -> Callable[[], object]:
        made = _audit(one, **{other: two})
        text = "x = 1\n" * 40
        quoted = Texts(suspects={"a.py": text}, contents={"a.py": text.encode()})
        return lambda: written.write(made, quoted)

    assert products(make) == {}


def _with_holders(findings: int, holders: int) -> Audit:
    made = _audit(findings)
    names = tuple(f"Lab {at}" for at in range(holders))
    notice = filled(Notice, origin="transformers/llama", path="llama.py", missing_holders=names)
    (file, *others) = made.report.files
    files = (replace(file, notices=(notice,)), *others)
    return replace(made, report=replace(made.report, files=files))


@pytest.mark.parametrize("written", [headers, notices_text])
def test_notices_name_holders_once(written: Callable[[Audit], object]) -> None:
    """Not for each finding of a file, whose header had each line again until the end."""

    def make(findings: int, holders: int) -> Callable[[], object]:
        made = _with_holders(findings, holders)
        return lambda: written(made)

    assert products(make) == {}
    head = headers(_with_holders(3, 2))["a.py"]
    assert head.count("Lab 0") == head.count("Lab 1") == 1


def test_files_of_many_releases_are_grouped_once() -> None:
    """Each of a release of its own: all were counted again for each."""

    def work(number: int) -> Callable[[], object]:
        same = [filled(Identity, path=f"b{at}.py", versions=(f"{at}.0",)) for at in range(number)]
        files = [file_result(f"b{at}.py", identical=one) for at, one in enumerate(same)]
        return lambda: vendored(files)

    few, many = (sum(steps(work(number)).values()) for number in (50, 100))
    assert many < 2.2 * few


VERSIONS = st.lists(st.lists(st.sampled_from("abcd"), max_size=3, unique=True), max_size=12)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(VERSIONS)
def test_files_go_to_the_release_that_most_of_the_rest_have(versions: list[list[str]]) -> None:
    same = [filled(Identity, path="x.py", versions=tuple(one)) for one in versions]
    files = [file_result(f"{at}/x.py", identical=one) for at, one in enumerate(same)]
    files = [replace(one, path="x.py", lines=2**at) for at, one in enumerate(files)]
    wanted = []
    left = [(at, one or [""]) for at, one in enumerate(versions)]
    while left:
        times = Counter(version for _, of in left for version in of)
        version = min(times, key=lambda one: (-times[one], one))
        wanted.append((version, sum(2**at for at, of in left if version in of)))
        left = [(at, of) for at, of in left if version not in of]
    found = [(one.version or "", one.lines) for one in vendored(files)]
    assert sorted(found) == sorted(wanted)


def test_json_takes_what_its_text_takes() -> None:
    """And once more where it is handed over: not each of its pieces until the end."""
    names = tuple(f"transformers/model_{at}" for at in range(200))
    found = tuple(ruling(finding(at, also=names)) for at in range(50))
    report = audit(found).report
    json_report(report)
    tracemalloc.start()
    try:
        text = json_report(report)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(text) > 300_000
    assert peak < 3 * len(text)


SIGNS = st.text("ab_ .\u00e9", max_size=12)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(SIGNS, SIGNS.filter(str.strip))
def test_a_holder_is_named_in_whole_words(kept: str, name: str) -> None:
    """Looked for as a text, which is quick, and then whether letters stand around it."""
    name, judge = " ".join(name.split()), _Judge(Policy(), Scope({}, kept=kept))
    whole = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.ASCII)
    assert judge._keeps(name) == bool(whole.search(" ".join(kept.split())))


def test_a_baseline_takes_no_product() -> None:
    """Of findings and entries: those of one code that was moved, and of others."""

    def entries(number: int) -> Iterator[Entry]:
        for at in range(number):
            yield filled(Entry, id=f"{1:020x}", path=f"old{at}.py", rule="undeclared")
            yield filled(Entry, id=f"{at:020x}", path="a.py", rule="undeclared")

    def make(findings: int, number: int) -> Callable[[], object]:
        made = _audit(findings).rulings
        same = [replace(one, id=f"{1:020x}", path=f"new{at}.py") for at, one in enumerate(made)]
        there = (*entries(number),)
        return lambda: compared((*made, *same), there, lambda _: True, lambda _: True)

    assert products(make) == {}
