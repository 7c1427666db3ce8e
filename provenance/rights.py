"""rights: a comment or docstring -> whose code it says this is, and under which licence. Pure.

Tags: SPDX specification 2.3, annex E (short identifiers); REUSE 3.3.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from provenance.comments import LONGEST, Block, bare_line


@dataclass(frozen=True, slots=True)
class Copyright:
    """One copyright line. ``holder`` as written, without years and reservations."""

    line: int
    holder: str
    years: str
    text: str


@dataclass(frozen=True, slots=True)
class License:
    """A licence: the SPDX expression of a tag, or that of a licence text recognised."""

    line: int
    expression: str
    source: Literal["tag", "text"]
    text: str


# --- copyrights ---------------------------------------------------------------------------

_COPYRIGHT = re.compile(
    r"(?P<tag>SPDX-(?:File|Snippet)Copyright(?:Text)?: *)?"
    r"(?P<sign>(?:(?:[Cc]opyright|COPYRIGHT)s?|©|\([cC]\))(?:[ ,:]*(?:\([cC]\)|©|&copy;))*)?"
    r"[ :,–—-]*(?P<years>(?:(?:19|20)\d\d[a-z]?"
    r"(?: ?[-–—,/] ?(?:(?:19|20)?\d\d\b|[Pp]resent|now)?){0,20}[ ,;:]*){0,20})"
    r"(?P<holder>.*)"
)
_SIGN = re.compile(r"SPDX-(?:File|Snippet)Copyright|copyrights?\b|©|\(c\) ", re.IGNORECASE)
_TAIL = re.compile(
    r"(?<!\s)\s*(?:(?:[.,;(]\s*|\s)(?:all rights?\b|licensed under|released under|"
    r"distributed under|under the|this (?:file|code|source|software|program)|see |"
    r"some rights|\(?https?:).*$|\*/?\s*$|-->\s*$)",
    re.IGNORECASE,
)
_NO_HOLDER = re.compile(
    r"(?:notices?|law|laws|act|holders?|owners?|and|or|statements?|information|infringement|"
    r"licen[sc]e|disclaimer|header|headers|protected|is|of|for|on|in|to|text|line|lines|year|"
    r"status|under|this)\b|$",
    re.IGNORECASE,
)
_HOLDER_BELOW = re.compile(
    r"(?P<name>[A-Z][\w.'’-]*(?:,? (?:[A-Z][\w.'’-]*|and|of|the|de|von|team|authors|contributors"
    r"|&))*)(?P<plain> ?<[^<>@ ]+@[^<>@ ]+>|[.,] ?(?i:all rights reserved)\.?)?[.,]?"
)
_BODY = re.compile(
    r"\b(?:inc|ltd|llc|corp|corporation|gmbh|team|authors?|contributors|university|institute|"
    r"foundation)\b",
    re.IGNORECASE,
)


def _below(rest: str, text: str) -> str:
    """The holder that the line below a copyright line names, where that names none and this one is
    plainly a name: behind ``by``, or with an address, a reservation, or a word for a body."""
    match = _HOLDER_BELOW.fullmatch(text)
    if match is None or not (
        rest.strip().lower() == "by" or match["plain"] or _BODY.search(match["name"])
    ):
        return ""
    return _holder(match["name"])


def copyrights_in(block: Block, hit_lines: list[int]) -> Iterator[Copyright]:
    """The copyright lines of a block, among lines by their positions."""
    for at in hit_lines:
        text = bare_line(block.lines[at])
        sign = _SIGN.search(text)
        match = _COPYRIGHT.match(text, sign.start()) if sign is not None else None
        if sign is None or match is None:
            continue
        years = match["years"].strip(" ,;:-–—/")
        marked = bool(match["tag"]) or bool(re.search(r"\([cC]\)|©", match["sign"] or ""))
        holder, written = _holder(match["holder"]), block.lines[at]
        if not holder and (years or marked) and at + 1 < len(block.lines):
            below = bare_line(block.lines[at + 1])
            holder, written = _below(match["holder"], below), f"{written} {below}"
        if not re.search(r"\w", holder) or _NO_HOLDER.match(holder):
            continue
        if not (years or marked) and (text[: sign.start()].strip() or not holder[0].isupper()):
            continue
        if len(text[: sign.start()].split()) > 4:
            continue  # a sentence that speaks of copyright
        yield Copyright(block.first_line + at, holder, years, written[:LONGEST])


def _holder(text: str) -> str:
    """A holder without reservations, addresses and the punctuation around."""
    text = _TAIL.sub("", text)
    text = re.sub(r"(?<!\s)\s*<[^>]*>", "", text)
    text = re.sub(r"^(?:by\b|[-–—,;:.])\s*", "", text.strip(), flags=re.IGNORECASE)
    text = text.strip(" ,;:-–—\"'")
    if text.endswith(".") and not re.search(r"\b(?:Inc|Ltd|Co|Corp|S\.A|L\.P)\.$", text):
        text = text[:-1]
    return text[:LONGEST].strip()


_FORM = set(
    "the a an inc incorporated ltd limited llc corp corporation co company gmbh ag sa plc pte bv "
    "kk team teams author authors developer developers contributor contributors contributing "
    "group holdings project projects all its other others affiliate affiliates subsidiary "
    "subsidiaries and or to by org com".split()
)
PUBLISHERS = {"huggingface": "HuggingFace", "vllm": "vLLM project", "sglang": "SGLang project"}
"""Holders, folded, that publish the package, and stand in most of its files."""

_YEARS = re.compile(
    r"\A(?:\W*(?:19|20)\d\d\b)+|\b(?:19|20)\d\d(?:\W+(?:19|20)?\d\d)*(?:\W+(?:present|now))?\W*\Z"
)
_BETWEEN = re.compile(
    r",? +(?:(?i:and)(?:/or)?|&|along with|together with) +|; *|/ +"
    r"|\. +(?=[A-Z])(?!(?:TEAM|AUTHORS)\b)"
    r"|(?<!\b[Tt]he) +(?=(?:[Tt]he )?Hugging ?Face\b)"
)
_COMMA = re.compile(r",(?! *(?:inc|ltd|llc|co|corp|gmbh|l\.?p|s\.?a)\b) *", re.IGNORECASE)


def parties(holder: str) -> tuple[str, ...]:
    """The holders a copyright line names, as written.

    >>> parties("DeepSeek-AI and the HuggingFace Inc. team")
    ('DeepSeek-AI', 'the HuggingFace Inc. team')
    """
    parts = (piece for part in _BETWEEN.split(holder) for piece in _COMMA.split(part))
    return tuple(part.strip() for part in parts if "@" not in part and fold_holder(part))


def fold_holder(holder: str) -> str:
    """A holder as it can be compared: without case, spaces, punctuation, legal form, and years
    before or behind.

    >>> fold_holder("The ZhipuAI Team") == fold_holder("Zhipu AI, 2023-2024")
    True
    """
    plain = _YEARS.sub("", unicodedata.normalize("NFKC", holder).casefold())
    words = [word for word in re.findall(r"[^\W_]+", plain) if word not in _FORM]
    return "".join(words)


# --- licences -----------------------------------------------------------------------------

_TAG, _ENDS_TAG = "SPDX-License-Identifier:", ("*/", "-->", "*)", '"""')
_LONGEST_TAG = 200
_LATER = r"(?P<later>[^#]{0,250}?(?:or|any) (?:\(at your option\) )?(?:any )?later)?"
_GNU = (
    r"gnu (?P<kind>lesser |library |affero )?general public licen[sc]e[^#]{0,60}?"
    r"version (?P<version>\d(?:\.\d)?)"
)
_V = r",? ?(?:version |v\.? ?)?"
_GRANTED = r"permission is hereby granted, free of charge, to any person obtaining a copy"
_TO = r"(?:(?!conditions:)[^#]){0,450}?"
_USE = r"permission to use, copy, modify, and(?:/or)? distribute this software for any"
_LICENSE_TEXTS: tuple[tuple[str, str], ...] = (
    (r"apache(?: software)? licen[sc]e" + _V + r"2(?:\.0)?\b", "Apache-2.0"),
    (r"\bapache[- ]2(?:\.0)?(?: licen[sc]e|$)|apache\.org/licenses/license-2\.0", "Apache-2.0"),
    (r"licen[sc]ed under (?:the )?apache[- ]2(?:\.0)?\b", "Apache-2.0"),
    (
        _GRANTED + r"(?!(?:(?!conditions:)[^#]){0,450}?(?:to do so\.|provided that|deal with))",
        "MIT",
    ),
    (_GRANTED + r"(?=" + _TO + r"to do so\.)", "MIT-0"),
    (r"\bmit[- ]licen[sc]ed\b|(?:under|^|license: ?)(?: ?the)? ?\bmit licen[sc]e\b", "MIT"),
    (r"licen[sc]ed under (?:the )?mit\b|opensource\.org/licenses/mit\b", "MIT"),
    (_USE + r"(?! purpose with or without fee is hereby granted\.)", "ISC"),
    (_USE + r"(?= purpose with or without fee is hereby granted\.)", "0BSD"),
    (r"\bisc licen[sc]e\b", "ISC"),
    (r"\b(?:new|modified|revised|(?:3|three)[- ]clause) bsd licen[sc]e", "BSD-3-Clause"),
    (r"\bbsd[- ](?:licen[sc]e )?\(?3(?:[- ]clause)?\b", "BSD-3-Clause"),
    (r"\b(?:simplified|(?:2|two)[- ]clause|freebsd) bsd licen[sc]e", "BSD-2-Clause"),
    (r"\bbsd[- ](?:licen[sc]e )?\(?2(?:[- ]clause)?\b", "BSD-2-Clause"),
    (r"mozilla public licen[sc]e" + _V + r"2\.0|mozilla\.org/mpl/2\.0", "MPL-2.0"),
    (
        r"(?:creative commons attribution|\bcc[- ]by)(?P<nc>[- ]noncommercial|[- ]nc)?"
        r"(?P<more>[- ]sharealike|[- ]sa|[- ]noderiv\w*|[- ]nd)?[- ](?P<cc>\d\.\d)",
        "CC-BY",
    ),
    (
        r"llama ?(?P<llama>\d(?:\.\d)?)? (?:version [^#]{0,20} )?community licen[sc]e",
        "LicenseRef-Llama",
    ),
)
_LICENSES = tuple((re.compile(text), name) for text, name in _LICENSE_TEXTS)
_GNU_TEXT = re.compile(_GNU + _LATER)
_BSD_TEXT = "redistribution and use in source and binary forms"
_BSD_KINDS = (
    ("all advertising materials", "BSD-4-Clause"),
    ("end-user documentation included", "Apache-1.1"),
    ("limitations in the disclaimer below", "BSD-3-Clause-Clear"),
    ("endorse or promote", "BSD-3-Clause"),
    ("copyright holder and contributor hereby grants", "BSD-2-Clause-Patent"),
    ("", "BSD-2-Clause"),
)
"""What tells licences apart that begin with those words: the first that is there."""
_DEFINED = re.compile(r"\b(?:means (?:either |both |the |an? )*|refer to the ordinary )$")
_LONGEST_DEFINED = 60
"""What stands before a licence that a text only names, as the terms of another one do of licences
that are compatible with it, or may be chosen instead."""


