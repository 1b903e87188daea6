"""Validate: measures, names every failing check, and takes out only what a check drops."""

from types import ModuleType

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks import catalogue
from checks.registry import CHECKS, Check, Severity
from pipelines._tokens import count_tokens
from pipelines.validate import summed, validate
from schemas.errors import SettingsError
from schemas.outcome import VERDICT_SCHEMA

RIVER = {"prompt": "Where does the river rise?", "completion": "It rises in the hills near the old town."}
NOTHING = {"prompt": "Where does the river end?", "completion": "<nooutput>"}
REFUSAL = {"prompt": "Where does the river bend?", "completion": "I'm sorry, but I can't help with that."}
LINKED = {"prompt": "Summarise https://example.com/river", "completion": "The river rises in the hills."}


def run(records, severities=None, languages=(), max_tokens=4096):
    return validate(records, severities=severities or {}, languages=languages, max_tokens=max_tokens)


def test_each_finding_goes_where_its_severity_says(make_records):
    outcome = run(make_records([RIVER, NOTHING, REFUSAL, LINKED]))
    found = outcome.kept.select("row_id", "drop_reasons", "review_reasons", "notes").rows()
    assert found == [(0, [], [], []), (2, [], ["refusal.full"], []), (3, [], [], ["formatting.url_in_prompt"])]
    assert outcome.dropped["row_id"].to_list() == [1]
    assert outcome.dropped["drop_reasons"].to_list() == [["formatting.placeholder_answer"]]


def test_a_dropped_row_carries_its_verdict(make_records):
    (row,) = run(make_records([NOTHING])).dropped.select(VERDICT_SCHEMA.names()).to_dicts()
    assert row == {
        "outcome": "dropped",
        "reasons": ["formatting.placeholder_answer"],
        "twin": None,
        "similarity": None,
        "detail": None,
    }


def test_every_failing_check_is_named_for_one_record(make_records):
    (row,) = run(make_records([{"prompt": "hello", "completion": "I cannot help with that.\x00"}])).dropped.to_dicts()
    assert row["drop_reasons"] == ["formatting.nul_character"]
    assert row["review_reasons"] == ["refusal.full"]
    assert row["notes"] == ["length.short_prompt"]


@pytest.mark.parametrize(("said", "where"), [("drop", "drop_reasons"), ("review", "review_reasons"), ("note", "notes")])
def test_a_severity_can_be_overridden(make_records, said, where):
    outcome = run(make_records([REFUSAL]), {"refusal.full": said})
    rows = pl.concat([outcome.kept, outcome.dropped], how="diagonal")
    assert rows[where].to_list() == [["refusal.full"]]
    assert outcome.dropped.height == (said == "drop")


def test_a_check_that_is_off_leaves_no_trace(make_records):
    outcome = run(make_records([REFUSAL]), {"refusal.full": "off"})
    assert outcome.kept["review_reasons"].to_list() == [[]]
    assert "chk_refusal.full" not in outcome.kept.columns
    assert "full" not in [figure["name"] for figure in outcome.figures["checks"] if figure["family"] == "refusal"]


def test_a_misspelt_check_is_an_error_that_helps(make_records):
    with pytest.raises(SettingsError, match=r"no check is called 'refusal\.ful'; did you mean refusal\.full"):
        run(make_records([RIVER]), {"refusal.ful": "drop"})
    with pytest.raises(SettingsError, match="'kill' is no severity; use one of drop, review, note, off"):
        run(make_records([RIVER]), {"refusal.full": "kill"})


def test_the_figures_count_every_check(make_records):
    outcome = run(make_records([RIVER, REFUSAL, NOTHING]))
    figures = {f"{figure['family']}.{figure['name']}": figure for figure in outcome.figures["checks"]}
    assert outcome.figures["checked"] == 3
    assert set(figures) == set(CHECKS)
    assert figures["refusal.full"]["failed"] == 1
    assert figures["refusal.full"]["severity"] == "review"
    assert figures["structure.empty_prompt"]["failed"] == 0


def test_a_check_counts_the_records_it_is_about(make_records, monkeypatch):
    about = Check("test", "names_hills", Severity.REVIEW, "", pl.col("completion").str.contains("hills"),
                  applies=pl.col("prompt").str.contains("rise"))  # fmt: skip
    monkeypatch.setitem(CHECKS, about.reason, about)
    monkeypatch.setattr(catalogue, "FAMILIES", (*catalogue.FAMILIES, ModuleType("checks.test")))
    rises = {"prompt": "Where does it rise?", "completion": "It rises in the old town, they say."}
    outcome = run(make_records([RIVER, REFUSAL, rises]))
    assert outcome.kept[about.column].to_list() == [True, None, False]
    assert outcome.kept["review_reasons"].to_list() == [[], ["refusal.full"], ["test.names_hills"]]
    (figure,) = [figure for figure in outcome.figures["checks"] if figure["name"] == "names_hills"]
    assert (figure["applied"], figure["failed"]) == (2, 1)
    both = summed([outcome.figures, outcome.figures])
    assert (both["checks"][-1]["applied"], both["checks"][-1]["failed"]) == (4, 2)


