"""The rules of checks/parsing.py, row by row: the same parsers, behind what is quick to ask of a row"""

from collections.abc import Callable

from benchmarks.loop.row import Row, compiled, has_any
from checks.formats import json_text, markup, programs, queries, tables, tex
from checks.parsing import LONGEST, LONGEST_JSON

_VERBS = ("select", "insert", "update", "delete", "with", "merge", "create", "alter", "drop", "truncate")
_DEFINES = ("def ", "class ", "import ", "from ", "@", "#!", ">>> ")
_PYTHON = compiled(programs.LANGUAGES["python"])
# In any case, whatever the words say: what is let through too much is told apart by the rule.
_CODE = compiled("|".join(words for name, words in programs.LANGUAGES.items() if name in programs.CODE_TAGS))
_TABLE, _COMMAND = compiled(tables.DELIMITER), compiled(tex.COMMAND)


def _is_fenced(row: Row) -> bool:
    return "```" in row.answer or "~~~" in row.answer


def _judged(row: Row, judge: Callable[[str, str], bool | None], longest: int = LONGEST) -> bool | None:
    return judge(row.answer, row.prompt) if len(row.answer.encode()) <= longest else None


def json(row: Row) -> bool | None:
    if row.begins("{", "[") or _is_fenced(row) or "json" in row.asked:
        return _judged(row, json_text.holds_json, LONGEST_JSON)
    return None


def json_schema(row: Row) -> bool | None:
    if has_any(row.prompt, ('"$schema"', '"properties"', '"items"')):
        return _judged(row, json_text.follows_schema)
    return None


def sql(row: Row) -> bool | None:
    if _is_fenced(row) or "sql" in row.asked or row.answer.lstrip()[:8].lower().startswith(_VERBS):
        return _judged(row, queries.holds_sql)
    return None


def python(row: Row) -> bool | None:
    if _is_fenced(row) or row.begins(*_DEFINES) or _PYTHON.search(row.prompt):
        return _judged(row, programs.holds_python)
    return None


def code(row: Row) -> bool | None:
    if _is_fenced(row) or _CODE.search(row.prompt):
        return _judged(row, programs.holds_code)
    return None


def markdown_table(row: Row) -> bool | None:
    if "|" in row.answer and _TABLE.search(row.answer):
        return _judged(row, tables.holds_markdown_tables)
    return None


def latex(row: Row) -> bool | None:
    if _is_fenced(row) or ("\\" in row.answer and _COMMAND.search(row.answer)):
        return _judged(row, tex.holds_latex)
    return None


def xml(row: Row) -> bool | None:
    return _judged(row, markup.holds_xml) if _is_fenced(row) or row.begins("<") else None


def html(row: Row) -> bool | None:
    return _judged(row, markup.holds_html) if _is_fenced(row) or row.begins("<") else None


def csv(row: Row) -> bool | None:
    return _judged(row, tables.holds_csv) if _is_fenced(row) or has_any(row.asked, ("csv", "comma")) else None


def yaml(row: Row) -> bool | None:
    return _judged(row, markup.holds_yaml) if _is_fenced(row) or has_any(row.asked, ("yaml", "yml")) else None


def toml(row: Row) -> bool | None:
    return _judged(row, markup.holds_toml) if _is_fenced(row) else None


RULES = (json, json_schema, sql, python, code, markdown_table, latex, xml, html, csv, yaml, toml)
