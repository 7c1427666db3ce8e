"""notebook: the bytes of a Jupyter notebook -> the Python of its code cells, or why not. Pure.

The cells follow each other, so that the lines of one stay together; what is IPython's and not
Python's (``%magic``, ``!command``, ``name?``, ``/call``) becomes a comment on the same line. So do
cells of text that may state an origin or a licence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

from provenance.comments import LONGEST_BLOCK, LONGEST_LINE, may_state
from provenance.decode import Reason
from provenance.limits import READ
from provenance.model import Skipped, SourceFile, Unread

_MOST_VALUES = 4_000_000
"""Values of JSON in a notebook, a list for two and an object for four, none of which takes more
than some 60 bytes beside its text. Pictures are one each; a million numbers of a plot are as
many."""

_DEEPEST = 500
"""Values of JSON within each other: releases of Python read 990, 1,100 or 9,000."""
_NO_JSON = Reason(  # Python's own words for what is wrong are others in each release
    f"found no valid JSON with values at most {_DEEPEST} deep, expected a notebook; "
    "save it again with Jupyter"
)

_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_SIGNS = bytes(sign for sign in range(256) if sign not in (*_STEPS, ord('"')))

Cells = tuple[tuple[int, int], ...]
"""``(cell, line)``: 1-based number among all cells, 1-based line at which its code starts."""

_NOT_PYTHON = frozenset(  # cell magics whose body is another language; unknown ones are kept
    """
    bash sh zsh cmd powershell pwsh script system sx perl ruby R r julia octave matlab javascript
    js typescript html svg latex markdown md css mermaid dot sql sparksql bigquery duckdb cypher
    cuda cu cpp c rust java scala fortran cmake template jinja config configure yaml json
    """.split()
)
_PYTHON = re.compile(r"\b(?:python|pypy)[\d.]*\b")
"""What ``%%script`` may start."""
_REGISTERS = re.compile(r"register_\w*")
"""Where a notebook gives other meanings to names, by these of magics and aliases or by
``alias_magic``, those above say nothing any more."""
_TO_FILE = frozenset(("writefile", "file"))
_PYTHON_FILE = re.compile(r"\.pyw?(?!\w)|[{$]")
"""What these may name that is Python, or that a variable may say is; options may stand behind."""
_ENDS = r"\v\f\x1c-\x1e\x85\u2028\u2029"
"""Where a line ends for IPython, but none of Python."""
_FRONT = re.compile(rf"\A\s*[{_ENDS}]")
"""What it takes off in front, from the start of its last line on."""
_CELL_MAGIC = re.compile(rf"[ \t]*%%(!|\w+)?([^{_ENDS}]*)")
_HELP = re.compile(r"\s*%%\w+\?")  # asks what it is: the rest of the cell is Python
_MAYBE = re.compile(
    rf"(?:^|[{_ENDS}])[^\S\n{_ENDS}]*(?:[%!?,;/]|>>>|\.{{3}})|\?[^\S\n]*$|=[^\S\n]*[%!]|In \[\d",
    re.MULTILINE,
)
_LINE_MAGIC = re.compile(r"\s*[%!?,;/]")
_ASSIGNED = re.compile(r"=\s*(?:!|%\s*[A-Za-z_])")
_END = re.compile(f"[{_ENDS}]")
_IN = r"\s*(?:(?:\[(?:nav|ins)\])? )?In \[\d+\]: "
_PROMPT = re.compile(rf"\s*(?:>>>|\.{{3,}}:|\.{{3}})[ \t]?|{_IN}")
_PROMPTED = re.compile(rf"\s*(?:>>>|\.{{3,}}:|\.{{3}}[ \t]+[^\s#])|{_IN}")
"""A prompt for sure: three dots alone are Python, too."""
_MODULE = r"\w+(?:[ \t]*\.[ \t]*\w+)*(?:[ \t]+as[ \t]+\w+)?[ \t]*"
_CLAUSE = (
    r"(?:(?:async[ \t]+)?def[ \t]+\w+[ \t]*[(\[]|class[ \t]+\w+[ \t]*[(\[:\\]"
    rf"|from[ \t]+[\w.]+[ \t]+import\b|import[ \t]+{_MODULE}(?:,[ \t]*{_MODULE})*(?:[;#\\\r\n]|$))"
)
_LIKE_PYTHON = re.compile(rf"(?:^|[\r\n{_ENDS}])[ \t]*{_CLAUSE}")
"""What no other language has at the start of a line, but for a few that nobody keeps in cells: no
rule above leaves it out."""
_BEHIND = re.compile(
    rf"\s*%%?\w+(?:[ \t]+-\S+(?:[ \t]+[^-\s]\S*)??)*[ \t]+(?:-c[ \t]+)?(?={_CLAUSE})"
)
"""A magic such as ``%time`` with Python behind its options."""
_COMMENT = re.compile("#")
_OPENING = re.compile(r"'''|\"\"\"|['\"#()\[\]{}]")
_CLOSING = {quote: re.compile(r"\\.|" + quote) for quote in ("'", '"', "'''", '"""')}


