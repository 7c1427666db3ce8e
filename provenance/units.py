"""units: which trees of an open index have a unit, and which classes it is a member of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.pages import Lists, unpack_lists
from provenance.recent import Recent
from provenance.schema import UNITS_PER_PAGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.stored import Stored

_PAGES_AT_ONCE = 256
"""Pages that are unpacked together: of a large index those of all units take hundreds of MB."""


@dataclass(eq=False)
class Page:
    """A page of units as it is stored, small; what its lists say is unpacked when it is asked for.
    Of the trees that have each unit, and of the classes that have it as a member, how many there
    are, and the lists; the greatest numbers of a unit and of a tree.

    Raises:
        ValueError: the lists are not as they were written.
    """

    elements: NDArray[Any]
    many_trees: NDArray[Any]
    packed_trees: tuple[NDArray[Any], NDArray[Any]]
    many_classes: NDArray[Any]
    packed_classes: tuple[NDArray[Any], NDArray[Any]]
    most: tuple[int, int]

    @cached_property
    def trees(self) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        """Where each unit's trees begin and the last one's end, and the trees."""
        return _lists(self.many_trees, self.packed_trees, self.most[1])

    @cached_property
    def classes(self) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        """The same of its classes."""
        return _lists(self.many_classes, self.packed_classes, self.most[0])


class Units:
    """The units of an open index.

    Args:
        stored: its pages.
        units: the greatest number of a unit.
        trees: the greatest number of a tree.
    """

    def __init__(self, stored: Stored, units: int, trees: int) -> None:
        self._stored, self._most = stored, (units, trees)
        self._pages: Recent[int, Page] = Recent(1024)

    def forget(self) -> None:
        """Let go of the pages that were kept."""
        self._pages.clear()

    def unit(self, number: int) -> tuple[int, NDArray[np.uint32]]:
        """Elements of a unit, and the trees that have it."""
        page, position = divmod(number, UNITS_PER_PAGE)
        found = self._page(page)
        edges, trees = self._trees_of(page, found)
        if not 0 <= position < found.elements.size or edges[position] == edges[position + 1]:
            raise self._stored.damaged(f"unit {number} stands nowhere")
        return int(found.elements[position]), trees[edges[position] : edges[position + 1]]

    def page(
        self, number: int
    ) -> tuple[
        NDArray[np.intp],
        NDArray[np.intp],
        NDArray[np.uint32],
        NDArray[np.intp],
        NDArray[np.uint32],
    ]:
        """Elements; where each unit's trees begin, and the trees; the same of its classes. It is
        not kept: whoever asks goes through all pages."""
        found = self._pages.get(number) or self._read(number)
        outer, classes = self._classes_of(f"unit page {number}", found)
        return found.elements.astype(np.intp), *self._trees_of(number, found), outer, classes

    def trees_of(self, number: int) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        """Of a page where each unit's trees begin and the last one's end, and the trees; it is not
        kept."""
        return self._trees_of(number, self._pages.get(number) or self._read(number))

    def classes_of(self, units: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        """The classes that have units as members: positions in ``units``, and classes, in
        parallel, in no order."""
        page, at = np.divmod(units, UNITS_PER_PAGE)
        if np.flatnonzero(np.bincount(page)).size <= _PAGES_AT_ONCE:
            return self._classes_at(page, at)
        found = []
        order = np.argsort(page, kind="stable")
        changes = np.cumsum(np.diff(page[order], prepend=0) > 0) // _PAGES_AT_ONCE
        for some in np.split(order, np.flatnonzero(np.diff(changes)) + 1):
            own, classes = self._classes_at(page[some], at[some])
            found.append((some[own], classes))
        asked, classes = (np.concatenate(part) for part in zip(*found, strict=True))
        return asked, classes

    def _classes_at(
        self, page: NDArray[np.int64], at: NDArray[np.int64]
    ) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        """The same of units by their pages and the places there, all pages unpacked at once."""
        if not page.size:
            return np.empty(0, np.intp), np.empty(0, np.uint32)
        numbers = np.flatnonzero(np.bincount(page))
        pages = [self._page(number) for number in numbers.tolist()]
        sizes = np.array([one.elements.size for one in pages])
        rank = np.empty(int(numbers[-1]) + 1, np.intp)
        rank[numbers] = np.arange(numbers.size)
        rank = rank[page]
        if (at >= sizes[rank]).any():
            raise self._stored.damaged("a key names a unit that is not there")
        at = at + (np.cumsum(sizes) - sizes)[rank]  # among all units of these pages
        firsts, steps = zip(*(one.packed_classes for one in pages), strict=True)
        counts = np.concatenate([one.many_classes for one in pages])
        asked = np.flatnonzero(counts[at])
        at = at[asked]
        try:
            lists = Lists.packed(counts, np.concatenate(firsts), np.concatenate(steps))
            classes = lists.values(at)
            if classes.max(initial=0) > self._most[0]:
                raise ValueError("lists that name what is not there")
        except (ValueError, MemoryError, TypeError) as error:
            raise self._stored.unread("unit pages", error) from error
        return np.repeat(asked, lists.many(at)), classes

    def _page(self, number: int) -> Page:
        return self._pages.recall(number) or self._pages.keep(number, self._read(number))

    def _read(self, number: int) -> Page:
        try:
            elements, many, first, step, more, *lists = self._stored.read("unit", number)
            page = Page(elements, many, (first, step), more, (lists[0], lists[1]), self._most)
        except (ValueError, IndexError) as error:
            raise self._stored.damaged(f"unit page {number}: {error}") from error
        if not elements.size == many.size == more.size or len(lists) != 2:
            raise self._stored.damaged(f"unit page {number} is uneven")
        return page

    def _trees_of(self, number: int, page: Page) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        try:
            return page.trees
        except (ValueError, MemoryError, TypeError) as error:
            raise self._stored.unread(f"unit page {number}", error) from error

    def _classes_of(self, what: str, page: Page) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        try:
            return page.classes
        except (ValueError, MemoryError, TypeError) as error:
            raise self._stored.unread(what, error) from error


def _lists(
    counts: NDArray[Any], packed: tuple[NDArray[Any], NDArray[Any]], most: int
) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
    """Where each list begins and the last one ends, and what they list."""
    edges = np.zeros(counts.size + 1, np.intp)
    np.cumsum(counts, dtype=np.intp, out=edges[1:])
    values = unpack_lists(counts, *packed)
    if values.max(initial=0) > most:
        raise ValueError("lists that name what is not there")
    return edges, values
