"""notices: what NOTICE, LICENSE and the like say counts for the files beside and below them."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from ending import ends
from hypothesis import given
from hypothesis import strategies as st
from programs import program, renamed

import provenance
from provenance import notices
from provenance.declared import Said, keeps_holders
from provenance.errors import TooLongError
from provenance.folder import IN_THE_SAME_TREE
from provenance.model import Report, Skipped
from provenance.notices import (
    LONGEST_FILE,
    MARK,
    MOST,
    MOST_ANNOTATED,
    Names,
    NoticeFile,
    denies,
    is_notice,
    named,
    notice_files,
)
from provenance.rights import Copyright, parties
from provenance.source import open_source
from provenance.spoken import beside
from provenance.statements import Statements

pytestmark = pytest.mark.usefixtures("in_this_process")

HEAD = """\
# Copyright 2024 Example Labs
# Copyright 2023 Older Example
# SPDX-License-Identifier: Apache-2.0
"""
BOTH = "Copyright 2024 Example Labs\n\n  (c) 2023 Older Example\n"
FAMILIES = Names(
    [
        ("glm4_moe", "Zhipu AI GLM-4.5", "Zhipu AI"),
        ("falcon", "TII Falcon", "TII"),
        ("qwen2_vl", "Alibaba Qwen2-VL", "Alibaba"),
        ("llama4", "Meta Llama 4", "Meta"),
        ("based", "Example Based", "Example"),
        ("hubert", "Meta HuBERT", "Meta"),
        ("shap_e", "OpenAI Shap-E", "OpenAI"),
    ]
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NOTICE", True),
        ("Notice.txt", True),
        ("LICENSE", True),
        ("LICENCE.md", True),
        ("LICENSE-APACHE", True),
        ("LICENSE.Apache-2.0", True),
        ("COPYING.LESSER", True),
        ("AUTHORS.rst", True),
        ("THIRD_PARTY_NOTICES.txt", True),
        ("third-party-licenses", True),
        ("ThirdPartyNotices.txt", True),
        ("REUSE.toml", True),
        ("license.py", False),
        ("notices.json", False),
        ("noticed.txt", False),
        ("README.md", False),
    ],
)
def test_notice_files_are_known_by_their_names(name: str, expected: bool) -> None:
    assert is_notice(name) is expected


def _no_notice(name: str) -> None:
    assert not is_notice(name)


def test_a_name_of_an_archive_is_told_from_that_of_a_notice_in_time() -> None:
    """It may be as long as it likes: 4,000 points took .2 s, by the square."""
    ends(_no_notice, ["NOTICE" + "." * 1_000_000 + "_x", "THIRDPARTY" + "." * 1_000_000 + "\n"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("This product includes GLM-4.5 code of Zhipu AI.", ("glm4_moe",)),
        ("vllm/model_executor/models/glm4_moe.py", ("glm4_moe",)),
        ("see github.com/zai-org/GLM-4.5 and Qwen2-VL", ("glm4_moe", "qwen2_vl")),
        ("Llama 4 is licensed under the Llama 4 Community License", ("llama4",)),
        ("Falcon, by TII", ("falcon",)),
        ("the falcon cannot hear the falconer", ()),
        ("Falcon heavy", ()),
        ("tii: a falcon of ours", ()),
        ("Based on the work of others", ()),
        ("HuBERT and Shap-E, shap_e.py", ("hubert", "shap_e")),
        ("Copyright: Bert Hubert, test/shape/data/e.ttf", ()),
        ("", ()),
    ],
)
def test_a_family_is_named_by_its_name(text: str, expected: tuple[str, ...]) -> None:
    """A mere word names one only beside the organisation."""
    assert named(text, FAMILIES) == expected


@given(st.text(max_size=400))
def test_any_text_names_something_or_nothing(text: str) -> None:
    assert set(named(text, FAMILIES)) <= {one.family for one in FAMILIES.values()}


@given(st.binary(max_size=400))
def test_any_bytes_are_read(data: bytes) -> None:
    for name in ("NOTICE", "REUSE.toml"):
        notice_files([(name, data)])


def test_a_notice_file_covers_what_is_beside_and_below_it() -> None:
    """A folder of nothing but licences speaks of the one above it."""
    said = notice_files(
        (path, b"a")
        for path in (
            "NOTICE",
            "deep/LICENSE",
            "x/LICENSES/LICENSE",
            "demo-1.0.dist-info/licenses/LICENSE",
        )
    )
    covered = [
        {path for path in ("a.py", "deep/in/a.py", "x/a.py") if one.covers(path)} for one in said
    ]
    every = {"a.py", "deep/in/a.py", "x/a.py"}
    assert covered == [every, {"deep/in/a.py"}, {"x/a.py"}, every]


# --- in a scan ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two families: wren2, and owl, which has nothing to do with it."""
    root = tmp_path_factory.mktemp("notices")
    for name, seed in (("wren2", 1), ("owl", 5)):
        folder = root / "birds" / "models" / name
        folder.mkdir(parents=True)
        (folder / f"modeling_{name}.py").write_text(HEAD + program(seed))
    provenance.build_index([str(root / "birds")], root / "i.db", date="2024-01-01")
    return root / "i.db"


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, text in {"src/mine.py": renamed(program(1)), **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def scan(folder: Path, index: Path, files: dict[str, str], **options: list[str]) -> Report:
    put(folder, files)
    return provenance.scan(str(folder), [index], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["AUTHORS", "CONTRIBUTORS.md", "docs/AUTHORS.txt"])
def test_who_lists_people_declares_nothing_by_it(path: str, index: Path, tmp_path: Path) -> None:
    """That somebody worked on a model before says nothing of the code beside it."""
    text = "A. Author (Wren2 before)\nB. Author <b@wren2.example>, Wren2\n"
    report = scan(tmp_path, index, {path: text, "NOTICE": "nothing\n"})
    assert path in report.notice_files
    assert {finding.attribution for finding in report.findings} == {"undeclared"}


@pytest.mark.parametrize(
    ("path", "text", "kind", "line"),
    [
        ("NOTICE", "Our product\n\nincludes code of Wren2.\n", "named", 3),
        ("src/AUTHORS", "birds/models/wren2/modeling_wren2.py: A. Author\n", "named", 1),
        ("AUTHORS", "# Adapted from Wren2\n", "adapted", 1),
        ("THIRD_PARTY.md", "# Parts\n\n" + BOTH, "copyright", 3),
        ("NOTICE", "Adapted from birds/models/wren2/modeling_wren2.py\n", "adapted", 1),
        (
            "REUSE.toml",
            'version = 1\n\n[[annotations]]\npath = "src/*.py"\nSPDX-FileCopyrightText = '
            '["2024 Example Labs", "2023 Older Example"]\nSPDX-License-Identifier = "MIT"\n',
            "copyright",
            5,
        ),
    ],
)
def test_a_notice_file_declares(
    path: str, text: str, kind: str, line: int, index: Path, tmp_path: Path
) -> None:
    """By a name, by all of the holders, by a claim; each with the place where it stands."""
    report = scan(tmp_path, index, {path: text})
    assert report.notice_files == (path,)
    assert report.findings
    for finding in report.findings:
        assert finding.attribution == "declared"
        assert {(one.kind, one.path) for one in finding.declarations} == {(kind, path)}
        assert finding.declarations[0].line == line
        assert finding.declarations[0].family == finding.reference.family
    assert f"{kind} wren2, {path} line {line}" in provenance.text_report(report, width=200)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("other/NOTICE", "includes code of Wren2\n"),
        ("NOTICE", "includes code of Owl by nobody\n"),
        ("NOTICE", "Copyright 2024 Example Labs\n"),
        ("README.md", "includes code of Wren2\n"),
        ("REUSE.toml", '[[annotations]]\npath = "x/**"\nSPDX-FileCopyrightText = "2024 A"\n'),
        ("REUSE.toml", "[[annotations\n"),
    ],
)
def test_what_speaks_of_others_does_not_declare(
    path: str, text: str, index: Path, tmp_path: Path
) -> None:
    """Another folder, another family, one of two holders, another kind of file."""
    report = scan(tmp_path, index, {path: text})
    assert {finding.attribution for finding in report.findings} == {"undeclared"}
    assert {finding.declarations for finding in report.findings} == {()}


