"""Strip and reformat: comments, docstrings and annotations away, another layout.

Quotes, width of indentation, line breaks in brackets and blank lines change. The program means
the same, but for what reads its docstrings or annotations at run time; a field of a class keeps
an annotation (``object``), for dataclasses are made of them.
"""

from __future__ import annotations

import ast
import io
import random
import re
import tokenize

from attacks.syntax import bodies, check, is_docstring, read, write

_PLAIN = re.compile(r"""[rRbBuU]{0,2}'[^'"\\\n]*'""")


def strip(source: str, rng: random.Random) -> str:
    """Leave out what does not run, and lay the rest out anew."""
    tree = read(source)
    fields = {
        id(statement)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign) and id(node) in fields:
            node.annotation = ast.Name("object", ast.Load())
    for body in bodies(tree):
        kept = [_plain(one, id(one) in fields) for one in body if not is_docstring(one)]
        body[:] = [one for one in kept if one is not None] or [ast.Pass()]
    return _reformatted(write(tree), rng)


def _plain(statement: ast.stmt, is_field: bool) -> ast.stmt | None:
    """A statement without its annotation, None where nothing is left of it."""
    if not isinstance(statement, ast.AnnAssign) or is_field:
        return statement
    if statement.value is None:
        return None
    return ast.Assign([statement.target], statement.value)


def _reformatted(source: str, rng: random.Random) -> str:
    """The same tokens on other lines. ``source`` is that of ``ast.unparse``: four spaces a level,
    a new line only where a statement ends or inside a string."""
    indent = rng.choice(("  ", "   ", "\t", "        "))
    lines = source.split("\n")
    edits: list[tuple[int, int, int, str]] = []  # line from 0, columns, what shall stand there
    blank: list[int] = []
    depth = 0
    formatted = 0  # f-strings around, which are tokens of their own since Python 3.12
    begins = True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        (row, column), stop = token.start, token.end[1]
        row -= 1
        if name in ("INDENT", "DEDENT", "ENDMARKER"):
            continue
        if name == "NL":
            blank.append(row)
            continue
        if begins:
            edits.append((row, 0, column, indent * (column // 4)))
        begins = name == "NEWLINE"
        formatted += (name == "FSTRING_START") - (name == "FSTRING_END")
        if formatted:
            continue
        if name == "STRING" and _PLAIN.fullmatch(token.string):
            edits.append((row, column, stop, token.string.replace("'", '"')))
        elif name == "OP":
            depth += (token.string in "([{") - (token.string in ")]}")
            can_break = depth and token.string == "," and lines[row][stop : stop + 1] == " "
            if can_break and rng.random() < 0.3:
                edits.append((row, stop, stop + 1, "\n" + " " * rng.randint(1, 24)))
    for row, first, stop, new in sorted(edits, reverse=True):
        lines[row] = lines[row][:first] + new + lines[row][stop:]
    for row in reversed(blank):
        lines[row : row + 1] = [""] * rng.choice((0, 0, 1, 3))
    laid = "\n".join(lines)
    check(laid)
    return laid
