"""Readers of what an earlier run has saved."""

from __future__ import annotations

import zlib
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from pathlib import Path

from programs import program, renamed

from fuzz.indexes import small
from fuzz.place import SHORT, inside, place, refused, source_file
from provenance import bundle, verifying
from provenance import cache as remembered
from provenance.auditing import without_policy
from provenance.decode import printable
from provenance.errors import BundleError, SourceError, UsageError
from provenance.ledger import compared, ledger_text, read_ledger
from provenance.model import Audit, Report
from provenance.report.formats import FORMATS, Texts, named
from provenance.report.json import json_report
from provenance.report.saved import report_of
from provenance.report.text import safe
from provenance.scanning import scan


@cache
def audit() -> Audit:
    """A valid audit of a real scan."""
    return without_policy(report())


@cache
def report() -> Report:
    """A real scan of a copy, a reference file and a file that says where it is from."""
    source = inside("suspect")
    source.mkdir()
    (source / "copy.py").write_text(renamed(program(0, **SHORT)), "utf-8")
    (source / "same.py").write_text(program(1, **SHORT), "utf-8")
    (source / "own.py").write_text("# Copied from birds.m0\n" + program(77), "utf-8")
    return replace(scan(str(source), [small()], jobs=0), source="suspect")


def fuzz_report(data: bytes) -> None:
    """A saved report -> the same again, and every format made of it. One byte chooses which."""
    try:
        saved = report_of(data[1:].decode("utf-8", "replace"), "saved.json")
    except SourceError as error:
        refused(error)
        return
    text = json_report(saved)
    assert json_report(report_of(text, "again.json")) == text
    one = FORMATS[data[0] % len(FORMATS)]
    if one.name == "html" and data[0] < 200:  # it takes ten times as long
        one = FORMATS[0]
    made = one.write(without_policy(saved), Texts())
    assert not set(made) & set("\x1b\u202e\x9b\x00")


def fuzz_bundle(data: bytes) -> None:
    """A bundle: any bytes; or one with right sums whose member, by a byte, has these bytes."""
    path = place() / "bad.bundle"
    if data[:1] == b"\0":
        whole = data[1:]
    else:
        content = dict(members())
        member = ("bundle.json", "audit.json", "report.json")[data[0] % 3 if data else 0]
        content[member] = data[1:]
        content[bundle.SUMS] = bundle.sums(content)
        whole = bundle.packed(content)
        if member == "report.json":
            verifying._dated(report(), verifying._seen(data[1:]))
            assert verifying._findings(data[1:], report())
        told = verifying._audit(data[1:], report()) if member == "audit.json" else None
        if told is not None:
            named("sarif").write(told, Texts())
            if data[0] > 240:  # it takes ten times as long
                named("html").write(told, Texts())
    path.write_bytes(whole)
    try:
        checks = verifying.verify_bundle(str(path))
        assert checks[-1].state == "open"
        assert all(map(printable, safe("".join(check.words for check in checks))))
    except BundleError as error:
        refused(error)
    finally:
        path.unlink()


@cache
def members() -> dict[str, bytes]:
    """A valid bundle."""
    return bundle.members(audit(), Texts(), bundle.Call())


def fuzz_cache(data: bytes) -> None:
    """The cache: an entry with a right checksum and this text, or a whole file of these bytes."""
    file = source_file("a.py", b"x = 1\n")
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
    one = audit().rulings
    told, fixed, held = compared(one, entries, lambda path: "x" not in path, lambda _: True)
    assert len(told) == len(one)
    assert len(fixed) + len(held) == len(entries)
