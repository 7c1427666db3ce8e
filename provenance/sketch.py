"""sketch: ``Parsed`` -> ``Sketch``, the fingerprints of a file's units. Pure, vectorised.

A shingle is a hash of k consecutive elements of the structure view (w-shingling: Broder 1997).
MinHash signatures follow datasketch's ``affine32`` scheme with datasketch's permutations
bit for bit (a test holds them equal); the units of many files are signed in one numpy call.
Winnowing: Schleimer, Wilkerson, Aiken, "Winnowing: Local Algorithms for Document
Fingerprinting" (SIGMOD 2003), section 3: the rightmost minimal hash of every window, so that
any run of ``window + k - 1`` equal elements shares a fingerprint. The *robust* variant is not
used: as printed its pseudo-code breaks the guarantee at the start (authors' errata).
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.model import Parameters, Parsed, Sketch, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]
    Permutations = NDArray[np.uint32]

_FACTOR = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, odd


def permutations(parameters: Parameters) -> Permutations:
    """datasketch's permutations: uint32[2, bands * rows], the factors and the summands.

    Imports datasketch, which costs a second: an index stores them, so that a scan need not.
    """
    from datasketch import MinHash

    drawn = MinHash(
        num_perm=parameters.bands * parameters.rows,
        seed=parameters.seed,
        scheme="affine32",
    ).permutations
    return np.asarray(drawn, np.uint32)


def mix(values: Hashes) -> Hashes:
    """MurmurHash3's 64-bit finaliser, a bijection: spreads every input bit over the result."""
    half = np.uint64(33)
    mixed: Hashes = values ^ (values >> half)
    mixed *= np.uint64(0xFF51AFD7ED558CCD)
    mixed ^= mixed >> half
    mixed *= np.uint64(0xC4CEB9FE1A85EC53)
    mixed ^= mixed >> half
    return mixed


@cache
def _power(width: int) -> np.uint64:
    """What joins runs of ``width`` elements to those behind them."""
    factor: np.uint64 = np.uint64(pow(_FACTOR, width, 1 << 64))
    return factor


def shingles(view: Hashes, k: int) -> Hashes:
    """Hashes of the ``max(0, n - k + 1)`` runs of k consecutive elements: uint64, in order."""
    return mix(unmixed(view, k))


def unmixed(view: Hashes, k: int) -> Hashes:
    """The same before they are mixed: enough to tell which are equal.

    A polynomial of the elements modulo 2**64; runs of a power of two are joined from halves, so
    that the cost grows with log k.
    """
    if view.size < k:
        return np.empty(0, np.uint64)
    total = np.empty(0, np.uint64)  # of the elements joined so far, all of them first
    joined = 0
    power, width = view, 1  # runs of ``width`` elements, a power of two
    while True:
        if k & width:
            if joined:
                size = min(power.size - joined, total.size)
                factor = _power(width)
                total = total[:size] * factor + power[joined : joined + size]
            else:
                total = power
            joined += width
        if joined == k:
            return total
        factor = _power(width)
        power = power[: power.size - width] * factor + power[width:]
        width *= 2


def winnow(hashes: Hashes, window: int) -> NDArray[np.intp]:
    """Positions of the winnowed hashes, ascending: the rightmost least of every window.

    A sequence shorter than the window counts as one window.
    """
    if hashes.size == 0:
        return np.empty(0, np.intp)
    return np.flatnonzero(_chosen(_least(hashes, min(window, hashes.size)), hashes.size))


def _least(hashes: Hashes, window: int) -> NDArray[np.signedinteger[Any]]:
    """How far behind its first hash the rightmost least one of each window stands. Small integers
    are multiplied where ``numpy.where`` would say the same: it takes several times as long."""
    behind = np.zeros(hashes.size, np.int8 if window <= 128 else np.intp)
    value = hashes  # the least of the window of ``reach``, so far behind its start
    reach = 1
    while reach < window:
        step = min(reach, window - reach)
        left, right = value[:-step], value[step:]
        later = (right <= left).view(np.int8)
        before = behind[:-step]
        behind = before + later * (behind[step:] + behind.dtype.type(step) - before)
        reach += step
        if reach < window:
            value = np.minimum(left, right)
    return behind


def _chosen(behind: NDArray[np.signedinteger[Any]], size: int) -> NDArray[np.bool_]:
    """bool[size], whether any window chooses a hash: windows as ``_least`` gives them, those below
    0 none. Each distance is compared by itself: bytes are compared many times as fast as positions
    are set."""
    chosen = np.zeros(size, bool)
    for step in range(int(behind.max(initial=-1)) + 1):
        chosen[step : step + behind.size] |= behind == step
    return chosen


