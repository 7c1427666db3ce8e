"""notices: the notice files of a source (``NOTICE``, ``LICENSE``, ``COPYING``, ``AUTHORS``,
``THIRD_PARTY`` ..., ``REUSE.toml``) -> what they say of the files beside and below them. Pure.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, TypeVar

from provenance.claims import Claim
from provenance.comments import LONGEST
from provenance.decode import plain_text
from provenance.errors import UsageError
from provenance.mark import fold, folds
from provenance.patterns import Patterns
from provenance.rights import Copyright, License
from provenance.statements import MOST_VERBS, Statements, statements
from provenance.toml import table_of

MOST = 100
"""Notice files read of one source."""
LONGEST_FILE = 500_000
"""Bytes read of one."""
MOST_BYTES = 3_000_000
"""Bytes read of all of one source: what they say goes to every worker. Read, they take some ten
times as much, sixty times where their lines have a sign each."""
MOST_ANNOTATED = 10_000
"""Globs, holders and licences read of all ``REUSE.toml`` of one source."""

MARK = "<!-- Written by provenance notices; written again by it. -->"
"""The first line of a file of notices of ours: another one is not overwritten."""
_PART = "## "
_LISTED = re.compile(
    r"- (.+), lines \d+-\d+(?:, \d+-\d+)*(?: and \d+ more)?"
    r"(?: of its code cells, counted through)?: "
)
_PACKED = re.compile(r"\.dist-info/")
"""Where a package has its notices: nothing in it stands in ``src``."""
_MARKUP = re.compile(r"\\([\\`*\[\]<>#|])")

MOST_PARTS = 10_000
"""Parts of such files read of one source: packages with a licence, and files that they list."""

_NAME = re.compile(
    r"(?:NOTICES?|LICEN[CS]ES?|COPYING|COPYRIGHTS?|AUTHORS|CONTRIBUTORS|CREDITS|ATTRIBUTIONS?|"
    r"THIRD[-_. ]?PARTY.*)(?:[-_.][\w.-]*)?",
    re.IGNORECASE,
)
_LONGEST_NAME = 255
"""Signs of the name of a file: no file system has longer ones, an archive may."""
_ENDING = re.compile(r".*\.(?:txt|md|rst|adoc|[A-Z][\w-]*|\d+)|[^.]+", re.IGNORECASE)
_CODE = re.compile(r".*\.(?:py|ipynb|pyi|c|h|cc|cpp|cu|js|ts|json|ya?ml|toml|html?|csv|sh)", re.I)
_PEOPLE = re.compile(r"(?:AUTHORS|CONTRIBUTORS)(?:[-_.].*)?", re.IGNORECASE)
"""Lists of people: a line of one that names no file says who they are, not whose code it is."""
_BSD = re.compile(r"redistribution\s+and\s+use\s+in\s+source", re.IGNORECASE)
_BSD_END = re.compile(r"such\s+damage", re.IGNORECASE)
_LONGEST_BSD = 60
"""Lines from the one to the other."""
_SIGN = re.compile(r"\s*\(c\)\s*(?:19|20)\d\d", re.IGNORECASE)
_REUSE = "REUSE.toml"
_WHOLE = re.compile(r"licen[cs]es?|legal|[^/]+\.dist-info|[^/]+\.egg-info", re.IGNORECASE)


_Line = TypeVar("_Line", Copyright, License)
_Part = tuple[Statements, tuple[tuple[int, str], ...], frozenset[str]]
"""What is said, the lines, and the files that it is said of."""


@dataclass(frozen=True, slots=True)
class Named:
    """A name of a family. ``plain`` is a mere word (Falcon), which a line must hold together with
    the organisation's. A name that only its capitals or signs tell from a word (HuBERT, Shap-E)
    must be ``written`` so; one with a digit need not."""

    family: str
    organisation: str
    plain: bool
    written: str


@dataclass(frozen=True, slots=True)
class NoticeFile:
    """A notice file: what it says, line by line, for the files in ``folder`` (empty, or ending in
    ``/``); of a ``REUSE.toml``, for those that ``globs`` want; a part of one that ``provenance
    notices`` wrote, for those that are ``listed``, each stretch of blanks in them as one, as files
    of a ``package``: its claims."""

    path: str
    folder: str
    statements: Statements
    lines: tuple[tuple[int, str], ...]
    globs: tuple[str, ...] = ()
    listed: frozenset[str] = frozenset()
    package: str = ""

    def covers(self, path: str) -> bool:
        """Whether it speaks of a file."""
        if not path.startswith(self.folder):
            return False
        if self.listed:
            return spaced(path) in self.listed
        return not self.globs or _patterns(self.globs).wants(path[len(self.folder) :])


@lru_cache(maxsize=MOST_ANNOTATED)
def _patterns(globs: tuple[str, ...]) -> Patterns:
    return Patterns(globs, braces=False)


def is_notice(name: str) -> bool:
    """Whether a file of this name, without folders, is a notice file."""
    if name == _REUSE:
        return True
    if len(name) > _LONGEST_NAME:
        return False
    return bool(_NAME.fullmatch(name) and _ENDING.fullmatch(name) and not _CODE.fullmatch(name))


def notice_files(found: Iterable[tuple[str, bytes]]) -> tuple[NoticeFile, ...]:
    """Read notice files, (path, bytes); what is no text, or no TOML, says nothing."""
    read: list[NoticeFile] = []
    left, verbs = iter(range(MOST_ANNOTATED)), iter(range(MOST_VERBS))
    parts = iter(range(MOST_PARTS))
    for path, data in found:
        text = plain_text(data)
        folder = folder_of(path)
        if path.rpartition("/")[2] == _REUSE:
            read += _annotations(path, folder, text, left)
            continue
        lines = text.split("\n")
        said = _quoted(statements("\n".join(_comments(lines)).encode(), verbs), lines)
        people = bool(_PEOPLE.fullmatch(path.rpartition("/")[2]))
        shown = (
            (n, line.strip())
            for n, line in enumerate(lines, 1)
            if line.strip() and (not people or ("/" in line and ".py" in line))
        )
        file = NoticeFile(path, folder, said, tuple(shown))
        read += _parts(file, lines, parts) if lines[0].strip() == MARK else [file]
    return tuple(read)


def _parts(file: NoticeFile, lines: Sequence[str], left: Iterator[int]) -> Iterator[NoticeFile]:
    """The parts of a file that ``provenance notices`` wrote, while there is something ``left`` of
    what is read: holders and licences are those of all files that a section lists; what a line
    names is of the one that it lists, and another copy of the same is none of that."""
    found = [*_listed(lines)]
    packed = _PACKED.search(file.path)
    starts = [number for number, line in enumerate(lines, 1) if line.startswith(_PART)]
    copyrights = sorted(file.statements.copyrights, key=lambda one: one.line)
    licenses = sorted(file.statements.licenses, key=lambda one: one.line)
    for first, stop in pairwise([*starts, len(lines) + 1]):
        listed: dict[str, list[tuple[int, str]]] = {}
        begin, end = (bisect_left(found, at, key=itemgetter(0)) for at in (first, stop))
        for at, name, source in found[begin:end]:
            for own in {name, name.removeprefix("src/")} if packed else (name,):
                listed.setdefault(spaced(file.folder + own), []).append((at, source))
        package = _MARKUP.sub(r"\1", lines[first - 1].removeprefix(_PART).partition(", ")[0])
        said = _within(copyrights, first, stop), _within(licenses, first, stop)
        whole: _Part = (Statements((), *said), (), frozenset(listed))
        parts = [whole] if listed else []
        for name, said_of in sorted(listed.items()):  # a name that is a family's says nothing
            claims = tuple(_source(at, text) for at, text in said_of if not denies(text))
            parts.append((Statements(claims), tuple(said_of), frozenset({name})))
        for (there, own_lines, names), _ in zip(parts, left, strict=False):
            yield replace(file, statements=there, lines=own_lines, listed=names, package=package)


def listings(text: str) -> Iterator[tuple[str, str]]:
    """The files that a file of notices of ours lists, from the folder that it speaks of, and as
    what."""
    return ((name, source) for _, name, source in _listed(text.split("\n")))


def _listed(lines: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """The lines that list a file: number, file and source."""
    for number, line in enumerate(lines, 1):
        if one := _LISTED.match(line):
            yield number, _MARKUP.sub(r"\1", one[1]), line[one.end() :].strip()


def _source(line: int, text: str) -> Claim:
    """What a file is listed as: the path of a reference."""
    path, _, release = text.rpartition(" of ")
    target = _MARKUP.sub(r"\1", path if path and "/" not in release else text)
    return Claim("named", line, line, text[:LONGEST], target)


def spaced(path: str) -> str:
    """A path as it is listed: each stretch of blanks is one."""
    return " ".join(path.split())


def _within(said: Sequence[_Line], first: int, stop: int) -> tuple[_Line, ...]:
    """What stands on some lines."""
    begin, end = (bisect_left(said, at, key=lambda one: one.line) for at in (first, stop))
    return tuple(said[begin:end])


def _quoted(said: Statements, lines: Sequence[str]) -> Statements:
    """With the lines as they are written, which were read as comments."""

    def written(line: int) -> str:
        return lines[line - 1].strip()[:LONGEST]

    return Statements(
        tuple(replace(one, text=written(one.line)) for one in said.claims),
        tuple(replace(one, text=written(one.line)) for one in said.copyrights),
        tuple(replace(one, text=written(one.line)) for one in said.licenses),
    )


def _comments(lines: Sequence[str]) -> Iterator[str]:
    """The lines as comments, each paragraph one, but the conditions of a BSD licence, which tell
    its kind: they are one together. ``(c) 2024`` alone begins a copyright line."""
    left = 0
    waiting: list[str] = []
    for empty, group in groupby(lines, key=lambda line: not line.strip()):
        if empty:
            waiting = [*group]
            continue
        paragraph = [*group]
        text = "\n".join(paragraph)
        begun = _BSD.search(text)
        left -= len(waiting)
        yield from ("#" if left > 0 and not begun else "" for _ in waiting)
        left = _LONGEST_BSD if begun else left - len(paragraph)
        if _BSD_END.search(text, begun.end() if begun else 0):
            left = 0
        for line in paragraph:
            yield f"# Copyright {line.strip()}" if _SIGN.match(line) else f"# {line}"
        waiting = []
    yield from ("" for _ in waiting)


def folder_of(path: str) -> str:
    """The folder that a notice file speaks of, empty or ending in ``/``: its own; the one above a
    mere folder of licences."""
    parts = path.split("/")[:-1]
    while parts and _WHOLE.fullmatch(parts[-1]):
        parts.pop()
    return "".join(part + "/" for part in parts)


# --- REUSE.toml ---------------------------------------------------------------------------


_HEAD = re.compile(r"\s*\[\[\s*annotations\s*\]\]")
_TAGS = ("SPDX-FileCopyrightText", "SPDX-License-Identifier")
_TEXT = re.compile(r"\"([^\"]*)\"|'([^']*)'")


class _Span:
    """Lines of a REUSE.toml, gone through once: where its keys and its texts stand."""

    def __init__(self, lines: Sequence[str], head: int, end: int) -> None:
        self._keys: dict[str, int] = {}
        self._texts: dict[str, list[int]] = {}
        for at in range(head, end):
            for key in _TAGS:
                if key in lines[at]:
                    self._keys.setdefault(key, at)
            for found in _TEXT.finditer(lines[at]):
                self._texts.setdefault(found[1] or found[2] or "", []).append(at)
        self._head = head

    def line(self, key: str, value: str) -> int:
        """The 1-based line of a value of a key; that of the key where it is written in another way,
        as with an escape."""
        first = self._keys.get(key, self._head)
        there = self._texts.get(value, [])
        at = bisect_left(there, first)
        return 1 + (there[at] if at < len(there) else first)


def _annotations(path: str, folder: str, text: str, left: Iterator[int]) -> Iterator[NoticeFile]:
    """The tables ``[[annotations]]`` of a REUSE.toml (REUSE specification 3.3), while there is
    something ``left`` of what is read."""
    try:
        tables = table_of(text).get("annotations", [])
    except ValueError:
        return
    tables = tables if isinstance(tables, list) else []
    lines = text.split("\n")
    heads = [at for at, line in enumerate(lines) if _HEAD.match(line)]
    if len(heads) != len(tables):  # written inline, or a head stands in a text
        heads = [0] * len(tables)
    spans: dict[tuple[int, int], _Span] = {}
    for table, head, end in zip(tables, heads, [*heads, 0][1:], strict=True):
        if not isinstance(table, dict):
            continue
        globs = tuple("/" + glob.lstrip("/") for glob in _strings(table, "path", left))
        if not globs or not _are_globs(globs):
            continue
        if (head, end) not in spans:
            spans[head, end] = _Span(lines, head, end or len(lines))
        tagged = [
            (spans[head, end].line(key, value), f"{key}: {value}")
            for key in _TAGS
            for value in _strings(table, key, left)
        ]
        copyrights: list[Copyright] = []
        licenses: list[License] = []
        for line, tag in tagged:
            said = statements(f"# {tag}".encode())
            copyrights += (Copyright(line, c.holder, c.years, c.text) for c in said.copyrights)
            licenses += (License(line, o.expression, o.source, o.text) for o in said.licenses)
        found = Statements(copyrights=tuple(copyrights), licenses=tuple(licenses))
        yield NoticeFile(path, folder, found, (), globs)


def _are_globs(globs: tuple[str, ...]) -> bool:
    try:
        _patterns(globs)
    except UsageError:
        return False
    return True


def _strings(table: Mapping[str, Any], key: str, left: Iterator[int]) -> list[str]:
    value = table.get(key, [])
    listed = value if isinstance(value, list) else [value]
    texts = (one for one in listed if isinstance(one, str) and one and len(one) < 1_000)
    return [one for one, _ in zip(texts, left, strict=False)]


# --- families by name ---------------------------------------------------------------------

_DIGIT = re.compile(r"\d")
_MIXED = re.compile(r"\d|[a-z][A-Z]|\w[-_ ]\w")
_DENIES = re.compile(
    r"(?:\b(?:no|not|never|nothing|none|neither|nor)|n't)\b(?:[^\w.;:!?]+\w+){0,4}?[^\w.;:!?]+"
    r"(?:code|contain\w*|includ\w*|deriv\w*|based|copied|copy|copies|adapt\w*|taken|from)\b",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^\W_](?:[\w.+-]*\w)?")


class Names(Mapping[str, Named]):
    """What ``named`` looks names up in, by the folded name: of the many families that a large index
    has, few are ever named.

    Args:
        families: (name, title, organisation); a name is the first family's that has it.
    """

    def __init__(self, families: Sequence[tuple[str, str, str | None]]) -> None:
        self._families = families
        texts: list[str] = []
        for name, title, organisation in families:
            texts += (title.removeprefix(f"{organisation or ''} "), name)
        self._texts = texts
        keys = folds(texts)
        self._first = dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))

    def __getitem__(self, key: str) -> Named:
        at = self._first[key]
        if len(key) < 3:
            raise KeyError(key)
        text = self._texts[at]
        name, _, organisation = self._families[at // 2]
        plain = len(key) < 5 or not _MIXED.search(text)
        return Named(name, fold(organisation or ""), plain, "" if _DIGIT.search(key) else text)

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._first if len(key) >= 3)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def denies(text: str) -> bool:
    """Whether a line of a notice file says that something is *not* from where it names."""
    return bool(_DENIES.search(text[:LONGEST]))


def _spelt(name: str) -> str:
    """A name with its capitals, where it has no signs; else with signs of one kind."""
    return re.sub(r"[\s_-]+", "-", name.lower()) if re.search(r"[\s_-]", name) else name


def named(text: str, known: Mapping[str, Named]) -> tuple[str, ...]:
    """The families that a line names, in order: by a name of up to three words. A mere word
    counts beside its organisation only, and where it is written with a capital or in an address.
    """
    words = [word.removesuffix(".py") for word in _TOKEN.findall(text[:LONGEST])]
    folded = [fold(word) for word in words]
    whole = fold(text[:LONGEST])
    found: dict[str, None] = {}
    at = 0
    while at < len(words):
        for count in (3, 2, 1):
            one = known.get("".join(folded[at : at + count]))
            if one is None or at + count > len(words):
                continue
            if one.written and not one.plain:
                if _spelt("-".join(words[at : at + count])) != _spelt(one.written):
                    continue
            elif one.plain:
                key = "".join(folded[at : at + count])
                beside = whole.replace(key, "", 1)
                if len(one.organisation) < 3 or one.organisation not in beside:
                    continue
                if not words[at][:1].isupper() and "/" not in text:
                    continue
            found[one.family] = None
            at += count - 1
            break
        at += 1
    return tuple(found)
