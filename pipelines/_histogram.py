"""Columns of numbers as the report shows them."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def histogram(values: pl.Series, *, low: float | None = None, high: float | None = None, bins: int) -> Any:
    """Edges and counts of the non-null values (schemas.report.Histogram); None when there are none."""
    numbers = values.drop_nulls().to_numpy().astype(np.float64)
    if len(numbers) == 0:
        return None
    span = (numbers.min() if low is None else low, numbers.max() if high is None else high)
    return _counted(np.clip(numbers, *span), np.linspace(*span, bins + 1) if span[0] < span[1] else _around(span[0]))


def growing_histogram(values: pl.Series, *, bins: int) -> Any:
    """A histogram of counts (whole numbers from 0) whose bins widen by one factor; None when there are none.

    Lengths differ by orders of magnitude: in bins of one width a single long row hides all others.
    """
    numbers = values.drop_nulls().to_numpy().astype(np.float64)
    if len(numbers) == 0:
        return None
    grown = np.geomspace(max(numbers.min(), 1), numbers.max() + 1, bins + 1)
    start = [0.0] if numbers.min() < 1 else []
    return _counted(numbers, np.unique([*start, *np.round(grown)]))


def _around(only: float) -> NDArray[np.float64]:
    """One bin around the one value there is."""
    return np.array([only - 0.5, only + 0.5])


def _counted(numbers: NDArray[np.float64], edges: NDArray[np.float64]) -> dict[str, Any]:
    counts, edges = np.histogram(numbers, bins=edges)
    return {"edges": [round(float(edge), 6) for edge in edges], "counts": counts.tolist()}


def spread(
    values: pl.Series, *, low: float | None = None, high: float | None = None, bins: int = 40, growing: bool = False
) -> dict[str, Any]:
    """What schemas.report.Spread holds of one column; nulls are counted as missing.

    `growing` bins widen to the right (growing_histogram); they know no `low` and `high`.
    """
    known = values.drop_nulls()
    return {
        "counted": len(known),
        "missing": len(values) - len(known),
        "mean": known.mean(),
        "quantiles": {f"{q:g}": float(known.quantile(q, "linear") or 0) for q in QUANTILES} if len(known) else {},
        "histogram": growing_histogram(values, bins=bins)
        if growing
        else histogram(values, low=low, high=high, bins=bins),
    }
