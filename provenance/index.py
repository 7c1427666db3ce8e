"""index: the fingerprints of reference code in one SQLite file, and look-ups in it.

A scan opens it read-only. Look-ups are made in bulk: postings are not rows but pages of
sorted keys, found by the leading bits of a key, so that one page answers many keys with one
``searchsorted`` and the cost hardly grows with the index. No source text is stored: kinds and
hashes of elements, identifiers, spans.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from provenance.errors import IndexFileError
from provenance.model import Parameters, Place, Release, Tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

APPLICATION_ID = 0x50726F76  # "Prov", in the file's header
FORMAT_VERSION = 1
"""Version of the schema below.

1: first version.
"""

SCHEMA = """\
CREATE TABLE meta (        -- what the whole file was made with
  key   TEXT PRIMARY KEY,  -- 'parameters', 'permutations', 'page_bits', 'checksum'
  value BLOB NOT NULL      -- JSON text; 'permutations' is uint32[2][bands * rows], little-endian
) WITHOUT ROWID;
CREATE TABLE release (     -- one release of one package, or a directory
  id          INTEGER PRIMARY KEY,
  package     TEXT NOT NULL,  -- normalised name (PEP 503) or folder name
  version     TEXT,           -- as the metadata says, NULL if unknown
  license     TEXT,           -- SPDX expression where there is one, else its own words
  date        TEXT,           -- ISO day, NULL if unknown
  date_source TEXT NOT NULL,  -- 'archive' (newest member), 'given' or 'none'
  sha256      TEXT,           -- of the archive, NULL for a directory
  selection   TEXT NOT NULL   -- JSON list: include and exclude patterns, origin by hand
);
CREATE TABLE origin (      -- one family of reference code inside one package
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,  -- 'transformers/glm4_moe'
  shared INTEGER NOT NULL     -- how often one of its units stands in another origin too
);
CREATE TABLE tree (        -- one distinct file content, however many releases ship it
  id     INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE,  -- of the bytes as found
  mark   TEXT NOT NULL,         -- family mark, 'Glm4Moe', or ''
  lines  BLOB NOT NULL          -- zlib: uint32[elements] differences of 1-based lines, planes
);
CREATE TABLE file (        -- one path of one release
  id      INTEGER PRIMARY KEY,
  release INTEGER NOT NULL REFERENCES release,
  origin  INTEGER NOT NULL REFERENCES origin,
  tree    INTEGER NOT NULL REFERENCES tree,
  path    TEXT NOT NULL         -- POSIX, inside the package
);
CREATE TABLE content (     -- distinct elements of a function, class or module body
  id       INTEGER PRIMARY KEY,
  elements BLOB NOT NULL        -- zlib: uint8[n] kinds, then uint32 words of the leaves, planes
);
CREATE TABLE unit (        -- distinct normalised content of a function, class or module body
  id               INTEGER PRIMARY KEY,
  text_digest      INTEGER NOT NULL,  -- 64 bits, signed
  structure_digest INTEGER NOT NULL,  -- 64 bits, signed
  elements         INTEGER NOT NULL,  -- how many elements
  place            INTEGER NOT NULL REFERENCES place,  -- one place that has it, the first
  origins          BLOB NOT NULL      -- uint32[], ascending: every origin that has it
);
CREATE TABLE place (       -- where a unit stands; the places of a tree have successive ids
  id         INTEGER PRIMARY KEY,
  tree       INTEGER NOT NULL REFERENCES tree,
  unit       INTEGER NOT NULL REFERENCES unit,
  content    INTEGER REFERENCES content,  -- NULL inside a function: a part of that one's
  start      INTEGER NOT NULL,  -- half-open span in the elements of the tree
  stop       INTEGER NOT NULL,
  first_line INTEGER NOT NULL,  -- 1-based, inclusive
  last_line  INTEGER NOT NULL,
  kind       TEXT NOT NULL,     -- 'module', 'class', 'function', 'method', 'nested'
  name       TEXT NOT NULL      -- qualified inside the file
);
CREATE INDEX place_of_unit ON place (unit);
CREATE INDEX place_of_tree ON place (tree);
CREATE INDEX file_of_origin ON file (origin);
CREATE INDEX file_of_tree ON file (tree);
CREATE TABLE word (        -- distinct texts of names, strings and numbers, by pages of 16384
  id     INTEGER PRIMARY KEY,   -- page; a word's number is page * 16384 + position
  hashes BLOB NOT NULL,         -- uint64[<= 16384], little-endian
  names  BLOB NOT NULL          -- zlib: UTF-8 lines; empty where the text is no identifier
);
CREATE TABLE posting (     -- key -> units, by pages of the keys' leading bits
  id    INTEGER PRIMARY KEY,    -- door << 40 | leading bits of the keys
  keys  BLOB NOT NULL,          -- uint64[p] ascending, little-endian
  units BLOB NOT NULL           -- uint32[p], little-endian; word numbers behind the last door
);
"""

TEXT, STRUCTURE, BAND, RUN, TEXT_RUN, WORD = DOORS = range(6)
"""The doors of ``posting``: units equal in text, in structure, of an LSH band, of a winnowed
fingerprint of the one and the other view; and the number of the word with a hash."""

COMMON = 0xFFFFFFFF
"""Stands for the units of a fingerprint that too many hold, see ``Parameters.common``."""

WORDS_PER_PAGE = 16_384
_Row = TypeVar("_Row")


def pack(values: NDArray[np.uint32]) -> bytes:
    """uint32[n] as its four byte planes: small numbers leave long runs of zeros for zlib."""
    columns: NDArray[np.uint8] = values.astype("<u4").view(np.uint8).reshape(-1, 4)
    return bytes(columns.T.tobytes())


def unpack(planes: bytes) -> NDArray[np.uint32]:
    """The inverse of ``pack``."""
    columns = np.frombuffer(planes, np.uint8).reshape(4, -1)
    return np.ascontiguousarray(columns.T).view("<u4").ravel().astype(np.uint32)


class _Recent(OrderedDict[int, _Row]):
    """The most recently used values, at most ``size`` of them."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def recall(self, key: int) -> _Row | None:
        if key not in self:
            return None
        self.move_to_end(key)
        return self[key]

    def keep(self, key: int, value: _Row) -> _Row:
        self[key] = value
        if len(self) > self.size:
            self.popitem(last=False)
        return value


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What an index says of itself. ``checksum`` covers every row, whatever the file's bytes."""

    path: str
    format_version: int
    checksum: str
    parameters: Parameters
    counts: dict[str, int]
    releases: tuple[Release, ...]


