"""composition: what explains the units of a file, or the parts of many -> who is named. Pure.

Greedy minimum set cover, as sourmash ``gather`` decomposes a genome: the origin that explains most
evidence comes first, with all that it explains well; then the one that explains most of the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from math import exp

from provenance.model import FileResult, Share

_ROUNDED = 6


MARGIN = 0.15
"""An origin explains a unit that scores at most this much less in it than in the nearest one."""
NEAR = 0.1
"""And counts for it the more the less that is: nothing from this on."""
HALF = 20
"""Elements of which a unit counts half as much as the largest."""
YEAR = 0.4
"""What a year is worth: of two that explain as much the older is likelier the source of both."""
WIDELY = 0.2
"""And what it is worth that its units stand in other origins: the power of how often."""
AS_CLOSE = 0.05
"""What is said to be as close in a file may be named for the repository; half as readily."""
_YOUNGEST, _OLDEST = "2100-01-01", "1950-01-01"


def weight(elements: int, nearest: float, telling: float) -> float:
    """How much evidence a unit is, in [0, 1].

    Args:
        elements: of the unit; hardly more counts for being larger, as each unit is taken once.
        nearest: what its nearest unit scores: what hardly resembles anything is from elsewhere.
        telling: 1 where one family has what is as near, less the more have.

    Found on the development set, each half gained: first-named families of pure copies .835 to
    .875, of edited ones .742 to .768, of models .882 to .899 (benchmarks/README.md).
    """
    return elements / (elements + HALF) * nearest**2 * telling


def named(
    parts: Sequence[tuple[float, Mapping[str, float]]], standing: Mapping[str, tuple[str, int]]
) -> list[str]:
    """The origin that is named for each unit of a file, by greedy minimum set cover.

    Args:
        parts: of each unit its weight, above 0, and of each origin that has something like it
            how much lower that scores than the nearest one; 0 for at least one of them.
        standing: of each origin its first day, ``index.NO_DAY`` for none, and how often one of
            its units stands in another origin.

    Returns:
        In the order of ``parts``. One file rarely borrows each function from another family, and
        a sibling of the true source often is nearer by a hair: so the first to be named is the
        origin that is near to the most weight, an older or more widely shared one sooner, for all
        units within ``MARGIN``; then the same of what is left.
    """
    worth = _worth({origin: standing[origin] for _, gaps in parts for origin in gaps})
    total = near_to(parts)
    ranked = {one: (-round(size * worth[one], 9), one) for one, size in total.items()}
    found = [""] * len(parts)
    left = list(range(len(parts)))
    while left:
        _, origin = min(ranked.values())
        rest, fewer = [], set()
        for at in left:
            weight, gaps = parts[at]
            if gaps.get(origin, 1.0) > MARGIN:
                rest.append(at)
                continue
            found[at] = origin
            for other, gap in gaps.items():
                if gap < NEAR and other in total:
                    total[other] -= weight * (1 - gap / NEAR)
                    fewer.add(other)
        del total[origin], ranked[origin]
        for other in fewer - {origin}:
            ranked[other] = (-round(total[other] * worth[other], 9), other)
        left = rest
    return found


def near_to(parts: Sequence[tuple[float, Mapping[str, float]]]) -> dict[str, float]:
    """The weight of the parts, see ``named``, that each origin is near to."""
    total: dict[str, float] = {}
    for weight, gaps in parts:
        for origin, gap in gaps.items():
            near = weight * (1 - gap / NEAR) if gap < NEAR else 0.0
            total[origin] = total.get(origin, 0.0) + near
    return total


def _worth(standing: Mapping[str, tuple[str, int]]) -> dict[str, float]:
    """What the weight of each origin is multiplied by, for its age and how widely it is shared.
    One without a day counts as young as the youngest that has one."""
    known = [day for day, _ in standing.values() if day < _YOUNGEST]
    youngest = max(known, default="2000-01-01")
    return {
        origin: _worth_of(min(day, youngest), shared) for origin, (day, shared) in standing.items()
    }


@lru_cache(maxsize=16384)
def _worth_of(day: str, shared: int) -> float:
    years = (date.fromisoformat(max(day, _OLDEST)) - date(2020, 1, 1)).days / 365.25
    return exp(-YEAR * years) * float((1 + shared) ** WIDELY)


def of_repository(
    files: Sequence[FileResult], standing: Mapping[str, tuple[str, int]]
) -> tuple[tuple[Share, ...], float, float]:
    """What all files together are made of, by the same cover of what their files are made of; each
    file weighs as many lines as it has.

    Args:
        files: with their compositions.
        standing: see ``named``.

    Returns:
        The shares of origins, of what is common, of what is the files' own. They add up to 1;
        where there is no line, all is own.
    """
    total = sum(file.lines for file in files)
    if not total:
        return (), 0.0, 1.0
    parts = [
        (file.lines * share.share / total, share)
        for file in files
        for share in file.composition
        if file.lines and share.share
    ]
    origins = named(
        [(size, dict.fromkeys(one.also, AS_CLOSE) | {one.origin: 0.0}) for size, one in parts],
        standing,
    )
    sizes: Counter[str] = Counter()
    close: dict[str, Counter[str]] = {}
    for origin, (size, share) in zip(origins, parts, strict=True):
        sizes[origin] += size  # type: ignore[assignment]
        others = close.setdefault(origin, Counter())
        for other in {share.origin, *share.also} - {origin}:
            others[other] += size  # type: ignore[assignment]
    shares = [
        Share(origin, round(size, _ROUNDED), nearest(close[origin], size))
        for origin, size in sizes.items()
    ]
    shares.sort(key=lambda share: (-share.share, share.origin))
    common = round(sum(file.lines * file.common for file in files) / total, _ROUNDED)
    explained = sum(share.share for share in shares) + common
    return tuple(shares), common, round(max(0.0, 1.0 - explained), _ROUNDED)


def nearest(others: Mapping[str, float], whole: float) -> tuple[str, ...]:
    """Those that are as close in at least half of the whole, the nearest first."""
    order = sorted(others, key=lambda one: (-round(others[one], _ROUNDED), one))
    return tuple(one for one in order if 2 * others[one] >= whole)
