"""verdict: what may be said of a finding, and from which false-alarm rate on. Pure.

The only place that holds the thresholds. A verdict is no accusation: the strongest of them says
that the evidence is *consistent with derivation from* an earlier source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from math import log
from typing import TYPE_CHECKING

from provenance.model import Direction, FileResult, Finding, Verdict

if TYPE_CHECKING:
    from provenance.null import Baseline

ORDER: tuple[Verdict, ...] = ("clear", "common", "resembles", "derived")
COMMON = 0.05
"""Share of an index's families beyond which what they share is *common*: it tells no origin. In
transformers 4.57.1 the null moves little between 2 % and 10 % (benchmarks/README.md)."""
LEAST_FAMILIES = 3
"""What fewer families share is common in no index, however small it is."""
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
        null: of the index.
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
        said.append(replace(finding, verdict=verdict))
    return tuple(said)


def of_file(file: FileResult, findings: Iterable[Finding]) -> Verdict:
    """The strongest verdict of a file's findings; an identical file is derived."""
    if file.identical:
        return "derived"
    return max((finding.verdict for finding in findings), key=ORDER.index, default="clear")


def directed(findings: Iterable[Finding], day: str | None) -> Iterator[Finding]:
    """The findings with whether the reference is older than the suspect, of which only the day
    is known. Both days are a day either way: no more than two days apart is the same."""
    for finding in findings:
        seen = finding.reference.first_seen
        direction: Direction = "unknown"
        if day and seen:
            apart = (date.fromisoformat(day) - date.fromisoformat(seen)).days
            direction = "older" if apart > 2 else "younger" if apart < -2 else "same"
        yield replace(finding, direction=direction)
