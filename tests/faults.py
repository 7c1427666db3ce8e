"""The theorems of CONTRIBUTING.md, the tests that say them, and faults that these must catch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Theorem:
    """What holds for any input: its name, the tests that say so, and faults that they catch, of
    each the file in ``provenance/``, what stands in one place of it, and what is put there."""

    name: str
    tests: tuple[str, ...]
    faults: tuple[tuple[str, str, str], ...]


THEOREMS = (
    Theorem(
        "winnowing",
        (
            "test_sketch.py::test_winnow_chooses_the_rightmost_least_of_every_window",
            "test_sketch.py::test_files_sketched_together_are_as_each_alone",
        ),
        (
            ("sketch.py", "_least(hashes, min(window, ", "_least(hashes, min(window + 1, "),
            ("sketch.py", "(right <= left)", "(right < left)"),
            ("sketch.py", "[: max(0, view.size - reach)]", "[: max(0, view.size - reach - 1)]"),
        ),
    ),
    Theorem(
        "LSH",
        (
            "test_sketch.py::test_signatures_are_those_of_datasketch",
            "test_sketch.py::test_the_sketch_of_a_file_is_that_of_its_units",
            "test_sketch.py::test_band_keys_are_equal_exactly_where_a_band_is",
        ),
        (
            ("sketch.py", "(mixed >> np.uint32(13))", "(mixed >> np.uint32(12))"),
            ("sketch.py", "np.array([0, parameters.k - 1])", "np.array([0, parameters.k])"),
            ("sketch.py", "for row in range(rows):", "for row in range(rows - 1):"),
        ),
    ),
    Theorem(
        "pairs",
        (
            "test_align.py::test_pairs_are_equal_and_no_position_is_used_twice",
            "test_align.py::test_runs_with_gaps_between_them_are_paired_right",
            "test_align.py::test_a_shared_run_long_enough_is_paired_wherever_it_stands",
            "test_align.py::test_each_run_taken_is_the_longest_that_is_left",
        ),
        (
            ("align.py", "return first if size", "return first + 1 if size"),
            ("align.py", "(left[i:stop] == right[j:last]) & ~taken", "~taken"),
            ("align.py", "around[rest >= SHORTEST_RUN]", "around[rest > SHORTEST_RUN]"),
            ("align.py", "+ SHORTEST_RUN - 1", "+ SHORTEST_RUN"),
        ),
    ),
    Theorem(
        "blocks",
        (
            "test_align.py::test_pairs_are_equal_and_no_position_is_used_twice",
            "test_align.py::test_runs_with_gaps_between_them_are_paired_right",
        ),
        (
            ("align.py", "return tuple(found)", "return tuple(found[:-1] or found)"),
            ("align.py", "suspect.line[i[lasts]]", "suspect.line[i[firsts]]"),
            ("align.py", "max(last.suspect_end, block.suspect_end)", "last.suspect_end"),
        ),
    ),
    Theorem(
        "renames",
        (
            "test_theorems.py::test_blocks_are_equal_under_the_renames",
            "test_theorems.py::test_a_word_that_all_names_bear_is_one_rename",
        ),
        (
            ("align.py", "Rename(reference, suspect, count)", "Rename(suspect, reference, count)"),
            ("align.py", "reference)] += count", "reference)] = count"),
            ("align.py", "left[first] == right[first]:", "left[first][0] == right[first][0]:"),
        ),
    ),
    Theorem(
        "compositions",
        (
            "test_theorems.py::test_what_a_file_is_made_of_adds_up_to_one",
            "test_composition.py::test_shares_add_up_to_one",
            "test_composition.py::test_what_is_common_is_similar_but_nobodys",
        ),
        (
            ("composition.py", "(file.lines * share.share / total, ", "(share.share, "),
            ("attribute.py", "common += fresh.size", "pass"),
            ("attribute.py", "round(common / size, _ROUNDED)", "round(common, _ROUNDED)"),
        ),
    ),
    Theorem(
        "structure view",
        (
            "test_parse.py::test_layout_comments_and_docstrings_change_neither_view",
            "test_parse.py::test_renaming_every_identifier_leaves_the_structure_view",
        ),
        (
            ("parse.py", "(_LEFT, self.left_out)", "(_LEAF, self.left_out)"),
            ("parse.py", "continue  # a docstring", "pass  # a docstring"),
            ("parse.py", "Tokens(structure, structure ^", "Tokens(structure ^ word, structure ^"),
            ("parse.py", "(_THROUGH, self.transparent)", "(_PLAIN, self.transparent)"),
        ),
    ),
    Theorem(
        "joined indexes",
        (
            "test_merge.py::test_what_is_joined_is_what_is_built_at_once",
            "test_merge.py::test_any_sources_may_be_built_apart",
        ),
        (
            ("merge.py", "common.append(own[counts == 0])", "common.append(own[:0])"),
            ("numbering.py", "np.minimum.at(first, files", "np.maximum.at(first * 0, files"),
            ("numbering.py", "np.argsort(some, kind", "np.argsort(some >> np.uint64(32), kind"),
            ("numbering.py", "np.lexsort((rank_of, *dig", "np.lexsort((0 * rank_of, *dig"),
            (
                "merge.py",
                "selected.setdefault(index.releases[number], set()).update(selections)",
                "selected[index.releases[number]] = set(selections)",
            ),
        ),
    ),
    Theorem(
        "pages",
        ("test_pages.py",),
        (
            ("pages.py", ".bit_length() + 7) // 8)", ".bit_length() + 6) // 8)"),
            ("pages.py", "planes.reshape(width, size).T", "planes.reshape(size, width)"),
            ("pages.py", "if found != number:", "if found > number:"),
            ("pages.py", "if at != len(page):", "if at > len(page):"),
            ("pages.py", "not stream.eof or stream.unused_data", "not stream.eof"),
            ("pages.py", "= values.astype(np.uint64)", "= values.view(np.uint64)"),
            ("pages.py", "- counts)[counts > 0]", "- counts)"),
        ),
    ),
    Theorem(
        "baseline",
        (
            "test_theorems.py::test_a_baseline_comes_back_whatever_its_texts",
            "test_ledger.py",
        ),
        (
            ("ledger.py", r"\ud800-\udfff", r"\ud800-\udbff"),
            ("ledger.py", "one.id, *astuple(one))", "one.id)"),
            ("ledger.py", "one[key] for key", "one[key].strip() for key"),
            ("ledger.py", "return left.popleft()", "return left[0]"),
            ("ledger.py", "there.take(ruling.rule)", "there.take(GRAVEST[0])"),
            ("ledger.py", "moved.take(ruling.rule)", "moved.take(GRAVEST[-1])"),
        ),
    ),
    Theorem(
        "saved report",
        ("test_theorems.py::test_a_saved_report_comes_back_whatever_its_texts",),
        (
            ("report/saved.py", "return kind(value)", "return kind(round(value, 3))"),
            ("report/saved.py", "in enumerate(value))", "in enumerate(value[:1]))"),
            ("report/saved.py", "if value is None and type(None)", "if not value and type(None)"),
        ),
    ),
    Theorem(
        "bundle",
        (
            "test_theorems.py::test_a_bundle_comes_back_whatever_its_members",
            "test_bundle.py::test_any_other_packing_is_found",
            "test_bundle.py::test_every_flipped_bit_is_found",
            "test_bundle.py::test_sums_that_say_something_else_are_found",
        ),
        (
            ("bundle.py", "in sorted(content):", "in content:"),
            ("bundle.py", "if packed(content) != data:", "if len(packed(content)) != len(data):"),
            ("bundle.py", "writestr(info, content[name])", "writestr(info, content[name].strip())"),
            ("bundle.py", "if len(stated) != len(right) or any(", "if any("),
        ),
    ),
    Theorem(
        "decoding",
        (
            "test_theorems.py::test_encoding_mark_and_line_ends_do_not_reach_the_text",
            "test_theorems.py::test_line_ends_and_mark_change_no_element",
            "test_decode.py",
        ),
        (
            ("decode.py", '.replace(b"\\r", b"\\n")', ""),
            ("decode.py", "data.removeprefix(codecs.BOM_UTF8)", "data"),
            ("decode.py", "if _BLANK.match(first) else None", "if True else None"),
            ("decode.py", 'body.decode("utf-8")', 'body.decode("utf-8", "replace")'),
        ),
    ),
    Theorem(
        "order of files",
        (
            "test_theorems.py::test_order_and_batches_of_files_change_nothing",
            "test_theorems.py::test_what_is_remembered_of_two_units_is_theirs",
            "test_scan.py::test_what_is_remembered_changes_no_result",
        ),
        (
            ("scanning.py", "(one[0].path, one[0].sha256)", "0"),
            ("scanning.py", "key=lambda one: (one.path, one.reason)", "key=lambda one: one.path"),
            ("library.py", "key = *one, *other", "key = *one, other[0]"),
            ("sketch.py", "text_run[1] - first)", "text_run[1])"),
        ),
    ),
    Theorem(
        "order of sources",
        (
            "indexed/test_same_bytes.py::test_the_order_of_sources_changes_no_byte",
            "indexed/test_same_bytes.py::test_any_two_sources_may_change_places",
        ),
        (
            ("build.py", "Selected.order(one) for one, _", "0 for one, _"),
            ("build.py", "min(path, first_path.get(tree, path))", "path"),
            ("build.py", "_ranked(list(self._origins))", "np.arange(len(self._origins))"),
        ),
    ),
    Theorem(
        "number of jobs",
        (
            "test_scan.py::test_the_report_does_not_depend_on_jobs",
            "test_scan.py::test_the_report_does_not_depend_on_batches",
            "indexed/test_same_bytes.py::test_the_index_does_not_depend_on_jobs",
            "test_workers.py::test_all_is_done_in_order",
        ),
        (
            ("workers.py", "begun.popleft().told", "begun.pop().told"),
            ("workers.py", "    if batch:\n", "    if len(batch) > 1:\n"),
            ("workers.py", "batch, size = [], 0", "batch, size = [file], 0"),
        ),
    ),
    Theorem(
        "notices",
        ("audited/test_way_out.py::test_what_our_notices_list_is_read_again",),
        (
            ("notices.py", "yield number, _MARKUP.sub(r\"\\1\", one[1])", "yield number, one[1]"),
            ("notices.py", "_PART).partition(\", \")", "_PART).partition(\",\")"),
            ("report/notices.py", "return inner if inner", "return whole if inner"),
        ),
    ),
)  # fmt: skip
