"""policy: what a repository says of itself -> its ``Policy``, or what is wrong with it and where.

It stands in ``[tool.provenance]`` of the nearest ``pyproject.toml``, or in ``provenance.toml``,
looked for from a path upwards to the root of its repository, as other tools look for theirs.
Whatever is not known or has the wrong type is refused, with file and line.
"""

from __future__ import annotations

import os
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from provenance.errors import UsageError
from provenance.regular import is_there, real_path, remedy
from provenance.release import checked_day
from provenance.settings import BY_KEY, Declaration, Policy, Setting
from provenance.toml import table_of

OWN_FILE, PROJECT_FILE = "provenance.toml", "pyproject.toml"
REPOSITORY_MARKS = (".git", ".hg", ".svn")
LONGEST = 1_000_000
_CALLED = ("today", "diff")
"""What only a call may say: else no declaration would ever expire, and no file be looked at."""
_TEXT = "a string that is not empty and has no NUL"
_TEXTS = "a list of strings, none of them empty or with a NUL"


@dataclass(frozen=True, slots=True)
class Found:
    """A policy and the file it was read from, None where there is none; ``given`` are the keys
    that the file sets."""

    policy: Policy
    file: str | None
    given: frozenset[str] = frozenset()


# --- where it stands ----------------------------------------------------------------------


def find(start: str) -> str | None:
    """The policy file that rules a path: the nearest above it, no further than its repository, or,
    where it stands in none, than the working folder: anyone may write one to a folder for all.

    Args:
        start: an absolute path of a folder.

    Raises:
        UsageError: a folder has two: who adds one would take away the other.
    """
    folder, top = start, None
    if repository_root(start) is None:
        here = os.getcwd()
        top = here if os.path.join(start, "").startswith(os.path.join(here, "")) else start
    while True:
        own, project = os.path.join(folder, OWN_FILE), os.path.join(folder, PROJECT_FILE)
        alone = not _is_own(own, folder)
        try:
            told = _is_own(project, folder) and _table(_text(project), project) is not None
        except UsageError:  # no policy is in it then
            if alone:
                raise
            told = False
        if not alone:
            if told:
                raise UsageError(
                    f"{own}: found a policy, and [tool.provenance] in {PROJECT_FILE} beside it, "
                    "expected one of the two; put all into one, or name it with --config"
                )
            return own
        if told:
            return project
        if folder in (repository_root(folder), top):
            return None
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def _is_own(path: str, folder: str) -> bool:
    """Whether there is a policy in a folder. What an error says of it must not show a file from
    outside of its repository.

    Raises:
        UsageError: it is a link that leads out, or what nobody can read as one.
    """
    if os.path.islink(path):
        bound = real_path(repository_root(folder) or folder)
        if not real_path(path).startswith(os.path.join(bound, "")):
            raise UsageError(
                f"{path}: found a link that leads out of {bound}, which is not followed; name its "
                "target with --config"
            )
    if is_there(path) and not os.path.isfile(path):
        raise UsageError(
            f"{path}: found no file at the place of a policy, expected one; remove it, or name "
            "another with --config"
        )
    return os.path.isfile(path)


def repository_root(start: str) -> str | None:
    """The nearest folder, from an absolute one upwards, that is the root of a repository: of one
    of git where there is any, for git has no ``.git`` in it, but may have an ``.hg``."""
    for mark in REPOSITORY_MARKS:
        folder, above = start, os.path.dirname(start)
        while above != folder and not is_there(os.path.join(folder, mark)):
            folder, above = above, os.path.dirname(above)
        if is_there(os.path.join(folder, mark)):
            return folder
    return None


def read(path: str) -> Found:
    """Read a policy file.

    Raises:
        UsageError: it cannot be read, is no TOML, or says what no policy says.
    """
    return parsed(_text(path), path)


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as error:
        usual = "name another with --config"
        if isinstance(error, PermissionError):
            usual = f"give read permission, or {usual}"
        raise UsageError(
            f"{path}: found a configuration that cannot be read ({error.strerror}); "
            + remedy(error, usual)
        ) from error
    if len(data) > LONGEST:
        raise UsageError(
            f"{path}: found more than {LONGEST:,} bytes, expected a configuration of at most so "
            "many; shorten it, or name another with --config"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}:{line}: found bytes that are no UTF-8, expected TOML") from error


def _table(text: str, path: str) -> Mapping[str, Any] | None:
    """What a policy file says, None for a ``pyproject.toml`` that says nothing of it."""
    try:
        whole = table_of(text)
    except ValueError as error:
        at = re.search(r"at line (\d+)", str(error))
        line = int(at.group(1)) if at else text.rstrip("\n").count("\n") + 1  # it ends too early
        raise UsageError(f"{path}:{line}: found no valid TOML ({error}); mend it") from error
    if os.path.basename(path) != PROJECT_FILE:
        return whole
    tool = whole.get("tool")
    table = tool.get("provenance") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise _wrong(text, path, "provenance", "tool", table, "a table")
    return table


# --- what it says -------------------------------------------------------------------------


