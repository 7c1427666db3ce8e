"""ledger: the baseline of an audit, what was found once and accepted -> new, known, fixed. Pure.

An entry is known by the identity of what it accepts, which has no path and no line in it: it
survives edits elsewhere, moved lines and renamed files. The same code at two places has one
identity and needs two entries. It accepts what it was written for, not what breaks a graver rule
since: what a policy denies from now on is new.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from itertools import chain
from typing import Any

from provenance.errors import UsageError
from provenance.model import Fixed, Rule, Ruling
from provenance.ruling import GRAVEST

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
    remedy = "restore it, or remove it and write it with 'provenance audit --write-baseline'"
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
        if one["rule"] not in GRAVEST:
            raise UsageError(
                f"{path}: found the rule {one['rule'][:40]!r} in entry {number}, expected one of "
                f"{', '.join(GRAVEST)}; {remedy}"
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
    here: dict[tuple[str, str], _Waiting] = {}
    for identity, left in waiting.items():
        for entry in left:
            here.setdefault((identity, entry.path), _Waiting()).put(entry)
    for at, ruling in asking:
        there = here.get((_plain(ruling.id), ruling.path))
        if there and (taken := there.take(ruling.rule)):
            known[at] = taken
    used = set(map(id, known.values()))
    elsewhere: dict[str, _Waiting] = {}
    for identity, left in waiting.items():
        elsewhere[identity] = _Waiting()
        for entry in left:
            if id(entry) not in used:
                elsewhere[identity].put(entry)
    for at, ruling in asking:
        moved = elsewhere.get(_plain(ruling.id))
        if at not in known and moved and (taken := moved.take(ruling.rule)):
            known[at] = taken
    for at, ruling in asking:
        moved = elsewhere.get(_plain(ruling.id))
        if at not in known and moved:
            moved.take(GRAVEST[-1])  # it is there still, and worse
    told = tuple(
        replace(ruling, status="known", reason=known[at].reason or ruling.reason)
        if at in known
        else ruling
        for at, ruling in enumerate(rulings)
    )
    left_over = [entry for waits in elsewhere.values() for entry in waits.entries()]
    ordered = sorted(left_over, key=lambda one: (one.path, one.name, one.id))
    ids = _told_apart([entry.id for entry in ordered], {ruling.id for ruling in rulings})
    fixed = tuple(
        Fixed(identity, entry.path, entry.name, entry.origin)
        for identity, entry in zip(ids, ordered, strict=True)
    )
    held = [replace(entry, path=rulings[at].path, id=rulings[at].id) for at, entry in known.items()]
    return told, fixed, (*kept, *held)


class _Waiting:
    """Entries of one code that nothing answers to yet, in order, by how grave they are."""

    def __init__(self) -> None:
        self._by_rule: dict[str, deque[Entry]] = {}

    def put(self, entry: Entry) -> None:
        """Add one."""
        self._by_rule.setdefault(entry.rule, deque()).append(entry)

    def take(self, rule: Rule) -> Entry | None:
        """The first of the mildest that accept what breaks a rule; it waits no more."""
        for graver in reversed(GRAVEST[: GRAVEST.index(rule) + 1]):
            if left := self._by_rule.get(graver):
                return left.popleft()
        return None

    def entries(self) -> Iterator[Entry]:
        """Those that are left."""
        return chain.from_iterable(self._by_rule.values())


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


def _told_apart(identities: Iterable[str], taken: set[str]) -> Iterator[str]:
    """Identities, with the next free number where one is taken: what is left of several places of
    the same code is numbered anew."""
    last: dict[str, int] = {}
    for identity in identities:
        plain = _plain(identity)
        while identity in taken:
            last[plain] = last.get(plain, 1) + 1
            identity = f"{plain}-{last[plain]}"
        taken.add(identity)
        yield identity


def _plain(identity: str) -> str:
    """An identity without the number that tells places of the same code apart."""
    return re.sub(r"-\d+\Z", "", identity)
