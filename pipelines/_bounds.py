"""Short codes of unit vectors whose products never fall short of the cosine, so that few pairs need the whole sum.

For unit rows x and y and any orthonormal directions, x.y <= h(x).h(y) + r(x) r(y), where h are the
coordinates along the directions and r is what is left of the length (Cauchy-Schwarz on the rest).
So (h, r) is a unit vector in fewer dimensions whose products bound the cosine from above; along the
principal directions of real prompts a third of the dimensions comes close. Rotated at random, its
coordinates are alike in size and fit 8 bits: with errors e = |code - vector| a product is off by at
most e(x) + e(y) + e(x) e(y), and each row's e is measured, not assumed.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Columns of one tile of products; with STRIP rows its 32-bit sums stay in the second-level cache.
WIDTH = 1_024
STRIP = 512
# Rows that are held as float32 at once while codes are made.
CHUNK = 16_384
# Directions are learnt from this many rows: any are right, good ones are quicker.
LEARN_FROM = 20_000
# A coordinate of a randomly rotated unit vector is near a normal draw; beyond this many deviations it is cut,
# and what that costs is part of the row's error.
CUT_AT = 3.5
# Sums of float32 products are off by far less.
SLACK = 1e-4
# Added to the square of what is left of a length: its own rounding, upwards.
_UPWARDS = 1e-6
# Lengths of codes that are weighed against each other, beside the whole.
_SIZES = (64, 96, 128, 192, 256)
# What 8 bits cost two rows: twice CUT_AT / 127 / sqrt(12), whatever the length.
_TWO_ERRORS = 0.016
# Nanoseconds of one product, of each of its coordinates, and of one proposal's whole sum: measured on one core of
# an Intel Ice Lake. Only their ratios matter, and only for time.
_PER_PRODUCT, _PER_WHOLE, _PER_FLOAT, _PER_PROPOSAL = 0.25, 0.0045, 0.0135, 1_500


class Chosen:
    """Some rows of others, which may lie on disk, read as they are asked for: the array that would hold them all."""

    def __init__(self, vectors: "Vectors", rows: NDArray[np.int64]) -> None:
        self._vectors, self._rows = vectors, rows
        self.dtype: np.dtype[Any] = vectors.dtype
        self.shape: tuple[int, int] = (len(rows), vectors.shape[1])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, which: NDArray[np.int64] | slice) -> NDArray[Any]:
        some: NDArray[Any] = self._vectors[self._rows[which]]
        return some


Vectors = NDArray[np.float32] | NDArray[np.float16] | Chosen


class Codes(NamedTuple):
    """`rows` (n, size) are the codes as a torch tensor, int8 or float32; a product times `scale` is nearly the cosine.

    `errors` (n,) say how nearly. `order` has the positions by rising error, so that one bad row spoils one
    block; `columns` (blocks, size, WIDTH) are the codes in that order, ready to be multiplied.
    """

    rows: Any
    columns: Any
    order: NDArray[np.int64]
    errors: NDArray[np.float32]
    scale: float

    @property
    def is_whole(self) -> bool:
        """Whether codes are 8-bit numbers."""
        return self.scale != 1

    def least(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64], cosine: float, others: "Codes | None" = None
    ) -> float:
        """Below this product no pair of these rows and columns (those of `others`) reaches `cosine`."""
        theirs = (self if others is None else others).errors
        first, second = float(self.errors[rows].max(initial=0)), float(theirs[columns].max(initial=0))
        return (cosine - first - second - first * second - SLACK) / self.scale


class Directions(NamedTuple):
    """`along` (d, k) takes a vector to its code's coordinates; `rest` (k,) is where the left length goes, or null."""

    along: NDArray[np.float32]
    rest: NDArray[np.float32] | None


def unit_rows(vectors: Vectors, rows: NDArray[np.int64] | slice) -> NDArray[np.float32]:
    """Some rows as float32. Half precision is brought back to unit length."""
    some = np.asarray(vectors[rows], dtype=np.float32)
    if vectors.dtype == np.float16:
        some = some / np.maximum(np.linalg.norm(some, axis=1, keepdims=True), 1e-12)
    return some


def cosine_of(
    vectors: Vectors, a: NDArray[np.int64], b: NDArray[np.int64], others: Vectors | None = None
) -> NDArray[np.float64]:
    """The cosine of rows a[i] and b[i] (of `others`), summed in float64, where the order of a sum decides nothing."""
    first = unit_rows(vectors, a).astype(np.float64)
    second = unit_rows(vectors if others is None else others, b).astype(np.float64)
    cosine: NDArray[np.float64] = np.einsum("ij,ij->i", first, second)
    return cosine


