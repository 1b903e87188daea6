"""Formats and compressions: the same rows are the same records, whatever they are stored in."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pytest
import zstandard

from pipelines.ingest import ingest, read_records
from schemas.errors import SourceError
from schemas.record import RECORD_SCHEMA

FLAT = [
    {"instruction": f"Say {word}", "input": "", "output": f"{word} é", "by": "eva"} for word in ("one", "two", "three")
]
TALKS = [
    {
        "messages": [
            {"role": "user", "content": "Hi", "name": None, "tool_calls": None},
            {
                "role": "assistant",
                "content": "",
                "name": "bob",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
        ],
        "tools": '[{"name":"f"}]',
        "lang": "en",
    }
]


def as_array(rows: list[dict[str, Any]]) -> bytes:
    return orjson.dumps(rows, option=orjson.OPT_INDENT_2)


def as_lines(rows: list[dict[str, Any]]) -> bytes:
    return b"\n".join(orjson.dumps(row) for row in rows)


def as_wrapped(rows: list[dict[str, Any]]) -> bytes:
    return orjson.dumps({"version": 1, "data": rows})


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    return pl.DataFrame(rows).write_csv(quote_style="non_numeric").encode()


def as_tsv(rows: list[dict[str, Any]]) -> bytes:
    return pl.DataFrame(rows).write_csv(separator="\t").encode()


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(pa.Table.from_pylist(rows), sink, row_group_size=2)
    return bytes(sink.getvalue())


def as_arrow_file(rows: list[dict[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    feather.write_feather(pa.Table.from_pylist(rows), sink, compression="uncompressed")
    return bytes(sink.getvalue())


def as_arrow_stream(rows: list[dict[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


NESTED = {
    "json": (".json", as_array),
    "wrapped": (".json", as_wrapped),
    "jsonl": (".jsonl", as_lines),
    "ndjson": (".ndjson", as_lines),
    "parquet": (".parquet", as_parquet),
    "arrow file": (".arrow", as_arrow_file),
    "arrow stream": (".arrow", as_arrow_stream),
}
TABLES = {"csv": (".csv", as_csv), "tsv": (".tsv", as_tsv)}
PACK: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}


def content(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """All but where the records came from."""
    assert frame.schema == RECORD_SCHEMA
    return frame.drop("source", "source_row").to_dicts()


@pytest.mark.parametrize("packed", PACK)
@pytest.mark.parametrize("format", [*NESTED, *TABLES])
def test_flat_rows_are_equal_in_every_format(format: str, packed: str, tmp_path: Path) -> None:
    extension, write = (NESTED | TABLES)[format]
    plain, file = tmp_path / "plain.jsonl", tmp_path / f"rows{extension}{packed}"
    plain.write_bytes(as_lines(FLAT))
    file.write_bytes(PACK[packed](write(FLAT)))
    records = read_records(str(file))
    assert content(records) == content(read_records(str(plain)))
    assert records["completion"].to_list() == ["one é", "two é", "three é"]


@pytest.mark.parametrize("packed", PACK)
@pytest.mark.parametrize("format", NESTED)
def test_conversations_are_equal_in_every_nested_format(format: str, packed: str, tmp_path: Path) -> None:
    extension, write = NESTED[format]
    plain, file = tmp_path / "plain.jsonl", tmp_path / f"rows{extension}{packed}"
    plain.write_bytes(as_lines(TALKS))
    file.write_bytes(PACK[packed](write(TALKS)))
    records = read_records(str(file))
    assert content(records) == content(read_records(str(plain)))
    assert records["completion"].to_list() == ["f({})"]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv", "rows.bin", "rows"])
@pytest.mark.parametrize("format", ["json", "jsonl", "parquet", "arrow file"])
def test_the_content_decides_and_not_the_name(format: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(gzip.compress(NESTED[format][1](FLAT)))
    assert read_records(str(tmp_path / name))["completion"].to_list() == ["one é", "two é", "three é"]


def test_one_object_over_many_lines_is_one_row(tmp_path: Path) -> None:
    for name in ("one.json", "one.jsonl"):
        (tmp_path / name).write_bytes(orjson.dumps(FLAT[0], option=orjson.OPT_INDENT_2))
        assert read_records(str(tmp_path / name))["prompt"].to_list() == ["Say one"]


def test_an_object_with_lists_of_its_own_is_a_row_and_no_wrapper(tmp_path: Path) -> None:
    row = {"examples": [{"x": 1}], "instruction": "Go", "output": "Gone"}
    (tmp_path / "rows.jsonl").write_bytes(as_lines([row, row]))
    assert read_records(str(tmp_path / "rows.jsonl"))["metadata"].to_list() == ['{"examples":[{"x":1}]}'] * 2


def test_a_list_on_the_first_line_does_not_make_the_file_an_array(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b"[1, 2]\n" + as_lines(FLAT))
    assert read_records(str(tmp_path / "rows.jsonl"))["source_row"].to_list() == [2, 3, 4]


def test_the_report_says_what_was_read(tmp_path: Path) -> None:
    (tmp_path / "rows.json.zst").write_bytes(zstandard.compress(as_array(FLAT)))
    result = ingest(
        [str(tmp_path / "rows.json.zst")],
        workdir=tmp_path / "work",
        shape=None,
        batch_bytes=2**20,
        max_record_bytes=2**20,
    )
    (figures,) = result.sources
    assert (figures.format, figures.compression, figures.shape, figures.rows) == ("json", "zstd", "alpaca", 3)


@pytest.mark.parametrize("chunks", [1, 2])
def test_a_saved_dataset_is_read_split_by_split(chunks: int, tmp_path: Path) -> None:
    import datasets

    whole = datasets.Dataset.from_list(FLAT)
    datasets.DatasetDict({"train": whole, "test": whole.select([2])}).save_to_disk(
        tmp_path / "saved", num_shards={"train": chunks, "test": 1}
    )
    whole.select([1]).save_to_disk(tmp_path / "single")
    both = ingest(
        [str(tmp_path / "saved"), str(tmp_path / "single")],
        workdir=tmp_path / "work",
        shape=None,
        batch_bytes=2**10,
        max_record_bytes=2**20,
    )
    records = pl.read_parquet(both.records)
    assert records.select("source", "source_row", "prompt").rows() == [
        (f"{tmp_path}/saved/train", 1, "Say one"),
        (f"{tmp_path}/saved/train", 2, "Say two"),
        (f"{tmp_path}/saved/train", 3, "Say three"),
        (f"{tmp_path}/saved/test", 1, "Say three"),
        (f"{tmp_path}/single", 1, "Say two"),
    ]
    assert records["row_id"].to_list() == [0, 1, 2, 3, 4]
    assert [figures.format for figures in both.sources] == ["datasets"] * 3


def test_a_text_that_is_not_utf8_costs_its_row_of_a_table(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0\3\0\0\0"), pa.py_buffer(b"ok\xff")]
    )
    table = pa.table({"prompt": broken, "completion": ["a", "b"]})
    pa.parquet.write_table(table, tmp_path / "rows.parquet")
    result = ingest(
        [str(tmp_path / "rows.parquet")],
        workdir=tmp_path / "work",
        shape=None,
        batch_bytes=2**20,
        max_record_bytes=2**20,
    )
    assert pl.read_parquet(result.records)["prompt"].to_list() == ["ok"]
    assert pl.read_parquet(result.unreadable).select("source_row", "reason").rows() == [(2, "unreadable.encoding")]


@pytest.mark.parametrize("format", ["parquet", "arrow file"])
def test_half_a_table_is_refused(format: str, tmp_path: Path) -> None:
    extension, write = NESTED[format]
    whole = write(FLAT * 100)
    (tmp_path / f"rows{extension}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"rows.* is a damaged or truncated"):
        read_records(str(tmp_path / f"rows{extension}"))


def test_values_that_json_does_not_know_are_kept_as_text(tmp_path: Path) -> None:
    import datetime

    rows = {"prompt": ["a"], "completion": ["b"], "raw": [b"\x00\x01"], "day": [datetime.date(2024, 5, 1)]}
    pl.DataFrame(rows).write_parquet(tmp_path / "rows.parquet")
    assert read_records(str(tmp_path / "rows.parquet"))["metadata"].to_list() == ['{"raw":"AAE=","day":"2024-05-01"}']
