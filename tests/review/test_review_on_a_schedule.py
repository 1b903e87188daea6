"""A release that follows people's answers, made again by command and by schedule, stays the release it was."""

import json
from typing import Any

import httpx
import polars as pl
import pytest

# Each is several runs and a server; test_review_in_the_browser.py has the flows that a schedule calls.
pytestmark = [pytest.mark.slow, pytest.mark.long]

MOTHS, WARDROBE = "How do I get rid of clothes moths?", "What can I do about moths in my wardrobe?"
REFUSAL = "I'm sorry, but I cannot help with that request."
PEOPLE = """\
annotation:
  tiers:
    crowd: {price: 3, annotators: [ana]}
"""
SCHEDULED = """
import json
from pipelines.flow import annotate_pull
got, again = annotate_pull("release"), annotate_pull("release")
print(json.dumps({"booked": got["booked"], "made": got["released"], "again": again["released"]}))
"""


def answer(house: Any, who: str, dataset: str, asked: str, **answers: Any) -> None:
    """What `who` says in the form of the record in which this is asked."""
    accounts = json.loads((house.folder / "store" / "argilla" / "credentials.json").read_text())
    keys = {one["username"]: one["api_key"] for one in accounts}
    url = house.ask("annotate", "status")["url"]

    def call(key: str, method: str, path: str, body: Any = None) -> Any:
        said = httpx.request(method, f"{url}/api/v1/{path}", headers={"X-Argilla-Api-Key": key}, json=body, timeout=60)
        assert said.is_success, said.text
        return said.json()

    found = {one["name"]: one["id"] for one in call(keys["owner"], "GET", "me/datasets")["items"]}
    records = call(keys["owner"], "GET", f"datasets/{found[dataset]}/records?limit=100")["items"]
    [record] = [one["id"] for one in records if asked in one["fields"].values()]
    values = {question: {"value": value} for question, value in answers.items()}
    item = {"record_id": record, "status": "submitted", "values": values}
    done = call(keys[who], "POST", "me/responses/bulk", {"items": [item]})
    assert done["items"][0]["error"] is None, done


def curate(house: Any) -> None:
    house.assay("curate", "incoming", "--out", "release", "--config", "assay.yaml", "--against", "benchmark.jsonl")


def outcomes(house: Any) -> dict[str, str]:
    """What is asked -> the record's outcome."""
    frame = pl.read_parquet(house.folder / "release" / "records.parquet")
    return dict(frame.filter(pl.col("prompt").is_not_null()).select("prompt", "outcome").iter_rows())


@pytest.fixture(scope="module")
def moths(other_house: Any) -> str:
    """In the source one of two records that are nearly the same is a refusal. Returns what it should say."""
    path = other_house.folder / "incoming" / "records.jsonl"
    rows = {row["messages"][0]["content"]: row for row in map(json.loads, path.read_text().splitlines())}
    right: str = rows[MOTHS]["messages"][-1]["content"]
    rows[MOTHS]["messages"][-1]["content"] = REFUSAL
    path.write_text("".join(json.dumps(rows[asked]) + "\n" for asked in (MOTHS, WARDROBE)))
    return right


@pytest.fixture(scope="module")
def tested(other_house: Any, moths: str) -> str:
    """A prompt of the source that stands in test data as well."""
    line = (other_house.folder / "incoming" / "clean.jsonl").read_text().splitlines()[0]
    (other_house.folder / "benchmark.jsonl").write_text(line + "\n")
    prompt: str = json.loads(line)["prompt"]
    return prompt


@pytest.fixture(scope="module")
def fixed(other_house: Any, moths: str, tested: str) -> dict[str, Any]:
    """The refusal is corrected, and the release made again with settings that only name people."""
    house = other_house
    curate(house)
    assert outcomes(house)[tested] == "contaminated"
    house.ask("annotate", "serve", "--port", "0", "--config", "assay.yaml")
    house.ask("annotate", "push", "release")
    answer(house, "ana", "assay-record", MOTHS, verdict="fix", corrected=moths)
    (house.folder / "people.yaml").write_text(PEOPLE)
    pulled: dict[str, Any] = house.ask("annotate", "pull", "release", "--config", "people.yaml")
    return pulled


def test_settings_for_people_change_nothing_else_of_the_release(
    other_house: Any, fixed: dict[str, Any], tested: str
) -> None:
    assert (fixed["released"], [one["verdict"] for one in fixed["decided"]]) == (True, ["fix"])
    assert outcomes(other_house)[tested] == "contaminated"
    settings = json.loads((other_house.folder / "release" / "manifest.json").read_text())["settings"]
    assert settings["contamination"]["against"] == ["benchmark.jsonl"]
    assert settings["annotation"]["tiers"].keys() == {"crowd"}


@pytest.fixture(scope="module")
def scheduled(other_house: Any, fixed: Any) -> dict[str, Any]:
    """Corrected it says nearly what another says. They are called different, and the flow reads that by itself."""
    assert outcomes(other_house)[WARDROBE] == "review"
    other_house.ask("annotate", "push", "release")
    answer(other_house, "ana", "assay-pair", WARDROBE, verdict="different")
    told: dict[str, Any] = other_house.python(SCHEDULED)
    return told


def test_the_flow_makes_the_release_again_when_something_was_decided(scheduled: dict[str, Any]) -> None:
    assert (scheduled["booked"], scheduled["made"], scheduled["again"]) == (1, True, False)


def test_what_people_say_of_a_pair_holds_though_one_of_the_two_was_corrected(
    other_house: Any, scheduled: Any, tested: str
) -> None:
    found = outcomes(other_house)
    assert {found[MOTHS], found[WARDROBE]} <= {"train", "validation", "test"}
    assert found[tested] == "contaminated"
    curate(other_house)
    assert outcomes(other_house) == found
