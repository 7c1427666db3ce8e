"""The ready pieces: GitHub's action, pre-commit's hook, GitLab's template, run as they are run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from programs import program, renamed

import provenance

pytestmark = pytest.mark.usefixtures("in_this_process")

yaml = pytest.importorskip("yaml", reason="needs PyYAML")

ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
GITLAB = yaml.safe_load((ROOT / "gitlab" / "provenance.gitlab-ci.yml").read_text("utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
OWN = "def f(a):\n    return [a.b(c) for c in a if c.d]\n"
COMMAND = Path(sys.executable).parent / "provenance"

posix = pytest.mark.skipif(sys.platform == "win32", reason="runs bash and links")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    (folder / "birds").mkdir()
    (folder / "birds" / "m0.py").write_text(program(0))
    path = folder / "birds.db"
    provenance.build_index([str(folder / "birds")], path, date="2025-01-02", license="MIT")
    return path


def git(folder: Path, *arguments: str) -> str:
    """Run git without any configuration of this machine."""
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@example.invalid", *arguments]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, index: Path) -> Path:
    """A repository with a policy, one commit, and nothing borrowed."""
    root = tmp_path / "repository"
    (root / "src").mkdir(parents=True)
    (root / "src" / "own.py").write_text(OWN)
    (root / "provenance.toml").write_text(
        f"fail-on = 'resembles'\ndefault-index = false\nindex = [{json.dumps(str(index))}]\n"
    )
    git(root, "init", "-q", "-b", "main", ".")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "one")
    return root


def borrow(root: Path) -> None:
    (root / "src" / "borrowed.py").write_text("import math\n\n" + renamed(program(0)))


# --- GitHub -------------------------------------------------------------------------------


def expressions(text: str, values: Mapping[str, str]) -> str:
    """What the runner makes of ``${{ NAME }}``; a name that is not known is empty."""
    return re.sub(r"\$\{\{\s*([\w.\-]+)\s*\}\}", lambda found: values.get(found[1], ""), text)


def step(name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in ACTION["runs"]["steps"] if one.get("name") == name)
    return found


def run_step(
    root: Path, tmp: Path, **inputs: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, str], Path]:
    """Run the audit step as GitHub's runner does: its environment, its shell, its files."""
    temporary = tmp / "runner"
    shutil.rmtree(temporary, ignore_errors=True)
    (temporary / "provenance-venv" / "bin").mkdir(parents=True)
    (temporary / "provenance-venv" / "bin" / "provenance").symlink_to(COMMAND)
    one = step("Audit")
    values = {f"inputs.{name}": value["default"] for name, value in ACTION["inputs"].items()}
    values |= {f"inputs.{name}": value for name, value in inputs.items() if name != "base"}
    values |= {"runner.temp": str(temporary)}
    values |= {"github.event.pull_request.base.sha": inputs.get("base", "")}
    script, output, summary = temporary / "step.sh", temporary / "output", temporary / "summary"
    script.write_text(expressions(one["run"], {}))
    output.touch()
    summary.touch()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PROVENANCE")},
        **{key: expressions(value, values) for key, value in one["env"].items()},
        "RUNNER_TEMP": str(temporary),
        "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_WORKSPACE": str(root),
    }
    ended = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
    )
    given = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return ended, given, summary


