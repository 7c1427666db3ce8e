"""archive: a wheel, sdist, zip or tar -> the Python files in it, read in place.

Nothing is written to disk, and no header is believed: what is read is bounded by what comes
out. A bad member is a ``Reason`` among the others; only an archive of which nothing can be
listed is an error. Members are named as the package is installed: without the top folder
``name-version/`` of an sdist and without a wheel's ``*.data/purelib/``.
"""

from __future__ import annotations

import io
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from provenance.decode import Reason
from provenance.errors import ProvenanceError, SourceError
from provenance.folder import (
    ENDINGS,
    ENVIRONMENT_MARKS,
    LEFT_OUT,
    read_at_most,
    shown,
    too_large,
)
from provenance.patterns import Patterns
from provenance.release import Described, day_of_parts, day_of_seconds, from_metadata

if TYPE_CHECKING:
    import lzma
    import tarfile
    import zipfile

    from typing_extensions import Buffer

    from provenance.source import Found, Limits

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz")
ZIP_ENDINGS = (".whl", ".zip")

_LONGEST_METADATA = 1_000_000
_ZIP_MEMBER_BYTES = 256  # of the directory, per allowed member: 46 and a long name
_LONGEST_HEADER = 16_000_000  # tarfile reads a name or a pax header at one go
_XZ_MEMORY = 256_000_000  # 'xz -9' needs 65 MB to unpack; a forged header may ask for 4 GB
_METADATA = re.compile(r"[^/]+\.dist-info/METADATA|(?:[^/]+/)?PKG-INFO")
_PROJECT_FILES = {"PKG-INFO", "pyproject.toml", "setup.py", "setup.cfg"}
_VERSIONED = re.compile(r".+-v?\d[^/]*")
_DATA = re.compile(r"[^/]+\.data/(?:purelib|platlib)/")


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


@dataclass
class _Listing:
    """What is learnt while an archive is listed."""

    found: list[Member] = field(default_factory=list)
    tops: set[str] = field(default_factory=set)
    top_files: set[str] = field(default_factory=set)
    environments: set[str] = field(default_factory=set)
    metadata: dict[str, bytes] = field(default_factory=dict)
    date: str = ""
    lost: Reason | None = None
    count: int = 0

    def add(self, name: str, day: str | None, problem: Reason | None) -> None:
        """Take note of one member, a folder's name ending in ``/``."""
        position, self.count = self.count, self.count + 1
        self.date = max(self.date, day or "")
        folder, _, last = name.rpartition("/")
        self.tops.add(name.split("/", 1)[0] if folder else "")
        if last in _PROJECT_FILES and "/" not in folder:
            self.top_files.add(last)
        if last in ENVIRONMENT_MARKS or folder.endswith("/conda-meta"):
            self.environments.add(folder.removesuffix("/conda-meta") + "/")
        if last.endswith(ENDINGS):
            unsafe = _unsafe(name)
            self.found.append(Member(name, name, position, day, unsafe or problem))


class _TooLongError(Exception):
    """More was asked for than the limits allow."""


# --- zip ----------------------------------------------------------------------------------


def open_zip(path: str, shown_name: str, patterns: Patterns, limits: Limits) -> Archive:
    """List a wheel or zip.

    Raises:
        SourceError: it is no zip, or there is more in it than the limits allow.
    """
    listing = _Listing()
    with _zip(path, shown_name, limits) as archive:
        infos = archive.infolist()
        if len(infos) > limits.max_members:
            raise _too_many(shown_name, limits)
        for info in infos:
            name = _tidy(info.filename)
            listing.add(name, day_of_parts(*info.date_time[:3]), _zip_problem(info, name, limits))
            if _METADATA.fullmatch(name) and info.file_size <= _LONGEST_METADATA:
                data = _read_zip_member(archive, info, _LONGEST_METADATA)
                if not isinstance(data, Reason):
                    listing.metadata[name] = data
        total = sum(
            min(info.file_size, limits.of(info.filename))
            for info in infos
            if info.filename.endswith(ENDINGS)
        )
    if total > limits.max_total_bytes:
        raise _too_much(shown_name, limits)
    members = _named(listing, shown_name, patterns)

    def read() -> Iterator[Found]:
        with _zip(path, shown_name, limits) as archive:
            for member in members:
                found: bytes | Reason
                if member.problem is not None:
                    found = member.problem
                else:
                    found = _read_zip_member(
                        archive, infos[member.position], limits.of(member.path)
                    )
                yield member.path, found, member.day

    return Archive(members, _described(listing), listing.date or None, read)


