"""Every kind of source yields the same files; what is bad is told and nothing else is lost."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from ending import ends
from hypothesis import example, given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec
from sources import (
    EXPECTED,
    KINDS,
    all_read,
    needs_posix,
    opened,
    paths,
    put,
    put_tar,
    put_zip,
    reasons,
)

from provenance.decode import printable, shown
from provenance.errors import SourceError, UsageError
from provenance.folder import IN_THE_SAME_TREE, find_named
from provenance.limits import Limits
from provenance.model import Skipped, SourceFile
from provenance.patterns import Patterns, _beginning, expand_braces, spec_of
from provenance.regular import MOST_DEEP, passed, real_path
from provenance.release import from_metadata, from_project, license_of, normalised
from provenance.source import open_named, open_source


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_yield_the_same_files_sorted_and_again(kind: str, tmp_path: Path) -> None:
    source = opened(KINDS[kind](tmp_path))
    for _ in range(2):
        found = [file for file in source.files() if isinstance(file, SourceFile)]
        assert {file.path: file.content for file in found} == EXPECTED
        assert [file.path for file in found] == sorted(EXPECTED)
    assert source.total == 4


@pytest.mark.parametrize("kind", KINDS)
def test_patterns_hold_for_all_kinds(kind: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path)
    assert paths(opened(path, include=["pkg/*"])) == ["pkg/a.py", "pkg/b.py", "pkg/models/x.py"]
    assert paths(opened(path, include=["pkg/{models,none}/*"])) == ["pkg/models/x.py"]
    assert paths(opened(path, include=["pkg"], exclude=["b.py", "pkg/models/"])) == ["pkg/a.py"]
    assert opened(path, include=["nowhere/*"]).total == 0
    taken_back = ["*.py", "pkg/models/", "!pkg/models/x.py"]
    assert paths(opened(path, exclude=taken_back)) == ["pkg/models/x.py"]


@pytest.mark.parametrize("kind", ["wheel", "zipped sdist", "tar.gz", "tar.xz"])
def test_archives_say_what_release_they_are(kind: str, tmp_path: Path) -> None:
    source = opened(KINDS[kind](tmp_path))
    release = source.release
    assert (release.package, release.version, release.license) == ("my-pkg", "1.0", "Apache-2.0")
    assert (release.date, release.date_source) == ("2024-03-01", "archive")
    assert release.sha256 is not None
    assert {f.modified for f in source.files() if isinstance(f, SourceFile)} == {"2024-03-01"}


@pytest.mark.parametrize(
    "moment",
    [
        (1980, 1, 1, 0, 0, 0),
        (2016, 1, 1, 0, 0, 0),
        (2020, 2, 2, 0, 0, 0),
        (2022, 11, 9, 12, 37, 20),
    ],
)
def test_days_that_tools_write_for_no_day_are_none(
    moment: tuple[int, int, int, int, int, int], tmp_path: Path
) -> None:
    info = zipfile.ZipInfo("a.py", moment)
    source = opened(put_zip(tmp_path / "a-1.zip", [(info, "")]))
    assert (source.release.date, source.release.date_source) == (None, "none")
    assert [f.modified for f in source.files() if isinstance(f, SourceFile)] == [None]


@pytest.mark.parametrize(
    ("seconds", "day"),
    [
        (315_619_200, None),  # Nix
        (499_162_500, None),  # npm
        (946_684_800, None),  # bazel
        (1_153_704_088, None),  # maturin
        (1_153_704_208, "2006-07-24"),
        (1_580_601_600, None),  # hatch
        (1_667_997_441, None),  # scikit-build-core
        (1_667_951_999, "2022-11-08"),
        (1_667_997_600, "2022-11-09"),
    ],
)
def test_moments_that_tools_write_for_none_date_nothing(
    seconds: int, day: str | None, tmp_path: Path
) -> None:
    """What was borrowed yesterday was older than its source: audits were clean."""
    info = tarfile.TarInfo("a-1/a.py")
    info.mtime = seconds
    assert opened(put_tar(tmp_path / "a-1.tar", [(info, "")], "w")).release.date == day


@pytest.mark.parametrize("seconds", [0, -1e300, 1e300])
def test_times_that_are_none_do_no_harm(seconds: float, tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.py")
    info.mtime = seconds
    info.pax_headers = {"mtime": str(seconds)}
    source = opened(put_tar(tmp_path / "a.tar", [(info, "")], "w"))
    assert source.release.date is None
    assert paths(source) == ["a.py"]


def test_newest_member_dates_the_release(tmp_path: Path) -> None:
    members = [zipfile.ZipInfo(f"{year}.py", (year, 5, 6, 0, 0, 0)) for year in (2021, 2023, 2022)]
    source = opened(put_zip(tmp_path / "a.zip", [(one, "") for one in members]))
    assert source.release.date == "2023-05-06"


def test_digest_is_of_the_bytes_as_found(tmp_path: Path) -> None:
    from hashlib import sha256

    (file,) = opened(put(tmp_path, "a.py", text="a\r\n")).files()
    assert isinstance(file, SourceFile)
    assert file.sha256 == sha256(b"a\r\n").hexdigest()


# --- one file, one notebook ---------------------------------------------------------------


def test_a_file_that_is_named_is_read_whatever_its_ending(tmp_path: Path) -> None:
    put(tmp_path, "tool", "stub.pyi")
    for name in ("tool", "stub.pyi"):
        assert paths(opened(tmp_path / name)) == [name]
    assert opened(tmp_path / "stub.pyi").release.package == "stub"
    assert opened(tmp_path / "tool", exclude=["*"]).total == 0


def test_notebook_has_cells(tmp_path: Path) -> None:
    cells = [{"cell_type": "markdown", "source": ""}, {"cell_type": "code", "source": ["a = 1"]}]
    put(tmp_path, "n.ipynb", text=json.dumps({"nbformat": 4, "cells": cells}))
    put(tmp_path, "bad.ipynb", text="{")
    for source in (opened(tmp_path), opened(tmp_path / "n.ipynb")):
        files = {f.path: f for f in all_read(source) if isinstance(f, SourceFile)}
        assert (files["n.ipynb"].content, files["n.ipynb"].cells) == (b"a = 1\n", ((2, 1),))
    assert "no valid JSON" in reasons(opened(tmp_path))["bad.ipynb"]


def test_code_of_a_notebook_is_bounded_too(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "source": "a" * 2000}
    put(tmp_path, "n.ipynb", text=json.dumps({"cells": [cell]}))
    assert "2,000 bytes" in reasons(opened(tmp_path, limits=Limits(max_file_bytes=1000)))["n.ipynb"]


@pytest.mark.parametrize("name", ["missing", "a==1.0", "https://u:secret@h/x.whl", "a\0b", ""])
def test_what_cannot_be_opened_is_told_with_what_was_expected(name: str) -> None:
    with pytest.raises(SourceError, match=r"expected|pypi:a==1\.0") as caught:
        open_source(name)
    assert "secret" not in str(caught.value)


# --- directories --------------------------------------------------------------------------


def test_folders_that_hold_no_code_of_the_project_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "env/lib/b.py", "env/pyvenv.cfg", "conda/conda-meta/x", "conda/c.py")
    for name in (".git", ".hg", "__pycache__", ".mypy_cache", ".tox", "node_modules"):
        put(tmp_path, f"{name}/d.py", f"deep/{name}/d.py")
    assert [f.path for f in opened(tmp_path).files() if isinstance(f, SourceFile)] == ["a.py"]
    assert paths(opened(tmp_path / "env")) == ["lib/b.py"], "named by the user, it is read"
    assert paths(opened(tmp_path / "node_modules")) == ["d.py"]


def test_archives_leave_out_the_same_folders(tmp_path: Path) -> None:
    names = ["a.py", "env/lib/b.py", "env/pyvenv.cfg", ".tox/c.py", "x/node_modules/c.py"]
    assert paths(opened(put_zip(tmp_path / "a.zip", [(n, "") for n in names]))) == ["a.py"]


def test_nested_gitignore_files_and_negation(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "gen/b.py", "sub/a.py", "sub/keep_gen/c.py", "sub/x_gen/d.py", "y_gen.py")
    put(tmp_path, ".gitignore", text="# remark\ngen/\n*_gen*\n/a.py\n")
    put(tmp_path, "sub/.gitignore", text="!keep_gen\n")
    assert paths(opened(tmp_path)) == ["sub/a.py", "sub/keep_gen/c.py"]


def test_rules_from_above_up_to_the_git_root_hold(tmp_path: Path) -> None:
    put(tmp_path, ".gitignore", text="*.py")  # above the git root: does not count
    root = tmp_path / "repo"
    put(root, ".gitignore", text="/src/pkg/a.py\nbuild/\n")
    put(root, "src/.gitignore", text="b.py\n")
    put(root, ".git/info/exclude", text="c.py\n")
    put(root / "src" / "pkg", "a.py", "b.py", "c.py", "d.py")
    put(root, "build/lib/e.py")
    assert paths(opened(root / "src" / "pkg")) == ["d.py"]
    assert paths(opened(root)) == ["src/pkg/d.py"]
    assert paths(opened(root / "build" / "lib")) == ["e.py"], "named by the user, it is read"


def test_gitignore_that_cannot_be_read_is_told_and_bad_lines_are_passed_over(
    tmp_path: Path,
) -> None:
    put(tmp_path, "a.py", "b.py")
    (tmp_path / ".gitignore").write_bytes(b"\xef\xbb\xbfa.py\n!\n\xff\xfe\n[z-a]\n//\n")
    assert paths(opened(tmp_path)) == ["b.py"]
    os.remove(tmp_path / ".gitignore")
    (tmp_path / ".gitignore").mkdir()
    told = reasons(opened(tmp_path))[".gitignore"]
    assert "a folder" in told
    assert told.endswith("; shorten or remove it"), "no --exclude helps"


@pytest.mark.skipif(sys.platform == "win32", reason="needs names that Windows refuses")
def test_files_whose_names_are_shown_alike_are_told_apart(tmp_path: Path) -> None:
    """Results are known by what is shown: the verdict on one would be told of the other."""
    for name in ("a\tb.py", "a\\tb.py", "c\\x81.py", "c.py"):
        (tmp_path / name).write_text("x = 1\n", "utf-8")
    (tmp_path / os.fsdecode(b"c\x81.py")).write_text("x = 2\n", "utf-8")
    (tmp_path / "c\x81.py").write_text("x = 3\n", "utf-8")
    found = [(one.path, isinstance(one, Skipped)) for one in opened(tmp_path).files()]
    alike = [("c\\x81.py", False), ("c\\x81.py", True), ("c\\x81.py", True)]
    assert found == [("a\\tb.py", False), ("a\\tb.py", True), ("c.py", False), *alike]
    assert "shown as that of another file" in reasons(opened(tmp_path))["a\\tb.py"]


@pytest.mark.parametrize("bound", ["_MOST_IGNORE_LINES", "_MOST_IGNORE_BYTES"])
def test_rules_of_one_tree_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """Those of each folder are kept to the end; what is beyond hides nothing, whatever order the
    system lists folders in."""
    monkeypatch.setattr(f"provenance.folder.{bound}", 5 if "LINES" in bound else 15)
    put(tmp_path, ".git/HEAD")
    for name in "dbca":
        put(tmp_path, f"{name}/.gitignore", text="#\n#\nb.py\n")
        put(tmp_path, f"{name}/b.py")
    source = opened(tmp_path)
    told = reasons(source)
    assert {path for path in told if path.endswith("b.py")} == {"d/b.py"}
    assert {path for path, why in told.items() if "expected fewer in one tree" in why} == {
        f"{name}/.gitignore" for name in "abc"
    }


def test_a_line_of_gitignore_ends_where_git_ends_it(tmp_path: Path) -> None:
    """At a line feed, not at every sign that some take for the end of one: what stands behind that
    would be a rule of its own, and hide more than git does."""
    put(tmp_path, "a.py", "b.py", "c.py")
    rules = "".join(f"x{sign}/a.py\n" for sign in "\x0b\x0c\x1c\x85\u2028\r")
    (tmp_path / ".gitignore").write_bytes((rules + "/b.py\r\n").encode())
    assert paths(opened(tmp_path)) == ["a.py", "c.py"]


def _ruled(folder: Path) -> None:
    assert paths(opened(folder)) == ["a" * 200 + ".py"]


def test_a_rule_cannot_hold_a_scan_up(tmp_path: Path) -> None:
    """Wildcards become a regular expression: dozens of them would be tried for years."""
    rules = ["*" * 200 + "z", "**/" * 200 + "none", "*a" * 100 + "z", "a/" * 900]
    for number, rule in enumerate(rules):
        put(tmp_path / str(number), "a" * 200 + ".py", "hidden.py")
        put(tmp_path / str(number), ".gitignore", text=rule + "\nhidden.py\n")
    ends(_ruled, [tmp_path / str(number) for number in range(len(rules))])


def _classified(number: int) -> None:
    said = from_project({"classifiers": [f"License :: a{at}" for at in range(number)]})
    assert said.license == ", ".join(f"a{at}" for at in range(99))[:200]


def test_very_many_licences_of_a_project_are_read_in_time() -> None:
    """Each was looked for among all before it: a megabyte of them took more than a minute."""
    ends(_classified, [300_000])


SLOW_GLOBS = [  # each with a path, which it does not match
    ("a*a*/" * 60 + "b", "/".join(["a" * 60] * 60 + ["c.py"])),
    ("**/" + "a*a*a*/" * 40 + "b", "/".join(["a" * 60] * 60 + ["c.py"])),
    ("**/a/**/a/**/b", "a/" * 2_000 + "c.py"),
    ("*a*a*b", "a" * 4_000 + ".py"),
    ("*[a]*/" * 60 + "b", "/".join(["a" * 60] * 60 + ["c.py"])),
    ("**/" + "*[!b]*?*/" * 40 + "b", "/".join(["a" * 60] * 60 + ["c.py"])),
]


def _unmatched(given: tuple[str, str]) -> None:
    glob, path = given
    assert all(Patterns(exclude=[glob]).wants(path) for _ in range(20))


def test_a_glob_with_few_wildcards_in_each_part_is_held_against_a_path_in_time() -> None:
    """Of many parts each was tried in all its ways with all those of the others, for years: a
    policy, a ``.gitignore`` or a ``REUSE.toml`` could do that by one line."""
    ends(_unmatched, SLOW_GLOBS)


def test_very_many_globs_are_asked_of_links_to_folders_in_time() -> None:
    """Their beginnings were compiled anew for each link, in seconds."""
    wanted = Patterns([f"a{at}/*/b" for at in range(10_000)])
    assert not wanted.wants_within("c/d0")
    compiled = _beginning.cache_info().misses
    assert not any(wanted.wants_within(f"c/d{at}") for at in range(1, 4))
    assert _beginning.cache_info().misses == compiled


def test_globs_match_what_the_expressions_of_pathspec_match() -> None:
    """But for ``/``, which is no sign of a set, as it is none to git."""
    drawn = random.Random(28)
    signs = ["a", "b", "*", "*", "?", "[ab]", "[!a]", "[+-9]", "\\*", "."]
    told = 0
    for _ in range(3_000):
        parts = ["".join(drawn.choices(signs, k=drawn.randrange(1, 6))) for _ in range(4)]
        parts = [drawn.choice((part, part, "**", "*")) for part in parts[drawn.randrange(4) :]]
        line = drawn.choice(("", "/", "**/")) + "/".join(parts) + drawn.choice(("", "/"))
        for plain, ours in zip(
            GitIgnoreSpec.from_lines([line]).patterns, spec_of([line]).patterns, strict=True
        ):
            if plain.regex is None or ours.regex is None:
                continue
            as_git = re.compile(re.sub(r"(?=\[(?:ab|\^a|\+-9)\])", "(?!/)", plain.regex.pattern))
            for _ in range(10):
                path = "/".join("".join(drawn.choices("aab.*", k=3)) for _ in range(5))
                path = path[drawn.randrange(8) :] + drawn.choice(("", "/"))
                found = [regex.search(path) for regex in (as_git, ours.regex)]
                one, two = (
                    match and (match.span(), match.groupdict().get("ps_d")) for match in found
                )
                assert one == two, (line, path)
                told += one is not None
    assert told > 1_000


@pytest.mark.parametrize("back", ["!a/x.py", "./!a/x.py", "{!a/x.py,zz}"])
def test_a_folder_gives_what_an_archive_gives_where_a_glob_takes_back(
    tmp_path: Path, back: str
) -> None:
    """However the glob is written, the folder is walked."""
    names = ["a/x.py", "a/y.py", "b.py"]
    put(tmp_path / "folder", *names)
    packed = put_zip(tmp_path / "a.zip", [(name, "x = 1\n") for name in names])
    for place in (tmp_path / "folder", packed):
        assert paths(open_source(str(place), exclude=["a", back])) == ["a/x.py", "b.py"]


def test_archives_tell_what_they_leave_out(tmp_path: Path) -> None:
    names = ["a.py", "env/lib/b.py", "env/lib/c.py", "env/pyvenv.cfg", "x/node_modules/c.py"]
    source = opened(put_zip(tmp_path / "a.zip", [(name, "") for name in names]))
    assert reasons(source).keys() == {"env/", "x/node_modules/"}


@needs_posix
def test_no_symbolic_link_is_followed_and_every_one_is_told(tmp_path: Path) -> None:
    outside = put(tmp_path / "outside", "secret.py")
    root = put(tmp_path / "root", "a.py", "sub/b.py")
    (root / "same.py").symlink_to("a.py")
    (root / "out.py").symlink_to(outside / "secret.py")
    (root / "outfolder").symlink_to(outside)
    (root / "infolder").symlink_to("sub")
    (root / "sub" / "loop").symlink_to("..")
    (root / "self.py").symlink_to("self.py")
    (root / "nowhere.py").symlink_to("missing")
    (root / "readme.txt").symlink_to("a.py")
    source = opened(root)
    assert paths(source) == ["a.py", "sub/b.py"]
    told = reasons(source)
    assert told.keys() == {
        "infolder",
        "nowhere.py",
        "out.py",
        "outfolder",
        "same.py",
        "self.py",
    } | {"sub/loop"}
    for name in ("same.py", "infolder", "sub/loop"):
        assert "of the same tree" in told[name]
    for name in ("out.py", "outfolder"):
        assert "outside the tree" in told[name]
    for name in ("self.py", "nowhere.py"):
        assert "leads nowhere" in told[name]


@needs_posix
@pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")
def test_a_chain_of_links_that_no_system_follows_is_told(tmp_path: Path) -> None:
    """Python follows it, by a call in another for each link: a fault of ours, of 1,000 of them; or,
    since 3.13, in time by the square. One of fewer that the system does follow is told as well."""
    put(tmp_path, "own.py")
    (tmp_path / "x").mkdir()
    for number in range(1_500):
        (tmp_path / "x" / str(number)).symlink_to(f"{number + 1}")
    for name in ("a.py", "b.ipynb", "NOTICE"):
        (tmp_path / name).symlink_to("x/0")
    for number in range(9):  # fewer links, of as many steps
        (tmp_path / "x" / f"y{number}").symlink_to(f"{'../x/' * 500}y{number + 1}")
    (tmp_path / "x" / "y9").symlink_to("../own.py")
    (tmp_path / "c.py").symlink_to("x/y0")
    (tmp_path / ".git").write_text("gitdir: missing/../x/0\n")
    source = opened(tmp_path)
    assert paths(source) == ["own.py"]
    assert {path: "leads nowhere" in why for path, why in reasons(source).items()} == {
        **{"a.py": True, "b.ipynb": True, "c.py": True},
    }
    assert [str(one) for one in source.notices() if "leads nowhere" in str(one)]
    with pytest.raises(SourceError):
        opened(tmp_path / "a.py")


@pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")
@given(
    st.dictionaries(
        st.sampled_from("abcd"),
        st.lists(
            st.sampled_from(["a", "b", "c", "d", "..", ".", "f", "/"]), min_size=1, max_size=4
        ),
    ),
    st.lists(st.sampled_from(["a", "b", "c", "d", "..", "f", "g"]), min_size=1, max_size=5),
)
@example({"a": ["/"]}, ["a"])
@example({"a": ["/"]}, ["a", "f"])
def test_a_path_without_links_is_what_python_says(
    links: dict[str, list[str]], way: list[str]
) -> None:
    """But for links in a loop, which are followed some times and no further."""
    with TemporaryDirectory() as place:
        Path(place, "f", "g").mkdir(parents=True)
        for name, parts in links.items():
            target = "/".join(parts).replace("//", f"{place}/")
            Path(place, name).symlink_to(target)
        path = os.path.join(place, *way)
        expected = os.path.realpath(path)
        assert real_path(path) == expected or not os.path.exists(path)
        assert [*passed(path)][-1] == expected or not os.path.exists(path)


def test_a_link_to_what_is_not_looked_at_is_no_link_to_what_is(tmp_path: Path) -> None:
    """Python in a file of another ending, in the data of git or where a glob leaves it out is run
    through a link, and would be scanned nowhere."""
    put(tmp_path, "a.py", "data/weights.bin", ".git/x/b.py", "lib/c.py")
    for name, target in {
        "model.py": "data/weights.bin",
        "b.py": ".git/x/b.py",
        "pkg": ".git/x",
        "c.py": "lib/c.py",
        "lib2": "lib",
        "same.py": "a.py",
        "a.ipynb": "a.py",  # which may be a notebook
    }.items():
        (tmp_path / name).symlink_to(target)
    told = reasons(open_source(str(tmp_path)))
    lost = {name for name, reason in told.items() if not reason.endswith(IN_THE_SAME_TREE)}
    assert lost == {"model.py", "b.py", "pkg", "a.ipynb"}
    assert "it is no notebook file" in told["a.ipynb"]
    told = reasons(open_source(str(tmp_path), exclude=["lib/"]))
    lost = {name for name, reason in told.items() if not reason.endswith(IN_THE_SAME_TREE)}
    assert lost == {"model.py", "b.py", "pkg", "c.py", "lib2", "a.ipynb"}
    told = reasons(open_source(str(tmp_path), only=["same.py"]))
    assert told["same.py"].endswith(IN_THE_SAME_TREE)


@needs_posix
@pytest.mark.parametrize("only", [None, ["a.py", "pkg", "LICENSE"]])
@pytest.mark.parametrize("where", ["made", ".venv", "kept/made", "kept/deep/node_modules"])
def test_a_link_to_what_is_left_out_is_no_link_to_what_is_read(
    where: str, only: list[str] | None, tmp_path: Path
) -> None:
    """What git ignores, environments and others' code are built into a package through a link."""
    root = put(tmp_path, "kept/x.py", f"{where}/m.py", f"{where}/in/LICENSE")
    put(root, ".gitignore", text="made\n")
    if where == ".venv":
        put(root, ".venv/pyvenv.cfg")
    for name, target in {
        "a.py": f"{where}/m.py",
        "pkg": f"{where}/in",
        "same.py": "kept/x.py",
        "same": "kept",
    }.items():
        (root / name).symlink_to(target)
    (root / "LICENSE").symlink_to(f"{where}/in/LICENSE")
    told = reasons(open_source(str(root), only=only))
    lost = {name for name, reason in told.items() if "is not looked at there" in reason}
    assert lost == {"a.py", "pkg"}
    (notice,) = open_source(str(root), only=only).notices()
    assert isinstance(notice, Skipped)
    assert notice.path == "LICENSE"
    assert "is not looked at there" in notice.reason


