"""statements: what comments and docstrings say of a file's origin, and what became of it."""

from __future__ import annotations

import ast
import doctest
from importlib import import_module

import pytest
from ending import ends
from hypothesis import given
from hypothesis import strategies as st

from provenance.claims import Claim, Repository, claims_in, repository_of
from provenance.comments import LONGEST_BLOCK, Block, decorated, head_lines
from provenance.notices import notice_files
from provenance.rights import Copyright, License, fold_holder, parties
from provenance.statements import (
    MOST,
    MOST_VERBS,
    NOTHING,
    Statements,
    continuity,
    of_cells,
    statements,
)

SHA = "0123456789abcdef0123456789abcdef01234567"


def claims(text: str) -> list[tuple[str, int, str]]:
    """Kind, line and target of the claims of a text."""
    return [(claim.kind, claim.line, claim.target) for claim in statements(text.encode()).claims]


@pytest.mark.parametrize(
    ("comment", "kind", "target"),
    [
        ("# Copied from transformers.models.x.modeling_x.XNorm", "copied", None),
        ("    # Copied from a.b.C with X->Y", "copied", "a.b.C"),
        ("# TODO: check again: Copied from a.b.c.d.E", "copied", "a.b.c.d.E"),
        ("# Adapted from: https://github.com/o/r", "adapted", "https://github.com/o/r"),
        ("# This file is modified from https://github.com/o/r.", "modified", None),
        ("# copied and adapted from `o/r`, simplified", "copied", "o/r"),
        ("# Code borrowed from (https://github.com/o/r)", "borrowed", "https://github.com/o/r"),
        ("# The code is based on llava/model.py, but shorter", "based", "llava/model.py"),
        ("# This code is based on EleutherAI's GPT-NeoX library", "based", "EleutherAI's GPT-NeoX"),
        ("# Heavily inspired by o.r.Thing", "inspired", "o.r.Thing"),
        ("# Ported from LlamaRMSNorm", "ported", "LlamaRMSNorm"),
        ("# Taken from the flash-attention project.", "taken", "flash-attention"),
        ("# Attribution: adapted from GLM-4.5 by Z.ai", "adapted", "GLM-4.5"),
        ("# Norm (adapted from LlamaRMSNorm)", "adapted", "LlamaRMSNorm"),
        ("# Rotary positions. Adapted from LlamaRotary", "adapted", "LlamaRotary"),
        ("# Norm - copied from LlamaRMSNorm", "copied", "LlamaRMSNorm"),
        ("# Norm adapted from llama/modeling_llama.py", "adapted", "llama/modeling_llama.py"),
        ("# See LICENSE; ported from vllm.models.llama", "ported", "vllm.models.llama"),
        ("# automatically generated from src/x/modular_x.py.", "generated", "src/x/modular_x.py"),
        ("x = 1  # Derived from Sage code", "derived", "Sage"),
        (f"# see https://github.com/o/r/blob/{SHA}/a.py#L3", "link", None),
    ],
)
def test_a_claim_is_read_with_its_target(comment: str, kind: str, target: str | None) -> None:
    """The phrases of the wild, one by one; ``None``: the last word of the comment."""
    ((found, line, said),) = claims(f"import x\n{comment}\nclass A: pass\n")
    assert (found, line) == (kind, 2)
    assert said == (target or comment.rstrip(".").split()[-1])


@pytest.mark.parametrize("words", ["directly", "almost verbatim", "over", "as is", "as-is", "code"])
def test_words_between_a_verb_and_its_from_hide_no_claim(words: str) -> None:
    """Only where the verb stood right before it, or the line had an address, was it read."""
    (found,) = statements(f"# Copied {words} from a.b.modeling_c\n".encode()).claims
    assert (found.kind, found.target) == ("copied", "a.b.modeling_c")


def test_what_is_copied_may_be_named_below_the_words_for_it() -> None:
    (found,) = statements(b"# Copied from the following file:\n# a/b/modeling_c.py\n").claims
    assert (found.line, found.end_line, found.target) == (1, 2, "a/b/modeling_c.py")
    assert not statements(b"# Copied from my notes:\n# a/b/modeling_c.py\n").claims


@pytest.mark.parametrize(
    "text",
    [
        's = "Copied from transformers.models.llama.modeling_llama.LlamaMLP"\n',
        'print("""\n# Copied from a.b.c.D\nAdapted from https://github.com/o/r\n""")\n',
        "# The default translation is based on the settings file.\n",
        "# Self-referential fields must be recreated rather than copied from Field\n",
        "# Method based on Karras et al. (2022) (table 1)\n",
        "# values taken from [2]\n",
        "# the tokens, taken from batch.input_ids, are\n",
        "# weights copied from LlamaMLP\n",
        "# This is based on RFC 9110\n",
        "# Copyright notice and licence are below\n",
        "# blocks of a list, where entries are\n# taken from timevalue1 and others\n",
        "# License: https://github.com/o/r/blob/main/LICENSE.txt\n",
    ],
)
def test_code_and_ordinary_words_are_no_claims(text: str) -> None:
    """Strings that code uses, and sentences that speak of other things."""
    assert statements(text.encode()) == NOTHING


