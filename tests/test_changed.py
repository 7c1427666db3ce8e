"""--diff: only what changed since the branch began, with the verdicts of a full run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from programs import program, renamed

import provenance
from provenance.changed import _read
from provenance.cli import main
from provenance.decode import shown

pytestmark = pytest.mark.usefixtures("in_this_process")

OWN = "def f(a):\n    return [a.b(c) for c in a if c.d]\n"

if shutil.which("git") is None:
    pytest.skip("needs git", allow_module_level=True)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    (folder / "birds").mkdir()
    for seed in range(3):
        (folder / "birds" / f"m{seed}.py").write_text(program(seed))
    path = folder / "birds.db"
    provenance.build_index([str(folder / "birds")], path, date="2025-01-02", license="MIT")
    return path


def git(*arguments: str, cwd: Path | None = None) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@example.invalid", *arguments]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    ended = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


@pytest.fixture
def branch(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A branch that changed one borrowed file and added another; main went on since."""
    root = tmp_path / "repository"
    (root / "src").mkdir(parents=True)
    monkeypatch.chdir(root)
    (root / "provenance.toml").write_text(
        f"fail-on = 'resembles'\ndefault-index = false\nindex = [{json.dumps(str(index))}]\n"
    )
    (root / "src" / "own.py").write_text(OWN)
    (root / "src" / "old.py").write_text(renamed(program(0)))
    (root / "src" / "touched.py").write_text(renamed(program(1)))
    (root / "src" / "gone.py").write_text(OWN)
    git("init", "-q", "-b", "main", ".")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    git("tag", "began")
    git("checkout", "-q", "-b", "work")
    (root / "src" / "touched.py").write_text(OWN + "\n\n" + renamed(program(1)))
    (root / "src" / "added.py").write_text(renamed(program(2)))
    (root / "src" / "gone.py").unlink()
    git("add", ".")
    git("commit", "-q", "-m", "two")
    git("checkout", "-q", "main")
    (root / "src" / "own.py").write_text(OWN + "\nX = 1\n")
    git("commit", "-q", "-a", "-m", "three")
    git("checkout", "-q", "work")
    return root


def audited(*arguments: str, code: int) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["audit", *arguments, "--output", "../audit.json"])
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(Path("../audit.json").read_text("utf-8"))
    return found


def paths(found: dict[str, Any]) -> list[str]:
    return [file["path"] for file in found["report"]["files"]]


CHANGED = ["src/added.py", "src/touched.py"]


@pytest.mark.parametrize(
    "base", ["main", "refs/heads/main", "began", "HEAD~1", "work^", "heads/main"]
)
def test_what_changed_since_the_branch_began_is_scanned(branch: Path, base: str) -> None:
    """And nothing that the base changed since; by any name of it."""
    assert paths(audited("--diff", base, code=1)) == CHANGED


def test_hashes_and_remote_branches_mean_commits_too(branch: Path) -> None:
    whole = git("rev-parse", "began")
    assert paths(audited("--diff", whole, code=1)) == CHANGED
    assert paths(audited("--diff", whole[:8], code=1)) == CHANGED
    git("update-ref", "refs/remotes/origin/main", "main")
    assert paths(audited("--diff", "origin/main", code=1)) == CHANGED
    git("pack-refs", "--all")
    git("gc", "-q")
    assert paths(audited("--diff", "origin/main", code=1)) == CHANGED
    git("tag", "-a", "-m", "annotated", "named", "began")
    assert paths(audited("--diff", "named", code=1)) == CHANGED


def test_the_verdicts_are_those_of_a_full_run(branch: Path) -> None:
    """Ruling by ruling, for the files that changed."""
    for arguments in ([], ["--deny-family", "m1"], ["--vendored", "added.py"]):
        full = audited(*arguments, code=1)
        part = audited(*arguments, "--diff", "main", code=1)
        expected = [one for one in full["rulings"] if one["path"] in CHANGED]
        assert part["rulings"] == expected
        assert expected
        assert len(full["rulings"]) > len(expected)


