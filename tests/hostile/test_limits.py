"""The worst files of a stage cost time and memory by their size, no more; an index cut anywhere or
with any byte changed is told; files that change, or may not be read, cost themselves alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from hashlib import sha256
from math import inf
from pathlib import Path

import pytest
from ending import ends
from programs import program

import provenance
from provenance.bundle import MEMBERS, SUMS, packed, sums
from provenance.errors import IndexFileError, UsageError
from provenance.integrity import verify
from provenance.library import Library
from provenance.model import SourceFile
from provenance.notices import notice_files
from provenance.parse import syntax
from provenance.patterns import Patterns
from provenance.scanning import outcomes
from provenance.source import open_source
from provenance.spoken import UNSPOKEN
from provenance.uses import uses

SIZE = 90_000


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    reference = folder / "reference"
    reference.mkdir()
    decorated = "@a\n" * 200 + "def f(): pass\n"
    for seed in range(20):
        text = decorated.replace("f()", f"f(a{seed}, *b{seed})") + program(seed, functions=1)
        (reference / f"m{seed}.py").write_text(text, "utf-8")
    provenance.build_index([str(reference)], folder / "small.db", baseline=False)
    return folder / "small.db"


WORST = {
    "one unit of equal elements": "@a\n" * (SIZE // 3) + "def f(): pass\n",
    "one list": "x = [" + "1, " * (SIZE // 3) + "]\n",
    "equal functions": "def f(): return g(a, b, 1)\n" * (SIZE // 27),
    "a string": "x = '" + "a" * SIZE + "'\n",
    "claims": "# Copied from transformers.models.llama.modeling_llama.LlamaMLP\n" * (SIZE // 66),
    "snippets": "# SPDX-SnippetBegin copied from a.b\n" * (SIZE // 36),
    "a chain of sums": "x = " + "1 + " * (SIZE // 4) + "1\n",
}


def _worst(asked: tuple[str, str]) -> None:
    name, index = asked
    text = WORST[name].encode()
    file = SourceFile("m/modeling_x.py", text, sha256(text).hexdigest(), None, ())
    with Library([index]) as library:
        tracemalloc.start()
        try:
            outcomes([file], library, UNSPOKEN, inf)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert peak < 1_000 * SIZE


def test_the_worst_file_ends_and_costs_memory_by_its_size(index: Path) -> None:
    ends(_worst, [(name, str(index)) for name in sorted(WORST)])


def _placed(text: str) -> None:
    data = text.encode()
    uses(data, "m/modeling_x.py", {"llama": "transformers/llama"}, syntax(data))


def test_places_in_deep_statements_are_found() -> None:
    """To climb from a node costs as much as it is deep: that took minutes."""
    ends(
        _placed,
        [
            "import transformers\nx = (" + "model_type == 'llama' or\n" * 20_000 + "1)\n",
            "import transformers\nx = a" + ".from_pretrained('meta-llama/Llama-2')" * 13_000 + "\n",
        ],
    )


def test_a_glob_that_would_be_matched_for_years_is_refused() -> None:
    for glob in ("*a" * 30 + "b", "**/a/" * 9, "a" * 10_001):
        with pytest.raises(UsageError, match="expected at most"):
            Patterns([glob])
    for globs in ("{a,b}" * 40, "{" + "a," * 9_999 + "b}" + "x" * 5_000):
        with pytest.raises(UsageError, match="fewer"):
            Patterns([globs])


def test_a_notice_file_with_such_a_glob_says_nothing() -> None:
    text = '[[annotations]]\npath = "{}"\nSPDX-FileCopyrightText = "2024 Bird"\n'
    assert notice_files([("REUSE.toml", text.format("*a" * 30).encode())]) == ()
    assert len(notice_files([("REUSE.toml", text.format("*.py").encode())])) == 1


# --- index files ---------------------------------------------------------------------------


def test_an_index_cut_at_any_length_is_told(index: Path, tmp_path: Path) -> None:
    """Every length of the first page, then one of each 512 bytes."""
    whole, path = index.read_bytes(), tmp_path / "cut.db"
    for size in (*range(0, 1024, 16), *range(1024, len(whole), 509)):
        path.write_bytes(whole[:size])
        with pytest.raises(IndexFileError, match=r"cut\.db"):
            verify(path)


def test_an_index_with_any_byte_changed_is_told(index: Path, tmp_path: Path) -> None:
    whole, path = bytearray(index.read_bytes()), tmp_path / "bad.db"
    for at in (*range(0, 100, 3), *range(100, len(whole), 997)):
        changed = bytearray(whole)
        changed[at] ^= 0x41
        path.write_bytes(changed)
        with pytest.raises(IndexFileError, match=r"bad\.db"):
            verify(path)


# --- files that change, files of others ----------------------------------------------------


def test_files_that_vanish_or_become_something_else_after_listing(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / f"{name}.py").write_text("x = 1\n", "utf-8")
    source = open_source(str(tmp_path))
    (tmp_path / "a.py").unlink()
    (tmp_path / "b.py").unlink()
    (tmp_path / "b.py").mkdir()
    (tmp_path / "c.py").write_bytes(b"y = 2\n" * 2_000_000)  # more than may be read
    found = {one.path: getattr(one, "reason", "") for one in source.files()}
    assert "vanished" in found["a.py"]
    assert "a folder" in found["b.py"]
    assert "expected at most" in found["c.py"]
    assert found["d.py"] == ""


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0,
    reason="another user needs root to become",
)
def test_what_another_user_may_not_read_is_told(tmp_path: Path) -> None:
    for name in ("open.py", "closed.py"):
        (tmp_path / name).write_text("x = 1\n", "utf-8")
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "inside.py").write_text("x = 1\n", "utf-8")
    (tmp_path / "closed.py").chmod(0)
    (tmp_path / "hidden").chmod(0)
    folder = tmp_path
    while folder != Path("/tmp") and folder != folder.parent:
        folder.chmod(0o755)
        folder = folder.parent
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            found = [*open_source(str(tmp_path)).files()]
            lines = [f"{one.path}: {getattr(one, 'reason', '')}" for one in found]
            os.write(writer, "\n".join(lines).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        told = sorted(stream.read().split("\n"))
    os.waitpid(child, 0)
    assert [one.partition(":")[0] for one in told] == ["closed.py", "hidden/", "open.py"]
    assert "give read permission" in told[0]
    assert "give read permission" in told[1]
    assert told[2] == "open.py: "


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux")
@pytest.mark.parametrize("command", ["report", "verify-bundle"])
def test_what_is_read_of_a_saved_file_is_held_to_memory(command: str, tmp_path: Path) -> None:
    """A report of very many tiny values takes twenty times its size; it is told, not taken."""
    text = b'{"format_version": [' + b"[]," * 5_000_000 + b"0]}"
    path = tmp_path / "saved"
    path.write_bytes(text)
    arguments: list[str | Path] = ["report", path]
    if command == "verify-bundle":
        content = dict.fromkeys(MEMBERS, b"{}")
        content["bundle.json"] = text
        content[SUMS] = sums(content)
        path.write_bytes(packed(content))
        arguments = ["verify-bundle", path, "--memory", "300"]
    script = (
        "import sys\n"
        "from provenance import terminal, workers\n"
        "from provenance.cli import main\n"
        "terminal._THREADS_OF_A_JOB = 0\n"
        "workers.BOUNDS = workers.Bounds(memory=300_000_000)\n"
        "main(sys.argv[1:])\n"
    )
    call = [sys.executable, "-c", script, *map(str, arguments)]
    ended = subprocess.run(call, capture_output=True, text=True, check=False)
    assert ended.returncode == 3, ended.stderr
    assert "memory" in ended.stderr
    assert "Traceback" not in ended.stderr
