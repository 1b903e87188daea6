"""A draft's vectors: one for each token, made once, the same bytes each time, and honest about what they are."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from pipelines.embedding import encoder as encoders
from pipelines.embedding.encoder import Encoder, Tier
from pipelines.embedding.model_folder import ModelFolder
from pipelines.embedding.static_model import PCA_DIMENSIONS, distil, made_from, static_model
from pipelines.embedding.static_runtime import CONFIG, TOKENIZER, VECTORS, Static
from schemas.errors import ModelError
from schemas.settings import Settings

ASSAY = str(Path(sys.executable).parent / "assay")
TEXTS = ["The cat sits on the mat.", "the red dog", "How to bake bread?", "The wide sea and a cat"]
# Whatever a writer may put between words, and into them.
ODD = [
    "tab\tand\r\nline", "  twice  ", "a\u00a0b", "a\u2003b", "a\u200bb", "Ünïcödé Café", "日本語 テキスト", "☃ ≈ ç√",
    "x" * 300, "[MASK] [CLS]", "[UNK]", "don't-stop.now", "\n", " ", "",
]  # fmt: skip


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    made = tmp_path / "static"
    made.mkdir()
    distil(ModelFolder(str(tiny)), made)
    return made


def test_a_model_is_distilled_to_the_same_bytes_each_time(tiny: Path, folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    distil(ModelFolder(str(tiny)), again)
    for name in (VECTORS, TOKENIZER, CONFIG):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_marks_free_places_and_the_unknown_say_nothing(folder: Path) -> None:
    vectors = load_file(folder / VECTORS)["embeddings"]
    assert vectors.dtype == np.float16
    # [PAD], [UNK], [CLS], [SEP], [MASK] and [unused0]
    assert not vectors[:6].any()
    assert vectors[6:].any(axis=1).all()


def test_frequent_tokens_weigh_less(folder: Path) -> None:
    lengths = np.linalg.norm(load_file(folder / VECTORS)["embeddings"][6:].astype(np.float64), axis=1)
    assert lengths[:5].mean() < lengths[-5:].mean()


def test_a_text_is_the_mean_of_its_tokens(folder: Path) -> None:
    vectors = load_file(folder / VECTORS)["embeddings"].astype(np.float64)
    place = json.loads((folder / TOKENIZER).read_text(encoding="utf-8"))["model"]["vocab"]
    expected = vectors[[place[token] for token in ("the", "cat", "##s", "sits")]].sum(axis=0)
    made = Static(folder).embed(["The Cats SITS"]).vectors[0]
    assert np.allclose(made, expected / np.linalg.norm(expected), atol=1e-6)


def test_equal_texts_have_equal_vectors_and_no_neighbour_changes_a_byte(folder: Path) -> None:
    static = Static(folder)
    together = static.embed([*TEXTS, *ODD, *TEXTS]).vectors
    assert np.array_equal(together[: len(TEXTS)], together[-len(TEXTS) :])
    assert np.array_equal(static.embed(TEXTS[::-1]).vectors[::-1], together[: len(TEXTS)])
    for place, text in enumerate([*TEXTS, *ODD]):
        assert np.array_equal(Static(folder).embed([text]).vectors[0], together[place])


def test_vectors_are_unit_rows_and_nothing_is_truncated(folder: Path) -> None:
    made = Static(folder).embed([*TEXTS, "the cat " * 5_000])
    assert made.vectors.shape == (5, min(48, PCA_DIMENSIONS))
    assert np.allclose(np.linalg.norm(made.vectors, axis=1), 1, atol=1e-6)
    assert not made.truncated.any()
    assert made.margin == 0


def test_the_order_of_words_is_lost(folder: Path) -> None:
    one, other = Static(folder).embed(["the cat is on the dog", "the dog is on the cat"]).vectors
    assert one @ other == pytest.approx(1, abs=1e-6)


def test_a_text_without_a_known_token_is_zeros(folder: Path) -> None:
    made = Static(folder).embed(["", " \n", "☃", "x☃ [UNK]"]).vectors
    assert not made.any()


def test_unknown_tokens_are_as_if_they_were_not_there(folder: Path) -> None:
    with_it, without = Static(folder).embed(["the ☃ cat", "the cat"]).vectors
    assert np.allclose(with_it, without, atol=1e-7)


def test_no_texts_are_no_rows(folder: Path) -> None:
    assert Static(folder).embed([]).vectors.shape[0] == 0
    assert Static(folder).embed(pl.Series([], dtype=pl.String)).vectors.shape[0] == 0


@pytest.mark.parametrize("model", ["tiny", pytest.param("builtin", marks=pytest.mark.long)])
def test_word_by_word_is_the_same_as_text_by_text(model: str, tiny: Path, models: str, sample_texts: list[str]) -> None:
    static = static_model(ModelFolder(str(tiny) if model == "tiny" else model), models)
    assert static._by_word
    texts = [*sample_texts, *ODD]
    by_word = static.embed(texts).vectors
    static._by_word = False
    whole = static.embed(texts).vectors
    # The order of a sum is another.
    assert np.abs(by_word - whole).max() < 1e-5


def test_where_a_space_is_part_of_a_token_texts_are_not_split(tiny_of_sentence_pieces: Path, tmp_path: Path) -> None:
    made = tmp_path / "static"
    made.mkdir()
    distil(ModelFolder(str(tiny_of_sentence_pieces)), made)
    static = Static(made)
    assert not static._by_word
    known, unknown, empty = static.embed(["the cat sits", "ЖЖ", ""]).vectors
    assert np.linalg.norm(known) == pytest.approx(1, abs=1e-6)
    assert not empty.any()
    assert np.isfinite(unknown).all()


def test_it_is_made_once_and_kept(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ModelFolder(str(tiny))
    first = static_model(folder, str(tmp_path)).embed(TEXTS).vectors
    assert (tmp_path / "models" / made_from(folder) / VECTORS).is_file()
    monkeypatch.setattr("pipelines.embedding.static_model.distil", lambda *_: pytest.fail("distilled again"))
    assert np.array_equal(static_model(folder, str(tmp_path)).embed(TEXTS).vectors, first)


def test_a_damaged_one_is_made_again(tiny: Path, tmp_path: Path) -> None:
    folder = ModelFolder(str(tiny))
    first = static_model(folder, str(tmp_path)).embed(TEXTS).vectors
    path = tmp_path / "models" / made_from(folder) / VECTORS
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")
    assert np.array_equal(static_model(folder, str(tmp_path)).embed(TEXTS).vectors, first)


def test_where_it_cannot_be_kept_it_works_all_the_same(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    assert static_model(ModelFolder(str(tiny)), str(tmp_path)).embed(TEXTS).vectors.any()


def test_a_model_without_a_fast_tokenizer_is_refused_by_name(
    tiny: Path, copied: Callable[[Path], Path], tmp_path: Path
) -> None:
    spoilt = copied(tiny)
    (spoilt / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"copy: no static model can be made of it .* leave out --draft"):
        Encoder(str(spoilt), cache=tmp_path, tier=Tier.STATIC).encode(TEXTS)


def test_the_encoder_keeps_static_vectors_apart_from_the_models_own(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Encoder(str(tiny), cache=tmp_path, tier=Tier.REFERENCE).encode(TEXTS).vectors
    draft = Encoder(str(tiny), cache=tmp_path, tier=Tier.STATIC)
    made = draft.encode([*TEXTS, TEXTS[0], ""]).vectors
    assert np.array_equal(made[0], made[4])
    assert not made[5].any()
    assert not np.allclose(made[:4], own)
    assert "a draft" in draft.backend
    assert len(list((tmp_path / "embeddings").iterdir())) == 2
    monkeypatch.setattr(encoders, "backend_of", lambda *_: pytest.fail("embedded again"))
    assert np.array_equal(Encoder(str(tiny), cache=tmp_path, tier=Tier.STATIC).encode(TEXTS).vectors, made[:4])


def test_static_is_never_chosen_by_itself() -> None:
    from pipelines.embedding.tiers import choose

    chosen = {choose(ModelFolder("builtin"), size).tier for size in (1, 10**6, 10**8, 10**10)}
    assert Tier.STATIC not in chosen
    assert not Settings().dedup.draft


ROWS = [
    {"instruction": "Is the cat on the mat?", "input": "", "output": "Yes, as the picture shows, the cat lies there."},
    {"instruction": "Is the mat on the cat?", "input": "", "output": "Yes, as the picture shows, the cat lies there."},
    {"instruction": "Name the capital of France.", "input": "", "output": "The capital of France is Paris."},
    {"instruction": "name the capital of france.", "input": "", "output": "The capital of France is Paris."},
    {"instruction": "How is bread baked at home?", "input": "", "output": "Knead dough, let it rise, and bake it hot."},
    {"instruction": "Describe the sea in one line.", "input": "", "output": "It was grey and calm all around."},
    *(
        {"instruction": f"What is a {thing} for?", "input": "", "output": f"With a {thing} people {use} every day."}
        for thing, use in (("hammer", "drive nails"), ("kettle", "boil water"), ("ledger", "keep accounts"),
                           ("sextant", "find their place at sea"), ("prism", "split light"), ("anvil", "shape iron"))
    ),
]  # fmt: skip


@pytest.mark.parametrize("model", ["tiny", pytest.param("builtin", marks=pytest.mark.long)])
def test_the_command_says_that_it_is_a_draft_and_removes_nothing_by_its_vectors(
    model: str, tiny: Path, models: str, tmp_path: Path
) -> None:
    source = tmp_path / "tasks.jsonl"
    source.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    done = subprocess.run(
        [ASSAY, "curate", source, "--out", tmp_path / "out", "--draft", "--model", tiny if model == "tiny" else model],
        env={**os.environ, "ASSAY_CACHE": models, "PREFECT_API_URL": ""},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "a draft, which finds 0.18" in done.stderr
    assert "draft       static vectors" in done.stdout
    assert "run.draft is True, must be equal to False" in done.stdout
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["run"]["draft"]
    assert "a draft" in report["run"]["embedding_backend"]
    # What is equal goes in a draft too; the same words in another order are asked about.
    assert report["duplicates"]["exact"]["removed"] == 1
    assert report["duplicates"]["semantic"]["removed"] == 0
    assert report["duplicates"]["semantic"]["threshold"] is None
    assert report["duplicates"]["removed_at"] == {}
    # The tiny model was never trained, and finds other rows alike too.
    doubted = report["rows"]["reasons"]["review"]
    assert set(doubted) == {"duplicate.semantic"}
    assert (doubted["duplicate.semantic"] == 1) or (model == "tiny" and doubted["duplicate.semantic"] > 1)
    assert report["gate"]["passed"] is False
    assert "**This is a draft, for a first look.**" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "a draft" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_the_settings_are_documented() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "settings.md").read_text(encoding="utf-8")
    default = Settings().dedup
    assert f"| `dedup.draft` | `{str(default.draft).lower()}` | `--draft` |" in page
    assert f"| `dedup.draft_similarity` | `{default.draft_similarity}` |" in page
