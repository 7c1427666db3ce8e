"""zipped: a wheel or zip -> its Python files, read in place and in bounded memory.

``zipfile`` goes by the directory at the end, other programs by the headers of the members, from
front to end. So all must agree, and nothing be between them: else that is told.
"""

from __future__ import annotations

import io
import os
import stat
import struct
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from typing import IO, TYPE_CHECKING, cast
from warnings import catch_warnings, simplefilter
from zlib import crc32, decompressobj, error

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

_ZIP64, _UNICODE_PATH = 0x0001, 0x7075  # kinds of extra fields
_FOLLOWED = 0x0008  # the flag of a member whose sizes stand behind it
_LOCAL = struct.Struct("<4s2xHH4xLLLHH")  # mark, flags, method, CRC, sizes, lengths of name, extra
_LISTED = 46  # bytes of a header in the directory, without its name and what follows that
_FORMS = {12: "<LLL", 16: "<LLLL", 20: "<LQQ", 24: "<LLQQ"}  # of what follows, by its length
_END = struct.Struct("<4sHHHHLLH")
_END64 = struct.Struct("<4sQHHLLQQQQ")
_LOCATOR = struct.Struct("<4sLQL")
_FULL, _FULL_COUNT = 0xFFFFFFFF, 0xFFFF  # in place of what a zip64 record says
_PART = 1 << 16
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
        try:
            _check(file, archive, limits)
        except _OddError as odd:
            listing.lost = Reason(
                f"found {odd}, which programs unpack in several ways, expected members as they are "
                "listed, one behind the other; pack the archive again with 'git archive' or "
                "'python -m build'"
            )
        stops = _stops(archive)
        for info, stop in zip(infos, stops, strict=True):
            name = tidy(_name(info))
            problem = _zip_problem(info, name, limits)
            listing.add(name, day_of_parts(*info.date_time[:5]), problem)
            if listing.lacks_metadata(name) and info.file_size <= LONGEST_METADATA:
                data = problem or _read_zip_member(archive, info, stop, LONGEST_METADATA)
                if not isinstance(data, Reason):
                    listing.metadata[name] = data
            elif listing.lacks_notice(name, info.file_size):
                listing.notices[name] = problem or _read_zip_member(
                    archive, info, stop, LONGEST_FILE
                )
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
                    at = member.position
                    found = _read_zip_member(again, infos[at], stops[at], limits.of(member.path))
                yield member.path, found, member.day

    notices = notices_of(listing, patterns)
    return Archive(members, described(listing), listing.date or None, read, notices)


def _directory(file: io.BufferedReader, shown_name: str, limits: Limits) -> zipfile.ZipFile:
    import zipfile

    try:
        with catch_warnings():  # of names that a newer Python does not like
            simplefilter("ignore")
            archive = zipfile.ZipFile(file)
        for info in archive.infolist():
            _call(info)
        return archive
    except TooLongError as error:
        raise too_many(shown_name, limits) from error
    except MemoryError:
        raise
    except Exception as error:  # a hostile directory brings out all kinds
        raise SourceError(
            f"{shown_name}: found no readable zip archive ({said(error)}), expected a wheel or "
            "zip; fetch or pack it again"
        ) from error


def _call(info: zipfile.ZipInfo) -> None:
    """Call a member as ``zipfile`` does since Python 3.12, by Info-ZIP's extra field 0x7075.

    Raises:
        BadZipFile: as it does, where that is no name.
    """
    from zipfile import BadZipFile

    wrong = "Corrupt unicode path extra field (0x7075)"
    for data in _unicode_paths(info):
        if len(data) < 5:
            raise BadZipFile(wrong)
        if _fits(info, data):
            try:
                name = data[5:].decode("utf-8")
            except UnicodeDecodeError as error:
                raise BadZipFile(f"{wrong}: invalid utf-8 bytes") from error
            info.filename = name.partition("\0")[0].replace(os.sep, "/") if name else info.filename


class _BoundedFile(io.BufferedReader):
    """A file that refuses to read more than ``most`` bytes at one go: a zip's directory."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, but no more than is allowed."""
        if size is not None and size > self.most:
            raise TooLongError("the directory of the archive is too long")
        return super().read(size)


