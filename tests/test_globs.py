"""Globs, and the rules of .gitignore: what they mean, in bounded time."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest
from ending import ends
from pathspec import GitIgnoreSpec
from sources import (
    opened,
    paths,
    put,
    put_zip,
    reasons,
)

from provenance.errors import UsageError
from provenance.patterns import Patterns, expand_braces, spec_of
from provenance.source import open_source


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
