"""gather: what a user names -> rows of files. Runs in the executors; knows nothing of Spark.

A bad row is a row with a reason: it is counted and told, and the rest goes on.
"""

from __future__ import annotations

import json
from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any

from provenance.decode import printable, shown
from provenance.errors import UsageError
from provenance.folder import ENDINGS
from provenance.limits import READ as LIMITS
from provenance.model import Release, Skipped, SourceFile, Unread
from provenance.notebook import read
from provenance.notices import LONGEST_FILE, is_notice
from provenance.origins import origin_of
from provenance.release import checked_day, license_of
from provenance.source import as_file, open_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_RELEASE = "package string, version string, license string, date string, date_source string"
READ = f"""
    path string, sha256 string, content binary, origin string, {_RELEASE}, archive string,
    purl string, link string, selection string, cells string, reason string
"""
"""A row for each file of a source; of one that is not read only the path and the reason."""

SOURCE_COLUMNS = {
    "path": "string",
    "content": "string|binary",
    "origin": "string",
    "version": "string",
    "date": "string|date",
    "license": "string",
}
"""The columns that a table of sources must have; ``package`` may stand beside them, and ``licence``
for ``license``."""
SUSPECT_COLUMNS = {"path": "string", "content": "string|binary"}

SUSPECT = "path string, sha256 string, content binary, modified string, cells string, reason string"
"""A row for each suspect file; a notice file has its bytes and no digest."""

LONGEST_TEXT = 10_000
"""Signs that are read of a text beside the content; any that is longer is no path and no name."""
_LONGEST_PATH = 1024
_LONGEST_NAME = 200
_NONE = (None,) * 13


def files_of_sources(
    texts: Iterable[str], include: Sequence[str], exclude: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """The rows of sources that ``open_source`` can open.

    Raises:
        ProvenanceError: one cannot be opened.
    """
    selection = json.dumps([list(include), list(exclude), None], sort_keys=True)
    for text in texts:
        source = open_source(text, include=include, exclude=exclude)
        said = astuple(source.release)
        for file in map(read, source.files()):
            if isinstance(file, Skipped):
                yield _skipped(file)
            else:
                origin = origin_of(source.release.package, file.path)
                yield _entered(file, origin, said, selection)


def files_of_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """The rows of a table of sources, each checked."""
    selection = json.dumps([[], [], None])
    for row in rows:
        file = file_of(row["path"], row["content"], row["size"])
        if isinstance(file, SourceFile):
            release = _release(row, file.path)
            if isinstance(release, Release):
                origin = row["origin"] or origin_of(release.package, file.path)
                yield _entered(file, origin, astuple(release), selection)
                continue
            file = release
        yield _skipped(file)


def _entered(
    file: SourceFile, origin: str, said: tuple[Any, ...], selection: str
) -> tuple[Any, ...]:
    cells = json.dumps(file.cells)
    return (file.path, file.sha256, file.content, origin, *said, selection, cells, None)


def _skipped(one: Skipped) -> tuple[Any, ...]:
    return (one.path, *_NONE, one.reason)


def _release(row: Mapping[str, Any], path: str) -> Release | Skipped:
    """The release that a row says it is of."""
    package = row.get("package") or row["origin"]
    named = [row["origin"], row.get("package"), row["version"]]
    for one in named:
        if one is not None and not (0 < len(one) <= _LONGEST_NAME and all(map(printable, one))):
            return Skipped(
                path,
                f"found {shown(one[:40])!r} as origin, package or version, expected 1 to "
                f"{_LONGEST_NAME} printable signs; mend the row",
            )
    if not package:
        return Skipped(path, "found a row without origin and package, expected one; mend the row")
    day = row["date"]
    try:
        day = checked_day(None if day is None else str(day), "date")
    except UsageError as error:
        return Skipped(path, f"{error}; mend the row")
    release = Release(package, row["version"], license_of(row["license"]))
    return replace(release, date=day, date_source="given") if day else release


def file_of(path: str | None, content: bytes | None, size: int | None) -> SourceFile | Skipped:
    """The file of a row, or why it is not looked at; ``size`` is that of content that is too large
    to be here."""
    if not path:
        return Skipped("(no path)", "found a row without a path, expected one; mend the row")
    name = shown(path[:_LONGEST_PATH])
    parts = path.split("/")
    if len(path) > _LONGEST_PATH or ".." in parts or "" in parts or "\\" in path or "\0" in path:
        return Skipped(
            name[:80],
            "found a path that is absolute, empty in parts, goes up, or is too long, expected one "
            f"inside the source of at most {_LONGEST_PATH} signs, with / between its parts",
        )
    if size is None:
        return Skipped(name, "found a row without content, expected the file's text or bytes")
    if not name.endswith(ENDINGS):
        return Skipped(name, "found a row that is no Python file or notebook (.py, .ipynb)")
    if content is None:
        return Skipped(name, f"found {size:,} bytes, expected at most {LIMITS.of(name):,}")
    return read(as_file(name, bytes(content), None, LIMITS))


def suspects_of_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """The rows of a table of suspects, each checked; notice files too."""
    for row in rows:
        path, content = row["path"], row["content"]
        if not path or row["size"] is None or not is_notice(path.rpartition("/")[2]):
            yield suspect_row(file_of(path, content, row["size"]))
        elif content is not None and row["size"] <= LONGEST_FILE:
            yield shown(path[:_LONGEST_PATH]), None, bytes(content), None, None, None
        else:
            reason = f"found {row['size']:,} bytes, expected at most {LONGEST_FILE:,}; make it less"
            yield suspect_row(Skipped(shown(path[:_LONGEST_PATH]), reason))


def suspect_row(found: SourceFile | Unread | Skipped) -> tuple[Any, ...]:
    """A suspect, or what was skipped, as a row of ``SUSPECT``."""
    file = read(found)
    if isinstance(file, Skipped):
        return file.path, None, None, None, None, file.reason
    return file.path, file.sha256, file.content, file.modified, json.dumps(file.cells), None


def suspect_of(row: Mapping[str, Any]) -> SourceFile:
    """The file of a row of ``SUSPECT``, or of ``READ``, that has a digest."""
    cells = tuple((int(cell), int(line)) for cell, line in json.loads(row["cells"]))
    content, modified = bytes(row["content"]), row.get("modified")
    return SourceFile(row["path"], content, row["sha256"], modified, cells)
