"""The cache: the same bytes with and without it, whatever is wrong with it."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from programs import program, renamed

import provenance
from provenance import cache
from provenance.cache import Cache, context
from provenance.model import FileResult, SourceFile
from provenance.notices import MARK
from provenance.report.json import json_report
from provenance.scanning import scan
from provenance.sides import reference_texts

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    (folder / "birds").mkdir()
    for seed in range(3):
        (folder / "birds" / f"m{seed}.py").write_text(program(seed))
    path = folder / "birds.db"
    provenance.build_index([str(folder / "birds")], path, date="2025-01-02", license="MIT")
    return path


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Copies renamed, as they are and in part, own code, and a file that cannot be read."""
    folder = tmp_path / "mine"
    (folder / "more").mkdir(parents=True)
    (folder / "copy.py").write_text(renamed(program(0)))
    (folder / "same.py").write_text(program(1))
    (folder / "more" / "both.py").write_text(program(2) + "\n\n" + renamed(program(0)))
    (folder / "own.py").write_text(program(77))
    (folder / "broken.py").write_text("def f(:\n" + program(2))
    (folder / "bad.py").write_bytes(b"\xff\xfe\x00")
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the files that were parsed."""
    seen: list[str] = []
    from provenance import scanning

    work = scanning.outcomes

    def explained(files: list[SourceFile], *rest: object) -> object:
        seen.extend(file.path for file in files)
        return work(files, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(scanning, "outcomes", explained)
    return seen


def test_the_result_does_not_depend_on_it(mine: Path, index: Path, asked: list[str]) -> None:
    """Not on what it holds, nor on how files were put together when it was written."""
    cache = str(mine.parent / "cache" / "results.db")
    without = json_report(scan(str(mine), [index]))
    asked.clear()
    assert (
        json_report(scan(str(mine), [index], include=["copy.py"], cache=cache, jobs=0)) != without
    )
    assert asked == ["copy.py"]
    asked.clear()
    assert json_report(scan(str(mine), [index], cache=cache, jobs=0)) == without
    assert asked == ["broken.py", "more/both.py", "own.py", "same.py"]
    asked.clear()
    assert json_report(scan(str(mine), [index], cache=cache, jobs=0)) == without
    assert json_report(scan(str(mine), [index], cache=cache, jobs=2)) == without
    assert asked == []


def test_whatever_decides_a_result_is_part_of_the_key(
    mine: Path, index: Path, asked: list[str]
) -> None:
    """Content, path, index, and what is hidden of it; and the bytes that the index is."""
    cache = str(mine.parent / "results.db")

    def parsed(*indexes: Path, **more: object) -> set[str]:
        asked.clear()
        with_it = scan(str(mine), indexes or [index], cache=cache, jobs=0, **more)  # type: ignore[arg-type]
        found = set(asked)
        assert with_it == scan(str(mine), indexes or [index], **more)  # type: ignore[arg-type]
        return found

    everything = {"broken.py", "copy.py", "more/both.py", "own.py", "same.py"}
    assert parsed() == everything
    assert parsed() == set()
    assert parsed(as_of="2024-01-01") == everything
    assert parsed(exclude_origin=["birds/m0"]) == everything
    assert parsed(suspect_date="2026-01-01") == set(), "days are told after it"
    (mine / "own.py").write_text(program(78))
    assert parsed() == {"own.py"}
    (mine / "own.py").rename(mine / "new.py")
    assert parsed() == {"new.py"}
    moved = mine.parent / "elsewhere" / index.name
    moved.parent.mkdir()
    moved.write_bytes(index.read_bytes())
    assert parsed(moved) == set(), "the same bytes"
    (mine / "NOTICE").write_text("The code of birds/m0 is by somebody.\n")
    found_in = everything - {"own.py"}  # only what is found can be declared there
    assert parsed() == found_in
    assert parsed() == set()
    (mine / "NOTICE").unlink()
    assert parsed() == set()
    other = mine.parent / "other.db"
    provenance.build_index([str(index.parent / "birds" / "m0.py")], other, date="2025-01-02")
    assert parsed(other) == everything - {"own.py"} | {"new.py"}
    assert parsed(index, other) == everything - {"own.py"} | {"new.py"}


def test_the_code_of_the_package_is_part_of_the_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another version never gets the answers of this one."""
    before = context([("a", "b")], 1)
    assert context([("a", "b")], 1) == before
    assert context([("a", "c")], 1) != before
    assert context([("a", "b")], 2) != before
    (tmp_path / "model.py").write_text("changed")
    monkeypatch.setattr("provenance.cache.__file__", str(tmp_path / "cache.py"))
    assert context([("a", "b")], 1) != before


