"""Split a file into several; merge several files into one.

Parts of a split file import from each other what they use. A merged file has the imports of all
first, equal ones once; definitions that clash get new names. A split means the same where no
module variable is assigned anew by a function; a merge where no parameter or local has the name
of a clashing definition of its file.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Sequence
from itertools import pairwise

from attacks.syntax import IMPORTS, Definition, Names, head, read, uses, write

PARTS = 3


def split(source: str, rng: random.Random) -> tuple[str, ...]:
    """The definitions of a file in up to three files, in order."""
    tree = read(source)
    body = tree.body[head(tree.body) :]
    future = [one for one in tree.body[: head(tree.body)] if isinstance(one, ast.ImportFrom)]
    first = next((at for at, one in enumerate(body) if isinstance(one, Definition)), len(body))
    imports = [*future, *(one for one in body if isinstance(one, IMPORTS))]
    shared = [one for one in body[:first] if not isinstance(one, IMPORTS)]
    rest = [one for one in body[first:] if not isinstance(one, IMPORTS)]
    starts = [at for at, one in enumerate(rest) if isinstance(one, Definition)][1:]
    cuts = [0, *sorted(rng.sample(starts, min(PARTS - 1, len(starts)))), len(rest)]
    parts = [rest[cut:stop] for cut, stop in pairwise(cuts)]
    bound = [uses(*part).stores for part in parts]
    files: list[str] = []
    for number, part in enumerate(parts):
        mentioned = uses(*part).loads
        before: list[ast.stmt] = []
        behind: list[ast.stmt] = []
        for other, names in enumerate(bound):
            wanted = sorted(mentioned & (names - bound[number])) if other != number else []
            if wanted:
                line = ast.ImportFrom(f"part_{other}", [ast.alias(one) for one in wanted], 0)
                (before if other < number else behind).append(line)
        files.append(write(ast.Module([*imports, *before, *shared, *part, *behind], [])))
    return tuple(files)


def merge(sources: Sequence[str], rng: random.Random) -> str:
    """Several files as one; their classes stand in the order of the files."""
    future: dict[str, ast.stmt] = {}
    imports: dict[str, ast.stmt] = {}
    rest: list[ast.stmt] = []
    known: set[str] = set()  # what was merged, as text
    bound: set[str] = set()
    for source in sources:
        tree = read(source)
        names = Names(tree, rng)
        names.taken |= bound
        own = uses(*tree.body).stores
        twice = [one for one in tree.body if isinstance(one, Definition) and one.name in bound]
        clashing: set[str] = set()
        while (
            new := {
                one.name
                for one in twice
                if isinstance(one, ast.ClassDef)
                or ast.dump(one) not in known
                or uses(one).loads & clashing
            }
            - clashing
        ):
            clashing |= new
        tree = _Clashes({name: names.fresh(name) for name in sorted(clashing)}).visit(tree)
        for position, one in enumerate(tree.body):
            text = ast.dump(one)
            if position < head(tree.body):
                if isinstance(one, ast.ImportFrom):
                    future[text] = one
            elif isinstance(one, IMPORTS):
                imports[text] = one
            elif text not in known:
                known.add(text)
                rest.append(one)
        bound |= own
    return write(ast.Module([*future.values(), *imports.values(), *rest], []))


class _Clashes(ast.NodeTransformer):
    """Renames definitions of the module, and what mentions them."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_Module(self, node: ast.Module) -> ast.Module:
        for one in node.body:
            if isinstance(one, Definition):
                one.name = self.names.get(one.name, one.name)
        self.generic_visit(node)
        return node
