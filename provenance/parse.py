"""parse: UTF-8 source -> ``Parsed``, the units of a file over its normalised syntax tree.

Pure. The tree is tree-sitter's; it is walked with a stack of our own, so that no depth of
nesting can exhaust Python's. What the walk leaves out is what may change without changing the
program: layout, comments, docstrings, annotations, brackets that only group, punctuation that
the tree says already, ``pass`` and ``...`` for nothing.
Imports are left out too: they say what a file uses, not what it is made of.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import tree_sitter_python
from tree_sitter import Language, Node, Parser, Point, Range

from provenance.mark import family_mark, without_mark, words
from provenance.model import Parsed, Tokens, Unit, UnitKind

GRAMMAR = "tree-sitter-python 0.25.0"
"""The grammar that decides the fingerprints; an index made with another one is refused."""

DEEPEST = 32
"""Definitions nested deeper than this are no units of their own, but parts of the one around
them: no person writes them, and each level would be hashed again with all that is inside."""

_LEFT_OUT = (
    "comment line_continuation type type_parameter string_start string_end escape_sequence "
    "escape_interpolation pass_statement import_statement import_from_statement "
    "future_import_statement"
).split()
_TRANSPARENT = (
    "module parenthesized_expression expression_statement concatenated_string "
    "decorated_definition typed_parameter dotted_name ERROR"
).split()
_WITH_OPERATOR = (
    "binary_operator boolean_operator comparison_operator unary_operator augmented_assignment "
    "slice yield case_pattern"
).split()
_LEAVES_WITH_TEXT = "identifier string_content integer float type_conversion".split()
_MAY_BE_ASYNC = "function_definition for_statement with_statement for_in_clause".split()
_SAME_KIND = {
    "float": "integer",
    "typed_default_parameter": "default_parameter",
    "expression_list": "tuple",
    "pattern_list": "tuple",
    "tuple_pattern": "tuple",
}
_ERROR, _EMPTY_FORMAT = 65535, 65534
_AT_LINE_START = re.compile(rb"^(?:async[ \t]+def\b|def\b|class\b|@)", re.MULTILINE)
_DEFINING = ("function_definition", "class_definition", "decorator")
_MOST_PARTS = 50
_MOST_AGAIN = 4


class _Grammar:
    """What the walk asks of the grammar, as look-ups by tree-sitter's kind ids."""

    def __init__(self) -> None:
        self.language = Language(tree_sitter_python.language())
        names: dict[int, str] = {}
        for kind in range(self.language.node_kind_count):
            if self.language.node_kind_is_visible(kind):
                names[kind] = self.language.node_kind_for_id(kind) or ""
        self.names = names
        self.function = self._ids("function_definition")
        self.class_ = self._ids("class_definition")
        self.empty = self._ids("string", "concatenated_string", "ellipsis")
        self.statement = self._ids("expression_statement")
        self.left_out = self._ids(*_LEFT_OUT)
        self.transparent = self._ids(*_TRANSPARENT) | {_ERROR}
        self.asynchronous = self._ids(*_MAY_BE_ASYNC)
        self.async_ = next(kind for kind, name in names.items() if name == "async")
        self.string_start = next(iter(self._ids("string_start")))
        self.format = next(iter(self._ids("format_specifier")))
        self.arguments = next(iter(self._ids("argument_list")))
        self.generator = self._ids("generator_expression")
        self.operators = self._ids(*_WITH_OPERATOR)
        self.with_text = self._ids(*_LEAVES_WITH_TEXT)
        self.plain = frozenset(names).difference(
            self.class_, self.left_out, self.transparent, self.operators, self.with_text
        ) - {self.arguments, self.format, *self.asynchronous}
        # Compact kinds are numbered by sorted name: the same on every machine.
        distinct = sorted({_SAME_KIND.get(name, name) for name in names.values()})
        if len(distinct) > 256:
            raise AssertionError(f"{GRAMMAR} has {len(distinct)} kinds, expected <= 256")
        number = {name: position for position, name in enumerate(distinct)}
        self.compact = np.zeros(_ERROR + 1, np.uint8)
        for kind, name in names.items():
            self.compact[kind] = number[_SAME_KIND.get(name, name)]
        self.compact[_EMPTY_FORMAT] = self.compact[self.format]
        self.has_text = np.zeros(_ERROR + 1, bool)
        self.has_text[[*self.with_text, _EMPTY_FORMAT]] = True
        self.kind_names = distinct
        leaves = {_SAME_KIND.get(name, name) for name in _LEAVES_WITH_TEXT}
        leaves.add("format_specifier")
        self.is_leaf = np.array([name in leaves for name in distinct])
        self.identifier = number["identifier"]
        self.kind_hash = np.array(
            [hash64(b"kind " + name.encode()) for name in distinct], np.uint64
        )

    def _ids(self, *wanted: str) -> frozenset[int]:
        """Ids of the *named* kinds called so, for an operator can have the same name."""
        return frozenset(
            kind
            for kind, name in self.names.items()
            if name in wanted and self.language.node_kind_is_named(kind)
        )


