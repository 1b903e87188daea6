"""The quick ways through ingest lead where the slow ones do: columns of plain rows, and many JSON elements at once."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import _json_blocks
from pipelines._json_stream import json_elements
from pipelines._plain_rows import plain_records
from pipelines._records import record, record_frame
from pipelines._rows import NotARecord, Row, excerpt_of
from pipelines._shapes import drafts_of
from pipelines.ingest import ingest

RAW = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "raw"


def one_by_one(rows: list[Row], shape: str) -> tuple[pl.DataFrame, list[int]]:
    """The records of rows made singly, and the numbers of those that make none."""
    made, broken = [], []
    for row in rows:
        try:
            made += [record(draft, source="s", source_row=row.number, part=0) for draft in drafts_of(row.value, shape)]
        except NotARecord:
            broken.append(row.number)
    return record_frame(made, 0).drop("row_id"), broken


def by_columns(rows: list[Row], shape: str) -> tuple[pl.DataFrame, list[int]]:
    plain = plain_records(rows, "s", shape)
    others, broken = one_by_one(plain.others, shape)
    frame = others if plain.frame is None else pl.concat([plain.frame.drop("row_id"), others])
    return frame.sort("source_row", maintain_order=True), broken


def numbered(values: list[object]) -> list[Row]:
    return [Row(number, value, None) for number, value in enumerate(values, start=1)]


def test_only_what_is_plain_goes_by_columns():
    values = [
        {"instruction": "Name a sea.", "input": "", "output": "The Baltic."},
        {"instruction": "Name a sea.", "output": "The Baltic."},
        {"instruction": "", "input": "Seas", "output": ""},
        {"instruction": "Name it.", "input": " \x1c\n", "output": "x", "category": "qa", "n": 1},
        {"instruction": "Name it.", "input": None, "output": "x"},
    ]
    further = [
        {"instruction": "Name it.", "input": "", "output": "x", "history": [["a", "b"]]},
        {"instruction": "Name it.", "input": "", "output": "x", "system": "Be short."},
        {"instruction": "Name it.", "input": "", "output": "x", "conversation_id": "c1"},
        {"instruction": "Name it.", "input": "", "output": None},
        {"instruction": "Name it.", "input": 5, "output": "x"},
        {"prompt": "x"},
        ["a"],
        None,
    ]
    rows = numbered([*values, *further])
    assert [row.value for row in plain_records(rows, "s", "alpaca").others] == further
    slow, fast = one_by_one(rows, "alpaca"), by_columns(rows, "alpaca")
    assert fast[0].equals(slow[0])
    assert fast[1] == slow[1] == [10, 11, 12, 13]


texts = st.none() | st.integers(0, 3) | st.text(alphabet='aé漢\u0301\x1c\x85\r\n\t "\\{}[],:', max_size=12)
dicts = st.dictionaries(
    st.sampled_from(["instruction", "input", "context", "output", "response", "system", "license", "topic", "history"]),
    texts,
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(dicts | st.lists(texts, max_size=2), max_size=8), st.sampled_from(["alpaca", "dolly"]))
def test_any_rows_become_the_same_records(values, shape):
    rows = numbered(values)
    slow, fast = one_by_one(rows, shape), by_columns(rows, shape)
    assert fast[0].equals(slow[0])
    assert fast[1] == slow[1]


@pytest.mark.parametrize(
    ("name", "shape"),
    [("code_alpaca_2k.json", "alpaca"), ("alpaca_zh_reviewed.json.gz", "alpaca"), ("dolly_3k.jsonl", "dolly")],
)
def test_real_rows_become_the_same_records(name, shape):
    if not (RAW / name).exists():
        pytest.skip("real data is absent")
    data = (RAW / name).read_bytes()
    text = gzip.decompress(data) if name.endswith(".gz") else data
    values = [orjson.loads(line) for line in text.splitlines()] if ".jsonl" in name else orjson.loads(text)
    rows = numbered(values[:2000])
    assert by_columns(rows, shape)[0].equals(one_by_one(rows, shape)[0])


def elements(text: bytes, most: int, piece: int) -> list[tuple[int, object, str]]:
    """Every element and every broken one of a list, in order: its number, value or reason, and excerpt."""
    left = text

    def read(size: int) -> bytes:
        nonlocal left
        found, left = left[: min(size, piece)], left[min(size, piece) :]
        return found

    before, _json_blocks.BLOCK_BYTES = _json_blocks.BLOCK_BYTES, most
    try:
        found = []
        for batch in json_elements(read, batch_bytes=max(piece, 100), max_bytes=10_000):
            found += [(row.number, row.value, excerpt_of(row)) for row in batch.rows]
            found += [(one.number, one.reason, one.excerpt) for one in batch.broken]
    finally:
        _json_blocks.BLOCK_BYTES = before
    return sorted(found, key=lambda each: each[0])


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(alphabet='ab"\\{}[],: \n漢', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "q{"]), inner, max_size=3),
    max_leaves=6,
)
separators = st.sampled_from([",", ", ", ",\n", " ,\n  ", ",,", "", "\n"])
spoilt = st.sampled_from(["", '{"a": ', '{"a": "cut}', '{"a" 1}', "}", "]", '{"a": nan}', "\\", '{"a": "\\ud800"}'])
rows = st.lists(
    st.tuples(st.dictionaries(st.just("a"), values, min_size=1) | values, separators, spoilt | st.just("")), max_size=12
)


@settings(max_examples=3000, deadline=None)
@given(rows, st.integers(20, 400), st.sampled_from([1, 3]))
def test_elements_read_at_once_are_those_read_one_by_one(given_rows, most, spoil_every):
    text = "["
    for number, (value, separator, broken) in enumerate(given_rows):
        text += json.dumps(value) + (broken if number % spoil_every else "") + separator
    data = (text + "]").encode()
    assert elements(data, most, len(data)) == elements(data, 0, len(data))
    # An excerpt shows what was read so far, which the size of a read decides, and not how elements are found.
    assert [found[:2] for found in elements(data, most, 64)] == [found[:2] for found in elements(data, 0, 64)]


def test_a_row_of_a_block_that_is_no_record_shows_its_own_text(tmp_path):
    good = [{"instruction": f"Say {number}.", "output": str(number)} for number in range(30)]
    source = tmp_path / "rows.json"
    source.write_text(json.dumps([*good, {"instruction": 7, "output": "seven"}, *good]), encoding="utf-8")
    found = ingest([str(source)], workdir=tmp_path, shape=None, batch_bytes=2**20, max_record_bytes=2**20)
    (lost,) = pl.read_parquet(found.unreadable).to_dicts()
    assert (lost["source_row"], lost["reason"]) == (31, "unreadable.type")
    assert lost["excerpt"] == '{"instruction": 7, "output": "seven"}'


def test_plain_rows_are_read_without_pandas_which_pyarrow_imports_to_make_an_array(tmp_path):
    (tmp_path / "rows.json").write_text(json.dumps([{"instruction": "Add 2 and 2.", "input": "", "output": "4"}]))
    script = (
        "import sys; from pipelines.ingest import read_records; records = read_records(sys.argv[1]);"
        "print(records['messages'].to_list()[0][1]['content'], 'pandas.core' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "rows.json"], capture_output=True, text=True)
    assert done.stdout == "4 False\n", done.stderr