def test_an_address_on_the_lines_below_belongs_to_the_claim() -> None:
    """As vLLM writes its headers; all addresses that follow, up to the comment's end."""
    text = (
        "# coding=utf-8\n# Adapted from\n"
        f"# https://github.com/o/r/blob/{SHA}/src/m.py#L10-L20\n"
        "# and https://github.com/o/s/tree/v1.2\n# Copyright 2024 The A Team.\n"
    )
    first, second = statements(text.encode()).claims
    assert first.repository == Repository("o", "r", SHA, "src/m.py", "L10-L20")
    assert second.repository == Repository("o", "s", "v1.2")
    assert (first.kind, first.line, first.end_line) == ("adapted", 2, 4)


def test_docstrings_are_read_too() -> None:
    """Of the module, of a class, of a function."""
    text = (
        '"""Adapted from a/b.py."""\n'
        'class A:\n    """A.\n\n    Copied from c.d.E.\n    """\n'
        "    def f(self):\n        r'''Taken from https://github.com/o/r'''\n"
    )
    assert claims(text) == [
        ("adapted", 1, "a/b.py"),
        ("copied", 5, "c.d.E"),
        ("taken", 8, "https://github.com/o/r"),
    ]


@pytest.mark.parametrize(
    "head",
    [
        "def f(a):  # noqa: D401\n",
        "def f(a):\n    # type: (int) -> int\n",
        "class A(B):  # type: ignore[misc]\n    # and more\n\n",
        'def f(a="#"):  # noqa\n',
    ],
)
def test_comments_before_a_docstring_do_not_hide_it(head: str) -> None:
    """Those of linters, and types as Python 2 had them."""
    text = f'{head}    """Copied from a.b.C."""\n'
    assert claims(text) == [("copied", head.count("\n") + 1, "a.b.C")]
    assert claims('f(a,  # not a docstring\n  # but an argument\n  "Copied from a.b.C")\n') == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# This code was adapted\n# from a.b.C.\n", [(1, 2, "a.b.C")]),
        ("    # Mostly copied and modified\n    # from a/b.py\n", [(1, 2, "a/b.py")]),
        ("# X.\n# It is taken\n# from https://a.b/c\n", [(2, 3, "https://a.b/c")]),
        ("# It was not copied\n# from a.b.C\n", []),
        ("# This file was not\n# copied from a.b.C\n", []),
        ("# No line of it was\n# adapted from https://github.com/a/b\n", []),
        ("# It has not been copied from a.b.C\n", []),
        ("# It is in no way copied from a.b.C\n", []),
        ("# Attention weights\n# copied from a.b.c.D\n", [(2, 2, "a.b.c.D")]),
        ("# import a\n# from a.b import C\n", []),
        ("x = 1  # adapted\ny = 2\n# from a.b.C\n", []),
    ],
)
def test_a_claim_may_go_on_in_the_next_line(text: str, found: list[tuple[int, int, str]]) -> None:
    said = statements(text.encode()).claims
    assert [(one.line, one.end_line, one.target) for one in said] == found


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", 1),
        ("x = 1\n", 1),
        ("# a\n\n# b\nx = 1\n", 4),
        ('# a\n"""b\n\nc"""\n# d\n\nx = 1\n', 7),
        ('r"""a\n"""\n\f\nx\n', 4),
        ("import a\n# b\n", 1),
        ('"""a\n', 2),
    ],
)
def test_what_a_file_begins_with(text: str, lines: int) -> None:
    """Comments, blanks and the docstring: up to the line where code begins."""
    assert head_lines(text.encode()) == lines


@pytest.mark.parametrize("space", ["\u00a0", "\u3000", "\t", "  ", "\u2003"])
def test_spaces_of_all_kinds_are_spaces(space: str) -> None:
    """As they come from a word processor, or where columns are aligned."""
    said = statements(f"# Copyright{space}(c){space}2024{space}Some{space}One\n".encode())
    assert [one.holder.split() for one in said.copyrights] == [["Some", "One"]]
    said = statements(f"# Copyright{space}2024{space}Some{space}One\n".encode())
    assert [one.holder.split() for one in said.copyrights] == [["Some", "One"]]
    assert claims(f"# Copied from{space}a.b.C\n") == [("copied", 1, "a.b.C")]


@pytest.mark.parametrize("space", ["\u00a0", "  "])
def test_a_verb_and_its_from_are_one_phrase(space: str) -> None:
    assert claims(f"# Copied{space}from a.b.C\n") == [("copied", 1, "a.b.C")]


@pytest.mark.parametrize("head", ["\f", "\f\n", "#!/usr/bin/python\n\f\n", "\f# x\n \f\n"])
def test_a_form_feed_hides_no_notice(head: str) -> None:
    """It is a space to Python, and cuts old files into pages."""
    text = f'{head}"""Copyright 2024 Some One\n\nCopied from a.b.C.\n"""\n'
    assert [one.holder for one in statements(text.encode()).copyrights] == ["Some One"]
    assert [target for _, _, target in claims(text)] == ["a.b.C"]


def test_a_string_that_a_cell_leaves_open_hides_nothing_that_another_one_says() -> None:
    """Lines are those of the whole; a comment goes no further than its cell."""
    texts = [
        'x = """\n',
        "# Copied from a.b.C\n# Copyright 2024 A\n",
        "# Copied from\n",
        "# d.e.F\n",
    ]
    content = b""
    lines: list[tuple[int, int]] = []
    for number, text in enumerate(texts):
        lines.append((number, content.count(b"\n") + 1))
        content += text.encode()
    said = of_cells(content, lines)
    assert [(one.line, one.end_line, one.target) for one in said.claims] == [(2, 2, "a.b.C")]
    assert [(one.line, one.holder) for one in said.copyrights] == [(3, "A")]
    assert of_cells(content, lines[:1]) == statements(content)


