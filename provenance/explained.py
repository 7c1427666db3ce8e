"""explained: wires a scan of one file, the text of both sides and what is common into the job
``explain``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from provenance.errors import UsageError
from provenance.model import FileResult, Report
from provenance.references import DEFAULT_INDEX

_PLAIN = re.compile(r"[\w./+-]+")
_LINE = re.compile(r"(?P<path>.+):(?P<line>[1-9]\d{0,8})")
_MOST_LISTED = 10


def explained(
    source: str,
    path: str | None = None,
    indexes: Sequence[str | Path] = (DEFAULT_INDEX,),
    *,
    as_of: str | None = None,
    exclude_origin: Sequence[str] = (),
    suspect_date: str | None = None,
    width: int = 80,
    styled: bool = False,
) -> str:
    """Explain what was found in one file.

    Args:
        source: what ``scan`` takes; a single file may end in ``:LINE``.
        path: a file inside the source, ``PATH`` or ``PATH:LINE``; its end is enough where no
            other file ends so. None where the source is a single file.
        indexes: as for ``scan``.
        as_of: as for ``scan``.
        exclude_origin: as for ``scan``.
        suspect_date: as for ``scan``.
        width: columns.
        styled: whether escape codes may underline renamed words.

    Raises:
        UsageError: there is no such file, or several.
        ProvenanceError: as for ``scan``.
    """
    from provenance.library import Library
    from provenance.report.explain import Quoted, explain
    from provenance.scanning import scan
    from provenance.sides import reference_texts, suspect_texts
    from provenance.spread import spread

    line = None
    if path is not None:
        path, line = _with_line(path)
    elif not os.path.exists(source):
        source, line = _with_line(source)
    plain = path is not None and _PLAIN.fullmatch(path) and ".." not in path
    include = [f"**/{(path or '').removeprefix('./').lstrip('/')}"] if plain else []
    report = scan(
        source,
        indexes,
        include=include,
        as_of=as_of,
        exclude_origin=exclude_origin,
        suspect_date=suspect_date,
    )
    file = _named(report, path)
    if line is not None and line > file.lines:
        raise UsageError(f"{file.path}: found {file.lines} lines, expected one of them, not {line}")
    text = suspect_texts(report, include=include).get(file.path)
    with Library([str(one) for one in indexes], as_of=as_of, exclude_origin=exclude_origin) as held:
        quoted = Quoted(
            suspect=text,
            references=reference_texts(report),
            spread=spread(text.encode(), held) if text is not None else {},
            families=max(index.families for index in held.indexes),
        )
    return explain(report, file, quoted, line=line, width=width, styled=styled)


def _with_line(text: str) -> tuple[str, int | None]:
    """A path and the line behind its last colon."""
    match = _LINE.fullmatch(text)
    return (match["path"], int(match["line"])) if match else (text, None)


def _named(report: Report, path: str | None) -> FileResult:
    """The scanned file that is meant."""
    files = list(report.files)
    if path is not None:
        plain = path.removeprefix("./").replace(os.sep, "/")
        exact = [file for file in files if file.path == plain]
        files = exact or [file for file in files if file.path.endswith(f"/{plain}")]
    if len(files) == 1:
        return files[0]
    if files:
        listed = ", ".join(file.path for file in files[:_MOST_LISTED])
        more = "" if len(files) <= _MOST_LISTED else f" and {len(files) - _MOST_LISTED} more"
        raise UsageError(
            f"{path or report.source}: found {len(files)} files, expected one; say which behind "
            f"SOURCE: {listed}{more}"
        )
    why = "; ".join(f"{one.path}: {one.reason}" for one in report.skipped[:3])
    raise UsageError(
        f"{path or report.source}: found no such Python file in {report.source}, expected its "
        "path inside SOURCE" + (f" ({why})" if why else "; 'provenance scan' lists them")
    )
