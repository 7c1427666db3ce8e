"""Every kind of source yields the same files; what is bad is told and nothing else is lost."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from ending import ends
from hypothesis import given
from hypothesis import strategies as st
from sources import (
    EXPECTED,
    KINDS,
    all_read,
    needs_posix,
    opened,
    paths,
    put,
    put_tar,
    put_zip,
    reasons,
)

from provenance.decode import printable, shown
from provenance.errors import SourceError
from provenance.folder import find_named
from provenance.limits import Limits
from provenance.model import Skipped, SourceFile
from provenance.regular import MOST_DEEP
from provenance.release import from_metadata, from_project, license_of, normalised
from provenance.source import open_named, open_source


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_yield_the_same_files_sorted_and_again(kind: str, tmp_path: Path) -> None:
    source = opened(KINDS[kind](tmp_path))
    for _ in range(2):
        found = [file for file in source.files() if isinstance(file, SourceFile)]
        assert {file.path: file.content for file in found} == EXPECTED
        assert [file.path for file in found] == sorted(EXPECTED)
    assert source.total == 4


@pytest.mark.parametrize("kind", KINDS)
def test_patterns_hold_for_all_kinds(kind: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path)
    assert paths(opened(path, include=["pkg/*"])) == ["pkg/a.py", "pkg/b.py", "pkg/models/x.py"]
    assert paths(opened(path, include=["pkg/{models,none}/*"])) == ["pkg/models/x.py"]
    assert paths(opened(path, include=["pkg"], exclude=["b.py", "pkg/models/"])) == ["pkg/a.py"]
    assert opened(path, include=["nowhere/*"]).total == 0
    taken_back = ["*.py", "pkg/models/", "!pkg/models/x.py"]
    assert paths(opened(path, exclude=taken_back)) == ["pkg/models/x.py"]


@pytest.mark.parametrize("kind", ["wheel", "zipped sdist", "tar.gz", "tar.xz"])
def test_archives_say_what_release_they_are(kind: str, tmp_path: Path) -> None:
    source = opened(KINDS[kind](tmp_path))
    release = source.release
    assert (release.package, release.version, release.license) == ("my-pkg", "1.0", "Apache-2.0")
    assert (release.date, release.date_source) == ("2024-03-01", "archive")
    assert release.sha256 is not None
    assert {f.modified for f in source.files() if isinstance(f, SourceFile)} == {"2024-03-01"}


@pytest.mark.parametrize(
    "moment",
    [
        (1980, 1, 1, 0, 0, 0),
        (2016, 1, 1, 0, 0, 0),
        (2020, 2, 2, 0, 0, 0),
        (2022, 11, 9, 12, 37, 20),
    ],
)
def test_days_that_tools_write_for_no_day_are_none(
    moment: tuple[int, int, int, int, int, int], tmp_path: Path
) -> None:
    info = zipfile.ZipInfo("a.py", moment)
    source = opened(put_zip(tmp_path / "a-1.zip", [(info, "")]))
    assert (source.release.date, source.release.date_source) == (None, "none")
    assert [f.modified for f in source.files() if isinstance(f, SourceFile)] == [None]


@pytest.mark.parametrize(
    ("seconds", "day"),
    [
        (315_619_200, None),  # Nix
        (499_162_500, None),  # npm
        (946_684_800, None),  # bazel
        (1_153_704_088, None),  # maturin
        (1_153_704_208, "2006-07-24"),
        (1_580_601_600, None),  # hatch
        (1_667_997_441, None),  # scikit-build-core
        (1_667_951_999, "2022-11-08"),
        (1_667_997_600, "2022-11-09"),
    ],
)
def test_moments_that_tools_write_for_none_date_nothing(
    seconds: int, day: str | None, tmp_path: Path
) -> None:
    """What was borrowed yesterday was older than its source: audits were clean."""
    info = tarfile.TarInfo("a-1/a.py")
    info.mtime = seconds
    assert opened(put_tar(tmp_path / "a-1.tar", [(info, "")], "w")).release.date == day


@pytest.mark.parametrize("seconds", [0, -1e300, 1e300])
def test_times_that_are_none_do_no_harm(seconds: float, tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.py")
    info.mtime = seconds
    info.pax_headers = {"mtime": str(seconds)}
    source = opened(put_tar(tmp_path / "a.tar", [(info, "")], "w"))
    assert source.release.date is None
    assert paths(source) == ["a.py"]


def test_newest_member_dates_the_release(tmp_path: Path) -> None:
    members = [zipfile.ZipInfo(f"{year}.py", (year, 5, 6, 0, 0, 0)) for year in (2021, 2023, 2022)]
    source = opened(put_zip(tmp_path / "a.zip", [(one, "") for one in members]))
    assert source.release.date == "2023-05-06"


def test_digest_is_of_the_bytes_as_found(tmp_path: Path) -> None:
    from hashlib import sha256

    (file,) = opened(put(tmp_path, "a.py", text="a\r\n")).files()
    assert isinstance(file, SourceFile)
    assert file.sha256 == sha256(b"a\r\n").hexdigest()


# --- one file, one notebook ---------------------------------------------------------------


def test_a_file_that_is_named_is_read_whatever_its_ending(tmp_path: Path) -> None:
    put(tmp_path, "tool", "stub.pyi")
    for name in ("tool", "stub.pyi"):
        assert paths(opened(tmp_path / name)) == [name]
    assert opened(tmp_path / "stub.pyi").release.package == "stub"
    assert opened(tmp_path / "tool", exclude=["*"]).total == 0


def test_notebook_has_cells(tmp_path: Path) -> None:
    cells = [{"cell_type": "markdown", "source": ""}, {"cell_type": "code", "source": ["a = 1"]}]
    put(tmp_path, "n.ipynb", text=json.dumps({"nbformat": 4, "cells": cells}))
    put(tmp_path, "bad.ipynb", text="{")
    for source in (opened(tmp_path), opened(tmp_path / "n.ipynb")):
        files = {f.path: f for f in all_read(source) if isinstance(f, SourceFile)}
        assert (files["n.ipynb"].content, files["n.ipynb"].cells) == (b"a = 1\n", ((2, 1),))
    assert "no valid JSON" in reasons(opened(tmp_path))["bad.ipynb"]


def test_code_of_a_notebook_is_bounded_too(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "source": "a" * 2000}
    put(tmp_path, "n.ipynb", text=json.dumps({"cells": [cell]}))
    assert "2,000 bytes" in reasons(opened(tmp_path, limits=Limits(max_file_bytes=1000)))["n.ipynb"]


@pytest.mark.parametrize("name", ["missing", "a==1.0", "https://u:secret@h/x.whl", "a\0b", ""])
def test_what_cannot_be_opened_is_told_with_what_was_expected(name: str) -> None:
    with pytest.raises(SourceError, match=r"expected|pypi:a==1\.0") as caught:
        open_source(name)
    assert "secret" not in str(caught.value)


# --- directories --------------------------------------------------------------------------


def test_folders_that_hold_no_code_of_the_project_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "env/lib/b.py", "env/pyvenv.cfg", "conda/conda-meta/x", "conda/c.py")
    for name in (".git", ".hg", "__pycache__", ".mypy_cache", ".tox", "node_modules"):
        put(tmp_path, f"{name}/d.py", f"deep/{name}/d.py")
    assert [f.path for f in opened(tmp_path).files() if isinstance(f, SourceFile)] == ["a.py"]
    assert paths(opened(tmp_path / "env")) == ["lib/b.py"], "named by the user, it is read"
    assert paths(opened(tmp_path / "node_modules")) == ["d.py"]


def test_archives_leave_out_the_same_folders(tmp_path: Path) -> None:
    names = ["a.py", "env/lib/b.py", "env/pyvenv.cfg", ".tox/c.py", "x/node_modules/c.py"]
    assert paths(opened(put_zip(tmp_path / "a.zip", [(n, "") for n in names]))) == ["a.py"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs names that Windows refuses")
def test_files_whose_names_are_shown_alike_are_told_apart(tmp_path: Path) -> None:
    """Results are known by what is shown: the verdict on one would be told of the other."""
    for name in ("a\tb.py", "a\\tb.py", "c\\x81.py", "c.py"):
        (tmp_path / name).write_text("x = 1\n", "utf-8")
    (tmp_path / os.fsdecode(b"c\x81.py")).write_text("x = 2\n", "utf-8")
    (tmp_path / "c\x81.py").write_text("x = 3\n", "utf-8")
    found = [(one.path, isinstance(one, Skipped)) for one in opened(tmp_path).files()]
    alike = [("c\\x81.py", False), ("c\\x81.py", True), ("c\\x81.py", True)]
    assert found == [("a\\tb.py", False), ("a\\tb.py", True), ("c.py", False), *alike]
    assert "shown as that of another file" in reasons(opened(tmp_path))["a\\tb.py"]


def _classified(number: int) -> None:
    said = from_project({"classifiers": [f"License :: a{at}" for at in range(number)]})
    assert said.license == ", ".join(f"a{at}" for at in range(99))[:200]


def test_very_many_licences_of_a_project_are_read_in_time() -> None:
    """Each was looked for among all before it: a megabyte of them took more than a minute."""
    ends(_classified, [300_000])


def test_archives_tell_what_they_leave_out(tmp_path: Path) -> None:
    names = ["a.py", "env/lib/b.py", "env/lib/c.py", "env/pyvenv.cfg", "x/node_modules/c.py"]
    source = opened(put_zip(tmp_path / "a.zip", [(name, "") for name in names]))
    assert reasons(source).keys() == {"env/", "x/node_modules/"}


@needs_posix
def test_pipes_sockets_and_devices_are_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    put(tmp_path, "a.py")
    os.mkfifo("fifo.py")
    os.mkfifo(".gitignore")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.py")
        told = reasons(opened(tmp_path))
    assert "named pipe" in told["fifo.py"]
    assert "named pipe" in told[".gitignore"]
    assert "socket" in told["socket.py"]
    for name in ("fifo.py", os.devnull):
        with pytest.raises(SourceError, match=r"neither a file nor a directory"):
            open_source(name)


def test_file_that_vanishes_is_told(tmp_path: Path) -> None:
    source = open_source(str(put(tmp_path, "a.py", "b.py")))
    os.remove(tmp_path / "a.py")
    assert "vanished" in reasons(source)["a.py"]
    assert paths(source) == ["b.py"]


@needs_posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read all")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "b.py", "shut/c.py")
    (tmp_path / "a.py").chmod(0)
    (tmp_path / "shut").chmod(0)
    try:
        told = reasons(opened(tmp_path))
        assert told.keys() == {"a.py", "shut/"}
        assert "give read permission" in told["a.py"]
        with pytest.raises(SourceError, match=r"give read permission"):
            open_source(str(tmp_path / "a.py"))
        with pytest.raises(SourceError, match=r"give read permission"):
            open_source(str(tmp_path / "shut"))
    finally:
        (tmp_path / "shut").chmod(stat.S_IRWXU)


def test_what_the_system_refuses_to_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for root, who may read all: the system call fails."""
    put(tmp_path, "a.py", "b.py", "shut/c.py")
    real_open = os.open

    def refuse(path: str, *more: int, **where: int) -> int:
        if str(path).endswith(("a.py", "shut")):
            raise PermissionError(13, "Permission denied")
        return real_open(path, *more, **where)

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "supports_dir_fd", {*os.supports_dir_fd, refuse})
    told = reasons(opened(tmp_path))
    assert told.keys() == {"a.py", "shut/"}
    assert all("(Permission denied); give read permission" in one for one in told.values())


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EMFILE, "more open files (ulimit -n)"),
        (errno.ENFILE, "end other programs"),
        (errno.ENOMEM, "free some memory"),
        (errno.EIO, "look at the disk"),
    ],
)
def test_what_no_file_is_to_blame_for_asks_for_no_permission(
    number: int, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.py", "b/c.py")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refuse)
        with pytest.raises(SourceError, match=re.escape(remedy)) as told:
            open_source(str(tmp_path))
    assert "permission" not in str(told.value)
    source = open_source(str(tmp_path))
    monkeypatch.setattr("provenance.regular.os.open", refuse)
    assert all(remedy in one for one in reasons(source).values())


@pytest.mark.parametrize("sign", ["\U0001fae9", "\u1c8a", "\U000323b0", "\u0378"])
def test_a_sign_that_is_newer_than_python_is_shown_as_it_is(sign: str) -> None:
    """It was an escape in older releases of Python: another path, and another index."""
    assert shown(f"a{sign}.py") == f"a{sign}.py"


@pytest.mark.parametrize("sign", ["\u0890", "\ufdd0", "\ufff3", "\U000e0001", "\U0001fffe"])
def test_what_no_release_of_python_shows_is_shown_by_none(sign: str) -> None:
    """Though older ones do not know that Unicode calls it a control."""
    assert shown(sign) == sign.encode("unicode_escape").decode()


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no Unicode")
def test_names_that_are_no_unicode_are_shown_with_escapes(tmp_path: Path) -> None:
    for name in (b"caf\xe9.py", b"a\nb\x1b.py", "日本.py".encode()):
        with open(os.path.join(os.fsencode(tmp_path), name), "w") as file:
            file.write("x = 1\n")
    assert paths(opened(tmp_path)) == [r"a\nb\x1b.py", r"caf\xe9.py", "日本.py"]


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1))
def test_a_shown_path_can_be_printed(name: str) -> None:
    assert all(map(printable, shown(name)))
    shown(name).encode()


