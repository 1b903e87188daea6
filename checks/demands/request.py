"""The request: what the user asks last, without the document given beside it."""

import polars as pl

from checks._text import answer, derived, has, has_literal, where
from schemas.record import Kind

# What is longer brings material along, and a number or a word in it is seldom a demand.
MAX_REQUEST_BYTES = 2000


def _last_turn() -> pl.Expr:
    """The turn before the completion, as far as it is the user's."""
    messages = pl.col("messages")
    preferred = messages.list.get(-1, null_on_oob=True)
    others = messages.list.get(-2, null_on_oob=True)
    turn = pl.when(pl.col("kind") == Kind.PREFERENCE).then(preferred).otherwise(others)
    return pl.when(turn.struct.field("role") == "user").then(turn.struct.field("content"))


TURN = derived("t_turn", _last_turn())
"""What the user says last, with the document given beside it; null where it is not the user's turn."""

_ASKED = derived("t_request_text", TURN.str.strip_suffix(pl.col("context").fill_null("")).str.strip_chars())
_IS_SHORT = (_ASKED.str.len_bytes() <= MAX_REQUEST_BYTES) & (answer().str.len_bytes() > 0)
# "Q: ...", "Option 2: ...": an exercise with examples, of which the demand is not the last word.
EXERCISE = (
    r"(?im)^[ \t]*(?:q|a|question|answer|input|output|solution|passage|context|sentence \d|option \d|example \d)[ \t]*:"
)
_COLON = where(has_literal(_ASKED, "\n"), _ASKED)
REQUEST = derived("t_request", where(_IS_SHORT & ~has(_COLON, EXERCISE), _ASKED))
"""The request; null where it is long, where it is not the user's turn, or where no answer is wanted or given."""
