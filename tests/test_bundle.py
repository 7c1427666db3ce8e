"""A bundle is the same bytes for the same audit, and whatever is changed in it is found."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from formats.outputs import MODEL

import provenance
from provenance.bundle import MEMBERS, SUMS, packed, sums, unpacked
from provenance.cli import main
from provenance.errors import BundleError, UsageError
from provenance.references import DEFAULT_INDEX
from provenance.verifying import verify_bundle

pytestmark = pytest.mark.usefixtures("in_this_process")

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a renamed copy, an index of its own, and a policy."""
    root = tmp_path_factory.mktemp("bundle")
    reference, suspect = root / "llama-1.0" / "models" / "llama", root / "repository"
    reference.mkdir(parents=True)
    suspect.mkdir()
    (reference / "modeling_llama.py").write_text(MODEL)
    (suspect / "mine.py").write_text(MODEL.replace("Llama", "Solar"))
    (suspect / "same.py").write_text(MODEL)
    (suspect / "own.py").write_text("def mine(value):\n    return value + 1\n")
    (suspect / "left_out.py").write_text(MODEL)
    (suspect / "provenance.toml").write_text(
        'index = ["../i.db"]\ndefault-index = false\nfail-on = "resembles"\n'
        'exclude = ["left_out.py"]\n'
    )
    earlier = root / "before" / "llama-1.0" / "models" / "other"  # a release without it
    earlier.mkdir(parents=True)
    (earlier / "modeling_other.py").write_text("def other(value):\n    return value\n")
    for name, day in (("before/llama-1.0", "2023-01-02"), ("llama-1.0", "2024-05-06")):
        provenance.build_index(
            [str(root / name)],
            root / "i.db",
            date=day,
            license="Apache-2.0",
            extend=name == "llama-1.0",
        )
    return suspect


def run(repository: Path, *arguments: str) -> Result:
    """The command line, from the repository's folder."""
    before = Path.cwd()
    os.chdir(repository)
    try:
        return CliRunner().invoke(main, arguments)
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def data(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    place = tmp_path_factory.mktemp("made") / "evidence.zip"
    done = run(repository, "audit", "--bundle", str(place), "--jobs", "1")
    assert done.exit_code == 1, done.output  # it fails, and writes the bundle all the same
    return place.read_bytes()


@pytest.fixture
def members(data: bytes) -> Members:
    return unpacked(data, "evidence.zip")


def index_of(repository: Path) -> str:
    return str(repository.parent / "i.db")


# --- what is in it --------------------------------------------------------------------------


def test_the_same_audit_gives_the_same_bytes(repository: Path, data: bytes, tmp_path: Path) -> None:
    """Whatever the number of processes and the name of the file."""
    run(repository, "audit", "--bundle", str(tmp_path / "other.zip"), "--jobs", "2")
    assert (tmp_path / "other.zip").read_bytes() == data


def test_it_has_what_its_list_says(repository: Path, data: bytes, members: Members) -> None:
    assert tuple(sorted(members)) == tuple(sorted(MEMBERS))
    about = json.loads(members["bundle.json"])
    report = json.loads(members["report.json"])
    assert about["inputs"] == [
        {"path": file["path"], "sha256": file["sha256"]} for file in report["files"]
    ]
    assert [one["path"] for one in about["inputs"]] == ["mine.py", "own.py", "same.py"]
    assert about["indexes"][0]["checksum"] == report["index"][0]["checksum"]
    assert about["call"]["exclude"] == ["left_out.py"]
    ruled = json.loads(members["audit.json"])
    assert ruled["policy"]["fail-on"] == "resembles"
    assert ruled["counts"]["failures"] == 1 + len(report["findings"])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.external_attr >> 16 == 0o100644
            assert info.compress_type == zipfile.ZIP_STORED
        folder = repository.parent / "unpacked"
        archive.extractall(folder)
    if shutil.which("sha256sum"):
        checked = subprocess.run(
            ["sha256sum", "--check", "--strict", SUMS], cwd=folder, check=False, capture_output=True
        )
        assert checked.returncode == 0, checked.stderr


# --- what holds -----------------------------------------------------------------------------


def states(path: Path, *arguments: object) -> dict[str, str]:
    checks = verify_bundle(str(path), *arguments)  # type: ignore[arg-type]
    return {one.what: one.state for one in checks}


def test_a_sound_bundle_holds(repository: Path, data: bytes, tmp_path: Path) -> None:
    place = tmp_path / "evidence.zip"
    place.write_bytes(data)
    assert states(place) == {"sums": "holds", "scan": "open"}
    found = states(place, str(repository), [index_of(repository)])
    assert set(found.values()) == {"holds", "open"}
    held = {what for what, state in found.items() if state == "holds"}
    assert held == {"sums", "indexes", "inputs", *MEMBERS} - {SUMS, "audit.json"}
    done = run(
        repository, "verify-bundle", str(place), "--source", ".", "--index", index_of(repository)
    )
    assert done.exit_code == 0, done.output
    assert "report.json holds" in done.output


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
@pytest.mark.parametrize("day", ["2025-01-01", "2001-01-01"])
def test_days_of_git_are_open_where_there_is_no_history(
    day: str, repository: Path, tmp_path: Path
) -> None:
    """With the history they hold; without they are said to be those of the bundle, and so are the
    verdicts that follow from them."""
    shutil.copytree(repository.parent, tmp_path / "all")
    tree = tmp_path / "all" / "repository"
    clock = {"GIT_AUTHOR_DATE": f"{day}T12:00Z", "GIT_COMMITTER_DATE": f"{day}T12:00Z"}
    for call in (["init", "-q"], ["add", "mine.py", "same.py"], ["commit", "-qm", "x"]):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid", *call],
            cwd=tree,
            env={**os.environ, **clock},
            check=True,
        )
    made = tmp_path / "evidence.zip"
    run(tree, "audit", "--bundle", str(made), "--jobs", "1")
    report = json.loads(unpacked(made.read_bytes(), "evidence.zip")["report.json"])
    dated = [*report["findings"], *(one["identical"] for one in report["files"])]
    assert {one["seen"]["source"] for one in dated if one} == {"git"}
    verdicts = {one["path"]: one["verdict"] for one in report["files"]}
    assert verdicts["same.py"] == ("derived" if day == "2025-01-01" else "resembles")
    index = str(tmp_path / "all" / "i.db")
    with_history = {one.what: one.state for one in verify_bundle(str(made), str(tree), [index])}
    assert with_history["report.json"] == "holds"
    assert "days" not in with_history
    shutil.rmtree(tree / ".git")
    without = {one.what: one.state for one in verify_bundle(str(made), str(tree), [index])}
    assert without["report.json"] == "holds"
    assert without["days"] == "open"


