"""history: lines of scanned files -> the days on which a git repository has them, as ``LineDay``s.

Only for a folder or file that stands in a repository, and only for lines that a finding needs:
one ``git blame`` a file, with a time-out.

A repository is untrusted: its configuration, hooks, attributes and replaced objects can start
programs or lie. None of it is read. git runs in an empty repository of our own, made in a
temporary folder, and takes nothing but objects from the scanned one, by their hashes; the file's
text goes in by a pipe. So there is no configuration of the repository, the user or the machine:
no hook, alias, filter, textconv, file system monitor, pager, credential, remote, lazy fetch or
commit graph. A ``.git`` file is followed only to a worktree that points back, or to a submodule's
folder in an enclosing repository; links and alternates are not followed.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import IO

from provenance.aside import temporary
from provenance.decode import Reason, decode
from provenance.errors import SourceError
from provenance.model import LineDay
from provenance.regular import is_there, read_at_most, read_file, real_path, unreadable
from provenance.release import moment_of
from provenance.tracked import CLONE, LONGEST_PATH, git_directory, small_text

SECONDS = 30
"""A file's history may take so long."""
SECONDS_IN_ALL = 240
"""So long may all of them take; what is not begun by then is left out, and said."""

MOST_OUTPUT = 100_000_000
"""Bytes that git may answer."""
MOST_LINES = 2_000_000
"""Lines of which days are asked, of all files together."""

_NAP_SECONDS = 1.0
_LONGEST = 10_000_000
_LONGEST_REFS = 20_000_000
_MOST_RANGES = 200
_MOST_TOLD = 5  # reasons
_OID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_REF = re.compile(r"refs/[^\x00-\x20~^:?*\[\\\x7f]+\Z")
_HEADER = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) \d+ (\d+)(?: \d+)?\Z")
_CR_ALONE = re.compile(rb"\r(?!\n)")
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
    "GIT_ALLOC_LIMIT": "512m",
    "LC_ALL": "C",
}


_Answer = dict[int, LineDay] | Reason


@dataclass(frozen=True, slots=True)
class Wanted:
    """A scanned file and the lines, (first, last), of which a day is asked."""

    path: str
    sha256: str
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class History:
    """The days of lines by path; ``reason`` says what could not be read, None where all was, or
    where there is no repository."""

    lines: Mapping[str, Mapping[int, LineDay]]
    reason: str | None = None


