"""Vectors on disk, by the hash of their text: an embedding is paid for once.

One folder per model; inside, Parquet files that are written aside and renamed, so that two
processes may share a cache. A file that cannot be read is passed over and its vectors made again.
"""

import hashlib
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.record import typed

# `vector` is float16: half precision moves a MiniLM cosine by less than 1e-4, far below any
# threshold's meaning, and it hides the last-bit noise that a text's neighbours in a batch cause.
_STORED = pl.Schema({"key": pl.String(), "truncated": pl.Boolean(), "vector": pl.Binary()})


def default_cache() -> Path:
    """ASSAY_CACHE, else the platform's usual cache folder."""
    if said := os.environ.get("ASSAY_CACHE"):
        return Path(said)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "assay"


def text_key(text: str) -> str:
    """What a text is stored under: 128 bits of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class VectorStore:
    """The vectors of one model below `root`."""

    def __init__(self, root: Path, model_key: str) -> None:
        self.folder = root / "embeddings" / model_key

    def load(self, keys: set[str]) -> pl.DataFrame:
        """What is stored of `keys`: columns key, truncated, vector (float16 bytes); each key once."""
        found = [pl.DataFrame(schema=_STORED)]
        wanted = pl.Series("key", sorted(keys), dtype=pl.String).to_frame()
        for path in sorted(self.folder.glob("*.parquet")):
            try:
                part = pl.read_parquet(path)
                found.append(typed(part, _STORED).select(_STORED.names()).join(wanted, on="key", how="semi"))
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
                continue
        return pl.concat(found).unique("key", keep="first", maintain_order=True)

    def save(self, keys: list[str], truncated: list[bool], vectors: NDArray[np.float16]) -> None:
        """Add one file. Raises OSError when the folder cannot be written."""
        frame = pl.DataFrame(
            {"key": keys, "truncated": truncated, "vector": [row.tobytes() for row in vectors]}, schema=_STORED
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256("".join(keys).encode()).hexdigest()[:24]
        aside = self.folder / f".{name}.{os.getpid()}"
        frame.write_parquet(aside)
        aside.replace(self.folder / f"{name}.parquet")


class Freed(NamedTuple):
    """What pruning removed."""

    files: int
    bytes: int


def sizes(root: Path) -> dict[str, int]:
    """Bytes stored for each model key below `root`."""
    folders = sorted(path for path in (root / "embeddings").glob("*") if path.is_dir())
    return {folder.name: sum(path.stat().st_size for path in folder.glob("*.parquet")) for folder in folders}


def prune(root: Path, older_than: int) -> Freed:
    """Delete stored vectors that were written `older_than` days ago or before. Touches nothing else below `root`."""
    limit = time.time() - older_than * 86_400
    old = [path for path in (root / "embeddings").glob("*/*.parquet") if path.stat().st_mtime <= limit]
    freed = Freed(len(old), sum(path.stat().st_size for path in old))
    for path in old:
        path.unlink(missing_ok=True)
    return freed
