"""The dataset card: a newcomer can load the release with it, and reads what it is and is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from pipelines._card import write_card
from pipelines.export import export, write_dataset, write_splits
from schemas.record import RECORD_SCHEMA
from schemas.report import (
    Checks,
    Contamination,
    DemandResult,
    Diversity,
    Duplicates,
    Expectations,
    ExportFigures,
    Leakage,
    People,
    Report,
    Rows,
    Run,
    SourceFigures,
    Sources,
    SplitFigures,
    Splits,
    Spread,
    StageDuplicates,
    Verdict,
)

CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}


def turn(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **dict.fromkeys(("name", "tool_calls", "tool_call_id", "train")), **more}


def released(*records: dict[str, Any]) -> pl.DataFrame:
    base = {
        "source": "a.jsonl",
        "part": 0,
        "kind": "sft",
        "prompt": "",
        "split": "train",
        "n_tokens": 9,
        "language": "en",
    }
    talk = {"messages": [turn("user", "Hi"), turn("assistant", "Hello.")]}
    full = [
        {"row_id": number, "record_id": f"r{number}", "source_row": number + 1} | base | talk | record
        for number, record in enumerate(records)
    ]
    more = {"language": pl.String, "split": pl.String, "n_tokens": pl.Int64}
    return pl.DataFrame(full, schema=dict(RECORD_SCHEMA) | more)


def report_of(records: pl.DataFrame, exports: list[ExportFigures], **more: Any) -> Report:
    rows = {split: records.filter(pl.col("split") == split).height for split in ("train", "validation", "test")}
    parts = {split: SplitFigures(rows=number, share=number / 3, tokens=9 * number) for split, number in rows.items()}
    leakage = Leakage(linked_across=0, max_similarity=0.81, pair=[], components=3, largest_component=1,
                      kept_from_previous=None, moved_from_previous=None)  # fmt: skip
    alone = StageDuplicates(removed=0, clusters=0, largest=1, examples=[])
    spread = Spread(counted=3, missing=0, mean=0.5, quantiles={}, histogram=None)
    usual: dict[str, Any] = {
        "assay_version": "0.1.0",
        "run": Run(run_id="x", name="brisk-otter", seed=1, started="", seconds=1, peak_memory_mb=None, stages=[],
                   versions={}, settings={}, embedding_model=None, embedding_backend=None,
                   embedding_dimensions=None),
        "sources": Sources(read=1, refused=1, files=[
            SourceFigures(source="a|b.jsonl", status="read", shape="messages", rows=4, records=4),
            SourceFigures(source="page.json", status="refused", refusal="is HTML"),
        ]),
        "rows": Rows(source_rows=4, expected=4, ledger=4, reconciles=True, released=records.height, released_share=0.75,
                     unreadable_share=0, review_share=0, outcomes={"train": rows["train"], "dropped": 1}),
        "checks": Checks(checked=4, failed_released=0, families={}),
        "duplicates": Duplicates(exact=alone, near=alone, semantic=alone, suspected=2, conflicts=1,
                                 conflict_examples=[], truncated=0, capped=0, similarities=None, removed_at={}),
        "diversity": Diversity(embedded=3, clusters=None, cluster_sizes=[], cluster_terms=[], vendi=2.5,
                               vendi_random=None, vendi_share=None, nearest=None, nearest_mean=None, verb_objects=[],
                               verb_object_distinct=0, verb_object_entropy=None),
        "quality": spread, "tokens": spread, "languages": {"en": records.height},
        "contamination": Contamination(benchmarks={}, removed=0, by_benchmark={}, examples=[]),
        "selection": None,
        "splits": Splits(**parts, leakage=leakage),
        "people": People(accepted=0, fixed=0, rejected=0, same=0, different=0, unapplied=0, cost=None),
        "exports": exports,
        "expectations": Expectations(success=True, evaluated=1, successful=1, critical_failures=0, warning_failures=0,
                                     not_evaluated=0, results=[]),
        "gate": Verdict(policy="default", passed=True, demands=[]),
    }  # fmt: skip
    return Report(**{**usual, **more})


@pytest.fixture
def card(tmp_path: Path) -> Callable[..., tuple[dict[str, Any], str]]:
    """A release of the records given, with its card: front matter and text."""

    def made(*records: dict[str, Any], **more: Any) -> tuple[dict[str, Any], str]:
        frame = released(*records)
        write_splits(frame, tmp_path)
        write_dataset(frame, tmp_path)
        figures = export(frame, formats=["trl", "litgpt"], out=tmp_path / "exports", max_tokens=100)
        write_card(report_of(frame, figures, **more), tmp_path)
        _, front, text = (tmp_path / "README.md").read_text(encoding="utf-8").split("---\n", 2)
        return yaml.safe_load(front), text

    return made


def test_the_folder_loads_by_its_card_even_where_tools_stand_in_the_test_split_only(card, tmp_path):
    import datasets

    calls = {"messages": [turn("user", "1?"), turn("assistant", "", tool_calls=[CALL])], "tools": '[{"name": "add"}]'}
    card({}, calls | {"split": "test", "license": "mit"})
    loaded = datasets.load_dataset(str(tmp_path), cache_dir=str(tmp_path / "cache"))

    assert {split: part.num_rows for split, part in loaded.items()} == {"train": 1, "test": 1}
    assert loaded["test"][0]["messages"][1]["tool_calls"] == [CALL]
    assert loaded["train"].features == datasets.load_from_disk(tmp_path / "dataset")["train"].features


def test_the_front_matter_names_the_splits_that_have_rows(card):
    front, _ = card({}, {"split": "validation"})

    assert front["configs"] == [
        {
            "config_name": "default",
            "data_files": [
                {"split": "train", "path": "splits/train.jsonl"},
                {"split": "validation", "path": "splits/validation.jsonl"},
            ],
        }
    ]
    assert (front["pretty_name"], front["language"], front["size_categories"]) == ("brisk-otter", ["en"], ["n<1K"])


@pytest.mark.parametrize(
    ("stated", "license", "name"),
    [
        (["MIT", "MIT"], "mit", None),
        (["CC BY-NC 4.0"], "cc-by-nc-4.0", None),
        (["House rules"], "other", "house-rules"),
        (["MIT", "CC BY 4.0"], "other", "mixed"),
        (["MIT", None], "other", "mixed"),
        ([None], "unknown", None),
    ],
)
def test_one_licence_is_claimed_only_where_every_row_states_it(stated, license, name, card):
    front, _ = card(*({"license": one} for one in stated))

    assert (front["license"], front.get("license_name")) == (license, name)


def test_licences_are_summed_up_with_the_rows_that_state_none(card):
    _, text = card({"license": "MIT"}, {"license": "MIT"}, {})

    assert "| [MIT](https://spdx.org/licenses/MIT.html) | 2 | name the authors |\n| not stated | 1 | not known" in text


def test_the_text_says_what_each_trainer_did_not_get_and_how_to_load(card):
    _, text = card(
        {},
        {"messages": [turn("user", "Why?")]},
        {"messages": [turn("system", "S"), turn("user", "Hi"), turn("assistant", "Yo.")]},
    )

    assert "| trl | 2 | 1 | no_response 1 |" in text
    assert "| litgpt | 1 | 2 | no_response 1, system_unsupported 1 |" in text
    assert "--data.json_path exports/litgpt" in text
    assert 'load_from_disk("DIR/dataset")' in text


def test_what_was_not_measured_is_said_and_not_zero(card):
    _, text = card({})

    assert "against not measured for a random subset" in text
    assert "none, so this release says nothing about contamination" in text


def test_a_refused_release_says_so_and_why(card):
    demand = DemandResult(figure="rows.reconciles", requirement="equal to True", measured=False, margin=None,
                          passed=False, severity="fail", why=None)  # fmt: skip
    _, text = card({}, gate=Verdict(policy="strict", passed=False, demands=[demand]))

    assert (
        '**The gate refused it**, by the policy "strict":\n- `rows.reconciles` must be equal to True, and is False\n'
        in text
    )


def test_names_from_sources_cannot_break_the_tables(card):
    _, text = card({})

    assert "| a\\|b.jsonl | messages | 4 | 4 | 0 |" in text
    assert "| page.json | refused: is HTML | 0 | 0 | 0 |" in text


def test_an_empty_release_has_a_card_that_says_so(card):
    front, text = card()

    assert front["configs"] == []
    assert "Nothing is released" in text
