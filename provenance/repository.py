"""repository: a folder -> the git repository it stands in, and what its references mean.

A ``.git`` file is followed only to a worktree that points back, or to a submodule's folder in an
enclosing repository; links and alternates are not followed.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass

from provenance.decode import Reason
from provenance.regular import is_there, unreadable
from provenance.tracked import CLONE, LONGEST_PATH, git_directory, small_text

_LONGEST_REFS = 20_000_000
_OID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_REF = re.compile(r"refs/[^\x00-\x20~^:?*\[\\\x7f]+\Z")


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
