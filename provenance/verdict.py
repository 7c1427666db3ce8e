"""verdict: what may be said of a finding, and from which false-alarm rate on. Pure.

The only place that holds the thresholds. A verdict is no accusation: the strongest of them says
that the evidence is *consistent with derivation from* an earlier source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from math import floor, log
from typing import TYPE_CHECKING

from provenance.model import (
    Block,
    DaySource,
    Direction,
    FileResult,
    Finding,
    LineDay,
    SuspectSeen,
    Verdict,
)

if TYPE_CHECKING:
    from provenance.null import Baseline

ORDER: tuple[Verdict, ...] = ("clear", "common", "resembles", "derived")
COMMON = 0.05
"""Share of an index's families beyond which what they share is *common*: it tells no origin. In
transformers 4.57.1 the null moves little between 2 % and 10 % (benchmarks/README.md)."""
LEAST_FAMILIES = 3
"""What fewer families share is common in no index, however small it is."""
ALIKE = 0.02
"""Scores that differ by less than this do not tell two origins apart; a choice, as is ``TWIN`` of
``finding``."""
DERIVED = 0.001
"""A unit, or a file, that scores so high is *derived* where at most one of a thousand unrelated
pairs does."""
SUPPORTED = 0.01
"""A unit that scores higher than 99 % of the unrelated pairs is *derived* too where the family
explains so much of the file that at most ``FILE`` of unrelated pairs of files do."""
FILE = 0.01


def rarity(families: int, of: int) -> float:
    """How telling it is that so many of all families have something, in [0, 1]: 1 for one, 0 for
    all of them; logarithmic, as the weight of a term by its document frequency."""
    if of < 2:
        return 1.0
    return max(0.0, 1 - log(max(1, families)) / log(of))


def rate(null: float, families: int, of: int) -> float:
    """The false-alarm rate of a score that ``families`` of all families reach: how likely one
    unrelated family has something that scores so high."""
    return max(null, (families - 1) / max(1, of))


def is_common(families: int, of: int) -> bool:
    """Whether so many families have it that it tells no origin."""
    return families >= LEAST_FAMILIES and families > COMMON * of


def judged(
    findings: Sequence[Finding], shares: Mapping[str, float], elements: int, null: Baseline | None
) -> tuple[Finding, ...]:
    """The findings of one file with their verdicts.

    Args:
        findings: with whether they are common, and their rates: what has none, a part of a unit
            or a finding in an index without a baseline, resembles at most.
        shares: how much of the file each family explains that is not common, by the family's
            name, in [0, 1].
        elements: of the file.
        null: of the library.
    """
    said: list[Finding] = []
    for finding in findings:
        verdict: Verdict = "resembles"
        if finding.verdict == "common":
            verdict = "common"
        elif finding.false_alarm_rate is not None and null is not None:
            of_file = null.false_alarm_rate(
                shares.get(finding.reference.family, 0.0), elements, "file"
            )
            supported = finding.false_alarm_rate <= SUPPORTED and of_file <= FILE
            if finding.false_alarm_rate <= DERIVED or supported:
                verdict = "derived"
        same = verdict == finding.verdict
        said.append(finding if same else replace(finding, verdict=verdict))
    return tuple(said)


def of_file(file: FileResult, findings: Iterable[Finding]) -> Verdict:
    """The strongest verdict of a file's findings. A file that is a reference file is derived,
    but where that is younger: then it resembles it."""
    if file.identical:
        return "resembles" if file.identical.direction == "younger" else "derived"
    return max((finding.verdict for finding in findings), key=ORDER.index, default="clear")


def of_file_rates(
    shares: Mapping[str, float], elements: int, null: Baseline | None
) -> tuple[float | None, float | None]:
    """Percentile and false-alarm rate of a file, by the share that the family which explains most
    of it explains; None without a baseline.

    Args:
        shares: as for ``judged``.
        elements: of the file.
        null: of the library.
    """
    if null is None:
        return None, None
    if not shares:  # below which there is nothing
        return 0.0, 1.0
    most = max(shares.values())
    percentile = null.percentile(most, elements, "file")
    return round(percentile, 6), round(null.false_alarm_rate(most, elements, "file"), 6)


def score(value: float) -> str:
    """A resemblance or score, to two digits behind the point; never 0 for something nor 1 for what
    is not equal."""
    if 0 < value < 0.01:
        return "<0.01"
    return ">0.99" if 0.99 < value < 1 else f"{floor(100 * value + 0.5) / 100:.2f}"


# --- days ---------------------------------------------------------------------------------

DAYS = 2
"""Days further apart than this are not the same: each is a day either way."""
MOST_LINES = 0.75
"""Share of a finding's lines that must be on one side of the reference's first day, by the
authors' and by the committers' clocks, for git to tell a direction. A choice: lines touched
later look younger than they are, and a stub that was filled later looks older."""


def directed(
    findings: Iterable[Finding],
    day: str | None,
    source: DaySource = "given",
    lines: Mapping[str, Mapping[int, LineDay]] | None = None,
) -> Iterator[Finding]:
    """The findings with since when the suspect is as it is, and whether the reference is older.
    What is younger is no earlier source: nothing is *derived* from it.

    Args:
        findings: with the first days of their references.
        day: of the whole source; None where it is not known.
        source: where that day comes from.
        lines: by path, the days of lines; they rule where a finding has any.
    """
    for finding in findings:
        reference = finding.reference
        paired = sorted({n for one in finding.blocks for n in _lines_of(one)})
        known = (lines or {}).get(finding.suspect.path, {})
        seen, direction = _since(
            paired, known, (day, source), reference.first_seen, reference.absent_before
        )
        yield turned(finding, seen, direction)


def turned(finding: Finding, seen: SuspectSeen, direction: Direction) -> Finding:
    """A finding with since when the suspect is as it is, and on which side the reference is. What
    is no longer derived has no chain: that of a younger reference leads to no source."""
    verdict, chain = finding.verdict, finding.chain
    if direction == "younger" and verdict == "derived":
        verdict, chain = "resembles", ()
    if (seen, direction, verdict) == (finding.seen, finding.direction, finding.verdict):
        return finding
    return replace(finding, seen=seen, direction=direction, verdict=verdict, chain=chain)


def of_files(
    files: Iterable[FileResult],
    findings: Iterable[Finding],
    day: str | None,
    source: DaySource = "given",
    lines: Mapping[str, Mapping[int, LineDay]] | None = None,
) -> Iterator[FileResult]:
    """The files, with the verdicts that their findings have now; of those that are reference
    files, with since when they are as they are, and whether the reference is older.

    Args:
        files: in any order.
        findings: of them, ``directed``.
        day: as for ``directed``, like ``source`` and ``lines``.
    """
    dated = []
    for file in files:
        if same := file.identical:
            known = (lines or {}).get(file.path, {})
            seen, direction = _since(
                range(1, file.lines + 1), known, (day, source), same.first_seen, same.absent_before
            )
            file = replace(file, identical=replace(same, seen=seen, direction=direction))
        dated.append(file)
    return ruled(dated, findings)


def ruled(files: Iterable[FileResult], findings: Iterable[Finding]) -> Iterator[FileResult]:
    """The files, with the verdicts that their findings and their own days have now."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.suspect.path, []).append(finding)
    for file in files:
        verdict = of_file(file, found.get(file.path, ()))
        yield file if verdict == file.verdict else replace(file, verdict=verdict)


