"""Licences of a dataset: rows by licence, what they demand, and which cannot be passed on together

Nothing here is legal advice. It adds up what rows state, and names pairs of licences under which no one adaptation of
both can be passed on. Whether a model trained on rows adapts them, and whether a dataset that keeps each row apart
does, is for whoever trains to judge. Sources: Creative Commons' compatibility chart and its list of compatible
licences (BY-SA 3.0 to 4.0, BY-SA 4.0 to GPL-3.0); the Free Software Foundation's licence list for GPL and Apache; the
texts of ODbL 1.0 (4.4), CDLA-Sharing 1.0 (3.1) and the OpenRAIL and Llama licences for what must be passed on.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

from checks._licenses import Demand, License, Stated, understood

# Which adaptations of the first may be passed on under the second.
_INTO = (
    ("CC-BY-SA-1.0", "CC-BY-SA-2.0"),
    *((f"CC-BY-SA-{old}", f"CC-BY-SA-{new}") for old, new in combinations(("2.0", "2.5", "3.0", "4.0"), 2)),
    *((f"CC-BY-NC-SA-{old}", f"CC-BY-NC-SA-{new}") for old, new in combinations(("2.0", "2.5", "3.0", "4.0"), 2)),
    ("CC-BY-SA-4.0", "GPL-3.0-only"),
    ("CC-BY-SA-4.0", "GPL-3.0-or-later"),
    *((old, "GPL-3.0-or-later") for old in ("GPL-3.0-only", "GPL-2.0-or-later", "LGPL-3.0-or-later", "MPL-2.0")),
    *((old, "GPL-3.0-only") for old in ("GPL-2.0-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later", "MPL-2.0")),
    *((old, new) for old in ("LGPL-2.1-only", "LGPL-2.1-or-later") for new in ("GPL-2.0-only", "GPL-2.0-or-later")),
    *((old, "GPL-3.0-or-later") for old in ("LGPL-2.1-only", "LGPL-2.1-or-later")),
    *((old, "AGPL-3.0-or-later") for old in ("AGPL-3.0-only", "GPL-3.0-only", "GPL-3.0-or-later", "GPL-2.0-or-later")),
    *((old, "AGPL-3.0-only") for old in ("GPL-3.0-only", "GPL-3.0-or-later", "GPL-2.0-or-later")),
    ("GPL-2.0-only", "GPL-2.0-or-later"),
    ("LGPL-3.0-only", "LGPL-3.0-or-later"),
    ("LGPL-2.1-only", "LGPL-2.1-or-later"),
    ("GFDL-1.3-only", "GFDL-1.3-or-later"),
)
_TOGETHER = {frozenset(pair) for pair in _INTO}

# "Version 2 only" forbids what Apache's patent clause adds (the FSF's licence list).
_APART = {frozenset(("Apache-2.0", "GPL-2.0-only"))}

_VERSION = re.compile(r"-\d[\d.]*(?:-only|-or-later)?$")

# What fills the place of a licence and is none.
_SAYS_NOTHING = frozenset(("", "unknown", "none", "null", "n/a", "na", "not specified", "unspecified", "?", "-"))


def conflict(one: Stated, other: Stated) -> str | None:
    """Why no one adaptation of texts under both can be passed on; null where one can, or where either is not known."""
    if not one.alternatives or not other.alternatives:
        return None
    reasons = [_apart(a, b) for a in one.alternatives for b in other.alternatives]
    return None if None in reasons else reasons[0]


def _apart(first: Sequence[License], second: Sequence[License]) -> str | None:
    return next((why for a in first for b in second if (why := _conflict(a, b))), None)


def _conflict(a: License, b: License) -> str | None:
    if a.id == b.id:
        return None
    pair = frozenset((a.id, b.id))
    for one, other in ((a, b), (b, a)):
        if Demand.NO_DERIVATIVES in one.demands:
            return f"{one.id} lets no adaptation be passed on, so it cannot be put together with {other.id}"
    for one, other in ((a, b), (b, a)):
        added = [
            demand for demand in (Demand.NON_COMMERCIAL, Demand.USE_RESTRICTED) if demand in other.demands - one.demands
        ]
        if Demand.SHARE_ALIKE in one.demands and added:
            words = " and ".join(demand.value.replace("_", "-") for demand in added)
            return f"{one.id} must be passed on without further restrictions, and {other.id} is {words}"
    if pair in _APART:
        return f"the terms of {a.id} and {b.id} contradict each other"
    both_share = Demand.SHARE_ALIKE in a.demands & b.demands
    if both_share and pair not in _TOGETHER and not _same_but_for_the_version(a.id, b.id):
        return f"{a.id} and {b.id} each demand that the whole is under their own terms"
    return None


def _same_but_for_the_version(a: str, b: str) -> bool:
    """Whether one of two names says no version, so that none is held against the other.

    >>> _same_but_for_the_version("CC-BY-SA", "CC-BY-SA-4.0"), _same_but_for_the_version("CC-BY-SA-2.0", "CC-BY-SA-4.0")
    (True, False)
    """
    bases = [_VERSION.sub("", name) for name in (a, b)]
    return bases[0] == bases[1] and not all(map(_VERSION.search, (a, b)))


def summed(counts: Iterable[tuple[str | None, int]]) -> dict[str, Any]:
    """Rows by licence as schemas.report.Licenses has them, of (what rows state, rows); null where they state none."""
    stated: dict[str, tuple[Stated, dict[str, int]]] = {}
    unknown = 0
    for text, rows in counts:
        if text is None or text.strip().lower() in _SAYS_NOTHING:
            unknown += rows
            continue
        what = understood(text)
        words = stated.setdefault(what.id, (what, {}))[1]
        words[text] = words.get(text, 0) + rows
    ordered = sorted(stated.values(), key=lambda found: (-sum(found[1].values()), found[0].id))
    rows_of = {what.id: sum(words.values()) for what, words in ordered}
    conflicts = [
        {"one": a.id, "other": b.id, "why": why, "rows": [rows_of[a.id], rows_of[b.id]]}
        for (a, _), (b, _) in combinations(ordered, 2)
        if (why := conflict(a, b))
    ]
    demands = {
        demand.value: sum(rows_of[what.id] for what, _ in ordered if demand in what.demands) for demand in Demand
    }
    return {
        "unknown": unknown,
        "unrecognised": sum(rows_of[what.id] for what, _ in ordered if not what.alternatives),
        **demands,
        "conflicts": len(conflicts),
        "licenses": [_told(what, words) for what, words in ordered],
        "conflicting": conflicts,
    }


def _told(what: Stated, words: dict[str, int]) -> dict[str, Any]:
    single = what.alternatives[0][0] if len(what.alternatives) == 1 == len(what.alternatives[0]) else None
    return {
        "license": what.id,
        "recognised": bool(what.alternatives),
        "rows": sum(words.values()),
        "stated": sorted(words),
        "demands": [demand.value for demand in what.demands],
        "url": single.url if single else None,
    }
