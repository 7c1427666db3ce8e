"""Inputs of every target to begin with."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from audits import audit, finding, ruling
from hostile.corpus import MAKERS, tars, zips
from programs import program, renamed

from fuzz import indexes, reports, tables
from fuzz.indexes import PAGED, ROWS
from fuzz.place import SHORT, inside, source_file
from provenance import bundle, pages
from provenance import cache as remembered
from provenance.cluster.fingerprints import file_keys, keys_of, row_of, signed
from provenance.cluster.tables import rows_of
from provenance.index import Index
from provenance.ledger import ledger_text
from provenance.model import Parameters
from provenance.notices import MARK
from provenance.null import Baseline, counted
from provenance.parse import parse
from provenance.references import manifest
from provenance.report.formats import FORMATS
from provenance.report.json import json_report
from provenance.scanning import outcomes
from provenance.schema import TEXT
from provenance.settings import starting
from provenance.sketch import sketches
from provenance.spoken import UNSPOKEN


@cache
def _texts() -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Hostile files, fixtures, and hostile notebooks."""
    made = inside("seeds")
    for name in ("nesting", "encodings", "notebooks"):
        (made / name).mkdir(parents=True)
        MAKERS[name](made / name)
    hard = [path.read_bytes()[:2_000] for path in sorted(made.rglob("*.py"))]
    root = Path(__file__).parent.parent.parent
    fixtures = [path.read_bytes()[:8_000] for path in sorted(root.glob("fixtures/*/*/*.py"))]
    return hard, fixtures, [path.read_bytes()[:4_000] for path in sorted(made.rglob("*.ipynb"))]


_OF_TEXTS = ("decode", "parse", "statements", "uses", "quoted", "declared", "notebook")


_PIP = [
    b"\1ERROR: Could not find a version that satisfies the requirement a==1 (from versions: 2)\n"
    b"ERROR: No matching distribution found for a==1\n",
    b"\0WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError': /a/\n"
    b"ERROR: HTTP error 404 while getting https://u:p@host/a.whl\n",
    b"\2" + b"a" * 3_000 + b"\nERROR: x-1.0+y://z\n",
]
"""What pip says, behind a byte that says how it ended."""


def seeds(name: str) -> list[bytes]:
    """Inputs of a target to begin with, so that the fuzzer need not invent the formats."""
    hard, fixtures, notebooks = _texts() if name in _OF_TEXTS else ([], [], [])
    if name in ("parse", "statements", "uses", "decode", "quoted"):
        return [*hard, *fixtures, program(1).encode(), renamed(program(1)).encode(), *_SAID]
    if name == "declared":
        return [head + b"\x1e" + text for head in _NOTICES for text in (*_SAID, fixtures[0])]
    made: dict[str, Callable[[], list[bytes]]] = {
        "notebook": lambda: notebooks,
        "zip": lambda: [b"\1a.py    x = 1", *(one[:4_000] for one in zips().values())],
        "tar": lambda: [
            *(head + gzip.decompress(tars()[one]) for head in (b"", b"\1") for one in _TARS),
            *(one[:4_000] for one in tars().values()),
        ],
        "metadata": lambda: _METADATA,
        "words": lambda: [bytes([at]) + text for at, text in _WORDS],
        "ignore": lambda: [b"*.pyc\n!a.py\n/models/**/llama\n[a-c]?.py\n", b"\\!x\n a \\ \n#\n**"],
        "policy": lambda: [b"\1" + _POLICY, b"\0" + _STANZAS, b"\1" + starting().encode()],
        "manifest": lambda: [Path(manifest.__file__).with_suffix(".toml").read_bytes()[:6_000]],
        "ledger": lambda: [_LEDGER, ledger_text(()).encode()],
        "report": lambda: [
            bytes([at]) + json_report(one).encode()
            for at in (*range(len(FORMATS)), 220)
            for one in (reports.report(), audit((ruling(finding()),)).report)
        ],
        "bundle": lambda: (
            [
                bytes([at]) + reports.members()[one]
                for at, one in (
                    (3, "bundle.json"),
                    (1, "audit.json"),
                    (241, "audit.json"),
                    (2, "report.json"),
                )
            ]
            + [b"\0" + bundle.packed(reports.members())]
        ),
        "cache": _cached,
        "index": lambda: [b"\0\x10\0\0\0\1", b"\x80\0\x10\0\0\xff\xff\x20\0\0\3"],
        "rows": lambda: _forged(False) + _forged(True),
        "joined": lambda: [
            bytes([one[0] + odd]) + one[1:]
            for wide in (False, True)
            for odd in (0, 1)
            for one in _forged(wide)
        ],
        "header": lambda: [_header()],
        "fingerprint": _fingerprint,
        "slice": lambda: [_slice()],
        "pip": lambda: _PIP,
        "checksum": lambda: [b"\1" + bytes(8), b"\0" + b"0" * 64 + b"  a-1-py3-none-any.whl\n"],
        "table": lambda: [
            bytes([odd]) + json.dumps(values).encode() for odd in (0, 1) for values in _TABLE
        ],
        "tracked": _git_indexes,
        "project": lambda: [_POLICY, b'[project]\nname = "A"\nversion = "1"\nlicense.text = "MIT"'],
        "pages": lambda: [
            b"\3" + _PAGE[8:],
            b"\x83" + pages.compress(_PAGE),
            b"\x83" + zlib.compress(_PAGE[:20]),
            b"\x7f\7\1" + bytes([0, 0, 0, 0]),
        ],
        "null": lambda: [_baseline()],
        "git": lambda: _GIT,
    }
    return made[name]()


