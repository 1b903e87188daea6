"""Verdicts of checks, remembered by record and by the version of each check: a changed check runs again, alone."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from checks._text import with_derived
from checks.catalogue import reads_only_the_record, verdicts
from checks.quality import behind_quality, quality
from checks.registry import PREFIX, Check
from checks.versions import version_of, versions_of
from pipelines._tally import count
from pipelines.cache.keys import made_by, text_keys
from pipelines.cache.place import place_at
from pipelines.cache.remembered import remembered
from pipelines.cache.store import Store

KIND = "verdicts"
"""Where the cache keeps them: a bit for each check and eight bytes for the quality, so 32 bytes a record."""
SETS = "verdict-sets"
"""What a folder below `verdicts` holds: its checks and their versions."""

QUALITY = "quality"
# Behind a check's reason: the flag of the records that it applies to.
_APPLIES = "?"
# A word of bits is as many flags.
_BITS = 64
# Sets that are looked through for verdicts to take over: what was changed today and yesterday.
_SETS_LOOKED_AT = 3
_SET_SCHEMA = pl.Schema({"members": pl.String()})
_SETS_BY = made_by("members as JSON", "1")


def judged(
    records: pl.DataFrame, checks: Sequence[Check], *, cache: str | None = None, keys: pl.Series | None = None
) -> pl.DataFrame:
    """`quality`, and a boolean column per check in their order, each its `Check.verdict`.

    The checks read nothing but the record (`catalogue.reads_only_the_record`). With `cache` and the records' `keys`
    a verdict is worked out once for each record and version of its check, and saved.
    """
    count("checked", records.height, 0)
    count("verdicts", records.height * (len(checks) + 1), 0)
    if cache is None or keys is None:
        return _worked_out(records, checks, with_quality=True)
    members = _members(checks)
    name = made_by(json.dumps(members))
    store = Store(cache, KIND, name, _schema(len(_flags(checks))))

    def missing(rows: NDArray[np.int64]) -> pl.DataFrame:
        _describe(cache, name, members)
        found = _taken_over(records[rows], keys[rows], checks, members, cache, name)
        return _packed(found, checks)

    return _unpacked(remembered(store, keys, missing), checks)


def _members(checks: Sequence[Check]) -> dict[str, str]:
    """What a set holds, with versions: the order of its flags is the order of their bits."""
    versions = versions_of(checks)
    flags = {flag: versions[flag.removesuffix(_APPLIES)] for flag in _flags(checks)}
    return {**flags, QUALITY: version_of(*behind_quality())}


def _flags(checks: Sequence[Check]) -> dict[str, pl.Expr]:
    """What is kept of the verdicts: whether each check passed, and where it is about some records only, these."""
    flags: dict[str, pl.Expr] = {}
    for check in checks:
        flags[check.reason] = pl.col(check.column).fill_null(False)
        if check.applies is not None:
            flags[check.reason + _APPLIES] = pl.col(check.column).is_not_null()
    return flags


def _worked_out(records: pl.DataFrame, checks: Sequence[Check], *, with_quality: bool) -> pl.DataFrame:
    count("checked", 0, records.height)
    count("verdicts", 0, records.height * (len(checks) + with_quality))
    read = [*(each for check in checks for each in check.reads), *(behind_quality() if with_quality else ())]
    ready = with_derived(records, read)
    scores = [quality(ready)] if with_quality else []
    return pl.DataFrame([*scores, *(verdicts(ready, checks).get_columns() if checks else [])])


class _Known(NamedTuple):
    """Verdicts of an earlier set: `rows` (ascending) of those asked for, and a column for each verdict that holds."""

    rows: NDArray[np.int64]
    columns: pl.DataFrame


def _taken_over(
    records: pl.DataFrame, keys: pl.Series, checks: Sequence[Check], members: Mapping[str, str], cache: str, name: str
) -> pl.DataFrame:
    """All columns for all records: from an earlier set where the check is still the same, worked out where not."""
    left = np.arange(records.height)
    parts: list[pl.DataFrame] = []
    for known in _earlier(keys, members, cache, name):
        mine = np.intersect1d(known.rows, left, assume_unique=True)
        if len(mine):
            held = known.columns[np.searchsorted(known.rows, mine)]
            parts.append(_completed(records[mine], checks, held).with_columns(row=pl.Series(mine)))
            left = np.setdiff1d(left, mine, assume_unique=True)
    if len(left):
        parts.append(_worked_out(records[left], checks, with_quality=True).with_columns(row=pl.Series(left)))
    columns = [*(check.column for check in checks), QUALITY]
    return pl.concat([part.select("row", *columns) for part in parts]).sort("row").select(columns)


def _completed(records: pl.DataFrame, checks: Sequence[Check], held: pl.DataFrame) -> pl.DataFrame:
    """The columns that are held, and the others worked out."""
    others = [check for check in checks if check.column not in held.columns]
    lacks_quality = QUALITY not in held.columns
    if not others and not lacks_quality:
        return held
    return held.hstack(_worked_out(records, others, with_quality=lacks_quality))


def _earlier(keys: pl.Series, members: Mapping[str, str], cache: str, name: str) -> list[_Known]:
    """What earlier sets know of the records, those first that share most with `members`."""
    shared = {other: _shared(theirs, members) for other, theirs in _sets(cache).items() if other != name}
    best = sorted((other for other in shared if shared[other].same), key=lambda other: -len(shared[other].same))
    found = []
    for other in best[:_SETS_LOOKED_AT]:
        theirs = shared[other]
        rows = Store(cache, KIND, other, _schema(theirs.flags)).load(keys)
        places = keys.alias("key").to_frame().with_row_index("row").join(rows, on="key", how="inner").sort("row")
        if places.height:
            columns = places.select(value.alias(column) for column, value in theirs.same.items())
            found.append(_Known(places["row"].cast(pl.Int64).to_numpy(), columns))
    return found


class _Shared(NamedTuple):
    """How many flags a set has, and the verdicts in it of the checks whose versions are the same."""

    flags: int
    same: dict[str, pl.Expr]


def _shared(theirs: Mapping[str, str], members: Mapping[str, str]) -> _Shared:
    flags = [flag for flag in theirs if flag != QUALITY]
    values = {
        PREFIX + reason: verdict
        for reason, verdict in _verdicts(flags).items()
        if members.get(reason) == theirs[reason]
    }
    quality_too = {QUALITY: pl.col(QUALITY)} if members[QUALITY] == theirs[QUALITY] else {}
    return _Shared(len(flags), {**values, **quality_too})


def _sets(cache: str) -> dict[str, dict[str, str]]:
    """The sets that are there and what they hold; one that nobody described holds nothing."""
    names = pl.Series(_folders(cache), dtype=pl.String)
    described = Store(cache, SETS, _SETS_BY, _SET_SCHEMA).load(text_keys(names))
    found = names.alias("name").to_frame().with_columns(key=text_keys(names)).join(described, on="key").sort("name")
    return {name: json.loads(members) for name, members in found.select("name", "members").iter_rows()}


def _folders(cache: str) -> list[str]:
    try:
        return sorted({entry.path.split("/")[1] for entry in place_at(cache).entries(KIND)})
    except MemoryError:
        raise
    except Exception:  # each of fsspec's filesystems has errors of its own; what cannot be read holds nothing
        return []


def _describe(cache: str, name: str, members: Mapping[str, str]) -> None:
    store = Store(cache, SETS, _SETS_BY, _SET_SCHEMA)
    key = text_keys(pl.Series([name]))
    if store.load(key).is_empty():
        store.save(pl.DataFrame({"key": key, "members": [json.dumps(members)]}))


def _schema(flags: int) -> pl.Schema:
    words = {f"passed_{number}": pl.UInt64() for number in range(-(-flags // _BITS))}
    return pl.Schema({**words, QUALITY: pl.Float64()})


def _packed(columns: pl.DataFrame, checks: Sequence[Check]) -> pl.DataFrame:
    """A bit per flag: the first is the lowest bit of the first word."""

    def word(some: Sequence[pl.Expr]) -> pl.Expr:
        bits = [flag.cast(pl.UInt64) * pl.lit(1 << at, pl.UInt64) for at, flag in enumerate(some)]
        total = bits[0]
        for bit in bits[1:]:
            total = total | bit
        return total

    flags = list(_flags(checks).values())
    starts = range(0, len(flags), _BITS)
    words = {f"passed_{number}": word(flags[at : at + _BITS]) for number, at in enumerate(starts)}
    return columns.select(**words, quality=pl.col(QUALITY))


def _unpacked(rows: pl.DataFrame, checks: Sequence[Check]) -> pl.DataFrame:
    found = _verdicts(list(_flags(checks)))
    return rows.select(QUALITY, *(found[check.reason].alias(check.column) for check in checks))


def _verdicts(flags: Sequence[str]) -> dict[str, pl.Expr]:
    """The verdict of each check, by its reason, from the bits that are kept in the order of `flags`."""
    bits = {flag: _bit(at) for at, flag in enumerate(flags)}
    return {
        flag: pl.when(bits[flag + _APPLIES]).then(bit) if flag + _APPLIES in bits else bit
        for flag, bit in bits.items()
        if not flag.endswith(_APPLIES)
    }


def _bit(at: int) -> pl.Expr:
    return (pl.col(f"passed_{at // _BITS}") & pl.lit(1 << (at % _BITS), pl.UInt64)) != 0


def apart(
    checks: Sequence[Check], holds: Callable[[Check], bool] = reads_only_the_record
) -> tuple[list[Check], list[Check]]:
    """Those whose verdict follows from the record, and those that read measures or settings, each in order."""
    return [check for check in checks if holds(check)], [check for check in checks if not holds(check)]
