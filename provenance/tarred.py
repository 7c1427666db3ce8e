"""tarred: a tar, plain or compressed -> its Python files, read in place, once, front to end.

What comes out of the decompressor is counted and only ever passed forward, so that neither a
bomb nor a forged header takes more memory than one file may have.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, cast

from provenance.archive import (
    LONGEST_METADATA,
    NO_ROOM,
    Archive,
    Listing,
    Member,
    TooLongError,
    check_times,
    described,
    named,
    not_followed,
    notices_of,
    said,
    tidy,
    too_many,
    too_much,
)
from provenance.decode import Reason
from provenance.errors import ProvenanceError, SourceError
from provenance.notices import LONGEST_FILE
from provenance.patterns import Patterns
from provenance.regular import read_at_most, too_large
from provenance.release import day_of_seconds

if TYPE_CHECKING:
    import lzma
    import tarfile

    from typing_extensions import Buffer

    from provenance.limits import Found, Limits

_LONGEST_HEADER = 16_000_000  # tarfile reads a name or a pax header at one go
_MEMBER_BYTES = 256  # of names, and of pax headers, per allowed member
_MOST_FOR_ALL = 1 << 13  # bytes of the pax headers that tarfile goes through for every member
_SLOW = re.compile(rb"[0-9]{100}|hdrcharset.*hdrcharset", re.DOTALL)
"""What tarfile takes time for by the square of its length."""
_RECORD = re.compile(rb"([1-9][0-9]{0,9}) ([^ \t\n=][^\n=]*)=")
_TOGETHER = (b"", b"x", b"X", b"L", b"K", b"LK", b"KL")
"""Kinds of headers that speak of one member. Of others, and of pax headers that are not as POSIX
says, some programs believe this one and some that, and so unpack a file under another name."""
_HEADER = 512
_REST = 1 << 16  # bytes that are looked at together behind the end mark
_PAX = (b"x", b"X", b"g")  # kinds of headers, the last for all members that follow
_LONG = (b"L", b"K")  # those of GNU, of a long name
_TEXT = (*_PAX, *_LONG)  # those whose text follows
_SIZE = slice(124, 136)  # where a header says how long it is
_XZ_MEMORY = 256_000_000  # 'xz -9' needs 65 MB to unpack; a forged header may ask for 4 GB


def open_tar(path: str, shown_name: str, patterns: Patterns, limits: Limits) -> Archive:
    """List a tar, whatever it is compressed with.

    Raises:
        SourceError: it is no tar, or there is more in it than the limits allow.
    """
    listing = Listing()
    sizes: dict[int, int] = {}
    names_left = limits.max_members * _MEMBER_BYTES
    try:
        for info, tar in _tar_members(path, limits):
            names_left -= len(info.name)
            if listing.count >= limits.max_members or names_left < 0:
                raise too_many(shown_name, limits)
            name = _name(info) + "/" * info.isdir()
            position = listing.count
            problem = _tar_problem(info, limits)
            listing.add(name, day_of_seconds(info.mtime), problem)
            sizes[position] = info.size
            if listing.lacks_metadata(name) and info.isreg() and info.size <= LONGEST_METADATA:
                listing.metadata[name] = _read_tar_member(tar, info, LONGEST_METADATA)
            elif listing.lacks_notice(name, info.size):
                listing.notices[name] = problem or _read_tar_member(tar, info, LONGEST_FILE)
    except (ProvenanceError, MemoryError):
        raise
    except TooLongError as error:
        raise too_much(shown_name, limits) from error
    except Exception as error:  # tarfile and the decompressors bring out all kinds
        if not listing.count:
            raise SourceError(
                f"{shown_name}: found no readable tar archive ({said(error)}), expected a tar, "
                "plain or compressed with gzip, bzip2 or xz; fetch or pack it again"
            ) from error
        listing.lost = Reason(
            f"found the archive to break off after {listing.count:,} members "
            f"({said(error)}); what follows is lost, fetch it again"
        )
    members = named(listing, shown_name, patterns)
    held = sum(sizes.get(member.position, 0) for member in members if member.problem is None)
    if held > limits.max_held_bytes:
        raise SourceError(
            f"{shown_name}: found {held:,} bytes of Python, expected at most "
            f"{limits.max_held_bytes:,} in a tar; choose some with --include, or unpack it and "
            "scan the folder"
        )
    check_times(shown_name, os.path.getsize(path), held, limits)
    return Archive(
        members,
        described(listing),
        listing.date or None,
        lambda: _read_tar(path, members, limits),
        notices_of(listing, patterns),
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
            if _name(info) != members[at].name:
                break
            limit = limits.of(members[at].path)
            data = _read_tar_member(tar, info, limit)
            waiting[at] = data if len(data) <= limit else too_large(f"more than {limit:,}", limit)
            while due in waiting:
                yield members[due].path, waiting.pop(due), members[due].day
                due += 1
            if due == len(members):
                return
    except MemoryError:
        lost = NO_ROOM
    except Exception as error:  # as above: tarfile and the decompressors
        lost = Reason(
            f"found the archive damaged before the end of this member ({said(error)}); "
            "fetch it again"
        )
    for at in range(due, len(members)):
        yield members[at].path, waiting.pop(at, lost), members[at].day


def _tar_members(path: str, limits: Limits) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    """The members in the archive's order, each to be read before the next is asked for."""
    import tarfile

    with open(path, "rb") as raw, _unpacked(raw) as unpacked:
        at_once = max(limits.max_file_bytes, limits.max_notebook_bytes, _LONGEST_HEADER) + 1
        headers = limits.max_members * _MEMBER_BYTES
        stream = _Stream(unpacked, limits.max_total_bytes, at_once, headers)
        with tarfile.open(fileobj=stream, mode="r:", errorlevel=1) as tar:
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # it would keep them all
                yield info, tar
        if stream.last.strip(b"\0") or not stream.last:
            raise tarfile.ReadError("no end mark where one was expected")
        while data := stream.read(_REST):  # some unpack what stands behind the mark, too
            if data.strip(b"\0"):
                raise tarfile.ReadError("more than zeros behind the end mark")


