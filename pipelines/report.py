"""What a run measured, put together as report.json.

Pure: frames and the stages' figures in, a Report out. Nothing is measured twice; what a stage could
not measure is null here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from checks.diversity import vendi_score
from checks.licenses import summed
from checks.registry import Check, Severity
from pipelines._coverage import coverage
from pipelines._examples import examples_of, first_of, shown
from pipelines._histogram import histogram, spread
from pipelines._released import is_released
from pipelines._restored import is_restored
from pipelines._spans import remembered_marks
from pipelines._texts import rows_of
from pipelines._thresholds import thresholds_of
from pipelines.advice.data import data_advice
from schemas.outcome import (
    DUPLICATE_CONFLICT,
    DUPLICATE_EXACT,
    DUPLICATE_NEAR,
    DUPLICATE_SEMANTIC,
    SPLITS,
    Fate,
)
from schemas.record import WHOLE_TEXTS
from schemas.report import (
    Checks,
    Contamination,
    Difficulty,
    Diversity,
    Duplicates,
    Example,
    Expectations,
    ExportFigures,
    Licenses,
    People,
    Previous,
    Repairs,
    Report,
    Rows,
    Run,
    Selection,
    SourceFigures,
    Sources,
    Splits,
    Spread,
    Training,
    TrainingRows,
)

Vectors = NDArray[np.float32]

NO_EXPECTATIONS = Expectations(
    success=False, evaluated=0, successful=0, critical_failures=0, warning_failures=0, not_evaluated=0, results=[]
)
"""Before the contract has run."""


class Measured(NamedTuple):
    """What the stages handed over, by stage."""

    records: pl.DataFrame  # every readable row in reading order, with all columns but WHOLE_TEXTS
    ledger: pl.DataFrame
    sources: Sequence[SourceFigures]
    checks: Sequence[Check]  # with the severities in force
    vectors: Vectors
    repairs: Mapping[str, Any]
    dedup: Mapping[str, Any]
    contamination: Mapping[str, Any]
    diversity: Mapping[str, Any]
    difficulty: Mapping[str, Any] | None
    selection: Mapping[str, Any] | None
    leakage: Mapping[str, Any]
    people: People
    exports: Sequence[ExportFigures]
    training: Mapping[str, Any] | None = None  # the target, and how it trains
    domains: Sequence[str] = ()  # the described ones
    previous: Previous | None = None


def build_report(
    measured: Measured, whole: pl.LazyFrame, *, run: Run, version: str, cache: str | None = None
) -> Report:
    """The report but for the contract and the verdict, which need it. `whole` has the records with all of TEXTS.

    With `cache`, what is marked in examples is worked out once.
    """
    released = released_of(measured.records)
    checks = _checks(measured.records, released, whole, measured.checks, cache)
    report = _report(measured, released, checks, run=run, version=version)
    return report.model_copy(update={"advice": data_advice(released, report)})


def _report(measured: Measured, released: pl.DataFrame, checks: Checks, *, run: Run, version: str) -> Report:
    return Report(
        assay_version=version,
        run=run,
        sources=_sources(measured.sources),
        rows=_rows(measured.ledger, measured.sources),
        checks=checks,
        repairs=Repairs.model_validate(measured.repairs),
        duplicates=_duplicates(measured.records, measured.dedup),
        diversity=_diversity(measured, released, run.seed),
        quality=spread(released["quality"], low=0, high=1, bins=20),  # type: ignore[arg-type]
        toxicity=_toxicity(released),
        difficulty=_difficulty(released, measured.difficulty) if measured.difficulty else None,
        tokens=spread(released["n_tokens"], bins=24, growing=True),  # type: ignore[arg-type]
        training=_training(measured.records, released, measured.training),
        licenses=_licenses(released),
        thresholds=thresholds_of(run.settings),
        languages=_languages(released),
        contamination=_contamination(measured.records, measured.contamination),
        selection=Selection.model_validate(measured.selection) if measured.selection else None,
        splits=_splits(released, measured.leakage),
        people=measured.people,
        exports=list(measured.exports),
        expectations=NO_EXPECTATIONS,
        gate=None,
        previous=measured.previous,
    )


def _toxicity(released: pl.DataFrame) -> Spread | None:
    if "toxicity" not in released.columns or released["toxicity"].null_count() == released.height:
        return None
    return Spread.model_validate(spread(released["toxicity"], low=0, high=1, bins=20))


def _training(records: pl.DataFrame, released: pl.DataFrame, target: Mapping[str, Any] | None) -> Training | None:
    if target is None:
        return None
    parts = {name: _training_rows(frame["training"]) for name, frame in (("readable", records), ("released", released))}
    return Training.model_validate({**target, **parts})


def _training_rows(prepared: pl.Series) -> TrainingRows:
    rows = prepared.struct.unnest()
    trained_on = rows.filter(~pl.col("skipped"))
    lengths = rows["tokens"]
    return TrainingRows(
        rows=rows.height,
        unrendered=rows.height - int(rows["error"].null_count()),
        skipped=int(rows["skipped"].sum()),
        truncated=rows.filter(pl.col("kept") < pl.col("tokens")).height,
        tokens=int(trained_on["kept"].sum()),
        supervised=int(trained_on["supervised"].sum()),
        longest=lengths.max(),  # type: ignore[arg-type]
        lengths=Spread.model_validate(spread(lengths, bins=24, growing=True)),
    )


def _difficulty(released: pl.DataFrame, figures: Mapping[str, Any]) -> Difficulty:
    scored = released["ifd_perplexity_ratio"].is_not_null()
    notes = released.filter(~scored)["difficulty_note"].drop_nulls()
    spreads = {
        name: spread(released[name], low=0, high=high, bins=30)
        for name, high in (
            ("loss_given_prompt", 12.0),
            ("loss_alone", 12.0),
            ("ifd_loss_ratio", 1.5),
            ("ifd_perplexity_ratio", 1.5),
        )
    }
    return Difficulty.model_validate(
        {
            **figures,
            **spreads,
            "scored": int(scored.sum()),
            "unscored": dict(
                notes.value_counts().sort("count", "difficulty_note", descending=[True, False]).iter_rows()
            ),
            "truncated": released.filter(scored, pl.col("difficulty_note").is_not_null()).height,
            # The ratios are 1 together: where the losses are equal.
            "prompt_does_not_help": released.filter(pl.col("ifd_perplexity_ratio") >= 1).height,
        }
    )


def released_of(records: pl.DataFrame) -> pl.DataFrame:
    """The records in train, validation and test."""
    return records.filter(is_released())


def _sources(files: Sequence[SourceFigures]) -> Sources:
    refused = sum(file.status == "refused" for file in files)
    return Sources(read=len(files) - refused, refused=refused, files=list(files))


def _rows(ledger: pl.DataFrame, files: Sequence[SourceFigures]) -> Rows:
    found = dict(ledger["outcome"].value_counts().iter_rows())
    outcomes = {fate.value: int(found.get(fate.value, 0)) for fate in Fate}
    expected = sum(file.records + file.unreadable for file in files)
    released = sum(outcomes[fate.value] for fate in SPLITS)
    return Rows(
        source_rows=sum(file.rows for file in files),
        expected=expected,
        ledger=ledger.height,
        reconciles=expected == ledger.height == sum(outcomes.values()),
        released=released,
        released_share=_share(released, ledger.height),
        unreadable_share=_share(outcomes[Fate.UNREADABLE], ledger.height),
        review_share=_share(outcomes[Fate.REVIEW], ledger.height),
        outcomes=outcomes,
        reasons=_reasons(ledger),
    )


def _reasons(ledger: pl.DataFrame) -> dict[str, dict[str, int]]:
    counted = (
        ledger.explode("reasons", empty_as_null=False)
        .group_by("outcome", "reasons")
        .len()
        .sort("len", "reasons", descending=[True, False])
    )
    found: dict[str, dict[str, int]] = {}
    for outcome, reason, rows in counted.iter_rows():
        found.setdefault(outcome, {})[reason] = rows
    return {fate.value: found[fate.value] for fate in Fate if fate.value in found}


def _checks(
    records: pl.DataFrame, released: pl.DataFrame, whole: pl.LazyFrame, checks: Sequence[Check], cache: str | None
) -> Checks:
    columns = [check.column for check in checks]
    applied, failed, failed_released = (
        frame.select(figures).to_dicts()[0] if columns else {}
        for frame, figures in (
            (records, pl.col(columns).count()),
            (records, (~pl.col(columns)).sum()),
            (released, (~pl.col(columns)).sum()),
        )
    )
    examples = _failing_examples(records, whole, [check for check in checks if failed[check.column]], cache)
    families: dict[str, dict[str, Any]] = {}
    for check in checks:
        name = check.column
        families.setdefault(check.family, {})[check.name] = {
            "severity": check.severity.value,
            "description": check.description,
            "applied": applied[name],
            "failed": failed[name],
            "failed_share": _share(failed[name], applied[name]),
            "released": failed_released[name],
            "examples": examples.get(name, []),
        }
    drops, reviews = (
        pl.all_horizontal(
            pl.lit(True), *(pl.col(check.column).fill_null(True) for check in checks if check.severity is severity)
        )
        for severity in (Severity.DROP, Severity.REVIEW)
    )
    # What a person has seen and released is not in doubt any more; what drops, only a restoring hand overrules.
    bad = released.filter((~drops & ~is_restored(released)) | (~reviews & pl.col("decision").is_null())).height
    return Checks(checked=records.height, failed_released=bad, families=families)


def _failing_examples(
    records: pl.DataFrame, whole: pl.LazyFrame, failing: Sequence[Check], cache: str | None
) -> dict[str, list[Example]]:
    """Examples of each of these checks, which some records fail, by its column. What they say is read once."""
    first = {check.column: first_of(records, ~pl.col(check.column)) for check in failing}
    ids = pl.concat([pl.Series(dtype=pl.Int64), *(rows["row_id"] for rows in first.values())]).unique()
    texts = rows_of(whole, ids, WHOLE_TEXTS)
    said = {name: rows.join(texts, on="row_id", how="left", maintain_order="left") for name, rows in first.items()}
    marks = remembered_marks([(said[check.column], check) for check in failing], cache)
    return {check.column: shown(said[check.column], records, each) for check, each in zip(failing, marks, strict=True)}


def _duplicates(records: pl.DataFrame, dedup: Mapping[str, Any]) -> Duplicates:
    def rows(outcome: Fate, reason: str) -> pl.Expr:
        return (pl.col("outcome") == outcome.value) & pl.col("reasons").list.contains(reason)

    def way(name: str, reason: str) -> dict[str, Any]:
        known = ("removed", "clusters", "largest", "threshold", "pairs")
        figures = {key: value for key, value in dedup[name].items() if key in known}
        return {**figures, "examples": examples_of(records, rows(Fate.DUPLICATE, reason))}

    semantic = dedup["semantic"]
    suspects = rows(Fate.REVIEW, DUPLICATE_SEMANTIC)
    conflicts = rows(Fate.REVIEW, DUPLICATE_CONFLICT)
    return Duplicates(
        exact=way("exact", DUPLICATE_EXACT),  # type: ignore[arg-type]
        near=way("near", DUPLICATE_NEAR),  # type: ignore[arg-type]
        semantic=way("semantic", DUPLICATE_SEMANTIC),  # type: ignore[arg-type]
        suspected=records.select(suspects.sum()).item(),
        suspected_examples=examples_of(records, suspects),
        conflicts=records.select(conflicts.sum()).item(),
        conflict_examples=examples_of(records, conflicts),
        truncated=dedup["truncated"],
        capped=semantic["capped"],
        refined=semantic["refined"],
        recall=semantic["recall"],
        similarities=_similarities(semantic),
        removed_at=semantic["removed_at"],
    )


def _similarities(semantic: Mapping[str, Any]) -> Any:
    """Pairs of prompts in bins of 0.01, from the floor at which the curve of `removed_at` starts."""
    floor = min(map(float, semantic["removed_at"]), default=0.0)
    pairs = pl.Series(semantic["similarities"], dtype=pl.Float64)
    return histogram(pairs, low=floor, high=1, bins=max(1, round((1 - floor) * 100)))


def _diversity(measured: Measured, released: pl.DataFrame, seed: int) -> Diversity:
    records, vectors, figures = measured.records, measured.vectors, measured.diversity
    terms = dict(enumerate(figures["cluster_terms"]))
    vendi = vendi_score(vectors, released["vector"].to_numpy())
    embedded = records["vector"].drop_nulls().to_numpy()
    some = np.sort(np.random.default_rng(seed).permutation(len(embedded))[: released.height])
    random = vendi_score(vectors, embedded[some])
    return Diversity.model_validate(
        {
            **figures,
            "embedded": len(embedded),
            "vendi": vendi,
            "vendi_random": random,
            "vendi_share": vendi / random if vendi and random else None,
            "coverage": coverage(records, domains=measured.domains, terms=terms),
        }
    )


def _contamination(records: pl.DataFrame, figures: Mapping[str, Any]) -> Contamination:
    contaminated = pl.col("outcome") == Fate.CONTAMINATED.value
    return Contamination.model_validate({**figures, "examples": examples_of(records, contaminated)})


def _languages(released: pl.DataFrame) -> dict[str, int]:
    counts = (
        released["language"].fill_null("unknown").value_counts().sort("count", "language", descending=[True, False])
    )
    return {str(code): int(count) for code, count in counts.iter_rows()}


def _licenses(released: pl.DataFrame) -> Licenses:
    return Licenses.model_validate(summed(released["license"].value_counts().sort("license").iter_rows()))


def _splits(released: pl.DataFrame, leakage: Mapping[str, Any]) -> Splits:
    parts = {}
    for fate in SPLITS:
        part = released.filter(pl.col("split") == fate.value)
        parts[fate.value] = {
            "rows": part.height,
            "share": _share(part.height, released.height),
            "tokens": int(part["n_tokens"].sum()),
        }
    return Splits.model_validate({**parts, "leakage": dict(leakage)})


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
