"""`make bench-lift`: a small model finetuned on each choice of data, its loss on what people wrote, docs/evidence.md

    python -m benchmarks.lift [--seeds N] [--only selections|dirt] [--data FOLDER]

Every run sees the same number of tokens. Runs are kept in runs/bench/lift as they end; a stopped benchmark goes on.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.lifting import arms as choices
from benchmarks.lifting.arms import Arm
from benchmarks.lifting.figures import Interval, Runs, difference, recovered
from benchmarks.lifting.halves import Halves
from benchmarks.lifting.held_out import demands, held_out
from benchmarks.lifting.runs import BASE, Held, run
from benchmarks.pages import as_markdown, into_page
from benchmarks.rounds import ROOT
from pipelines.cache.home import default_cache
from pipelines.difficulty.causal_folder import BUILTIN, CausalFolder

PAGE = ROOT / "docs" / "evidence.md"
FOLDER = ROOT / "runs" / "bench" / "lift"
TRAINED = 10
"""Of the model's 30 layers the last so many are trained."""
EXPERIMENTS: dict[str, Callable[[Halves, Path, Path], Iterator[Arm]]] = {
    "selections": choices.selections,
    "dirt": choices.dirt,
}
AGAINST = "random"
Found = dict[str, list[dict[str, Any]]]


class Work(NamedTuple):
    """One run by name; a worker makes it."""

    experiment: str
    arm: str
    seed: int
    data: Path


@cache
def _ready(experiment: str, data: Path) -> tuple[Halves, dict[str, Arm], Held]:
    """What a worker has for all its runs."""
    import torch

    torch.set_num_threads(1)
    model, tokenizer = CausalFolder(BUILTIN).load(default_cache(), dtype=torch.bfloat16)
    halves = Halves(model, tokenizer, trained=TRAINED)
    sets = {
        name: halves.texts([one for one in halves.tokens(records) if one]) for name, records in held_out(data).items()
    }
    arms = {arm.name: arm for arm in EXPERIMENTS[experiment](halves, data, FOLDER)}
    return halves, arms, Held(sets, demands() if experiment == "selections" else [])


def work(one: Work) -> dict[str, Any]:
    """One run's figures."""
    halves, arms, held = _ready(one.experiment, one.data)
    return run(halves, arms.get(one.arm), one.seed, held, FOLDER / "runs")


def names(experiment: str, data: Path) -> list[str]:
    """The arms; what they need is made on the way."""
    return list(_ready(experiment, data)[1])


def measured(experiment: str, seeds: int, data: Path) -> Found:
    """All runs of an experiment, by arm."""
    (FOLDER / "runs").mkdir(parents=True, exist_ok=True)
    asked = [Work(experiment, BASE, 0, data)]
    asked += [Work(experiment, arm, seed, data) for seed in range(1, seeds + 1) for arm in names(experiment, data)]
    found: Found = {}
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for number, (one, made) in enumerate(zip(asked, pool.map(work, asked), strict=True), start=1):
            print(f"{experiment}: {number} of {len(asked)}: {one.arm}, seed {one.seed}", file=sys.stderr, flush=True)
            found.setdefault(one.arm, []).append(made)
    return found


def runs_of(made: Sequence[dict[str, Any]], name: str) -> Runs:
    """An arm's runs on one set."""
    return Runs(np.array([one["sums"][name] for one in made]), np.array(made[0]["scored"][name]))


def selections_table(found: Found) -> str:
    """Each arm: rows, tokens, loss on every set, the difference to random, and how many demands are kept."""
    sets = list(found[BASE][0]["sums"])
    head = ["trained on", "seeds", "rows", *sets, *(f"{name}: against {AGAINST}" for name in sets), "demands kept"]
    lines = []
    for arm, made in found.items():
        each = [runs_of(made, name) for name in sets]
        others = [runs_of(found[AGAINST], name) for name in sets]
        against = [
            str(difference(one, other)) if arm not in (BASE, AGAINST) else "-"
            for one, other in zip(each, others, strict=True)
        ]
        obeyed = np.mean([np.mean(one["obeyed"]) for one in made])
        rows = f"{np.mean([one['rows'] for one in made]):.0f}" if arm != BASE else "-"
        seeds = str(len(made)) if arm != BASE else "-"
        means = (f"{one.mean():.3f}" for one in each)
        lines.append([arm, seeds, rows, *means, *against, f"{obeyed:.0%}"])
    return as_markdown(head, lines)


def dirt_table(found: Found) -> str:
    """Each arm's loss on every set, what the faults cost, and which share of it curating undid."""
    sets = list(found[BASE][0]["sums"])
    lines = []
    for name in sets:
        base, clean, dirty, *curated = (
            runs_of(found[arm], name) for arm in (BASE, choices.CLEAN_ARM, choices.DIRTY_ARM, *choices.CURATED)
        )
        told = [cell for one in curated for cell in (f"{one.mean():.3f}", _share(recovered(clean, dirty, one)))]
        means = [f"{one.mean():.3f}" for one in (base, clean, dirty)]
        lines.append([name, *means, str(difference(dirty, clean)), *told])
    heads = [head for arm in choices.CURATED for head in (arm, "undone")]
    return as_markdown(["held out", BASE, choices.CLEAN_ARM, choices.DIRTY_ARM, "damage", *heads], lines)


def _share(share: Interval) -> str:
    if not np.isfinite(share.value):
        return "no damage"
    return f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%})"


TABLES = {"selections": selections_table, "dirt": dirt_table}


def main() -> None:
    """Measure, and write the page's tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=list(EXPERIMENTS))
    asked = parser.parse_args()
    for experiment in [asked.only] if asked.only else EXPERIMENTS:
        table = TABLES[experiment](measured(experiment, asked.seeds, asked.data))
        PAGE.write_text(into_page(PAGE.read_text(encoding="utf-8"), table, experiment), encoding="utf-8")
        print(table)


if __name__ == "__main__":
    main()
