"""What usual programs write is read whole; what departs from it in one byte is read as the standard
library reads it, or told."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sources import committed, put, put_zip

from provenance.archive import tidy
from provenance.decode import shown
from provenance.errors import SourceError
from provenance.model import Skipped, SourceFile
from provenance.source import open_source
from provenance.ustar import OddError, header, said_by

NAMES = ["a.py", "p/" + "n" * 120 + ".py", "p/" * 70 + "m.py", "q/\u00e9\u8a9e.py", "r/b.py"]
FORMATS = {
    "ustar": tarfile.USTAR_FORMAT,
    "gnu": tarfile.GNU_FORMAT,
    "pax": tarfile.PAX_FORMAT,
}


def tarred(form: int, names: list[str] = NAMES) -> bytes:
    """A tar of files, each of which has its number."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for at, name in enumerate(names):
            if form == tarfile.USTAR_FORMAT and "n" * 120 in name:
                continue
            info = tarfile.TarInfo(name)
            info.mtime = 1_700_000_000 + (0.5 if form == tarfile.PAX_FORMAT else 0)
            data = f"x = {at}\n".encode()
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def looked_at(path: Path, data: bytes) -> tuple[dict[str, bytes], bool]:
    """What is read of an archive, and whether something is told."""
    path.write_bytes(data)
    try:
        found = [*open_source(str(path)).files()]
    except SourceError:
        return {}, True
    files = {one.path: one.content for one in found if isinstance(one, SourceFile)}
    return files, any(isinstance(one, Skipped) for one in found)


@pytest.mark.parametrize("form", FORMATS)
def test_what_python_writes_is_read_whole(form: str, tmp_path: Path) -> None:
    files, told = looked_at(tmp_path / "a.tar", tarred(FORMATS[form]))
    assert not told
    assert len(files) == len(NAMES) - (form == "ustar")


@pytest.mark.parametrize("ending", ["zip", "tar", "gztar", "bztar", "xztar"])
def test_what_is_packed_of_a_folder_is_read_whole(ending: str, tmp_path: Path) -> None:
    root = put(tmp_path / "root", *NAMES)
    made = shutil.make_archive(str(tmp_path / "a"), ending, root)
    found = [*open_source(made).files()]
    assert [one.path for one in found if isinstance(one, SourceFile)] == sorted(NAMES)
    assert len(found) == len(NAMES)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("ending", ["tar", "tar.gz", "zip"])
def test_what_git_writes_is_read_whole(ending: str, tmp_path: Path) -> None:
    root = put(tmp_path / "root", *NAMES)
    committed(root)
    named = ("-c", "user.name=n", "-c", "user.email=e@example.invalid")
    subprocess.run(["git", *named, "commit", "-q", "-m", "m"], cwd=root, check=True)
    made = tmp_path / f"a.{ending}"
    call = ["git", "archive", "--prefix=x-1.0/", f"--output={made}", "HEAD"]
    subprocess.run(call, cwd=root, check=True)
    found = [*open_source(str(made)).files()]
    assert [one.path for one in found if isinstance(one, SourceFile)] == sorted(NAMES)
    assert len(found) == len(NAMES)


def anew(data: bytes, at: int, value: int) -> bytes:
    """A tar with another byte, and a header whose sum is right again."""
    changed = bytearray(data)
    changed[at] = value
    start = at - at % 512
    if changed[start + 257 : start + 262] == b"ustar":
        total = sum(changed[start : start + 512]) - sum(changed[start + 148 : start + 156]) + 256
        changed[start + 148 : start + 156] = b"%06o\0 " % total
    return bytes(changed)


