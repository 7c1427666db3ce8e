"""The family mark: the name that a file's classes begin with, and names without it.

``LlamaAttention`` and ``SolarOpenAttention`` are the same name but for the family. A model
file that was taken over is almost always renamed so, all over the file, and to the letter.
The text view therefore reads the file's own mark as one sign: what remains different is a
change someone made. Pure functions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

CAMEL, SNAKE, UPPER = "‹Mark›", "‹mark›", "‹MARK›"
"""The signs, by the way the mark is written: ``SolarOpen``, ``solar_open``, ``SOLAR_OPEN``."""

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_END = "\0"
_SIGNS, _BUT_ENDS = re.compile(r"[^0-9a-z]+"), re.compile(r"[^0-9a-z\0]+")
_LEADING_SHARE = 0.5
_EXTENDING_SHARE = 0.7


def fold(name: str) -> str:
    """A family's name in one spelling: ``Qwen2_5_VL``, ``qwen2_5_vl`` -> ``qwen25vl``."""
    return _SIGNS.sub("", name.lower())


def folds(names: Sequence[str]) -> list[str]:
    """``fold`` of each; of many at once, as a large index has many families."""
    joined = _END.join(names)
    if not names or joined.count(_END) >= len(names):
        return [fold(name) for name in names]
    return _BUT_ENDS.sub("", joined.lower()).split(_END)


def words(name: str) -> list[str]:
    """The words of a CamelCase or snake_case name: ``Glm4MoeRMSNorm`` -> Glm 4 Moe RMS Norm."""
    return _WORD.findall(name)


def without_words(name: str, first: int, last: int) -> str:
    """A name as written without its ``first`` words and its ``last`` words."""
    found = list(_WORD.finditer(name))
    kept = found[first : len(found) - last]
    return name[kept[0].start() : kept[-1].end()] if kept else ""


def family_mark(class_names: Sequence[str]) -> str:
    """The words that most of a file's top-level classes begin with, or ``""``.

    The first word must lead at least half of the classes and two of them; a further word
    belongs to the mark while seven tenths of the classes so far agree on it and something
    still follows in at least two of them.
    """
    outer = [name for name in class_names if "." not in name]
    if len(outer) < 2:
        return ""
    names = [(name, parts) for name in outer if (parts := words(name))]
    depth = 0
    share = _LEADING_SHARE
    while True:
        following = Counter(parts[depth] for _, parts in names if len(parts) > depth + 1)
        if not following:
            break
        word, count = min(following.items(), key=lambda item: (-item[1], item[0]))
        if count < 2 or count < share * len(names):
            break
        names = [
            (n, parts) for n, parts in names if len(parts) > depth + 1 and parts[depth] == word
        ]
        depth += 1
        share = _EXTENDING_SHARE
    if not depth:
        return ""
    # As it is written in most classes: words do not say where an underscore stood.
    written = Counter(name[: _end_of_word(name, depth)] for name, _ in names)
    mark = min(written.items(), key=lambda item: (-item[1], item[0]))[0]
    return mark if len(mark) >= 2 else ""


def _end_of_word(name: str, count: int) -> int:
    """Where the ``count``-th word of a name ends."""
    return [match.end() for match in _WORD.finditer(name)][count - 1]


@lru_cache(maxsize=64)
def _snakes(mark: str) -> tuple[str, ...]:
    """The ways a mark is written in lower case: ``glm4moe``, ``glm4_moe``, ``glm_4_moe``."""
    apart = "_".join(words(mark)).lower()
    return tuple(sorted({mark.lower(), apart, re.sub(r"_([0-9])", r"\1", apart)}))


def without_mark(name: str, mark: str) -> str:
    """``name`` with the mark replaced by its sign; unchanged where it does not occur as words
    of their own.
    """
    lower = name.lower()
    at = lower.find(mark.lower())
    if at >= 0 and name[at].isupper() and not name[at - 1 : at].isalpha():
        stop = at + len(mark)
        exactly = name[at:stop] == mark
        if not name[stop : stop + 1].islower() and (exactly or not name[at:stop].isupper()):
            return name[:at] + CAMEL + name[stop:]
    for snake in _snakes(mark):
        at = lower.find(snake)
        stop = at + len(snake)
        if at >= 0 and not name[at - 1 : at].isalnum() and not name[stop : stop + 1].isalnum():
            return name[:at] + (UPPER if name[at:stop].isupper() else SNAKE) + name[stop:]
    return name


def with_mark(name: str, mark: str, path: str = "") -> str:
    """The inverse of ``without_mark`` for display: signs written out with ``mark``; in small
    letters as a path spells it, where one does. Of 926 such names in models of transformers 5.23.0
    907 are as written then, 679 without the path (``RegNet``: ``regnet``, not ``reg_net``)."""
    if "‹" not in name:
        return name
    snake = mark.lower()
    if "_" not in mark:
        snake = re.sub(r"_([0-9])", r"\1", "_".join(words(mark)).lower())
    snake = max(_spelt(mark, path), key=len, default=snake)
    return name.replace(CAMEL, mark).replace(SNAKE, snake).replace(UPPER, snake.upper())


@lru_cache(maxsize=1024)
def _spelt(mark: str, path: str) -> tuple[str, ...]:
    """The ways a mark is written in lower case that occur in a path as words of their own."""
    lower = path.lower()
    return tuple(
        snake
        for snake in _snakes(mark)
        if re.search(rf"(?<![0-9a-z]){re.escape(snake)}(?![0-9a-z])", lower)
    )
