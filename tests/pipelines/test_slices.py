"""A frame taken slice by slice: the same rows in the same order, and a stage whose files do not show the slices."""

import hashlib

import polars as pl
import pytest

from pipelines import _slices, _stages
from pipelines._slices import slices, slices_of
from pipelines._stages import Run
from pipelines.validate import summed, validate, validate_slices
from schemas.settings import Settings

LIMITS = {"severities": {}, "languages": (), "max_tokens": 4096}
TALKS = [
    {"prompt": f"What is said of river {number}?", "completion": answer}
    for number in range(90)
    for answer in (f"River {number} rises in the hills and ends in the sea.", "<nooutput>", "I can't help with that.")
]


def test_slices_are_the_file_in_its_order(make_records, tmp_path):
    records = make_records(TALKS)
    records.write_parquet(tmp_path / "records.parquet", row_group_size=50)
    parts = list(slices(tmp_path / "records.parquet", most_bytes=1))
    assert [part.height for part in parts] == [64, 64, 64, 64, 14]
    assert pl.concat(parts).equals(records)


def test_no_rows_are_one_empty_slice(make_records, tmp_path):
    make_records([]).write_parquet(tmp_path / "records.parquet")
    (part,) = slices(tmp_path / "records.parquet")
    assert part.schema == make_records([]).schema


def test_slices_validate_as_the_whole_does(make_records):
    records = make_records(TALKS)
    whole = validate(records, **LIMITS)
    outcomes = list(validate_slices(records.iter_slices(100), **LIMITS))
    assert pl.concat([outcome.kept for outcome in outcomes]).equals(whole.kept)
    assert pl.concat([outcome.dropped for outcome in outcomes]).equals(whole.dropped)
    assert summed([outcome.figures for outcome in outcomes]) == whole.figures


@pytest.mark.parametrize("rows", [TALKS, []])
def test_the_stage_leaves_the_same_bytes_whatever_its_slices(make_records, tmp_path, monkeypatch, rows):
    left = []
    for most_bytes in (1, _slices.SLICE_BYTES):
        monkeypatch.setattr(slices_of, "__kwdefaults__", {"most_bytes": most_bytes})
        monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / f"cache{most_bytes}"))
        work = tmp_path / str(most_bytes)
        work.mkdir()
        make_records(rows).write_parquet(work / "decide.parquet")
        stage = _stages.perform("validate", Run(work, work, (), Settings(), ""))
        assert (stage.rows_in, stage.kept, stage.dropped) == (len(rows), len(rows) - len(rows) // 3, len(rows) // 3)
        files = [work / name for name in ("validate.parquet", "validate.dropped.parquet")]
        left.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    assert left[0] == left[1]
