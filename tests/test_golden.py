"""The bytes of every format, of our own fixtures, are those that are kept in ``tests/golden/``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from golden import KEPT, SUMS, WHOLE

from provenance.version import VERSION

RENEW = "if the change is meant, write them again with 'python tests/golden.py' and say why"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs as they are now, made by two processes from files in the opposite order."""
    place = tmp_path_factory.mktemp("golden") / "made"
    program = Path(__file__).with_name("golden.py")
    environment = {"GOLDEN_JOBS": "2", "GOLDEN_ORDER": "backwards", "PYTHONHASHSEED": "7"}
    subprocess.run(
        [sys.executable, program, place],
        check=True,
        capture_output=True,
        env={**_inherited(), **environment},
    )
    return place


def _inherited() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if not name.startswith("GOLDEN")}


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_kept_whole_is_the_same(made: Path, name: str) -> None:
    now, then = ((place / name).read_text("utf-8") for place in (made, KEPT))
    assert now.splitlines() == then.splitlines(), f"{name} is not what it was: {RENEW}"
    assert (made / name).read_bytes() == (KEPT / name).read_bytes(), f"{name}: {RENEW}"


def _kept() -> dict[str, str]:
    lines = (KEPT / SUMS).read_text("ascii").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def test_every_output_has_its_sum(made: Path) -> None:
    from hashlib import sha256

    now = {
        path.name: sha256(path.read_bytes()).hexdigest()
        for path in made.iterdir()
        if path.suffix != ".db"
    }
    kept = _kept()
    changed = sorted(name for name in {*now, *kept} if now.get(name) != kept.get(name))
    assert not changed, f"{', '.join(changed)} are not what they were: {RENEW}"


def test_the_version_of_the_program_is_in_none(made: Path) -> None:
    """So that a new version does not change them."""
    for path in made.iterdir():
        assert f'"{VERSION}"' not in path.read_text("utf-8", "replace"), path.name
