"""The UI's files as they are served: nothing is fetched from elsewhere, and what is data is shown as text.

Upstream hands several texts of records to the browser as HTML. The content security policy keeps them from doing
anything; these edits make them what the annotator has to see: the characters that are in the record.
"""

import re
from pathlib import Path
from typing import NamedTuple


class Edit(NamedTuple):
    """One change to the built UI. What it looks for must be there, since the version is locked."""

    files: str
    find: str
    put: str


def _literally(text: str) -> str:
    """`text` as a template of re.sub that stands for itself."""
    return text.replace("\\", "\\\\")


_ESCAPE = 'String(t).replace(/&/g,"&amp;").replace(/</g,"&lt;").replace(/>/g,"&gt;")'
# HTML in markdown, as its source; likewise an image that would be fetched from elsewhere. (Doubled backslashes:
# `put` is a template of re.sub.)
_RENDERER = (
    f'html:function(t,b){{var s={_ESCAPE};return b?"<p>"+s.trim().replace(/\\\\n/g,"<br>")+"</p>":s}},'
    "image:function(h,i,x){if(/^data:image\\//.test(h))return!1;"
    f'var t="!["+(x||"")+"]("+h+")";return {_ESCAPE}}}'
)
# The renderer's time grows with the square of a paragraph's length: 100,000 characters of short tags took 3 s, and a
# megabyte more than a minute. Longer texts are shown unformatted, which takes 1 s a megabyte.
_MAX_MARKDOWN = 50_000
# What Assay escapes so that markdown shows it (annotation/asking/_markdown.py) is shown without its escapes there too.
_UNESCAPED = (
    r"this.markdown.replace(/\\(\n|[!-\/:-@\[-`{-~])|&#(\d+);|&nbsp;/g,"
    r'function(m,c,n){return c||(n?String.fromCharCode(n):"\u00a0")})'
)
_UNFORMATTED = (
    f"if(this.markdown.length>{_MAX_MARKDOWN}){{var t={_UNESCAPED};"
    f"return'<div style=\"white-space:pre-wrap\">'+{_ESCAPE}+'</div>'}}"
)

EDITS: tuple[Edit, ...] = (
    # Two web fonts of a foreign host; the UI falls back to the system's.
    Edit("_nuxt/*.css", r"@import url\(https?://[^)]*\);?", ""),
    # A text that looks like HTML went into a frame, and any other into the page, both as HTML.
    Edit("_nuxt/*.js", r'\b\w+\.isHTML\?\w+\("Sandbox",\{attrs:\{content:\w+\.fieldText\}\}\):', ""),
    Edit("_nuxt/*.js", r"\binnerHTML:(\w+\._s\(\w+\.fieldText\))", r"textContent:\1"),
    # A chat's messages.
    Edit("_nuxt/*.js", r'(\("span",\{domProps:\{)innerHTML:(\w+\._s\(\w+\)\}\}\))', r"\1textContent:\2"),
    # Badges, tooltips and the names of datasets.
    Edit("_nuxt/*.js", r"\binnerHTML:(\w+\._s\(\w+\.(?:text|title|content|\w+\.dataset\.name)\))", r"textContent:\1"),
    Edit("_nuxt/*.js", r"\b(\w+)\.marked\.use\(\{hooks:", rf"\1.marked.use({{renderer:{{{_RENDERER}}}}}),\g<0>"),
    Edit("_nuxt/*.js", r"return \w+\.marked\.parse\(this\.markdown,", _literally(_UNFORMATTED) + r"\g<0>"),
    # A custom field embeds the record in a script, which "</script>" in the record ended.
    Edit("_nuxt/*.js", r"JSON\.stringify\(this\.sdkRecord\)", r'\g<0>.replace(/</g,"\\\\u003c")'),
)


def rewrite(statics: Path) -> None:
    """Apply the edits in place. Raises RuntimeError when one of them finds nothing."""
    missing = set(EDITS)
    for pattern in {edit.files for edit in EDITS}:
        edits = [edit for edit in EDITS if edit.files == pattern]
        for file in statics.glob(pattern):
            before = text = file.read_text(encoding="utf-8")
            for edit in edits:
                text, times = re.subn(edit.find, edit.put, text)
                missing -= {edit} if times else set()
            if text != before:
                file.write_text(text, encoding="utf-8")
    if missing:
        raise RuntimeError(f"the UI is not the one that was locked: nothing matches {sorted(missing)[0].find}")
