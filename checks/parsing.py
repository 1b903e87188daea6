"""Parsing: what is written in a format can be read as that format, by a parser that keeps to its rules.

A format that prompt or answer is not about is not judged. Nor is an answer longer than LONGEST bytes: what parsers
do with it takes too long, and nothing is known of it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from checks._examples import asks, says
from checks._text import answer, asks_about, derived, has, has_literal, prompt, where
from checks.formats import json_text, markup, programs, queries, tables, tex
from checks.registry import Severity, check

# What tree-sitter's grammars read within a second at the worst, sqlglot too; real answers are a tenth of it.
LONGEST = 20_000
# JSON is read in linear time.
LONGEST_JSON = 1_000_000

Judge = Callable[[str, str], bool | None]
"""Of an answer and its prompt: whether all that it has of a format can be read; null where it has nothing of it."""

_SHORT = answer().str.len_bytes() <= LONGEST
_IS_FENCED = derived("t_is_fenced", has_literal(answer(), "```", "~~~"))
_FENCED = derived("t_fenced", where(_IS_FENCED & _SHORT, answer()))
# What an answer without fences begins with tells most of what it is.
_BEGINNING = derived("t_beginning", where(~_IS_FENCED, answer().str.strip_chars_start().str.head(20)))
_NAMES = (
    *("json", "sql", "quer", "database", "postgres", "python", "numpy", "pandas", "django", "flask", "javascript"),
    *("jquery", "react", "node", "typescript", "java", "c++", "cpp", "c#", "c sharp"),
    *("golang", " go", "rust", "ruby", "php", "css", "html", "xml", "csv", "comma", "yaml", "yml"),
    *("in c ", "in c.", "in c,", "in c:", "in c;", "in c?", "in c!", "in c\n", "using c ", "using c.", "using c,"),
    *("using c:", "using c\n", "c program", "c code", "c function", "c language", "c script", "c struct"),
    *('"$schema"', '"properties"', '"items"'),
)
# One letter at the very end is a name too: "in C".
_IS_NAMING = asks_about(*_NAMES) | has(prompt().str.tail(7), r"(?:in|using) C$")
_NAMING = derived("t_naming", where(_IS_NAMING, prompt()))
_NAMED = derived("t_named", where(~_IS_FENCED & _SHORT, _NAMING))
_BARRED = derived("t_barred", where(_SHORT & has_literal(answer(), "|"), answer()))
_SLASHED = derived("t_slashed", where(_SHORT & has_literal(answer(), "\\"), answer()))


def _judged(name: str, gate: pl.Expr, judge: Judge) -> pl.Expr:
    """A column of what `judge` says of the rows behind the gate; null for the others."""

    def each(columns: Sequence[pl.Series], **_settings: Any) -> pl.Series:
        answers, prompts = columns
        said: list[bool | None] = [None] * len(answers)
        for place in answers.is_not_null().arg_true():
            said[place] = judge(answers[place], prompts[place] or "")
        return pl.Series(said, dtype=pl.Boolean)

    both = [where(gate, answer()), prompt()]
    return derived(f"t_{name}_read", pl.map_batches(both, each, return_dtype=pl.Boolean))


def _tagged(*languages: str) -> pl.Expr:
    """Whether a fence of the answer says one of the languages, or one that begins so."""
    return has(_FENCED, rf"(?i)(?:```|~~~)[ \t]*(?:{'|'.join(map(pl.escape_regex, sorted(languages)))})")


def _opens(pattern: str) -> pl.Expr:
    """Whether an unfenced answer that is short enough begins with the pattern."""
    return _SHORT & has(_BEGINNING, rf"^(?:{pattern})")


def _named(pattern: str) -> pl.Expr:
    """Whether the prompt of an unfenced answer that is short enough has the pattern."""
    return has(_NAMED, pattern)


_ANY_JSON = has(_BEGINNING, r"^[\[{]") | _IS_FENCED | has(_NAMING, r"(?i)json")
_VERB = r"(?:SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|CREATE|ALTER|DROP|TRUNCATE)\s"
_CODE = "|".join(f"(?:{words})" for name, words in programs.LANGUAGES.items() if name in programs.GRAMMARS)

_EXAMPLE = '{"type": "object", "properties": {"name": {"type": "string"}}}'

_JSON = _judged("json", _ANY_JSON & (answer().str.len_bytes() <= LONGEST_JSON), json_text.holds_json)
_SCHEMA = _judged(
    "schema",
    _SHORT & has_literal(answer(), "{", "[") & has_literal(_NAMING, '"$schema"', '"properties"', '"items"'),
    json_text.follows_schema,
)
_SQL = _judged(
    "sql",
    _opens(_VERB)
    | (_opens(f"(?i){_VERB}") & has(_NAMING, queries.ASKED))
    | _named(r"(?i)\bsql\b")
    | _tagged(*queries.TAGS)
    | has(_FENCED, f"(?i){_VERB}"),
    queries.holds_sql,
)
_PYTHON = _judged(
    "python",
    _opens(r"def |class |import |from |@|#!|>>> ") | _named(programs.LANGUAGES["python"]) | _FENCED.is_not_null(),
    programs.holds_python,
)
_PROGRAM = _judged("code", _named(_CODE) | _tagged(*programs.CODE_TAGS), programs.holds_code)
_TABLE = _judged("table", has(_BARRED, tables.DELIMITER), tables.holds_markdown_tables)
_LATEX = _judged("latex", has(_SLASHED, tex.COMMAND) | _tagged(*tex.TAGS), tex.holds_latex)
_XML = _judged(
    "xml",
    _opens(r"<\?xml") | (_opens("<") & has(_NAMING, markup.XML_ASKED)) | _tagged(*markup.XML_TAGS),
    markup.holds_xml,
)
_HTML = _judged("html", _opens("<") | _tagged(*markup.HTML_TAGS), markup.holds_html)
_CSV = _judged("csv", _named("(?i)csv|comma") | _tagged(*tables.CSV_TAGS), tables.holds_csv)
_YAML = _judged("yaml", _named("(?i)ya?ml") | _tagged(*markup.YAML_TAGS), markup.holds_yaml)
_TOML = _judged("toml", _tagged("toml"), markup.holds_toml)


@check(
    Severity.NOTE,
    applies=_JSON.is_not_null(),
    fails=asks("Return the river as JSON.", "{'name': 'Nile'}"),
    but_not=asks("Return the river as JSON.", '{"name": "Nile"}\n{"name": "Po"}'),
)
def json() -> pl.Expr:
    """JSON that was asked for, or is fenced as such or plainly there, can be read: strictly, JSON lines too."""
    return _JSON


@check(
    Severity.NOTE,
    applies=_SCHEMA.is_not_null(),
    fails=asks(f"Name a river. Answer with JSON for {_EXAMPLE}", '{"name": 4}'),
    but_not=asks(f"Name a river. Answer with JSON for {_EXAMPLE}", '{"name": "4"}'),
)
def json_schema() -> pl.Expr:
    """The answer's JSON is valid against the JSON Schema in the prompt."""
    return _SCHEMA


