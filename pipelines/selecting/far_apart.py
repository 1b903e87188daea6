"""Quality first, and nothing that is close to what is taken: the representation filter of DEITA."""

import numpy as np
from numpy.typing import NDArray

from pipelines._tiles import UNITS
from pipelines.selecting.pool import Places, Pool, Vectors
from pipelines.selecting.ranking import by_quality

# Rows whose products with all that is taken are worked out at once.
_BLOCK = 512


def best_far_apart(pool: Pool) -> Places:
    """The best records no closer than `max_similarity` to a better one; too few of them, and the best others fill up.

    Liu et al. 2024 (arXiv:2312.15685), with our quality score for the product of their two.
    """
    order = by_quality(pool._replace(size=pool.records.height))
    return order[_spread_out(pool.vectors[order], pool.size, pool.max_similarity, pool.called_for)]


def _spread_out(vectors: Vectors, size: int, max_similarity: float, called_for: int) -> Places:
    """Walk `vectors` in order and take the first `called_for`, and what is far enough from all that is taken."""
    taken: list[int] = []
    passed: list[int] = []
    held = np.empty((size, vectors.shape[1]), dtype=np.float32)
    least = round(max_similarity * UNITS)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        closest = _most(block @ held[: len(taken)].T)
        among = _units(block @ block.T)
        for place in range(len(block)):
            if len(taken) == size:
                break
            if start + place >= called_for and closest[place] >= least:
                passed.append(start + place)
                continue
            held[len(taken)] = block[place]
            taken.append(start + place)
            np.maximum(closest, among[place], out=closest)
    return np.array(taken + passed[: size - len(taken)], dtype=np.int64)


def _units(cosine: NDArray[np.float32]) -> NDArray[np.int32]:
    """Rounded, so that the order of a sum decides nothing at the threshold."""
    return np.rint(cosine * UNITS).astype(np.int32)


def _most(cosine: NDArray[np.float32]) -> NDArray[np.int32]:
    """The largest of each row, in UNITS; below every cosine where there is none."""
    if not cosine.shape[1]:
        return np.full(len(cosine), -2 * UNITS, dtype=np.int32)
    return _units(cosine.max(axis=1))