@posix
def test_the_actions_step_passes_on_a_clean_repository(repository: Path, tmp_path: Path) -> None:
    ended, given, summary = run_step(repository, tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert given["exit-code"] == "0"
    assert json.loads(Path(given["sarif"]).read_text())["runs"][0]["results"] == []
    assert summary.read_text()


@posix
def test_the_actions_step_fails_on_a_dirty_one_with_lines_and_summary(
    repository: Path, tmp_path: Path
) -> None:
    """The reports are there for the upload that follows; paths start at the workspace."""
    borrow(repository)
    ended, given, summary = run_step(repository, tmp_path)
    assert ended.returncode == 1
    assert given["exit-code"] == "1"
    results = json.loads(Path(given["sarif"]).read_text())["runs"][0]["results"]
    assert results
    for result in results:
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "src/borrowed.py"
        assert place["region"]["startLine"] > 2
    assert "src/borrowed.py" in summary.read_text()
    reports = Path(given["reports"])
    assert {one.name for one in reports.iterdir()} >= {"report.html", "report.json"}


@posix
def test_the_action_passes_what_it_is_given_and_nothing_is_run_of_it(
    repository: Path, tmp_path: Path
) -> None:
    """Paths with blanks, one a line; a value that would be a command is a value."""
    (repository / "more code").mkdir()
    (repository / "more code" / "x.py").write_text(OWN)
    ended, _, _ = run_step(repository, tmp_path, paths="src\nmore code\n")
    assert ended.returncode == 0, ended.stderr
    assert "2 files" in ended.stdout
    evil = '"; touch evil; $(touch evil) `touch evil`'
    for name in ("paths", "config", "diff"):
        ended, _, _ = run_step(repository, tmp_path, **{name: evil})
        assert ended.returncode in (2, 3), ended.stdout
        assert not list(repository.rglob("evil"))


@posix
def test_the_action_looks_at_what_a_pull_request_changes(repository: Path, tmp_path: Path) -> None:
    """With ``auto`` since its base; without a base at everything."""
    borrow(repository)
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "borrowed before")
    base = git(repository, "rev-parse", "HEAD")
    (repository / "src" / "new.py").write_text(OWN)
    ended, _, _ = run_step(repository, tmp_path, diff="auto", base=base)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith("Clean: 1 file ")
    ended, _, _ = run_step(repository, tmp_path, diff="auto")
    assert ended.returncode == 1
    ended, _, _ = run_step(repository, tmp_path, diff="auto", base="0" * 40)
    assert ended.returncode == 2, "a base that was not fetched"


@posix
def test_the_actions_step_says_what_is_wrong(repository: Path, tmp_path: Path) -> None:
    """A wrong policy is 2, without a report that could be taken for one."""
    (repository / "provenance.toml").write_text("fail-on = 'x'\n")
    ended, given, _ = run_step(repository, tmp_path)
    assert ended.returncode == 2
    assert "provenance.toml:1: found fail-on" in ended.stderr
    assert "sarif" not in given


def test_the_action_is_pinned_and_takes_no_expression_into_a_script() -> None:
    """Every action by a commit's hash, with its version behind it; scripts see variables only."""
    text = (ROOT / "action.yml").read_text("utf-8")
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert len(used) == 2
    for name, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40}", name), name
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), name
    for one in ACTION["runs"]["steps"]:
        assert "${{" not in one.get("run", "")
        if "run" in one:
            assert one["shell"] == "bash"
    upload = step("Upload")
    assert "always()" in upload["if"]
    for name in re.findall(r"inputs\.([\w-]+)", text):
        assert name in ACTION["inputs"]
    set_there = set(re.findall(r'echo "([\w-]+)=', step("Audit")["run"]))
    assert set(re.findall(r"steps\.audit\.outputs\.([\w-]+)", text)) <= set_there


@posix
def test_the_action_installs_what_it_came_with(tmp_path: Path) -> None:
    """The step's script, with a Python that writes down what it is asked to do."""
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "python").write_text(
        "#!/bin/bash\n"
        'echo "$@" >> "$LOG"\n'
        'if [ "$3" = venv ]; then mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; fi\n'
    )
    (fake / "python").chmod(0o755)
    script = tmp_path / "step.sh"
    script.write_text(step("Install")["run"])
    log = tmp_path / "log"
    environment = {
        "PATH": f"{fake}:{os.environ['PATH']}",
        "LOG": str(log),
        "RUNNER_TEMP": str(tmp_path / "runner temp"),
        "GITHUB_ACTION_PATH": str(ROOT),
    }
    subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
        env=environment,
        check=True,
    )
    assert log.read_text().splitlines() == [
        f"-I -m venv {tmp_path}/runner temp/provenance-venv",
        f"-I -m pip install --quiet {ROOT}",
    ]


# --- pre-commit ---------------------------------------------------------------------------


