"""The report's pictures as inline SVG: the flow of rows, bars, a bar in parts. Plots are in _plots.py.

Horizontal positions are percentages and text is never scaled, so that one picture serves a phone, a
desk and a sheet of paper. Colours are classes that the page's style sheet fills for light and dark.
Everything that comes from the data goes through `Markup.format`, which escapes it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from pipelines._shown import count, share, tail, visible

EMPTY = Markup("")

# Pixels of one label with its number on two lines, and of the whole flow where nothing is crowded.
_LABEL_PITCH = 38
_FLOW_HEIGHT = 230
# A flow thinner than this would not be seen; its number stands beside it.
_THINNEST = 1.5


class Node(NamedTuple):
    """One end of a flow: a source or an outcome. `css` is a class that colours it."""

    name: str
    rows: int
    css: str


class Bar(NamedTuple):
    """One labelled bar."""

    name: str
    value: float
    shown: str
    css: str = "c-main"


class _Band(NamedTuple):
    node: Node
    outer: float  # the top of the band at its label
    inner: float  # and at the middle column
    outer_width: float
    inner_width: float
    label: float  # the centre of the label


def joined(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)


def flow(left: Sequence[Node], right: Sequence[Node], middle: str, alt: str) -> Markup:
    """The rows of `left` through one column into `right`; widths are proportional to counts.

    Nodes of zero are left out. Both sides should have the same sum: the caller adds a node for a
    difference, so that it is seen.
    """
    sides = [[node for node in side if node.rows > 0] for side in (left, right)]
    total = max(sum(node.rows for node in side) for side in sides)
    if not total:
        return EMPTY
    heights = [sum(max(_LABEL_PITCH, node.rows / total * _FLOW_HEIGHT) for node in side) for side in sides]
    height = max(*heights, _FLOW_HEIGHT)
    sources, outcomes = (_bands(side, total) for side in sides)
    template = Markup(
        '<div class="flow" role="img" aria-label="{alt}"><div class="flow-middle" aria-hidden="true">{middle}</div>'
        '<div class="flow-side flow-left" style="height:{height:.0f}px" aria-hidden="true">{left}</div>'
        '<svg class="flow-bands" style="height:{height:.0f}px" viewBox="0 0 100 {height:.0f}" '
        'preserveAspectRatio="none" aria-hidden="true">{bands}'
        '<rect class="flow-column" x="49" width="2" height="{column}"/></svg>'
        '<div class="flow-side flow-right" style="height:{height:.0f}px" aria-hidden="true">{right}</div></div>'
    )
    return template.format(
        alt=visible(alt, 4000),
        middle=visible(middle),
        height=height,
        left=_flow_labels(sources, total),
        right=_flow_labels(outcomes, total),
        bands=joined([_ribbon(band, 0, 49) for band in sources] + [_ribbon(band, 100, 51) for band in outcomes]),
        column=_FLOW_HEIGHT,
    )


def _bands(side: Sequence[Node], total: int) -> list[_Band]:
    """Where each node's band starts and ends. Every node has a slot of at least one label's height."""
    bands = []
    outer = inner = 0.0
    for node in side:
        exact = node.rows / total * _FLOW_HEIGHT
        slot, width = max(_LABEL_PITCH, exact), max(_THINNEST, exact)
        centre = outer + slot / 2
        bands.append(_Band(node, centre - width / 2, inner, width, exact, centre))
        outer, inner = outer + slot, inner + exact
    return bands


def _ribbon(band: _Band, start: float, end: float) -> Markup:
    """A band from its label's edge at `start` to the middle column at `end`, and a cap at the label."""
    bend = (start + end) / 2
    top, bottom = band.outer, band.outer + band.outer_width
    inner_top, inner_bottom = band.inner, band.inner + max(band.inner_width, 0.5)
    cap = start if start < end else start - 1.2
    return Markup(
        '<path class="band {css}" d="M{start},{top:.1f}C{bend},{top:.1f} {bend},{inner_top:.1f} {end},{inner_top:.1f}'
        "L{end},{inner_bottom:.1f}C{bend},{inner_bottom:.1f} {bend},{bottom:.1f} {start},{bottom:.1f}Z\"/>"
        '<rect class="{css}" x="{cap}" y="{top:.1f}" width="1.2" height="{width:.1f}"/>'
    ).format(
        css=band.node.css, start=start, end=end, bend=bend, top=top, bottom=bottom, cap=cap,
        inner_top=inner_top, inner_bottom=inner_bottom, width=band.outer_width,
    )  # fmt: skip


def _flow_labels(bands: Sequence[_Band], total: int) -> Markup:
    template = Markup(
        '<div style="top:{top:.0f}px" title="{full}"><b>{name}</b><span>{count} <i>{share}</i></span></div>'
    )
    return joined(
        template.format(
            top=band.label,
            full=visible(band.node.name, 300),
            name=tail(band.node.name),
            count=count(band.node.rows),
            share=share(band.node.rows / total),
        )
        for band in bands
    )


def bars(items: Sequence[Bar], alt: str) -> Markup:
    """A list of labelled horizontal bars, the longest as wide as its column."""
    longest = max((item.value for item in items), default=0)
    if longest <= 0:
        return EMPTY
    rows = (
        Markup("<li><span>{name}</span>{bar}<b>{shown}</b></li>").format(
            name=visible(item.name, 160), bar=bar(item.value / longest, item.css), shown=item.shown
        )
        for item in items
    )
    return Markup('<ul class="bars" aria-label="{}">{}</ul>').format(visible(alt), joined(rows))


def bar(part: float, css: str = "c-main") -> Markup:
    """One bar, `part` of its column wide; what is not nothing is seen."""
    width = min(max(part * 100, 0.6), 100) if part > 0 else 0
    return Markup(
        '<svg class="bar" aria-hidden="true" width="100%" height="12"><rect class="c-track" width="100%" height="12"/>'
        '<rect class="{}" width="{:.1f}%" height="12"/></svg>'
    ).format(css, width)


def strip(items: Sequence[Bar], alt: str) -> Markup:
    """One bar cut into parts, with a legend below it. Parts of zero are in the legend alone."""
    total = sum(item.value for item in items)
    if total <= 0:
        return EMPTY
    parts, start = [], 0.0
    for item in items:
        width = item.value / total * 100
        parts.append(
            Markup('<rect class="{}" x="{:.3f}%" width="{:.3f}%" height="26"/>').format(item.css, start, width)
        )
        start += width
    key = Markup(
        '<li><svg class="key" aria-hidden="true"><rect class="{}" width="12" height="12"/></svg>{} <b>{}</b></li>'
    )
    keys = joined(key.format(item.css, visible(item.name, 60), item.shown) for item in items)
    return Markup(
        '<svg class="strip" role="img" aria-label="{}" width="100%" height="26">{}</svg><ul class="keys">{}</ul>'
    ).format(visible(alt), joined(parts), keys)
