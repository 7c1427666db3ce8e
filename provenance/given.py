"""given: the arguments of a call -> their values, or which of them is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from provenance.errors import UsageError

MOST_HIDDEN = 1_000
"""Globs of origins that may be hidden."""
LONGEST_HIDDEN = 100_000
"""Characters of all of them together."""
LONGEST_TEXT = 10_000
"""Characters of a name, a licence or a reason; an index with more in one is refused."""


def texts_of(name: str, given: object) -> tuple[str, ...]:
    """The texts of a list that was given to a call, none where it is None. One text in the place of
    a list would be taken sign by sign, and what can be read once only would be empty later.

    Raises:
        UsageError: it is no list of texts.
    """
    if isinstance(given, (str, bytes)):
        raise UsageError(f"{name}: found {given!r}, expected a list; give [{given!r}]")
    if not isinstance(given, Iterable | None):
        raise UsageError(f"{name}: found {given!r}, expected a list of texts")
    found = tuple(given or ())
    for one in found:
        if not isinstance(one, str):
            raise UsageError(f"{name}: found {one!r} in the list, expected texts")
    return found


def hidden_of(given: object) -> tuple[str, ...]:
    """The globs of origins that a call or a policy hides: each worker asks them of all origins.

    Raises:
        UsageError: they are no list of texts, or more than that takes seconds for.
    """
    found = texts_of("exclude_origin", given)
    for many, most, what in (
        (len(found), MOST_HIDDEN, "globs"),
        (sum(map(len, found)), LONGEST_HIDDEN, "characters of globs"),
    ):
        if many > most:
            raise UsageError(
                f"exclude-origin: found {many:,} {what}, expected at most {most:,}; hide several "
                "origins by one, such as 'my-package/*'"
            )
    return found


def paths_of(name: str, given: object) -> tuple[str, ...]:
    """The paths of a list that was given to a call, as texts.

    Raises:
        UsageError: it is no list of paths.
    """
    if isinstance(given, (str, bytes, os.PathLike)):
        raise UsageError(f"{name}: found {given!r}, expected a list; give [{given!r}]")
    if not isinstance(given, Iterable | None):
        raise UsageError(f"{name}: found {given!r}, expected a list of paths")
    return tuple(path_of(name, one) for one in given or ())


def path_of(name: str, given: object) -> str:
    """A path that was given to a call, as text.

    Raises:
        UsageError: no path can be like it.
    """
    try:
        path = os.fsdecode(given)  # type: ignore[arg-type]
        if path and "\0" not in os.fsencode(path).decode("latin-1"):
            return path
    except UnicodeEncodeError as error:  # a lone surrogate, or what the locale does not have
        remedy = (
            "name another" if error.encoding == "utf-8" else "set PYTHONUTF8=1, or name another"
        )
        raise UsageError(
            f"{name}: found {given!r}, expected a path that can be written in {error.encoding}; "
            f"{remedy}"
        ) from error
    except (TypeError, ValueError):
        pass
    raise UsageError(f"{name}: found {given!r}, expected a path")


def text_of(name: str, given: object) -> str | None:
    """A text that was given to a call and is written to a file, or None.

    Raises:
        UsageError: it is another thing, or has what is no character, or more than such a text has.
    """
    if given is None:
        return None
    if isinstance(given, str) and len(given) > LONGEST_TEXT:
        raise UsageError(
            f"{name}: found {len(given):,} characters, expected at most {LONGEST_TEXT:,}; shorten "
            "it"
        )
    with suppress(UnicodeEncodeError):
        if isinstance(given, str) and given.encode():
            return given
    raise UsageError(f"{name}: found {given!r}, expected a text")


def is_package(source: str) -> bool:
    """Whether a source is a release to be fetched, ``pypi:NAME==VERSION``.

    Raises:
        UsageError: a file or folder here is called so, too: whoever commits one, which a hook then
            names, would choose what is fetched.
    """
    if not source.startswith("pypi:"):
        return False
    if os.path.lexists(source):
        raise UsageError(
            f"{source}: found something of that name here, expected either that or a release to "
            "fetch; write ./ before it, or start in another folder"
        )
    return True


def jobs_of(given: object) -> int:
    """How many processes a call asks for.

    Raises:
        UsageError: it is no such number.
    """
    if isinstance(given, int) and given >= 0:
        return given
    raise UsageError(f"jobs: found {given!r}, expected a whole number of at least 0")
