"""The cluster: fingerprint tables hold what an index holds, and a scan of them finds the same."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from click.testing import CliRunner

from provenance import schema, segments, workers
from provenance.cli import main
from provenance.cluster import folders, gather, joining, session
from provenance.cluster.fingerprints import packed, parsed_of, row_of, signed, unsigned
from provenance.cluster.slices import Rows, Slice, TreeRow, UnitRow
from provenance.cluster.tables import (
    TABLES,
    Capped,
    Header,
    checked_columns,
    header_of,
    rows_of,
)
from provenance.errors import IndexFileError, ProvenanceError, SourceError, UsageError
from provenance.index import Index
from provenance.indexing import build_index
from provenance.model import Family, Parameters, Release, Skipped, SourceFile
from provenance.opening import OriginFacts
from provenance.parse import parse
from provenance.report.json import json_report
from provenance.scanning import scan
from provenance.schema import BAND, DOORS, RUN, TEXT
from provenance.sketch import permutations, sketch
from provenance.statements import Statements, statements

FIXTURES = Path(__file__).parent.parent / "fixtures"
SETTINGS = {  # small plans over little data: what Spark does to be fast costs more than it saves
    "spark.driver.memory": "600m",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
pytestmark = pytest.mark.filterwarnings(  # of PySpark's own sockets
    "ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


# --- under Spark --------------------------------------------------------------------------

DEADLY = b"deadly_mark"
OWN = "def f(a, b):\n" + "".join(f"    a.m{n}(b[{n}], {n})\n" for n in range(20)) + "    return a\n"
FAULT = f"""
import os
import provenance.statements as stage

real = stage.statements

def struck(content, *rest):
    if {DEADLY!r} in content:
        os._exit(139)
    return real(content, *rest)

stage.statements = struck
"""
"""Ends the process, as a fault of the parser's would, that works on a file with the mark."""


def _struck(content: bytes) -> Statements:
    """The same here."""
    if DEADLY in content:
        os._exit(139)
    return statements(content)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What executors import before all else: a fault for files with a mark."""
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "sitecustomize.py").write_text(FAULT)
    return folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with modules of names that executors import, whose own name would be an
    option of Java's."""
    folder = tmp_path_factory.mktemp("hostile")
    if sys.platform != "win32":
        folder = folder / 'a\\ "-Dprovenance.was=run" "b'
        folder.mkdir()
    for name in ("numpy", "pyspark", "socket", "click"):
        (folder / f"{name}.py").write_text("open('was-run', 'w').close()\n")
    return folder


@pytest.fixture(scope="module")
def spark(faulty: Path, hostile: Path) -> Iterator[Any]:
    """One session for all tests, begun in a folder that nobody can trust."""
    reason = session.missing()
    assert not (reason and "PROVENANCE_CHECKED_SPARK" in os.environ), reason
    if reason:
        pytest.skip(reason)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    settings = {**SETTINGS, "spark.executorEnv.PYTHONPATH": str(faulty)}
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(hostile)
        with session.session("local[2]", settings) as started:
            patched.undo()
            yield started
    gc.collect()  # what PySpark left open is closed here, and no other test is blamed


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of two families, of which one has a file twice, and a notebook with a cell that
    leaves a string open."""
    root = tmp_path_factory.mktemp("references") / "zoo"
    for name in ("serving_disguised", "type3_edited"):
        for found in sorted((FIXTURES / name / "reference").rglob("*.py")):
            place = root / "models" / name / found.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, place)
    twice = root / "models" / "again" / "again.py"
    twice.parent.mkdir()
    shutil.copy(next((root / "models" / "type3_edited").iterdir()), twice)
    cells = [{"cell_type": "code", "source": source} for source in ("x = '''open", OWN, "z = '''")]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (root / "models" / "again" / "again.ipynb").write_text(json.dumps(notebook))
    return root


BAD: dict[str, tuple[Any, Any, str, str]] = {  # path: content, day, version; the reason
    "no_content.py": (None, "2025-01-01", "1.0", "without content"),
    "../../etc/passwd.py": (b"x = 1", "2025-01-01", "1.0", "goes up"),
    "binary.py": (b"\0\1\2", "2025-01-01", "1.0", "found"),
    "latin.py": (b"x = '\xff'", "2025-01-01", "1.0", "found"),
    "readme.txt": (b"no Python", "2025-01-01", "1.0", "no Python file"),
    "huge.py": (b" " * 10_000_001, "2025-01-01", "1.0", "10,000,001 bytes"),
    "no_day.py": (b"x = 1", "2025-02-30", "1.0", "expected a day"),
    "far_day.py": (b"x = 1", "+12025-01-01", "1.0", "expected a day"),
    "version.py": (b"x = 1", "2025-01-01", "1" * 20_000, "printable"),
    "long/" * 4_000 + ".py": (b"x = 1", "2025-01-01", "1.0", "too long"),
    "deadly.py": (b"x = 1  # " + DEADLY, "2025-01-01", "1.0", "did not survive"),
}
"""Rows of a table that cost themselves and no others."""


@pytest.fixture(scope="module")
def made(spark: Any, references: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Tables of a Parquet table, some of whose rows are bad and one is there twice, built where a
    build was killed before; and the index of the same files."""
    from provenance.cluster.building import build_tables
    from provenance.cluster.folders import Tables

    root = tmp_path_factory.mktemp("made")
    killed = _build_and_be_killed(references, f"{root}/kill\u00e9/zoo.db")
    rows: list[tuple[Any, ...]] = [
        (file.relative_to(references).as_posix(), file.read_bytes(), "zoo", None, "2025-01-01")
        for file in sorted(references.rglob("*.*"))
    ]
    rows += [rows[0], (None, b"x = 1", "zoo", None, None)]
    rows += [(path, *bad[:1], "zoo", bad[2], bad[1]) for path, bad in BAD.items()]
    schema = "path string, content binary, package string, version string, date string"
    table = spark.createDataFrame(rows, schema).selectExpr(
        "*", "'Apache 2.0' AS licence", "CAST(NULL AS STRING) AS origin"
    )
    table.write.parquet(f"{root}/sources")
    _, said = killed.communicate()
    assert killed.returncode == -signal.SIGKILL, said.decode()
    assert [one.name for one in (root / "kill\u00e9").iterdir()] == [".zoo.db.part"]
    shutil.copytree(root / "kill\u00e9", root / "tables[1]")  # nobody built it there
    for one in (root / "tables[1]").rglob("*.parquet"):
        one.write_bytes(b"of somebody else")
    with pytest.raises(IndexFileError, match="no table 'meta'"):
        Tables(spark, f"{root}/tables[1]/zoo.db")
    built = build_tables(spark, [f"{root}/sources"], f"{root}/tables[1]/zoo.db", parquet=True)
    assert [one.name for one in (root / "tables[1]").iterdir()] == ["zoo.db"]
    index = root / "zoo.db"
    build_index([str(references)], index, date="2025-01-01", license="Apache-2.0")
    return built, f"{root}/tables[1]/zoo.db", index


