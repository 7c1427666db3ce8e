"""sketch: shingles, winnowing, MinHash and LSH do what their papers and datasketch say."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from programs import inserted, program, renamed
from thorough import tried

import provenance
from provenance.candidates import candidates
from provenance.index import Index
from provenance.model import Parameters, Parsed, Sketch
from provenance.parse import parse
from provenance.references import DEFAULT_INDEX
from provenance.schema import BAND, FORMAT_VERSION, RUN, STRUCTURE, TEXT, TEXT_RUN, WIDE
from provenance.sketch import (
    band_keys,
    body,
    digest,
    permutations,
    positions,
    shingles,
    signatures,
    sketch,
    sketches,
    winnow,
    within_function,
)

pytestmark = pytest.mark.usefixtures("in_this_process")

Hashes = NDArray[np.uint64]
PARAMETERS = Parameters()
K, RUN_SIZE, WINDOW = PARAMETERS.k, PARAMETERS.run, PARAMETERS.window
DRAWN = permutations(PARAMETERS)
MANY = settings(max_examples=tried(40, 150), deadline=None, derandomize=True)
SMALL = st.lists(st.integers(0, 3), max_size=60)


def elements(values: list[int]) -> Hashes:
    """Numbers as element hashes."""
    made: Hashes = np.array(values, np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return made


# --- shingles -----------------------------------------------------------------------------


@MANY
@given(SMALL, st.integers(1, 12))
def test_shingles_are_equal_exactly_where_windows_are(values: list[int], k: int) -> None:
    """One hash for each run of k elements; two hashes are equal iff the runs are."""
    runs = [tuple(values[at : at + k]) for at in range(max(0, len(values) - k + 1))]
    found = shingles(elements(values), k).tolist()
    assert len(found) == len(runs)
    assert len(set(zip(runs, found, strict=True))) == len(set(runs)) == len(set(found))


@MANY
@given(SMALL, SMALL, st.integers(1, 6))
def test_shingles_do_not_depend_on_what_stands_around(
    left: list[int], right: list[int], k: int
) -> None:
    """A run has the same hash wherever it stands."""
    whole = shingles(elements(left + right), k).tolist()
    alone = shingles(elements(right), k).tolist()
    assert not alone or whole[-len(alone) :] == alone


def test_shingles_see_the_order_of_elements() -> None:
    """A permuted run is another run."""
    first, other = elements([1, 2, 3]), elements([3, 2, 1])
    assert shingles(first, 3) != shingles(other, 3)


# --- winnowing ----------------------------------------------------------------------------


def naive_winnow(hashes: list[int], window: int) -> list[int]:
    """Schleimer, Wilkerson, Aiken 2003, section 3, by its words."""
    if not hashes:
        return []
    window = min(window, len(hashes))
    chosen = set()
    for first in range(len(hashes) - window + 1):
        part = hashes[first : first + window]
        least = min(part)
        chosen.add(first + max(at for at, value in enumerate(part) if value == least))
    return sorted(chosen)


@MANY
@given(st.lists(st.integers(0, 9), max_size=80), st.integers(1, 20))
def test_winnow_chooses_the_rightmost_least_of_every_window(values: list[int], window: int) -> None:
    """With many equal hashes too."""
    hashes = np.array(values, np.uint64)
    assert winnow(hashes, window).tolist() == naive_winnow(values, window)


@MANY
@given(
    st.lists(st.integers(0, 3), min_size=WINDOW + RUN_SIZE - 1, max_size=60),
    SMALL,
    SMALL,
    SMALL,
    SMALL,
)
def test_a_run_of_window_and_size_less_one_elements_shares_a_fingerprint(
    run: list[int], a: list[int], b: list[int], c: list[int], d: list[int]
) -> None:
    """The guarantee of winnowing, at the start and the end of a sequence as well."""

    def fingerprints(values: list[int]) -> set[int]:
        hashes = shingles(elements(values), RUN_SIZE)
        return set(hashes[winnow(hashes, WINDOW)].tolist())

    own = set(shingles(elements(run), RUN_SIZE).tolist())
    assert fingerprints(a + run + b) & fingerprints(c + run + d) & own


@MANY
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=200), st.integers(1, 20))
def test_two_chosen_hashes_are_at_most_a_window_apart(values: list[int], window: int) -> None:
    """No gap in which a whole window would be without a choice."""
    chosen = winnow(np.array(values, np.uint64), window)
    assert chosen[0] < window
    assert len(values) - chosen[-1] <= window
    assert (np.diff(chosen) <= window).all()


# --- MinHash ------------------------------------------------------------------------------


def by_datasketch(values: Hashes) -> MinHash:
    """datasketch's own signature of shingles modulo 2**32, which it then mixes itself."""
    made = MinHash(
        num_perm=PARAMETERS.bands * PARAMETERS.rows,
        seed=PARAMETERS.seed,
        scheme=PARAMETERS.scheme,
        hashfunc=lambda value: value,
    )
    made.update_batch([int(value) & 0xFFFFFFFF for value in values])
    return made


