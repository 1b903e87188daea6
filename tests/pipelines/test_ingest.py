"""Ingest end to end: real data in, canonical records out, and every row accounted for."""

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ingest import UNREADABLE_SCHEMA, Ingested, ingest, read_records
from schemas.errors import SourceError, UsageError
from schemas.record import RECORD_SCHEMA
from schemas.report import SourceFigures

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def run(tmp_path: Path, *sources: Path | str, **options: Any) -> Ingested:
    known = {"shape": None, "batch_bytes": 2**20, "max_record_bytes": 2**20}
    return ingest([str(source) for source in sources], workdir=tmp_path / "work", **known | options)


def records_of(result: Ingested) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(part) for part in result.records])


def lines(*rows: Any) -> bytes:
    return b"\n".join(row if isinstance(row, bytes) else orjson.dumps(row) for row in rows)


def pair(number: int) -> dict[str, str]:
    return {"prompt": f"question {number}", "completion": f"answer {number}"}


@pytest.mark.parametrize(
    ("name", "shape", "rows", "records"),
    [
        ("raw/alpaca_data.json.gz", "alpaca", 52002, 52002),
        ("raw/alpaca_zh_reviewed.json.gz", "alpaca", 9251, 9251),
        ("raw/code_alpaca_2k.json", "alpaca", 2017, 2017),
        ("raw/dolly_3k.jsonl", "dolly", 2996, 2996),
        ("raw/messages_kto_en.json", "kto", 300, 300),
        ("raw/messages_sgd_dev.jsonl.gz", "chat", 800, 800),
        ("raw/oasst_en_trees.jsonl", "oasst", 89, 488),
        ("raw/prefs_dpo_en.json", "preference", 300, 300),
        ("raw/prefs_hh_harmless_test.jsonl.gz", "preference", 2312, 2312),
        ("raw/self_instruct_seed_tasks.jsonl", "self-instruct", 175, 175),
        ("raw/sharegpt_glaive_toolcall_en.json", "sharegpt", 300, 300),
        ("raw/sharegpt_oasst.json", "sharegpt", 506, 506),
        ("raw/sharegpt_vicuna_identity.json", "sharegpt", 500, 500),
        ("decontam/gsm8k_test.jsonl", "prompt-completion", 1319, 1319),
        ("decontam/humaneval.jsonl.gz", "prompt-completion", 164, 164),
        ("decontam/self_instruct_user_252.jsonl", "self-instruct", 252, 252),
    ],
)
def test_real_data_is_read_with_no_word_about_it(
    name: str, shape: str, rows: int, records: int, tmp_path: Path
) -> None:
    if not (REAL / name).is_file():
        pytest.skip(f"{name} is not beside the project")
    result = run(tmp_path, REAL / name, batch_bytes=8 * 2**20)
    (figures,) = result.sources
    assert (figures.status, figures.shape, figures.rows) == ("read", shape, rows)
    assert (figures.records, figures.unreadable) == (records, 0)
    frame = records_of(result)
    assert frame.schema == RECORD_SCHEMA
    assert frame["row_id"].to_list() == list(range(records))
    assert frame["source_row"].n_unique() == rows
    assert frame.filter(pl.col("prompt") == "").height == 0


def test_calls_of_real_tools_keep_their_arguments(tmp_path: Path) -> None:
    file = REAL / "raw" / "sharegpt_glaive_toolcall_en.json"
    if not file.is_file():
        pytest.skip(f"{file.name} is not beside the project")
    raw = [turn for row in orjson.loads(file.read_bytes()) for turn in row["conversations"]]
    said = [orjson.loads(turn["value"]) for turn in raw if turn["from"] == "function_call"]
    talks = records_of(run(tmp_path, file))["messages"].to_list()
    calls = [call["function"] for talk in talks for turn in talk for call in turn["tool_calls"] or ()]
    assert [(call["name"], orjson.loads(call["arguments"])) for call in calls] == [
        (each["name"], each["arguments"]) for each in said
    ]


def test_a_broken_line_costs_that_line_and_is_told_with_its_number(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines(pair(1), b"", b'{"prompt": "cut', {"prompt": 5, "completion": "x"}, b"a\xffb", pair(6)))
    result = run(tmp_path, file)
    assert records_of(result).select("row_id", "source_row", "part", "prompt").rows() == [
        (0, 1, 0, "question 1"),
        (1, 6, 0, "question 6"),
    ]
    unreadable = pl.read_parquet(result.unreadable)
    assert unreadable.schema == UNREADABLE_SCHEMA
    assert unreadable.rows() == [
        (str(file), 3, 0, "unreadable.json", "unexpected end of data at character 16", '{"prompt": "cut'),
        (str(file), 4, 0, "unreadable.type", "prompt is a number (5), not text", '{"prompt":5,"completion":"x"}'),
        (str(file), 5, 0, "unreadable.encoding", "byte 0xff at byte 2 is not UTF-8", "a\ufffdb"),
    ]
    (figures,) = result.sources
    assert (figures.rows, figures.records, figures.unreadable) == (5, 2, 3)


