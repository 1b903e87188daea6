"""What lies where on the report's map: a grid over the picture, and of each of its squares a few words."""

import json
from typing import NamedTuple

import numpy as np
import polars as pl
from markupsafe import Markup

from pipelines._dots import placed
from pipelines._map import HEIGHT, WIDTH
from pipelines._shown import one_line

# Of 20 pixels each: a finger's tip, and 52,002 rows of Alpaca fill about a thousand of them, 100 kB.
ACROSS, DOWN = 48, 36
# Of one prompt of a square.
_CHARACTERS = 70


class _Named(NamedTuple):
    """Values of a column told once, and by their place in the squares."""

    names: list[str]
    at: dict[object, int]


def squares(points: pl.DataFrame | None, clusters: dict[int, str]) -> Markup | None:
    """JSON that may stand in a page: the grid, and [place, rows, cluster, outcome, quality, prompt] of each square.

    `points` has MAP_SCHEMA, and `prompt` where one is to be shown; cluster and outcome are what most rows of the square
    have, by their place in `clusters` and `outcomes`; quality is the mean. Null is what none of its rows has. None
    without a point that has a place.
    """
    here = None if points is None else points.filter(pl.col("x").is_finite() & pl.col("y").is_finite())
    if here is None or here.is_empty():
        return None
    column = np.minimum(placed(here["x"].cast(pl.Float64).to_numpy(), WIDTH) * ACROSS // WIDTH, ACROSS - 1)
    row = np.minimum((HEIGHT - placed(here["y"].cast(pl.Float64).to_numpy(), HEIGHT)) * DOWN // HEIGHT, DOWN - 1)
    shown = here.with_columns(
        pl.Series("square", (row * ACROSS + column).astype(np.int64)),
        *([] if "prompt" in here.columns else [pl.lit(None, pl.String).alias("prompt")]),
    )
    told = (
        shown.group_by("square")
        .agg(
            rows=pl.len(),
            cluster=_most("cluster"),
            outcome=_most("outcome"),
            quality=pl.col("quality").mean().round(2),
            prompt=pl.col("prompt").drop_nulls().first(),
        )
        .sort("square")
    )
    cluster, outcome = _named(told["cluster"], clusters), _named(told["outcome"], {})
    content = {
        "across": ACROSS,
        "down": DOWN,
        "clusters": cluster.names,
        "outcomes": outcome.names,
        "squares": [
            [*line[:2], cluster.at.get(line[2]), outcome.at.get(line[3]), line[4], one_line(line[5] or "", _CHARACTERS)]
            for line in told.iter_rows()
        ],
    }
    return _harmless(json.dumps(content, ensure_ascii=False, separators=(",", ":")))


def _most(name: str) -> pl.Expr:
    """The most frequent value, the smallest of those that are equally frequent; null where all are."""
    return pl.col(name).drop_nulls().mode().sort().first()


def _named(values: pl.Series, names: dict[int, str]) -> _Named:
    each = values.drop_nulls().unique().sort().to_list()
    told = [
        names.get(value) or (f"cluster {value}" if isinstance(value, int) else one_line(str(value))) for value in each
    ]
    return _Named(told, {value: at for at, value in enumerate(each)})


def _harmless(text: str) -> Markup:
    """JSON in which nothing can end an element.

    >>> str(_harmless('["</script>"]'))
    '["\\\\u003c/script\\\\u003e"]'
    """
    escaped = (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e"))
    for plain, code in escaped:
        text = text.replace(plain, code)
    return Markup(text)
