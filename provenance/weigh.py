"""weigh: one unit of a file against the families that a user asks for -> why each of them is named
for it, or is not. Pure but for the library.

A scan compares a unit with what the doors of the index propose. Here it is compared with every unit
of the families in question, also with those that are hidden, by the same scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from provenance.align import align
from provenance.attribute import Looked, accepted, needed
from provenance.finding import Scored, alike, span
from provenance.index import NO_DAY
from provenance.library import Library, Shingled, resemblances, score, shingled
from provenance.model import Finding, Near, Parsed, Reason, UnitWeighed, Weighed
from provenance.near import near
from provenance.verdict import rate

MOST_NEAR = 8
"""Families listed as nearest to a unit: a choice."""
_ROUNDED = 6
_Units = list[tuple[int, int]]  # (index number, unit)


class Weighing:
    """One file against some families, unit by unit.

    Args:
        parsed: the file.
        looked: what was compared when it was scanned.
        findings: of the file.
        library: the indexes.
        families: the origins of each family to weigh.
    """

    def __init__(
        self,
        parsed: Parsed,
        looked: Looked,
        findings: Sequence[Finding],
        library: Library,
        families: Mapping[str, Sequence[str]],
    ) -> None:
        self.parsed, self.looked, self.library = parsed, looked, library
        self.families = {
            family: sorted(origins, key=lambda one: (library.standings[one][0], one))
            for family, origins in families.items()
        }
        self._findings = {(one.suspect.name, one.suspect.start_line): one for one in findings}

    def unit(self, position: int) -> UnitWeighed:
        """A unit, what is near to it, and why each of the families is named for it, or is not: the
        nearest first."""
        unit, compared = self.parsed.units[position], self._compared(position)
        weighed = sorted(
            (self._weighed(position, family) for family in self.families),
            key=lambda one: (-one.near.scores.score if one.near else 1.0, one.family),
        )
        nearest = near(compared, self.library, most=MOST_NEAR)
        found, own = self._finding(position), self._shingled(position)
        size = own.structure.size + self.library.parameters.k - 1
        named = [found.reference.family] if found else []
        families = {*named, *(one.family for one in nearest), *self.families}
        return UnitWeighed(
            name=unit.name,
            kind=unit.kind,
            start_line=unit.start_line,
            end_line=unit.end_line,
            elements=own.elements,
            finding=found,
            around=self._around(position),
            nearest=nearest,
            needed=needed(size, self.library.parameters.large),
            rate=self._rate(position, compared[0], own.elements) if compared else None,
            evidence=tuple((one, self._evidence.get(one, 0.0)) for one in sorted(families)),
            weighed=tuple(weighed),
        )

    def _finding(self, position: int) -> Finding | None:
        unit = self.parsed.units[position]
        return self._findings.get((unit.name, unit.start_line))

    def _around(self, position: int) -> Finding | None:
        """The finding of the nearest unit that a unit stands in, the module aside."""
        at = self.parsed.units[position].parent
        while at > 0:
            if (found := self._finding(at)) is not None:
                return found
            at = self.parsed.units[at].parent
        return None

    @cached_property
    def _evidence(self) -> dict[str, float]:
        """Of each family the share of the file's evidence that its nearest origin is near to."""
        found: dict[str, float] = {}
        for origin, share in self.looked.evidence.items():
            family = self.library.family(origin).name
            found[family] = max(share, found.get(family, 0.0))
        return found

    def _weighed(self, position: int, family: str) -> Weighed:
        origins = self.families[family]
        seen, hidden = self._units[family]
        best, concealed = self._best(position, seen), self._best(position, hidden)
        if best and concealed and concealed.score <= best.score:
            concealed = None
        first = self.library.standings[origins[0]][0]
        said = Weighed(
            family=family,
            title=self.library.family(origins[0]).title,
            first=first if first != NO_DAY else None,
            reason=self._reason(position, family, best),
            evidence=self._evidence.get(family, 0.0),
            hidden=self._hidden(family, concealed) if concealed else None,
        )
        return self._placed(said, position, best) if best and best.score else said

    def _reason(self, position: int, family: str, best: Scored | None) -> Reason:
        found, parameters = self._finding(position), self.library.parameters
        elements = self._shingled(position).elements
        if found is not None and family in self.library.families_of([found.reference.origin]):
            return "named"
        if found is not None and family in self.library.families_of(found.also):
            return "as close"
        if found is None and elements < parameters.tiny:
            return "tiny"
        if best is None:
            return "hidden"
        if found is not None and found.scores is not None:
            if not alike(best.scores, found.scores, elements):
                return "lower"
            if not accepted(best.structure, best.text, best.size, parameters.large):
                return "below"
            return "lower" if self._was_compared(position, best) else "not compared"
        if found is None and self._around(position) is not None:
            return "inside"
        by_text = elements < parameters.large  # so small a unit is looked up by its text only
        least = 1.0 if best.text == 1.0 else needed(best.size, parameters.large)[1]
        enough = accepted(best.structure, best.text, best.size, parameters.large)
        if not enough or (by_text and best.text < least):
            return "below"
        if found is not None:
            return "part"
        return "alone" if self._was_compared(position, best) else "not compared"

    def _was_compared(self, position: int, best: Scored) -> bool:
        compared = self._compared(position)
        return (best.number, best.unit) in [(one.number, one.unit) for one in compared]

    def _compared(self, position: int) -> tuple[Scored, ...]:
        return self.looked.compared.get(position, ())

    def _placed(self, said: Weighed, position: int, best: Scored) -> Weighed:
        """With the unit that scores most, paired with the suspect's."""
        origins = self.library.origins(best.number, best.unit)
        origin = next(one for one in self.families[said.family] if one in origins)
        place = self.library.first_place(best.number, best.unit, origin)
        index = self.library.indexes[best.number]
        suspect = self.parsed.tokens[span(self.parsed, position)]
        paired = align(suspect, index.tokens_at(place.tree, place.position))
        return replace(
            said,
            near=Near(said.family, origin, place.path, place.name, place.date, best.scores),
            package=place.package,
            version=place.version,
            start_line=place.first_line,
            end_line=place.last_line,
            resemblance=round(paired.resemblance, _ROUNDED),
            suspect_containment=round(paired.suspect_containment, _ROUNDED),
            reference_containment=round(paired.reference_containment, _ROUNDED),
            families=len(self.library.families_of(origins)),
            false_alarm_rate=self._rate(position, best, len(suspect)),
            needed=needed(best.size, self.library.parameters.large),
        )

    def _rate(self, position: int, best: Scored, elements: int) -> float | None:
        """How likely one unrelated family scores so high, as of a finding: so many have it."""
        null = self.library.null
        if null is None:
            return None
        close = [best, *(one for one in self._compared(position) if alike(one, best, elements))]
        origins = {name for one in close for name in self.library.origins(one.number, one.unit)}
        families = len(self.library.families_of(origins))
        alone = null.false_alarm_rate(best.score, elements)
        return round(rate(alone, families, self.library.families), _ROUNDED)

    def _hidden(self, family: str, one: Scored) -> Near:
        """A unit that must not be seen: its first place in the family."""
        index = self.library.indexes[one.number]
        files = index.standing(one.unit)
        own = [file for file in files if index.origin_of(file) in self.families[family]]
        place = index.place(one.unit, index.oldest(own))
        return Near(family, place.origin, place.path, place.name, place.date, one.scores)

    def _shingled(self, position: int) -> Shingled:
        return shingled(self.parsed.tokens[span(self.parsed, position)], self.library.parameters)

    def _best(self, position: int, units: _Units) -> Scored | None:
        """The unit that scores most; of equals the first."""
        own = self._shingled(position)
        if not units or not own.elements:
            return None
        others = self.library.shingled(units)
        structures = resemblances(own.structure, [one.structure for one in others])
        texts = resemblances(own.text, [one.text for one in others])
        scores = [score(*pair) for pair in zip(structures, texts, strict=True)]
        at = max(range(len(units)), key=lambda one: (scores[one], -one))
        size = own.structure.size + self.library.parameters.k - 1
        return Scored(*units[at], structures[at], texts[at], 0, size, scores[at])

    @cached_property
    def _units(self) -> dict[str, tuple[_Units, _Units]]:
        """Of each family the units that may be seen, and those that are hidden."""
        found: dict[str, tuple[_Units, _Units]] = {}
        for family, origins in self.families.items():
            seen: _Units = []
            hidden: _Units = []
            for number in range(len(self.library.indexes)):
                shown, every = self.library.units_of(number, origins)
                seen += [(number, unit) for unit in np.flatnonzero(shown).tolist()]
                hidden += [(number, unit) for unit in np.flatnonzero(every & ~shown).tolist()]
            found[family] = seen, hidden
        return found
