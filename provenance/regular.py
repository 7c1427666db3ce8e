"""regular: the path of a regular file -> its bytes, or why it is not read.

Nothing else is opened, no link is followed unless it is asked for, and no more is read than may be.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from provenance.decode import Reason
from provenance.errors import SourceError

_ELSEWHERE = re.compile(r"[\\/]{2}|[\\/]\?\?[\\/]")
_PART = 1 << 20
_MOST_LINKS = 40  # Linux follows so many, others fewer
MOST_PLACES = 200
"""Places that a path leads through beside its parts, where a repository names it."""
MOST_DEEP = 100
"""Folders on the way from a root: each of them is opened for each of those that are below."""
LEAVE_OUT = "leave it out with --exclude"
"""What else may be done about a scanned file that cannot be read."""
_FLAGS = os.O_RDONLY
for _flag in ("O_BINARY", "O_CLOEXEC", "O_NONBLOCK", "O_NOFOLLOW", "O_NOCTTY"):
    _FLAGS |= getattr(os, _flag, 0)


def is_elsewhere(path: str) -> bool:
    """Whether Windows may look for a path on another computer, and sign in there: it takes both
    slashes, mixed too, and ``\\??\\UNC``, which no library of its names tells."""
    return _ELSEWHERE.match(path) is not None


def passed(path: str) -> Iterator[str]:
    """The places that are passed on the way to a path, links followed one by one, until there are
    more than any system follows."""
    at, *parts = (Path(path) if os.path.isabs(path) else Path(os.getcwd(), path)).parts
    at, left, links = at.replace("//", "/"), parts[::-1], 0  # two slashes are one, but for POSIX
    yield at
    while left and links <= _MOST_LINKS:
        place = os.path.normpath(os.path.join(at, left.pop()))
        yield place
        try:
            to = Path(at, os.readlink(place).removeprefix("\\\\?\\"))
        except (OSError, ValueError):  # it is no link
            at = place
        else:
            links += 1
            at, left = to.anchor.replace("//", "/"), [*left, *to.parts[:0:-1]]
            yield at


def real_path(path: str | os.PathLike[str], most: int | None = None) -> str:
    """A path without links, as ``os.path.realpath`` says it; itself, absolute, where there are more
    on the way than any system follows: Python does follow them, by a call in another before 3.13,
    and then by the square of how many.

    Args:
        path: any.
        most: how many places more than it has parts it may lead through; None for any number.

    Raises:
        OSError: it leads through more.
    """
    path = os.fspath(path)
    if sys.platform != "win32":
        bound = None if most is None else len(Path(os.path.abspath(path)).parts) + most
        places = [*islice(passed(path), None if bound is None else bound + 1)]
        if bound is not None and len(places) > bound:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        if sum(map(os.path.islink, places)) > _MOST_LINKS:
            return os.path.abspath(path)
    return os.path.realpath(path)


@contextmanager
def opened_folder(root: str, path: str) -> Iterator[int | None]:
    """A folder below a root, opened without following a link on the way there, whatever became of
    it since it was listed; None where this system opens no folders.

    Args:
        root: an absolute path without links.
        path: the way from there, empty or parts with ``/`` between them.

    Raises:
        OSError: it is none, or no more.
    """
    parts = [*filter(None, path.split("/"))]
    if len(parts) > MOST_DEEP:
        said = f"it stands in more than {MOST_DEEP} others, one in another"
        raise OSError(errno.ENAMETOOLONG, said)
    if os.open not in os.supports_dir_fd or os.scandir not in os.supports_fd:
        yield None
        return
    at = os.open(root, _FLAGS | os.O_DIRECTORY)
    try:
        for part in parts:
            above, at = at, os.open(part, _FLAGS | os.O_DIRECTORY, dir_fd=at)
            os.close(above)
        yield at
    finally:
        os.close(at)


def read_within(root: str, path: str, limit: int, *, instead: str = LEAVE_OUT) -> bytes | Reason:
    """The same of a file below a root, the path with ``/``; no link on the way is followed."""
    folder, _, name = path.rpartition("/")
    try:
        with opened_folder(root, folder) as at:
            place = os.path.join(root, path) if at is None else name
            return read_file(place, limit, at=at, instead=instead)
    except OSError as error:
        return unreadable(error, "a file", instead)


def sha256_of(path: str) -> str:
    """The SHA-256 of a regular file, in hexadecimal, whatever its size.

    Raises:
        OSError: it cannot be read; it is named.
    """
    from hashlib import sha256

    digest = sha256()
    try:
        followed = _FLAGS & ~getattr(os, "O_NOFOLLOW", 0)
        with open(os.open(path, followed), "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "no regular file")
            while part := file.read(1 << 20):
                digest.update(part)
    except OSError as error:
        error.filename = path  # the system does not name what it cannot read on
        raise
    return digest.hexdigest()


def read_file(
    path: str,
    limit: int,
    *,
    follow: bool = False,
    at: int | None = None,
    what: str = "a file",
    instead: str = LEAVE_OUT,
) -> bytes | Reason:
    """The bytes of a regular file of at most ``limit`` bytes; ``at`` is the folder from where the
    path begins, the working folder where it is None. ``what`` the file is to who is told of it,
    ``instead`` what else to do about it: nothing helps that is of scanned files, if it is none.

    Nothing else is opened: a FIFO would wait for ever, a device may act on it. The check is
    repeated on what was opened, in case it was replaced in between.
    """
    try:
        state = os.stat(path, dir_fd=at, follow_symlinks=follow)
        if not stat.S_ISREG(state.st_mode):
            return _irregular(state.st_mode, what, instead)
        flags = _FLAGS & ~getattr(os, "O_NOFOLLOW", 0) if follow else _FLAGS
        with open(os.open(path, flags, dir_fd=at), "rb", buffering=0) as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                return _irregular(state.st_mode, what, instead)
            if state.st_size > limit:
                return too_large(f"{state.st_size:,}", limit, what, instead)
            data = read_at_most(file.read, limit)
            if len(data) > limit:
                return too_large(f"more than {limit:,}", limit, what, instead)
            return data
    except OSError as error:
        return unreadable(error, what, instead)


_REMEDIES = {
    errno.EMFILE: "let a process have more open files (ulimit -n), and try again",
    errno.ENFILE: "let the system have more open files, or end other programs, and try again",
    errno.ENOMEM: "free some memory, and try again",
    errno.EIO: "look at the disk and the log of the system, and try again",
    errno.ESTALE: "mount the file system again, and try again",
}
"""For want of something that no file is to blame for."""


def is_there(path: str) -> bool:
    """Whether anything stands at a path, be it a link that leads nowhere.

    Raises:
        SourceError: for want of something else nobody can say, of which ``os.path.lexists`` makes
            that nothing is there: a repository or a policy would be passed over.
    """
    try:
        os.lstat(path)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _REMEDIES:
            raise SourceError(
                f"{path}: found no way to see what is there ({error.strerror}), expected one; "
                f"{_REMEDIES[error.errno]}"
            ) from error
        return False
    return True


def read_at_most(read: Callable[[int], bytes | None], limit: int) -> bytes:
    """All there is, but no more than one byte over the limit, whatever a header promised. Asked for
    in parts: room is made for as much as is asked for."""
    parts: list[bytes] = []
    size = 0
    while size <= limit and (data := read(min(limit + 1 - size, _PART))) != b"":
        if data is None:  # of a file that does not wait: it has more to say
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        parts.append(data)
        size += len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def too_large(size: str, limit: int, what: str = "a file", instead: str = LEAVE_OUT) -> Reason:
    """Why a file of that size is not read."""
    of = "" if what == "a file" else f" in {what}"
    to_do = f"split the file or {instead}" if instead == LEAVE_OUT else instead
    return Reason(f"found {size} bytes{of}, expected at most {limit:,}; {to_do}")


def _irregular(mode: int, what: str, instead: str) -> Reason:
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISFIFO, "a named pipe (FIFO)"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    kind = next((name for test, name in kinds if test(mode)), "something else")
    of = "a regular file" if what == "a file" else what
    to_do = "it was not opened" if instead == LEAVE_OUT else instead
    return Reason(f"found {kind}, expected {of}; {to_do}")


def unreadable(error: OSError, what: str, instead: str = LEAVE_OUT) -> Reason:
    """Why a file or folder (``what``) is not read, with the remedy."""
    usual = {
        "FileNotFoundError": "it vanished during the scan; scan again",
        "PermissionError": f"give read permission or {instead}",
    }.get(type(error).__name__, f"repair it or {instead}")
    found = f"found {what} that cannot be read ({error.strerror or type(error).__name__})"
    return Reason(f"{found}; {remedy(error, usual)}")


def remedy(error: OSError, usual: str) -> str:
    """What to do about something that cannot be read: the usual, but where it is not to blame."""
    return _REMEDIES.get(error.errno or 0, usual)
