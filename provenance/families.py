"""families: origins of an index, put together by who made them. Pure but for the index read."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from provenance.index import Index
from provenance.references.manifest import Manifest, Package, ReleaseEntry


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """A family of an index: its origins in all packages, their first day, licences, and units
    (one that stands in two origins counted twice)."""

    title: str
    organisation: str
    country: str
    first_seen: str | None
    licenses: tuple[str, ...]
    units: int
    packages: tuple[str, ...]


def families_of(index: Index, manifest: Manifest, pattern: str = "*") -> list[FamilyRow]:
    """The families of an index, by title.

    Args:
        index: to list.
        manifest: knows who made what.
        pattern: glob over title, organisation, country and origins, case aside.
    """
    licenses = {one.package: one.license for one in index.releases.values() if one.license}
    rows: dict[tuple[str, str, str], list[str]] = {}
    for facts in index.origins():
        family = manifest.family_of(facts.name)
        title = family.title or facts.name.partition("/")[2]
        rows.setdefault((title, family.organisation, family.country), []).append(facts.name)
    facts_of = {facts.name: facts for facts in index.origins()}
    found = []
    for (title, organisation, country), origins in rows.items():
        words = (title, organisation, country, *origins)
        if not any(fnmatchcase(word.lower(), pattern.lower()) for word in words):
            continue
        packages = sorted({name.partition("/")[0] for name in origins})
        days = [day for name in origins if (day := facts_of[name].first)]
        found.append(
            FamilyRow(
                title=title,
                organisation=organisation,
                country=country,
                first_seen=min(days, default=None),
                licenses=tuple(sorted({licenses[p] for p in packages if p in licenses})),
                units=sum(facts_of[name].units for name in origins),
                packages=tuple(packages),
            )
        )
    return sorted(found, key=lambda row: (row.title.lower(), row.organisation))


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
        if package.name in packages
        for release in package.releases
    ]
