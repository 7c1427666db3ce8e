"""recent: values that cost work, by what they were made from; the most recently used are kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

_Key = TypeVar("_Key")
_Row = TypeVar("_Row")


class Recent(OrderedDict[_Key, _Row]):
    """Values of at most ``size`` together: so many, unless each says how large it is."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self._sizes: dict[_Key, int] = {}
        self._whole = 0

    def recall(self, key: _Key) -> _Row | None:
        """The value kept under a key, None where it is not there, or no longer."""
        value = self.get(key)
        if value is not None:
            self.move_to_end(key)
        return value

    def keep(self, key: _Key, value: _Row, size: int = 1) -> _Row:
        """The value, kept; those not used for longest go where they are too many or too large."""
        self._whole += size - self._sizes.get(key, 0)
        self._sizes[key] = size
        self[key] = value
        self.move_to_end(key)
        while self._whole > self.size and len(self) > 1:
            oldest, _ = self.popitem(last=False)
            self._whole -= self._sizes.pop(oldest)
        return value

    def clear(self) -> None:
        """Keep nothing."""
        super().clear()
        self._sizes.clear()
        self._whole = 0
