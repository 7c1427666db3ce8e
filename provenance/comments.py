"""comments: UTF-8 source -> those comments and docstrings that have certain words, by their lines.

Pure. Nothing is parsed: a search for a few words decides whether there is anything to read, then
one regular expression tells comments and strings from code up to the last such word. A string that
code uses says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

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

_HEAD = re.compile(rb"(?:[ \t\f]*(?:#[^\n]*)?\n)*[ \t\f]*(?:#[^\n]*)?")
_PREFIX = b"rRuUbBfF"
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
    """Where one of the words stands, ascending; snippet tags only where there is another one."""
    words = _WORDS if lower.isascii() else (*_WORDS, *_OTHER_WORDS)
    hits = [at for word in words for at in islice(_finds(lower, word), _MOST_HITS)]
    if hits:
        hits += islice(_finds(lower, b"spdx-snippet"), _MOST_HITS)
    return sorted(hits)


def _finds(lower: bytes, word: bytes) -> Iterator[int]:
    at = lower.find(word)
    while at >= 0:
        yield at
        at = lower.find(word, at + len(word))


def blocks(content: bytes, hits: list[int]) -> Iterator[tuple[Block, list[int]]]:
    """The comments and docstrings with hits, each with the positions of its lines with hits."""
    head = _HEAD.match(content)
    head_end = head.end() if head is not None else 0
    position, count, done = 0, len(hits), 0
    line, counted = 1, 0
    depth, asked = 0, 0
    for token in _tokens(content):
        while position < count and hits[position] < max(token.start(), done):
            position += 1
        if position == count:
            return
        if token.end() <= hits[position]:
            continue
        if content[token.start()] == 35:  # '#'
            start, stop = _comment_run(content, token.start(), done)
            notices = True
        else:
            start, stop = token.span()
            stop = min(stop, hits[position] + LONGEST_BLOCK)
            notices = head_end <= start <= head_end + 2  # behind a prefix
            notices = notices and not content[head_end:start].strip(_PREFIX)
            if not (notices or _is_below(content, start)) or _GOES_ON.match(content, token.end()):
                continue
            if not notices:
                depth, asked = _depth(depth, content[asked:start]), start
                if depth:
                    continue
        line += content.count(b"\n", counted, start)
        counted = start
        found: list[int] = []
        while position < count and hits[position] < stop:
            found.append(content.count(b"\n", start, hits[position]))
            position += 1
        done = stop
        lines = content[start:stop].decode("utf-8", "replace").split("\n")
        block = Block(line, tuple(_clean(text[:LONGEST_LINE]) for text in lines), notices)
        yield block, sorted(set(found))


def _tokens(content: bytes) -> Iterator[re.Match[bytes]]:
    """Comments and strings; behind three quotes that nothing closes, which Python does not read
    either, the lines that are comments."""
    for token in _TOKEN.finditer(content):
        yield token
        if token.lastindex:
            for found in _COMMENT.finditer(content, token.start()):
                if not content[content.rfind(b"\n", 0, found.start()) + 1 : found.start()].strip():
                    yield found
            return


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


def _is_below(content: bytes, start: int) -> bool:
    """Whether a string begins on a line of its own after a colon, comments in between aside."""
    before = content[max(0, start - LONGEST_LINE) : start].rstrip(_PREFIX)
    stripped = before.rstrip()
    if b"\n" not in before[len(stripped) :]:
        return False
    while not stripped.endswith(b":"):
        above, _, line = stripped.rpartition(b"\n")
        if not line.lstrip().startswith(b"#"):
            return _COLON.search(line) is not None
        stripped = above.rstrip()
    return True


def _depth(depth: int, content: bytes) -> int:
    """How many brackets are open behind a part of a file, where so many were in front: none where
    a definition begins, whatever is wrong above."""
    code = _TOKEN.sub(b'"', content)
    begins = [one.end() for one in _DEFINES.finditer(code)][-1:]
    if begins:
        depth, code = 0, code[begins[0] :]
    opened = sum(map(code.count, (b"(", b"[", b"{")))
    return max(0, depth + opened - sum(map(code.count, (b")", b"]", b"}"))))


_DEFINES = re.compile(rb"^[ \t]*(?:async[ \t]+)?(?:def|class)\b", re.MULTILINE)
_COLON = re.compile(rb":[ \t\f]*#")
_GOES_ON = re.compile(rb"(?:[ \t\f]|\\\n|'[^'\\\n]*'|\"[^\"\\\n]*\")*[^\s#;'\"\\]")
_NO_SIGN = re.compile(
    "[\x00-\x1f\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f\u2066-\u2069\u3000\ufeff]"
)


def _clean(text: str) -> str:
    """One line without what a terminal might obey; spaces are of one kind."""
    return _NO_SIGN.sub(" ", text).strip()


_OPENING = re.compile(r"[rRuU]?(?:\"\"\"|'''|\"|')")


def bare_line(line: str) -> str:
    """A line without its comment sign, quotes and bullets."""
    if line[:1] != "#" and (opening := _OPENING.match(line)):
        line = line[opening.end() :]
    return line.lstrip("# ").lstrip("-*>=~| ").rstrip()
