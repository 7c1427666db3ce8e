"""What the directory of a zip does not list is told: other programs may unpack it."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from zlib import crc32

import pytest
from ending import ends

from provenance.errors import SourceError
from provenance.model import Skipped, SourceFile
from provenance.source import open_source

DAY = (2025, 3, 1, 0, 0, 0)
SEVERAL = "which programs unpack in several ways"


def packed(*names: str) -> bytes:
    """A sound zip with a member of each name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name, DAY), f"name = {name!r}\n")
    return file.getvalue()


def ended(data: bytes, *, count: int | None = None, size: int | None = None) -> bytes:
    """A zip whose end says another count of members, or size of the directory."""
    changed = bytearray(data)
    if count is not None:
        struct.pack_into("<HH", changed, len(data) - 14, count, count)
    if size is not None:
        struct.pack_into("<I", changed, len(data) - 10, size)
    return bytes(changed)


def short() -> bytes:
    """The directory begins at its second member."""
    data = packed("a.py", "b.py")
    first = data.index(b"PK\1\2")
    second = data.index(b"PK\1\2", first + 4)
    return ended(data, size=len(data) - 22 - second)


def renamed() -> bytes:
    """The directory calls a member by another name than its own header does."""
    data = packed("a.py", "b.py")
    at = data.index(b"a.py", data.index(b"PK\1\2"))
    return data[:at] + b"a.md" + data[at + 4 :]


def within(*, raw: bool) -> bytes:
    """A whole zip in the data of a member; ``raw``: the end says that the directory begins there,
    as some programs then believe."""
    inner = packed("a.py")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("data.zip", DAY), inner)
    data = bytearray(file.getvalue())
    if raw:
        start = data.index(inner) + inner.index(b"PK\1\2")
        struct.pack_into("<I", data, len(data) - 6, start)
        at = data.rindex(b"PK\1\2")
        lead = struct.unpack_from("<I", data, len(data) - 10)[0]
        struct.pack_into("<I", data, at + 42, (start - (len(data) - 22 - lead)) & 0xFFFFFFFF)
    return bytes(data)


def sized() -> bytes:
    """A member's own header says that it is shorter than the directory does."""
    data = bytearray(packed("data.bin", "b.py"))
    struct.pack_into("<I", data, 18, 4)
    return bytes(data)


def overlapping() -> bytes:
    """The directory says that one member reaches over the next."""
    data = bytearray(packed("data.bin", "b.py"))
    first = data.index(b"PK\1\2")
    for at in (18, first + 20):
        struct.pack_into("<I", data, at, 40)
    return bytes(data)


def otherwise_packed() -> bytes:
    """A member's own header says that it is compressed, the directory that it is not."""
    data = bytearray(packed("a.py"))
    data[8] = 8
    return bytes(data)


def told(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    found = list(open_source(str(path)).files())
    return any(isinstance(one, Skipped) and SEVERAL in one.reason for one in found)


@pytest.mark.parametrize(
    "data",
    [
        ended(packed("a.py"), size=0),
        ended(packed("a.py"), size=0, count=0),
        ended(packed("a.py"), count=2),
        short(),
        renamed(),
        sized(),
        overlapping(),
        packed("a.py") + packed("b.py"),
        packed("a.py")[:-22] + packed("b.py"),
        otherwise_packed(),
        b"#!/bin/sh\n" + packed("a.py"),
    ],
    ids=[
        "empty",
        "of-none",
        "count",
        "short",
        "renamed",
        "sized",
        "overlap",
        "two",
        "before",
        "how",
        "after-a-stub",
    ],
)
def test_members_that_the_directory_does_not_list_are_told(tmp_path: Path, data: bytes) -> None:
    """``unzip``, other readers, or Python by another way, would unpack code that nobody saw."""
    assert told(tmp_path / "a.zip", data)


def test_a_member_without_a_name_is_told(tmp_path: Path) -> None:
    """To unzip it is the member before it, which it writes over."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.py", "x = 1\n")
        archive.writestr("Q", "y = 2\n")
    data = bytearray(stream.getvalue())
    for mark, length in ((b"PK\3\4", 26), (b"PK\1\2", 28)):
        at = data.rindex(mark) + length
        data[at : at + 4] = struct.pack("<HH", 0, 1)  # the sign is an extra field now
    (tmp_path / "a.zip").write_bytes(data)
    found = [*open_source(str(tmp_path / "a.zip")).files()]
    assert [one.path for one in found] == ["a.py", "a.zip"]
    assert SEVERAL in getattr(found[1], "reason", "")


def test_a_directory_elsewhere_is_told(tmp_path: Path) -> None:
    """Some programs go by where the end says that it begins, others by how long it is."""
    assert told(tmp_path / "a.zip", within(raw=True))


@pytest.mark.parametrize(
    "data",
    [packed(), packed("a.py", "b.py"), within(raw=False)],
    ids=["nothing", "plain", "zip-in-zip"],
)
def test_a_sound_zip_is_not_suspected(tmp_path: Path, data: bytes) -> None:
    assert not told(tmp_path / "a.zip", data)


def test_a_long_zip_and_streamed_ones_are_not_suspected(tmp_path: Path) -> None:
    """Zip64, and members whose sizes follow them."""

    class Stream(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += data
            return len(data)

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("a.py", "w", force_zip64=True) as file:
            file.write(b"x = 1\n" * 1000)
        for number in range(70_000 // 1000):
            archive.writestr(f"b{number}.py", "x = 1\n")
    assert not told(tmp_path / "a.zip", bytes(stream.data))
    found = list(open_source(str(tmp_path / "a.zip")).files())
    assert all(isinstance(one, SourceFile) for one in found)
    assert len(found) == 71


@pytest.mark.parametrize("name", ["b.py\x01", "b\x7f.p\x02y", "b.py ", "b.ipynb.", "b.py;1"])
def test_a_name_that_others_unpack_as_python_is_told(name: str, tmp_path: Path) -> None:
    """Info-ZIP leaves control characters out of names, and numbers of versions behind them, Windows
    what blanks and dots end them."""
    path = tmp_path / "a.zip"
    path.write_bytes(packed("a.py", name, "c.pyc"))
    found = list(open_source(str(path)).files())
    assert [one.reason for one in found if isinstance(one, Skipped)] == [
        "found a member name that some programs unpack as that of Python, expected one without "
        "control characters that ends in none but letters; pack it again under its own name"
    ]


def _read(path: Path) -> None:
    source = open_source(str(path))
    assert [one.path for one in source.files()] == ["a.py"]


def test_names_of_members_are_looked_at_in_time_that_goes_with_their_length(tmp_path: Path) -> None:
    """Of the longest, such as these, each took up to .2 s: 500 a megabyte of which did minutes."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a.py", "x = 1\n")
        for number in range(4_000):
            made.writestr("." * 4_000 + f"x{number}", "")
    ends(_read, [path])


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("b.py", ["b.txt"]),
        ("b.txt", ["b.py"]),
        ("a.txt", ["a.md", "b.py"]),
        ("b.py", ["b.md", "c"]),
    ],
)
def test_a_member_of_several_names_is_read_by_that_of_python(
    name: str, others: list[str], tmp_path: Path
) -> None:
    """Info-ZIP goes by the last extra field of a name, ``zipfile`` and so pip, before Python 3.12,
    by none. It is told, too."""
    info = zipfile.ZipInfo(name, DAY)
    for other in others:
        field = struct.pack("<BI", 1, crc32(name.encode())) + other.encode()
        info.extra += struct.pack("<HH", 0x7075, len(field)) + field
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "x = 1\n")
    found = [*open_source(str(tmp_path / "a.zip")).files()]
    assert [one.path for one in found] == ["a.zip", "b.py"]
    assert SEVERAL in getattr(found[0], "reason", "")


