"""A notebook becomes the Python of its code cells, each line at a known cell and line."""

from __future__ import annotations

import ast
import json
import textwrap
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from ending import ends
from hypothesis import given
from hypothesis import strategies as st

from provenance.decode import Reason
from provenance.finding import _cell
from provenance.model import SourceFile
from provenance.notebook import read_notebook
from provenance.statements import of_cells


def cell(source: object, kind: str = "code") -> dict[str, object]:
    return {"cell_type": kind, "source": source, "metadata": {}}


def notebook(*cells: object, **more: object) -> bytes:
    made: dict[str, Any] = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    return json.dumps({**made, **more}).encode()


def python_of(*sources: str) -> str:
    read = read_notebook(notebook(*(cell(source) for source in sources)))
    assert not isinstance(read, Reason)
    return read[0].decode()


def reason_of(data: bytes) -> str:
    read = read_notebook(data)
    assert isinstance(read, Reason)
    return str(read)


def test_code_cells_follow_each_other_and_are_numbered_among_all() -> None:
    data = notebook(
        cell("# title", "markdown"), cell(["a = 1\n", "b = 2"]), cell("", "raw"), cell("c = 3\n")
    )
    assert read_notebook(data) == (b"a = 1\nb = 2\nc = 3\n\n", ((2, 1), (4, 3)))


def test_a_cell_of_text_that_may_state_an_origin_is_a_comment() -> None:
    """It was not read: what a notebook adapts under a heading that says so was undeclared."""
    text = "## Attention\r\nAdapted from [x](https://github.com/a/b)\0 (Apache-2.0):\rx = 1"
    data = notebook(cell("a = 1"), cell(["as ", "is"], "markdown"), cell(text, "markdown"))
    read = read_notebook(data)
    assert read == (
        b"a = 1\n# ## Attention\n# Adapted from [x](https://github.com/a/b)  (Apache-2.0):\n"
        b"# x = 1\n",
        ((1, 1), (3, 2)),
    )
    (claim,) = of_cells(*read).claims
    assert claim.target == "https://github.com/a/b"
    long = read_notebook(notebook(cell("Licence: MIT\n" + "a\n" * 10**6, "markdown")))
    assert not isinstance(long, Reason)
    assert len(long[0]) < 100_000, "no more than of a comment"


def test_nbformat_3_is_read() -> None:
    sheet = {
        "cells": [
            {"cell_type": "heading", "source": "x"},
            {"cell_type": "code", "input": ["a = 1\n", "b"], "language": "python"},
        ]
    }
    data = json.dumps({"nbformat": 3, "worksheets": [sheet, sheet]}).encode()
    assert read_notebook(data) == (b"a = 1\nb\na = 1\nb\n", ((2, 1), (4, 3)))


@pytest.mark.parametrize(
    ("number", "lines", "code"),
    [
        (2, ["# a", "b = 1"], b"# a\nb = 1\n"),
        (3, ["# a", "b = 1"], b"# a\nb = 1\n"),
        (3, ["# a\r", "b = 1"], b"# a\nb = 1\n"),
        (4, ["# a", "b = 1"], b"# ab = 1\n"),
    ],
)
def test_lines_of_old_formats_have_no_ends(number: int, lines: list[str], code: bytes) -> None:
    """As IPython wrote them until 2013: behind a comment all of a cell was read as one."""
    cells = [{"cell_type": "code", "input": lines}]
    data = json.dumps({"nbformat": number, "worksheets": [{"cells": cells}]}).encode()
    assert read_notebook(data) == (code, ((1, 1),))


@pytest.mark.parametrize("format_", [{"nbformat": 1}, {}])
@pytest.mark.parametrize("more", [{}, {"source": "b = 2"}, {"input": ""}])
def test_nbformat_1_keeps_its_code_by_that_name(
    format_: dict[str, Any], more: dict[str, Any]
) -> None:
    """Whatever else stands in the cell; and a notebook that has no number is one of that format."""
    read = read_notebook(
        json.dumps({**format_, "cells": [{"cell_type": "code", "code": "a = 1", **more}]}).encode()
    )
    assert not isinstance(read, Reason)
    assert b"a = 1" in read[0].split(b"\n")


