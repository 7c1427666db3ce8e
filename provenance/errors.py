"""The exceptions a caller may see, and the exit codes of the command line.

    ProvenanceError
    ├── UsageError        the call cannot be carried out as written     exit 2
    ├── SourceError       a whole source could not be opened            exit 3
    ├── IndexFileError    an index is missing, damaged or does not fit  exit 3
    ├── ClusterError      Spark is not there, or a job failed           exit 3
    └── BundleError       a bundle of evidence is damaged or was changed  exit 3

A bad *file* inside a source is no exception: it is a ``Skipped`` in the result. ``TooLongError``
travels from a stage to ``workers``, which makes one of it.
"""

from __future__ import annotations

from enum import IntEnum

LEAST_DEPTH = 1_000
"""Calls that must be possible within each other, as Python begins with."""

LEAST_MEMORY = 512 << 20
"""Bytes of addresses that a process must be able to take: libraries take half of them."""


class ExitCode(IntEnum):
    """Stable exit codes of every command."""

    DONE = 0
    FINDINGS = 1
    USAGE = 2
    NOT_COMPLETED = 3


class ProvenanceError(Exception):
    """Base of all errors of ours; its message names what, what was expected, and the remedy."""

    exit_code = ExitCode.NOT_COMPLETED


class UsageError(ProvenanceError):
    """The call cannot be carried out as written."""

    exit_code = ExitCode.USAGE


class SourceError(ProvenanceError):
    """A whole source (directory, archive, package) could not be opened."""


class IndexFileError(ProvenanceError):
    """An index is missing, damaged, or does not fit the version or the other indexes."""


class ClusterError(ProvenanceError):
    """Spark is not there, does not start, or a job of it failed."""


class BundleError(ProvenanceError):
    """A bundle of evidence is damaged, was changed, or is none."""


class TooLongError(Exception):
    """The work on one file was given up. No error of a whole call: the file is skipped."""
