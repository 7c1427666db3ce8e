"""The text report: for a person at a terminal, 80 columns unless told otherwise."""

from __future__ import annotations

import re
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Context
from math import floor
from typing import get_args

from provenance.decode import shown
from provenance.model import (
    Attribution,
    Block,
    Direction,
    FileResult,
    Finding,
    Identity,
    Notice,
    Reference,
    Report,
    Share,
    SuspectSeen,
)
from provenance.report.json import counts
from provenance.verdict import score

_HOLDER = re.compile(r"(?:copyright|\(c\)|©|:|[\d-]{4,}|[\s,#])+", re.IGNORECASE)
COMMAND = re.compile(r"##(?=\w*\[)")
"""What services of CI look for anywhere in a line: ``##[``, ``##vso[``, ``##teamcity[``."""
_COMMAND = re.compile(rf"{COMMAND.pattern}|(?<!\S)::")
_MOST_ORIGINS = 4
_MOST_BLOCKS = 6
_MOST_RENAMES = 3
_MOST_ALSO = 3
_MOST_SKIPPED = 20
_MOST_USES = 6
_TWO_DIGITS = Context(prec=2, rounding=ROUND_HALF_UP)


def text_report(report: Report, *, width: int = 80) -> str:
    """The report as text; no line is wider than ``width`` but for paths that are.

    Args:
        report: what to show.
        width: columns, at least 40.
    """
    return "\n".join(_lines(report, max(40, width))) + "\n"


def _lines(report: Report, width: int) -> Iterator[str]:
    by_file: dict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        by_file[finding.suspect.path].append(finding)
    for file in report.files:
        amiss = any(
            one.missing_holders or one.missing_licenses or one.elsewhere for one in file.notices
        )
        if file.path in by_file or (file.uses and not file.identical) or amiss:
            yield from _file(file, by_file[file.path], width)
    if report.vendored:
        yield from _vendored(report, width)
    if report.skipped:
        yield f"Skipped {len(report.skipped):,}:"
        for skipped in report.skipped[:_MOST_SKIPPED]:
            yield from wrapped(f"{safe(skipped.path)}: {safe(skipped.reason)}", width, "  ")
        if len(report.skipped) > _MOST_SKIPPED:
            more = len(report.skipped) - _MOST_SKIPPED
            yield f"  and {more:,} more (all of them with --format json)"
        yield ""
    broken = [file for file in report.files if file.error_lines]
    if broken:
        yield f"Syntax errors in {number(len(broken), 'file')}; the units around were scanned:"
        for file in broken[:_MOST_SKIPPED]:
            yield from wrapped(f"{safe(file.path)}: line {file.error_lines[0]}", width, "  ")
        if len(broken) > _MOST_SKIPPED:
            yield f"  and {len(broken) - _MOST_SKIPPED:,} more (all of them with --format json)"
        yield ""
    if report.history:
        yield from wrapped(f"Days of git are missing: {safe(report.history)}.", width, "")
        yield ""
    total = counts(report)
    if limits := limited(report):
        yield from wrapped(f"{limits.removesuffix('.')} (in each file: --format json).", width, "")
        yield ""
    summary = (
        f"{number(total['findings'], 'match', 'matches')} in {total['files_with_findings']} of "
        f"{number(total['files'], 'file')} ({number(total['lines'], 'line')})"
    )
    for verdict in ("derived", "resembles", "common"):
        if total[f"files_{verdict}"]:
            summary += f", {total[f'files_{verdict}']:,} {verdict}"
    if total["skipped"]:
        summary += f", {total['skipped']} skipped"
    yield from wrapped(summary + ".", width, "")
    if report.findings:
        yield from wrapped(
            "derived: consistent with derivation from an earlier source, no proof of it. Matches "
            "were verified line by line; what is common tells no origin.",
            width,
            "",
        )


def limited(report: Report) -> str:
    """That of some units not all was looked at, in a sentence; empty where of none."""
    units = sum(file.limited for file in report.files)
    if not units:
        return ""
    return (
        f"Of {number(units, 'unit')} only the likeliest references were looked at, as too many "
        "share something with them."
    )


