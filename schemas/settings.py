"""Settings: one small frozen model per stage, and assay.yaml that holds them all.

Every threshold's source stands in the comment above it. An unknown key is an error, because a
misspelt threshold that is silently ignored changes a dataset.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from schemas.calibration import Calibrated, Evidence
from schemas.errors import SettingsError

BESIDE = ("project", "runner")
"""Sections of assay.yaml that say when and where, and nothing of what a release holds: see schemas/project.py."""

SelectionMethod = Literal["quality", "deita", "k-center", "facility-location", "difficulty", "mix", "random", "longest"]
Format = Literal["trl", "llama-factory", "axolotl", "litgpt", "openai"]
# YAML reads a bare `off` as false.
SeverityOverride = Annotated[
    Literal["drop", "review", "note", "off"], BeforeValidator(lambda said: "off" if said is False else said)
]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class IngestSettings(Frozen):
    """How sources are read."""

    shape: str | None = None
    # Glob over the ledger's source to the licence of its rows; the first that matches. A row's own statement wins.
    licenses: dict[str, Annotated[str, Field(min_length=1, max_length=200)]] = Field(default_factory=dict)
    # A block of this size was within 1.2x of polars' own reader at 0.6x its memory.
    batch_bytes: int = Field(default=8 * 2**20, ge=2**10)
    # The longest real conversation in public sets is about 2 MB; beyond 32 MiB it is not one record.
    max_record_bytes: int = Field(default=32 * 2**20, ge=2**10)


class RepairSettings(Frozen):
    """Whether damage of the tools that made the data is only shown, or mended where that changes no meaning."""

    # YAML reads a bare `off` as false.
    apply: Annotated[Literal["off", "safe"], BeforeValidator(lambda said: "off" if said is False else said)] = "off"


class ValidateSettings(Frozen):
    """Which checks decide, and their limits."""

    severities: dict[str, SeverityOverride] = Field(default_factory=dict)
    languages: tuple[str, ...] = ()
    # The context length most LoRA recipes train at; longer rows are truncated by the trainer.
    max_tokens: int = Field(default=4096, ge=16)


class DedupSettings(Frozen):
    """Three ways to be the same, and where each threshold lies."""

    # Lee et al. 2022 (arXiv:2107.06499) and the field's tools remove at Jaccard 0.8.
    min_jaccard: float = Field(default=0.8, gt=0, le=1)
    # On labelled question pairs (QQP) 0.89 of what lies above the first, and 0.76 of what lies between the
    # two, are duplicates by the prompt alone; the answers must agree as well (docs/decisions/0003).
    min_similarity: float = Field(default=0.92, gt=0, le=1)
    suspect_similarity: float = Field(default=0.88, gt=0, le=1)
    # Two answers to near-equal prompts: at or above the first they agree, below the second they disagree.
    answer_agreement: float = Field(default=0.9, gt=0, le=1)
    answer_conflict: float = Field(default=0.5, ge=0, le=1)
    model: str = "builtin"
    # Static vectors instead of the model's own: seconds instead of minutes, and nothing is removed by them.
    draft: bool = False
    # At no threshold were 0.85 of the question pairs above it duplicates, which removal needs (docs/decisions/0003).
    # From here up 0.78 are (QQP; MRPC 0.96), as many as of the suspects of the model itself.
    draft_similarity: float = Field(default=0.95, gt=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> "DedupSettings":
        if self.suspect_similarity > self.min_similarity:
            raise ValueError("suspect_similarity must not be above min_similarity")
        if self.answer_conflict > self.answer_agreement:
            raise ValueError("answer_conflict must not be above answer_agreement")
        return self


class ScoreSettings(Frozen):
    """What is measured on the survivors."""

    clusters: int | None = Field(default=None, ge=1)
    # Prompts are embedded already; to embed every answer as well takes several times as long as the rest of a run.
    toxicity: Literal["off", "prompts", "all"] = "prompts"


class DifficultySettings(Frozen):
    """How much a prompt helps a small language model to its answer: an hour for 50,000 rows on two cores."""

    measure: bool = False
    model: str = "builtin"  # or the folder of a causal language model
    # Both papers' code reads so many of a record's tokens, or half of it (arXiv:2308.12032, 2402.00530).
    max_tokens: int = Field(default=2048, ge=64)
    # So many records, drawn at random; null measures all.
    sample: int | None = Field(default=None, ge=1)


class RouteSettings(Frozen):
    """What goes to people beside what checks and stages doubt."""

    # Records whose quality is lower, or was not measured, go to review; null sends none. The score knows form, not
    # truth (docs/decisions/0004), so no number holds for all data: `assay calibrate` finds one on yours, or none.
    min_quality: float | None = Field(default=None, ge=0, le=1)
    # Records whose answer has less to do with their prompt than this cosine go to review; 0 measures nothing. 0.15
    # finds .86 of the answers that belong to another question, and .007 of the others (docs/quality.md). Without it,
    # data with such answers keeps half of the damage that curation can undo (docs/evidence.md).
    min_relevance: Annotated[float, BeforeValidator(lambda said: 0.0 if said is None else said)] = Field(
        default=0.15, ge=0, le=1
    )


class SelectionSettings(Frozen):
    """A subset instead of everything."""

    target_size: int | None = Field(default=None, ge=1)
    # Instead of so many records, as many as have so many tokens.
    target_tokens: int | None = Field(default=None, ge=1)
    # What the others cost and reach: docs/selection.md.
    method: SelectionMethod = "deita"
    # DEITA's representation filter (arXiv:2312.15685) skips a record this close to one selected.
    max_similarity: float = Field(default=0.9, gt=0, le=1)

    @model_validator(mode="after")
    def _one_target(self) -> "SelectionSettings":
        if self.target_size is not None and self.target_tokens is not None:
            raise ValueError("give target_size or target_tokens, not both")
        if self.method != "deita" and not self.wanted:
            raise ValueError(f"method {self.method} chooses nothing without target_size or target_tokens; give one")
        return self

    @property
    def wanted(self) -> bool:
        """Whether anything is selected out."""
        return self.target_size is not None or self.target_tokens is not None


class ContaminationSettings(Frozen):
    """Test data that must not be trained on."""

    against: tuple[str, ...] = ()
    # GPT-3 (arXiv:2005.14165) used 13-grams, later work 8; an item with words left out keeps few runs of more than 5.
    ngram: int = Field(default=5, ge=3)
    # The share of the words in a benchmark item's n-grams that must be found in the record.
    min_overlap: float = Field(default=0.5, gt=0, le=1)
    # Prompts this close to an item's go to people. Of 200 questions of GSM8K's own training set the closest has .81.
    review_similarity: float | None = Field(default=0.85, gt=0, le=1)


class SplitSettings(Frozen):
    """How records are shared out. What is left over from validation and test is train."""

    validation: float = Field(default=0.05, ge=0, lt=1)
    test: float = Field(default=0.05, ge=0, lt=1)
    # Prompts this close stay on one side.
    link_similarity: float = Field(default=0.9, gt=0, le=1)
    previous: str | None = None

    @model_validator(mode="after")
    def _leaves_train(self) -> "SplitSettings":
        if self.validation + self.test >= 1:
            raise ValueError("validation + test must leave something to train on (sum below 1)")
        return self


class ExportSettings(Frozen):
    """Which trainers' formats are written beside the canonical splits."""

    formats: tuple[Format, ...] = ("trl",)


