"""The process that gathers is held to memory and time too."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from itertools import product
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from provenance import terminal, workers
from provenance.cli import main
from provenance.errors import ExitCode, ProvenanceError

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there it is held on Linux")


def _is_held(command: click.Command) -> bool:
    return isinstance(command, terminal.Held)


def _instead(monkeypatch: pytest.MonkeyPatch, work: object) -> None:
    monkeypatch.setattr("provenance.scanning.scan", work)


def test_what_gathers_is_held_to_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is read: it took what it liked, and the system killed it."""
    monkeypatch.setattr(workers, "BOUNDS", workers.Bounds(memory=300_000_000))
    monkeypatch.setattr(terminal, "_THREADS_OF_A_JOB", 0)
    _instead(monkeypatch, lambda *_, **__: bytearray(400_000_000))
    ended = CliRunner().invoke(main, ["scan", str(tmp_path), "--memory", "300"])
    assert ended.exit_code == ExitCode.NOT_COMPLETED
    assert "out of memory" in ended.output
    assert "--memory" in ended.output
    _instead(monkeypatch, _fails)
    assert "enough" in CliRunner().invoke(main, ["scan", ".", "--memory", "500"]).output
    bytearray(400_000_000)  # and is let go


def _fails(*_: object, **__: object) -> None:
    bytearray(400_000_000)
    raise ProvenanceError("enough")


@pytest.mark.parametrize("command", [one for one in main.commands.values() if _is_held(one)])
def test_what_to_do_names_options_that_the_command_has(command: click.Command) -> None:
    """A remedy that is none is no remedy: ``report`` looks at what is saved."""
    context = click.Context(command)
    said = terminal._less(context, "jobs", "memory", "timeout")
    has = {option for one in command.params for option in one.opts}
    assert set(re.findall(r"--[a-z]+", said)) <= has
    assert said.startswith("scan less at once")


@pytest.mark.parametrize(
    ("command", "where"),
    [("scan", "option"), *product(["audit", "notices"], ["option", "variable", "policy"])],
)
def test_the_settings_of_files_raise_what_gathers_may_take(
    command: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever they are set: what a message advises must be of use."""
    found: list[tuple[float, int]] = []

    def work(*_: object, **__: object) -> None:
        found.append(
            (signal.getitimer(signal.ITIMER_PROF)[0], resource.getrlimit(resource.RLIMIT_DATA)[0])
        )
        raise ProvenanceError("enough")

    _instead(monkeypatch, work)
    monkeypatch.setattr("provenance.auditing.audit", work)
    (tmp_path / "a.py").write_text("x = 1\n")
    call = [command, str(tmp_path)]
    if where == "option":
        call += ["--timeout", "600", "--memory", "9000"]
    elif where == "variable":
        monkeypatch.setenv("PROVENANCE_TIMEOUT", "600")
        monkeypatch.setenv("PROVENANCE_MEMORY", "9000")
    else:
        (tmp_path / "provenance.toml").write_text("timeout = 600\nmemory = 9000\n")
    ended = CliRunner().invoke(main, call)
    assert "enough" in ended.output
    ((seconds, memory),) = found
    assert round(seconds, -3) == 36_000
    assert 9_000_000_000 < memory < 2 * 9_000_000_000


def test_a_command_in_a_thread_holds_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What two of them take and restore in turn would stay."""
    found = []

    def work(*_: object, **__: object) -> None:
        found.append(resource.getrlimit(resource.RLIMIT_DATA))
        raise ProvenanceError("enough")

    monkeypatch.setattr("provenance.auditing.audit", work)
    (tmp_path / "a.py").write_text("x = 1\n")
    thread = threading.Thread(target=CliRunner().invoke, args=(main, ["audit", str(tmp_path)]))
    thread.start()
    thread.join()
    assert found == [resource.getrlimit(resource.RLIMIT_DATA)]


def test_threads_of_what_is_held_have_usual_stacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large ``ulimit -s`` few threads had room in what this process may take, and days of git
    were missing."""
    sizes: list[int] = []

    def work(*_: object, **__: object) -> None:
        sizes.append(threading.stack_size())
        raise ProvenanceError("enough")

    _instead(monkeypatch, work)
    CliRunner().invoke(main, ["scan", str(tmp_path)])
    assert sizes == [8 << 20]
    assert threading.stack_size() == 0


@pytest.mark.parametrize("heard", [signal.SIG_DFL, signal.SIG_IGN])
def test_what_gathers_is_held_to_time(
    heard: signal.Handlers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for ever for text of which the time was not known to go by the square. Who starts
    it may have it hear no signal, and what is called may keep an interruption for itself."""

    def work(*_: object, **__: object) -> None:
        with suppress(KeyboardInterrupt):
            while True:
                sum(range(1000))
        while True:
            sum(range(1000))

    _instead(monkeypatch, work)
    monkeypatch.setattr(terminal, "_TIMES_A_FILE", 0.002)
    monkeypatch.setattr(terminal, "_LATER", 0.1)
    before = {one: signal.signal(one, heard) for one in (signal.SIGTERM, signal.SIGPROF)}
    try:
        ended = CliRunner().invoke(main, ["scan", str(tmp_path)])
        assert signal.getsignal(signal.SIGPROF) == heard
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert ended.exit_code == ExitCode.NOT_COMPLETED
    assert "found work that takes this process more than 0 seconds" in ended.output
    assert "raise --timeout" in ended.output
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("MININTERVAL", ExitCode.USAGE, "found a variable TQDM_"),
        *product(["FILE", "LOCK_ARGS", "WRITE_BYTES"], [ExitCode.DONE], [""]),
    ],
)
def test_a_setting_of_the_bar_that_is_none_is_told_or_of_no_effect(
    name: str, code: ExitCode, told: str, tmp_path: Path
) -> None:
    """It was a traceback, and a fault of ours; a terminal alone has a bar."""
    (tmp_path / "a.py").write_text("x = 1\n")
    script = (
        "import sys\n"
        "sys.stderr.isatty = lambda: True\n"
        "from provenance.cli import main\n"
        f"main(['scan', {str(tmp_path)!r}, '--no-cache'])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, f"TQDM_{name}": "x"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == code, ended.stderr
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
