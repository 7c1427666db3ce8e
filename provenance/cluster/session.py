"""session: starts Spark, and turns its failures into messages without a traceback."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import ClusterError, ProvenanceError
from provenance.worker import unshadowed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_QUIET = Path(__file__).with_name("log4j2.properties")
_OURS = re.compile(r"provenance\.errors\.(?:\w+Error): (.+)")
_UNREAD = re.compile(r"Encountered error while reading file (\S+)\.(?:\s|$)")
_CAUSES = re.compile(
    r"^(?:Caused by: |: |py4j[\w.]*: |pyspark[\w.]*: )?"
    r"((?:org|java|py4j|pyspark)[\w.$]+(?:Exception|Error)|[A-Z]\w+(?:Error|Exception)): (.+)$",
    re.MULTILINE,
)


def missing() -> str | None:
    """Why no session can be started here, None where one can."""
    try:
        import pyspark  # noqa: F401
    except ImportError:
        return (
            "found no PySpark, which the cluster commands need; install it with "
            "pip install 'provenance-checker[spark]'"
        )
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=os.path.join(home, "bin")) if home else shutil.which("java")
    if java is None and "PYSPARK_GATEWAY_PORT" not in os.environ:
        where = f"JAVA_HOME ({home})" if home else "the PATH"
        return (
            f"found no Java on {where}, which Spark runs on; expected version 17 or newer: install "
            "it (Debian: openjdk-17-jre-headless), or set JAVA_HOME"
        )
    return None


@contextmanager
def session(
    master: str | None = None, settings: dict[str, str] | None = None
) -> Iterator[SparkSession]:
    """A Spark session for as long as the context lasts.

    Args:
        master: where it runs; None for the one that ``spark-submit`` gave, else all cores of this
            machine.
        settings: of Spark, over ours.

    Raises:
        ClusterError: Spark is not there, or a job failed.
    """
    reason = missing()
    if reason:
        raise ClusterError(reason)
    import pyspark
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if sys.flags.utf8_mode:  # as under LC_ALL=C; Java is to read names of files as Python does
        os.environ["LC_ALL"] = "C.UTF-8"
    builder = SparkSession.builder.appName("provenance")
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # not started by spark-submit
        # PySpark looks beside the working folder first, where a repository may have a bin
        module = Path(pyspark.__file__).resolve().parent
        homes = (module / "spark-distribution", module, module.parent.parent)
        known = next((one for one in homes if (one / "bin" / "spark-submit").is_file()), module)
        os.environ["SPARK_HOME"] = os.environ.get("SPARK_HOME") or str(known)
        builder = builder.master(master or "local[*]").config("spark.ui.enabled", "false")
        more = (settings or {}).get("spark.driver.extraJavaOptions", "")
        place = re.sub(r'(["\\])', r"\\\1", os.getcwd())  # a folder of any name is no option
        here = f'-Duser.dir="{place}"'  # for relative paths, wherever Java begins
        options = f"-Dlog4j2.configurationFile={_QUIET.as_uri()} {here} {more}"
        settings = {**(settings or {}), "spark.driver.extraJavaOptions": options}
        builder = builder.config("spark.ui.showConsoleProgress", "false")
    elif master:
        builder = builder.master(master)
    builder = builder.config("spark.sql.parquet.compression.codec", "zstd")
    builder = builder.config("spark.sql.parquet.columnarReaderBatchSize", "512")  # see row_by_row
    builder = builder.config("spark.hadoop.parquet.page.verify-checksum.enabled", "true")
    builder = builder.config("spark.executorEnv.PYTHONSAFEPATH", "1")
    for key, value in (settings or {}).items():
        builder = builder.config(key, value)
    try:
        with unshadowed(), _unlogged(), _interruptible():
            spark = builder.getOrCreate()
    except (PySparkException, Py4JError, OSError, RuntimeError) as error:
        raise ClusterError(
            f"Spark could not be started ({said(error)}); expected Java 17 or newer and a master "
            "that answers: look at JAVA_HOME and --master"
        ) from error
    try:
        with _unlogged():
            yield spark
    except (PySparkException, Py4JError) as error:
        raise _failed(error) from error
    finally:
        with suppress(Py4JError, OSError):  # it may be gone
            spark.stop()


@contextmanager
def _interruptible() -> Iterator[None]:
    """PySpark's answer to Ctrl-C asks Java to end the jobs, which fails where a job is waited for,
    and is no failure of the job: it is put back what was there."""
    kept = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if kept is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, kept)


@contextmanager
def _unlogged() -> Iterator[None]:
    """What py4j logs of an interruption, a traceback, is not shown where nobody asked for logs."""
    nobody = logging.NullHandler()
    logging.getLogger().addHandler(nobody)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(nobody)


@contextmanager
def row_by_row(spark: SparkSession) -> Iterator[None]:
    """What is planned meanwhile reads Parquet a row at a time. Else Spark unpacks up to 4,096 rows
    of a column side by side, which are whole files where it is their content: 60 of 3 MB ended an
    executor of 1 GB."""
    name = "spark.sql.parquet.enableVectorizedReader"
    before = spark.conf.get(name)
    spark.conf.set(name, "false")
    try:
        yield
    finally:
        with suppress(Exception):  # Spark may be gone
            spark.conf.set(name, str(before))


def _failed(error: Exception) -> ProvenanceError:
    ours = _OURS.search(str(error))
    if ours:
        return ClusterError(ours[1])
    unread = _UNREAD.search(str(error))
    if unread:
        return ClusterError(
            f"{unread[1]}: cannot be read ({said(error)}), expected Parquet as it was written; "
            "restore it, or take away what is no part of its folder; nothing was put in place"
        )
    return ClusterError(
        f"a Spark job failed ({said(error)}); nothing was put in place: look at Spark's own log, "
        "and give executors more memory or disk where it was that"
    )


def said(error: Exception) -> str:
    """The cause of a failure of Spark, in a line."""
    text = str(error)
    found = _CAUSES.findall(text)
    line = f"{found[-1][0].rpartition('.')[2]}: {found[-1][1]}" if found else text.strip()
    return " ".join(line.split("\n", 1)[0].split())[:300]