def lines(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def by_tarfile(data: bytes) -> dict[str, bytes]:
    """The files of Python that ``tarfile`` unpacks, as far as it comes."""
    found: dict[str, bytes] = {}
    with suppress(Exception), tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for info in tar:
            if info.isreg() and not info.issparse() and (file := tar.extractfile(info)):
                found[shown(tidy(info.name))] = lines(file.read())
    return {name: text for name, text in found.items() if name.endswith(".py")}


@pytest.mark.parametrize("form", FORMATS)
@given(st.data())
def test_a_changed_tar_is_read_as_by_python_or_told(form: str, data: st.DataObject) -> None:
    """Of any byte of it, the sums of its headers being right."""
    whole = tarred(FORMATS[form], [*NAMES[:2], "b.py"])
    at = data.draw(st.integers(0, len(whole.rstrip(b"\0")) + 1500))
    changed = anew(whole, min(at, len(whole) - 1), data.draw(st.integers(0, 255)))
    with tempfile.TemporaryDirectory() as folder:
        files, told = looked_at(Path(folder) / "a.tar", changed)
    assert told or files == by_tarfile(changed)


@given(st.data())
def test_a_changed_zip_is_read_as_by_python_or_told(data: st.DataObject) -> None:
    """Of any byte of it, and by the headers of its members as by its directory."""
    with tempfile.TemporaryDirectory() as folder:
        path = put_zip(Path(folder) / "a.zip", [("a.py", "x = 1\n"), ("b.md", "y"), ("c.py", "z")])
        changed = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 2))):
            at = data.draw(st.integers(0, len(changed) - 1))
            changed[at] = data.draw(st.integers(0, 255))
        files, told = looked_at(path, bytes(changed))
    found: dict[str, bytes] = {}
    with suppress(Exception), zipfile.ZipFile(io.BytesIO(changed)) as archive:
        for name in archive.namelist():
            if name.endswith(".py"):
                found[shown(tidy(name))] = lines(archive.read(name))
    assert told or files == found


@given(st.binary(min_size=512, max_size=512) | st.binary(max_size=600))
@example(b"\0" * 512)
def test_no_header_whatever_crashes(block: bytes) -> None:
    with suppress(OddError):
        header(block)
    for kind in (b"x", b"g", b"L", b"K"):
        with suppress(OddError):
            said_by(kind, block)


@pytest.mark.parametrize(
    ("place", "field"),
    [
        (124, b"+0000000007\0"),
        (124, b"0o000000007\0"),
        (124, b"0000000_007\0"),
        (124, b"\x80" + bytes(10) + b"\7"),
        (124, b"\xff" * 12),
        (124, b" " * 12),
        (156, b"X"),
        (156, b"V"),
        (156, b"5"),
        (257, b"ustar\x00 0"),
        (2, b"\0.py"),
        (345, b"p"),
        (505, b"x"),
    ],
)
def test_a_header_that_programs_read_in_several_ways_is_none(place: int, field: bytes) -> None:
    whole = tarred(tarfile.GNU_FORMAT, ["abc.py"])[:512]
    assert header(whole).size == 6
    changed = bytearray(whole)
    changed[place : place + len(field)] = field
    if place == 2:
        changed[6:9] = b"\0md"
    with pytest.raises(OddError, match="expected"):
        header(anew(bytes(changed), 511, changed[511]))


def streamed(inner: bytes) -> bytes:
    """A zip whose one member, deflated, has other members behind its end: who reads it from front
    to end, as its sizes stand behind it, unpacks them."""

    class Forward(io.BytesIO):
        def tell(self) -> int:
            raise io.UnsupportedOperation

    stream = Forward()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bin", "x" * 100)
    data = stream.getvalue()
    start, end = 30 + 5, data.index(b"PK\7\x08")
    crc = data[end + 4 : end + 8]
    hidden = data[end : end + 16] + inner
    size = end - start + len(hidden)
    said = b"PK\7\x08" + crc + struct.pack("<LL", size, 100)
    listed = bytearray(data[end + 16 :])
    struct.pack_into("<L", listed, 20, size)
    at = listed.index(b"PK\5\6")
    struct.pack_into("<L", listed, at + 16, end + len(hidden) + 16)
    return data[:end] + hidden + said + bytes(listed)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="another form of streams")
def test_what_a_reader_of_streams_would_find_in_a_member_is_told(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("m.py", "x = 1\n")
    data = streamed(stream.getvalue())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
    assert looked_at(tmp_path / "a.zip", data) == ({}, True)
