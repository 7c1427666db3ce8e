"""library: several indexes as one, without what a scan must not see.

``--as-of`` hides what was first seen on or after a day, ``--exclude-origin`` hides origins.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.errors import IndexFileError
from provenance.index import NO_DAY, Index, Standing, agreed, opened_once
from provenance.model import (
    Alignment,
    Family,
    Identity,
    IndexUsed,
    LineageMember,
    Parameters,
    Place,
    Reference,
    Tokens,
)
from provenance.order import firsts
from provenance.recent import Recent
from provenance.references import first_days
from provenance.schema import BAND, TEXT
from provenance.sketch import digest, unmixed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.notices import Named
    from provenance.null import Baseline
    from provenance.seen import Seen


@dataclass(frozen=True, slots=True, eq=False)
class Shingled:
    """The distinct shingles of a unit in both views, ascending and not mixed, which sets need not
    be, and its element count."""

    structure: NDArray[np.uint64]
    text: NDArray[np.uint64]
    elements: int


def shingled(tokens: Tokens, parameters: Parameters) -> Shingled:
    """The shingle sets by which candidates are compared exactly. A unit shorter than a shingle
    has one, the whole of it."""
    span = [(0, len(tokens))]
    (structure,) = _sets(tokens.structure, parameters.k, span)
    (text,) = _sets(tokens.text, parameters.text_k, span)
    return Shingled(structure, text, len(tokens))


def _sets(
    view: NDArray[np.uint64], k: int, spans: Sequence[tuple[int, int]]
) -> Iterator[NDArray[np.uint64]]:
    """The shingle set of each of some half-open spans of a view, which is hashed once."""
    hashes = unmixed(view, k)
    for start, stop in spans:
        if stop - start >= k:
            own = hashes[start : stop - k + 1]
        else:
            own = unmixed(view[start:stop], max(1, stop - start))
        ascending = np.sort(own)
        yield ascending[firsts(ascending)]


def resemblance(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> float:
    """Jaccard resemblance of two ascending arrays of distinct values."""
    union = left.size + right.size
    if left.size > right.size:
        left, right = right, left
    if not left.size:
        return 0.0
    nearest = right.take(right.searchsorted(left), mode="clip")
    shared = int(np.count_nonzero(nearest == left))
    return shared / (union - shared)


def resemblances(own: NDArray[np.uint64], others: Sequence[NDArray[np.uint64]]) -> list[float]:
    """``resemblance`` of one array with each of several."""
    counted = zip(shared(own, others), others, strict=True)
    return [one / (own.size + other.size - one) if one else 0.0 for one, other in counted]


def shared(own: NDArray[np.uint64], others: Sequence[NDArray[np.uint64]]) -> list[int]:
    """How many values of each of several arrays one ascending array has too."""
    if not own.size:
        return [0] * len(others)
    every = np.concatenate(others)
    same = own.take(own.searchsorted(every), mode="clip") == every
    ends = [0, *accumulate(other.size for other in others)]
    return [
        stop - first for first, stop in pairwise(np.flatnonzero(same).searchsorted(ends).tolist())
    ]


def score(structure: float, text: float) -> float:
    """By which candidates are ranked: names tell more than structure, which all share."""
    return round((structure + 2 * text) / 3, 6)


LIBRARY = " library code"
"""What titles of families end with that are no models but what models are written with: to use
those is no reuse of a model."""
_SHARED = re.compile(r"\bshared layers\b| code$")
"""What titles of families have that are parts of a package, whose modules are called as anybody's
may be: ``rope_utils``, ``cache``."""
IMPORT_NAMES = {
    "whisper": "openai-whisper",
    "mlx_lm": "mlx-lm",
    "mlx_vlm": "mlx-vlm",
    "mamba_ssm": "mamba-ssm",
    "qwen_vl_utils": "qwen-vl-utils",
    "mistral_inference": "mistral-inference",
    "mistral_common": "mistral-common",
}
"""Packages whose import name is not that of their origins."""


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """An indexed file that equals a scanned one, and how many units it has."""

    index: Index
    file: Standing
    units: int


def said(paths: Sequence[str]) -> tuple[tuple[IndexUsed, ...], Parameters]:
    """What indexes say of themselves, named by their paths, in the order of a ``Library``, and the
    parameters of all: quick, however large they are, but not checked, which whoever looks into
    them does.

    Raises:
        IndexFileError: one is none, or their parameters do not agree.
    """
    with ExitStack() as opened:
        indexes = [opened.enter_context(one) for one in opened_once(paths, origins=False)]
        used = (IndexUsed(one.path, one.checksum, one.packages()) for one in indexes)
        return tuple(used), agreed(indexes)


def same_still(indexes: Sequence[Index], used: Sequence[IndexUsed]) -> None:
    """That open indexes are those that a report names: a file may be replaced while it is made.

    Raises:
        IndexFileError: one is another.
    """
    if [one.checksum for one in indexes] != [one.checksum for one in used]:
        raise IndexFileError(
            f"{', '.join(one.path for one in indexes)}: found an index that was replaced "
            "meanwhile, expected the same until the end; run it again when nobody replaces it"
        )


def standings_of(used: Sequence[IndexUsed], names: Collection[str]) -> dict[str, tuple[str, int]]:
    """``Library.standings`` of some origins only, of different indexes, as ``said`` names them."""
    found = {name: (first_days().get(name, NO_DAY), 0) for name in names}
    for one in used if names else ():
        with Index(one.name, origins=False) as index:
            same_still([index], [one])
            for name, (first, shared) in index.standings_of(names).items():
                day, before = found[name]
                found[name] = min(day, first or NO_DAY), before + shared
    return found


class Library:
    """Open indexes of the same parameters, each once, in an order of their own, whatever order they
    are given in. A unit is named by (index number, unit id)."""

    def __init__(
        self,
        paths: Sequence[str | Index],
        *,
        as_of: str | None = None,
        exclude_origin: Sequence[str] = (),
    ) -> None:
        self.as_of = as_of
        self.exclude_origin = tuple(exclude_origin)
        with ExitStack() as opened:
            self.indexes = [opened.enter_context(one) for one in opened_once(paths)]
            self.parameters = agreed(self.indexes)
            self._opened = opened.pop_all()
        self.permutations = self.indexes[0].permutations
        self._is_excluded: dict[str, bool] = {}
        self._shown: dict[int, Seen] = {}
        self._family: dict[str, Family] = {}
        self._stands: dict[int, tuple[Reference | Identity, Index, int]] = {}
        self._shingled: Recent[tuple[int, int], Shingled] = Recent(8000)
        self._lineages: Recent[
            tuple[int, tuple[tuple[int, int], ...]], tuple[tuple[LineageMember, ...], int]
        ] = Recent(4096)
        self._standing: Recent[tuple[int, int], tuple[Standing, ...]] = Recent(20_000)
        self._origins: Recent[tuple[int, int], tuple[str, ...]] = Recent(20_000)
        self._places: Recent[tuple[int, int, str], Place] = Recent(8192)
        self.references: Recent[tuple[int, int, str], Reference] = Recent(8192)
        """What attribute says of a unit, (index number, unit), in an origin."""
        self._alike: Recent[tuple[int, int, int, int], float] = Recent(8192)
        self.scores: Recent[tuple[int, bytes], tuple[Any, ...]] = Recent(8192)
        """What attribute found of a unit, by its text's digest and its candidates."""
        self.alignments: Recent[tuple[int, int, int], Alignment] = Recent(2048)
        """Alignments, by the digest of the suspect's text and the reference's unit."""

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @property
    def hides(self) -> bool:
        """Whether some references are not to be seen."""
        return self.as_of is not None or bool(self.exclude_origin)

    def shown(self, number: int) -> Seen | None:
        """The units of an index that may be seen; None for all."""
        if not self.hides:
            return None
        if number not in self._shown:
            index = self.indexes[number]
            names = index.origin_facts.names
            wanted = [at for at, name in enumerate(names, 1) if not self._excluded(name)]
            self._shown[number] = index.seen(self._seen_releases(index), wanted)
        return self._shown[number]

    def _seen_releases(self, index: Index) -> list[int]:
        as_of = self.as_of
        return [
            release
            for release, known in index.releases.items()
            if as_of is None or known.date is None or known.date < as_of
        ]

    def units_of(
        self, number: int, origins: Collection[str]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """bool[units + 1] of an index, twice: the units of some origins that may be seen there, and
        all of them."""
        index = self.indexes[number]
        number_of = index.origin_facts.number_of
        wanted = sorted(number_of[name] for name in origins if name in number_of)
        shown = [one for one in wanted if not self._excluded(index.origin_facts.names[one - 1])]
        seen = self._seen_releases(index)
        return (
            index.seen(seen, shown).every(),
            index.seen(list(index.releases), wanted).every(),
        )

    @cached_property
    def _globs(self) -> list[re.Pattern[str]]:
        return [re.compile(translate(glob)) for glob in dict.fromkeys(self.exclude_origin)]

    def _excluded(self, origin: str) -> bool:
        known = self._is_excluded.get(origin)
        if known is None:
            known = any(glob.match(origin) for glob in self._globs)
            self._is_excluded[origin] = known
        return known

    def standing(self, number: int, unit: int) -> tuple[Standing, ...]:
        """The files that have a unit and may be seen; empty where it is hidden."""
        index = self.indexes[number]
        if not self.hides:
            return index.standing(unit)
        known = self._standing.recall((number, unit))
        if known is None:
            seen = self._seen(index, index.standing(unit))
            known = self._standing.keep((number, unit), seen)
        return known

    def _seen(self, index: Index, files: Iterable[Standing]) -> tuple[Standing, ...]:
        if not self.hides:
            return tuple(files)
        as_of = self.as_of
        return tuple(
            one
            for one in files
            if (as_of is None or (day := index.releases[one.release].date) is None or day < as_of)
            and not self._excluded(index.origin_of(one))
        )

    def origins(self, number: int, unit: int) -> tuple[str, ...]:
        """The origins that have a unit and may be seen, by name."""
        index = self.indexes[number]
        if not self.hides:
            return index.origins_of(unit)
        known = self._origins.recall((number, unit))
        if known is None:
            names = {index.origin_of(one) for one in self.standing(number, unit)}
            known = self._origins.keep((number, unit), tuple(sorted(names)))
        return known

    def first_place(self, number: int, unit: int, origin: str) -> Place:
        """The oldest place of a unit in an origin that has it."""
        key = number, unit, origin
        if known := self._places.recall(key):
            return known
        index = self.indexes[number]
        files = [one for one in self.standing(number, unit) if index.origin_of(one) == origin]
        return self._places.keep(key, index.place(unit, index.oldest(files)))

    def days_of_unit(
        self, number: int, unit: int, reference: Tokens, package: str
    ) -> tuple[str | None, str | None]:
        """The first day on which any release of any index had this unit, None where none has a
        day, and the last one before it on which a release of a package did not; ``reference`` are
        its elements, by which the other indexes know it."""
        units = [(number, unit)]
        if len(self.indexes) > 1:
            key = np.array([digest(reference.text)], np.uint64)
            units += [
                (other, found)
                for other, index in enumerate(self.indexes)
                if other != number
                for found in index.lookup(TEXT, key)[1].tolist()
            ]
        return self._days(
            [(self.indexes[n], one) for n, found in units for one in self.standing(n, found)],
            [
                (self.indexes[n], one)
                for n, found in units
                for one in self.indexes[n].standing(found)
            ]
            if self.exclude_origin
            else (),
            package,
        )

    def _days(
        self,
        shown: Iterable[tuple[Index, Standing]],
        every: Iterable[tuple[Index, Standing]],
        package: str,
    ) -> tuple[str | None, str | None]:
        """The first day of some files, and the last one before it, and before all of ``every``
        that are of a package, on which any index has a release of that: what is hidden of a
        release is in it all the same."""
        first = min((index.day_of(one) for index, one in shown), default=NO_DAY)
        if first == NO_DAY:
            return None, None
        own = (
            index.day_of(one)
            for index, one in every
            if index.releases[one.release].package == package
        )
        day = min([first, *own])
        before = (index.absent_before(package, day) for index in self.indexes)
        return first, max((one for one in before if one), default=None)

    def holds_band(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of some LSH keys any index has."""
        found = np.zeros(keys.size, bool)
        for index in self.indexes:
            found[index.posted(BAND, keys, 0).at] = True
        return found

    def held(self, door: int, keys: Sequence[int]) -> list[int]:
        """Which of some keys of a door any index has."""
        sought = np.array(keys, np.uint64)
        return sorted({at for one in self.indexes for at in one.lookup(door, sought)[0].tolist()})

    def same_file(self, sha256: str) -> list[_Same]:
        """The files of these bytes that may be seen; none where they are too small to tell."""
        trees = ((index, index.same_file(sha256)) for index in self.indexes)
        return [
            _Same(index, one, int(tree.units.size))
            for index, number in trees
            if number is not None
            and (tree := index.tree(number)).sizes.sum() >= self.parameters.large
            for one in self._seen(index, index.files_of(number))
        ]

    def same_layout(self, digest: int, mark: str) -> list[_Same]:
        """The files of this text and family mark, layout and comments aside."""
        return [
            _Same(index, one, int(tree.units.size))
            for index in self.indexes
            for number in index.same_layout(digest)
            if (tree := index.tree(number)).mark == mark
            for one in self._seen(index, index.files_of(number))
        ]

    def identity(self, found: Sequence[_Same], text: int, *, exact: bool) -> Identity:
        """Equal files as one: the oldest of them is named. ``text`` is the digest of theirs, as the
        scanned one is read."""

        def age(one: _Same) -> tuple[str, ...]:
            release = one.index.releases[one.file.release]
            path = one.index.name(one.file.path)
            day, version = release.date or NO_DAY, release.version or ""
            return (day, release.package, version, path)

        ordered = sorted(found, key=age)
        first = ordered[0]
        release = first.index.releases[first.file.release]
        origin = first.index.origin_of(first.file)
        releases = [one.index.releases[one.file.release] for one in ordered]
        versions = [
            one.version for one in releases if one.package == release.package and one.version
        ]
        others = {one.index.origin_of(one.file) for one in ordered} - {origin}
        family = self.family(origin)
        alike = [
            (index, one)
            for index, number in self._alike_but_for_layout(found, text)
            for one in index.files_of(number)
        ]
        shown = ((index, one) for index, one in alike if self._seen(index, [one]))
        first_seen, absent_before = self._days(shown, alike, release.package)
        identity = Identity(
            origin=origin,
            package=release.package,
            version=release.version,
            versions=tuple(dict.fromkeys(versions)),
            path=first.index.spelled(first.file.path),
            license=release.license,
            first_seen=first_seen,
            exact=exact,
            also=tuple(sorted(others)),
            absent_before=absent_before,
            family=family.name,
            title=family.title,
            organisation=family.organisation,
            country=family.country,
            code=f"{text:016x}",
            stated_licenses=first.index.tree(first.file.tree).stated,
        )
        self.stands(identity, first.index, first.file.tree)
        return identity

    def _alike_but_for_layout(self, same: Sequence[_Same], text: int) -> list[tuple[Index, int]]:
        """The trees of all indexes whose text and family mark are those of equal files: what
        another comment, or another year in it, makes another file is no younger for that. Of files
        that are indexed as what they are not read as, such as a notebook called ``.py``, their own
        trees alone."""
        own = {(one.index, one.file.tree): None for one in same}
        marks = {index.tree(number).mark for index, number in own}
        alike = [
            (index, other)
            for index in self.indexes
            for other in index.same_layout(text)
            if index.tree(other).mark in marks
        ]
        return alike if own.keys() & set(alike) else [*own]

    @cached_property
    def families(self) -> int:
        """How many families the indexes have."""
        found: dict[str, str] = {}
        for index in reversed(self.indexes):
            facts = index.origin_facts
            found.update(zip(facts.names, facts.families, strict=True))
        return len(set(found.values()))

    @cached_property
    def null(self) -> Baseline | None:
        """What unrelated code scores: as the default index says it, else the largest that has
        measured it. One is for all: what a small index says of a few families is no measure."""
        return next((one.baseline for one in self.indexes if one.baseline), None)

    def family(self, origin: str) -> Family:
        """The family of an origin that some index has."""
        known = self._family.get(origin)
        if known is None:
            facts = next(
                one.origin_facts for one in self.indexes if origin in one.origin_facts.number_of
            )
            known = self._family[origin] = facts[facts.number_of[origin]].family
        return known

    def origins_like(self, pattern: str) -> dict[str, list[str]]:
        """The families whose name, title or an origin of which a glob matches, case aside, each
        with all of its origins."""
        of_family: dict[str, list[str]] = {}
        for origin in sorted({name for one in self.indexes for name in one.origin_facts.names}):
            of_family.setdefault(self.family(origin).name, []).append(origin)
        wanted = pattern.lower()
        return {
            name: origins
            for name, origins in sorted(of_family.items())
            if any(
                fnmatchcase(one.lower(), wanted)
                for one in (name, self.family(origins[0]).title, *origins)
            )
        }

    def families_of(self, origins: Iterable[str]) -> set[str]:
        """The names of the families of some origins."""
        return {self.family(origin).name for origin in origins}

    @cached_property
    def names(self) -> dict[str, str]:
        """The names by which the families that may be seen are known, see ``uses``."""
        from provenance.known import known_names

        as_of = self.as_of
        seen = sorted(
            {
                (name, _SHARED.search(title) is not None)
                for facts in (index.origin_facts for index in self.indexes)
                for name, title, first in zip(facts.names, facts.titles, facts.first, strict=True)
                if not title.endswith(LIBRARY)
                and (as_of is None or first is None or first < as_of)
                and not (self.exclude_origin and self._excluded(name))
            }
        )
        names = dict.fromkeys(name for name, _ in seen)
        preferred = [name for name in names if name.startswith("transformers/")]
        preferred += [name for name in names if not name.startswith("transformers/")]
        shared = {name for name, parts in seen if parts}
        return known_names(preferred, IMPORT_NAMES, shared)

    @cached_property
    def titles(self) -> Mapping[str, Named]:
        """The names by which notice files may name the families that may be seen."""
        from provenance.notices import Names

        seen = {
            (family, title, organisation)
            for facts in (index.origin_facts for index in self.indexes)
            for name, family, title, organisation in facts.called()
            if not title.endswith(LIBRARY) and not (self.exclude_origin and self._excluded(name))
        }
        return Names(sorted(seen, key=lambda one: (*one[:2], one[2] or "")))

    def notices_of(
        self, reference: Reference | Identity
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Copyright holders and licences that the file of a reference names, where it ``stands``:
        two files of a release may have one path, as those of two folders do."""
        known = self._stands.get(id(reference))
        if known is None or known[0] is not reference:
            return (), ()
        tree = known[1].tree(known[2])
        return tree.holders, tree.licenses

    def stands(self, reference: Reference | Identity, index: Index, tree: int) -> None:
        """Remember of which tree a reference is, until ``let_go``."""
        self._stands[id(reference)] = reference, index, tree

    def let_go(self) -> None:
        """Forget where references stand."""
        self._stands.clear()

    def lineage(
        self, units: Iterable[tuple[int, int]], most: int
    ) -> tuple[tuple[LineageMember, ...], int]:
        """The first place of each origin that has one of some units, (index number, unit), by
        day, at most ``most``; and how many families these origins are of."""
        key = most, tuple(units)
        known = self._lineages.recall(key)
        return known or self._lineages.keep(key, self._lineage(key[1], most))

    def _lineage(
        self, units: Iterable[tuple[int, int]], most: int
    ) -> tuple[tuple[LineageMember, ...], int]:
        first: dict[str, tuple[str, int, int, Standing]] = {}
        for number, unit in units:
            index = self.indexes[number]
            for one in self.standing(number, unit):
                origin, day = index.origin_of(one), index.day_of(one)
                if origin not in first or day < first[origin][0]:
                    first[origin] = (day, number, unit, one)
        families = {self.family(origin).name for origin in first}
        order = sorted(first.items(), key=lambda item: (item[1][0], item[0]))[:most]
        members = []
        for origin, (day, number, unit, one) in order:
            path, name = self.indexes[number].named(unit, one)
            members.append(LineageMember(origin, path, name, None if day == NO_DAY else day))
        return tuple(members), len(families)

    @cached_property
    def standings(self) -> dict[str, tuple[str, int]]:
        """Of every origin the first day it is known of, ``NO_DAY`` where it has none, and how often
        one of its units stands in another origin too."""
        found: dict[str, tuple[str, int]] = {}
        days = first_days()
        for facts in (index.origin_facts for index in self.indexes):
            for name, first, shared in zip(facts.names, facts.first, facts.shared, strict=True):
                day, before = found.get(name, (days.get(name, NO_DAY), 0))
                found[name] = min(day, first or NO_DAY), before + shared
        return found

    def shingled(self, units: Sequence[tuple[int, int]]) -> list[Shingled]:
        """The shingle sets of reference units, (index number, unit) each, read together."""
        found = {one: self._shingled.recall(one) for one in units}
        missing = [one for one, known in found.items() if known is None]
        for number in sorted({number for number, _ in missing}):
            asked = [one for one in missing if one[0] == number]
            structure, text, spans = self.indexes[number].views([unit for _, unit in asked])
            structures = _sets(structure, self.parameters.k, spans)
            texts = _sets(text, self.parameters.text_k, spans)
            for one, own, words, (start, stop) in zip(asked, structures, texts, spans, strict=True):
                found[one] = self._shingled.keep(one, Shingled(own, words, stop - start))
        return [known for one in units if (known := found[one]) is not None]

    def alike(self, one: tuple[int, int], other: tuple[int, int]) -> float:
        """The score of two reference units, (index number, unit) each."""
        key = *one, *other
        known = self._alike.recall(key)
        if known is None:
            left, right = self.shingled([one, other])
            structure = resemblance(left.structure, right.structure)
            known = self._alike.keep(key, score(structure, resemblance(left.text, right.text)))
        return known
