"""Two units line by line, for a terminal: beside each other, or one below the other. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from provenance.model import Block, Finding
from provenance.report.text import safe, wrapped

WIDE = 100
"""From so many columns on the two sides stand beside each other."""
_AROUND = 15
_MOST_GAP = 12
_OFTEN = 50
_UNDERLINED, _PLAIN = "\x1b[4m", "\x1b[24m"


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of both sides: number and text of each, and how they compare."""

    mark: str
    left: int | None
    right: int | None


def both_sides(
    finding: Finding,
    suspect: str | None,
    reference: str | None,
    common: set[int],
    *,
    line: int | None,
    width: int,
    styled: bool,
) -> Iterator[str]:
    """The unit line by line, what is paired beside its partner.

    Args:
        finding: of the two units.
        suspect: the text of the scanned file, None where it is not at hand any more.
        reference: that of the reference file, None where it is not at hand.
        common: paired lines of the suspect that count for no origin.
        line: only the lines around this one.
        width: columns; from ``WIDE`` on the sides stand beside each other, else below.
        styled: whether renamed words may be underlined by escape codes.
    """
    if suspect is None:
        yield from wrapped("The file changed since it was scanned; scan again.", width, "   ")
        return
    left = suspect.split("\n")
    right = reference.split("\n") if reference is not None else None
    if right is None:
        yield from wrapped(
            "The text of the reference is not at hand: only its line numbers are shown. Where it "
            "is of the default index, get it with: provenance sources fetch "
            f"{safe(finding.reference.origin)}",
            width,
            "   ",
        )
    signs = "= as written, ~ other names, literals or layout" if right else ": paired"
    yield from wrapped(f"{signs}, . common and discounted, blank: own", width, "   ")
    rows = list(_rows(finding, left, right, common))
    if line is not None:
        rows = _around(rows, line)
    words = [(one.suspect, one.reference) for one in finding.renames] if styled else []
    draw = _beside if width >= WIDE else _stacked
    yield from draw(rows, left, right, line, width, words)


def _around(rows: list[_Row], line: int) -> list[_Row]:
    at = next((n for n, row in enumerate(rows) if row.left is not None and row.left >= line), 0)
    return rows[max(0, at - _AROUND) : at + _AROUND + 1]


