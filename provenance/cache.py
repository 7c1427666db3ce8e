"""cache: what was found in a file before -> the same again, without parsing it.

An entry is known by all that decides it: path and bytes of the file, the indexes and what is
hidden of them, and the code of this package itself. So nothing is ever out of date; it is only no
longer asked for, and what was longest not asked for goes when the cache is full. Whatever is wrong
with the cache, a scan goes on without it, and what is damaged is written again. Entries are JSON
with a checksum, read back into the types of ``model`` and nothing else.

It is an SQLite database, which several processes may use at once. Whoever can write to the user's
cache folder can write what is found there, as they could change the program.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import zlib
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from typing import Any

from provenance.cachefolder import cache_folder, stands_in
from provenance.model import FileResult, Finding, SourceFile, Unread
from provenance.references import DEFAULT_INDEX
from provenance.regular import sha256_of

Outcome = tuple[FileResult, tuple[Finding, ...]]

FORMAT_VERSION = 1
"""Version of the database. 1: first version."""
MOST_BYTES = 256_000_000
"""The largest database; a scan of 2,500 files of model code takes about 20 MB."""

_SCHEMA = f"""
    PRAGMA user_version = {FORMAT_VERSION};
    CREATE TABLE IF NOT EXISTS entry (
        key BLOB PRIMARY KEY,    -- digest of all that decides the value
        value BLOB NOT NULL,     -- digest of the rest, then compressed JSON
        run INTEGER NOT NULL     -- about the number of the last run that asked for it
    )
"""
_FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite says of a damaged database may itself be no text."""
_SMALL_INDEX = 20_000_000  # bytes, whose SHA-256 takes 50 ms
_WAIT_SECONDS = 5.0
_HELD = 500
_DIGEST = 16
_RUNS = 16  # so exact is the number of the last run: to change a row is to write it again


class Cache:
    """The entries of one context: what decides all results of a scan but the file itself.

    ``bare`` is what decides the results of files with nothing found in them, where that is less.
    """

    def __init__(
        self, path: str, context: str, bare: str | None = None, most_bytes: int = MOST_BYTES
    ) -> None:
        self._path, self._most_bytes = path, most_bytes
        self._context, self._bare = (
            blake2b(one.encode("utf-8", "surrogatepass")).digest()
            for one in (context, context if bare is None else bare)
        )
        self._new: dict[bytes, bytes] = {}
        self._asked: list[bytes] = []
        self._database = _opened(path)
        self._run = 1
        with suppress(*_FAULTS):
            if self._database is not None:
                row = self._database.execute(
                    "SELECT max(run) FROM entry WHERE typeof(run) = 'integer' AND run < 1 << 40"
                ).fetchone()
                self._run = (row[0] or 0) + 1

    def close(self) -> None:
        """Write what is new, and let the database go."""
        self._write()
        if self._database is not None:
            self._database.close()

    def recall(self, file: SourceFile | Unread) -> Outcome | None:
        """What was found in this very file, None where that is not known."""
        found = self._recalled(self._key(file, self._bare), file)
        if found is not None and is_bare(found):
            return found
        return self._recalled(self._key(file, self._context), file)

    def _recalled(self, key: bytes, file: SourceFile | Unread) -> Outcome | None:
        if self._database is None:
            return None
        try:
            row = self._database.execute(
                "SELECT value, run FROM entry WHERE key = ?", (key,)
            ).fetchone()
        except _FAULTS as error:
            self._give_up(error)
            return None
        if row is None or not isinstance(row[0], bytes):
            return None
        found = _unpacked(key, row[0])
        if found is not None and found[0].path == file.path:
            if not isinstance(row[1], int) or row[1] < self._run - _RUNS:
                self._asked.append(key)
            return found
        return None

    def keep(self, file: SourceFile, found: Outcome) -> None:
        """Remember what was found in a file."""
        if self._database is None:
            return
        key = self._key(file, self._bare if is_bare(found) else self._context)
        value = _packed(key, found)
        if value is not None:
            self._new[key] = value
            if len(self._new) >= _HELD:
                self._write()

    def _key(self, file: SourceFile | Unread, context: bytes) -> bytes:
        text = f"{file.path}\0{file.sha256}\0{file.modified or ''}"
        plain = text.encode("utf-8", "surrogatepass")
        return blake2b(context + plain, digest_size=_DIGEST).digest()

    def _write(self) -> None:
        database, new, asked = self._database, self._new, self._asked
        self._new, self._asked = {}, []
        if database is None or not (new or asked):
            return
        try:
            with database:
                database.executemany(
                    "INSERT OR REPLACE INTO entry VALUES (?, ?, ?)",
                    [(key, value, self._run) for key, value in new.items()],
                )
                database.executemany(
                    "UPDATE entry SET run = ? WHERE key = ?",
                    [(self._run, key) for key in asked],
                )
                self._make_room(database)
        except _FAULTS as error:
            self._give_up(error)

    def _make_room(self, database: sqlite3.Connection) -> None:
        """Let go what was longest not asked for, until a quarter of the room is free."""

        def pragma(name: str) -> int:
            return int(database.execute(f"PRAGMA {name}").fetchone()[0])

        size = pragma("page_size")
        used = (pragma("page_count") - pragma("freelist_count")) * size
        if used <= self._most_bytes:
            return
        over = used - self._most_bytes * 3 // 4
        gone: list[tuple[int]] = []
        for number, length in database.execute(
            "SELECT rowid, length(value) FROM entry ORDER BY run, rowid"
        ):
            gone.append((number,))
            over -= length + 64
            if over <= 0:
                break
        database.executemany("DELETE FROM entry WHERE rowid = ?", gone)

    def _give_up(self, error: Exception) -> None:
        """Go on without the cache; a damaged one is made anew by the next scan."""
        database, self._database = self._database, None
        if database is not None:
            with suppress(*_FAULTS):
                database.close()
        if _is_damage(error):
            with suppress(OSError):
                os.unlink(self._path)