def test_renames_are_pairs_of_there_and_here() -> None:
    """``with X->Y`` as transformers writes it."""
    (claim,) = statements(b"# Copied from a.b.C with Llama->Solar,LLAMA -> SOLAR\n").claims
    assert claim.renames == (("Llama", "Solar"), ("LLAMA", "SOLAR"))
    (claim,) = statements(b"# Copied from a.b.C\n").claims
    assert claim.renames == ()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://github.com/o/r.git", Repository("o", "r")),
        (
            "https://raw.githubusercontent.com/o/r/main/a/b.py",
            Repository("o", "r", "main", "a/b.py"),
        ),
        ("https://gitlab.com/o/r/-/blob/v1/a.py", Repository("o", "r", "v1", "a.py")),
        ("https://github.com/o/r/commit/abc", Repository("o", "r", "abc")),
        ("https://github.com/o/r/issues/3", Repository("o", "r")),
        ("https://docs.example/o/r", None),
    ],
)
def test_the_parts_of_an_address(url: str, expected: Repository | None) -> None:
    """Owner, repository, ref and path, as far as it has them."""
    assert repository_of(url) == expected


def test_snippet_tags_are_read_where_no_other_word_stands() -> None:
    text = "x = 1\n# SPDX-SnippetBegin\n# SPDX-SnippetName: a.b.C\ny = 2\n# SPDX-SnippetEnd\n"
    (snippet,) = statements(text.encode()).claims
    assert (snippet.line, snippet.end_line, snippet.target) == (2, 5, "a.b.C")


def test_snippet_tags_enclose_what_they_speak_of() -> None:
    """SPDX 2.3, annex H: from begin to end, with the source, holder and licence inside."""
    text = (
        "x = 1\n# SPDX-SnippetBegin\n# SPDX-SnippetCopyrightText: 2020 Jane Doe\n"
        "# SPDX-License-Identifier: MIT OR Apache-2.0\n# Taken from https://github.com/o/r\n"
        "y = 2\n# SPDX-SnippetEnd\n"
    )
    said = statements(text.encode())
    snippet = next(claim for claim in said.claims if claim.kind == "snippet")
    assert (snippet.line, snippet.end_line, snippet.target) == (2, 7, "https://github.com/o/r")
    assert [(c.holder, c.years) for c in said.copyrights] == [("Jane Doe", "2020")]
    assert [(c.expression, c.source) for c in said.licenses] == [("MIT OR Apache-2.0", "tag")]


@pytest.mark.parametrize(
    ("line", "holder", "years"),
    [
        ("# Copyright 2025 The ZhipuAI Team.", "The ZhipuAI Team", "2025"),
        ("# Copyright (c) 2019-2024, NVIDIA CORPORATION. All rights reserved.",
         "NVIDIA CORPORATION", "2019-2024"),
        ("# Copyright (c) Meta Platforms, Inc. and affiliates.",
         "Meta Platforms, Inc. and affiliates", ""),
        ("# SPDX-FileCopyrightText: Copyright contributors to the vLLM project",
         "contributors to the vLLM project", ""),
        ("# Copyright (c) 2025 Bytedance Ltd. and/or its affiliates",
         "Bytedance Ltd. and/or its affiliates", "2025"),
        ("# Copyright 2008 Jens Rasch <j@mail.example>", "Jens Rasch", "2008"),
        ("# © 2020, 2021 A B", "A B", "2020, 2021"),
    ],
)  # fmt: skip
def test_copyright_lines(line: str, holder: str, years: str) -> None:
    """Holder and years apart, without reservations and addresses."""
    (found,) = statements(line.encode()).copyrights
    assert (found.line, found.holder, found.years, found.text) == (1, holder, years, line)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ('# Licensed under the Apache License, Version 2.0 (the "License");', "Apache-2.0"),
        ("# Licensed under the MIT license", "MIT"),
        ("# Permission is hereby granted, free of charge, to any person obtaining\n"
         "# a copy of this software: the above copyright notice", "MIT"),
        ("# Redistribution and use in source and binary forms, with or without\n"
         "# modification: retain the above copyright notice", "BSD-2-Clause"),
        ("# GNU Lesser General Public License as published; either version 2.1 of the\n"
         "# License, or (at your option) any later version.", "LGPL-2.1-or-later"),
        ("# This Source Code Form is subject to the Mozilla Public License, v. 2.0.", "MPL-2.0"),
        ("# Released under the Llama 3.1 Community License", "LicenseRef-Llama-3.1-Community"),
        ("# License: CC BY-NC 4.0", "CC-BY-NC-4.0"),
        ("# Permission is hereby granted, free of charge, to any person obtaining a copy of this\n"
         "# software, to sublicense it, and to permit persons to do so.", "MIT-0"),
        ("# Permission to use, copy, modify, and/or distribute this software for any purpose\n"
         "# with or without fee is hereby granted. Copyright holders", "0BSD"),
        ("# Permission to use, copy, modify, and/or distribute this software for any purpose\n"
         "# with or without fee is hereby granted, provided that the above copyright", "ISC"),
        ("# Redistribution and use in source and binary forms, with or without\n"
         "# modification: retain the above copyright notice. All advertising materials must.\n"
         "# Do not use names to endorse or promote products.", "BSD-4-Clause"),
        ("# Redistribution and use in source and binary forms (subject to the limitations in the\n"
         "# disclaimer below): retain the above copyright notice. Do not use names to endorse or\n"
         "# promote products.", "BSD-3-Clause-Clear"),
    ],
)  # fmt: skip
def test_licence_texts(text: str, expression: str) -> None:
    """Recognised by their own words, over the ends of lines."""
    (found,) = statements(text.encode()).licenses
    assert (found.line, found.expression, found.source) == (1, expression, "text")


