"""tarred: a tar, plain or compressed -> its Python files, read in place, once, front to end.

What comes out of the decompressor is counted and only ever passed forward, so that neither a
bomb nor a forged header takes more memory than one file may have. It is read up to what is not
written as usual programs write it (``ustar``), and that is told.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from provenance.archive import (
    CUT_NAME,
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
from provenance.folder import ENDINGS
from provenance.notices import LONGEST_FILE
from provenance.patterns import Patterns
from provenance.regular import read_at_most, too_large
from provenance.release import day_of_seconds
from provenance.ustar import (
    BLOCK,
    FILES,
    FOLDER,
    HARD_LINK,
    LINK,
    LONG_LINK,
    LONG_NAME,
    LONGEST_NAME,
    OF_ALL,
    SPARSE,
    SPARSE_NAME,
    TEXTS,
    Header,
    OddError,
    header,
    said_by,
)

if TYPE_CHECKING:
    from bz2 import BZ2Decompressor
    from lzma import LZMADecompressor

    from typing_extensions import Buffer

    from provenance.limits import Found, Limits

_LONGEST_TEXT = 16_000_000  # behind a header: a name, or records of pax
_MEMBER_BYTES = 256  # of names, and of such texts, per allowed member
_PART = 1 << 16
_STEP = 1 << 13  # of what is unpacked: so much is lost before a byte that is damaged
_FEW_STREAMS = 1_000
_LEAST_OF_A_STREAM = 512  # on the average, where they are more: some have one for each member
_XZ_MEMORY = 256_000_000  # 'xz -9' needs 65 MB to unpack; a forged header may ask for 4 GB


@dataclass(frozen=True)
class _Tarred:
    """A member. ``cost`` is how many bytes headers take to say what it is called; ``cut`` is
    whether its own one has only the beginning of that, and this is a name of Python."""

    name: str
    kind: bytes
    size: int
    mtime: float
    cost: int
    cut: bool


def open_tar(path: str, shown_name: str, patterns: Patterns, limits: Limits) -> Archive:
    """List a tar, whatever it is compressed with.

    Raises:
        SourceError: it is no tar, or there is more in it than the limits allow.
    """
    listing = Listing()
    sizes: dict[int, int] = {}
    names_left = limits.max_members * _MEMBER_BYTES
    try:
        for info, stream in _tar_members(path, limits):
            names_left -= info.cost
            if listing.count >= limits.max_members or names_left < 0:
                raise too_many(shown_name, limits)
            name = info.name + "/" * (info.kind == FOLDER)
            position = listing.count
            problem = _tar_problem(info, limits)
            listing.add(name, day_of_seconds(info.mtime), problem)
            sizes[position] = info.size
            if (
                listing.lacks_metadata(name)
                and info.kind in FILES
                and info.size <= LONGEST_METADATA
            ):
                listing.metadata[name] = stream.member(LONGEST_METADATA)
            elif listing.lacks_notice(name, info.size):
                listing.notices[name] = problem or stream.member(LONGEST_FILE)
    except (ProvenanceError, MemoryError):
        raise
    except TooLongError as error:
        raise too_much(shown_name, limits) from error
    except Exception as error:  # the decompressors bring out all kinds
        if not listing.count:
            raise SourceError(
                f"{shown_name}: found no readable tar archive ({_told(error)}), expected a tar, "
                "plain or compressed with gzip, bzip2 or xz; fetch or pack it again"
            ) from error
        listing.lost = Reason(
            f"found the archive to break off after {listing.count:,} members "
            f"({_told(error)}); what follows is lost: fetch it again, or pack it again with "
            "'git archive' or 'python -m build'"
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
        for position, (info, stream) in enumerate(_tar_members(path, limits)):
            at = turn.get(position)
            if at is None:
                continue
            if info.name != members[at].name:
                break
            limit = limits.of(members[at].path)
            data = stream.member(limit)
            waiting[at] = data if len(data) <= limit else too_large(f"more than {limit:,}", limit)
            while due in waiting:
                yield members[due].path, waiting.pop(due), members[due].day
                due += 1
            if due == len(members):
                return
    except MemoryError:
        lost = NO_ROOM
    except Exception as error:  # as above
        lost = Reason(
            f"found the archive damaged before the end of this member ({_told(error)}); "
            "fetch it again"
        )
    for at in range(due, len(members)):
        yield members[at].path, waiting.pop(at, lost), members[at].day


def _tar_members(path: str, limits: Limits) -> Iterator[tuple[_Tarred, _Stream]]:
    """The members in the archive's order, each to be read before the next is asked for.

    Raises:
        OddError: what follows is not as usual programs write it.
    """
    with open(path, "rb") as raw, _unpacked(raw) as unpacked:
        stream = _Stream(unpacked, limits.max_total_bytes)
        of_all: dict[bytes, bytes] = {}
        of_next: dict[bytes, dict[bytes, bytes]] = {}  # by the kind of the header that says it
        cost = 0
        while (block := stream.read(BLOCK)).strip(b"\0") or not block:
            head = header(block)
            stream.left, stream.padding = head.size, -head.size % BLOCK
            cost += len(head.name)
            if head.kind not in TEXTS:
                more = of_all.copy()
                for one in of_next.values():
                    more |= one
                yield _tarred(head, more, cost), stream
                stream.pass_over()
                of_next.clear()
                cost = 0
                continue
            cost += head.size
            if (of_next and {head.kind, *of_next} - {LONG_NAME, LONG_LINK}) or head.kind in of_next:
                raise OddError("several headers that speak of one member", "one")
            text = said_by(head.kind, stream.text())
            if head.kind == OF_ALL:
                of_all |= text
            else:
                of_next[head.kind] = text
        if of_next:
            raise OddError("a header that speaks of no member", "a member behind it")
        if not block[BLOCK - 1 :] or len(stream.read(BLOCK)) < BLOCK:
            raise OddError("less than two blocks of zeros at the end", "two")
        while data := stream.read(_PART):  # some unpack what stands behind the mark, too
            if data.strip(b"\0"):
                raise OddError("more than zeros behind the end mark", "zeros")


def _tarred(head: Header, more: dict[bytes, bytes], cost: int) -> _Tarred:
    """A member by its header and what other headers say of it: where these give it other names,
    and one of all is of Python, that one, which some programs go by; but for one that is cut."""
    if int(more.get(b"size", head.size)) != head.size:
        raise OddError("a pax header with another size than the member's", "the same")
    others = [more[key] for key in (SPARSE_NAME, b"path") if key in more]
    names = [
        tidy(name.decode("utf-8", "surrogateescape").rstrip("/")).rstrip("/")
        for name in (*others, head.name)
    ]
    name = next((name for name in names if name.endswith(ENDINGS)), names[0])
    cut = name not in names[:-1] and any(head.name in _beginnings(one) for one in others)
    kind = SPARSE if any(key.startswith(b"GNU.sparse.") for key in more) else head.kind
    mtime = float(more.get(b"mtime", head.mtime))
    return _Tarred(names[0] if cut else name, kind, head.size, mtime, cost, cut)


def _beginnings(name: bytes) -> tuple[bytes, bytes]:
    """What programs write of a long name where there is room for 100 bytes, as Python does those
    of pax in ASCII."""
    text = name.decode("utf-8", "surrogateescape")
    return name[:LONGEST_NAME], text[:LONGEST_NAME].encode("ascii", "replace")


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, OddError) else said(error)


def _unpacked(raw: io.BufferedReader) -> IO[bytes]:
    """The stream inside a compressed file, known by its first bytes."""
    start = raw.peek(6)
    if start.startswith(b"\x1f\x8b"):
        return io.BufferedReader(_Streams(raw, _Gzip), _STEP)
    if start.startswith(b"BZh"):
        import bz2

        return io.BufferedReader(_Streams(raw, bz2.BZ2Decompressor), _STEP)
    if start.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")):
        import lzma

        def unpacker() -> LZMADecompressor:
            return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

        return io.BufferedReader(_Streams(raw, unpacker), _STEP)
    return raw


class _Gzip:
    """A stream of gzip, as ``bz2`` and ``lzma`` have theirs."""

    def __init__(self) -> None:
        import zlib

        self._stream = zlib.decompressobj(wbits=31)  # with gzip's header and sum

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Unpack some more, no more than so many bytes."""
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)

    @property
    def eof(self) -> bool:
        """Whether its end was seen."""
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        """Whether all was unpacked that it was given."""
        return not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        """What it was given that stands behind its end."""
        return self._stream.unused_data


