"""limits: what is read of a source at most, and how what was read is handed on."""

from __future__ import annotations

from dataclasses import dataclass

from provenance.decode import Reason

Found = tuple[str, bytes | Reason, str | None]
"""``(path, bytes or why not, ISO day)``, as the readers of folders and archives yield it."""


@dataclass(frozen=True)
class Limits:
    """What is read at most; beyond it a file is skipped and an archive refused.

    ``max_file_bytes`` holds for Python text, also that in a notebook: a syntax tree takes some
    fifty times the text. The largest file of the packages looked at has 0.4 MB.
    ``max_notebook_bytes`` is for the notebook with its pictures. ``max_members`` and
    ``max_total_bytes`` (unpacked) are for one archive, ``max_held_bytes`` for the Python files
    of one tar, which is read once and may hold them in any order. ``max_times`` is how many times
    the bytes of an archive its Python files may have, unless they have no more than one notebook:
    a member takes time by what it unpacks to, and packages unpack to four or five times their
    bytes, a bomb to a thousand.
    """

    max_file_bytes: int = 10_000_000
    max_notebook_bytes: int = 50_000_000
    max_members: int = 200_000
    max_total_bytes: int = 4_000_000_000
    max_held_bytes: int = 512_000_000
    max_times: int = 100

    def of(self, path: str) -> int:
        """The most bytes a file of that name may have."""
        return self.max_notebook_bytes if path.endswith(".ipynb") else self.max_file_bytes


READ = Limits()
"""What is read where nothing else is said."""
