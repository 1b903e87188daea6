"""Dots on a transparent picture, for the report's maps: any number of them, drawn colour by colour."""

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Of a dot's edge to the next; what lies under many dots shows through less and less.
_OPACITY = 0.75
# Of the plot's width and height, left free on each side.
_MARGIN = 0.02
# Dots at a time: bounds memory at any number of rows.
_BLOCK = 100_000

Floats = NDArray[np.float64]


def dots(
    x: Floats,
    y: Floats,
    group: NDArray[np.int64],
    colours: list[tuple[int, int, int]],
    *,
    width: int,
    height: int,
    radius: float,
) -> NDArray[np.uint8]:
    """RGBA of shape (height, width, 4): a round dot of `radius` pixels for each finite x, y (y grows upwards).

    `group` is a place in `colours`; a later colour lies on top of an earlier one. Where all x or all y
    are equal they stand in the middle.
    """
    across, down = placed(x, width), height - placed(y, height)
    drawn = np.zeros((height * width, 4), dtype=np.float32)  # colours weighed by their opacity, and that
    for number, rgb in enumerate(colours):
        mine = group == number
        if mine.any():
            at, opacity = _cover(across[mine], down[mine], width, height, radius)
            # "Over": what is drawn later hides what lies below by its own opacity.
            ink = np.array([*rgb, 255], dtype=np.float32)
            drawn[at] = opacity[:, None] * ink + (1 - opacity)[:, None] * drawn[at]
    at, picture = np.flatnonzero(drawn[:, 3]), np.zeros((height * width, 4), dtype=np.uint8)
    shown = drawn[at]
    shown[:, :3] *= 255 / shown[:, 3:]
    picture[at] = np.rint(shown)
    return picture.reshape(height, width, 4)


def placed(values: Floats, size: int) -> Floats:
    """Values in pixels from the low edge of a picture of this size."""
    low, span = values.min(), np.ptp(values)
    part = (values - low) / span if span > 0 else np.full(len(values), 0.5)
    return np.asarray((_MARGIN + part * (1 - 2 * _MARGIN)) * size)


class _Cover(NamedTuple):
    at: NDArray[np.intp]  # pixels, counted row by row
    opacity: NDArray[np.float32]


def _cover(across: Floats, down: Floats, width: int, height: int, radius: float) -> _Cover:
    """The pixels under dots of one colour; each opacity is one minus the product of what the dots let through."""
    through = np.zeros(height * width)
    reach = int(np.ceil(radius))
    for start in range(0, len(across), _BLOCK):
        cx, cy = across[start : start + _BLOCK], down[start : start + _BLOCK]
        column, row = np.floor(cx).astype(np.int64), np.floor(cy).astype(np.int64)
        # From the centre of the pixel with a dot's centre to that of the dot.
        right, below = (column + 0.5 - cx).astype(np.float32), (row + 0.5 - cy).astype(np.float32)
        for step_down, step_right in product(range(-reach, reach + 1), repeat=2):
            # Within half a pixel of its edge a dot covers a pixel in part: smooth edges.
            part = radius + 0.5 - np.sqrt((below + step_down) ** 2 + (right + step_right) ** 2)
            there, beside = row + step_down, column + step_right
            seen = np.flatnonzero((part > 0) & (there >= 0) & (there < height) & (beside >= 0) & (beside < width))
            weights = np.log1p(-_OPACITY * np.minimum(part[seen], 1))
            np.add.at(through, (there * width + beside)[seen], weights)
    at = np.flatnonzero(through)
    return _Cover(at, -np.expm1(through[at]).astype(np.float32))
