"""The HTML report: one self-contained page, for a person with a browser and no network.

Everything of ours stands in ``templates`` (markup, style, script) and ``languages`` (one JSON
catalogue a language). What was scanned is only ever data: markup is escaped by Jinja2, the rest
is JSON in inert script elements, which our script turns into text nodes. The content security
policy names our style and our script by their digests and forbids every other source.

The list of findings is markup; what a finding or a file says in full is JSON beside it, one
element a file, read when it is opened: so a page of thousands of findings opens at once.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from functools import cache, lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from provenance.model import Finding, Report, SuspectSeen
from provenance.report.json import counts
from provenance.report.quoted import Quotes, Release
from provenance.report.shares import Part, families, merged, of_file, of_repository, ranked
from provenance.report.text import safe
from provenance.report.tiles import MOST, WIDTH, height, tiles
from provenance.report.words import Speaker, asset, catalogue, fine, languages, percent
from provenance.verdict import DERIVED, ORDER, SUPPORTED
from provenance.version import VERSION

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_MANY = 50
"""So many findings are parsed at once by the page's script."""
_WORDED = 1_000
"""So many sentences of the page are remembered."""
_FETCHABLE = "default.db"
"""The index whose releases ``provenance sources fetch`` can bring."""


@cache
def _environment(language: str) -> Environment:
    """The markup, ready to be filled in one language: that takes longer than to fill it."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    say = Speaker(catalogue(language))
    made = Environment(
        loader=FunctionLoader(lambda name: asset(f"templates/{name}")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters.update(
        merged=merged,
        visible=safe,
        percent=percent,
        fine=fine,
        embedded=_embedded,
        trusted=Markup,
    )
    made.globals.update(t=lru_cache(_WORDED)(say.marked), text=say.plain)
    return made


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
        language: that the page opens in, one of ``words.languages()``.
    """
    say = Speaker(catalogue(language))
    template = _environment(language).get_template("report.html")
    style, script = asset("templates/report.css"), asset("templates/report.js")
    findings = sorted(report.findings, key=lambda one: -ORDER.index(one.verdict))
    of = families(report)
    whole = of_repository(report, of)
    places = {file.path: number for number, file in enumerate(report.files)}
    by_file: dict[str, list[Finding]] = defaultdict(list)
    for finding in sorted(findings, key=lambda one: one.suspect.start_line):
        by_file[finding.suspect.path].append(finding)
    quotes = Quotes(report, findings, sources or {}, references or {})
    fetchable = {
        release
        for index in report.indexes
        if index.name == _FETCHABLE
        for release in index.packages
    }
    details: dict[int, dict[int, Any]] = defaultdict(dict)
    for number, finding in enumerate(findings):
        side = finding.reference
        details[places.get(finding.suspect.path, -1)][number] = {
            **_plain(finding),
            "quote": quotes.reference[number],
            "fetchable": f"{side.package}=={side.version}" in fetchable,
        }
    map_tiles, frames = tiles(report.files)
    shown = [
        bool(by_file[file.path] or file.uses or file.notices or file.identical)
        for file in report.files
    ]
    page = template.render(
        report=report,
        parameters=list(asdict(report.parameters).items()),
        language=language,
        languages={one: catalogue(one)["language.name"] for one in languages()},
        version=VERSION,
        counts=counts(report),
        dated=report.suspect_date or _days_of_git(report),
        bounded=not report.suspect_date and any(one.bounded for one in _seen_by_git(report)),
        policy=_policy(style, script),
        style=style,
        script=script,
        data=_data(report, findings, places, {name: one.colour for name, one in of.items()}),
        details=details,
        quotes=quotes,
        verdicts=[*reversed(ORDER)],
        folder=_folder(file.path for file in report.files),
        headline=_headline(report, whole, say),
        whole=whole,
        families=ranked(of),
        map=(WIDTH, height(report.files)),
        tiles=map_tiles,
        frames=frames,
        left_out=max(0, len(report.files) - MOST),
        places=places,
        findings=findings,
        many=_MANY,
        of_verdict=Counter(one.verdict for one in findings),
        licenses=sorted({one.reference.license for one in findings} - {None}),
        looked=[file for file, look in zip(report.files, shown, strict=True) if look],
        quiet=[file for file, look in zip(report.files, shown, strict=True) if not look],
        by_file=by_file,
        parts={file.path: of_file(file, of) for file in report.files},
        family_of=of,
    )
    return page + "\n"


