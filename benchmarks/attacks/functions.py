"""Extract blocks of statements into helpers; inline small helpers where they are called.

A block becomes a method, in a class, or a function, with what it reads as parameters and what is
read behind it as results. The program means the same, but a block is left alone where that is
not certain (a name that may be unbound, a jump out of it). An inlined body runs before what
stands left of the call in its statement; a method is inlined as if no subclass elsewhere
overrode it.
"""

from __future__ import annotations

import ast
import copy
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attacks.syntax import (
    Definition,
    Function,
    Names,
    head,
    is_dunder,
    nested_bodies,
    parameters,
    read,
    uses,
    write,
)

SHORTEST_BLOCK, LONGEST_BLOCK = 2, 6
MOST_INLINED = 12
"""Statements of a helper that is inlined at most."""
_JUMPS = (ast.Return, ast.Yield, ast.YieldFrom, ast.Await, ast.Break, ast.Continue)
_BINDING = (ast.Global, ast.Nonlocal, ast.Delete, ast.Import, ast.ImportFrom, *Definition.__args__)


# --- extract ------------------------------------------------------------------------------


def extract(source: str, rng: random.Random) -> str:
    """Make helpers of blocks: about one for every six statements of a function."""
    tree = read(source)
    names = Names(tree, rng)
    for body in (tree.body, *(one.body for one in tree.body if isinstance(one, ast.ClassDef))):
        in_class = body is not tree.body
        made: list[ast.stmt] = []
        for statement in body:
            if isinstance(statement, ast.FunctionDef):
                made += _Extraction(statement, in_class, names, rng).run()
            made.append(statement)
        body[:] = made
    return write(tree)


