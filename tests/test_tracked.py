"""What git has of a folder is read, whatever hides it, and its index is read as git has it."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unicodedata
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sources import (
    committed,
    needs_posix,
    opened,
    paths,
    put,
    reasons,
)

from provenance.decode import Reason, shown
from provenance.folder import BY_RULE
from provenance.source import open_source
from provenance.tracked import Tracked, entries, git_directory


def test_git_itself_ignores_the_same(tmp_path: Path) -> None:
    """On many random trees and rules, the files are those ``git ls-files`` calls unignored."""
    chance = random.Random(3)
    rules = ["a", "/a", "a/", "*.py", "!b.py", "b*", "!b/", "a/*", "!a/b", "**/b", "a/**", "/*/b"]
    rules += ["*", "!*/", "*/", "/*", "!/b", "!a/b/", "!/a", "c", "[ab]/", "!*.py", "a/b.py"]
    for number in range(40):
        root = tmp_path / str(number)
        for folder in ("", "a/", "b/", "a/b/", "a/b/a/", "c/a/", "b/b/"):
            put(root, f"{folder}a.py", f"{folder}b.py")
            if chance.random() < 0.4:
                text = "\n".join(chance.sample(rules, 3)) + "\n"
                put(root, f"{folder}.gitignore", text=text)
        subprocess.run(["git", "init", "-q", root], check=True)
        listed = subprocess.run(
            ["git", "ls-files", "--others", "--exclude-standard", "*.py"],
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        )
        assert paths(opened(root)) == sorted(listed.stdout.split()), number


def test_git_itself_takes_bytes_and_keeps_all_blanks_but_spaces(tmp_path: Path) -> None:
    """``?`` is a part of a sign outside of ASCII: what git does not ignore is looked at."""
    put(tmp_path, "a.py", "ab/a.py", "\u00e9/a.py", "\u00e9.py", "\ud55c/b.py", "a\t.py", "[.py")
    put(tmp_path, "a]/a.py", "ab/x/b.py", "n\nn/b.py", "\\/a.py")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    lines = ["?/", "??/", "???/", "[!a].py", "[^a]/", "[\u00e9]*/", "\u00e9/", "?.py", "??.py"]
    lines += ["??.py\t", "*.py\u00a0", "*\t", "a.py \t ", "a.py  ", "\t", "a\t.py", "[[b]*"]
    lines += ["[a\\]*", "*[\\]*", "\\[.py", "\\[\\a/*", "a\\b/*", "[!]a\\]*"]
    lines += ["*/a.py\x0b", "ab/**/", "/**/", "**/", "*/**/", "a\t/**/ "]
    lines += ["[\t", "\\\\ ", "n?n/b.py", "a[]b]/"]
    for line in lines:
        put(tmp_path, ".gitignore", text=f"{line}\n")
        assert set(paths(opened(tmp_path))) == _not_ignored(tmp_path), line


def test_what_git_takes_otherwise_hides_nothing(tmp_path: Path) -> None:
    """Classes and ``/`` in sets, NUL, two stars behind other signs, a line feed in a name."""
    put(tmp_path, "a.py", "a]/a.py", "\\/a.py", "ab/x/b.py", "n\nn/b.py", "n.py", "[.py")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for line in ["[[:alpha:]]/", "[[:alpha:]]", "[!]\t"]:
        put(tmp_path, ".gitignore", text=f"{line}\n")
        assert set(paths(opened(tmp_path))) >= _not_ignored(tmp_path), line
    for line in [
        "![!/].py",
        "![a/b].py",
        "!/a**",
        "!a**/b.py",
        "!a.py\0b",
        "!b.py",
        "!\\\\ \n!a.py",
    ]:
        put(tmp_path, ".gitignore", text=f"*\n!*]/\n!ab/\n!n*/\n!x/\n{line}\n!\\[.py\n")
        assert set(paths(opened(tmp_path))) >= _not_ignored(tmp_path), line


def _not_ignored(root: Path) -> set[str]:
    call = ["git", "ls-files", "-z", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(call, cwd=root, check=True, capture_output=True).stdout
    return {shown(os.fsdecode(one)) for one in listed.split(b"\0") if one}


def test_a_rule_that_is_passed_over_and_would_take_back_takes_back_all(tmp_path: Path) -> None:
    """What stands behind the first 5,000 rules, has very many wildcards or escapes in sets."""
    put(tmp_path, "a.py", "big_model.py")
    late = "x\n" * 5_000 + "!big_model.py"
    for rules in (f"*.py\n{one}\n" for one in ("!*b*g*d*.py", "![b\\]i]*", late)):
        put(tmp_path, ".gitignore", text=rules)
        assert "big_model.py" in paths(opened(tmp_path))
    put(tmp_path, ".gitignore", text="*.py\n" + "x\n" * 5_000 + "*b*g*d*.py\n")
    assert paths(opened(tmp_path)) == []


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_what_git_has_is_read_whatever_hides_it(tmp_path: Path, version: str) -> None:
    """A committed file that a rule ignores, or in a folder made to look like an environment or a
    cache, would be shipped to everybody and scanned by nobody."""
    hidden = ["a.py", "env/deep/b.py", "x/node_modules/c.py", "gen/d.py", "\u00e4/__pycache__/e.py"]
    put(tmp_path, *hidden, "env/pyvenv.cfg", "seen.py")
    put(tmp_path, ".gitignore", text="a.py\ngen/\n")
    committed(tmp_path)
    if version != "2":
        (tmp_path / "later.py").write_text("")
        subprocess.run(["git", "add", "-N", "later.py"], cwd=tmp_path, check=True)  # extended
        hidden = [*hidden, "later.py"]
    call = ["git", "update-index", "--index-version", version]
    subprocess.run(call, cwd=tmp_path, check=True)
    put(tmp_path, "env/new.py", "gen/new.py", "build/new.py")
    with (tmp_path / ".gitignore").open("a") as file:
        file.write("build/\n")
    source = opened(tmp_path)
    assert paths(source) == sorted([*hidden, "seen.py"], key=str.encode)
    told = reasons(source)
    assert told.keys() == {"env/new.py", "gen/new.py", "build/"}
    assert all(reason.endswith(BY_RULE) for reason in told.values())
    assert paths(opened(tmp_path / "x")) == ["node_modules/c.py"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right")
def test_a_link_that_is_left_out_is_told_as_a_file_is(tmp_path: Path) -> None:
    put(tmp_path, "seen.py", "env/kept.py", "env/pyvenv.cfg")
    committed(tmp_path)
    put(tmp_path, ".git/info/exclude", text="l.py\nf.py\n")
    put(tmp_path, "f.py")
    for link in ("l.py", "env/l.py"):
        (tmp_path / link).symlink_to(tmp_path / "seen.py")
    told = reasons(opened(tmp_path))
    assert told.keys() == {"f.py", "l.py", "env/l.py"}
    assert told["l.py"] == told["f.py"]
    assert "info/exclude" in told["l.py"]


def test_no_rule_is_asked_of_what_git_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """5,000 rules for each of very many files of long names took hours."""
    put(tmp_path, "a.py", "b/c.py")
    put(tmp_path, ".gitignore", text="*a*b1\n*a*b2\n")
    committed(tmp_path)
    put(tmp_path, "new.py")
    asked: list[bytes] = []

    def counted(path: bytes, _: object) -> bool:
        asked.append(path)
        return False

    monkeypatch.setattr("provenance.folder.ignored", counted)
    assert paths(opened(tmp_path)) == ["a.py", "b/c.py", "new.py"]
    assert sorted(asked) == [b"b/", b"new.py"]


def test_a_submodule_has_files_of_its_own(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    put(inner, "a.py", "b.py")
    put(inner, ".gitignore", text="*.py")
    committed(inner)
    put(inner, "c.py")
    source = opened(tmp_path / "outer")
    assert paths(source) == ["inner/a.py", "inner/b.py"]
    assert reasons(source).keys() == {"inner/c.py"}


def test_a_submodule_of_a_worktree_has_files_of_its_own(tmp_path: Path) -> None:
    """git keeps what it has in the folder of the worktree, not of the repository."""
    put(tmp_path / "made", "a.py")
    put(tmp_path / "made", ".gitignore", text="*.py")
    committed(tmp_path / "made")
    own = tmp_path / "repository" / ".git" / "worktrees" / "tree"
    (own / "modules").mkdir(parents=True)
    (tmp_path / "made" / ".git").rename(own / "modules" / "sub")
    put(tmp_path / "tree", ".git", text=f"gitdir: {own}\n")
    put(own, "gitdir", text=f"{tmp_path / 'tree' / '.git'}\n")
    put(own, "HEAD", text="ref: refs/heads/main\n")
    (tmp_path / "made").rename(tmp_path / "tree" / "sub")
    put(tmp_path / "tree" / "sub", ".git", text=f"gitdir: {own / 'modules' / 'sub'}\n")
    assert paths(opened(tmp_path / "tree" / "sub")) == ["a.py"]
    (own / "gitdir").write_text(f"{tmp_path / 'else' / '.git'}\n")  # it is another's
    assert not paths(opened(tmp_path / "tree" / "sub"))


def test_no_name_of_a_folder_hides_what_git_has(tmp_path: Path) -> None:
    """``CVS`` can be imported as well as any other package."""
    hidden = ["CVS/a.py", ".hg/b.py", ".svn/c.py", "_darcs/d.py", ".bzr/e.py"]
    put(tmp_path, *hidden)
    assert reasons(opened(tmp_path)).keys() == {name[:-4] for name in hidden}
    committed(tmp_path)
    assert paths(opened(tmp_path)) == sorted(hidden)


@pytest.mark.parametrize("mark", ["empty", "no HEAD", "file"])
def test_a_folder_called_git_hides_nothing_that_the_outer_one_has(
    tmp_path: Path, mark: str
) -> None:
    put(tmp_path, "sub/a.py", "sub/b.py")
    put(tmp_path, ".gitignore", text="b.py")
    committed(tmp_path)
    put(tmp_path, "sub/.gitignore", text="*.py")
    put(tmp_path, "sub/c.py")
    if mark == "file":
        put(tmp_path, "sub/.git", text="gitdir: ../.git")
    else:
        (tmp_path / "sub" / ".git").mkdir()
    source = opened(tmp_path)
    assert paths(source) == ["sub/a.py", "sub/b.py"]
    assert not reasons(source)["sub/c.py"].endswith(BY_RULE)


@pytest.mark.parametrize("place", ["gen/inner", "node_modules"])
def test_a_submodule_is_what_git_has(tmp_path: Path, place: str) -> None:
    """Wherever it stands, and whatever its own top is made to look like."""
    put(tmp_path / place, "a.py", "pyvenv.cfg")
    committed(tmp_path / place)
    call = ["git", "-c", "user.name=a", "-c", "user.email=a", "commit", "-qm", "x"]
    subprocess.run(call, cwd=tmp_path / place, check=True)
    put(tmp_path, ".gitignore", text="gen/")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    call = ["git", "-c", "advice.addEmbeddedRepo=false", "add", "-f", place]
    subprocess.run(call, cwd=tmp_path, check=True)
    assert paths(opened(tmp_path)) == [f"{place}/a.py"]


def test_a_folder_that_is_not_checked_out_may_be_all_of_git(tmp_path: Path) -> None:
    put(tmp_path, "top.py", "gone/a.py", "kept/b.py")
    committed(tmp_path)
    call = ["git", "-c", "user.name=a", "-c", "user.email=a", "commit", "-qm", "x"]
    subprocess.run(call, cwd=tmp_path, check=True)
    call = ["git", "sparse-checkout", "set", "--cone", "--sparse-index", "kept"]
    subprocess.run(call, cwd=tmp_path, check=True)
    assert not (tmp_path / "gone").exists()
    put(tmp_path, "gone/a.py", "new/c.py")
    put(tmp_path, ".gitignore", text="gone/\nnew/")
    source = opened(tmp_path)
    assert paths(source) == ["gone/a.py", "kept/b.py", "top.py"]
    assert reasons(source).keys() == {"new/"}


def test_repositories_of_sha256_are_read(tmp_path: Path) -> None:
    put(tmp_path, "a.py")
    put(tmp_path, ".gitignore", text="*.py")
    committed(tmp_path, "--object-format=sha256")
    assert paths(opened(tmp_path)) == ["a.py"]


def test_without_git_what_is_left_out_is_told_as_unread(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "b.py", "env/lib/c.py", "env/pyvenv.cfg", "__pycache__/nothing.pyc")
    put(tmp_path, ".gitignore", text="b.py")
    told = reasons(opened(tmp_path))
    assert told.keys() == {"b.py", "env/"}
    assert not any(reason.endswith(BY_RULE) for reason in told.values())


def test_a_folder_that_is_left_out_is_told_however_much_is_in_it(tmp_path: Path) -> None:
    """What a glob wants of it may come last; what it wants none of is not told."""
    put(tmp_path, ".cache/b/c/d.py", "own.py")
    for number in range(2_100):
        (tmp_path / ".cache" / str(number)).touch()
    for include in ([], ["*.py"], ["d.py"]):
        assert ".cache/" in reasons(open_source(str(tmp_path), include=include))
    assert ".cache/" not in reasons(open_source(str(tmp_path), include=["own.py"]))


@pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="makes a path that is too long")
def test_a_folder_that_is_left_out_is_told_where_it_cannot_be_listed(tmp_path: Path) -> None:
    """What is in it nobody knows; a path that is too long is one that even root cannot list."""
    put(tmp_path, "own.py")
    (tmp_path / "node_modules").mkdir()
    at = os.open(tmp_path / "node_modules", os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=at)
        above, at = at, os.open("d" * 250, os.O_RDONLY, dir_fd=at)
        os.close(above)
    os.close(os.open("hidden.py", os.O_WRONLY | os.O_CREAT, dir_fd=at))
    os.close(at)
    assert "no git" in reasons(open_source(str(tmp_path)))["node_modules/"]
    assert not reasons(open_source(str(tmp_path), exclude=["node_modules"]))
    assert not reasons(open_source(str(tmp_path), include=["/own.py"]))


@needs_posix
def test_a_folder_that_is_left_out_is_told_where_it_holds_a_link_alone(tmp_path: Path) -> None:
    put(tmp_path, "own.py", "code.txt", "node_modules/b.js")
    (tmp_path / "node_modules" / "a.py").symlink_to("../code.txt")
    assert "no git" in reasons(open_source(str(tmp_path)))["node_modules/"]


@needs_posix
@pytest.mark.parametrize(
    "made", ["build/a.py", "build/A.py", "build/\N{LATIN SMALL LETTER E WITH ACUTE}.py"]
)
def test_what_a_file_system_takes_for_the_same_name_is_what_git_has(
    made: str, tmp_path: Path
) -> None:
    """Of two folders of git whose names differ in case, Windows and macOS make one: what stands in
    it under the name of the other one is git's, too, whatever ``.gitignore`` says."""
    put(tmp_path, ".gitignore", text="build/\n")
    put(tmp_path, "build/kept.txt", unicodedata.normalize("NFD", made).replace("build", "Build"))
    committed(tmp_path)
    shutil.rmtree(tmp_path / "Build")
    put(tmp_path, made, "build/other.py")
    assert paths(open_source(str(tmp_path))) == []
    (tmp_path / ".GIT").symlink_to(".git")  # so such a system says that it takes both for one
    source = open_source(str(tmp_path), exclude=[".GIT"])
    assert paths(source) == [made]
    assert reasons(source)["build/other.py"].endswith(BY_RULE)


