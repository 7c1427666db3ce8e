"""Why a family is named for a unit, or is not: which are nearest, what they score, and what speaks
for and against each. For a terminal; pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from provenance.model import FileResult, Finding, Near, Report, Scores, UnitWeighed, Weighed
from provenance.report.text import number, percent, rate, safe, span, wrapped
from provenance.verdict import ALIKE, score

_SOME = 0.25
"""Score below which a unit that is nearest speaks neither for nor against: a choice."""
_LISTED = ("named", "as close", "lower", "part", "below", "not compared", "alone", "hidden")


def of_file(report: Report, file: FileResult, units: Sequence[UnitWeighed], *, width: int) -> str:
    """A file, and in short what each of its units says of the families in question.

    Args:
        report: of a scan.
        file: of it.
        units: of the file; none for its first line alone.
        width: columns, at least 40.
    """
    lines = list(wrapped(f"{safe(file.path)}  {file.verdict}", max(40, width), ""))
    for unit in units:
        lines += _short(report, unit, max(40, width))
    counted: dict[str, Counter[str]] = {}
    for unit in units:
        for one in unit.weighed:
            counted.setdefault(one.family, Counter())[one.reason] += 1
    if units:
        lines.append("")
    for family, reasons in sorted(counted.items()):
        listed = [*_LISTED, *sorted(set(reasons) - set(_LISTED))]
        parts = [f"{reasons[one]} {one}" for one in listed if reasons[one]]
        text = f"{safe(family)}: of {number(len(units), 'unit')} {', '.join(parts)}"
        lines += wrapped(text, max(40, width), "")
    return "\n".join(lines) + "\n"


def of_unit(report: Report, unit: UnitWeighed, *, width: int) -> str:
    """A unit: which families are nearest to it, and why those in question are named or not.

    Args:
        report: of a scan.
        unit: of a file of it.
        width: columns, at least 40.
    """
    return "\n".join(_unit(report, unit, max(40, width))) + "\n"


def _unit(report: Report, unit: UnitWeighed, width: int) -> Iterator[str]:
    what = "module body" if unit.kind == "module" else f"{unit.kind} {safe(unit.name)}"
    where = span(unit.start_line, unit.end_line)
    lines = f"line{'s' * (unit.end_line > unit.start_line)} {where}"
    yield from wrapped(f"{what}, {lines}, {number(unit.elements, 'element')}", width, "")
    yield from wrapped(_said(unit), width, "  ")
    evidence = dict(unit.evidence)
    if unit.nearest:
        yield from wrapped(
            "nearest families of those that were compared, by score, (structure + 2 text) / 3; "
            "with how much of the file's evidence each is near to:",
            width,
            "  ",
        )
    for one in unit.nearest:
        text = f"{score(one.scores.score)}  {safe(one.origin)} {safe(one.name)}{_rank(unit, one)}"
        yield from wrapped(text, width, "  ")
        yield from wrapped("; ".join(_facts(one, evidence)), width, "        ")
    for said in unit.weighed:
        yield ""
        yield from _weighed(report, unit, said, width)


def _said(unit: UnitWeighed) -> str:
    """What is named for the unit, or that nothing is, and why."""
    found = unit.finding
    if found is not None:
        text = f"named: {safe(found.reference.origin)} {safe(found.reference.name)}"
        if found.scores is None:
            return f"{text}, for a part of it"
        text += f", score {_scores(found.scores)}; {found.verdict}"
        return text + (f", as close in {len(found.also)} more" if found.also else "")
    if unit.around is not None:
        reference = unit.around.reference
        return (
            f"nothing is named for it alone: it is a part of {safe(unit.around.suspect.name)}, for "
            f"which {safe(reference.origin)} {safe(reference.name)} is named"
        )
    text = f"nothing is named for it: {_needed(unit.needed)}"
    if not unit.nearest:
        return f"{text}; the indexes proposed nothing"
    text += f"; the nearest has {_scores(unit.nearest[0].scores)}"
    if unit.rate is not None:
        text += f"; {rate(unit.rate)} of unrelated families score as high"
    return text


def _needed(needed: tuple[float, float]) -> str:
    """What is reported of a unit of that size; of a small one, equal structure tells nothing."""
    least = "" if needed[0] >= 1 else f"structure from {needed[0]:.2f} on, or "
    return f"of a unit of its size {least}text from {needed[1]:.2f} on is reported"


def _scores(scores: Scores) -> str:
    return f"{score(scores.score)} (structure {score(scores.structure)}, text {score(scores.text)})"


def _rank(unit: UnitWeighed, one: Near) -> str:
    """Whether a family near to a unit is the named one, or as close."""
    found = unit.finding
    if found is None or found.scores is None:
        return ""
    if one.family == found.reference.family:
        return ": named"
    if any(other.origin in found.also and other.family == one.family for other in unit.nearest):
        return ": as close"
    return f": {found.scores.score - one.scores.score:.2f} lower"


def _facts(one: Near, evidence: dict[str, float]) -> list[str]:
    facts = [f"structure {score(one.scores.structure)}, text {score(one.scores.text)}"]
    if one.first_seen:
        facts.append(f"first seen {one.first_seen}")
    return [*facts, f"{percent(evidence.get(one.family, 0.0))} of the evidence"]


# --- one family ---------------------------------------------------------------------------


def _weighed(report: Report, unit: UnitWeighed, said: Weighed, width: int) -> Iterator[str]:
    yield from wrapped(f"{safe(said.family)}, {safe(said.title)}: {said.reason}", width, "  ")
    near = said.near
    if near is not None:
        release = said.package + (f" {said.version}" if said.version else "")
        where = span(said.start_line, said.end_line)
        yield from wrapped(
            f"its unit that is nearest: {safe(near.origin)} {safe(near.name)}, lines {where} of "
            f"{safe(release)} {safe(near.path)}"
            + (f", first seen {near.first_seen}" if near.first_seen else ""),
            width,
            "    ",
        )
        yield from wrapped(
            f"score {_scores(near.scores)}; paired: {percent(said.suspect_containment)} of this in "
            f"that, {percent(said.reference_containment)} of that in this, resemblance "
            f"{score(said.resemblance)}",
            width,
            "    ",
        )
    yield from wrapped(f"why: {_why(report, unit, said)}", width, "    ")
    if said.hidden is not None and said.reason != "hidden":
        yield from wrapped(f"besides: {_concealed(report, said.hidden)}", width, "    ")
    for title, texts in (("for", _for(unit, said)), ("against", _against(unit, said))):
        if texts:
            yield from wrapped(f"{title}: {'; '.join(texts)}", width, "    ")


def _why(report: Report, unit: UnitWeighed, said: Weighed) -> str:
    found, near = unit.finding, said.near
    if said.reason == "hidden":
        if said.hidden is None:
            return "the indexes have no unit of it"
        return f"nothing of it may be seen; {_concealed(report, said.hidden)}"
    if said.reason in ("named", "as close"):
        return _why_close(unit, said)
    if said.reason == "lower" and near and found and found.scores:
        less = found.scores.score - near.scores.score
        words = f"{abs(less):.2f} {'less' if less >= 0 else 'more'} than"
        told = f"; up to {ALIKE} would not tell the two apart" if less > ALIKE else ""
        if less <= ALIKE and found.scores.structure == 1:
            same = "text" if found.scores.text == 1 else "structure"
            told = f", and the very {same} of this unit: where something has that, nothing else is "
            told += "named"
        return (
            f"it scores {'as much as' if round(less, 2) == 0 else words} what is named, "
            f"{safe(found.reference.origin)} {safe(found.reference.name)} with "
            f"{_scores(found.scores)}{told}"
        )
    if said.reason == "tiny":
        return "so small a unit is not looked up"
    if near is None:
        return "none of its units has anything in common with this one"
    if said.reason == "below":
        text = f"too little is alike: {_needed(said.needed)}"
        if said.false_alarm_rate is not None:
            text += f"; {rate(said.false_alarm_rate)} of unrelated families score as high"
        return text
    if said.reason == "alone":
        return (
            "what is alike is so small, or alike in structure only, that it may be chance, and "
            "nothing else in the file speaks for an origin of it"
        )
    if said.reason == "inside" and unit.around is not None:
        return (
            f"it is a part of {safe(unit.around.suspect.name)}, which is explained as a whole by "
            f"{safe(unit.around.reference.origin)}"
        )
    if said.reason == "part":
        return "only a part of this unit is explained, by another family"
    return (
        "it is near enough, but was not among the units that the index proposed for this one: it "
        "shares too few rare runs with it"
    )


def _why_close(unit: UnitWeighed, said: Weighed) -> str:
    found = unit.finding
    if said.reason == "named" or found is None:
        return (
            "it is named: of what scores nearly the same it explains more of the file, is older or "
            "more widely shared"
        )
    named, evidence = found.reference.family, dict(unit.evidence)
    return (
        f"the text cannot tell it from {safe(named)}, which is named: of such families the one "
        "that is near to more of the file's evidence, is older or more widely shared "
        f"({safe(named)} {percent(evidence.get(named, 0.0))}, {safe(said.family)} "
        f"{percent(said.evidence)} of the evidence)"
    )


def _concealed(report: Report, one: Near) -> str:
    text = f"{safe(one.origin)} {safe(one.name)} has {_scores(one.scores)}"
    if report.as_of and one.first_seen and one.first_seen >= report.as_of:
        return f"{text}, but is hidden as of {report.as_of}: first seen {one.first_seen}"
    return f"{text}, but is hidden by --exclude-origin"


def _for(unit: UnitWeighed, said: Weighed) -> list[str]:
    texts = []
    if said.evidence:
        texts.append(f"near to {percent(said.evidence)} of the file's evidence")
    found, near = unit.finding, said.near
    if found is not None and near is not None and said.reason != "named":
        first = found.reference.first_seen
        if first and near.first_seen and near.first_seen < first:
            texts.append(f"seen before what is named ({first})")
    if found is not None:
        texts += _lines_that_say(found, said.family)
    if near and near.scores.score >= _SOME and said.families == 1:
        texts.append("no other family has this very unit")
    return texts


def _lines_that_say(found: Finding, family: str) -> list[str]:
    return [
        f"{safe(one.path)} line {one.line} names it"
        for one in found.declarations[:2]
        if one.family == family
    ]


def _against(unit: UnitWeighed, said: Weighed) -> list[str]:
    texts = []
    if not said.evidence and said.reason != "hidden":
        texts.append("near to none of the file's evidence")
    found, near = unit.finding, said.near
    if near is None:
        return texts
    if found is not None and said.reason != "named":
        first = found.reference.first_seen
        if first and near.first_seen and near.first_seen > first:
            texts.append(f"seen after what is named ({first})")
    if near.scores.score >= _SOME and said.families > 1:
        texts.append(f"{said.families} families have this very unit")
    rest = 1 - said.suspect_containment
    if rest > 0:
        texts.append(f"{percent(rest)} of this is not in that")
    if said.reason != "below" and said.false_alarm_rate is not None:
        texts.append(f"{rate(said.false_alarm_rate)} of unrelated families score as high")
    return texts


def _short(report: Report, unit: UnitWeighed, width: int) -> Iterator[str]:
    """A unit in two lines or three."""
    found = unit.finding
    named = "nothing named"
    if found is not None:
        named = f"{safe(found.reference.origin)} {safe(found.reference.name)}"
        named += f" {score(found.scores.score)}" if found.scores else ", a part"
    where = span(unit.start_line, unit.end_line)
    name = "module body" if unit.kind == "module" else safe(unit.name)
    yield from wrapped(f"{name} ({where}): {named}", width, "  ")
    for said in unit.weighed:
        near = said.near or said.hidden
        text = f"{safe(said.family)}: {said.reason}"
        if near is not None:
            text += f", {safe(near.name)} {_scores(near.scores)}"
        if said.reason == "below" and said.false_alarm_rate is not None:
            text += f"; {rate(said.false_alarm_rate)} of unrelated families score as high"
        yield from wrapped(text, width, "    ")
