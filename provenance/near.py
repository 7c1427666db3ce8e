"""near: the candidates of a unit, compared -> the nearest unit of each family, and why no other.
Pure but for the library.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from provenance.model import Near

if TYPE_CHECKING:
    from provenance.finding import Scored
    from provenance.library import Library

MOST = 3
"""Families that a finding lists below those that it names: a choice."""


def near(
    scored: Sequence[Scored], library: Library, besides: Collection[str] = (), most: int = MOST
) -> tuple[Near, ...]:
    """The nearest unit of each family, the nearest family first; of equals the older one.

    Args:
        scored: candidates of one unit, best first.
        library: the indexes.
        besides: families to leave out.
        most: how many to list.
    """
    found: dict[str, Near] = {}
    for one in scored:
        if len(found) >= most:
            break
        origins = library.origins(one.number, one.unit)
        for origin in sorted(origins, key=lambda name: (library.standings[name][0], name)):
            family = library.family(origin).name
            if family not in found and family not in besides and len(found) < most:
                place = library.first_place(one.number, one.unit, origin)
                found[family] = Near(family, origin, place.path, place.name, place.date, one.scores)
    return tuple(found.values())
