"""tables: what a folder of fingerprint tables looks like, and opening one with suspicion.

The logical content of an index as Parquet, in any file system that Spark reads: rows name each
other by numbers that keep the order of the index's, so that what a scan cuts out of them is in the
same order. ``meta`` is written last: a folder without it is not finished.
"""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.errors import IndexFileError
from provenance.model import Family, Parameters, Release
from provenance.null import Baseline
from provenance.opening import OriginFacts, Origins, counts_of, origin_of, parameters_of, release_of
from provenance.schema import BAND, FILE, LAYOUT, RUN, STRUCTURE, TEXT, TEXT_RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

FORMAT_VERSION = 2
"""Version of the tables. 1: first version, never released. 2: 'counts' has the postings."""

DOOR_NAMES = {
    TEXT: "equal text",
    STRUCTURE: "equal structure",
    FILE: "equal file",
    LAYOUT: "equal file but for layout",
    BAND: "LSH band",
    RUN: "fingerprint of structure",
    TEXT_RUN: "fingerprint of text",
}

FINGERPRINT = """
    sha256 string, mark string, holders array<string>, licenses array<string>,
    names array<string>, words array<string>, spans binary, lines binary, tokens binary,
    units array<struct<unit: bigint, kind: int, name: string, elements: int, tokens: binary,
        words: array<string>>>,
    members array<struct<unit: bigint, class: bigint>>,
    posts array<struct<door: int, key: bigint, unit: bigint>>
"""
"""One row for each distinct content, as ``fingerprints.row_of`` writes it; units by their digests.
This is the first table that is made; the others are made of it and of the files."""

TABLES: dict[str, str] = {
    "tree": """
        number bigint,            -- ascending by first path and SHA-256, as in an index
        sha256 string, mark string, holders array<string>, licenses array<string>,
        names array<string>,      -- qualified names of the units, in source order
        words array<string>,      -- texts of the identifiers, ascending by their hashes
        spans binary,             -- of the units: see fingerprints.Spans
        lines binary,             -- of each element
        tokens binary,            -- kinds of elements, words of leaves
        files array<struct<release: int, origin: int, path: string>>,
        held bigint               -- how many files it is; the oldest of them are listed
    """,
    "unit": """
        number bigint,            -- ascending by kind, name, size and digest, as in an index
        unit bigint,              -- digest of its text
        elements int, tokens binary, words array<string>,
        classes array<bigint>,    -- numbers of the classes that have it as a member
        trees array<bigint>,      -- numbers of the trees that have it
        stands array<bigint>,     -- release << 32 | origin of their files, distinct
        held bigint               -- how many files have it; those of too many propose nobody
    """,
    "posting": """
        door int, key bigint,     -- as in an index
        numbers array<bigint>,    -- of units, or of trees; none where they are too many
        held bigint
    """,
    "release": "number int, facts string",  # JSON
    "origin": "number int, facts string",
    "meta": "key string, value string",  # JSON, but for 'permutations'
}


@dataclass(frozen=True)
class Capped:
    """What too many have to tell anything: keys of each door, by its number, that propose nobody,
    and units that do; files of which only the oldest places are kept."""

    keys: dict[int, int]
    units: int = 0
    files: int = 0


@dataclass(frozen=True)
class Header:
    """What fingerprint tables say of themselves: all that a scan needs of them but the rows it
    looks up. It travels to every executor. ``most`` units for a key, or files for a unit or a
    content, are listed; keys that are not stored whole have ``key_bits`` bits."""

    path: str
    parameters: Parameters
    permutations: str
    counts: dict[str, int]
    releases: dict[int, Release]
    origins: dict[int, OriginFacts]
    selections: dict[int, list[str]]
    baseline: str | None
    checksum: str
    most: int
    key_bits: int
    capped: Capped

    @property
    def drawn(self) -> NDArray[np.uint32]:
        """The permutations, uint32[2, bands * rows]."""
        return np.frombuffer(bytes.fromhex(self.permutations), "<u4").reshape(2, -1).astype("u4")

    @cached_property
    def by_column(self) -> Origins:
        """The origins, as an index keeps them."""
        return Origins(
            [
                (number, one.name, *astuple(one.family), one.first, one.units, one.shared)
                for number, one in sorted(self.origins.items())
            ]
        )


