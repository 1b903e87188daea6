"""The shape of a causal language model: from its config.json, or guessed from its number of parameters."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from pipelines._amounts import amount
from schemas.errors import ModelError, UsageError


class ModelShape(NamedTuple):
    """What memory and time follow from. `parameters` is what was said, where it was said; else it is worked out."""

    name: str
    parameters: int
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head: int  # the width of a head
    intermediate: int  # of one expert, where there are several
    vocabulary: int
    gated: bool  # SwiGLU and its kin: three matrices in the feed-forward block, else two
    experts: int = 1
    active_experts: int = 1
    guessed: bool = False  # from the number of parameters alone

    @property
    def kv_width(self) -> int:
        """Columns of the key's matrix, and of the value's."""
        return self.kv_heads * self.head

    @property
    def active_parameters(self) -> int:
        """Those that a token passes through: fewer than all where a router chooses among experts."""
        return self.parameters - self.layers * (self.experts - self.active_experts) * _feed_forward(self)


# Published models, by which one of another size is guessed: parameters, layers, hidden, heads, key-value heads,
# intermediate, vocabulary, from their config.json (GPT-3: Brown et al. 2020, table 2.1; LLaMA: Touvron et al. 2023,
# table 2).
_FAMILY = {
    "SmolLM2-135M": (134_515_008, 30, 576, 9, 3, 1_536, 49_152),
    "SmolLM2-360M": (361_821_120, 32, 960, 15, 5, 2_560, 49_152),
    "TinyLlama-1.1B": (1_100_048_384, 22, 2_048, 32, 4, 5_632, 32_000),
    "Llama-3.2-3B": (3_212_749_824, 28, 3_072, 24, 8, 8_192, 128_256),
    "LLaMA-7B": (6_738_415_616, 32, 4_096, 32, 32, 11_008, 32_000),
    "Llama-3.1-8B": (8_030_261_248, 32, 4_096, 32, 8, 14_336, 128_256),
    "LLaMA-13B": (13_015_864_320, 40, 5_120, 40, 40, 13_824, 32_000),
    "LLaMA-33B": (32_528_943_616, 60, 6_656, 52, 52, 17_920, 32_000),
    "LLaMA-65B": (65_285_660_672, 80, 8_192, 64, 64, 22_016, 32_000),
    "Llama-3.1-70B": (70_553_706_496, 80, 8_192, 64, 8, 28_672, 128_256),
    "GPT-3": (175_000_000_000, 96, 12_288, 96, 96, 49_152, 50_257),
}
_UNGATED = {"GPT-3"}
# Beyond it the nearest published shape says nothing.
_MOST = 2_000_000_000_000
_TIMES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}


def parameters_named(said: str) -> int:
    """A number of parameters as people write it.

    >>> parameters_named("13B"), parameters_named("135m"), parameters_named("7000000000")
    (13000000000, 135000000, 7000000000)

    Raises UsageError.
    """
    number = round(amount(said, _TIMES) or 0)
    if not 1_000_000 <= number <= _MOST:
        raise UsageError(f"--params {said!r}: give the model's parameters, from 1M to 2T, such as 135M, 7B or 13B")
    return number


def guessed_shape(parameters: int) -> ModelShape:
    """The published model nearest in size (by ratio), with as many layers as make up the difference."""
    name, near = min(_FAMILY.items(), key=lambda item: abs(math.log(item[1][0] / parameters)))
    total, layers, hidden, heads, kv_heads, intermediate, vocabulary = near
    return ModelShape(
        f"{_short(parameters)} parameters, shaped as {name}",
        parameters, max(1, round(layers * parameters / total)), hidden, heads, kv_heads, hidden // heads,
        intermediate, vocabulary, gated=name not in _UNGATED, guessed=True,
    )  # fmt: skip


def _short(number: int) -> str:
    for unit, size in (("T", 10**12), ("B", 10**9), ("M", 10**6)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)


def shape_of(config: Path) -> ModelShape:
    """The shape in a config.json, or in the folder that holds it. Raises ModelError.

    Parameters are counted from it: what `model.num_parameters()` says, but for the norms' few thousand.
    """
    path = config / "config.json" if config.is_dir() else config
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); name a model's folder or config.json") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: is not JSON; name the config.json that came with the model") from error
    if not isinstance(said, dict):
        raise ModelError(f"{path}: is no model's config.json; name the one that came with the model")
    # Models that also see or hear keep their language model's shape in a part of its own.
    text = said.get("text_config")
    return _read(path, {**said, **text} if isinstance(text, dict) else said)


def _read(path: Path, said: dict[str, Any]) -> ModelShape:
    def number(*keys: str, default: int | None = None) -> int:
        for key in keys:
            value = said.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**8:
                return value
        if default is None:
            raise ModelError(f"{path}: has no {' or '.join(keys)}; name the config.json of a causal language model")
        return default

    hidden, layers = number("hidden_size", "n_embd", "d_model"), number("num_hidden_layers", "n_layer", "n_layers")
    heads = number("num_attention_heads", "n_head", "n_heads")
    experts = number("num_local_experts", "n_routed_experts", "num_experts", default=1)
    gated = not str(said.get("hidden_act", said.get("activation_function", "silu"))).startswith(("gelu_new", "relu"))
    shape = ModelShape(
        str(said.get("_name_or_path") or path.parent.name or path.name),
        0, layers, hidden, heads, number("num_key_value_heads", default=heads),
        number("head_dim", default=max(1, hidden // heads)),
        number("moe_intermediate_size", "intermediate_size", "n_inner", default=4 * hidden),
        number("vocab_size"), gated, experts,
        number("num_experts_per_tok", default=1) if experts > 1 else 1,
    )  # fmt: skip
    return shape._replace(parameters=_counted(shape, tied=bool(said.get("tie_word_embeddings", False))))


def _counted(shape: ModelShape, *, tied: bool) -> int:
    attention = 2 * shape.hidden * shape.heads * shape.head + 2 * shape.hidden * shape.kv_width
    router = shape.hidden * shape.experts if shape.experts > 1 else 0
    layer = attention + router + shape.experts * _feed_forward(shape) + 2 * shape.hidden
    return shape.layers * layer + shape.hidden * shape.vocabulary * (1 if tied else 2) + shape.hidden


def _feed_forward(shape: ModelShape) -> int:
    return (3 if shape.gated else 2) * shape.hidden * shape.intermediate
