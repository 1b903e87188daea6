"""Converted models at work: OpenVINO on the CPU, in full precision, bfloat16 or int8."""

import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines._processor import has
from pipelines.embedding.backend import Embedded
from pipelines.embedding.tiers import TILES, Tier
from pipelines.embedding.token_batches import BUDGET, Tokenizer, batches


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
    """Whether this CPU multiplies bfloat16 in tiles (Intel's AMX). Linux says; else False."""
    return has(TILES)


# What the runtime keeps ready for shapes it has seen. Its default keeps every length of text, 2 MB or more each: 1.2 GB
# after 6,000 prompts where this takes 0.5, in the same CPU time. Lengths come in their order and do not come again.
_SHAPES_KEPT = 128
# Tokens in a batch where tiles do the work: half of it leaves them idle, twice of it gains nothing.
_TILES_BUDGET = 4_096


class Converted:
    """A backend over a converted model: `model` is its .xml file, or the model itself.

    A text's vector is the same to the byte whatever is embedded beside it, and on how many streams.
    """

    def __init__(self, model: Path | Any, tier: Tier, tokenizer: Tokenizer) -> None:
        core = library().Core()
        self._tokenizer = tokenizer
        precision = "bf16" if tier != Tier.FP32 and has_bf16() else "f32"
        # With AMX one stream a core, each with a batch of its own: a sixth quicker than one after the other on all
        # cores. Elsewhere streams fight for the caches that they share, and one after the other is quicker.
        hints = {
            "PERFORMANCE_HINT": "THROUGHPUT" if has_amx() else "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
            "CPU_RUNTIME_CACHE_CAPACITY": _SHAPES_KEPT,
        }
        read = core.read_model(str(model)) if isinstance(model, Path) else model
        compiled = core.compile_model(read, "CPU", hints)
        self._width = compiled.output(0).partial_shape[1].get_length()
        self._budget = _TILES_BUDGET if has_amx() else BUDGET
        self._queue = library().AsyncInferQueue(compiled, compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))

    def embed(self, texts: Sequence[str]) -> Embedded:
        """See Backend."""
        tokens = self._tokenizer(texts)
        return Embedded(self.of_tokens(tokens.rows), tokens.truncated)

    def of_tokens(self, rows: list[list[int]]) -> NDArray[np.float32]:
        """The vectors of texts as token ids."""
        vectors = np.empty((len(rows), self._width), dtype=np.float32)

        def take(request: Any, places: NDArray[np.int64]) -> None:
            vectors[places] = request.get_output_tensor(0).data

        self._queue.set_callback(take)
        for batch in batches(rows, self._budget):
            self._queue.start_async({0: batch.ids}, batch.places)
        self._queue.wait_all()
        return vectors


class Int8(Converted):
    """int8, but for texts with just as many tokens as an attention head is wide, which `exact` embeds.

    OpenVINO 2026.4 takes tokens and width for one another there: cosines down to .54, where all others have .98.
    """

    def __init__(self, model: Path | Any, tokenizer: Tokenizer, head: int, exact: Callable[[], Converted]) -> None:
        super().__init__(model, Tier.INT8, tokenizer)
        self._head, self._open = head, exact
        self._exact: Converted | None = None

    def of_tokens(self, rows: list[list[int]]) -> NDArray[np.float32]:
        """See Converted."""
        vectors = super().of_tokens(rows)
        places = [place for place, row in enumerate(rows) if len(row) == self._head]
        if places:
            self._exact = self._exact or self._open()
            vectors[places] = self._exact.of_tokens([rows[place] for place in places])
        return vectors