@pytest.mark.parametrize("damage", ["cut", "flipped", "split", "empty", "text", "folder", "count"])
def test_an_index_that_cannot_be_read_hides_nothing(tmp_path: Path, damage: str) -> None:
    put(tmp_path, "a.py", "b.py")
    put(tmp_path, ".gitignore", text="b.py")
    committed(tmp_path)
    place = tmp_path / ".git" / "index"
    data = place.read_bytes()
    if damage == "split":
        subprocess.run(["git", "update-index", "--split-index"], cwd=tmp_path, check=True)
    elif damage == "folder":
        place.unlink()
        place.mkdir()
    else:
        damaged = {
            "cut": data[:90],
            "flipped": data[:4] + b"\xff" + data[5:],
            "empty": b"",
            "text": b"DIRC" * 40,
            "count": data[:8] + b"\xff\xff\xff\xff" + data[12:],
        }
        place.write_bytes(damaged[damage])
    told = reasons(opened(tmp_path))
    assert not told["b.py"].endswith(BY_RULE)
    assert "index" in told["b.py"] or "a folder" in told["b.py"]


@given(st.binary(max_size=300), st.integers(0, 5), st.sampled_from([20, 32]))
def test_any_bytes_are_an_index_or_are_not(data: bytes, count: int, length: int) -> None:
    head = b"DIRC" + (4).to_bytes(4, "big") + count.to_bytes(4, "big")
    for whole in (data, head + data):
        with suppress(ValueError, IndexError, struct.error):
            assert all(isinstance(path, bytes) for path, _ in entries(whole, length))