@contextmanager
def _zip(path: str, shown_name: str, limits: Limits) -> Iterator[zipfile.ZipFile]:
    with _BoundedFile(io.FileIO(path)) as file:
        file.most = max(limits.max_members * _ZIP_MEMBER_BYTES, 1 << 17)
        with _directory(file, shown_name, limits) as archive:
            yield archive


def _directory(file: io.BufferedReader, shown_name: str, limits: Limits) -> zipfile.ZipFile:
    import zipfile

    try:
        return zipfile.ZipFile(file)
    except _TooLongError as error:
        raise _too_many(shown_name, limits) from error
    except Exception as error:  # a hostile directory brings out all kinds
        raise SourceError(
            f"{shown_name}: found no readable zip archive ({_said(error)}), expected a wheel or "
            "zip; fetch or pack it again"
        ) from error


class _BoundedFile(io.BufferedReader):
    """A file that refuses to read more than ``most`` bytes at one go: a zip's directory."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, but no more than is allowed."""
        if size is not None and size > self.most:
            raise _TooLongError("the directory of the archive is too long")
        return super().read(size)


def _read_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes | Reason:
    try:
        with archive.open(info) as file:
            data = read_at_most(file.read, limit)
    except Exception as error:  # zlib.error, BadZipFile, EOFError, struct.error, ...
        return Reason(
            f"found a damaged member ({_said(error)}), expected one that unpacks; "
            "fetch or pack the archive again"
        )
    if len(data) < min(info.file_size, limit):
        return Reason(
            f"found {len(data):,} bytes of the {info.file_size:,} announced; "
            "fetch or pack the archive again"
        )
    return too_large(f"more than {limit:,}", limit) if len(data) > limit else data


