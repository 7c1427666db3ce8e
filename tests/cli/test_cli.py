"""The command line: its exit codes, its messages, what it writes and what it must not."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import zipfile
from itertools import product
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from programs import program, renamed
from thorough import THOROUGH

import provenance
from cli.commands import FIXTURES, FULL, in_process, run
from provenance.cli import main
from provenance.errors import ExitCode

pytestmark = pytest.mark.usefixtures("in_this_process")


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


_LOADS = """
import signal
import click
from provenance.errors import ClusterError
from provenance.terminal import Group

@click.group(cls=Group)
def main() -> None: ...

@main.command()
def load() -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise {made_of_it} from None

main(["load"])
"""


@pytest.mark.parametrize("made_of_it", ["ImportError('failed')", "ClusterError('no Java')"])
def test_who_is_interrupted_is_told_so_whatever_libraries_make_of_it(made_of_it: str) -> None:
    """One in C made an ImportError of it while it was loaded: a traceback, and a fault of ours.
    Under Spark, Java ends first."""
    code = _LOADS.format(made_of_it=made_of_it)
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    told = "provenance: interrupted; nothing is written by half\n"
    assert (ended.returncode, ended.stderr) == (3, told)


# --- index --------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--origin", "--license"])
def test_what_no_index_may_have_is_refused_before_it_is_built(option: str, tmp_path: Path) -> None:
    """It was told as want of room, and who read it said that the index is damaged."""
    (tmp_path / "m.py").write_text(program(1))
    built = run("index", "build", tmp_path / "m.py", "-o", tmp_path / "i.db", option, "x" * 10_001)
    assert built.exit_code == 2
    assert f"{option[2:]}: found 10,001 characters, expected at most 10,000" in built.stderr
    assert not (tmp_path / "i.db").exists()


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