def _entry(path: bytes, strip: int | None = None, mode: int = 0o100644) -> bytes:
    """Of an index of version 2, or of 4, of which a path goes on from the one before."""
    head = struct.pack(">24xI12x20xH", mode, min(len(path), 0xFFF))
    if strip is not None:
        assert strip < 128
        return head + bytes([strip]) + path + b"\0"
    return head + path + bytes(8 - len(head + path) % 8)


@pytest.mark.parametrize(
    ("version", "made"),
    [
        (2, [_entry(b"a/" * 2_048 + b"b")]),  # a path no system opens
        (4, [_entry(b"a" * 4_000, 0)] + [_entry(b"b", 1)] * 80_000),  # 5 MB that are 320
    ],
)
def test_paths_of_an_index_are_bounded(tmp_path: Path, version: int, made: list[bytes]) -> None:
    """Each could go on from one of 300 MB."""
    whole = b"DIRC" + struct.pack(">II", version, len(made)) + b"".join(made)
    with pytest.raises(ValueError, match="too long"):
        list(entries(whole + bytes(20), 20))


@given(
    st.lists(st.text("ab/", min_size=1, max_size=8).filter(lambda path: path[0] != "/")),
    st.text("ab/", max_size=6),
    st.sampled_from([0o100644, 0o160000]),
)
def test_git_has_a_folder_where_it_has_something_in_it(
    names: list[str], asked: str, mode: int
) -> None:
    made = [_entry(name.encode(), mode=mode) for name in names]
    whole = b"DIRC" + struct.pack(">II", 2, len(made)) + b"".join(made) + bytes(20)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".git").mkdir()
        (Path(folder) / ".git" / "HEAD").write_text("ref: refs/heads/main")
        (Path(folder) / ".git" / "index").write_bytes(whole)
        tracked = Tracked(os.path.realpath(folder))
        of_files = [name for name in names if mode == 0o100644]
        linked = [f"{name}/" for name in names if mode == 0o160000]
        if asked and not asked.endswith("/"):
            assert tracked.has(asked) == (asked in of_files)
        else:
            assert tracked.has(asked) == any(one.startswith(asked) for one in [*names, *linked])


def test_a_git_file_names_no_path_that_no_system_opens(tmp_path: Path) -> None:
    """To look for it took time by the square of its length."""
    put(tmp_path, "a.py")
    (tmp_path / ".git").write_text("gitdir: " + "a/" * 1_000_000)
    told = git_directory(os.path.realpath(tmp_path))
    assert isinstance(told, Reason)
    assert "bytes in a .git, expected at most" in told


@pytest.mark.parametrize("back", ["//evil.example/share/.git", "\\\\evil.example\\share"])
def test_a_git_file_and_what_it_names_look_on_no_other_computer(
    back: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows would sign in there: neither by itself nor by the folder that it leads to, which an
    archive may have brought along."""
    put(tmp_path, "a.py")
    (tmp_path / "led").mkdir()
    (tmp_path / "led" / "gitdir").write_text(back)
    looked: list[str] = []
    real = os.path.realpath

    def noted(path: str) -> str:
        looked.append(path)
        return real(path)

    monkeypatch.setattr("os.path.realpath", noted)
    for named in ("led", back):
        (tmp_path / ".git").write_text(f"gitdir: {named}\n")
        assert isinstance(git_directory(real(tmp_path)), Reason)
    assert not [path for path in looked if "evil" in path]
