"""stated: claims of a file, or of a notice file -> the families of indexes that they declare."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from provenance.claims import Claim
from provenance.known import Use, resolve
from provenance.library import Library
from provenance.model import Declaration
from provenance.notices import named
from provenance.statements import Statements

_CLASS = re.compile(r"(?=\w+\Z)[A-Z]\w*[a-z0-9][A-Z]\w*")
"""The name of a class, such as ``LlamaAttention``, with no module."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A claim of a file, the dotted name in it, what it declares, family by family, and whether it
    says that the file was generated from one of its own folder."""

    claim: Claim
    target: str
    said: tuple[Declaration, ...]
    neighbour: bool


def claimed(stated: Statements, path: str, library: Library) -> Iterator[Stated]:
    """The claims of a file, with the families that they name."""
    for claim in stated.claims:
        said = (
            Declaration(claim.kind, path, claim.line, claim.text, family)
            for family in _families(claim, library)
        )
        yield Stated(claim, _dotted(claim), tuple(said), _of_its_neighbour(claim, path))


def _families(claim: Claim, library: Library) -> Sequence[str]:
    """The families that a claim names: by the path or dotted name in it, else by its name."""
    origin = _origin(claim, library.names)
    words = claim.target
    if origin is None and _CLASS.fullmatch(words):
        origin = resolve(Use("model_type", words, claim.line), library.names)
        if origin is None:
            return ()
    if origin is not None:
        return (library.family(origin).name,)
    if claim.repository is not None:
        words = f"{claim.repository.owner}/{claim.repository.name} {claim.repository.path}"
    return tuple(named(words, library.titles))


def _origin(claim: Claim, known: Mapping[str, str]) -> str | None:
    """The origin whose code a claim names, by the path or dotted name in it."""
    target = _dotted(claim).removeprefix("src.")
    return resolve(Use("import", target, claim.line), known)


def _dotted(claim: Claim) -> str:
    """The path or dotted name in a claim, as a dotted name."""
    target = claim.target
    if claim.repository is not None:
        target = claim.repository.path or claim.repository.name
    return module_of(target)


def module_of(path: str) -> str:
    """A path, or a dotted name, as a dotted name."""
    return path.removesuffix(".py").replace("/", ".")


def _of_its_neighbour(claim: Claim, path: str) -> bool:
    """Whether a claim says that a file was generated from one of its own folder; where the file is
    scanned from inside that folder, or has been moved, its own name says so."""
    if claim.kind != "generated":
        return False
    folder, own = PurePosixPath(claim.target).parent.name, PurePosixPath(path)
    return folder in ("", own.parent.name) or f"_{own.stem}".endswith(f"_{folder}")
