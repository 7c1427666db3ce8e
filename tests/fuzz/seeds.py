"""Inputs of every target to begin with, and changes that keep the form of an input."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from audits import audit, finding, ruling
from hostile.corpus import MAKERS, tars, zips
from programs import program, renamed

from fuzz import targets as of
from fuzz.mutate import Mutate, of_json, of_lines
from provenance import bundle, pages
from provenance import cache as remembered
from provenance.index import Index
from provenance.ledger import ledger_text
from provenance.null import Baseline, counted
from provenance.references import manifest
from provenance.report.formats import FORMATS
from provenance.report.json import json_report
from provenance.scanning import outcomes
from provenance.settings import starting

# --- seeds ---------------------------------------------------------------------------------


@cache
def _texts() -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Hostile files, fixtures, and hostile notebooks."""
    made = of._inside("seeds")
    for name in ("nesting", "encodings", "notebooks"):
        (made / name).mkdir(parents=True)
        MAKERS[name](made / name)
    hard = [path.read_bytes()[:2_000] for path in sorted(made.rglob("*.py"))]
    root = Path(__file__).parent.parent.parent
    fixtures = [path.read_bytes()[:8_000] for path in sorted(root.glob("fixtures/*/*/*.py"))]
    return hard, fixtures, [path.read_bytes()[:4_000] for path in sorted(made.rglob("*.ipynb"))]


