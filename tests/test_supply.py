"""What Provenance is made of: bounded, locked, under licences that fit, and listed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from license_expression import ExpressionError, get_spdx_licensing
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from provenance.version import VERSION

ROOT = Path(__file__).parent.parent
SPDX = get_spdx_licensing()
OURS = "provenance-checker"
FOR_WORK = {"test", "browser", "validators", "dev"}
"""Extras that nobody installs who only uses Provenance."""
FIT = {
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Apache-2.0",
    "MPL-2.0",
    "PSF-2.0",
    "0BSD",
    "Zlib",
    "ISC",
    "CC0-1.0",
}
"""Licences that an Apache-2.0 program may need; of MPL-2.0 no file is changed or passed on here."""
CLASSIFIED = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}


def _asked(name: str, extras: set[str]) -> Iterator[Requirement]:
    """What a distribution needs here, with these extras of it."""
    for line in metadata.requires(name) or []:
        wanted = Requirement(line)
        marker = wanted.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield wanted


def _needed(extras: set[str]) -> dict[str, metadata.Distribution]:
    """All that a user has installed with Provenance and some extras, the needs of needs too, by
    name."""
    waiting = [(OURS, extras)]
    seen: dict[str, metadata.Distribution] = {}
    while waiting:
        name, extras = waiting.pop()
        for wanted in _asked(name, extras):
            plain = canonicalize_name(wanted.name)
            if plain in seen:
                continue
            try:
                seen[plain] = metadata.distribution(plain)
            except metadata.PackageNotFoundError:
                assert "extra" in str(wanted.marker), f"{plain} is missing"
                continue  # an extra that is not installed here
            waiting.append((plain, wanted.extras))
    return seen


NEEDED = _needed({*(metadata.metadata(OURS).get_all("Provides-Extra") or ())} - FOR_WORK)


def _licenses(distribution: metadata.Distribution) -> set[str]:
    """The licences that its metadata name: as an expression, else as a word, else classified."""
    told = distribution.metadata
    for key in ("License-Expression", "License"):
        (said,) = told.get_all(key) or [""]
        if 0 < len(said) < 200:
            with suppress(ExpressionError):
                return {str(one) for one in SPDX.license_keys(SPDX.parse(said, validate=True))}
    classified = [one for one in told.get_all("Classifier") or [] if one.startswith("License ::")]
    last = {one.rpartition(" :: ")[2] for one in classified} - {"OSI Approved"}
    return {CLASSIFIED.get(one, one) for one in last}


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_licences_of_all_that_is_needed_fit(name: str) -> None:
    """Every one that is named, also of two that hold at once."""
    found = _licenses(NEEDED[name])
    assert found, f"{name} says no licence that is known to fit: look at it, and list it"
    assert found <= FIT, f"{name}: {found - FIT}"


def test_what_is_needed_by_what_is_needed_counts() -> None:
    assert {"numpy", "scipy", "boolean-py"} <= set(NEEDED)


def test_every_dependency_is_bounded_above() -> None:
    """A new major version of something must not change what a report says."""
    for line in metadata.requires(OURS) or []:
        if "extra ==" not in line and not line.startswith("pip"):
            assert re.search(r"<\d|==\d", line), line


def test_the_readme_has_all_of_them_with_the_licence_that_each_states() -> None:
    readme = (ROOT / "README.md").read_text("utf-8").partition("## Dependencies")[2]
    told = dict(re.findall(r"^\| ([a-z0-9-]+) \| ([^|]+) \| ", readme, re.MULTILINE))
    beside = readme.partition("come with these")[0].rpartition("\n\n")[2]
    for name, distribution in NEEDED.items():
        if name not in told:
            assert distribution.metadata["Name"] in beside, f"{name} is not listed"
            continue
        words = set(re.findall(r"[A-Za-z0-9.-]+", told[name])) - {"AND"}
        assert words & _licenses(distribution), name


# --- the lock -------------------------------------------------------------------------------


def _locked(*, here: bool) -> dict[str, set[str]]:
    """The releases in the lock by name: those for this Python and system, or all."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / ".ci" / "constraints.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            one = Requirement(line)
            (exact,) = one.specifier
            assert exact.operator == "==", line
            if not here or one.marker is None or one.marker.evaluate():
                found.setdefault(canonicalize_name(one.name), set()).add(exact.version)
    return found


def test_the_lock_has_a_release_of_everything_asked_for_that_may_be_had() -> None:
    """For each Python there is one; what pyproject.toml says rules over it."""
    locked = _locked(here=False)
    for line in [*(metadata.requires(OURS) or []), "hatchling>=1.24"]:
        wanted = Requirement(line)
        name = canonicalize_name(wanted.name)
        if name != OURS:
            remedy = "write it again with .ci/lock"
            assert name in locked, f"{name} is not in .ci/constraints.txt: {remedy}"
            for version in locked[name]:
                assert wanted.specifier.contains(version), f"{line} is not {version}: {remedy}"


def test_the_lock_names_one_release_for_this_python() -> None:
    for name, versions in _locked(here=True).items():
        assert len(versions) == 1, name


@pytest.mark.skipif("PROVENANCE_CHECKED_LOCK" not in os.environ, reason="only .ci/run is locked")
def test_all_that_is_installed_is_in_the_lock() -> None:
    locked = _locked(here=True)
    for one in metadata.distributions():
        name = canonicalize_name(one.metadata["Name"])
        if name != OURS:
            assert locked.get(name) == {one.version}, f"{name} {one.version} is not of the lock"


# --- our own bill of materials ----------------------------------------------------------------


@pytest.mark.skipif("PROVENANCE_CHECKED_SBOM" not in os.environ, reason=".ci/run writes one")
def test_the_bill_of_materials_is_of_this_release_and_of_all_that_it_needs() -> None:
    """That it is valid CycloneDX is checked where it is written."""
    bill: Any = json.loads(Path(os.environ["PROVENANCE_CHECKED_SBOM"]).read_text("utf-8"))
    whole = bill["metadata"]["component"]
    assert (whole["name"], whole["version"]) == (OURS, VERSION)
    listed = {canonicalize_name(one["name"]): one for one in bill["components"]}
    assert set(listed) == set(_needed(set()))
    locked = _locked(here=True)
    for name, one in listed.items():
        assert {one["version"]} == locked[name], name
        assert one["licenses"], name


def test_every_extra_that_is_named_is_there() -> None:
    """pip only warns of an extra that is none, and installs the rest."""
    offered = set(metadata.metadata(OURS).get_all("Provides-Extra") or [])
    named: set[str] = set()
    for path in ("README.md", ".ci/run", "provenance/cluster/session.py", "docs/scale.md"):
        text = (ROOT / path).read_text("utf-8")
        for extras in re.findall(r"(?:\.|checker)\[([a-z, ]+)\]", text):
            named.update(extra.strip() for extra in extras.split(","))
    assert named >= {"spark", "test"}
    assert named <= offered
