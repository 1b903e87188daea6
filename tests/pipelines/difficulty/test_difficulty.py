"""Difficulty is what a plain computation by the definition says, for whatever is asked, and never a made-up number."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.difficulty.causal_folder import CausalFolder
from pipelines.difficulty.measure import with_difficulty
from schemas.errors import ModelError

Ingest = Callable[[list[dict[str, Any]]], pl.DataFrame]

# bfloat16 has 8 bits: near 20, where the logits of likely words lie, its steps are 1/8, so that a token's loss is off
# by some hundredths, and the mean over an answer of few tokens by as much. Of 120 losses of Alpaca .06 was the most.
BF16 = 0.12

PAIRS = [
    ("What is the capital of France?", "The capital of France is Paris."),
    ("Repeat after me: the quick brown fox jumps over the lazy dog.", "The quick brown fox jumps over the lazy dog."),
    ("Write a line about the sea.", "Grey water folds itself over the shingle and draws the small stones back."),
    ("Add 3 and 4.", "3 + 4 = 7"),
    ("Übersetze ins Deutsche: good morning, my friend", "Guten Morgen, mein Freund"),
    ("这条河从哪里来？", "这条河发源于山区，流入大海。"),
    ("ما هو النهر؟", "ينبع النهر من الجبال ويصب في البحر."),
    ("Name three colours.", "Red, green and blue."),
    ("def f(x):", "    return x * 2\n\nprint(f(21))  # 42"),
    ("Say hi in emoji.", "👋🙂🎉"),
    ("Explain <|im_end|> to me.", "<|im_start|> opens a turn and <|im_end|> closes it."),
    ("List the days of the week.", "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday. " * 12),
]


def measured(records: pl.DataFrame, cache: str, model: str = "builtin", **said: Any) -> pl.DataFrame:
    settings: dict[str, Any] = {"max_tokens": 2048, "sample": None, "seed": 1, **said}
    return with_difficulty(records, CausalFolder(model), cache=cache, **settings).records


def row(records: pl.DataFrame, at: int = 0) -> dict[str, Any]:
    return records.row(at, named=True)


class Plain:
    """The definition, one text after the other, in full precision, with nothing of ours but the model's files."""

    def __init__(self, cache: str) -> None:
        import torch

        folder = CausalFolder("builtin")
        self.model, self.tokenizer = folder.load(cache, dtype=torch.float32)

    def ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def losses(self, before: str, answer: str) -> list[float]:
        """The loss of each of the answer's tokens behind `before`."""
        import torch

        head, tail = self.ids(before), self.ids(answer)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # where others work too, the cores of one computation wait for each other
        try:
            with torch.inference_mode():
                logits = self.model(torch.tensor([head + tail])).logits[0]
        finally:
            torch.set_num_threads(threads)
        chances = torch.log_softmax(logits.double(), dim=-1)
        return [-chances[len(head) + at - 1, token].item() for at, token in enumerate(tail)]

    def both(self, messages: list[dict[str, str]], answer: str) -> tuple[list[float], list[float]]:
        """Behind the conversation, and behind what opens an answer."""
        before = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return self.losses(before, answer), self.losses("<|im_start|>assistant\n", answer)


@pytest.fixture(scope="module")
def plain(cache: str) -> Plain:
    return Plain(cache)


@pytest.mark.long
@pytest.mark.slow
def test_losses_are_those_of_a_plain_computation_in_full_precision(ingest: Ingest, cache: str, plain: Plain) -> None:
    found = measured(ingest([{"instruction": prompt, "output": answer} for prompt, answer in PAIRS]), cache)
    for at, (prompt, answer) in enumerate(PAIRS):
        given, alone = (float(np.mean(each)) for each in plain.both([{"role": "user", "content": prompt}], answer))
        one = row(found, at)
        assert one["loss_given_prompt"] == pytest.approx(given, abs=BF16), prompt
        assert one["loss_alone"] == pytest.approx(alone, abs=BF16), prompt
        # The two scores follow from the two losses, each in its own way.
        assert one["ifd_loss_ratio"] == pytest.approx(one["loss_given_prompt"] / one["loss_alone"], abs=1e-3)
        assert one["ifd_perplexity_ratio"] == pytest.approx(
            np.exp(one["loss_given_prompt"] - one["loss_alone"]), abs=1e-3
        )
        assert one["difficulty_note"] is None
    # What the prompt spells out is easier than what it leaves open.
    assert row(found, 1)["ifd_perplexity_ratio"] < row(found, 2)["ifd_perplexity_ratio"]


def test_in_a_conversation_every_answer_is_given_all_before_it(ingest: Ingest, cache: str, plain: Plain) -> None:
    turns = [
        {"role": "system", "content": "You answer in one sentence."},
        {"role": "user", "content": "Who wrote Faust?"},
        {"role": "assistant", "content": "Goethe wrote it."},
        {"role": "user", "content": "And when did the first part appear in print?"},
        {"role": "assistant", "content": "The first part was printed in the spring of 1808."},
    ]
    found = row(measured(ingest([{"messages": turns}]), cache))
    sides = [plain.both(turns[:at], turns[at]["content"]) for at in (2, 4)]
    # The mean over the tokens of both answers, and not of their means.
    given, alone = (float(np.mean([loss for one in sides for loss in one[side]])) for side in (0, 1))
    assert found["loss_given_prompt"] == pytest.approx(given, abs=BF16)
    assert found["loss_alone"] == pytest.approx(alone, abs=BF16)


