"""examples/finetune as it stands: refused, trained, killed and gone on with, merged, and asked."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FINETUNE = ROOT / "examples" / "finetune"
# What transformers, torch and TRL say of themselves.
pytestmark = pytest.mark.filterwarnings("default")

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
    "'\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
THINGS = {
    "hammer": "drives nails into wood", "kettle": "boils water for tea", "ledger": "keeps what was earned and spent",
    "sextant": "finds a ship's place by the stars", "trellis": "holds climbing plants", "prism": "splits white light",
    "anvil": "bears the blows of a smith", "compass": "points to the north", "loom": "weaves threads into cloth",
    "barometer": "weighs the air above", "plough": "turns the soil over", "lantern": "carries a light at night",
    "abacus": "counts with beads on rods", "bellows": "feeds a fire with air", "chisel": "cuts stone and timber",
    "sieve": "parts fine grains from coarse", "rudder": "steers a boat", "scythe": "mows tall grass",
    "pulley": "lifts loads by a rope", "quill": "writes with ink on parchment",
}  # fmt: skip
ROWS = [
    {"instruction": f"Tell me of the {thing}.", "input": "", "output": f"It {use}."} for thing, use in THINGS.items()
]
STEPS = ("--steps", "60", "--batch", "8", "--learning-rate", "0.02", "--rank", "4", "--save-every", "5")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release that passes its policy; nobody may change it."""
    from pipelines._course import make_release
    from schemas.settings import Settings

    folder = tmp_path_factory.mktemp("finetune")
    (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    settings = Settings.model_validate({"split": {"validation": 0.2, "test": 0.2}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_CACHE", str(folder / "cache"))
        patch.setenv("ASSAY_HOME", str(folder / "home"))
        make_release([str(folder / "tasks.jsonl")], folder / "release", settings)
    return folder / "release"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, byte_tokenizer: Callable[[str | None], Path]) -> Path:
    """Random weights behind a tokenizer of bytes."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("model")
    tokenizer = AutoTokenizer.from_pretrained(byte_tokenizer(CHATML))
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=1024, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def scripts() -> Iterator[Callable[[str], Any]]:
    """Imports a script by its name; afterwards names as plain as `rows` are free again."""
    sys.path.insert(0, str(FINETUNE))
    try:
        yield __import__
    finally:
        sys.path.remove(str(FINETUNE))
        for name in [path.stem for path in FINETUNE.glob("*.py")]:
            sys.modules.pop(name, None)


def command(*call: str | Path) -> list[str]:
    return [sys.executable, str(FINETUNE / "train.py"), *map(str, call)]


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_what_cannot_be_trained_on_is_refused_before_torch_is_imported(
    release: Path, model: Path, tmp_path: Path, scripts: Callable[[str], Any]
) -> None:
    strict = tmp_path / "strict.yaml"
    strict.write_text("name: large\ndemands:\n- {figure: rows.released, min: 1000}\n")
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')\n")
    environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    call = command(release, "--out", tmp_path / "out", "--policy", strict)
    done = subprocess.run(call, capture_output=True, text=True, env=environment, timeout=300)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("not trained: ")
    assert "policy 'large' is not met: rows.released is 20" in done.stderr
    assert not (tmp_path / "out").exists()

    from schemas.errors import AssayError

    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for more, why in (
        ([], "required: --out"),
        (["--out", "o", "--batch", "none"], "'none' is no whole number above 0"),
        (["--out", "o", "--learning-rate", "2"], "'2' is no number between 0 and 1"),
        (["--out", "o", "--model", "nowhere"], "nowhere: is no folder on this machine"),
        (["--out", "o", "--recipe", "nowhere"], "nowhere/sft.yaml: cannot be read"),
        (["--out", str(tmp_path / "full"), "--model", str(model)], "is not empty and holds no training"),
    ):
        with pytest.raises(AssayError, match=why) as error:
            scripts("train").main([str(release), *more])
        assert error.value.exit_code == 2


def test_a_killed_training_ends_in_the_same_adapter_and_its_merged_model_answers_alike(
    release: Path, model: Path, tmp_path: Path, scripts: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [str(release), "--model", str(model), *STEPS, "--out"]
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    environment = ENVIRONMENT
    with subprocess.Popen(command(*asked, killed), env=environment, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not [*(killed / "checkpoints").glob("checkpoint-*/whole")]:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (killed / "adapter").exists()
    # As if it had been killed while it wrote the next.
    (killed / "checkpoints" / "checkpoint-55").mkdir()
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train = scripts("train")
        train.main([*asked, str(undisturbed)])
        capsys.readouterr()
        train.main([*asked, str(killed)])
    finally:
        torch.set_num_threads(threads)
    assert "goes on     after step " in capsys.readouterr().err
    weights = "adapter/adapter_model.safetensors"
    assert (killed / weights).read_bytes() == (undisturbed / weights).read_bytes()
    result = json.loads((killed / "result.json").read_text())
    assert result["before"] == json.loads((undisturbed / "result.json").read_text())["before"]
    assert set(result["after"]) == {"validation", "test"}
    for split, (loss, tokens) in result["after"].items():
        assert loss < result["before"][split][0]
        assert tokens > 0

    scripts("answer").main([str(killed), "Tell me of the pulley.", "--tokens", "12"])
    base, adapter, merged = (line[12:] for line in capsys.readouterr().out.splitlines())
    assert adapter == merged != base
    train.main([*asked, str(killed)])
    assert "done        already" in capsys.readouterr().err
    from schemas.errors import UsageError

    with pytest.raises(UsageError, match=r"holds another training \(seed was 42, is 7\)"):
        train.main([*asked, str(killed), "--seed", "7"])


def test_answers_are_learnt_and_nothing_else(release: Path, scripts: Callable[[str], Any]) -> None:
    """SmolLM2's own template, marked: the same text, and the loss of each answer with the mark of its end."""
    from pipelines.trainability.target import find_target, tokenizer_of

    tokenizer = tokenizer_of(find_target("smollm2"), None)
    marked = scripts("template").marked_template(tokenizer)
    talk = [
        {"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "And 4/16?"}, {"role": "assistant", "content": "A quarter."},
    ]  # fmt: skip
    plain = tokenizer.apply_chat_template(talk, return_dict=True)
    found = tokenizer.apply_chat_template(
        talk, chat_template=marked, return_dict=True, return_assistant_tokens_mask=True
    )
    assert found["input_ids"] == plain["input_ids"]
    learnt = [token for token, is_learnt in zip(found["input_ids"], found["assistant_masks"], strict=True) if is_learnt]
    assert tokenizer.decode(learnt) == "Two.<|im_end|>A quarter.<|im_end|>"
