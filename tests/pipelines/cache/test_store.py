"""A store gives back what was saved, for any content, wherever it lies."""

import tempfile
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipelines.cache.files import GROUP_ROWS
from pipelines.cache.keys import made_by, places, text_keys
from pipelines.cache.store import Store, makers
from pipelines.cache.vectors import VectorStore

VERDICTS = pl.Schema(
    {"passes": pl.Boolean(), "words": pl.Int32(), "why": pl.List(pl.String()), "language": pl.String()}
)
RNG = np.random.default_rng(7)


def verdicts(names: list[str]) -> pl.DataFrame:
    """A row of some content for each name."""
    rows = [
        {
            "passes": None if number % 5 == 0 else number % 2 == 0,
            "words": len(name),
            "why": None if number % 3 == 0 else [name, None],
            "language": "é" * (number % 4),
        }
        for number, name in enumerate(names)
    ]
    return pl.DataFrame(rows, schema=VERDICTS).with_columns(text_keys(pl.Series("key", names)))


@pytest.fixture(params=["folder", "file", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place of each sort."""
    memory = f"memory://{uuid.uuid4().hex}/cache"
    return {"folder": str(tmp_path / "made" / "later"), "file": f"file://{tmp_path}", "memory": memory}[request.param]


def test_what_was_saved_is_found_by_its_keys(root: str) -> None:
    frame = verdicts(["sea", "hill", "river", "lake"])
    Store(root, "checks", "v1", VERDICTS).save(frame)
    store = Store(root, "checks", "v1", VERDICTS)
    asked = pl.concat([frame["key"][[2, 0, 2]], text_keys(pl.Series(["unknown", None]))])
    assert_frame_equal(store.load(asked).sort("words"), frame[[0, 2]].select("key", *VERDICTS).sort("words"))


def test_what_was_saved_before_and_after_is_found_together(root: str) -> None:
    store = Store(root, "checks", "v1", VERDICTS)
    frame = verdicts([f"text {number}" for number in range(30)])
    store.save(frame[:10])
    assert store.load(frame["key"]).height == 10
    store.save(frame[5:])
    assert_frame_equal(store.load(frame["key"]).sort("key"), frame.select("key", *VERDICTS).sort("key"))


def test_another_version_sees_nothing(root: str) -> None:
    frame = verdicts(["sea"])
    Store(root, "checks", made_by("refusal", "1"), VERDICTS).save(frame)
    assert Store(root, "checks", made_by("refusal", "2"), VERDICTS).load(frame["key"]).is_empty()
    assert Store(root, "languages", made_by("refusal", "1"), VERDICTS).load(frame["key"]).is_empty()


def test_makers_are_named_by_kind(root: str) -> None:
    for kind, name in (("checks", "v2"), ("checks", "v1"), ("languages", "v3")):
        Store(root, kind, name, VERDICTS).save(verdicts(["sea"]))
    assert makers(root, "checks") == ["v1", "v2"]
    assert makers(root, "tokens") == []
    assert makers("nosuch://bucket", "checks") == []


def test_rows_of_another_schema_are_passed_over(root: str) -> None:
    frame = verdicts(["sea"])
    Store(root, "checks", "v1", VERDICTS).save(frame)
    other = Store(root, "checks", "v1", pl.Schema({"words": pl.Int64()}))
    assert other.load(frame["key"]).is_empty()


def test_nothing_asked_and_nothing_saved_are_no_work(root: str) -> None:
    store = Store(root, "checks", "v1", VERDICTS)
    nothing = store.load(pl.Series("key", [], dtype=pl.String))
    assert nothing.schema == {"key": pl.String(), **VERDICTS}
    store.save(nothing)
    assert store.load(text_keys(pl.Series(["sea"]))).is_empty()


def test_a_row_without_a_key_is_not_kept_and_of_equal_keys_the_first_is(root: str) -> None:
    store = Store(root, "checks", "v1", VERDICTS)
    frame = verdicts(["sea", "hill", "sea"])
    frame = frame.with_columns(words=pl.Series([1, 2, 3]), key=pl.when(pl.col("words") != 4).then("key"))
    store.save(frame)
    assert store.load(text_keys(pl.Series(["sea", "hill"])))["words"].to_list() == [1]


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    store = Store(str(tmp_path), "checks", "v1", VERDICTS)
    with pytest.raises(ValueError, match="32 hex characters"):
        store.load(pl.Series(["sea"]))
    with pytest.raises(ValueError, match="no name for a folder"):
        Store(str(tmp_path), "../elsewhere", "v1", VERDICTS)


def test_more_rows_than_a_row_group_come_back_where_they_were(tmp_path: Path) -> None:
    rows = 2 * GROUP_ROWS + 17
    frame = pl.DataFrame({"key": text_keys(pl.Series([str(n) for n in range(rows)])), "n": range(rows)})
    store = Store(str(tmp_path), "tokens", "v1", pl.Schema({"n": pl.Int64()}))
    store.save(frame)
    picked = RNG.permutation(rows)[:300]
    found = store.load(frame["key"][picked])
    assert found["n"][places(found["key"], frame["key"][picked])].to_list() == picked.tolist()


def test_vectors_come_back_bit_by_bit(root: str) -> None:
    keys = text_keys(pl.Series([f"text {number}" for number in range(50)]))
    vectors = RNG.standard_normal((50, 12)).astype(np.float16)
    truncated = RNG.random(50) > 0.5
    store = VectorStore(root, "model")
    store.save(keys[:20], truncated[:20], vectors[:20])
    store.save(keys[20:], truncated[20:], vectors[20:])
    found = VectorStore(root, "model").load(keys[::-1])
    order = places(found.keys, keys)
    assert found.vectors.dtype == np.float16
    assert found.vectors[order].tobytes() == vectors.tobytes()
    assert found.truncated[order].tolist() == truncated.tolist()


def test_vectors_that_nobody_knows_are_none(root: str) -> None:
    found = VectorStore(root, "model").load(text_keys(pl.Series(["sea", None])))
    assert (len(found.keys), found.vectors.shape, found.truncated.shape) == (0, (0, 0), (0,))


def test_of_equal_and_missing_keys_one_vector_is_kept(tmp_path: Path) -> None:
    keys = text_keys(pl.Series(["sea", None, "hill", "sea"]))
    vectors = np.arange(8, dtype=np.float16).reshape(4, 2)
    store = VectorStore(str(tmp_path), "model")
    store.save(keys, np.array([True, False, False, False]), vectors)
    found = store.load(keys)
    assert found.vectors[places(found.keys, keys)[[0, 2]]].tolist() == [[0, 1], [4, 5]]
    assert found.truncated[places(found.keys, keys)[[0, 2]]].tolist() == [True, False]


CELLS = {
    pl.Boolean(): st.booleans(),
    pl.Int16(): st.integers(-(2**15), 2**15 - 1),
    pl.UInt64(): st.integers(0, 2**64 - 1),
    pl.Float64(): st.floats(allow_nan=False),
    pl.String(): st.text(max_size=20),
    pl.Binary(): st.binary(max_size=20),
    pl.List(pl.UInt32()): st.lists(st.none() | st.integers(0, 2**32 - 1), max_size=4),
    pl.Struct({"name": pl.String(), "n": pl.Int8()}): st.fixed_dictionaries(
        {"name": st.none() | st.text(max_size=3), "n": st.integers(-128, 127)}
    ),
}


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_content_comes_back(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=4))
    schema = pl.Schema({f"column {number}": kind for number, kind in enumerate(kinds)})
    texts = data.draw(st.lists(st.text(max_size=8), unique=True, max_size=20))
    columns: dict[str, Any] = {
        name: pl.Series(
            data.draw(st.lists(st.none() | CELLS[kind], min_size=len(texts), max_size=len(texts))), dtype=kind
        )
        for name, kind in schema.items()
    }
    frame = pl.DataFrame({"key": text_keys(pl.Series(texts, dtype=pl.String)), **columns})
    with tempfile.TemporaryDirectory() as folder:
        Store(folder, "anything", "v1", schema).save(frame)
        found = Store(folder, "anything", "v1", schema).load(frame["key"])
    assert_frame_equal(found.sort("key"), frame.sort("key"))