NOTHING = History({})


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a checkout's git files, those it shares with other worktrees, and objects are, which
    commit is checked out, and which commits have lost parents."""

    directory: str
    shared: str
    objects: str
    head: str
    inner: str  # the path from the repository's root to the scanned folder, "" or ending in "/"
    shallow: frozenset[str]


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


def history(source: str, wanted: Sequence[Wanted], jobs: int = 1) -> History:
    """Ask git since when the lines are there.

    Args:
        source: the folder or file that was scanned.
        wanted: files with paths inside it, of notebooks none.
        jobs: how many git processes may run at once.

    Returns:
        The days of the lines that are committed; a line that is not has none. What the repository
        around the source does not have is asked of the one that it stands in, as in a submodule.
    """
    root = real_path(source)
    if not wanted or not os.path.exists(root):
        return NOTHING
    left = _Countdown(SECONDS_IN_ALL)
    try:
        _start(left)
    except OSError as error:
        return History({}, not_run(error))
    asked = [*_few(wanted)]
    try:
        found = _within(left, root, asked, jobs)
        if len(asked) == len(wanted):
            return found
        more = f"{len(wanted) - len(asked):,} of {len(wanted):,} files: beyond {MOST_LINES:,} lines"
        return replace(found, reason=f"{found.reason}; {more}" if found.reason else more)
    except SourceError as error:
        return History({}, str(error))
    finally:
        left.cancel()


def _few(wanted: Iterable[Wanted]) -> Iterator[Wanted]:
    """The files of whose lines days are kept: as they come, without those that are too much."""
    left = MOST_LINES
    for one in wanted:
        lines = sum(last - first + 1 for first, last in merged(one.ranges))
        if lines <= left:
            left -= lines
            yield one


def _within(left: _Countdown, root: str, wanted: Sequence[Wanted], jobs: int) -> History:
    """The same, as long as there is time left."""
    if not os.path.isdir(root):  # a link to a file: git knows the file
        return _asked(os.path.dirname(root), wanted, os.path.basename(root), jobs, left)
    found = _asked(root, wanted, None, jobs, left)
    lines = dict(found.lines)
    reasons: dict[str, list[str]] = {found.reason: []} if found.reason else {}
    for folder, inner in _inside(root, [one for one in wanted if not lines.get(one.path)]).items():
        own = _asked(os.path.join(root, *folder.split("/")), inner, None, jobs, left)
        lines.update((f"{folder}/{path}", days) for path, days in own.lines.items())
        if own.reason:
            reasons.setdefault(own.reason, []).append(folder)
    return History(lines, _told(reasons) or None)


def _told(reasons: Mapping[str, Sequence[str]]) -> str:
    """Why days are missing, with the repositories inside of the source for which it is so: whoever
    can make a folder can make very many."""
    told = []
    for reason, folders in [*reasons.items()][:_MOST_TOLD]:
        more = f" and {len(folders) - 1:,} more" if len(folders) > 1 else ""
        told.append(f"{folders[0]}{more}: {reason}" if folders else reason)
    if len(reasons) > _MOST_TOLD:
        told.append(f"and {len(reasons) - _MOST_TOLD:,} more reasons")
    return "; ".join(told)


def _inside(root: str, wanted: Iterable[Wanted]) -> dict[str, list[Wanted]]:
    """Files that stand in a repository inside of the root, by its folder, with paths in there."""
    known: dict[str, str] = {"": ""}  # the repository that a folder stands in
    found: dict[str, list[Wanted]] = {}
    for one in wanted:
        folder = os.path.dirname(one.path)
        passed: list[str] = []
        while folder not in known:
            passed.append(folder)
            place = os.path.join(root, *folder.split("/"))
            if is_there(os.path.join(place, ".git")) and real_path(place) == place:
                known[folder] = folder
            else:
                folder = os.path.dirname(folder)
        top = known[folder]
        known.update(dict.fromkeys(passed, top))
        if top:
            found.setdefault(top, []).append(replace(one, path=one.path[len(top) + 1 :]))
    return dict(sorted(found.items()))


def _asked(
    root: str, wanted: Sequence[Wanted], name: str | None, jobs: int, left: _Countdown
) -> History:
    """The same of the repository that a folder stands in; ``name`` is that of the only file."""
    found = repository(root)
    if found is None:
        return NOTHING
    if isinstance(found, Reason):
        return History({}, str(found))
    git = program(root)
    if git is None:
        return History(
            {},
            "found a git repository, but no git program outside of it and of those around it; "
            "install git for its days",
        )
    try:
        with temporary("provenance-git-") as place:
            skeleton(Path(place), found)

            def told(one: Wanted) -> _Answer:
                return _blame(git, place, root, found, one, name or one.path, left)

            jobs = max(1, min(jobs, 2 * (os.cpu_count() or 1)))
            answers = _all(told, wanted, jobs, git.end)
    except OSError as error:
        return History({}, not_run(error))
    lines = {
        one.path: answer
        for one, answer in zip(wanted, answers, strict=True)
        if not isinstance(answer, Reason)
    }
    reasons = sorted({str(answer) for answer in answers if isinstance(answer, Reason)})
    failed = len(answers) - len(lines)
    of = f"{len(answers):,} file{'s' * (len(answers) > 1)}"
    return History(lines, f"{failed:,} of {of}: {'; '.join(reasons)}" if reasons else None)


def _all(
    told: Callable[[Wanted], _Answer],
    wanted: Sequence[Wanted],
    jobs: int,
    end: Callable[[], None],
) -> list[_Answer]:
    """What is told of each, in as many threads as are wanted; where no more of them can be started,
    the rest is told here. Who is interrupted has what runs ``end``."""
    futures = []
    with ThreadPoolExecutor(jobs) as pool:
        try:
            with suppress(RuntimeError):
                for one in wanted:
                    futures.append(pool.submit(told, one))
            here = [told(one) for one in wanted[len(futures) :]]
            return [*(future.result() for future in futures), *here]
        except BaseException:  # what has not begun is not waited for
            pool.shutdown(wait=False, cancel_futures=True)
            end()
            raise


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


# --- the repository -----------------------------------------------------------------------


def repository(root: str) -> Repository | Reason | None:
    """The repository that a folder stands in, None where it stands in none.

    Raises:
        SourceError: nobody can say.
    """
    top = root
    while not is_there(os.path.join(top, ".git")):
        above = os.path.dirname(top)
        if above == top:
            return None
        top = above
    inner = "" if top == root else os.path.relpath(root, top).replace(os.sep, "/") + "/"
    directory = git_directory(top)
    if isinstance(directory, Reason):
        return directory
    shared = small_text(os.path.join(directory, "commondir"))
    whole = os.path.normpath(os.path.join(directory, shared.strip())) if shared else directory
    if shared and os.path.dirname(os.path.dirname(directory)) != whole:
        return Reason("found a worktree whose repository is elsewhere; scan the repository itself")
    objects = os.path.join(whole, "objects")
    try:
        leads_out = _leads_out(objects) if stat.S_ISDIR(os.lstat(objects).st_mode) else None
    except (FileNotFoundError, NotADirectoryError):
        leads_out = None
    except OSError as error:
        return unreadable(error, "objects of the repository", CLONE)
    if leads_out is None:
        return Reason("found a .git without a folder of objects; clone the repository")
    if leads_out:
        return Reason(
            "found links, or what is no file, among the objects of the repository, which are not "
            "followed; 'git clone --no-hardlinks' makes it whole"
        )
    if os.path.lexists(os.path.join(objects, "info", "alternates")):
        return Reason(
            "found a repository that borrows objects of another one (objects/info/alternates), "
            "which is not followed; 'git repack -ad' makes it whole"
        )
    if os.path.lexists(os.path.join(whole, "reftable")):
        return Reason(
            "found a repository whose references are in a reftable, which is not read; 'git refs "
            "migrate --ref-format=files' makes files of them"
        )
    head = _head(directory, whole)
    if head is None:
        return Reason(
            "found no commit that is checked out and can be read (.git/HEAD); commit, check one "
            "out, or give read permission"
        )
    listed = (small_text(os.path.join(whole, "shallow")) or "").split()
    return Repository(
        directory, whole, objects, head, inner, frozenset(o for o in listed if _OID.match(o))
    )


def _leads_out(objects: str) -> bool:
    """Whether anything that git may open among the objects is neither a file nor a folder."""
    with os.scandir(objects) as listing:
        entries = [*listing]
    if not all(map(_plain, entries)):
        return True
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            with os.scandir(entry.path) as inside:
                if not all(map(_plain, inside)):
                    return True
    return False


def _plain(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)


def _head(directory: str, whole: str) -> str | None:
    """The commit that is checked out."""
    return _followed((small_text(os.path.join(directory, "HEAD")) or "").strip(), directory, whole)


def refs(found: Repository, name: str) -> dict[str, str]:
    """The commits, or tags, that a name of a branch, tag or remote branch may mean, by the whole
    name of each; a whole hash means itself, whatever is called so."""
    if name == "HEAD":
        return {name: found.head}
    if _OID.match(name):
        return {name: name}
    meant = {}
    for pattern in ("{}", "refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}"):
        full = pattern.format(name)
        if _REF.match(full) and ".." not in full:
            known = _followed(f"ref: {full}", found.directory, found.shared)
            if known:
                meant[full] = known
    return meant


def _followed(said: str, directory: str, whole: str) -> str | None:
    """The hash at the end of a chain of references."""
    for _ in range(5):
        if _OID.match(said):
            return said
        name = said.removeprefix("ref:").strip()
        if name == said or len(name) > LONGEST_PATH or not _REF.match(name) or ".." in name:
            return None
        loose = _loose(directory, name) or _loose(whole, name)
        if loose:
            said = loose.strip()
            continue
        packed = small_text(os.path.join(whole, "packed-refs"), _LONGEST_REFS) or ""
        found = re.search(rf"^([0-9a-f]{{40,64}}) {re.escape(name)}$", packed, re.MULTILINE)
        said = found[1] if found else ""
    return None


def _loose(directory: str, name: str) -> str | None:
    """What a reference's own file says; of a folder that is a link, nothing."""
    *folders, _ = name.split("/")
    place = directory
    for folder in folders:
        place = os.path.join(place, folder)
        if os.path.islink(place):
            return None
    return small_text(os.path.join(directory, name))


