"""What a tar says in its headers costs what it is long, and nothing is hidden behind it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from provenance.archive import tidy
from provenance.errors import SourceError
from provenance.model import Skipped, SourceFile
from provenance.source import open_source

GOOD = b"def f(a):\n    return a\n"


def member(name: str, data: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A header, and what follows it."""
    info = tarfile.TarInfo(name)
    info.size, info.type = len(data), kind
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def written(path: Path, *members: bytes) -> str:
    path.write_bytes(b"".join(members) + bytes(1024))
    return str(path)


def record(key: str, value: str) -> bytes:
    """A record of a pax header, which begins with its own length."""
    said = f" {key}={value}\n".encode()
    length = len(said) + 1
    while len(str(length)) + len(said) != length:
        length = len(str(length)) + len(said)
    return b"%d%s" % (length, said)


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (tarfile.XHDTYPE, b"9" * 2_000_000, "not as long as they say"),
        (tarfile.XHDTYPE, b"1 hdrcharset=" * 200_000, "not as long as they say"),
        (tarfile.XGLTYPE, b"".join(record(f"k{n}", "v") for n in range(9_000)), "says 'k0'"),
        (tarfile.XGLTYPE, record("mtime", "0." + "1" * 2_000_000), "with the 'mtime'"),
    ],
    ids=["digits", "charsets", "for all members", "time of all members"],
)
def test_headers_that_cost_more_than_their_size_are_refused(
    kind: bytes, text: bytes, said: str, tmp_path: Path
) -> None:
    """``tarfile`` looks at them by the square of their length, or again for every member: a small
    archive took hours. A sound part before them is read."""
    bad = member("pax", text, kind)
    empty = [member(f"{n}.txt", b"") for n in range(9_000)]
    with pytest.raises(SourceError, match=said):
        open_source(written(tmp_path / "a.tar", bad, member("a.py", GOOD), *empty))
    found = [*open_source(written(tmp_path / "b.tar", member("a.py", GOOD), bad, *empty)).files()]
    assert [one.path for one in found] == ["a.py", "b.tar"]
    assert isinstance(found[0], SourceFile)
    assert said in getattr(found[1], "reason", "")


def test_headers_of_pax_that_mean_what_they_say_are_read(tmp_path: Path) -> None:
    """Such as git and Python write; and files that look like headers, or are of their size."""
    name = "d/" + "n" * 140 + ".py"
    like = member("g.py", b"x" * 600, tarfile.XGLTYPE)[:512]
    path = written(
        tmp_path / "a.tar",
        member("pax_global_header", record("comment", "f" * 40), tarfile.XGLTYPE),
        member("pax", record("path", name) + record("mtime", "1700000000.5"), tarfile.XHDTYPE),
        member("short.py", GOOD),
        *(member(f"{n}.py", b"#" + b"g" * 511) for n in range(40)),
        *(member(f"{n}/NOTICE", like) for n in range(40)),
        member("long", b"l/" + b"g" * 400 + b".py\0", tarfile.GNUTYPE_LONGNAME),
        member("short.py", GOOD),
        member("last.py", GOOD),
    )
    found = [*open_source(path).files()]
    assert not [one for one in found if isinstance(one, Skipped)]
    assert {name, "last.py", "l/" + "g" * 400 + ".py", "39.py"} <= {one.path for one in found}
    assert len(found) == 43


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("sign", ["d", "\ud55c"])
def test_a_long_name_that_a_header_cuts_to_one_of_python_is_no_other_file(
    form: int, sign: str, tmp_path: Path
) -> None:
    """Python writes so, and the stub of ``.pyi`` was read in place of the file beside it."""
    long = f"pkg-1.0/{sign}/" + "n" * (87 if sign == "d" or form == tarfile.PAX_FORMAT else 85)
    with tarfile.open(tmp_path / "a.tar", "w", format=form, encoding="utf-8") as archive:
        for name, data in [(long + ".py", GOOD), (long + ".pyi", b""), (long + ".pyx", b"")]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    found = [*open_source(str(tmp_path / "a.tar")).files()]
    assert [one.path[-4:] for one in found] == ["n.py", ".pyi", ".pyx"]
    assert getattr(found[0], "content", b"") == GOOD
    assert all("cut after 100 bytes" in getattr(one, "reason", "") for one in found[1:])


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE])
@pytest.mark.parametrize(
    "said",
    [
        record("path", "z.py") + record("path", "z.txt"),
        record("path", "z.txt") + record("comment", "") + record("path", "z.py"),
        record("path", ""),
        record("path", "z.py") + record("path", ""),
        record("size", "3") + record("size", "4"),
        record("GNU.sparse.name", "z.py") + record("path", "z.txt"),
    ],
)
def test_headers_that_give_a_member_two_names_or_none_are_refused(
    kind: bytes, said: bytes, tmp_path: Path
) -> None:
    """Some programs take the first, some the last, some what stands behind: Python unseen."""
    path = written(
        tmp_path / "a.tar", member("a.py", GOOD), member("pax", said, kind), member("z.py", GOOD)
    )
    found = [*open_source(path).files()]
    assert [one.path for one in found] == ["a.py", "a.tar"]
    assert "a pax header" in getattr(found[1], "reason", "")