class TrainingSettings(Frozen):
    """What the records will train, so that each can be prepared as the trainer prepares it."""

    # A tokenizer's folder or GGUF file, "smollm2" or "openai"; null renders nothing.
    target: str | None = Field(default=None, min_length=1)
    # The trainer's window in the target's own tokens; null is validation.max_tokens. SFTConfig's own default is 1024.
    max_length: int | None = Field(default=None, ge=16)
    # What SFTTrainer takes its loss of: all, as its defaults do; assistant and completion as its *_only_loss do.
    loss: Literal["all", "assistant", "completion"] = "all"


class TierSettings(Frozen):
    """A group of people who are paid alike, and have one workspace."""

    # Of one submitted response, in the project's currency.
    price: Decimal = Field(ge=0, max_digits=12)
    # Usernames; the embedded server makes an account for each.
    annotators: tuple[str, ...] = ()
    budget: Decimal | None = Field(default=None, ge=0)


class RuleSettings(Frozen):
    """Where a task goes. All that is said must hold; a rule that says nothing always holds."""

    tier: str
    domains: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()  # "family.check", or "family.*"
    kinds: tuple[Literal["record", "pair", "preference"], ...] = ()
    sources: tuple[str, ...] = ()  # globs over the ledger's source
    min_reasons: int | None = Field(default=None, ge=1)
    min_tokens: int | None = Field(default=None, ge=1)
    max_quality: float | None = Field(default=None, ge=0, le=1)
    # The perplexity ratio where a run measured difficulty, else the records' own metadata on whatever scale.
    min_difficulty: float | None = Field(default=None, allow_inf_nan=False)


