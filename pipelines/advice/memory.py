"""The memory that a way of finetuning takes on one GPU, part by part, in bytes; 1 GB is 10^9, as papers have it."""

from enum import StrEnum
from typing import NamedTuple

from pipelines.advice.model_shape import ModelShape

GB = 10**9


class Method(StrEnum):
    """Ways of finetuning, from all weights to a few numbers before the prompt."""

    FULL = "full"
    LORA = "lora"
    QLORA = "qlora"
    ADAPTERS = "adapters"
    PROMPT = "prompt-tuning"


class Optimizer(StrEnum):
    """What Adam keeps for a trained weight."""

    MIXED = "adam-mixed"
    FP32_STATES = "adam-32bit-states"
    BF16 = "adam-16bit"
    EIGHT_BIT = "adam-8bit"


class Kept(NamedTuple):
    """Bytes for each trained weight: the weight itself, its gradient, and the optimizer's."""

    weight: float
    gradient: float
    states: float

    @property
    def all(self) -> float:
        """Their sum."""
        return self.weight + self.gradient + self.states


KEPT = {
    # 16-bit weight and gradient; a 32-bit copy of the weight, two 32-bit moments (ZeRO: Rajbhandari et al. 2020, 3.1).
    Optimizer.MIXED: Kept(2, 2, 12),
    # Two 32-bit moments and no copy: the 12 bytes a parameter of QLoRA's ">780 GB" for 65B (Dettmers et al. 2023).
    Optimizer.FP32_STATES: Kept(2, 2, 8),
    # Everything in 16 bits: 26 GB of weights become 104 GB for 13B.
    Optimizer.BF16: Kept(2, 2, 4),
    # Two moments of 8 bits (Dettmers et al. 2022, 8-bit Optimizers via Block-wise Quantization).
    Optimizer.EIGHT_BIT: Kept(2, 2, 2),
}
# What is added to a frozen model is trained in 32 bits: weight, gradient and two moments.
ADDED = Kept(4, 4, 8)

HALF = 2.0
# 4 bits a weight, and 0.127 bits for its constants after double quantisation (Dettmers et al. 2023, section 3).
NF4 = (4 + 0.127) / 8
FULL_PRECISION = 4.0

# The CUDA context and the libraries' own buffers; our assumption, and the least certain part.
RESERVED = 1 * GB


class Training(NamedTuple):
    """How one is trained. Lengths are in tokens; `rank` is LoRA's, `width` the adapters', `virtual` the prompt's."""

    method: Method
    sequence: int
    batch: int = 1
    checkpointing: bool = True
    optimizer: Optimizer = Optimizer.MIXED
    rank: int = 16
    every_matrix: bool = True  # LoRA on all matrices of a layer; else on the query's and the value's
    width: int = 64
    virtual: int = 20


class Memory(NamedTuple):
    """Bytes of each part."""

    weights: int
    trained: int  # added weights; none in full finetuning
    gradients: int
    optimizer: int
    activations: int
    reserved: int

    @property
    def total(self) -> int:
        """Of all parts."""
        return sum(self)


def lora_parameters(rows: int, columns: int, rank: int) -> int:
    """Trained weights of one matrix.

    >>> lora_parameters(1_000, 1_000, 10)
    20000
    """
    return rank * (rows + columns)


def trainable(shape: ModelShape, how: Training) -> int:
    """Weights that are trained."""
    if how.method == Method.FULL:
        return shape.parameters
    if how.method in (Method.LORA, Method.QLORA):
        return shape.layers * sum(lora_parameters(*matrix, how.rank) for matrix in _matrices(shape, how.every_matrix))
    if how.method == Method.ADAPTERS:
        # Two in a layer, each down, up and their biases (Houlsby et al. 2019).
        return shape.layers * 2 * (2 * shape.hidden * how.width + how.width + shape.hidden)
    return how.virtual * shape.hidden


def _matrices(shape: ModelShape, every: bool) -> list[tuple[int, int]]:
    query, kv = (shape.hidden, shape.heads * shape.head), (shape.hidden, shape.kv_width)
    if not every:
        return [query, kv]
    up = (shape.hidden, shape.intermediate)
    ups = [up] * ((3 if shape.gated else 2) * shape.experts)
    return [query, kv, kv, query, *ups]


def memory(shape: ModelShape, how: Training) -> Memory:
    """What the whole training takes on one GPU."""
    trained = trainable(shape, how)
    full = how.method == Method.FULL
    kept = KEPT[how.optimizer] if full else ADDED
    each = NF4 if how.method == Method.QLORA else HALF
    return Memory(
        weights=round(shape.parameters * (kept.weight if full else each)),
        trained=0 if full else round(trained * kept.weight),
        gradients=round(trained * kept.gradient),
        optimizer=round(trained * kept.states),
        activations=activations(shape, how),
        reserved=RESERVED,
    )


def activations(shape: ModelShape, how: Training) -> int:
    """What the forward pass keeps for the backward one, attention's scores not among it (FlashAttention).

    16-bit tensors that a layer keeps, in the manner of Korthikanti et al. 2022: the inputs of both norms, of the
    projections and of the feed-forward block, query, key, value, attention's output, and the block's inner tensors.
    With checkpointing each layer keeps its input alone, and one layer at a time is whole. The loss works on logits in
    32 bits, and on their gradient.
    """
    tokens = how.batch * how.sequence
    query, inner = shape.heads * shape.head, shape.active_experts * shape.intermediate
    layer = HALF * (5 * shape.hidden + 2 * query + 2 * shape.kv_width + (4 if shape.gated else 2) * inner)
    kept = shape.layers * HALF * shape.hidden + layer if how.checkpointing else shape.layers * layer
    logits = (HALF + 2 * FULL_PRECISION) * shape.vocabulary
    # A layer's weights in 16 bits while it is worked on, where they are kept in 4.
    unpacked = HALF * shape.parameters / shape.layers if how.method == Method.QLORA else 0
    return round(tokens * (kept + logits) + unpacked)


def adapter_bytes(shape: ModelShape, how: Training) -> int:
    """The file that training leaves, in 16 bits: the adapter, or the whole model."""
    return round(HALF * trainable(shape, how))
