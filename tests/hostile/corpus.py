"""Bad inputs, made by code: what someone could put into a repository to break a scan of it.

Each maker writes into a folder and says what must become of what it wrote: *read* (scanned like any
file, perhaps with syntax errors), *told* (under ``skipped``, with a reason), or *left out* (never
looked at, such as a folder of version control).
"""

from __future__ import annotations

import io
import json
import os
import random
import socket
import stat
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal

Fate = Literal["read", "told", "left out"]
Fates = dict[str, Fate]
Maker = Callable[[Path], Fates]
MAKERS: dict[str, Maker] = {}
POSIX = sys.platform != "win32"


def maker(made: Maker) -> Maker:
    MAKERS[made.__name__] = made
    return made


def _write(folder: Path, name: str, content: bytes | str) -> None:
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    (folder / name).write_bytes(data)


# --- text that is hard to parse -----------------------------------------------------------


@maker
def nesting(folder: Path) -> Fates:
    n = 10_000
    texts = {
        "brackets": "x = " + "[" * n + "]" * n,
        "open_brackets": "x = " + "(" * n,
        "closing": ")" * n,
        "braces": "x = " + "{1:" * n,
        "calls": "f(" * n + ")" * n,
        "lambdas": "x = " + "lambda: " * n + "0",
        "nots": "x = " + "not " * n + "0",
        "minuses": "x = " + "-" * n + "1",
        "attributes": "x = a" + ".b" * n,
        "ternaries": "x = " + "1 if 1 else " * n + "0",
        "sums": "x = " + "1 + " * n + "1",
        "defs": "\n".join(" " * depth + "def f():" for depth in range(2_000)),
        "flat_defs": "def f(): pass\n" * n,
        "one_line_defs": "def f():" * n,
        "classes": "\n".join(" " * depth + "class A:" for depth in range(2_000)),
        "ifs": "if x:\n" * n,
        "elifs": "if x: pass\n" + "elif y: pass\n" * n,
        "decorators": "@a\n" * n + "def f(): pass",
        "fstrings": 'x = f"' + "{f'" * 100 + "1" + "'}" * 100 + '"',
        "open_string": 'x = """' + "a\n" * n,
        "quotes": "'" * n + '"' * n,
        "backslashes": "\\\n" * n,
        "semicolons": ";" * n,
        "dedents": "\n".join(" " * (n % 97) + "x" for n in range(n)),
        "tabs": "\n".join("\t" * (n % 31) + "if x:" for n in range(3_000)),
        "comments": "# Copied from transformers.models.llama.modeling_llama.LlamaMLP\n" * n,
        "copyrights": "# Copyright 2024 " + "The Very Long Holder " * 20_000,
        "tags": "# SPDX-License-Identifier: " + "(MIT AND " * n + "MIT" + ")" * n,
        "links": "# https://github.com/" + "a/" * n + "\n",
        "names": "\n".join(f"name_{number} = {number}" for number in range(n)),
        "one_name": "x" * 1_000_000 + " = 1",
        "digits": "x = " + "1" * 1_000_000,
        "imports": "from a import " + ", ".join(f"b{number}" for number in range(n)),
        "registrations": "AutoModel.register(LlamaConfig, LlamaModel)\n" * n,
    }
    for name, text in texts.items():
        _write(folder, f"{name}.py", text)
    return {f"{name}.py": "read" for name in texts}


@maker
def long_lines(folder: Path) -> Fates:
    _write(folder, "line_of_5_mb.py", b"x = [" + b"1, " * 1_600_000 + b"]")
    _write(folder, "line_of_50_mb.py", b"x = '" + b"a" * 50_000_000 + b"'")
    with (folder / "file_of_200_mb.py").open("wb") as file:
        file.write(b"x = 1\n")
        file.truncate(200_000_000)
    return {
        "line_of_5_mb.py": "read",
        "line_of_50_mb.py": "told",
        "file_of_200_mb.py": "told",
    }


