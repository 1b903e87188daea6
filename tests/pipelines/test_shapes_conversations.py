"""Conversations: every dialect of messages, roles and tool calls in the canonical form."""

from typing import Any

import orjson
import pytest

from pipelines._conversations import turns_of
from pipelines._records import record
from pipelines._rows import NotARecord
from pipelines._shapes import detect, drafts_of


def only(row: dict[str, Any]) -> dict[str, Any]:
    (draft,) = drafts_of(row, detect([row]))
    made = record(draft, source="s", source_row=1, part=0)
    made["metadata"] = made["metadata"] and orjson.loads(made["metadata"])
    return made


def test_chat_messages_keep_their_turns_and_the_rest_is_metadata() -> None:
    made = only(
        {
            "id": "c1",
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "Hi", "lang": "en"},
                {"role": "assistant", "content": "Hello", "weight": 0},
                {"role": "user", "content": "Bye"},
                {"role": "assistant", "content": "Bye!", "weight": 1},
            ],
        }
    )
    assert [turn["role"] for turn in made["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert [turn["train"] for turn in made["messages"]] == [None, None, False, None, True]
    assert made["prompt"] == "system: Be brief.\n\nuser: Hi\n\nassistant: Hello\n\nuser: Bye"
    assert made["completion"] == "Bye!"
    assert made["metadata"] == {"id": "c1", "message_extras": [{"index": 1, "lang": "en"}]}


def test_a_talk_that_ends_with_the_user_has_no_completion() -> None:
    made = only({"messages": [{"role": "user", "content": "Hi"}]})
    assert (made["prompt"], made["completion"]) == ("Hi", None)


CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}


def test_tool_calls_survive_and_are_shown_as_calls_in_the_texts() -> None:
    made = only(
        {
            "messages": [
                {"role": "user", "content": "1 plus?"},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "content": "2", "tool_call_id": "c1", "name": "add"},
                {"role": "assistant", "content": "Two."},
            ],
            "tools": [{"type": "function", "function": {"name": "add"}}],
        }
    )
    calls, result = made["messages"][1], made["messages"][2]
    assert (calls["content"], calls["tool_calls"]) == ("", [CALL])
    assert (result["role"], result["tool_call_id"], result["name"]) == ("tool", "c1", "add")
    assert made["prompt"] == 'user: 1 plus?\n\nassistant: add({"a":1})\n\ntool: 2'
    assert orjson.loads(made["tools"]) == [{"type": "function", "function": {"name": "add"}}]


def test_a_talk_that_ends_in_a_call_has_the_call_as_its_completion() -> None:
    made = only(
        {
            "messages": [
                {"role": "user", "content": "1 plus?"},
                {"role": "assistant", "content": "", "tool_calls": [CALL]},
            ]
        }
    )
    assert made["completion"] == 'add({"a":1})'


def test_older_function_calls_become_tool_calls() -> None:
    made = only(
        {
            "messages": [
                {"role": "user", "content": "1 plus?"},
                {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": {"a": 1}}},
                {"role": "function", "name": "add", "content": "2"},
            ],
            "functions": [{"name": "add"}],
        }
    )
    assert made["messages"][1]["tool_calls"] == [{**CALL, "id": None}]
    assert made["messages"][2]["role"] == "tool"
    assert orjson.loads(made["tools"]) == [{"type": "function", "function": {"name": "add"}}]


def test_sharegpt_calls_and_observations_are_tool_turns() -> None:
    row = {
        "conversations": [
            {"from": "human", "value": "1 plus?"},
            {"from": "function_call", "value": '{"name": "add", "arguments": {"a": 1}}'},
            {"from": "observation", "value": "2"},
            {"from": "gpt", "value": "Two."},
        ],
        "system": "Use tools.",
        "tools": '[{"name": "add"}]',
    }
    made = only(row)
    assert detect([row]) == "sharegpt"
    assert [turn["role"] for turn in made["messages"]] == ["system", "user", "assistant", "tool", "assistant"]
    assert made["messages"][2]["tool_calls"] == [{**CALL, "id": None}]
    assert (made["tools"], made["completion"], made["metadata"]) == ('[{"name":"add"}]', "Two.", None)


def test_no_tools_is_null_however_it_is_written() -> None:
    ways: list[Any] = ["", "[]", [], None]
    for nothing in ways:
        assert only({"conversations": [{"from": "human", "value": "a"}], "tools": nothing})["tools"] is None


def test_typed_parts_are_joined_where_they_are_text() -> None:
    parts = [{"type": "text", "text": "One."}, "Two.", {"type": "text", "text": "Three.", "image_url": None}]
    assert turns_of([{"role": "user", "content": parts}], "messages").messages[0]["content"] == "One.\nTwo.\nThree."


@pytest.mark.parametrize("word", ["human", "prompter", "USER", " user "])
def test_words_for_the_user(word: str) -> None:
    assert turns_of([{"from": word, "value": "a"}], "conversations").messages[0]["role"] == "user"


@pytest.mark.parametrize("word", ["gpt", "bot", "ai", "model", "bing", "chatgpt", "Assistant"])
def test_words_for_the_assistant(word: str) -> None:
    assert turns_of([{"from": word, "value": "a"}], "conversations").messages[0]["role"] == "assistant"


@pytest.mark.parametrize(
    ("messages", "reason", "detail"),
    [
        ([{"role": "narrator", "content": "a"}], "role", "messages[0] has no role that is known (narrator)"),
        ([{"content": "a"}], "role", "messages[0] has no role that is known (None)"),
        ([{"role": "user", "content": 5}], "type", "messages[0].content is a number (5), not text"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
            "content_part",
            "messages[0] has a content part of type image_url, not text",
        ),
        (["hello"], "type", "messages[0] is text (hello), not a message"),
        ("hello", "type", "messages is text that is not JSON (hello)"),
        (7, "type", "messages is a number (7), not a list"),
        (
            [{"from": "function_call", "value": "add one"}],
            "type",
            "messages[0] is text that is not JSON (add one)",
        ),
        (
            [{"role": "assistant", "content": "", "tool_calls": [{"id": "x"}]}],
            "type",
            "messages[0].tool_calls is not a call with a name ({'id': 'x'})",
        ),
    ],
)
def test_what_is_no_message_says_which_and_why(messages: Any, reason: str, detail: str) -> None:
    with pytest.raises(NotARecord) as found:
        turns_of(messages, "messages")
    assert (found.value.reason, found.value.detail) == (reason, detail)


def test_messages_as_json_text_are_messages() -> None:
    row = {"messages": '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]'}
    assert detect([row]) == "chat"
    assert (only(row)["prompt"], only(row)["completion"]) == ("Hi", "Yo")


def test_an_empty_talk_is_a_record_that_the_checks_will_drop() -> None:
    (draft,) = drafts_of({"messages": []}, "chat")
    made = record(draft, source="s", source_row=1, part=0)
    assert (made["messages"], made["prompt"], made["completion"]) == ([], "", None)
