"""Releases on disk: canonical splits, the saved dataset, and every trainer's folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines._reexport import LIST
from pipelines.cli import app
from pipelines.export import export, export_format, write_dataset, write_splits
from pipelines.formats import EXPORTERS
from schemas.errors import UsageError
from schemas.record import RECORD_SCHEMA

Frame = Callable[..., pl.DataFrame]

CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
TOOLS = '[{"name": "add", "parameters": {"type": "object", "properties": {}}}]'


def said(*turns: tuple[str, str] | dict[str, Any]) -> list[dict[str, Any]]:
    absent = dict.fromkeys(("name", "tool_calls", "tool_call_id", "train"))
    return [
        absent | (turn if isinstance(turn, dict) else dict(zip(("role", "content"), turn, strict=True)))
        for turn in turns
    ]


def released(*records: dict[str, Any]) -> pl.DataFrame:
    """Released records: each needs `messages`; its id is its number unless given, its split is train."""
    base = {
        "source": "a.jsonl",
        "part": 0,
        "kind": "sft",
        "prompt": "",
        "split": "train",
        "n_tokens": 9,
        "quality": 0.5,
    }
    full = [
        {"row_id": number, "record_id": f"r{number}", "source_row": number + 1, "language": "en"} | base | record
        for number, record in enumerate(records)
    ]
    more = {"language": pl.String, "split": pl.String, "n_tokens": pl.Int64, "quality": pl.Float64}
    return pl.DataFrame(full, schema=dict(RECORD_SCHEMA) | more)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


HELLO = {"messages": said(("user", "Hi"), ("assistant", "Hello."))}
ADDS = {"messages": said(("user", "1?"), {"role": "assistant", "content": "", "tool_calls": [CALL]}), "tools": TOOLS}
PAIR = {
    "kind": "preference",
    "messages": said(("user", "Hi")),
    "chosen": said(("assistant", "Hello.")),
    "rejected": said(("assistant", "What?")),
}
UNWANTED = {"kind": "kto", "label": False, "messages": said(("user", "Hi"), ("assistant", "Go away."))}
ASKS = {"messages": said(("user", "Why?"))}


def test_every_record_stands_in_its_split_under_the_same_keys_sorted_by_id(tmp_path):
    write_splits(released(HELLO | {"record_id": "b"}, ADDS | {"record_id": "a"}, PAIR | {"split": "test"}), tmp_path)
    train, test = lines(tmp_path / "splits/train.jsonl"), lines(tmp_path / "splits/test.jsonl")

    assert [line["record_id"] for line in train] == ["a", "b"]
    assert train[0].keys() == train[1].keys() == test[0].keys()
    assert test[0]["chosen"][0]["content"] == "Hello."
    assert (test[0]["source_row"], test[0]["language"], train[1]["chosen"]) == (3, "en", None)


def test_an_empty_split_has_an_empty_file(tmp_path):
    write_splits(released(HELLO), tmp_path)

    assert (tmp_path / "splits/validation.jsonl").read_bytes() == b""
    assert (tmp_path / "splits/test.jsonl").read_bytes() == b""


def test_messages_have_the_keys_that_the_release_uses_and_no_others(tmp_path):
    write_splits(released(HELLO), tmp_path)
    assert lines(tmp_path / "splits/train.jsonl")[0]["messages"][0].keys() == {"role", "content"}

    write_splits(released(HELLO, ADDS | {"split": "test"}), tmp_path)
    assert lines(tmp_path / "splits/train.jsonl")[0]["messages"][0] == {
        "role": "user",
        "content": "Hi",
        "tool_calls": None,
    }
    assert lines(tmp_path / "splits/test.jsonl")[0]["messages"][1]["tool_calls"] == [CALL]


def test_the_saved_dataset_holds_what_the_files_hold_and_loads_with_empty_splits(tmp_path):
    import datasets

    records = released(HELLO, ADDS | {"split": "test"})
    write_splits(records, tmp_path)
    write_dataset(records, tmp_path)
    saved = datasets.load_from_disk(tmp_path / "dataset")

    assert {split: part.to_list() for split, part in saved.items()} == {
        split: lines(tmp_path / f"splits/{split}.jsonl") for split in ("train", "validation", "test")
    }
    assert saved["train"].features == saved["test"].features == saved["validation"].features


def test_equal_records_give_equal_bytes_in_any_order(tmp_path):
    records = released(HELLO, ADDS, PAIR, UNWANTED, ASKS)
    for name, frame in (("first", records), ("second", records.reverse())):
        write_splits(frame, tmp_path / name)
        write_dataset(frame, tmp_path / name)
        export(frame, formats=list(EXPORTERS), out=tmp_path / name / "exports", max_tokens=100)

    assert tree(tmp_path / "first") == tree(tmp_path / "second")


@pytest.mark.parametrize(
    ("name", "written", "reasons"),
    [
        ("trl", 4, {"no_response": 1}),
        ("llama-factory", 4, {"no_response": 1}),
        ("axolotl", 3, {"no_response": 1, "unwanted_completion": 1}),
        ("openai", 3, {"no_response": 1, "unwanted_completion": 1}),
        ("litgpt", 1, {"kind_unsupported": 1, "no_response": 1, "tool_use_unsupported": 1, "unwanted_completion": 1}),
    ],
)
def test_each_format_writes_what_fits_and_accounts_for_the_rest(name, written, reasons, tmp_path):
    records = released(HELLO, ADDS, PAIR, UNWANTED, ASKS)
    [figures] = export(records, formats=[name], out=tmp_path / "exports", max_tokens=100)

    assert (figures.rows, figures.refused) == (written, 5 - written)
    assert {one.reason: one.rows for one in figures.refusals} == reasons
    assert {line["reason"] for line in lines(tmp_path / "exports" / name / "refused.jsonl")} == set(reasons)
    assert figures.files == sorted(f"exports/{path}" for path in tree(tmp_path / "exports"))


def test_a_refused_record_is_named_with_its_row_and_a_sentence(tmp_path):
    export(released(HELLO, ASKS | {"split": "test"}), formats=["trl"], out=tmp_path, max_tokens=100)

    assert lines(tmp_path / "trl/refused.jsonl") == [
        {
            "record_id": "r1",
            "source": "a.jsonl",
            "source_row": 2,
            "split": "test",
            "reason": "no_response",
            "detail": "no turn is the assistant's",
        }
    ]


def test_trl_has_a_folder_for_each_task_that_has_rows(tmp_path):
    records = released(HELLO, HELLO | {"split": "validation"}, ADDS, PAIR, UNWANTED | {"split": "test"})
    export(records, formats=["trl"], out=tmp_path, max_tokens=100)

    assert tree(tmp_path / "trl").keys() == {
        *("sft/train.jsonl", "sft/validation.jsonl", "sft_tools/train.jsonl"),
        *("dpo/train.jsonl", "kto/test.jsonl", "refused.jsonl"),
    }


def test_records_that_call_tools_come_first_because_loaders_take_types_from_the_first_rows(tmp_path):
    idle = HELLO | {"tools": TOOLS}
    export(released(idle, ADDS), formats=["trl"], out=tmp_path, max_tokens=100)

    assert [line["record_id"] for line in lines(tmp_path / "trl/sft_tools/train.jsonl")] == ["r1", "r0"]


def test_litgpt_always_has_both_files_that_its_module_demands(tmp_path):
    export(released(HELLO), formats=["litgpt"], out=tmp_path, max_tokens=100)

    assert json.loads((tmp_path / "litgpt/train.json").read_text()) == [
        {"instruction": "Hi", "input": "", "output": "Hello."}
    ]
    assert json.loads((tmp_path / "litgpt/val.json").read_text()) == []
    assert not (tmp_path / "litgpt/test.json").exists()


def test_a_number_too_large_for_64_bits_survives_in_the_arguments(tmp_path):
    big = {"id": None, "type": "function", "function": {"name": "add", "arguments": '{"a": 123456789012345678901}'}}
    asks = {"messages": said(("user", "?"), {"role": "assistant", "content": "", "tool_calls": [big]})}
    export(released(asks), formats=["trl"], out=tmp_path, max_tokens=100)
    [line] = lines(tmp_path / "trl/sft_tools/train.jsonl")

    assert line["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"a": 123456789012345678901}


def test_exporting_again_leaves_nothing_of_the_time_before(tmp_path):
    export(released(HELLO, PAIR), formats=["trl"], out=tmp_path, max_tokens=100)
    export(released(HELLO), formats=["trl"], out=tmp_path, max_tokens=100)

    assert tree(tmp_path / "trl").keys() == {"sft/train.jsonl", "refused.jsonl"}


def test_a_folder_with_other_files_is_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(UsageError, match="no earlier export and would be replaced; name a new folder"):
        export_format(released(HELLO), "trl", out=tmp_path, max_tokens=100)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_export_that_fails_leaves_the_earlier_one_whole(tmp_path):
    export(released(HELLO), formats=["trl"], out=tmp_path, max_tokens=100)
    before = tree(tmp_path)

    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        export(released(PAIR).drop("n_tokens"), formats=["trl"], out=tmp_path, max_tokens=100)
    assert tree(tmp_path) == before


def test_a_release_without_rows_still_has_all_its_files(tmp_path):
    nothing = released(HELLO).clear()
    write_splits(nothing, tmp_path)
    write_dataset(nothing, tmp_path)
    [figures] = export(nothing, formats=["litgpt"], out=tmp_path / "exports", max_tokens=100)

    assert (figures.rows, figures.refused, figures.refusals) == (0, 0, [])
    assert lines(tmp_path / "splits/train.jsonl") == []


def test_a_release_apart_has_each_row_in_the_folder_of_its_value(demo: Path, tmp_path: Path) -> None:
    asked = ["export", str(demo), "--to", "trl", "--each", "language", "--out", str(tmp_path / "apart"), "--json"]
    said = CliRunner().invoke(app, asked)
    assert said.exit_code == 0, said.output
    told = json.loads(said.output)
    released = pl.read_parquet(demo / "records.parquet").filter(pl.col("split").is_not_null())
    assert told["rows"] + told["refused"] == released.height
    languages = dict(released.select("record_id", "language").iter_rows())
    for name, part in told["parts"].items():
        rows = [row for path in (tmp_path / "apart" / name).rglob("*.jsonl") for row in lines(path)]
        assert len(rows) == part["rows"] + part["refused"]
        assert {languages[row["record_id"]] for row in rows} == {part["value"]}
    assert json.loads((tmp_path / "apart" / LIST).read_text()).keys() == told["parts"].keys() >= {"de", "en", "unknown"}
    refused = CliRunner().invoke(app, [*asked[:5], "domain", *asked[6:]])
    assert (refused.exit_code, len(refused.output.splitlines())) == (2, 1)
    assert "is not empty" in refused.output
