"""rank: by what units and pieces are numbered, so that what is alike stands together."""

from __future__ import annotations

from functools import lru_cache

from provenance.mark import without_mark

Rank = tuple[int, str]
"""Classes, functions, the rest; then their name."""
NOWHERE: Rank = (9, "")


@lru_cache(maxsize=100_000)
def rank(kind: str, name: str, mark: str) -> Rank:
    """The rank of a unit of some kind and qualified name, in a file with a family mark."""
    plain_name = without_mark(name, mark) if mark else name
    return ({"class": 0, "module": 2}.get(kind, 1), plain_name.replace("\0", "\ufffd"))
