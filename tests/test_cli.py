"""The command line: its exit codes, its messages, what it writes and what it must not."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from itertools import product
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from programs import program, renamed
from thorough import THOROUGH

import provenance
from provenance.cli import main
from provenance.errors import ExitCode

pytestmark = pytest.mark.usefixtures("in_this_process")

FIXTURES = Path(__file__).parent.parent / "fixtures"


def run(*arguments: object) -> Result:
    """Run a command in this process; no exception may come out but its own exit."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert "Traceback" not in result.output
    return result


def in_process(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "provenance", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **more)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of three modules."""
    folder = tmp_path_factory.mktemp("index")
    (folder / "birds").mkdir()
    for seed in range(3):
        (folder / "birds" / f"m{seed}.py").write_text(program(seed))
    path = folder / "birds.db"
    provenance.build_index([str(folder / "birds")], path, date="2025-01-02", license="MIT")
    return path


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A repository with one renamed copy and one file that cannot be read."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "copy.py").write_text(renamed(program(0)))
    (folder / "own.py").write_text("def f(a):\n    return [a.b(c) for c in a if c.d]\n")
    (folder / "bad.py").write_bytes(b"\xff\xfe\x00")
    return folder


FULL = ["/dev/full", "&-"]
"""Where nothing can be written to, as a shell says it."""


# --- help ---------------------------------------------------------------------------------


def commands() -> list[tuple[list[str], click.Command]]:
    found: list[tuple[list[str], click.Command]] = [([], main)]
    for name, command in main.commands.items():
        found.append(([name], command))
        if isinstance(command, click.Group):
            found += [([name, inner], one) for inner, one in command.commands.items()]
    return found


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: str(value)[:20])
def test_help_has_examples_and_says_what_every_option_does(
    name: list[str], command: click.Command
) -> None:
    """At 80 columns."""
    result = run(*name, "--help")
    assert result.exit_code == 0
    if not isinstance(command, click.Group) or not name:
        assert "Example" in result.output
        assert "provenance " + " ".join(name) in result.output
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
    assert max(map(len, result.output.splitlines())) <= 80
    assert run(*name, "-h").output == result.output


@pytest.mark.parametrize("name", [[], ["scan"], ["compare"], ["index"]])
def test_help_has_the_exit_codes(name: list[str]) -> None:
    """0 to 3."""
    output = run(*name, "--help").output
    table = output[output.index("Exit codes") :]
    assert re.findall(r"^ +(\d) ", table, re.MULTILINE) == ["0", "1", "2", "3"]


def test_version() -> None:
    """The one of the package."""
    assert run("--version").output.strip().endswith(provenance.__version__)


# --- scan and compare ---------------------------------------------------------------------


def test_scan_shows_what_it_found(index: Path, mine: Path) -> None:
    """Origin, lines, clone type, date, licence, renames; skipped files with the reason."""
    result = run("scan", mine, "--no-default-index", "--index", index)
    assert result.exit_code == 0
    for part in ("copy.py", "birds/m0", "type-2", "2025-01-02", "MIT", "renamed:", "lines"):
        assert part in result.output
    assert "Skipped 1:" in result.output
    assert "bad.py" in result.output
    assert "1 of 2 files" in result.output


def test_scan_is_quiet_where_nothing_is_found(index: Path, tmp_path: Path) -> None:
    """One line, and done."""
    (tmp_path / "a.py").write_text("def f(a):\n    return [b for b in a if b.c(1) > 2] or None\n")
    result = run("scan", tmp_path, "--no-default-index", "--index", index)
    assert result.exit_code == 0
    assert result.output.count("\n") == 1
    assert result.output.startswith("0 matches in 0 of 1 file")


def test_compare_needs_no_index(index: Path, mine: Path) -> None:
    """The same findings as through an index."""
    result = run("compare", mine, index.parent / "birds", "--format", "json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert {finding["suspect"]["path"] for finding in found["findings"]} == {"copy.py"}
    assert found["counts"]["skipped"] == len(found["skipped"]) == 1


def test_compare_tells_what_of_either_side_is_not_looked_at(tmp_path: Path) -> None:
    """Of the reference it vanished: nothing was found in what nobody had read."""
    for side in ("suspect", "reference"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "read.py").write_text(program(1))
        (tmp_path / side / "bad.py").write_bytes(b"\0")
    result = run("compare", tmp_path / "suspect", tmp_path / "reference", "--format", "json")
    told = [(one["path"], one["reason"][:20]) for one in json.loads(result.stdout)["skipped"]]
    assert told == [("bad.py", "found a NUL byte at "), ("bad.py", "in the reference: fo")]
    for none in ("none.py", "bad.py"):  # there is none, or it cannot be read
        asked = ["--include", none, "--format", "sarif"]
        result = run("compare", tmp_path / "suspect", tmp_path / "reference", *asked)
        assert result.exit_code == 3
        (ended,) = json.loads(result.stdout.partition("\n}\n")[0] + "}")["runs"][0]["invocations"]
        assert not ended["executionSuccessful"], "nothing of what was to be scanned was"


def test_text_is_80_columns_wide(index: Path, mine: Path) -> None:
    """But for names that are wider."""
    result = run("scan", mine, "--no-default-index", "--index", index)
    assert max(map(len, result.output.splitlines())) <= 80


def test_json_is_the_same_whatever_jobs_and_hash_seed(index: Path, mine: Path) -> None:
    """On the standard output, byte for byte, with nothing else there."""
    found = {
        in_process(
            *(
                "scan",
                mine,
                "--no-default-index",
                "--index",
                index,
                "--format",
                "json",
                "--jobs",
                jobs,
            ),
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        ).stdout
        for jobs, seed in (("1", "0"), ("2", "1"))
    }
    (text,) = found
    assert json.loads(text)["counts"]["findings"] > 0
    assert (
        text == run("scan", mine, "--no-default-index", "--index", index, "--format", "json").stdout
    )


def test_options_reach_the_scan(index: Path, mine: Path) -> None:
    """--as-of, --exclude-origin, --include, --exclude."""

    def counts(*options: str) -> dict[str, int]:
        result = run(
            "scan", mine, "--no-default-index", "--index", index, "--format", "json", *options
        )
        found: dict[str, int] = json.loads(result.stdout)["counts"]
        return found

    assert counts()["findings"] > 0
    assert counts("--as-of", "2025-01-02")["findings"] == 0
    assert counts("--as-of", "2025-01-03")["findings"] > 0
    assert counts("--exclude-origin", "birds/*")["findings"] == 0
    assert counts("--include", "own.py") == {**counts("--include", "own.py"), "files": 1}
    assert counts("--exclude", "bad.py")["skipped"] == 0


def test_the_default_index_is_looked_into_and_others_are_added(
    index: Path, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--no-default-index`` leaves it out; what both have is in both."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "m.py").write_text(program(7))
    (mine / "more.py").write_text(renamed(program(7)))
    database = tmp_path / "other.db"
    provenance.build_index([str(other)], database)
    monkeypatch.setattr("provenance.cli.DEFAULT_INDEX", index)

    def found(*options: object) -> tuple[list[str], set[str]]:
        report = json.loads(run("scan", mine, "--format", "json", *options).stdout)
        names = [one["name"] for one in report["index"]]
        return names, {finding["suspect"]["path"] for finding in report["findings"]}

    assert found() == (["birds.db"], {"copy.py"})
    assert found("--index", database) == (["birds.db", "other.db"], {"copy.py", "more.py"})
    assert found("--no-default-index", "--index", database) == (["other.db"], {"more.py"})


def test_a_default_index_that_is_not_there_is_3(
    index: Path, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than a scan of less than was asked for."""
    monkeypatch.setattr("provenance.cli.DEFAULT_INDEX", tmp_path / "default.db")
    result = run("scan", mine, "--index", index)
    assert result.exit_code == 3
    assert "default.db: found no file, expected an index" in result.stderr
    assert result.stdout == ""


