"""building: rows of files -> fingerprint tables. Files are read, parsed and sketched in the
executors, by the functions of the local engine; what is then put together is counted and joined by
Spark, and never gathers more under one key than ``most``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from provenance.cluster.assembling import Shape, write_tables
from provenance.cluster.fingerprints import row_of
from provenance.cluster.folders import Folder, user_type, waited_for
from provenance.cluster.gather import (
    LONGEST_TEXT,
    READ,
    SOURCE_COLUMNS,
    files_of_rows,
    files_of_sources,
    suspect_of,
)
from provenance.cluster.session import row_by_row
from provenance.cluster.tables import FINGERPRINT, FORMAT_VERSION, Capped, checked_columns
from provenance.errors import SourceError, UsageError
from provenance.indexing import SketchSettings, sketch_batch
from provenance.limits import READ as LIMITS
from provenance.model import Skipped, SourceFile
from provenance.sketch import permutations
from provenance.version import VERSION
from provenance.workers import BOUNDS, Bounds, Streamed, run

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession

_TOLD = 1000


@dataclass(frozen=True)
class BuiltTables:
    """What ``build_tables`` did: files entered, distinct contents, what was skipped, at most the
    first thousand, and how many that were; and what is too common to be listed."""

    files: int
    contents: int
    skipped: tuple[Skipped, ...]
    skipped_in_all: int
    capped: Capped


def build_tables(
    spark: SparkSession,
    sources: Sequence[str],
    output: str,
    *,
    parquet: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    shape: Shape | None = None,
    limits: Bounds = BOUNDS,
) -> BuiltTables:
    """Make fingerprint tables.

    Args:
        spark: the session.
        sources: archives, files or folders that every executor can read; or, with ``parquet``,
            tables with the columns ``gather.SOURCE_COLUMNS``.
        output: the folder to write; there must be none.
        parquet: whether the sources are tables.
        include: globs of files to take; of archives, files and folders.
        exclude: globs of files to leave out.
        shape: what decides the tables.
        limits: what the work on a file may take.

    Raises:
        ProvenanceError: a source cannot be opened, or the folder not be written.
    """
    from pyspark.sql import functions as sql

    shape = shape or Shape()
    with row_by_row(spark), Folder(spark, output) as folder:
        if parquet:
            if include or exclude:
                raise UsageError("--include and --exclude choose files of archives, not of tables")
            table = table_of(spark, sources, SOURCE_COLUMNS, "package")
            rows = table.rdd.mapPartitions(partial(rows_by, files_of_rows))
        else:
            entered = partial(files_of_sources, include=tuple(include), exclude=tuple(exclude))
            rows = spark.sparkContext.parallelize(list(sources), len(sources)).mapPartitions(
                entered
            )
        read = folder.kept("read", spark.createDataFrame(rows, READ, verifySchema=False))
        facts = sql.to_json(sql.struct(*(name for name in read.columns if name != "content")))
        row = sql.xxhash64(facts).cast("decimal(38,0)")
        every = [tuple(one) for one in read.agg(sql.count("*"), sql.sum(row)).collect()]
        made_of = VERSION, FORMAT_VERSION, spark.version, shape, limits, every
        folder.go_on(repr(made_of), "work/read")
        contents = (
            read.where("reason IS NULL")
            .groupBy("sha256")
            .agg(
                sql.min("path").alias("path"),
                *(sql.min_by(name, "path").alias(name) for name in ("content", "cells")),
            )
        )
        contents = largest_first(contents)
        drawn = permutations(shape.parameters)
        settings = SketchSettings(
            shape.parameters, tuple(map(tuple, drawn.tolist())), limits.seconds
        )
        work = partial(_fingerprinted, settings, limits)
        made = spark.createDataFrame(
            contents.rdd.mapPartitions(work),
            FINGERPRINT + ", path string, reason string",
            verifySchema=False,
        )
        made = folder.kept("fingerprint", made)
        files = read.where("reason IS NULL").drop("content", "cells", "reason")
        skipped = read.where("reason IS NOT NULL").select("path", "reason")
        skipped = skipped.union(made.where("reason IS NOT NULL").select("path", "reason"))
        told = skipped.orderBy("path", "reason").limit(_TOLD).collect()
        in_all = skipped.count() if len(told) == _TOLD else len(told)
        fingerprints = made.where("reason IS NULL").drop("path", "reason")
        if fingerprints.isEmpty():
            raise UsageError(
                f"{', '.join(sources[:3])}: found no Python file that can be read, expected at "
                f"least one; {in_all} were skipped"
                + (f", the first: {told[0]['path']}: {told[0]['reason']}" if told else "")
            )
        header = write_tables(spark, folder, fingerprints, files, shape)
    return BuiltTables(
        files=header.counts["file"],
        contents=header.counts["tree"],
        skipped=tuple(Skipped(row["path"], row["reason"]) for row in told),
        skipped_in_all=in_all,
        capped=header.capped,
    )


def table_of(
    spark: SparkSession, paths: Sequence[str], columns: Mapping[str, str], *more: str
) -> DataFrame:
    """Tables as one, with some columns and no others.

    Args:
        spark: the session.
        paths: of Parquet tables, each with columns of its own.
        columns: that there must be, and their types.
        more: columns of text that there may be.

    Returns:
        Text no longer than it may be anywhere, days as text, ``content`` as bytes where a file may
        have so many, and their number as ``size``: no value is too large for its reader, or none
        that Python has. The largest first.

    Raises:
        SourceError: they cannot be read, or lack a column.
    """
    tables = [_table(spark, path, columns, more) for path in paths]
    joined = tables[0]
    for one in tables[1:]:
        joined = joined.unionByName(one, allowMissingColumns=True)
    return largest_first(joined)


def _table(
    spark: SparkSession, path: str, columns: Mapping[str, str], more: Sequence[str]
) -> DataFrame:
    """One of them."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import functions as sql

    from provenance.cluster.session import said

    if special := waited_for(path):
        raise SourceError(
            f"{path}: found {special}, neither a file nor a folder, expected Parquet; take it away"
        )
    try:
        try:  # of this very name, whatever signs of a pattern are in it
            found = spark.read.option("__globPaths__", "false").parquet(path)
        except (PySparkException, Py4JError):
            found = spark.read.parquet(path)
    except (PySparkException, Py4JError) as error:
        raise SourceError(
            f"{path}: cannot be read as Parquet ({said(error)}); expected files that every "
            "executor can read"
        ) from error
    if special := user_type(found):
        raise SourceError(f"{path}: found {special}, expected columns of Spark's own types")
    if "license" in columns and "license" not in found.columns:
        found = found.withColumnRenamed("licence", "license")
    columns = {**columns, **{name: "string" for name in more if name in found.columns}}
    checked_columns(path, dict(found.dtypes), columns, SourceError)
    content = sql.col("content").cast("binary")
    size = sql.octet_length("content").cast("bigint")
    most = sql.when(sql.col("path").endswith(".ipynb"), LIMITS.max_notebook_bytes)
    kept = sql.when(size <= most.otherwise(LIMITS.max_file_bytes), content)
    return found.select(
        *(
            sql.substring(sql.col(name).cast("string"), 1, LONGEST_TEXT).alias(name)
            for name in columns
            if name != "content"
        ),
        kept.alias("content"),
        size.alias("size"),
    )