@pytest.mark.parametrize("format_", [{"nbformat": 1}, {}])
def test_nbformat_1_keeps_its_text_by_that_name(format_: dict[str, Any]) -> None:
    cells = [{"cell_type": "text", "text": "Copied from\nhttps://github.com/a/b"}]
    read = read_notebook(json.dumps({**format_, "cells": cells}).encode())
    assert read == (b"# Copied from\n# https://github.com/a/b\n", ((1, 1),))


@pytest.mark.parametrize(
    "more",
    [
        {"cells": [{**cell("a = 1"), "language": "r"}]},
        {"cells": [{**cell("b = 2"), "input": "a = 1"}]},
        {"cells": [{**cell("a = 1"), "input": "b = 2"}]},
        {"cells": [{**cell("%%bash"), "input": "a = 1"}]},
        {"cells": [], "worksheets": [{"cells": [{"cell_type": "code", "input": "a = 1"}]}]},
        {"cells": [cell("a = 1")], "worksheets": 3},
    ],
)
@pytest.mark.parametrize("number", [3, 4])
def test_no_other_key_hides_code_that_jupyter_runs(more: dict[str, Any], number: int) -> None:
    read = read_notebook(json.dumps({"nbformat": number, **more}).encode())
    assert not isinstance(read, Reason)
    assert b"a = 1" in read[0].split(b"\n")


@pytest.mark.parametrize("magic", ["script python", "script --bg /usr/bin/pypy3 -u", "cython -a"])
def test_cells_that_another_python_runs_are_python(magic: str) -> None:
    assert python_of(f"%%{magic}\na = 1") == f"# %%{magic}\na = 1\n"


def test_notebook_without_code_is_empty() -> None:
    assert read_notebook(notebook(cell("text", "markdown"))) == (b"", ())


@given(st.lists(st.text(st.sampled_from("a \n\r#("), max_size=12), max_size=6), st.data())
def test_every_line_of_a_cell_is_found_at_its_place(
    sources: list[str], data: st.DataObject
) -> None:
    """Theorem: line n of cell c stands at ``start(c) + n - 1``, and between there is nothing."""
    split = [
        source.splitlines(keepends=True) if data.draw(st.booleans()) else source
        for source in sources
    ]
    read = read_notebook(notebook(*map(cell, split)))
    assert not isinstance(read, Reason)
    content, cells = read
    lines = content.decode().split("\n")
    assert [number for number, _ in cells] == list(range(1, len(sources) + 1))
    ends = [start for _, start in (*cells, (0, len(lines)))][1:]
    for source, (_, start), end in zip(sources, cells, ends, strict=True):
        expected = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert lines[start - 1 : end - 1] == expected


@given(st.text(st.sampled_from("%!?ab=( \n\\\"'#"), max_size=40))
def test_magics_never_change_the_number_of_lines(source: str) -> None:
    assert python_of(source).count("\n") == source.count("\n") + 1


@pytest.mark.parametrize(
    "line",
    [
        "%matplotlib inline",
        "!pip install torch",
        "?print",
        "print?",
        "a.b??",
        "%%time",
        "files = !ls",
        "x = %time f()",
        "%timeit f(1)  # why?",
    ],
)
def test_lines_of_ipython_become_comments(line: str) -> None:
    text = python_of(f"a = 1\n{line}\nb = 2")
    assert text == f"a = 1\n# {line}\nb = 2\n"
    ast.parse(text)


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n  !ls\ndef g(): return 1",
        "def f():\n\tf?\ndef g(): return 1",
        "def f():\n  x = !ls \\\n   -l\nasync def g(): return 1",
        "%time def f(): pass\n%prun -s time -q def g(): \\\nreturn 1",
        "%%time def f(): pass\n\n%timeit -n 3 class g: a = 1",
        "%%bash\ndef f(): pass\nclass g: a = 1",
        "%%writefile a.txt\n@b\ndef f(): pass\nclass g(a): b = 1",
        "#\x85!ls\x1cdef f(): pass\n!ls\x0cdef g(): return 1",
        "\u2028def f(): pass\n  \ndef g(): return 1",
        "def f(): x = !ls '''\nclass g: b = %time (",
        "%\x1ea?\ndef f(): pass\n%time x\x0bb?\ndef g(): return 1",
        "  In [1]: def f(): pass\n  In [2]: def g(): return 1",
    ],
)
def test_definitions_that_ipython_makes_are_read(source: str) -> None:
    """A body of nothing but commands took in what follows; a definition in the line of a magic, or
    where a magic of that name is another one than IPython's, was left out."""
    text = python_of(source)
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    tree = ast.parse(textwrap.dedent(text))
    assert [one.name for one in tree.body if isinstance(one, defined)] == ["f", "g"]
    assert text.count("\n") == source.count("\n") + 1