def hash64(data: bytes) -> int:
    """A 64-bit hash, the same in every process and on every machine (BLAKE2b, RFC 7693)."""
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


class _TextHashes(dict[bytes, int]):
    """Memo of ``hash64``; a model repository says the same few thousand names all the time."""

    def __missing__(self, text: bytes) -> int:
        if len(self) > 500_000:
            self.clear()
        value = self[text] = hash64(text)
        return value


class _MarkedHashes(dict[bytes, int]):
    """The hashes of a file's texts; names that bear its mark have the sign in its place."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.telling = words(mark)[0].lower().encode() if mark else b""

    def __missing__(self, text: bytes) -> int:
        plain = text
        if self.mark and len(text) < 200 and self.telling in text.lower():
            name = text.decode("utf-8", "replace")
            if (marked := without_mark(name, self.mark)) != name:
                plain = marked.encode()
        value = self[text] = _text_hashes[plain]
        return value


@lru_cache(maxsize=1)
def grammar() -> _Grammar:
    """The loaded grammar, once in a process."""
    return _Grammar()


_text_hashes = _TextHashes()


def parse(content: bytes, roots: list[Node] | None = None) -> Parsed:
    """Parse one file.

    Args:
        content: UTF-8 with ``\\n`` line ends (``SourceFile.content``).
        roots: what ``syntax`` gives for it, where that is known.

    Returns:
        Its units in source order (``units[0]`` is the module) over one sequence of elements.
        Broken syntax is no error: the units around it stand, ``error_lines`` says where.
    """
    known = grammar()
    roots = roots or syntax(content)
    kinds, starts, texts, definitions, errors = _walk(roots, content, known)
    units = _units(definitions, starts, max(1, content.count(b"\n") + (content[-1:] != b"\n")))
    mark = family_mark([unit.name for unit in units if unit.kind == "class"])

    ids = np.fromiter(kinds, np.uint16, len(kinds))
    hashes = _MarkedHashes(mark)
    word = np.zeros(ids.size, np.uint64)
    word[known.has_text[ids]] = np.fromiter(map(hashes.__getitem__, texts), np.uint64, len(texts))
    kind = known.compact[ids]
    structure = known.kind_hash[kind]
    newline = np.flatnonzero(np.frombuffer(content, np.uint8) == 10)
    start = np.fromiter(starts, np.intp, ids.size)
    behind = np.searchsorted(start, newline, "right")  # of each line end: the next element
    line = 1 + np.cumsum(np.bincount(behind, minlength=ids.size)[: ids.size])
    errors += [at for root in roots if root.has_error for at in _missing(root)]
    error_lines = tuple(sorted(set((np.searchsorted(newline, errors, "left") + 1).tolist())))
    tokens = Tokens(structure, structure ^ word, kind, line.astype(np.uint32), word)
    return Parsed(units, tokens, dict(hashes), mark, error_lines)


def syntax(content: bytes) -> list[Node]:
    """The syntax tree of a file; of a broken one several, one for each part of it, where the
    break swallowed definitions that follow it: the first of them at the start of a line begins
    a new part.
    """
    known = grammar()
    root = Parser(known.language).parse(content).root_node
    if not root.has_error:
        return [root]
    roots: list[Node] = []
    first = 0
    places = [match.start() for match in _AT_LINE_START.finditer(content)]
    left = _MOST_AGAIN * len(content)  # bytes that may be parsed again
    for _ in range(_MOST_PARTS):
        cut = next((at for at in places if at > first and _swallowed(root, at)), None)
        if cut is None or left < 0:
            break
        left -= len(content) - first
        roots.append(_part(content, first, cut, known))
        root = _part(content, cut, len(content), known)
        first = cut
        if not root.has_error:
            break
    return [*roots, root]


def _part(content: bytes, first: int, stop: int, known: _Grammar) -> Node:
    """The tree of a part of a file, whose places are those in the file."""
    start_row, stop_row = content.count(b"\n", 0, first), content.count(b"\n", 0, stop)
    column = stop - (content.rfind(b"\n", 0, stop) + 1)
    part = Range(Point(start_row, 0), Point(stop_row, column), first, stop)
    return Parser(known.language, included_ranges=[part]).parse(content).root_node


def _swallowed(root: Node, at: int) -> bool:
    """Whether what looks like a definition at a place was not parsed as one."""
    node = root.descendant_for_byte_range(at, at + 1)
    if node is None or node.type in ("string_content", "comment"):
        return False
    parent = node.parent
    return parent is None or parent.type not in _DEFINING


def _missing(root: Node) -> list[int]:
    """Where tree-sitter put something in that was missing."""
    found: list[int] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if node.is_missing:
            found.append(node.start_byte)
        elif node.has_error:
            stack += node.children
    return found


def _walk(
    roots: list[Node], content: bytes, known: _Grammar
) -> tuple[list[int], list[int], list[bytes], list[tuple[Node, int]], list[int]]:
    """Pre-order walk: kinds and start bytes of the elements; texts of the leaves that have one;
    definitions with their position; start bytes of syntax errors.

    All that is asked of each node counts: the questions come in the order of their frequency.
    """
    kinds: list[int] = []
    starts: list[int] = []
    texts: list[bytes] = []
    definitions: list[tuple[Node, int]] = []
    errors: list[int] = []
    with_text, plain = known.with_text, known.plain
    left_out, transparent = known.left_out, known.transparent
    operators, defining = known.operators, known.function | known.class_
    statement, empty = known.statement, known.empty
    arguments, generator = known.arguments, known.generator
    string_start, format_, asynchronous = known.string_start, known.format, known.asynchronous
    add_kind, add_start, add_text = kinds.append, starts.append, texts.append
    stack = roots[::-1]
    pop = stack.pop
    while stack:
        node = pop()
        kind = node.kind_id
        if kind in with_text:
            start = node.start_byte
            add_kind(kind)
            add_start(start)
            add_text(content[start : node.end_byte])
            continue
        if kind in plain:
            add_kind(kind)
            add_start(node.start_byte)
            children = node.named_children
            if children:
                children.reverse()
                stack += children
            continue
        if kind in left_out:
            if kind == string_start and node.end_byte - node.start_byte not in (1, 3):
                prefix = node.text
                if prefix and b"b" in prefix.lower():  # bytes are not text; quotes, r, f are one
                    add_kind(kind)
                    add_start(node.start_byte)
            continue
        if kind in operators:
            add_kind(kind)
            add_start(node.start_byte)
            children = node.children
            children.reverse()
            stack += children
            continue
        children = node.named_children
        if kind in transparent:
            if kind in statement and len(children) == 1 and children[0].kind_id in empty:
                continue  # a docstring, or ``...`` for a body that is still to be written
            if kind == _ERROR:
                errors.append(node.start_byte)
        elif kind == arguments and not children:
            continue  # ``class A():`` is ``class A:``, and a call is one without arguments
        elif kind == arguments and len(children) == 1 and children[0].kind_id in generator:
            pass  # ``f((a for a in b))`` is ``f(a for a in b)``, whose arguments it is itself
        elif kind == format_ and not children:
            add_kind(_EMPTY_FORMAT)
            add_start(node.start_byte)
            add_text(content[node.start_byte : node.end_byte])
        else:
            if kind in defining:
                definitions.append((node, len(kinds)))
            add_kind(kind)
            add_start(node.start_byte)
            if kind in asynchronous:
                head = node.child(0)
                if head is not None and head.kind_id == known.async_:
                    add_kind(known.async_)
                    add_start(node.start_byte)
        if children:
            children.reverse()
            stack += children
    return kinds, starts, texts, definitions, errors


def _units(definitions: list[tuple[Node, int]], starts: list[int], lines: int) -> tuple[Unit, ...]:
    """Units of the definitions in source order, the module first."""
    units = [Unit("<module>", "module", 1, lines, 0, len(starts), -1)]
    open_units = [0]
    for node, first in definitions:
        stop = bisect_left(starts, node.end_byte, first)
        while open_units[-1] and units[open_units[-1]].stop <= first:
            open_units.pop()
        if len(open_units) > DEEPEST:
            continue
        parent = open_units[-1]
        named = node.child_by_field_name("name")
        name = (named.text or b"").decode("utf-8", "replace") if named is not None else "?"
        outer = units[parent]
        kind: UnitKind
        if node.type == "class_definition":
            kind = "class"
        elif outer.kind == "class":
            kind = "method"
        else:
            kind = "function" if outer.kind == "module" else "nested"
        qualified = name if parent == 0 else f"{outer.name}.{name}"
        first_line, last_line = node.start_point.row + 1, node.end_point.row + 1
        units.append(Unit(qualified, kind, first_line, last_line, first, stop, parent))
        open_units.append(len(units) - 1)
    return tuple(units)