@settings(max_examples=tried(10, 30), deadline=None, derandomize=True)
@given(st.lists(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30), min_size=1))
def test_signatures_are_those_of_datasketch(parts: list[list[int]]) -> None:
    """Bit for bit, for many spans of one array at once."""
    hashes = np.array([value for part in parts for value in part], np.uint64)
    stops = np.cumsum([len(part) for part in parts])
    spans = np.stack([stops - [len(part) for part in parts], stops], axis=1).astype(np.intp)
    signed = signatures(hashes, spans, DRAWN)
    for (first, stop), row in zip(spans.tolist(), signed, strict=True):
        assert row.tolist() == by_datasketch(hashes[first:stop]).hashvalues.tolist()


def test_spans_of_signatures_may_overlap_and_come_in_any_order() -> None:
    """A class and its methods, a nested function and the one around it."""
    hashes = shingles(elements(list(range(40))), K)
    spans = np.array([[0, 33], [5, 9], [0, 1], [32, 33], [8, 20]], np.intp)
    for (first, stop), row in zip(spans.tolist(), signatures(hashes, spans, DRAWN), strict=True):
        assert row.tolist() == by_datasketch(hashes[first:stop]).hashvalues.tolist()


def test_permutations_are_those_of_datasketch() -> None:
    """Of the scheme and seed that the parameters name."""
    assert DRAWN.tolist() == [
        list(map(int, row)) for row in by_datasketch(elements([1])).permutations
    ]
    assert DRAWN.shape == (2, PARAMETERS.bands * PARAMETERS.rows)
    other = permutations(replace(PARAMETERS, seed=PARAMETERS.seed + 1))
    assert not np.array_equal(other, DRAWN)


@MANY
@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 10**6))
def test_band_keys_are_equal_exactly_where_a_band_is(bands: int, rows: int, seed: int) -> None:
    """And bands of different numbers never meet, though their values be equal."""
    drawn = random.Random(seed)
    signed = np.array(
        [[drawn.randrange(2) for _ in range(bands * rows)] for _ in range(8)], np.uint32
    )
    keys = band_keys(signed, bands)
    assert keys.shape == (8, bands)
    said = {
        (band, *signed[row, band * rows : band * rows + rows].tolist()): int(keys[row, band])
        for row in range(8)
        for band in range(bands)
    }
    assert len(set(said.values())) == len(said)
    for (band, *values), key in said.items():
        for row in range(8):
            if signed[row, band * rows : band * rows + rows].tolist() == values:
                assert keys[row, band] == key


# --- a whole file -------------------------------------------------------------------------


def part(parsed: Parsed, position: int) -> NDArray[np.intp]:
    """The elements a unit is fingerprinted by."""
    unit = parsed.units[position]
    if position == 0:
        return positions(body(parsed.units, 0))
    return np.arange(unit.start, unit.stop)