@needs_posix
@pytest.mark.parametrize(
    ("include", "target", "told"),
    [
        (["src/"], "lib", "lost"),
        (["src/**/*.py"], "lib", "lost"),
        (["src/x/a.py"], "lib", "lost"),
        (["src/?/*.py", "!a"], "lib", "lost"),
        (["*.py"], "lib", "same"),
        (["*.{py,ipynb}"], "lib", "same"),
        (["a.py", "src"], "lib", "lost"),
        (["*.py"], "../outside", "lost"),
        (["src/y/*.py"], "lib", ""),
        (["src/*.py"], "lib", ""),
        (["lib/**"], "lib", ""),
    ],
)
def test_a_link_to_a_folder_is_told_where_a_glob_wants_a_file_behind_it(
    include: list[str], target: str, told: str, tmp_path: Path
) -> None:
    """Were it a folder, that file would be read: what globs say of it alone is not enough."""
    put(tmp_path / "outside", "a.py")
    root = put(tmp_path / "root", "lib/a.py", "src/b.py")
    (root / "src" / "x").symlink_to(root / target)
    reason = reasons(open_source(str(root), include=include)).get("src/x", "")
    assert (("same" if reason.endswith(IN_THE_SAME_TREE) else "lost") if reason else "") == told
    assert "src/x" not in reasons(open_source(str(root), include=include, exclude=["src/x"]))