@maker
def encodings(folder: Path) -> Fates:
    good = "def f(a, b):\n    return 'é', a + b\n"
    fates: Fates = {}
    for name, data, fate in (
        ("nul", b"x = 1\n\0y = 2\n", "told"),
        ("nuls", b"\0" * 5_000, "told"),
        ("utf16", good.encode("utf-16"), "told"),
        ("utf32", good.encode("utf-32"), "told"),
        ("lying", b"# coding: ascii\n" + good.encode("utf-8"), "told"),
        ("unknown", b"# coding: klingon\n" + good.encode("utf-8"), "told"),
        ("rot13", b"# coding: rot13\n" + good.encode("utf-8"), "told"),
        ("hexed", b"# coding: hex\n64656620\n", "told"),
        ("cut", good.encode("utf-8")[:-10] + b"\xc3", "told"),
        ("surrogates", "x = '\ud800\udfff'\n".encode("utf-8", "surrogatepass"), "told"),
        ("random", random.Random(1).randbytes(20_000), "told"),
        ("latin", b"# coding: latin-1\n" + good.encode("latin-1"), "read"),
        ("bom", b"\xef\xbb\xbf" + good.encode("utf-8"), "read"),
        ("crs", good.encode("utf-8").replace(b"\n", b"\r"), "read"),
        ("empty", b"", "read"),
        ("bidi", "x = 1 # \u202e evil \u2066 \u2069\n".encode(), "read"),
        ("ansi", b"def f():\n    return '\x1b[31m\x1b]0;title\x07'\n", "read"),
        ("html", b"def f():\n    return '</script><script>alert(1)</script>'\n", "read"),
    ):
        _write(folder, f"{name}.py", data)
        fates[f"{name}.py"] = fate  # type: ignore[assignment]
    return fates


@maker
def names(folder: Path) -> Fates:
    """Names that steer a terminal or a report, as far as the disk takes them."""
    wanted = ["a b.py", "-rf.py", "$(x).py", "%s.py", "a;b.py", "ümläut.py", "Ａ.py"]
    if POSIX:
        wanted += ["a\nb.py", "\x1b[31mred.py", "\u202egnp.py", "<b>.py", '"quoted".py', "*.py"]
    made: Fates = {}
    for name in wanted:
        _write(folder, name, "x = 1\n")
        made[name] = "read"
    if sys.platform == "linux":
        with open(os.fsencode(folder) + b"/\xff\xfe.py", "wb") as file:
            file.write(b"x = 1\n")
        _write(folder, "Case.py", "x = 1\n")
        _write(folder, "case.py", "x = 2\n")
        made |= {"Case.py": "read", "case.py": "read", os.fsdecode(b"\xff\xfe.py"): "read"}
    return made


