"""Every way we know in which code comes with a repository or an archive: an audit reads it, or says
that it did not. It is never clean."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from programs import program, renamed
from sources import put, put_tar, put_zip

import provenance
from provenance.cli import main

if shutil.which("git") is None or os.name != "posix":
    pytest.skip("needs git and POSIX names", allow_module_level=True)

CODE = renamed(program(0))
OWN = "def f(a):\n    return [a.b(c) for c in a if c.d]\n"
READ, TOLD = 1, 3
"""The exit codes: what was read is found, what was not makes the audit incomplete."""


def git(root: Path, *arguments: str, given: bytes | None = None) -> bytes:
    named = ("-c", "user.name=n", "-c", "user.email=e@example.invalid")
    allowed = ("-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    call = ["git", *named, *allowed, *arguments]
    ended = subprocess.run(
        call, cwd=root, env=environment, input=given, capture_output=True, check=True
    )
    return ended.stdout


def commit(root: Path, *more: str) -> None:
    """All of a tree, whatever is ignored."""
    git(root, "add", "-A", "-f", *more)
    git(root, "commit", "-q", "--allow-empty", "-m", "more")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("index")
    put(place, "birds/m.py", text=program(0))
    provenance.build_index([str(place / "birds")], place / "i.db", date="2025-01-02")
    return place / "i.db"


@pytest.fixture
def root(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a file of its own on ``main``."""
    made = tmp_path / "repository"
    put(made, "own.py", text=OWN)
    policy = f"fail-on = 'resembles'\ndefault-index = false\nindex = [{json.dumps(str(index))}]\n"
    put(made, "provenance.toml", text=policy)
    git(made, "init", "-q")
    commit(made)
    monkeypatch.chdir(made)
    return made


def audited(*arguments: str) -> int:
    result = CliRunner().invoke(main, ["audit", "--jobs", "1", "--no-cache", *arguments])
    assert result.exit_code in (0, READ, TOLD), result.output
    return result.exit_code


def branched(root: Path) -> None:
    """What is there now is what ``main`` has."""
    commit(root)
    git(root, "branch", "-f", "base")


# --- git -----------------------------------------------------------------------------------


def ignored(root: Path) -> None:
    put(root, ".gitignore", text="*\n")
    put(root, "m.py", text=CODE)
    commit(root)


