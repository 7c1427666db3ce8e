"""changed: a checkout and a commit of it -> the paths that are no longer as they were there.

As a pull request sees it: since the commit where the branch began, what is not committed too. No
index, filter or configuration of the repository is asked: the tree of that commit says which bytes
stood at each path, and those that stand there now are hashed as git does. git itself runs only as
in ``git``, on objects alone.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import time
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path

from provenance.aside import temporary
from provenance.decode import Reason, shown
from provenance.errors import SourceError, UsageError
from provenance.git import MOST_OUTPUT, ask, not_run, program, skeleton
from provenance.regular import read_file
from provenance.repository import Repository, refs, repository

SECONDS = 120
"""So long may git take for one answer, or for all listings together."""

_LONGEST = 100_000_000
_MOST_LISTED = 3 * MOST_OUTPUT  # of all commits where a branch began
_MOST_BASES = 50
"""Commits that a branch may have begun at, each to be listed."""
_HASH = re.compile(r"[0-9a-f]{4,64}")
_LISTED = re.compile(rb"(?<![^\0])100[0-7]{3} blob (?P<hash>[0-9a-f]{40,64})\t(?P<path>[^\0]+)\0")
_NAMED = re.compile(r"(?P<name>[^-~^:\s\\?*\[][^~^:\s\\?*\[]*)(?P<back>(?:[~^]\d*)*)")


def changed(root: str, base: str, paths: Sequence[tuple[str, str | Reason]]) -> Iterator[str]:
    """The paths whose files are not those of the commit where the branch left ``base``; of several,
    where branches were merged crosswise, not those of each: one may have what ``base`` took away.

    Args:
        root: the root of a checkout, absolute and real.
        base: a branch, tag, remote branch, ``HEAD`` or hash, with ``~N`` and ``^N`` behind it.
        paths: ``(path from the root, where it is, or why it cannot be read)``.

    Raises:
        UsageError: no commit is meant by ``base``.
        SourceError: there is no repository, or git could not tell.
    """
    before = _tree(root, base, {path for path, _ in paths})
    for path, place in paths:
        known = before.get(path)
        data = place if known is None or isinstance(place, Reason) else read_file(place, _LONGEST)
        if known is None or not isinstance(data, bytes) or known not in _hashes(data, len(known)):
            yield path


def _hashes(data: bytes, length: int) -> Iterator[str]:
    """What git calls these bytes, and the same with the line ends that it may have changed."""
    for one in (data, data.replace(b"\r\n", b"\n")):
        blob = b"blob %d\0" % len(one) + one
        made = hashlib.sha1(blob, usedforsecurity=False) if length == 40 else hashlib.sha256(blob)
        yield made.hexdigest()


def _tree(root: str, base: str, paths: Container[str]) -> dict[str, str]:
    """The hash of every such file of the commit where the branch began, by path; of several, of
    what is the same in all."""
    found = repository(root)
    git = program(root)
    if not isinstance(found, Repository):
        raise SourceError(
            f"{root}: {found or 'found no git repository'}; --diff {base} expects one"
        )
    if git is None:
        raise SourceError(
            f"found no git program outside of the repository and of those around it, --diff {base} "
            "expects one; install git"
        )
    try:
        with temporary("provenance-git-") as place:
            skeleton(Path(place), found)

            def told(*arguments: str) -> str | None:
                ended = ask(git, place, found, arguments, SECONDS)
                return None if ended.returncode else ended.stdout.decode("ascii", "replace")

            commit = _commit(found, base, told)
            began = ask(git, place, found, ("merge-base", "--all", commit, "HEAD"), SECONDS)
            if began.returncode == 1 and not began.stderr:  # else something is damaged
                fetch = "fetch the whole history (fetch-depth: 0, GIT_DEPTH: 0)"
                raise SourceError(
                    f"--diff {base}: found no commit that it has in common with HEAD, expected "
                    f"one; {fetch if found.shallow else 'name one that HEAD comes from'}"
                )
            tops = began.stdout.decode("ascii", "replace").split()
            if len(tops) > _MOST_BASES:
                raise SourceError(
                    f"--diff {base}: found {len(tops):,} commits where the branch began, expected "
                    f"at most {_MOST_BASES}; audit without it, or name another commit"
                )
            before: dict[str, str] | None = None
            left, until = _MOST_LISTED, time.monotonic() + SECONDS
            for top in tops:
                listing = ("ls-tree", "-r", "-z", "--full-tree", top)
                ended = ask(git, place, found, listing, max(1.0, until - time.monotonic()))
                left -= len(ended.stdout)
                if left < 0 or len(ended.stdout) > MOST_OUTPUT:
                    raise SourceError(
                        f"--diff {base}: found more than {MOST_OUTPUT:,} bytes of names in the "
                        "commit where the branch began, or three times as many in several, "
                        "expected fewer; audit without it, or name a commit that has fewer files"
                    )
                if ended.returncode:
                    before = None
                    break
                tree = dict(_read(ended.stdout, paths))
                before = tree if before is None else dict(before.items() & tree.items())
    except (OSError, subprocess.TimeoutExpired) as error:
        slow = f"git took longer than {SECONDS} seconds; run it again"
        why = not_run(error) if isinstance(error, OSError) else slow
        raise SourceError(f"--diff {base}: {why}") from error
    if began.returncode or before is None:
        raise SourceError(
            f"--diff {base}: its files cannot be listed; clone it with its trees (no "
            "--filter=tree:0), else 'git fsck' says what is wrong"
        )
    return before


def _read(listed: bytes, paths: Container[str]) -> Iterator[tuple[str, str]]:
    """Those of the regular files of ``git ls-tree -z`` that are asked for, by path."""
    for match in _LISTED.finditer(listed):
        path = shown(os.fsdecode(match["path"]))
        if path in paths:
            yield path, match["hash"].decode()


def _commit(found: Repository, base: str, told: Callable[..., str | None]) -> str:
    """The hash of the commit that is meant."""
    match = _NAMED.fullmatch(base)
    if match:
        name = match["name"]
        meant = refs(found, name)
        if _HASH.fullmatch(name):
            meant.setdefault("a commit", name)  # of which it may be the beginning
        verify = ("rev-parse", "--verify", "--quiet", "--end-of-options")
        answers = {
            one: told(*verify, f"{known}{match['back']}^{{commit}}")
            for one, known in meant.items()
            if _HASH.fullmatch(known)
        }
        commits = {one: answer.strip() for one, answer in answers.items() if answer is not None}
        if len({*commits.values()}) > 1:
            # who may push a tag could say since when files are looked at
            raise UsageError(
                f"--diff: found {base!r} to mean {' and '.join(commits)}, expected one commit; "
                "write the whole name, or remove the other one"
            )
        if commits:
            return next(iter(commits.values()))
        gone = [f"{one} ({known})" for one, known in meant.items() if one != known != name]
        if gone and not match["back"]:
            raise UsageError(
                f"--diff: found {base!r} to mean {' and '.join(gone)}, of which there is no commit "
                "that can be read; name one, or 'git fsck' says what is wrong with it"
            )
    raise UsageError(
        f"--diff: found {base!r}, expected a branch, tag or commit that is in this repository; "
        "'git fetch' it with its history (fetch-depth: 0, GIT_DEPTH: 0)"
    )
