"""The command of the evidence bundle, ``verify-bundle``: thin, like all of the command line."""

from __future__ import annotations

import sys

import click

from provenance.errors import ExitCode
from provenance.terminal import BOUNDS, Held, cores, limits, printable, progress_bar

VERIFY_CODES = """\b
Exit codes
  0  all that was checked holds
  1  the new scan differs
  2  the command line is wrong
  3  not completed, or the bundle is damaged; the message says why
"""


@click.command(cls=Held, epilog=VERIFY_CODES)
@click.argument("file", metavar="FILE")
@click.option("--source", metavar="SOURCE", help="Scan this again, and compare.")
@click.option(
    "--index",
    "indexes",
    multiple=True,
    metavar="FILE",
    help="An index that was looked into, beside the default one; several times.",
)
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes.")
@BOUNDS
def verify_bundle(
    file: str, source: str | None, indexes: tuple[str, ...], jobs: int | None
) -> None:
    """Check a bundle of 'provenance audit --bundle'.

    Without --source its members are checked against its sums: nothing was damaged. With it what
    was audited is scanned again, as the bundle says, and compared byte for byte. What made the
    bundle is not known by either: compare its checksum with one that you trust.

    \b
    Examples
      provenance verify-bundle evidence.zip
      provenance verify-bundle evidence.zip --source .
    """
    from provenance.verifying import verify_bundle as run

    with progress_bar("Scanning") as progress:
        checks = run(
            file, source, indexes, jobs=jobs or cores(), limits=limits(), progress=progress
        )
    for check in checks:
        state = "not checked" if check.state == "open" else check.state
        words = f": {printable(check.words)}" if check.words else ""
        click.echo(f"{check.what} {state}{words}")
    if any(check.state == "differs" for check in checks):
        sys.exit(ExitCode.FINDINGS)
    if source is not None and any(
        check.what in ("scan", "indexes") and check.state == "open" for check in checks
    ):
        sys.exit(ExitCode.NOT_COMPLETED)