def _since(
    lines: Sequence[int],
    known: Mapping[int, LineDay],
    given: tuple[str | None, DaySource],
    first: str | None,
    before: str | None,
) -> tuple[SuspectSeen, Direction]:
    """Since when some lines are as they are, and whether a reference is older.

    Args:
        lines: of the suspect, ascending.
        known: the days that git has of some of them, which rule where there are any.
        given: the day of the whole source, and where that comes from.
        first: as for ``_side``, None where it is not known.
        before: as for ``_side``.
    """
    dated = [known[number] for number in lines if number in known]
    if dated:
        return _seen(dated, len(lines)), _direction_of(dated, len(lines), first, before)
    day, source = given
    if day is None:
        return SuspectSeen(None, "none"), "unknown"
    return SuspectSeen(day, source), _side(day, first, before) if first else "unknown"


def _lines_of(block: Block) -> range:
    return range(block.suspect_start, block.suspect_end + 1)


def _seen(dated: Sequence[LineDay], of: int) -> SuspectSeen:
    committed = sorted(one.committed for one in dated)
    authored = sorted(one.authored for one in dated)
    middle = (len(dated) - 1) // 2
    return SuspectSeen(
        day=committed[middle],
        source="git",
        authored=authored[middle],
        earliest=min(committed[0], authored[0]),
        latest=max(committed[-1], authored[-1]),
        lines=len(dated),
        of=of,
        bounded=any(one.bounded for one in dated),
    )


def _side(day: str, first: str, before: str | None) -> Direction:
    """Whether a reference is older than what is of ``day``.

    Args:
        day: of the suspect.
        first: of the first indexed release with the reference.
        before: of the last one without it, None where there is none. The reference appeared
            between the two, so that a suspect of that time is neither older nor younger.
    """
    apart = _days(first, day)
    if apart > DAYS:
        return "older"
    if apart >= -DAYS:
        return "same"
    return "younger" if before and _days(before, day) < -DAYS else "unknown"


def _days(first: str, second: str) -> int:
    return (date.fromisoformat(second) - date.fromisoformat(first)).days


def _direction_of(
    dated: Sequence[LineDay], of: int, first: str | None, before: str | None
) -> Direction:
    """What most lines say, by both clocks. A line at the end of a shallow history may be older
    than it seems: it never makes the reference older."""
    if first is None:
        return "unknown"
    sides: Counter[Direction] = Counter()
    for one in dated:
        said = {_side(day, first, before) for day in (one.authored, one.committed)}
        if len(said) == 1 and not (one.bounded and said != {"younger"}):
            sides.update(said)
    direction, count = max(sides.items(), key=lambda item: item[1], default=("unknown", 0))
    return direction if count >= MOST_LINES * of else "unknown"