def _vendored(report: Report, width: int) -> Iterator[str]:
    yield "Files that are reference files as they are:"
    for one in report.vendored:
        release = f"{one.package} {one.version}" if one.version else one.package
        text = (
            f"{safe(one.folder)}: {number(one.files, 'file')} ({number(one.lines, 'line')}) of "
            f"{safe(release)}, {safe(one.reference_folder)}"
        )
        if one.exact < one.files:
            text += f"; {one.files - one.exact} of them in another layout"
        if one.younger:
            text += f"; the reference is younger than {one.younger} of them"
        yield from wrapped(text + (f"; {safe(one.license)}" if one.license else ""), width, "  ")
    said = Counter(file.identical.attribution for file in report.files if file.identical)
    told = [f"{said[kind]:,} {kind}" for kind in get_args(Attribution) if said[kind]]
    yield from wrapped(", ".join(told), width, "  ")
    yield ""


def _file(file: FileResult, findings: list[Finding], width: int) -> Iterator[str]:
    yield f"{safe(file.path)}  {file.verdict}"
    shown = [
        f"{percent(share.share)} {safe(share.origin)}{_or(share)}"
        for share in file.composition[:_MOST_ORIGINS]
    ]
    hidden = len(file.composition) - _MOST_ORIGINS
    if hidden > 0:
        rest = sum(share.share for share in file.composition[_MOST_ORIGINS:])
        shown.append(f"{percent(rest)} {hidden} more")
    if file.common:
        shown.append(f"{percent(file.common)} common")
    shown.append(f"{percent(file.novel)} own")
    if findings:
        yield from wrapped("closest: " + ", ".join(shown), width, "  ")
    for notice in file.notices:
        yield from _notice(notice, width)
    if file.uses:
        yield from _uses(file, width)
    telling = [finding for finding in findings if finding.verdict != "common"]
    for finding in telling:
        yield from _finding(finding, width)
    common = [finding for finding in findings if finding.verdict == "common"]
    if common:
        names = ", ".join(
            f"{safe(one.suspect.name)} ({one.suspect.start_line}-{one.suspect.end_line}, in "
            f"{one.families})"
            for one in sorted(common, key=lambda one: one.suspect.start_line)
        )
        yield ""
        yield from wrapped(f"common, with in how many families: {names}", width, "  ")
    yield ""


def _or(share: Share) -> str:
    """The origins that the text cannot tell from the named one."""
    if not share.also:
        return ""
    names = [safe(one.rpartition("/")[2]) for one in share.also[:_MOST_ALSO]]
    more = len(share.also) - _MOST_ALSO
    return f" (or {', '.join(names)}{f' and {more:,} more' if more > 0 else ''})"


def _notice(notice: Notice, width: int) -> Iterator[str]:
    """Only what is amiss is said here; the JSON has all. Where other origins are as close, it is
    not said that these notices were to be kept."""
    lead = f"notice: {safe(notice.origin)}"
    if notice.also:
        others = f"{safe(notice.also[0])} and {len(notice.also) - 1} more"
        others = others if len(notice.also) > 1 else safe(notice.also[0])
        lead = f"notice, were it of {safe(notice.origin)} and not of {others}: that"
    if notice.missing_holders:
        text = f"{lead} names {_names(notice.missing_holders)}"
        if notice.new_holders:
            instead = "" if notice.also else " instead"
            text += f", this file {_names(notice.new_holders)}{instead}"
        yield from wrapped(text, width, "  ")
    if notice.missing_licenses:
        text = f"{lead} states {_names(notice.missing_licenses)}"
        yield from wrapped(text + ", this file does not", width, "  ")
    for one in notice.elsewhere[:_MOST_ALSO]:
        says = "names" if one.kind == "copyright" else "states"
        holder = one.text if one.kind == "license" else _without_sign(one.text)
        text = f"notice: {safe(one.path)} line {one.line} {says} {safe(holder)}"
        yield from wrapped(text + ", this file does not", width, "  ")


