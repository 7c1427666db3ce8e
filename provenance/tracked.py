"""tracked: a checkout -> which of its files git has, whatever ``.gitignore`` says.

A file that was committed is part of the repository although a rule ignores it, as it is for git:
so no rule, and no name of a folder, can hide code that everybody gets with the repository. What git
has stands in its index (gitformat-index), which is read here, without git. It is as untrusted as
the rest: where it makes no sense, that is said.
"""

from __future__ import annotations

import hashlib
import os
import struct
import unicodedata
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

from provenance.decode import Reason
from provenance.errors import SourceError
from provenance.regular import MOST_PLACES, is_elsewhere, is_there, read_file, real_path, unreadable

LONGEST_TEXT = 10_000_000
LONGEST_PATH = 4_096
"""Bytes; longer ones no system opens."""
_LONGEST_INDEX = 300_000_000
_LONGEST_NAME = 255
"""Signs; a longer name of a file or folder no system has."""
_EXTENDED = 0x4000
_FOLDER, _LINK, _GITLINK = 0o040000, 0o120000, 0o160000
CLONE = "clone the repository"
"""What else may be done where a file of git cannot be read."""
_UNREADABLE = (
    "found a git index that cannot be read, so that nobody can say which of the ignored files git "
    "has; 'git update-index --index-version 2 --no-split-index' writes it again, or, where git "
    "cannot read it either, 'git reset' once it is removed"
)


@dataclass(frozen=True, slots=True)
class _Index:
    """All paths, in order, those of folders ending in ``/``: what is in a folder stands together;
    and which of them are symbolic links, or folders that are not checked out."""

    paths: Sequence[bytes] = ()
    links: Collection[bytes] = frozenset()
    sparse: Set[bytes] = frozenset()


class Tracked:
    """The files that git has in a checkout, read when they are first asked for."""

    def __init__(self, top: str) -> None:
        self._top = top

    @cached_property
    def problem(self) -> Reason | None:
        """Why it is not known what git has; None where it is."""
        return self._read if isinstance(self._read, Reason) else None

    def has(self, path: str) -> bool:
        """Whether git has a file, or anything in a folder, whose path ends in ``/``, be it another
        repository; paths from the root of the checkout, itself the empty one. Of a folder that is
        not checked out (``git sparse-checkout``) it may have all."""
        known, index = self._known_as(os.fsencode(path)), self._index
        at = bisect_left(index.paths, known)
        found = index.paths[at] if at < len(index.paths) else b""
        if found.startswith(known) if not known or known.endswith(b"/") else found == known:
            return bool(index.paths)
        return bool(index.sparse) and not index.sparse.isdisjoint(_above(known))

    def has_link(self, path: str) -> bool:
        """Whether it is a symbolic link that git has there."""
        return self._known_as(os.fsencode(path)) in self._index.links

    def _known_as(self, path: bytes) -> bytes:
        """A path as one that the file system takes for the same: where git has ``Build/a.py`` and
        ``build`` stood there before, it is ``build/a.py``."""
        return b"/".join(map(_folded, path.split(b"/"))) if self._folds else path

    @cached_property
    def _folds(self) -> bool:
        """Whether names that differ in case are the same; git itself has no ``.GIT``."""
        return os.path.lexists(os.path.join(self._top, ".GIT"))

    @property
    def _index(self) -> _Index:
        return _Index() if isinstance(self._read, Reason) else self._read

    @cached_property
    def _read(self) -> _Index | Reason:
        directory = git_directory(self._top)
        if isinstance(directory, Reason):
            return directory
        place = os.path.join(directory, "index")
        try:
            there = is_there(place)
        except SourceError as error:
            return Reason(str(error))
        if not there:
            try:
                os.lstat(os.path.join(directory, "HEAD"))
            except (FileNotFoundError, NotADirectoryError):
                return Reason("found a .git that is no repository, it has no HEAD; remove it")
            except OSError as error:
                return unreadable(error, "a .git", CLONE)
            return _Index()  # nothing was added yet
        data = read_file(place, _LONGEST_INDEX, what="a git index", instead=CLONE)
        if isinstance(data, Reason):
            return data
        try:
            return self._sorted(entries(data, length_of_sums(data)))
        except (ValueError, IndexError, struct.error):
            return Reason(_UNREADABLE)

    def _sorted(self, listed: Iterable[tuple[bytes, int]]) -> _Index:
        paths: list[bytes] = []
        links: set[bytes] = set()
        sparse: set[bytes] = set()
        for name, mode in listed:
            path = self._known_as(name)
            paths.append(path + b"/" if mode == _GITLINK else path)
            (links.add if mode == _LINK else links.discard)(path)
            if mode == _FOLDER:
                sparse.add(path)
        paths.sort()
        return _Index(paths, links, sparse)


def length_of_sums(data: bytes) -> int:
    """How many bytes the hashes of an index have, by the sum at its end, which may be left zero.

    Raises:
        ValueError: there is no such sum.
    """
    for sum_of in (hashlib.sha256, partial(hashlib.sha1, usedforsecurity=False)):
        length = sum_of().digest_size
        if data[-length:] in (bytes(length), sum_of(data[:-length]).digest()):
            return length
    raise ValueError


