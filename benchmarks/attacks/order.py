"""Reorder members: methods in classes, definitions of a module, as far as dependencies allow.

A definition may move over any other statement that neither needs it when it runs, nor is needed
by it: bases, decorators, defaults and class bodies run where they stand, function bodies when
they are called. Other statements keep their order. The program means the same, but for what
reads the order of definitions.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Sequence

from attacks.syntax import Definition, Function, head, read, uses, write


def reorder(source: str, rng: random.Random) -> str:
    """Put members in another order."""
    tree = read(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef):
            first = head(node.body)
            node.body[first:] = _shuffled(node.body[first:], rng)
    return write(tree)


def _shuffled(body: Sequence[ast.stmt], rng: random.Random) -> list[ast.stmt]:
    """A random order that keeps what each statement depends on before it."""
    bound = [uses(one).stores for one in body]
    needed = _needed(body)
    before: list[set[int]] = [set() for _ in body]
    for later, statement in enumerate(body):
        for earlier in range(later):
            fixed = not isinstance(statement, Definition) and not isinstance(
                body[earlier], Definition
            )
            if (
                fixed
                or bound[earlier] & (needed[later] | bound[later])
                or needed[earlier] & bound[later]
            ):
                before[later].add(earlier)
    order: list[int] = []
    left = list(range(len(body)))
    while left:
        placed = set(order)
        ready = [one for one in left if before[one] <= placed]
        chosen = rng.choice(ready)
        order.append(chosen)
        left.remove(chosen)
    return [body[one] for one in order]


def _needed(body: Sequence[ast.stmt]) -> list[set[str]]:
    """The names each statement needs when it runs, those of functions it may call included."""
    functions = {one.name: one for one in body if isinstance(one, Definition)}
    mentioned = {name: uses(one).loads for name, one in functions.items()}
    needed: list[set[str]] = []
    for statement in body:
        names = _at_once(statement)
        found: set[str] = set()
        stack = sorted(names)
        while stack:
            name = stack.pop()
            if name not in found:
                found.add(name)
                stack += sorted(mentioned.get(name, ()))
        needed.append(found)
    return needed


def _at_once(statement: ast.AST) -> set[str]:
    """Names loaded where a statement stands; the body of a function is not run there."""
    if isinstance(statement, Function):
        return uses(statement.args, *statement.decorator_list).loads | (
            uses(statement.returns).loads if statement.returns else set()
        )
    if isinstance(statement, ast.ClassDef):
        names = uses(*statement.bases, *statement.keywords, *statement.decorator_list).loads
        return names.union(*(_at_once(one) for one in statement.body))
    return uses(statement).loads
