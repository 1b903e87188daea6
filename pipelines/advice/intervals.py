"""Shares with their intervals"""

from statistics import NormalDist

from annotation.judging.wilson import wilson
from schemas.advice import Share

_Z = NormalDist().inv_cdf(0.975)


def share_of(rows: int, of: int) -> Share:
    """Wilson's interval at 95 %; zero of zero is a share of 0 that may be anything.

    Not by `scipy.stats`, which takes longer to import than many a run.

    >>> share_of(50, 100)
    Share(rows=50, share=0.5, low=0.4038, high=0.5962)
    """
    if not of:
        return Share(rows=0, share=0.0, low=0.0, high=1.0)
    share = rows / of
    low, high = (min(max(end, 0.0), 1.0) for end in wilson(share, of, _Z))
    return Share(rows=rows, share=round(share, 4), low=round(low, 4), high=round(high, 4))