def _build_and_be_killed(references: Path, output: str) -> subprocess.Popen[bytes]:
    """Build in another process that is killed in the middle, to whose C library no name has a sign
    that is not ASCII."""
    script = (
        "import os, signal, sys\n"
        "from provenance.cluster import assembling, building, session\n"
        "def killed(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "assembling._write_postings = killed\n"
        "with session.session('local[1]', eval(sys.argv[3])) as spark:\n"
        "    building.build_tables(spark, [sys.argv[1]], sys.argv[2])\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, str(references), output, repr(SETTINGS)],
        env={**os.environ, "LC_ALL": "C"},
        stderr=subprocess.PIPE,
    )


def test_an_interruption_is_told_as_one(spark: Any) -> None:
    """PySpark's own handler had it told as a job that failed, for want of memory."""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_bad_rows_are_told_and_the_others_go_on(made: Any) -> None:
    """One whose work ends its process, too: as locally, it costs itself."""
    built, _, _ = made
    assert (built.files, built.contents) == (4, 3)
    assert built.skipped_in_all == len(built.skipped) == 1 + len(BAD)
    told = {one.path: one.reason for one in built.skipped}
    for path, (_, _, _, reason) in {**BAD, "(no path)": (0, 0, "", "without a path")}.items():
        (found,) = [why for name, why in told.items() if path.startswith(name.split("\\")[0])]
        assert reason in found


def test_a_build_that_was_killed_goes_on_with_what_it_wrote_whole(
    spark: Any, made: Any, references: Path, tmp_path: Path
) -> None:
    """To the very bytes of an index. What is no more as it was written is made anew, and what
    somebody put there is not taken along."""
    from provenance.cluster.building import build_tables
    from provenance.cluster.exchange import export_index
    from provenance.cluster.folders import Tables

    place = Path(made[1]).parents[1] / "kill\u00e9"
    part = place / ".zoo.db.part"
    shutil.rmtree(part / "tree")
    next((part / "work" / "standing").glob("*.parquet")).write_bytes(b"no more")
    shutil.copytree(part / "unit", part / "posting")
    (part / "foreign").write_text("of somebody else")
    whole = {one.name: one.read_bytes() for one in part.glob("unit/*")}
    assert any(name.endswith(".parquet") for name in whole)
    build_tables(spark, [str(references)], f"{place}/zoo.db")
    assert [one.name for one in place.iterdir()] == ["zoo.db"]
    assert {one.name: one.read_bytes() for one in place.glob("zoo.db/unit/*")} == whole
    assert {one.name for one in (place / "zoo.db").iterdir()} == set(TABLES)
    opened = Tables(spark, f"{place}/zoo.db")
    export_index(opened, opened.header, str(tmp_path / "out.db"))
    build_index([str(references)], tmp_path / "index.db")
    assert (tmp_path / "out.db").read_bytes() == (tmp_path / "index.db").read_bytes()


