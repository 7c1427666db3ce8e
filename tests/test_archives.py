"""Archives of all kinds: what is bad about a member, or the whole, is told; the rest is read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import random
import stat
import struct
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sources import (
    DAY,
    INFO,
    as_sdist,
    as_wheel,
    as_zip,
    opened,
    paths,
    put_tar,
    put_zip,
    reasons,
)

from provenance.errors import SourceError
from provenance.limits import Limits
from provenance.model import Skipped, SourceFile
from provenance.source import open_source

# --- bad members ----------------------------------------------------------------


def test_members_that_lead_out_of_the_archive_are_told(tmp_path: Path) -> None:
    names = ["../up.py", "/root.py", "a/../../b.py", "C:\\w.py", "..\\w.py", "ok/a.py"]
    members = [(name, "") for name in names]
    for path in (put_zip(tmp_path / "a.zip", members), put_tar(tmp_path / "a.tar", members, "w")):
        source = opened(path)
        assert paths(source) == ["ok/a.py"]
        told = reasons(source)
        assert len(told) == 5
        assert all("leads out of the archive" in one for one in told.values())


def test_a_bad_member_does_not_change_the_paths_of_the_others(tmp_path: Path) -> None:
    members = [("p-1.0/PKG-INFO", INFO), ("p-1.0/a.py", ""), ("/x.py", "")]
    assert paths(opened(put_tar(tmp_path / "p-1.0.tar.gz", members))) == ["a.py"]


def test_links_and_devices_in_archives_are_told(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.py", DAY)
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    pipe = zipfile.ZipInfo("pipe.py", DAY)
    pipe.external_attr = (stat.S_IFIFO | 0o777) << 16
    source = opened(put_zip(tmp_path / "a.zip", [(link, "/etc/passwd"), (pipe, ""), ("a.py", "")]))
    assert paths(source) == ["a.py"]
    assert "symbolic link" in reasons(source)["link.py"]
    assert "no regular file" in reasons(source)["pipe.py"]

    members: list[tuple[str | tarfile.TarInfo, str]] = [("a.py", "")]
    for name, kind in [
        ("sym.py", tarfile.SYMTYPE),
        ("hard.py", tarfile.LNKTYPE),
        ("dev.py", tarfile.CHRTYPE),
        ("fifo.py", tarfile.FIFOTYPE),
    ]:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "a.py"
        members.append((info, ""))
    source = opened(put_tar(tmp_path / "a.tar.gz", members))
    assert paths(source) == ["a.py"]
    assert reasons(source).keys() == {"sym.py", "hard.py", "dev.py", "fifo.py"}
    assert "hard link" in reasons(source)["hard.py"]


def test_encrypted_members_are_told(tmp_path: Path) -> None:
    path = put_zip(tmp_path / "a.zip", [("a.py", "a"), ("b.py", "b")])
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    source = opened(path)
    assert paths(source) == ["b.py"]
    assert "encrypted" in reasons(source)["a.py"]


@pytest.mark.parametrize("fits", [True, False])
def test_a_name_in_a_field_of_its_own_is_that_which_unpacking_gives(
    tmp_path: Path, fits: bool
) -> None:
    """Some readers of zips take it, some do not: code would be read by some Pythons only."""
    info = zipfile.ZipInfo("notes.txt")
    name = b"\1" + struct.pack("<I", zlib.crc32(b"notes.txt" if fits else b"x")) + b"model.py"
    info.extra = struct.pack("<HH", 0x7075, len(name)) + name
    source = opened(put_zip(tmp_path / "a.zip", [(info, "x = 1\n"), ("b.py", "x = 2\n")]))
    assert paths(source) == ["b.py", "model.py"][: 1 + fits]


def test_names_that_occur_twice_are_told_and_the_last_is_read(tmp_path: Path) -> None:
    """What unpacking leaves on a disk is what counts; the other may be meant to deceive."""
    members = [("a.py", "first"), ("b.py", ""), ("a.py", "last")]
    with pytest.warns(UserWarning, match=r"Duplicate name"):
        zipped = put_zip(tmp_path / "a.zip", members)
    for path in (zipped, put_tar(tmp_path / "a.tar.gz", members)):
        found = list(opened(path).files())
        assert [file.path for file in found] == ["a.py", "a.py", "b.py"]
        assert isinstance(found[0], Skipped)
        assert "2 members of this name" in found[0].reason
        assert isinstance(found[1], SourceFile)
        assert found[1].content == b"last"


def test_damaged_members_of_a_zip_are_told_and_the_rest_is_read(tmp_path: Path) -> None:
    text = "".join(f"a{n} = {n * n}\n" for n in range(500))
    path = put_zip(tmp_path / "a.zip", [("crc.py", text), ("flate.py", text), ("ok.py", text)])
    data = bytearray(path.read_bytes())
    first, second = data.index(b"PK\1\2"), data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    struct.pack_into("<I", data, first + 16, 1)  # another CRC in the directory
    start = struct.unpack_from("<I", data, second + 42)[0] + 30 + len("flate.py")
    data[start : start + 20] = b"\xff" * 20
    path.write_bytes(data)
    source = opened(path)
    assert paths(source) == ["ok.py"]
    assert "CRC" in reasons(source)["crc.py"]
    assert "damaged member" in reasons(source)["flate.py"]


@pytest.mark.parametrize("claimed", [10, 10_000])
def test_a_size_in_a_header_is_not_believed(claimed: int, tmp_path: Path) -> None:
    """Neither too little, to unpack a bomb unseen, nor too much."""
    path = put_zip(tmp_path / "a.zip", [("a.py", "x" * 5000), ("b.py", "")])
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\1\2") + 24, claimed)
    path.write_bytes(data)
    source = opened(path)
    assert paths(source) == ["b.py"]
    assert "found" in reasons(source)["a.py"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_bound_are_not_tried(method: int, tmp_path: Path) -> None:
    info = zipfile.ZipInfo("a.py", DAY)
    info.compress_type = method
    source = opened(put_zip(tmp_path / "a.zip", [(info, "x")]))
    assert "expected stored or deflate" in reasons(source)["a.py"]


def test_a_name_too_long_for_any_disk_is_told_in_short(tmp_path: Path) -> None:
    path = put_tar(tmp_path / "a.tar", [("d/" * 40_000 + "a.py", ""), ("b.py", "")], "w")
    source = opened(path)
    assert paths(source) == ["b.py"]
    ((name, reason),) = reasons(source).items()
    assert len(name) < 300
    assert "4,096 characters" in reason


# --- bad archives ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.whl", "a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no archive",
        b"PK\x03\x04" + b"\x00" * 99,
        b"\x1f\x8b\x08\x00garbage",
        b"BZh9garbage",
        b"\xfd7zXZ\x00garbage",
        gzip.compress(b"x" * 9999, mtime=0),
        b"x" * 2000,
    ],
)
def test_what_is_no_archive_is_an_error_of_the_source(
    name: str, data: bytes, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError, match=rf"{name}: found no readable .*expected.*again"):
        open_source(str(tmp_path / name))


def test_a_truncated_zip_is_an_error_of_the_source(tmp_path: Path) -> None:
    path = as_wheel(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SourceError, match=r"found no readable zip"):
        open_source(str(path))


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("how", ["cut", "garbage", "no end"])
def test_a_tar_that_breaks_off_gives_what_there_is_and_tells_the_loss(
    compress: Callable[[bytes], bytes], how: str, tmp_path: Path
) -> None:
    noise = [f"# {random.Random(n).randbytes(1500).hex()}\n" for n in range(40)]
    whole = put_tar(tmp_path / "t.tar", [(f"f{n:02}.py", t) for n, t in enumerate(noise)], "w")
    data = whole.read_bytes()
    if how == "garbage":
        at = 20 * (512 + 3072)
        data = data[:at] + b"\xff" * 5000 + data[at:]
    elif how == "no end":
        data = data[: 40 * (512 + 3072)]
    packed = compress(data)
    path = tmp_path / "a.tar.gz"
    path.write_bytes(packed[: len(packed) // 2] if how == "cut" else packed)
    if compress is bz2.compress and how == "cut":  # its one block is all or nothing
        with pytest.raises(SourceError):
            open_source(str(path))
        return
    source = opened(path)
    found = paths(source)
    assert len(found) == 40 if how == "no end" else 5 < len(found) <= 22
    assert found == [f"f{n:02}.py" for n in range(len(found))]
    told = reasons(source)
    assert "break off after" in told["a.tar.gz"]
    assert len(told) <= 2, "the member it broke off in, and the rest"


def test_members_are_counted(tmp_path: Path) -> None:
    members = [(f"{n}.txt", "") for n in range(11)]
    limits = Limits(max_members=10)
    for path in (put_zip(tmp_path / "a.zip", members), put_tar(tmp_path / "a.tar.gz", members)):
        with pytest.raises(SourceError, match=r"more members than the 10 allowed.*max_members"):
            open_source(str(path), limits=limits)


def test_a_long_zip_directory_is_not_even_read(tmp_path: Path) -> None:
    path = put_zip(tmp_path / "a.zip", [(f"{n}{'x' * 60_000}", "") for n in range(5)])
    with pytest.raises(SourceError, match=r"more members"):
        open_source(str(path), limits=Limits(max_members=10))


def test_unpacked_bytes_are_bounded(tmp_path: Path) -> None:
    limits = Limits(max_total_bytes=1_000_000)
    zipped = put_zip(tmp_path / "a.zip", [(f"{n}.py", "x" * 200_000) for n in range(6)])
    for mode in ("w:gz", "w:bz2", "w:xz"):
        bomb = put_tar(tmp_path / "a.tar.gz", [("zeros.bin", b"\0" * 2_000_000)], mode)
        assert bomb.stat().st_size < 10_000
        for path in (zipped, bomb):
            with pytest.raises(SourceError, match=r"1,000,000 unpacked bytes.*max_total_bytes"):
                open_source(str(path), limits=limits)


def test_python_held_of_a_tar_is_bounded_with_a_remedy(tmp_path: Path) -> None:
    path = put_tar(tmp_path / "a.tar.gz", [(f"{n}.py", "x" * 600) for n in range(3)])
    limits = Limits(max_held_bytes=1000)
    with pytest.raises(SourceError, match=r"1,800 bytes of Python.*--include"):
        open_source(str(path), limits=limits)
    assert paths(opened(path, limits=limits, include=["1.py"])) == ["1.py"]


def test_what_an_archive_unpacks_to_is_bounded_by_its_length(tmp_path: Path) -> None:
    """300 kB of zip took five minutes: 200 files, none of which was too long."""
    limits = Limits(max_notebook_bytes=1_000_000)
    members = [(f"{n}.py", "a\n" * 300_000) for n in range(2)]
    for path in (put_zip(tmp_path / "a.zip", members), put_tar(tmp_path / "a.tar.gz", members)):
        with pytest.raises(SourceError, match=r"1,200,000 bytes of Python.*100 times.*--include"):
            open_source(str(path), limits=limits)
        assert paths(opened(path, limits=limits, include=["1.py"])) == ["1.py"]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_want_of_memory_is_no_damage(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [("a.py", "x = 1\n")]
    put = put_zip if kind == "zip" else put_tar
    source = open_source(str(put(tmp_path / f"a.{kind}", members)))

    def lacking(*_: object) -> bytes:
        raise MemoryError

    module = "zipped" if kind == "zip" else "tarred"
    monkeypatch.setattr(f"provenance.{module}.read_at_most", lacking)
    assert reasons(source)["a.py"].startswith("found too little memory to unpack it")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_headers_that_ask_for_much_memory_or_nest_are_refused(kind: bytes, tmp_path: Path) -> None:
    def header(size: int) -> bytes:
        info = tarfile.TarInfo("x")
        info.type, info.size = kind, size
        return info.tobuf(tarfile.GNU_FORMAT)

    long = tmp_path / "long.tar.gz"
    long.write_bytes(gzip.compress(header(500_000_000) + b"\0" * 100_000))
    nested = tmp_path / "nested.tar"
    nested.write_bytes((header(512) + b"12 path=abc\n".ljust(512, b"\0")) * 5000)
    for path in (long, nested):
        with pytest.raises(SourceError):
            open_source(str(path))


def test_an_xz_header_that_asks_for_gigabytes_is_refused(tmp_path: Path) -> None:
    lzma1 = b"\x5d" + struct.pack("<I", 0x7FFFFFFF) + b"\xff" * 8 + b"\0" * 100
    (tmp_path / "a.tar.xz").write_bytes(b"\x5d\0\0" + lzma1[3:])
    with pytest.raises(SourceError):
        open_source(str(tmp_path / "a.tar.xz"))


def test_xz_streams_one_after_the_other_are_read(tmp_path: Path) -> None:
    data = put_tar(tmp_path / "a.tar", [("a.py", "x" * 5000)], "w").read_bytes()
    path = tmp_path / "b.tar.xz"
    path.write_bytes(lzma.compress(data[:3000]) + b"\0" * 4 + lzma.compress(data[3000:]))
    assert paths(opened(path)) == ["a.py"]


@given(st.data())
def test_no_damage_to_an_archive_crashes(data: st.DataObject) -> None:
    """Whatever bytes are changed, the answer is files, reasons, or an error of the source."""

    with tempfile.TemporaryDirectory() as folder:
        make = data.draw(st.sampled_from([as_wheel, as_zip, as_sdist]))
        compressed = data.draw(st.booleans())
        path = make(Path(folder))
        blob = bytearray(path.read_bytes())
        if make is as_sdist and not compressed:
            blob = bytearray(gzip.decompress(blob))
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(blob) - 1))
            blob[at] = data.draw(st.integers(0, 255))
        blob = blob[: data.draw(st.integers(0, len(blob)) | st.just(len(blob)))]
        path.write_bytes(blob)
        found = []
        with suppress(SourceError):
            found = [file.path for file in open_source(str(path)).files()]
        assert found == sorted(found, key=str.encode)


@pytest.mark.parametrize("name", ["a.tar", "a.zip"])
@pytest.mark.parametrize("now", ["another", "gone", "pipe", "folder"])
def test_an_archive_that_changes_while_it_is_read_is_told(
    name: str, now: str, tmp_path: Path
) -> None:
    """What is in another one would be told of the one whose digest is; a pipe would be waited
    for."""

    def put_archive(*names: str) -> Path:
        if name.endswith(".tar"):
            return put_tar(tmp_path / name, [(one, "") for one in names], "w")
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for one in names:
                archive.writestr(one, "")
        return tmp_path / name

    path = put_archive("a.py", "b.py", "c.py")
    source = open_source(str(path))
    path.unlink()
    if now == "another":
        put_archive("a.py", "x.py")
    elif now == "pipe" and sys.platform != "win32":
        os.mkfifo(path)
    elif now == "folder":
        path.mkdir()
    assert paths(source) == []
    assert set(reasons(source)) == {"a.py", "b.py", "c.py"}


def test_nothing_is_written_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = [as_wheel(tmp_path), as_sdist(tmp_path), as_sdist(tmp_path, "tar.xz")]
    written: list[str] = []
    active = [True]

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if not active or event != "open" or not isinstance(arguments[2], int):
            return
        if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            written.append(str(arguments[0]))

    sys.addaudithook(watch)
    try:
        for path in members:
            assert len(paths(opened(path))) == 4
    finally:
        active.clear()
    assert written == []
