"""What every attack needs of Python's syntax: reading, writing, statement lists, names."""

from __future__ import annotations

import ast
import builtins
import keyword
import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
IMPORTS = (ast.Import, ast.ImportFrom)
BUILTINS = frozenset(dir(builtins))
_BODIES = ("body", "orelse", "finalbody")


def read(source: str) -> ast.Module:
    """The tree of a program. Raises SyntaxError or ValueError where it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the program, not ours
        return ast.parse(source)


def write(tree: ast.Module) -> str:
    """The program of a tree, checked by compiling; comments and layout are gone."""
    source = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    check(source)
    return source


def check(source: str) -> None:
    """Raise SyntaxError where a source is no valid program. Nothing of it is run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(source, "<attacked>", "exec", dont_inherit=True)


def statements(tree: ast.AST) -> Iterator[ast.stmt]:
    """All statements, outermost first, docstrings included."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.stmt))


def bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """All lists of statements, outermost first; they may be changed in place."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr):
            yield from own_bodies(node)


def own_bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The lists of statements that stand directly in a node."""
    for name in _BODIES:
        body = getattr(node, name, None)
        if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
            yield body


def nested_bodies(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The lists of statements of a compound statement, of its handlers and cases too."""
    yield from own_bodies(node)
    for part in [*getattr(node, "handlers", []), *getattr(node, "cases", [])]:
        yield from own_bodies(part)


def is_docstring(statement: ast.stmt) -> bool:
    """Whether a statement is a string on its own."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def head(body: list[ast.stmt]) -> int:
    """How many statements must stay first in a body: docstring and ``__future__`` imports."""
    size = int(bool(body) and is_docstring(body[0]))
    while size < len(body) and is_future(body[size]):
        size += 1
    return size


def is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    """All parameters, in order, ``*args`` and ``**kwargs`` last."""
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return listed + [one for one in (arguments.vararg, arguments.kwarg) if one is not None]


def identifiers(tree: ast.AST) -> set[str]:
    """Every identifier that occurs in a tree."""
    found: set[str] = set()
    for node in ast.walk(tree):
        for name in ("id", "attr", "arg", "name", "asname", "rest"):
            value = getattr(node, name, None)
            if isinstance(value, str):
                found.update(value.split("."))
        if isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
    return found


@dataclass(slots=True)
class Uses:
    """Names that code loads from, and stores to, the scope it stands in."""

    loads: set[str] = field(default_factory=set)
    stores: set[str] = field(default_factory=set)


def uses(*nodes: ast.AST) -> Uses:
    """Loads and stores of statements or expressions; what a comprehension or a lambda binds is
    its own. The body of a definition counts as loads: all it mentions."""
    found = Uses()
    for node in nodes:
        _add_uses(node, found)
    return found


def _add_uses(node: ast.AST, found: Uses) -> None:
    if isinstance(node, ast.Name):
        (found.loads if isinstance(node.ctx, ast.Load) else found.stores).add(node.id)
        return
    if isinstance(node, Comprehension):
        inner = uses(*ast.iter_child_nodes(node))
        bound = uses(*(generator.target for generator in node.generators)).stores
        found.loads |= inner.loads - bound
        found.stores |= inner.stores - bound
        return
    if isinstance(node, ast.Lambda):
        own = {one.arg for one in parameters(node.args)}
        found.loads |= uses(node.body).loads - own
        found.loads |= uses(node.args).loads
        return
    if isinstance(node, Definition):
        found.stores.add(node.name)
        for child in ast.iter_child_nodes(node):
            inner = uses(child)
            found.loads |= inner.loads | inner.stores
        return
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        found.loads.add(node.target.id)
    if isinstance(node, ast.alias):
        found.stores.add((node.asname or node.name).split(".")[0])
    for name in ("name", "rest"):
        value = getattr(node, name, None)
        if isinstance(value, str) and not isinstance(node, ast.alias):
            found.stores.add(value)
    for child in ast.iter_child_nodes(node):
        _add_uses(child, found)


_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"


class Names:
    """Fresh names that clash with nothing in a tree, drawn from a generator."""

    def __init__(self, tree: ast.AST, rng: random.Random) -> None:
        self.rng = rng
        self.taken = identifiers(tree) | BUILTINS | set(keyword.kwlist) | set(keyword.softkwlist)

    def fresh(self, like: str = "value") -> str:
        """A new name in the manner of another one: ``LlamaMLP`` -> ``FukaRobi``."""
        rng = self.rng
        core = like.lstrip("_")
        under = "_" * min(1, len(like) - len(core))
        while True:
            parts = [
                "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(size))
                for size in rng.choices((1, 2, 3), k=rng.randint(1, 3))
            ]
            if len(core) > 1 and core.isupper():
                name = "_".join(parts).upper()
            elif core[:1].isupper():
                name = "".join(part.capitalize() for part in parts)
            else:
                name = "_".join(parts)
            name = under + name
            if name not in self.taken:
                self.taken.add(name)
                return name
