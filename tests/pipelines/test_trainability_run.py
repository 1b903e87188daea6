"""A run that names a target: its figures in the report, on the page, on the terminal and in a row's story."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines._course import make_release
from pipelines._explain import explain, story
from pipelines._prepare import refuse_hopeless, refuse_unknown
from pipelines._summary import summary_lines
from pipelines._unchanged import unchanged
from schemas.errors import ModelError, PolicyError
from schemas.report import Report
from schemas.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

TEMPLATE = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WINDOW = 60
TALK = {
    "short": [("user", "Name a tree that grows slowly."), ("assistant", "The oak.")],
    "long": [("user", "Name a river in Spain."), ("assistant", "The Ebro rises in the hills and meets the sea.")],
    "late": [
        ("user", "Tell me, please, where in the garden the old bench stands today?"),
        ("assistant", "By the wall."),
    ],
    "system": [("system", "Be brief."), ("user", "Name a bird that sings at night."), ("assistant", "Nightingale.")],
}


@pytest.fixture(scope="module")
def target(byte_tokenizer: Callable[[str | None], Path]) -> Path:
    return byte_tokenizer(TEMPLATE)


def settings(target: Path) -> dict[str, Any]:
    return {"training": {"target": str(target), "max_length": WINDOW, "loss": "completion"}, "export": {"formats": []}}


@pytest.fixture(scope="module")
def run(target: Path, store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Report]:
    """The release's folder, its source, and its report."""
    folder = tmp_path_factory.mktemp("project")
    source = folder / "talk.jsonl"
    turns = ([{"role": role, "content": said} for role, said in talk] for talk in TALK.values())
    source.write_text("".join(json.dumps({"messages": one}) + "\n" for one in turns))
    report = make_release([str(source)], folder / "out", Settings.model_validate(settings(target)))
    return folder / "out", str(source), report


def test_the_report_says_what_the_trainer_does_with_the_rows(run, target):
    _, _, report = run
    training = report.training
    assert training is not None
    assert (training.target, training.max_length, training.loss) == (str(target), WINDOW, "completion")
    given, released = training.readable, training.released
    assert (given.rows, given.unrendered, given.skipped, given.truncated) == (4, 1, 1, 2)
    assert (released.rows, released.unrendered, released.skipped, released.truncated) == (2, 0, 0, 1)
    # The answer and its end; of the long one what is left of the window behind the question.
    short, question = len("The oak.") + 1, len("Name a river in Spain.") + 3
    assert released.supervised == short + WINDOW - question
    assert given.longest == max(
        sum(len(said) + 2 for _, said in talk) for name, talk in TALK.items() if name != "system"
    )
    assert given.lengths.missing == 1


def test_rows_that_the_trainer_would_skip_or_stop_at_wait_for_a_person(run):
    folder, _, report = run
    ledger = pl.read_parquet(folder / "ledger.parquet").sort("source_row")
    assert ledger["outcome"].to_list()[2:] == ["review", "review"]
    assert ledger["reasons"].to_list()[2:] == [["trainability.skipped_by_trainer"], ["trainability.template_error"]]
    assert ledger["notes"].to_list()[1] == ["trainability.truncated"]
    assert report.checks.families["trainability"]["skipped_by_trainer"].applied == 3


def test_the_terminal_has_a_line_on_it(run, target):
    _, _, report = run
    (line,) = (line for line in summary_lines(report) if line.startswith("target"))
    assert "at 60 tokens: " in line
    assert line.endswith("1 row cut off; of all rows 1 skipped by the trainer, 1 refused by the template")
    without = report.model_copy(update={"training": None})
    assert not any(line.startswith("target") for line in summary_lines(without))


def test_the_page_has_a_table_of_it(run):
    folder, _, _ = run
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "What a trainer of" in page
    assert '<th scope="row">skipped</th>' in page


def test_a_rows_story_says_what_becomes_of_it(run):
    folder, source, _ = run
    said = {number: "\n".join(story(explain(folder, f"{source}:{number}")[0])) for number in (1, 2, 3, 4)}
    assert f"trainer     {sum(len(text) + 2 for _, text in TALK['short'])} of" in said[1]
    assert f"trainer     {WINDOW} of" in said[2]
    assert "trainer     skips it: nothing it would learn lies within the window" in said[3]
    assert "trainer     stops at it: System role not supported" in said[4]


def test_another_template_is_another_run(run, target, tmp_path):
    folder, source, _ = run
    assert unchanged(folder, [source], Settings.model_validate(settings(target))) is not None
    template = target / "chat_template.jinja"
    try:
        template.write_text(TEMPLATE + "\n")
        assert unchanged(folder, [source], Settings.model_validate(settings(target))) is None
    finally:
        template.write_text(TEMPLATE)


@pytest.mark.parametrize("name", ["no/such-model", "openai"])
def test_a_target_that_is_not_here_is_refused_before_a_row_is_read(name, run, tmp_path):
    _, source, _ = run
    asked = Settings.model_validate({"training": {"target": name}})
    if name == "openai":
        refuse_hopeless([source], tmp_path / "out", asked)
        return
    with pytest.raises(ModelError, match="no/such-model: is no folder with a tokenizer on this machine"):
        refuse_hopeless([source], tmp_path / "out", asked)


@pytest.mark.parametrize(
    "figure", ["training.released.skipped", "training.readable.lengths.quantiles.0.95",
               "checks.trainability.skipped_by_trainer.failed"]
)  # fmt: skip
def test_a_policy_may_demand_it_where_a_target_is_named(figure, target):
    refuse_unknown(figure, Settings.model_validate(settings(target)))
    with pytest.raises(PolicyError):
        refuse_unknown(figure, Settings())


def test_the_cache_has_the_figures(run, store):
    assert any((store / "training").rglob("*")), "what was rendered once is not rendered again"