def _days_of_git(report: Report) -> str:
    """The first and the last day that git has for what was found; empty where it has none."""
    days = {day for one in _seen_by_git(report) for day in (one.earliest, one.latest) if day}
    return f"{' – '.join(dict.fromkeys((min(days), max(days))))} (git)" if days else ""


def _seen_by_git(report: Report) -> list[SuspectSeen]:
    seen = [one.seen for one in report.findings]
    seen += [file.identical.seen for file in report.files if file.identical]
    return [one for one in seen if one.source == "git"]


def _folder(paths: Iterable[str]) -> str:
    """The deepest folder that holds all of the files, with a slash; empty where that is all."""
    common: list[str] | None = None
    for path in paths:
        above = path.split("/")[:-1]
        if common is None:
            common = above
        same = zip(common, above, strict=False)
        common = common[
            : next((at for at, (one, two) in enumerate(same) if one != two), len(above))
        ]
    return "".join(f"{one}/" for one in common or [])


def _policy(style: str, script: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


# --- what the script reads ----------------------------------------------------------------


def _data(
    report: Report,
    findings: Sequence[Finding],
    places: Mapping[str, int],
    colours: Mapping[str, int],
) -> dict[str, Any]:
    return {
        "many": _MANY,
        "catalogues": {language: catalogue(language) for language in languages()},
        "suspect_date": report.suspect_date,
        "limits": [SUPPORTED, DERIVED],
        "families": {safe(origin): colour for origin, colour in colours.items()},
        "files": [
            {
                "path": safe(file.path),
                "lines": file.lines,
                "verdict": file.verdict,
                "shares": {safe(one.origin): one.share for one in file.composition},
            }
            for file in report.files
        ],
        "duties": _duties(report),
        "findings": [
            [
                places.get(one.suspect.path, -1),
                one.verdict,
                one.attribution,
                safe(one.reference.family),
                safe(one.reference.license or ""),
                one.suspect.start_line,
                one.reference.first_seen or "",
                one.false_alarm_rate,
                one.id,
            ]
            for one in findings
        ],
    }


def _plain(value: Any, name: str = "") -> Any:
    """Plain data of a result, with every string fit to be seen and every link one to the web."""
    if isinstance(value, str):
        return _web(value) if name == "link" else safe(value)
    if is_dataclass(value):
        return {one: _plain(getattr(value, one), one) for one in _names(value.__class__)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind))


def _web(link: str | None) -> str | None:
    """A link that may be followed: to the web and nowhere else."""
    return link if link and re.fullmatch(r"https://[!-~]+", link) else None


def _embedded(value: Any) -> Markup:
    """JSON that can stand in any HTML: no sign of it can end or open anything there."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - what could end it is escaped


def _duties(report: Report) -> dict[str, list[tuple[str, str]]]:
    """What the licences of the references ask, by their expression: kinds and sentences."""
    from provenance.licenses import duties

    expressions = {one.reference.license for one in report.findings} - {None}
    return {
        safe(expression): [(one.kind, safe(one.sentence)) for one in duties(expression)]
        for expression in sorted(filter(None, expressions))
    }


# --- the verdict in a sentence ------------------------------------------------------------


def _headline(report: Report, whole: Sequence[Part], say: Speaker) -> list[Markup]:
    """The verdict in a sentence, and what must be said beside it."""
    of: Counter[str] = Counter(file.verdict for file in report.files)
    total = len(report.files)
    strongest = next((one for one in reversed(ORDER) if of[one]), "clear")
    if strongest == "clear":
        said = [say.marked("headline.clear", total)]
    else:
        one = "_one" * (total == 1)
        said = [say.marked(f"headline.{strongest}{one}", of[strongest], total)]
    named = [part for part in whole if part.named]
    if strongest in ("derived", "resembles") and named:
        names, more = named[0].others
        told = safe(named[0].title), percent(named[0].share), safe(names)
        if more:
            said.append(say.marked("headline.closest_more", *told, more))
        else:
            said.append(say.marked(f"headline.closest{'_or' * bool(names)}", *told))
    late = sum(
        one.identical.direction in ("younger", "same") for one in report.files if one.identical
    )
    if late:
        said.append(say.marked("headline.late_files", late))
    telling = [one for one in report.findings if one.verdict != "common"]
    if telling:
        declared = sum(one.attribution == "declared" for one in telling)
        key = "headline.declared" if declared else "headline.undeclared"
        said.append(say.marked(key, declared, len(telling)))
        late = sum(one.direction in ("younger", "same") for one in telling)
        if late:
            said.append(say.marked("headline.late", late))
        unknown = sum(one.direction == "unknown" for one in telling)
        if unknown:
            said.append(say.marked("headline.undated", unknown))
    return said