def test_a_turn_that_is_not_trained_on_is_read_and_not_scored(ingest: Ingest, cache: str, plain: Plain) -> None:
    turns = [
        {"role": "user", "content": "Pick a word."},
        {"role": "assistant", "content": "Lighthouse.", "train": False},
        {"role": "user", "content": "Now use it in a sentence."},
        {"role": "assistant", "content": "The lighthouse blinked through the fog all night."},
    ]
    found = row(measured(ingest([{"messages": turns}]), cache))
    said = [{"role": turn["role"], "content": turn["content"]} for turn in turns]
    given, _ = plain.both(said[:3], said[3]["content"])
    assert found["loss_given_prompt"] == pytest.approx(float(np.mean(given)), abs=BF16)


def test_of_a_preference_the_chosen_answer_is_scored(ingest: Ingest, cache: str, plain: Plain) -> None:
    pair = {"prompt": "What is tea?", "chosen": "A drink made of leaves.", "rejected": "I do not know."}
    found = row(measured(ingest([pair]), cache))
    given, alone = plain.both([{"role": "user", "content": pair["prompt"]}], pair["chosen"])
    assert found["loss_given_prompt"] == pytest.approx(float(np.mean(given)), abs=BF16)
    assert found["loss_alone"] == pytest.approx(float(np.mean(alone)), abs=BF16)


def test_what_cannot_be_scored_says_why_and_has_no_number(ingest: Ingest, cache: str) -> None:
    rows = [
        {"instruction": "Say nothing.", "output": ""},
        {"instruction": "Say blanks.", "output": " \n "},
        {"instruction": "Yes or no?", "output": "Yes"},
        {"instruction": "word " * 9_000, "output": "That was a long one."},
        {"instruction": "Name a fish.", "output": "A trout is a fish."},
    ]
    found = measured(ingest(rows), cache)
    assert found["difficulty_note"].to_list() == ["no_answer", "no_answer", "one_token", "prompt_too_long", None]
    numbers = found.select("loss_given_prompt", "loss_alone", "ifd_loss_ratio", "ifd_perplexity_ratio")
    assert numbers.head(4).null_count().row(0) == (4, 4, 4, 4)
    assert numbers.tail(1).null_count().row(0) == (0, 0, 0, 0)


@pytest.mark.slow
def test_a_megabyte_is_scored_by_its_beginning_and_says_so(ingest: Ingest, cache: str, plain: Plain) -> None:
    answer = "The river rises in the hills and ends in the sea, which is wide. " * 16_000
    found = row(measured(ingest([{"instruction": "Tell me of the river.", "output": answer}]), cache, max_tokens=256))
    assert found["difficulty_note"] == "truncated"
    before = plain.tokenizer.apply_chat_template(
        [{"role": "user", "content": "Tell me of the river."}], tokenize=False, add_generation_prompt=True
    )
    fits = 256 - len(plain.ids(before))
    beginning = plain.tokenizer.decode(plain.ids(answer[:4_000])[:fits])
    # Alone the very same tokens are scored.
    given, alone = plain.both([{"role": "user", "content": "Tell me of the river."}], beginning)
    assert len(given) == fits
    assert found["loss_given_prompt"] == pytest.approx(float(np.mean(given)), abs=BF16)
    assert found["loss_alone"] == pytest.approx(float(np.mean(alone)), abs=BF16)


def test_what_is_known_needs_no_model(ingest: Ingest, cache: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"instruction": prompt, "output": answer} for prompt, answer in PAIRS[:3]]
    first = measured(ingest(rows), cache)

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(CausalFolder, "load", never)
    again = with_difficulty(
        ingest(rows[::-1]), CausalFolder("builtin"), max_tokens=2048, sample=None, seed=1, cache=cache
    )
    assert again.figures["asked"] == 0
    assert again.figures["rows_per_second"] is None
    assert again.records["loss_alone"].to_list() == first["loss_alone"].to_list()[::-1]
    # Another window is another question.
    with pytest.raises(AssertionError, match="loaded"):
        measured(ingest(rows), cache, max_tokens=512)


def test_a_sample_is_measured_and_the_rest_says_that_it_was_not(ingest: Ingest, cache: str) -> None:
    rows = [{"instruction": prompt, "output": answer} for prompt, answer in PAIRS[:8]]
    found = measured(ingest(rows), cache, sample=3)
    assert found["loss_alone"].is_not_null().sum() == 3
    assert found.filter(pl.col("loss_alone").is_null())["difficulty_note"].to_list() == ["not_sampled"] * 5
    assert found.equals(measured(ingest(rows), cache, sample=3))


