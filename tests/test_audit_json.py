"""The JSON of an audit and its schema say the same, field by field."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from audits import audit, file_result, filled, finding, of_report, ruling
from programs import program, renamed
from referencing import Registry, Resource

import provenance
from provenance import model
from provenance.auditing import audit as run
from provenance.model import FileResult, Identity
from provenance.planning import planned
from provenance.report import json as report_json
from provenance.report.audit import FORMAT_VERSION, audit_json, schema
from provenance.report.notices import notices_text
from provenance.settings import SETTINGS, Declaration

if TYPE_CHECKING:
    import jsonschema  # type: ignore[import-untyped, unused-ignore]

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    """Of both schemas: that of the report is found by its name."""
    import jsonschema  # takes seconds where it checks all formats

    checked = jsonschema.Draft202012Validator
    checked.check_schema(schema())
    inner = report_json.schema()
    known: Registry[Any] = Registry().with_resource(inner["$id"], Resource.from_contents(inner))
    return checked(schema(), format_checker=checked.FORMAT_CHECKER, registry=known)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> model.Audit:
    """An audit of a repository with something declared, something not, and a lost declaration."""
    root = tmp_path_factory.mktemp("repository")
    (root / "reference").mkdir()
    for seed in range(2):
        (root / "reference" / f"m{seed}.py").write_text(program(seed))
    provenance.build_index([str(root / "reference")], root / "of.db", date="2025-01-02")
    (root / "src").mkdir()
    for seed in range(2):
        (root / "src" / f"mine{seed}.py").write_text(renamed(program(seed)))
    (root / "provenance.toml").write_text(
        "fail-on = 'resembles'\ndefault-index = false\nindex = ['of.db']\ninclude = ['src']\n"
        "[[declared]]\npath = 'src/mine0.py'\norigin = '*'\nexpires = 2999-01-01\n"
        "[[declared]]\npath = 'src/gone.py'\norigin = '*'\nreason = 'was'\n"
    )
    return run(planned([str(root)], settings={"no_cache": True, "today": "2026-01-01"})).audit


def test_identity_and_version() -> None:
    assert schema()["$id"] == f"urn:provenance-checker:audit:{FORMAT_VERSION}"
    assert schema()["properties"]["format_version"]["const"] == FORMAT_VERSION
    assert schema()["properties"]["report"]["$ref"] == report_json.schema()["$id"]


def test_audits_follow_the_schema(
    made: model.Audit, validator: jsonschema.Draft202012Validator
) -> None:
    """A real one, one with every rule and state, one of nothing; in a bundle without the report."""
    assert {one.level for one in made.rulings} == {"error", "warning", "note"}
    every = of_report(made.report)
    ids = [f"{number:020x}" for number in range(len(every.rulings))]
    named = tuple(replace(one, id=id_) for one, id_ in zip(every.rulings, ids, strict=True))
    every = replace(every, rulings=named)
    for one in (made, replace(every, policy=made.policy), replace(audit(()), policy=made.policy)):
        whole = json.loads(audit_json(one))
        validator.validate(whole)
        del whole["report"]
        validator.validate(whole)


def _objects(part: Any, at: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, dict):
        if part.get("type") == "object":
            yield at, part
        for key, value in part.items():
            yield from _objects(value, f"{at}/{key}")


@pytest.mark.parametrize(("at", "found"), [*_objects(schema())])
def test_every_object_is_closed_complete_and_described(at: str, found: dict[str, Any]) -> None:
    assert found["additionalProperties"] is False
    assert found["required"] == [one for one in found["properties"] if one != "report"]
    for name, field in found["properties"].items():
        where = schema()["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
        text = field.get("description") or where["description"]
        assert text.endswith("."), f"{at}.{name}: expected a sentence"
        assert ("null" in field.get("type", ())) == ("null:" in text), f"{at}.{name}"


def test_the_fields_are_those_of_the_types() -> None:
    defined = schema()["$defs"]
    for name, kind in (
        ("ruling", model.Ruling),
        ("fixed", model.Fixed),
        ("declared", Declaration),
    ):
        known = [field.name for field in fields(kind)]
        assert sorted(defined[name]["required"]) == sorted(known)
    decisive = [setting for setting in SETTINGS if setting.decides]
    assert defined["policy"]["required"] == [*(one.key for one in decisive), "declared"]
    for setting in decisive:
        if setting.choices:
            assert defined["policy"]["properties"][setting.key]["enum"] == [*setting.choices]
    ruling = defined["ruling"]["properties"]
    for key, kinds in (("rule", model.Rule), ("level", model.Level), ("status", model.Status)):
        assert ruling[key]["enum"] == list(get_args(kinds))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format_version", 2),
        ("clean", "yes"),
        ("counts.failures", -1),
        ("rulings.0.rule", "other"),
        ("rulings.0.level", "fatal"),
        ("rulings.0.start_line", 0),
        ("rulings.0.finding", "x"),
        ("policy.as-of", "yesterday"),
        ("policy.fail-on", "always"),
        ("policy.declared.0.origins", []),
        ("report.format_version", 1),
        ("report.findings.0.id", ""),
        ("unknown", 1),
        ("policy.unknown", 1),
        ("rulings.0.unknown", 1),
    ],
)
def test_what_no_audit_says_is_refused(
    made: model.Audit, validator: jsonschema.Draft202012Validator, path: str, value: object
) -> None:
    whole = copy.deepcopy(json.loads(audit_json(made)))
    place: Any = whole
    *steps, last = path.split(".")
    for step in steps:
        place = place[int(step) if step.isdecimal() else step]
    place[last] = value
    assert not validator.is_valid(whole)


def test_the_style_is_that_of_the_house() -> None:
    path = Path(provenance.__file__).parent / "report" / "audit.schema.json"
    text = path.read_text("utf-8")
    assert text == json.dumps(schema(), indent=2) + "\n"


def test_notices_go_through_the_files_a_few_times_however_many_there_are() -> None:
    """Not once for each of them: 20,000 files that are reference files took 16 s."""
    gone_through = []

    class Files(tuple[FileResult, ...]):
        def __iter__(self) -> Iterator[FileResult]:
            gone_through.append(len(self))
            return super().__iter__()

    same = filled(Identity, origin="t/a", path="a.py", package="t")
    for many in (10, 100):
        files = Files(file_result(f"{at}.py", identical=same) for at in range(many))
        rulings = tuple(
            replace(ruling(finding(at)), path=f"{at}.py", origin="t/a", finding=None)
            for at in range(many)
        )
        whole = audit(rulings)
        text = notices_text(replace(whole, report=replace(whole.report, files=files)))
        assert text.count(f"- {many - 1}.py") == 1
    assert gone_through.count(10) == gone_through.count(100) > 0
