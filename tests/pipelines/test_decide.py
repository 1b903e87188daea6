"""What people decided is carried out: accepted, fixed and rejected records, and pairs that are or are not the same."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines._pair_verdicts import with_verdicts
from pipelines._records import Draft, message, record, record_frame
from pipelines.decide import decide, undecided
from schemas.decision import DECISION_SCHEMA, pair_subject
from schemas.outcome import VERDICT_SCHEMA
from schemas.record import RECORD_SCHEMA, Kind


def asked(prompt: str, *turns: tuple[str, str], kind: Kind = Kind.SFT, **more: Any) -> Draft:
    return Draft(kind, [message("user", prompt), *(message(*turn) for turn in turns)], {}, **more)


def frame(*drafts: Draft) -> pl.DataFrame:
    rows = [record(draft, source="raw.jsonl", source_row=at, part=0) for at, draft in enumerate(drafts, start=1)]
    return record_frame(rows, 0)


def said(subject: str, verdict: str, kind: str = "record", **more: Any) -> dict[str, Any]:
    usual = {"completion": None, "reasons": [], "comment": None, "domain": None, "annotators": 1}
    return {"subject": subject, "kind": kind, "verdict": verdict, **usual, "method": "single", "agreement": 1.0, **more}


def decisions(*lines: dict[str, Any]) -> pl.DataFrame:
    return pl.from_dicts(list(lines), schema=DECISION_SCHEMA)


CAPITAL = asked("Name the capital of France.", ("assistant", "Lyon"))
SEA = asked("Describe the sea.", ("assistant", "Grey and calm."))


def test_a_fixed_record_is_the_corrected_one_with_the_original_beside_it() -> None:
    records = frame(CAPITAL, SEA)
    name = records["record_id"][0]
    outcome = decide(records, decisions(said(name, "fix", completion="Paris", annotators=3, comment="wrong city")))
    fixed = outcome.kept.row(0, named=True)
    assert fixed["completion"] == "Paris"
    assert [turn["content"] for turn in fixed["messages"]] == ["Name the capital of France.", "Paris"]
    assert (fixed["original_completion"], fixed["original_record_id"]) == ("Lyon", name)
    assert fixed["decision_detail"] == "fixed by 3 people: wrong city"
    # The same content has the same name wherever it came from.
    assert fixed["record_id"] == frame(asked("Name the capital of France.", ("assistant", "Paris")))["record_id"][0]
    assert (fixed["source"], fixed["source_row"], fixed["row_id"]) == ("raw.jsonl", 1, 0)
    assert outcome.kept["decision"].to_list() == ["fix", None]
    assert outcome.figures == {"accepted": 0, "fixed": 1, "rejected": 0, "restored": 0, "unapplied": 0}


def test_a_rejected_record_leaves_with_the_annotators_reasons() -> None:
    records = frame(CAPITAL, SEA)
    one, other = records["record_id"]
    outcome = decide(records, decisions(said(one, "reject", reasons=["wrong", "form"]), said(other, "reject")))
    assert outcome.kept.is_empty()
    assert outcome.dropped["outcome"].to_list() == ["rejected", "rejected"]
    assert outcome.dropped["reasons"].to_list() == [["annotator.wrong", "annotator.form"], ["annotator.rejected"]]
    assert outcome.dropped["detail"].to_list() == ["rejected by 1 person", "rejected by 1 person"]
    assert set(VERDICT_SCHEMA) | set(RECORD_SCHEMA) <= set(outcome.dropped.columns)


def test_an_accepted_record_is_marked_and_otherwise_as_it_was() -> None:
    records = frame(CAPITAL, SEA)
    outcome = decide(records, decisions(said(records["record_id"][1], "accept")))
    assert outcome.kept.select(RECORD_SCHEMA.names()).equals(records)
    assert outcome.kept["decision"].to_list() == [None, "accept"]


def test_rows_of_equal_content_share_their_decision() -> None:
    records = frame(CAPITAL, SEA, CAPITAL)
    outcome = decide(records, decisions(said(records["record_id"][0], "fix", completion="Paris")))
    assert outcome.kept["completion"].to_list() == ["Paris", "Grey and calm.", "Paris"]
    assert outcome.figures["fixed"] == 2


def test_an_answer_is_added_where_none_was_given() -> None:
    records = frame(asked("Hello"))
    fixed = decide(records, decisions(said(records["record_id"][0], "fix", completion="Hi."))).kept.row(0, named=True)
    assert [turn["role"] for turn in fixed["messages"]] == ["user", "assistant"]
    assert (fixed["completion"], fixed["original_completion"]) == ("Hi.", None)


def test_a_preference_is_fixed_by_swapping_its_answers() -> None:
    pair = asked(
        "2 + 2?", kind=Kind.PREFERENCE, chosen=[message("assistant", "5")], rejected=[message("assistant", "4")]
    )
    records = frame(pair)
    said_so = decisions(said(records["record_id"][0], "fix", kind="preference"))
    fixed = decide(records, said_so).kept.row(0, named=True)
    assert (fixed["chosen"][0]["content"], fixed["rejected"][0]["content"]) == ("4", "5")
    assert (fixed["completion"], fixed["original_completion"]) == ("4", "5")
    assert fixed["record_id"] != fixed["original_record_id"]


CALL = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("draft", "corrected", "why"),
    [
        (CAPITAL, None, "people asked for a fix and gave no corrected response"),
        (Draft(Kind.SFT, [message("system", "Be kind.")], {}), "Yes", "nothing is asked in it"),
        (
            Draft(Kind.SFT, [message("user", "?"), {**message("assistant", ""), "tool_calls": [CALL]}], {}),
            "No",
            "its answer calls tools",
        ),
    ],
)
def test_a_fix_that_cannot_be_carried_out_says_why_and_changes_nothing(
    draft: Draft, corrected: str | None, why: str
) -> None:
    records = frame(draft)
    outcome = decide(records, decisions(said(records["record_id"][0], "fix", completion=corrected)))
    assert outcome.kept.select(RECORD_SCHEMA.names()).equals(records)
    assert outcome.kept["decision"].to_list() == [None]
    assert outcome.kept["decision_detail"][0].startswith(why)
    assert outcome.figures["unapplied"] == 1


def test_where_nobody_decided_the_records_only_gain_empty_marks() -> None:
    records = frame(CAPITAL, SEA)
    lazily = undecided(records.lazy()).collect()
    assert lazily.equals(decide(records, decisions()).kept)


def test_a_pair_is_known_by_the_names_people_saw() -> None:
    records = frame(CAPITAL, SEA)
    one, other = records["record_id"]
    kept = decide(records, decisions(said(one, "fix", completion="Paris"))).kept
    pairs = pl.DataFrame({"a": [0], "b": [1], "similarity": [0.9]})
    verdicts = decisions(said(pair_subject(other, one), "different", kind="pair"))
    assert with_verdicts(pairs, kept, verdicts)["said"].to_list() == ["different"]
    assert with_verdicts(pairs, kept, decisions())["said"].to_list() == [None]


def test_of_a_pair_people_may_have_seen_either_text_or_both_corrected() -> None:
    records = frame(CAPITAL, SEA)
    city, sea = records["record_id"]
    fixes = decisions(said(city, "fix", completion="Paris"), said(sea, "fix", completion="Blue and calm."))
    kept = decide(records, fixes).kept
    paris, blue = kept["record_id"]
    pairs = pl.DataFrame({"a": [0], "b": [1]})
    for one, other in ((paris, sea), (city, blue), (paris, blue), (city, sea)):
        verdicts = decisions(said(pair_subject(one, other), "different", kind="pair"))
        assert with_verdicts(pairs, kept, verdicts).to_dicts() == [{"a": 0, "b": 1, "said": "different"}]
    both = decisions(
        said(pair_subject(city, sea), "same", kind="pair"), said(pair_subject(paris, blue), "different", kind="pair")
    )
    assert with_verdicts(pairs, kept, both)["said"].to_list() == ["different"]  # of the texts as they are


@pytest.fixture
def project(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a store of its own and a source with doubtful rows."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "store"))
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    rows = [
        *({"prompt": f"Explain what a {thing} is for.", "completion": f"A {thing} is used {use}."} for thing, use in (
            ("hammer", "to drive nails into wood"), ("kettle", "to boil water for tea"),
            ("prism", "to split white light into colours"), ("anvil", "to shape hot metal"),
        )),
        {"prompt": "Give me a colour.", "completion": "I'm sorry, but I can't help with that request."},
        {"prompt": "Give me a fruit.", "completion": "I'm sorry, but I can't help with that request."},
        {"prompt": "Give me a river.", "completion": "I'm sorry, but I cannot assist with that."},
    ]  # fmt: skip
    path = tmp_path / "raw.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return path


def test_a_run_honours_what_people_decided(prefect_server: None, project: Path, tmp_path: Path) -> None:
    from annotation.spending.ledger import locked
    from annotation.store.database import open_store
    from annotation.store.decisions import Decision, record_decisions
    from pipelines.flow import curate

    settings = {"split": {"validation": 0.2, "test": 0.2}}
    before = curate([str(project)], str(tmp_path / "out"), settings)
    assert before.rows.outcomes["review"] == 3
    assert before.people.cost is None
    review = pl.read_parquet(tmp_path / "out" / "ledger.parquet").filter(pl.col("outcome") == "review")
    colour, fruit, river = review.sort("source_row")["record_id"]
    decide_on = [
        Decision(colour, "record", "accept", None, (), None, None, {}, 1, "single", 1.0),
        Decision(fruit, "record", "fix", "A pear is a fruit.", (), None, None, {}, 1, "single", 1.0),
        Decision(river, "record", "reject", None, ("refusal",), "no need", None, {}, 1, "single", 1.0),
    ]
    with locked(open_store(), "assay", "USD") as lock:
        record_decisions(lock.connection, "assay", decide_on)
    after = curate([str(project)], str(tmp_path / "out"), settings)
    assert after.gate is not None
    assert after.gate.passed
    assert (after.people.accepted, after.people.fixed, after.people.rejected) == (1, 1, 1)
    assert after.run.run_id != before.run.run_id
    assert after.checks.failed_released == 0
    ledger = {row["source_row"]: row for row in pl.read_parquet(tmp_path / "out" / "ledger.parquet").to_dicts()}
    splits = {"train", "validation", "test"}
    assert ledger[5]["outcome"] in splits
    assert "annotator.accept" in ledger[5]["notes"]
    assert "refusal.full" in ledger[5]["notes"]
    assert ledger[6]["outcome"] in splits
    assert ledger[6]["detail"] == "fixed by 1 person"
    assert (ledger[7]["outcome"], ledger[7]["reasons"]) == ("rejected", ["annotator.refusal"])
    released = (
        pl.read_parquet(tmp_path / "out" / "records.parquet").filter(pl.col("source_row") == 6).row(0, named=True)
    )
    assert released["completion"] == "A pear is a fruit."
    assert released["original_record_id"] == fruit
    lines = "".join((tmp_path / "out" / "splits" / f"{name}.jsonl").read_text() for name in splits)
    assert "A pear is a fruit." in lines
    assert "I cannot assist with that" not in lines
