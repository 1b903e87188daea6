"""The gold file: what is read, and what is said of what cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest

from annotation.asking.gold import read_gold
from schemas.errors import SettingsError

LAKE = {"prompt": "Is Lake Constance in Europe?", "completion": "Yes.", "verdict": "accept"}
DOMAINS = ("medical", "code")


def written(path: Path, *lines: Any) -> Path:
    path = path / "gold.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def test_a_prompt_with_its_answer_and_a_verdict_is_a_gold_record(tmp_path: Path) -> None:
    path = written(tmp_path, LAKE, "", {**LAKE, "completion": "No.", "verdict": "reject", "reasons": ["refusal.full"]})
    first, second = read_gold(path, domains=DOMAINS)
    assert [turn["content"] for turn in first.messages] == [LAKE["prompt"], "Yes."]
    assert (first.verdict, first.reasons, first.domain) == ("accept", (), None)
    assert (second.verdict, second.reasons) == ("reject", ("refusal.full",))
    assert first.record_id != second.record_id
    assert len(first.record_id) == 64


def test_a_conversation_is_one_record(tmp_path: Path) -> None:
    turns = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello."), ("user", "Who?"), ("assistant", "Me.")]
    messages = [{"role": role, "content": content} for role, content in turns]
    (gold,) = read_gold(written(tmp_path, {"messages": messages, "verdict": "fix", "domain": "code"}), domains=DOMAINS)
    row = gold.as_row()
    assert row["prompt"] == "system: Be brief.\n\nuser: Hi\n\nassistant: Hello.\n\nuser: Who?"
    assert row["completion"] == "Me."
    assert gold.domain == "code"


def test_equal_content_has_one_name_and_is_taken_once(tmp_path: Path) -> None:
    (once,) = read_gold(written(tmp_path, LAKE, LAKE), domains=DOMAINS)
    (again,) = read_gold(written(tmp_path, LAKE), domains=())
    assert once == again


def test_a_mark_of_byte_order_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(LAKE).encode() + b"\r\n")
    assert len(read_gold(path, domains=())) == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "line 2: is not JSON"),
        ("[1]", "line 2: is not a JSON object"),
        ({**LAKE, "verdict": "good"}, "line 2: verdict is 'good'; it must be one of accept, fix, reject"),
        ({"prompt": "a", "completion": "b"}, "line 2: verdict is None"),
        ({**LAKE, "completion": " "}, "line 2: completion must be a text that is not empty"),
        ({**LAKE, "prompt": 7}, "line 2: prompt must be a text"),
        ({**LAKE, "answer": "x"}, "line 2: unknown key 'answer'"),
        ({**LAKE, "reasons": "refusal.full"}, 'give a list of "family.check"'),
        ({**LAKE, "domain": "sport"}, "line 2: domain is 'sport'; it must be one of medical, code, general"),
        ({"messages": [], "verdict": "fix"}, "line 2: messages must be a list of turns"),
        ({"messages": [{"role": "boss", "content": "x"}], "verdict": "fix"}, "line 2: messages[0] must have a role"),
        (
            {"messages": [{"role": "user", "content": "x"}], "verdict": "fix"},
            "the last message must be the assistant's",
        ),
        ({**LAKE, "verdict": "reject"}, "line 2: says reject of the record that line 1 says accept of"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_line(tmp_path: Path, line: Any, told: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_gold(written(tmp_path, LAKE, line), domains=DOMAINS)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_none_or_empty_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_gold(tmp_path / "missing.jsonl", domains=())
    with pytest.raises(SettingsError, match="cannot be read"):
        read_gold(tmp_path, domains=())
    with pytest.raises(SettingsError, match="holds no gold records"):
        read_gold(written(tmp_path, "", ""), domains=())
    (tmp_path / "gold.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="line 1: is not JSON"):
        read_gold(tmp_path / "gold.jsonl", domains=())
