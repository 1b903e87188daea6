"""The pairs of a draw given to annotators in Argilla, whose verdicts are its answers."""

from collections.abc import Callable

import polars as pl

from pipelines.annotate import Told, records_of
from pipelines.annotate import push as give_out
from pipelines.calibration.course import Draw
from schemas.errors import UsageError
from schemas.outcome import DUPLICATE_SEMANTIC, Fate
from schemas.settings import Settings


def push(drawn: Draw, settings: Settings | None, *, dry_run: bool, progress: Callable[[str], None]) -> Told:
    """Send the pairs that are not answered yet, within the budget. Raises what `pipelines.annotate.push` raises.

    Raises UsageError for records: those that people look at leave the release or change, so that no draw outlives it.
    """
    if drawn.candidates.of != "min_similarity":
        raise UsageError("--push: gives out pairs; records are asked about in the terminal or by --write-questions")
    left = drawn.asked.filter(~pl.col("id").is_in(list(drawn.log.answers)))
    if left.is_empty():
        raise UsageError("--push: every pair of this draw is answered; --show tells what the answers say")
    frames = as_suspects(left, records_of(drawn.release))
    return give_out(drawn.release, settings, dry_run=dry_run, progress=progress, instead=frames)


def as_suspects(pairs: pl.DataFrame, records: pl.DataFrame) -> list[pl.DataFrame]:
    """Frames of records in which the first of each pair waits as a suspected duplicate of the second.

    A record waits once in a frame, so that one in several pairs makes several frames. How alike the two are is
    left out: whoever is told judges less for themselves.
    """
    rounds = pairs.select("a", "b").with_columns(frame=pl.int_range(pl.len()).over("a"))
    names = records.select(b="row_id", twin_now="record_id")
    found = []
    for (_,), some in sorted(rounds.group_by("frame"), key=lambda group: group[0]):
        rows = records.filter(pl.col("row_id").is_in(pl.concat([some["a"], some["b"]]).implode()))
        told = rows.join(some.join(names, on="b").select(row_id="a", twin_now="twin_now"), on="row_id", how="left")
        waits = pl.col("twin_now").is_not_null()
        reasons = pl.lit([DUPLICATE_SEMANTIC], dtype=pl.List(pl.String))
        found.append(
            told.with_columns(
                outcome=pl.when(waits).then(pl.lit(Fate.REVIEW.value)).otherwise(pl.lit(Fate.TRAIN.value)),
                reasons=pl.when(waits).then(reasons).otherwise(pl.lit([], dtype=pl.List(pl.String))),
                twin=pl.col("twin_now"),
                similarity=pl.lit(None, dtype=pl.Float64),
                detail=pl.lit(None, dtype=pl.String),
            ).drop("twin_now")
        )
    return found
