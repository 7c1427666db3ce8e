"""No symbolic link leads out of a source, or is passed over unsaid."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sources import (
    needs_posix,
    opened,
    paths,
    put,
    reasons,
)

from provenance.errors import SourceError
from provenance.folder import IN_THE_SAME_TREE
from provenance.model import Skipped, SourceFile
from provenance.patterns import Patterns, _beginning
from provenance.regular import passed, real_path
from provenance.source import open_source


def test_very_many_globs_are_asked_of_links_to_folders_in_time() -> None:
    """Their beginnings were compiled anew for each link, in seconds."""
    wanted = Patterns([f"a{at}/*/b" for at in range(10_000)])
    assert not wanted.wants_within("c/d0")
    compiled = _beginning.cache_info().misses
    assert not any(wanted.wants_within(f"c/d{at}") for at in range(1, 4))
    assert _beginning.cache_info().misses == compiled


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