class _OddError(ValueError):
    """Something stands in a zip that usual programs do not write."""


def _check(file: io.BufferedReader, archive: zipfile.ZipFile, limits: Limits) -> None:
    """That a zip is just its members, each as the directory lists it, the directory, and the end
    (APPNOTE 4.3.6): who unpacks it, whichever way, then unpacks the same.

    Raises:
        _OddError: it is not, with what was found.
    """
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    starts = [*(info.header_offset for info in infos), archive.start_dir]
    if starts[0] != 0:
        raise _OddError("bytes before the first member")
    left = limits.max_total_bytes
    for info, end in zip(infos, starts[1:], strict=True):
        if info.flag_bits & _FOLLOWED:
            left -= info.file_size
        if left < 0:
            raise _OddError(f"more than {limits.max_total_bytes:,} bytes in members of such sizes")
        _check_member(file, info, end)
    size = sum(_LISTED + len(_raw(one)) + len(one.extra) + len(one.comment) for one in infos)
    _check_end(file, len(infos), archive.start_dir, size)


def _check_member(file: io.BufferedReader, info: zipfile.ZipInfo, end: int) -> None:
    """That the header of a member says what the directory does (APPNOTE 4.3.7), and that nothing
    stands between its data and ``end`` but its sizes, where they are due (4.3.9)."""
    file.seek(info.header_offset)
    head = file.read(_LOCAL.size)
    if len(head) < _LOCAL.size or head[:4] != b"PK\3\4":
        raise _OddError("no member where one is listed")
    _, flags, method, crc, packed, size, name_length, extra_length = _LOCAL.unpack(head)
    name, extra = file.read(name_length), file.read(extra_length)
    own, listed = _fields(extra), _fields(info.extra)
    if not name or b"\0" in name or name != _raw(info):
        raise _OddError("a member whose name is not the one that is listed, or none")
    if own.get(_UNICODE_PATH) != listed.get(_UNICODE_PATH) or not _is_said(info, listed):
        raise _OddError("a member of several names")
    due = (info.CRC, info.compress_size, info.file_size)
    if (flags, method, info.volume) != (info.flag_bits, info.compress_type, 0):
        raise _OddError("a member that is packed in another way than is listed")
    wide = own.get(_ZIP64, b"")
    if len(wide) == 16 and packed == size == _FULL:
        size, packed = struct.unpack("<QQ", wide)
    followed = bool(flags & _FOLLOWED)
    for said_here, listed_so in zip((crc, packed, size), due, strict=True):
        if said_here != listed_so and (said_here or not followed):
            raise _OddError("a member of another size or sum than is listed")
    start = file.tell()
    gap = end - start - info.compress_size
    if not followed and gap:
        raise _OddError("bytes between members, or members one over the other")
    if followed:
        form = struct.Struct(_FORMS.get(gap, ""))
        mark = (0x08074B50,) * (gap in (16, 24))
        if not _ends_there(file, info):
            raise _OddError("a member that ends before its end")
        if not form.size or file.read(gap) != form.pack(*mark, *due):
            raise _OddError("a member of another size or sum than is listed")


def _ends_there(file: io.BufferedReader, info: zipfile.ZipInfo) -> bool:
    """Whether who does not know how long a member is finds its end where it is listed: that of
    what is deflated, or the first mark of what follows."""
    inflate = info.compress_type == 8 and not info.flag_bits & 0x1
    unpacker = decompressobj(-15)
    left, size, before = info.compress_size, 0, b""
    while left and (part := file.read(min(left, _PART))):
        left -= len(part)
        if not inflate:
            if b"PK\7\x08" in (before := before[-3:] + part):
                return False
            continue
        while part and not unpacker.eof and size <= info.file_size:
            try:
                size += len(unpacker.decompress(part, _PART))
            except error:
                return False
            part = unpacker.unconsumed_tail
        if size > info.file_size or (unpacker.eof and (unpacker.unused_data or left)):
            return False
    return not left and (not inflate or unpacker.eof)


