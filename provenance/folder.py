"""folder: what a directory holds -> the Python files to read, and what is left aside with why.

What git ignores, version control, virtual environments and caches are left out without a word.
No symbolic link is followed, nothing is opened but regular files, and the walk is iterative.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from provenance.decode import Reason
from provenance.patterns import Patterns

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

ENDINGS = (".py", ".ipynb")

LEFT_OUT = frozenset(
    """
    .git .hg .svn .bzr _darcs CVS
    __pycache__ .mypy_cache .pytest_cache .ruff_cache .pytype .pyre .hypothesis .tox .nox .cache
    .eggs .ipynb_checkpoints __pypackages__ node_modules
    """.split()
)
"""Names of folders that hold no code of the project, wherever they stand."""

ENVIRONMENT_MARKS = frozenset(("pyvenv.cfg", "conda-meta"))
"""A folder with one of these in it is a virtual environment."""

IN_THE_SAME_TREE = "it is looked at where it is"
"""How the reason ends for which a link is skipped and nothing is lost by it."""
_LONGEST_IGNORE_FILE = 1_000_000
_FLAGS = os.O_RDONLY
for _flag in ("O_BINARY", "O_CLOEXEC", "O_NONBLOCK", "O_NOFOLLOW", "O_NOCTTY"):
    _FLAGS |= getattr(os, _flag, 0)

_MOST_RULES, _LONGEST_RULE, _MOST_STARS, _MOST_DEEP = 5_000, 1_000, 2, 3
_DIRECTORY_MARK = "ps_d"  # the group by which pathspec tells that a pattern matched a folder

_Rules = tuple[tuple[str, "GitIgnoreSpec"], ...]
"""``(folder, rules)``, outermost first; the folder relative to the git root, ending in ``/``."""


def shown(name: str) -> str:
    r"""A path as it can be printed: what is no Unicode or no printable sign as an escape.

    >>> shown("models/caf\udce9.py"), shown("a\n.py")
    ('models/caf\\xe9.py', 'a\\n.py')
    """
    if name.isprintable():
        return name
    signs = []
    for sign in name:
        if "\udc80" <= sign <= "\udcff":  # a byte, as os.fsdecode keeps it
            signs.append(f"\\x{ord(sign) - 0xDC00:02x}")
        elif sign.isprintable():
            signs.append(sign)
        else:
            signs.append(sign.encode("unicode_escape").decode("ascii"))
    return "".join(signs)


def list_folder(
    root: str, patterns: Patterns, is_notice: Callable[[str], bool] = lambda _: False
) -> tuple[list[tuple[str, str | Reason]], list[tuple[str, str]]]:
    """``(path inside the root, where it is or why it is not read)``, in no order; and the same of
    the notice files, which ``is_notice`` tells by their names."""
    outside, inner = _outer_rules(root)
    found: list[tuple[str, str | Reason]] = []
    notices: list[tuple[str, str]] = []
    waiting = [("", outside)]
    while waiting:
        prefix, rules = waiting.pop()
        folder = os.path.join(root, prefix)
        try:
            with os.scandir(folder) as listing:
                entries = {entry.name: entry for entry in listing}
        except OSError as error:
            found.append((shown(prefix) or ".", _unreadable(error, "a folder")))
            continue
        if prefix and not ENVIRONMENT_MARKS.isdisjoint(entries):
            continue
        if ".gitignore" in entries:
            spec = _read_rules(os.path.join(folder, ".gitignore"))
            if isinstance(spec, Reason):
                found.append((shown(prefix + ".gitignore"), spec))
            else:
                rules = (*rules, (inner + prefix, spec))
        for name, entry in entries.items():
            path = prefix + name
            try:
                if _is_link(entry):
                    if (name.endswith(ENDINGS) or entry.is_dir()) and _taken(
                        path, False, inner, rules, patterns
                    ):
                        found.append((shown(path), _linked(os.path.join(folder, name), root)))
                elif entry.is_dir(follow_symlinks=False):
                    if name not in LEFT_OUT and _taken(path, True, inner, rules, patterns):
                        waiting.append((path + "/", rules))
                elif name.endswith(ENDINGS):
                    if _taken(path, False, inner, rules, patterns):
                        found.append((shown(path), os.path.join(folder, name)))
                elif is_notice(name) and not patterns.excludes(shown(path)):
                    notices.append((shown(path), os.path.join(folder, name)))
            except OSError as error:
                found.append((shown(path), _unreadable(error, "a file")))
    return found, notices


def read_file(path: str, limit: int, *, follow: bool = False) -> bytes | Reason:
    """The bytes of a regular file of at most ``limit`` bytes.

    Nothing else is opened: a FIFO would wait for ever, a device may act on it. The check is
    repeated on what was opened, in case it was replaced in between.
    """
    try:
        state = os.stat(path, follow_symlinks=follow)
        if not stat.S_ISREG(state.st_mode):
            return _irregular(state.st_mode)
        flags = _FLAGS & ~getattr(os, "O_NOFOLLOW", 0) if follow else _FLAGS
        with open(os.open(path, flags), "rb", buffering=0) as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                return _irregular(state.st_mode)
            if state.st_size > limit:
                return too_large(f"{state.st_size:,}", limit)
            data = read_at_most(file.read, limit)
            return too_large(f"more than {limit:,}", limit) if len(data) > limit else data
    except OSError as error:
        return _unreadable(error, "a file")


def read_at_most(read: Callable[[int], bytes | None], limit: int) -> bytes:
    """All there is, but no more than one byte over the limit, whatever a header promised."""
    data = read(limit + 1) or b""
    parts = [data]
    size = len(data)
    while data and size <= limit:
        data = read(limit + 1 - size) or b""
        parts.append(data)
        size += len(data)
    return parts[0] if size == len(parts[0]) else b"".join(parts)


def too_large(size: str, limit: int) -> Reason:
    """Why a file of that size is not read."""
    return Reason(
        f"found {size} bytes, expected at most {limit:,}; split the file, or raise the limit "
        "in provenance.source.Limits"
    )


# --- kinds of entries ---------------------------------------------------------------------


def _is_link(entry: os.DirEntry[str]) -> bool:
    is_junction: Callable[[], bool] | None = getattr(entry, "is_junction", None)  # Windows, 3.12
    return entry.is_symlink() or (is_junction is not None and is_junction())


def _linked(path: str, root: str) -> Reason:
    """Why a symbolic link is not followed."""
    try:
        target = os.path.realpath(path)
        kind = "folder" if stat.S_ISDIR(os.stat(path).st_mode) else "file"
    except (OSError, ValueError):
        return Reason("found a symbolic link that leads nowhere; restore its target or remove it")
    if target == root or target.startswith(os.path.join(root, "")):
        return Reason(f"found a symbolic link to a {kind} of the same tree; {IN_THE_SAME_TREE}")
    return Reason(
        f"found a symbolic link to a {kind} outside the tree, which is not followed; "
        "scan its target by itself"
    )


def _irregular(mode: int) -> Reason:
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISFIFO, "a named pipe (FIFO)"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    kind = next((name for test, name in kinds if test(mode)), "something else")
    return Reason(f"found {kind}, expected a regular file; it was not opened")


def _unreadable(error: OSError, what: str) -> Reason:
    remedy = {
        "FileNotFoundError": "it vanished during the scan; scan again",
        "PermissionError": "give read permission or leave it out with --exclude",
    }.get(type(error).__name__, "repair it or leave it out with --exclude")
    return Reason(
        f"found {what} that cannot be read ({error.strerror or type(error).__name__}); {remedy}"
    )


# --- what git ignores ---------------------------------------------------------------------


def _taken(path: str, folder: bool, inner: str, rules: _Rules, patterns: Patterns) -> bool:
    """Whether an entry is wanted and not ignored; its folder is known to be."""
    if patterns.excludes_folder(path) if folder else not patterns.wants(shown(path)):
        return False
    return not _ignored(inner + path + "/" * folder, rules)


def _ignored(path: str, rules: _Rules) -> bool:
    """Whether git ignores a path, relative to the git root; the innermost rule decides."""
    for base, spec in reversed(rules):
        decision = _decision(path[len(base) :], spec)
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


def _outer_rules(root: str) -> tuple[_Rules, str]:
    """The rules from above the root up to the enclosing git root, and the path in between.

    Where they ignore the root itself, whoever named it meant it: they do not apply.
    """
    top = root
    while not os.path.lexists(os.path.join(top, ".git")):
        above = os.path.dirname(top)
        if above == top:
            return (), ""
        top = above
    inner = os.path.relpath(root, top).replace(os.sep, "/") + "/" if root != top else ""
    places = [("", os.path.join(top, ".git", "info", "exclude"))]
    parts = inner.split("/")[:-1]
    for depth in range(len(parts)):
        base = "".join(part + "/" for part in parts[:depth])
        places.append((base, os.path.join(top, base, ".gitignore")))
    rules: _Rules = ()
    for base, path in places:
        if base and _ignored(base, rules):
            return (), inner
        spec = _read_rules(path)
        if not isinstance(spec, Reason):
            rules = (*rules, (base, spec))
    return ((), inner) if inner and _ignored(inner, rules) else (rules, inner)


def _read_rules(path: str) -> GitIgnoreSpec | Reason:
    data = read_file(path, _LONGEST_IGNORE_FILE)
    if isinstance(data, Reason):
        return data
    from pathspec import GitIgnoreSpec

    lines = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").splitlines()
    lines = [line for line in lines if line.strip() and line[0] != "#" and _is_bounded(line)]
    lines = lines[:_MOST_RULES]
    try:
        return GitIgnoreSpec.from_lines(lines)
    except (ValueError, re.error):
        return GitIgnoreSpec.from_lines(_readable(lines))


def _is_bounded(line: str) -> bool:
    """Whether a pattern is matched in bounded time. Wildcards become a regular expression that goes
    back and forth: with dozens of them in a part of a path, or of folders of any depth, a single
    name could hold a scan up for years. No honest pattern has so many; such a one is passed over,
    which hides nothing.
    """
    parts = line.split("/")
    deep = sum(part.strip() == "**" for part in parts)
    return (
        len(line) <= _LONGEST_RULE
        and deep <= _MOST_DEEP
        and all(part.count("*") <= _MOST_STARS for part in parts)
    )


def _readable(lines: list[str]) -> Iterator[str]:
    """The patterns that can be read; git passes over the others as well."""
    from pathspec import GitIgnoreSpec

    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except (ValueError, re.error):
            continue
        yield line
