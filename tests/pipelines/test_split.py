from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.dedup import LINKS
from pipelines.split import Split, split

Make = Callable[[list[dict[str, Any]]], pl.DataFrame]


def share_out(records: pl.DataFrame, links: list[tuple[int, int, float, str]] | None = None, **changed: Any) -> Split:
    """Every record kept, each with a vector of its own."""
    ready = records.with_columns(vector=pl.col("row_id"))
    vectors = np.eye(max(records.height, 1), dtype=np.float32)
    pairs = pl.DataFrame(links or [], schema=LINKS, orient="row")
    said: dict[str, Any] = {"validation": 0.2, "test": 0.2, "link_similarity": 0.9, "seed": 3}
    return split(ready, records, pairs, vectors, **{**said, **changed})


def where(found: Split) -> dict[str, str]:
    return dict(found.records.select("record_id", "split").iter_rows())


def rows(make_records: Make, count: int, **columns: Any) -> pl.DataFrame:
    return make_records([{"prompt": f"question {n}", "completion": f"answer {n}", **columns} for n in range(count)])


def test_shares_come_near_what_was_asked(make_records: Make) -> None:
    found = share_out(rows(make_records, 2000))
    shares = {name: count / 2000 for name, count in found.records["split"].value_counts().iter_rows()}
    assert abs(shares["test"] - 0.2) < 0.03
    assert abs(shares["validation"] - 0.2) < 0.03


def test_what_is_alike_stays_on_one_side(make_records: Make) -> None:
    links = [(n, n + 1, 0.95, "semantic") for n in range(0, 99, 3)]
    found = share_out(rows(make_records, 100), links)
    side = found.records["split"].to_list()
    assert all(side[a] == side[b] for a, b, *_ in links)
    assert found.figures["linked_across"] == 0


def test_weak_likeness_does_not_bind(make_records: Make) -> None:
    found = share_out(rows(make_records, 60), [(0, n, 0.86, "semantic") for n in range(1, 60)])
    assert found.figures["largest_component"] == 1


def test_a_conversation_and_a_document_stay_on_one_side(make_records: Make) -> None:
    one = share_out(rows(make_records, 50, group="tree-1"))
    assert one.records["split"].n_unique() == 1
    other = share_out(rows(make_records, 50, context="The handbook says a great deal about leave. " * 4))
    assert other.records["split"].n_unique() == 1


def test_two_rows_near_the_same_removed_row_stay_together(make_records: Make) -> None:
    records = rows(make_records, 40)
    links = [(0, 20, 0.85, "near"), (20, 39, 0.85, "near")]
    kept = records.filter(pl.col("row_id") != 20).with_columns(vector=pl.col("row_id"))
    found = split(
        kept,
        records,
        pl.DataFrame(links, schema=LINKS, orient="row"),
        np.eye(40, dtype=np.float32),
        validation=0.3,
        test=0.3,
        link_similarity=0.9,
        seed=3,
    )
    side = dict(found.records.select("row_id", "split").iter_rows())
    assert side[0] == side[39]


def test_a_record_keeps_its_split_when_data_is_added_behind_it(make_records: Make) -> None:
    before = where(share_out(rows(make_records, 200)))
    grown = rows(make_records, 300)
    after = where(share_out(grown, [(5, 250, 0.95, "semantic"), (6, 251, 0.99, "near")]))
    assert all(after[record] == side for record, side in before.items())


def test_an_earlier_release_holds_records_in_place_and_a_merger_of_two_sides_goes_to_train(make_records: Make) -> None:
    records = rows(make_records, 6)
    ids = records["record_id"].to_list()
    previous = pl.DataFrame({"record_id": ids[:3], "split": ["test", "validation", "train"]})
    alone = share_out(records, previous=previous)
    assert [where(alone)[record] for record in ids[:3]] == ["test", "validation", "train"]
    assert (alone.figures["kept_from_previous"], alone.figures["moved_from_previous"]) == (3, 0)
    merged = share_out(records, [(0, 1, 0.95, "semantic")], previous=previous)
    assert [where(merged)[record] for record in ids[:3]] == ["train", "train", "train"]
    assert (merged.figures["kept_from_previous"], merged.figures["moved_from_previous"]) == (1, 2)


def test_a_record_that_was_corrected_or_repaired_since_keeps_its_place_too(make_records: Make) -> None:
    records = rows(make_records, 3)
    ids = records["record_id"].to_list()
    changed = records.with_columns(record_id=pl.lit("new-") + pl.col("record_id"), original_record_id="record_id")
    previous = pl.DataFrame({"record_id": ids, "split": ["test", "validation", "train"]})
    found = share_out(changed, previous=previous)
    assert found.records["split"].to_list() == ["test", "validation", "train"]
    assert (found.figures["kept_from_previous"], found.figures["moved_from_previous"]) == (3, 0)


def test_the_closest_train_and_test_records_are_named(make_records: Make) -> None:
    records = rows(make_records, 30)
    ready = records.with_columns(vector=pl.col("row_id"))
    vectors = np.eye(30, dtype=np.float32)
    found = split(
        ready, records, pl.DataFrame(schema=LINKS), vectors, validation=0, test=0.5, link_similarity=0.9, seed=3
    )
    assert found.figures["max_similarity"] == 0.0
    test, train = found.figures["pair"]
    assert (where(found)[test], where(found)[train]) == ("test", "train")


def test_nothing_to_share_out(make_records: Make) -> None:
    found = share_out(rows(make_records, 0))
    assert found.records.is_empty()
    assert found.figures["max_similarity"] is None
    assert found.figures["pair"] == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    links=st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)).filter(lambda p: p[0] < p[1]), max_size=15),
    seed=st.integers(0, 50),
)
def test_no_link_ever_crosses_and_every_record_has_a_split(
    make_records: Make, links: list[tuple[int, int]], seed: int
) -> None:
    found = share_out(rows(make_records, 20), [(a, b, 1.0, "near") for a, b in links], seed=seed)
    assert set(found.records["split"]) <= {"train", "validation", "test"}
    assert found.records["split"].null_count() == 0
    assert found.figures["linked_across"] == 0


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**16), count=st.integers(4, 700))
def test_the_closest_of_train_and_test_is_found_without_looking_for_all(
    make_records: Make, seed: int, count: int
) -> None:
    """What is known of each row's nearest says which rows can be the closest; the answer is that of a full search."""
    from pipelines._neighbours import nearest

    vectors = np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[count // 2] = vectors[0]  # two that are equal
    records = rows(make_records, count).with_columns(vector=pl.col("row_id"))
    known = nearest(vectors).similarity
    said: dict[str, Any] = {"validation": 0.2, "test": 0.2, "link_similarity": 0.9, "seed": seed}
    nothing = pl.DataFrame(schema=LINKS)
    quick = split(records.with_columns(nearest_similarity=pl.Series(known)), records, nothing, vectors, **said)
    whole = split(records, records, nothing, vectors, **said)
    assert quick.figures == whole.figures
