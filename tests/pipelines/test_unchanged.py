"""The same again is told from a cached proof alone; whatever changed, or may have, is run again."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines import _surroundings, _versions
from pipelines._manifest import read_manifest, write_manifest
from pipelines._unchanged import unchanged
from pipelines._versions import code_digest
from pipelines.gate import report_of
from schemas.report import Report
from schemas.settings import Settings


class Call:
    """A run that was made, and can be asked for again."""

    def __init__(self, out: Path, sources: list[str], settings: dict[str, Any]) -> None:
        self.out, self.sources, self.settings = out, sources, settings

    def again(self, **changed: Any) -> Report | None:
        return unchanged(self.out, self.sources, Settings.model_validate(self.settings | changed))


@pytest.fixture(scope="module")
def made(prefect_server: None, store: Path, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Call:
    """One real run with everything that a release can follow from. Nobody may change it; copy it first."""
    from pipelines.flow import curate

    folder = tmp_path_factory.mktemp("project")
    (folder / "data").mkdir()
    shutil.copy(source, folder / "data" / "tasks.jsonl")
    item = {
        "instruction": "What does a barometer measure, and in which unit is it given today?",
        "input": "",
        "output": "Pressure.",
    }
    (folder / "bench.jsonl").write_text(json.dumps(item) + "\n")
    (folder / "policy.yaml").write_text("name: own\ndemands:\n  - {figure: rows.released, min: 1}\n")
    settings = {"contamination": {"against": [str(folder / "bench.jsonl")]}, "policy": str(folder / "policy.yaml")}
    curate([str(folder / "data")], str(folder / "out"), settings)
    return Call(folder / "out", [str(folder / "data")], settings)


@pytest.fixture
def call(made: Call, tmp_path: Path) -> Call:
    """The run in a place of its own, as if it had been made there."""
    before, folder = str(made.out.parent), tmp_path / "project"
    shutil.copytree(before, folder)
    manifest = read_manifest(folder / "out")
    moved = json.loads(
        json.dumps([manifest.model_dump(mode="json"), made.sources, made.settings]).replace(before, str(folder))
    )
    settings = Settings.model_validate(moved[2])
    # Names of sources and benchmarks are in the digests, and the folder is in the names.
    moved[0]["surroundings"] = _surroundings.surroundings(settings)
    write_manifest(type(manifest).model_validate(moved[0]), folder / "out")
    return Call(folder / "out", moved[1], moved[2])


def test_nothing_changed_gives_the_report_that_is_there(made: Call) -> None:
    again = made.again()
    assert again == report_of(made.out)
    assert again.gate is not None
    assert again.gate.passed


def test_a_touched_source_is_the_same_and_a_changed_one_is_not(call: Call) -> None:
    tasks = Path(call.sources[0]) / "tasks.jsonl"
    os.utime(tasks, (1, 1))
    assert call.again() is not None
    written = tasks.stat()
    content = tasks.read_bytes()
    # As long as before, and as old: only its content tells.
    tasks.write_bytes(content.replace(b"grey and calm", b"calm and grey"))
    os.utime(tasks, (written.st_atime, written.st_mtime))
    assert call.again() is None
    tasks.write_bytes(content)
    assert call.again() is not None


def test_one_more_file_in_the_folder_and_one_less_are_changes(call: Call) -> None:
    more = Path(call.sources[0]) / "more.jsonl"
    more.write_text('{"instruction": "Say hello.", "output": "Hello."}\n')
    assert call.again() is None
    more.unlink()
    assert call.again() is not None
    (Path(call.sources[0]) / "tasks.jsonl").unlink()
    assert call.again() is None


def test_other_sources_are_another_run(call: Call) -> None:
    assert unchanged(call.out, [*call.sources, *call.sources], Settings.model_validate(call.settings)) is None
    assert unchanged(call.out, [call.sources[0] + "/"], Settings.model_validate(call.settings)) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 7},
        {"export": {"formats": ["openai"]}},
        {"validation": {"max_tokens": 100}},
        {"policy": None},
        {"selection": {"target_size": 9, "method": "k-center"}},
    ],
)
def test_other_settings_are_another_run(made: Call, changed: dict[str, Any]) -> None:
    assert made.again(**changed) is None


def test_a_policy_that_says_something_else_is_a_change(call: Call) -> None:
    policy = Path(call.settings["policy"])
    said = policy.read_text()
    policy.write_text(said + "# the same in other words\n")
    assert call.again() is not None
    policy.write_text(said.replace("min: 1", "min: 2"))
    assert call.again() is None
    policy.write_text("name: [")
    assert call.again() is None


def test_a_benchmark_with_another_item_is_a_change(call: Call) -> None:
    with Path(call.settings["contamination"]["against"][0]).open("a") as bench:
        bench.write('{"instruction": "Name the smallest prime number above one hundred, please.", "output": "101"}\n')
    assert call.again() is None


@pytest.mark.parametrize("name", ["splits/train.jsonl", "report.html", "records.parquet", "report.json"])
def test_an_edited_file_of_the_release_is_a_change(call: Call, name: str) -> None:
    content = (call.out / name).read_bytes()
    (call.out / name).write_bytes(content[:-2] + b" " + content[-1:])
    assert call.again() is None


def test_a_missing_file_and_one_too_many_are_changes(call: Call) -> None:
    (call.out / "README.md").rename(call.out / "splits" / "more.md")
    assert call.again() is None
    (call.out / "splits" / "more.md").rename(call.out / "README.md")
    assert call.again() is not None
    (call.out / "ledger.parquet").unlink()
    assert call.again() is None


def test_without_a_release_there_is_nothing_to_be_the_same(call: Call, tmp_path: Path) -> None:
    (call.out / "manifest.json").write_text("{")
    assert call.again() is None
    (call.out / "manifest.json").unlink()
    assert call.again() is None
    assert unchanged(tmp_path / "nowhere", call.sources, Settings()) is None


def test_a_manifest_that_does_not_say_what_made_it_proves_nothing(call: Call) -> None:
    manifest = read_manifest(call.out)
    write_manifest(manifest.model_copy(update={"surroundings": {}}), call.out)
    assert call.again() is None


def test_a_url_proves_nothing(call: Call) -> None:
    manifest = read_manifest(call.out)
    url = "memory://bucket/tasks.jsonl"
    entry = manifest.inputs[0].model_copy(update={"path": None, "source": url})
    write_manifest(manifest.model_copy(update={"sources": [url], "inputs": [entry]}), call.out)
    assert unchanged(call.out, [url], Settings.model_validate(call.settings)) is None


def test_a_benchmark_or_a_model_that_is_elsewhere_proves_nothing() -> None:
    settings = Settings.model_validate(
        {
            "contamination": {"against": ["memory://bucket/bench.jsonl", "someone/benchmark"]},
            "dedup": {"model": "someone/model"},
            "split": {"previous": "nowhere"},
        }
    )
    found = _surroundings.surroundings(settings)
    assert {name for name, said in found.items() if said == "unproven"} == {
        "benchmark 0", "benchmark 1", "model", "previous",
    }  # fmt: skip


def test_a_model_of_ones_own_is_known_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"one")
    settings = Settings.model_validate({"dedup": {"model": str(tmp_path)}})
    before = _surroundings.surroundings(settings)
    assert before == _surroundings.surroundings(settings)
    (tmp_path / "weights.bin").write_bytes(b"two")
    assert before["model"] != _surroundings.surroundings(settings)["model"]


def test_another_decision_of_people_is_a_change(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from annotation.home import make_home
    from annotation.spending.ledger import locked
    from annotation.store.database import open_store
    from annotation.store.decisions import Decision, record_decisions

    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    make_home()
    # A store in which nothing was decided or paid is as good as none.
    assert call.again() is not None
    record_id = pl.read_parquet(call.out / "ledger.parquet")["record_id"][0]
    with locked(open_store(), "assay", "USD") as lock:
        said = Decision(record_id, "record", "reject", None, ("refusal",), "no need", None, {}, 1, "single", 1.0)
        record_decisions(lock.connection, "assay", [said])
    assert call.again() is None


def test_other_code_other_libraries_and_other_orders_are_changes(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for change in (
        lambda: monkeypatch.setattr(_versions, "_PACKAGES", ("schemas", "checks")),
        lambda: monkeypatch.setattr(_versions, "LIBRARIES", ("numpy",)),
        lambda: monkeypatch.setenv("ASSAY_DEVICE", "none"),
    ):
        assert call.again() is not None
        change()
        assert call.again() is None
        monkeypatch.undo()


def test_the_code_is_known_by_every_file_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "own_code").mkdir()
    (tmp_path / "own_code" / "__init__.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(_versions, "_PACKAGES", ("own_code",))
    digests = [code_digest()]
    writes: list[Callable[[], object]] = [
        lambda: (tmp_path / "own_code" / "__init__.py").write_text("A = 2\n"),
        lambda: (tmp_path / "own_code" / "page.css").write_text("a {}"),
        lambda: (tmp_path / "own_code" / "page.css").rename(tmp_path / "own_code" / "sheet.css"),
    ]
    for write in writes:
        write()
        digests.append(code_digest())
    assert len(set(digests)) == 4
    assert digests[-1] == code_digest()
