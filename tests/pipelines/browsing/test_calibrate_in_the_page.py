"""A threshold calibrated in the page: yes or no by key and by button, the curve, and what is written to assay.yaml."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.slow

PAIRS = 28  # of the release: each thing is asked about twice
ASSAY_YAML = "# Ours.\ndedup:\n  suspect_similarity: 0.8  # low\n  min_similarity: 0.9\n"


@pytest.fixture(scope="module")
def desk(made: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder with an assay.yaml and a store where nothing was answered."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "assay.yaml").write_text(ASSAY_YAML)
    return made._replace(folder=folder, environment={**made.environment, "ASSAY_HOME": str(folder / "store")})


@pytest.fixture(scope="module")
def served(desk: Any, show: Callable[..., Any], paired: Path) -> Any:
    return show(desk, release=paired)


class Desk:
    """Somebody who answers."""

    def __init__(self, seen: Any) -> None:
        self.page = seen.page
        self.page.click("#to-calibrate")
        self.page.wait_for_selector("#done:not(:empty)")

    def says(self, do: Callable[[], Any]) -> str:
        """Do it, and wait until it is kept: how far one is."""
        so_far = int(self.page.get_attribute("#calibrate", "data-said") or 0)
        do()
        self.page.wait_for_selector(f"#calibrate[data-said='{so_far + 1}']")
        done: str = self.page.inner_text("#done")
        return done

    def press(self, *keys: str) -> str:
        return [self.says(lambda key=key: self.page.keyboard.press(key)) for key in keys][-1]  # type: ignore[misc]

    def click(self, name: str) -> str:
        return self.says(lambda: self.page.click(f"#answers button:has-text('{name}')"))


def test_answers_by_key_and_button_are_kept_drawn_and_written_with_their_evidence(
    visit: Callable[..., Any], desk: Any, served: Any, paired: Path
) -> None:
    it = Desk(visit(served))
    assert it.page.inner_text("#ask") == "Are these two the same, so that one of them is enough?"
    sides = it.page.locator("#sides .text").all_inner_texts()
    assert sides[0].startswith(("Explain what", "What is"))
    assert sides[1] == sides[3]
    assert it.press("y", "n") == "2 of 28 answered; drawn from 28 pairs"
    assert it.press("u") == "1 of 28 answered; drawn from 28 pairs"
    assert it.click("Yes") == "2 of 28 answered; drawn from 28 pairs"
    assert it.click("Skip") == "2 of 28 answered, 1 skipped; drawn from 28 pairs"
    # Every answer is on the disk, where the command keeps it: whoever comes back goes on, here or there.
    it.page.reload()
    it.page.wait_for_selector("#sides .text")
    assert it.page.inner_text("#done") == "2 of 28 answered, 1 skipped; drawn from 28 pairs"
    (log,) = (desk.folder / "store" / "calibration").glob("*.jsonl")
    kept = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["answer"] for line in kept[1:]] == ["yes", "no", None, "yes", "skip"]
    it.press(*"y" * (PAIRS - 3))
    it.page.wait_for_selector("#curve svg")
    assert it.page.inner_text("#curve .verdict").startswith("recommended 0.80: the lowest threshold with precision")
    (row,) = it.page.locator("#curve tbody tr", has_text="recommended").all()
    assert row.inner_text().split("\t")[1:5] == ["0.80", "28", "27", "27"]
    assert row.locator("input").is_checked()
    assert it.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    it.page.click("#curve button:has-text('Write dedup.min_similarity 0.80 to assay.yaml')")
    it.page.wait_for_selector("#curve .done")
    text = (desk.folder / "assay.yaml").read_text()
    assert re.match(
        r"# Ours\.\ndedup:\n  suspect_similarity: 0\.8  # low\n  min_similarity: 0\.8 +# assay calibrate, 2", text
    )
    evidence = yaml.safe_load(text)["calibration"]["min_similarity"]
    assert (evidence["answers"], evidence["said_yes"], evidence["skipped"]) == (27, 27, 1)
    again = json.loads(desk.assay("calibrate", str(paired), "--show", "--json"))
    assert again["recommended"]["threshold"] == evidence["threshold"] == 0.8
    assert again["points"][0]["precision"]["interval"][0] == pytest.approx(evidence["precision_interval"][0], abs=1e-4)


def test_records_are_asked_about_on_a_phone_and_what_is_no_answer_writes_nothing(
    visit: Callable[..., Any], desk: Any, served: Any
) -> None:
    seen = visit(served, viewport={"width": 390, "height": 844})
    it = Desk(seen)
    it.page.select_option("#of", "min_quality")
    it.page.wait_for_selector("#ask:has-text('Would you train on this record as it is?')")
    assert it.page.locator("#sides > div").count() == 1
    assert it.page.evaluate("document.documentElement.scrollWidth") <= 390
    before = (desk.folder / "assay.yaml").read_bytes()
    write = it.page.get_attribute("meta[name=assay-write]", "content")

    def post(path: str, said: Any, **more: str) -> tuple[int, str]:
        headers = {"origin": served.url, "x-assay-write": write, **more}
        answer = it.page.context.request.post(
            f"{served.url}/api/calibrate/{path}", data=json.dumps(said), headers=headers
        )
        return answer.status, answer.text()

    assert post("answer", {"id": "x", "answer": "yes"}, origin="http://evil.example")[0] == 403
    for path, said, complaint in (
        ("answer", {"id": "x", "answer": "yes"}, "that is no question of this draw"),
        ("answer", {"id": "x", "answer": "maybe"}, "an answer is yes, no, skip or null"),
        ("answer", {"of": "recall"}, "of: Input should be"),
        ("answer", [], "no answer that can be read"),
        ("write", {"threshold": 0.123}, "the curve says nothing at this threshold"),
        ("write", {"threshold": "0.8"}, "a threshold is a number"),
    ):
        status, text = post(path, said)
        assert (status, complaint in text) == (400, True), text
    assert (desk.folder / "assay.yaml").read_bytes() == before
