"""What must come to an end, whatever it is given: done in a process of its own that is given very
long, for what would take years. How long it takes is nobody's matter. For tests only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from multiprocessing import get_context
from typing import TypeVar

PATIENCE = 240
"""Seconds; all of it takes a few on a quiet machine."""

Given = TypeVar("Given")


def ends(check: Callable[[Given], None], given: Iterable[Given]) -> None:
    """Call a function of a module of tests with one after the other.

    Raises:
        AssertionError: it failed, or did not end; what is printed says with which.
    """
    process = get_context("spawn").Process(target=_each, args=(check, list(given)))
    process.start()
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode == 0


def _each(check: Callable[[Given], None], given: list[Given]) -> None:
    for at, one in enumerate(given):
        print("began number", at, flush=True)
        check(one)
