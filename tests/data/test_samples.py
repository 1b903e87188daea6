"""PLANTED.json says what is wrong with the samples; here the sample files themselves are asked."""

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"
PLANTED: list[dict[str, Any]] = json.loads((SAMPLES / "PLANTED.json").read_text(encoding="utf-8"))
OUTCOMES = {"duplicate", "dropped", "review", "unreadable", "contaminated", "note", "kept"}
# The share of common word 3-grams from which two texts count as near duplicates.
NEAR = 0.8
Gram = tuple[str, str, str]


class Row(NamedTuple):
    """One input row: its bytes where it is a line, its fields where they can be read, and their texts."""

    raw: bytes
    fields: Any
    turns: list[tuple[str, str]]
    prompt: str
    answer: str | None


def _turns(fields: Any) -> list[tuple[str, str]]:
    if "conversations" in fields:
        return [(turn["from"], turn["value"]) for turn in fields["conversations"]]
    if "messages" in fields:
        return [(turn["role"], turn["content"]) for turn in fields["messages"]]
    asked = "\n".join(filter(None, (fields.get(k) for k in ("instruction", "prompt", "input", "context"))))
    answer = next(fields[key] for key in ("output", "response", "completion", "chosen") if key in fields)
    return [("user", asked), ("assistant", answer)]


def _row(raw: bytes, fields: Any) -> Row:
    if not isinstance(fields, dict):
        return Row(raw, fields, [], "", None)
    turns = _turns(fields)
    answered = turns[-1][0] in ("assistant", "gpt")
    prompt = "\n".join(str(text) for _, text in (turns[:-1] if answered else turns))
    return Row(raw, fields, turns, prompt, turns[-1][1] if answered else None)


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


@cache
def rows(file: str) -> dict[int, Row]:
    """The rows of a sample file by their number: the line they start on, or the record in a JSON array."""
    content = (SAMPLES / file).read_bytes()
    content = gzip.decompress(content) if file.endswith(".gz") else content
    if ".jsonl" in file:
        lines = enumerate(content.split(b"\n"), 1)
        return {number: _row(line, _parsed(line)) for number, line in lines if line.strip()}
    if file.endswith(".csv"):
        return {number: _row(b"", fields) for number, fields in _cells(content.decode())}
    return {number: _row(b"", fields) for number, fields in enumerate(json.loads(content), 1)}


def _cells(text: str) -> Iterator[tuple[int, Any]]:
    """The rows under a CSV header with the lines they start on; a row of another width stays a list."""
    table = csv.reader(io.StringIO(text, newline=""))
    header, start = next(table), table.line_num + 1
    for cells in table:
        yield start, dict(zip(header, cells, strict=True)) if len(cells) == len(header) else cells
        start = table.line_num + 1


def files() -> list[str]:
    return sorted(f"train/{path.name}" for path in (SAMPLES / "train").iterdir())


def text(row: Row) -> str:
    return "\n".join(str(text) for _, text in row.turns)


