"""What Provenance is made of: bounded, under licences that fit, and listed."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

from provenance.release import from_metadata

ROOT = Path(__file__).parent.parent
FIT = {"MIT", "BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "MPL-2.0", "0BSD", "Zlib", "ISC"}
"""Licences that an Apache-2.0 program may need; of MPL-2.0 no file is changed or passed on here."""


def _needed(name: str, seen: dict[str, metadata.Distribution]) -> dict[str, metadata.Distribution]:
    """An installed distribution and all that it needs, without extras."""
    plain = re.sub(r"[-_.]+", "-", name).lower()
    if plain not in seen:
        try:
            seen[plain] = metadata.distribution(plain)
        except metadata.PackageNotFoundError:
            return seen  # for another system or Python
        for line in seen[plain].requires or []:
            if "extra ==" not in line:
                _needed(re.split(r"[^A-Za-z0-9._-]", line)[0], seen)
    return seen


NEEDED = _needed("provenance-checker", {})


def _licenses(distribution: metadata.Distribution) -> set[str]:
    """What its metadata say, as far as they say it in a line; else its classifiers."""
    said = from_metadata((distribution.read_text("METADATA") or "").encode()).license or ""
    if len(said) > 100 or not said:
        said = ""
    words = set(re.findall(r"[A-Za-z0-9.-]+", said)) - {"AND", "OR", "WITH", "License"}
    classifiers = " ".join(distribution.metadata.get_all("Classifier") or [])
    if "BSD License" in classifiers:
        words.add("BSD")
    return words & {*FIT, *(word for word in words if "GPL" in word)}


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_licences_of_all_that_is_needed_fit(name: str) -> None:
    found = _licenses(NEEDED[name])
    assert found, f"{name} says no licence that is known to fit: look at it, and list it"
    assert found <= FIT


def test_every_dependency_is_bounded_above() -> None:
    """A new major version of something must not change what a report says."""
    for line in metadata.requires("provenance-checker") or []:
        if "extra ==" not in line and not line.startswith("pip"):
            assert re.search(r"<\d|==\d", line), line


def test_the_readme_has_the_licence_that_each_package_states() -> None:
    readme = (ROOT / "README.md").read_text("utf-8").partition("## Dependencies")[2]
    told = dict(re.findall(r"^\| ([a-z0-9-]+) \| ([^|]+) \| ", readme, re.MULTILINE))
    for name, distribution in NEEDED.items():
        if name in told:
            words = set(re.findall(r"[A-Za-z0-9.-]+", told[name])) - {"AND"}
            assert words & {*_licenses(distribution), "BSD-3-Clause", "BSD-2-Clause"}, name
