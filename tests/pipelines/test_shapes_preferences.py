"""Preference pairs: what both answers share is said once, whatever the form they come in."""

from typing import Any

import orjson
import pytest

from pipelines._records import record
from pipelines._rows import NotARecord
from pipelines._shapes import detect, drafts_of


def only(row: dict[str, Any]) -> dict[str, Any]:
    assert detect([row]) == "preference"
    (draft,) = drafts_of(row, "preference")
    made = record(draft, source="s", source_row=1, part=0)
    made["metadata"] = made["metadata"] and orjson.loads(made["metadata"])
    return made


def spoken(messages: list[dict[str, Any]] | None) -> list[tuple[str, str]] | None:
    return None if messages is None else [(turn["role"], turn["content"]) for turn in messages]


def sides(made: dict[str, Any]) -> tuple[Any, Any, Any]:
    return spoken(made["messages"]), spoken(made["chosen"]), spoken(made["rejected"])


HI, GOOD, BAD = ("user", "Hi"), ("assistant", "Hello!"), ("assistant", "What?")


def said(*turns: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in turns]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"},
        {"question": "Hi", "chosen": "Hello!", "rejected": "What?"},
        {"instruction": "Hi", "input": "", "chosen": "Hello!", "rejected": "What?"},
        {"prompt": "Hi", "chosen": said(HI, GOOD), "rejected": said(HI, BAD)},
        {"chosen": said(HI, GOOD), "rejected": said(HI, BAD)},
        {"messages": said(HI), "chosen": said(GOOD), "rejected": said(BAD)},
        {"messages": said(HI, GOOD), "chosen": said(HI, GOOD), "rejected": said(HI, BAD)},
        {"prompt": said(HI), "chosen": said(GOOD), "rejected": said(BAD)},
        {
            "conversations": [{"from": "human", "value": "Hi"}],
            "chosen": {"from": "gpt", "value": "Hello!"},
            "rejected": {"from": "gpt", "value": "What?"},
        },
        {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello!", "rejected": "\n\nHuman: Hi\n\nAssistant: What?"},
        {"prompt": "\n\nHuman: Hi\n\nAssistant:", "chosen": " Hello!".strip(), "rejected": "What?"},
        {
            "prompt": "Hi",
            "chosen": orjson.dumps(said(HI, GOOD)).decode(),
            "rejected": orjson.dumps(said(HI, BAD)).decode(),
        },
    ],
)
def test_one_pair_in_every_form_is_one_record(row: dict[str, Any]) -> None:
    made = only(row)
    assert sides(made) == ([HI], [GOOD], [BAD])
    assert (made["kind"], made["prompt"], made["completion"], made["metadata"]) == ("preference", "Hi", "Hello!", None)


def test_turns_that_differ_early_stay_with_their_answers() -> None:
    made = only(
        {
            "chosen": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Bye\n\nAssistant: Bye!",
            "rejected": "\n\nHuman: Hi\n\nAssistant: No.",
        }
    )
    assert sides(made) == (
        [HI],
        [("assistant", "Yes?"), ("user", "Bye"), ("assistant", "Bye!")],
        [("assistant", "No.")],
    )
    assert made["completion"] == "Bye!"


def test_equal_answers_are_still_two_answers() -> None:
    same = "\n\nHuman: Hi\n\nAssistant: Yes?"
    assert sides(only({"chosen": same, "rejected": same})) == ([HI], [("assistant", "Yes?")], [("assistant", "Yes?")])


def test_a_system_text_opens_the_shared_turns_and_scores_are_metadata() -> None:
    made = only({"system": "Be kind.", "prompt": "Hi", "chosen": "Hello!", "rejected": "What?", "margin": 2.5})
    assert spoken(made["messages"]) == [("system", "Be kind."), HI]
    assert (made["prompt"], made["metadata"]) == ("Be kind.\n\nHi", {"margin": 2.5})


def test_with_a_prompt_beside_it_the_full_conversation_is_metadata() -> None:
    row = {"prompt": "Hi", "messages": said(HI, GOOD), "chosen": said(HI, GOOD), "rejected": said(HI, BAD)}
    made = only(row)
    assert sides(made) == ([HI], [GOOD], [BAD])
    assert made["metadata"] == {"messages": said(HI, GOOD)}


def test_a_missing_side_is_null_and_not_an_error() -> None:
    made = only({"prompt": "Hi", "chosen": None, "rejected": "What?"})
    assert (sides(made), made["completion"]) == (([HI], None, [BAD]), None)


def test_an_answer_that_is_json_with_a_role_of_its_own_is_text() -> None:
    made = only({"prompt": "A user as JSON.", "chosen": '{"role": "admin"}', "rejected": "no"})
    assert spoken(made["chosen"]) == [("assistant", '{"role": "admin"}')]


def test_a_number_is_no_answer() -> None:
    with pytest.raises(NotARecord) as found:
        drafts_of({"prompt": "Hi", "chosen": 4, "rejected": "What?"}, "preference")
    assert (found.value.reason, found.value.detail) == ("type", "chosen is a number (4), not text or messages")