def test_each_text_of_the_bsd_kind_is_told() -> None:
    """The first kind that a comment had once stood for all of them."""
    begin = "# Redistribution and use in source and binary forms: retain the copyright notice.\n"
    four = f"{begin}# All advertising materials must. Do not use names to endorse or promote.\n"
    three = f"{begin}# Do not use names to endorse or promote products.\n"
    found = statements((four + three + begin + three).encode()).licenses
    assert [(one.line, one.expression) for one in found] == [
        (1, "BSD-4-Clause"),
        (3, "BSD-3-Clause"),
        (5, "BSD-2-Clause"),
    ]
    title = "# BSD 3-Clause License\n"
    found = statements((title + begin + three + four).encode()).licenses
    assert [(one.line, one.expression) for one in found] == [
        (1, "BSD-3-Clause"),
        (5, "BSD-4-Clause"),
    ]
    found = statements((title + begin + three + begin).encode()).licenses
    assert [(one.line, one.expression) for one in found] == [
        (1, "BSD-3-Clause"),
        (5, "BSD-2-Clause"),
    ]


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("# Please refer to the Apache License, Version 2.0, for details.", "Apache-2.0"),
        ("# Refer to the GNU General Public License, version 2.", "GPL-2.0-only"),
        ("# This refers to the BSD 3-Clause License.", "BSD-3-Clause"),
    ],
)
def test_who_is_to_refer_to_a_licence_is_told_it(text: str, expression: str) -> None:
    """So people state one, too."""
    assert [one.expression for one in statements(text.encode()).licenses] == [expression]


@pytest.mark.parametrize(
    "text",
    [
        '# "Secondary License" means either the GNU General Public License, Version 2.0, or any\n'
        "# later versions of those licenses.",
        "# To do this, alter the notices so that they refer to the ordinary GNU General Public\n"
        "# License, version 2, instead of to this License.",
        "# Permission is hereby granted, free of charge, to any person obtaining a copy of data\n"
        "# files, provided that this copyright appears",
        "# Permission is hereby granted, free of charge, to any person obtaining a copy, to deal\n"
        "# with the Software, sublicense it, subject to the following conditions:",
    ],
)
def test_what_a_licence_only_names_is_not_stated(text: str) -> None:
    """What a word means or refers to is no licence of the code, nor is a licence another one that
    begins with the same words."""
    assert statements(text.encode()).licenses == ()


@pytest.mark.parametrize(
    ("text", "holder"),
    [
        ("# Copyright (c) 2020\n# The Aviary Team", "The Aviary Team"),
        ("# Copyright (c) 2020 by\n# Jane Doe", "Jane Doe"),
        ("# Copyright 2020,\n#   Jane Doe <j@mail.example>", "Jane Doe"),
        ("# Copyright 2020\n# Jane Doe. All rights reserved.", "Jane Doe"),
        ("# Copyright (c) 2020\n# Attention Layers", None),
        ("# Copyright (c) 2020\n# Licensed under the MIT license", None),
        ("# Copyright (c) 2020\n#\n# The Aviary Team", None),
        ("# Copyright (c) 2020\n# All rights reserved.", None),
        ("# Copyright (c) 2020\nThe_Team = 1", None),
    ],
)
def test_a_holder_on_the_line_below_is_one_where_it_is_plainly_a_name(
    text: str, holder: str | None
) -> None:
    found = [one.holder for one in statements(text.encode()).copyrights]
    assert found == ([holder] if holder else [])


@pytest.mark.parametrize("quotes", ["'''", '"""'])
def test_three_quotes_that_nothing_closes_hide_no_comment(quotes: str) -> None:
    """Python does not read such a file; what it says is read all the same."""
    text = f"x = {quotes}\n# Copied from a.b.C\ny = '# Copied from d.e.F'\n# Copyright 2020 A\n"
    assert [target for _, _, target in claims(text)] == ["a.b.C"]
    assert [one.holder for one in statements(text.encode()).copyrights] == ["A"]


def test_holders_are_compared_without_their_dress() -> None:
    """Case, spaces, punctuation, legal form and articles are not the holder."""
    assert fold_holder("The HuggingFace Inc. team") == fold_holder("Hugging Face")
    assert fold_holder("NVIDIA CORPORATION") == fold_holder("Nvidia Corp.")
    assert fold_holder("Upstage AI") != fold_holder("The ZhipuAI Team")
    assert parties("Meta Platforms, Inc. and affiliates") == ("Meta Platforms, Inc.",)
    assert parties("Foo, Bar, Inc. & the Baz team") == ("Foo", "Bar, Inc.", "the Baz team")