def test_a_long_name_of_no_signs_is_refused(tmp_path: Path) -> None:
    """Some programs pass over it."""
    path = written(
        tmp_path / "a.tar", member("a.py", GOOD), member("L", b"", b"L"), member("z.py", GOOD)
    )
    found = [*open_source(path).files()]
    assert [one.path for one in found] == ["a.py", "a.tar"]


def test_names_cost_what_they_are_long(tmp_path: Path) -> None:
    """Every step into a folder copied the name, as did every ``./`` before it."""
    assert tidy("./" * 400_000 + "a/././b") == "a/./b"
    deep = "a/" * 2_000
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("good.py", GOOD)
        for number in range(3_000):
            archive.writestr(f"{deep}{number}.py", GOOD)
    (tmp_path / "a.zip").write_bytes(stream.getvalue())
    found = [*open_source(str(tmp_path / "a.zip")).files()]
    told = [one.reason for one in found if isinstance(one, Skipped)]
    assert len(told) == 3_000
    assert "250 folders" in told[0]
    assert [one.path for one in found if isinstance(one, SourceFile)] == ["good.py"]


def test_names_that_are_too_much_in_all_are_refused(tmp_path: Path) -> None:
    name = b"n" * 15_000_000 + b"%d.py\0"
    long = [member("long", name % n, tarfile.GNUTYPE_LONGNAME) + member("a", b"") for n in range(4)]
    with pytest.raises(SourceError, match="or longer names"):
        open_source(written(tmp_path / "a.tar", *long))


