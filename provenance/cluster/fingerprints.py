"""fingerprints: a parsed file <-> the row that fingerprint tables keep of it. Pure.

A row names units and words by their 64-bit digests, not by numbers: whoever reads a file can write
its row without knowing any other. Digests are stored as signed numbers of the same order. Arrays
are pages of ``provenance.pages``, which carry their own checksum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.index import KINDS
from provenance.mark import with_mark, without_mark
from provenance.model import Parameters, Parsed, Sketch, SourceFile, Tokens, Unit
from provenance.pages import compress, deltas, plain, sums, unpack
from provenance.parse import grammar
from provenance.rank import rank
from provenance.schema import BAND, EXACT, FILE, LAYOUT, RUN, STRUCTURE, TEXT, TEXT_RUN
from provenance.sketch import body, digest, positions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_TOP = np.uint64(1 << 63)


def signed(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Unsigned numbers as signed ones of the same order, for tables that know no others."""
    result: NDArray[np.int64] = (values.astype(np.uint64, copy=False) ^ _TOP).view(np.int64)
    return result


def unsigned(values: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint64]:
    """The inverse of ``signed``."""
    result: NDArray[np.uint64] = np.array(values, np.int64).view(np.uint64) ^ _TOP
    return result


def packed(*arrays: NDArray[Any]) -> bytes:
    """Some arrays as one value of a row."""
    return compress(plain(0, *arrays))


def unpacked(data: bytes, count: int) -> list[NDArray[Any]]:
    """The inverse of ``packed``.

    Raises:
        ValueError: it is not what ``packed`` wrote.
    """
    arrays = unpack(0, bytes(data))
    if len(arrays) != count:
        raise ValueError(f"{len(arrays)} arrays where {count} must be")
    return arrays


# --- elements -----------------------------------------------------------------------------


def _packed_tokens(kinds: NDArray[np.uint8], words: NDArray[np.uint64]) -> bytes:
    """Elements as their kinds and the words of the leaves."""
    distinct, which = np.unique(words[grammar().is_leaf[kinds]], return_inverse=True)
    return packed(kinds, distinct, which)


def tokens_of(data: bytes) -> Tokens:
    """Elements without their lines.

    Raises:
        ValueError: the row is damaged.
    """
    kinds, distinct, which = unpacked(data, 3)
    known = grammar()
    kinds = kinds.astype(np.uint8)
    if kinds.max(initial=0) >= known.is_leaf.size:
        raise ValueError("elements of a kind that is not known")
    leaves = known.is_leaf[kinds]
    if np.count_nonzero(leaves) != which.size or which.max(initial=0) >= max(1, distinct.size):
        raise ValueError("elements whose words are not there")
    word = np.zeros(kinds.size, np.uint64)
    word[leaves] = distinct.astype(np.uint64)[which.astype(np.intp)]
    structure = known.kind_hash[kinds]
    return Tokens(structure, structure ^ word, kinds, np.zeros(kinds.size, np.uint32), word)


def _identifiers(tokens: Tokens) -> NDArray[np.uint64]:
    """The distinct words of identifiers, ascending."""
    return np.unique(tokens.word[tokens.kind == grammar().identifier])


# --- the row of a file --------------------------------------------------------------------


def row_of(
    file: SourceFile,
    parsed: Parsed,
    drawn: Sketch,
    holders: Sequence[str],
    licenses: Sequence[str],
) -> tuple[Any, ...]:
    """What is kept of a file's content, in the order of ``tables.FINGERPRINT``: the file, its units
    with what they are compared by, which of them are members of which classes, and under which
    keys, with all their bits, each is found."""
    tokens, units = parsed.tokens, parsed.units
    digests, of_units = [], []
    written = {number: text.decode("utf-8", "replace") for text, number in parsed.words.items()}
    for position, unit in enumerate(units):
        span: slice | NDArray[np.intp] = slice(unit.start, unit.stop)
        if unit.kind == "module":
            span = positions(body(units, position))
        own = tokens[span]
        digests.append(digest(own.text))
        kind, name = rank(unit.kind, unit.name, parsed.mark)
        texts = [_plain(written.get(word, ""), parsed.mark) for word in _identifiers(own).tolist()]
        data = _packed_tokens(own.kind, own.word)
        of_units.append((kind, name, len(own), data, texts))
    keys = signed(np.array(digests, np.uint64)).tolist()
    listed = np.array(
        [
            (one.start, one.stop - one.start, one.start_line, one.end_line - one.start_line,
             KINDS.index(one.kind), one.parent + 1)
            for one in units
        ],
        np.intp,
    ).T  # fmt: skip
    start, size, first, more, kinds, parents = listed
    return (
        file.sha256,
        parsed.mark,
        _distinct(holders),
        _distinct(licenses),
        [_clean(unit.name) for unit in units],
        [_clean(written.get(word, "")) for word in _identifiers(tokens).tolist()],
        packed(deltas(start), size, first, more, kinds, parents, np.array(digests, np.uint64)),
        packed(deltas(tokens.line)),
        _packed_tokens(tokens.kind, tokens.word),
        list(zip(keys, *zip(*of_units, strict=True), strict=True)),
        _members(drawn),
        [
            (door, key, unit)
            for door, at, owners in keys_of(drawn)
            for key, unit in zip(at.tolist(), signed(owners).tolist(), strict=True)
        ]
        + [(TEXT, key, key) for key in sorted(set(keys))]
        + [(door, key, None) for door, key in file_keys(file.sha256, tokens)],
    )


