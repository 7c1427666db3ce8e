"""The audit step as its users run it: quiet where all is well, exact where not, with a way out."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from audits import audit, finding, ruling
from click.testing import CliRunner, Result
from hypothesis import example, given
from hypothesis import strategies as st
from programs import inserted, program, renamed
from thorough import THOROUGH

import provenance
from provenance.cli import main
from provenance.errors import UsageError
from provenance.model import Declaration
from provenance.notices import MARK
from provenance.patterns import Patterns
from provenance.planning import planned, under
from provenance.report.notices import _glob, notices_text
from provenance.settings import SETTINGS

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of three modules, each a family of its own."""
    folder = tmp_path_factory.mktemp("index")
    for seed in range(3):
        place = folder / "birds" / f"m{seed}.py"
        place.parent.mkdir(exist_ok=True)
        place.write_text("# Copyright 2024 The Aviary Team.\n" + program(seed))
    path = folder / "birds.db"
    provenance.build_index([str(folder / "birds")], path, date="2025-01-02", license="MIT")
    return path


OWN = "def f(a):\n    return [a.b(c) for c in a if c.d]\n"


@pytest.fixture
def clean(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a policy and nothing borrowed; the current folder."""
    root = tmp_path / "repository"
    (root / "src").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "src" / "own.py").write_text(OWN)
    (root / "provenance.toml").write_text(
        f"fail-on = 'resembles'\ndefault-index = false\nindex = [{json.dumps(str(index))}]\n"
    )
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def dirty(clean: Path) -> Path:
    """The same with a renamed copy that nobody declares."""
    (clean / "src" / "borrowed.py").write_text(renamed(program(0)))
    return clean


def run(*arguments: object, code: int) -> Result:
    """Run a command in this process; no exception may come out but its own exit."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code == code, result.output
    return result


def audited(*arguments: object, code: int) -> dict[str, Any]:
    run("audit", *arguments, "--output", "audit.json", code=code)
    found: dict[str, Any] = json.loads(Path("audit.json").read_text("utf-8"))
    Path("audit.json").unlink()
    return found


def failures(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in found["rulings"] if one["level"] == "error" and one["status"] == "new"]


# --- quiet, exact, and a way out ----------------------------------------------------------


def test_a_clean_repository_is_one_line(clean: Path) -> None:
    policy = Path("provenance.toml")
    policy.write_text(policy.read_text().replace("default-index = false\n", ""))
    assert run("audit", code=0).output == "Clean: 1 file (2 lines).\n"


def test_a_dirty_one_fails_with_the_borrowed_file_alone(dirty: Path) -> None:
    """With the lines of the units, what they are like, and what to do."""
    output = run("audit", code=1).output
    assert "src/borrowed.py" in output
    assert "own.py" not in output
    assert "not declared: birds/m0 (MIT)" in output
    assert "to do: declare it" in output
    assert "provenance notices --write" in output
    found = audited(code=1)
    assert {one["path"] for one in failures(found)} == {"src/borrowed.py"}
    lines = Path("src/borrowed.py").read_text().split("\n")
    for one in failures(found):
        finding = next(f for f in found["report"]["findings"] if f["id"] == one["finding"])
        name = finding["suspect"]["name"].rpartition(".")[2]
        if name != "<module>":
            assert name in lines[one["start_line"] - 1]
        assert one["end_line"] == finding["suspect"]["end_line"]
    assert found["clean"] is False


def test_init_leaves_the_line_ends_of_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of somebody's file was changed to add some lines to it."""
    monkeypatch.chdir(tmp_path)
    before = b'[project]\r\nname = "a"\r\n'
    Path("pyproject.toml").write_bytes(before)
    run("audit", "--init", code=0)
    assert Path("pyproject.toml").read_bytes().startswith(before.rstrip(b"\n"))
    assert b"[tool.provenance]" in Path("pyproject.toml").read_bytes()


def test_an_origin_whose_name_is_a_glob_can_be_declared(tmp_path: Path, clean: Path) -> None:
    """What was written for it was like other names, and not like its own."""
    (tmp_path / "signs" / "models" / "m[ab]*").mkdir(parents=True)
    (tmp_path / "signs" / "models" / "m[ab]*" / "a.py").write_text(program(7))
    provenance.build_index([str(tmp_path / "signs")], tmp_path / "signs.db", date="2025-01-02")
    policy = Path("provenance.toml")
    policy.write_text(policy.read_text().replace("index = [", "index = ['../signs.db', "))
    Path("src/signs.py").write_text(renamed(program(7)))
    run("audit", code=1)
    run("notices", "--write", code=0)
    assert 'origin = "signs/m[[]ab][*]"' in policy.read_text()
    run("audit", code=0)


def test_one_command_is_the_way_out_and_an_edit_elsewhere_does_not_undo_it(dirty: Path) -> None:
    """The notices name holder, licence and lines; the declaration names file and origin."""
    output = run("notices", "--write", "--reason", "agreed", code=0).output
    assert "# Adapted from m0.py of birds." in output
    assert "# Copyright (c) The Aviary Team" in output
    notices = Path("THIRD_PARTY_NOTICES.md").read_text()
    for part in ("birds, MIT", "(c) The Aviary Team", "src/borrowed.py, lines", "MIT, para"):
        assert part in notices
    policy = Path("provenance.toml").read_text()
    assert policy.startswith("fail-on = 'resembles'\n")
    assert 'path = "src/borrowed.py"\norigin = "birds/m0"\nlicense = "MIT"' in policy
    run("audit", code=0)
    run("notices", "--write", code=0)
    assert Path("THIRD_PARTY_NOTICES.md").read_text() == notices, "read, it is no other"
    place = Path("src/borrowed.py")
    place.write_text("import math\n\n\n" + OWN + "\n\n" + place.read_text() + "\n\n" + OWN)
    assert run("audit", code=0).output.startswith("Clean: 2 files")
    before = Path("provenance.toml").read_text()
    run("notices", "--write", code=0)
    assert Path("provenance.toml").read_text() == before, "nothing is declared twice"


def test_the_header_comment_alone_declares_as_well(dirty: Path) -> None:
    """What is suggested for the head of a file is understood when it stands there."""
    output = run("notices", code=0).output
    header = output.split("src/borrowed.py\n\n")[-1]
    assert header.startswith("# Adapted from ")
    place = Path("src/borrowed.py")
    place.write_text(header + "\n" + place.read_text())
    assert run("audit", code=0).output.startswith("Clean")


@pytest.mark.parametrize("released", ["Apache-2.0", "MIT", None])
def test_the_header_comment_names_all_that_an_audit_asks_for(
    tmp_path: Path, clean: Path, released: str | None
) -> None:
    """A holder in small letters was not read where it stood as it was suggested, and a licence that
    only the file names was left out."""
    folder = tmp_path / "signs" / "models" / "owl"
    folder.mkdir(parents=True)
    head = "# Copyright (c) 2024 clefourrier and the owl team\n# SPDX-License-Identifier: MIT\n"
    (folder / "modeling_owl.py").write_text(head + program(7))
    provenance.build_index([str(tmp_path / "signs")], tmp_path / "signs.db", license=released)
    policy = Path("provenance.toml")
    policy.write_text(policy.read_text().replace("index = [", "index = ['../signs.db', "))
    place = Path("src/signs.py")
    place.write_text(renamed(program(7)))
    header = run("notices", code=0).output.split("src/signs.py\n\n")[-1].split("\n\n")[0]
    run("notices", "--write", code=0)
    (notice,) = provenance.scan(".", [tmp_path / "signs.db"]).files[-1].notices
    assert (notice.missing_holders, len(notice.elsewhere_holders)) == ((), 2), "as in the file"
    Path("THIRD_PARTY_NOTICES.md").unlink()
    assert "# Copyright (c) clefourrier\n" in header
    place.write_text(header + "\n\n" + place.read_text())
    assert run("audit", "--require-notices", code=0).output.startswith("Clean")


@pytest.fixture
def held(dirty: Path) -> Path:
    """The same, where each family has a holder of its own."""
    for seed in range(3):
        (dirty.parent / f"m{seed}.py").write_text(f"# Copyright Team {seed}.\n" + program(seed))
    place = dirty.parent / "held.db"
    modules = [str(dirty.parent / f"m{seed}.py") for seed in range(3)]
    provenance.build_index(modules, place, license="MIT", date="2025-01-02")
    policy = f"fail-on = 'resembles'\ndefault-index = false\nindex = [{json.dumps(str(place))}]\n"
    Path("provenance.toml").write_text(policy)
    return dirty


@pytest.mark.parametrize(
    "part", [["new.py"], ["--diff", "HEAD"], ["--include", "new.py"], ["--exclude", "src"]]
)
def test_what_a_part_calls_for_takes_no_notice_away(held: Path, part: list[str]) -> None:
    """What other files need stood no more in the file of notices, unsaid. Nor is more declared."""
    Path("src/third.py").write_text(renamed(program(2)))
    run("notices", "--write", code=0)
    before = Path("provenance.toml").read_text()
    Path("src/more.py").write_text(renamed(program(2)))
    if "--diff" in part:
        shutil.rmtree(".git")
        for words in (["init", "-q", "."], ["add", "."], ["commit", "-q", "-m", "one"]):
            identity = ["-c", "user.name=n", "-c", "user.email=e@example.invalid"]
            subprocess.run(["git", *identity, *words], check=True)
    Path("new.py").write_text(renamed(program(1)))
    run("notices", *part, "--write", "--reason", "of a part", code=0)
    notices = Path("THIRD_PARTY_NOTICES.md").read_text()
    for name in ("new.py", "src/borrowed.py", "src/third.py", "Team 0", "Team 1", "Team 2"):
        assert name in notices
    assert "src/more.py" not in notices
    added = Path("provenance.toml").read_text().removeprefix(before.rstrip("\n"))
    assert added.count("[[declared]]") == added.count('path = "/new.py"') == 1
    assert {one["path"] for one in failures(audited(code=1))} == {"src/more.py"}
    run("notices", *part, "--write", code=0)
    assert Path("THIRD_PARTY_NOTICES.md").read_text() == notices


def test_our_own_notices_declare_what_they_list(held: Path) -> None:
    """Not the next copy of the same, here or below: the way out of one finding let all that came
    after it pass."""
    (held / "src" / "pack").mkdir()
    (held / "src" / "odd  [name], lines 1-2.py").write_text(renamed(program(1)))
    (held / "src" / "pack" / "m.py").write_text(renamed(program(1)))
    run("notices", "--write", code=0)
    run("audit", "--require-notices", code=0)
    policy = Path("provenance.toml").read_text()
    (held / "deep" / "er").mkdir(parents=True)
    copies = ("new.py", "borrowed.py", "deep/er/new.py", "deep/src/borrowed.py")
    (held / "deep" / "src").mkdir()
    for name in copies:
        Path(name).write_text(renamed(program(0)))
    assert {one["path"] for one in failures(audited(code=1))} == set(copies)
    for name in copies:
        Path(name).unlink()
    Path("provenance.toml").write_text(policy.partition("[[declared]]")[0])
    run("audit", code=0)  # what they list they declare, with or without a policy
    for place, notices in (  # as build tools pack them, and what an archive of git has
        ("pack/m.py", "zoo-1.dist-info/licenses/THIRD_PARTY_NOTICES.md"),
        ("src/pack/m.py", "zoo-1.dist-info/licenses/THIRD_PARTY_NOTICES.md"),
        ("zoo-1/src/pack/m.py", "zoo-1/THIRD_PARTY_NOTICES.md"),
    ):
        with zipfile.ZipFile("zoo.zip", "w") as packed:
            packed.write("src/pack/m.py", place)
            packed.write("THIRD_PARTY_NOTICES.md", notices)
        found = provenance.scan("zoo.zip", [held.parent / "held.db"]).findings
        assert {one.attribution for one in found} == {"declared"}
    shutil.move("src/pack", "pack")
    shutil.move("src", "lib")
    there = {one["path"] for one in failures(audited(code=1))}
    assert there == {"pack/m.py", "lib/borrowed.py", "lib/odd  [name], lines 1-2.py"}


def test_our_notices_name_a_family_by_the_path_of_its_file(dirty: Path, index: Path) -> None:
    """Its name may be a mere word, or too short to be read in a line."""
    run("notices", "--write", code=0)
    Path("provenance.toml").unlink()
    notices = Path("THIRD_PARTY_NOTICES.md")
    notices.write_text(notices.read_text().replace("- Copyright (c) The Aviary Team", "-"))
    found = provenance.scan(".", [index]).findings
    assert {one.attribution for one in found} == {"declared"}
    notices.write_text(notices.read_text().replace(": m0.py", ": m1.py"))
    found = provenance.scan(".", [index]).findings
    assert {one.attribution for one in found} == {"undeclared"}
    text = notices.read_text().replace(": m1.py", ": m0.py")
    notices.write_text(text.replace("## birds,", "## others,"))
    found = provenance.scan(".", [index]).findings
    assert {one.attribution for one in found} == {"undeclared"}, "a file of another package"


def test_our_notices_list_files_from_where_they_stand(held: Path) -> None:
    """So that they say the same of a folder that is packed, or scanned, alone: and nothing of what
    stands below it by the same way."""
    shutil.rmtree("src")
    Path("sub/licenses").mkdir(parents=True)
    shutil.move("provenance.toml", "sub/provenance.toml")
    Path("sub/x.py").write_text(renamed(program(1)))
    place = "sub/licenses/THIRD_PARTY_NOTICES.md"
    run("notices", "sub", "--write", "--notices-file", place, code=0)
    assert "\n- x.py, lines" in Path(place).read_text()
    policy = Path("sub/provenance.toml").read_text()
    Path("sub/provenance.toml").write_text(policy.partition("[[declared]]")[0])
    run("audit", "sub", code=0)
    (held.parent / "link").symlink_to(held)
    run("notices", "../link/sub", "--write", "--notices-file", f"../link/{place}", code=0)
    for source in (".", "sub"):
        found = provenance.scan(source, [held.parent / "held.db"]).findings
        assert {one.attribution for one in found} == {"declared"}
    Path("sub/sub").mkdir()
    shutil.copy("sub/x.py", "sub/sub/x.py")
    output = run("audit", "sub", code=1).output
    assert ("sub/sub/x.py" in output, "\nsub/x.py" in output) == (True, False)
    Path("docs").mkdir()
    run("notices", "sub", "--write", "--notices-file", "docs/NOTICES.md", code=0)
    assert "\n- ../sub/x.py, lines" in Path("docs/NOTICES.md").read_text(), (
        "of which it says nothing"
    )


def test_our_notices_above_the_root_list_files_from_there(held: Path) -> None:
    """As where a submodule's stand in the repository around it, whose own they may not replace."""
    shutil.move(".git", "src/.git")
    shutil.move("provenance.toml", "src/provenance.toml")
    given = ["src", "--write", "--notices-file", "THIRD_PARTY_NOTICES.md"]
    run("notices", *given, code=0)
    text = Path("THIRD_PARTY_NOTICES.md").read_text()
    assert "\n- src/borrowed.py, lines" in text
    found = provenance.scan(".", [held.parent / "held.db"]).findings
    assert {one.attribution for one in found} == {"declared"}
    run("notices", *given, code=0)
    Path("own.py").touch()
    more = text.replace("- src/borrowed", "- own.py, lines 1-2: m0.py\n- src/borrowed")
    Path("THIRD_PARTY_NOTICES.md").write_text(more)
    assert "found notices of ../own.py, which" in run("notices", *given, code=2).output


@pytest.mark.parametrize("name", ["licenses", "zoo-1.dist-info"])
def test_our_notices_in_a_repository_of_any_name(held: Path, name: str) -> None:
    """One that would be that of a mere folder of licences."""
    there = held.rename(held.parent / name)
    run("notices", there, "--write", code=0)
    found = provenance.scan(there, [held.parent / "held.db"]).findings
    assert {one.attribution for one in found} == {"declared"}


def test_the_notices_are_the_same_before_and_after_what_they_call_for() -> None:
    """What resembles fails by nothing, but is covered by the declaration of what is derived from
    the same origin: its lines and versions came with the second writing."""
    derived, weak, other = (finding(at) for at in (1, 2, 3))
    weak = replace(weak, suspect=replace(derived.suspect, start_line=20, end_line=30))
    weak = replace(weak, verdict="resembles")
    also = replace(weak.reference, origin="zoo/other", version="5.0.0")
    second = replace(weak, reference=also, also=(derived.reference.origin,))
    third = replace(other, verdict="resembles")  # in a file without a failure
    said = [ruling(derived)]
    said += (ruling(one, rule="allowed", breaks=()) for one in (weak, second, third))
    before = audit(tuple(said))
    declared = [replace(one, breaks=(), declared_by="provenance.toml:1") for one in said[:3]]
    after = audit((*declared, said[3]))
    text = notices_text(before)
    assert text == notices_text(after)
    assert "part_1.py, lines 3-9, 20-30" in text
    assert ("5.0.0" in text, "part_3" in text) == (True, False)


def test_a_line_of_our_notices_declares_its_own_file(dirty: Path) -> None:
    """Not what other lines of its section name, which may be all families of a package."""
    zoo = dirty.parent / "zoo"
    zoo.mkdir()
    for seed in (0, 2):
        (zoo / f"wren{seed}.py").write_text(program(seed))
    provenance.build_index([str(zoo)], zoo / "zoo.db", license="MIT", date="2025-01-02")
    policy = f"fail-on = 'resembles'\ndefault-index = false\nindex = ['{zoo.as_posix()}/zoo.db']\n"
    Path("provenance.toml").write_text(policy)
    Path("src/other.py").write_text(renamed(program(2)))
    shutil.move("src/borrowed.py", "src/wren2.py")
    run("notices", "--write", code=0)
    notices = Path("THIRD_PARTY_NOTICES.md").read_text()
    assert notices.count("\n## ") == 1
    policy = Path("provenance.toml").read_text()
    Path("provenance.toml").write_text(policy.partition("[[declared]]")[0])
    run("audit", code=0)
    place = Path("src/wren2.py")  # nor does its name
    place.write_text(place.read_text() + "\n\n" + renamed(program(2)))
    found = failures(audited(code=1))
    assert {(one["path"], one["origin"]) for one in found} == {("src/wren2.py", "zoo/wren2")}
    moved = notices.replace("src/other.py", "src/wren2.py")
    Path("THIRD_PARTY_NOTICES.md").write_text(moved)
    assert {one["path"] for one in failures(audited(code=1))} == {"src/other.py"}


def test_notices_of_what_is_not_looked_at_stay(held: Path) -> None:
    """Two policies with one file of notices took each other's away, and so did an archive."""
    policy = Path("provenance.toml").read_text()
    Path("provenance.toml").unlink()
    for seed, name in enumerate(("one", "two")):
        Path(name).mkdir()
        Path(name, "m.py").write_text(renamed(program(seed)))
        Path(name, "provenance.toml").write_text(
            f"{policy}notices-file = '../THIRD_PARTY_NOTICES.md'\n"
        )
    run("notices", "one", "--write", code=0)
    text = Path("THIRD_PARTY_NOTICES.md").read_text()
    assert "found notices of one/m.py, which" in run("notices", "two", "--write", code=2).output
    with zipfile.ZipFile("acme.whl", "w") as packed:
        packed.write("two/m.py", "m.py")
    given = ["acme.whl", "--write", "--config", "one/provenance.toml"]
    assert "found notices of one/m.py" in run("notices", *given, code=2).output
    assert Path("THIRD_PARTY_NOTICES.md").read_text() == text
    run("notices", "one", "--write", code=0)
    shutil.copytree("two", "dist/two")
    given = ["dist/acme.whl", "--write", "--notices-file", "dist/NOTICES.md"]
    given += ["--config", "one/provenance.toml"]
    with zipfile.ZipFile("dist/acme.whl", "w") as packed:
        packed.write("two/m.py", "two/m.py")
    run("notices", *given, code=0)
    run("notices", *given, code=0)  # the same files, which are there too
    assert "\n- two/m.py, lines" in Path("dist/NOTICES.md").read_text()
    with zipfile.ZipFile("dist/acme.whl", "w") as packed:  # others, of the same names
        packed.writestr("two/m.py", renamed(program(2)))
    assert "found notices of dist/two/m.py" in run("notices", *given, code=2).output
    for place in ("docs", "docs/licenses"):  # which lists them from its own folder
        Path(place).mkdir()
        given = ["--write", "--notices-file", f"{place}/NOTICES.md"]
        run("notices", "one", *given, code=0)
        run("notices", "one", *given, code=0)
        assert "found notices of" in run("notices", "two", *given, code=2).output
        assert "found notices of" in run("notices", "acme.whl", *given, code=2).output
    shutil.rmtree("one")
    run("notices", "two", "--write", code=0)


@pytest.mark.parametrize("what", ["LONGEST_FILE", "LONGEST"])
def test_what_would_not_be_read_again_is_not_written(
    dirty: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The notices of 1,250 files were, and every command after it called them too long."""
    before = Path("provenance.toml").read_text()
    monkeypatch.setattr(f"provenance.auditing.{what}", 200)
    output = run("notices", "--write", code=2).output
    assert "bytes to write, expected at most 200" in output
    assert not Path("THIRD_PARTY_NOTICES.md").exists()
    assert Path("provenance.toml").read_text() == before
    run("notices", code=0)


def test_what_a_part_calls_for_lists_no_file_that_is_declared_in_part() -> None:
    """A line of it would declare what fails there as well. Of another family it says nothing."""
    one, two, three = (finding(at, attribution="declared") for at in (1, 2, 3))
    two = replace(two, suspect=replace(one.suspect, start_line=20), attribution="undeclared")
    other = replace(three.reference, origin="zoo/owl", family="owl", path="owl.py")
    three = replace(three, suspect=one.suspect, reference=other, also=())
    allowed = [ruling(each, rule="allowed", breaks=()) for each in (one, three)]
    fails = ruling(two, breaks=("undeclared",))
    text = notices_text(audit((*allowed, fails)), part={"src/a.py"})
    assert ("part_1.py" in text, "owl.py" in text, "modeling_llama" in text) == (True, True, False)
    text = notices_text(audit(tuple(allowed)), part={"src/a.py"})
    assert "modeling_llama" in text
    line = Declaration(
        "named", "NOTICE", 9, "llama.py", "llama"
    )  # which does not declare the other
    allowed[0] = ruling(replace(one, declarations=(line,)), rule="allowed", breaks=())
    assert "modeling_llama" in notices_text(audit((*allowed, fails)), part={"src/a.py"})


def test_what_was_not_read_takes_no_notice_away(dirty: Path) -> None:
    run("notices", "--write", code=0)
    before = Path("THIRD_PARTY_NOTICES.md").read_text()
    Path("src/borrowed.py").write_bytes(b"\xff\0")
    output = run("notices", "--write", code=3).output
    assert "the notices were not written: not complete" in output
    assert Path("THIRD_PARTY_NOTICES.md").read_text() == before


@pytest.mark.parametrize("name", ["sub", "a  b", "a\nb"])
def test_the_notices_of_a_folder_with_a_policy_are_of_that_folder(held: Path, name: str) -> None:
    """All of it, and nothing else of the repository; whatever it is called."""
    sub = held / name
    sub.mkdir()
    for seed, file in enumerate(("one.py", "two.py", "left.py"), 1):
        (sub / file).write_text(renamed(program(seed % 3)))
    policy = Path("provenance.toml").read_text()
    (sub / "provenance.toml").write_text(f"{policy}exclude = ['left.py']\n")
    run("notices", sub, "--write", code=0)
    run("notices", sub / "one.py", "--write", code=0)
    notices = (sub / "THIRD_PARTY_NOTICES.md").read_text()
    there = [file in notices for file in ("one.py", "two.py", "left.py", "borrowed.py")]
    assert there == [True, True, False, False]
    run("audit", sub, code=0)
    found = provenance.scan(sub, [held.parent / "held.db"], exclude=["left.py"]).findings
    assert {one.attribution for one in found} == {"declared"}


def test_what_a_policy_elsewhere_cannot_declare_is_told(dirty: Path) -> None:
    """Its paths begin in its own folder, and no declaration in it fits a file outside."""
    (dirty / "ci").mkdir()
    shutil.move("provenance.toml", "ci/provenance.toml")
    output = run("notices", "--write", "--config", "ci/provenance.toml", code=3).output
    assert "src/borrowed.py: found outside of ci/" in output
    assert "declared" not in Path("ci/provenance.toml").read_text()
    shutil.move("ci/provenance.toml", "provenance.toml")
    run("notices", "--write", code=0)


@pytest.mark.parametrize("name", ["it's [a] {b,c} *!#?.py", "größe 模型.py", "#a.py", "!a.py"])
def test_files_of_any_name_can_be_declared(dirty: Path, name: str) -> None:
    if sys.platform == "win32":
        pytest.skip("such names are none there")
    Path("src/borrowed.py").rename(name)
    run("audit", code=1)
    run("notices", "--write", code=0)
    run("audit", code=0)


def test_a_policy_that_cannot_be_added_to_is_said(dirty: Path) -> None:
    """And is left as it was."""
    policy = Path("provenance.toml")
    text = "declared = [{path = 'a', origin = 'b'}]\n" + policy.read_text()
    policy.write_text(text)
    output = run("notices", "--write", code=2).output
    assert "add them by hand" in output
    assert "path = " in output
    assert policy.read_text() == text
    assert not Path("THIRD_PARTY_NOTICES.md").exists()


def test_notices_of_others_are_not_overwritten(dirty: Path) -> None:
    Path("THIRD_PARTY_NOTICES.md").write_text("by hand\n")
    assert "did not write" in run("notices", "--write", code=2).output
    assert Path("THIRD_PARTY_NOTICES.md").read_text() == "by hand\n"
    Path("NOTICES.md").write_text(f"{MARK}\n", "utf-8-sig")  # as some editors save it
    run("notices", "--write", "--notices-file", "NOTICES.md", code=0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_notices_that_are_a_pipe_are_not_waited_for(dirty: Path) -> None:
    os.mkfifo("THIRD_PARTY_NOTICES.md")
    assert "found a named pipe" in run("notices", "--write", code=2).output


def test_a_file_as_it_is_needs_a_declaration_unless_it_names_its_holders(clean: Path) -> None:
    """Byte for byte it names whom it names; with the notice taken out it is undeclared."""
    head = "# Copyright 2024 The Aviary Team.\n"
    Path("src/same.py").write_text(head + program(1))
    assert audited(code=0)["rulings"][0]["rule"] == "allowed"
    Path("src/same.py").write_text(program(1))
    (ruling,) = failures(audited(code=1))
    assert (ruling["path"], ruling["start_line"], ruling["finding"]) == ("src/same.py", 1, None)
    assert ruling["breaks"] == ["undeclared", "notice"]
    run("notices", "--write", code=0)
    run("audit", code=0)


# --- the policy ---------------------------------------------------------------------------


def test_flag_over_variable_over_file(dirty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("audit", code=1)
    monkeypatch.setenv("PROVENANCE_FAIL_ON", "never")
    run("audit", code=0)
    run("audit", "--fail-on", "resembles", code=1)
    monkeypatch.delenv("PROVENANCE_FAIL_ON")
    monkeypatch.setenv("PROVENANCE_EXCLUDE", "nothing.py borrowed.py")
    run("audit", code=0)


def test_every_setting_is_an_option_with_its_variable() -> None:
    for name in ("audit", "notices"):
        options = {one.opts[0]: one for one in main.commands[name].params}
        for setting in SETTINGS:
            if name == "notices" and setting.key in ("output", "bundle"):
                assert f"--{setting.key}" not in options  # it writes none
                continue
            option = options[f"--{setting.key}"]
            assert getattr(option, "envvar", None) == setting.variable


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["--deny-license", "MIT"], "license"),
        (["--allow-license", "Apache-2.0"], "license"),
        (["--deny-family", "M0"], "origin"),
        (["--deny-family", "birds/*"], "origin"),
    ],
)
def test_what_is_denied_fails_although_declared(
    dirty: Path, arguments: list[str], rule: str
) -> None:
    run("notices", "--write", code=0)
    run("audit", code=0)
    found = failures(audited(*arguments, code=1))
    assert {one["rule"] for one in found} == {rule}
    assert all(one["declared_by"] for one in found)


def test_a_whole_file_fails_by_its_verdict(clean: Path, tmp_path: Path) -> None:
    """As a finding does: what is older than its reference is derived from nothing."""
    for folder, seed in (("before", 7), ("after", 0)):
        place = tmp_path / folder / "birds" / "m0.py"
        place.parent.mkdir(parents=True)
        place.write_text(program(seed))
    own = tmp_path / "own.db"
    days = {"before": "2024-01-02", "after": "2025-01-02"}
    for folder, day in days.items():
        source = str(tmp_path / folder / "birds")
        provenance.build_index([source], own, date=day, extend=folder == "after")
    (clean / "src" / "borrowed.py").write_text(program(0))
    policy = f"default-index = false\nindex = [{json.dumps(str(own))}]\n"
    (clean / "provenance.toml").write_text(policy)  # it fails from derived on
    (failed,) = failures(audited("--suspect-date", "2026-01-01", code=1))
    assert failed["message"].startswith("the file is m0.py of birds byte for byte; not d")
    (ruled,) = audited("--suspect-date", "2023-01-01", code=0)["rulings"]
    assert (ruled["rule"], ruled["level"]) == ("allowed", "note")
    assert ruled["message"].endswith("byte for byte, which is younger than this")
    audited("--suspect-date", "2023-01-01", "--fail-on", "resembles", code=1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--allow-license", "M*"],
        ["--allow-license", "mit"],
        ["--deny-license", "GPL-*"],
        ["--deny-family", "m1"],
        ["--deny-country", "KR"],
        ["--vendored", "src/borrowed.py"],
        ["--exclude", "borrowed.py"],
        ["--include", "own.py"],
        ["--smallest-unit", "1000"],
        ["--exclude-origin", "birds/*"],
        ["--as-of", "2025-01-01"],
        ["--fail-on", "derived"],
    ],
)
def test_what_is_not_denied_passes(dirty: Path, arguments: list[str]) -> None:
    if arguments[0] in ("--allow-license", "--deny-license", "--deny-family", "--deny-country"):
        run("notices", "--write", code=0)
    run("audit", *arguments, code=0)


def test_a_licence_that_is_none_is_refused(clean: Path) -> None:
    """It would never match, and say nothing."""
    output = run("audit", "--deny-license", "GPLv3", code=2).output
    assert "found 'GPLv3', expected an SPDX identifier" in output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--deny-family", "m11"], "deny-family has 'm11', as no family"),
        (["--deny-family", "birds/m11"], "did you mean 'birds/m1'?"),
        (["--deny-country", "KR"], "deny-country has 'KR', as no country"),
        (["--deny-organisation", "Birds"], "deny-organisation has 'Birds', as no organisation"),
        (["--deny-family", "BIRDS/M1", "--deny-family", "m11*", "--deny-family", "m1"], ""),
    ],
)
def test_what_is_denied_by_a_name_that_no_index_has_is_told(
    clean: Path, arguments: list[str], told: str
) -> None:
    """It would never fail, and nobody would see that the name is a slip."""
    assert told in (output := run("audit", *arguments, code=0).output)
    assert ("nothing is denied by it" in output) == bool(told)


def test_few_of_very_many_names_that_no_index_has_are_told(clean: Path) -> None:
    """Each is compared with all that the indexes have, and none is shown at length."""
    wrong = ", ".join(f"'{at}{'x' * 1_000}'" for at in range(100))
    with (clean / "provenance.toml").open("a") as file:
        file.write(f"deny-family = [{wrong}]\n")
    told = [line for line in run("audit", code=0).output.split("\n") if "is denied by" in line]
    assert len(told) == 20
    assert max(map(len, told)) < 200


def test_all_borrowing_can_be_forbidden(dirty: Path) -> None:
    """``allow-declared`` is of what files say; the policy's own declarations are the way out."""
    place = Path("src/borrowed.py")
    place.write_text("# Adapted from m0.py of birds.\n" + place.read_text())
    run("audit", code=0)
    run("audit", "--no-allow-declared", code=1)
    run("notices", "--write", "--no-allow-declared", code=0)
    run("audit", "--no-allow-declared", code=0)


def test_declarations_at_fault_are_reported(dirty: Path) -> None:
    """One that matches nothing warns, one that names another origin or has expired fails."""
    policy = Path("provenance.toml")
    before = policy.read_text()
    stanza = "[[declared]]\npath = '{}'\norigin = '{}'\n{}"

    def declared(path: str, origin: str, more: str, code: int, *arguments: str) -> Any:
        policy.write_text(before + stanza.format(path, origin, more))
        found = audited(*arguments, code=code)["rulings"]
        return [one for one in found if one["rule"] == "declaration"]

    (gone,) = declared("src/nothing.py", "birds/m0", "", 1)
    assert (gone["level"], gone["path"], gone["start_line"]) == ("warning", "provenance.toml", 4)
    assert "matches nothing" in gone["message"]
    assert declared("src/nothing.py", "birds/m0", "", 1, "src") == [], "only the whole can tell"
    (other,) = declared("src/borrowed.py", "birds/m2", "", 1)
    assert other["level"] == "error"
    assert "names birds/m2; the text shows birds/m0" in other["message"]
    day = ("--today", "2026-06-01")
    (old,) = declared("src/*.py", "birds/m0", "expires = 2026-05-31\n", 1, *day)
    assert "expired on 2026-05-31" in old["message"]
    assert declared("src/*.py", "birds/m0", "expires = 2026-06-01\n", 0, *day) == []
    assert declared("src/*.py", "m0", "symbol = '*'\n", 0) == []
    assert declared("src/*.py", "m0", "symbol = 'nothing'\n", 1)[0]["level"] == "warning"


def test_a_notice_that_is_gone_warns_or_fails_and_can_be_passed_on(dirty: Path) -> None:
    place = Path("src/borrowed.py")
    place.write_text("# Adapted from m0.py of birds.\n" + place.read_text())
    output = run("audit", code=0).output
    assert "warning, notice is gone: birds/m0" in output
    assert "The Aviary Team" in output
    assert {one["rule"] for one in failures(audited("--require-notices", code=1))} == {"notice"}
    run("notices", "--write", code=0)
    assert "warning" not in run("audit", "--require-notices", code=0).output


def test_a_folder_that_may_not_be_looked_into_is_told_as_such(
    clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is known to be there. Whoever tests as root may look into all."""
    real = os.lstat

    def forbidden(path: str, **more: int) -> os.stat_result:
        if os.path.basename(path) == "provenance-baseline.json":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, **more)

    monkeypatch.setattr(os, "lstat", forbidden)
    assert "permit that or name another with --baseline" in run("audit", code=2).output


@pytest.mark.skipif(os.name == "nt", reason="links and pipes")
@pytest.mark.parametrize("what", ["a folder", "a NUL", "a named pipe", "leads nowhere", "a loop"])
@pytest.mark.parametrize("key", ["notices-file", "baseline", "policy"])
def test_a_file_of_a_policy_that_cannot_be_read_is_told(clean: Path, what: str, key: str) -> None:
    """It counted as one that is not there: the audit passed on what nobody had read."""
    place = Path("pyproject.toml" if key == "policy" else "named.md")
    if key != "policy":
        run("audit", f"--{key}", "gone.md", code=2 if key == "baseline" else 0)
        policy = Path("provenance.toml")
        policy.write_text(policy.read_text() + f"{key} = '{place}'\n")
    else:
        Path("provenance.toml").unlink()
    if what == "a folder":
        place.mkdir()
    elif what == "a NUL":
        place.write_text("The Aviary Team\n", "utf-16-le")
    elif what == "a named pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("gone" if what == "leads nowhere" else place)
    output = run("audit", code=3 if key == "notices-file" else 2).output
    assert f"{place.name}:" in output
    if key == "notices-file":
        assert "Not complete (1)" in output
    if key != "policy" and what not in ("a NUL", "a loop"):
        assert what in output


def test_a_part_of_a_word_keeps_no_notice(dirty: Path) -> None:
    """There is "MIT" in "permitted"; no licence is stated by it."""
    place = Path("src/borrowed.py")
    place.write_text("# Copyright 2024 The Aviary Team.\n" + place.read_text())
    first = Path("other/m0.py")
    first.parent.mkdir()
    text = f"# Copyright 2024 The Aviary Team.\n# SPDX-License-Identifier: MIT\n{program(0)}"
    first.write_text(text)
    provenance.build_index(["other"], "other.db", license="MIT")
    first.unlink()
    wanted = ("--require-notices", "--index", "other.db")
    kept = Path("THIRD_PARTY_NOTICES.md")
    kept.write_text("Redistribution is permitted without limitation.\n")
    assert {one["rule"] for one in failures(audited(*wanted, code=1))} == {"notice"}
    kept.write_text("m0 is under MIT.\n")
    assert failures(audited(*wanted, code=0)) == []


@pytest.mark.parametrize("whole", [True, False])
def test_a_licence_that_only_the_reference_file_states_warns(dirty: Path, whole: bool) -> None:
    """The release is under MIT, the file says another; a line may be of weights: nothing fails."""
    head = "# SPDX-License-Identifier: GPL-3.0-only\n"
    first = Path("other/m0.py")
    first.parent.mkdir()
    first.write_text(head + program(0))
    provenance.build_index(["other"], "other.db", license="MIT", date="2024-01-02")
    more = "" if whole else "\n\ndef more(left, right):\n    return left - right\n"
    Path("src/borrowed.py").write_text(first.read_text() + more)
    first.unlink()
    run("notices", "--write", "--index", "other.db", code=0)
    wanted = ("--index", "other.db", "--deny-license")
    quiet = audited(*wanted, "ISC", code=0)["rulings"]
    assert {one["level"] for one in quiet} == {"note"}
    told = audited(*wanted, "GPL-*", code=0)["rulings"]
    assert {(one["level"], one["rule"], one["license"]) for one in told} == {
        ("warning", "allowed", "MIT")
    }
    said = "of the licences that m0.py states, GPL-3.0-only is denied"
    assert all(said in one["message"] for one in told)
    failed = failures(audited(*wanted, "MIT", "--deny-license", "GPL-*", code=1))
    assert {one["rule"] for one in failed} == {"license"}
    assert not any(said in one["message"] for one in failed)


def test_of_very_many_stated_licences_a_finding_has_some(tmp_path: Path) -> None:
    """Each of the findings has them: a report took thousands of times what was scanned."""
    (tmp_path / "theirs").mkdir()
    tags = "".join(f"# SPDX-License-Identifier: LicenseRef-{at}\n" for at in range(20))
    (tmp_path / "theirs" / "m0.py").write_text(tags + program(0))
    (tmp_path / "same.py").write_text(program(0))
    (tmp_path / "more.py").write_text(program(0) + "\n\ndef more(one):\n    return one\n")
    provenance.build_index([str(tmp_path / "theirs")], tmp_path / "theirs.db")
    report = provenance.scan(tmp_path, [tmp_path / "theirs.db"], exclude=["theirs/"])
    found = {one.reference.stated_licenses for one in report.findings}
    same = {file.identical.stated_licenses for file in report.files if file.identical}
    assert found == same == {tuple(f"LicenseRef-{at}" for at in range(8))}


_NAMES = st.text("a?*[]{,}!#\\ ", min_size=1, max_size=5).filter(lambda name: name.strip(" "))


@given(st.tuples(_NAMES, _NAMES), st.tuples(_NAMES, _NAMES), st.booleans())
@example(("src", "q?"), ("src", "qq"), False)
@example(("src", "****"), ("src", "aaaa"), True)
def test_a_path_that_is_declared_covers_no_other(
    one: tuple[str, str], other: tuple[str, str], below: bool
) -> None:
    """As it is written into a policy: signs of globs in a name are just signs."""
    paths = [("/".join(two) if below else two[1]) + ".py" for two in (one, other)]
    wanted = Patterns([_glob(paths[0])])
    assert wanted.wants(paths[0])
    assert wanted.wants(paths[1]) == (paths[0] == paths[1])


def test_globs_of_a_policy_in_a_folder_are_of_that_folder() -> None:
    """Whatever signs are in its name."""
    assert Patterns(under("{q,a}/", ["a.{py,x}"])).wants("{q,a}/a.py")
    wanted = Patterns(under("q?[a]*/", ["a.py", "/b.py"]))
    assert wanted.wants("q?[a]*/a.py")
    assert wanted.wants("q?[a]*/b.py")
    assert not wanted.wants("qq[a]*/a.py")
    assert not wanted.wants("q?a*/b.py")


def test_a_long_path_can_be_declared() -> None:
    """A folder may be 4,096 bytes deep; the policy that was written for it was refused."""
    path = "[?]/" * 999 + "m0.py"
    wanted = Patterns([_glob(path)])
    assert wanted.wants(path)
    assert not wanted.wants(path.replace("?", "a", 1))


def test_no_identity_is_twice(clean: Path) -> None:
    """CycloneDX wants every reference once, GitLab every fingerprint."""
    (clean / "src" / "use.py").write_text(
        "from transformers import AutoConfig\n" + "A = AutoConfig.from_pretrained('b/m0')\n" * 2
    )
    stanza = "[[declared]]\npath = 'gone.py'\norigin = 'birds/m0'\n"
    Path("provenance.toml").write_text(Path("provenance.toml").read_text() + 2 * stanza)
    found = audited("--deny-family", "m0", code=1)["rulings"]
    assert [one["rule"] for one in found] == ["origin", "origin", "declaration", "declaration"]
    assert len({one["id"] for one in found}) == len(found)


def test_a_declaration_that_fails_is_in_no_scanned_file(dirty: Path) -> None:
    """There were failures "in 2 of 1 file"."""
    place = Path("provenance.toml")
    stanza = "[[declared]]\npath = 'src/borrowed.py'\norigin = 'birds/nope'\n"
    place.write_text(place.read_text() + stanza)
    found = audited(code=1)
    rules = {one["rule"]: one["path"] for one in failures(found)}
    assert rules["declaration"] == "provenance.toml"
    fail = {one["path"] for one in failures(found)} - {"provenance.toml"}
    assert found["counts"]["files_that_fail"] == len(fail) > 0


def test_a_mark_before_a_policy_does_not_keep_declarations_out(dirty: Path) -> None:
    """Editors of Windows put one there."""
    place = Path("provenance.toml")
    place.write_bytes(b"\xef\xbb\xbf" + place.read_bytes())
    run("notices", "--write", code=0)
    run("audit", code=0)


# --- the baseline -------------------------------------------------------------------------


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


# --- where it is called from --------------------------------------------------------------


def test_paths_start_at_the_root_wherever_it_is_called(
    dirty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And are those of the whole when only a part is asked for."""
    whole = failures(audited(code=1))
    assert failures(audited("src/borrowed.py", code=1)) == whole
    monkeypatch.chdir(dirty / "src")
    assert failures(audited(".", code=1)) == whole
    assert failures(audited("borrowed.py", "own.py", code=1)) == whole
    assert failures(audited("own.py", code=0)) == []


def test_globs_start_at_the_folder_of_the_policy(dirty: Path) -> None:
    """Of a project inside a larger repository."""
    (dirty / "sub").mkdir()
    (dirty / "src").rename(dirty / "sub" / "src")
    (dirty / "provenance.toml").rename(dirty / "sub" / "provenance.toml")
    assert {one["path"] for one in failures(audited("sub", code=1))} == {"sub/src/borrowed.py"}
    policy = dirty / "sub" / "provenance.toml"
    before = policy.read_text()
    for line in (
        "exclude = ['src/borrowed.py']",
        "exclude = ['borrowed.py']",
        "include = ['own*']",
    ):
        policy.write_text(f"{line}\n{before}")
        run("audit", "sub", code=0)
    policy.write_text(f"exclude = ['sub/src/borrowed.py']\n{before}")
    run("audit", "sub", code=1)
    policy.write_text(before)
    run("notices", "sub", "--write", code=0)
    assert 'path = "src/borrowed.py"' in policy.read_text()
    assert (dirty / "sub" / "THIRD_PARTY_NOTICES.md").exists()
    run("audit", "sub", code=0)


def test_globs_are_moved() -> None:
    assert under("a/", ["x.py", "/x.py", "b/x.py", "./x.py", "!x/", "c/**"]) == (
        "a/**/x.py",
        "a/x.py",
        "a/b/x.py",
        "a/**/x.py",
        "!a/**/x/",
        "a/c/**",
    )
    assert under("a/", ["./!x/", "{!x,y}", "./", "/", "./ "]) == (
        "!a/**/x/",
        "!a/**/x",
        "a/**/y",
        "",
        "/",
        " ",
    )


_PIECES = ("a", "b", "*", "/", "**/", "#", "!", "\\ ", " ", "?", "[a]", "{a,b}", ".py")
_MADE = ("a", "b.py", "a/b.py", "b/a/c.py", "#a", "#/a.py", "a b", "!a", "a/a/a/b")


@given(
    globs=st.lists(
        st.lists(st.sampled_from(_PIECES), min_size=1, max_size=4).map("".join),
        min_size=1,
        max_size=2,
    ).filter(lambda globs: not any("//" in one for one in globs))
)
@example(globs=["**/"])
@example(globs=["**/**/**/**/"])
@example(globs=["#a"])
@example(globs=["a/ "])
def test_globs_of_a_subfolder_match_as_they_would_at_the_root(globs: list[str]) -> None:
    try:
        here = Patterns(exclude=globs)
    except UsageError:
        with pytest.raises(UsageError):
            Patterns(exclude=under("sub/", globs))
        return
    moved = Patterns(exclude=under("sub/", globs))
    for path in _MADE:
        assert moved.excludes("sub/" + path) == here.excludes(path), path
        assert not moved.excludes(path), path


def test_an_archive_is_audited_by_the_policy_here(dirty: Path) -> None:
    import zipfile

    with zipfile.ZipFile("mine.zip", "w") as made:
        made.write("src/borrowed.py")
    assert {one["path"] for one in failures(audited("mine.zip", code=1))} == {"src/borrowed.py"}
    run("audit", "mine.zip", "src", code=2)


@pytest.mark.parametrize("ending", ["tar", "tgz", "tar.bz2", "tbz2", "tbz", "tar.xz", "TXZ"])
def test_an_archive_of_any_ending_that_a_scan_opens_is_audited(dirty: Path, ending: str) -> None:
    """It was taken for a file that is no Python, and clean."""
    import tarfile

    with tarfile.open(f"mine.{ending}", "w") as made:  # known by its first bytes
        made.add("src/borrowed.py")
    assert {one["path"] for one in failures(audited(f"mine.{ending}", code=1))} == {
        "src/borrowed.py"
    }


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_paths_of_several_repositories_are_refused(dirty: Path, tmp_path: Path) -> None:
    """No policy would rule them, and all around them be gone through: as for one link, among the
    names that a hook passes, which leads out."""
    outside = tmp_path / "outside.py"
    outside.write_text(OWN)
    Path("link.py").symlink_to(outside)
    assert "leads out of" in run("audit", "src/borrowed.py", "link.py", code=2).output
    assert "expected those of one" in run("audit", outside, "src", code=2).output
    audited("src/borrowed.py", "src/own.py", code=1)


def test_init_writes_a_policy_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text(OWN)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    run("audit", "--init", code=0)
    text = (tmp_path / "pyproject.toml").read_text()
    assert text.startswith("[project]\nname = 'x'\n\n[tool.provenance]\n")
    assert planned().file == str(tmp_path / "pyproject.toml")
    run("audit", "--init", code=2)
    (tmp_path / "pyproject.toml").unlink()
    run("audit", "--init", code=0)
    assert planned().file == str(tmp_path / "provenance.toml")
    (tmp_path / "in it").mkdir()
    said = run("audit", "--init", "in it", code=0).output
    assert "next: provenance audit 'in it'\n" in said, "the policy of another folder is not taken"


# --- what could not be done ---------------------------------------------------------------


def test_what_was_not_read_is_never_clean(clean: Path) -> None:
    """Unless the policy lets it; a link to what is looked at anyway loses nothing."""
    (clean / "src" / "bad.py").write_bytes(b"\xff\xfe\x00")
    output = run("audit", code=3).output
    assert "Not complete (1):" in output
    assert "src/bad.py" in output
    assert "Clean" not in output
    assert audited(code=3)["clean"] is False
    run("audit", "--may-skip", "src/bad.py", code=0)
    run("audit", "--exclude", "bad.py", code=0)
    (clean / "src" / "bad.py").unlink()
    if sys.platform != "win32":
        (clean / "src" / "link.py").symlink_to("own.py")
        run("audit", code=0)
        (clean / "src" / "out.py").symlink_to("/etc/hostname")
        run("audit", code=3)


def test_nothing_to_read_is_not_clean(clean: Path) -> None:
    """But where files are named one by one, as a hook does, that the policy wants none is."""
    assert "no Python file was scanned" in run("audit", "--include", "nothing", code=3).output
    assert "no Python file was scanned" in run("audit", "src", "--exclude", "src", code=3).output
    run("audit", "src/own.py", "--exclude", "src", code=0)


@pytest.mark.skipif(sys.platform == "win32", reason="names of files")
def test_nothing_to_read_in_a_folder_of_any_name_is_not_clean(clean: Path) -> None:
    """One that is called otherwise than it is shown was taken for a file."""
    (clean / "n\tone").mkdir()
    assert "no Python file was scanned" in run("audit", "n\tone", code=3).output


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links")
def test_a_link_to_what_was_not_named_is_not_clean(dirty: Path) -> None:
    """It was said to be looked at where it is, by an audit that did not look there."""
    (dirty / "lib").mkdir()
    (dirty / "src" / "borrowed.py").rename(dirty / "lib" / "borrowed.py")
    for name, target in (("link.py", "../lib/borrowed.py"), ("linked", "../lib")):
        link = dirty / "src" / name
        link.symlink_to(target)
        assert "to what was not named" in " ".join(run("audit", "src", code=3).output.split())
        run("audit", "src", "--exclude", name, code=0)
        run("audit", "src", "--may-skip", f"src/{name}", code=0)
        run("audit", "src", "lib", code=1)
        run("audit", code=1)
        link.unlink()
    (dirty / "l\nib").mkdir()
    (dirty / "l\nib" / "own.py").write_text(program(7))
    (dirty / "src" / "other.py").symlink_to("../l\nib/own.py")
    run("audit", "src", "l\nib", code=0)
    (dirty / "src" / "other.py").unlink()
    (dirty / "src" / "again.py").symlink_to("own.py")
    (dirty.parent / "out").mkdir()
    (dirty / "out").symlink_to("../out")
    assert "leads out of the repository" in run("audit", "out", code=2).output
    (dirty / "out").unlink()
    (dirty.parent / "out" / "code.txt").write_text(program(7))
    (dirty / "other").mkdir()
    (dirty.parent / "out").rename(dirty / "other" / "out")
    (dirty / "other" / ".git").mkdir()  # where it is no link, and its target no code
    (dirty / "named.py").symlink_to("other/out/code.txt")
    assert "which nobody looks at" in " ".join(run("audit", "named.py", code=2).output.split())
    (dirty / "named.py").unlink()
    (dirty / "LICENSE").write_text("Copyright (c) 2024 Some One\n")
    (dirty / "src" / "LICENSE").symlink_to("../LICENSE")  # read whatever is named
    run("audit", "src", code=0)


@pytest.mark.skipif(sys.platform != "linux", reason="names are in UTF-8 elsewhere")
def test_a_path_in_a_policy_that_the_locale_cannot_write_is_refused(clean: Path) -> None:
    """It was a fault of ours."""
    latin = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    given = ("index = ['ж.db']", "output = ['ж.md']", "notices-file = 'ж'", "baseline = 'ж'")
    for said in given if THOROUGH else given[:2]:
        (clean / "provenance.toml").write_text(said, "utf-8")
        ended = subprocess.run(
            [sys.executable, "-m", "provenance", "audit"],
            env={**os.environ, **latin},
            capture_output=True,
            check=False,
        )
        assert ended.returncode == 2, ended.stderr
        assert b"PYTHONUTF8=1" in ended.stderr


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_what_is_named_and_left_out_is_not_clean(clean: Path) -> None:
    """Beside others too; what is left out inside of a folder that is named is no part of it."""
    shutil.rmtree(".git")
    subprocess.run(["git", "init", "-q"], check=True)
    Path(".gitignore").write_text("made.py\nbuild/\n")
    for name in ("src/made.py", "build/a.py"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(OWN)
    for named in (["src/made.py"], ["src", "build/a.py"], ["src", "build"]):
        assert "but it was named" in " ".join(run("audit", *named, code=3).output.split())
    run("audit", "src", code=0)
    run("audit", code=0)


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_a_tree_of_which_a_rule_leaves_all_out_is_not_clean(clean: Path) -> None:
    Path(".git").rmdir()
    subprocess.run(["git", "init", "-q"], check=True)
    Path(".gitignore").write_text("*\n")
    assert "no Python file was scanned" in run("audit", code=3).output


def test_no_baseline_is_written_of_what_is_not_complete(dirty: Path) -> None:
    (dirty / "src" / "bad.py").write_bytes(b"\xff\xfe\x00")
    run("audit", "--write-baseline", code=1)
    assert not Path("provenance-baseline.json").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.py"], "found no such file"),
        (["--config", "nothing.toml"], "cannot be read"),
        (["--output", "report.xyz"], "no known ending"),
        (["--as-of", "soon"], "expected a day"),
        (["--index", "nothing.db"], "nothing.db"),
        (["--include", "[z-a]"], "glob"),
    ],
)
def test_what_is_wrong_is_said(clean: Path, arguments: list[str], said: str) -> None:
    """With 2 for the call and 3 for what is missing."""
    code = 3 if arguments[0] == "--index" else 2
    output = run("audit", *arguments, code=code).output
    assert said in output
    assert "Clean" not in output


def test_reports_are_written_on_failure_too_and_one_that_cannot_be_stops_no_other(
    dirty: Path,
) -> None:
    run("audit", "--output", "a.json", "--output", "b.html", "--output", "c.txt", code=1)
    assert all(Path(name).stat().st_size for name in ("a.json", "b.html", "c.txt"))
    output = run("audit", "--output", "no/a.json", "--output", "d.txt", code=3).output
    assert "found no folder" in output
    assert "borrowed.py" in output
    assert Path("d.txt").read_text() == Path("c.txt").read_text()


def test_an_audit_whose_report_could_not_be_written_is_not_clean(clean: Path) -> None:
    output = run("audit", "--output", "no/a.json", code=3).output
    assert "Clean" not in output
    assert "No failure, but not complete" in output


def test_the_policy_of_a_repository_writes_nothing_outside_of_it(dirty: Path) -> None:
    """It may be anybody's; whoever calls may name any place."""
    policy = Path("provenance.toml")
    before = policy.read_text()
    keys = ("output = ['{}']", "baseline = '{}'", "notices-file = '{}'", "bundle = '{}'")
    for key in keys:
        for path in ("../out.txt", str(dirty.parent / "out.txt")):
            policy.write_text(key.format(path) + "\n" + before)
            for command in (["audit"], ["audit", "--write-baseline"], ["notices", "--write"]):
                assert "expected a path inside" in run(*command, code=2).output
    policy.write_text(before)
    assert sorted(path.name for path in dirty.parent.iterdir()) == ["repository"]
    run("audit", "--output", "../out.txt", code=1)
    elsewhere = dirty.parent / "shared.toml"
    elsewhere.write_text("output = ['shared.txt']\n" + before)
    run("audit", "--config", elsewhere, code=1)
    assert (dirty.parent / "shared.txt").exists(), "a policy that is named is trusted"
    Path("ci").mkdir()
    Path("ci", "policy.toml").write_text("output = ['../../other.txt']\n" + before)
    said = run("audit", "--config", "ci/policy.toml", code=2).output  # but not one of the branch
    assert "expected a path inside" in said


def test_the_policy_of_a_repository_writes_nothing_of_version_control(dirty: Path) -> None:
    """A baseline at .git/config would end git's work; a share of another computer would sign in."""
    policy = Path("provenance.toml")
    before = policy.read_text()
    for line, said in (
        ("baseline = '.git/config'", "version control"),
        ("output = ['src/../.git/hooks/x.md']", "version control"),
        ("output = ['.GIT/hooks/x.md']", "version control"),
        ("output = ['.git./hooks/x.md']", "version control"),
        ("bundle = 'src/own.py'", "ends with .zip"),
        ("index = ['//evil.example/share/of.db']", "another computer"),
        (r"index = ['/\evil.example\share\of.db']", "another computer"),
    ):
        policy.write_text(before + line if "index" not in line else line)
        for command in (["audit"], ["audit", "--write-baseline"]):
            assert said in run(*command, code=2).output, line


@pytest.mark.skipif(os.name == "nt", reason="links")
@pytest.mark.parametrize("name", ["pyproject.toml", "provenance.toml"])
def test_no_link_in_a_repository_leads_what_is_written_out_of_it(dirty: Path, name: str) -> None:
    """A link at the place of the policy: declarations would be added to somebody's other file."""
    elsewhere = dirty.parent / name
    before = Path("provenance.toml").read_text()
    if name == "pyproject.toml":
        before = "[tool.provenance]\n" + before
        Path("provenance.toml").unlink()
    elsewhere.write_text(before)
    Path(name).unlink(missing_ok=True)
    Path(name).symlink_to(elsewhere)
    assert "found a link" in run("audit", code=2).output
    assert "found a link" in run("notices", "--write", code=2).output
    elsewhere.write_text("")
    if name == "pyproject.toml":
        assert "found a link" in run("audit", "--init", code=2).output
    assert elsewhere.read_text() == ""
    assert Path(name).is_symlink()


MANY = [f"some/m{number}" for number in range(12)]


def test_what_is_vendored_stands_in_the_folder_of_the_policy(dirty: Path) -> None:
    """Its globs, and those in braces, start there: elsewhere they excuse nothing."""
    text = Path("provenance.toml").read_text() + "vendored = ['borrowed.py']\n"
    Path("provenance.toml").unlink()
    (dirty / "sub").mkdir()
    shutil.copy("src/borrowed.py", "sub/borrowed.py")
    Path("sub/provenance.toml").write_text(text)
    found = audited("--config", "sub/provenance.toml", code=1)
    assert {one["path"] for one in failures(found)} == {"src/borrowed.py"}
    assert under("sub/", ["{a/b,c}.py"]) == ("sub/a/b.py", "sub/**/c.py")
    assert Patterns(under("a[1]/", ["c.py"])).wants("a[1]/b/c.py"), "its folder may be called so"
    assert not Patterns(under("a[1]/", ["c.py"])).wants("a1/b/c.py")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("exclude = ['src/borrowed.py']", "exclude src/borrowed.py"),
        ("exclude-origin = ['*']", "exclude-origin *"),
        ("as-of = 1999-01-01", "as-of 1999-01-01"),
        ("smallest-unit = 10000", "smallest-unit 10000"),
        ("vendored = ['*.py']", "vendored *.py"),
        ("[[declared]]\npath = '**'\norigin = '*'", "declared ** as *"),
        ("[[declared]]\npath = '**'\norigin = 'birds/*'", "declared ** as birds/*"),
        ("[[declared]]\npath = '**'\norigin = 'birds/m*'", "declared ** as birds/m*"),
        ("[[declared]]\nsymbol = '*'\norigin = ['[a-m]*', '[n-z]*']", "declared * as [a-m]*"),
        (
            f"[[declared]]\npath = 'src/borrowed.py'\norigin = {[*MANY, 'birds/m0']}",
            "declared src/borrowed.py as some/m0 some/m1 some/m2 some/m3 some/m4 and 8 more",
        ),
    ],
)
def test_a_policy_that_looks_away_is_told(dirty: Path, line: str, said: str) -> None:
    """Whoever audits a repository by its own policy reads beside 'Clean' why it is."""
    policy = Path("provenance.toml")
    policy.write_text(policy.read_text() + line + "\n")
    output = run("audit", "--output", "a.md", code=0).output
    assert "Clean" in output
    assert said in " ".join(output.split())
    assert "The policy (provenance.toml) looks at less" in " ".join(output.split())
    assert "The call" not in output
    assert said.split()[1] in Path("a.md").read_text().partition("lets more pass")[2]


