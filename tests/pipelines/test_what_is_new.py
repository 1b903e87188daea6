"""What a run works out anew is counted, and a change costs exactly what depends on it."""

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pytest

from checks.catalogue import all_checks
from pipelines import _measures, _minhash
from pipelines._summary import new_line
from pipelines._verdicts import apart
from pipelines.embedding.model_folder import BUILTIN, ModelFolder
from schemas.report import New

THINGS = ("hammer", "kettle", "ledger", "sextant", "trellis", "gasket", "prism", "anvil")
ROWS = [
    {"instruction": f"Explain what a {one} is.", "output": f"Every {one} has its use in a workshop."} for one in THINGS
]
ROWS += [{"instruction": "Say something.", "output": ""}]
TEXTS = 2 * len(THINGS)
"""What is embedded: prompts, and their answers, for they say too few of the prompts' words."""
EVERY = {"measured": 9, "checked": 9, "signed": 8}
Counts = dict[str, tuple[int, int]]


@pytest.fixture(scope="module")
def project(staged: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("ASSAY_HOME", str(tmp_path_factory.mktemp("home")))
        made = staged(tmp_path_factory.mktemp("project"))
        made.holds(ROWS)
        # The first run of all: everything is new.
        first = made.run()
        assert {step: first[step] for step in EVERY} == {step: (count, count) for step, count in EVERY.items()}
        assert first["read"] == (9, 9)
        assert first["verdicts"] == (9 * verdicts(), 9 * verdicts())
        yield made


def verdicts() -> int:
    """How many verdicts are kept of a record: those that read the record alone, and its quality."""
    return len(apart(all_checks())[0]) + 1


def new(counts: Counts) -> dict[str, int]:
    """The steps that keep what they find, with what was new."""
    return {step: counts[step][1] for step in ("measured", "checked", "verdicts", "signed", "embedded")}


NOTHING = {"measured": 0, "checked": 0, "verdicts": 0, "signed": 0, "embedded": 0}


def test_the_same_again_works_out_nothing(project: Any) -> None:
    again = project.run()
    assert new(again) == NOTHING
    assert again["checked"] == (9, 0)


def test_one_more_row_and_one_edited_row_are_what_is_new(project: Any) -> None:
    edited = {**ROWS[1], "output": "It boils water, for tea above all."}
    added = {"instruction": "Explain what a lathe is.", "output": "It turns wood and metal into round things."}
    project.holds([ROWS[0], edited, *ROWS[2:], added])
    # The edited row has a new answer, too short to tell whether it belongs to its prompt, which is known.
    assert new(project.run()) == {
        "measured": 2, "checked": 2, "verdicts": 2 * verdicts(), "signed": 2, "embedded": 2,
    }  # fmt: skip


def test_another_order_is_nothing_new(project: Any) -> None:
    project.holds(ROWS[::-1])
    assert new(project.run()) == NOTHING
    project.holds(ROWS)


@pytest.mark.parametrize(
    "changed",
    [
        {"validation": {"max_tokens": 64}},
        {"validation": {"severities": {"structure.empty_completion": "note"}}},
        {"dedup": {"min_similarity": 0.99}},
        {"score": {"clusters": 2}},
        {"split": {"test": 0.3}},
        {"selection": {"target_size": 3}},
        {"seed": 7, "dedup": {"min_jaccard": 0.8}},
    ],
    ids=str,
)
def test_what_a_setting_decides_follows_from_what_is_known(project: Any, changed: dict[str, Any]) -> None:
    counts = new(project.run(**changed))
    # Another seed is other hash functions; an empty answer that only is noted goes on to dedup.
    anew = {"signed": 8} if "seed" in changed else {}
    if "severities" in changed.get("validation", {}):
        anew = {"signed": 1, "embedded": 1}
    assert counts == NOTHING | anew


def test_a_check_that_is_left_out_and_comes_back_costs_nothing(project: Any) -> None:
    assert new(project.run(validation={"severities": {"refusal.full": "off"}})) == NOTHING
    assert new(project.run()) == NOTHING


def test_a_check_that_changed_is_asked_again_about_every_record_and_no_other_is(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tuple(
        check._replace(passes=check.passes & ~pl.col("completion").str.contains("quicksilver"))
        if check.reason == "refusal.full"
        else check
        for check in all_checks()
    )
    monkeypatch.setattr("pipelines.validate.all_checks", lambda: changed)
    assert new(project.run()) == NOTHING | {"checked": 9, "verdicts": 9}


@pytest.mark.parametrize(
    ("module", "name", "anew"),
    [
        (_measures, "measured_by", {"measured": 9}),
        (_minhash, "signed_by", {"signed": 8}),
    ],
)
def test_other_code_of_a_step_works_that_step_out_again(
    project: Any, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, anew: dict[str, int]
) -> None:
    monkeypatch.setattr(module, name, lambda *_: "another-version")
    assert new(project.run()) == NOTHING | anew


def test_another_model_embeds_everything_again_and_nothing_else(project: Any) -> None:
    # A model's name is a part of what it is, as its files are.
    (project.folder / "mine").symlink_to(ModelFolder(BUILTIN).path)
    assert new(project.run(dedup={"model": str(project.folder / "mine")})) == NOTHING | {"embedded": TEXTS}
    assert new(project.run()) == NOTHING


def test_tone_needs_its_own_sentences_once(project: Any) -> None:
    asked = project.run(score={"toxicity": "prompts"})
    assert (asked["toxicity"], asked["embedded"]) == ((8, 8), (TEXTS + 135, 135))
    assert project.run(score={"toxicity": "prompts"})["embedded"] == (TEXTS + 135, 0)


def test_a_target_prepares_each_record_once_for_each_window(project: Any) -> None:
    def prepared(**training: Any) -> tuple[int, int]:
        return project.run(training={"target": "openai", **training})["prepared"]

    assert prepared() == (9, 9)
    assert prepared() == (9, 0)
    assert prepared(max_length=32) == (9, 9)
    assert "prepared" not in project.run()


def test_the_summary_says_it_in_a_line() -> None:
    counted = New.model_validate(
        {
            "read": {"all": 52002, "new": 1200},
            "checked": {"all": 51974, "new": 518},
            "embedded": {"all": 49801, "new": 511},
        }
    )
    assert new_line(counted) == "1,200 of 52,002 rows read, 518 checked, 511 embedded"
    assert new_line(None) == ""


def test_threads_count_into_one_tally_and_nobody_counts_outside() -> None:
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context

    from pipelines._tally import count, tallied

    count("read", 5, 5)
    with tallied() as tally, ThreadPoolExecutor(4) as pool:
        jobs: list[Callable[[], None]] = [lambda: count("read", 2, 1)] * 50
        for job in [pool.submit(copy_context().run, job) for job in jobs]:
            job.result()
    count("read", 5, 5)
    assert tally.told() == {"read": {"all": 100, "new": 50}}
