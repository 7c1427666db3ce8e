"""The index that is shipped: sound, small enough, looked into, and what the manifest says."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from programs import program

from provenance.cli import main
from provenance.families import FamilyRow, families_of
from provenance.index import Index
from provenance.integrity import verify
from provenance.library import Library
from provenance.model import Parameters
from provenance.references import DEFAULT_INDEX
from provenance.references.manifest import load
from provenance.schema import SEAL, seal
from provenance.unused import blank_unused

pytestmark = pytest.mark.usefixtures("in_this_process")

MOST_BYTES = 40_000_000
MANIFEST = load()


@pytest.fixture(scope="module")
def opened() -> Iterator[Index]:
    with Index(DEFAULT_INDEX) as index:
        yield index


@pytest.fixture(scope="module")
def rows(opened: Index) -> list[FamilyRow]:
    return families_of(opened)


def test_every_byte_of_it_is_sound() -> None:
    """What it holds has the checksum that it shows."""
    with Index(DEFAULT_INDEX) as index:
        assert verify(DEFAULT_INDEX) == index.checksum


def test_it_is_as_one_is_written_today(tmp_path: Path) -> None:
    """README says that one that is built again has its bytes: also those that SQLite leaves unused,
    which were not zeros. Of its rows this tells nothing."""
    copy = tmp_path / "again.db"
    copy.write_bytes(DEFAULT_INDEX.read_bytes()[:-SEAL])
    blank_unused(copy)
    seal(copy)
    assert sha256(copy.read_bytes()).digest() == sha256(DEFAULT_INDEX.read_bytes()).digest()


def test_it_is_small_enough_to_ship() -> None:
    """It is part of every installation."""
    assert DEFAULT_INDEX.stat().st_size <= MOST_BYTES


def test_it_has_the_parameters_of_this_version(opened: Index) -> None:
    """So that it can be combined with an index that is built now, and needs no building."""
    assert opened.parameters == Parameters()
    assert opened.baseline is not None


def test_its_releases_are_those_of_the_manifest(opened: Index) -> None:
    """Versions, checksums, days, licences, links: all, and no other."""
    described = {
        (
            *(package.name, release.version, package.license),
            *(release.date, release.date_source, release.sha256),
            *(f"{package.purl}@{release.version}", package.template),
        )
        for package in MANIFEST.packages
        for release in package.releases
    }
    stored = [
        (
            *(one.package, one.version, one.license),
            *(one.date, one.date_source, one.sha256, one.purl, one.link),
        )
        for one in opened.facts().releases
    ]
    assert len(stored) == len(described)
    assert set(stored) == described


def test_its_families_are_those_of_the_manifest(opened: Index) -> None:
    """Every origin is put with the family that the manifest names."""
    for facts in opened.origins():
        assert facts.family == MANIFEST.family(facts.name), facts.name
        assert facts.units > 0, facts.name
        assert facts.first, facts.name


def test_every_package_has_origins(opened: Index) -> None:
    """Named by the prefix the manifest gives."""
    prefixes = {facts.name.partition("/")[0] for facts in opened.origins()}
    assert prefixes == {package.prefix for package in MANIFEST.packages}


@pytest.mark.parametrize(
    ("organisation", "country", "word"),
    [
        ("Upstage", "KR", "Solar Open"),
        ("SK Telecom", "KR", "A.X K1"),
        ("SK Telecom", "KR", "A.X K2"),
        ("Naver", "KR", "HyperCLOVA X"),
        ("LG AI Research", "KR", "EXAONE 4.0"),
        ("LG AI Research", "KR", "K-EXAONE"),
        ("DeepSeek", "CN", "V3"),
        ("Zhipu AI", "CN", "GLM-4.5"),
        ("Alibaba", "CN", "Qwen2.5-VL"),
        ("Alibaba", "CN", "Qwen2-Audio"),
        ("Moonshot AI", "CN", "Kimi K2.5"),
        ("OpenAI", "US", "Whisper"),
        ("Mistral AI", "FR", "Voxtral"),
        ("Technology Innovation Institute", "AE", "Falcon"),
        ("Meta", "US", "Llama"),
    ],
)
def test_systems_of_the_contest_and_their_references_are_there(
    organisation: str, country: str, word: str, rows: list[FamilyRow]
) -> None:
    """With who made them, since when, and code to compare with."""
    found = [row for row in rows if row.family.title.startswith(f"{organisation} ")]
    found = [row for row in found if word in row.family.title]
    assert found, [row.family.title for row in rows if organisation in row.family.title]
    for row in found:
        assert (row.family.organisation, row.family.country) == (organisation, country)
        assert row.first_seen
        assert row.licenses
        assert row.units >= 10


# --- commands -----------------------------------------------------------------------------


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


def test_commands_look_into_it_if_no_file_is_named() -> None:
    """info, verify, families."""
    info = run("index", "info").output
    for package in MANIFEST.packages:
        assert package.name in info
    assert "sound, checksum" in run("index", "verify").output
    assert "Upstage Solar Open" in run("families", "KR").output
    assert "no family" in run("families", "no such family").output


def test_a_scan_looks_into_it_unless_told_otherwise(tmp_path: Path) -> None:
    """Offline, with nothing built before."""
    (tmp_path / "own.py").write_text(program(1))
    assert run("scan", tmp_path).exit_code == 0
    assert run("scan", tmp_path, "--no-default-index").exit_code == 2


def test_no_part_of_a_package_is_used_by_who_names_a_module_alike() -> None:
    """It made a user of Apple's code of whoever has a module ``modeling_rope_utils``."""
    with Library([str(DEFAULT_INDEX)]) as library:
        names = library.names
    assert {"ropeutils", "cache", "base", "attention", "parallel", "loader"}.isdisjoint(names)
    assert names["mlx-lm/cache"] == "mlx-lm/cache"
    assert names["llama"] == "transformers/llama"
