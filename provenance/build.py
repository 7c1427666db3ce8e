"""build: parsed and sketched files -> one index file, written whole or not at all.

The file is made under a temporary name beside its place and renamed when it is complete;
whatever happens before leaves the old index untouched.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from provenance.errors import IndexFileError
from provenance.index import (
    APPLICATION_ID,
    BAND,
    COMMON,
    DOORS,
    FORMAT_VERSION,
    RUN,
    SCHEMA,
    STRUCTURE,
    TEXT,
    TEXT_RUN,
    WORD,
    WORDS_PER_PAGE,
    Index,
    checksum,
    logical_rows,
    pack,
    parameters_json,
)
from provenance.mark import without_mark
from provenance.model import Parameters, Parsed, Release, Sketch, SourceFile
from provenance.parse import grammar
from provenance.sketch import body, digest, positions, within_function

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POSTINGS_PER_PAGE = 512
_LEVEL = 6  # zlib


class Builder:
    """Collects files into an index under a temporary name; ``finish`` puts it in place.

    Use as a context manager: leaving it without ``finish`` removes the temporary file.
    """

    def __init__(
        self, output: Path, parameters: Parameters, drawn: NDArray[np.uint32], *, extend: bool
    ) -> None:
        special = output.exists() and not output.is_file()  # a folder, device, pipe: not replaced
        if not output.name or special or not output.parent.is_dir():
            raise IndexFileError(
                f"{output}: found no place for an index file, expected a file name in a folder "
                "that exists; name one with -o"
            )
        self.output = output
        self.parameters = parameters
        self.drawn = drawn
        self.target = output.resolve()  # a symbolic link stays one
        self.temporary = self.target.with_name(f".{self.target.name}.{os.getpid()}.part")
        self._origins: dict[str, int] = {}
        self._trees: dict[str, int] = {}
        self._contents: dict[bytes, int] = {}
        self._units: dict[int, int] = {}
        self._words: dict[int, int] = {}
        self._word_hashes: list[int] = []
        self._word_names: list[str] = []
        self._files: set[tuple[str, int]] = set()  # of a release that was entered before
        self._places = 0
        self._keys: dict[int, list[NDArray[np.uint64]]] = {door: [] for door in DOORS}
        self._posted: dict[int, list[NDArray[np.uint32]]] = {door: [] for door in DOORS}
        try:
            self.temporary.unlink(missing_ok=True)
            self.connection = sqlite3.connect(self.temporary, isolation_level=None)
            if extend:
                with Index(output) as old:
                    old.connection.backup(self.connection)
            self.connection.execute("PRAGMA journal_mode = OFF")
            self.connection.execute("PRAGMA synchronous = OFF")
            self.connection.execute("PRAGMA cache_size = -65536")
            self.connection.execute("BEGIN")
            if extend:
                self._resume()
            else:
                self.connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self.connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
                for statement in SCHEMA.split(";\n"):
                    if "INDEX" not in statement:
                        self.connection.execute(statement)
        except sqlite3.DatabaseError as error:
            raise IndexFileError(
                f"{output}: cannot write an index there ({error}); expected a folder that can "
                "be written and has room; free some or name another with -o"
            ) from error

    def __enter__(self) -> Builder:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        with contextlib.suppress(OSError):
            self.temporary.unlink(missing_ok=True)

    def _resume(self) -> None:
        """Read back what is needed to add to an existing index."""
        read = self.connection.execute
        for name in ("place_of_unit", "place_of_tree", "file_of_origin", "file_of_tree"):
            read(f"DROP INDEX {name}")
        self._origins = {name: number for number, name in read("SELECT id, name FROM origin")}
        self._trees = {sha256: number for number, sha256 in read("SELECT id, sha256 FROM tree")}
        self._units = {
            number & _MASK: unit for unit, number in read("SELECT id, text_digest FROM unit")
        }
        for number, data in read("SELECT id, elements FROM content"):
            self._contents[_fingerprint(zlib.decompress(data))] = number
        for hashes, names in read("SELECT hashes, names FROM word ORDER BY id"):
            self._word_hashes += np.frombuffer(hashes, "<u8").tolist()
            self._word_names += zlib.decompress(names).decode("utf-8").split("\n")
        self._words = {word: number for number, word in enumerate(self._word_hashes)}
        self._places = int(read("SELECT count(*) FROM place").fetchone()[0])
        for number, keys, units in read("SELECT id, keys, units FROM posting ORDER BY id"):
            self._keys[number >> 40].append(np.frombuffer(keys, "<u8").astype(np.uint64))
            self._posted[number >> 40].append(np.frombuffer(units, "<u4").astype(np.uint32))
        read("DELETE FROM word")
        read("DELETE FROM posting")

    # --- adding -----------------------------------------------------------------------

    def knows_release(self, release: Release, selection: str) -> bool:
        """Whether this archive was indexed before with the same selection of files. What a
        directory holds now is not known beforehand.
        """
        known = self._release(release)
        return known is not None and release.sha256 is not None and selection in known[1]

    def _release(self, release: Release) -> tuple[int, list[str]] | None:
        """The number of a release that is entered, and the selections it was indexed with."""
        row = self.connection.execute(
            "SELECT id, selection FROM release WHERE package = ? AND version IS ? AND sha256 IS ?"
            " AND license IS ? AND date IS ?",
            (
                release.package,
                release.version,
                release.sha256,
                release.license,
                release.date,
            ),
        ).fetchone()
        return None if row is None else (int(row[0]), json.loads(row[1]))

    def add_release(self, release: Release, selection: str) -> int:
        """Enter a release, or another selection of one that is entered; returns its number."""
        known = self._release(release)
        if known is not None:
            number, selections = known
            self._files = {
                (path, tree)
                for path, tree in self.connection.execute(
                    "SELECT path, tree FROM file WHERE release = ?", (number,)
                )
            }
            listed = json.dumps(sorted({*selections, selection}))
            self.connection.execute(
                "UPDATE release SET selection = ? WHERE id = ?", (listed, number)
            )
            return number
        self._files = set()
        values = (
            release.package,
            release.version,
            release.license,
            release.date,
            release.date_source,
            release.sha256,
            json.dumps([selection]),
        )
        cursor = self.connection.execute(
            "INSERT INTO release VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", values
        )
        return int(cursor.lastrowid or 0)

    def knows_tree(self, sha256: str) -> bool:
        """Whether a file of this content is in the index, so that it need not be parsed."""
        return sha256 in self._trees

    def add_file(self, release: int, origin: str, path: str, sha256: str) -> None:
        """Enter a path of a release whose content is known, once."""
        if (path, self._trees[sha256]) in self._files:
            return
        number = self._origins.get(origin)
        if number is None:
            number = self._origins[origin] = len(self._origins) + 1
            self.connection.execute("INSERT INTO origin VALUES (?, ?, 0)", (number, origin))
        self.connection.execute(
            "INSERT INTO file VALUES (NULL, ?, ?, ?, ?)",
            (release, number, self._trees[sha256], path),
        )

    def add_tree(self, file: SourceFile, parsed: Parsed, sketch: Sketch) -> None:
        """Enter a file's content: its lines, places, units, contents, and postings."""
        tree = self._trees[file.sha256] = len(self._trees) + 1
        tokens = parsed.tokens
        lines = np.diff(tokens.line, prepend=np.uint32(0)).astype(np.uint32)
        self.connection.execute(
            "INSERT INTO tree VALUES (?, ?, ?, ?)",
            (tree, file.sha256, parsed.mark, zlib.compress(pack(lines), _LEVEL)),
        )
        words = self._number_words(parsed)
        rows: list[tuple[object, ...]] = []
        unit_of: list[int] = []
        within = within_function(parsed.units)
        first_place = self._places + 1
        for position, unit in enumerate(parsed.units):
            span: slice | NDArray[np.intp] = slice(unit.start, unit.stop)
            if unit.kind == "module":
                span = positions(body(parsed.units, position))
            number = self._unit(
                digest(tokens.text[span]),
                digest(tokens.structure[span]),
                int(tokens.kind[span].size),
                first_place + position,
            )
            unit_of.append(number)
            content = None
            if not within[position]:
                kinds, numbers = tokens.kind[span], words[span]
                data = len(kinds).to_bytes(4, "little") + kinds.tobytes()
                content = self._content(data + pack(numbers[numbers >= 0].astype(np.uint32)))
            rows.append(
                (
                    first_place + position,
                    tree,
                    number,
                    content,
                    unit.start,
                    unit.stop,
                    unit.start_line,
                    unit.end_line,
                    unit.kind,
                    unit.name,
                )
            )
        self.connection.executemany("INSERT INTO place VALUES (?,?,?,?,?,?,?,?,?,?)", rows)
        self._places += len(rows)
        self._post(sketch, np.array(unit_of, np.uint32))

    def _number_words(self, parsed: Parsed) -> NDArray[np.int64]:
        """The number of each element's word, -1 where it has none."""
        tokens = parsed.tokens
        known = grammar()
        leaves = np.flatnonzero(known.is_leaf[tokens.kind])
        distinct, first, inverse = np.unique(
            tokens.word[leaves], return_index=True, return_inverse=True
        )
        identifiers = set(tokens.word[tokens.kind == known.identifier].tolist())
        texts = {number: text for text, number in parsed.words.items() if number in identifiers}
        numbers = np.empty(distinct.size, np.int64)
        for position in np.argsort(first, kind="stable").tolist():
            word = int(distinct[position])
            number = self._words.get(word)
            if number is None:
                number = self._words[word] = len(self._words)
                name = texts.get(word, b"").decode("utf-8", "replace")
                if name and parsed.mark:
                    name = without_mark(name, parsed.mark)
                self._word_hashes.append(word)
                self._word_names.append("" if "\n" in name else name)
            numbers[position] = number
        result = np.full(len(tokens), -1, np.int64)
        result[leaves] = numbers[inverse]
        return result

    def _content(self, data: bytes) -> int:
        key = _fingerprint(data)
        number = self._contents.get(key)
        if number is None:
            number = self._contents[key] = len(self._contents) + 1
            self.connection.execute(
                "INSERT INTO content VALUES (?, ?)", (number, zlib.compress(data, _LEVEL))
            )
        return number

    def _unit(self, text: int, structure: int, elements: int, place: int) -> int:
        number = self._units.get(text)
        if number is None:
            number = self._units[text] = len(self._units) + 1
            values = (number, _signed(text), _signed(structure), elements, place)
            self.connection.execute("INSERT INTO unit VALUES (?, ?, ?, ?, ?, x'')", values)
        return number

    def _post(self, sketch: Sketch, unit_of: NDArray[np.uint32]) -> None:
        units = unit_of[sketch.unit]
        large = units[sketch.large]
        for door, keys, owners in (
            (TEXT, sketch.text_digest, units),
            (STRUCTURE, sketch.structure_digest[sketch.large], large),
            (BAND, sketch.band.ravel(), np.repeat(large, sketch.band.shape[1])),
            (RUN, sketch.run[0], units[sketch.run[1]]),
            (TEXT_RUN, sketch.text_run[0], units[sketch.text_run[1]]),
        ):
            if keys.size:
                self._keys[door].append(keys)
                self._posted[door].append(owners)

    # --- finishing --------------------------------------------------------------------

    def finish(self) -> None:
        """Write what was collected, check it, and put the file in its place."""
        try:
            self._write_words()
            self.connection.execute("CREATE INDEX file_of_tree ON file (tree)")
            self._write_origins()
            self._write_meta(self._write_postings())
            self.connection.execute("COMMIT")
            for statement in SCHEMA.split(";\n"):
                if "CREATE INDEX" in statement and "file_of_tree" not in statement:
                    self.connection.execute(statement)
            total = json.dumps(checksum(logical_rows(self.connection)))
            self.connection.execute("INSERT INTO meta VALUES ('checksum', ?)", (total,))
            self.connection.execute("VACUUM")
            self.connection.close()
            with open(self.temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(self.temporary, self.target)
        except (sqlite3.DatabaseError, OSError) as error:
            raise IndexFileError(
                f"{self.output}: the index could not be written ({error}); expected room and "
                "permission for it; the old file, if any, is as it was"
            ) from error

    def _write_words(self) -> None:
        for page, first in enumerate(range(0, len(self._word_hashes), WORDS_PER_PAGE)):
            part = slice(first, first + WORDS_PER_PAGE)
            hashes = np.array(self._word_hashes[part], "<u8").tobytes()
            names = zlib.compress("\n".join(self._word_names[part]).encode("utf-8"), _LEVEL)
            self.connection.execute("INSERT INTO word VALUES (?, ?, ?)", (page, hashes, names))
        self._keys[WORD] = [np.array(self._word_hashes, np.uint64)]
        self._posted[WORD] = [np.arange(len(self._word_hashes), dtype=np.uint32)]

    def _write_postings(self) -> dict[int, int]:
        bits: dict[int, int] = {}
        for door in DOORS:
            keys = np.concatenate([np.empty(0, np.uint64), *self._keys.pop(door)])
            units = np.concatenate([np.empty(0, np.uint32), *self._posted.pop(door)])
            order = np.lexsort((units, keys))
            keys, units = keys[order], units[order]
            fresh = np.ones(keys.size, bool)
            fresh[1:] = (keys[1:] != keys[:-1]) | (units[1:] != units[:-1])
            keys, units = keys[fresh], units[fresh]
            if door in (RUN, TEXT_RUN):
                keys, units = self._without_common(keys, units)
            bits[door] = max(0, int(keys.size // _POSTINGS_PER_PAGE).bit_length())
            for number, (first, stop) in _pages(keys, bits[door]):
                self.connection.execute(
                    "INSERT INTO posting VALUES (?, ?, ?)",
                    (
                        door << 40 | number,
                        keys[first:stop].astype("<u8").tobytes(),
                        units[first:stop].astype("<u4").tobytes(),
                    ),
                )
        return bits

    def _without_common(
        self, keys: NDArray[np.uint64], units: NDArray[np.uint32]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
        """Postings in which one entry stands for a key that too many units hold."""
        if not keys.size:
            return keys, units
        firsts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        counts = np.diff(np.append(firsts, keys.size))
        marked = np.maximum.reduceat(units, firsts) == COMMON
        common = (counts > self.parameters.common) | marked
        units = units.copy()
        units[firsts[common]] = COMMON
        kept = ~np.repeat(common, counts)
        kept[firsts] = True
        return keys[kept], units[kept]

    def _write_origins(self) -> None:
        """Enter into each unit which origins have it."""
        rows = self.connection.execute(
            "SELECT DISTINCT place.unit, file.origin FROM place JOIN file ON file.tree = place.tree"
            " ORDER BY 1, 2"
        )
        found: dict[int, list[int]] = {}
        for unit, origin in rows:
            found.setdefault(unit, []).append(origin)
        shared: Counter[int] = Counter()
        for held in found.values():
            shared.update(dict.fromkeys(held, len(held) - 1))
        self.connection.executemany(
            "UPDATE origin SET shared = ? WHERE id = ?",
            ((count, origin) for origin, count in sorted(shared.items())),
        )
        self.connection.executemany(
            "UPDATE unit SET origins = ? WHERE id = ?",
            ((np.array(held, "<u4").tobytes(), unit) for unit, held in found.items()),
        )

    def _write_meta(self, bits: dict[int, int]) -> None:
        self.connection.execute("DELETE FROM meta")
        rows = (
            ("parameters", parameters_json(self.parameters)),
            ("permutations", self.drawn.astype("<u4").tobytes()),
            ("page_bits", json.dumps({str(door): bits[door] for door in DOORS})),
        )
        self.connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)


_MASK = (1 << 64) - 1


def _signed(value: int) -> int:
    """A 64-bit number as SQLite stores it."""
    return value - (1 << 64) if value >= 1 << 63 else value


def _fingerprint(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _pages(keys: NDArray[np.uint64], bits: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """(leading bits, half-open span) of every page of ascending keys that is not empty."""
    if not keys.size:
        return
    leading = keys >> np.uint64(64 - bits) if bits else np.zeros(keys.size, np.uint64)
    edges = np.flatnonzero(np.diff(leading)) + 1
    firsts = [0, *edges.tolist()]
    for first, stop in zip(firsts, [*firsts[1:], int(keys.size)], strict=True):
        yield int(leading[first]), (first, stop)
