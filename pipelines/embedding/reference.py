"""The reference: sentence-transformers, for any model, on the GPU where there is one."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.embedding.backend import Embedded
from pipelines.embedding.model_folder import ModelFolder, no_model

# On two cores 64 sorted texts at a time were faster than 32 and no slower than 128; a GPU is fuller with more.
BATCH, GPU_BATCH = 64, 512
# What a driver of a GPU that torch can use leaves on the machine: looked for before torch is imported.
_DRIVERS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")


def has_gpu() -> bool:
    """Whether torch can use a GPU. Imports torch only where a driver is installed."""
    if os.name == "posix" and not any(Path(driver).exists() for driver in _DRIVERS):
        return False
    import torch

    return torch.cuda.is_available()


class Reference:
    """A model as its authors meant it, in full precision."""

    def __init__(self, folder: ModelFolder) -> None:
        self._folder = folder
        self._gpu = has_gpu()

    def embed(self, texts: Sequence[str]) -> Embedded:
        """See Backend. Raises ModelError when the model cannot be loaded."""
        vectors = self.model.encode(
            list(texts),
            batch_size=GPU_BATCH if self._gpu else BATCH,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return Embedded(vectors.astype(np.float32, copy=False), self._truncated(texts))

    def _truncated(self, texts: Sequence[str]) -> Any:
        window = int(self.model.max_seq_length or 0)
        # A token has at least one character, so shorter texts need no count.
        long = [place for place, text in enumerate(texts) if window and len(text) > window - 2]
        cut = np.zeros(len(texts), dtype=np.bool_)
        if long:
            ids = self.model.tokenizer([texts[place] for place in long], truncation=False, verbose=False)["input_ids"]
            cut[long] = [len(tokens) > window for tokens in ids]
        return cut

    @cached_property
    def model(self) -> Any:
        """The SentenceTransformer. Raises ModelError when it cannot be loaded."""
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            return SentenceTransformer(str(self._folder.path), local_files_only=True).eval()
        except Exception as error:  # the library raises whatever its parts raise
            raise no_model(self._folder.name, error) from error
