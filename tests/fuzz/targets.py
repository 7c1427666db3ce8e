"""Every reader of what nobody has vouched for, as a function of bytes.

Each ``fuzz_`` function hands bytes to one reader and holds the answer to what the reader promises:
a value, or an error of ours with a message; anything else is a crash. Inputs to
begin with are in ``seeds``. Nothing here needs a fuzzer: the tests run each target on its seeds.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import re
import sqlite3
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from functools import cache
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
from programs import program, renamed

import provenance
from provenance import bundle, changed, folder, history, licenses, pages, verifying
from provenance import cache as remembered
from provenance.align import align, blocks
from provenance.auditing import without_policy
from provenance.declared import beside, said, used
from provenance.decode import Reason, decode
from provenance.errors import BundleError, IndexFileError, ProvenanceError, SourceError, UsageError
from provenance.explained import _parted
from provenance.index import verify
from provenance.ledger import compared, ledger_text, read_ledger
from provenance.library import Library
from provenance.model import Audit, Parameters, Skipped, SourceFile
from provenance.notebook import read_notebook
from provenance.notices import notice_files
from provenance.null import Baseline
from provenance.parse import parse, syntax
from provenance.patterns import Patterns
from provenance.policy import parsed as read_policy
from provenance.pypi import parse_requirement
from provenance.references import manifest
from provenance.release import checked_day, from_metadata, license_of
from provenance.report.formats import FORMATS, Texts, named
from provenance.report.json import json_report
from provenance.report.saved import report_of
from provenance.report.text import safe
from provenance.scanning import outcomes, scan
from provenance.sketch import sketch
from provenance.source import Limits, open_source
from provenance.statements import continuity, statements
from provenance.uses import uses

SMALL = Limits(
    max_file_bytes=1 << 16,
    max_notebook_bytes=1 << 16,
    max_members=200,
    max_total_bytes=1 << 20,
    max_held_bytes=1 << 18,
)
_SHORT = {"functions": 2, "statements": 5}
_KNOWN = {"llama": "transformers/llama", "transformers/": "transformers"}


@cache
def place() -> Path:
    """A folder of our own, in memory where the system has such."""
    fast = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="provenance-fuzz-", dir=fast))


@cache
def _drawn() -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    parameters = Parameters()
    count = parameters.bands * parameters.rows
    return np.arange(1, 2 * count + 1, dtype=np.uint32).reshape(2, count)


def refused(error: ProvenanceError) -> None:
    """A message is there and is text that a terminal may see once it is made printable."""
    message = str(error)
    assert len(message) > 20
    assert safe(message).isprintable()


# --- files ---------------------------------------------------------------------------------


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
def _model() -> tuple[bytes, provenance.model.Parsed]:
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
    files = notice_files([(name, first)])
    told = beside(files, _library())
    if not isinstance(text, Reason):
        file = SourceFile("m/modeling_x.py", text, sha256(text).hexdigest(), None, ())
        said(file, used(file, syntax(text), _library()), _library(), told)
        assert all(isinstance(one.file.covers(file.path), bool) for one in told)


def fuzz_notebook(data: bytes) -> None:
    """JSON of a notebook -> text whose cells ascend, one line each at least."""
    found = read_notebook(data)
    if not isinstance(found, Reason):
        text, cells = found
        assert list(cells) == sorted(cells)
        assert all(1 <= line <= text.count(b"\n") + 1 for _, line in cells)
        text.decode("utf-8")


# --- archives ------------------------------------------------------------------------------


def _archive(ending: str, data: bytes) -> None:
    path = place() / f"bad{ending}"
    path.write_bytes(data)
    try:
        for file in open_source(str(path), limits=SMALL).files():
            assert file.path
            assert ".." not in file.path.split("/") or isinstance(file, Skipped)
            if isinstance(file, Skipped):
                assert len(file.reason) > 20
            else:
                assert len(file.content) <= 2 * SMALL.max_file_bytes
    except ProvenanceError as error:
        refused(error)
    assert {one.name for one in place().iterdir() if one.name != "index"} <= {f"bad{ending}"}
    path.unlink()


def fuzz_zip(data: bytes) -> None:
    """A zip: any bytes; or, after a byte, a well-formed one whose member has these bytes."""
    if data[:1] == b"\1":
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(data[1:9].decode("latin-1").replace("\0", "") + ".py", data[9:])
        data = stream.getvalue()
    _archive(".zip", data)


def fuzz_tar(data: bytes) -> None:
    """A tar; after a byte that says so packed, so that the fuzzer sees through."""
    packers: dict[int, Any] = {1: gzip.compress, 2: bz2.compress, 3: lzma.compress}
    pack = packers.get(data[0] if data else 0)
    _archive(".tar", data if pack is None else pack(data[1:]))


def fuzz_metadata(data: bytes) -> None:
    """``METADATA`` and ``PKG-INFO`` -> one printable line each."""
    found = from_metadata(data)
    for value in (found.name, found.version, found.license):
        assert value is None or (value.isprintable() and value.strip())


# --- what is typed or stands in configuration ----------------------------------------------


def fuzz_words(data: bytes) -> None:
    """Requirements, globs, days, licences and places, as words of a command line or a file."""
    text = data[1:201].decode("utf-8", "replace")
    kind = data[0] % 6 if data else 0
    with suppress(UsageError):
        if kind == 0:
            name, version = parse_requirement(text)
            assert re.fullmatch(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", name)
            assert "/" not in version
        elif kind == 1:
            wanted = Patterns([text], [text[::-1]])
            wanted.wants("transformers/models/llama/modeling_llama.py")
        elif kind == 2:
            checked_day(text, "--as-of")
        elif kind == 3:
            license_of(text)
            assert isinstance(licenses.permitted(text, ["MIT", "Apache-*"], ["GPL-*"]), bool)
        elif kind == 4:
            assert all(duty.text for duty in licenses.duties(text))
        else:
            assert _parted(text)[0] in text


def fuzz_ignore(data: bytes) -> None:
    """A ``.gitignore`` -> whether paths are taken."""
    path = place() / "bad.ignore"
    path.write_bytes(data)
    spec = folder._read_rules(str(path))
    path.unlink()
    if not isinstance(spec, Reason):
        for name in ("a.py", "models/llama/modeling_llama.py", "models/", "a" * 60 + ".py"):
            folder._ignored(name, (("", spec),))


def fuzz_policy(data: bytes) -> None:
    """``pyproject.toml`` or ``provenance.toml`` -> a policy of the right types."""
    text = data[1:].decode("utf-8", "replace")
    name = "/a/pyproject.toml" if data[:1] == b"\1" else "/a/provenance.toml"
    try:
        found = read_policy(text, name)
    except UsageError as error:
        refused(error)
        assert str(error).startswith(name)  # noqa: PT017
    else:
        json.dumps(found.policy.plain())
        assert all(one.origins for one in found.policy.declared)


def fuzz_manifest(data: bytes) -> None:
    """What an index is built of, in TOML."""
    try:
        manifest.parse(data, "manifest.toml")
    except UsageError as error:
        refused(error)


def fuzz_ledger(data: bytes) -> None:
    """A baseline of an audit -> entries that are written again as they were read."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        entries = read_ledger(text, "baseline.json")
    except UsageError as error:
        refused(error)
        return
    again = ledger_text(entries)
    assert ledger_text(read_ledger(again, "again.json")) == again
    one = _audit().rulings
    told, fixed, held = compared(one, entries, lambda path: "x" not in path, lambda _: True)
    assert len(told) == len(one)
    assert len(fixed) + len(held) == len(entries)


