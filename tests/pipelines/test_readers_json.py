"""JSON: elements and lines out of a stream; what is broken costs itself only, and is told by its number."""

import io
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines._json_scan import is_wrapped
from pipelines._json_stream import json_elements
from pipelines._lines import json_lines
from pipelines._rows import Broken, Row

READS = (7, 64, 2**20)
"""Bytes a read: an element may lie across any number of them."""


def elements(text: bytes, batch_bytes: int = 2**20, max_bytes: int = 2**20, *, wrapped: bool = False) -> list[Any]:
    """Values and findings in the order of their numbers, which must run from 1."""
    batches = json_elements(io.BytesIO(text).read, batch_bytes=batch_bytes, max_bytes=max_bytes, wrapped=wrapped)
    items: list[Row | Broken] = []
    for batch in batches:
        items += batch.rows
        items += batch.broken
    found = sorted(items, key=lambda item: item.number)
    assert [item.number for item in found] == list(range(1, len(found) + 1))
    return [item if isinstance(item, Broken) else item.value for item in found]


def told(items: list[Any]) -> list[Any]:
    return [f"{item.reason}: {item.detail}" if isinstance(item, Broken) else item for item in items]


ONE, TWO = {"a": "1", "b": [{"c": 1}]}, {"a": "2", "b": []}
NOT_CLOSED = "json: a bracket or quote in it is not closed"


@pytest.mark.parametrize("batch_bytes", READS)
@pytest.mark.parametrize(
    "text", [b"[%b,%b]", b" [\n %b,\n %b\n]\n", b"%b\n%b\n", b"[%b]\n[%b]", b"\xef\xbb\xbf[%b,%b]"]
)
def test_elements_of_arrays_and_objects_in_a_row(text: bytes, batch_bytes: int) -> None:
    whole = text.replace(b"%b", orjson.dumps(ONE), 1).replace(b"%b", orjson.dumps(TWO), 1)
    assert elements(whole, batch_bytes) == [ONE, TWO]


@pytest.mark.parametrize("batch_bytes", READS)
@pytest.mark.parametrize("between", [b",", b",\n  "])
@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b'{"a": NaN}', "json: NaN is not JSON"),
        (b'{"a": -Infinity}', "json: -Infinity is not JSON"),
        (b'{"a": "x",}', "json: trailing comma is not allowed at character 10"),
        (b"{'a': 'x'}", "json: unexpected character, expected a string key at character 2"),
        (b'{"a": "x" "b": 1}', "json: unexpected character, expected ',' or '}' at character 11"),
        (b'{"a": "x\ny"}', NOT_CLOSED),
        (b'{"a": "x, "b": "y"}', NOT_CLOSED),
        (b'"a": "x", "b": 2}', NOT_CLOSED),
        (b"hello", "json: unexpected character, expected a JSON value at character 1"),
        (b'{"a": "\xff"}', "encoding: byte 0xff at byte 8 is not UTF-8"),
        (b'{"a": "\\ud800"}', "encoding: a lone surrogate at character 8 is not text"),
        (b'{"a": "\x00"}', "nul: holds a NUL byte at byte 8"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "too_deep: is nested deeper than 1024 levels"),
    ],
)
def test_a_broken_element_costs_itself_only(bad: bytes, why: str, between: bytes, batch_bytes: int) -> None:
    good = [orjson.dumps(ONE), orjson.dumps(TWO)]
    in_the_middle = elements(b"[" + between.join([good[0], bad, good[1], good[0]]) + b"]", batch_bytes)
    at_the_start = elements(b"[" + between.join([bad, good[0], good[1]]) + b"]", batch_bytes)
    if why == NOT_CLOSED:  # where exactly it is noticed depends on what follows
        in_the_middle[1] = in_the_middle[1]._replace(detail=NOT_CLOSED[6:])
        at_the_start[0] = at_the_start[0]._replace(detail=NOT_CLOSED[6:])
    assert told(in_the_middle) == [ONE, why, TWO, ONE]
    assert told(at_the_start) == [why, ONE, TWO]


@pytest.mark.parametrize("batch_bytes", READS)
def test_an_element_without_its_last_brace_does_not_swallow_the_next(batch_bytes: int) -> None:
    found = elements(b'[{"a": "1"}, {"a": "x", {"a": "2"}, {"a": "3"}]', batch_bytes)
    assert [found[0], *found[2:]] == [{"a": "1"}, {"a": "2"}, {"a": "3"}]
    assert (found[1].reason, found[1].excerpt[:9]) == ("json", '{"a": "x"')


def test_things_that_are_no_objects_are_rows_of_their_own() -> None:
    assert elements(b'[{"a": 1}, null, "x, y", 5, [1, 2], {"a": 2}]') == [{"a": 1}, None, "x, y", 5, [1, 2], {"a": 2}]


def test_an_array_that_is_cut_off_says_so() -> None:
    assert told(elements(b'[{"a": 1}, {"a": 2}')) == [
        {"a": 1},
        {"a": 2},
        "json: the file ends before its list is closed: it is cut off",
    ]
    assert told(elements(b'[{"a": 1}, {"a": ')) == [{"a": 1}, NOT_CLOSED]