def parsed(text: str, path: str) -> Found:
    """The policy in the text of a file, every key checked.

    Raises:
        UsageError: it is no TOML, or says what no policy says.
    """
    table = _table(text, path)
    if table is None:
        raise UsageError(
            f"{path}: found no [tool.provenance], expected one; 'provenance audit --init' writes it"
        )
    prefix = "tool.provenance" if os.path.basename(path) == PROJECT_FILE else ""
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key == "declared":
            continue
        setting = BY_KEY.get(key)
        if setting is None:
            known = [*(one for one in BY_KEY if one not in _CALLED), "declared"]
            raise _unknown(text, path, key, prefix, known)
        if key in _CALLED:
            raise UsageError(
                f"{path}:{line_of(text, key, prefix)}: found {key} in a policy, expected it in the "
                f"call alone; take it out, and give --{key} where it is wanted"
            )
        values[setting.name] = _checked(setting, value, text, path, prefix)
    head = f"{prefix}.declared" if prefix else "declared"
    stanzas = table.get("declared", [])
    if not isinstance(stanzas, list) or not all(isinstance(one, dict) for one in stanzas):
        raise _wrong(text, path, "declared", prefix, stanzas, f"tables, [[{head}]]")
    heads = heads_of(text, head)
    heads += [1] * (len(stanzas) - len(heads))  # written in another way
    values["declared"] = tuple(
        _declaration(one, text, path, head, number, heads[number])
        for number, one in enumerate(stanzas)
    )
    return Found(Policy(**values), path, frozenset(table))


def _checked(setting: Setting, value: Any, text: str, path: str, prefix: str) -> Any:
    """A value of the right type."""
    key, kind = setting.key, setting.kind
    if kind == "flag" and isinstance(value, bool):
        return value
    if kind == "text" and _is_text(value):
        return value
    if kind == "choice" and value in setting.choices:
        return value
    if kind == "number" and type(value) is int and setting.least <= value <= setting.most:
        return value
    if kind == "day" and (day := _day(value)) is not None:
        return day
    if kind == "texts" and _are_texts(value):
        return tuple(value)
    expected = {
        "flag": "true or false",
        "text": _TEXT,
        "choice": "one of " + ", ".join(f'"{one}"' for one in setting.choices),
        "number": f"a whole number of at least {setting.least}, at most {setting.most:,}",
        "day": "a day such as 2026-01-26",
        "texts": _TEXTS,
    }[kind]
    raise _wrong(text, path, key, prefix, value, expected)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value


def _day(value: object) -> str | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        try:
            return checked_day(value, "")
        except UsageError:
            return None
    return None


_STANZA = ("path", "symbol", "origin", "license", "reason", "expires")


def _declaration(
    stanza: Mapping[str, Any], text: str, path: str, head: str, number: int, line: int
) -> Declaration:
    for key, value in stanza.items():
        if key not in _STANZA:
            raise _unknown(text, path, key, head, list(_STANZA), number)
        if key == "origin":
            listed = [value] if isinstance(value, str) else value
            good = bool(listed) and _are_texts(listed)
        elif key == "expires":
            good = _day(value) is not None
        else:
            good = _is_text(value)
        if not good:
            expected = {
                "origin": "a string or a list of strings, none of them empty or with a NUL",
                "expires": "a day such as 2026-01-26",
            }.get(key, _TEXT)
            raise _wrong(text, path, key, head, value, expected, number)
    if "origin" not in stanza or not ("path" in stanza or "symbol" in stanza):
        raise UsageError(
            f"{path}:{line}: found a declaration without "
            f"{'origin' if 'origin' not in stanza else 'path and symbol'}, expected an origin, and "
            "a path or a symbol; 'provenance notices' writes them"
        )
    origin = stanza["origin"]
    return Declaration(
        origins=(origin,) if isinstance(origin, str) else tuple(origin),
        path=stanza.get("path"),
        symbol=stanza.get("symbol"),
        license=stanza.get("license"),
        reason=stanza.get("reason"),
        expires=_day(stanza.get("expires")),
        line=line,
    )


class _Short(reprlib.Repr):
    """A value in few signs, the same by every Python."""

    def repr_int(self, value: int, level: int) -> str:
        """A number, of which Python may refuse to write very many digits."""
        long = value.bit_length() > 1_000
        return f"a number of {value.bit_length():,} bits" if long else repr(value)


_SHORT = _Short()


def _wrong(
    text: str, path: str, key: str, table: str, value: object, expected: str, number: int = 0
) -> UsageError:
    shown = _SHORT.repr(value) if isinstance(value, (dict, list, int)) else str(value)
    return UsageError(
        f"{path}:{line_of(text, key, table, number)}: found {key} = {shown[:60]!r}, "
        f"expected {expected}"
    )


def _unknown(
    text: str, path: str, key: str, table: str, known: list[str], number: int = 0
) -> UsageError:
    from difflib import get_close_matches

    near = get_close_matches(key, known, 1)
    remedy = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
    return UsageError(
        f"{path}:{line_of(text, key, table, number)}: found the unknown key {key!r}; {remedy}"
    )


_HEAD = re.compile(r"\s*\[\[?([^\[\]]+)\]\]?\s*(?:#.*)?$")


def heads_of(text: str, table: str) -> list[int]:
    """The 1-based lines of the heads of the tables of a name."""
    found = []
    for at, line in enumerate(text.split("\n"), 1):
        opened = _HEAD.match(line)
        if opened and re.sub(r"[\s\"']", "", opened.group(1)) == table:
            found.append(at)
    return found


def line_of(text: str, key: str, table: str, number: int = 0) -> int:
    """The 1-based line of a key of the ``number``-th table of a name; that of the table, else 1,
    where it is written in another way than one key a line.

    The TOML reader of the standard library keeps no lines, nor do the others."""
    here, seen, head = table == "", -1, 1
    wanted = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
    for at, line in enumerate(text.split("\n"), 1):
        opened = _HEAD.match(line)
        if opened and "=" not in opened.group(1):
            name = re.sub(r"[\s\"']", "", opened.group(1))
            seen += name == table
            here = name == table and seen == number
            if here:
                head = at
        elif here and wanted.match(line):
            return at
    return head
