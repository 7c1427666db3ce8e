"""parse: UTF-8 source -> ``Parsed``, the units of a file over its normalised syntax tree.

Pure. The tree is tree-sitter's; it is walked with a stack of our own, so that no depth of
nesting can exhaust Python's. What the walk leaves out is what may change without changing the
program: layout, comments, docstrings, annotations, brackets that only group, punctuation that
the tree says already, ``pass`` and ``...`` for nothing.
Imports are left out too: they say what a file uses, not what it is made of.
"""

from __future__ import annotations

import re
import time
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import count, pairwise
from math import inf
from typing import TYPE_CHECKING

import numpy as np
import tree_sitter_python
from tree_sitter import Language, Node, Parser, Point, Range, Tree

from provenance.binding import take_back
from provenance.errors import TooLongError
from provenance.mark import family_mark, without_mark, words
from provenance.model import Parsed, Tokens, Unit, UnitKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRAMMAR = "tree-sitter-python 0.25.0"
"""The grammar that decides the fingerprints; an index made with another one is refused."""

DEEPEST = 100
"""Definitions nested deeper than this are no units of their own, but parts of the one around
them: Python itself reads no more levels of indentation, and each would be hashed again with all
that is inside. A file of 1.2 MB in 99 levels takes a third more to parse."""
_LONGEST_NAME = 1_000
"""Characters of a qualified name, the last ones: all that is in a class has its name."""

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
_LEAVES = "true false none ellipsis".split()
_MAY_BE_ASYNC = "function_definition for_statement with_statement for_in_clause".split()
_SAME_KIND = {
    "float": "integer",
    "typed_default_parameter": "default_parameter",
    "expression_list": "tuple",
    "pattern_list": "tuple",
    "tuple_pattern": "tuple",
}
_ERROR, _EMPTY_FORMAT = 65535, 65534
_TEXT, _LEAF, _PLAIN, _LEFT, _OPERATOR, _THROUGH, _SPECIAL = range(7)  # what the walk does
_AT_LINE_START = re.compile(rb"^(?:async[ \t]+def\b|def\b|class\b|@)", re.MULTILINE)
_DEFINING = ("function_definition", "class_definition", "decorator")
_FUNCTION_IN: dict[UnitKind, UnitKind] = {"module": "function", "class": "method"}
_MOST_PARTS = 50
_MOST_AGAIN = 4

_COMMENTS = re.compile(rb"^(?:[ \t\f]*(?:#[^\n]*|\\)?\n)+", re.MULTILINE)
_GOING_ON = re.compile(rb"(?:[^\n]*\\\n)*[^\n]*\n")
_MOST_COMMENTS, _MOST_TIMES = 300, 10
"""Lines on end that hold nothing but comments. The grammar's scanner looks through all that follow
at each of them, for the indent of what comes behind: 1,000 lines of 100 characters take .3 s,
4,000 take 4.8 s, 100,000 would take an hour (measured). They are taken out, and where that was
wrong, again, so many times at most: nobody has as many such runs that end a string."""
_SIGNED = re.compile(rb"\n[ \t\f]*[#\\]")
_COMMENT = re.compile(rb"^[ \t\f]*(?:#[^\n]*|\\$)", re.MULTILINE)
_NO_ALIAS = re.compile(rb"type(?=[\s\\]*[(\[])")
"""Where no alias of a type begins (PEP 695), though the grammar takes ``type(a).b = c`` for one,
and what is assigned would be left out. Any other name of that length gives the tree that is
meant."""
_TRIPLE = re.compile(rb"(?:\"\"\"|''')[^\n]*\n")
_SECONDS = 60.0
LONGEST_IMPORT = 1_000
"""Bytes of an import that are kept."""

_AT_ONCE = 40_000
"""Elements that are made arrays together, of as many small files."""


