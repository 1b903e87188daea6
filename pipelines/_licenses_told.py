"""What the released rows are licensed under, in words: for a terminal, the page and the card."""

from pipelines._shown import one_line, plural
from schemas.report import Licenses

# What a terminal's line has room for.
MOST_NAMED = 4

NO_ADVICE = (
    "This adds up what rows state and is no legal advice: whether training on rows adapts them, and whether a dataset "
    "that keeps them apart does, is for you to judge."
)

DEMANDS = {
    "attribution": "name the authors",
    "share_alike": "pass adaptations on under the same terms",
    "non_commercial": "no commercial use",
    "no_derivatives": "pass no adaptation on",
    "use_restricted": "some uses are forbidden",
}


def license_line(found: Licenses | None) -> str:
    """Rows by licence, and what stands against using them together; "" where that was not summed."""
    if found is None or not (found.licenses or found.unknown):
        return ""
    named = [f"{one_line(one.license, 40)} {one.rows:,}" for one in found.licenses[:MOST_NAMED]]
    more = len(found.licenses) - MOST_NAMED
    parts = [", ".join(named) + (f" and {more} more" if more > 0 else "")] if named else []
    if found.unknown:
        parts.append(f"{plural(found.unknown, 'row')} {'states' if found.unknown == 1 else 'state'} none")
    if found.unrecognised:
        parts.append(f"{found.unrecognised:,} not recognised")
    if found.conflicts:
        parts.append(f"{plural(found.conflicts, 'CONFLICT')}: {one_line(found.conflicting[0].why, 160)}")
    return "; ".join(parts)


def demands_told(demands: list[str]) -> str:
    """
    >>> demands_told(["attribution", "non_commercial"]), demands_told([])
    ('name the authors; no commercial use', 'nothing')
    """
    return "; ".join(DEMANDS.get(demand, demand) for demand in demands) or "nothing"


def restrictions(found: Licenses) -> list[tuple[str, int]]:
    """What rows demand beyond naming the authors, and how many rows do; only what some row demands."""
    counted = [(told, getattr(found, name)) for name, told in DEMANDS.items() if name != "attribution"]
    return [(told, rows) for told, rows in counted if rows]
