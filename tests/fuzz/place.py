"""Where targets put what a reader wants as a file, and what all of them hold an error to."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

from provenance.decode import printable
from provenance.errors import ProvenanceError
from provenance.limits import Limits
from provenance.model import SourceFile
from provenance.report.text import safe

SMALL = Limits(
    max_file_bytes=1 << 16,
    max_notebook_bytes=1 << 16,
    max_members=200,
    max_total_bytes=1 << 20,
    max_held_bytes=1 << 18,
)
SHORT = {"functions": 2, "statements": 5}
"""Of programs, so that the work on them is small."""


@cache
def place() -> Path:
    """A folder of our own, in memory where the system has such."""
    fast = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="provenance-fuzz-", dir=fast))


def inside(name: str) -> Path:
    """A name in it that no target takes away."""
    made = place() / "kept"
    made.mkdir(exist_ok=True)
    return made / name


def source_file(path: str, content: bytes) -> SourceFile:
    """A file as a source gives it."""
    return SourceFile(path, content, sha256(content).hexdigest(), None, ())


def refused(error: ProvenanceError) -> None:
    """A message is there and is text that a terminal may see once it is made printable."""
    message = str(error)
    assert len(message) > 20
    assert all(map(printable, safe(message)))
