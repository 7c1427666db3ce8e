"""comments: UTF-8 source -> those comments and docstrings that have certain words, by their lines.

Pure. Nothing is parsed: a search for a few words decides whether there is anything to read, then
one regular expression tells comments and strings from code up to the last such word. A string that
code uses says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from provenance.fstring import has_fields, passed

LONGEST = 200
"""Characters of a line that are shown."""

LONGEST_LINE = 1_000
"""Characters of a line that are read."""
LONGEST_BLOCK = 20_000
"""Bytes of a comment or docstring that are read at a time."""

_MOST_HITS = 20_000

_WORDS = (
    b"ed from",
    b"ed  from",
    b"en from",
    b"ly from",
    b"verbatim from",
    b"over from",
    b"code from",
    b"as is from",
    b"as-is from",
    b"# from ",
    b"based on",
    b"inspired by",
    b"/blob/",
    b"copyright",
    b"licen",
    b"spdx-snippet",
)
"""Lower-case. "ed from" is copied, adapted, modified, ported ...; "en from" is taken; what
follows may stand between, as in "copied directly from". Between the two a line may end."""
_OTHER_WORDS = tuple(word.encode() for word in ("©", "ed\u00a0from"))

_TOKEN = re.compile(
    rb'#[^\n]*|"""[^"\\]*(?:(?:\\[\s\S]|"(?!""))[^"\\]*)*(?:"""|())'
    rb"|'''[^'\\]*(?:(?:\\[\s\S]|'(?!''))[^'\\]*)*(?:'''|())"
    rb'|"[^"\\\n]*(?:\\[\s\S][^"\\\n]*)*"?'
    rb"|'[^'\\\n]*(?:\\[\s\S][^'\\\n]*)*'?"
)
"""Comments and strings. Every branch matches to its end whatever follows, so time is linear. A
group tells that nothing closes three quotes."""
_COMMENT = re.compile(rb"#[^\n]*")
_HASH = ord("#")

_HEAD = re.compile(rb"(?:[ \t\f]*(?:#[^\n]*)?\n)*[ \t\f]*(?:#[^\n]*)?")
_TEXT_PREFIXES, _QUOTES = (b"r", b"R", b"u", b"U"), (b'"', b"'")


@dataclass(frozen=True, slots=True)
class Block:
    """A run of comment lines, a comment after code, or a docstring, line by line."""

    first_line: int
    lines: tuple[str, ...]
    notices: bool
    """Whether copyrights and licences are read in it: in comments and the module's docstring."""


def may_state(content: bytes) -> bool:
    """Whether comments with this text, UTF-8, may state anything: it has one of the words."""
    lower = content.lower()
    return any(word in lower for word in (*_WORDS, *_OTHER_WORDS))


def hits_in(lower: bytes) -> list[int]:
    """Where one of the words stands, ascending."""
    words = _WORDS if lower.isascii() else (*_WORDS, *_OTHER_WORDS)
    return sorted(at for word in words for at in islice(_finds(lower, word), _MOST_HITS))


def _finds(lower: bytes, word: bytes) -> Iterator[int]:
    at = lower.find(word)
    while at >= 0:
        yield at
        at = lower.find(word, at + len(word))


def blocks(content: bytes, hits: list[int]) -> Iterator[tuple[Block, list[int]]]:
    """The comments and docstrings with hits, each with the positions of its lines with hits."""
    head = _HEAD.match(content)
    head_end = head.end() if head is not None else 0
    position, count = 0, len(hits)
    line = 1
    counted = done = text_end = asked = 0
    place = _Place()
    for begin, behind in _tokens(content):
        while position < count and hits[position] < max(begin, done):
            position += 1
        if position == count:
            return
        is_comment = content[begin] == _HASH
        floor = max(done, text_end)
        if not is_comment:
            text_end = behind
        if behind <= hits[position]:
            continue
        if is_comment:
            start, end = _comment_run(content, begin, floor)
            notices = True
        else:
            start, end = begin, behind
            code = start - (content[start - 1 : start] in _TEXT_PREFIXES)
            notices = code == head_end
            if not notices:
                is_docstring = place.is_docstring_behind(content[asked:code])
                asked = end
                if not is_docstring:
                    continue
            if _GOES_ON.match(content, end):
                continue
        while position < count and hits[position] < end:
            stop = min(end, hits[position] + LONGEST_BLOCK)
            line += content.count(b"\n", counted, start)
            counted = start
            found: list[int] = []
            while position < count and hits[position] < stop:
                found.append(content.count(b"\n", start, hits[position]))
                position += 1
            lines = content[start:stop].decode("utf-8", "replace").split("\n")
            block = Block(line, tuple(_clean(text[:LONGEST_LINE]) for text in lines), notices)
            yield block, sorted(set(found))
            start = done = stop


def _tokens(content: bytes) -> Iterator[tuple[int, int]]:
    """Where comments and strings begin and end; before a string, the comments in its fields; behind
    three quotes that nothing closes, which Python does not read either, the lines that are
    comments."""
    for token, end, within in _read(content):
        yield from within
        yield token.start(), end
        if end == token.end() and token.lastindex:
            for found in _COMMENT.finditer(content, token.start()):
                if not content[content.rfind(b"\n", 0, found.start()) + 1 : found.start()].strip():
                    yield found.span()
            return