@pytest.mark.parametrize("wrong", [{"lines": float("nan")}, {"day": {}}, {"of": "a"}])
def test_days_of_a_bundle_are_days(
    wrong: dict[str, Any], repository: Path, members: Members, tmp_path: Path
) -> None:
    """What a bundle says of git is believed where none is here, if it is of the right form."""
    report = json.loads(members["report.json"])
    for one in report["findings"]:
        one["seen"] |= {"source": "git", "day": "2025-01-01", **wrong}
    changed = {**members, "report.json": (json.dumps(report, indent=2) + "\n").encode()}
    place = tmp_path / "evidence.zip"
    place.write_bytes(packed({**changed, SUMS: sums(changed)}))
    assert states(place, str(repository), [index_of(repository)])["report.json"] == "differs"


def test_the_day_of_an_archive_is_asked_again(repository: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        member = zipfile.ZipInfo("mine.py", (2025, 3, 4, 0, 0, 0))
        archive.writestr(member, (repository / "mine.py").read_bytes())
    made = tmp_path / "evidence.zip"
    run(repository, "audit", str(tmp_path / "a.zip"), "--bundle", str(made), "--jobs", "1")
    index = str(repository.parent / "i.db")
    checks = verify_bundle(str(made), str(tmp_path / "a.zip"), [index])
    assert {one.what: one.state for one in checks}["report.json"] == "holds"


def test_a_source_that_changed_is_told_file_by_file(
    repository: Path, data: bytes, tmp_path: Path
) -> None:
    place, copy = tmp_path / "evidence.zip", tmp_path / "copy"
    place.write_bytes(data)
    shutil.copytree(repository, copy)
    (copy / "mine.py").write_text(MODEL.replace("Llama", "Lunar") + "\nx = 1\n")
    (copy / "own.py").unlink()
    (copy / "new.py").write_text("x = 2\n")
    done = run(
        repository,
        "verify-bundle",
        str(place),
        "--source",
        str(copy),
        "--index",
        index_of(repository),
    )
    assert done.exit_code == 1
    assert "gone: own.py; new: new.py; changed: mine.py" in done.output
    assert "report.json differs" in done.output


def test_an_index_that_is_not_at_hand_is_named(
    repository: Path, data: bytes, tmp_path: Path
) -> None:
    place = tmp_path / "evidence.zip"
    place.write_bytes(data)
    done = run(repository, "verify-bundle", str(place), "--source", ".")
    assert done.exit_code == 3
    assert "not at hand: i.db with checksum" in done.output


def test_an_index_is_only_looked_into_with_a_source(data: bytes, tmp_path: Path) -> None:
    """One that is not there, or is another, would be passed over without a word."""
    place = tmp_path / "evidence.zip"
    place.write_bytes(data)
    with pytest.raises(UsageError, match="found without --source"):
        verify_bundle(str(place), indexes=[str(tmp_path / "absent.db")])


# --- what was changed -----------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in MEMBERS if name != SUMS])
def test_a_changed_member_is_found(name: str, members: Members, tmp_path: Path) -> None:
    """Its sum is not the recorded one, however the archive was packed."""
    members[name] = members[name].replace(b"e", b"f", 1)
    (tmp_path / "b.zip").write_bytes(packed(members))
    with pytest.raises(BundleError, match=f"other bytes than SHA256SUMS says in {name}"):
        verify_bundle(str(tmp_path / "b.zip"))


@pytest.mark.parametrize(
    "lines",
    [b"", b"nothing\n", b"00  report.json\n", b"\xff\xfe", b"x  y\n" * 3],
)
def test_sums_that_say_something_else_are_found(
    lines: bytes, members: Members, tmp_path: Path
) -> None:
    """They are at fault themselves, not the members that they leave out."""
    right = sums(members)
    for wrong in (lines, right + b"00  more.txt\n", right[1:], right.replace(b".html", b".htm_")):
        members[SUMS] = wrong
        (tmp_path / "b.zip").write_bytes(packed(members))
        with pytest.raises(BundleError, match="found no list of all other members in SHA256SUMS"):
            verify_bundle(str(tmp_path / "b.zip"))


def test_a_finding_that_was_taken_out_is_found_by_the_new_scan(
    repository: Path, members: Members, tmp_path: Path
) -> None:
    """Whoever writes new sums too is found by scanning again."""
    report = json.loads(members["report.json"])
    gone = report["findings"].pop()
    members["report.json"] = (json.dumps(report, indent=2) + "\n").encode()
    members[SUMS] = sums(members)
    place = tmp_path / "b.zip"
    place.write_bytes(packed(members))
    checks = verify_bundle(str(place), str(repository), [index_of(repository)])
    (other,) = (one for one in checks if one.state == "differs")
    assert other.what == "report.json"
    assert f"found now: {gone['id']}" in other.words


@pytest.mark.parametrize("name", [name for name in MEMBERS if name not in (SUMS, "report.json")])
def test_a_view_that_says_something_else_is_found_by_the_new_scan(
    name: str, repository: Path, members: Members, tmp_path: Path
) -> None:
    members[name] += b" "
    members[SUMS] = sums(members)
    place = tmp_path / "b.zip"
    place.write_bytes(packed(members))
    found = states(place, str(repository), [index_of(repository)])
    assert [what for what, state in found.items() if state == "differs"] == [name]


def test_another_version_that_a_bundle_says_it_has_hides_nothing(
    repository: Path, members: Members, tmp_path: Path
) -> None:
    """Its report has the version, too."""
    about = json.loads(members["bundle.json"])
    about["tool"]["version"] = "0.0.9"
    members["bundle.json"] = json.dumps(about).encode()
    members["README.txt"] += b"Run this.\n"
    members[SUMS] = sums(members)
    (tmp_path / "b.zip").write_bytes(packed(members))
    found = states(tmp_path / "b.zip", str(repository), [index_of(repository)])
    assert (found["bundle.json"], found["README.txt"]) == ("differs", "differs")


def test_what_a_bundle_counts_is_found_by_the_new_scan(
    repository: Path, members: Members, tmp_path: Path
) -> None:
    """What no ruling has, as the counts of them, and rulings that were lessened."""
    for old, new in ((b'"failures": ', b'"failures": 1'), (b'"error"', b'"note"')):
        changed = {**members, "audit.json": members["audit.json"].replace(old, new)}
        changed[SUMS] = sums(changed)
        (tmp_path / "b.zip").write_bytes(packed(changed))
        found = states(tmp_path / "b.zip", str(repository), [index_of(repository)])
        assert "differs" in (found["audit.json"], found["report.sarif"])


@pytest.mark.parametrize(
    "quoted", [[["birds", "1.0", "gone.py"]], [[]], [["llama", "1.0", "models"], ["", "", ""]]]
)
def test_what_no_finding_names_is_not_quoted(
    quoted: list[list[str]], repository: Path, members: Members, tmp_path: Path
) -> None:
    """A page of somebody else's was only not checked where its bundle said that it quotes what
    nobody has, and bundle.json held."""
    about = json.loads(members["bundle.json"])
    about["quoted"] = quoted
    members["bundle.json"] = (json.dumps(about, indent=2) + "\n").encode()
    members[SUMS] = sums(members)
    (tmp_path / "b.zip").write_bytes(packed(members))
    found = states(tmp_path / "b.zip", str(repository), [index_of(repository)])
    assert (found["bundle.json"], found["report.html"]) == ("differs", "open")


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_no_crash(
    number: str, repository: Path, members: Members, tmp_path: Path
) -> None:
    """Python reads what it does not write."""
    policy = members["audit.json"].replace(b'"fail-on": ', b'"jobs": %b, "fail-on": ')
    members["audit.json"] = policy.replace(b"%b", number.encode())
    assert number.encode() in members["audit.json"]
    members[SUMS] = sums(members)
    (tmp_path / "b.zip").write_bytes(packed(members))
    found = states(tmp_path / "b.zip", str(repository), [index_of(repository)])
    assert found["audit.json"] == "differs"


def test_a_ruling_that_was_taken_out_is_found_by_the_new_scan(
    repository: Path, members: Members, tmp_path: Path
) -> None:
    ruled = json.loads(members["audit.json"])
    ruled["rulings"] = [one for one in ruled["rulings"] if not one["finding"]]
    members["audit.json"] = json.dumps(ruled).encode()
    members[SUMS] = sums(members)
    (tmp_path / "b.zip").write_bytes(packed(members))
    found = states(tmp_path / "b.zip", str(repository), [index_of(repository)])
    assert found["audit.json"] == "differs"


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"rulings": 1}', b"[" * 100_000, b"\xff"])
def test_rulings_that_are_none_are_no_crash(
    text: bytes, repository: Path, members: Members, tmp_path: Path
) -> None:
    members["audit.json"] = text
    members[SUMS] = sums(members)
    place = tmp_path / "b.zip"
    place.write_bytes(packed(members))
    assert states(place, str(repository), [index_of(repository)])["audit.json"] == "differs"


