"""LoRA on a release, if the gate lets it pass: python train.py RELEASE --out DIR; --help has the rest.

Killed, it goes on from the last checkpoint when it is called again, and ends in the same adapter. DIR then holds the
adapter, the merged model and result.json.
"""

import os
import sys
from pathlib import Path
from typing import Any

from options import Options, check_recipe, options_of
from resuming import read, remember, write
from rows import Rows, rows_of, window_of
from say import say
from weights import folder_of

from pipelines._manifest import sha256_of
from pipelines.gate import report_of, require
from schemas.errors import AssayError
from schemas.manifest import MANIFEST

# Threads that wait give their core to others: on a busy machine they would wait for each other in loops, and a step
# took five times as long. Nothing is fetched from anywhere.
SURROUNDINGS = {"OMP_WAIT_POLICY": "passive", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
RESULT = "result.json"


def main(call: list[str]) -> None:
    """Gate, train, merge. Raises AssayError."""
    options = options_of(call)
    verdict = require(options.release, options.policy)
    say("gate", f"PASSED (policy {verdict.policy})")
    report = report_of(options.release)
    if options.recipe:
        check_recipe(options.recipe, report.run.run_id)
    model = folder_of(options.model).digest
    rows, window = rows_of(options.release), options.window or window_of(report)
    _tell(rows)
    result = read(options.out / RESULT)
    if result:
        say("done", f"already; to train anew, choose another --out than {options.out}")
    remember(options.out, _identity(options, window, model))
    print(_summary(options.out, result or _trained(options, rows, window)))


def _trained(options: Options, rows: Rows, window: int) -> dict[str, Any]:
    # From here on torch is needed, which takes seconds to import and is not asked for where the gate says no.
    from lora import merge, train
    from quiet import quiet

    with quiet():
        done = train(options, rows, window)
        say("merging", "the adapter into the model")
        merge(options)
    write(options.out / RESULT, done._asdict())
    return read(options.out / RESULT) or {}


def _tell(rows: Rows) -> None:
    left_out = ", ".join(f"{count} {task}" for task, count in rows.left_out.items())
    said = f"{len(rows.train)} train, {len(rows.validation)} validation, {len(rows.test)} test"
    say("rows", f"{said}; for other trainers {left_out}" if left_out else said)


# What does not decide what is learnt.
_FREE = {"release", "out", "policy", "recipe", "save_every"}


def _identity(options: Options, window: int, model: str) -> dict[str, Any]:
    """All that the adapter follows from, but for the machine and the libraries' versions."""
    said = {key: value for key, value in options._asdict().items() if key not in _FREE}
    manifest = sha256_of(options.release / MANIFEST)
    return {**said, "window": window, "manifest": manifest, "digest": model}


def _summary(out: Path, result: dict[str, Any]) -> str:
    lines = [
        f"held out    {name}: loss {result['before'][name][0]:.3f} before, {after:.3f} after, of {tokens:,} tokens"
        for name, (after, tokens) in result["after"].items()
    ]
    pace = f", {result['tokens'] / result['seconds']:.0f} tokens a second" if result["tokens"] else ""
    lines += [f"trained     {result['steps']} steps in {result['seconds']:.0f} s{pace}, on {result['place']}"]
    return "\n".join([*lines, f"adapter     {out / 'adapter'}", f"merged      {out / 'merged'}"])


if __name__ == "__main__":
    os.environ.update({key: os.environ.get(key, value) for key, value in SURROUNDINGS.items()})
    try:
        main(sys.argv[1:])
    except AssayError as error:
        print(f"not trained: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        print(f"not trained: {error.filename}: {error.strerror}; make it readable, or make room", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; the same call goes on from the last checkpoint", file=sys.stderr)
        sys.exit(130)
