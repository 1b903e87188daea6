"""What markdown makes of an escaped text is the text."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from annotation.asking._markdown import MOST_IN_PARAGRAPH, as_text, code

HOSTILE = {
    "image": "<img src=x onerror=alert(1)>",
    "script": "</p><script>alert(1)</script><!-- c -->",
    "links": "[a](javascript:alert(1)) ![x](http://e/x.png) <http://a.b> [x]: http://y",
    "bare addresses": "http://a.b/c?d=e ftp://q.r WWW.foo.com a@b.com mailto:x@y.z",
    "backticks": "`a` ``b`` ``` and ` one",
    "open fence": "```python\nx = 1",
    "headings": "# H\n## H2\na\n===\nb\n---",
    "lists": "- a\n* b\n+ c\n1. d\n2) e\n1234567890. f\n- [ ] todo",
    "rules": "***\n---\n___\n* * *",
    "table": "|a|b|\n|-|-|\n|1|2|",
    "emphasis": "*y* _z_ **w** ~~x~~ a_b_c",
    "mathematics": "$x$ $$y$$ \\(z\\) \\[w\\]",
    "entities": "&lt;b&gt; &amp; &#60;",
    "backslashes": "a\\\nb\\ \\* \\",
    "code": "def f(x):\n    if x:\n\treturn {'a':  [1]}",
    "quote": "> q\n>> r",
    "blank lines": "\n\na\n\n\n\nb\n\n",
    "scripts of the world": "👩‍👩‍👧 שלום עולם مرحبا 東京 ẗ̴̢̛",
}


class _Seen(HTMLParser):
    """What a browser shows: text, with a line for each break and a blank one between blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag == "br":
            self.text += "\n"

    def handle_data(self, data: str) -> None:
        # Outside of <pre> a browser folds white space, and drops it at the start of a line.
        folded = re.sub(r"[ \t\r\n]+", " ", data)
        self.text += folded.lstrip(" ") if self.text[-1:] in ("", "\n") else folded

    def handle_endtag(self, tag: str) -> None:
        self.text = self.text if tag != "p" else self.text + "\n\n"


def seen(markdown: str) -> _Seen:
    reader = _Seen()
    reader.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))
    return reader


def flat(text: str) -> str:
    """`text` as it can be compared: one kind of line end and space, tabs as they are shown, controls as pictures."""
    pictures = {number: 0x2400 + number for number in range(32) if number not in (9, 10)} | {0x7F: 0x2421}
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(pictures)
    return "\n".join(re.sub(r"[ \t]+", expanded, line).rstrip() for line in text.split("\n")).rstrip()


def expanded(spaces: re.Match[str]) -> str:
    return " " * len(spaces[0].expandtabs(4))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_and_formatted_text_is_shown_as_it_is(text: str) -> None:
    shown = seen(as_text(text))
    assert shown.text.replace("\u00a0", " ").rstrip() == flat(text)
    assert shown.tags <= {"p", "br"}


@given(st.text(alphabet="ab1 \t\n`*_[]()<>&|$@#!\\-+=:./é😀ש\x01", max_size=80).filter(lambda text: "```" not in text))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    shown = seen(as_text(text))
    assert shown.text.replace("\u00a0", " ").rstrip() == flat(text)
    assert shown.tags <= {"p", "br"}


def test_fenced_code_is_shown_in_a_fixed_width_between_its_fences() -> None:
    rendered = MarkdownIt().render(as_text("Look:\n```python\nif x:\n\n    <b>y</b>\n```\nDone."))
    assert rendered == (
        "<p>Look:<br />\n```python</p>\n"
        "<pre><code>if x:\n\n    &lt;b&gt;y&lt;/b&gt;\n</code></pre>\n"
        "<p>```<br />\nDone.</p>\n"
    )


def test_code_may_hold_fences_of_its_own() -> None:
    assert code("a\n````\nb") == "`````\na\n````\nb\n`````"


def test_nothing_to_see_is_nothing() -> None:
    assert [as_text(text) for text in ("", " ", "\n\n\t\n")] == ["", "", ""]


def test_paragraphs_stay_short_enough_for_the_parser() -> None:
    lines = as_text("a line\n" * 5 * MOST_IN_PARAGRAPH)
    assert max(block.count("\n") for block in lines.split("\n\n")) < MOST_IN_PARAGRAPH
    signs = as_text("*_`[<" * MOST_IN_PARAGRAPH)
    assert "\\" not in signs
    assert seen(signs).text.rstrip() == "*_`[<" * MOST_IN_PARAGRAPH
