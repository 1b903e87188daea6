"""report.json: everything a run measured, machine-readable and versioned.

Every figure a policy may demand stands here under a stable dotted path. A figure that could not be
measured is null, and null never passes a demand. Shares are in [0, 1], similarities are cosines or
Jaccard indices in [0, 1], lengths are in tokens, times in seconds.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from schemas.advice import DataAdvice
from schemas.calibration import Evidence

REPORT_VERSION = 1


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SourceFigures(Part):
    """One file (or split of a saved dataset) as ingest saw it."""

    source: str
    status: Literal["read", "refused"]
    shape: str | None = None  # the detected or given shape; null when refused
    format: str | None = None  # json, jsonl, csv, tsv, parquet, arrow, datasets
    compression: str | None = None  # gzip, zstd; null when plain
    rows: int = 0  # input rows, readable or not
    records: int = 0  # records made of them (a tree makes several)
    unreadable: int = 0
    bytes: int | None = None  # on disk
    sha256: str | None = None  # of the file's bytes; null for what is not one file
    refusal: str | None = None  # the one line that says why it was refused


class Sources(Part):
    read: int
    refused: int
    files: list[SourceFigures]


class Rows(Part):
    """The sum. `in_` of the ledger is what the readers counted, `ledger` what has an outcome."""

    source_rows: int  # input rows as the readers counted them
    expected: int  # records made of them plus unreadable rows: what the ledger must hold
    ledger: int
    reconciles: bool
    released: int  # train + validation + test
    released_share: float | None
    unreadable_share: float | None
    review_share: float | None
    outcomes: dict[str, int]  # every Fate, zeros included
    reasons: dict[str, dict[str, int]] = {}  # outcome -> reason -> rows, descending; a row may have several


class Span(Part):
    """Characters [start, end) of an example's text as it is cut there."""

    text: Literal["prompt", "completion"]
    start: int
    end: int


class Example(Part):
    """A row that shows a finding. Texts are cut; the whole is in records.parquet."""

    record_id: str
    source: str
    source_row: int
    prompt: str
    completion: str | None = None
    twin: str | None = None
    twin_source: str | None = None
    twin_source_row: int | None = None
    twin_prompt: str | None = None
    twin_completion: str | None = None
    similarity: float | None = None
    detail: str | None = None  # what the reason and the twin do not say
    spans: list[Span] = []  # words that fail the check by themselves, and without which it would pass


class CheckFigures(Part):
    """One check over all readable rows."""

    severity: Literal["drop", "review", "note"]
    description: str
    applied: int | None = None  # readable rows that the check is about; null: a report from before this was counted
    failed: int
    failed_share: float | None  # of those it applies to
    released: int  # of the failed, how many are released all the same (notes only, when all is well)
    examples: list[Example]


class Checks(Part):
    checked: int  # readable rows
    # Released rows that fail a DROP check and that no person restored, or a REVIEW check that no person overruled: must
    # be 0. `people.restored` counts what was restored.
    failed_released: int
    families: dict[str, dict[str, CheckFigures]]  # reached as checks.FAMILY.NAME too


class RepairExample(Part):
    """A text before and after; cut to where it changes."""

    record_id: str  # before
    source: str
    source_row: int
    before: str
    after: str


class RepairFigures(Part):
    """One kind of repair over all readable rows."""

    safe: bool  # changes no meaning, so that `--apply-repairs safe` makes it
    description: str
    suggested: int  # rows that it applies to
    applied: int  # rows in which it was made
    refused: int  # rows in which it was not, because it would leave nothing or failed
    examples: list[RepairExample]


class Repairs(Part):
    """What the tools that made the data left in it and could be mended. Nothing is, unless `apply` says so."""

    apply: Literal["off", "safe"]
    rows: int  # with one repair at least that applies
    changed: int  # repaired
    kinds: dict[str, RepairFigures]

    def suggested(self, *, safe_only: bool = False) -> int:
        """Repairs of all kinds that apply; a row may have several."""
        return sum(kind.suggested for kind in self.kinds.values() if kind.safe or not safe_only)

    def applied(self) -> int:
        """Repairs of all kinds that were made."""
        return sum(kind.applied for kind in self.kinds.values())


class StageDuplicates(Part):
    """One way of being the same."""

    removed: int
    clusters: int  # clusters with more than one member
    largest: int  # members of the largest cluster, the kept one included
    threshold: float | None = None
    pairs: int | None = None  # verified pairs at or above the threshold
    examples: list[Example]


class Histogram(Part):
    """`counts[i]` lies in [edges[i], edges[i + 1]); the last bin is closed."""

    edges: list[float]
    counts: list[int]