def _members(drawn: Sketch) -> list[tuple[int, int]]:
    """(unit, class that has it as a member), by their digests, each once."""
    inner = np.flatnonzero(drawn.outer >= 0)
    own, outer = drawn.text_digest[inner], drawn.text_digest[drawn.outer[inner]]
    return sorted(set(zip(signed(own).tolist(), signed(outer).tolist(), strict=True)))


def file_keys(sha256: str, tokens: Tokens) -> list[tuple[int, int]]:
    """(door, key) by which a file is found as a whole."""
    pair = np.array([int(sha256[:16], 16), digest(tokens.text)], np.uint64)
    return list(zip((FILE, LAYOUT), signed(pair).tolist(), strict=True))


def keys_of(
    drawn: Sketch, key_bits: int = 64
) -> Iterable[tuple[int, NDArray[np.int64], NDArray[np.uint64]]]:
    """(door, keys as stored, text digests of the units that own them) of a file's units, but for
    equality of text, where a unit's key is its digest."""
    text = drawn.text_digest
    bands = drawn.band.shape[1]
    for door, keys, owners in (
        (STRUCTURE, drawn.structure_digest[drawn.large], text[drawn.large]),
        (BAND, drawn.band.ravel(), np.repeat(text[drawn.large], bands)),
        (RUN, drawn.run[0], text[drawn.run[1]]),
        (TEXT_RUN, drawn.text_run[0], text[drawn.text_run[1]]),
    ):
        yield door, signed(stored(door, keys, key_bits)), owners


def stored(door: int, keys: NDArray[np.uint64], key_bits: int) -> NDArray[np.uint64]:
    """Keys of a door with as many leading bits as the tables keep."""
    return keys if door in EXACT else keys >> np.uint64(64 - key_bits)


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(map(_clean, values)))


def _clean(text: str) -> str:
    """Text as any table can hold it."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _plain(name: str, mark: str) -> str:
    """A name as the index keeps it, without the file's own mark."""
    return _clean(without_mark(name, mark) if mark else name)


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Where the units of a file stand, in parallel: first elements, ends, first and last lines,
    positions in ``KINDS``, positions of what they stand in (-1 for the module), text digests."""

    start: NDArray[np.intp]
    stop: NDArray[np.intp]
    first: NDArray[np.intp]
    last: NDArray[np.intp]
    kinds: NDArray[np.intp]
    parents: NDArray[np.intp]
    digests: NDArray[np.uint64]


def spans_of(data: bytes) -> Spans:
    """The units' spans of a row.

    Raises:
        ValueError: the row is damaged.
    """
    arrays = unpacked(data, 7)
    if len({array.size for array in arrays}) != 1 or not arrays[0].size:
        raise ValueError("units that are uneven")
    start, size, first, more, kinds, parents = (array.astype(np.intp) for array in arrays[:6])
    if kinds.max() >= len(KINDS) or parents.max() > kinds.size:
        raise ValueError("units of no kind, or inside none")
    start = np.cumsum(start)
    digests = arrays[6].astype(np.uint64)
    return Spans(start, start + size, first, first + more, kinds, parents - 1, digests)


def lines_of(data: bytes) -> NDArray[np.uint32]:
    """The lines of a file's elements."""
    return sums(unpacked(data, 1)[0]).astype(np.uint32)


def parsed_of(
    mark: str,
    names: Sequence[str],
    words: Sequence[str],
    spans: bytes,
    lines: bytes,
    tokens: bytes,
) -> Parsed:
    """The parsed file again, as far as an index keeps it.

    Raises:
        ValueError: the row is damaged.
    """
    at, own, line = spans_of(spans), tokens_of(tokens), lines_of(lines)
    identifiers = _identifiers(own)
    if at.start.size != len(names) or line.size != len(own) or len(words) != identifiers.size:
        raise ValueError("names, words or lines that are uneven")
    units = tuple(
        Unit(name, KINDS[kind], first, last, start, stop, parent)
        for name, kind, first, last, start, stop, parent in zip(
            names,
            at.kinds.tolist(),
            at.first.tolist(),
            at.last.tolist(),
            at.start.tolist(),
            at.stop.tolist(),
            at.parents.tolist(),
            strict=True,
        )
    )
    tokens_ = Tokens(own.structure, own.text, own.kind, line, own.word)
    return Parsed(units, tokens_, tuple(word.encode() for word in words), identifiers, mark, ())


def restored_texts(names: Sequence[str], mark: str) -> tuple[bytes, ...]:
    """``Parsed.texts`` of names as an index keeps them."""
    return tuple(with_mark(name, mark).encode("utf-8", "replace") for name in names)


# --- the row of a sketch ------------------------------------------------------------------


def packed_sketch(drawn: Sketch) -> bytes:
    """A sketch as one value of a row."""
    return packed(
        drawn.unit,
        drawn.text_digest,
        drawn.structure_digest,
        drawn.size,
        drawn.outer + 1,
        drawn.large,
        drawn.band.ravel(),
        *drawn.run,
        *drawn.text_run,
    )


def sketch_of(data: bytes, parameters: Parameters) -> Sketch:
    """The inverse of ``packed_sketch``."""
    arrays = unpacked(data, 11)
    unit, text, structure, size, outer, large, band, run, runs, text_run, text_runs = arrays
    return Sketch(
        unit=unit.astype(np.intp),
        text_digest=text.astype(np.uint64),
        structure_digest=structure.astype(np.uint64),
        size=size.astype(np.intp),
        outer=outer.astype(np.intp) - 1,
        large=large.astype(np.intp),
        band=band.astype(np.uint64).reshape(-1, parameters.bands),
        run=(run.astype(np.uint64), runs.astype(np.intp)),
        text_run=(text_run.astype(np.uint64), text_runs.astype(np.intp)),
    )
