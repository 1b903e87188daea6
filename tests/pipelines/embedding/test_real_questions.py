"""Fast vectors propose and those in full precision decide, so that the verdicts are the reference's."""

import gzip
import json
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest

from pipelines._close_prompts import Close, close_prompts
from pipelines._neighbours import similar_pairs
from pipelines.embedding.encoder import Encoder
from pipelines.embedding.static_runtime import Static
from pipelines.embedding.tiers import MARGINS, Tier

LABELS = Path(__file__).resolve().parents[4] / "shared" / "data" / "dev_labels"
FLOOR, REMOVED = 0.85, 0.92
# Half precision in the cache, and sums in another order.
ROUNDING = 2e-4
# What removal without a person needs (docs/decisions/0003-duplicates.md).
ENOUGH = 0.85


def labelled(name: str) -> pl.DataFrame:
    """a, b (texts) and label (1 is a duplicate)."""
    path = LABELS / f"dup_pairs_{name}_dev.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{path.name} is not beside the project (shared/data)")
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    return pl.DataFrame([json.loads(line) for line in lines]).select("a", "b", pl.col("label").cast(pl.Int8))


@pytest.fixture(scope="module")
def questions() -> pl.Series:
    some = labelled("qqp").head(900)
    return pl.concat([some["a"], some["b"]]).unique(maintain_order=True)


def found(questions: pl.Series, models: str, tier: Tier) -> Close:
    encoder = Encoder(cache=models, tier=tier)
    return close_prompts(questions, encoder.encode(questions), encoder, min_similarity=FLOOR)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("tier", [Tier.BF16, Tier.INT8])
def test_close_prompts_are_those_of_the_reference(questions: pl.Series, models: str, tier: Tier) -> None:
    fast = found(questions, models, tier)
    true = similar_pairs(Encoder(cache=models, tier=Tier.REFERENCE).encode(questions).vectors, min_similarity=FLOOR)
    assert fast.refined > 0
    both = fast.near.pairs.join(true.pairs, on=["a", "b"], how="full", suffix="_true", coalesce=True)
    assert both.height > 200
    for threshold in (FLOOR, REMOVED):
        one, other = (pl.col(name).fill_null(0.0) for name in ("similarity", "similarity_true"))
        unlike = both.filter((one >= threshold) != (other >= threshold))
        sure = unlike.filter(pl.max_horizontal(one, other) > threshold + ROUNDING)
        assert sure.is_empty(), sure
    known = both.drop_nulls()
    assert (known["similarity"] - known["similarity_true"]).abs().max() <= ROUNDING


@pytest.mark.long
@pytest.mark.slow
def test_only_pairs_that_decide_need_full_precision(questions: pl.Series, models: str) -> None:
    encoder = Encoder(cache=models, tier=Tier.BF16)
    every = found(questions, models, Tier.BF16)
    some = close_prompts(questions, encoder.encode(questions), encoder, min_similarity=FLOOR, decided_from=REMOVED)
    assert 0 < some.refined < every.refined
    decided = pl.col("similarity") >= REMOVED
    assert some.near.pairs.filter(decided).equals(every.near.pairs.filter(decided))
    both = some.near.pairs.join(every.near.pairs, on=["a", "b"], suffix="_true")
    margin = MARGINS[Tier.BF16]
    assert (both["similarity"] - both["similarity_true"]).abs().max() <= margin
    # Only what is as near the floor as the fast vectors may be off is in one alone.
    alone = pl.concat(
        [one.join(other, on=["a", "b"], how="anti") for one, other in permutations([some.near.pairs, every.near.pairs])]
    )
    assert alone.filter(pl.col("similarity") > FLOOR + margin).is_empty()


@pytest.mark.long
@pytest.mark.slow
def test_static_vectors_never_reach_the_precision_that_removal_needs(models: str) -> None:
    from pipelines.embedding.model_folder import BUILTIN, ModelFolder
    from pipelines.embedding.static_model import static_model
    from schemas.settings import DedupSettings

    pairs = labelled("qqp")
    cosine = cosines(static_model(ModelFolder(BUILTIN), models), pairs)
    duplicate = pairs["label"] == 1
    precision = {bar / 100: float(duplicate.filter(cosine >= bar / 100).mean() or 0) for bar in range(80, 100)}
    assert max(precision.values()) < ENOUGH
    # As good as the model's own suspects, of whom 0.76 are duplicates.
    assert precision[DedupSettings().draft_similarity] >= 0.76


def cosines(static: Static, pairs: pl.DataFrame) -> pl.Series:
    one, other = (static.embed(pairs[name]).vectors for name in ("a", "b"))
    return pl.Series((one * other).sum(axis=1))
