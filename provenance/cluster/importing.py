"""importing: an index file -> fingerprint tables. Executors open the index and read their share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.cluster.assembling import Shape, write_tables
from provenance.cluster.fingerprints import restored_texts, row_of
from provenance.cluster.folders import Folder
from provenance.cluster.gather import READ
from provenance.cluster.tables import FINGERPRINT, Header
from provenance.elements import Tree
from provenance.index import KINDS, Index
from provenance.integrity import verify
from provenance.model import Parsed, SourceFile, Tokens, Unit
from provenance.parse import grammar
from provenance.sketch import sketch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def import_index(spark: SparkSession, file: str, output: str, shape: Shape | None = None) -> Header:
    """Make fingerprint tables of an index.

    Args:
        spark: the session.
        file: the index, which every executor can read under this name.
        output: the folder to write.
        shape: what decides the tables; parameters and bits of keys are those of the index.

    Raises:
        IndexFileError: it is none, or damaged.
    """
    verify(file)
    path = str(Path(file).resolve())
    with Index(path) as index:
        shape = replace(
            shape or Shape(), parameters=index.parameters, key_bits=index.shape.key_bits
        )
        families = {one.name: one.family for one in index.origin_facts.values()}
        baseline = None if index.baseline is None else index.baseline.to_json()
        known = baseline, index.checksum
        trees = index.counts["tree"]
    with Folder(spark, output) as folder:
        numbers = spark.sparkContext.range(1, trees + 1)
        rows = numbers.mapPartitions(partial(_fingerprints, path))
        made = spark.createDataFrame(rows, FINGERPRINT, verifySchema=False)
        files = spark.createDataFrame(
            numbers.mapPartitions(partial(_files, path)), READ, verifySchema=False
        ).drop("content", "cells", "reason")
        made = folder.kept("fingerprint", made)
        return write_tables(spark, folder, made, files, shape, families, known)


def _files(path: str, numbers: Iterable[int]) -> Iterator[tuple[Any, ...]]:
    """The files that some trees are, as rows of ``gather.READ``."""
    with Index(path) as index:
        read = index.connection.execute("SELECT id, selection FROM release")
        selections = {number: json.loads(some) for number, some in read}
        for number in numbers:
            sha256 = index.tree(number).sha256
            for one in index.files_of(number):
                release = astuple(index.releases[one.release])
                for selection in selections[one.release]:
                    yield (
                        *(index.name(one.path), sha256, None, index.origin_of(one)),
                        *(*release, selection, None, None),
                    )


def _fingerprints(path: str, numbers: Iterable[int]) -> Iterator[tuple[Any, ...]]:
    """The fingerprints of some trees: sketched again from their elements."""
    with Index(path) as index:
        for number in numbers:
            tree = index.tree(number)
            parsed = parsed_tree(index, number, tree)
            drawn = sketch(parsed, index.parameters, index.permutations)
            file = SourceFile("", b"", tree.sha256)
            yield row_of(file, parsed, drawn, tree.holders, tree.licenses)


def parsed_tree(index: Index, number: int, tree: Tree) -> Parsed:
    """A file of an index as it was parsed, as far as the index keeps it."""
    units: list[Unit] = []
    open_units: list[int] = []
    for at, (start, stop) in enumerate(zip(tree.start.tolist(), tree.stop.tolist(), strict=True)):
        while len(open_units) > 1 and int(tree.stop[open_units[-1]]) <= start:
            open_units.pop()
        units.append(
            Unit(
                index.name(int(tree.names[at])),
                KINDS[int(tree.kinds[at])],
                int(tree.first_line[at]),
                int(tree.last_line[at]),
                start,
                stop,
                open_units[-1] if open_units else -1,
            )
        )
        if not at or stop > start:
            open_units.append(at)
    tokens = _whole(index, number, tree)
    words = np.unique(tokens.word[tokens.kind == grammar().identifier])
    texts = restored_texts(index.names(words), tree.mark)
    return Parsed(tuple(units), tokens, texts, words, tree.mark, ())


def _whole(index: Index, number: int, tree: Tree) -> Tokens:
    """All elements of a tree: those of its units, and of the module what no other spans."""
    size = int(tree.sizes.sum())
    rest = np.ones(size, bool)
    columns = [np.zeros(size, kind) for kind in ("u8", "u8", "u1", "u4", "u8")]
    for at in range(1, tree.units.size):
        start, stop = int(tree.start[at]), int(tree.stop[at])
        if stop > start and rest[start]:  # not inside another
            rest[start:stop] = False
            _fill(columns, slice(start, stop), index.tokens_at(number, at))
    _fill(columns, rest, index.tokens_at(number, 0))
    return Tokens(*columns)


def _fill(columns: list[Any], where: Any, tokens: Tokens) -> None:
    of_tokens = (tokens.structure, tokens.text, tokens.kind, tokens.line, tokens.word)
    for column, values in zip(columns, of_tokens, strict=True):
        column[where] = values
