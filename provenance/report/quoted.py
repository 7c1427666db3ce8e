"""quoted: the source that an HTML report quotes -> its lines, coloured by Pygments. Pure.

A file is quoted once, however many findings stand in it: a scanned file whole, a reference file
the lines of its units. Each stretch is ``[first line, text, runs]``: ``runs`` says which part of
the text is of which kind, as ``k3n12``, a letter and a length in UTF-16 units, so that it can be
read in a browser.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from provenance.decode import printable
from provenance.model import Finding, Report
from provenance.report.text import safe

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType

Release = tuple[str, str, str]
"""Package, version (empty where there is none) and path of a reference file."""

Stretch = tuple[int, str, str]
"""First line, text, runs."""

COLOURED = 500_000
"""So many words and signs are coloured, those of the strongest findings first: about five seconds
of work, whatever they are (18 us for each in files of models, 20 us in lines of signs alone). The
rest is quoted without colours, and the page says so."""
_COLOURED = re.compile(r"\w+|[^\w\s]")
_BLANKS = 20
"""Other characters that take as long as a word."""

_LONG = re.compile(r"^[^\n]{1000}", re.MULTILINE)
"""A file with so long a line has no colours: a string in it may take time by its square."""


class Quotes:
    """What a page quotes. ``files``: stretches by ``s3`` for the third scanned file and ``r7``
    for the seventh reference file. ``reference``: for each finding the number of its reference
    file, -1 where its text is not at hand. ``plain``: how many files have no colours."""

    files: dict[str, list[Stretch]]
    reference: list[int]
    plain: int

    def __init__(
        self,
        report: Report,
        findings: Sequence[Finding],
        sources: Mapping[str, str],
        references: Mapping[Release, str],
    ) -> None:
        places = {file.path: number for number, file in enumerate(report.files)}
        numbers: dict[Release, int] = {}
        spans: dict[Release, list[tuple[int, int]]] = defaultdict(list)
        for finding in findings:
            side, key = finding.reference, _release(finding)
            if key in references:
                numbers.setdefault(key, len(numbers))
                spans[key].append((side.start_line, side.end_line))
        self.reference = [numbers.get(_release(one), -1) for one in findings]
        self.files = {}
        self.plain = 0
        self._left = COLOURED
        for finding, number in zip(findings, self.reference, strict=True):
            path = finding.suspect.path
            if path in sources and path in places:
                self._quote(f"s{places[path]}", [(1, sources[path])])
            key = _release(finding)
            if number >= 0 and f"r{number}" not in self.files:
                self._quote(f"r{number}", stretches(references[key], spans[key]))

    def _quote(self, name: str, texts: Sequence[tuple[int, str]]) -> None:
        if name in self.files:
            return
        work = sum(_work(text, self._left) for _, text in texts)
        coloured = work <= self._left and not any(_LONG.search(text) for _, text in texts)
        self._left -= work if coloured else 0
        self.plain += not coloured
        self.files[name] = [
            (first, *(colours(text) if coloured else (visible(text), ""))) for first, text in texts
        ]


def _work(text: str, most: int) -> int:
    """How much there is to colour; of more than ``most`` some that is more."""
    blanks = len(text) // _BLANKS
    return blanks + sum(1 for _ in islice(_COLOURED.finditer(text), max(0, most + 1 - blanks)))


def _release(finding: Finding) -> Release:
    side = finding.reference
    return side.package, side.version or "", side.path


def stretches(text: str, spans: Iterable[tuple[int, int]]) -> list[tuple[int, str]]:
    """The lines of the spans (1-based, the last one included), each once: first lines and texts."""
    lines = text.split("\n")
    joined: list[list[int]] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return [(first, "\n".join(lines[first - 1 : last])) for first, last in joined]


def visible(text: str) -> str:
    """The text with what cannot be seen, or would reorder what is, written out."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return text.translate(_Shown())


class _Shown(dict[int, str]):
    """How each sign is shown, found once: a text has very many, and few different ones."""

    def __missing__(self, sign: int) -> str:
        shown = self[sign] = chr(sign) if chr(sign) in "\n\t" else safe(chr(sign))
        return shown


@cache
def _lexer() -> Lexer:
    """That of Pygments, which looks for a docstring from each blank line on to where no blank is
    left; so a blank line is taken by itself before."""
    from pygments.lexer import inherit
    from pygments.lexers.python import PythonLexer
    from pygments.token import Whitespace

    class ByLines(PythonLexer):
        tokens = {"root": [(r"^[^\S\n]+\n", Whitespace), inherit]}  # noqa: RUF012

    return ByLines()


def colours(text: str) -> tuple[str, str]:
    """A Python text fit to be seen, and its runs."""
    shown: list[str] = []
    runs: list[list[str | int]] = []
    for _, token, value in _lexer().get_tokens_unprocessed(text):
        for kind, piece in _pieces(value, _kind(token)):
            shown.append(piece)
            length = len(piece)
            if not piece.isascii():
                length = len(piece.encode("utf-16-le", "surrogatepass")) // 2
            if runs and runs[-1][0] == kind:
                runs[-1][1] = int(runs[-1][1]) + length
            else:
                runs.append([kind, length])
    return "".join(shown), "".join(f"{kind}{length}" for kind, length in runs)


def _pieces(text: str, kind: str) -> Iterator[tuple[str, str]]:
    """A piece with what cannot be seen apart, of kind ``x``, written out."""
    if text.isprintable() or not text.strip(" \t\n"):
        yield kind, text
        return
    run = ""
    for sign in text:
        if printable(sign) or sign in "\t\n":
            run += sign
            continue
        if run:
            yield kind, run
        run = ""
        yield "x", safe(sign)
    if run:
        yield kind, run


@cache
def _kind(token: _TokenType) -> str:
    """``k`` keyword, ``n`` name, ``s`` string, ``c`` comment, ``m`` number, ``o`` operator, ``d``
    decorator or defined name, ``p`` anything else."""
    from pygments.token import Comment, Keyword, Name, Number, Operator, String

    kinds: tuple[tuple[Any, str], ...] = (
        (Comment, "c"),
        (String, "s"),
        (Keyword, "k"),
        (Operator.Word, "k"),
        (Number, "m"),
        (Name.Decorator, "d"),
        (Name.Class, "d"),
        (Name.Function, "d"),
        (Name, "n"),
        (Operator, "o"),
    )
    return next((letter for kind, letter in kinds if token in kind), "p")