class Index:
    """An open index, read-only. Use as a context manager or ``close`` it."""

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.connection = _open(Path(path))
        try:
            self._load()
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError, zlib.error) as error:
            self.connection.close()
            raise IndexFileError(
                f"{self.path}: found a damaged index ({error}), expected one written by "
                "'provenance index build'; build it again"
            ) from error
        except BaseException:
            self.connection.close()
            raise
        self._pages: _Recent[tuple[Any, Any]] = _Recent(5000)
        self._words: _Recent[NDArray[np.uint64]] = _Recent(4096)
        self._named: _Recent[list[str]] = _Recent(64)
        self._name_of: dict[int, str] = {}
        self._contents: _Recent[Tokens] = _Recent(800)
        self._lines: _Recent[NDArray[np.uint32]] = _Recent(500)
        self._holders: _Recent[tuple[str, ...]] = _Recent(50_000)
        self._places: _Recent[tuple[Place, ...]] = _Recent(2000)

    def _load(self) -> None:
        meta = dict(self.connection.execute("SELECT key, value FROM meta"))
        stored = json.loads(meta["parameters"])
        if set(stored) != {field.name for field in fields(Parameters)}:
            raise ValueError("its parameters are not those of this version")
        self.parameters = Parameters(**stored)
        for decided in ("grammar", "normalisation", "scheme"):
            found, ours = getattr(self.parameters, decided), getattr(Parameters(), decided)
            if found != ours:
                raise IndexFileError(
                    f"{self.path}: found an index made with {decided} {found!r}, expected "
                    f"{ours!r}; build it again with this version"
                )
        drawn = np.frombuffer(meta["permutations"], "<u4").reshape(2, -1)
        if drawn.shape[1] != self.parameters.bands * self.parameters.rows:
            raise ValueError("permutations do not match the parameters")
        self.permutations = drawn.astype(np.uint32)
        bits = json.loads(meta["page_bits"])
        self._bits: list[int] = [int(bits[str(door)]) for door in DOORS]
        self.checksum = str(json.loads(meta["checksum"]))
        self._origin_names: dict[int, str] = dict(
            self.connection.execute("SELECT id, name FROM origin")
        )
        self.units = int(self._row("SELECT coalesce(max(id), 0) FROM unit WHERE id > ?", 0)[0])

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; look-ups fail from now on."""
        self.connection.close()

    # --- look-ups ---------------------------------------------------------------------

    def lookup(
        self, door: int, keys: NDArray[np.uint64], *, most: int | None = None
    ) -> tuple[NDArray[np.intp], NDArray[np.uint32], NDArray[np.intp]]:
        """All units posted under each key.

        Args:
            door: which kind of key.
            keys: uint64[n], in any order, repeated or not.

        Returns:
            Positions in ``keys`` and unit ids, in parallel, by position and then by unit; and
            intp[n], how many units hold each key: those of a common fingerprint are not
            listed, and ``Parameters.common + 1`` stands for their number.
        """
        if not keys.size:
            return np.empty(0, np.intp), np.empty(0, np.uint32), np.empty(0, np.intp)
        distinct, inverse = np.unique(keys, return_inverse=True)
        low = np.zeros(distinct.size, np.intp)
        held = np.zeros(distinct.size, np.intp)
        bits = self._bits[door]
        leading = distinct >> np.uint64(64 - bits) if bits else np.zeros_like(distinct)
        numbers, firsts = np.unique(leading, return_index=True)
        stops = [*firsts[1:].tolist(), distinct.size]
        pages: list[NDArray[np.uint32]] = []
        before = 0
        for number, first, stop in zip(numbers.tolist(), firsts.tolist(), stops, strict=True):
            page_keys, page_units = self._page(door, number)
            group = distinct[first:stop]
            left = page_keys.searchsorted(group, "left")
            held[first:stop] = page_keys.searchsorted(group, "right") - left
            low[first:stop] = left + before
            before += page_units.size
            pages.append(page_units)
        count = held[inverse]
        inner = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        at = np.repeat(np.arange(keys.size), count)
        posted = np.concatenate(pages) if pages else np.empty(0, np.uint32)
        units = posted[np.repeat(low[inverse], count) + inner]
        common = units == COMMON
        if common.any():
            count[at[common]] = self.parameters.common + 1
            at, units = at[~common], units[~common]
        return at, units, count

    def _page(self, door: int, number: int) -> tuple[Any, Any]:
        key = door << 40 | number
        page = self._pages.recall(key)
        if page is None:
            row = self._row("SELECT keys, units FROM posting WHERE id = ?", key, optional=True)
            keys, units = row or (b"", b"")
            page = (np.frombuffer(keys, "<u8"), np.frombuffer(units, "<u4"))
            if page[0].size != page[1].size:
                raise self._damaged(f"posting page {key} is uneven")
            self._pages.keep(key, page)
        return page

    def _row(self, sql: str, key: int, *, optional: bool = False) -> Any:
        try:
            row = self.connection.execute(sql, (key,)).fetchone()
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error
        if row is None and not optional:
            raise self._damaged(f"nothing stored under {key} where something must be")
        return row

    def _damaged(self, what: str) -> IndexFileError:
        return IndexFileError(
            f"{self.path}: found a damaged index ({what}), expected what "
            "'provenance index verify' accepts; build it again"
        )

    # --- units ------------------------------------------------------------------------

    def origins_of(self, unit: int) -> tuple[str, ...]:
        """Every origin that has the unit, by name."""
        known = self._holders.recall(unit)
        if known is None:
            row = self._row("SELECT origins FROM unit WHERE id = ?", unit)
            names = self._origin_names
            known = tuple(sorted(names[number] for number in np.frombuffer(row[0], "<u4").tolist()))
            self._holders.keep(unit, known)
        return known

    def tokens(self, unit: int) -> Tokens:
        """The unit's elements; ``line`` is that of its first place."""
        return self.tokens_at(int(self._row("SELECT place FROM unit WHERE id = ?", unit)[0]))

    def tokens_at(self, place: int) -> Tokens:
        """The elements of the unit at a place, with their lines there."""
        sql = "SELECT tree, start, stop, kind, content FROM place WHERE id = ?"
        tree, start, stop, kind, content = self._row(sql, place)
        lines = self._line(tree)
        if kind == "module":
            inner = self.connection.execute(
                "SELECT start, stop FROM place WHERE tree = ? AND kind != 'module'", (tree,)
            )
            free = np.ones(stop, bool)
            for first, last in inner:
                free[first:last] = False
            return self._content(content, lines[free])
        if content is not None:
            return self._content(content, lines[start:stop])
        while True:  # inside a function: a part of what that one stores
            place -= 1
            _, first, last, _, content = self._row(sql, place)
            if content is not None and first <= start and last >= stop:
                whole = self._content(content, lines[first:last])
                return whole[start - first : stop - first]

    def _content(self, number: int, line: NDArray[np.uint32]) -> Tokens:
        part = self._contents.recall(number)
        if part is None:
            from provenance.parse import grammar

            known = grammar()
            data = zlib.decompress(
                self._row("SELECT elements FROM content WHERE id = ?", number)[0]
            )
            count = int.from_bytes(data[:4], "little")
            kinds = np.frombuffer(data, np.uint8, count, 4)
            words = np.zeros(count, np.uint64)
            words[known.is_leaf[kinds]] = self._hashes(unpack(data[4 + count :]))
            structure = known.kind_hash[kinds]
            part = Tokens(structure, structure ^ words, kinds, line, words)
            self._contents.keep(number, part)
        if len(part) != line.size:
            raise self._damaged(f"content {number} is not as long as its place")
        return Tokens(part.structure, part.text, part.kind, line, part.word)

    def _line(self, tree: int) -> NDArray[np.uint32]:
        lines = self._lines.recall(tree)
        if lines is None:
            row = self._row("SELECT lines FROM tree WHERE id = ?", tree)
            lines = np.cumsum(unpack(zlib.decompress(row[0])), dtype=np.uint32)
            self._lines.keep(tree, lines)
        return lines

    def _hashes(self, numbers: NDArray[np.uint32]) -> NDArray[np.uint64]:
        """Hashes of words by their numbers."""
        result = np.empty(numbers.size, np.uint64)
        pages = numbers >> np.uint32(WORDS_PER_PAGE.bit_length() - 1)
        while True:
            page = int(pages.min(initial=COMMON))
            if page == COMMON:
                return result
            hashes = self._words.recall(page)
            if hashes is None:
                row = self._row("SELECT hashes FROM word WHERE id = ?", page)
                hashes = self._words.keep(page, np.frombuffer(row[0], "<u8"))
            chosen = pages == page
            if chosen.all():
                return hashes[numbers % WORDS_PER_PAGE]
            result[chosen] = hashes[numbers[chosen] % WORDS_PER_PAGE]
            pages[chosen] = COMMON

    def names(self, words: NDArray[np.uint64]) -> list[str]:
        """The identifiers with the given hashes, '' where there is none; the signs of a family
        mark stand as they are."""
        wanted = words.tolist()
        fresh = np.array([word for word in wanted if word not in self._name_of], np.uint64)
        if fresh.size:
            at, numbers, _ = self.lookup(WORD, fresh)
            for position, number in zip(at.tolist(), numbers.tolist(), strict=True):
                page = self._names(number // WORDS_PER_PAGE)
                self._name_of[int(fresh[position])] = page[number % WORDS_PER_PAGE]
        return [self._name_of.get(word, "") for word in wanted]

    def _names(self, page: int) -> list[str]:
        names = self._named.recall(page)
        if names is None:
            row = self._row("SELECT names FROM word WHERE id = ?", page)
            names = self._named.keep(page, zlib.decompress(row[0]).decode("utf-8").split("\n"))
        return names

    # --- where units stand ------------------------------------------------------------

    def places(self, unit: int) -> tuple[Place, ...]:
        """Every place of a unit, in every release that ships it: oldest first, unknown dates
        last; then by package, version, path and line."""
        known = self._places.recall(unit)
        if known is None:
            rows = self.connection.execute(
                "SELECT place.id, origin.name, release.package, release.version, release.license,"
                " release.date, file.path, place.name, place.kind, first_line, last_line,"
                " tree.mark"
                " FROM place JOIN tree ON tree.id = place.tree JOIN file ON file.tree = tree.id"
                " JOIN release ON release.id = file.release JOIN origin ON origin.id = file.origin"
                " WHERE place.unit = ?",
                (unit,),
            ).fetchall()
            if any(isinstance(value, bytes) for row in rows for value in row):
                raise self._damaged(f"unit {unit} has bytes where text must be")
            known = tuple(sorted((Place(*row) for row in rows), key=_age))
            if not known:
                raise self._damaged(f"unit {unit} stands nowhere")
            self._places.keep(unit, known)
        return known

    def standing(self) -> Iterator[tuple[int, str, str | None]]:
        """(unit, origin, release date) of everything, each combination once."""
        return iter(
            self.connection.execute(
                "SELECT DISTINCT place.unit, origin.name, release.date FROM place "
                "JOIN file ON file.tree = place.tree JOIN release ON release.id = file.release "
                "JOIN origin ON origin.id = file.origin"
            )
        )

    def standing_of_origins(self) -> list[tuple[str, str | None, int]]:
        """(origin, first date, how often its units stand in others too)."""
        rows = self.connection.execute(
            "SELECT origin.name, min(release.date), origin.shared FROM origin "
            "JOIN file ON file.origin = origin.id JOIN release ON release.id = file.release "
            "GROUP BY origin.id"
        )
        return [(name, day, shared) for name, day, shared in rows]

    def packages(self) -> tuple[str, ...]:
        """The releases as ``package==version``, sorted."""
        rows = self.connection.execute("SELECT package, version FROM release")
        names = {
            package if version is None else f"{package}=={version}" for package, version in rows
        }
        return tuple(sorted(names))

    def facts(self) -> IndexFacts:
        """What ``provenance index info`` shows."""
        releases = self.connection.execute(
            "SELECT package, version, license, date, date_source, sha256 FROM release "
            "ORDER BY package, date, version, id"
        )
        return IndexFacts(
            path=self.path,
            format_version=FORMAT_VERSION,
            checksum=self.checksum,
            parameters=self.parameters,
            counts={
                table: int(self._row(f"SELECT count(*) FROM {table} WHERE id > ?", 0)[0])  # noqa: S608
                for table in ("release", "origin", "file", "tree", "place", "unit", "content")
            },
            releases=tuple(Release(*row) for row in releases),
        )

    def origins(self) -> list[tuple[str, str, str | None, int]]:
        """(origin, package, first date, number of files), by name."""
        rows = self.connection.execute(
            "SELECT origin.name, release.package, min(release.date), count(DISTINCT file.path) "
            "FROM file JOIN origin ON origin.id = file.origin "
            "JOIN release ON release.id = file.release GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return [tuple(row) for row in rows]


def _age(place: Place) -> tuple[Any, ...]:
    return (
        place.date or "9999-99-99",
        place.package,
        place.version or "",
        place.path,
        place.first_line,
        place.id,
    )


def _open(path: Path) -> sqlite3.Connection:
    """Open read-only, refusing whatever is not exactly an index of this format."""
    if not path.is_file():
        raise IndexFileError(
            f"{path}: found no file, expected an index; make one with "
            "'provenance index build SOURCE -o FILE'"
        )
    uri = path.resolve().as_uri() + "?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA mmap_size = 268435456")
        identity = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        schema = connection.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
        ).fetchall()
    except sqlite3.DatabaseError as error:
        connection.close()
        raise IndexFileError(
            f"{path}: found no readable index ({error}), expected a file written by "
            "'provenance index build'; build it again"
        ) from error
    problem = ""
    if identity != APPLICATION_ID:
        problem = "some other SQLite file"
    elif version != FORMAT_VERSION:
        problem = f"index format {version}"
    elif schema != _expected_schema():
        problem = "tables that are not those of an index"
    if problem:
        connection.close()
        raise IndexFileError(
            f"{path}: found {problem}, expected index format {FORMAT_VERSION}; build it again "
            "with 'provenance index build'"
        )
    return connection


