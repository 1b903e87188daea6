"""Word n-grams under hashes that outlive a run: keyed, one way, and the same in every version and on every machine.

A word's hash is keyed BLAKE2b; the n-gram of these, which alone could be unrolled word by word, goes through keyed
SipHash-2-4 (Aumasson and Bernstein 2012). What a text's words are follows from the normalisation of `_shingles`, whose
version, with a digest of what it makes of a sample, stands in NORMALISATION.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._shingles import Ngrams, Shingles, ngrams

KEY_BYTES = 16

# Raised with every change of what a word is, how numbers are alike or how n-grams are hashed.
_VERSION = 1
# A newer Unicode table or regex engine may cut texts otherwise; here is what they might disagree about.
_SAMPLE = (
    "The Café's 3.5 apples -- DON'T count_them: x<y, a+=b & c!",
    "ÖFFNEN Straße İstanbul ΣΊΣΥΦΟΣ ǅ ﬁne naïve e\u0301 ½ ² Ⅻ",
    "東京タワーは333メートル ภาษาไทย ភាសា မြန်မာ 中文，句子。 한국어",
    "١٢٣ १२३ ௧௨௩ 𝟙𝟚 🧪👩‍🔬 \u200bzero\u200dwidth a\u00a0b\tc\nd",
    "short",
    "",
)
_CONSTANTS = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_Words = NDArray[np.uint64]


def keyed(key: bytes) -> Ngrams:
    """`_shingles.ngrams` with hashes that follow from the words and `key` (KEY_BYTES) alone."""
    return partial(_keyed, key)


def _keyed(key: bytes, texts: pl.Series, n: int) -> Shingles:
    found = ngrams(texts, n, hashed=lambda words: _words(words, key))
    return found._replace(hashes=siphash(found.hashes, key))


def _words(words: pl.Series, key: bytes) -> _Words:
    """BLAKE2b of each word; each different one is hashed once."""
    known = words.unique()
    digests = b"".join(
        hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest() for word in known
    )
    hashes = pl.DataFrame({"word": known, "hash": np.frombuffer(digests, dtype="<u8").astype(np.uint64)})
    every = words.alias("word").to_frame().join(hashes, on="word", how="left", maintain_order="left")
    found: _Words = every["hash"].to_numpy()
    return found


def siphash(numbers: _Words, key: bytes) -> _Words:
    """SipHash-2-4 of each number as eight bytes, the lowest first.

    >>> hex(int(siphash(np.array([0x0706050403020100], dtype=np.uint64), bytes(range(16)))[0]))
    '0x93f5f5799a932462'
    """
    halves = [int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")] * 2
    v0, v1, v2, v3 = (
        np.full(len(numbers), half ^ constant, dtype=np.uint64)
        for half, constant in zip(halves, _CONSTANTS, strict=True)
    )
    state = (v0, v1, v2, v3)
    # The message, and then its length in the highest byte.
    for block in (numbers, np.uint64(8 << 56)):
        v3 ^= block
        _rounds(state, 2)
        v0 ^= block
    v2 ^= np.uint64(0xFF)
    _rounds(state, 4)
    return v0 ^ v1 ^ v2 ^ v3


def _rounds(state: tuple[_Words, _Words, _Words, _Words], times: int) -> None:
    v0, v1, v2, v3 = state
    for _ in range(times):
        for one, other, by, turned in ((v0, v1, 13, v0), (v2, v3, 16, None), (v0, v3, 21, None), (v2, v1, 17, v2)):
            one += other
            _turn(other, by)
            other ^= one
            if turned is not None:
                _turn(turned, 32)


def _turn(words: _Words, by: int) -> None:
    high = words >> np.uint64(64 - by)
    words <<= np.uint64(by)
    words |= high


@lru_cache
def normalisation(n: int, prepared: Callable[[pl.Series], pl.Series]) -> str:
    """What makes texts into words and n-grams of `n`, by name: equal names give equal hashes under one key."""
    sample = pl.Series(_SAMPLE)
    digest = hashlib.blake2b(digest_size=8)
    for texts in (sample, prepared(sample)):
        found = keyed(bytes(KEY_BYTES))(texts, n)
        digest.update(found.offsets.astype("<i8").tobytes() + found.hashes.astype("<u8").tobytes())
    return f"{_VERSION}-{digest.hexdigest()}"
