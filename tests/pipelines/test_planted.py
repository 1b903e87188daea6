"""The samples through the real flow: every fault in PLANTED.json meets its end, and no sound row is touched."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from schemas.manifest import MANIFEST
from schemas.outcome import LEDGER_SCHEMA, SPLITS, Fate

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"
PLANTED: list[dict[str, Any]] = json.loads((SAMPLES / "PLANTED.json").read_text(encoding="utf-8"))
FOUND = [planted for planted in PLANTED if "missed" not in planted]
MISSED = [planted for planted in PLANTED if "missed" in planted]
PAIRS = ("duplicate.exact", "duplicate.near", "duplicate.semantic")
RELEASED = {fate.value for fate in SPLITS}
FORMATS = ["trl", "llama-factory", "axolotl", "litgpt", "openai"]
COLUMNS = (
    *("record_id", "source", "source_row", "messages", "prompt", "completion", "language", "n_tokens"),
    *("quality", "diversity", "cluster", "outcome", "split"),
)

Place = tuple[str, int]
Line = dict[str, Any]


class Curated(NamedTuple):
    """A finished release of the samples, and its ledger by file and row."""

    out: Path
    ledger: dict[Place, Line]
    records: pl.DataFrame


@pytest.fixture(scope="session")
def curated(prefect_server: None, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Curated:
    from pipelines.flow import curate

    out = tmp_path_factory.mktemp("samples") / "release"
    against = [str(SAMPLES / "benchmarks" / "holdout.jsonl")]
    curate([str(SAMPLES / "train")], str(out), {"contamination": {"against": against}, "export": {"formats": FORMATS}})
    lines = pl.read_parquet(out / "ledger.parquet").to_dicts()
    by_place = {(f"train/{Path(line['source']).name}", line["source_row"]): line for line in lines}
    assert len(by_place) == len(lines)
    return Curated(out, by_place, pl.read_parquet(out / "records.parquet"))


def place(of: dict[str, Any]) -> Place:
    return of["file"], of["row"]


def said(line: Line) -> list[str]:
    return [*line["reasons"], *line["notes"]]


def is_met(planted: dict[str, Any], ledger: dict[Place, Line]) -> bool:
    """Whether the ledger says of the row, or of its pair, what PLANTED.json expects."""
    line, finding = ledger[place(planted)], planted.get("finding")
    if finding in PAIRS:
        return one_of_the_pair_is(planted["expect"], line, ledger[place(planted["twin"])], finding)
    if planted["expect"] in ("note", "kept"):
        return line["outcome"] in RELEASED and (finding is None or finding in line["notes"])
    return line["outcome"] == planted["expect"] and (finding is None or finding in line["reasons"])


def one_of_the_pair_is(expected: str, one: Line, two: Line, finding: str) -> bool:
    """Exactly one row has the outcome and names the other; the other is released."""
    out = [line for line in (one, two) if line["outcome"] == expected and finding in line["reasons"]]
    stays = [line for line in (one, two) if line["outcome"] in RELEASED]
    return len(out) == len(stays) == 1 and out[0]["twin"] == stays[0]["record_id"]


@pytest.mark.parametrize("planted", FOUND, ids=lambda p: f"{p['fault']}-{p['file'].split('/')[1]}-{p['row']}")
def test_what_was_planted_is_found(planted: dict[str, Any], curated: Curated) -> None:
    line = curated.ledger[place(planted)]
    assert is_met(planted, curated.ledger), (line["outcome"], said(line), planted["why"])


@pytest.mark.parametrize("planted", MISSED, ids=lambda p: f"{p['fault']}-{p['file'].split('/')[1]}-{p['row']}")
def test_what_is_known_to_be_missed_is_still_missed(planted: dict[str, Any], curated: Curated) -> None:
    assert not is_met(planted, curated.ledger), "it is found now: take `missed` out of PLANTED.json"
    assert curated.ledger[place(planted)]["outcome"] in RELEASED


def test_a_conflict_sends_both_sides_to_review_and_each_names_the_other(curated: Curated) -> None:
    for planted in (planted for planted in FOUND if planted["fault"] == "conflict"):
        one, two = (curated.ledger[place(side)] for side in (planted, planted["twin"]))
        assert (one["outcome"], two["outcome"]) == ("review", "review")
        assert (one["twin"], two["twin"]) == (two["record_id"], one["record_id"])


def test_no_sound_row_is_taken_out(curated: Curated) -> None:
    named = {place(side) for planted in PLANTED for side in (planted, planted.get("twin", planted))}
    taken = {at: said(line) for at, line in curated.ledger.items() if line["outcome"] not in RELEASED}
    assert {at: why for at, why in taken.items() if at not in named} == {}


def test_every_row_of_the_samples_has_one_line_in_the_ledger(curated: Curated) -> None:
    read = json.loads((curated.out / "report.json").read_bytes())["sources"]["files"]
    assert sum(file["rows"] for file in read) == len(curated.ledger)
    unreadable = {at for at, line in curated.ledger.items() if line["outcome"] == "unreadable"}
    assert unreadable == {place(planted) for planted in PLANTED if planted["expect"] == "unreadable"}
    lines = map(json.loads, (curated.out / "unreadable.jsonl").read_text(encoding="utf-8").splitlines())
    assert {(f"train/{Path(line['source']).name}", line["source_row"]) for line in lines} == unreadable


def test_the_ledger_has_its_schema_and_its_words(curated: Curated) -> None:
    ledger = pl.read_parquet(curated.out / "ledger.parquet")
    assert ledger.schema == LEDGER_SCHEMA
    assert set(ledger["outcome"]) <= {fate.value for fate in Fate}
    nameless = ledger.filter(pl.col("record_id").is_null())
    assert set(nameless["outcome"]) == {"unreadable"}
    released = ledger.filter(pl.col("outcome").is_in(RELEASED))
    assert released["reasons"].list.len().max() == 0
    assert ledger.filter(~pl.col("outcome").is_in(RELEASED))["reasons"].list.len().min() == 1


def test_the_records_carry_what_the_contract_names(curated: Curated) -> None:
    assert set(COLUMNS) <= set(curated.records.columns)
    released = curated.records.filter(pl.col("outcome").is_in(RELEASED))
    assert released.select(COLUMNS).drop("language").null_count().sum_horizontal().item() == 0
    assert released["quality"].is_between(0, 1).all()
    assert (released["outcome"] == released["split"]).all()


def test_a_duplicates_twin_is_no_duplicate(curated: Curated) -> None:
    duplicates = curated.records.filter(pl.col("outcome") == "duplicate")
    others = curated.records.filter(pl.col("outcome") != "duplicate")
    assert set(duplicates["twin"]) <= set(others["record_id"])
    assert duplicates["similarity"].is_between(0, 1).all()


def test_no_record_stands_in_two_splits(curated: Curated) -> None:
    splits = {name: lines_of(curated.out / "splits" / f"{name}.jsonl") for name in sorted(RELEASED)}
    ids = [line["record_id"] for lines in splits.values() for line in lines]
    assert len(ids) == len(set(ids))
    said_to_be = dict(curated.records.filter(pl.col("outcome").is_in(RELEASED)).select("record_id", "split").rows())
    assert {line["record_id"]: name for name, lines in splits.items() for line in lines} == said_to_be


def lines_of(path: Path) -> list[Line]:
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]


def _last_turn(turns: list[Line]) -> Any:
    last = turns[-1]
    assert last.get("role", last.get("from")) in ("assistant", "gpt", "function_call")
    return last.get("content") or last.get("value") or last.get("tool_calls")


# Where each trainer's SFT files are, and what it learns to say.
SFT: dict[str, tuple[str, Callable[[Line], Any]]] = {
    "trl": ("sft*/*.jsonl", lambda line: _last_turn(line["messages"])),
    "llama-factory": ("sft*.jsonl", lambda line: _last_turn(line["conversations"])),
    "axolotl": ("sft*/*.jsonl", lambda line: _last_turn(line["messages"])),
    "litgpt": ("[tv]*.json", lambda line: line["output"]),
    "openai": ("sft*.jsonl", lambda line: _last_turn(line["messages"])),
}


@pytest.mark.parametrize("name", FORMATS)
def test_no_trainer_learns_silence_or_an_unwanted_answer(name: str, curated: Curated) -> None:
    pattern, answer = SFT[name]
    files = sorted((curated.out / "exports" / name).glob(pattern))
    answers = [answer(line) for file in files for line in lines_of(file)]
    assert len(answers) > 200
    assert [said for said in answers if not said or not str(said).strip()] == []
    unwanted = curated.records.filter(~pl.col("label"), pl.col("outcome").is_in(RELEASED))
    rejected = curated.records["rejected"].list.last().struct.field("content").drop_nulls()
    assert unwanted.height
    assert {str(said).strip() for said in answers} & {
        said.strip() for said in (*unwanted["completion"], *rejected)
    } == set()


def test_the_manifest_lists_every_file_with_its_hash(curated: Curated) -> None:
    manifest = json.loads((curated.out / MANIFEST).read_bytes())
    listed = {entry["path"]: (entry["sha256"], entry["bytes"]) for entry in manifest["files"]}
    content = {
        path.relative_to(curated.out).as_posix(): path.read_bytes()
        for path in curated.out.rglob("*")
        if path.is_file() and path.name not in (MANIFEST, ".lock")
    }
    assert listed == {name: (sha256(data).hexdigest(), len(data)) for name, data in content.items()}
    assert manifest["counts"]["ledger"] == len(curated.ledger)
    inputs = {Path(entry["source"]).name: entry["sha256"] for entry in manifest["inputs"]}
    assert inputs == {path.name: sha256(path.read_bytes()).hexdigest() for path in (SAMPLES / "train").iterdir()}
