"""A ruling -> its evidence as labelled lines, the same in every format that shows some.

Pure. Every text of a scanned tree is made visible: control, format and bidirectional characters
are escapes.
"""

from __future__ import annotations

from collections.abc import Mapping

from provenance.model import Audit, FileResult, Identity, Ruling
from provenance.report.text import percent, rate, safe
from provenance.verdict import score

_MOST_NAMES = 8
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")


def files_of(audit: Audit) -> dict[str, FileResult]:
    """The scanned files by path."""
    return {file.path: file for file in audit.report.files}


def identity_of(ruling: Ruling, files: Mapping[str, FileResult]) -> Identity | None:
    """The reference file that a ruling says its file is; None for what is about less than the
    whole file: a finding, a use, a declaration."""
    file = files.get(ruling.path)
    if ruling.finding is not None or ruling.rule == "declaration" or file is None:
        return None
    same, lines = file.identical, (ruling.start_line, ruling.end_line)
    whole = lines == (1, file.lines) and same is not None and same.origin == ruling.origin
    told = ruling.message.startswith  # a use of its own family, in a file of one line
    used = whole and any(told(f"{one.kind} of {one.target}, ") for one in file.uses)
    return same if whole and not used else None


def subject(ruling: Ruling, files: Mapping[str, FileResult]) -> str:
    """What the ruling is about: the unit's name, ``module body``, ``whole file``, ``use`` of
    others' code, ``declaration``."""
    if ruling.finding is None:
        if ruling.rule == "declaration":
            return "declaration"
        return "whole file" if identity_of(ruling, files) else "use"
    suspect = ruling.finding.suspect
    return safe(suspect.name) if suspect.kind != "module" else "module body"


def breaks_nothing(ruling: Ruling) -> bool:
    """Whether there is nothing to look at: no rule is broken, and it is no warning either."""
    return ruling.rule == "allowed" and ruling.level == "note"


def told(ruling: Ruling) -> str:
    """The message, for a notebook with the cells, and what to do where a rule is broken, as
    sentences."""
    said = ruling.message.rstrip(". ") + "."
    if not has_lines(ruling.path):
        said += f" It stands in {place(ruling)}."
    remedy = ruling.remedy.rstrip(". ")
    return f"{said} To do: {remedy}." if remedy and ruling.rule != "allowed" else said


def has_lines(path: str) -> bool:
    """Whether lines of a result are those of the file: the lines of a notebook run on through its
    code cells, and are others in the JSON that it is."""
    return not path.endswith(".ipynb")


def place(ruling: Ruling) -> str:
    """Where it stands, in words: lines, or cells of a notebook."""
    cell = ruling.finding.suspect.cell if ruling.finding else None
    if cell is None:
        through = "" if has_lines(ruling.path) else " of its code cells, counted through"
        if ruling.start_line == ruling.end_line:
            return f"line {ruling.start_line}{through}"
        return f"lines {ruling.start_line}-{ruling.end_line}{through}"
    if cell.start_cell == cell.end_cell:
        return f"cell {cell.start_cell} lines {cell.start_line}-{cell.end_line}"
    return (
        f"cell {cell.start_cell} line {cell.start_line} to cell {cell.end_cell} "
        f"line {cell.end_line}"
    )


def evidence(ruling: Ruling, identity: Identity | None) -> tuple[tuple[str, str], ...]:
    """What supports the ruling and what speaks against it, as (label, value); what is not known
    is left out.

    Args:
        ruling: what to show.
        identity: the reference file that the ruling's file is, from ``identity_of``.
    """
    common = ruling.finding is not None and ruling.finding.verdict == "common"
    label = "one of those that hold it" if common else "origin"  # common code tells no origin
    found: list[tuple[str, str | None]] = [(label, ruling.origin or None)]
    if ruling.finding is not None:
        found += _of_finding(ruling)
    elif identity is not None:
        release = _release(identity.package, identity.version)
        found += [
            ("reference", f"{release} {identity.path}"),
            ("equal", "byte for byte" if identity.exact else "but for layout and comments"),
            ("attribution", identity.attribution),
            ("first seen", identity.first_seen),
            ("reference is", None if identity.direction == "unknown" else identity.direction),
            ("also in", _names(identity.also)),
        ]
    found += [
        ("licence", ruling.license),
        ("declared by", ruling.declared_by),
        ("reason", ruling.reason),
        ("also breaks", ", ".join(one for one in ruling.breaks if one != ruling.rule) or None),
        ("id", ruling.id),
    ]
    return tuple((label, safe(value)) for label, value in found if value)


def _of_finding(ruling: Ruling) -> list[tuple[str, str | None]]:
    finding = ruling.finding
    assert finding is not None  # noqa: S101 - the caller asked
    reference = finding.reference
    alarms = finding.false_alarm_rate
    renames = ", ".join(f"{one.reference} -> {one.suspect}" for one in finding.renames[:3])
    return [
        (
            "reference",
            f"{_release(reference.package, reference.version)} {reference.path} "
            f"{reference.name}, lines {reference.start_line}-{reference.end_line}",
        ),
        ("verdict", f"{finding.verdict}, {finding.attribution}"),
        (
            "match",
            f"{finding.clone_type}, resemblance {score(finding.resemblance)}, "
            f"{percent(finding.suspect_containment)} of this in that, "
            f"{percent(finding.reference_containment)} of that in this",
        ),
        (
            "unrelated families that do as well",
            None if alarms is None else rate(alarms),
        ),
        ("families that hold it", str(finding.families)),
        ("as close in", _names(finding.also)),
        ("address", reference.link),
        ("first seen", reference.first_seen),
        ("reference is", None if finding.direction == "unknown" else finding.direction),
        ("renamed", renames or None),
    ]


def _release(package: str, version: str | None) -> str:
    return f"{package} {version}" if version else package


def _names(names: tuple[str, ...]) -> str | None:
    more = len(names) - _MOST_NAMES
    text = ", ".join(names[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
    return text or None


def shortened(text: str, most: int) -> str:
    """At most so many characters; a text that is cut says so by its last one."""
    return text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def relative_uri(path: str) -> str:
    """A path as a relative URI reference (RFC 3986): UTF-8, percent-encoded, ``/`` kept. A colon
    is encoded too, so that no first segment reads as a scheme; bytes of a name that is no UTF-8
    stand as they are on disk."""
    try:
        encoded = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        encoded = path.encode("utf-8", "replace")
    quoted = "".join(chr(one) if one in _UNRESERVED else f"%{one:02X}" for one in encoded)
    return f"./{quoted}" if quoted.startswith("/") else quoted


def utf8(text: str) -> str:
    """Text that every reader of JSON takes: what is no character is an escape."""
    return text.encode("utf-8", "backslashreplace").decode()