# --- what is wrong with it ----------------------------------------------------------------


def result(path: str) -> tuple[SourceFile, FileResult]:
    file = SourceFile(path, b"", "0" * 64)
    return file, FileResult(path, file.sha256, 3, 1, 0.1, (), 0.1, 0.9, ())


def test_what_is_damaged_is_ignored_and_written_again(
    mine: Path, index: Path, asked: list[str]
) -> None:
    """A changed value, a torn file, text, another database, an empty one."""
    path = mine.parent / "results.db"
    without = scan(str(mine), [index])
    scan(str(mine), [index], cache=str(path))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE entry SET value = substr(value, 1, 40) || x'00'")
    database.close()
    whole = path.read_bytes()

    def changed(what: str) -> None:
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("PRAGMA ignore_check_constraints = 1")
            database.execute(f"UPDATE OR IGNORE entry SET {what}")
        database.close()

    def other() -> None:
        path.unlink()
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("PRAGMA user_version = 1")
            database.execute("CREATE TABLE entry (other)")
        database.close()

    damages: list[Callable[[], object]] = [
        lambda: None,
        lambda: path.write_bytes(whole[: len(whole) // 2]),
        lambda: path.write_bytes(b"not a database, " * 500),
        lambda: path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100)),
        lambda: path.write_bytes(b""),
        other,
        lambda: changed("run = 'x'"),
        lambda: changed("value = NULL"),
        lambda: changed("value = 3"),
        lambda: changed("run = 9223372036854775807"),
    ]
    for damage in damages:
        damage()
        for _ in range(2):  # damage seen while reading is mended by the next scan
            assert scan(str(mine), [index], cache=str(path)) == without
        asked.clear()
        assert scan(str(mine), [index], cache=str(path)) == without
        assert asked == []


def test_an_entry_of_another_file_is_not_taken(tmp_path: Path) -> None:
    """The checksum is over the key too."""
    path = str(tmp_path / "results.db")
    first, found = result("a.py")
    second, _ = result("b.py")
    cache = Cache(path, "x", "y")
    cache.keep(first, (found, ()))
    cache.keep(second, (replace(found, path="b.py"), ()))
    cache.close()
    with closing(sqlite3.connect(path)) as database, database:
        values = [row[0] for row in database.execute("SELECT value FROM entry ORDER BY rowid")]
        keys = [row[0] for row in database.execute("SELECT key FROM entry ORDER BY rowid")]
        for key, value in zip(keys, reversed(values), strict=True):
            database.execute("UPDATE entry SET value = ? WHERE key = ?", (value, key))
    database.close()
    cache = Cache(path, "x", "y")
    assert cache.recall(first) is None
    cache.close()


def test_a_place_that_cannot_be_written_costs_nothing_but_time(mine: Path, index: Path) -> None:
    """A file where a folder should be; a folder where the file should be."""
    without = scan(str(mine), [index])
    (mine.parent / "file").write_text("")
    (mine.parent / "folder").mkdir()
    for path in ("file/results.db", "folder"):
        assert scan(str(mine), [index], cache=str(mine.parent / path)) == without
    assert (mine.parent / "file").read_text() == ""