def parted(files: Iterable[SourceFile | Unread]) -> tuple[list[SourceFile], list[Skipped]]:
    """Files, the notebooks among them read, and why some have nothing to read."""
    found = [read(file) for file in files]
    return (
        [one for one in found if isinstance(one, SourceFile)],
        [one for one in found if isinstance(one, Skipped)],
    )


def read(file: SourceFile | Unread | Skipped) -> SourceFile | Skipped:
    """The code of a notebook that is not read yet, or why there is none; anything else as it is."""
    if not isinstance(file, Unread):
        return file
    found = read_notebook(file.content, file.most)
    if isinstance(found, Reason):
        return Skipped(file.path, str(found))
    code, cells = found
    return SourceFile(file.path, code, file.sha256, file.modified, cells)


def read_notebook(data: bytes, most: int = READ.max_file_bytes) -> tuple[bytes, Cells] | Reason:
    """Give the code of a notebook as one UTF-8 text of so many bytes at most, and where its cells
    start in it."""
    import json

    values = data.count(b",") + 2 * data.count(b"[") + 4 * data.count(b"{") + data.count(b'"') // 2
    if values > _MOST_VALUES:
        return Reason(
            f"found some {values:,} values, expected a notebook of at most {_MOST_VALUES:,}; clear "
            "its outputs with 'jupyter nbconvert --clear-output'"
        )
    if _is_deep(data):
        return _NO_JSON
    try:
        # a number of thousands of digits is no part of any notebook, and slow to convert
        found = json.loads(
            data.decode("utf-8-sig"), parse_int=lambda text: int(text) if len(text) < 20 else 0
        )
    except UnicodeDecodeError as error:
        return Reason(
            f"found the invalid byte 0x{data[error.start]:02x} at byte {error.start}, expected a "
            "notebook in UTF-8; save it again with Jupyter"
        )
    except (RecursionError, ValueError):
        return _NO_JSON
    language = _language(found)
    if language is not None and "python" not in language.lower():
        return Reason(f"found a notebook in {language[:40]!r}, expected one in Python")
    texts: list[str] = []
    cells: list[tuple[int, int]] = []
    line, size = 1, 0
    try:
        sources = list(_cells(found))
        own = any(_gives_names(source) for _, source in sources)
        for number, source in sources:
            size += len(source)
            if size > most:  # a list of lines takes many times as much
                break
            text = _python(source, own)
            texts.append(text)
            cells.append((number, line))
            line += text.count("\n") + 1
    except _MalformedError as error:
        return Reason(f"{error}; save the notebook again with Jupyter")
    content = ("\n".join(texts) + "\n").encode("utf-8", "replace") if texts else b""
    if (size := max(size, len(content))) > most:
        return Reason(
            f"found at least {size:,} bytes of Python in the notebook, expected at most {most:,}; "
            "split it or leave it out with --exclude"
        )
    if b"\0" in content:
        return Reason("found a NUL character in a code cell, expected Python text")
    return content, tuple(cells)


