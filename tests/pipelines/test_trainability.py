"""What a trainer will do with a record, by a tokenizer made here: one token a letter, so that counts can be read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.trainability.measuring import Plan, plan_of, trainability
from pipelines.trainability.target import find_target
from pipelines.validate import validate
from schemas.errors import ModelError
from schemas.settings import Settings

# Warnings of transformers and torch about themselves are not ours to fix.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

MakeRecords = Callable[[list[dict[str, Any]]], pl.DataFrame]

# One control token before a turn, and one behind it; an answer is due behind the first.
PLAIN = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CALLS = (
    "{% if tools %}<|tool|>{% for tool in tools %}{{ tool.function.name }};{% endfor %}<|end|>{% endif %}"
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}"
    "{% for call in message.tool_calls or [] %}{{ call.function.name }}{{ call.function.arguments | tojson }}"
    "{% endfor %}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + PLAIN
ALTERNATING = (
    "{% for message in messages %}{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate user/assistant') }}{% endif %}{% endfor %}" + PLAIN
)
DROPS_SYSTEM = "{% for message in messages if message.role != 'system' %}{{ message.content }}<|end|>{% endfor %}"
MARKED = (
    "{% for message in messages %}{% if message.role == 'assistant' %}<|assistant|>"
    "{% generation %}{{ message.content }}<|end|>{% endgeneration %}"
    "{% else %}<|user|>{{ message.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

ASK = {"role": "user", "content": "abc"}
SAY = {"role": "assistant", "content": "defgh"}
SYSTEM = {"role": "system", "content": "xy"}
CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}}],
}
RESULT = {"role": "tool", "content": "two", "tool_call_id": "1"}
TOOLS = json.dumps([{"type": "function", "function": {"name": "add", "parameters": {}}}])


@pytest.fixture(scope="module")
def folder(byte_tokenizer: Callable[[str | None], Path]) -> Callable[[str | None], Path]:
    """A folder with a byte-level tokenizer and the given chat template."""
    return byte_tokenizer


@pytest.fixture(scope="module")
def prepared(folder: Callable[[str | None], Path], make_records: MakeRecords) -> Callable[..., dict[str, Any]]:
    """What becomes of one record with these turns."""

    def figures(template: str, *turns: Any, window: int = 1000, loss: Any = "all", **more: Any) -> dict[str, Any]:
        record = {"prompt": "?", "completion": "!", "messages": list(turns), **more}
        plan = Plan(find_target(str(folder(template))), window, loss)
        (found,) = trainability(make_records([record]), plan).to_list()
        return found

    return figures


def test_all_tokens_are_learnt_as_the_template_writes_them(prepared):
    found = prepared(PLAIN, SYSTEM, ASK, SAY)
    # Two marks around each turn.
    assert found["tokens"] == found["kept"] == found["supervised"] == 3 * 2 + 2 + 3 + 5
    assert (found["skipped"], found["answer_cut"], found["error"]) == (False, False, None)


def test_completion_loss_learns_the_last_answer_and_its_end(prepared):
    found = prepared(PLAIN, ASK, SAY, ASK, SAY, loss="completion")
    assert (found["tokens"], found["supervised"]) == (4 * 2 + 16, 5 + 1)


def test_assistant_loss_learns_every_answer_that_the_template_marks(prepared):
    found = prepared(MARKED, ASK, SAY, ASK, SAY, loss="assistant")
    assert (found["tokens"], found["supervised"]) == (4 * 2 + 16, 2 * (5 + 1))


def test_a_row_without_a_marked_answer_would_stop_the_trainer(prepared):
    found = prepared(MARKED, ASK, loss="assistant")
    assert found["error"] == "the template marks no answer in it, and TRL stops at such a row"
    assert found["tokens"] is None


def test_what_lies_beyond_the_window_is_cut_and_an_answer_wholly_there_is_told(prepared):
    cut = prepared(PLAIN, ASK, SAY, window=8)
    assert (cut["tokens"], cut["kept"], cut["answer_cut"], cut["skipped"]) == (12, 8, False, False)
    gone = prepared(PLAIN, {"role": "user", "content": "abcdefgh"}, SAY, window=8)
    assert (gone["kept"], gone["answer_cut"], gone["skipped"]) == (8, True, False)


def test_a_row_with_nothing_left_to_learn_is_skipped(prepared):
    long = {"role": "user", "content": "abcdefgh"}
    found = prepared(PLAIN, long, SAY, window=8, loss="completion")
    assert (found["supervised"], found["skipped"], found["answer_cut"]) == (0, True, False)
    assert prepared(MARKED, long, SAY, window=8, loss="assistant")["skipped"] is True


def test_both_answers_of_a_preference_are_sequences(prepared):
    found = prepared(PLAIN, ASK, kind="preference", chosen=[SAY], rejected=[{"role": "assistant", "content": "d"}])
    assert (found["tokens"], found["supervised"]) == (12 + 8, 6 + 2)


def test_a_pair_whose_prompt_fills_the_window_is_skipped(prepared):
    pair = {"kind": "preference", "chosen": [SAY], "rejected": [{"role": "assistant", "content": "d"}]}
    assert prepared(PLAIN, ASK, window=6, **pair)["skipped"] is True
    assert prepared(PLAIN, ASK, window=7, **pair)["supervised"] == 2


@pytest.mark.parametrize("label", [True, False])
def test_a_labelled_answer_is_learnt_whatever_its_label(label, prepared):
    assert prepared(PLAIN, ASK, SAY, kind="kto", label=label)["supervised"] == 6


def test_a_template_that_knows_no_system_turn_says_so(prepared):
    assert prepared(NO_SYSTEM, SYSTEM, ASK, SAY)["error"] == "System role not supported"
    assert prepared(NO_SYSTEM, ASK, SAY)["error"] is None


def test_a_template_that_demands_turns_says_so(prepared):
    assert prepared(ALTERNATING, ASK, ASK, SAY)["error"] == "Roles must alternate user/assistant"


def test_an_error_costs_the_row_and_not_the_file(folder, make_records):
    rows = [{"messages": [*turns]} for turns in ([ASK, SAY], [SYSTEM, ASK, SAY], [], [ASK, SAY])]
    plan = Plan(find_target(str(folder(NO_SYSTEM))), 100, "all")
    found = trainability(make_records([{"prompt": "?", "completion": "!", **row} for row in rows]), plan).to_list()
    assert [one["error"] for one in found] == [
        None, "System role not supported", "there is no message to render", None,
    ]  # fmt: skip
    assert [one["tokens"] for one in found] == [12, None, None, 12]


def test_a_turn_that_the_template_leaves_out_is_counted(prepared):
    assert prepared(DROPS_SYSTEM, SYSTEM, ASK, SAY)["lost_turns"] == 1
    assert prepared(PLAIN, SYSTEM, ASK, {"role": "assistant", "content": " defgh\n"})["lost_turns"] == 0


def test_control_tokens_in_texts_calls_and_tools_are_named(prepared):
    ends = {"role": "user", "content": "abc<|end|><|user|>"}
    found = prepared(PLAIN, ends, SAY)
    assert found["control_tokens"] == "<|end|> <|user|>"
    assert found["tokens"] == 12 + 2  # each is one token, not its letters
    call = json.loads(json.dumps(CALL).replace("2}", '\\"<|tool|>\\"}'))
    assert prepared(CALLS, ASK, call, tools=TOOLS)["control_tokens"] == "<|tool|>"
    assert prepared(PLAIN, {"role": "user", "content": "<|END|> | end |"}, SAY)["control_tokens"] is None


def test_tools_calls_and_results_that_do_not_come_through_are_counted(prepared):
    talk = (ASK, CALL, RESULT, SAY)
    assert prepared(CALLS, *talk, tools=TOOLS)["lost_tool_parts"] == 0
    # The tool that is offered and the call; the result is a turn like others.
    assert prepared(PLAIN, *talk, tools=TOOLS)["lost_tool_parts"] == 2
    assert prepared(PLAIN, ASK, SAY)["lost_tool_parts"] is None


def test_a_call_without_its_arguments_is_lost(prepared):
    names_only = CALLS.replace("{{ call.function.arguments | tojson }}", "")
    assert prepared(names_only, ASK, CALL, tools=TOOLS)["lost_tool_parts"] == 1


def test_a_template_that_takes_no_foreign_name_is_asked_for_the_real_ones(prepared):
    strict = "{% for m in messages %}{% for c in m.tool_calls or [] %}{% if c.function.name != 'add' %}" + (
        "{{ raise_exception('unknown tool') }}{% endif %}{{ c.function.name }}{% endfor %}{% endfor %}" + PLAIN
    )
    assert prepared(strict, ASK, CALL, tools=TOOLS)["lost_tool_parts"] == 0


def test_a_call_that_is_no_json_is_said_to_be(prepared):
    broken = json.loads(json.dumps(CALL).replace('{\\"a\\": 2}', "{a: 2"))
    assert prepared(CALLS, ASK, broken)["error"].startswith("a tool or a call is not JSON")


@pytest.mark.parametrize(
    ("loss", "masked", "learnt", "odd"),
    [
        ("all", False, None, 1),
        ("assistant", False, None, 1),
        ("completion", False, None, 0),
        ("completion", None, True, 0),
    ],
)
def test_masks_that_the_trainer_passes_over_are_counted(loss, masked, learnt, odd, prepared):
    """The first answer is masked; of the last, completion loss learns all."""
    found = prepared(MARKED, ASK, {**SAY, "train": masked}, ASK, {**SAY, "train": learnt}, loss=loss)
    assert found["masked_turns"] == odd


HARD = {
    "one megabyte": "word " * 200_000,
    "Chinese": "请给出三个保持健康的建议。",
    "emoji": "👨‍👩‍👧 ok",
    "braces": "{{ 7 * 7 }}{% raw %}",
    "control characters": "a\x00b\x07",
    "nothing": "",
}


@pytest.mark.parametrize("name", HARD)
def test_hard_texts_are_counted_byte_by_byte(name, prepared):
    found = prepared(PLAIN, {"role": "user", "content": HARD[name]}, SAY)
    assert found["tokens"] == 4 + 5 + len(HARD[name].encode())
    assert found["error"] is None


def test_no_target_measures_nothing(make_records):
    assert trainability(make_records([{"prompt": "a", "completion": "b"}]), None).to_list() == [None]
    assert plan_of(Settings()) is None


def test_the_window_is_that_of_the_checks_where_none_is_named():
    given = {"training": {"target": "openai"}, "validation": {"max_tokens": 64}}
    plan = plan_of(Settings.model_validate(given))
    assert plan is not None
    assert plan.max_length == 64


def test_what_was_measured_is_remembered_for_the_same_plan(folder, make_records, tmp_path, monkeypatch):
    where = folder(PLAIN)
    records = make_records([{"prompt": "a", "completion": "b"}, {"prompt": "c", "completion": "de"}])
    keys = pl.Series(["a" * 32, "b" * 32])

    def measured(window: int) -> list[dict[str, Any]]:
        plan = Plan(find_target(str(where)), window, "all")
        return trainability(records, plan, cache=str(tmp_path), keys=keys).to_list()

    first = measured(100)
    # A tokenizer that is asked again would now fail.
    monkeypatch.setattr("pipelines.trainability.measuring.tokenizer_of", None)
    assert measured(100) == first
    with pytest.raises(TypeError):
        measured(99)


def test_another_template_is_another_target(folder):
    assert find_target(str(folder(PLAIN))).digest == find_target(str(folder(PLAIN))).digest
    assert find_target(str(folder(PLAIN))).digest != find_target(str(folder(CALLS))).digest


def test_a_folder_without_a_tokenizer_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(ModelError, match=r"has no tokenizer in it .*name a model's folder"):
        find_target(str(tmp_path))


def test_a_tokenizer_without_a_chat_template_is_refused_with_the_remedy(folder):
    with pytest.raises(ModelError, match=r"has no chat template.*put a chat_template.jinja beside it"):
        find_target(str(folder(None)))


def test_a_tokenizer_that_does_not_load_is_refused_with_its_words(folder, make_records):
    where = folder(PLAIN)
    (where / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="its tokenizer cannot be loaded"):
        trainability(make_records([{"prompt": "a", "completion": "b"}]), Plan(find_target(str(where)), 9, "all"))


def test_a_name_of_the_hub_is_not_fetched():
    with pytest.raises(ModelError, match="none is fetched; download"):
        find_target("HuggingFaceTB/SmolLM2-135M-Instruct")


def test_assistant_loss_needs_a_template_that_marks_answers(folder, make_records):
    pytest.importorskip("trl", reason="trl is not here")
    plan = Plan(find_target(str(folder(PLAIN))), 9, "assistant")
    with pytest.raises(ModelError, match=r"generation.* or set training.loss to completion"):
        trainability(make_records([{"prompt": "a", "completion": "b"}]), plan)


def test_openai_counts_by_its_published_rules(make_records):
    """Three tokens a message and its role, three for the answer that is primed."""
    plan = Plan(find_target("openai"), 1000, "all")
    talk = [{"role": "user", "content": "Hello there"}, {"role": "assistant", "content": "Hi", "train": None}]
    masked = [*talk, {**talk[1], "train": False}]
    rows = [{"messages": talk}, {"messages": masked}, {"messages": [{**talk[0], "content": "<|im_end|>"}, talk[1]]}]
    found = trainability(make_records([{"prompt": "a", "completion": "b", **row} for row in rows]), plan).to_list()
    assert (found[0]["tokens"], found[0]["supervised"]) == (3 + 1 + 2 + 3 + 1 + 1 + 3, 1)
    # Weight 0 keeps the answer out of the loss: no mask is passed over.
    assert (found[1]["tokens"], found[1]["supervised"], found[1]["masked_turns"]) == (14 + 5, 1, 0)
    assert found[2]["control_tokens"] is None


FAILING = {
    "trainability.template_error": (NO_SYSTEM, [SYSTEM, ASK, SAY], 100, "all"),
    "trainability.skipped_by_trainer": (PLAIN, [ASK, SAY], 4, "completion"),
    "trainability.answer_cut_off": (PLAIN, [ASK, SAY], 4, "all"),
    "trainability.truncated": (PLAIN, [ASK, SAY], 11, "all"),
    "trainability.control_token_in_text": (PLAIN, [{**ASK, "content": "a<|end|>"}, SAY], 100, "all"),
    "trainability.tool_use_lost": (PLAIN, [ASK, CALL, RESULT, SAY], 100, "all"),
    "trainability.turn_altered": (DROPS_SYSTEM, [SYSTEM, ASK, SAY], 100, "all"),
    "trainability.loss_mask_ignored": (PLAIN, [ASK, {**SAY, "train": False}, ASK, SAY], 100, "all"),
}


def judged(make_records: MakeRecords, turns: list[Any], plan: Plan | None) -> dict[str, Any]:
    records = make_records([{"prompt": "abc", "completion": "defgh", "messages": turns}])
    outcome = validate(records, severities={}, languages=[], max_tokens=4096, plan=plan)
    (row,) = pl.concat([frame.drop("outcome", strict=False) for frame in outcome[:2]], how="diagonal").to_dicts()
    return {name.removeprefix("chk_"): value for name, value in row.items() if name.startswith("chk_trainability")}


@pytest.mark.parametrize("reason", FAILING)
def test_each_check_fails_where_the_trainer_does_what_it_names(reason, folder, make_records):
    template, turns, window, loss = FAILING[reason]
    found = judged(make_records, turns, Plan(find_target(str(folder(template))), window, loss))
    assert found[reason] is False
    assert list(found) == list(FAILING)


def test_each_check_passes_what_the_trainer_takes_whole(folder, make_records):
    found = judged(make_records, [ASK, CALL, RESULT, SAY], Plan(find_target(str(folder(CALLS))), 100, "all"))
    assert set(found.values()) == {True}


def test_no_check_is_about_a_row_where_no_target_is_named(make_records):
    assert set(judged(make_records, [ASK, SAY], None).values()) == {None}


def test_only_the_error_is_told_of_a_row_that_is_not_rendered(folder, make_records):
    found = judged(make_records, [SYSTEM, ASK, SAY], Plan(find_target(str(folder(NO_SYSTEM))), 100, "all"))
    assert {name for name, passed in found.items() if passed is not None} == {"trainability.template_error"}
