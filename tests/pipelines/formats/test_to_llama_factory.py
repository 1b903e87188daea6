"""What LLaMA-Factory reads, against the rules of its data/README.md."""

import json

from pipelines.formats import EXPORTERS


def test_a_conversation_becomes_sharegpt_with_the_system_turn_beside_it(one, say, line_of):
    talk = one(say("system", "Be brief."), say("user", "Hi"), say("assistant", "Hello."))

    assert line_of("llama-factory", talk) == {
        "task": "sft",
        "record_id": "r1",
        "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}],
        "system": "Be brief.",
        "tools": "",
    }


def test_a_call_becomes_json_and_its_result_an_observation(one, say, tool_call, line_of):
    talk = one(
        say("user", "1 + 2?"),
        say("assistant", tool_calls=[tool_call("add", '{"a": 1, "b": 2}')]),
        say("tool", "3"),
        say("assistant", "3."),
        tools='[{"type": "function", "function": {"name": "add"}}]',
    )
    line = line_of("llama-factory", talk)
    said = [(turn["from"], turn["value"]) for turn in line["conversations"]]

    assert [speaker for speaker, _ in said] == ["human", "function_call", "observation", "gpt"]
    assert json.loads(said[1][1]) == {"name": "add", "arguments": {"a": 1, "b": 2}}
    assert json.loads(line["tools"]) == [{"name": "add", "parameters": {"type": "object", "properties": {}}}]


def test_calls_made_at_once_become_a_list(one, say, tool_call, line_of):
    talk = one(say("user", "Both?"), say("assistant", tool_calls=[tool_call("a"), tool_call("b")]))
    value = line_of("llama-factory", talk)["conversations"][1]["value"]

    assert [call["name"] for call in json.loads(value)] == ["a", "b"]


def test_turns_that_do_not_alternate_are_refused_because_the_trainer_drops_them_quietly(one, say, tool_call, reason_of):
    twice = one(say("user", "Hi"), say("user", "Hello?"), say("assistant", "Yes?"))
    results = one(
        say("user", "Both?"),
        say("assistant", tool_calls=[tool_call("a"), tool_call("b")]),
        say("tool", "1"),
        say("tool", "2"),
        say("assistant", "Done."),
    )

    assert reason_of("llama-factory", twice) == "turn_order"
    assert reason_of("llama-factory", results) == "turn_order"


def test_text_beside_a_call_would_be_lost_and_is_refused(one, say, tool_call, reason_of):
    talk = one(say("user", "1 + 2?"), say("assistant", "Let me see.", tool_calls=[tool_call("add")]))

    assert reason_of("llama-factory", talk) == "text_beside_call"


def test_a_placeholder_for_media_would_stop_the_trainer(one, say, reason_of):
    assert reason_of("llama-factory", one(say("user", "Explain <image> tags."), say("assistant", "Gladly."))) == (
        "media_placeholder"
    )


def test_an_answer_of_several_turns_has_no_place_in_a_pair(one, say, reason_of):
    long = [say("assistant", "Well."), say("user", "Well?"), say("assistant", "Yes.")]

    assert reason_of("llama-factory", one(say("user", "Hi"), chosen=long, rejected=[say("assistant", "No.")])) == (
        "answer_not_one_turn"
    )


def test_dataset_info_describes_each_file_with_its_columns():
    extras = EXPORTERS["llama-factory"].extras({("sft", "train"): 2, ("dpo", "train"): 1, ("kto", "test"): 1}, 100)
    info = json.loads(extras["dataset_info.json"])

    assert {name: entry["file_name"] for name, entry in info.items()} == {
        "sft_train": "sft_train.jsonl",
        "dpo_train": "dpo_train.jsonl",
        "kto_test": "kto_test.jsonl",
    }
    assert {entry["formatting"] for entry in info.values()} == {"sharegpt"}
    assert info["dpo_train"]["ranking"] is True
    assert "ranking" not in info["sft_train"]
    assert info["dpo_train"]["columns"]["rejected"] == "rejected"
    assert info["kto_test"]["columns"]["kto_tag"] == "kto_tag"
    assert info["sft_train"]["tags"]["observation_tag"] == "observation"
