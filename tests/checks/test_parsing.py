"""What can be read passes, what cannot fails, and what is none of it is left alone: format by format."""

import gzip
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest

from checks import parsing
from checks.catalogue import all_checks, verdicts
from checks.registry import CHECKS

ROOT = Path(__file__).resolve().parents[2]
ALPACA = ROOT.parent / "shared" / "data" / "raw" / "alpaca_data.json.gz"
FORMATS = [check for check in all_checks() if check.family == "parsing"]

SCHEMA = '{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}'
FOLLOWS = f"Answer as JSON that follows this schema:\n{SCHEMA}"

# check: prompt and answer of what can be read
READ = {
    "json": [
        ("Return it as JSON.", '{"a": [1, 2.5e3, null, true, "é"]}'),
        ("Return it as JSON.", 'Here it is:\n{"a": 1}\nThat is all.'),
        ("Return it as JSON.", '{\n "a": 1\n}\n{\n "a": 2\n}'),
        ("Tell me.", 'So:\n```json\n{"a": 1}\n```\nwhich says it, and\n```JSON\n[]\n```'),
        ("Tell me.", '```jsonl\n{"a": 1}\n{"a": 2}\n```'),
        ("把它转换成 JSON。 Convert it to JSON.", '{"名称": "约翰"}'),
        ("Convert it to JSON: {'code': 'python'}", '{"code": "python"}'),
        ("Tell me.", '[{"name": "Po"}]'),
    ],
    "json_schema": [
        (FOLLOWS, '{"n": 1}'),
        (FOLLOWS, '```json\n{"n": 1, "m": 2}\n```'),
        ('{"$schema": "https://json-schema.org/draft/2020-12/schema", "enum": [[1]]}', "[1]"),
    ],
    "sql": [
        ("Write SQL.", "select a, count(*) from t where b like '%x%' group by a having count(*) > 1;"),
        ("Write SQL.", "SELECT `a` FROM `t` LIMIT 5, 10"),
        ("Write SQL.", "SELECT TOP 5 [first name] FROM [Order Lines]"),
        ("Write SQL.", "SELECT a::int FROM t WHERE b ILIKE 'x%'"),
        ("Write SQL.", "SELECT name FROM t WHERE id = <your id> AND x = %s AND y = ? AND z = :z"),
        ("Write SQL.", "SELECT a FROM t;\n\nThis query takes the first column of the table."),
        ("Say it.", "INSERT INTO river (name) VALUES ('Po''s');"),
        ("Say it.", "```sql\nWITH x AS (SELECT 1 AS a) SELECT * FROM x\n```"),
        ("Say it.", "```mysql\nSHOW TABLES;\n```"),
        ("Schreibe eine SQL-Abfrage.", "SELECT straße FROM städte WHERE größe > 10"),
    ],
    "python": [
        ("Write it.", "def f(x):\n    return x"),
        ("Write it in Python.", "x = [1, 2]\nprint(x)\n\n# Output\n[1, 2] and more"),
        ("Write it in Python.", "for x in y:\n    ..."),
        ("Write it.", "Like so:\n```python\n    x = 1\n    y = 2\n```"),
        ("Write it.", "```py\n%matplotlib inline\n!pip install x\nimport x\n```"),
        ("Write it.", "```python\n>>> 1 +\\\n... 1\n2\n```"),
        ("Write it.", "```python\nprint('\\d', 1 is 1)\n```"),
        ("用 Python 写一个函数。", "def 加(甲, 乙):\n    return 甲 + 乙  # 相加"),
    ],
    "code": [
        ("Write it in JavaScript.", "const f = (a) => <b>{a}</b>;"),
        ("Write a C program.", "#include <stdio.h> \nint main() {\n  return 0;\n}"),
        ("Write it in C++", "#include <map>\nstd::map<int, int> m;"),
        ("Say it.", "```java\nint x = 5;\nSystem.out.println(x);\n```"),
        ("Say it.", "```java\nprivate final int x;\npublic A(int x) { this.x = x; }\n```"),
        ("Say it.", "```go\nx := 5\nfmt.Println(x)\n```"),
        ("Say it.", "```csharp\nelse if (a == b)\n{\n  return 1;\n}\n```"),
        ("Say it.", "```php\necho 1;\n```"),
        ("Say it.", "```css\na { color: red; }\n```\n```bash\nls | grep x\n```"),
        ("Say it.", "```rust\nlet x = 5;\n```\n```ruby\nputs 'x'\n```\n```ts\nlet a: number = 1;\n```"),
    ],
    "markdown_table": [
        ("Say it.", "| a | b |\n|---|:-:|\n| 1 | 2 |\n| 3 |"),
        ("Say it.", "`a` | b\n--- | ---\n`1 | 2` | x \\| y"),
        ("表を作ってください。", "| 名前 | 長さ |\n| --- | --- |\n| 長江 | 6300 |"),
    ],
    "latex": [
        ("Say it.", r"\[ \left( \frac{1}{2} \right) \] and $x^2 \cdot y$ for $5"),
        ("Say it.", r"about $6.674 \times 10^{-11}$ of $F$"),
        ("Say it.", "```latex\n\\begin{a}\\begin{b}x\\\\[2pt]\\end{b}\\end{a} % $\n```"),
    ],
    "xml": [
        ("Say it.", '<?xml version="1.0"?>\n<a b="1"><c/></a>'),
        ("Write it as XML.", "<a>1</a>\n<a>2</a>"),
        ("Say it.", "```xml\n<река>По</река>\n```"),
    ],
    "html": [
        ("Say it.", "<!DOCTYPE html><html><head><title>x</title><body><p>a<p>b<br></html>"),
        ("Say it.", "```html\n<table><tr><td>1<td>2</table>\n<script>if (a < b) {}</script>\n```"),
    ],
    "csv": [
        ("Output it in CSV format.", 'name,km\n"Po, the",652\n'),
        ("Say it.", "```tsv\na\tb\n1\t2\n```"),
    ],
    "yaml": [("Convert it to YAML.", "a: 1\nb:\n  - x"), ("Say it.", "```yaml\n---\na: é\n---\nb: 2\n```")],
    "toml": [("Say it.", '```toml\n[a]\nb = "ü"\n```')],
}
UNREAD = {
    "json": [
        ("Return it as JSON.", '{"a": 1'),
        ("Return it as JSON.", "It is a river in the hills."),
        ("Return it as JSON.", '{"a": NaN}'),
        ("Return it as JSON.", '{"a": 1,}'),
        ("Say it.", '```json\n{"a": 1}\n```\nand\n```json\n{"a" 1}\n```'),
        ("Say it.", '```json\n{"a": "\x00"}\n```'),
        ("转换为 JSON。 Convert it to JSON.", "{“名称”：“约翰”}"),
        ("Return it as JSON.", "[" * 100_000 + "]" * 100_000),
    ],
    "json_schema": [
        (FOLLOWS, '{"n": "one"}'),
        (FOLLOWS, "{}"),
        (FOLLOWS, '```json\n{"n": 1}\n```\n```json\n{"n": 1.5}\n```'),
        (
            '{"type": "object", "properties": {"n": {"type": "string", "pattern": "^(a+)+$"}}}',
            f'{{"n": "{"a" * 60}!"}}',
        ),
    ],
    "sql": [
        ("Write SQL.", "SELECT * FORM t WHERE a = 1"),
        ("Write SQL.", "SELECT a, b, FROM t"),
        ("Write SQL.", "SELECT a FROM t WHERE (b = 1"),
        ("Write SQL.", "SELECT a FROM t WHERE b = 'x"),
        ("Write SQL.", "SELECT name people WHERE age > 3"),
        ("Write SQL.", "SELECT * FROM a JOIN b ON WHERE c = 1"),
        ("Write SQL.", "SELECT a FROM t WHERE b = ‘x’ AND"),
        ("Say it.", "```sql\nname FROM t\n```"),
        ("Write an SQL query for it.", "I am sorry, this cannot be said."),
        ("Write SQL.", "SELECT " + "(" * 5000 + "1" + ")" * 5000),
        ("编写 SQL。", "SELECT 名称 FROM 学生 WHERE"),
    ],
    "python": [
        ("Write it.", "def f(x):\nreturn x"),
        ("Write it in Python.", "print 'x'"),
        ("Write it.", "```python\nx = (1, 2\n```\n```python\ny = 1\n```"),
        ("Write it.", "def f(x):\n    return x\x00"),
        ("写一个函数。", "def 加(甲):\n    返回 甲 + 1"),
        ("Write it in Python.", "x = " + "-" * 15_000 + "1"),
        ("Write it in Python.", "x = " + "(" * 15_000 + ")" * 3),
        ("Write it in Python.", "x = " + "1+" * 9_000 + "1"),
    ],
    "code": [
        ("Write it in JavaScript.", "function f( {"),
        ("Write it in Java.", "public class A { void f() { }"),
        ("Say it.", "```c\nint main() { return 0;\n```"),
        ("Say it.", "```css\na { color red; }\n```"),
        ("Say it.", "```ruby\ndef f\n  1\n```"),
        ("Say it.", "```js\nlet a = 1;\n```\n```js\nlet a = ;\n```"),
        ("编写 CSS。", ".a {\n    字体大小：18px；\n}"),
        ("Say it.", "```js\n" + "(" * 15_000 + "\n```"),
    ],
    "markdown_table": [
        ("Say it.", "| a | b |\n|---|---|\n| 1 | 2 | 3 |"),
        ("Say it.", "| a |\n|---|---|\n| 1 | 2 |"),
        ("Say it.", "吸尘器 |机器人\n--- | ---\n费用 | 3 | 4个"),
    ],
    "latex": [
        ("Say it.", r"\[ \frac{1}{2"),
        ("Say it.", r"\begin{a} \alpha \end{b}"),
        ("Say it.", r"$x \cdot y and so on"),
        ("Say it.", r"\( \left( \alpha ) \)"),
        ("公式", r"面积为 \(\pi r^2。"),
    ],
    "xml": [
        ("Write it as XML.", "<a><b></a>"),
        ("Say it.", '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'),
        ("Say it.", "```xml\n<a>&nbsp;</a>\n```"),
        ("Say it.", "```xml\n<река>По</рика>\n```"),
    ],
    "html": [
        ("Say it.", "<div><p>a</div></div>"),
        ("Say it.", "<html><body><div>a</body></html>"),
        ("Say it.", '```html\n<div class="a>b</div>\n```'),
        ("Say it.", "```html\n" + "<div>" * 3_000 + "\n```"),
    ],
    "csv": [
        ("Output it in CSV format.", "name,km\nPo\nNile,6650"),
        ("Say it.", '```csv\na,b\n1,"2\n```'),
    ],
    "yaml": [("Say it.", "```yaml\na: [1, 2\n```"), ("Say it.", "```yaml\na: b: c\n```")],
    "toml": [("Say it.", "```toml\n[a\n```")],
}
# What speaks of a format, or looks like it, and is no case of it.
ELSE = {
    "json": [
        ("What is JSON?", "A way to write data down."),
        ("Write a Python function that returns JSON.", "def f():\n    return '{}'"),
        ("Convert this JSON to YAML: {}", "a: 1"),
        ("Sort the set.", "{3, 1, 2}"),
        ("Make a Python dictionary.", "{'a': 1}"),
        ("Return it as JSON.", ""),
        ("Return it as JSON.", " \n"),
        ("Say it.", '```jsonc\n{"a": 1 // one\n}\n```'),
    ],
    "json_schema": [
        (FOLLOWS, "It is one."),
        (FOLLOWS, SCHEMA),
        ('Follow {"type": "objekt", "properties": {}} as JSON', "{}"),
        ('{"type": "object", "properties": {"a": {"$ref": "https://example.com/a.json"}}}', '{"a": 1}'),
        ('{"type": "object", "properties": {"a": {"pattern": "(?=a)"}}}', '{"a": "b"}'),
        ('{"type": "object", "properties": {}, "patternProperties": {"(a+)+$": {}}}', '{"a": "b"}'),
        ('{"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "#"}', "[1]"),
        ("Return it as JSON.", '{"a": 1}'),
    ],
    "sql": [
        ("What is best?", "Select the best of them from the list."),
        ("How do I write SQL?", "With care."),
        ("Write SQL.", "SELECT ... FROM t"),
        (
            "Write SQL.",
            "CREATE FUNCTION f(a INT) RETURNS INT BEGIN IF a > 1 THEN RETURN 1; ELSE RETURN 2; END IF; END",
        ),
    ],
    "python": [
        ("Name a snake.", "Python is one, and `print 'x'` is no name."),
        ("Who is it?", "@superfan is an enthusiastic fan of superheroes."),
        ("Write a media query.", "@media all { a { color: red; } }"),
        ("Write an algorithm.", "def f(a)\n  a\nend"),
        ("Write the JavaScript.", "import x from 'y'"),
        ("What does this Python print?", "x = = 1"),
    ],
    "code": [
        ("What is Java?", "A language; it has (many) words."),
        ("What is the output of this Java code?", "z = (40"),
        ("Take item C of the list.", "C = [1, 2"),
        ("Say it.", "```text\nfunction f( {\n```"),
        ("Say it.", "```js\nlet a = [\n...\n```"),
        ("Convert the Python to JavaScript.", "let a = ["),
    ],
    "markdown_table": [("Say it.", "a | b"), ("Say it.", "```\n| a |\n|---|---|\n```"), ("Say it.", "---")],
    "latex": [("How much?", "It costs $5 or $6."), ("Say it.", "Use `\\frac{` for it."), ("Say it.", r"C:\new\temp")],
    "xml": [("What is XML?", "A markup language."), ("Write a tag.", "<a>b")],
    "html": [("Which tag?", "<p>"), ("Say it.", "```html\n{% if a %}<b>\n```"), ("Say it.", "a < b")],
    "csv": [("Output it in CSV format.", "One."), ("Write a script that writes a CSV.", "a,b\nc")],
    "yaml": [("Say it.", "```yaml\na: {{ .Values.a }}\n```"), ("What is YAML?", "a: b: c")],
    "toml": [("Say it in TOML.", "[a")],
}
CASES = [
    *((name, *case, True) for name, cases in READ.items() for case in cases),
    *((name, *case, False) for name, cases in UNREAD.items() for case in cases),
    *((name, *case, None) for name, cases in ELSE.items() for case in cases),
]