def test_a_bundle_says_which_files_it_is_of(branch: Path, index: Path, tmp_path: Path) -> None:
    """Scanned again are those that had changed, and no other."""
    bundle = str(tmp_path / "evidence.zip")
    audited("--diff", "main", "--bundle", bundle, code=1)
    again = ["verify-bundle", bundle, "--source", ".", "--index", str(index)]
    result = CliRunner().invoke(main, again)
    assert result.exit_code == 0, result.output
    Path("src/added.py").write_text("X = 1\n")
    assert CliRunner().invoke(main, again).exit_code == 1


def test_what_is_not_committed_counts(branch: Path) -> None:
    """Changed, added and moved in the folder; not what git ignores."""
    (branch / "src" / "own.py").write_text("X = 2\n")
    (branch / "src" / "new.py").write_text("X = 3\n")
    (branch / "src" / "ignored.py").write_text("X = 4\n")
    (branch / ".gitignore").write_text("ignored.py\n")
    (branch / "src" / "old.py").rename(branch / "src" / "moved.py")
    assert paths(audited("--diff", "main", code=1)) == [
        "src/added.py",
        "src/moved.py",
        "src/new.py",
        "src/own.py",
        "src/touched.py",
    ]


def test_where_branches_were_merged_crosswise_nothing_that_the_base_took_away_comes_back(
    branch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two commits are then where the branch began, and one of them has the file still: beside what
    that has it is no change, and git merges it into the base."""
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2040-01-01T00:00:00Z")  # git names the newer first
    git("checkout", "-q", "-B", "side", "began")
    git("commit", "-q", "--allow-empty", "-m", "a branch from before, with the file")
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    git("checkout", "-q", "-B", "main", "began")
    git("rm", "-q", "src/old.py")
    git("commit", "-q", "-m", "taken away")
    git("branch", "-f", "took", "main")
    git("merge", "-q", "--no-edit", "side")
    for first, second in (("side", "took"), ("took", "side")):
        git("checkout", "-q", "-B", "work", first)
        git("merge", "-q", "--no-commit", "-s", "ours", second)
        git("checkout", "-q", "side", "--", "src/old.py")
        git("commit", "-q", "-m", "with it")
        assert len(git("merge-base", "--all", "main", "HEAD").split()) == 2
        assert paths(audited("--diff", "main", code=1)) == ["src/old.py"]
    with monkeypatch.context() as bounded:
        bounded.setattr("provenance.changed._MOST_BASES", 1)
        ended = CliRunner().invoke(main, ["audit", "--diff", "main"])  # it was of all files, unsaid
        assert ended.exit_code == 3, ended.output
        assert "found 2 commits where the branch began, expected at most 1; audit" in ended.output
    git("checkout", "-q", "main")
    git("merge", "-q", "--no-edit", "work")
    assert (branch / "src" / "old.py").exists()


def test_where_git_has_too_much_to_say_that_is_told(
    branch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told as a clone without trees."""
    (branch / "more").mkdir()
    for number in range(500):  # more than a pipe holds
        (branch / "more" / f"{'x' * 200}{number}").write_text("")
    git("add", ".")
    git("commit", "-q", "-m", "many")
    monkeypatch.setattr("provenance.changed.MOST_OUTPUT", 1_000, raising=False)
    monkeypatch.setattr("provenance.git.MOST_OUTPUT", 1_000)
    said = CliRunner().invoke(main, ["audit", "--diff", "HEAD"])
    assert said.exit_code == 3
    assert "--diff HEAD: found more than 1,000 bytes of names" in said.output


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["100644 blob", "100755 blob", "120000 blob", "160000 commit"]),
            st.text("ab1\t\n ", min_size=1)
            | st.just(f"100644 blob {'1' * 40}\ta")
            | st.just(f"x\n100644 blob {'1' * 40}\ta"),
        ),
        max_size=5,
    )
)
def test_no_name_of_a_file_is_taken_for_another_line(files: list[tuple[str, str]]) -> None:
    """A link could be called as git writes that a file is there."""
    listed = "".join(f"{head} {'2' * 40}\t{path}\0" for head, path in files)
    asked = {shown(path) for _, path in files} | {"a"}
    expected = [(shown(path), "2" * 40) for head, path in files if head.startswith("100")]
    assert list(_read(listed.encode(), asked)) == expected