def _is_deep(data: bytes) -> bool:
    """Whether brackets stand within each other deeper than a notebook's: to read them would take
    the stack of the thread, in newer releases of Python beyond its end."""
    signs = data.replace(rb"\\", b"").replace(rb"\"", b"").translate(None, _NO_SIGNS)
    outside = b"".join(signs.split(b'"')[::2])
    return max(accumulate(map(_STEPS.__getitem__, outside)), default=0) > _DEEPEST


class _MalformedError(ValueError):
    """This is not how a notebook is built."""


def _language(found: object) -> str | None:
    """The language a notebook says it is in."""
    metadata = found.get("metadata") if isinstance(found, dict) else None
    for part, key in (("language_info", "name"), ("kernelspec", "language")):
        named = metadata.get(part) if isinstance(metadata, dict) else None
        name = named.get(key) if isinstance(named, dict) else None
        if isinstance(name, str) and name:
            return name
    return None


def _cells(found: Any) -> Iterator[tuple[int, str]]:
    """``(number among all cells, source)`` of the code cells, of nbformat 1 to 4, and of those of
    text that become comments.

    Jupyter looks at the number of the format for where cells and their code stand, and passes over
    what a cell says of its language. So all that may be code is read, wherever it stands.
    """
    if not isinstance(found, dict):
        raise _MalformedError(f"found a JSON {_kind(found)}, expected the object of a notebook")
    sheets = [found] if "cells" in found else []
    if isinstance(found.get("worksheets"), list):
        sheets += found["worksheets"]
    elif not sheets:
        raise _MalformedError(
            "found neither 'cells' nor 'worksheets', expected a notebook of nbformat 1 to 4"
        )
    version = found.get("nbformat", 1)  # as Jupyter has it
    keys = ("source", "input", "code") if version == 1 else ("source", "input")
    number = 0
    for sheet in sheets:
        cells = sheet.get("cells") if isinstance(sheet, dict) else None
        if not isinstance(cells, list):
            raise _MalformedError(f"found 'cells' to be a {_kind(cells)}, expected a list")
        for cell in cells:
            number += 1
            if not isinstance(cell, dict):
                raise _MalformedError(
                    f"found cell {number} to be a {_kind(cell)}, expected an object"
                )
            if cell.get("cell_type") == "code":
                held = [cell[key] for key in keys if key in cell] or [None]
                for source in dict.fromkeys(_source(one, number, version) for one in held):
                    yield number, source
            elif remark := _remark(cell.get("source", cell.get("text")), version):
                yield number, remark


def _joined(lines: list[str], version: object) -> str:
    """A text that is kept as its lines: to nbformat 2 they have no ends, to nbformat 3 where the
    first has none."""
    bare = version == 2 or (version == 3 and not (lines and lines[0].endswith(("\n", "\r"))))
    return ("\n" if bare else "").join(lines)


def _remark(source: object, version: object) -> str:
    """A cell of text as comments, where it may state something; nothing of any other one, as of one
    that is no text, which Jupyter shows and does not run."""
    if isinstance(source, list):
        source = _joined([part for part in source if isinstance(part, str)], version)
    text = source[:LONGEST_BLOCK] if isinstance(source, str) else ""
    if not may_state(text.encode("utf-8", "replace")):
        return ""
    lines = re.split(r"\r\n|\r|\n", text.replace("\0", " "))
    return "\n".join(_comment(line[:LONGEST_LINE]) for line in lines)


def _source(source: object, number: int, version: object) -> str:
    """The code of a cell as one text."""
    if isinstance(source, list) and all(isinstance(part, str) for part in source):
        source = _joined(source, version)
    if not isinstance(source, str):
        raise _MalformedError(
            f"found the source of cell {number} to be a {_kind(source)}, "
            "expected text or a list of lines"
        )
    return source


