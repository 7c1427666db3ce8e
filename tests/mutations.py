"""Shows that the theorems of CONTRIBUTING.md can fail: plausible faults, put one at a time into a
copy of the code, each of which a test of its theorem must catch.

    python tests/mutations.py                  all of them, some minutes
    python tests/mutations.py pages decoding   those of theorems whose name begins so

The exit code is 1 where a fault was not caught. A fault whose line is not there any more, or not
once, is an error that names it: change it in ``faults.py`` with the code. ``test_theorems.py``
looks for that, and that the table of CONTRIBUTING.md has the same theorems.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from faults import THEOREMS, Theorem

ROOT = Path(__file__).parent.parent
_NOT_SHRUNK = """
from hypothesis import Phase, settings
settings.register_profile("found", phases=[Phase.explicit, Phase.generate], database=None)
settings.load_profile("found")
"""
"""That there is a counterexample is enough: Hypothesis looks for no smaller one."""


def mutated(text: str, fault: tuple[str, str, str]) -> str:
    """The text of a file with a fault in it.

    Raises:
        SystemExit: what the fault changes does not stand there once.
    """
    file, old, new = fault
    if text.count(old) != 1:
        raise SystemExit(f"{file}: found {text.count(old)} times {old!r}, expected it once")
    return text.replace(old, new)


def caught(theorem: Theorem, copy: Path, *, sound: bool = False) -> bool:
    """Whether a test of the theorem fails in a copy of the tree; ``sound``: whether none does."""
    tests = [f"tests/{test}" for test in theorem.tests]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PROVENANCE_THOROUGH"] = "1"
    ended = subprocess.run(command, cwd=copy, env=environment, capture_output=True, check=False)
    if ended.returncode not in (0, 1):
        raise SystemExit(f"{theorem.name}: pytest ended with {ended.returncode}: {ended.stdout!r}")
    return ended.returncode == (0 if sound else 1)


def main(beginnings: list[str]) -> int:
    """Put in each fault; tells which were not caught."""
    missed = many = 0
    with tempfile.TemporaryDirectory(prefix="provenance-mutations-") as folder:
        copy = Path(folder, "tree")
        left_out = shutil.ignore_patterns(".*", "__pycache__", "*.db", "pictures", "benchmarks")
        shutil.copytree(ROOT, copy, ignore=left_out)
        with (copy / "tests" / "conftest.py").open("a", encoding="utf-8") as file:
            file.write(_NOT_SHRUNK)
        for theorem in THEOREMS:
            if beginnings and not theorem.name.startswith(tuple(beginnings)):
                continue
            if not caught(theorem, copy, sound=True):
                raise SystemExit(f"{theorem.name}: its tests fail without a fault")
            for fault in theorem.faults:
                place = copy / "provenance" / fault[0]
                text = place.read_text("utf-8")
                place.write_text(mutated(text, fault), "utf-8")
                found = caught(theorem, copy)
                place.write_text(text, "utf-8")
                print(
                    f"{theorem.name}: {'caught' if found else 'NOT CAUGHT'}: {fault[2]!r}",
                    flush=True,
                )
                many, missed = many + 1, missed + (not found)
    print(f"{many - missed} of {many} faults are caught")
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