def squeezed(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def jaccard(one: str, two: str) -> float:
    """The share of word 3-grams that two texts have in common."""
    first, second = _grams(one), _grams(two)
    return len(first & second) / max(len(first | second), 1)


def overlap(one: str, two: str) -> float:
    """The share of words that two texts have in common."""
    first, second = (set(squeezed(said).split()) for said in (one, two))
    return len(first & second) / len(first | second)


def has(pattern: str) -> Callable[[Row], bool]:
    """The answer matches."""
    return lambda row: re.search(pattern, row.answer or "") is not None


def asks(pattern: str) -> Callable[[Row], bool]:
    """The prompt matches."""
    return lambda row: re.search(pattern, row.prompt) is not None


def roles(row: Row) -> list[str]:
    names = {"human": "user", "gpt": "assistant", "observation": "tool", "function_call": "call"}
    return [names.get(role, role) for role, _ in row.turns]


def blank(row: Row) -> bool:
    return not (row.answer or "").strip()


def echoes(row: Row) -> bool:
    return squeezed(row.answer or "") == squeezed(row.prompt)


def arguments(row: Row) -> Any:
    call = next(text for role, text in row.turns if role == "function_call")
    return _parsed(json.loads(call)["arguments"].encode())


def luhn(row: Row) -> bool:
    digits = [int(d) for d in re.sub(r"\D", "", re.findall(r"(?:\d{4} ){3}\d{4}", row.answer or "")[0])]
    return sum(sum(divmod(d * (2 - place % 2), 10)) for place, d in enumerate(digits)) % 10 == 0


ALONE: dict[str, Callable[[Row], bool]] = {
    "ai_disclaimer": has(r"^As an AI language model"),
    "absent_attachment": asks(r"attached"),
    "asks_for_media": asks(r"^Draw"),
    "chosen_equals_rejected": lambda row: row.fields["chosen"] == row.fields["rejected"],
    "consecutive_user_turns": lambda row: roles(row)[:2] == ["user", "user"],
    "context_as_answer": lambda row: row.answer == row.fields["input"],
    "control_characters": has(r"[\x01-\x08\x1b]"),
    "decoy.example_address": has(r"@example\.com"),
    "decoy.html_asked_for": lambda row: asks("HTML")(row) and has("<a href")(row),
    "decoy.refrain": has(r"(?is)(?:haul away.*?){6}"),
    "decoy.sorry_letter": has(r"We have decided"),
    "decoy.sympathy": lambda row: "sorry" in text(row),
    "decoy.translation": asks(r"into Spanish"),
    "empty_chosen": blank,
    "empty_instruction": lambda row: not row.prompt.strip() and not blank(row),
    "empty_output": lambda row: row.answer == "",
    "empty_rejected": lambda row: row.fields["rejected"] == "" and not blank(row),
    "empty_turn": lambda row: ("gpt", "") in row.turns[:-1],
    "endless_repetition": has(r"(.{10,40}?)\1{15,}"),
    "ends_with_user": lambda row: roles(row)[-1] == "user",
    "full_refusal": has(r"(?i)(cannot|can't|unable to|decline)"),
    "garbage_line": lambda row: row.fields is None and not row.raw.startswith(b"{"),
    "html_residue": lambda row: has(r"</div>")(row) and has(r"&nbsp;")(row),
    "invalid_utf8": lambda row: b"\xff" in row.raw and row.fields is None,
    "late_system_turn": lambda row: "system" in roles(row)[1:],
    "media_in_answer": has(r"!\[.*\]\(.*\)"),
    "merged_instructions": has(r"\d+\. Instruction: .*\n(?:.*\n)*\d+\. Output:"),
    "missing_label": lambda row: row.fields["label"] is None,
    "mojibake": has(r"â€™|Ã©"),
    "na_output": lambda row: row.answer == "N/A",
    "not_an_object": lambda row: isinstance(row.fields, list),
    "nul_character": has(r"\x00"),
    "null_output": lambda row: row.answer is None,
    "number_for_text": lambda row: row.fields["response"] == 42,
    "open_request": asks(r"^(Suggest|Write) "),
    "partial_refusal": lambda row: has(r"I can't")(row) and len(row.answer or "") > 300,
    "pii_card": luhn,
    "pii_email": has(r"\w@(?!example\.)\w+\.\w+"),
    "pii_phone": has(r"\+44 \d{4} \d{6}"),
    "placeholder_in_answer": has(r"\w, <nooutput> "),
    "placeholder_input": lambda row: row.fields["input"] in ("<noinput>", "No input"),
    "placeholder_output": lambda row: row.answer == "<noinput>",
    "preferred_refusal": has(r"I can't help"),
    "prompt_as_answer": echoes,
    "replacement_characters": has("\ufffd"),
    "role_markers": has(r"^Human: .*\nAssistant: "),
    "secret_api_key": has(r"AKIA[A-Z0-9]{16}"),
    "secret_private_key": has(r"-----BEGIN PRIVATE KEY-----"),
    "silent_user_turn": lambda row: ("human", "") in row.turns,
    "starts_with_assistant": lambda row: roles(row)[0] == "assistant",
    "template_residue": has(r"<\|im_start\|>|### Instruction:"),
    "template_residue_in_prompt": asks(r"<\|im_start\|>"),
    # English prose runs at well under 1.4 tokens a word; 4,096 tokens are reached from 3,000 words and 100 time stamps.
    "too_long": lambda row: len(row.prompt.split()) > 3000 and row.prompt.count("] ") > 100,
    "tool_arguments_not_json": lambda row: arguments(row) is None,
    "tool_result_without_call": lambda row: "tool" in roles(row) and "call" not in roles(row),
    "tools_not_json": lambda row: _parsed(row.fields["tools"].encode()) is None,
    "truncated_answer": lambda row: (row.answer or "")[-1].isalpha(),
    "truncated_json": lambda row: row.fields is None and row.raw.startswith(b"{"),
    "unbalanced_fence": lambda row: (row.answer or "").count("```") == 1,
    "unbroken_run": has(r"[A-Za-z0-9+/=]{400}"),
    "unknown_role": lambda row: "moderator" in roles(row),
    "url_prompt": asks(r"https?://"),
    "whitespace_output": lambda row: blank(row) and row.answer != "",
    "wrong_field_count": lambda row: isinstance(row.fields, list) and len(row.fields) != 2,
    "wrong_language": lambda row: asks(r"^What should I look")(row) and has(r"\bvélo\b")(row),
}


def same_words(row: Row, twin: Row) -> bool:
    return squeezed(text(row)) == squeezed(text(twin))


def other_answer(row: Row, twin: Row) -> bool:
    return row.answer != twin.answer or row.fields["label"] is not twin.fields["label"]


def holds(row: Row, item: Row) -> bool:
    return squeezed(item.fields["question"]) in squeezed(row.prompt)


PAIRED: dict[str, Callable[[Row, Row], bool]] = {
    "conflict": lambda row, twin: other_answer(row, twin) and overlap(row.prompt, twin.prompt) > 0.6,
    "contaminated_case": lambda row, item: holds(row, item) and item.fields["question"] not in row.prompt,
    "contaminated_verbatim": lambda row, item: row.prompt == item.fields["question"],
    "contaminated_wrapped": lambda row, item: holds(row, item) and row.prompt != item.fields["question"],
    "decoy.benchmark_lookalike": lambda row, item: not holds(row, item),
    "decoy.near_below_threshold": lambda row, twin: 0.7 < jaccard(text(row), text(twin)) < NEAR,
    "exact_duplicate": lambda row, twin: row.turns == twin.turns,
    "exact_duplicate_across": lambda row, twin: [t for _, t in row.turns] == [t for _, t in twin.turns],
    "exact_duplicate_case": lambda row, twin: same_words(row, twin) and text(row).islower(),
    "exact_duplicate_whitespace": lambda row, twin: row.turns != twin.turns and row.prompt.strip() == twin.prompt,
    "near_duplicate": lambda row, twin: NEAR <= jaccard(text(row), text(twin)) < 1,
    "semantic_duplicate": lambda row, twin: jaccard(text(row), text(twin)) < NEAR and not same_words(row, twin),
    "semantic_suspect": lambda row, twin: (
        row.prompt != twin.prompt and overlap(str(row.answer), str(twin.answer)) > 0.5
    ),
}


@pytest.mark.parametrize("planted", PLANTED, ids=lambda p: f"{p['fault']}-{p['file'].split('/')[1]}-{p['row']}")
def test_the_row_has_the_fault_it_claims(planted: dict[str, Any]) -> None:
    row = rows(planted["file"])[planted["row"]]
    if planted["fault"] in ALONE:
        assert ALONE[planted["fault"]](row)
        return
    twin = planted["twin"]
    other = _benchmark()[twin["row"]] if "benchmarks" in twin["file"] else rows(twin["file"])[twin["row"]]
    assert other != row or "exact" in planted["fault"]
    assert PAIRED[planted["fault"]](row, other)


def _benchmark() -> dict[int, Row]:
    lines = (SAMPLES / "benchmarks" / "holdout.jsonl").read_bytes().splitlines()
    return {number: Row(line, json.loads(line), [], "", None) for number, line in enumerate(lines, 1)}


def test_planted_speaks_one_language_and_repeats_nothing() -> None:
    assert {p["expect"] for p in PLANTED} == OUTCOMES
    assert all(p["why"] for p in PLANTED)
    places = [(p["file"], p["row"]) for p in PLANTED]
    assert len(places) == len(set(places))
    assert {p["fault"] for p in PLANTED} == ALONE.keys() | PAIRED.keys()
    assert all((p["expect"] in ("unreadable", "kept")) != ("finding" in p) for p in PLANTED)


def test_the_readme_counts_every_row() -> None:
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(train/[^`]+)` \| (\d+) \|", readme, flags=re.M))
    assert {file: int(count) for file, count in table.items()} == {file: len(rows(file)) for file in files()}
    assert f"**{sum(map(int, table.values()))}** rows" in readme
    assert f"**{len(PLANTED)}** planted" in readme


def test_what_is_not_planted_is_whole_and_said_once() -> None:
    spoilt = {(p["file"], p["row"]) for p in PLANTED}
    clean = {(f, n): row for f in files() for n, row in rows(f).items() if (f, n) not in spoilt}
    assert all(row.prompt.strip() and not blank(row) for row in clean.values())
    grams = {place: _grams(text(row)) for place, row in clean.items()}
    close = [(a, b) for a, b in combinations(grams, 2) if _near(grams[a], grams[b])]
    assert close == []


def _near(one: set[Gram], two: set[Gram]) -> bool:
    return len(one & two) >= NEAR * len(one | two) > 0


def _grams(said: str) -> set[Gram]:
    words = squeezed(said).split()
    return set(zip(words, words[1:], words[2:], strict=False))


def test_a_blank_line_stands_between_records_and_is_no_row() -> None:
    lines = (SAMPLES / "train" / "handbook_dolly.jsonl").read_bytes().split(b"\n")
    assert b"" in lines[1:-2]


def test_the_gzip_file_holds_no_time_and_no_name() -> None:
    head = (SAMPLES / "train" / "desk_messages.jsonl.gz").read_bytes()[:8]
    assert head == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"