_OTHERS: dict[str, tuple[object, ...]] = {
    **dict.fromkeys(("path", "message", "remedy", "id"), (None, 1.5, [])),
    "reason": (10**30, {}, True),
    "rule": ("../other", True, None),
    "breaks": ([[1]], "undeclared", {"undeclared": 1}),
    **dict.fromkeys(("start_line", "end_line"), ("1", None, [2])),
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in _OTHERS.items() for value in values]
)
def test_a_ruling_of_another_form_is_no_crash(
    field: str, value: object, repository: Path, members: Members, tmp_path: Path
) -> None:
    ruled = json.loads(members["audit.json"])
    ruled["rulings"][0][field] = value
    members["audit.json"] = json.dumps(ruled).encode()
    members[SUMS] = sums(members)
    (tmp_path / "b.zip").write_bytes(packed(members))
    found = states(tmp_path / "b.zip", str(repository), [index_of(repository)])
    assert found["audit.json"] == "differs"


def test_what_a_bundle_left_out_is_told(repository: Path, tmp_path: Path) -> None:
    """It holds, of the half that was looked at."""
    place = tmp_path / "b.zip"
    less = ("--exclude-origin", "birds/*", "--suspect-date", "2001-01-01")
    run(repository, "audit", *less, "--bundle", str(place))
    checks = {
        one.what: one.words
        for one in verify_bundle(str(place), str(repository), [index_of(repository)])
    }
    assert "not all was looked at: without left_out.py" in checks["inputs"]
    assert "birds/*" in checks["inputs"]
    assert "scanned code said to be of 2001-01-01" in checks["inputs"]
    assert "without the default index" in checks["inputs"]


