"""What `assay advise --json` prints; versioned. Memory in bytes, lengths in tokens, shares in [0, 1]."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

ADVICE_VERSION = 1

Confidence = Literal["high", "medium", "low"]
Verdict = Literal["finetune", "retrieve", "both", "prompt", "collect"]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EvidenceRow(Part):
    """A released row that shows what a figure means."""

    record_id: str
    source: str
    source_row: int
    prompt: str  # an excerpt, as is the answer
    answer: str
    shows: str  # why it is here


class Share(Part):
    """How many of the judged records are of a kind; the interval is Wilson's, at 95 %."""

    rows: int
    share: float
    low: float
    high: float


class Purpose(Part):
    """Finetune, retrieve, prompt, or collect more?"""

    verdict: Verdict
    says: str
    why: list[str]
    confidence: Confidence
    confidence_because: str
    judged: int  # released records with a prompt and an answer; of very many, those of a fair draw
    needs: dict[str, Share]  # by pipelines.advice.needs.Need, all of them
    looked_up: Share
    form: Share
    evidence: list[EvidenceRow]


class Wanted(Part):
    """What a method wants of rows; `enough` is about all of them, whatever their kinds."""

    method: str
    at_least: int
    up_to: int | None
    has: int
    enough: bool
    missing: int


class Thin(Part):
    """A cluster of prompts with too few rows to learn from."""

    cluster: int
    terms: str
    rows: int
    missing: int
    evidence: list[EvidenceRow]


class Amount(Part):
    """Enough data?"""

    says: str
    wanted: list[Wanted]
    clusters: int
    thin: list[Thin]  # the thinnest first, at most a few; `thin_clusters` counts all
    thin_clusters: int
    missing: int  # rows that all thin clusters lack together
    per_accepted: int | None  # in the currency's smallest unit, by the cost ledger; null where it holds none
    currency: str | None
    price: int | None  # of what is missing


class MethodFit(Part):
    """A way of finetuning on the named GPU, the quickest form that fits, or the most frugal one where none does."""

    method: str
    fits: bool
    gpus: int  # of that size; 0: not even its activations fit one
    total: int
    weights: int
    trained: int
    gradients: int
    optimizer: int
    activations: int
    reserved: int
    batch: int
    checkpointing: bool
    optimizer_kind: str
    trainable: int
    trainable_share: float
    adapter_bytes: int
    epochs: int | None  # from here on null without a release
    steps: int | None
    tokens: int | None
    tokens_per_second: float | None
    hours: float | None
    price: float | None


class Method(Part):
    """Which method fits?"""

    says: str
    model: str
    parameters: int
    guessed: bool
    sequence: int  # tokens of the sequence that memory is worked out for
    sequence_because: str
    gpu_memory: int
    throughput_because: str
    fits: list[MethodFit]
    chosen: str | None


class Published(Part):
    """What others measured, beside what is worked out here for the same."""

    what: str
    published: str
    ours: float
    unit: str
    source: str


class Apart(Part):
    """One adapter or several?"""

    verdict: Literal["one", "several", "unknown"]
    says: str
    spread: dict[str, float]  # measure -> share of its variance that lies between clusters (eta squared)
    conflicts: int  # near-equal prompts whose answers disagree
    groups: list[str]  # the clusters that stand apart, by their terms


class DataAdvice(Part):
    """What the data alone says; `report.json` has it as `advice`."""

    purpose: Purpose | None  # null where no released row has a prompt and an answer
    amount: Amount
    apart: Apart


class Advice(Part):
    """The whole; parts about the data are null without a release, the method without a model."""

    advice_version: int = ADVICE_VERSION
    release: str | None
    rows: int | None
    purpose: Purpose | None
    amount: Amount | None
    method: Method | None
    apart: Apart | None
    published: list[Published]