@needs_posix
def test_a_source_that_is_itself_a_link_is_followed(tmp_path: Path) -> None:
    put(tmp_path / "real", "a.py")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file").symlink_to("real/a.py")
    assert paths(opened(tmp_path / "link")) == ["a.py"]
    assert opened(tmp_path / "link").release.package == "real"
    assert paths(opened(tmp_path / "file")) == ["file"]


@needs_posix
def test_pipes_sockets_and_devices_are_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    put(tmp_path, "a.py")
    os.mkfifo("fifo.py")
    os.mkfifo(".gitignore")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.py")
        told = reasons(opened(tmp_path))
    assert "named pipe" in told["fifo.py"]
    assert "named pipe" in told[".gitignore"]
    assert "socket" in told["socket.py"]
    for name in ("fifo.py", os.devnull):
        with pytest.raises(SourceError, match=r"neither a file nor a directory"):
            open_source(name)


def test_file_that_vanishes_is_told(tmp_path: Path) -> None:
    source = open_source(str(put(tmp_path, "a.py", "b.py")))
    os.remove(tmp_path / "a.py")
    assert "vanished" in reasons(source)["a.py"]
    assert paths(source) == ["b.py"]


@needs_posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read all")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "b.py", "shut/c.py")
    (tmp_path / "a.py").chmod(0)
    (tmp_path / "shut").chmod(0)
    try:
        told = reasons(opened(tmp_path))
        assert told.keys() == {"a.py", "shut/"}
        assert "give read permission" in told["a.py"]
        with pytest.raises(SourceError, match=r"give read permission"):
            open_source(str(tmp_path / "a.py"))
        with pytest.raises(SourceError, match=r"give read permission"):
            open_source(str(tmp_path / "shut"))
    finally:
        (tmp_path / "shut").chmod(stat.S_IRWXU)