def test_a_copy_of_the_default_index_is_that(repository: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(DEFAULT_INDEX, copy)
    run(repository, "audit", "--default-index", "--bundle", str(tmp_path / "b.zip"))
    given = [index_of(repository), str(copy)]
    found = verify_bundle(str(tmp_path / "b.zip"), str(repository), given)
    words = {one.what: one.words for one in found}["inputs"]
    assert "left_out.py" in words
    assert "default index" not in words


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.clear(),
        lambda about: about.update(format_version=2),
        lambda about: about.update(call=[]),
        lambda about: about["call"].update(include="*"),
        lambda about: about["call"].update(only=[1]),
        lambda about: about["call"].update(source={}),
        lambda about: about.update(inputs=[{"path": 1}]),
        lambda about: about.update(indexes={}),
        lambda about: about.update(indexes=[]),
        lambda about: about.update(tool=None),
        lambda about: about.update(quoted=[1]),
        lambda about: about["call"].update(as_of="soon"),
        lambda about: about["call"].update(suspect_date="2026-02-30"),
        lambda about: about["call"].update(exclude=["**/a/" * 100]),
    ],
)
def test_what_a_bundle_says_of_itself_is_checked(
    change: Callable[[dict[str, object]], None], members: Members, tmp_path: Path
) -> None:
    about = json.loads(members["bundle.json"])
    change(about)
    members["bundle.json"] = json.dumps(about).encode()
    members[SUMS] = sums(members)
    (tmp_path / "b.zip").write_bytes(packed(members))
    with pytest.raises(BundleError, match=r"bundle\.json: found .*, expected"):
        verify_bundle(str(tmp_path / "b.zip"))


