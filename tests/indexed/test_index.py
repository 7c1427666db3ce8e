"""An index says what was indexed; what is added to it is in it as if it had been there at once."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from programs import program, renamed

import provenance
from indexed.modules import MORE, write
from provenance import IndexFileError
from provenance.index import Index
from provenance.integrity import verify

pytestmark = pytest.mark.usefixtures("in_this_process")


# --- what it says -------------------------------------------------------------------------


def test_facts_are_what_was_indexed(built: Path, tree: Path) -> None:
    """Release, date, licence, counts, parameters, and origins by the rule of paths."""
    with Index(built) as index:
        facts = index.facts()
        origins = index.origins()
        assert index.packages() == ("birds",)
        assert facts.checksum == index.checksum
    (release,) = facts.releases
    assert (release.package, release.version) == ("birds", None)
    assert (release.date, release.date_source, release.license) == ("2025-03-01", "given", "MIT")
    files = len(list(tree.rglob("*.py")))
    assert facts.counts["file"] == facts.counts["tree"] == files
    assert facts.counts["release"] == 1
    assert facts.counts["origin"] == len(origins)
    names = [one.name for one in origins]
    assert names == sorted(names)
    assert {one.first for one in origins} == {"2025-03-01"}
    assert facts.counts["unit"] <= sum(one.units for one in origins)
    assert {"birds/llama", "birds/m0", "birds/nested"} <= set(names)


def test_verify_accepts_what_was_built(built: Path) -> None:
    """And gives the checksum that the index names."""
    with Index(built) as index:
        assert verify(built) == index.checksum


def test_origin_by_hand(tree: Path, tmp_path: Path) -> None:
    """One name for all files."""
    provenance.build_index([str(tree)], tmp_path / "i.db", origin="ours")
    with Index(tmp_path / "i.db") as index:
        assert [one.name for one in index.origins()] == ["ours"]


def test_origins_say_how_often_their_units_stand_in_others(tmp_path: Path) -> None:
    """Counted unit by unit from where each one stands."""
    one, other = program(1, functions=3), program(2)
    source = write(tmp_path / "birds", a=one, b=one + MORE, c=other, d=other + MORE + one)
    provenance.build_index([source], tmp_path / "i.db")
    with Index(tmp_path / "i.db") as index:
        held = [index.origins_of(unit) for unit in range(1, index.units + 1)]
        for facts in index.origins():
            mine = [origins for origins in held if facts.name in origins]
            assert facts.units == len(mine)
            assert facts.shared == sum(len(origins) - 1 for origins in mine)


def test_a_file_under_two_origins_is_in_both(tmp_path: Path) -> None:
    """Neither is dropped because the other one came first."""
    source = write(tmp_path / "birds", a=program(1))
    made = []
    for order in (("ours", "theirs"), ("theirs", "ours")):
        path = tmp_path / f"{order[0]}.db"
        for origin in order:
            provenance.build_index([source], path, origin=origin, extend=origin != order[0])
        with Index(path) as index:
            assert [one.units for one in index.origins()] == [index.units] * 2
            assert index.origins_of(1) == ("ours", "theirs")
        made.append(path.read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("origin", "path", "family"),
    [("zoo/", "a.py", "zoo"), ("/", "a.py", "/"), (None, ".py", ".py"), (None, "a/.py", ".py")],
)
def test_every_family_has_a_name(
    origin: str | None, path: str, family: str, tmp_path: Path
) -> None:
    """An empty one stood in reports, against their schema."""
    file = tmp_path / "birds" / path
    file.parent.mkdir(parents=True)
    file.write_text(program(1))
    provenance.build_index([tmp_path / "birds"], tmp_path / "i.db", origin=origin, baseline=False)
    with Index(tmp_path / "i.db") as index:
        assert [(one.family.name, one.family.title) for one in index.origins()] == [(family,) * 2]


def test_a_licence_is_given_to_what_states_none(tree: Path, tmp_path: Path) -> None:
    """It made MIT of a wheel under the GPL that stood beside a folder."""
    stated = str(tmp_path / "demo-1.0-py3-none-any.whl")
    with zipfile.ZipFile(stated, "w") as wheel:
        wheel.writestr(
            "demo-1.0.dist-info/METADATA",
            "Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nLicense-Expression: GPL-3.0-only\n",
        )
        wheel.writestr("demo/a.py", program(3))
    provenance.build_index([str(tree), stated], tmp_path / "i.db", license="MIT")
    with Index(tmp_path / "i.db") as index:
        found = {one.package: one.license for one in index.releases.values()}
    assert found == {"birds": "MIT", "demo": "GPL-3.0-only"}


def test_identical_units_are_stored_once(tmp_path: Path) -> None:
    """The same code in many files: more places, but no more units and contents."""
    text = program(11, classes=2)
    provenance.build_index([write(tmp_path / "one", a=text)], tmp_path / "one.db")
    copies = {f"m{number}": f"# copy {number}\n{text}" for number in range(5)}
    provenance.build_index([write(tmp_path / "five", **copies)], tmp_path / "five.db")
    with Index(tmp_path / "one.db") as one, Index(tmp_path / "five.db") as five:
        first, second = one.facts().counts, five.facts().counts
        assert second["unit"] == first["unit"]
        assert second["piece"] == first["piece"]
        assert second["place"] == 5 * first["place"]
        for unit in range(1, five.units + 1):
            assert {p.origin for p in five.places(unit)} == {f"five/m{n}" for n in range(5)}
            assert five.origins_of(unit) == tuple(f"five/m{n}" for n in range(5))


def test_many_small_functions_are_built_in_bounded_time(tmp_path: Path) -> None:
    """Half a megabyte of one-line functions, which hostile text may well be."""
    text = "".join(f"def f{number}(a): return a + {number}\n" for number in range(15_000))
    provenance.build_index([write(tmp_path / "many", a=text)], tmp_path / "i.db")
    with Index(tmp_path / "i.db") as index:
        assert index.facts().counts["place"] == 15_001


# --- adding -------------------------------------------------------------------------------


def test_adding_a_known_release_parses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves every row as it was; another selection of its files is another matter."""
    archive = tmp_path / "birds-1.0.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for seed in range(3):
            opened.writestr(f"birds/m{seed}.py", program(seed))
    provenance.build_index([str(archive)], tmp_path / "i.db", include=["m0.py"])
    provenance.build_index([str(archive)], tmp_path / "i.db", extend=True)
    before = verify(tmp_path / "i.db")
    monkeypatch.setattr("provenance.parse.parse", None)
    again = provenance.build_index([str(archive)], tmp_path / "i.db", extend=True)
    assert (again.files, again.parsed, again.known) == (0, 0, (str(archive),))
    assert verify(tmp_path / "i.db") == before


