"""A release with pairs that a threshold decides about, made once by the real stages."""

import json
from pathlib import Path

import pytest

THINGS = {
    "hammer": "drive nails into wood and pull them out again",
    "kettle": "boil water for tea, coffee or soup",
    "sextant": "find the place of a ship by the stars",
    "trellis": "hold climbing plants upright along a wall",
    "gasket": "seal the joint between two metal parts",
    "prism": "split white light into its colours",
    "anvil": "shape hot metal with the blows of a hammer",
    "compass": "find out where north is on land and sea",
    "thermometer": "measure how warm or cold something is",
    "barometer": "measure the pressure of the air around it",
    "loom": "weave threads of wool or cotton into cloth",
    "lathe": "turn wood or metal against a cutting tool",
    "bellows": "blow air into a fire so that it burns hotter",
    "chisel": "cut and carve wood or stone by hand",
    "ladle": "serve soup and stew from a deep pot",
    "scythe": "mow tall grass and grain in wide strokes",
    "stethoscope": "listen to the heart and the lungs of a patient",
    "telescope": "see stars and planets that are far away",
    "microscope": "look at things too small for the naked eye",
    "crowbar": "lift heavy lids and force doors open",
    "funnel": "pour liquids into a bottle with a narrow neck",
    "sieve": "part fine flour from the lumps in it",
    "spirit level": "check whether a shelf or a wall is straight",
    "tuning fork": "give the exact pitch of a single note",
    "metronome": "keep time while one practises music",
    "easel": "hold a canvas while somebody paints on it",
    "whetstone": "sharpen the blades of knives and tools",
    "pulley": "lift heavy loads with less force on a rope",
}
RELEASE_SETTINGS = {"dedup": {"suspect_similarity": 0.8, "min_similarity": 0.9}, "score": {"toxicity": "off"}}


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each thing is asked about twice, in other words, and has one answer."""
    path = tmp_path_factory.mktemp("raw") / "things.jsonl"
    rows = [
        row
        for thing, use in THINGS.items()
        for row in (
            {"instruction": f"Explain what a {thing} is for.", "output": f"A {thing} is used to {use}."},
            {"instruction": f"What is a {thing} used for?", "output": f"A {thing} is used to {use}."},
        )
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="session")
def made(store: Path, raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release; nobody may change it. `suspect_similarity` is low, so that all its pairs are looked for."""
    from pipelines._course import make_release
    from schemas.settings import Settings

    out = tmp_path_factory.mktemp("runs") / "things"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_HOME", str(tmp_path_factory.mktemp("nobody")))
        make_release([str(raw)], out, Settings.model_validate(RELEASE_SETTINGS))
    return out


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of this test's own."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "store"))
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    return tmp_path / "store"
