"""joining: suspects and fingerprint tables -> the report that the local engine would give.

    1. suspects are parsed and sketched in the executors: keys
    2. keys are joined with the postings: a shuffle on door and key
    3. the postings of a *part*, some hundred suspects, come together: candidates
    4. candidates are joined with units, and these with trees
    5. what a part needs comes together as a slice of the index: findings

Steps 3 and 5 run the local engine on slices. What a part brings together is bounded: it asks for a
key once, and no key lists more than ``most`` units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from functools import cached_property, partial
from itertools import groupby
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.cluster.building import largest_first
from provenance.cluster.fingerprints import (
    file_keys,
    keys_of,
    packed,
    packed_sketch,
    signed,
    sketch_of,
    unpacked,
)
from provenance.cluster.gather import SUSPECT, suspect_of
from provenance.cluster.slices import Rows, Slice, TreeRow, UnitRow
from provenance.cluster.tables import TABLES, Header, lacking, refused
from provenance.library import Library
from provenance.model import FileResult, Finding, IndexUsed, Parsed, Skipped, SourceFile
from provenance.notices import NoticeFile
from provenance.parse import parse, syntax
from provenance.scanning import Outcome, Proposed, outcomes, proposed
from provenance.schema import FILE, LAYOUT, TEXT
from provenance.sketch import sketch
from provenance.spoken import Spoken, beside
from provenance.workers import Bounds, Listed, Streamed, patience, run

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession

    from provenance.cluster.folders import Tables

_KEYS = """
    part int, path string, sha256 string, sketch binary,
    keys array<struct<door: int, key: bigint>>, reason string
"""
_CANDIDATES = """
    part int, path string, sha256 string, sketch binary, proposed binary, units array<bigint>,
    reason string