@pytest.mark.parametrize("batch_bytes", READS)
def test_an_element_that_is_too_long_is_passed_over_in_bounded_memory(batch_bytes: int) -> None:
    long = b'{"a": "' + b"x" * 50_000 + b'"}'
    found = elements(b'[{"a": 1}, ' + long + b', {"a": 2}]', batch_bytes, max_bytes=2000)
    assert [found[0], found[2]] == [{"a": 1}, {"a": 2}]
    assert (found[1].reason, len(found[1].excerpt)) == ("too_long", 200)


def test_many_broken_elements_on_one_line_are_passed_in_reasonable_time() -> None:
    pieces = [b'{"a": "x, "b": "y"}' if number % 10 == 0 else b'{"a": "x", "b": "y"}' for number in range(20_000)]
    found = elements(b"[" + b",".join(pieces) + b"]")
    assert sum(isinstance(item, Broken) for item in found) == 2000
    assert sum(item == {"a": "x", "b": "y"} for item in found) == 18_000


@pytest.mark.parametrize("batch_bytes", READS)
def test_lists_inside_an_object_are_read_under_their_usual_names(batch_bytes: int) -> None:
    text = b'{"version": "1", "info": {"data": 1}, "train": [{"a": 1}, {"a": 2}], "odd": [9], "test": [{"a": 3}]}'
    assert is_wrapped(text)
    assert elements(text, batch_bytes, wrapped=True) == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert not is_wrapped(b'{"messages": [{"role": "user"}]}')


@pytest.mark.parametrize("brackets", [b"[", b'{"a":', b'[{"a":'])
def test_a_hundred_thousand_levels_are_one_unreadable_row(brackets: bytes) -> None:
    (found,) = elements(brackets * 100_000)
    assert (found.reason, found.detail) == ("too_deep", "is nested deeper than 1024 levels")


JSON_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON_ROW = st.dictionaries(JSON_TEXT, JSON_TEXT | st.integers(-9, 9) | st.lists(JSON_TEXT, max_size=3), max_size=3)


@given(st.lists(JSON_ROW, max_size=12), st.sampled_from(READS), st.sampled_from([None, 2]))
def test_any_array_is_split_as_a_parser_would(rows: list[Any], batch_bytes: int, indent: int | None) -> None:
    text = orjson.dumps(rows, option=orjson.OPT_INDENT_2 if indent else None)
    assert elements(text, batch_bytes) == rows


def line_batches(text: bytes, batch_bytes: int, max_bytes: int = 2**20) -> tuple[dict[int, Any], dict[int, Broken]]:
    batches = list(json_lines(io.BytesIO(text).read, batch_bytes=batch_bytes, max_bytes=max_bytes))
    rows = {row.number: row.value for batch in batches for row in batch.rows}
    return rows, {found.number: found for batch in batches for found in batch.broken}


LINES = st.one_of(
    JSON_ROW.map(orjson.dumps),
    st.sampled_from(
        [b"", b"   ", b"\r", b"{", b'{"a": ', b'{"a": NaN}', b"\xff\xfe", b'{"a": "\x00"}', b"<p>", b"}{", b"nan"]
    ),
)


@given(st.lists(LINES, max_size=20), st.sampled_from(READS), st.booleans())
def test_every_line_is_a_row_or_a_finding_or_blank_under_its_number(
    lines: list[bytes], batch_bytes: int, ends: bool
) -> None:
    rows, broken = line_batches(b"\n".join(lines) + (b"\n" if ends else b""), batch_bytes)
    written = {number for number, line in enumerate(lines, start=1) if line.strip()}
    assert rows.keys() | broken.keys() == written
    assert not rows.keys() & broken.keys()
    for number, value in rows.items():
        assert value == orjson.loads(lines[number - 1])
    for number in broken:
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(lines[number - 1])


@pytest.mark.parametrize("batch_bytes", READS)
def test_a_line_that_is_too_long_costs_that_line(batch_bytes: int) -> None:
    text = b'{"a": 1}\n{"a": "' + b"x" * 9000 + b'"}\n\n{"a": 4}\n' + b"y" * 9000
    rows, broken = line_batches(text, batch_bytes, max_bytes=100)
    assert rows == {1: {"a": 1}, 4: {"a": 4}}
    assert {number: (found.reason, found.excerpt[:9]) for number, found in broken.items()} == {
        2: ("too_long", '{"a": "xx'),
        5: ("too_long", "yyyyyyyyy"),
    }


def test_the_last_of_two_equal_keys_counts() -> None:
    assert line_batches(b'{"a": 1, "a": 2}', 64)[0] == {1: {"a": 2}}


def test_an_excerpt_is_short_and_safe_to_print() -> None:
    _, broken = line_batches(b"\x1b[31m\xe2\x80\xae" + b"z" * 500, 64)
    assert broken[1].excerpt.startswith("\\x1b[31m\\u202ezzz")
    assert len(broken[1].excerpt) == 200
