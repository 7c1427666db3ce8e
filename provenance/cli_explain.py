"""The command ``explain``, and the options by which commands choose what is looked into."""

from __future__ import annotations

import sys

import click

from provenance.references import DEFAULT_INDEX
from provenance.terminal import BOUNDS, Held, limits, options

EXPLAIN_CODES = """\b
Exit codes
  0  done
  2  the command line is wrong
  3  not completed; the message says why
"""

DAYS = options(
    click.option(
        "--as-of", metavar="DATE", help="Hide what was first seen on or after DATE (2026-01-26)."
    ),
    click.option(
        "--exclude-origin",
        multiple=True,
        metavar="GLOB",
        help="Hide origins, e.g. the scanned model's own: 'transformers/solar_open'.",
    ),
    click.option(
        "--suspect-date",
        metavar="DATE",
        help="Since when SOURCE is as it is; else by git, or its archive.",
    ),
)
INDEXES = options(
    click.option(
        "--index",
        "indexes",
        multiple=True,
        metavar="FILE",
        help="Look into this index too; may be given several times.",
    ),
    click.option(
        "--no-default-index", is_flag=True, help="Look only into the indexes given with --index."
    ),
    DAYS,
)


@click.command(cls=Held, epilog=EXPLAIN_CODES)
@click.argument("source", metavar="SOURCE")
@click.argument("path", metavar="[PATH[:LINE|::NAME]]", required=False)
@click.option(
    "--against",
    metavar="FAMILY",
    help="Say why FAMILY, a name or a glob, is named here or is not: 'glm4_moe', 'qwen2*'.",
)
@INDEXES
@BOUNDS
def explain(
    source: str,
    path: str | None,
    indexes: tuple[str, ...],
    no_default_index: bool,
    as_of: str | None,
    exclude_origin: tuple[str, ...],
    suspect_date: str | None,
    against: str | None,
) -> None:
    """Show why a file, or a line of it, matched: both sides, what counts, what does not, what
    speaks for and against, and which families are nearest.

    PATH is a file inside SOURCE; its end is enough. NAME is a class or function, or Class.method.
    A SOURCE that is a file needs no PATH and may end in :LINE or ::NAME itself. The text of
    reference code is shown where its package is in the cache: 'provenance sources fetch ORIGIN'
    gets it.

    \b
    Examples
      provenance explain my-model/modeling.py:120
      provenance explain my-model src/modeling.py:120 --as-of 2026-01-26
      provenance explain pypi:transformers==5.23.0 modeling_axk1.py:400
      provenance explain my-model/modeling.py::MyModel --against llama
      provenance explain my-model/modeling.py --against 'qwen2*'
    """
    import shutil

    from provenance.explained import explained

    text = explained(
        source,
        path,
        indexes if no_default_index else (DEFAULT_INDEX, *indexes),
        as_of=as_of,
        exclude_origin=exclude_origin,
        suspect_date=suspect_date,
        against=against,
        width=min(200, shutil.get_terminal_size((80, 24)).columns),
        styled=sys.stdout.isatty(),
        limits=limits(),
    )
    click.echo(text, nl=False)
