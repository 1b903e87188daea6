"""vLLM: one base and all adapters served by it, each by its name, as its LoRA modules.

Follows "LoRA Adapters" in vLLM's documentation: `--lora-modules` takes JSON with name, path and base_model_name.
"""

import json
import shlex
from collections.abc import Sequence

from pipelines.recipes.merging import Adapter

FOLDER = "serve"
# The ranks that vLLM knows.
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
# Adapters that one batch may use; each takes its place in the GPU's memory, used or not.
MOST_AT_ONCE = 8


def serve_files(adapters: Sequence[Adapter], model: str) -> dict[str, str]:
    """Below FOLDER: lora_modules.json, and vllm.sh, which serves them."""
    modules = [{"name": adapter.name, "path": str(adapter.path), "base_model_name": model} for adapter in adapters]
    return {
        f"{FOLDER}/lora_modules.json": json.dumps(modules, indent=2, ensure_ascii=False) + "\n",
        f"{FOLDER}/vllm.sh": _script(modules, adapters, model),
    }


def _script(modules: Sequence[dict[str, str]], adapters: Sequence[Adapter], model: str) -> str:
    largest = max(adapter.rank for adapter in adapters)
    options = {
        "max-loras": min(len(adapters), MOST_AT_ONCE),
        "max-cpu-loras": len(adapters),
        "max-lora-rank": next((rank for rank in RANKS if rank >= largest), largest),
    }
    told = " ".join(f"--{name} {value}" for name, value in options.items())
    listed = " \\\n    ".join(shlex.quote(json.dumps(module, ensure_ascii=False)) for module in modules)
    return (
        "#!/usr/bin/env bash\n"
        "# A request names an adapter as its model, or the base for none.\n"
        "set -euo pipefail\n"
        f"exec vllm serve {shlex.quote(model)} --enable-lora {told} \\\n"
        f'    "$@" --lora-modules \\\n    {listed}\n'
    )