def test_a_zip_that_says_that_a_member_is_longer_than_any_file_is_told(tmp_path: Path) -> None:
    """It was a traceback."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("good.py", GOOD)
        info = zipfile.ZipInfo("long.py")
        info.extra = struct.pack("<HHQQ", 1, 16, 1 << 63, (1 << 64) - 1)
        archive.writestr(info, GOOD)
    data = bytearray(stream.getvalue())
    at = data.rindex(b"PK\1\2")
    data[at + 20 : at + 28] = b"\xff" * 8
    (tmp_path / "a.zip").write_bytes(data)
    found = {
        one.path: getattr(one, "reason", "") for one in open_source(str(tmp_path / "a.zip")).files()
    }
    assert found["good.py"] == ""
    assert "expected at most" in found["long.py"]
    assert "programs unpack in several ways" in found["a.zip"]


def test_a_file_whose_name_is_that_of_a_folder_is_read(tmp_path: Path) -> None:
    """``tarfile``, and so pip, unpacks it as one."""
    source = open_source(written(tmp_path / "a.tar", member("a.py/", GOOD), member("b/c.py", GOOD)))
    assert [(one.path, type(one)) for one in source.files()] == [
        ("a.py", SourceFile),
        ("b/c.py", SourceFile),
    ]


LONG = tarfile.GNUTYPE_LONGNAME


@pytest.mark.parametrize(
    "before",
    [
        [(b"a.txt\0", LONG), (b"b.py\0", LONG)],
        [(b"a.txt\0", LONG), (record("path", "b.py"), tarfile.XHDTYPE)],
        [(record("path", "a.txt"), tarfile.XHDTYPE), (b"b.py\0", LONG)],
        [(record("path", "a.txt"), tarfile.XHDTYPE), (record("mtime", "3"), tarfile.XHDTYPE)],
        [(b"14  path=b.py\n", tarfile.XHDTYPE)],
        [(b"12 path=b.py\n", tarfile.XHDTYPE)],
        [(record("mtime", "3") + b"x" + record("path", "b.py"), tarfile.XHDTYPE)],
    ],
)
def test_headers_that_programs_read_in_several_ways_are_told(
    before: list[tuple[bytes, bytes]], tmp_path: Path
) -> None:
    """GNU tar unpacks Python from them where ``tarfile`` sees another file, or the other way."""
    headers = [member("h", text, kind) for text, kind in before]
    path = written(tmp_path / "a.tar", member("a.py", GOOD), *headers, member("c", GOOD))
    found = [*open_source(path).files()]
    assert [one.path for one in found if isinstance(one, Skipped)] == ["a.tar"]
    assert [one.path for one in found if isinstance(one, SourceFile)] == ["a.py"]


def test_a_name_with_a_nul_is_told(tmp_path: Path) -> None:
    """For some who unpack it, it ends there."""
    named = member("pax", record("path", "b.py\0.txt"), tarfile.XHDTYPE)
    path = written(tmp_path / "a.tar", member("a.py", GOOD), named, member("a", GOOD))
    assert [one.path for one in open_source(path).files()] == ["a.py", "a.tar"]


PACKERS = [bytes, gzip.compress, bz2.compress, lzma.compress]


@pytest.mark.parametrize("between", [64, 1 << 16, 3 << 16])
@pytest.mark.parametrize("pack", PACKERS[1:])
def test_zeros_between_streams_end_nothing(
    pack: Callable[[bytes], bytes], between: int, tmp_path: Path
) -> None:
    """Padding of xz: what stood behind 64 KB of it vanished unsaid."""
    first, second = member("p/a.py", b"x = 1\n"), member("p/m.py", b"x = 2\n")
    path = tmp_path / "a.tar"
    path.write_bytes(pack(first) + bytes(between) + pack(second + bytes(1024)) + bytes(between))
    assert [one.path for one in open_source(str(path)).files()] == ["p/a.py", "p/m.py"]


@pytest.mark.parametrize("pack", PACKERS[1:])
def test_very_many_streams_of_nearly_nothing_are_told(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """Each took as long as a hundred kilobytes; the parts of ``bgzip`` or ``pbzip2`` are large."""
    text = member("p/a.py", b"x = 1\n") + bytes(1024)
    path = tmp_path / "a.tar"
    path.write_bytes(pack(b"") * 900 + pack(text))
    assert [one.path for one in open_source(str(path)).files()] == ["p/a.py"]
    many = [pack(member(f"p/{at}.py", b"x = 1\n")) for at in range(1_500)]  # as eStargz has them
    path.write_bytes(b"".join(many) + pack(bytes(1024)))
    assert len([*open_source(str(path)).files()]) == 1_500
    path.write_bytes(pack(text) + pack(b"") * 1_100)
    told = [one for one in open_source(str(path)).files() if isinstance(one, Skipped)]
    assert "many compressed streams of nearly nothing, expected longer" in told[-1].reason
    path.write_bytes(pack(b"") * 1_100 + pack(text))
    with pytest.raises(SourceError, match="streams of nearly nothing"):
        open_source(str(path))


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.parametrize("zeros", [512, 1024, 10240])
def test_what_stands_behind_the_end_mark_is_told(
    zeros: int, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """``tar -i``, and who wants two blocks of zeros, unpack what others do not see."""
    first, second = member("p/a.py", b"x = 1\n"), member("p/m.py", b"x = 2\n")
    path = tmp_path / "a.tar"
    path.write_bytes(pack(first + bytes(zeros)) + pack(second + bytes(1024)))
    told = [one for one in open_source(str(path)).files() if isinstance(one, Skipped)]
    assert "behind the end mark" in told[-1].reason
    path.write_bytes(pack(first + bytes(zeros)) + pack(bytes(512)))
    assert [one.path for one in open_source(str(path)).files()] == ["p/a.py"]