@pytest.mark.parametrize("field", [b"\1\0", struct.pack("<BI", 1, crc32(b"a.txt")) + b"\xff.py"])
def test_a_name_that_is_none_is_refused_by_every_python(field: bytes, tmp_path: Path) -> None:
    """By some the whole archive was not read, by others all of it was."""
    info = zipfile.ZipInfo("a.txt", DAY)
    info.extra = struct.pack("<HH", 0x7075, len(field)) + field
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "x = 1\n")
        archive.writestr("b.py", "x = 1\n")
    with pytest.raises(SourceError, match=r"Corrupt unicode path extra field \(0x7075\)"):
        open_source(str(tmp_path / "a.zip"))


def test_a_damaged_member_is_called_alike_by_every_python(tmp_path: Path) -> None:
    """And an empty name brings out no warning."""
    for name in ("c.py", ""):
        field = struct.pack("<BI", 1, crc32(b"a.py")) + name.encode()
        info = zipfile.ZipInfo("a.py", DAY)
        info.extra = struct.pack("<HH", 0x7075, len(field)) + field
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(info, "x = 1\n")
        data = (tmp_path / "a.zip").read_bytes()
        (tmp_path / "a.zip").write_bytes(data.replace(b"x = 1", b"x = 2"))
        told = [one for one in open_source(str(tmp_path / "a.zip")).files() if one.path != "a.zip"]
        called = name or "a.py"
        (one,) = told
        assert one.path == called
        assert f"Bad CRC-32 for file '{called}'" in getattr(one, "reason", "")


def test_of_members_at_one_place_none_is_read(tmp_path: Path) -> None:
    """Releases of Python do not agree which of them is."""
    data = packed("a.py")
    at = data.index(b"PK\1\2")
    entry, end = data[at : data.index(b"PK\5\6")], bytearray(data[data.index(b"PK\5\6") :])
    struct.pack_into("<HHI", end, 8, 2, 2, 2 * len(entry))
    path = tmp_path / "a.zip"
    path.write_bytes(data[:at] + entry + entry + bytes(end))
    found = [one for one in open_source(str(path)).files() if one.path == "a.py"]
    assert found
    assert all(isinstance(one, Skipped) for one in found)


@pytest.mark.parametrize("more", [0, 1, 5])
def test_a_member_that_lies_over_another_is_not_read(more: int, tmp_path: Path) -> None:
    """Some releases of Python's zipfile refuse it, others read or warn: reports would differ. Here
    the directory says that the first member goes on so far over the second."""
    data = bytearray(packed("a.py", "b.py"))
    at, start, second = data.index(b"PK\1\2"), data.index(b"name"), data.index(b"PK\3\4", 4)
    size = second - start + more
    own = bytes(data[start : start + size])
    struct.pack_into("<III", data, at + 16, crc32(own), size, size)
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    found = {one.path: one for one in open_source(str(path)).files() if one.path != "a.zip"}
    assert isinstance(found["b.py"], SourceFile)
    first = found["a.py"]
    told = isinstance(first, Skipped) and "lies over what stands behind it" in first.reason
    assert told is (more > 0)
