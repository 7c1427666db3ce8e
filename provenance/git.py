"""git: the git program, run on the objects of a repository and on nothing else of it.

A repository is untrusted: its configuration, hooks, attributes and replaced objects can start
programs or lie. None of it is read. git runs in an empty repository of our own, made in a
temporary folder, and takes nothing but objects from the scanned one, by their hashes; what else it
needs goes in by a pipe. So there is no configuration of the repository, the user or the machine:
no hook, alias, filter, textconv, file system monitor, pager, credential, remote, lazy fetch or
commit graph.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from provenance.regular import is_there, read_at_most, real_path
from provenance.repository import Repository

MOST_OUTPUT = 100_000_000
"""Bytes that git may answer."""

ALLOC_LIMIT = "512m"
"""So much git may take for one object."""

_NAP_SECONDS = 1.0
_KEPT = ("SYSTEMROOT", "SYSTEMDRIVE", "TEMP", "TMP", "TMPDIR", "WINDIR")
_OURS = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ALLOC_LIMIT": ALLOC_LIMIT,
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A program, and the folders in which it finds others, as one that is a script does; what runs
    of it, and whether that is to end."""

    place: str
    path: str
    _running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def run(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """For as long as a process of it runs."""
        self._running.add(process)
        try:
            if self._over.is_set():  # before it was known here
                process.kill()
            yield
        finally:
            self._running.discard(process)

    def end(self) -> None:
        """End all that run, and all that are started from now on."""
        self._over.set()
        for process in [*self._running]:
            process.kill()


def program(root: str) -> Program | None:
    """The git program, of the absolute folders of the path: none that stands in the repository of
    ``root`` or in one around it, where whoever commits may have put it.

    Raises:
        SourceError: nobody can say where these begin.
    """
    name = "git.exe" if sys.platform == "win32" else "git"
    start = Path(real_path(root))
    tops = [one for one in (start, *start.parents) if is_there(str(one / ".git"))]
    within = os.path.join(tops[-1] if tops else start, "")

    def is_outside(place: Path) -> bool:
        way = (os.path.join(real_path(one), "") for one in (place, *place.parents))
        return not any(one.startswith(within) for one in way)  # nor behind a link that leads out

    path = os.environ.get("PATH", "").split(os.pathsep)
    folders = [one for one in path if os.path.isabs(one) and is_outside(Path(one))]
    for folder in folders:
        place = Path(folder, name)
        if os.path.isfile(place) and os.access(place, os.X_OK) and is_outside(place):
            return Program(str(place), os.pathsep.join(folders))
    return None


def skeleton(place: Path, found: Repository) -> None:
    """A repository of our own with nothing in it but the commit that is checked out."""
    directory = place / "git"
    for folder in (directory / "refs", directory / "objects", place / "tree"):
        folder.mkdir(parents=True)
    long = len(found.head) == 64
    config = f"[core]\n\trepositoryformatversion = {int(long)}\n\tbare = false\n"
    if long:
        config += "[extensions]\n\tobjectformat = sha256\n"
    (directory / "config").write_text(config, "ascii")
    (directory / "HEAD").write_text(found.head + "\n", "ascii")
    if found.shallow:
        (directory / "shallow").write_text("".join(f"{o}\n" for o in sorted(found.shallow)))


def ask(
    git: Program,
    place: str,
    found: Repository,
    arguments: Sequence[str],
    seconds: float,
    given: bytes = b"",
) -> subprocess.CompletedProcess[bytes]:
    """Run git in the repository of our own at ``place``, on the objects of the scanned one.

    Raises:
        subprocess.TimeoutExpired: it took longer.
        OSError: it could not be started, or not be waited for.
    """
    kept = {name: value for name, value in os.environ.items() if name.upper() in _KEPT}
    environment = {
        **kept,
        **_OURS,
        "PATH": git.path,
        "HOME": place,
        "XDG_CONFIG_HOME": place,
        "GIT_DIR": os.path.join(place, "git"),
        "GIT_WORK_TREE": os.path.join(place, "tree"),
        "GIT_OBJECT_DIRECTORY": found.objects,
    }
    call = [git.place, "--no-pager", "--literal-pathspecs"]
    call += ["-c", "core.commitGraph=false", "-c", "core.multiPackIndex=false", *arguments]
    tree = os.path.join(place, "tree")
    with (
        subprocess.Popen(
            call,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tree,
            env=environment,
        ) as process,
        git.run(process),
    ):
        return _answer(process, given, seconds)


def _answer(
    process: subprocess.Popen[bytes], given: bytes, seconds: float
) -> subprocess.CompletedProcess[bytes]:
    """What a program says when it is given some bytes. One that says too much is ended: the message
    of a commit may have gigabytes, and costs its author nothing, being compressed."""

    def feed() -> None:
        if process.stdin is not None:
            with suppress(OSError), process.stdin as pipe:
                pipe.write(given)

    said: dict[str, bytes] = {}

    def listen(name: str, pipe: IO[bytes] | None) -> None:
        with suppress(MemoryError):
            said[name] = b"" if pipe is None else read_at_most(pipe.read, MOST_OUTPUT)
        if len(said.get(name, b"")) > MOST_OUTPUT or name not in said:
            process.kill()

    timer = Countdown(seconds, process.kill)
    others = [
        threading.Thread(target=feed, daemon=True),
        threading.Thread(target=listen, args=("stderr", process.stderr), daemon=True),
    ]
    try:
        for thread in (timer, *others):
            begin(thread)
        listen("stdout", process.stdout)
        for thread in others:
            thread.join()
        process.wait()
    except BaseException:
        process.kill()
        raise
    finally:
        timer.cancel()
    if timer.seconds <= 0:
        raise subprocess.TimeoutExpired(process.args, seconds)
    if len(said) < 2:
        raise MemoryError
    return subprocess.CompletedProcess(
        process.args, process.returncode, said["stdout"], said["stderr"]
    )


def begin(thread: threading.Thread) -> None:
    """Start a thread.

    Raises:
        OSError: there may be no more of them.
    """
    try:
        thread.start()
    except RuntimeError as error:
        raise BlockingIOError(errno.EAGAIN, str(error)) from error


def not_run(error: OSError) -> str:
    """What to say where git could not be run."""
    remedy = "check git and the folder of temporary files"
    if error.errno == errno.EAGAIN:
        remedy = "let this user have more processes (ulimit -u), or use fewer --jobs"
    return f"git could not be run ({error.strerror}); {remedy}"


class Countdown(threading.Thread):
    """So many seconds, of which none passes while the whole process is stopped, as from a terminal;
    then something is done."""

    def __init__(self, seconds: float, then: Callable[[], None] = lambda: None) -> None:
        super().__init__(daemon=True)
        self.seconds = seconds
        self._then = then
        self._cancelled = threading.Event()

    def run(self) -> None:
        """Let them pass, in naps: a stop ends one of them at most."""
        while self.seconds > 0:
            nap = min(_NAP_SECONDS, self.seconds)
            if self._cancelled.wait(nap):
                return
            self.seconds -= nap
        self._then()

    def cancel(self) -> None:
        """No more of them passes."""
        self._cancelled.set()
        if self.ident is not None:
            self.join()
