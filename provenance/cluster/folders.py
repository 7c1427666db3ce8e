"""folders: a folder of tables in any file system that Spark reaches: written whole or not at all.

The tables are made beside their place, under a name that begins with a dot, and put there when all
are written; ``meta`` is the last.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from provenance.cluster.tables import TABLES, Header, checked_columns, header_of, refused
from provenance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import DataFrame, SparkSession


class Folder:
    """A folder that is being written. Use as a context manager: leaving it with an error leaves
    nothing behind."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        self.path = path.rstrip("/")
        self._spark = spark
        head, _, name = self.path.rpartition("/")
        self._part = f"{head}/.{name}.part" if head or path.startswith("/") else f".{name}.part"
        if not name or self._place(self.path)[1]:
            raise UsageError(
                f"{path}: found something there, expected the name of a folder to write; delete "
                "it, or name another with --output"
            )

    def __enter__(self) -> Folder:
        self._delete(self._part)
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            system, _ = self._place(self._part)
            target = self._hadoop(self.path)
            system.delete(self._hadoop(f"{self._part}/work"), True)
            if not system.rename(self._hadoop(self._part), target):
                raise UsageError(f"{self.path}: cannot be put in place; look at its permissions")
        else:
            with suppress(Exception):  # Spark may be gone; the next build deletes it
                self._delete(self._part)

    def _hadoop(self, path: str) -> Any:
        java: Any = self._spark._jvm
        return java.org.apache.hadoop.fs.Path(path)

    def _place(self, path: str) -> tuple[Any, bool]:
        """The file system of a path, and whether there is something."""
        place = self._hadoop(path)
        system = place.getFileSystem(self._spark._jsc.hadoopConfiguration())
        return system, bool(system.exists(place))

    def _delete(self, path: str) -> None:
        system, there = self._place(path)
        if there:
            system.delete(self._hadoop(path), True)

    def write(self, name: str, rows: DataFrame) -> None:
        """Write a table."""
        rows.write.parquet(f"{self._part}/{name}")

    def read(self, name: str) -> DataFrame:
        """A table that is written."""
        return self._spark.read.parquet(f"{self._part}/{name}")

    def kept(self, name: str, rows: DataFrame) -> DataFrame:
        """Rows that are used more than once, worked out once; gone when the folder is closed."""
        self.write(f"work/{name}", rows)
        return self.read(f"work/{name}")

    def write_header(self, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
        """Write what the tables say of themselves."""
        for name in ("release", "origin", "meta"):
            made = self._spark.createDataFrame(list(rows[name]), TABLES[name].partition("--")[0])
            self.write(name, made.coalesce(1))


class Tables:
    """Fingerprint tables that are finished."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        self.path = path.rstrip("/")
        self._spark = spark
        rows = {
            name: [tuple(row) for row in self._opened(name).collect()]
            for name in ("meta", "release", "origin")
        }
        self.header: Header = header_of(self.path, rows)

    def read(self, name: str) -> DataFrame:
        """One of the tables, its columns checked and its rows counted.

        Raises:
            IndexFileError: it is not there, or not what was written.
        """
        found = self._opened(name)
        expected, many = self.header.counts.get(name), found.count()
        if many != expected:
            raise refused(self.path, f"{many} rows in table {name!r}, not the {expected} written")
        return found

    def _opened(self, name: str) -> DataFrame:
        from pyspark.errors import AnalysisException

        try:
            found = self._spark.read.parquet(f"{self.path}/{name}")
        except AnalysisException as error:
            raise refused(self.path, f"no table {name!r} (not finished, or none at all)") from error
        kinds = dict(found.dtypes)
        expected = columns_of(self._spark, name)
        checked_columns(
            f"{self.path}/{name}", kinds, expected, lambda text: refused(self.path, text)
        )
        return found.select(*expected)


def columns_of(spark: SparkSession, name: str) -> dict[str, str]:
    """The columns of a table, and their types."""
    lines = (line.partition("--")[0] for line in TABLES[name].splitlines())
    empty = spark.createDataFrame([], " ".join(lines).strip().rstrip(","))
    return dict(empty.dtypes)