def test_what_the_system_refuses_to_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for root, who may read all: the system call fails."""
    put(tmp_path, "a.py", "b.py", "shut/c.py")
    real_open = os.open

    def refuse(path: str, *more: int, **where: int) -> int:
        if str(path).endswith(("a.py", "shut")):
            raise PermissionError(13, "Permission denied")
        return real_open(path, *more, **where)

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "supports_dir_fd", {*os.supports_dir_fd, refuse})
    told = reasons(opened(tmp_path))
    assert told.keys() == {"a.py", "shut/"}
    assert all("(Permission denied); give read permission" in one for one in told.values())


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EMFILE, "more open files (ulimit -n)"),
        (errno.ENFILE, "end other programs"),
        (errno.ENOMEM, "free some memory"),
        (errno.EIO, "look at the disk"),
    ],
)
def test_what_no_file_is_to_blame_for_asks_for_no_permission(
    number: int, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.py", "b/c.py")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refuse)
        with pytest.raises(SourceError, match=re.escape(remedy)) as told:
            open_source(str(tmp_path))
    assert "permission" not in str(told.value)
    source = open_source(str(tmp_path))
    monkeypatch.setattr("provenance.regular.os.open", refuse)
    assert all(remedy in one for one in reasons(source).values())


@pytest.mark.parametrize("sign", ["\U0001fae9", "\u1c8a", "\U000323b0", "\u0378"])
def test_a_sign_that_is_newer_than_python_is_shown_as_it_is(sign: str) -> None:
    """It was an escape in older releases of Python: another path, and another index."""
    assert shown(f"a{sign}.py") == f"a{sign}.py"


@pytest.mark.parametrize("sign", ["\u0890", "\ufdd0", "\ufff3", "\U000e0001", "\U0001fffe"])
def test_what_no_release_of_python_shows_is_shown_by_none(sign: str) -> None:
    """Though older ones do not know that Unicode calls it a control."""
    assert shown(sign) == sign.encode("unicode_escape").decode()


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no Unicode")
def test_names_that_are_no_unicode_are_shown_with_escapes(tmp_path: Path) -> None:
    for name in (b"caf\xe9.py", b"a\nb\x1b.py", "日本.py".encode()):
        with open(os.path.join(os.fsencode(tmp_path), name), "w") as file:
            file.write("x = 1\n")
    assert paths(opened(tmp_path)) == [r"a\nb\x1b.py", r"caf\xe9.py", "日本.py"]


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1))
def test_a_shown_path_can_be_printed(name: str) -> None:
    assert all(map(printable, shown(name)))
    shown(name).encode()


def test_files_are_sorted_by_the_bytes_of_their_paths(tmp_path: Path) -> None:
    names = ["a/b.py", "a.py", "a-b.py", "B.py", "ä.py", "a0.py", "\U0001f600.py", "\uffee.py"]
    expected = sorted(names, key=str.encode)
    assert paths(opened(put(tmp_path / "d", *names))) == expected
    members = [(name, "") for name in names]
    assert paths(opened(put_zip(tmp_path / "a.zip", members))) == expected
    assert paths(opened(put_tar(tmp_path / "a.tar.gz", members))) == expected


def test_a_deep_tree_is_walked_without_recursion(tmp_path: Path) -> None:
    deep = "d/" * 100
    limit = sys.getrecursionlimit()
    put(tmp_path, deep + "a.py")
    sys.setrecursionlimit(200)
    try:
        found = [f.path for f in open_source(str(tmp_path)).files()]
    finally:
        sys.setrecursionlimit(limit)
    assert found == [deep + "a.py"]


def test_files_that_are_too_large_are_told_with_size_and_remedy(tmp_path: Path) -> None:
    put(tmp_path, "big.py", text="x" * 1001)
    put(tmp_path, "fits.py", text="x" * 1000)
    limits = Limits(max_file_bytes=1000)
    for place in (tmp_path, put_zip(tmp_path / "a.zip", [("big.py", "x" * 1001), ("fits.py", "")])):
        source = opened(place, limits=limits)
        assert paths(source) == ["fits.py"]
        assert "1,001 bytes, expected at most 1,000" in reasons(source)["big.py"]
        assert "split the file or leave it out with --exclude" in reasons(source)["big.py"]


def test_a_line_of_fifty_megabytes_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "line.py", "wb") as file:
        file.truncate(50_000_000)
    assert "50,000,000 bytes" in reasons(opened(tmp_path))["line.py"]


def test_a_folder_is_the_project_its_pyproject_names(tmp_path: Path) -> None:
    root = put(tmp_path / "my_folder", "a.py")
    assert opened(root).release.package == "my_folder"
    text = '[project]\nname = "My.Project"\nversion = "2.1"\nlicense = {text = "MIT License"}\n'
    put(root, "pyproject.toml", text=text)
    release = opened(root).release
    assert (release.package, release.version, release.license) == ("my-project", "2.1", "MIT")
    for bad in ("[project", "project = 3", "[project]\nname = 3\nlicense = [1]\nclassifiers = 1"):
        put(root, "pyproject.toml", text=bad)
        assert opened(root).release.package == "my_folder"


# --- patterns and metadata ----------------------------------------------------------------


def test_braces_are_spelt_out() -> None:
    assert expand_braces(["m/{a,b{1,2}}/*"]) == ["m/a/*", "m/b1/*", "m/b2/*"]
    assert expand_braces(["{a}", "{", "a,b}", "{a,}x"]) == ["{a}", "{", "a,b}", "ax", "x"]
    escaped = expand_braces([r"{x\{1\},y\,z}/*", r"\{a,b}", r"\\{a,b}"])
    assert escaped == [r"x\{1\}/*", r"y\,z/*", r"\{a,b}", r"\\a", r"\\b"]
    with pytest.raises(UsageError, match=r"alternative in braces"):
        expand_braces(["{a,b}" * 40])
    many = [str(number) for number in range(10_001)]
    assert expand_braces(many[1:]) == many[1:]
    with pytest.raises(UsageError, match=r"more than 10,000 globs.*; name folders, or use \*"):
        expand_braces(many)


def test_star_does_not_cross_a_slash_but_a_folder_holds_all_in_it() -> None:
    assert Patterns(["models/*.py"]).wants("models/a.py")
    assert not Patterns(["models/*.py"]).wants("models/llama/a.py")
    assert Patterns(["models/*"]).wants("models/llama/a.py")
    assert Patterns(["models/**/a.py"]).wants("models/x/y/a.py")
    assert Patterns(["./models/"]).wants("models/a.py")
    assert Patterns(["modeling_*.py"]).wants("models/llama/modeling_llama.py")
    assert not Patterns(["models/*", "!*_test.py"]).wants("models/a_test.py")


def test_a_glob_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"found a glob that cannot be read"):
        open_source(str(tmp_path), include=["!"])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Apache", "Apache-2.0"),
        ("Apache 2.0 License", "Apache-2.0"),
        ("Apache License 2.0", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apache-2.0", "Apache-2.0"),
        ("Apache License v2.0", "Apache-2.0"),
        ("Apache Software License", "Apache-2.0"),
        ("MIT", "MIT"),
        ("The MIT License (MIT)", "The MIT License (MIT)"),
        ("MIT License\n\nCopyright (c) me", "MIT"),
        ("BSD", "BSD"),
        ("BSD-3-Clause", "BSD-3-Clause"),
        ("GPLv3", "GPLv3"),
        ("UNKNOWN", None),
        ("", None),
        (None, None),
        ("words " * 50, None),
    ],
)
def test_licences_said_plainly_become_spdx(words: str | None, expected: str | None) -> None:
    assert license_of(words) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: x", "MIT OR Apache-2.0"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License", "MIT"),
        ("Classifier: License :: OSI Approved :: Apache Software License", "Apache-2.0"),
        ("Classifier: License :: OSI Approved :: BSD License", "BSD License"),
        ("Classifier: License :: OSI Approved", None),
        ("Classifier: Topic :: Utilities", None),
    ],
)
def test_licence_of_the_metadata(lines: str, expected: str | None) -> None:
    assert from_metadata(f"Name: a\n{lines}\n\nbody".encode()).license == expected


def test_a_name_that_is_longer_than_any_is_none() -> None:
    """It stood in a report with every finding: 16 MB for eight of them."""
    for text, found in (("n" * 200, "n" * 200), ("n" * 201, None)):
        said = [
            from_metadata(f"Name: {text}\nVersion: {text}\n".encode()),
            from_project({"name": text, "version": text}),
        ]
        assert [(one.name, one.version) for one in said] == [(found, found)] * 2


@given(st.binary(max_size=200))
def test_no_metadata_crash_and_all_is_one_printable_line(data: bytes) -> None:
    described = from_metadata(b"Name: " + data + b"\nLicense: " + data)
    for value in (described.name, described.version, described.license):
        assert value is None or (all(map(printable, value)) and value)


def test_names_have_one_spelling() -> None:
    assert normalised("Open__CLIP.-torch") == "open-clip-torch"


# --- the cost of importing ----------------------------------------------------------------


def test_importing_the_stage_imports_no_reader() -> None:
    """What a kind of source needs is imported when one is opened."""
    late = "zipfile tarfile json subprocess pathspec email platformdirs gzip lzma tempfile numpy"
    code = (
        "import sys; before = set(sys.modules); import provenance.source; "
        f"print([name for name in {late.split()!r} if name in sys.modules.keys() - before])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="opens no folders")
@pytest.mark.parametrize("where", ["a", "a/b"])
def test_a_folder_that_became_a_link_since_it_was_listed_is_not_followed(
    where: str, tmp_path: Path
) -> None:
    """Wherever it stands on the way; neither for a file nor for a notice."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for root, text in ((inside, "x = 1\n"), (outside, "secret = 1\n")):
        put(root, "a/b/m.py", "a/b/NOTICE", "other.py", text=text)
    source = open_source(str(inside))
    (inside / where).rename(tmp_path / "gone")
    (inside / where).symlink_to(outside / where, target_is_directory=True)
    found = {one.path: one for one in source.files()}
    assert isinstance(found["other.py"], SourceFile)
    for one in (found["a/b/m.py"], *source.notices()):
        assert isinstance(one, Skipped)
        assert "cannot be read" in one.reason


@pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="opens no folders")
def test_a_folder_that_becomes_a_link_while_it_is_listed_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = put(tmp_path / "inside", "a/b/m.py"), put(tmp_path / "outside", "b/secret.py")

    def swaps(*given: object) -> None:
        if not (inside / "a").is_symlink():
            (inside / "a").rename(tmp_path / "gone")
            (inside / "a").symlink_to(outside, target_is_directory=True)

    monkeypatch.setattr("provenance.folder._why_not", swaps)
    (told,) = open_source(str(inside)).files()
    assert isinstance(told, Skipped)
    assert told.path == "a/"
    assert "cannot be read" in told.reason


def test_named_files_are_read_without_a_look_at_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all the guards of a listing, whatever a saved report names; a name as it is shown."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for place in (root / "a", root / ".git", root / "c\td", outside):
        place.mkdir(parents=True)
        (place / "x.py").write_text(f"place = {place.name!r}\n")
    (root / "a" / "x.txt").write_text("no code")
    (root / "large.py").write_text("#" * 2_000)
    (root / "c\td" / "y\tz.py").write_text("escaped = 1\n")
    (root / "c\\td").mkdir()
    (root / "c\\td" / "y\\tz.py").write_text("plain = 1\n")
    (root / "link.py").symlink_to(outside / "x.py")
    (root / "folder").symlink_to(outside)
    (root / "folder.py").mkdir()
    os.mkfifo(root / "pipe.py")
    asked = (
        "a/x.py", "a/x.txt", ".git/x.py", "a/../.git/x.py", "../outside/x.py", "./a/x.py",
        "a//x.py",
        str(outside / "x.py"), "link.py", "folder/x.py", "folder.py", "pipe.py", "large.py", "",
        "gone.py", "gone/x.py", "a/x.py/x.py", "a\0.py", "\udc80.py", "\ud800.py", "c\td/y\tz.py",
        "c\\td/y\\tz.py", "n" * 5_000 + ".py",
    )  # fmt: skip
    monkeypatch.setattr("provenance.source.list_folder", None)
    opened = open_named(str(root), asked, limits=Limits(max_file_bytes=1_000))
    found = [one for one in opened.files() if isinstance(one, SourceFile)]
    assert [(one.path, one.content) for one in found] == [
        ("a/x.py", b"place = 'a'\n"),
        ("c\\td/y\\tz.py", b"escaped = 1\n"),
        ("c\\td/y\\tz.py", b"plain = 1\n"),
    ]
    assert opened.total == len(list(opened.files()))
    monkeypatch.setattr(os, "supports_dir_fd", set())  # as on Windows
    opened = open_named(str(root), asked, limits=Limits(max_file_bytes=1_000))
    assert [one for one in opened.files() if isinstance(one, SourceFile)] == found


