"""What a thing is stored under: the digest of a text, and the digest of what worked on it."""

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

KEY_CHARS = 32
"""128 bits as hex. Two of 10**12 texts share a key by chance once in 10**14 times."""

# Texts that are Python's objects at a time.
_TEXTS = 2**17


def text_keys(texts: pl.Series) -> pl.Series:
    """The first 128 bits of each text's SHA-256 as 32 hex characters. Null stays null; order is kept.

    >>> text_keys(pl.Series(["abc", None])).to_list()
    ['ba7816bf8f01cfea414140de5dae2223', None]
    """
    parts = (texts.slice(start, _TEXTS) for start in range(0, max(1, len(texts)), _TEXTS))
    return pl.concat([_digests(part) for part in parts]).bin.encode("hex").rename(texts.name)


def _digests(texts: pl.Series) -> pl.Series:
    sha256 = hashlib.sha256
    digests = [None if text is None else sha256(text).digest()[:16] for text in texts.cast(pl.Binary).to_list()]
    return pl.Series(digests, dtype=pl.Binary)


def made_by(*parts: str) -> str:
    """24 hex characters for the name, version and settings of what made something; another part, another digest.

    >>> made_by("tokens", "1") == made_by("tokens", "1"), made_by("a", "b") == made_by("ab", "")
    (True, False)
    """
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        # The length first, so that no part can run into the next.
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[:24]


def source_digest(*paths: str | Path) -> str:
    """24 hex characters of the content of files, a part for `made_by` where code itself is the version."""
    return made_by(*(hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths))


def places(known: pl.Series, keys: pl.Series) -> NDArray[np.int64]:
    """For each of `keys` its row in `known` (each key once), -1 where it is not there or is null.

    >>> places(pl.Series(["b", "a"]), pl.Series(["a", "c", "a", None])).tolist()
    [1, -1, 1, -1]
    """
    rows = known.rename("key").to_frame().with_row_index("row")
    found = keys.rename("key").cast(pl.String).to_frame().join(rows, on="key", how="left", maintain_order="left")
    return found["row"].cast(pl.Int64).fill_null(-1).to_numpy(writable=True)
