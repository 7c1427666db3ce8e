"""cachefolder: where the user's cache folder is, and whether what is scanned brings it along: then
what is in it may be forged.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from provenance.regular import passed, real_path

_ESCAPED = re.compile(rb"\\([0-7]{3})")  # signs of names


def cache_folder() -> str:
    """Where fetched archives are kept: ``PROVENANCE_CACHE``, else the user's cache folder; of one
    who has no home, a place where nothing can be."""
    given = os.environ.get("PROVENANCE_CACHE")
    if given:
        return os.path.abspath(given)
    from platformdirs import user_cache_dir

    found = ""
    with suppress(RuntimeError):  # older ones give ``~`` as it is
        found = user_cache_dir("provenance", appauthor=False)
    return found if os.path.isabs(found) else os.path.join(os.devnull, "provenance")


def stands_in(source: str) -> bool:
    """Whether the cache folder stands in the repository or folder that is scanned, is that, or is
    behind a link in it."""
    from provenance.policy import repository_root

    try:
        real = real_path(source)
    except ValueError:  # no path, which a saved report may name
        return False
    whole = os.path.isdir(real)
    bound = repository_root(real if whole else os.path.dirname(real)) or (real if whole else None)
    if bound is None:
        return False
    real_folder = Path(real_path(cache_folder()))  # which knows what only Windows has, too
    places = [*passed(cache_folder()), *map(str, (real_folder, *real_folder.parents))]
    mounted = _mounted()
    inside = os.path.join(_on_device(bound, mounted), "")
    return any(
        _is_same(one, bound) or os.path.join(_on_device(one, mounted), "").startswith(inside)
        for one in places
    )


def _is_same(first: str, second: str) -> bool:
    """Whether two names, of whatever spelling, are of one folder that is there."""
    try:
        return os.path.samefile(first, second)
    except OSError:
        return False


def _mounted() -> dict[str, str]:
    """What each mounted place is of: a device, and a folder of it. Nothing where no Linux tells
    (proc_pid_mountinfo(5))."""
    try:
        data = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in data.split(b"\n"):
        device, folder, place = [_ESCAPED.sub(_sign, one) for one in line.split()[2:5]] or [b""] * 3
        found[os.fsdecode(place)] = os.fsdecode(device + b":" + folder)
    return found


def _sign(escape: re.Match[bytes]) -> bytes:
    return bytes([int(escape[1], 8) & 255])


def _on_device(path: str, mounted: dict[str, str]) -> str:
    """A path as the device has it that it is on: the same wherever that, or a part of it, is
    mounted; case aside, which not every device tells apart."""
    for above in (Path(path), *Path(path).parents):
        if str(above) in mounted:
            return str(Path(mounted[str(above)], Path(path).relative_to(above))).casefold()
    return path.casefold()
