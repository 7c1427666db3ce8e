"""declared: what a scanned file says of its sources, held against what its text shows.

Two facts, kept apart: the origin a file names (comments, copyright lines, imports), and the one
its text resembles. Their difference is a finding of its own, and so is a notice that is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from provenance.comments import LONGEST, decorated, head_lines
from provenance.known import resolve
from provenance.library import Library
from provenance.licenses import duties
from provenance.model import (
    Attribution,
    Declaration,
    FileResult,
    Finding,
    Identity,
    Notice,
    Reference,
    SourceFile,
    UseOf,
)
from provenance.rights import Copyright, License, fold_holder, parties
from provenance.spoken import MOST_DECLARATIONS, NOBODY, UNSPOKEN, Covering, Kept, Spoken
from provenance.stated import Stated, claimed, module_of
from provenance.statements import (
    NOTHING,
    Statements,
    continuity,
    of_cells,
)
from provenance.uses import is_worth_reading, uses

if TYPE_CHECKING:
    from tree_sitter import Tree

    from provenance.parse import Walked

_HEAD_LINES = 60
_LINES_ABOVE = 8
_MOST_NAMED = 50
"""Families that the notice files of a file, or its comments near a unit, may name and still declare
each. Who names all of the default index, some 600, says nothing of any; of 1,115 notice files of
Debian and of Python packages none names one. A choice."""
_LEAST_SHARE = 0.1
"""Share of a file that a reference must explain before its notices are asked for. A choice."""
_INHERITS = ("import", "subclass")


@dataclass(frozen=True)
class Said:
    """All that one file says: its statements, what its claims declare, its uses; and what the
    notice files beside and above it say."""

    path: str
    statements: Statements
    claims: tuple[Stated, ...]
    uses: tuple[UseOf, ...]
    beside: Covering = NOBODY
    head: int = _HEAD_LINES  # lines in which a claim speaks of the whole file
    decorated: Mapping[int, int] = field(default_factory=dict)  # lines of definitions: their first

    @cached_property
    def holders(self) -> Mapping[str, Kept]:
        """The first line of the file that names each copyright holder, folded: asked for again for
        each reference that names others."""
        return {
            fold_holder(party): (self.path, line.line, line.text)
            for line in reversed(self.statements.copyrights)
            for party in parties(line.holder)
        }


def used(
    file: SourceFile, trees: Sequence[Tree], walked: Walked, library: Library
) -> tuple[UseOf, ...]:
    """The uses of known families in a file whose syntax trees are given, and what a walk of them
    gave."""
    known = library.names
    if not is_worth_reading(walked, file.path, known):
        return ()
    found = []
    for use in uses(file.content, file.path, known, trees):
        origin = resolve(use, known)
        if origin is not None:
            title = library.family(origin).title
            found.append(UseOf(use.kind, use.target, use.line, origin, title))
    return tuple(found)


def said(
    file: SourceFile, reuse: tuple[UseOf, ...], library: Library, notices: Spoken = UNSPOKEN
) -> Said:
    """Read one file; only where something was found in it, does what it says count.

    Args:
        file: what was scanned.
        reuse: what is ``used`` there.
        library: the indexes.
        notices: the notice files of the source.
    """
    stated = of_cells(file.content, file.cells)
    claims, head = tuple(claimed(stated, file.path, library)), head_lines(file.content)
    above = decorated(file.content) if claims else {}
    beside = notices.of(file.path)
    return Said(file.path, stated, claims, reuse, beside, max(_HEAD_LINES, head), above)


def declared(
    result: FileResult, findings: Sequence[Finding], told: Said, library: Library
) -> tuple[FileResult, tuple[Finding, ...]]:
    """The result of a file and its findings, with what the file says of its sources."""
    kept: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Kept]] = {}
    for finding in findings:
        notice = library.notices_of(finding.reference)
        if notice not in kept:
            kept[notice] = keeps_holders(told, _statements(*notice))
    uses: dict[str, list[UseOf]] = {}
    for use in told.uses:
        if use.kind in _INHERITS:
            uses.setdefault(library.family(use.origin).name, []).append(use)
    known = tuple(
        attributed(finding, told, library, kept[library.notices_of(finding.reference)], uses)
        for finding in findings
    )
    found = notices(result, known, told, library)
    return replace(result, uses=told.uses, notices=found), known


def attributed(
    finding: Finding,
    told: Said,
    library: Library,
    kept: Sequence[Kept],
    inherited: Mapping[str, Sequence[UseOf]],
) -> Finding:
    """The finding with whether it is declared, and the lines that say so.

    Declared: a comment above, around or inside the unit and its decorators, or at the file's head,
    names its family, one that has it as well or the reference file, or a notice file beside or
    above the file names a family; all of the reference's own holders are named in copyright lines,
    here or in notice files; or, where no comment names a family, the file imports or extends code
    of it. Declared elsewhere: comments name other families only. What the file imports then stands
    among its uses: an import says what the code needs, not where its text is from. Comments and
    notice files that name very many families declare none by it; their lines are ``listed``, with
    how many they name.
    """
    reference, suspect = finding.reference, finding.suspect
    families = {reference.family, *(library.family(origin).name for origin in finding.also)}
    first = told.decorated.get(suspect.start_line, suspect.start_line)
    lines = (first - _LINES_ABOVE, suspect.end_line)
    uses = tuple(
        Declaration(use.kind, told.path, use.line, use.target, reference.family)
        for use in inherited.get(reference.family, ())
    )
    attribution, found = _attribution(reference, families, lines, told, kept, uses)
    return replace(finding, attribution=attribution, declarations=found)


def _attribution(
    reference: Reference | Identity,
    families: set[str],
    within: tuple[int, int],
    told: Said,
    kept: Sequence[Kept],
    uses: Sequence[Declaration] = (),
) -> tuple[Attribution, tuple[Declaration, ...]]:
    """Whether what stands within some lines is declared as of one of some families."""
    first, last = within
    family, module = reference.family, module_of(reference.path)
    own: dict[tuple[str, int], str] = {}
    near: list[Declaration] = []
    for stated in told.claims:  # there may be very many, and findings too
        claim = stated.claim
        if (claim.line > last or claim.end_line < first) and claim.line > told.head:
            continue
        if not _names_file(stated.target, module):
            near += (one for one in stated.said if one.family in families or not stated.neighbour)
        elif len(own) < MOST_DECLARATIONS:
            own.setdefault((claim.kind, claim.line), claim.text)
    near[:0] = (Declaration(kind, told.path, at, text, family) for (kind, at), text in own.items())
    listed: list[Declaration] = []
    if (count := len({one.family for one in near})) > _MOST_NAMED:
        listed += (_among(count, one) for one in near if one.family in families)
        near = []
    lines = [one for one in near if one.family in families]
    lines += (Declaration("copyright", path, line, text, family) for path, line, text in kept)
    exact = told.beside.listed_as(reference.package, reference.path, family)
    beside = (*exact, *told.beside.of(families))
    if told.beside.listed > _MOST_NAMED:
        listed += (_among(told.beside.listed, one) for one in beside)
    else:
        lines += beside
    if lines or not near:
        lines += uses
    attribution: Attribution = "declared" if lines else "undeclared"
    if not lines and near:
        attribution, lines = "declared elsewhere", near
    said: dict[Declaration, None] = {}
    for one in (*lines, *listed):
        if len(said) == MOST_DECLARATIONS:
            break
        said[one] = None
    return attribution, tuple(said)


def _names_file(target: str, module: str) -> bool:
    """Whether what a claim names is a reference file itself, by its path or dotted name: that of
    library code tells no family, and that of a model in a folder of another one's tells the
    other."""
    return module in target and (
        target == module or ("." in module and f".{module}." in f".{target}.")
    )


def _among(count: int, one: Declaration) -> Declaration:
    """A line that names a family among very many."""
    text = f"one of {count} families that are named: {one.text}"
    return replace(one, kind="listed", text=text[:LONGEST])


def notices(
    result: FileResult, findings: Sequence[Finding], told: Said, library: Library
) -> tuple[Notice, ...]:
    """The notices of the reference files that explain a good part of the file, most first: those of
    what is *derived* or equal, or where there is no baseline, of all that is not common."""
    judges = library.null is not None
    composed = {share.origin: share for share in result.composition}
    first: dict[str, Finding] = {}
    for finding in findings:
        equal = finding.clone_type in ("type-1", "type-2")
        if finding.verdict == "derived" or (
            finding.verdict == "resembles" and (equal or not judges)
        ):
            first.setdefault(finding.reference.origin, finding)
    asked = [composed[one] for one in first if one in composed]
    asked = [one for one in asked if one.share >= _LEAST_SHARE]
    asked.sort(key=lambda one: (-one.share, one.origin))
    return tuple(
        replace(_notice(first[one.origin].reference, one.share, told, library), also=one.also)
        for one in asked
    )


def of_identical(result: FileResult, told: Said, library: Library) -> FileResult:
    """The result of a file that is a reference file as it is, with whether that is declared, and
    what became of the notices."""
    same = result.identical
    if same is None:
        return result
    families = {library.family(origin).name for origin in (same.origin, *same.also)}
    kept = keeps_holders(told, _statements(*library.notices_of(same)), whole=True)
    attribution, lines = _attribution(same, families, (1, result.lines), told, kept)
    notice = _notice(same, 1.0, told, library)
    same = replace(same, attribution=attribution, declarations=lines)
    return replace(result, identical=same, uses=told.uses, notices=(notice,))


def _notice(reference: Reference | Identity, share: float, told: Said, library: Library) -> Notice:
    theirs = _statements(*library.notices_of(reference))
    kept = continuity(told.statements, theirs)
    family = library.family(reference.origin).name
    elsewhere: list[Declaration] = []
    beside: list[str] = []
    missing: dict[str, list[str]] = {"copyright": [], "license": []}
    for holder in kept.missing_holders:
        place = told.beside.holder(fold_holder(holder))
        if place is None:
            missing["copyright"].append(holder)
        else:
            beside.append(holder)
            elsewhere.append(Declaration("copyright", *place, family))
    for expression in kept.missing_licenses:
        place = told.beside.license(expression)
        if place is None:
            missing["license"].append(expression)
        else:
            elsewhere.append(Declaration("license", *place, family))
    return Notice(
        origin=reference.origin,
        path=reference.path,
        share=share,
        license=reference.license,
        duties=tuple(duty.sentence for duty in duties(reference.license or "")),
        kept_holders=kept.kept_holders,
        missing_holders=tuple(missing["copyright"]),
        new_holders=kept.new_holders,
        publishers=kept.publishers,
        missing_licenses=tuple(missing["license"]),
        replaced=bool(missing["copyright"] and kept.new_holders),
        elsewhere=tuple(elsewhere),
        elsewhere_holders=tuple(beside),
    )


def keeps_holders(told: Said, reference: Statements, whole: bool = False) -> list[Kept]:
    """The lines that name the holders of a reference's own copyright lines, publishers aside, in
    the file or beside it; none where one is not named. Of a ``whole`` file that names none but
    publishers, the lines that name these."""
    there = continuity(NOTHING, reference)  # publishers stand apart
    own = there.missing_holders or (there.publishers if whole else ())
    found = []
    for holder in own:
        key = fold_holder(holder)
        place = told.holders.get(key) or told.beside.holder(key)
        if place is None:
            return []
        found.append(place)
    return found


def _statements(holders: tuple[str, ...], licenses: tuple[str, ...]) -> Statements:
    return Statements(
        copyrights=tuple(Copyright(0, holder, "", holder) for holder in holders),
        licenses=tuple(License(0, one, "tag", one) for one in licenses),
    )
