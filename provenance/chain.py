"""chain: a named reference unit -> older units of other families that it is itself like.

Code that is handed on changes on the way: the first of a chain (openai-whisper -> s3tokenizer ->
here) may resemble its last member too little to be named, but resembles the one between. Only the
candidates of the suspect are asked, so that a chain costs a few comparisons.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from provenance.model import Ancestor, Finding
from provenance.verdict import SUPPORTED

if TYPE_CHECKING:
    from provenance.library import Library
    from provenance.null import Baseline

LEAST = 0.5
"""Score from which a reference is said to be like an older one where the index has no baseline; a
choice. Where it has one, at most ``SUPPORTED`` of unrelated pairs must score so high as well."""
MOST = 3


def chain(
    finding: Finding,
    named: tuple[int, int],
    others: Iterable[tuple[int, int]],
    library: Library,
    null: Baseline | None,
) -> tuple[Ancestor, ...]:
    """The older units that the reference of a finding is like, oldest first, the best of each
    family.

    Args:
        finding: whose reference has a first day.
        named: its reference, (index number, unit).
        others: candidates of the same suspect.
        library: the indexes.
        null: what unrelated code scores.
    """
    first = finding.reference.first_seen
    if first is None:
        return ()
    known = {finding.reference.family}
    known |= {library.family(one.origin).name for one in finding.lineage}
    best: dict[str, tuple[float, Ancestor]] = {}
    size = library.shingled([named])[0].elements
    for number, unit in others:
        members, _ = library.lineage([(number, unit)], 1)
        if not members or members[0].first_seen is None or members[0].first_seen >= first:
            continue
        family = library.family(members[0].origin).name
        if family in known:
            continue
        score = library.alike(named, (number, unit))
        rate = null.false_alarm_rate(score, size) if null else 0.0 if score >= LEAST else 1.0
        if rate <= SUPPORTED and score > best.get(family, (0.0, None))[0]:
            one = members[0]
            best[family] = (
                score,
                Ancestor(one.origin, one.path, one.name, one.first_seen or "", score),
            )
    found = sorted((one for _, one in best.values()), key=lambda a: (a.first_seen, a.origin))
    return tuple(found[:MOST])