_SAID = [
    b'"""Adapted from https://github.com/a/b/blob/main/c.py#L1-L9 with A->B."""\nx = 1\n',
    b"# Copyright 2024 The Llama Team. All rights reserved.\n# SPDX-License-Identifier: MIT\n",
    b"# SPDX-SnippetBegin\n# Copied from transformers.models.llama.modeling_llama.LlamaMLP\n"
    b"x = 1\n# SPDX-SnippetEnd\n",
    b"from transformers.models.llama import modeling_llama as m\nimport birds.m0\n"
    b"class A(m.LlamaMLP): pass\nAutoModel.register(A, m.B)\n"
    b"x = m.C.from_pretrained('meta-llama/Llama-2-7b')\nm.D.forward = f\nsetattr(m.E, 'g', h)\n"
    b"class F(G):\n    model_type = 'llama'\n",
]
_NOTICES = [
    b"This product includes birds and llama.\nCopyright 2024 Bird 1\n(c) 2023 Meta\n",
    b'[[annotations]]\npath = ["m/**", "*.py"]\nSPDX-FileCopyrightText = "2024 Bird 0"\n'
    b'SPDX-License-Identifier = "MIT OR Apache-2.0"\n',
    MARK.encode() + b"\n\n## birds, MIT\n\n- Copyright 2024 Bird 1\n\nIn this repository:\n\n"
    b"- m/modeling_x.py, lines 1-2, 5-7 and 3 more: birds/models/llama.py of 1.0, 1.1\n"
    b"- src/m/modeling_x.py, lines 1-2 of its code cells, counted through: birds/m1.py\n",
]
_TARS = ("links", "twice", "traversal")
_METADATA = [
    b"Metadata-Version: 2.1\nName: a-B.c\nVersion: 1.0\nLicense: MIT\n",
    b"Name: x\nLicense-Expression: Apache-2.0 OR MIT\n\nbody",
    b"Classifier: License :: OSI Approved :: Apache Software License\nClassifier: a\n",
]
_WORDS = [
    (0, b"Open_CLIP.torch == 2.24.0"),
    (0, b"a==1!2.0rc1.post2.dev3+local.1"),
    (1, b"transformers/**/{a,b{c,d}}*.py"),
    (1, b"!models/[a-z]?lama/*"),
    (2, b"2024-02-29"),
    (3, b"MIT AND (Apache-2.0 OR GPL-3.0-only WITH Classpath-exception-2.0)"),
    (4, b"Apache-2.0 AND LicenseRef-x"),
    (5, b"a/b.py:120"),
]
_POLICY = b"""[project]
name = "a"
[tool.provenance]
fail-on = "derived"
allow-license = ["MIT", "BSD-*"]
exclude = ["tests/**"]
timeout = 60
require-notices = true
as-of = 2024-01-01
"""
_STANZAS = b"""deny-country = ["XX"]
[[declared]]
path = "a/*.py"
origin = ["transformers/llama"]
license = "Apache-2.0"
reason = "ours"
expires = 2030-01-01
[[declared]]
symbol = "A.*"
origin = "x/y"
"""
_LEDGER = json.dumps(
    {
        "format_version": 1,
        "entries": [
            {
                "id": f"{at:020x}",
                "path": f"models/part_{at}.py",
                "name": "A.b",
                "origin": "transformers/llama",
                "rule": "undeclared",
                "date": "2024-01-01",
                "reason": "known",
            }
            for at in (1, 2)
        ],
    }
).encode()
_PAGE = pages.plain(3, np.arange(40), np.arange(5) * 1_000_000, pages.texts(["a", "bc"]))
_TABLE = [
    ["m/a.py", "x = 1\n", "birds/m0", "1.0", "2024-01-01", "MIT", "birds"],
    ["m/a.ipynb", '{"cells": []}', "birds/m0", None, None, None, None],
    ["LICENSE", "MIT"],
]
_GIT = [
    b"\0" + b"a" * 40 + b" 1 1 2\nauthor-time 1700000000\ncommitter-time 1700000001\n\tx = 1\n",
    b"\1" + b"100644 blob " + b"b" * 40 + b"\tm/a.py\x00100755 blob " + b"c" * 40 + b"\tb.py\0",
    b"\2ref: refs/heads/main\n\x1e" + b"d" * 40 + b" refs/heads/main\n\x1e" + b"e" * 40 + b"\n",
    b"\2" + b"f" * 64 + b"\n\x1e\x1e",
]


def _cached() -> list[bytes]:
    import msgspec

    library = indexes.library()
    made = [msgspec.json.encode(one) for one in outcomes(indexes.asked(), library, UNSPOKEN, 60.0)]
    path = inside("cache.db")
    kept = remembered.Cache(str(path), "context")
    kept.close()
    return [*(b"\1" + one for one in made), b"\0" + path.read_bytes()]