def test_a_row_with_other_keys_than_its_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines(pair(1), pair(2), {"text": "alone"}))
    assert pl.read_parquet(run(tmp_path, file).unreadable).select("source_row", "reason", "detail").rows() == [
        (3, "unreadable.shape", "has the keys text, where prompt-completion has prompt and completion")
    ]


def test_rows_of_several_records_number_their_parts(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    several = {"instruction": "Add.", "instances": [{"input": "1", "output": "2"}, {"input": "2", "output": "3"}]}
    file.write_bytes(lines(several, {"instruction": "Go.", "instances": [{"input": "", "output": "Gone"}]}))
    result = run(tmp_path, file)
    assert records_of(result).select("row_id", "source_row", "part").rows() == [(0, 1, 1), (1, 1, 2), (2, 2, 0)]
    assert (result.sources[0].rows, result.sources[0].records) == (2, 3)


def test_row_ids_run_over_all_sources_and_batches(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(lines(*(pair(number) for number in range(100))))
    result = run(tmp_path, tmp_path / "a.jsonl", tmp_path / "b.jsonl", batch_bytes=2**10)
    frame = records_of(result)
    assert len(result.records) > 4
    assert frame["row_id"].to_list() == list(range(200))
    assert frame["source_row"].to_list() == list(range(1, 101)) * 2


def test_beside_a_good_source_a_refused_one_is_reported_and_leaves_no_rows(tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_bytes(lines(pair(1)))
    (tmp_path / "page.json").write_bytes(b"<!DOCTYPE html><html><body>Sign in</body></html>")
    heard: list[SourceFigures] = []
    result = run(tmp_path, tmp_path / "page.json", tmp_path / "good.jsonl", tmp_path / "none.csv", on_file=heard.append)
    assert [(figures.status, figures.rows) for figures in result.sources] == [
        ("refused", 0),
        ("read", 1),
        ("refused", 0),
    ]
    assert result.sources == heard
    assert result.sources[0].refusal is not None
    assert result.sources[0].refusal.startswith("is HTML or XML, not data")
    assert records_of(result)["row_id"].to_list() == [0]
    assert pl.read_parquet(result.unreadable).is_empty()
    assert [(entry.status, entry.path is None, entry.sha256 is None) for entry in result.inputs] == [
        ("refused", False, False),
        ("read", False, False),
        ("refused", True, True),
    ]


def test_inputs_are_hashed_as_they_lie_on_disk(tmp_path: Path) -> None:
    import hashlib

    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines(pair(1)))
    (entry,) = run(tmp_path, file).inputs
    assert (entry.sha256, entry.bytes) == (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size)
    assert entry.path == str(file)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(lines(*(pair(number) for number in range(50)), b"{"))
    first, second = (
        [path.read_bytes() for path in [*result.records, result.unreadable]]
        for result in (run(tmp_path, tmp_path / "rows.jsonl", batch_bytes=2**10) for _ in range(2))
    )
    assert first == second


def test_a_guess_can_be_corrected(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(lines({"instruction": "a", "output": "b", "prompt": "c", "completion": "d"}))
    guessed, said = (
        records_of(run(tmp_path, tmp_path / "rows.jsonl", shape=shape)) for shape in (None, "prompt-completion")
    )
    assert (guessed["prompt"].item(), said["prompt"].item()) == ("a", "c")
    with pytest.raises(UsageError, match=r"--shape csv: no such shape; choose one of oasst, preference"):
        run(tmp_path, tmp_path / "rows.jsonl", shape="csv")


def test_without_one_readable_source_the_error_names_each(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as found:
        run(tmp_path, *(tmp_path / f"{number}.csv" for number in range(5)))
    assert str(found.value) == " | ".join(
        [
            *(f"{tmp_path}/{number}.csv: does not exist; check the path" for number in range(3)),
            "and 2 more sources were refused",
        ]
    )
    with pytest.raises(SourceError, match="no source was named"):
        run(tmp_path)


def test_a_benchmark_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(pair(1)))
    assert read_records(str(tmp_path))["prompt"].to_list() == ["question 1"]
    (tmp_path / "b.jsonl").write_bytes(b"")
    with pytest.raises(SourceError, match=r"b\.jsonl: holds no rows"):
        read_records(str(tmp_path))


LINES = st.one_of(
    st.integers(0, 9).map(lambda number: orjson.dumps(pair(number))),
    st.sampled_from(
        [b"", b"  ", b'{"prompt": 1}', b"{", b"[]", b'"text"', b"\xff", b'{"other": "x"}', b"\x00", b"NaN"]
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(written=st.lists(LINES, min_size=1, max_size=15), batch_bytes=st.sampled_from([2**4, 2**20]))
def test_every_written_line_is_a_record_or_told_under_its_number(
    written: list[bytes], batch_bytes: int, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join([orjson.dumps(pair(0)), *written]))
    result = run(tmp_path, tmp_path / "rows.jsonl", batch_bytes=batch_bytes)
    good = records_of(result)["source_row"].to_list()
    bad = pl.read_parquet(result.unreadable)["source_row"].to_list()
    assert sorted(good + bad) == [1, *(number for number, line in enumerate(written, start=2) if line.strip())]
    assert good == [1, *(number for number, line in enumerate(written, start=2) if b"completion" in line)]
