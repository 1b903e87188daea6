"""What workers find of shards is what one process finds of the whole: near pairs, close vectors, and embeddings."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines import _near, _near_shared, _neighbours, _overlap, _texts
from pipelines._minhash import bands_for, no_key
from pipelines._near import near_pairs
from pipelines._near_shared import Owning, propose, shared_near_pairs
from pipelines._neighbours import similar_pairs
from pipelines._overlap import Cells, Order, pairs_in_cells
from pipelines._runner import LOCAL, Runner, Sharing, opened
from pipelines._slices import leave_array
from pipelines._texts import Texts
from pipelines._tiles import UNITS
from pipelines.embedding.encoder import Encoder
from pipelines.embedding.tiers import Tier, exact
from schemas.project import RunnerSettings


@pytest.fixture(scope="module")
def workers() -> Iterator[Runner]:
    """Two processes, for all tests here."""
    with opened(RunnerSettings(kind="dask", workers=2)) as runner:
        yield runner


def sentences(count: int) -> pl.Series:
    """Texts of twelve words, a third of them nearly another, some of them nothing or a template."""
    drawn = np.random.default_rng(5)
    words = np.array([f"w{number}" for number in range(400)])
    made: list[str | None] = []
    for number in range(count):
        text = drawn.choice(words, 12).tolist()
        if number % 3 == 2 and made[-1]:
            text = [*made[-1].split(), "again"]
        made.append(None if number % 50 == 7 else "" if number % 50 == 9 else " ".join(text))
        if number % 10 == 4:
            made[-1] = "one template that many rows are made of without a word of their own"
    return pl.Series(made, dtype=pl.String)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many shards, several owners of a band, and pairs decided some at a time."""
    monkeypatch.setattr(_texts, "PART", 97)
    monkeypatch.setattr(_near_shared, "OWNED", 130)
    monkeypatch.setattr(_near_shared, "DECIDED", 200)


def test_owners_of_bands_find_the_near_pairs_of_the_whole(workers: Runner, small_pieces: None, tmp_path: Path) -> None:
    texts = sentences(600)
    whole = near_pairs(Texts.held(texts), ngram=3, min_jaccard=0.7, seed=3)
    shared = shared_near_pairs(Texts.held(texts), ngram=3, min_jaccard=0.7, seed=3, sharing=Sharing(workers, tmp_path))
    assert shared.equals(whole)
    assert whole.height > 200


def test_a_template_is_cut_short_in_the_same_way(
    small_pieces: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_near, "BUCKET", 20)
    monkeypatch.setattr(_near, "NEIGHBOURS", 3)
    texts = sentences(400)
    shared = shared_near_pairs(Texts.held(texts), ngram=3, min_jaccard=0.7, seed=3, sharing=Sharing(LOCAL, tmp_path))
    assert shared.equals(near_pairs(Texts.held(texts), ngram=3, min_jaccard=0.7, seed=3))


@pytest.mark.parametrize("texts", [[], [None, ""], ["one two three four"]])
def test_few_texts_or_none_pair_with_nothing(texts: list[str | None], tmp_path: Path) -> None:
    given = pl.Series(texts, dtype=pl.String)
    assert shared_near_pairs(
        Texts.held(given), ngram=3, min_jaccard=0.7, seed=3, sharing=Sharing(LOCAL, tmp_path)
    ).is_empty()


def test_owners_share_out_a_band_and_lose_no_key(tmp_path: Path) -> None:
    bands = bands_for(0.8)
    keys = np.random.default_rng(1).integers(0, 2**64, (bands.bands, 50), dtype=np.uint64)
    keys[:, 25:] = keys[:, :25]
    path = leave_array(keys, tmp_path).path
    found = [propose(Owning((path,), str(tmp_path), 4, part, 3, int(no_key(bands)))).path for part in range(3)]
    pairs = pl.concat([pl.read_parquet(each) for each in found]).sort("a")
    assert pairs.rows() == [(row, row + 25) for row in range(25)]


def bunches(rows: int, spread: float, size: int = 48) -> np.ndarray:
    drawn = np.random.default_rng(1)
    made = np.repeat(drawn.normal(size=(rows // 4, size)), 4, axis=0)
    made += drawn.normal(scale=spread, size=made.shape)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def test_cells_searched_by_others_give_the_pairs_of_one_process(
    workers: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = bunches(6_000, 0.3)
    exact = similar_pairs(rows, min_similarity=0.9)
    monkeypatch.setattr(_neighbours, "EXACT_UP_TO", 1_000)
    monkeypatch.setattr(_overlap, "ROWS_OF_WORK", 1_500)
    here = similar_pairs(rows, min_similarity=0.9)
    shared = similar_pairs(rows, min_similarity=0.9, sharing=Sharing(workers, tmp_path))
    assert shared.pairs.equals(here.pairs)
    assert (shared.capped, shared.recall, shared.method) == (here.capped, here.recall, here.method)
    true, found = (set(each.pairs.select("a", "b").iter_rows()) for each in (exact, here))
    assert found <= true
    assert len(found) / len(true) >= 0.99


def test_no_pair_across_a_border_is_lost_where_all_cells_are_looked_in() -> None:
    rows = bunches(1_000, 0.4)
    cells = Cells.of(rows)
    found = pairs_in_cells(rows, cells, min(cells.number, 64), int(0.8 * UNITS), None)
    together = {(min(a, b), max(a, b)) for each in found for a, b in zip(each.a.tolist(), each.b.tolist(), strict=True)}
    assert together == set(similar_pairs(rows, min_similarity=0.8).pairs.select("a", "b").iter_rows())


def test_cells_do_not_depend_on_how_a_product_is_added_up() -> None:
    import torch

    rows = bunches(3_000, 0.5, 384)
    before = torch.get_num_threads()
    made = []
    for threads in (1, before):
        torch.set_num_threads(threads)
        cells = Cells.of(rows)
        made.append((cells.centres.tobytes(), cells.nearest(np.rint(rows * 4000), 3).tobytes()))
    assert made[0] == made[1]


def test_rows_stand_in_their_cells_in_order() -> None:
    order = Order.of(np.array([[1, 0], [0, 2], [1, 2]], dtype=np.int32), 4)
    assert [order.of_cell(cell).tolist() for cell in range(4)] == [[0, 1], [0, 2], [1, 2], []]
    assert Order.of(np.zeros((3, 0), dtype=np.int32), 2).of_cell(1).tolist() == []


@pytest.mark.slow
@pytest.mark.parametrize("tier", [Tier.REFERENCE, exact()])
def test_chunks_embedded_by_others_are_the_same_vectors_and_kept(
    workers: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tier: Tier
) -> None:
    from pipelines.embedding import encoder

    monkeypatch.setattr(encoder, "CHUNK", 16)
    texts = [f"Tell me about river {number} and {'its many bends ' * (number % 7)}" for number in range(40)]
    here = Encoder(cache=tmp_path / "here", tier=tier).encode(texts)
    sharing = Sharing(workers, tmp_path / "shared")
    shared = Encoder(cache=tmp_path / "there", tier=tier, sharing=sharing).encode(texts)
    assert np.array_equal(shared.vectors, here.vectors)
    assert np.array_equal(shared.truncated, here.truncated)
    again = Encoder(cache=tmp_path / "there", tier=tier, sharing=Sharing(LOCAL, tmp_path / "nowhere"))
    assert np.array_equal(again.encode(texts).vectors, here.vectors)
    assert not (tmp_path / "nowhere").exists()
