"""An embedding is paid for once, and never mistaken for another's."""

from pathlib import Path

import numpy as np
import pytest

from pipelines._tally import tallied
from pipelines.embedding.encoder import BUILTIN, EMBEDDING, Embedded, Encoder
from pipelines.embedding.model_folder import ModelFolder
from schemas.errors import ModelError


def no_model(*_: object) -> None:
    pytest.fail("embedded again")


def test_texts_come_back_in_order_as_unit_vectors(tmp_path: Path) -> None:
    made = Encoder(cache=tmp_path).encode(["a cat", "a longer text about the sea", "a cat"])
    assert made.vectors.shape == (3, 384)
    assert np.allclose(np.linalg.norm(made.vectors, axis=1), 1, atol=1e-6)
    assert np.array_equal(made.vectors[0], made.vectors[2])
    assert not np.array_equal(made.vectors[0], made.vectors[1])
    assert not made.truncated.any()


def test_what_is_stored_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Encoder(cache=tmp_path).encode(["a cat", "a dog"])
    monkeypatch.setattr(Encoder, "_embed", no_model)
    again = Encoder(cache=tmp_path).encode(["a dog", "a cat"])
    assert np.array_equal(first.vectors[::-1], again.vectors)


def test_a_damaged_file_is_passed_over_and_its_vectors_made_again(tmp_path: Path) -> None:
    first = Encoder(cache=tmp_path).encode(["a cat"])
    (stored,) = tmp_path.glob("embeddings/*/*.parquet")
    stored.write_bytes(stored.read_bytes()[: stored.stat().st_size // 2])
    again = Encoder(cache=tmp_path).encode(["a cat"])
    assert np.array_equal(first.vectors, again.vectors)


def test_a_text_beyond_the_window_is_marked(tmp_path: Path) -> None:
    made = Encoder(cache=tmp_path).encode(["short", "many words " * 300])
    assert made.truncated.tolist() == [False, True]
    assert Encoder(cache=tmp_path).encode(["many words " * 300]).truncated.tolist() == [True]


def test_a_model_of_ones_own_has_a_store_of_its_own(tmp_path: Path) -> None:
    builtin = Encoder(BUILTIN, cache=tmp_path)
    own = Encoder(str(ModelFolder(BUILTIN).path), cache=tmp_path)
    own.encode(["a cat"])
    builtin.encode(["a cat"])
    assert len(list((tmp_path / "embeddings").iterdir())) == 2


def test_nothing_to_embed_loads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Encoder, "_embed", no_model)
    assert len(Encoder(cache=tmp_path).encode([]).vectors) == 0


def test_the_seconds_of_all_encoders_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.0, 20.0, 25.0])
    monkeypatch.setattr(Encoder, "_in_tier", lambda *_: Embedded(np.zeros((1, 2)), np.zeros(1)))
    monkeypatch.setattr("pipelines.embedding.encoder.time.monotonic", lambda: next(clock))
    with tallied() as tally:
        Encoder(cache=tmp_path).encode(["a cat"])
        Encoder(cache=tmp_path).refine(["a cat"])
    assert tally.spent() == {EMBEDDING: 7.0}


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"\./nowhere: is not a folder with a model in it"):
        Encoder("./nowhere", cache=tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match="no sentence-transformers model can be loaded from it"):
        Encoder(str(tmp_path / "folder"), cache=tmp_path).encode(["a cat"])


def test_a_model_of_the_hub_is_found_where_it_was_fetched_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ModelError, match="someone/small: no sentence-transformers model can be loaded from it"):
        Encoder("someone/small", cache=tmp_path)
    builtin = Encoder(cache=tmp_path)
    fetched = tmp_path / "hub" / "models--someone--small"
    (fetched / "refs").mkdir(parents=True)
    (fetched / "refs" / "main").write_text("a" * 40)
    (fetched / "snapshots").mkdir()
    (fetched / "snapshots" / ("a" * 40)).symlink_to(ModelFolder(BUILTIN).path)
    hub = Encoder("someone/small", cache=tmp_path)
    assert np.array_equal(hub.encode(["a cat"]).vectors, builtin.encode(["a cat"]).vectors)
    assert len(list((tmp_path / "embeddings").iterdir())) == 2
