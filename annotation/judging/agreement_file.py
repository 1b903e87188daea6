"""Agreement and consensus of a CSV of answers, as `assay agreement` prints them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import polars as pl

from annotation.judging._answers_csv import read_answers
from annotation.judging._votes import MAX_LABELS, Answers, one_each
from annotation.judging.agreement import MAX_PAIRED, Alpha, alpha, cohen, cohen_pairs, fleiss
from annotation.judging.consensus import (
    Consensus,
    accuracy,
    consensus,
    dawid_skene,
    dawid_skene_shrunk,
    majority,
    weighted,
)
from annotation.judging.gold_answers import Gold, annotators_on_gold, gold_of
from schemas.errors import SourceError, UsageError
from schemas.settings import GoldSettings

# crowd-kit's Dawid-Skene takes 5 seconds for these, and minutes beyond; it is only there to be compared with.
MAX_COMPARED = 200_000
DIGITS = 6
SEED = 42
# Krippendorff (2004), Content Analysis, p. 241.
RELIABLE, TENTATIVE = 0.8, 0.667
NAMED = 10
LONGEST_NAME = 40


class Measured(NamedTuple):
    """`labels` is the consensus, one line a task (annotation/judging/consensus.py says its columns)."""

    result: dict[str, Any]
    labels: pl.DataFrame


def agreement_of_file(
    path: Path | str, *, seed: int = SEED, level: Literal["nominal", "ordinal"] = "nominal", labels: bool = False
) -> dict[str, Any]:
    """The figures of a CSV with worker, task, label and perhaps gold; with `labels` the consensus per task too.

    Keys: alpha, alpha_interval ([low, high]), kappa (Cohen's, of exactly two annotators), fleiss, pairs,
    consensus, methods, annotators (against gold), reasons (why a figure is null) and counts. Gold is used to
    measure accuracy and annotators, and for the method `weighted`; the consensus is chosen and made without it.
    Raises SourceError where the file is no such CSV, UsageError where its labels cannot be ranked.
    """
    measured = measure_file(path, seed=seed, level=level)
    return measured.result | ({"labels": measured.labels.to_dicts()} if labels else {})


def measure_file(path: Path | str, *, seed: int = SEED, level: Literal["nominal", "ordinal"] = "nominal") -> Measured:
    """The same figures, and the consensus as a table for `write_consensus`."""
    answers = read_answers(Path(path))
    taken, gold = one_each(answers), gold_of(answers)
    if taken.frame.is_empty():
        raise SourceError(f"{path}: no row has a worker, a task and a label; fill them in")
    decided = consensus(taken, seed=seed)
    reasons: dict[str, str] = {}
    result = _counts(Path(path), taken, gold)
    result |= _coefficients(taken, alpha(taken, level=level, seed=seed), reasons)
    right = accuracy(decided.labels, gold.frame)
    result["consensus"] = {
        "method": decided.method,
        "why": decided.why,
        "accuracy": _round(right.value),
        "ties": int(decided.labels["tie"].sum()),
    }
    result["methods"] = _methods(taken, gold, decided, reasons)
    result["annotators"] = _annotators(taken, gold)
    return Measured(result | {"level": level, "seed": seed, "reasons": reasons}, decided.labels)


def write_consensus(answers: pl.DataFrame | Path | str, out: Path | str) -> None:
    """The consensus as CSV: task, label (empty for a tie), share, answers, confidence, tie, leaders, method.

    `answers` is the table of `measure_file`, or the CSV file to make it from. The labels of a tie stand in
    `leaders`, joined by " | ". Raises UsageError where `out` cannot be written.
    """
    labels = answers if isinstance(answers, pl.DataFrame) else consensus(read_answers(Path(answers)), seed=SEED).labels
    text = labels.with_columns(pl.col("leaders").list.join(" | ")).write_csv()
    try:
        Path(out).write_text(text, encoding="utf-8", newline="")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{out}: cannot be written ({why}); choose another file") from error


def agreement_lines(result: dict[str, Any]) -> list[str]:
    """The figures for a person who reads them in a terminal."""
    lines = [_line("answers", _told_counts(result)), _line("alpha", _told_alpha(result))]
    lines += [
        _line(name, f"{result[key]:.3f}" if result[key] is not None else f"none: {result['reasons'][key]}")
        for name, key in (("Cohen", "kappa"), ("Fleiss", "fleiss"))
    ]
    if len(result["pairs"]) > 1:
        lines += [_line("", _told_pair(pair)) for pair in result["pairs"][:NAMED]]
    agreed = result["consensus"]
    lines.append(_line("consensus", f"{agreed['method']}: {agreed['why']}"))
    if agreed["ties"]:
        lines.append(_line("", f"{agreed['ties']:,} ties, left open; each of k labels counts 1/k below"))
    lines += [_line(*_told_method(name, found, result)) for name, found in result["methods"].items()]
    return lines + _told_annotators(result)


def _counts(path: Path, taken: Answers, gold: Gold) -> dict[str, Any]:
    frame = taken.frame
    return {
        "file": str(path),
        "answers": len(frame),
        "workers": frame["worker"].n_unique(),
        "tasks": frame["task"].n_unique(),
        "categories": frame["label"].n_unique(),
        "superseded": taken.superseded,
        "unanswered": taken.unanswered,
        "gold_tasks": len(frame.select("task").unique().join(gold.frame, on="task", how="semi")),
        "gold_contradictory": gold.contradictory,
    }


def _coefficients(taken: Answers, found: Alpha, reasons: dict[str, str]) -> dict[str, Any]:
    one, many = cohen(taken), fleiss(taken)
    told = {"alpha": found.why if found.value is None else None, "kappa": one.why, "fleiss": many.why}
    told["alpha_interval"] = found.why
    if taken.frame["worker"].n_unique() > MAX_PAIRED:
        told["pairs"] = f"more than {MAX_PAIRED} annotators; a table of all pairs tells nothing"
    reasons |= {key: why for key, why in told.items() if why}
    return {
        "alpha": _round(found.value),
        "alpha_interval": None if found.low is None else [_round(found.low), _round(found.high)],
        "alpha_tasks": found.tasks,
        "kappa": _round(one.value),
        "fleiss": _round(many.value),
        "pairs": [pair | {"kappa": _round(pair["kappa"])} for pair in cohen_pairs(taken).to_dicts()],
    }


def _methods(taken: Answers, gold: Gold, decided: Consensus, reasons: dict[str, str]) -> dict[str, Any]:
    """Each method's accuracy and ties; null, with a reason, where a method cannot be used."""
    known = taken.frame.join(gold.frame, on="task", how="semi")
    strength = decided.strength
    plain = _not_plain(taken.frame)
    ways: dict[str, tuple[str | None, Callable[[], pl.DataFrame]]] = {
        "majority": (None, lambda: majority(taken)),
        "weighted": ("no task has gold" if known.is_empty() else None, lambda: weighted(taken, gold.frame)),
        "dawid_skene": (plain, lambda: dawid_skene(taken)),
        "dawid_skene_shrunk": (
            decided.why if strength is None else None,
            lambda: dawid_skene_shrunk(taken, strength=strength or 0.0),
        ),
    }
    methods: dict[str, Any] = {}
    for name, (refusal, way) in ways.items():
        methods[name] = {"accuracy": None, "ties": None}
        if refusal:
            reasons[name] = refusal
            continue
        labels = decided.labels if name == decided.method else way()
        right = accuracy(labels, gold.frame)
        methods[name] = {"accuracy": _round(right.value), "ties": int(labels["tie"].sum())}
    if known.is_empty():
        reasons["accuracy"] = "no task has gold"
    return methods


def _not_plain(frame: pl.DataFrame) -> str | None:
    labels = frame["label"].n_unique()
    if labels < 2:
        return "all answers are the same label"
    if labels > MAX_LABELS:
        return f"{labels} different labels are free text, not categories"
    if len(frame) > MAX_COMPARED:
        return f"plain Dawid-Skene, here for comparison only, is left out above {MAX_COMPARED:,} answers"
    return None


def _annotators(taken: Answers, gold: Gold) -> dict[str, Any]:
    limits = GoldSettings()
    report = annotators_on_gold(taken, gold.frame, min_accuracy=limits.min_accuracy, min_answers=limits.min_answers)
    numbers = report.with_columns(pl.col("accuracy", "low", "high").round(DIGITS)).sort("accuracy", "worker")
    named = {
        name.replace(" ", "_"): numbers.filter(pl.col("verdict") == name).drop("verdict").to_dicts()
        for name in ("below", "surely below")
    }
    few = int((report["verdict"] == "too few").sum())
    return named | {"too_few": few, "min_accuracy": limits.min_accuracy, "min_answers": limits.min_answers}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _line(name: str, text: str) -> str:
    return f"{name:<22}{text}"


def _shown(name: str) -> str:
    """A name as it may stand in a terminal: short, and without what steers one."""
    plain = "".join(sign if sign.isprintable() else "\ufffd" for sign in name)
    return plain if len(plain) <= LONGEST_NAME else plain[: LONGEST_NAME - 1] + "…"


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _told_counts(result: dict[str, Any]) -> str:
    told = f"{result['answers']:,} by {result['workers']:,} annotators on {result['tasks']:,} tasks"
    rest = {"superseded": "replaced by a later one", "unanswered": "rows without worker, task or label left out"}
    told += "".join(f"; {result[key]:,} {words}" for key, words in rest.items() if result[key])
    odd = len(result["gold_contradictory"])
    return told + (f"; gold of {odd:,} tasks contradicts itself and is not used" if odd else "")


def _told_alpha(result: dict[str, Any]) -> str:
    value = result["alpha"]
    if value is None:
        return f"none: {result['reasons']['alpha']}"
    reading = "reliable" if value >= RELIABLE else "tentative" if value >= TENTATIVE else "too low to conclude from"
    interval = result["alpha_interval"]
    told = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else result["reasons"]["alpha_interval"]
    return f"{value:.3f} ({told}; {result['alpha_tasks']:,} tasks overlap): {reading}"


def _told_pair(pair: dict[str, Any]) -> str:
    people = f"{_shown(pair['one'])} and {_shown(pair['other'])}"
    return f"{people}: {_figure(pair['kappa'])} over {pair['tasks']:,} tasks"


def _told_method(name: str, found: dict[str, Any], result: dict[str, Any]) -> tuple[str, str]:
    if name in result["reasons"]:
        return f"  {name}", f"not used: {result['reasons'][name]}"
    if found["accuracy"] is None:
        return f"  {name}", f"{found['ties']:,} ties; no gold to measure it"
    return f"  {name}", f"{found['accuracy']:.3f} right on {result['gold_tasks']:,} gold tasks, {found['ties']:,} ties"


def _told_annotators(result: dict[str, Any]) -> list[str]:
    found = result["annotators"]
    if not result["gold_tasks"]:
        return []
    lines = []
    for key in ("surely_below", "below"):
        people = found[key]
        names = ", ".join(f"{_shown(one['worker'])} {one['right']}/{one['answers']}" for one in people[:NAMED])
        more = f" and {len(people) - NAMED:,} more" if len(people) > NAMED else ""
        words = f"{key.replace('_', ' ')} {found['min_accuracy']:g}"
        lines.append(_line(words, f"{names}{more}" if people else "nobody"))
    return [
        *lines,
        _line("too few to say", f"{found['too_few']:,} with fewer than {found['min_answers']} gold answers"),
    ]
