"""index and build: written whole or not at all, the same every time, read back exactly, and
refused where it is not what was written."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import program, renamed

import provenance
from provenance import IndexFileError, ProvenanceError
from provenance.build import Builder
from provenance.index import Index, verify
from provenance.model import Tokens
from provenance.parse import parse
from provenance.sketch import body, positions

_NESTED = '''"""A docstring that must not be stored."""
import os

LIMIT = 12345  # a comment that must not be stored
SECRET = "a literal that must not be stored"


class Outer:
    """Of two classes."""

    depth = LIMIT * 2 + os.getpid()

    def method(self, a, b):
        def nested(c):
            class Deepest:
                def last(self, d):
                    return [self, d, a + b * c - 1]

            return Deepest().last(c * 2 + a)

        return nested(a)(b) if a > b else self.depth

    class Inner(Base):
        width = [1, 2, 3, 4, 5, 6, 7, 8]

        def method(self, a):
            return {key: value + a for key, value in self.items() if value != key}

    after = method


async def free(x, *rest, y=None, **more):
    async with x as z:
        await z.run(rest, y=y, key=f"{x!r:>{y}}", **more)


if __name__ == "__main__":
    free(Outer(), LIMIT)
    for number in range(LIMIT):
        print(number, "done", sep="")
'''


def write(folder: Path, **files: str) -> str:
    """A folder with these modules."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    return str(folder)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of a few modules."""
    folder = tmp_path_factory.mktemp("made") / "birds"
    files = {f"m{seed}": program(seed, classes=2) for seed in range(6)}
    write(folder, nested=_NESTED, empty="", **files)
    write(folder / "models" / "llama", modeling=program(50))
    return folder


