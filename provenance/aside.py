"""aside: a hidden folder beside a file, for what is on its way to that place.

A process that is killed leaves its folder there; the next one that writes to the same place takes
it away. A folder that somebody is about has a lock in it that is held, so that two may write at
once: the system lets go of a lock with the process that holds it.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from provenance.regular import real_path

LOCK = "lock"
_END = ".part"


class _Told(threading.local):
    """How many folders are being made or removed, and whether somebody was told to end meanwhile.
    Each thread has its own: Python handles signals on the main one alone."""

    held = 0
    sent = False


_told = _Told()


def waits() -> bool:
    """Whether who is told to end has first to finish what must not be cut in two; it is interrupted
    when that is done."""
    _told.sent = _told.sent or _told.held > 0
    return _told.held > 0


def _interrupt() -> None:
    """Raise what waited, if anything did."""
    if _told.sent and not _told.held:
        _told.sent = False
        raise KeyboardInterrupt


@contextmanager
def uninterrupted() -> Iterator[None]:
    """For as long as a folder is made or removed, of which an interruption would leave a part."""
    _told.held += 1
    try:
        yield
    finally:
        _told.held -= 1
        _interrupt()


@contextmanager
def _interruptible() -> Iterator[None]:
    before, _told.held = _told.held, 0
    try:
        _interrupt()
        yield
    finally:
        _told.held = before


@contextmanager
def temporary(prefix: str, folder: str | None = None) -> Iterator[str]:
    """A folder for as long as the work takes, in that of temporary files if no other is named.

    Raises:
        OSError: none can be made there.
    """
    with uninterrupted():
        place = tempfile.mkdtemp(prefix=prefix, dir=folder or _temporary())
        try:
            with _interruptible():
                yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def has_temporary() -> bool:
    """Whether there is a folder of temporary files."""
    try:
        return bool(_temporary())
    except OSError:
        return False


def _temporary() -> str:
    """The folder of temporary files. Python takes the working folder, which may be what is scanned,
    where no other can be written, and tries whether that can be."""
    if sys.platform == "win32":
        return tempfile.gettempdir()
    named = (os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP"))
    for place in (*map(os.path.abspath, filter(None, named)), "/tmp", "/var/tmp", "/usr/tmp"):  # noqa: S108
        if os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK):
            return place
    raise OSError(errno.EROFS, "found no folder for temporary files; name one in TMPDIR")


class Aside:
    """The folder, ``path``; gone with ``close``.

    Raises:
        OSError: none can be made there.
    """

    def __init__(self, target: Path) -> None:
        sweep(target)
        while True:
            made = tempfile.mkdtemp(_END, f".{target.name}.", target.parent)
            self.path = Path(made)
            lock: IO[bytes] | None = None
            try:
                self._lock = lock = open(self.path / LOCK, "wb")  # noqa: SIM115
                if _is_ours(self._lock) and (self.path / LOCK).exists():
                    return
                self._lock.close()  # swept before it was held
            except FileNotFoundError:  # swept before there was a lock in it
                continue
            except BaseException:  # no room for a lock, or none in this file system
                if lock is not None:
                    lock.close()
                shutil.rmtree(self.path, ignore_errors=True)
                raise

    def close(self) -> None:
        """Take it away, with all that is left in it."""
        with uninterrupted():
            _remove(self.path, self._lock)


def behind(name: Path) -> Path:
    """The file that a name stands for, behind all symbolic links, which stay as they are.

    Raises:
        OSError: they lead in a loop.
    """
    target = Path(real_path(name))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(name))
    return target


def keep_mode(old: Path, new: Path) -> None:
    """That what takes the place of a file is read by nobody who could not read that."""
    with suppress(OSError):
        shutil.copymode(old, new)


def sweep(target: Path) -> None:
    """Take away what processes that are no more have left beside a file."""
    with os.scandir(target.parent) as found:
        left = [
            Path(one.path)
            for one in found
            if one.name.startswith(f".{target.name}.")
            and one.name.endswith(_END)
            and one.is_dir(follow_symlinks=False)
        ]
    for folder in left:
        with suppress(OSError):
            _take_away(folder)


def _take_away(folder: Path) -> None:
    place = folder / LOCK
    if not place.is_file():  # none, or a pipe, which would be waited for
        folder.rmdir()  # only if nothing is in it
    elif sys.platform == "win32":
        place.unlink()  # fails while it is open
        shutil.rmtree(folder, ignore_errors=True)
    else:
        with open(place, "rb") as lock:
            if _is_ours(lock):
                _remove(folder, lock)


def _remove(folder: Path, lock: IO[bytes]) -> None:
    """Take away a folder whose lock is held."""
    if sys.platform == "win32":  # where nothing that is open can be taken away
        lock.close()
    shutil.rmtree(folder, ignore_errors=True)
    lock.close()
    with suppress(OSError):  # NFS and FUSE keep what is open under another name until it is closed
        folder.rmdir()


def take_away(folder: Path) -> None:
    """Take a folder away, unless somebody else holds it."""
    if sys.platform == "win32" or not (folder / LOCK).is_file():
        shutil.rmtree(folder, ignore_errors=True)
    else:
        with suppress(OSError):
            _take_away(folder)


def hold(folder: Path) -> IO[bytes] | None:
    """Hold a folder that is there until what is given is closed; None where somebody else does.

    Raises:
        OSError: no lock can be put there.
    """
    place = folder / LOCK
    if place.is_symlink() or (place.exists() and not place.is_file()):
        place.unlink()  # what it leads to is not ours, and a pipe would be waited for
    lock = open(place, "ab")  # noqa: SIM115
    if _is_ours(lock):
        return lock
    lock.close()
    return None


@contextmanager
def alone(target: Path) -> Iterator[bool]:
    """Hold a file that will be replaced by what is made of it: who does so at the same time would
    put it back. Whether nobody else does, nor has replaced it; where no system tells, nobody."""
    # Of Windows nothing that is open can be replaced; a pipe would be waited for.
    if sys.platform == "win32" or not os.path.isfile(target):
        yield True
        return
    try:
        held = open(target, "rb")  # noqa: SIM115
    except OSError:  # who reads it says why
        yield True
        return
    with held:
        try:
            free = _is_ours(held) and os.path.samestat(os.fstat(held.fileno()), os.stat(target))
        except OSError:
            free = True
        yield free


def _is_ours(lock: IO[bytes]) -> bool:
    """Whether nobody else holds a lock; it is held till the file is closed."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
