"""Sources of all kinds for tests: folders, zips, wheels and sdists of the same files."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from provenance.model import Skipped, SourceFile
from provenance.notebook import read
from provenance.source import Source, open_source

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files only")
DAY = (2024, 3, 1, 12, 0, 0)
SECONDS = 1709294400  # the same in UTC


def all_read(source: Source) -> list[SourceFile | Skipped]:
    """The files, the notebooks among them read as a worker does it."""
    return [*map(read, source.files())]


def paths(source: Source) -> list[str]:
    """The paths of the files that are read."""
    return [file.path for file in all_read(source) if isinstance(file, SourceFile)]


def reasons(source: Source) -> dict[str, str]:
    """The reasons of those that are not."""
    return {file.path: file.reason for file in all_read(source) if isinstance(file, Skipped)}


def opened(path: Path, **options: object) -> Source:
    source = open_source(str(path), **options)  # type: ignore[arg-type]
    assert source.total == sum(1 for _ in source.files())
    return source


def put(root: Path, *names: str, text: str = "x = 1\n") -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return root


def put_zip(path: Path, members: Iterable[tuple[str | zipfile.ZipInfo, str | bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name, DAY) if isinstance(name, str) else name
            info.compress_type = info.compress_type or zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return path


def put_tar(
    path: Path, members: Iterable[tuple[str | tarfile.TarInfo, str | bytes]], mode: str = "w:gz"
) -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in members:
            body = data.encode() if isinstance(data, str) else data
            if isinstance(name, str):
                info = tarfile.TarInfo(name)
                info.mtime = SECONDS
            else:
                info = name
            if info.isreg():
                info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return path


# --- all kinds alike ----------------------------------------------------------------------

FILES = {
    "pkg/b.py": "b = 1\n",
    "pkg/a.py": "# é\r\na = 1\r\n",
    "pkg/models/x.py": "x = 1\n",
    "pkg/readme.txt": "no Python",
    "pkg.py": "p = 1\n",
}
EXPECTED = {
    "pkg.py": b"p = 1\n",
    "pkg/a.py": "# é\na = 1\n".encode(),
    "pkg/b.py": b"b = 1\n",
    "pkg/models/x.py": b"x = 1\n",
}
INFO = "Metadata-Version: 2.1\nName: My.Pkg\nVersion: 1.0\nLicense: Apache 2.0\n"


def as_folder(where: Path) -> Path:
    root = where / "checkout"
    for name, text in FILES.items():
        put(root, name, text=text)
    return root


def as_zip(where: Path) -> Path:
    return put_zip(where / "a.zip", FILES.items())


def as_wheel(where: Path) -> Path:
    members = [
        (f"my_pkg-1.0.data/purelib/{name}" if name == "pkg/b.py" else name, text)
        for name, text in FILES.items()
    ]
    return put_zip(
        where / "my_pkg-1.0-py3-none-any.whl", [*members, ("my_pkg-1.0.dist-info/METADATA", INFO)]
    )


def as_sdist(where: Path, ending: str = "tar.gz") -> Path:
    members = [*FILES.items(), ("PKG-INFO", INFO)]
    path = where / f"my_pkg-1.0.{ending}"
    mode = {"tar": "w", "tar.gz": "w:gz", "tgz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}
    return put_tar(path, [(f"my_pkg-1.0/{n}", text) for n, text in members], mode[ending])


KINDS: dict[str, Callable[[Path], Path]] = {
    "folder": as_folder,
    "zip": as_zip,
    "wheel": as_wheel,
    "zipped sdist": lambda where: put_zip(
        where / "my_pkg-1.0.zip",
        [(f"my_pkg-1.0/{n}", text) for n, text in [*FILES.items(), ("PKG-INFO", INFO)]],
    ),
    **{
        ending: lambda where, ending=ending: as_sdist(where, ending)  # type: ignore[misc]
        for ending in ("tar", "tar.gz", "tgz", "tar.bz2", "tar.xz")
    },
}


def committed(root: Path, *more: str) -> None:
    """Everything of a tree in git, ignored or not."""
    for call in (["init", "-q", *more], ["add", "-A", "-f"]):
        subprocess.run(["git", *call], cwd=root, check=True)
