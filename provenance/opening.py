"""opening: what an index says of itself, as it stands in its file -> the nouns it stands for,
every value checked, so that nothing that is made of them meets another type or size. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property
from typing import Any

from provenance.given import LONGEST_TEXT
from provenance.model import Family, Parameters, Release

_MOST_FIELDS = 20
_NO_SELECTION = '[[], [], ""]'  # include, exclude, origin
_LONGEST_SELECTION = 20_000_000
_MOST = 100_000
"""Of a parameter that is a number; the greatest chosen is below a hundred."""
_MOST_COUNTED = 1 << 32


@dataclass(frozen=True, slots=True)
class OriginFacts:
    """One origin of an index: its family, its first day there, how many distinct units it has,
    and how often one of them stands in another origin too."""

    name: str
    family: Family
    first: str | None
    units: int
    shared: int


class Origins(Mapping[int, OriginFacts]):
    """The origins of an index by their numbers, 1 and on, kept column by column: of the many that
    a large index has, a scan asks for few.

    Args:
        rows: of the table ``origin``, by number.

    Raises:
        ValueError: a value is of another type than it must be.
    """

    def __init__(self, rows: Sequence[Sequence[Any]]) -> None:
        columns = list(zip(*rows, strict=True)) if rows else [()] * 9
        numbers: tuple[int, ...]
        self.names: tuple[str, ...]
        self.families: tuple[str, ...]
        self.titles: tuple[str, ...]
        self.first: tuple[str | None, ...]
        self.shared: tuple[int, ...]
        self._organisations: tuple[str | None, ...]
        self._countries: tuple[str | None, ...]
        self._units: tuple[int, ...]
        numbers, self.names, self.families, self.titles = columns[:4]
        self._organisations, self._countries, self.first, self._units, self.shared = columns[4:]
        if numbers != tuple(range(1, len(rows) + 1)):
            raise ValueError("origins that are not numbered from 1 on")
        for texts in (self.names, self.families, self.titles):
            if not set(map(type, texts)) <= {str}:
                raise ValueError("a name, family or title that is no text")
            if not all(texts):
                raise ValueError("a name, family or title that is empty")
        for known in (self._organisations, self._countries):
            if not set(map(type, known)) <= {str, type(None)}:
                raise ValueError("an organisation or country that is no text")
        shown = (self.names, self.families, self.titles, self._organisations, self._countries)
        if any(text and len(text) > LONGEST_TEXT for texts in shown for text in texts):
            raise ValueError("a name of an origin, or what is known of it, longer than any is")
        for day in set(self.first):
            day_of(day)
        for counts in (self._units, self.shared):
            for count in set(counts):
                count_of(count, "units")

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[int]:
        return iter(range(1, len(self.names) + 1))

    def __getitem__(self, number: int) -> OriginFacts:
        at = number - 1
        if not 0 <= at < len(self.names):
            raise KeyError(number)
        return OriginFacts(
            self.names[at],
            Family(
                self.families[at], self.titles[at], self._organisations[at], self._countries[at]
            ),
            self.first[at],
            self._units[at],
            self.shared[at],
        )

    def called(self) -> Iterator[tuple[str, str, str, str | None]]:
        """Name, family, title and organisation of each."""
        return zip(self.names, self.families, self.titles, self._organisations, strict=True)

    @cached_property
    def number_of(self) -> dict[str, int]:
        """The number of each, by name."""
        return {name: number for number, name in enumerate(self.names, 1)}


def parameters_of(text: str) -> Parameters:
    """The parameters.

    Raises:
        ValueError: they are none of this version, or no index can have been made with them.
    """
    stored = _object(text)
    if set(stored) != {field.name for field in fields(Parameters)}:
        raise ValueError("its parameters are not those of this version")
    for name, value in stored.items():
        kind = type(getattr(Parameters(), name))
        least = 0 if name == "seed" else 1
        if type(value) is not kind or (kind is int and not least <= value <= _MOST):
            raise ValueError(f"the parameter {name} is none")
    return Parameters(**stored)


def counts_of(text: str) -> dict[str, int]:
    """How many of each table's things there are."""
    stored = _object(text)
    if not all(name.isascii() and name.isidentifier() for name in stored):
        raise ValueError("the number of something that is no table")
    return {name: count_of(value, name) for name, value in stored.items()}


def checksum_of(text: str) -> str:
    """The checksum of all that is stored."""
    found = json.loads(text)
    if not isinstance(found, str) or not re.fullmatch("[0-9a-f]{64}", found):
        raise ValueError("a checksum that is none")
    return found


def page_bits_of(text: str, doors: Sequence[int], most: int) -> list[int]:
    """By how many leading bits the pages of each door are cut."""
    stored = _object(text)
    found = [count_of(stored.get(str(door)), "page bits") for door in doors]
    if max(found) > most:
        raise ValueError("page bits out of range")
    return found


def release_of(row: Sequence[Any]) -> Release:
    """A row of ``release``, without its number and selection."""
    package, version, license_, day, source, digest, purl, link = row
    return Release(
        _short(package, "package"),
        _text_or_none(version, "version"),
        _text_or_none(license_, "license"),
        day_of(day),
        _short(source, "date_source"),
        _text_or_none(digest, "sha256"),
        _text_or_none(purl, "purl"),
        _text_or_none(link, "link"),
    )


def origin_of(row: Sequence[Any]) -> tuple[str, Family, str | None, int, int]:
    """A row of ``origin``, without its number: name, family, first day, units, shared."""
    name, family, title, organisation, country, first, units, shared = row
    return (
        _text(name, "name"),
        Family(
            _text(family, "family"),
            _short(title, "title"),
            _text_or_none(organisation, "organisation"),
            _text_or_none(country, "country"),
        ),
        day_of(first),
        count_of(units, "units"),
        count_of(shared, "shared"),
    )


def selections_of(text: Any) -> list[str]:
    """What was selected of a release: JSON texts."""
    if len(_text(text, "selection")) > _LONGEST_SELECTION:
        raise ValueError("a selection that is longer than any is")
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("a selection that is nested too deep") from error
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ValueError("a selection that is none")
    if any(len(one) < len(_NO_SELECTION) for one in found) or found != sorted({*found}):
        raise ValueError("selections that are none, or not in order")
    return found


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("what it says of itself is nested too deep") from error
    if not isinstance(found, dict):
        raise ValueError("what it says of itself is no object")
    return found


def count_of(value: Any, name: str) -> int:
    """A number of things."""
    if type(value) is not int or not 0 <= value < _MOST_COUNTED:
        raise ValueError(f"the number of {name[:40]} is none")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"a {name} that is no text, or empty")
    return value


def _text_or_none(value: Any, name: str) -> str | None:
    return value if value in (None, "") else _short(value, name)


def _short(value: Any, name: str) -> str:
    """A text that each finding has once more, and of a link the path for each field."""
    text = _text(value, name)
    if len(text) > LONGEST_TEXT or (name == "link" and text.count("{") > _MOST_FIELDS):
        raise ValueError(f"a {name} that is longer than any is")
    return text


def day_of(value: Any) -> str | None:
    """An ISO day, or None."""
    if value is not None and date.fromisoformat(_text(value, "day")).isoformat() != value:
        raise ValueError("a day that is none")
    return value if value is None else str(value)
