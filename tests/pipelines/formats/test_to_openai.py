"""What OpenAI's fine-tuning files hold, against the API reference."""

import pytest

TOOLS = '[{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]'


def test_a_mask_becomes_a_weight_on_the_assistant_only(one, say, line_of):
    talk = one(
        say("user", "Hi", train=False),
        say("assistant", "Hello.", train=False),
        say("user", "So?"),
        say("assistant", "So.", train=True),
    )

    assert line_of("openai", talk) == {
        "task": "sft",
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello.", "weight": 0},
            {"role": "user", "content": "So?"},
            {"role": "assistant", "content": "So.", "weight": 1},
        ],
    }


def test_calls_and_results_without_ids_are_joined_in_order(one, say, tool_call, line_of):
    talk = one(
        say("user", "1 + 2 and 3 + 4?"),
        say("assistant", tool_calls=[tool_call("add", '{"a": 1}'), tool_call("add", '{"a": 3}')]),
        say("tool", "3", name="add"),
        say("tool", "7", name="add"),
        say("assistant", "3 and 7."),
        tools=TOOLS,
    )
    line = line_of("openai", talk)
    calls = line["messages"][1]

    assert "content" not in calls
    assert [(call["id"], call["function"]["arguments"]) for call in calls["tool_calls"]] == [
        ("call_1", '{"a": 1}'),
        ("call_2", '{"a": 3}'),
    ]
    assert line["messages"][2:4] == [
        {"role": "tool", "content": "3", "tool_call_id": "call_1"},
        {"role": "tool", "content": "7", "tool_call_id": "call_2"},
    ]
    assert line["tools"][0]["function"]["name"] == "add"


def test_results_with_ids_find_their_calls_in_any_order(one, say, tool_call, line_of):
    talk = one(
        say("user", "Both?"),
        say("assistant", tool_calls=[tool_call("add", "{}", "x"), tool_call("add", "{}", "y")]),
        say("tool", "second", tool_call_id="y"),
        say("tool", "first", tool_call_id="x"),
        say("assistant", "Done."),
        tools=TOOLS,
    )

    assert [turn["tool_call_id"] for turn in line_of("openai", talk)["messages"][2:4]] == ["y", "x"]


def test_calls_and_results_must_match(one, say, tool_call, reason_of):
    ask, calls, done = (
        say("user", "?"),
        say("assistant", tool_calls=[tool_call("add", "{}", "x")]),
        say("assistant", "3"),
    )

    assert reason_of("openai", one(ask, calls, done, tools=TOOLS)) == "call_unanswered"
    assert (
        reason_of("openai", one(ask, calls, say("tool", "3", tool_call_id="z"), done, tools=TOOLS)) == "call_unanswered"
    )
    assert (
        reason_of("openai", one(ask, calls, say("tool", "3"), say("tool", "4"), done, tools=TOOLS)) == "result_unasked"
    )


def test_a_call_as_the_last_turn_needs_no_result(one, say, tool_call, line_of):
    talk = one(say("user", "1 + 2?"), say("assistant", tool_calls=[tool_call("add")]), tools=TOOLS)

    assert line_of("openai", talk)["messages"][-1]["tool_calls"][0]["function"]["name"] == "add"


def test_functions_must_be_offered_and_names_be_plain(one, say, tool_call, reason_of):
    calls = one(say("user", "?"), say("assistant", tool_calls=[tool_call("subtract")]), tools=TOOLS)
    spaced = one(say("user", "?", name="Ann Lee"), say("assistant", "!"))

    assert reason_of("openai", calls) == "tool_undefined"
    assert reason_of("openai", spaced) == "name_invalid"


def test_a_preference_has_input_and_two_outputs(one, say, line_of):
    pair = one(say("user", "Hi"), chosen=[say("assistant", "Hello.")], rejected=[say("assistant", "What?")])

    assert line_of("openai", pair) == {
        "task": "dpo",
        "input": {"messages": [{"role": "user", "content": "Hi"}]},
        "preferred_output": [{"role": "assistant", "content": "Hello."}],
        "non_preferred_output": [{"role": "assistant", "content": "What?"}],
    }


@pytest.mark.parametrize(("train", "reason"), [(True, "masked_turn"), (False, None)])
def test_only_answers_have_a_weight(train, reason, one, say, reason_of, line_of):
    talk = one(say("user", "Hi", train=train), say("assistant", "Hello."))

    if reason:
        assert reason_of("openai", talk) == reason
    else:
        assert "weight" not in line_of("openai", talk)["messages"][0]
