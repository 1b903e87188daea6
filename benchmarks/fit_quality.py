"""Fits the weights of checks/quality.py and reports how often the score prefers what people preferred.

    python benchmarks/fit_quality.py [FOLDER]

FOLDER holds dev_labels/ and raw/ (default: a folder `shared/data` beside the project). Prints the table
of weights to paste into checks/quality.py, five-fold accuracy on the two sets it is fitted on, accuracy
on two it never saw, and "longer wins" beside each. Same data, same numbers.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.labels.figures import wins
from benchmarks.labels.reading import DATA, content, lines
from checks.quality import features, parts, quality
from schemas.record import RECORD_SCHEMA, Kind

FOLDS = 5


class Pair(NamedTuple):
    """Two answers, of which people preferred the second. The prompts differ only where a reviser changed them."""

    worse_prompt: str
    worse: str
    better_prompt: str
    better: str


class Sides(NamedTuple):
    """Feature rows of the worse and the better answers, aligned."""

    worse: pl.DataFrame
    better: pl.DataFrame


def coachlm(folder: Path) -> Iterator[Pair]:
    """Alpaca answers before and after an expert's revision."""
    for row in lines(folder / "dev_labels" / "coachlm_revisions_dev.jsonl.gz"):
        if row["raw_response"] != row["revised_response"]:
            raw = _joined(row["raw_instruction"], row["raw_input"])
            revised = _joined(row["revised_instruction"], row["revised_input"])
            yield Pair(raw, row["raw_response"], revised, row["revised_response"])


def pandalm(folder: Path) -> Iterator[Pair]:
    """Two models' answers with a majority of three annotators for one of them."""
    for row in lines(folder / "dev_labels" / "annot_pandalm_dev.jsonl"):
        votes = [row[f"annotator{number}"] for number in (1, 2, 3)]
        winner = next((choice for choice in (1, 2) if votes.count(choice) >= 2), None)
        if winner:
            asked = _joined(row["instruction"], row["input"])
            yield Pair(asked, str(row[f"response{3 - winner}"]), asked, str(row[f"response{winner}"]))


def dpo(folder: Path) -> Iterator[Pair]:
    """Chosen and rejected answers of a DPO set."""
    for row in content(folder / "raw" / "prefs_dpo_en.json"):
        asked = "\n".join(turn["value"] for turn in row["conversations"])
        yield Pair(asked, row["rejected"]["value"], asked, row["chosen"]["value"])


def hh_harmless(folder: Path) -> Iterator[Pair]:
    """The last answers of HH's harmlessness transcripts: often the shorter or refusing one was preferred."""
    for row in lines(folder / "raw" / "prefs_hh_harmless_test.jsonl.gz"):
        asked, better = row["chosen"].rsplit("\n\nAssistant:", 1)
        same, worse = row["rejected"].rsplit("\n\nAssistant:", 1)
        if asked == same:
            yield Pair(asked, worse, asked, better)


FITTED_ON = {"CoachLM": coachlm, "PandaLM": pandalm}
HELD_OUT = {"DPO": dpo, "HH harmless": hh_harmless}


def main(folder: Path) -> None:
    if not (folder / "dev_labels").is_dir():
        sys.exit(f"{folder}: no dev_labels folder; say where the labelled data is")
    pairs = {name: list(read(folder)) for name, read in (FITTED_ON | HELD_OUT).items()}
    sides = {name: _sides(found) for name, found in pairs.items()}
    names = [part.name for part in parts() if part.name not in _by_hand()]
    differences = {name: _differences(found, names) for name, found in sides.items()}
    weights = _fit(np.concatenate([differences[name] for name in FITTED_ON]))
    typical = sides["CoachLM"].worse.select(pl.col(names).mean()).row(0)
    for name, weight, mean in zip(names, weights, typical, strict=True):
        print(f'    "{name}": ({weight:.2f}, {mean:.3f}),')
    folds = _cross_validated({name: differences[name] for name in FITTED_ON})
    for name, found in pairs.items():
        score = folds[name] if name in folds else wins(differences[name] @ weights, 0)
        longer = wins(np.array([len(pair.better) - len(pair.worse) for pair in found], dtype=float), 0)
        how = f"{FOLDS}-fold" if name in folds else "held out"
        print(f"{name}: {len(found)} pairs, {how}: score {score:.3f}, longer wins {longer:.3f}")


def sides(pairs: Sequence[Pair]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The score of the better and of the worse answer of each pair; 0 where there is none to judge."""
    better = quality(_records([(pair.better_prompt, pair.better) for pair in pairs]))
    worse = quality(_records([(pair.worse_prompt, pair.worse) for pair in pairs]))
    return better.fill_null(0.0).to_numpy(), worse.fill_null(0.0).to_numpy()


def _by_hand() -> set[str]:
    return {part.name for part in parts() if not part.fitted and part.weight}


def _joined(instruction: str, context: str) -> str:
    return f"{instruction}\n\n{context}" if context else instruction


def _sides(pairs: list[Pair]) -> Sides:
    return Sides(
        features(_records([(pair.worse_prompt, pair.worse) for pair in pairs])),
        features(_records([(pair.better_prompt, pair.better) for pair in pairs])),
    )


def _records(texts: list[tuple[str, str]]) -> pl.DataFrame:
    """Records of nothing but prompt and completion. Preference, so that a refusal costs nothing here."""
    given = {"prompt": [prompt for prompt, _ in texts], "completion": [completion for _, completion in texts]}
    empty = {name: pl.lit(None, dtype=dtype) for name, dtype in RECORD_SCHEMA.items() if name not in given}
    return pl.DataFrame(given).with_columns(**empty).with_columns(kind=pl.lit(Kind.PREFERENCE.value))


def _differences(sides: Sides, names: list[str]) -> NDArray[np.float64]:
    better, worse = (side.select(pl.col(names).fill_null(0.0)).to_numpy() for side in (sides.better, sides.worse))
    return np.asarray(better - worse, dtype=np.float64)


def _fit(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights under which the better answer's sum is larger: a logistic regression without intercept."""
    from sklearn.linear_model import LogisticRegression

    both_ways = np.concatenate([differences, -differences])
    wins = np.repeat([1, 0], len(differences))
    return np.asarray(LogisticRegression(fit_intercept=False, C=1.0).fit(both_ways, wins).coef_[0])


def _cross_validated(differences: dict[str, NDArray[np.float64]]) -> dict[str, float]:
    from sklearn.model_selection import KFold

    margins = {name: np.zeros(len(rows)) for name, rows in differences.items()}
    folds = {name: list(KFold(FOLDS, shuffle=True, random_state=0).split(rows)) for name, rows in differences.items()}
    for fold in range(FOLDS):
        weights = _fit(np.concatenate([rows[folds[name][fold][0]] for name, rows in differences.items()]))
        for name, rows in differences.items():
            held = folds[name][fold][1]
            margins[name][held] = rows[held] @ weights
    return {name: wins(margin, 0) for name, margin in margins.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
