"""The policy: where it is found, what it refuses and at which line, and what it begins with."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from ending import ends

from provenance import policy
from provenance.errors import UsageError
from provenance.patterns import Patterns
from provenance.policy import find, parsed, read, repository_root
from provenance.report.rules import lessened
from provenance.settings import SETTINGS, Declaration, Policy, starting
from provenance.toml import table_of

PROJECT = "pyproject.toml"


def put(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


# --- where it is found --------------------------------------------------------------------


def test_the_nearest_file_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pyproject.toml that says nothing of it is passed over."""
    monkeypatch.chdir(tmp_path)
    top = put(tmp_path / PROJECT, "[tool.provenance]\n")
    put(tmp_path / "a" / PROJECT, "[project]\nname = 'x'\n")
    deep = tmp_path / "a" / "b"
    deep.mkdir()
    assert find(str(deep)) == top
    own = put(tmp_path / "a" / "provenance.toml", "")
    assert find(str(deep)) == own


def test_without_a_repository_the_working_folder_bounds_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder for all, as that of temporary files, anybody may write one."""
    put(tmp_path / "provenance.toml", "")
    inner = tmp_path / "unpacked" / "src"
    inner.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "unpacked")
    assert find(str(inner)) is None
    own = put(tmp_path / "unpacked" / "provenance.toml", "")
    assert find(str(inner)) == own
    monkeypatch.chdir(inner)
    assert find(str(inner)) is None
    monkeypatch.chdir(tmp_path.parent)
    assert find(str(inner)) == own


def test_two_policies_in_one_folder_are_refused(tmp_path: Path) -> None:
    """Whoever adds one would take away the other. What is no TOML holds no policy."""
    own = put(tmp_path / "provenance.toml", "")
    for text in ("[project]\nname = 'x'\n", "no TOML"):
        put(tmp_path / PROJECT, text)
        assert find(str(tmp_path)) == own
    put(tmp_path / PROJECT, "[tool.provenance]\n")
    with pytest.raises(UsageError, match=r"provenance\.toml: found a policy, .* expected one of"):
        find(str(tmp_path))


def test_a_repository_bounds_the_search(tmp_path: Path) -> None:
    """What stands above a repository is somebody else's."""
    put(tmp_path / "provenance.toml", "")
    inner = tmp_path / "repository" / "src"
    inner.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    assert find(str(inner)) is None


# --- what it says -------------------------------------------------------------------------


def test_every_setting_is_read(tmp_path: Path) -> None:
    values = {
        "choice": '"resembles"',
        "flag": "true",
        "text": '"a"',
        "texts": '["a", "b"]',
        "day": "2026-01-26",
        "number": "333",
    }
    settings = [one for one in SETTINGS if one.key not in ("today", "diff")]
    lines = [f"{one.key} = {values[one.kind]}" for one in settings]
    policy = read(put(tmp_path / "provenance.toml", "\n".join(lines))).policy
    for one in settings:
        expected = {
            "choice": "resembles",
            "flag": True,
            "text": "a",
            "texts": ("a", "b"),
            "day": "2026-01-26",
            "number": 333,
        }[one.kind]
        assert getattr(policy, one.name) == expected