class _Grammar:
    """What the walk asks of the grammar, as look-ups by tree-sitter's kind ids."""

    def __init__(self) -> None:
        self.language = Language(tree_sitter_python.language())
        names: dict[int, str] = {}
        for kind in range(self.language.node_kind_count):
            if self.language.node_kind_is_visible(kind):
                names[kind] = self.language.node_kind_for_id(kind) or ""
        self.names = names
        self.class_ = self._ids("class_definition")
        self.defining = self.class_ | self._ids("function_definition")
        self.empty = self._ids("string", "concatenated_string", "ellipsis")
        self.statement = self._ids("expression_statement")
        self.left_out = self._ids(*_LEFT_OUT)
        self.importing = self._ids("import_statement", "import_from_statement")
        self.transparent = self._ids(*_TRANSPARENT) | {_ERROR}
        self.asynchronous = self._ids(*_MAY_BE_ASYNC)
        self.async_ = next(kind for kind, name in names.items() if name == "async")
        self.string_start = next(iter(self._ids("string_start")))
        self.format = next(iter(self._ids("format_specifier")))
        self.arguments = next(iter(self._ids("argument_list")))
        self.generator = self._ids("generator_expression")
        self.operators = self._ids(*_WITH_OPERATOR)
        self.with_text = self._ids(*_LEAVES_WITH_TEXT)
        self.action = self._actions()
        # Compact kinds are numbered by sorted name: the same on every machine.
        distinct = sorted({_SAME_KIND.get(name, name) for name in names.values()})
        if len(distinct) > 256:
            raise AssertionError(f"{GRAMMAR} has {len(distinct)} kinds, expected <= 256")
        number = {name: position for position, name in enumerate(distinct)}
        # One byte is enough: some numbers below 256 are of kinds that no tree shows.
        spare = (kind for kind in range(256) if kind not in names)
        self.byte = np.zeros(_ERROR + 1, np.uint8)
        compact, has_text = bytearray(256), bytearray(256)  # by that byte
        for kind in (*names, _EMPTY_FORMAT):
            name = names[self.format if kind == _EMPTY_FORMAT else kind]
            self.byte[kind] = byte = kind if kind < 256 else next(spare)
            compact[byte] = number[_SAME_KIND.get(name, name)]
            has_text[byte] = kind in self.with_text or kind == _EMPTY_FORMAT
        self.compact, self.has_text = bytes(compact), bytes(has_text)
        self.kind_names = distinct
        leaves = {_SAME_KIND.get(name, name) for name in _LEAVES_WITH_TEXT}
        leaves.add("format_specifier")
        self.is_leaf = np.array([name in leaves for name in distinct])
        self.identifier = number["identifier"]
        self.kind_hash = np.array(
            [hash64(b"kind " + name.encode()) for name in distinct], np.uint64
        )

    def _actions(self) -> list[int]:
        """By kind id, what the walk does with a node."""
        special = {self.string_start, self.arguments, self.format, _ERROR}
        special |= self.statement | self.class_ | self.asynchronous
        action = [_PLAIN] * (_ERROR + 1)
        for kind, name in self.names.items():
            # Of the unnamed kinds only those of two words have children: ``not in``, ``is not``.
            if " " not in name and not self.language.node_kind_is_named(kind):
                action[kind] = _LEAF
        for does, kinds in (
            (_LEAF, self._ids(*_LEAVES)),
            (_TEXT, self.with_text),
            (_LEFT, self.left_out),
            (_OPERATOR, self.operators),
            (_THROUGH, self.transparent),
            (_SPECIAL, special),
        ):
            for kind in kinds:
                action[kind] = does
        return action

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


class _Digests(dict[bytes, bytes]):
    """Memo of what ``hash64`` makes a number of; a model repository says the same few thousand
    names all the time."""

    def __missing__(self, text: bytes) -> bytes:
        if len(self) > 500_000:
            self.clear()
        digest = self[text] = blake2b(text, digest_size=8).digest()
        return digest


@lru_cache(maxsize=1)
def grammar() -> _Grammar:
    """The loaded grammar, once in a process."""
    return _Grammar()


_digests = _Digests()
_idle: list[Parser] = []


def word_hashes(texts: Iterable[bytes], mark: str) -> NDArray[np.uint64]:
    """The hash of each text of a file (``Tokens.word``), a sign in place of the family's mark where
    one bears it."""
    if mark:
        telling = words(mark)[0].lower().encode()
        texts = [
            _marked(text, mark) if len(text) < 200 and telling in text.lower() else text
            for text in texts
        ]
    return np.frombuffer(b"".join(map(_digests.__getitem__, texts)), "<u8")


