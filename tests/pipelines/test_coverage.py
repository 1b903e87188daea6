"""How released rows spread over domains, tasks and clusters, and what there is little of."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from checks.diversity import task
from pipelines._breadth import breadth
from pipelines._coverage import coverage
from pipelines._domains import with_domains
from pipelines.embedding.encoder import Encoder
from schemas.report import Report

MakeRecords = Callable[[list[dict[str, Any]]], pl.DataFrame]
TOLD = {"medicine": "diseases and symptoms; drugs", "code": "write a Python function; an SQL query"}


def seen(make_records: MakeRecords, *rows: tuple[str, str, int | None, str | None]) -> pl.DataFrame:
    """Records of prompt, outcome, cluster and domain."""
    frame = make_records([{"prompt": prompt, "completion": "Yes."} for prompt, *_ in rows])
    return frame.with_columns(
        outcome=pl.Series([outcome for _, outcome, *_ in rows]),
        cluster=pl.Series([cluster for *_, cluster, _ in rows], dtype=pl.Int64),
        domain=pl.Series([domain for *_, domain in rows], dtype=pl.String),
        quality=pl.lit(0.5),
        nearest_similarity=pl.lit(0.25),
    )


def test_a_task_is_told_by_the_word_that_opens_the_prompt() -> None:
    prompts = [
        "Please summarize this.",
        "user: Who was it?",
        "Könntest du?",
        "Given a list, sort it.",
        "",
        "What's up?",
    ]
    assert task(pl.Series(prompts)).to_list() == [
        "summarise", "answer a question", "other", "other", "other", "answer a question",
    ]  # fmt: skip


def test_each_row_counts_once_and_only_released_ones_are_coverage(make_records: MakeRecords) -> None:
    records = seen(
        make_records,
        *[("Write a story.", "train", 0, "general")] * 8,
        ("Translate it.", "test", 1, "medicine"),
        ("Translate that.", "review", 1, "medicine"),
        ("Write an ode.", "dropped", None, None),
    )
    found = coverage(records, domains=["medicine", "code"], terms={0: "story, ode"})
    assert [(one.name, one.scored, one.released, one.thin) for one in found.domains] == [
        ("medicine", 2, 1, False), ("code", 0, 0, True), ("general", 8, 8, False),
    ]  # fmt: skip
    tasks = {one.name: one.released for one in found.tasks}
    assert (tasks["write"], tasks["translate"], sum(tasks.values())) == (8, 1, 9)
    assert [(one.name, one.released) for one in found.clusters] == [("story, ode", 8), ("cluster 1", 1)]
    assert found.domain_tasks == {"general": {"write": 8}, "medicine": {"translate": 1}}
    assert found.domains[1].quality_mean is None
    assert found.domains[0].examples == ["Translate it."]


def test_where_no_domain_was_looked_for_none_is_reported(make_records: MakeRecords) -> None:
    found = coverage(seen(make_records, ("Write it.", "train", 0, None)), domains=["code"], terms={})
    assert (found.domains, found.domain_tasks) == ([], {})
    assert coverage(seen(make_records), domains=[], terms={}).clusters == []


def test_domains_are_those_that_people_are_asked_by(make_records: MakeRecords, store: Any) -> None:
    prompts = ["Write a Python function that adds two numbers.", "Which drugs lower a fever?", "Name a river in Spain."]
    rows = [{"prompt": prompt} for prompt in prompts] + [{"prompt": "Name a sea.", "metadata": '{"domain": "Code"}'}]
    records = make_records(rows).with_columns(vector=pl.int_range(4, dtype=pl.Int64))
    encoder = Encoder("builtin", cache=str(store))
    vectors = encoder.encode(records["prompt"]).vectors
    found = with_domains(records, vectors, encoder, domains=TOLD, min_similarity=0.32)
    assert found["domain"].to_list() == ["code", "medicine", "general", "code"]
    nothing = with_domains(records, vectors, encoder, domains={}, min_similarity=0.32)
    assert nothing["domain"].to_list() == [None] * 4
    assert with_domains(records.head(0), np.zeros((0, 0)), encoder, domains=TOLD, min_similarity=0.3).is_empty()


def test_the_page_says_what_to_collect_and_how_much_of_it(stored: Callable[[str], Report]) -> None:
    shown = breadth(stored("full"))
    assert shown is not None
    assert [(row.kind, row.it.name, row.missing) for row in shown.wanted] == [
        ("domain", "medical", 3685), ("task", "translate", 3424), ("topic", "moths, ants", 4565),
    ]  # fmt: skip
    assert shown.grid is not None
    assert shown.grid.tasks == ["other", "answer a question", "write", "translate"]
    assert [(name, [cell.rows for cell in cells]) for name, cells in shown.grid.rows] == [
        ("medical", [0, 880, 0, 0]), ("code", [0, 0, 8897, 0]), ("general", [20000, 18897, 6103, 0]),
    ]  # fmt: skip
    assert breadth(stored("empty")) is None
