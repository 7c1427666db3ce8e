"""Readers of what is typed or stands in configuration."""

from __future__ import annotations

import json
import re
from contextlib import suppress

from fuzz.place import inside, refused
from provenance import licenses
from provenance.errors import UsageError
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
        assert value is None or value.isprintable()
