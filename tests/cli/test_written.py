"""Where commands write: what ends there, whole or not at all, and what must not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from programs import program

import provenance
from cli.commands import run

pytestmark = pytest.mark.usefixtures("in_this_process")


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


@pytest.mark.parametrize("place", ["a\0b", "\ud800", "a" * 5_000, "d/" * 1_200, "", "/dev/null"])
def test_a_saved_result_that_names_no_source_is_written_as_a_page(
    mine: Path, index: Path, tmp_path: Path, place: str
) -> None:
    """Without the text of what was scanned, which is told."""
    saved, page = tmp_path / "r.json", tmp_path / "r.html"
    assert run("scan", mine, "--no-default-index", "--index", index, "-o", saved).exit_code == 0
    report = json.loads(saved.read_text())
    saved.write_text(json.dumps({**report, "source": place}))
    result = run("report", saved, "--html", page)
    assert result.exit_code == 0
    assert "only its places are in the report" in result.stderr
    assert page.exists()


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