def test_adding_an_unchanged_directory_parses_nothing_new(tree: Path, copy: Path) -> None:
    """Every content is known."""
    again = provenance.build_index([str(tree)], copy, extend=True)
    assert again.parsed == 0


def test_adding_an_unchanged_directory_changes_nothing(tree: Path, copy: Path) -> None:
    """No second release, no second row for every file."""
    before = verify(copy)
    provenance.build_index([str(tree)], copy, date="2025-03-01", license="MIT", extend=True)
    assert verify(copy) == before


def test_a_source_that_is_named_twice_is_read_once(tree: Path, tmp_path: Path) -> None:
    """Its files were counted twice."""
    made = provenance.build_index([str(tree), str(tree)], tmp_path / "i.db")
    assert made.files == made.parsed == len(list(tree.rglob("*.py")))


def test_a_release_is_parsed_only_where_it_is_new(tree: Path, copy: Path, tmp_path: Path) -> None:
    """A second version with one changed and one new file costs these two."""
    second = tmp_path / "second" / "birds"
    shutil.copytree(tree, second)
    write(second, m0=program(900), added=program(901))
    made = provenance.build_index([str(second)], copy, date="2025-06-01", extend=True)
    assert made.parsed == 2
    assert made.files == len(list(second.rglob("*.py")))
    verify(copy)
    with Index(copy) as index:
        assert index.facts().counts["tree"] == len(list(tree.rglob("*.py"))) + 2


