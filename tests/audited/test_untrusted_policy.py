"""What the policy of a repository, which may be anybody's, cannot do, or not without being told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from programs import program

import provenance
from audited.commands import audited, failures, run
from provenance.cli import main
from provenance.patterns import Patterns
from provenance.planning import under

pytestmark = pytest.mark.usefixtures("in_this_process")


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


MANY = [f"some/m{number}" for number in range(12)]


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


@pytest.mark.skipif(os.name == "nt", reason="links")
@pytest.mark.parametrize("key", ["notices-file", "baseline"])
def test_a_link_that_leads_out_is_told_as_one(dirty: Path, key: str) -> None:
    """Without a policy too, which was said to name it."""
    place = {"notices-file": "THIRD_PARTY_NOTICES.md", "baseline": "provenance-baseline.json"}[key]
    Path("provenance.toml").unlink()
    Path(place).symlink_to("../outside")
    said = f"{key}: found a link, {dirty / place}, to {dirty.parent / 'outside'}, expected a path"
    assert said in " ".join(run("audit", code=2).output.split())


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_a_file_that_is_called_as_a_release_has_nothing_fetched(
    dirty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook names what is committed; the release was fetched and audited in its place: clean."""
    monkeypatch.setattr("provenance.pypi.fetch", None)
    Path("src/borrowed.py").rename("pypi:six==1.16.0+l.py")
    for named in (["pypi:six==1.16.0+l.py"], ["src/own.py", "pypi:six==1.16.0+l.py"]):
        said = " ".join(run("audit", "--", *named, code=2).output.split())
        assert "pypi:six==1.16.0+l.py: found something of that name here" in said
    run("audit", "./pypi:six==1.16.0+l.py", code=1)
    run("audit", code=1)