@maker
def no_files(folder: Path) -> Fates:
    """What has the name of a file and is none."""
    fates: Fates = {}
    (folder / "folder.py").mkdir()
    if POSIX:
        (folder / "loop.py").symlink_to("loop.py")
        (folder / "self").symlink_to(".", target_is_directory=True)
        (folder / "root").symlink_to("/", target_is_directory=True)
        (folder / "passwd.py").symlink_to("/etc/passwd")
        (folder / "nowhere.py").symlink_to("/nowhere/at/all")
        os.mkfifo(folder / "pipe.py")
        with socket.socket(socket.AF_UNIX) as opened:
            place = os.getcwd()
            os.chdir(folder)  # a socket's path must be short
            try:
                opened.bind("socket.py")
            finally:
                os.chdir(place)
        names = "loop.py self root passwd.py nowhere.py pipe.py socket.py".split()
        fates |= dict.fromkeys(names, "told")
        with suppress(PermissionError):  # only root makes devices, and not everywhere
            os.mknod(folder / "device.py", stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero
            fates["device.py"] = "told"
    for hidden in (".git", ".venv", "node_modules", "__pycache__"):
        (folder / hidden).mkdir()
        _write(folder / hidden, "inside.py", "x = 1\n")
        fates[f"{hidden}/inside.py"] = "left out"
    _write(folder / ".venv", "pyvenv.cfg", "")
    return fates


@maker
def notebooks(folder: Path) -> Fates:
    cell = {"cell_type": "code", "source": ["x = 1\n"], "metadata": {}, "outputs": []}
    whole = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    texts: dict[str, tuple[str, Fate]] = {
        "empty": ("", "told"),
        "cut": (json.dumps(whole)[:-20], "told"),
        "list": ("[]", "told"),
        "number": ("1e999", "told"),
        "null": ("null", "told"),
        "no_cells": ('{"nbformat": 4}', "told"),
        "cells_no_list": (json.dumps({**whole, "cells": 7}), "told"),
        "deep": ("[" * 100_000, "told"),
        "deep_object": ('{"a":' * 100_000, "told"),
        "twice": ('{"cells": [], "cells": [' + json.dumps(cell) + '], "nbformat": 4}', "read"),
        "many_cells": (json.dumps({**whole, "cells": [cell] * 20_000}), "read"),
        "magic": (json.dumps({**whole, "cells": [{**cell, "source": "%%bash\nrm -rf /"}]}), "read"),
        "good": (json.dumps(whole), "read"),
    }
    for name, (text, _) in texts.items():
        _write(folder, f"{name}.ipynb", text)
    return {f"{name}.ipynb": fate for name, (_, fate) in texts.items()}


@maker
def configuration(folder: Path) -> Fates:
    """Files that steer a scan, with nonsense in them."""
    _write(
        folder,
        ".gitignore",
        b"\xff\xfe\n[\n!\n\\\n" + b"**/" * 5_000 + b"none\n" + b"*" * 5_000 + b"z",
    )
    _write(folder, "pyproject.toml", "[project]\nname = " + "[" * 5_000)
    _write(folder, "NOTICE", "Copyright " * 50_000)
    _write(folder, "LICENSE", b"\0\xff" * 1_000)
    _write(folder, "fine.py", "x = 1\n")
    return {"fine.py": "read"}


# --- archives -----------------------------------------------------------------------------


ZIPS = (
    *("bomb", "traversal", "nested", "encrypted", "truncated", "garbage", "empty", "no_members"),
    *("twice", "clash", "many"),
)
TARS = ("bomb", "links", "traversal", "twice", "truncated", "garbage")
"""What there is, for who does not want it made: that takes seconds."""


@cache
def zips() -> dict[str, bytes]:
    """Hostile zip archives. Each holds ``good.py`` too, where it can be listed at all."""

    def packed(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that are there twice
            for name, data in members:
                archive.writestr(name, data)
        return stream.getvalue()

    good = ("good.py", b"def f(a):\n    return a\n")
    encrypted = bytearray(packed(good, ("secret.py", b"x = 1\n")))
    at = encrypted.rindex(b"secret.py")  # its entry in the directory: set the bit
    encrypted[at - 46 + 8] |= 1
    bomb = packed(good, ("bomb.py", b"0" * 300_000_000))
    return {
        "bomb": bomb,
        "traversal": packed(good, ("../../evil.py", b"x"), ("/abs.py", b"x"), ("C:\\e.py", b"x")),
        "nested": packed(good, ("inner.zip", packed(good))),
        "encrypted": bytes(encrypted),
        "truncated": bomb[: len(bomb) // 2],
        "garbage": random.Random(2).randbytes(10_000),
        "empty": b"",
        "no_members": packed(),
        "twice": packed(good, ("a.py", b"x = 1\n"), ("a.py", b"x = 2\n")),
        "clash": packed(good, ("A.py", b"x = 1\n"), ("a.py", b"x = 2\n"), ("a.py/b.py", b"")),
        "many": packed(good, *((f"m{number}.txt", b"") for number in range(20_000))),
    }


@cache
def tars() -> dict[str, bytes]:
    """Hostile tar archives, packed with gzip."""

    def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for entry, data in members:
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        return stream.getvalue()

    def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
        made = tarfile.TarInfo(name)
        made.type, made.linkname = kind, link
        return made

    good = (entry("good.py"), b"def f(a):\n    return a\n")
    whole = packed(good, (entry("bomb.py"), b"0" * 100_000_000))
    return {
        "bomb": whole,
        "links": packed(
            good,
            (entry("passwd.py", tarfile.SYMTYPE, "/etc/passwd"), b""),
            (entry("hard.py", tarfile.LNKTYPE, "../../x.py"), b""),
            (entry("device.py", tarfile.CHRTYPE), b""),
            (entry("pipe.py", tarfile.FIFOTYPE), b""),
        ),
        "traversal": packed(good, (entry("../../evil.py"), b"x"), (entry("/abs.py"), b"x")),
        "twice": packed(good, (entry("a.py"), b"x = 1\n"), (entry("a.py"), b"x = 2\n")),
        "truncated": whole[: len(whole) // 2],
        "garbage": random.Random(3).randbytes(10_000),
    }