def test_code_of_a_later_release_is_not_dated_back(tmp_path: Path) -> None:
    """Two directories of the same name, entered with different days."""
    for number, day in enumerate(("2024-01-01", "2026-01-01")):
        source = write(tmp_path / f"at{number}" / "birds", **{f"m{number}": program(number)})
        provenance.build_index([source], tmp_path / "i.db", date=day, extend=number > 0)
    found = provenance.scan(write(tmp_path / "mine", a=program(1) + MORE), [tmp_path / "i.db"])
    assert {finding.reference.first_seen for finding in found.findings} == {"2026-01-01"}


def test_adding_gives_the_index_of_building_at_once(tree: Path, tmp_path: Path) -> None:
    """Whether sources come in one call or one after another."""
    other = write(tmp_path / "fish", a=program(300), b=renamed(program(1)))
    sources = [str(tree), other]
    provenance.build_index(sources, tmp_path / "once.db")
    provenance.build_index(sources[:1], tmp_path / "added.db")
    provenance.build_index(sources[1:], tmp_path / "added.db", extend=True)
    assert verify(tmp_path / "once.db") == verify(tmp_path / "added.db")


def test_first_seen_is_the_first_release_that_ships_the_unit(tmp_path: Path) -> None:
    """Not the newest, and not the order of indexing."""
    same = program(7, functions=2)
    for day, name in (("2025-05-05", "late"), ("2024-04-04", "early"), ("2026-06-06", "last")):
        source = write(tmp_path / name, **{name: same})
        provenance.build_index(
            [source], tmp_path / "i.db", date=day, extend=(tmp_path / "i.db").exists()
        )
    report = provenance.scan(write(tmp_path / "mine", m=same + MORE), [tmp_path / "i.db"])
    assert report.findings
    for finding in report.findings:
        assert finding.reference.first_seen == "2024-04-04"
        others = {finding.reference.origin, *finding.also}
        assert others == {"late/late", "early/early", "last/last"}


def test_a_notebook_that_is_indexed_already_can_be_added_again(tmp_path: Path) -> None:
    """It goes to the workers without its text, but went with its cells: an IndexError."""
    cells = [{"cell_type": "code", "source": f"def f{n}(a):\n    return a[{n}]"} for n in range(3)]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a.ipynb").write_text(json.dumps({"nbformat": 4, "cells": cells}))
    provenance.build_index([tmp_path / "a"], tmp_path / "a.db")
    before = (tmp_path / "a.db").read_bytes()
    provenance.build_index([tmp_path / "a"], tmp_path / "a.db", extend=True)
    assert (tmp_path / "a.db").read_bytes() == before


def test_a_notebook_with_the_bytes_of_a_known_file_is_read(tmp_path: Path) -> None:
    """It was entered unread, as if it were Python, where that file was done before: how far was
    read ahead decided it."""
    folder = tmp_path / "there"
    folder.mkdir()
    for name in ("a.py", "b.ipynb"):
        (folder / name).write_text(program(1), "utf-8")
    for name in ("c.py", "d.ipynb"):
        (folder / name).write_bytes(b"")
    provenance.build_index([folder / "a.py"], tmp_path / "known.db", origin="known/a")
    known = (tmp_path / "known.db").read_bytes()
    first = provenance.build_index([folder], tmp_path / "known.db", extend=True)
    again = provenance.build_index([folder], tmp_path / "known.db", extend=True, exclude=["x"])
    assert (first.files, again.files) == (2, 2)
    for built in (first, again):
        assert [one.path for one in built.skipped] == ["b.ipynb", "d.ipynb"]
    assert (tmp_path / "known.db").read_bytes() != known


def test_extending_what_is_not_there_is_refused(tree: Path, tmp_path: Path) -> None:
    """``index add`` needs an index."""
    with pytest.raises(IndexFileError, match="index build"):
        provenance.build_index([str(tree)], tmp_path / "absent.db", extend=True)