def flagged(flag: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        ignored(root)
        git(root, "update-index", flag, "m.py")

    return make


def intended(root: Path) -> None:
    put(root, ".gitignore", text="*\n")
    put(root, "m.py", text=CODE)
    git(root, "add", "-f", "-N", "m.py")


def unmerged(root: Path) -> None:
    put(root, ".gitignore", text="*\n")
    put(root, "m.py", text=CODE)
    blob = git(root, "hash-object", "-w", "m.py").decode().strip()
    lines = "".join(f"100644 {blob} {stage}\tm.py\n" for stage in (1, 2, 3))
    git(root, "update-index", "--index-info", given=lines.encode())


def configured(*calls: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        ignored(root)
        for call in calls:
            git(root, *call.split())

    return make


def sparse(cone: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        put(root, ".gitignore", text="*\n")
        put(root, "in/a.py", "out/m.py", "out/n.py")
        commit(root)
        kept = ["in"] if cone == "--sparse-index" else ["/*", "!/out/"]
        git(root, "sparse-checkout", "set", cone, *kept)
        assert not (root / "out").exists()
        put(root, "out/m.py", text=CODE)

    return make


def filed(name: str | bytes, text: str | bytes = CODE) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        place = os.path.join(os.fsencode(root), os.fsencode(name))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        commit(root)

    return make


def beside(mark: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        put(root, f"env/{mark}", text="")
        put(root, "env/lib/m.py", text=CODE)
        commit(root)

    return make


def submodule(root: Path) -> None:
    other = put(root.parent / "other", "m.py", text=CODE)
    git(other, "init", "-q")
    commit(other)
    git(root, "submodule", "--quiet", "add", str(other), "node_modules/sub")
    put(root, ".gitignore", text="*\n")
    put(root, "node_modules/sub/.gitignore", text="*\n")
    commit(root)


def moved_submodule(root: Path) -> None:
    other = put(root.parent / "other", "m.py", text=OWN)
    git(other, "init", "-q")
    commit(other)
    git(root, "submodule", "--quiet", "add", str(other), "sub")
    branched(root)
    put(root, "sub/m.py", text=CODE)
    commit(root / "sub")
    commit(root)


def nested(root: Path) -> None:
    put(root, "sub/m.py", text=CODE)
    git(root / "sub", "init", "-q")
    put(root, "sub/.gitignore", text="*\n")
    commit(root / "sub")
    commit(root)


def nested_git_hides(root: Path) -> None:
    """Files of the outer repository under a ``.git`` that was put there."""
    put(root, "sub/.gitignore", text="*\n")
    put(root, "sub/m.py", text=CODE)
    commit(root)
    git(root / "sub", "init", "-q")


def in_worktree(root: Path) -> None:
    ignored(root)
    git(root, "worktree", "add", "-q", "--detach", "../tree")
    os.chdir(root.parent / "tree")


def attributed(attributes: str, text: str = CODE) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        put(root, ".gitattributes", text=f"m.py {attributes}\n")
        commit(root)
        blob = git(root, "hash-object", "-w", "--stdin", given=text.encode()).decode().strip()
        git(root, "update-index", "--add", "--cacheinfo", f"100644,{blob},m.py")
        git(root, "commit", "-q", "-m", "more")
        git(root, "checkout", "-q", "--", "m.py")
        assert (root / "m.py").exists()

    return make


def read_otherwise(root: Path) -> None:
    """``main`` has other signs, which a new .gitattributes alone makes code of."""
    code = CODE + "\n" * (len(CODE) % 2)
    put(root, "m.py", text=code.encode("ascii").decode("utf-16-le"))
    branched(root)
    put(root, ".gitattributes", text="m.py working-tree-encoding=UTF-16LE\n")
    git(root, "add", ".gitattributes")
    git(root, "commit", "-q", "-m", "more")
    (root / "m.py").unlink()
    git(root, "checkout", "-q", "--", "m.py")
    assert (root / "m.py").read_text("ascii") == code


def renamed_to_python(root: Path) -> None:
    put(root, "m.txt", text=CODE)
    branched(root)
    git(root, "mv", "m.txt", "m.py")
    commit(root)


def link_to_file(root: Path) -> None:
    (root / "m.py").symlink_to("own.py")
    branched(root)
    (root / "m.py").unlink()
    put(root, "m.py", text=CODE)
    commit(root)


def file_to_link(root: Path) -> None:
    put(root, "m.txt", text=CODE)
    put(root, "m.py", text=OWN)
    branched(root)
    (root / "m.py").unlink()
    (root / "m.py").symlink_to("m.txt")
    commit(root)


def link_out(root: Path) -> None:
    put(root.parent / "there", "m.py", text=CODE)
    (root / "more").symlink_to("../there")
    commit(root)


def link_as_text(target: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        put(root, target, text=CODE)
        (root / "m.py").symlink_to(target)
        commit(root)
        git(root, "config", "core.symlinks", "false")
        (root / "m.py").unlink()
        git(root, "checkout", "-q", "--", "m.py")

    return make


def replaced(root: Path) -> None:
    """A local reference says that ``main`` had it already."""
    before = git(root, "rev-parse", "HEAD").decode().strip()
    put(root, "m.py", text=CODE)
    commit(root)
    tree = git(root, "rev-parse", "HEAD^{tree}").decode().strip()
    other = git(root, "commit-tree", tree, "-m", "x").decode().strip()
    git(root, "replace", before, other)


def only_in_folder(root: Path) -> None:
    put(root, "m.py", text=CODE)


def clashing(root: Path) -> None:
    put(root, "M.py", text=OWN)
    put(root, "m.py", text=CODE)
    commit(root)


def composed(root: Path) -> None:
    put(root, "\N{LATIN SMALL LETTER E WITH ACUTE}.py", text=OWN)
    put(root, "e\N{COMBINING ACUTE ACCENT}.py", text=CODE)
    commit(root)


def shown_alike(root: Path) -> None:
    put(root, "a\tb.py", text=OWN)
    branched(root)
    put(root, "a\\tb.py", text=CODE)
    commit(root)


def deep(depth: int) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        put(root, "d" * 250 + "/" + "e/" * (depth - 1) + "m.py", text=CODE)
        commit(root)

    return make


def notebook(nbformat: int, key: str = "source", **more: object) -> str:
    cell = {"cell_type": "code", key: CODE, "metadata": {}, "outputs": [], **more}
    cells = {"cells": [cell]}
    held = cells if nbformat == 4 else {"worksheets": [cells]}
    return json.dumps({**held, "nbformat": nbformat, "nbformat_minor": 0, "metadata": {}})


def with_language(text: str, **metadata: object) -> str:
    return json.dumps({**json.loads(text), "metadata": metadata})


POINTER = f"version https://lfs.example/v1\noid sha256:{'0' * 64}\nsize 1\n"

NOTEBOOKS: dict[str, tuple[str | bytes, int]] = {
    "4": (notebook(4), READ),
    "4 lines": (notebook(4, source=CODE.splitlines(True)), READ),
    "3": (notebook(3, "input", language="python"), READ),
    "3 language": (notebook(3, "input", language="R"), READ),
    "2": (notebook(2, "input"), READ),
    "both": (json.dumps({**json.loads(notebook(3, "input")), "cells": []}), READ),
    "1": (notebook(4).replace('"source"', '"code"'), TOLD),
    "neither": (json.dumps({"nbformat": 4, "metadata": {}}), TOLD),
    "R": (with_language(notebook(4), language_info={"name": "R"}), TOLD),
    "kernel": (with_language(notebook(4), kernelspec={"language": "julia"}), TOLD),
    "jupytext": (with_language(notebook(4), jupytext={"main_language": "R"}), READ),
    "mark": ("\ufeff" + notebook(4), READ),
    "16": (notebook(4).encode("utf-16"), TOLD),
    "cut": (notebook(4)[:-5], TOLD),
}


def link_to_notebook(root: Path) -> None:
    """It is one under the name of the link alone."""
    put(root, "m.py", text=notebook(4))
    (root / "m.ipynb").symlink_to("m.py")
    commit(root)


GIT: dict[str, tuple[Callable[[Path], None], int]] = {
    "not committed": (only_in_folder, READ),
    "ignored": (ignored, READ),
    "skip-worktree": (flagged("--skip-worktree"), READ),
    "assume-unchanged": (flagged("--assume-unchanged"), READ),
    "intent to add": (intended, READ),
    "unmerged": (unmerged, READ),
    "index 4": (configured("update-index --index-version 4"), READ),
    "split index": (configured("update-index --split-index"), TOLD),
    "untracked cache": (configured("update-index --force-untracked-cache", "status"), READ),
    "fsmonitor": (configured("config core.fsmonitor true", "update-index --fsmonitor"), READ),
    "packed": (configured("pack-refs --all", "gc -q"), READ),
    "detached": (configured("checkout -q --detach"), READ),
    "sparse": (sparse("--no-cone"), READ),
    "sparse cone": (sparse("--sparse-index"), READ),
    "worktree": (in_worktree, READ),
    "submodule": (submodule, READ),
    "moved submodule": (moved_submodule, READ),
    "nested repository": (nested, READ),
    "a .git in a folder": (nested_git_hides, READ),
    "replaced": (replaced, READ),
    "eol": (attributed("text eol=crlf"), READ),
    "ident": (attributed("ident", CODE + "# $Id$\n"), READ),
    "encoding": (attributed("working-tree-encoding=UTF-8"), READ),
    "encoding latin": (
        attributed("working-tree-encoding=ISO-8859-1", "# coding: latin-1\n# é\n" + CODE),
        READ,
    ),
    "encoding latin, undeclared": (
        attributed("working-tree-encoding=ISO-8859-1", "# é\n" + CODE),
        TOLD,
    ),
    "encoding japanese": (attributed("working-tree-encoding=SHIFT-JIS", "# 語\n" + CODE), TOLD),
    "encoding 16": (attributed("working-tree-encoding=UTF-16"), TOLD),
    "encoding 16 bare": (attributed("working-tree-encoding=UTF-16LE"), TOLD),
    "encoding 32": (attributed("working-tree-encoding=UTF-32"), TOLD),
    "encoding made anew": (read_otherwise, READ),
    "pointer": (attributed("filter=lfs", POINTER), TOLD),
    "pointer eol": (attributed("filter=lfs text eol=crlf", POINTER), TOLD),
    "pointer encoding": (attributed("filter=lfs working-tree-encoding=UTF-16", POINTER), TOLD),
    "encrypted": (filed("m.py", b"\0GITCRYPT\0" + b"\1" * 100), TOLD),
    "renamed": (renamed_to_python, READ),
    "link to file": (link_to_file, READ),
    "file to link": (file_to_link, TOLD),
    "link out": (link_out, TOLD),
    "link to notebook": (link_to_notebook, TOLD),
    "link as text": (link_as_text("m.txt"), TOLD),
    "link to many lines as text": (link_as_text("a\nb/m.txt"), TOLD),
    "case": (clashing, READ),
    "composed": (composed, READ),
    "shown alike": (shown_alike, TOLD),
    "deep": (deep(100), READ),
    "too deep": (deep(101), TOLD),
    **{
        f"name {name!r}": (filed(name), READ)
        for name in (
            "node_modules/m.py",
            "__pycache__/m.py",
            ".ipynb_checkpoints/m.py",
            ".hg/m.py",
            "x.py/m.py",
            "x.ipynb/m.py",
            ".py",
            "m .py",
            "-m.py",
            "#m.py",
            "!m.py",
            "m\n.py",
            "m\t.py",
            "m\\.py",
            b"\xe9.py",
            "\u202em.py",
            "a b/\n/m.py",
            "n" * 252 + ".py",
            "[m].py",
            "{m}.py",
            "*.py",
            "~/m.py",
            "LICENSE/m.py",
            "build/m.py",
            "site-packages/m.py",
        )
    },
    **{f"mark {mark}": (beside(mark), READ) for mark in ("pyvenv.cfg", "conda-meta/history")},
    **{
        f"text {name}": (filed("m.py", text), code)
        for name, (text, code) in {
            "mark": (b"\xef\xbb\xbf" + CODE.encode(), READ),
            "cookie": (b"# coding: latin-1\n# \xe9\n" + CODE.encode(), READ),
            "cookie 7": (("# coding: utf-7\n" + CODE).encode("utf-7"), READ),
            "second line": (
                b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n# \x80\n" + CODE.encode(),
                READ,
            ),
            "no cookie": (b"# \xe9\n" + CODE.encode(), TOLD),
            "unknown cookie": (b"# coding: none-such\n" + CODE.encode(), TOLD),
            "codec": (b"# coding: rot13\n" + CODE.encode(), TOLD),
            "cr": (CODE.replace("\n", "\r").encode(), READ),
            "crlf": (CODE.replace("\n", "\r\n").encode(), READ),
            "feeds": (("\f\n" + CODE.replace("\ndef", "\n\fdef")).encode(), READ),
            "nul": (CODE.encode() + b"\0", TOLD),
            "16": (CODE.encode("utf-16"), TOLD),
            "32": (CODE.encode("utf-32"), TOLD),
            "end of file": (CODE.encode() + b"\x1a", READ),
            "long": (CODE.encode() + b"#" * 10_000_000, TOLD),
            "percent": (("# %%\n" + CODE).encode(), READ),
        }.items()
    },
    **{
        f"notebook {name}": (filed("m.ipynb", text), code)
        for name, (text, code) in NOTEBOOKS.items()
    },
}


@pytest.mark.parametrize("case", GIT)
def test_what_comes_with_a_repository_is_read_or_told(case: str, root: Path) -> None:
    """All of it, and as what a branch added."""
    make, code = GIT[case]
    git(root, "branch", "base")
    make(root)
    assert (audited(), audited("--diff", "base")) == (code, code)


@pytest.mark.parametrize(
    "name", ["m\t.py", "m\n.py", "a\tb/m.py", os.fsdecode(b"\xe9.py"), "m\\.py"]
)
def test_a_file_that_is_named_is_read_whatever_its_name(name: str, root: Path) -> None:
    """As a hook passes those that a branch changed."""
    filed(name)(root)
    for named in (name, name.partition("/")[0]):
        assert (audited(named), audited(named, "--diff", "HEAD^")) == (READ, READ)
        assert audited("own.py") == 0


def test_a_link_that_is_named_is_told_where_its_target_is_no_code(root: Path) -> None:
    """As a hook passes it: the name of the target alone was looked at."""
    put(root, "m.txt", text=CODE)
    put(root, "n.py", text=notebook(4))
    put(root, "sub/own.py", text=OWN)
    links = {"m.py": "m.txt", "n.ipynb": "n.py", "same.py": "own.py", "under": "sub"}
    for name, target in links.items():
        (root / name).symlink_to(target)
    commit(root)
    codes = {name: audited(name) for name in links}
    assert codes == {"m.py": TOLD, "n.ipynb": TOLD, "same.py": 0, "under": 0}
    os.chdir(root / "sub")
    assert audited("../m.py") == TOLD


# --- archives ------------------------------------------------------------------------------


def info(name: str, kind: int = stat.S_IFREG) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, (2024, 3, 1, 12, 0, 0))
    made.external_attr = (kind | 0o644) << 16
    return made


def tarred(name: str, **more: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for key, value in more.items():
        setattr(made, key, value)
    return made


def plain_tar(*names: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(CODE)
            tar.addfile(member, io.BytesIO(CODE.encode()))
    return file.getvalue()


def packed(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def twice(pack: Callable[[bytes], bytes]) -> bytes:
    """Two streams, one behind the other."""
    data = plain_tar("x-1/m.py")
    return pack(data[:700]) + pack(data[700:])


def zipped(*names: str | zipfile.ZipInfo, ending: str = ".zip") -> Callable[[Path], Path]:
    return lambda place: put_zip(place / f"x-1{ending}", [(name, CODE) for name in names])


def behind(path: Path, before: bytes = b"", after: bytes = b"") -> Path:
    path.write_bytes(before + path.read_bytes() + after)
    return path


def long_zip(place: Path) -> Path:
    with (
        zipfile.ZipFile(place / "x.zip", "w") as file,
        file.open("m.py", "w", force_zip64=True) as m,
    ):
        m.write(CODE.encode())
    return place / "x.zip"


def method(number: int) -> Callable[[Path], Path]:
    def make(place: Path) -> Path:
        member = info("m.py")
        member.compress_type = number
        return put_zip(place / "x.zip", [(member, CODE)])

    return make


def members(*given: str | tarfile.TarInfo, ending: str = ".tar.gz") -> Callable[[Path], Path]:
    return lambda place: put_tar(place / f"x-1{ending}", [(one, CODE) for one in given])


TWICE = [("m.py", CODE), ("m.py", OWN)]
ALIKE = [("a\tb.py", CODE), ("a\\tb.py", OWN)]
ARCHIVES: dict[str, tuple[Callable[[Path], Path], int]] = {
    "zip": (zipped("m.py"), READ),
    "wheel": (zipped("p/m.py", "x-1.dist-info/METADATA", ending="-py3-none-any.whl"), READ),
    **{
        f"wheel data {part}": (zipped(f"x-1.data/{part}/m.py", ending="-py3-none-any.whl"), READ)
        for part in ("purelib", "platlib", "scripts", "data/lib", "headers")
    },
    "roots": (zipped("a/b.txt", "b/m.py"), READ),
    "build": (zipped("x-1/src/o.txt", "x-1/build/lib/m.py", "x-1/PKG-INFO"), READ),
    "left out": (zipped("x/node_modules/m.py", "x/a.txt"), TOLD),
    "git": (zipped("x/.git/m.py", "x/a.txt"), TOLD),
    "environment": (zipped("x/e/pyvenv.cfg", "x/e/m.py"), TOLD),
    "long": (long_zip, READ),
    "before": (lambda place: behind(zipped("m.py")(place), before=b"#!/bin/python\n"), READ),
    "comment": (lambda place: behind(zipped("m.py")(place), after=b"\n"), READ),
    "backslash": (zipped("p\\m.py"), READ),
    "dots": (zipped("./p/./m.py"), READ),
    "slashes": (zipped("p//m.py"), READ),
    "absolute": (zipped("/p/m.py"), TOLD),
    "drive": (zipped("C:/m.py"), TOLD),
    "out": (zipped("p/../../m.py"), TOLD),
    "twice": (lambda place: put_zip(place / "x.zip", TWICE), TOLD),
    "link": (zipped(info("m.py", stat.S_IFLNK)), TOLD),
    "pipe": (zipped(info("m.py", stat.S_IFIFO)), TOLD),
    "bzip2 in zip": (method(zipfile.ZIP_BZIP2), TOLD),
    "lzma in zip": (method(zipfile.ZIP_LZMA), TOLD),
    "folder of python": (zipped("x.py/", "x.py/m.py"), READ),
    "space": (zipped("m.py "), TOLD),
    "zip names": (zipped("n/\u00e9\u8a9e.py"), READ),
    "alike": (lambda place: put_zip(place / "x.zip", ALIKE), TOLD),
    **{f"tar{end}": (members("x-1/m.py", ending=end), READ) for end in (".tar.gz", ".tgz")},
    "tar": (lambda place: packed(place / "x.tar", plain_tar("m.py")), READ),
    "tar bz2": (lambda place: packed(place / "x.tbz2", bz2.compress(plain_tar("m.py"))), READ),
    "tar xz": (lambda place: packed(place / "x.txz", lzma.compress(plain_tar("m.py"))), READ),
    "tar lzma": (
        lambda place: packed(
            place / "x.tar.xz", lzma.compress(plain_tar("m.py"), format=lzma.FORMAT_ALONE)
        ),
        READ,
    ),
    "other ending": (
        lambda place: packed(place / "x.tar.bz2", gzip.compress(plain_tar("m.py"))),
        READ,
    ),
    "two gzip": (lambda place: packed(place / "x.tar.gz", twice(gzip.compress)), READ),
    "two bzip2": (lambda place: packed(place / "x.tar.bz2", twice(bz2.compress)), READ),
    "two xz": (lambda place: packed(place / "x.tar.xz", twice(lzma.compress)), READ),
    "behind gzip": (
        lambda place: packed(
            place / "x.tar.gz", gzip.compress(plain_tar("n.txt")) + gzip.compress(plain_tar("m.py"))
        ),
        TOLD,
    ),
    "behind bzip2": (
        lambda place: packed(
            place / "x.tar.bz2", bz2.compress(plain_tar("n.txt")) + bz2.compress(plain_tar("m.py"))
        ),
        TOLD,
    ),
    "behind xz": (
        lambda place: packed(
            place / "x.tar.xz", lzma.compress(plain_tar("n.txt")) + lzma.compress(plain_tar("m.py"))
        ),
        TOLD,
    ),
    "behind tar": (
        lambda place: packed(place / "x.tar", plain_tar("n.txt") + plain_tar("m.py")),
        TOLD,
    ),
    "hard link": (members("a.txt", tarred("m.py", type=tarfile.LNKTYPE, linkname="a.txt")), TOLD),
    "symbolic link": (
        members("a.txt", tarred("m.py", type=tarfile.SYMTYPE, linkname="a.txt")),
        TOLD,
    ),
    "sparse": (members(tarred("m.py", type=tarfile.GNUTYPE_SPARSE)), TOLD),
    "contiguous": (members(tarred("m.py", type=tarfile.CONTTYPE)), READ),
    "unknown kind": (members(tarred("m.py", type=b"Z")), TOLD),
    "pax": (members(tarred("p" * 300 + "/m.py", pax_headers={"comment": "x"})), READ),
    "pax path": (members(tarred("a.txt", pax_headers={"path": "m.py"})), READ),
    "tar absolute": (members("/m.py"), TOLD),
    "tar out": (members("../m.py"), TOLD),
    "tar dots": (members("./m.py"), READ),
    "tar twice": (lambda place: put_tar(place / "x.tgz", TWICE), TOLD),
    "tar slashes": (lambda place: put_tar(place / "x.tgz", [("p//m.py", CODE), *TWICE[1:]]), READ),
    "tar left out": (members("x/.venv/pyvenv.cfg", "x/.venv/m.py"), TOLD),
    "cut": (lambda place: packed(place / "x.tar", plain_tar("a.txt", "m.py")[:1700]), TOLD),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", ARCHIVES)
def test_what_comes_in_an_archive_is_read_or_told(case: str, root: Path, tmp_path: Path) -> None:
    make, code = ARCHIVES[case]
    assert audited(str(make(tmp_path))) == code
