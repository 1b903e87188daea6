"""The checks against data that people labelled: they find what is documented, and leave good rows alone."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from checks.catalogue import verdicts
from checks.registry import CHECKS, Severity

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
ALPACA = "raw/alpaca_data.json.gz"

# A documented class of Alpaca's defects, and the checks that are to find it.
FOUND_BY = {
    "empty_output": ("structure.empty_completion",),
    "na_or_noinput_output": (
        "formatting.placeholder_answer",
        "formatting.nothing_answered",
        "formatting.placeholder_in_answer",
    ),
    "noinput_placeholder": ("formatting.placeholder_input",),
    "merged_instructions": ("formatting.merged_instructions",),
    "media_in_output": ("formatting.media_in_answer",),
    "media_reference_in_prompt": ("formatting.absent_media",),
    "url_in_prompt": ("formatting.url_in_prompt",),
}


def read(name: str) -> Any:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the labelled data is not here: {path}")
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    return json.loads(text) if ".jsonl" not in name else [json.loads(line) for line in text.splitlines()]


def alpaca(row: dict[str, str]) -> dict[str, Any]:
    prompt = f"{row['instruction']}\n\n{row['input']}" if row["input"] else row["instruction"]
    return {"prompt": prompt, "completion": row["output"] or None, "context": row["input"] or None}


def passes(records: pl.DataFrame, *reasons: str) -> pl.DataFrame:
    measured = records.with_columns(
        n_tokens=pl.lit(1),
        limit_tokens=pl.lit(2),
        allowed_languages=pl.lit([], dtype=pl.List(pl.String)),
        prompt_language=pl.lit("en"),
        completion_language=pl.lit("en"),
    )
    return verdicts(measured, [CHECKS[reason] for reason in reasons])


@pytest.mark.parametrize("defect", FOUND_BY)
def test_nine_in_ten_documented_defects_are_found(defect, make_records):
    rows = read(ALPACA)
    listed = read("dev_labels/alpaca_documented_defects_dev.json")["defects"][defect]
    said = passes(make_records([alpaca(rows[index]) for index in listed]), *FOUND_BY[defect])
    found = said.select(~pl.all_horizontal(pl.all())).to_series().sum()
    assert found / len(listed) >= 0.9


def test_rows_that_people_kept_stay_but_for_one_in_a_hundred(make_records):
    rows = read(ALPACA)
    kept = [row["alpaca_index"] for row in read("dev_labels/alpaca_curation_dev.jsonl.gz") if row["action"] == "kept"]
    # Those of trainability are about no row where no target is named.
    among = (check for check in CHECKS.values() if check.family != "trainability")
    deciding = [check.reason for check in among if check.severity in (Severity.DROP, Severity.REVIEW)]
    said = passes(make_records([alpaca(rows[index]) for index in kept]), *deciding)
    stopped = said.select(~pl.all_horizontal(pl.all())).to_series().sum()
    assert stopped / len(kept) <= 0.01


def test_refusals_are_told_from_answers(make_records):
    rows = read("dev_labels/annot_xstest_dev.jsonl.gz")
    records = make_records([{"prompt": row["prompt"], "completion": row["completion"]} for row in rows])
    flagged = ~passes(records, "refusal.full").to_series()
    refusal = pl.Series([row["final_label"] == "2_full_refusal" for row in rows])
    hits = (flagged & refusal).sum()
    assert 2 * hits / (flagged.sum() + refusal.sum()) >= 0.79


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("EMAIL_ADDRESS", "safety.email_address"),
        ("CREDIT_CARD", "safety.credit_card"),
        ("IP_ADDRESS", "safety.ip_address"),
        ("PHONE_NUMBER", "safety.phone_number"),
    ],
)
def test_personal_data_is_found(kind, reason, make_records):
    rows = read("dev_labels/pii_spans_dev.jsonl.gz")
    flagged = ~passes(make_records([{"prompt": row["text"], "completion": "OK"} for row in rows]), reason).to_series()
    has_it = pl.Series([any(span["type"] == kind for span in row["spans"]) for row in rows])
    hits = (flagged & has_it).sum()
    assert hits / has_it.sum() >= 0.9
    assert hits / flagged.sum() >= 0.9
