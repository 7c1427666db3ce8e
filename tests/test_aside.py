"""What a killed process leaves beside an index is taken away by the next; what another one is
about is not."""

from __future__ import annotations

import errno
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from loaded import Loaded, loaded
from programs import program

import provenance
from provenance import IndexFileError, indexing
from provenance.aside import Aside, sweep, temporary
from provenance.index import Index
from provenance.indexing import merge_indexes
from provenance.worker import context_for

HELD = """
import sys, time
from pathlib import Path
from provenance.aside import Aside
aside = Aside(Path(sys.argv[1]))
(aside.path / "names").write_bytes(b"x" * 1000)
print(aside.path, flush=True)
time.sleep(600)
"""


@pytest.fixture
def sources(tmp_path: Path) -> str:
    (tmp_path / "birds").mkdir()
    for seed in range(2):
        (tmp_path / "birds" / f"m{seed}.py").write_text(program(seed), "utf-8")
    return str(tmp_path / "birds")


def _build(sources: str, path: Path) -> None:
    provenance.build_index([sources], path, baseline=False)


def _add(sources: str, path: Path) -> None:
    provenance.build_index([sources], path, baseline=False, extend=True)


def _merge(sources: str, path: Path) -> None:
    merge_indexes([path], path)


class _Kept(io.FileIO):
    """An open file of NFS or FUSE: taken away, it stands there by another name until it is
    closed."""

    def close(self) -> None:
        """Close it, and let its other name go."""
        super().close()
        Path(f"{self.name!s}.kept").unlink(missing_ok=True)


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
def test_nothing_is_left_where_what_is_open_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each index that was built left a hidden folder there."""
    usual = os.unlink

    def unlink(path: Any, *, dir_fd: int | None = None) -> None:
        if os.path.basename(path) == "lock":
            os.rename(path, f"{path}.kept", src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        else:
            usual(path, dir_fd=dir_fd)

    monkeypatch.setattr("provenance.aside.open", _Kept, raising=False)
    aside = Aside(tmp_path / "i.db")
    (aside.path / "names").write_bytes(b"x")
    monkeypatch.setattr(os, "unlink", unlink)
    aside.close()
    assert not list(tmp_path.iterdir())
    left = Aside(tmp_path / "i.db")
    left._lock.close()
    sweep(tmp_path / "i.db")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
def test_where_there_are_no_locks_nothing_is_left(
    sources: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems have none; a folder stayed beside the index for good."""

    def none(_: object) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("provenance.aside._is_ours", none)
    with pytest.raises(IndexFileError, match="No locks available"):
        _build(sources, tmp_path / "out.db")
    assert [path.name for path in tmp_path.iterdir()] == ["birds"]


