"""scan: a source and fingerprint tables -> a report: the joining, with what is read before and put
together after it by the functions of the local engine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from provenance.cluster.building import rows_by, table_of
from provenance.cluster.folders import Tables
from provenance.cluster.gather import SUSPECT, SUSPECT_COLUMNS, suspect_row, suspects_of_rows
from provenance.cluster.joining import Wanted, found_in, used
from provenance.cluster.session import row_by_row
from provenance.cluster.slices import Rows
from provenance.cluster.tables import Header
from provenance.errors import UsageError
from provenance.given import hidden_of
from provenance.model import Release, Report, Skipped
from provenance.notices import MOST, notice_files
from provenance.release import checked_day
from provenance.scanning import Asked, Outcome, reported
from provenance.source import open_source, within_bounds
from provenance.workers import BOUNDS, Bounds

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PART = 64
"""Suspects that are scanned together, against one slice: as many as a batch of the local engine."""
PART_BYTES = 16_000_000
"""Bytes of them, or one file more: a part comes to Python at once, in a batch of many rows."""


def scan_tables(
    spark: SparkSession,
    source: str,
    tables: str,
    *,
    parquet: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    as_of: str | None = None,
    exclude_origin: Sequence[str] = (),
    suspect_date: str | None = None,
    part: int = PART,
    limits: Bounds = BOUNDS,
) -> tuple[Report, Header]:
    """Find what in a source resembles the references of fingerprint tables.

    Args:
        spark: the session.
        source: what ``provenance.scan`` takes; or, with ``parquet``, a table with the columns
            ``path`` and ``content``.
        tables: the folder of fingerprint tables.
        parquet: whether the source is a table.
        include: globs of files to scan; not of a table.
        exclude: globs of files to leave out.
        as_of: see ``provenance.scan``, as are the two that follow.
        exclude_origin: globs of origins to hide.
        suspect_date: ISO day since when the source is as it is.
        part: how many suspects are scanned together; the result does not depend on it.
        limits: what the work on a file may take.

    Returns:
        The report, the same as that of the index that the tables are the content of; and what the
        tables say of themselves.

    Raises:
        ProvenanceError: the source or the tables cannot be read.
    """
    as_of = checked_day(as_of, "--as-of")
    given = checked_day(suspect_date, "--suspect-date")
    hidden = hidden_of(exclude_origin)
    references = Tables(spark, tables)
    header = references.header
    if parquet:
        if include or exclude:
            raise UsageError("--include and --exclude choose files of a source, not of a table")
        release = Release(PurePosixPath(source).name)
        rows = _of_table(spark, source)
        read = _notices(rows)
        skipped = [
            Skipped(row["path"], row["reason"])
            for row in rows.where("reason IS NOT NULL").select("path", "reason").collect()
        ]
        suspects = rows.where("sha256 IS NOT NULL").dropDuplicates(["path", "sha256"])
        suspects = _in_parts(suspects, part)
    else:
        local = open_source(source, include=include, exclude=exclude)
        release, read = local.release, local.notices()
        listed = [suspect_row(file) for file in local.files()]
        skipped = [Skipped(path, reason) for path, *_, reason in listed if reason is not None]
        numbered = []
        at = count = size = 0
        for row in listed:
            if row[-1] is None:
                if count == part or (count and size + len(row[2]) > PART_BYTES):
                    at, count, size = at + 1, 0, 0
                count, size = count + 1, size + len(row[2])
                numbered.append((*row, at))
        suspects = spark.createDataFrame(numbered, f"{SUSPECT}, part int", verifySchema=False)
    skipped += [one for one in read if isinstance(one, Skipped)]
    told = [one for one in read if not isinstance(one, Skipped)]
    wanted = Wanted(header, as_of, hidden, notice_files(told), limits)
    outcomes: list[Outcome] = []
    for one in found_in(spark, suspects, references, wanted):
        if isinstance(one, Skipped):
            skipped.append(one)
        else:
            outcomes.append(one)
    with wanted.library(Rows()) as library:
        standings = library.standings
    asked = Asked(
        source=source,
        release=release,
        indexes=(used(header),),
        parameters=header.parameters,
        standings=standings,
        as_of=as_of,
        exclude_origin=hidden,
        suspect_date=given,
        notice_files=tuple(path for path, _ in told),
        history=given is None and release.sha256 is None and not parquet,
    )
    return reported(asked, outcomes, skipped), header


def _notices(rows: DataFrame) -> list[tuple[str, bytes] | Skipped]:
    """The notice files of a table of suspects, as many and as large as those of a source."""
    from pyspark.sql import functions as sql

    every = rows.where("sha256 IS NULL AND reason IS NULL").select("path", "content").distinct()
    chosen = every.orderBy(sql.size(sql.split("path", "/")), "path", "content").limit(MOST)
    read = sorted((row["path"], bytes(row["content"])) for row in chosen.collect())
    bounded = within_bounds(read, "take some out of the table")
    many = every.count() if len(read) == MOST else len(read)
    if many > MOST:
        reason = f"found {many:,} notice files, the {MOST} nearest to the top were read"
        bounded.append(Skipped(".", f"{reason}; take some out of the table"))
    return bounded


def _of_table(spark: SparkSession, source: str) -> DataFrame:
    """The rows of a table of suspects."""
    from pyspark import StorageLevel

    with row_by_row(spark):
        found = table_of(spark, [source], SUSPECT_COLUMNS).rdd
    rows = found.mapPartitions(partial(rows_by, suspects_of_rows))
    read = spark.createDataFrame(rows, SUSPECT, verifySchema=False)
    return read.persist(StorageLevel.DISK_ONLY)  # it is asked for five times


def _in_parts(suspects: DataFrame, size: int) -> Any:
    """Suspects with the number of their part, by their paths."""
    from pyspark.sql import functions as sql

    content = sql.sum(sql.octet_length("content").cast("bigint"))
    (count, total), *_ = suspects.agg(sql.count("*"), content).collect()
    parts = max(1, -(-count // size), -(-(total or 0) // PART_BYTES))
    return suspects.withColumn("part", (sql.crc32("path") % parts).cast("int"))