def _kind(value: object) -> str:
    kinds = {dict: "object", list: "list", str: "text", type(None): "missing value"}
    return kinds.get(type(value), "number or truth value")


def _gives_names(source: str) -> bool:
    """Whether the source of a cell gives another meaning to the name of a magic."""
    named = (one[0] for one in _REGISTERS.finditer(source))
    return "alias_magic" in source or any("magic" in one or "alias" in one for one in named)


def _python(source: str, own: bool) -> str:
    """The source of a cell with all that is no Python commented out, line for line; where names of
    magics are the notebook's ``own``, that of every cell magic is Python."""
    plain = _without_front(source.replace("\r\n", "\n").replace("\r", "\n"))
    if not _MAYBE.search(plain):
        return plain
    if "\\\r" in source:  # stays for a while: a magic does not go on there
        plain = re.sub(r"\\\r\n?", "\\\\\r\n", re.sub(r"(?<!\\)\r\n?", "\n", source))
    given = plain.split("\n")
    lines = _without_prompts(given)
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    magic = _CELL_MAGIC.match(lines[first]) if lines is given else None  # there it may be none
    if magic is not None and not own and not _HELP.match(lines[first]):
        name, rest = magic.groups()
        other = name in (None, "!", *_NOT_PYTHON) and not (
            name == "script" and _PYTHON.search(rest)
        )
        other |= name in _TO_FILE and not _PYTHON_FILE.search(rest)
        if other and not _LIKE_PYTHON.search(plain):
            return "\n".join(_comment(line) for line in lines)
    return "\n".join(_without_magics(lines))


def _without_front(source: str) -> str:
    """The source without what IPython takes off in front: blanks that end a line for it alone, and
    those before them in that line. No pattern that goes back over lines: each would take memory."""
    front = _FRONT.match(source)
    if front is None:
        return source
    start = source.rfind("\n", 0, front.end()) + 1
    return source[:start] + source[front.end() :]


def _comment(line: str) -> str:
    line = line.removesuffix("\r")
    return f"# {line}" if line.strip() else line


def _without_prompts(lines: list[str]) -> list[str]:
    """The lines without the prompts of Python and IPython, with which code may be put into a cell:
    releases differ in where they look for them. What stands in a string is none."""
    bare: list[str] = []
    prompted, depth, quote = False, 0, ""
    for line in lines:
        if not line:  # there may be very many
            bare.append(line)
            quote = "" if len(quote) == 1 else quote
            continue
        prompt = None if quote else _PROMPT.match(line)
        prompted |= not quote and _PROMPTED.match(line) is not None
        bare.append(line[prompt.end() :] if prompt else line)
        depth, quote, _ = _after(bare[-1].removesuffix("\r"), depth, quote)
    return bare if prompted else lines


def _without_magics(lines: list[str]) -> Iterator[str]:
    """The lines, those commented out that IPython and not Python reads.

    Only where a statement starts: ``% b`` inside brackets is a remainder, and a line of a
    docstring may well end in a question mark. A magic goes on behind a backslash where the line
    ends with a line feed alone.
    """
    depth, quote, goes_on = 0, "", False
    command: list[str] = []  # what stands above of one that goes on
    for given in lines:
        if not given and not command:
            quote, goes_on = "" if len(quote) == 1 else quote, False
            yield given
            continue
        line = given.removesuffix("\r")
        starts = not (depth or quote or goes_on)
        code, size, command = _commands(line, command, starts, line == given)
        if size:
            if line[size:].strip():
                code = [*filter(str.strip, code), line[size:]]
            elif all(map(str.isspace, code)):
                yield _passed(line, "".join(code[:1]))
                continue
            line = "; ".join(code)
        was = depth, quote
        depth, quote, remark = _after(line, depth, quote)
        if starts and not (len(code) > 1 or quote or remark) and line.rstrip().endswith("?"):
            depth, quote = was
            yield _passed(line, line[: len(line) - len(line.lstrip(" \t"))])
            continue
        goes_on = not remark and line.endswith("\\")
        yield line