@lru_cache(maxsize=10_000)
def _folded(name: bytes) -> bytes:
    """A name of a file or folder without its case, and its letters as they are composed. Of one
    that no system has, itself: signs that combine are put in order by the square of how many."""
    text = os.fsdecode(name)
    if len(text) > _LONGEST_NAME:
        return name
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())
    return plain.encode("utf-8", "surrogatepass")


def _above(path: bytes) -> list[bytes]:
    """The folders that a path stands in; of one that ends in ``/`` itself too.

    >>> _above(b"a/b/c.py")
    [b'a/', b'a/b/']
    """
    return [path[: at + 1] for at, sign in enumerate(path) if sign == ord("/")]


def entries(data: bytes, length: int) -> Iterator[tuple[bytes, int]]:
    """The paths of an index whose hashes have so many bytes, with their modes; that of a folder
    which is not checked out ends in ``/``.

    Raises:
        ValueError, IndexError, struct.error: it is none.
    """
    signature, version, count = struct.unpack_from(">4sII", data)
    if signature != b"DIRC" or version not in (2, 3, 4):
        raise ValueError
    at, path, left = 12, b"", _LONGEST_INDEX
    for _ in range(count):
        (mode,) = struct.unpack_from(">I", data, at + 24)
        (flags,) = struct.unpack_from(">H", data, at + 40 + length)
        start = at + 42 + length + 2 * bool(flags & _EXTENDED and version > 2)
        kept = b""
        if version == 4:
            strip, start = _number(data, start)
            if strip > len(path):
                raise ValueError
            kept = path[: len(path) - strip]
        end = data.index(b"\0", start)
        path = kept + data[start:end]
        at = end + 1 if version == 4 else at + (end - at + 8) // 8 * 8
        left -= len(path)
        if not path:
            raise ValueError
        if len(path) > LONGEST_PATH or left < 0:  # those of version 4 go on from others
            raise ValueError("too long")
        yield path, mode
    while at < len(data) - length:  # extensions, then the sum of all
        name, size = struct.unpack_from(">4sI", data, at)
        if name == b"link":  # most of it stands in another file
            raise ValueError
        at += 8 + size
    if at != len(data) - length:
        raise ValueError


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable width, as git writes offsets, and the place behind it."""
    sign = data[at]
    value = sign & 127
    while sign & 128:
        at += 1
        sign = data[at]
        value = (value + 1 << 7) | (sign & 127)
        if value > len(data):
            raise ValueError
    return value, at + 1


def git_directory(top: str) -> str | Reason:
    """Where the repository of a checkout keeps its files."""
    place = os.path.join(top, ".git")
    if os.path.islink(place):
        return Reason(
            "found a .git that is a symbolic link, which is not followed; put the folder there "
            "that it leads to, or clone the repository"
        )
    if os.path.isdir(place):
        return place
    data = read_file(place, LONGEST_PATH, what="a .git", instead=CLONE)
    if isinstance(data, Reason):
        return data
    directory = _led_to(top, data.decode("utf-8", "replace"))
    if directory is not None:
        if _leads_back(directory, place):
            return directory
        above = os.path.dirname(top)
        while above != os.path.dirname(above):
            if directory.startswith(os.path.join(_holder(above), "modules", "")):
                return directory
            above = os.path.dirname(above)
    return Reason(
        "found a .git file that points to no folder, or to one that does not point back, which is "
        "not followed; 'git worktree repair' mends a worktree that was moved, else clone the "
        "repository"
    )


def _led_to(top: str, said: str) -> str | None:
    """Where a ``.git`` file of a checkout says that its repository is; None where it says none."""
    named = said.removeprefix("gitdir:").strip() if said.startswith("gitdir:") else ""
    if not named or "\n" in named or "\0" in named or is_elsewhere(named):
        return None
    with suppress(OSError):  # it leads too far
        return real_path(os.path.join(top, named), MOST_PLACES)
    return None


def _leads_back(directory: str, place: str) -> bool:
    """Whether a repository of a worktree names its ``.git`` file."""
    back = (small_text(os.path.join(directory, "gitdir"), LONGEST_PATH) or "").strip()
    if not back or "\0" in back or is_elsewhere(back):
        return False
    with suppress(OSError):  # it leads too far
        return real_path(os.path.join(directory, back), MOST_PLACES) == place
    return False


def _holder(folder: str) -> str:
    """The folder that has the submodules of a checkout, which may be a worktree."""
    place = os.path.join(folder, ".git")
    directory = _led_to(folder, small_text(place, LONGEST_PATH) or "")
    worktree = directory is not None and _leads_back(directory, place)
    return directory if directory is not None and worktree else place


def small_text(path: str, limit: int = LONGEST_TEXT) -> str | None:
    """The text of a small regular file, None where there is none."""
    data = read_file(path, limit)
    return None if isinstance(data, Reason) else data.decode("utf-8", "replace")
