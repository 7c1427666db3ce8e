"""attribute: candidates of one file -> its findings and its composition.

Candidates are ranked by the exact resemblance of their shingle sets; the one that is named is
then paired element by element, and all that a finding says is counted from these pairs.
One file rarely borrows each function from another family: of candidates that score nearly
alike those of the fewest families are named (``composition``), and what else scores the same, or
higher, is said beside them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from typing import TYPE_CHECKING

import numpy as np

from provenance.candidates import EQUAL_STRUCTURE, EQUAL_TEXT
from provenance.chain import chain
from provenance.composition import named, near_to, nearest, weight
from provenance.finding import Entry, Scored, finding_of, span
from provenance.library import Library, resemblances, score, shingled
from provenance.model import (
    FileResult,
    Finding,
    Parsed,
    Share,
    Sketch,
    SourceFile,
)
from provenance.near import near
from provenance.sketch import body, digest
from provenance.verdict import ALIKE, judged, of_file, of_file_rates, rarity

if TYPE_CHECKING:
    from numpy.typing import NDArray

PART = 0.001
"""What a part of a unit counts for in the cover: it decides nothing, and is named by the rest."""
WEAK = 0.25
"""A class of 80 elements or more that scores so high is reported where its origin is named for
another large unit of the file. Of 5,237 units without model code 99.9 % score below .16."""
BESIDE = 0.05
"""False-alarm rate of structure at which a unit of a renamed file is reported beside what names the
origin. At 0.02 a third less is found, see the combined attacks in benchmarks/README.md."""
LEAST_RARITY = 0.1
_RESIDUE = 0.5
_TELLING_STRUCTURE = 80
"""Elements of which equal structure alone is no chance: of 98,780 units of packages without model
code two of 40 to 79 have the structure of some unit of the default index, none of more."""
_TELLING_TEXT = 0.4
_EQUAL = 12  # elements: an equal unit of so many is kept beside any larger one; a choice
_ROUNDED = 6


def accepted(structure: float, text: float, elements: int, large: int) -> bool:
    """Whether a match of two units is reported.

    Args:
        structure: resemblance of the shingle sets of the structure view.
        text: that of the text view.
        elements: size of the suspect unit, what repeats in it counted once.
        large: size from which it is reported on its own, ``Parameters.large``.

    The bounds for large units were measured: of 4,421 files of packages without model code
    0.07 % had a unit beyond them in transformers 4.57.1; of its ``Copied from`` pairs of forty
    elements or more 99.96 % are beyond (benchmarks/README.md). For smaller ones, whose null
    reaches 0.39, text must be at least 0.6. What is equal is accepted whatever its size:
    ``_supported`` asks for company.
    """
    if 1.0 in (text, structure):
        return True
    least = needed(elements, large)
    return structure >= least[0] or text >= least[1]


def needed(elements: int, large: int) -> tuple[float, float]:
    """From which resemblance of the structure view, or of the text view, on a match of units that
    are not equal is reported; see ``accepted``."""
    return 0.4 + 25 / max(1, elements), _TELLING_TEXT if elements >= large else 0.6


@dataclass(frozen=True, slots=True)
class Looked:
    """What was compared for one file, by the position of the unit, best first; and how much of the
    file's evidence, weighed as the cover does, each origin is near to, in [0, 1]."""

    compared: dict[int, tuple[Scored, ...]]
    evidence: dict[str, float]


def looked(
    file: SourceFile,
    parsed: Parsed,
    sketch: Sketch,
    proposed: NDArray[np.int64],
    library: Library,
) -> Looked:
    """What ``attribute`` compares and weighs for the same arguments, for who asks why."""
    work = _Attribution(file, parsed, sketch, proposed, library)
    work.result()
    whole = sum(weight for weight, _ in work.parts) or 1.0
    near = near_to(work.parts)
    return Looked(
        {position: work._every(position) for position in work.ordered},
        {origin: round(size / whole, _ROUNDED) for origin, size in near.items()},
    )


def attribute(
    file: SourceFile,
    parsed: Parsed,
    sketch: Sketch,
    proposed: NDArray[np.int64],
    library: Library,
) -> tuple[FileResult, tuple[Finding, ...]]:
    """Explain one file.

    Args:
        file: what was scanned.
        parsed: its units.
        sketch: their fingerprints.
        proposed: int64[c, 5], (row of the sketch, index number, unit id, equality,
            telling), likeliest first for each row; the last two as ``candidates`` gives them.
        library: the indexes.

    Returns:
        The file's result, and its findings from the strongest down.
    """
    return _Attribution(file, parsed, sketch, proposed, library).result()


