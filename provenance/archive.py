"""archive: the member names of any archive -> the Python files wanted, under their paths. Pure.

Members are named as the package is installed: without the top folder ``name-version/`` of an
sdist and without a wheel's ``*.data/purelib/``. ``zipped`` and ``tarred`` read the archives in
place: nothing is written to disk, and no header is believed, what is read is bounded by what
comes out. A bad member is a ``Reason`` among the others; only an archive of which nothing can be
listed is an error.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from provenance.decode import Reason, shown
from provenance.errors import SourceError
from provenance.folder import ENDINGS, ENVIRONMENT_MARKS, LEFT_OUT
from provenance.notices import LONGEST_FILE, MOST, is_notice
from provenance.patterns import Patterns
from provenance.regular import too_large
from provenance.release import Described, from_metadata

if TYPE_CHECKING:
    from provenance.limits import Found, Limits

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz")
ZIP_ENDINGS = (".whl", ".zip")

_LONGEST_NAME, _DEEPEST_NAME = 4096, 250
LONGEST_METADATA = 1_000_000
_MOST_METADATA = 8  # one is looked for; archives of archives have more
_METADATA = re.compile(r"[^/]+\.dist-info/METADATA|(?:[^/]+/)?PKG-INFO")
_PROJECT_FILES = {"PKG-INFO", "pyproject.toml", "setup.py", "setup.cfg"}
_VERSIONED = re.compile(r".+-v?\d[^/]*")
_DATA = re.compile(r"(?<![^/])[^/]+\.data/(?:purelib|platlib)/")

_NOT_UNPACKED = re.compile(r"[\x00-\x1f\x7f]|(?<![ .])[ .]+\Z|;\d*\Z")
"""What Info-ZIP, or Windows, leaves out of a name."""
_OTHER_NAME = Reason(
    "found a member name that some programs unpack as that of Python, expected one without control "
    "characters that ends in none but letters; pack it again under its own name"
)
CUT_NAME = Reason(
    "found a member name that some programs cut after 100 bytes, to one of Python, expected a "
    "shorter one; leave it out with --exclude, or pack it again under another"
)
_LEFT_OUT = Reason(
    "left out, by its name or marks an environment, caches or installed code, though the archive "
    "has it; unpack it and scan it by itself"
)

NO_ROOM = Reason(
    "found too little memory to unpack it, expected room for it; free some, use fewer --jobs, or "
    "leave it out with --exclude"
)


@dataclass(frozen=True)
class Member:
    """A wanted file of an archive. ``position`` counts all members; ``problem`` if not read."""

    path: str
    name: str
    position: int
    day: str | None
    problem: Reason | None = None


@dataclass(frozen=True)
class Archive:
    """What an archive holds: wanted members by path, and what it says of itself."""

    members: list[Member]
    described: Described
    date: str | None
    read: Callable[[], Iterator[Found]]
    notices: tuple[tuple[str, bytes | Reason], ...] = ()


@dataclass
class Listing:
    """What is learnt while an archive is listed."""

    found: list[Member] = field(default_factory=list)
    tops: set[str] = field(default_factory=set)
    top_files: set[str] = field(default_factory=set)
    environments: set[str] = field(default_factory=set)
    metadata: dict[str, bytes] = field(default_factory=dict)
    notices: dict[str, bytes | Reason] = field(default_factory=dict)
    notices_left: int = 0
    date: str = ""
    lost: Reason | None = None
    count: int = 0

    def add(self, name: str, day: str | None, problem: Reason | None) -> None:
        """Take note of one member, a folder's name ending in ``/``."""
        position, self.count = self.count, self.count + 1
        cut = problem is CUT_NAME
        if (
            len(name) > _LONGEST_NAME or name.count("/") > _DEEPEST_NAME
        ):  # a tar may hold thousands of names of 16 MB each
            name = f"{name[:100]}...{name[-100:]}"
            problem = Reason(
                f"found a member name of more than {_LONGEST_NAME:,} characters or "
                f"{_DEEPEST_NAME} folders, which hardly a file system takes; do not unpack this "
                "archive"
            )
        self.date = max(self.date, day or "")
        folder, _, last = name.rpartition("/")
        unsafe = _unsafe(name)
        if unsafe is None:
            self.tops.add(name.split("/", 1)[0] if folder else "")
        if last in _PROJECT_FILES and "/" not in folder:
            self.top_files.add(last)
        if last in ENVIRONMENT_MARKS or folder.endswith("/conda-meta"):
            self.environments.add(folder.removesuffix("/conda-meta"))
        if last.endswith(ENDINGS) or cut:
            self.found.append(Member(name, name, position, day, unsafe or problem))
        elif _NOT_UNPACKED.sub("", last).endswith(ENDINGS):
            self.found.append(Member(name, name, position, day, _OTHER_NAME))

    def lacks_metadata(self, name: str) -> bool:
        """Whether a member holds metadata that are still to be read."""
        return len(self.metadata) < _MOST_METADATA and _METADATA.fullmatch(name) is not None

    def lacks_notice(self, name: str, size: int) -> bool:
        """Whether a member is a notice file that is still to be read; why not, where it is not."""
        if not is_notice(name.rpartition("/")[2]) or _unsafe(name) is not None:
            return False
        if len(self.notices) >= MOST:
            self.notices_left += 1
            return False
        if size > LONGEST_FILE:
            self.notices[name] = too_large(f"{size:,}", LONGEST_FILE)
            return False
        return True


