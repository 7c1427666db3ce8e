"""The baseline of an audit: what is new, known and fixed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from programs import program, renamed

import provenance
from audited.commands import audited, failures, run

pytestmark = pytest.mark.usefixtures("in_this_process")


HOLDER = "Copyright 2024 The Aviary Team."


@pytest.mark.parametrize(
    ("head", "beside", "rule", "says"),
    [
        ("", {}, "undeclared", ""),
        ("# Adapted from birds/m1.py\n", {}, "elsewhere", "src/same.py, line 1"),
        ("# Adapted from birds/m0.py\n", {}, "notice", "src/same.py, line 1"),
        (f"# {HOLDER}\n", {}, "allowed", "src/same.py, line 1"),
        ("", {"NOTICE": "Copied from birds/m0.py\n"}, "notice", "NOTICE, line 1"),
        ("", {"NOTICE": f"{HOLDER}\n"}, "allowed", "NOTICE, line 1"),
        (
            "",
            {"REUSE.toml": f"[[annotations]]\npath='**'\nSPDX-FileCopyrightText='{HOLDER}'\n"},
            "allowed",
            "REUSE.toml, line 3",
        ),
    ],
)
def test_a_reference_file_as_it_is_is_declared_as_others_are(
    clean: Path, head: str, beside: dict[str, str], rule: str, says: str
) -> None:
    """By a comment or by a notice file; the reports name the line."""
    for path, text in {"src/same.py": head + program(0), **beside}.items():
        Path(path).write_text(text)
    found = audited("--output", "a.sarif", code=int(rule in ("undeclared", "elsewhere")))
    (one,) = found["rulings"]
    assert one["rule"] == rule
    (same,) = filter(None, (file["identical"] for file in found["report"]["files"]))
    assert [f"{it['path']}, line {it['line']}" for it in same["declarations"]] == [says] * bool(
        says
    )
    (result,) = json.loads(Path("a.sarif").read_text())["runs"][0]["results"]
    why = [it["justification"] for it in result["suppressions"]]
    assert why == [f"Declared in {says}."] * (rule == "allowed")


def test_who_takes_no_declaration_of_a_source_says_that_there_is_one(dirty: Path) -> None:
    borrowed = Path("src/borrowed.py")
    borrowed.write_text("# Copied from birds/m0.py\n" + borrowed.read_text())
    found = audited("--no-allow-declared", code=1)
    assert failures(found)
    for one in failures(found):
        assert "declared in the source, not in the policy" in one["message"]


def test_a_baseline_tells_new_known_and_fixed_apart(dirty: Path) -> None:
    """It survives moved lines and renamed files; a second copy is new."""
    run("audit", "--write-baseline", "--reason", "old", "--today", "2026-01-02", code=0)
    entries = json.loads(Path("provenance-baseline.json").read_text())["entries"]
    assert {(one["reason"], one["date"]) for one in entries} == {("old", "2026-01-02")}
    output = run("audit", code=0).output
    assert f"{len(entries)} known" in output
    marked = b"\xef\xbb\xbf" + Path("provenance-baseline.json").read_bytes()
    Path("provenance-baseline.json").write_bytes(marked)  # as some editors save it
    assert run("audit", code=0).output == output
    Path("src/borrowed.py").rename("src/moved.py")
    moved = Path("src/moved.py")
    moved.write_text("import math\n\n" + moved.read_text())
    assert f"{len(entries)} known" in run("audit", code=0).output
    Path("src/second.py").write_text(moved.read_text())
    assert {one["path"] for one in failures(audited(code=1))} == {"src/second.py"}
    Path("src/second.py").unlink()
    moved.write_text(renamed(program(2)))
    output = run("audit", code=1).output
    assert f"No longer found, so that the baseline can be written again ({len(entries)})" in output
    run("audit", "--write-baseline", code=0)
    assert "fixed" not in run("audit", code=0).output


def test_what_may_not_be_looked_at_keeps_its_entries(
    dirty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a folder that this user may list and not enter: a copy took its entries."""
    (dirty / "lib").mkdir()
    (dirty / "src" / "borrowed.py").rename(dirty / "lib" / "old.py")
    run("audit", "--write-baseline", code=0)
    (dirty / "lib" / "old.py").rename(dirty / "src" / "copy.py")
    looked = os.lstat

    def refused(path: Any, **given: Any) -> os.stat_result:
        if os.fspath(path).endswith("old.py"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return looked(path, **given)

    monkeypatch.setattr(os, "lstat", refused)
    found = audited("--include", "src", code=1)
    assert {one["path"] for one in failures(found)} == {"src/copy.py"}
    assert not found["fixed"]
    assert {one["path"] for one in failures(audited(code=1))} == {"src/copy.py"}
    monkeypatch.setattr(os, "lstat", looked)
    run("audit", code=0)


@pytest.mark.skipif(sys.platform == "win32", reason="names of files")
@pytest.mark.parametrize("name", ["old.py", "o\tld.py"])
def test_what_is_not_looked_at_keeps_its_entries(dirty: Path, name: str) -> None:
    """Left out by a glob, or beside what was asked for under a name that is shown otherwise: a
    second copy took its entries as code that was moved."""
    (dirty / "lib").mkdir()
    (dirty / "src" / "borrowed.py").rename(dirty / "lib" / name)
    run("audit", "--write-baseline", code=0)
    (dirty / "src" / "copy.py").write_text(renamed(program(0)))
    for part in (["src"], ["--exclude", "lib"], ["--include", "src"]):
        found = audited(*part, code=1)
        assert {one["path"] for one in failures(found)} == {"src/copy.py"}
        assert not found["fixed"]
        shutil.copy("provenance-baseline.json", "kept.json")
        assert ", 0 kept" not in run("audit", *part, "--write-baseline", code=0).output
        run("audit", code=0)
        shutil.move("kept.json", "provenance-baseline.json")
    (dirty / "lib" / name).unlink()
    run("audit", "src", code=0)
    run("audit", code=0)
    (dirty / "lib" / name).symlink_to("../src/copy.py")
    run("audit", code=0)
    (dirty / "lib" / name).unlink()
    (dirty / "lib").rmdir()
    (dirty / "src" / "copy.py").rename(dirty / "src" / name)
    (dirty / "lib").symlink_to("src")  # the folder was moved, with a link in its place
    run("audit", code=0)
    run("audit", f"src/{name}", code=0)


@pytest.mark.parametrize(
    "days", [("2024-01-02", "2025-01-02"), ("2024-01-02", "2024-01-02"), (None, None)]
)
def test_the_file_of_another_release_is_new(
    tmp_path: Path, clean: Path, days: tuple[str | None, str | None]
) -> None:
    """It has other code at the same path, and was known by what was accepted of the first; comments
    of one's own make no other code."""
    indexes = []
    for seed, day in enumerate(days):
        place = tmp_path / str(seed) / "birds" / "m.py"
        place.parent.mkdir(parents=True)
        place.write_text("# Copyright 2024 The Aviary Team.\n" + program(seed))
        indexes.append(str(tmp_path / f"{seed}.db"))
        provenance.build_index([str(place.parent)], indexes[-1], date=day, license="MIT")
    given = [part for one in indexes for part in ("--index", one)]
    Path("src/whole.py").write_text(program(0))
    run("audit", *given, "--write-baseline", code=0)
    run("audit", *given, code=0)
    Path("src/whole.py").write_text("# of ours\n" + program(0))
    run("audit", *given, code=0)
    Path("src/whole.py").rename("src/moved.py")
    run("audit", *given, code=0)
    Path("src/moved.py").write_text(program(1))
    found = audited(*given, code=1)
    assert [one["rule"] for one in failures(found)] == ["undeclared"]
    assert len(found["fixed"]) == 1


def test_a_declaration_that_fits_another_file_is_at_no_fault_of_one(dirty: Path) -> None:
    """``--diff`` and hooks look at some files of it; the whole audit has nothing against it."""
    (dirty / "src" / "other.py").write_text(renamed(program(1)))
    policy = Path("provenance.toml")
    said = "\n[[declared]]\npath = 'src/'\norigin = 'birds/m0'\n"
    policy.write_text(policy.read_text() + said)
    run("audit", "--write-baseline", "--reason", "known", code=0)
    assert not failures(audited(code=0))
    assert not failures(audited("src/other.py", code=0))


def test_a_page_without_the_text_of_what_was_scanned_is_told(
    dirty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where it cannot be read a second time; a scan says so."""
    assert "gone or has changed" not in run("audit", "--output", "a.html", code=1).output
    monkeypatch.setattr("provenance.sides.suspect_texts", lambda *_, **__: {})
    output = run("audit", "--output", "a.html", code=1).output
    assert "text of 1 scanned file with findings is gone or has changed" in output


def test_what_fails_is_told_where_the_baseline_cannot_be_written(dirty: Path) -> None:
    """As on a full disk: an audit of an hour said nothing but that."""
    output = run("audit", "--baseline", "gone/b.json", "--write-baseline", code=2).output
    assert "src/borrowed.py" in output
    assert "found no folder" in output


@pytest.mark.parametrize("path", ["//evil.example/share/a.py", r"\\evil.example\share\a.py"])
def test_no_entry_of_a_baseline_is_looked_for_on_another_computer(
    dirty: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows would sign in there. What cannot be here is gone."""
    run("audit", "--write-baseline", code=0)
    known = json.loads(Path("provenance-baseline.json").read_text())
    known["entries"].append({**known["entries"][0], "id": "0", "path": path})
    Path("provenance-baseline.json").write_text(json.dumps(known))
    looked: list[str] = []
    lexists = os.path.lexists

    def noted(path: str) -> bool:
        looked.append(str(path))
        return lexists(path)

    monkeypatch.setattr("os.path.lexists", noted)
    found = audited("src/borrowed.py", code=0)
    assert looked
    assert not [one for one in looked if "evil" in one]
    assert [one["path"] for one in found["fixed"]] == [path]


def test_a_baseline_that_is_named_must_be_there(clean: Path) -> None:
    assert "found no baseline" in run("audit", "--baseline", "b.json", code=2).output
    run("audit", "--baseline", "b.json", "--write-baseline", code=0)
    run("audit", "--baseline", "b.json", code=0)
