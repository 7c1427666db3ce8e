"""Changes to an index, by accident or on purpose. For tests only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from provenance import pages
from provenance.checksum import checksum, logical_rows, opening_rows, opening_sum
from provenance.schema import PAGED, seal, sealed

ROWS = [
    "DELETE FROM release",
    "DELETE FROM origin",
    *(f"DELETE FROM {table}" for table in PAGED),
    *(f"DELETE FROM {table} WHERE id = 1" for table in ("tree",)),
    *(f"UPDATE {table} SET data = x'00'" for table in PAGED),
    *(f"UPDATE {table} SET data = 5" for table in PAGED),
    *(f"UPDATE {table} SET data = x'789c030000000001'" for table in PAGED),
    *(f"UPDATE {table} SET data = zeroblob(length(data))" for table in PAGED),
    "UPDATE tree SET data = (SELECT data FROM tree WHERE id = 1)",
    "UPDATE posting SET data = (SELECT min(data) FROM posting)",
    "UPDATE name SET data = (SELECT data FROM word WHERE word.id = name.id)",
]
"""Changes of rows, as SQL: verify refuses each."""


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(statement)
    connection.close()


Arrays = list["np.ndarray[Any, Any]"]
Change = Callable[[Arrays], Arrays]


def rewrite(path: Path, table: str, change: Change) -> None:
    """Change the arrays of all pages of a table."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for number, data in connection.execute(f"SELECT id, data FROM {table}").fetchall():
            arrays = change(pages.unpack(number, data))
            written = pages.compress(pages.plain(number, *arrays))
            connection.execute(f"UPDATE {table} SET data = ? WHERE id = ?", (written, number))
    connection.close()


def reseal(path: Path) -> None:
    """Write the SHA-256 behind the last byte anew."""
    data = path.read_bytes()
    page, count = int.from_bytes(data[16:18], "big"), int.from_bytes(data[28:32], "big")
    size = (65536 if page == 1 else page) * count  # as SQLite's header says
    path.write_bytes(data[:size])
    seal(path)
    assert sealed(path)


def signed(path: Path) -> None:
    """Make all three checksums right again: what somebody wrote on purpose."""
    with closing(sqlite3.connect(path)) as connection, connection:
        total = json.dumps(checksum(logical_rows(connection)))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'checksum'", (total,))
        stated = json.dumps(opening_sum(*opening_rows(connection)))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'rows'", (stated,))
    connection.close()
    reseal(path)


def flipped(path: Path, at: int, by: int) -> None:
    """Change one byte of a file in place; a second time changes it back."""
    with open(path, "r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ by]))
