"""Changes of inputs that keep their form, by target."""

from __future__ import annotations

from collections.abc import Callable

from fuzz.indexes import PAGED, ROWS
from fuzz.mutate import Mutate, of_json, of_lines

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


_SAID_BY_PIP = (
    b"ERROR: |WARNING: Retrying|connection broken by|Could not fetch URL|HTTP error |://|https:"
    b"//u:p@host/a|/home/a|C:\\a|No matching distribution found|No module named pip|\n| |\x1b[31m"
).split(b"|")

_json_rows = of_json(3)


def _rows_changed(data: bytes, most: int, seed: int, mutate: Mutate) -> bytes:
    """Pages by the fuzzer, rows as JSON."""
    table = data[1] % (len(PAGED) + len(ROWS)) if len(data) > 1 else 0
    return mutate(data, most) if table < len(PAGED) else _json_rows(data, most, seed, mutate)


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
    "joined": _rows_changed,
    "header": of_json(0),
    "table": of_json(1),
    "slice": of_json(0),
    "pip": of_lines(_SAID_BY_PIP),
    "project": of_lines([*_TOML, b"[project]\n", b"name", b"version", b"license", b"text"]),
    "quoted": of_lines(_CODE),
}
"""By target; the others are changed by the fuzzer alone."""

LONGEST = {
    "parse": 1_500, "statements": 1_500, "uses": 1_500, "declared": 2_000, "quoted": 1_000,
    "zip": 6_000, "report": 60_000, "bundle": 90_000, "cache": 20_000, "rows": 20_000,
    "joined": 20_000, "header": 20_000, "fingerprint": 20_000,
    "slice": 40_000,
}  # fmt: skip
"""Bytes of an input; 4,000 where nothing is said. Where the work grows with it and what matters
needs little, less."""
