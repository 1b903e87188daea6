"""Diff: what changed between two releases, row by row and in figures, and whether one setting did it."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipelines import _compared
from pipelines._drift import COLUMNS, as_before, drifts
from pipelines._manifest import read_manifest, verify_files
from pipelines._matching import matched, renamed
from pipelines.gate import report_of
from schemas.diff import ChangedRow, Diff, Rows, Side
from schemas.errors import ReleaseError
from schemas.manifest import Manifest
from schemas.outcome import SPLITS
from schemas.record import RECORD_SCHEMA, ROW_KEY
from schemas.report import Report

# Of records.parquet, where a release has them: texts are not read.
_OF_RECORDS = ("original_record_id", "outcome", *COLUMNS)
_LEDGER = (*ROW_KEY, "record_id", "outcome", "reasons", "notes")


class Release(NamedTuple):
    """What is compared. `rows` is the ledger with `content`, by which rows are known, and what may drift."""

    path: Path
    manifest: Manifest
    report: Report
    rows: pl.DataFrame


def diff(before: Path, after: Path) -> Diff:
    """Compare two releases after proving that nothing in either was touched.

    Sources need not be at hand. Raises ReleaseError for what is no release, is missing a file, or was altered.
    """
    a, b = _release(before), _release(after)
    names = renamed(a.rows["source"], b.rows["source"])
    both = _side_by_side(a.rows, b.rows)
    settings = _compared.settings_that_differ(a.report.run.settings, b.report.run.settings)
    causes = _compared.causes(a.manifest, b.manifest, names, settings)
    rows = _counted(both)
    stayed = both.filter(pl.col("a").is_not_null(), pl.col("b").is_not_null())
    return Diff(
        before=_side(a),
        after=_side(b),
        settings=settings,
        causes=causes,
        attribution=_compared.attribution(rows.changed, settings, causes),
        rows=rows,
        reasons=_compared.reasons(a.rows, b.rows, stayed),
        figures=_compared.figures(a.report, b.report),
        gate=_compared.gates(a.report, b.report),
        drift=drifts(*_released(a.rows, both)),
        rows_changed=_rows_changed(both, names),
    )


def _release(path: Path) -> Release:
    manifest = read_manifest(path)
    verify_files(path, manifest)
    report = report_of(path)
    try:
        return Release(path, manifest, report, _rows(path))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReleaseError(f"{path}: its ledger and records cannot be read; run `assay curate` again") from error


def _rows(path: Path) -> pl.DataFrame:
    """The ledger with `content` and the columns of records that are compared."""
    ledger = pl.read_parquet(path / "ledger.parquet", columns=list(_LEDGER))
    stored = pl.scan_parquet(path / "records.parquet")
    there = stored.collect_schema().names()
    wanted = [name for name in _OF_RECORDS if name in there and name != "outcome"]
    rows = ledger.join(stored.select(*ROW_KEY, *wanted).collect(), on=ROW_KEY, how="left", maintain_order="left")
    if "original_record_id" not in rows.columns:
        rows = rows.with_columns(original_record_id=pl.lit(None, pl.String))
    said = rows.join(_unreadable(path), on=ROW_KEY, how="left", nulls_equal=True, maintain_order="left")
    # What people or repairs made of a row is still that row; of an unreadable one only its excerpt is known.
    content = pl.coalesce("original_record_id", "record_id", pl.lit("unreadable ") + pl.col("excerpt").fill_null(""))
    return said.with_columns(content=content).drop("excerpt", "original_record_id")


def _unreadable(path: Path) -> pl.DataFrame:
    """ROW_KEY and `excerpt` of each row that could not be read."""
    schema = pl.Schema({**{name: RECORD_SCHEMA[name] for name in ROW_KEY}, "excerpt": pl.String()})
    listed = path / "unreadable.jsonl"
    return pl.read_ndjson(listed, schema=schema) if listed.stat().st_size else pl.DataFrame(schema=schema)


def _side_by_side(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Every row of both once: `how`, a, b, and the columns of both sides, those after with the suffix _b."""
    pairs = matched(before, after)
    a, b = before.with_row_index("a"), after.with_row_index("b").rename({name: f"{name}_b" for name in after.columns})
    joined = pairs.join(a, on="a", how="left", maintain_order="left")
    return joined.join(b, on="b", how="left", maintain_order="left")


