"""Nothing of what is scanned is run: not imported, not started, not even found on a path.

The scanned folder is full of traps: modules with the names of all that Provenance and the standard
library import, programs of a folder in PATH, configuration of git that starts programs, files that
Python or pytest run by themselves. Each trap would leave a mark. Audit hooks watch what the scan
does besides, and every Python that is started says where it begins: none may where it would look
for modules in that folder, whichever its release imports by itself.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from programs import program

import provenance

_OURS = filter(str.isidentifier, packages_distributions())
TRAPS = {*sys.stdlib_module_names, *_OURS, "sitecustomize", "usercustomize", "conftest", "setup"}
"""All that may be imported; where it is looked for in the scanned folder first, that is run."""

SAYS = """
import os, sys
with open(os.environ["STARTED"], "a") as file:
    safe = getattr(sys.flags, "safe_path", False)
    file.write(repr((safe, os.getcwd(), sys.orig_argv)) + "\\n")
"""
"""Run by every Python that is started, from a folder that is trusted: where it begins."""

WATCH = """
import os, sys
target, marks = os.environ["TARGET"], os.environ["MARKS"]
STARTS = "subprocess.Popen os.exec os.posix_spawn os.system os.fork pty.spawn".split()

def watch(event, arguments):
    if event in STARTS:
        told = [os.fsdecode(one) for one in arguments[1]] if event == "subprocess.Popen" else []
        ours = any("multiprocessing" in one for one in told)
        if event == "subprocess.Popen" and (os.path.basename(told[0]) == "git" or ours):
            return
    elif event.startswith("socket.") and event != "socket.__new__":
        address = arguments[1] if len(arguments) > 1 else ""
        if not isinstance(address, tuple) and event != "socket.getaddrinfo":
            return  # a socket of this machine's files, by which workers are started
    elif event in ("exec", "compile", "import"):
        where = getattr(arguments[0], "co_filename", "") if event == "exec" else arguments[1]
        if not str(where or "").startswith(target):
            return
    else:
        return
    with open(marks, "a") as file:
        file.write(f"{event} {arguments}\\n")

sys.addaudithook(watch)
if __name__ == "__main__":
    from provenance.cli import main
    main()
"""


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """A repository of more than three megabytes, so that workers are started, full of traps."""
    folder = tmp_path / "repository"
    folder.mkdir()
    trap = f"open({str(tmp_path / 'sprung')!r}, 'a').write(__name__ + chr(10))\n"
    for name in TRAPS:
        (folder / f"{name}.py").write_text(trap, "utf-8")
    (folder / "bin").mkdir()
    for name in ("git", "python", "python3", "pip", "sh", "uname", "rustc", "lsb_release"):
        put = folder / "bin" / name
        put.write_text(f"#!/bin/sh\necho {name} >> '{tmp_path / 'sprung'}'\n")
        put.chmod(0o755)
    (folder / "evil.pth").write_text(f"import os; {trap}", "utf-8")
    text = "".join(program(seed) for seed in range(30))
    for number in range(1 + 4_000_000 // len(text)):
        (folder / f"big{number}.py").write_text(text, "utf-8")
    run = ["git", "-c", "user.name=x", "-c", "user.email=x@y", "-c", "init.defaultBranch=main"]
    subprocess.run([*run, "init", "-q"], cwd=folder, check=True)
    subprocess.run([*run, "add", "-A"], cwd=folder, check=True)
    subprocess.run([*run, "commit", "-qm", "x"], cwd=folder, check=True)
    sprung = f"sh -c 'echo git >> {tmp_path / 'sprung'}'"
    (folder / ".git" / "config").write_text(
        f'[core]\n\tfsmonitor = "{sprung}"\n\tpager = "{sprung}"\n\tsshCommand = "{sprung}"\n'
        f'\tgitProxy = "{sprung}"\n\teditor = "{sprung}"\n\thooksPath = hooks\n'
        f'[diff]\n\texternal = "{sprung}"\n[diff "evil"]\n\ttextconv = "{sprung}"\n'
        f'[filter "evil"]\n\tclean = "{sprung}"\n\tsmudge = "{sprung}"\n'
        f'[alias]\n\tblame = "!{sprung}"\n\tlog = "!{sprung}"\n'
        f'[credential]\n\thelper = "!{sprung}"\n[gpg]\n\tprogram = "{sprung}"\n',
        "utf-8",
    )
    (folder / ".gitattributes").write_text("*.py diff=evil filter=evil\n", "utf-8")
    return folder


def _run(trapped: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """From inside the repository, of which CI has put a folder into PATH."""
    own = trapped.parent / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text(SAYS, "utf-8")
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(own),
        "PATH": os.pathsep.join(["bin", "", str(trapped / "bin"), os.environ["PATH"]]),
        "TARGET": str(trapped),
        "MARKS": str(trapped.parent / "marks"),
        "STARTED": str(trapped.parent / "started"),
        **more,
    }
    return subprocess.run(
        command, cwd=trapped, capture_output=True, text=True, env=environment, timeout=300
    )


@pytest.fixture
def index(tmp_path: Path) -> str:
    reference = tmp_path / "reference"
    reference.mkdir()
    for seed in range(5):
        (reference / f"m{seed}.py").write_text(program(seed), "utf-8")
    provenance.build_index([str(reference)], tmp_path / "ours.db", baseline=False)
    return str(tmp_path / "ours.db")


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Where pip finds a wheel."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    with zipfile.ZipFile(folder / "wren-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("wren/model.py", program(1))
        about = "wren-1.0.dist-info"
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: wren\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return folder


def _apart(trapped: Path, started: Path) -> bool:
    """Whether each Python that was started begins where it finds nothing of the repository."""
    told = [ast.literal_eval(line) for line in started.read_text("utf-8").splitlines()]
    for safe, folder, begun in told[1:]:  # the first is ours, started by a script elsewhere
        guarded = sys.version_info < (3, 11) and any("sys.path = [" in one for one in begun)
        assert safe or guarded or not Path(folder).is_relative_to(trapped), (folder, begun)
    return len(told) > 1


def test_nothing_scanned_is_run(trapped: Path, index: str, tmp_path: Path) -> None:
    """From inside the repository, by several workers."""
    script = tmp_path / "watch.txt"
    script.write_text(WATCH, "utf-8")
    marks = tmp_path / "marks"
    scan = ("scan", ".", "--no-default-index", "--index", index, "--jobs", "2")
    done = _run(trapped, sys.executable, str(script), *scan)
    assert done.returncode == 0, done.stderr
    assert "big0.py" in done.stdout
    assert not (tmp_path / "sprung").exists(), (tmp_path / "sprung").read_text()
    assert not marks.exists(), marks.read_text()
    assert _apart(trapped, tmp_path / "started")


def test_nothing_is_run_where_pip_fetches(
    trapped: Path, shelf: Path, index: str, tmp_path: Path
) -> None:
    """Whatever it imports before it does anything: Python 3.13 imports more than older ones."""
    script = tmp_path / "start.txt"
    script.write_text("from provenance.cli import main\nmain()\n", "utf-8")
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(shelf)}
    scan = ("scan", "pypi:wren==1.0", "--no-default-index", "--index", index)
    done = _run(
        trapped, sys.executable, str(script), *scan, PROVENANCE_CACHE=str(tmp_path / "cache"), **pip
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "sprung").exists(), (tmp_path / "sprung").read_text()
    assert _apart(trapped, tmp_path / "started")
