"""Modules that are indexed. For tests only."""

from __future__ import annotations

from pathlib import Path

from programs import program

NESTED = '''"""A docstring that must not be stored."""
import os

LIMIT = 12345  # a comment that must not be stored
SECRET = "a literal that must not be stored"


class Outer:
    """Of two classes."""

    depth = LIMIT * 2 + os.getpid()

    def method(self, a, b):
        def nested(c):
            class Deepest:
                def last(self, d):
                    return [self, d, a + b * c - 1]

            return Deepest().last(c * 2 + a)

        return nested(a)(b) if a > b else self.depth

    class Inner(Base):
        width = [1, 2, 3, 4, 5, 6, 7, 8]

        def method(self, a):
            return {key: value + a for key, value in self.items() if value != key}

    after = method


async def free(x, *rest, y=None, **more):
    async with x as z:
        await z.run(rest, y=y, key=f"{x!r:>{y}}", **more)


if __name__ == "__main__":
    free(Outer(), LIMIT)
    for number in range(LIMIT):
        print(number, "done", sep="")
'''

MORE = """

def more(beak, wing, tail):
    for feather in range(beak):
        wing[feather] = tail - wing.get(feather, beak) * 3
    return wing
"""
"""A function that makes a file another one, so that its units are compared one by one."""


def write(folder: Path, **files: str) -> str:
    """A folder with these modules."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    return str(folder)


def family(name: str, seed: int) -> str:
    """A module whose classes bear a family's mark: the same code but for it."""
    text = program(seed, classes=4, functions=2)
    for _ in range(4):
        text = text.replace("class ", f"klass {name}", 1)
    return text.replace("klass", "class")


def crowd(first: int, last: int, what: str = "bird.wing({}) * (bird.beak + {})") -> str:
    """Functions that end alike: more than a fingerprint may have before it is common."""
    alike = "".join(f"    total[{n}] = {what.format(n, n)}\n" for n in range(12))
    return "".join(
        f"def f{number}(total, bird):\n    call(name_{number}, {number})\n{alike}\n"
        for number in range(first, last)
    )
