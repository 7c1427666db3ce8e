"""folder: what a directory holds -> the Python files to read, and what is left aside with why.

What git ignores, virtual environments and caches are left out, and told; but nothing that git has.
No symbolic link is followed, nothing is opened but regular files, and the walk is iterative.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from provenance.decode import Reason, shown
from provenance.ignored import Rules, ignored, rules_in
from provenance.patterns import Patterns
from provenance.regular import (
    MOST_DEEP,
    MOST_PLACES,
    is_there,
    opened_folder,
    read_file,
    read_within,
    real_path,
    unreadable,
)
from provenance.tracked import LONGEST_PATH, Tracked

ENDINGS = (".py", ".ipynb")

LEFT_OUT = frozenset(
    """
    .git .hg .svn .bzr _darcs CVS __pycache__ .mypy_cache .pytest_cache .ruff_cache .pytype .pyre
    .hypothesis .tox .nox .cache .eggs .ipynb_checkpoints __pypackages__ node_modules
    """.split()
)
"""Names of folders that hold no code of the project, wherever they stand."""

ENVIRONMENT_MARKS = frozenset(("pyvenv.cfg", "conda-meta"))
"""A folder with one of these in it is a virtual environment."""

IN_THE_SAME_TREE = "it counts where it is"
"""How the reason ends for which a link is skipped and nothing is lost by it."""
BY_RULE = "git does not have it"
"""How the reason ends for which what is no part of the repository is left out."""
_IGNORED, _ENVIRONMENT, _OTHERS = (
    "left out, as .gitignore or .git/info/exclude says",
    "left out as a virtual environment (pyvenv.cfg, conda-meta)",
    "left out, by its name a folder of caches or of installed code",
)
_MOST_LOOKED_AT = 2_000
_LONGEST_IGNORE_FILE = 1_000_000
_MOST_IGNORE_LINES, _MOST_IGNORE_BYTES = 200_000, 4_000_000  # of all: their rules are kept
_TOO_MANY_RULES = Reason(
    f"found a .gitignore beyond {_MOST_IGNORE_LINES:,} lines, or {_MOST_IGNORE_BYTES:,} bytes, of "
    "such files, expected fewer in one tree, and looked at what this one ignores; shorten them, or "
    "scan parts"
)


@dataclass(frozen=True, slots=True)
class _Checkout:
    """The innermost checkout a folder stands in, None for none, and where it begins: the path from
    the outermost git root, empty or ending in ``/``. ``outer`` is the one around it: whoever can
    make a folder can put a ``.git`` into it."""

    base: str
    tracked: Tracked | None
    outer: _Checkout | None = None

    def has(self, path: str) -> bool:
        """Whether git has a file or, of a path that ends in ``/``, something in a folder."""
        if self.tracked is not None and self.tracked.has(path[len(self.base) :]):
            return True
        return self.outer is not None and self.outer.has(path)

    def has_link(self, path: str) -> bool:
        """Whether git has a symbolic link there."""
        if self.tracked is not None and self.tracked.has_link(path[len(self.base) :]):
            return True
        return self.outer is not None and self.outer.has_link(path)

    def reason(self, why: str) -> Reason:
        """Why something is left out, with what is known of it."""
        if self.tracked is None:
            return Reason(f"{why}; there is no git to say that it is no part of this: {_REMEDY}")
        if self.tracked.problem is not None:
            return Reason(f"{why}; {self.tracked.problem}")
        return Reason(f"{why}; {BY_RULE}")


_LINK_AS_TEXT = Reason(
    "found a symbolic link of git that is checked out as text, which is not followed; let git make "
    "links ('git config core.symlinks true', then 'git checkout .'), leave it out with --exclude, "
    "or make it a file of git ('git rm --cached', then 'git add')"
)
_REMEDY = "scan it by itself, or leave it out with --exclude"


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder that is to be listed: its path, the rules from above, its checkout, and why nothing
    of it is read but what git has, None where all is."""

    prefix: str
    rules: Rules
    checkout: _Checkout
    aside: str | None


