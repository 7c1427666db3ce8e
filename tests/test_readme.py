"""The README cannot lie: what it shows is run, what it names is looked for."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from provenance.cli import main
from provenance.errors import ExitCode
from provenance.settings import SETTINGS

pytestmark = pytest.mark.usefixtures("in_this_process")

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs/scale.md"]

CASE = ROOT / "fixtures" / "type2_renamed"
"""A model, and the same with every name changed."""


def _blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _section(title: str) -> str:
    found = re.search(rf"^##+ {title}\n(.*?)(?=^##|\Z)", README, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found.group(1)


# --- what it shows is what happens --------------------------------------------------------


def test_python_example_runs(tmp_path: Path) -> None:
    shutil.copytree(CASE / "reference", tmp_path / "reference")
    shutil.copytree(CASE / "suspect", tmp_path / "my-model")
    (suspect,) = (tmp_path / "my-model").glob("*.py")
    (reference,) = (tmp_path / "reference").glob("*.py")
    (example,) = _blocks("python")
    ended = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    first = re.fullmatch(rf"{suspect.name}: (\d+)% reference/{reference.stem}", lines[0])
    assert first, lines[0]
    assert int(first.group(1)) > 90
    mine, theirs = (path.read_text("utf-8").splitlines() for path in (suspect, reference))
    found = 0
    for at, line in enumerate(lines):
        match = re.fullmatch(rf"{suspect.name}:(\d+) (\w+) <- (\w+)", line)
        if match:
            found += 1
            assert mine[int(match.group(1)) - 1].startswith(f"class {match.group(2)}")
            block = re.fullmatch(r"  lines (\d+)-(\d+) = (\d+)-(\d+)", lines[at + 1])
            assert block, lines[at + 1]
            assert theirs[int(block.group(3)) - 1].startswith(f"class {match.group(3)}")
    assert found == sum(line.startswith("class ") for line in mine)
    assert found
    assert "\n  closest: " in ended.stdout


def test_help_block_is_the_help() -> None:
    ended = CliRunner().invoke(main, ["--help"], prog_name="provenance", terminal_width=80)
    assert ended.exit_code == 0
    shown = [block for block in _blocks("text") if block.startswith("Usage:")]
    assert shown == [ended.output]


def test_text_example_has_the_form_of_a_report() -> None:
    """The example needs two published packages; here its form is compared with a small report."""
    (example,) = [block for block in _blocks("text") if "matches in" in block]
    assert all(len(line) <= 80 for line in example.splitlines())
    ended = CliRunner().invoke(main, ["compare", str(CASE / "suspect"), str(CASE / "reference")])
    assert ended.exit_code == 0, ended.output
    for text in (example, ended.output):
        for form in (
            r"^  closest: >?\d+ % \S+/\S+",
            r"^  \w+  lines \d+-\d+$",
            r"^     <- \S+/\S+  \w+  lines \d+-\d+$",
            r"^     type-\d, resemblance \d\.\d\d, \d+ % of this in that, \d+ % of that in this",
            r"^     renamed: \w+ -> \w+ \(\d+\)",
            r"^     lines: \d+-\d+ = \d+-\d+",
            r"^     \w+, (?:un)?declared",
            r"^\d+ matches in \d+ of \d+ files? \([\d,]+ lines\), \d+ \w+\.$",
        ):
            assert re.search(form, text, re.MULTILINE), f"{form} in\n{text}"
    footer = ended.output[ended.output.index("derived: consistent") :]
    assert example.endswith(footer)


def test_test_command_is_that_of_ci() -> None:
    commands = [line for line in "".join(_blocks("sh")).splitlines() if "pytest" in line]
    assert len(commands) == 1
    steps = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert [line for line in steps if "pytest" in line and "export" not in line] == commands
    assert steps[-1] == commands[0], "with && its failure counts only as the last line"


def test_exit_codes_are_all_there() -> None:
    rows = dict(re.findall(r"^\| (\d) \| (.+?) \|$", _section("Exit codes"), re.MULTILINE))
    assert {int(code) for code in rows} == {int(code) for code in ExitCode}
    printed = CliRunner().invoke(main, ["--help"]).output
    for code, meaning in rows.items():
        assert f"{code}  {meaning.replace('`', '')}\n" in printed


def test_settings_are_all_there() -> None:
    """Those of the policy, in their order, with what they mean."""
    rows = re.findall(r"^\| `--([a-z-]+)` \| .+? \| (.+?) \|$", README, re.MULTILINE)
    assert rows == [(setting.key, setting.help) for setting in SETTINGS]


# --- what it names exists -----------------------------------------------------------------


def _commands(
    group: click.Group = main, path: tuple[str, ...] = ("provenance",)
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, group
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(_commands())


def _named_in(document: str) -> Iterator[str]:
    """Command lines: those in code blocks and those in backquotes."""
    text = (ROOT / document).read_text("utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        command = re.search(r"^\s*(?:\$ )?(provenance [^|]*)$", line)
        if command and not line.startswith("provenance: "):
            yield command.group(1)
    yield from re.findall(r"`(provenance [^`]+)`", re.sub(r"\s*\n\s*", " ", text))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_command_lines_are_such(document: str) -> None:
    for line in _named_in(document):
        words = shlex.split(line)
        path: tuple[str, ...] = ("provenance",)
        while len(words) > len(path) and (*path, words[len(path)]) in COMMANDS:
            path = (*path, words[len(path)])
        command = COMMANDS[path]
        rest = words[len(path) :]
        if isinstance(command, click.Group):
            assert rest in ([], ["--help"], ["--version"]), line
            continue
        known = _options(command)
        arguments = [
            parameter for parameter in command.params if parameter.param_type_name == "argument"
        ]
        for word in rest:
            if word.startswith("-"):
                assert word in known, f"{line}: {word}"
        assert arguments or path == ("provenance", "sources", "build"), line


def _options(command: click.Command) -> set[str]:
    with click.Context(command, help_option_names=["-h", "--help"]) as context:
        return {
            name
            for parameter in command.get_params(context)
            if isinstance(parameter, click.Option)
            for name in parameter.opts
        }


def test_options_that_are_named_exist() -> None:
    known = set().union(*(_options(command) for command in COMMANDS.values()))
    known |= {"--version"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", README))
    assert named
    assert named <= known, sorted(named - known)


def test_every_command_and_option_is_documented() -> None:
    for path, command in COMMANDS.items():
        if isinstance(command, click.Group):
            continue
        assert f"`{' '.join(path)} " in _section("Commands"), path
        for option in _options(command) - {"-h", "-o", "--help"}:
            assert f"{option}" in README, f"{' '.join(path)} {option}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_relative_links_resolve(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    for link in links:
        assert "://" not in link, link
        assert (ROOT / link.partition("#")[0]).exists(), link
    if document == "README.md":
        assert "provenance/report/schema.json" in links


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_are_named_exist(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    for name in re.findall(r"`((?:[\w.]+/)*[\w]+\.(?:py|json|md))`", text):
        assert (ROOT / name).exists() or (ROOT / "provenance" / name).exists(), name


def test_contributing_lists_every_module() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for path in (ROOT / "provenance").rglob("*.py"):
        name = path.relative_to(ROOT / "provenance").as_posix()
        if not name.endswith(("__init__.py", "__main__.py")):
            assert f"`{name}`" in text, name


def test_dependencies_are_explained() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    declared = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert declared is not None
    needed = set(re.findall(r'^  [\'"]([A-Za-z0-9_.-]+)', declared.group(1), re.MULTILINE))
    told = set(re.findall(r"^\| ([a-z0-9-]+) \| .+ \|$", _section("Dependencies"), re.MULTILINE))
    assert told - {"package"} == needed
    for bundle in ("tree-sitter-languages", "tree-sitter-language-pack"):
        assert f"`{bundle}`" in _section("Dependencies")


def test_versions_in_the_changelog_are_those_of_the_code() -> None:
    from provenance.model import Parameters
    from provenance.report.json import FORMAT_VERSION as JSON_VERSION
    from provenance.schema import FORMAT_VERSION as INDEX_VERSION

    newest = (ROOT / "CHANGELOG.md").read_text("utf-8").split("\n## ")[1]
    assert f"Index format {INDEX_VERSION}." in newest
    assert f"JSON format {JSON_VERSION}." in newest
    assert f"Normalisation {Parameters().normalisation}." in newest
    assert f"the grammar, {Parameters().grammar.replace(' ', ' ')}," in newest
    assert f"`{Parameters().scheme}`" in newest


# --- how it is written --------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS)
def test_lines_are_not_too_long(document: str) -> None:
    fenced = False
    for number, line in enumerate((ROOT / document).read_text("utf-8").splitlines(), 1):
        fenced ^= line.startswith("```")
        table = line.startswith("|")
        assert fenced or table or len(line) <= 100, f"{document}:{number}"


def test_ci_is_a_program() -> None:
    path = ROOT / ".ci" / "run"
    assert os.access(path, os.X_OK)
    text = path.read_text("utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail\n" in text
    for step in ("ruff check", "ruff format --check", "mypy"):
        assert re.search(rf"^{step}", text, re.MULTILINE), step
