"""The quality score: what it rewards, what it says about itself, and when it keeps silent."""

import math

import polars as pl
import pytest

from checks.quality import parts, quality, quality_parts

QUESTION = "Why do rivers flow to the sea?"
GOOD = """\
Rivers flow to the sea because water always moves downhill, and the sea is the lowest place it can reach.

Rain and melting snow collect in the hills. Gravity pulls this water into streams, and the streams join.

Along the way a river carves a valley, slows down in the plain, and drops the sand that it carries.

That is why most rivers end in a delta or an estuary, where fresh and salt water mix."""


def scored(make_records, *completions, prompt=QUESTION, **more):
    return quality(make_records([{"prompt": prompt, "completion": text, **more} for text in completions])).to_list()


def test_a_full_answer_beats_a_thin_one(make_records):
    good, thin, echo = scored(make_records, GOOD, "Gravity.", QUESTION)
    assert 0 <= echo < good <= 1
    assert thin < 0.2 < 0.6 < good


def test_damage_a_broken_end_and_a_refusal_cost(make_records):
    whole, damaged, cut = scored(
        make_records, GOOD, GOOD.replace("delta", "deltaâ€™s"), GOOD + " It then goes on and" * 5
    )
    assert damaged < whole
    assert cut < whole
    refusal = "I'm sorry, but I can't help with that. Rivers are a topic that I do not discuss with anyone."
    (for_sft,) = scored(make_records, refusal)
    (chosen,) = scored(make_records, refusal, kind="preference")
    assert for_sft < chosen


def test_without_an_answer_there_is_no_score(make_records):
    assert scored(make_records, None, "", " \n") == [None, None, None]
    assert quality(make_records([])).dtype == pl.Float64


def test_the_parts_add_up_to_the_score(make_records):
    records = make_records([{"prompt": QUESTION, "completion": text} for text in (GOOD, "Gravity.", None)])
    table = quality_parts(records)
    assert table.columns == [part.name for part in parts()]
    for row, score in zip(table.rows(), quality(records), strict=True):
        if score is None:
            assert set(row) == {None}
        else:
            assert 1 / (1 + math.exp(-sum(row))) == pytest.approx(score)


def test_the_parts_say_why(make_records):
    records = make_records([{"prompt": QUESTION, "completion": GOOD}, {"prompt": QUESTION, "completion": "Gravity."}])
    good, thin = quality_parts(records).to_dicts()
    assert good["paragraphs"] > 0 > thin["says_enough"]
    assert thin["on_topic"] < good["on_topic"]


def test_every_part_is_a_share(make_records):
    from checks.quality import features

    texts = [GOOD, "Gravity.", "重力使河水流向大海。", "😀", "a" * 10_000, "x\n\n" * 500]
    values = features(make_records([{"prompt": QUESTION, "completion": text} for text in texts]))
    assert all(0 <= value <= 1 for row in values.rows() for value in row)
