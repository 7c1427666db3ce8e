"""Random Python programs from a seed, and the edits of someone who copies. For tests only."""

from __future__ import annotations

import ast
import io
import keyword
import random
import tokenize
from functools import lru_cache

NAMES = (
    "hidden weight bias query key value scale offset mask cache index batch head width depth "
    "state gate router expert token vocab logits loss grad step rate norm patch frame pixel audio "
    "text prompt beam score length chunk stride kernel pool layer block stack tree node edge graph"
).split()


class Program:
    """Writes one module of functions and classes; the same seed writes the same text."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []

    def write(self, *, functions: int = 4, classes: int = 1, statements: int = 8) -> str:
        """The text of a module."""
        for number in range(functions):
            self.function(f"{self.name()}_{number}", statements, 0)
        for number in range(classes):
            self.put(0, f"class {self.name().title()}{number}:")
            for method in range(3):
                self.function(f"{self.name()}_{method}", statements, 1, first="self")
        return "\n".join(self.lines) + "\n"

    def put(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    def name(self) -> str:
        return self.random.choice(NAMES)

    def function(self, name: str, statements: int, depth: int, first: str = "") -> None:
        given = [*([first] if first else []), self.name(), f"{self.name()}_in"]
        self.put(depth, f"def {name}({', '.join(given)}):")
        for _ in range(self.random.randint(max(1, statements // 2), statements)):
            self.statement(depth + 1, 2)
        self.put(depth + 1, f"return {self.expression(2)}")

    def statement(self, depth: int, left: int) -> None:
        choice = self.random.randrange(9 if left else 5)
        if choice < 2:
            self.put(depth, f"{self.name()} = {self.expression(3)}")
        elif choice == 2:
            self.put(depth, f"{self.name()} {self.random.choice('+-*')}= {self.expression(2)}")
        elif choice == 3:
            self.put(depth, f"{self.name()}.{self.name()}({self.expression(2)})")
        elif choice == 4:
            self.put(depth, f"{self.name()}[{self.expression(1)}] = {self.expression(2)}")
        else:
            heads = (
                f"if {self.expression(2)}:",
                f"for {self.name()} in {self.expression(2)}:",
                f"while {self.expression(2)}:",
                f"with {self.name()}({self.expression(1)}) as {self.name()}:",
            )
            self.put(depth, heads[choice - 5])
            for _ in range(self.random.randint(1, 3)):
                self.statement(depth + 1, left - 1)

    def expression(self, left: int) -> str:
        choice = self.random.randrange(10 if left else 3)
        if choice < 2:
            return self.name()
        if choice == 2:
            return self.random.choice(["0", "1", "2.5", "'cat'", "'dog'", "None", "True"])
        inner = [self.expression(left - 1) for _ in range(3)]
        return (
            f"{self.name()}({inner[0]}, {inner[1]})",
            f"{self.name()}.{self.name()}",
            f"({inner[0]} {self.random.choice(['+', '-', '*', '@', '//'])} {inner[1]})",
            f"[{inner[0]}, {inner[1]}, {inner[2]}]",
            f"({inner[0]} if {inner[1]} else {inner[2]})",
            f"({inner[0]} {self.random.choice(['<', '==', 'is not', 'not in'])} {inner[1]})",
            f"[{inner[0]} for {self.name()} in {inner[1]}]",
        )[choice - 3]


@lru_cache(1_000)  # most tests ask for the same few
def program(seed: int, *, functions: int = 4, classes: int = 1, statements: int = 8) -> str:
    """A random module."""
    return Program(seed).write(functions=functions, classes=classes, statements=statements)


@lru_cache(1_000)
def reformatted(source: str) -> str:
    """The same program as ``ast.unparse`` lays it out, with remarks and docstrings added."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            node.body.insert(0, ast.Expr(ast.Constant("What it does.\n\nAt length.")))
    lines: list[str] = ["# a header", ""]
    for line in ast.unparse(ast.fix_missing_locations(tree)).split("\n"):
        if line.endswith(":"):
            line += "  # here"
        lines.append(line)
    return "\n".join(lines) + "\n"


@lru_cache(1_000)
def renamed(source: str, *, also: str = "_x") -> str:
    """The same program with every name changed."""
    return _each_name(source, lambda name: name + also)


def shuffled_names(source: str, seed: int) -> str:
    """The same program with every name changed to one that has nothing of the old."""
    drawn = random.Random(seed)
    known: dict[str, str] = {}

    def change(name: str) -> str:
        letters = "".join(drawn.choice("abcdefgh") for _ in range(drawn.randint(3, 9)))
        return known.setdefault(name, f"z{len(known)}{letters}")

    return _each_name(source, change)


def _each_name(source: str, change: object) -> str:
    assert callable(change)
    tokens = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = token.string
        if token.type == tokenize.NAME and text not in keyword.kwlist:
            text = change(text)
        tokens.append((token.type, text))
    return tokenize.untokenize(tokens)


def inserted(source: str, seed: int, share: float) -> str:
    """The same program with new statements put before a share of its lines."""
    drawn = random.Random(seed)
    lines: list[str] = []
    for line in source.split("\n"):
        body = line.lstrip()
        if line[:1] == " " and body and drawn.random() < share:
            lines.append(line[: len(line) - len(body)] + f"noted_{drawn.randrange(99)} = {seed}")
        lines.append(line)
    return "\n".join(lines)
