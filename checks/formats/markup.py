"""XML and HTML in an answer, and YAML and TOML, which are read as plainly."""

import re
import tomllib
from html.parser import HTMLParser
from typing import Any

from checks.formats.programs import has_error
from checks.formats.snippets import all_read, code_only, fenced

XML_TAGS = frozenset({"xml", "svg", "xsd", "xsl", "xslt", "rss", "plist", "wsdl", "kml", "xaml"})
HTML_TAGS = frozenset({"html", "htm", "html5"})
YAML_TAGS = frozenset({"yaml", "yml"})

XML_ASKED = r"(?i)\bxml\b"
_XML_ASKED = re.compile(XML_ASKED)
_DECLARED = re.compile(r"\s*<\?xml\b")
_ELEMENT = re.compile(r"\s*<[A-Za-z][\w:.-]*(?:\s[^<>]*)?/?>")

_HTML_ELEMENTS = (
    r"(?:a|abbr|article|aside|audio|b|blockquote|body|button|canvas|caption|center|code|dd|details|div|dl|dt|em|fieldset"
    r"|figure|font|footer|form|h[1-6]|head|header|html|i|iframe|label|legend|li|main|nav|ol|option|p|pre|section|select"
    r"|small|span|strong|style|sub|summary|sup|svg|table|tbody|td|textarea|tfoot|th|thead|title|tr|u|ul|video)"
)
# A document says so; a fragment begins with an element, and closes one somewhere.
HTML_DOCUMENT = r"(?i)\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html)\b"
HTML_FRAGMENT = rf"(?i)\s*<{_HTML_ELEMENTS}(?:\s[^<>]*)?>"
_HTML_DOCUMENT, _HTML_FRAGMENT = re.compile(HTML_DOCUMENT), re.compile(HTML_FRAGMENT)
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
_MAY_STAY_OPEN = frozenset(
    (
        *("p", "li", "dt", "dd", "option", "optgroup", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup"),
        *("caption", "html", "head", "body", "rp", "rt"),
    )
)
"""https://html.spec.whatwg.org/multipage/syntax.html: elements without an end, and those that may be left open."""
# What makes HTML when it is run is no HTML yet.
_TEMPLATE = re.compile(r"<\?(?!xml)|<%|\{%|\{\{|=\{")
YAML_ASKED = r"(?i)\b(?:in|as|into|to|using|return|output|produce|generate|create|write)\s+(?:\w+\s+){0,3}?ya?ml\b"
_YAML_ASKED = re.compile(YAML_ASKED)
_YAML_OPENING = re.compile(r"\s*(?:---|#|- |[\w\"' -]+:(?:\s|$))")


def holds_xml(answer: str, prompt: str) -> bool | None:
    """Whether all XML of the answer is well-formed; null where there is none.

    Unfenced it is XML where it is declared to be, or where the prompt speaks of XML and it begins with an element.
    """
    blocks = fenced(answer)
    if blocks:
        return all_read((block.text for block in blocks if block.language in XML_TAGS), is_xml)
    if _DECLARED.match(answer) or (_XML_ASKED.search(prompt) and _ELEMENT.match(answer) and ">" in answer[-40:]):
        return is_xml(code_only(answer))
    return None


def is_xml(text: str) -> bool | None:
    """Whether expat reads the text as a document, or as elements behind one another.

    Nothing is fetched. A document that declares entities is not read: what they grow to is not ours to find out.

    >>> is_xml("<a><b/></a>"), is_xml("<a>1</a>\\n<a>2</a>"), is_xml("<a><b></a>")
    (True, True, False)
    """
    if not (bare := text.strip()):
        return None
    return _well_formed(bare) or (not bare.startswith(("<?", "<!DOCTYPE")) and _well_formed(f"<a>{bare}</a>"))


def _well_formed(text: str) -> bool:
    from xml.parsers import expat

    reader = expat.ParserCreate(encoding="utf-8")
    reader.EntityDeclHandler = _refuse
    try:
        reader.Parse(text.encode("utf-8", "replace"), True)
    except (expat.ExpatError, _EntityError):
        return False
    return True


class _EntityError(Exception):
    """The document declares an entity."""


def _refuse(*_declared: Any) -> None:
    raise _EntityError


def holds_html(answer: str, prompt: str) -> bool | None:
    """Whether the tags of all HTML in the answer match; null where there is none, or a template that makes it.

    Unfenced it is HTML where it begins as a document, or with an element where another is closed.
    """
    blocks = fenced(answer)
    if blocks:
        return all_read((block.text for block in blocks if block.language in HTML_TAGS), is_html)
    if _HTML_DOCUMENT.match(answer) or (_HTML_FRAGMENT.match(answer) and "</" in answer):
        return None if _XML_ASKED.search(prompt) else is_html(answer)
    return None


def is_html(text: str) -> bool | None:
    """Whether every tag is complete and every element closed, but for those that may be left open.

    >>> is_html("<ul><li>a<li>b</ul>"), is_html("<p>a<p>b"), is_html("<div><b>a</div>"), is_html("<b>{{ x }}</b>")
    (True, True, False, None)
    """
    if not text.strip() or _TEMPLATE.search(text):
        return None
    nesting = _Nesting()
    nesting.feed(text)
    nesting.close()
    if not nesting.is_closed():
        return False
    encoded = text.encode("utf-8", "replace")
    # Quotes and tags that do not end are the grammar's to find. What may be left open is closed by what it stands in.
    return not has_error(encoded, "html") or not has_error(b"<div>%b</div>" % encoded, "html")


class _Nesting(HTMLParser):
    """Which elements are open, as a browser's parser would have them but for what may be left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open_ones: list[str] = []
        self.fits = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open_ones.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that is closed in its tag, as SVG has them: nothing is open."""

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        while self.open_ones and self.open_ones[-1] != tag and self.open_ones[-1] in _MAY_STAY_OPEN:
            self.open_ones.pop()
        self.fits = self.fits and bool(self.open_ones) and self.open_ones.pop() == tag

    def is_closed(self) -> bool:
        """Whether each end tag closed what was open, and nothing is open that must not be."""
        return self.fits and _MAY_STAY_OPEN.issuperset(self.open_ones)


def holds_yaml(answer: str, prompt: str) -> bool | None:
    """Whether all YAML of the answer can be read; null where there is none, or a template that makes it."""
    blocks = fenced(answer)
    if blocks:
        return all_read((block.text for block in blocks if block.language in YAML_TAGS), is_yaml)
    return is_yaml(answer) if _YAML_ASKED.search(prompt) and _YAML_OPENING.match(answer) else None


def is_yaml(text: str) -> bool | None:
    """Whether libyaml reads the text; aliases are not resolved, so that none can grow.

    >>> is_yaml("a: 1\\nb: [1, 2]"), is_yaml("a: [1, 2"), is_yaml("a: {{ .Values.x }}")
    (True, False, None)
    """
    import yaml

    if not text.strip() or "{{" in text or "{%" in text:
        return None
    try:
        for _ in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            pass
    except (yaml.YAMLError, ValueError, RecursionError):
        return False
    return True


def holds_toml(answer: str, _prompt: str) -> bool | None:
    """Whether all fenced TOML of the answer can be read; null where there is none."""
    return all_read((block.text for block in fenced(answer) if block.language == "toml"), is_toml)


def is_toml(text: str) -> bool | None:
    """Whether the text is TOML.

    >>> is_toml("[a]\\nb = 1"), is_toml("[a\\nb = 1")
    (True, False)
    """
    if not text.strip():
        return None
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return False
    return True