def licenses_in(block: Block) -> list[License]:
    """The licences that a block states, by tags and by their texts, in order of lines."""
    found: dict[tuple[int, str], License] = {}

    def add(at: int, expression: str, source: Literal["tag", "text"]) -> None:
        line = block.first_line + at
        text = block.lines[at][:LONGEST]
        found.setdefault((line, expression), License(line, expression, source, text))

    for at, written in enumerate(block.lines):
        if expression := _tagged(written):
            add(at, expression, "tag")
    told = {license_.expression for license_ in found.values()}
    # Without the holders a header is the same text in thousands of files. A tag is no text.
    without = ("opyright (c)", "opyright 20", _TAG)
    lines = tuple("" if any(one in s for one in without) else s for s in block.lines)
    for at, expression in _recognised(lines):
        if expression not in told:
            add(at, expression, "text")
    return sorted(found.values(), key=lambda license_: license_.line)


def _tagged(line: str) -> str:
    """The expression of a tag in a line, without what ends a comment behind it; empty for none."""
    _, tag, rest = line.partition(_TAG)
    while tag:
        text = rest.strip()
        for end in _ENDS_TAG:
            if text.endswith(end):
                text = text.removesuffix(end).strip()
                break
        if text and len(text) <= _LONGEST_TAG and not {"#", "*"} & set(text):
            return text
        _, tag, rest = rest.partition(_TAG)
    return ""