@pytest.fixture(scope="module")
def built(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its index."""
    path = tmp_path_factory.mktemp("built") / "birds.db"
    provenance.build_index([str(tree)], path, date="2025-03-01", license="MIT")
    return path


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    """A copy of the index that a test may damage."""
    return Path(shutil.copy(built, tmp_path / "damaged.db"))


# --- what it says -------------------------------------------------------------------------


def test_facts_are_what_was_indexed(built: Path, tree: Path) -> None:
    """Release, date, licence, counts, parameters, and origins by the rule of paths."""
    with Index(built) as index:
        facts = index.facts()
        origins = index.origins()
        assert index.packages() == ("birds",)
        assert facts.checksum == index.checksum
    (release,) = facts.releases
    assert (release.package, release.version) == ("birds", None)
    assert (release.date, release.date_source, release.license) == ("2025-03-01", "given", "MIT")
    files = len(list(tree.rglob("*.py")))
    assert facts.counts["file"] == facts.counts["tree"] == files == sum(row[3] for row in origins)
    assert facts.counts["release"] == 1
    names = [row[0] for row in origins]
    assert names == sorted(names)
    assert {"birds/llama", "birds/m0", "birds/nested"} <= set(names)


def test_verify_accepts_what_was_built(built: Path) -> None:
    """And gives the checksum that the index names."""
    with Index(built) as index:
        assert verify(built) == index.checksum


def test_origin_by_hand(tree: Path, tmp_path: Path) -> None:
    """One name for all files."""
    provenance.build_index([str(tree)], tmp_path / "i.db", origin="ours")
    with Index(tmp_path / "i.db") as index:
        assert [row[0] for row in index.origins()] == ["ours"]


# --- adding -------------------------------------------------------------------------------


def test_adding_a_known_release_parses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves every row as it was; another selection of its files is another matter."""
    archive = tmp_path / "birds-1.0.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for seed in range(3):
            opened.writestr(f"birds/m{seed}.py", program(seed))
    provenance.build_index([str(archive)], tmp_path / "i.db", include=["m0.py"])
    provenance.build_index([str(archive)], tmp_path / "i.db", extend=True)
    before = verify(tmp_path / "i.db")
    monkeypatch.setattr("provenance.parse.parse", None)
    again = provenance.build_index([str(archive)], tmp_path / "i.db", extend=True)
    assert (again.files, again.parsed, again.known) == (0, 0, (str(archive),))
    assert verify(tmp_path / "i.db") == before


def test_adding_an_unchanged_directory_parses_nothing_new(tree: Path, copy: Path) -> None:
    """Every content is known."""
    again = provenance.build_index([str(tree)], copy, extend=True)
    assert again.parsed == 0


def test_adding_an_unchanged_directory_changes_nothing(tree: Path, copy: Path) -> None:
    """No second release, no second row for every file."""
    before = verify(copy)
    provenance.build_index([str(tree)], copy, date="2025-03-01", license="MIT", extend=True)
    assert verify(copy) == before


def test_a_release_is_parsed_only_where_it_is_new(tree: Path, copy: Path, tmp_path: Path) -> None:
    """A second version with one changed and one new file costs these two."""
    second = tmp_path / "second" / "birds"
    shutil.copytree(tree, second)
    write(second, m0=program(900), added=program(901))
    made = provenance.build_index([str(second)], copy, date="2025-06-01", extend=True)
    assert made.parsed == 2
    assert made.files == len(list(second.rglob("*.py")))
    verify(copy)
    with Index(copy) as index:
        assert index.facts().counts["tree"] == len(list(tree.rglob("*.py"))) + 2


def test_code_of_a_later_release_is_not_dated_back(tmp_path: Path) -> None:
    """Two directories of the same name, entered with different days."""
    for number, day in enumerate(("2024-01-01", "2026-01-01")):
        source = write(tmp_path / f"at{number}" / "birds", **{f"m{number}": program(number)})
        provenance.build_index([source], tmp_path / "i.db", date=day, extend=number > 0)
    found = provenance.scan(write(tmp_path / "mine", a=program(1)), [tmp_path / "i.db"])
    assert {finding.reference.first_seen for finding in found.findings} == {"2026-01-01"}


def test_adding_gives_the_index_of_building_at_once(tree: Path, tmp_path: Path) -> None:
    """Whether sources come in one call or one after another."""
    other = write(tmp_path / "fish", a=program(300), b=renamed(program(1)))
    sources = [str(tree), other]
    provenance.build_index(sources, tmp_path / "once.db")
    provenance.build_index(sources[:1], tmp_path / "added.db")
    provenance.build_index(sources[1:], tmp_path / "added.db", extend=True)
    assert verify(tmp_path / "once.db") == verify(tmp_path / "added.db")


def test_first_seen_is_the_first_release_that_ships_the_unit(tmp_path: Path) -> None:
    """Not the newest, and not the order of indexing."""
    same = program(7, functions=2)
    for day, name in (("2025-05-05", "late"), ("2024-04-04", "early"), ("2026-06-06", "last")):
        source = write(tmp_path / name, **{name: same})
        provenance.build_index(
            [source], tmp_path / "i.db", date=day, extend=(tmp_path / "i.db").exists()
        )
    report = provenance.scan(write(tmp_path / "mine", m=same), [tmp_path / "i.db"])
    assert report.findings
    for finding in report.findings:
        assert finding.reference.first_seen == "2024-04-04"
        others = {finding.reference.origin, *finding.also}
        assert others == {"late/late", "early/early", "last/last"}


# --- the same every time ------------------------------------------------------------------


def test_two_builds_are_the_same_file(tree: Path, built: Path, tmp_path: Path) -> None:
    """Byte for byte."""
    again = tmp_path / "birds.db"
    provenance.build_index([str(tree)], again, date="2025-03-01", license="MIT")
    assert verify(again) == verify(built)
    assert again.read_bytes() == built.read_bytes()


def test_the_index_does_not_depend_on_jobs(
    tree: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes write what one does."""
    monkeypatch.setattr("provenance.workers._FEW_BYTES", 10)
    monkeypatch.setattr("provenance.workers._BATCH_FILES", 2)
    many = tmp_path / "birds.db"
    provenance.build_index([str(tree)], many, date="2025-03-01", license="MIT", jobs=2)
    assert many.read_bytes() == built.read_bytes()


def test_identical_units_are_stored_once(tmp_path: Path) -> None:
    """The same code in many files: more places, but no more units and contents."""
    text = program(11, classes=2)
    provenance.build_index([write(tmp_path / "one", a=text)], tmp_path / "one.db")
    copies = {f"m{number}": f"# copy {number}\n{text}" for number in range(5)}
    provenance.build_index([write(tmp_path / "five", **copies)], tmp_path / "five.db")
    with Index(tmp_path / "one.db") as one, Index(tmp_path / "five.db") as five:
        first, second = one.facts().counts, five.facts().counts
        assert second["unit"] == first["unit"]
        assert second["content"] == first["content"]
        assert second["place"] == 5 * first["place"]
        for unit in range(1, five.units + 1):
            assert {p.origin for p in five.places(unit)} == {f"five/m{n}" for n in range(5)}
            assert five.origins_of(unit) == tuple(f"five/m{n}" for n in range(5))


# --- read back ----------------------------------------------------------------------------


def check_round_trip(text: str, index: Index) -> int:
    """Every place of a file reads back as the elements a fresh parse gives."""
    parsed = parse(text.encode())
    stored: dict[tuple[str, str, int, int], list[int]] = {}
    for unit in range(1, index.units + 1):
        for place in index.places(unit):
            key = (place.name, place.kind, place.first_line, place.last_line)
            stored.setdefault(key, []).append(place.id)
            assert place.mark == parsed.mark
    for position, unit_ in enumerate(parsed.units):
        span = np.arange(unit_.start, unit_.stop)
        if position == 0:
            span = positions(body(parsed.units, 0))
        fresh = parsed.tokens[span]
        key = (unit_.name, unit_.kind, unit_.start_line, unit_.end_line)
        read = [index.tokens_at(place) for place in stored.pop(key)]
        assert any(equal(one, fresh) for one in read)
    assert not stored
    return len(parsed.units)


def equal(left: Tokens, right: Tokens) -> bool:
    return all(
        np.array_equal(getattr(left, name), getattr(right, name))
        for name in ("structure", "text", "kind", "line", "word")
    )


def test_elements_are_read_back_as_they_were_parsed(tmp_path: Path) -> None:
    """Of classes in classes, classes in functions, nested functions and the module body."""
    provenance.build_index([write(tmp_path / "n", nested=_NESTED)], tmp_path / "i.db")
    with Index(tmp_path / "i.db") as index:
        assert check_round_trip(_NESTED, index) == 9


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 10**6))
def test_elements_of_any_program_are_read_back(tmp_path: Path, seed: int) -> None:
    """In both views, with kinds, lines and words."""
    text = program(seed, classes=3)
    source = write(tmp_path / f"s{seed}", a=text)
    provenance.build_index([source], tmp_path / f"{seed}.db")
    with Index(tmp_path / f"{seed}.db") as index:
        check_round_trip(text, index)


def test_identifiers_are_read_back_and_nothing_else(tmp_path: Path) -> None:
    """Names are given by their hashes; strings and numbers are not known."""
    source = write(tmp_path / "n", nested=_NESTED)
    provenance.build_index([source], tmp_path / "i.db")
    parsed = parse(_NESTED.encode())
    with Index(tmp_path / "i.db") as index:
        for word, name in ((b"nested", "nested"), (b"getpid", "getpid"), (b"12345", "")):
            assert index.names(np.array([parsed.words[word]], np.uint64)) == [name]
        assert index.names(np.array([1, 2, 3], np.uint64)) == ["", "", ""]


def everything(path: Path) -> bytes:
    """The bytes of an index, and all its compressed values unpacked."""
    data = path.read_bytes()
    with sqlite3.connect(path) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema") if row[0]]
        for table in tables:
            try:
                rows = connection.execute(f"SELECT * FROM {table}").fetchall()
            except sqlite3.OperationalError:
                continue  # an index
            for row in rows:
                for value in row:
                    if isinstance(value, bytes):
                        try:
                            data += zlib.decompress(value)
                        except zlib.error:
                            data += value
    connection.close()
    return data


def test_no_source_text_is_stored(tmp_path: Path) -> None:
    """No comment, docstring, string or number, not even compressed; nor a line of code."""
    provenance.build_index([write(tmp_path / "n", nested=_NESTED)], tmp_path / "i.db")
    stored = everything(tmp_path / "i.db")
    assert b"nested" in stored
    for text in (b"must not be stored", b"12345", b"Of two classes", b"done", b"__main__"):
        assert text not in stored
    for line in _NESTED.encode().splitlines():
        if len(line.split()) > 2:
            assert line.strip() not in stored


# --- whole or not at all ------------------------------------------------------------------


@pytest.mark.parametrize("extend", [False, True])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("place", ["add_tree", "finish"])
def test_what_fails_leaves_the_old_index_and_nothing_else(
    error: type[BaseException],
    extend: bool,
    place: str,
    copy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Byte for byte, with no temporary file beside it."""
    before = copy.read_bytes()

    def fail(*_: object) -> None:
        raise error("no more")

    monkeypatch.setattr(Builder, place, fail)
    other = write(tmp_path / "other", a=program(77))
    with pytest.raises(error):
        provenance.build_index([other], copy, extend=extend)
    assert copy.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged.db", "other"]


def test_a_bad_source_leaves_the_old_index(copy: Path, tmp_path: Path) -> None:
    """The first source was read before the second one failed."""
    before = copy.read_bytes()
    good = write(tmp_path / "good", a=program(78))
    with pytest.raises(ProvenanceError):
        provenance.build_index([good, str(tmp_path / "absent")], copy)
    assert copy.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged.db", "good"]


def test_a_folder_that_is_not_there_is_an_error_of_ours(tree: Path, tmp_path: Path) -> None:
    """With the name of the index, before any work."""
    path = tmp_path / "absent" / "i.db"
    with pytest.raises(ProvenanceError, match="absent"):
        provenance.build_index([str(tree)], path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_an_error_of_ours(tree: Path, tmp_path: Path) -> None:
    """Not a traceback."""
    tmp_path.chmod(0o500)
    with pytest.raises(ProvenanceError):
        provenance.build_index([str(tree)], tmp_path / "i.db")


def test_a_folder_in_the_place_of_the_index_is_an_error_of_ours(tree: Path, tmp_path: Path) -> None:
    """The folder stays."""
    (tmp_path / "i.db").mkdir()
    with pytest.raises(ProvenanceError, match=r"i\.db"):
        provenance.build_index([str(tree)], tmp_path / "i.db")
    assert [path.name for path in tmp_path.iterdir()] == ["i.db"]


# --- what is no sound index ---------------------------------------------------------------


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
    with sqlite3.connect(tmp_path / "i.db") as connection:
        connection.execute("CREATE TABLE meta (key TEXT, value BLOB)")
    connection.close()
    assert "other SQLite" in refused(tmp_path / "i.db", opened=True)


def test_another_format_version_is_refused(copy: Path) -> None:
    """With both versions in the message."""
    _execute(copy, "PRAGMA user_version = 999")
    assert "999" in refused(copy, opened=True)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE more (a)",
        "CREATE VIEW more AS SELECT * FROM meta",
        "CREATE TRIGGER more AFTER INSERT ON meta BEGIN DELETE FROM unit; END",
        "CREATE INDEX more ON unit (elements)",
        "DROP INDEX place_of_unit",
        "DROP TABLE posting",
        "ALTER TABLE unit ADD COLUMN more",
        "DROP TABLE unit; CREATE VIEW unit AS SELECT 1 AS id",
    ],
)
def test_another_schema_is_refused(statement: str, copy: Path) -> None:
    """A table, view, trigger or column more or less."""
    _execute(copy, statement)
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
    _execute(copy, statement)
    refused(copy, opened=True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE place SET first_line = first_line + 1 WHERE id = 2",
        "UPDATE release SET date = '2020-01-01'",
        "UPDATE release SET license = 'GPL-3.0-only'",
        "UPDATE origin SET name = 'someone/else' WHERE id = 1",
        "UPDATE unit SET structure_digest = structure_digest + 1 WHERE id = 1",
        "DELETE FROM place WHERE id = 3",
        "DELETE FROM posting",
        "DELETE FROM word",
        "UPDATE content SET elements = x'00' WHERE id = 1",
        "UPDATE tree SET lines = x'789c030000000001' WHERE id = 3",
        "UPDATE tree SET lines = 5 WHERE id = 1",
        "UPDATE word SET names = x'00'",
        "UPDATE posting SET keys = x'00'",
        "UPDATE file SET path = '../../etc/passwd' WHERE id = 1",
        "INSERT INTO origin VALUES (99, 'more', 0)",
        "UPDATE meta SET value = json_replace(value, '$.k', 9) WHERE key = 'parameters'",
        "UPDATE meta SET value = json_replace(value, '$.seed', 9) WHERE key = 'parameters'",
        "UPDATE place SET unit = 999999 WHERE id = 1",
    ],
)
def test_a_changed_row_is_refused(statement: str, copy: Path) -> None:
    """By verify at the latest."""
    _execute(copy, statement)
    refused(copy)