def _marked(text: bytes, mark: str) -> bytes:
    name = text.decode("utf-8", "replace")
    marked = without_mark(name, mark)
    return text if marked == name else marked.encode()


def parse(content: bytes, trees: list[Tree] | None = None) -> Parsed:
    """Parse one file.

    Args:
        content: UTF-8 with ``\\n`` line ends (``SourceFile.content``).
        trees: what ``syntax`` gives for it, where that is known. They are let go, the list is empty
            then.

    Returns:
        Its units in source order (``units[0]`` is the module) over one sequence of elements.
        Broken syntax is no error: the units around it stand, ``error_lines`` says where.
    """
    trees = trees or syntax(content)
    walk = walked(content, trees)
    trees.clear()
    return next(parses([walk]))


def parses(files: Iterable[Walked]) -> Iterator[Parsed]:
    """Parse files, each as ``parse`` does: what numpy asks for each call is shared by many."""
    known = grammar()
    group: list[Walked] = []
    size = 0
    for file in files:
        group.append(file)
        size += len(file.kinds)
        if size >= _AT_ONCE:
            yield from _parsed(group, known)
            group, size = [], 0
    if group:
        yield from _parsed(group, known)


@dataclass(frozen=True, slots=True)
class Walked:
    """What the walk of a file gives, see ``_walk``. It needs the trees no more: to let them go
    costs less while they are warm."""

    content: bytes
    kinds: bytearray
    starts: array[int]
    said: array[int]
    texts: dict[bytes, int]
    definitions: list[_Definition]
    imports: list[bytes]
    errors: list[int]


def walked(content: bytes, trees: list[Tree]) -> Walked:
    """Walk the trees that ``syntax`` gives for a file."""
    known = grammar()
    kinds, starts, said, texts, definitions, imports, errors = _walk(trees, content, known)
    broken = [tree.root_node for tree in trees if tree.root_node.has_error]
    errors += [at for root in broken for at in _missing(root)]
    # numpy itself takes twice as long for a list
    starts_, said_ = array("Q", starts), array("Q", said)
    byte = _bytes(kinds, known)
    return Walked(content, byte, starts_, said_, texts, definitions, imports, errors)


def _bytes(kinds: list[int], known: _Grammar) -> bytearray:
    """The byte of each kind."""
    try:
        return bytearray(kinds)
    except ValueError:  # one is above 255, as in few files
        return bytearray(known.byte[kinds])


def _parsed(files: Sequence[Walked], known: _Grammar) -> Iterator[Parsed]:
    """The files, laid end to end and taken apart again."""
    sizes = [len(file.kinds) for file in files]
    first = np.cumsum([0, *sizes])
    base = np.cumsum([0, *(len(file.content) for file in files)])
    ids = b"".join(file.kinds for file in files)
    start = np.empty(len(ids), np.intp)
    for file, at, end, before in zip(files, first, first[1:], base, strict=False):
        np.add(np.frombuffer(file.starts, np.int64), before, out=start[at:end])
    newline = np.flatnonzero(np.frombuffer(b"".join(one.content for one in files), np.uint8) == 10)
    behind = start.searchsorted(newline, "right")  # of each line end: the next element
    above = newline.searchsorted(base[:-1]) - 1  # lines of the files before, less one
    lines = np.arange(newline.size + 1, dtype=np.uint32)
    line = np.repeat(lines, np.diff(behind, prepend=0, append=len(ids)))
    line -= np.repeat(above.astype(np.uint32), sizes)

    many = [len(file.definitions) for file in files]
    begins = np.array([one[0] for file in files for one in file.definitions], np.intp)
    begins += np.repeat(first[:-1], many)
    ends = np.array([one[1] for file in files for one in file.definitions], np.intp)
    ends += np.repeat(base[:-1], many)
    stops = np.maximum(begins, start.searchsorted(ends)) - np.repeat(first[:-1], many)
    last_lines = newline.searchsorted(ends) - np.repeat(above, many)
    places = zip(stops.tolist(), line[begins].tolist(), last_lines.tolist(), strict=True)
    last_line = newline.searchsorted(np.maximum(base[:-1], base[1:] - 1)) - above
    units = [
        _units(file.definitions, places, size, last)
        for file, size, last in zip(files, sizes, last_line.tolist(), strict=True)
    ]

    marks = [family_mark([one.name for one in own if one.kind == "class"]) for own in units]
    hashes = [word_hashes(file.texts, mark) for file, mark in zip(files, marks, strict=True)]
    said = [
        own.take(np.frombuffer(file.said, np.int64))
        for file, own in zip(files, hashes, strict=True)
    ]
    word = np.zeros(len(ids), np.uint64)
    has_text = np.frombuffer(ids.translate(known.has_text), np.bool_)
    word[np.flatnonzero(has_text)] = np.concatenate(said)  # three times as fast as by truths
    kind = np.frombuffer(ids.translate(known.compact), np.uint8)
    structure = known.kind_hash.take(kind)
    tokens = Tokens(structure, structure ^ word, kind, line, word)
    for at, (begin, end) in enumerate(pairwise(first.tolist())):
        wrong: list[int] = []
        if errors := files[at].errors:
            wrong = (newline.searchsorted(base[at] + np.array(errors)) - above[at]).tolist()
        error_lines = tuple(sorted(set(wrong)))
        yield Parsed(
            units[at], tokens[begin:end], tuple(files[at].texts), hashes[at], marks[at], error_lines
        )


