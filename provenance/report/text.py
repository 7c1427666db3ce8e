"""The text report: for a person at a terminal, 80 columns unless told otherwise."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator

from provenance.model import Block, FileResult, Finding, Report
from provenance.report.json import counts

_MOST_ORIGINS = 4
_MOST_BLOCKS = 6
_MOST_RENAMES = 3
_MOST_ALSO = 3
_MOST_SKIPPED = 20


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
        if file.path in by_file:
            yield from _file(file, by_file[file.path], width)
    if report.vendored:
        yield from _vendored(report, width)
    if report.skipped:
        yield f"Skipped {len(report.skipped)}:"
        for skipped in report.skipped[:_MOST_SKIPPED]:
            yield from _wrapped(f"{safe(skipped.path)}: {safe(skipped.reason)}", width, "  ")
        if len(report.skipped) > _MOST_SKIPPED:
            more = len(report.skipped) - _MOST_SKIPPED
            yield f"  and {more} more (all of them with --format json)"
        yield ""
    broken = [file for file in report.files if file.error_lines]
    if broken:
        yield f"Syntax errors in {_number(len(broken), 'file')}; the units around were scanned:"
        for file in broken[:_MOST_SKIPPED]:
            yield from _wrapped(f"{safe(file.path)}: line {file.error_lines[0]}", width, "  ")
        if len(broken) > _MOST_SKIPPED:
            yield f"  and {len(broken) - _MOST_SKIPPED} more (all of them with --format json)"
        yield ""
    total = counts(report)
    summary = (
        f"{_number(total['findings'], 'match', 'matches')} in {total['files_with_findings']} of "
        f"{_number(total['files'], 'file')} ({_number(total['lines'], 'line')})"
    )
    if total["skipped"]:
        summary += f", {total['skipped']} skipped"
    yield from _wrapped(summary + ".", width, "")
    if report.findings:
        yield from _wrapped(
            "A match is resemblance, verified line by line: consistent with derivation from an "
            "earlier source, not proof of it. Common code resembles too.",
            width,
            "",
        )


def _vendored(report: Report, width: int) -> Iterator[str]:
    yield "Files that are reference files as they are:"
    for one in report.vendored:
        release = f"{one.package} {one.version}" if one.version else one.package
        text = (
            f"{safe(one.folder)}: {_number(one.files, 'file')} ({_number(one.lines, 'line')}) of "
            f"{safe(release)}, {safe(one.reference_folder)}"
        )
        if one.exact < one.files:
            text += f"; {one.files - one.exact} of them in another layout"
        yield from _wrapped(text + (f"; {safe(one.license)}" if one.license else ""), width, "  ")
    yield ""


def _file(file: FileResult, findings: list[Finding], width: int) -> Iterator[str]:
    yield safe(file.path)
    shown = [
        f"{_percent(share.share)} {safe(share.origin)}"
        for share in file.composition[:_MOST_ORIGINS]
    ]
    hidden = len(file.composition) - _MOST_ORIGINS
    if hidden > 0:
        rest = sum(share.share for share in file.composition[_MOST_ORIGINS:])
        shown.append(f"{_percent(rest)} {hidden} more")
    shown.append(f"{_percent(file.novel)} own")
    yield from _wrapped("closest: " + ", ".join(shown), width, "  ")
    for finding in findings:
        yield from _finding(finding, width)
    yield ""


def _finding(finding: Finding, width: int) -> Iterator[str]:
    suspect, reference = finding.suspect, finding.reference
    release = reference.package + (f" {reference.version}" if reference.version else "")
    yield ""
    name = suspect.name if suspect.kind != "module" else "module body"
    yield f"  {safe(name)}  {_place(finding)}"
    yield from _wrapped(
        f"<- {safe(reference.origin)}  {safe(reference.name)}  "
        f"lines {reference.start_line}-{reference.end_line}",
        width,
        "     ",
    )
    yield from _wrapped(f"{safe(release)} {safe(reference.path)}", width, "        ")
    yield from _wrapped(
        f"{finding.clone_type}, resemblance {finding.resemblance:.2f}, "
        f"{_percent(finding.suspect_containment)} of this in that, "
        f"{_percent(finding.reference_containment)} of that in this"
        + (f"; first seen {reference.first_seen}" if reference.first_seen else "")
        + (f"; {safe(reference.license)}" if reference.license else ""),
        width,
        "     ",
    )
    if finding.also:
        names = ", ".join(safe(name) for name in finding.also[:_MOST_ALSO])
        more = len(finding.also) - _MOST_ALSO
        yield from _wrapped(
            f"as close in {_number(len(finding.also), 'other origin')}: {names}"
            + (f" and {more} more" if more > 0 else ""),
            width,
            "     ",
        )
    if finding.renames:
        parts = [
            f"{safe(rename.reference)} -> {safe(rename.suspect)} ({rename.places})"
            for rename in finding.renames[:_MOST_RENAMES]
        ]
        more = len(finding.renames) - _MOST_RENAMES
        yield from _wrapped(
            "renamed: " + ", ".join(parts) + (f" and {more} more" if more > 0 else ""),
            width,
            "     ",
        )
    yield from _wrapped("lines: " + _blocks(finding.blocks), width, "     ")


def _blocks(blocks: tuple[Block, ...]) -> str:
    parts = [
        f"{_range(block.suspect_start, block.suspect_end)} = "
        f"{_range(block.reference_start, block.reference_end)}"
        for block in blocks[:_MOST_BLOCKS]
    ]
    more = len(blocks) - _MOST_BLOCKS
    return ", ".join(parts) + (f" and {_number(more, 'more block')}" if more > 0 else "")


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


def _number(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def safe(text: str) -> str:
    """Text of a scanned tree for a terminal: whatever could steer it, or reorder what is read
    (control, format and bidirectional characters, lone surrogates), is written as an escape."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