def _execute(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(statement)
    connection.close()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_index_is_refused(share: float, copy: Path) -> None:
    """Wherever it was cut off."""
    data = copy.read_bytes()
    copy.write_bytes(data[: int(share * len(data))])
    refused(copy)


def test_a_flipped_byte_is_refused_or_changes_nothing(copy: Path, built: Path) -> None:
    """Verify refuses it, or the byte was in no row: then every row is as it was."""
    data = built.read_bytes()
    expected = verify(built)
    drawn = random.Random(4711)
    found = 0
    for _ in range(120):
        at = drawn.randrange(len(data))
        flipped = bytearray(data)
        flipped[at] ^= 1 << drawn.randrange(8)
        copy.write_bytes(flipped)
        try:
            assert verify(copy) == expected
        except IndexFileError:
            found += 1
    assert found > 60


def test_a_scan_of_a_damaged_index_ends_with_an_error_of_ours(
    copy: Path, built: Path, tree: Path
) -> None:
    """No flipped byte lets anything but our own error out; a scan does not verify first."""
    data = built.read_bytes()
    drawn = random.Random(815)
    others = set()
    for _ in range(60):
        flipped = bytearray(data)
        at = drawn.randrange(len(data))
        flipped[at] ^= 1 << drawn.randrange(8)
        copy.write_bytes(flipped)
        try:
            provenance.scan(str(tree), [copy])
        except ProvenanceError:
            pass
        except Exception as error:
            others.add((type(error).__name__, str(error)[:60], at))
    assert not others


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tree SET lines = x'789c030000000001'",
        "DELETE FROM word",
        "UPDATE posting SET units = zeroblob(length(units))",
        "DELETE FROM place",
        "DELETE FROM unit",
        "UPDATE unit SET place = 999999",
        "UPDATE place SET start = 0, stop = 99999999",
        "UPDATE place SET start = -5",
        "UPDATE place SET content = NULL",
        "UPDATE place SET unit = 1",
        "UPDATE place SET first_line = 'x'",
        "UPDATE release SET date = 5",
        "UPDATE content SET elements = x'00'",
        "UPDATE content SET elements = x'789c030000000001'",
        "UPDATE content SET elements = 7",
        "UPDATE tree SET lines = x'00'",
        "UPDATE tree SET lines = 5",
        "UPDATE word SET names = x'00'",
        "UPDATE word SET hashes = x'00'",
        "UPDATE posting SET keys = x'00'",
        "UPDATE posting SET keys = 5",
        "UPDATE posting SET units = x'ffff'",
        "DELETE FROM file",
        "DELETE FROM origin",
        "UPDATE unit SET origins = x'ff'",
        "UPDATE unit SET origins = x'ffffff0f'",
        "UPDATE place SET tree = 1",
        "UPDATE place SET name = x'ff'",
        'UPDATE meta SET value = \'{"0":64,"1":64,"2":64,"3":64,"4":64,"5":64}\''
        " WHERE key = 'page_bits'",
    ],
)
def test_a_scan_of_wrong_rows_ends_with_an_error_of_ours(
    statement: str, copy: Path, tmp_path: Path
) -> None:
    """Whatever the rows are: a report or our own error, never a traceback."""
    _execute(copy, statement)
    source = write(tmp_path / "mine", a=program(1, classes=2), b=renamed(program(2)), c=_NESTED)
    try:
        report = provenance.scan(source, [copy])
        provenance.json_report(report), provenance.text_report(report)
    except ProvenanceError:
        pass


