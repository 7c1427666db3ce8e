"""explained: wires a scan of one file, the text of both sides, what is common and what else is near
into the job ``explain``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.decode import shown
from provenance.errors import ProvenanceError, SourceError, UsageError
from provenance.model import NONE_WANTED, FileResult, Finding, Report, Skipped, SourceFile, Unit
from provenance.references import DEFAULT_INDEX
from provenance.report.text import number
from provenance.workers import BOUNDS, Bounds, Listed, run

if TYPE_CHECKING:
    from provenance.library import Library
    from provenance.weigh import Weighing

_PLAIN = re.compile(r"[\w./+-]{1,900}")  # longer ones are refused as globs
_PLACE = re.compile(r"(?P<path>.+?)(?:::(?P<name>[^:/\\]+)|:(?P<line>[0-9]{1,18}))", re.DOTALL)
_MOST_LISTED = 10
MOST_FAMILIES = 40
"""Families that are weighed in one go: each of their units is compared, about 200 a family."""


def explained(
    source: str,
    path: str | None = None,
    indexes: Sequence[str | Path] = (DEFAULT_INDEX,),
    *,
    as_of: str | None = None,
    exclude_origin: Sequence[str] = (),
    suspect_date: str | None = None,
    against: str | None = None,
    width: int = 80,
    styled: bool = False,
    limits: Bounds = BOUNDS,
) -> str:
    """Explain what was found in one file.

    Args:
        source: what ``scan`` takes; a single file may end in ``:LINE`` or ``::NAME``.
        path: a file inside the source, ``PATH``, ``PATH:LINE`` or ``PATH::NAME``, a unit by its
            qualified name; its end is enough where no other file ends so. None where the source is
            a single file.
        indexes: as for ``scan``.
        as_of: as for ``scan``.
        exclude_origin: as for ``scan``.
        suspect_date: as for ``scan``.
        against: families, by a glob over names, titles and origins: why each is named, or is not.
        width: columns.
        styled: whether escape codes may underline renamed words.
        limits: what each scan of the file, and then to explain it, may take.

    Raises:
        UsageError: there is no such file, unit or family, or several.
        SourceError: the file is there, and was not looked at.
        ProvenanceError: as for ``scan``, or the file exceeds the limits.
    """
    from provenance.scanning import scan
    from provenance.sides import scanned_file

    line = name = None
    if path is not None:
        path, line, name = _parted(path)
    elif not os.path.exists(source):
        source, line, name = _parted(source)
    plain = path is not None and _PLAIN.fullmatch(path) and ".." not in path
    include = [f"**/{(path or '').removeprefix('./').lstrip('/')}"] if plain else []
    report = scan(
        source,
        indexes,
        include=include,
        as_of=as_of,
        exclude_origin=exclude_origin,
        suspect_date=suspect_date,
        limits=limits,
    )
    file = _named(report, path)
    if line is not None and not 1 <= line <= file.lines:
        raise UsageError(
            f"{file.path}: found {number(file.lines, 'line')}, expected one of them, not {line}"
        )
    places = tuple(os.path.abspath(one) for one in indexes)  # a worker begins elsewhere
    asked = _Asked(
        report, file, places, as_of, report.exclude_origin, against, line, name, width, styled
    )
    read = scanned_file(report, file, include=include, limits=limits)
    if read is None:
        with asked.open() as opened:
            return opened.text(None)
    skipped: list[Skipped] = []
    for texts in run(_texts, Listed([read]), skipped, 1, asked, None, limits=limits):
        for text in texts:
            return text
    raise ProvenanceError(f"{file.path}: {skipped[0].reason}")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of a file of a report, and of which indexes."""

    report: Report
    file: FileResult
    indexes: tuple[str, ...]
    as_of: str | None
    exclude_origin: tuple[str, ...]
    against: str | None
    line: int | None
    name: str | None
    width: int
    styled: bool

    @contextmanager
    def open(self) -> Iterator[_Opened]:
        from provenance.library import Library, same_still

        with Library(self.indexes, as_of=self.as_of, exclude_origin=self.exclude_origin) as library:
            same_still(library.indexes, self.report.indexes)
            yield _Opened(self, library)


def _texts(files: Sequence[SourceFile], opened: _Opened) -> list[str]:
    """The work on the one file, in a worker."""
    return [opened.text(file) for file in files]