class _Streams(io.RawIOBase):
    """What streams of gzip, bzip2 or xz unpack to, one behind the other and nothing else but zeros,
    in bounded memory (``lzma.LZMAFile`` takes no limit, ``bz2.BZ2File`` passes over other bytes, to
    ``gzip.GzipFile`` each zero is a step)."""

    def __init__(
        self,
        raw: io.BufferedReader,
        unpacker: Callable[[], BZ2Decompressor | LZMADecompressor | _Gzip],
    ) -> None:
        self._raw = raw
        self._begin = unpacker
        self._unpacker = unpacker()
        self._streams = self._given = 0

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill the buffer as far as one step goes; 0 at the end."""
        view = memoryview(buffer)
        while True:
            packed = b""
            if self._unpacker.eof:
                packed = self._unpacker.unused_data.lstrip(b"\0")
                while not packed:
                    part = self._raw.read(_STEP)
                    if not part:
                        return 0
                    packed = part.lstrip(b"\0")
                self._unpacker = self._begin()
                self._streams += 1
                if self._streams > _FEW_STREAMS + self._given // _LEAST_OF_A_STREAM:
                    raise OddError("very many compressed streams of nearly nothing", "longer ones")
            elif self._unpacker.needs_input:
                packed = self._raw.read(_STEP)
                if not packed:
                    raise EOFError("the compressed data end too early")
            data = self._unpacker.decompress(packed, len(view))
            if data:
                view[: len(data)] = data
                self._given += len(data)
                return len(data)

    def readable(self) -> bool:
        """Always."""
        return True


class _Stream:
    """A stream that only goes forward, counts what comes out, and refuses too much of it. ``left``
    is what it has of the member that it is in, and ``padding`` what follows that."""

    def __init__(self, source: IO[bytes], most: int) -> None:
        self._source = source
        self._most = most
        self.left = self.padding = 0

    def read(self, size: int) -> bytes:
        """Read just so many bytes, fewer at the end only."""
        parts = []
        while size > 0 and (part := self._source.read(size)):
            parts.append(part)
            size -= len(part)
            self._most -= len(part)
        if self._most < 0:
            raise TooLongError("the archive is too long")
        return b"".join(parts)

    def member(self, limit: int) -> bytes:
        """What is in the member, no more than one byte over the limit."""
        due = min(self.left, limit)
        data = read_at_most(self._part, limit)
        if len(data) < due:
            raise EOFError("unexpected end of data")
        return data

    def text(self) -> bytes:
        """All that is in a member that is none, but says what the next is."""
        if self.left > _LONGEST_TEXT:
            raise OddError(f"a header of {self.left:,} bytes", f"at most {_LONGEST_TEXT:,}")
        text = self.member(self.left)
        if self.read(self.padding).strip(b"\0"):
            raise OddError("bytes behind the text of a header", "zeros")
        return text

    def pass_over(self) -> None:
        """Go to where the next member begins."""
        left = self.left + self.padding
        while left and (data := self.read(min(left, _PART))):
            left -= len(data)
        if left:
            raise EOFError("unexpected end of data")

    def _part(self, size: int) -> bytes:
        data = self.read(min(size, self.left))
        self.left -= len(data)
        return data


def _tar_problem(info: _Tarred, limits: Limits) -> Reason | None:
    if info.kind == LINK:
        return not_followed("a symbolic link")
    if info.kind == HARD_LINK:
        return not_followed("a hard link")
    if info.kind not in FILES:
        return not_followed("no regular file")
    if info.cut:
        return CUT_NAME
    limit = limits.of(info.name)
    return too_large(f"{info.size:,}", limit) if info.size > limit else None
