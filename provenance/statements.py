"""statements: UTF-8 source -> ``Statements``, what a file's comments and docstrings say of where
its code comes from, whose it is and under which licence; and what became of such notices.

Pure. Nothing is parsed: a search for a few words decides whether there is anything to read, then
one regular expression tells comments and strings from code up to the last such word. Only
comments and docstrings are read; a string that code uses says nothing.

Tags: SPDX specification 2.3, annex E (short identifiers), H (snippet tags); REUSE 3.3.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice, pairwise
from typing import Literal

MOST = 2_000
"""Claims, copyrights and licences read of one file, each; no person writes more."""

LONGEST = 200
"""Characters of a line that are shown."""

LONGEST_LINE = 1_000
"""Characters of a line that are read."""
LONGEST_BLOCK = 20_000
"""Bytes of a comment or docstring that are read at a time."""

_MOST_HITS = 20_000
_LINES_AFTER = 4


@dataclass(frozen=True, slots=True)
class Repository:
    """The parts of an address of a code host; ``lines`` as written: ``L10-L20``."""

    owner: str
    name: str
    ref: str | None = None
    path: str | None = None
    lines: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of a file on where code comes from.

    ``kind`` is the word used (``copied``, ``adapted``, ``modified``, ``based``, ``inspired``,
    ...), ``snippet`` for SPDX snippet tags, ``generated`` for a file made from another one and
    ``link`` for a bare address of a file in a repository. ``target`` is the address, dotted
    path, file path or name given. ``line`` to ``end_line`` is the comment; for a snippet, what
    the tags enclose. ``renames`` are pairs (there, here) of ``with Llama->Solar``.
    """

    kind: str
    line: int
    end_line: int
    text: str
    target: str
    repository: Repository | None = None
    renames: tuple[tuple[str, str], ...] = ()


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


@dataclass(frozen=True, slots=True)
class Statements:
    """All that one file says of its origin, each kind in order of lines."""

    claims: tuple[Claim, ...] = ()
    copyrights: tuple[Copyright, ...] = ()
    licenses: tuple[License, ...] = ()


@dataclass(frozen=True, slots=True)
class Continuity:
    """What became, in the suspect, of the reference's notices.

    ``missing_holders`` have no line in the suspect; where the suspect names others instead,
    ``new_holders`` are those. ``publishers`` are missing holders that publish the package for
    others (``HuggingFace``) and are no author of this file alone. ``missing_licenses`` are
    expressions the suspect does not state, ``new_licenses`` those that only it states.
    """

    kept_holders: tuple[str, ...] = ()
    missing_holders: tuple[str, ...] = ()
    new_holders: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    kept_licenses: tuple[str, ...] = ()
    missing_licenses: tuple[str, ...] = ()
    new_licenses: tuple[str, ...] = ()

    @property
    def replaced(self) -> bool:
        """Whether a holder of the reference is absent while another one is named."""
        return bool(self.missing_holders and self.new_holders)


NOTHING = Statements()

# --- where to look ------------------------------------------------------------------------

_WORDS = (
    b"ed from",
    b"ed  from",
    b"en from",
    b"# from ",
    b"based on",
    b"inspired by",
    b"/blob/",
    b"copyright",
    b"licen",
)
"""Lower-case. "ed from" is copied, adapted, modified, ported ...; "en from" is taken. Between the
two a line may end."""
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
class _Block:
    """A run of comment lines, a comment after code, or a docstring, line by line."""

    first_line: int
    lines: tuple[str, ...]
    notices: bool
    """Whether copyrights and licences are read in it: in comments and the module's docstring."""


