"""cli_report: how a result is written, for every command that has one, and ``provenance report``,
which writes a saved one again. Imports nothing heavy."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from os.path import isfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.errors import ExitCode, ProvenanceError, SourceError, UsageError
from provenance.regular import real_path
from provenance.terminal import (
    Held,
    limits,
    open_as,
    options,
    printable,
    say_lacking,
    write_bytes,
    write_whole,
)

if TYPE_CHECKING:
    from provenance.model import Report

EXIT_CODES = """\b
Exit codes
  0  done
  1  findings at or above --fail-on
  2  the command line is wrong
  3  not completed; the message says why
"""

_LONGEST = 1_000_000_000
_QUOTING = ("json", "cyclonedx", "codequality", "spdx", "html")
"""Formats with names or text just as they are, all of it in strings of JSON."""
STRENGTH = ("fragment", "type-3", "type-2", "type-1")


def _languages() -> list[str]:
    """The languages of the HTML report, English first: one catalogue a language."""
    folder = Path(__file__).with_name("report") / "languages"
    return sorted((path.stem for path in folder.glob("*.json")), key=lambda one: (one != "en", one))


def _format(context: click.Context, _: click.Parameter, value: str | None) -> str | None:
    """The name of a format, checked before the work is done."""
    if value is not None:
        from provenance.report.formats import named

        named(value)
    return value


def _output(context: click.Context, _: click.Parameter, value: Path | None) -> Path | None:
    """The name of a file, checked likewise, unless the format is named."""
    if value is not None and context.params.get("format_") is None:
        from provenance.report.formats import format_of

        format_of(str(value))
    return value


def check_apart(html: Path | None, output: Path | None, read: Iterable[str]) -> None:
    """That no report is written where the other one goes, nor over what the call reads.

    Raises:
        UsageError: something would be lost.
    """
    if html and output and real_path(html) == real_path(output):
        raise UsageError(
            f"{html}: found it named by --html and --output, expected two files; name another"
        )
    if html and not output and open_as(html) == 1:
        raise UsageError(
            f"{html}: found the page sent to the output, where the report goes too, expected two "
            "places; name a file with --output, or the page alone with --format html"
        )
    held = {real_path(one) for one in read}
    for option, path in (("--html", html), ("--output", output)):
        if path and path.is_file() and real_path(path) in held:
            raise UsageError(
                f"{path}: found it read by this call too, expected another file, as it would be "
                f"lost; name one with {option}"
            )


REPORT = options(
    click.option(
        "--format",
        "format_",
        metavar="NAME",
        is_eager=True,
        callback=_format,
        help="text, json, sarif, csv, ...: else what the ending of --output says, else text.",
    ),
    click.option(
        "--output",
        "-o",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        callback=_output,
        help="Write to FILE, whole or not at all, instead of the terminal.",
    ),
    click.option(
        "--html",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write a page too, for a browser: all evidence in one file.",
    ),
    click.option(
        "--lang",
        type=click.Choice(_languages()),
        default="en",
        show_default=True,
        help="Language of the page.",
    ),
    click.option(
        "--fail-on",
        type=click.Choice([*STRENGTH, "never"]),
        default="never",
        show_default=True,
        help="Exit with 1 when there is a finding of this type or a stronger one.",
    ),
)


@click.command("report", cls=Held, epilog=EXIT_CODES)
@click.argument("result", metavar="RESULT", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--source", metavar="SOURCE", help="Where the scanned code is now, if it moved.")
@click.option("--reference", metavar="SOURCE", help="Where the reference code is, if not cached.")
@REPORT
def report_(
    result: Path,
    source: str | None,
    reference: str | None,
    format_: str | None,
    output: Path | None,
    html: Path | None,
    lang: str,
    fail_on: str,
) -> None:
    """Write a saved RESULT again, as text or as a page.

    RESULT is what 'provenance scan --format json' wrote. A page quotes the scanned files that are
    still what was scanned, and the reference files that are in the cache.

    \b
    Examples
      provenance report result.json --html report.html
      provenance report result.json --html report.html --source ../my-model
    """
    from provenance.regular import is_elsewhere
    from provenance.workers import BOUNDS

    check_apart(html, output, (str(result), *filter(None, (source, reference))))
    try:
        saved = _saved(result)
    except MemoryError as error:
        raise SourceError(
            f"{result}: found a report for which more memory is needed than "
            f"{BOUNDS.memory / 1e6:,.0f} MB, or than the system grants; scan less at once"
        ) from error
    if not source and not is_elsewhere(saved.source) and isfile(saved.source):
        check_apart(html, output, (saved.source,))
    if html:
        write_page(html, saved, lang, reference=reference, source=source, moved=True)
    deliver(saved, format_, output, fail_on, lang, reference=reference, source=source, moved=True)


def _saved(result: Path) -> Report:
    """Read a saved report."""
    from provenance.regular import read_at_most
    from provenance.report.saved import report_of

    with result.open("rb") as opened:  # a pipe or a device too: no size tells how long it is
        data = read_at_most(opened.read, _LONGEST)
    if len(data) > _LONGEST:
        raise SourceError(
            f"{result}: found more than {_LONGEST:,} bytes, expected a report; scan less at once"
        )
    try:
        text = data.decode("utf-8-sig")  # some editors and shells put a mark before it
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{result}: found no UTF-8 text, expected a report that 'provenance scan --format "
            "json' wrote; scan again with --output, as some shells write other text than they get"
        ) from error
    return report_of(text, str(result))


def deliver(
    report: Report,
    format_: str | None,
    output: Path | None,
    fail_on: str,
    lang: str,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    reference: str | None = None,
    source: str | None = None,
    moved: bool = False,
) -> None:
    """Write the report, then end with the exit code that it calls for."""
    from provenance.report.formats import format_of, named

    one = named(format_) if format_ else format_of(str(output)) if output else named("text")
    if one.name == "json":
        from provenance.report.json import json_report

        text = json_report(report)
    elif one.name == "text":
        import shutil

        from provenance.report.text import text_report

        columns = 80 if output else shutil.get_terminal_size((80, 24)).columns
        text = text_report(report, width=min(columns, 120))
    else:
        from provenance.auditing import created, without_policy
        from provenance.report.formats import Texts
        from provenance.sides import reference_texts

        texts = Texts()
        if one.quotes == "texts":
            suspects = _suspects(report, source, include, exclude, moved)
            references = reference_texts(report, reference, scanned=source, limits=limits())
            texts = Texts(suspects, references, language=lang)
        elif one.quotes == "bytes":
            contents = _contents(report, source, include, exclude, moved)
            texts = Texts(contents=contents, created=created())
        text = one.write(without_policy(report), texts)
    if output is None:
        from provenance.report.text import COMMAND

        if one.name in _QUOTING:  # a log of CI looks for it anywhere
            text = COMMAND.sub(r"#\\u0023", text)
        if one.name == "text":
            click.echo(text, nl=False)
        else:
            write_bytes(text.encode())  # files are UTF-8
    else:
        write_whole(output, text)
    if not report.files:
        click.echo(
            "provenance: no Python file was scanned; expected at least one: look at what was to be "
            "scanned, --include and --exclude, and at what was skipped, if anything was",
            err=True,
        )
        sys.exit(ExitCode.NOT_COMPLETED)
    if fail_on != "never":
        least = STRENGTH.index(fail_on)
        strong = any(STRENGTH.index(finding.clone_type) >= least for finding in report.findings)
        if strong or any(file.identical for file in report.files):
            sys.exit(ExitCode.FINDINGS)


def write_page(
    path: Path,
    report: Report,
    language: str,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    reference: str | None = None,
    source: str | None = None,
    moved: bool = False,
) -> None:
    """Write the HTML report, with the text of both sides as far as it is at hand."""
    from provenance.report.html import html_report
    from provenance.sides import reference_texts

    sources = _suspects(report, source, include, exclude, moved)
    references = reference_texts(report, reference, scanned=source, limits=limits())
    page = html_report(report, sources, references=references, language=language)
    write_whole(path, page, "--html")


def _suspects(
    report: Report,
    source: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    moved: bool,
) -> dict[str, str]:
    """The text of the scanned files with findings. Where the scan was some other day, ``moved``,
    the code may have gone: that is said, and no error."""
    from provenance.sides import suspect_texts

    try:
        _check_source(report, source, moved)
        sources = suspect_texts(report, source, include=include, exclude=exclude, limits=limits())
    except ProvenanceError as error:
        if not moved or source:
            raise
        sources = {}
        click.echo(f"provenance: {printable(str(error))}", err=True)
    say_lacking(report, sources, "; name where it is with --source" if moved else "")
    return sources


def _check_source(report: Report, source: str | None, moved: bool) -> None:
    """That a saved report, which may be anybody's, has nobody look on another computer, which would
    sign in there.

    Raises:
        SourceError: it names one.
    """
    from provenance.regular import is_elsewhere

    if moved and not source and is_elsewhere(report.source):
        raise SourceError(
            f"{report.source[:200]}: found a place of another computer in a saved report, expected "
            "one here; name it with --source if it is right"
        )


def _contents(
    report: Report,
    source: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    moved: bool,
) -> dict[str, bytes]:
    """The bytes of the scanned files that formats describe, likewise."""
    from provenance.sides import suspect_contents

    try:
        _check_source(report, source, moved)
        return suspect_contents(report, source, include=include, exclude=exclude)
    except ProvenanceError as error:
        if not moved or source:
            raise
        click.echo(f"provenance: {printable(str(error))}", err=True)
        return {}
