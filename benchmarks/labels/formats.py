"""Texts in a format, intact and broken on purpose, and rows whose code was read by a person

What is broken is drawn from real answers that can be read: each loses a bracket, a quote or a word that the format
needs, by a seeded draw, in a fence that names the format: what is measured is the reading. Beside it stands what is
cheap: whether brackets and quotes are even in number.
"""

import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from benchmarks.figures import Needed
from benchmarks.labels.figures import Line, found, least, most
from benchmarks.labels.reading import content, records, there
from checks.catalogue import verdicts
from checks.formats.programs import CODE_TAGS, languages_of
from checks.formats.snippets import code_only, fenced
from checks.registry import CHECKS, Check
from pipelines.ingest import read_records

_FILES = ("alpaca_data.json.gz", "code_alpaca_2k.json", "prefs_dpo_en.json", "oasst_en_trees.jsonl")
_TOOLS = "sharegpt_glaive_toolcall_en.json"
# Enough of each that a share is known to a few hundredths.
_MOST = 400
_SHORT = {"python": "py"}

_KEEP_OPEN = "p|li|td|th|tr|dt|dd|body|html|head|option|tbody|thead|tfoot"
_LOST: dict[str, tuple[str, ...]] = {
    "json": (r"[\]}]", r'"', r":|,(?=\s*[\"{\[\d])"),
    "sql": (r"[)]", r"[\"']", r"\b(?:SELECT|FROM|BY|INTO|VALUES|SET|TABLE|IN)\b"),
    "python": (r"[)\]}]", r"(?<![\"'\\])[\"'](?![\"'])", r"(?m)^\s*(?:def|class|import)\b|:(?=[ \t]*$)"),
    "html": (rf"</(?!(?:{_KEEP_OPEN})\b)\w+>", r">", r'"'),
    "xml": (r"</\w+>", r">", r'"'),
    "latex": (r"\\(?:end|begin)\{\w+\*?\}", r"\\[\[\]()]|(?<!\$)\$(?!\$)", r"\}"),
    "yaml": (r"(?<=\w):(?=\s)", r'"', r"(?m)^  (?=\w)"),
    "code": (r"[)\]}]", r"[\"']"),
    "markdown_table": (r"(?m)\|(?=[^|\n]*[^|\s][^|\n]*\|?[ \t]*\n[ \t|:]*-[-| :]*$)",),
}
"""What is taken out: a bracket, a quote, a word; what may be left out is not among it."""


class Pair(NamedTuple):
    """A prompt, an answer that can be read, and what the check is called."""

    check: str
    prompt: str
    answer: str


def measure(data: Path) -> list[Line]:
    """The lines of this subject."""
    return [*_read_by_hand(data), *_planted(data), *_schemas(data)]


def _read_by_hand(data: Path) -> list[Line]:
    """Every answer of the raw files that fails or once failed, each read: is it broken?"""
    labels = pl.read_csv(Path(__file__).parent / "formats.tsv", separator="\t")
    flags = [_fails(data, *row) for row in labels.select("file", "row", "check").iter_rows()]
    said = labels.with_columns(flagged=pl.Series(flags, dtype=pl.Boolean), broken=pl.col("verdict") == "broken")
    lines = []
    for name, among in (("sql", ("sql",)), ("python", ("python",)), ("other formats", ())):
        kept = said.filter(pl.col("check").is_in(among) if among else ~pl.col("check").is_in(["sql", "python"]))
        scores = found(kept["flagged"], kept["broken"])
        on = f"raw files, {kept.height} answers read by hand"
        note = f"recall {scores.recall:.2f}; wording was chosen on these"
        lines.append(Line(f"parsing: {name}", on, "precision", scores.precision, "", least(0.8), note))
    return lines


def _fails(data: Path, file: str, row: int, check: str) -> bool:
    judged = _judged_file(data, file)
    return judged.filter(pl.col("row_id") == row)[f"chk_parsing.{check}"].item() is False


_JUDGED: dict[Path, pl.DataFrame] = {}


def _judged_file(data: Path, file: str) -> pl.DataFrame:
    path = there(data / "raw" / file)
    if path not in _JUDGED:
        read = read_records(str(path))
        _JUDGED[path] = read.select("row_id", "prompt", "completion").hstack(verdicts(read, _parsing()))
    return _JUDGED[path]


def _parsing() -> list[Check]:
    return [check for check in CHECKS.values() if check.family == "parsing"]


def _planted(data: Path) -> list[Line]:
    pairs = [*_from_answers(data), *_from_tools(data)]
    lines = []
    for check in _LOST:
        intact = [pair for pair in pairs if pair.check == check][:_MOST]
        lines += _lines_of(check, intact)
    return lines


def _from_answers(data: Path) -> list[Pair]:
    """Answers that pass a check, shuffled by a seed."""
    made = []
    for file in _FILES:
        judged = _judged_file(data, file)
        for check in _LOST:
            passing = judged.filter(pl.col(f"chk_parsing.{check}"))
            rows = passing.select("prompt", "completion").iter_rows()
            made += [Pair(check, prompt, _alone(check, prompt, answer)) for prompt, answer in rows]
    random.Random(0).shuffle(made)
    return made