_IN_BOTH = pl.col("a").is_not_null() & pl.col("b").is_not_null()
_OTHER_OUTCOME = _IN_BOTH & (pl.col("outcome") != pl.col("outcome_b"))
_OTHER_REASONS = _IN_BOTH & (pl.col("reasons").list.sort() != pl.col("reasons_b").list.sort())


def _counted(both: pl.DataFrame) -> Rows:
    how = dict(both["how"].value_counts().iter_rows())
    matrix: dict[str, dict[str, int]] = {}
    counts = both.filter(_IN_BOTH).group_by("outcome", "outcome_b").len().sort("outcome", "outcome_b")
    for was, is_now, rows in counts.iter_rows():
        matrix.setdefault(was, {})[is_now] = rows
    names = ("same", "shifted", "reordered", "moved", "edited", "added", "removed")
    same_content = _IN_BOTH & (pl.col("how") != "edited")
    return Rows(
        **{name: how.get(name, 0) for name in names},
        rewritten=both.filter(same_content, pl.col("record_id").ne_missing(pl.col("record_id_b"))).height,
        outcomes=matrix,
        added_outcomes=_outcomes(both.filter(pl.col("how") == "added")["outcome_b"]),
        removed_outcomes=_outcomes(both.filter(pl.col("how") == "removed")["outcome"]),
        changed=both.filter(_OTHER_OUTCOME | _OTHER_REASONS).height,
        changed_outcome=both.filter(_OTHER_OUTCOME).height,
    )


def _outcomes(column: pl.Series) -> dict[str, int]:
    counts = column.alias("outcome").value_counts().sort("count", "outcome", descending=[True, False])
    return {str(name): int(rows) for name, rows in counts.iter_rows()}


def _released(before: pl.DataFrame, both: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The released rows of each side, the clusters after called as they were before."""
    splits = [fate.value for fate in SPLITS]
    was = before.filter(pl.col("outcome").is_in(splits))
    after = both.filter(pl.col("outcome_b").is_in(splits))
    columns = {f"{name}_b": name for name in COLUMNS if f"{name}_b" in both.columns}
    now = after.select(pl.col(old).alias(new) for old, new in columns.items())
    if "cluster" not in before.columns or "cluster" not in now.columns:
        return was, now
    stayed = pl.col("how") != "edited"
    now = now.with_columns(was=after.select(pl.when(stayed).then("cluster")).to_series())
    pairs = after.filter(stayed).select(before="cluster", after="cluster_b")
    return was.with_columns(pl.col("cluster").cast(pl.String)), now.with_columns(as_before(now, pairs))


def _rows_changed(both: pl.DataFrame, names: Mapping[str, str]) -> list[ChangedRow]:
    """Every row that did not stay as it was, in the order of the second release, what was removed last."""
    is_new = pl.col("how").is_in(["added", "removed", "edited"])
    some = both.filter(is_new | _OTHER_OUTCOME | _OTHER_REASONS)
    gone = pl.col("how") == "removed"
    nothing = pl.lit([], dtype=pl.List(pl.String))
    there_still = (pl.col("source") == pl.col("source_b").replace(names)) & (
        pl.col("source_row").eq_missing(pl.col("source_row_b"))
    )
    told = some.select(
        "how",
        *(pl.when(gone).then(name).otherwise(f"{name}_b").alias(name) for name in ROW_KEY),
        source_before=pl.when(~gone & ~there_still).then("source"),
        source_row_before=pl.when(~gone & ~there_still).then("source_row"),
        record_id_before="record_id",
        record_id="record_id_b",
        outcome_before="outcome",
        outcome="outcome_b",
        reasons_before=pl.col("reasons").fill_null(nothing),
        reasons=pl.col("reasons_b").fill_null(nothing),
    )
    return [ChangedRow(**row) for row in told.iter_rows(named=True)]


def _side(release: Release) -> Side:
    return Side(
        path=str(release.path),
        run_id=release.manifest.run_id,
        created=release.manifest.created,
        rows=release.rows.height,
        released=release.report.rows.released,
    )
