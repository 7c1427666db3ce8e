"""sketch: ``Parsed`` -> ``Sketch``, the fingerprints of a file's units. Pure, vectorised.

A shingle is a hash of k consecutive elements of the structure view (w-shingling: Broder 1997).
MinHash signatures follow datasketch's ``affine32`` scheme with datasketch's permutations
bit for bit (a test holds them equal); a whole file's units are signed in one numpy call.
Winnowing: Schleimer, Wilkerson, Aiken, "Winnowing: Local Algorithms for Document
Fingerprinting" (SIGMOD 2003), section 3: the rightmost minimal hash of every window, so that
any run of ``window + k - 1`` equal elements shares a fingerprint. The *robust* variant is not
used: as printed its pseudo-code breaks the guarantee at the start (authors' errata).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from provenance.model import Parameters, Parsed, Sketch, Unit

if TYPE_CHECKING:
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
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    result: Hashes = values ^ (values >> np.uint64(33))
    return result


def shingles(view: Hashes, k: int) -> Hashes:
    """Hashes of the ``max(0, n - k + 1)`` runs of k consecutive elements: uint64, in order.

    A polynomial of the elements modulo 2**64, mixed; runs of a power of two are joined from
    halves, so that the cost grows with log k.
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
                factor = np.uint64(pow(_FACTOR, width, 1 << 64))
                total = total[:size] * factor + power[joined : joined + size]
            else:
                total = power
            joined += width
        if joined == k:
            return mix(total)
        factor = np.uint64(pow(_FACTOR, width, 1 << 64))
        power = power[: power.size - width] * factor + power[width:]
        width *= 2


def winnow(hashes: Hashes, window: int) -> NDArray[np.intp]:
    """Positions of the winnowed hashes, ascending: the rightmost least of every window.

    A sequence shorter than the window counts as one window.
    """
    size = hashes.size
    if size == 0:
        return np.empty(0, np.intp)
    window = min(window, size)
    least, value = np.arange(size, dtype=np.intp), hashes
    reach = 1
    while reach < window:  # least[i] is the answer for the window of ``reach`` starting at i
        step = min(reach, window - reach)
        left, right = value[:-step], value[step:]
        least = np.where(right <= left, least[step:], least[:-step])
        value = np.minimum(left, right)
        reach += step
    fresh = np.ones(least.size, bool)  # the answers ascend: equal ones stand together
    np.not_equal(least[1:], least[:-1], out=fresh[1:])
    return least[fresh]


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
    units, tokens = parsed.units, parsed.tokens
    # The module body comes after the file's own elements, so that each unit is one span.
    rest = positions(body(units, 0))
    structure = np.concatenate([tokens.structure, tokens.structure[rest]])
    text = np.concatenate([tokens.text, tokens.text[rest]])
    wanted: list[int] = []
    spans: list[tuple[int, int]] = []
    for position, unit in enumerate(units):
        start, stop = (unit.start, unit.stop) if position else (len(tokens), structure.size)
        if stop - start >= parameters.tiny:
            wanted.append(position)
            spans.append((start, stop))
    edges = np.array(spans, np.intp).reshape(-1, 2)
    size = edges[:, 1] - edges[:, 0]
    large = np.flatnonzero(size >= max(parameters.large, parameters.k))
    band = np.empty((0, parameters.bands), np.uint64)
    if large.size:
        hashes = shingles(structure, parameters.k)
        signed = signatures(hashes, edges[large] - np.array([0, parameters.k - 1]), drawn)
        band = band_keys(signed, parameters.bands)
    owner = np.full(structure.size, -1, np.intp)  # of each element, the innermost row outside
    within = within_function(units)  # functions: what repeats nothing is fingerprinted once
    class_row = {at: row for row, at in enumerate(wanted) if units[at].kind == "class"}
    for row, (position, (start, stop)) in enumerate(zip(wanted, spans, strict=True)):
        if not within[position]:
            owner[start:stop] = row
    return Sketch(
        unit=np.array(wanted, np.intp),
        text_digest=np.array([digest(text[a:b]) for a, b in spans], np.uint64),
        structure_digest=np.array([digest(structure[a:b]) for a, b in spans], np.uint64),
        size=size,
        outer=np.array([class_row.get(units[position].parent, -1) for position in wanted], np.intp),
        large=large,
        band=band,
        run=_owned(structure, parameters.run, parameters.window, owner, size >= parameters.large),
        text_run=_owned(
            text, parameters.text_run, parameters.window, owner, size >= parameters.small
        ),
    )


def _owned(
    view: Hashes, size: int, window: int, owner: NDArray[np.intp], owns: NDArray[np.bool_]
) -> tuple[Hashes, NDArray[np.intp]]:
    """Winnowed fingerprints and the rows that own them, each once: the innermost that spans all
    of their elements, where it may own any."""
    hashes = shingles(view, size)
    chosen = winnow(hashes, window)
    row = owner[chosen]
    kept = (row >= 0) & (row == owner[chosen + size - 1])
    kept[kept] = owns[row[kept]]
    return hashes[chosen[kept]], row[kept]


def within_function(units: tuple[Unit, ...]) -> list[bool]:
    """Whether each unit stands, at whatever depth, inside a function."""
    within: list[bool] = []
    for unit in units:
        outer = unit.parent
        within.append(outer > 0 and (within[outer] or units[outer].kind != "class"))
    return within
