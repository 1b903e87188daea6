"""Figures of some rows of a release: by split, domain, language or source, worked out of its Parquet files.

Each is what report.json has under the same path, of the group's rows alone. Only the columns that it needs are read.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from pipelines._figures import did_you_mean
from pipelines._released import is_released
from schemas.decision import Verdict
from schemas.errors import PolicyError, ReleaseError
from schemas.outcome import SPLITS, Fate
from schemas.policy import Where

UNKNOWN = "unknown"
"""The language, or the domain, of a row without one."""

# As pipelines.report takes them of all rows.
_SPREADS = {
    "quality": "quality",
    "toxicity": "toxicity",
    "tokens": "n_tokens",
    **{f"difficulty.{name}": name for name in ("loss_given_prompt", "loss_alone", "ifd_loss_ratio")},
    "difficulty.ifd_perplexity_ratio": "ifd_perplexity_ratio",
}
_KEYS = {
    "split": pl.col("split"),
    "domain": pl.col("domain").fill_null(UNKNOWN),
    "language": pl.col("language").fill_null(UNKNOWN),
    "source": pl.col("source"),
}
_REPAIRS = {"suggested": "repairs", "applied": "repaired"}
_OF_RELEASED = ("quality.", "toxicity.", "tokens.", "difficulty.", "languages.", "splits.", "training.released.")

_outcome = pl.col("outcome")
_released = is_released()
_readable = _outcome != Fate.UNREADABLE.value


class Wanted(NamedTuple):
    """A figure of a release's rows: of those in `where`, and where `each` is said of each group of it."""

    figure: str
    where: Where | None
    each: str | None


def measured(release: Path, wanted: Wanted, figures: Mapping[str, Any]) -> dict[str, float | None]:
    """By group ("language de"), the figure; null where it could not be measured.

    `figures` is what _figures.figures_of says of the release, and has the figure too. Groups that a figure of all
    rows is asked of are all that have rows, and all sources and splits, be they empty; of a figure of released rows
    they are those that have such. Raises PolicyError for a figure that there is not by group, and for a group
    without a row.
    """
    figure = _expression(wanted.figure, figures)
    of_released = wanted.figure.startswith(_OF_RELEASED)
    try:
        found = _groups(release, figure, wanted)
        if wanted.each is None:
            return {_label(wanted.where): found.item(0, "figure")}
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReleaseError(f"{release}: its ledger and records cannot be read; run `assay curate` again") from error
    some = found.filter(pl.col("released") > 0) if of_released else found
    known: dict[str, float | None] = dict(some.select("group", "figure").iter_rows())
    for name in _always(wanted, figures, of_released):
        known.setdefault(name, None if of_released or not _counts(wanted.figure) else 0)
    order = [fate.value for fate in SPLITS] if wanted.each == "split" else sorted(known)
    return {_label(wanted.where, wanted.each, group): known[group] for group in order if group in known}


def refuse_whole(figure: str) -> None:
    """Raise PolicyError for a figure that there is of the whole release alone."""
    _expression(figure, {"checks": {}})


def _groups(release: Path, figure: pl.Expr, wanted: Wanted) -> pl.DataFrame:
    """`group`, `figure`, `rows` and `released` of each group, or of the one that is asked for."""
    named = wanted.where.said if wanted.where else {}
    keys = [*named, *([wanted.each] if wanted.each else [])]
    rows = _rows(release, {*figure.meta.root_names(), *(name for key in keys for name in _KEYS[key].meta.root_names())})
    some = rows.filter(pl.lit(True), *(_KEYS[key] == value for key, value in named.items()))
    told = (figure.alias("figure"), pl.len().alias("rows"), _released.sum().alias("released"))
    if "domain" in keys and not _have_domains(rows):
        raise PolicyError(
            f"{wanted.figure}: no row of {release.name} has a domain; describe them in annotation.domains, curate again"
        )
    found = (
        some.group_by(_KEYS[wanted.each].alias("group")).agg(*told).filter(pl.col("group").is_not_null())
        if wanted.each
        else some.select(*told)
    ).collect()
    if found["rows"].sum() == 0:
        raise PolicyError(_nobody(rows, named, wanted, release))
    return found


