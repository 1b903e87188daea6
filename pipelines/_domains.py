"""Which described domain each record belongs to: what its metadata says, else the nearest description."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from annotation.asking.domains import GENERAL, KEY, parts, told
from pipelines.embedding.encoder import Encoder


def with_domains(
    records: pl.DataFrame,
    vectors: NDArray[np.float32],
    encoder: Encoder,
    *,
    domains: Mapping[str, str],
    min_similarity: float,
) -> pl.DataFrame:
    """Add `domain`, as people are asked by it: one of `domains` (name to description) or GENERAL.

    `vector` of a record is its row in `vectors`. Without any description all are null: nothing was looked for.
    """
    described = parts(domains)
    if records.is_empty() or not described.names:
        return records.with_columns(domain=pl.lit(None, dtype=pl.String))
    cosines = (vectors @ encoder.refine(described.texts).vectors.T)[records["vector"].to_numpy()]
    best = cosines.argmax(axis=1)
    # The threshold's place is behind the last name.
    best[cosines[np.arange(len(cosines)), best] < min_similarity] = len(described.names)
    nearest = pl.Series([*described.names, GENERAL]).gather(best)
    return records.with_columns(domain=nearest).with_columns(domain=pl.coalesce(_said(records, domains), "domain"))


def _said(records: pl.DataFrame, domains: Mapping[str, str]) -> pl.Series:
    """The domain that a record's own metadata names; null where it names none that is known."""
    metadata = records["metadata"]
    # Few have such a key, and only theirs is read.
    named = metadata.str.contains(f'"{KEY}"', literal=True).fill_null(False).arg_true()
    known = [told(text, domains) for text in metadata.gather(named)]
    said = pl.Series([None] * records.height, dtype=pl.String)
    return said.scatter(named, known) if known else said
