"""Exactly one of each cluster stays, and the ledger can say why the others went."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import _minhash
from pipelines._pair_verdicts import SAID_SAME
from pipelines.decide import undecided
from pipelines.dedup import HELD, Deduped, dedup
from pipelines.embedding.encoder import Encoder
from pipelines.ingest import read_records
from schemas.decision import DECISION_SCHEMA, pair_subject

Make = Callable[[list[dict[str, Any]]], pl.DataFrame]

LONG = (
    "To repot a houseplant choose a pot one size larger, loosen the roots gently, add fresh soil around them, "
    "press it down with your fingers, water it well and keep the plant out of direct sun for about one week"
)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return Encoder(cache=tmp_path_factory.mktemp("vectors"))


def run(records: pl.DataFrame, encoder: Encoder, **changed: Any) -> Deduped:
    ready = records
    if "quality" not in ready.columns:
        ready = ready.with_columns(quality=pl.lit(0.5))
    if "review_reasons" not in ready.columns:
        ready = ready.with_columns(review_reasons=pl.lit([], dtype=pl.List(pl.String)))
    if "original_record_id" not in ready.columns:
        ready = undecided(ready.lazy()).collect()
    said: dict[str, Any] = {
        "decisions": pl.DataFrame(schema=DECISION_SCHEMA),
        "min_jaccard": 0.8,
        "min_similarity": 0.92,
        "suspect_similarity": 0.88,
        "answer_agreement": 0.9,
        "answer_conflict": 0.5,
        "seed": 1,
    }
    found = dedup(ready.lazy(), encoder=encoder, **{**said, **changed})
    whole = ready.drop(HELD[1:], strict=False)
    kept, dropped = (
        whole.join(each, on="row_id", how="inner", maintain_order="left")
        for each in (found.outcome.kept, found.outcome.dropped)
    )
    return found._replace(outcome=found.outcome._replace(kept=kept, dropped=dropped))


def removed(found: Deduped) -> dict[int, list[str]]:
    return dict(found.outcome.dropped.select("source_row", "reasons").iter_rows())


def test_two_mutual_duplicates_leave_exactly_one(make_records: Make, encoder: Encoder) -> None:
    twins = make_records([{"prompt": "Name a fruit.", "completion": "An apple."}] * 2)
    found = run(twins, encoder)
    assert found.outcome.kept["source_row"].to_list() == [1]
    gone = found.outcome.dropped.row(0, named=True)
    assert gone["reasons"] == ["duplicate.exact"]
    assert (gone["outcome"], gone["similarity"]) == ("duplicate", 1.0)
    assert gone["twin"] == found.outcome.kept["record_id"][0]


def test_all_alike_leaves_one_and_all_different_leaves_all(make_records: Make, encoder: Encoder) -> None:
    same = make_records([{"prompt": "Say hi", "completion": "Hi"}] * 50)
    assert run(same, encoder).outcome.kept.height == 1
    different = make_records(
        [{"prompt": f"Topic {word}", "completion": word} for word in ("oak", "jazz", "tax", "sea")]
    )
    assert run(different, encoder).outcome.kept.height == 4


def test_case_and_spaces_make_no_difference_but_indentation_does(make_records: Make, encoder: Encoder) -> None:
    rows = make_records(
        [
            {"prompt": "Write a loop", "completion": "for x in y:\n    a()\nb()"},
            {"prompt": "write a  LOOP ", "completion": "for x in y:\n    a()\nb() "},
            {"prompt": "Write a loop", "completion": "for x in y:\n    a()\n    b()"},
        ]
    ).with_columns(quality=pl.Series([0.9, 0.5, 0.5]))
    gone = removed(run(rows, encoder))
    assert gone[2] == ["duplicate.exact"]
    assert gone[3] != ["duplicate.exact"]


def test_the_better_one_stays_and_a_flagged_one_goes_first(make_records: Make, encoder: Encoder) -> None:
    rows = make_records([{"prompt": "Name a fruit.", "completion": "An apple."}] * 3)
    rows = rows.with_columns(
        quality=pl.Series([0.2, 0.9, 0.95]),
        review_reasons=pl.Series([[], [], ["refusal.full"]], dtype=pl.List(pl.String)),
    )
    assert run(rows, encoder).outcome.kept["source_row"].to_list() == [2]


def test_a_changed_word_in_a_long_answer_is_a_near_duplicate(make_records: Make, encoder: Encoder) -> None:
    rows = make_records(
        [
            {"prompt": "How do I repot a plant?", "completion": LONG},
            {"prompt": "How do I repot a plant?", "completion": LONG.replace("gently", "carefully")},
        ]
    )
    found = run(rows, encoder)
    gone = found.outcome.dropped.row(0, named=True)
    assert gone["reasons"] == ["duplicate.near"]
    assert 0.8 <= gone["similarity"] < 1
    assert gone["detail"] is None


def test_a_chain_is_one_cluster_and_says_how_its_end_came_in(make_records: Make, encoder: Encoder) -> None:
    words = LONG.split()
    second = [*words[:8], "slightly", *words[9:]]
    third = [*second[:20], "thoroughly", *second[21:]]
    fourth = [*third[:30], "softly", *third[31:]]
    rows = make_records(
        [{"prompt": "Repot?", "completion": " ".join(text)} for text in (words, second, third, fourth)]
    ).with_columns(quality=pl.Series([0.9, 0.5, 0.5, 0.5]))
    found = run(rows, encoder, min_jaccard=0.8)
    assert found.outcome.kept["source_row"].to_list() == [1]
    last = found.outcome.dropped.filter(pl.col("source_row") == 4).row(0, named=True)
    assert last["twin"] == found.outcome.kept["record_id"][0]
    assert last["similarity"] < 0.8
    assert "closest link is 0.8" in last["detail"]


def test_the_same_question_in_other_words_with_the_same_answer_is_a_semantic_duplicate(
    make_records: Make, encoder: Encoder
) -> None:
    rows = make_records(
        [
            {"prompt": "What is the capital city of France?", "completion": "The capital of France is Paris."},
            {"prompt": "Which city is the capital of France?", "completion": "Paris is the capital of France."},
        ]
    )
    found = run(rows, encoder)
    gone = found.outcome.dropped.row(0, named=True)
    assert gone["reasons"] == ["duplicate.semantic"]
    assert gone["similarity"] >= 0.92
    assert gone["twin"] == found.outcome.kept["record_id"][0]


def test_signatures_from_the_cache_change_nothing(
    make_records: Make, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"prompt": "How do I repot a houseplant?", "completion": LONG},
        {"prompt": "How do I repot a houseplant?", "completion": LONG.replace("gently", "carefully")},
        {"prompt": "Name a fruit.", "completion": "An apple."},
    ]
    records = make_records(rows)
    plain = run(records, encoder)
    first = run(records, encoder, cache=str(tmp_path))
    monkeypatch.setattr(_minhash, "ngrams", None)  # nothing is left to be worked out
    for found in (first, run(records, encoder, cache=str(tmp_path))):
        assert list(removed(found).values()) == [["duplicate.near"]]
        assert found.outcome.dropped.equals(plain.outcome.dropped)
        assert found.outcome.kept.equals(plain.outcome.kept)


def test_near_equal_prompts_with_different_answers_are_a_conflict_and_nothing_is_removed(
    make_records: Make, encoder: Encoder
) -> None:
    rows = make_records(
        [
            {"prompt": "Is a tomato a fruit or a vegetable?", "completion": "A fruit."},
            {"prompt": "Is a tomato a fruit or a vegetable", "completion": "A vegetable."},
        ]
    )
    found = run(rows, encoder)
    assert found.outcome.dropped.is_empty()
    assert found.outcome.kept["suspicion"].to_list() == [["duplicate.conflict"]] * 2
    one, two = found.outcome.kept["record_id"]
    assert found.outcome.kept["suspicion_twin"].to_list() == [two, one]


def test_alternative_replies_in_one_conversation_are_no_conflict(make_records: Make, encoder: Encoder) -> None:
    rows = make_records(
        [
            {"prompt": "Is a tomato a fruit?", "completion": "Yes.", "group": "tree"},
            {"prompt": "Is a tomato a fruit?", "completion": "No.", "group": "tree"},
        ]
    )
    assert run(rows, encoder).outcome.kept["suspicion"].null_count() == 2


def test_one_document_with_two_questions_is_not_a_duplicate(make_records: Make, encoder: Encoder) -> None:
    document = " ".join(f"Fact number {n} concerns item {n * 7} of the plan." for n in range(40))
    rows = make_records(
        [
            {"prompt": f"Who wrote it?\n\n{document}", "completion": "Maria.", "context": document},
            {"prompt": f"When was it written?\n\n{document}", "completion": "In 1990.", "context": document},
        ]
    )
    found = run(rows, encoder)
    assert found.outcome.dropped.is_empty()
    assert found.outcome.kept["suspicion"].null_count() == 2


def test_changed_numbers_make_another_task(make_records: Make, encoder: Encoder) -> None:
    rows = make_records(
        [
            {"prompt": "What is 15 plus 27?", "completion": "15 plus 27 is 42."},
            {"prompt": "What is 15 plus 28?", "completion": "15 plus 28 is 43."},
        ]
    )
    found = run(rows, encoder, min_similarity=0.8, suspect_similarity=0.7)
    assert found.outcome.dropped.is_empty()


def test_what_the_threshold_only_suspects_goes_to_people(make_records: Make, encoder: Encoder) -> None:
    rows = make_records(
        [
            {"prompt": "What is the capital city of France?", "completion": "The capital of France is Paris."},
            {"prompt": "Which city is the capital of France?", "completion": "Paris is the capital of France."},
        ]
    ).with_columns(quality=pl.Series([0.4, 0.8]))
    found = run(rows, encoder, min_similarity=0.999)
    assert found.outcome.dropped.is_empty()
    assert found.outcome.kept["suspicion"].to_list() == [["duplicate.semantic"], None]


def test_opposite_labels_and_swapped_preferences_are_conflicts(make_records: Make, encoder: Encoder) -> None:
    good, bad = [{"role": "assistant", "content": "Sure."}], [{"role": "assistant", "content": "Go away."}]
    rows = make_records(
        [
            {"kind": "kto", "prompt": "Help me move house", "completion": "Gladly.", "label": True},
            {"kind": "kto", "prompt": "Help me move house", "completion": "Gladly.", "label": False},
            {"kind": "preference", "prompt": "Lend me a pen", "completion": "Sure.", "chosen": good, "rejected": bad},
            {
                "kind": "preference",
                "prompt": "Lend me a pen",
                "completion": "Go away.",
                "chosen": bad,
                "rejected": good,
            },
        ]
    )
    found = run(rows, encoder)
    assert found.outcome.dropped.is_empty()
    assert found.outcome.kept["suspicion"].to_list() == [["duplicate.conflict"]] * 4


def test_a_twin_is_always_among_the_kept_even_through_two_ways_of_removal(make_records: Make, encoder: Encoder) -> None:
    rows = make_records(
        [
            {"prompt": "How do I repot a plant?", "completion": LONG},
            {"prompt": "How do I repot a plant?", "completion": LONG.replace("gently", "carefully")},
            {"prompt": "how do i repot a plant?", "completion": LONG.replace("gently", "carefully").upper()},
        ]
    ).with_columns(quality=pl.Series([0.9, 0.5, 0.4]))
    found = run(rows, encoder)
    assert removed(found) == {2: ["duplicate.near"], 3: ["duplicate.exact"]}
    assert found.outcome.dropped["twin"].to_list() == [found.outcome.kept["record_id"][0]] * 2
    through = found.outcome.dropped.filter(pl.col("source_row") == 3)["detail"][0]
    assert "itself a duplicate" in through


def test_another_threshold_needs_no_embedding(
    make_records: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make_records(
        [
            {"prompt": "What is the capital city of France?", "completion": "The capital of France is Paris."},
            {"prompt": "Which city is the capital of France?", "completion": "Paris is the capital of France."},
        ]
    )
    first = run(rows, Encoder(cache=tmp_path))
    again = Encoder(cache=tmp_path)
    monkeypatch.setattr(Encoder, "_embed", lambda *_: pytest.fail("embedded again"))
    assert run(rows, again, min_similarity=0.999).outcome.dropped.is_empty()
    assert run(rows, again).outcome.dropped.equals(first.outcome.dropped)
    assert first.outcome.figures["semantic"]["removed_at"]["0.92"] == 1
    assert first.outcome.figures["semantic"]["removed_at"]["1.00"] == 0


def test_the_curve_says_what_each_threshold_would_remove(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the samples, whose duplicates are planted: every point of it is what a run at that threshold removes."""
    files = sorted((Path(__file__).resolve().parents[2] / "data" / "samples" / "train").iterdir())
    read = [read_records(str(file)) for file in files if file.suffix in (".json", ".jsonl", ".csv")]
    rows = pl.concat(read).with_columns(row_id=pl.int_range(pl.len()))
    curve = run(rows, encoder).outcome.figures["semantic"]["removed_at"]
    monkeypatch.setattr(Encoder, "_embed", lambda *_: pytest.fail("embedded again"))
    removed = {
        step: run(rows, encoder, min_similarity=float(step)).outcome for step in ("0.98", "0.95", "0.92", "0.88")
    }
    assert {step: found.figures["semantic"]["removed"] for step, found in removed.items()} == {
        step: curve[step] for step in removed
    }
    assert curve["0.88"] > curve["0.98"]


