"""references: the default index and the manifest it is built from."""

from __future__ import annotations

from pathlib import Path

DEFAULT_INDEX = Path(__file__).with_name("default.db")
"""The index that is looked into unless told otherwise; part of the installed package."""
