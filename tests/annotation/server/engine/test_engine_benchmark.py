"""What the benchmark times is what it says: each of its calls finds as many as there are. Nothing is timed here."""

from typing import Any

import pytest

from benchmarks import annotation_engine as benchmark
from benchmarks.annotation_data import Server


def test_every_entry_finds_what_is_there(argilla: Any) -> None:
    with (
        Server(argilla.url, argilla.api_key) as server,
        benchmark.filled_server(server, 40) as (filled, seconds),
    ):
        assert seconds > 0
        listed = benchmark.entries(filled)
        counts = {name: (benchmark.counted(entry.call()), entry.count) for name, entry in listed.items()}
        last = ids(listed["page of 10, the last"].call())
        assert len(last) == 10
        assert not last & ids(filled.search({}, limit=30))
    assert {name: told for name, told in counts.items() if told[0] != told[1]} == {}
    assert filled.answered == 20
    assert all(filled.rows)


def ids(page: Any) -> set[str]:
    return {item["record"]["external_id"] for item in page["items"]}


@pytest.mark.parametrize(("median", "said"), [(199.9, "200 ms  met"), (200.1, "200 ms  MISSED")])
def test_the_table_says_whether_what_is_promised_is_kept(median: float, said: str) -> None:
    missed = ["a page"] if median > benchmark.LIMIT_MS else []
    figures = {
        "records": 1,
        "logged_per_second": 1.0,
        "median_ms": {"a page": median, "the first": 900.0},
        "once": ["the first"],
        "missed": missed,
    }
    lines = benchmark._table(figures).splitlines()
    assert lines[-2].endswith(said)
    assert lines[-1].split()[-1] == "once"
