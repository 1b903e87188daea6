"""A program: every check on records of a megabyte; says the megabytes it took, and what fails of each.

A line with the highest memory of the process in MB beyond what it took before, then a line for each text: its name, and
the reasons that its record fails, with tabs between.
"""

import resource

import polars as pl

from pipelines.validate import validate
from schemas.record import RECORD_SCHEMA

MEGABYTE = 1_000_000
ENDLESS = {
    "words": "word ",
    "one letter": "a",
    "line feeds": "\n",
    "brackets": "[(<{",
    "opening brackets": "(",
    "quotes": '"\\',
    "digits": "1",
    "digits and hyphens": "12-",
    "cards": "4111 1111 1111 1112 ",
    "accounts": "GB82 WEST 1234 ",
    "addresses": "a@b.",
    "sums": "1 + 1 = 2, ",
    "tokens": "eyJ.",
    "names": "Anna Dr. ",
    "keys": "sk-key=",
    "ideographs": "漢",
    "emoji": "👩\u200d👩\u200d👧",
    "fences": "```\n",
    "tasks": "\n1. Instruction:\nInput:\n",
    "mixed": "\x00\ufffd\u202eÃ©<b>&amp;|",
}


def records() -> pl.DataFrame:
    """For each text a record with it as input and answer of a question, then one with it as prompt."""
    rows = []
    for name, piece in ENDLESS.items():
        text = piece * (MEGABYTE // len(piece.encode()))
        for prompt, answer, given in ((f"What is said?\n\n{text}", text[1:], text), (text, "It is long.", None)):
            turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
            row = {"prompt": prompt, "completion": answer, "context": given, "messages": turns, "kind": "sft"}
            rows.append(row | {"row_id": len(rows), "record_id": f"{len(rows):064}", "source": name})
    filled = [dict.fromkeys(RECORD_SCHEMA) | row for row in rows]
    for row in filled:
        row["messages"] = [dict.fromkeys(("name", "tool_calls", "tool_call_id", "train")) | t for t in row["messages"]]
    return pl.DataFrame(filled, schema=RECORD_SCHEMA)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    read = records()
    before = _peak()
    kept, dropped, _ = validate(read, severities={}, languages=[], max_tokens=4096)
    print(_peak() - before)
    for row in sorted([*kept.to_dicts(), *dropped.to_dicts()], key=lambda row: row["row_id"])[::2]:
        print(row["source"], ",".join(row["drop_reasons"] + row["review_reasons"] + row["notes"]), sep="\t")
