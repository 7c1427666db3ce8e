"""checksum: what an index says, value by value -> the sums that are stored in it.

They cover what is stored, not the bytes of the file, which the seal behind its end covers.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from provenance.pages import decompress
from provenance.schema import PAGED, TABLES, WIDE

_Rows = list[tuple[Any, ...]]
_MOST_SAID, _LONGEST_SAID = 100, 1_000_000
_ORIGINS = "SELECT * FROM origin ORDER BY id"


def check_meta(connection: sqlite3.Connection) -> None:
    """That an index does not say very much of itself, which is looked at before it is read: JSON
    takes some twenty times as much memory as its bytes.

    Raises:
        ValueError: it does.
    """
    asked = (  # of a text length is up to the first NUL
        "SELECT count(*), max(length(CAST(key AS BLOB))), max(length(CAST(value AS BLOB))) "
        "FROM meta"
    )
    many, *long = connection.execute(asked).fetchone()
    if many > _MOST_SAID or any(one and one > _LONGEST_SAID for one in long):
        raise ValueError("what it says of itself is longer than any is")


def opening_rows(connection: sqlite3.Connection) -> tuple[dict[str, Any], _Rows, _Rows]:
    """All that is read at opening: meta, the rows of release, those of origin."""
    return (*heading_rows(connection), connection.execute(_ORIGINS).fetchall())


def heading_rows(connection: sqlite3.Connection) -> tuple[dict[str, Any], _Rows]:
    """What is read of an index whose origins are not asked for: meta, the rows of release."""
    return (
        dict(connection.execute("SELECT key, value FROM meta")),
        connection.execute("SELECT * FROM release ORDER BY id").fetchall(),
    )


def opening_sum(meta: dict[str, Any], releases: _Rows, origins: _Rows) -> int:
    """CRC-32 of all that is read at opening, but for itself: these values stand in no page."""
    stated = sorted(item for item in meta.items() if item[0] != "rows")
    return zlib.crc32(ascii((stated, releases, origins)).encode())


def logical_rows(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Every row that the checksum covers, in order; pages as they read."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    packed = [table for table in PAGED if version != WIDE or table != "posting"]
    for table in TABLES:
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1"):  # noqa: S608
            if table == "meta" and row[0] in ("checksum", "rows"):
                continue
            yield (table, row[0], decompress(row[1])) if table in packed else (table, *row)


def checksum(rows: Iterable[tuple[Any, ...]]) -> str:
    """SHA-256 over the rows' values with their types and lengths."""
    from hashlib import sha256

    total = sha256()
    for row in rows:
        for value in row:
            data = value if isinstance(value, bytes) else str(value).encode("utf-8")
            total.update(f"{type(value).__name__}{len(data)}:".encode())
            total.update(data)
        total.update(b"\n")
    return total.hexdigest()
