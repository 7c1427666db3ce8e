"""Readers of what stands in tables of a cluster, without the cluster."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from typing import Any

from fuzz.indexes import asked, json_list, library, parsed_once
from fuzz.place import refused
from provenance.cluster.fingerprints import parsed_of
from provenance.cluster.gather import files_of_rows, suspects_of_rows
from provenance.cluster.slices import Rows, Slice, TreeRow, UnitRow
from provenance.cluster.tables import Capped, Header, header_of, rows_of
from provenance.decode import printable
from provenance.errors import IndexFileError
from provenance.library import Library
from provenance.null import Baseline
from provenance.pages import compress
from provenance.scanning import outcomes
from provenance.spoken import UNSPOKEN

_COLUMNS = ("path", "content", "origin", "version", "date", "license", "package")


def fuzz_header(data: bytes) -> None:
    """The rows by which tables speak of themselves, as a JSON object of lists of pairs, the second
    of each JSON again -> a header that can be written, or an error of ours."""
    try:
        given = json.loads(data)
        rows = {
            table: [(number, json.dumps(value)) for number, value in given[table]]
            for table in ("meta", "release", "origin")
        }
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    try:
        header = header_of("tables", rows)
    except IndexFileError as error:
        refused(error)
        return
    assert header_of("tables", rows_of(header)) == header
    assert header.drawn.shape == (2, header.parameters.bands * header.parameters.rows)
    if header.baseline is not None:
        with suppress(ValueError):
            Baseline.from_json(header.baseline)


def fuzz_fingerprint(data: bytes) -> None:
    """A row of fingerprints, its three pages after one another: a file as it was parsed, or
    ``ValueError``. By the first byte: as packed, or packed here."""
    parts = data[1:].split(b"\x1e\x1e", 4) + [b""] * 5
    names, words = (part.decode("utf-8", "replace").split("\n") for part in parts[:2])
    pages = parts[2:5]
    if data[:1] != b"\0":
        pages = [compress(bytes(8) + page) for page in pages]
    try:
        found = parsed_of("Bird", names, words, *pages)
    except ValueError:
        return
    size = len(found.tokens)
    assert len(found.units) == len(names)
    assert all(0 <= unit.start <= unit.stop <= size for unit in found.units)
    assert all(unit.parent < at for at, unit in enumerate(found.units))


def fuzz_table(data: bytes) -> None:
    """A row of a table of sources or of suspects, as a JSON list of its columns: the file, or why
    it is left out. Content is too large to be here where the first byte is odd."""
    values = json_list(data[1:].decode("utf-8", "replace"))
    row: dict[str, Any] = dict.fromkeys(_COLUMNS)
    row.update(zip(_COLUMNS, (None if one is None else str(one) for one in values), strict=False))
    row["size"] = None
    if row["content"] is not None:
        row["content"] = row["content"].encode("utf-8", "replace")
        row["size"] = len(row["content"])
        if data[:1] and data[0] % 2:
            row["content"] = None
    for path, *rest in (*files_of_rows([row]), *suspects_of_rows([row])):
        assert all(map(printable, path))
        assert rest[0] is not None or rest[1] is not None or len(rest[-1]) > 20


@cache
def header() -> Header:
    """What tables would say of themselves that are the small index."""
    (index,) = library().indexes
    return Header(
        path="tables",
        parameters=library().parameters,
        permutations=library().permutations.astype("<u4").tobytes().hex(),
        counts=index.counts,
        releases=index.releases,
        origins=dict(index.origin_facts),
        selections={number: ["[]"] for number in index.releases},
        baseline=None,
        checksum=index.checksum,
        most=20,
        key_bits=40,
        capped=Capped({3: 1}),
    )


def fuzz_slice(data: bytes) -> None:
    """The rows of which a part of a scan is made, of the types that their columns are checked to
    have, as JSON in which pages stand as hexadecimal digits, packed here: what is found, or an
    error of ours."""
    try:
        given = json.loads(data)
        rows = Rows(
            [(_int(door) % 16, _long(key), _longs(held)) for door, key, held in given["postings"]],
            [
                UnitRow(
                    _long(number), _longs(classes), _longs(stands), _longs(trees),
                    None if unit is None else _long(unit), _page(tokens), _texts(words),
                )
                for number, classes, stands, trees, unit, tokens, words in given["units"]
            ],
            [
                TreeRow(
                    _long(number), str(digest), str(mark), _texts(holders), _texts(licenses),
                    _texts(names), _page(spans) or b"", _page(lines) or b"",
                    [(_int(one), _int(other), str(path)) for one, other, path in files],
                )
                for number, digest, mark, holders, licenses, names, spans, lines, files in given[
                    "trees"
                ]
            ],
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return
    try:
        with parsed_once(), Library([Slice(header(), rows)]) as cut:
            for result, found in outcomes(asked(), cut, UNSPOKEN, 60.0):
                assert 0 <= result.novel <= 1
                assert all(one.blocks for one in found)
    except IndexFileError as error:
        refused(error)


def _int(value: Any) -> int:
    return int(value) & 0x7FFFFFFF


def _long(value: Any) -> int:
    return (int(value) + (1 << 63)) % (1 << 64) - (1 << 63)


def _longs(values: Any) -> list[int]:
    return [_long(one) for one in values]


def _texts(values: Any) -> list[str]:
    return [str(one) for one in values]


def _page(digits: Any) -> bytes | None:
    return None if digits is None else compress(bytes(8) + bytes.fromhex(str(digits)))
