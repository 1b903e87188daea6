"""Colours that stand side by side are told apart by everybody: as seen, and as protanopes and deuteranopes see them."""

import re
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest

from pipelines._map import GREY, OUTCOME_COLOURS, PALETTE, QUARTERS
from pipelines._templates import TEMPLATES
from pipelines.browsing.app import PAGE
from schemas.outcome import Fate

Colours = dict[str, str]

# Machado, Oliveira and Fernandes 2009 (IEEE TVCG 15(6), table 1), severity 1.0: linear RGB in, linear RGB out.
SEEN = {
    "all": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
# In CIELAB about 2.3 is a difference that is just seen (Mahy et al. 1994); areas with a gap between them need several.
TOLD_APART = 10.0
"""Of the colours of a figure, of which every one has its name beside it too."""


def as_lab(colour: str, eye: str) -> np.ndarray:
    """CIELAB under D65 of `#rrggbb`, as an eye sees it."""
    rgb = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(SEEN[eye] @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    scaled = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(scaled > (6 / 29) ** 3, np.cbrt(scaled), scaled / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


class Pair(NamedTuple):
    apart: float
    one: str
    other: str


def closest(colours: Colours, eye: str) -> Pair:
    """The two that are hardest to tell apart."""
    return min(
        Pair(float(np.linalg.norm(as_lab(a, eye) - as_lab(b, eye))), one, other)
        for (one, a), (other, b) in combinations(colours.items(), 2)
    )


def declared(css: str, scheme: str) -> Colours:
    """The custom properties of a style sheet by day, or by night on top of them."""
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    day, night = (dict(re.findall(r"--([\w-]+): (#[0-9a-fA-F]{6})", block)) for block in blocks[:2])
    return day if scheme == "light" else day | night


FATES = tuple(fate.value for fate in Fate)


def figures() -> dict[str, Colours]:
    """Every set of colours that stand in one figure, by its name."""
    found: dict[str, Colours] = {
        "map by cluster or source": dict(zip(PALETTE, PALETTE, strict=True)) | {"others": GREY},
        "map by outcome": {fate.value: colour for fate, colour in OUTCOME_COLOURS.items()},
        "map by quality": dict(zip(QUARTERS, QUARTERS, strict=True)) | {"not scored": GREY},
    }
    for name, path in (("report", TEMPLATES / "report.css"), ("browse", PAGE / "browse.css")):
        for scheme in ("light", "dark"):
            known = declared(path.read_text(encoding="utf-8"), scheme)
            found[f"{name}, outcomes, {scheme}"] = {fate: known[fate] for fate in FATES}
            found[f"{name}, verdicts, {scheme}"] = {word: known[word] for word in ("good", "bad")}
    return found


@pytest.mark.parametrize("eye", SEEN)
@pytest.mark.parametrize("figure", figures())
def test_no_two_colours_of_a_figure_are_taken_for_one(figure: str, eye: str) -> None:
    pair = closest(figures()[figure], eye)
    assert pair.apart >= TOLD_APART, pair
