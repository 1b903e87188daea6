"""Columns of numbers as the report shows them."""

from typing import Any

import numpy as np
import polars as pl

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def histogram(values: pl.Series, *, low: float | None = None, high: float | None = None, bins: int) -> Any:
    """Edges and counts of the non-null values (schemas.report.Histogram); None when there are none."""
    numbers = values.drop_nulls().to_numpy().astype(np.float64)
    if len(numbers) == 0:
        return None
    span = (numbers.min() if low is None else low, numbers.max() if high is None else high)
    counts, edges = np.histogram(np.clip(numbers, *span), bins=bins, range=span)
    return {"edges": [round(float(edge), 6) for edge in edges], "counts": counts.tolist()}


def spread(values: pl.Series, *, low: float | None = None, high: float | None = None, bins: int = 40) -> dict[str, Any]:
    """What schemas.report.Spread holds of one column; nulls are counted as missing."""
    known = values.drop_nulls()
    return {
        "counted": len(known),
        "missing": len(values) - len(known),
        "mean": known.mean(),
        "quantiles": {f"{q:g}": float(known.quantile(q, "linear") or 0) for q in QUANTILES} if len(known) else {},
        "histogram": histogram(values, low=low, high=high, bins=bins),
    }
