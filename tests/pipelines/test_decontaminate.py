from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from pipelines.decontaminate import decontaminate
from schemas.errors import BenchmarkError

Make = Callable[[list[dict[str, Any]]], pl.DataFrame]

QUESTION = (
    "A gardener plants twelve rows of tulips with nine bulbs in each row and then gives away seventeen bulbs. "
    "How many bulbs are left in the ground?"
)


def search(make_records: Make, *prompts: str) -> dict[int, float]:
    records = make_records([{"prompt": prompt, "completion": "91"} for prompt in prompts])
    benchmark = make_records(
        [
            {"prompt": QUESTION, "completion": "91"},
            {"prompt": "Name the largest planet in our solar system and say how it was found", "completion": "Jupiter"},
        ]
    )
    found = decontaminate(records, {"tests/mini.jsonl": benchmark}, ngram=5, min_overlap=0.5)
    assert found.kept.height + found.dropped.height == records.height
    for row in found.dropped.iter_rows(named=True):
        assert (row["outcome"], row["reasons"]) == ("contaminated", ["contamination.mini"])
        assert row["detail"] == "holds item 1 of tests/mini.jsonl"
    return dict(found.dropped.select("source_row", "similarity").iter_rows())


def test_an_item_is_found_whole_in_capitals_and_wrapped(make_records: Make) -> None:
    wrapped = f"Solve this for my class, please. {QUESTION} Show each step."
    assert search(make_records, QUESTION, QUESTION.upper(), wrapped) == {1: 1.0, 2: 1.0, 3: 1.0}


def test_half_an_item_is_enough_and_a_shared_phrase_is_not(make_records: Make) -> None:
    words = QUESTION.split()
    found = search(
        make_records, " ".join(words[: len(words) * 3 // 4]), "A gardener plants twelve rows of roses along a wall"
    )
    assert list(found) == [1]
    assert 0.5 <= found[1] < 1


def test_boilerplate_of_the_benchmark_is_not_contamination(make_records: Make) -> None:
    boilerplate = "Answer the following multiple choice question by giving the letter of the right option"
    items = make_records(
        [
            {"prompt": f"{boilerplate}: item {n} about subject {n * 31} in the year {n}", "completion": "A"}
            for n in range(40)
        ]
    )
    records = make_records([{"prompt": f"{boilerplate}, then explain yourself", "completion": "A"}])
    assert decontaminate(records, {"quiz": items}, ngram=5, min_overlap=0.5).dropped.is_empty()


def test_an_empty_benchmark_is_an_error_and_never_zero_contaminated(make_records: Make) -> None:
    records = make_records([{"prompt": "Hi", "completion": "Hi"}])
    with pytest.raises(BenchmarkError, match=r"empty\.jsonl: has no question to compare with"):
        decontaminate(records, {"empty.jsonl": make_records([])}, ngram=5, min_overlap=0.5)


def test_without_benchmarks_everything_stays(make_records: Make) -> None:
    found = decontaminate(make_records([{"prompt": "Hi", "completion": "Hi"}]), {}, ngram=5, min_overlap=0.5)
    assert found.kept.height == 1
    assert found.figures == {"benchmarks": {}, "removed": 0, "by_benchmark": {}}


def test_other_numbers_and_words_left_out_are_still_the_item(make_records: Make) -> None:
    other = QUESTION.replace("twelve", "12").replace("nine", "9").replace("seventeen", "17")
    benchmark = make_records([{"prompt": other, "completion": "91"}])
    words = other.split()
    changed = other.replace("12", "340").replace("9", "4").replace("17", "88")
    dropped = " ".join(word for place, word in enumerate(words) if place % 9 != 4)
    records = make_records([{"prompt": prompt, "completion": "A"} for prompt in (changed, dropped)])
    found = decontaminate(records, {"sums": benchmark}, ngram=5, min_overlap=0.5).dropped
    assert found["row_id"].to_list() == [0, 1]
    assert found["similarity"][0] == 1.0
    assert 0.5 <= found["similarity"][1] < 1


def test_items_that_differ_in_numbers_alone_are_told_apart_by_them(make_records: Make) -> None:
    sums = make_records([{"prompt": f"What is {n} plus {n * 7} in all?", "completion": "A"} for n in range(100, 160)])
    asked = ["What is 120 plus 840 in all?", "What is 120 plus 841 in all?"]
    records = make_records([{"prompt": prompt, "completion": "A"} for prompt in asked])
    found = decontaminate(records, {"sums": sums}, ngram=5, min_overlap=0.5).dropped
    assert found["row_id"].to_list() == [0]
    assert found["detail"].to_list() == ["holds item 21 of sums"]


def test_half_of_a_few_words_is_nothing_and_all_of_them_is_an_item(make_records: Make) -> None:
    items = make_records([{"prompt": "Tell me a joke about cats", "completion": "A"}])
    prompts = ["Tell me a joke about dogs", "Please tell me a joke about cats!"]
    records = make_records([{"prompt": prompt, "completion": "A"} for prompt in prompts])
    assert decontaminate(records, {"jokes": items}, ngram=5, min_overlap=0.5).dropped["row_id"].to_list() == [1]


def test_a_phrase_said_twice_counts_once(make_records: Make) -> None:
    """Overlapping runs, and runs that a text repeats, cover their words once."""
    records = make_records([{"prompt": "A gardener plants twelve rows of tulips. " * 9, "completion": "A"}])
    items = make_records([{"prompt": QUESTION, "completion": "A"}])
    words = 7 / len(QUESTION.split())
    assert decontaminate(records, {"sums": items}, ngram=5, min_overlap=0.2).dropped["similarity"].to_list() == [
        pytest.approx(words, abs=1e-5)
    ]