def _zip_problem(info: zipfile.ZipInfo, name: str, limits: Limits) -> Reason | None:
    """Why a member cannot be read, as far as its header tells."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return _link_member("a symbolic link")
    if kind not in (0, stat.S_IFREG):
        return _link_member("no regular file")
    if info.flag_bits & 0x1:
        return Reason(
            "found an encrypted member, expected a readable one; pack it without password"
        )
    if info.compress_type not in (0, 8):  # the other methods unpack without bound in zipfile
        return Reason(
            f"found compression method {info.compress_type}, expected stored or deflate; "
            "pack the archive again"
        )
    limit = limits.of(name)
    return too_large(f"{info.file_size:,}", limit) if info.file_size > limit else None


# --- tar ----------------------------------------------------------------------------------


def open_tar(path: str, shown_name: str, patterns: Patterns, limits: Limits) -> Archive:
    """List a tar, whatever it is compressed with.

    Raises:
        SourceError: it is no tar, or there is more in it than the limits allow.
    """
    listing = _Listing()
    sizes: dict[int, int] = {}
    try:
        for info, tar in _tar_members(path, limits):
            if listing.count >= limits.max_members:
                raise _too_many(shown_name, limits)
            name = _tidy(info.name) + "/" * info.isdir()
            position = listing.count
            listing.add(name, day_of_seconds(info.mtime), _tar_problem(info, limits))
            sizes[position] = info.size
            if _METADATA.fullmatch(name) and info.isreg() and info.size <= _LONGEST_METADATA:
                listing.metadata[name] = _read_tar_member(tar, info, _LONGEST_METADATA)
    except ProvenanceError:
        raise
    except _TooLongError as error:
        raise _too_much(shown_name, limits) from error
    except Exception as error:  # tarfile and the decompressors bring out all kinds
        if not listing.count:
            raise SourceError(
                f"{shown_name}: found no readable tar archive ({_said(error)}), expected a tar, "
                "plain or compressed with gzip, bzip2 or xz; fetch or pack it again"
            ) from error
        listing.lost = Reason(
            f"found the archive to break off after {listing.count:,} members "
            f"({_said(error)}); what follows is lost, fetch it again"
        )
    members = _named(listing, shown_name, patterns)
    held = sum(sizes.get(member.position, 0) for member in members if member.problem is None)
    if held > limits.max_held_bytes:
        raise SourceError(
            f"{shown_name}: found {held:,} bytes of Python, expected at most "
            f"{limits.max_held_bytes:,} in a tar; choose some with --include, or unpack it and "
            "scan the folder"
        )
    return Archive(
        members,
        _described(listing),
        listing.date or None,
        lambda: _read_tar(path, members, limits),
    )


def _read_tar(path: str, members: list[Member], limits: Limits) -> Iterator[Found]:
    """Read a tar once, from front to end, holding back what comes before its turn."""
    turn = {member.position: at for at, member in enumerate(members) if member.problem is None}
    waiting: dict[int, bytes | Reason] = {
        at: member.problem for at, member in enumerate(members) if member.problem is not None
    }
    due = 0
    lost = Reason("found less than when the archive was listed; it changed or is damaged")
    try:
        for position, (info, tar) in enumerate(_tar_members(path, limits)):
            at = turn.get(position)
            if at is None:
                continue
            if _tidy(info.name) != members[at].name:
                break
            limit = limits.of(members[at].path)
            data = _read_tar_member(tar, info, limit)
            waiting[at] = data if len(data) <= limit else too_large(f"more than {limit:,}", limit)
            while due in waiting:
                yield members[due].path, waiting.pop(due), members[due].day
                due += 1
            if due == len(members):
                return
    except Exception as error:  # as above: tarfile and the decompressors
        lost = Reason(
            f"found the archive damaged before the end of this member ({_said(error)}); "
            "fetch it again"
        )
    for at in range(due, len(members)):
        yield members[at].path, waiting.pop(at, lost), members[at].day


def _tar_members(path: str, limits: Limits) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    """The members in the archive's order, each to be read before the next is asked for."""
    import tarfile

    with open(path, "rb") as raw, _unpacked(raw) as unpacked:
        at_once = max(limits.max_file_bytes, limits.max_notebook_bytes, _LONGEST_HEADER) + 1
        stream = _Stream(unpacked, limits.max_total_bytes, at_once)
        with tarfile.open(fileobj=stream, mode="r:", errorlevel=1) as tar:
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # it would keep them all
                yield info, tar
        if stream.last.strip(b"\0") or not stream.last:
            raise tarfile.ReadError("no end mark where one was expected")


def _read_tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo, limit: int) -> bytes:
    file = tar.extractfile(info)
    if file is None:
        return b""
    with file:
        data = read_at_most(file.read, limit)
    if len(data) < min(info.size, limit):
        raise EOFError("unexpected end of data")
    return data


def _unpacked(raw: io.BufferedReader) -> IO[bytes]:
    """The stream inside a compressed file, known by its first bytes."""
    start = raw.peek(6)
    if start.startswith(b"\x1f\x8b"):
        import gzip

        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if start.startswith(b"BZh"):
        import bz2

        return bz2.BZ2File(raw)
    if start.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")):
        return io.BufferedReader(_Xz(raw), 1 << 16)
    return raw