@check(
    Severity.REVIEW,
    applies=_SQL.is_not_null(),
    fails=asks("Write a SQL query for all rivers.", "SELECT name, FORM rivers WHERE;"),
    but_not=asks("Write a SQL query for all rivers.", "SELECT TOP 5 [name] FROM rivers;"),
)
def sql() -> pl.Expr:
    """SQL can be read in the dialect that it is in, or in another common one."""
    return _SQL


@check(
    Severity.REVIEW,
    applies=_PYTHON.is_not_null(),
    fails=asks("Write it in Python.", "print 'river'"),
    but_not=asks("Write it in Python.", ">>> print('river')\nriver"),
)
def python() -> pl.Expr:
    """Python can be read as Python 3."""
    return _PYTHON


@check(
    Severity.NOTE,
    applies=_PROGRAM.is_not_null(),
    fails=says("```js\nlet rivers = [1, 2;\n```"),
    but_not=says("```js\nlet rivers = [1, 2]\n```"),
)
def code() -> pl.Expr:
    """Code in another language, fenced with its name or alone asked for, can be read by the language's grammar."""
    return _PROGRAM


@check(
    Severity.NOTE,
    applies=_TABLE.is_not_null(),
    fails=says("| river | km |\n|---|---|\n| Po | 652 | long |"),
    but_not=says("river | km\n---|---\nPo \\| Padus | 652"),
)
def markdown_table() -> pl.Expr:
    """A Markdown table has a head as wide as the line below it, and no wider row."""
    return _TABLE


@check(
    Severity.NOTE,
    applies=_LATEX.is_not_null(),
    fails=says(r"It is \(\frac{1}{2} of it."),
    but_not=says(r"It is \(\frac{1}{2}\) of it, and costs $5."),
)
def latex() -> pl.Expr:
    """Formulas, environments, sized brackets and braces of LaTeX end in the order in which they begin."""
    return _LATEX


@check(
    Severity.NOTE,
    applies=_XML.is_not_null(),
    fails=says("```xml\n<river><name>Po</river>\n```"),
    but_not=says("```xml\n<river>Po</river>\n<river/>\n```"),
)
def xml() -> pl.Expr:
    """XML is well-formed, and declares no entities."""
    return _XML


@check(
    Severity.NOTE,
    applies=_HTML.is_not_null(),
    fails=asks("Write HTML.", "<div><b>Po</div>"),
    but_not=asks("Write HTML.", "<ul><li>Po<li>Nile</ul>"),
)
def html() -> pl.Expr:
    """HTML has complete tags, and every element that has to be closed is."""
    return _HTML


@check(
    Severity.NOTE,
    applies=_CSV.is_not_null(),
    fails=says("```csv\nriver,km\nPo\n```"),
    but_not=says('```csv\nriver,km\n"Po, or Padus",652\n```'),
)
def csv() -> pl.Expr:
    """CSV that was asked for or is fenced as such has rows of one width, and its quotes are closed."""
    return _CSV


@check(
    Severity.NOTE,
    applies=_YAML.is_not_null(),
    fails=says("```yaml\nriver: [Po, Nile\n```"),
    but_not=says("```yaml\nriver: [Po, Nile]\n```"),
)
def yaml() -> pl.Expr:
    """YAML that was asked for or is fenced as such can be read."""
    return _YAML


@check(
    Severity.NOTE,
    applies=_TOML.is_not_null(),
    fails=says("```toml\nriver = Po\n```"),
    but_not=says('```toml\nriver = "Po"\n```'),
)
def toml() -> pl.Expr:
    """TOML that is fenced as such can be read."""
    return _TOML
