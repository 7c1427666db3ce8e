"""The commands of the cluster: thin, like all of the command line."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli_explain import DAYS
from provenance.cli_report import EXIT_CODES, REPORT, check_apart, deliver, write_page
from provenance.errors import UsageError
from provenance.terminal import BOUNDS, FILES, Group, check_place, limits, options, printable

if TYPE_CHECKING:
    from provenance.cluster.tables import Capped


def _settings(
    ctx: click.Context, option: click.Parameter, value: tuple[str, ...]
) -> dict[str, str]:
    found = [one.partition("=") for one in value]
    for given, (name, sign, _) in zip(value, found, strict=True):
        if not (name and sign):
            raise UsageError(f"--conf: found {given!r}, expected KEY=VALUE")
    return {name: text for name, _, text in found}


_SPARK = options(
    click.option(
        "--master",
        metavar="URL",
        help="Where Spark runs.  [default: that of spark-submit, else local[*]]",
    ),
    click.option(
        "--conf", multiple=True, callback=_settings, metavar="KEY=VALUE", help="A Spark setting."
    ),
)
_PARQUET = click.option("--parquet", is_flag=True, help="SOURCE is a Parquet table, see above.")


@click.group(cls=Group, epilog=EXIT_CODES)
def cluster() -> None:
    """Build and scan on Apache Spark; needs the extra [spark] and Java 17.

    Fingerprint tables are what an index holds, as Parquet; a scan of them gives the report that
    'provenance scan' gives of the index.
    """


@cluster.command("build")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--output", "-o", required=True, metavar="FOLDER", help="The tables to write.")
@_PARQUET
@click.option(
    "--most",
    type=click.IntRange(min=64),
    metavar="N",
    help="Units that a key, files that a unit may have; beyond they propose nobody."
    "  [default: 10000]",
)
@click.option(
    "--key-bits",
    type=click.IntRange(min=16, max=63),
    metavar="N",
    help="Bits that are kept of a key; more for more than 10 million units."
    "  [default: as in an index of so many units, 28 or 40]",
)
@FILES
@BOUNDS
@_SPARK
def cluster_build(
    sources: tuple[str, ...],
    output: str,
    parquet: bool,
    most: int | None,
    key_bits: int | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    master: str | None,
    conf: dict[str, str],
) -> None:
    """Make fingerprint tables of SOURCEs, which every executor must be able to read.

    With --parquet a SOURCE is a table with the columns path, content, origin, version, date and
    license, and package where it is not the origin. A row that cannot be used is skipped and told.

    \b
    Examples
      provenance cluster build one.whl two.tar.gz -o references
      provenance cluster build --parquet hdfs:///code.parquet -o hdfs:///refs
    """
    check_place(Path(output.removeprefix("file:")), "-o")
    from provenance.cluster.assembling import Shape
    from provenance.cluster.building import build_tables
    from provenance.cluster.session import session
    from provenance.report.text import number

    shape = Shape(key_bits=key_bits)
    if most:
        shape = replace(shape, most=most)
    if not parquet:  # an executor may begin in another folder
        sources = tuple(one if one.startswith("pypi:") else os.path.abspath(one) for one in sources)
    with session(master, conf) as spark:
        built = build_tables(
            spark,
            sources,
            output,
            parquet=parquet,
            include=include,
            exclude=exclude,
            shape=shape,
            limits=limits(),
        )
    for one in built.skipped:
        click.echo(f"skipped {printable(one.path)}: {printable(one.reason)}", err=True)
    if built.skipped_in_all > len(built.skipped):
        click.echo(f"skipped {built.skipped_in_all - len(built.skipped):,} more", err=True)
    click.echo(
        f"{printable(output)}: {number(built.files, 'file')}, {built.contents:,} distinct, "
        f"{built.skipped_in_all:,} skipped"
    )
    _tell(built.capped)


def _tell(capped: Capped) -> None:
    """Say what is too common to be listed."""
    from provenance.cluster.tables import DOOR_NAMES

    keys = [f"{count:,} of {DOOR_NAMES[door]}" for door, count in capped.keys.items() if count]
    if keys:
        click.echo(f"too common to propose anybody: keys: {', '.join(keys)}", err=True)
    if capped.units or capped.files:
        click.echo(
            f"too common: {capped.units:,} units propose nobody; of {capped.files:,} contents only "
            "the oldest files are listed",
            err=True,
        )


@cluster.command("scan", epilog=EXIT_CODES)
@click.argument("source", metavar="SOURCE")
@click.argument("tables", metavar="TABLES")
@_PARQUET
@DAYS
@FILES
@BOUNDS
@_SPARK
@REPORT
def cluster_scan(
    source: str,
    tables: str,
    parquet: bool,
    as_of: str | None,
    exclude_origin: tuple[str, ...],
    suspect_date: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    master: str | None,
    conf: dict[str, str],
    format_: str | None,
    output: Path | None,
    html: Path | None,
    lang: str,
    fail_on: str,
) -> None:
    """Find what in SOURCE resembles the references of fingerprint TABLES.

    SOURCE is what 'provenance scan' takes, read by this machine; with --parquet a table with the
    columns path and content.

    \b
    Examples
      provenance cluster scan my-model/ references
      provenance cluster scan --parquet hdfs:///suspects.parquet hdfs:///refs
    """
    from provenance.cluster.scan import scan_tables
    from provenance.cluster.session import session
    from provenance.report.formats import format_of, named

    check_apart(html, output, (source,))
    one = named(format_) if format_ else format_of(str(output)) if output else named("text")
    if parquet and (html or one.quotes):
        raise UsageError(
            f"--{'html' if html else 'parquet'}: found a report as {'html' if html else one.name}, "
            "which shows or sums the scanned files; they are not read again of a table: write "
            "JSON with --output, or scan a folder"
        )
    with session(master, conf) as spark:
        report, header = scan_tables(
            spark,
            source,
            tables,
            parquet=parquet,
            include=include,
            exclude=exclude,
            as_of=as_of,
            exclude_origin=exclude_origin,
            suspect_date=suspect_date,
            limits=limits(),
        )
    _tell(header.capped)
    if html:
        write_page(html, report, lang, include, exclude)
    deliver(report, format_, output, fail_on, lang, include, exclude)


@cluster.command("export")
@click.argument("tables", metavar="TABLES")
@click.option("--output", "-o", required=True, metavar="FILE", help="The index to write.")
@_SPARK
def cluster_export(tables: str, output: str, master: str | None, conf: dict[str, str]) -> None:
    """Write an index FILE of fingerprint TABLES, for 'provenance scan'.

    \b
    Example
      provenance cluster export references -o references.db
    """
    check_place(Path(output), "-o")
    from provenance.cluster.exchange import export_index
    from provenance.cluster.folders import Tables
    from provenance.cluster.session import session

    with session(master, conf) as spark:
        opened = Tables(spark, tables)
        checksum = export_index(opened, opened.header, output)
    click.echo(f"{printable(output)}: checksum {checksum}")


@cluster.command("import")
@click.argument("file", metavar="FILE")
@click.option("--output", "-o", required=True, metavar="FOLDER", help="The tables to write.")
@_SPARK
def cluster_import(file: str, output: str, master: str | None, conf: dict[str, str]) -> None:
    """Make fingerprint tables of an index FILE, which every executor must be able to read.

    \b
    Example
      provenance cluster import references.db -o references
    """
    check_place(Path(output.removeprefix("file:")), "-o")
    from provenance.cluster.importing import import_index
    from provenance.cluster.session import session
    from provenance.report.text import number

    with session(master, conf) as spark:
        header = import_index(spark, file, output)
    click.echo(
        f"{printable(output)}: {number(header.counts['file'], 'file')}, checksum {header.checksum}"
    )
    _tell(header.capped)
