"""Recipes: what TRL, PEFT and LitGPT read themselves is read by them; of the others the files are where they say."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.gate import report_of
from pipelines.recipe import TRAINERS
from pipelines.recipes.commented import Line, as_yaml
from pipelines.recipes.facts import STEP, WHOLE
from pipelines.recipes.learned import balance
from schemas.errors import UsageError
from schemas.record import Kind


def call(release: Path, trainer: str, out: Path, *more: str) -> Any:
    asked = ["recipe", str(release), "--for", trainer, "--gpu-memory", "24GB", "--out", str(out), *more]
    return CliRunner().invoke(app, asked if "--model" in more else [*asked, "--model", "meta/any-7B", "--params", "7B"])


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_recipe_holds_its_data_and_asks_the_gate_first(finished: Path, tmp_path: Path, trainer: str) -> None:
    out = tmp_path / "my recipe"
    said = call(finished, trainer, out)
    assert said.exit_code == 0, said.output
    script = (out / "train.sh").read_text().splitlines()
    gate = next(at for at, line in enumerate(script) if line.startswith("assay gate "))
    assert script[gate + 1 :] == [TRAINERS[trainer].commands[Kind.SFT]]
    assert os.access(out / "train.sh", os.X_OK)
    text = "".join(path.read_text() for path in out.iterdir() if path.is_file())
    assert report_of(finished).run.run_id in text
    assert str(finished.resolve()) in text
    trained = sum(len(path.read_text().splitlines()) for path in (out / "data").rglob("*train.json*"))
    assert trained > 0


# Its new name in transformers 5 is unknown to every version before.
@pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is deprecated:FutureWarning")
def test_trls_own_parser_reads_the_config(finished: Path, tmp_path: Path) -> None:
    from trl import ModelConfig, ScriptArguments, SFTConfig, TrlParser

    assert call(finished, "trl", tmp_path / "r").exit_code == 0
    config = yaml.safe_load((tmp_path / "r" / "sft.yaml").read_text())
    # Without a GPU transformers refuses what asks for one.
    config["bf16"] = False
    (tmp_path / "cpu.yaml").write_text(yaml.safe_dump(config))
    parser = TrlParser((ScriptArguments, SFTConfig, ModelConfig))
    script, training, model = parser.parse_args_and_config(["--config", str(tmp_path / "cpu.yaml")])
    assert Path(script.dataset_name, "train.jsonl").is_file()
    assert (training.max_length % STEP, training.seed) == (0, report_of(finished).run.seed)
    assert (model.lora_r, model.lora_alpha, model.lora_target_modules) == (16, 32, "all-linear")
    assert training.per_device_train_batch_size * training.gradient_accumulation_steps == 32


def test_the_window_holds_what_it_says(finished: Path, tmp_path: Path) -> None:
    assert call(finished, "trl", tmp_path / "r").exit_code == 0
    window = yaml.safe_load((tmp_path / "r" / "sft.yaml").read_text())["max_length"]
    released = pl.read_parquet(finished / "records.parquet").filter(pl.col("split").is_not_null())
    assert (released["n_tokens"] <= window).mean() >= WHOLE  # type: ignore[operator]


def test_a_larger_model_is_quantised_and_one_too_large_is_refused(finished: Path, tmp_path: Path) -> None:
    assert call(finished, "trl", tmp_path / "r", "--model", "meta/any", "--params", "13B").exit_code == 0
    assert yaml.safe_load((tmp_path / "r" / "sft.yaml").read_text())["load_in_4bit"] is True
    refused = call(finished, "trl", tmp_path / "s", "--model", "meta/any", "--params", "180B")
    assert refused.exit_code == 2
    assert "not even QLoRA" in refused.output
    assert not (tmp_path / "s").exists()


def test_files_that_other_trainers_name_are_there(finished: Path, tmp_path: Path) -> None:
    for trainer in ("axolotl", "llama-factory", "litgpt"):
        assert call(finished, trainer, tmp_path / trainer).exit_code == 0
    axolotl, factory, litgpt = (
        yaml.safe_load((tmp_path / trainer / "sft.yaml").read_text())
        for trainer in ("axolotl", "llama-factory", "litgpt")
    )
    assert all(Path(each["path"]).is_file() for each in [*axolotl["datasets"], *axolotl.get("test_datasets", [])])
    info = json.loads(Path(factory["dataset_dir"], "dataset_info.json").read_text())
    assert Path(factory["dataset_dir"], info[factory["dataset"]]["file_name"]).is_file()
    assert Path(litgpt["data"]["init_args"]["json_path"], "train.json").is_file()
    numbers = {axolotl["sequence_len"], factory["cutoff_len"], litgpt["train"]["max_seq_length"]}
    assert len(numbers) == 1


@pytest.mark.long
def test_pefts_script_refuses_a_touched_release(finished: Path, tmp_path: Path) -> None:
    assert call(finished, "peft", tmp_path / "r").exit_code == 0
    touched = tmp_path / "r" / "train.py"
    touched.write_text(touched.read_text().replace(repr(str(finished.resolve())), repr(str(tmp_path / "nowhere"))))
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, "train.py"]
    refused = subprocess.run(run, cwd=tmp_path / "r", env=env, capture_output=True, text=True, timeout=300)
    assert refused.returncode != 0
    assert "ReleaseError" in refused.stderr


def test_an_unusable_call_is_one_line(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for trainer, out, more, says in [
        ("unsloth", tmp_path / "a", (), "known are trl"),
        ("trl", tmp_path / "full", (), "is not empty"),
        ("trl", tmp_path / "b", ("--model", "nowhere"), "cannot be read"),
    ]:
        said = call(finished, trainer, out, *more)
        assert said.exit_code == 2
        assert says in said.output
        assert len(said.output.splitlines()) == 1
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is deprecated:FutureWarning")
def test_preferences_and_labels_are_read_by_trls_own_parser(demo: Path, tmp_path: Path) -> None:
    from trl import DPOConfig, KTOConfig, ModelConfig, ScriptArguments, TrlParser

    for kind, task, config in (("preference", "dpo", DPOConfig), ("label", "kto", KTOConfig)):
        said = call(demo, "trl", tmp_path / task, "--kind", kind)
        assert said.exit_code == 0, said.output
        assert "sft rows of the release: --kind sft takes them" in said.output
        written = yaml.safe_load((tmp_path / task / f"{task}.yaml").read_text())
        (tmp_path / "cpu.yaml").write_text(yaml.safe_dump(written | {"bf16": False}))
        parser = TrlParser((ScriptArguments, config, ModelConfig))
        script, training, _ = parser.parse_args_and_config(["--config", str(tmp_path / "cpu.yaml")])
        assert (training.beta, training.learning_rate, training.num_train_epochs) == (0.1, 5e-6, 1)
        first = json.loads(Path(script.dataset_name, "train.jsonl").read_text().splitlines()[0])
        assert first.keys() >= ({"chosen", "rejected"} if task == "dpo" else {"completion", "label"})
        assert f"trl {task} --config {task}.yaml" in (tmp_path / task / "train.sh").read_text()
    labels = pl.read_parquet(demo / "records.parquet").filter(pl.col("kind") == "kto", pl.col("split") == "train")
    wanted, unwanted = ((labels["label"] == value).sum() for value in (True, False))
    ratio = wanted * training.desirable_weight / (unwanted * training.undesirable_weight)
    assert 1 <= ratio <= 4 / 3


def test_preferences_for_other_trainers_or_a_plain_refusal(demo: Path, tmp_path: Path) -> None:
    for trainer in ("llama-factory", "axolotl"):
        assert call(demo, trainer, tmp_path / trainer, "--kind", "preference").exit_code == 0
    factory, axolotl = (yaml.safe_load((tmp_path / t / "dpo.yaml").read_text()) for t in ("llama-factory", "axolotl"))
    assert (factory["stage"], factory["pref_beta"], "packing" in factory) == ("dpo", 0.1, False)
    assert Path(factory["dataset_dir"], f"{factory['dataset']}.jsonl").is_file()
    assert (axolotl["rl"], axolotl["rl_beta"], axolotl["datasets"][0]["type"]) == ("dpo", 0.1, "chat_template.default")
    assert Path(axolotl["datasets"][0]["path"]).is_file()
    for trainer, kind, able in [
        ("peft", "preference", "trl, axolotl, llama-factory can"),
        ("litgpt", "label", "trl, llama-factory can"),
        ("axolotl", "label", "trl, llama-factory can"),
    ]:
        refused = call(demo, trainer, tmp_path / "no", "--kind", kind)
        assert (refused.exit_code, len(refused.output.splitlines())) == (2, 1)
        assert able in refused.output
        assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("wanted", "unwanted", "weights"),
    [(7, 3, (1.0, 2.33)), (3, 7, (2.34, 1.0)), (4, 3, (1.0, 1.0)), (5, 5, (1.0, 1.0))],
)
def test_labels_are_weighed_until_wanted_answers_are_one_to_four_thirds(
    wanted: int, unwanted: int, weights: tuple[float, float]
) -> None:
    labels = pl.DataFrame({"label": [True] * wanted + [False] * unwanted}).with_columns(split=pl.lit("train"))
    assert balance(labels)[:2] == weights
    assert 1 <= wanted * weights[0] / (unwanted * weights[1]) <= 4 / 3
    with pytest.raises(UsageError, match="wanted and unwanted answers"):
        balance(labels.filter(pl.col("label")))


def test_yaml_with_reasons_is_read_as_what_was_said() -> None:
    lines = [
        Line("name", "a: b # c\n\u2028", "text of a stranger"), Line("rate", 2e-4), Line("small", 1e-10),
        Line("flag", True), Line("none", None), Line("few", 0.03), Line("inner", [Line("x", 1, "one")]),
        Line("list", ["a", "b"]), Line("long", "x" * 60, "a comment needs a blank before it"),
    ]  # fmt: skip
    read = yaml.safe_load(as_yaml(lines, "head\nmore"))
    assert read == {
        "name": "a: b # c\n\u2028", "rate": 2e-4, "small": 1e-10, "flag": True, "none": None, "few": 0.03,
        "inner": {"x": 1}, "list": ["a", "b"], "long": "x" * 60,
    }  # fmt: skip
    assert f'{"x" * 60}" # a comment' in as_yaml(lines, "head")