def statements(content: bytes) -> Statements:
    """Read what one file says.

    Args:
        content: UTF-8 with ``\\n`` line ends (``SourceFile.content``).

    Returns:
        The statements, in order of lines; at most ``MOST`` of each kind.
    """
    lower = content.lower()
    hits = _hits(lower)
    if not hits:
        return NOTHING
    claims: list[Claim] = []
    copyrights: list[Copyright] = []
    licenses: list[License] = []
    snippets: list[tuple[int, str]] = []
    for block, lines in _blocks(content, hits):
        claims += _claims(block, lines)
        for at in lines:
            if "SPDX-Snippet" in block.lines[at]:
                snippets.append((block.first_line + at, block.lines[at]))
        if block.notices:
            copyrights += _copyrights(block, lines)
            licenses += _licenses(block)
        if max(len(claims), len(copyrights), len(licenses)) >= MOST:
            break
    claims += _snippets(snippets, claims)
    claims.sort(key=lambda claim: claim.line)
    return Statements(
        tuple(dict.fromkeys(claims))[:MOST], tuple(copyrights[:MOST]), tuple(licenses[:MOST])
    )


def of_cells(content: bytes, cells: Sequence[tuple[int, int]]) -> Statements:
    """What the cells of a notebook (``SourceFile.cells``) say, each by itself: each is run by
    itself, and a string that one leaves open hides no other."""
    if len(cells) < 2:
        return statements(content)
    lines = content.split(b"\n")
    claims: list[Claim] = []
    copyrights: list[Copyright] = []
    licenses: list[License] = []
    for (_, first), (_, stop) in pairwise((*cells, (0, len(lines) + 1))):
        said, above = statements(b"\n".join(lines[first - 1 : stop - 1])), first - 1
        claims += (
            replace(one, line=one.line + above, end_line=one.end_line + above)
            for one in said.claims
        )
        copyrights += (replace(one, line=one.line + above) for one in said.copyrights)
        licenses += (replace(one, line=one.line + above) for one in said.licenses)
    return Statements(tuple(claims[:MOST]), tuple(copyrights[:MOST]), tuple(licenses[:MOST]))


def may_state(content: bytes) -> bool:
    """Whether comments with this text, UTF-8, may state anything: it has one of the words."""
    lower = content.lower()
    return any(word in lower for word in (*_WORDS, *_OTHER_WORDS))


def _hits(lower: bytes) -> list[int]:
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


def _blocks(content: bytes, hits: list[int]) -> Iterator[tuple[_Block, list[int]]]:
    """The comments and docstrings with hits, each with the positions of its lines with hits."""
    head = _HEAD.match(content)
    head_end = head.end() if head is not None else 0
    position, count, done = 0, len(hits), 0
    line, counted = 1, 0
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
            notices = not content[head_end:start].strip(_PREFIX) if start >= head_end else False
            if not (notices or _is_docstring(content, start)):
                continue
        line += content.count(b"\n", counted, start)
        counted = start
        found: list[int] = []
        while position < count and hits[position] < stop:
            found.append(content.count(b"\n", start, hits[position]))
            position += 1
        done = stop
        lines = content[start:stop].decode("utf-8", "replace").split("\n")
        block = _Block(line, tuple(_clean(text[:LONGEST_LINE]) for text in lines), notices)
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


def _is_docstring(content: bytes, start: int) -> bool:
    """Whether a string begins on a line of its own after a colon; comments in between aside."""
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


_COLON = re.compile(rb":[ \t\f]*#")
_NO_SIGN = re.compile(
    "[\x00-\x1f\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f\u2066-\u2069\u3000\ufeff]"
)


def _clean(text: str) -> str:
    """One line without what a terminal might obey; spaces are of one kind."""
    return _NO_SIGN.sub(" ", text).strip()


_OPENING = re.compile(r"[rRuU]?(?:\"\"\"|'''|\"|')")


def _bare(line: str) -> str:
    """A line without its comment sign, quotes and bullets."""
    if line[:1] != "#" and (opening := _OPENING.match(line)):
        line = line[opening.end() :]
    return line.lstrip("# ").lstrip("-*>=~| ").rstrip()


# --- claims -------------------------------------------------------------------------------