def test_files_are_sorted_by_the_bytes_of_their_paths(tmp_path: Path) -> None:
    names = ["a/b.py", "a.py", "a-b.py", "B.py", "ä.py", "a0.py", "\U0001f600.py", "\uffee.py"]
    expected = sorted(names, key=str.encode)
    assert paths(opened(put(tmp_path / "d", *names))) == expected
    members = [(name, "") for name in names]
    assert paths(opened(put_zip(tmp_path / "a.zip", members))) == expected
    assert paths(opened(put_tar(tmp_path / "a.tar.gz", members))) == expected


def test_a_deep_tree_is_walked_without_recursion(tmp_path: Path) -> None:
    deep = "d/" * 100
    limit = sys.getrecursionlimit()
    put(tmp_path, deep + "a.py")
    sys.setrecursionlimit(200)
    try:
        found = [f.path for f in open_source(str(tmp_path)).files()]
    finally:
        sys.setrecursionlimit(limit)
    assert found == [deep + "a.py"]


def test_files_that_are_too_large_are_told_with_size_and_remedy(tmp_path: Path) -> None:
    put(tmp_path, "big.py", text="x" * 1001)
    put(tmp_path, "fits.py", text="x" * 1000)
    limits = Limits(max_file_bytes=1000)
    for place in (tmp_path, put_zip(tmp_path / "a.zip", [("big.py", "x" * 1001), ("fits.py", "")])):
        source = opened(place, limits=limits)
        assert paths(source) == ["fits.py"]
        assert "1,001 bytes, expected at most 1,000" in reasons(source)["big.py"]
        assert "split the file or leave it out with --exclude" in reasons(source)["big.py"]


