"""statements: UTF-8 source -> ``Statements``, what a file's comments and docstrings say of where
its code comes from, whose it is and under which licence; and what became of such notices. Pure.

    comments    finds the comments and docstrings to read
    claims      where code comes from      rights      whose it is, under which licence
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from provenance.claims import Claim, claims_in, snippets_in
from provenance.comments import blocks, hits_in
from provenance.rights import (
    PUBLISHERS,
    Copyright,
    License,
    copyrights_in,
    fold_holder,
    licenses_in,
    parties,
)

MOST, MOST_VERBS = 2_000, 4_000
"""Claims, copyrights and licences read of one file, each, and the verbs that may make a claim which
are looked at in it, or in all notice files of a source; no person writes more."""


@dataclass(frozen=True, slots=True)
class Statements:
    """All that one file says of its origin, each kind in order of lines."""

    claims: tuple[Claim, ...] = ()
    copyrights: tuple[Copyright, ...] = ()
    licenses: tuple[License, ...] = ()


@dataclass(frozen=True, slots=True)
class Continuity:
    """What became, in the suspect, of the reference's notices.

    ``missing_holders`` have no line in the suspect; where the suspect names others instead,
    ``new_holders`` are those. ``publishers`` are missing holders that publish the package for
    others (``HuggingFace``) and are no author of this file alone. ``missing_licenses`` are
    expressions the suspect does not state, ``new_licenses`` those that only it states.
    """

    kept_holders: tuple[str, ...] = ()
    missing_holders: tuple[str, ...] = ()
    new_holders: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    kept_licenses: tuple[str, ...] = ()
    missing_licenses: tuple[str, ...] = ()
    new_licenses: tuple[str, ...] = ()

    @property
    def replaced(self) -> bool:
        """Whether a holder of the reference is absent while another one is named."""
        return bool(self.missing_holders and self.new_holders)


NOTHING = Statements()


def statements(content: bytes, verbs: Iterator[int] | None = None) -> Statements:
    """Read what one file says.

    Args:
        content: UTF-8 with ``\\n`` line ends (``SourceFile.content``).
        verbs: one for each verb of a claim that may be looked at, ``MOST_VERBS`` where None.

    Returns:
        The statements, in order of lines; at most ``MOST`` of each kind.
    """
    lower = content.lower()
    hits = hits_in(lower)
    if not hits:
        return NOTHING
    left = iter(range(MOST_VERBS)) if verbs is None else verbs
    claims: list[Claim] = []
    copyrights: list[Copyright] = []
    licenses: list[License] = []
    snippets: list[tuple[int, str]] = []
    for block, lines in blocks(content, hits):
        claims += claims_in(block, lines, left)
        for at in lines:
            if "SPDX-Snippet" in block.lines[at]:
                snippets.append((block.first_line + at, block.lines[at]))
        if block.notices:
            copyrights += copyrights_in(block, lines)
            licenses += licenses_in(block)
        if max(len(claims), len(copyrights), len(licenses)) >= MOST:
            break
    claims += snippets_in(snippets, claims)
    claims.sort(key=lambda claim: claim.line)
    return Statements(
        tuple(dict.fromkeys(claims))[:MOST], tuple(copyrights[:MOST]), tuple(licenses[:MOST])
    )


def of_cells(content: bytes, cells: Sequence[tuple[int, int]]) -> Statements:
    """What the cells of a notebook (``SourceFile.cells``) say, each by itself: each is run by
    itself, and a string that one leaves open hides no other."""
    if len(cells) < 2:
        return statements(content)
    lines = content.split(b"\n")
    claims: list[Claim] = []
    copyrights: list[Copyright] = []
    licenses: list[License] = []
    verbs = iter(range(MOST_VERBS))
    for (_, first), (_, stop) in pairwise((*cells, (0, len(lines) + 1))):
        said, above = statements(b"\n".join(lines[first - 1 : stop - 1]), verbs), first - 1
        claims += (
            replace(one, line=one.line + above, end_line=one.end_line + above)
            for one in said.claims
        )
        copyrights += (replace(one, line=one.line + above) for one in said.copyrights)
        licenses += (replace(one, line=one.line + above) for one in said.licenses)
    return Statements(tuple(claims[:MOST]), tuple(copyrights[:MOST]), tuple(licenses[:MOST]))


# --- continuity ---------------------------------------------------------------------------


def continuity(suspect: Statements, reference: Statements) -> Continuity:
    """What the suspect kept of the reference's notices.

    Holders are compared by ``fold_holder``, licences by ``names_any``.
    """
    here, there = _holders(suspect), _holders(reference)
    kept = tuple(name for key, name in there.items() if key in here)
    gone = {key: name for key, name in there.items() if key not in here}
    licensed, stated = _expressions(suspect), _expressions(reference)
    named, known = identifiers(*licensed), identifiers(*stated)
    still = dict.fromkeys(one for one in stated if names_any(named, alternatives(one)))
    return Continuity(
        kept_holders=kept,
        missing_holders=tuple(n for key, n in gone.items() if key not in PUBLISHERS),
        new_holders=tuple(name for key, name in here.items() if key not in there),
        publishers=tuple(name for key, name in gone.items() if key in PUBLISHERS),
        kept_licenses=tuple(still),
        missing_licenses=tuple(one for one in stated if one not in still),
        new_licenses=tuple(one for one in licensed if not identifiers(one) <= known),
    )


def _holders(said: Statements) -> dict[str, str]:
    found: dict[str, str] = {}
    for copyright_ in said.copyrights:
        for name in parties(copyright_.holder):
            found.setdefault(fold_holder(name), name)
    return found


def _expressions(said: Statements) -> tuple[str, ...]:
    """Expressions as written, those that differ in case only once."""
    found: dict[str, str] = {}
    for license_ in said.licenses:
        found.setdefault(license_.expression.casefold(), license_.expression)
    return tuple(found.values())


_AND, _OR = (re.compile(rf"(?<![\w.+-]){word}(?![\w.+-])") for word in ("and", "or"))
_GNU_ALONE = re.compile(r"([al]?gpl-\d(?:\.\d)?)(\+?)")


def alternatives(expression: str) -> tuple[frozenset[str], ...]:
    """The licences of each alternative of an expression; where it leaves none, all of it."""
    folded = expression.casefold()
    chosen = [folded] if _AND.search(folded) else _OR.split(folded)
    return tuple(identifiers(one) for one in chosen)


def names_any(named: frozenset[str], chosen: Iterable[frozenset[str]]) -> bool:
    """Whether all licences of one of some alternatives are named.

    >>> names_any(identifiers("MIT OR Apache-2.0"), alternatives("apache-2.0"))
    True
    >>> names_any(identifiers("MIT"), alternatives("MIT OR ISC"))
    True
    >>> names_any(identifiers("MIT"), alternatives("MIT AND ISC"))
    False
    """
    return any(one <= named for one in chosen)


def identifiers(*expressions: str) -> frozenset[str]:
    """The licences and exceptions of some expressions, those of GNU by their newer names."""
    found = set()
    for word in re.findall(r"\w[\w.+-]*", " ".join(expressions).casefold()):
        name = word.rstrip(".")
        if gnu := _GNU_ALONE.fullmatch(name):
            name = gnu[1] + ("-or-later" if gnu[2] else "-only")
        found.add(name)
    return frozenset(found - {"and", "or", "with"})
