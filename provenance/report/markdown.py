"""The audit as Markdown (GitHub Flavored), for a job summary or a comment on a pull request.

Pure. GitHub takes a comment of 65,536 characters and a job summary of 1 MiB; the text fits both,
and says what it leaves out. What was scanned stands in code spans, where no mark, link, mention
or tag has a meaning; whatever else comes from outside is escaped sign by sign.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from provenance.model import Audit, FileResult, Ruling
from provenance.report.evidence import (
    breaks_nothing,
    evidence,
    files_of,
    identity_of,
    place,
    shortened,
    subject,
)
from provenance.report.json import counts
from provenance.report.rules import (
    RULES,
    broken,
    excused,
    lessens,
    own_references,
    undated,
)
from provenance.report.text import limited, number, safe

MOST = 65_000
"""Characters; GitHub refuses a comment of more than 65,536."""
_RESERVED = 1_000
_MOST_SPAN = 300
_MOST_PROSE = 600
_MOST_LISTED = 20


def markdown(audit: Audit, *, most: int = MOST) -> str:
    """The audit as Markdown of at most ``most`` characters (at least 5,000): what fails it in
    full, then what does not, as far as there is room."""
    files = files_of(audit)
    failures = audit.failures
    lines = _cut(_head(audit, failures), most // 2)
    room = most - _RESERVED - sum(len(line) + 1 for line in lines)
    failing = set(map(id, failures))
    known = [one for one in audit.rulings if one.status == "known"]
    other = [
        one
        for one in audit.rulings
        if id(one) not in failing and one.status != "known" and not breaks_nothing(one)
    ]
    allowed = [one for one in audit.rulings if one.status != "known" and breaks_nothing(one)]
    parts: tuple[tuple[str, Sequence[Ruling], bool], ...] = (
        ("Fails the audit", failures, True),
        ("To look at", other, True),
        ("Known to the baseline", known, False),
        ("Breaks no rule", allowed, False),
    )
    for title, rulings, full in parts:
        if not rulings:
            continue
        blocks = (_full(one, files) if full else [_line(one, files)] for one in rulings)
        opened = _opened(title, len(rulings), full)
        made, room = _fitting(opened, blocks, len(rulings), room, full)
        lines += made
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(audit: Audit, failures: Sequence[Ruling]) -> Iterator[str]:
    if audit.incomplete:
        yield "### Provenance: the audit was not completed"
    elif failures:
        yield f"### Provenance: {number(len(failures), 'finding fails', 'findings fail')}"
    else:
        yield "### Provenance: nothing new fails"
    yield ""
    for words in audit.incomplete[:_MOST_LISTED]:
        yield f"- **not completed**: {prose(words)}"
    if (more := len(audit.incomplete) - _MOST_LISTED) > 0:
        yield f"- and {more:,} more"
    if audit.incomplete:
        yield ""
    total = counts(audit.report)
    by_rule = Counter(one.rule for one in failures)
    yield (
        f"Scanned {number(total['files'], 'file')} ({number(total['lines'], 'line')}): "
        f"{number(len(audit.rulings), 'result')}, {len(failures):,} new and failing, "
        f"{sum(one.status == 'known' for one in audit.rulings):,} known to the baseline, "
        f"{len(audit.fixed):,} fixed, {number(total['skipped'], 'file')} skipped."
    )
    yield ""
    for who, less in lessens(audit):
        named = "; ".join(f"{key} {', '.join(map(code, values))}" for key, values in less)
        yield f"{prose(who)}: {named}."
        yield ""
    if words := broken(audit):
        yield prose(words)
        yield ""
    if words := own_references(audit):
        yield prose(words)
        yield ""
    if words := excused(audit):
        yield words
        yield ""
    if words := undated(audit):
        yield prose(words)
        yield ""
    if words := limited(audit.report):
        yield words
        yield ""
    if by_rule:
        yield "| rule | failing | means |"
        yield "|---|---:|---|"
        for rule, said in RULES.items():
            if by_rule[rule]:
                yield f"| {rule} | {by_rule[rule]:,} | {said.short} |"
        yield ""
    if audit.rulings:
        yield (
            "A match is consistent with derivation from an earlier source; it is no proof. "
            "Lay the lines side by side before you judge."
        )
        yield ""
    if audit.fixed:
        names = [f"{code(one.name)} in {code(one.path)}" for one in audit.fixed[:_MOST_LISTED]]
        more = len(audit.fixed) - _MOST_LISTED
        yield f"Fixed: {', '.join(names)}" + (f" and {more:,} more" if more > 0 else "") + "."
        yield ""
    if audit.report.skipped:
        yield "Skipped:"
        yield ""
        for skipped in audit.report.skipped[:_MOST_LISTED]:
            yield f"- {code(skipped.path)}: {prose(skipped.reason)}"
        if (more := len(audit.report.skipped) - _MOST_LISTED) > 0:
            yield f"- and {more:,} more"
        yield ""


def _cut(lines: Iterator[str], room: int) -> list[str]:
    """The lines that fit into so many characters; that some do not is said."""
    kept, left = [], 0
    for line in lines:
        if len(line) < room:
            room -= len(line) + 1
            kept.append(line)
        else:
            left += 1
    note = f"Left out here: {number(left, 'line')}; the other reports have all of them."
    return [*kept, *(["", note, ""] if left else [])]


def _opened(title: str, count: int, full: bool) -> list[str]:
    if full:
        return [f"#### {title}: {count:,}", ""]
    return ["<details>", f"<summary>{title}: {count:,}</summary>", ""]


def _fitting(
    opened: list[str], blocks: Iterator[list[str]], count: int, room: int, full: bool
) -> tuple[list[str], int]:
    """The blocks that fit into so many characters, and the characters left."""
    lines = list(opened)
    used = sum(len(line) + 1 for line in lines)
    shown = 0
    for block in blocks:
        size = sum(len(line) + 1 for line in block)
        if used + size > room:
            break
        lines += block
        used += size
        shown += 1
    if shown < count:
        more = f"- left out here: {count - shown:,} more; the other reports have all of them"
        lines += [more]
    end = [""] if full else ["", "</details>", ""]
    return [*lines, *end], max(0, room - used)


def _full(ruling: Ruling, files: dict[str, FileResult]) -> list[str]:
    shown = [
        f"- **{ruling.rule}** {code(subject(ruling, files))} in {code(ruling.path)}, "
        + place(ruling),
        "",
        f"  {prose(ruling.message)}",
        "",
    ]
    if ruling.remedy:
        shown += [f"  *What to do:* {prose(ruling.remedy)}", ""]
    shown += ["  <details><summary>Evidence</summary>", ""]
    for label, value in evidence(ruling, identity_of(ruling, files)):
        shown.append(f"  - {label}: {code(value)}")
    return [*shown, "", "  </details>", ""]


def _line(ruling: Ruling, files: dict[str, FileResult]) -> str:
    finding, same = ruling.finding, identity_of(ruling, files)
    verdict = f", {finding.verdict}, {finding.attribution}" if finding else ""
    if same:
        verdict = f", {files[ruling.path].verdict}, {same.attribution}"
    said = code(ruling.origin) + verdict
    if finding and finding.verdict == "common":  # it tells no origin
        said = f"common, in {number(finding.families, 'family', 'families')}"
    return (
        f"- {code(subject(ruling, files))} in {code(ruling.path)}, {place(ruling)}: "
        f"{said} ({code(ruling.id)})"
    )


# --- escaping ----------------------------------------------------------------------------


def code(text: str) -> str:
    """Text of a scanned tree as a code span (CommonMark 6.1): its fence is longer than any run of
    backticks inside."""
    shown = shortened(safe(text), _MOST_SPAN)
    if not shown.strip():
        return "(blank)"
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def prose(text: str) -> str:
    """Text with names of a scanned tree in it as plain words: every mark is escaped, and what
    GitHub makes a mention or a reference of stands in a code span."""
    shown = shortened(" ".join(safe(text).split()), _MOST_PROSE)
    escaped = re.sub(r"[@#]+|[!-/:-@\[-`{-~]", lambda found: _escaped(found[0]), shown)
    return escaped or "(blank)"


def _escaped(mark: str) -> str:
    """``@`` and ``#`` have a meaning for GitHub even where they are escaped."""
    if mark[0] in "@#":
        return f"`{mark}`"
    return mark if mark in ",'()" else f"\\{mark}"