class BudgetSettings(Frozen):
    """What may be promised and spent, in the project's currency. Null is no limit."""

    total: Decimal | None = Field(default=None, ge=0)
    month: Decimal | None = Field(default=None, ge=0)


class OverlapSettings(Frozen):
    """A sample that several people judge, so that agreement can be measured."""

    share: float = Field(default=0.0, ge=0, le=1)
    annotators: int = Field(default=3, ge=2)


class GoldSettings(Frozen):
    """Records whose verdict is known, mixed in unmarked."""

    # JSON lines with prompt, completion and verdict (accept, fix or reject).
    file: str | None = None
    # Crowd work screens near here; below it an annotator is named.
    min_accuracy: float = Field(default=0.7, ge=0, le=1)
    # Fewer answers say nothing about a person.
    min_answers: int = Field(default=5, ge=1)


# The field's range for a human label is $2 to $20, for an expert's $50 to $200; these are their lower ends.
_TIERS = {
    "crowd": TierSettings(price=Decimal(2), annotators=("annotator",)),
    "expert": TierSettings(price=Decimal(50), annotators=("expert",)),
}
# Several short parts find more than one long sentence: on 300 Alpaca and Dolly prompts, read and labelled by hand, and
# 135 found by keywords, they raise the share that is placed right from 0.82 to 0.91, and CodeAlpaca's found as code
# from 0.04 to 0.66.
_DOMAINS = {
    "medical": "diseases and symptoms; diagnosis and treatment of patients; drugs, doses and side effects; anatomy; "
    "first aid",
    "legal": "laws and statutes; contracts and liability; courts and trials; constitution and rights; crimes; "
    "copyright and licences",
    "finance": "stocks and investing; taxes; loans, interest and mortgages; bank accounts and credit cards; insurance; "
    "accounting and financial reports",
    "code": "write a Python function; write an SQL query; HTML and CSS; JavaScript code; debug this source code; "
    "an algorithm over an array; a function that takes a string as argument; a class in Java or C++; "
    "regular expression",
}


# What the store's columns hold. SQLite would take longer ones, and PostgreSQL refuse them when people are asked.
MAX_NAME = 100