def _read(content: bytes) -> Iterator[tuple[re.Match[bytes], int, list[tuple[int, int]]]]:
    """Comments and strings, with where they end, and the comments in their fields. Strings that are
    none to Python are looked at for as many bytes in all as there are, so that time is linear."""
    at, left = 0, len(content)
    while token := _TOKEN.search(content, at):
        start, at = token.span()
        within: list[tuple[int, int]] = []
        if left > 0 and b"{" in token[0] and content[start] != _HASH and has_fields(content, start):
            reached, ends, comments = passed(content, start)
            if ends:
                at, within = reached, comments
            else:
                left -= reached - start
        yield token, at, within


def _code(content: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """A text with signs in place of its comments and strings."""
    parts: list[bytes] = []
    at = 0
    for token, end, _ in _read(content):
        parts += (content[at : token.start()], sign(content[token.start() : end]))
        at = end
    return b"".join((*parts, content[at:]))


def head_lines(content: bytes) -> int:
    """Up to which line a file has nothing but comments, blanks, and its docstring."""
    head = _HEAD.match(content)
    end = start = head.end() if head is not None else 0
    while content[start : start + 1] in _TEXT_PREFIXES:
        start += 1
    if content[start : start + 1] in _QUOTES and (text := _TOKEN.match(content, start)) is not None:
        head = _HEAD.match(content, text.end())
        end = head.end() if head is not None else text.end()
    return content.count(b"\n", 0, end) + 1


def decorated(content: bytes) -> dict[int, int]:
    """The lines of definitions, and for each that of its first decorator."""
    found: dict[int, int] = {}
    depth, first, goes_on = 0, 0, False
    code = _code(content, lambda token: b"_" + b"\n" * token.count(b"\n"))
    for number, line in enumerate(code.split(b"\n"), 1):
        if _DEFINES.match(line):
            if first:
                found[number] = first
            depth, first = 0, 0
        elif not (depth or goes_on) and line.strip(b" \t\f_"):
            first = 0 if line.lstrip(b" \t\f")[:1] != b"@" else first or number
        depth += sum(map(line.count, _OPENING)) - sum(map(line.count, _CLOSING))
        depth = max(0, depth)
        goes_on = line.endswith(b"\\")
    return found


def _comment_run(content: bytes, start: int, floor: int) -> tuple[int, int]:
    """The run of whole comment lines around a comment; only itself where code precedes it."""
    stop = content.find(b"\n", start)
    if stop < 0:
        stop = len(content)
    first = content.rfind(b"\n", 0, start) + 1
    if content[first:start].strip():
        return start, min(stop, start + LONGEST_BLOCK)
    lowest = max(floor, start - LONGEST_BLOCK)
    while first - 1 > lowest:
        above = content.rfind(b"\n", lowest, first - 1) + 1
        if above <= lowest and lowest and content[lowest - 1 : lowest] != b"\n":
            break
        if not content[above : first - 1].lstrip(b" \t").startswith(b"#"):
            break
        first = above
    highest = start + LONGEST_BLOCK
    while stop < highest:
        below = content.find(b"\n", stop + 1, highest)
        end = below if below >= 0 else min(len(content), highest)
        if not content[stop + 1 : end].lstrip(b" \t").startswith(b"#"):
            break
        stop = end
    return first, min(stop, highest)


class _Place:
    """Whether what stands next in a file is the docstring of a definition: told by the code up to
    there, part by part. What is wrong above a definition does not matter to it."""

    def __init__(self) -> None:
        self._in_header = False
        self._depth = 0

    def is_docstring_behind(self, content: bytes) -> bool:
        """Whether a string is, behind the next part, which begins behind the last string that was
        asked of and ends where this one begins."""
        code = _code(content, _string_sign)
        begins = [one.end() for one in _DEFINES.finditer(code)][-1:]
        if begins:
            self._in_header, self._depth, code = True, 0, code[begins[0] :]
        begun = False
        if self._in_header:
            for sign in _SIGNS.finditer(code):
                if sign[0] in _OPENING:
                    self._depth += 1
                elif sign[0] in _CLOSING:
                    self._depth = max(0, self._depth - 1)
                elif not self._depth:
                    self._in_header, begun, code = False, True, code[sign.end() :]
                    break
        return begun and not code.strip(b" \t\f\n\\")


def _string_sign(token: bytes) -> bytes:
    return b"" if token.startswith(b"#") else b'"'


_OPENING, _CLOSING = (b"(", b"[", b"{"), (b")", b"]", b"}")
_SIGNS = re.compile(rb"[()\[\]{}:]")
_DEFINES = re.compile(rb"^[ \t\f]*(?:async[ \t]+)?(?:def|class)\b", re.MULTILINE)
_GOES_ON = re.compile(rb"(?:[ \t\f]|\\\n|'[^'\\\n]*'|\"[^\"\\\n]*\")*[^\s#;'\"\\]")
_NO_SIGN = re.compile(
    "[\x00-\x1f\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f\u2066-\u2069\u3000\ufeff]"
)


def _clean(text: str) -> str:
    """One line without what a terminal might obey; spaces are of one kind."""
    return _NO_SIGN.sub(" ", text).strip()


_OPENS_TEXT = re.compile(r"[rRuU]?(?:\"\"\"|'''|\"|')")


def bare_line(line: str) -> str:
    """A line without its comment sign, quotes and bullets."""
    if line[:1] != "#" and (opening := _OPENS_TEXT.match(line)):
        line = line[opening.end() :]
    return line.lstrip("# ").lstrip("-*>=~| ").rstrip()
