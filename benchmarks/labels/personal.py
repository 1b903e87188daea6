"""Personal data and secrets: as people's sentences were marked, and as we planted them among look-alikes"""

import re
from pathlib import Path

import numpy as np

from benchmarks.labels.figures import Line, found, least
from benchmarks.labels.planted import planted
from benchmarks.labels.reading import asked, checked, fails, lines

# What is marked, the check that is to find it, and the share of it that must be found.
_MARKED = {
    ("EMAIL_ADDRESS",): ("safety.email_address", 0.95),
    ("PHONE_NUMBER",): ("safety.phone_number", 0.95),
    ("CREDIT_CARD",): ("safety.credit_card", 0.95),
    ("IP_ADDRESS",): ("safety.ip_address", 0.95),
    ("PERSON",): ("safety.person_name", None),
    ("GPE", "STREET_ADDRESS"): ("safety.place_name", None),
}
# What is planted, the check, and what one would write first to find it.
_PLANTED = {
    "IBAN": ("safety.id_number", r"\b[A-Z]{2}\d{2}[ ]?(?:[A-Z0-9]{4}[ ]?){2,7}[A-Z0-9]{0,4}\b"),
    "SSN": ("safety.id_number", r"\b\d{3}-\d{2}-\d{4}\b"),
    "API key": (
        "safety.api_key",
        r"(?i)\b(?:sk|pk|rk|ghp|gho|xox[a-z]|AKIA|AIza)[A-Za-z0-9_-]{16,}|(?:key|token|secret)\W{1,4}[A-Za-z0-9_-]{16,}",
    ),
    "private key": ("safety.private_key", r"-----BEGIN[A-Z ]* PRIVATE KEY(?: BLOCK)?-----"),
    "JWT": ("safety.json_web_token", r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"),
}
_CARD_AND_OTHERS = "regex .94 to 1.00"


def measure(data: Path) -> list[Line]:
    """The lines of this subject."""
    return [*_marked(data), *_hidden()]


def _marked(data: Path) -> list[Line]:
    rows = lines(data / "dev_labels" / "pii_spans_dev.jsonl.gz")
    judged = checked(asked([row["text"] for row in rows]))
    made = []
    for kinds, (reason, recall) in _MARKED.items():
        marked = [any(span["type"] in kinds for span in row["spans"]) for row in rows]
        scores = found(fails(judged, reason), marked)
        on, note = f"{sum(marked)} of {len(rows)} texts", f"precision {scores.precision:.2f}"
        needed, baseline = (None, "") if recall is None else (least(recall), _CARD_AND_OTHERS)
        made.append(Line(reason, on, "recall", scores.recall, baseline, needed, note))
    return made


def _hidden() -> list[Line]:
    """Of each kind what is found of it, and how much of what is found is it: not another kind, not a look-alike."""
    texts = planted()
    judged = checked(asked([text.text for text in texts]))
    kind = np.array([text.kind or "" for text in texts])
    made = []
    for name, (reason, cheap) in _PLANTED.items():
        # One check looks for both numbers; the other of them is no mistake.
        judging = np.array([_PLANTED.get(other, ("",))[0] != reason or other == name for other in kind])
        true = (kind == name)[judging]
        ours = found(fails(judged, reason).to_numpy()[judging], true)
        first = found(
            [bool(re.search(cheap, text.text)) for text, is_judged in zip(texts, judging, strict=True) if is_judged],
            true,
        )
        on = f"{true.sum()} planted of {len(true):,}, {len({text.form for text in texts if text.kind == name})} forms"
        said = f"regex: recall {first.recall:.2f}, precision {first.precision:.2f}"
        made.append(Line(f"{reason}: {name}", on, "recall", ours.recall, said, least(0.95), ""))
        made.append(Line(f"{reason}: {name}", on, "precision", ours.precision, said, least(0.95), ""))
    return made
