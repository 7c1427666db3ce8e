"""The index that is shipped, and the commands that list it, fetch its sources and build it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from programs import program

from provenance import indexing
from provenance.cli import main
from provenance.index import Index, verify
from provenance.references import DEFAULT_INDEX
from provenance.references.manifest import Manifest, load, parse


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


# --- what is shipped ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> Index:
    return Index(DEFAULT_INDEX)


def test_it_is_sound_and_small() -> None:
    verify(DEFAULT_INDEX)
    assert DEFAULT_INDEX.stat().st_size <= 40_000_000


def test_its_releases_are_those_of_the_manifest(shipped: Index) -> None:
    """Versions, days, checksums, licences."""
    stored = {
        (one.package, one.version, one.date, one.date_source, one.sha256, one.license)
        for one in shipped.releases.values()
    }
    written = {
        (package.name, one.version, one.date, one.date_source, one.sha256, package.license)
        for package in load().packages
        for one in package.releases
    }
    assert stored == written


def test_its_families_are_those_of_the_manifest(shipped: Index) -> None:
    for facts in shipped.origins():
        assert facts.family == load().family(facts.name)


def test_the_contest_is_in_it() -> None:
    """Everyone who was named: makers and countries."""
    for pattern, country in (
        ("*Solar Open*", "KR"),
        ("*A.X K1*", "KR"),
        ("*A.X K2*", "KR"),
        ("*HyperCLOVA*", "KR"),
        ("*EXAONE*", "KR"),
        ("*DeepSeek-V3*", "CN"),
        ("*GLM-4.5*", "CN"),
        ("*Qwen2.5-VL*", "CN"),
        ("*Qwen2-Audio*", "CN"),
        ("*Whisper*", "US"),
        ("*Kimi*", "CN"),
        ("*Voxtral*", "FR"),
        ("*Falcon*", "AE"),
        ("*Llama*", "US"),
    ):
        lines = run("families", pattern).output.splitlines()[1:]
        assert any(f"  {country}  " in line for line in lines), pattern


def test_commands_list_it() -> None:
    assert "openai-whisper" in run("index", "info").output
    assert run("index", "verify").output.endswith("\n")
    assert "no family" in run("families", "no such family").output


def test_a_scan_looks_into_it_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(program(1))
    assert run("scan", tmp_path).exit_code == 0
    assert run("scan", tmp_path, "--no-default-index").exit_code == 2


# --- how it is built ----------------------------------------------------------------------


def wheel(path: Path, **files: str) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(f"ours/{name}.py", (2024, 5, 6, 0, 0, 0))
            archive.writestr(info, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """A manifest of two releases of a package of our own, fetched from a folder."""
    first = wheel(tmp_path / "ours-1.whl", wren=program(1), owl=program(2))
    second = wheel(tmp_path / "ours-2.whl", wren=program(1), owl=program(3), __init__=program(4))
    text = f"""
format = 1
[[package]]
name = "ours"
purl = "pkg:pypi/ours"
license = "MIT"
organisation = "We"
country = "KR"
repository = "https://example.org/ours"
link = "https://example.org/ours/{{version}}/{{path}}#L{{first}}-L{{last}}"
include = ["ours/**"]
exclude = ["**/__init__.py"]
origins = [{{ path = "ours/{{family}}.py", family = "{{family}}" }}]
releases = [
  {{ version = "1", file = "a.whl", sha256 = "{first}", date = "2024-05-06", date_source = "archive" }},
  {{ version = "2", file = "b.whl", sha256 = "{second}", date = "2024-06-07", date_source = "sdist" }},
]
[[organisation]]
name = "We"
country = "KR"
[organisation.families]
wren = "Wren"
"""  # noqa: E501
    monkeypatch.setattr(
        indexing, "fetch", lambda name, version: str(tmp_path / f"{name}-{version}.whl")
    )
    return parse(text.encode(), "ours")


def test_it_says_who_made_what_and_since_when(ours: Manifest, tmp_path: Path) -> None:
    built = indexing.build_default(tmp_path / "d.db", manifest=ours)
    assert (built.files, built.missing) == (4, ())
    with Index(tmp_path / "d.db") as index:
        facts = {one.name: one for one in index.origins()}
        assert set(facts) == {"ours/wren", "ours/owl"}
        assert facts["ours/wren"].family.title == "We Wren"
        assert facts["ours/wren"].family.country == "KR"
        assert facts["ours/owl"].family.organisation is None
        assert facts["ours/wren"].first == "2024-05-06"
        assert {one.purl for one in index.releases.values()} == {
            "pkg:pypi/ours@1",
            "pkg:pypi/ours@2",
        }
        assert index.baseline is not None


def test_it_is_the_same_bytes_again_and_after_an_interruption(
    ours: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was done before the interruption is not done again."""
    indexing.build_default(tmp_path / "a.db", manifest=ours)
    indexing.build_default(tmp_path / "b.db", manifest=ours, jobs=2)
    assert (tmp_path / "a.db").read_bytes() == (tmp_path / "b.db").read_bytes()
    monkeypatch.setattr(indexing, "_SAVE_EVERY", -1.0)
    plain: Callable[[str, str], str] = vars(indexing)["fetch"]

    def broken(name: str, version: str) -> str:
        if version == "2":
            raise KeyboardInterrupt
        return plain(name, version)

    monkeypatch.setattr(indexing, "fetch", broken)
    with pytest.raises(KeyboardInterrupt):
        indexing.build_default(tmp_path / "c.db", manifest=ours)
    assert not (tmp_path / "c.db").exists()
    monkeypatch.setattr(indexing, "fetch", plain)
    said: list[str] = []
    indexing.build_default(tmp_path / "c.db", manifest=ours, tell=said.append)
    assert said[0] == "ours 1: kept from the last run"
    assert (tmp_path / "a.db").read_bytes() == (tmp_path / "c.db").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_another_archive_than_recorded_is_refused(ours: Manifest, tmp_path: Path) -> None:
    """Nothing is put in place while something is missing, and what is missing is named."""
    with zipfile.ZipFile(tmp_path / "ours-2.whl", "a") as archive:
        archive.writestr("ours/more.py", program(5))
    built = indexing.build_default(tmp_path / "d.db", manifest=ours)
    (missing,) = built.missing
    assert missing.release == "ours 2"
    assert "SHA-256" in missing.reason
    assert not (tmp_path / "d.db").exists()
