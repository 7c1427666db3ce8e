"""The JSON report and its schema say the same, field by field."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

import pytest

import provenance
from provenance import model
from provenance.report.json import FORMAT_VERSION, json_report, schema
from provenance.report.saved import report_of
from provenance.report.text import text_report

if TYPE_CHECKING:
    import jsonschema  # type: ignore[import-untyped, unused-ignore]

pytestmark = pytest.mark.usefixtures("in_this_process")

REFERENCE = '''\
"""A reference model."""
import math


class LlamaNorm:
    def __init__(self, size, epsilon=1e-6):
        self.weight = ones(size)
        self.epsilon = epsilon

    def forward(self, states):
        kept = states.dtype
        states = states.to(float32)
        variance = states.pow(2).mean(-1, keepdim=True)
        states = states * rsqrt(variance + self.epsilon)
        return self.weight * states.to(kept)


class LlamaScores:
    def forward(self, query, key, mask=None):
        weights = matmul(query, key.transpose(2, 3)) * self.scaling
        if mask is not None:
            weights = weights + mask[:, :, :, : key.shape[-2]]
        return softmax(weights, dim=-1).to(query.dtype)


def repeat_heads(states, count):
    batch, heads, length, size = states.shape
    if count == 1:
        return states
    states = states[:, :, None, :, :].expand(batch, heads, count, length, size)
    return states.reshape(batch, heads * count, length, size)
'''

OWN = '''\
def tariff(zone, weight, express):
    """Nothing like the reference."""
    for limit, price in sorted(TABLE[zone].items()):
        if weight <= limit:
            return price * (3 if express else 2) // 2
    raise LookupError(f"no price for {weight} in {zone}")
'''


USES = """\
from transformers.models.llama.modeling_llama import LlamaScores


class Scores(LlamaScores):
    model_type = "llama"
"""


def _notebook(code: str) -> str:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# Title"},
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": code,
        },
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reference and suspect trees in which every part of a report occurs."""
    root = tmp_path_factory.mktemp("json")
    reference = root / "reference-1.0" / "models" / "llama"
    suspect = root / "suspect"
    reference.mkdir(parents=True)
    suspect.mkdir()
    head = "# Copyright 2024 Example Labs\n# SPDX-License-Identifier: Apache-2.0\n"
    (reference / "modeling_llama.py").write_text(head + REFERENCE)
    (suspect / "renamed.py").write_text(REFERENCE.replace("Llama", "Solar"))
    (suspect / "same.py").write_text(REFERENCE)
    (suspect / "grown.py").write_text("# Copyright 2026 Somebody\n" + REFERENCE + OWN)
    (suspect / "uses.py").write_text(USES)
    (suspect / "own.py").write_text(OWN)
    (suspect / "empty.py").write_text("")
    (suspect / "broken.py").write_text("def f(:\n    pass\n\n\n" + REFERENCE)
    (suspect / "unreadable.py").write_bytes(b"# coding: no-such-encoding\n")
    (suspect / "notebook.ipynb").write_text(_notebook(REFERENCE + OWN))
    (suspect / "naïve.py").write_text(OWN.replace("tariff", "größe"), encoding="utf-8")
    provenance.build_index([str(root / "reference-1.0")], root / "dated.db", date="2024-05-06")
    provenance.build_index([str(root / "reference-1.0")], root / "undated.db")
    return root


