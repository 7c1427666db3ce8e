"""history: since when git has the scanned lines; and that a repository cannot make it run, follow
or believe anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from programs import program, renamed

import provenance
from provenance import git as git_module
from provenance import history as module
from provenance import repository as repository_module
from provenance.decode import Reason
from provenance.git import Program, ask
from provenance.history import History, Wanted, history, merged, read_porcelain
from provenance.model import LineDay
from provenance.repository import Repository
from provenance.verdict import directed

GIT = shutil.which("git")
pytestmark = pytest.mark.skipif(GIT is None, reason="no git")

ON_WINDOWS = sys.platform == "win32"


def git(folder: Path, *arguments: str, author: str = "", committer: str = "") -> str:
    """Run git as its user does, with our clocks."""
    assert GIT
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": author or "2024-05-01T12:00:00+0000",
        "GIT_COMMITTER_DATE": committer or author or "2024-05-01T12:00:00+0000",
    }
    for who in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{who}_NAME": "a", f"GIT_{who}_EMAIL": "a@example.invalid"}
    call = [GIT, "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", *arguments]
    ended = subprocess.run(
        call, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def repository(folder: Path, texts: Sequence[tuple[str, str, str]], name: str = "m.py") -> Path:
    """A repository with one file, committed again and again: (text, author's day, committer's)."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    for text, author, committer in texts:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8", newline="\n")
        git(folder, "add", "-A")
        clocks = [f"{day}T12:00:00+0000" for day in (author, committer)]
        git(folder, "commit", "-q", "-m", "x", author=clocks[0], committer=clocks[1])
    return folder


def wanted(root: Path, path: str = "m.py", first: int = 1, last: int = 0) -> list[Wanted]:
    data = (root / path).read_bytes()
    lines = data.count(b"\n")
    return [Wanted(path, sha256(data).hexdigest(), ((first, last or lines),))]


def days(found: History, path: str = "m.py") -> list[tuple[int, str, str]]:
    return [(n, one.authored, one.committed) for n, one in sorted(found.lines[path].items())]


FIRST, SECOND = "2023-02-03", "2024-03-04"
TEXT = "a = 1\nb = 2\nc = 3\n"


# --- what it says -------------------------------------------------------------------------


def test_each_line_has_the_days_of_its_commit_by_both_clocks(tmp_path: Path) -> None:
    """A line that is not committed has none; nor has a line that was not asked for."""
    root = repository(
        tmp_path / "r", [(TEXT, FIRST, FIRST), (TEXT + "d = 4\n", "2024-01-01", SECOND)]
    )
    (root / "m.py").write_text(TEXT + "d = 4\ne = 5\n")
    assert days(history(str(root), wanted(root, first=2))) == [
        (2, FIRST, FIRST),
        (3, FIRST, FIRST),
        (4, "2024-01-01", SECOND),
    ]


def test_layout_moves_and_new_names_of_files_keep_the_days(tmp_path: Path) -> None:
    """Blanks are not looked at, a renamed file is followed, and so is a moved block."""
    body = "".join(f"    total_{n} = measure_everything({n}, {n + 1})\n" for n in range(12))
    text = "def f():\n" + body
    root = repository(tmp_path / "r", [(text, FIRST, FIRST)])
    git(root, "mv", "m.py", "moved.py")
    (root / "moved.py").write_text("x = 1\n\n\nif x:\n" + text.replace("    ", "        "))
    git(root, "commit", "-qam", "x", author=f"{SECOND}T12:00:00+0000")
    found = days(history(str(root), wanted(root, "moved.py", first=6)), "moved.py")
    assert {day for _, day, _ in found} == {FIRST}


def test_a_copy_has_the_days_of_the_copy_unless_its_source_changed_with_it(tmp_path: Path) -> None:
    """As the README says, and every report of days of git."""
    body = "".join(f"total_{n} = measure_everything({n}, {n + 1})\n" for n in range(12))
    root = repository(tmp_path / "r", [(body, FIRST, FIRST)])
    for name, more in (("a.py", ""), ("b.py", "x = 1\n")):
        (root / name).write_text(body)
        (root / "m.py").write_text(body + more)
        git(root, "add", "-A")
        git(root, "commit", "-qm", "x", author=f"{SECOND}T12:00:00+0000")
    for name, day in (("a.py", SECOND), ("b.py", FIRST)):
        found = days(history(str(root), wanted(root, name)), name)
        assert {committed for _, _, committed in found} == {day}