def _read_tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo, limit: int) -> bytes:
    file = tar.extractfile(info)
    if file is None:
        return b""
    stream = cast(_Stream, tar.fileobj)
    stream.inside = True
    with file:
        data = read_at_most(file.read, limit)
    stream.inside = False
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
    """A stream that only goes forward, counts what comes out, and refuses too much of it: of all,
    at one go, and of the headers of pax, before ``tarfile`` takes them apart."""

    def __init__(self, source: IO[bytes], most: int, at_once: int, headers: int) -> None:
        self._source = source
        self._most = most
        self._at_once = at_once
        self._headers = headers
        self._for_all = _MOST_FOR_ALL
        self._at = 0
        self._kind = b""  # of the header that was read last, if its text follows
        self._kinds = b""  # of those that speak of the next member
        self.inside = False  # whether a member is read
        self.last = b""  # what was read last: the end mark, where there is one

    def read(self, size: int | None = -1) -> bytes:
        """Read just so many bytes, fewer at the end only."""
        if size is None or not 0 <= size <= self._at_once:
            raise TooLongError("a header of the archive is too long")
        kind, self._kind = self._kind, b""
        if kind in _PAX:
            self._headers -= size
            self._for_all -= size if kind == b"g" else 0
            if min(self._headers, self._for_all) < 0:
                raise ValueError("headers that are too long")
        self.last = self._next(size)
        if kind in _PAX and (_SLOW.search(self.last) or not _of_records(self.last)):
            raise ValueError("a header that makes no sense")
        if not kind and not self.inside and size == _HEADER:
            found = self.last[156:157]
            self._kind = found if found in _TEXT else b""
            if found in _LONG and not self.last[_SIZE].strip(b"0 \0"):  # a name of no signs
                raise ValueError("a header that makes no sense")
            if self._kind != b"g":
                self._kinds = self._kinds + found if self._kind else b""
            if self._kinds not in _TOGETHER:
                raise ValueError("headers of one member that gainsay each other")
        return self.last

    def _next(self, size: int) -> bytes:
        parts = []
        while size > 0 and (part := self._source.read(size)):
            parts.append(part)
            size -= len(part)
            self._at += len(part)
        if self._at > self._most:
            raise TooLongError("the archive is too long")
        return b"".join(parts)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Pass over what lies before ``offset``."""
        if whence != 0 or offset < self._at:
            raise ValueError("the stream goes forward only")
        while self._at < offset and self._next(min(offset - self._at, 1 << 18)):
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


def _of_records(text: bytes) -> bool:
    """Whether the text of a pax header is as POSIX says, records of the length that they state, and
    gives the members one path and size, where it gives any; the name of a sparse file is another
    path, which only that of one is to have."""
    at = 0
    given: dict[bytes, bytes] = {}
    while match := _RECORD.match(text, at):
        at += int(match[1])
        if at <= match.end() or text[at - 1 : at] != b"\n":
            return False
        value = text[match.end() : at - 1]
        if match[2] in (b"path", b"size") and (match[2] in given or not value):
            return False
        given[match[2]] = value
    sparse = given.keys() & {b"GNU.sparse.map", b"GNU.sparse.size"} or (
        given.get(b"GNU.sparse.major") == b"1" and given.get(b"GNU.sparse.minor") == b"0"
    )
    return not text[at:].strip(b"\0") and bool(sparse or b"GNU.sparse.name" not in given)


def _name(info: tarfile.TarInfo) -> str:
    """The name that ``tarfile`` unpacks a member to, be it no folder and its name that of one;
    before a NUL, which ends it for others."""
    return tidy(info.name.partition("\0")[0]).rstrip("/")


def _tar_problem(info: tarfile.TarInfo, limits: Limits) -> Reason | None:
    if info.issym():
        return not_followed("a symbolic link")
    if info.islnk():
        return not_followed("a hard link")
    if not info.isreg() or info.issparse():
        return not_followed("no regular file")
    limit = limits.of(info.name)
    return too_large(f"{info.size:,}", limit) if info.size > limit else None
