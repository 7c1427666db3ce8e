"""spread: the text of a file -> how many families of the indexes hold what stands on each line.

Asked by the same winnowed fingerprints by which candidates are found (runs of 16 elements of the
structure, or of 8 as written): a line is as common as the rarest of those that cover it. So what
is shown as common here is what proposes nobody, or tells no origin, in a scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from provenance.parse import parse, syntax
from provenance.schema import RUN, TEXT_RUN
from provenance.sketch import shingles, winnow

if TYPE_CHECKING:
    from provenance.library import Library


def spread(
    content: bytes, library: Library, cells: Sequence[tuple[int, int]] = ()
) -> dict[int, int]:
    """How many families have what stands on a line, at least; lines without a fingerprint that
    some index knows are left out.

    Args:
        content: of a file, UTF-8 (``SourceFile.content``).
        library: the indexes. Where a fingerprint is so frequent that its units are not listed,
            all families stand for it.
        cells: of a notebook, each read by itself (``SourceFile.cells``).
    """
    parsed = parse(content, syntax(content, cells=cells))
    tokens, parameters = parsed.tokens, library.parameters
    every = library.families
    least: dict[int, int] = {}
    for view, run, door in (
        (tokens.structure, parameters.run, RUN),
        (tokens.text, parameters.text_run, TEXT_RUN),
    ):
        if view.size < run:
            continue
        hashes = shingles(view, run)
        starts = winnow(hashes, parameters.window)
        families: list[set[str]] = [set() for _ in starts]
        frequent = [False] * len(starts)
        for number, index in enumerate(library.indexes):
            at, units, held = index.lookup(door, hashes[starts])
            for position, unit in zip(at.tolist(), units.tolist(), strict=True):
                for origin in library.origins(number, unit):
                    families[position].add(library.family(origin).name)
            for position, count in enumerate(held.tolist()):
                frequent[position] |= count > parameters.common
        lines = tokens.line
        for position, start in enumerate(starts.tolist()):
            count = every if frequent[position] else len(families[position])
            if count:
                for line in {int(one) for one in lines[start : start + run]}:
                    least[line] = min(count, least.get(line, count))
    return least