def list_folder(
    root: str, patterns: Patterns, is_notice: Callable[[str], bool] = lambda _: False
) -> tuple[list[tuple[str, str | Reason]], list[tuple[str, str | Reason]]]:
    """``(path inside the root, where it is or why it is not read)``, in no order; and the same of
    the notice files, which ``is_notice`` tells by their names. A folder that is left out has one
    line, its path ending in ``/``."""
    outside, inner, top = _outer_rules(root)
    found: list[tuple[str, str | Reason]] = []
    notices: list[tuple[str, str | Reason]] = []
    tree = _Tree(root, inner)
    links: list[tuple[str, bool]] = []
    waiting = [_Place("", outside, _Checkout("", top), None)]
    while waiting:
        given = waiting.pop()
        prefix = given.prefix
        folder = os.path.join(root, prefix)
        try:
            entries = tree.entries(prefix)
        except OSError as error:
            tree.places[prefix] = None
            found.append((shown(prefix) or ".", unreadable(error, "a folder")))
            continue
        here, problem = tree.entered(given, entries)
        if isinstance(here, Reason):
            if _may_hold(root, prefix, patterns):
                found.append((shown(prefix), here))
            continue
        if problem is not None:
            found.append((shown(prefix + ".gitignore"), problem))
        for name, kind in entries.items():
            path = prefix + name
            place = os.path.join(folder, name)
            if isinstance(kind, Reason):
                found.append((shown(path), kind))
            elif kind == "link":
                if _may_be_wanted(name, path, place, patterns):
                    why = tree.why_not(path, here)
                    if why is not None and why.endswith(BY_RULE):
                        found.append((shown(path), why))
                    else:
                        links.append((path, False))
                elif is_notice(name) and not patterns.excludes(shown(path)):
                    links.append((path, True))
            elif kind == "folder":
                if name == ".git" or not _wanted(path, True, patterns):
                    continue
                below = tree.below(here, name)
                if isinstance(below, _Place):
                    waiting.append(below)
                elif _may_hold(root, path + "/", patterns):
                    found.append((shown(path) + "/", below))
            elif name.endswith(ENDINGS):
                if _wanted(path, False, patterns):
                    why = tree.why_not(path, here)
                    if here.checkout.has_link(inner + path) and _may_be_a_path(root, path):
                        why = _LINK_AS_TEXT
                    found.append((shown(path), why or place))
            elif is_notice(name) and not patterns.excludes(shown(path)):
                notices.append((shown(path), place))
    for path, noticed in links:
        why = _linked(tree, path, patterns, is_notice if noticed else None)
        (notices if noticed else found).append((shown(path), why))
    return found, notices


class _Tree:
    """The folders of a tree: how each is read, and which are left out."""

    def __init__(self, root: str, inner: str) -> None:
        """``inner`` is the path from the git root to the tree's, empty or ending in ``/``."""
        self.root, self._inner = root, inner
        self._lines_left, self._bytes_left = _MOST_IGNORE_LINES, _MOST_IGNORE_BYTES
        self.places: dict[str, _Place | None] = {}
        """By their paths, None where nothing of one is read."""

    def entries(self, prefix: str) -> dict[str, Literal["link", "folder", "other"] | Reason]:
        """What stands in a folder.

        Raises:
            OSError: it cannot be listed.
        """
        folder = os.path.join(self.root, prefix)
        with (
            opened_folder(self.root, prefix) as opened,
            os.scandir(folder if opened is None else opened) as listing,
        ):
            return {entry.name: _kind(entry) for entry in sorted(listing, key=_name)}

    def entered(
        self, here: _Place, entries: Collection[str]
    ) -> tuple[_Place | Reason, Reason | None]:
        """A folder as what stands in it has it read, or why it is left out; and why its rules are
        not known."""
        prefix, rules, checkout, aside = here.prefix, here.rules, here.checkout, here.aside
        if ".git" in entries and prefix:
            tracked = Tracked(os.path.join(self.root, prefix))
            checkout = _Checkout(self._inner + prefix, tracked, checkout)
        if prefix and aside is None and not ENVIRONMENT_MARKS.isdisjoint(entries):
            aside = _ENVIRONMENT
            if not checkout.has(self._inner + prefix):
                self.places[prefix] = None
                return checkout.reason(aside), None
        problem = None
        if ".gitignore" in entries:
            instead = "shorten or remove it"
            path = f"{prefix}.gitignore"
            data = read_within(self.root, path, _LONGEST_IGNORE_FILE, instead=instead)
            if isinstance(data, Reason):
                problem = data
            elif self._is_too_much(data):
                problem = _TOO_MANY_RULES
            else:
                rules = (*rules, (os.fsencode(self._inner + prefix), rules_in(data)))
        place = _Place(prefix, rules, checkout, aside)
        self.places[prefix] = place
        return place, problem

    def _is_too_much(self, data: bytes) -> bool:
        """Whether the rules of a ``.gitignore`` are more than is kept of a tree."""
        self._lines_left -= data.count(b"\n")
        self._bytes_left -= len(data)
        return min(self._lines_left, self._bytes_left) < 0

    def below(self, here: _Place, name: str) -> _Place | Reason:
        """A folder in another, or why it is left out."""
        prefix = f"{here.prefix}{name}/"
        path = self._inner + prefix
        held = here.aside or (_OTHERS if name in LEFT_OUT else None)
        why = _why_not(path, here.checkout, here.rules, held)
        if why is not None:
            self.places[prefix] = None
            return why
        held = held or (_IGNORED if ignored(os.fsencode(path), here.rules) else None)
        return _Place(prefix, here.rules, here.checkout, held)

    def why_not(self, path: str, here: _Place) -> Reason | None:
        """Why a file, or a link, in a folder is left out."""
        return _why_not(self._inner + path, here.checkout, here.rules, here.aside)

    def leaves_out(self, path: str, folder: bool) -> bool:
        """Whether something is left out, be it in a folder that nobody asked for."""
        above, _, name = (path + "/" * (folder and path != "")).rpartition("/")
        here, prefix = self.places[""], ""
        for part in above.split("/") if above else ():
            prefix += part + "/"
            if here is not None and prefix not in self.places:
                self._enter(here, part)
            here = None if here is None else self.places[prefix]
        return here is None or bool(name and self.why_not(path, here))

    def _enter(self, here: _Place, name: str) -> None:
        below = self.below(here, name)
        if isinstance(below, _Place):
            try:
                self.entered(below, self.entries(below.prefix))
            except OSError:
                self.places[below.prefix] = None