def test_nothing_changed_is_clean(branch: Path) -> None:
    result = CliRunner().invoke(main, ["audit", "--diff", "HEAD"])
    policy = "The policy (provenance.toml) looks at less, or lets more pass: "
    policy += "default-index false."
    assert result.exit_code == 0
    assert " ".join(result.output.split()) == f"Clean: 0 files (0 lines). {policy}"


def test_other_line_ends_are_no_change(branch: Path) -> None:
    """A checkout may have changed them."""
    own = branch / "src" / "own.py"
    own.write_bytes(own.read_bytes().replace(b"\n", b"\r\n"))
    assert paths(audited("--diff", "main", code=1)) == CHANGED


def test_paths_and_globs_bound_it_further(branch: Path) -> None:
    assert paths(audited("src/added.py", "--diff", "main", code=1)) == ["src/added.py"]
    assert paths(audited("--diff", "main", "--exclude", "added.py", code=1)) == ["src/touched.py"]


def test_that_nothing_changed_is_clean_beside_a_folder_that_is_left_out(branch: Path) -> None:
    """Every run of who has an environment in his checkout was not complete."""
    (branch / ".gitignore").write_text("env/\n")
    (branch / "env").mkdir()
    (branch / "env" / "installed.py").write_text("X = 1\n")
    assert paths(audited("--diff", "HEAD", code=0)) == []


def test_names_of_any_letters(branch: Path) -> None:
    name = branch / "src" / "größe 模型.py"
    name.write_text("X = 1\n")
    git("add", ".")
    git("commit", "-q", "-m", "four")
    assert paths(audited("--diff", "HEAD", code=0)) == []
    name.write_text("X = 2\n")
    assert paths(audited("--diff", "HEAD", code=0)) == ["src/größe 模型.py"]


@pytest.mark.parametrize(
    "base",
    ["nothing", "origin/main", "--help", "HEAD@{1}", "a..b", ":/one", "HEAD~9", "../x", "0000"],
)
def test_a_base_that_is_none_is_refused(branch: Path, base: str) -> None:
    """With 2, and what to do; no option gets to git."""
    result = CliRunner().invoke(main, ["audit", f"--diff={base}"])
    assert result.exit_code == 2, result.output
    assert f"--diff: found {base!r}" in result.output
    assert "fetch" in result.output


@pytest.mark.parametrize("made", ["0" * 39 + "1", "HEAD^{tree}"])
def test_who_names_what_is_here_and_is_no_commit_is_not_told_to_fetch(
    made: str, branch: Path
) -> None:
    """A branch whose commit is damaged or gone, a tag of something else."""
    known = made if made[0] == "0" else git("rev-parse", made)
    (branch / ".git" / "refs" / "tags" / "v1").write_text(f"{known}\n")
    result = CliRunner().invoke(main, ["audit", "--diff=v1"])
    assert result.exit_code == 2, result.output
    assert f"found 'v1' to mean refs/tags/v1 ({known})" in result.output
    assert "'git fsck'" in result.output
    assert "fetch" not in result.output


def test_who_pushes_a_tag_does_not_say_since_when_files_are_looked_at(branch: Path) -> None:
    """A hash means its commit whatever is called so, as for git; a name of several is refused."""
    whole = git("rev-parse", "began")
    git("update-ref", f"refs/tags/{whole}", "HEAD")
    assert paths(audited("--diff", whole, code=1)) == CHANGED
    git("update-ref", "refs/remotes/origin/main", "main")
    git("update-ref", "refs/tags/origin/main", "main")
    assert paths(audited("--diff", "origin/main", code=1)) == CHANGED  # the same commit
    git("update-ref", "refs/tags/origin/main", "HEAD")
    result = CliRunner().invoke(main, ["audit", "--diff", "origin/main"])
    assert result.exit_code == 2, result.output
    assert "refs/tags/origin/main and refs/remotes/origin/main" in result.output
    assert paths(audited("--diff", "refs/remotes/origin/main", code=1)) == CHANGED
    git("update-ref", f"refs/tags/{whole[:9]}", "HEAD")
    result = CliRunner().invoke(main, ["audit", "--diff", whole[:9]])
    assert result.exit_code == 2, result.output
    assert f"refs/tags/{whole[:9]} and a commit, expected one" in result.output