@settings(max_examples=tried(8, 20), deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_the_sketch_of_a_file_is_that_of_its_units(seed: int) -> None:
    """Digests, bands and fingerprints of each unit are those of the unit taken alone."""
    parsed = parse(program(seed, classes=2).encode())
    made = sketch(parsed, PARAMETERS, DRAWN)
    sizes = [part(parsed, position).size for position in range(len(parsed.units))]
    wanted = [position for position, size in enumerate(sizes) if size >= PARAMETERS.tiny]
    assert made.unit.tolist() == wanted
    large = max(PARAMETERS.large, K)
    assert [wanted[row] for row in made.large] == [p for p in wanted if sizes[p] >= large]
    bands = dict(zip(made.large.tolist(), made.band, strict=True))
    for row, position in enumerate(wanted):
        own = parsed.tokens[part(parsed, position)]
        assert made.text_digest[row] == digest(own.text)
        if row in bands:
            assert made.structure_digest[row] == digest(own.structure)
            signed = by_datasketch(shingles(own.structure, K)).hashvalues.astype(np.uint32)
            expected = band_keys(signed[None], PARAMETERS.bands)[0]
            assert bands[row].tolist() == expected.tolist()
        for (keys, owner), view, size in (
            (made.run, own.structure, PARAMETERS.run),
            (made.text_run, own.text, PARAMETERS.text_run),
        ):
            assert set(keys[owner == row].tolist()) <= set(shingles(view, size).tolist())


@settings(max_examples=tried(8, 20), deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 1500), max_size=6))
def test_files_sketched_together_are_as_each_alone(seed: int, lengths: list[int]) -> None:
    """Whatever their lengths: nothing of one file reaches another, nor is anything left out."""
    texts = [program(seed + at)[:length] for at, length in enumerate(lengths)]
    files = [parse(text.encode()) for text in [*texts, program(seed, classes=2), ""]]
    for parsed, made in zip(files, sketches(files, PARAMETERS, DRAWN), strict=True):
        alone = sketch(parsed, PARAMETERS, DRAWN)
        for name in ("unit", "text_digest", "structure_digest", "size", "outer", "large", "band"):
            assert getattr(made, name).tolist() == getattr(alone, name).tolist()
        for name in ("run", "text_run"):
            for left, right in zip(getattr(made, name), getattr(alone, name), strict=True):
                assert left.tolist() == right.tolist()
        assert alone.run[0].tolist() == owned(parsed, alone)


def owned(parsed: Parsed, made: Sketch) -> list[int]:
    """The winnowed fingerprints of the structure view that lie in a unit large enough, one by
    one: elements of nested functions are the outermost's, those of methods their own."""
    rest = positions(body(parsed.units, 0))
    view = np.concatenate([parsed.tokens.structure, parsed.tokens.structure[rest]])
    owner = [-1] * view.size
    within = within_function(parsed.units)
    for row, position in enumerate(made.unit.tolist()):
        unit = parsed.units[position]
        span = range(unit.start, unit.stop) if position else range(len(parsed.tokens), view.size)
        if not within[position]:
            for at in span:
                owner[at] = row
    hashes = shingles(view, RUN_SIZE)
    return [
        int(hashes[at])
        for at in naive_winnow(hashes.tolist(), WINDOW)
        if owner[at] == owner[at + RUN_SIZE - 1] >= 0 and made.size[owner[at]] >= PARAMETERS.large
    ]