def find_named(root: str, paths: Iterable[str]) -> list[tuple[str, str]]:
    """``(path inside the root, where it is)`` of Python files, named as they are ``shown``. Nothing
    is listed but folders where a sign of a name may be an escape; what leads out of the root, or
    into ``.git``, is left out. Whether they are there, and no links, is seen when they are read."""
    listed: dict[str, dict[str, list[str]]] = {}

    def named(folders: list[str], part: str) -> list[str]:
        """What is shown so in folders that are shown alike, as paths inside the root: of many
        folders all are listed once, so that as many names take no time by the product."""
        alone = len(folders) == 1
        if not folders or (alone and "\\" not in part):
            return [_joined(folder, part) for folder in folders]
        if folders[0] not in listed:
            names = listed[folders[0]] = {}
            for folder in folders:
                with (
                    suppress(OSError),
                    opened_folder(root, folder) as opened,
                    os.scandir(os.path.join(root, folder) if opened is None else opened) as listing,
                ):
                    for entry in listing:
                        if "\\" in (said := shown(entry.name)) or not alone:
                            names.setdefault(said, []).append(_joined(folder, entry.name))
        return listed[folders[0]].get(part, [])

    closed = os.open in os.supports_dir_fd  # then no link is followed on the way when it is read
    found: list[tuple[str, str]] = []
    for path in paths:
        *above, name = path.split("/")
        if not path.endswith(ENDINGS) or not _is_name(path) or any(map(_leads_out, (*above, name))):
            continue
        if len(above) > MOST_DEEP:  # which is told when it is read
            found.append((path, os.path.join(root, path)))
            continue
        folders = [""]
        for part in above:
            folders = named(folders, part)
        if not closed:
            folders = [folder for folder in folders if not _is_linked(root, folder)]
        found += [(path, os.path.join(root, one)) for one in named(folders, name)]
    return found


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _is_linked(root: str, prefix: str) -> bool:
    """Whether a link is on the way from a root to a folder."""
    place = os.path.normpath(os.path.join(root, prefix))
    return os.path.normcase(real_path(place)) != os.path.normcase(place)


