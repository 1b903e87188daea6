"""MinHash signatures of texts, worked out once for each text, and the keys of their bands."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines import _shingles
from pipelines._shingles import by_slice, ngrams
from pipelines._tally import count
from pipelines._texts import PART, Texts

PERMUTATIONS = 128
# A pair exactly at the threshold is proposed with at least this probability.
RECALL = 0.995

KIND = "signatures"
"""Where the cache keeps them: 528 bytes a text.

For 52,002 texts of 60 words a core needs 0.8 s to work them out, 0.15 s to keep them, and 0.2 s to find them again.
"""
# An odd 64-bit multiplier, as in _shingles: the band "a b" is not "b a".
_MULTIPLIER = np.uint64(0xD1342543DE82EF95)


class Bands(NamedTuple):
    bands: int
    rows: int


def bands_for(threshold: float) -> Bands:
    """The fewest, widest bands that reach RECALL at `threshold`.

    A pair at Jaccard s shares one of b bands of r rows with probability 1 - (1 - s^r)^b
    (Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, section 3.4).

    >>> bands_for(0.8)
    Bands(bands=21, rows=6)
    """
    for rows in range(PERMUTATIONS, 1, -1):
        count = PERMUTATIONS // rows
        if 1 - (1 - threshold**rows) ** count >= RECALL:
            return Bands(count, rows)
    return Bands(PERMUTATIONS, 1)


def band_keys(texts: Texts, bands: Bands, *, ngram: int, seed: int, cache: str | None = None) -> NDArray[np.uint64]:
    """The key of each band (a row) of each text (a column); a text without n-grams has `no_key` in all.

    8 bytes for each band and text are held, and the texts and signatures of a part. With `cache` a signature is worked
    out once for each text, and saved.
    """
    if cache is None:
        count("signed", len(texts), len(texts))
        made = [keys_of(_signatures(part, ngram, seed), bands) for part in texts.parts()]
        return np.concatenate([np.zeros((bands.bands, 0), dtype=np.uint64), *made], axis=1)
    return _remembered(texts, bands, ngram, seed, cache)


def no_key(bands: Bands) -> np.uint64:
    """What stands for a text without n-grams in every band."""
    nothing = np.full((1, PERMUTATIONS), np.iinfo(np.uint32).max, dtype=np.uint32)
    return np.uint64(keys_of(nothing, bands)[0, 0])


def keys_of(signatures: NDArray[np.uint32], bands: Bands) -> NDArray[np.uint64]:
    """The 64-bit key of each band (a row) of each signature (a column); equal for equal bands."""
    used = signatures[:, : bands.bands * bands.rows].reshape(len(signatures), *bands)
    keys = used[:, :, 0].astype(np.uint64)
    for place in range(1, bands.rows):
        keys *= _MULTIPLIER
        keys += used[:, :, place]
    return np.ascontiguousarray(keys.T)


def _signatures(texts: pl.Series, ngram: int, seed: int) -> NDArray[np.uint32]:
    """Signatures (texts, PERMUTATIONS)."""
    from rensa import RMinHash

    def signed(part: pl.Series) -> NDArray[np.uint32]:
        # Repeats and order make no difference to a minimum, so that nothing is sorted here.
        hashes, offsets = ngrams(part, ngram)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets.astype(np.uint64), PERMUTATIONS, seed)
        return np.array(matrix.to_rows(), dtype=np.uint32)

    return np.concatenate([np.zeros((0, PERMUTATIONS), dtype=np.uint32), *by_slice(texts, signed)])


def _remembered(texts: Texts, bands: Bands, ngram: int, seed: int, cache: str) -> NDArray[np.uint64]:
    from pipelines.cache.files import KEY
    from pipelines.cache.keys import places, text_keys
    from pipelines.cache.store import Tables

    named = (text_keys(part.fill_null("")) for part in texts.parts())
    keys = pl.concat([pl.Series(dtype=pl.String), *named]).alias(KEY)
    tables = Tables(cache, KIND, signed_by(ngram, seed))
    names, made = [pl.Series(KEY, dtype=pl.String)], [np.zeros((bands.bands, 0), dtype=np.uint64)]
    for table in tables.load(keys):
        names.append(pl.DataFrame(pl.from_arrow(table.select([KEY])))[KEY].bin.encode("hex"))
        made.append(keys_of(_unpacked(table), bands))
    fresh = keys.to_frame().with_row_index("place").unique(KEY, keep="first", maintain_order=True)
    fresh = fresh.join(pl.concat(names).to_frame(), on=KEY, how="anti", maintain_order="left")
    count("signed", len(texts), fresh.height)
    for part in fresh.iter_slices(PART):
        signatures = _signatures(texts.gather(part["place"].to_numpy()), ngram, seed)
        tables.save(part[KEY], _packed(signatures))
        names.append(part[KEY])
        made.append(keys_of(signatures, bands))
    return np.concatenate(made, axis=1)[:, places(pl.concat(names), keys)]


def signed_by(ngram: int, seed: int) -> str:
    """The version: what a token is, how they are hashed and by whom, and the code here."""
    from importlib.metadata import version
    from platform import machine

    from pipelines.cache.keys import made_by, source_digest

    code = source_digest(__file__, _shingles.__file__)
    settings = (_shingles.TOKEN, str(ngram), str(PERMUTATIONS), str(seed))
    # polars promises the same hashes for one version only, and says nothing of other processors.
    return made_by("minhash", *settings, version("rensa"), pl.__version__, machine(), code)


def _packed(signatures: NDArray[np.uint32]) -> Any:
    import pyarrow as pa

    data = np.ascontiguousarray(signatures, dtype="<u4")
    width = pa.binary(data.dtype.itemsize * PERMUTATIONS)
    return pa.table({"signature": pa.FixedSizeBinaryArray.from_buffers(width, len(data), [None, pa.py_buffer(data)])})


def _unpacked(table: Any) -> NDArray[np.uint32]:
    column = table.column("signature").combine_chunks()
    values = np.frombuffer(column.buffers()[1], dtype="<u4").reshape(-1, PERMUTATIONS)
    return values[column.offset :][: len(column)]
