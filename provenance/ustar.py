"""ustar: the blocks of a tar that say what follows -> what they say, where usual programs write
them so. Pure.

POSIX has them under pax, "ustar Interchange Format" and "pax Extended Header"; GNU adds a magic of
its own, long names and numbers of base 256. Of what stands there otherwise some programs believe
this and some that, and one may unpack a file that another never saw: it is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BLOCK = 512
LONGEST_NAME = 100
FILES = (b"0", b"\0", b"7")
HARD_LINK, LINK, FOLDER = b"1", b"2", b"5"
LONG_NAME, LONG_LINK = b"L", b"K"
OF_NEXT, OF_ALL = b"x", b"g"
SPARSE, SPARSE_NAME = b"S", b"GNU.sparse.name"
TEXTS = (LONG_NAME, LONG_LINK, OF_NEXT, OF_ALL)
_EMPTY = (HARD_LINK, LINK, b"3", b"4", FOLDER, b"6")
_KINDS = (*FILES, *_EMPTY, *TEXTS)

_UNUSED = {bytes(8): 345, b"ustar\x0000": 500, b"ustar  \0": 345}
"""From where on a header is empty, by its magic: of Unix V7, of POSIX, of GNU."""
_NAMES = {
    "name": slice(0, LONGEST_NAME),
    "linkname": slice(157, 257),
    "uname": slice(265, 297),
    "gname": slice(297, 329),
    "prefix": slice(345, 500),
}
_NUMBERS = {
    "mode": slice(100, 108),
    "uid": slice(108, 116),
    "gid": slice(116, 124),
    "size": slice(124, 136),
    "mtime": slice(136, 148),
    "chksum": slice(148, 156),
    "devmajor": slice(329, 337),
    "devminor": slice(337, 345),
}
_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_LARGE = 8**11  # what a size of eleven digits cannot say

_RECORD = re.compile(rb"([1-9][0-9]{0,9}) ([^\n=]+)=")
_SAYS = {
    OF_NEXT: re.compile(
        rb"path|linkpath|size|[amc]time|[ug]id|[ug]name|comment|hdrcharset|RHT\.security\.selinux|"
        rb"SCHILY\.(?:dev|ino|nlink|devmajor|devminor|fflags|(?:acl|xattr)\..+)|"
        rb"LIBARCHIVE\.(?:creationtime|symlinktype|xattr\..+)|"
        rb"GNU\.sparse\.(?:major|minor|name|realsize)"
    ),
    OF_ALL: re.compile(rb"comment|mtime"),
}
_VALUES = {
    b"path": re.compile(rb"[^\0]+"),
    b"linkpath": re.compile(rb"[^\0]+"),
    b"size": re.compile(rb"[0-9]{1,20}"),
    b"mtime": re.compile(rb"-?[0-9]{1,20}(?:\.[0-9]{0,40})?(?:e[+-][0-9]{1,3})?"),
    SPARSE_NAME: re.compile(rb"[^\0]+"),
    b"hdrcharset": re.compile(rb"BINARY|ISO-IR 10646 2000 UTF-8"),
}


class OddError(ValueError):
    """Something stands there that usual programs do not write."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"found {found}, expected {expected}")


@dataclass(frozen=True)
class Header:
    """What a header says of the member, or the text, that follows it."""

    kind: bytes
    name: bytes
    size: int
    mtime: int


def header(block: bytes) -> Header:
    """What a block says as a header (POSIX pax, "ustar Interchange Format").

    Raises:
        OddError: it is none that a usual program writes.
    """
    if len(block) < BLOCK:
        raise OddError("no end mark", "two blocks of zeros")
    total = block[_NUMBERS["chksum"]]
    if not _OCTAL.fullmatch(total) or _number("chksum", total) != sum(block) - sum(total) + 8 * 32:
        raise OddError("a header whose sum is wrong", "one that is whole")
    numbers = {name: _number(name, block[place]) for name, place in _NUMBERS.items()}
    kind, magic = block[156:157], block[257:265]
    if kind not in _KINDS:
        raise OddError(f"a member of the kind {_shown(kind)}", "files, folders and links")
    if magic not in _UNUSED:
        raise OddError(f"a header with the magic {_shown(magic)}", "that of POSIX, GNU or V7")
    if block[_UNUSED[magic] :].strip(b"\0"):
        raise OddError("bytes in a header where none are due", "zeros")
    names = {name: _name(name, block[place]) for name, place in _NAMES.items()}
    if not names["name"]:
        raise OddError("a header without a name", "one")
    name = (names["prefix"] + b"/" if names["prefix"] else b"") + names["name"]
    if kind == b"\0" and name.endswith(b"/"):
        kind = FOLDER  # as Unix V7 has it
    if numbers["size"] and kind in _EMPTY:
        raise OddError("a folder, link or device that has a size", "a size of 0")
    return Header(kind, name, numbers["size"], numbers["mtime"])


def said_by(kind: bytes, text: bytes) -> dict[bytes, bytes]:
    """What the text behind a header of one of ``TEXTS`` says: of GNU a name and one NUL, else
    records ("pax Extended Header"), by their keywords.

    Raises:
        OddError: it says another thing than usual programs have it say.
    """
    if kind in (OF_NEXT, OF_ALL):
        return _records(text, kind)
    if len(text) < 2 or text.find(b"\0") != len(text) - 1:
        raise OddError("a long name that does not end with its only NUL", "one that does")
    return {b"path" if kind == LONG_NAME else b"linkpath": text[:-1]}


def _records(text: bytes, kind: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(text):
        match = _RECORD.match(text, at)
        end = at + int(match[1]) if match else 0
        if match is None or end <= match.end() or text[end - 1 : end] != b"\n":
            raise OddError("a pax header whose records are not as long as they say", "such")
        key, value = match[2], text[match.end() : end - 1]
        if key in found or not _SAYS[kind].fullmatch(key):
            times = "twice " if key in found else ""
            raise OddError(f"a pax header that says {times}{_shown(key)}", "what is usual, once")
        if key in _VALUES and not _VALUES[key].fullmatch(value):
            raise OddError(f"a pax header with the {_shown(key)} {_shown(value)}", "a valid one")
        found[key] = value
        at = end
    if any(key.startswith(b"GNU.sparse.") for key in found) and (
        found.get(b"GNU.sparse.major"),
        found.get(b"GNU.sparse.minor"),
    ) != (b"1", b"0"):
        raise OddError("a pax header of a sparse file of another form", "that of GNU, 1.0")
    return found


def _number(name: str, field: bytes) -> int:
    """In octal digits; as GNU writes those that are too large, or negative, in base 256."""
    match = _OCTAL.fullmatch(field)
    if match and (match[1] or name not in ("size", "chksum")):
        return int(match[1] or b"0", 8)
    value = int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
    if field[0] == 0xFF and name == "mtime":
        return int.from_bytes(field, "big", signed=True)
    if value < (_LARGE if name == "size" else 0):
        raise OddError(f"a header with the {name} {_shown(field)}", "an octal number")
    return value


def _name(name: str, field: bytes) -> bytes:
    found, _, rest = field.partition(b"\0")
    if rest.strip(b"\0"):
        raise OddError(f"bytes in a header behind its {name}", "zeros")
    return found


def _shown(data: bytes) -> str:
    return repr(data[:40])[1:]