def rows_of(header: Header) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of ``release``, ``origin`` and ``meta``."""

    def text(value: object) -> str:
        return json.dumps(value, sort_keys=True)

    meta = {
        "format": FORMAT_VERSION,
        "parameters": asdict(header.parameters),
        "counts": header.counts,
        "baseline": header.baseline,
        "checksum": header.checksum,
        "most": header.most,
        "key_bits": header.key_bits,
        "capped": [sorted(header.capped.keys.items()), header.capped.units, header.capped.files],
        "permutations": header.permutations,
    }
    return {
        "release": [
            (number, text([asdict(one), header.selections[number]]))
            for number, one in sorted(header.releases.items())
        ],
        "origin": [(number, text(asdict(one))) for number, one in sorted(header.origins.items())],
        "meta": [(key, text(value)) for key, value in sorted(meta.items())],
    }


def header_of(path: str, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> Header:
    """The inverse of ``rows_of``, believing nothing.

    Raises:
        IndexFileError: these are not the rows of tables that this version can use.
    """
    try:
        meta = {key: json.loads(value) for key, value in rows["meta"]}
        if meta["format"] != FORMAT_VERSION:
            raise refused(path, f"fingerprint tables of format {meta['format']}")
        if set(meta["parameters"]) != {field.name for field in fields(Parameters)}:
            raise refused(path, "parameters that are not those of this version")
        parameters = parameters_of(json.dumps(meta["parameters"]))
        for decided in ("grammar", "normalisation", "scheme"):
            found, ours = getattr(parameters, decided), getattr(Parameters(), decided)
            if found != ours:
                raise refused(path, f"tables made with {decided} {found!r}, not with {ours!r}")
        releases, selections, origins = {}, {}, {}
        for number, facts in rows["release"]:
            said, selection = json.loads(facts)
            releases[int(number)] = release_of(astuple(Release(**said)))
            selections[int(number)] = [str(one) for one in selection]
        for number, facts in rows["origin"]:
            said = json.loads(facts)
            name, first, shown = said["name"], said["first"], astuple(Family(**said["family"]))
            row = name, *shown, first, said["units"], said["shared"]
            origins[int(number)] = OriginFacts(*origin_of(row))
        keys, units, files = meta["capped"]
        counts = counts_of(json.dumps(meta["counts"]))
        baseline = meta["baseline"]
        if baseline is not None:
            Baseline.from_json(baseline)
        header = Header(
            path=path,
            parameters=parameters,
            permutations=str(meta["permutations"]),
            counts=counts,
            releases=releases,
            origins=origins,
            selections=selections,
            baseline=baseline,
            checksum=str(meta["checksum"]),
            most=int(meta["most"]),
            key_bits=int(meta["key_bits"]),
            capped=Capped({int(door): int(count) for door, count in keys}, int(units), int(files)),
        )
        drawn = header.drawn.shape[1]
    except (
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise refused(path, f"tables that say nothing sound of themselves ({error!r})") from error
    if not (1 <= header.key_bits <= 64 and header.most > 0):
        raise refused(path, "keys or lists of a size that is none")
    if drawn != parameters.bands * parameters.rows or not header.counts.get("unit"):
        raise refused(path, "permutations or counts that do not fit the parameters")
    if (len(releases), len(origins)) != (counts.get("release"), counts.get("origin")):
        raise refused(path, f"{len(releases)} releases and {len(origins)} origins, not all")
    return header


def refused(path: str, found: str) -> IndexFileError:
    """Why a folder is not used."""
    return IndexFileError(
        f"{path}: found {found}, expected fingerprint tables of format {FORMAT_VERSION}; make them "
        "with 'provenance cluster build'"
    )


def lacking(row: Sequence[Any]) -> bool:
    """Whether a value of a row is not there, or one of a list in it. A table may lack any."""
    # Not ``None in row``: of a row of Spark's that is whether it has a column of this name.
    return any(one is None or (isinstance(one, (list, tuple)) and lacking(one)) for one in row)


def checked_columns(
    path: str,
    found: Mapping[str, str],
    expected: Mapping[str, str],
    error: Callable[[str], Exception],
) -> None:
    """Refuse a table without a column, or with one of another type; others may stand beside."""
    for name, kind in expected.items():
        if name not in found:
            raise error(f"{path}: found no column {name!r} among {', '.join(found) or 'none'}")
        if found[name] not in kind.split("|"):
            raise error(
                f"{path}: found column {name!r} of type {found[name]}, expected "
                f"{kind.replace('|', ' or ')}"
            )