@lru_cache(maxsize=256)
def _recognised(lines: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Licence texts: position of the line each begins at, SPDX identifier; the first of each."""
    bare = [bare_line(line).lower() for line in lines]
    joined = " ".join(bare)
    if "licen" not in joined and "permission" not in joined and _BSD_TEXT not in joined:
        return ()
    starts: list[int] = []
    length = 0
    for line in bare:
        starts.append(length)
        length += len(line) + 1
    found: dict[str, int] = {}
    for pattern, name in _LICENSES:
        for match in _stating(pattern, joined):
            found.setdefault(_expression(name, match), match.start())
    titles = {name for _, name in _BSD_KINDS if name in found}
    before, *texts = joined.split(_BSD_TEXT)
    at = len(before)
    for text in texts:
        told, name = next((words, name) for words, name in _BSD_KINDS if words in text)
        if told or not titles:  # a text without words of its own is that of the title
            found.setdefault(name, at)
        titles.discard(name)  # what follows its text is another one
        at += len(_BSD_TEXT) + len(text)
    for match in _stating(_GNU_TEXT, joined):
        letter = {"lesser ": "L", "library ": "L", "affero ": "A"}.get(match["kind"] or "", "")
        version = match["version"] if "." in match["version"] else match["version"] + ".0"
        later = "or-later" if match["later"] else "only"
        found.setdefault(f"{letter}GPL-{version}-{later}", match.start())
    places = [(bisect_right(starts, at) - 1, name) for name, at in found.items()]
    return tuple(sorted(places))


def _stating(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Where a text states a licence, and not only says what a word means or refers to."""
    for match in pattern.finditer(text):
        start = match.start()
        if not _DEFINED.search(text, max(0, start - _LONGEST_DEFINED), start):
            yield match


def _expression(name: str, match: re.Match[str]) -> str:
    """The SPDX identifier of a licence text whose version is in the text."""
    if name == "CC-BY":
        more = {"s": "-SA", "n": "-ND"}.get((match["more"] or "").strip("- ")[:1], "")
        return f"CC-BY{'-NC' if match['nc'] else ''}{more}-{match['cc']}"
    if name == "LicenseRef-Llama":
        version = match["llama"]
        return f"LicenseRef-Llama-{version}-Community" if version else "LicenseRef-Llama-Community"
    return name
