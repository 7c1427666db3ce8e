"""chain: code that is handed on is followed to where it was first."""

from __future__ import annotations

from pathlib import Path

import pytest
from programs import inserted, program, renamed

import provenance
from provenance.model import Finding

pytestmark = pytest.mark.usefixtures("in_this_process")

EARLY, LATE = "2023-01-18", "2025-12-22"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """whisper is old; tokenizer has it with a third of the lines new; many have nothing of it."""
    root = tmp_path_factory.mktemp("chain")

    def package(name: str, files: dict[str, str]) -> str:
        for family, text in files.items():
            folder = root / name / "models" / family
            folder.mkdir(parents=True)
            (folder / "modeling.py").write_text(text)
        return str(root / name)

    first = program(1, functions=3, classes=2)
    others = {f"other{n}": program(200 + n, functions=6, classes=3) for n in range(14)}
    old = package("old", {"whisper": first, **others})
    provenance.build_index([old], root / "i.db", date=EARLY)
    handed = package("new", {"tokenizer": inserted(first, 3, 0.35)})
    provenance.build_index([handed], root / "i.db", date=LATE, extend=True)
    return root


def classes(root: Path, text: str, folder: Path) -> list[Finding]:
    (folder / "mine.py").write_text(text)
    report = provenance.scan(str(folder), [root / "i.db"])
    return [one for one in report.findings if one.suspect.kind == "class"]


def test_what_the_named_one_is_like_is_named_too(root: Path, tmp_path: Path) -> None:
    """whisper -> tokenizer -> here: the closest is named, and whence it may have it."""
    first = program(1, functions=3, classes=2)
    found = classes(root, renamed(inserted(first, 3, 0.35)), tmp_path)
    assert found
    for finding in found:
        assert finding.reference.origin == "new/tokenizer"
        assert finding.reference.first_seen == LATE
        (one,) = finding.chain
        assert (one.origin, one.first_seen) == ("old/whisper", EARLY)
        assert one.name == finding.reference.name
        assert 0 < one.resemblance < 1
        text = provenance.text_report(provenance.scan(str(tmp_path), [root / "i.db"]), width=200)
        assert f"that is itself like: old/whisper {one.name} {EARLY}" in text


def test_the_first_of_a_chain_has_none(root: Path, tmp_path: Path) -> None:
    """What is younger than the named one is no source of it."""
    for finding in classes(root, renamed(program(1, functions=3, classes=2)), tmp_path):
        assert finding.reference.origin == "old/whisper"
        assert finding.chain == ()


def test_what_is_hidden_is_in_no_chain(root: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        renamed(inserted(program(1, functions=3, classes=2), 3, 0.35))
    )
    report = provenance.scan(str(tmp_path), [root / "i.db"], exclude_origin=["*/whisper"])
    assert report.findings
    assert {finding.chain for finding in report.findings} == {()}
