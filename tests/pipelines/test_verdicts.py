"""Verdicts are remembered: nothing runs twice for a record, and a changed check runs again, alone."""

from collections import Counter

import polars as pl
import pytest

from checks.registry import Check, Severity
from pipelines import _verdicts
from pipelines._measures import measures
from pipelines._record_keys import record_keys
from pipelines._verdicts import judged
from pipelines.validate import validate

RIVER = {"prompt": "Where does the river rise?", "completion": "It rises in the hills near the old town."}
LAKE = {"prompt": "Where does the lake lie?", "completion": "It lies between the two hills."}
SEA = {"prompt": "Where does the sea begin?", "completion": "It begins where the land ends."}


class Ran:
    """Checks that count the records that they are asked about. What `refuses` says is what a check is made of."""

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()

    def check(self, name: str, refuses: str) -> Check:
        def note(texts: pl.Series) -> pl.Series:
            self.records[name] += len(texts)
            return texts

        looked = pl.col("completion").map_batches(note, return_dtype=pl.String)
        return Check("test", name, Severity.NOTE, "", ~looked.str.contains(refuses, literal=True))

    def since(self) -> dict[str, int]:
        seen, self.records = dict(self.records), Counter()
        return seen


@pytest.fixture
def ran() -> Ran:
    return Ran()


def passed(records: pl.DataFrame, checks: list[Check], cache: str) -> list[tuple[bool, ...]]:
    found = judged(records, checks, cache=cache, keys=record_keys(records))
    assert found.columns == ["quality", *(check.column for check in checks)]
    return found.drop("quality").rows()


def test_nothing_runs_a_second_time(make_records, tmp_path, ran):
    records, checks = make_records([RIVER, LAKE]), [ran.check("hills", "hills"), ran.check("town", "town")]
    assert passed(records, checks, str(tmp_path)) == [(False, False), (False, True)]
    assert ran.since() == {"hills": 2, "town": 2}
    assert passed(records, checks, str(tmp_path)) == [(False, False), (False, True)]
    assert ran.since() == {}


def test_a_changed_check_runs_again_and_no_other(make_records, tmp_path, ran):
    records, town = make_records([RIVER, LAKE]), ran.check("town", "town")
    passed(records, [ran.check("hills", "hills"), town], str(tmp_path))
    ran.since()
    assert passed(records, [ran.check("hills", "two hills"), town], str(tmp_path)) == [(True, False), (False, True)]
    assert ran.since() == {"hills": 2}


def test_a_check_that_does_not_apply_has_no_verdict_and_keeps_none(make_records, tmp_path, ran):
    records = make_records([RIVER, LAKE, SEA])
    about_hills = ran.check("town", "town")._replace(applies=pl.col("completion").str.contains("hills"))
    checks = [about_hills, ran.check("ends", "ends")]
    said = [(False, True), (True, True), (None, False)]
    assert judged(records, checks).drop("quality").rows() == said
    assert passed(records, checks, str(tmp_path)) == said
    assert ran.since() == {"town": 6, "ends": 6}
    assert passed(records, checks, str(tmp_path)) == said
    assert ran.since() == {}
    # Where it applies is a part of what it is.
    elsewhere = about_hills._replace(applies=pl.col("completion").str.contains("land"))
    assert passed(records, [elsewhere, checks[1]], str(tmp_path)) == [(None, True), (None, True), (True, False)]
    assert ran.since() == {"town": 3}
    # What was found is taken over into a set with another check.
    assert passed(records, [*checks, ran.check("two", "two")], str(tmp_path))[2] == (None, False, True)
    assert ran.since() == {"two": 3}


def test_a_new_record_is_asked_of_every_check_and_the_old_ones_of_none(make_records, tmp_path, ran):
    checks = [ran.check("hills", "hills"), ran.check("ends", "ends")]
    passed(make_records([RIVER, LAKE]), checks, str(tmp_path))
    ran.since()
    assert passed(make_records([SEA, RIVER, LAKE]), checks, str(tmp_path)) == [
        (True, False),
        (False, True),
        (False, True),
    ]
    assert ran.since() == {"hills": 1, "ends": 1}


def test_a_changed_check_and_a_new_record_at_once(make_records, tmp_path, ran):
    town = ran.check("town", "town")
    passed(make_records([RIVER]), [ran.check("hills", "hills"), town], str(tmp_path))
    ran.since()
    changed = [ran.check("hills", "two hills"), town]
    assert passed(make_records([LAKE, RIVER]), changed, str(tmp_path)) == [(False, True), (True, False)]
    assert ran.since() == {"hills": 2, "town": 1}


def test_a_check_more_or_less_leaves_the_others_known(make_records, tmp_path, ran):
    records = make_records([RIVER, LAKE])
    hills, town, old = (ran.check(name, name) for name in ("hills", "town", "old"))
    passed(records, [hills, town], str(tmp_path))
    ran.since()
    assert passed(records, [town], str(tmp_path)) == [(False,), (True,)]
    assert passed(records, [old, hills, town], str(tmp_path)) == [(False, False, False), (True, False, True)]
    assert ran.since() == {"old": 2}


