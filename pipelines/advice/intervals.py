"""Shares with their intervals"""

from math import sqrt
from statistics import NormalDist

from schemas.advice import Share

_Z = NormalDist().inv_cdf(0.975)


def share_of(rows: int, of: int) -> Share:
    """Wilson's interval at 95 % (Wilson 1927); zero of zero is a share of 0 that may be anything.

    Written out here: `scipy.stats` takes longer to import than many a run.

    >>> share_of(50, 100)
    Share(rows=50, share=0.5, low=0.4038, high=0.5962)
    """
    if not of:
        return Share(rows=0, share=0.0, low=0.0, high=1.0)
    share, shift = rows / of, _Z**2 / of
    middle = (share + shift / 2) / (1 + shift)
    reach = _Z * sqrt(share * (1 - share) / of + shift / (4 * of)) / (1 + shift)
    low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    return Share(rows=rows, share=round(share, 4), low=round(low, 4), high=round(high, 4))