class TooLongError(Exception):
    """More was asked for than the limits allow."""


def named(listing: Listing, shown_name: str, patterns: Patterns) -> list[Member]:
    """The wanted members under the paths they are known by, in the order of these."""
    top = _top_folder(listing)
    environments = listing.environments - {"", top.removesuffix("/")}
    members: list[Member] = []
    left_out: set[str] = set()
    for member in listing.found:
        path = _DATA.sub("", member.name.removeprefix(top), count=1)
        folders = list(accumulate(member.name.split("/")[:-1], "{}/{}".format))
        if not patterns.wants(shown(path)):
            continue
        out = [
            folder
            for folder in folders
            if folder in environments or folder.rpartition("/")[2] in LEFT_OUT
        ]
        if out:
            whole = shown(_DATA.sub("", (out[0] + "/").removeprefix(top), count=1))
            if whole not in left_out:
                left_out.add(whole)
                members.append(Member(whole, member.name, member.position, None, _LEFT_OUT))
            continue
        members.append(
            Member(shown(path), member.name, member.position, member.day, member.problem)
        )
    times = Counter(member.path for member in members)
    seen: Counter[str] = Counter()
    for at, member in enumerate(members):
        seen[member.path] += 1
        if seen[member.path] < times[member.path]:
            problem = member.problem or Reason(
                f"found {times[member.path]} members of this name, expected one; the last, "
                "which unpacking leaves, is looked at"
            )
            members[at] = Member(member.path, member.name, member.position, member.day, problem)
    if listing.lost is not None:
        members.append(Member(shown_name, "", -1, None, listing.lost))
    return sorted(members, key=lambda one: (one.path.encode("utf-8", "replace"), one.position))


def notices_of(listing: Listing, patterns: Patterns) -> tuple[tuple[str, bytes | Reason], ...]:
    """The notice files under the paths they are known by, sorted, none that is excluded."""
    top = _top_folder(listing)
    read = ((shown(name.removeprefix(top)), data) for name, data in listing.notices.items())
    found = sorted((one for one in read if not patterns.excludes(one[0])), key=lambda one: one[0])
    if listing.notices_left:
        left = f"found {listing.notices_left} notice files more than the {MOST} that were read"
        found.append((".", Reason(f"{left}; leave some out with --exclude")))
    return tuple(found)


def _top_folder(listing: Listing) -> str:
    """``name-version/`` where all members are in it, else nothing."""
    if len(listing.tops) != 1:
        return ""
    top = next(iter(listing.tops))
    if top in ("", ".", "..") or top.endswith((".data", ".dist-info")):
        return ""
    return top + "/" if listing.top_files or _VERSIONED.fullmatch(top) else ""


def described(listing: Listing) -> Described:
    """What the metadata nearest to the top say; a wheel's before an sdist's."""
    for name in sorted(listing.metadata, key=lambda name: (name.endswith("PKG-INFO"), name)):
        return from_metadata(listing.metadata[name])
    return Described()


def tidy(name: str) -> str:
    """A member name without what means nothing."""
    return re.sub(r"\A(?:\./)+", "", name).replace("/./", "/")


def _unsafe(name: str) -> Reason | None:
    parts = name.replace("\\", "/").split("/")
    if ".." not in parts and parts[0] and not re.match("[A-Za-z]:", name):
        return None
    return Reason(
        "found a member name that leads out of the archive, expected a relative path without "
        "'..'; do not unpack this archive"
    )


def not_followed(what: str) -> Reason:
    """Why a member that is no regular file is not read."""
    return Reason(f"found {what} in the archive, expected a regular file; it was not followed")


def too_many(shown_name: str, limits: Limits) -> SourceError:
    """The archive is refused for the number of its members."""
    return SourceError(
        f"{shown_name}: found more members than the {limits.max_members:,} allowed, or longer "
        "names; unpack it and scan the folder, or raise max_members in provenance.limits.Limits"
    )


def too_much(shown_name: str, limits: Limits) -> SourceError:
    """The archive is refused for its unpacked size."""
    return SourceError(
        f"{shown_name}: found more than the {limits.max_total_bytes:,} unpacked bytes allowed; "
        "unpack it and scan the folder, or raise max_total_bytes in provenance.limits.Limits"
    )


def check_times(shown_name: str, size: int, unpacked: int, limits: Limits) -> None:
    """That the files wanted, of so many bytes in all, are not too many times as long as an archive.

    Raises:
        SourceError: they are.
    """
    if unpacked > max(limits.max_times * size, limits.max_notebook_bytes):
        raise SourceError(
            f"{shown_name}: found {unpacked:,} bytes of Python in an archive of {size:,}, expected "
            f"at most {limits.max_times} times as many; choose some with --include, or unpack it "
            "and scan the folder"
        )


def said(error: Exception) -> str:
    """What an error of the standard library says, short and printable."""
    text = shown(str(error))[:80]
    return text or type(error).__name__
