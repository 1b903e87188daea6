"""What the tests of embedding share: a cache in which models are made once, and models small enough to be made anew."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).resolve().parents[3] / "data" / "samples" / "train"
WORDS = (
    "the",
    "a",
    "cat",
    "dog",
    "mat",
    "sits",
    "on",
    "is",
    "red",
    "sea",
    "wide",
    "how",
    "bake",
    "bread",
    "##s",
    "##ing",
)
LETTERS = "abcdefghijklmnopqrstuvwxyz?."
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]"]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A cache for this session's converted models, which take a minute to make."""
    return str(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def sample_texts() -> list[str]:
    """Prompts and answers of the samples, each once: a few words to some hundred."""
    rows = json.loads((SAMPLES / "support_alpaca.json").read_text(encoding="utf-8"))
    said = [row.get(key) for row in rows if isinstance(row, dict) for key in ("instruction", "input", "output")]
    return list(dict.fromkeys(text for text in said if text))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two small layers and random weights, always the same, in sentence-transformers' form."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {token: place for place, token in enumerate(dict.fromkeys([*MARKS, *WORDS, *LETTERS]))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return written(tmp_path_factory.mktemp("tiny"), tokenizer, len(vocabulary))


@pytest.fixture(scope="session")
def tiny_of_sentence_pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a tokenizer to which a space is part of a token."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = [("<unk>", 0.0), *(("▁" + word, -2.0) for word in WORDS), *((letter, -4.0) for letter in "abcdefgh▁")]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return written(tmp_path_factory.mktemp("pieces"), tokenizer, len(pieces))


def written(folder: Path, tokenizer: Any, size: int) -> Path:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=size, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
        max_position_embeddings=40,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder / "bert")
    names = ("unk", "pad", "cls", "sep", "mask")
    marks = {f"{name}_token": f"[{name.upper()}]" for name in names}
    known = marks if tokenizer.token_to_id("[PAD]") is not None else {"unk_token": "<unk>", "pad_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **known).save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"), max_seq_length=32)
    SentenceTransformer(modules=[transformer, Pooling(48, "mean"), Normalize()]).save(str(folder / "model"))
    return folder / "model"


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path], Path]:
    """A copy of a model's folder, to be spoilt."""
    import shutil

    return lambda folder: Path(shutil.copytree(folder, tmp_path / "copy"))
