"""Shares with their intervals"""

from scipy.stats import binomtest

from schemas.advice import Share


def share_of(rows: int, of: int) -> Share:
    """Wilson's interval at 95 %; zero of zero is a share of 0 that may be anything.

    >>> share_of(50, 100)
    Share(rows=50, share=0.5, low=0.4038, high=0.5962)
    """
    if not of:
        return Share(rows=0, share=0.0, low=0.0, high=1.0)
    interval = binomtest(rows, of).proportion_ci(0.95, method="wilson")
    return Share(rows=rows, share=round(rows / of, 4), low=round(interval.low, 4), high=round(interval.high, 4))