@needs_posix
def test_folders_that_are_shown_alike_take_no_time_by_the_square(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do the names that are asked for in them, as many as a baseline has."""
    folders = [""]
    for _ in range(6):
        folders = [f"{one}{name}/" for one in folders for name in ("a\n", "a\\n")]
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folders[1] / "x1.py").touch()
    joined: list[str] = []
    join = os.path.join

    def counted(first: str, *parts: str) -> str:
        joined.append(first)
        return join(first, *parts)

    monkeypatch.setattr(os.path, "join", counted)
    shown_so = "a\\n/" * 6
    found = find_named(str(tmp_path), [f"{shown_so}x{number}.py" for number in range(1_000)])
    assert found == [(f"{shown_so}x1.py", join(str(tmp_path), folders[1], "x1.py"))]
    assert len(joined) < 200


def test_who_may_not_read_is_not_told_to_spell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever tests as root may read all."""

    def forbidden(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "stat", forbidden)
    with pytest.raises(SourceError, match="give permission to read it"):
        open_source(str(tmp_path / "a.py"))


LFS = f"version https://lfs.example/v1\noid sha256:{'0' * 64}\nsize 1\n"
ANNEX = "/annex/objects/SHA256E-s1--00.py\n"


@pytest.mark.parametrize("name", ["m.py", "m.ipynb"])
@pytest.mark.parametrize(
    ("text", "command"),
    [
        (LFS, "git lfs pull"),
        (LFS.replace("\n", "\r\n"), "git lfs pull"),  # by eol=crlf in .gitattributes
        ("\n" + LFS.replace("\n", "\n\n"), "git lfs pull"),
        ("\N{NO-BREAK SPACE}" + LFS.replace("\n", f"\next-0-a sha256:{'1' * 64}\n", 1), "git lfs"),
        (LFS + " " * 2000 + "\nx = 1\n", "git lfs pull"),
        (f"ext-0-a sha256:{'1' * 64}\n" + LFS, "git lfs pull"),
        (ANNEX, "git annex get"),
        (ANNEX.replace("\n", "\r\n"), "git annex get"),
        (ANNEX + "/annex/more\n", "git annex get"),
        ("# .git" + ANNEX, "git annex get"),
        ("# .git" + ANNEX + "x = 1  # /annex/\n" * 1000, "git annex get"),
        ("#/annex/objects/WORM-s1-m1--a b.py\n", "git annex get"),
        (f"#$# git-fat {'0' * 40}                   1\n", "git fat pull"),
        (f"#$# git-fat {'0' * 40}                    1\n" + "x = 1\n" * 1000, "git fat pull"),
        (f"# xet version 0\nfilesize = 1\nhash = '{'0' * 64}'\n", "git xet checkout"),
        (f"# xet version 0\n{'#' * 2000}\nfilesize = 1\n'hash'='x'\n", "git xet checkout"),
    ],
)
def test_a_pointer_to_content_that_is_elsewhere_is_told(
    text: str, command: str, name: str, tmp_path: Path
) -> None:
    """CI fetches no such content unless it is asked to: an audit of three lines was clean. Their
    programs take for a pointer more than they write."""
    told = reasons(open_source(str(put(tmp_path, name, text=text))))
    assert command in told[name]


@pytest.mark.parametrize(
    "text",
    [
        LFS,
        ANNEX,
        "# xet version of the model\n",
        "# xet version 0.1 of the model\n",
        "# xet version 0\nhash = 'x'\n",
        "# in .git/annex/objects/00/11\n",
    ],
)
def test_code_behind_what_looks_like_a_pointer_is_read(text: str, tmp_path: Path) -> None:
    """For no program is it one."""
    assert paths(open_source(str(put(tmp_path, "m.py", text=text + "x = 1\n" * 1000)))) == ["m.py"]


@needs_posix
@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_link_that_is_checked_out_as_text_is_told(tmp_path: Path) -> None:
    """As where a system or a setting has no links: its text is the path of what would be run, and
    may be Python itself."""
    for name, target in (("a.py", "lib/code.txt"), ("b.py", "lib"), ("c.py", "a\nb/c.txt")):
        (tmp_path / name).symlink_to(target)
    for call in (["init", "-q"], ["add", "-A"], ["config", "core.symlinks", "false"]):
        subprocess.run(["git", *call], cwd=tmp_path, check=True)
    for name in ("a.py", "b.py", "c.py"):
        (tmp_path / name).unlink()
    subprocess.run(["git", "checkout", "-q", "a.py", "c.py"], cwd=tmp_path, check=True)
    put(tmp_path, "b.py", text="x = 1\n" * 1000)  # changed into a file, and not committed yet
    source = open_source(str(tmp_path))
    assert paths(source) == ["b.py"]
    for name in ("a.py", "c.py"):
        assert "checked out as text" in reasons(source)[name]
    put(tmp_path, "a.py")
    for call in (["rm", "-q", "-f", "--cached"], ["add"]):
        subprocess.run(["git", *call, "a.py"], cwd=tmp_path, check=True)
    assert paths(open_source(str(tmp_path))) == ["a.py", "b.py"]


def test_folders_one_in_another_are_entered_so_far_and_no_further(tmp_path: Path) -> None:
    """Each was opened from the root for each that is below: time by the square of how many."""
    root = tmp_path / "root"
    for depth in (MOST_DEEP, MOST_DEEP + 1):
        folder = root.joinpath(*["d"] * depth)
        folder.mkdir(parents=True)
        (folder / "a.py").write_text("a = 1\n")
    read, told = [*open_source(str(root)).files()]
    assert isinstance(read, SourceFile)
    assert isinstance(told, Skipped)
    assert (read.path, told.path) == ("d/" * MOST_DEEP + "a.py", "d/" * (MOST_DEEP + 1))
    assert "stands in more than 100 others" in told.reason
    asked = [f"{'d/' * MOST_DEEP}a.py", f"{'d/' * (MOST_DEEP + 1)}a.py"]
    read, told = [*open_named(str(root), asked).files()]
    assert isinstance(read, SourceFile)
    assert isinstance(told, Skipped)
    assert "stands in more than 100 others" in told.reason
