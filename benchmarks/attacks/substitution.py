"""Change tokens: a quarter of the names, literals and operators, one by one.

Each occurrence is changed on its own, so the program still compiles but no longer means the same:
the model is an adversary who edits until a text detector is quiet, or a heavy rewrite. Imports,
annotations, docstrings, dunder names and what ``global`` or ``nonlocal`` names are kept.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable

from attacks.syntax import IMPORTS, Definition, Names, bodies, is_docstring, is_dunder, read, write

SHARE = 0.25
_BINARY = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult)
_COMPARED = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_UNARY = (ast.UAdd, ast.USub, ast.Not, ast.Invert)


def change_tokens(source: str, rng: random.Random) -> str:
    """Change a quarter of the tokens, each to another one of its kind."""
    tree = read(source)
    changes = _Changes(tree, rng)
    for change in rng.sample(changes.found, round(SHARE * len(changes.found))):
        change()
    return write(tree)


class _Changes:
    """One function for each token that may be changed, which changes it."""

    def __init__(self, tree: ast.Module, rng: random.Random) -> None:
        self.rng = rng
        self.names = Names(tree, rng)
        self.found: list[Callable[[], None]] = []
        self.kept = {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.Global | ast.Nonlocal)
            for name in node.names
        }
        self.known = sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)})
        for body in bodies(tree):
            for statement in body:
                if not is_docstring(statement):
                    self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        """The tokens of one statement, but not of those inside it."""
        if isinstance(node, (*IMPORTS, ast.Global, ast.Nonlocal, ast.Match)):
            return
        if isinstance(node, Definition):
            self._name(node, "name", node.name)
        if isinstance(node, ast.AugAssign) and isinstance(node.op, _BINARY):
            self._operator(node, _BINARY)
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns"):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST) and not isinstance(child, ast.stmt):
                        self._tokens(child)

    def _tokens(self, node: ast.AST) -> None:
        if isinstance(node, ast.stmt | ast.FormattedValue):
            for child in ast.iter_child_nodes(node):
                if not isinstance(child, ast.stmt | ast.JoinedStr):
                    self._tokens(child)
            return
        if isinstance(node, ast.Name):
            self._name(node, "id", node.id, free=not isinstance(node.ctx, ast.Load))
        elif isinstance(node, ast.Attribute):
            self._name(node, "attr", node.attr)
        elif isinstance(node, ast.arg):
            self._name(node, "arg", node.arg)
            return
        elif isinstance(node, ast.keyword) and node.arg:
            self._name(node, "arg", node.arg)
        elif isinstance(node, ast.Constant):
            self._constant(node)
        elif isinstance(node, ast.BinOp):
            self._operator(node, _BINARY)
        elif isinstance(node, ast.BoolOp):
            self._operator(node, (ast.And, ast.Or))
        elif isinstance(node, ast.UnaryOp):
            self._operator(node, _UNARY)
        elif isinstance(node, ast.Compare):
            for position, one in enumerate(node.ops):
                if isinstance(one, _COMPARED):
                    self._compared(node, position, one)
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.stmt):
                self._tokens(child)

    def _name(self, node: ast.AST, where: str, name: str, free: bool = True) -> None:
        """A name becomes a new one, or, where it is only read, one of the file's own."""
        if is_dunder(name) or name in self.kept:
            return

        def change() -> None:
            others = [] if free or self.rng.random() < 0.5 else self.known
            new = self.rng.choice(others) if others else self.names.fresh(name)
            setattr(node, where, new)

        self.found.append(change)

    def _constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self.found.append(lambda: setattr(node, "value", not value))
        elif isinstance(value, int):
            self.found.append(lambda: setattr(node, "value", value + self.rng.randint(1, 9)))
        elif isinstance(value, float):
            self.found.append(lambda: setattr(node, "value", self.rng.randint(1, 999) / 100))
        elif isinstance(value, str):
            self.found.append(lambda: setattr(node, "value", self.names.fresh()))

    def _operator(
        self,
        node: ast.BinOp | ast.BoolOp | ast.UnaryOp | ast.AugAssign,
        kinds: tuple[type[ast.AST], ...],
    ) -> None:
        others = [kind for kind in kinds if not isinstance(node.op, kind)]
        self.found.append(lambda: setattr(node, "op", self.rng.choice(others)()))

    def _compared(self, node: ast.Compare, position: int, operator: ast.cmpop) -> None:
        others = [kind for kind in _COMPARED if not isinstance(operator, kind)]

        def change() -> None:
            node.ops[position] = self.rng.choice(others)()

        self.found.append(change)
