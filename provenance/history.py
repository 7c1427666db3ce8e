"""history: lines of scanned files -> the days on which a git repository has them, as ``LineDay``s.

Only for a folder or file that stands in a repository, and only for lines that a finding needs:
one ``git blame`` a file, with a time-out.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from provenance.aside import temporary
from provenance.decode import Reason, decode
from provenance.errors import SourceError
from provenance.git import (
    ALLOC_LIMIT,
    MOST_OUTPUT,
    Countdown,
    Program,
    ask,
    begin,
    not_run,
    program,
    skeleton,
)
from provenance.model import LineDay
from provenance.regular import is_there, read_file, real_path
from provenance.release import moment_of
from provenance.repository import Repository, repository

SECONDS = 30
"""A file's history may take so long."""
SECONDS_IN_ALL = 240
"""So long may all of them take; what is not begun by then is left out, and said."""

MOST_LINES = 2_000_000
"""Lines of which days are asked, of all files together."""

_LONGEST = 10_000_000
_MOST_RANGES = 200
_MOST_TOLD = 5  # reasons
_HEADER = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) \d+ (\d+)(?: \d+)?\Z")
_CR_ALONE = re.compile(rb"\r(?!\n)")

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
    left = Countdown(SECONDS_IN_ALL)
    try:
        begin(left)
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


def _within(left: Countdown, root: str, wanted: Sequence[Wanted], jobs: int) -> History:
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
    root: str, wanted: Sequence[Wanted], name: str | None, jobs: int, left: Countdown
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


def _blame(
    git: Program,
    place: str,
    root: str,
    found: Repository,
    wanted: Wanted,
    path: str,
    all_left: Countdown,
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
        return Reason(
            f"git would take more than {ALLOC_LIMIT} for an old version of very many lines"
        )
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
