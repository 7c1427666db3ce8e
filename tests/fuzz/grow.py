"""What takes time by the square: inputs of every reader grown by a piece that repeats.

    python tests/fuzz/grow.py all                   all targets, four minutes of one processor
    python tests/fuzz/grow.py policy tracked --seconds 60 --seed 3

A seed of the target, or none, is given a piece of one to four tokens 20,000 bytes long, at a random
place; where that takes more than .15 s it is given twice as much, and told where that takes more
than 2.8 times as long. The exit code is then 1, as it is of all: ``parse``, ``uses`` and
``declared`` tell what the grammar itself takes by the square (SECURITY.md, Bounds), ``manifest``
what has not been looked into.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from fuzz import seeds, targets

BYTES = 20_000
TOKENS = (
    *(bytes([one]) for one in (*range(9, 14), *range(28, 128), 0, 255)),
    *(b"\r\n", b"\\\n", b"'''", b'"""', b'\\"', b"# ", b"a.", b", ", b"%%", b"**", b"--", b'f"{'),
    *(b'}"', b"\xe2\x80\xa8", b"\xc2\xa0", b"\xc2\x85", b"\xef\xbb\xbf", b"\\u0041", b"[[", b"]]"),
    *(b"copied from ", b"Copied from a.b", b"not ", b"Copyright ", b"(c) ", b"2020-", b"and "),
    *(b"or ", b"with ", b"licensed under ", b"MIT", b"SPDX-License-Identifier: ", b"https://a/b"),
    *(b"import a", b"from a import b\n", b"def f():\n", b"class A:\n", b"    pass\n", b"x = 1\n"),
    *(b"type ", b"lambda: ", b"if ", b"else ", b"async ", b'{"a":', b"null", b"!ls", b"%ls", b"a?"),
    *(b">>> ", b"... ", b"In [1]: ", b"adapted ", b"the ", b"rights ", b"modified", b"a/", b"../"),
    *(
        b"    ",
        b"((((",
        b"))))",
        b"[((",
        b"a = ",
        b"a = b = ",
        b"'a', ",
        b'"llama", ',
        b"{,",
        b"[a",
    ),
    *(b"from a import b as c\n", b"model_type = ", b"register_", b"# ''' ", b'# """\n', b"a;"),
    *(b"based on ", b"__all__ = [", b"a.b(c)(", b"@a\n", b"(c) 2020 ", b"class A(B, "),
    *(b"@@", b"a@@", b"'@@', ", b'"License::@@", ', b"Classifier: License :: @@\n"),
)
_NUMBER = b"@@"
"""Another number each time: what is looked for among all before it must differ from them."""


def grown(drawn: random.Random, begun: list[bytes]) -> Callable[[int], bytes]:
    """An input by how many bytes of a piece it has."""

    def tokens(*counts: int) -> bytes:
        return b"".join(drawn.choice(TOKENS) for _ in range(drawn.choice(counts)))

    base = drawn.choice(begun) if drawn.random() < 0.7 else b""
    piece = tokens(1, 1, 1, 2, 2, 3, 4)
    if base and drawn.random() < 0.25:
        start = drawn.randrange(len(base))
        piece = base[start : start + drawn.randrange(1, 30)]
    at = drawn.randrange(len(base) + 1)
    before, behind = base[:at] + tokens(0, 0, 1, 2), tokens(0, 0, 1, 2) + base[at:]

    def made(size: int) -> bytes:
        repeated = piece * (size // len(piece))
        if _NUMBER in repeated:
            parts = enumerate(repeated.split(_NUMBER))
            repeated = b"".join(b"%d%b" % (number, part) for number, part in parts)
        return before + repeated + behind

    return made


def slow(name: str, seconds: float, seed: int) -> Iterator[str]:
    """What a target takes by the square of, as it is found."""
    target, begun = targets.targets()[name], seeds.seeds(name)
    drawn = random.Random(f"{name} {seed}")

    def taken(data: bytes) -> float:
        start = time.process_time()
        with suppress(Exception):
            target(data)
        return time.process_time() - start

    end, tried = time.process_time() + seconds, 0
    while time.process_time() < end:
        made = grown(drawn, begun)
        tried += 1
        if (once := taken(made(BYTES))) > 0.15 and (twice := taken(made(2 * BYTES))) > 2.8 * once:
            yield f"{name}: {once:.2f} s, then {twice:.2f} s: {made(60)[-300:]!r}"
    print(f"{name}: {tried:,} tried", flush=True)


def main() -> None:
    """The command line."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    known = sorted(targets.targets())
    asked.add_argument("names", nargs="+", choices=[*known, "all"], metavar="NAME")
    asked.add_argument("--seconds", type=float, default=8, help="of a processor, for each")
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args()
    found = False
    for name in known if "all" in given.names else given.names:
        for one in slow(name, given.seconds, given.seed):
            found = True
            print(one, flush=True)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
