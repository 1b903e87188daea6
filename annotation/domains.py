"""Domains: which described field a prompt belongs to, by similarity, unless somebody knows better."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

GENERAL = "general"
"""The domain of what lies close to no description."""

KEY = "domain"
"""The key of a record's own metadata that names its domain."""


class Domain(NamedTuple):
    """A record's domain, and who says so."""

    name: str
    similarity: float | None  # cosine to the description; null where it was told, and for GENERAL
    agent: str  # the model, "metadata", or "people"


def nearest(
    prompts: NDArray[np.float32], descriptions: NDArray[np.float32], names: Sequence[str], *, min_similarity: float
) -> list[tuple[str, float | None]]:
    """For each row of `prompts` the name whose description is most similar, with the cosine.

    All rows are unit vectors, those of `descriptions` in the order of `names`. Below `min_similarity`, or
    without descriptions, it is GENERAL and null; the first name wins a tie.
    """
    if not names:
        return [(GENERAL, None)] * len(prompts)
    cosines = prompts @ descriptions.T
    best = cosines.argmax(axis=1)
    highest = cosines[np.arange(len(prompts)), best]
    return [
        (names[place], float(cosine)) if cosine >= min_similarity else (GENERAL, None)
        for place, cosine in zip(best, highest, strict=True)
    ]


def told(metadata: str | None, domains: Mapping[str, str]) -> str | None:
    """The domain that a record's own metadata (JSON) names, where it is a known one; else null."""
    if not metadata:
        return None
    try:
        content = orjson.loads(metadata)
    except orjson.JSONDecodeError:
        return None
    said = content.get(KEY) if isinstance(content, dict) else None
    known = {name.casefold(): name for name in (*domains, GENERAL)}
    return known.get(said.strip().casefold()) if isinstance(said, str) else None