def test_no_comment_hides_what_ipython_reads_behind_a_magic_in_its_line() -> None:
    """For IPython the comment ends with that line, of which Python knows nothing."""
    text = python_of("y # '\x0cx = !ls\u2028def f():\n    return 1")
    assert text == "y; def f():\n    return 1\n"
    assert python_of("class A: b = '#';\x0cx = %c\x0cimport d") == "class A: b = '#'; import d\n"
    plain = "y # '\x0cx = 1\x0cdef f(): pass\nz = !ls"
    assert python_of(plain) == plain.replace("z =", "# z =") + "\n"


@pytest.mark.parametrize("line", ["import a.b as c, d", "from a import (b)", "import a; b = 1"])
def test_imports_that_ipython_makes_are_read(line: str) -> None:
    for magic in ("%time", "%%timeit -n 3 -r 2", "  %prun -q"):
        assert line in python_of(f"{magic} {line}").removeprefix("#")
    assert python_of(f"%%bash\n{line}") == f"# %%bash\n{line}\n"


@pytest.mark.parametrize(
    "source",
    [
        "%%js\nimport a from 'a';\nclass A { b() {} }",
        "%%bash\npython -c 'import a'\nexport default\nimport -window root a.png",
        "%%html\n<p>class A: def f(): import a</p>",
        "%%sql\nselect a\nfrom b",
        "%%writefile a.txt\nFrom a we import b.\nimport a licence",
        "%pip install import",
        "!python -c 'import a'",
        "%run -m from.import",
    ],
)
def test_what_is_no_python_is_not_taken_for_it(source: str) -> None:
    assert all(line[:2] == "# " for line in python_of(source).splitlines())


def test_command_over_several_lines_is_a_comment_as_a_whole() -> None:
    assert python_of("!pip install a \\\n  b\nc") == "# !pip install a \\\n#   b\nc\n"


@pytest.mark.parametrize(
    "source",
    [
        "!ls \\ \na = 1",
        "%%bash?\na = 1",
        "!ls\u2028a = 1",
        "x = %time f()\x0ca = 1",
        "!ls \\\n  b\x85a = 1",
        "if x:\n  !ls \\ \u2029\n  a = 1",
        "!ls \\\r\na = 1",
        "%%time\u2028a = 1",
        "%%writefile a.py -a\na = 1",
        "%%writefile a.py\u2028#\na = 1",
        "%%file $name\na = 1",
        "\xa0%%bash\x1cf?\na = 1",
        ">>> if x:\n...     a = 1",
        "import b\n... class C:\n...     a = 1",
        "b\n    >>> a = 1",
        "In [1]: if x:\n   ...:     a = 1",
        "[ins] In [12]: a = 1\n....: b",
        ">>> \n%%bash\na = 1",
        "... %%bash b?\na = 1",
        "%%capture \\\n>>> a = 1",
    ],
)
def test_python_that_ipython_runs_behind_a_magic_stays(source: str) -> None:
    """IPython goes on behind a backslash at the very end of a line only, ends a magic where Unicode
    ends a line, and takes ``%%bash?`` for a question. What stands behind a prompt it runs, and
    options of ``%%writefile`` stand where they like."""
    lines = python_of(source).split("\n")
    assert "a = 1" in map(str.strip, lines)
    assert len(lines) == source.count("\n") + 2


