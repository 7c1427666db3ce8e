"""A scan of an index that is not sound, or does not fit, is right or says so."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs import program, renamed
from thorough import THOROUGH, tried

import provenance
from indexed.modules import MORE, NESTED, write
from indexed.unsound import ROWS, Arrays, Change, execute, flipped, rewrite, signed
from provenance import IndexFileError, ProvenanceError
from provenance.index import Index
from provenance.library import Library
from provenance.schema import PAGED

pytestmark = pytest.mark.usefixtures("in_this_process")

_HERE: dict[str, Any] = {} if THOROUGH else {"jobs": 0}
"""In this process: to start a worker costs more than the scan."""

_WAYS: list[dict[str, Any]] = [
    {},
    {**_HERE, "as_of": "2026-01-01"},
    {**_HERE, "exclude_origin": ["*/m1"]},
]

_VALUES: list[Callable[[Any], Any]] = [
    np.zeros_like,
    lambda one: one.astype(np.uint64) + np.uint64(3),
    lambda one: np.full(one.size, 2**31 + 7, np.uint64),
    lambda one: np.full(one.size, 2**64 - 1, np.uint64),
    lambda one: one[::-1],
    lambda one: one[:-1],
    lambda one: np.append(one, one[-1:]),
    lambda one: one[:0],
]


def _only(at: int, change: Callable[[Any], Any]) -> Change:
    return lambda arrays: [*arrays[:at], change(arrays[at]), *arrays[at + 1 :]]


def _each(change: Callable[[Any], Any]) -> Change:
    return lambda arrays: [change(one) for one in arrays]


_CHANGES: list[Change] = [
    *map(_each, _VALUES),
    lambda arrays: arrays[:-1],
    lambda arrays: [*arrays, arrays[-1]],
    lambda arrays: arrays[::-1],
    lambda _: [],
]
"""What is done to the arrays of a page: to each of them, or to all."""


def stated(data: bytes) -> list[int]:
    """Where the values of meta, the schema and the releases stand: what no page guards."""
    places: list[int] = []
    for start, length in ((b'{"bands"', 200), (b'{"0": ', 60), (b'{"release"', 100)):
        places += range(data.index(start), data.index(start) + length)
    at = data.rindex(b"checksum")  # the key of the value; the schema names it before
    places += range(at - 100, at + 80)
    schema = data.index(b"CREATE TABLE posting")
    return [*places, *range(schema - 40, schema + 40)]


def test_a_scan_of_a_damaged_index_is_right_or_says_so(
    small: tuple[bytes, str], tmp_path: Path
) -> None:
    """With one byte flipped: the very same report, or an error of ours. A scan does not verify
    first, so every value it reads must be guarded where it stands."""
    data, mine = small
    path = tmp_path / "i.db"
    path.write_bytes(data)
    ways: list[dict[str, Any]] = [{}, _HERE, {**_HERE, "as_of": "2026-01-01"}]
    expected = [provenance.json_report(provenance.scan(mine, [path], **way)) for way in ways]
    assert len(json.loads(expected[0])["findings"]) > 2
    drawn = random.Random(815)
    used = [at for at, byte in enumerate(data) if byte]
    said = 0
    most = tried(50, 110), tried(25, 50)
    for at in [*drawn.sample(used, most[0]), *drawn.sample(stated(data), most[1])]:
        by = drawn.randrange(1, 256)
        flipped(path, at, by)
        way = drawn.randrange(len(ways))
        try:
            found = provenance.json_report(provenance.scan(mine, [path], **ways[way]))
            assert found == expected[way], f"byte {at} by {by}"
        except ProvenanceError:
            said += 1
        flipped(path, at, by)
    assert said > sum(most) / 2


def _scanned(path: Path, tmp_path: Path, ways: Iterable[dict[str, Any]]) -> None:
    source = write(
        tmp_path / "mine", a=program(1, classes=2) + MORE, b=renamed(program(2)), c=NESTED
    )
    for way in ways:
        try:
            report = provenance.scan(source, [path], **way)
            provenance.json_report(report), provenance.text_report(report)
        except ProvenanceError:
            pass


@pytest.mark.parametrize("statement", ROWS)
def test_a_scan_of_wrong_rows_ends_with_an_error_of_ours(
    statement: str, copy: Path, tmp_path: Path
) -> None:
    """Whatever the rows are: a report or our own error, never a traceback."""
    execute(copy, statement)
    ways = _WAYS if THOROUGH else [_WAYS[ROWS.index(statement) % len(_WAYS)]]
    _scanned(copy, tmp_path, ways)


@pytest.mark.parametrize("table", PAGED)
def test_a_scan_of_wrong_pages_ends_with_an_error_of_ours(
    table: str, built: Path, tmp_path: Path
) -> None:
    """Nor do numbers that do not fit together let anything else out, though somebody made all
    three checksums right again."""
    path = tmp_path / "i.db"
    with Index(built) as index:
        (page,) = index.connection.execute(f"SELECT min(id) FROM {table}").fetchone()
        arrays = len(index._read(table, page))
    each = [_only(at, one) for at in range(arrays) for one in _VALUES]
    if not THOROUGH and len(each) > 14:
        each = random.Random(table).sample(each, 14)
    changes = [*_CHANGES, *each]
    for change, way in zip(changes, cycle(_WAYS), strict=False):
        shutil.copy(built, path)
        rewrite(path, table, change)
        signed(path)
        _scanned(path, tmp_path, [way])


@pytest.mark.parametrize("files", [True, False])
def test_a_file_or_unit_without_a_name_is_damage(files: bool, copy: Path) -> None:
    """With right sums, as somebody wrote it: reports had it, against their schema."""

    def change(arrays: Arrays) -> Arrays:
        names = arrays[0].tobytes().split(b"\0")
        kept = [b"" if one.endswith(b".py") is files else one for one in names]
        return [np.frombuffer(b"\0".join(kept), np.uint8)]

    rewrite(copy, "name", change)
    signed(copy)
    with Library([str(copy)]) as library:
        (index,) = library.indexes
        for unit in range(1, index.units + 1):
            standing = index.standing(unit)[0]
            for ask in (index.place, index.named):
                with pytest.raises(IndexFileError, match=r"name \d+ of a file or unit is empty"):
                    ask(unit, standing)
        same = next(same for n in (1, 2, 3) if (same := library.same_file(index.tree(n).sha256)))
        if files:
            with pytest.raises(IndexFileError, match="is empty"):
                library.identity(same, 0, exact=True)


def test_indexes_of_different_parameters_are_refused_together(
    tree: Path, built: Path, copy: Path
) -> None:
    """With both names and the remedy."""
    sql = "UPDATE meta SET value = json_replace(value, '$.window', 5) WHERE key = 'parameters'"
    execute(copy, sql)
    signed(copy)
    with pytest.raises(IndexFileError) as caught:
        provenance.scan(str(tree), [built, copy])
    assert str(built) in str(caught.value)
    assert str(copy) in str(caught.value)
    assert "build" in str(caught.value)


def test_an_index_of_another_grammar_is_refused(tree: Path, copy: Path) -> None:
    """Its fingerprints would match nothing, and nobody would notice."""
    sql = "UPDATE meta SET value = json_replace(value, '$.grammar', 'x') WHERE key = 'parameters'"
    execute(copy, sql)
    signed(copy)
    with pytest.raises(IndexFileError, match="grammar 'x'"):
        provenance.scan(str(tree), [copy])
