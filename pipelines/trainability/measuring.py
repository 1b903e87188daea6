"""The `training` column: what a trainer of the target will do with each record, measured once and remembered."""

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._progress import reporter
from pipelines._tally import count
from pipelines.cache.keys import made_by, source_digest
from pipelines.cache.remembered import remembered
from pipelines.cache.store import Store
from pipelines.formats import COLUMNS, Line, Row, to_openai, to_trl
from pipelines.trainability.figures import FIELDS, Figures, unmeasured
from pipelines.trainability.openai import OpenAI
from pipelines.trainability.target import Target, find_target, tokenizer_of
from pipelines.trainability.trl import Loss, Trl, reason
from schemas.settings import Settings

KIND = "training"
"""Where the cache keeps the figures: 80 bytes a record."""

# Rows whose texts are cut into tokens together: enough for all cores, little for memory.
_BATCH = 512


class Plan(NamedTuple):
    """How rows are prepared: for which target, cut at how many tokens, and by what loss."""

    target: Target
    max_length: int
    loss: Loss

    @property
    def told(self) -> dict[str, Any]:
        """As the report names it."""
        about = {"target": self.target.name, "digest": self.target.digest}
        return {**about, "max_length": self.max_length, "loss": self.loss}


class Preparer(Protocol):
    """Says of rows as they are exported what the trainer makes of them."""

    def prepare(self, lines: Sequence[Line | str]) -> list[Figures]: ...


def plan_of(settings: Settings) -> Plan | None:
    """The plan that the settings ask for; null where they name no target. Raises ModelError."""
    training = settings.training
    if training.target is None:
        return None
    window = training.max_length or settings.validation.max_tokens
    return Plan(find_target(training.target), window, training.loss)


def trainability(
    records: pl.DataFrame, plan: Plan | None, *, cache: str | None = None, keys: pl.Series | None = None
) -> pl.Series:
    """The column `training`: Figures of each record, in order; null in every row where there is no plan.

    With `cache` and the records' `keys`, a record is prepared once for each plan. Raises ModelError where the target
    cannot be loaded.
    """
    if plan is None:
        return unmeasured(records.height)
    if cache is None or keys is None:
        count("prepared", records.height, records.height)
        return _prepared(records, plan, cache).to_struct("training")
    store = Store(cache, KIND, prepared_by(plan), FIELDS)

    def prepared(rows: NDArray[np.int64]) -> pl.DataFrame:
        return _prepared(records[rows], plan, cache)

    return remembered(store, keys, prepared, step="prepared").select(FIELDS.names()).to_struct("training")


def prepared_by(plan: Plan) -> str:
    """The version: the target's files, the window and the loss, the libraries, and the code of this folder."""
    code = [*sorted(Path(__file__).parent.glob("*.py")), Path(to_trl.__file__), Path(to_openai.__file__)]
    libraries = [version(name) for name in ("transformers", "tokenizers", "jinja2", "bpe-openai")]
    return made_by(plan.target.digest, str(plan.max_length), plan.loss, source_digest(*code), *libraries)


def _prepared(records: pl.DataFrame, plan: Plan, cache: str | None) -> pl.DataFrame:
    preparer, control_tokens = _preparer(plan, cache)
    found: list[Figures] = []
    with reporter().working(f"rendering for {plan.target.name}") as progress:
        for lines in _lines(records, plan):
            found += preparer.prepare(lines)
            progress(len(found), records.height)
    frame = pl.DataFrame(found, schema=FIELDS, orient="row")
    was_rendered = pl.col("tokens").is_not_null()
    return frame.with_columns(
        control_tokens=pl.when(was_rendered).then(_control_tokens(records, control_tokens)),
        masked_turns=pl.when(was_rendered).then(_masked_turns(records, plan)),
    )


def _preparer(plan: Plan, cache: str | None) -> tuple[Preparer, list[str]]:
    """What prepares rows, and the target's control tokens."""
    if plan.target.encoding is not None:
        # The API reads what looks like a control token as text.
        return OpenAI(plan.target.encoding, max_length=plan.max_length), []
    made = Trl(tokenizer_of(plan.target, cache), max_length=plan.max_length, loss=plan.loss)
    return made, made.chat.control_tokens()


def _lines(records: pl.DataFrame, plan: Plan) -> Iterator[list[Line | str]]:
    """The records as the export writes them, whether it would take them or not; a text where that is not possible."""
    write = to_trl.line if plan.target.encoding is None else to_openai.line
    for part in records.select(name for name in COLUMNS if name in records.columns).iter_slices(_BATCH):
        yield [_line(row, write) for row in part.iter_rows(named=True)]


def _line(row: Row, write: Any) -> Line | str:
    try:
        said: Line = write({**row, "messages": row["messages"] or []})
    except ValueError as error:
        return f"a tool or a call is {reason(error)}"
    except (TypeError, KeyError, IndexError):
        return "a message, an answer or a call is missing"
    return said


def _control_tokens(records: pl.DataFrame, tokens: list[str]) -> pl.Series:
    """Those that stand in a turn, a call or a definition, by one space; null where there are none."""
    nothing = pl.Series([None] * records.height, dtype=pl.String)
    if not tokens:
        return nothing
    turns = [_said(turns) for turns in ("messages", "chosen", "rejected")]
    texts = records.select(pl.concat_str(*turns, pl.col("tools").fill_null(""), separator="\n")).to_series()
    held = texts.str.contains_any(tokens).fill_null(False).arg_true()
    named = [" ".join(token for token in tokens if token in text) for text in texts[held]]
    return nothing.scatter(held, named) if named else nothing


def _said(turns: str) -> pl.Expr:
    """All text of the turns, their calls included."""
    turn = pl.element().struct
    function = pl.element().struct.field("function").struct
    call = pl.concat_str(function.field("name").fill_null(""), function.field("arguments").fill_null(""), separator=" ")
    calls = turn.field("tool_calls").list.eval(call).list.join("\n").fill_null("")
    said = pl.concat_str(turn.field("content").fill_null(""), calls, separator="\n")
    return pl.col(turns).list.eval(said).list.join("\n").fill_null("")


def _masked_turns(records: pl.DataFrame, plan: Plan) -> pl.Series:
    """Turns of which the record says whether they are learnt, and the trainer does otherwise."""
    train, is_answer = pl.element().struct.field("train"), pl.element().struct.field("role") == "assistant"
    if plan.target.encoding is not None:  # a weight of 0 or 1 says so, on answers alone
        differs = train & ~is_answer
    elif plan.loss == "all":
        differs = ~train
    elif plan.loss == "assistant":
        differs = train != is_answer
    else:
        differs = train != (pl.int_range(pl.len()) == pl.len() - 1)
    counted = pl.col("messages").list.eval(differs.fill_null(False)).list.sum().fill_null(0)
    return records.select(counted.cast(pl.Int64)).to_series()