def _have_domains(rows: pl.LazyFrame) -> bool:
    """False where the settings describe none, and of a release from before rows had one."""
    if "domain" not in rows.collect_schema():
        return False
    return bool(rows.select(pl.col("domain").is_not_null().any()).collect().item())


def _nobody(rows: pl.LazyFrame, named: Mapping[str, str], wanted: Wanted, release: Path) -> str:
    """The message for a group without a row: what is there instead."""
    said = _label(wanted.where) or f"each {wanted.each}"
    hints = []
    for key, value in named.items():
        there = rows.select(_KEYS[key].unique().drop_nulls().sort()).collect().to_series().to_list()
        if value not in there:
            hints.append(f"{did_you_mean(value, there)}; {key} has {', '.join(there[:12]) or 'nothing'}")
    return f"{wanted.figure}: no row of {release.name} is in {said}{''.join(hints[:1])}"


def _rows(release: Path, names: set[str]) -> pl.LazyFrame:
    """Every row of the ledger with the columns `names`: records, and rows that could not be read."""
    records = pl.scan_parquet(release / "records.parquet")
    unread = pl.scan_parquet(release / "ledger.parquet").filter(~_readable)
    wanted = {*names, "outcome", "source"}
    parts = [
        part.select(name for name in part.collect_schema().names() if name in wanted) for part in (records, unread)
    ]
    return pl.concat(parts, how="diagonal")


def _label(where: Where | None, each: str | None = None, group: str = "") -> str:
    named = [*(where.said.items() if where else ()), *([(each, group)] if each else [])]
    return ", ".join(f"{key} {value}" for key, value in named)


def _always(wanted: Wanted, figures: Mapping[str, Any], of_released: bool) -> list[str]:
    """Groups that are there even without a row: a split, or a source of which no row came."""
    if wanted.each == "split":
        return [fate.value for fate in SPLITS]
    if wanted.each == "source" and wanted.where is None and not of_released:
        return [file["source"] for file in figures["sources"]["files"]]
    return []


def _counts(figure: str) -> bool:
    """Whether a figure counts rows, so that it is 0 of none."""
    return not figure.endswith(("_share", ".share", ".longest"))


def _expression(path: str, figures: Mapping[str, Any]) -> pl.Expr:
    """The figure as an aggregate over the rows of a group."""
    known = _counted()
    if path in known:
        return known[path]
    top, *steps = path.split(".")
    for spread, column in _SPREADS.items():
        if path.startswith(f"{spread}."):
            return _spread(pl.col(column).filter(_released), path.removeprefix(f"{spread}."), path)
    if top == "checks" and len(steps) == 3:
        return _check(pl.col(f"chk_{steps[0]}.{steps[1]}"), steps[2], path)
    if path == "checks.failed_released":
        return _doubted(figures)
    if top == "languages" and steps:
        return (_released & (_KEYS["language"] == ".".join(steps))).sum()
    if path.startswith("rows.reasons.") and len(steps) > 2:
        return ((_outcome == steps[1]) & pl.col("reasons").list.contains(".".join(steps[2:]))).sum()
    if top == "repairs" and len(steps) == 3 and steps[2] in _REPAIRS:
        return pl.col(_REPAIRS[steps[2]]).list.contains(f"repair.{steps[1]}").sum()
    if top == "training" and len(steps) > 1 and steps[0] in ("readable", "released"):
        return _training(_released if steps[0] == "released" else _readable, ".".join(steps[1:]), path)
    raise _whole(path)


def _whole(path: str) -> PolicyError:
    return PolicyError(
        f"{path}: is a figure of the whole release; of some rows there are rows, checks, quality, toxicity, tokens, "
        "difficulty, training, languages, splits, repairs, people, contamination.removed and duplicates"
    )


