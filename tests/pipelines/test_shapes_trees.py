"""Trees: one record for each answer that no further answer follows, and nothing cut off is lost."""

from typing import Any

import orjson
import pytest

from pipelines._records import record
from pipelines._rows import NotARecord
from pipelines._shapes import detect, drafts_of


def node(role: str, text: str, *replies: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"text": text, "role": role, "replies": list(replies), **more}


def records(root: dict[str, Any]) -> list[dict[str, Any]]:
    row = {"message_tree_id": "t1", "prompt": root}
    assert detect([row]) == "oasst"
    made = [record(draft, source="s", source_row=1, part=0) for draft in drafts_of(row, "oasst")]
    return [{**each, "metadata": orjson.loads(each["metadata"] or "{}")} for each in made]


def test_every_last_answer_is_a_record_in_the_order_of_the_tree() -> None:
    made = records(
        node(
            "prompter",
            "Q",
            node("assistant", "A1", node("prompter", "Q2", node("assistant", "A3"), node("assistant", "A4"))),
            node("assistant", "A2"),
        )
    )
    assert [[turn["content"] for turn in each["messages"]] for each in made] == [
        ["Q", "A1", "Q2", "A3"],
        ["Q", "A1", "Q2", "A4"],
        ["Q", "A2"],
    ]
    assert {each["group"] for each in made} == {"t1"}
    assert made[0]["completion"] == "A3"


def test_a_question_without_an_answer_is_kept_beside_the_first_path_to_it() -> None:
    open_question = node("prompter", "And then?", message_id="m9")
    first, second = records(node("prompter", "Q", node("assistant", "A1", open_question), node("assistant", "A2")))
    assert [turn["content"] for turn in first["messages"]] == ["Q", "A1"]
    assert first["metadata"]["unanswered"] == [{"after": 1, **open_question}]
    assert "unanswered" not in second["metadata"]


def test_a_tree_without_any_answer_is_one_record_without_a_completion() -> None:
    (made,) = records(node("prompter", "Anyone?", node("prompter", "Hello?")))
    assert (made["prompt"], made["completion"]) == ("Anyone?", None)
    assert made["metadata"]["unanswered"] == [{"after": 0, **node("prompter", "Hello?")}]


def test_what_messages_say_beyond_their_text_is_metadata() -> None:
    (made,) = records(node("prompter", "Q", node("assistant", "A", message_id="m2"), lang="en"))
    assert made["metadata"]["message_extras"] == [{"index": 0, "lang": "en"}, {"index": 1, "message_id": "m2"}]


def test_a_deep_tree_is_read_without_recursion() -> None:
    root = node("assistant", "end")
    for depth in range(3000):
        root = node("prompter" if depth % 2 == 0 else "assistant", str(depth), root)
    (made,) = records(root)
    assert len(made["messages"]) == 3001


def test_a_tree_whose_paths_would_fill_the_memory_is_refused() -> None:
    root = node("prompter", "x" * 100_000, *(node("assistant", "a") for _ in range(1000)))
    with pytest.raises(NotARecord) as found:
        drafts_of({"prompt": root}, "oasst")
    assert found.value.reason == "too_long"


def test_an_unknown_role_in_a_tree_is_told() -> None:
    with pytest.raises(NotARecord) as found:
        drafts_of({"prompt": node("prompter", "Q", node("wizard", "A"))}, "oasst")
    assert (found.value.reason, found.value.detail) == ("role", "message 1 has no role that is known (wizard)")
