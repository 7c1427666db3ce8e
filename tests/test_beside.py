"""What is too weak to be reported alone is reported where the rest of the file names its origin."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from programs import inserted, program, shuffled_names

import provenance
from provenance.model import Finding

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve families that have nothing to do with each other, enough for a baseline."""
    zoo = tmp_path_factory.mktemp("beside") / "zoo"
    for number in range(12):
        folder = zoo / "models" / f"f{number}"
        folder.mkdir(parents=True)
        (folder / "modeling.py").write_text(program(number), "utf-8")
    provenance.build_index([str(zoo)], zoo.with_suffix(".db"), date="2025-03-01")
    return zoo.with_suffix(".db")


def functions(seed: int) -> list[str]:
    """The functions of a family, each as text."""
    source = program(seed)
    lines = source.splitlines()
    return ["\n".join(lines[n.lineno - 1 : n.end_lineno]) for n in ast.parse(source).body]


def found(folder: Path, index: Path, *parts: str) -> list[Finding]:
    own = "def own(x):\n    return [y for y in x if y is not None and y > len(x)]\n"
    (folder / "mine.py").write_text("\n\n\n".join([*parts, own]), "utf-8")
    report = provenance.scan(str(folder), [index])
    return sorted(report.findings, key=lambda one: one.suspect.start_line)


DISGUISED = shuffled_names(inserted(functions(3)[0], 5, 0.8), 1)
"""Every name changed, and a statement of its own before most statements."""
RENAMED = [shuffled_names(one, 1) for one in functions(3)[2:4]]


def test_weak_evidence_counts_beside_its_own_origin_only(tmp_path: Path, index: Path) -> None:
    """Not alone; not beside another family; beside its own, and there it is no derivation."""
    assert found(tmp_path, index, DISGUISED) == []
    other = [shuffled_names(one, 1) for one in functions(5)[:3]]
    assert {one.reference.origin for one in found(tmp_path, index, DISGUISED, *other)} == {"zoo/f5"}
    beside = found(tmp_path, index, DISGUISED, *RENAMED)
    assert {one.reference.origin for one in beside} == {"zoo/f3"}
    assert len(beside) == 3
    assert beside[0].verdict == "resembles"
    assert beside[0].resemblance < 0.5


def test_where_names_were_kept_it_is_none(tmp_path: Path, index: Path) -> None:
    """A unit that shares structure only is not that file's like the others."""
    kept = found(tmp_path, index, DISGUISED, *functions(3)[2:4])
    assert [one.reference.name for one in kept] == [
        one.split("(")[0][4:] for one in functions(3)[2:4]
    ]