def test_a_folder_inside_the_repository_and_a_single_file_have_days(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)], "inner/deep/m.py")
    for source in (root / "inner" / "deep", root / "inner" / "deep" / "m.py"):
        assert len(days(history(str(source), wanted(root / "inner" / "deep")))) == 3


def test_a_worktree_and_a_submodule_have_days(tmp_path: Path) -> None:
    """Their .git is a file; it is followed where the other side knows of it."""
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    git(root, "worktree", "add", "-q", str(tmp_path / "w"))
    assert len(days(history(str(tmp_path / "w"), wanted(tmp_path / "w")))) == 3
    outer = repository(tmp_path / "o", [(TEXT, SECOND, SECOND)])
    git(outer, "submodule", "--quiet", "add", str(root), "sub")
    assert days(history(str(outer / "sub"), wanted(outer / "sub")))[0] == (1, FIRST, FIRST)


@pytest.mark.parametrize("around", [True, False])
def test_a_repository_inside_of_what_is_scanned_has_days(around: bool, tmp_path: Path) -> None:
    """Wherever a scan begins: in a submodule, in the repository around it, or in a mere folder of
    several. What the one around has of a file comes first."""
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)], "deep/in/m.py")
    outer = tmp_path / "o"
    if around:
        repository(outer, [(TEXT, SECOND, SECOND)])
        git(outer, "submodule", "--quiet", "add", str(root), "libs/sub")
        (outer / "mine").mkdir()
        (outer / "mine" / "m.py").write_text(TEXT)
        git(outer, "add", "mine/m.py")
        git(outer, "commit", "-q", "-m", "x", author=f"{SECOND}T12:00:00+0000")
        git(outer / "mine", "init", "-q")
        git(outer / "mine", "add", "m.py")
        git(outer / "mine", "commit", "-q", "-m", "x", author=f"{FIRST}T12:00:00+0000")
    else:
        git(tmp_path, "clone", "-q", str(root), "o/libs/sub")
    path = "libs/sub/deep/in/m.py"
    asked = wanted(outer, path)
    if around:
        asked += wanted(outer, "mine/m.py")
    found = history(str(outer), asked)
    assert found.reason is None
    assert days(found, path) == [(line, FIRST, FIRST) for line in (1, 2, 3)]
    if around:
        assert days(found, "mine/m.py") == [(line, SECOND, SECOND) for line in (1, 2, 3)]


def test_very_many_repositories_inside_are_told_in_one_line(tmp_path: Path) -> None:
    """Those that are none, and none that is whole hides behind them."""
    asked = []
    for number in range(300):
        folder = tmp_path / f"d{number:03}"
        (folder / ".git").mkdir(parents=True)
        (folder / "m.py").write_text(TEXT)
        asked += wanted(tmp_path, f"d{number:03}/m.py")
    repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    found = history(str(tmp_path), [*asked, *wanted(tmp_path, "r/m.py")])
    assert found.reason == (
        "d000 and 299 more: found a .git without a folder of objects; clone the repository"
    )
    assert len(days(found, "r/m.py")) == 3


@pytest.mark.skipif(ON_WINDOWS, reason="needs links, and names that Windows refuses")
def test_a_link_to_a_file_and_a_name_that_cannot_be_printed(tmp_path: Path) -> None:
    """The first has the days of its target; the second none, and it is said why."""
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    (tmp_path / "link.py").symlink_to(root / "m.py")
    asked = [replace(one, path="link.py") for one in wanted(root)]
    assert len(days(history(str(tmp_path / "link.py"), asked), "link.py")) == 3
    odd = replace(asked[0], path="odd\\x07.py")
    found = history(str(root), [odd])
    assert found.lines == {}
    assert "rename it" in (found.reason or "")


