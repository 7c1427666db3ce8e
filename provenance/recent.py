"""recent: values that cost work, by what they were made from; the most recently used are kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

_Key = TypeVar("_Key")
_Row = TypeVar("_Row")


class Recent(OrderedDict[_Key, _Row]):
    """At most ``size`` values."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def recall(self, key: _Key) -> _Row | None:
        """The value kept under a key, None where it is not there, or no longer."""
        value = self.get(key)
        if value is not None:
            self.move_to_end(key)
        return value

    def keep(self, key: _Key, value: _Row) -> _Row:
        """The value, kept; the one not used for longest goes where there are too many."""
        self[key] = value
        if len(self) > self.size:
            self.popitem(last=False)
        return value
