"""The packages behind the default index: fetched, checked, and built into the same bytes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from programs import program

from provenance.cli import main
from provenance.errors import SourceError, UsageError
from provenance.families import families_of
from provenance.index import Index
from provenance.indexing import build_default, fetched
from provenance.integrity import verify
from provenance.model import Family
from provenance.references.manifest import parse

pytestmark = pytest.mark.usefixtures("in_this_process")

HEAD = """
format = 1
variants = ["mtp"]

[[organisation]]
name = "Finch Lab"
country = "NZ"
[organisation.families]
robin = { title = "Robin 2", members = ["*/robin*"] }

[[organisation]]
name = "Nest"
country = "KR"
[organisation.families]
wren = "Wren"
"""

PACKAGE = """
[[package]]
name = "{name}"
purl = "pkg:pypi/{name}"
license = "{license}"
organisation = "Finch Lab"
country = "NZ"
repository = "https://example.org/{name}"
link = "https://example.org/{name}/blob/v{{version}}/{{path}}#L{{first}}-L{{last}}"
include = ["{name}/**"]
exclude = ["**/__init__.py"]
origins = [{{ path = "{name}/models/{{family}}.py", family = "{{family}}" }}]
"""

RELEASE = """
[[package.releases]]
version = "{version}"
file = "{file}"
sha256 = "{sha256}"
date = "{date}"
date_source = "archive"
"""

ARCHIVES = {
    ("finch", "1.0", "2024-01-02"): {"robin": 0, "wren": 1},
    ("finch", "1.1", "2024-05-06"): {"robin": 0, "wren": 2, "husk": 3},
    ("nest", "0.9", "2023-02-03"): {"robin_mtp": 4, "wren": 2},
}
"""The modules of each release, by the seed of what is in them."""


class Shelf:
    """Archives made here, in place of the ones that pip would fetch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, str]] = []
        self.gone: set[tuple[str, str]] = set()
        self.manifest = parse(self._written().encode(), "manifest.toml")

    def _written(self) -> str:
        text = HEAD
        last = ""
        for (name, version, date), modules in ARCHIVES.items():
            if name != last:
                license = "Apache-2.0" if name == "finch" else "MIT"
                text, last = text + PACKAGE.format(name=name, license=license), name
            path = self.path(name, version)
            with zipfile.ZipFile(path, "w") as opened:
                opened.writestr(f"{name}/__init__.py", program(99))
                opened.writestr(f"{name}/own.py", program(98))  # no rule names its origin
                head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
                opened.writestr(f"{name}-{version}.dist-info/METADATA", head)
                for module, seed in modules.items():
                    opened.writestr(f"{name}/models/{module}.py", program(seed, functions=2))
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            text += RELEASE.format(version=version, file=path.name, sha256=sha256, date=date)
        return text

    def path(self, name: str, version: str) -> Path:
        return self.folder / f"{name}-{version}-py3-none-any.whl"

    def fetch(self, name: str, version: str) -> str:
        self.asked.append((name, version))
        if (name, version) in self.gone:
            raise SourceError(f"{name} {version}: found no such release")
        return str(self.path(name, version))


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    folder = tmp_path / "shelf"
    folder.mkdir()
    made = Shelf(folder)
    monkeypatch.setattr("provenance.indexing.fetch", made.fetch)
    monkeypatch.setattr("provenance.indexing.load", lambda: made.manifest)
    monkeypatch.setattr("provenance.references.manifest.load", lambda: made.manifest)
    return made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def run(*arguments: object) -> Result:
    """Run a command in this process; no exception may come out but its own exit."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


# --- build --------------------------------------------------------------------------------


def test_the_manifest_decides_what_is_in_the_index(shelf: Shelf, out: Path) -> None:
    """Releases as it describes them; families by its rules; nothing that no rule names."""
    path = out / "default.db"
    built = build_default(path, manifest=shelf.manifest)
    assert (built.files, built.parsed, built.missing, built.skipped) == (7, 5, (), ())
    verify(path)
    with Index(path) as opened:
        releases = {(one.package, one.version): one for one in opened.facts().releases}
        for package in shelf.manifest.packages:
            for entry in package.releases:
                stored = releases.pop((package.name, entry.version))
                assert (stored.date, stored.date_source) == (entry.date, entry.date_source)
                assert (stored.sha256, stored.license) == (entry.sha256, package.license)
                assert stored.purl == f"{package.purl}@{entry.version}"
                assert stored.link == package.template
        assert not releases
        assert {one.name: one.first for one in opened.origins()} == {
            "finch/robin": "2024-01-02",
            "finch/wren": "2024-01-02",
            "finch/husk": "2024-05-06",
            "nest/robin_mtp": "2023-02-03",
            "nest/wren": "2023-02-03",
        }
        assert opened.baseline is not None


def test_the_same_bytes_each_time(shelf: Shelf, out: Path) -> None:
    """Whatever the number of processes; nothing else is left in the folder."""
    first, second = out / "a.db", out / "b.db"
    build_default(first, manifest=shelf.manifest)
    build_default(second, manifest=shelf.manifest, jobs=2)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(out.iterdir()) == [first, second]


@pytest.mark.parametrize("saves", [True, False], ids=["saved", "nothing saved"])
def test_an_interrupted_build_goes_on(
    saves: bool, shelf: Shelf, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what it saved, and to the same bytes."""
    whole, path = out / "whole.db", out / "default.db"
    build_default(whole, manifest=shelf.manifest)
    monkeypatch.setattr("provenance.indexing._SAVE_EVERY", -1.0 if saves else 1e9)

    def interrupted(name: str, version: str) -> str:
        if name == "nest":
            raise KeyboardInterrupt
        return shelf.fetch(name, version)

    monkeypatch.setattr("provenance.indexing.fetch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_default(path, manifest=shelf.manifest)
    assert not path.exists()
    monkeypatch.setattr("provenance.indexing.fetch", shelf.fetch)
    shelf.asked.clear()
    told: list[str] = []
    built = build_default(path, manifest=shelf.manifest, tell=told.append)
    assert path.read_bytes() == whole.read_bytes()
    assert sorted(out.iterdir()) == [path, whole]
    assert shelf.asked == [("nest", "0.9")] if saves else len(shelf.asked) == 3
    assert built.parsed == (1 if saves else 5)
    assert sum("kept from the last run" in line for line in told) == (2 if saves else 0)


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX")
def test_what_stands_where_an_index_is_built_is_not_written_through(
    shelf: Shelf, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout may have a link of the name under which a build is kept: what it leads to became
    an index. A link at the place itself stays one."""
    monkeypatch.setattr("provenance.indexing._SAVE_EVERY", -1.0)
    path, precious = out / "default.db", out / "precious"
    shelf.gone.add(("nest", "0.9"))
    build_default(path, manifest=shelf.manifest)
    (partial,) = out.glob(".default.db.*.partial")
    partial.unlink()
    partial.symlink_to(precious)
    precious.write_text("precious")
    shelf.gone.clear()
    build_default(path, manifest=shelf.manifest)
    assert precious.read_text() == "precious"
    whole = path.read_bytes()
    (out / "link.db").symlink_to(path)
    path.write_bytes(b"old")
    build_default(out / "link.db", manifest=shelf.manifest)
    assert (out / "link.db").is_symlink()
    assert path.read_bytes() == whole


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX")
@pytest.mark.parametrize("what", ["pipe", "folder", "nowhere/i.db"])
def test_what_is_no_file_is_not_replaced_by_an_index(what: str, shelf: Shelf, out: Path) -> None:
    """A pipe was, and /dev/null would have been; a folder was told when all was built."""
    os.mkfifo(out / "pipe")
    (out / "folder").mkdir()
    before = sorted(out.iterdir())
    result = run("sources", "build", "-o", out / what, "--jobs", 1)
    assert result.exit_code == 3
    assert f"{out / what}: found no place for an index file" in result.stderr
    assert sorted(out.iterdir()) == before
    assert (out / "pipe").is_fifo()
    assert not shelf.asked


def test_what_is_missing_is_listed_and_nothing_put_in_place(shelf: Shelf, out: Path) -> None:
    """What is there is kept for the next run, which ends with the bytes of one that had all."""
    path = out / "default.db"
    path.write_bytes(b"the index that was there")
    shelf.gone.add(("finch", "1.0"))
    result = run("sources", "build", "-o", path, "--jobs", 1)
    assert result.exit_code == 3
    assert "missing finch 1.0: finch 1.0: found no such release" in result.stderr
    assert "not put in place; run it again" in result.stderr
    assert path.read_bytes() == b"the index that was there"
    shelf.gone.clear()
    shelf.asked.clear()
    result = run("sources", "build", "-o", path, "--jobs", 1)
    assert result.exit_code == 0, result.output
    assert shelf.asked == [("finch", "1.0")]
    assert re.search(r"default\.db: \d+ files \(\d+ new\), \d+\.\d MB$", result.stdout.strip())
    assert list(out.iterdir()) == [path]
    build_default(out / "whole.db", manifest=shelf.manifest)
    assert path.read_bytes() == (out / "whole.db").read_bytes()


def test_an_archive_with_another_checksum_is_refused(shelf: Shelf, out: Path) -> None:
    """With both checksums and the remedy; it counts as missing."""
    archive = shelf.path("finch", "1.1")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("finch/models/more.py", "more = 1\n")
    package = shelf.manifest.packages[0]
    entry = package.releases[1]
    with pytest.raises(SourceError) as caught:
        fetched(package, entry)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    for part in (archive.name, entry.sha256, found, "delete it to fetch it again"):
        assert part in str(caught.value)
    path = out / "default.db"
    built = build_default(path, manifest=shelf.manifest)
    assert [one.release for one in built.missing] == ["finch 1.1"]
    assert entry.sha256 in built.missing[0].reason
    assert not path.exists()


def test_another_manifest_does_not_go_on_with_what_was_left(shelf: Shelf, out: Path) -> None:
    """What was done for one is of no use to another."""
    path = out / "default.db"
    shelf.gone.add(("nest", "0.9"))
    build_default(path, manifest=shelf.manifest)
    first = shelf.manifest
    less = replace(first, packages=first.packages[:1])
    shelf.asked.clear()
    build_default(path, manifest=less)
    assert shelf.asked == [("finch", "1.0"), ("finch", "1.1")]
    with Index(path) as opened:
        assert {one.package for one in opened.facts().releases} == {"finch"}


def test_a_release_of_which_the_manifest_names_no_file_is_refused(shelf: Shelf, out: Path) -> None:
    """Its include, exclude or origins are wrong."""
    finch, nest = shelf.manifest.packages
    wrong = replace(nest, rules=(("elsewhere/{family}.py", "{family}"),))
    manifest = replace(shelf.manifest, packages=(finch, wrong))
    with pytest.raises(UsageError, match=r"nest 0\.9: found no file that the manifest names"):
        build_default(out / "default.db", manifest=manifest)
    assert not (out / "default.db").exists()


# --- fetch --------------------------------------------------------------------------------


@pytest.fixture
def built(shelf: Shelf, out: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = out / "default.db"
    build_default(path, manifest=shelf.manifest)
    monkeypatch.setattr("provenance.cli.DEFAULT_INDEX", path)
    shelf.asked.clear()
    return path


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], [("finch", "1.0"), ("finch", "1.1"), ("nest", "0.9")]),
        (["nest/wren"], [("nest", "0.9")]),
        (["*/husk"], [("finch", "1.0"), ("finch", "1.1")]),
    ],
)
def test_fetch_names_the_archives_of_an_origin(
    arguments: list[str], asked: list[tuple[str, str]], built: Path, shelf: Shelf
) -> None:
    """Of all its releases; all origins if none is given."""
    result = run("sources", "fetch", *arguments)
    assert result.exit_code == 0, result.output
    assert shelf.asked == asked
    assert result.stdout.splitlines() == [
        f"{name} {version}: {shelf.path(name, version)}" for name, version in asked
    ]


def test_fetch_of_an_unknown_origin_is_2(built: Path, shelf: Shelf) -> None:
    """Nothing is fetched."""
    result = run("sources", "fetch", "nest/none")
    assert result.exit_code == 2
    assert "nest/none: found no such origin, expected" in result.stderr
    assert shelf.asked == []


def test_fetch_goes_on_after_what_cannot_be_had_and_ends_with_3(built: Path, shelf: Shelf) -> None:
    """A release that is gone, and one that is not what was recorded."""
    shelf.gone.add(("finch", "1.0"))
    shelf.path("finch", "1.1").write_bytes(b"something else")
    result = run("sources", "fetch")
    assert result.exit_code == 3
    assert "finch 1.0: found no such release" in result.stderr
    assert "finch 1.1: " in result.stderr
    assert "SHA-256" in result.stderr
    assert result.stdout == f"nest 0.9: {shelf.path('nest', '0.9')}\n"


# --- families -----------------------------------------------------------------------------


def test_families_span_packages_and_releases(built: Path) -> None:
    """With the first day of all, every licence, and the units of all origins together."""
    with Index(built) as opened:
        rows = families_of(opened)
        units = {one.name: one.units for one in opened.origins()}
    robin = Family("robin", "Finch Lab Robin 2", "Finch Lab", "NZ")
    assert [row.family for row in rows] == [
        robin,
        Family("husk", "husk"),
        Family("wren", "Nest Wren", "Nest", "KR"),
    ]
    assert [row.first_seen for row in rows] == ["2023-02-03", "2024-05-06", "2023-02-03"]
    assert [row.packages for row in rows] == [("finch", "nest"), ("finch",), ("finch", "nest")]
    assert rows[0].licenses == rows[2].licenses == ("Apache-2.0", "MIT")
    assert rows[1].licenses == ("Apache-2.0",)
    assert rows[0].units == units["finch/robin"] + units["nest/robin_mtp"]


@pytest.mark.parametrize(
    ("pattern", "titles"),
    [
        ("*", ["Finch Lab Robin 2", "husk", "Nest Wren"]),
        ("robin", ["Finch Lab Robin 2"]),  # by name
        ("wren", ["Nest Wren"]),
        ("*robin*", ["Finch Lab Robin 2"]),  # by title
        ("FINCH LAB", ["Finch Lab Robin 2"]),  # by organisation, case aside
        ("kr", ["Nest Wren"]),  # by country
        ("nest/*", ["Finch Lab Robin 2", "Nest Wren"]),  # by origin
        ("husk", ["husk"]),
        ("rob", []),  # a glob is of the whole word
    ],
)
def test_families_are_found_by_any_of_their_names(
    pattern: str, titles: list[str], built: Path
) -> None:
    with Index(built) as opened:
        assert [row.family.title for row in families_of(opened, pattern)] == titles


def test_the_command_lists_families(built: Path) -> None:
    """One a line; what is not known says so."""
    lines = run("families", "--index", built).stdout.splitlines()
    assert lines[0].split()[:2] == ["family", "organisation"]
    assert len(lines) == 4
    robin, husk, wren = lines[1:]
    for part in ("Finch Lab Robin 2", "NZ", "2023-02-03", "Apache-2.0, MIT", "finch, nest"):
        assert part in robin
    assert "unknown" in husk
    assert "?" in husk
    assert wren.startswith("Nest Wren")
    korean = run("families", "KR", "--index", built).stdout.splitlines()
    assert [line.split() for line in korean[1:]] == [wren.split()]
    nothing = run("families", "no*such", "--index", shutil.copy(built, built.with_name("copy.db")))
    assert nothing.exit_code == 0
    assert "no family is like no*such; see all" in nothing.output
    assert "'provenance families --index FILE'" in nothing.output, "not those of the default one"


def test_the_command_lists_those_of_another_index(built: Path, out: Path) -> None:
    """``--index`` instead of the default one; without a manifest nobody is known."""
    folder = out / "ours"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "owl.py").write_text(program(5))
    path = out / "ours.db"
    assert run("index", "build", folder, "-o", path).exit_code == 0
    lines = run("families", "--index", path).stdout.splitlines()
    assert len(lines) == 2
    assert lines[1].split()[:2] == ["owl", "unknown"]
