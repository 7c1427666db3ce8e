"""Changes of inputs that keep their form: JSON stays JSON, lines stay lines, and so get past the
first check of a reader. The fuzzer itself says what of it is worth keeping."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

Mutate = Callable[[bytes, int], bytes]
"""The fuzzer's own: bytes and the greatest size -> other bytes."""

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 2**31, 2**53, 2**64, -(2**63), 10**400, 0.5, 1e308, -0.0,
    float("nan"), float("inf"), "", "a", "0", "-1", "2024-02-30", "2024-01-01", "../../x", "/etc",
    "\0", "\ud800", "\u202e", "\x1b[31m", "a" * 300, "</script>", "=1+1", "derived", "error",
    [], {}, [[]], [None], {"": None}, {"a": {"b": {}}}, "x/" * 50, "*" * 40,
)  # fmt: skip
"""What a reader that believes in types does not expect."""


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value, at most 2,000."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting and len(found) < 2_000:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one))
        for key in keys:
            found.append((one, key))
            if isinstance(one[key], (dict, list)):
                waiting.append(one[key])
    return found


def json_value(value: Any, drawn: random.Random) -> Any:
    """One value put in another one's place, taken out, doubled, or nested."""
    places = _places(value) if isinstance(value, (dict, list)) else []
    if not places:
        return drawn.choice(ODD)
    inside, key = drawn.choice(places)
    act = drawn.randrange(8)
    if act < 3:
        inside[key] = drawn.choice(ODD)
    elif act == 3:
        other, name = drawn.choice(places)
        inside[key] = json.loads(json.dumps(other[name])) if other is not inside else None
    elif act == 4:
        del inside[key]
    elif act == 5 and isinstance(inside, list):
        inside.insert(key, inside[key])
    elif act == 5:
        inside[drawn.choice(["", "id", "path", str(key) + "x"])] = inside[key]
    elif act == 6:
        inside[key] = [inside[key]] if drawn.random() < 0.5 else {"x": inside[key]}
    elif isinstance(inside[key], str):
        text = inside[key]
        at = drawn.randrange(len(text) + 1)
        inside[key] = text[:at] + str(drawn.choice(ODD)) + text[at + drawn.randrange(3) :]
    elif isinstance(inside[key], (int, float)) and not isinstance(inside[key], bool):
        inside[key] = inside[key] + drawn.choice([-1, 1, 10**6, -(10**6), 0.5])
    return value


def of_json(kept: int) -> Callable[[bytes, int, int, Mutate], bytes]:
    """Changes of JSON behind so many bytes that choose what is done with it."""

    def change(data: bytes, most: int, seed: int, mutate: Mutate) -> bytes:
        drawn = random.Random(seed)
        if drawn.random() < 0.25:
            return mutate(data, most)
        head, text = data[:kept], data[kept:]
        if kept and drawn.random() < 0.2:
            return bytes([drawn.randrange(256) for _ in range(kept)]) + text
        try:
            value = json.loads(text)
            for _ in range(1 + drawn.randrange(3)):
                value = json_value(value, drawn)
            made = head + json.dumps(value).encode()
        except (ValueError, RecursionError, TypeError, OverflowError):
            return mutate(data, most)
        return made if len(made) <= most else mutate(data, most)

    return change


def of_lines(words: Sequence[bytes]) -> Callable[[bytes, int, int, Mutate], bytes]:
    """Changes of text: lines moved, doubled and taken out, words of the format put in."""

    def change(data: bytes, most: int, seed: int, mutate: Mutate) -> bytes:
        drawn = random.Random(seed)
        if drawn.random() < 0.4:
            return mutate(data, most)
        lines = data.split(b"\n")
        for _ in range(1 + drawn.randrange(4)):
            at = drawn.randrange(len(lines))
            act = drawn.randrange(6)
            if act == 0 and len(lines) > 1:
                del lines[at]
            elif act == 1:
                lines.insert(drawn.randrange(len(lines) + 1), lines[at])
            elif act == 2:
                other = drawn.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            elif act == 3:
                lines[at] = b" " * drawn.randrange(1, 9) + lines[at].strip()
            else:
                place = drawn.randrange(len(lines[at]) + 1)
                word = drawn.choice(words)
                lines[at] = lines[at][:place] + word + lines[at][place:]
        return b"\n".join(lines)[:most]

    return change