def syntax(
    content: bytes, seconds: float = _SECONDS, cells: Sequence[tuple[int, int]] = ()
) -> list[Tree]:
    """The syntax tree of a file; of a broken one several, one for each part of it, where the
    break swallowed definitions that follow it: the first of them at the start of a line begins
    a new part. Of a notebook (``SourceFile.cells``) the same for each cell: each is run by itself,
    and one that is broken, or that does not end, hides no other.

    Comments are in it, but for those of runs so long that they would slow the grammar down.

    Raises:
        TooLongError: it took more than so many seconds, which may be infinite.
    """
    known = grammar()
    end = time.monotonic() + seconds
    content, tree = _whole(_NO_ALIAS.sub(b"typ_", content), known, end)
    starts = _cell_starts(content, cells)
    trees: list[Tree] = []
    row = 0
    for first, stop in pairwise((*starts, len(content))):
        if len(starts) > 1:
            tree = _part(content, (first, stop), row, known, end)
        if tree.root_node.has_error:
            trees += _resumed(content, (first, stop), row, tree, known, end)
        else:
            trees.append(tree)
        row += content.count(b"\n", first, stop) if len(starts) > 1 else 0
    return trees


def _resumed(
    content: bytes, part: tuple[int, int], row: int, tree: Tree, known: _Grammar, end: float
) -> list[Tree]:
    """The trees of a broken part of a file, each but the first of which begins where a definition
    was swallowed by the one before."""
    trees: list[Tree] = []
    first, stop = part
    places = [match.start() for match in _AT_LINE_START.finditer(content, first, stop)]
    left = _MOST_AGAIN * (stop - first)  # bytes that may be parsed again
    for _ in range(_MOST_PARTS):
        root = tree.root_node
        cut = next((at for at in places if at > first and _swallowed(root, at)), None)
        if cut is None or left < 0:
            break
        left -= stop - first
        trees.append(_part(content, (first, cut), row, known, end))
        row += content.count(b"\n", first, cut)
        tree = _part(content, (cut, stop), row, known, end)
        first = cut
        if not tree.root_node.has_error:
            break
    return [*trees, tree]


def _cell_starts(content: bytes, cells: Sequence[tuple[int, int]]) -> list[int]:
    """The first bytes of the cells of a notebook; of another file, its first."""
    if len(cells) < 2:
        return [0]
    newline = np.flatnonzero(np.frombuffer(content, np.uint8) == 10)
    return [0, *(newline[[line - 2 for _, line in cells[1:]]] + 1).tolist()]