class AnnotationSettings(Frozen):
    """Who looks at what, and what it may cost."""

    project: str = Field(default="assay", pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    tiers: dict[str, TierSettings] = Field(default_factory=lambda: dict(_TIERS), min_length=1)
    budget: BudgetSettings = BudgetSettings()
    # Name to description, in parts separated by semicolons; a record's domain is that of the part its prompt lies
    # closest to.
    domains: dict[str, str] = Field(default_factory=lambda: dict(_DOMAINS))
    # Of general prompts drawn at random 0.02 lie above it for some domain, and an expert costs 25 times as much.
    domain_similarity: float = Field(default=0.32, ge=-1, le=1)
    # The first that matches decides. Not said: every domain goes to the last tier, the rest to the first.
    rules: tuple[RuleSettings, ...] = (
        RuleSettings(tier="expert", domains=tuple(_DOMAINS)),
        RuleSettings(tier="crowd"),
    )
    # Who decides where the others disagree; null leaves ties undecided. Not said: the last of several tiers.
    adjudication: str | None = "expert"
    # Krippendorff's own advice: below 0.667 not even tentative conclusions (Content Analysis, 2004, p. 241).
    min_agreement: float = Field(default=0.667, ge=0, le=1)
    overlap: OverlapSettings = OverlapSettings()
    gold: GoldSettings = GoldSettings()
    # A gap between two submissions longer than this was a break (minutes).
    idle_minutes: float = Field(default=5.0, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _own_tiers_and_domains(cls, given: Any) -> Any:
        """Defaults that name tiers and domains follow the tiers and domains that are given."""
        if not isinstance(given, dict) or not given.keys() & {"tiers", "domains"}:
            return given
        tiers, domains = given.get("tiers", _TIERS), given.get("domains", _DOMAINS)
        if not isinstance(tiers, dict) or not tiers or not isinstance(domains, dict):
            return given
        first, last = next(iter(tiers)), list(tiers)[-1]
        experts = [{"tier": last, "domains": list(domains)}] if domains and last != first else []
        return {
            "rules": [*experts, {"tier": first}],
            "adjudication": last if last != first else None,
            **given,
        }

    @model_validator(mode="after")
    def _names_fit(self) -> "AnnotationSettings":
        people = [name for tier in self.tiers.values() for name in tier.annotators]
        for what, names in (("tier", self.tiers), ("annotator", people), ("domain", self.domains)):
            for name in names:
                if len(name) > MAX_NAME:
                    raise ValueError(f"the {what} {name[:20]!r}... has {len(name)} characters; {MAX_NAME} are allowed")
        return self

    @model_validator(mode="after")
    def _tiers_exist(self) -> "AnnotationSettings":
        named = {rule.tier for rule in self.rules} | ({self.adjudication} if self.adjudication else set())
        for name in sorted(named - set(self.tiers)):
            raise ValueError(f"no tier is called {name!r}; tiers are {', '.join(self.tiers)}")
        for rule in self.rules:
            for domain in sorted(set(rule.domains) - set(self.domains)):
                raise ValueError(f"no domain is called {domain!r}; domains are {', '.join(self.domains)}")
        if not self.rules or self.rules[-1].model_dump(exclude={"tier"}, exclude_defaults=True):
            raise ValueError("the last rule must name a tier and nothing else, so that every record has one")
        return self


class Settings(Frozen):
    """All of assay.yaml."""

    seed: int = Field(default=42, ge=0)
    ingest: IngestSettings = IngestSettings()
    repairs: RepairSettings = RepairSettings()
    validation: ValidateSettings = ValidateSettings()
    dedup: DedupSettings = DedupSettings()
    contamination: ContaminationSettings = ContaminationSettings()
    score: ScoreSettings = ScoreSettings()
    difficulty: DifficultySettings = DifficultySettings()
    route: RouteSettings = RouteSettings()
    selection: SelectionSettings = SelectionSettings()
    split: SplitSettings = SplitSettings()
    export: ExportSettings = ExportSettings()
    training: TrainingSettings = TrainingSettings()
    annotation: AnnotationSettings = AnnotationSettings()
    # What thresholds above were chosen by. Nothing is decided by it: a threshold changed since is told as set by hand.
    calibration: dict[Calibrated, Evidence] = Field(default_factory=dict)
    policy: str | None = None


def load_settings(path: Path | None, **overrides: dict[str, Any]) -> Settings:
    """Settings from `path` (or the defaults), with a section's `overrides` from the command line on top.

    An override of None leaves the file's value. Raises SettingsError naming the file and the key.
    """
    given = without_beside(read_settings_file(path)) if path else {}
    for section, values in overrides.items():
        said = {key: value for key, value in values.items() if value is not None}
        if section == "run":
            given.update(said)
        elif said:
            given[section] = {**(given.get(section) or {}), **said}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError(f"{path or 'settings'}: {first_problem(error)}") from error


def first_problem(error: ValidationError) -> str:
    """One line for the first of pydantic's complaints: where, what was given, what is allowed."""
    problem = error.errors()[0]
    where = ".".join(str(step) for step in problem["loc"]) or "the file"
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key; remove it or correct its spelling"
    return f"{where}: {problem['msg']} (given: {str(problem['input'])[:60]!r})"


def without_beside(given: dict[str, Any]) -> dict[str, Any]:
    """The content of assay.yaml as far as it is settings."""
    return {key: value for key, value in given.items() if key not in BESIDE}


def read_settings_file(path: Path) -> dict[str, Any]:
    """The content of assay.yaml, unjudged; of a release's manifest, the settings that it was made with.

    Raises SettingsError where it cannot be read or is no mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); check the path given to --config") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"{path}: is not YAML ({str(error).splitlines()[0]}); correct the file") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: holds a {type(content).__name__}, not settings; start from docs/settings.md")
    return content["settings"] if is_manifest(content) else content


def is_manifest(content: Mapping[str, Any]) -> bool:
    """Whether a file's content is a release's manifest, which holds settings among other things."""
    return "manifest_version" in content and isinstance(content.get("settings"), dict)
