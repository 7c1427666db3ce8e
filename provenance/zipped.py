"""zipped: a wheel or zip -> its Python files, read in place and in bounded memory."""

from __future__ import annotations

import io
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING
from zlib import crc32

from provenance.archive import (
    LONGEST_METADATA,
    NO_ROOM,
    Archive,
    Listing,
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
from provenance.errors import SourceError
from provenance.folder import ENDINGS
from provenance.notices import LONGEST_FILE
from provenance.patterns import Patterns
from provenance.regular import read_at_most, too_large
from provenance.release import day_of_parts

if TYPE_CHECKING:
    import zipfile

    from provenance.limits import Found, Limits

_UNICODE_PATH = 0x7075
_LOCAL_MARK, _LISTED_MARK, _END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_LOCAL = struct.Struct("<6xHH8xI4xHH")  # of a header: flags, method, size, lengths of name, extra
_END = struct.Struct("<10xH4xI2x")  # of the directory's end: count of members, where it begins
_LONGEST_END = (1 << 16) + _END.size
_MEMBER_BYTES = 256  # of the directory, per allowed member: 46 and a long name


def open_zip(path: str, shown_name: str, patterns: Patterns, limits: Limits) -> Archive:
    """List a wheel or zip.

    Raises:
        SourceError: it is no zip, or there is more in it than the limits allow.
    """
    listing = Listing()
    with _BoundedFile(io.FileIO(path)) as file:
        file.most = max(limits.max_members * _MEMBER_BYTES, 1 << 17)
        archive = _directory(file, shown_name, limits)
        infos = archive.infolist()
        if len(infos) > limits.max_members:
            raise too_many(shown_name, limits)
        listing.lost = _unlisted(file, archive)
        for info in infos:
            name = tidy(_name(info))
            problem = _zip_problem(info, name, limits)
            listing.add(name, day_of_parts(*info.date_time[:3]), problem)
            if listing.lacks_metadata(name) and info.file_size <= LONGEST_METADATA:
                data = _read_zip_member(archive, info, LONGEST_METADATA)
                if not isinstance(data, Reason):
                    listing.metadata[name] = data
            elif listing.lacks_notice(name, info.file_size):
                listing.notices[name] = problem or _read_zip_member(archive, info, LONGEST_FILE)
        total = sum(
            min(info.file_size, limits.of(name))
            for info, name in ((info, _name(info)) for info in infos)
            if name.endswith(ENDINGS)
        )
    if total > limits.max_total_bytes:
        raise too_much(shown_name, limits)
    members = named(listing, shown_name, patterns)
    wanted = (infos[one.position].file_size for one in members if one.problem is None)
    check_times(shown_name, os.path.getsize(path), sum(wanted), limits)

    def read() -> Iterator[Found]:
        again = copy(archive)  # of which the directory is known
        with open(path, "rb") as again.fp:
            for member in members:
                found: bytes | Reason
                if member.problem is not None:
                    found = member.problem
                else:
                    found = _read_zip_member(again, infos[member.position], limits.of(member.path))
                yield member.path, found, member.day

    notices = notices_of(listing, patterns)
    return Archive(members, described(listing), listing.date or None, read, notices)


def _directory(file: io.BufferedReader, shown_name: str, limits: Limits) -> zipfile.ZipFile:
    import zipfile

    try:
        return zipfile.ZipFile(file)
    except TooLongError as error:
        raise too_many(shown_name, limits) from error
    except MemoryError:
        raise
    except Exception as error:  # a hostile directory brings out all kinds
        raise SourceError(
            f"{shown_name}: found no readable zip archive ({said(error)}), expected a wheel or "
            "zip; fetch or pack it again"
        ) from error


class _BoundedFile(io.BufferedReader):
    """A file that refuses to read more than ``most`` bytes at one go: a zip's directory."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, but no more than is allowed."""
        if size is not None and size > self.most:
            raise TooLongError("the directory of the archive is too long")
        return super().read(size)


def _unlisted(file: io.BufferedReader, archive: zipfile.ZipFile) -> Reason | None:
    """Why there may be members that the directory, as ``zipfile`` finds it, does not list: another
    program may find another directory, or none, and unpack them (APPNOTE 4.3.6)."""
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    at, found, end = 0, 0, file.seek(0, io.SEEK_END)
    for info in infos:
        if not at <= info.header_offset <= end:  # within another one, or nowhere
            found += 1
            continue
        found += _headers(file, at, info.header_offset)
        file.seek(info.header_offset)
        head = file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != _LOCAL_MARK:
            continue  # told where it is read
        flags, method, size, name, extra = _LOCAL.unpack(head)
        coding = "utf-8" if info.flag_bits & 0x800 else "cp437"
        own = file.read(name).decode(coding, "replace")
        other = own != info.orig_filename and own.endswith(ENDINGS)
        other |= not (own and _name(info))  # to unzip it is the member before it
        longer = not flags & 0x8 and size not in (info.compress_size, 0xFFFFFFFF)
        found += other or longer or method != info.compress_type
        at = max(at, info.header_offset + _LOCAL.size + name + extra + info.compress_size)
    found += at > archive.start_dir
    found += at <= archive.start_dir and _headers(file, at, archive.start_dir)
    size = sum(46 + len(_raw(one)) + len(one.extra) + len(one.comment) for one in infos)
    found += _headers(file, archive.start_dir + size, end)
    file.seek(max(0, end - _LONGEST_END))
    tail = file.read(_LONGEST_END)
    ends = tail[tail.rfind(_END_MARK) :][: _END.size]
    if len(ends) == _END.size:
        count, start = _END.unpack(ends)
        file.seek(start)
        elsewhere = start not in (archive.start_dir, 0xFFFFFFFF) and file.read(4) == _LISTED_MARK
        found += elsewhere or count not in (len(infos) & 0xFFFF, 0xFFFF)
    if not found:
        return None
    return Reason(
        "found members that the directory at the end of the archive does not list as they are, "
        "expected it to list all; pack the archive again"
    )


def _headers(file: io.BufferedReader, start: int, stop: int) -> int:
    """How many headers of members, of either kind, a part of the file has where none is due."""
    found, last = 0, b""
    file.seek(start)
    while start < stop:
        part = file.read(min(1 << 16, stop - start))
        if not part:
            break
        start += len(part)
        part = last + part
        found += part.count(_LOCAL_MARK) + part.count(_LISTED_MARK)
        last = part[-3:]
    return found


def _read_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes | Reason:
    try:
        with archive.open(info) as file:
            data = read_at_most(file.read, limit)
    except MemoryError:
        return NO_ROOM
    except Exception as error:  # zlib.error, BadZipFile, EOFError, struct.error, ...
        return Reason(
            f"found a damaged member ({said(error)}), expected one that unpacks; "
            "fetch or pack the archive again"
        )
    if len(data) < min(info.file_size, limit):
        return Reason(
            f"found {len(data):,} bytes of the {info.file_size:,} announced; "
            "fetch or pack the archive again"
        )
    return too_large(f"more than {limit:,}", limit) if len(data) > limit else data


def _name(info: zipfile.ZipInfo) -> str:
    """The name that unpacking gives a member: that of Info-ZIP's extra field 0x7075 (APPNOTE 4.6.9)
    where it has one that fits, which ``zipfile`` reads since Python 3.12 only. Where programs give
    it several, one of Python."""
    raw, extra, at = _raw(info), info.extra, 0
    names = [info.orig_filename.partition("\0")[0].replace(os.sep, "/")]
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        data, at = extra[at + 4 : at + 4 + size], at + 4 + size
        if kind == _UNICODE_PATH and data[:5] == struct.pack("<BI", 1, crc32(raw)):
            with suppress(UnicodeDecodeError):
                names.append(data[5:].decode("utf-8").partition("\0")[0] or names[-1])
    return next((name for name in reversed(names) if name.endswith(ENDINGS)), names[-1])


def _raw(info: zipfile.ZipInfo) -> bytes:
    """The bytes of its name in the directory."""
    return info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437", "replace")


def _zip_problem(info: zipfile.ZipInfo, name: str, limits: Limits) -> Reason | None:
    """Why a member cannot be read, as far as its header tells."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return not_followed("a symbolic link")
    if kind not in (0, stat.S_IFREG):
        return not_followed("no regular file")
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
