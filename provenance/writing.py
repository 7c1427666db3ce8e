"""writing: an index file, written whole or not at all.

It is made in a folder beside its place and renamed when it is complete; whatever
happens before leaves the old index untouched.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.aside import Aside, behind, keep_mode, uninterrupted
from provenance.checksum import checksum, logical_rows, opening_rows, opening_sum
from provenance.elements import LARGE_WORD
from provenance.errors import IndexFileError
from provenance.index import NO_DAY, Index
from provenance.model import Release
from provenance.pages import (
    LARGEST,
    compress,
    deltas,
    low_bytes,
    pack_lists,
    plain,
    short_pages,
)
from provenance.schema import (
    APPLICATION_ID,
    FORMAT_VERSION,
    KEYS_PER_PAGE,
    KEYS_PER_SHORT_PAGE,
    RUN,
    SCHEMA,
    TEXT_RUN,
    TREES_PER_PAGE,
    UNITS_PER_PAGE,
    WIDE,
    Shape,
    seal,
)
from provenance.unused import blank_unused

if TYPE_CHECKING:
    from numpy.typing import NDArray


class NewIndex:
    """An index file that is to be: its place, and the temporary one.

    Raises:
        IndexFileError: no file can be made there.
    """

    def __init__(self, output: Path) -> None:
        there = os.path.exists(output)
        special = there and not os.path.isfile(output)  # a folder, device, pipe: not replaced
        if not output.name or special or not os.path.isdir(output.parent):
            raise IndexFileError(
                f"{output}: found no place for an index file, expected a file name in a folder "
                "that exists; name one with -o"
            )
        self.output = output
        self._aside: Aside | None = None
        try:
            self.target = behind(output)
            with uninterrupted():
                Aside(self.target).close()
        except OSError as error:
            raise self.unwritable(error) from error

    @property
    def folder(self) -> Path:
        """Where what is on its way is kept, until it is discarded."""
        if self._aside is None:
            try:
                with uninterrupted():
                    self._aside = Aside(self.target)
            except OSError as error:
                raise self.unwritable(error) from error
        return self._aside.path

    @property
    def temporary(self) -> Path:
        """The file, until it is complete."""
        return self.folder / "index.db"

    def discard(self) -> None:
        """Leave nothing behind of what was not finished."""
        if self._aside is not None:
            self._aside.close()
            self._aside = None

    def unwritable(self, error: Exception) -> IndexFileError:
        """The error that says that the file could not be written."""
        return IndexFileError(
            f"{self.output}: the index could not be written ({error}); expected room and "
            "permission for it in a folder that can be written, and as much room in that of "
            "temporary files (TMPDIR, else /var/tmp); free some, permit it, or write it elsewhere; "
            "the old file, if any, is as it was"
        )

    def write(
        self,
        fill: Callable[[sqlite3.Connection], None],
        measure: Callable[[Index], str] | None = None,
        version: int = FORMAT_VERSION,
    ) -> None:
        """Write the file, check it, and put it in its place.

        Args:
            fill: writes all rows, but for sums and baseline.
            measure: gives the baseline of the index that is written, to be stored in it.
            version: its format.
        """
        connection = None
        try:
            self.temporary.unlink(missing_ok=True)
            connection = sqlite3.connect(self.temporary, isolation_level=None)
            connection.execute(f"PRAGMA page_size = {512 if version == FORMAT_VERSION else 4096}")
            connection.execute("PRAGMA auto_vacuum = NONE")
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version}")
            connection.executescript(SCHEMA)
            connection.execute("BEGIN")
            fill(connection)
            connection.execute("COMMIT")
            self._close(connection)
            if measure is not None:
                try:
                    with Index(self.temporary) as written:
                        baseline = measure(written)
                except IndexFileError as error:  # it names what only we know, to be built again
                    cause = error.__cause__
                    raise self.unwritable(
                        cause if isinstance(cause, Exception) else error
                    ) from error
                connection = sqlite3.connect(self.temporary, isolation_level=None)
                connection.execute("PRAGMA journal_mode = OFF")
                connection.execute("DELETE FROM meta WHERE key IN ('checksum', 'rows')")
                connection.execute("INSERT INTO meta VALUES ('baseline', ?)", (baseline,))
                self._close(connection)
            blank_unused(self.temporary)
            seal(self.temporary)
            with open(self.temporary, "rb+") as file:
                os.fsync(file.fileno())
            keep_mode(self.target, self.temporary)
            os.replace(self.temporary, self.target)
        except (sqlite3.DatabaseError, OSError) as error:
            raise self.unwritable(error) from error
        finally:
            if connection is not None:
                connection.close()

    def _close(self, connection: sqlite3.Connection) -> None:
        """Write the checksums and close."""
        total = json.dumps(checksum(logical_rows(connection)))
        connection.execute("INSERT INTO meta VALUES ('checksum', ?)", (total,))
        stated = json.dumps(opening_sum(*opening_rows(connection)))
        connection.execute("INSERT INTO meta VALUES ('rows', ?)", (stated,))
        connection.execute("VACUUM")
        connection.close()


def insert(connection: sqlite3.Connection, table: str, number: int, *arrays: NDArray[Any]) -> None:
    """Write a page.

    Raises:
        IndexFileError: it is one that could not be read again.
    """
    page = plain(number, *arrays)
    if len(page) > LARGEST:
        raise IndexFileError(
            f"found reference code of which {len(page):,} bytes would stand on one page of the "
            f"index ({table} {number}), expected at most {LARGEST:,}; leave the largest of its "
            "files out with --exclude"
        )
    connection.execute(
        f"INSERT INTO {table} VALUES (?, ?)",  # noqa: S608
        (number, compress(page)),
    )


def two_bytes(words: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Numbers as two bytes each, and those that are too large for it, in order."""
    low = np.minimum(words, LARGE_WORD).astype("<u2").view(np.uint8)
    return low, words[words >= LARGE_WORD]


