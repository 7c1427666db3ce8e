"""Baselines, policies, saved reports and bundles in which any value is another one, and files that
change while they are read: refused with the file's name, or read as what they say, never a crash.
What names do to every format of a result is in ``test_inert.py`` and ``test_html.py``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audits import audit, finding, ruling

from provenance import bundle
from provenance.auditing import without_policy
from provenance.decode import printable
from provenance.errors import BundleError, ProvenanceError, SourceError
from provenance.ledger import Entry, ledger_text, read_ledger
from provenance.policy import parsed
from provenance.regular import read_at_most
from provenance.report.formats import Texts, named
from provenance.report.json import json_report
from provenance.report.saved import report_of
from provenance.source import open_source
from provenance.verifying import verify_bundle

VALUES = {
    "null": "null",
    "true": "true",
    "negative": "-1",
    "huge": "1" + "0" * 400,
    "too-long": "9" * 5_000,
    "infinite": "1e999",
    "no-number": "NaN",
    "half": '"\\ud800"',
    "list": "[[]]",
    "object": '{"x": {}}',
    "deep": "[" * 400 + "]" * 400,
    "deeper": "[" * 100_000,
    "twice": '{"x": 1, "x": 2}',
}
"""JSON."""
WHOLE = audit((ruling(finding()),))
LEDGER = ledger_text([Entry("ab" * 5, "a.py", "f", "p/f", "undeclared", "2026-01-01", "why")])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Of every value in a JSON text, the keys that lead to it."""
    yield path
    inner: Any = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value[:1]) if isinstance(value, list) else inner
    for key, one in inner:
        yield from places(one, (*path, key))


def changed(text: str, path: tuple[Any, ...], value: str) -> str:
    """JSON with another value at a place."""
    if not path:
        return value
    whole = at = json.loads(text)
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = "\0here"
    return json.dumps(whole).replace('"\\u0000here"', value)


def told(error: ProvenanceError, name: str) -> None:
    """A message of one short line, with the file, what was found and what to do."""
    message = str(error)
    assert name in message
    assert "found" in message
    assert "expected" in message or "; " in message
    assert all(map(printable, message))
    assert len(message) < 1_000


@pytest.mark.parametrize("value", VALUES)
def test_a_baseline_with_any_other_value(value: str) -> None:
    for path in places(json.loads(LEDGER)):
        try:
            entries = read_ledger(changed(LEDGER, path, VALUES[value]), "b.json")
        except ProvenanceError as error:
            told(error, "b.json")
        else:
            again = ledger_text(entries).encode()
            assert read_ledger(again.decode(), "b.json") == entries


@pytest.mark.parametrize("value", VALUES)
def test_a_saved_report_with_any_other_value(value: str) -> None:
    """What is taken can be written in every plain format."""
    text = json_report(WHOLE.report)
    for path in places(json.loads(text)):
        try:
            report = report_of(changed(text, path, VALUES[value]), "s.json")
        except ProvenanceError as error:
            told(error, "s.json")
            continue
        for name in ("json", "text", "markdown", "csv", "sarif", "junit"):
            written = named(name).write(without_policy(report), Texts())
            assert "\ud800" not in written


def test_a_saved_report_that_lacks_anything_or_has_more() -> None:
    """It is refused, or is the very report: what lacked was written as empty, and read no more; and
    what stood among the parameters took the place of the findings."""
    text = json_report(WHOLE.report)
    for path in places(json.loads(text)):
        for change in ("drop", "add", "move"):
            whole = at = json.loads(text)
            for key in path[:-1]:
                at = at[key]
            if change == "move":
                whole["parameters"][str(path[-1]) if path else "unknown"] = []
            elif change == "drop" and path and isinstance(at, dict):
                del at[path[-1]]
            elif isinstance(at, dict):
                at["unknown"] = 1
            try:
                report = report_of(json.dumps(whole), "s.json")
            except ProvenanceError as error:
                told(error, "s.json")
            else:
                assert json_report(report) == text, (change, path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("findings", 0, "suspect", "path"), "other.py"),
        (("findings", 0, "suspect", "end_line"), 10_000),
        (("findings", 0, "families"), 0),
        (("files", 0, "error_lines"), [0]),
        (("files", 0, "error_lines"), [10_000]),
        (("files", 0, "lines"), 0),
        (("files", 0, "lines"), 1),
        (("counts", "findings"), 0),
    ],
)
def test_a_saved_report_of_what_no_file_has_is_refused(path: tuple[Any, ...], value: Any) -> None:
    """A file that was not scanned, lines beyond its end, a line 0, counts of something else."""
    with pytest.raises(SourceError) as caught:
        report_of(changed(json_report(WHOLE.report), path, json.dumps(value)), "s.json")
    told(caught.value, "s.json")


