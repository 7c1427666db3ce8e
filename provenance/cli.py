"""The command line. Imports nothing heavy: every command loads what it needs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from provenance.cli_audit import audit, notices
from provenance.cli_bundle import verify_bundle
from provenance.cli_cluster import cluster
from provenance.cli_explain import INDEXES, explain
from provenance.cli_report import (
    EXIT_CODES,
    REPORT,
    check_apart,
    deliver,
    report_,
    write_page,
)
from provenance.errors import ExitCode, ProvenanceError, UsageError
from provenance.references import DEFAULT_INDEX
from provenance.terminal import (
    BOUNDS,
    FILES,
    Group,
    Held,
    check_place,
    cores,
    limits,
    options,
    printable,
    progress_bar,
)
from provenance.version import VERSION

SOURCES = """\b
A SOURCE is any of
  a directory              but what .gitignore ignores and git has not
  a file                   .py, or a notebook (.ipynb)
  a wheel, sdist, zip, tar read in place, never unpacked
  pypi:NAME==VERSION       fetched with pip; nothing of it is run
"""

_FILES = options(
    FILES,
    click.option(
        "--jobs",
        type=click.IntRange(min=1),
        default=None,
        metavar="N",
        help="Worker processes; the result does not depend on it.  [default: all cores]",
    ),
    BOUNDS,
)


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog=EXIT_CODES,
)
@click.version_option(VERSION, prog_name="provenance")
def main() -> None:
    """Which files, classes and functions resemble reference model code.

    \b
    Examples
      provenance scan my-model/
      provenance index build ../private-models --origin ours -o ours.db
      provenance scan my-model/ --index ours.db
      provenance compare my-model/ pypi:transformers==4.57.1
    """
    # numpy starts threads for linear algebra, of which there is none here: a tenth of a second.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@main.command(cls=Held, epilog=EXIT_CODES)
@click.argument("path", metavar="SOURCE")
@INDEXES
@click.option(
    "--no-cache", is_flag=True, envvar="PROVENANCE_NO_CACHE", help="Parse unchanged files again."
)
@_FILES
@REPORT
def scan(
    path: str,
    indexes: tuple[str, ...],
    no_default_index: bool,
    as_of: str | None,
    exclude_origin: tuple[str, ...],
    suspect_date: str | None,
    no_cache: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    jobs: int | None,
    format_: str | None,
    output: Path | None,
    html: Path | None,
    lang: str,
    fail_on: str,
) -> None:
    """Find what in SOURCE resembles indexed reference code."""
    from provenance.cache import place
    from provenance.scanning import scan as run

    check_apart(html, output, (path, *indexes, str(DEFAULT_INDEX)))
    with progress_bar("Scanning") as progress:
        report = run(
            path,
            indexes if no_default_index else (DEFAULT_INDEX, *indexes),
            include=include,
            exclude=exclude,
            as_of=as_of,
            exclude_origin=exclude_origin,
            suspect_date=suspect_date,
            jobs=jobs or cores(),
            limits=limits(),
            progress=progress,
            cache=None if no_cache else place(path),
        )
    if html:
        write_page(html, report, lang, include, exclude)
    deliver(report, format_, output, fail_on, lang, include, exclude)


scan.help = f"""{scan.help or ""}

{SOURCES}
\b
Examples
  provenance scan .
  provenance scan pypi:transformers==5.23.0 --as-of 2026-08-10 \\
      --include 'transformers/models/axk1/*'
  provenance scan model.py --index ours.db --format json -o result.json
