"""Several adapters: trained, merged and served from one folder; no row and no value goes missing on the way."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from pipelines._each import names, parts
from pipelines.cli import app
from pipelines.recipes.facts import Target
from pipelines.recipes.merging import Adapter, merge_files
from pipelines.recipes.serving import RANKS, serve_files
from pipelines.recipes.several import grouped
from schemas.errors import UsageError


def call(release: Path, trainer: str, out: Path, *more: str) -> Any:
    asked = ["recipe", str(release), "--for", trainer, "--gpu-memory", "24GB", "--out", str(out), *more]
    return CliRunner().invoke(app, asked if "--model" in more else [*asked, "--model", "meta/any-7B", "--params", "7B"])


# Runs where mergekit is: its own config model reads each file, its own code merges, and transformers loads the result.
MERGE = """
import json, sys
from pathlib import Path
import torch, yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.options import MergeOptions
from transformers import AutoModelForCausalLM

told = {}
for path in sorted(Path(sys.argv[1]).glob("*.yaml")):
    config = MergeConfiguration.model_validate(yaml.safe_load(path.read_text()))
    out = f"{sys.argv[2]}/{path.stem}"
    options = MergeOptions(lora_merge_cache=sys.argv[2] + "/models", random_seed=1, write_model_card=False)
    run_merge(config, out, options)
    model = AutoModelForCausalLM.from_pretrained(out)
    weights = next(weight for name, weight in model.named_parameters() if name.endswith("0.self_attn.q_proj.weight"))
    told[path.stem] = [model.config.num_hidden_layers, round(float(weights.float().abs().sum()), 4)]
print(json.dumps(told))
"""


@pytest.mark.long
def test_adapters_are_trained_in_turn_merged_in_every_way_and_served_together(
    demo: Path, tmp_path: Path, byte_tokenizer: Callable[[str | None], Path]
) -> None:
    model, out = tiny_model(tmp_path / "model", byte_tokenizer), tmp_path / "two adapters"
    said = call(demo, "peft", out, "--model", str(model), "--each", "language", "--least-rows", "5")
    assert said.exit_code == 0, said.output
    for name in ("de", "en"):  # the first step only warms up; what it learns is no matter here
        train = out / "adapters" / name / "train.py"
        train.write_text(train.read_text().replace("num_train_epochs=3", "max_steps=2"))
    trained = run(out / "train.sh")
    assert trained.returncode == 0, trained.stderr[-2_000:]
    for name in ("de", "en"):
        adapter = json.loads((out / "adapters" / name / "adapter" / "adapter_config.json").read_text())
        assert (adapter["r"], adapter["peft_type"]) == (16, "LORA")
    # What is trained is not trained again, and what is not, is.
    (out / "adapters" / "de" / "done").unlink()
    (out / "adapters" / "de" / "train.py").write_text("raise SystemExit(3)")
    again = run(out / "train.sh")
    assert (again.returncode, again.stdout.splitlines()[-1]) == (3, "de")
    (out / "adapters" / "de" / "done").touch()
    assert run(out / "train.sh").stdout.splitlines()[-2:] == ["de: is trained", "en: is trained"]

    script = [sys.executable, "-W", "ignore", "-c", MERGE, str(out / "merge"), str(tmp_path / "merged")]
    merged = subprocess.run(script, env=environment(), capture_output=True, text=True, timeout=300)
    assert merged.returncode == 0, merged.stderr[-2_000:]
    told = json.loads(merged.stdout.splitlines()[-1])
    layers = {way: layers for way, (layers, _) in told.items()}
    assert layers == {"dare_ties": 4, "linear": 4, "passthrough": 6, "slerp": 4, "task_arithmetic": 4, "ties": 4}
    assert len({weights for _, weights in told.values()}) > 1, "ways differ in what they make"


def run(script: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([script], env=environment(), capture_output=True, text=True, timeout=300)


def environment() -> dict[str, str]:
    commands = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    paths = os.pathsep.join(sys.path)
    return {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": paths, "PATH": commands}


def tiny_model(folder: Path, byte_tokenizer: Callable[[str | None], Path]) -> Path:
    """Random weights behind a tokenizer of bytes."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    template = (
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    tokenizer = AutoTokenizer.from_pretrained(byte_tokenizer(template))
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=4, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=4_096,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def test_every_row_is_in_an_adapter_or_told_to_be_left_out(demo: Path, tmp_path: Path) -> None:
    out = tmp_path / "r"
    said = call(demo, "trl", out, "--each", "language", "--least-rows", "5", "--json")
    assert said.exit_code == 0, said.output
    told = json.loads(said.output)
    training = pl.read_parquet(demo / "records.parquet").filter(pl.col("split") == "train")
    answers = training.filter(pl.col("kind") == "sft")
    mine = {name: rows_of(out / "adapters" / name / "data") for name in told["adapters"]}
    for name, adapter in told["adapters"].items():
        assert mine[name] <= set(answers.filter(pl.col("language").is_in(adapter["values"]))["record_id"])
        assert adapter["rows"] == len(mine[name]) - adapter["rows_beside"]
    refused = {name: rows_refused(out / "adapters" / name / "data") for name in told["adapters"]}
    left = sum(each["rows"] for each in told["left_out"])
    assert sum(map(len, mine.values())) + sum(map(len, refused.values())) + left == answers.height
    assert answers.height + sum(told["aside"].values()) >= training.height
    assert json.loads((out / "adapters.json").read_text())["each"] == "language"