def test_no_records(ingest: Ingest, cache: str) -> None:
    found = measured(ingest([{"instruction": "a", "output": "b"}]).clear(), cache)
    assert found.height == 0
    assert found["ifd_loss_ratio"].dtype == pl.Float64


# Other models


def test_any_causal_model_by_its_folder(ingest: Ingest, tiny: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    found = row(measured(ingest([{"instruction": "what?", "output": "a river."}]), str(tmp_path / "cache"), str(tiny)))
    model, words = AutoModelForCausalLM.from_pretrained(tiny), AutoTokenizer.from_pretrained(tiny)
    prompt, answer = (words(text)["input_ids"] for text in ("what?\n", "a river."))

    def mean(before: list[int]) -> float:
        with torch.inference_mode():
            chances = torch.log_softmax(model(torch.tensor([before + answer])).logits[0].double(), dim=-1)
        # Alone nothing stands before the first token, so that it is scored in neither.
        losses = [-chances[len(before) + at - 1, token].item() for at, token in enumerate(answer) if at]
        return float(np.mean(losses))

    assert found["loss_given_prompt"] == pytest.approx(mean(prompt), abs=BF16)
    assert found["loss_alone"] == pytest.approx(mean([]), abs=BF16)


def test_no_more_is_read_than_the_model_can(ingest: Ingest, tiny: Path, tmp_path: Path) -> None:
    rows = [{"instruction": "go on", "output": "and on " * 20}, {"instruction": "a" * 40, "output": "no room"}]
    found = measured(ingest(rows), str(tmp_path / "cache"), str(tiny))
    assert found["difficulty_note"].to_list() == ["truncated", "prompt_too_long"]
    assert found["loss_alone"].is_not_null().to_list() == [True, False]


def test_a_model_whose_losses_are_no_numbers_scores_nothing_and_is_asked_again(
    ingest: Ingest, tiny: Path, tmp_path: Path
) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(tiny, broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"] *= float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    records = ingest([{"instruction": "what?", "output": "a river."}])
    for _ in range(2):
        found = with_difficulty(
            records, CausalFolder(str(broken)), max_tokens=64, sample=None, seed=1, cache=str(tmp_path / "cache")
        )
        assert row(found.records)["difficulty_note"] == "not_finite"
        assert row(found.records)["ifd_loss_ratio"] is None
        assert found.figures["asked"] == 1


def test_a_conversation_that_the_template_refuses_costs_its_row(ingest: Ingest, tiny: Path, tmp_path: Path) -> None:
    import shutil

    strict = tmp_path / "strict"
    shutil.copytree(tiny, strict)
    template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system turns') }}{% endif %}"
        "{% for message in messages %}{{ message.content }}. {% endfor %}"
    )
    (strict / "chat_template.jinja").write_text(template)
    talk = [{"role": "user", "content": "what?"}, {"role": "assistant", "content": "a river."}]
    records = ingest([{"messages": [{"role": "system", "content": "be kind"}, *talk]}, {"messages": talk}])
    found = measured(records, str(tmp_path / "cache"), str(strict))
    assert found["difficulty_note"].to_list() == ["not_rendered", None]


@pytest.mark.parametrize("name", ["HuggingFaceTB/SmolLM2-135M", "no/such/folder"])
def test_what_is_no_folder_is_not_fetched(name: str) -> None:
    with pytest.raises(ModelError, match=r"is no folder on this machine.*difficulty.model is the folder of") as refused:
        CausalFolder(name)
    assert "\n" not in str(refused.value)


def test_a_folder_without_a_causal_model_says_what_it_wants(ingest: Ingest, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no config.json"):
        CausalFolder(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(ModelError, match=r"no causal language model can be loaded from it .*safetensors"):
        measured(ingest([{"instruction": "what?", "output": "a river."}]), str(tmp_path / "cache"), str(tmp_path))


# Interrupted

_KILLED = """
import os, sys
from pipelines.difficulty import measure
from pipelines.ingest import read_records

measure._AT_ONCE = 2
source, cache, model = sys.argv[1:]
die = lambda done, missing: os._exit(9) if done == 4 else None
measure.with_difficulty(read_records(source), measure.CausalFolder(model), max_tokens=64, sample=None, seed=1,
                        cache=cache, progress=die)
"""


@pytest.mark.long
@pytest.mark.slow
def test_what_was_scored_when_the_process_died_is_not_asked_again(tiny: Path, tmp_path: Path) -> None:
    import orjson

    from pipelines.ingest import read_records

    source, cache = tmp_path / "rows.jsonl", str(tmp_path / "cache")
    rows = [{"instruction": f"what is {letter}?", "output": f"a letter {letter}."} for letter in "abcdefg"]
    source.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    died = subprocess.run([sys.executable, "-c", _KILLED, str(source), cache, str(tiny)], check=False)
    assert died.returncode == 9
    again = with_difficulty(
        read_records(str(source)), CausalFolder(str(tiny)), max_tokens=64, sample=None, seed=1, cache=cache
    )
    assert again.figures["asked"] == 3
    assert again.records["loss_alone"].null_count() == 0
