"""LitGPT's own JSON data module reads what we export for it, in an environment of its own.

LitGPT needs an older huggingface-hub than the rest of the project, so it lives apart: tests/trainers/litgpt.txt
pins it, .venv-litgpt holds it, and LITGPT_PYTHON names another interpreter.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.trainer, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]

# Runs in LitGPT's environment: loads the folder as `litgpt finetune --data JSON` does, and reads every batch.
LOADER = """
import json, sys
from pathlib import Path
from litgpt.data import JSON
from litgpt.tokenizer import Tokenizer

module = JSON(json_path=Path(sys.argv[1]), num_workers=0, mask_prompt=True)
module.connect(tokenizer=Tokenizer(sys.argv[2]), batch_size=2, max_seq_length=1000)
module.prepare_data()
module.setup()
tokenizer = module.tokenizer
learnt = []
for loader in (module.train_dataloader(), module.val_dataloader()):
    for batch in loader:
        for labels in batch["labels"]:
            learnt.append(tokenizer.decode(labels[(labels >= 0)]))
print(json.dumps({"train": len(module.train_dataset), "val": len(module.test_dataset), "learnt": sorted(learnt)}))
"""


@pytest.fixture(scope="module")
def python() -> str:
    """The interpreter that has LitGPT."""
    path = Path(os.environ.get("LITGPT_PYTHON", ROOT / ".venv-litgpt" / "bin" / "python"))
    if not path.exists():
        pytest.skip(f"{path} is absent; `make trainers` builds LitGPT's environment")
    return str(path)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a byte-level tokenizer, which is all that a data module reads of a checkpoint."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(["<eos>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    folder = tmp_path_factory.mktemp("checkpoint")
    tokenizer.save(str(folder / "tokenizer.json"))
    described = {"eos_token": "<eos>", "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(described))
    return folder


def test_the_data_module_reads_every_row_and_learns_every_answer(python, checkpoint, exported):
    folder, figures = exported("litgpt")
    ours = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("train", "val")}
    run = subprocess.run(
        [python, "-c", LOADER, str(folder), str(checkpoint)], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    read = json.loads(run.stdout.splitlines()[-1])
    assert (read["train"], read["val"]) == (len(ours["train"]), len(ours["val"]))
    assert read["train"] + read["val"] == figures.rows
    assert read["learnt"] == sorted(row["output"] + "<eos>" for rows in ours.values() for row in rows)


def test_the_command_line_reads_a_recipe(python, tmp_path):
    from pipelines.advice.memory import Method
    from pipelines.recipes import for_litgpt
    from pipelines.recipes.facts import Facts, Reasoned
    from schemas.record import Kind

    said = {name: Reasoned(value, "said here") for name, value in NUMBERS.items()}
    facts = Facts(
        release=tmp_path, data=tmp_path, run_id="r", kind=Kind.SFT, balance=None, model=str(tmp_path),
        method=Method.LORA, seed=7, rows=100,
        validation=10, packing=False, packing_why="", checkpointing=True, checkpointing_why="", **said,
    )  # fmt: skip
    (tmp_path / "sft.yaml").write_text(for_litgpt.files(facts, "a recipe", tmp_path)["sft.yaml"])
    call = [python, "-m", "litgpt", "finetune_lora", "--config", str(tmp_path / "sft.yaml"), "--print_config"]
    run = subprocess.run(call, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
    read = yaml.safe_load(run.stdout)
    assert (read["lora_r"], read["seed"], read["train"]["max_seq_length"]) == (16, 7, 512)
    assert read["data"]["init_args"]["mask_prompt"] is True


NUMBERS = {
    "window": 512, "batch": 8, "accumulation": 4, "epochs": 3, "eval_steps": 10, "learning_rate": 2e-4, "rank": 16,
    "alpha": 32, "dropout": 0.1, "warmup": 0.03, "beta": 0.1,
}  # fmt: skip
