"""claims: a comment or docstring -> what it says of where code comes from: ``Claim``s. Pure.

Tags: SPDX specification 2.3, annex H (snippet tags).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from provenance.comments import LONGEST, Block, bare_line

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
_SOURCE = re.compile(f"(?P<url>{_URL})|(?P<file>(?<![\\w/.+-]){_FILE})|(?P<dotted>\\b{_DOTTED})")
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
_PARTICIPLES = (
    "copied|adapted|adopted|modified|taken|ported|borrowed|derived|forked|extracted|translated"
)
_DENIED = re.compile(
    r"(?:(?:\b(?:not|never|nor|hardly)|\bno longer|n't)(?:,? (?:been|being|ever|even|itself|"
    r"directly|actually|code|that|was|is|were|are|in|any|way|at|all|a|single|one|lines?|function|"
    rf"class|of|this|it|has|have|had|longer|and|or|let|alone|{_PARTICIPLES})){{0,8}},?"
    r"|\b(?:nothing|none|nobody|no one|neither|zero \w+|no (?:code|lines?|parts?|portions?|"
    r"files?|class(?:es)?|functions?|text))(?: \w+){0,6}|\bin no way|\bby no means)$",
    re.IGNORECASE,
)
"""The same in more words, which may begin on the line above."""
_LEAD_SIGNS, _LEAD_WORDS = 300, 10
"""So many signs before a verb are looked at, and words for a denial, which has no more: a line may
have very many verbs."""
_INSTEAD = re.compile(rf"\b(?:{_PARTICIPLES}),$", re.IGNORECASE)
"""What is denied of itself before another verb: "not modified, copied from"."""
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


def claims_in(block: Block, hit_lines: list[int], left: Iterator[int]) -> Iterator[Claim]:
    """The claims on lines of a block, and the addresses of files that no claim names; of verbs that
    may make one, as many as there are ``left``."""
    told: set[str] = set()
    for at in hit_lines:
        text = bare_line(block.lines[at])
        first, verbs = at, list(_VERB.finditer(text))
        if at and text[:5].lower() == "from ":
            above = bare_line(block.lines[at - 1])
            both = f"{above} {text}"
            if cut := [one for one in _VERB.finditer(both) if one.start() < len(above) < one.end()]:
                first, text, verbs = at - 1, both, cut
        for (number, verb), _ in zip(enumerate(verbs), left, strict=False):
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
    block: Block, at: int, lead: str, verb: re.Match[str], rest: str
) -> tuple[list[str], int]:
    """What a verb names, here or on the lines below; and the last line that was needed."""
    # A line may go on with the sentence of the line above.
    above = bare_line(block.lines[at - 1]) if at else ""
    goes_on = bool(above and above[-1] not in ".:;!?") and (lead + verb[0])[:1].islower()
    lead = lead[-_LEAD_SIGNS:]  # a denial has few words
    whole = f"{above[-_LEAD_SIGNS:]} {lead}" if goes_on else lead
    several = re.search(r" (?:or|nor) ", verb[0]) is not None
    instead = _INSTEAD.search(lead.rstrip()[-_LEAD_SIGNS // 10 :]) is not None and not several
    if _NEGATED.search(lead.rstrip()[-_LEAD_SIGNS // 10 :]) or (
        _DENIED.search(_last_words(whole)) and not instead
    ):
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
            line = bare_line(block.lines[below])
            if not _STARTS_WITH_URL.match(line):
                if below == at + 1 and _is_told_below(rest) and named and not found:
                    match_ = _SOURCE.match(line.lstrip("(`"))
                    if match_ is not None and not _NOT_DOTTED.match(match_[0]):
                        return [match_[0].rstrip(".,:;*")], below
                    name = _name(line, weak)
                    if name:
                        return [name], below
                break
            last = below
            found += _addresses(line)[: 8 - len(found)]
    if not found and named and verb["verb"] != "generated":
        name = _name(rest, weak)
        if name:
            found.append(name)
    return list(dict.fromkeys(source[:400] for source in found)), last


@lru_cache(maxsize=8)
def _addresses(line: str) -> tuple[str, ...]:
    """The first addresses in a line; the verbs above ask for those of the same few lines."""
    return tuple(match[0].rstrip(".,:;*") for match in islice(_ADDRESS.finditer(line), 8))


def _last_words(text: str) -> str:
    """The end of a text, of the words that may deny what follows."""
    parts = text.rsplit(None, _LEAD_WORDS)
    return text[len(parts[0]) :].rstrip() if len(parts) > _LEAD_WORDS else text.rstrip()


def _is_told_below(rest: str) -> bool:
    """Whether what follows a verb names nothing yet: "the following file:"."""
    words = re.findall(r"\w+", rest.lower())
    return not words or (all(word in _LEAD for word in words) and rest.rstrip()[-1:] == ":")


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
    if weak and not _CODE.search(text[:80]) and not re.search(r"[A-Z]\w*[a-z][A-Z]|_", name[:80]):
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


def snippets_in(tags: list[tuple[int, str]], claims: list[Claim]) -> Iterator[Claim]:
    """What SPDX snippet tags enclose; the target is the first source named inside, else what the
    tag says of the snippet's name or as a comment on it."""
    begun: list[tuple[int, str]] = []
    told: dict[int, str] = {}
    claims = sorted(claims, key=lambda claim: claim.line)
    at_line = [claim.line for claim in claims]
    for line, text in tags:
        if begun and (said := _SNIPPET.search(text)) is not None:
            told.setdefault(begun[-1][0], said[1].strip()[:LONGEST])
        if "SPDX-SnippetBegin" in text:
            begun.append((line, text))
        elif "SPDX-SnippetEnd" in text and begun:
            first, written = begun.pop()
            at = bisect_left(at_line, first)
            inside = [one for one in claims[at : at + 1] if one.line <= line]
            target = inside[0].target if inside else told.get(first, "")
            yield Claim(
                "snippet", first, line, written[:LONGEST], target, repository_of(target), ()
            )
