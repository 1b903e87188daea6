"""The cheap checks as a loop: rows of Alpaca as `json` reads them, every rule on each, failures counted

Which checks these are, and when the stopwatch runs, is said in `benchmarks.ours.checks`.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.loop.row import Row
from benchmarks.loop.rules import RULES
from benchmarks.peers.timing import Stopwatch, arguments, say


def records(path: Path) -> list[dict[str, Any]]:
    """The rows of a file in Alpaca's form, as far as the rules read them."""
    return [_record(row) for row in json.loads(path.read_text(encoding="utf-8"))]


def _record(row: dict[str, str]) -> dict[str, Any]:
    context = row["input"] if row["input"].strip() else None
    prompt = f"{row['instruction']}\n\n{context}" if context else row["instruction"]
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": row["output"]}]
    return {"kind": "sft", "prompt": prompt, "completion": row["output"], "context": context, "messages": turns}


def main() -> None:
    source, out, _ = arguments()
    counts = dict.fromkeys(RULES, 0)
    read = records(source)
    with Stopwatch() as watch:
        for record in read:
            row = Row(record)
            for reason, passes in RULES.items():
                if passes(row) is False:
                    counts[reason] += 1
    say(out, **watch.said(), rows=len(read), counts=counts)


if __name__ == "__main__":
    main()