def write_meta(
    connection: sqlite3.Connection,
    parameters: str,
    drawn: bytes,
    bits: dict[int, int],
    counts: dict[str, int],
    shape: Shape,
    words: int,
) -> None:
    """Write what the whole file was made with, but for sums and baseline."""
    rows: list[tuple[str, str | bytes]] = [
        ("parameters", parameters),
        ("permutations", drawn),
        ("page_bits", json.dumps({str(door): bits[door] for door in shape.doors})),
        ("counts", json.dumps(counts if shape.version != WIDE else {**counts, "word": words})),
    ]
    if shape.version == WIDE:
        rows.append(("shape", json.dumps({"key_bits": shape.key_bits, "unit": shape.unit})))
    connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)


# --- tables -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Selected:
    """A release, and what was selected of it: JSON texts, sorted."""

    release: Release
    selections: tuple[str, ...]

    @staticmethod
    def order(one: Release) -> tuple[str, ...]:
        """By which releases are numbered."""
        return (one.package, one.date or NO_DAY, one.version or "", one.sha256 or "", str(one))


def write_releases(connection: sqlite3.Connection, releases: Sequence[Selected]) -> None:
    """Write releases that are in order."""
    connection.executemany(
        "INSERT INTO release VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                number,
                one.release.package,
                one.release.version,
                one.release.license,
                one.release.date,
                one.release.date_source,
                one.release.sha256,
                one.release.purl,
                one.release.link,
                json.dumps(sorted(one.selections)),
            )
            for number, one in enumerate(releases, 1)
        ),
    )


