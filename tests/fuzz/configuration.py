"""Readers of what is typed or stands in configuration."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from hashlib import sha256
from unittest.mock import patch

from fuzz.place import inside, place, refused
from provenance import licenses, pypi
from provenance.decode import printable
from provenance.errors import SourceError, UsageError
from provenance.explained import _parted
from provenance.patterns import Patterns, expand_braces
from provenance.policy import parsed as read_policy
from provenance.pypi import parse_requirement
from provenance.references import manifest
from provenance.release import checked_day, license_of
from provenance.source import _project

_MOST_SPELT = 20
"""Globs that are matched: a brace more doubles the work and leads nowhere new."""


def fuzz_words(data: bytes) -> None:
    """Requirements, globs, days, licences and places, as words of a command line or a file."""
    text = data[1:201].decode("utf-8", "replace")
    kind = data[0] % 6 if data else 0
    with suppress(UsageError):
        if kind == 0:
            name, version = parse_requirement(text)
            assert re.fullmatch(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", name)
            assert "/" not in version
        elif kind == 1:
            wanted = Patterns(expand_braces([text])[:_MOST_SPELT], [text[::-1][:20]])
            wanted.wants("transformers/models/llama/modeling_llama.py")
        elif kind == 2:
            checked_day(text, "--as-of")
        elif kind == 3:
            license_of(text)
            assert isinstance(licenses.permitted(text, ["MIT", "Apache-*"], ["GPL-*"]), bool)
        elif kind == 4:
            assert all(duty.text for duty in licenses.duties(text))
        else:
            assert _parted(text)[0] in text


def fuzz_policy(data: bytes) -> None:
    """``pyproject.toml`` or ``provenance.toml`` -> a policy of the right types."""
    text = data[1:].decode("utf-8", "replace")
    name = "/a/pyproject.toml" if data[:1] == b"\1" else "/a/provenance.toml"
    try:
        found = read_policy(text, name)
    except UsageError as error:
        refused(error)
        assert str(error).startswith(name)  # noqa: PT017
    else:
        json.dumps(found.policy.plain())
        assert all(one.origins for one in found.policy.declared)


def fuzz_manifest(data: bytes) -> None:
    """What an index is built of, in TOML."""
    try:
        manifest.parse(data, "manifest.toml")
    except UsageError as error:
        refused(error)


def fuzz_project(data: bytes) -> None:
    """The ``[project]`` of a folder's ``pyproject.toml`` -> a name, a version, a licence."""
    root = inside("project")
    root.mkdir(exist_ok=True)
    (root / "pyproject.toml").write_bytes(data)
    found = _project(str(root))
    assert found.package
    for value in (found.package, found.version, found.license):
        assert value is None or all(map(printable, value))


def fuzz_pip(data: bytes) -> None:
    """What pip says, and how it ended -> that it has fetched nothing, in words without addresses,
    which may hold passwords."""
    said = data[1:].decode("utf-8", "backslashreplace")
    ended = bool(data[:1]) and data[0] % 2 == 0
    with patch.object(pypi, "_run_pip", lambda *_: (ended, said)):
        try:
            pypi._download("birds", "1.0", str(place()))
        except SourceError as error:
            refused(error)
            told = str(error)
            assert not re.search(r"[A-Za-z]://[^\s]", told)
            assert len(told) < 600


def fuzz_checksum(data: bytes) -> None:
    """The ``.sha256`` file beside a fetched archive -> the archive, if it is what was fetched. By
    the first byte, the sum itself stands before what is given."""
    content = b"birds"
    path = place() / "birds-1.0-py3-none-any.whl"
    beside = path.with_name(path.name + ".sha256")
    right = sha256(content).hexdigest().encode()
    text = (right if data[:1] and data[0] % 2 else b"") + data[1:]
    path.write_bytes(content)
    beside.write_bytes(text)
    try:
        found = pypi._cached(str(place()))
    finally:
        path.unlink()
        beside.unlink()
    words = text.decode("utf-8", "replace").split()
    if found is not None:
        assert words[0].encode() == right
    elif text.isascii():
        assert words[:1] != [right.decode()] or len(text) > 200
