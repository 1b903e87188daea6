"""HTML that needs no network: a foreign page written again from an allow-list, and our own page's frame."""

from html import escape
from html.parser import HTMLParser
from string import Template

ICONS = {
    "fa-check-circle": ("ok", "✔", "passed"),
    "fa-times": ("bad", "✘", "failed"),
    "fa-exclamation-triangle": ("bad", "⚠", "not evaluated"),
}
"""Font Awesome's class -> our class, a sign that needs no font of icons, and a word."""

# fmt: off
# Left out with all they hold.
_SKIPPED = frozenset({
    "script", "style", "noscript", "template", "svg", "math", "iframe", "object", "embed", "form", "footer",
    "audio", "video", "canvas", "select", "textarea",
})
# Written again; of any other tag only the content is.
_KEPT = frozenset({
    "a", "b", "br", "caption", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "input", "label",
    "li", "nav", "ol", "p", "pre", "small", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
})
_VOID = frozenset({
    "br", "hr", "input", "img", "link", "meta", "area", "base", "col", "source", "track", "wbr",
})
_ATTRIBUTES = frozenset({
    "id", "class", "hidden", "colspan", "rowspan", "title", "type", "name", "checked",
})
# fmt: on


def offline_page(html: str, *, note: str = "", hidden: str = "") -> str:
    """One of GX's pages, its content kept and everything that acts or loads left out.

    >>> html = offline_page('<body><p onclick="f()">kept<img src="https://x/y.png"></p><script>f()</script></body>')
    >>> "<p>kept</p>" in html, "f()" in html, "https:" in html
    (True, False, False)
    """
    writer = _Writer(hidden)
    writer.feed(html)
    writer.close()
    return page("Data Docs", note + writer.html())


def page(title: str, body: str) -> str:
    """A whole page around `body`, which is HTML already."""
    return _PAGE.substitute(title=escape(title), style=_STYLE, body=body)


class _Writer(HTMLParser):
    """Writes the body of a page again, tag by tag, from what is allowed. Its output is always balanced."""

    def __init__(self, hidden: str) -> None:
        super().__init__(convert_charrefs=True)
        self._hidden = hidden
        self._written: list[str] = []
        self._open: list[tuple[str, str]] = []  # tag, and what closes it
        self._skipped: list[str] = []  # the tag being skipped, once per nesting
        self._in_body = False
        self._label: list[str] | None = None  # text of a "Show more" link while it is read
        self._summary = "More"

    def html(self) -> str:
        return "".join([*self._written, *(closing for _, closing in reversed(self._open))])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipped:
            self._skipped += [tag] if tag == self._skipped[0] else []
            return
        given = dict(attrs)
        if tag == "body":
            self._in_body = True
        elif tag in _SKIPPED:
            self._skipped = [tag]
        elif self._in_body:
            self._start(tag, given, (given.get("class") or "").split())

    def _start(self, tag: str, given: dict[str, str | None], classes: list[str]) -> None:
        if tag == "img":
            self._written.append(escape(given.get("alt") or ""))
        elif tag == "a" and given.get("data-toggle") == "collapse":
            self._label = []
            self._open.append((tag, ""))
        elif tag == "div" and "collapse" in classes:
            self._start_details()
        elif tag == "i" and (icon := next((ICONS[name] for name in classes if name in ICONS), None)):
            # GX hides an icon from screen readers where the word stands beside it.
            word = "" if given.get("aria-hidden") else f" {icon[2]}"
            self._push(tag, f'<span class="{icon[0]}">{icon[1]}{word}', "</span>")
        elif tag in _VOID:
            self._written.append(f"<{tag}{_attributes(tag, given)}>" if tag in _KEPT else "")
        elif tag in _KEPT:
            self._push(tag, f"<{tag}{_attributes(tag, given)}>", f"</{tag}>")

    def _start_details(self) -> None:
        # A traceback shows paths of the machine that ran; the message stands above it in the page.
        if "traceback" in self._summary:
            self._skipped = ["div"]
        else:
            self._push("div", f"<details><summary>{escape(self._summary)}</summary>", "</details>")

    def _push(self, tag: str, opening: str, closing: str) -> None:
        self._written.append(opening)
        self._open.append((tag, closing))

    def handle_endtag(self, tag: str) -> None:
        if self._skipped:
            if tag == self._skipped[0]:
                self._skipped.pop()
            return
        if tag == "a" and self._label is not None:
            self._summary, self._label = " ".join("".join(self._label).split()), None
        if tag not in (name for name, _ in self._open):
            return
        while self._open:
            name, closing = self._open.pop()
            self._written.append(closing)
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._skipped or not self._in_body:
            return
        if self._label is not None:
            self._label.append(data)
        else:
            self._written.append(escape(data.replace(self._hidden, "") if self._hidden else data))


