"""A static model: one vector for each token, distilled once and offline from a model that understands texts.

The recipe and the files are model2vec's (https://github.com/MinishLab/model2vec, MIT), so that its readers load
them: each token alone through the model, the PCA_DIMENSIONS directions in which tokens differ most, frequent tokens
weighed down. What was made lies in the cache, below the digest of what it was made from.
"""

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from pipelines.cache.folders import KeptFolder
from pipelines.cache.keys import made_by
from pipelines.embedding.model_folder import ModelFolder
from pipelines.embedding.reference import Reference
from pipelines.embedding.static_runtime import CONFIG, TOKENIZER, VECTORS, Static
from pipelines.embedding.tiers import Tier
from schemas.errors import ModelError

# model2vec's defaults. Of 64 to 384 dimensions and other weights none told labelled question pairs apart better by
# more than a hundredth.
PCA_DIMENSIONS, SIF = 256, 1e-4
# Tokens that pass the model together: on two cores 512 were as fast as any.
_BATCH = 512
# Places that a vocabulary keeps free: no text has them.
_FREE = re.compile(r"\[unused\d+\]")
# Raised when the way of distilling changes.
_LAYOUT = "1"
# Where converted models lie too.
_KIND = "models"


def static_model(folder: ModelFolder, cache: str) -> Static:
    """The static model of `folder`, made now or found in the cache. Raises ModelError when none can be made of it."""
    kept = KeptFolder(cache, _KIND, made_from(folder))
    if found := kept.find():
        return Static(found)
    try:
        return Static(kept.keep(lambda aside: distil(folder, aside)))
    except OSError:  # a place that cannot be written costs the cache and not the run
        with TemporaryDirectory() as aside:
            distil(folder, Path(aside))
            return Static(Path(aside))


def made_from(folder: ModelFolder) -> str:
    """What a static model and its vectors are stored under."""
    return made_by(folder.digest, Tier.STATIC, _LAYOUT)


def distil(folder: ModelFolder, into: Path) -> None:
    """Write a static model of `folder` into the empty folder `into`. Raises ModelError.

    About 25 CPU-seconds for the builtin model. On one machine the same bytes each time.
    """
    try:
        content = orjson.loads((folder.path / "tokenizer.json").read_bytes())
        vectors = _weighed(_token_vectors(folder), _spoken(content))
    except ModelError:
        raise
    except Exception as error:  # the libraries raise whatever their parts raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise ModelError(
            f"{folder.name}: no static model can be made of it ({reason}); leave out --draft, or name a transformer "
            "with a tokenizer.json, such as 'builtin'"
        ) from error
    _write(into, folder.path.name, content, vectors)


def _token_vectors(folder: ModelFolder) -> NDArray[np.float64]:
    """(tokens, dimensions): what the model says of each token alone, between the marks it puts around a text."""
    import torch
    from sentence_transformers.sentence_transformer.modules import Normalize
    from tokenizers import Tokenizer

    model = Reference(folder).model
    tokenizer = Tokenizer.from_file(str(folder.path / "tokenizer.json"))
    tokenizer.no_padding()
    before, after = _marks(tokenizer)
    size = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1
    steps = [step for step in model if not isinstance(step, Normalize)]
    found = []
    with torch.inference_mode():
        for start in range(0, size, _BATCH):
            ids = torch.arange(start, min(start + _BATCH, size), device=model.device)
            row = [torch.full_like(ids, mark) for mark in before], [torch.full_like(ids, mark) for mark in after]
            tokens = torch.stack([*row[0], ids, *row[1]], dim=1)
            said: dict[str, Any] = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
            for step in steps:
                said = step(said)
            found.append(said["sentence_embedding"].double().cpu().numpy())
    return np.concatenate(found)


def _marks(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The ids before and after a text's own: [CLS] and [SEP] of a BERT."""
    alone, marked = (tokenizer.encode("a", add_special_tokens=add).ids for add in (False, True))
    at = marked.index(alone[0])
    return marked[:at], marked[at + len(alone) :]


def _spoken(content: dict[str, Any]) -> NDArray[np.bool_]:
    """By token: whether texts hold it. Marks, free places and the token for what is unknown say nothing."""
    vocabulary = content["model"]["vocab"]
    listed = vocabulary if isinstance(vocabulary, dict) else {one[0]: at for at, one in enumerate(vocabulary)}
    names: dict[int, str] = {at: name for name, at in listed.items()}
    spoken = np.zeros(max([*names, *(token["id"] for token in content["added_tokens"])]) + 1, dtype=np.bool_)
    spoken[[at for at, name in names.items() if not _FREE.fullmatch(name)]] = True
    spoken[[token["id"] for token in content["added_tokens"] if token["special"]]] = False
    return spoken


def _weighed(vectors: NDArray[np.float64], spoken: NDArray[np.bool_]) -> NDArray[np.float16]:
    """The spoken tokens along their principal directions, times a weight; zeros for the others.

    Vocabularies list what is frequent first, so that a token's place stands for its frequency (Zipf).
    """
    mine = vectors[spoken] - vectors[spoken].mean(axis=0)
    directions = np.linalg.eigh(mine.T @ mine)[1][:, ::-1][:, :PCA_DIMENSIONS]
    # An eigenvector's sign is arbitrary; the largest entry is made positive, so that the bytes are the same.
    directions *= np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(directions.shape[1])])
    frequency = 1 / np.arange(2, len(mine) + 2)
    weights = SIF / (SIF + frequency / frequency.sum())
    made = np.zeros((len(vectors), directions.shape[1]), dtype=np.float16)
    made[spoken] = mine @ directions * weights[:, None]
    return made


def _write(into: Path, name: str, tokenizer: dict[str, Any], vectors: NDArray[np.float16]) -> None:
    from safetensors.numpy import save_file

    save_file({"embeddings": vectors}, into / VECTORS)
    plain = {**tokenizer, "truncation": None, "padding": None, "post_processor": None}
    (into / TOKENIZER).write_bytes(orjson.dumps(plain))
    config = {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "tokenizer_name": name,
        "apply_pca": PCA_DIMENSIONS,
        "sif_coefficient": SIF,
        "hidden_dim": vectors.shape[1],
        "seq_length": 1_000_000,
        "normalize": True,
        "pooling": "mean",
        "embedding_dtype": "float16",
        "max_length": None,
    }
    (into / CONFIG).write_bytes(orjson.dumps(config, option=orjson.OPT_INDENT_2))
