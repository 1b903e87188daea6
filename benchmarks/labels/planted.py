"""Texts of our own with secrets and numbers of persons in them, and texts that only look so, from one seed

Nothing here is anybody's: every key, token and number is drawn when the texts are made, in the form that its issuer or
standard documents. The forms stand here in parts, so that nothing in this file is taken for a secret either.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.labels import lookalikes, planted_keys, planted_numbers

SEED = 20260417
EACH = 60
"""Texts of each form that a kind has."""


class Planted(NamedTuple):
    """A text, the kind of what stands in it, and its form; a kind of None is a text without any."""

    text: str
    kind: str | None
    form: str


_FORMS: dict[str, dict[str, Callable[[random.Random], str]]] = {
    "IBAN": planted_numbers.IBANS,
    "SSN": planted_numbers.SSNS,
    "API key": planted_keys.KEYS,
    "private key": planted_keys.PRIVATE_KEYS,
    "JWT": planted_keys.TOKENS,
}

# What people and programs write around a value. Prose, settings, code, a log, a table, other languages.
_AROUND = (
    "{}",
    "Here it is: {}.",
    "Please use {} for the test, and delete it afterwards.",
    "The customer wrote: “my details are {}, thank you”.",
    "value={}",
    'config = {{"value": "{}"}}',
    "export VALUE='{}'\npython run.py",
    "| name | value |\n|---|---|\n| first | {} |",
    "2031-04-02 11:20:31 INFO received {} from the form",
    "Bitte überweisen Sie an {} bis Freitag.",
    "Veuillez utiliser {} pour le dossier.",
    "请使用 {} 完成测试。",
    "({})",
    "<b>{}</b>",
)


def planted() -> list[Planted]:
    """All texts, the same each time: positives of each kind and form, then what has none of them."""
    made = []
    for kind, forms in _FORMS.items():
        for form, draw in forms.items():
            # Each form has a stream of its own, so that a new one moves no other.
            chance = random.Random(f"{SEED} {kind} {form}")
            made += [Planted(_surrounded(draw(chance), chance), kind, form) for _ in range(EACH)]
    for form, draw in lookalikes.LOOKALIKES.items():
        chance = random.Random(f"{SEED} {form}")
        made += [Planted(_surrounded(draw(chance), chance), None, form) for _ in range(EACH)]
    return made


def _surrounded(value: str, chance: random.Random) -> str:
    """A value of several words is a sentence already."""
    return value if "\n" in value or value.count(" ") > 9 else chance.choice(_AROUND).format(value)
