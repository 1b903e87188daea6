"""What is asked of a release, and the page of rows that answers it: polars filters, sorts and cuts, one page leaves."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines._shown import one_line, visible
from pipelines.browsing.held import SCORES, Held
from schemas.errors import UsageError
from schemas.record import ROW_KEY
from schemas.settings import first_problem

LONGEST_PATTERN = 300
"""Characters. Rust's regexes take time linear in the text whatever the pattern, and refuse what would grow large."""

MOST_ROWS = 200
# Of a text in the list; the record itself shows it whole.
_EXCERPT = 220
_SHOWN = ("quality", "n_tokens", "diversity", "nearest_similarity", "toxicity", "language", "cluster", "kind")


class Query(BaseModel):
    """Filters that must all hold, the order, and the page (from 1). Empty filters hold always."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outcome: tuple[str, ...] = ()
    reason: str = ""  # among the reasons or the notes
    score: Literal[("", *SCORES)] = ""  # type: ignore[valid-type]
    least: float | None = None
    most: float | None = None
    cluster: int | None = None
    split: str = ""
    text: str = Field("", max_length=LONGEST_PATTERN)
    regex: bool = False
    decided: bool = False  # people's word stands, whether the release followed from it or the next will
    sort: str = "row"
    descending: bool = False
    page: int = Field(1, ge=1)
    size: int = Field(50, ge=1, le=MOST_ROWS)


def query_of(asked: Mapping[str, str]) -> Query:
    """From the names and values of a URL; several outcomes are separated by commas. Raises UsageError."""
    given: dict[str, Any] = {name: value for name, value in asked.items() if value}
    if "outcome" in given:
        given["outcome"] = tuple(given["outcome"].split(","))
    try:
        return Query.model_validate(given)
    except ValidationError as error:
        raise UsageError(first_problem(error)) from error


class Asked:
    """Answers questions about one release; the last ones' rows are remembered, so that paging costs no search."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._found = lru_cache(maxsize=32)(self._search)

    def page(self, query: Query, decided: frozenset[str]) -> dict[str, Any]:
        """`rows` of the page, `total` and `pages`. Raises UsageError for a pattern or an order that is none."""
        everything = query.model_copy(update={"page": 1, "size": MOST_ROWS})
        found = self._found(everything, decided if query.decided else frozenset())
        mine = found.slice((query.page - 1) * query.size, query.size)
        return {
            "rows": self._shown(mine, decided),
            "total": len(found),
            "pages": max(1, -(-len(found) // query.size)),
        }

    def _search(self, query: Query, decided: frozenset[str]) -> pl.Series:
        rows = self._held.rows.filter(*self._conditions(query, decided))
        if query.text:
            rows = rows.filter(pl.col("place").is_in(self._holding(query).implode()))
        if query.sort != "row" or query.descending:
            rows = rows.sort(_order(query.sort, rows), "row", descending=[query.descending, False], nulls_last=True)
        return rows["row"]

    def _conditions(self, query: Query, decided: frozenset[str]) -> list[pl.Expr]:
        held: list[pl.Expr] = []
        if query.outcome:
            held.append(pl.col("outcome").is_in(query.outcome))
        if query.reason:
            held.append(pl.col("reasons").list.contains(query.reason) | pl.col("notes").list.contains(query.reason))
        if query.score:
            score = pl.col(query.score) if query.score in self._held.rows.columns else pl.lit(None, pl.Float64)
            held += [score >= query.least] if query.least is not None else []
            held += [score <= query.most] if query.most is not None else []
        if query.cluster is not None:
            held.append(pl.col("cluster") == query.cluster)
        if query.split:
            held.append(pl.col("split") == query.split)
        if query.decided:
            names = [name for name in ("record_id", "original_record_id") if name in self._held.rows.columns]
            held.append(pl.any_horizontal(pl.col(name).is_in(decided) for name in names))
        return held

    def _holding(self, query: Query) -> pl.Series:
        """The places of the records whose prompt or completion, rejected answers too, holds the text, in any case."""
        pattern = query.text if query.regex else pl.escape_regex(query.text)
        rejected = pl.col("rejected").list.eval(pl.element().struct.field("content")).list.join("\n")
        holds = (
            text.str.contains(f"(?i){pattern}").fill_null(False)
            for text in (pl.col("prompt"), pl.col("completion"), rejected)
        )
        try:
            return self._held.records.filter(pl.any_horizontal(holds)).select("place").collect()["place"]
        except pl.exceptions.ComputeError as error:
            said = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise UsageError(
                f"{query.text[:60]!r} is no pattern: {said[-1] if said else 'it cannot be read'}"
            ) from error

    def _shown(self, found: pl.Series, decided: frozenset[str]) -> list[dict[str, Any]]:
        rows = self._held.rows[found]  # a row's number is its place
        places = rows["place"].drop_nulls()
        texts = self._held.records.filter(pl.col("place").is_in(places.implode())).select(
            "place", *(pl.col(name).str.head(2 * _EXCERPT) for name in ("prompt", "completion"))
        )
        both = rows.join(texts.collect(), on="place", how="left", maintain_order="left")
        return [self._line(row, decided) for row in both.iter_rows(named=True)]

    def _line(self, row: dict[str, Any], decided: frozenset[str]) -> dict[str, Any]:
        lost = self._held.lost.get(tuple(row[key] for key in ROW_KEY), "")
        names = {row["record_id"], row.get("original_record_id")}
        return {
            **{name: row.get(name) for name in ("row", "source_row", "part", "record_id", "outcome", *_SHOWN)},
            "source": one_line(row["source"], 200),
            "reasons": [visible(reason, 120) for reason in row["reasons"]],
            "notes": [visible(note, 120) for note in row["notes"]],
            "prompt": one_line(row["prompt"] if row["prompt"] is not None else lost, _EXCERPT),
            "completion": one_line(row["completion"] or "", _EXCERPT),
            "decided": bool(decided & names),
        }


def _order(name: str, rows: pl.DataFrame) -> pl.Expr:
    if name in ("source", "row"):
        return pl.col("row")
    if name == "reasons":
        return pl.col("reasons").list.first()
    if name in ("outcome", "language", "cluster", *SCORES) and name in rows.columns:
        return pl.col(name)
    raise UsageError(f"{name[:40]!r} is nothing to sort by")