# --- what is saved -------------------------------------------------------------------------


@cache
def _audit() -> Audit:
    """A valid audit of a real scan."""
    return without_policy(_report())


@cache
def _report() -> provenance.Report:
    source = _inside("suspect")
    source.mkdir()
    (source / "copy.py").write_text(renamed(program(0, **_SHORT)), "utf-8")
    (source / "same.py").write_text(program(1, **_SHORT), "utf-8")
    (source / "own.py").write_text("# Copied from birds.m0\n" + program(77), "utf-8")
    return replace(scan(str(source), [_index()], jobs=0), source="suspect")


def fuzz_report(data: bytes) -> None:
    """A saved report -> the same again, and every format made of it. One byte chooses which."""
    try:
        report = report_of(data[1:].decode("utf-8", "replace"), "saved.json")
    except SourceError as error:
        refused(error)
        return
    text = json_report(report)
    assert json_report(report_of(text, "again.json")) == text
    one = FORMATS[data[0] % len(FORMATS)]
    if one.name == "html" and data[0] < 200:  # it takes ten times as long
        one = FORMATS[0]
    made = one.write(without_policy(report), Texts())
    assert not set(made) & set("\x1b\u202e\x9b\x00")


def fuzz_bundle(data: bytes) -> None:
    """A bundle: any bytes; or one with right sums whose member, by a byte, has these bytes."""
    path = place() / "bad.bundle"
    if data[:1] == b"\0":
        whole = data[1:]
    else:
        content = dict(_members())
        member = ("bundle.json", "audit.json", "report.json")[data[0] % 3 if data else 0]
        content[member] = data[1:]
        content[bundle.SUMS] = bundle.sums(content)
        whole = bundle.packed(content)
        if member == "report.json":
            verifying._dated(_report(), verifying._seen(data[1:]))
            assert verifying._findings(data[1:], _report())
        told = verifying._audit(data[1:], _report()) if member == "audit.json" else None
        if told is not None:
            named("sarif").write(told, Texts())
            if data[0] > 240:  # it takes ten times as long
                named("html").write(told, Texts())
    path.write_bytes(whole)
    try:
        checks = verifying.verify_bundle(str(path))
        assert checks[-1].state == "open"
        assert all(safe(check.words).isprintable() for check in checks)
    except BundleError as error:
        refused(error)
    finally:
        path.unlink()


