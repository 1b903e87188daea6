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
    similarity: float | None  # cosine to the nearest part of its description; null where it was told, and for GENERAL
    agent: str  # the model, "metadata", or "people"


class Parts(NamedTuple):
    """What prompts are compared with: the parts of all descriptions, and the domain of each."""

    names: tuple[str, ...]
    texts: tuple[str, ...]


def parts(domains: Mapping[str, str]) -> Parts:
    """The descriptions of `domains` (name to description), taken apart at semicolons.

    >>> parts({"law": "courts; contracts"})
    Parts(names=('law', 'law'), texts=('courts', 'contracts'))
    """
    told = [
        (name, part.strip()) for name, description in domains.items() for part in description.split(";") if part.strip()
    ]
    return Parts(tuple(name for name, _ in told), tuple(text for _, text in told))


def nearest(
    prompts: NDArray[np.float32], described: NDArray[np.float32], names: Sequence[str], *, min_similarity: float
) -> list[tuple[str, float | None]]:
    """For each row of `prompts` the domain with the most similar part, and the cosine to it.

    All rows are unit vectors, those of `described` in the order of `names`. Below `min_similarity`, or
    where nothing is described, it is GENERAL and null; the first name wins a tie.
    """
    if not names:
        return [(GENERAL, None)] * len(prompts)
    cosines = prompts @ described.T
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
