"""Refusals and toxicity, as people marked them"""

from pathlib import Path

import numpy as np

from benchmarks.labels.figures import Line, area_under_roc, found, least
from benchmarks.labels.reading import asked, checked, fails, lines
from pipelines._toxicity import scorer
from pipelines.cache.home import default_cache
from pipelines.embedding.encoder import BUILTIN, Encoder

# From here up a comment is taken for toxic.
_HOSTILE = 0.5


def measure(data: Path) -> list[Line]:
    """The lines of this subject."""
    return [*_refusals(data), *_toxicity(data)]


def _refusals(data: Path) -> list[Line]:
    rows = lines(data / "dev_labels" / "annot_xstest_dev.jsonl.gz")
    judged = checked(asked([row["prompt"] for row in rows], [row["completion"] for row in rows]))
    label = np.array([row["final_label"] for row in rows])
    full = found(fails(judged, "refusal.full"), label == "2_full_refusal")
    flags = fails(judged, "refusal.full").to_numpy() | fails(judged, "refusal.partial").to_numpy()
    partial = found(fails(judged, "refusal.partial"), label == "3_partial_refusal")
    on = f"XSTest, {len(rows):,} answers"
    return [
        Line("full refusals", on, "F1", full.f1, ".79", least(0.88), f"recall {full.recall:.2f}"),
        Line("partial refusals", on, "recall", partial.recall, "", None, f"precision {partial.precision:.2f}"),
        Line("any refusal", on, "F1", found(flags, label != "1_full_compliance").f1),
    ]


def _toxicity(data: Path) -> list[Line]:
    rows = lines(data / "dev_labels" / "toxicity_dev.jsonl.gz")
    encoder = Encoder(BUILTIN, cache=default_cache())
    scores = scorer(encoder)(encoder.encode([row["text"] for row in rows]).vectors)
    toxic = np.array([row["is_toxic"] == "Toxic" for row in rows])
    said = found(scores >= _HOSTILE, toxic)
    on = f"Surge AI, {len(rows)} comments"
    note = f"at {_HOSTILE}: precision {said.precision:.2f}, recall {said.recall:.2f}"
    cheap = "n-grams trained on it .925, profanity-check .833"
    return [Line("toxicity score", on, "AUC", area_under_roc(scores, toxic), cheap, least(0.90), note)]
