"""source: what a user names -> the Python files in it, one at a time, or why one is not read.

A directory, a file, a notebook, a wheel, sdist, zip or tar, and ``pypi:NAME==VERSION`` are all
opened by ``open_source`` and look alike from then on. What is in them is never run, imported
or unpacked to disk. A bad file is a ``Skipped`` among the others; only a source that cannot be
opened at all is an error.

    source      opens a source, turns bytes into ``SourceFile`` or ``Skipped``
    folder      directories and what git ignores         archive     zipped, tarred: in place
    pypi        fetches a release, runs none of it       patterns    --include and --exclude
    decode      bytes of a Python file -> UTF-8          notebook    reads those, where work is held
    release     metadata -> name, version, licence, day
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from provenance.decode import Reason, decode, pointer, shown
from provenance.errors import SourceError
from provenance.folder import find_named, list_folder
from provenance.given import is_package
from provenance.limits import READ, Found, Limits
from provenance.model import Release, Skipped, SourceFile, Unread
from provenance.notices import LONGEST_FILE, MOST, MOST_BYTES, is_notice
from provenance.patterns import Patterns
from provenance.regular import read_file, read_within, real_path, remedy, sha256_of
from provenance.toml import table_of

_NAMED_VERSIONED = re.compile(r"(?P<name>.+?)-v?(?P<version>\d[^-]*)(?:-.*)?")
_LONGEST_PROJECT_FILE = 1_000_000


@dataclass(frozen=True)
class Source:
    """One opened source. ``label`` is what the user typed; ``files()`` yields ``total`` items,
    skipped ones included: none at all where nothing matched."""

    label: str
    release: Release
    total: int
    _read: Callable[[], Iterator[Found]] = field(repr=False)
    _limits: Limits = field(repr=False)
    _notices: Callable[[], list[tuple[str, bytes | Reason]]] = field(repr=False, default=list)

    def files(self) -> Iterator[SourceFile | Unread | Skipped]:
        """Read the files, sorted by the bytes of their paths; may be called again."""
        for path, found, day in self._read():
            yield as_file(path, found, day, self._limits)

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """The bytes of the files as they are found; what cannot be read is left out."""
        for path, found, _ in self._read():
            if not isinstance(found, Reason):
                yield path, found

    def notices(self) -> list[tuple[str, bytes] | Skipped]:
        """The notice files (``NOTICE``, ``LICENSE`` ...) by path, or why one is not read; whatever
        ``include`` wants, for they speak of what it wants."""
        return within_bounds(self._notices(), "leave some out with --exclude")


def within_bounds(
    read: Sequence[tuple[str, bytes | Reason]], remedy: str
) -> list[tuple[str, bytes] | Skipped]:
    """Notice files that are read, those nearest to the top before others, or why one is not."""
    left = MOST_BYTES
    far: set[str] = set()  # from the top, once the nearer ones take all that is read
    for path, found in sorted(read, key=lambda one: (one[0].count("/"), one[0])):
        if isinstance(found, bytes):
            left -= len(found)
            if left < 0:
                far.add(path)
    too_much = (
        f"found notice files of more than {MOST_BYTES:,} bytes, expected less in all; those "
        f"nearest to the top were read, {remedy}"
    )
    return [
        Skipped(path, too_much if path in far else str(found))
        if isinstance(found, Reason) or path in far
        else (path, found)
        for path, found in read
    ]


def open_source(
    text: str,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    only: Sequence[str] | None = None,
    limits: Limits = READ,
) -> Source:
    """Open what a user names, whatever its kind; nothing is read yet but lists of names.

    Args:
        text: a directory, a file, a notebook, an archive, or ``pypi:NAME==VERSION``.
        include: globs of paths to look at, all where empty; see ``provenance.patterns``.
        exclude: globs of paths to leave out, whatever is included.
        only: paths of files and folders beside which no file is wanted; None for no bound.
        limits: what is read at most.

    Raises:
        SourceError: it cannot be opened.
        UsageError: the requirement or a glob cannot be read.
    """
    from provenance.archive import TAR_ENDINGS, ZIP_ENDINGS

    patterns = Patterns(include, exclude, only)
    if is_package(text):
        return _open_fetched(text, patterns, limits)
    try:
        mode = os.stat(text).st_mode
    except (OSError, ValueError) as error:
        raise SourceError(_missing(text, error)) from error
    if stat.S_ISDIR(mode):
        return _open_folder(text, patterns, limits)
    if not stat.S_ISREG(mode):
        raise SourceError(
            f"{shown(text)}: found neither a file nor a directory (a pipe, socket or device), "
            "expected one of them; save what it yields to a file"
        )
    if text.lower().endswith((*ZIP_ENDINGS, *TAR_ENDINGS)):
        return _open_archive(text, text, patterns, limits)
    return _open_file(text, patterns, limits)


def open_named(
    text: str,
    paths: Iterable[str],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    limits: Limits = READ,
) -> Source:
    """Open a directory for these files alone: it is not listed, however much is in it. What is
    none is opened by ``open_source``, with the globs.

    Args:
        text: what was opened before.
        paths: of files in it, as ``Source.files`` of all of it has them. Where several are shown
            alike, all of them are read.
        include: globs for what is no directory.
        exclude: likewise.
        limits: what is read at most.

    Raises:
        SourceError: it cannot be opened.
    """
    if not os.path.isdir(text):
        return open_source(text, include=include, exclude=exclude, limits=limits)
    root = _listable(text)
    entries = sorted(find_named(root, paths), key=_in_order)

    def read() -> Iterator[Found]:
        for path, place in entries:
            yield path, _read_below(root, place, limits.of(path)), None

    return Source(
        text, Release(shown(os.path.basename(root)) or "root"), len(entries), read, limits
    )


def _missing(text: str, error: OSError | ValueError) -> str:
    if re.fullmatch(r"[\w.-]+==[\w.!+-]+", text):
        return f"{text}: found no such file; for a release of a package write pypi:{text}"
    if "://" in text:
        return "found an address, expected a path or pypi:NAME==VERSION; fetch it first"
    said = error.strerror if isinstance(error, OSError) else "no path"
    to_do = "check the spelling"
    if os.path.islink(text):
        to_do = "mend or remove this link"
    if isinstance(error, PermissionError):
        to_do = "give permission to read it, and to enter the folders above"
    return (
        f"{shown(text)}: cannot be opened ({said}), expected a directory, a .py or .ipynb file, "
        f"a .whl, .zip or .tar archive, or pypi:NAME==VERSION; {to_do}"
    )


# --- the kinds of sources -----------------------------------------------------------------


def _open_folder(text: str, patterns: Patterns, limits: Limits) -> Source:
    root = _listable(text)
    listed, beside = list_folder(root, patterns, is_notice)
    entries = _told_apart(sorted(listed, key=_in_order))

    def read_in(place: str | Reason, limit: int) -> bytes | Reason:
        return place if isinstance(place, Reason) else _read_below(root, place, limit)

    def read() -> Iterator[Found]:
        for path, place in entries:
            yield path, read_in(place, limits.of(path)), None

    def notices() -> list[tuple[str, bytes | Reason]]:
        found: list[tuple[str, bytes | Reason]] = []
        for path, place in sorted(beside, key=lambda one: (one[0].count("/"), one[0]))[:MOST]:
            found.append((path, read_in(place, LONGEST_FILE)))
        if len(beside) > MOST:
            reason = f"found {len(beside)} notice files, the {MOST} nearest to the top were read"
            found.append((".", Reason(f"{reason}; leave some out with --exclude")))
        return sorted(found, key=lambda one: one[0])

    return Source(text, _project(root), len(entries), read, limits, notices)


def _listable(text: str) -> str:
    """The path of a directory, without links."""
    root = real_path(text)
    try:
        with os.scandir(root):
            return root
    except OSError as error:
        raise SourceError(
            f"{shown(text)}: found a directory that cannot be listed ({error.strerror}); "
            + remedy(error, "give read permission")
        ) from error


def _read_below(root: str, place: str, limit: int) -> bytes | Reason:
    """What stands in a place below a root."""
    inner = len(os.path.join(root, ""))
    return read_within(root, place[inner:].replace(os.sep, "/"), limit)


def _in_order(entry: tuple[str, str | Reason]) -> tuple[bytes, ...]:
    """The bytes of a path as it is shown, then as it is."""
    return tuple(text.encode("utf-8", "surrogatepass") for text in entry)


def _told_apart(entries: Sequence[tuple[str, str | Reason]]) -> list[tuple[str, str | Reason]]:
    """Of files whose paths are shown alike, as where one name has a tab and another one the escape
    of it, the first: what is found in one would be told of all."""
    read: set[str] = set()
    told: list[tuple[str, str | Reason]] = []
    for path, place in entries:
        if not isinstance(place, Reason):
            if path in read:
                place = Reason(
                    "found a name that is shown as that of another file, expected one of its own; "
                    "rename it"
                )
            read.add(path)
        told.append((path, place))
    return told


def _open_file(text: str, patterns: Patterns, limits: Limits) -> Source:
    """One file, whatever its ending."""
    name = shown(os.path.basename(text))
    stem = os.path.splitext(name)[0]
    try:
        with open(text, "rb"):
            pass
    except OSError as error:
        raise SourceError(
            f"{shown(text)}: found a file that cannot be read ({error.strerror}); "
            + remedy(error, "give read permission")
        ) from error
    wanted = patterns.wants(name)

    def read() -> Iterator[Found]:
        if wanted:
            yield name, read_file(text, limits.of(name), follow=True), None

    return Source(text, Release(stem), int(wanted), read, limits)


def _open_fetched(text: str, patterns: Patterns, limits: Limits) -> Source:
    """A release of a package. pip holds a wheel against its name and version; of an sdist it would
    have to run the build for that."""
    from provenance.pypi import fetch, parse_requirement
    from provenance.release import normalised

    name, version = parse_requirement(text.removeprefix("pypi:"))
    path = fetch(name, version)
    try:
        source = _open_archive(text, path, patterns, limits)
        said = source.release
        if normalised(said.package) != name or _numbers(said.version or "") != _numbers(version):
            raise SourceError(
                f"{text}: found an archive that says it is {said.package} {said.version}, expected "
                "the release that was asked for; do not trust it, or name the file"
            )
    except SourceError as error:
        raise SourceError(
            f"{error} ({text} is kept as {path}: remove that to have it fetched again)"
        ) from error
    return source


def _numbers(version: str) -> tuple[str, ...] | None:
    """The numbers of a version, however it is written: ``v1.0-RC.1`` has those of ``1rc1+any``."""
    found = re.match(r"v?0*!?0*(\d+!)?(\d+(?:\.\d+)*)([^+]*)", version.lower())
    if found is None:
        return None
    release = re.sub(r"(?:\.0+)+\Z", "", re.sub(r"\b0+(?=\d)", "", found[2]))
    return found[1] or "", release, *re.findall(r"[1-9]\d*", found[3])


def _open_archive(text: str, path: str, patterns: Patterns, limits: Limits) -> Source:
    from provenance.archive import TAR_ENDINGS, ZIP_ENDINGS
    from provenance.tarred import open_tar
    from provenance.zipped import open_zip

    name = shown(os.path.basename(path))
    ending = next(one for one in (*ZIP_ENDINGS, *TAR_ENDINGS) if name.lower().endswith(one))
    try:
        state = _state(path)
        digest = sha256_of(path)
        opened = (open_zip if ending in ZIP_ENDINGS else open_tar)(path, name, patterns, limits)
    except OSError as error:
        raise SourceError(
            f"{shown(text)}: found an archive that cannot be read ({error.strerror}); "
            + remedy(error, "check its permissions and its disk")
        ) from error
    said = opened.described
    stem = name[: -len(ending)]
    match = _NAMED_VERSIONED.fullmatch(stem)
    release = Release(
        package=said.name or (match["name"] if match else stem),
        version=said.version or (match["version"] if match else None),
        license=said.license,
        date=opened.date,
        date_source="archive" if opened.date else "none",
        sha256=digest,
    )

    def read() -> Iterator[Found]:
        if _state(path) == state:
            yield from opened.read()
            return
        for member in opened.members:  # what is found would be told of the one with this digest
            yield member.path, member.problem or _OTHER_ARCHIVE, member.day

    return Source(text, release, len(opened.members), read, limits, lambda: [*opened.notices])


_OTHER_ARCHIVE = Reason("found another archive than the one that was listed; scan again")


def _state(path: str) -> tuple[int, ...] | None:
    """By what a file is known to be as it was; None for what is none, or no more."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _project(root: str) -> Release:
    """What the ``pyproject.toml`` of a directory says, else the name of the directory."""
    from provenance.release import Described, from_project

    data = read_file(os.path.join(root, "pyproject.toml"), _LONGEST_PROJECT_FILE)
    said = Described()
    if not isinstance(data, Reason):
        try:
            table = table_of(data.decode("utf-8")).get("project")
        except ValueError:
            table = None  # the name of the directory does as well
        if isinstance(table, dict):
            said = from_project(table)
    name = said.name or shown(os.path.basename(root)) or "root"
    return Release(name, said.version, said.license)


# --- one file -----------------------------------------------------------------------------


def as_file(
    path: str, found: bytes | Reason, day: str | None, limits: Limits
) -> SourceFile | Unread | Skipped:
    """The text of one file, or why there is none; ``notebook.read`` reads a notebook."""
    if isinstance(found, Reason):
        return Skipped(path, str(found))
    from hashlib import sha256

    if (elsewhere := pointer(found)) is not None:
        return Skipped(path, str(elsewhere))
    digest = sha256(found).hexdigest()
    if path.endswith(".ipynb"):
        return Unread(path, found, digest, day, limits.max_file_bytes)
    text = decode(found)
    if isinstance(text, Reason):
        return Skipped(path, str(text))
    return SourceFile(path, text, digest, day)