@pytest.mark.skipif(not shutil.which("git"), reason="no git")
def test_what_backdated_commits_excuse_is_told(dirty: Path) -> None:
    """Nothing is derived from what is younger; who commits with a day of long ago would pass."""
    new = dirty.parent / "two.db"
    for number, seed, day in ((0, 9, "2024-01-01"), (1, 0, "2025-01-02")):  # two releases of birds
        folder = dirty.parent / str(number) / "birds" / "models" / "wren"
        folder.mkdir(parents=True)
        (folder / "modeling_wren.py").write_text(program(seed))
        birds = str(folder.parent.parent)
        provenance.build_index([birds], new, date=day, extend=number > 0)
    shutil.rmtree(".git")
    Path("provenance.toml").write_text(f"default-index = false\nindex = [{json.dumps(str(new))}]\n")
    for day, told in (("2001-01-01", True), ("2026-01-01", False)):
        when = f"{day}T12:00:00+0000"
        environment = {**os.environ, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        name = ["-c", "user.name=n", "-c", "user.email=n@example.invalid"]
        for call in (["init", "-q"], ["add", "."], [*name, "commit", "-qm", "x", "--allow-empty"]):
            subprocess.run(["git", *call], check=True, env=environment)
        done = CliRunner().invoke(main, ["audit", "--output", "a.md"])
        seen = " ".join(done.output.split())
        assert ("because git says that this side is older (since 2001-01-01)" in seen) is told
        assert ("because git says" in Path("a.md").read_text()) is told
        shutil.rmtree(".git")


def test_what_days_of_an_archive_excuse_is_told(dirty: Path) -> None:
    """Who packs an archive sets the days in it."""
    new = dirty.parent / "two.db"
    for number, seed, day in ((0, 9, "2024-01-01"), (1, 0, "2025-01-02")):
        folder = dirty.parent / str(number) / "birds" / "models" / "wren"
        folder.mkdir(parents=True)
        (folder / "modeling_wren.py").write_text(program(seed))
        birds = str(folder.parent.parent)
        provenance.build_index([birds], new, date=day, extend=number > 0)
    Path("provenance.toml").write_text(f"default-index = false\nindex = [{json.dumps(str(new))}]\n")
    for year, told in ((1999, True), (2026, False)):
        with zipfile.ZipFile("packed.zip", "w") as packed:
            member = zipfile.ZipInfo("borrowed.py", (year, 1, 1, 0, 0, 0))
            packed.writestr(member, Path("src/borrowed.py").read_bytes())
        done = CliRunner().invoke(main, ["audit", "packed.zip"])
        seen = " ".join(done.output.split())
        assert ("because the archive says that this side is older (since 1999" in seen) is told


@pytest.mark.skipif(os.name == "nt", reason="links")
@pytest.mark.parametrize("name", ["provenance.toml", "pyproject.toml"])
def test_a_policy_that_is_a_link_out_of_the_repository_is_not_read(dirty: Path, name: str) -> None:
    """Its errors would show the keys and values of files of this machine."""
    secret = dirty.parent / "secret.toml"
    secret.write_text("[tool.provenance]\npassword = 'hunter2'\n")
    Path("provenance.toml").unlink()
    Path(name).symlink_to(secret)
    output = run("audit", code=2).output
    assert "leads out of" in output
    assert "password" not in output
    Path("own.toml").write_text("fail-on = 'never'\ndefault-index = true\n")
    Path(name).unlink()
    Path("provenance.toml").symlink_to("own.toml")  # one that stays in is followed
    assert "fail-on never" in run("audit", code=0).output


def test_a_policy_that_does_not_is_told_nothing(dirty: Path) -> None:
    policy = Path("provenance.toml")
    policy.write_text(policy.read_text().replace("default-index = false\n", ""))
    assert "lets more pass" not in run("audit", code=1).output


def test_what_looks_at_less_is_told_of_whom_it_is(dirty: Path) -> None:
    """The policy is not blamed for an option, nor the call for the policy."""
    policy = Path("provenance.toml")
    (line,) = [one for one in policy.read_text().splitlines() if one.startswith("index")]
    policy.write_text("fail-on = 'never'\nexclude = ['none/']\n" + line + "\n")
    call = ("--no-default-index", "--exclude", "src/borrowed.py", "--output", "a.md")
    for text in (run("audit", *call, code=0).output, Path("a.md").read_text()):
        said = " ".join(text.replace("`", "").split())
        before, _, after = said.partition("The call looks at less, or lets more pass: ")
        assert "The policy (provenance" in before
        assert before.strip().endswith("lets more pass: fail-on never.")
        assert after.startswith("exclude src/borrowed.py; default-index false.")
    index = line.partition('"')[2].partition('"')[0]
    output = run("audit", "--no-default-index", "--index", index, code=0).output
    assert "references of its own" not in output


def test_very_many_declarations_at_fault_are_counted(dirty: Path) -> None:
    """Each is in the files; at a terminal 20,000 of them hid all that came before."""
    policy = Path("provenance.toml")
    wrong = "".join(f"[[declared]]\npath = 'gone{at}.py'\norigin = 'a/b'\n" for at in range(300))
    old = "[[declared]]\npath = 'old.py'\norigin = 'a/b'\nexpires = 2020-01-01\n"
    policy.write_text(policy.read_text() + wrong + old)
    output = run("audit", "--today", "2026-01-01", code=1).output
    assert "expired on 2020-01-01" in " ".join(output.split())
    assert output.count("matches nothing") == 19
    assert "281 more" in output
    assert len(output.splitlines()) < 120
    told = [one for one in audited(code=1)["rulings"] if one["rule"] == "declaration"]
    assert len(told) == 301


def test_references_that_a_policy_brings_are_told(dirty: Path) -> None:
    """Sixty made-up families that hold the same make it common, and the audit clean."""
    for number in range(60):
        folder = dirty.parent / "made-up" / "models" / f"fowl{number}"
        folder.mkdir(parents=True)
        (folder / f"modeling_fowl{number}.py").write_text(program(0))
    provenance.build_index([str(dirty.parent / "made-up")], dirty / "more.db", date="2001-01-01")
    policy = Path("provenance.toml")
    policy.write_text(policy.read_text().replace("index = [", "index = ['more.db', "))
    output = " ".join(run("audit", "--output", "a.md", code=0).output.split())
    assert "Clean" in output
    assert "brings references of its own (more.db, " in output
    assert "references of its own" in Path("a.md").read_text()


def test_broken_syntax_is_told_beside_the_outcome(dirty: Path) -> None:
    """What it swallows is not looked at."""
    for path in dirty.rglob("*.py"):
        path.unlink()
    Path("b.py").write_text("x = 1\n" * 4 + "def f(:\n    pass\n")
    output = run("audit", "--output", "a.md", code=0).output
    said = "Syntax is broken in 1 file, of which only the units around it were looked at: b.py"
    assert f"{said} (line 5)" in " ".join(output.split())
    assert said.partition(":")[0] in Path("a.md").read_text()
    Path("b.py").write_text("x = 1\n")
    assert "broken" not in run("audit", code=0).output


def test_no_policy_says_which_day_it_is(dirty: Path) -> None:
    """Declarations that expire would never do so."""
    policy = Path("provenance.toml")
    policy.write_text("today = 2000-01-01\n" + policy.read_text())
    assert "found today in a policy" in run("audit", code=2).output


def test_no_policy_says_since_when_files_are_looked_at(dirty: Path) -> None:
    """By HEAD none has changed, and an audit of nothing is clean."""
    policy = Path("provenance.toml")
    policy.write_text("diff = 'HEAD'\n" + policy.read_text())
    output = run("audit", code=2).output
    assert "provenance.toml:1: found diff in a policy" in " ".join(output.split())


@pytest.mark.parametrize("epoch", ["9" * 30, "253402300800", "-1", "x"])
def test_no_epoch_is_a_fault(dirty: Path, monkeypatch: pytest.MonkeyPatch, epoch: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    policy = Path("provenance.toml")
    stanza = "[[declared]]\npath = 'a'\norigin = 'b'\nexpires = 2001-01-01\n"
    policy.write_text(policy.read_text() + stanza)
    assert "expired on 2001-01-01" in " ".join(run("audit", code=1).output.split())


@pytest.mark.parametrize("key", ["index", "output"])
def test_a_policy_names_some_places_and_not_thousands(dirty: Path, key: str) -> None:
    """Each of them costs time, and nothing else bounds it."""
    listed = ", ".join(f"'{at}.html'" for at in range(51))
    Path("provenance.toml").write_text(f"{key} = [{listed}]\n")
    assert "found 51 in a policy, expected at most 50" in run("audit", code=2).output


def test_never_failing_is_told(dirty: Path) -> None:
    output = run("audit", "--fail-on", "never", code=0).output
    assert "fail-on never" in output


def test_the_same_input_gives_the_same_bytes(dirty: Path) -> None:
    """Whatever the number of processes."""
    texts = set()
    for jobs in (1, 2):
        run("audit", "--jobs", jobs, "--output", "a.json", code=1)
        texts.add(Path("a.json").read_bytes())
    assert len(texts) == 1


def test_copies_in_other_statements_keep_their_lines(clean: Path) -> None:
    """A pasted and edited copy is reported where it stands."""
    Path("src/edited.py").write_text(OWN + "\n\n" + inserted(program(0), 3, 0.1))
    for one in failures(audited(code=1)):
        assert one["path"] == "src/edited.py"
        assert one["start_line"] > 2


def test_a_full_disk_leaves_nothing_half_written(dirty: Path) -> None:
    """/dev/full takes no byte; a limit on the size of files stands for a full disk."""
    if sys.platform == "win32":
        pytest.skip("needs resource limits")
    Path("old.json").write_text("{}")
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "from provenance.cli import main\n"
        "main(['audit', '--output', 'old.json', '--output', 'new.json'])\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "old.json: found no way to write it" in ended.stderr
    assert "name another place with --output" in ended.stderr
    assert "Clean" not in ended.stdout
    assert "Traceback" not in ended.stderr
    assert Path("old.json").read_text() == "{}"
    assert not Path("new.json").exists()
    assert not [name for name in os.listdir() if name.endswith(".part")]


def test_a_read_only_folder_is_said(dirty: Path) -> None:
    if sys.platform == "win32" or os.geteuid() == 0:
        pytest.skip("needs a user whom permissions bind")
    Path("closed").mkdir(mode=0o500)
    output = run("audit", "--output", "closed/a.json", code=3).output
    assert "closed" in output


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
@pytest.mark.parametrize(
    ("name", "twice"),
    list(product(["SIGTERM", "SIGINT", "SIGKILL"], [False, True]))
    if THOROUGH
    else [("SIGTERM", False), ("SIGINT", True), ("SIGKILL", False)],
)
def test_a_killed_audit_is_not_clean_and_leaves_no_report(
    dirty: Path, name: str, twice: bool
) -> None:
    """Told to end, once or over and over, it says so with 3; killed, it leaves what was there
    before."""
    import signal
    import time

    Path("old.json").write_text("{}")
    code = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it\n"
        "from provenance.cli import main\n"
        "from provenance import scanning\n"
        "work = scanning.outcomes\n"
        "def slowly(*given):\n"
        "    import time\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(600)\n"
        "    return work(*given)\n"
        "scanning.outcomes = slowly\n"
        "main(['audit', '--jobs', '1', '--output', 'old.json'])\n"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "begun\n"
    started.send_signal(getattr(signal, name))
    while twice and started.poll() is None:
        started.send_signal(getattr(signal, name))
        time.sleep(0.001)
    output, errors = started.communicate(timeout=120)
    assert started.returncode == (-9 if name == "SIGKILL" else 3)
    assert "Clean" not in output
    if name != "SIGKILL":
        assert errors == "provenance: interrupted; nothing is written by half\n"
    assert Path("old.json").read_text() == "{}"
    assert not [one for one in os.listdir() if one.endswith(".part")]


def test_a_file_that_vanishes_while_it_is_scanned_is_not_clean(
    dirty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listed, but gone when it is read."""
    from provenance.folder import list_folder

    def list_and_lose(*given: Any) -> Any:
        found = list_folder(*given)
        (dirty / "src" / "borrowed.py").unlink()
        return found

    monkeypatch.setattr("provenance.source.list_folder", list_and_lose)
    output = run("audit", code=3).output
    assert "vanished" in output
    assert "Clean" not in output


def test_a_damaged_index_is_not_clean(clean: Path, index: Path) -> None:
    data = bytearray(index.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = b"\0" * 2000
    Path("damaged.db").write_bytes(data)
    Path("src/borrowed.py").write_text(renamed(program(0)))
    result = CliRunner().invoke(main, ["audit", "--index", "damaged.db"])
    assert result.exit_code in (1, 3), "found all the same, or said to be damaged"
    Path("damaged.db").write_bytes(data[: len(data) // 2])
    assert "damaged.db" in run("audit", "--index", "damaged.db", code=3).output


def test_no_report_is_written_over_the_baseline(dirty: Path) -> None:
    """Its entries and reasons would be lost."""
    run("audit", "--write-baseline", "--reason", "agreed", code=0)
    kept = Path("provenance-baseline.json").read_text()
    for command in (["--output", "provenance-baseline.json"], ["--output", "./b.json"]):
        more = ["--baseline", "b.json"] if "./b.json" in command else []
        assert "which is an output too" in run("audit", *command, *more, code=2).output
    assert Path("provenance-baseline.json").read_text() == kept


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--output", "a.json", "--output", "src/../a.json"), "another report is written to"),
        (("--output", "a.json", "--bundle", "a.json"), "another report is written to"),
        (("--bundle", "provenance.toml"), "is the policy"),
        (("--bundle", "n.md", "--notices-file", "n.md"), "which is an output too"),
        (("--bundle", "own.db", "--index", "own.db"), "which is an output too"),
        (("--bundle", "src/own.py"), "would be lost"),
    ],
)
def test_no_report_is_written_over_what_an_audit_reads_or_writes(
    dirty: Path, index: Path, arguments: tuple[str, ...], said: str
) -> None:
    Path("own.db").write_bytes(index.read_bytes())
    Path("n.md").write_text("notes")
    names = ("provenance.toml", "own.db", "n.md", "src/own.py")
    before = [Path(one).read_bytes() for one in names]
    code = 3 if "would" in said else 2
    assert said in " ".join(run("audit", *arguments, code=code).output.split())
    assert [Path(one).read_bytes() for one in names] == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("--output", "third-party.md"),
        ("--output", "licenses.txt"),
        ("--output", "notice.junit.xml"),
        ("--output", "link/credits.sarif"),
        ("--bundle", "LICENSE.zip"),
        ("--write-baseline", "--baseline", "attributions.baseline"),
    ],
)
def test_no_report_declares_what_it_tells(
    arguments: tuple[str, ...], clean: Path, tmp_path: Path
) -> None:
    """Under the name of a notice file it was read by the next audit, which then was clean."""
    reference = tmp_path / "reference-1.0" / "models" / "deepseek_v3"
    reference.mkdir(parents=True)
    (reference / "modeling_deepseek_v3.py").write_text(program(0))
    provenance.build_index([str(tmp_path / "reference-1.0")], "own.db", date="2025-01-02")
    (clean / "src" / "borrowed.py").write_text(renamed(program(0)))
    (tmp_path / "link").symlink_to(clean)
    given = [one.replace("link", str(tmp_path / "link")) for one in arguments]
    before = sorted(clean.iterdir())
    result = run("audit", "--index", "own.db", *given, code=2 if "--baseline" in given else 3)
    assert "found the name of a notice file" in " ".join(result.output.split())
    assert f"name one with {arguments[-2]}" in " ".join(result.output.split())
    assert sorted(clean.iterdir()) == before
    run("audit", "--index", "own.db", code=1)


def test_a_report_is_where_its_name_leads(dirty: Path, tmp_path: Path) -> None:
    """``..`` behind a link was taken away with it, and the report written elsewhere."""
    (tmp_path / "else" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "else" / "deep")
    for option, name in (("--output", "r.json"), ("--bundle", "r.zip")):
        run("audit", option, f"{tmp_path}/link/../{name}", code=1)
        assert (tmp_path / "else" / name).is_file()
        assert not (tmp_path / name).exists()
    (dirty / "link").symlink_to(tmp_path / "else" / "deep")
    result = run("audit", "--output", "link/../r.md", code=3)
    assert "a link in the repository" in result.output
    assert not (dirty / "r.md").exists()


@pytest.mark.parametrize("key", ["output", "bundle", "baseline", "notices-file", "index"])
def test_no_place_of_a_policy_makes_lines_of_its_own(key: str, clean: Path) -> None:
    """Whoever writes a policy could put words into the log."""
    name = json.dumps("no\nClean: 5 files/r.zip")
    value = f"[{name}]" if key in ("output", "index") else name
    (clean / "provenance.toml").write_text(f"default-index = false\n{key} = {value}\n")
    for command in (["audit"], ["audit", "--write-baseline"], ["notices", "--write"]):
        output = run(*command, code=2).output
        assert "Clean: 5 files" in output
        assert not any(line.startswith("Clean") for line in output.splitlines())


def test_notices_do_what_they_are_asked_for_or_say_no(dirty: Path) -> None:
    """No report is asked for and not written, no reason is half written, no file lost."""
    for option in ("--output", "--bundle"):
        assert "No such option" in run("notices", option, "a.json", code=2).output
    assert "--reason" in run("notices", "--write", "--reason", "\udc80", code=2).output
    policy = Path("provenance.toml").read_text()
    Path("provenance.toml").unlink()
    Path("own.toml").write_text(policy)
    more = ("--config", "own.toml", "--notices-file", "own.toml")
    run("notices", "--write", *more, code=2)
    assert Path("own.toml").read_text() == policy
    assert not Path("THIRD_PARTY_NOTICES.md").exists()
    named = ("--notices-file", "provenance.toml")
    assert "found the policy" in run("notices", "--write", *named, code=2).output
    assert not Path("provenance.toml").exists()


def test_to_begin_a_policy_is_all_that_is_done_at_once(
    clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("provenance.toml").unlink()
    others = [("src", "."), ("--write-baseline",), ("--config", "z.toml"), ("--exclude", "x")]
    for more in (*others, ("--output", "x.json")):
        assert "expected one folder" in run("audit", "--init", *more, code=2).output
    monkeypatch.setenv("PROVENANCE_CONFIG", "q.toml")
    assert "expected one folder" in run("audit", "--init", code=2).output
    monkeypatch.undo()
    assert not {path.name for path in clean.iterdir()} - {".git", "src"}
    monkeypatch.chdir(clean)
    monkeypatch.setenv("PROVENANCE_FAIL_ON", "never")
    run("audit", "--init", code=0)


def test_where_no_policy_can_be_written_another_folder_is_the_remedy(
    clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("provenance.toml").unlink()

    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refused)
    assert "name another place with PATH" in run("audit", "--init", code=3).output


@pytest.mark.parametrize("name", ["a-1.conda", "a-1-py3.8.egg", "a.tar.zst", "A.PYZ", "a.pex"])
def test_an_archive_of_another_kind_is_not_clean(clean: Path, name: str) -> None:
    """Nothing of it was looked at."""
    with zipfile.ZipFile(name, "w") as archive:
        archive.writestr("a.py", renamed(program(0)))
    assert "found an archive of a kind that is not read" in run("audit", name, code=2).output
    shutil.copy(name, f"b{name}")
    run("audit", name, f"b{name}", code=2)
    Path("link").symlink_to(name)
    run("audit", "link", code=2)
    run("audit", name, "src", code=0)


def test_a_named_file_that_is_no_code_is_told(clean: Path) -> None:
    """As hooks pass them; nothing of it is looked at, so that it was told as clean."""
    for name in ("tool", "TOOL.PY"):
        Path(name).write_text(renamed(program(0)))
        for named in ((name,), ("src", name)):
            told = run("audit", *named, code=0).output
            assert f"{name}: found neither a .py file nor a notebook" in told
    assert "found neither" not in run("audit", "src", "src/own.py", code=0).output
