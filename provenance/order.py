"""order: integers sorted together with where they came from. Pure.

NumPy sorts integers by vector instructions, several times as fast as it can say in which order
they are; where value and position fit into 64 bits together, sorting the two as one number says
both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ranked(values: NDArray[np.uint64], bits: int) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """The values in ascending order, and their positions; equal ones stay as they stood.

    Args:
        values: uint64[n].
        bits: none of them needs more.
    """
    shift = max(1, values.size.bit_length())
    if bits + shift > 64:
        order = np.argsort(values, kind="stable")
        return values[order], order
    both = values << np.uint64(shift)
    both |= np.arange(values.size, dtype=np.uint64)
    both.sort()
    order = (both & np.uint64((1 << shift) - 1)).astype(np.intp)
    return both >> np.uint64(shift), order


def distinct(values: NDArray[np.uint64], bits: int) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """The distinct values, ascending, and for each of ``values`` its place among them."""
    ascending, order = ranked(values, bits)
    fresh = firsts(ascending)
    place = np.empty(values.size, np.intp)
    place[order] = np.cumsum(fresh) - 1
    return ascending[fresh], place


def firsts(ascending: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which values differ from the one before."""
    fresh = np.ones(ascending.size, bool)
    np.not_equal(ascending[1:], ascending[:-1], out=fresh[1:])
    return fresh


def inserted(
    values: NDArray[np.unsignedinteger[Any]], at: NDArray[np.intp], new: NDArray[Any]
) -> NDArray[np.unsignedinteger[Any]]:
    """The values with new ones before the ascending positions ``at``, as ``numpy.insert`` says,
    which sorts the positions first."""
    place = at + np.arange(at.size)
    result = np.empty(values.size + new.size, values.dtype)
    kept = np.ones(result.size, bool)
    kept[place] = False
    result[place] = new
    result[kept] = values
    return result
