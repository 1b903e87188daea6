"""What every backend does: texts to unit vectors. And what an encoder gives back."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Progress = Callable[[int, int], None]
"""Called with (texts done, texts in all)."""


class Embedded(NamedTuple):
    """`vectors` is (n, dimensions) float32 with unit rows; `truncated` marks texts beyond the window.

    `margin` is how far a cosine of two of the vectors may be from the reference's; 0.0 where they are the reference.
    """

    vectors: NDArray[np.float32]
    truncated: NDArray[np.bool_]
    margin: float = 0.0


class UnavailableError(Exception):
    """Why a tier cannot be had here; the next better one is taken. Never leaves this folder."""


class Backend(Protocol):
    """One way of running a model."""

    def embed(self, texts: Sequence[str]) -> Embedded:
        """Unit vectors of `texts`, in their order. Best given texts of like length at a time."""
