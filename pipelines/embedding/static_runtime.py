"""A static model at work: a text's vector is the mean of its tokens' vectors, brought to length 1.

What costs is to find the tokens. Where a tokenizer sees no further than a space, each different word is looked
at once, and a text is the sum of its words: a fifth of the time on 52,002 rows of instruction data.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from pipelines.embedding.backend import Embedded

VECTORS, TOKENIZER, CONFIG = "model.safetensors", "tokenizer.json", "config.json"
"""The files of a static model, as model2vec names them."""

# Beside the space: to a BERT's tokenizer they are the same.
_SPACES = ["\n", "\t", "\r"]


class Pieces(NamedTuple):
    """Texts as pieces: those from `starts[i]` to `starts[i + 1]` are text i's, by their place in `different`."""

    different: list[str]
    places: NDArray[np.int64]
    starts: NDArray[np.int64]


class Static:
    """A backend over the folder of a static model, which is read whole: it may go away afterwards."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        content = orjson.loads((folder / TOKENIZER).read_bytes())
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._vectors = load_file(folder / VECTORS)["embeddings"].astype(np.float32)
        self._vectors[_unknown(content)] = 0
        self._by_word = _sees_no_further_than_spaces(content)

    def embed(self, texts: Sequence[str] | pl.Series) -> Embedded:
        """See Backend. Nothing is ever truncated. A text without a known token is a row of zeros."""
        column = texts if isinstance(texts, pl.Series) else pl.Series(list(texts), dtype=pl.String)
        pieces = split(column) if self._by_word else whole(column)
        encoded = self._tokenizer.encode_batch_fast(pieces.different, add_special_tokens=False)
        ids = [one.ids for one in encoded]
        lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        flat = np.fromiter((each for one in ids for each in one), dtype=np.int64, count=lengths.sum())
        sums = _sums(self._vectors, flat, _starts(lengths))
        vectors = _sums(sums, pieces.places, pieces.starts)
        norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        vectors /= np.maximum(norms, np.float32(1e-12))[:, None]
        return Embedded(vectors, np.zeros(len(column), dtype=np.bool_))


def split(texts: pl.Series) -> Pieces:
    """Texts as words.

    >>> split(pl.Series(["a b", "b\\ta"]))
    Pieces(different=['a', 'b'], places=array([0, 1, 1, 0]), starts=array([0, 2, 4]))
    """
    words = texts.str.replace_many(_SPACES, [" "] * len(_SPACES)).str.split(" ")
    return _pieces(words.explode(), words.list.len().cast(pl.Int64).to_numpy())


def whole(texts: pl.Series) -> Pieces:
    """Each text as one piece."""
    return _pieces(texts, np.ones(len(texts), dtype=np.int64))


def _pieces(each: pl.Series, counts: NDArray[np.int64]) -> Pieces:
    coded = each.to_arrow().dictionary_encode()
    return Pieces(coded.dictionary.to_pylist(), coded.indices.to_numpy().astype(np.int64), _starts(counts))


def _starts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])


def _sums(vectors: NDArray[np.float32], places: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """For each i the sum of `vectors` at places[starts[i] : starts[i + 1]], in that order: the same bytes each time."""
    import torch

    given, weight, offsets = (torch.from_numpy(each) for each in (places, vectors, starts))
    sums = torch.nn.functional.embedding_bag(given, weight, offsets=offsets, mode="sum", include_last_offset=True)
    made: NDArray[np.float32] = sums.numpy()
    return made


def _sees_no_further_than_spaces(tokenizer: dict[str, Any]) -> bool:
    """Whether a text's tokens are those of its words: BERT's are, but not where a space is part of a token."""
    parts = [(tokenizer.get(part) or {}).get("type") for part in ("normalizer", "pre_tokenizer", "model")]
    spaced = any(" " in token["content"] or token["lstrip"] or token["rstrip"] for token in tokenizer["added_tokens"])
    return parts == ["BertNormalizer", "BertPreTokenizer", "WordPiece"] and not spaced


def _unknown(tokenizer: dict[str, Any]) -> list[int]:
    """The id of the token that stands for what is unknown; none where there is no such token."""
    model = tokenizer["model"]
    if model.get("unk_id") is not None:
        return [int(model["unk_id"])]
    name = model.get("unk_token")
    return [int(model["vocab"][name])] if name in model["vocab"] else []