def is_bare(found: Outcome) -> bool:
    """Whether nothing was found in a file that could be declared, so that what is declared beside
    it decides nothing."""
    result, findings = found
    return not findings and result.identical is None and not result.notices


def _opened(path: str) -> sqlite3.Connection | None:
    """The database, made where there is none or only a damaged one; None where it cannot be."""
    for _ in range(2):
        database: sqlite3.Connection | None = None
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            database = sqlite3.connect(path, timeout=_WAIT_SECONDS)
            database.text_factory = bytes  # what is damaged may be no text
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, FORMAT_VERSION):
                raise sqlite3.DatabaseError("another version")
            if version == 0:
                database.executescript(_SCHEMA)
            database.execute("PRAGMA synchronous = OFF")  # what is torn is found by its checksum
            database.execute("SELECT key, value, run FROM entry LIMIT 1").fetchone()
            return database
        except (*_FAULTS, OSError) as error:
            if database is not None:
                database.close()
            if not _is_damage(error):
                return None
            with suppress(OSError):
                os.unlink(path)
    return None


def _is_damage(error: Exception) -> bool:
    """Whether a database is no good, and not only locked, full or not to be written."""
    if isinstance(error, sqlite3.OperationalError):
        return "no such" in str(error)  # a table or column
    return isinstance(error, (sqlite3.DatabaseError, UnicodeDecodeError))


def _packed(key: bytes, found: Outcome) -> bytes | None:
    import msgspec

    try:
        text = msgspec.json.encode(found)
    except (TypeError, ValueError):  # a lone surrogate: not worth a format of its own
        return None
    data = zlib.compress(text, 1)
    return blake2b(key + data, digest_size=_DIGEST).digest() + data


def _unpacked(key: bytes, value: bytes) -> Outcome | None:
    import msgspec

    data = value[_DIGEST:]
    if blake2b(key + data, digest_size=_DIGEST).digest() != value[:_DIGEST]:
        return None
    try:
        found: Outcome = _decoder().decode(zlib.decompress(data))
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return found


_decoders: list[Any] = []


def _decoder() -> Any:
    if not _decoders:
        import msgspec

        _decoders.append(msgspec.json.Decoder(tuple[FileResult, tuple[Finding, ...]]))
    return _decoders[0]


def context(indexes: Sequence[tuple[object, ...]], *more: object) -> str:
    """All that decides a scan's results but the files: the code of this package and what it
    parses with, the indexes by name, checksum and ``file_of``, in order, and what else is given."""
    return repr((_code(), tuple(indexes), *more))


def _code() -> str:
    """A digest of this package's code, of the days of families that it reads, and the versions of
    Python and of what else results depend on. The default index counts by its checksum."""
    digest = blake2b(f"{sys.version_info[:2]}\0".encode(), digest_size=_DIGEST)  # and its Unicode
    root = Path(__file__).parent
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.csv")]):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    for name in ("tree-sitter", "tree-sitter-python", "numpy", "license-expression"):
        with suppress(metadata.PackageNotFoundError):
            digest.update(f"{name} {metadata.version(name)}\0".encode())
    return digest.hexdigest()


def file_of(path: str) -> tuple[object, ...]:
    """Which file an index is: the checksum that it states may be another's. The default one, which
    is part of this program, is known by it; a small one by its bytes, wherever it is; a larger one,
    whose bytes take as long to read as a small scan does, by its place and times."""
    if path == str(DEFAULT_INDEX):
        return ()
    state = os.stat(path)
    if state.st_size <= _SMALL_INDEX:
        return (sha256_of(path),)
    times = state.st_mtime_ns, state.st_ctime_ns
    return os.path.realpath(path), state.st_dev, state.st_ino, state.st_size, *times


def place(source: str) -> str | None:
    """Where the command line keeps it: in the cache folder; None where that ``stands_in`` what is
    scanned, which could bring along what was found in it."""
    folder = os.path.realpath(cache_folder())
    return None if stands_in(source) else os.path.join(folder, "results.db")
