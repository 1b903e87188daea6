"""The report's map of the embeddings: a raster picture, because no page holds fifty thousand shapes."""

import base64
import io
from collections.abc import Mapping
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._dots import dots
from schemas.outcome import Fate

# Okabe & Ito 2008, the colour-blind-safe palette; black and blue go to neither map (unseen on one theme).
PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")
GREY = "#B4BAC2"

OUTCOME_COLOURS = {
    Fate.TRAIN: "#0072B2",
    Fate.VALIDATION: "#56B4E9",
    Fate.TEST: "#009E73",
    Fate.UNSELECTED: "#B4BAC2",
    Fate.UNREADABLE: "#5F6670",
    Fate.REVIEW: "#E69F00",
    Fate.REJECTED: "#F0E442",
    Fate.DUPLICATE: "#CC79A7",
    Fate.DROPPED: "#D55E00",
    Fate.CONTAMINATED: "#7B4B2A",
}
"""In drawing order: what is rare and removed is drawn last, and so lies on top."""

# Of low and of high quality; between them lighter shades of the same: told apart without red and green.
QUARTERS = ("#D55E00", "#E69F00", "#56B4E9", "#0072B2")

MAP_SCHEMA = pl.Schema(
    {
        "x": pl.Float64(),
        "y": pl.Float64(),
        "cluster": pl.Int64(),
        "outcome": pl.String(),
        "source": pl.String(),
        "quality": pl.Float64(),
        "prompt": pl.String(),
    }
)
"""One row a point, with the beginning of its prompt. A point whose x or y is null or not finite has no place."""

WIDTH, HEIGHT = 960, 720
# Dots are sized in points, 72 to the inch, at 150 pixels to the inch.
_PIXELS_A_POINT = 150 / 72
# zlib's levels above cost three times as much for one byte in a hundred.
_COMPRESSION = 6
_COLOURS = 96  # of the stored picture: a third of the bytes, and no difference that is seen


class Key(NamedTuple):
    """One entry of a legend."""

    colour: str
    name: str
    rows: int


class Map(NamedTuple):
    """A PNG as a data URI, and its legend in the order of the data."""

    uri: str
    keys: list[Key]
    points: int


def cluster_map(points: pl.DataFrame, names: dict[int, str]) -> Map | None:
    """The rows coloured by cluster: the largest seven apart, the others grey. None without points.

    `points` has MAP_SCHEMA here and below; rows whose place is null or not finite are left out.
    """
    placed = _placed(points)
    if not placed.height:
        return None
    return _largest(placed, "cluster", {at: names.get(at, f"cluster {at}") for at in placed["cluster"].drop_nulls()})


def source_map(points: pl.DataFrame, names: Mapping[str, str]) -> Map | None:
    """The rows coloured by where they came from: the largest seven sources apart. None with fewer than two sources."""
    placed = _placed(points)
    return _largest(placed, "source", names) if placed["source"].n_unique() > 1 else None


def _largest(placed: pl.DataFrame, column: str, names: Mapping[Any, str]) -> Map:
    """The most frequent values of a column in a colour each, the others grey."""
    sizes = placed[column].drop_nulls().value_counts().sort("count", column, descending=[True, False])
    largest = dict(sizes.head(len(PALETTE)).iter_rows())
    colours = dict(zip(largest, PALETTE, strict=False))
    coloured = placed.with_columns(
        colour=pl.col(column).replace_strict(colours, default=GREY, return_dtype=pl.String).fill_null(GREY)
    )
    keys = [Key(colour, names.get(value, str(value)), largest[value]) for value, colour in colours.items()]
    rest = placed.height - sum(largest.values())
    others = [Key(GREY, "all others", rest)] if rest else []
    return Map(_png(coloured, (GREY, *PALETTE)), keys + others, placed.height)


def quality_map(points: pl.DataFrame) -> Map | None:
    """The rows by quarters of their quality, the lowest on top. None where no score differs from another."""
    placed = _placed(points)
    scores = placed["quality"].drop_nulls()
    cuts = [scores.quantile(part) for part in (0.25, 0.5, 0.75)] if len(scores) else []
    if scores.n_unique() < 2 or any(cut is None for cut in cuts):
        return None
    band = sum((pl.col("quality") >= cut).cast(pl.Int8) for cut in cuts)
    coloured = placed.with_columns(
        colour=pl.when(pl.col("quality").is_null()).then(pl.lit(GREY)).otherwise(
            band.replace_strict(list(range(4)), list(QUARTERS), return_dtype=pl.String)  # type: ignore[union-attr]
        )
    )  # fmt: skip
    counted = dict(coloured.group_by("colour").len().iter_rows())
    low, middle, high = (f"{cut:.2f}" for cut in cuts)
    named = (f"below {low}", f"{low} to {middle}", f"{middle} to {high}", f"{high} and more", "not scored")
    keys = [
        Key(colour, name, counted[colour])
        for colour, name in zip((*QUARTERS, GREY), named, strict=True)
        if colour in counted
    ]
    return Map(_png(coloured, (GREY, *reversed(QUARTERS))), keys, placed.height)


def outcome_map(points: pl.DataFrame) -> Map | None:
    """The rows coloured by what became of them. None without points."""
    placed = _placed(points)
    if not placed.height:
        return None
    colours = {fate.value: colour for fate, colour in OUTCOME_COLOURS.items()}
    coloured = placed.with_columns(colour=pl.col("outcome").replace_strict(colours, default=GREY))
    counted = dict(coloured.group_by("outcome").len().iter_rows())
    keys = [Key(colour, name, counted[name]) for name, colour in colours.items() if name in counted]
    return Map(_png(coloured, tuple(dict.fromkeys((GREY, *colours.values())))), keys, placed.height)


def _placed(points: pl.DataFrame) -> pl.DataFrame:
    """The rows that have a place."""
    return points.filter(pl.col("x").is_finite() & pl.col("y").is_finite())


def _png(coloured: pl.DataFrame, order: tuple[str, ...]) -> str:
    """The points as a transparent PNG in a data URI, drawn colour by colour in `order`."""
    # One point stays visible among few, and fifty thousand do not become one blot.
    area = min(max(50_000 / coloured.height, 1.6), 26)
    group = coloured["colour"].replace_strict(order, list(range(len(order))), return_dtype=pl.Int64)
    picture = dots(
        coloured["x"].cast(pl.Float64).to_numpy(),
        coloured["y"].cast(pl.Float64).to_numpy(),
        group.to_numpy(),
        [_rgb(colour) for colour in order],
        width=WIDTH,
        height=HEIGHT,
        radius=sqrt(area) / 2 * _PIXELS_A_POINT,
    )
    return "data:image/png;base64," + base64.b64encode(_packed(picture)).decode("ascii")


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _packed(picture: NDArray[np.uint8]) -> bytes:
    """`picture` (RGBA) as a PNG with a palette, transparent where nothing was drawn."""
    from PIL import Image

    picture[picture[..., 3] < 8] = 0  # one transparent colour, not many
    reduced = Image.fromarray(picture, "RGBA").quantize(_COLOURS, method=Image.Quantize.FASTOCTREE)
    packed = io.BytesIO()
    reduced.save(packed, format="PNG", compress_level=_COMPRESSION)
    return packed.getvalue()
