"""ignored: what ``.gitignore`` files say -> whether git ignores a path. Pure.

``pathspec`` reads the rules; where it takes one otherwise than git, which goes by bytes, it is
given another one that means to it what git means, or none: what is passed over hides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from provenance.patterns import is_bounded, spec_of

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_MOST_RULES, _MOST_STARS = 5_000, 2
_DIRECTORY_MARK = "ps_d"  # the group by which pathspec tells that a pattern matched a folder

Rules = tuple[tuple[bytes, "GitIgnoreSpec"], ...]
"""``(folder, rules)``, outermost first; the folder relative to the git root, ending in ``/``."""


def rules_in(data: bytes) -> GitIgnoreSpec:
    """What a ``.gitignore`` says; what cannot be read, or is too much, hides nothing."""
    text = _by_bytes(data.removeprefix(b"\xef\xbb\xbf"))
    lines = [line.removesuffix("\r") for line in text.split("\n")]  # no other sign ends one
    lines = [line for line in lines if line.strip(" ") and line[0] != "#"]
    lines = [*_few(lines)]
    try:
        return spec_of(lines)
    except (ValueError, re.error):
        return spec_of(_readable(lines))


def _few(lines: list[str]) -> Iterator[str]:
    """Those that are read. What is passed over hides nothing: where it would take something back,
    all is taken back."""
    for line in lines[:_MOST_RULES]:
        takes_back = line[0] == "!"
        reaches = takes_back and _REACHES.search(line)
        if is_bounded(line, _MOST_STARS) and _ALIKE.fullmatch(line) and not reaches:
            yield _kept(line)
        elif takes_back:
            yield "!*"
    if any(line[0] == "!" for line in lines[_MOST_RULES:]):
        yield "!*"


_ALIKE = re.compile(
    r"(?:\\[^\0]|[^\0\[\\]"
    r"|\[(?:[!^]|(?![!^]))(?:\]|(?!\]))(?:[^\0\]\\/\[]|\[(?![:.=]))*\])*"
)
"""What git and pathspec read alike: to git ``\\`` in a set is an escape, ``/`` a sign of it, ``[:``
begins a class, what is open at the end matches nothing, and NUL ends the line."""
_REACHES = re.compile(r"[^/!]\*\*(?:/|$)")
"""Two stars behind other signs: to git they cross ``/`` where these have no wildcard."""


def _by_bytes(text: bytes) -> str:
    """A text of which each sign is a byte: to git ``?`` and a set take one of them, be it a part
    of a sign."""
    return text.decode("latin-1")


def _kept(line: str) -> str:
    """A line that says what it says to git: at its end all blanks but spaces are part of it, and
    one space behind an odd number of backslashes; ``a/**/`` is any folder in ``a``, not ``a``."""
    bare = line.rstrip(" ")
    if bare.endswith("/**/"):
        return f"{bare}*/"
    odd = (len(bare) - len(bare.rstrip("\\"))) % 2
    if odd:
        return f"{bare} "
    if not bare[-1].isspace() or bare[-2:-1] == "\\":
        return bare
    return f"{bare[:-1]}[{bare[-1]}]"


def _readable(lines: list[str]) -> Iterator[str]:
    """The patterns that can be read; git passes over most of the others as well."""
    for line in lines:
        try:
            spec_of([line])
        except (ValueError, re.error):
            if line[0] == "!" and line[1:]:
                yield "!*"
            continue
        yield line


def ignored(path: bytes, rules: Rules) -> bool:
    """Whether git ignores a path, relative to the git root; the innermost rule decides."""
    path = path.replace(b"\n", b"\0")  # which "." takes, and no rule names either
    for base, spec in reversed(rules):
        decision = _decision(_by_bytes(path[len(base) :]), spec)
        if decision is not None:
            return decision
    return False


def _decision(path: str, spec: GitIgnoreSpec) -> bool | None:
    """What the last pattern says that matches this very entry, a folder's path ending in ``/``.

    ``GitIgnoreSpec`` itself judges files alone, without their folders: it lets ``!/a`` bring
    back ``a/b`` that ``b`` ignores, and ``a/**`` match ``a``. Walking down as git does, each
    entry is judged for itself, and what matches through one of its folders does not count.
    """
    for pattern in reversed([*spec.patterns]):
        regex: re.Pattern[str] | None = getattr(pattern, "regex", None)
        if pattern.include is None or regex is None:
            continue
        if _DIRECTORY_MARK not in regex.groupindex:
            if regex.search(path.removesuffix("/")):
                return pattern.include
            continue
        match = regex.search(path)
        if match is None:
            continue
        end = match.end(_DIRECTORY_MARK)
        if end in (-1, len(path)) or (match.start() == end - 1 and path.endswith("/")):
            return pattern.include  # the last: "*/", whose regex is the mark alone
    return None
