"""The report's plots as inline SVG: a histogram and a curve, each over one horizontal axis.

Horizontal positions are percentages and text is never scaled (see _pictures.py).
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from math import floor, log10
from typing import NamedTuple

from markupsafe import Markup

from pipelines._pictures import EMPTY, joined
from pipelines._shown import count, figure, visible
from schemas.report import Histogram

_PLOT_HEIGHT = 170
_THINNEST = 1.5
# More bars than this are thinner than a pixel on a phone.
_MOST_BINS = 60
# In per cent of the plot's width: closer labels would touch on a phone.
_LABEL_GAP = 14.0


class Mark(NamedTuple):
    """A named place on a horizontal axis."""

    name: str
    value: float


def histogram(bins: Histogram | None, *, unit: str, alt: str, marks: Sequence[Mark] = ()) -> Markup:
    """Bars over `bins`, each as wide as the next even where the bins are not, with `marks` above them.

    Empty where there is nothing to draw: null, no bins, or none that holds a row.
    """
    if bins is None or not any(bins.counts) or len(bins.edges) != len(bins.counts) + 1:
        return EMPTY
    edges, counts = _coarser(bins.edges, bins.counts)
    top = _nice_top(max(counts))
    bars = (_histogram_bar(at, edges, n, top) for at, n in enumerate(counts) if n)
    return _plot(top, joined(bars) + _x_ticks(_edge_ticks(edges), unit) + _marks(marks, edges), alt)


def _histogram_bar(at: int, edges: Sequence[float], rows: int, top: float) -> Markup:
    """The bar of one bin. One row among thousands is a thin line, but it is seen."""
    width = 100 / (len(edges) - 1)
    height = max(rows / top * _PLOT_HEIGHT, _THINNEST)
    return Markup(
        '<rect class="c-main" x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}"><title>{} to {}: {}</title></rect>'
    ).format(
        (at + 0.04) * width,
        _PLOT_HEIGHT - height,
        width * 0.92,
        height,
        figure(edges[at]),
        figure(edges[at + 1]),
        count(rows),
    )


def curve(points: Sequence[tuple[float, float]], *, unit: str, alt: str, marks: Sequence[Mark] = ()) -> Markup:
    """A line through `points`, which must be in the order of x. Empty with fewer than two points."""
    if len(points) < 2 or points[-1][0] <= points[0][0]:
        return EMPTY
    low, high = points[0][0], points[-1][0]
    top = _nice_top(max(y for _, y in points) or 1)
    places = [((x - low) / (high - low) * 100, _PLOT_HEIGHT * (1 - y / top)) for x, y in points]
    line = Markup(
        '<svg width="100%" height="{height}" viewBox="0 0 100 {height}" preserveAspectRatio="none" overflow="visible">'
        '<polyline class="line" vector-effect="non-scaling-stroke" points="{points}"/></svg>'
    ).format(height=_PLOT_HEIGHT, points=" ".join(f"{x:.2f},{y:.1f}" for x, y in places))
    dots = joined(
        Markup('<circle class="c-main" cx="{x:.2f}%" cy="{y:.1f}" r="4"><title>{at}: {n}</title></circle>').format(
            x=x, y=y, at=figure(given), n=count(n)
        )
        for (x, y), (given, n) in zip(places, points, strict=True)
    )
    ticks = _spaced([(x, figure(given)) for (x, _), (given, _) in zip(places, points, strict=True)], _LABEL_GAP)
    return _plot(top, line + dots + _x_ticks(ticks, unit) + _marks(marks, [low, high]), alt)


def _plot(top: float, inner: Markup, alt: str) -> Markup:
    """A frame with a counted axis on the left, to which `inner` is drawn."""
    line = Markup(
        '<line class="grid" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/><text x="-8" y="{below:.1f}" class="end">{n}</text>'
    )
    grid = joined(
        line.format(y=_PLOT_HEIGHT * (1 - part), below=_PLOT_HEIGHT * (1 - part) + 4, n=figure(top * part))
        for part in ((0, 0.5, 1) if top > 1 else (0, 1))
    )
    return Markup('<div class="plot"><svg role="img" aria-label="{}" width="100%" height="{}">{}{}</svg></div>').format(
        visible(alt, 2000), _PLOT_HEIGHT, grid, inner
    )


def _x_ticks(ticks: Sequence[tuple[float, str]], unit: str) -> Markup:
    texts = (Markup('<text x="{:.2f}%" y="{}">{}</text>').format(x, _PLOT_HEIGHT + 18, text) for x, text in ticks)
    return joined(texts) + Markup('<text x="50%" y="{}" class="unit">{}</text>').format(_PLOT_HEIGHT + 36, unit)


def _marks(marks: Sequence[Mark], edges: Sequence[float]) -> Markup:
    """Dashed lines at `marks`, named in two rows. The first of `marks` are named first.

    A name that would touch others in both rows is left out; its line is drawn all the same.
    """
    drawn = Markup("")
    rows: list[list[float]] = [[], []]
    for mark in marks:
        if not edges[0] <= mark.value <= edges[-1]:
            continue
        x = _place(mark.value, edges)
        free = [at for at, row in enumerate(rows) if all(abs(x - other) >= _LABEL_GAP for other in row)]
        top = -4 - 14 * min(free, default=0)
        drawn += Markup('<line class="mark" x1="{x:.2f}%" x2="{x:.2f}%" y1="{top}" y2="{y}"/>').format(
            x=x, top=top, y=_PLOT_HEIGHT
        )
        if free:
            rows[free[0]].append(x)
            drawn += Markup('<text x="{:.2f}%" y="{}" class="mark-name">{}</text>').format(x, top - 4, mark.name)
    return drawn


def _spaced(labels: Sequence[tuple[float, str]], gap: float) -> list[tuple[float, str]]:
    """The labels that stand at least `gap` from the one kept before them; `labels` are in order."""
    kept: list[tuple[float, str]] = []
    for x, name in labels:
        if not kept or x - kept[-1][0] >= gap:
            kept.append((x, name))
    return kept


def _place(value: float, edges: Sequence[float]) -> float:
    """Per cent of the width at which `value` lies, when every bin is as wide as the next."""
    at = min(bisect_right(edges, value), len(edges) - 1) - 1
    within = (value - edges[at]) / (edges[at + 1] - edges[at]) if edges[at + 1] > edges[at] else 0.0
    return (at + within) / (len(edges) - 1) * 100


def _coarser(edges: Sequence[float], counts: Sequence[int]) -> tuple[list[float], list[int]]:
    """Neighbouring bins merged until no more than `_MOST_BINS` are left; their sum stays."""
    step = -(-len(counts) // _MOST_BINS)
    merged = [sum(counts[at : at + step]) for at in range(0, len(counts), step)]
    return [*edges[:-1:step], edges[-1]], merged


def _edge_ticks(edges: Sequence[float]) -> list[tuple[float, str]]:
    """Five to seven labels along the axis: round numbers where the bins are even, edges where not."""
    span = edges[-1] - edges[0]
    widths = [high - low for low, high in pairwise(edges)]
    if span > 0 and max(widths) <= 1.5 * min(widths):
        step = _nice_step(span / 5)
        first = -(-edges[0] // step) * step
        values = [first + step * at for at in range(int((edges[-1] - first) / step + 1e-6) + 1)]
        return [(_place(min(value, edges[-1]), edges), figure(round(value, 10))) for value in values]
    every = max(1, round((len(edges) - 1) / 5))
    return [(at / (len(edges) - 1) * 100, figure(_short(edges[at]))) for at in range(0, len(edges), every)]


def _short(value: float) -> float:
    """`value` as an axis names it: whole from a hundred up, three digits below."""
    return round(value) if abs(value) >= 100 else float(f"{value:.3g}")


def _nice_step(raw: float) -> float:
    """The nearest step above or at `raw` of the form 1, 2 or 5 times a power of ten."""
    power = 10 ** floor(log10(raw))
    return float(next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999))


def _nice_top(highest: float) -> float:
    """The end of a counted axis: round, with a round half, at or above `highest`."""
    power = 10 ** floor(log10(highest))
    return float(next(power * factor for factor in (1, 2, 4, 6, 8, 10) if power * factor >= highest))
