"""schema: what an index file looks like, and opening one with suspicion.

An index is one SQLite file, written whole, opened read-only, never changed in place. What a
person may want to read with any SQLite tool are tables; what is large are compressed pages
(``pages``) that one look-up answers with. Behind SQLite's last byte stands the SHA-256 of all
bytes before: SQLite ignores it, ``verify`` does not.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from provenance.errors import IndexFileError
from provenance.regular import real_path, remedy

APPLICATION_ID = 0x50726F76  # "Prov", in the file's header
FORMAT_VERSION = 2
"""Version of the schema below.

1: rows for places, contents and units (never released).
2: compressed pages; a sixth of the size.
3: of more than ``WIDE_FROM`` units, and of segments on the way to one: as 2, but postings are
   short pages, of keys of 'key_bits' in meta, and words are found by their hash, door ``WORD``.
"""
WIDE = 3
WIDE_FROM = 250_000
"""Units up to which format 2 is written. Beyond, a key is on a page of its own: what a page costs
decides, and so do wrong units that short keys propose."""

SCHEMA = """\
CREATE TABLE meta (        -- what the whole file was made with
  key   TEXT PRIMARY KEY,  -- 'parameters', 'permutations', 'page_bits', 'counts', 'checksum',
                           -- 'baseline': what unrelated code scores, see baseline.py;
                           -- 'rows': CRC-32 of the other values here, of release and origin
  value BLOB NOT NULL      -- JSON text; 'permutations' is uint32[2][bands * rows], little-endian
) WITHOUT ROWID;
CREATE TABLE release (     -- one release of one package, or a directory
  id          INTEGER PRIMARY KEY,
  package     TEXT NOT NULL,  -- normalised name (PEP 503) or folder name
  version     TEXT,           -- as the metadata says, NULL if unknown
  license     TEXT,           -- SPDX expression where there is one, else its own words
  date        TEXT,           -- ISO day, NULL if unknown
  date_source TEXT NOT NULL,  -- 'archive' (newest member), 'sdist', 'upload', 'given', 'none'
  sha256      TEXT,           -- of the archive, NULL for a directory
  purl        TEXT,           -- package URL with version, NULL if unknown
  link        TEXT,           -- template of links to lines: {version} {path} {first} {last}
  selection   TEXT NOT NULL   -- JSON list: include and exclude patterns, origin by hand
);
CREATE TABLE origin (      -- one family of reference code inside one package
  id     INTEGER PRIMARY KEY,
  name   TEXT NOT NULL UNIQUE,  -- 'transformers/glm4_moe'
  family TEXT NOT NULL,         -- what it is one implementation of: 'glm4_moe'
  title  TEXT NOT NULL,         -- the family's human name: 'Zhipu AI GLM-4.5'
  organisation TEXT,            -- who made the family, NULL if unknown
  country TEXT,                 -- of the organisation, ISO 3166-1, NULL if unknown
  first  TEXT,                  -- ISO day of its first release here, NULL if unknown
  units  INTEGER NOT NULL,      -- how many distinct units it has
  shared INTEGER NOT NULL       -- how often one of its units stands in another origin too
);
CREATE TABLE file (        -- which paths of which releases have a tree, by pages of 4096 trees
  id   INTEGER PRIMARY KEY,     -- page; a tree's number is page * 4096 + position
  data BLOB NOT NULL            -- how many files each tree is; of each: release, origin, name
);
CREATE TABLE tree (        -- distinct file contents, however many releases ship them
  id   INTEGER PRIMARY KEY,     -- page; a tree's number is page * 8 + position, 0 is nobody's
  data BLOB NOT NULL            -- of each: [SHA-256, family mark], how many of what follows;
                                -- names of copyright holders; names of licences; pieces: number,
                                -- size, first line; units in source order: number, start, size,
                                -- first line, lines, kind, name
);
CREATE TABLE piece (       -- distinct stretches of elements: a function, or what is between two
  id   INTEGER PRIMARY KEY,     -- page; a piece's number is page * 128 + position
  data BLOB NOT NULL            -- elements of each; kinds; lines below the element before; words
                                -- of the leaves, by their number: two bytes each, little-endian;
                                -- the numbers that two bytes (65535) cannot say, in order
);
CREATE TABLE unit (        -- distinct normalised content of a function, class or module body
  id   INTEGER PRIMARY KEY,     -- page; a unit's number is page * 512 + position, 0 is nobody's
  data BLOB NOT NULL            -- elements of each; how many trees have it; those trees; how
                                -- many classes have it as a member; those classes
);
CREATE TABLE word (        -- distinct texts of names, strings and numbers, the frequent first
  id   INTEGER PRIMARY KEY,     -- page; a word's number is page * 4096 + position
  data BLOB NOT NULL            -- hashes, uint64; texts, empty where the text is no identifier
);
CREATE TABLE name (        -- distinct paths and qualified names of units, sorted
  id   INTEGER PRIMARY KEY,     -- page; a name's number is page * 512 + position
  data BLOB NOT NULL            -- texts
);
CREATE TABLE posting (     -- key -> units, by pages of the keys' leading bits
  id   INTEGER PRIMARY KEY,     -- door << 40 | leading bits of the keys
  data BLOB NOT NULL            -- keys ascending; how many units each has, 0 where they are too
                                -- many; those units
);
"""

TABLES = ("meta", "release", "origin", "file", "tree", "piece", "unit", "word", "name", "posting")
PAGED = ("file", "tree", "piece", "unit", "word", "name", "posting")

TEXT, STRUCTURE, FILE, LAYOUT, BAND, RUN, TEXT_RUN = DOORS = range(7)
"""The doors of ``posting``: units equal in text, in structure; trees equal byte for byte, and in
text; units of an LSH band, of a winnowed fingerprint of the one and the other view."""
WORD = 7
"""The door of words by their hashes, in format 3."""
EXACT = (TEXT, STRUCTURE, FILE, LAYOUT, WORD)
"""Doors whose keys are stored with all 64 bits; of the others fewer are enough to propose."""
KEY_BITS, WIDE_KEY_BITS = 28, 40
KEYS_PER_PAGE, KEYS_PER_SHORT_PAGE = 384, 24
TREES_PER_PACK = 8

TREES_PER_PAGE = 4096
PIECES_PER_PAGE = 128
UNITS_PER_PAGE = 512
WORDS_PER_PAGE = 4096
NAMES_PER_PAGE = 512


@dataclass(frozen=True, slots=True)
class Shape:
    """How the postings of an index are written: by which format, with keys of how many bits where
    fewer than all are enough, with units of how many bytes (in format 3)."""

    version: int = FORMAT_VERSION
    key_bits: int = KEY_BITS
    unit: int = 4

    @property
    def doors(self) -> range:
        """The doors it has."""
        return range(8 if self.version == WIDE else 7)

    def width(self, door: int) -> int:
        """Bits of a door's keys."""
        return 64 if door in EXACT else self.key_bits

    def key(self, door: int, bits: int) -> int:
        """Bytes of a key on a short page that so many leading bits name."""
        return max(1, (self.width(door) - bits + 7) // 8)


def shape_of(units: int, numbers: int, most: int = 64) -> Shape:
    """The shape of an index of so many units, of which the greatest number of a unit, tree or word
    is known; no key has more than ``most`` bits."""
    if units <= WIDE_FROM:
        return Shape()
    return Shape(WIDE, min(WIDE_KEY_BITS, most), (numbers.bit_length() + 7) // 8)


SEAL = 32
"""Bytes of the SHA-256 behind SQLite's last one."""
_READ = 1 << 20


def sealed(path: Path) -> bool:
    """Whether the file ends with the SHA-256 of all that is before."""
    size = path.stat().st_size - SEAL
    return size > 0 and _digest(path, size) == tail(path)


def seal(path: Path) -> None:
    """Write the SHA-256 of a file behind its last byte."""
    digest = _digest(path, path.stat().st_size)
    with open(path, "ab") as file:
        file.write(digest)


def _digest(path: Path, size: int) -> bytes:
    total = sha256()
    with open(path, "rb") as file:
        while size > 0 and (part := file.read(min(size, _READ))):
            total.update(part)
            size -= len(part)
    return total.digest()


def tail(path: Path) -> bytes:
    """The seal of a file: its last bytes."""
    with open(path, "rb") as file:
        file.seek(-SEAL, os.SEEK_END)
        return file.read(SEAL)


_MOST_OF_TABLES = 20_000
"""Bytes of what a file says of its tables; that of an index has 5,000."""
_LEAF, _INNER = 13, 5


def _bytes_of_tables(path: Path) -> int:
    """How many bytes a file has that say which tables are in it, counted up to a bound: SQLite
    reads them by the square of their number, and nobody could interrupt it. They are the tree whose
    root is page 1 (SQLite, "Database File Format", 1.6 and 2.6); what is no tree, it refuses."""
    total, waiting = 0, [1]
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(18)[16:], "big")
        size = 1 << 16 if size == 1 else size
        while waiting and total <= _MOST_OF_TABLES:
            number = waiting.pop()
            file.seek(max(0, number - 1) * size)
            page = file.read(size)
            head = 100 if number == 1 else 0
            kind = int.from_bytes(page[head : head + 1], "big")
            many = int.from_bytes(page[head + 3 : head + 5], "big")
            cells = head + (12 if kind == _INNER else 8)
            places = [
                int.from_bytes(page[at : at + 2], "big") for at in range(cells, cells + 2 * many, 2)
            ]
            total += 1
            if kind == _LEAF:
                total += sum(_varint(page, at) for at in places)
            elif kind == _INNER:
                places.append(head + 8)
                waiting += [int.from_bytes(page[at : at + 4], "big") for at in places]
    return total


def _varint(page: bytes, at: int) -> int:
    """A number of one to nine bytes."""
    found = 0
    for byte in page[at : at + 8]:
        found = found << 7 | byte & 127
        if byte < 128:
            return found
    return found << 8 | int.from_bytes(page[at + 8 : at + 9], "big")


def open_checked(path: Path) -> sqlite3.Connection:
    """Open read-only, refusing whatever is not exactly an index of this format.

    Raises:
        IndexFileError: it is not.
    """
    _check_readable(path)
    uri = Path(real_path(str(path))).as_uri() + "?mode=ro&immutable=1"
    connection = None
    try:
        if _bytes_of_tables(path) > _MOST_OF_TABLES:
            raise IndexFileError(
                f"{path}: found more tables, or longer ones, than those of an index, expected a "
                "file written by 'provenance index build'; build it again"
            )
        connection = sqlite3.connect(uri, uri=True)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA mmap_size = 268435456")
        identity = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == WIDE:  # pages are read here and there, and those that are mapped stay
            connection.execute("PRAGMA mmap_size = 0")
        schema = connection.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
        ).fetchall()
    except (sqlite3.DatabaseError, UnicodeDecodeError, OSError) as error:
        if connection is not None:
            connection.close()
        raise unread(path, error) or IndexFileError(
            f"{path}: found no readable index ({error}), expected a file written by "
            "'provenance index build'; build it again"
        ) from error
    problem = ""
    if identity != APPLICATION_ID:
        problem = "some other SQLite file"
    elif version not in (FORMAT_VERSION, WIDE):
        problem = f"index format {version}"
    elif schema != _expected():
        problem = "tables that are not those of an index"
    if problem:
        connection.close()
        raise IndexFileError(
            f"{path}: found {problem}, expected index format {FORMAT_VERSION} or {WIDE}; build it "
            "again with 'provenance index build'"
        )
    return connection