@pytest.mark.parametrize("day", ["1980-01-01", "2016-01-01", "2020-02-02"])
def test_a_day_that_tools_of_archives_write_is_one_of_git(day: str, tmp_path: Path) -> None:
    """Somebody committed on it; only a clock that stood at nought says no day."""
    root = repository(tmp_path / "r", [(TEXT, day, day)])
    assert days(history(str(root), wanted(root))) == [(n, day, day) for n in (1, 2, 3)]


def test_packed_refs_and_a_detached_head_are_read(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    git(root, "pack-refs", "--all")
    git(root, "gc", "-q")
    assert len(days(history(str(root), wanted(root)))) == 3
    git(root, "checkout", "-q", "--detach")
    assert len(days(history(str(root), wanted(root)))) == 3


def test_a_shallow_history_says_that_lines_may_be_older(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST), (TEXT + "d = 4\n", SECOND, SECOND)])
    git(tmp_path, "clone", "-q", "--depth", "1", root.as_uri(), "s")
    found = history(str(tmp_path / "s"), wanted(tmp_path / "s"))
    assert {one.bounded for one in found.lines["m.py"].values()} == {True}
    whole = history(str(root), wanted(root))
    assert {one.bounded for one in whole.lines["m.py"].values()} == {False}


def test_what_is_in_no_repository_or_not_committed_has_no_day_and_no_reason(
    tmp_path: Path,
) -> None:
    (tmp_path / "m.py").write_text(TEXT)
    assert history(str(tmp_path), wanted(tmp_path)) == History({})
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    (root / "new.py").write_text(TEXT)
    assert history(str(root), wanted(root, "new.py")) == History({"new.py": {}})


def test_no_git_program_is_a_reason_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    monkeypatch.setenv("PATH", str(tmp_path))
    found = history(str(root), wanted(root))
    assert not found.lines
    assert found.reason is not None
    assert "no git program" in found.reason


@pytest.mark.skipif(ON_WINDOWS, reason="needs a shell script")
def test_a_git_program_of_the_repository_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one of a repository around it, nor another program by a git that is a script: CI puts
    folders of a checkout into PATH."""
    outer = repository(tmp_path / "o", [(TEXT, FIRST, FIRST)])
    root = repository(outer / "r", [(TEXT, FIRST, FIRST)])
    due = history(str(root), wanted(root))
    own = tmp_path / "bin"
    own.mkdir()
    for folder in (root / "bin", outer / "bin"):
        folder.mkdir()
        put = folder / "git"
        put.write_text(f"#!/bin/sh\ntouch '{tmp_path}/was-run'\n")
        put.chmod(0o755)
        shutil.copy(put, folder / "helper")
    (own / "git").symlink_to(outer / "bin" / "git")
    (tmp_path / "script").mkdir()
    script = tmp_path / "script" / "git"
    script.write_text(f"#!/bin/sh\nhelper\nexec '{shutil.which('git')}' \"$@\"\n")
    script.chmod(0o755)
    evil = tmp_path / "evil"
    shutil.copytree(root / "bin", evil)
    (root / "link").symlink_to(evil)
    (tmp_path / "alias").symlink_to(outer)
    path = [str(root / "bin"), str(outer / "bin"), str(own), str(root / "link")]
    path += [str(tmp_path / "alias" / "r" / "link"), str(script.parent), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    assert history(str(root), wanted(root)) == due
    assert due.lines
    assert not (tmp_path / "was-run").exists()


@pytest.mark.skipif(ON_WINDOWS, reason="needs a shell script")
def test_git_is_given_so_long_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    (tmp_path / "bin").mkdir()
    slow = tmp_path / "bin" / "git"
    slow.write_text("#!/bin/sh\nexec sleep 20\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(module, "SECONDS", 0.2)
    found = history(str(root), wanted(root))
    assert not found.lines
    assert "took longer" in (found.reason or "")


@pytest.mark.parametrize("lost", ["all", "one", "none"])
def test_too_few_threads_cost_no_more_days_than_they_must(
    lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that could not be started cost the days of all files, as did any fault of ours."""
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    for name in "bcde":
        (root / f"{name}.py").write_text(TEXT)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "x", author=f"{SECOND}T12:00:00+0000")
    asked = [wanted(root, f"{name}.py")[0] for name in "mbcde"]
    start, begun = threading.Thread.start, []

    def fails(thread: threading.Thread) -> None:
        begun.append(thread.name)
        pools = sum("ThreadPool" in name for name in begun)
        which = {
            "all": len(begun) == 1,
            "one": "(feed)" in thread.name and sum("(feed)" in name for name in begun) == 3,
            "none": "ThreadPool" in thread.name and pools > 1,
        }
        if which[lost]:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fails)
    found = history(str(root), asked, jobs=4)
    assert len(found.lines) == {"all": 0, "one": 4, "none": 5}[lost]
    assert ("can't start new thread" in (found.reason or "")) == (lost != "none")
    if lost == "one":
        assert (found.reason or "").startswith("1 of 5 files: ")


