"""segments: a build of any size -> indexes of bounded size beside the output, joined at the end.

What is collected is put down as a segment, a complete index with whole keys, whenever it has grown
to a bound; so memory does not follow the size of what is built. Where a build is interrupted, the
next one of the same sources goes on with its segments that are there: a file that one of them
holds, under the same path and release, is not looked at again. What fits below the bound is written
at once, and no segment is made. An index that is added to is joined with them as a segment is.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import IO, TYPE_CHECKING

from provenance.aside import hold, take_away
from provenance.build import Builder
from provenance.errors import IndexFileError
from provenance.index import Index
from provenance.merge import merge
from provenance.model import Family, Parameters, Parsed, Release, Sketch, SourceFile
from provenance.ours import forget, is_ours, note
from provenance.schema import WIDE, Shape
from provenance.statements import NOTHING, Statements

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_UNITS = 50_000
"""Distinct units that a segment has, or a few more: some 300 MB while they are collected."""
_WHOLE = Shape(WIDE, 64, 4)


class Segments:
    """Collects files as a ``Builder`` does, a segment at a time.

    Args:
        output: the index file.
        parameters: of the index.
        drawn: its permutations.
        stamp: what decides what is in it. Segments of an interrupted build with the same are
            gone on with; where it is None, none are.
        base: the index at ``output`` that is added to, where there is one.

    Use as a context manager.
    """

    def __init__(
        self,
        output: Path,
        parameters: Parameters,
        drawn: NDArray[np.uint32],
        stamp: str | None,
        base: Index | None = None,
    ) -> None:
        self.output, self.parameters, self.drawn = output, parameters, drawn
        self.base = base
        self.builder = Builder(output, parameters, drawn)
        self.target = self.builder.file.target
        key = blake2b((stamp or "").encode(), digest_size=6).hexdigest()
        self.folder = self.target.with_name(f".{self.target.name}.{key}.segments")
        self._lock: IO[bytes] | None = None
        if self.folder.is_symlink():  # what is in its target is not ours to take away
            self.folder.unlink()
        if self.folder.is_dir():
            self._hold()
            if stamp is None:
                self._release()
                shutil.rmtree(self.folder, ignore_errors=True)
        self._releases: list[tuple[Release, str]] = []
        self._entered: dict[int, int] = {}
        self._put = 0
        self._row_of: dict[bytes, int] = {}
        self._left: dict[int, int] = {}  # of each segment, rows that were not asked for yet
        self._paths: list[Path] = []
        self._contents: set[bytes] = set()  # SHA-256 of all that was parsed
        sound = True
        for path in sorted(self.folder.glob("[0-9]*.db")):
            sound = sound and self._reuse(path)
            if not sound:  # those behind it rest on its content
                path.unlink(missing_ok=True)

    def __enter__(self) -> Segments:
        return self

    def __exit__(self, *_: object) -> None:
        self.builder.__exit__()
        self._release()

    def _hold(self) -> None:
        """See that no other process puts segments there, or takes them away, at the same time."""
        if self._lock is None:
            try:
                self.folder.mkdir(exist_ok=True)
                self._lock = hold(self.folder)
            except OSError as error:
                raise IndexFileError(
                    f"{self.folder}: cannot be written ({error.strerror}), expected a folder for "
                    "what is built; take away what stands there"
                ) from error
            if self._lock is None:
                raise IndexFileError(
                    f"{self.output}: found another process that builds it of the same sources, "
                    "expected none; wait for it, or name another file"
                )

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _reuse(self, path: Path) -> bool:
        """Take a segment of an interrupted build; whether it is whole."""
        try:
            if not is_ours(self.folder, path):
                raise IndexFileError(f"{path}: not whole, or put there by somebody else")
            with Index(path) as index:
                number = len(self._paths)
                many = 0
                for tree in range(1, index.counts["tree"] + 1):
                    sha256 = index._said(tree)[0]
                    self._contents.add(bytes.fromhex(sha256))
                    for one in index.files_of(tree):
                        release, origin = index.releases[one.release], index.origin_of(one)
                        row = _row(release, origin, index.name(one.path), sha256)
                        many += row not in self._row_of
                        self._row_of.setdefault(row, number)
        except (IndexFileError, OSError):
            return False
        self._paths.append(path)
        self._left[number] = many
        return True

    # --- adding -----------------------------------------------------------------------

    def knows_release(self, release: Release, selection: str) -> bool:
        """Whether the index that is added to has this archive with the same selection of files.
        What a directory holds now is not known beforehand.
        """
        if self.base is None or release.sha256 is None:
            return False
        return any(
            self.base.releases[number] == release and selection in selections
            for number, selections in self.base.selections.items()
        )

    def add_release(self, release: Release, selection: str) -> int:
        """Enter a release; returns its number."""
        self._releases.append((release, selection))
        return len(self._releases) - 1

    def _number(self, release: int) -> int:
        if release not in self._entered:
            self._entered[release] = self.builder.add_release(*self._releases[release])
        return self._entered[release]

    def has(self, release: int, origin: str, path: str, sha256: str) -> bool:
        """Whether a segment of an interrupted build holds this file."""
        if not self._row_of:
            return False
        row = _row(self._releases[release][0], origin, path, sha256)
        return row in self._row_of

    def passed(self, release: int, origin: str, path: str, sha256: str) -> None:
        """Say that a file that a segment holds is still there."""
        row = _row(self._releases[release][0], origin, path, sha256)
        number = self._row_of.pop(row, None)
        if number is not None:
            self._left[number] -= 1

    def knows_tree(self, sha256: str) -> bool:
        """Whether a file of this content need not be parsed."""
        if bytes.fromhex(sha256) in self._contents:
            return True
        return self.base is not None and self.base.same_file(sha256) is not None

    def add_tree(
        self, file: SourceFile, parsed: Parsed, sketch: Sketch, said: Statements = NOTHING
    ) -> None:
        """Enter a file's content."""
        self._contents.add(bytes.fromhex(file.sha256))
        self.builder.add_tree(file, parsed, sketch, said)

    def add_file(
        self, release: int, origin: str, path: str, sha256: str, family: Family | None = None
    ) -> None:
        """Enter a path of a release whose content is known, be it from an earlier segment."""
        self.builder.add_bare(sha256)
        self.builder.add_file(self._number(release), origin, path, sha256, family)

    @property
    def units(self) -> int:
        """How many distinct units were collected, counted anew in each segment."""
        return self._put + self.builder.units

    def breathe(self) -> bool:
        """Put down what was collected, if it has grown to the bound; whether that was so."""
        if self.builder.units < MOST_UNITS:
            return False
        self._put_down()
        return True

    def _put_down(self) -> None:
        self._hold()
        number = 1 + max((int(path.stem) for path in self._paths), default=0)
        path = self.folder / f"{number:06}.db"
        self.builder.save(path, _WHOLE)
        note(self.folder, path)
        self._paths.append(path)
        self._put += self.builder.units
        self.builder.__exit__()
        self.builder = Builder(self.output, self.parameters, self.drawn)
        self._entered.clear()

    # --- finishing --------------------------------------------------------------------

    def stale(self) -> bool:
        """Whether a segment holds what is there no more; it is removed with those behind it, which
        rest on its content, and what they held must be entered again."""
        gone = min((number for number, left in self._left.items() if left), default=None)
        if gone is None:
            return False
        for path in self._paths[gone:]:
            path.unlink(missing_ok=True)
        return True

    def finish(self, measure: Callable[[Index], str] | None = None, most: int = 64) -> None:
        """Write the index, with keys of at most so many bits, and put it in its place."""
        for release in range(len(self._releases)):  # those without files, too
            self._number(release)
        named = [self.output]  # which is the base, where there is one
        if self._paths:
            self._put_down()
            merge([*self._added_to(), *self._paths], self.output, measure, most, named=named)
        elif self.base:
            path = self.builder.file.folder / "added.db"
            self.builder.save(path, _WHOLE)
            merge([*self._added_to(), path], self.output, measure, most, named=named)
        else:
            self.builder.finish(measure, most)
        self._release()
        ours = re.compile(re.escape(f".{self.target.name}.") + r"[0-9a-f]{12}\.segments")
        for folder in self.target.parent.iterdir():
            if ours.fullmatch(folder.name):
                take_away(folder)
                if not folder.exists():
                    forget(folder)

    def _added_to(self) -> list[str]:
        """The index that is added to, shut: Windows puts nothing in the place of an open file."""
        if self.base is None:
            return []
        self.base.close()
        return [self.base.path]


def _row(release: Release, origin: str, path: str, sha256: str) -> bytes:
    return blake2b(repr((release, origin, path, sha256)).encode(), digest_size=16).digest()