def _whole(content: bytes, known: _Grammar, end: float) -> tuple[bytes, Tree]:
    """What was parsed, and its tree. Comments in long runs are made spaces first: no element is in
    them. What turns out to stand in a string is no comment, and is left as it is. The first such
    run is known for sure, as all before it was parsed rightly; those behind it too, unless what
    ends a string was taken out of it, from where on it is to be seen again.
    """
    runs: list[tuple[int, int]] = []
    if (
        _signs(content, b"#") + _signs(content, b"\\") >= _MOST_COMMENTS
        and 1 + len(_SIGNED.findall(content)) >= _MOST_COMMENTS
    ):
        for match in _COMMENTS.finditer(content):
            start, stop = match.span()
            if content[start - 2 : start] == b"\\\n":  # a text may go on, on lines that do so too
                first = _GOING_ON.match(content, start, stop)
                start = first.end() if first is not None else stop
            if content.count(b"\n", start, stop) >= _MOST_COMMENTS:
                runs.append((start, stop))
    for left in reversed(range(_MOST_TIMES)):
        parsed = content
        if runs:
            blank = bytearray(content)
            for start, stop in runs:
                blank[start:stop] = _COMMENT.sub(_spaces, content[start:stop])
            parsed = bytes(blank)
        tree = _tree(parsed, known, end)
        kept, again = [], False
        endless = _endless(tree.root_node) if runs else inf
        for at, (start, stop) in enumerate(runs):
            within, quotes = _in_string(tree.root_node, start), None
            if within or start > endless:
                quotes = _TRIPLE.search(content, start, stop)
            if quotes is not None:
                kept += [(quotes.end(), stop), *runs[at + 1 :]]
                again = True
                break
            if within:
                again = True
            else:
                kept.append((start, stop))
        if not again:
            return parsed, tree
        runs = kept if left > 1 else []
    raise AssertionError("without runs nothing is taken out")


def _signs(content: bytes, sign: bytes) -> int:
    """How often it occurs, counted no further than matters. It is rare: from one to the next is
    faster than byte by byte."""
    found, at = 0, content.find(sign)
    while at >= 0 and found < _MOST_COMMENTS:
        found, at = found + 1, content.find(sign, at + 1)
    return found


def _spaces(match: re.Match[bytes]) -> bytes:
    return b" " * len(match[0])


def _in_string(root: Node, at: int) -> bool:
    """Whether a place stands inside of a string that began before it."""
    node = root.descendant_for_byte_range(at, at + 1)
    while node is not None and not (node.type == "string" and node.start_byte < at):
        node = node.parent
    return node is not None


def _endless(root: Node) -> float:
    """Where the first string in three quotes begins that ends nowhere: to the grammar it is none,
    but an error of what begins it."""
    first = inf
    stack = [root]
    while stack:
        node = stack.pop()
        if node.type == "string_start" and node.end_byte - node.start_byte >= len('"""'):
            first = min(first, node.start_byte)
        elif node.has_error:
            stack += (one for one in node.children if node.is_error or one.has_error)
    return first


def _tree(content: bytes, known: _Grammar, end: float, part: Range | None = None) -> Tree:
    """Parse a file or a part of it, no longer than to a time of the monotonic clock, where that is
    not infinite. Only text that is asked for piece by piece can be given up; the first piece is all
    of it."""
    given: list[bytes] = []

    stop = part.end_byte if part else len(content)

    def read(start: int, _point: object) -> bytes:
        given.append(content[start:stop])
        return given[-1]

    def late(_place: int, _error: bool) -> bool:
        return time.monotonic() > end

    try:
        parser = _idle.pop()  # one that was not given up, and that no other thread has
    except IndexError:
        parser = Parser(known.language)
    parser.included_ranges = [part] if part else []
    try:
        tree = parser.parse(content) if end == inf else parser.parse(read, progress_callback=late)
    except ValueError as error:
        raise TooLongError("found a file whose parsing was given up") from error
    finally:
        take_back(given)
    _idle.append(parser)
    return tree


def _part(content: bytes, place: tuple[int, int], row: int, known: _Grammar, end: float) -> Tree:
    """The tree of a part of a file that begins at the start of a line, whose row is given; its
    places are those in the file."""
    first, stop = place
    below = row + content.count(b"\n", first, stop)
    column = stop - (content.rfind(b"\n", first, stop) + 1 or first)
    part = Range(Point(row, 0), Point(below, column), first, stop)
    return _tree(content, known, end, part)


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


_Definition = tuple[int, int, bytes, bool]
"""Position of its element, end byte, name, whether it is a class."""


