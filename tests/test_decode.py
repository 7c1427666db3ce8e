"""The bytes of a Python file become what Python itself would read, or a reason why not."""

from __future__ import annotations

import codecs
import io
import tokenize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.decode import Reason, decode


def test_plain_text_is_given_back_as_the_same_object() -> None:
    """The common case costs no copy."""
    for data in (b"x = 1\n", "x = 'é'\n".encode(), b""):
        assert decode(data) is data


def test_byte_order_mark_is_removed() -> None:
    assert decode(codecs.BOM_UTF8 + b"x = 1\n") == b"x = 1\n"
    assert decode(codecs.BOM_UTF8 + b"# coding: utf-8\n") == b"# coding: utf-8\n"


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "iso-8859-15", "euc-jp", "shift_jis"])
@pytest.mark.parametrize("first", ["", "#!/usr/bin/python\n", "\n", "  # a remark\r\n"])
def test_declared_encoding_is_used(encoding: str, first: str) -> None:
    """PEP 263: the cookie may stand in the first line, or in the second after a remark."""
    sign = "é" if encoding.startswith(("latin", "cp", "iso")) else "日本"
    text = f"{first}# -*- coding: {encoding} -*-\nx = '{sign}'\n"
    assert decode(text.encode(encoding)) == text.replace("\r\n", "\n").encode("utf-8")


@pytest.mark.parametrize(
    ("cookie", "encoding", "sign"),
    [
        ("windows-31j", "cp932", "日本"),
        ("Windows_31J", "cp932", "日本"),
        ("ms874", "cp874", "ก"),
        ("csEUCKR", "euc_kr", "한국"),
        ("iso-8859-8-i", "iso8859_8", "א"),
        ("IBM00858", "cp858", "€"),
    ],
)
def test_a_name_of_an_encoding_that_only_newer_pythons_know_is_known(
    cookie: str, encoding: str, sign: str
) -> None:
    text = f"# -*- coding: {cookie} -*-\nx = '{sign}'\n"
    assert decode(text.encode(encoding)) == text.encode()


@pytest.mark.parametrize("cookie", ["palmos", "cp01140"])
def test_an_encoding_that_pythons_do_not_read_alike_is_told(cookie: str) -> None:
    assert "expected a text encoding" in str(decode(f"# coding: {cookie}\nx = 1\n".encode()))


@pytest.mark.parametrize(
    "cookie",
    ["utf-8-unix", "UTF_8-dos", "utf-8", "latin-1-unix", "iso-8859-1-mac", "iso_latin_1-x", "utf8"],
)
def test_a_declaration_with_line_ends_behind_it_is_that_of_python(cookie: str) -> None:
    """Emacs writes it so; a file that Python runs is not passed over."""
    encoding = tokenize.detect_encoding(io.BytesIO(f"# coding: {cookie}\n".encode()).readline)[0]
    text = f"# -*- coding: {cookie} -*-\nx = 'é'\n"
    assert decode(text.encode(encoding)) == text.encode()


def test_cookie_counts_only_where_python_looks_for_it() -> None:
    for text in ("x = 1\n# coding: latin-1\n", "\n\n# coding: latin-1\n"):
        found = decode((text + "'é'").encode("latin-1"))
        assert isinstance(found, Reason)
        assert "expected UTF-8" in found


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_cookie_is_found_whatever_the_line_end(end: str) -> None:
    text = f"#!/bin/sh{end}# coding: latin-1{end}x = 'é'{end}"
    assert decode(text.encode("latin-1")) == text.replace(end, "\n").encode()


@pytest.mark.parametrize(
    "codec",
    [
        "rot13",
        "zlib",
        "hex",
        "base64",
        "bz2",
        "uu",
        "quopri",
        "idna",
        "punycode",
        "unicode_escape",
        "raw_unicode_escape",
        "undefined",
        "utf-16",
        "utf-32",
        "utf-16-le",
        "cp037",
        "cp500",
    ],
)
def test_codecs_that_are_no_text_encoding_are_refused(codec: str) -> None:
    found = decode(f"# coding: {codec}\nx = 1\n".encode())
    assert isinstance(found, Reason)
    assert codec in found
    assert "save the file as UTF-8" in found


