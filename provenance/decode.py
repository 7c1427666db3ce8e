"""decode: the bytes of a Python file -> UTF-8 with ``\\n`` line ends, or why not. Pure.

The encoding is found as PEP 263 says and Python does: a UTF-8 BOM, a cookie in the first two
lines, else UTF-8. No codec is run that turns bytes into bytes or that no ASCII text survives.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

_COOKIE = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BLANK = re.compile(rb"[ \t\f]*(?:#.*)?\Z")
_TWO_LINES = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n)?([^\r\n]*)")
_OTHER_BOMS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_NOT_FOR_SOURCE = {  # text codecs by name only, or such as exist on one system only
    "idna",
    "punycode",
    "unicode_escape",
    "raw_unicode_escape",
    "unicode-escape",
    "raw-unicode-escape",
    "undefined",
    "mbcs",
    "oem",
    "palmos",  # of which Python 3.14 reads two bytes otherwise
}
_NEWER_NAMES = {
    "windows_31j": "cp932",
    "874": "cp874",
    "ms874": "cp874",
    "windows_874": "cp874",
    "cseuckr": "euc_kr",
    "iso_8859_8_e": "iso8859_8",
    "iso_8859_8_i": "iso8859_8",
    "cp00858": "cp858",
    "csibm00858": "cp858",
    "ibm00858": "cp858",
    "pc_multilingual_850_euro": "cp858",
    "cp01140": "cp1140",
    "csibm01140": "cp1140",
    "ebcdic_us_37_euro": "cp1140",
    "ibm01140": "cp1140",
}
"""Names that only Python 3.13, or 3.14, knows for encodings: what is read is the same by all."""
_LFS_KEYS = r"(?:size|ext-\S+) .*"
_POINTERS = (
    (
        re.compile(
            rf"(?:{_LFS_KEYS}\n\s*)*version .*\n\s*(?:{_LFS_KEYS}\n\s*)*oid sha256:.*"
            rf"(?:\n\s*{_LFS_KEYS})*"
        ),
        "lfs pull",
    ),
    (re.compile(r"#\$# git-fat [0-9a-f]{40}(?s:.*)"), "fat pull"),  # some look at 74 bytes alone
)
"""What programs of git take for a pointer of theirs, and how the content is fetched."""
_POINTER_BYTES = 1024
"""So much of a file is looked at by Git LFS, without the white space around it."""
_XET = b"# xet version "
_XET_KEYS = tuple(
    re.compile(rb"^[ \t]*[\"']?%b[\"']?[ \t]*=" % key, re.MULTILINE)
    for key in (b"hash", b"filesize")
)
_XET_BYTES = 65_515
_ANNEX = re.compile(rb"[/\\]annex[/\\]objects[/\\]")
_ANNEX_KEY = re.compile(rb"[^-]+(?:-\w\d+)*--.+")
_UNSEEN = re.compile(
    "[\u0890\u0891\u2065\ufdd0-\ufdef\ufff0-\ufff8\U00013439-\U0001343f\U000e0000-\U000e0fff]"
)
"""What newer releases of Unicode than that of Python 3.10 say is no sign, or keep free for such."""
_LATIN_1 = ("latin-1-", "iso-8859-1-", "iso-latin-1-")


class Reason(str):
    """Why something was not read: what was found, what was expected, the remedy."""

    __slots__ = ()


def printable(sign: str) -> bool:
    """Whether a sign can be seen as it is; the same in every release of Python: what its Unicode
    does not know yet, as an emoji of this year, is taken for a sign."""
    return sign.isprintable() or (
        unicodedata.category(sign) == "Cn"
        and _UNSEEN.fullmatch(sign) is None
        and ord(sign) & 0xFFFE != 0xFFFE
    )


def shown(name: str) -> str:
    r"""A path as it can be printed: what is no Unicode or no printable sign as an escape.

    >>> shown("models/caf\udce9.py"), shown("a\n.py")
    ('models/caf\\xe9.py', 'a\\n.py')
    """
    if name.isprintable():
        return name
    signs = []
    for sign in name:
        if "\udc80" <= sign <= "\udcff":  # a byte, as os.fsdecode keeps it
            signs.append(f"\\x{ord(sign) - 0xDC00:02x}")
        elif printable(sign):
            signs.append(sign)
        else:
            signs.append(sign.encode("unicode_escape").decode("ascii"))
    return "".join(signs)


def pointer(data: bytes) -> Reason | None:
    """Why a file is not read that says only where its content is kept; None where it is no such
    file."""
    text = data[:_POINTER_BYTES].decode("utf-8", "replace").strip()
    command = next((how for pattern, how in _POINTERS if pattern.fullmatch(text)), None)
    if command is None and _is_of_annex(data):
        command = "annex get"
    if command is None and _is_of_xet(data):
        command = "xet checkout"
    if command is None:
        return None
    return Reason(
        "found a pointer to content that is kept elsewhere, expected the content; fetch it in its "
        f"repository with 'git {command}', then pack anew what was packed from there"
    )


def _is_of_xet(data: bytes) -> bool:
    """Whether git-xet may take a file for a pointer: TOML behind a comment, of a hash and a size
    among others."""
    head = data.startswith(_XET) and len(data) <= _XET_BYTES
    return head and all(key.search(data) for key in _XET_KEYS)


def _is_of_annex(data: bytes) -> bool:
    """Whether git-annex takes a file for a pointer: a path that ends in a key, behind anything,
    then lines that have ``/annex/`` somewhere, as those of code can."""
    end = data.find(b"\n")
    first = data if end < 0 else data[:end]
    if not _ANNEX.search(first):
        return False
    key = first[max(first.rfind(b"/"), first.rfind(b"\\")) + 1 :]
    rest = data[len(first) :].strip().split(b"\n")
    return bool(_ANNEX_KEY.match(key)) and (rest == [b""] or all(b"/annex/" in one for one in rest))


def decode(data: bytes) -> bytes | Reason:
    r"""Give the text of a Python file as UTF-8 without BOM, every line end ``\n``.

    >>> decode(b"\xef\xbb\xbfx = 1\r\n")
    b'x = 1\n'
    >>> decode("# coding: latin-1\nx = 'é'".encode("latin-1"))
    b"# coding: latin-1\nx = '\xc3\xa9'"
    """
    body = data
    if not data.isascii():
        for mark, name in _OTHER_BOMS:
            if data.startswith(mark):
                return Reason(
                    f"found {name} text, expected UTF-8 (Python itself reads no {name}); "
                    "save the file as UTF-8"
                )
        body = data.removeprefix(codecs.BOM_UTF8)
    if b"\0" in body:
        return Reason(
            f"found a NUL byte at byte {data.index(0)}, expected Python text; "
            "is this a binary or damaged file?"
        )
    cookie = _cookie(body)
    if cookie is not None:
        text = _declared(body, cookie, marked=len(body) < len(data))
        if isinstance(text, Reason):
            return text
        if text is not None:
            return text.encode("utf-8", "replace")
    if not body.isascii():
        try:
            body.decode("utf-8")
        except UnicodeDecodeError as error:
            return _undecodable(error, "UTF-8", len(data) - len(body), cookie is not None)
    return _unix_lines(body)


def plain_text(data: bytes) -> str:
    r"""The text of what is no Python, such as a licence, every line end ``\n``: UTF-8, UTF-16 where
    a mark says so, as a shell of Windows writes it, else Windows-1252, which has all of Latin-1.

    >>> plain_text("\xa9 2024".encode("latin-1")), plain_text("\ufeffa\r\n".encode("utf-16-be"))
    ('\xa9 2024', 'a\n')
    """
    encoding = "utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unix_lines(text: bytes) -> bytes:
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text


def _cookie(body: bytes) -> str | None:
    """The encoding that one of the first two lines declares."""
    head = _TWO_LINES.match(body)
    if head is None or b"coding" not in head.group():
        return None
    first, second = head.groups()
    match = _COOKIE.match(first) or (_COOKIE.match(second) if _BLANK.match(first) else None)
    return None if match is None else _normal(match.group(1).decode("ascii", "replace"))


def _normal(cookie: str) -> str:
    """The encoding that Python takes a declaration for: with ``-unix`` or the like behind it, as
    Emacs writes, that of UTF-8 and of Latin-1 means the same (``tokenize._get_normal_name``)."""
    start = cookie[:12].lower().replace("_", "-") + "-"
    if start.startswith("utf-8-"):
        return "utf-8"
    return "iso-8859-1" if start.startswith(_LATIN_1) else cookie


def _known_by(cookie: str) -> str:
    """The name of an encoding as Python looks it up."""
    return re.sub(r"[^a-z0-9]+", "_", cookie.lower()).strip("_")


def _declared(body: bytes, cookie: str, *, marked: bool) -> str | Reason | None:
    """The text in the declared encoding, or None where that is UTF-8."""
    try:
        codec = codecs.lookup(_NEWER_NAMES.get(_known_by(cookie), cookie))
    except (LookupError, ValueError):
        return Reason(
            f"found the encoding declaration {cookie[:40]!r}, which Python does not know; "
            "correct the 'coding' comment"
        )
    if codec.name in ("utf-8", "utf-8-sig"):
        return None
    if marked:
        return Reason(
            f"found a UTF-8 BOM and the encoding declaration {cookie[:40]!r}, expected one or "
            "the other (Python refuses both); remove the 'coding' comment"
        )
    refused = Reason(
        f"found the encoding declaration {cookie[:40]!r}, expected a text encoding; "
        "save the file as UTF-8"
    )
    if not codec._is_text_encoding or codec.name in _NOT_FOR_SOURCE:
        return refused
    try:
        if b"coding".decode(codec.name) != "coding":  # UTF-16, UTF-32, EBCDIC
            return refused
        text = body.decode(codec.name)
        if b"\r" in body:
            text = _unix_lines(body).decode(codec.name)  # ends of lines first, as Python does
    except UnicodeDecodeError as error:
        return _undecodable(error, codec.name, 0, True)
    except ValueError:
        return refused
    if "\0" in text:
        return Reason(
            f"found a NUL character in text of encoding {codec.name}, expected Python text; "
            "is this a binary or damaged file?"
        )
    if "\r" in text:
        return Reason(
            f"found the end of a line that is made by the encoding {codec.name}, which Python may "
            "take for none; save the file as UTF-8"
        )
    return text


def _undecodable(error: UnicodeDecodeError, encoding: str, offset: int, declared: bool) -> Reason:
    byte = f" 0x{error.object[error.start]:02x}" if error.start < len(error.object) else ""
    expected = f"{encoding} as declared" if declared else encoding
    return Reason(
        f"found the invalid byte{byte} at byte {offset + error.start}, expected {expected}; "
        + ("correct" if declared else "add")
        + " the 'coding' comment (PEP 263) or save the file as UTF-8"
    )