def _expected_schema() -> list[Any]:
    with closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript(SCHEMA)
        return fresh.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
        ).fetchall()


def parameters_json(parameters: Parameters) -> str:
    """The parameters as they are stored: JSON with sorted keys."""
    return json.dumps(asdict(parameters), sort_keys=True)


TABLES = (
    "meta",
    "release",
    "origin",
    "tree",
    "file",
    "content",
    "unit",
    "place",
    "word",
    "posting",
)


def logical_rows(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Every row that the checksum covers, in order; compressed values as they read."""
    for table in TABLES:
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1"):  # noqa: S608
            if table == "meta" and row[0] == "checksum":
                continue
            yield (table, *(_plain(table, value) for value in row))


def _plain(table: str, value: Any) -> Any:
    if isinstance(value, bytes) and table in ("tree", "content"):
        return zlib.decompress(value)
    if isinstance(value, bytes) and table == "word" and value[:1] == b"\x78":
        try:
            return zlib.decompress(value)
        except zlib.error:
            return value
    return value


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


def verify(path: str | Path) -> str:
    """Check a whole index: SQLite's own structure, every row against the stored checksum, and
    the stored permutations against datasketch's.

    Returns:
        The checksum.

    Raises:
        IndexFileError: something is not as it was written.
    """
    from provenance.sketch import permutations

    with Index(path) as index:
        try:
            sound = index.connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            dangling = index.connection.execute("PRAGMA foreign_key_check").fetchone()
            found = checksum(logical_rows(index.connection))
        except (sqlite3.DatabaseError, zlib.error) as error:
            raise index._damaged(str(error)) from error
        if sound != "ok":
            raise index._damaged(str(sound).replace("\n", " "))
        if dangling:
            raise index._damaged(f"a row of {dangling[0]} points nowhere")
        if found != index.checksum:
            raise index._damaged(f"checksum {found}, stored {index.checksum}")
        if not np.array_equal(index.permutations, permutations(index.parameters)):
            raise index._damaged("permutations that are not those of its parameters")
        return found