# --- what is no bundle ----------------------------------------------------------------------


def zipped(members: Members, *more: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in [*members.items(), *more]:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, method)
    return written.getvalue()


def test_members_that_lack_or_are_more_are_named(members: Members) -> None:
    del members["report.html"]
    for name in ("../../outside.py", "/etc/passwd", "C:\\x", "a\u202eb", "report.json/x"):
        with pytest.raises(BundleError) as caught:
            unpacked(zipped(members, (name, b"x")), "b.zip")
        assert "no report.html" in str(caught.value)
        assert name.encode("unicode_escape").decode().replace("\\\\", "\\") in str(caught.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_are_there_once(members: Members) -> None:
    with pytest.raises(BundleError, match=r"found report\.json more than once"):
        unpacked(zipped(members, ("report.json", b"{}")), "b.zip")


def test_a_compressed_member_is_not_unpacked(members: Members) -> None:
    """A bomb is refused before a byte of it is unpacked."""
    members["report.html"] = b"0" * 50_000_000
    bomb = zipped(members, method=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 500_000
    with pytest.raises(BundleError, match="compressed or encrypted"):
        unpacked(bomb, "b.zip")


def test_any_other_packing_is_found(data: bytes, members: Members) -> None:
    """Another order, other days, bytes before, between or behind."""
    others = [
        zipped(dict(reversed(members.items()))),
        zipped(members),
        b"#!/bin/sh\n" + data,
        data + b"\n",
        data[:-2] + b"\x01\x00x",
        data[:-1],
        data[:100],
        b"",
        b"PK\x05\x06" + b"\0" * 18,
        b"text",
    ]
    for other in others:
        with pytest.raises(BundleError):
            unpacked(other, "b.zip")
    unpacked(data, "b.zip")


def test_every_flipped_bit_is_found(data: bytes) -> None:
    """In the directory, which says what is in it, and in some thousand places elsewhere."""
    places = [*range(len(data) - 700, len(data)), *range(0, len(data) - 700, len(data) // 300)]
    for at in places:
        changed = bytearray(data)
        changed[at] ^= 1 << (at % 8)
        try:
            unpacked(bytes(changed), "b.zip")
        except BundleError:
            continue
        pytest.fail(f"the bit at {at} was not looked at")


def test_a_zip_of_very_many_members_is_not_listed(members: Members) -> None:
    many = zipped({f"{at}": b"" for at in range(2_000)})
    with pytest.raises(BundleError, match="a zip of 2,000 members"):
        unpacked(many, "b.zip")
    long = zipped({"a" * 60_000: b"", **{f"{at}{'b' * 60_000}": b"" for at in range(20)}})
    with pytest.raises(BundleError, match=r"a zip with a directory of 1,2\d\d,\d\d\d bytes"):
        unpacked(long, "b.zip")


@pytest.mark.parametrize("name", ["nothing.zip", ".", "text.zip"])
def test_what_cannot_be_read_is_a_message(name: str, tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    done = CliRunner().invoke(main, ["verify-bundle", str(tmp_path / name)])
    assert done.exit_code == 3
    assert done.output.startswith("provenance: ")
    assert "expected a bundle" in done.output


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(BundleError, match="found no file"):
        verify_bundle(str(tmp_path / "pipe.zip"))
    (tmp_path / "big.zip").touch()
    os.truncate(tmp_path / "big.zip", 3_000_000_000)  # of holes: it takes no room
    with pytest.raises(BundleError, match="3,000,000,000 bytes, expected a bundle"):
        verify_bundle(str(tmp_path / "big.zip"))


def test_a_bundle_is_written_whole_or_not_at_all(repository: Path, tmp_path: Path) -> None:
    done = run(repository, "audit", "--bundle", str(tmp_path / "no" / "folder" / "e.zip"))
    assert done.exit_code == 3
    assert "found no folder" in done.output
    assert not list(tmp_path.iterdir())
