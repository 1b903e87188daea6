"""A source grows, and what was there is not checked, embedded, asked of people or paid for a second time."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pipelines._course import make_release
from pipelines.annotate import push
from pipelines.gate import report_of
from schemas.settings import Settings

ROWS = [
    {"instruction": "What is a gasket for?", "output": "It seals the joint between two parts of a machine."},
    {"instruction": "What is a prism for?", "output": "It splits white light into its colours."},
    {"instruction": "Give me a colour.", "output": "I'm sorry, but I can't help with that request."},
    {"instruction": "Name an old town in Spain.", "output": "I'm sorry, but I cannot help with that."},
]
MORE = [
    {"instruction": "What is a trellis for?", "output": "It holds climbing plants upright in a garden."},
    {"instruction": "How deep is the sea?", "output": "I am sorry, but I can't assist with this request."},
]


class House:
    """A source, its release, and an annotation server."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.source, self.out, self.settings = folder / "raw.jsonl", folder / "out", settings

    def curate(self, rows: list[dict[str, str]]) -> dict[str, tuple[int, int]]:
        """`all` and `new` of what the run worked out."""
        self.source.write_text("".join(json.dumps(row) + "\n" for row in rows))
        make_release([str(self.source)], self.out, self.settings)
        counted = report_of(self.out).run.new
        assert counted is not None
        return {step: (work["all"], work["new"]) for step, work in counted.model_dump(exclude_none=True).items()}

    def push(self) -> dict[str, Any]:
        return push(self.out, progress=lambda _: None).figures


@pytest.fixture
def house(argilla: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("ASSAY_HOME", str(argilla.home))
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    people = argilla.settings.model_copy(update={"project": f"p{uuid4().hex[:12]}"})
    given = {"annotation": people.model_dump(mode="json"), "score": {"toxicity": "off"}}
    return House(tmp_path, Settings.model_validate(given))


def test_only_what_came_is_checked_asked_and_paid_for(house: House) -> None:
    first = house.curate(ROWS)
    assert (first["checked"], first["embedded"][1] > 0) == ((4, 4), True)
    sent = house.push()
    assert (sent["sent"], sent["already"]) == (2, 0)
    # The third question is in another order, and nothing else.
    grown = house.curate([ROWS[2], *ROWS[:2], *ROWS[3:], *MORE])
    assert (grown["checked"], grown["measured"], grown["signed"]) == ((6, 2), (6, 2), (6, 2))
    again = house.push()
    assert (again["sent"], again["already"]) == (1, 2)
    assert again["reserved"] == sent["reserved"] // 2
