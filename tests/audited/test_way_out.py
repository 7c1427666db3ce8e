"""What an audit gives as the way out of its findings: notices, header comments, declarations."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from audits import audit, finding, ruling
from hypothesis import given
from hypothesis import strategies as st
from programs import program, renamed

import provenance
from audited.commands import OWN, audited, failures, run
from provenance import auditing
from provenance.model import Declaration, Ruling
from provenance.notices import MARK, notice_files, spaced
from provenance.report.notices import notices_text

pytestmark = pytest.mark.usefixtures("in_this_process")


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


@pytest.mark.parametrize(
    ("command", "file"),
    [
        (["notices", "--write"], "THIRD_PARTY_NOTICES.md"),
        (["notices", "--write"], "provenance.toml"),
        (["audit", "--write-baseline"], "provenance-baseline.json"),
    ],
)
def test_what_somebody_else_wrote_meanwhile_is_not_lost(
    dirty: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], file: str
) -> None:
    """Of several that wrote at once, as jobs of CI do, only the last one's work was left."""
    if "notices" in command:
        run(*command, code=0)
    (dirty / "src" / "more.py").write_text(renamed(program(1)))
    usual = auditing.audit

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        done = usual(*arguments, **named)
        with open(file, "a") as other:
            other.write("# another\n")
        return done

    monkeypatch.setattr(auditing, "audit", meanwhile)
    expected = {name: Path(name).read_text() for name in os.listdir() if Path(name).is_file()}
    expected[file] = expected.get(file, "") + "# another\n"
    said = run(*command, code=3).output
    assert f"{file}: found that it was changed while this ran" in " ".join(said.split())
    assert expected == {
        name: Path(name).read_text() for name in os.listdir() if Path(name).is_file()
    }


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


_NAMES = st.text("ab1. ,:-_()[]*`\\#<>|é한", max_size=8).map(spaced).filter(bool)
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_PACKAGES = _NAMES.map(lambda name: name.replace(", ", ","))


@given(
    st.lists(st.tuples(_PATHS, _PATHS, _PACKAGES, st.sampled_from(["", "1.0"])), min_size=1),
    st.sampled_from(["", "sub/", "a b/"]),
)
def test_what_our_notices_list_is_read_again(
    borrowed: list[tuple[str, str, str, str]], folder: str
) -> None:
    """Each file, as the references that it has, in their packages, and nothing else: whatever they
    are called, but for stretches of blanks. The notices stand in the folder, or in a mere folder
    of licences in it."""
    rulings: list[Ruling] = []
    expected: set[tuple[str, str, str]] = set()
    for number, (path, source, package, version) in enumerate(borrowed):
        one = finding(number)
        there = replace(one.reference, path=f"{source}.py", package=package, version=version)
        here = replace(one.suspect, path=f"{folder}{path}.py")
        rulings.append(ruling(replace(one, suspect=here, reference=there)))
        expected.add((here.path, package, there.path))
    text = notices_text(audit(tuple(rulings)), None, "/r/", f"/r/{folder}")
    for beside in (f"{folder}NOTICE", f"{folder}licenses/NOTICE"):
        assert expected == {
            (path, part.package, claim.target)
            for part in notice_files([(beside, text.encode())])
            for path in part.listed
            for claim in part.statements.claims
        }


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