@pytest.fixture(scope="module")
def said(make_records) -> pl.DataFrame:
    return verdicts(make_records([{"prompt": prompt, "completion": answer} for _, prompt, answer, _ in CASES]), FORMATS)


def test_every_format_is_told_from_what_cannot_be_read_and_from_what_is_none():
    names = [check.name for check in FORMATS]
    assert list(READ) == list(UNREAD) == list(ELSE) == names


@pytest.mark.parametrize(("row", "case"), list(enumerate(CASES)), ids=lambda case: str(case)[:60])
def test_a_format_is_judged_by_its_parser(row, case, said):
    name, _, _, verdict = case
    assert said[row, f"chk_parsing.{name}"] is verdict


def test_an_answer_that_nobody_wants_is_not_judged(make_records):
    rows = [
        {"prompt": "Return it as JSON.", "completion": "no", "kind": "kto", "label": label} for label in (True, False)
    ]
    assert verdicts(make_records(rows), FORMATS)["chk_parsing.json"].to_list() == [False, None]


def test_what_is_longer_than_the_bound_is_not_judged(make_records):
    long = "x = 1\n" * (parsing.LONGEST // 6 + 1)
    rows = [
        {"prompt": "Write it in Python.", "completion": long},
        {"prompt": "Write it in Python.", "completion": long[: parsing.LONGEST // 6 * 6]},
        {"prompt": "Return it as JSON.", "completion": json.dumps([1] * 200_000)},
        {"prompt": "Return it as JSON.", "completion": json.dumps([1] * 400_000)},
    ]
    found = verdicts(make_records(rows), FORMATS)
    assert found["chk_parsing.python"].to_list() == [None, True, None, None]
    assert found["chk_parsing.json"].to_list() == [None, None, True, None]


def test_a_schema_that_doubles_itself_ends(make_records):
    levels = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "#/$defs/a0"}
    schema["$defs"] = {**levels, "a40": {"type": "array"}}
    rows = [{"prompt": json.dumps(schema), "completion": "[1]"}]
    assert verdicts(make_records(rows), FORMATS)["chk_parsing.json_schema"].to_list() == [None]


def test_brackets_nested_beyond_all_use_are_no_code(make_records):
    """A grammar would try for minutes where they never close."""
    nested = ["(" + "&a [*a," * 2_500 + ")", "[" * 200 + "]" * 200, "[" * 201 + "]" * 201]
    rows = [{"prompt": "Say it.", "completion": f"```js\n{text}\n```"} for text in nested]
    assert verdicts(make_records(rows), FORMATS)["chk_parsing.code"].to_list() == [False, True, False]


def test_sqlglot_says_nothing_of_statements_that_it_does_not_know(make_records, caplog):
    rows = [{"prompt": "Write SQL.", "completion": "```sql\nVACUUM FULL t\n```"}]
    with caplog.at_level(logging.WARNING):
        assert verdicts(make_records(rows), FORMATS)["chk_parsing.sql"].to_list() == [None]
    assert caplog.records == []


def test_several_threads_may_judge_at_once(make_records):
    records = make_records([{"prompt": prompt, "completion": answer} for _, prompt, answer, _ in CASES[:60]])
    once = verdicts(records, FORMATS)
    found = []
    threads = [threading.Thread(target=lambda: found.append(verdicts(records, FORMATS))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.equals(once, null_equal=True) for one in found] == [True] * 4


def test_no_parser_is_loaded_before_a_row_needs_it():
    program = (
        "import sys, checks.catalogue; print({'sqlglot', 'tree_sitter', 'jsonschema', 'markdown_it'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "set()\n"


def test_few_rows_reach_a_parser_and_few_of_these_fail(make_records):
    if not ALPACA.exists():
        pytest.skip("the real data is not here")
    rows = json.loads(gzip.decompress(ALPACA.read_bytes()))
    records = make_records(
        [{"prompt": f"{row['instruction']}\n\n{row['input']}", "completion": row["output"]} for row in rows]
    )
    found = verdicts(records, FORMATS)
    judged = {name: len(rows) - count for name, count in found.null_count().row(0, named=True).items()}
    assert 900 < sum(judged.values()) < 1_500
    failed = {name: int((~found[name]).sum()) for name in found.columns}
    assert failed["chk_parsing.python"] in range(15, 25)
    assert sum(failed.values()) < 40


def test_the_severities_are_what_precision_allows():
    reviewed = {check.name for check in FORMATS if check.severity == "review"}
    assert reviewed == {"sql", "python"}
    assert all(CHECKS[check.reason].applies is not None for check in FORMATS)