def principal(vectors: Vectors) -> NDArray[np.float32]:
    """(d, d) orthonormal directions, the one with most of the rows' length first."""
    some = unit_rows(vectors, evenly(len(vectors), LEARN_FROM))
    return np.linalg.eigh((some.T @ some).astype(np.float64))[1][:, ::-1].astype(np.float32)


def directions(principal: NDArray[np.float32], size: int) -> Directions:
    """Codes of `size` coordinates: as many principal directions as fit, and the rest, rotated among themselves."""
    full = len(principal)
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((min(size, full),) * 2))[0].astype(np.float32)
    if size >= full:
        return Directions(principal @ rotation, None)
    return Directions(principal[:, : size - 1] @ rotation[:-1], rotation[-1])


def coordinates(vectors: NDArray[np.float32], to: Directions) -> NDArray[np.float32]:
    """The unit vectors that bound the cosine, before they are made codes."""
    along = vectors @ to.along
    if to.rest is None:
        return along
    # The rotation mixes nothing between the two parts: it is orthonormal.
    left = np.einsum("ij,ij->i", vectors, vectors) - np.einsum("ij,ij->i", along, along)
    rest: NDArray[np.float32] = np.sqrt(np.maximum(left, 0) + _UPWARDS)
    return along + rest[:, None] * to.rest


def encode(vectors: Vectors, to: Directions, *, whole: bool) -> Codes:
    """Codes of all rows, as 8-bit numbers where `whole`."""
    import torch

    count, size = len(vectors), to.along.shape[1]
    step = np.float32(CUT_AT / size**0.5 / 127 if whole else 1)
    codes = np.empty((count, size), dtype=np.int8 if whole else np.float32)
    errors = np.zeros(count, dtype=np.float32)
    for start in range(0, count, CHUNK):
        part = slice(start, min(start + CHUNK, count))
        exact = coordinates(unit_rows(vectors, part), to)
        codes[part] = np.clip(np.rint(exact / step), -127, 127) if whole else exact
        errors[part] = np.linalg.norm(exact - codes[part] * step, axis=1)
    order = np.argsort(errors, kind="stable")
    columns = np.zeros((-(-count // WIDTH), size, WIDTH), dtype=codes.dtype)
    for block in range(len(columns)):
        mine = order[block * WIDTH : (block + 1) * WIDTH]
        columns[block, :, : len(mine)] = codes[mine].T
    return Codes(torch.from_numpy(codes), torch.from_numpy(columns), order, errors, float(step) ** 2)


def codes_for(vectors: Vectors, principal: NDArray[np.float32], cosine: float) -> Codes:
    """Codes of the length that makes products and proposals together cheapest."""
    whole = whole_numbers()
    return encode(vectors, quickest(vectors, principal, cosine, whole=whole), whole=whole)


def quickest(vectors: Vectors, principal: NDArray[np.float32], cosine: float, *, whole: bool) -> Directions:
    """Directions for codes of the length that makes products and proposals together cheapest."""
    some, others = (unit_rows(vectors, evenly(len(vectors), most)) for most in (1_000, 4_000))
    sizes = [*(size for size in _SIZES if size < len(principal)), len(principal)]
    costs = []
    for size in sizes:
        to = directions(principal, size)
        near = coordinates(some, to) @ coordinates(others, to).T >= cosine - (_TWO_ERRORS if whole else 0)
        costs.append(_PER_PRODUCT + (_PER_WHOLE if whole else _PER_FLOAT) * size + _PER_PROPOSAL * near.mean())
    return directions(principal, sizes[int(np.argmin(costs))])


def evenly(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` of `count` positions, evenly spaced.

    >>> evenly(3, 5).tolist(), evenly(9, 3).tolist()
    ([0, 1, 2], [0, 4, 8])
    """
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64)) if count else np.zeros(0, np.int64)


def whole_numbers() -> bool:
    """Whether this CPU multiplies 8-bit numbers in hardware, exactly (VNNI): 3 times as quick as float32."""
    import torch

    supported = getattr(torch.cpu, "_is_vnni_supported", lambda: False)
    if not supported():
        return False
    # Without VNNI the library may let sums of two products overflow; the largest that occur show it.
    most = torch.full((16, 64), -127, dtype=torch.int8)
    most[::2] = 127
    exact = most.to(torch.int32) @ most.to(torch.int32).T
    return bool(torch.equal(torch._int_mm(most, most.T.contiguous()), exact))
