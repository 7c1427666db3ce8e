"""assembling: fingerprints and files -> the tables of a folder. Numbers what was found, counts and
joins it; nothing gathers more under one key than ``most``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from provenance.cluster.exchange import measured
from provenance.cluster.folders import Folder
from provenance.cluster.tables import Capped, Header, rows_of
from provenance.index import NO_DAY
from provenance.model import Family, Parameters, Release
from provenance.opening import OriginFacts
from provenance.origins import plain_family
from provenance.schema import DOORS, EXACT, RUN, TEXT_RUN, shape_of
from provenance.sketch import permutations

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

MOST = 10_000
"""Units under a key, files of a unit or of a content, that are listed. The most in the default
index are 1,893 units under a key and some 1,600 files of a unit; a choice."""
SAMPLE = 200_000
"""Distinct contents that the baseline is measured on: all, where there are no more."""
_RELEASE = ("package", "version", "license", "date", "date_source", "archive", "purl", "link")


@dataclass(frozen=True)
class Shape:
    """What decides the tables but the sources. ``key_bits``: of keys that are not kept whole; None
    for as many as an index of so many units has."""

    parameters: Parameters = field(default_factory=Parameters)
    most: int = MOST
    key_bits: int | None = None
    sample: int = SAMPLE


def write_tables(
    spark: SparkSession,
    folder: Folder,
    fingerprints: DataFrame,
    files: DataFrame,
    shape: Shape,
    families: dict[str, Family] | None = None,
    known: tuple[str | None, str] | None = None,
) -> Header:
    """Number what was found, join it, write all tables.

    Args:
        spark: the session.
        folder: where the tables stand when it is closed.
        fingerprints: rows of ``tables.FINGERPRINT``, one for each content.
        files: rows of ``gather.READ`` without content.
        shape: what decides the tables.
        families: of origins, where they are known.
        known: the baseline and the checksum, where they are.
    """
    from pyspark.sql import functions as sql

    entered = files.join(fingerprints.select("sha256"), "sha256", "left_semi").distinct()
    entered = folder.kept(
        "entered", entered.withColumn("release", sql.to_json(sql.struct(*_RELEASE)))
    )
    releases, selections, of_release = _releases(entered)
    names = sorted(row[0] for row in entered.select("origin").distinct().collect())
    of_origin = {name: number for number, name in enumerate(names, 1)}
    placed = entered.join(
        sql.broadcast(spark.createDataFrame(of_release, "release string, r int, day string")),
        "release",
    ).join(
        sql.broadcast(spark.createDataFrame(list(of_origin.items()), "origin string, o int")),
        "origin",
    )
    placed = folder.kept("placed", placed.drop("release", "origin", "selection").distinct())
    trees = folder.kept(
        "numbered",
        placed.groupBy("sha256")
        .agg(sql.min("path").alias("first"), sql.count("*").alias("held"))
        .orderBy("first", "sha256")
        .select(sql.monotonically_increasing_id().alias("tree"), "sha256", "held"),
    )
    _write_trees(folder, fingerprints, placed, trees, shape.most)
    unit_origins, hot = _write_units(folder, fingerprints, placed, trees, shape.most)
    many = folder.read("unit").count()
    key_bits = shape.key_bits or shape_of(many, many).key_bits
    _write_postings(folder, fingerprints, trees, hot, shape, key_bits)
    units, shared = _origin_counts(unit_origins)
    days = {
        row["o"]: row["day"]
        for row in placed.groupBy("o").agg(sql.min("day").alias("day")).collect()
    }
    families = families or {}
    origins = {
        number: OriginFacts(
            name,
            families.get(name) or plain_family(name),
            None if days[number] == NO_DAY else days[number],
            units[number],
            shared[number],
        )
        for name, number in of_origin.items()
    }
    drawn = permutations(shape.parameters).astype("<u4").tobytes().hex()
    places = fingerprints.agg(sql.sum(sql.size("names"))).first()
    header = Header(
        path=folder.path,
        parameters=shape.parameters,
        permutations=drawn,
        counts={
            "release": len(releases),
            "origin": len(origins),
            "file": placed.count(),
            "tree": trees.count(),
            "place": int(places[0]) if places else 0,
            "unit": many,
            "posting": folder.read("posting").count(),
        },
        releases=releases,
        origins=origins,
        selections=selections,
        baseline=None,
        checksum="",
        most=shape.most,
        key_bits=key_bits,
        capped=_capped(folder, trees, hot, shape),
    )
    baseline, checksum = known or measured(folder, header, shape.sample)
    header = replace(header, baseline=baseline, checksum=checksum)
    folder.write_header(rows_of(header))
    return header


def _releases(
    entered: DataFrame,
) -> tuple[dict[int, Release], dict[int, list[str]], list[tuple[str, int, str]]]:
    """The releases by their numbers, in the order of an index; the selections of each; and the
    number and the day of each by what is written of it."""
    rows = entered.select("release", "selection", *_RELEASE).distinct().collect()
    written = {row["release"]: Release(*(row[name] for name in _RELEASE)) for row in rows}
    ordered = sorted(
        written.items(),
        key=lambda item: (
            item[1].package,
            item[1].date or NO_DAY,
            item[1].version or "",
            item[1].sha256 or "",
            str(item[1]),
        ),
    )
    number_of = {text: number for number, (text, _) in enumerate(ordered, 1)}
    selections: dict[int, set[str]] = {}
    for row in rows:
        selections.setdefault(number_of[row["release"]], set()).add(row["selection"])
    return (
        {number_of[text]: release for text, release in ordered},
        {number: sorted(some) for number, some in selections.items()},
        [(text, number_of[text], release.date or NO_DAY) for text, release in ordered],
    )


def _write_trees(
    folder: Folder, fingerprints: DataFrame, placed: DataFrame, trees: DataFrame, most: int
) -> None:
    from pyspark.sql import Window
    from pyspark.sql import functions as sql

    by_age = Window.partitionBy("sha256").orderBy(
        "day", "package", sql.coalesce("version", sql.lit("")), "path", "r", "o"
    )
    file = sql.struct(sql.col("r").alias("release"), sql.col("o").alias("origin"), "path")
    listed = (
        placed.withColumn("rank", sql.row_number().over(by_age))
        .where(sql.col("rank") <= most)
        .groupBy("sha256")
        .agg(sql.sort_array(sql.collect_list(file)).alias("files"))
    )
    folder.write(
        "tree",
        fingerprints.drop("units", "members", "posts")
        .join(trees.withColumnRenamed("tree", "number"), "sha256")
        .join(listed, "sha256"),
    )


def _write_units(
    folder: Folder, fingerprints: DataFrame, placed: DataFrame, trees: DataFrame, most: int
) -> tuple[DataFrame, DataFrame]:
    """Write the units; returns (unit, origin number), distinct, and the units of too many files."""
    from pyspark.sql import functions as sql

    found = fingerprints.select("sha256", sql.inline("units"))
    numbered = folder.kept(
        "unit_numbered",
        found.groupBy("unit")
        .agg(
            sql.min(sql.struct("kind", "name")).alias("rank"),
            sql.max("elements").alias("elements"),
            sql.first("tokens").alias("tokens"),
            sql.first("words").alias("words"),
        )
        .orderBy("rank.kind", "rank.name", "elements", "unit")
        .select(
            sql.monotonically_increasing_id().alias("number"), "unit", "elements", "tokens", "words"
        ),
    )
    standing = folder.kept(
        "standing", found.select("unit", "sha256").distinct().join(trees, "sha256")
    )
    held = standing.groupBy("unit").agg(sql.sum("held").alias("held"))
    hot = folder.kept("hot", held.where(sql.col("held") > most).select("unit"))
    listed = standing.join(sql.broadcast(hot), "unit", "left_anti")
    of_tree = placed.select("sha256", "r", "o").distinct()
    pair = sql.shiftleft(sql.col("r").cast("bigint"), 32).bitwiseOR(sql.col("o").cast("bigint"))
    stands = listed.join(of_tree, "sha256").select("unit", pair.alias("pair")).distinct()
    classes = (
        fingerprints.select(sql.inline("members"))
        .distinct()
        .join(sql.broadcast(hot), "unit", "left_anti")
        .join(numbered.select(sql.col("unit").alias("class"), "number"), "class")
    )
    folder.write(
        "unit",
        numbered.join(held, "unit")
        .join(_gathered(listed, "tree", "trees"), "unit", "left")
        .join(_gathered(stands, "pair", "stands"), "unit", "left")
        .join(_gathered(classes, "number", "classes"), "unit", "left")
        .select(
            *("number", "unit", "elements", "tokens", "words", "held"),
            *(_or_none(name) for name in ("classes", "trees", "stands")),
        ),
    )
    return standing.join(of_tree, "sha256").select("unit", "o").distinct(), hot


def _gathered(rows: DataFrame, column: str, name: str) -> DataFrame:
    """What each unit has in a column, ascending."""
    from pyspark.sql import functions as sql

    return rows.groupBy("unit").agg(sql.sort_array(sql.collect_list(column)).alias(name))


def _or_none(name: str) -> Column:
    from pyspark.sql import functions as sql

    return sql.coalesce(name, sql.array().cast("array<bigint>")).alias(name)


def _write_postings(
    folder: Folder,
    fingerprints: DataFrame,
    trees: DataFrame,
    hot: DataFrame,
    shape: Shape,
    key_bits: int,
) -> None:
    from pyspark.sql import functions as sql

    top = sql.lit(-1 << 63)  # see fingerprints.signed
    leading = sql.shiftrightunsigned(sql.col("key").bitwiseXOR(top), 64 - key_bits)
    key = sql.when(sql.col("door").isin(*EXACT), sql.col("key")).otherwise(leading.bitwiseXOR(top))
    found = fingerprints.select("sha256", sql.inline("posts")).withColumn("key", key)
    of_units = found.where("unit IS NOT NULL").select("door", "key", "unit").distinct()
    of_trees = found.where("unit IS NULL").join(trees, "sha256").select("door", "key", "tree")
    units = folder.read("unit").select("unit", "number")
    listed = of_units.join(sql.broadcast(hot), "unit", "left_anti").join(units, "unit")
    few = sql.lit(shape.parameters.common)
    most = sql.when(sql.col("door").isin(RUN, TEXT_RUN), few).otherwise(sql.lit(shape.most))
    parts = []
    for every, some in (
        (of_units, listed.select("door", "key", "number")),
        (of_trees, of_trees.withColumnRenamed("tree", "number")),
    ):
        counted = every.groupBy("door", "key").agg(sql.count("*").alias("held"))
        kept = some.join(counted.where(sql.col("held") <= most).drop("held"), ["door", "key"])
        gathered = kept.groupBy("door", "key").agg(
            sql.sort_array(sql.collect_list("number")).alias("numbers")
        )
        parts.append(
            counted.join(gathered, ["door", "key"], "left").select(
                "door", "key", "held", _or_none("numbers")
            )
        )
    folder.write("posting", parts[0].union(parts[1]))


def _origin_counts(unit_origins: DataFrame) -> tuple[Counter[int], Counter[int]]:
    """How many units each origin has, and how often one of them stands in another too."""
    from pyspark.sql import functions as sql

    others = unit_origins.groupBy("unit").agg((sql.count("*") - 1).alias("others"))
    rows = (
        unit_origins.join(others, "unit")
        .groupBy("o")
        .agg(sql.count("*").alias("units"), sql.sum("others").alias("shared"))
        .collect()
    )
    return (
        Counter({row["o"]: row["units"] for row in rows}),
        Counter({row["o"]: row["shared"] for row in rows}),
    )


def _capped(folder: Folder, trees: DataFrame, hot: DataFrame, shape: Shape) -> Capped:
    """What was too common to be listed."""
    from pyspark.sql import functions as sql

    empty = folder.read("posting").where(sql.size("numbers") == 0).groupBy("door").count().collect()
    keys = dict.fromkeys(DOORS, 0) | {row["door"]: row["count"] for row in empty}
    return Capped(keys, hot.count(), trees.where(sql.col("held") > shape.most).count())
