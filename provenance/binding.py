"""binding: takes back what the binding of the parser forgets to let go.

py-tree-sitter (up to 0.26.1 at least) keeps a reference too many to each piece of text that a
function gave it, so that the text of every file would stay in memory for ever. Only text that comes
from a function can be given up while it is parsed. Whether a release forgets is found out by trying
it once; where it does not, nothing is done.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache

import tree_sitter_python
from tree_sitter import Language, Parser


def take_back(given: list[bytes]) -> None:
    """Let go of the pieces that a parser was given, each as often as it stands in the list, which
    is empty then. The empty and the single bytes are the interpreter's own."""
    if not _forgets():
        return
    from ctypes import py_object, pythonapi

    while given:
        piece = given.pop()
        if len(piece) > 1:
            pythonapi.Py_DecRef(py_object(piece))


@lru_cache(maxsize=1)
def _forgets() -> bool:
    """Whether one parse leaves one reference more to what it was given."""
    count: Callable[[object], int] = getattr(sys, "getrefcount", lambda _: 0)
    piece = bytes(bytearray(b"pass\n"))
    before = count(piece)
    Parser(Language(tree_sitter_python.language())).parse(lambda at, _: b"" if at else piece)
    return count(piece) == before + 1
