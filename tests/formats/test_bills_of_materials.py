"""CycloneDX and SPDX: whose ancestor is named, which bytes are meant, by what a file is known."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from audits import audit, file_result, finding, ruling

from formats.outputs import written
from provenance.model import Audit, Identity
from provenance.report.formats import Texts, named

pytestmark = pytest.mark.usefixtures("in_this_process")


def test_snippets_are_the_bytes_of_the_units(scanned: tuple[Audit, Texts]) -> None:
    """Ranges count bytes and lines from 1, the last included, whatever the line ends."""
    document = json.loads(written("spdx", scanned))
    rulings = {one.id: one for one in scanned[0].rulings}
    files = {one["SPDXID"]: one["fileName"].removeprefix("./") for one in document["files"]}
    checked = set()
    for snippet in document["snippets"]:
        path = files[snippet["snippetFromFile"]]
        content = scanned[1].contents[path]
        offsets = snippet["ranges"][0]
        first, last = (offsets[f"{name}Pointer"]["offset"] for name in ("start", "end"))
        part = content[first - 1 : last]
        one = rulings[snippet["name"]]
        if path.endswith(".ipynb"):
            assert part == content
            continue
        lines = content.decode("utf-8").splitlines(keepends=True)
        assert part.decode() == "".join(lines[one.start_line - 1 : one.end_line])
        checked.add(path)
    assert checked == {"same.py", "renamed.py", "windows.py", "crlf.py", "broken.py"}


def test_without_the_bytes_a_finding_is_an_annotation(scanned: tuple[Audit, Texts]) -> None:
    document = json.loads(named("spdx").write(scanned[0], Texts()))
    assert not document["snippets"]
    assert not document["files"]
    said = [one["comment"] for one in document["annotations"]]
    equal = {file.path for file in scanned[0].report.files if file.identical}
    asked = [bool(one.finding) or one.path in equal for one in scanned[0].rulings]
    assert sum("bytes of the file were not at hand" in one for one in said) == sum(asked)
    assert not all(asked), "of what is declared or used none are asked for"


def test_a_file_of_an_spdx_document_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for each finding in it: a file of megabytes may have ten thousand."""
    from provenance.report import spdx

    content = b"x = 1\n" * 99
    found = [finding(number) for number in range(1, 9)]
    path = found[0].suspect.path
    found = [replace(one, suspect=replace(one.suspect, path=path)) for one in found]
    whole = audit(tuple(map(ruling, found)))
    files = tuple(
        replace(file, path=path, sha256=sha256(content).hexdigest())
        for file in whole.report.files[:1]
    )
    whole = replace(whole, report=replace(whole.report, files=files))
    asked: list[str] = []
    plain = spdx._file

    def told(name: str, data: bytes) -> dict[str, Any]:
        asked.append(name)
        return plain(name, data)

    monkeypatch.setattr(spdx, "_file", told)
    document = json.loads(named("spdx").write(whole, Texts(contents={path: content})))
    assert len(document["snippets"]) == 8
    assert asked == [path]


def test_the_day_of_an_spdx_document_is_given(scanned: tuple[Audit, Texts]) -> None:
    def created(audit: Audit, given: str | None = None) -> str:
        document = json.loads(named("spdx").write(audit, Texts(created=given)))
        return str(document["creationInfo"]["created"])

    whole = scanned[0]
    assert created(whole) == "2026-01-26T00:00:00Z"
    assert created(whole, "2026-02-03T04:05:06Z") == "2026-02-03T04:05:06Z"
    undated = replace(whole, report=replace(whole.report, suspect_date=None))
    assert created(undated) == "1970-01-01T00:00:00Z"


def test_common_code_is_nobodys_ancestor() -> None:
    """In a bill of materials only what is derived names an origin: common code and what resembles
    do not, and what is younger is no ancestor."""
    verdicts = ("common", "resembles", "derived", "derived")
    found = [finding(at, verdict=verdict) for at, verdict in enumerate(verdicts)]
    found[3] = replace(found[3], direction="younger")
    whole = audit(tuple(ruling(one) for one in found))
    bom = json.loads(named("cyclonedx").write(whole, Texts()))
    kin = {
        one["name"]: sorted(set(one.get("pedigree", {})) & {"ancestors", "variants"})
        for one in bom["components"]
        if one["type"] == "file"
    }
    assert kin == {
        "models/part_0.py": [],
        "models/part_1.py": [],
        "models/part_2.py": ["ancestors"],
        "models/part_3.py": ["variants"],
    }
    (release,) = (one for one in bom["components"] if one["type"] == "library")
    assert len(release["evidence"]["occurrences"]) == 2
    assert "as close in transformers/gemma, vllm/llama" in json.dumps(release)
    methods = release["evidence"]["identity"][0]["methods"]
    assert {one["technique"] for one in methods} == {"ast-fingerprint"}
    contents = {file.path: b"x = 1\n" * 9 for file in whole.report.files}
    digest = sha256(b"x = 1\n" * 9).hexdigest()
    files = tuple(replace(file, sha256=digest) for file in whole.report.files)
    whole = replace(whole, report=replace(whole.report, files=files))
    document = json.loads(named("spdx").write(whole, Texts(contents=contents)))
    assert len(document["snippets"]) == 4
    kinds = {
        one["spdxElementId"]: one["relationshipType"]
        for one in document["relationships"]
        if one["relationshipType"] != "DESCRIBES"
    }
    assert kinds == {
        f"SPDXRef-Snippet-{found[2].id}": "DESCENDANT_OF",
        f"SPDXRef-Snippet-{found[3].id}": "VARIANT_OF",
    }


def test_a_bill_of_materials_says_what_is_used_and_who_else_has_a_file() -> None:
    same = Identity(
        "a/x", "a", None, (), "m.py", None, None, True, ("b/y", "c/z"), attribution="declared"
    )
    whole = replace(
        ruling(finding(0)), id="1", finding=None, start_line=1, end_line=20, origin="a/x"
    )
    use = replace(whole, id="2", rule="origin", start_line=3, end_line=3, origin="d/used")
    made = audit((whole, use))
    files = (file_result(whole.path, identical=same),)
    made = replace(made, report=replace(made.report, files=files))
    bom = json.loads(named("cyclonedx").write(made, Texts()))
    said = {
        one["bom-ref"]: one["additionalContext"]
        for part in bom["components"]
        for one in part.get("evidence", {}).get("occurrences", ())
    }
    assert said == {
        "finding:1": "lines 1-20; undeclared, new; also in b/y, c/z",
        "finding:2": "use of d/used, no copy; line 3; origin, new",
    }


def test_an_equal_file_is_known_by_its_checksum(scanned: tuple[Audit, Texts]) -> None:
    bom = json.loads(written("cyclonedx", scanned))
    techniques = [
        one["technique"]
        for part in bom["components"]
        for identity in part.get("evidence", {}).get("identity", ())
        for one in identity["methods"]
    ]
    assert techniques.count("hash-comparison") == 1


@pytest.mark.parametrize("text", ["Do what you like, v9", "( )", "( AND MIT"])
def test_a_licence_that_is_no_expression_is_texts_as_it_is(text: str) -> None:
    odd = finding()
    odd = replace(odd, reference=replace(odd.reference, license=text))
    whole = audit((ruling(odd),), policy=())
    bom = json.loads(named("cyclonedx").write(whole, Texts()))
    (release,) = (one for one in bom["components"] if one["type"] == "library")
    assert release["licenses"] == [{"license": {"name": text}}]
    assert file_result("a.py").path == "a.py"
