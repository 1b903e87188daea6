"""Whatever the records are, each is written once or refused once, and what is written keeps the trainer's rules."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.export import export
from pipelines.formats import EXPORTERS
from schemas.record import RECORD_SCHEMA, ROLES

Line = dict[str, Any]

TEXTS = st.sampled_from([*["Hi"] * 20, "Why <image>?", "naïve 日本 \u2028", " ", ""])
CALLS = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["c1", "c2", None]),
        "type": st.just("function"),
        "function": st.fixed_dictionaries(
            {
                "name": st.sampled_from([*["add"] * 8, "two words", None]),
                "arguments": st.sampled_from([*["{}", '{"a": 1}'] * 4, "[1]", "{", "", None]),
            }
        ),
    }
)


def turns(role: st.SearchStrategy[str], made: st.SearchStrategy[Any]) -> st.SearchStrategy[Line]:
    return st.fixed_dictionaries(
        {
            "role": role,
            "content": TEXTS,
            "name": st.sampled_from([*[None] * 18, "Ann", "Ann Lee"]),
            "tool_calls": made,
            "tool_call_id": st.sampled_from([None, "c1", "c2"]),
            "train": st.sampled_from([*[None] * 18, True, False]),
        }
    )


NO_CALLS = st.sampled_from([None, None, []])
USER, ANSWER = turns(st.just("user"), NO_CALLS), turns(st.just("assistant"), NO_CALLS)
SYSTEM, RESULT = turns(st.just("system"), NO_CALLS), turns(st.just("tool"), NO_CALLS)
CALLING = turns(st.just("assistant"), st.lists(CALLS, min_size=1, max_size=2))
ANY = turns(st.sampled_from([*ROLES, "narrator"]), NO_CALLS | st.lists(CALLS, max_size=2))
TALKS = st.one_of(
    st.tuples(USER, ANSWER),
    st.tuples(SYSTEM, USER, ANSWER, USER, ANSWER),
    st.tuples(USER, CALLING, RESULT, ANSWER),
    st.tuples(USER, CALLING),
    st.tuples(USER, ANSWER, USER, ANSWER),
    st.tuples(USER, USER, ANSWER),
    st.tuples(USER, CALLING, RESULT, RESULT, ANSWER),
    st.tuples(USER),
    st.lists(ANY, max_size=5),
).map(list)
ANSWERS = st.lists(ANSWER, min_size=1, max_size=1) | st.none() | st.lists(ANY, max_size=2)
TOOLS = [*['[{"name": "add"}]'] * 6, "[]", "{", '[{"type": "function", "function": {"name": "two words"}}]']
RECORDS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["sft", "preference", "kto"]),
        "messages": TALKS,
        "chosen": ANSWERS,
        "rejected": ANSWERS,
        "label": st.sampled_from([True, False, None]),
        "tools": st.sampled_from([*[None] * 6, *TOOLS]),
        "context": st.sampled_from([None, "Hi"]),
        "n_tokens": st.sampled_from([*[5] * 18, 500, None]),
        "split": st.sampled_from(["train", "validation", "test"]),
    }
)


def frame(records: list[dict[str, Any]]) -> pl.DataFrame:
    full = [
        {"row_id": number, "record_id": f"r{number}", "source": "a", "source_row": number + 1, "part": 0, **record}
        for number, record in enumerate(records)
    ]
    return pl.DataFrame(full, schema=dict(RECORD_SCHEMA) | {"n_tokens": pl.Int64, "split": pl.String})


def speaks(turn: Line) -> bool:
    return bool(turn.get("content", "").strip() or turn.get("tool_calls"))


def trl(line: Line) -> None:
    assert set(line) - {"record_id", "tools"} in (
        {"messages"},
        {"prompt", "chosen", "rejected"},
        {"prompt", "completion", "label"},
    )
    if "messages" in line:
        assert line["messages"][-1]["role"] == "assistant"
    else:
        assert line["prompt"][-1]["role"] in ("user", "tool")
    for key in {"messages", "chosen", "rejected", "completion"} & set(line):
        assert speaks(line[key][-1])
    json.loads(line.get("tools", "null"))


def llama_factory(line: Line) -> None:
    speakers = [turn["from"] for turn in line["conversations"]]
    assert set(speakers[0::2]) <= {"human", "observation"}
    assert set(speakers[1::2]) <= {"gpt", "function_call"}
    assert len(speakers) % 2 == ("chosen" in line)
    for turn in [*line["conversations"], *(line[key] for key in ("chosen", "rejected") if key in line)]:
        if turn["from"] == "function_call":
            made = json.loads(turn["value"])
            assert all({"name", "arguments"} == set(one) for one in (made if isinstance(made, list) else [made]))
    assert all("parameters" in tool for tool in json.loads(line["tools"] or "[]"))


def axolotl(line: Line) -> None:
    if "chosen" in line:
        assert set(line) == {"messages", "chosen", "rejected"}
        assert line["chosen"]["role"] == line["rejected"]["role"] == "assistant"
        assert line["chosen"] != line["rejected"]
    else:
        assert any(turn["train"] for turn in line["messages"])
        assert line["messages"][-1]["role"] == "assistant"
        assert all(isinstance(tool["function"]["parameters"], str) for tool in line.get("tools", []))


def litgpt(line: Line) -> None:
    assert set(line) == {"instruction", "input", "output"}
    assert line["instruction"].strip()
    assert line["output"].strip()


def openai(line: Line) -> None:
    jsonschema.validate(line, OPENAI_DPO if "input" in line else OPENAI_SFT)
    if "messages" in line:
        assert any(turn["role"] == "assistant" and turn.get("weight", 1) for turn in line["messages"])


NAMED = {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}
OPENAI_CALL = {
    "type": "object",
    "required": ["id", "type", "function"],
    "properties": {
        "id": {"type": "string"},
        "type": {"const": "function"},
        "function": {"properties": {"name": NAMED, "arguments": {"type": "string"}}, "required": ["name", "arguments"]},
    },
}
OPENAI_TURN = {
    "type": "object",
    "required": ["role"],
    "additionalProperties": False,
    "properties": {
        "role": {"enum": list(ROLES)},
        "content": {"type": "string"},
        "name": NAMED,
        "weight": {"enum": [0, 1]},
        "tool_calls": {"type": "array", "minItems": 1, "items": OPENAI_CALL},
        "tool_call_id": {"type": "string"},
    },
    "anyOf": [{"required": ["content"]}, {"required": ["tool_calls"]}],
    "if": {"properties": {"role": {"const": "tool"}}},
    "then": {"required": ["tool_call_id"]},
}
OPENAI_SFT = {
    "type": "object",
    "required": ["messages"],
    "additionalProperties": False,
    "properties": {
        "messages": {"type": "array", "minItems": 1, "items": OPENAI_TURN},
        "tools": {
            "type": "array",
            "minItems": 1,
            "items": {"properties": {"function": {"properties": {"name": NAMED}}}},
        },
    },
}
OPENAI_ANSWER = {
    "type": "array",
    "minItems": 1,
    "maxItems": 1,
    "items": {"properties": {"role": {"const": "assistant"}, "content": {"pattern": "\\S"}}, "required": ["content"]},
}
OPENAI_DPO = {
    "type": "object",
    "required": ["input", "preferred_output", "non_preferred_output"],
    "additionalProperties": False,
    "properties": {
        "input": {"properties": {"messages": {"type": "array", "minItems": 1, "items": OPENAI_TURN}}},
        "preferred_output": OPENAI_ANSWER,
        "non_preferred_output": OPENAI_ANSWER,
    },
}
DOCUMENTED: dict[str, Callable[[Line], None]] = {
    "trl": trl,
    "llama-factory": llama_factory,
    "axolotl": axolotl,
    "litgpt": litgpt,
    "openai": openai,
}


def written(folder: Path) -> list[Line]:
    arrays = [path for path in folder.rglob("*.json") if path.name != "dataset_info.json"]
    files = [path for path in folder.rglob("*.jsonl") if path.name != "refused.jsonl"]
    rows = [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    return [*rows, *(row for path in arrays for row in json.loads(path.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("name", sorted(EXPORTERS))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=st.lists(RECORDS, max_size=12))
def test_written_and_refused_partition_the_release_and_every_line_keeps_the_rules(name, records):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        [figures] = export(frame(records), formats=[name], out=out, max_tokens=100)
        lines = written(out / name)
        refused = (out / name / "refused.jsonl").read_text(encoding="utf-8").splitlines()

    assert figures.rows + figures.refused == len(records)
    assert len(lines) == figures.rows
    assert len(refused) == figures.refused == sum(one.rows for one in figures.refusals)
    for line in lines:
        DOCUMENTED[name](line)
