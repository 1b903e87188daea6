"""Candidates: what of a release people can be asked about, and by which score a threshold would part it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipelines._released import is_released
from schemas.calibration import Calibrated
from schemas.decision import TaskKind, Verdict
from schemas.errors import ReleaseError, UsageError
from schemas.outcome import QUALITY_LOW, Fate
from schemas.settings import Settings

CANDIDATES = pl.Schema({"id": pl.String(), "score": pl.Float64(), "a": pl.Int64(), "b": pl.Int64()})
"""`id` is the subject as people's decisions have it; a and b are row_ids, b null of a record. Sorted by id."""

NOUNS: dict[Calibrated, str] = {"min_similarity": "pair", "min_quality": "record"}

_YES = {
    "min_similarity": {Verdict.SAME.value: True, Verdict.DIFFERENT.value: False},
    "min_quality": {Verdict.ACCEPT.value: True, Verdict.FIX.value: False, Verdict.REJECT.value: False},
}
_KIND = {"min_similarity": TaskKind.PAIR, "min_quality": TaskKind.RECORD}


class Candidates(NamedTuple):
    """What a threshold is asked about: yes is wanted at or above it, no below."""

    of: Calibrated
    frame: pl.DataFrame  # CANDIDATES
    current: float | None  # the threshold the release was made with
    lowest: float  # no threshold below may be set
    said: dict[str, bool]  # what people decided of candidates before, as the release knew it


def candidates_of(release: Path, of: Calibrated, settings: Settings) -> Candidates:
    """The candidates of a finished release. Raises ReleaseError and UsageError where it has none."""
    found = _pairs(release, settings) if of == "min_similarity" else _records(release, settings)
    if found.frame.is_empty():
        raise UsageError(f"{release}: has no {NOUNS[of]} that {of} decides about; there is nothing to calibrate")
    return found


def decided(decisions: pl.DataFrame, of: Calibrated) -> dict[str, bool]:
    """Subject -> yes or no, of what people decided (DECISION_SCHEMA)."""
    rows = decisions.filter(pl.col("kind") == _KIND[of].value).select("subject", "verdict").iter_rows()
    return {subject: _YES[of][verdict] for subject, verdict in rows if verdict in _YES[of]}


def _pairs(release: Path, settings: Settings) -> Candidates:
    if settings.dedup.draft:
        raise UsageError(
            f"{release}: is a draft, whose similarities are not those that decide; calibrate a full release"
        )
    pairs = _read(release / "pairs.parquet")
    subject = pl.concat_list("record_a", "record_b").list.sort().list.join(":")
    frame = (
        pairs.select(id=subject, score="similarity", a="a", b="b", said="said").unique("id", keep="first").sort("id")
    )
    told = frame.filter(pl.col("said").is_not_null()).select("id", "said").iter_rows()
    return Candidates(
        "min_similarity",
        frame.select(CANDIDATES.names()),
        settings.dedup.min_similarity,
        settings.dedup.suspect_similarity,
        {subject: _YES["min_similarity"][word] for subject, word in told},
    )


def _records(release: Path, settings: Settings) -> Candidates:
    columns = ["row_id", "record_id", "quality", "outcome", "reasons"]
    records = _read(release / "records.parquet", columns)
    only_low = (pl.col("outcome") == Fate.REVIEW.value) & (pl.col("reasons") == pl.lit([QUALITY_LOW]))
    rows = records.filter(is_released() | only_low, pl.col("quality").is_not_null())
    none = pl.lit(None, dtype=pl.Int64)
    frame = rows.select(id="record_id", score="quality", a="row_id", b=none).unique("id", keep="first").sort("id")
    return Candidates("min_quality", frame, settings.route.min_quality, 0.0, {})


class Shown(NamedTuple):
    """One side of a question, as it was read."""

    prompt: str
    answer: str


class Question(NamedTuple):
    """What one is asked: two sides of a pair, or one record."""

    id: str
    sides: tuple[Shown, ...]


def questions_of(release: Path, asked: pl.DataFrame) -> list[Question]:
    """The texts of the candidates `asked` (CANDIDATES), in their order."""
    wanted = pl.concat([asked["a"], asked["b"]]).drop_nulls().unique()
    columns = ["row_id", "prompt", "completion"]
    try:
        rows = (
            pl.scan_parquet(release / "records.parquet")
            .select(columns)
            .filter(pl.col("row_id").is_in(wanted.implode()))
            .collect()
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(release / "records.parquet") from error
    texts = {row: Shown(prompt or "", answer or "") for row, prompt, answer in rows.iter_rows()}
    return [Question(subject, _sides(texts, (a, b))) for subject, a, b in asked.select("id", "a", "b").iter_rows()]


def _sides(texts: dict[int, Shown], rows: Sequence[int | None]) -> tuple[Shown, ...]:
    return tuple(texts[row] for row in rows if row is not None)


def _read(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, columns=columns)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(path) from error


def _unreadable(path: Path) -> ReleaseError:
    return ReleaseError(f"{path}: cannot be read; an earlier version wrote none, so run `assay curate` again")
