"""What tests in every folder share: records made of a few words."""

import hashlib
import json
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import settings

from schemas.record import RECORD_SCHEMA, Kind

# As the command line has it: errors are told by us, not logged by Prefect with a traceback. Set before
# any test imports Prefect, which reads it once.
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")

# How long an example takes says nothing on a shared machine.
settings.register_profile("assay", deadline=None)
settings.load_profile("assay")

# Set where everything that tests need is installed: then only what is said here may be missing.
SKIP_NOTHING = "ASSAY_TESTS_SKIP_NOTHING"
MAY_SKIP = (
    "beside the project",
    "beside this folder",
    "is not here",
    "root may read everything",
    "not a git checkout",
    "in this form is",  # a statement that only the other database knows
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that could not run has not passed."""
    report = yield
    if os.environ.get(SKIP_NOTHING) and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(words in reason for words in MAY_SKIP):
            report.outcome, report.longrepr = "failed", f"must not be skipped here: {reason}"
    return report


MARKS = ("end", "im_end", "im_start", "system", "user", "assistant", "tool", "tools", "pad")


@pytest.fixture(scope="session")
def byte_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str | None], Path]:
    """Makes a folder with a tokenizer whose tokens are bytes and `<|mark|>` for each of MARKS, and a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    marks = [f"<|{name}|>" for name in MARKS]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={token: at for at, token in enumerate([*marks, *letters])}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(marks)

    def write(template: str | None) -> Path:
        folder = tmp_path_factory.mktemp("tokenizer")
        made.save(str(folder / "tokenizer.json"))
        described = {"bos_token": "<|system|>", "eos_token": "<|end|>", "pad_token": "<|pad|>"}
        described["tokenizer_class"] = "PreTrainedTokenizerFast"
        (folder / "tokenizer_config.json").write_text(json.dumps(described))
        if template is not None:
            (folder / "chat_template.jinja").write_text(template)
        return folder

    return write


TURN = dict.fromkeys(("role", "content", "name", "tool_calls", "tool_call_id", "train"))


@pytest.fixture(scope="session")
def make_records() -> Callable[[list[dict[str, Any]]], pl.DataFrame]:
    """A frame of records from dicts of any of their columns; the rest is filled in sensibly.

    `prompt` and `completion` make the messages where none are given. `record_id` is the SHA-256 of both,
    `row_id` and `source_row` count, `source` is test.jsonl and `kind` sft. Turns may leave out keys.
    """
    return _frame


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([_record(number, row) for number, row in enumerate(rows)], schema=RECORD_SCHEMA)


def _record(number: int, row: dict[str, Any]) -> dict[str, Any]:
    unknown = row.keys() - RECORD_SCHEMA.keys()
    assert not unknown, f"no such column: {unknown}"
    content = f"{row.get('prompt')}\0{row.get('completion')}".encode("utf-8", "surrogatepass")
    defaults: dict[str, Any] = {
        **dict.fromkeys(RECORD_SCHEMA),
        "row_id": number,
        "record_id": hashlib.sha256(content).hexdigest(),
        "source": "test.jsonl",
        "source_row": number + 1,
        "part": 0,
        "kind": Kind.SFT.value,
        "messages": _said(row),
    }
    record = defaults | row
    return record | {key: _turns(record[key]) for key in ("messages", "chosen", "rejected")}


def _said(row: dict[str, Any]) -> list[dict[str, Any]]:
    user = {"role": "user", "content": row.get("prompt") or ""}
    completion = row.get("completion")
    return [user] if completion is None else [user, {"role": "assistant", "content": completion}]


def _turns(turns: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    return None if turns is None else [TURN | turn for turn in turns]