def test_an_answer_that_holds_the_other_is_no_conflict(make_records: Make, encoder: Encoder) -> None:
    rows = make_records(
        [
            {"prompt": "How many states are there in the United States?", "completion": "There are 50 states."},
            {"prompt": "How many states are there in the United States", "completion": "50"},
        ]
    )
    found = run(rows, encoder)
    assert found.outcome.kept["suspicion"].null_count() == 2


def test_alike_records_of_different_kinds_are_linked_though_none_is_removed(
    make_records: Make, encoder: Encoder
) -> None:
    rows = make_records(
        [
            {"kind": "sft", "prompt": "Help me move house", "completion": "Gladly."},
            {"kind": "kto", "prompt": "Help me move house", "completion": "Gladly.", "label": True},
        ]
    )
    found = run(rows, encoder)
    assert found.outcome.dropped.is_empty()
    assert (0, 1, 1.0) in set(found.links.select("a", "b", "similarity").iter_rows())


def test_no_records_at_all(make_records: Make, encoder: Encoder) -> None:
    found = run(make_records([]), encoder)
    assert found.outcome.kept.is_empty()
    assert found.outcome.dropped.is_empty()


TEXTS = st.sampled_from(
    [
        "Paris",
        "paris ",
        "The capital is Paris.",
        "It is Paris, the capital.",
        "Rome",
        "",
        LONG,
        LONG.replace("week", "day"),
    ]
)
PROMPTS = st.sampled_from(["Capital of France?", "capital of France", "What is France's capital?", "Repot?", "Hi"])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(PROMPTS, TEXTS, st.sampled_from([0.1, 0.5, None])), max_size=8))
def test_kept_and_dropped_partition_and_a_second_run_removes_nothing(
    make_records: Make, encoder: Encoder, rows: list[tuple[str, str, float | None]]
) -> None:
    records = make_records([{"prompt": prompt, "completion": text} for prompt, text, _ in rows]).with_columns(
        quality=pl.Series([quality for *_, quality in rows], dtype=pl.Float64)
    )
    found = run(records, encoder)
    both = sorted([*found.outcome.kept["row_id"], *found.outcome.dropped["row_id"]])
    assert both == list(range(len(rows)))
    kept_ids = set(found.outcome.kept["record_id"])
    assert set(found.outcome.dropped["twin"]) <= kept_ids
    again = run(found.outcome.kept.select(records.columns), encoder)
    assert again.outcome.dropped.is_empty()