def _alone(check: str, prompt: str, answer: str) -> str:
    """The answer's first block of the format, or all of its code, in a fence that says what it is.

    A table stands as it is.
    """
    if check == "markdown_table":
        return f"So:\n{answer}\n"
    tags = CODE_TAGS if check == "code" else (check, _SHORT.get(check, ""))
    blocks = [block for block in fenced(answer) if block.language in tags]
    named = next(iter(languages_of(prompt) & CODE_TAGS.keys()), "") if check == "code" else check
    tag, text = blocks[0] if blocks else (named, code_only(answer))
    return f"```{tag}\n{text.strip()}\n```"


def _from_tools(data: Path) -> list[Pair]:
    """What tools were called with and what they gave, as a fenced answer."""
    said = [turn for row in content(data / "raw" / _TOOLS) for turn in row["conversations"]]
    texts = dict.fromkeys(turn["value"] for turn in said if turn["from"] in ("function_call", "observation"))
    return [Pair("json", "What did it say?", f"```json\n{text}\n```") for text in texts]


def _lines_of(check: str, intact: Sequence[Pair]) -> list[Line]:
    broken = [(pair, _broken(pair, number)) for number, pair in enumerate(intact)]
    planted = [pair._replace(answer=answer) for pair, answer in broken if answer != pair.answer]
    flags, alarms = (_flags(check, pairs) for pairs in (planted, intact))
    uneven, even = ([_is_uneven(pair.answer) for pair in pairs] for pairs in (planted, intact))
    recall, cheap = (found(said, [True] * len(planted)).recall for said in (flags, uneven))
    wrong, cheaply = (found(said, [False] * len(intact)).flagged for said in (alarms, even))
    what = f"parsing.{check}"
    return [
        Line(what, f"{len(planted)} answers broken on purpose", "recall", recall, f"{cheap:.2f}", _required(check)),
        Line(
            what,
            f"{len(intact)} of them intact",
            "flagged",
            wrong,
            f"{cheaply:.2f}",
            most(0.01),
            "they pass bare; lower is better",
        ),
    ]


def _required(check: str) -> Needed | None:
    """Where enough is there to say so."""
    return least(0.9) if check in ("json", "sql", "python", "code", "html", "markdown_table") else None


def _flags(check: str, pairs: Sequence[Pair]) -> list[bool]:
    rows = [{"instruction": pair.prompt, "input": "", "output": pair.answer} for pair in pairs]
    said = verdicts(records(rows), [CHECKS[f"parsing.{check}"]]).to_series()
    return (~said).fill_null(False).to_list()


def _broken(pair: Pair, number: int) -> str:
    """The answer without one bracket, quote or word of the format, drawn by the pair's number."""
    draw = random.Random(number)
    start, end = pair.answer.index("\n") + 1, pair.answer.rindex("\n")
    spans = [
        [one.span() for one in re.finditer(lost, pair.answer[:end]) if one.start() >= start]
        for lost in _LOST[pair.check]
    ]
    if not any(spans):
        return pair.answer
    first, last = draw.choice(draw.choice([some for some in spans if some]))
    return pair.answer[:first] + pair.answer[last:]


def _is_uneven(answer: str) -> bool:
    brackets = any(answer.count(opening) != answer.count(closing) for opening, closing in ("()", "[]", "{}"))
    return brackets or answer.count('"') % 2 == 1


def _schemas(data: Path) -> list[Line]:
    """Arguments of real calls against the schemas of their tools: as they are, and without a member they need."""
    calls = list(_calls(data))
    intact = [Pair("json_schema", prompt, json.dumps(arguments)) for prompt, _, arguments in calls]
    lacking = [
        Pair("json_schema", prompt, json.dumps({**arguments, name: [[]]}))
        for prompt, needed, arguments in calls
        for name in needed[:1]
    ]
    recall = found(_flags("json_schema", lacking), [True] * len(lacking)).recall
    wrong = found(_flags("json_schema", intact), [False] * len(intact)).flagged
    on = f"{len(lacking)} real calls with a value of another type"
    return [
        Line("parsing.json_schema", on, "recall", recall, "0.00", least(0.95), "a cheap way: brackets"),
        Line(
            "parsing.json_schema", f"{len(intact)} as they are", "flagged", wrong, "0.00", most(0.05), "lower is better"
        ),
    ]


def _calls(data: Path) -> Iterator[tuple[str, list[str], dict[str, Any]]]:
    """A prompt with a tool's schema, the members it needs, and what the tool was called with."""
    for row in content(data / "raw" / _TOOLS):
        tools = {tool["name"]: tool.get("parameters", {}) for tool in json.loads(row["tools"] or "[]")}
        for turn in row["conversations"]:
            if turn["from"] != "function_call":
                continue
            call = json.loads(turn["value"])
            schema = tools.get(call["name"])
            if schema and isinstance(call["arguments"], dict) and schema.get("properties"):
                asked = f"Return JSON that follows this schema:\n{json.dumps(schema)}"
                yield asked, schema.get("required", []), call["arguments"]
