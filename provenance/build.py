"""build: parsed and sketched files -> one index file, written whole or not at all.

Everything is numbered when all is known: units and pieces by name, so that what is alike
stands side by side and packs well, and so that the same releases give the same index in
whatever order they were added. The file is made under a temporary name beside its place and
renamed when it is complete; whatever happens before leaves the old index untouched.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.index import KINDS, NO_DAY, Index, parameters_json
from provenance.mark import without_mark
from provenance.model import Family, Parameters, Parsed, Release, Sketch, SourceFile
from provenance.origins import plain_family
from provenance.pages import (
    deltas,
    texts,
)
from provenance.parse import grammar
from provenance.rank import NOWHERE, Rank, rank
from provenance.schema import (
    BAND,
    DOORS,
    FILE,
    LAYOUT,
    NAMES_PER_PAGE,
    PIECES_PER_PAGE,
    RUN,
    STRUCTURE,
    TEXT,
    TEXT_RUN,
    TREES_PER_PACK,
    WIDE,
    WORD,
    WORDS_PER_PAGE,
    Shape,
    shape_of,
)
from provenance.sketch import body, digest, positions, within_function
from provenance.statements import NOTHING, Statements
from provenance.writing import (
    NewIndex,
    Selected,
    insert,
    two_bytes,
    write_door,
    write_files,
    write_meta,
    write_releases,
    write_units,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CLASS = KINDS.index("class")


@dataclass(frozen=True, slots=True, eq=False)
class _Tree:
    """A file's content: its pieces and units by the builder's own, preliminary numbers."""

    sha256: str
    mark: str
    holders: tuple[str, ...]
    licenses: tuple[str, ...]
    pieces: NDArray[np.intp]
    lines: NDArray[np.intp]
    units: NDArray[np.intp]
    start: NDArray[np.intp]
    size: NDArray[np.intp]
    first_line: NDArray[np.intp]
    more_lines: NDArray[np.intp]
    kinds: NDArray[np.intp]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Kinds, steps of lines, and words (preliminary numbers) of a stretch of elements."""

    kinds: bytes
    steps: bytes  # uint32
    words: bytes  # uint32

    @property
    def size(self) -> int:
        return len(self.kinds)