def _check_end(file: io.BufferedReader, count: int, start: int, size: int) -> None:
    """That behind the directory there is but the end, and all that it says true, with a record of
    zip64 before it or not (APPNOTE 4.3.14 to 4.3.16)."""
    file.seek(start + size)
    tail = file.read(_END64.size + _LOCATOR.size + _END.size + _FULL_COUNT + 1)
    wide = 0
    due = (0, 0, count, count, size, start)
    if tail[:4] == b"PK\6\6" and len(tail) >= _END64.size + _LOCATOR.size:
        wide = _END64.size + _LOCATOR.size
        _, length, _, _, *said_here = _END64.unpack_from(tail)
        locator = struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1)
        if (length, *said_here) != (_END64.size - 12, *due) or tail[_END64.size : wide] != locator:
            raise _OddError("a record of zip64 that says what is not so")
    if tail[wide : wide + 4] != b"PK\5\6" or len(tail) < wide + _END.size:
        raise _OddError("bytes behind the directory")
    _, *said_here, comment = _END.unpack_from(tail, wide)
    full = (0, 0, _FULL_COUNT, _FULL_COUNT, _FULL, _FULL)
    for one, listed_so, instead in zip(said_here, due, full, strict=True):
        if one != listed_so and not (wide and one == instead):
            raise _OddError("an end that says another thing of the directory than it is")
    if len(tail) < wide + _END.size + comment or tail[wide + _END.size + comment :].strip(b"\0"):
        raise _OddError("bytes behind the end")


def _fields(extra: bytes) -> dict[int, bytes]:
    """The extra fields of a header (APPNOTE 4.5.1) that say what it is called, or its sizes."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(extra):
        kind, size = struct.unpack_from("<HH", extra.ljust(at + 4, b"\xff"), at)
        at += 4 + size
        if at > len(extra) or kind in found:
            raise _OddError("extra fields that are cut, or there twice")
        if kind in (_ZIP64, _UNICODE_PATH):
            found[kind] = extra[at - size : at]
    return found


def _is_said(info: zipfile.ZipInfo, listed: dict[int, bytes]) -> bool:
    """Whether the extra field of a member's name, where it has one, is of the same name, which it
    is for names that are not ASCII alone."""
    field = listed.get(_UNICODE_PATH)
    if field is None:
        return True
    text = field[5:].decode("utf-8", "replace")
    same = text.endswith(ENDINGS) == info.orig_filename.endswith(ENDINGS)
    return _fits(info, field) and "\0" not in text and same and not text.isascii()


def _end(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Where the data of a member end, going by its own header and the size that is listed."""
    file = cast("IO[bytes]", archive.fp)
    file.seek(info.header_offset)
    head = file.read(_LOCAL.size)
    lengths: tuple[int, ...] = _LOCAL.unpack(head)[-2:] if len(head) == _LOCAL.size else ()
    return info.header_offset + len(head) + sum(lengths) + info.compress_size


def _stops(archive: zipfile.ZipFile) -> list[int]:
    """Where what stands behind each member begins: of several that begin at one place, there."""
    starts = [info.header_offset for info in archive.infolist()]
    places = sorted(starts)
    behind = [*places[1:], archive.start_dir]
    return [behind[bisect_left(places, at)] for at in starts]


def _read_zip_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, stop: int, limit: int
) -> bytes | Reason:
    try:
        if _end(archive, info) > stop:  # newer releases of Python refuse some of these, or warn
            return Reason(
                "found a member that lies over what stands behind it, expected one that ends "
                "before; fetch or pack the archive again"
            )
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
    names = [info.orig_filename.partition("\0")[0].replace(os.sep, "/")]
    for data in _unicode_paths(info):
        if _fits(info, data):
            with suppress(UnicodeDecodeError):
                names.append(data[5:].decode("utf-8").partition("\0")[0] or names[-1])
    return next((name for name in reversed(names) if name.endswith(ENDINGS)), names[-1])


def _unicode_paths(info: zipfile.ZipInfo) -> Iterator[bytes]:
    """What each of a member's extra fields 0x7075 holds, as far as they can be told apart."""
    extra, at = info.extra, 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        at += 4 + size
        if kind == _UNICODE_PATH:
            yield extra[at - size : at]


def _fits(info: zipfile.ZipInfo, field: bytes) -> bool:
    """Whether an extra field 0x7075 is of version 1 and of the name that the member has."""
    return field[:5] == struct.pack("<BI", 1, crc32(_raw(info)))


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
