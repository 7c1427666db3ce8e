"""composition: the parts of many files -> who explains how much of all of them. Pure.

Greedy minimum set cover, as sourmash ``gather`` decomposes a genome: the origin that explains
most comes first, with every part that it explains as well as the named one does; then the origin
that explains most of the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from provenance.model import FileResult, Share

_ROUNDED = 6


def of_repository(files: Sequence[FileResult]) -> tuple[tuple[Share, ...], float, float]:
    """What all files together are made of; each weighs as many lines as it has.

    Returns:
        The shares of origins, of what is common, of what is the files' own. They add up to 1;
        where there is no line, all is own.
    """
    total = sum(file.lines for file in files)
    if not total:
        return (), 0.0, 1.0
    parts = [
        (file.lines * share.share / total, frozenset((share.origin, *share.also)))
        for file in files
        for share in file.composition
    ]
    shares = tuple(Share(*one) for one in cover(parts))
    common = round(sum(file.lines * file.common for file in files) / total, _ROUNDED)
    explained = sum(share.share for share in shares) + common
    return shares, common, round(max(0.0, 1.0 - explained), _ROUNDED)


def cover(
    parts: Iterable[tuple[float, frozenset[str]]],
) -> list[tuple[str, float, tuple[str, ...]]]:
    """Greedy minimum set cover.

    Args:
        parts: what is to be explained: the weight of each part, and who explains it equally well.

    Returns:
        (origin, weight, also) from the largest weight down: each part counts for one origin.
        ``also`` are those that explain at least half of what counts for the named one as well,
        the nearest first.
    """
    left = sorted((size, sorted(origins)) for size, origins in parts if size > 0 and origins)
    found: list[tuple[str, float, tuple[str, ...]]] = []
    while left:
        explained = _explained(left)
        origin = min(explained, key=lambda one: (-round(explained[one], _ROUNDED), one))
        taken = [part for part in left if origin in part[1]]
        left = [part for part in left if origin not in part[1]]
        weight = explained[origin]
        others = _explained(taken)
        del others[origin]
        also = [one for one in others if 2 * others[one] >= weight]
        also.sort(key=lambda one: (-round(others[one], _ROUNDED), one))
        found.append((origin, round(weight, _ROUNDED), tuple(also)))
    return [one for one in found if one[1]]


def _explained(parts: Iterable[tuple[float, Sequence[str]]]) -> Counter[str]:
    explained: Counter[str] = Counter()
    for size, origins in parts:
        for origin in origins:
            explained[origin] += size  # type: ignore[assignment]
    return explained