# --- exit codes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "fail_on", "code"),
    [
        ("type1", "never", 0),
        ("type1", "type-1", 1),
        ("type1", "fragment", 1),
        ("type2_renamed", "type-1", 0),
        ("type2_renamed", "type-2", 1),
        ("type3_edited", "type-2", 0),
        ("type3_edited", "type-3", 1),
        ("partial_function", "type-3", 0),
        ("partial_function", "fragment", 1),
        ("independent_same_task", "fragment", 0),
    ],
)
def test_fail_on_is_this_type_or_a_stronger_one(case: str, fail_on: str, code: int) -> None:
    """1 where there is such a finding, with the report all the same."""
    folder = FIXTURES / case
    result = run("compare", folder / "suspect", folder / "reference", "--fail-on", fail_on)
    assert result.exit_code == code
    assert re.search(r"^\d+ match(es)? in ", result.output, re.MULTILINE)


def test_a_file_that_is_a_reference_file_is_of_the_strongest_type() -> None:
    """It has no finding of its own."""
    folder = FIXTURES / "type1" / "reference"
    assert run("compare", folder, folder, "--fail-on", "type-1").exit_code == 1
    assert run("compare", folder, folder).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan"],
        ["scan", ".", "--no-default-index"],
        ["scan", ".", "--index"],
        ["scan", ".", "--index", "x", "--format", "xml"],
        ["scan", ".", "--index", "x", "--jobs", "0"],
        ["scan", ".", "--index", "x", "--fail-on", "type-9"],
        ["scan", ".", "--no-default-index", "--index", "INDEX", "--as-of", "tomorrow"],
        ["scan", "pypi:a b==1", "--no-default-index", "--index", "INDEX"],
        ["compare", "."],
        ["index", "build", "."],
        ["index", "build", ".", "-o", "OUT", "--date", "tomorrow"],
        ["index", "nothing"],
        ["nothing"],
    ],
)
def test_a_wrong_command_line_is_2(arguments: list[str], index: Path, tmp_path: Path) -> None:
    """Missing, unknown and impossible values."""
    known = {"INDEX": str(index), "OUT": str(tmp_path / "out.db"), ".": str(tmp_path)}
    result = run(*(known.get(argument, argument) for argument in arguments))
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_opened_is_3_and_named(index: Path, mine: Path, tmp_path: Path) -> None:
    """With what was expected and the remedy, in one message on the error stream."""
    torn = tmp_path / "torn.db"
    torn.write_bytes(index.read_bytes()[:5000])
    for arguments, named, remedy in (
        (
            ["scan", tmp_path / "absent", "--no-default-index", "--index", index],
            "absent",
            "check the spelling",
        ),
        (
            ["scan", mine, "--no-default-index", "--index", tmp_path / "absent.db"],
            "absent.db",
            "index build",
        ),
        (["scan", mine, "--no-default-index", "--index", torn], "torn.db", "build it again"),
        (["index", "info", torn], "torn.db", "build it again"),
        (["index", "verify", tmp_path / "absent.db"], "absent.db", "index build"),
        (["index", "add", tmp_path / "absent.db", mine], "absent.db", "index build"),
        (["index", "build", tmp_path / "absent", "-o", tmp_path / "o.db"], "absent", "spelling"),
        (["compare", mine, tmp_path / "absent"], "absent", "check the spelling"),
        (["report", tmp_path / "absent.json"], "absent.json", "look at the name"),
    ):
        result = run(*arguments)
        assert result.exit_code == 3, arguments
        assert result.stdout == ""
        assert result.stderr.startswith("provenance: ")
        assert named in result.stderr
        assert "expected" in result.stderr
        assert remedy in result.stderr
        assert result.stderr.count("\n") == 1
    assert not (tmp_path / "o.db").exists()


def test_nothing_scanned_is_3(index: Path, mine: Path, tmp_path: Path) -> None:
    """A scan of no file is no clean bill."""
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments in (
        ["scan", empty, "--no-default-index", "--index", index],
        ["scan", mine, "--no-default-index", "--index", index, "--include", "none.py"],
        ["scan", mine, "--no-default-index", "--index", index, "--include", "bad.py"],
        ["compare", empty, index.parent / "birds"],
    ):
        result = run(*arguments)
        assert result.exit_code == 3
        assert "no Python file was scanned" in result.stderr
    for arguments in (
        ["index", "build", empty, "-o", tmp_path / "o.db"],
        ["compare", mine, empty],
    ):
        result = run(*arguments)
        assert result.exit_code in (2, 3)
        assert "no Python file" in result.stderr
    assert not (tmp_path / "o.db").exists()