def _without_sign(text: str) -> str:
    """A copyright line from its holder on."""
    found = _HOLDER.search(text)
    return text[found.end() :] if found else text


def _uses(file: FileResult, width: int) -> Iterator[str]:
    by_title: dict[str, list[str]] = defaultdict(list)
    for use in file.uses:
        by_title[use.title].append(f"{safe(use.kind)} {use.line}")
    parts = []
    for title, places in by_title.items():
        more = f" and {len(places) - 2} more" if len(places) > 2 else ""
        parts.append(f"{safe(title)} ({', '.join(places[:2])}{more})")
    hidden = len(parts) - _MOST_USES
    text = "; ".join(parts[:_MOST_USES]) + (f"; and {hidden} more" if hidden > 0 else "")
    yield from wrapped(f"uses, with lines: {text}", width, "  ")


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(safe(name) for name in names)


def _finding(finding: Finding, width: int) -> Iterator[str]:
    suspect, reference = finding.suspect, finding.reference
    release = reference.package + (f" {reference.version}" if reference.version else "")
    yield ""
    name = suspect.name if suspect.kind != "module" else "module body"
    yield f"  {safe(name)}  {place(finding)}"
    yield from wrapped(
        f"<- {safe(reference.origin)}  {safe(reference.name)}  "
        f"lines {reference.start_line}-{reference.end_line}",
        width,
        "     ",
    )
    yield from wrapped(f"{safe(release)} {safe(reference.path)}", width, "        ")
    alarms = finding.false_alarm_rate
    yield from wrapped(
        f"{finding.verdict}, {finding.attribution}"
        + (f"; {rate(alarms)} of unrelated families do as well" if alarms is not None else ""),
        width,
        "     ",
    )
    yield from wrapped(
        f"{finding.clone_type}, resemblance {score(finding.resemblance)}, "
        f"{percent(finding.suspect_containment)} of this in that, "
        f"{percent(finding.reference_containment)} of that in this"
        + (f"; {safe(reference.license)}" if reference.license else ""),
        width,
        "     ",
    )
    for text in (
        days(finding.reference, finding.seen, finding.direction),
        lineage(finding),
        below(finding),
        before(finding),
        declared_by(finding),
    ):
        if text:
            yield from wrapped(text, width, "     ")
    if finding.renames:
        parts = [
            f"{safe(rename.reference)} -> {safe(rename.suspect)} ({rename.places})"
            for rename in finding.renames[:_MOST_RENAMES]
        ]
        more = len(finding.renames) - _MOST_RENAMES
        yield from wrapped(
            "renamed: " + ", ".join(parts) + (f" and {more:,} more" if more > 0 else ""),
            width,
            "     ",
        )
    yield from wrapped("lines: " + _blocks(finding.blocks), width, "     ")


_SIDES = {
    "older": "older than this",
    "younger": "younger than this, so it is no source of this as far as is indexed",
    "same": "as old as this",
    "unknown": "which is older is not known",
}


def days(reference: Reference | Identity, seen: SuspectSeen, direction: Direction) -> str:
    """Since when the reference is public, and which side is older."""
    if not reference.first_seen:
        return ""
    text = f"first seen {reference.first_seen}"
    if reference.absent_before:
        text += f", not in that of {reference.absent_before}"
    if seen.source == "none":
        return text
    since = seen.day or ""
    if seen.source == "git" and seen.earliest != seen.latest:
        since = f"{seen.earliest} to {seen.latest}"
    shown = f"{since} by {seen.source}" if seen.source != "given" else f"{since} as given"
    if seen.lines < seen.of:
        shown += f", {seen.lines:,} of {number(seen.of, 'line')}"
    if seen.bounded:
        shown += ", or before: the history is cut off"
    return f"{text}; {_SIDES[direction]} ({shown})"


