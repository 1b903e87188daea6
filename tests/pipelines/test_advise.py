"""Advice: memory that agrees with what others published, needs that are told from texts, verdicts that cite rows."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines.advice.amount import ENOUGH_OF_A_KIND, WANTED
from pipelines.advice.apart import eta_squared
from pipelines.advice.effort import GPUS, effort, throughput_of
from pipelines.advice.fits import fit
from pipelines.advice.memory import GB, HALF, KEPT, Method, Optimizer, Training, adapter_bytes, memory, trainable
from pipelines.advice.model_shape import guessed_shape, parameters_named, shape_of
from pipelines.advice.needs import Need, with_needs
from pipelines.advice.purpose import purpose
from pipelines.advise import advise
from pipelines.cli import app
from pipelines.gate import report_of
from schemas.advice import Advice, DataAdvice
from schemas.errors import ModelError, ReleaseError, UsageError

SMOLLM2 = {
    "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
    "intermediate_size": 1_536, "vocab_size": 49_152, "tie_word_embeddings": True, "hidden_act": "silu",
}  # fmt: skip
LLAMA_2_7B = {
    "hidden_size": 4_096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
    "intermediate_size": 11_008, "vocab_size": 32_000, "tie_word_embeddings": False, "hidden_act": "silu",
}  # fmt: skip


@pytest.mark.parametrize(("config", "parameters"), [(SMOLLM2, 134_515_008), (LLAMA_2_7B, 6_738_415_616)])
def test_a_config_tells_its_models_parameters(tmp_path: Path, config: dict[str, Any], parameters: int) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert shape_of(tmp_path).parameters == parameters
    assert shape_of(tmp_path / "config.json") == shape_of(tmp_path)


def test_of_many_experts_a_token_passes_a_few(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps(LLAMA_2_7B | {"num_local_experts": 8, "num_experts_per_tok": 2, "intermediate_size": 14_336})
    )
    shape = shape_of(tmp_path)
    assert 3 < shape.parameters / shape.active_parameters < 4


@pytest.mark.parametrize("content", ["", "[1]", '{"hidden_size": 576}', '{"hidden_size": "many"}', "{" * 100_000])
def test_what_is_no_config_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match="name the"):
        shape_of(tmp_path)


def test_figures_of_the_field() -> None:
    thirteen = guessed_shape(parameters_named("13B"))
    states = memory(thirteen, Training(Method.FULL, 1, optimizer=Optimizer.BF16))
    assert states.weights == 26 * GB
    assert states.weights + states.gradients + states.optimizer == 104 * GB
    # Four bits of thirty-two.
    assert 1 - 4 / 32 == 0.875
    assert memory(thirteen, Training(Method.QLORA, 1)).weights / (13 * GB * 4) == pytest.approx(0.125, abs=0.005)
    # QLoRA, section 1: more than 780 GB for 65B; table 6: 41 and 21 GB of 65B and 33B.
    assert 65 * KEPT[Optimizer.FP32_STATES].all == 780
    for size, published in (("65B", 41), ("33B", 21)):
        ours = memory(guessed_shape(parameters_named(size)), Training(Method.QLORA, 512)).total / GB
        assert ours == pytest.approx(published, rel=0.05)
    # LoRA, section 4.2: GPT-3 in 350 GB, and 35 MB of it at rank 4 on query and value.
    gpt3 = guessed_shape(parameters_named("175B"))
    small = Training(Method.LORA, 1, rank=4, every_matrix=False)
    assert memory(gpt3, small).weights == 350 * GB
    assert adapter_bytes(gpt3, small) / 2**20 == pytest.approx(35, rel=0.05)


def test_more_room_never_means_a_slower_form() -> None:
    shape = guessed_shape(parameters_named("7B"))
    for method in Method:
        batches = []
        for gigabytes in (8, 16, 24, 48, 80, 141, 400):
            found = fit(shape, method, 1_024, gigabytes * GB, 16)
            assert found.fits == (found.memory.total <= gigabytes * GB)
            if not found.fits:
                assert found.gpus == 0 or found.gpus > 1
            batches.append((found.fits, not found.how.checkpointing, found.how.batch))
        fitting = [each[1:] for each in batches if each[0]]
        assert fitting == sorted(fitting) or method == Method.FULL
    assert trainable(shape, Training(Method.FULL, 1)) == shape.parameters
    assert memory(shape, Training(Method.LORA, 1)).weights == round(HALF * shape.parameters)


def test_time_is_what_was_measured_or_follows_from_the_peak() -> None:
    shape = guessed_shape(parameters_named("7B"))
    said = effort(1_000, 360_000, 300.0, 2.0)
    assert (said.epochs, said.steps, said.tokens, said.hours, said.price) == (3, 96, 1_080_000, 1.0, 2.0)
    unknown = effort(1_000, 360_000, None, 2.0)
    assert (unknown.hours, unknown.price) == (None, None)
    lora, full = (throughput_of(GPUS["A100"], shape, each, checkpointing=False) for each in (Method.LORA, Method.FULL))
    assert lora / full == pytest.approx(1.5)


def records(make_records: Callable[..., pl.DataFrame], rows: list[tuple[str, str, str]]) -> pl.DataFrame:
    made = make_records([{"prompt": prompt, "completion": answer} for prompt, answer, _ in rows])
    return made.with_columns(context=pl.Series([context for *_, context in rows], dtype=pl.String))


GIVEN = "The lighthouse at the cape was built by the harbour company and rebuilt after the storm. " * 3


@pytest.mark.parametrize(
    ("prompt", "answer", "context", "need"),
    [
        ("Who painted The Night Watch?", "Rembrandt van Rijn, in 1642.", "", Need.FACTS),
        ("What is the current inflation rate in Peru?", "It is 3 percent.", "", Need.LIVE),
        ("Return the user as JSON.", '{"name": "Ada"}', "", Need.STRUCTURE),
        ("def add(a, b):\n    '''Add.'''\n", "    return a + b", "", Need.STRUCTURE),
        ("A robe takes 2 bolts, and half that of 4 more. How many?", "2 + 4 / 2 = 4\n#### 4", "", Need.REASONING),
        (f"Summarize this.\n\n{GIVEN}", "The harbour company built the lighthouse.", GIVEN, Need.GIVEN),
        ("Write a story about a lighthouse.", "Once upon a time a keeper slept too long.", "", Need.STYLE),
        ("How can I sleep better?", "Go to bed early and keep the room dark.", "", Need.GENERAL),
    ],
)
def test_what_an_answer_is_made_of(
    make_records: Callable[..., pl.DataFrame], prompt: str, answer: str, context: str, need: Need
) -> None:
    assert with_needs(records(make_records, [(prompt, answer, context)]))["need"].to_list() == [need.value]


def test_facts_are_those_that_the_prompt_does_not_have(make_records: Callable[..., pl.DataFrame]) -> None:
    asked = ("When did George Lucas meet Steven Spielberg?", "George Lucas met Spielberg in 1967, in Los Angeles.", "")
    assert sorted(with_needs(records(make_records, [asked]))["absent"][0].to_list()) == ["1967", "Los Angeles"]


def test_answers_full_of_facts_are_for_retrieval_and_the_rows_that_say_so_are_named(
    make_records: Callable[..., pl.DataFrame],
) -> None:
    rows = [(f"Who founded town number {at}?", f"Count Otto of Ulm, in {1100 + at}.", "") for at in range(120)]
    rows += [(f"Write a poem about stone {at}.", "Grey it lay, and grey it stays.", "") for at in range(30)]
    found = purpose(with_needs(records(make_records, rows)))
    assert found is not None
    assert found.verdict == "retrieve"
    assert found.says.startswith("80% of the answers carry facts that are absent from their prompt: retrieval first")
    assert found.confidence == "high"
    assert sum(share.rows for share in found.needs.values()) == found.judged == 150
    assert {row.prompt.split()[0] for row in found.evidence} == {"Who", "Write"}
    assert any("Otto" in row.shows for row in found.evidence)


def test_a_form_is_for_finetuning_and_a_handful_is_for_the_prompt(make_records: Callable[..., pl.DataFrame]) -> None:
    rows = [(f"Give order {at} as JSON.", f'{{"order": {at}, "paid": true}}', "") for at in range(60)]
    rows += [(f"Write a letter to guest {at}.", "Dear guest, we hope that you slept well.", "") for at in range(60)]
    many = purpose(with_needs(records(make_records, rows)))
    few = purpose(with_needs(records(make_records, rows[50:70])))
    assert many is not None
    assert few is not None
    assert (many.verdict, few.verdict) == ("finetune", "collect")
    drawn = purpose(with_needs(records(make_records, rows)), of=51_141)
    assert drawn is not None
    assert "by 120 records drawn of 51,141 (95 %)" in drawn.confidence_because


def test_where_nothing_can_be_judged_nothing_is_said(make_records: Callable[..., pl.DataFrame]) -> None:
    nothing = records(make_records, [("", "", "")]).with_columns(prompt=pl.lit(None, dtype=pl.String))
    assert with_needs(nothing)["need"].to_list() == [None]
    assert purpose(with_needs(nothing)) is None
    assert purpose(with_needs(nothing.clear())) is None


def test_variance_between_clusters() -> None:
    values = {"x": [1.0, 1.0, 5.0, 5.0], "y": [1.0, 5.0, 1.0, 5.0], "z": [2.0] * 4}
    apart = pl.DataFrame({"cluster": [0, 0, 1, 1], **values})
    assert [eta_squared(apart, name) for name in "xyz"] == [1.0, 0.0, 0.0]


def test_a_release_is_advised_on_and_every_row_named_is_in_it(finished: Path) -> None:
    said = CliRunner().invoke(app, ["advise", str(finished), "--params", "7B", "--gpu", "a10", "--json"])
    assert said.exit_code == 0, said.output
    advice = Advice.model_validate_json(said.output)
    released = pl.read_parquet(finished / "records.parquet").filter(pl.col("split").is_not_null())
    assert advice.rows == released.height
    # The page says the same.
    assert report_of(finished).advice == DataAdvice.model_validate(
        advice.model_dump(include={"purpose", "amount", "apart"})
    )
    assert advice.purpose is not None
    assert advice.amount is not None
    assert advice.method is not None
    named = [row.record_id for row in advice.purpose.evidence]
    named += [row.record_id for thin in advice.amount.thin for row in thin.evidence]
    assert named
    assert set(named) <= set(released["record_id"])
    assert advice.amount.missing == sum(ENOUGH_OF_A_KIND - thin.rows for thin in advice.amount.thin)
    assert [each.method for each in advice.amount.wanted] == list(WANTED)
    assert advice.method.chosen is None  # too few rows for any
    text = CliRunner().invoke(app, ["advise", str(finished)]).output
    assert "finetune?   COLLECT" in text
    assert "method?" not in text


def test_an_altered_release_is_not_advised_on(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "copy")
    (tmp_path / "copy" / "records.parquet").write_bytes(b"PAR1")
    with pytest.raises(ReleaseError):
        advise(tmp_path / "copy", None, None)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ([], "name a release, or a model"),
        (["--params", "7B"], "name a release, or a model"),
        (["--params", "many", "--gpu", "A10"], "from 1M to 2T"),
        (["--params", "7B", "--gpu", "K80"], "known are T4"),
        (["--params", "7B", "--gpu-memory", "3TB"], "give it in GB"),
        (["--params", "7B", "--model", ".", "--gpu", "A10"], "name one"),
    ],
)
def test_an_unusable_call_is_one_line(call: list[str], says: str) -> None:
    said = CliRunner().invoke(app, ["advise", *call])
    assert said.exit_code == 2
    assert says in said.output
    assert len(said.output.splitlines()) == 1


def test_numbers_of_parameters() -> None:
    assert [parameters_named(said) for said in ("135M", "1.1b", "70B")] == [135_000_000, 1_100_000_000, 70_000_000_000]
    for said in ("", "0B", "-7B", "7 billion", "9999T"):
        with pytest.raises(UsageError):
            parameters_named(said)
