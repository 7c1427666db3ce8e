"""Other control flow: branches inverted, loops for comprehensions and the other way round.

``if a: x else: y`` becomes ``if not a: y else: x``, conditional expressions likewise. A loop that
only appends becomes a list comprehension; a list, set or dict comprehension becomes a loop before
its statement; other ``for`` loops become ``while`` loops and these ``for`` loops. The program
means the same, but: a comprehension is evaluated before what stands left of it in its statement,
and its names outlive it.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Sequence

from attacks.syntax import Comprehension, Definition, Names, nested_bodies, read, uses, write

_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_HOISTING = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Expr)


def restructure(source: str, rng: random.Random) -> str:
    """Invert every branch; turn every loop and comprehension into another form."""
    tree = _Inverted().visit(read(source))
    loops = _Loops(Names(tree, rng), rng)
    tree.body = loops.block(tree.body, inside=False)
    return write(tree)


class _Inverted(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.If:
        self.generic_visit(node)
        return ast.If(_negated(node.test), node.orelse or [ast.Pass()], node.body)

    def visit_IfExp(self, node: ast.IfExp) -> ast.IfExp:
        self.generic_visit(node)
        return ast.IfExp(_negated(node.test), node.orelse, node.body)


def _negated(test: ast.expr) -> ast.expr:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in _OPPOSITE:
        return ast.Compare(test.left, [_OPPOSITE[type(test.ops[0])]()], test.comparators)
    return ast.UnaryOp(ast.Not(), test)


class _Loops:
    def __init__(self, names: Names, rng: random.Random) -> None:
        self.names, self.rng = names, rng

    def block(self, body: Sequence[ast.stmt], inside: bool) -> list[ast.stmt]:
        """A list of statements anew; loops are touched only ``inside`` functions."""
        made: list[ast.stmt] = []
        position = 0
        while position < len(body):
            statement = body[position]
            position += 1
            if inside and position < len(body):
                joined = _comprehension(statement, body[position])
                if joined is not None:
                    made.append(joined)
                    position += 1
                    continue
            within = inside or isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
            if isinstance(statement, ast.ClassDef):
                within = False
            for nested in nested_bodies(statement):
                nested[:] = self.block(nested, within)
            made += self._statement(statement) if inside else [statement]
        return made

    def _statement(self, node: ast.stmt) -> list[ast.stmt]:
        if isinstance(node, ast.For) and not node.orelse:
            return self._while(node)
        if isinstance(node, ast.While) and not node.orelse:
            leave = ast.If(_negated(node.test), [ast.Break()], [])
            forever = read("iter(int, 1)").body[0]
            assert isinstance(forever, ast.Expr)
            target = ast.Name(self.names.fresh("_"), ast.Store())
            return [ast.For(target, forever.value, [leave, *node.body], [])]
        if isinstance(node, _HOISTING) and node.value is not None:
            hoisting = _Hoisting(self.names)
            value = hoisting.visit(node.value)
            assert isinstance(value, ast.expr)
            node.value = value
            return [*hoisting.before, node]
        return [node]

    def _while(self, node: ast.For) -> list[ast.stmt]:
        """``for`` as ``while``: by counting where it counts, else by asking the iterator."""
        target, source = node.target, node.iter
        counts = (
            isinstance(source, ast.Call)
            and isinstance(source.func, ast.Name)
            and source.func.id == "range"
            and len(source.args) == 1
            and not isinstance(source.args[0], ast.Starred)
            and not source.keywords
        )
        if (
            counts
            and isinstance(source, ast.Call)
            and isinstance(target, ast.Name)
            and target.id not in uses(*node.body).stores
            and not any(isinstance(inner, ast.Continue) for inner in ast.walk(node))
        ):
            last = self.names.fresh("stop")
            start = ast.Assign([ast.Name(last, ast.Store())], source.args[0])
            zero = ast.Assign([target], ast.Constant(0))
            test = ast.Compare(_load(target.id), [ast.Lt()], [_load(last)])
            step = ast.AugAssign(ast.Name(target.id, ast.Store()), ast.Add(), ast.Constant(1))
            return [start, zero, ast.While(test, [*node.body, step], [])]
        iterator = self.names.fresh("iterator")
        call = ast.Call(_load("iter"), [source], [])
        start = ast.Assign([ast.Name(iterator, ast.Store())], call)
        following = ast.Assign([target], ast.Call(_load("next"), [_load(iterator)], []))
        ended = ast.ExceptHandler(_load("StopIteration"), None, [ast.Break()])
        ask = ast.Try([following], [ended], [], [])
        return [start, ast.While(ast.Constant(True), [ask, *node.body], [])]


def _load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


class _Hoisting(ast.NodeTransformer):
    """Takes comprehensions that surely run out of an expression, as loops ``before`` it."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.before: list[ast.stmt] = []

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Lambda | ast.IfExp | ast.BoolOp | ast.GeneratorExp):
            return node
        if not isinstance(node, Comprehension):
            return self.generic_visit(node)
        if any(one.is_async for one in node.generators) or any(
            isinstance(inner, ast.NamedExpr | ast.Await) for inner in ast.walk(node)
        ):
            return node
        result = self.names.fresh("result")
        fresh = {name: self.names.fresh(name) for name in sorted(_bound(node))}
        node = _Substituted(fresh).visit(node)
        assert isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp)
        start: ast.expr
        if isinstance(node, ast.DictComp):
            start = ast.Dict([], [])
            place = ast.Subscript(_load(result), node.key, ast.Store())
            innermost: ast.stmt = ast.Assign([place], node.value)
        else:
            is_list = isinstance(node, ast.ListComp)
            start = ast.List([], ast.Load()) if is_list else ast.Call(_load("set"), [], [])
            method = ast.Attribute(_load(result), "append" if is_list else "add", ast.Load())
            innermost = ast.Expr(ast.Call(method, [node.elt], []))
        loop = innermost
        for one in reversed(node.generators):
            for test in reversed(one.ifs):
                loop = ast.If(test, [loop], [])
            loop = ast.For(one.target, one.iter, [loop], [])
        self.before += [ast.Assign([ast.Name(result, ast.Store())], start), loop]
        return _load(result)


