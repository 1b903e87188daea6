"""The report's map of the embeddings: a raster picture, because no page holds fifty thousand shapes."""

import base64
import io
from math import sqrt
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._dots import dots
from schemas.outcome import Fate

# Okabe & Ito 2008, the colour-blind-safe palette; black and blue go to neither map (unseen on one theme).
PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")
GREY = "#8A8F98"

OUTCOME_COLOURS = {
    Fate.TRAIN: "#0072B2",
    Fate.VALIDATION: "#56B4E9",
    Fate.TEST: "#009E73",
    Fate.UNSELECTED: "#8A8F98",
    Fate.UNREADABLE: "#5F6670",
    Fate.REVIEW: "#E69F00",
    Fate.REJECTED: "#F0E442",
    Fate.DUPLICATE: "#CC79A7",
    Fate.DROPPED: "#D55E00",
    Fate.CONTAMINATED: "#7B4B2A",
}
"""In drawing order: what is rare and removed is drawn last, and so lies on top."""

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

    `points` has x, y, cluster and outcome; rows whose place is null or not finite are left out.
    """
    placed = _placed(points)
    if not placed.height:
        return None
    sizes = placed.filter(pl.col("cluster").is_not_null())["cluster"].value_counts()
    largest: list[int] = (
        sizes.sort(["count", "cluster"], descending=[True, False])["cluster"].head(len(PALETTE)).to_list()
    )
    colours = dict(zip(largest, PALETTE, strict=False))
    coloured = placed.with_columns(
        colour=pl.col("cluster").replace_strict(colours, default=GREY, return_dtype=pl.String).fill_null(GREY)
    )
    rest = coloured.filter(pl.col("colour") == GREY).height
    keys = [
        Key(colour, names.get(cluster, f"cluster {cluster}"), coloured.filter(pl.col("cluster") == cluster).height)
        for cluster, colour in colours.items()
    ]
    return Map(
        _png(coloured, (GREY, *PALETTE)), keys + ([Key(GREY, "all others", rest)] if rest else []), placed.height
    )


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
