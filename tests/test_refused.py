"""What the system does not give is told: it makes no other answer, and nobody else is blamed."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import audits
import pytest
from programs import program

import provenance
from provenance import pypi
from provenance.errors import IndexFileError, SourceError
from provenance.explained import explained
from provenance.history import Wanted, history
from provenance.index import Index
from provenance.integrity import verify
from provenance.policy import find
from provenance.report.formats import FORMATS, Format, Texts
from provenance.tracked import Tracked


def _fails(monkeypatch: pytest.MonkeyPatch, name: str, call: str = "lstat") -> None:
    """Let the system say of nothing with that name what it is, as where a disk fails."""
    usual: Callable[..., Any] = getattr(os, call)

    def refused(path: Any, *more: Any, **named: Any) -> Any:
        if isinstance(path, str) and path.endswith(name):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return usual(path, *more, **named)

    monkeypatch.setattr(os, call, refused)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that has what it ignores."""
    (tmp_path / "a.py").write_text(program(1), "utf-8")
    (tmp_path / ".gitignore").write_text("*.py\n", "utf-8")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a"]
    for call in ("init -q", "add -f a.py", "commit -qm one"):
        subprocess.run([*git, *call.split()], check=True)
    return tmp_path


def test_a_repository_that_cannot_be_looked_at_is_not_passed_over(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails does not make that there is none, or that nothing is in it."""
    _fails(monkeypatch, ".git")
    with pytest.raises(SourceError, match="no way to see what is there"):
        find(str(repository))
    asked = Wanted("a.py", "", ((1, 1),))
    assert "no way to see what is there" in str(history(str(repository), [asked]).reason)


def test_an_index_of_git_that_cannot_be_looked_at_is_not_an_empty_one(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or all that is ignored would be no part of the repository."""
    _fails(monkeypatch, "index")
    assert "no way to see what is there" in str(Tracked(str(repository)).problem)


def test_a_policy_that_cannot_be_looked_at_is_not_passed_over(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An audit without it would be another one."""
    _fails(monkeypatch, "pyproject.toml")
    with pytest.raises(SourceError, match="no way to see what is there"):
        find(str(repository))


@pytest.mark.parametrize("form", FORMATS, ids=[one.name for one in FORMATS])
def test_every_report_says_that_days_are_missing(form: Format) -> None:
    """But for those that are lists of findings."""
    if form.name in ("csv", "codequality"):
        return
    usual = audits.audit((audits.ruling(audits.finding()),))
    why = "git could not be run (of all things)"
    lacking = replace(usual, report=replace(usual.report, history=why))
    assert "of all things" not in form.write(usual, Texts())
    assert "of all things" in form.write(lacking, Texts())


def test_a_file_that_cannot_be_read_is_no_fault_of_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said of it, with the exit code for what was not completed."""
    (tmp_path / "s").mkdir()
    source = str(tmp_path / "s")
    (tmp_path / "s" / "a.py").write_text(program(1), "utf-8")
    index = tmp_path / "index.db"
    provenance.build_index([source], index, date="2024-01-01")
    _fails(monkeypatch, "a.py", "stat")
    with pytest.raises(SourceError, match=r"found a file that cannot be read \(Input/output"):
        explained(source, "a.py", [index])
    with pytest.raises(SourceError, match=r"found a file that cannot be read \(Input/output"):
        provenance.build_index([source], tmp_path / "n.db", jobs=0)


def test_an_index_that_cannot_be_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To build it again helps nobody whose disk fails."""
    path = tmp_path / "index.db"
    (tmp_path / "a.py").write_text(program(1), "utf-8")
    provenance.build_index([str(tmp_path / "a.py")], path, date="2024-01-01")

    def refused(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("provenance.index.heading_rows", refused)
    monkeypatch.setattr("provenance.index.opening_rows", refused)
    with pytest.raises(IndexFileError, match=r"found that it cannot be read \(disk"):
        Index(path)
    monkeypatch.undo()
    monkeypatch.setattr("provenance.integrity.logical_rows", refused)
    with pytest.raises(IndexFileError, match=r"found that it cannot be read \(disk"):
        verify(path)


def test_want_of_memory_while_the_command_line_is_loaded_is_no_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python would end with 1."""
    from provenance.__main__ import start

    def refused(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("builtins.__import__", refused)
    with pytest.raises(SystemExit) as ended:
        start()
    monkeypatch.undo()
    assert ended.value.code == 3
    assert "out of memory" in capsys.readouterr().err


def test_pip_works_in_a_folder_that_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it ends, nothing of it is left in that of temporary files."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "usual"))
    asked = "import os, tempfile; print(tempfile.gettempdir(), os.environ['TMP'])"
    monkeypatch.setattr(pypi, "_GUARD", asked)
    assert pypi._run_pip([], str(tmp_path)) == (True, f"{tmp_path} {tmp_path}\n")