def _attributes(tag: str, given: dict[str, str | None]) -> str:
    """The allowed attributes; of links only those within the site."""
    kept = {name: value for name, value in given.items() if name in _ATTRIBUTES}
    link = given.get("href") or ""
    if tag == "a" and (link.startswith("#") or (":" not in link and not link.startswith(("/", "\\")))):
        kept["href"] = link
    if tag == "input" and given.get("type") != "radio":
        return " hidden"
    return "".join(f" {name}" if value is None else f' {name}="{escape(value)}"' for name, value in kept.items())


_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body>
$body
</body>
</html>
""")

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2329; background: #fff; margin: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem } h2 { font-size: 1.15rem } h4, h5, h6 { font-size: 1rem; margin: .3rem 0 }
a { color: #0b5cad } small { color: #57606a }
table { border-collapse: collapse; margin: .5rem 0 1rem; max-width: 100% }
th, td { border: 1px solid #d0d7de; padding: .3rem .6rem; text-align: left; vertical-align: top }
th, td { overflow-wrap: break-word }
th { background: #f3f5f7; font-weight: 600 } td:first-child { white-space: nowrap }
code { background: #f3f5f7; padding: 0 .2rem; overflow-wrap: anywhere }
.ok { color: #116329; white-space: nowrap } .bad, .text-danger { color: #b3261e } .bad { white-space: nowrap }
.verdict { border-left: 4px solid #8c959f; background: #f6f8fa; padding: .5rem .8rem }
.badge { background: #e7ebef; border-radius: .25rem; padding: 0 .3rem; overflow-wrap: anywhere }
.alert { background: #eef1f4; padding: .4rem .7rem; border-radius: .25rem; margin-top: 1rem }
.ge-breadcrumbs { display: flex; gap: .8rem; list-style: none; padding: 0; margin: 0 0 1rem }
.container-fluid > .row { display: flex; gap: 2rem; align-items: flex-start }
.ge-section > .row { display: block } .ge-section { padding: 0 }
.col-md-2 { flex: 0 0 15rem; position: sticky; top: 1rem; max-height: 95vh; overflow: auto }
.col-md-10 { flex: 1 1 auto; min-width: 0 }
.ge-navigation-sidebar-content { list-style: none; padding: 0; font-size: .85rem }
.ge-navigation-sidebar-content a { overflow-wrap: anywhere }
li:has(> hr) { display: none }
summary { cursor: pointer; color: #0b5cad }
body:has(#option2:checked) tr:has(> .hide-succeeded-validation-target-child) { display: none }
body:has(#option2:checked) .ge-section:has(.hide-succeeded-validations-column-section-target-child) { display: none }
@media (max-width: 50rem) {
  .container-fluid > .row { display: block }
  .col-md-2 { position: static; max-height: none }
  table { display: block; overflow-x: auto } h1, h2, h4, h5, h6, p, li { overflow-wrap: anywhere }
}
@media (prefers-color-scheme: dark) {
  body { color: #d8dee4; background: #14181d } a, summary { color: #6cb6ff } small { color: #9aa4af }
  th, .verdict, .alert, code, .badge { background: #232a32 } th, td { border-color: #3a434d }
  .ok { color: #57c26f } .bad, .text-danger { color: #ff7b72 }
}
"""