"""
_FOUND = "outcome string, path string, reason string"


@dataclass(frozen=True)
class Wanted:
    """What every executor must know of a scan."""

    header: Header
    as_of: str | None
    exclude_origin: tuple[str, ...]
    notices: tuple[NoticeFile, ...]
    limits: Bounds

    @property
    def hides(self) -> bool:
        """Whether some references are not to be seen."""
        return self.as_of is not None or bool(self.exclude_origin)

    def library(self, rows: Rows) -> Library:
        """A slice as the local engine sees it."""
        made = Library(
            [Slice(self.header, rows)], as_of=self.as_of, exclude_origin=self.exclude_origin
        )
        made.names, made.titles = self.whole.names, self.whole.titles
        return made

    @cached_property
    def whole(self) -> Library:
        """What the tables say of families, worked out once in each process."""
        return Library(
            [Slice(self.header, Rows())], as_of=self.as_of, exclude_origin=self.exclude_origin
        )

    @cached_property
    def beside(self) -> Spoken:
        """The notice files, read against all families."""
        return beside(self.notices, self.whole)


def used(header: Header) -> IndexUsed:
    """The tables as a report names them."""
    packages = Slice(header, Rows()).packages()
    return IndexUsed(PurePosixPath(header.path).name, header.checksum, packages)


def found_in(
    spark: SparkSession, suspects: DataFrame, tables: Tables, wanted: Wanted
) -> Iterator[Outcome | Skipped]:
    """What is found in each suspect, in no order.

    Args:
        spark: the session.
        suspects: rows of ``gather.SUSPECT`` with a digest, and ``part``.
        tables: the references.
        wanted: how to scan; of these tables.
    """
    import msgspec
    from pyspark import StorageLevel
    from pyspark.sql import functions as sql

    told = spark.sparkContext.broadcast(wanted)
    drawn = spark.createDataFrame(
        largest_first(suspects).rdd.mapPartitions(partial(_sketched, told)),
        _KEYS,
        verifySchema=False,
    ).persist(StorageLevel.DISK_ONLY)
    keys = drawn.select("part", sql.inline("keys")).distinct()
    hits = keys.join(tables.read("posting").drop("held"), ["door", "key"])
    hits = hits.persist(StorageLevel.DISK_ONLY)
    of_trees = sql.col("door").isin(FILE, LAYOUT)
    units = tables.read("unit")
    listed = hits.where(~of_trees).select("part", sql.explode("numbers").alias("number"))
    stands = "stands" if wanted.hides else sql.array().cast("array<bigint>").alias("stands")
    slim = units.select("number", "classes", stands)
    met = listed.distinct().join(slim, "number")
    if wanted.hides:  # the classes that are proposed by their members may be hidden too
        classes = met.select("part", sql.explode("classes").alias("number"))
        met = listed.union(classes).distinct().join(slim, "number")
    candidates = spark.createDataFrame(
        _by_part(
            posting=hits.where(~of_trees).select("part", sql.struct("door", "key", "numbers")),
            unit=met.select("part", sql.struct("number", "classes", "stands")),
            sketch=drawn.where("reason IS NULL").select(
                "part", sql.struct("path", "sha256", "sketch")
            ),
        ).rdd.mapPartitions(partial(_candidates, told)),
        _CANDIDATES,
        verifySchema=False,
    ).persist(StorageLevel.DISK_ONLY)
    proposals = candidates.select("part", sql.explode("units").alias("number")).distinct()
    chosen = proposals.join(units, "number")
    trees = (
        chosen.select("part", sql.explode("trees").alias("number"))
        .union(hits.where(of_trees).select("part", sql.explode("numbers")))
        .distinct()
        .join(tables.read("tree").drop("tokens", "words"), "number")
    )
    every = _by_part(
        posting=hits.where(of_trees).select("part", sql.struct("door", "key", "numbers")),
        unit=chosen.select("part", sql.struct(*_names(UnitRow))),
        tree=trees.select("part", sql.struct(*_names(TreeRow))),
        candidates=candidates.where("reason IS NULL").select(
            "part", sql.struct("path", "sha256", "sketch", "proposed")
        ),
        suspect=suspects.select("part", sql.struct(*_columns(SUSPECT))),
    )
    found = spark.createDataFrame(
        every.rdd.mapPartitions(partial(_found, told)), _FOUND, verifySchema=False
    ).persist(StorageLevel.DISK_ONLY)
    found.count()  # all at once: what is read below comes one partition after the other
    read = msgspec.json.Decoder(tuple[FileResult, tuple[Finding, ...]])
    for row in found.toLocalIterator():
        if row["reason"] is None:
            yield read.decode(row["outcome"])
        else:
            yield Skipped(row["path"], row["reason"])
    for before in (drawn, candidates):
        for row in before.where("reason IS NOT NULL").select("path", "reason").collect():
            yield Skipped(row["path"], row["reason"])


def _names(kind: type[UnitRow] | type[TreeRow]) -> list[str]:
    return [field.name for field in fields(kind)]


def _columns(schema: str) -> list[str]:
    return [part.split()[0] for part in schema.split(",")]


def _by_part(**kinds: DataFrame) -> DataFrame:
    """Rows of several kinds by their parts, those of a part together, in the order of the kinds:
    ``part``, ``kind``, and of each kind a column of its own."""
    from pyspark.sql import functions as sql

    joined: DataFrame | None = None
    for order, (name, rows) in enumerate(kinds.items()):
        named = rows.toDF("part", name).withColumn("kind", sql.lit(order))
        joined = named if joined is None else joined.unionByName(named, allowMissingColumns=True)
    assert joined is not None  # noqa: S101 - there is a kind
    return joined.repartition("part").sortWithinPartitions("part", "kind")


def _parts(
    path: str, rows: Iterable[Row], *kinds: str
) -> Iterator[tuple[int, Iterator[tuple[str, Row]]]]:
    """Each part with its rows, as they come; ``path`` is that of the tables.

    Raises:
        IndexFileError: a row of a table lacks a value.
    """

    def told(row: Row) -> tuple[str, Row]:
        kind = kinds[row["kind"]]
        if kind in TABLES and lacking(row[kind]):
            raise refused(path, f"damaged tables (a row of table {kind!r} without a value)")
        return kind, row[kind]

    for part, some in groupby(rows, key=lambda row: row["part"]):
        yield part, map(told, some)


# --- in the executors ---------------------------------------------------------------------


def _sketched(told: Any, rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    """The sketch of each suspect, and the keys by which it is looked up; or why there are none."""
    wanted: Wanted = told.value
    parts: dict[str, int] = {}

    def read() -> Iterator[SourceFile]:
        for row in rows:
            parts[row["path"]] = row["part"]
            yield suspect_of(row.asDict())

    skipped: list[Skipped] = []
    opens = _Opens(wanted)
    for batch in run(_keys, Streamed(read()), skipped, 1, opens, None, limits=wanted.limits):
        for path, *row in batch:
            yield parts[path], path, *row, None
    for one in skipped:
        yield parts[one.path], one.path, None, None, [], one.reason


def _keys(files: Sequence[SourceFile], opened: _Opens) -> list[tuple[Any, ...]]:
    """Path, SHA-256, sketch and keys of suspects."""
    header = opened.wanted.header
    permutations = header.drawn
    found = []
    for file in files:
        seconds = patience(opened.wanted.limits.seconds)
        parsed = parse(file.content, syntax(file.content, seconds, file.cells))
        drawn = sketch(parsed, header.parameters, permutations)
        keys = {(TEXT, key) for key in signed(drawn.text_digest).tolist()}
        keys.update(file_keys(file.sha256, parsed.tokens))
        for door, listed, _ in keys_of(drawn, header.key_bits):
            keys.update((door, key) for key in listed.tolist())
        found.append((file.path, file.sha256, packed_sketch(drawn), sorted(keys)))
    return found


def _candidates(told: Any, rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    """The candidates of each suspect of a part, by their numbers in the tables; or why there are
    none."""
    wanted: Wanted = told.value
    for part, some in _parts(wanted.header.path, rows, "posting", "unit", "sketch"):
        cut = Rows()
        asked: list[SourceFile] = []
        for kind, row in some:
            if kind == "posting":
                cut.postings.append(row)
            elif kind == "unit":
                cut.units.append(UnitRow(*row))
            else:
                asked.append(SourceFile(row["path"], bytes(row["sketch"]), row["sha256"]))
        asked.sort(key=lambda one: (one.path, one.sha256))
        skipped: list[Skipped] = []
        opens = _Opens(wanted, wanted.library(cut))
        for batch in run(_proposed, Listed(asked), skipped, 1, opens, None, limits=wanted.limits):
            for found in batch:
                yield part, *found, None
        for one in skipped:
            yield part, one.path, None, None, None, [], one.reason


def _proposed(sketches: Sequence[SourceFile], opened: _Opens) -> list[tuple[Any, ...]]:
    """Path, SHA-256, sketch, candidates and their units of suspects of which there is the sketch
    in place of the content."""
    library = opened.library
    (index,) = library.indexes
    drawn = [sketch_of(file.content, library.parameters) for file in sketches]
    found = []
    for file, (listed, limited) in zip(sketches, proposed(drawn, library), strict=True):
        numbers = index.unit_numbers(listed[:, 2])  # type: ignore[attr-defined]
        data = packed(listed[:, 0], numbers, listed[:, 3], listed[:, 4], np.array([limited]))
        found.append((file.path, file.sha256, file.content, data, np.unique(numbers).tolist()))
    return found


def _found(told: Any, rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    """What is found in each suspect of a part."""
    import msgspec

    wanted: Wanted = told.value
    kinds = "posting", "unit", "tree", "candidates", "suspect"
    for _, some in _parts(wanted.header.path, rows, *kinds):
        cut = Rows()
        candidates: dict[tuple[str, str], Row] = {}
        suspects: list[SourceFile] = []
        for kind, row in some:
            if kind == "posting":
                cut.postings.append(row)
            elif kind == "unit":
                cut.units.append(UnitRow(*row))
            elif kind == "tree":
                cut.trees.append(TreeRow(*row))
            elif kind == "candidates":
                candidates[row["path"], row["sha256"]] = row
            else:
                suspects.append(suspect_of(row.asDict()))
        suspects = [one for one in suspects if (one.path, one.sha256) in candidates]
        suspects.sort(key=lambda file: (file.path, file.sha256))
        skipped: list[Skipped] = []
        opens = _Opens(wanted, wanted.library(cut), candidates)
        files = Listed(suspects)
        for batch in run(_looked_at, files, skipped, 1, opens, None, limits=wanted.limits):
            for outcome in batch:
                yield msgspec.json.encode(outcome).decode(), None, None
        for one in skipped:
            yield None, one.path, one.reason


class _Opens:
    """What a worker needs, which is here already: of a part its slice and, in the end, the
    candidates of its suspects."""

    def __init__(
        self,
        wanted: Wanted,
        library: Library | None = None,
        candidates: Mapping[tuple[str, str], Row] | None = None,
    ) -> None:
        self.wanted, self._library, self._candidates = wanted, library, candidates or {}

    def open(self) -> AbstractContextManager[_Opens]:
        return nullcontext(self)

    @property
    def library(self) -> Library:
        """The slice as the local engine sees it."""
        assert self._library is not None  # noqa: S101 - the work that asks for it has one
        return self._library

    def propose(self, read: list[tuple[SourceFile, Parsed]], library: Library) -> list[Proposed]:
        """The candidates that were found before."""
        return [self._known(file) for file, _ in read]

    def _known(self, file: SourceFile) -> Proposed:
        row = self._candidates[file.path, file.sha256]
        (index,) = self.library.indexes
        at, numbers, equality, telling, (limited,) = unpacked(row["proposed"], 5)
        units = index.units_of(numbers.astype(np.int64))  # type: ignore[attr-defined]
        none = np.zeros(at.size, np.int64)
        listed = np.stack([at, none, units, equality, telling], axis=1).astype(np.int64)
        return sketch_of(row["sketch"], self.library.parameters), listed, int(limited)


def _looked_at(files: Sequence[SourceFile], opened: _Opens) -> list[Outcome]:
    wanted = opened.wanted
    return outcomes(files, opened.library, wanted.beside, wanted.limits.seconds, opened.propose)
