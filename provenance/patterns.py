"""patterns: which paths ``--include`` and ``--exclude`` want. Pure.

Globs are those of gitignore, against the POSIX path inside the source: ``*`` does not cross
``/``, ``**`` does, a pattern with no ``/`` (but at its end) matches at any depth, and one that
matches a folder takes all that is in it, so ``models/llama`` and ``models/llama/*`` both mean
the whole folder. ``{a,b}`` stands for either. The last matching pattern of a list decides, one
that begins with ``!`` takes back. What is excluded stays out, whatever is included. ``only``
are no globs but paths of files and folders: no other file is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import count, pairwise
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter

from provenance.errors import UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_BRACES = re.compile(r"\{([^{},]*,[^{}]*)\}")
_MOST_ALTERNATIVES = 10_000
_MOST_SIGNS = 10_000_000
_LONGEST, _MOST_STARS, _MOST_DEEP = 1_000, 3, 3
_LONGEST_PLAIN = 10_000
"""Of a glob without ``*``, as one that is of one path, with its signs escaped."""
_ESCAPED = re.compile(r"\\.", re.DOTALL)


class Patterns:
    """The include and exclude globs of one call; without ``braces`` these stand for themselves."""

    def __init__(
        self,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        only: Iterable[str] | None = None,
        *,
        braces: bool = True,
    ) -> None:
        self._include = _spec(include, braces)
        self._exclude = _spec(exclude, braces)
        self._only = None if only is None else frozenset(only)
        self._included = _plain(expand_braces(include) if braces else include)
        spelt = self._exclude.patterns if self._exclude is not None else ()
        self._takes_back = any(pattern.include is False for pattern in spelt)

    @property
    def narrow(self) -> bool:
        """Whether only some files are wanted, by include globs or by name."""
        return self._include is not None or self._only is not None

    def wants(self, path: str, *, asked: bool = True) -> bool:
        """Whether a file is to be looked at; ``asked`` is whether it must be one of ``only``."""
        if asked and self._only is not None and not self._asked_for(path):
            return False
        if self._include is not None and not self._include.match_file(path):
            return False
        return self._exclude is None or not self._exclude.match_file(path)

    def wants_within(self, folder: str) -> bool:
        """Whether a file in a folder, or further below it, may be looked at, whatever its name."""
        if self._only is not None and not self._asked_for(folder):
            return False
        if self._exclude is not None and self.excludes(folder + "/") and not self._takes_back:
            return False
        if self._include is None or self._include.match_file(folder):
            return True
        depth = folder.count("/") + 1
        return any(_reaches(glob, folder, depth) for glob in self._included)

    def anywhere(self, endings: tuple[str, ...]) -> bool:
        """Whether the include globs are names of files alone, wanted in whatever folder."""
        return all("/" not in one and one.endswith(endings) for one in self._included)

    def excludes(self, path: str) -> bool:
        """Whether a file is left out by an exclude glob."""
        return self._exclude is not None and self._exclude.match_file(path)

    def excludes_folder(self, path: str) -> bool:
        """Whether all of a folder is left out, so that it need not be walked: not where a glob may
        take back some of it, which an archive would have."""
        if self._exclude is None or self._takes_back:
            return False
        return self._exclude.match_file(path + "/")

    def _asked_for(self, path: str) -> bool:
        """Whether a path, or a folder it stands in, is one of ``only``."""
        only = self._only or frozenset()
        return path in only or not only.isdisjoint(_above(path))


def _above(path: str) -> list[str]:
    """The folders a path stands in.

    >>> _above("a/b/c.py")
    ['a', 'a/b']
    """
    return [path[:at] for at, sign in enumerate(path) if sign == "/"]


def _plain(globs: Iterable[str]) -> list[str]:
    """Those that take nothing back, as they are read."""
    return [one.removeprefix("./") for one in globs if not one.startswith("!")]


def _reaches(glob: str, folder: str, depth: int) -> bool:
    """Whether a glob can match something in a folder, which has so many parts.

    >>> _reaches("src/*/a.py", "src/x", 2), _reaches("src/y/a.py", "src/x", 2)
    (True, False)
    """
    if "/" not in glob.rstrip("/"):
        return True  # at any depth
    spec = _beginning(glob, depth)
    return spec is None or spec.match_file(folder)


@lru_cache(maxsize=4 * _MOST_ALTERNATIVES)
def _beginning(glob: str, depth: int) -> GitIgnoreSpec | None:
    """So many parts of a glob, or those before the first ``**``; None for none."""
    parts = glob.strip("/").split("/")[:depth]
    if "**" in parts:
        parts = parts[: parts.index("**")]
    return _spec(["/" + "/".join(parts)], False) if parts else None


def spec_of(lines: Iterable[str]) -> GitIgnoreSpec:
    """Lines of a ``.gitignore``, which match a path in time that goes with its length.

    Raises:
        ValueError, re.error: one cannot be read.
    """
    from pathspec import GitIgnoreSpec

    with catch_warnings():
        simplefilter("ignore", FutureWarning)  # what "[[" may mean one day
        made = GitIgnoreSpec.from_lines(lines, backend="simple")
        for pattern in made.patterns:
            regex: re.Pattern[str] | None = getattr(pattern, "regex", None)
            if regex is not None and (said := _straight(regex.pattern)) != regex.pattern:
                pattern.regex = re.compile(said)
    return GitIgnoreSpec(made.patterns, backend="simple")


_STAR = re.compile(r"\[\^/\]\*((?:(?!\[\^/\]\*)(?:\[\^/\]|\(\?!/\)|[^/]))*)(?=\[\^/\]\*)")
_DEEP = "(?:/.+)?/"
_SET = re.compile(r"\\.|(?P<set>\[(?!\^/\])\^?\]?(?:\\.|[^\]\\])*\])")
"""An escape, or one of several signs: ``/`` is none of them to git, to pathspec one of ``[!a]``."""


def _straight(regex: str) -> str:
    """The expression that pathspec makes of a pattern, such that no ``*`` is tried again behind
    which another one follows in its part, and no ``**`` before another one: where what stands
    between is found first, it is found at all, and what follows has the most room. It would go
    back and forth, and take years for ``a*a*/a*a*/a*a*/b`` and a name of many a.

    >>> _straight("^a[^/]*b[^/]*c$")
    '^a(?=(?P<w0>[^/]*?b))(?P=w0)[^/]*c$'
    """
    number = count()
    regex = _SET.sub(lambda found: f"(?!/){found[0]}" if found["set"] else found[0], regex)

    def first(begins: str, goes_on: str, behind: str = "") -> str:
        name = f"w{next(number)}"
        return f"(?=(?P<{name}>{begins}{goes_on}){behind})(?P={name})"

    head, *deep = _STAR.sub(lambda found: first("[^/]*?", found[1]), regex).split(_DEEP)
    if not deep:
        return head
    if head.startswith("^(?:.+/)?"):
        head = "^" + first("(?:.+?/)??", head.removeprefix("^(?:.+/)?"), "/")
    between = [first("(?:/.+?)??/", one, "/") for one in deep[:-1]]
    return head + "".join(between) + _DEEP + deep[-1]


def is_bounded(line: str, stars: int) -> bool:
    """Whether a pattern has no more wildcards than an honest one."""
    parts = line.split("/")
    deep = sum(part.strip() == "**" for part in parts)
    return (
        len(line) <= _LONGEST
        and deep <= _MOST_DEEP
        and all(part.count("*") <= stars for part in parts)
    )


def _spec(globs: Sequence[str], braces: bool) -> GitIgnoreSpec | None:
    if not globs:
        return None
    spelt = expand_braces(globs) if braces else globs
    patterns = [pattern.removeprefix("./") for pattern in spelt]
    for pattern in patterns:
        bare = _ESCAPED.sub("", pattern)
        wild = "*" in bare and not is_bounded(bare, _MOST_STARS)
        if wild or len(pattern) > _LONGEST_PLAIN:
            raise UsageError(
                f"found the glob {pattern[:60]!r}, expected at most {_MOST_STARS} * in a part, "
                f"{_MOST_DEEP} ** and {_LONGEST:,} characters, {_LONGEST_PLAIN:,} where it has no "
                "*; write several simpler ones"
            )
    try:
        return spec_of(patterns)
    except (ValueError, re.error) as error:
        raise UsageError(
            f"found a glob that cannot be read ({error}), expected one as in .gitignore, "
            "such as 'models/**/modeling_*.py'"
        ) from error


def escaped(path: str) -> str:
    """A glob of this path alone.

    >>> escaped("a/*{1}.py")
    'a/\\\\*\\\\{1\\\\}.py'
    """
    return "".join(f"\\{c}" if c in "\\*?[]{}!# " else c for c in path)


def expand_braces(globs: Iterable[str]) -> list[str]:
    """Every glob with its ``{a,b}`` spelt out, innermost first, each once, in order.

    >>> expand_braces(["models/{llama,glm{4,5}}/*"])
    ['models/llama/*', 'models/glm4/*', 'models/glm5/*']
    """
    done: dict[str, None] = {}
    seen: set[str] = set()
    size = 0
    for glob in globs:
        waiting = [glob]
        while waiting:
            pattern = waiting.pop()
            if pattern in seen:
                continue
            seen.add(pattern)
            size += len(pattern)
            bare = _ESCAPED.sub("__", pattern)
            match = _BRACES.search(bare)
            if match is None:
                done[pattern] = None
            else:
                before, after = pattern[: match.start()], pattern[match.end() :]
                commas = [at for at in range(*match.span(1)) if bare[at] == ","]
                edges = pairwise([match.start(), *commas, match.end() - 1])
                spelt = [pattern[first + 1 : stop] for first, stop in edges]
                size += len(spelt) * (len(before) + len(after))
                if size <= _MOST_SIGNS:
                    waiting += [before + one + after for one in reversed(spelt)]
            if len(seen) > _MOST_ALTERNATIVES or size > _MOST_SIGNS:
                raise UsageError(
                    f"found more than {_MOST_ALTERNATIVES:,} globs, or {_MOST_SIGNS:,} characters "
                    f"of them, with each alternative in braces spelt out ({glob[:60]!r}), expected "
                    "fewer; name folders, or use *"
                )
    return list(done)
