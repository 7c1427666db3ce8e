"""Readers of archives and of what stands in them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from typing import Any

from fuzz.place import SMALL, place, refused
from provenance.decode import printable
from provenance.errors import ProvenanceError
from provenance.model import Skipped
from provenance.release import from_metadata
from provenance.source import open_source


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
    assert {one.name for one in place().iterdir() if one.name != "kept"} <= {f"bad{ending}"}
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
        assert value is None or (all(map(printable, value)) and value.strip())