def test_a_locked_one_is_done_without(
    mine: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is still whole afterwards."""
    monkeypatch.setattr("provenance.cache._WAIT_SECONDS", 0.1)
    path = str(mine.parent / "results.db")
    without = scan(str(mine), [index], cache=path)
    with closing(sqlite3.connect(path, isolation_level=None)) as database, database:
        database.execute("BEGIN EXCLUSIVE")
        assert scan(str(mine), [index], cache=path) == without
        database.execute("ROLLBACK")
    database.close()
    assert scan(str(mine), [index], cache=path) == without


def test_its_size_is_bounded_and_what_was_long_not_asked_for_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provenance.cache._RUNS", 2)
    noise = random.Random(1)
    path = str(tmp_path / "results.db")
    names = [f"{number}.py" for number in range(60)]
    for run in range(60):
        cache = Cache(path, "x", "y", most_bytes=40_000)
        file, found = result(names[run])
        text = f"{noise.getrandbits(12_000):x}"
        cache.keep(file, (replace(found, sha256=text), ()))
        always, one = result("always.py")
        if cache.recall(always) is None:
            cache.keep(always, (one, ()))
        cache.close()
    assert os.path.getsize(path) < 80_000
    cache = Cache(path, "x", "y")
    held = [name for name in names if cache.recall(result(name)[0]) is not None]
    assert held
    assert held == names[-len(held) :]
    assert cache.recall(result("always.py")[0]) is not None, "it was asked for all the time"
    cache.close()


def test_several_processes_may_use_it_at_once(mine: Path, index: Path) -> None:
    """Each gets the right answer, and all of it is there afterwards."""
    path = mine.parent / "results.db"
    code = (
        "import sys\n"
        "from provenance.scanning import scan\n"
        "from provenance.report.json import json_report\n"
        "for _ in range(4):\n"
        "    text = json_report(scan(sys.argv[1], [sys.argv[2]], cache=sys.argv[3]))\n"
        "print(text, end='')\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(mine), str(index), str(path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    texts = {process.communicate()[0] for process in running}
    assert all(process.returncode == 0 for process in running)
    assert texts == {json_report(scan(str(mine), [index]))}
    with closing(sqlite3.connect(path)) as database, database:
        assert database.execute("SELECT count(*) FROM entry").fetchone() == (5,)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_the_command_uses_it_unless_told_not_to(
    mine: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from provenance.cli import main

    monkeypatch.delenv("PROVENANCE_NO_CACHE")
    monkeypatch.setenv("PROVENANCE_CACHE", str(tmp_path / "cache"))
    command = ["scan", str(mine), "--no-default-index", "--index", str(index)]
    CliRunner().invoke(main, [*command, "--no-cache"])
    assert not (tmp_path / "cache").exists()
    first = CliRunner().invoke(main, command).output
    assert (tmp_path / "cache" / "results.db").exists()
    assert CliRunner().invoke(main, command).output == first


@pytest.mark.parametrize("name", ["mark.py", "references/first_days.csv"])
def test_another_line_of_code_or_of_what_it_reads_is_another_context(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later version of the package asks for none of an earlier one's results."""
    root = Path(cache.__file__).parent
    for path in [*root.rglob("*.py"), *root.rglob("*.csv")]:
        copy = tmp_path / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    before = cache.context([])
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "cache.py"))
    assert cache.context([]) == before
    with (tmp_path / name).open("a", encoding="utf-8") as changed:
        changed.write("\n")
    assert cache.context([]) != before