def _commands(
    line: str, command: list[str], starts: bool, joins: bool
) -> tuple[list[str], int, list[str]]:
    """The commands that a line begins with: the Python in them and before each, how many signs of
    the line they are, and what stands of one that goes on below.

    Args:
        line: of a cell, which IPython parts where ``_ENDS`` says.
        command: what stands above of one that goes on.
        starts: whether a statement may start there.
        joins: whether a backslash at its end joins it to the next one.
    """
    parts = _END.split(line)
    code: list[str] = []
    front: list[str] = []  # what stands before, which a comment ends there
    past = 0
    for at, part in enumerate(parts, 1):
        if not command and not (starts and _magic_at(part) >= 0):
            if bare := _bare(part).strip():
                if len(parts) == 1 or not starts or _after(bare, 0, "") != (0, "", False):
                    break
                front.append(part[: len(part) - len(part.lstrip())] + bare.rstrip(";"))
            continue
        code += front
        front = []
        command.append(part)  # one by one, of very many
        past = at
        below = at == len(parts) and part.endswith("\\") and joins
        if not below or command[0].lstrip()[:2] == "%%":
            code += _code_of(command)
            command = []
    return code, sum(len(part) + 1 for part in parts[:past]), command


def _passed(line: str, indent: str) -> str:
    """A line of IPython's as a comment; where it is indented behind a statement that does nothing,
    as it may be all of a body."""
    return f"{indent}pass  # {line.strip()}" if indent and line.strip() else _comment(line)


def _code_of(command: list[str]) -> list[str]:
    """The Python in a command, be it ``%time`` of a definition, or one in the line of a definition;
    else its indentation, as it may be all of a body."""
    text = " ".join([*(line.rstrip()[:-1] for line in command[:-1]), command[-1].rstrip()])
    indent = text[: len(text) - len(text.lstrip(" \t"))]
    behind = _BEHIND.match(text)
    if behind is not None:
        code = indent + text[behind.end() :]
    elif _LIKE_PYTHON.match(text):
        code = text[: _magic_at(text)] + " ..."
    else:
        return [indent] if indent else []
    return [code] if _after(code, 0, "") == (0, "", False) else [code.partition("#")[0]]


def _magic_at(line: str) -> int:
    """Where in a line on which a statement starts IPython's begins: a command, or one of which the
    value is assigned, to whatever it is; -1 if nowhere."""
    if _LINE_MAGIC.match(line):
        return 0
    at, depth, quote, remark = 0, 0, "", False
    for found in _ASSIGNED.finditer(line):
        depth, quote, remark = _inside(line[at : found.start()], depth, quote)
        if remark or not (depth or quote):
            return -1 if remark else found.start() + 1
        at = found.start()
    return -1


def _bare(line: str) -> str:
    """A line on which a statement starts, without its comment."""
    at, quote = 0, ""
    for found in _COMMENT.finditer(line):
        _, quote, _ = _inside(line[at : found.start()], 0, quote)
        if not quote:
            return line[: found.start()]
        at = found.start()
    return line


def _after(line: str, depth: int, quote: str) -> tuple[int, str, bool]:
    """Depth of brackets and open quote after a line, and whether it ends in a comment."""
    depth, quote, remark = _inside(line, depth, quote)
    if len(quote) == 1 and not line.endswith("\\"):
        quote = ""
    return depth, quote, remark


def _inside(line: str, depth: int, quote: str) -> tuple[int, str, bool]:
    """The same after a part of a line, where a quote of one sign may be open."""
    at = 0
    while match := (_CLOSING[quote] if quote else _OPENING).search(line, at):
        at = match.end()
        sign = match.group()
        if quote:
            quote = "" if sign == quote else quote
        elif sign == "#":
            return depth, "", True
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth = max(0, depth - 1)
        else:
            quote = sign
    return depth, quote, False
