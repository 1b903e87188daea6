"""What no trainer gets, whatever its format."""

import polars as pl
import pytest

from pipelines.formats import EXPORTERS, exporter, refusals
from pipelines.formats._tools import Unreadable, read_json
from schemas.errors import UsageError

ALL = sorted(EXPORTERS)


@pytest.mark.parametrize("name", ALL)
def test_a_question_without_an_answer_is_never_a_training_row(name, one, say, reason_of):
    assert reason_of(name, one(say("user", "Why?"))) == "no_response"
    assert reason_of(name, one(say("user", "Why?"), say("assistant", " \n"))) == "no_response"
    assert reason_of(name, one()) == "no_response"


@pytest.mark.parametrize("name", ALL)
def test_a_conversation_that_ends_with_the_user_is_refused_because_the_user_would_be_learnt(name, one, say, reason_of):
    talk = one(say("user", "Hi"), say("assistant", "Hello."), say("user", "Thanks!"))

    assert reason_of(name, talk) == "last_turn_not_assistant"


@pytest.mark.parametrize("name", ALL)
def test_what_the_trainer_would_cut_is_refused_and_what_just_fits_is_not(name, one, say, reason_of, line_of):
    talk = (say("user", "Hi"), say("assistant", "Hello."))

    assert reason_of(name, one(*talk, n_tokens=101)) == "too_long"
    assert reason_of(name, one(*talk, n_tokens=None)) == "length_unknown"
    assert line_of(name, one(*talk, n_tokens=100))["task"] == "sft"


@pytest.mark.parametrize("name", ["axolotl", "litgpt", "openai"])
def test_trainers_that_only_imitate_never_see_an_unwanted_completion(name, one, say, reason_of, line_of):
    talk = (say("user", "Hi"), say("assistant", "Go away."))

    assert reason_of(name, one(*talk, label=False)) == "unwanted_completion"
    assert reason_of(name, one(*talk, label=None, kind="kto")) == "no_label"
    assert line_of(name, one(*talk, label=True))["task"] == "sft"


@pytest.mark.parametrize("name", ["trl", "llama-factory", "axolotl", "openai"])
def test_a_pair_with_nothing_between_its_answers_teaches_nothing(name, one, say, reason_of):
    yes, no = say("assistant", "Yes."), say("assistant", "No.")

    assert reason_of(name, one(say("user", "Is it?"), chosen=[yes], rejected=[yes])) == "identical_pair"
    assert reason_of(name, one(say("user", "Is it?"), chosen=[yes], rejected=[])) == "no_response"
    assert reason_of(name, one(say("user", "Is it?"), chosen=[yes], rejected=None)) == "no_response"
    assert reason_of(name, one(say("user", "Is it?"), yes, chosen=[yes], rejected=[no])) == "turn_order"
    assert reason_of(name, one(chosen=[yes], rejected=[no])) == "no_prompt"


@pytest.mark.parametrize("name", ALL)
def test_a_role_that_chat_templates_do_not_know_is_named(name, one, say, reason_of):
    assert (
        reason_of(name, one(say("narrator", "Once,"), say("user", "Hi"), say("assistant", "Hello.")))
        == "role_unsupported"
    )


@pytest.mark.parametrize("name", ["trl", "llama-factory", "axolotl", "openai"])
def test_a_system_turn_in_the_middle_is_refused_because_templates_raise(name, one, say, reason_of):
    talk = one(say("user", "Hi"), say("system", "Be brief."), say("assistant", "Hello."))

    assert reason_of(name, talk) == "system_not_first"


@pytest.mark.parametrize("name", ["trl", "llama-factory", "axolotl", "openai"])
def test_tools_that_are_not_json_are_refused_with_what_is_wrong(name, one, say, tool_call, reason_of):
    talk = (say("user", "Add."), say("assistant", "Done."))
    calls = say("assistant", tool_calls=[tool_call("add", "a=1")])

    assert reason_of(name, one(*talk, tools="add(a, b)")) == "tools_unreadable"
    assert reason_of(name, one(*talk, tools='[{"description": "nameless"}]')) == "tools_unreadable"
    assert reason_of(name, one(say("user", "Add."), calls, tools='[{"name": "add"}]')) == "call_unreadable"


@pytest.mark.parametrize("name", ALL)
def test_an_empty_answer_in_the_middle_is_refused_too(name, one, say, reason_of):
    talk = one(say("user", "Hi"), say("assistant", ""), say("user", "Hello?"), say("assistant", "Yes?"))

    assert reason_of(name, talk) == "empty_turn"


def test_the_frame_of_refusals_says_which_record_and_why(one, say):
    fits, asks = (
        one(say("user", "Hi"), say("assistant", "Hello.")),
        one(say("user", "Why?"), record_id="r2", source_row=2),
    )
    frame = pl.DataFrame([asks, fits], infer_schema_length=None, schema_overrides={"tools": pl.String})

    assert refusals(frame, "trl", max_tokens=100).rows() == [
        ("r2", "a.jsonl", 2, "no_response", "no turn is the assistant's")
    ]


def test_an_unknown_format_is_answered_with_those_there_are():
    with pytest.raises(UsageError, match="'alpaca' is no export format; choose from trl, llama-factory"):
        exporter("alpaca")


def test_numbers_in_arguments_keep_every_digit():
    assert read_json('{"id": 123456789012345678901234567890}') == {"id": 123456789012345678901234567890}


@pytest.mark.parametrize("text", ["{", "NaN", '"\\ud800"', "[" * 100_000])
def test_what_is_not_json_for_every_reader_is_unreadable(text):
    with pytest.raises(Unreadable):
        read_json(text)