@cache
def _members() -> dict[str, bytes]:
    return bundle.members(_audit(), Texts(), bundle.Call())


def fuzz_cache(data: bytes) -> None:
    """The cache: an entry with a right checksum and this text, or a whole file of these bytes."""
    file = SourceFile("a.py", b"x = 1\n", sha256(b"x = 1\n").hexdigest(), None, ())
    path = str(place() / "bad.cache")
    if data[:1] == b"\0":
        Path(path).write_bytes(data[1:])
        kept = remembered.Cache(path, "context")
        found = kept.recall(file)
        kept.close()
        for left in place().glob("bad.cache*"):
            left.unlink()
    else:
        packed = zlib.compress(data[1:], 1)
        found = remembered._unpacked(b"k", blake2b(b"k" + packed, digest_size=16).digest() + packed)
    assert found is None or isinstance(found[0].path, str)


# --- indexes -------------------------------------------------------------------------------


def _inside(name: str) -> Path:
    made = place() / "index"
    made.mkdir(exist_ok=True)
    return made / name


@cache
def _index() -> Path:
    """A small index of three files, with notices."""
    reference = _inside("birds")
    reference.mkdir()
    for seed in range(3):
        head = f"# Copyright 2024 Bird {seed}\n# SPDX-License-Identifier: MIT\n"
        (reference / f"m{seed}.py").write_text(head + program(seed, **_SHORT), "utf-8")
    path = _inside("birds.db")
    provenance.build_index([str(reference)], path, date="2025-01-02", license="MIT")
    return path


@cache
def _library() -> Library:
    return Library([str(_index())])


@cache
def _asked() -> list[SourceFile]:
    texts = (renamed(program(0, **_SHORT)), program(1, **_SHORT) + program(2))
    return [
        SourceFile(f"s{at}.py", one.encode(), sha256(one.encode()).hexdigest(), None, ())
        for at, one in enumerate(texts)
    ]


def _looked_into(path: Path) -> None:
    """A forged index: a result, or an error that names it."""
    try:
        with Library([str(path)]) as library:
            library.indexes[0].baseline  # noqa: B018
            for result, found in outcomes(_asked(), library, (), 60.0):
                assert 0 <= result.novel <= 1
                assert all(one.blocks for one in found)
    except IndexFileError as error:
        refused(error)
        assert path.name in str(error)  # noqa: PT017
    finally:
        path.unlink()


def fuzz_index(data: bytes) -> None:
    """An index with bytes changed: of each five, four are a place and one what stands there. One
    that is only damaged is never taken for a whole one."""
    whole = bytearray(_index().read_bytes())
    before = bytes(whole)
    for at in range(0, len(data) - 4, 5):
        where = int.from_bytes(data[at : at + 4], "little") % len(whole)
        whole[where] = data[at + 4]
    path = place() / "bad.db"
    path.write_bytes(whole)
    if bytes(whole) != before and sum(data) % 8 == 0:  # it takes ten times as long
        with suppress(IndexFileError):
            verify(path)
            raise AssertionError("a damaged index was found to be sound")
    _looked_into(path)


def fuzz_rows(data: bytes) -> None:
    """An index with one page that lies, or a value of its opening rows. Two bytes choose which; the
    others are the page, or where the first is large, numbers to put into the page that is there."""
    path = place() / "bad.db"
    path.write_bytes(_index().read_bytes()[:-32])
    with closing(sqlite3.connect(path)) as connection, connection:
        _forge(connection, data)
    _looked_into(path)


_PAGED = ("file", "tree", "piece", "unit", "word", "name", "posting")
_ROWS = ("parameters", "page_bits", "counts", "baseline", "release", "origin")


