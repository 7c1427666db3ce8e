"""ours: which files of a build that was interrupted we put down ourselves, by their seals, kept in
the user's cache folder. What stands beside an output may be anybody's, as in a checkout."""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from provenance.cachefolder import cache_folder, stands_in
from provenance.regular import real_path
from provenance.schema import sealed, tail

_LONGEST = 10_000_000


def note(place: Path, file: Path) -> None:
    """Keep the seal of a file that was put down at a place. Where that cannot be, a build that is
    interrupted begins anew."""
    with suppress(OSError):
        keep(place, tail(file).hex())


def keep(place: Path, seal: str) -> None:
    """Keep a seal, a word, of something that was put down at a place, where that can be."""
    noted = _noted(place)
    if noted is not None:
        with suppress(OSError):
            noted.parent.mkdir(parents=True, exist_ok=True)
            with noted.open("a", encoding="ascii") as opened:
                opened.write(seal + "\n")


def is_ours(place: Path, file: Path) -> bool:
    """Whether a file is one that was put down at a place, byte for byte."""
    try:
        return sealed(file) and tail(file).hex() in seals(place)
    except OSError:
        return False


def seals(place: Path) -> frozenset[str]:
    """The seals that were kept of a place."""
    noted = _noted(place)
    if noted is None:
        return frozenset()
    try:
        with noted.open("rb") as opened:
            return frozenset(opened.read(_LONGEST).decode("ascii", "replace").split())
    except OSError:
        return frozenset()


def forget(place: Path) -> None:
    """Let go of what was kept of a place."""
    noted = _noted(place)
    if noted is not None:
        with suppress(OSError):
            noted.unlink(missing_ok=True)


def _noted(place: Path) -> Path | None:
    """Where it is kept; None where the cache folder stands in the repository of the place, which
    could bring it along."""
    if stands_in(str(place)):
        return None
    folder, real = real_path(cache_folder()), real_path(place)
    return Path(folder, "builds", blake2b(os.fsencode(real), digest_size=16).hexdigest())