def test_no_rows_are_no_trouble(make_records):
    outcome = run(make_records([]))
    assert outcome.kept.is_empty()
    assert outcome.dropped.is_empty()
    assert outcome.figures["checked"] == 0
    full = run(make_records([RIVER, NOTHING]))
    assert outcome.kept.schema == full.kept.schema
    assert outcome.dropped.schema == full.dropped.schema


def test_what_is_measured(make_records):
    row = run(make_records([RIVER])).kept.to_dicts()[0]
    assert (row["language"], row["prompt_language"], row["completion_language"]) == ("en", "en", "en")
    assert (row["n_turns"], row["n_words"]) == (2, 9)
    assert row["n_tokens"] == count_tokens(pl.Series([f"{RIVER['prompt']}\n{RIVER['completion']}"]))[0]
    assert 0 < row["quality"] < 1


def test_tool_calls_and_the_chosen_answer_count_as_tokens(make_records):
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Uppsala"}'}}
    turns = [{"role": "user", "content": "Weather?"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    chosen, rejected = ([{"role": "assistant", "content": text}] for text in ("Cold.", "Hot."))
    pair = {"kind": "preference", "chosen": chosen, "rejected": rejected}
    short, called, paired = (
        run(make_records([{**RIVER, "messages": messages, **more}])).kept["n_tokens"][0]
        for messages, more in ((turns[:1], {}), (turns, {}), (turns[:1], pair))
    )
    assert short < called
    assert short < paired


def test_only_what_is_surely_foreign_is_dropped(make_records):
    german = {"prompt": "Wo entspringt der lange Fluss?", "completion": "Er entspringt in den Bergen bei der Stadt."}
    code = {"prompt": "Print x", "completion": "for (let i = 0; i < n; i++) { console.log(x[i]); }"}
    translated = {"prompt": "Translate into German: the river is long.", "completion": "Der Fluss ist sehr lang."}
    rows = [RIVER, german, code, {"prompt": "Hola?", "completion": "Hola!"}, translated]
    outcome = run(make_records(rows), languages=["en"])
    assert outcome.dropped["row_id"].to_list() == [1]
    assert outcome.dropped["drop_reasons"].to_list() == [["language.foreign"]]
    assert run(make_records(rows), languages=[]).dropped.is_empty()


def test_a_long_record_is_noted_not_cut(make_records):
    outcome = run(make_records([RIVER]), max_tokens=16 - 5)
    assert outcome.kept["notes"].to_list() == [["length.over_max_tokens"]]
    assert outcome.kept["completion"].to_list() == [RIVER["completion"]]


def test_input_columns_stay_as_they_were(make_records):
    records = make_records([RIVER, REFUSAL])
    assert run(records).kept.select(records.columns).equals(records)


words = st.text(alphabet="ab <>[]-.\n\x00é中🙂", max_size=30)
rows = st.fixed_dictionaries(
    {
        "prompt": words | st.none(),
        "completion": words | st.none() | st.sampled_from(["N/A", "<nooutput>", "I cannot help with that."]),
        "kind": st.sampled_from(["sft", "preference", "kto"]),
        "label": st.booleans() | st.none(),
    }
)


@settings(max_examples=15, deadline=None)
@given(st.lists(rows, max_size=6))
def test_kept_and_dropped_share_out_the_input_for_reasons_in_the_registry(make_records, given_rows):
    records = make_records(given_rows)
    outcome = run(records)
    both = sorted([*outcome.kept["row_id"], *outcome.dropped["row_id"]])
    assert both == records["row_id"].to_list()
    for reasons in outcome.dropped["reasons"].to_list():
        assert reasons != []
        assert {CHECKS[reason].severity for reason in reasons} == {Severity.DROP}
    assert outcome.kept["drop_reasons"].to_list() == [[]] * outcome.kept.height
    for column, severity in (("review_reasons", Severity.REVIEW), ("notes", Severity.NOTE)):
        named = {reason for reasons in outcome.kept[column].to_list() for reason in reasons}
        assert all(CHECKS[reason].severity == severity for reason in named)
