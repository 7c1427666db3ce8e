"""What the tests here are given."""

from __future__ import annotations

import json

import pytest
from audits import of_report

import provenance
from formats.outputs import MODEL, Json
from provenance.model import Audit
from provenance.report.formats import Texts
from provenance.sides import suspect_contents, suspect_texts


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Audit, Texts]:
    """An audit of a real scan with copies, a notebook, an identical and an unreadable file."""
    root = tmp_path_factory.mktemp("formats")
    reference, suspect = root / "llama-1.0" / "models" / "llama", root / "suspect"
    reference.mkdir(parents=True)
    suspect.mkdir()
    (reference / "modeling_llama.py").write_text(MODEL)
    (suspect / "same.py").write_text(MODEL)
    renamed = MODEL.replace("Llama", "Solar").replace("heads", "kopf")
    (suspect / "renamed.py").write_text(renamed)
    (suspect / "windows.py").write_bytes(renamed.replace("kopf", "köpfe").encode("utf-8-sig"))
    (suspect / "crlf.py").write_bytes(renamed.replace("\n", "\r\n").encode())
    cell: Json = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    cells = [{**cell, "source": "import torch\n"}, {**cell, "source": renamed}]
    book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (suspect / "notes.ipynb").write_text(json.dumps(book))
    (suspect / "broken.py").write_text("def f(:\n    pass\n\n\n" + renamed)
    (suspect / "unreadable.py").write_bytes(b"# coding: no-such-encoding\n")
    provenance.build_index(
        [str(root / "llama-1.0")], root / "i.db", date="2024-05-06", license="Apache-2.0"
    )
    report = provenance.scan(str(suspect), [root / "i.db"], suspect_date="2026-01-26")
    assert len(report.findings) >= 10
    assert any(file.identical for file in report.files)
    assert report.skipped
    quoted = Texts(suspect_texts(report), {}, suspect_contents(report))
    return of_report(report), quoted
