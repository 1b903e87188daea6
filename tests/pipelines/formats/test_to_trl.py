"""What TRL's trainers read."""

import json


def test_a_conversation_becomes_messages_with_two_keys_only(one, say, line_of):
    talk = one(say("system", "Be brief."), say("user", "Hi", name="Ann"), say("assistant", "Hello."))

    assert line_of("trl", talk) == {
        "task": "sft",
        "record_id": "r1",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello."},
        ],
    }


def test_a_preference_keeps_its_shared_turns_apart_from_its_answers(one, say, line_of):
    pair = one(say("user", "Hi"), chosen=[say("assistant", "Hello.")], rejected=[say("assistant", "What?")])
    line = line_of("trl", pair)

    assert line["task"] == "dpo"
    assert [line[key][-1]["content"] for key in ("prompt", "chosen", "rejected")] == ["Hi", "Hello.", "What?"]


def test_a_labelled_completion_is_split_before_its_last_turn(one, say, line_of):
    line = line_of("trl", one(say("user", "Hi"), say("assistant", "Go away."), label=False))

    assert (line["task"], line["label"]) == ("kto", False)
    assert line["prompt"] == [{"role": "user", "content": "Hi"}]
    assert line["completion"] == [{"role": "assistant", "content": "Go away."}]


def test_tool_use_has_a_folder_of_its_own_with_parsed_arguments_and_the_tools_as_text(one, say, tool_call, line_of):
    talk = one(
        say("user", "1 + 2?"),
        say("assistant", tool_calls=[tool_call("add", '{"a": 1, "b": 2}', "c1")]),
        say("tool", "3", tool_call_id="c1", name="add"),
        say("assistant", "3."),
        tools='[{"name": "add", "parameters": {}}]',
    )
    line = line_of("trl", talk)

    assert line["task"] == "sft_tools"
    assert json.loads(line["tools"]) == [{"type": "function", "function": {"name": "add", "parameters": {}}}]
    assert line["messages"][1]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": 2}}}
    ]
    assert line["messages"][2] == {"role": "tool", "content": "3", "name": "add", "tool_call_id": "c1"}
    assert line["messages"][3] == {"role": "assistant", "content": "3."}


def test_calls_without_definitions_offer_no_tools_rather_than_an_empty_list(one, say, tool_call, line_of):
    line = line_of("trl", one(say("user", "1 + 2?"), say("assistant", tool_calls=[tool_call("add")])))

    assert json.loads(line["tools"]) is None


def test_a_masked_answer_is_refused_because_trl_would_train_on_it(one, say, reason_of, line_of):
    masked = say("assistant", "Hello.", train=False)

    assert (
        reason_of("trl", one(say("user", "Hi"), masked, say("user", "So?"), say("assistant", "So."))) == "masked_turn"
    )
    assert reason_of("trl", one(say("user", "Hi", train=True), say("assistant", "Hello."))) == "masked_turn"
    assert line_of("trl", one(say("user", "Hi", train=False), say("assistant", "Hello.", train=True)))["task"] == "sft"


def test_a_result_that_no_call_asked_for_is_refused(one, say, reason_of):
    assert reason_of("trl", one(say("user", "Hi"), say("tool", "3"), say("assistant", "3."))) == "result_unasked"
