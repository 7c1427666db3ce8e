"""Nothing of what is scanned is run: not imported, not started, not even found on a path.

The scanned folder is full of traps: modules with the names of all that Provenance and the standard
library import, configuration of git that starts programs, files that Python or pytest run by
themselves. Each trap would leave a mark. Audit hooks watch what the scan does besides.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from programs import program

import provenance

TRAPS = (
    "numpy provenance datasketch pathspec click tqdm json zlib tree_sitter tree_sitter_python "
    "selectors multiprocessing concurrent pickle sqlite3 hashlib platformdirs jinja2 pygments "
    "license_expression markupsafe random typing sitecustomize usercustomize conftest setup "
    "tomllib string struct socket secrets"
).split()

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
        (folder / f"{name}.py").write_text(trap + program(1), "utf-8")
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(trap, "utf-8")
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
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **more}
    environment.pop("PYTHONPATH", None)
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


def test_nothing_scanned_is_run(trapped: Path, index: str, tmp_path: Path) -> None:
    """From inside the repository, by several workers."""
    script = tmp_path / "watch.txt"
    script.write_text(WATCH, "utf-8")
    marks = tmp_path / "marks"
    scan = ("scan", ".", "--no-default-index", "--index", index, "--jobs", "2")
    watched = {"TARGET": str(trapped), "MARKS": str(marks)}
    done = _run(trapped, sys.executable, str(script), *scan, **watched)
    assert done.returncode == 0, done.stderr
    assert "big0.py" in done.stdout
    assert not (tmp_path / "sprung").exists(), (tmp_path / "sprung").read_text()
    assert not marks.exists(), marks.read_text()