"""


@main.command(cls=Held, epilog=EXIT_CODES)
@click.argument("suspect")
@click.argument("reference")
@_FILES
@REPORT
def compare(
    suspect: str,
    reference: str,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    jobs: int | None,
    format_: str | None,
    output: Path | None,
    html: Path | None,
    lang: str,
    fail_on: str,
) -> None:
    """Find what in SUSPECT resembles REFERENCE; no index needed.

    --include and --exclude choose files of SUSPECT. Both sides are any SOURCE that
    'provenance scan' takes.

    \b
    Examples
      provenance compare my-model/ their-model/
      provenance compare modeling_mine.py pypi:transformers==4.57.1
    """
    from provenance.scanning import compare as run

    check_apart(html, output, (suspect, reference))
    with progress_bar("Comparing") as progress:
        report = run(
            suspect,
            reference,
            include=include,
            exclude=exclude,
            jobs=jobs or cores(),
            limits=limits(),
            progress=progress,
        )
    if html:
        write_page(html, report, lang, include, exclude, reference)
    deliver(report, format_, output, fail_on, lang, include, exclude, reference)


# --- index --------------------------------------------------------------------------------


@main.group(cls=Group, epilog=EXIT_CODES)
def index() -> None:
    """Build, extend, join, show and check indexes of reference code."""


_RELEASE = options(
    click.option(
        "--origin", metavar="NAME", help="Name the origin by hand; else paths name families."
    ),
    click.option("--date", metavar="DATE", help="Day of the release, where the archive errs."),
    click.option("--license", metavar="SPDX", help="Licence, where the metadata has none."),
)


@index.command("build")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--output", "-o", required=True, metavar="FILE", help="The index to write.")
@_RELEASE
@_FILES
def index_build(
    sources: tuple[str, ...],
    output: str,
    origin: str | None,
    date: str | None,
    license: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    jobs: int | None,
) -> None:
    """Index SOURCEs as reference code; an old FILE is replaced at the end.

    \b
    Examples
      provenance index build pypi:transformers==4.57.1 -o t457.db
      provenance index build ../private-models --origin ours -o ours.db
    """
    _build(sources, output, origin, date, license, include, exclude, jobs, extend=False)


@index.command("add")
@click.argument("file", metavar="FILE")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@_RELEASE
@_FILES
def index_add(
    file: str,
    sources: tuple[str, ...],
    origin: str | None,
    date: str | None,
    license: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    jobs: int | None,
) -> None:
    """Add SOURCEs to the index FILE; a release that it has costs nothing.

    \b
    Example
      provenance index add t457.db pypi:transformers==5.0.0
    """
    _build(sources, file, origin, date, license, include, exclude, jobs, extend=True)


def _build(
    sources: tuple[str, ...],
    output: str,
    origin: str | None,
    date: str | None,
    license: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    jobs: int | None,
    *,
    extend: bool,
) -> None:
    from provenance.indexing import build_index
    from provenance.report.text import number

    if not extend:
        check_apart(None, Path(output), sources)
    check_place(Path(output), "-o" if not extend else "FILE")
    with progress_bar("Indexing") as progress:
        built = build_index(
            sources,
            output,
            origin=origin,
            date=date,
            license=license,
            include=include,
            exclude=exclude,
            extend=extend,
            jobs=jobs or cores(),
            limits=limits(),
            progress=progress,
        )
    for known in built.known:
        click.echo(f"{printable(known)}: already indexed")
    for skipped in built.skipped:
        click.echo(f"skipped {printable(skipped.path)}: {printable(skipped.reason)}", err=True)
    size = Path(output).stat().st_size / 1e6
    click.echo(
        f"{printable(output)}: {number(built.files, 'file')} added ({built.parsed:,} with new "
        f"content), {len(built.skipped):,} skipped, {size:.1f} MB"
    )
    if not built.files and not built.known:
        click.echo(
            "provenance: no Python file was indexed; expected at least one: look at SOURCE, "
            "--include and --exclude",
            err=True,
        )
        sys.exit(ExitCode.NOT_COMPLETED)


@index.command("merge")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--output", "-o", required=True, metavar="FILE", help="The index to write.")
def index_merge(files: tuple[str, ...], output: str) -> None:
    """Join indexes of the same parameters into one; an old FILE is replaced at the end.

    It is the index that all their sources give in one go, the same bytes, whatever their order.

    \b
    Example
      provenance index merge t457.db ours.db -o both.db
    """
    from provenance.indexing import merge_indexes
    from provenance.report.text import number

    check_place(Path(output), "-o")
    merge_indexes(files, output)
    size = Path(output).stat().st_size / 1e6
    click.echo(
        f"{printable(output)}: {number(len(files), 'index', 'indexes')} joined, {size:.1f} MB"
    )


@index.command("info")
@click.argument("file", metavar="[FILE]", default=str(DEFAULT_INDEX))
@click.option("--origins", is_flag=True, help="List the origins too.")
def index_info(file: str, origins: bool) -> None:
    """Show what an index, the default one if no FILE is given, holds: packages, versions, dates,
    licences, parameters.

    \b
    Examples
      provenance index info
      provenance index info t457.db --origins
    """
    from dataclasses import asdict

    from provenance.index import Index

    with Index(file) as opened:
        facts = opened.facts()
        rows = opened.origins() if origins else []
    click.echo(f"{printable(facts.path)}: index format {facts.format_version}")
    click.echo(f"checksum {facts.checksum}")
    click.echo("")
    _table(
        ("package", "version", "date", "from", "licence"),
        [
            (r.package, r.version or "?", r.date or "?", r.date_source, r.license or "?")
            for r in facts.releases
        ],
    )
    click.echo("")
    click.echo("  ".join(f"{name}: {count:,}" for name, count in facts.counts.items()))
    click.echo("")
    for name, value in asdict(facts.parameters).items():
        click.echo(f"{name:14} {value}")
    if origins:
        click.echo("")
        _table(
            ("origin", "first", "units"),
            [(one.name, one.first or "?", str(one.units)) for one in rows],
        )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    shown = [head, *((*(printable(one).replace("\n", "\\n") for one in row),) for row in rows)]
    widths = [max(len(row[column]) for row in shown) for column in range(len(head))]
    for row in shown:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


@index.command("verify")
@click.argument("file", metavar="[FILE]", default=str(DEFAULT_INDEX))
def index_verify(file: str) -> None:
    """Check every byte of an index, the default one if no FILE is given.

    \b
    Examples
      provenance index verify
      provenance index verify t457.db
    """
    from provenance.integrity import verify

    checked = verify(file)
    click.echo(f"{printable(file)}: sound, checksum {checked}")


# --- families and sources -----------------------------------------------------------------


@main.command()
@click.argument("pattern", default="*")
@click.option(
    "--index",
    "file",
    default=str(DEFAULT_INDEX),
    metavar="FILE",
    help="The index to list, instead of the default one.",
)
def families(pattern: str, file: str) -> None:
    """List the families of reference code: who made them, since when, under which licence.

    PATTERN is a glob over names, origins, organisations and countries.

    \b
    Examples
      provenance families
      provenance families '*qwen*'
      provenance families KR
    """
    from provenance.families import families_of
    from provenance.index import Index

    with Index(file) as opened:
        found = families_of(opened, pattern)
    if not found:
        of = "" if file == str(DEFAULT_INDEX) else " --index FILE"
        click.echo(
            f"no family is like {printable(pattern)}; see all with 'provenance families{of}'"
        )
        return
    _table(
        ("family", "organisation", "country", "first seen", "licence", "units", "in"),
        [
            (
                one.family.title,
                one.family.organisation or "unknown",
                one.family.country or "?",
                one.first_seen or "?",
                ", ".join(one.licenses) or "?",
                f"{one.units:,}",
                ", ".join(one.packages),
            )
            for one in found
        ],
    )


@main.group(cls=Group, epilog=EXIT_CODES)
def sources() -> None:
    """Fetch the released packages behind the default index, or build it again."""


@sources.command("fetch")
@click.argument("origin", default="*")
def sources_fetch(origin: str) -> None:
    """Fetch the packages of an ORIGIN, all if none is given, so that reports can show both sides.

    Nothing of them is run. Each archive is checked against its recorded SHA-256.

    \b
    Examples
      provenance sources fetch
      provenance sources fetch transformers/glm4_moe
    """
    from provenance.families import releases_of
    from provenance.index import Index
    from provenance.indexing import fetched
    from provenance.references.manifest import load

    with Index(DEFAULT_INDEX) as opened:
        wanted = releases_of(opened, load(), origin)
    if not wanted:
        raise UsageError(
            f"{origin}: found no such origin, expected a glob over those that "
            "'provenance index info --origins' lists"
        )
    failed = 0
    for package, release in wanted:
        try:
            path = fetched(package, release)
        except ProvenanceError as error:
            failed += 1
            click.echo(f"{package.name} {release.version}: {printable(str(error))}", err=True)
        else:
            click.echo(f"{package.name} {release.version}: {path}")
    if failed:
        sys.exit(ExitCode.NOT_COMPLETED)


@sources.command("build")
@click.option("--output", "-o", required=True, metavar="FILE", help="The index to write.")
@click.option("--jobs", "-j", type=click.IntRange(1), metavar="N", help="Processes, all cores.")
def sources_build(output: str, jobs: int | None) -> None:
    """Build the default index again from the manifest: the same bytes each time.

    An interrupted build goes on where it was.

    \b
    Example
      provenance sources build -o default.db
    """
    check_place(Path(output), "-o")
    from provenance.indexing import build_default
    from provenance.report.text import number

    with progress_bar("Indexing") as progress:
        built = build_default(
            output, jobs=jobs or cores(), progress=progress, tell=lambda line: click.echo(line)
        )
    for skipped in built.skipped:
        click.echo(f"skipped {printable(skipped.path)}: {printable(skipped.reason)}", err=True)
    if built.missing:
        for missing in built.missing:
            click.echo(f"missing {missing.release}: {printable(missing.reason)}", err=True)
        click.echo("not put in place; run it again to fetch what is missing", err=True)
        sys.exit(ExitCode.NOT_COMPLETED)
    size = Path(output).stat().st_size / 1e6
    click.echo(
        f"{printable(output)}: {number(built.files, 'file')} ({built.parsed:,} new), {size:.1f} MB"
    )


main.add_command(audit)
main.add_command(cluster)
main.add_command(explain)
main.add_command(notices)
main.add_command(report_)
main.add_command(verify_bundle)