def test_in_a_process_of_its_own(index: Path, mine: Path) -> None:
    """The exit codes reach the shell, and no traceback the terminal."""
    for arguments, code in (
        (["scan", mine, "--no-default-index", "--index", index], 0),
        (["scan", mine, "--no-default-index", "--index", index, "--fail-on", "type-2"], 1),
        (["scan", mine, "--no-default-index"], 2),
        (["scan", mine, "--no-default-index", "--index", "absent.db"], 3),
    ):
        result = in_process(*arguments)
        assert result.returncode == code
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"] if THOROUGH else ["cp1252"])
@pytest.mark.parametrize("format_", ["text", "html"])
def test_a_name_that_the_terminal_cannot_show_ends_nothing(
    index: Path, mine: Path, tmp_path: Path, encoding: str, format_: str
) -> None:
    """It was a traceback, and exit code 1, which means findings. Files that are no text are UTF-8
    whatever the terminal is."""
    place = tmp_path / "of" / "\ud55c.py"
    place.parent.mkdir()
    place.write_bytes((mine / "copy.py").read_bytes())
    arguments = ["scan", place.parent, "--no-default-index", "--index", index, "--format", format_]
    ended = subprocess.run(
        [sys.executable, "-m", "provenance", *map(str, arguments)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    known = format_ == "html" or encoding == "utf-8"
    assert ("\ud55c.py".encode() if known else rb"\ud55c.py") in ended.stdout


def test_no_mark_stands_before_a_file_on_the_output(index: Path, mine: Path) -> None:
    """The encoding of the output put one there, behind which no reader of JSON looks."""
    arguments = ["scan", mine, "--no-default-index", "--index", index, "--format", "json"]
    ended = subprocess.run(
        [sys.executable, "-m", "provenance", *map(str, arguments)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8-sig"},
        check=False,
    )
    assert ended.stdout[:1] == b"{", ended.stderr


def test_a_reader_that_goes_away_is_no_error_message(index: Path, mine: Path) -> None:
    """As with ``| head``."""
    command = [
        sys.executable,
        "-m",
        "provenance",
        "scan",
        str(mine),
        "--no-default-index",
        "--index",
        str(index),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.close()
        said = started.stderr.read()
    assert b"Traceback" not in said
    assert b"Error" not in said


@pytest.mark.skipif(sys.platform == "win32", reason="no such shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_is_no_success_with_nothing_said(
    index: Path, mine: Path, closed: str
) -> None:
    """What was scanned is told to nobody, so that it is not done; where only nobody listens to
    messages, it is."""
    scan = [sys.executable, "-m", "provenance", "scan", str(mine), "--no-default-index"]
    call = f'"$@" {closed}'
    command = ["sh", "-c", call, "sh", *scan, "--index", str(index), "--jobs", "1"]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert ended.returncode == (0 if closed == "2>&-" else 3)
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("name", [[], ["index"], ["sources"], ["cluster"]])
def test_commands_of_commands_show_their_help(name: list[str]) -> None:
    """Alone, as with ``--help``: it was one line with a backslash and n at each end of a line."""
    alone, asked = run(*name), run(*name, "--help")
    assert alone.output.strip() == asked.output.strip()
    assert "Commands:\n" in alone.output
    assert alone.exit_code in (0, 2), "by the release of click"


@pytest.mark.skipif(sys.platform != "linux", reason="no such device")
@pytest.mark.parametrize(
    ("asked", "output", "unbuffered"),
    list(product(["--version", "--help", "scan --help", "index --help", "index"], FULL, ["", "1"]))
    if THOROUGH
    else [
        ("--version", "/dev/full", ""),
        ("--help", "&-", "1"),
        ("scan --help", "/dev/full", "1"),
        ("index --help", "&-", ""),
        ("index", "/dev/full", ""),
        ("index", "&-", "1"),
    ],
)
def test_help_that_nobody_gets_is_told(asked: str, output: str, unbuffered: str) -> None:
    """It is written before a command is run. Where it is buffered Python would end with 120."""
    call = f'"$@" {asked} >{output}'
    command = ["sh", "-c", call, "sh", sys.executable, "-m", "provenance"]
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    ended = subprocess.run(command, capture_output=True, check=False, text=True, env=env)
    if asked == "index" and output == "/dev/full":  # help for a wrong call is an error message
        assert ended.returncode == 2
        return
    assert ended.returncode == 3
    assert ended.stderr.startswith("provenance: ")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("format_", ["json", "cyclonedx", "codequality", "spdx"])
def test_no_json_for_the_terminal_is_a_command_to_ci(
    index: Path, tmp_path: Path, format_: str
) -> None:
    """Services look for ``##[`` anywhere in a line. The JSON means the same."""
    (tmp_path / "##vso[task.x]##[y]##teamcity[z].py").write_text(program(0))
    scan = ("scan", tmp_path, "--no-default-index", "--index", index, "--format", format_)
    output = run(*scan).output
    assert "##[" not in output
    assert "##vso[" not in output
    assert "##teamcity[" not in output
    assert "##vso[task.x]##[y]##teamcity[z].py" in json.dumps(json.loads(output))


def test_no_source_in_a_page_for_the_terminal_is_a_command_to_ci(
    index: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text(f"{program(0)}X = 1  # ##vso[task.x]##[y]\n")
    scan = ("scan", tmp_path, "--no-default-index", "--index", index, "--format", "html")
    output = run(*scan).output
    assert "task.x]" in output
    assert "##[" not in output
    assert "##vso[" not in output


def test_a_fault_of_ours_is_3_and_steers_no_terminal(
    index: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 would read as findings."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("\x1b[31m\n::error::x")

    monkeypatch.setattr("provenance.scanning.scan", fail)
    arguments = ["scan", str(mine), "--no-default-index", "--index", str(index)]
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == 3
    assert "a fault of ours" in ended.output
    assert "\x1b" not in ended.output
    assert "\n::error" not in ended.output


@pytest.mark.parametrize(
    ("raised", "remedy"),
    [
        (RecursionError("too deep"), "sys.setrecursionlimit"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (ImportError("x.so: failed to map segment from shared object"), "ulimit -v"),
        (ImportError(f"cannot protect memory: {os.strerror(errno.ENOMEM)}"), "ulimit -v"),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "expected memory"),
    ],
)
def test_what_the_system_does_not_grant_is_no_fault_of_ours(
    raised: Exception, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("provenance.scanning.scan", fail)
    monkeypatch.setattr(sys, "getrecursionlimit", lambda: 60)
    ended = CliRunner().invoke(main, ["scan", "."])
    assert ended.exit_code == ExitCode.NOT_COMPLETED
    assert remedy in ended.output
    assert "Traceback" not in ended.output


@pytest.mark.skipif(sys.platform != "linux", reason="addresses are bounded by ulimit -v on Linux")
@pytest.mark.parametrize("asked", ["scan .", "index build . -o o.db"])
def test_too_few_addresses_are_told_before_a_library_ends_the_process(
    asked: str, tmp_path: Path
) -> None:
    """OpenBLAS ended it with 1, as findings do, or tried for ever."""
    line = f'ulimit -v 160000 && exec "$1" -m provenance {asked}'
    ended = subprocess.run(
        ["sh", "-c", line, "sh", sys.executable],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(FIXTURES.parent)},
    )
    assert ended.returncode == ExitCode.NOT_COMPLETED
    assert "may take 156 MB here, expected at least 512; let this user have more" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no folder goes while one is in it")
@pytest.mark.parametrize(
    "asked",
    ["scan .", "audit --init", *(["audit", "index build . -o o.db"] if THOROUGH else [])],
)
def test_a_folder_that_is_gone_is_told(asked: str, tmp_path: Path) -> None:
    """It was an error of the system, of no file, without what was expected."""
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f'cd "$1" && rmdir "$1" && exec "$2" -m provenance {asked}'
    ended = subprocess.run(
        ["sh", "-c", command, "sh", str(gone), sys.executable],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(FIXTURES.parent)},
    )
    assert ended.returncode == 3, ended.stderr
    assert "expected" in ended.stderr
    assert "start in a folder that is still there" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_what_is_interrupted_while_it_is_loaded_says_so(tmp_path: Path) -> None:
    """It was a traceback through click."""
    (tmp_path / "click.py").write_text(
        "import os, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
    )
    said = "provenance: interrupted; nothing is written by half\n"
    for code in (["-m", "provenance"], ["-c", "from provenance.__main__ import start; start()"]):
        ended = subprocess.run(
            [sys.executable, *code, "scan", "."],
            env={
                **os.environ,
                "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(provenance.__file__).parents[1]}",
            },
            capture_output=True,
            text=True,
        )
        assert (ended.returncode, ended.stderr) == (3, said)


# --- output -------------------------------------------------------------------------------


def test_output_is_what_the_terminal_would_have_got(
    index: Path, mine: Path, tmp_path: Path
) -> None:
    """In a file, with nothing on the standard output; an old file is replaced."""
    for form in ("text", "json"):
        path = tmp_path / form
        path.write_text("old")
        result = run(
            "scan", mine, "--no-default-index", "--index", index, "--format", form, "--output", path
        )
        assert result.exit_code == 0
        assert result.stdout == ""
        assert (
            path.read_text("utf-8")
            == run("scan", mine, "--no-default-index", "--index", index, "--format", form).stdout
        )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["json", "mine", "text"]


def test_output_is_written_whole_or_not_at_all(
    index: Path, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan that fails, and a disk that does, leave the old file and no other."""
    path = tmp_path / "result.json"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    arguments = ["scan", mine, "--no-default-index", "--index", index, "--output", path]
    assert run("scan", tmp_path / "absent", *arguments[2:]).exit_code == 3
    assert path.read_text() == "old"
    monkeypatch.setattr(os, "replace", full)
    result = run(*arguments)
    assert result.exit_code == 3
    assert "No space left" in result.stderr
    assert path.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "result.json"]


def test_output_into_a_folder_that_is_not_there_is_3(
    index: Path, mine: Path, tmp_path: Path
) -> None:
    """Without a traceback, naming the file."""
    result = run(
        "scan", mine, "--no-default-index", "--index", index, "-o", tmp_path / "no" / "r.json"
    )
    assert result.exit_code in (2, 3)
    assert "r.json" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", ""],
        ["audit", ".", "--config", ""],
        ["audit", ".", "--config="],
        ["index", "verify", ""],
        ["index", "merge", "", "-o", "x.db"],
        ["verify-bundle", ""],
        ["report", ""],
    ],
)
def test_an_empty_name_is_told(arguments: list[str]) -> None:
    """A variable of the shell that is not set names nothing: it was taken for the folder, or for
    no policy given, with that of the repository in its place."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert "found an empty argument (" in result.stderr


@pytest.mark.parametrize("name", ["pipe", "link", ""])
def test_what_is_no_file_is_not_replaced(
    name: str, mine: Path, index: Path, tmp_path: Path
) -> None:
    """A device, a pipe, a link to one: renaming a report or an index over it would delete it."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    output = tmp_path / name if name else ""
    for arguments in (
        ("scan", mine, "--no-default-index", "--index", index),
        ("index", "build", mine),
    ):
        result = run(*arguments, "-o", output)
        assert result.exit_code in (2, 3), result.output
        assert "expected" in result.stderr
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="no such name")
def test_the_output_named_as_a_file_is_written_to_not_replaced(
    mine: Path, index: Path, tmp_path: Path
) -> None:
    """What went there before and comes later stays: it was another file that had the name then."""
    scan = [sys.executable, "-m", "provenance", "scan", mine, "--no-default-index", "--index"]
    for stream in (1, 2, 3):
        log = tmp_path / f"log{stream}"
        script = f'exec {stream}>"$0"; echo before >&{stream}; "$@"; echo after >&{stream}'
        call = ["sh", "-c", script, log, *scan, index, "-o", f"/dev/fd/{stream}", "--format", "csv"]
        subprocess.run([str(part) for part in call], check=True, capture_output=True)
        lines = log.read_text().splitlines()
        assert lines[0] == "before"
        assert lines[-1] == "after"
        assert len(lines) > 3


FORMS = {
    "r.sarif": '"version": "2.1.0"',
    "r.github.sarif": '"version": "2.1.0"',
    "r.junit.xml": "<testsuites ",
    "r.codequality.json": '"check_name": "provenance-',
    "r.md": "### Provenance",
    "r.csv": "id,status,level",
    "r.cdx.json": '"bomFormat": "CycloneDX"',
    "r.spdx.json": '"snippetFromFile"',
    "r.html": "<!doctype html>",
    "r.json": '"format_version"',
    "r.txt": " matches in ",
}


@pytest.mark.parametrize("name", sorted(FORMS))
def test_the_ending_of_output_names_the_format(
    name: str, mine: Path, index: Path, tmp_path: Path
) -> None:
    """Of a scan too, which knows no policy; named by hand it is the same."""
    from provenance.report.formats import format_of

    options = ("--no-default-index", "--index", index)
    assert run("scan", mine, *options, "-o", tmp_path / name).exit_code == 0
    text = (tmp_path / name).read_text("utf-8")
    assert FORMS[name].lower() in text.lower()
    printed = run("scan", mine, *options, "--format", format_of(name).name).stdout
    assert printed == text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-o", "report.pdf"), "found no known ending, expected one of .txt, .json"),
        (("-o", "report"), "found no known ending"),
        (("--format", "pdf"), "found no such format, expected one of text, json"),
        (("--format", "pdf", "-o", "report.txt"), "found no such format"),
    ],
)
def test_an_unknown_format_is_refused_before_the_scan(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    """The source, which is not there, is not looked for."""
    result = run("scan", tmp_path / "nothing", *arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_a_saved_result_has_nobody_look_on_another_computer(
    mine: Path, index: Path, tmp_path: Path
) -> None:
    """It may be anybody's, and to look there would sign in, on Windows."""
    saved, page, sbom = (tmp_path / name for name in ("r.json", "r.html", "r.spdx.json"))
    assert run("scan", mine, "--no-default-index", "--index", index, "-o", saved).exit_code == 0
    elsewhere = (r"\\evil.example\share", r"\/evil.example\s", r"/\evil.example\s", r"\??\UNC\evil")
    for place in (f"/{mine}", *elsewhere):  # the first is a folder that is there
        report = json.loads(saved.read_text())
        report["source"] = place
        saved.write_text(json.dumps(report))
        for arguments in (("--html", page), ("-o", sbom)):
            result = run("report", saved, *arguments)
            assert result.exit_code == 0
            assert "of another computer" in result.stderr
    assert "of another computer" not in run("report", saved, "-o", sbom, "--source", mine).stderr


def test_a_saved_result_has_no_folder_listed(
    mine: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be anybody's, and name the whole disk: only files that it names are opened."""
    options = ("--no-default-index", "--index", index)
    saved, page, again = (tmp_path / name for name in ("r.json", "a.html", "b.html"))
    assert run("scan", mine, *options, "-o", saved, "--html", page).exit_code == 0
    report = json.loads(saved.read_text("utf-8"))
    report["source"] = str(mine.parent)
    for one in (*report["files"], *(finding["suspect"] for finding in report["findings"])):
        one["path"] = f"{mine.name}/{one['path']}"
    saved.write_text(json.dumps(report), "utf-8")

    def listed(*_: object) -> None:
        raise AssertionError("the folder was listed")

    monkeypatch.setattr("provenance.source.list_folder", listed)
    for arguments in (("--html", again), ("-o", tmp_path / "r.spdx.json")):
        result = run("report", saved, *arguments)
        assert (result.exit_code, result.stderr) == (0, "")
    quoted = [one.read_text("utf-8").count('id="text-s') for one in (page, again)]
    assert quoted[0] == quoted[1] > 0
    assert "snippetFromFile" in (tmp_path / "r.spdx.json").read_text("utf-8")


def test_a_saved_result_gives_the_same_snippets(mine: Path, index: Path, tmp_path: Path) -> None:
    """Formats that need the scanned bytes read them again, where they are now."""
    options = ("--no-default-index", "--index", index)
    saved, now, again = (tmp_path / name for name in ("r.json", "r.spdx.json", "s.spdx.json"))
    assert run("scan", mine, *options, "-o", saved).exit_code == 0
    assert run("scan", mine, *options, "-o", now).exit_code == 0
    assert run("report", saved, "-o", again).exit_code == 0
    assert again.read_bytes() == now.read_bytes()
    text = saved.read_text()
    saved.write_text(text, "utf-8-sig")  # as some editors and shells save it
    assert run("report", saved, "-o", again).exit_code == 0
    assert again.read_bytes() == now.read_bytes()
    saved.write_text(text, "utf-16")
    refused = run("report", saved, "-o", again)
    assert refused.exit_code == 3
    assert "found no UTF-8 text" in refused.stderr
    assert "with --output" in refused.stderr
    saved.write_text(text)
    moved = mine.rename(tmp_path / "moved")
    assert run("report", saved, "-o", again, "--source", moved).exit_code == 0
    assert again.read_bytes() == now.read_bytes()
    gone = run("report", saved, "-o", again)
    assert gone.exit_code == 0
    assert "cannot be opened" in gone.output
    assert "snippetFromFile" not in again.read_text("utf-8")


def test_a_named_format_rules_over_an_ending(mine: Path, index: Path, tmp_path: Path) -> None:
    options = ("--no-default-index", "--index", index, "--format", "csv")
    assert run("scan", mine, *options, "-o", tmp_path / "any.name").exit_code == 0
    assert (tmp_path / "any.name").read_text("utf-8").startswith("id,status,")


def test_a_symbolic_link_stays_one(mine: Path, index: Path, tmp_path: Path) -> None:
    """What it points to is written."""
    for target, arguments in (
        ("r.json", ("scan", mine, "--no-default-index", "--index", index)),
        ("i.db", ("index", "build", mine)),
    ):
        (tmp_path / target).write_text("old")
        (tmp_path / "link.txt").symlink_to(tmp_path / target)
        assert run(*arguments, "-o", tmp_path / "link.txt").exit_code == 0
        assert (tmp_path / "link.txt").is_symlink()
        assert (tmp_path / target).read_bytes() != b"old"
        (tmp_path / "link.txt").unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_what_is_replaced_stays_private(mine: Path, index: Path, tmp_path: Path) -> None:
    """An index of private code was read by all after ``index add``."""
    report, own, new = tmp_path / "r.json", tmp_path / "own.db", tmp_path / "new.json"
    report.write_text("old")
    own.write_bytes(index.read_bytes())
    for mode in (0o600, 0o664):
        for path in (report, own):
            path.chmod(mode)
        scan = ("scan", mine, "--no-default-index", "--index", index)
        for arguments in (
            (*scan, "-o", report),
            (*scan, "-o", new),
            ("index", "add", own, mine),
            ("index", "build", mine, "-o", own),
        ):
            assert run(*arguments).exit_code == 0
            assert [path.stat().st_mode & 0o777 for path in (report, own)] == [mode, mode]
    assert new.stat().st_mode & 0o777 == mine.joinpath("own.py").stat().st_mode & 0o777


@pytest.mark.parametrize(
    "link", ["out", "folder", "head", "model.sarif"], ids=["out", "in", "of git", "to code"]
)
def test_a_link_in_a_repository_is_not_written_to(
    link: str, mine: Path, index: Path, tmp_path: Path
) -> None:
    """A repository may bring along a link of the name under which CI writes a report."""
    place, repository = tmp_path / "place", tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    place.mkdir()
    (place / ".git").mkdir()  # a repository, too
    targets = {
        "out": place / "precious",
        "folder": place,
        "head": repository / ".git" / "HEAD",
        "model.sarif": repository / "model.py",
    }
    target = place / "precious" if link == "folder" else targets[link]
    target.write_text("precious")
    name = repository / link
    name.symlink_to(targets[link])
    name = name / "precious" if link == "folder" else name
    scan = ("scan", mine, "--no-default-index", "--index", index)
    build = ("index", "build", mine)
    for arguments in (
        (*scan, "--format", "json"),
        build,
        ("index", "merge", index),
        ("sources", "build"),
        ("cluster", "build", mine),
        ("cluster", "export", "tables"),
        ("cluster", "import", index),
    ):
        result = run(*arguments, "-o", name)
        assert result.exit_code == 2, result.output
        assert f"a link in the repository {repository}" in result.stderr
    assert run(*scan, "--html", name).exit_code == 2
    assert target.read_text() == "precious"
    (tmp_path / "checkout").symlink_to(repository)  # that the whole stands behind one is no matter
    assert run(*scan, "-o", tmp_path / "checkout" / "other.txt").exit_code == 0
    assert (repository / "other.txt").is_file()


def test_an_archive_is_not_lost_to_what_is_made_of_it(index: Path, tmp_path: Path) -> None:
    """An index or a bundle was put in the place of the archive that it is of."""
    place, same = tmp_path / "a.zip", tmp_path / "same.zip"
    with zipfile.ZipFile(place, "w") as opened:
        opened.writestr("a.py", "a = 1\n")
    same.symlink_to(place)
    before = place.read_bytes()
    using = ("--no-default-index", "--index", index)
    for output in (place, same):
        for arguments in (
            ("index", "build", place, "-o", output),
            ("audit", place, *using, "--bundle", output),
            ("cluster", "scan", place, "tables", "--format", "json", "-o", output),
        ):
            result = run(*arguments)
            assert result.exit_code == 2, result.output
            assert "as it would be lost" in result.stderr
    assert place.read_bytes() == before


@pytest.mark.parametrize(
    "name", ["repository/link/../x", "repository/link/own/x", "out/back/x", "out/up/../x"]
)
def test_a_link_in_a_repository_is_seen_however_it_is_named(
    name: str, mine: Path, index: Path, tmp_path: Path
) -> None:
    """``..`` behind a link was taken away with it, and what is outside of the repository, or in one
    inside of it, told no more that the link is in one."""
    repository, out = tmp_path / "repository", tmp_path / "out"
    (repository / "sub" / "deep").mkdir(parents=True)
    (repository / ".git").mkdir()
    (out / "deep" / "own" / ".git").mkdir(parents=True)
    (repository / "link").symlink_to(out / "deep")
    (repository / "sub" / "x").symlink_to(out / "x")
    (out / "back").symlink_to(repository / "sub")
    (out / "up").symlink_to(repository / "sub" / "deep")
    scan = ("scan", mine, "--no-default-index", "--index", index, "--format", "json")
    before = sorted(tmp_path.rglob("*"))
    for arguments, place in (
        (scan, tmp_path),
        (("index", "build", mine), tmp_path),
        (("cluster", "build", mine), f"file://{tmp_path}"),
        (("cluster", "import", index), f"file:{tmp_path}"),
    ):
        result = run(*arguments, "-o", f"{place}/{name}")
        assert result.exit_code == 2, result.output
        assert f"a link in the repository {repository}" in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_what_stands_where_a_report_is_on_its_way_is_not_written_to(
    mine: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of the temporary file was the number of the process, which is low in a container:
    links of all such names led what was written elsewhere."""
    (tmp_path / "precious").write_text("precious")
    (tmp_path / f".provenance.{os.getpid()}.part").symlink_to(tmp_path / "precious")
    scan = ("scan", mine, "--no-default-index", "--index", index, "-o", tmp_path / "r.json")
    assert run(*scan).exit_code == 0
    assert not (tmp_path / "r.json").is_symlink()
    monkeypatch.setattr(os, "urandom", bytes)
    (tmp_path / f".provenance.{'00' * 8}.part").symlink_to(tmp_path / "precious")
    result = run(*scan)
    assert result.exit_code == 3
    assert "File exists" in result.stderr
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_slow_reader_gets_all_of_a_report(mine: Path, index: Path) -> None:
    """A pipe that does not wait took what it had room for, and the command ended with 0."""
    call = ["scan", mine, "--no-default-index", "--index", index, "--format", "html"]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    command = [sys.executable, "-m", "provenance", *map(str, call)]
    with subprocess.Popen(command, stdout=writer) as process:
        os.close(writer)
        time.sleep(3)
        with os.fdopen(reader, "rb") as stream:
            text = stream.read()
    assert process.returncode == 0
    assert len(text) > 70_000
    assert text.rstrip().endswith(b"</html>")


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_report_that_does_not_fit_is_not_done_where_nothing_is_buffered(
    mine: Path, index: Path, tmp_path: Path
) -> None:
    """As containers have it, what a full disk took no more of was missing, and the end was 0."""
    call = ["scan", mine, "--no-default-index", "--index", index, "--format", "html"]
    command = [sys.executable, "-u", "-m", "provenance", *map(str, call)]
    bounded = ["sh", "-c", 'ulimit -f 8 && exec "$@"', "sh", *command]
    with (tmp_path / "report.html").open("wb") as output:
        ended = subprocess.run(bounded, stdout=output, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 3
    assert b"File too large" in ended.stderr


@pytest.mark.parametrize("seconds", ["nan", "inf", "1e308", "-1", "0"])
def test_no_time_is_no_bound(seconds: str, mine: Path, index: Path) -> None:
    """What is no number is neither less nor more than any, so that a file could take for ever."""
    result = run("scan", mine, "--no-default-index", "--index", index, "--timeout", seconds)
    assert result.exit_code == 2
    assert "timeout" in result.stderr or "seconds" in result.stderr


def test_names_cannot_steer_the_terminal(index: Path, tmp_path: Path) -> None:
    """Control, escape and bidirectional characters of paths and names are written as escapes."""
    folder = tmp_path / "evil"
    folder.mkdir()
    name = "a\x1b[31m\u202eb\n\x07.py"
    (folder / name).write_text(program(0))
    (folder / "bad\x1b]0;x\x07.py").write_bytes(b"\xff")
    for form in ("text", "json"):
        output = run(
            "scan", folder, "--no-default-index", "--index", index, "--format", form
        ).output
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", output)
        assert "\\x1b" in output or "\\u001b" in output
    result = run("scan", folder / "no\x1b[2J", "--no-default-index", "--index", index)
    assert "\x1b" not in result.output
    database = tmp_path / "i\x1b.db"
    provenance.build_index([str(folder)], database, origin="x\x1b[0m", license="MIT\x1b[0m")
    for arguments in (
        ["index", "info", database, "--origins"],
        ["index", "verify", database],
        ["scan", folder, "--no-default-index", "--index", database],
    ):
        assert "\x1b" not in run(*arguments).output, arguments


def test_the_name_of_a_new_index_cannot_steer_the_terminal(mine: Path, tmp_path: Path) -> None:
    """The last line of index build and index add names the file."""
    database = tmp_path / "i\x1b.db"
    assert "\x1b" not in run("index", "build", mine, "-o", database).output
    assert "\x1b" not in run("index", "add", database, mine).output


def test_no_name_that_a_shell_puts_makes_lines_of_its_own(tmp_path: Path) -> None:
    """A message of click names arguments as they are: a line of theirs would read as ours."""
    for arguments in (("verify-bundle", tmp_path, "x\nClean"), ("audit", "--no\nClean", tmp_path)):
        result = run(*arguments)
        assert result.exit_code == 2
        assert not any(line.startswith("Clean") for line in result.output.splitlines())
        assert "\\nClean" in result.output


def test_no_text_of_an_index_makes_lines_of_its_own(mine: Path, tmp_path: Path) -> None:
    """A line "checksum ..." of theirs would read as ours."""
    database = tmp_path / "i.db"
    run("index", "build", mine, "-o", database, "--license", "MIT\nchecksum 0", "--origin", "a\nb")
    for command in (("index", "info", database, "--origins"), ("families", "--index", database)):
        lines = run(*command).output.splitlines()
        assert not any(line.startswith(("checksum 0", "b ")) for line in lines)


# --- index --------------------------------------------------------------------------------


def test_index_commands_from_nothing(tmp_path: Path, mine: Path) -> None:
    """build, info, add, verify."""
    first = tmp_path / "first"
    first.mkdir()
    (first / "m.py").write_text(program(1))
    database = tmp_path / "i.db"
    built = run(
        *("index", "build", first, "-o", database),
        *("--origin", "ours", "--date", "2024-05-06", "--license", "MIT"),
    )
    assert built.exit_code == 0
    assert "1 file added" in built.output
    info = run("index", "info", database, "--origins")
    assert info.exit_code == 0
    for part in ("first", "2024-05-06", "given", "MIT", "ours", "checksum", "window", "seed"):
        assert part in info.output
    added = run("index", "add", database, mine)
    assert added.exit_code == 0
    assert "2 files added" in added.output
    assert "skipped bad.py" in added.stderr
    archive = tmp_path / "third-1.0.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("third/m.py", program(2))
    assert "1 file added" in run("index", "add", database, archive).output
    again = run("index", "add", database, archive)
    assert again.exit_code == 0
    assert "already indexed" in again.output
    assert "0 files added" in again.output
    verified = run("index", "verify", database)
    assert verified.exit_code == 0
    checksum = re.findall(r"[0-9a-f]{64}", verified.output)
    assert checksum == re.findall(r"checksum ([0-9a-f]{64})", run("index", "info", database).output)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
@pytest.mark.parametrize(
    ("asked", "code", "unbuffered"),
    [
        (("scan", "/nowhere/at"), 3, ""),
        (("nothing",), 2, "1"),
        *([(("scan", "/nowhere/at"), 3, "1"), (("nothing",), 2, "")] if THOROUGH else []),
    ],
)
def test_an_error_that_cannot_be_written_has_its_exit_code(
    asked: tuple[str, ...], code: int, unbuffered: str
) -> None:
    """It was 1, which means findings."""
    line = [sys.executable, "-c", "from provenance.cli import main; main()", *asked]
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:
        ended = subprocess.run(line, stdout=full, stderr=full, env=env)
    assert ended.returncode == code


@pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")
@pytest.mark.parametrize("option", ["--html", "--output"])
def test_where_no_report_can_be_written_is_told(
    option: str, mine: Path, index: Path, tmp_path: Path
) -> None:
    """A loop of links was a fault of ours, a name as long as one can be no name at all."""
    words = ["scan", str(mine), "--no-default-index", "--index", str(index), "--format", "json"]
    (tmp_path / "loop.html").symlink_to("loop.html")
    (tmp_path / "broken.html").symlink_to("nowhere/a.html")
    for name in ("loop.html", "broken.html"):
        ended = CliRunner().invoke(main, [*words, option, str(tmp_path / name)])
        assert ended.exit_code == ExitCode.NOT_COMPLETED
        assert f"{name}: found no way to write it" in ended.output
        assert f"name another place with {option}" in ended.output
        assert "Traceback" not in ended.output
    name = "n" * 250 + ".html"
    ended = CliRunner().invoke(main, [*words, option, str(tmp_path / name)])
    assert ended.exit_code == ExitCode.DONE, ended.output
    assert {one.name for one in tmp_path.iterdir() if not one.is_symlink()} >= {name}


def test_two_reports_are_not_written_to_one_file(mine: Path, tmp_path: Path) -> None:
    """The first would be lost."""
    page, again = tmp_path / "r.html", tmp_path / "no" / ".." / "r.html"
    for arguments in (("--html", page, "-o", again), ("-o", page, "--html", again)):
        result = run("scan", mine, *arguments)
        assert result.exit_code == 2
        assert "expected two files" in result.stderr
        assert not page.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("scan", "SOURCE", "-o", "a.json", "--output", "b.json"),
        ("scan", "SOURCE", "--html", "a.html", "--html", "b.html"),
        ("compare", "SOURCE", "SOURCE", "-o", "a.json", "-o", "a.json"),
        ("report", "SOURCE", "--html", "a.html", "--html", "b.html"),
        ("index", "build", "SOURCE", "-o", "a.db", "-o", "b.db"),
        ("audit", "SOURCE", "--bundle", "a.zip", "--bundle", "b.zip"),
    ],
)
def test_a_file_to_write_that_is_named_twice_is_refused(
    arguments: tuple[str, ...], mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first would not be written, and nobody would say so."""
    monkeypatch.chdir(tmp_path)
    result = run(*(one.replace("SOURCE", str(mine / "own.py")) for one in arguments))
    assert result.exit_code == 2
    assert "expected it once" in result.stderr
    assert not list(tmp_path.glob("[ab].*"))


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (("scan", "SOURCE", "--format", "json", "-o", "-"), "leave it out"),
        (("scan", "SOURCE", "-o-"), "leave it out"),
        (("scan", "SOURCE", "--html", "-"), "with --format html"),
        (("compare", "SOURCE", "SOURCE", "--format", "csv", "--output=-"), "leave it out"),
        (("report", "SOURCE", "--format", "csv", "-o", "-"), "leave it out"),
        (("audit", "SOURCE", "--bundle", "-"), "name one"),
        (("audit", "SOURCE", "--output", "a.json", "--output", "-"), "name one"),
        (("index", "build", "SOURCE", "-o", "-"), "name one"),
    ],
)
def test_a_dash_is_no_file_to_write(
    arguments: tuple[str, ...], remedy: str, mine: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    """Who writes it means the output, and would find nothing there."""
    monkeypatch.chdir(tmp_path)
    result = run(*(one.replace("SOURCE", str(mine / "own.py")) for one in arguments))
    assert result.exit_code == 2
    assert remedy in result.stderr
    assert "write ./- for a file of this name" in result.stderr
    assert not (tmp_path / "-").exists()


def test_a_dash_of_a_variable_is_no_file_to_write(mine: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(mine)
    monkeypatch.setenv("PROVENANCE_BUNDLE", "-")
    result = run("audit", "own.py")
    assert result.exit_code == 2
    assert "found it behind --bundle" in result.stderr


def test_a_file_may_be_named_by_a_dash(mine: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("compare", mine, mine, "--format", "json", "-o", "./-")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "-").read_text("utf-8"))["files"]


def test_no_report_is_written_over_what_is_read_for_it(
    mine: Path, index: Path, tmp_path: Path
) -> None:
    saved, own, code = tmp_path / "r.json", tmp_path / "own.json", mine / "own.py"
    link = tmp_path / "link.json"
    link.symlink_to(code)
    own.write_bytes(index.read_bytes())
    assert run("scan", code, "-o", saved).exit_code == 0
    before = {one: one.read_bytes() for one in (saved, own, code)}
    for arguments in (
        ("report", saved, "-o", saved, "--format", "text"),
        ("report", saved, "--html", saved),
        ("scan", mine, "--index", own, "-o", own),
        ("scan", code, "-o", code, "--format", "json"),
        ("scan", mine, "-o", code, "--format", "json"),
        ("compare", mine, code, "--html", code),
        ("index", "build", mine, "-o", code),
        ("scan", mine, "-o", link, "--format", "json"),
        ("scan", mine, "--html", link),
        ("index", "build", mine, "-o", link),
    ):
        result = run(*arguments)
        assert result.exit_code == 2, arguments
        assert "would be lost" in result.stderr
    assert {one: one.read_bytes() for one in before} == before


def test_a_saved_result_is_not_written_over_the_archive_that_it_is_of(
    mine: Path, tmp_path: Path
) -> None:
    """Nobody names it in the call, but it is read for the page."""
    archive, saved = tmp_path / "a.zip", tmp_path / "r.json"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(mine / "own.py", "own.py")
    before = archive.read_bytes()
    assert run("scan", archive, "-o", saved).exit_code == 0
    for arguments in (("--html", archive), ("-o", archive, "--format", "text")):
        result = run("report", saved, *arguments)
        assert result.exit_code == 2
        assert "would be lost" in result.stderr
    assert archive.read_bytes() == before
    for source in ("a\0b", "a\ud800"):  # whatever a saved report says of it
        saved.write_text(json.dumps({**json.loads(saved.read_text("utf-8")), "source": source}))
        assert run("report", saved, "--html", tmp_path / "r.html").exit_code in (0, 3)


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="no such device")
def test_a_page_and_a_report_do_not_both_go_to_the_output(mine: Path) -> None:
    code = mine / "own.py"
    result = in_process("scan", code, "--html", "/dev/stdout", "--format", "json")
    assert (result.returncode, result.stdout) == (2, "")
    assert "expected two places" in result.stderr


def test_a_file_whose_name_is_a_very_long_number_is_no_descriptor(
    mine: Path, tmp_path: Path
) -> None:
    (tmp_path / "fd").mkdir()
    path = tmp_path / "fd" / ("9" * 5000)
    result = run("scan", mine / "own.py", "--format", "json", "-o", path)
    assert result.exit_code == 3
    assert "a fault of ours" not in result.stderr


def test_names_that_a_shell_puts_where_one_is_expected_are_shown_as_all_others(
    tmp_path: Path,
) -> None:
    """Whoever made the folder may have named a file so that a log takes it for a command."""
    result = run("scan", tmp_path, "z\x1b]0;x\x07.py", "z\n::error::x.py")
    assert result.exit_code == 2
    assert "z\\x1b]0;x\\x07.py z\\n::error::x.py" in result.stderr
    assert "\x1b" not in result.stderr