@posix
def test_pre_commit_runs_the_hook(repository: Path, tmp_path: Path) -> None:
    """The hook as it ships, from a repository of it; ``language: system`` stands for installing it,
    which needs a network. It sees the files of the commit, passes what is clean, stops what is
    not, and lets it through once declared."""
    pytest.importorskip("pre_commit", reason="needs pre-commit")
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", shipped)
    git(shipped, "init", "-q", "-b", "main", ".")
    git(shipped, "add", ".")
    git(shipped, "commit", "-q", "-m", "hooks")
    config = {
        "repos": [
            {
                "repo": str(shipped),
                "rev": git(shipped, "rev-parse", "HEAD"),
                "hooks": [{"id": HOOKS[0]["id"], "language": "system"}],
            }
        ]
    }
    (repository / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    git(repository, "add", ".")
    environment = {
        **os.environ,
        "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(tmp_path / "home"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PROVENANCE_CACHE": str(tmp_path / "cache"),
    }

    def hook(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pre_commit", "run", "--color=never", *arguments]
        return subprocess.run(
            command, cwd=repository, env=environment, capture_output=True, text=True
        )

    ended = hook("--all-files")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"^provenance audit\.+Passed$", ended.stdout, re.MULTILINE)
    borrow(repository)
    git(repository, "add", "src/borrowed.py")
    ended = hook()
    assert ended.returncode == 1
    assert "- exit code: 1" in ended.stdout
    assert "src/borrowed.py" in ended.stdout
    assert "provenance notices --write" in ended.stdout
    subprocess.run([COMMAND, "notices", "--write"], cwd=repository, check=True, capture_output=True)
    git(repository, "add", ".")
    ended = hook()
    assert ended.returncode == 0, ended.stdout
    (repository / "src" / "data.txt").write_text("no Python\n")
    git(repository, "commit", "-q", "-m", "two")
    git(repository, "add", ".")
    assert "Skipped" in hook().stdout, "no Python file is committed"


def test_the_hook_is_as_pre_commit_wants_it() -> None:
    clientlib = pytest.importorskip("pre_commit.clientlib", reason="needs pre-commit")
    (loaded,) = clientlib.load_manifest(str(ROOT / ".pre-commit-hooks.yaml"))
    assert loaded["id"] == "provenance-audit"
    assert loaded["entry"] == "provenance audit"
    assert loaded["args"][-1] == "--", "no name of a file is an option"
    assert loaded["require_serial"], "several at once would each judge a part"


@pytest.mark.parametrize(
    "script", [step("Install")["run"], *GITLAB["provenance-audit"]["script"]], ids=str.split
)
def test_no_module_of_the_checkout_is_run_by_installing(script: str) -> None:
    """``python -m`` looks in the working folder first: a ``pip.py`` there could make any audit
    clean."""
    for line in script.splitlines():
        if re.search(r"python\"? .*-m ", line):
            assert re.search(r"python\"? -I -m (venv|pip) ", line), line


def test_the_action_believes_nothing_that_another_job_may_have_written() -> None:
    """What was found before is not restored: any job of a pull request, which may run what that
    brings, can keep a cache under a name that the audit would take."""
    assert "actions/cache" not in json.dumps(ACTION)
    assert step("Audit")["env"]["PROVENANCE_NO_CACHE"] == "true"


@posix
def test_gitlabs_job_runs_nothing_that_another_job_may_have_written(tmp_path: Path) -> None:
    """The folder of builds outlives a job, and jobs that run what a branch brings write there: the
    lines that install, with a Python that only makes the folder, run nothing of it."""
    builds, fake = tmp_path / "builds", tmp_path / "bin"
    fake.mkdir()
    (fake / "python").write_text(
        "#!/bin/bash\n"
        'if [ "$3" = venv ]; then mkdir -p "$4/bin"; echo "at=$4" >> "$4/bin/activate"; fi\n'
    )
    (fake / "python").chmod(0o755)
    (builds / "provenance-venv" / "bin").mkdir(parents=True)
    (builds / "provenance-venv" / "bin" / "activate").write_text(f"touch {tmp_path}/was-run\n")
    *installs, _ = GITLAB["provenance-audit"]["script"]
    ended = subprocess.run(
        ["bash"],
        input="set -eo pipefail\n" + "\n".join(installs) + '\necho "$at"\n',
        env={"PATH": f"{fake}:{os.environ['PATH']}", "CI_BUILDS_DIR": str(builds)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert not (tmp_path / "was-run").exists()
    made = Path(ended.stdout.strip())
    assert builds not in made.parents
    shutil.rmtree(made)


def test_gitlabs_job_believes_nothing_that_stands_in_the_checkout() -> None:
    """What was found before is read from no folder that a branch may have written."""
    job = GITLAB["provenance-audit"]
    assert "cache" not in job
    assert job["variables"]["PROVENANCE_NO_CACHE"] == "true"
    assert not any("CI_PROJECT_DIR" in value for value in job["variables"].values())


@posix
@pytest.mark.parametrize("given", [[], ["--"]])
def test_no_name_of_a_file_is_an_option(repository: Path, tmp_path: Path, given: list[str]) -> None:
    """What a shell makes of ``*.py``, or pre-commit passes, is no option: with ``--`` it is read
    as a file, without it is refused."""
    borrow(repository)
    (repository / "src" / "--exclude=*").write_text(OWN)
    (repository / "src" / "--exclude=*.py").write_text(OWN)
    names = sorted(os.listdir(repository / "src"))
    command = [str(COMMAND), "audit", "--no-cache", *given, *names]
    ended = subprocess.run(command, cwd=repository / "src", capture_output=True, text=True)
    if given:
        assert ended.returncode == 1, ended.stderr
        assert "src/borrowed.py" in ended.stdout
    else:
        assert ended.returncode == 2
        assert "put -- before" in ended.stderr


# --- GitLab -------------------------------------------------------------------------------


def gitlab(root: Path, tmp: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the job's script as GitLab's runner does: its lines in one bash, its variables set.
    Installing is left out: it needs a network."""
    job = GITLAB["provenance-audit"]
    installs = re.compile(r"python -I -m venv|activate|pip install")
    lines = [line for line in job["script"] if not installs.search(line)]
    assert len(lines) == 1
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PROVENANCE")},
        "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}",
        "CI_PROJECT_DIR": str(root),
        "PROVENANCE_CACHE": str(tmp / "cache"),
        **variables,
    }
    script = "set -eo pipefail\n" + "\n".join(lines)
    return subprocess.run(
        ["bash"], input=script, cwd=root, env=environment, capture_output=True, text=True
    )


@posix
def test_gitlabs_job_writes_the_reports_that_it_names(repository: Path, tmp_path: Path) -> None:
    ended = gitlab(repository, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert json.loads((repository / "gl-code-quality-report.json").read_text()) == []
    borrow(repository)
    ended = gitlab(repository, tmp_path)
    assert ended.returncode == 1
    issues = json.loads((repository / "gl-code-quality-report.json").read_text())
    assert {issue["location"]["path"] for issue in issues} == {"src/borrowed.py"}
    artifacts = GITLAB["provenance-audit"]["artifacts"]
    named = [*artifacts["paths"], *artifacts["reports"].values()]
    assert artifacts["when"] == "always"
    for name in named:
        assert (repository / name).is_file(), name


@posix
def test_gitlabs_job_looks_at_what_a_merge_request_changes(
    repository: Path, tmp_path: Path
) -> None:
    borrow(repository)
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "borrowed before")
    base = git(repository, "rev-parse", "HEAD")
    (repository / "src" / "new.py").write_text(OWN)
    ended = gitlab(repository, tmp_path, CI_MERGE_REQUEST_DIFF_BASE_SHA=base)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith("Clean: 1 file ")
    quality = json.loads((repository / "gl-code-quality-report.json").read_text())
    assert gitlab(repository, tmp_path).returncode == 1
    assert quality == json.loads((repository / "gl-code-quality-report.json").read_text())
    assert {one["location"]["path"] for one in quality} == {"src/borrowed.py"}, "is not resolved"
    shutil.copy(repository / "src" / "borrowed.py", repository / "src" / "second.py")
    ended = gitlab(repository, tmp_path, CI_MERGE_REQUEST_DIFF_BASE_SHA=base)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    variables = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": base, "PROVENANCE_FAIL_ON": "nothing"}
    assert gitlab(repository, tmp_path, **variables).returncode == 2