@cache
def _counted() -> dict[str, pl.Expr]:
    """Those that have one name each."""
    twice = _outcome == Fate.DUPLICATE.value
    review = _outcome == Fate.REVIEW.value
    has = pl.col("reasons").list.contains
    return {
        "rows.ledger": pl.len(),
        "rows.released": _released.sum(),
        "rows.released_share": _released.mean(),
        "rows.unreadable_share": (~_readable).mean(),
        "rows.review_share": review.mean(),
        **{f"rows.outcomes.{fate.value}": (_outcome == fate.value).sum() for fate in Fate},
        "checks.checked": _readable.sum(),
        **{
            f"duplicates.{way}.removed": (twice & has(f"duplicate.{way}")).sum()
            for way in ("exact", "near", "semantic")
        },
        "duplicates.suspected": (review & has("duplicate.semantic")).sum(),
        "duplicates.conflicts": (review & has("duplicate.conflict")).sum(),
        "repairs.rows": (pl.col("repairs").list.len() > 0).sum(),
        "repairs.changed": (pl.col("repaired").list.len() > 0).sum(),
        "people.accepted": (pl.col("decision") == Verdict.ACCEPT.value).sum(),
        "people.fixed": (pl.col("decision") == Verdict.FIX.value).sum(),
        "contamination.removed": (_outcome == Fate.CONTAMINATED.value).sum(),
        **{f"splits.{fate.value}.rows": (_outcome == fate.value).sum() for fate in SPLITS},
        **{f"splits.{fate.value}.share": (_outcome == fate.value).sum() / _released.sum() for fate in SPLITS},
        **{f"splits.{fate.value}.tokens": pl.col("n_tokens").filter(_outcome == fate.value).sum() for fate in SPLITS},
    }


def _spread(values: pl.Expr, part: str, path: str) -> pl.Expr:
    if part.startswith("quantiles."):
        return values.quantile(float(part.removeprefix("quantiles.")), "linear")
    parts = {"counted": values.count(), "missing": values.null_count(), "mean": values.mean()}
    if part not in parts:
        raise _whole(path)
    return parts[part]


def _check(passes: pl.Expr, part: str, path: str) -> pl.Expr:
    failed = (~passes).sum()
    parts = {
        "applied": passes.count(),
        "failed": failed,
        # Of none there is no share.
        "failed_share": pl.when(passes.count() > 0).then(failed / passes.count()),
        "released": (_released & ~passes).sum(),
    }
    if part not in parts:
        raise _whole(path)
    return parts[part]


def _doubted(figures: Mapping[str, Any]) -> pl.Expr:
    """Released rows that fail a check that decides, by the severities of the run."""
    by_severity: dict[str, list[pl.Expr]] = {"drop": [pl.lit(True)], "review": [pl.lit(True)]}
    for family, checks in figures["checks"].items():
        for name, check in checks.items() if isinstance(checks, dict) else ():
            if check["severity"] in by_severity:
                by_severity[check["severity"]].append(pl.col(f"chk_{family}.{name}").fill_null(True))
    drops, reviews = (pl.all_horizontal(by_severity[severity]) for severity in ("drop", "review"))
    return (_released & (~drops | (~reviews & pl.col("decision").is_null()))).sum()


def _training(rows: pl.Expr, part: str, path: str) -> pl.Expr:
    prepared = pl.col("training").filter(rows).struct
    if part.startswith("lengths."):
        return _spread(prepared.field("tokens"), part.removeprefix("lengths."), path)
    trained_on = ~prepared.field("skipped")
    kept = prepared.field("kept")
    parts = {
        "rows": rows.sum(),
        "unrendered": prepared.field("error").is_not_null().sum(),
        "skipped": prepared.field("skipped").sum(),
        "truncated": (kept < prepared.field("tokens")).sum(),
        "tokens": kept.filter(trained_on).sum(),
        "supervised": prepared.field("supervised").filter(trained_on).sum(),
        "longest": prepared.field("tokens").max(),
    }
    if part not in parts:
        raise _whole(path)
    return parts[part]