class Duplicates(Part):
    exact: StageDuplicates
    near: StageDuplicates
    semantic: StageDuplicates
    suspected: int  # rows sent to review as a possible semantic duplicate
    suspected_examples: list[Example] = []
    conflicts: int  # rows sent to review because near-equal prompts have disagreeing answers
    conflict_examples: list[Example]
    truncated: int  # prompts longer than the model's window: never removed by their embedding
    capped: int  # prompts with more neighbours than are stored
    refined: int = 0  # prompts embedded in full precision too, as a faster one had put them near another
    recall: float = 1.0  # of the pair search, measured on a sample of its own rows; 1.0 where it was exact
    similarities: Histogram | None  # of prompt pairs at or above the stored floor
    removed_at: dict[str, int]  # min_similarity -> rows the semantic stage would remove


class VerbObject(Part):
    verb: str
    object: str
    count: int


class Covered(Part):
    """One domain, task or cluster, and the rows that it has. A row is in one of each kind."""

    name: str  # of a cluster its own words
    scored: int  # rows that are neither dropped, duplicate nor contaminated
    released: int
    share: float | None  # of all released rows
    quality_mean: float | None  # of the released rows
    nearest_mean: float | None  # similarity to the nearest other prompt
    thin: bool  # fewer released rows than a part (`Coverage.thin_below`) of an even share
    examples: list[str] = []  # released prompts, cut


class Coverage(Part):
    """How the released rows spread over what a model is asked for."""

    thin_below: float  # of an even share of the released rows
    domains: list[Covered]  # the described ones and "general", which is never thin; empty where not measured
    tasks: list[Covered]  # by the word that opens the prompt; "other" is never thin
    clusters: list[Covered]  # the largest first
    domain_tasks: dict[str, dict[str, int]]  # domain -> task -> released rows


class Diversity(Part):
    embedded: int
    clusters: int | None
    cluster_sizes: list[int]  # descending
    cluster_terms: list[str]  # the words that mark each cluster, in the order of cluster_sizes
    vendi: float | None  # of the released rows (Friedman & Dieng 2023)
    vendi_random: float | None  # of a random subset of the readable rows, of the same size
    vendi_share: float | None  # vendi / vendi_random
    nearest: Histogram | None  # similarity of each kept row to its nearest kept neighbour
    nearest_mean: float | None
    verb_objects: list[VerbObject]  # the most frequent, descending
    verb_object_distinct: int
    verb_object_entropy: float | None  # normalised to [0, 1]
    coverage: Coverage | None = None  # null in reports of before it was measured


class Spread(Part):
    """A column of numbers."""

    counted: int
    missing: int
    mean: float | None
    quantiles: dict[str, float]  # "0.05", "0.25", "0.5", "0.75", "0.95"
    histogram: Histogram | None


class Difficulty(Part):
    """How much prompts help a small language model to the released rows' answers: instruction-following difficulty.

    Losses are means over an answer's tokens, in nats. The two ratios are different scores and are never mixed:
    arXiv:2308.12032 divides losses, arXiv:2402.00530 divides perplexities.
    """

    model: str
    model_digest: str
    precision: Literal["bfloat16", "float32"]
    max_tokens: int  # of a record; what is behind them is not seen
    scored: int
    unscored: dict[str, int]  # why -> rows, descending
    truncated: int  # of the scored, rows whose end was not seen
    loss_given_prompt: Spread
    loss_alone: Spread
    ifd_loss_ratio: Spread
    ifd_perplexity_ratio: Spread
    prompt_does_not_help: int  # rows whose ratios are 1 or more
    asked: int  # rows that the model was asked about in this run, released or not; the others were known
    seconds: float
    rows_per_second: float | None  # of those asked; null where none was


class Baseline(Part):
    """A subset: the chosen one, or one chosen in a simpler way."""

    method: str  # in words
    rows: int
    tokens: int | None = None  # null in releases of before they were summed
    quality_mean: float | None
    vendi: float | None
    tokens_mean: float | None
    nearest_mean: float | None
    difficulty_mean: float | None = None  # of the ratios of perplexities; null where they were not measured


class Selection(Part):
    method: str = "deita"  # as the settings name it; there was no other before it was told
    target_size: int | None  # records asked for; null where tokens were
    target_tokens: int | None = None
    selected: int
    chosen: Baseline
    baselines: list[Baseline]  # of as many rows
    at_equal_tokens: list[Baseline] = []  # by the same methods, of no more tokens than the chosen rows have


class SplitFigures(Part):
    rows: int
    share: float | None
    tokens: int


class Leakage(Part):
    linked_across: int  # links (near-duplicate, conversation, document) that cross a split: must be 0
    max_similarity: float | None  # largest prompt cosine between train and test
    pair: list[str]  # the two record_ids behind it; empty when there is none
    components: int  # groups of rows that had to stay together
    largest_component: int
    kept_from_previous: int | None  # rows whose split an earlier release had fixed
    moved_from_previous: int | None  # rows that could not keep it without leaking


