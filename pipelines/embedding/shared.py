"""Chunks of texts embedded by others: each chunk passes as a file, and so do its vectors."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from pipelines._runner import Sharing
from pipelines._slices import Shard, array_of, leave, leave_array
from pipelines.embedding.backend import Backend, Embedded, UnavailableError
from pipelines.embedding.model_folder import BUILTIN, ModelFolder
from pipelines.embedding.tiers import Tier
from schemas.errors import ModelError


class Chunk(NamedTuple):
    """Texts to embed (a Parquet file with one column) and by what: the model's name, its folder here, its digest."""

    texts: str
    folder: str  # where the vectors are left
    name: str
    path: str
    digest: str
    tier: str
    cache: str
    threads: int  # of torch, where it embeds: another number adds up in another order; 0 where it does not


def embedded_by(
    sharing: Sharing, chunks: Iterable[pl.Series], model: ModelFolder, tier: Tier, cache: str
) -> Iterator[Embedded]:
    """What `backend.embed` gives of each chunk, in order; vectors come in half precision. Raises ModelError."""
    folder = str(sharing.folder)
    about = (model.name, str(model.path.absolute()), model.digest, tier.value, cache, _threads(tier))
    work = (Chunk(leave(texts.rename("text").to_frame(), folder).path, folder, *about) for texts in chunks)
    for shard in sharing.runner.map(embed_chunk, work):
        made = array_of(shard.path)
        yield Embedded(made["vector"], made["truncated"])


def embed_chunk(work: Chunk) -> Shard:
    """On a worker: the vectors of a chunk, and which texts were truncated. Raises ModelError."""
    texts = pl.read_parquet(work.texts)["text"].to_list()
    if work.threads:
        import torch

        torch.set_num_threads(work.threads)
    made = _backend(work.name, work.path, work.digest, work.tier, work.cache).embed(texts)
    rows = np.empty(len(texts), dtype=[("truncated", "?"), ("vector", "<f2", (made.vectors.shape[1],))])
    rows["truncated"], rows["vector"] = made.truncated, made.vectors
    return leave_array(rows, work.folder)


def _threads(tier: Tier) -> int:
    if tier != Tier.REFERENCE:
        return 0
    import torch

    return torch.get_num_threads()


@lru_cache(maxsize=2)
def _backend(name: str, path: str, digest: str, tier: str, cache: str) -> Backend:
    """Loaded once by a worker."""
    from pipelines.embedding.encoder import backend_of

    # A model of the hub lies where each machine keeps those.
    folder = ModelFolder(BUILTIN if name == BUILTIN else path if Path(path).is_dir() else name)
    folder.name = name
    if folder.digest != digest:
        raise ModelError(f"{name}: a worker has another model of that name; put the same files there")
    try:
        return backend_of(folder, Tier(tier), cache)
    except UnavailableError as error:
        raise ModelError(f"{name}: a worker cannot run it as this machine does ({error}); set up both alike") from error