# --- one file -----------------------------------------------------------------------------


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


def _blame(
    git: Program,
    place: str,
    root: str,
    found: Repository,
    wanted: Wanted,
    path: str,
    all_left: _Countdown,
) -> dict[int, LineDay] | Reason:
    """The days of the lines of one file, ``path`` inside the root."""
    if "\\" in path:  # nobody knows any more whether it is a sign of it, or begins an escape
        return Reason("git is not asked for a name with a backslash or an escape; rename it")
    left = min(SECONDS, all_left.seconds)
    if left <= 0:
        return Reason(f"not begun within {SECONDS_IN_ALL} seconds")
    data = read_file(os.path.join(root, path), _LONGEST)
    if isinstance(data, Reason):
        return data
    if sha256(data).hexdigest() != wanted.sha256:
        return Reason("changed since they were scanned; scan again")
    content = decode(data)
    if isinstance(content, Reason):
        return content
    call = ["blame", "--porcelain", "-w", "-M", "-C", "--root", "--contents", "-"]
    asked = merged(wanted.ranges)
    for first, last in asked:
        call += ["-L", f"{first},{last}"]
    try:
        ended = ask(git, place, found, [*call, "--", found.inner + path], left, content)
    except subprocess.TimeoutExpired:
        return Reason(f"git took longer than {SECONDS} seconds, or all longer than was allowed")
    except MemoryError:
        return Reason("git says more of them than memory has room for; use fewer --jobs")
    except OSError as error:
        return Reason(not_run(error))
    if len(ended.stdout) > MOST_OUTPUT:  # it may have said all before it was ended
        return Reason(f"git has more than {MOST_OUTPUT:,} bytes to say of their history")
    if ended.returncode and b"no such path" in ended.stderr:
        return {}  # not committed yet
    if ended.returncode and b" over limit " in ended.stderr:
        limit = _OURS["GIT_ALLOC_LIMIT"]
        return Reason(f"git would take more than {limit} for an old version of very many lines")
    told = ended.stdout.count(b"\n\t")  # each line stands behind its header
    if ended.returncode or told != sum(last - first + 1 for first, last in asked):
        return Reason(
            "git could not read their history; clone it whole (no --filter), else 'git fsck' says "
            "what is wrong"
        )
    days = read_porcelain(ended.stdout, found.shallow)
    if not days and len(_CR_ALONE.findall(data)) > data.count(b"\n"):
        return Reason("lines end with CR alone, which git takes for one line; write LF instead")
    return days


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

    timer = _Countdown(seconds, process.kill)
    others = [
        threading.Thread(target=feed, daemon=True),
        threading.Thread(target=listen, args=("stderr", process.stderr), daemon=True),
    ]
    try:
        for thread in (timer, *others):
            _start(thread)
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


