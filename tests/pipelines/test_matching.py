"""Rows of two ledgers are brought together: a move is no edit, an edit is no move, and each row is told of once."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipelines._matching import longest_rise, matched, renamed


def rows(*contents: str, source: str = "a.jsonl") -> pl.DataFrame:
    """A ledger whose rows say these words, one a line."""
    lines = range(1, len(contents) + 1)
    columns = {
        "source": [source] * len(contents),
        "source_row": lines,
        "part": [0] * len(contents),
        "content": contents,
    }
    return pl.DataFrame(
        columns, schema={"source": pl.String, "source_row": pl.Int64, "part": pl.Int32, "content": pl.String}
    )


def told(before: pl.DataFrame, after: pl.DataFrame) -> list[str]:
    """`how before after` for each pair, by what the rows say."""
    pairs = matched(before, after)
    said = [(before["content"], "a"), (after["content"], "b")]
    names = [[None if at is None else words[at] for at in pairs[side]] for words, side in said]
    return sorted(f"{how}: {a} {b}" for how, a, b in zip(pairs["how"], *names, strict=True))


def test_what_stayed_is_the_same():
    assert told(rows("sea", "hill"), rows("sea", "hill")) == ["same: hill hill", "same: sea sea"]


def test_a_row_put_in_front_shifts_the_others_and_edits_none():
    assert told(rows("sea", "hill"), rows("moor", "sea", "hill")) == [
        "added: None moor", "shifted: hill hill", "shifted: sea sea",
    ]  # fmt: skip


def test_an_edit_is_found_behind_rows_that_came_and_went():
    before, after = rows("sea", "hill", "fen", "moor"), rows("dune", "sea", "hills", "fen", "moor")
    assert told(before, after) == [
        "added: None dune", "edited: hill hills", "shifted: fen fen", "shifted: moor moor", "shifted: sea sea",
    ]  # fmt: skip


def test_two_rows_that_changed_places_were_reordered_and_not_edited():
    assert told(rows("sea", "hill", "fen"), rows("hill", "sea", "fen")) in (
        ["reordered: hill hill", "same: fen fen", "shifted: sea sea"],
        ["reordered: sea sea", "same: fen fen", "shifted: hill hill"],
    )


def test_a_row_that_went_to_another_file_has_moved():
    before = pl.concat([rows("sea", "hill"), rows("fen", source="b.jsonl")])
    after = pl.concat([rows("sea"), rows("fen", "hill", source="b.jsonl")])
    assert told(before, after) == ["moved: hill hill", "same: fen fen", "same: sea sea"]


def test_of_equal_rows_those_in_place_belong_together():
    assert told(rows("sea", "sea", "hill"), rows("fen", "sea", "hill")) == [
        "edited: sea fen", "same: hill hill", "same: sea sea",
    ]  # fmt: skip


def test_a_file_that_lies_elsewhere_is_the_same_file():
    before, after = rows("sea", source="old/a.jsonl"), rows("sea", source="new/a.jsonl")
    assert told(before, after) == ["same: sea sea"]
    assert renamed(before["source"], after["source"]) == {"new/a.jsonl": "old/a.jsonl"}
    twice = pl.concat([after, rows("sea", source="newer/a.jsonl")])
    assert renamed(before["source"], twice["source"]) == {}


def test_nothing_and_something():
    assert told(rows(), rows("sea")) == ["added: None sea"]
    assert told(rows("sea"), rows()) == ["removed: sea None"]
    assert told(rows(), rows()) == []


WORDS = st.lists(st.sampled_from("abcdef"), max_size=12)


@given(WORDS, WORDS, WORDS, WORDS)
def test_every_row_of_both_is_told_of_once(one, two, three, four):
    before = pl.concat([rows(*one), rows(*two, source="b.jsonl")])
    after = pl.concat([rows(*three), rows(*four, source="b.jsonl")])
    pairs = matched(before, after)
    assert sorted(pairs["a"].drop_nulls()) == list(range(before.height))
    assert sorted(pairs["b"].drop_nulls()) == list(range(after.height))
    alike = pairs.filter(pl.col("how").is_in(["same", "shifted", "reordered", "moved"]))
    assert before["content"][alike["a"].to_list()].to_list() == after["content"][alike["b"].to_list()].to_list()
    # As many rows are paired by content as can be.
    shared = sum(min((one + two).count(word), (three + four).count(word)) for word in "abcdef")
    assert alike.height == shared


@given(st.permutations(range(9)))
def test_the_longest_rise_rises_and_no_rise_is_longer(numbers):
    found = longest_rise(pl.Series(numbers).to_numpy())
    picked = [numbers[place] for place in found]
    assert picked == sorted(picked)
    longest = [1] * len(numbers)
    for at, number in enumerate(numbers):
        longest[at] = 1 + max((longest[i] for i in range(at) if numbers[i] < number), default=0)
    assert len(picked) == max(longest)