class _Extraction:
    """Helpers taken out of one function."""

    def __init__(
        self, function: ast.FunctionDef, in_class: bool, names: Names, rng: random.Random
    ) -> None:
        self.function, self.names, self.rng = function, names, rng
        listed = parameters(function.args)
        self.parameters = {one.arg for one in listed}
        plain = not function.decorator_list or _is_property(function)
        self.receiver = listed[0].arg if in_class and plain and listed else None
        self.helpers: list[ast.stmt] = []

    def run(self) -> list[ast.stmt]:
        function = self.function
        if any(
            isinstance(node, ast.Global | ast.Nonlocal | ast.Delete) for node in ast.walk(function)
        ):
            return []
        if self.receiver is None and any(
            isinstance(node, ast.Name) and node.id in ("super", "__class__")
            for node in ast.walk(function)
        ):
            return []
        lists = list(_lists(function.body, set(self.parameters)))
        size = sum(1 for node in ast.walk(function) if isinstance(node, ast.stmt)) - 1
        wanted = max(1, size // 6)
        self.rng.shuffle(lists)
        for body, bound in lists:
            if not any(body is one for one, _ in _lists(function.body, set())):
                continue  # it went into a helper with the block around it
            windows = self._windows(body)
            while windows and len(self.helpers) < wanted:
                first, stop = windows.pop()
                if self._take(body, first, stop, bound | _surely(body[:first])):
                    windows = [one for one in self._windows(body) if one[0] > first]
        return self.helpers

    def _windows(self, body: Sequence[ast.stmt]) -> list[tuple[int, int]]:
        first = head(list(body))
        found = [
            (start, start + size)
            for start in range(first, len(body))
            for size in range(SHORTEST_BLOCK, LONGEST_BLOCK + 1)
            if start + size <= len(body)
        ]
        self.rng.shuffle(found)
        return found

    def _take(self, body: list[ast.stmt], first: int, stop: int, bound: set[str]) -> bool:
        block = body[first:stop]
        if any(_leaves(one) for one in block):
            return False
        local = self.parameters | uses(*self.function.body).stores
        stores, surely, read_first = uses(*block).stores, _surely(block), _exposed(block, set())
        body[first:stop] = [ast.Pass()]
        outside = uses(*self.function.body).loads
        body[first : first + 1] = block
        results = stores & (outside | read_first)
        given = (read_first & local) | (results - surely)
        if not given <= bound or self.receiver in stores:
            return False
        given -= {self.receiver or ""}
        name = self.names.fresh("_helper")
        arguments = sorted(given)
        self.rng.shuffle(arguments)
        outputs = sorted(results)
        self.helpers.append(self._helper(name, arguments, block, outputs))
        function: ast.expr = ast.Name(name, ast.Load())
        if self.receiver is not None:
            function = ast.Attribute(ast.Name(self.receiver, ast.Load()), name, ast.Load())
        call = ast.Call(function, [ast.Name(one, ast.Load()) for one in arguments], [])
        body[first:stop] = [
            ast.Assign([_names(outputs, ast.Store())], call) if outputs else ast.Expr(call)
        ]
        return True

    def _helper(
        self, name: str, arguments: list[str], block: list[ast.stmt], outputs: list[str]
    ) -> ast.FunctionDef:
        first = [self.receiver] if self.receiver is not None else []
        body = list(block)
        if outputs:
            body.append(ast.Return(_names(outputs, ast.Load())))
        made = read(f"def {name}({', '.join([*first, *arguments])}): pass").body[0]
        assert isinstance(made, ast.FunctionDef)
        made.body = body
        return made


def _names(names: list[str], context: ast.expr_context) -> ast.expr:
    listed: list[ast.expr] = [ast.Name(one, context) for one in names]
    return listed[0] if len(listed) == 1 else ast.Tuple(listed, context)


def _is_property(function: ast.FunctionDef) -> bool:
    return all(
        isinstance(one, ast.Name) and one.id == "property" for one in function.decorator_list
    )


def _lists(body: list[ast.stmt], bound: set[str]) -> Iterator[tuple[list[ast.stmt], set[str]]]:
    """Lists of statements of a function with the names that are surely bound where each
    begins; those of nested definitions are left out."""
    yield body, set(bound)
    known = set(bound)
    for statement in body:
        if isinstance(statement, ast.If | ast.For | ast.While | ast.With):
            inner = set(known)
            if isinstance(statement, ast.For):
                inner |= uses(statement.target).stores
            if isinstance(statement, ast.With):
                inner |= _surely([ast.With(statement.items, [])])
            for nested in nested_bodies(statement):
                yield from _lists(nested, inner)
        known |= _surely([statement])


def _leaves(statement: ast.stmt) -> bool:
    """Whether a statement cannot move into another function."""
    stack: list[tuple[ast.AST, bool]] = [(statement, False)]
    while stack:
        node, looped = stack.pop()
        if isinstance(node, _BINDING) or (
            isinstance(node, _JUMPS) and not (looped and isinstance(node, ast.Break | ast.Continue))
        ):
            return True
        if isinstance(node, ast.Name) and node.id in ("locals", "vars", "__class__"):
            return True
        looped = looped or isinstance(node, ast.For | ast.While)
        stack += [(child, looped) for child in ast.iter_child_nodes(node)]
    return False


def _surely(body: Sequence[ast.stmt]) -> set[str]:
    """Names that are bound for certain when a list of statements ends."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, ast.Assign):
            found |= uses(*node.targets).stores
        elif isinstance(node, ast.AnnAssign | ast.AugAssign):
            found |= uses(node.target).stores if node.value is not None else set()
        elif isinstance(node, ast.With):
            found |= uses(*node.items).stores | _surely(node.body)
        elif isinstance(node, ast.If):
            branches = [one for one in (node.body, node.orelse) if not _ends(one)]
            if branches:
                found |= set.intersection(*(_surely(one) for one in branches))
        elif isinstance(node, Definition):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= uses(node).stores
    return found


def _exposed(body: Sequence[ast.stmt], known: set[str]) -> set[str]:
    """Names that a list of statements may read before it has bound them."""
    found: set[str] = set()
    known = set(known)
    for node in body:
        if isinstance(node, ast.If | ast.While):
            found |= uses(node.test).loads - known
            found |= _exposed(node.body, known) | _exposed(node.orelse, known)
        elif isinstance(node, ast.For):
            found |= (uses(node.iter).loads | uses(node.target).loads) - known
            inner = known | uses(node.target).stores
            found |= _exposed(node.body, inner) | _exposed(node.orelse, known)
        elif isinstance(node, ast.With):
            found |= uses(*node.items).loads - known
            found |= _exposed(node.body, known | uses(*node.items).stores)
        else:
            found |= uses(node).loads - known
        known |= _surely([node])
    return found


def _ends(body: Sequence[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)


# --- inline -------------------------------------------------------------------------------


def inline(source: str, rng: random.Random) -> str:
    """Put the bodies of small helpers where these are called; drop those that are not used."""
    tree = read(source)
    names = Names(tree, rng)
    methods = Counter(
        one.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for one in node.body
        if isinstance(one, Function)
    )
    functions = _small(tree.body, in_class=False)
    used: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            own = {
                name: one
                for name, one in _small(node.body, in_class=True).items()
                if methods[name] == 1
            }
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    used |= _Inlining(method, functions, own, names).run()
        elif isinstance(node, ast.FunctionDef):
            used |= _Inlining(node, functions, {}, names).run()
    _drop(tree, used)
    return write(tree)


@dataclass(frozen=True, slots=True)
class _Small:
    """A helper that may be inlined: its body without docstring and last ``return``."""

    function: ast.FunctionDef
    body: list[ast.stmt]
    result: ast.expr


def _small(body: Sequence[ast.stmt], in_class: bool) -> dict[str, _Small]:
    found: dict[str, _Small] = {}
    for node in body:
        if not isinstance(node, ast.FunctionDef) or node.decorator_list or is_dunder(node.name):
            continue
        inner = node.body[head(node.body) :]
        result: ast.expr = ast.Constant(None)
        if inner and isinstance(inner[-1], ast.Return):
            result = inner[-1].value or result
            inner = inner[:-1]
        arguments = node.args
        if (
            arguments.vararg
            or arguments.kwarg
            or (in_class and not arguments.args)
            or sum(1 for one in inner for _ in _statements_of(one)) > MOST_INLINED
            or any(_leaves(one) for one in inner)
            or any(
                isinstance(part, (*_JUMPS, ast.Lambda, ast.NamedExpr)) for part in ast.walk(result)
            )
            or any(isinstance(part, ast.Lambda) for one in inner for part in ast.walk(one))
            or node.name in uses(*node.body).loads
            or "super" in uses(*node.body).loads
        ):
            continue
        found[node.name] = _Small(node, inner, result)
    return found


def _statements_of(node: ast.stmt) -> Iterator[ast.stmt]:
    return (one for one in ast.walk(node) if isinstance(one, ast.stmt))


class _Inlining:
    """Calls of small helpers in one function, replaced by their bodies."""

    def __init__(
        self,
        function: ast.FunctionDef,
        functions: dict[str, _Small],
        methods: dict[str, _Small],
        names: Names,
    ) -> None:
        self.function, self.names = function, names
        listed = parameters(function.args)
        self.receiver = listed[0].arg if methods and listed else None
        self.functions, self.methods = functions, methods
        self.local = {one.arg for one in listed} | uses(*function.body).stores
        self.used: set[str] = set()

    def run(self) -> set[str]:
        self._block(self.function.body)
        return self.used

    def _block(self, body: list[ast.stmt]) -> None:
        made: list[ast.stmt] = []
        for statement in body:
            if not isinstance(statement, Definition):
                for nested in nested_bodies(statement):
                    self._block(nested)
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.Return | ast.Expr):
                value = statement.value
                if value is not None:
                    replacing = _Calls(self)
                    statement.value = replacing.expression(value)
                    made += replacing.before
            made.append(statement)
        body[:] = made

    def expanded(self, call: ast.Call) -> tuple[list[ast.stmt], ast.expr] | None:
        """The body a call stands for and its result; None where it stays a call."""
        small, bound = self._target(call)
        if small is None or small.function is self.function:
            return None
        listed = parameters(small.function.args)
        given = self._given(call, small.function, bound)
        if given is None:
            return None
        own = {one.arg for one in listed} | uses(*small.body).stores | _comprehended(small)
        free = uses(*small.body, small.result).loads - own
        if free & self.local:
            return None  # the caller means something else by that name
        stored = uses(*small.body).stores | _comprehended(small)
        replaced: dict[str, ast.expr] = {}
        before: list[ast.stmt] = []
        for name in sorted(own):
            value = given.get(name)
            if isinstance(value, ast.Name | ast.Constant) and name not in stored:
                replaced[name] = value
                continue
            fresh = self.names.fresh(name)
            self.local.add(fresh)
            replaced[name] = ast.Name(fresh, ast.Load())
            if value is not None:
                before.append(ast.Assign([ast.Name(fresh, ast.Store())], value))
        put = _Replaced(replaced)
        body = [put.visit(copy.deepcopy(one)) for one in small.body]
        self.used.add(small.function.name)
        return [*before, *body], put.visit(copy.deepcopy(small.result))

    def _target(self, call: ast.Call) -> tuple[_Small | None, list[ast.expr]]:
        """The helper that is called, and the receiver it is bound to."""
        function = call.func
        if isinstance(function, ast.Name) and function.id not in self.local:
            return self.functions.get(function.id), []
        if (
            isinstance(function, ast.Attribute)
            and isinstance(function.value, ast.Name)
            and function.value.id == self.receiver
        ):
            return self.methods.get(function.attr), [function.value]
        return None, []

    @staticmethod
    def _given(
        call: ast.Call, function: ast.FunctionDef, bound: list[ast.expr]
    ) -> dict[str, ast.expr] | None:
        """What each parameter stands for; None where that cannot be told."""
        arguments = function.args
        positional = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
        values = [*bound, *call.args]
        if len(values) > len(positional) or any(isinstance(one, ast.Starred) for one in values):
            return None
        given = dict(zip(positional, values, strict=False))
        for keyword in call.keywords:
            if keyword.arg is None or keyword.arg in given:
                return None
            given[keyword.arg] = keyword.value
        defaults: dict[str, ast.expr | None] = {}
        if arguments.defaults:
            last = positional[-len(arguments.defaults) :]
            defaults.update(zip(last, arguments.defaults, strict=True))
        defaults.update(
            (one.arg, value)
            for one, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        )
        for one in parameters(arguments):
            if one.arg not in given:
                default = defaults.get(one.arg)
                if not isinstance(default, ast.Constant):
                    return None
                given[one.arg] = default
        known = {one.arg for one in parameters(arguments)}
        return given if given.keys() <= known else None


def _comprehended(small: _Small) -> set[str]:
    """Names that comprehensions of a helper bind."""
    return {
        name
        for one in (*small.body, small.result)
        for node in ast.walk(one)
        if isinstance(node, ast.comprehension)
        for name in uses(node.target).stores
    }


class _Calls(ast.NodeTransformer):
    """Replaces calls that surely run, innermost first."""

    def __init__(self, inlining: _Inlining) -> None:
        self.inlining = inlining
        self.before: list[ast.stmt] = []

    def expression(self, node: ast.expr) -> ast.expr:
        """A value with its calls replaced; ``before`` then holds what they stand for."""
        found = self.visit(node)
        assert isinstance(found, ast.expr)
        return found

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(
            node,
            ast.Lambda
            | ast.IfExp
            | ast.BoolOp
            | ast.ListComp
            | ast.SetComp
            | ast.DictComp
            | ast.GeneratorExp,
        ):
            return node
        self.generic_visit(node)
        if isinstance(node, ast.Call):
            made = self.inlining.expanded(node)
            if made is not None:
                self.before += made[0]
                return made[1]
        return node


class _Replaced(ast.NodeTransformer):
    def __init__(self, values: dict[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self.values.get(node.id)
        if isinstance(value, ast.Name):
            return ast.Name(value.id, node.ctx)
        return node if value is None else copy.deepcopy(value)


def _drop(tree: ast.Module, used: set[str]) -> None:
    """Leave out inlined functions, and private methods, that nothing mentions any more."""
    mentioned = Counter(
        getattr(node, "id", None) or getattr(node, "attr", None)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    )
    for body in (tree.body, *(one.body for one in tree.body if isinstance(one, ast.ClassDef))):
        kept = [
            one
            for one in body
            if not (
                isinstance(one, ast.FunctionDef)
                and one.name in used
                and not mentioned[one.name]
                and (body is tree.body or one.name.startswith("_"))
            )
        ]
        body[:] = kept or [ast.Pass()]
