"""One finished release for all tests that only look at one, made by the real flow; and stages without a release."""

import itertools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines._progress import Reporter, report_to

SOURCES = {
    "tasks.jsonl": [
        {"instruction": "Name the capital of France.", "input": "", "output": "The capital of France is Paris."},
        {"instruction": "name the capital of france.", "input": "", "output": "The capital of France is Paris."},
        {"instruction": "Write one sentence about the sea.", "input": "", "output": "The sea was grey and calm today."},
        {"instruction": "Summarise the note.", "input": "Tea at four, bring cake.", "output": "Tea with cake at four."},
        {"instruction": "Say something.", "input": "", "output": ""},
        {"instruction": "Translate to German: good morning", "input": "", "output": "Guten Morgen"},
        {"instruction": "Give me a colour.", "input": "", "output": "I'm sorry, but I can't help with that request."},
        *(
            {"instruction": f"Explain what a {thing} is for.", "input": "", "output": f"A {thing} is used {use}."}
            for thing, use in (
                ("hammer", "to drive nails into wood"),
                ("kettle", "to boil water for tea or coffee"),
                ("ledger", "to write down what was earned and spent"),
                ("sextant", "to find a ship's place by the stars"),
                ("trellis", "to hold climbing plants upright"),
                ("gasket", "to seal the joint between two parts"),
                ("prism", "to split white light into colours"),
                ("anvil", "to shape hot metal with a hammer"),
            )
        ),
    ],
}