def header(holder: str, license_: str = "Apache-2.0") -> Statements:
    return statements(
        f"# Copyright 2025 {holder}\n# SPDX-License-Identifier: {license_}\n".encode()
    )


@pytest.mark.parametrize(
    "holder",
    ["Zhipu AI, 2024", "Zhipu AI 2023-2024", "Zhipu AI (2023 - present)", "2024 Zhipu AI", "2024"],
)
def test_years_are_no_part_of_a_holder(holder: str) -> None:
    """Wherever they stand: another year is no other holder."""
    assert set(map(fold_holder, parties(holder))) <= {"zhipuai"}
    assert fold_holder("Studio 54") == "studio54"


@pytest.mark.parametrize(
    "line",
    [
        "# COPYRIGHT 2024 THE ZHIPUAI TEAM AND THE HUGGINGFACE INC. TEAM. ALL RIGHTS RESERVED.",
        "# Copyrights 2024 The ZhipuAI Team and The HuggingFace Inc. team.",
        "# Copyright - 2024 The ZhipuAI Team and The HuggingFace Inc. team.",
        "# | Copyright 2024 The ZhipuAI Team and The HuggingFace Inc. team    |",
    ],
)
def test_however_a_holder_is_written_the_line_keeps_it(line: str) -> None:
    found = continuity(statements(line.encode()), header("The ZhipuAI Team & Hugging Face"))
    assert (found.missing_holders, found.new_holders, found.publishers) == ((), (), ())


def test_a_replaced_holder_is_told_from_a_kept_and_a_missing_one() -> None:
    """Solar Open's case: the source's holder is gone, one's own stands there."""
    reference = header("The ZhipuAI Team and the HuggingFace Inc. team")
    found = continuity(header("Upstage AI"), reference)
    assert found.missing_holders == ("The ZhipuAI Team",)
    assert found.new_holders == ("Upstage AI",)
    assert found.publishers == ("the HuggingFace Inc. team",)
    assert found.replaced
    kept = continuity(header("Zhipu AI and Upstage AI"), reference)
    assert (kept.kept_holders, kept.missing_holders) == (("The ZhipuAI Team",), ())
    assert not kept.replaced
    gone = continuity(NOTHING, reference)
    assert gone.missing_holders == ("The ZhipuAI Team",)
    assert gone.missing_licenses == ("Apache-2.0",)
    assert not gone.replaced


def test_licences_that_were_changed() -> None:
    """By expression, whatever its case."""
    found = continuity(header("A", "MIT"), header("A", "apache-2.0"))
    assert (found.missing_licenses, found.new_licenses) == (("apache-2.0",), ("MIT",))
    assert continuity(header("A", "Apache-2.0"), header("A", "apache-2.0")).missing_licenses == ()


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("Apache-2.0", "Apache-2.0 OR MIT"),
        ("MIT OR Apache-2.0", "Apache-2.0 OR MIT"),
        ("MIT OR Apache-2.0", "MIT"),
        ("MIT AND Apache-2.0", "(Apache-2.0 AND MIT)"),
        ("Apache-2.0", '"Apache-2.0".'),
        ("GPL-2.0", "GPL-2.0-only"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("LGPL-2.1-or-later", "LGPL-2.1-or-later"),
        ("GPL-3.0-or-later", "GPL-3.0+"),
        ("MIT OR GPL-2.0-or-later", "GPL-2.0-or-later"),
        ("(GPL-2.0-or-later)AND(MIT)", "MIT AND GPL-2.0-or-later"),
        ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 with LLVM-exception"),
    ],
)
def test_a_licence_is_the_same_however_its_expression_is_written(there: str, here: str) -> None:
    """In another order, with older names; a choice among licences may be made."""
    assert continuity(header("A", here), header("A", there)).missing_licenses == ()


def test_what_an_expression_asks_for_besides_is_missing() -> None:
    for there, here in (
        ("MIT AND Apache-2.0", "MIT"),
        ("GPL-2.0-or-later", "GPL-2.0-only"),
        ("Apache-2.0 WITH LLVM-exception", "Apache-2.0"),
    ):
        found = continuity(header("A", here), header("A", there))
        assert found.missing_licenses == (there,)
        assert found.new_licenses == (() if here in there.split() else (here,))


def test_nothing_is_missing_of_oneself() -> None:
    """A file keeps its own notices."""
    said = header("The ZhipuAI Team, DeepSeek-AI and the HuggingFace Inc. team")
    found = continuity(said, said)
    assert found.missing_holders == found.new_holders == found.publishers == ()
    assert found.missing_licenses == found.new_licenses == ()