@settings(max_examples=tried(8, 20), deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_every_long_run_of_a_function_holds_a_fingerprint_that_it_owns(seed: int) -> None:
    """In both views, wherever in the file it stands: the second door misses nothing. A class
    owns only what is between its methods, a module what is between functions and classes."""
    parsed = parse(program(seed, classes=2).encode())
    made = sketch(parsed, PARAMETERS, DRAWN)
    for row, position in enumerate(made.unit.tolist()):
        own = part(parsed, position)
        if parsed.units[position].kind not in ("function", "method"):
            continue
        for (keys, owner), view, size, least in (
            (made.run, parsed.tokens.structure, PARAMETERS.run, PARAMETERS.large),
            (made.text_run, parsed.tokens.text, PARAMETERS.text_run, PARAMETERS.small),
        ):
            if own.size < least:
                continue
            held = np.isin(shingles(view[own], size), keys[owner == row])
            gaps = np.diff(np.concatenate([[-1], np.flatnonzero(held), [held.size]])) - 1
            assert gaps.max(initial=0) < WINDOW


@settings(max_examples=tried(8, 20), deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_function_pasted_elsewhere_shares_a_fingerprint(seed: int, other: int) -> None:
    """Whatever stands around it, in both files, if it is as long as the guarantee asks."""
    pasted = "def pasted(a, b):\n    c = a.view(b, 2) + b.view(a, 3)\n"
    pasted += "    return c * g(c[0], c[1]) + c.d(a)[b]\n"
    tokens = parse(pasted.encode()).tokens
    least = WINDOW + max(PARAMETERS.run, PARAMETERS.text_run) - 1
    assert len(tokens) >= max(least, PARAMETERS.large)
    around = program(seed, functions=2), program(other, functions=1)
    left = sketch(parse((around[0] + pasted + around[1]).encode()), PARAMETERS, DRAWN)
    right = sketch(parse((around[1] + pasted + around[0]).encode()), PARAMETERS, DRAWN)
    for mine, theirs, view, size in (
        (left.run[0], right.run[0], tokens.structure, PARAMETERS.run),
        (left.text_run[0], right.text_run[0], tokens.text, PARAMETERS.text_run),
    ):
        assert np.intersect1d(np.intersect1d(mine, theirs), shingles(view, size)).size


@pytest.mark.parametrize("text", ["", "# nothing\n", "x = 1\n", "\n" * 100])
def test_a_file_too_small_to_tell_anything_has_no_sketch(text: str) -> None:
    """Nothing is fingerprinted; nothing fails."""
    made = sketch(parse(text.encode()), PARAMETERS, DRAWN)
    assert made.unit.size == made.large.size == 0
    assert made.run[0].size == made.run[1].size == made.text_run[0].size == 0
    assert made.band.shape == (0, PARAMETERS.bands)


# --- the index finds what datasketch finds ------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_candidates_through_bands_are_those_of_datasketch(seed: int, tmp_path: Path) -> None:
    """For every unit of edited programs: the same units as ``MinHashLSH`` on the same
    signatures with the same bands and rows, no more and no fewer."""
    sources = [program(seed * 1000 + number) for number in range(12)]
    folder = tmp_path / "reference"
    folder.mkdir()
    for number, source in enumerate(sources):
        (folder / f"m{number}.py").write_text(source)
    provenance.build_index([str(folder)], tmp_path / "r.db")
    suspects = [inserted(renamed(source), seed, 0.08) for source in sources]
    suspects += [program(seed * 1000 + 500 + number) for number in range(4)]
    with Index(tmp_path / "r.db") as index:
        parameters = index.parameters
        peer = MinHashLSH(
            params=(parameters.bands, parameters.rows),
            num_perm=parameters.bands * parameters.rows,
        )
        indexed: set[int] = set()
        for unit in range(1, index.units + 1):
            tokens = index.tokens(unit)
            if len(tokens) >= max(parameters.large, parameters.k):
                peer.insert(unit, by_datasketch(shingles(tokens.structure, parameters.k)))
                indexed.add(unit)
        met = unmet = 0
        for source in suspects:
            parsed = parse(source.encode())
            made = sketch(parsed, parameters, index.permutations)
            at, units, held = index.lookup(BAND, made.band.ravel())
            found: dict[int, set[int]] = {row: set() for row in range(made.large.size)}
            for key, unit in zip(at.tolist(), units.tolist(), strict=True):
                found[key // parameters.bands].add(unit)
            assert held.size == made.band.size
            for row, position in enumerate(made.unit[made.large].tolist()):
                own = shingles(parsed.tokens.structure[part(parsed, position)], parameters.k)
                expected = set(peer.query(by_datasketch(own)))
                assert found[row] == expected
                met, unmet = met + bool(expected), unmet + (not expected)
        assert met > 20
        assert unmet > 5


def test_each_door_yields_the_units_that_hold_a_key(tmp_path: Path) -> None:
    """Each unit is found behind each door by each of its keys; a key nobody holds yields none."""
    source = program(5, classes=2)
    (tmp_path / "m.py").write_text(source)
    provenance.build_index([str(tmp_path / "m.py")], tmp_path / "r.db")
    made = sketch(parse(source.encode()), PARAMETERS, DRAWN)
    with Index(tmp_path / "r.db") as index:
        for door, keys in (
            (TEXT, made.text_digest),
            (STRUCTURE, made.structure_digest[made.large]),
            (BAND, made.band.ravel()),
            (RUN, made.run[0]),
            (TEXT_RUN, made.text_run[0]),
        ):
            at, units, held = index.lookup(door, keys)
            assert (held > 0).all()
            assert np.bincount(at, minlength=keys.size).tolist() == held.tolist()
            assert (units >= 1).all()
            assert (units <= index.units).all()
            nobody = np.setdiff1d(np.arange(100, dtype=np.uint64), keys)
            at, units, held = index.lookup(door, nobody)
            assert at.size == units.size == held.sum() == 0
            assert held.size == nobody.size


@pytest.mark.parametrize("door", [BAND, RUN, TEXT_RUN])
def test_a_door_that_was_read_whole_answers_as_before(door: int) -> None:
    """Keys that no unit holds are then refused at once; nothing that is held is."""
    keys = np.random.default_rng(5).integers(0, 1 << 64, 60_000, dtype=np.uint64)
    with Index(DEFAULT_INDEX) as index:
        at, units, held = index.lookup(door, keys)
        at_again, units_again, held_again = index.lookup(door, keys)
        assert door in index._postings._present
    assert at.size > 50
    assert at.tolist() == at_again.tolist()
    assert units.tolist() == units_again.tolist()
    assert held.tolist() == held_again.tolist()


@pytest.mark.parametrize("most", [0, 1, 3])
def test_a_key_that_more_than_so_many_hold_is_counted_and_not_listed(
    most: int, tmp_path: Path
) -> None:
    """In both formats of postings; what others hold is listed as ever."""
    folder = tmp_path / "reference"
    folder.mkdir()
    for number in range(6):
        (folder / f"m{number}.py").write_text(inserted(program(5), number, 0.03 * number))
    provenance.build_index([str(folder)], tmp_path / "narrow.db")
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr("provenance.schema.WIDE_FROM", 0)
        provenance.build_index([str(folder)], tmp_path / "wide.db")
    keys = np.unique(sketch(parse(program(5).encode()), PARAMETERS, DRAWN).band)
    for name, version in (("narrow", FORMAT_VERSION), ("wide", WIDE)):
        with Index(tmp_path / f"{name}.db") as index:
            assert index.shape.version == version
            at, units, held = index.lookup(BAND, keys)
            fewer, listed, counted = index.lookup(BAND, keys, most)
        assert counted.tolist() == held.tolist()
        few = held[at] <= most
        assert np.count_nonzero(~few) > 0
        assert fewer.tolist() == at[few].tolist()
        assert listed.tolist() == units[few].tolist()


@pytest.mark.parametrize("most", [1, 2, 5, 12])
def test_what_the_rarest_bands_propose_counts_as_where_all_propose(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few units LSH keys may propose: each has the same weight, and so the same rank
    among those that are proposed; and a unit equal to one is always proposed."""
    folder = tmp_path / "reference"
    folder.mkdir()
    for number in range(14):
        source = inserted(program(5), number, 0.004 * number)
        (folder / f"m{number}.py").write_text(source.replace("class ", f"class M{number}"))
    provenance.build_index([str(folder)], tmp_path / "r.db")
    drawn = [
        sketch(parse(renamed(inserted(program(5), 40, 0.05)).encode()), PARAMETERS, DRAWN),
        sketch(parse(program(5).encode()), PARAMETERS, DRAWN),
    ]
    monkeypatch.setattr("provenance.candidates.MOST_CANDIDATES", 1000)
    monkeypatch.setattr("provenance.candidates.LEAST_OF_BEST", 0.0)
    with Index(tmp_path / "r.db") as index:
        every = candidates(drawn, index)
        monkeypatch.setattr("provenance.candidates.MOST_BY_BANDS", most)
        some = candidates(drawn, index)
    fewer = 0
    assert not any(limited.size for _, limited in every)
    for made, (whole, _), (part, limited) in zip(drawn, every, some, strict=True):
        lost = {tuple(one) for one in whole.tolist()} - {tuple(one) for one in part.tolist()}
        told = {*limited.tolist(), *made.outer[limited].tolist()}
        assert {row for row, *_ in lost} <= told  # nothing vanishes silently
        classes = set(made.outer.tolist())  # what is proposed by members may be another
        left = {tuple(one): rank for rank, one in enumerate(whole.tolist())}
        ranks = [left[tuple(one)] for one in part.tolist() if one[0] not in classes]
        assert ranks == sorted(ranks)
        assert {tuple(one) for one in whole.tolist() if one[2]} <= {*map(tuple, part.tolist())}
        assert set(part[:, 0].tolist()) == set(whole[:, 0].tolist())
        fewer += len(whole) - len(part)
    assert fewer > 0


@pytest.mark.parametrize("most", [1, 3])
def test_the_likeliest_of_a_method_propose_their_classes_and_what_is_left_out_is_told(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few units of each method are asked: a class that is proposed is one that all of them
    would propose, that of an equal method is proposed, and a class that is lost has a method that
    is said to be limited."""
    folder = tmp_path / "reference"
    folder.mkdir()
    for number in range(14):
        source = inserted(program(5), number, 0.004 * number)
        (folder / f"m{number}.py").write_text(source.replace("class ", f"class M{number}"))
    provenance.build_index([str(folder)], tmp_path / "r.db")
    drawn = [sketch(parse(program(5).encode()), PARAMETERS, DRAWN)]
    monkeypatch.setattr("provenance.candidates.MOST_CANDIDATES", 1000)
    monkeypatch.setattr("provenance.candidates.LEAST_OF_BEST", 0.0)
    with Index(tmp_path / "r.db") as index:
        [(whole, unlimited)] = candidates(drawn, index)
        monkeypatch.setattr("provenance.candidates.MOST_BY_MEMBER", most)
        [(part, limited)] = candidates(drawn, index)
    every, some = ({(one[0], one[1]) for one in made.tolist()} for made in (whole, part))
    assert not unlimited.size
    assert some <= every
    assert {(one[0], one[1]) for one in whole.tolist() if one[2]} <= some
    assert set(limited.tolist()) <= set(np.flatnonzero(drawn[0].outer >= 0).tolist())
    assert {row for row, _ in every - some} <= {*drawn[0].outer[limited].tolist()}
    assert limited.size


def test_no_keys_yield_nothing(tmp_path: Path) -> None:
    """A batch of files may have no unit at all."""
    (tmp_path / "m.py").write_text(program(5))
    provenance.build_index([str(tmp_path / "m.py")], tmp_path / "r.db")
    with Index(tmp_path / "r.db") as index:
        at, units, held = index.lookup(BAND, np.empty(0, np.uint64))
    assert at.size == units.size == held.size == 0


def test_a_fingerprint_that_too_many_hold_proposes_nobody_but_is_counted(tmp_path: Path) -> None:
    """``Parameters.common`` holders are listed, one more is not."""
    common = PARAMETERS.common
    shared = (
        "    a = b.view(c, 1)\n    for d in a:\n        e = d[a] + f(d, c) * g(a)\n    h(a, e)\n"
    )
    for count in (common, common + 1):
        folder = tmp_path / f"of{count}"
        folder.mkdir()
        for number in range(count):
            text = f"def f{number}(b, c):\n{shared}    return k({number}, '{number}')\n"
            (folder / f"m{number}.py").write_text(text)
        provenance.build_index([str(folder)], tmp_path / f"{count}.db")
        key = np.unique(
            shingles(parse(f"def f(b, c):\n{shared}".encode()).tokens.structure, RUN_SIZE)
        )
        with Index(tmp_path / f"{count}.db") as index:
            at, _, held = index.lookup(RUN, key)
        assert held.max() == count
        assert at.size == (held[held > 0].sum() if count <= common else 0)


def test_a_unit_whose_bands_no_index_has_needs_no_digest() -> None:
    """What is not digested cannot be equal: the rest of the sketch is the same."""
    parsed = parse(program(7, classes=2).encode())
    whole = sketch(parsed, PARAMETERS, DRAWN)
    held = whole.band[::2, 0]
    (made,) = sketches([parsed], PARAMETERS, DRAWN, lambda keys: np.isin(keys, held))
    told = np.ones(whole.unit.size, bool)
    told[whole.large] = np.isin(whole.band[:, 0], held)
    assert set(told.tolist()) == {True, False}
    for found, every in (
        (made.text_digest, whole.text_digest),
        (made.structure_digest, whole.structure_digest),
    ):
        assert found.tolist() == np.where(told, every, 0).tolist()
    for name in ("unit", "size", "outer", "large", "band"):
        assert np.array_equal(getattr(made, name), getattr(whole, name))
