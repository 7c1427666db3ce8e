"""The HTML report: one self-contained page, for a person with a browser and no network.

Everything of ours stands in ``templates`` (markup, style, script) and ``languages`` (one JSON
catalogue a language). What was scanned is only ever data: markup is escaped by Jinja2, the rest
is JSON in inert script elements, which our script turns into text nodes. The content security
policy names our style and our script by their digests and forbids every other source.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, Any

from provenance.model import FileResult, Finding, Report
from provenance.report.json import counts
from provenance.report.text import safe
from provenance.verdict import DERIVED, ORDER, SUPPORTED
from provenance.version import VERSION

if TYPE_CHECKING:
    from pygments.token import _TokenType

LANGUAGES = ("en", "ko")
"""The catalogues there are; another language is one more file in ``languages``."""

Release = tuple[str, str, str]
"""Package, version (empty where there is none) and path of a reference file."""

_COLOURS = 8
"""Families with a colour of their own; what is beyond shares one."""
_MOST_TILES = 1_500
_MAP = (1000.0, 260.0)


def html_report(
    report: Report,
    sources: Mapping[str, str] | None = None,
    *,
    references: Mapping[Release, str] | None = None,
    language: str = "en",
) -> str:
    """The report as one HTML page that loads nothing.

    Args:
        report: what to show.
        sources: text of scanned files by path; places alone are shown for those that lack.
        references: text of reference files, likewise.
        language: that the page opens in, one of ``LANGUAGES``.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    catalogues = {name: catalogue(name) for name in LANGUAGES}
    say = _Speaker(catalogue(language))
    style, script = _asset("templates/report.css"), _asset("templates/report.js")
    environment = Environment(
        loader=FunctionLoader(lambda name: _asset(f"templates/{name}")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(visible=safe, percent=percent, embedded=_embedded, trusted=Markup)
    environment.globals.update(t=say.marked, text=say.plain)
    families = _families(report)
    telling = [one for one in report.findings if one.verdict != "common"]
    places = {file.path: number for number, file in enumerate(report.files)}
    by_file: dict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        by_file[finding.suspect.path].append(finding)
    whole = _repository(report, families)
    texts = _texts(report, sources or {}, references or {})
    data = {
        "version": VERSION,
        "language": language,
        "catalogues": catalogues,
        "suspect_date": report.suspect_date,
        "limits": [SUPPORTED, DERIVED],
        "families": {origin: one.colour for origin, one in families.items()},
        "files": [safe(file.path) for file in report.files],
        "shares": [
            {share.origin: share.share for share in file.composition} for file in report.files
        ],
        "duties": _duties(report),
        "findings": [
            {**_shown(asdict(finding)), "file": places.get(finding.suspect.path, -1)}
            for finding in report.findings
        ],
    }
    page = environment.get_template("report.html").render(
        report=report,
        parameters=list(asdict(report.parameters).items()),
        language=language,
        languages=LANGUAGES,
        version=VERSION,
        counts=counts(report),
        policy="; ".join(
            (
                "default-src 'none'",
                f"script-src '{_digest(script)}'",
                f"style-src '{_digest(style)}'",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
        style=style,
        script=script,
        data=data,
        texts=texts,
        verdicts=[*reversed(ORDER)],
        headline=_headline(report, whole, say),
        whole=whole,
        families=_table(report, families, whole),
        tiles=list(_tiles(report.files)),
        map=_MAP,
        left_out=max(0, len(report.files) - _MOST_TILES),
        places=places,
        telling=len(telling),
        licenses=sorted({one.reference.license for one in report.findings} - {None}),
        looked=[
            file
            for file in report.files
            if by_file[file.path] or file.uses or file.notices or file.identical
        ],
        quiet=[
            file
            for file in report.files
            if not (by_file[file.path] or file.uses or file.notices or file.identical)
        ],
        by_file=by_file,
        bars={file.path: _bar(_of_file(file, families)) for file in report.files},
        whole_bar=_bar(whole),
        parts={file.path: _of_file(file, families) for file in report.files},
        family_of=families,
    )
    return page + "\n"


def percent(share: float) -> str:
    """A share as whole per cent; never 0 for something nor 100 for less than all."""
    if 0 < share < 0.01:
        return "< 1 %"
    if 0.99 < share < 1:
        return "> 99 %"
    return f"{100 * share:.0f} %"


# --- words --------------------------------------------------------------------------------


@cache
def catalogue(language: str) -> dict[str, str]:
    """Every sentence of the page in one language, by key."""
    if language not in LANGUAGES:
        raise ValueError(f"found language {language!r}, expected one of {', '.join(LANGUAGES)}")
    loaded: dict[str, str] = json.loads(_asset(f"languages/{language}.json"))
    return loaded


@cache
def _asset(path: str) -> str:
    return resources.files("provenance.report").joinpath(path).read_text("utf-8")


class _Speaker:
    """Sentences of one catalogue. ``a|b`` is the singular and the plural of the first number;
    ``{0}`` is an argument. Marked ones can be said again in another language by the page."""

    def __init__(self, sentences: dict[str, str]) -> None:
        self._sentences = sentences

    def plain(self, key: str, *arguments: Any) -> str:
        forms = self._sentences[key].split("|")
        form = forms[0] if arguments and arguments[0] == 1 else forms[-1]
        return re.sub(r"\{(\d)\}", lambda match: _word(arguments[int(match[1])]), form)

    def marked(self, key: str, *arguments: Any) -> Any:
        from markupsafe import Markup

        said = self.plain(key, *arguments)
        if not arguments:
            return Markup('<span data-t="{}">{}</span>').format(key, said)
        given = json.dumps([*arguments], ensure_ascii=True)
        return Markup('<span data-t="{}" data-a="{}">{}</span>').format(key, given, said)


def _word(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _web(link: str | None) -> str | None:
    """A link that may be followed: to the web and nowhere else."""
    return link if link and re.fullmatch(r"https://[!-~]+", link) else None


def _shown(value: Any) -> Any:
    """Plain data with every string fit to be seen."""
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, dict):
        return {key: _web(one) if key == "link" else _shown(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(one) for one in value]
    return value


def _embedded(value: Any) -> Any:
    """JSON that can stand in any HTML: no sign of it can end or open anything there."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - what could end it is escaped


def _digest(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


# --- families and their shares ------------------------------------------------------------


@dataclass(slots=True)
class _Family:
    """What the findings say of a family. ``colour`` is 1 to ``_COLOURS``, 0 for the others."""

    name: str
    title: str
    organisation: str | None = None
    country: str | None = None
    licenses: set[str] = field(default_factory=set)
    first_seen: str | None = None
    findings: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    share: float = 0.0
    colour: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a composition; ``colour`` -1 is what no reference explains, -2 what is common."""

    title: str
    origin: str
    share: float
    colour: int
    also: tuple[str, ...] = ()

    @property
    def fill(self) -> str:
        """The name of its colour."""
        return {-1: "own", -2: "common"}.get(self.colour, str(self.colour))


def _families(report: Report) -> dict[str, _Family]:
    """The family of every origin that the report names in a finding or a composition."""
    by_name: dict[str, _Family] = {}
    of: dict[str, _Family] = {}
    for finding in report.findings:
        reference = finding.reference
        one = by_name.setdefault(
            reference.family,
            _Family(reference.family, reference.title, reference.organisation, reference.country),
        )
        of[reference.origin] = one
        if reference.license:
            one.licenses.add(reference.license)
        if finding.verdict != "common":
            one.findings[finding.attribution] += 1
            day = reference.first_seen
            if day and (one.first_seen is None or day < one.first_seen):
                one.first_seen = day
    for file in report.files:
        for share in file.composition:
            name = share.origin.rpartition("/")[2]
            one = of.setdefault(
                share.origin, by_name.setdefault(share.origin, _Family(share.origin, name))
            )
            one.share += share.share * file.lines
        if file.identical:
            one = of.setdefault(
                file.identical.origin,
                by_name.setdefault(
                    file.identical.origin,
                    _Family(file.identical.origin, file.identical.origin.rpartition("/")[2]),
                ),
            )
            if file.identical.license:
                one.licenses.add(file.identical.license)
            day = file.identical.first_seen
            if day and (one.first_seen is None or day < one.first_seen):
                one.first_seen = day
    ranked = sorted({id(one): one for one in of.values()}.values(), key=_rank)
    for colour, one in enumerate(ranked[:_COLOURS], 1):
        one.colour = colour
    lines = sum(file.lines for file in report.files) or 1
    for one in ranked:
        one.share /= lines
    return of


def _rank(family: _Family) -> tuple[float, int, str]:
    return -family.share, -sum(family.findings.values()), family.name


def _of_file(file: FileResult, families: Mapping[str, _Family]) -> list[_Part]:
    parts = [
        _Part(
            families[share.origin].title,
            share.origin,
            share.share,
            families[share.origin].colour,
            share.also,
        )
        for share in file.composition
    ]
    return [*parts, *_rest(file.common, file.novel)]


def _rest(common: float, own: float) -> list[_Part]:
    """What tells no origin, where there is some, and what is found nowhere."""
    return [*([_Part("", "", common, -2)] if common else []), _Part("", "", own, -1)]


def _repository(report: Report, families: Mapping[str, _Family]) -> list[_Part]:
    """The composition of all files, each weighted by its lines."""
    lines = sum(file.lines for file in report.files) or 1
    own = sum(file.novel * file.lines for file in report.files) / lines
    common = sum(file.common * file.lines for file in report.files) / lines
    ranked = sorted({id(one): one for one in families.values()}.values(), key=_rank)
    parts = [_Part(one.title, one.name, one.share, one.colour) for one in ranked if one.share]
    return [*parts, *_rest(common, own)]


def _bar(parts: Sequence[_Part]) -> list[tuple[_Part, float, float]]:
    """Each part with its start and its width, of 1000."""
    at, bar = 0.0, []
    for part in parts:
        width = 1000 * part.share
        bar.append((part, round(at, 2), round(width, 2)))
        at += width
    return bar


def _table(
    report: Report, families: Mapping[str, _Family], whole: Sequence[_Part]
) -> list[_Family]:
    return sorted({id(one): one for one in families.values()}.values(), key=_rank)


def _duties(report: Report) -> dict[str, list[str]]:
    """What licences ask, by their expression, as the notices of the files say it."""
    return {
        safe(notice.license): [safe(duty) for duty in notice.duties]
        for file in report.files
        for notice in file.notices
        if notice.license and notice.duties
    }


def _headline(report: Report, whole: Sequence[_Part], say: _Speaker) -> list[Any]:
    """The verdict in a sentence, and what must be said beside it."""
    of = Counter(file.verdict for file in report.files)
    total = len(report.files)
    said: list[Any] = []
    if of["derived"]:
        said.append(say.marked("headline.derived", of["derived"], total))
    elif of["resembles"]:
        said.append(say.marked("headline.resembles", of["resembles"], total))
    elif of["common"]:
        said.append(say.marked("headline.common", of["common"], total))
    else:
        said.append(say.marked("headline.clear", total))
    named = [part for part in whole if part.colour >= 0]
    if of["derived"] + of["resembles"] and named:
        said.append(say.marked("headline.closest", safe(named[0].title), percent(named[0].share)))
    telling = [one for one in report.findings if one.verdict != "common"]
    if telling:
        declared = sum(one.attribution == "declared" for one in telling)
        said.append(say.marked("headline.declared", declared, len(telling)))
        late = sum(one.direction in ("younger", "same") for one in telling)
        if late:
            said.append(say.marked("headline.late", late))
        unknown = sum(one.direction == "unknown" for one in telling)
        if unknown:
            said.append(say.marked("headline.undated", unknown))
    return said


# --- the map ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Tile:
    """A file as a rectangle whose area goes with its lines."""

    file: FileResult
    number: int
    x: float
    y: float
    width: float
    height: float

    @property
    def label(self) -> str:
        """As much of the name as the rectangle holds; none where it holds little."""
        name = safe(self.file.path.rpartition("/")[2])
        fits = int((self.width - 12) / 7.2)
        return name if len(name) <= fits and self.height > 24 else ""


def _tiles(files: Sequence[FileResult]) -> Iterator[_Tile]:
    """Rectangles for the largest files: a list is cut where its halves weigh alike, along the
    longer side, again and again."""
    order = sorted(range(len(files)), key=lambda at: (-files[at].lines, files[at].path))
    todo = [(order[:_MOST_TILES], 0.0, 0.0, *_MAP)]
    while todo:
        some, x, y, width, height = todo.pop()
        if len(some) == 1:
            yield _Tile(files[some[0]], some[0], *(round(one, 2) for one in (x, y, width, height)))
        if len(some) < 2:
            continue
        weights = [max(1, files[at].lines) for at in some]
        half, cut, before = sum(weights) / 2, 0, 0
        while cut < len(some) - 1 and (cut == 0 or before + weights[cut] / 2 < half):
            before += weights[cut]
            cut += 1
        part = before / sum(weights)
        if width >= height:
            todo.append((some[:cut], x, y, width * part, height))
            todo.append((some[cut:], x + width * part, y, width * (1 - part), height))
        else:
            todo.append((some[:cut], x, y, width, height * part))
            todo.append((some[cut:], x, y + height * part, width, height * (1 - part)))


# --- source text --------------------------------------------------------------------------

_KINDS = ("", "k", "n", "s", "c", "m", "o", "d", "x")
"""Kinds of a piece of source: plain, keyword, name, string, comment, number, operator,
decorator or defined name, and what cannot be seen."""


def _texts(
    report: Report, sources: Mapping[str, str], references: Mapping[Release, str]
) -> dict[str, Any]:
    """Lines by the identity of their element: ``s3`` for file 3, ``r7`` for the reference of
    finding 7. A line is ``[kind, text, kind, text, ...]``; the first number is its own."""
    texts: dict[str, Any] = {}
    found = {finding.suspect.path for finding in report.findings}
    for number, file in enumerate(report.files):
        if file.path in found and file.path in sources:
            texts[f"s{number}"] = [1, _coloured(sources[file.path])]
    spans: dict[Release, list[tuple[int, Finding]]] = defaultdict(list)
    for number, finding in enumerate(report.findings):
        side = finding.reference
        spans[side.package, side.version or "", side.path].append((number, finding))
    for key in sorted(spans):
        if key in references:
            lines = _coloured(references[key])
            for number, finding in spans[key]:
                first = finding.reference.start_line
                texts[f"r{number}"] = [first, lines[first - 1 : finding.reference.end_line]]
    return texts


def _coloured(text: str) -> list[list[int | str]]:
    """The lines of a Python text as pieces with their kinds."""
    from pygments.lexers.python import PythonLexer

    lines: list[list[int | str]] = [[]]
    for _, token, value in PythonLexer().get_tokens_unprocessed(text):
        kind = _kind(token)
        for at, piece in enumerate(value.split("\n")):
            if at:
                lines.append([])
            for one, shown in _pieces(piece, kind):
                line = lines[-1]
                if line and line[-2] == one:
                    line[-1] = f"{line[-1]}{shown}"
                else:
                    line += [one, shown]
    return lines


def _pieces(text: str, kind: int) -> Iterable[tuple[int, str]]:
    """A piece of a line, with what cannot be seen, or would reorder what is, written out."""
    if not text:
        return
    if text.isprintable():
        yield kind, text
        return
    run = ""
    for sign in text:
        if sign.isprintable() or sign == "\t":
            run += sign
            continue
        if run:
            yield kind, run
        run = ""
        yield len(_KINDS) - 1, safe(sign)
    if run:
        yield kind, run


@cache
def _kind(token: _TokenType) -> int:
    from pygments.token import Comment, Keyword, Name, Number, Operator, String

    kinds: tuple[tuple[Any, int], ...] = (
        (Comment, 4),
        (String, 3),
        (Keyword, 1),
        (Operator.Word, 1),
        (Number, 5),
        (Name.Decorator, 7),
        (Name.Class, 7),
        (Name.Function, 7),
        (Name, 2),
        (Operator, 6),
    )
    return next((number for kind, number in kinds if token in kind), 0)
