"""What is no sound index is refused, and what is no fault of the index is not said to be one."""

from __future__ import annotations

import errno
import json
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from indexed.unsound import ROWS, Arrays, execute, flipped, reseal, rewrite, signed
from provenance import IndexFileError
from provenance.checksum import opening_rows, opening_sum
from provenance.index import Index
from provenance.indexing import merge_indexes
from provenance.integrity import verify
from provenance.schema import PAGED, _bytes_of_tables
from provenance.stored import Stored

pytestmark = pytest.mark.usefixtures("in_this_process")


def refused(path: Path, *, opened: bool = False) -> str:
    """The message with which an index is refused, at opening or at the latest by verify."""
    look: Callable[[Path], object] = Index if opened else verify
    with pytest.raises(IndexFileError) as caught:
        look(path)
    message = str(caught.value)
    assert str(path) in message
    assert "expected" in message
    assert "build" in message
    assert "\n" not in message
    return message


# --- at opening ---------------------------------------------------------------------------


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """With the command that makes one."""
    assert "index build" in refused(tmp_path / "absent.db", opened=True)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """An index is a file."""
    refused(tmp_path, opened=True)


@pytest.mark.parametrize("size", [0, 1, 100, 5000])
def test_what_is_no_database_is_refused(size: int, tmp_path: Path) -> None:
    """An empty file, a few bytes, random bytes."""
    path = tmp_path / "i.db"
    path.write_bytes(random.Random(size).randbytes(size))
    refused(path, opened=True)


def test_another_database_is_refused(tmp_path: Path) -> None:
    """Of some other program."""
    with closing(sqlite3.connect(tmp_path / "i.db")) as connection, connection:
        connection.execute("CREATE TABLE meta (key TEXT, value BLOB)")
    connection.close()
    assert "other SQLite" in refused(tmp_path / "i.db", opened=True)


def test_another_format_version_is_refused(copy: Path) -> None:
    """With both versions in the message."""
    execute(copy, "PRAGMA user_version = 999")
    assert "999" in refused(copy, opened=True)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE more (a)",
        "CREATE VIEW more AS SELECT * FROM meta",
        "CREATE TRIGGER more AFTER INSERT ON meta BEGIN DELETE FROM unit; END",
        "CREATE INDEX more ON unit (data)",
        "DROP TABLE posting",
        "ALTER TABLE unit ADD COLUMN more",
        "DROP TABLE unit; CREATE VIEW unit AS SELECT 1 AS id",
    ],
)
def test_another_schema_is_refused(statement: str, copy: Path) -> None:
    """A table, view, trigger or column more or less."""
    execute(copy, statement)
    assert "tables" in refused(copy, opened=True)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM meta WHERE key = 'parameters'",
        "DELETE FROM meta",
        "UPDATE meta SET value = '{}' WHERE key = 'parameters'",
        "UPDATE meta SET value = 'no JSON' WHERE key = 'parameters'",
        "UPDATE meta SET value = x'00' WHERE key = 'permutations'",
        "UPDATE meta SET value = '{}' WHERE key = 'page_bits'",
        "UPDATE meta SET value = '[]' WHERE key = 'page_bits'",
        "UPDATE meta SET value = 'null' WHERE key = 'parameters'",
        "UPDATE meta SET value = 7 WHERE key = 'permutations'",
        "DELETE FROM meta WHERE key = 'checksum'",
    ],
)
def test_other_meta_data_are_refused(statement: str, copy: Path) -> None:
    """Whatever is missing or of another type, at opening."""
    execute(copy, statement)
    refused(copy, opened=True)


_NO_ROWS = [
    "UPDATE release SET date = '2020-01-01'",
    "UPDATE release SET license = 'GPL-3.0-only'",
    "UPDATE release SET selection = '[]'",
    "UPDATE origin SET name = 'someone/else' WHERE id = 1",
    "UPDATE origin SET shared = shared + 1 WHERE id = 1",
    "INSERT INTO origin SELECT 99, 'more', family, title, organisation, country, first, units, "
    "shared FROM origin WHERE id = 1",
    "UPDATE meta SET value = json_replace(value, '$.k', 9) WHERE key = 'parameters'",
    "UPDATE meta SET value = json_replace(value, '$.seed', 9) WHERE key = 'parameters'",
    "UPDATE meta SET value = json_replace(value, '$.unit', 9) WHERE key = 'counts'",
    "UPDATE meta SET value = replace(value, '1', '2') WHERE key = 'checksum'",
]
"""What is read at opening, changed: it has a checksum of its own."""


