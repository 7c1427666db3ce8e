"""The text report: for a person at a terminal, 80 columns unless told otherwise."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator

from provenance.model import Block, FileResult, Finding, Notice, Report, Share
from provenance.report.json import counts

_MOST_ORIGINS = 4
_MOST_BLOCKS = 6
_MOST_RENAMES = 3
_MOST_ALSO = 3
_MOST_SKIPPED = 20
_MOST_USES = 6


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
        amiss = any(one.missing_holders or one.missing_licenses for one in file.notices)
        if file.path in by_file or (file.uses and not file.identical) or amiss:
            yield from _file(file, by_file[file.path], width)
    if report.vendored:
        yield from _vendored(report, width)
    if report.skipped:
        yield f"Skipped {len(report.skipped)}:"
        for skipped in report.skipped[:_MOST_SKIPPED]:
            yield from wrapped(f"{safe(skipped.path)}: {safe(skipped.reason)}", width, "  ")
        if len(report.skipped) > _MOST_SKIPPED:
            more = len(report.skipped) - _MOST_SKIPPED
            yield f"  and {more} more (all of them with --format json)"
        yield ""
    broken = [file for file in report.files if file.error_lines]
    if broken:
        yield f"Syntax errors in {number(len(broken), 'file')}; the units around were scanned:"
        for file in broken[:_MOST_SKIPPED]:
            yield from wrapped(f"{safe(file.path)}: line {file.error_lines[0]}", width, "  ")
        if len(broken) > _MOST_SKIPPED:
            yield f"  and {len(broken) - _MOST_SKIPPED} more (all of them with --format json)"
        yield ""
    total = counts(report)
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
        yield from wrapped(text + (f"; {safe(one.license)}" if one.license else ""), width, "  ")
    yield ""


def _file(file: FileResult, findings: list[Finding], width: int) -> Iterator[str]:
    yield f"{safe(file.path)}  {file.verdict}"
    shown = [
        f"{_percent(share.share)} {safe(share.origin)}{_or(share)}"
        for share in file.composition[:_MOST_ORIGINS]
    ]
    hidden = len(file.composition) - _MOST_ORIGINS
    if hidden > 0:
        rest = sum(share.share for share in file.composition[_MOST_ORIGINS:])
        shown.append(f"{_percent(rest)} {hidden} more")
    if file.common:
        shown.append(f"{_percent(file.common)} common")
    shown.append(f"{_percent(file.novel)} own")
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
    return f" (or {', '.join(names)}{f' and {more} more' if more > 0 else ''})"


def _notice(notice: Notice, width: int) -> Iterator[str]:
    """Only what is amiss is said here; the JSON has all."""
    if notice.missing_holders:
        text = f"notice: {safe(notice.origin)} names {_names(notice.missing_holders)}"
        if notice.new_holders:
            text += f", this file {_names(notice.new_holders)} instead"
        yield from wrapped(text, width, "  ")
    if notice.missing_licenses:
        text = f"notice: {safe(notice.origin)} states {_names(notice.missing_licenses)}"
        yield from wrapped(text + ", this file does not", width, "  ")


def _uses(file: FileResult, width: int) -> Iterator[str]:
    by_title: dict[str, list[str]] = defaultdict(list)
    for use in file.uses:
        by_title[use.title].append(f"{use.kind} {use.line}")
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
    yield f"  {safe(name)}  {_place(finding)}"
    yield from wrapped(
        f"<- {safe(reference.origin)}  {safe(reference.name)}  "
        f"lines {reference.start_line}-{reference.end_line}",
        width,
        "     ",
    )
    yield from wrapped(f"{safe(release)} {safe(reference.path)}", width, "        ")
    rate = finding.false_alarm_rate
    yield from wrapped(
        f"{finding.verdict}, {finding.attribution}"
        + (f"; {100 * rate:.2g} % of unrelated families do as well" if rate is not None else ""),
        width,
        "     ",
    )
    yield from wrapped(
        f"{finding.clone_type}, resemblance {finding.resemblance:.2f}, "
        f"{_percent(finding.suspect_containment)} of this in that, "
        f"{_percent(finding.reference_containment)} of that in this"
        + (f"; first seen {reference.first_seen}" if reference.first_seen else "")
        + (f", not in that of {reference.absent_before}" if reference.absent_before else "")
        + (f"; {safe(reference.license)}" if reference.license else ""),
        width,
        "     ",
    )
    if finding.also:
        names = ", ".join(safe(name) for name in finding.also[:_MOST_ALSO])
        more = len(finding.also) - _MOST_ALSO
        yield from wrapped(
            f"as close in {number(len(finding.also), 'other origin')}: {names}"
            + (f" and {more} more" if more > 0 else "")
            + _earliest(finding),
            width,
            "     ",
        )
    if finding.renames:
        parts = [
            f"{safe(rename.reference)} -> {safe(rename.suspect)} ({rename.places})"
            for rename in finding.renames[:_MOST_RENAMES]
        ]
        more = len(finding.renames) - _MOST_RENAMES
        yield from wrapped(
            "renamed: " + ", ".join(parts) + (f" and {more} more" if more > 0 else ""),
            width,
            "     ",
        )
    yield from wrapped("lines: " + _blocks(finding.blocks), width, "     ")


def _earliest(finding: Finding) -> str:
    first = finding.lineage[0] if finding.lineage else None
    if first is None or first.origin == finding.reference.origin or not first.first_seen:
        return ""
    return f"; the first is {safe(first.origin)}, {first.first_seen}"


def _blocks(blocks: tuple[Block, ...]) -> str:
    parts = [
        f"{_range(block.suspect_start, block.suspect_end)} = "
        f"{_range(block.reference_start, block.reference_end)}"
        for block in blocks[:_MOST_BLOCKS]
    ]
    more = len(blocks) - _MOST_BLOCKS
    return ", ".join(parts) + (f" and {number(more, 'more block')}" if more > 0 else "")


def _place(finding: Finding) -> str:
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


def _range(first: int, last: int) -> str:
    return f"{first}-{last}" if last > first else str(first)


def number(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun, which takes an s unless its plural is given."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


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
    (control, format and bidirectional characters, lone surrogates), is written as an escape."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
