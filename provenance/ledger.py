"""ledger: the baseline of an audit, what was found once and accepted -> new, known, fixed. Pure.

An entry is known by the identity of what it accepts, which has no path and no line in it: it
survives edits elsewhere, moved lines and renamed files. The same code at two places has one
identity and needs two entries.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any

from provenance.errors import UsageError
from provenance.model import Fixed, Ruling

FORMAT_VERSION = 1
"""Version of the file. 1: first version."""

_TEXTS = ("id", "path", "name", "origin", "rule", "date", "reason")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing accepted: what it is, where it was, by which rule it failed, since which day and
    why."""

    id: str
    path: str
    name: str
    origin: str
    rule: str
    date: str
    reason: str


def read_ledger(text: str, path: str) -> tuple[Entry, ...]:
    """The entries of a baseline.

    Raises:
        UsageError: it is none of ours.
    """
    remedy = "write it again with 'provenance audit --write-baseline'"
    try:
        loaded: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise UsageError(f"{path}:{line}: found no JSON, expected a baseline; {remedy}") from error
    version = loaded.get("format_version") if isinstance(loaded, dict) else None
    if version != FORMAT_VERSION or not isinstance(loaded.get("entries"), list):
        raise UsageError(
            f"{path}: found no baseline of format {FORMAT_VERSION}, expected one; {remedy}"
        )
    entries = []
    for number, one in enumerate(loaded["entries"], 1):
        if not isinstance(one, dict) or not all(isinstance(one.get(k), str) for k in _TEXTS):
            raise UsageError(
                f"{path}: found entry {number} without some of its texts, expected "
                f"{', '.join(_TEXTS)}; {remedy}"
            )
        entries.append(Entry(**{key: one[key] for key in _TEXTS}))
    return tuple(entries)


def ledger_text(entries: Iterable[Entry]) -> str:
    """A baseline as JSON text, in an order that makes small differences of small changes. Halves
    of characters, which JSON can name and no file can hold, are written as JSON names them."""
    ordered = sorted(
        entries, key=lambda one: (one.path, one.name, one.origin, one.id, *astuple(one))
    )
    whole = {"format_version": FORMAT_VERSION, "entries": [asdict(one) for one in ordered]}
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)


def compared(
    rulings: Sequence[Ruling],
    entries: Sequence[Entry],
    scanned: Callable[[str], bool],
    exists: Callable[[str], bool],
) -> tuple[tuple[Ruling, ...], tuple[Fixed, ...], tuple[Entry, ...]]:
    """Which rulings are known, which entries nothing answers to, and which entries hold.

    An entry is used up by one ruling, first by one at its path, then by one elsewhere: the code
    was moved. Where only a part of the files was scanned, an entry of another file that is still
    there is kept for that file, so that each file gets the verdict of a full run.

    Args:
        rulings: of an audit, in order.
        entries: of the baseline.
        scanned: whether a path was looked at.
        exists: whether there is a file of that path.
    """
    waiting: dict[str, list[Entry]] = {}
    kept: list[Entry] = []
    for entry in entries:
        if scanned(entry.path) or not exists(entry.path):
            waiting.setdefault(_plain(entry.id), []).append(entry)
        else:
            kept.append(entry)
    known: dict[int, Entry] = {}
    asking = [(at, one) for at, one in enumerate(rulings) if one.level != "note"]
    here: dict[tuple[str, str], deque[Entry]] = {}
    for identity, left in waiting.items():
        for entry in left:
            here.setdefault((identity, entry.path), deque()).append(entry)
    for at, ruling in asking:
        if there := here.get((_plain(ruling.id), ruling.path)):
            known[at] = there.popleft()
    used = set(map(id, known.values()))
    elsewhere = {
        identity: deque(entry for entry in left if id(entry) not in used)
        for identity, left in waiting.items()
    }
    for at, ruling in asking:
        if at not in known and (moved := elsewhere.get(_plain(ruling.id))):
            known[at] = moved.popleft()
    told = tuple(
        replace(ruling, status="known", reason=known[at].reason or ruling.reason)
        if at in known
        else ruling
        for at, ruling in enumerate(rulings)
    )
    left_over = [entry for left in elsewhere.values() for entry in left]
    fixed = tuple(
        Fixed(entry.id, entry.path, entry.name, entry.origin)
        for entry in sorted(left_over, key=lambda one: (one.path, one.name, one.id))
    )
    held = [replace(entry, path=rulings[at].path, id=rulings[at].id) for at, entry in known.items()]
    return told, fixed, (*kept, *held)


def accepted(
    rulings: Iterable[Ruling], held: Sequence[Entry], day: str, reason: str
) -> tuple[Entry, ...]:
    """The entries of a new baseline: those that hold, as they were, and all that fails now."""
    return (
        *held,
        *(
            Entry(
                id=one.id,
                path=one.path,
                name=one.finding.suspect.name if one.finding else "",
                origin=one.origin,
                rule=one.rule,
                date=day,
                reason=reason,
            )
            for one in rulings
            if one.level == "error" and one.status == "new"
        ),
    )


def _plain(identity: str) -> str:
    """An identity without the number that tells places of the same code apart."""
    return re.sub(r"-\d+\Z", "", identity)