_VERB = re.compile(
    r"\b(?:(?P<verb>copy[- ]?pasted|copied|adapted|adopted|modified|taken|ported|borrowed|derived|"
    r"forked|extracted|lifted|vendored|translated|converted|reused|generated|simplified)"
    r"(?:,? (?:and|or|&|/|\+) ?(?:\w+ ){0,2}\w+|/\w+|,? with \w+(?: \w+)?| \w+ly| verbatim"
    r"| over| code| as[- ]is| almost| unchanged){0,3}? +from"
    r"|(?P<based>based) (?:heavily |largely |loosely |mostly )?(?:on|upon|off(?: of)?)"
    r"|(?P<inspired>inspired) (?:by|from))\b[ :]*",
    re.IGNORECASE,
)
_KINDS = {"copy-pasted": "copied", "copy pasted": "copied", "copypasted": "copied"}
_URL = (
    r"(?:https?://|(?<![\w/.@-])(?:www\.)?(?:github|gitlab|huggingface|gitee)\.com?/)"
    r"[^\s<>\"'`)\]}|\\]+"
)
_FILE = r"(?:[\w.+-]*/)*[\w.+-]+\.(?:py|ipynb|cpp|cc|cuh?|hpp|h|c|jl|js|ts|rs|go|java|g4)\b(?!\.\w)"
_DOTTED = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+"
_SOURCE = re.compile(f"(?P<url>{_URL})|(?P<file>(?<![\\w/.]){_FILE})|(?P<dotted>\\b{_DOTTED})")
_ADDRESS = re.compile(_URL)
_NOT_DOTTED = re.compile(
    r"(?:[ei]\.[eg]|et\.al|cf|vs|etc)(?:\.|$)|[a-z]+\.(?:ai|com|org|net|dev)$", re.IGNORECASE
)
_STARTS_WITH_URL = re.compile(
    f"(?:(?:and|&|or|from|the|see|code|repo|in|at|of)[: ]+|[(<`\\[])*{_URL}"
)
_ARTICLES = re.compile(
    r"(?:(?:the|an?|original|official|this|following|code|\w+[- ]?like|of|in|[a-z][\w.-]*['’]s?) )*"
)
_NAME = re.compile(
    r"`[^`]{2,80}`|[\w.-]+/[\w.-]+(?=[\s,.;:)]|$)"
    r"|[a-z][\w-]+(?= (?:project|library|repo|repository|package)\b)"
    r"|(?:[A-Z][\w.'’-]+|[A-Z]|[a-z]+(?:[A-Z0-9_]\w*)+)(?:[ -](?:[A-Z0-9][\w.'’-]*|de|of|et al))*"
)
_LEAD = set(
    "this the these those following code codes function functions class classes method methods "
    "file files module implementation implementations kernel kernels logic is are was were has "
    "have been it its all most parts part of mostly heavily partly partially largely slightly "
    "lightly directly loosely originally initially temporarily note todo fixme below above script "
    "test tests snippet idea version which and also itself modified in with some minor changes "
    "here block layer model architecture helper helpers utils utilities utility copied adapted "
    "simplified very much literal direct pytorch torch tensorflow jax triton cuda my a an almost "
    "first two both source codebase automatically work originates now being again".split()
)
_SENTENCE = re.compile(r"\.\s+[A-Z(]")
_NEGATED = re.compile(
    r"(?:\b(?:not|than|never|be|get|gets|if|when|can|could|may|will|should|cannot|to|values?|"
    r"keys?|weights?|instead|without|nor|neither)|n't)$",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:(?:\b(?:not|never)|n't)(?: (?:been|being|ever|even|itself|directly|actually|code|"
    r"that|was|is|were|are|in|any|way|at|all)){0,6}|\b(?:nothing|none|no (?:code|lines?|parts?|"
    r"files?|class|function|text))(?: \w+){0,4}|\bin no way|\bby no means)$",
    re.IGNORECASE,
)
"""The same in more words, which may begin on the line above."""
_CODE = re.compile(
    r"\b(?:code|implementations?|library|repo|repository|codebase|project|package|class|module|"
    r"function|script|source|file)\b",
    re.IGNORECASE,
)
_NO_NAMES = set(
    "RFC PEP Section Table Figure Fig Equation Eq Algorithm Appendix Chapter Theorem Lemma "
    "Definition Page HTTP SQL Unicode ISO Wikipedia RADIUS True False None The This That If It "
    "I We A An For In On To Each All Only Python".split()
)
_REPOSITORY = re.compile(
    r"(?:https?://)?(?:www\.)?(?:(?P<raw>raw\.githubusercontent\.com)|github\.com|gitlab\.com|"
    r"huggingface\.co|gitee\.com|bitbucket\.org)"
    r"/(?:spaces/|datasets/)?(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)(?:/(?P<rest>[^?#\s]*))?"
    r"(?:\?[^#\s]*)?(?:#(?P<lines>[\w-]+))?"
)
_LINES = re.compile(r"L\d+(?:-#?L?\d+)?$")
_IS_LICENSE = re.compile(r"(?:^|/)(?:LICEN[SC]E|COPYING|NOTICE)[\w.-]*$", re.IGNORECASE)
_KEYWORDS = ("blob", "tree", "raw", "blame", "src")


def repository_of(url: str) -> Repository | None:
    """The parts of an address of a code host, ``None`` for any other address.

    >>> repository_of("github.com/a/b/blob/v1.2/src/c.py#L3")
    Repository(owner='a', name='b', ref='v1.2', path='src/c.py', lines='L3')
    """
    match = _REPOSITORY.match(url)
    if match is None:
        return None
    name = match["name"].removesuffix(".git")
    parts = [part for part in (match["rest"] or "").split("/") if part and part != "-"]
    lines = match["lines"]
    ref = path = None
    if match["raw"]:
        ref, path = (parts[0] if parts else None), "/".join(parts[1:]) or None
    elif len(parts) > 1 and parts[0] in (*_KEYWORDS, "commit"):
        ref, path = parts[1], "/".join(parts[2:]) or None
    if lines is not None and not _LINES.match(lines):
        lines = None
    return Repository(match["owner"], name, ref, path, lines)


def _claims(block: _Block, hit_lines: list[int]) -> Iterator[Claim]:
    told: set[str] = set()
    for at in hit_lines:
        text = _bare(block.lines[at])
        first, verbs = at, list(_VERB.finditer(text))
        if at and text[:5].lower() == "from ":
            above = _bare(block.lines[at - 1])
            both = f"{above} {text}"
            if cut := [one for one in _VERB.finditer(both) if one.start() < len(above) < one.end()]:
                first, text, verbs = at - 1, both, cut
        for number, verb in enumerate(verbs):
            stop = verbs[number + 1].start() if number + 1 < len(verbs) else len(text)
            rest = text[verb.end() : stop]
            sources, last = _sources(block, at, text[: verb.start()], verb, rest)
            kind = (verb["verb"] or verb["based"] or verb["inspired"]).lower()
            for target in sources:
                told.add(target)
                yield Claim(
                    _KINDS.get(kind, kind),
                    block.first_line + first,
                    block.first_line + last,
                    block.lines[first][:LONGEST],
                    target,
                    repository_of(target),
                    _renames(rest),
                )
        for match in _ADDRESS.finditer(text) if "/blob/" in text else ():
            url = match[0].rstrip(".,:;*")
            repository = repository_of(url) if url not in told else None
            if repository is not None and not _IS_LICENSE.search(repository.path or "LICENSE"):
                told.add(url)
                line = block.first_line + at
                yield Claim("link", line, line, block.lines[at][:LONGEST], url, repository)


def _sources(
    block: _Block, at: int, lead: str, verb: re.Match[str], rest: str
) -> tuple[list[str], int]:
    """What a verb names, here or on the lines below; and the last line that was needed."""
    # A line may go on with the sentence of the line above.
    above = _bare(block.lines[at - 1]) if at else ""
    goes_on = bool(above and above[-1] not in ".:;!?") and (lead + verb[0])[:1].islower()
    whole = f"{above} {lead}" if goes_on else lead
    if _NEGATED.search(lead.rstrip()) or _DENIED.search(whole.rstrip()):
        return [], at
    weak = bool(verb["based"] or verb["inspired"])
    leads = _is_lead(lead)
    if weak and not leads:
        return [], at
    named = leads and not (goes_on and not _is_lead(above))
    if not leads and (end := _SENTENCE.search(rest)):
        rest, at_end = rest[: end.start()], True
    else:
        at_end = False
    found: list[str] = []
    for match in _SOURCE.finditer(rest):
        gap = rest[: match.start()]
        if match["url"]:
            found.append(match[0].rstrip(".,:;*"))
        elif not found and not _NOT_DOTTED.match(match[0]) and len(gap.split()) <= 3:
            dots = match[0].count(".")
            if named or match["file"] or dots >= 3:
                found.append(match[0])
        if len(found) == 8:
            break
    last = at
    open_end = not any("/" in source for source in found) or rest.endswith((",", "and", "&"))
    if open_end and not at_end:
        for below in range(at + 1, min(at + 1 + _LINES_AFTER, len(block.lines))):
            line = _bare(block.lines[below])
            if not _STARTS_WITH_URL.match(line):
                if below == at + 1 and not rest.strip(" :.(`") and named and not found:
                    match_ = _SOURCE.match(line.lstrip("(`"))
                    if match_ is not None and not _NOT_DOTTED.match(match_[0]):
                        return [match_[0].rstrip(".,:;*")], below
                    name = _name(line, weak)
                    if name:
                        return [name], below
                break
            last = below
            for match in _ADDRESS.finditer(line):
                if len(found) < 8:
                    found.append(match[0].rstrip(".,:;*"))
    if not found and named and verb["verb"] != "generated":
        name = _name(rest, weak)
        if name:
            found.append(name)
    return list(dict.fromkeys(source[:400] for source in found)), last


def _is_lead(text: str) -> bool:
    """Whether the words are those that lead to a claim, "this function was mostly", from where a
    phrase begins: "Rotary positions (mostly"."""
    phrase = _PHRASE.split(text[-200:])[-1]
    return all(word in _LEAD for word in re.findall(r"[a-z']+", phrase.lower()))


_PHRASE = re.compile(r"[:;(\[]|[.!?] | [-–—]+ ")


def _name(rest: str, weak: bool) -> str:
    """The proper name a phrase begins with; after a weak verb only that of code."""
    article = _ARTICLES.match(rest)
    text = rest[article.end() if article is not None else 0 :]
    match = _NAME.match(text)
    if match is None:
        return ""
    name = match[0].strip("`'’. ")
    first = re.split(r"[ '’-]", name, maxsplit=1)[0]
    if len(name) < 3 or first in _NO_NAMES or "et al" in name:
        return ""
    if weak and not _CODE.search(text[:80]) and not re.search(r"[A-Z]\w*[a-z][A-Z]|_", name):
        return ""
    return name[:80]


def _renames(rest: str) -> tuple[tuple[str, str], ...]:
    """``with Llama->Solar, LLAMA->SOLAR`` as pairs."""
    if "->" not in rest:
        return ()
    pairs: list[tuple[str, str]] = []
    for part in re.split(r"[,;&]| and ", rest)[:50]:
        there, arrow, here = part.partition("->")
        left, right = there.split(), here.split()
        if arrow and left and right:
            pairs.append((left[-1].strip("`"), right[0].strip("`.").split("->")[0]))
    return tuple(pairs)


_SNIPPET = re.compile(r"SPDX-Snippet(?:Name|Comment): *(.+)")


def _snippets(tags: list[tuple[int, str]], claims: list[Claim]) -> Iterator[Claim]:
    """What SPDX snippet tags enclose; the target is the first source named inside, else what the
    tag says of the snippet's name or as a comment on it."""
    begun: list[tuple[int, str]] = []
    told: dict[int, str] = {}
    for line, text in tags:
        if begun and (said := _SNIPPET.search(text)) is not None:
            told.setdefault(begun[-1][0], said[1].strip()[:LONGEST])
        if "SPDX-SnippetBegin" in text:
            begun.append((line, text))
        elif "SPDX-SnippetEnd" in text and begun:
            first, written = begun.pop()
            inside = [claim for claim in claims if first <= claim.line <= line]
            target = inside[0].target if inside else told.get(first, "")
            yield Claim(
                "snippet", first, line, written[:LONGEST], target, repository_of(target), ()
            )


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
    r"\s*(?:[.,;(]\s*|\s)(?:all rights?\b|licensed under|released under|"
    r"distributed under|under the|this (?:file|code|source|software|program)|see |"
    r"some rights|\(?https?:).*$|\s*\*/?\s*$|\s*-->\s*$",
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


def _copyrights(block: _Block, hit_lines: list[int]) -> Iterator[Copyright]:
    for at in hit_lines:
        text = _bare(block.lines[at])
        sign = _SIGN.search(text)
        match = _COPYRIGHT.match(text, sign.start()) if sign is not None else None
        if sign is None or match is None:
            continue
        years = match["years"].strip(" ,;:-–—/")
        marked = bool(match["tag"]) or bool(re.search(r"\([cC]\)|©", match["sign"] or ""))
        holder, written = _holder(match["holder"]), block.lines[at]
        if not holder and (years or marked) and at + 1 < len(block.lines):
            below = _bare(block.lines[at + 1])
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
    text = re.sub(r"\s*<[^>]*>", "", text)
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

_TAG = re.compile(r"SPDX-License-Identifier: *([^#*]{1,200}?)(?: *(?:\*/|-->|\*\)|\"\"\"))? *$")
_LATER = r"(?P<later>[^#]{0,250}?(?:or|any) (?:\(at your option\) )?(?:any )?later)?"
_GNU = (
    r"gnu (?P<kind>lesser |library |affero )?general public licen[sc]e[^#]{0,60}?"
    r"version (?P<version>\d(?:\.\d)?)"
)
_V = r",? ?(?:version |v\.? ?)?"
_LICENSE_TEXTS: tuple[tuple[str, str], ...] = (
    (r"apache(?: software)? licen[sc]e" + _V + r"2(?:\.0)?\b", "Apache-2.0"),
    (r"\bapache[- ]2(?:\.0)?(?: licen[sc]e|$)|apache\.org/licenses/license-2\.0", "Apache-2.0"),
    (r"licen[sc]ed under (?:the )?apache[- ]2(?:\.0)?\b", "Apache-2.0"),
    (r"permission is hereby granted, free of charge, to any person obtaining a copy", "MIT"),
    (r"\bmit[- ]licen[sc]ed\b|(?:under|^|license: ?)(?: ?the)? ?\bmit licen[sc]e\b", "MIT"),
    (r"licen[sc]ed under (?:the )?mit\b|opensource\.org/licenses/mit\b", "MIT"),
    (r"permission to use, copy, modify, and(?:/or)? distribute this software for any", "ISC"),
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


def _licenses(block: _Block) -> list[License]:
    found: dict[tuple[int, str], License] = {}

    def add(at: int, expression: str, source: Literal["tag", "text"]) -> None:
        line = block.first_line + at
        text = block.lines[at][:LONGEST]
        found.setdefault((line, expression), License(line, expression, source, text))

    for at, written in enumerate(block.lines):
        if "SPDX-License-Identifier:" in written:
            tag = _TAG.search(written)
            if tag is not None and tag[1].strip():
                add(at, tag[1].strip(), "tag")
    told = {license_.expression for license_ in found.values()}
    # Without the holders a header is the same text in thousands of files. A tag is no text.
    without = ("opyright (c)", "opyright 20", "SPDX-License-Identifier:")
    lines = tuple("" if any(one in s for one in without) else s for s in block.lines)
    for at, expression in _recognised(lines):
        if expression not in told:
            add(at, expression, "text")
    return sorted(found.values(), key=lambda license_: license_.line)


@lru_cache(maxsize=256)
def _recognised(lines: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Licence texts: position of the line each begins at, SPDX identifier; the first of each."""
    bare = [_bare(line).lower() for line in lines]
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
        for match in pattern.finditer(joined):
            found.setdefault(_expression(name, match), match.start())
    at = joined.find(_BSD_TEXT)
    if at >= 0 and not found.keys() & {"BSD-2-Clause", "BSD-3-Clause"}:
        found["BSD-3-Clause" if "endorse or promote" in joined[at:] else "BSD-2-Clause"] = at
    for match in _GNU_TEXT.finditer(joined):
        letter = {"lesser ": "L", "library ": "L", "affero ": "A"}.get(match["kind"] or "", "")
        version = match["version"] if "." in match["version"] else match["version"] + ".0"
        later = "or-later" if match["later"] else "only"
        found.setdefault(f"{letter}GPL-{version}-{later}", match.start())
    places = [(bisect_right(starts, at) - 1, name) for name, at in found.items()]
    return tuple(sorted(places))


def _expression(name: str, match: re.Match[str]) -> str:
    """The SPDX identifier of a licence text whose version is in the text."""
    if name == "CC-BY":
        more = {"s": "-SA", "n": "-ND"}.get((match["more"] or "").strip("- ")[:1], "")
        return f"CC-BY{'-NC' if match['nc'] else ''}{more}-{match['cc']}"
    if name == "LicenseRef-Llama":
        version = match["llama"]
        return f"LicenseRef-Llama-{version}-Community" if version else "LicenseRef-Llama-Community"
    return name


# --- continuity ---------------------------------------------------------------------------


def continuity(suspect: Statements, reference: Statements) -> Continuity:
    """What the suspect kept of the reference's notices.

    Holders are compared by ``fold_holder``, licences by ``names_license``.
    """
    here, there = _holders(suspect), _holders(reference)
    kept = tuple(name for key, name in there.items() if key in here)
    gone = {key: name for key, name in there.items() if key not in here}
    licensed, stated = _expressions(suspect), _expressions(reference)
    still = tuple(one for one in stated if names_license(licensed, one))
    known = _identifiers(*stated)
    return Continuity(
        kept_holders=kept,
        missing_holders=tuple(n for key, n in gone.items() if key not in PUBLISHERS),
        new_holders=tuple(name for key, name in here.items() if key not in there),
        publishers=tuple(name for key, name in gone.items() if key in PUBLISHERS),
        kept_licenses=still,
        missing_licenses=tuple(one for one in stated if one not in still),
        new_licenses=tuple(one for one in licensed if not _identifiers(one) <= known),
    )


def _holders(said: Statements) -> dict[str, str]:
    found: dict[str, str] = {}
    for copyright_ in said.copyrights:
        for name in parties(copyright_.holder):
            found.setdefault(fold_holder(name), name)
    return found


def _expressions(said: Statements) -> tuple[str, ...]:
    """Expressions as written, those that differ in case only once."""
    found: dict[str, str] = {}
    for license_ in said.licenses:
        found.setdefault(license_.expression.casefold(), license_.expression)
    return tuple(found.values())


_GNU_ALONE = re.compile(r"([al]?gpl-\d(?:\.\d)?)(\+?)")


def names_license(expressions: Iterable[str], wanted: str) -> bool:
    """Whether some expressions name all licences of another one, or where that leaves the choice,
    those of one alternative.

    >>> names_license(["MIT OR Apache-2.0"], "apache-2.0"), names_license(["MIT"], "MIT OR ISC")
    (True, True)
    """
    named, folded = _identifiers(*expressions), wanted.casefold()
    chosen = [folded] if re.search(r"\band\b", folded) else re.split(r"\bor\b", folded)
    return any(_identifiers(one) <= named for one in chosen)


def _identifiers(*expressions: str) -> frozenset[str]:
    """The licences and exceptions of some expressions, those of GNU by their newer names."""
    found = set()
    for word in re.findall(r"\w[\w.+-]*", " ".join(expressions).casefold()):
        name = word.rstrip(".")
        if gnu := _GNU_ALONE.fullmatch(name):
            name = gnu[1] + ("-or-later" if gnu[2] else "-only")
        found.add(name)
    return frozenset(found - {"and", "or", "with"})
