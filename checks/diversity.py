"""How varied a dataset is: figures over vectors and prompts, no record judged by itself."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

# Rows multiplied in float32 at a time: their sum is then off by less than a millionth.
_BLOCK = 4_096


def products(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """X'X, (d, d), summed in float64 from blocks of float32, which takes half the time and little memory.

    >>> products(np.eye(2, 3, dtype=np.float32)).diagonal().tolist()
    [1.0, 1.0, 0.0]
    """
    total = np.zeros((vectors.shape[1],) * 2)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        total += block.T @ block
    return total


def vendi_score(vectors: NDArray[np.float32]) -> float | None:
    """The effective number of distinct rows: between 1 (all alike) and the number of rows.

    Friedman & Dieng 2023 (arXiv:2210.02410): the exponential of the entropy of the eigenvalues of
    K / n. For a cosine kernel these are the eigenvalues of the d x d matrix X'X / n, which costs
    nothing at any n. `vectors` are unit rows; null when there are none.

    >>> round(vendi_score(np.eye(3, dtype=np.float32)), 6)
    3.0
    """
    if len(vectors) == 0:
        return None
    values = np.linalg.eigvalsh(products(vectors) / len(vectors))
    weights = values[values > 1e-12]
    weights = weights / weights.sum()
    return float(np.exp(-np.sum(weights * np.log(weights))))


class VerbObjects(NamedTuple):
    """`pairs` has verb, object and count, most frequent first; `entropy` is in [0, 1], null without pairs."""

    pairs: pl.DataFrame
    entropy: float | None


# Words between a verb and what it acts on. The figure is a rough one by design: self-instruct
# (arXiv:2212.10560) parses; a parser's model is a download, and the first content word is near it.
_SKIPPED = frozenset(
    """
    a an the this that these those some any all each every of for to in on with from by about into
    and or my your our their his her its me us you it them one two three four five six ten several
    following given new good short simple brief detailed list set example examples few more most at least many much
    how what which why when where who is are was were can could should would do does did be please
    """.split()  # noqa: SIM905
)


def verb_objects(prompts: pl.Series) -> VerbObjects:
    """The opening verb of each English prompt, and the first content word after it.

    A heuristic: the first word, without "please" and "can you", is taken for the verb. Prompts that
    do not open with a Latin word are not counted.
    """
    opening = (
        prompts.str.slice(0, 400)
        .str.to_lowercase()
        .str.replace(r"^\W*(?:user: )?(?:(?:please|kindly|(?:can|could) you)\W+)?", "")
    )
    words = opening.str.extract_all(r"[a-z][a-z'-]+").rename("words")
    frame = words.to_frame().select(
        verb=pl.col("words").list.first(),
        object=pl.col("words").list.slice(1).list.filter(~pl.element().is_in(sorted(_SKIPPED))).list.first(),
    )
    pairs = frame.drop_nulls().group_by("verb", "object").agg(count=pl.len())
    pairs = pairs.sort("count", "verb", "object", descending=[True, False, False])
    return VerbObjects(pairs, _entropy(pairs["count"]))


def _entropy(counts: pl.Series) -> float | None:
    """Shannon entropy of the shares, over its largest possible value."""
    if len(counts) == 0:
        return None
    if len(counts) == 1:
        return 0.0
    shares = counts.to_numpy() / counts.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(len(counts)))
