"""references: the default index and the manifest it is built from."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

DEFAULT_INDEX = Path(__file__).with_name("default.db")
"""The index that is looked into unless told otherwise; part of the installed package."""


@lru_cache(maxsize=1)
def first_days() -> dict[str, str]:
    """Of origins of transformers the day of the first release that has the family at all, among all
    minor releases, of which the index holds a few. That a family is older than another one is known
    from this; since when one of its units is as it is, only the index says.
    """
    lines = Path(__file__).with_name("first_days.csv").read_text("utf-8").splitlines()
    rows = [line.split(",") for line in lines if not line.startswith(("#", "family,"))]
    return {f"transformers/{family}": day for family, _, day in rows}