def test_a_line_of_fifty_megabytes_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "line.py", "wb") as file:
        file.truncate(50_000_000)
    assert "50,000,000 bytes" in reasons(opened(tmp_path))["line.py"]


def test_a_folder_is_the_project_its_pyproject_names(tmp_path: Path) -> None:
    root = put(tmp_path / "my_folder", "a.py")
    assert opened(root).release.package == "my_folder"
    text = '[project]\nname = "My.Project"\nversion = "2.1"\nlicense = {text = "MIT License"}\n'
    put(root, "pyproject.toml", text=text)
    release = opened(root).release
    assert (release.package, release.version, release.license) == ("my-project", "2.1", "MIT")
    for bad in ("[project", "project = 3", "[project]\nname = 3\nlicense = [1]\nclassifiers = 1"):
        put(root, "pyproject.toml", text=bad)
        assert opened(root).release.package == "my_folder"


# --- patterns and metadata ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Apache", "Apache-2.0"),
        ("Apache 2.0 License", "Apache-2.0"),
        ("Apache License 2.0", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apache-2.0", "Apache-2.0"),
        ("Apache License v2.0", "Apache-2.0"),
        ("Apache Software License", "Apache-2.0"),
        ("MIT", "MIT"),
        ("The MIT License (MIT)", "The MIT License (MIT)"),
        ("MIT License\n\nCopyright (c) me", "MIT"),
        ("BSD", "BSD"),
        ("BSD-3-Clause", "BSD-3-Clause"),
        ("GPLv3", "GPLv3"),
        ("UNKNOWN", None),
        ("", None),
        (None, None),
        ("words " * 50, None),
    ],
)
def test_licences_said_plainly_become_spdx(words: str | None, expected: str | None) -> None:
    assert license_of(words) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: x", "MIT OR Apache-2.0"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License", "MIT"),
        ("Classifier: License :: OSI Approved :: Apache Software License", "Apache-2.0"),
        ("Classifier: License :: OSI Approved :: BSD License", "BSD License"),
        ("Classifier: License :: OSI Approved", None),
        ("Classifier: Topic :: Utilities", None),
    ],
)
def test_licence_of_the_metadata(lines: str, expected: str | None) -> None:
    assert from_metadata(f"Name: a\n{lines}\n\nbody".encode()).license == expected


