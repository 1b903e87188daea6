"""Which precision a job is worth: what the machine has, what the model is, and how much is to do."""

from enum import StrEnum
from importlib.util import find_spec
from typing import NamedTuple

from pipelines._processor import has
from pipelines.embedding.model_folder import ModelFolder
from pipelines.embedding.reference import has_gpu


class Tier(StrEnum):
    """From the model as it came to the fastest. STATIC stands aside: it is another model, and only taken when named."""

    REFERENCE = "reference"
    FP32 = "fp32"
    BF16 = "bf16"
    INT8 = "int8"
    STATIC = "static"


class Choice(NamedTuple):
    """A tier, and why not a faster one."""

    tier: Tier
    why: str


# Bytes of text from which proving bfloat16, then a quantisation, has paid for itself within the first run.
BF16_PAYS = 500_000
INT8_PAYS = 2_000_000

# How far a cosine of the tier may lie from the reference's. Static cosines are no guess at the reference's, and
# nothing is decided again by it.
MARGINS = {Tier.REFERENCE: 0.0, Tier.FP32: 0.0, Tier.BF16: 0.004, Tier.INT8: 0.03, Tier.STATIC: 0.0}

# On the 52,002 prompts of Alpaca, cosine 0.9 in both: see docs/decisions/0003-duplicates.md.
DRAFT = "a draft, which finds 0.18 of the pairs that the model itself finds at a cosine of 0.9"

# As Linux names them: products of int8 that add up in 32 bits.
_INT8_PRODUCTS = ("avx512_vnni", "avx_vnni", "asimddp")
# And what multiplies bfloat16 in tiles (Intel's AMX).
TILES = "amx_bf16"

_NAMES = {
    Tier.REFERENCE: "sentence-transformers in full precision",
    Tier.FP32: "OpenVINO in full precision",
    Tier.BF16: "OpenVINO in bfloat16",
    Tier.INT8: "OpenVINO in int8",
    Tier.STATIC: f"static vectors: {DRAFT}",
}


def sentence(tier: Tier, why: str) -> str:
    """What the report says of a tier: "OpenVINO in int8", or why it is no faster one."""
    on = " on the GPU" if tier == Tier.REFERENCE and has_gpu() else ""
    return _NAMES[tier] + on + (f" ({why})" if why else "")


def below(tier: Tier) -> Tier:
    """The next better and slower tier."""
    if tier == Tier.INT8:
        return exact()
    return Tier.FP32 if tier == Tier.BF16 else Tier.REFERENCE


def choose(folder: ModelFolder, text_bytes: int) -> Choice:
    """The tier for `text_bytes` of text. Depends on nothing that a cache holds, so a run's bytes do not either."""
    if has_gpu():
        return Choice(Tier.REFERENCE, "there is a GPU")
    if why := unconvertible(folder):
        return Choice(Tier.REFERENCE, why)
    if text_bytes < BF16_PAYS:
        return Choice(Tier.FP32, "so few texts do not pay for the step to less")
    if text_bytes < INT8_PAYS:
        return Choice(exact(), "so few texts do not pay for the step to int8")
    if not int8_is_faster():
        return Choice(exact(), "on this processor int8 is no faster")
    if find_spec("nncf") is None:
        return Choice(exact(), "nncf, which makes int8 models, is not installed")
    return Choice(Tier.INT8, "")


def exact() -> Tier:
    """The fastest tier that needs no calibration."""
    if find_spec("openvino") is None:
        return Tier.FP32
    from pipelines.embedding.openvino_runtime import has_bf16

    return Tier.BF16 if has_bf16() else Tier.FP32


def int8_is_faster() -> bool:
    """Whether this processor has instructions for int8 (VNNI, Arm's dot products), and no tiles (AMX) for bfloat16.

    Measured with AMX, 6,000 prompts of Alpaca: 10.8 CPU-seconds in bfloat16, 14.6 in int8, which is less exact besides.
    Measured with AVX2 alone, 3,000 prompts: 21.5 in full precision, 28.2 in int8, which then breaks its promise too.
    """
    return has(*_INT8_PRODUCTS) and not has(TILES)


def unconvertible(folder: ModelFolder) -> str | None:
    """Why the model is run by sentence-transformers alone; null where it need not be."""
    if find_spec("openvino") is None:
        return "openvino is not installed"
    if folder.shape is None:
        return "the model is not a BERT whose mean or first token is the text's vector"
    return None
