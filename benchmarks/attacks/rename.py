"""Rename everything: every identifier that the file defines, consistently, to a random one.

Classes, functions, methods, parameters, locals, attributes set on ``self`` or in a class, and the
local names of imports; what is imported keeps its own name. One old name has one new name in the
whole file. Kept: dunder names, builtins, what is only used. Not sound where a name is known to
others: an override of a foreign method (``forward``) is renamed too, as if the foreign base were
renamed with it, and ``x.name`` where the file defines an attribute ``name`` and ``x`` could be of
it. Names in strings stay, but for ``__all__``.
"""

from __future__ import annotations

import ast
import random

from attacks.syntax import BUILTINS, Definition, Names, is_future, read, write

_SELF = ("self", "cls")


def rename(source: str, rng: random.Random) -> str:
    """Rename every identifier that is defined in the file."""
    tree = read(source)
    defined = _Defined()
    defined.visit(tree)
    fresh = Names(tree, rng)
    wanted = defined.names | defined.attributes
    renamed = {name: fresh.fresh(name) for name in sorted(wanted) if _may_change(name)}
    return write(_Renaming(defined, renamed).visit(tree))


def _may_change(name: str) -> bool:
    return not name.startswith("__") and name not in BUILTINS and name != "_"


class _Defined(ast.NodeVisitor):
    """What a file defines: plain names, attributes, parameters, names of imports."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.keywords: set[str] = set()  # names a call of something defined here may give
        self.imported: set[str] = set()
        self.dotted: set[str] = set()  # bound by ``import a.b``: cannot be renamed there

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.names.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        receiver = node.value
        if (
            not isinstance(node.ctx, ast.Load)
            and isinstance(receiver, ast.Name)
            and receiver.id in _SELF
        ):
            self.attributes.add(node.attr)
        self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        self.names.add(node.arg)
        self.keywords.add(node.arg)
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.names.add(node.name)
        for statement in node.body:
            if isinstance(statement, Definition):
                self.attributes.add(statement.name)
            elif isinstance(statement, ast.Assign | ast.AnnAssign):
                targets = statement.targets if isinstance(statement, ast.Assign) else []
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    targets = [statement.target]
                    self.keywords.add(statement.target.id)
                self.attributes |= {one.id for one in targets if isinstance(one, ast.Name)}
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.names.add(node.name)
        self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.names.add(node.name)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.names |= {node.name} if node.name else set()
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            bound = alias.asname or alias.name.split(".")[0]
            self.imported.add(bound)
            if alias.asname or "." not in alias.name:
                self.names.add(bound)
            else:
                self.dotted.add(bound)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if is_future(node):
            return
        for alias in node.names:
            if alias.name != "*":
                self.imported.add(alias.asname or alias.name)
                self.names.add(alias.asname or alias.name)

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
            self.names.add(node.name)
        if isinstance(node, ast.MatchMapping) and node.rest:
            self.names.add(node.rest)
        super().generic_visit(node)


class _Renaming(ast.NodeTransformer):
    def __init__(self, defined: _Defined, renamed: dict[str, str]) -> None:
        self.defined = defined
        self.plain = {
            old: new for old, new in renamed.items() if old in defined.names - defined.dotted
        }
        self.attributes = {old: new for old, new in renamed.items() if old in defined.attributes}
        # A name of a class body is an attribute as well: both maps agree.
        self.plain.update(
            (old, new) for old, new in self.attributes.items() if old in defined.names
        )

    def _new(self, name: str) -> str:
        return self.plain.get(name, name)

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self._new(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.Attribute:
        if node.attr in self.attributes and self._is_own(node.value):
            node.attr = self.attributes[node.attr]
        self.generic_visit(node)
        return node

    def _is_own(self, receiver: ast.expr) -> bool:
        """Whether an attribute of this may be one that the file defines. Judged by old names,
        for children are visited last."""
        if isinstance(receiver, ast.Name):
            return receiver.id not in self.defined.imported and "config" not in receiver.id
        return not (isinstance(receiver, ast.Attribute) and "config" in receiver.attr)

    def visit_Call(self, node: ast.Call) -> ast.Call:
        function = node.func
        own = (
            function.attr in self.defined.attributes and self._is_own(function.value)
            if isinstance(function, ast.Attribute)
            else isinstance(function, ast.Name)
            and function.id in self.defined.names - self.defined.imported
        )
        for given in node.keywords:
            if own and given.arg in self.defined.keywords:
                given.arg = self._new(given.arg)
        self.generic_visit(node)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg = self._new(node.arg)
        self.generic_visit(node)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        node.name = self._new(node.name)
        self.generic_visit(node)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.name = self._new(node.name)
        self.generic_visit(node)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        node.name = self._new(node.name)
        self.generic_visit(node)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        node.name = self._new(node.name) if node.name else None
        self.generic_visit(node)
        return node

    def visit_Import(self, node: ast.Import) -> ast.Import:
        for alias in node.names:
            if alias.asname or "." not in alias.name:
                self._rebind(alias)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        for alias in node.names:
            if alias.name != "*" and not is_future(node):
                self._rebind(alias)
        return node

    def _rebind(self, alias: ast.alias) -> None:
        bound = alias.asname or alias.name
        if bound in self.plain:
            alias.asname = self.plain[bound]

    def visit_Global(self, node: ast.Global) -> ast.Global:
        node.names = [self._new(name) for name in node.names]
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.Nonlocal:
        node.names = [self._new(name) for name in node.names]
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        if any(isinstance(one, ast.Name) and one.id == "__all__" for one in node.targets):
            for part in ast.walk(node.value):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    part.value = self._new(part.value)
        self.generic_visit(node)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
            node.name = self._new(node.name)
        if isinstance(node, ast.MatchMapping) and node.rest:
            node.rest = self._new(node.rest)
        return super().generic_visit(node)