def write_files(connection: sqlite3.Connection, rows: NDArray[Any], most: int) -> None:
    """Write the files: (tree, release, origin, path) of each, in order; ``most`` trees."""
    pages = range(most // TREES_PER_PAGE + 1)
    edges = np.searchsorted(rows[:, 0], np.arange(len(pages) + 1) * TREES_PER_PAGE).tolist()
    for page in pages:
        first = page * TREES_PER_PAGE
        stop = min(first + TREES_PER_PAGE, most + 1)
        part = rows[edges[page] : edges[page + 1]]
        counts = np.bincount(part[:, 0].astype(np.intp) - first, minlength=stop - first)
        insert(connection, "file", page, counts, part[:, 1], part[:, 2], part[:, 3])


def write_units(
    connection: sqlite3.Connection,
    first: int,
    elements: NDArray[Any],
    trees: NDArray[np.int64],
    classes: NDArray[np.int64],
) -> None:
    """Write units from a first one on, which begins a page: the elements of each, and ascending
    unit << 32 | tree, unit << 32 | class that has it."""
    pages: list[tuple[NDArray[Any], ...]] = []
    for pairs in (trees, classes):
        counts = np.bincount((pairs >> 32) - first, minlength=elements.size)
        pages.append((counts, np.concatenate([[0], np.cumsum(counts)]), pairs & 0xFFFFFFFF))
    for at in range(0, elements.size, UNITS_PER_PAGE):
        stop = min(at + UNITS_PER_PAGE, elements.size)
        lists: list[NDArray[Any]] = []
        for counts, edges, listed in pages:
            some = listed[int(edges[at]) : int(edges[stop])]
            lists += [counts[at:stop], *pack_lists(counts[at:stop], some)]
        insert(connection, "unit", (first + at) // UNITS_PER_PAGE, elements[at:stop], *lists)


# --- postings -----------------------------------------------------------------------------


class _Spool:
    """Numbers that are put down one after another, and taken up again in the same order; in a
    file where a folder is given."""

    def __init__(self, dtype: type[np.generic], path: Path | None) -> None:
        self.dtype, self.path = dtype, path
        self.parts: list[NDArray[Any]] = []
        self.file = open(path, "w+b") if path else None  # noqa: SIM115

    def put(self, values: NDArray[Any]) -> None:
        if self.file is None:
            self.parts.append(values)
        else:
            values.astype(self.dtype, copy=False).tofile(self.file)

    def turn(self) -> None:
        """Begin to take up what was put down."""
        if self.file is not None:
            self.file.flush()
            self.file.seek(0)
        self.at = 0
        self.whole = np.concatenate([np.empty(0, self.dtype), *self.parts])

    def take(self, size: int) -> NDArray[Any]:
        """So many numbers."""
        if self.file is not None:
            return np.fromfile(self.file, self.dtype, size)
        self.at += size
        return self.whole[self.at - size : self.at]

    def close(self) -> None:
        if self.file is not None and self.path is not None:
            self.file.close()
            self.path.unlink()


_Found = tuple["NDArray[np.uint64]", "NDArray[Any]", "NDArray[np.uint64]"]


def write_door(
    connection: sqlite3.Connection,
    door: int,
    common: int,
    found: Iterable[_Found],
    shape: Shape,
    folder: Path | None = None,
) -> int:
    """Write the postings of a door; returns how many leading bits of a key name its page.

    Args:
        connection: of the new index.
        door: which.
        common: most units that a fingerprint lists.
        found: postings in stretches of ascending keys, within each in any order, repeated or not:
            keys with all their bits in front, who holds them, and keys that are known to be
            common.
        shape: how they are written.
        folder: where what does not fit into memory is kept meanwhile.
    """
    width = shape.width(door)

    def spool(name: str, dtype: type[np.generic]) -> _Spool:
        return _Spool(dtype, folder / name if folder else None)

    keys, counts = spool("keys", np.uint64), spool("counts", np.uint32)
    owners = spool("owners", np.uint32)
    with contextlib.ExitStack() as opened:
        for one in (keys, counts, owners):
            opened.callback(one.close)
        total = 0
        for stretch in found:
            limit = common if door in (RUN, TEXT_RUN) else None
            distinct, count, listed = _put_together(*stretch, width, limit)
            total += distinct.size
            keys.put(distinct)
            counts.put(count)
            owners.put(listed)
        for one in (keys, counts, owners):
            one.turn()
        if shape.version == WIDE:
            bits = max(0, (total // KEYS_PER_SHORT_PAGE).bit_length() - 1)
            _write_short(connection, door, shape, bits, _blocks(keys, counts, owners, total))
            return bits
        bits = max(0, (total // KEYS_PER_PAGE).bit_length())
        for page, distinct in enumerate(_by_leading(keys, total, bits, width)):
            count = counts.take(distinct.size)
            lists = pack_lists(count, owners.take(int(count.sum(dtype=np.intp))))
            insert(connection, "posting", door << 40 | page, deltas(distinct), count, *lists)
    return bits


def _put_together(
    keys: NDArray[np.uint64],
    owners: NDArray[Any],
    known: NDArray[np.uint64],
    width: int,
    limit: int | None,
) -> tuple[NDArray[np.uint64], NDArray[np.intp], NDArray[Any]]:
    """Keys in so many bits, ascending, how many hold each, and who; none where they are more than
    the limit."""
    keys = keys >> np.uint64(64 - width)
    order = np.lexsort((owners, keys))
    keys, owners = keys[order], owners[order]
    fresh = np.ones(keys.size, bool)
    fresh[1:] = (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])
    keys, owners = keys[fresh], owners[fresh]
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: keys.size])
    counts = np.diff(np.append(starts, keys.size))
    distinct = keys[starts]
    if limit is not None:
        known = np.unique(known >> np.uint64(64 - width))
        common = (counts > limit) | np.isin(distinct, known)
        owners = owners[~np.repeat(common, counts)]
        counts = np.where(common, 0, counts)
        lost = np.setdiff1d(known, distinct, assume_unique=True)
        if lost.size:
            at = np.searchsorted(distinct, lost)
            distinct, counts = np.insert(distinct, at, lost), np.insert(counts, at, 0)
    return distinct, counts, owners


_KEYS_AT_ONCE = 1 << 17
_Block = tuple["NDArray[np.uint64]", "NDArray[Any]", "NDArray[Any]"]


def _blocks(keys: _Spool, counts: _Spool, owners: _Spool, total: int) -> Iterator[_Block]:
    """Keys, counts, owners, so many at a time."""
    for at in range(0, total, _KEYS_AT_ONCE):
        size = min(_KEYS_AT_ONCE, total - at)
        count = counts.take(size)
        yield keys.take(size), count, owners.take(int(count.sum(dtype=np.intp)))


def _write_short(
    connection: sqlite3.Connection, door: int, shape: Shape, bits: int, blocks: Iterable[_Block]
) -> None:
    """Write the postings of a door as short pages, one for each value of so many leading bits."""
    behind, key = shape.width(door) - bits, shape.key(door, bits)
    sql = "INSERT INTO posting VALUES (?, ?)"
    keys, counts, units = np.empty(0, np.uint64), np.empty(0, np.intp), np.empty(0, np.intp)
    page = 0
    for block in _and_end(blocks):
        if block is not None:
            keys = np.concatenate([keys, block[0]])
            counts = np.concatenate([counts, block[1].astype(np.intp)])
            units = np.concatenate([units, block[2].astype(np.intp)])
        leading = keys >> np.uint64(behind) if bits else np.zeros(keys.size, np.uint64)
        until = 1 << bits if block is None else int(leading[-1])
        edges = np.searchsorted(leading, np.arange(page, until + 1, dtype=np.uint64)).tolist()
        stop = edges[-1]
        listed = int(counts[:stop].sum(dtype=np.intp))
        low = low_bytes(keys[:stop] & np.uint64((1 << behind) - 1), key)
        written = low_bytes(units[:listed], shape.unit)
        pages = short_pages(edges, low, counts[:stop], written, key, shape.unit)
        first = door << 40 | page
        connection.executemany(sql, ((first + at, data) for at, data in enumerate(pages)))
        keys, counts, units, page = keys[stop:], counts[stop:], units[listed:], until


def _and_end(blocks: Iterable[_Block]) -> Iterator[_Block | None]:
    yield from blocks
    yield None


def _by_leading(keys: _Spool, total: int, bits: int, width: int) -> Iterator[NDArray[np.uint64]]:
    """The keys of each page, by the leading bits that name it, from 0 on."""
    page, left = 0, total
    rest = np.empty(0, np.uint64)
    while page < 1 << bits:
        while left and (not rest.size or int(rest[-1]) >> (width - bits) <= page):
            rest = np.concatenate([rest, keys.take(min(left, _KEYS_AT_ONCE))])
            left = max(0, left - _KEYS_AT_ONCE)
        last = (int(rest[-1]) >> (width - bits)) if rest.size else page
        until = last if left else 1 << bits  # pages that are whole
        leading = np.arange(page, until + 1, dtype=np.uint64)
        own = rest >> np.uint64(width - bits) if bits else np.zeros(rest.size, np.uint64)
        edges = np.searchsorted(own, leading).tolist()
        for first, stop in pairwise(edges):
            yield rest[first:stop]
        rest = rest[edges[-1] :]
        page = until