def signatures(hashes: Hashes, spans: NDArray[np.intp], drawn: Permutations) -> NDArray[np.uint32]:
    """MinHash signatures: uint32[m, p] of m spans (half-open, none empty) of shingle hashes.

    Equal to ``datasketch.MinHash(scheme="affine32")`` over the spans' shingles modulo 2**32.
    """
    mixed = hashes.astype(np.uint32)
    mixed = (mixed ^ (mixed >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    mixed = (mixed ^ (mixed >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    padded = np.append(mixed, np.uint32(0))  # reduceat wants every stop below the size
    places = spans.ravel()
    least = np.empty((drawn.shape[1], places.size), np.uint32)
    drawing = np.empty_like(padded)
    for row, factor, summand in zip(least, *drawn, strict=True):
        np.multiply(padded, factor, out=drawing)
        drawing += summand
        np.minimum.reduceat(drawing, places, out=row)
    return np.ascontiguousarray(least[:, ::2].T)


def band_keys(signed: NDArray[np.uint32], bands: int) -> Hashes:
    """LSH keys uint64[m, bands]: equal for two signatures exactly where a whole band is equal
    (but for 64-bit collisions). Key and band number are one value, as all share one table."""
    rows = signed.shape[1] // bands
    folded = signed.reshape(signed.shape[0], bands, rows).astype(np.uint64)
    number = np.arange(1, bands + 1, dtype=np.uint64)
    keys: Hashes = np.tile(number, (signed.shape[0], 1))
    for row in range(rows):
        keys = mix(keys * np.uint64(_FACTOR) + folded[:, :, row])
    return keys


def digest(view: Hashes) -> int:
    """A 64-bit digest of a view: equal where two units are equal element by element."""
    return int.from_bytes(blake2b(view.data, digest_size=8).digest(), "little")


def _digests(view: Hashes, spans: list[tuple[int, int]], rows: NDArray[np.intp]) -> Hashes:
    """``digest`` of half-open spans, of some rows; 0 of the others."""
    data = view.data.cast("B")
    chosen = [spans[row] for row in rows.tolist()]
    found = [blake2b(data[8 * first : 8 * stop], digest_size=8).digest() for first, stop in chosen]
    result = np.zeros(len(spans), np.uint64)
    result[rows] = np.frombuffer(b"".join(found), "<u8")
    return result


def body(units: tuple[Unit, ...], position: int) -> list[tuple[int, int]]:
    """Half-open spans of a class without its functions and classes, or of a module body."""
    unit = units[position]
    spans: list[tuple[int, int]] = []
    at = unit.start
    for inner in units[position + 1 :]:
        if inner.start >= unit.stop:
            break
        if inner.start >= at:
            spans.append((at, inner.start))
            at = inner.stop
    spans.append((at, unit.stop))
    return [(first, stop) for first, stop in spans if stop > first]


def positions(spans: list[tuple[int, int]]) -> NDArray[np.intp]:
    """The elements of half-open spans, one after another."""
    if not spans:
        return np.empty(0, np.intp)
    return np.concatenate([np.arange(first, stop) for first, stop in spans])


def sketch(parsed: Parsed, parameters: Parameters, drawn: Permutations) -> Sketch:
    """Sketch the units of one file that have at least ``parameters.tiny`` elements."""
    return next(sketches([parsed], parameters, drawn))


_AT_ONCE = 40_000
"""Elements that are sketched together: of many small files, as many as stay near the processor. On
sympy 8,000 take .22 s, 15,000 .21, 25,000 .20, 40,000 .19, 80,000 .21 (measured, half of it)."""


def sketches(
    files: Iterable[Parsed],
    parameters: Parameters,
    drawn: Permutations,
    held: Callable[[Hashes], NDArray[np.bool_]] | None = None,
) -> Iterator[Sketch]:
    """Sketch files, each as ``sketch`` does: what numpy asks for each call is shared by many.

    ``held`` says which LSH keys some index has. A large unit whose key it has not equals none of
    its units, and has no digests then: they are 0.
    """
    group: list[Parsed] = []
    size = 0
    for parsed in files:
        group.append(parsed)
        size += len(parsed.tokens)
        if size >= _AT_ONCE:
            yield from _sketched(group, parameters, drawn, held)
            group, size = [], 0
    if group:
        yield from _sketched(group, parameters, drawn, held)


def _sketched(
    files: Sequence[Parsed],
    parameters: Parameters,
    drawn: Permutations,
    held: Callable[[Hashes], NDArray[np.bool_]] | None,
) -> Iterator[Sketch]:
    # The module body comes after a file's own elements, so that each unit is one span.
    rests = [body(parsed.units, 0) for parsed in files]
    structure = _end_to_end([parsed.tokens.structure for parsed in files], rests)
    text = _end_to_end([parsed.tokens.text for parsed in files], rests)
    sizes = [
        len(parsed.tokens) + sum(stop - first for first, stop in rest)
        for parsed, rest in zip(files, rests, strict=True)
    ]
    bounds = np.cumsum([0, *sizes])
    wanted: list[int] = []  # a row is a unit of one of the files that is not tiny
    spans: list[tuple[int, int]] = []
    outer: list[int] = []
    rows = [0]  # of each file, the first
    owner = np.full(structure.size, -1, np.intp)  # of each element, the innermost row outside
    for parsed, (first, end) in zip(files, pairwise(bounds.tolist()), strict=True):
        within = within_function(parsed.units)  # what repeats nothing is fingerprinted once
        classes: dict[int, int] = {}
        for position, unit in enumerate(parsed.units):
            start, stop = first + unit.start, first + unit.stop
            if not position:
                start, stop = stop, end
            if stop - start >= parameters.tiny:
                if not within[position]:
                    owner[start:stop] = len(spans)
                if unit.kind == "class":
                    classes[position] = len(spans) - rows[-1]
                wanted.append(position)
                spans.append((start, stop))
                outer.append(classes.get(unit.parent, -1))
        rows.append(len(spans))
    edges = np.array(spans, np.intp).reshape(-1, 2)
    size = edges[:, 1] - edges[:, 0]
    large = np.flatnonzero(size >= max(parameters.large, parameters.k))
    band = np.empty((0, parameters.bands), np.uint64)
    if large.size:
        hashes = shingles(structure, parameters.k)
        signed = signatures(hashes, edges[large] - np.array([0, parameters.k - 1]), drawn)
        band = band_keys(signed, parameters.bands)
    runs = _owned(
        structure, parameters.run, parameters.window, bounds, owner, size >= parameters.large
    )
    text_runs = _owned(
        text, parameters.text_run, parameters.window, bounds, owner, size >= parameters.small
    )
    may_equal = np.ones(len(spans), bool)
    if held is not None:
        may_equal[large] = held(band[:, 0])
    text_digest = _digests(text, spans, np.flatnonzero(may_equal))
    structure_digest = _digests(structure, spans, large[may_equal[large]])
    position_of, member_of = np.array(wanted, np.intp), np.array(outer, np.intp)
    large_rows = pairwise(large.searchsorted(rows).tolist())
    for (first, end), (first_large, end_large), run, text_run in zip(
        pairwise(rows), large_rows, runs, text_runs, strict=True
    ):
        own, own_large = slice(first, end), slice(first_large, end_large)
        yield Sketch(
            unit=position_of[own],
            text_digest=text_digest[own],
            structure_digest=structure_digest[own],
            size=size[own],
            outer=member_of[own],
            large=large[own_large] - first,
            band=band[own_large],
            run=(run[0], run[1] - first),
            text_run=(text_run[0], text_run[1] - first),
        )


def _end_to_end(views: list[Hashes], rests: list[list[tuple[int, int]]]) -> Hashes:
    """Each view with some half-open spans of it repeated behind it, one after another."""
    parts: list[Hashes] = []
    for view, rest in zip(views, rests, strict=True):
        parts.append(view)
        parts += [view[first:stop] for first, stop in rest]
    return np.concatenate(parts)


def _owned(
    view: Hashes,
    size: int,
    window: int,
    bounds: NDArray[np.intp],
    owner: NDArray[np.intp],
    owns: NDArray[np.bool_],
) -> Iterator[tuple[Hashes, NDArray[np.intp]]]:
    """Of each file between two bounds its winnowed fingerprints and the rows that own them, each
    once: the innermost that spans all of their elements, where it may own any."""
    hashes = shingles(view, size)
    sizes = np.diff(bounds)
    reach = size + window - 2  # from the first element of a window to its last
    least = _least(hashes, window)[: max(0, view.size - reach)]
    for bound in bounds[1:-1].tolist():
        least[max(0, bound - reach) : bound] = -1  # windows of two files
    chosen = _chosen(least, hashes.size)
    for short in np.flatnonzero((sizes >= size) & (sizes <= reach)):  # all of it is one window
        first = bounds[short]
        chosen[first + winnow(hashes[first : bounds[short + 1] - size + 1], window)] = True
    chosen &= owner[: hashes.size] == owner[size - 1 :]
    at = np.flatnonzero(chosen)
    row = owner[at]
    kept = np.flatnonzero(np.append(owns, False)[row])  # nor does what is nobody's, -1
    at, row = at[kept], row[kept]
    found = hashes[at]
    for first, end in pairwise(at.searchsorted(bounds).tolist()):
        yield found[first:end], row[first:end]


def within_function(units: tuple[Unit, ...]) -> list[bool]:
    """Whether each unit stands, at whatever depth, inside a function."""
    within: list[bool] = []
    for unit in units:
        outer = unit.parent
        within.append(outer > 0 and (within[outer] or units[outer].kind != "class"))
    return within