_Made = tuple[Finding, "NDArray[np.intp]", Entry]
"""A finding, the file's elements it explains, and what it was made from."""


class _Attribution:
    """The work on one file: entries, the origins named for them, findings."""

    def __init__(
        self,
        file: SourceFile,
        parsed: Parsed,
        sketch: Sketch,
        proposed: NDArray[np.int64],
        library: Library,
    ) -> None:
        self.file, self.parsed, self.library = file, parsed, library
        self.large, self.small = library.parameters.large, library.parameters.small
        self.null = library.null
        self.scores: dict[int, tuple[Scored, ...]] = {}
        self.proposed: dict[int, list[tuple[int, int, int, int]]] = {}
        positions_of: list[int] = []
        self.digests: dict[int, int] = {}
        if proposed.size:  # most files resemble nothing
            positions_of = sketch.unit.tolist()
            self.digests.update(zip(positions_of, sketch.text_digest.tolist(), strict=True))
        for row, number, unit, equality, telling in proposed.tolist():
            one = (number, unit, equality, telling)
            self.proposed.setdefault(positions_of[row], []).append(one)
        self.ordered = sorted(self.proposed)
        self.parts: list[tuple[float, dict[str, float]]] = []  # of the cover that named last
        self.weak = False  # whether some class scores too low but where its origin is known

    def result(self) -> tuple[FileResult, tuple[Finding, ...]]:
        if not any(map(self._may_stand, self.ordered)):
            return self._clear(), ()
        entries = self._entries(self.ordered)
        origins = self._named(entries)
        if self.weak:
            known = {
                origin
                for origin, entry in zip(origins, entries, strict=True)
                if entry.whole and entry.scored[0].size >= self.large
            }
            entries = self._entries(self.ordered, known)
            origins = self._named(entries)
        made = self._findings(entries, origins)
        if not made:
            return self._clear(), ()
        fresh, asked = made, set[int]()
        while rest := self._entries(sorted(self._residue(fresh) - asked)):
            asked.update(entry.position for entry in rest)
            fresh = self._findings(rest, self._named([*entries, *rest])[len(entries) :])
            entries = [*entries, *rest]
            made = [*made, *fresh]
        made = self._supported(made)
        of_families: dict[str, float] = {}
        for share in self._shares(made)[0]:  # as the null of files is measured
            family = self.library.family(share.origin).name
            of_families[family] = of_families.get(family, 0.0) + share.share
        made += self._beside(made)
        shares, common = self._shares(made)
        size = len(self.parsed.tokens)
        told = judged([one[0] for one in made], of_families, size, self.null)
        findings = [
            self._traced(finding, entry) for finding, (_, _, entry) in zip(told, made, strict=True)
        ]
        ordered = tuple(sorted(findings, key=strength))
        rates = of_file_rates(of_families, size, self.null)
        result = _result(self.file, self.parsed, shares, common, *rates)
        return replace(result, verdict=of_file(result, ordered)), ordered

    def _may_stand(self, position: int) -> bool:
        """Whether a unit may be more than what ``_supported`` leaves out where there is nothing
        else: not where neither a part of it tells nor a large unit is accepted."""
        if any(telling for *_, telling in self.proposed[position]):
            return True
        most = max(self._size(position), self.library.parameters.k)  # what repeats counted once
        return most >= self.large and any(
            accepted(one.structure, one.text, one.size, self.large) for one in self._score(position)
        )

    def _clear(self) -> FileResult:
        """The result where nothing was found."""
        percentile, alarms = of_file_rates({}, len(self.parsed.tokens), self.null)
        return _result(self.file, self.parsed, [], 0.0, percentile, alarms)

    def _traced(self, finding: Finding, entry: Entry) -> Finding:
        """The finding with the next families below it, unless it is common, and with what its
        reference is itself like, where it is derived: of what merely resembles, much resembles
        much else."""
        if finding.verdict != "common" and entry.whole:
            besides = self.library.families_of((finding.reference.origin, *finding.also))
            below = near(self._every(entry.position), self.library, besides)
            finding = replace(finding, near=below) if below else finding
        if finding.verdict != "derived":
            return finding
        origin = finding.reference.origin
        named = next(
            (one.number, one.unit)
            for one in entry.scored
            if origin in self.library.origins(one.number, one.unit)
        )
        others = [one[:2] for one in self.proposed[entry.position] if one[:2] != named]
        found = chain(finding, named, others, self.library, self.null)
        return replace(finding, chain=found) if found else finding

    def _shares(self, made: list[_Made]) -> tuple[list[Share], float]:
        """How much of the file's elements each origin explains, the most first, and how much is
        explained only by what is common. An element counts once, for the largest match."""
        size = max(1, len(self.parsed.tokens))
        free = np.ones(size, bool)
        elements: Counter[str] = Counter()
        common = 0
        for finding, covered, _ in sorted(
            made,
            key=lambda one: (
                one[0].verdict == "common",
                -one[0].matched,
                one[0].reference.origin,
                one[2].position,
            ),
        ):
            fresh = covered[free[covered]]
            free[fresh] = False
            if finding.verdict == "common":
                common += fresh.size
            else:
                elements[finding.reference.origin] += fresh.size
        also = _as_close([one[0] for one in made])
        shares = [
            Share(origin, round(count / size, _ROUNDED), also[origin])
            for origin, count in elements.items()
            if count
        ]
        shares.sort(key=lambda share: (-share.share, share.origin))
        return shares, round(common / size, _ROUNDED)

    # --- candidates, exactly ----------------------------------------------------------

    def _score(self, position: int) -> tuple[Scored, ...]:
        """The candidates of a unit, compared exactly, best first. Where some are equal in text,
        or a large unit in structure, the others need no comparison."""
        if position in self.scores:
            return self.scores[position]
        listed = self.proposed[position]
        equal = EQUAL_STRUCTURE if self._size(position) >= _TELLING_STRUCTURE else EQUAL_TEXT
        if any(one[2] >= equal for one in listed):
            listed = [one for one in listed if one[2]]
        self.scores[position] = self._scored(position, listed)
        return self.scores[position]

    def _every(self, position: int) -> tuple[Scored, ...]:
        """All candidates of a unit, compared exactly, best first."""
        return self._scored(position, self.proposed[position])

    def _scored(self, position: int, listed: list[tuple[int, int, int, int]]) -> tuple[Scored, ...]:
        key = self._digest(position), np.array(listed).tobytes()
        known: tuple[Scored, ...] | None = self.library.scores.recall(key)
        return known or self.library.scores.keep(key, self._compared(position, listed))

    def _digest(self, position: int) -> int:
        """That of a unit's text, by which is remembered what was found of it."""
        known = self.digests[position]
        if not known:
            text = self.parsed.tokens.text[span(self.parsed, position)]
            known = self.digests[position] = digest(text)
        return known

    def _compared(
        self, position: int, listed: list[tuple[int, int, int, int]]
    ) -> tuple[Scored, ...]:
        size = self._size(position)
        scored = [
            Scored(number, unit, 1.0, 1.0, telling, size, 1.0)
            for number, unit, same, telling in listed
            if same == EQUAL_TEXT
        ]
        rest = [one for one in listed if one[2] != EQUAL_TEXT]
        if rest:
            own = shingled(self.parsed.tokens[span(self.parsed, position)], self.library.parameters)
            others = self.library.shingled([one[:2] for one in rest])
            large = own.structure.size + self.library.parameters.k - 1
            structures = resemblances(own.structure, [other.structure for other in others])
            texts = resemblances(own.text, [other.text for other in others])
            for (number, unit, _, telling), structure, text in zip(
                rest, structures, texts, strict=True
            ):
                both = score(structure, text)
                scored.append(Scored(number, unit, structure, text, telling, large, both))
        scored.sort(key=lambda one: (-one.score, one.number, one.unit))
        return tuple(scored)

    # --- what is to be explained ------------------------------------------------------

    def _entries(self, wanted: list[int], known: Collection[str] = ()) -> list[Entry]:
        """Of units with candidates, in source order, those to explain: a unit that matches as a
        whole, not what is in it; of a function that does not, the chance that a part of it does.
        A class may score lower where an origin that is known to explain the file has it.
        """
        entries: list[Entry] = []
        explained = 0  # the first element behind what matches as a whole
        for position in wanted:
            unit = self.parsed.units[position]
            if position and unit.start < explained:
                continue
            scored = self._score(position)
            size = self._size(position)
            good = tuple(
                one for one in scored if accepted(one.structure, one.text, one.size, self.large)
            )
            if not good and unit.kind == "class" and size >= _TELLING_STRUCTURE:
                weak = tuple(one for one in scored if one.score >= WEAK)
                if weak and not any(origin in known for origin in self._best(weak)):
                    self.weak = True
                else:
                    good = weak
            if good:
                entries.append(Entry(position, size, good, self._best(good), whole=True))
                explained = unit.stop if position else 0
                continue
            partly = [one for one in scored if one.telling]
            if partly and unit.kind != "class":
                best = min(partly, key=lambda one: (-one.telling, -one.score, one.unit))
                entries.append(Entry(position, size, (best,), self._best((best,)), whole=False))
        return entries

    def _residue(self, made: Sequence[_Made]) -> set[int]:
        """The units inside of what was found as a whole that it does not explain: hardly a part of
        them was paired, or of it itself, which what repeats in it does not show beforehand."""
        left: set[int] = set()
        for finding, covered, entry in made:
            if not entry.position or not entry.whole:  # what is inside has entries of its own
                continue
            outer = self.parsed.units[entry.position].kind
            for child in self._proposed_inside(entry.position):
                inner = self.parsed.units[child]
                size = inner.stop - inner.start
                inside = np.count_nonzero((covered >= inner.start) & (covered < inner.stop))
                apart = inner.kind == "class" or outer != "class"
                if (
                    inside < _RESIDUE * size
                    or (inside < size and self._is_equal(child))
                    or (apart and finding.clone_type == "fragment")
                ):
                    left.add(child)
        return left

    def _proposed_inside(self, position: int) -> Iterator[int]:
        """The units with candidates that stand inside a unit, in source order."""
        unit = self.parsed.units[position]
        listed = islice(self.ordered, bisect_right(self.ordered, position), None)
        return takewhile(lambda inner: self.parsed.units[inner].start < unit.stop, listed)

    def _is_equal(self, position: int) -> bool:
        """Whether a unit that is not small is as written elsewhere."""
        equal = any(one[2] == EQUAL_TEXT for one in self.proposed[position])
        return equal and self._size(position) >= self.large

    def _size(self, position: int) -> int:
        unit = self.parsed.units[position]
        if unit.kind == "module":
            return sum(stop - first for first, stop in body(self.parsed.units, 0))
        return unit.stop - unit.start

    def _best(self, scored: Sequence[Scored]) -> dict[str, Scored]:
        """The best candidate of each origin."""
        best: dict[str, Scored] = {}
        for one in scored:
            for origin in self.library.origins(one.number, one.unit):
                best.setdefault(origin, one)
        return best

    # --- by whom ----------------------------------------------------------------------

    def _named(self, entries: Sequence[Entry]) -> list[str]:
        """The origin that is named for each entry: those of the smallest set that explains the
        file, see ``composition.named``."""
        parts = []
        for entry in entries:
            top = entry.scored[0].score
            gaps = {origin: top - one.score for origin, one in entry.best.items()}
            alike = {self.library.family(one).name for one, gap in gaps.items() if gap <= ALIKE}
            telling = max(LEAST_RARITY, rarity(len(alike), self.library.families))
            size = weight(entry.elements, top, telling) if entry.whole else PART
            parts.append((size, gaps))
        self.parts = parts
        return named(parts, self.library.standings)

    def _findings(self, entries: Sequence[Entry], origins: Sequence[str]) -> list[_Made]:
        made = []
        for entry, origin in zip(entries, origins, strict=True):
            chosen, text = entry.best[origin], self._digest(entry.position)
            found = finding_of(self.file, self.parsed, entry, text, origin, chosen, self.library)
            if found is not None:
                made.append((*found, entry))
        return made

    def _beside(self, made: list[_Made]) -> list[_Made]:
        """In a file whose names were changed, what resembles the origin that explains most of it,
        though less than is reported alone: there only structure is left to tell by, and what was
        inserted breaks it. One family is asked for, which the rest of the file names: so the rate
        is that of the null, at most ``BESIDE``."""
        explained: Counter[str] = Counter()
        as_written: Counter[str] = Counter()
        free = np.ones(len(self.parsed.tokens), bool)
        for finding, covered, entry in made:
            unit = self.parsed.units[entry.position]
            free[unit.start : unit.stop] = False
            if finding.verdict != "common" and _tells_alone(entry):
                explained[finding.reference.origin] += covered.size
                if entry.scored[0].text >= _TELLING_TEXT:
                    as_written[finding.reference.origin] += covered.size
        told = min(explained, key=lambda origin: (-explained[origin], origin), default="")
        if self.null is None or 2 * as_written[told] >= explained[told]:
            return []
        entries = []
        for position in self.ordered:
            unit, size = self.parsed.units[position], self._size(position)
            if not position or size < self.large or not free[unit.start : unit.stop].all():
                continue
            scored = tuple(
                one
                for one in self._score(position)
                if self.null.false_alarm_rate(one.structure, size, "structure") <= BESIDE
                and told in self.library.origins(one.number, one.unit)
            )
            if scored:
                entries.append(Entry(position, size, scored, self._best(scored), whole=True))
                free[unit.start : unit.stop] = False
        return self._findings(entries, [told] * len(entries))

    def _supported(self, made: list[_Made]) -> list[_Made]:
        """What may be chance on its own is kept beside what tells. A unit below ``large`` beside
        any larger one; but below ``small`` only if it is equal and of ``_EQUAL`` elements, or an
        origin of a larger one has it too. A larger one that is known by its structure only beside
        one that tells alone, or another of an origin that has both. What repeats counts once."""
        large = [one for one in made if not one[2].whole or one[2].scored[0].size >= self.large]
        if not any(_tells_alone(entry) for _, _, entry in large):
            held = Counter(origin for one in large for origin in _origins(one))
            large = [one for one in large if any(held[origin] > 1 for origin in _origins(one))]
        kept = {id(one) for one in large}
        origins = {one[0].reference.origin for one in large}
        return [
            one
            for one in made
            if id(one) in kept
            or (
                (best := one[2].scored[0]).size < self.large
                and (
                    (bool(origins) and best.size >= (_EQUAL if best.text == 1.0 else self.small))
                    or not origins.isdisjoint(_origins(one))
                )
            )
        ]


