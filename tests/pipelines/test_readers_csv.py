"""CSV and TSV: a row that is broken costs itself only, and is told by the line it starts on."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines._csv_rows import csv_rows
from schemas.errors import SourceError


def read(
    text: bytes, batch_bytes: int = 64, max_bytes: int = 2**20
) -> tuple[dict[int, Any], dict[int, tuple[str, str]]]:
    batches = list(csv_rows(io.BytesIO(text).read, batch_bytes=batch_bytes, max_bytes=max_bytes))
    rows = {row.number: row.value for batch in batches for row in batch.rows}
    return rows, {found.number: (found.reason, found.detail) for batch in batches for found in batch.broken}


def test_rows_are_dicts_of_texts_numbered_by_their_first_line() -> None:
    rows, broken = read(b'\xef\xbb\xbfa, b\r\n1,"x\ny"\r\n\r\n3,"say ""hi"""\r\n')
    assert rows == {2: {"a": "1", "b": "x\ny"}, 5: {"a": "3", "b": 'say "hi"'}}
    assert broken == {}


def test_the_delimiter_is_the_one_in_the_header() -> None:
    assert read(b"a\tb\n1,5\t2\n")[0] == {2: {"a": "1,5", "b": "2"}}
    assert read(b"a;b\n1,5;2\n")[0] == {2: {"a": "1,5", "b": "2"}}


def test_wrong_field_counts_and_bytes_that_are_no_text_cost_their_line() -> None:
    rows, broken = read(b"a,b\n1,2\n1,2,3\n1\nx,\xff\nx,\x00\n7,8\n")
    assert rows == {2: {"a": "1", "b": "2"}, 7: {"a": "7", "b": "8"}}
    assert broken == {
        3: ("fields", "has 3 fields where the header has 2"),
        4: ("fields", "has 1 fields where the header has 2"),
        5: ("encoding", "byte 0xff at byte 3 is not UTF-8"),
        6: ("nul", "holds a NUL byte at byte 3"),
    }


@pytest.mark.parametrize("tail", [b"", b'6,"y"\n'])
def test_a_quote_that_is_not_closed_costs_its_line_and_no_other(tail: bytes) -> None:
    rows, broken = read(b'a,b\n1,2\n3,"x\n4,5\n' + tail)
    assert broken == {3: ("quotes", "a quoted field is not closed")}
    assert rows[2] == {"a": "1", "b": "2"}
    assert rows[4] == {"a": "4", "b": "5"}


def test_a_quote_inside_a_plain_field_is_a_character() -> None:
    assert read(b'a,b\n5" disk,x\ny,6"\n')[0] == {2: {"a": '5" disk', "b": "x"}, 3: {"a": "y", "b": '6"'}}


def test_a_row_that_is_too_long_costs_itself() -> None:
    rows, broken = read(b"a,b\n1," + b"x" * 5000 + b"\n3,4\n", max_bytes=1000)
    assert rows == {3: {"a": "3", "b": "4"}}
    assert broken[2][0] == "too_long"


def test_a_header_without_rows_has_no_rows() -> None:
    assert read(b"a,b\n") == ({}, {})


@pytest.mark.parametrize(
    ("text", "why"),
    [(b"a,a\n1,2\n", "two columns are called 'a'; rename one"), (b'"a,b\n1,2\n', "line 1 is not a header")],
)
def test_a_table_without_a_usable_header_is_refused(text: bytes, why: str) -> None:
    with pytest.raises(SourceError, match=why):
        read(text)


FIELD = st.text(st.sampled_from('ab," \n\té'), max_size=8)


@given(st.lists(st.tuples(FIELD, FIELD), max_size=8), st.sampled_from([7, 64, 4096]))
def test_whatever_is_quoted_properly_is_read_as_written(table: list[tuple[str, str]], batch_bytes: int) -> None:
    quoted = ["a,b", *(",".join('"' + field.replace('"', '""') + '"' for field in row) for row in table)]
    rows, broken = read("\n".join(quoted).encode(), batch_bytes)
    assert broken == {}
    assert [tuple(row.values()) for row in rows.values()] == table
