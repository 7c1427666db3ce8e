"""The formats a result is written in, and which one the name of a file calls for.

Pure: ``Audit`` and what may be quoted in, text out. The one list of formats; a new one is a line
here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from provenance.errors import UsageError
from provenance.model import Audit


@dataclass(frozen=True, slots=True)
class Texts:
    """What a format may quote besides the audit, as far as it is at hand.

    ``suspects`` is the text of scanned files by path, ``references`` that of reference files by
    package, version and path, ``contents`` the bytes of scanned files by path; see
    ``provenance.sides``. ``created`` is when the report is made, ``YYYY-MM-DDThh:mm:ssZ``, for
    formats that cannot do without; ``language`` that of the page.
    """

    suspects: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict)
    created: str | None = None
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its name, the endings of file names that call for it, what it quotes, and the
    function that writes it, which loads its module when it is called."""

    name: str
    endings: tuple[str, ...]
    quotes: Literal["", "texts", "bytes"]
    write: Callable[[Audit, Texts], str]


def format_of(file: str) -> Format:
    """The format that a file's name calls for, by its longest known ending.

    Raises:
        UsageError: no format has that ending.
    """
    name = file.replace("\\", "/").rpartition("/")[2].lower()
    found = [
        (len(ending), one) for one in FORMATS for ending in one.endings if name.endswith(ending)
    ]
    if not found:
        known = ", ".join(ending for one in FORMATS for ending in one.endings)
        raise UsageError(f"{file}: found no known ending, expected one of {known}")
    return max(found, key=lambda pair: pair[0])[1]


def named(name: str) -> Format:
    """The format of that name, see ``FORMATS``.

    Raises:
        UsageError: there is none.
    """
    for one in FORMATS:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in FORMATS)
    raise UsageError(f"{name}: found no such format, expected one of {known}")


def _text(audit: Audit, _: Texts) -> str:
    from provenance.report.audit import audit_text

    return audit_text(audit)


def _json(audit: Audit, _: Texts) -> str:
    from provenance.report.audit import audit_json

    return audit_json(audit)


def _html(audit: Audit, texts: Texts) -> str:
    from provenance.report.html import html_report

    return html_report(
        audit.report, texts.suspects, references=texts.references, language=texts.language
    )


def _sarif(audit: Audit, _: Texts) -> str:
    from provenance.report.sarif import sarif

    return sarif(audit)


def _code_scanning(audit: Audit, _: Texts) -> str:
    from provenance.report.sarif import code_scanning

    return code_scanning(audit)


def _junit(audit: Audit, _: Texts) -> str:
    from provenance.report.junit import junit

    return junit(audit)


def _codequality(audit: Audit, _: Texts) -> str:
    from provenance.report.codequality import codequality

    return codequality(audit)


def _markdown(audit: Audit, _: Texts) -> str:
    from provenance.report.markdown import markdown

    return markdown(audit)


def _csv(audit: Audit, _: Texts) -> str:
    from provenance.report.csv import table

    return table(audit)


def _cyclonedx(audit: Audit, _: Texts) -> str:
    from provenance.report.cyclonedx import cyclonedx

    return cyclonedx(audit)


def _spdx(audit: Audit, texts: Texts) -> str:
    from provenance.report.spdx import spdx

    return spdx(audit, texts.contents, texts.created)


FORMATS = (
    Format("text", (".txt",), "", _text),
    Format("json", (".json",), "", _json),
    Format("html", (".html", ".htm"), "texts", _html),
    Format("sarif", (".sarif", ".sarif.json"), "", _sarif),
    Format("code-scanning", (".github.sarif", ".github.sarif.json"), "", _code_scanning),
    Format("junit", (".junit.xml", "junit.xml"), "", _junit),
    Format("codequality", (".codequality.json", "gl-code-quality-report.json"), "", _codequality),
    Format("markdown", (".md", ".markdown"), "", _markdown),
    Format("csv", (".csv",), "", _csv),
    Format("cyclonedx", (".cdx.json", "bom.json"), "", _cyclonedx),
    Format("spdx", (".spdx.json",), "bytes", _spdx),
)
"""All formats, the plain ones first."""