def lineage(finding: Finding) -> str:
    """Who else has it, in order of days; empty where nobody has."""
    if not finding.also:
        return ""
    members = finding.lineage[: _MOST_ALSO + 1]
    names = [safe(one.origin) + (f" {one.first_seen}" if one.first_seen else "") for one in members]
    more = len(finding.also) + 1 - len(members)
    origins = number(len(finding.also), "other origin")
    families = number(finding.families, "family", "families")
    text = f"as close in {origins}, {families} in all: first in {names[0]}"
    if names[1:]:
        text += f", then {', '.join(names[1:])}"
    return text + (f" and {more:,} more" if more > 0 else "")


def below(finding: Finding) -> str:
    """The families that are nearest but less near than the named one; empty where there are none,
    or none was compared."""
    if not finding.near or finding.scores is None:
        return ""
    names = [f"{safe(one.origin)} {score(one.scores.score)}" for one in finding.near]
    return f"ranked by score {score(finding.scores.score)}; less near: {', '.join(names)}"


def before(finding: Finding) -> str:
    """What the reference is itself like, oldest first; empty where that is nothing."""
    if not finding.chain:
        return ""
    names = [
        f"{safe(one.origin)} {safe(one.name)} {one.first_seen} ({score(one.resemblance)})"
        for one in finding.chain
    ]
    return f"that is itself like: {', '.join(names)}"


def declared_by(finding: Finding) -> str:
    """Where the file says it, the first two lines; empty where it does not."""
    shown = [
        f"{one.kind} {one.family}, "
        + ("" if one.path == finding.suspect.path else f"{one.path} ")
        + f"line {one.line}"
        for one in finding.declarations[:2]
    ]
    more = len(finding.declarations) - len(shown)
    if not shown:
        return ""
    return safe("says: " + "; ".join(shown) + (f" and {more:,} more" if more > 0 else ""))


def _blocks(blocks: tuple[Block, ...]) -> str:
    parts = [
        f"{span(block.suspect_start, block.suspect_end)} = "
        f"{span(block.reference_start, block.reference_end)}"
        for block in blocks[:_MOST_BLOCKS]
    ]
    more = len(blocks) - _MOST_BLOCKS
    return ", ".join(parts) + (f" and {number(more, 'more block')}" if more > 0 else "")


def place(finding: Finding) -> str:
    """The lines of the suspect, of a notebook by cell."""
    suspect = finding.suspect
    if suspect.cell:
        cell = suspect.cell
        if cell.start_cell == cell.end_cell:
            return f"cell {cell.start_cell} lines {cell.start_line}-{cell.end_line}"
        return (
            f"cell {cell.start_cell} line {cell.start_line} "
            f"to cell {cell.end_cell} line {cell.end_line}"
        )
    return f"lines {suspect.start_line}-{suspect.end_line}"


def span(first: int, last: int) -> str:
    """Lines, as a range or as one."""
    return f"{first}-{last}" if last > first else str(first)


def number(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun, which takes an s unless its plural is given."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def rate(share: float) -> str:
    """A rate in per cent, to two digits; never 100 for less than all."""
    if 0.99 < share < 1:
        return ">99 %"
    return f"{_TWO_DIGITS.create_decimal_from_float(100 * share).normalize():f} %"


def percent(share: float) -> str:
    """A share as whole per cent, halves up as the page's script has it; never 0 for something nor
    100 for less than all."""
    if 0 < share < 0.01:
        return "<1 %"
    return ">99 %" if 0.99 < share < 1 else f"{floor(100 * share + 0.5)} %"


def wrapped(text: str, width: int, indent: str) -> list[str]:
    """Text in lines of a width, what follows the first one indented by two more."""
    lines = textwrap.wrap(
        text.replace(" %", "\0%"),  # a number stays with its sign
        width,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0%", " %") for line in lines]


def safe(text: str) -> str:
    """Text of a scanned tree for a terminal: whatever could steer it, or reorder what is read
    (control, format and bidirectional characters, lone surrogates), is written as an escape; so is
    what a service of CI that reads the log would take for a command of ours (``::error::``,
    ``##vso[``, ``##teamcity[``)."""
    return shown(_COMMAND.sub(lambda found: f"\\x{ord(found[0][0]):02x}{found[0][1:]}", text))
