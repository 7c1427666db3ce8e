"""elements: pieces, words and names of an open index -> the elements of its trees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.model import Tokens
from provenance.pages import split
from provenance.recent import Recent
from provenance.schema import NAMES_PER_PAGE, PIECES_PER_PAGE, WORD, WORDS_PER_PAGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.postings import Postings
    from provenance.stored import Stored

LARGE_WORD = 0xFFFF
_MOST_TEXTS = 20_000
_MOST_STATED = 8
_MOST_BYTES = 32 << 20  # of pages of pieces; 48 save no time against ten million units
_WORD_BITS = np.uint32(WORDS_PER_PAGE.bit_length() - 1)
_NOTHING = np.empty(0, np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One distinct file content: its pieces and its units in source order, in parallel arrays.

    Pieces: their numbers, sizes in elements, where each begins and the last one ends, the 1-based
    line of their first element. Units:
    numbers, half-open spans of elements, 1-based inclusive lines, positions in ``KINDS``,
    numbers of their names. ``holders`` are those its copyright lines name, ``licenses`` the SPDX
    expressions of the licences it states.
    """

    sha256: str
    mark: str
    holders: tuple[str, ...]
    licenses: tuple[str, ...]
    pieces: NDArray[np.intp]
    sizes: NDArray[np.intp]
    edges: NDArray[np.intp]
    lines: NDArray[np.intp]
    units: NDArray[np.intp]
    start: NDArray[np.intp]
    stop: NDArray[np.intp]
    first_line: NDArray[np.intp]
    last_line: NDArray[np.intp]
    kinds: NDArray[np.intp]
    names: NDArray[np.intp]

    @property
    def stated(self) -> tuple[str, ...]:
        """The first of its licences: every finding has them."""
        return self.licenses[:_MOST_STATED]


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """A page of pieces as it is stored: where each one's elements, leaves and large numbers of
    words begin; kinds, line steps, two low bytes of the words, the large numbers."""

    elements: list[int]
    leaves: list[int]
    larges: list[int]
    kinds: NDArray[np.uint8]
    steps: NDArray[Any]
    low: NDArray[np.uint8]
    high: NDArray[Any]

    @property
    def size(self) -> int:
        """Bytes, about."""
        read = (self.kinds, self.steps, self.low, self.high)
        return sum(one.nbytes for one in read) + 100 * len(self.elements)

    def words(self, piece: int, low: list[NDArray[np.uint8]], high: list[NDArray[Any]]) -> None:
        """Put the numbers of a piece's words behind others, as they are stored."""
        low.append(self.low[2 * self.leaves[piece] : 2 * self.leaves[piece + 1]])
        first, stop = self.larges[piece], self.larges[piece + 1]
        if first != stop:
            high.append(self.high[first:stop])


