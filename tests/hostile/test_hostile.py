"""Bad inputs: bounded time and memory, a clear word for each, and the rest of the work done."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from loaded import Loaded, loaded
from programs import program

import provenance
from hostile.corpus import MAKERS, TARS, ZIPS, Fates, tars, zips
from provenance.decode import shown as shown_path
from provenance.errors import ExitCode

FILES = int(os.environ.get("PROVENANCE_FILES", "3000"))
"""In one folder: PROVENANCE_FILES=100000 for the whole of it."""
MEGABYTES = 900
"""What one scan of bad input may take."""
HANGS = 1_200
"""Seconds after which a scan that does not end is given up."""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    reference = folder / "reference"
    reference.mkdir()
    for seed in range(3):
        (reference / f"m{seed}.py").write_text(program(seed), "utf-8")
    provenance.build_index([str(reference)], folder / "reference.db", baseline=False)
    return folder / "reference.db"


@pytest.fixture(scope="module")
def starts() -> Iterator[Loaded]:
    with loaded() as starting:
        yield starting


Scan = Callable[..., tuple[int, dict[str, object], str]]


@pytest.fixture
def scanned(starts: Loaded, index: Path) -> Scan:
    """Scans in a process of its own, held to bounds: exit code, JSON, what it told the user."""

    def scan(source: Path, *more: str) -> tuple[int, dict[str, object], str]:
        words = ["scan", str(source), "--no-default-index", "--index", str(index)]
        words += ["--format", "json", "--timeout", str(HANGS), *more]
        output, errors = source.parent / "out.json", source.parent / "errors.txt"
        started = starts.start(words, output, errors)
        peak, ended = [0], threading.Event()

        def watch() -> None:
            with suppress(psutil.Error):  # it has just ended
                process = psutil.Process(started.pid)
                while not ended.wait(0.05):
                    peak[0] = max(peak[0], process.memory_info().rss)

        late, watching = threading.Timer(HANGS, started.kill), threading.Thread(target=watch)
        late.start()
        watching.start()
        code = started.wait()
        ended.set()
        late.cancel()
        watching.join()
        assert peak[0] / 1e6 < MEGABYTES
        told = errors.read_text("utf-8", "replace")
        assert "Traceback" not in told
        text = output.read_text("utf-8")
        return code, json.loads(text) if text else {}, told

    return scan


def check(report: dict[str, object], fates: Fates) -> None:
    """Each file is where it was to be, and told with what is to be done about it."""
    read = {file["path"] for file in report["files"]}  # type: ignore[attr-defined]
    told = {one["path"]: one["reason"] for one in report["skipped"]}  # type: ignore[attr-defined]
    for path, fate in fates.items():
        shown = shown_path(path)
        assert (shown in read) == (fate == "read"), path
        assert (shown in told) == (fate == "told"), path
        if fate == "told":
            assert len(told[shown]) > 20, path


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_bad_files_cost_nothing_but_themselves(name: str, tmp_path: Path, scanned: Scan) -> None:
    """Beside them a copy of reference code is found as ever."""
    folder = tmp_path / "repo"
    folder.mkdir()
    fates = MAKERS[name](folder)
    (folder / "copy_of_m1.py").write_text(program(1) + "\n\nx = 1\n", "utf-8")
    code, report, _ = scanned(folder, "--jobs", "2")
    assert code == ExitCode.DONE
    check(report, {**fates, "copy_of_m1.py": "read"})
    found = {one["suspect"]["path"] for one in report["findings"]}  # type: ignore[attr-defined]
    assert found == {"copy_of_m1.py"}


@pytest.mark.parametrize("name", ZIPS)
def test_bad_zips(name: str, tmp_path: Path, scanned: Scan) -> None:
    path = tmp_path / "bad.zip"
    path.write_bytes(zips()[name])
    _one_archive(path, scanned)


@pytest.mark.parametrize("name", TARS)
def test_bad_tars(name: str, tmp_path: Path, scanned: Scan) -> None:
    path = tmp_path / "bad.tar.gz"
    path.write_bytes(tars()[name])
    _one_archive(path, scanned)


def test_every_bad_archive_is_tried() -> None:
    assert (tuple(zips()), tuple(tars())) == (ZIPS, TARS)


def _one_archive(path: Path, scanned: Scan) -> None:
    """Read as far as it can be, or refused by name; and nothing is unpacked."""
    code, report, told = scanned(path)
    if code == ExitCode.DONE:
        read = {file["path"] for file in report["files"]}  # type: ignore[attr-defined]
        assert "good.py" in read
        assert not {name for name in read if ".." in name or name.startswith("/")}
    else:
        assert code == ExitCode.NOT_COMPLETED
        assert told.startswith("provenance: ")
        assert "bad." in told or "no Python file" in told
    assert {one.name for one in path.parent.iterdir()} == {path.name, "out.json", "errors.txt"}


def test_a_folder_of_very_many_files(tmp_path: Path, scanned: Scan) -> None:
    """Time and memory follow their number, and they are counted."""
    folder = tmp_path / "repo"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"m{number}.py").touch()
    code, report, _ = scanned(folder)
    assert code == ExitCode.DONE
    assert len(report["files"]) == FILES  # type: ignore[arg-type]


LISTED = [
    line.split(" | ")[-1].removesuffix(" |")
    for line in (Path(__file__).parent / "README.md").read_text("utf-8").splitlines()
    if line.startswith("| ")
][1:]


@pytest.mark.parametrize("place", LISTED)
def test_what_is_listed_is_tried(place: str) -> None:
    """Of every bad input in README.md the test is there, and has not been renamed."""
    module, _, name = place.partition(".")
    if module == "corpus":
        assert name in MAKERS
        return
    (path,) = Path(__file__).parent.parent.rglob(f"{module}.py")
    assert f"def {name}(" in path.read_text("utf-8")


def test_every_kind_of_bad_input_is_listed() -> None:
    assert {f"corpus.{name}" for name in MAKERS} <= set(LISTED)
