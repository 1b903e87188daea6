"""`assay advise`: do I need to finetune, have I enough, what fits, one adapter or several - each with its evidence."""

from pathlib import Path

import polars as pl

from pipelines._manifest import read_manifest, verify_files
from pipelines._released import scan_released
from pipelines.advice.data import data_advice
from pipelines.advice.fits import published
from pipelines.advice.method import Data, Machine, method
from pipelines.advice.model_shape import ModelShape
from pipelines.advice.needs import needed_columns
from pipelines.gate import report_of
from schemas.advice import Advice
from schemas.errors import ReleaseError
from schemas.report import Report


def advise(release: Path | None, shape: ModelShape | None, machine: Machine | None) -> Advice:
    """Of a release, or of a model on a machine alone.

    Raises ReleaseError where `release` is none, was altered, or cannot be read.
    """
    if release is None:
        fitting = method(shape, machine, None, None) if shape and machine else None
        return Advice(
            release=None, rows=None, purpose=None, amount=None, method=fitting, apart=None, published=published()
        )
    verify_files(release, read_manifest(release))
    report, records = report_of(release), _released(release)
    said = data_advice(records, report)
    wants = [each.method for each in said.amount.wanted if each.enough]
    return Advice(
        release=str(release),
        rows=records.height,
        purpose=said.purpose,
        amount=said.amount,
        method=method(shape, machine, _data(report, records), wants) if shape and machine else None,
        apart=said.apart,
        published=published(),
    )


def _released(release: Path) -> pl.DataFrame:
    try:
        released = scan_released(release)
        return released.select(needed_columns(released.collect_schema().names())).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReleaseError(f"{release}: its records cannot be read; run `assay curate` again") from error


def _data(report: Report, records: pl.DataFrame) -> Data | None:
    """By the target's own tokenizer where one was named, else by the public one that all sources are counted in."""
    train = report.splits.train
    if not train.rows:
        return None
    if report.training and (longest := report.training.released.lengths.quantiles.get("0.95")):
        return Data(train.rows, train.tokens, round(longest), "95 % of the released rows are no longer, by the target")
    longest = records["n_tokens"].quantile(0.95)
    return Data(train.rows, train.tokens, round(longest or 1), "95 % of the released rows are no longer (o200k)")
