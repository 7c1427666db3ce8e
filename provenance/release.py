"""release: what packages say of themselves -> name, version, licence and day. Pure.

Metadata are written by hand and say the same licence in many ways; only what is plain becomes
an SPDX identifier, everything else stays in its own words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from provenance.decode import printable
from provenance.errors import UsageError

_LONGEST_WORDS = 80
_LONGEST_NAME = 200  # of a package, and of a version
_LONGEST_EXPRESSION = 200
_EMPTY_WORDS = {"the", "license", "licence", "licensed", "under", "version", "software", "v", "="}
_SPDX = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache2": "Apache-2.0",
    "apache2.0": "Apache-2.0",
    "asl 2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd 2 clause": "BSD-2-Clause",
    "2 clause bsd": "BSD-2-Clause",
    "simplified bsd": "BSD-2-Clause",
    "bsd 3 clause": "BSD-3-Clause",
    "3 clause bsd": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "isc": "ISC",
    "isc iscl": "ISC",
    "mpl 2.0": "MPL-2.0",
    "mozilla public 2.0": "MPL-2.0",
    "mozilla public 2.0 mpl 2.0": "MPL-2.0",
    "unlicense": "Unlicense",
    "unlicense unlicense": "Unlicense",
    "0bsd": "0BSD",
    "zlib": "Zlib",
}
_CONSTANTS = {
    *("2016-01-01", "2020-02-02"),  # flit, hatch
    *("2000-01-01 00:00", "2006-07-24 01:21", "2022-11-09 12:37"),  # bazel, maturin, scikit-build
}
"""What build tools write where they hide the day: days that nobody else writes, and minutes."""

_FIRST = "1991-02-20"
"""Python's first release. What an archive dates before it says no day: 1970 of Unix, 1980 of zip
and of Nix, 1985 of npm."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Described:
    """What a release's own metadata say."""

    name: str | None = None
    version: str | None = None
    license: str | None = None


def normalised(name: str) -> str:
    """The one spelling of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def from_metadata(data: bytes) -> Described:
    """Read ``METADATA`` of a wheel or ``PKG-INFO`` of an sdist; what is absent is None."""
    from email.parser import HeaderParser

    found = HeaderParser().parsestr(data.decode("utf-8", "replace"))
    named = _short(found.get("Name"))
    return Described(
        name=normalised(named) if named else None,
        version=_short(found.get("Version")),
        license=_expression(found.get("License-Expression"))
        or license_of(found.get("License"))
        or _classified([str(one) for one in found.get_all("Classifier", [])]),
    )


def from_project(table: Mapping[str, object]) -> Described:
    """Read the ``[project]`` table of a ``pyproject.toml``."""
    name, version, license_ = table.get("name"), table.get("version"), table.get("license")
    if isinstance(license_, dict):
        license_ = license_.get("text")
    classifiers = table.get("classifiers")
    named = _short(name) if isinstance(name, str) else None
    return Described(
        name=normalised(named) if named else None,
        version=_short(version) if isinstance(version, str) else None,
        license=(license_of(license_) if isinstance(license_, str) else None)
        or _classified([str(one) for one in classifiers] if isinstance(classifiers, list) else []),
    )


def _short(text: str | None) -> str | None:
    """A name or version on one line; none where it is longer than any is: it stands in a report
    with every finding."""
    line = _line(text)
    return line if line and len(line) <= _LONGEST_NAME else None


def license_of(words: str | None) -> str | None:
    """The SPDX identifier free words plainly mean, else the words, where they are short.

    >>> license_of("Apache 2.0 License"), license_of("BSD"), license_of("UNKNOWN")
    ('Apache-2.0', 'BSD', None)
    """
    first = next((line.strip() for line in (words or "").splitlines() if line.strip()), "")
    line = _line(first)
    if line is None or line.upper() == "UNKNOWN" or len(line) > _LONGEST_WORDS:
        return None
    return _SPDX.get(_key(line), line)


def _key(words: str) -> str:
    found = re.findall(r"[a-z0-9.]+|=", words.lower().replace("v2", "2").replace("2.0.0", "2.0"))
    return " ".join(word.strip(".") for word in found if word not in _EMPTY_WORDS)


def _expression(words: object) -> str | None:
    line = _line(words)
    return None if line is None or len(line) > _LONGEST_EXPRESSION else line


def _classified(classifiers: list[str]) -> str | None:
    """The licences of the trove classifiers."""
    found: dict[str, None] = {}  # there may be very many
    for classifier in classifiers:
        parts = [part.strip() for part in classifier.split("::")]
        if parts[0] == "License" and parts[-1] not in ("License", "OSI Approved"):
            name = license_of(parts[-1])
            if name:
                found[name] = None
    return ", ".join(found)[:_LONGEST_EXPRESSION] or None


def _line(words: object) -> str | None:
    """A value as one printable line, or None."""
    if words is None:
        return None
    line = " ".join("".join(c if printable(c) else " " for c in str(words)).split())
    return line or None


def day_of_parts(year: int, month: int, day: int, hour: int, minute: int) -> str | None:
    """The ISO day of an archive's time, or None where there is no such day or it is one tools write
    for no day."""
    try:
        found = date(year, month, day).isoformat()
    except ValueError:
        return None
    said = found, f"{found} {hour:02}:{minute:02}"
    return None if found < _FIRST or not _CONSTANTS.isdisjoint(said) else found


def day_of_seconds(seconds: float) -> str | None:
    """The same for seconds since 1970, in UTC."""
    found = moment_of(seconds)
    return day_of_parts(*found.timetuple()[:5]) if found else None


def moment_of(seconds: float) -> datetime | None:
    """Seconds since 1970 as a time in UTC, None where there is none."""
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return None


def checked_day(text: str | None, option: str) -> str | None:
    """An ISO day, checked."""
    if text is None:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date().isoformat()
    except (ValueError, TypeError):
        day = ""
    if day != text or not text:
        raise UsageError(f"{option}: found {text!r}, expected a day such as 2026-01-26")
    return day
