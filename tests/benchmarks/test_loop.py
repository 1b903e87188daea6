"""The loop that checks are timed against says of every row what they say."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from benchmarks.loop.row import Row
from benchmarks.loop.rules import RULES
from checks.catalogue import all_checks, reads_only_the_record, verdicts
from pipelines.ingest import read_records

ROOT = Path(__file__).resolve().parents[2]
CHECKS = [check for check in all_checks() if reads_only_the_record(check)]
SAMPLES = sorted(path for path in (ROOT / "data" / "samples").rglob("*.json*") if path.name != "PLANTED.json")

# Said where a rule is about answers, asked where it is about prompts; the second of a pair is of the other kind.
TEXTS = [
    *(
        "",
        " \n",
        "\u200b",
        "one",
        "one two",
        "漢字",
        "漢",
        "กา",
        "ก",
        "caf\ufffd",
        "A\x00B",
        "A\x07B",
        "CafÃ© â€“ naive",
    ),
    *(
        "N/A",
        "<nooutput>",
        "<noinput>\nThe Nile",
        "the output:",
        "Input:\nno input",
        "```\nprint(1)\n",
        "Sure.<|im_end|>",
    ),
    *("<p>A river<br/> in the hills.</p>", "Fish &amp; chips", "HTTP://A.B/C.PNG", "![a](b.png)", "[Image of a house]"),
    *(
        "see the attached chart",
        "Design a logo for a cruise.",
        "Write a caption for a photo.",
        "see www.example.org now",
    ),
    *(
        "The Nile.\nHuman: And the second?",
        "The Nile.\n##\n6. Instruction: Name a hill.\n6. Input:\n<noinput>\n6. Output:\nB",
    ),
    *("I'm sorry, but I can't help with that.", "As an AI language model, I have never seen one.", "Write a sentence."),
    "I cannot provide a map of it. However, here are some facts:\n- long\n- cold\n- clear\n- blue",
    *("Use AKIA" + "ABCDEFGH" * 2, "-----BEGIN RSA PRIVATE KEY-----", "anna.berg@riverboats.se", "me@example.com"),
    *("Call +46 8 123 456 78 today.", "Call 555-0123.", "Card 4111 1111 1111 1111, thanks", "Card 4111 1111 1111 1112"),
    *(
        "api_key = 'q8Zr5" + "Tm2Wp9Ks4Yx7Bv1'",
        "secret: your_secret_key_goes_here_1",
        "ghp_" + "x" * 36,
        "sk-ant-" + "a" * 30,
    ),
    *(
        "-----BEGIN EC PRIVATE KEY-----\nMHcC",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9." + "c2lnbmF0dXJl" * 3,
        "ssn: 536 22 8721",
    ),
    *(
        "Order 536-22-8721",
        "de89-3704-0044-0532-0130-00",
        "GB83 WEST 1234 5698 7654 32",
        "His SSN (old) is 536\u201322\u20138721",
    ),
    *(
        "Dr. Berg is in.",
        "Name: Anna\nCity: Rome",
        "met Élodie Dupont at Victoria Falls",
        "Her name's Zoë.",
        "“Hi,” said Tom",
    ),
    *(
        "12 Hill Road",
        "I live in Rome now",
        "Hauptstraße 5",
        "SW1A 1AA",
        "Rome, NY 13440",
        "Based in the Alps",
        "Flat 3",
    ),
    *("Ping 81.2.69.142.", "Ping 192.168.0.1", "GB82 WEST 1234 5698 7654 32", "Her number is 536-22-8721.", "٣.٤.٥.٦"),
    *("2001:0db8:85a3:0000:0000:8a2e:0370:7334", "I like the river very much. " * 20, "data:" + "QUJD" * 120),
    "The river rises in the hills and winds through three valleys before it meets the sea and then it",
]
ASKED = ["When was the bridge built?", "Rewrite this.", "Summarize the text"]
GIVEN = [
    "The old stone bridge over the river was built in 1341. " * 4,
    "Short.",
    "石桥建于一三四一年。" * 20,
    "สะพานหินเก่าสร้างขึ้น " * 20,
]
FORMATS = [
    *("Return it as JSON.", "Write SQL in MySQL.", "Write it in Python.", "A program in C", "Output it in CSV format."),
    *("Write it as XML.", "Convert it to YAML.", "Say it.", '{"type": "object", "properties": {"a": {}}} as JSON'),
]
WRITTEN = [
    *('{"a": 1}', '{"a": 1', "[1]\n[2]", "SELECT a FROM t", "select a from t where", "def f():\n    pass", "print 'x'"),
    *("#include <stdio.h> \nint main() {}", "<a><b/></a>", "<ul><li>a</ul>", "<div>a", "a,b\n1,2", "a,b\n1", "a: [1"),
    *("| a |\n|---|\n| 1 | 2 |", r"\[ \frac{1}{2}", "x = 1\n" * 4_000, "CREATE TABLE t (a INT, b INT"),
]
FENCES = ["json", "sql", "PYTHON", "js", "c#", "xml", "html", "csv", "yaml", "toml", "latex", "text", ""]
TURNS = [{"role": role, "content": text} for role in ("user", "assistant", "tool", "system") for text in ("Hi", " ")]


def differing(records: pl.DataFrame) -> dict[str, list[int]]:
    """For each check the rows of which the loop says something else."""
    said = verdicts(records, CHECKS)
    rows = [Row(record) for record in records.to_dicts()]
    both = {check.reason: zip(said[check.column], map(RULES[check.reason], rows), strict=True) for check in CHECKS}
    found = {reason: [row for row, (ours, loop) in enumerate(pairs) if ours != loop] for reason, pairs in both.items()}
    return {reason: places for reason, places in found.items() if places}


def test_the_loop_has_every_check_that_reads_only_the_record():
    assert list(RULES) == [check.reason for check in CHECKS]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_both_say_the_same_of_samples(path):
    assert differing(read_records(str(path))) == {}


def test_both_say_the_same_of_planted_texts(make_records):
    rows = [{"prompt": prompt, "completion": answer} for prompt in TEXTS for answer in TEXTS]
    rows += [
        {"prompt": f"{ask}\n\n{given}", "completion": answer, "context": given}
        for ask in ASKED
        for given in GIVEN
        for answer in (*TEXTS, *GIVEN)
    ]
    rows += [{**row, "kind": "kto", "label": label} for row in rows[::3] for label in (True, False, None)]
    rows += [{"prompt": "Go on.", "completion": answer, "tools": tools} for answer in TEXTS for tools in ("[]", "add")]
    assert differing(make_records(rows)) == {}


@pytest.mark.long
def test_both_say_the_same_of_formats(make_records):
    fenced = [f"So:\n```{fence}\n{text}\n```" for fence in FENCES for text in WRITTEN]
    rows = [{"prompt": prompt, "completion": text} for prompt in FORMATS for text in (*WRITTEN, *fenced)]
    assert differing(make_records(rows)) == {}


def test_both_say_the_same_of_demands_that_prompts_state(make_records):
    lines = (ROOT / "benchmarks" / "labels" / "demands.jsonl").read_text(encoding="utf-8").splitlines()
    demands = [json.loads(line) for line in lines]
    rows = [{"prompt": one["prompt"], "completion": one[side]} for one in demands for side in ("kept", "broken")]
    rows += [{**row, "completion": text} for row in rows[::2] for text in (*TEXTS[::9], *GIVEN)]
    assert differing(make_records(rows)) == {}


def test_both_say_the_same_of_turns_in_any_order(make_records):
    rows = [{"prompt": "Hi", "completion": None, "messages": [a, b, c]} for a in TURNS for b in TURNS for c in TURNS]
    pairs = [
        {"prompt": "Hi", "completion": a, "kind": "preference", "chosen": [_says(a)], "rejected": [_says(b)]}
        for a in TEXTS
        for b in ("4", "4 ", " ", a)
    ]
    assert differing(make_records([*rows, *pairs])) == {}


def _says(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def test_both_sides_count_the_same_failures(tmp_path):
    rows = [{"instruction": "Say it", "input": given, "output": text} for given in TEXTS for text in TEXTS[::7]]
    (tmp_path / "alpaca.json").write_text(json.dumps(rows))
    facts = [_facts(tmp_path, name) for name in ("ours", "loop")]
    assert facts[0]["counts"] == facts[1]["counts"]
    assert facts[0]["rows"] == facts[1]["rows"] == len(rows)
    assert sum(facts[0]["counts"].values()) > len(rows)


def _facts(folder: Path, name: str) -> dict:
    call = [sys.executable, "-m", f"benchmarks.{name}.checks", folder / "alpaca.json", folder / f"{name}.json"]
    subprocess.run(call, cwd=ROOT, check=True)
    return json.loads((folder / f"{name}.json").read_text())
