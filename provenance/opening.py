"""opening: what an index says of itself, as it stands in its file -> the nouns it stands for,
every value checked, so that nothing that is made of them meets another type or size. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from provenance.model import Family, Parameters, Release

_MOST = 100_000
"""Of a parameter that is a number; the greatest chosen is below a hundred."""
_MOST_COUNTED = 1 << 32


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
    return {name: _count(value, name) for name, value in stored.items()}


def page_bits_of(text: str, doors: Sequence[int], most: int) -> list[int]:
    """By how many leading bits the pages of each door are cut."""
    stored = _object(text)
    found = [_count(stored.get(str(door)), "page bits") for door in doors]
    if max(found) > most:
        raise ValueError("page bits out of range")
    return found


def release_of(row: Sequence[Any]) -> Release:
    """A row of ``release``, without its number and selection."""
    package, version, license_, day, source, digest, purl, link = row
    return Release(
        _text(package, "package"),
        _text_or_none(version, "version"),
        _text_or_none(license_, "license"),
        _day(day),
        _text(source, "date_source"),
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
            _text(title, "title"),
            _text_or_none(organisation, "organisation"),
            _text_or_none(country, "country"),
        ),
        _day(first),
        _count(units, "units"),
        _count(shared, "shared"),
    )


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("what it says of itself is nested too deep") from error
    if not isinstance(found, dict):
        raise ValueError("what it says of itself is no object")
    return found


def _count(value: Any, name: str) -> int:
    if type(value) is not int or not 0 <= value < _MOST_COUNTED:
        raise ValueError(f"the number of {name[:40]} is none")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a {name} that is no text")
    return value


def _text_or_none(value: Any, name: str) -> str | None:
    return None if value is None else _text(value, name)


def _day(value: Any) -> str | None:
    if value is not None and date.fromisoformat(_text(value, "day")).isoformat() != value:
        raise ValueError("a day that is none")
    return value if value is None else str(value)
