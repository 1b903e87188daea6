"""A release as it is looked at: a line for each row of the ledger in memory, the records beside it."""

from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from pipelines._manifest import read_manifest, verify
from pipelines.annotate import settings_of
from pipelines.gate import report_of
from schemas.errors import ReleaseError
from schemas.manifest import Manifest
from schemas.outcome import LEDGER_SCHEMA
from schemas.record import ROW_KEY
from schemas.report import Report
from schemas.settings import AnnotationSettings

# Below it records are held in memory, where a text is searched in milliseconds: 52,002 rows of Alpaca are 17 MB.
HELD_BYTES = 400_000_000

SCORES = (
    "quality",
    "n_tokens",
    "diversity",
    "nearest_similarity",
    "similarity",
    "toxicity",
    "language_score",
    "loss_given_prompt",
    "loss_alone",
    "ifd_loss_ratio",
    "ifd_perplexity_ratio",
)
"""What rows can be bounded and sorted by."""

_BESIDE = ("kind", "language", "cluster", "split", "original_record_id", *SCORES)


class Held(NamedTuple):
    """One release. `rows` has LEDGER_SCHEMA, `row` (its place, from 0), `place` (of its record; null: unreadable) and
    what of the records can be filtered by. `records` has `place` and every column of records.parquet."""

    release: Path
    manifest: Manifest
    report: Report
    settings: AnnotationSettings
    rows: pl.DataFrame
    records: pl.LazyFrame
    lost: dict[tuple[Any, ...], str]  # ROW_KEY of a row that could not be read -> the beginning of it
    altered: str | None  # how the files differ from what the manifest says; null: not at all


def hold(release: Path) -> Held:
    """The release in a folder, held against its manifest. Raises ReleaseError where it cannot be read."""
    manifest, altered = read_manifest(release), None
    try:
        verify(release)
    except ReleaseError as error:
        altered = str(error)
    try:
        records = _records(release / "records.parquet")
        rows = _rows(release / "ledger.parquet", records)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReleaseError(f"{release}: its ledger and records cannot be read; run `assay curate` again") from error
    settings = settings_of(manifest, release).annotation
    return Held(release, manifest, report_of(release), settings, rows, records, _lost(release), altered)


def _records(path: Path) -> pl.LazyFrame:
    if path.stat().st_size < HELD_BYTES:
        return pl.read_parquet(path).with_row_index("place").lazy()
    return pl.scan_parquet(path, row_index_name="place")


def _rows(ledger: Path, records: pl.LazyFrame) -> pl.DataFrame:
    known = records.collect_schema().names()
    beside = [name for name in _BESIDE if name in known and name not in LEDGER_SCHEMA]
    scalars = records.select("place", *ROW_KEY, *beside).collect()
    lines = pl.read_parquet(ledger).with_row_index("row")
    return lines.join(scalars, on=ROW_KEY, how="left", maintain_order="left")


def _lost(release: Path) -> dict[tuple[Any, ...], str]:
    path = release / "unreadable.jsonl"
    try:
        if not path.stat().st_size:
            return {}
        lines = pl.read_ndjson(path, infer_schema_length=None).select(*ROW_KEY, "excerpt")
    except (OSError, pl.exceptions.PolarsError):
        return {}  # a beginning of what could not be read is worth no refusal
    return {tuple(key): excerpt or "" for *key, excerpt in lines.iter_rows()}