def unread(path: str | Path, error: Exception) -> IndexFileError | None:
    """The error where the system does not read an index, which may be sound; None where it does."""
    refused = isinstance(error, sqlite3.OperationalError) and str(error).startswith(_NOT_READ)
    if not refused and not isinstance(error, OSError):
        return None
    return IndexFileError(
        f"{path}: found that it cannot be read ({error}), expected an index; look at the disk, the "
        "rights and the log of the system, and try again"
    )


_NOT_READ = "disk I/O error", "unable to open"
"""How SQLite begins to say so."""


def _check_readable(path: Path) -> None:
    """That there is a file, and that it can be read: SQLite says of all that it cannot open it."""
    try:
        state = os.stat(path)
        if stat.S_ISREG(state.st_mode):
            with open(path, "rb") as file:
                empty = not file.read(1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IndexFileError(
            f"{path}: found no file, expected an index; make one with "
            "'provenance index build SOURCE -o FILE'"
        ) from error
    except OSError as error:
        usual = "look at the name and the disk"
        if isinstance(error, PermissionError):
            usual = "give permission to read it, and to enter the folders above"
        raise IndexFileError(
            f"{path}: found nothing that can be read ({error.strerror}), expected an index; "
            + remedy(error, usual)
        ) from error
    if not stat.S_ISREG(state.st_mode) or empty:
        raise IndexFileError(
            f"{path}: found {'an empty file' if stat.S_ISREG(state.st_mode) else 'no file'}, "
            "expected an index; make one with 'provenance index build SOURCE -o FILE'"
        )


@cache
def _expected() -> list[Any]:
    with closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript(SCHEMA)
        return fresh.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
        ).fetchall()
