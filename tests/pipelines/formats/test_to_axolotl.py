"""What Axolotl reads, against its docs on chat_template and RLHF."""

import json

import yaml

from pipelines.formats import EXPORTERS


def test_every_turn_says_whether_it_is_trained_on(one, say, line_of):
    talk = one(say("user", "Hi"), say("assistant", "Hello.", train=False), say("user", "So?"), say("assistant", "So."))

    assert line_of("axolotl", talk)["messages"] == [
        {"role": "user", "content": "Hi", "train": False},
        {"role": "assistant", "content": "Hello.", "train": False},
        {"role": "user", "content": "So?", "train": False},
        {"role": "assistant", "content": "So.", "train": True},
    ]


def test_a_conversation_with_every_answer_masked_teaches_nothing(one, say, reason_of):
    assert reason_of("axolotl", one(say("user", "Hi"), say("assistant", "Hello.", train=False))) == "nothing_to_learn"


def test_parameters_and_arguments_are_text_so_that_differing_ones_share_a_column(one, say, tool_call, line_of):
    talk = one(
        say("user", "1 + 2?"),
        say("assistant", tool_calls=[tool_call("add", '{"a": 1}')]),
        tools='[{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]',
    )
    line = line_of("axolotl", talk)

    assert line["task"] == "sft_tools"
    assert json.loads(line["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {"a": 1}
    assert json.loads(line["tools"][0]["function"]["parameters"]) == {"type": "object"}


def test_a_pair_has_one_message_an_answer_and_no_tools(one, say, line_of, reason_of):
    answers = {"chosen": [say("assistant", "Hello.")], "rejected": [say("assistant", "What?")]}

    assert line_of("axolotl", one(say("user", "Hi"), **answers)) == {
        "task": "dpo",
        "messages": [{"role": "user", "content": "Hi"}],
        "chosen": {"role": "assistant", "content": "Hello."},
        "rejected": {"role": "assistant", "content": "What?"},
    }
    assert reason_of("axolotl", one(say("user", "Hi"), **answers, tools='[{"name": "a"}]')) == "tool_use_unsupported"


def test_the_configs_name_the_files_that_have_rows():
    rows = {("sft", "train"): 3, ("sft_tools", "train"): 1, ("sft", "validation"): 1, ("dpo", "train"): 1}
    extras = EXPORTERS["axolotl"].extras(rows, 2048)
    sft, dpo = yaml.safe_load(extras["sft.yaml"]), yaml.safe_load(extras["dpo.yaml"])

    assert [entry["path"] for entry in sft["datasets"]] == ["sft/train.jsonl", "sft_tools/train.jsonl"]
    assert [entry["path"] for entry in sft["test_datasets"]] == ["sft/validation.jsonl"]
    assert sft["datasets"][0]["type"] == "chat_template"
    assert sft["datasets"][0]["message_field_training"] == "train"
    assert sft["sequence_len"] == 2048
    assert (dpo["rl"], dpo["datasets"][0]["type"]) == ("dpo", "chat_template.default")
    assert "test_datasets" not in dpo
