"""A calibration answered in Argilla: its pairs are pushed, answered on a real server, pulled, and are the curve."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from pipelines.cli import app

THINGS = Path(__file__).parents[1] / "pipelines" / "things.json"
PAIRS = 12
OTHER = "kettle"  # whose two questions somebody calls different


def assay(*words: Any, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*map(str, words)])
    assert done.exit_code == code, done.output
    return done.stdout


@pytest.fixture
def config(argilla: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shared server, an empty store, and settings of a project of its own, whose answers cost 2."""
    for name, value in {
        "ARGILLA_API_URL": argilla.url,
        "ARGILLA_API_KEY": argilla.api_key,
        "ASSAY_HOME": str(tmp_path / "store"),
        "ASSAY_CACHE": str(tmp_path / "cache"),
        "PREFECT_API_URL": "",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    annotation = {
        "project": "calibrating",
        "tiers": {"crowd": {"price": 2, "annotators": ["ana", "ben"]}},
        "domains": {},
        "budget": {"total": 2 * PAIRS},
    }
    settings = {
        "annotation": annotation,
        "dedup": {"suspect_similarity": 0.8, "min_similarity": 0.9},
        "score": {"toxicity": "off"},
    }
    path = tmp_path / "assay.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture
def release(config: Path, tmp_path: Path) -> Path:
    """Of twelve things that are each asked about twice; every pair is a candidate."""
    uses = list(json.loads(THINGS.read_text(encoding="utf-8")).items())[:PAIRS]
    rows = [
        {"instruction": words.format(thing), "output": f"A {thing} is used to {use}."}
        for thing, use in uses
        for words in ("Explain what a {} is for.", "What is a {} used for?")
    ]
    (tmp_path / "things.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assay("curate", tmp_path / "things.jsonl", "--out", tmp_path / "release", "--config", config)
    return tmp_path / "release"


class Desk:
    """The server's own interface: what ana is asked, and what she says."""

    def __init__(self, argilla: Any) -> None:
        self._keys = {name: one.api_key for name, one in argilla.accounts.items()}
        self._url = argilla.url

    def ask(self, who: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"X-Argilla-Api-Key": self._keys[who]}
        answer = httpx.request(method, f"{self._url}/api/v1/{path}", headers=headers, json=body, timeout=60)
        assert answer.is_success, answer.text
        return answer.json()

    def records(self) -> list[dict[str, Any]]:
        """Those of the one dataset of the project that ana may see."""
        mine = [one for one in self.ask("ana", "GET", "me/datasets")["items"] if one["name"] == "calibrating-pair"]
        path = f"datasets/{mine[0]['id']}/records?limit=100&include=suggestions"
        found: list[dict[str, Any]] = self.ask("owner", "GET", path)["items"]
        return found

    def say(self, record: dict[str, Any], verdict: str) -> None:
        item = {"record_id": record["id"], "status": "submitted", "values": {"verdict": {"value": verdict}}}
        (done,) = self.ask("ana", "POST", "me/responses/bulk", {"items": [item]})["items"]
        assert done["error"] is None, done


def test_pairs_are_pushed_answered_pulled_and_become_the_figures(argilla: Any, release: Path, config: Path) -> None:
    pushed = json.loads(assay("calibrate", release, "--push", "--config", config, "--json"))
    assert (pushed["sent"], pushed["reserved"]) == (PAIRS, 2 * PAIRS * 100)
    desk = Desk(argilla)
    records = desk.records()
    assert len(records) == PAIRS
    for record in records:
        # Nobody is told what the program thinks.
        assert record["suggestions"] == []
        assert "similarity" not in json.dumps([record["fields"], record["metadata"]])
        desk.say(record, "different" if OTHER in json.dumps(record["fields"]) else "same")
    pulled = json.loads(assay("annotate", "pull", release, "--config", config, "--no-release", "--json"))
    assert pulled["submitted"] == PAIRS
    told = json.loads(assay("calibrate", release, "--show", "--precision", "0.5", "--config", config, "--json"))
    assert (told["drawn"], told["answers"], told["known"], told["points"][0]["yes"]) == (PAIRS, PAIRS, 0, PAIRS - 1)
    assert told["points"][0]["precision"]["share"] == pytest.approx(1 - 1 / PAIRS)
    assert told["recommended"]["threshold"] == 0.8
    assay("calibrate", release, "--show", "--precision", "0.5", "--config", config, "--yes")
    evidence = yaml.safe_load(config.read_text())["calibration"]["min_similarity"]
    assert (evidence["answers"], evidence["said_yes"], evidence["threshold"]) == (PAIRS, PAIRS - 1, 0.8)
    cost = json.loads(assay("cost", release, "--config", config, "--json"))
    assert (cost["spent"], cost["reserved"]) == (2 * PAIRS * 100, 0)
