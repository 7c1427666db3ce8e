"""Provenance: which parts of a Python repository resemble open-source model code.

>>> import provenance
>>> report = provenance.scan("my-model/", ["reference.db"])  # doctest: +SKIP

The names below are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provenance.errors import IndexFileError, ProvenanceError, SourceError, UsageError
from provenance.version import VERSION as __version__

if TYPE_CHECKING:
    from provenance.indexing import Built, build_index
    from provenance.model import FileResult, Finding, Report
    from provenance.report.json import json_report
    from provenance.report.text import text_report
    from provenance.scanning import compare, scan

__all__ = [
    "Built",
    "FileResult",
    "Finding",
    "IndexFileError",
    "ProvenanceError",
    "Report",
    "SourceError",
    "UsageError",
    "__version__",
    "build_index",
    "compare",
    "json_report",
    "scan",
    "text_report",
]

_HOMES = {
    "Built": "indexing",
    "build_index": "indexing",
    "compare": "scanning",
    "scan": "scanning",
    "FileResult": "model",
    "Finding": "model",
    "Report": "model",
    "json_report": "report.json",
    "text_report": "report.text",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return __all__
