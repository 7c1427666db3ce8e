"""toml: TOML text of a repository -> its table, in time that grows with its length. Pure."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import Any

_PART = r"""(?:[\w-]{1,99}|"(?:[^"\\\n]|\\.){0,99}"|'[^'\n]{0,99}')"""
_DEEP = re.compile(rf"""(?<![\w."'-])(?:{_PART}[ \t]*\.[ \t]*){{50}}""")
"""Readers of TOML take time by the square of a key's parts, and what they make is as deep."""


def table_of(text: str) -> dict[str, Any]:
    """The table that a text is.

    Raises:
        ValueError: it is no TOML, or one that nobody writes; says at which line, where known.
    """
    if deep := _DEEP.search(text):
        line = text.count("\n", 0, deep.start()) + 1
        raise ValueError(f"a key of more than 50 parts (at line {line})")
    # tomli reads TOML 1.1 since its release 2.4, tomllib of no Python does yet
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        found: dict[str, Any] = toml.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return found