def _forged(wide: bool) -> list[bytes]:
    """Each page and each row of an index, and numbers to put into its pages."""
    first = b"\x80" if wide else b"\0"
    made = []
    with Index(indexes.small(wide)) as index:
        read = index.connection.execute
        for at, name in enumerate(PAGED):
            for number, (data,) in enumerate(read(f"SELECT data FROM {name} ORDER BY id")):
                if number < 4:
                    short = wide and name == "posting"
                    page = data[4:] if short else pages.decompress(data)[8:]
                    made.append(bytes([at, number]) + page)
        for at, name in enumerate(ROWS, len(PAGED)):
            if name in ("release", "origin"):
                text = json.dumps(read(f"SELECT * FROM {name}").fetchone()[1:])
            else:
                row = read("SELECT value FROM meta WHERE key = ?", (name,)).fetchone()
                text = row[0] if row else "{}"
            made.append(bytes([at, 0]) + text.encode())
    edits = [bytes([array, 1, 0, 9, 0, 0, odd]) for array in range(8) for odd in (0, 1)]
    large = [at for at in range(128, 256) if at % (len(PAGED) + len(ROWS)) < len(PAGED)]
    made += [bytes([table, 0]) + one for table in large[: len(PAGED)] for one in edits]
    return [first + one for one in made]


def _header() -> bytes:
    rows = rows_of(replace(tables.header(), baseline=_baseline().decode()))
    plain = {name: [(key, json.loads(text)) for key, text in rows[name]] for name in rows}
    return json.dumps(plain).encode()


def _slice() -> bytes:
    """The rows of the small index that the file that asks may need: all."""
    told = tables.header()
    drawn, parameters = indexes.library().permutations, told.parameters
    postings: dict[tuple[int, int], set[int]] = {}
    units: dict[int, list[Any]] = {}
    trees = []
    for number, text in enumerate(indexes.TEXTS, 1):
        content = text.encode()
        parsed = parse(content)
        (one,) = sketches([parsed], parameters, drawn)
        row = row_of(source_file("a.py", content), parsed, one, (), ())
        pages_of = [pages.decompress(page)[8:].hex() for page in row[6:8]]
        files = [[1, min(told.origins), f"m{number}.py"]]
        trees.append([number, row[0], row[1], ["2024 Bird"], ["MIT"], row[4], *pages_of, files])
        for key, _, _, _, tokens, words in row[9]:
            unit = units.setdefault(
                key, [len(units) + 1, [], [1 << 32 | 1], [], key, tokens, words]
            )
            unit[3].append(number)
            postings.setdefault((TEXT, key), set()).add(unit[0])
        for door, keys, at in keys_of(one, told.key_bits):
            for key, owner in zip(keys.tolist(), signed(at).tolist(), strict=True):
                postings.setdefault((door, key), set()).add(units[owner][0])
        for door_and_key in file_keys(row[0], parsed.tokens):
            postings.setdefault(door_and_key, set()).add(number)
    for unit in units.values():
        unit[5] = pages.decompress(unit[5])[8:].hex()
    return json.dumps(
        {
            "postings": [[*key, sorted(held)] for key, held in sorted(postings.items())],
            "units": list(units.values()),
            "trees": trees,
        }
    ).encode()


def _fingerprint() -> list[bytes]:
    text = program(0, **SHORT).encode()
    parsed = parse(text)
    (drawn,) = sketches([parsed], Parameters(), indexes.library().permutations)
    row = row_of(source_file("a.py", text), parsed, drawn, (), ())
    head = b"\x1e\x1e".join("\n".join(names).encode() for names in row[4:6])
    as_packed = b"\x1e\x1e".join([head, *row[6:9]])
    unpacked = b"\x1e\x1e".join([head, *(pages.decompress(page)[8:] for page in row[6:9])])
    return [b"\0" + as_packed, b"\1" + unpacked]


def _git_indexes() -> list[bytes]:
    """Entries of two files and a submodule in versions 2 to 4, hashes of either length, with an
    extension."""
    made = []
    for kind, length in ((0, 20), (1, 32)):
        for version in (2, 3, 4):
            data = struct.pack(">4sII", b"DIRC", version, 3)
            for mode, path in ((0o100644, b"a.py"), (0o160000, b"b"), (0o100755, b"m/a.py")):
                entry = bytes(24) + struct.pack(">I", mode) + bytes(12 + length)
                entry += struct.pack(">H", len(path)) + (b"\0" if version == 4 else b"") + path
                data += entry + (b"\0" if version == 4 else bytes(8 - len(entry) % 8))
            made.append(bytes([kind]) + data + b"TREE" + struct.pack(">I", 3) + b"abc")
    made.append(b"\2gitdir: @\n\x1e../checkout/.git\n")
    return made


def _baseline() -> bytes:
    null = (counted(20, [0.1, 0.9, 0.5]), counted(200, [0.3]))
    return Baseline(7, 0.1, null, null, null, null).to_json().encode()