@pytest.fixture(scope="module")
def report(trees: Path) -> provenance.Report:
    return provenance.scan(str(trees / "suspect"), [trees / "dated.db"])


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    import jsonschema  # takes seconds where it checks all formats

    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(
        schema(), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def test_what_limits_leave_out_is_told(
    trees: Path,
    report: provenance.Report,
    validator: jsonschema.Draft202012Validator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of how many units not all candidates were looked at, in JSON and in text."""
    monkeypatch.setattr("provenance.candidates.MOST_BY_MEMBER", 0)
    limited = provenance.scan(str(trees / "suspect"), [trees / "dated.db"], jobs=0)
    held = json.loads(json_report(limited))
    validator.validate(held)
    assert held["counts"]["units_limited"] == sum(one["limited"] for one in held["files"]) > 0
    assert "only the likeliest references" in " ".join(text_report(limited).split())
    assert report_of(json_report(limited), "r.json") == limited
    assert json.loads(json_report(report))["counts"]["units_limited"] == 0
    assert "only the likeliest references" not in " ".join(text_report(report).split())


def test_a_use_of_an_unknown_kind_is_refused(report: provenance.Report) -> None:
    """As the schema has it; those of ours are all known."""
    held = json.loads(json_report(report))
    assert report_of(json.dumps(held), "r.json") == report
    use = {"line": 1, "origin": "a/b", "target": "b", "title": "b"}
    held["files"][0]["uses"] = [{**use, "kind": "import"}]
    report_of(json.dumps(held), "r.json")
    held["files"][0]["uses"] = [{**use, "kind": "imports"}]
    with pytest.raises(provenance.SourceError, match=r'uses\[0\].kind: "imports"'):
        report_of(json.dumps(held), "r.json")


def test_schema_has_an_identity_without_a_host() -> None:
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema()["$id"] == f"urn:provenance-checker:report:{FORMAT_VERSION}"


def test_format_version_is_the_schemas(report: provenance.Report) -> None:
    assert schema()["properties"]["format_version"]["const"] == FORMAT_VERSION
    assert json.loads(json_report(report))["format_version"] == FORMAT_VERSION


def test_reports_follow_the_schema(
    trees: Path, report: provenance.Report, validator: jsonschema.Draft202012Validator
) -> None:
    suspect, dated, undated = trees / "suspect", trees / "dated.db", trees / "undated.db"
    reports = [
        report,
        provenance.scan(str(suspect), [undated]),
        provenance.scan(str(suspect), [dated, undated], as_of="2030-01-31"),
        provenance.scan(str(suspect), [dated], as_of="2024-05-06", exclude_origin=["*/x"]),
        provenance.scan(str(suspect), [dated], include=["nothing"]),
        provenance.scan(str(suspect / "own.py"), [dated]),
        provenance.scan(str(suspect / "empty.py"), [dated]),
        provenance.compare(str(suspect), str(trees / "reference-1.0")),
    ]
    for one in reports:
        validator.validate(json.loads(json_report(one)))


def test_reports_of_the_fixtures_follow_the_schema(
    validator: jsonschema.Draft202012Validator,
) -> None:
    cases = sorted((Path(__file__).parent.parent / "fixtures").glob("*/suspect"))
    assert cases
    for suspect in cases:
        report = provenance.compare(str(suspect), str(suspect.parent / "reference"))
        assert report.files, suspect
        validator.validate(json.loads(json_report(report)))


def test_every_part_of_the_schema_occurs_in_the_report(report: provenance.Report) -> None:
    """Else the tests above prove little."""
    kinds = {finding.suspect.kind for finding in report.findings}
    assert report.skipped
    assert {"class", "function"} <= kinds
    assert any(finding.suspect.cell for finding in report.findings)
    assert any(finding.renames for finding in report.findings)
    assert all(finding.blocks for finding in report.findings)
    assert any(file.composition for file in report.files)
    assert any(file.error_lines for file in report.files)
    assert any(not file.composition for file in report.files)
    assert any(file.identical for file in report.files)
    assert any(file.uses for file in report.files)
    assert any(file.notices and file.notices[0].replaced for file in report.files)
    assert report.vendored
    assert all(finding.lineage for finding in report.findings)


def test_ids_are_unique(report: provenance.Report) -> None:
    ids = [finding.id for finding in report.findings]
    assert len(set(ids)) == len(ids)


def test_ids_are_unique_where_files_repeat_themselves_and_each_other(
    trees: Path, tmp_path: Path
) -> None:
    for name in ("first.py", "second.py"):
        (tmp_path / name).write_text(2 * REFERENCE)
    report = provenance.scan(str(tmp_path), [trees / "dated.db"])
    ids = [finding.id for finding in report.findings]
    assert len(ids) >= 8
    assert len(set(ids)) == len(ids)


# --- the schema describes every field, and no other ---------------------------------------


def _objects(part: Any, at: str = "#") -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(part, dict):
        if part.get("type") == "object":
            yield at, part
        for key, value in part.items():
            yield from _objects(value, f"{at}/{key}")
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from _objects(value, f"{at}/{number}")


OBJECTS = dict(_objects(schema()))


@pytest.mark.parametrize("at", sorted(OBJECTS))
def test_every_object_is_closed_and_complete(at: str) -> None:
    found = OBJECTS[at]
    assert found["additionalProperties"] is False
    assert found["required"] == list(found["properties"]), "required, and in the order written"
    assert found["description"].endswith(".")


@pytest.mark.parametrize("at", sorted(OBJECTS))
def test_every_field_is_described(at: str) -> None:
    definitions = schema()["$defs"]
    for name, field in OBJECTS[at]["properties"].items():
        described = dict(field)
        if "$ref" in field and "description" not in field:
            described = definitions[field["$ref"].removeprefix("#/$defs/")]
        text = described["description"]
        assert text.endswith("."), f"{at}.{name}: expected a sentence"
        kinds = described.get("type", ())
        may_be_null = "null" in kinds or {"type": "null"} in described.get("oneOf", [])
        assert may_be_null == ("null:" in text), f"{at}.{name}: null must be explained"


def test_every_definition_is_used() -> None:
    text = json.dumps(schema())
    for name in schema()["$defs"]:
        assert f'"#/$defs/{name}"' in text, name


TYPES = {
    "#/$defs/index": model.IndexUsed,
    "#/$defs/file": model.FileResult,
    "#/$defs/composed": model.Share,
    "#/$defs/finding": model.Finding,
    "#/$defs/suspect": model.Suspect,
    "#/$defs/cell": model.CellPlace,
    "#/$defs/reference": model.Reference,
    "#/$defs/block": model.Block,
    "#/$defs/rename": model.Rename,
    "#/$defs/skipped": model.Skipped,
}


@pytest.mark.parametrize("at", sorted(TYPES))
def test_schema_has_the_fields_of_the_type(at: str) -> None:
    assert OBJECTS[at]["required"] == [field.name for field in fields(TYPES[at])]


def test_schema_has_the_parameters() -> None:
    names = [field.name for field in fields(model.Parameters)]
    assert OBJECTS["#/$defs/parameters"]["required"] == [
        *names,
        "as_of",
        "exclude_origin",
        "suspect_date",
    ]


def test_enumerations_are_those_of_the_types() -> None:
    for name, field in (("UnitKind", "kind"), ("CloneType", "clone_type")):
        owner = OBJECTS["#/$defs/suspect" if field == "kind" else "#/$defs/finding"]
        assert owner["properties"][field]["enum"] == list(get_args(getattr(model, name)))


def test_whole_numbers_are_whole_and_shares_are_not(report: provenance.Report) -> None:
    """``0`` for ``0.0`` would be valid JSON Schema, but another text for the same number."""
    _check_numbers(report, "report")


def _check_numbers(value: Any, at: str) -> None:
    if is_dataclass(value) and not isinstance(value, type):
        hints = get_type_hints(type(value), vars(model))
        for field in fields(value):
            found = getattr(value, field.name)
            if hints[field.name] in (int, float):
                assert type(found) is hints[field.name], f"{at}.{field.name} = {found!r}"
            elif get_origin(hints[field.name]) is tuple or is_dataclass(found):
                _check_numbers(found, f"{at}.{field.name}")
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            _check_numbers(item, f"{at}[{number}]")


# --- what the schema refuses --------------------------------------------------------------


def _places(value: Any) -> Iterator[dict[str, Any]]:
    """Every object inside a report."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _places(inner)
    elif isinstance(value, list):
        for inner in value[:2]:
            yield from _places(inner)


def test_a_missing_or_an_extra_field_is_refused(
    report: provenance.Report, validator: jsonschema.Draft202012Validator
) -> None:
    whole = json.loads(json_report(report))
    whole["findings"] = [finding for finding in whole["findings"] if finding["renames"]][:1]
    whole["files"] = [file for file in whole["files"] if file["notices"]][:1] + [
        file for file in whole["files"] if file["uses"] or file["identical"]
    ]
    assert validator.is_valid(whole)
    for number, place in enumerate(_places(whole)):
        for name in list(place):
            changed = copy.deepcopy(whole)
            del list(_places(changed))[number][name]
            assert not validator.is_valid(changed), f"without {name}"
        changed = copy.deepcopy(whole)
        list(_places(changed))[number]["unknown"] = 1
        assert not validator.is_valid(changed), f"{sorted(place)} with another field"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format_version", 1),
        ("counts.files", -1),
        ("counts.files", 1.5),
        ("files.0.sha256", "0"),
        ("files.0.similarity", 1.000001),
        ("files.0.novel", -0.1),
        ("findings.0.clone_type", "type-4"),
        ("findings.0.blocks", []),
        ("findings.0.suspect.start_line", 0),
        ("findings.0.suspect.kind", "lambda"),
        ("findings.0.reference.first_seen", "yesterday"),
        ("parameters.as_of", "26.1.2026"),
    ],
)
def test_a_value_out_of_range_is_refused(
    report: provenance.Report,
    validator: jsonschema.Draft202012Validator,
    path: str,
    value: Any,
) -> None:
    whole = json.loads(json_report(report))
    place: Any = whole
    *outer, last = path.split(".")
    for step in outer:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value
    assert not validator.is_valid(whole)