def _walk(
    trees: list[Tree], content: bytes, known: _Grammar
) -> tuple[
    list[int], list[int], list[int], dict[bytes, int], list[_Definition], list[bytes], list[int]
]:
    """Pre-order walk: kinds and start bytes of the elements; the numbers of the texts of the leaves
    that have one, and the number of each text; definitions; imports as written; start bytes of
    syntax errors.

    All that is asked of each node counts. A node keeps its children alive: none is kept here, so
    that they are let go while they are warm, and never all there at once.
    """
    kinds: list[int] = []
    starts: list[int] = []
    said: list[int] = []
    texts: dict[bytes, int] = defaultdict(count().__next__)  # few are new: kept, they would be cold
    definitions: list[_Definition] = []
    imports: list[bytes] = []
    errors: list[int] = []
    action, empty, generator = known.action, known.empty, known.generator
    stack = [tree.root_node for tree in reversed(trees)]
    while stack:
        node = stack.pop()
        kind = node.kind_id
        does = action[kind]
        if does == _TEXT:
            start = node.start_byte
            kinds.append(kind)
            starts.append(start)
            said.append(texts[content[start : node.end_byte]])
            continue
        if does == _LEAF:
            kinds.append(kind)
            starts.append(node.start_byte)
            continue
        if does == _PLAIN:
            kinds.append(kind)
            starts.append(node.start_byte)
            children = node.named_children
        elif does == _LEFT:
            if kind in known.importing:
                start = node.start_byte
                imports.append(content[start : min(node.end_byte, start + LONGEST_IMPORT)])
            continue
        elif does == _OPERATOR:
            kinds.append(kind)
            starts.append(node.start_byte)
            children = node.children
        elif does == _THROUGH:
            children = node.named_children
        else:
            children = node.named_children
            if kind == known.arguments:
                # ``class A():`` is ``class A:``, and a call is one without arguments;
                # ``f((a for a in b))`` is ``f(a for a in b)``, whose arguments it is itself
                if len(children) > 1 or (children and children[0].kind_id not in generator):
                    kinds.append(kind)
                    starts.append(node.start_byte)
            elif kind in known.statement:
                if len(children) == 1 and children[0].kind_id in empty:
                    continue  # a docstring, or ``...`` for a body that is still to be written
            elif kind == known.string_start:
                start, stop = node.start_byte, node.end_byte
                if stop - start not in (1, 3) and b"b" in content[start:stop].lower():
                    kinds.append(kind)  # bytes are not text; quotes, r, f are one
                    starts.append(start)
            elif kind == _ERROR:
                errors.append(node.start_byte)
            else:
                start = node.start_byte
                if kind == known.format and not children:
                    kind = _EMPTY_FORMAT
                    said.append(texts[content[start : node.end_byte]])
                elif kind in known.defining:
                    named = node.child_by_field_name("name")
                    name = content[named.start_byte : named.end_byte] if named is not None else b"?"
                    definitions.append((len(kinds), node.end_byte, name, kind in known.class_))
                kinds.append(kind)
                starts.append(start)
                if kind in known.asynchronous:
                    head = node.child(0)
                    if head is not None and head.kind_id == known.async_:
                        kinds.append(known.async_)
                        starts.append(start)
        if children:
            children.reverse()
            stack += children
    return kinds, starts, said, texts, definitions, imports, errors


def _units(
    definitions: list[_Definition],
    places: Iterator[tuple[int, int, int]],
    size: int,
    last_line: int,
) -> tuple[Unit, ...]:
    """Units of the definitions in source order, the module first; of each definition the next place
    says the element behind it and its lines."""
    outer = Unit("<module>", "module", 1, last_line, 0, size, -1)
    units = [outer]
    open_units = [0]
    for (first, _, named, is_class), (stop, first_line, last_line) in zip(
        definitions, places, strict=False
    ):
        while outer.stop <= first:
            open_units.pop()
            outer = units[open_units[-1]]
        if len(open_units) > DEEPEST:
            continue
        kind: UnitKind = "class" if is_class else _FUNCTION_IN.get(outer.kind, "nested")
        name = named.decode("utf-8", "replace")
        parent = open_units[-1]
        if parent:
            name = f"{outer.name}.{name}"
        name = name[-_LONGEST_NAME:]
        open_units.append(len(units))
        outer = Unit(name, kind, first_line, last_line, first, stop, parent)
        units.append(outer)
    return tuple(units)