def _start(thread: threading.Thread) -> None:
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


class _Countdown(threading.Thread):
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


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of lines, ascending, those that meet as one; one over all where they are many.

    >>> merged([(5, 9), (1, 4), (12, 12)])
    [(1, 9), (12, 12)]
    """
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found if len(found) <= _MOST_RANGES else [(found[0][0], found[-1][1])]


def read_porcelain(output: bytes, shallow: frozenset[str] = frozenset()) -> dict[int, LineDay]:
    """The days of lines in what ``git blame --porcelain`` prints, UTC; lines that are not committed
    have none, nor have those whose day is none that a clock shows."""
    authored: dict[bytes, str | None] = {}
    committed: dict[bytes, str | None] = {}
    days: dict[int, LineDay] = {}
    commit, line = b"", 0
    for text in output.split(b"\n"):
        if text.startswith(b"\t"):
            author, committer = authored.get(commit), committed.get(commit)
            if author and committer and commit.strip(b"0"):
                bounded = commit.decode() in shallow
                days[line] = LineDay(author, committer, bounded)
        elif header := _HEADER.match(text):
            commit, line = header[1], int(header[2])
        elif text.startswith(b"author-time "):
            authored[commit] = _day(text)
        elif text.startswith(b"committer-time "):
            committed[commit] = _day(text)
    return days


def _day(text: bytes) -> str | None:
    seconds = text.rpartition(b" ")[2]
    if not re.fullmatch(rb"-?\d{1,12}", seconds):
        return None
    found = moment_of(int(seconds))
    day = found.date().isoformat() if found else None
    return None if day == "1970-01-01" else day  # no other is what is written for none
