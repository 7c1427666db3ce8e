"""declared: what a scanned file says of its sources, held against what its text shows.

Two facts, kept apart: the origin a file names (comments, copyright lines, imports), and the one
its text resembles. Their difference is a finding of its own, and so is a notice that is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from provenance.library import Library
from provenance.licenses import duties
from provenance.model import (
    Attribution,
    FileResult,
    Finding,
    Identity,
    Notice,
    Reference,
    SourceFile,
    UseOf,
)
from provenance.statements import (
    NOTHING,
    Claim,
    Copyright,
    License,
    Statements,
    continuity,
    statements,
)
from provenance.uses import Use, resolve, uses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tree_sitter import Tree

_HEAD_LINES = 60
_LINES_ABOVE = 8
_LEAST_SHARE = 0.1
"""Share of a file that a reference must explain before its notices are asked for. A choice."""
_INHERITS = ("import", "subclass")


@dataclass(frozen=True, slots=True)
class Said:
    """All that one file says: its statements, the families its claims name, its uses."""

    statements: Statements
    claims: tuple[tuple[Claim, str], ...]  # with the family
    uses: tuple[UseOf, ...]


def said(file: SourceFile, trees: Sequence[Tree], library: Library) -> Said:
    """Read one file.

    Args:
        file: what was scanned.
        trees: its syntax trees.
        library: the indexes.
    """
    known = library.names
    stated = statements(file.content)
    named: list[tuple[Claim, str]] = []
    for claim in stated.claims:
        origin = _origin(claim, known)
        if origin is not None:
            named.append((claim, library.family(origin).name))
    found = []
    for use in uses(file.content, file.path, known, trees):
        origin = resolve(use, known)
        if origin is not None:
            title = library.family(origin).title
            found.append(UseOf(use.kind, use.target, use.line, origin, title))
    return Said(stated, tuple(named), tuple(found))


def _origin(claim: Claim, known: Mapping[str, str]) -> str | None:
    """The origin whose code a claim names, by the path or dotted name in it."""
    target = claim.target
    if claim.repository is not None:
        target = claim.repository.path or claim.repository.name
    target = target.removesuffix(".py").replace("/", ".")
    if target.startswith("src."):
        target = target[4:]
    return resolve(Use("import", target, claim.line), known)


def declared(
    result: FileResult, findings: Sequence[Finding], told: Said, library: Library
) -> tuple[FileResult, tuple[Finding, ...]]:
    """The result of a file and its findings, with what the file says of its sources."""
    kept: dict[tuple[tuple[str, ...], tuple[str, ...]], bool] = {}
    for finding in findings:
        notice = library.notices_of(finding.reference)
        if notice not in kept:
            kept[notice] = keeps_holders(told.statements, _statements(*notice))
    known = tuple(
        attributed(finding, told, library, kept[library.notices_of(finding.reference)])
        for finding in findings
    )
    found = notices(result, known, told, library)
    return replace(result, uses=told.uses, notices=found), known


def attributed(finding: Finding, told: Said, library: Library, kept: bool) -> Finding:
    """The finding with whether the file declares it.

    Declared: a comment above or inside the unit, or at the file's head, names its family or one
    that has it as well; it keeps the copyright lines of all the reference's own holders; or, where
    no comment names a family, the file imports or extends code of it. Declared elsewhere: comments
    name other families only. What the file imports then stands among its uses: an import says what
    the code needs, not where its text is from.
    """
    reference = finding.reference
    families = {reference.family, *(library.family(origin).name for origin in finding.also)}
    first, last = finding.suspect.start_line - _LINES_ABOVE, finding.suspect.end_line
    near = {
        family
        for claim, family in told.claims
        if first <= claim.line <= last or claim.line <= _HEAD_LINES
    }
    inherited = {library.family(use.origin).name for use in told.uses if use.kind in _INHERITS}
    attribution: Attribution = "undeclared"
    if families & near or kept:
        attribution = "declared"
    elif near:
        attribution = "declared elsewhere"
    elif reference.family in inherited:
        attribution = "declared"
    return replace(finding, attribution=attribution)


def notices(
    result: FileResult, findings: Sequence[Finding], told: Said, library: Library
) -> tuple[Notice, ...]:
    """The notices of the reference files that explain a good part of the file, most first."""
    shares = {share.origin: share.share for share in result.composition}
    first: dict[str, Finding] = {}
    for finding in findings:
        if finding.verdict != "common":
            first.setdefault(finding.reference.origin, finding)
    asked = [origin for origin in first if shares.get(origin, 0.0) >= _LEAST_SHARE]
    asked.sort(key=lambda one: (-shares[one], one))
    said = told.statements
    return tuple(_notice(first[one].reference, shares[one], said, library) for one in asked)


def of_identical(result: FileResult, told: Said, library: Library) -> FileResult:
    """The result of a file that is a reference file but for its layout, with what became of the
    notices."""
    if result.identical is None:
        return result
    notice = _notice(result.identical, 1.0, told.statements, library)
    return replace(result, uses=told.uses, notices=(notice,))


def of_exact(result: FileResult, library: Library) -> FileResult:
    """The result of a file that is a reference file byte for byte: it names whom that names."""
    if result.identical is None:
        return result
    named = _statements(*library.notices_of(result.identical))
    return replace(result, notices=(_notice(result.identical, 1.0, named, library),))


def _notice(
    reference: Reference | Identity, share: float, told: Statements, library: Library
) -> Notice:
    kept = continuity(told, _statements(*library.notices_of(reference)))
    return Notice(
        origin=reference.origin,
        path=reference.path,
        share=share,
        license=reference.license,
        duties=tuple(
            f"{duty.text} ({duty.license}, {duty.section})" if duty.section else duty.text
            for duty in duties(reference.license or "")
        ),
        kept_holders=kept.kept_holders,
        missing_holders=kept.missing_holders,
        new_holders=kept.new_holders,
        publishers=kept.publishers,
        missing_licenses=kept.missing_licenses,
        replaced=kept.replaced,
    )


def keeps_holders(suspect: Statements, reference: Statements) -> bool:
    """Whether a file names all holders of a reference's own copyright lines, publishers aside,
    and there are some."""
    own = continuity(NOTHING, reference).missing_holders  # publishers stand apart
    return bool(own) and not continuity(suspect, reference).missing_holders


def _statements(holders: tuple[str, ...], licenses: tuple[str, ...]) -> Statements:
    return Statements(
        copyrights=tuple(Copyright(0, holder, "", holder) for holder in holders),
        licenses=tuple(License(0, one, "tag", one) for one in licenses),
    )