@pytest.mark.parametrize(
    "own", ["%alias_magic sql time", "@register_cell_magic\ndef sql(a, b): ..."]
)
def test_a_magic_that_the_notebook_names_itself_may_be_python(own: str) -> None:
    assert python_of(own, "%%sql\na = 1").endswith("# %%sql\na = 1\n")


@pytest.mark.parametrize(
    "line", [",f a", ";f a b", "/f a", "  /f a", "!!f", "if 1: a = !f", "f(a)['='] = %f -l"]
)
def test_what_ipython_makes_a_call_of_breaks_nothing(line: str) -> None:
    assert python_of(f"{line}\nclass A: ...").split("\n")[1] == "class A: ..."
    assert python_of(f"x = (\n{line}\n)") == f"x = (\n{line}\n)\n"
    assert python_of(f"'{line}'  # {line}") == f"'{line}'  # {line}\n"


@pytest.mark.parametrize(
    "source",
    [
        '"""\n>>> a\n... b\n"""\ndef f():\n    ...',
        "def f():\n    ...  # In [3] of it\n\n...\n...",
        "x = [\n  a\n  , b\n  / c]",
        "x = (a\n  % b)",
        "x = a \\\n  % b",
        '"""Why?\n% and so on\n!really?\n"""\nx = 1',
        "x = 1  # why?",
        "x = 'why?'\ny = '''?\n?'''",
        "f('a', #(\n  %b)",
        "s = 'it\\'s (?'\nt = [\n%x]",
        "d['x=!'] = 1\nassert a == b",
    ],
)
def test_python_that_looks_like_a_magic_stays(source: str) -> None:
    assert python_of(source) == source + "\n"


@pytest.mark.parametrize(
    "name", ["bash", "html", "javascript", "script perl", "sh", "sql", "writefile a.txt", "!"]
)
def test_cells_of_other_languages_are_commented_out(name: str) -> None:
    assert python_of(f"\n%%{name}\nfoo ) bar\n\n  x") == f"\n# %%{name}\n# foo ) bar\n\n#   x\n"


@pytest.mark.parametrize("name", ["time", "timeit -n 3", "capture out", "prun", "writefile a.py"])
def test_cells_of_python_keep_their_body(name: str) -> None:
    assert python_of(f"%%{name}\nx = 1\n%matplotlib") == f"# %%{name}\nx = 1\n# %matplotlib\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no valid JSON"),
        (b"{", "no valid JSON"),
        (b"[]", "a JSON list"),
        (b"null", "missing value"),
        (b"{}", "neither 'cells' nor 'worksheets'"),
        (b'{"cells": 3}', "'cells' to be a number"),
        (b'{"worksheets": [3]}', "'cells' to be a missing value"),
        (b'{"cells": [3]}', "cell 1 to be a number"),
        (notebook(cell("a"), cell({"a": 1})), "source of cell 2 to be a object"),
        (notebook(cell(["a", 3])), "source of cell 1 to be a list"),
        (notebook({"cell_type": "code"}), "missing value"),
        (notebook(cell("a\0b")), "NUL"),
        (b'{"cells": "\xff"}', "0xff at byte 11"),
        (b"[" * 200_000, "at most 500 deep"),
        (b'{"a":' * 200_000, "at most 500 deep"),
        (b"[" * 501 + b"]" * 501, "at most 500 deep"),
        (b"[" * 500 + b"]" * 500, "a JSON list"),
        (b'{"cells": [3,]}', ", expected a notebook"),  # where it is wrong Python's releases differ
        (notebook(metadata={"language_info": {"name": "R"}}), "notebook in 'R'"),
        (notebook(metadata={"kernelspec": {"language": "julia"}}), "notebook in 'julia'"),
    ],
)
def test_malformed_notebooks_are_told_with_reason(data: bytes, words: str) -> None:
    assert words in reason_of(data)