@dataclass(frozen=True, slots=True)
class _Opened:
    """The same, and the indexes."""

    asked: _Asked
    held: Library

    def text(self, read: SourceFile | None) -> str:
        """What is explained of the file; None where it is gone or has changed."""
        from provenance.report.explain import Quoted, explain
        from provenance.report.weighed import of_file, of_unit
        from provenance.sides import reference_texts
        from provenance.spread import spread

        asked, held = self.asked, self.held
        report, file, against, width = asked.report, asked.file, asked.against, asked.width
        line, name = asked.line, asked.name
        families = _families(held, against)
        weighing = units = None
        if read is not None and not file.identical and (families or line or name):
            found = [one for one in report.findings if one.suspect.path == file.path]
            weighing = weigh(read, found, held, families)
            units = _units(weighing.parsed.units, found, file.path, line, name)
        if against is not None and read is None:
            raise UsageError(f"{file.path}: found it changed while it was read; run again")
        if weighing and units and against is not None:
            told = [weighing.unit(position) for position in units]
            if name is None and line is None:
                return of_file(report, file, told, width=width)
            head = of_file(report, file, (), width=width)
            return head + "\n".join(of_unit(report, one, width=width) for one in told)
        if weighing and units and name is not None:
            line = weighing.parsed.units[units[0]].start_line
        quoted = Quoted(
            suspect=read.content.decode() if read else None,
            references=reference_texts(report),
            spread=spread(read.content, held, read.cells) if read else {},
            families=held.families,
        )
        text = explain(report, file, quoted, line=line, width=width, styled=asked.styled)
        if weighing and units:
            text += "\n" + of_unit(report, weighing.unit(units[0]), width=width)
        return text


def weigh(
    file: SourceFile,
    findings: Sequence[Finding],
    library: Library,
    families: Mapping[str, Sequence[str]],
) -> Weighing:
    """What is needed to ask of the units of one file why a family is named for them, or is not.

    Args:
        file: that was scanned.
        findings: what was found in it.
        library: the indexes, with what was hidden of them.
        families: to weigh, each with its origins; see ``Library.origins_like``.
    """
    from provenance.attribute import looked
    from provenance.parse import parse, syntax
    from provenance.scanning import proposed
    from provenance.sketch import sketches
    from provenance.weigh import Weighing

    parsed = parse(file.content, syntax(file.content, cells=file.cells))
    (drawn,) = sketches([parsed], library.parameters, library.permutations)
    ((listed, _),) = proposed([drawn], library)
    compared = looked(file, parsed, drawn, listed, library)
    return Weighing(parsed, compared, findings, library, families)


def _families(library: Library, pattern: str | None) -> dict[str, list[str]]:
    """The families that are meant, with their origins."""
    if pattern is None:
        return {}
    found = library.origins_like(pattern)
    if not found:
        raise UsageError(
            f"--against {pattern}: found no such family in the indexes, expected a name or a glob; "
            "'provenance families' lists them, those of another index with its --index"
        )
    if len(found) > MOST_FAMILIES:
        raise UsageError(
            f"--against {pattern}: found {len(found)} families, expected at most {MOST_FAMILIES}; "
            "name fewer"
        )
    return found


def _units(
    units: Sequence[Unit],
    findings: Sequence[Finding],
    path: str,
    line: int | None,
    name: str | None,
) -> list[int]:
    """The positions of the units that are meant: those of a name, as a getter and its setter have
    one; at a line the innermost one with a finding, else the innermost; without either all that
    stand in no other, or the body of the module."""
    if name is not None:
        found = [at for at, unit in enumerate(units) if unit.name == name]
        if not found:
            outer = [unit.name for unit in units[1:] if unit.parent == 0]
            listed = ", ".join(outer[:_MOST_LISTED]) + (", ..." * (len(outer) > _MOST_LISTED))
            raise UsageError(
                f"{path}: found no class or function {name}, expected a qualified name such as "
                f"Class.method; it has {listed or 'none'}"
            )
        return found
    if line is not None:
        spans = [at for at, one in enumerate(units) if one.start_line <= line <= one.end_line]
        known = {(one.suspect.name, one.suspect.start_line) for one in findings}
        told = [at for at in spans if (units[at].name, units[at].start_line) in known]
        return (told or spans or [0])[-1:]
    return [at for at, unit in enumerate(units) if at and unit.parent == 0] or [0]


def _parted(text: str) -> tuple[str, int | None, str | None]:
    """A path, and the line or the name behind it."""
    match = _PLACE.fullmatch(text)
    if not match:
        return text, None, None
    return match["path"], int(match["line"]) if match["line"] else None, match["name"]


def _named(report: Report, path: str | None) -> FileResult:
    """The scanned file that is meant."""
    files = list(report.files)
    plain = shown((path or "").removeprefix("./").replace(os.sep, "/"))
    if path is not None:
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
    skipped = [one for one in report.skipped if one.reason != NONE_WANTED]  # by no glob of theirs
    for one in skipped:
        if path is None or f"/{one.path}".endswith(f"/{plain}"):
            raise SourceError(f"{one.path}: {one.reason}")
    why = "; ".join(f"{one.path}: {one.reason}" for one in skipped[:3])
    raise UsageError(
        f"{path or report.source}: found no such Python file in {report.source}, expected its "
        "path inside SOURCE" + (f" ({why})" if why else "; 'provenance scan' lists them")
    )
