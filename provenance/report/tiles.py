"""tiles: scanned files -> the map of a repository, a tree map. Pure.

A list of files and folders is cut where its halves weigh alike, along the longer side, again and
again; so files of one folder lie together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from provenance.model import FileResult
from provenance.report.text import safe

MOST = 1_500
"""Files that have a rectangle; smaller ones are in the list only, and the page says how many."""

WIDTH = 1000.0

_HEIGHTS = ((4, 84.0), (20, 150.0), (120, 230.0))
_LETTER = 7.0


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle whose area goes with its lines: a file, or a folder where ``file`` is None."""

    file: FileResult | None
    number: int
    path: str
    x: float
    y: float
    width: float
    height: float

    @property
    def label(self) -> str:
        """Its name, where the rectangle holds that."""
        name = safe(self.path.rpartition("/")[2])
        return name if len(name) <= (self.width - 14) / _LETTER and self.height > 24 else ""


@dataclass(slots=True)
class _Folder:
    path: str
    weight: int = 0
    folders: dict[str, _Folder] = field(default_factory=dict)
    files: list[int] = field(default_factory=list)


def height(files: Sequence[FileResult]) -> float:
    """How high the map of so many files is, where it is ``WIDTH`` wide."""
    return next((high for most, high in _HEIGHTS if len(files) <= most), 320.0)


def tiles(files: Sequence[FileResult]) -> tuple[list[Tile], list[Tile]]:
    """Rectangles of the largest files, and of the folders at the first fork of the tree."""
    root = _tree(files)
    drawn: list[Tile] = []
    frames: list[Tile] = []
    whole: list[_Folder | int] = [root]
    todo = [(whole, 0, 0.0, 0.0, WIDTH, height(files))]
    while todo:
        some, forks, x, y, wide, high = todo.pop()
        if len(some) == 1:
            place = (round(x, 2), round(y, 2), round(wide, 2), round(high, 2))
            (one,) = some
            if isinstance(one, _Folder):
                inner: list[_Folder | int] = [*one.folders.values(), *one.files]
                if forks == 1 and len(inner) > 1:
                    frames.append(Tile(None, -1, one.path, *place))
                if inner:
                    todo.append((inner, forks + (len(inner) > 1), x, y, wide, high))
            else:
                drawn.append(Tile(files[one], one, files[one].path, *place))
            continue
        weights = [one.weight if isinstance(one, _Folder) else _weight(files[one]) for one in some]
        order = sorted(range(len(some)), key=lambda at: (-weights[at], at))
        some, weights = [some[at] for at in order], [weights[at] for at in order]
        half, cut, before = sum(weights) / 2, 0, 0
        while cut < len(some) - 1 and (cut == 0 or before + weights[cut] / 2 < half):
            before += weights[cut]
            cut += 1
        part = before / sum(weights)
        if wide >= high:
            todo.append((some[:cut], forks, x, y, wide * part, high))
            todo.append((some[cut:], forks, x + wide * part, y, wide * (1 - part), high))
        else:
            todo.append((some[:cut], forks, x, y, wide, high * part))
            todo.append((some[cut:], forks, x, y + high * part, wide, high * (1 - part)))
    return sorted(drawn, key=lambda one: one.number), sorted(frames, key=lambda one: one.path)


def _weight(file: FileResult) -> int:
    return max(1, file.lines)


def _tree(files: Sequence[FileResult]) -> _Folder:
    root = _Folder("")
    largest = sorted(range(len(files)), key=lambda at: (-files[at].lines, files[at].path))[:MOST]
    for at in sorted(largest):
        folder = root
        folder.weight += _weight(files[at])
        *above, _ = files[at].path.split("/")
        for name in above:
            path = f"{folder.path}/{name}" if folder.path else name
            folder = folder.folders.setdefault(name, _Folder(path))
            folder.weight += _weight(files[at])
        folder.files.append(at)
    return root
