"""Attacks on detection: seeded transformations of a program that keep it a valid one.

Each attack is a pure function (source text, random.Random) -> source text over Python's standard
``ast``; its module says what the program still means. Each result is checked by compiling; nothing
is ever run. ``split`` and ``merge`` make several files of one and one of several.

All write through ``ast.unparse``, so comments and layout go with every one of them, and the exact
text can differ between versions of Python; for one version and one seed it is the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from attacks.control import restructure
from attacks.files import merge, split
from attacks.functions import extract, inline
from attacks.insertion import insert
from attacks.layout import strip
from attacks.order import reorder
from attacks.rename import rename
from attacks.substitution import change_tokens

__all__ = ["ATTACKS", "COMBINED", "Attack", "merge", "split"]

Attack = Callable[[str, random.Random], str]


def _chain(*attacks: Attack) -> Attack:
    def attack(source: str, rng: random.Random) -> str:
        for one in attacks:
            source = one(source, rng)
        return source

    return attack


ATTACKS: dict[str, Attack] = {
    "rename": rename,
    "strip": strip,
    "reorder": reorder,
    "insert": insert,
    "tokens": change_tokens,
    "control": restructure,
    "extract": extract,
    "inline": inline,
}
"""By name, each alone."""
COMBINED: dict[str, Attack] = {
    "rename, insert": _chain(insert, rename),
    "rename, control": _chain(restructure, rename),
    "rename, extract": _chain(extract, rename),
    "rename, reorder, strip": _chain(reorder, rename, strip),
    "all": _chain(inline, extract, restructure, insert, reorder, rename, strip),
}
"""One after the other. ``all`` are all that keep the meaning, each done to the whole file."""