def test_a_declaration_is_read_with_its_line(tmp_path: Path) -> None:
    text = """[tool.provenance]
fail-on = "derived"

[[tool.provenance.declared]]
path = "a.py"
origin = "transformers/llama"

[[tool.provenance.declared]] # the second
symbol = "Mine*"
origin = ["a/b", "c/d"]
license = "MIT"
reason = "why"
expires = 2027-01-01
"""
    policy = read(put(tmp_path / PROJECT, text)).policy
    assert policy.declared == (
        Declaration(("transformers/llama",), path="a.py", line=4),
        Declaration(
            ("a/b", "c/d"),
            symbol="Mine*",
            license="MIT",
            reason="why",
            expires="2027-01-01",
            line=8,
        ),
    )


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("fail-on = 'derived'\nfail_on = 'never'\n", 2, "did you mean fail-on?"),
        ("\n\nzzz = 1\n", 3, "unknown key 'zzz'; expected one of"),
        ("# a\u2028b\x85c\nzzz = 1\n", 2, "unknown key 'zzz'"),
        ("fail-on = 'always'\n", 1, 'expected one of "never", "resembles", "derived"'),
        ("# x\nallow-declared = 'yes'\n", 2, "expected true or false"),
        ("smallest-unit = -1\n", 1, "expected a whole number"),
        ("smallest-unit = true\n", 1, "expected a whole number"),
        ("jobs = 0\n", 1, "expected a whole number"),
        (f"jobs = 0x{'f' * 5_000}\n", 1, "found jobs = 'a number of 20,000 bits', expected"),
        (f"include = [0x{'f' * 5_000}]\n", 1, "found include = '[a number of 20,000 bits]'"),
        (f"index = {{a = 0x{'f' * 5_000}}}\n", 1, "a number of 20,000 bits}"),
        ("timeout = 601\n", 1, "at most 600"),
        ("memory = 16001\n", 1, "at most 16,000"),
        ("include = 'a'\n", 1, "expected a list of strings"),
        ("include = ['a', 1]\n", 1, "expected a list of strings"),
        ("as-of = '2026-13-01'\n", 1, "expected a day"),
        ("as-of = 2026-01-01T00:00:00\n", 1, "expected a day"),
        ("baseline = ''\n", 1, "expected a string"),
        ('baseline = "a\\u0000b"\n', 1, "expected a string"),
        ('notices-file = "a\\u0000b"\n', 1, "expected a string"),
        ('output = ["a\\u0000.json"]\n', 1, "expected a list of strings"),
        ('index = ["a\\u0000.db"]\n', 1, "expected a list of strings"),
        ("declared = 3\n", 1, "expected tables, [[declared]]"),
        ("[[declared]]\npath = 'a'\n", 1, "without origin"),
        ("[[declared]]\norigin = 'a'\n", 1, "without path and symbol"),
        (
            "[[declared]]\npath = 'a'\norigin = 'b'\n[[declared]]\npath = 'a'\nfrom = 'b'\n",
            6,
            "unknown key 'from'",
        ),
        ("[[declared]]\npath = 'a'\norigin = []\n", 3, "expected a string or a list"),
        ("[[declared]]\npath = 'a'\norigin = 'b'\nexpires = 'soon'\n", 4, "expected a day"),
        ("a = 1\na = 2\n", 2, "no valid TOML"),
        ("a = \n", 1, "no valid TOML"),
    ],
)
def test_what_is_not_known_or_of_the_wrong_type_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    path = put(tmp_path / "provenance.toml", text)
    with pytest.raises(UsageError) as refused:
        read(path)
    assert str(refused.value).startswith(f"{path}:{line}: found ")
    assert said in str(refused.value)


def test_a_line_is_that_of_its_own_table(tmp_path: Path) -> None:
    """The same key in another tool's table is not meant."""
    text = "[tool.other]\ninclude = ['a']\n[tool.provenance]\nfail-on = 'never'\ninclude = 3\n"
    with pytest.raises(UsageError, match=r"toml:5: found include"):
        read(put(tmp_path / PROJECT, text))


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "provenance.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(UsageError, match=r"toml:2: found bytes that are no UTF-8"):
        read(str(tmp_path / "provenance.toml"))
    with pytest.raises(UsageError, match="cannot be read"):
        read(str(tmp_path / "nothing.toml"))
    with pytest.raises(UsageError, match=r"no \[tool.provenance\]"):
        read(put(tmp_path / PROJECT, "[project]\n"))


# --- what it is begun with ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "name"), [("", "provenance.toml"), ("tool.provenance", PROJECT)]
)
def test_the_policy_to_begin_with_changes_nothing(prefix: str, name: str) -> None:
    """It says what holds anyway, so that each line can be changed or taken out."""
    found = parsed(starting(prefix), name)
    assert found.policy == Policy()
    assert "baseline" not in found.given, "that would ask for one that is not there"


@pytest.mark.parametrize(
    ("prefix", "name"), [("", "provenance.toml"), ("tool.provenance", PROJECT)]
)
def test_each_example_of_the_policy_to_begin_with_can_be_taken(prefix: str, name: str) -> None:
    """Those that are commented out, by taking the sign away: a bundle was called a day."""
    text = re.sub(r"(?m)^# (?=\[\[|[a-z-]+ = )", "", starting(prefix))
    assert parsed(text, name).policy.declared
    assert {"bundle", "baseline", "as-of", "suspect-date"} <= parsed(text, name).given


