"""One record's whole story for the page: what `assay explain` tells, its turns, what people said, what may be said."""

from typing import TYPE_CHECKING, Any

import polars as pl

from pipelines._again import next_command
from pipelines._by_hand import Subject, said_of, subject_of
from pipelines._explain import whole
from pipelines._shown import one_line, visible
from pipelines.browsing.held import Held
from schemas.decision import BY_HAND
from schemas.outcome import Fate
from schemas.record import ROW_KEY

if TYPE_CHECKING:
    from annotation.store.decisions import Line

LONGEST = 40_000
"""Characters of a text that the page shows; `assay explain --json` gives all of it."""


def told(held: Held, row: dict[str, Any]) -> dict[str, Any]:
    """Everything about one of held.rows; every text made harmless to look at."""
    line = {name: row[name] for name in ("source", "source_row", "part", "record_id", "outcome", "reasons", "notes")}
    line |= {name: row[name] for name in ("twin", "similarity", "detail")}
    about = whole(held.records, line)
    subject = subject_of(held.rows.lazy(), held.records, line) if row["record_id"] else None
    return {
        "row": row["row"],
        "source": one_line(row["source"], 500),
        "source_row": row["source_row"],
        "part": row["part"],
        "record_id": row["record_id"],
        "outcome": row["outcome"],
        "detail": _seen(row["detail"]),
        "reasons": [_finding(reason, about) for reason in row["reasons"]],
        "notes": [_finding(note, about) for note in row["notes"]],
        "scores": about["scores"],
        "lost": held.lost.get(tuple(row[key] for key in ROW_KEY)),
        "prompt": _seen(about["prompt"]),
        "completion": _seen(about["completion"]),
        **_texts(held, row),
        "before": _before(about),
        "twin": _twin(held, row, about),
        **(decided(held, subject) if subject else {"decisions": [], "may": []}),
    }


def decided(held: Held, subject: Subject) -> dict[str, Any]:
    """What people said so far, the last in force, and what may be said now; it changes while the release does not."""
    lines = said_of(held.settings, subject)
    last = lines[-1].decision if lines else None
    by_hand = last is not None and last.method == BY_HAND
    out = subject.released_at is None
    may = ["restore"] if out and not (by_hand and last and last.verdict == "restore") else []
    keepable = subject.released_at is not None or subject.outcome == Fate.REVIEW
    may += ["reject"] if keepable and not (by_hand and last and last.verdict == "reject") else []
    return {
        "decisions": [_said(line) for line in lines],
        "may": [*may, *(["undo"] if by_hand else [])],
        "released_at": subject.released_at,
        "next": next_command(held.release),
    }


def _said(line: "Line") -> dict[str, Any]:
    decision = line.decision
    people = f"{decision.annotators} {'person' if decision.annotators == 1 else 'people'}"
    return {
        "verdict": decision.verdict,
        "by": one_line(decision.decided_by, 200) if decision.decided_by else people if decision.annotators else "",
        "why": _seen(decision.comment),
        "reasons": list(decision.reasons),
        "at": line.at.isoformat(timespec="seconds"),
        "by_hand": decision.method == BY_HAND,
    }


def _finding(reason: str, about: dict[str, Any]) -> dict[str, Any]:
    return {"name": visible(reason, 200), "meaning": about["checks"].get(reason)}


def _texts(held: Held, row: dict[str, Any]) -> dict[str, Any]:
    """The turns as they are, both answers of a preference, and what else came with the row."""
    names = ("kind", "messages", "chosen", "rejected", "tools", "label", "metadata")
    if row["place"] is None:
        return dict.fromkeys(names)
    found = held.records.filter(pl.col("place") == row["place"]).select(names).collect().row(0, named=True)
    turns = {name: [_turn(turn) for turn in found[name] or []] for name in ("messages", "chosen", "rejected")}
    return {**found, **turns, "tools": _seen(found["tools"]), "metadata": _seen(found["metadata"])}


def _turn(turn: dict[str, Any]) -> dict[str, Any]:
    calls = [call["function"] for call in turn["tool_calls"] or []]
    return {
        "role": one_line(turn["role"] or "", 40),
        "text": _seen(turn["content"]) or "",
        "calls": [f"{one_line(call['name'] or '', 200)}({visible(call['arguments'] or '', 2_000)})" for call in calls],
    }


def _before(about: dict[str, Any]) -> dict[str, Any] | None:
    """What the record was before it was repaired or corrected."""
    if about["original"]:
        turns = [_turn({"tool_calls": None, **turn}) for turn in about["original"]["messages"]]
        return {"record_id": about["original"]["record_id"], "by": "a repair", "turns": turns}
    if about["original_completion"] is None:
        return None
    turns = [{"role": "assistant", "text": _seen(about["original_completion"]), "calls": []}]
    return {"record_id": about["original_record_id"], "by": "people", "turns": turns}


def _twin(held: Held, row: dict[str, Any], about: dict[str, Any]) -> dict[str, Any] | None:
    twin = about["twin_row"]
    if twin is None:
        return None
    same = [pl.col(name) == twin[name] for name in ("source", "source_row", "outcome")]
    found = held.rows.filter(*same, pl.col("record_id") == row["twin"])
    return {
        "row": found["row"][0] if found.height else None,
        "place": f"{one_line(twin['source'], 200)}:{twin['source_row']}",
        "outcome": twin["outcome"],
        "similarity": row["similarity"],
        "prompt": _seen(twin["prompt"]),
        "completion": _seen(twin["completion"]),
    }


def _seen(text: str | None) -> str | None:
    return None if text is None else visible(text, LONGEST)
