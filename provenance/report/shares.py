"""shares: a ``Report`` -> its families, and what each file and the whole is made of. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from provenance.model import FileResult, Report

_SOME = 3
COLOURS = 8
"""Families with a colour of their own; what is beyond shares one."""


@dataclass(slots=True)
class Family:
    """What a report says of a family. ``colour`` is 1 to ``COLOURS``, 0 for the others; ``share``
    is of all scanned lines, ``also`` are origins that cannot be told from it in half of that;
    ``findings`` counts the telling ones by declared or not."""

    name: str
    title: str
    organisation: str | None = None
    country: str | None = None
    licenses: set[str] = field(default_factory=set)
    first_seen: str | None = None
    findings: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    share: float = 0.0
    identical: int = 0
    also: tuple[str, ...] = ()
    colour: int = 0

    def seen(self, day: str | None) -> None:
        """A unit of it was first seen on this day."""
        if day and (self.first_seen is None or day < self.first_seen):
            self.first_seen = day


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a composition. ``fill`` names its colour: that of a family, ``common`` for what
    tells no origin, ``own`` for what no reference explains. ``x`` and ``width`` are of 1000."""

    title: str
    origin: str
    share: float
    fill: str
    x: float = 0.0
    also: tuple[str, ...] = ()

    @property
    def width(self) -> float:
        """How wide it is drawn, of 1000."""
        return round(1000 * self.share, 2)

    @property
    def others(self) -> tuple[str, int]:
        """The first of ``also`` by their last names, and how many more there are."""
        names = [one.rpartition("/")[2] for one in self.also]
        return ", ".join(names[:_SOME]), max(0, len(names) - _SOME)

    @property
    def named(self) -> bool:
        """Whether it is a family's."""
        return self.fill not in ("common", "own")


def families(report: Report) -> dict[str, Family]:
    """The family of every origin that the report names in a finding or a composition. Of origins
    that cannot be told apart in the whole, the one that the files name most stands for all."""
    by_name: dict[str, Family] = {}
    of: dict[str, Family] = {}
    for finding in report.findings:
        side = finding.reference
        one = by_name.setdefault(
            side.family, Family(side.family, side.title, side.organisation, side.country)
        )
        of[side.origin] = one
        if side.license:
            one.licenses.add(side.license)
        if finding.verdict != "common":
            one.findings[finding.attribution] += 1
            one.seen(side.first_seen)

    def unnamed(origin: str) -> Family:
        if origin not in of:
            of[origin] = by_name.setdefault(origin, Family(origin, origin.rpartition("/")[2]))
        return of[origin]

    for file in report.files:
        if same := file.identical:
            made = Family(same.family, same.title, same.organisation, same.country)
            one = of[same.origin] = by_name.setdefault(same.family, made)
            one.identical += 1
            one.seen(same.first_seen)
            if same.license:
                one.licenses.add(same.license)
    named: dict[str, float] = defaultdict(float)
    for file in report.files:
        for share in file.composition:
            unnamed(share.origin)
            named[share.origin] += share.share * file.lines
    for share in report.composition:
        equals = sorted((share.origin, *share.also), key=lambda one: -named[one])
        one = unnamed(equals[0])
        one.share += share.share
        one.also += tuple(equals[1:])
    for colour, one in enumerate(ranked(of)[:COLOURS], 1):
        one.colour = colour
    return of


def ranked(of: Mapping[str, Family]) -> list[Family]:
    """Each family once, from the one that explains most of the scanned lines down."""
    return sorted({id(one): one for one in of.values()}.values(), key=_rank)


def _rank(family: Family) -> tuple[float, int, str]:
    return -family.share, -sum(family.findings.values()), family.name


def of_file(file: FileResult, of: Mapping[str, Family]) -> list[Part]:
    """What one file is made of."""
    parts = [
        Part(of[one.origin].title, one.origin, one.share, str(of[one.origin].colour), 0, one.also)
        for one in file.composition
    ]
    return _placed([*parts, *_rest(file.common, file.novel)])


def of_repository(report: Report, of: Mapping[str, Family]) -> list[Part]:
    """What all files are made of, by family, each file weighing as many lines as it has."""
    parts = [
        Part(one.title, one.name, one.share, str(one.colour), 0, one.also)
        for one in ranked(of)
        if one.share
    ]
    return _placed([*parts, *_rest(report.common, report.novel)])


def _rest(common: float, own: float) -> list[Part]:
    """What tells no origin, and what is found nowhere, where there is any."""
    parts = [Part("", "", common, "common"), Part("", "", own, "own")]
    return [part for part in parts if part.share]


def merged(parts: list[Part]) -> list[Part]:
    """The parts, those without a colour of their own as one."""
    small = [part for part in parts if part.fill == "0"]
    if len(small) < 2:
        return parts
    share = sum(part.share for part in small)
    one = Part("", "", share, "0", small[0].x)
    at = parts.index(small[0])
    rest = [part for part in parts if part.fill != "0"]
    return [*rest[:at], one, *rest[at:]]


def _placed(parts: list[Part]) -> list[Part]:
    at, placed = 0.0, []
    for one in parts:
        placed.append(Part(one.title, one.origin, one.share, one.fill, round(at, 2), one.also))
        at += 1000 * one.share
    return placed