@pytest.mark.parametrize("small", [True, False])
def test_an_index_that_was_moved_is_known_by_its_bytes(
    small: bool, mine: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large one, whose bytes take long, is another one elsewhere."""
    monkeypatch.setattr(cache, "_SMALL_INDEX", 20_000_000 if small else 0)
    moved = tmp_path / index.name
    moved.write_bytes(index.read_bytes())
    assert (cache.file_of(str(moved)) == cache.file_of(str(index))) is small
    kept = str(tmp_path / "results.db")
    first = scan(str(mine), [index], cache=kept)
    if small:
        monkeypatch.setattr("provenance.scanning._scan_batch", None)  # nothing is asked anew
    assert scan(str(mine), [moved], cache=kept) == first


def test_an_index_that_states_the_checksum_of_another_decides_nothing_of_it(
    mine: Path, index: Path, tmp_path: Path
) -> None:
    """A branch that brings such an index, under the same name, would have a later scan find
    nothing: it kept so under the name and checksum of the right one."""
    from provenance.checksum import opening_rows, opening_sum
    from provenance.index import Index

    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "x.py").write_text("def f(a):\n    return a\n")
    forged = tmp_path / "forged" / index.name
    forged.parent.mkdir()
    provenance.build_index([str(tmp_path / "empty")], forged, date="2025-01-01", jobs=0)
    with Index(index) as right, closing(sqlite3.connect(forged)) as database, database:
        value = f'"{right.checksum}"'
        database.execute("UPDATE meta SET value = ? WHERE key = 'checksum'", (value,))
        rows = opening_sum(*opening_rows(database))
        database.execute("UPDATE meta SET value = ? WHERE key = 'rows'", (str(rows),))
    database.close()
    kept = str(tmp_path / "results.db")
    assert not scan(str(mine), [forged], cache=kept).findings
    assert scan(str(mine), [index], cache=kept) == scan(str(mine), [index])


def test_what_is_scanned_brings_no_cache(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its folder, nor the repository around it, nor a link to there."""
    monkeypatch.setenv("PROVENANCE_CACHE", str(tmp_path / "cache"))
    usual = os.path.realpath(tmp_path / "cache" / "results.db")
    assert cache.place(str(mine)) == usual
    assert cache.place(str(mine / "own.py")) == usual
    assert cache.place("pypi:some==1.0") == usual
    assert cache.place(str(tmp_path)) is None
    (tmp_path / ".git").mkdir()
    assert cache.place(str(mine)) is None
    assert cache.place(str(mine / "own.py")) is None
    (tmp_path / ".git").rmdir()
    for inside in (mine / "cache", mine, f"/{mine}", f"{mine}/../mine/./cache"):
        monkeypatch.setenv("PROVENANCE_CACHE", str(inside))
        assert cache.place(str(mine)) is None
    if os.name == "nt":
        return
    (mine / "link").symlink_to(tmp_path / "cache")
    monkeypatch.setenv("PROVENANCE_CACHE", str(mine / "link" / "more"))
    assert cache.place(str(mine)) is None, "it was written through"
    (tmp_path / "other").symlink_to(f"/{mine}/link")
    monkeypatch.setenv("PROVENANCE_CACHE", str(tmp_path / "other" / "more"))
    assert cache.place(str(mine)) is None, "nor by a link to one"
    (mine / "loop").symlink_to("loop")
    monkeypatch.setenv("PROVENANCE_CACHE", str(mine / "loop" / "more"))
    assert cache.place(str(mine)) is None
    monkeypatch.setenv("PROVENANCE_CACHE", str(mine / "link" / "more"))
    assert cache.place(str(tmp_path / "else")) == str(Path(usual).parent / "more" / "results.db")


def test_what_is_scanned_brings_no_cache_by_another_case(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every file system tells case apart, and not every one of those says what is the same."""
    for place in (mine.with_name("MINE"), mine.with_name("Mine") / "cache"):
        monkeypatch.setenv("PROVENANCE_CACHE", str(place))
        assert cache.place(str(mine)) is None


@pytest.mark.skipif(shutil.which("unshare") is None, reason="mounts are those of Linux")
def test_what_is_scanned_brings_no_cache_by_a_mount(mine: Path, tmp_path: Path) -> None:
    """A container may be given the checkout, and a folder of that as its cache."""
    (mine / "of ours" / "cache").mkdir(parents=True)
    for name in ("by itself", "whole", "other"):
        (tmp_path / name).mkdir()
    code = "import os, sys; from provenance import cache\n"
    code += "for at in sys.argv[2:]:\n    os.environ['PROVENANCE_CACHE'] = at\n"
    code += "    print(cache.place(sys.argv[1]) is None)\n"

    def unused(*places: Path) -> list[bool]:
        mounts = 'mount --bind "$2/of ours" "$1/by itself" && mount --bind "$2" "$1/whole"'
        done = subprocess.run(
            [
                *("unshare", "-rm", "sh", "-c", f'{mounts} && shift 2 && exec "$@"', "sh"),
                *map(str, (tmp_path, mine, sys.executable, "-c", code, *places)),
            ],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(provenance.__file__).parents[1])},
        )
        if done.returncode and "Traceback" not in done.stderr:
            pytest.skip("nothing may be mounted here")
        return [said == "True" for said in done.stdout.split()]

    within, whole = tmp_path / "by itself" / "cache", tmp_path / "whole"
    assert unused(mine, within, tmp_path / "by itself", whole) == [True, True, True]
    assert unused(whole, within, whole / "of ours", mine / "of ours") == [True, True, True]
    assert unused(mine, tmp_path / "other", tmp_path) == [False, False]
    assert unused(whole, tmp_path / "other", tmp_path) == [False, False]


def test_what_is_scanned_brings_no_reference_texts(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stood in its cache folder was quoted as the reference."""
    wheel = tmp_path / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("demo-1.0.dist-info/METADATA", "Name: demo\nVersion: 1.0\n")
        archive.writestr("demo/theirs.py", program(0))
    provenance.build_index([str(wheel)], tmp_path / "demo.db")
    report = scan(str(mine), [tmp_path / "demo.db"])
    for folder, quoted in ((tmp_path / "cache", 1), (mine / "cache", 0)):
        monkeypatch.setenv("PROVENANCE_CACHE", str(folder))
        there = folder / "packages" / "demo" / "1.0"
        there.mkdir(parents=True)
        shutil.copy(wheel, there)
        digest = sha256(wheel.read_bytes()).hexdigest()
        (there / f"{wheel.name}.sha256").write_text(f"{digest}  {wheel.name}\n")
        assert len(reference_texts(report)) == quoted
        if os.name != "nt":
            assert len(reference_texts(report, scanned=f"/{mine}")) == quoted


def test_it_is_hit_in_whatever_order_python_has_sets(
    mine: Path, index: Path, tmp_path: Path
) -> None:
    """What our notices list is one, and no process found what another one had kept."""
    names = [f"- f{number}.py, lines 1-2: m0.py\n" for number in range(9)]
    (mine / "NOTICE").write_text(f"{MARK}\n\n## birds, MIT\n\n{''.join(names)}")
    kept: set[int] = set()
    for seed in "123":
        more = {"PYTHONHASHSEED": seed, "PROVENANCE_CACHE": str(tmp_path / "cache")}
        command = ["scan", str(mine), "--no-default-index", "--index", str(index)]
        subprocess.run(
            [sys.executable, "-m", "provenance", *command],
            env={**{k: v for k, v in os.environ.items() if k != "PROVENANCE_NO_CACHE"}, **more},
            check=True,
            capture_output=True,
        )
        with closing(sqlite3.connect(tmp_path / "cache" / "results.db")) as database:
            kept |= {*database.execute("SELECT count(*) FROM entry").fetchone()}
    assert len(kept) == 1


@pytest.mark.parametrize("jobs", [0, 1])
def test_an_index_that_is_replaced_during_a_scan_answers_for_no_other(
    mine: Path, index: Path, tmp_path: Path, jobs: int
) -> None:
    other, used, kept = tmp_path / "other.db", tmp_path / "used.db", str(tmp_path / "results.db")
    (tmp_path / "fish.py").write_text(program(5))
    provenance.build_index([str(tmp_path / "fish.py")], other, date="2025-01-02", license="MIT")
    used.write_bytes(index.read_bytes())
    before = json_report(scan(mine, [used]))

    def replaced(_done: int, _total: int) -> None:
        (tmp_path / "new").write_bytes(other.read_bytes())
        os.replace(tmp_path / "new", used)

    with pytest.raises(provenance.IndexFileError, match="replaced meanwhile"):
        scan(mine, [used], cache=kept, jobs=jobs, progress=replaced)
    used.write_bytes(index.read_bytes())
    assert json_report(scan(mine, [used], cache=kept)) == before