def test_an_end_of_a_line_that_an_encoding_makes_is_refused() -> None:
    """Importing it, Python sees a comment alone there, and all below it is code."""
    hidden = b'# coding: utf-7\n#x+AA0-"""\ndef f(): pass\n#+AA0-"""\n'
    found = decode(hidden)
    assert isinstance(found, Reason)
    assert "utf-7" in found
    assert decode(b"# coding: utf-7\r\nx = '+AOk-'\r\n") == "# coding: utf-7\nx = 'é'\n".encode()


def test_unknown_encoding_is_named() -> None:
    for name in ("utf-9", "..os", "a" * 500):
        found = decode(f"# coding: {name}\n".encode())
        assert isinstance(found, Reason)
        assert name[:40] in found
        assert len(found) < 200


def test_mark_and_cookie_that_contradict_are_refused_as_python_does() -> None:
    data = codecs.BOM_UTF8 + b"# coding: latin-1\n"
    assert "remove the 'coding' comment" in decode(data)
    with pytest.raises(SyntaxError):
        tokenize.detect_encoding(io.BytesIO(data).readline)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "utf-32-be"])
def test_wide_encodings_are_named(encoding: str) -> None:
    mark = {"utf-16-be": codecs.BOM_UTF16_BE, "utf-32-be": codecs.BOM_UTF32_BE}.get(encoding, b"")
    found = decode(mark + "x = 1\n".encode(encoding))
    assert isinstance(found, Reason)
    assert encoding[:6].upper() in found


def test_nul_is_refused_with_its_place() -> None:
    assert "NUL byte at byte 5" in decode(b"x = 1\0\n")
    assert "NUL" in decode(b"# coding: utf-7\n+AAA-\n")


@pytest.mark.parametrize(
    ("data", "place", "expected"),
    [
        (b"x = '\xe9'\n", "0xe9 at byte 5", "expected UTF-8;"),
        (codecs.BOM_UTF8 + b"x = '\xe9'\n", "0xe9 at byte 8", "expected UTF-8;"),
        (b"# coding: ascii\n\xff", "0xff at byte 16", "expected ascii as declared"),
        (b"# coding: utf8\n\xff", "0xff at byte 15", "expected UTF-8 as declared"),
    ],
)
def test_invalid_bytes_are_named_with_place_and_remedy(
    data: bytes, place: str, expected: str
) -> None:
    found = decode(data)
    assert isinstance(found, Reason)
    assert place in found
    assert expected in found
    assert "'coding' comment" in found


@given(st.text(st.sampled_from("ab\r\n\f\v\x1c\x85\u2028é"), max_size=40))
def test_there_are_as_many_lines_as_in_pythons_universal_newlines(text: str) -> None:
    data = text.encode()
    found = decode(data)
    assert isinstance(found, bytes)
    assert found.decode() == io.TextIOWrapper(io.BytesIO(data), "utf-8", newline=None).read()


@given(st.binary(max_size=60) | st.binary(max_size=20).map(lambda b: b"# coding: utf-7\n" + b))
def test_whatever_the_bytes_the_answer_is_utf_8_or_a_reason(data: bytes) -> None:
    found = decode(data)
    if not isinstance(found, Reason):
        found.decode("utf-8")
        assert b"\r" not in found
        assert b"\0" not in found


@given(st.sampled_from(["utf-8", "latin-1", "cp1252", "koi8-r", "ascii"]), st.binary(max_size=30))
def test_where_python_reads_a_file_the_text_is_the_same(encoding: str, tail: bytes) -> None:
    """The encoding found is that of ``tokenize.detect_encoding``."""
    data = f"# coding: {encoding}\n".encode() + tail.replace(b"\0", b"")
    found = decode(data)
    name, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    try:
        text = data.decode(name)
    except UnicodeDecodeError:
        assert isinstance(found, Reason)
    else:
        assert found == text.encode().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