def test_an_unknown_key_is_not_told_to_be_one_that_a_policy_may_not_have() -> None:
    for key in ("zzz", "dif", "todays"):
        with pytest.raises(UsageError) as caught:
            parsed(f"{key} = 1\n", "provenance.toml")
        assert not re.search(r"\bdiff\b|\btoday\b", str(caught.value))


def test_every_setting_has_its_attribute_and_variable() -> None:
    for one in SETTINGS:
        assert hasattr(Policy(), one.name)
        assert one.variable == "PROVENANCE_" + one.key.upper().replace("-", "_")
        assert one.variable != "PROVENANCE_CACHE", "that one names the folder"


ENDLESS = [
    "jobs" + ".a" * 100_000 + " = 1",
    "jobs = {" + "a." * 100_000 + "b = 1}",
    '"' + '".a."'.join(["x"] * 50_000) + '" = 1',
    "[" + "a." * 100_000 + "b]",
    "jobs = " + "[" * 300 + "]" * 300,
    "jobs = " + "[" * 100_000,
    "jobs = " + "{a=" * 100_000,
    "jobs = " + "9" * 10_000,
    "[" + " " * 900_000,
    '[[declared]]\nreason = """\n[' + " " * 900_000 + '\n"""\n',
    "[[declared]]\n" * 50_000,
    "[[a.b]]\n" * 50_000,
]


def _refused_glob(glob: str) -> None:
    with pytest.raises(UsageError, match="found the glob"):
        Patterns([glob])


def test_no_glob_takes_longer_than_its_length() -> None:
    """A bracket that nothing closes, with very many commas, took time by the square."""
    ends(_refused_glob, ["{" + "," * 900_000])


def _wide(origin: str) -> None:
    declared = {"path": "a.py", "symbol": None, "origins": [origin]}
    (told,) = lessened(SimpleNamespace(policy=[("declared", [declared])]))  # type: ignore[arg-type]
    assert told[0] == "declared"


def test_no_glob_of_origins_takes_longer_than_its_length() -> None:
    """Brackets that nothing closes took time by the square: half an hour for the longest policy."""
    ends(_wide, ["*/" + "[" * 900_000])


def _refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"provenance\.toml:\d+: found"):
        parsed(text, "provenance.toml")


def test_no_configuration_holds_an_audit_up() -> None:
    """Deep, long or many: refused with the place."""
    ends(_refused, ENDLESS)


def test_lines_are_gone_through_once_for_all_declarations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for each of them: 20,000 would take an hour."""
    head, seen = policy._HEAD, []

    class Counted:
        def match(self, line: str) -> re.Match[str] | None:
            seen.append(line)
            return head.match(line)

    monkeypatch.setattr(policy, "_HEAD", Counted())
    for many in (10, 100):
        seen.clear()
        text = "[[declared]]\npath = 'x'\norigin = 'y'\n" * many
        found = parsed(text, "provenance.toml").policy.declared
        assert [one.line for one in found] == list(range(1, 3 * many, 3))
        assert len(seen) <= 2 * text.count("\n")


def test_no_mark_in_a_repository_of_git_ends_it(tmp_path: Path) -> None:
    """git commits a file .hg, though no .git: a branch could leave its policy behind so."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "provenance.toml").write_text("deny-country = ['KR']\n")
    inner = tmp_path / "src" / "deep"
    inner.mkdir(parents=True)
    (inner.parent / ".hg").touch()
    assert find(str(inner)) == str(tmp_path / "provenance.toml")
    assert repository_root(str(inner)) == str(tmp_path)
    (tmp_path / ".git").rmdir()
    assert repository_root(str(inner)) == str(inner.parent)


def test_a_policy_of_more_than_a_megabyte_is_told_what_helps(tmp_path: Path) -> None:
    read(put(tmp_path / "provenance.toml", "#" * 1_000_000))
    with pytest.raises(UsageError, match="at most so many; shorten it"):
        read(put(tmp_path / "provenance.toml", "#" * 1_000_001))


@pytest.mark.parametrize("text", ["a = {b = 1,}", "a = {\nb = 1}", 'a = "\\e"', 'a = "\\x41"'])
def test_no_python_reads_a_newer_toml_than_others(text: str) -> None:
    """A policy of TOML 1.1 held on Python 3.10 alone, and what it declared."""
    with pytest.raises(ValueError, match="at line 1"):
        table_of(text)