@pytest.mark.parametrize(
    ("line", "denied"),
    [
        ("This project does not contain any code of Wren 2.", True),
        ("No code of Wren2 was used, nothing was taken from it.", True),
        ("It isn't derived from Wren 2.", True),
        ("Nothing here is based on Wren 2.", True),
        ("This product includes software of Wren 2, which is not ours.", False),
        ("Wren 2: Copyright 2024 Example Labs, no warranty.", False),
        ("Portions are from Wren 2 and nobody else.", False),
        ("Its terms do not change. Code from Wren 2 is in it.", False),
        ("Not ours: contains code of Wren 2.", False),
    ],
)
def test_who_denies_declares_nothing(line: str, denied: bool) -> None:
    assert denies(line) is denied


@pytest.mark.parametrize(("says", "found"), [("Has", "declared"), ("Has no", "undeclared")])
def test_a_denial_in_a_notice_file_is_no_declaration(
    says: str, found: str, index: Path, tmp_path: Path
) -> None:
    files = {"NOTICE": f"{says} code of owl and wren2\n", "src/mine.py": renamed(program(1))}
    assert {one.attribution for one in scan(tmp_path, index, files).findings} == {found}


@pytest.mark.parametrize("where", ["NOTICE", "src/mine.py"])
def test_who_names_every_family_declares_none(
    where: str, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is told, with how many are named; one that names few declares."""
    said = "# Adapted from birds/models/{0}/modeling_{0}.py\n"
    text = said.format("owl") + said.format("wren2")
    body = renamed(program(1)) if where == "src/mine.py" else ""
    few = provenance.scan(str(put(tmp_path / "few", {where: text + body})), [index], jobs=0)
    assert {finding.attribution for finding in few.findings} == {"declared"}
    monkeypatch.setattr("provenance.declared._MOST_NAMED", 1)
    many = provenance.scan(str(put(tmp_path / "many", {where: text + body})), [index], jobs=0)
    assert {finding.attribution for finding in many.findings} == {"undeclared"}
    for finding in many.findings:
        (one,) = finding.declarations
        assert (one.kind, one.path, one.line, one.family) == ("listed", where, 2, "wren2")
        assert one.text.startswith("one of 2 families that are named: ")
    assert "says: listed wren2" in " ".join(provenance.text_report(many).split())


@pytest.mark.parametrize(("most", "found"), [(1, "undeclared"), (2, "declared")])
def test_who_lists_a_file_as_every_reference_declares_none(
    most: int, found: str, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notices of ours are written by hand too."""
    monkeypatch.setattr("provenance.declared._MOST_NAMED", most)
    listed = "- src/mine.py, lines 1-2: birds/models/{0}/modeling_{0}.py of 1.0\n"
    text = f"{MARK}\n\n## birds, MIT\n\n" + "".join(map(listed.format, ("owl", "wren2")))
    files = {"THIRD_PARTY_NOTICES.md": text, "src/mine.py": renamed(program(1))}
    said = scan(tmp_path, index, files).findings
    assert {one.attribution for one in said} == {found}
    assert all(one.declarations for one in said)


def test_what_stands_in_a_notice_file_is_not_missing(index: Path, tmp_path: Path) -> None:
    """It is said where it stands; what stands nowhere is missing still."""
    files = {
        "LICENSE": "Licensed under the Apache License, Version 2.0\n",
        "NOTICE": "\nCopyright 2024 Example Labs\n",
        "src/mine.py": "# Copyright 2026 Somebody\n" + renamed(program(1)),
    }
    (notice,) = scan(tmp_path, index, files).files[0].notices
    assert notice.missing_holders == ("Older Example",)
    assert notice.missing_licenses == ()
    assert notice.replaced
    assert [(one.kind, one.path, one.line) for one in notice.elsewhere] == [
        ("copyright", "NOTICE", 2),
        ("license", "LICENSE", 1),
    ]
    text = provenance.text_report(scan(tmp_path, index, files))
    assert "notice: NOTICE line 2 names Example Labs, this file does not" in " ".join(text.split())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_a_notice_file_says_the_same_in_any_encoding(encoding: str) -> None:
    """A shell of Windows writes UTF-16; old licences are Latin-1."""
    text = "Copyright © 2024 Müller\r\nCopied from birds/models/wren/modeling_wren.py\r\n"
    (found,) = notice_files([("NOTICE", text.encode(encoding))])
    assert [one.holder for one in found.statements.copyrights] == ["Müller"]
    assert [line for line, _ in found.lines] == [1, 2]
    assert [one.target for one in found.statements.claims] == ["birds/models/wren/modeling_wren.py"]


def test_archives_have_notice_files_too(index: Path, tmp_path: Path) -> None:
    """Of zip and tar, under the paths that the code has; a wheel's licences speak of all of it."""
    members = {
        "demo-1.0/PKG-INFO": b"Name: demo\nVersion: 1.0\n",
        "demo-1.0/NOTICE": b"includes code of Wren2\n",
        "demo-1.0/src/mine.py": renamed(program(1)).encode(),
        "demo-1.0/../NOTICE": b"includes code of Owl-2\n",
    }
    with tarfile.open(tmp_path / "demo-1.0.tar.gz", "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    with zipfile.ZipFile(tmp_path / "demo-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("demo-1.0.dist-info/METADATA", "Name: demo\nVersion: 1.0\n")
        wheel.writestr("demo-1.0.dist-info/licenses/NOTICE", "includes code of Wren2\n")
        wheel.writestr("demo/mine.py", renamed(program(1)))
    for name, path in (
        ("demo-1.0.tar.gz", "NOTICE"),
        ("demo-1.0-py3-none-any.whl", "demo-1.0.dist-info/licenses/NOTICE"),
    ):
        report = provenance.scan(str(tmp_path / name), [index])
        assert report.notice_files == (path,)
        assert {one.declarations[0].path for one in report.findings} == {path}


def test_include_leaves_them_in_and_exclude_out(index: Path, tmp_path: Path) -> None:
    files = {"NOTICE": "includes code of Wren2\n"}
    kept = scan(tmp_path, index, files, include=["src/*"])
    assert {one.attribution for one in kept.findings} == {"declared"}
    left = scan(tmp_path, index, files, exclude=["NOTICE"])
    assert left.notice_files == ()
    assert {one.attribution for one in left.findings} == {"undeclared"}


def test_too_long_and_too_many_are_said(tmp_path: Path) -> None:
    (tmp_path / "NOTICE").write_bytes(b"x" * (LONGEST_FILE + 1))
    (skipped,) = open_source(str(tmp_path)).notices()
    assert isinstance(skipped, Skipped)
    assert "expected at most" in skipped.reason
    for number in range(MOST + 1):
        (tmp_path / f"LICENSE-{number}").write_text("x")
    found = open_source(str(tmp_path)).notices()
    assert sum(not isinstance(one, Skipped) for one in found) == MOST
    assert any(isinstance(one, Skipped) and "102 notice files" in one.reason for one in found)


def test_too_many_bytes_in_all_are_said(tmp_path: Path) -> None:
    """They are read in no worker: 100 of them took 250 MB and 11 seconds. The nearest count."""
    for number in range(20):
        (tmp_path / f"d{number:02}").mkdir()
        (tmp_path / f"d{number:02}" / "NOTICE").write_bytes(b"x" * LONGEST_FILE)
    (tmp_path / "LICENSE").write_text("x")
    found = open_source(str(tmp_path)).notices()
    left = {one.path for one in found if isinstance(one, Skipped)}
    assert left == {f"d{number:02}/NOTICE" for number in range(5, 20)}
    assert all("3,000,000" in one.reason for one in found if isinstance(one, Skipped))


def test_archives_say_what_they_pass_over(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("NOTICE", b"x" * (LONGEST_FILE + 1))
        for number in range(MOST + 2):
            archive.writestr(f"LICENSE-{number:03}", "x")
    found = open_source(str(tmp_path / "a.zip")).notices()
    reasons = {one.path: one.reason for one in found if isinstance(one, Skipped)}
    assert "expected at most" in reasons["NOTICE"]
    assert "3 notice files more" in reasons["."]
    assert sum(not isinstance(one, Skipped) for one in found) == MOST - 1


def test_a_notice_file_that_is_a_link_is_told(tmp_path: Path) -> None:
    """In a folder and in archives: it may have declared what is called undeclared."""
    root = tmp_path / "root"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "a.py").write_text("x = 1\n")
    (root / "LICENSE").write_text("MIT License\n")
    (tmp_path / "NOTICE").write_text(BOTH)
    (root / "NOTICE").symlink_to("../NOTICE")
    (root / "pkg" / "LICENSE").symlink_to("../LICENSE")
    with tarfile.open(tmp_path / "root.tar", "w") as tar:
        tar.add(root, "root-1.0")
    with zipfile.ZipFile(tmp_path / "root.zip", "w") as packed:
        packed.writestr("a.py", "x = 1\n")
        for name in ("NOTICE", "pkg/LICENSE"):
            link = zipfile.ZipInfo(name)
            link.external_attr = 0o120777 << 16
            packed.writestr(link, "../NOTICE")
    for source in (root, tmp_path / "root.tar", tmp_path / "root.zip"):
        told = [one for one in open_source(str(source)).notices() if isinstance(one, Skipped)]
        assert [one.path for one in told] == ["NOTICE", "pkg/LICENSE"]
        assert all("symbolic link" in one.reason for one in told)
    told = [one for one in open_source(str(root)).notices() if isinstance(one, Skipped)]
    assert [one.reason.endswith(IN_THE_SAME_TREE) for one in told] == [False, True]


def test_many_processes_say_the_same(index: Path, tmp_path: Path) -> None:
    """The notice files travel to the workers."""
    for number in range(3):
        text = renamed(program(1)) + f"\nx = '{number}{'a' * 900}'" * 1_200 + "\n"
        (tmp_path / f"m{number}.py").write_text(text)
    (tmp_path / "NOTICE").write_text("includes code of Wren2\n")
    one, two = (provenance.scan(str(tmp_path), [index], jobs=jobs) for jobs in (1, 2))
    assert one == two
    assert {finding.attribution for finding in one.findings} == {"declared"}


@pytest.mark.parametrize("text", [" of ", "a, lines 1-2", ", 1-2", "\\[", "- a, lines 1-2: b"])
def test_a_line_of_our_notices_costs_time_by_its_length(text: str) -> None:
    """What is cut from its end was looked for by the square: 46 s for one file."""

    line = f"- a, lines 1-2: {text * (400_000 // len(text))}/".encode()
    assert len(notice_files([("NOTICE", MARK.encode() + b"\n\n## a, MIT\n" + line)])) == 2


def test_a_line_of_our_notices_that_denies_declares_nothing() -> None:
    """As someone writes into them by hand."""
    for said, claims in (("not derived from m/a.py", 0), ("m/a of b.py of 1.0", 1)):
        text = f"{MARK}\n\n## a, MIT\n\n- a.py, lines 1-2: {said}\n"
        *_, part = notice_files([("NOTICE", text.encode())])
        assert [one.target for one in part.statements.claims] == ["m/a of b.py"] * claims


@pytest.mark.parametrize(
    "table",
    [
        "path = '" + "{a,b}" * 12 + "%d'",
        "path = 'a%d*b*c*d'\nSPDX-License-Identifier = 'MIT'",
        "path = 'a'\nSPDX-FileCopyrightText = ['(c) 20%d']",
        ".".join(["a"] * 90_000) + " = %d",
    ],
    ids=["braces", "globs", "holders", "deep"],
)
def test_a_reuse_file_costs_time_by_its_length(table: str) -> None:
    """It is read before any worker is: no time-out would end it. Some took hours."""
    text = "".join(f"[[annotations]]\n{table % at}\n" for at in range(1_500))[:LONGEST_FILE]
    files = notice_files([("REUSE.toml", text.encode())] * 3)
    assert len(files) <= MOST_ANNOTATED
    assert not any(one.covers("other.py") for one in files)


def test_values_of_a_reuse_file_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each was looked for in every line, which 8,200 that stand in none made 44 s of."""
    values = ",".join(f'"\\u0041{at}"' for at in range(1_000, 3_000))
    head = "[[annotations]]\npath='a'\nSPDX-FileCopyrightText="
    asked = 0
    plain = provenance.notices._TEXT

    class Counting:
        def finditer(self, line: str) -> Iterator[re.Match[str]]:
            nonlocal asked
            asked += 1
            return plain.finditer(line)

    monkeypatch.setattr("provenance.notices._TEXT", Counting())
    text = f"{head}[{values}]\n" + "\n" * 1_000
    (read,) = notice_files([("REUSE.toml", text.encode())])
    assert [one.line for one in read.statements.copyrights] == [3] * 2_000, "as their key"
    assert asked == len(text.split("\n"))
    inline = ",".join(f"{{path='{at}',SPDX-FileCopyrightText='2024 A'}}" for at in range(500))
    asked = 0
    found = notice_files([("REUSE.toml", f"annotations=[{inline}]\n".encode())])
    assert (len(found), asked) == (500, 2)


BSD = """Copyright 2007 Acme

Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are
met:

1.  Redistributions of source code must retain the above copyright
    notice, this list of conditions and the following disclaimer.
{third}
THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS
"AS IS" {disclaimer}, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_conditions_of_a_bsd_licence_are_read_together(ends: str) -> None:
    """Empty lines stand between them: no licence was seen in the file, and one that ships it was
    told that it does not state it."""
    third = """
2.  Neither the name of the copyright holder nor the names of its
    contributors may be used to endorse or promote products.
"""
    text = BSD.format(third=third, disclaimer="") + "\n" + BSD.format(third="", disclaimer="")
    text += "\nPermission is hereby granted, free of charge, to any person obtaining a copy\n"
    text += "to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies\n"
    (read,) = notice_files([("LICENSE", text.replace("\n", ends).encode())])
    said = [(one.line, one.expression) for one in read.statements.licenses]
    assert said == [(3, "BSD-3-Clause"), (18, "BSD-2-Clause"), (28, "MIT")]
    for end in ("SUCH\nDAMAGE.", ""):  # broken over two lines, or cut off
        (read,) = notice_files([("LICENSE", text.replace("SUCH DAMAGE.", end).encode())])
        kinds = [one.expression for one in read.statements.licenses]
        assert kinds == ["BSD-3-Clause", "BSD-2-Clause", "MIT"]
    assert [one.line for one in read.statements.copyrights] == [1, 16]


def test_a_line_of_reuse_toml_is_that_of_the_table_that_covers_the_file() -> None:
    """The same licence or holder, or one that is a part of another text, stood at the first line
    that has these letters."""
    text = """version = 1
[[annotations]]
path = "MIT.py"
SPDX-FileCopyrightText = "2020 Acme Inc"
SPDX-License-Identifier = "Apache-2.0"

[[annotations]]
SPDX-FileCopyrightText = [
  "2020 Acme Inc",
  "2021 B\\u00fcro",
]
path = ["MIT_2.py"]
SPDX-License-Identifier = "MIT"
"""
    first, second = notice_files([("REUSE.toml", text.encode())])
    assert [one.line for one in first.statements.copyrights] == [4]
    assert [one.line for one in first.statements.licenses] == [5]
    assert [(one.line, one.holder) for one in second.statements.copyrights] == [
        (9, "Acme Inc"),
        (8, "B\u00fcro"),
    ]
    assert [one.line for one in second.statements.licenses] == [13]
    inline = 'annotations = [{path = "a.py", SPDX-License-Identifier = "MIT"}]'
    (one,) = notice_files([("REUSE.toml", inline.encode())])
    assert [said.line for said in one.statements.licenses] == [1]
    assert notice_files([("REUSE.toml", b"version = 1\n"), ("REUSE.toml", b"")]) == ()


def test_notice_files_are_gone_through_once_for_all_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for each file and each holder that it does not name: that took a second each."""
    parted: list[str] = []

    def counted(holder: str) -> tuple[str, ...]:
        parted.append(holder)
        return parties(holder)

    monkeypatch.setattr("provenance.declared.parties", counted)
    monkeypatch.setattr("provenance.spoken.parties", counted)
    text = "".join(f"(c) 2024 A{at}, B{at} and C{at}\n" for at in range(20)).encode()
    read = notice_files([(f"NOTICE-{at}", text) for at in range(5)])
    files = beside(read, None).of("a.py")  # type: ignore[arg-type]
    own = Statements(copyrights=tuple(Copyright(at, f"A {at}", "", "") for at in range(30)))
    told = Said("a.py", own, (), (), files)
    asked = Statements(copyrights=(Copyright(1, "C19", "", ""),))
    assert [place[:2] for place in keeps_holders(told, asked)] == [("NOTICE-0", 20)]
    for at in range(100):
        asked = Statements(copyrights=(Copyright(1, f"Nobody {at}", "", ""),))
        assert keeps_holders(told, asked) == []
    assert len([one for one in parted if one.startswith("A")]) == 5 * 20 + 30


def test_braces_of_a_reuse_file_are_no_alternatives() -> None:
    """REUSE 3.3 knows ``*`` and ``**`` alone."""
    text = '[[annotations]]\npath = "{a,b}.py"\nSPDX-License-Identifier = "MIT"\n'
    (read,) = notice_files([("REUSE.toml", text.encode())])
    assert read.covers("{a,b}.py")
    assert not read.covers("a.py")


def test_a_notice_file_that_costs_too_much_is_told(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were read by the process that gathers, which nothing holds to time; now that no worker
    reads one of them, the others are, and it is not said to have been."""
    (tmp_path / "a.py").write_text("x = 1\n", "utf-8")
    (tmp_path / "LICENSE").write_text("a\n", "utf-8")
    (tmp_path / "NOTICE").write_text("b\n", "utf-8")

    def read(found: Iterable[tuple[str, bytes]]) -> tuple[NoticeFile, ...]:
        listed = [*found]
        if any(path == "LICENSE" for path, _ in listed):
            raise TooLongError
        return notice_files(listed)

    monkeypatch.setattr(notices, "notice_files", read)
    report = provenance.scan(tmp_path, [index], jobs=0)
    assert report.notice_files == ("NOTICE",)
    assert [one.path for one in report.skipped] == ["LICENSE"]
    assert "--timeout" in report.skipped[0].reason


def test_notice_files_that_cannot_be_read_together_are_all_told(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What bounds them all together held for each alone then: how long a worker took decided how
    much of them was read."""
    (tmp_path / "a.py").write_text("x = 1\n", "utf-8")
    for name in ("LICENSE", "NOTICE", "COPYING"):
        (tmp_path / name).write_text("a\n", "utf-8")

    def read(found: Iterable[tuple[str, bytes]]) -> tuple[NoticeFile, ...]:
        listed = [*found]
        if len(listed) > 1:
            raise TooLongError
        return notice_files(listed)

    monkeypatch.setattr(notices, "notice_files", read)
    report = provenance.scan(tmp_path, [index], jobs=0)
    assert report.notice_files == ()
    assert [one.path for one in report.skipped] == ["COPYING", "LICENSE", "NOTICE"]
    assert all("together" in one.reason for one in report.skipped)


def test_lines_of_notices_are_quoted_as_they_are_written() -> None:
    """They are read as comments, and were quoted with the sign of one."""
    text = "  Copyright 2025 Example Labs\n(c) 2024 Somebody\n\n# Copied from transformers/vit\n"
    (file,) = notice_files([("NOTICE", (text + "\nLicensed under the MIT License\n").encode())])
    said = file.statements
    found = [one.text for one in said.copyrights] + [one.text for one in said.claims]
    assert [*found, *(one.text for one in said.licenses)] == [
        "Copyright 2025 Example Labs",
        "(c) 2024 Somebody",
        "# Copied from transformers/vit",
        "Licensed under the MIT License",
    ]