@pytest.mark.parametrize("statement", _NO_ROWS)
def test_changed_facts_are_refused_at_opening(statement: str, copy: Path) -> None:
    """A scan does not verify first, and looks at them all."""
    execute(copy, statement)
    refused(copy, opened=True)


# --- at the latest by verify --------------------------------------------------------------


@pytest.mark.parametrize("statement", ROWS)
def test_a_changed_row_is_refused(statement: str, copy: Path) -> None:
    """By verify, even where the bytes behind the last one say that they were written so."""
    execute(copy, statement)
    refused(copy)
    reseal(copy)
    refused(copy)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE release SET selection = '5'",
        "UPDATE release SET selection = '[5]'",
        "UPDATE release SET selection = 5",
        f"UPDATE release SET selection = '{'[' * 5_000}'",
        """UPDATE release SET selection = '["a"]'""",
        """UPDATE release SET selection = '["[[], [], null]", "[[], [], null]"]'""",
        f"""UPDATE release SET selection = '["{"x" * 20_000_000}"]'""",
        f"UPDATE meta SET value = value || '{' ' * 1_000_000}' WHERE key = 'counts'",
        f"INSERT INTO meta VALUES ('more', '{'x' * 1_000_001}')",
        r"""UPDATE meta SET value = replace(value, '{', '{"\u001b[31m": 1, ')
        WHERE key = 'counts'""",
        "UPDATE release SET package = ''",
        f"UPDATE release SET link = 'https://x/{'{path}' * 21}'",  # which each finding would have
        f"UPDATE release SET license = '{'x' * 10_001}'",
        f"UPDATE release SET package = '{'x' * 10_001}'",
        f"UPDATE release SET date_source = '{'x' * 10_001}'",
        f"UPDATE origin SET name = '{'x' * 10_001}' WHERE id = 1",
        f"UPDATE origin SET family = '{'x' * 10_001}'",
        f"UPDATE origin SET title = '{'x' * 10_001}'",
        f"UPDATE origin SET organisation = '{'x' * 10_001}'",
        "UPDATE origin SET family = ''",
        "UPDATE release SET id = 2000000000 WHERE id = 1",
        "UPDATE piece SET id = 2000000000 WHERE id = (SELECT max(id) FROM piece)",
        "UPDATE word SET id = -1 WHERE id = 0",
        """UPDATE meta SET value = replace(value, '"tree": ', '"tree": 42949')
        WHERE key = 'counts'""",
    ],
)
def test_what_others_wrote_is_refused_before_room_is_made_for_it(
    statement: str, copy: Path, built: Path, tmp_path: Path
) -> None:
    """With right sums: numbers are those of what is there. To join what says that it has billions
    of releases or files asked for as much memory, and a selection that is none was a crash."""
    execute(copy, statement)
    signed(copy)
    refused(copy)
    with pytest.raises(IndexFileError, match="damaged"):
        merge_indexes([built, copy], tmp_path / "joined.db")
    assert not (tmp_path / "joined.db").exists()


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE meta SET value = '{'[' * 1_000_001}' WHERE key = 'rows'",
        "INSERT INTO meta VALUES ('more', zeroblob(1000001))",
        "INSERT INTO meta VALUES ('more', CAST(zeroblob(1000001) AS TEXT))",
        f"INSERT INTO meta VALUES ('{'x' * 1_000_001}', 1)",
        "INSERT INTO meta SELECT 'x' || value, 1 FROM json_each('[' || substr(replace(hex("
        "zeroblob(100)), '00', ',7'), 2) || ']')".replace("value, 1", "key, 1"),
    ],
)
def test_what_an_index_says_of_itself_is_not_read_where_it_is_long(
    statement: str, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sums are of what is read, and took twenty-six bytes a byte."""
    execute(copy, statement)
    monkeypatch.setattr("provenance.index.opening_rows", None)
    assert "longer than any is" in refused(copy, opened=True)


def test_very_many_tables_are_not_read(copy: Path) -> None:
    """SQLite reads their names by the square, and hears nobody meanwhile."""
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.executemany(
            "INSERT INTO sqlite_master VALUES ('table', ?, ?, 2, ?)",
            [(f"t{at}", f"t{at}", f"CREATE TABLE t{at}(b)") for at in range(1_000)],
        )
    connection.close()
    assert "found more tables, or longer ones" in refused(copy, opened=True)


@pytest.mark.parametrize("size", [512, 4096, 65536])
@pytest.mark.parametrize("many", [1, 40, 90])
def test_what_a_file_says_of_its_tables_is_counted(size: int, many: int, tmp_path: Path) -> None:
    """In every tree that SQLite makes of it: no more, and no less."""
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA page_size = {size}")
        for at in range(many):
            connection.execute(f"CREATE TABLE t{at}({','.join(f'c{n}' for n in range(at + 1))})")
        said = connection.execute("SELECT sum(length(sql)), count(*) FROM sqlite_master")
        texts, rows = said.fetchone()
    connection.close()
    assert texts < _bytes_of_tables(path) < texts + 40 * rows


def test_a_long_table_is_not_read(copy: Path) -> None:
    """Of one with very many keys SQLite takes time by the square, too."""
    keys = ",".join(f"UNIQUE(a,b{at})" for at in range(2_000))
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "INSERT INTO sqlite_master VALUES ('table', 't', 't', 2, ?)",
            (f"CREATE TABLE t(a,{','.join(f'b{at}' for at in range(999))},{keys})",),
        )
    connection.close()
    assert "found more tables, or longer ones" in refused(copy, opened=True)


@pytest.mark.parametrize("said", [r'"\u001b[31m"', "7", '"c0"'])
def test_a_checksum_that_is_none_is_refused(said: str, copy: Path) -> None:
    """Whatever the others say: it is shown as it stands."""
    execute(copy, f"UPDATE meta SET value = '{said}' WHERE key = 'checksum'")
    with closing(sqlite3.connect(copy)) as connection, connection:
        stated = json.dumps(opening_sum(*opening_rows(connection)))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'rows'", (stated,))
    connection.close()
    reseal(copy)
    refused(copy, opened=True)


@pytest.mark.parametrize("table", PAGED)
def test_a_changed_page_is_refused(table: str, copy: Path) -> None:
    """One value of one page, packed as it must be, and the file sealed again."""

    def change(arrays: Arrays) -> Arrays:
        arrays = [one.astype(np.uint64) for one in arrays]
        for one in [one for one in arrays if one.size][-1:]:
            one[-1] += np.uint64(1)
        return arrays

    rewrite(copy, table, change)
    reseal(copy)
    assert "checksum" in refused(copy)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_index_is_refused(share: float, copy: Path) -> None:
    """Wherever it was cut off."""
    data = copy.read_bytes()
    copy.write_bytes(data[: int(share * len(data))])
    refused(copy)


def test_verify_refuses_every_flipped_byte(small: tuple[bytes, str], tmp_path: Path) -> None:
    """Wherever it is: in SQLite's header and trees, in pages, in room that is not used, in the
    checksum itself."""
    data, path = small[0], tmp_path / "i.db"
    path.write_bytes(data)
    drawn = random.Random(4711)
    used = [at for at, byte in enumerate(data) if byte]
    places = [*range(200), *range(len(data) - 100, len(data))]
    places += drawn.sample(range(len(data)), 150) + drawn.sample(used, 150)
    for at in places:
        by = 1 << drawn.randrange(8)
        flipped(path, at, by)
        with pytest.raises(IndexFileError):
            verify(path)
        flipped(path, at, by)
    assert path.read_bytes() == data
    verify(path)


# --- what is no fault of the index --------------------------------------------------------


def test_an_index_of_which_the_tables_cannot_be_counted_is_named(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk may fail before SQLite reads it, too."""

    def fails(_: Path) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("provenance.schema._bytes_of_tables", fails)
    with pytest.raises(IndexFileError, match=r"found that it cannot be read .* look at the disk"):
        Index(built)


def test_an_index_on_a_disk_that_fails_is_named(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was an error of the system alone."""

    def fails(_: object) -> bool:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("provenance.integrity.sealed", fails)
    with pytest.raises(IndexFileError, match=rf"{built.name}: found .*Input/output.*, expected"):
        verify(built)


def test_want_of_memory_is_no_damage(built: Path) -> None:
    """A file that needs much ended the run, and a sound index was blamed. What asks for more than
    any sound part holds is damaged."""
    stored = Stored(built)
    with pytest.raises(MemoryError) as vast:
        np.empty(10**16, np.uint64)
    with pytest.raises(MemoryError):
        raise stored.unread("page 1", MemoryError())
    with pytest.raises(IndexFileError, match="page 1"):
        raise stored.unread("page 1", vast.value)
    stored.connection.close()


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.EACCES, "give permission to read it"), (errno.EMFILE, "more open files")],
)
def test_who_may_not_read_an_index_is_not_told_to_build_it(
    number: int, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever tests as root may read all."""

    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "a.db").write_text("no index")
    with pytest.raises(IndexFileError, match="build it again"):
        Index(tmp_path / "a.db")
    monkeypatch.setattr(os, "stat", refused)
    with pytest.raises(IndexFileError, match=remedy):
        Index(tmp_path / "a.db")
