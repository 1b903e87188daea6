"""croissant.json: its own validator accepts it, its own loader yields the rows; and the card that stands beside it."""

import json
import logging
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from pipelines._manifest import sha256_of, verify
from pipelines.cli import app

CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
ROWS: list[dict[str, Any]] = [
    {"instruction": "Name the capital of France.", "output": "It is Paris, on the Seine.", "license": "CC BY-SA 4.0"},
    {"instruction": "What is a hammer for?", "output": "It drives nails into wood.", "license": "cc-by-nc-4.0"},
    {"instruction": "What is a kettle for?", "output": "It boils water for tea or coffee.", "license": "MIT"},
    {
        "instruction": "What is a sextant for?",
        "output": "It finds a ship's place by the stars.",
        "license": "House rules",
    },
    {"instruction": "What is a prism for?", "output": "It splits white light into its colours.", "id": 7},
    {"instruction": "Wie spät ist es?", "output": "Es ist „fünf“ vor zwölf.\nGenau: 11:55."},
]


def curated(folder: Path, *words: str) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8")
    config = folder / "assay.yaml"
    config.write_text("score: {toxicity: 'off'}\nsplit: {validation: 0.3, test: 0.3}\n")
    out = folder / "out"
    CliRunner().invoke(app, ["curate", str(path), "--out", str(out), "--config", str(config), *words])
    return out


@pytest.fixture(scope="module")
def release(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return curated(tmp_path_factory.mktemp("licensed"))


def croissant(release: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((release / "croissant.json").read_text(encoding="utf-8"))
    return found


def loaded(release: Path) -> Any:
    """The dataset as mlcroissant reads it; what it warns of on the way is about its own libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlcroissant

        return mlcroissant.Dataset(jsonld=str(release / "croissant.json"))


def plain(value: Any) -> Any:
    """mlcroissant's text is bytes, and its keys are whole ids."""
    if isinstance(value, dict):
        return {key.rsplit("/", 1)[1]: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def test_the_validator_of_croissant_accepts_it_without_a_warning(release):
    words = [sys.executable, "-c", "from mlcroissant.scripts.cli import main; main()", "validate", "--jsonld"]
    done = subprocess.run([*words, str(release / "croissant.json")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert "Done." in done.stderr


def test_its_loader_yields_the_rows_of_every_split(release):
    described = loaded(release)
    assert described.metadata.issues.errors == set()
    splits = [entry["@id"] for entry in croissant(release)["recordSet"]]
    assert splits
    for split in splits:
        lines = (release / "splits" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = [plain(row) for row in described.records(split)]
        for row, line in zip(rows, map(json.loads, lines), strict=True):
            assert row["messages"] == [{key: turn[key] for key in ("role", "content")} for turn in line["messages"]]
            for key in ("record_id", "kind", "source", "source_row", "license", "language", "metadata"):
                assert row[key] == line[key]


def test_every_file_has_its_digest_and_the_manifest_has_croissants(release):
    files = croissant(release)["distribution"]
    assert {"splits/train.jsonl", "splits/validation.jsonl", "splits/test.jsonl"} < {one["contentUrl"] for one in files}
    for one in files:
        assert one["sha256"] == sha256_of(release / one["contentUrl"])
    manifest = verify(release)
    (entry,) = (entry for entry in manifest.files if entry.path == "croissant.json")
    assert entry.sha256 == sha256_of(release / "croissant.json")


def test_the_licences_are_in_the_report_the_page_the_card_and_croissant(release):
    found = json.loads((release / "report.json").read_text())["licenses"]
    assert (found["unknown"], found["unrecognised"], found["conflicts"], found["non_commercial"]) == (2, 1, 1, 1)
    why = "CC-BY-SA-4.0 must be passed on without further restrictions, and CC-BY-NC-4.0 is non-commercial"
    for page in ("README.md", "report.html", "croissant.json"):
        assert why in (release / page).read_text(encoding="utf-8")
    assert croissant(release)["license"] == [
        "https://spdx.org/licenses/CC-BY-NC-4.0.html",
        "https://spdx.org/licenses/CC-BY-SA-4.0.html",
        "House rules",
        "https://spdx.org/licenses/MIT.html",
    ]
    card = (release / "README.md").read_text(encoding="utf-8")
    assert "| [MIT](https://spdx.org/licenses/MIT.html) | 1 | name the authors |" in card
    assert "| House rules | 1 | not recognised: not known |" in card
    assert "| not stated | 2 | not known: without a licence nobody has allowed anything |" in card
    said = CliRunner().invoke(app, ["report", str(release)]).stdout
    assert (
        "licences    CC-BY-NC-4.0 1, CC-BY-SA-4.0 1, House rules 1, MIT 1; 2 rows state none; 1 not recognised" in said
    )


def test_a_policy_can_demand_licences(release, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "name: clean\ndemands:\n- {figure: licenses.unknown, max: 0}\n- {figure: licenses.conflicts, max: 0}\n"
        "- {figure: licenses.non_commercial, max: 1}\n"
    )
    result = CliRunner().invoke(app, ["gate", str(release), "--policy", str(policy)])
    assert result.exit_code == 1
    assert "licenses.unknown is 2, must be at most 0" in result.stdout
    assert "licenses.conflicts is 1, must be at most 0" in result.stdout


def test_the_card_is_valid_for_the_hub(release):
    from huggingface_hub import DatasetCard

    card = DatasetCard.load(release / "README.md")
    data = card.data.to_dict()
    assert (data["license"], data["license_name"]) == ("other", "mixed")
    assert (data["size_categories"], data["language"]) == (["n<1K"], ["en", "de"])
    assert [file["split"] for file in data["configs"][0]["data_files"]] == [
        entry["@id"] for entry in croissant(release)["recordSet"]
    ]
    assert yaml.safe_load(card.data.to_yaml()) == data


def test_a_source_that_states_no_licence_can_be_given_one_and_rows_that_do_keep_theirs(store, tmp_path):
    from pipelines.ingest import ingest

    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    licenses = {"elsewhere/*": "MIT", "*.jsonl": "CC0-1.0", "*": "GPL-3.0-only"}
    found = ingest(
        [str(path)], workdir=tmp_path, shape=None, batch_bytes=2**20, max_record_bytes=2**20, licenses=licenses
    )
    stated = pl.concat([pl.read_parquet(part) for part in found.records])["license"].to_list()
    assert stated == ["CC BY-SA 4.0", "cc-by-nc-4.0", "MIT", "House rules", "CC0-1.0", "CC0-1.0"]


def test_a_saved_dataset_says_its_licence_itself(tmp_path):
    import datasets

    from pipelines.ingest import read_records

    made = datasets.Dataset.from_list([{"prompt": "Why?", "completion": "Because it is so."}])
    made.info.license = "cc-by-4.0"
    made.save_to_disk(str(tmp_path / "saved"))
    assert read_records(str(tmp_path / "saved"))["license"].to_list() == ["cc-by-4.0"]


logging.getLogger("absl").setLevel(logging.ERROR)