PIECES = (
    "# Copied from a.b.c with X->Y\n",
    "# Adapted from\n# https://github.com/o/r/blob/m/a.py#L1\n",
    "# Copyright (c) 2020-2024 A, Inc. and B\n",
    "# SPDX-License-Identifier: MIT\n",
    "# SPDX-SnippetBegin\n",
    "# SPDX-SnippetEnd\n",
    "# Licensed under the Apache License, Version 2.0\n",
    "based on ",
    "inspired by ",
    '"""',
    "'''",
    '"',
    "\\",
    "    ",
    "\n",
    "def f():\n",
    "\x1b[31m\u202e\x00",
)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=14).map("".join))
def test_any_text_is_read_with_lines_in_range(text: str) -> None:
    """It never raises, says the same twice, in order, on lines there are, fit for a terminal."""
    content = text.replace("\r", "").encode("utf-8", "replace")
    said = statements(content)
    assert said == statements(content)
    last = content.count(b"\n") + 1
    everything: list[Claim | Copyright | License] = [
        *said.claims,
        *said.copyrights,
        *said.licenses,
    ]
    for one in everything:
        assert 1 <= one.line <= last
        assert len(one.text) <= 200
        assert one.text.isprintable() or "\u00ad" in one.text or not one.text.isascii()
    assert [claim.line for claim in said.claims] == sorted(claim.line for claim in said.claims)
    assert all(claim.line <= claim.end_line <= last for claim in said.claims)
    found = continuity(said, said)
    assert found.missing_holders == found.missing_licenses == ()


@given(st.integers(0, 40), st.sampled_from(["x = 1\n", "\n", '"a" # b\n', "x = '''\n'''\n"]))
def test_lines_are_those_of_the_file(count: int, piece: str) -> None:
    """What stands above moves a claim down by its lines."""
    text = piece * count + "# Copied from a.b.C\n"
    assert claims(text) == [("copied", text.count("\n"), "a.b.C")]


SLOW: list[bytes] = [
    b"# Copied from a.b.c\n" * 50_000,
    b"# Copied from a.b.c\nx\n" * 50_000,
    b"# " + b"copied from https://a/ " * 50_000,
    b"# copied from " + b"a." * 500_000,
    b'"' * 1_000_000 + b"\n# copied from x.y",
    b'\\"' * 500_000 + b"\n# copied from x.y",
    b'"""a" ' * 150_000 + b"\n# copied from x.y",
    (b"# Copyright " + b"2020," * 190 + b"\n") * 1_000,
    (b"# copied and a" + b" a" * 480 + b"\n#ed from") * 800,
    (b"# licen " + b"apache license , " * 60 + b"\n") * 1_000,
    b"# gnu general public license version 3 or \n" * 25_000,
    b'def f():\n    """copied from x.y.z\n    """\n' * 25_000,
    b"\n" * 1_000_000 + b"# copied from x.y",
    b"# copied from" + b" " * 1_000_000 + b"x\n",
    b"# copyright" + b" (c)" * 250_000,
    b"# Copyright 2020 A" + b" and A" * 150_000,
    (b"# Copyright 2020 A" + b" " * 960 + b"x\n") * 5_000,
    (b"# copied from " + b"a-/" * 320 + b"x\n") * 5_000,
    (b"#" + b" copied from" * 80 + b"\n") * 5_000,
    (b"# SPDX-License-Identifier:" + b" " * 960 + b"#\n") * 1_000,
    b"# copied from A\n" + b"# SPDX-SnippetBegin\n" * 50_000 + b"# SPDX-SnippetEnd\n" * 50_000,
    b'def f():\n    """Copied from a.b."""' + b" " * 1_000_000 + b"\n    x = 1\n",
    b'def f(): "Copied from a.b"; b = "Copied from a.b"\n' * 20_000,
    b'def f("Copied from a.b",' + b'"Copied from a.b", (' * 50_000,
    b'a = """# Copied from a.b"""\n# Copied from a.b\n' * 20_000,
    b'"""' + b"copied from a.b" + b"\n#" * 500_000 + b'copied from a.b"""',
    b"f'{\n" * 200_000 + b"# copied from a.b",
    b"f'{'a'," * 200_000 + b"\n# copied from a.b",
    b"f'{a:{'\n" * 100_000 + b"# copied from a.b",
    b"f'{a['b']}'\n" * 80_000 + b"# copied from a.b",
    (b"x = 1\n" + b'f"{" ' * 100 + b'"" ' * 6_466 + b'\n"# copied from"\n') * 40,
]


def _bounded(content: bytes) -> None:
    said = statements(content)
    continuity(said, said)
    assert max(len(said.claims), len(said.copyrights), len(said.licenses)) <= MOST
    assert all(len(claim.target) <= 400 for claim in said.claims)


def test_work_and_output_are_bounded() -> None:
    """A megabyte made to be slow: at most so many statements, and no search that never ends."""
    ends(_bounded, SLOW)


def _claimed(line: str) -> None:
    assert list(claims_in(Block(1, (line,), True), [0], iter(range(9)))) == []


def test_a_long_name_behind_a_weak_verb_is_looked_at_in_time() -> None:
    """Each of a thousand signs took 14 ms, by the square; of such lines a file may have 4,000."""
    ends(_claimed, ["# based on " + "A" * 1_000_000])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# SPDX-License-Identifier: MIT", ["MIT"]),
        ("# SPDX-License-Identifier:MIT */", ["MIT"]),
        ("# SPDX-License-Identifier:   Apache-2.0 OR MIT   -->  ", ["Apache-2.0 OR MIT"]),
        ("# SPDX-License-Identifier: MIT *)", ["MIT"]),
        ("# SPDX-License-Identifier: -->", []),
        ("# SPDX-License-Identifier:", []),
        ("# SPDX-License-Identifier: " + "A" * 200, ["A" * 200]),
        ("# SPDX-License-Identifier: " + "A" * 201, []),
        ("# SPDX-License-Identifier: a * b", []),
        ("# SPDX-License-Identifier: a # b SPDX-License-Identifier: MIT", ["MIT"]),
    ],
)
def test_the_expression_of_a_tag_is_what_stands_behind_it(line: str, expected: list[str]) -> None:
    said = statements(f"{line}\n".encode())
    assert [one.expression for one in said.licenses if one.source == "tag"] == expected