def seeds(name: str) -> list[bytes]:
    """Inputs of a target to begin with, so that the fuzzer need not invent the formats."""
    hard, fixtures, notebooks = (
        _texts()
        if name in ("decode", "parse", "statements", "uses", "declared", "notebook")
        else ([], [], [])
    )
    if name in ("parse", "statements", "uses", "decode"):
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
            for one in (of._report(), audit((ruling(finding()),)).report)
        ],
        "bundle": lambda: (
            [
                bytes([at]) + of._members()[one]
                for at, one in (
                    (3, "bundle.json"),
                    (1, "audit.json"),
                    (241, "audit.json"),
                    (2, "report.json"),
                )
            ]
            + [b"\0" + bundle.packed(of._members())]
        ),
        "cache": _cached,
        "index": lambda: [b"\x10\0\0\0\1", b"\0\x10\0\0\xff\xff\x20\0\0\3"],
        "rows": _pages_seeds,
        "pages": lambda: [
            b"\3" + _PAGE[8:],
            b"\x83" + pages.compress(_PAGE),
            b"\x83" + zlib.compress(_PAGE[:20]),
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
_GIT = [
    b"\0" + b"a" * 40 + b" 1 1 2\nauthor-time 1700000000\ncommitter-time 1700000001\n\tx = 1\n",
    b"\1" + b"100644 blob " + b"b" * 40 + b"\tm/a.py\x00100755 blob " + b"c" * 40 + b"\tb.py\0",
    b"\2ref: refs/heads/main\n\x1e" + b"d" * 40 + b" refs/heads/main\n\x1e" + b"e" * 40 + b"\n",
    b"\2" + b"f" * 64 + b"\n\x1e\x1e",
]


def _cached() -> list[bytes]:
    import msgspec

    library = of._library()
    made = [msgspec.json.encode(one) for one in outcomes(of._asked(), library, (), 60.0)]
    path = of._inside("cache.db")
    kept = remembered.Cache(str(path), "context")
    kept.close()
    return [*(b"\1" + one for one in made), b"\0" + path.read_bytes()]


def _pages_seeds() -> list[bytes]:
    made = []
    with Index(of._index()) as index:
        for at, name in enumerate(of._PAGED):
            rows = index.connection.execute(f"SELECT data FROM {name} ORDER BY id")
            for number, (data,) in enumerate(rows):
                if number < 4:
                    made.append(bytes([at, number]) + pages.decompress(data)[8:])
        for at, name in enumerate(of._ROWS, len(of._PAGED)):
            if name in ("release", "origin"):
                row = index.connection.execute(f"SELECT * FROM {name}").fetchone()
                text = json.dumps(row[1:])
            else:
                row = index.connection.execute("SELECT value FROM meta WHERE key = ?", (name,))
                text = row.fetchone()[0]
            made.append(bytes([at, 0]) + text.encode())
    edits = [bytes([array, 1, 0, 9, 0, 0, odd]) for array in range(8) for odd in (0, 1)]
    large = (at for at in range(128, 256) if at % (len(of._PAGED) + len(of._ROWS)) < len(of._PAGED))
    return made + [bytes([table, 0]) + one for table in list(large)[:7] for one in edits]


def _baseline() -> bytes:
    null = (counted(20, [0.1, 0.9, 0.5]), counted(200, [0.3]))
    return Baseline(7, 0.1, null, null, null, null).to_json().encode()


# --- changes -------------------------------------------------------------------------------

_CODE = (
    b"def f(a, b=1, *c, **d):\n|class A(B):\n|    return |if x:\n|else:\n|async |await "
    b'|lambda: |"""|\'|f"{x}"|[|]|(|)|{|}|:|\\\n|# |@d\n|match x:\n|case _:\n|\t|;| = |.|*'
    b"|\xc3\xa9|\x0c"
).split(b"|")
_CLAIMS = (
    b"# Copied from |Adapted from |based on |https://github.com/a/b/blob/main/c.py| with "
    b"|A->B|transformers.models.llama.modeling_llama|SPDX-SnippetBegin|SPDX-SnippetEnd"
    b"|SPDX-License-Identifier: |Copyright (c) 2024 |\xc2\xa9 2020-2024, |The X Team| and "
    b'|Licensed under the Apache License, Version 2.0|"""|#|Permission is hereby granted'
).split(b"|")
_IMPORTS = (
    b"import |from transformers.models.llama import | as |class A(|model_type|register"
    b"|from_pretrained|from_config|setattr(|MethodType(|.forward = |'meta-llama/Llama-2-7b'"
    b"|*|(|)|,|.|'llama'|@|\n|import torch\n"
).split(b"|")
_TOML = (
    b"[tool.provenance]\n|[[tool.provenance.declared]]\n|[[declared]]\n|fail-on = |[|]|{|}"
    b"| = |\"|'''|path = |origin = |expires = |2024-01-01|true|1e999|0x|\\u0000|a.b|,|nan"
    b"|-|timeout = |allow-license = |include = |symbol = "
).split(b"|")


_json_rows = of_json(2)


def _rows_changed(data: bytes, most: int, seed: int, mutate: Mutate) -> bytes:
    """Pages by the fuzzer, rows as JSON."""
    table = data[0] % (len(of._PAGED) + len(of._ROWS)) if data else 0
    return mutate(data, most) if table < len(of._PAGED) else _json_rows(data, most, seed, mutate)


CHANGES: dict[str, Callable[[bytes, int, int, Mutate], bytes]] = {
    "decode": of_lines([*_CODE, b"# coding: latin-1\n", b"# -*- coding: utf-7 -*-\n", b"\xff\xfe"]),
    "parse": of_lines(_CODE),
    "statements": of_lines([*_CODE, *_CLAIMS]),
    "uses": of_lines([*_CODE, *_IMPORTS]),
    "declared": of_lines([*_CLAIMS, *_IMPORTS, *_TOML, b"\x1e"]),
    "policy": of_lines(_TOML),
    "manifest": of_lines(_TOML),
    "notebook": of_json(0),
    "ledger": of_json(0),
    "report": of_json(1),
    "bundle": of_json(1),
    "cache": of_json(1),
    "null": of_json(0),
    "rows": _rows_changed,
}
"""By target; the others are changed by the fuzzer alone."""

LONGEST = {"report": 60_000, "bundle": 90_000, "rows": 20_000, "cache": 20_000, "zip": 6_000}
"""Bytes of an input; 4,000 where nothing is said."""
