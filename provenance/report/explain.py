"""The explanation of a finding, for a terminal: why it matched, what counts and what does not,
what speaks for and against it, and both sides line by line. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from provenance.model import FileResult, Finding, Identity, Notice, Report
from provenance.report.columns import both_sides
from provenance.report.text import (
    before,
    days,
    declared_by,
    lineage,
    percent,
    place,
    rate,
    safe,
    span,
    wrapped,
)
from provenance.report.text import number as counted
from provenance.verdict import COMMON, is_common, score

_MOST_RENAMES = 12


@dataclass(frozen=True, slots=True)
class Quoted:
    """What an explanation quotes: ``suspect`` is the scanned file's text, ``references`` those of
    reference files by (package, version, path), ``spread`` how many families have what stands on
    a line, of ``families``."""

    suspect: str | None
    references: Mapping[tuple[str, str, str], str]
    spread: Mapping[int, int]
    families: int


def explain(
    report: Report,
    file: FileResult,
    quoted: Quoted,
    *,
    line: int | None = None,
    width: int = 80,
    styled: bool = False,
) -> str:
    """Explain the findings of a file.

    Args:
        report: of a scan.
        file: the file of it to explain.
        quoted: the text of both sides, as far as it is at hand.
        line: only the findings at this line, and only the lines around it.
        width: columns, at least 40.
        styled: whether renamed words may be underlined by escape codes.
    """
    lines = _explained(report, file, quoted, line, max(40, width), styled)
    return "\n".join(lines) + "\n"


def _explained(
    report: Report, file: FileResult, quoted: Quoted, line: int | None, width: int, styled: bool
) -> Iterator[str]:
    yield from wrapped(f"{safe(file.path)}  {file.verdict}", width, "")
    if file.identical:
        yield from _identical(file.identical, width)
        return
    found = [one for one in report.findings if one.suspect.path == file.path]
    shown = found
    if line is not None:
        shown = [one for one in found if one.suspect.start_line <= line <= one.suspect.end_line]
        shown.sort(key=lambda one: one.suspect.end_line - one.suspect.start_line)
        if shown and shown[0].suspect.kind != "module":  # of whose body the line is no part
            shown = [one for one in shown if one.suspect.kind != "module"]
    telling = [one for one in shown if one.verdict != "common"] if line is None else shown
    yield from _file(file, width)
    for notice in file.notices:
        yield from _fact(f"notices of {safe(notice.origin)}", _notice(notice), width, "  ")
    for use in file.uses:
        if line in (None, use.line):
            text = f"line {use.line} uses {safe(use.title)}: {safe(use.kind)} {safe(use.target)}"
            yield from wrapped(text, width, "  ")
    if not telling:
        where = f"line {line}" if line is not None else "the file"
        yield from wrapped(
            f"Nothing of the indexed code was found at {where} that could be explained"
            + ("; what was found is common" if shown or (found and line is None) else "")
            + ".",
            width,
            "",
        )
        if line is not None and found:
            yield from wrapped("Found in this file: " + _listed(found), width, "")
    for finding in telling:
        yield ""
        yield from _finding(report, finding, quoted, line, width, styled)
    common = [one for one in found if one.verdict == "common"] if line is None else []
    if common and telling:
        yield ""
        yield from wrapped("Discounted as common, and not shown: " + _listed(common), width, "")


def _listed(findings: Sequence[Finding]) -> str:
    ordered = sorted(findings, key=lambda one: one.suspect.start_line)
    return ", ".join(
        f"{safe(one.suspect.name)} ({span(one.suspect.start_line, one.suspect.end_line)}, in "
        f"{counted(one.families, 'family', 'families')})"
        for one in ordered
    )


def _identical(same: Identity, width: int) -> Iterator[str]:
    how = "byte for byte" if same.exact else "but for layout, comments and annotations"
    text = f"It is a reference file, {how}: {safe(same.path)} of {safe(same.package)}"
    if same.versions:
        text += f" {safe(', '.join(same.versions))}"
    yield from wrapped(text + (f"; {safe(same.license)}" if same.license else ""), width, "  ")
    yield from wrapped(_dates(same), width, "  ")
    if same.also:
        yield from wrapped("also in: " + safe(", ".join(same.also)), width, "  ")


def _file(file: FileResult, width: int) -> Iterator[str]:
    parts = [f"{percent(one.share)} {safe(one.origin)}" for one in file.composition[:6]]
    parts += [f"{percent(file.common)} common"] if file.common else []
    text = "of the file: " + ", ".join([*parts, f"{percent(file.novel)} own"])
    if file.false_alarm_rate is not None and file.composition:
        text += (
            f"; {rate(file.false_alarm_rate)} of unrelated families explain as much of a "
            "file of this size"
        )
    yield from wrapped(text, width, "  ")


# --- one finding --------------------------------------------------------------------------


def _finding(
    report: Report,
    finding: Finding,
    quoted: Quoted,
    line: int | None,
    width: int,
    styled: bool,
) -> Iterator[str]:
    reference = finding.reference
    release = reference.package + (f" {reference.version}" if reference.version else "")
    yield from wrapped(f"{safe(finding.suspect.name)}  {place(finding)}", width, "")
    yield from wrapped(
        f"<- {safe(reference.origin)}  {safe(reference.name)}  "
        f"lines {span(reference.start_line, reference.end_line)}",
        width,
        "   ",
    )
    yield from wrapped(f"{safe(release)} {safe(reference.path)}", width, "      ")
    if reference.link:
        yield f"      {safe(reference.link)}"
    if line is not None:
        yield from wrapped(_of_line(finding, quoted, line), width, "   ")
    facts = (
        ("matched", [_matched(finding)]),
        ("renamed", [_renamed(finding)]),
        ("counts", [_counts(finding, quoted)]),
        ("dates", [_dates(finding)]),
        ("for", _for(finding)),
        ("against", _against(report, finding, quoted)),
        ("who else", [lineage(finding) or "no other origin is as close"]),
        ("chain", [before(finding)]),
    )
    for title, texts in facts:
        yield from _fact(title, texts, width, "   ")
    yield ""
    key = (reference.package, reference.version or "", reference.path)
    yield from both_sides(
        finding,
        quoted.suspect,
        quoted.references.get(key),
        _discounted(finding, quoted),
        line=line,
        width=width,
        styled=styled,
    )


def _fact(title: str, texts: Sequence[str], width: int, indent: str) -> Iterator[str]:
    """One text behind its title, several below it."""
    if len(texts) == 1 and texts[0]:
        yield from wrapped(f"{title}: {texts[0]}", width, indent)
    elif len(texts) > 1:
        yield f"{indent}{title}:"
        for text in texts:
            yield from wrapped(f"- {text}", width, indent + "  ")


def _matched(finding: Finding) -> str:
    kinds = {
        "type-1": "equal but for layout, comments, docstrings and annotations",
        "type-2": "equal but for names or literals",
        "type-3": "with statements added, removed or changed",
        "fragment": "in part: most of it is something else",
    }
    whole = finding.suspect.kind if finding.suspect.kind != "nested" else "nested function"
    return (
        f"this {whole} and that, {kinds[finding.clone_type]} ({finding.clone_type}); "
        f"{counted(finding.matched, 'element')} of the two syntax trees are paired, "
        f"{percent(finding.same_text)} of them as written, marks of families aside, in "
        f"{counted(len(finding.blocks), 'block')} of lines: "
        f"{percent(finding.suspect_containment)} of this, "
        f"{percent(finding.reference_containment)} of that, "
        f"resemblance {score(finding.resemblance)}"
    )


def _renamed(finding: Finding) -> str:
    parts = [
        f"{safe(one.reference)} -> {safe(one.suspect)} ({one.places})"
        for one in finding.renames[:_MOST_RENAMES]
    ]
    more = len(finding.renames) - _MOST_RENAMES
    return ", ".join(parts) + (f" and {more} more" if more > 0 else "")


def _paired(finding: Finding) -> set[int]:
    return {
        number for one in finding.blocks for number in range(one.suspect_start, one.suspect_end + 1)
    }


def _discounted(finding: Finding, quoted: Quoted) -> set[int]:
    """Paired lines that so many families have that they tell no origin."""
    return {
        number
        for number in _paired(finding)
        if is_common(quoted.spread.get(number, 0), quoted.families)
    }


def _counts(finding: Finding, quoted: Quoted) -> str:
    paired, common = _paired(finding), _discounted(finding, quoted)
    text = f"{len(paired) - len(common)} of {counted(len(paired), 'paired line')}"
    if common:
        text += (
            f"; {len(common)} are marked '.' and discounted: more than {percent(COMMON)} of the "
            f"{quoted.families:,} families have what stands there"
        )
    text += (
        f"; the whole is in {counted(finding.families, 'family', 'families')} of "
        f"{quoted.families:,}, rarity {score(finding.rarity)}"
    )
    if finding.verdict == "common":
        text += ": common, it counts for no origin"
    return text


def _dates(dated: Finding | Identity) -> str:
    reference = dated.reference if isinstance(dated, Finding) else dated
    text = days(reference, dated.seen, dated.direction)
    text = text or "when the reference was first seen is not known"
    if dated.seen.source == "none":
        text += "; since when this is here is not known (--suspect-date says it)"
    if dated.seen.source == "git":
        text += "; either clock of git can be set by hand, and lines touched or copied later look"
        text += " younger"
    return text


def _for(finding: Finding) -> list[str]:
    """What makes derivation likelier."""
    said = [f"the verdict is {finding.verdict}, {finding.attribution}"]
    if finding.verdict == "derived":
        said[0] += " (consistent with derivation from an earlier source, no proof of it)"
    if finding.false_alarm_rate is not None and finding.percentile is not None:
        said.append(
            f"it scores higher than {_finest(finding.percentile)} % of pairs of unrelated code "
            f"of its size; {rate(finding.false_alarm_rate)} of unrelated families reach it"
        )
    if finding.direction == "older":
        said.append("the reference is older")
    if text := declared_by(finding):
        said.append(text)
    return said


def _finest(share: float) -> str:
    """Per cent to four digits; never 100 for less than all."""
    return f"{100 * share:.4g}" if share <= 0.9999 or share == 1 else ">99.99"


def _against(report: Report, finding: Finding, quoted: Quoted) -> list[str]:
    """What makes it less likely, or less sure."""
    said: list[str] = []
    rest = 1 - finding.suspect_containment
    if rest > 0:
        said.append(f"{percent(rest)} of it is not in the reference")
    if finding.also:
        others = counted(len(finding.also), "other origin")
        said.append(f"the text cannot tell the named origin from {others}")
    if finding.false_alarm_rate is None:
        said.append("no rate: only a part was found, or the index has no baseline")
    elif finding.false_alarm_rate * quoted.families >= 1:
        expected = finding.false_alarm_rate * quoted.families
        said.append(
            f"by chance about {expected:.0f} of {quoted.families:,} unrelated families score so "
            "high"
        )
    if _discounted(finding, quoted):
        said.append("a part of it is common")
    if finding.direction == "younger":
        said.append("the reference is younger, as far as is indexed")
    elif finding.direction == "same":
        said.append("both are of the same days")
    elif finding.direction == "unknown":
        said.append("which side is older is not known")
    if report.history:
        said.append(f"days of git are missing: {safe(report.history)}")
    said.append("both may follow a third source that is not indexed")
    return said


def _notice(notice: Notice) -> list[str]:
    said = []
    if notice.also:
        others = counted(len(notice.also), "other origin")
        said.append(f"as close in {others}, whose notices may be others")
    for names, what in (
        (notice.missing_holders, "missing holders"),
        (notice.new_holders if notice.replaced else (), "named instead"),
        (notice.kept_holders, "kept holders"),
        (notice.missing_licenses, "missing licences"),
    ):
        if names:
            said.append(f"{what}: {safe(', '.join(names))}")
    said += [f"{safe(one.path)} line {one.line}: {safe(one.text)}" for one in notice.elsewhere]
    return said + [f"its licence asks: {safe(duty)}" for duty in notice.duties]


def _of_line(finding: Finding, quoted: Quoted, line: int) -> str:
    """Whether and with what one line is paired."""
    for one in finding.blocks:
        if one.suspect_start <= line <= one.suspect_end:
            there = span(one.reference_start, one.reference_end)
            here = span(one.suspect_start, one.suspect_end)
            text = f"line {line} is in the block {here} = {there}"
            count = quoted.spread.get(line)
            if count is None:
                return text
            common = is_common(count, quoted.families)
            if common and count >= quoted.families:
                return f"{text}; what stands there is too frequent to be counted: discounted"
            held = counted(count, "family", "families") + (": discounted" if common else "")
            return f"{text}; {held} of {quoted.families:,} have what stands there"
    return f"line {line} is paired with nothing: it is this file's own, or changed"
