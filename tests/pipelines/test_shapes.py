"""Shapes: which keys a row is known by, and what record it becomes."""

from typing import Any

import orjson
import pytest

from pipelines._records import Draft, record
from pipelines._rows import NotARecord
from pipelines._shapes import SHAPES, detect, drafts_of


def only(row: dict[str, Any], shape: str | None = None) -> dict[str, Any]:
    """The one record of a row, its shape detected unless said."""
    (draft,) = drafts_of(row, shape or detect([row]))
    return finished(draft)


def finished(draft: Draft) -> dict[str, Any]:
    made = record(draft, source="s", source_row=1, part=0)
    made["metadata"] = made["metadata"] and orjson.loads(made["metadata"])
    return made


def spoken(messages: list[dict[str, Any]] | None) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in messages or []]


def refusal(row: Any, shape: str | None) -> tuple[str, str]:
    with pytest.raises(NotARecord) as found:
        drafts_of(row, shape)
    return found.value.reason, found.value.detail


def test_an_alpaca_row_puts_its_input_below_the_instruction() -> None:
    made = only({"instruction": "Translate.", "input": "Hallo", "output": "Hello", "topic": 7})
    assert spoken(made["messages"]) == [("user", "Translate.\n\nHallo"), ("assistant", "Hello")]
    assert (made["prompt"], made["completion"], made["context"]) == ("Translate.\n\nHallo", "Hello", "Hallo")
    assert (made["kind"], made["metadata"]) == ("sft", {"topic": 7})


def test_a_blank_or_missing_input_leaves_the_instruction_alone() -> None:
    for row in ({"instruction": "Sing.", "input": " ", "output": "La"}, {"instruction": "Sing.", "output": "La"}):
        made = only(row)
        assert (made["prompt"], made["context"], made["metadata"]) == ("Sing.", None, None)


def test_an_empty_answer_is_a_record_and_a_null_answer_is_one_without_an_answer() -> None:
    empty = only({"instruction": "Sing.", "output": ""})
    missing = only({"instruction": "Sing.", "output": None})
    assert (empty["completion"], spoken(empty["messages"])) == ("", [("user", "Sing."), ("assistant", "")])
    assert (missing["completion"], spoken(missing["messages"])) == (None, [("user", "Sing.")])


def test_a_system_text_comes_first_and_history_before_the_question() -> None:
    made = only({"instruction": "And 3?", "output": "9", "system": "Square it.", "history": [["2?", "4"]]})
    assert spoken(made["messages"]) == [
        ("system", "Square it."),
        ("user", "2?"),
        ("assistant", "4"),
        ("user", "And 3?"),
        ("assistant", "9"),
    ]
    assert made["prompt"] == "system: Square it.\n\nuser: 2?\n\nassistant: 4\n\nuser: And 3?"


def test_one_question_behind_a_system_text_is_joined_to_it_without_roles() -> None:
    assert only({"instruction": "3?", "output": "9", "system": "Square it."})["prompt"] == "Square it.\n\n3?"


def test_a_dolly_row_keeps_its_category_in_the_metadata() -> None:
    made = only({"instruction": "Who?", "context": "Ada wrote it.", "response": "Ada", "category": "closed_qa"})
    assert (made["prompt"], made["completion"]) == ("Who?\n\nAda wrote it.", "Ada")
    assert (made["context"], made["metadata"]) == ("Ada wrote it.", {"category": "closed_qa"})


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("prompt", "completion"),
        ("prompt", "response"),
        ("prompt", "canonical_solution"),
        ("question", "answer"),
        ("query", "response"),
        ("problem", "solution"),
        ("input", "output"),
    ],
)
def test_prompt_and_completion_under_their_usual_names(asked: str, answered: str) -> None:
    row = {"task": "t/1", asked: "Why?", answered: "Because."}
    made = only(row)
    assert detect([row]) == "prompt-completion"
    assert (made["prompt"], made["completion"], made["metadata"]) == ("Why?", "Because.", {"task": "t/1"})


def test_prompt_and_completion_may_be_messages() -> None:
    made = only(
        {
            "prompt": [{"role": "user", "content": "Hi", "mood": "glad"}],
            "completion": [{"role": "assistant", "content": "Hello"}],
        }
    )
    assert (made["prompt"], made["completion"]) == ("Hi", "Hello")
    assert made["metadata"] == {"message_extras": {"prompt": [{"index": 0, "mood": "glad"}]}}


def test_an_answer_that_is_json_stays_text() -> None:
    answer = '[{"role": "admin", "name": "Ada"}]'
    assert only({"prompt": "Give me JSON.", "completion": answer})["completion"] == answer