def test_people_outweigh_the_threshold_on_a_pair(make_records: Make, encoder: Encoder) -> None:
    """One suspected pair, judged three ways: nobody asked, the same, different."""
    pair = [
        {
            "prompt": "How do I learn to swim as an adult beginner?",
            "completion": "Take lessons and practise each week.",
        },
        {"prompt": "How can I learn swimming as an adult?", "completion": "Take lessons and practise each week."},
    ]
    records = make_records(pair)
    subject = pair_subject(*records["record_id"])

    def judged(verdict: str, **changed: Any) -> Deduped:
        said = {"subject": [subject], "kind": ["pair"], "verdict": [verdict]}
        blank = [pl.lit(None, dtype).alias(name) for name, dtype in DECISION_SCHEMA.items() if name not in said]
        decisions = pl.DataFrame(said).with_columns(blank).select(DECISION_SCHEMA.names())
        return run(records, encoder, decisions=decisions, **changed)

    open_question = run(records, encoder, min_similarity=0.99, suspect_similarity=0.8)
    assert open_question.outcome.kept["suspicion"].drop_nulls().to_list() == [["duplicate.semantic"]]
    same = judged("same", min_similarity=0.99, suspect_similarity=0.8).outcome
    assert same.dropped["reasons"].to_list() == [["duplicate.semantic"]]
    assert same.dropped["detail"].to_list() == [SAID_SAME]
    assert same.dropped["twin"].to_list() == same.kept["record_id"].to_list()
    # Even where the threshold alone would have removed one of them.
    different = judged("different", min_similarity=0.8, suspect_similarity=0.8).outcome
    assert different.dropped.is_empty()
    assert different.kept["suspicion"].null_count() == 2