def largest_first(rows: DataFrame) -> DataFrame:
    """Rows with those of most ``content`` first, in each partition. Between Java and Python they
    travel in batches, whose number of rows Spark doubles as long as they are small: a thousand
    small files would be followed by a thousand large ones at once."""
    from pyspark.sql import functions as sql

    return rows.sortWithinPartitions(sql.octet_length("content").desc())


def rows_by(work: Any, rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    """What is made of rows as dictionaries."""
    return iter(work(row.asDict() for row in rows))


def _fingerprinted(
    settings: SketchSettings, limits: Bounds, rows: Iterable[Row]
) -> Iterator[tuple[Any, ...]]:
    """The fingerprint of each distinct content, or why there is none."""
    files = Streamed(suspect_of(row.asDict()) for row in rows)
    skipped: list[Skipped] = []
    for batch in run(fingerprint_rows, files, skipped, 1, settings, None, limits=limits):
        for row in batch:
            yield (*row, None, None)
    for one in skipped:
        yield (*[None] * 12, one.path, one.reason)


def fingerprint_rows(
    files: Sequence[SourceFile], settings: SketchSettings
) -> list[tuple[Any, ...]]:
    """The rows of a batch of files."""
    return [
        row_of(
            file,
            parsed,
            drawn,
            [one.holder for one in said.copyrights],
            [one.expression for one in said.licenses],
        )
        for file, parsed, drawn, said in sketch_batch(files, settings)
    ]
