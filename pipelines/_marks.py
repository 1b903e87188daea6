"""A text with places of it marked, cut around the first of them."""

from collections.abc import Sequence

from markupsafe import Markup

from pipelines._shown import CUT, EXCERPT_LENGTH, EXCERPT_LINES, excerpt, visible
from schemas.report import Span

# Of what is shown, in front of the first mark.
_BEFORE = 1 / 3


def highlighted(text: str, spans: Sequence[Span], limit: int = EXCERPT_LENGTH, lines: int = EXCERPT_LINES) -> Markup:
    """An excerpt of `text`, escaped, with `<mark>` around `spans`; the text's beginning where there are none.

    >>> str(highlighted("Well, <b>I cannot</b> do it.", [Span(text="completion", start=6, end=17)]))
    'Well, <mark>&lt;b&gt;I cannot</mark>&lt;/b&gt; do it.'
    """
    if not spans:
        return Markup.escape(excerpt(text, limit, lines) or "")
    first = spans[0].start
    start = 0 if first < limit * _BEFORE and len(text) <= limit else max(0, first - int(limit * _BEFORE))
    end = _last_line(text, start, min(len(text), max(start + limit, spans[0].end)), lines)
    parts, at = [f"{CUT} " if start else ""], start
    for span in spans:
        a, b = max(span.start, at), min(span.end, end)
        if a < b:
            parts += [Markup.escape(_whole(text[at:a])), Markup("<mark>{}</mark>").format(_whole(text[a:b]))]
            at = b
    return Markup("").join([*parts, _whole(text[at:end]), f" {CUT}" if end < len(text) else ""])


def _last_line(text: str, start: int, end: int, lines: int) -> int:
    """The end of the last line that is shown."""
    at = start
    for _ in range(lines):
        at = text.find("\n", at, end) + 1
        if not at:
            return end
    return at - 1


def _whole(part: str) -> str:
    """With its controls visible; cutting is done already."""
    return visible(part, max(len(part), 1))
