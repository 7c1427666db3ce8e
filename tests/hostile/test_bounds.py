"""Every command that reads what is not trusted holds each file to time and memory: in matching as
in parsing, however few files there are, for whoever asks. What a file exceeded is said, and the
remedy; the rest is done."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from programs import program

import provenance
from provenance.cli import main
from provenance.errors import ExitCode, ProvenanceError
from provenance.explained import explained
from provenance.index import Index
from provenance.worker import Bounds

pytestmark = pytest.mark.skipif(
    sys.platform != "linux",
    reason="a fault can be put into a worker only where it is forked, and memory be bounded",
)

MARK = "evil_mark"
SECONDS, MEGABYTES = {"slow": 5, "hungry": 100}, 400  # fine.py is to be done on any machine
SAID = {
    "slow": ("evil.py", f"took more than {SECONDS['slow']} seconds", "--timeout"),
    "hungry": ("evil.py", f"more memory was needed than {MEGABYTES} MB", "--memory"),
}


def limits(fault: str) -> Bounds:
    return Bounds(seconds=SECONDS[fault], memory=MEGABYTES * 10**6)


def options(fault: str) -> tuple[str, ...]:
    return ("--timeout", str(SECONDS[fault]), "--memory", str(MEGABYTES), "--jobs", "1")


@pytest.fixture(params=sorted(SAID))
def fault(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def strikes(fault: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts the fault into a function, where it works on a file with the mark."""

    def strike(place: str) -> None:
        module, _, name = place.rpartition(".")
        __import__(module)
        real = getattr(sys.modules[module], name)

        def struck(first: Any, *rest: Any, **named: Any) -> Any:
            content = getattr(first, "content", first)
            if MARK.encode() in content:
                if fault == "slow":
                    time.sleep(60)
                else:
                    bytearray(10**9)
            return real(first, *rest, **named)

        monkeypatch.setattr(sys.modules[module], name, struck)

    return strike


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    (folder / "reference").mkdir()
    for seed in range(3):
        (folder / "reference" / f"m{seed}.py").write_text(program(seed), "utf-8")
    provenance.build_index([str(folder / "reference")], folder / "i.db", baseline=False)
    return folder / "i.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of reference code, and another one with the mark."""
    made = tmp_path / "repo"
    made.mkdir()
    (made / "evil.py").write_text(program(1) + f"\n\n{MARK} = 1\n", "utf-8")
    (made / "fine.py").write_text(program(2) + "\n\nx = 1\n", "utf-8")
    return made


def check(report: provenance.Report, fault: str) -> None:
    assert [file.path for file in report.files] == ["fine.py"]
    assert {finding.suspect.path for finding in report.findings} == {"fine.py"}
    (told,) = report.skipped
    assert_said(f"{told.path}: {told.reason}", fault)


def assert_said(text: str, fault: str) -> None:
    for words in SAID[fault]:
        assert words in text


def test_scan(folder: Path, index: Path, fault: str, strikes: Callable[[str], None]) -> None:
    strikes("provenance.attribute.attribute")
    check(provenance.scan(str(folder), [index], limits=limits(fault)), fault)


def test_compare(folder: Path, index: Path, fault: str, strikes: Callable[[str], None]) -> None:
    strikes("provenance.attribute.attribute")
    reference = str(index.parent / "reference")
    check(provenance.compare(str(folder), reference, limits=limits(fault)), fault)


def test_compare_with(
    folder: Path, index: Path, fault: str, strikes: Callable[[str], None]
) -> None:
    """The other side of a comparison; there it is left out, as from an index."""
    strikes("provenance.indexing.of_cells")
    reference = str(index.parent / "reference")
    report = provenance.compare(reference, str(folder), limits=limits(fault))
    assert {finding.reference.path for finding in report.findings} == {"fine.py"}


@pytest.mark.parametrize("command", ["build", "add"])
def test_index(
    command: str,
    folder: Path,
    index: Path,
    fault: str,
    strikes: Callable[[str], None],
) -> None:
    strikes("provenance.indexing.of_cells")
    output = folder.parent / "o.db"
    words = ["build", str(folder), "-o", str(output)]
    if command == "add":
        output.write_bytes(index.read_bytes())
        words = ["add", str(output), str(folder)]
    ended = CliRunner().invoke(main, ["index", *words, *options(fault)])
    assert ended.exit_code == ExitCode.DONE, ended.output
    assert_said(ended.output, fault)
    with Index(output) as built:
        assert built.facts().counts["file"] == (1 if command == "build" else 4)


def test_audit(
    folder: Path,
    index: Path,
    fault: str,
    strikes: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was not looked at is no clean audit."""
    strikes("provenance.attribute.attribute")
    monkeypatch.chdir(folder)
    words = ["audit", "--no-default-index", "--index", str(index)]
    words += ["--output", "../audit.json"]
    ended = CliRunner().invoke(main, [*words, *options(fault)])
    assert ended.exit_code == ExitCode.NOT_COMPLETED, ended.output
    (told,) = json.loads(Path("../audit.json").read_text("utf-8"))["incomplete"]
    assert_said(told, fault)


@pytest.mark.parametrize("place", ["provenance.spread.spread", "provenance.explained.weigh"])
def test_explain(
    place: str, folder: Path, index: Path, fault: str, strikes: Callable[[str], None]
) -> None:
    """The file itself is what is asked for: it ends with an error."""
    strikes(place)
    against = "*m2" if place.endswith("weigh") else None
    with pytest.raises(ProvenanceError) as caught:
        explained(str(folder), "evil.py", [index], against=against, limits=limits(fault))
    assert_said(str(caught.value), fault)
    assert "fine.py" in explained(str(folder), "fine.py", [index], limits=limits(fault))