class Elements:
    """What the trees of an open index are made of."""

    def __init__(self, stored: Stored, postings: Postings | None, words: int) -> None:
        self._stored, self._postings, self._many = stored, postings, words
        self._kept_hashes = _Hashes(stored)
        self._words: Recent[int, tuple[Any, list[str]]] = Recent(1024)
        self._names: Recent[int, list[str]] = Recent(512)
        self._texts: dict[int, str] = {}  # of words
        self._pieces: Recent[int, _Pieces] = Recent(_MOST_BYTES)

    def forget(self) -> None:
        """Let go of the pages that were kept."""
        self._texts.clear()
        self._kept_hashes = _Hashes(self._stored)
        for kept in (self._words, self._names, self._pieces):
            kept.clear()

    def tokens(self, tree: Tree, chosen: slice | NDArray[np.intp]) -> Tokens:
        """The elements of some pieces of a tree, one piece after another."""
        kinds, steps = [_NOTHING], [_NOTHING]
        low, high = [_NOTHING], [_NOTHING]
        for page, piece in self._held(tree, chosen):
            first, stop = page.elements[piece], page.elements[piece + 1]
            kinds.append(page.kinds[first:stop])
            steps.append(page.steps[first:stop])
            page.words(piece, low, high)
        kind, structure, word = self._joined(kinds, low, high)
        line = np.cumsum(np.concatenate(steps), dtype=np.intp)
        sizes = tree.sizes[chosen]
        before = np.concatenate([[0], line])[np.cumsum(sizes) - sizes]
        line += np.repeat(tree.lines[chosen] - before, sizes)  # each piece has a first line
        return Tokens(structure, structure ^ word, kind, line.astype(np.uint32), word)

    def views(
        self, pieces: Sequence[tuple[Tree, slice | NDArray[np.intp]]]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """The elements of pieces of several trees in the structure and in the text view."""
        kinds, low, high = [_NOTHING], [_NOTHING], [_NOTHING]
        for tree, chosen in pieces:
            for page, piece in self._held(tree, chosen):
                kinds.append(page.kinds[page.elements[piece] : page.elements[piece + 1]])
                page.words(piece, low, high)
        _, structure, word = self._joined(kinds, low, high)
        return structure, structure ^ word

    def _held(self, tree: Tree, chosen: slice | NDArray[np.intp]) -> Iterator[tuple[_Pieces, int]]:
        """Some pieces of a tree: of each its page, and its place there."""
        sizes = tree.sizes[chosen].tolist()
        for at, size in zip(tree.pieces[chosen].tolist(), sizes, strict=True):
            number, piece = divmod(at, PIECES_PER_PAGE)
            page = self._piece_page(number)
            if page.elements[piece + 1] - page.elements[piece] != size:
                raise ValueError("a piece that is not as long as its place")
            yield page, piece

    def _joined(
        self,
        kinds: list[NDArray[np.uint8]],
        low: list[NDArray[np.uint8]],
        high: list[NDArray[Any]],
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint64], NDArray[np.uint64]]:
        """The kinds of elements, their structure view, the hashes of their words, 0 for none."""
        from provenance.parse import grammar

        known, kind = grammar(), np.concatenate(kinds)
        word = np.zeros(kind.size, np.uint64)
        words = words_of(np.concatenate(low), np.concatenate(high)).astype(np.uint32)
        word[known.is_leaf[kind]] = self._hashes(words)
        return kind, known.kind_hash[kind], word

    def _piece_page(self, number: int) -> _Pieces:
        page = self._pieces.recall(number)
        if page is None:
            from provenance.parse import grammar

            sizes, kinds, steps, low, high = self._stored.read("piece", number)
            kinds, low = kinds.astype(np.uint8, copy=False), low.astype(np.uint8, copy=False)
            elements = _edges(sizes)
            leaf = np.flatnonzero(grammar().is_leaf.take(kinds))
            leaves = leaf.searchsorted(elements)  # far cheaper than to count at every element
            if not kinds.size == steps.size == elements[-1] or low.size != 2 * leaf.size:
                raise self._stored.damaged(f"piece page {number} is uneven")
            words = low.view("<u2")
            large = np.flatnonzero(words == LARGE_WORD)
            if large.size != high.size:
                raise self._stored.damaged(f"piece page {number} has words that do not fit")
            most = int(high.max() if high.size else words.max(initial=0))
            if most >= max(1, self._words_there):
                raise self._stored.damaged(f"piece page {number} names words that are not there")
            larges = large.searchsorted(leaves)
            listed = elements.tolist(), leaves.tolist(), larges.tolist()
            page = _Pieces(*listed, kinds, steps, low, high)
            self._pieces.keep(number, page, page.size)
        return page

    def _hashes(self, numbers: NDArray[np.uint32]) -> NDArray[np.uint64]:
        """Hashes of words by their numbers."""
        if self._postings is None:
            known: NDArray[np.uint64] = self._word_hashes[numbers]
            return known
        return self._kept_hashes.of(numbers)

    @cached_property
    def _words_there(self) -> int:
        """How many words there are."""
        return self._many if self._postings is not None else int(self._word_hashes.size)

    @cached_property
    def _word_hashes(self) -> NDArray[np.uint64]:
        """The hash of every word, by its number."""
        pages = range(self._stored.count("word"))
        every = [self._word_page(page)[0] for page in pages]
        return np.concatenate([np.empty(0, np.uint64), *every])

    @cached_property
    def _by_hash(self) -> NDArray[np.intp]:
        """The numbers of all words, by their hashes."""
        return np.argsort(self._word_hashes)

    def _word_page(self, page: int) -> tuple[NDArray[np.uint64], list[str]]:
        found = self._words.recall(page)
        if found is None:
            try:
                hashes, written = self._stored.read("word", page)
                texts = split(written)
            except ValueError as error:
                raise self._stored.damaged(f"word page {page}: {error}") from error
            if hashes.size != len(texts):
                raise self._stored.damaged(f"word page {page} is uneven")
            found = self._words.keep(page, (hashes.astype(np.uint64), texts))
        return found

    def names(self, words: NDArray[np.uint64]) -> list[str]:
        """The identifiers with the given hashes, '' where there is none; the signs of a family
        mark stand as they are."""
        if len(self._texts) > _MOST_TEXTS:
            self._texts.clear()
        texts, listed = self._texts, words.tolist()
        missing = np.array([word for word in listed if word not in texts], np.uint64)
        if missing.size:
            for word, number in zip(missing.tolist(), self._numbers(missing), strict=True):
                page, position = divmod(number, WORDS_PER_PAGE)
                texts[word] = self._word_page(page)[1][position] if number >= 0 else ""
        return [texts[word] for word in listed]

    def _numbers(self, hashes: NDArray[np.uint64]) -> list[int]:
        """The numbers of the words with some hashes, -1 where there is none."""
        found = np.full(hashes.size, -1, np.intp)
        if self._postings is not None:
            at, held, _ = self._postings.lookup(WORD, hashes)
            found[at] = held
        elif self._word_hashes.size:
            at = self._word_hashes.searchsorted(hashes, sorter=self._by_hash)
            numbers = self._by_hash[np.minimum(at, self._word_hashes.size - 1)]
            found = np.where(self._word_hashes[numbers] == hashes, numbers, -1)
        result: list[int] = found.tolist()
        return result

    def name(self, number: int) -> str:
        """A path, or the qualified name of a unit, by its number."""
        page, position = divmod(number, NAMES_PER_PAGE)
        names = self._names.recall(page)
        if names is None:
            try:
                (written,) = self._stored.read("name", page)
                names = self._names.keep(page, split(written))
            except ValueError as error:
                raise self._stored.damaged(f"name page {page}: {error}") from error
        if position >= len(names):
            raise self._stored.damaged(f"no name {number}")
        return names[position]


