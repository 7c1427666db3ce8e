"""Readers of what a scan comes upon: files, the rules of git beside them, and git itself."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from functools import cache

import numpy as np
from programs import program

from fuzz.indexes import library
from fuzz.place import inside, source_file
from provenance import changed, history, repository
from provenance.align import align, blocks
from provenance.declared import said, used
from provenance.decode import Reason, decode, printable
from provenance.ignored import ignored, rules_in
from provenance.model import Parameters, Parsed
from provenance.notebook import read_notebook
from provenance.notices import notice_files
from provenance.parse import parse, syntax, walked
from provenance.report.quoted import colours
from provenance.sketch import sketch
from provenance.spoken import beside
from provenance.statements import continuity, statements
from provenance.tracked import Tracked, length_of_sums
from provenance.uses import uses

_KNOWN = {"llama": "transformers/llama", "transformers/": "transformers"}


@cache
def _drawn() -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    parameters = Parameters()
    count = parameters.bands * parameters.rows
    return np.arange(1, 2 * count + 1, dtype=np.uint32).reshape(2, count)


def fuzz_decode(data: bytes) -> None:
    """Bytes of a file in any encoding -> UTF-8 with ``\\n`` line ends, or a reason."""
    text = decode(data)
    if isinstance(text, Reason):
        assert len(text) > 20
    else:
        text.decode("utf-8")
        assert b"\r" not in text
        assert b"\0" not in text


@cache
def _model() -> tuple[bytes, Parsed]:
    text = program(1).encode()
    return text, parse(text)


def fuzz_parse(data: bytes) -> None:
    """A Python file -> units inside each other -> fingerprints -> pairs of equal elements."""
    text = decode(data)
    if isinstance(text, Reason):
        return
    found = parse(text)
    size = len(found.tokens)
    lines = text.count(b"\n") + 1
    for unit in found.units:
        assert 0 <= unit.start <= unit.stop <= size
        assert 1 <= unit.start_line <= unit.end_line <= lines
        outer = found.units[max(0, unit.parent)]
        assert outer.start <= unit.start
        assert unit.stop <= outer.stop
    if sum(data) % 4:  # the rest has hardly a branch that depends on the text, and takes as long
        return
    assert sketch(found, Parameters(), _drawn()).unit.size <= len(found.units)
    known = _model()[1].tokens
    pairs = align(found.tokens, known)
    assert (found.tokens.structure[pairs.suspect] == known.structure[pairs.reference]).all()
    assert np.unique(pairs.reference).size == pairs.reference.size
    for block in blocks(pairs, found.tokens, known):
        assert 1 <= block.suspect_start <= block.suspect_end <= lines


def fuzz_statements(data: bytes) -> None:
    """Comments and docstrings -> claims, holders, licences; what became of another's notices."""
    text = decode(data)
    if isinstance(text, Reason):
        return
    lines = text.count(b"\n") + 1
    told = statements(text)
    assert all(1 <= claim.line <= claim.end_line <= lines for claim in told.claims)
    assert all(1 <= one.line <= lines and one.holder for one in told.copyrights)
    kept = continuity(told, told)
    assert not kept.missing_holders
    assert not kept.missing_licenses


def fuzz_uses(data: bytes) -> None:
    """Imports, subclasses, registrations, checkpoints -> uses."""
    text = decode(data)
    if not isinstance(text, Reason):
        lines = text.count(b"\n") + 1
        found = uses(text, "m/modeling_x.py", _KNOWN, syntax(text))
        assert all(1 <= use.line <= lines for use in found)


def fuzz_declared(data: bytes) -> None:
    """A notice file and a source beside it, against an index: what the file says of its origin."""
    first, _, second = data.partition(b"\x1e")
    text = decode(second)
    name = "REUSE.toml" if first[:1] == b"[" else "NOTICE"
    told = beside(notice_files([(name, first)]), library())
    if not isinstance(text, Reason):
        file = source_file("m/modeling_x.py", text)
        trees = syntax(text)
        reuse = used(file, trees, walked(text, trees), library())
        said(file, reuse, library(), told)
        covering = [n for n, one in enumerate(told.files) if one.file.covers(file.path)]
        assert told.of(file.path)._files == covering


def fuzz_notebook(data: bytes) -> None:
    """JSON of a notebook -> text whose cells ascend, one line each at least."""
    found = read_notebook(data)
    if not isinstance(found, Reason):
        text, cells = found
        assert list(cells) == sorted(cells)
        assert all(1 <= line <= text.count(b"\n") + 1 for _, line in cells)
        text.decode("utf-8")


def fuzz_ignore(data: bytes) -> None:
    """A ``.gitignore`` -> whether paths are taken."""
    rules = ((b"", rules_in(data)),)
    for name in (b"a.py", b"models/llama/modeling_llama.py", b"models/", b"a" * 60 + b".py"):
        ignored(name, rules)


class _All:
    """Every path."""

    def __contains__(self, path: object) -> bool:
        return True


def fuzz_git(data: bytes) -> None:
    """What git prints, and the files of a ``.git`` that are read without it."""
    kind, rest = data[:1], data[1:]
    if kind == b"\0":
        for line, day in history.read_porcelain(rest).items():
            assert line >= 0
            assert re.fullmatch(r"\d{4}-\d\d-\d\d", day.authored)
        return
    if kind == b"\1":
        for path, digest in changed._read(rest, _All()):
            assert all(map(printable, path))
            assert digest
        return
    top = inside("repository")
    directory = top / ".git"
    if not top.exists():
        (directory / "objects").mkdir(parents=True)
    for name, text in zip(("HEAD", "packed-refs", "shallow"), rest.split(b"\x1e"), strict=False):
        (directory / name).write_bytes(text)
    found = repository.repository(str(top))
    if isinstance(found, repository.Repository):
        assert re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", found.head)
        repository.refs(found, "main")


def fuzz_tracked(data: bytes) -> None:
    """The index of a ``.git``, with a right sum, or the file that names another folder. By the
    first byte: which sum; 2 for the file, whose folder has the rest as what points back."""
    top = inside("checkout")
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir()
    kind, rest = data[0] % 4 if data else 3, data[1:]
    if kind == 2:
        named, _, back = rest.partition(b"\x1e")
        elsewhere = inside("elsewhere")
        elsewhere.mkdir(exist_ok=True)
        (elsewhere / "gitdir").write_bytes(back)
        (top / ".git").write_bytes(named.replace(b"@", bytes(elsewhere)))
    else:
        (top / ".git").mkdir()
        sums = {0: hashlib.sha1, 1: hashlib.sha256}
        whole = rest + sums[kind](rest).digest() if kind in sums else rest
        (top / ".git" / "index").write_bytes(whole)
        if kind in sums:
            assert length_of_sums(whole) == sums[kind]().digest_size
    found = Tracked(str(top))
    problem = found.problem
    assert problem is None or len(problem) > 20
    if problem is not None:
        assert not found.has("a.py")
    for path in map(os.fsdecode, found._index.paths):
        assert path
        assert found.has(path)
        assert all(found.has(path[: at + 1]) for at, sign in enumerate(path) if sign == "/")


def fuzz_quoted(data: bytes) -> None:
    """A text as a page quotes it -> nothing that cannot be seen, in runs that are all of it."""
    shown, runs = colours(data.decode("utf-8", "surrogateescape"))
    lengths = [int(one) for one in re.findall(r"[a-z](\d+)", runs)]
    assert sum(lengths) == len(shown.encode("utf-16-le", "surrogatepass")) // 2
    assert all(printable(sign) or sign in "\t\n" for sign in shown)
