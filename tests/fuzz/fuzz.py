"""Coverage-guided fuzzing of all that reads what nobody has vouched for, with atheris.

    pip install '.[test]' atheris
    python tests/fuzz/fuzz.py parse -runs=1000000
    python tests/fuzz/fuzz.py all -max_total_time=600        each target for that long

Targets are the functions below that begin with ``fuzz_``. Each takes bytes, hands them to one
reader, and holds the answer to what the reader promises: a value, or an error of ours; anything
else is a crash, whose input libFuzzer keeps. It becomes a test then. Further words go to libFuzzer:
a folder is a corpus to begin with and to add to.
"""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["provenance"]):
    from provenance import pages
    from provenance.decode import Reason, decode
    from provenance.errors import ProvenanceError
    from provenance.model import Parameters, Skipped
    from provenance.notebook import read_notebook
    from provenance.null import Baseline, counted
    from provenance.parse import parse
    from provenance.patterns import Patterns
    from provenance.release import from_metadata
    from provenance.sketch import sketch
    from provenance.source import Limits, open_source
    from provenance.statements import statements
    from provenance.uses import uses

import numpy as np

SMALL = Limits(
    max_file_bytes=1 << 16,
    max_notebook_bytes=1 << 16,
    max_members=200,
    max_total_bytes=1 << 20,
    max_held_bytes=1 << 18,
)


@cache
def _drawn() -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    parameters = Parameters()
    count = parameters.bands * parameters.rows
    return np.arange(1, 2 * count + 1, dtype=np.uint32).reshape(2, count)


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="provenance-fuzz-"))


def fuzz_parse(data: bytes) -> None:
    """Bytes of a Python file -> text -> units -> fingerprints; spans are inside and nested."""
    text = decode(data)
    if isinstance(text, Reason):
        return
    parsed = parse(text)
    size = len(parsed.tokens)
    for unit in parsed.units:
        assert 0 <= unit.start <= unit.stop <= size
        assert 1 <= unit.start_line <= unit.end_line
        outer = parsed.units[max(0, unit.parent)]
        assert outer.start <= unit.start
        assert unit.stop <= outer.stop
    drawn = sketch(parsed, Parameters(), _drawn())
    assert drawn.unit.size <= len(parsed.units)


def fuzz_statements(data: bytes) -> None:
    """Comments -> claims, holders and licences, and imports -> uses."""
    text = decode(data)
    if not isinstance(text, Reason):
        lines = text.count(b"\n") + 1
        said = statements(text)
        assert all(1 <= claim.line <= lines for claim in said.claims)
        found = uses(text, "m/modeling_x.py", {"llama": "transformers/llama"}, [])
        assert all(1 <= use.line <= lines for use in found)


def fuzz_notebook(data: bytes) -> None:
    """JSON of a notebook -> text whose cells ascend."""
    found = read_notebook(data)
    if not isinstance(found, Reason):
        text, cells = found
        assert list(cells) == sorted(cells)
        text.decode("utf-8")


def _archive(ending: str, data: bytes) -> None:
    path = _folder() / f"bad{ending}"
    path.write_bytes(data)
    try:
        source = open_source(str(path), limits=SMALL)
        for file in source.files():
            assert file.path
            if isinstance(file, Skipped):
                assert file.reason
            else:
                assert len(file.content) <= 2 * SMALL.max_file_bytes
    except ProvenanceError as error:
        message = str(error)
    else:
        message = "expected nothing else"
    assert "expected" in message or "found" in message
    left = [one for one in _folder().iterdir() if not one.name.startswith("bad")]
    assert not left


def fuzz_zip(data: bytes) -> None:
    """A zip: any bytes; or, after a byte, a well-formed one whose member has these bytes."""
    if data[:1] == b"\1":
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(data[1:9].decode("latin-1").replace("\0", "") + ".py", data[9:])
        data = stream.getvalue()
    _archive(".zip", data)


def fuzz_tar(data: bytes) -> None:
    """A tar, plain, so that the fuzzer sees through."""
    _archive(".tar", data)


def fuzz_pages(data: bytes) -> None:
    """A page of an index, as it is after unpacking: values or ``ValueError``."""
    try:
        arrays = pages.unpack(int.from_bytes(data[:1], "little"), data[1:])
    except ValueError:
        return
    assert sum(array.size for array in arrays) <= 64 * len(data) + 64


def fuzz_configuration(data: bytes) -> None:
    """Metadata, baselines of an index, globs."""
    from_metadata(data)
    text = data.decode("utf-8", "replace")
    with suppress(ValueError):
        Baseline.from_json(text)
    if len(text) < 200:
        with suppress(ProvenanceError):
            Patterns([text], []).wants("transformers/models/llama/modeling_llama.py")


def _seeds() -> dict[str, list[bytes]]:
    """Inputs to begin with, so that the fuzzer need not invent the formats."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from hostile.corpus import MAKERS, tars, zips

    made = Path(tempfile.mkdtemp(prefix="provenance-seeds-"))
    for name in ("nesting", "encodings", "notebooks"):
        (made / name).mkdir()
        MAKERS[name](made / name)
    texts = [path.read_bytes()[:4_000] for path in sorted(made.rglob("*.py"))]
    here = Path(__file__).parent.parent.parent
    texts += [path.read_bytes()[:20_000] for path in sorted(here.glob("fixtures/*/*/*.py"))]
    page = pages.plain(3, np.arange(40), np.arange(5) * 1_000_000, pages.texts(["a", "bc"]))
    return {
        "parse": texts,
        "statements": texts,
        "notebook": [path.read_bytes()[:4_000] for path in sorted(made.rglob("*.ipynb"))],
        "zip": [b"\1a.py    x = 1", *(one[:4_000] for one in zips().values())],
        "tar": [gzip.decompress(tars()["links"]), gzip.decompress(tars()["twice"])],
        "pages": [b"\3" + page, b"\3" + pages.compress(page)],
        "configuration": [
            b"Metadata-Version: 2.1\nName: a\nLicense: MIT\n",
            counted(20, [0.1, 0.9]).__repr__().encode(),
            b"transformers/**/{a,b}*.py",
        ],
    }


def _targets() -> dict[str, Callable[[bytes], None]]:
    return {name[5:]: value for name, value in globals().items() if name.startswith("fuzz_")}


def main() -> None:
    wanted, *more = [*sys.argv[1:], "help"][: max(1, len(sys.argv) - 1)]
    if wanted == "all":
        for name in _targets():
            print(f"== {name}", flush=True)
            subprocess.run([sys.executable, __file__, name, *more], check=True)
        return
    if wanted not in _targets():
        raise SystemExit(f"expected one of: all {' '.join(_targets())}")
    corpus = Path(tempfile.mkdtemp(prefix="provenance-corpus-"))
    for number, seed in enumerate(_seeds().get(wanted, [])):
        (corpus / str(number)).write_bytes(seed)
    os.chdir(_folder())
    atheris.Setup([sys.argv[0], *more, str(corpus)], _targets()[wanted])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