@pytest.mark.parametrize("value", [b"[]", b'{"":0}', b'"ab"', b"1e5"])
def test_a_notebook_of_very_many_values_costs_no_memory(value: bytes) -> None:
    """It is read in no worker: one of 50 MB took 1.5 GB."""
    data = b'{"cells": [], "metadata": [' + b",".join([value] * (20_000_000 // len(value))) + b"]}"
    tracemalloc.start()
    try:
        assert "clear its outputs" in reason_of(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("sign", ["[", '"[', '\\"[{', "\\\\", "]"])
def test_brackets_in_texts_are_no_nesting(sign: str) -> None:
    """Which is counted before JSON is read: newer releases of Python overrun a small stack."""
    deep = "[" * 498 + json.dumps(sign * 600) + "]" * 498
    data = f'{{"nbformat": 4, "metadata": {{"a": {deep}}}, "cells": []}}'.encode()
    assert read_notebook(data) == (b"", ())
    more = data.replace(b'{"a": ', b'{"a": [').replace(b'}, "cells"', b']}, "cells"')
    assert "at most 500 deep" in reason_of(more)


def test_objects_of_a_notebook_count_by_what_they_take() -> None:
    """One of a value takes 232 bytes: 1.3 million of them, of which each was counted as three,
    took 300 MB; so did lists within each other."""
    for value in (b'{"":0}', b"[[[]]]"):
        data = b'{"cells": [], "metadata": [' + b",".join([value] * 700_000) + b"]}"
        assert "clear its outputs" in reason_of(data)


@pytest.mark.parametrize("line", ["\n", "\r", " \n", "\f\n"])
def test_empty_lines_before_the_code_of_a_cell_cost_no_memory(line: str) -> None:
    """A pattern that could go back over each took 1.3 GB for ten million of them."""
    data = notebook(cell(line * 200_000))
    tracemalloc.start()
    try:
        assert not isinstance(read_notebook(data), Reason)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(data)
    finally:
        tracemalloc.stop()


def test_a_cell_of_very_many_lines_costs_no_memory() -> None:
    """The gigabyte for a notebook holds for what its lines take, too."""
    data = notebook(cell("%\n" * 6_000_000))
    tracemalloc.start()
    try:
        assert "bytes of Python in the notebook" in reason_of(data)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(data)
    finally:
        tracemalloc.stop()


def _python_of(part: str) -> None:
    assert python_of(part * 1_000_000 + "\nx = 1").endswith("x = 1\n")
    assert python_of("%%sh\n" + part * 300_000 + "\nx").endswith("x\n")


def test_a_cell_is_read_in_proportion_to_its_length() -> None:
    """40,000 empty lines took seven seconds, by the square."""
    ends(
        _python_of,
        [
            "\n",
            "!\f",
            "\x85",
            "x? ",
            "=\n",
            "... ",
            "a\\\r\n",
            " import",
            "\n import",
            "-a ",
            "register_",
        ],
    )


def test_huge_numbers_and_lone_surrogates_do_no_harm() -> None:
    assert read_notebook(b'{"a": ' + b"9" * 1_000_000 + b', "cells": []}') == (b"", ())
    assert python_of("x = '\ud800'") == "x = '?'\n"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just("code"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["cells", "worksheets", "cell_type", "source", "metadata"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_whatever_crashes(value: object) -> None:
    read_notebook(json.dumps(value).encode())


def test_the_cell_of_a_line_is_found_by_halves() -> None:
    """There may be very many cells, and findings too: none goes through all."""

    class Cells(tuple[tuple[int, int], ...]):
        def __iter__(self) -> Iterator[tuple[int, int]]:
            raise AssertionError("goes through all")

    cells = Cells((2 * number, 3 * number - 2) for number in range(1, 200))
    file = SourceFile("a.ipynb", b"", "", cells=cells)
    for line in range(1, 600):
        at = max(number for number in range(1, 200) if 3 * number - 2 <= line)
        assert _cell(file, line) == (2 * at, line - (3 * at - 2) + 1)