class Splits(Part):
    train: SplitFigures
    validation: SplitFigures
    test: SplitFigures
    leakage: Leakage


class Forecast(Part):
    """What is still to come before everything that was given out is decided. Amounts as in Cost."""

    tasks: int  # open
    responses: int  # that they still ask for
    amount: int  # reserved for them
    adjudications: float | None  # expected at the rate of disagreement so far; null where nothing was decided yet
    adjudication_amount: int  # for those; not reserved yet
    short: int | None  # of it, beyond what the budget leaves; null without a budget


class Agreement(Part):
    """How far people of one tier agree beyond chance: Krippendorff's alpha, at most 1, where 0 is chance."""

    tier: str
    kind: str  # of task: record, pair, preference
    question: str  # verdict, or what was rated
    alpha: float | None  # null where it is undefined; `why` says the reason
    low: float | None  # of the 95 % interval
    high: float | None
    tasks: int  # with two answers or more
    why: str | None


class Cost(Part):
    """What people cost, in the minor units (cents) of `currency`, as the cost ledger stood when the run began."""

    currency: str
    spent: int
    reserved: int
    left: int | None  # of the project's budget; null where none is set
    per_accepted: int | None  # spent for each record that people accepted or fixed; null where there is none
    by_tier: dict[str, int]  # spent
    forecast: Forecast | None = None  # null in reports of before it was kept


class People(Part):
    """What people decided, as far as this run met it, and what that cost."""

    accepted: int  # rows that people found good, whatever sent them to review
    fixed: int  # rows whose answer was corrected
    rejected: int  # rows that people kept out
    restored: int = 0  # rows that a person brought back whatever a stage found of them, with a name and a reason
    same: int  # pairs of records that people called the same
    different: int  # pairs that people called different
    unapplied: int  # decisions that could not be carried out; the ledger's detail says why
    cost: Cost | None  # null where the store holds no cost ledger of the project
    agreement: list[Agreement] = []  # of all that the project ever asked several people; empty where none were


class Contamination(Part):
    benchmarks: dict[str, int]  # name -> items
    removed: int
    by_benchmark: dict[str, int]
    by_words_only: list[str] = []  # indexes, which hold no text: what only reads like their items was not looked for
    similar: int | None = None  # in review, because a prompt reads like an item's; null where that was not looked for
    examples: list[Example]


class TrainingRows(Part):
    """Some rows, as a trainer of the target prepares them. Tokens are the target's own."""

    rows: int
    unrendered: int  # the chat template raises, which stops a trainer
    skipped: int  # the trainer drops them: nothing that it learns lies within the window
    truncated: int  # cut off at the window, the skipped ones included
    tokens: int  # that the trainer gets: within the window, of rows that it does not drop
    supervised: int  # of these, those that the loss is taken of
    longest: int | None  # tokens of a row before it is cut; a preference has two sequences
    lengths: Spread  # of the same


class Training(Part):
    """What the target's trainer will do with the rows."""

    target: str  # as the settings name it
    digest: str  # of its tokenizer's files and chat template, or of its encoding
    max_length: int  # the window
    loss: Literal["all", "assistant", "completion"]
    readable: TrainingRows
    released: TrainingRows


class LicenseRows(Part):
    license: str  # SPDX's identifier or expression; as it was stated where it is not recognised
    recognised: bool
    rows: int
    stated: list[str]  # the words of the sources, sorted
    demands: list[str]  # attribution, share_alike, non_commercial, no_derivatives, use_restricted
    url: str | None  # of its text, where SPDX has it


class LicenseConflict(Part):
    """Two licences under which no one adaptation of rows of both can be passed on."""

    one: str
    other: str
    why: str
    rows: list[int]  # of each


class Licenses(Part):
    """What the released rows state to be licensed under. No legal advice: checks/licenses.py says what it rests on.

    Counts are rows; a row under alternatives demands what all of them do.
    """

    unknown: int  # that state no licence, and whose source states none
    unrecognised: int  # whose licence is in no table of ours, so that nothing is known of its demands
    attribution: int
    share_alike: int
    non_commercial: int
    no_derivatives: int
    use_restricted: int
    conflicts: int  # pairs of licences
    licenses: list[LicenseRows]  # descending by rows
    conflicting: list[LicenseConflict]


class Threshold(Part):
    """A threshold that people can calibrate, and where its value comes from."""

    value: float | None
    origin: Literal["default", "set", "calibrated"]  # set: in the settings, and not what its evidence speaks for
    evidence: Evidence | None = None  # of the last calibration, also where the value was set by hand since


class Thresholds(Part):
    min_similarity: Threshold
    min_quality: Threshold


class Refused(Part):
    reason: str
    rows: int


