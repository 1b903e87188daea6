"""Converted models at work: OpenVINO on the CPU, in full precision, bfloat16 or int8."""

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.embedding.backend import Embedded
from pipelines.embedding.tiers import Tier
from pipelines.embedding.token_batches import Tokenizer, batches


def library() -> Any:
    """The openvino module, imported so that it reports to nobody and writes nothing at home."""
    # Its telemetry asks for consent in a file below the home folder; where it cannot be imported, it stays away.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import openvino
    return openvino


def has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16."""
    return "BF16" in library().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def has_amx() -> bool:
    """Whether this CPU multiplies bfloat16 in tiles (Intel's AMX), where int8 is no faster. Linux says; else False."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as about:
            return any("amx_bf16" in line.split() for line in about if line.startswith("flags"))
    except OSError:
        return False


# What the runtime keeps ready for shapes it has seen. Its default keeps every length of text, 2 MB or more each: 1.2 GB
# after 6,000 prompts where this takes 0.5, in the same CPU time. Lengths come in their order and do not come again.
_SHAPES_KEPT = 128


class Converted:
    """A backend over a converted model: `model` is its .xml file, or the model itself."""

    def __init__(self, model: Path | Any, tier: Tier, tokenizer: Tokenizer) -> None:
        core = library().Core()
        self._tokenizer = tokenizer
        precision = "bf16" if tier != Tier.FP32 and has_bf16() else "f32"
        # One request after the other on all cores: faster than one stream a core, which share their caches.
        hints = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
            "CPU_RUNTIME_CACHE_CAPACITY": _SHAPES_KEPT,
        }
        read = core.read_model(str(model)) if isinstance(model, Path) else model
        self._request = core.compile_model(read, "CPU", hints).create_infer_request()

    def embed(self, texts: Sequence[str]) -> Embedded:
        """See Backend."""
        tokens = self._tokenizer(texts)
        vectors = np.empty((len(texts), 0), dtype=np.float32)
        for batch in batches(tokens.rows):
            self._request.infer({0: batch.ids}, share_inputs=True)
            made = self._request.get_output_tensor(0).data
            if vectors.shape[1] == 0:
                vectors = np.empty((len(texts), made.shape[1]), dtype=np.float32)
            vectors[batch.places] = made
        return Embedded(vectors, tokens.truncated)
