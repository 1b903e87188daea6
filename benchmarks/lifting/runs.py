"""One run: trained, measured, and kept as it ends, so that a stopped benchmark goes on where it was"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.lifting.answers import answers
from benchmarks.lifting.arms import Arm
from benchmarks.lifting.halves import Halves, Text, tokens_of
from benchmarks.lifting.held_out import Demand, kept
from benchmarks.lifting.training import BATCH, LAYERS, RANK, RATE, trained
from pipelines.difficulty.turns import Sequence as Tokens

TOKENS = 24_000
"""What each run sees."""
BASE = "the model as it came"
"""The arm that is not trained."""


class Held(NamedTuple):
    """The sets that are measured, and the prompts that are answered."""

    sets: dict[str, list[Text]]
    demands: list[Demand]


def run(
    halves: Halves, arm: Arm | None, seed: int, held: Held, folder: Path, *, tokens: int = TOKENS
) -> dict[str, Any]:
    """The run's figures: read where it was made before of the same texts, else made and kept. No arm: untrained."""
    told = arm.of(seed, tokens) if arm else []
    name = arm.name if arm else BASE
    path = folder / f"{name.replace(' ', '-')}-{seed}-{_digest(told, tokens, halves.cut)}.json"
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    if told:
        texts = halves.texts(told)
        with trained(halves, texts, tokens=tokens, seed=seed) as seen:
            made = {"seen": seen, **_measured(halves, held)}
    else:
        made = {"seen": 0, **_measured(halves, held)}
    made = {"arm": name, "seed": seed, "rows": len(told), "tokens": tokens_of(told), **made}
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_text(json.dumps(made), encoding="utf-8")
    aside.replace(path)
    return made


def _measured(halves: Halves, held: Held) -> dict[str, Any]:
    sums = {name: [round(float(value), 4) for value in halves.sums(texts)] for name, texts in held.sets.items()}
    said = answers(halves.model, halves.tokenizer, [one.prompt for one in held.demands]) if held.demands else []
    obeyed = kept(held.demands, said) if said else []
    return {
        "sums": sums,
        "scored": {name: [len(text.scored) for text in texts] for name, texts in held.sets.items()},
        "obeyed": obeyed,
        "answers": said,
    }


def _digest(told: Sequence[Tokens], tokens: int, cut: int) -> str:
    """Names everything that a run's outcome depends on but the seed."""
    said = json.dumps([tokens, LAYERS, RANK, RATE, BATCH, cut, [one.ids for one in told]])
    return hashlib.sha256(said.encode()).hexdigest()[:12]
