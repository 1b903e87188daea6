"""Batches are never padded, and lose and reorder nothing."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.embedding.token_batches import Tokenizer, batches


@given(st.lists(st.lists(st.integers(0, 30_000), max_size=12), max_size=40), st.integers(1, 40))
def test_every_row_is_in_one_batch_of_rows_of_its_length(rows: list[list[int]], budget: int) -> None:
    made = list(batches(rows, budget))
    places = [place for batch in made for place in batch.places.tolist()]
    assert sorted(places) == list(range(len(rows)))
    for batch in made:
        assert batch.ids.dtype == np.int64
        assert [list(map(int, ids)) for ids in batch.ids] == [rows[place] for place in batch.places]
        assert batch.ids.size <= budget or len(batch.places) == 1
    lengths = [batch.ids.shape[1] for batch in made]
    assert lengths == sorted(lengths, reverse=True)


def test_tokens_are_the_models_own_cut_to_the_window(tiny: Path) -> None:
    tokens = Tokenizer(tiny, 6)(["the cat", "the cat sits on the mat", "", "the cat sits on"])
    marks = [2, 3]  # [CLS] and [SEP]
    assert [[row[0], row[-1]] for row in tokens.rows] == [marks] * 4
    assert [len(row) for row in tokens.rows] == [4, 6, 2, 6]
    assert tokens.truncated.tolist() == [False, True, False, False]
    assert tokens.rows[1] == tokens.rows[3]