class ExportFigures(Part):
    format: str
    rows: int
    refused: int
    refusals: list[Refused]  # descending
    files: list[str]  # below the run's folder


class ExpectationResult(Part):
    """One Great Expectations result, in our words."""

    suite: str
    expectation: str  # GX's type, e.g. expect_column_values_to_be_in_set
    column: str | None
    severity: Literal["critical", "warning", "info"]
    success: bool
    observed: str | None
    unexpected: int | None
    error: str | None  # GX could not evaluate it
    sentence: str  # what it demands, for a person


class Expectations(Part):
    success: bool
    evaluated: int
    successful: int
    critical_failures: int
    warning_failures: int
    not_evaluated: int
    results: list[ExpectationResult]


class StageFigures(Part):
    name: str
    seconds: float
    rows_in: int
    kept: int
    dropped: int
    peak_memory_mb: float | None = None  # MiB, the most that the process had held by its end; null in older reports


class Work(Part):
    """Things that a step needed, and how many of them it worked out; the others were known from an earlier run.

    Of equal ones the first is worked out, so that `new` may be less than `all` where nothing was known.
    """

    all: int
    new: int


class New(Part):
    """What the run worked out anew, by step. Null where the step was not taken."""

    read: Work | None = None  # rows of sources
    measured: Work | None = None  # records: tokens and languages
    checked: Work | None = None  # records, by one check at least that reads the record alone
    verdicts: Work | None = None  # single verdicts of those checks, the quality score being one
    prepared: Work | None = None  # records, as the target's trainer prepares them
    signed: Work | None = None  # texts, by MinHash
    embedded: Work | None = None  # texts; one that is needed twice, as in full precision too, counts twice
    compared: Work | None = None  # prompts, with all others, for close pairs
    neighbours: Work | None = None  # prompts whose nearest neighbour was looked for
    toxicity: Work | None = None  # records; always all of them, as it costs next to nothing
    asked: Work | None = None  # records, by the language model that measures difficulty


class Run(Part):
    run_id: str
    name: str
    seed: int
    started: str  # ISO 8601, UTC
    seconds: float
    resumed_after: str | None = None  # the stage up to which it is an interrupted run's; its seconds are that run's
    peak_memory_mb: float | None  # MiB
    stages: list[StageFigures]
    orchestrator: str = "none"  # prefect, or none where the stages ran in one process by themselves
    orchestration_seconds: float = 0.0  # what it took for itself, until the release was begun
    versions: dict[str, str]
    settings: dict[str, Any]
    embedding_model: str | None
    embedding_backend: str | None
    embedding_dimensions: int | None
    embedding_seconds: float = 0.0  # of all stages: models loaded, converted and at work, vectors read and kept
    draft: bool = False  # embedded by static vectors, which find few of the semantic duplicates and remove none
    new: New | None = None  # null in reports of before it was counted


class DemandResult(Part):
    figure: str
    group: str | None = None  # the rows it is about, as "language de"; null: all
    requirement: str
    measured: float | bool | str | None  # null: could not be measured, and so has not passed
    margin: float | None  # distance to the bound, positive when inside; null for words and flags
    passed: bool
    close: bool = False  # passed, but by less than the policy's margin: a warning
    severity: Literal["fail", "warn"]
    why: str | None

    @property
    def name(self) -> str:
        """The figure, and the rows it is about."""
        return f"{self.figure} ({self.group})" if self.group else self.figure


class Previous(Part):
    """The release before this one: that of --previous, or the one whose place this one takes."""

    path: str  # as the run was told
    run_id: str
    started: str  # ISO 8601, UTC
    passed: bool | None  # null where it was not judged
    figures: dict[str, float | bool | None]  # by their dotted paths: what the page compares


class Verdict(Part):
    policy: str
    passed: bool
    demands: list[DemandResult]


class Report(Part):
    """The whole of report.json."""

    report_version: Literal[1] = 1
    assay_version: str
    run: Run
    sources: Sources
    rows: Rows
    checks: Checks
    repairs: Repairs | None = None  # null in releases of before there were any
    duplicates: Duplicates
    diversity: Diversity
    quality: Spread
    toxicity: Spread | None = None  # of the released rows, [0, 1]; null where it was not measured
    difficulty: Difficulty | None = None  # null where it was not measured
    tokens: Spread
    training: Training | None = None  # null where no target is named
    licenses: Licenses | None = None  # null in releases of before they were summed
    thresholds: Thresholds | None = None  # null in releases of before they could be calibrated
    languages: dict[str, int]  # code -> released rows, descending; "unknown" where undecided
    contamination: Contamination
    selection: Selection | None
    splits: Splits
    people: People
    exports: list[ExportFigures]
    expectations: Expectations
    gate: Verdict | None
    previous: Previous | None = None  # null where there was none
    advice: DataAdvice | None = None  # null in releases of before there was any