def _is_name(path: str) -> bool:
    """Whether a path is one that is shown, and that the locale can write."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return shown(path) == path


def _leads_out(part: str) -> bool:
    """Whether a part of a path is no name of what a folder lists and is looked at: of Windows it
    may be a drive or several folders."""
    if os.sep != "/" and not {os.sep, ":"}.isdisjoint(part):
        return True
    return part in ("", ".", "..") or os.path.normcase(part) == ".git"


# --- kinds of entries ---------------------------------------------------------------------


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _kind(entry: os.DirEntry[str]) -> Literal["link", "folder", "other"] | Reason:
    """What an entry is, or why nobody can say."""
    try:
        if _is_link(entry):
            return "link"
        return "folder" if entry.is_dir(follow_symlinks=False) else "other"
    except OSError as error:
        return unreadable(error, "a file")


def _is_link(entry: os.DirEntry[str]) -> bool:
    is_junction: Callable[[], bool] | None = getattr(entry, "is_junction", None)  # Windows, 3.12
    return entry.is_symlink() or (is_junction is not None and is_junction())


def _may_be_a_path(root: str, path: str) -> bool:
    """Whether a file may hold a path, as git writes a link where it makes none: of any signs, and
    short enough."""
    return isinstance(read_within(root, path, LONGEST_PATH), bytes)


def _linked(
    tree: _Tree, path: str, patterns: Patterns, is_notice: Callable[[str], bool] | None = None
) -> Reason:
    """Why a symbolic link, or one of the name of a notice file, is not followed."""
    root = tree.root
    place = os.path.join(root, path)
    try:
        target = real_path(place, MOST_PLACES)
        folder = stat.S_ISDIR(os.stat(place).st_mode)
    except (OSError, ValueError) as error:
        far = isinstance(error, OSError) and error.errno == errno.ELOOP
        where = "nowhere, in a loop or through too many places" if far else "nowhere"
        return Reason(f"found a symbolic link that leads {where}; restore its target or remove it")
    found = f"found a symbolic link to a {'folder' if folder else 'file'}"
    if target != root and not target.startswith(os.path.join(root, "")):
        return Reason(f"{found} outside the tree, which is not followed; scan its target by itself")
    inner = os.path.relpath(target, root).replace(os.sep, "/")
    kind, put = ("notice", "the file") if is_notice else ("Python", "the code")
    if not is_notice and path.endswith(".ipynb"):
        kind = "notebook"
    if is_notice:
        above, _, name = inner.rpartition("/")
        read = is_notice(name) and not patterns.excludes(shown(inner))
        read = read and not tree.leaves_out(above, True)
    else:
        read = _is_read(shown(inner), folder, patterns)
        read = read and (folder or inner.endswith(".ipynb") == path.endswith(".ipynb"))
        read = read and not tree.leaves_out(inner, folder)
    if (read and ".git" not in inner.split("/")) or target == root:
        return Reason(f"{found} of the same tree; {IN_THE_SAME_TREE}")
    return Reason(
        f"{found} of the same tree that is not looked at there, for it is no {kind} file, left "
        f"out, or not wanted; put {put} itself here, or leave the link out with --exclude"
    )


def _is_read(path: str, folder: bool, patterns: Patterns) -> bool:
    """Whether the target of a link is looked at where it is, all of it that is wanted at all."""
    if not folder:
        return path.endswith(ENDINGS) and patterns.wants(path, asked=False)
    wanted = patterns.wants(path, asked=False) or patterns.anywhere(ENDINGS)
    return wanted and not patterns.excludes(path + "/")


# --- what git ignores ---------------------------------------------------------------------


def _wanted(path: str, folder: bool, patterns: Patterns) -> bool:
    """Whether the globs of the call want an entry."""
    return not patterns.excludes_folder(path) if folder else patterns.wants(shown(path))


def _may_be_wanted(name: str, path: str, place: str, patterns: Patterns) -> bool:
    """Whether the globs of the call want a link, or what it would bring, were it a folder."""
    if os.path.isdir(place):
        return patterns.wants_within(shown(path))
    return name.endswith(ENDINGS) and patterns.wants(shown(path))


def _why_not(path: str, checkout: _Checkout, rules: Rules, aside: str | None) -> Reason | None:
    """Why an entry is left out, None where it is not; its path from the git root, that of a folder
    ending in ``/``. What git has is never left out."""
    if checkout.has(path):  # asked first: rules take time by their number
        return None
    why = aside or (_IGNORED if ignored(os.fsencode(path), rules) else None)
    return None if why is None else checkout.reason(why)


def _may_hold(root: str, prefix: str, patterns: Patterns) -> bool:
    """Whether a folder that is left out holds a Python file, or a link of such a name, that is
    wanted. Where that is not found out soon, or cannot be, it may; but where few files are wanted,
    all of it is gone through."""
    waiting, left = [prefix], _MOST_LOOKED_AT
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as listing:
                for entry in listing:
                    left -= 1
                    if left < 0 and not patterns.narrow:
                        return True
                    path = folder + entry.name
                    if not _is_link(entry) and entry.is_dir(follow_symlinks=False):
                        waiting.append(path + "/")
                    elif path.endswith(ENDINGS) and patterns.wants(shown(path)):
                        return True
        except OSError:
            if patterns.wants_within(shown(folder.removesuffix("/"))):
                return True
    return False


def _outer_rules(root: str) -> tuple[Rules, str, Tracked | None]:
    """The rules from above the root up to the enclosing git root, the path in between, and what
    git has there.

    Where they ignore the root itself, whoever named it meant it: they do not apply.
    """
    top = root
    while not is_there(os.path.join(top, ".git")):
        above = os.path.dirname(top)
        if above == top:
            return (), "", None
        top = above
    inner = os.path.relpath(root, top).replace(os.sep, "/") + "/" if root != top else ""
    places = [("", os.path.join(top, ".git", "info", "exclude"))]
    parts = inner.split("/")[:-1]
    for depth in range(len(parts)):
        base = "".join(part + "/" for part in parts[:depth])
        places.append((base, os.path.join(top, base, ".gitignore")))
    rules: Rules = ()
    for base, path in places:
        if base and ignored(os.fsencode(base), rules):
            return (), inner, Tracked(top)
        data = read_file(path, _LONGEST_IGNORE_FILE)
        if not isinstance(data, Reason):
            rules = (*rules, (os.fsencode(base), rules_in(data)))
    return (() if inner and ignored(os.fsencode(inner), rules) else rules), inner, Tracked(top)