def test_no_link_in_what_another_build_began_is_followed(spark: Any, tmp_path: Path) -> None:
    """A checkout may have the folder of tables that are on their way, with a link in it: they were
    written to what it leads to, and all that stood there deleted."""
    from provenance.cluster.folders import Folder

    precious, part = tmp_path / "precious", tmp_path / ".zoo.part"
    (precious / "folder").mkdir(parents=True)
    (precious / "link").symlink_to("folder")
    part.mkdir()
    (part / "work").symlink_to(precious)
    (part / "tree").symlink_to(precious)
    (part / "unit").symlink_to(tmp_path / "nowhere")
    with Folder(spark, f"{tmp_path}/zoo") as folder:
        folder.kept("read", spark.range(1))
        folder.go_on("what it is made of", "work/read")
        folder.write("unit", spark.range(1))
    assert sorted(one.name for one in precious.iterdir()) == ["folder", "link"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["precious", "zoo"]


def test_nothing_of_the_working_folder_is_run(spark: Any, made: Any, hostile: Path) -> None:
    java = spark._jvm.java.lang.System
    assert java.getProperty("user.dir") == str(hostile)
    assert java.getProperty("provenance.was") is None
    assert sorted(one.suffix for one in hostile.iterdir()) == [".py"] * 4


@pytest.mark.skipif(sys.platform == "win32", reason="needs shell scripts")
@pytest.mark.parametrize("home", [{}, {"SPARK_HOME": ""}])
def test_spark_is_not_taken_from_beside_the_working_folder(
    home: dict[str, str], tmp_path: Path
) -> None:
    """PySpark looks there first, as if it were begun in the folder of its own sources; and in the
    working folder, where the variable is empty."""
    pytest.importorskip("pyspark")
    (tmp_path / "jars").mkdir()
    (tmp_path / "src").mkdir()
    for name in ("bin/spark-submit", "src/bin/spark-submit", "java/bin/java"):
        put = tmp_path / name
        put.parent.mkdir(parents=True)
        put.write_text(f"#!/bin/sh\ntouch '{tmp_path}/{put.name}-was-run'\nexit 1\n")
        put.chmod(0o755)
    environment = {**os.environ, "JAVA_HOME": str(tmp_path / "java")}
    environment.pop("SPARK_HOME", None)
    ended = subprocess.run(
        [sys.executable, "-m", "provenance", "cluster", "build", ".", "-o", "tables"],
        cwd=tmp_path / "src",
        env={**environment, **home},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 3, ended.stderr
    assert [one.name for one in tmp_path.glob("*-was-run")] == ["java-was-run"]


def test_tables_are_exported_to_the_very_bytes_of_the_index(
    spark: Any, made: Any, tmp_path: Path
) -> None:
    from provenance.cluster.exchange import export_index
    from provenance.cluster.folders import Tables

    _, tables, index = made
    opened = Tables(spark, tables)
    export_index(opened, opened.header, str(tmp_path / "out.db"))
    assert (tmp_path / "out.db").read_bytes() == index.read_bytes()


@pytest.fixture(scope="module")
def wide(spark: Any, made: Any, references: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An index of the format for many units, joined from segments, and tables of it."""
    from provenance.cluster.importing import import_index

    root = tmp_path_factory.mktemp("wide")
    index = root / "zoo.db"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(schema, "WIDE_FROM", 10)
        patched.setattr(segments, "MOST_UNITS", 5)
        build_index([str(references)], index, date="2025-01-01", license="Apache-2.0")
    import_index(spark, str(index), f"{root}/tables/zoo.db")
    return f"{root}/tables/zoo.db", index


def test_an_index_of_many_units_is_imported_and_exported_to_its_very_bytes(
    spark: Any, made: Any, wide: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A segment at a time. The tables are those that are built of the same files, but for the bits
    of their keys."""
    from provenance.cluster.exchange import export_index
    from provenance.cluster.folders import Tables

    (first, again), index = (Tables(spark, one) for one in (made[1], wide[0])), wide[1]
    with Index(index) as opened:
        assert opened.shape.version == schema.WIDE
        assert again.header.checksum == opened.checksum
    for name, key in (("tree", "sha256"), ("unit", "unit"), ("posting", "key")):
        was, now = (one.read(name) for one in (first, again))
        if name == "posting":
            was, now = (one.where("door IN (0, 1, 2, 3)") for one in (was, now))
        kept = [column for column in was.columns if column != "numbers"]
        was, now = (one.select(*kept).orderBy(key, *kept[:2]) for one in (was, now))
        assert now.collect() == was.collect(), name
    assert (first.header.key_bits, again.header.key_bits) == (28, 40)
    assert again.header.baseline == first.header.baseline
    monkeypatch.setattr(schema, "WIDE_FROM", 10)
    monkeypatch.setattr(segments, "MOST_UNITS", 5)
    export_index(again, again.header, str(tmp_path / "out.db"))
    assert (tmp_path / "out.db").read_bytes() == index.read_bytes()
    assert [one.name for one in tmp_path.iterdir()] == ["out.db"]


@pytest.mark.parametrize("parquet", [False, True])
def test_a_scan_finds_what_the_local_engine_finds(
    spark: Any,
    made: Any,
    wide: Any,
    references: Path,
    tmp_path: Path,
    parquet: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same bytes of JSON, hiding references or not; from a table, but for its name. A file
    that ends the process that works on it is skipped by both."""
    from provenance.cluster.scan import scan_tables

    tables, index = wide if parquet else made[1:]
    suspects = tmp_path / "suspects"
    for name in ("serving_disguised", "type3_edited", "independent_same_task", "notebook"):
        shutil.copytree(FIXTURES / name / "suspect", suspects / name)
    copied = next((FIXTURES / "type3_edited" / "reference").glob("*.py"))
    shutil.copy(copied, suspects / "whole.py")
    notebook = references / "models" / "again" / "again.ipynb"  # read as another text than it is
    shutil.copy(notebook, suspects / "renamed.py")
    (suspects / "deadly.py").write_bytes(copied.read_bytes() + b"\nx = 1  # " + DEADLY)
    (suspects / "NOTICE").write_text("Portions adapted from zoo/type3_edited.\n")
    hide = {} if parquet else {"as_of": "2026-01-01", "exclude_origin": ["zoo/again"]}
    source = str(suspects)
    if parquet:
        source = str(tmp_path / "suspects.parquet")
        rows = [
            (file.relative_to(suspects).as_posix(), file.read_bytes())
            for file in sorted(suspects.rglob("*"))
            if file.is_file()
        ]
        spark.createDataFrame(rows, "path string, content binary").write.parquet(source)
    found, _ = scan_tables(spark, source, tables, parquet=parquet, part=2, **hide)  # type: ignore[arg-type]
    fork = multiprocessing.get_context("fork")  # a fault of this process is there, too
    monkeypatch.setattr(workers, "context_for", lambda _: fork)
    monkeypatch.setattr("provenance.statements.statements", _struck)
    expected = scan(str(suspects), [index], **hide)  # type: ignore[arg-type]
    assert len(expected.findings) > 3
    assert any(file.identical for file in expected.files)
    assert [one.path for one in expected.skipped if "survive" in one.reason] == ["deadly.py"]
    assert json_report(replace(found, source=str(suspects))) == json_report(expected)


def test_what_is_too_common_proposes_nobody_and_is_counted(
    spark: Any, references: Path, tmp_path: Path
) -> None:
    from provenance.cluster.assembling import Shape
    from provenance.cluster.building import build_tables

    built = build_tables(
        spark, [str(references)], str(tmp_path / "few"), shape=Shape(most=1, sample=1)
    )
    twice = len(parse(next((references / "models" / "again").iterdir()).read_bytes()).units)
    assert built.capped.files == 1
    assert 0 < built.capped.units <= twice
    assert sum(built.capped.keys.values()) > 0


def test_the_checksum_of_tables_does_not_follow_the_partitions(spark: Any, made: Any) -> None:
    """Spark numbers rows by the partitions that they come in. Of very many contents the checksum
    is that of the rows."""
    from pyspark.sql import functions as sql

    from provenance.cluster.exchange import _checksum
    from provenance.cluster.folders import Tables

    class Changed(Tables):
        def read(self, name: str) -> Any:
            rows = super().read(name)
            for column, kind in rows.dtypes:
                if column == changed and kind == "bigint":
                    rows = rows.withColumn(column, sql.col(column) * 3 + 1)
                elif column == changed and kind == "array<bigint>":
                    rows = rows.withColumn(column, sql.transform(column, lambda one: one * 3 + 1))
            return rows

    sums = {}
    for changed in ("", "number", "numbers", "classes", "trees", "held", "stands"):
        tables = Changed(spark, made[1])
        sums[changed] = _checksum(tables, tables.header)
    whole = sums.pop("")
    differ = [name for name, checksum in sums.items() if checksum != whole]
    assert differ == ["held", "stands"]


def test_tables_that_are_none_are_refused(spark: Any, made: Any, tmp_path: Path) -> None:
    from provenance.cluster.building import table_of
    from provenance.cluster.exchange import export_index
    from provenance.cluster.folders import Folder, Tables

    _, tables, _ = made
    turned = shutil.copytree(tables, tmp_path / "turned")
    for one in turned.glob("unit/*.parquet"):  # a bit, and what a file system knows of its file
        data = bytearray(one.read_bytes())
        data[len(data) // 4] ^= 1
        one.write_bytes(data)
        one.with_name(f".{one.name}.crc").unlink()
    with pytest.raises(Exception, match="CRC checksum verification failed") as raised:
        Tables(spark, str(turned)).read("unit").collect()
    assert f"{turned}/unit/part-" in str(session._failed(raised.value)).partition(" (")[0]
    with pytest.raises(IndexFileError, match="no table 'meta'"):
        Tables(spark, str(tmp_path))
    other = tmp_path / "other"
    shutil.copytree(tables, other)
    shutil.rmtree(other / "posting")
    rows = spark.createDataFrame([("a", "b")], "door string, key string")
    rows.write.parquet(str(other / "posting"))
    with pytest.raises(IndexFileError, match="column 'door' of type string, expected int"):
        Tables(spark, str(other)).read("posting")
    with pytest.raises(SourceError, match="found no column 'path' among door, key"):
        table_of(spark, [str(other / "posting")], gather.SOURCE_COLUMNS)
    with pytest.raises(SourceError, match=r"no\{: cannot be read as Parquet"):
        table_of(spark, [str(tmp_path / "no{")], gather.SOURCE_COLUMNS)
    with pytest.raises(UsageError, match="refs:v1: found no place that Spark can write to"):
        Folder(spark, "refs:v1")
    with pytest.raises(IndexFileError, match="refs:v1: found no table 'meta'"):
        Tables(spark, "refs:v1")
    (tmp_path / "link").symlink_to("nowhere")
    began = Folder(spark, str(tmp_path / "link"))
    with pytest.raises(UsageError, match=r"link: cannot be put in place.* \S+/\.link\.part"), began:
        pass
    max(other.glob("unit/*.parquet"), key=lambda file: file.stat().st_size).unlink()
    with pytest.raises(IndexFileError, match=r"rows in table 'unit', not the \d+ written"):
        Tables(spark, str(other)).read("unit")
    from pyspark.sql import functions as sql

    lacking = tmp_path / "lacking"
    shutil.copytree(tables, lacking)
    for name, column in (("tree", "files"), ("posting", "key")):
        shutil.rmtree(lacking / name)
        whole = Tables(spark, tables).read(name)
        none = sql.lit(None).cast(dict(whole.dtypes)[column])
        whole.withColumn(column, none).write.parquet(str(lacking / name))
    opened = Tables(spark, str(lacking))
    with pytest.raises(IndexFileError, match=r"0 whole rows in table 'posting', not the \d+"):
        opened.read("posting")
    with pytest.raises(IndexFileError, match=r"damaged tables .* lacks a value"):
        export_index(opened, opened.header, str(tmp_path / "x.db"))


def test_each_table_of_several_has_columns_of_its_own(spark: Any, tmp_path: Path) -> None:
    """A licence that one spells the other way, or a package that one lacks, is not lost."""
    from provenance.cluster.building import table_of

    row = "a.py", b"x = 1", "o", "1", "2025-01-01"
    columns = "path string, content binary, origin string, version string, date string"
    given = {
        "[2]": {"license": "MIT"},
        "two": {"licence": "0BSD", "package": "p"},
        "2": {"license": "other"},  # which the first would mean, were it a pattern
    }
    for name, more in given.items():
        schema = ", ".join([columns, *(f"{key} string" for key in more)])
        made = spark.createDataFrame([(*row, *more.values())], schema)
        made.write.parquet(str(tmp_path / name))
    both = [str(tmp_path / "[2]"), str(tmp_path / "t*")]
    for paths in (both, both[::-1]):
        table = table_of(spark, paths, gather.SOURCE_COLUMNS, "package")
        read = {(one["license"], one["package"]) for one in table.collect()}
        assert read == {("MIT", None), ("0BSD", "p")}


def test_nothing_that_a_table_names_is_imported(
    spark: Any, made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a type of a user's, wherever it stands in the footer: older PySparks unpickled it, too."""
    from provenance.cluster.building import table_of
    from provenance.cluster.folders import Tables

    (tmp_path / "brought").mkdir()
    (tmp_path / "brought" / "brought_along.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "brought")
    own = {"type": "udt", "pyClass": "brought_along.No", "serializedClass": "", "sqlType": "string"}
    listed = {"type": "array", "elementType": own, "containsNull": True}

    def with_type(table: Any, kind: object, value: Any, place: Path) -> str:
        types = json.loads(table._jdf.schema().json())
        types["fields"].append({"name": "more", "type": kind, "nullable": True, "metadata": {}})
        parsed = spark._jvm.org.apache.spark.sql.types.DataType.fromJson(json.dumps(types))
        rows = table.withColumn("more", value)._jdf.javaRDD()
        spark._jsparkSession.createDataFrame(rows, parsed).write().parquet(str(place))
        return str(place)

    from pyspark.sql import functions as sql

    row = ("a.py", b"x = 1", "o", "1", "2025-01-01", "MIT")
    columns = "path string, content binary, origin string, version string, date string"
    plain = spark.createDataFrame([row], f"{columns}, license string")
    for name, kind, value in (
        ("one", own, sql.lit("x")),
        ("two", listed, sql.array(sql.lit("x"))),
    ):
        place = with_type(plain, kind, value, tmp_path / name)
        with pytest.raises(SourceError, match="a type that a user has defined"):
            table_of(spark, [place], gather.SOURCE_COLUMNS)
    told = plain.withMetadata("path", {"type": "udt", "pyClass": "brought_along.No"})
    told.write.parquet(str(tmp_path / "three"))  # which names none
    assert table_of(spark, [str(tmp_path / "three")], gather.SOURCE_COLUMNS).count() == 1
    tables = shutil.copytree(made[1], tmp_path / "tables")
    whole = spark.read.parquet(str(tables / "release"))
    place = with_type(whole, own, sql.lit("x"), tmp_path / "release")
    shutil.rmtree(tables / "release")
    shutil.move(place, tables / "release")
    with pytest.raises(IndexFileError, match="a type that a user has defined"):
        Tables(spark, str(tables))
    assert "brought_along" not in sys.modules


def test_notice_files_of_a_table_are_told_where_they_are_not_read(
    spark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of a source: so many, and so many bytes, the nearest to the top."""
    from provenance import source
    from provenance.cluster import scan as scanned

    rows = [
        {"path": path, "content": b"x" * size, "size": size}
        for path, size in (
            ("a/b/NOTICE", 1),
            ("c/NOTICE", 9),
            ("LICENSE", 2),
            ("d/COPYING", 500_001),
        )
    ]
    made = [*gather.suspects_of_rows(rows)]
    assert [(one[0], one[-1]) for one in made if one[-1]] == [
        ("d/COPYING", "found 500,001 bytes, expected at most 500,000; make it less")
    ]
    table = spark.createDataFrame(made, gather.SUSPECT, verifySchema=False)
    monkeypatch.setattr(scanned, "MOST", 2)
    first, second, left = scanned._notices(table)
    assert (first, second) == (("LICENSE", b"xx"), ("c/NOTICE", b"x" * 9))
    assert left == Skipped(
        ".", "found 3 notice files, the 2 nearest to the top were read; take some out of the table"
    )
    monkeypatch.setattr(scanned, "MOST", 3)
    monkeypatch.setattr(source, "MOST_BYTES", 5)
    far = [one for one in scanned._notices(table) if isinstance(one, Skipped)]
    assert [one.path for one in far] == ["a/b/NOTICE", "c/NOTICE"]


# --- without ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "found", sorted(FIXTURES.glob("*/reference/**/*.py")), ids=lambda p: p.name
)
def test_a_file_is_the_same_when_its_row_is_read_back(found: Path) -> None:
    """Sketched again, it has the same row: all that decides fingerprints is in it."""
    parameters = Parameters()
    drawn = permutations(parameters)
    file = SourceFile("", found.read_bytes(), "0" * 64)
    parsed = parse(file.content)
    row = row_of(file, parsed, sketch(parsed, parameters, drawn), ["Holder"], ["MIT"])
    again = parsed_of(row[1], *row[4:9])
    assert again.units == parsed.units
    assert again.tokens.text.tolist() == parsed.tokens.text.tolist()
    assert again.tokens.line.tolist() == parsed.tokens.line.tolist()
    assert row_of(file, again, sketch(again, parameters, drawn), ["Holder"], ["MIT"]) == row


@pytest.mark.parametrize(
    "path", ["/etc/x.py", "a/../b.py", "", None, "a\\b.py", "a\0.py", "a//b.py", "x" * 2000 + ".py"]
)
def test_a_row_with_a_hostile_path_is_skipped(path: str | None) -> None:
    assert isinstance(gather.file_of(path, b"x = 1\n", 6), Skipped)


def test_what_a_path_has_that_cannot_be_printed_is_escaped() -> None:
    file = gather.file_of("a\x1b[2J.py", b"x = 1\n", 6)
    assert isinstance(file, SourceFile)
    assert file.path == "a\\x1b[2J.py"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"date": "yesterday"}, "expected a day"),
        ({"origin": "a\nb"}, "printable"),
        ({"origin": None}, "without origin and package"),
        ({"version": "1" * 999}, "printable"),
    ],
)
def test_a_row_that_says_no_release_is_skipped(changed: dict[str, Any], reason: str) -> None:
    row = {
        "path": "a.py", "content": b"x = 1\n", "size": 6, "origin": "zoo/a", "version": "1.0",
        "date": "2025-01-01", "license": "MIT",
    }  # fmt: skip
    (good,) = gather.files_of_rows([row])
    assert good[3] == "zoo/a"
    (bad,) = gather.files_of_rows([{**row, **changed}])
    assert bad[0] == "a.py"
    assert reason in bad[-1]


def test_the_row_of_a_notebook_has_its_cells() -> None:
    """Without them a cell that leaves a string open would hide those that follow it."""
    cells = [{"cell_type": "code", "source": source} for source in ("x = '''open", OWN, "z = '''")]
    content = json.dumps({"cells": cells, "nbformat": 4}).encode()
    row = {
        "path": "a.ipynb", "content": content, "size": len(content), "origin": "zoo/a",
        "version": "1.0", "date": "2025-01-01", "license": "MIT",
    }  # fmt: skip
    (made,) = gather.files_of_rows([row])
    read = gather.suspect_of(dict(zip(joining._columns(gather.READ), made, strict=True)))
    assert read == gather.file_of("a.ipynb", content, len(content))
    assert [line for _, line in read.cells] == [1, 2, 25]


def test_a_column_that_is_missing_or_of_another_type_is_named() -> None:
    with pytest.raises(SourceError, match="t: found no column 'date' among path"):
        checked_columns("t", {"path": "string"}, {"date": "string"}, SourceError)
    with pytest.raises(SourceError, match="'path' of type int, expected string or date"):
        checked_columns("t", {"path": "int"}, {"path": "string|date"}, SourceError)


def _header() -> Header:
    return Header(
        path="tables",
        parameters=Parameters(),
        permutations=permutations(Parameters()).astype("<u4").tobytes().hex(),
        counts={"unit": 3, "release": 1, "origin": 1},
        releases={1: Release("zoo", "1.0")},
        origins={1: OriginFacts("zoo/a", Family("a", "A"), None, 3, 0)},
        selections={1: ["[]"]},
        baseline=None,
        checksum="c",
        most=5,
        key_bits=28,
        capped=Capped(dict.fromkeys(DOORS, 1), 2, 3),
    )


def test_what_tables_say_of_themselves_is_read_back() -> None:
    assert header_of("tables", rows_of(_header())) == _header()


def _slice(**changed: Any) -> Slice:
    """A slice of one unit in one file, some of it changed."""
    content = b"def f(a):\n    return a + 1\n"
    parameters = Parameters()
    parsed = parse(content)
    drawn = sketch(parsed, parameters, permutations(parameters))
    row = row_of(SourceFile("", content, "0" * 64), parsed, drawn, [], [])
    key, _, _, _, tokens, words = row[9][1]
    told = {
        "tokens": tokens,
        "spans": row[6],
        "lines": row[7],
        "files": [(1, 1, "a.py")],
        **changed,
    }
    unit = UnitRow(90, trees=[70], unit=key, tokens=told["tokens"], words=words)
    tree = TreeRow(70, row[0], "", [], [], row[4], told["spans"], told["lines"], told["files"])
    return Slice(_header(), Rows([(TEXT, key, [90])], [unit], [tree]))


def test_a_slice_answers_for_what_it_was_cut_for() -> None:
    """By numbers of its own, from 1 on; what it has nothing of is not found."""
    index = _slice()
    (digest,) = unsigned(list(index._by_digest)).tolist()
    at, units, held = index.lookup(TEXT, np.array([5, digest], np.uint64))
    assert (at.tolist(), units.tolist(), held.tolist()) == ([1], [1], [0, 1])
    (standing,) = index.standing(1)
    place = index.place(1, standing)
    assert (place.path, place.name, place.first_line, place.origin) == ("a.py", "f", 1, "zoo/a")
    assert set(index.tokens_at(1, place.position).line.tolist()) == {1, 2}
    assert index.unit_numbers(np.array([1])).tolist() == [90]


def test_a_key_that_is_not_listed_counts_as_the_most_common() -> None:
    """So that no rarer one stands back for it: LSH keys are followed from the rarest on. Of a
    fingerprint that is common to an index, the number is that of an index."""
    one, two = signed(np.array([1, 2], np.uint64)).tolist()
    index = Slice(_header(), Rows([(BAND, one, [7, 8]), (BAND, two, []), (RUN, two, [])]))
    keys = np.array([1, 2], np.uint64) << np.uint64(64 - 28)
    assert index.lookup(BAND, keys)[2].tolist() == [2, _header().most + 1]
    assert index.lookup(RUN, keys)[2].tolist() == [0, Parameters().common + 1]


@pytest.mark.parametrize(
    "changed",
    [
        {"tokens": b"x"},
        {"spans": b"x"},
        {"lines": packed(np.array([1]))},
        {"files": [(9, 1, "a.py")]},
        {"files": [(1, 9, "a.py")]},
        {"files": []},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_damaged_row_is_an_error_and_no_other_answer(changed: dict[str, Any]) -> None:
    index = _slice(**changed)
    with pytest.raises(IndexFileError, match="tables: found damaged tables"):
        index.tokens_at(index.standing(1)[0].tree, 1)


def test_a_row_without_a_path_is_an_error() -> None:
    """A report had it, against its schema."""
    index = _slice(files=[(1, 1, "")])
    with pytest.raises(IndexFileError, match="of a file or unit is empty"):
        index.place(1, index.standing(1)[0])


def test_a_unit_that_is_named_and_not_there_is_an_error_and_no_other_one() -> None:
    index = _slice()
    assert index.units_of(np.array([90])).tolist() == [1]
    with pytest.raises(IndexFileError, match="a unit that is named and not there"):
        index.units_of(np.array([90, 89]))


@pytest.mark.parametrize(
    "row", [(None, 1, [2]), (0, 1, None), (0, 1, [2, None]), (0, 1, [(2, None)])], ids=repr
)
def test_a_row_that_lacks_a_value_is_an_error(row: tuple[Any, ...]) -> None:
    """Any column of Parquet may lack one."""
    sent: Any = [{"part": 0, "kind": 1, "posting": row}, {"part": 0, "kind": 0, "posting": (0, 1)}]
    with pytest.raises(IndexFileError, match=r"tables: found damaged tables .*'posting' without"):
        [[*some] for _, some in joining._parts("tables", sent, "sketch", "posting")]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"baseline": "garbage"}, "nothing sound"),
        ({"parameters": Parameters(grammar="other")}, "made with grammar 'other'"),
        ({"permutations": "00"}, "nothing sound"),
        ({"permutations": ""}, "do not fit"),
        ({"counts": {}}, "do not fit"),
        ({"releases": {}, "selections": {}}, "0 releases and 1 origins"),
    ],
)
def test_tables_that_do_not_fit_are_refused(changed: dict[str, Any], told: str) -> None:
    rows = rows_of(replace(_header(), **changed))
    with pytest.raises(IndexFileError, match=told):
        header_of("tables", rows)
    with pytest.raises(IndexFileError, match="format 99"):
        header_of("tables", {**rows, "meta": [("format", "99")]})


@pytest.mark.parametrize(
    "given", [["--html", "x"], ["-o", "x.html"], ["--format", "spdx"]], ids=" ".join
)
def test_a_report_that_reads_the_files_again_is_refused_of_a_table(given: list[str]) -> None:
    """Before the work is done: what it says of them would be wrong."""
    ended = CliRunner().invoke(main, ["cluster", "scan", "--parquet", "s", "t", *given])
    assert (ended.exit_code, "not read again of a table" in ended.output) == (2, True)


def test_what_failed_is_told_by_its_cause() -> None:
    text = (
        "An error occurred while calling o6.f.\n: java.io.IOException: No host: ///a\n\tat a.b(c)\n"
    )
    assert session.said(RuntimeError(text)) == "IOException: No host: ///a"
    text += "Caused by: java.net.UnknownHostException: a\n\tat a.b(c)\n"
    assert session.said(RuntimeError(text)) == "UnknownHostException: a"


def test_what_py4j_logs_of_an_interruption_is_not_shown() -> None:
    script = (
        "import logging\n"
        "from provenance.cluster import session\n"
        "with session._unlogged():\n"
        "    logging.exception('KeyboardInterrupt while sending command.')\n"
        "assert not logging.getLogger().handlers\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stderr == b""


def test_of_several_settings_the_wrong_one_is_named() -> None:
    given = ["cluster", "export", "tables", "-o", "x.db", "--conf", "a=b", "--conf", "c"]
    ended = CliRunner().invoke(main, given)
    assert (ended.exit_code, "--conf: found 'c', expected KEY=VALUE" in ended.output) == (2, True)


def test_where_spark_or_java_is_missing_it_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a message, without a traceback."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    ended = CliRunner().invoke(main, ["cluster", "export", "tables", "-o", "x.db"])
    assert ended.exit_code == 3
    assert "expected version 17 or newer" in ended.output or "pip install" in ended.output
    monkeypatch.setitem(sys.modules, "pyspark", None)
    ended = CliRunner().invoke(main, ["cluster", "export", "tables", "-o", "x.db"])
    assert ended.exit_code == 3
    assert "pip install 'provenance-checker[spark]'" in ended.output


def test_a_place_that_cannot_be_written_is_no_fault_of_the_call(tmp_path: Path) -> None:
    """As of an index: the same command line works elsewhere."""
    (tmp_path / "file").touch()
    with pytest.raises(ProvenanceError, match="cannot be written") as raised:
        folders._held(tmp_path / "file" / "tables", "tables")
    assert raised.value.exit_code == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("inside", [False, True])
def test_what_java_would_wait_for_is_refused(inside: bool, tmp_path: Path) -> None:
    """For ever: no time-out holds it."""
    from provenance.cluster import building

    table = tmp_path / "tables" / "meta"
    pipe = table / "deep" / "part.parquet" if inside else table
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    with pytest.raises(IndexFileError, match="neither a file nor a folder"):
        folders.Tables(cast(Any, None), str(tmp_path / "tables"))
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "one").symlink_to(table)
    (tmp_path / "links" / "loop").symlink_to(tmp_path / "links")
    patterns = [f"{tmp_path}/tab*/m?ta", f"{tmp_path}/{{tables,other}}/meta"]
    for path in (str(table), f"file://{table}", f"FILE:{table}", f"{tmp_path}/links", *patterns):
        with pytest.raises(SourceError, match="neither a file nor a folder, expected Parquet"):
            building.table_of(cast(Any, None), [path], {})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_spark_passes_over_is_not_refused(tmp_path: Path) -> None:
    """By its name, or as no pattern that is read matches it."""
    (tmp_path / "table").mkdir()
    for name in (".pipe", "_pipe"):
        os.mkfifo(tmp_path / "table" / name)
    os.mkfifo(tmp_path / "other")
    for path in (f"{tmp_path}/table", f"{tmp_path}/t*", f"{tmp_path}/none", "hdfs://a/b"):
        assert folders.waited_for(path) is None
    os.mkfifo(tmp_path / "table" / "_common_metadata")
    assert folders.waited_for(str(tmp_path / "table")) is not None
