"""seen: what of an index a scan may see, found out page by page, as it is asked for. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Seen:
    """Which of some numbered things may be seen.

    Args:
        size: how many numbers there are, 0 and on.
        each: how many of them are on a page.
        page: bool[each or fewer], those of the page of a number.
    """

    def __init__(self, size: int, each: int, page: Callable[[int], NDArray[np.bool_]]) -> None:
        self._each, self._page = each, page
        self._seen = np.zeros(size, bool)
        self._known = np.zeros(size // each + 1, bool)

    def of(self, numbers: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Which of some may be seen."""
        pages = numbers // self._each
        asked = pages[~self._known[pages]]
        for page in np.flatnonzero(np.bincount(asked)).tolist():
            part = self._seen[page * self._each : (page + 1) * self._each]
            told = self._page(page)[: part.size]
            part[: told.size] = told
            self._known[page] = True
        found: NDArray[np.bool_] = self._seen[numbers]
        return found

    def every(self) -> NDArray[np.bool_]:
        """Which of all may be seen."""
        return self.of(np.arange(self._seen.size))