def _rows(
    finding: Finding, left: Sequence[str], right: Sequence[str] | None, common: set[int]
) -> Iterator[_Row]:
    """The suspect's lines from first to last, each beside its partner; between blocks that follow
    each other on both sides also what only the reference has."""
    at, there = finding.suspect.start_line, finding.reference.start_line
    blocks = sorted(finding.blocks, key=lambda one: (one.suspect_start, one.reference_start))
    for block in blocks:
        first = max(block.suspect_start, at)
        gap = range(there, block.reference_start)
        for number in range(at, first):
            yield _Row(" ", number, None)
        if 0 < len(gap) <= _MOST_GAP or (gap and right is None):
            yield from (_Row(" ", None, number) for number in gap[:_MOST_GAP])
        elif gap:
            yield from (_Row(" ", None, number) for number in gap[: _MOST_GAP // 2])
            yield _Row("…", None, len(gap) - _MOST_GAP // 2)
        yield from _block(block, first, left, right, common)
        at = max(at, block.suspect_end + 1)
        there = max(there, block.reference_end + 1)
    for number in range(at, finding.suspect.end_line + 1):
        yield _Row(" ", number, None)


def _block(
    block: Block, first: int, left: Sequence[str], right: Sequence[str] | None, common: set[int]
) -> Iterator[_Row]:
    """The lines of a block beside each other: one by one where they are as many, else by what is
    equal in them."""
    mine = range(first, block.suspect_end + 1)
    theirs = range(block.reference_start, block.reference_end + 1)
    if first > block.suspect_start:  # its first line stands in the block before
        theirs = theirs[first - block.suspect_start :]
    if right is None or len(mine) == len(theirs):
        for number, other in zip_longest(mine, theirs):
            yield _Row(_mark(number, other, left, right, common), number, other)
        return
    here, there = [_bare(left, n) for n in mine], [_bare(right, n) for n in theirs]
    at = to = 0
    for i, j in (*_equal(here, there), (len(here), len(there))):
        for number, other in zip_longest(mine[at:i], theirs[to:j]):
            yield _Row(_mark(number, other, left, right, common), number, other)
        if i < len(here):
            yield _Row(_mark(mine[i], theirs[j], left, right, common), mine[i], theirs[j])
        at, to = i + 1, j + 1


def _equal(here: Sequence[str], there: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Which lines are equal, in order on both sides. One that stands very often on a side tells no
    place, and would be held against each like it: it is paired by what stands around it."""
    often = {line for side in (here, there) for line, n in Counter(side).items() if n > _OFTEN}
    mine, theirs = (
        [at for at, line in enumerate(side) if line not in often] for side in (here, there)
    )
    matcher = SequenceMatcher(
        None, [here[at] for at in mine], [there[at] for at in theirs], autojunk=False
    )
    for i, j, size in matcher.get_matching_blocks():
        yield from zip(mine[i : i + size], theirs[j : j + size], strict=True)


def _bare(lines: Sequence[str], number: int) -> str:
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def _mark(
    number: int | None,
    other: int | None,
    left: Sequence[str],
    right: Sequence[str] | None,
    common: set[int],
) -> str:
    if number in common:
        return "."
    if right is None:
        return ":"
    if number is None or other is None:
        return "~"
    return "=" if _bare(left, number) == _bare(right, other) else "~"


def _beside(
    rows: Sequence[_Row],
    left: Sequence[str],
    right: Sequence[str] | None,
    line: int | None,
    width: int,
    words: Sequence[tuple[str, str]],
) -> Iterator[str]:
    digits = _digits(rows)
    column = (width - 2 * digits - 9) // 2
    for row in rows:
        if row.mark == "…":
            yield " " * (digits + column + 5) + f"{row.right} more lines of the reference"
            continue
        sign = ">" if line is not None and row.left == line else " "
        mine = _cut(left, row.left, column)
        theirs = _cut(right, row.right, column)
        shown = _styled(mine, [word for word, _ in words]) + " " * (column - len(mine))
        other = _styled(theirs, [word for _, word in words])
        text = (
            f"{sign}{_number(row.left, digits)} {shown} {row.mark} "
            f"{_number(row.right, digits)} {other}"
        )
        yield text.rstrip()


def _stacked(
    rows: Sequence[_Row],
    left: Sequence[str],
    right: Sequence[str] | None,
    line: int | None,
    width: int,
    words: Sequence[tuple[str, str]],
) -> Iterator[str]:
    digits = _digits(rows)
    column = width - digits - 5
    for row in rows:
        if row.mark == "…":
            yield " " * (digits + 4) + f"{row.right} more lines of the reference"
            continue
        sign = ">" if line is not None and row.left == line else " "
        if row.left is not None:
            mine = _styled(_cut(left, row.left, column), [word for word, _ in words])
            yield f"{sign}{row.mark} {_number(row.left, digits)} {mine}".rstrip()
        if row.right is not None and row.mark != "=" and right is not None:
            theirs = _styled(_cut(right, row.right, column), [word for _, word in words])
            yield f"  <{_number(row.right, digits)} {theirs}".rstrip()


def _digits(rows: Sequence[_Row]) -> int:
    numbers = [n for row in rows for n in (row.left, row.right) if n is not None]
    return len(str(max(numbers, default=1)))


def _number(number: int | None, digits: int) -> str:
    return " " * digits if number is None else str(number).rjust(digits)


def _cut(lines: Sequence[str] | None, number: int | None, column: int) -> str:
    """A line as far as there is room, without what a terminal might obey."""
    if lines is None or number is None or not 0 < number <= len(lines):
        return ""
    text = safe(lines[number - 1].expandtabs(4).rstrip())
    return text if len(text) <= column else text[: column - 1] + ">"


def _styled(text: str, words: Sequence[str]) -> str:
    """The text with renamed words underlined."""
    kept = [word for word in words if word and word in text]
    if not kept:
        return text
    pattern = "|".join(re.escape(word) for word in sorted(set(kept), key=len, reverse=True))
    return re.sub(pattern, lambda found: f"{_UNDERLINED}{found[0]}{_PLAIN}", text)