def _origins(one: _Made) -> tuple[str, ...]:
    """The named origin of a finding and those that are as close."""
    return (one[0].reference.origin, *one[0].also)


def _tells_alone(entry: Entry) -> bool:
    """Whether a match of an entry of ``large`` elements or more is no chance by itself."""
    best = entry.scored[0]
    return not entry.whole or best.text >= _TELLING_TEXT or best.size >= _TELLING_STRUCTURE


def strength(finding: Finding) -> tuple[float | str, ...]:
    """Sort key: the most matched elements, weighed by resemblance, first."""
    weight = finding.matched * max(finding.suspect_containment, finding.reference_containment)
    return (-round(weight, _ROUNDED), finding.suspect.path, finding.suspect.start_line, finding.id)


def _as_close(findings: Sequence[Finding]) -> dict[str, tuple[str, ...]]:
    """For each named origin, the others that are as close in at least half of what is not common,
    the nearest first."""
    total: Counter[str] = Counter()
    shared: dict[str, Counter[str]] = {}
    for finding in findings:
        if finding.verdict != "common":
            origin = finding.reference.origin
            total[origin] += finding.matched
            others = shared.setdefault(origin, Counter())
            for other in finding.also:
                others[other] += finding.matched
    return {origin: nearest(others, total[origin]) for origin, others in shared.items()}


def _result(
    file: SourceFile,
    parsed: Parsed,
    shares: list[Share],
    common: float,
    percentile: float | None,
    alarms: float | None,
) -> FileResult:
    explained = sum((share.share for share in shares), common)
    similarity = round(min(1.0, explained), _ROUNDED)  # rounded up, six sixths are more than one
    return FileResult(
        path=file.path,
        sha256=file.sha256,
        lines=parsed.units[0].end_line,
        units=len(parsed.units),
        similarity=similarity,
        composition=tuple(shares),
        common=common,
        novel=round(1.0 - similarity, _ROUNDED),
        error_lines=parsed.error_lines,
        percentile=percentile,
        false_alarm_rate=alarms,
    )