class _Xz(io.RawIOBase):
    """What an xz file unpacks to, in bounded memory (``lzma.LZMAFile`` takes no limit)."""

    def __init__(self, raw: io.BufferedReader) -> None:
        self._raw = raw
        self._unpacker = _xz_unpacker()

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill the buffer as far as one step goes; 0 at the end."""
        view = memoryview(buffer)
        while True:
            packed = b""
            if self._unpacker.eof:
                packed = (self._unpacker.unused_data or self._raw.read(1 << 16)).lstrip(b"\0")
                if not packed:
                    return 0
                self._unpacker = _xz_unpacker()
            elif self._unpacker.needs_input:
                packed = self._raw.read(1 << 16)
                if not packed:
                    raise EOFError("the compressed data end too early")
            data = self._unpacker.decompress(packed, len(view))
            if data:
                view[: len(data)] = data
                return len(data)

    def readable(self) -> bool:
        """Always."""
        return True


def _xz_unpacker() -> lzma.LZMADecompressor:
    import lzma

    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)


class _Stream(io.RawIOBase):
    """A stream that only goes forward, counts what comes out, and refuses too much of it."""

    def __init__(self, source: IO[bytes], most: int, at_once: int) -> None:
        self._source = source
        self._most = most
        self._at_once = at_once
        self._at = 0
        self.last = b""  # what was read last: the end mark, where there is one

    def read(self, size: int | None = -1) -> bytes:
        """Read just so many bytes, fewer at the end only."""
        if size is None or not 0 <= size <= self._at_once:
            raise _TooLongError("a header of the archive is too long")
        parts = []
        while size > 0 and (part := self._source.read(size)):
            parts.append(part)
            size -= len(part)
            self._at += len(part)
        if self._at > self._most:
            raise _TooLongError("the archive is too long")
        self.last = b"".join(parts)
        return self.last

    def seek(self, offset: int, whence: int = 0) -> int:
        """Pass over what lies before ``offset``."""
        if whence != 0 or offset < self._at:
            raise ValueError("the stream goes forward only")
        while self._at < offset and self.read(min(offset - self._at, 1 << 18)):
            pass
        return self._at

    def tell(self) -> int:
        """How many bytes came out."""
        return self._at

    def seekable(self) -> bool:
        """Forward."""
        return True

    def readable(self) -> bool:
        """Always."""
        return True


def _tar_problem(info: tarfile.TarInfo, limits: Limits) -> Reason | None:
    if info.issym():
        return _link_member("a symbolic link")
    if info.islnk():
        return _link_member("a hard link")
    if not info.isreg() or info.issparse():
        return _link_member("no regular file")
    limit = limits.of(info.name)
    return too_large(f"{info.size:,}", limit) if info.size > limit else None


# --- both ---------------------------------------------------------------------------------


def _named(listing: _Listing, shown_name: str, patterns: Patterns) -> list[Member]:
    """The wanted members under the paths they are known by, in the order of these."""
    top = _top_folder(listing)
    members: list[Member] = []
    for member in listing.found:
        path = _DATA.sub("", member.name.removeprefix(top), count=1)
        parts = member.name.split("/")
        if not LEFT_OUT.isdisjoint(parts[:-1]) or not patterns.wants(shown(path)):
            continue
        if any(member.name.startswith(folder) for folder in listing.environments - {top, "/"}):
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


def _top_folder(listing: _Listing) -> str:
    """``name-version/`` where all members are in it, else nothing."""
    if len(listing.tops) != 1:
        return ""
    top = next(iter(listing.tops))
    if top in ("", ".", "..") or top.endswith((".data", ".dist-info")):
        return ""
    return top + "/" if listing.top_files or _VERSIONED.fullmatch(top) else ""


def _described(listing: _Listing) -> Described:
    """What the metadata nearest to the top say; a wheel's before an sdist's."""
    for name in sorted(listing.metadata, key=lambda name: (name.endswith("PKG-INFO"), name)):
        return from_metadata(listing.metadata[name])
    return Described()


def _tidy(name: str) -> str:
    while name.startswith("./"):
        name = name[2:]
    return name.replace("/./", "/")


def _unsafe(name: str) -> Reason | None:
    parts = name.replace("\\", "/").split("/")
    if ".." not in parts and parts[0] and not re.match("[A-Za-z]:", name):
        return None
    return Reason(
        "found a member name that leads out of the archive, expected a relative path without "
        "'..'; do not unpack this archive"
    )


def _link_member(what: str) -> Reason:
    return Reason(f"found {what} in the archive, expected a regular file; it was not followed")


def _too_many(shown_name: str, limits: Limits) -> SourceError:
    return SourceError(
        f"{shown_name}: found more members than the {limits.max_members:,} allowed; unpack it "
        "and scan the folder, or raise max_members in provenance.source.Limits"
    )


def _too_much(shown_name: str, limits: Limits) -> SourceError:
    return SourceError(
        f"{shown_name}: found more than the {limits.max_total_bytes:,} unpacked bytes allowed; "
        "unpack it and scan the folder, or raise max_total_bytes in provenance.source.Limits"
    )


def _said(error: Exception) -> str:
    """What an error of the standard library says, short and printable."""
    text = shown(str(error))[:80]
    return text or type(error).__name__
