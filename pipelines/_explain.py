"""One row's whole story: where it came from, what was found, what became of it and why."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from pipelines._manifest import read_manifest
from pipelines._mending import original_of
from pipelines._repairs import FAMILY, REPAIRS
from pipelines._shown import excerpt, one_line
from schemas.errors import ReleaseError, UsageError

# The beginning of a record_id that names it: 48 bits, far from an accident.
SHORTEST = 6
# Rows of equal content share a record_id; a person reads so many of their stories.
MOST = 20

_SCORES = ("language", "n_tokens", "quality", "diversity", "nearest_similarity", "toxicity", "cluster", "split")

_DIFFICULTY = ("loss_given_prompt", "loss_alone", "ifd_loss_ratio", "ifd_perplexity_ratio", "difficulty_note")
# What is too long for its column.
_TITLES = {
    "nearest_similarity": "nearest",
    "loss_given_prompt": "loss given",
    "loss_alone": "loss alone",
    "ifd_loss_ratio": "loss ratio",
    "ifd_perplexity_ratio": "ppl ratio",
    "difficulty_note": "difficulty",
}


def explain(release: Path, record: str) -> list[dict[str, Any]]:
    """The rows that `record` names, each with its ledger line, scores and texts; at most MOST.

    `record` is a record_id, its first SHORTEST or more characters, or SOURCE:ROW, where the end of the
    source's path will do (`alpaca.json:17`). Raises ReleaseError when `release` has no manifest or its
    files cannot be read, UsageError when nothing or more than one record is named.
    """
    lines = lines_named(release, record)
    records = pl.scan_parquet(release / "records.parquet")
    with _readable(release):
        return [whole(records, line) for line in lines.head(MOST).iter_rows(named=True)]


@contextmanager
def _readable(release: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReleaseError(f"{release}: its ledger and records cannot be read; run `assay curate` again") from error


def lines_named(release: Path, record: str) -> pl.DataFrame:
    """The ledger's lines that `record` names, at least one; without a colon in it all of one record_id. Raises as
    `explain` does."""
    read_manifest(release)
    with _readable(release):
        return _lines(release, record)


def _lines(release: Path, record: str) -> pl.DataFrame:
    lines = _named(pl.scan_parquet(release / "ledger.parquet"), record)
    if lines.is_empty():
        raise UsageError(
            f"{record}: no row of {release} is called so; give a record_id, its first {SHORTEST} or more characters, "
            "or SOURCE:ROW as the ledger has it"
        )
    if (ids := lines["record_id"].drop_nulls().unique()).len() > 1 and ":" not in record:
        raise UsageError(f"{record}: begins {ids.len()} records' ids; give more characters")
    return lines


def _named(ledger: pl.LazyFrame, record: str) -> pl.DataFrame:
    source, _, row = record.rpartition(":")
    if source and row.isdecimal():
        name = pl.col("source")
        meant = (name == source) | name.str.ends_with(f"/{source}")
        found = ledger.filter(meant, pl.col("source_row").cast(pl.String) == row.lstrip("0")).collect()
        exact = found.filter(name == source)
        return exact if exact.height else found
    if len(record) < SHORTEST:
        raise UsageError(f"{record}: is too short to name a record; give {SHORTEST} or more characters of its id")
    return ledger.filter(pl.col("record_id").str.starts_with(record.lower())).collect()


def whole(records: pl.LazyFrame, line: dict[str, Any]) -> dict[str, Any]:
    """The ledger's line with scores, what each finding means, both texts, and the twin's row; `records` are all."""
    same = (pl.col(key) == line[key] for key in ("source", "source_row", "part"))
    found = records.filter(*same).collect()
    told: dict[str, Any] = {
        **line,
        "scores": {},
        "training": None,
        "checks": {},
        "prompt": None,
        "completion": None,
        "twin_row": None,
        "original_record_id": None,
        "original_completion": None,
        "repairs": [],
        "original": None,
    }
    if found.height:
        row = found.row(0, named=True)
        told["scores"] = {name: row[name] for name in _SCORES if name in row}
        told["training"] = row.get("training")
        # Few runs measure these: they are told where there is something to tell.
        told["scores"] |= {name: row[name] for name in _DIFFICULTY if row.get(name) is not None}
        told["prompt"], told["completion"] = row["prompt"], row["completion"]
        # Of a record that people fixed: what it was before.
        told["original_completion"] = row.get("original_completion")
        told["original_record_id"] = row.get("original_record_id")
        told["repairs"] = list(row.get("repairs") or [])
        if row.get("repaired"):
            told["original"] = original_of(row["metadata"])
    told["checks"] = _meanings([*line["reasons"], *line["notes"]])
    if line["twin"]:
        keys = ("source", "source_row", "outcome", "prompt", "completion")
        twins = records.filter(pl.col("record_id") == line["twin"]).select(keys).collect()
        # Among rows of equal content, the one that stayed.
        stayed = twins.sort(pl.col("outcome") == "duplicate", maintain_order=True)
        told["twin_row"] = stayed.row(0, named=True) if stayed.height else None
    return told


def _meanings(reasons: list[str]) -> dict[str, str]:
    from checks.catalogue import all_checks

    known = {check.reason: check.description for check in all_checks()}
    return {reason: known[reason] for reason in reasons if reason in known}


def story(told: dict[str, Any]) -> list[str]:
    """The same for a person, line by line; controls in the texts are made visible."""
    part = f", part {told['part']}" if told["part"] else ""
    lines = [
        f"record      {told['record_id'] or 'none: the row could not be read'}",
        f"came from   {one_line(told['source'])}, row {told['source_row']}{part}",
        f"outcome     {told['outcome']}{'' if not told['detail'] else ': ' + one_line(told['detail'], 300)}",
    ]
    for title, name in (("because of", "reasons"), ("noted", "notes")):
        for reason in told[name]:
            meaning = told["checks"].get(reason)
            lines.append(f"{title:<12}{reason}" + (f": fails “{meaning}”" if meaning else ""))
    for name in told["repairs"]:
        known = REPAIRS.get(name.removeprefix(f"{FAMILY}."))
        lines.append(f"{'repairable':<12}{name}" + (f": {known.description}" if known else ""))
    if told["twin"]:
        near = f" at {told['similarity']:.3f}" if told["similarity"] is not None else ""
        lines.append(f"twin        {told['twin']}{near}")
    for name, value in told["scores"].items():
        shown = "not measured" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
        lines.append(f"{_TITLES.get(name, name):<12}{shown}")
    lines += _trained(told["training"])
    lines += _text("prompt", told["prompt"]) + _text("completion", told["completion"])
    if told["original"]:
        lines += [f"before it was repaired, record {told['original']['record_id']}"]
        for turn in told["original"]["messages"]:
            lines += _text(one_line(turn["role"]), turn["content"])
    elif told["original_record_id"]:
        lines += [f"before people fixed it, record {told['original_record_id']}"]
        lines += _text("completion", told["original_completion"])
    if twin := told["twin_row"]:
        lines.append(
            f"its twin came from {one_line(twin['source'])}, row {twin['source_row']}, outcome {twin['outcome']}"
        )
        lines += _text("prompt", twin["prompt"]) + _text("completion", twin["completion"])
    return lines


def _trained(training: dict[str, Any] | None) -> list[str]:
    """What a trainer of the target makes of the row; nothing where none was named."""
    if training is None:
        return []
    if training["error"] is not None:
        return [f"trainer     stops at it: {one_line(training['error'], 300)}"]
    held = training["control_tokens"]
    cut = f"{training['kept']:,} of {training['tokens']:,} tokens, {training['supervised']:,} learnt"
    said = "skips it: nothing it would learn lies within the window" if training["skipped"] else cut
    return [f"trainer     {said}" + (f"; control tokens in its text: {one_line(held, 100)}" if held else "")]


def _text(title: str, text: str | None) -> list[str]:
    shown = excerpt(text, limit=2_000, lines=40)
    if shown is None:
        return [f"{title}: none"] if title == "completion" else []
    return [f"{title}:", *(f"    {line}" for line in shown.split("\n"))]