def test_very_many_verbs_are_looked_at_up_to_a_bound() -> None:
    """One that names nothing counts too: it takes as long."""
    text = "# copied from the\n#\n" * (MOST_VERBS - 1) + "# copied from a.b.c\n" * 2
    assert claims(text) == [("copied", 2 * MOST_VERBS - 1, "a.b.c")]
    first, rest = "copied from the\n\n" * (MOST_VERBS - 1), "copied from a.b.c\n\n" * 2
    files = notice_files([("LICENSE", first.encode()), ("NOTICE", rest.encode())])
    assert [len(file.statements.claims) for file in files] == [0, 1]
    lines = f"{first}{rest}".replace("copied", "# copied").encode()
    assert len(of_cells(lines, [(1, 1), (2, 2 * MOST_VERBS - 1)]).claims) == 1


def test_the_examples_of_the_docstrings_hold() -> None:
    """What the docstrings show is what happens."""
    for name in ("claims", "comments", "rights", "statements"):
        assert doctest.testmod(import_module(f"provenance.{name}")).failed == 0


@pytest.mark.parametrize(
    "text",
    [
        "Nothing here was copied from transformers.models.llama.modeling_llama",
        "No code was copied from transformers.models.llama.modeling_llama",
        "No line taken from transformers.models.llama.modeling_llama",
        "None of this is adapted from transformers.models.llama.modeling_llama",
        "This is neither copied nor adapted from transformers.models.llama.modeling_llama",
        "neither copied from transformers.models.llama.modeling_llama",
        "Not a line was copied from transformers.models.llama.modeling_llama",
        "It was not, and never has been, copied from transformers.models.llama.modeling_llama",
        "Not adapted, copied or ported from transformers.models.llama.modeling_llama",
        "No longer adapted from transformers.models.llama.modeling_llama",
        "It is not copied, adapted or derived from transformers.models.llama.modeling_llama",
        "Nobody copied from transformers.models.llama.modeling_llama",
        "Zero lines were copied from transformers.models.llama.modeling_llama",
        "No part of this implementation was copied from transformers.models.llama.modeling_llama",
        "Neither this nor its tests are copied from transformers.models.llama.modeling_llama",
    ],
)
def test_who_says_that_nothing_is_from_there_claims_nothing(text: str) -> None:
    assert statements(f"# {text}\n".encode()).claims == ()
    for lead in (
        "No tests yet. Copied",
        "A layer with no bias adapted",
        "No mask, copied",
        "It does not pad; copied",
        "Not only copied",
        "Not modified, copied",
        "What has no tests was copied",
    ):
        assert statements(f"# {lead} from {text.split()[-1]}\n".encode()).claims


CONTINUED = (".d(1)", "f'd'", "'d' r'e'", "'d\\n'", "'d' " * 12, "% 3", "if d else 3", "+ 'd'")
"""What a text in brackets may go on with in the next line."""


@pytest.mark.parametrize(
    ("text", "is_docstring"),
    [
        ("def f():\n    {}\n    (a, b) = c\n", True),
        ("class A:\n    {}  # more\n", True),
        ("class A:\n    {}; a = 1\n", True),
        ("a = {{'b':\n    {}}}\n", False),
        ("a = {{'b':\n    {}  # more\n\n}}\n", False),
        ("a = f(lambda:\n    {}.b)\n", False),
        ("a[1:\n  {} \\\n]\n", False),
        ("a = {{'b':\n    {} 'c'\n  # more\n  \"d\"}}\n", False),
        ("def f():\n    {} 'c'\n    (a, b) = c\n", True),
        *((f"a = {{{{'b':\n    {{}}\n    {behind}}}}}\n", False) for behind in CONTINUED),
        ("def f(a={{\n    'b':\n    {}\n    + c}}): ...\n", False),
        ("def f():\n    {} \\\n    % c\n", False),
        ("def f():\n    {} \\\n    'c'\n", True),
        ("def f(\n    a={{'b': [1]}},\n) -> c[1]:\n    {}\n", True),
        ("class A(B): {}\n", True),
        ("class A(b[1:2]): {}; c = 1\n", True),
        ("async def f(a: 'b' = {{1: 2}}) -> 'c': {}  # d\n", True),
        ("def f(): \\\n    {}\n", True),
        ("def f():  # b\n" + "    # noqa\n" * 200 + "    {}\n", True),
        ("def f():\n" + " " * 2000 + "\n    {}\n", True),
        ("class A: b: {}\n", False),
        ("a: {}\n", False),
        ("def f(a: {}): ...\n", False),
        ("def f(a=lambda: {}): ...\n", False),
        ("def f():\n    b{}\n", False),
        ("def f():\n    f{}\n", False),
        ("b{}\n", False),
        ("def f():\n    ''\n    {}\n", False),
        ("if a:\n    {}\n", False),
        ("try:\n    a\nfinally:\n    {}\n", False),
        ("a = 1  # such as: # b\n{}\n", False),
        ("a = 1\n# as here:\n{}\n", False),
    ],
)
def test_a_string_that_code_uses_says_nothing(text: str, is_docstring: bool) -> None:
    """Though it stands behind a colon: docstrings are those of Python."""
    source = text.format('"""Copied from birds/models/wren/modeling_wren.py"""')
    held = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = ast.walk(ast.parse(source))
    assert is_docstring is any(isinstance(one, held) and ast.get_docstring(one) for one in nodes)
    assert bool(statements(source.encode()).claims) is is_docstring