@pytest.mark.parametrize("run", [_build, _add, _merge])
def test_what_a_killed_one_left_is_taken_away_and_what_another_holds_is_not(
    run: Callable[[str, Path], None], sources: str, tmp_path: Path
) -> None:
    path = tmp_path / "out.db"
    _build(sources, path)
    command = [sys.executable, "-c", HELD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        run(sources, path)
        assert (left / "names").exists()  # it is alive
        process.kill()
    assert left.exists()
    run(sources, path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["birds", "out.db"]


def _adds_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
    sources: str,
    path: Path,
    runs: Sequence[Callable[[str, Path], None]] = (_add,),
) -> None:
    """While the next index is measured, somebody tries to add to one, and is told."""
    measured: Callable[..., str] = indexing.measured

    def meanwhile(index: Any) -> str:
        monkeypatch.undo()
        for run in runs:
            with pytest.raises(IndexFileError, match="another process adds to"):
                run(sources, path)
        return measured(index)

    monkeypatch.setattr(indexing, "measured", meanwhile)


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks that a process may look at")
def test_two_that_add_at_once_do_not_lose_the_work_of_one(
    sources: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second would put back the index as it was before the first: it says so instead."""
    path, other = tmp_path / "out.db", tmp_path / "fish"
    provenance.build_index([sources], path)
    other.mkdir()
    (other / "m.py").write_text(program(7), "utf-8")
    measured = indexing.measured
    _adds_meanwhile(monkeypatch, sources, path)
    provenance.build_index([str(other)], path, extend=True)
    assert indexing.measured is measured
    with Index(path) as index:
        assert {one.package for one in index.releases.values()} == {"birds", "fish"}
    _add(sources, path)
    with Index(path) as index:
        assert {one.package for one in index.releases.values()} == {"birds", "fish"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks that a process may look at")
def test_what_is_joined_onto_itself_is_not_added_to_meanwhile(
    sources: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ended with 0, and what was added was not there."""
    path, other = tmp_path / "out.db", tmp_path / "other.db"
    provenance.build_index([sources], path)
    (tmp_path / "m.py").write_text(program(7), "utf-8")
    provenance.build_index([str(tmp_path / "m.py")], other)
    measured = indexing.measured
    _adds_meanwhile(monkeypatch, str(tmp_path / "m.py"), path)
    merge_indexes([other, path], path)
    assert indexing.measured is measured


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks that a process may look at")
@pytest.mark.parametrize("by", ["itself", "a hard link", "a link to its folder", "another way"])
@pytest.mark.parametrize(
    ("first", "held"), [(_build, {"fish"}), (_add, {"birds", "fish"}), (_merge, {"birds"})]
)
def test_one_index_is_written_by_one_alone_whatever_it_is_called(
    first: Callable[[str, Path], None],
    held: set[str],
    by: str,
    sources: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who built it anew took away what was added meanwhile, or was undone by it; both ended with
    0."""
    path, other = tmp_path / "out.db", tmp_path / "fish"
    provenance.build_index([sources], path)
    other.mkdir()
    (other / "m.py").write_text(program(7), "utf-8")
    if by == "a hard link":
        (tmp_path / "same.db").hardlink_to(path)
    (tmp_path / "linked").symlink_to(tmp_path, target_is_directory=True)
    named = {
        "itself": path,
        "a hard link": tmp_path / "same.db",
        "a link to its folder": tmp_path / "linked" / "out.db",
        "another way": tmp_path / "fish" / ".." / "out.db",
    }[by]
    runs = (_add, _build, _merge)
    _adds_meanwhile(monkeypatch, str(other), named, runs)
    if first is _merge:
        first("", path)
    else:
        provenance.build_index([str(other)], path, extend=first is _add)
    with Index(path) as index:
        assert {one.package for one in index.releases.values()} == held


def test_an_error_leaves_nothing(sources: str, tmp_path: Path) -> None:
    path = tmp_path / "out.db"
    _build(sources, path)
    (tmp_path / "bad.db").write_bytes(path.read_bytes()[:-99])
    with pytest.raises(IndexFileError, match=r"bad\.db"):
        merge_indexes([path, tmp_path / "bad.db"], path)
    with pytest.raises(IndexFileError):
        _add(sources, tmp_path / "bad.db")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["bad.db", "birds", "out.db"]


@pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")
def test_an_index_goes_through_links_that_stay_and_to_no_loop_of_them(
    sources: str, tmp_path: Path
) -> None:
    """Python before 3.13 raises a RuntimeError for a loop, later ones give the link itself."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "linked.db").symlink_to("elsewhere/real.db")
    indexing.build_index([sources], tmp_path / "linked.db")
    assert (tmp_path / "linked.db").is_symlink()
    (tmp_path / "loop.db").symlink_to("loop.db")
    with pytest.raises(IndexFileError, match=r"loop\.db: the index could not be written"):
        indexing.build_index([sources], tmp_path / "loop.db")
    with pytest.raises(IndexFileError, match=r"loop\.db: the index could not be written"):
        merge_indexes([tmp_path / "linked.db"], tmp_path / "loop.db")
    assert (tmp_path / "loop.db").is_symlink()
    assert [one.name for one in (tmp_path / "elsewhere").iterdir()] == ["real.db"]
    assert not list(tmp_path.glob(".*"))


def test_only_its_own_folders_are_taken_away(tmp_path: Path) -> None:
    """No file, no link, nothing that is in use, nothing of another name; one that was begun and
    has no lock yet only if nothing is in it."""
    (tmp_path / ".a.db.x.part").mkdir()
    (tmp_path / ".a.db.y.part").mkdir()
    (tmp_path / ".a.db.y.part" / "mine").touch()
    (tmp_path / ".a.db.1.part").touch()
    (tmp_path / ".b.db.x.part").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "lock").touch()
    (tmp_path / ".a.db.z.part").symlink_to(tmp_path / "kept", target_is_directory=True)
    one, other = Aside(tmp_path / "a.db"), Aside(tmp_path / "a.db")
    sweep(tmp_path / "a.db")
    assert one.path.exists()
    assert other.path.exists()
    one.close()
    other.close()
    names = sorted(one.name for one in tmp_path.iterdir())
    assert names == [".a.db.1.part", ".a.db.y.part", ".a.db.z.part", ".b.db.x.part", "kept"]
    assert (tmp_path / "kept" / "lock").exists()


def test_a_folder_that_is_swept_before_it_is_held_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that start at the same moment."""
    made: list[str] = []
    make = tempfile.mkdtemp

    def swept_at_once(*words: Any) -> str:
        made.append(make(*words))
        if len(made) == 1:
            sweep(tmp_path / "a.db")
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", swept_at_once)
    held = Aside(tmp_path / "a.db")
    assert len(made) == 2
    assert held.path == Path(made[1])
    held.close()
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_could_not_be_read_again_is_not_written(
    sources: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is put in place, and it is said what to do."""
    monkeypatch.setattr("provenance.writing.LARGEST", 1_000)
    with pytest.raises(IndexFileError, match=r"on one page.*--exclude"):
        _build(sources, tmp_path / "out.db")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["birds"]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_a_pipe_as_a_lock_is_not_waited_for(sources: str, tmp_path: Path) -> None:
    """An archive that was unpacked may hold one."""
    left = tmp_path / ".i.db.x.part"
    left.mkdir()
    os.mkfifo(left / "lock")
    _build(sources, tmp_path / "i.db")
    assert (tmp_path / "i.db").is_file()


CUT = """
import shutil, signal, tempfile
make, remove = tempfile.mkdtemp, shutil.rmtree
where, left = {!r}, [{}]

def cut():
    left[0] -= 1
    if left[0] == 0:
        signal.raise_signal(signal.SIGTERM)

def made(*arguments, **named):
    place = make(*arguments, **named)
    if where == "made":
        cut()
    return place

def removed(*arguments, **named):
    if where == "removed":
        cut()
    remove(*arguments, **named)

tempfile.mkdtemp, shutil.rmtree = made, removed
"""


@pytest.fixture(scope="module")
def starts() -> Iterator[Loaded]:
    with loaded() as starting:
        yield starting


def _cut(
    starts: Loaded, where: str, number: int, words: Sequence[str], folder: Path, **more: str
) -> None:
    """Run a command that is told to end then, and says so, once."""
    told = folder / "told"
    started = starts.start(words, errors=told, first=CUT.format(where, number), more=more)
    assert (started.wait(), told.read_text().count("interrupted")) == (3, 1), told.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("where", ["made", "removed"])
def test_who_is_told_to_end_while_a_folder_is_made_or_removed_leaves_none(
    where: str, number: int, sources: str, tmp_path: Path, starts: Loaded
) -> None:
    """Of the folders of ``compare``: its own, and twice one beside its index."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    words = ["compare", sources, sources]
    _cut(starts, where, number, words, tmp_path, TMPDIR=str(temporary), COLUMNS="80")
    assert not list(temporary.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("where", ["made", "removed"])
def test_who_is_told_to_end_while_a_folder_beside_an_index_is_made_or_removed_leaves_none(
    where: str, number: int, sources: str, tmp_path: Path, starts: Loaded
) -> None:
    """That to see whether one can be made, and that of the work."""
    (tmp_path / "out").mkdir()
    words = ["index", "build", sources, "-o", str(tmp_path / "out" / "i.db")]
    _cut(starts, where, number, words, tmp_path)
    assert {one.name for one in (tmp_path / "out").iterdir()} <= {"i.db"}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
@pytest.mark.parametrize("where", ["made", "removed"])
@pytest.mark.parametrize("words", [["scan"], ["audit", "--diff", "HEAD"]])
def test_who_is_told_to_end_while_a_folder_of_git_is_made_or_removed_leaves_none(
    where: str, words: list[str], sources: str, tmp_path: Path, starts: Loaded
) -> None:
    _build(sources, tmp_path / "i.db")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    git = ["git", "-C", sources, "-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *arguments], check=True)
    Path(sources, "m2.py").write_text(program(0), "utf-8")
    line = [*words, sources, "--index", str(tmp_path / "i.db"), "--no-default-index", "--no-cache"]
    _cut(starts, where, 1, line, tmp_path, TMPDIR=str(temporary))
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(
    ("stage", "error", "said"),
    [
        ("merge._Merge.number", ValueError("a page that is none"), "found a damaged index"),
        ("writing.seal", OSError(errno.ENOSPC, "full"), "the index could not be written"),
    ],
)
def test_what_is_added_to_is_named(
    sources: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    error: Exception,
    said: str,
) -> None:
    """Not a temporary file of ours, in which what is added stands."""
    path = tmp_path / "index.db"
    _build(sources, path)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "m.py").write_text(program(9), "utf-8")

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(f"provenance.{stage}", fails)
    with pytest.raises(IndexFileError) as raised:
        _add(str(tmp_path / "more"), path)
    assert str(raised.value).startswith(f"{path}: {said}")
    if isinstance(error, OSError):  # SQLite writes it there once more
        assert "room in that of temporary files (TMPDIR" in str(raised.value)


@pytest.mark.skipif(sys.platform == "win32", reason="other folders")
def test_no_working_folder_is_one_of_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python takes it where no other can be written, and it may be what is scanned."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "access", lambda place, _: place == str(tmp_path))
    for named in ("", str(tmp_path / "nothing")):
        for name in ("TMPDIR", "TEMP", "TMP"):
            monkeypatch.setenv(name, named)
        with pytest.raises(OSError, match="name one in TMPDIR"), temporary("x-"):
            pass
        assert not list(tmp_path.iterdir())
        assert context_for(2).get_start_method() == "spawn", "which needs none"
    monkeypatch.setenv("TMPDIR", ".")  # whoever names it wants it
    with temporary("x-") as place:
        assert Path(place).parent == tmp_path
