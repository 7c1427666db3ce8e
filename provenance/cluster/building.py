"""building: rows of files -> fingerprint tables. Files are read, parsed and sketched in the
executors, by the functions of the local engine; what is then put together is counted and joined by
Spark, and never gathers more under one key than ``most``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from provenance.cluster.assembling import Shape, write_tables
from provenance.cluster.fingerprints import row_of
from provenance.cluster.folders import Folder
from provenance.cluster.gather import READ, SOURCE_COLUMNS, files_of_rows, files_of_sources
from provenance.cluster.tables import FINGERPRINT, Capped, checked_columns
from provenance.errors import SourceError, TooLongError, UsageError
from provenance.model import Parameters, Skipped, SourceFile
from provenance.parse import parse, syntax
from provenance.sketch import permutations, sketch
from provenance.statements import statements

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
    seconds: float = 60.0,
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
        seconds: how long the parsing of a file may take.

    Raises:
        ProvenanceError: a source cannot be opened, or the folder not be written.
    """
    from pyspark.sql import functions as sql

    shape = shape or Shape()
    with Folder(spark, output) as folder:
        if parquet:
            if include or exclude:
                raise UsageError("--include and --exclude choose files of archives, not of tables")
            rows = _table_of(spark, sources).rdd.mapPartitions(partial(rows_by, files_of_rows))
        else:
            entered = partial(files_of_sources, include=tuple(include), exclude=tuple(exclude))
            rows = spark.sparkContext.parallelize(list(sources), len(sources)).mapPartitions(
                entered
            )
        read = spark.createDataFrame(rows, READ, verifySchema=False)
        contents = (
            read.where("reason IS NULL")
            .groupBy("sha256")
            .agg(sql.min("path").alias("path"), sql.min_by("content", "path").alias("content"))
        )
        drawn = permutations(shape.parameters)
        work = partial(
            _fingerprinted,
            parameters=shape.parameters,
            drawn=tuple(map(tuple, drawn.tolist())),
            key_bits=shape.key_bits,
            seconds=seconds,
        )
        made = spark.createDataFrame(
            contents.rdd.mapPartitions(work),
            FINGERPRINT + ", path string, reason string",
            verifySchema=False,
        )
        made = folder.kept("fingerprint", made)
        files = read.where("reason IS NULL").drop("content", "reason")
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


def _table_of(spark: SparkSession, sources: Sequence[str]) -> DataFrame:
    """Tables of sources with the columns that are read, and no others."""
    found = read_parquet(spark, sources)
    kinds = dict(found.dtypes)
    if "license" not in kinds and "licence" in kinds:
        found, kinds = found.withColumnRenamed("licence", "license"), kinds
        kinds["license"] = kinds.pop("licence")
    checked_columns(", ".join(sources[:3]), kinds, SOURCE_COLUMNS, SourceError)
    columns = [*SOURCE_COLUMNS]
    if "package" in kinds:
        checked_columns(", ".join(sources[:3]), kinds, {"package": "string"}, SourceError)
        columns.append("package")
    return found.select(*columns)


def read_parquet(spark: SparkSession, paths: Sequence[str]) -> DataFrame:
    """Parquet tables of the same columns as one.

    Raises:
        SourceError: they cannot be read.
    """
    from pyspark.errors import AnalysisException

    from provenance.cluster.session import said

    try:
        return spark.read.parquet(*paths)
    except AnalysisException as error:
        raise SourceError(
            f"{', '.join(paths[:3])}: cannot be read as Parquet ({said(error)}); expected files "
            "that every executor can read"
        ) from error


def rows_by(work: Any, rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    """What is made of rows as dictionaries."""
    return iter(work(row.asDict() for row in rows))


def _fingerprinted(
    rows: Iterable[Row],
    parameters: Parameters,
    drawn: tuple[tuple[int, ...], ...],
    key_bits: int,
    seconds: float,
) -> Iterator[tuple[Any, ...]]:
    """The fingerprint of each distinct content."""
    import numpy as np

    permuted = np.array(drawn, np.uint32)
    for row in rows:
        file = SourceFile(row["path"], bytes(row["content"]), row["sha256"])
        try:
            parsed = parse(file.content, syntax(file.content, seconds))
        except TooLongError:
            reason = f"found a file that takes longer than {seconds:g} seconds to parse"
            yield (*[None] * 12, file.path, f"{reason}; leave it out, or raise --timeout")
            continue
        said = statements(file.content)
        yield (
            *row_of(
                file,
                parsed,
                sketch(parsed, parameters, permuted),
                [one.holder for one in said.copyrights],
                [one.expression for one in said.licenses],
                key_bits,
            ),
            None,
            None,
        )