def test_each_instance_of_self_instruct_is_a_record() -> None:
    row = {
        "id": "seed_1",
        "instruction": "Add one.",
        "instances": [{"input": "1", "output": "2"}, {"input": "5", "output": "6", "by": "eva"}],
    }
    first, second = (finished(draft) for draft in drafts_of(row, detect([row])))
    assert (first["prompt"], first["completion"], first["context"]) == ("Add one.\n\n1", "2", "1")
    assert (second["prompt"], second["metadata"]) == ("Add one.\n\n5", {"id": "seed_1", "instance": {"by": "eva"}})


def test_an_instruction_without_instances_has_no_answer() -> None:
    made = only({"instruction": "Add one.", "instances": []})
    assert (made["prompt"], made["completion"]) == ("Add one.", None)


def test_a_label_makes_kto_and_words_will_do() -> None:
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]
    by_messages = only({"messages": talk, "label": True})
    by_words = only({"prompt": "Hi", "completion": "Yo", "label": "false"})
    assert (by_messages["kind"], by_messages["label"], by_messages["completion"]) == ("kto", True, "Yo")
    assert (by_words["kind"], by_words["label"], by_words["prompt"]) == ("kto", False, "Hi")


def test_group_and_license_are_columns_and_an_id_is_not_a_group() -> None:
    made = only({"id": "7", "conversation_id": 12, "licence": "MIT", "prompt": "a", "completion": "b"})
    assert (made["group"], made["license"], made["metadata"]) == ("12", "MIT", {"id": "7"})


def test_the_shape_is_what_most_rows_have() -> None:
    alpaca = {"instruction": "a", "output": "b"}
    assert detect([{"messages": [{"role": "user", "content": "x"}]}, alpaca, alpaca]) == "alpaca"
    assert detect([{"text": "a"}, 5]) is None


def test_a_shape_may_be_said_where_the_keys_mislead() -> None:
    row = {"instruction": "How?", "output": "So.", "prompt": "Template", "completion": "Filled"}
    assert only(row)["completion"] == "So."
    assert only(row, "prompt-completion")["completion"] == "Filled"


@pytest.mark.parametrize(
    ("row", "shape", "reason", "detail"),
    [
        ({"instruction": 5, "output": "x"}, "alpaca", "type", "instruction is a number (5), not text"),
        ({"instruction": "a", "output": {"x": 1}}, "alpaca", "type", "output is an object ({'x': 1}), not text"),
        ({"instruction": "a", "output": True}, "alpaca", "type", "output is a boolean (True), not text"),
        ({"text": "a"}, "alpaca", "shape", "has the keys text, where alpaca has instruction, input and output"),
        ({"text": "a"}, None, "shape", "has the keys text, which fit no shape; name one with --shape"),
        ([1, 2], "alpaca", "shape", "is a list ([1, 2]), not an object with keys"),
        ({"prompt": "a", "completion": "b", "label": 3}, "kto", "type", "label is a number (3), not true or false"),
        (
            {"instruction": "a", "instances": ["x"]},
            "self-instruct",
            "type",
            "instances[0] is text (x), not an object",
        ),
    ],
)
def test_what_is_no_record_says_which_field_and_why(row: Any, shape: str | None, reason: str, detail: str) -> None:
    assert refusal(row, shape) == (reason, detail)


def test_metadata_that_cannot_be_written_is_told_and_not_lost_silently() -> None:
    deep: Any = "x"
    for _ in range(400):
        deep = [deep]
    (draft,) = drafts_of({"prompt": "a", "completion": "b", "deep": deep}, "prompt-completion")
    with pytest.raises(NotARecord, match="too_deep"):
        finished(draft)


def test_the_record_id_ignores_spelling_and_place_but_not_content() -> None:
    one = only({"prompt": "Caf\u00e9?\r\n", "completion": "Yes", "id": 1})
    two = only({"question": "Cafe\u0301?", "answer": " Yes", "id": 2})
    other = only({"prompt": "Caf\u00e9?", "completion": "No"})
    assert one["record_id"] == two["record_id"] != other["record_id"]
    assert len(one["record_id"]) == 64


def test_the_train_flag_does_not_rename_a_record_and_the_label_does() -> None:
    def talk(**flags: Any) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", **flags}]}

    assert only(talk(weight=0))["record_id"] == only(talk())["record_id"]
    good, bad = (only({**talk(), "label": label})["record_id"] for label in (True, False))
    assert good != bad


def test_the_names_of_shapes_are_a_contract() -> None:
    assert set(SHAPES) == {
        "alpaca",
        "dolly",
        "self-instruct",
        "prompt-completion",
        "chat",
        "sharegpt",
        "preference",
        "kto",
        "oasst",
    }