def _bound(node: ast.AST) -> set[str]:
    """Names that the generators of a comprehension bind."""
    generators = getattr(node, "generators", [])
    return uses(*(one.target for one in generators)).stores


class _Substituted(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def _comprehension(first: ast.stmt, second: ast.stmt) -> ast.stmt | None:
    """``x = []`` and a loop that only appends to x, as ``x = [...]``; None for others."""
    if not (
        isinstance(first, ast.Assign)
        and len(first.targets) == 1
        and isinstance(first.targets[0], ast.Name)
        and isinstance(first.value, ast.List)
        and not first.value.elts
        and isinstance(second, ast.For)
        and not second.orelse
        and len(second.body) == 1
    ):
        return None
    name = first.targets[0].id
    inner = second.body[0]
    tests: list[ast.expr] = []
    if isinstance(inner, ast.If) and len(inner.body) == 1 and not inner.orelse:
        tests = [inner.test]
        inner = inner.body[0]
    if isinstance(inner, Definition) or not (
        isinstance(inner, ast.Expr)
        and isinstance(inner.value, ast.Call)
        and isinstance(inner.value.func, ast.Attribute)
        and inner.value.func.attr == "append"
        and isinstance(inner.value.func.value, ast.Name)
        and inner.value.func.value.id == name
        and len(inner.value.args) == 1
        and not isinstance(inner.value.args[0], ast.Starred)
    ):
        return None
    element = inner.value.args[0]
    if name in uses(element, second.iter, *tests).loads or any(
        isinstance(part, ast.Yield | ast.YieldFrom | ast.Await | ast.NamedExpr)
        for part in ast.walk(second)
    ):
        return None
    generator = ast.comprehension(second.target, second.iter, tests, 0)
    return ast.Assign(first.targets, ast.ListComp(element, [generator]))
