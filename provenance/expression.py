"""expression: a place in the syntax trees of a file -> what is said there: the dotted name as the
imports mean it, the text of a string, the call and the values it is given.

Pure. Brackets, comments and ends of lines that go on are looked through. What is looked at around
a place, and how long it may be, is bounded, whatever a file has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from heapq import merge
from typing import cast
from unicodedata import lookup, normalize

from tree_sitter import Node

MOST_NAMES, MOST_PARTS = 10, 20
"""Names that one value is given to; parts of a dotted name, and of a text, and brackets around
one."""
LONGEST = 200
"""Signs of a name or a text; longer ones are no names."""
_AROUND = 8
"""Nodes around a place that are looked at."""
Span = tuple[int, int, bytes]
"""The first byte of a place, the one behind its last, and what is sought there."""
BETWEEN = re.compile(rb"#[^\n]*|[\s\\)]")
"""What may stand between the parts of a dotted name."""
_LAYOUT = ("comment", "line_continuation")
_BEYOND = re.compile(rb"(?<![\w\x80-\xff])\w*[\x80-\xff][\w\x80-\xff]*")
_ESCAPE = re.compile(
    r"\\(?:\n|N\{([A-Za-z -]+)\}|([0-7]{1,3})"
    r"|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))"
)


def as_read(text: str) -> str:
    """A name as Python reads it: in NFKC (PEP 3131)."""
    return text if text.isascii() else normalize("NFKC", text)


@lru_cache(maxsize=1)
def spellings(content: bytes) -> dict[bytes, list[bytes]]:
    """What else than ASCII a file has that Python reads as a name in ASCII, by that name."""
    found: dict[bytes, list[bytes]] = {}
    for word in () if content.isascii() else dict.fromkeys(_BEYOND.findall(content)):
        name = as_read(word[: 4 * LONGEST].decode("utf-8", "replace"))
        if name.isascii() and name.isidentifier():
            found.setdefault(name.encode(), []).append(word)
    return found


class File:
    """A file, its trees, and the names its imports bind: ``bound`` by the last import of a name,
    ``packages`` by any, in their order."""

    def __init__(self, content: bytes, roots: Sequence[Node]) -> None:
        self.content = content
        self.roots = roots
        self.bound: dict[str, str] = {}
        self.packages: dict[str, dict[str, None]] = {}

    def bind(self, name: str, target: str) -> None:
        """That a name means a target, as the last import has it; and that some import does."""
        self.bound[name] = target
        self.packages.setdefault(name, {})[target] = None

    def text(self, node: Node | None) -> str:
        """A node as written, in one line, no longer than can be a name; a name as it is read."""
        if node is None:
            return ""
        raw = self.content[node.start_byte : min(node.end_byte, node.start_byte + 4 * LONGEST)]
        text = " ".join(raw.decode("utf-8", "replace")[:LONGEST].split())
        return text if node.type == "string_content" else as_read(text)

    def places(self, *words: bytes) -> Iterator[tuple[bytes, list[Node]]]:
        """Where some words stand as leaves, or what is read as one of them; see ``nodes``."""
        return self.nodes(merge(*map(self.spans, words)))

    def spans(self, word: bytes) -> Iterator[Span]:
        """Where a word, or what is read as it, stands in the text, in order."""
        others = spellings(self.content).get(word, ())
        return merge(*(self._spelled(one, word) for one in (word, *others)))

    def _spelled(self, spelled: bytes, word: bytes) -> Iterator[Span]:
        at = self.content.find(spelled)
        while at >= 0:
            yield at, at + len(spelled), word
            at = self.content.find(spelled, at + len(spelled))

    def nodes(self, spans: Iterable[Span]) -> Iterator[tuple[bytes, list[Node]]]:
        """Places, given in their order, the outer one first, that are exactly a node.

        Yields:
            What is sought there, and the nodes from the root, which stands ``_AROUND`` times, to
            the smallest one of the place. The list is the walk's own, which goes on with it.
        """
        roots = iter(self.roots)  # a notebook has a tree for each cell
        root = next(roots, None)
        path: list[Node] = []
        for first, stop, sought in spans:
            while root is not None and root.end_byte <= first:
                root, path = next(roots, None), []
            if root is None:
                return
            if not path:
                cursor, path = root.walk(), [root] * _AROUND
            while True:
                node = path[-1]
                exact = node.byte_range == (first, stop)
                if node.end_byte <= first:
                    if cursor.goto_next_sibling():
                        path[-1] = cast("Node", cursor.node)
                    elif len(path) > _AROUND and path[-2].end_byte <= first:
                        cursor.goto_parent()
                        path.pop()
                    else:
                        break  # behind the last one in what is around
                elif node.start_byte > first or node.end_byte < stop:
                    break
                elif node.child_count == 1 or (node.child_count and not exact):
                    cursor.goto_first_child()
                    path.append(cast("Node", cursor.node))
                else:
                    if exact:
                        yield sought, path
                    break

    def module(self, node: Node | None) -> str:
        """A name in an import, whatever blanks and ends of lines are in it."""
        if node is None:
            return ""
        raw = BETWEEN.sub(b"", self.content[node.start_byte : node.end_byte])
        return as_read(raw[: 4 * LONGEST].decode("utf-8", "replace"))[:LONGEST]

    def name(self, node: Node | None) -> str:
        """A dotted name without layout and brackets; ``""`` for any other expression."""
        parts: list[str] = []
        node = bare(node)
        while node is not None and node.type == "attribute" and len(parts) < MOST_PARTS:
            parts.append(self.text(node.child_by_field_name("attribute")))
            node = bare(node.child_by_field_name("object"))
        if node is None or node.type not in ("identifier", "dotted_name"):
            return ""
        return ".".join((self.text(node), *reversed(parts)))[:LONGEST]

    def dotted(self, node: Node | None) -> str:
        """A name as the imports mean it; ``""`` for any other expression."""
        first, dot, rest = self.name(node).partition(".")
        return self.bound.get(first, first) + dot + rest

    def is_bound(self, node: Node | None) -> bool:
        """Whether a name begins with one that is imported."""
        return self.name(node).partition(".")[0] in self.bound


def line_of(node: Node) -> int:
    """The line a node begins in, from 1."""
    return node.start_point.row + 1


def inside(node: Node) -> list[Node]:
    """What a node is made of: neither comments nor the ends of lines that go on."""
    return [one for one in node.named_children if one.type not in _LAYOUT]


def bare(node: Node | None) -> Node | None:
    """A value without the brackets around it."""
    for _ in range(MOST_PARTS):
        if node is None or node.type != "parenthesized_expression":
            break
        inner = inside(node)
        node = inner[0] if len(inner) == 1 else None
    return node


def holding(path: list[Node], at: int) -> int:
    """Where in a path that stands which a node of it is a part of, brackets aside."""
    at -= 1
    while path[at].type == "parenthesized_expression":
        at -= 1
    return at


def method_call(path: list[Node]) -> tuple[Node | None, Node | None]:
    """The object and the call of a method name: ``a.b(...)`` -> ``a`` and the whole."""
    node, attribute = path[-1], path[-2]
    if attribute.type != "attribute" or attribute.child_by_field_name("attribute") != node:
        return None, None
    call = path[holding(path, -2)]
    if call.type != "call":
        return None, None
    return attribute.child_by_field_name("object"), call


def called(path: list[Node]) -> Node | None:
    """The call in which a name, or the last one behind dots, is what is called."""
    call = path[holding(path, -2 if path[-2].type == "attribute" else -1)]
    return call if call.type == "call" else None


def _passed(file: File, call: Node) -> list[tuple[str, Node]]:
    """The values a call is given, each with its keyword, which is empty where it has none."""
    listed = call.child_by_field_name("arguments")
    if listed is None or listed.type != "argument_list":
        return []
    passed = []
    for node in inside(listed)[:50]:
        keyword = node.type == "keyword_argument"
        value = node.child_by_field_name("value") if keyword else node
        if value is not None:
            name = file.text(node.child_by_field_name("name")) if keyword else ""
            passed.append((name, value))
    return passed


def arguments(file: File, call: Node) -> list[Node]:
    """The values a call is given, by keyword too."""
    return [value for _, value in _passed(file, call)]


def given(file: File, call: Node, *names: str) -> list[Node | None]:
    """The values of a call for parameters, by place or by keyword; None where it has none."""
    passed = _passed(file, call)
    plain = [value for name, value in passed if not name]
    named = {name: value for name, value in passed if name}
    placed = [*plain, *(None for _ in names)]
    return [named.get(one, placed[at]) for at, one in enumerate(names)]


def text_of(file: File, node: Node | None) -> str:
    """The text of a plain string of one line, in brackets or parts too, else ``""``."""
    node = bare(node)
    if node is None:
        return ""
    joined = node.type == "concatenated_string"
    texts = [_plain_text(file, one) for one in (inside(node)[:MOST_PARTS] if joined else [node])]
    text = "".join(one for one in texts if one)
    return "" if None in texts or len(text) > LONGEST else text


def _plain_text(file: File, node: Node) -> str | None:
    """The text of a plain string, None of anything else."""
    if node.type != "string" or node.end_byte - node.start_byte > MOST_NAMES * LONGEST:
        return None
    inner = node.named_children
    if len(inner) == 2:
        return ""
    if len(inner) != 3 or inner[1].type != "string_content":
        return None
    raw = file.content[inner[1].start_byte : inner[1].end_byte].decode("utf-8", "replace")
    text = _ESCAPE.sub(_escaped, raw) if inner[1].named_child_count else raw
    return " ".join(text.split())


def _escaped(match: re.Match[str]) -> str:
    """The sign that an escape in a string stands for; the escape where there is none."""
    if match[0] == "\\\n":
        return ""
    if match[1]:
        try:
            sign = lookup(match[1])
        except KeyError:
            return match[0]
        return sign if sign.isascii() else match[0]  # others are not known to every Python
    code = int(match[2], 8) if match[2] else int((match[3] or match[4] or match[5]), 16)
    return chr(code) if code < 0x110000 else match[0]


def assigned(statement: Node | None) -> Node | None:
    """What an assignment gives to one name or, by others in it, to several; else what is given."""
    for _ in range(MOST_NAMES):
        if statement is not None and statement.type == "assignment":
            statement = statement.child_by_field_name("right")
    return statement


def alternatives(value: Node | None) -> list[Node | None]:
    """The values of a value: of a list or a choice, or what is assigned to several names."""
    value = bare(assigned(value))
    if value is not None and value.type in ("tuple", "list", "set", "conditional_expression"):
        return [*inside(value)]
    return [value]