def rows_of(data: Path) -> set[str]:
    return {json.loads(line)["record_id"] for path in data.rglob("train.jsonl") for line in lines_of(path)}


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def rows_refused(data: Path) -> set[str]:
    rows = [json.loads(line) for line in lines_of(data / "refused.jsonl")]
    return {row["record_id"] for row in rows if row["split"] == "train"}


def test_small_groups_are_one_or_left_out() -> None:
    records = pl.DataFrame({"domain": ["law"] * 4 + ["rest"] * 4 + ["art", "sport", None]}).with_columns(
        split=pl.lit("train")
    )
    groups, left_out = grouped(records, "domain", 3)
    # A domain that is called so keeps its name.
    assert [(group.name, group.values) for group in groups] == [
        ("law", ["law"]),
        ("rest", ["rest"]),
        ("rest-2", ["art", "sport", None]),
    ]
    assert left_out == []
    groups, left_out = grouped(records, "domain", 4)
    assert [group.name for group in groups] == ["law", "rest"]
    assert [(left.values, left.rows) for left in left_out] == [(["art"], 1), (["sport"], 1), ([None], 1)]


def test_a_hostile_name_is_a_folder_of_its_own() -> None:
    hostile = ["../../etc", "..", "/", "a/b", "a b", "A\x00B", "$(rm -rf x)", "法律", "x" * 300, "-rf", ".hidden", ""]
    found = names(hostile)
    assert len(set(found)) == len(hostile)
    for name in found:
        assert shlex.quote(name) == name or not name.isascii()
        assert name[0] not in "-."
        assert "/" not in name
        assert ".." not in name
        assert len(name.encode()) < 250
    records = pl.DataFrame({"domain": hostile, "split": "train"})
    assert sorted(part.value or "" for part in parts(records, "domain")) == sorted(hostile)


def test_merge_and_serving_files_of_three_adapters_below_an_awkward_path() -> None:
    from pipelines.advice.model_shape import guessed_shape

    target = Target("meta/any-7B", guessed_shape(7 * 10**9), 24 * 10**9)
    adapters = [
        Adapter(name, Path("/runs/a+b@c d") / name, rank, 10) for name, rank in (("x", 16), ("法律", 24), ("z", 8))
    ]
    files = merge_files(adapters, target, 7)
    ways = {name: yaml.safe_load(text) for name, text in files.items() if name.endswith(".yaml")}
    # A stack needs the true number of layers, and an arc has two ends.
    assert sorted(ways) == [f"merge/{way}.yaml" for way in ("dare_ties", "linear", "task_arithmetic", "ties")]
    for config in ways.values():
        assert [each["model"]["lora"]["path"] for each in config["models"]] == [str(each.path) for each in adapters]
    served = serve_files(adapters, target.model)
    modules = json.loads(served["serve/lora_modules.json"])
    assert [set(module) for module in modules] == [{"name", "path", "base_model_name"}] * 3
    words = shlex.split(served["serve/vllm.sh"].split("exec ")[1].replace("\\\n", " "))
    assert words[:4] == ["vllm", "serve", "meta/any-7B", "--enable-lora"]
    assert [json.loads(word) for word in words[words.index("--lora-modules") + 1 :]] == modules
    rank = int(words[words.index("--max-lora-rank") + 1])
    assert (rank, rank in RANKS, words[words.index("--max-loras") + 1]) == (32, True, "3")


def test_an_unusable_call_for_several_is_one_line(demo: Path, finished: Path, tmp_path: Path) -> None:
    for release, more, says in [
        (demo, ("--each", "colour"), "known are domain, source, cluster, language"),
        (demo, ("--each", "language"), "de 7 (fewer than 1,000)"),
        (demo, ("--least-rows", "3"), "is about the adapters of --each"),
        (demo, ("--kind", "poems"), "known are sft, preference, label"),
        (finished, ("--kind", "label"), "it has 12 sft"),
        (finished, ("--each", "source", "--least-rows", "3"), "only tasks would have an adapter"),
    ]:
        said = call(release, "trl", tmp_path / "r", *more)
        assert said.exit_code == 2
        assert says in said.output
        assert len(said.output.splitlines()) == 1
        assert not (tmp_path / "r").exists()
    with pytest.raises(UsageError, match="describe them under annotation"):
        parts(pl.DataFrame({"domain": [None]}), "domain")