def _forge(connection: sqlite3.Connection, data: bytes) -> None:
    from provenance.checksum import opening_rows, opening_sum

    table = data[0] % (len(_PAGED) + len(_ROWS)) if data else 0
    if table < len(_PAGED):
        name = _PAGED[table]
        ids = [row[0] for row in connection.execute(f"SELECT id FROM {name} ORDER BY id")]
        number = ids[data[1] % len(ids)] if len(data) > 1 else ids[0]
        page = number.to_bytes(8, "little") + data[2:]
        if data[:1] > b"\x7f":
            page = _renumbered(connection, name, number, data[2:])
        connection.execute(
            f"UPDATE {name} SET data = ? WHERE id = ?",
            (pages.compress(page), number),
        )
        return
    name, text = _ROWS[table - len(_PAGED)], data[2:].decode("utf-8", "replace")
    if name in ("release", "origin"):
        values = json_list(text)
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
        for column, value in zip(columns[1:], values, strict=False):
            with suppress(sqlite3.Error):
                connection.execute(f"UPDATE {name} SET {column} = ?", (value,))
    else:
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (text, name))
    with suppress(ValueError, TypeError, UnicodeError, sqlite3.Error):
        made = opening_sum(*opening_rows(connection))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'rows'", (json.dumps(made),))


def _renumbered(connection: sqlite3.Connection, name: str, number: int, data: bytes) -> bytes:
    """A page with numbers changed: of each seven bytes, one is an array, two a place in it, four
    what stands there; where the last of them is odd, what is added to it."""
    row = connection.execute(f"SELECT data FROM {name} WHERE id = ?", (number,)).fetchone()
    arrays = [array.astype(np.uint64) for array in pages.unpack(number, row[0])]
    for at in range(0, len(data) - 6, 7):
        array = arrays[data[at] % len(arrays)]
        if array.size:
            place = int.from_bytes(data[at + 1 : at + 3], "little") % array.size
            value = int.from_bytes(data[at + 3 : at + 6], "little")
            more = int(array[place]) + (data[at + 3] % 16) - 8 if data[at + 6] % 2 else value
            array[place] = max(0, more)
    return pages.plain(number, *arrays)


def json_list(text: str) -> list[str | int | float | None]:
    """The plain values of a JSON list that SQLite takes."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    listed = found if isinstance(found, list) else []
    return [
        one
        for one in listed
        if one is None
        or (isinstance(one, str) and one.isascii())
        or (isinstance(one, (int, float)) and abs(one) < 2**63)
    ]


def fuzz_pages(data: bytes) -> None:
    """A page of an index: values or ``ValueError``. The first byte is its number; where that is
    below 128 the others are the page as it is after unpacking, else as it is stored."""
    number, page = data[0] % 128 if data else 0, data[1:]
    if data[:1] < b"\x80":
        page = pages.compress(number.to_bytes(8, "little") + page)
    try:
        arrays = pages.unpack(number, page)
    except ValueError:
        return
    assert sum(array.size for array in arrays) <= 1032 * len(page)  # DEFLATE's most


def fuzz_null(data: bytes) -> None:
    """The null baseline of an index -> rates between 0 and 1."""
    try:
        null = Baseline.from_json(data.decode("utf-8", "replace"))
    except ValueError:
        return
    for kind in ("score", "structure", "text", "file"):
        assert 0 <= null.percentile(0.5, 100, kind) <= 1
        assert 0 < null.false_alarm_rate(0.5, 100, kind) <= 1


# --- git -----------------------------------------------------------------------------------


def fuzz_git(data: bytes) -> None:
    """What git prints, and the files of a ``.git`` that are read without it."""
    kind, rest = data[:1], data[1:]
    if kind == b"\0":
        for line, day in history.read_porcelain(rest).items():
            assert line >= 0
            assert re.fullmatch(r"\d{4}-\d\d-\d\d", day.authored)
        return
    if kind == b"\1":
        for path, digest in changed._read(rest.decode("utf-8", "surrogateescape")):
            assert path.isprintable()
            assert digest
        return
    top = _inside("repository")
    directory = top / ".git"
    if not top.exists():
        (directory / "objects").mkdir(parents=True)
    for name, text in zip(("HEAD", "packed-refs", "shallow"), rest.split(b"\x1e"), strict=False):
        (directory / name).write_bytes(text)
    found = history.repository(str(top))
    if isinstance(found, history.Repository):
        assert re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", found.head)
        history.ref(found, "main")


def targets() -> dict[str, Callable[[bytes], None]]:
    """All of them, by name."""
    return {name[5:]: value for name, value in globals().items() if name.startswith("fuzz_")}
