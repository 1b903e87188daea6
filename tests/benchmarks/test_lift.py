"""The comparison of choices: what is trained, what is measured, which faults are planted, and the arithmetic."""

import doctest
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks import lift
from benchmarks.labels.reading import DATA, records
from benchmarks.lifting import dirt, figures, held_out
from benchmarks.lifting.arms import Arm
from benchmarks.lifting.figures import Runs, difference, recovered
from benchmarks.lifting.halves import Halves, Text
from benchmarks.lifting.runs import BASE, Held, run
from benchmarks.lifting.training import trained

TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
ROWS = [
    {"instruction": f"What is {a} plus {b}?", "input": "", "output": f"It is {a + b}, of course{'!' * a}"}
    for a in range(6)
    for b in range(4)
]


@pytest.fixture(scope="module")
def halves(byte_tokenizer: Callable[[str | None], Path]) -> Halves:
    """Random weights behind a tokenizer of bytes."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(byte_tokenizer(TEMPLATE))
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=4, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=512,
    )  # fmt: skip
    return Halves(LlamaForCausalLM(config).eval(), tokenizer, trained=2)


def texts_of(halves: Halves, rows: list[dict[str, str]]) -> list[Text]:
    return halves.texts([one for one in halves.tokens(records(rows)) if one])


def test_two_halves_say_what_the_whole_model_says(halves: Halves) -> None:
    import torch

    texts = texts_of(halves, ROWS)
    sums = halves.sums(texts)
    for text, ours in zip(texts, sums, strict=True):
        with torch.inference_mode():
            logits = halves.model(input_ids=torch.tensor([text.ids])).logits[0]
        whole = torch.nn.functional.cross_entropy(
            logits[text.scored - 1], torch.tensor(text.ids)[text.scored], reduction="sum"
        )
        assert ours == pytest.approx(float(whole), rel=1e-4)


def test_learnt_are_the_answer_and_its_end(halves: Halves) -> None:
    (text,) = texts_of(halves, [{"instruction": "Hi?", "input": "", "output": "Ho."}])
    assert halves.tokenizer.decode([text.ids[at] for at in text.scored]) == "Ho.<|end|>"
    assert halves.tokenizer.decode(text.ids[: text.scored[0]]) == "<user>Hi?\n<assistant>"


def test_training_lowers_the_loss_and_leaves_the_model_as_it_was(halves: Halves) -> None:
    texts = texts_of(halves, ROWS)
    before = halves.sums(texts)
    with trained(halves, texts, tokens=2_000, seed=1) as seen:
        within = halves.sums(texts)
        # The last step may be as large as a batch.
        assert 2_000 <= seen < 2_600
    with trained(halves, texts, tokens=2_000, seed=1):
        assert np.array_equal(halves.sums(texts), within)
    assert (within < before).all()
    assert np.array_equal(halves.sums(texts), before)


def test_a_run_is_made_once_for_the_same_texts(halves: Halves, tmp_path: Path) -> None:
    told = [one for one in halves.tokens(records(ROWS)) if one]
    held = Held({"same": halves.texts(told)}, [])
    few, all_of_them = Arm("few", told[:2], drawn=False, chosen=10), Arm("all", told, drawn=True, chosen=None)
    made = [run(halves, arm, 1, held, tmp_path, tokens=900) for arm in (None, few, all_of_them)]
    assert [(one["arm"], one["rows"]) for one in made] == [(BASE, 0), ("few", 1), ("all", made[2]["rows"])]
    assert 1 < made[2]["rows"] < len(told)
    assert made[1]["seen"] >= 900
    path = next(tmp_path.glob("few*"))
    path.write_text(path.read_text().replace('"rows": 1', '"rows": 77'))
    assert run(halves, few, 1, held, tmp_path, tokens=900)["rows"] == 77
    assert run(halves, few, 2, held, tmp_path, tokens=900)["rows"] == 1


def test_every_fault_is_planted_in_its_share_and_nowhere_else() -> None:
    clean = [
        {"instruction": f"Ask number {at}", "input": "", "output": f"The answer number {at} in some words"}
        for at in range(100)
    ]
    item = {"instruction": "An item", "input": "", "output": "72"}
    dirty = dirt.planted(clean, [item], seed=3)
    assert len(dirty.rows) == 100
    assert Counter(dirty.faults.values()) == dict.fromkeys(
        ("copy", "wrong answer", "cut short", "leaked item", "refusal"), 6
    )
    assert {at for at in range(100) if dirty.rows[at] != clean[at]} <= set(dirty.faults)
    for at, fault in dirty.faults.items():
        row, was = dirty.rows[at], clean[at]
        match fault:
            case "wrong answer":
                assert row["instruction"] == was["instruction"]
                assert row["output"] in {other["output"] for other in clean} - {was["output"]}
            case "cut short":
                assert was["output"].startswith(row["output"])
                assert row["output"] != was["output"]
            case "leaked item":
                assert row == item
            case "copy":
                assert row["output"].replace(" ", "") in {other["output"].replace(" ", "") for other in clean}


def test_a_difference_is_sure_where_every_item_and_seed_agrees() -> None:
    tokens = np.full(40, 10)
    noise = np.random.default_rng(0).normal(0, 0.5, (3, 40))
    worse, better = Runs(30 + noise, tokens), Runs(20 + noise, tokens)
    found = difference(worse, better)
    assert found.value == pytest.approx(1.0)
    assert 0.9 < found.low < 1.0 < found.high < 1.1
    none = difference(Runs(noise, tokens), Runs(-noise, tokens))
    assert none.low < 0 < none.high
    half = recovered(better, worse, Runs(25 + noise, tokens))
    assert half.value == pytest.approx(0.5)
    assert 0.4 < half.low < 0.5 < half.high < 0.6
    assert np.isnan(recovered(worse, better, better).value)
    assert doctest.testmod(figures).failed == 0


def test_what_is_held_out_is_peoples_and_trained_on_by_nobody() -> None:
    if not (DATA / "raw" / "dolly_3k.jsonl").is_file():
        pytest.skip("the data is not here: shared/data beside the project")
    rows = held_out.dolly(DATA)
    assert 150 < len(rows.held_out) <= held_out.DOLLY
    assert not {row["instruction"] for row in rows.held_out} & {row["instruction"] for row in rows.known}
    assert len(held_out.self_instruct(DATA)) == 252
    assert len(held_out.oasst(DATA)) > 50


def test_an_answer_is_held_to_its_demand() -> None:
    asked = [one for one in held_out.demands() if one.prompt.startswith("Write two lines about a harbour")]
    assert held_out.kept(asked, ["The anchor drops.\nThe fog lifts."]) == [True]
    assert held_out.kept(asked, ["The mist lifts."]) == [False]
    assert held_out.kept(asked, [""]) == [False]


def made(arm: str, seed: int, loss: float) -> dict[str, Any]:
    return {
        "arm": arm, "seed": seed, "rows": 9, "sums": {"set": [loss, loss + 1]}, "scored": {"set": [4, 4]},
        "obeyed": [True, False],
    }  # fmt: skip


def test_the_tables_say_what_was_measured() -> None:
    found = {arm: [made(arm, 1, loss)] for arm, loss in ((BASE, 9.0), ("random", 7.0), ("longest", 8.0))}
    lines = lift.selections_table(found).splitlines()
    assert lines[2] == f"| {BASE} | - | - | 2.375 | - | 50% |"
    assert lines[3] == "| random | 1 | 9 | 1.875 | - | 50% |"
    assert lines[4].startswith("| longest | 1 | 9 | 2.125 | +0.250 (+0.250 to +0.250) | 50% |")
    losses = (
        (BASE, 9.0),
        ("clean", 5.0),
        ("dirty", 7.0),
        ("dirty, then Assay", 5.5),
        ("the same with `--min-relevance 0`", 5.0),
    )
    found = {arm: [made(arm, 1, loss)] for arm, loss in losses}
    told = lift.dirt_table(found).splitlines()[2]
    assert told == (
        "| set | 2.375 | 1.375 | 1.875 | +0.500 (+0.500 to +0.500) | 1.500 | 75% (75% to 75%) | 1.375 "
        "| 100% (100% to 100%) |"
    )


def test_an_arm_draws_anew_for_each_seed_or_keeps_its_order(halves: Halves) -> None:
    told = [one for one in halves.tokens(records(ROWS)) if one]
    drawn, ordered = Arm("random", told, True, 100), Arm("longest", told, False, 100)
    assert ordered.of(1, 999) == ordered.of(2, 999) == told[: len(ordered.of(1, 999))]
    assert sum(len(one.ids) for one in ordered.of(1, 999)[:-1]) < 100 <= sum(len(one.ids) for one in ordered.of(1, 999))
    assert drawn.of(1, 999) != drawn.of(2, 999)
    assert pl.Series([len(one.ids) for one in Arm("raw", told, True, None).of(1, 99_999)]).len() == len(told)
