"""folders: a folder of tables in any file system that Spark reaches: written whole or not at all.

The tables are made beside their place, under a name that begins with a dot, and put there when all
are written; ``meta`` is the last. Where a build is interrupted, the next one of the same takes up
the tables that were written whole: those whose number of files and bytes it finds, with what they
were made of, in the user's cache folder. What anybody else may have put there it takes away.
"""

from __future__ import annotations

import json
import os
import re
import stat
from contextlib import suppress
from glob import glob
from hashlib import blake2b
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from provenance.aside import LOCK, hold
from provenance.cluster.session import said
from provenance.cluster.tables import TABLES, Header, checked_columns, header_of, refused
from provenance.errors import ProvenanceError, UsageError
from provenance.ours import forget, keep, seals
from provenance.patterns import expand_braces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import DataFrame, SparkSession


_PAGES = {"parquet.page.size.row.check.max": "1", "parquet.page.size.row.check.min": "1"}
"""So that a page has 1 MB, or a row more; else it has a hundred rows at least, of any size."""


class Folder:
    """A folder that is being written. Use as a context manager: leaving it with an error of ours
    leaves nothing behind, with another one what can be taken up."""

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
        system, _ = self._place(self._part)
        uri = str(system.makeQualified(self._hadoop(self._part)).toString())
        self._noted = Path("/", uri.removeprefix("file:"))
        self._made_of: str | None = None
        self._taken_up: set[str] = set()
        self._lock = _held(self._noted, self.path) if uri.startswith("file:") else None
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None:
                self._put_in_place()
            elif self._made_of is None or issubclass(kind, ProvenanceError):
                with suppress(Exception):  # Spark may be gone; the next build deletes it
                    self._delete(self._part)
                    forget(self._noted)
        finally:
            if self._lock is not None:
                self._lock.close()

    def _put_in_place(self) -> None:
        system, _ = self._place(self._part)
        for name in self._names(""):
            if name not in TABLES:
                self._delete(f"{self._part}/{name}")
        if not system.rename(self._hadoop(self._part), self._hadoop(self.path)):
            raise UsageError(
                f"{self.path}: cannot be put in place, expected a name that nothing has, not even "
                f"a link, in a folder that can be written; mend that, and start again what made "
                f"{self._part}, or delete it"
            )
        forget(self._noted)

    def go_on(self, made_of: str, *written: str) -> None:
        """Take up the tables that a build which was interrupted wrote whole, delete all others.

        Args:
            made_of: what decides them.
            written: names of those that this one has written.
        """
        self._made_of = made_of
        known = seals(self._noted)
        for name in [*self._names(""), *(f"work/{one}" for one in self._names("work"))]:
            if name not in {*written, "work", LOCK}:
                if self._seal(name) in known:
                    self._taken_up.add(name)
                else:
                    self._delete(f"{self._part}/{name}")

    def _names(self, folder: str) -> list[str]:
        """What stands in the folder that is being written, or one inside it."""
        system, there = self._place(f"{self._part}/{folder}".rstrip("/"))
        if not there:
            return []
        listed = system.listStatus(self._hadoop(f"{self._part}/{folder}".rstrip("/")))
        return sorted(str(one.getPath().getName()) for one in listed)

    def _seal(self, name: str) -> str:
        """What says that a table is the one that was written."""
        system, _ = self._place(self._part)
        found = system.getContentSummary(self._hadoop(f"{self._part}/{name}"))
        told = repr((self._made_of, name, found.getFileCount(), found.getLength()))
        return blake2b(told.encode(), digest_size=32).hexdigest()

    def _hadoop(self, path: str) -> Any:
        java: Any = self._spark._jvm
        return java.org.apache.hadoop.fs.Path(path)

    def _place(self, path: str) -> tuple[Any, bool]:
        """The file system of a path, and whether there is something."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            place = self._hadoop(path)
            system = place.getFileSystem(self._spark._jsc.hadoopConfiguration())
            return system, bool(system.exists(place))
        except (PySparkException, Py4JError) as error:
            raise UsageError(
                f"{self.path}: found no place that Spark can write to ({said(error)}), expected a "
                "folder, or an address of a file system that it knows; mend --output"
            ) from error

    def _delete(self, path: str) -> None:
        system, there = self._place(path)
        if there:
            system.delete(self._hadoop(path), True)

    def write(self, name: str, rows: DataFrame) -> None:
        """Write a table, if it is not there from a build that was interrupted."""
        if name not in self._taken_up:
            self._delete(f"{self._part}/{name}")
            rows.write.options(**_PAGES).parquet(f"{self._part}/{name}")
            if self._made_of is not None:
                keep(self._noted, self._seal(name))

    def read(self, name: str) -> DataFrame:
        """A table that is written."""
        return _table(self._spark, f"{self._part}/{name}")

    def kept(self, name: str, rows: DataFrame) -> DataFrame:
        """Rows that are used more than once, worked out once; gone when the folder is closed."""
        self.write(f"work/{name}", rows)
        return self.read(f"work/{name}")

    def write_header(self, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
        """Write what the tables say of themselves."""
        for name in ("release", "origin", "meta"):
            made = self._spark.createDataFrame(list(rows[name]), TABLES[name].partition("--")[0])
            self.write(name, made.coalesce(1))


def _held(folder: Path, path: str) -> IO[bytes]:
    """See that no other process writes the same tables at the same time."""
    try:
        if folder.is_symlink():  # what is in its target is not ours to take away
            folder.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        for inner in (folder, folder / "work"):  # nor is what is in those of links that it has
            for one in inner.glob("*"):
                if one.is_symlink():
                    one.unlink()
        lock = hold(folder)
    except OSError as error:
        raise ProvenanceError(
            f"{folder}: cannot be written ({error.strerror}), expected a folder for what is built; "
            "look at its permissions, or name another with --output"
        ) from error
    if lock is None:
        raise UsageError(
            f"{path}: found another process that writes it, expected none; wait for it, or name "
            "another folder with --output"
        )
    return lock


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
        plain = [one for one, kind in found.dtypes if kind in ("int", "bigint", "string")]
        expected, many = self.header.counts.get(name), found.dropna(subset=plain).count()
        if many != expected:
            raise refused(
                self.path, f"{many} whole rows in table {name!r}, not the {expected} written"
            )
        return found

    def _opened(self, name: str) -> DataFrame:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        if special := waited_for(f"{self.path}/{name}"):
            raise refused(self.path, f"{special}, neither a file nor a folder")
        try:
            found = _table(self._spark, f"{self.path}/{name}")
        except (PySparkException, Py4JError) as error:
            what = f"no table {name!r} (not finished, or none at all: {said(error)})"
            raise refused(self.path, what) from error
        if special := user_type(found):
            raise refused(self.path, f"{special} in table {name!r}")
        kinds = dict(found.dtypes)
        expected = columns_of(self._spark, name)
        checked_columns(
            f"{self.path}/{name}", kinds, expected, lambda text: refused(self.path, text)
        )
        return found.select(*expected)


_SPARKS_OWN = ("pyspark.ml.linalg.VectorUDT", "pyspark.ml.linalg.MatrixUDT")


def user_type(table: DataFrame) -> str | None:
    """What in the types of a table's columns is one of a user. PySpark imports the module that the
    footer of a file names for it, and its older releases unpickle what stands there, as soon as
    they are asked for the columns: only Java has been asked here."""
    try:
        waiting: list[object] = [json.loads(table._jdf.schema().json())]
    except (ValueError, RecursionError):
        return "types of columns that cannot be read"
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            named = one.get("pyClass")
            if one.get("type") == "udt" and (named not in _SPARKS_OWN or "serializedClass" in one):
                return "a column of a type that a user has defined"
            waiting += (value for key, value in one.items() if key != "metadata")
        elif isinstance(one, list):
            waiting += one
    return None


def waited_for(path: str) -> str | None:
    """What in a local table, or in its place, is neither file nor folder, such as a named pipe, for
    which Java would wait: of all that Spark reads there, by links and patterns too."""
    top = re.sub(r"\Afile:(//(?=/))?", "", path, flags=re.IGNORECASE)
    tops: tuple[str, ...] = (top,)
    if not os.path.lexists(top):
        tops = tuple(found for one in expand_braces([top]) for found in glob(one))
    return next(filter(None, map(_irregular, tops)), None)


def _irregular(top: str) -> str | None:
    """The first of a place and what is below it."""
    waiting, known = [top], set()
    while waiting:
        place = waiting.pop()
        with suppress(OSError, ValueError):
            state = os.stat(place)
            if stat.S_ISREG(state.st_mode) or (state.st_dev, state.st_ino) in known:
                continue
            if not stat.S_ISDIR(state.st_mode):
                return place
            known.add((state.st_dev, state.st_ino))
            names = sorted(os.listdir(place), reverse=True)
            waiting += (os.path.join(place, name) for name in names if _is_read(name))
    return None


def _is_read(name: str) -> bool:
    """Whether Spark reads what is called so: it passes over what is hidden."""
    return not name.startswith((".", "_")) or "=" in name or name.endswith("_metadata")


def _table(spark: SparkSession, path: str) -> DataFrame:
    """A table of this very name, whatever signs of a pattern are in it."""
    return spark.read.option("__globPaths__", "false").parquet(path)


def columns_of(spark: SparkSession, name: str) -> dict[str, str]:
    """The columns of a table, and their types."""
    lines = (line.partition("--")[0] for line in TABLES[name].splitlines())
    empty = spark.createDataFrame([], " ".join(lines).strip().rstrip(","))
    return dict(empty.dtypes)