QUOTES = '"' * 3
FIELDS = [
    rf"""f'{{a.replace('{QUOTES}', '')}}' """,
    r"""f'{a['b']}' f"{a["''" + f"{b["'"]:{c["'"]}}"]}" """,
    r"""F"{rf'{'\"'}' f"'\"{'---'!r:\">10}"}" """,
    r"""f'{ {1: '}'}['{'](lambda: '#')[b:"c"]}{{{'"'}' """,
    "f" + QUOTES + """{f'''{"'" # ' " '''\n}''' + f'{''' - '''\n}'}""" + QUOTES,
    r"""rf'\{f"{'"'=}"}' f'\N{QUOTATION MARK}{'"'}' f'' """,
    "f'{" * 140 + "a" + "}'" * 140,
]


@pytest.mark.parametrize("text", FIELDS)
def test_strings_in_fields_of_strings_hide_no_comment_and_make_none(text: str) -> None:
    """From Python 3.12 on they may have the quotes of the string that they stand in (PEP 701)."""
    said = "# Copied from birds/models/wren/modeling_wren.py\n"
    assert len(claims(f"a = {text}\n{said}b = '''\n{said}'''\n")) == 1
    below = text.count("\n") + 2
    code = f"a = {text}\n@b({text})\nclass A: ..."
    assert decorated(code.encode()) == {code.count("\n") + 1: below}


@pytest.mark.parametrize("quote", ["'", '"', "'''"])
def test_comments_in_fields_of_strings_are_comments(quote: str) -> None:
    """As they are to Python from 3.12 on."""
    said = "# Copied from birds/models/wren/modeling_wren.py\n"
    text = f"a = f{quote}b {{c\n{said}  # d {quote}\n}}{quote}\n"
    assert [line for _, line, _ in claims(text)] == [2]


@pytest.mark.parametrize("text", ["f'{'", "f'{a:'", "f'{a)}'", "f'{(('", "f'{'a", "f'{" * 200])
def test_a_string_that_is_none_ends_where_its_line_does(text: str) -> None:
    assert len(claims(f"a = {text}\n# Copied from birds/models/wren/modeling_wren.py\n")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "@a\ndef f(): ...\nclass A:\n    @b  # c\n\n    # d\n    @c(\n1)\n    async def g(): ...\n",
        "@a. \\\n  b\nclass A:\n    def f(): ...\n    @b\n    class B: ...\n",
        "a = (b\n@ c)\n\n\ndef f(): ...\na = [b\n@(c)]\nclass A: ...\n",
        "@a('''\n@b\ndef f(): ...\n'''\n)\n@b[')']\ndef f(a=')'): ...\n",
        "a = b \\\n@ c\ndef f(): ...\n",
    ],
)
def test_definitions_begin_at_their_first_decorator(text: str) -> None:
    nodes = ast.walk(ast.parse(text))
    defined = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = [one for one in nodes if isinstance(one, defined) and one.decorator_list]
    assert decorated(text.encode()) == {one.lineno: one.decorator_list[0].lineno for one in found}


def test_a_docstring_is_read_to_its_end() -> None:
    """However far a declaration stands behind another one."""
    below = "x\n" * LONGEST_BLOCK
    text = f'def f():\n    """Copied from a/b.py\n{below}Copied from c/d.py"""\n'
    assert claims(text) == [("copied", 2, "a/b.py"), ("copied", 3 + LONGEST_BLOCK, "c/d.py")]


def test_a_line_of_a_string_is_none_of_the_comment_below_it() -> None:
    said = statements(
        b'a = """\n# SPDX-License-Identifier: MIT\n# Copied"""\n# from a/b.py\n# Copyright 2024 A\n'
    )
    assert (said.claims, said.licenses) == ((), ())
    assert [one.line for one in said.copyrights] == [5]


def test_a_bracket_that_nothing_closes_hides_no_docstring_of_what_is_defined_below() -> None:
    said = statements(b'a = (  # never closed\nclass A(b[1]):  # (\n    "Copied from c/d.py"\n')
    assert [claim.target for claim in said.claims] == ["c/d.py"]


_DENYING = "not never no longer nothing none neither zero way by means been of code a isn't copied"


@given(
    st.lists(
        st.sampled_from(_DENYING.split()) | st.text(st.sampled_from("ab,.é(  "), max_size=4),
        max_size=16,
    ).map(" ".join)
)
def test_a_denial_is_in_the_last_words(lead: str) -> None:
    """Theorem: no denial needs more words before a verb than are looked at, of very many verbs."""
    claims = import_module("provenance.claims")
    last = claims._last_words(lead)
    assert lead.rstrip().endswith(last)
    assert bool(claims._DENIED.search(last)) == bool(claims._DENIED.search(lead.rstrip()))