def test_a_tag_with_words_of_its_own_means_its_commit_beside_a_branch(branch: Path) -> None:
    """Its hash is another than that of the branch, its commit is none."""
    git("tag", "-a", "-m", "annotated", "main", "main")
    assert paths(audited("--diff", "main", code=1)) == CHANGED


def test_what_is_left_out_and_nobody_knows_of_is_told_of_a_branch_too(branch: Path) -> None:
    """Where it is not known what git has, the folder may hold what the branch added."""
    place = Path("node_modules/a.py")
    place.parent.mkdir()
    place.write_text("x = 1\n")
    git("add", "-f", str(place))
    git("update-index", "--split-index")
    for arguments in ([], ["--diff", "main"]):
        result = CliRunner().invoke(main, ["audit", "--fail-on", "never", *arguments])
        assert result.exit_code == 3, result.output
        assert "node_modules/: left out" in result.output


def test_without_history_or_repository_it_is_not_completed(branch: Path, tmp_path: Path) -> None:
    """A shallow clone has no commit in common with another branch."""
    clone = tmp_path / "clone"
    git("clone", "-q", "--depth", "1", "-b", "work", branch.as_uri(), str(clone))
    git("fetch", "-q", "--depth", "1", "origin", "main:refs/remotes/origin/main", cwd=clone)
    os.chdir(clone)
    result = CliRunner().invoke(main, ["audit", "--diff", "origin/main"])
    assert result.exit_code == 3, result.output
    assert "fetch-depth: 0" in result.output
    shutil.rmtree(clone / ".git", ignore_errors=True)
    result = CliRunner().invoke(main, ["audit", "--diff", "main"])
    assert result.exit_code == 3
    assert "no git repository" in result.output


def test_of_unrelated_histories_nobody_is_told_to_fetch_what_is_there(branch: Path) -> None:
    git("checkout", "-q", "--orphan", "other")
    git("commit", "-q", "-m", "other")
    result = CliRunner().invoke(main, ["audit", "--diff", "main"])
    assert result.exit_code == 3, result.output
    assert "name one that HEAD comes from" in result.output
    assert "fetch" not in result.output


def test_a_clone_without_trees_is_told_to_get_them(branch: Path, tmp_path: Path) -> None:
    """Nothing is wrong with it that ``git fsck`` would say, and nothing is fetched."""
    git("config", "uploadpack.allowFilter", "true")
    git("clone", "-q", "--filter=tree:0", "-b", "work", branch.as_uri(), str(tmp_path / "clone"))
    os.chdir(tmp_path / "clone")
    result = CliRunner().invoke(main, ["audit", "--diff", "origin/main"])
    assert result.exit_code == 3, result.output
    assert "clone it with its trees" in result.output


@pytest.mark.skipif(sys.platform == "win32", reason="writes a shell script")
def test_a_repository_cannot_make_git_run_anything(branch: Path) -> None:
    """Filters, monitors, hooks and aliases of its configuration are not read."""
    script = branch.parent / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {branch.parent}/ran\ncat\n")
    script.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "filter.x.clean",
        "diff.x.textconv",
        "core.pager",
        "diff.external",
    ):
        git("config", key, str(script))
    git("config", "alias.merge-base", f"!{script}")
    (branch / ".gitattributes").write_text("*.py filter=x diff=x\n")
    assert paths(audited("--diff", "main", code=1)) == CHANGED
    assert not (branch.parent / "ran").exists()
