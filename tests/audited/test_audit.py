"""The audit step as its users run it: quiet where all is well, exact where not."""

from __future__ import annotations

import errno
import json
import os
import shutil
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from programs import inserted, program

import provenance
from audited.commands import OWN, audited, failures, run
from provenance.auditing import _near
from provenance.cli import main
from provenance.errors import UsageError
from provenance.patterns import Patterns
from provenance.planning import planned, under
from provenance.report.notices import _glob
from provenance.settings import SETTINGS

pytestmark = pytest.mark.usefixtures("in_this_process")


# --- quiet and exact ----------------------------------------------------------------------


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


def test_a_long_name_that_no_index_has_is_compared_with_none(clean: Path) -> None:
    """Two of 10,000 letters took a minute, twenty of a policy are compared with each family."""
    (clean / "theirs").mkdir()
    (clean / "theirs" / "m.py").write_text(program(3))
    long = "m" * 100
    provenance.build_index(["theirs"], "long.db", origin=long, license="MIT")
    shutil.rmtree(clean / "theirs")
    output = run("audit", "--deny-family", f"{long}1", "--index", "long.db", code=0).output
    assert "as no family in the indexes" in output
    assert "did you mean" not in output


def test_a_name_is_compared_whole_with_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those with most of its letters: each takes a thousandth of a second or three."""
    compared = 0

    class Counted(SequenceMatcher[str]):
        def ratio(self) -> float:
            nonlocal compared
            compared += 1
            return super().ratio()

    monkeypatch.setattr("difflib.SequenceMatcher", Counted)
    names = sorted(f"{'abc' * at}" + "cba" * (20 - at) for at in range(20))
    more = [f"{one[1:]}{at}" for one in names for at in range(10)]
    assert _near(names[7], [*names, *more]) == names[7]
    assert 0 < compared <= 40  # twice each
    assert _near("birds/m11", ["birds/m1", "x", "dogs/m11"]) == "birds/m1"
    assert _near("birds/m11", ["x"]) is None


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
