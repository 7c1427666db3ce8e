"""families: origins of an index, put together by who made them. Pure but for the index read."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from provenance.index import Index
from provenance.model import Family
from provenance.opening import OriginFacts
from provenance.references import first_days
from provenance.references.manifest import Manifest, Package, ReleaseEntry
from provenance.schema import TREES_PER_PAGE


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """A family of an index: its origins in all packages, their first day, licences, and units
    (one that stands in two origins counted twice)."""

    family: Family
    first_seen: str | None
    licenses: tuple[str, ...]
    units: int
    packages: tuple[str, ...]


def families_of(index: Index, pattern: str = "*") -> list[FamilyRow]:
    """The families of an index, by title.

    Args:
        index: to list.
        pattern: glob over name, title, organisation, country and origins, case aside.
    """
    licenses: dict[str, set[str]] = {}
    packages: dict[str, set[str]] = {}
    for page in range(index.counts["tree"] // TREES_PER_PAGE + 1):
        for release, origin in index.pairs_of(page):
            known = index.releases[release]
            name = index.origin_facts.names[origin - 1]
            packages.setdefault(name, set()).add(known.package)
            if known.license:
                licenses.setdefault(name, set()).add(known.license)
    rows: dict[Family, list[OriginFacts]] = {}
    for facts in index.origins():
        rows.setdefault(facts.family, []).append(facts)
    found = []
    for family, origins in rows.items():
        names = [facts.name for facts in origins]
        said = (family.name, family.title, family.organisation or "", family.country or "")
        words = (*said, *names)
        if not any(fnmatchcase(word.lower(), pattern.lower()) for word in words):
            continue
        days = [facts.first for facts in origins if facts.first]
        days += [first_days()[name] for name in names if name in first_days()]
        found.append(
            FamilyRow(
                family=family,
                first_seen=min(days, default=None),
                licenses=_sorted(licenses, names),
                units=sum(facts.units for facts in origins),
                packages=_sorted(packages, names),
            )
        )
    return sorted(found, key=lambda row: (row.family.title.lower(), row.family.name))


def _sorted(of_origin: dict[str, set[str]], names: list[str]) -> tuple[str, ...]:
    return tuple(sorted({value for name in names for value in of_origin.get(name, ())}))


def releases_of(
    index: Index, manifest: Manifest, pattern: str
) -> list[tuple[Package, ReleaseEntry]]:
    """The releases of the manifest whose package has an origin like the glob."""
    packages = {
        facts.name.partition("/")[0]
        for facts in index.origins()
        if fnmatchcase(facts.name, pattern)
    }
    return [
        (package, release)
        for package in manifest.packages
        if package.prefix in packages
        for release in package.releases
    ]