class _Hashes:
    """The hashes of words by their numbers, where there are too many to hold them all."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._slot = np.empty(0, np.intp)  # of each page its place in what is held, -1 for none
        self._held = np.empty((0, WORDS_PER_PAGE), np.uint64)
        self._many = 0

    def of(self, numbers: NDArray[np.uint32]) -> NDArray[np.uint64]:
        """Hashes of words by their numbers."""
        page, at = numbers >> _WORD_BITS, numbers & np.uint32(WORDS_PER_PAGE - 1)
        most = int(page.max(initial=0))
        if most >= self._slot.size:
            grown = np.full(max(2 * self._slot.size, most + 1), -1, np.intp)
            grown[: self._slot.size] = self._slot
            self._slot = grown
        slot = self._slot[page]
        if slot.size and slot.min() < 0:
            self._read(np.flatnonzero(np.bincount(page[slot < 0])).tolist())
            slot = self._slot[page]
        found: NDArray[np.uint64] = self._held[slot, at]
        return found

    def _read(self, pages: list[int]) -> None:
        """Hold some more pages, all that ever were asked for."""
        if self._many + len(pages) > self._held.shape[0]:
            room = max(2 * self._many, self._many + len(pages))
            grown = np.zeros((room, WORDS_PER_PAGE), np.uint64)
            grown[: self._many] = self._held[: self._many]
            self._held = grown
        for page in pages:
            hashes = self._stored.read("word", page)[0]
            if hashes.size > WORDS_PER_PAGE:
                raise self._stored.damaged(f"word page {page} is too long")
            self._held[self._many, : hashes.size] = hashes
            self._slot[page] = self._many
            self._many += 1


def _edges(counts: NDArray[Any]) -> NDArray[np.intp]:
    edges = np.zeros(counts.size + 1, np.intp)
    np.cumsum(counts, dtype=np.intp, out=edges[1:])
    return edges


def words_of(low: NDArray[Any], high: NDArray[Any]) -> NDArray[np.intp]:
    """Numbers of words from their two low bytes each, and the large ones in order.

    Raises:
        ValueError: the two do not fit together.
    """
    words = low.astype(np.uint8, copy=False).view("<u2").astype(np.intp)
    large = words == LARGE_WORD
    if np.count_nonzero(large) != high.size:
        raise ValueError("a page of words that do not fit together")
    words[large] = high
    return words