class Builder:
    """Collects files into an index; ``finish`` writes it under a temporary name and puts it in
    place.

    Use as a context manager: leaving it without ``finish`` leaves nothing behind.
    """

    def __init__(
        self,
        output: Path,
        parameters: Parameters,
        drawn: NDArray[np.uint32],
    ) -> None:
        self.file = NewIndex(output)
        self.parameters = parameters
        self.drawn = drawn
        self.shape = Shape()
        self._releases: list[tuple[Release, list[str]]] = []
        self._origins: dict[str, int] = {}
        self._families: dict[str, Family] = {}  # by origin, where they are known
        self._files: list[tuple[int, int, int, str]] = []  # tree, release, origin, path
        self._entered: set[tuple[int, int, int, str]] = set()
        self._trees: list[_Tree] = []
        self._tree_of: dict[str, int] = {}
        self._pieces: list[_Piece] = []
        self._piece_of: dict[bytes, int] = {}
        self._elements: list[int] = []  # of each unit
        self._unit_of: dict[int, int] = {}  # by its digest
        self._words: dict[int, int] = {}
        self._word_texts: list[str] = []
        self._keys: dict[int, list[NDArray[np.uint64]]] = {door: [] for door in DOORS}
        self._posted: dict[int, list[NDArray[np.intp]]] = {door: [] for door in DOORS}

    def __enter__(self) -> Builder:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.discard()

    # --- adding -----------------------------------------------------------------------

    def add_release(self, release: Release, selection: str) -> int:
        """Enter a release, or another selection of one that is entered; returns its number."""
        for number, (known, selections) in enumerate(self._releases):
            if known == release:
                if selection not in selections:
                    selections.append(selection)
                return number
        self._releases.append((release, [selection]))
        return len(self._releases) - 1

    def knows_tree(self, sha256: str) -> bool:
        """Whether a file of this content is in the index, so that it need not be parsed."""
        return sha256 in self._tree_of

    def add_file(
        self, release: int, origin: str, path: str, sha256: str, family: Family | None = None
    ) -> None:
        """Enter a path of a release whose content is known, once."""
        if family is not None:
            self._families[origin] = family
        number = self._origins.setdefault(origin, len(self._origins))
        self._file(self._tree_of[sha256], release, number, path)

    def add_bare(self, sha256: str) -> None:
        """Enter a file's content that another index holds with which this one is joined."""
        if sha256 not in self._tree_of:
            none = np.empty(0, np.intp)
            self._enter(
                _Tree(sha256, "", (), (), none, none, none, none, none, none, none, none, ())
            )

    def _file(self, tree: int, release: int, origin: int, path: str) -> None:
        entry = (tree, release, origin, path)
        if entry not in self._entered:
            self._entered.add(entry)
            self._files.append(entry)

    def add_tree(
        self, file: SourceFile, parsed: Parsed, sketch: Sketch, said: Statements = NOTHING
    ) -> None:
        """Enter a file's content: its pieces, units, and postings."""
        tokens, units = parsed.tokens, parsed.units
        words = self._number_words(parsed)
        within = within_function(units)
        numbers: list[int] = []
        digests: list[int] = []
        cuts = {0, len(tokens)}
        for position, unit in enumerate(units):
            span: slice | NDArray[np.intp] = slice(unit.start, unit.stop)
            if unit.kind == "module":
                span = positions(body(units, position))
            elif not within[position]:
                cuts |= {unit.start, unit.stop}
            text = tokens.text[span]
            digests.append(digest(text))
            numbers.append(self._unit(digests[-1], int(text.size)))
        edges = sorted(cuts)
        pieces: list[int] = []
        for start, stop in pairwise(edges):
            lines = tokens.line[start:stop].astype(np.int64)
            found = words[start:stop]
            pieces.append(
                self._piece(
                    tokens.kind[start:stop],
                    np.diff(lines, prepend=lines[:1]).astype(np.uint32),
                    found[found >= 0].astype(np.uint32),
                )
            )
        first = np.array([unit.start_line for unit in units], np.intp)
        tree = _Tree(
            sha256=file.sha256,
            mark=parsed.mark,
            holders=_distinct(one.holder for one in said.copyrights),
            licenses=_distinct(one.expression for one in said.licenses),
            pieces=np.array(pieces, np.intp),
            lines=tokens.line[np.array(edges[:-1], np.intp)].astype(np.intp),
            units=np.array(numbers, np.intp),
            start=np.array([unit.start for unit in units], np.intp),
            size=np.array([unit.stop - unit.start for unit in units], np.intp),
            first_line=first,
            more_lines=np.array([unit.end_line for unit in units], np.intp) - first,
            kinds=np.array([KINDS.index(unit.kind) for unit in units], np.intp),
            names=tuple(unit.name.replace("\0", "\ufffd") for unit in units),
        )
        self._enter(tree)
        self._keys[LAYOUT].append(np.array([digest(tokens.text)], np.uint64))
        self._posted[LAYOUT].append(np.array([self._tree_of[file.sha256]], np.intp))
        self._keys[TEXT].append(np.array(digests, np.uint64))
        self._posted[TEXT].append(np.array(numbers, np.intp))
        self._post(sketch, np.array(numbers, np.intp))

    def _enter(self, tree: _Tree) -> None:
        self._tree_of[tree.sha256] = len(self._trees)
        self._trees.append(tree)

    def _number_words(self, parsed: Parsed) -> NDArray[np.int64]:
        """The number of each element's word, -1 where it has none."""
        tokens = parsed.tokens
        known = grammar()
        leaves = np.flatnonzero(known.is_leaf[tokens.kind])
        distinct, inverse = np.unique(tokens.word[leaves], return_inverse=True)
        identifiers = set(tokens.word[tokens.kind == known.identifier].tolist())
        written = {number: text for text, number in parsed.words.items() if number in identifiers}
        numbers = np.empty(distinct.size, np.int64)
        for position, word in enumerate(distinct.tolist()):
            number = self._words.get(word)
            if number is None:
                number = self._words[word] = len(self._words)
                self._word_texts.append("")
            if not self._word_texts[number] and word in written:
                name = written[word].decode("utf-8", "replace")
                if parsed.mark:
                    name = without_mark(name, parsed.mark)
                self._word_texts[number] = name.replace("\0", "\ufffd")
            numbers[position] = number
        result = np.full(len(tokens), -1, np.int64)
        result[leaves] = numbers[inverse]
        return result

    def _piece(
        self,
        kinds: NDArray[np.uint8],
        steps: NDArray[np.uint32],
        words: NDArray[np.uint32],
    ) -> int:
        piece = _Piece(kinds.tobytes(), steps.tobytes(), words.tobytes())
        data = kinds.size.to_bytes(8, "little") + piece.kinds + piece.steps + piece.words
        key = blake2b(data, digest_size=16).digest()
        number = self._piece_of.get(key)
        if number is None:
            number = self._piece_of[key] = len(self._pieces)
            self._pieces.append(piece)
        return number

    def _unit(self, text: int, elements: int) -> int:
        number = self._unit_of.get(text)
        if number is None:
            number = self._unit_of[text] = len(self._elements)
            self._elements.append(elements)
        return number

    def _post(self, sketch: Sketch, unit_of: NDArray[np.intp]) -> None:
        units = unit_of[sketch.unit]
        large = units[sketch.large]
        for door, keys, owners in (
            (STRUCTURE, sketch.structure_digest[sketch.large], large),
            (BAND, sketch.band.ravel(), np.repeat(large, sketch.band.shape[1])),
            (RUN, sketch.run[0], units[sketch.run[1]]),
            (TEXT_RUN, sketch.text_run[0], units[sketch.text_run[1]]),
        ):
            if keys.size:
                self._keys[door].append(keys)
                self._posted[door].append(owners)

    # --- finishing --------------------------------------------------------------------

    @property
    def units(self) -> int:
        """How many distinct units were collected."""
        return len(self._elements)

    def finish(self, measure: Callable[[Index], str] | None = None, most: int = 64) -> None:
        """Write what was collected, check it, and put the file in its place.

        Args:
            measure: gives the baseline of the index that is written, to be stored in it.
            most: bits of a key, see ``shape_of``.
        """
        many = max(self.units, len(self._words), len(self._trees))
        self._save(self.file, shape_of(self.units, many, most), measure)

    def save(self, path: Path, shape: Shape) -> None:
        """Write what was collected to another place, without a baseline."""
        file = NewIndex(path)
        file.output = self.file.output  # what the user has named
        try:
            self._save(file, shape, None)
        finally:
            file.discard()

    def _save(self, file: NewIndex, shape: Shape, measure: Callable[[Index], str] | None) -> None:
        self.shape = shape
        file.write(self._write, measure, shape.version)

    def _write(self, connection: sqlite3.Connection) -> None:
        """Number everything anew, in an order that does not depend on how it came, and write."""
        new_release = _ranked([Selected.order(one) for one, _ in self._releases])
        new_origin = _ranked(list(self._origins))
        first_path: dict[int, str] = {}
        for tree, _, _, path in self._files:
            first_path[tree] = min(path, first_path.get(tree, path))
        new_tree = 1 + _ranked(
            [(first_path.get(at, ""), tree.sha256) for at, tree in enumerate(self._trees)]
        )
        of_unit, of_piece = self._ranks()
        new_unit = 1 + _ranked(
            list(zip(of_unit, self._elements, self._unit_of, strict=True)),
        )
        names = sorted(
            {name for tree in self._trees for name in (*tree.names, *tree.holders, *tree.licenses)}
            | {path for _, _, _, path in self._files}
        )
        name_number = {name: number for number, name in enumerate(names)}
        new_word = self._write_words(connection)
        new_piece = self._write_pieces(connection, new_word, of_piece)
        self._write_trees(connection, new_tree, new_piece, new_unit, name_number)
        for page, first in enumerate(range(0, len(names), NAMES_PER_PAGE)):
            insert(connection, "name", page, texts(names[first : first + NAMES_PER_PAGE]))
        rows = sorted(
            (int(new_tree[tree]), int(new_release[release]) + 1, int(new_origin[origin]) + 1,
             name_number[path])
            for tree, release, origin, path in self._files
        )  # fmt: skip
        write_files(connection, np.array(rows, np.intp).reshape(-1, 4), len(self._trees))
        standing = self._write_units(connection, new_tree, new_unit)
        self._keys[FILE] = [np.array([int(t.sha256[:16], 16) for t in self._trees], np.uint64)]
        self._posted[FILE] = [np.arange(len(self._trees))]
        bits = self._write_postings(connection, new_unit, new_tree, new_word)
        ordered = sorted(self._releases, key=lambda known: Selected.order(known[0]))
        write_releases(connection, [Selected(one, tuple(given)) for one, given in ordered])
        self._write_origins(connection, new_origin + 1, standing)
        counts = {
            "release": len(self._releases),
            "origin": len(self._origins),
            "file": len(self._files),
            "tree": len(self._trees),
            "place": sum(tree.units.size for tree in self._trees),
            "unit": len(self._elements),
            "piece": len(self._pieces),
        }
        drawn = self.drawn.astype("<u4").tobytes()
        stated = parameters_json(self.parameters)
        write_meta(connection, stated, drawn, bits, counts, self.shape, len(self._words))

    def _ranks(self) -> tuple[list[Rank], list[Rank]]:
        """By which units and pieces are ordered: the least of their kinds and names."""
        units: list[Rank] = [NOWHERE] * len(self._elements)
        pieces: list[Rank] = [NOWHERE] * len(self._pieces)
        sizes = np.array([piece.size for piece in self._pieces], np.intp)
        for tree in self._trees:
            begins: dict[int, Rank] = {}
            for number, start, kind, name in zip(
                tree.units.tolist(),
                tree.start.tolist(),
                tree.kinds.tolist(),
                tree.names,
                strict=True,
            ):
                its = rank(KINDS[kind], name, tree.mark)
                units[number] = min(units[number], its)
                if kind:
                    begins[start] = its
            starts = np.cumsum(sizes[tree.pieces]) - sizes[tree.pieces]
            for number, start in zip(tree.pieces.tolist(), starts.tolist(), strict=True):
                pieces[number] = min(pieces[number], begins.get(start, NOWHERE))
        return units, pieces

    def _write_words(self, connection: sqlite3.Connection) -> NDArray[np.intp]:
        """Write the words, the most frequent first; returns their numbers."""
        times = np.zeros(len(self._words), np.int64)
        for piece in self._pieces:
            np.add.at(times, np.frombuffer(piece.words, np.uint32), 1)
        hashes = np.array(list(self._words), np.uint64)
        order = np.lexsort((hashes, -times))
        for page, first in enumerate(range(0, order.size, WORDS_PER_PAGE)):
            part = order[first : first + WORDS_PER_PAGE]
            written = texts([self._word_texts[number] for number in part.tolist()])
            insert(connection, "word", page, hashes[part], written)
        return _inverse(order)

    def _write_pieces(
        self,
        connection: sqlite3.Connection,
        new_word: NDArray[np.intp],
        ranks: Sequence[Rank],
    ) -> NDArray[np.intp]:
        words = [new_word[np.frombuffer(piece.words, np.uint32)] for piece in self._pieces]
        new = _ranked(
            [
                (rank, piece.size, piece.kinds, word.astype("<u4").tobytes(), piece.steps)
                for rank, piece, word in zip(ranks, self._pieces, words, strict=True)
            ]
        )
        order = _inverse(new)
        for page, first in enumerate(range(0, order.size, PIECES_PER_PAGE)):
            part = order[first : first + PIECES_PER_PAGE].tolist()
            pieces = [self._pieces[number] for number in part]
            insert(
                connection,
                "piece",
                page,
                np.array([piece.size for piece in pieces], np.intp),
                np.frombuffer(b"".join(piece.kinds for piece in pieces), np.uint8),
                np.frombuffer(b"".join(piece.steps for piece in pieces), np.uint32),
                *two_bytes(np.concatenate([words[number] for number in part])),
            )
        return new

    def _write_trees(
        self,
        connection: sqlite3.Connection,
        new_tree: NDArray[np.intp],
        new_piece: NDArray[np.intp],
        new_unit: NDArray[np.intp],
        name_number: dict[str, int],
    ) -> None:
        sizes = np.array([piece.size for piece in self._pieces], np.intp)

        def numbers(names: Sequence[str]) -> NDArray[np.intp]:
            return np.array([name_number[name] for name in names], np.intp)

        def arrays(tree: _Tree) -> tuple[NDArray[Any], ...]:
            return (
                numbers(tree.holders),
                numbers(tree.licenses),
                new_piece[tree.pieces],
                sizes[tree.pieces],
                deltas(tree.lines),
                new_unit[tree.units],
                deltas(tree.start),
                tree.size,
                deltas(tree.first_line),
                tree.more_lines,
                tree.kinds,
                numbers(tree.names),
            )

        none = np.empty(0, np.intp)
        nobody = _Tree("", "", (), (), none, none, none, none, none, none, none, none, ())
        ordered = [nobody, *(self._trees[number] for number in _inverse(new_tree - 1).tolist())]
        for page, first in enumerate(range(0, len(ordered), TREES_PER_PACK)):
            trees = ordered[first : first + TREES_PER_PACK]
            columns = list(zip(*map(arrays, trees), strict=True))
            insert(
                connection,
                "tree",
                page,
                texts([text for tree in trees for text in (tree.sha256, tree.mark)]),
                *(np.array([part.size for part in column], np.intp) for column in columns),
                *(np.concatenate(column) for column in columns),
            )

    def _write_units(
        self,
        connection: sqlite3.Connection,
        new_tree: NDArray[np.intp],
        new_unit: NDArray[np.intp],
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Write the units with their trees; returns (unit, tree) of each, by the old numbers."""
        unit = np.concatenate([np.empty(0, np.intp), *(tree.units for tree in self._trees)])
        sizes = [tree.units.size for tree in self._trees]
        tree = np.repeat(np.arange(len(self._trees)), sizes)
        pairs = np.unique(new_unit[unit].astype(np.int64) << 32 | new_tree[tree])
        elements = np.zeros(len(self._elements) + 1, np.intp)
        elements[new_unit] = self._elements
        write_units(connection, 0, elements, pairs, self._members(new_unit))
        return unit, tree

    def _members(self, new_unit: NDArray[np.intp]) -> NDArray[np.int64]:
        """unit << 32 | class that has it as a member, by their new numbers, ascending."""
        pairs: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        for tree in self._trees:
            stop = tree.start + tree.size
            open_units: list[int] = []
            found: list[tuple[int, int]] = []
            kinds = tree.kinds.tolist()
            for at, (start, end) in enumerate(zip(tree.start.tolist(), stop.tolist(), strict=True)):
                while open_units and int(stop[open_units[-1]]) <= start:
                    open_units.pop()
                if at and open_units and kinds[open_units[-1]] == _CLASS:
                    found.append((at, open_units[-1]))
                if at and end > start:
                    open_units.append(at)
            if found:
                inner, outer = np.array(found, np.intp).T
                pairs.append(
                    new_unit[tree.units[inner]].astype(np.int64) << 32 | new_unit[tree.units[outer]]
                )
        return np.unique(np.concatenate(pairs))

    def _write_postings(
        self,
        connection: sqlite3.Connection,
        new_unit: NDArray[np.intp],
        new_tree: NDArray[np.intp],
        new_word: NDArray[np.intp],
    ) -> dict[int, int]:
        bits: dict[int, int] = {}
        shape = self.shape
        for door in DOORS:
            renumber = new_tree if door in (FILE, LAYOUT) else new_unit
            keys = np.concatenate([np.empty(0, np.uint64), *self._keys[door]])
            owners = renumber[np.concatenate([np.empty(0, np.intp), *self._posted[door]])]
            found = [(keys, owners, keys[:0])]
            bits[door] = write_door(connection, door, self.parameters.common, found, shape)
        if shape.version == WIDE:
            keys = np.array(list(self._words), np.uint64)
            found = [(keys, new_word, keys[:0])]
            bits[WORD] = write_door(connection, WORD, 0, found, shape)
        return bits

    def _write_origins(
        self,
        connection: sqlite3.Connection,
        new: NDArray[np.intp],
        standing: tuple[NDArray[np.intp], NDArray[np.intp]],
    ) -> None:
        days: dict[int, str] = {}
        origins_of: dict[int, set[int]] = {}
        for tree, release, origin, _ in self._files:
            day = self._releases[release][0].date or NO_DAY
            days[origin] = min(day, days.get(origin, NO_DAY))
            origins_of.setdefault(tree, set()).add(origin)
        held: dict[int, set[int]] = {}
        for unit, tree in zip(standing[0].tolist(), standing[1].tolist(), strict=True):
            held.setdefault(unit, set()).update(origins_of[tree])
        units: Counter[int] = Counter()
        shared: Counter[int] = Counter()
        for origins in held.values():
            units.update(origins)
            shared.update(dict.fromkeys(origins, len(origins) - 1))
        rows: list[tuple[Any, ...]] = sorted(
            (
                int(new[number]),
                name,
                *astuple(self._families.get(name) or plain_family(name)),
                None if days.get(number, NO_DAY) == NO_DAY else days[number],
                units[number],
                shared[number],
            )
            for name, number in self._origins.items()
        )
        connection.executemany("INSERT INTO origin VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value.replace("\0", "\ufffd") for value in values))


def _ranked(keys: Sequence[Any]) -> NDArray[np.intp]:
    """The position of each key in ascending order."""
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return _inverse(np.array(order, np.intp))


def _inverse(order: NDArray[np.intp]) -> NDArray[np.intp]:
    """The permutation that undoes another."""
    result = np.empty(order.size, np.intp)
    result[order] = np.arange(order.size)
    return result