def test_a_fault_of_ours_is_no_want_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: object) -> None:
        raise RuntimeError("dictionary changed size during iteration")

    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    monkeypatch.setattr(module, "read_porcelain", faulty)
    with pytest.raises(RuntimeError, match="changed size"):
        history(str(root), wanted(root))


@pytest.mark.skipif(ON_WINDOWS, reason="needs a shell script")
@pytest.mark.parametrize("said", ["", f"{'a' * 40} 1 1 1\n\tone line"])
def test_a_git_that_does_not_say_all_is_told(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git ends with 0 where what it says to a pipe gets lost; the lines had no days, untold."""
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(f"#!/bin/sh\ncat >/dev/null\nprintf %s '{said}'\n")
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    found = history(str(root), wanted(root))
    assert not found.lines
    assert "could not read their history" in (found.reason or "")


def test_a_partial_clone_is_told_to_be_made_whole(tmp_path: Path) -> None:
    """Nothing is wrong with it that ``git fsck``, the only remedy once, would say."""
    texts = [(TEXT, FIRST, FIRST), (TEXT + "more = 1\n", SECOND, SECOND)]
    root, clone = repository(tmp_path / "r", texts), tmp_path / "clone"
    git(root, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", root.as_uri(), str(clone))
    found = history(str(clone), wanted(clone))
    assert not found.lines
    assert "clone it whole (no --filter)" in (found.reason or "")


def test_what_cannot_be_read_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects were told as links, a file as one that had changed."""
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    asked = wanted(root)
    (root / "m.py").unlink()
    assert "1 of 1 file: found a file that cannot be read" in str(history(str(root), asked).reason)

    def refused(_: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(repository_module, "_leads_out", refused)
    said = str(history(str(root), asked).reason)
    assert "objects of the repository that cannot be read (Permission denied)" in said
    assert "links" not in said


def test_days_stay_where_the_temporary_folder_does_not_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])

    def busy(*_: object, **__: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(os, "rmdir", busy)
    found = history(str(root), wanted(root))
    assert (found.reason, days(found)[0]) == (None, (1, FIRST, FIRST))


def test_a_file_that_changed_since_the_scan_is_said(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    asked = wanted(root)
    (root / "m.py").write_text("other = 1\n")
    assert "1 of 1 file: changed since" in (history(str(root), asked).reason or "")


def test_lines_that_git_takes_for_one_are_said(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", [(TEXT.replace("\n", "\r"), FIRST, FIRST)])
    found = history(str(root), [replace(wanted(root)[0], ranges=((1, 3),))])
    assert not found.lines
    assert "1 of 1 file: lines end with CR alone" in (found.reason or "")


# --- what it does not do ------------------------------------------------------------------

HOSTILE = """\
[core]
\tfsmonitor = {touch} fsmonitor
\thooksPath = {hooks}
\tpager = {touch} pager
\teditor = {touch} editor
\tsshCommand = {touch} ssh
\taskPass = {touch} askpass
\tgitProxy = {touch} proxy
\tattributesFile = {attributes}
[diff]
\texternal = {touch} external
[diff "d"]
\ttextconv = {touch} textconv
\tcommand = {touch} command
[filter "f"]
\tclean = {touch} clean
\tsmudge = {touch} smudge
\tprocess = {touch} process
\trequired = true
[alias]
\tblame = !{touch} alias
[pager]
\tblame = {touch} pager
[credential]
\thelper = !{touch} helper
[remote "origin"]
\turl = ext::{touch} remote
\tpromisor = true
[extensions]
\tpartialClone = origin
[protocol "ext"]
\tallow = always
[gpg]
\tprogram = {touch} gpg
[log]
\tshowSignature = true
"""


@pytest.fixture
def trapped(tmp_path: Path) -> tuple[Path, Path]:
    """A repository in which whatever git can be told to run leaves a file, and where it does."""
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    marks = tmp_path / "marks"
    marks.mkdir()
    touch = tmp_path / "touch"
    touch.write_text(f'#!/bin/sh\n: > "{marks}/$1"\ncat\n')
    touch.chmod(0o755)
    (root / ".gitattributes").write_text("*.py filter=f diff=d\n")
    (root / ".git" / "info" / "attributes").write_text("*.py filter=f diff=d\n")
    config = root / ".git" / "config"
    places = {"touch": touch, "hooks": tmp_path, "attributes": root / ".gitattributes"}
    config.write_text(config.read_text() + HOSTILE.format(**places))
    return root, marks


@pytest.mark.skipif(ON_WINDOWS, reason="needs a shell script")
def test_nothing_that_a_repository_configures_is_run(trapped: tuple[Path, Path]) -> None:
    root, marks = trapped
    (root / "m.py").write_text(TEXT + "d = 4\n")
    found = history(str(root), wanted(root))
    assert days(found) == [(n, FIRST, FIRST) for n in (1, 2, 3)]
    assert found.reason is None
    assert sorted(path.name for path in marks.iterdir()) == []
    assert GIT  # and the trap is one: git itself falls into it
    for call in (["status"], ["blame", "m.py"]):
        subprocess.run([GIT, *call], cwd=root, capture_output=True, check=False)
    fallen = {path.name for path in marks.iterdir()}
    assert fallen >= {"fsmonitor"}
    assert fallen & {"process", "clean", "textconv"}


@pytest.mark.skipif(ON_WINDOWS, reason="needs a shell script")
def test_a_missing_object_is_not_fetched(trapped: tuple[Path, Path]) -> None:
    root, marks = trapped
    for place in (root / ".git" / "objects").glob("??/*"):
        if git(root, "cat-file", "-t", place.parent.name + place.name).strip() == "blob":
            place.unlink()
    for mark in marks.iterdir():  # of the call above
        mark.unlink()
    found = history(str(root), wanted(root))
    assert "could not read" in (found.reason or "") or not found.lines.get("m.py")
    assert sorted(path.name for path in marks.iterdir()) == []


def test_the_environment_points_git_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    other = repository(tmp_path / "o", [(TEXT, SECOND, SECOND)])
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.worktree")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(other))
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    assert days(history(str(root), wanted(root)))[0] == (1, FIRST, FIRST)
    assert not (tmp_path / "trace").exists()


def test_a_replaced_commit_is_not_believed(tmp_path: Path) -> None:
    """``git replace`` can give a commit another day; the commit's own is taken."""
    root = repository(tmp_path / "r", [(TEXT, SECOND, SECOND)])
    head = git(root, "rev-parse", "HEAD").strip()
    tree = git(root, "rev-parse", "HEAD^{tree}").strip()
    early = git(root, "commit-tree", "-m", "x", tree, author="2019-01-01T12:00:00+0000").strip()
    git(root, "replace", head, early)
    assert "2019" in git(root, "log", "--format=%aI")  # git itself believes it
    assert days(history(str(root), wanted(root)))[0] == (1, SECOND, SECOND)


@pytest.mark.skipif(ON_WINDOWS, reason="needs links")
@pytest.mark.parametrize(
    "way",
    [
        "file",
        "link",
        "alternates",
        "commondir",
        "ref",
        "refs",
        "objects",
        "loose",
        "pack",
        "packed",
    ],
)
def test_what_points_elsewhere_is_not_followed(way: str, tmp_path: Path) -> None:
    """A scanned tree must not show the history of another repository of this machine."""
    other = repository(tmp_path / "o", [(TEXT, FIRST, FIRST)])
    root = repository(tmp_path / "r", [(TEXT, SECOND, SECOND)])
    inside = root / ".git"
    if way in ("file", "link"):
        shutil.rmtree(inside)
    if way == "file":
        inside.write_text(f"gitdir: {other / '.git'}\n")
    elif way == "link":
        inside.symlink_to(other / ".git")
    elif way == "alternates":
        (inside / "objects" / "info" / "alternates").write_text(f"{other / '.git' / 'objects'}\n")
    elif way == "commondir":
        (inside / "commondir").write_text(f"{other / '.git'}\n")
    elif way == "ref":
        (inside / "HEAD").write_text("ref: refs/heads/../../../../o/.git/refs/heads/main\n")
    elif way == "refs":
        shutil.rmtree(inside / "refs" / "heads")
        (inside / "refs" / "heads").symlink_to(other / ".git" / "refs" / "heads")
    else:
        if way != "loose":
            git(other, "gc", "-q")
        shutil.rmtree(inside / "objects")
        theirs, ours = other / ".git" / "objects", inside / "objects"
        (inside / "refs" / "heads" / "main").write_text(git(other, "rev-parse", "main"))
        if way == "objects":
            ours.symlink_to(theirs)
        elif way == "pack":
            ours.mkdir()
            (ours / "pack").symlink_to(theirs / "pack")
        elif way == "packed":
            (ours / "pack").mkdir(parents=True)
            for one in (theirs / "pack").iterdir():
                (ours / "pack" / one.name).symlink_to(one)
        else:
            ours.mkdir()
            for one in theirs.glob("??"):
                (ours / one.name).symlink_to(one)
    found = history(str(root), wanted(root))
    assert not found.lines
    assert "; " in (found.reason or "")  # what to do


def test_references_in_a_reftable_are_told_as_such(tmp_path: Path) -> None:
    """It was told to check a commit out, which helps nobody."""
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    shutil.rmtree(root / ".git" / "refs")
    (root / ".git" / "refs").mkdir()
    (root / ".git" / "refs" / "heads").write_text("this repository uses the reftable format\n")
    (root / ".git" / "HEAD").write_text("ref: refs/heads/.invalid\n")
    (root / ".git" / "reftable").mkdir()
    found = history(str(root), wanted(root))
    assert not found.lines
    assert "git refs migrate" in (found.reason or "")


# --- what is made of it -------------------------------------------------------------------


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("history")
    folder = root / "birds" / "models" / "wren"
    folder.mkdir(parents=True)
    (folder / "modeling_wren.py").write_text(program(1))
    first = root / "before" / "birds" / "models" / "wren"  # an earlier release, without it
    first.mkdir(parents=True)
    (first / "modeling_wren.py").write_text(program(9))
    provenance.build_index([str(root / "before" / "birds")], root / "i.db", date="2022-06-01")
    provenance.build_index([str(root / "birds")], root / "i.db", date="2023-06-01", extend=True)
    return root / "i.db"


@pytest.mark.parametrize(
    ("author", "committer", "expected"),
    [
        ("2024-01-01", "2024-01-02", "older"),
        ("2022-01-01", "2022-01-02", "younger"),
        ("2023-06-02", "2023-06-01", "same"),
        ("2022-01-01", "2024-01-01", "unknown"),
        ("2023-01-01", "2023-01-02", "unknown"),  # the reference appeared between two releases
    ],
)
def test_a_finding_says_since_when_its_lines_are_there(
    author: str, committer: str, expected: str, index: Path, tmp_path: Path
) -> None:
    """A direction needs both clocks: either may be set by hand."""
    root = repository(tmp_path / "r", [(renamed(program(1)), author, committer)])
    report = provenance.scan(str(root), [index])
    assert report.findings
    assert {finding.direction for finding in report.findings} == {expected}
    seen = report.findings[0].seen
    assert (seen.source, seen.day, seen.authored) == ("git", committer, author)
    assert (seen.earliest, seen.latest) == (min(author, committer), max(author, committer))
    assert 0 < seen.lines <= seen.of
    assert report.history is None


@pytest.mark.parametrize(
    ("day", "expected", "verdict"),
    [("2024-01-01", "older", "derived"), ("2022-01-01", "younger", "resembles")],
)
def test_a_file_that_is_a_reference_file_has_the_days_of_its_lines(
    day: str, expected: str, verdict: str, index: Path, tmp_path: Path
) -> None:
    """It has no finding whose lines git could be asked for."""
    root = repository(tmp_path / "r", [(program(1), day, day)])
    report = provenance.scan(str(root), [index])
    (file,) = report.files
    assert file.identical is not None
    assert (file.identical.direction, file.verdict) == (expected, verdict)
    seen = file.identical.seen
    assert (seen.source, seen.day, seen.lines, seen.of) == ("git", day, file.lines, file.lines)


def test_a_day_given_by_hand_rules_and_an_archive_has_its_own(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No git is asked then."""
    root = repository(tmp_path / "r", [(renamed(program(1)), SECOND, SECOND)])
    with zipfile.ZipFile(root / "a.zip", "w") as archive:
        member = zipfile.ZipInfo("m.py", (2021, 2, 3, 0, 0, 0))
        archive.writestr(member, (root / "m.py").read_bytes())

    def refuse(*_: object) -> None:
        raise AssertionError("git was asked")

    monkeypatch.setattr(module, "repository", refuse)
    given = provenance.scan(str(root), [index], suspect_date="2020-01-01", include=["m.py"])
    assert {one.seen.source for one in given.findings} == {"given"}
    assert {one.direction for one in given.findings} == {"younger"}
    packed = provenance.scan(str(root / "a.zip"), [index])
    assert {(one.seen.source, one.seen.day) for one in packed.findings} == {
        ("archive", "2021-02-03")
    }


def test_days_change_nothing_but_days(index: Path, tmp_path: Path) -> None:
    """The same findings, scores and verdicts, with a repository and without."""
    root = repository(tmp_path / "r", [(renamed(program(1)), FIRST, FIRST)])
    with_days = provenance.scan(str(root), [index])
    shutil.rmtree(root / ".git")
    without = provenance.scan(str(root), [index])
    assert {one.seen.source for one in without.findings} == {"none"}
    bare = [
        tuple(replace(one, seen=without.findings[0].seen, direction="unknown") for one in findings)
        for findings in (with_days.findings, without.findings)
    ]
    assert bare[0] == bare[1]


def test_three_quarters_of_the_lines_must_agree(index: Path, tmp_path: Path) -> None:
    root = repository(tmp_path / "r", [(renamed(program(1)), SECOND, SECOND)])
    finding = max(provenance.scan(str(root), [index]).findings, key=lambda one: one.seen.of)
    numbers = sorted({n for b in finding.blocks for n in range(b.suspect_start, b.suspect_end + 1)})
    old, new = LineDay("2020-01-01", "2020-01-01"), LineDay(SECOND, SECOND)
    for share, expected in ((0.2, "older"), (0.3, "unknown"), (0.7, "unknown"), (0.8, "younger")):
        count = round(share * len(numbers))
        lines = {n: old if at < count else new for at, n in enumerate(numbers)}
        (told,) = directed([finding], None, lines={finding.suspect.path: lines})
        assert told.direction == expected, share


def test_lines_that_may_be_older_never_make_the_reference_older(
    index: Path, tmp_path: Path
) -> None:
    root = repository(tmp_path / "r", [(renamed(program(1)), SECOND, SECOND)])
    finding = provenance.scan(str(root), [index]).findings[0]
    for day, expected in ((SECOND, "unknown"), ("2020-01-01", "younger")):
        lines = dict.fromkeys(range(1, 999), LineDay(day, day, bounded=True))
        (told,) = directed([finding], None, lines={finding.suspect.path: lines})
        assert told.direction == expected
        assert told.seen.bounded


def test_porcelain_is_read_whatever_it_says() -> None:
    """Days that no clock shows, and commits of nobody, are none."""
    oid = "1" * 40
    text = (
        f"{oid} 1 1 1\nauthor \n\tauthor-time 5\nauthor-time 1700000000\n"
        f"committer-time 99999999999999\n\tx\n{'0' * 40} 2 2 1\nauthor-time 1700000000\n"
        "committer-time 1700000000\n\ty\n"
    )
    assert read_porcelain(text.encode()) == {}
    assert read_porcelain(b"\xff\x00\n\t\n") == {}
    good = f"{oid} 7 3 1\nauthor-time 1700000000\ncommitter-time 1700000000\n\tx\n"
    assert read_porcelain(good.encode(), frozenset([oid])) == {
        3: LineDay("2023-11-14", "2023-11-14", bounded=True)
    }


def test_many_ranges_are_asked_as_one() -> None:
    many = [(3 * n, 3 * n) for n in range(1, 500)]
    assert merged(many) == [(3, 3 * 499)]
    assert merged([]) == []


def test_want_of_memory_for_what_git_says_costs_its_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It cost the scan, after a traceback of the thread that listened."""

    def none(*_: object) -> bytes:
        raise MemoryError

    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    asked = wanted(root)
    monkeypatch.setattr(git_module, "read_at_most", none)
    found = history(str(root), asked)
    assert not found.lines
    assert "memory" in (found.reason or "")
    assert "Traceback" not in capfd.readouterr().err


def test_what_git_says_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message of a commit of 400 MB took a gigabyte here, from a repository of 2 MB."""
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    git(root, "commit", "-q", "--amend", "-m", "x" * 100_000, author=f"{FIRST}T12:00:00+0000")
    assert history(str(root), wanted(root)).reason is None
    monkeypatch.setattr(module, "MOST_OUTPUT", 50_000)
    monkeypatch.setattr(git_module, "MOST_OUTPUT", 50_000)
    found = history(str(root), wanted(root))
    assert "m.py" not in found.lines
    assert "more than 50,000 bytes" in str(found.reason)


def test_lines_of_which_days_are_kept_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file of a megabyte of empty lines they took 165 MB, which were kept to the end."""
    root = repository(tmp_path / "r", [(TEXT, FIRST, FIRST)])
    (root / "long.py").write_text("\n" * 50)
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "long", author=f"{FIRST}T12:00:00+0000")
    asked = [*wanted(root, "long.py"), *wanted(root)]
    assert history(str(root), asked).reason is None
    monkeypatch.setattr(module, "MOST_LINES", 49)
    found = history(str(root), asked)
    assert set(found.lines) == {"m.py"}
    assert str(found.reason).startswith("1 of 2 files: beyond 49 lines")


def test_a_version_of_very_many_lines_costs_its_days_and_no_memory(tmp_path: Path) -> None:
    """git takes some 50 bytes a line: 2.3 GB for these, from a repository of a few kilobytes."""
    root = repository(tmp_path / "r", [("\n" * 42_000_000, FIRST, FIRST), (TEXT, SECOND, SECOND)])
    (root / "other.py").write_text(TEXT, "utf-8", newline="\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")
    found = history(str(root), [*wanted(root), *wanted(root, "other.py")])
    assert sorted(found.lines) == ["other.py"]
    assert "1 of 2 files: git would take more than 512m" in str(found.reason)


@pytest.mark.skipif(sys.platform == "win32", reason="a script is started as POSIX does")
def test_who_is_interrupted_does_not_wait_for_git(tmp_path: Path) -> None:
    """A runner that asks a process alone to end waited for half a minute, and then killed it."""
    script = tmp_path / "git"
    script.write_text("#!/bin/sh\nexec sleep 1000\n")
    script.chmod(0o755)
    (tmp_path / "tree").mkdir()
    called = Program(str(script), os.environ["PATH"])
    found = Repository("", "", str(tmp_path), "0" * 40, "", frozenset())
    runs = threading.Barrier(3)

    def told(one: Wanted) -> dict[int, LineDay] | Reason:
        runs.wait()
        if one.path == "interrupted":
            while len(called._running) < 1:
                pass
            raise KeyboardInterrupt
        ask(called, str(tmp_path), found, [], 1_000)
        return {}

    wanted = [Wanted(path, "", ()) for path in ("interrupted", "slow", "begun after")]
    with pytest.raises(KeyboardInterrupt):
        module._all(told, wanted, 3, called.end)
    assert not called._running
    assert ask(called, str(tmp_path), found, [], 1_000).returncode == -9


def test_a_reference_longer_than_a_path_is_none(tmp_path: Path) -> None:
    """Each folder of it was asked for, from the first on: of a megabyte that took a minute."""
    git(tmp_path, "init", "-q")
    (tmp_path / ".git" / "HEAD").write_text(f"ref: refs/heads/{'a/' * 4_000_000}x\n")
    found = repository_module.repository(str(tmp_path))
    assert "no commit that is checked out" in str(found)