@pytest.mark.parametrize("value", VALUES)
def test_a_bundle_with_any_other_value_and_right_sums(value: str, tmp_path: Path) -> None:
    """A check that differs, or a message; a report is not taken for the one that was made."""
    content = bundle.members(without_policy(WHOLE.report), Texts(), bundle.Call())
    path = tmp_path / "a.bundle"
    for member in ("bundle.json", "audit.json", "report.json"):
        text = content[member].decode()
        for place in places(json.loads(text)):
            if len(place) > 1:
                continue
            made = content | {member: changed(text, place, VALUES[value]).encode()}
            path.write_bytes(bundle.packed(made | {bundle.SUMS: bundle.sums(made)}))
            try:
                checks = verify_bundle(str(path))
            except BundleError as error:
                told(error, "a.bundle")
            else:
                assert checks[-1].state == "open"


def test_a_key_that_is_there_twice_has_its_last_value() -> None:
    """As JSON readers have it: what stands first hides nothing of what stands last."""
    twice = LEDGER.replace("{", '{"entries": [], "format_version": 9, ', 1)
    assert read_ledger(twice, "b.json") == read_ledger(LEDGER, "b.json")
    text = json_report(WHOLE.report)
    assert report_of(text.replace("{", '{"findings": 3, ', 1), "s.json") == WHOLE.report
    with pytest.raises(ProvenanceError, match=r"s\.json: found"):
        report_of(text.rstrip().removesuffix("}") + ', "findings": 3}', "s.json")


@pytest.mark.parametrize(
    "text",
    [
        "jobs = 1\njobs = 1\n",
        f"jobs = 1{'0' * 400}\n",
        f"jobs = {'9' * 5_000}\n",
        "jobs = inf\n",
        "smallest-unit = nan\n",
        "include = [[['a']]]\n",
        "include = " + "[" * 300 + "]" * 300 + "\n",
        "include = " + "[" * 100_000,
        'baseline = "\\ud800"\n',
        "baseline = { x = 1 }\n",
        "[a]\n[a]\n",
        "a.b = 1\na.b.c = 1\n",
    ],
)
def test_a_policy_with_a_value_of_another_kind(text: str) -> None:
    with pytest.raises(ProvenanceError) as refused:
        parsed(text, "provenance.toml")
    told(refused.value, "provenance.toml")


@pytest.mark.parametrize("size", [0, 7, 40_000_000])
def test_a_file_that_changes_while_it_is_read(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off, or grown beyond what may be read, between its being opened and its being read: what
    was read is bounded, and the files after it are read."""
    for name in "ab":
        (tmp_path / f"{name}.py").write_bytes(b"x = 1\n" * 100)
    opened = os.fstat

    def then_changed(number: int) -> os.stat_result:
        state = opened(number)
        os.truncate(tmp_path / "a.py", size)
        return state

    monkeypatch.setattr("provenance.regular.os.fstat", then_changed)
    found = {one.path: one for one in open_source(str(tmp_path)).files()}
    first = found["a.py"]
    if size > 1_000:
        assert "found more than" in getattr(first, "reason", "")
    else:
        assert getattr(first, "content", None) == (b"x = 1\n" * 100)[:size]
    assert getattr(found["b.py"], "content", b"") == b"x = 1\n" * 100


def test_a_file_that_does_not_wait_is_not_taken_for_its_beginning(tmp_path: Path) -> None:
    """A file system of a program may answer so: what came by then was taken for all of it."""
    answers = [b"x = 1\n", None]
    with pytest.raises(BlockingIOError):
        read_at_most(lambda _: answers.pop(0), 1_000)
