"""exchange: fingerprint tables <-> an index file, which the local engine reads. The file is written
by the builder of the local engine from what the tables hold of each content, in their order.
"""

from __future__ import annotations

import os
from hashlib import blake2b, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from provenance.aside import temporary
from provenance.cluster.fingerprints import parsed_of
from provenance.cluster.tables import Header, lacking, refused, rows_of
from provenance.index import Index
from provenance.indexing import measured as measured_in
from provenance.model import SourceFile
from provenance.rights import Copyright, License
from provenance.segments import Segments
from provenance.sketch import sketch
from provenance.statements import Statements
from provenance.version import VERSION

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row


class Reads(Protocol):
    """Where tables are read."""

    def read(self, name: str) -> DataFrame:
        """One of them."""
        ...


def export_index(
    tables: Reads,
    header: Header,
    output: str,
    *,
    origins: frozenset[int] | None = None,
    measure: bool = False,
) -> str:
    """Write an index file of what fingerprint tables hold.

    Args:
        tables: where they are read.
        header: what they say of themselves.
        output: the index file, replaced when it is complete.
        origins: the numbers of those to write, None for all.
        measure: measure the baseline, instead of taking that of the tables.

    Returns:
        The checksum of the index.

    Raises:
        IndexFileError: the tables are damaged, or the index cannot be written.
    """
    from pyspark.sql import functions as sql

    rows = tables.read("tree").orderBy("number")
    if origins is not None:
        wanted = sql.array(*map(sql.lit, sorted(origins)))
        rows = rows.where(sql.exists("files", lambda file: sql.array_contains(wanted, file.origin)))
    baseline = header.baseline
    stamp = repr((header.checksum, origins and sorted(origins), VERSION))
    with Segments(Path(output), header.parameters, header.drawn, stamp) as segments:
        releases = {}
        for number, release in sorted(header.releases.items()):
            for selection in header.selections[number]:
                releases[number] = segments.add_release(release, selection)
        for row in rows.toLocalIterator():
            try:
                if lacking(row):
                    raise ValueError("it lacks a value")
                if not segments.knows_tree(row["sha256"]):
                    _enter(segments, row, header)
                for release, origin, path in row["files"]:
                    if origins is None or origin in origins:
                        facts = header.origins[origin]
                        segments.add_file(
                            releases[release], facts.name, path, row["sha256"], facts.family
                        )
            except (ValueError, LookupError, ArithmeticError) as error:
                what = f"damaged tables (tree {row['sha256']}: {error!r})"
                raise refused(header.path, what) from error
            segments.breathe()
        told = None if baseline is None else lambda _: baseline
        segments.finish(measured_in if measure else told, header.key_bits)
    with Index(output) as written:
        return written.checksum


def _enter(segments: Segments, row: Row, header: Header) -> None:
    """Enter the content of a row of ``tree``."""
    parsed = parsed_of(
        row["mark"], row["names"], row["words"], row["spans"], row["lines"], row["tokens"]
    )
    said = Statements(
        copyrights=tuple(Copyright(0, holder, "", "") for holder in row["holders"]),
        licenses=tuple(License(0, expression, "tag", "") for expression in row["licenses"]),
    )
    drawn = sketch(parsed, header.parameters, header.drawn)
    segments.add_tree(SourceFile("", b"", row["sha256"]), parsed, drawn, said)


def measured(tables: Reads, header: Header, sample: int) -> tuple[str | None, str]:
    """The baseline of tables and their checksum: those of the index that they are the content of.
    Where there are more than ``sample`` contents, the baseline is that of the origins of least
    hash that have so many, and the checksum one of all rows."""
    chosen = _sample(tables, header, sample)
    with temporary("provenance-") as place:
        path = os.path.join(place, "sample.db")
        checksum = export_index(tables, header, path, origins=chosen, measure=True)
        with Index(path) as index:
            baseline = index.baseline
    told = None if baseline is None else baseline.to_json()
    return told, checksum if chosen is None else _checksum(tables, header)


def _sample(tables: Reads, header: Header, most: int) -> frozenset[int] | None:
    """The origins to measure, None for all."""
    if header.counts["tree"] <= most:
        return None
    from pyspark.sql import functions as sql

    files = tables.read("tree").select("number", sql.explode("files").alias("file"))
    counted = files.select("number", "file.origin").distinct().groupBy("origin").count().collect()
    trees = {row["origin"]: row["count"] for row in counted}
    chosen: set[int] = set()
    total = 0
    for number in sorted(trees, key=lambda one: _hash(header.origins[one].name)):
        if chosen and total + trees[number] > most:
            break
        chosen.add(number)
        total += trees[number]
    return frozenset(chosen)


def _hash(name: str) -> bytes:
    return blake2b(name.encode("utf-8", "replace"), digest_size=8).digest()


def _checksum(tables: Reads, header: Header) -> str:
    """SHA-256 of what the tables say of themselves and of a sum of the rows of each, but for the
    numbers of units and trees, which follow the partitions that Spark made."""
    from pyspark.sql import functions as sql

    total = sha256(repr(sorted(rows_of(header).items())).encode())
    for name in ("tree", "unit", "posting"):
        rows = tables.read(name).drop("number", "numbers", "classes", "trees")
        row = rows.select(sql.bit_xor(sql.xxhash64(*rows.columns)), sql.count("*")).first()
        total.update(repr((name, tuple(row or ()))).encode())
    return total.hexdigest()
