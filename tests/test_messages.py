"""What a message says was found is what is there, and what it says to do helps.

One row a message: what the user wrote, the exit code, what must and what must not be said."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from provenance.cli import main
from provenance.tracked import Tracked, git_directory

CODE = "def total(values):\n    found = sum(values)\n    return found + len(values)\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, an index of it, and all that may stand where a file is meant."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROVENANCE_CACHE", str(tmp_path / "cache"))
    Path("mine").mkdir()
    Path("mine/a.py").write_text(CODE)
    Path("none").mkdir()
    Path("folder").mkdir()
    Path("empty.db").touch()
    Path("no.json").write_text("{\n")
    Path("large.json").write_bytes(bytes(10_000_001))
    Path("short.toml").write_text("a = 1\n\nfail-on = [\n")
    Path("blank.toml").write_text("exclude = ['']\n")
    Path("link.py").symlink_to("nowhere.py")
    Path("link").symlink_to("nowhere")
    assert said("index", "build", "mine", "-o", "r.db") == (0, BUILT)
    return tmp_path


BUILT = "r.db: 1 file added (1 with new content), 0 skipped, 0.0 MB\n"


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.output


AUDIT = ("audit", "--no-default-index", "--index", "r.db")
NOTICES = ("notices", "--no-default-index", "--index", "r.db", "--write")
SCAN = ("scan", "--no-default-index", "--index", "r.db")


@pytest.mark.parametrize(
    ("call", "code", "wanted", "unwanted"),
    [
        (("index", "info", "empty.db"), 3, "empty.db: found an empty file", "SQLite"),
        (("index", "info", "folder"), 3, "folder: found no file", "damaged"),
        (("index", "merge", "r.db", "-o", "m.db"), 0, "1 index joined", "indexes"),
        ((*SCAN, "link.py"), 3, "mend or remove this link", "spelling"),
        ((*SCAN, "mine", "--html", os.devnull), 2, "that is no file", "the terminal"),
        (("compare", "mine", "none"), 2, "none: found no Python file", "index"),
        (("families", "zzz", "--index", "r.db"), 0, "families --index FILE'", "families'"),
        (
            ("explain", "--no-default-index", "--index", "r.db", "mine", "b.py:1"),
            2,
            "b.py: found no such Python file in mine",
            "globs",
        ),
        ((*AUDIT, "mine", "--config", "gone.toml"), 2, "No such file", "permission"),
        ((*AUDIT, "mine", "--config", "folder"), 2, "another with --config", "permission"),
        ((*AUDIT, "mine", "--config", "short.toml"), 2, "short.toml:3: found no valid", "toml:1:"),
        ((*AUDIT, "mine", "--config", "blank.toml"), 2, "none of them empty", "\n\n"),
        ((*AUDIT, "mine", "--baseline", "large.json"), 2, "another with --baseline", "Limits"),
        ((*AUDIT, "mine", "--baseline", "folder"), 2, "another with --baseline", "opened"),
        ((*AUDIT, "mine", "--baseline", "link"), 2, "leads nowhere", "--exclude"),
        ((*AUDIT, "mine", "--bundle", "folder"), 3, "another with --bundle", "the terminal"),
        ((*AUDIT, "mine", "--deny-license", "no one"), 2, "--deny-license: found", ".toml"),
        ((*NOTICES, "mine", "--notices-file", "folder"), 2, "found a folder", "did not write"),
        ((*NOTICES, "mine", "--notices-file", "link"), 2, "leads nowhere", "did not write"),
        ((*NOTICES, "mine", "--notices-file", "large.json"), 2, "bytes", "did not write"),
        ((*NOTICES, "mine", "--notices-file", "no.json"), 2, "did not write", "bytes"),
    ],
)
def test_what_is_said(call: tuple[str, ...], code: int, wanted: str, unwanted: str) -> None:
    """The cause that it is, and nothing that does not help."""
    Path("provenance.toml").write_text("")
    ended, output = said(*call)
    assert ended == code, output
    assert wanted in " ".join(output.split()), output
    assert unwanted not in output, output


def test_a_baseline_is_written_again_as_it_is_said() -> None:
    """What cannot be read is not written over: it may hold what was accepted."""
    call = (*AUDIT, "mine", "--baseline", "no.json", "--write-baseline")
    ended, output = said(*call)
    assert ended == 2
    assert "remove it and write it with" in output
    Path("no.json").unlink()
    assert said(*call)[0] == 0


def test_who_may_not_look_is_told_so(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not said that nothing is there, nor that it should be removed. Whoever tests as root
    may look into all."""

    def forbidden(path: str, **_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    (here / ".git").mkdir()
    assert "it has no HEAD" in str(Tracked(str(here)).problem)
    with monkeypatch.context() as patched:
        patched.setattr(os, "lstat", forbidden)
        patched.setattr(os.path, "lexists", lambda _: False)
        told = str(Tracked(str(here)).problem)
        assert "found a .git that cannot be read (Permission denied); give read" in told
        assert "remove" not in told
        ended, output = said("audit", "mine")
    assert (ended, "may not be looked into (Permission denied)" in output) == (2, True), output


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("", "points to no folder"), ("gitdir: gone", "points to no folder"), (None, "named pipe")],
)
def test_what_stands_for_a_repository_is_told_as_what_it_is(
    text: str | None, wanted: str, here: Path
) -> None:
    """A file that names nothing does not name what does not point back."""
    if text is not None:
        (here / ".git").write_text(text)
    elif hasattr(os, "mkfifo"):
        os.mkfifo(here / ".git")
    else:
        pytest.skip("no pipes here")
    assert wanted in str(git_directory(os.path.realpath(here)))


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_damage_is_no_lack_of_history(here: Path) -> None:
    """To fetch it again would not bring what git believes to have."""
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(here))

    def call(*arguments: str) -> str:
        return subprocess.check_output((*git, *arguments), text=True).strip()

    call("init", "-q")
    hashes = []
    for name in "abc":
        call("checkout", "-q", *(("-b", name) if name != "c" else ("-b", name, "a")))
        call("commit", "-q", "--allow-empty", "-m", name)
        hashes.append(call("rev-parse", "HEAD"))
    gone = here / ".git" / "objects" / hashes[0][:2] / hashes[0][2:]
    gone.unlink()
    ended, output = said("audit", "--no-default-index", "--index", "r.db", "--diff", "b", "mine")
    assert ended == 3
    assert "'git fsck' says what is wrong" in output
    assert "in common" not in output