def test_extending_a_damaged_index_ends_with_an_error_of_ours(copy: Path, tmp_path: Path) -> None:
    """And leaves it as it was."""
    _execute(copy, "UPDATE content SET elements = x'00'")
    before = copy.read_bytes()
    with pytest.raises(ProvenanceError):
        provenance.build_index([write(tmp_path / "x", a=program(4))], copy, extend=True)
    assert copy.read_bytes() == before


def test_extending_what_is_not_there_is_refused(tree: Path, tmp_path: Path) -> None:
    """``index add`` needs an index."""
    with pytest.raises(IndexFileError, match="index build"):
        provenance.build_index([str(tree)], tmp_path / "absent.db", extend=True)


def test_indexes_of_different_parameters_are_refused_together(
    tree: Path, built: Path, copy: Path
) -> None:
    """With both names and the remedy."""
    sql = "UPDATE meta SET value = json_replace(value, '$.window', 5) WHERE key = 'parameters'"
    _execute(copy, sql)
    with pytest.raises(IndexFileError) as caught:
        provenance.scan(str(tree), [built, copy])
    assert str(built) in str(caught.value)
    assert str(copy) in str(caught.value)
    assert "build" in str(caught.value)


def test_an_index_of_another_grammar_is_refused(tree: Path, copy: Path) -> None:
    """Its fingerprints would match nothing, and nobody would notice."""
    sql = "UPDATE meta SET value = json_replace(value, '$.grammar', 'x') WHERE key = 'parameters'"
    _execute(copy, sql)
    with pytest.raises(IndexFileError):
        provenance.scan(str(tree), [copy])


def test_an_index_is_opened_read_only(built: Path) -> None:
    """A scan cannot change it."""
    with Index(built) as index, pytest.raises(sqlite3.OperationalError):
        index.connection.execute("DELETE FROM meta")


def test_many_small_functions_are_built_in_bounded_time(tmp_path: Path) -> None:
    """Half a megabyte of one-line functions, which hostile text may well be."""
    text = "".join(f"def f{number}(a): return a + {number}\n" for number in range(15_000))
    provenance.build_index([write(tmp_path / "many", a=text)], tmp_path / "i.db")
    with Index(tmp_path / "i.db") as index:
        assert index.facts().counts["place"] == 15_001