# --- the text -----------------------------------------------------------------------------


def test_json_is_ascii_and_ends_with_one_newline(report: provenance.Report) -> None:
    text = json_report(report)
    assert text.isascii()
    assert text.endswith("}\n")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert any(not file.path.isascii() for file in report.files), "else this proves nothing"


def test_json_is_the_same_every_time(trees: Path) -> None:
    suspect, index = str(trees / "suspect"), trees / "dated.db"
    first, second = (json_report(provenance.scan(suspect, [index], jobs=n)) for n in (1, 2))
    assert first == second


def test_counts_add_up(report: provenance.Report) -> None:
    found = json.loads(json_report(report))
    assert found["counts"]["files"] == len(found["files"])
    assert found["counts"]["findings"] == len(found["findings"])
    assert found["counts"]["skipped"] == len(found["skipped"])
    assert found["counts"]["lines"] == sum(file["lines"] for file in found["files"])
    assert found["counts"]["units"] == sum(file["units"] for file in found["files"])
    for file in found["files"]:
        assert file["similarity"] + file["novel"] == pytest.approx(1)
        total = sum(share["share"] for share in file["composition"]) + file["common"]
        assert total == pytest.approx(file["similarity"], abs=1e-5)
        shares = [share["share"] for share in file["composition"]]
        assert shares == sorted(shares, reverse=True)


def test_schema_is_no_wider_than_the_style_of_the_house() -> None:
    """Two blanks, ASCII, keys as written: a change shows as what it is."""
    text = (Path(provenance.__file__).parent / "report" / "schema.json").read_text("utf-8")
    assert text.isascii()
    assert text.endswith("}\n")
    assert json.loads(text) == schema()
