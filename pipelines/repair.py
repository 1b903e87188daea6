"""Stage: what could be repaired in each record is said, and done only where it changes no meaning and is wanted.

Damage of the tools that made the data: placeholders, misread text, entities, template marks. Nothing is edited unless
`apply` is "safe"; then a repaired record is the repaired one from there on, and what it was stays in its metadata.
Reasons: docs/decisions/0011-repairs.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from pipelines._mending import Made, Mended, mended, with_original
from pipelines._repairs import FAMILY, OTHERS, REPAIRS, SAFE
from schemas.record import RECORD_SCHEMA, typed

MARKS = pl.Schema(
    {
        "repairs": pl.List(pl.String()),  # "repair.name": what could be repaired and was not; never null
        "repaired": pl.List(pl.String()),  # what was, in the order of REPAIRS; never null
        "repair_detail": pl.String(),  # both in a sentence; null where nothing was wanted or found
        "original_record_id": pl.String(),  # before the repair; null unless repaired
        "original_completion": pl.String(),
    }
)
"""What this stage adds."""

# Per kind of repair, in the report: before and after.
EXAMPLES = 3
EXAMPLE_CHARACTERS = 240


class Repaired(NamedTuple):
    """All records in their order with MARKS, and schemas.report.Repairs as plain figures."""

    records: pl.DataFrame
    figures: dict[str, Any]


def repair(records: pl.DataFrame, *, apply: str) -> Repaired:
    """Suggest repairs for `records`, and make the safe ones where `apply` is "safe".

    A repaired record has a new `record_id`, that of its content. A repair that would leave nothing of a text, or that
    fails, is not made and named in `repair_detail`.
    """
    wanted = apply == "safe"
    some = records.filter(pl.any_horizontal(each.shows for each in REPAIRS.values()))
    found = [_looked_at(row, wanted) for row in some.iter_rows(named=True)]
    told = [one for one in found if one.mended.made or one.others or one.mended.refused]
    marks = pl.DataFrame([one.marks() for one in told], schema={"row_id": pl.Int64, **MARKS}, orient="row")
    changed = [one.mended.row for one in told if wanted and one.mended.made]
    nothing = pl.lit([], dtype=MARKS["repairs"])
    marked = (
        _replaced(records, changed)
        .join(marks, on="row_id", how="left", maintain_order="left")
        .with_columns(pl.col("repairs", "repaired").fill_null(nothing))
    )
    return Repaired(marked, _figures(told, wanted))


def repair_slices(slices: Iterable[pl.DataFrame], *, apply: str) -> Iterator[Repaired]:
    """`repair` of each slice in turn, for more records than memory holds; `summed` adds up their figures."""
    for part in slices:
        yield repair(part, apply=apply)


def summed(figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of a whole from those of its slices, of which there is at least one."""
    kinds = {}
    for name, first in figures[0]["kinds"].items():
        parts = [part["kinds"][name] for part in figures]
        counts = {key: sum(part[key] for part in parts) for key in ("suggested", "applied", "refused")}
        examples = [example for part in parts for example in part["examples"]][:EXAMPLES]
        kinds[name] = {**first, **counts, "examples": examples}
    rows = {key: sum(part[key] for part in figures) for key in ("rows", "changed")}
    return {"apply": figures[0]["apply"], **rows, "kinds": kinds}


class _Look(NamedTuple):
    """What was found in a row: the safe repairs, made, and then the others."""

    row: dict[str, Any]
    mended: Mended
    others: tuple[Made, ...]
    wanted: bool

    def marks(self) -> tuple[Any, ...]:
        """row_id and MARKS."""
        safe, others = ([f"{FAMILY}.{made.repair.name}" for made in some] for some in (self.mended.made, self.others))
        if not (self.wanted and safe):
            return (self.row["row_id"], safe + others, [], self._detail(), None, None)
        was = (self.row["record_id"], self.row["completion"])
        return (self.row["row_id"], others, safe, self._detail(), *was)

    def _detail(self) -> str | None:
        if not self.wanted:
            return None
        done = ", ".join(made.repair.past for made in self.mended.made)
        said = [f"repaired: {done}; metadata holds the original"] if done else []
        said += [f"{FAMILY}.{name} was not made: it {why}" for name, why in sorted(self.mended.refused.items())]
        return "; ".join(said) or None


def _looked_at(row: dict[str, Any], wanted: bool) -> _Look:
    safe = mended(row, SAFE)
    others = mended(safe.row, OTHERS)
    if safe.made:
        safe = safe._replace(row={**safe.row, "metadata": with_original(row)})
    return _Look(row, safe, others.made, wanted)


def _replaced(records: pl.DataFrame, changed: list[dict[str, Any]]) -> pl.DataFrame:
    """The records with the changed ones in their places."""
    if not changed:
        return records
    new = pl.from_dicts(changed, schema=records.schema)
    kept = records.filter(~pl.col("row_id").is_in(new["row_id"].implode()))
    return typed(pl.concat([kept, new]).sort("row_id"), RECORD_SCHEMA)


def _figures(told: Sequence[_Look], wanted: bool) -> dict[str, Any]:
    kinds: dict[str, Any] = {
        name: {"safe": each.safe, "description": each.description, "suggested": 0, "applied": 0, "refused": 0}
        | {"examples": []}
        for name, each in REPAIRS.items()
    }
    for one in told:
        for made in (*one.mended.made, *one.others):
            kind = kinds[made.repair.name]
            kind["suggested"] += 1
            kind["applied"] += wanted and made.repair.safe
            if len(kind["examples"]) < EXAMPLES:
                kind["examples"].append(_example(one.row, made))
        for name in one.mended.refused:
            kinds[name]["refused"] += 1
    changed = sum(bool(one.mended.made) for one in told) if wanted else 0
    rows = sum(bool(one.mended.made or one.others) for one in told)
    return {"apply": "safe" if wanted else "off", "rows": rows, "changed": changed, "kinds": kinds}


def _example(row: Mapping[str, Any], made: Made) -> dict[str, Any]:
    before, after = _around(made.before, made.after)
    return {**{key: row[key] for key in ("record_id", "source", "source_row")}, "before": before, "after": after}


def _around(before: str, after: str) -> tuple[str, str]:
    """Both texts from shortly before they first differ."""
    same = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), len(after))
    start = max(0, same - EXAMPLE_CHARACTERS // 3)
    return _cut(before, start), _cut(after, start)


def _cut(text: str, start: int) -> str:
    end = start + EXAMPLE_CHARACTERS
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