def test_more_checks_than_a_word_has_bits(make_records, tmp_path, ran):
    records = make_records([RIVER, LAKE])
    words = [*(f"word{number}" for number in range(70)), "town"]
    checks = [ran.check(word, word) for word in words]
    for _ in range(2):
        rows = passed(records, checks, str(tmp_path))
        assert [row[-1] for row in rows] == [False, True]
        assert all(all(row[:-1]) for row in rows)


def test_quality_is_worked_out_again_only_when_it_changed(make_records, tmp_path, ran, monkeypatch):
    records, checks = make_records([RIVER, LAKE]), [ran.check("town", "town")]
    first = judged(records, checks, cache=str(tmp_path), keys=record_keys(records))["quality"]
    ran.since()
    monkeypatch.setattr(_verdicts, "version_of", lambda *_: "another version")
    again = judged(records, checks, cache=str(tmp_path), keys=record_keys(records))["quality"]
    assert ran.since() == {}
    assert again.equals(first)


def test_a_damaged_file_is_worked_out_again(make_records, tmp_path, ran):
    records, checks = make_records([RIVER, LAKE]), [ran.check("town", "town")]
    passed(records, checks, str(tmp_path))
    ran.since()
    for path in (tmp_path / _verdicts.KIND).rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-40] + b"x" * 40)
    assert passed(records, checks, str(tmp_path)) == [(False,), (True,)]
    assert ran.since() == {"town": 2}


def test_measures_are_taken_once_for_a_record(make_records, tmp_path, monkeypatch):
    records = make_records([RIVER, LAKE])
    first = measures(records, cache=str(tmp_path), keys=record_keys(records))
    assert first.equals(measures(records))
    monkeypatch.setattr("pipelines._measures._measured", lambda left: pytest.fail(f"{left.height} are measured again"))
    assert measures(records, cache=str(tmp_path), keys=record_keys(records)).equals(first)


ASKED = {"role": "user", "content": RIVER["prompt"]}
SAID = {"role": "assistant", "content": RIVER["completion"]}
CALL = {"id": "1", "type": "function", "function": {"name": "map", "arguments": "{}"}}


def test_a_key_knows_all_that_a_check_may_read_and_nothing_of_the_place(make_records):
    variants = [
        RIVER,
        {**RIVER, "prompt": RIVER["prompt"] + " "},
        {**RIVER, "completion": RIVER["completion"] + "\n"},
        {"prompt": RIVER["completion"], "completion": RIVER["prompt"]},
        {**RIVER, "context": ""},
        {**RIVER, "context": "hills"},
        {**RIVER, "tools": "[]"},
        {**RIVER, "kind": "kto"},
        {**RIVER, "kind": "kto", "label": True},
        {**RIVER, "kind": "kto", "label": False},
        {**RIVER, "messages": [ASKED]},
        {**RIVER, "messages": [ASKED, {**SAID, "content": "x"}]},
        {**RIVER, "messages": [ASKED, {**SAID, "tool_calls": [CALL]}]},
        {**RIVER, "messages": [ASKED, {**SAID, "name": "ann"}]},
        {**RIVER, "messages": [ASKED, {**SAID, "train": False}]},
        {**RIVER, "messages": [ASKED, SAID, ASKED]},
        {**RIVER, "messages": [SAID, ASKED]},
        {**RIVER, "kind": "preference", "messages": [ASKED], "chosen": [SAID], "rejected": [SAID]},
        {**RIVER, "kind": "preference", "messages": [ASKED], "chosen": [SAID], "rejected": [{**SAID, "content": "no"}]},
        {**RIVER, "completion": None},
        {**RIVER, "prompt": None},
    ]
    keys = record_keys(make_records(variants)).to_list()
    assert len(set(keys)) == len(variants)
    assert all(len(key) == 32 for key in keys)
    moved = make_records([{**RIVER, "source": "other.jsonl", "source_row": 9, "group": "g", "metadata": '{"a": 1}'}])
    assert record_keys(moved).to_list() == keys[:1]


def test_texts_do_not_run_into_each_other(make_records):
    rows = [
        {"prompt": "ab", "completion": "c"},
        {"prompt": "a", "completion": "bc"},
        {"prompt": "a", "completion": "b1:c"},
    ]
    assert record_keys(make_records(rows)).n_unique() == 3


def test_validate_with_a_cache_says_what_it_says_without(make_records, tmp_path):
    rows = [
        RIVER,
        LAKE,
        {"prompt": "hello", "completion": "I cannot help with that.\x00"},
        {"prompt": "", "completion": None},
    ]
    records = make_records(rows)
    for limits in ({"languages": (), "max_tokens": 4096}, {"languages": ("de",), "max_tokens": 8}):
        plain = validate(records, severities={"refusal.full": "drop"}, **limits)
        for _ in range(2):
            outcome = validate(records, severities={"refusal.full": "drop"}, cache=str(tmp_path), **limits)
            assert outcome.kept.equals(plain.kept)
            assert outcome.dropped.equals(plain.dropped)
            assert outcome.figures == plain.figures
