"""fstring: where a string of Python 3.12 ends whose replacement fields have strings of their own
(PEP 701, PEP 750). Pure.

Before, a field held no quote of the kind that it stands in, and the first one ended the string:
there both readings are one.
"""

from __future__ import annotations

import re

LONGEST = 20_000
"""Bytes from quote to quote within which such a string is read as one."""

_DEEPEST = 300  # strings and fields within each other; CPython reads as many
_PREFIX = re.compile(rb"(?<![^\W_])(?:[fFtT][rR]?|[rR][fFtT])\Z", re.ASCII)
_QUOTE = re.compile(rb"'''|\"\"\"|['\"]")
_TEXT, _FORMAT = -1, -2  # a part of a string; a field has the number of its open brackets, from 0
_ENDS = {b"'": rb"'|\n", b'"': rb"\"|\n", b"'''": rb"'''", b'"""': rb"\"\"\""}
_SIGNS = {
    (kind, quote): re.compile(signs + (b"" if kind == 0 else rb"|" + end), re.DOTALL)
    for kind, signs in (
        (_TEXT, rb"\\[^{}]|\{\{?"),
        (_FORMAT, rb"\\[^{}]|[{}]"),
        (0, rb"'''|\"\"\"|['\"#()\[\]{}:]"),
    )
    for quote, end in _ENDS.items()
}
_PLAIN = {
    b"'": re.compile(rb"(?:[^'\\\n]|\\.)*'", re.DOTALL),
    b'"': re.compile(rb"(?:[^\"\\\n]|\\.)*\"", re.DOTALL),
    b"'''": re.compile(rb"(?:[^'\\]|\\.|'(?!''))*'''", re.DOTALL),
    b'"""': re.compile(rb"(?:[^\"\\]|\\.|\"(?!\"\"))*\"\"\"", re.DOTALL),
}


def has_fields(content: bytes, start: int) -> bool:
    """Whether the string whose first quote is at ``start`` has replacement fields."""
    return _PREFIX.search(content, max(0, start - 3), start) is not None


def passed(content: bytes, start: int) -> tuple[int, bool, list[tuple[int, int]]]:
    """Read the string with fields whose first quote is at ``start``.

    Returns:
        Up to where it was read; whether it ends there, or else is none to Python or is too long;
        and where the comments in its fields begin and end.
    """
    stop = min(len(content), start + LONGEST)
    comments: list[tuple[int, int]] = []
    opening = _QUOTE.match(content, start)
    if opening is None:
        return start, False, comments
    at = opening.end()
    parts: list[tuple[bytes, int]] = [(opening[0], _TEXT)]  # what is open, with its string's quote
    while parts:
        quote, depth = parts[-1]
        found = _SIGNS[min(depth, 0), quote].search(content, at, stop)
        if found is None or len(parts) > _DEEPEST:
            return stop if found is None else at, False, comments
        sign, at = found[0], found.end()
        if depth < 0:
            if sign == b"{":
                parts.append((quote, 0))
            elif sign == (quote if depth == _TEXT else b"}"):
                parts.pop()
            elif sign[:1] != b"\\" and sign != b"{{":
                return at, False, comments
        elif sign in (b"(", b"[", b"{"):
            parts[-1] = (quote, depth + 1)
        elif sign in (b")", b"]", b"}"):
            if depth:
                parts[-1] = (quote, depth - 1)
            elif sign == b"}":
                parts.pop()
            else:
                return at, False, comments
        elif sign == b":":
            if not depth:
                parts[-1] = (quote, _FORMAT)
        elif sign == b"#":
            end = content.find(b"\n", at, stop)
            if end < 0:
                return stop, False, comments
            comments.append((found.start(), end))
            at = end
        elif has_fields(content, found.start()):
            parts.append((sign, _TEXT))
        else:
            plain = _PLAIN[sign].match(content, at, stop)
            if plain is None:
                return stop, False, comments
            at = plain.end()
    return at, True, comments
