"""spoken: what the notice files of a source say of the families of indexes, by what they are asked
for. There may be very many of them, such as tables of a ``REUSE.toml``, and findings and files too:
nothing here is gone through for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from heapq import merge

from provenance.claims import Claim
from provenance.comments import LONGEST
from provenance.library import Library
from provenance.model import Declaration
from provenance.notices import NoticeFile, denies, named, spaced
from provenance.recent import Recent
from provenance.rights import fold_holder, parties
from provenance.stated import claimed
from provenance.statements import alternatives, identifiers, names_any

MOST_DECLARATIONS = 20
"""Lines that are told of what a finding is declared by."""
_MOST_LISTS = 100
"""Lists of notice files of which is remembered what they name."""
_MOST_KNOWN = 1_000
"""Lists of families of which is remembered what names them."""

Kept = tuple[str, int, str]
"""A line: path, number, text."""


def beside(files: Sequence[NoticeFile], library: Library) -> Spoken:
    """The notice files of a source, to be read against indexes."""
    return Spoken([Beside(file, library) for file in files])


class Beside:
    """A notice file, and what it names of the families of indexes: read once that is asked for, as
    in most sources nothing is found."""

    def __init__(self, file: NoticeFile, library: Library) -> None:
        self.file = file
        self._library = library
        self._states: dict[str, Kept | None] = {}

    @cached_property
    def named(self) -> tuple[Declaration, ...]:
        """The lines that name families, by claims and by names."""
        file, library = self.file, self._library
        found: dict[tuple[int, str], Declaration] = {}
        claims = () if file.listed else claimed(file.statements, file.path, library)
        for claim in claims:
            for one in claim.said:
                found.setdefault((one.line, one.family), one)
        for line, text in file.lines:
            for family in () if denies(text) else named(text, library.titles):
                one = Declaration("named", file.path, line, text[:LONGEST], family)
                found.setdefault((line, family), one)
        return tuple(found[key] for key in sorted(found))

    @cached_property
    def families(self) -> Mapping[str, Sequence[Declaration]]:
        """The families that are named, and the first lines of each: a file may have very many, and
        each finding asks for them."""
        found: dict[str, list[Declaration]] = {}
        for one in self.named:
            first = found.setdefault(one.family, [])
            if len(first) < MOST_DECLARATIONS:
                first.append(one)
        return found

    @cached_property
    def holders(self) -> Mapping[str, Kept]:
        """The first line that names each copyright holder, folded."""
        found: dict[str, Kept] = {}
        for line in self.file.statements.copyrights:
            for party in parties(line.holder):
                found.setdefault(fold_holder(party), (self.file.path, line.line, line.text))
        return found

    @cached_property
    def licenses(self) -> Mapping[str, list[int]]:
        """Which of the lines that state licences name each of them, in order."""
        found: dict[str, list[int]] = {}
        for at, licenses in enumerate(self._licensed):
            for one in licenses:
                found.setdefault(one, []).append(at)
        return found

    @cached_property
    def _licensed(self) -> list[frozenset[str]]:
        return [identifiers(line.expression) for line in self.file.statements.licenses]

    def states(self, expression: str) -> Kept | None:
        """The first line that states a licence."""
        if expression not in self._states:
            chosen = alternatives(expression)
            asked = _asked(self.licenses, chosen, range(len(self._licensed)))
            at = next((at for at in asked if names_any(self._licensed[at], chosen)), None)
            line = None if at is None else self.file.statements.licenses[at]
            place = None if line is None else (self.file.path, line.line, line.text)
            self._states[expression] = place
        return self._states[expression]


class Spoken:
    """The notice files of a source."""

    def __init__(self, files: Sequence[Beside]) -> None:
        self.files = tuple(files)
        self._naming: Recent[tuple[int, ...], Naming] = Recent(_MOST_LISTS)

    def of(self, path: str) -> Covering:
        """Those that speak of a file."""
        found = [n for n in self._others if self.files[n].file.covers(path)]
        listing = self._listing.get(spaced(path), ())
        found += (n for n in listing if self.files[n].file.covers(path))
        return Covering(self, sorted(found))

    @cached_property
    def _others(self) -> list[int]:
        """Those that list no files."""
        return [n for n, one in enumerate(self.files) if not one.file.listed]

    @cached_property
    def _listing(self) -> Mapping[str, list[int]]:
        """Those that list a file, by how they name it."""
        return _by_name(one.file.listed for one in self.files)

    @cached_property
    def holders(self) -> Mapping[str, list[int]]:
        """The files, by their numbers, that name each copyright holder, folded."""
        return _by_name(one.holders for one in self.files)

    @cached_property
    def licenses(self) -> Mapping[str, list[int]]:
        """Those that name each licence."""
        return _by_name(one.licenses for one in self.files)

    def naming(self, files: Sequence[int]) -> Naming:
        """What some of them name: few lists are told apart, as folders stand in each other, and a
        ``REUSE.toml`` names no family; of parts that list files there may be more."""
        key = tuple(n for n in files if self.files[n].families)
        known = self._naming.recall(key)
        if known is None:
            known = self._naming.keep(key, Naming([self.files[n] for n in key]))
        return known


def _by_name(files: Iterable[Iterable[str]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, names in enumerate(files):
        for name in names:
            found.setdefault(name, []).append(number)
    return found


def _asked(
    places: Mapping[str, Sequence[int]], chosen: Iterable[frozenset[str]], every: Sequence[int]
) -> Iterable[int]:
    """The places, ascending, that may name all licences of an alternative: those of that which the
    fewest name; ``every`` where it has none."""
    return merge(
        *(min((places.get(one, ()) for one in all_), key=len, default=every) for all_ in chosen)
    )


class Naming:
    """What some notice files name together: of each family the first lines."""

    def __init__(self, files: Sequence[Beside]) -> None:
        self.families: dict[str, list[tuple[int, int, str, Declaration]]] = {}
        for number, file in enumerate(files):
            for family, lines in file.families.items():
                first = self.families.setdefault(family, [])
                for one in lines[: MOST_DECLARATIONS - len(first)]:
                    first.append((number, one.line, family, one))
        self._known: Recent[frozenset[str], tuple[Declaration, ...]] = Recent(_MOST_KNOWN)

    def of(self, families: frozenset[str]) -> tuple[Declaration, ...]:
        """The first lines that name one of some families, as one finding after another asks."""
        known = self._known.recall(families)
        if known is None:
            lines = [one for family in families for one in self.families.get(family, ())]
            lines.sort(key=lambda one: one[:3])
            first = tuple(one for *_, one in lines[:MOST_DECLARATIONS])
            known = self._known.keep(families, first)
        return known


class Covering:
    """The notice files that speak of one scanned file."""

    def __init__(self, spoken: Spoken, files: Sequence[int]) -> None:
        self._spoken, self._files, self._among = spoken, files, frozenset(files)

    @cached_property
    def _naming(self) -> Naming:
        return self._spoken.naming(self._files)

    @property
    def listed(self) -> int:
        """How many families they name, all in all, or reference files that they list it as."""
        return max(len(self._naming.families), len(self._listed_as))

    def of(self, families: Iterable[str]) -> tuple[Declaration, ...]:
        """The first lines that name one of some families."""
        return self._naming.of(frozenset(families))

    @cached_property
    def _listed_as(self) -> Mapping[tuple[str, str], Sequence[tuple[str, Claim]]]:
        """The first lines of notices of ours that list it as each reference file of a package."""
        found: dict[tuple[str, str], list[tuple[str, Claim]]] = {}
        for file in (self._spoken.files[n].file for n in self._files):
            for claim in file.statements.claims if file.listed else ():
                first = found.setdefault((file.package, claim.target), [])
                if len(first) < MOST_DECLARATIONS:
                    first.append((file.path, claim))
        return found

    def listed_as(self, package: str, reference: str, family: str) -> Iterator[Declaration]:
        """The lines of notices of ours that list it as of a reference file of a package, which is
        of a family that its path may not name."""
        for path, one in self._listed_as.get((spaced(package), reference), ()):
            yield Declaration(one.kind, path, one.line, one.text, family)

    def holder(self, folded: str) -> Kept | None:
        """The first line that names a copyright holder."""
        if not self._files:
            return None
        files = self._spoken.holders.get(folded, ())
        number = next((n for n in files if n in self._among), None)
        return None if number is None else self._spoken.files[number].holders[folded]

    def license(self, expression: str) -> Kept | None:
        """The first line that states a licence."""
        if not self._files:
            return None
        asked = _asked(self._spoken.licenses, alternatives(expression), self._files)
        stated = (self._spoken.files[n].states(expression) for n in asked if n in self._among)
        return next(filter(None, stated), None)


UNSPOKEN = Spoken(())
"""No notice file."""
NOBODY = UNSPOKEN.of("")
"""None that speaks of a file."""
