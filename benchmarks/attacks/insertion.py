"""Insert dead statements: one before each of a quarter of the statements.

Assignments of names nobody reads, branches never taken, asserts of truths, log calls that say
nothing at the default level. The program means the same.
"""

from __future__ import annotations

import random

from attacks.syntax import Names, bodies, head, is_docstring, read, write

SHARE = 0.25


def insert(source: str, rng: random.Random) -> str:
    """Insert dead statements before a quarter of the statements."""
    tree = read(source)
    names = Names(tree, rng)
    places = []
    for body in bodies(tree):
        first = head(body)
        places += [(body, one) for one in body[first:] if not is_docstring(one)]
    chosen = rng.sample(places, round(SHARE * len(places)))
    logger = names.fresh("logger")
    logged = False
    for body, before in chosen:
        dead = _dead(names, rng, logger)
        logged |= logger in dead
        body[body.index(before) : body.index(before)] = read(dead).body
    if logged:
        imported = names.fresh("logging")
        first = head(tree.body)
        tree.body[first:first] = read(
            f"import logging as {imported}\n{logger} = {imported}.getLogger(__name__)"
        ).body
    return write(tree)


def _dead(names: Names, rng: random.Random, logger: str) -> str:
    """One statement that does nothing."""
    new, other = names.fresh(), names.fresh()
    number, more = rng.randint(0, 999), rng.randint(1, 99)
    return rng.choice(
        (
            f"{new} = {number}",
            f"{new} = '{other}'",
            f"{new} = {number} * {more} + {rng.randint(1, 9)}",
            f"{new} = [{number}, {more}, {rng.randint(1, 9)}]",
            f"{new} = {{'{other}': {number}}}",
            f"{new} = (lambda {other}: {other} + {more})",
            f"{new} = max({number}, {more})",
            f"if False:\n    {new} = {number}",
            f"if {number} < 0:\n    raise ValueError('{other}')",
            f"assert {number} >= 0",
            f"assert {number} == {number}, '{other}'",
            f"for {new} in ():\n    {other} = {new}",
            f"{logger}.debug('{other} %d', {number})",
            f"{logger}.debug('{other}')",
        )
    )
