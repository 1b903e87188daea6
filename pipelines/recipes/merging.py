"""mergekit: adapters on one base made into one model, a file for each way, as `mergekit-yaml` reads it.

Models are named `base+adapter`, which mergekit merges before anything else. Where numbers come from stands above them.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pipelines.recipes.facts import Target

FOLDER = "merge"


class Adapter(NamedTuple):
    """One that PEFT reads: its folder, which training makes, and the rows that it is trained on."""

    name: str
    path: Path
    rank: int
    rows: int


class Way(NamedTuple):
    """A merge method's config, and why its numbers are so."""

    why: str
    config: dict[str, Any]


# TIES's authors without a validation set: the strongest fifth of each change, added as it is (Yadav et al. 2023).
TIES_DENSITY = 0.2
# Half of each change at random. DARE's authors drop nine tenths where changes are tiny; an adapter's need not be.
DARE_DENSITY = 0.5
# Each change is added at .4 (Ilharco et al. 2022, as TIES's authors took it without a validation set).
ARITHMETIC_WEIGHT = 0.4
# Of the layers, the share that a stack leaves out of each of the two.
LEFT_OUT = 4


def merge_files(adapters: Sequence[Adapter], target: Target, seed: int) -> dict[str, str]:
    """Below FOLDER: a config for each way that these adapters allow, and merge.sh, which takes its name."""
    ways = _ways(adapters, target)
    return {
        **{f"{FOLDER}/{name}.yaml": _as_yaml(way) for name, way in ways.items()},
        f"{FOLDER}/merge.sh": _script(sorted(ways), seed),
    }


def _ways(adapters: Sequence[Adapter], target: Target) -> dict[str, Way]:
    base, models = _model(target.model), [_model(target.model, adapter) for adapter in adapters]
    ways = {
        "linear": Way(
            "The mean of all weights (model soups: Wortsman et al. 2022).",
            {"merge_method": "linear", "models": _weighed(models, weight=1.0)},
        ),
        "task_arithmetic": Way(
            "Each adapter's change to the base, added at .4 (Ilharco et al. 2022).",
            {
                "merge_method": "task_arithmetic", "base_model": base,
                "models": _weighed(models, weight=ARITHMETIC_WEIGHT),
            },
        ),
        "ties": Way(
            "The strongest fifth of each change, where the adapters agree on its sign (TIES: Yadav et al. 2023).",
            {
                "merge_method": "ties", "base_model": base, "parameters": {"normalize": True},
                "models": _weighed(models, weight=1.0, density=TIES_DENSITY),
            },
        ),
        "dare_ties": Way(
            "Half of each change, drawn and scaled up, where the adapters agree on its sign (DARE: Yu et al. 2023).",
            {
                "merge_method": "dare_ties", "base_model": base, "parameters": {"normalize": True},
                "models": _weighed(models, weight=1.0, density=DARE_DENSITY),
            },
        ),
    }  # fmt: skip
    if len(models) == 2:
        ways["slerp"] = Way(
            "Half the way on the arc between the two.",
            {
                "merge_method": "slerp", "base_model": models[0], "models": [{"model": each} for each in models],
                "parameters": {"t": 0.5},
            },
        )  # fmt: skip
    if not target.shape.guessed:
        ways["passthrough"] = _stack(adapters, target)
    return ways


def _stack(adapters: Sequence[Adapter], target: Target) -> Way:
    """Needs the true number of layers."""
    layers = target.shape.layers
    first, second = sorted(adapters, key=lambda adapter: (-adapter.rows, adapter.name))[:2]
    cut = layers // LEFT_OUT
    ranges = ((first, [0, layers - cut]), (second, [cut, layers]))
    slices = [
        {"sources": [{"model": _model(target.model, adapter), "layer_range": layer_range}]}
        for adapter, layer_range in ranges
    ]
    return Way(
        f"Layers stacked: the first of {first.name}, then the last of {second.name}, the two with the most rows.\n"
        "Nobody has trained the seam: an experiment, to be finetuned before it is of use.",
        {"merge_method": "passthrough", "slices": slices},
    )


def _weighed(models: Sequence[Any], **parameters: float) -> list[dict[str, Any]]:
    return [{"model": model, "parameters": parameters.copy()} for model in models]


def _model(base: str, adapter: Adapter | None = None) -> Any:
    """As mergekit names it; in full where a path has the marks of its short form in it."""
    path = str(adapter.path) if adapter else None
    if not re.search(r"[+@]", f"{base}{path or ''}"):
        return f"{base}+{path}" if path else base
    return {"model": {"path": base}, **({"lora": {"path": path}} if path else {})}


def _as_yaml(way: Way) -> str:
    head = (
        f"{way.why}\n"
        "What comes of it is another model: measure it on each adapter's validation rows before you serve it."
    )
    comment = "".join(f"# {line}\n" for line in head.splitlines())
    return comment + yaml.safe_dump({**way.config, "dtype": "bfloat16"}, sort_keys=False, allow_unicode=True, width=1e9)


def _script(ways: Sequence[str], seed: int) -> str:
    known = ", ".join(ways)
    return (
        "#!/usr/bin/env bash\n"
        f"# ./merge.sh WAY makes merged-WAY of the trained adapters; ways are {known}.\n"
        "set -euo pipefail\n"
        'cd "$(dirname "$0")"\n'
        f'way="${{1:?name a way: {known}}}"\n'
        "# The base with one adapter in it, for each adapter: needed for the merge alone.\n"
        'models="$(mktemp -d ./models.XXXXXX)"\n'
        "trap 'rm -rf \"$models\"' EXIT\n"
        f'mergekit-yaml "$way.yaml" "merged-$way" --lora-merge-cache "$models" --random-seed {seed} "${{@:2}}"\n'
    )