class Heard(Reporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What the person who waits is told."""
    listener = Heard()
    report_to(listener)
    yield listener.lines
    report_to(Reporter())


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """Prefect's own test server: started once, its database thrown away."""
    import pipelines._orchestration  # noqa: F401  isort: skip
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Embeddings of this session's tests only."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("ASSAY_CACHE")
    os.environ["ASSAY_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["ASSAY_CACHE"]
    else:
        os.environ["ASSAY_CACHE"] = before


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small source with a duplicate, an empty answer, a refusal, and one broken line at its end."""
    path = tmp_path_factory.mktemp("raw") / "tasks.jsonl"
    lines = [json.dumps(row) for row in SOURCES["tasks.jsonl"]]
    path.write_text("\n".join([*lines, '{"instruction": "cut sho']) + "\n")
    return path


@pytest.fixture(scope="session")
def finished(prefect_server: None, store: Path, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release nobody may change; copy it first."""
    from pipelines.flow import curate

    out = tmp_path_factory.mktemp("runs") / "release"
    curate(
        [str(source)], str(out), {"split": {"validation": 0.2, "test": 0.2}, "export": {"formats": ["trl", "openai"]}}
    )
    return out


ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def demo(prefect_server: None, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """README's `assay curate`, from the project's folder as README has it. Nobody may change it; copy it first."""
    from pipelines.flow import curate

    out = tmp_path_factory.mktemp("readme") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        settings = {"contamination": {"against": ["data/samples/benchmarks/holdout.jsonl"]}}
        curate(["data/samples/train"], str(out), settings)
    return out


@pytest.fixture(scope="session")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source in which each thing is asked about twice, in other words, and has one answer."""
    uses = json.loads((Path(__file__).parent / "things.json").read_text(encoding="utf-8"))
    path = tmp_path_factory.mktemp("raw") / "things.jsonl"
    asked = ("Explain what a {} is for.", "What is a {} used for?")
    rows = [
        {"instruction": words.format(thing), "output": f"A {thing} is used to {use}."}
        for thing, use in uses.items()
        for words in asked
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="session")
def paired(store: Path, things: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release with pairs that a threshold decides about; nobody may change it.

    `suspect_similarity` is low, so that all its pairs are looked for.
    """
    from pipelines._course import make_release
    from schemas.settings import Settings

    settings = {"dedup": {"suspect_similarity": 0.8, "min_similarity": 0.9}, "score": {"toxicity": "off"}}
    out = tmp_path_factory.mktemp("runs") / "things"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_HOME", str(tmp_path_factory.mktemp("nobody")))
        make_release([str(things)], out, Settings.model_validate(settings))
    return out


class Staged:
    """A source whose stages are run again and again; `work` is where the last run left its frames."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._numbers = folder, itertools.count()
        self.source, self.work = folder / "tools.jsonl", folder

    def holds(self, rows: list[dict[str, str]]) -> None:
        self.source.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def run(self, **settings: dict[str, Any]) -> dict[str, tuple[int, int]]:
        """`all` and `new` of each step, by what the stages noted."""
        from pipelines._prepare import gather
        from pipelines._stages import STAGES, Run, noted, perform
        from pipelines._tally import Tally
        from schemas.settings import Settings

        self.work = self.folder / f"work-{next(self._numbers)}"
        self.work.mkdir()
        # Tone and domains are told by sentences of their own, which are embedded too.
        given = {"annotation": {"domains": {}}, **settings, "score": {"toxicity": "off", **settings.get("score", {})}}
        run = Run(
            self.work, self.folder / "out", (str(self.source),), Settings.model_validate(given), "2026-01-01T00:00:00"
        )
        gather(run)
        tally = Tally()
        for name in STAGES:
            perform(name, run)
            tally.take_in(noted(run, name)["new"])
        return {step: (counts["all"], counts["new"]) for step, counts in tally.told().items()}


@pytest.fixture(scope="session")
def staged() -> type[Staged]:
    """Makes a project of a folder."""
    return Staged


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7*7 }}\u202egnp.exe\x00\x1b[31m"


def _poisoned(value: Any, key: str = "") -> Any:
    fixed = {
        "outcomes",
        "quantiles",
        "removed_at",
        "status",
        "severity",
        "apply",
        "text",
        "figures",
        "origin",
        "verdict",
        "confidence",
        "date",
        "release",
    }
    if isinstance(value, list):
        return [_poisoned(item, key) for item in value]
    if isinstance(value, dict):
        attack = (
            HOSTILE if key in {"families", "kinds", "settings", "versions", "benchmarks", "languages", "needs"} else ""
        )
        return {name + attack: item if name in fixed else _poisoned(item, name) for name, item in value.items()}
    long = {"prompt": 20_000, "source": 1_000, "refusal": 1_000, "description": 9}
    return HOSTILE * long.get(key, 1) if isinstance(value, str) else value


@pytest.fixture(scope="session")
def stored() -> Callable[[str], Any]:
    """Reports by name: `full` has something in every part and a verdict of FAILED; `empty` is of a run that read
    nothing; `hostile` is the full one with an attack in every free text and every name."""
    from schemas.report import Report

    def read(name: str) -> Report:
        kept = "empty" if name == "empty" else "full"
        report = Report.model_validate_json((Path(__file__).parent / "reports" / f"{kept}.json").read_bytes())
        return Report.model_validate(_poisoned(report.model_dump())) if name == "hostile" else report

    return read


@pytest.fixture(scope="session")
def map_points() -> Callable[[int], pl.DataFrame]:
    """So many points, of 40 clusters and of the three sources of the full report."""
    return _points


def _points(rows: int) -> pl.DataFrame:
    at = pl.int_range(rows, eager=True)
    sources = ("raw/alpaca_data.json.gz", "raw/oasst_en_trees.jsonl", "raw/dolly_3k.jsonl")
    return pl.DataFrame(
        {
            "x": (at * 37 % 1009).cast(pl.Float64) / 7,
            "y": (at * 53 % 997).cast(pl.Float64) / 3,
            "cluster": at % 40,
            "outcome": (at % 20 == 0).replace_strict({True: "duplicate", False: "train"}, return_dtype=pl.String),
            "source": pl.Series([sources[row % 3] for row in range(rows)], dtype=pl.String),
            "quality": (at % 101).cast(pl.Float64) / 100,
            "prompt": pl.select(pl.format("Prompt {} {}", at, pl.lit(HOSTILE))).to_series(),
        }
    )
