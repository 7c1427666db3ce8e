"""formats: an ``Audit`` -> the text of a report, in the format that a file's ending names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from provenance.errors import UsageError
from provenance.model import Audit


@dataclass(frozen=True, slots=True)
class Texts:
    """What a report may quote: texts of scanned files by path, and of reference files by package,
    version and path."""

    suspects: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[tuple[str, str, str], str] = field(default_factory=dict)


def _text(audit: Audit, _: Texts) -> str:
    from provenance.report.audit import audit_text

    return audit_text(audit)


def _json(audit: Audit, _: Texts) -> str:
    from provenance.report.audit import audit_json

    return audit_json(audit)


def _html(audit: Audit, texts: Texts) -> str:
    from provenance.report.html import html_report

    return html_report(audit.report, texts.suspects, references=texts.references)


FORMATS: dict[str, Callable[[Audit, Texts], str]] = {
    ".txt": _text,
    ".json": _json,
    ".html": _html,
}
"""The format of each ending; the longest ending of a name that is here counts."""
QUOTES = (".html",)
"""Endings of formats that quote texts."""


def ending(path: str) -> str:
    """The ending of a name that has a format.

    Raises:
        UsageError: it has none.
    """
    name = PurePath(path).name.lower()
    found = [one for one in FORMATS if name.endswith(one) and name != one]
    if not found:
        raise UsageError(
            f"{path}: found no known ending, expected one of {', '.join(FORMATS)}; "
            "name the file by the format it is to have"
        )
    return max(found, key=len)


def written(audit: Audit, path: str, texts: Texts = Texts()) -> str:
    """The text of the report that is to stand at a path."""
    return FORMATS[ending(path)](audit, texts)
