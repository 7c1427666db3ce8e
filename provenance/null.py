"""null: the scores of unrelated code, as tables to read a score against. Pure.

``baseline`` measures them at the end of an index build; the index keeps them as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

Kind = Literal["score", "structure", "text", "file"]

STEPS = 200
"""Scores are told apart by 1 / STEPS."""
SIZES = (20, 40, 80, 160, 320)
"""Least elements of the size classes of units: 20 to 39, and so on, 320 and more."""
FILE_SIZES = (200, 800, 3200)
"""The same of files."""
_MOST = 1 << 53


@dataclass(frozen=True, slots=True)
class Survival:
    """The null of one score in one size class: ``above[i]`` pairs score ``i / STEPS`` or more,
    so that ``above[0]`` is the number of pairs. Zeros at the end are not kept. ``least`` is the
    smallest size of the class in elements."""

    least: int
    above: tuple[int, ...]

    @property
    def pairs(self) -> int:
        """How many pairs were compared."""
        return self.above[0] if self.above else 0

    def at_or_above(self, score: float) -> int:
        """How many pairs score so high, at most 1 / STEPS less."""
        step = _step(score)
        return self.above[step] if step < len(self.above) else 0


@dataclass(frozen=True, slots=True)
class Baseline:
    """What unrelated code scores in an index.

    For units, the best in one unrelated family: ``structure`` and ``text``, the resemblance of
    the shingle sets, and ``score``, (structure + 2 text) / 3. For files: the share of elements
    that stand in units which one unrelated family has an accepted match for. Each by size
    class, ascending. ``families`` is how many families the index has, ``related`` the share of
    pairs that were left out because the families are related.
    """

    families: int
    related: float
    score: tuple[Survival, ...]
    structure: tuple[Survival, ...]
    text: tuple[Survival, ...]
    file: tuple[Survival, ...]

    def survival(self, elements: int, of: Kind = "score") -> Survival:
        """The null of the size class of so many elements; the smallest for still smaller ones."""
        table: tuple[Survival, ...] = getattr(self, of)
        return max((one for one in table if one.least <= elements), key=_least, default=table[0])

    def percentile(self, score: float, elements: int, of: Kind = "score") -> float:
        """Share of the null below a score, in [0, 1]: at least so much, as scores are told apart
        by 1 / STEPS; 0 where there is no null."""
        null = self.survival(elements, of)
        return 1 - null.at_or_above(score) / null.pairs if null.pairs else 0.0

    def false_alarm_rate(self, score: float, elements: int, of: Kind = "score") -> float:
        """Share of the null at or above a score, in (0, 1], the pair in question counted in.

        For *one* unrelated family. Times ``families`` it is how many unrelated families of the
        index are expected to have something that scores so high.
        """
        null = self.survival(elements, of)
        return (null.at_or_above(score) + 1) / (null.pairs + 1)

    def threshold(self, rate: float, elements: int, of: Kind = "score") -> float | None:
        """The least score with at most this false-alarm rate, a multiple of 1 / STEPS; None where
        no score has: the null is too small, or equal code is that frequent."""
        steps = (step / STEPS for step in range(STEPS + 1))
        return next((s for s in steps if self.false_alarm_rate(s, elements, of) <= rate), None)

    def to_json(self) -> str:
        """JSON text with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Baseline:
        """Read back ``to_json``.

        Raises:
            ValueError: it is not what ``to_json`` wrote.
        """
        try:
            said: dict[str, Any] = json.loads(text)
            tables = {of: _survivals(said.pop(of)) for of in ("score", "structure", "text", "file")}
            related = float(said["related"])
            if not 0 <= related <= 1:
                raise ValueError("no baseline: a share beyond 1")
            return cls(families=_count(said["families"]), related=related, **tables)
        except (AttributeError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(f"no baseline: {error!r}") from error


def _least(one: Survival) -> int:
    return one.least


def _survivals(rows: Iterable[dict[str, Any]]) -> tuple[Survival, ...]:
    found = tuple(Survival(_count(row["least"]), tuple(map(_count, row["above"]))) for row in rows)
    for one in found:
        if len(one.above) > STEPS + 1 or list(one.above) != sorted(one.above, reverse=True):
            raise ValueError("no baseline: a survival table that grows or is too long")
    if not found:
        raise ValueError("no baseline: no size class")
    return found


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MOST:
        raise ValueError("no baseline: a count that is none")
    return value


def _step(score: float) -> int:
    return min(STEPS, max(0, int(score * STEPS + 1e-6)))


def counted(least: int, scores: list[float]) -> Survival:
    """The table of some scores of the size class from ``least`` elements on."""
    counts = np.bincount([_step(score) for score in scores], minlength=STEPS + 1)
    above = np.cumsum(counts[::-1])[::-1]
    return Survival(least, tuple(above[: np.count_nonzero(above)].tolist()))