def test_a_name_that_is_longer_than_any_is_none() -> None:
    """It stood in a report with every finding: 16 MB for eight of them."""
    for text, found in (("n" * 200, "n" * 200), ("n" * 201, None)):
        said = [
            from_metadata(f"Name: {text}\nVersion: {text}\n".encode()),
            from_project({"name": text, "version": text}),
        ]
        assert [(one.name, one.version) for one in said] == [(found, found)] * 2


@given(st.binary(max_size=200))
def test_no_metadata_crash_and_all_is_one_printable_line(data: bytes) -> None:
    described = from_metadata(b"Name: " + data + b"\nLicense: " + data)
    for value in (described.name, described.version, described.license):
        assert value is None or (all(map(printable, value)) and value)


def test_names_have_one_spelling() -> None:
    assert normalised("Open__CLIP.-torch") == "open-clip-torch"


# --- the cost of importing ----------------------------------------------------------------


def test_importing_the_stage_imports_no_reader() -> None:
    """What a kind of source needs is imported when one is opened."""
    late = "zipfile tarfile json subprocess pathspec email platformdirs gzip lzma tempfile numpy"
    code = (
        "import sys; before = set(sys.modules); import provenance.source; "
        f"print([name for name in {late.split()!r} if name in sys.modules.keys() - before])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_named_files_are_read_without_a_look_at_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all the guards of a listing, whatever a saved report names; a name as it is shown."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for place in (root / "a", root / ".git", root / "c\td", outside):
        place.mkdir(parents=True)
        (place / "x.py").write_text(f"place = {place.name!r}\n")
    (root / "a" / "x.txt").write_text("no code")
    (root / "large.py").write_text("#" * 2_000)
    (root / "c\td" / "y\tz.py").write_text("escaped = 1\n")
    (root / "c\\td").mkdir()
    (root / "c\\td" / "y\\tz.py").write_text("plain = 1\n")
    (root / "link.py").symlink_to(outside / "x.py")
    (root / "folder").symlink_to(outside)
    (root / "folder.py").mkdir()
    os.mkfifo(root / "pipe.py")
    asked = (
        "a/x.py", "a/x.txt", ".git/x.py", "a/../.git/x.py", "../outside/x.py", "./a/x.py",
        "a//x.py",
        str(outside / "x.py"), "link.py", "folder/x.py", "folder.py", "pipe.py", "large.py", "",
        "gone.py", "gone/x.py", "a/x.py/x.py", "a\0.py", "\udc80.py", "\ud800.py", "c\td/y\tz.py",
        "c\\td/y\\tz.py", "n" * 5_000 + ".py",
    )  # fmt: skip
    monkeypatch.setattr("provenance.source.list_folder", None)
    opened = open_named(str(root), asked, limits=Limits(max_file_bytes=1_000))
    found = [one for one in opened.files() if isinstance(one, SourceFile)]
    assert [(one.path, one.content) for one in found] == [
        ("a/x.py", b"place = 'a'\n"),
        ("c\\td/y\\tz.py", b"escaped = 1\n"),
        ("c\\td/y\\tz.py", b"plain = 1\n"),
    ]
    assert opened.total == len(list(opened.files()))
    monkeypatch.setattr(os, "supports_dir_fd", set())  # as on Windows
    opened = open_named(str(root), asked, limits=Limits(max_file_bytes=1_000))
    assert [one for one in opened.files() if isinstance(one, SourceFile)] == found


@needs_posix
def test_folders_that_are_shown_alike_take_no_time_by_the_square(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do the names that are asked for in them, as many as a baseline has."""
    folders = [""]
    for _ in range(6):
        folders = [f"{one}{name}/" for one in folders for name in ("a\n", "a\\n")]
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folders[1] / "x1.py").touch()
    joined: list[str] = []
    join = os.path.join

    def counted(first: str, *parts: str) -> str:
        joined.append(first)
        return join(first, *parts)

    monkeypatch.setattr(os.path, "join", counted)
    shown_so = "a\\n/" * 6
    found = find_named(str(tmp_path), [f"{shown_so}x{number}.py" for number in range(1_000)])
    assert found == [(f"{shown_so}x1.py", join(str(tmp_path), folders[1], "x1.py"))]
    assert len(joined) < 200


def test_who_may_not_read_is_not_told_to_spell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever tests as root may read all."""

    def forbidden(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "stat", forbidden)
    with pytest.raises(SourceError, match="give permission to read it"):
        open_source(str(tmp_path / "a.py"))


LFS = f"version https://lfs.example/v1\noid sha256:{'0' * 64}\nsize 1\n"


ANNEX = "/annex/objects/SHA256E-s1--00.py\n"


@pytest.mark.parametrize("name", ["m.py", "m.ipynb"])
@pytest.mark.parametrize(
    ("text", "command"),
    [
        (LFS, "git lfs pull"),
        (LFS.replace("\n", "\r\n"), "git lfs pull"),  # by eol=crlf in .gitattributes
        ("\n" + LFS.replace("\n", "\n\n"), "git lfs pull"),
        ("\N{NO-BREAK SPACE}" + LFS.replace("\n", f"\next-0-a sha256:{'1' * 64}\n", 1), "git lfs"),
        (LFS + " " * 2000 + "\nx = 1\n", "git lfs pull"),
        (f"ext-0-a sha256:{'1' * 64}\n" + LFS, "git lfs pull"),
        (ANNEX, "git annex get"),
        (ANNEX.replace("\n", "\r\n"), "git annex get"),
        (ANNEX + "/annex/more\n", "git annex get"),
        ("# .git" + ANNEX, "git annex get"),
        ("# .git" + ANNEX + "x = 1  # /annex/\n" * 1000, "git annex get"),
        ("#/annex/objects/WORM-s1-m1--a b.py\n", "git annex get"),
        (f"#$# git-fat {'0' * 40}                   1\n", "git fat pull"),
        (f"#$# git-fat {'0' * 40}                    1\n" + "x = 1\n" * 1000, "git fat pull"),
        (f"# xet version 0\nfilesize = 1\nhash = '{'0' * 64}'\n", "git xet checkout"),
        (f"# xet version 0\n{'#' * 2000}\nfilesize = 1\n'hash'='x'\n", "git xet checkout"),
    ],
)
def test_a_pointer_to_content_that_is_elsewhere_is_told(
    text: str, command: str, name: str, tmp_path: Path
) -> None:
    """CI fetches no such content unless it is asked to: an audit of three lines was clean. Their
    programs take for a pointer more than they write."""
    told = reasons(open_source(str(put(tmp_path, name, text=text))))
    assert command in told[name]


@pytest.mark.parametrize(
    "text",
    [
        LFS,
        ANNEX,
        "# xet version of the model\n",
        "# xet version 0.1 of the model\n",
        "# xet version 0\nhash = 'x'\n",
        "# in .git/annex/objects/00/11\n",
    ],
)
def test_code_behind_what_looks_like_a_pointer_is_read(text: str, tmp_path: Path) -> None:
    """For no program is it one."""
    assert paths(open_source(str(put(tmp_path, "m.py", text=text + "x = 1\n" * 1000)))) == ["m.py"]


def test_folders_one_in_another_are_entered_so_far_and_no_further(tmp_path: Path) -> None:
    """Each was opened from the root for each that is below: time by the square of how many."""
    root = tmp_path / "root"
    for depth in (MOST_DEEP, MOST_DEEP + 1):
        folder = root.joinpath(*["d"] * depth)
        folder.mkdir(parents=True)
        (folder / "a.py").write_text("a = 1\n")
    read, told = [*open_source(str(root)).files()]
    assert isinstance(read, SourceFile)
    assert isinstance(told, Skipped)
    assert (read.path, told.path) == ("d/" * MOST_DEEP + "a.py", "d/" * (MOST_DEEP + 1))
    assert "stands in more than 100 others" in told.reason
    asked = [f"{'d/' * MOST_DEEP}a.py", f"{'d/' * (MOST_DEEP + 1)}a.py"]
    read, told = [*open_named(str(root), asked).files()]
    assert isinstance(read, SourceFile)
    assert isinstance(told, Skipped)
    assert "stands in more than 100 others" in told.reason
