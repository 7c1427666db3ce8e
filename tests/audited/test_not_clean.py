"""What could not be looked at, or written, is never clean."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from programs import program, renamed
from thorough import THOROUGH

import provenance
from audited.commands import OWN, audited, run
from provenance.cli import main

pytestmark = pytest.mark.usefixtures("in_this_process")


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
