"""Every target of the fuzzer holds on its seeds and on what it found before; so do changes of
them that keep their form. ``tests/fuzz/fuzz.py`` goes on from here with a fuzzer."""

from __future__ import annotations

import json
import random
from functools import cache

import pytest
from fuzz import changes, seeds, targets
from thorough import THOROUGH

CHANGES = 25
FEW = 1 if THOROUGH else 4
"""Of the seeds of what joins indexes, which takes long, one in so many."""


def _changed(data: bytes, most: int, drawn: random.Random) -> bytes:
    """Bytes as a fuzzer changes them."""
    made = bytearray(data or b"x")
    for _ in range(drawn.randint(1, 4)):
        at = drawn.randrange(len(made))
        made[at : at + drawn.randrange(3)] = drawn.randbytes(drawn.randrange(3))
        made = made or bytearray(b"x")
    return bytes(made[:most])


@cache
def _found() -> dict[str, list[bytes]]:
    """What crashed or hung a reader once, in short."""
    header = json.loads(seeds.seeds("header")[0])
    meta = header["meta"]
    return {
        "tracked": [b"\2gitdir: @\0\x1e", b"\2gitdir: @\n\x1e\0"],
        "header": [
            json.dumps({**header, "meta": changed}).encode()
            for changed in (
                [
                    [key, {**value, "bands": {}} if key == "parameters" else value]
                    for key, value in meta
                ],
                [[key, 1e999 if key == "most" else value] for key, value in meta],
                [
                    [key, {**value, "unit": "7"} if key == "counts" else value]
                    for key, value in meta
                ],
            )
        ]
        + [
            json.dumps(
                {**header, "origin": [[None, header["origin"][0][1]], *header["origin"]]}
            ).encode()
        ],
        "cache": [b'\1[{"path":"\xff"}]'],
        "null": [b'{"score": [{"least": 1e999, "above": []}]}'],
        "rows": [
            bytes([7, 0]) + b'{"k": 1e999}',
            bytes([8, 0]) + b'{"0": 1e999}',
            bytes([10, 0]) + b'{"score": [{"least": 1, "above": "x"}]}',
        ],
        "words": [b"\1" + b"*a" * 30, b"\1" + b"{a,a}" * 40, b"\1" + b"{a,b}" * 40],
        "declared": [b'[[annotations]]\npath = "' + b"*a" * 30 + b'"\n\x1ex = 1\n'],
        "bundle": [
            b'\1{"rulings": [], "policy": ' + b"[" * 500 + b"]" * 500 + b', "fixed": []}',
        ],
    }


@pytest.mark.parametrize("name", sorted(targets.targets()))
def test_a_reader_keeps_its_promise(name: str) -> None:
    target, begun = targets.targets()[name], seeds.seeds(name)
    change = changes.CHANGES.get(name)
    assert begun
    drawn = random.Random(name)
    tried = drawn.sample(begun, len(begun) // FEW) if name == "joined" else begun
    for data in [*tried, *_found().get(name, [])]:
        target(data)
    for _ in range(CHANGES):
        data = drawn.choice(begun)
        if change is None:
            target(_changed(data, 100_000, drawn))
        else:
            mutate = lambda data, most: _changed(data, most, drawn)  # noqa: E731
            target(change(data, 100_000, drawn.randrange(1 << 30), mutate))
