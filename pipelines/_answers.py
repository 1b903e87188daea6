"""When two answers to nearly one prompt say the same, and when they disagree.

Similar prompts alone make no duplicate: "positive" and "negative" are different answers to one
question, and a changed number is another sum. These rules stand between a similarity and a removal.
"""

import polars as pl

from pipelines._near import jaccard
from pipelines._shingles import TOKEN, shingle
from pipelines._texts import scan_rows_of

# Up to this many tokens an answer is a label, a number or a phrase: every token of it counts.
LABEL_TOKENS = 5
# Up to this many tokens the numbers in an answer are its substance.
SHORT_TOKENS = 20
# Below half their words in common, two answers are not wordings of one.
MIN_WORDS = 0.5
# Two questions with this share of words in common ask the same.
SAME_QUESTION = 0.8

# Pairs whose words are compared at a time, so that memory does not grow with them.
PART = 2**15

_READ = ("kind", "label", "group", "messages", "context", "completion")
_NUMBER = r"\d+(?:[.,]\d+)*"


def _answers(records: pl.LazyFrame) -> pl.DataFrame:
    """What pairs are compared by: row_id, kind, label, group, question, completion, its numbers and length.

    `question` is the last user turn without the document that was given beside it. No other turn is held.
    """
    asked = pl.col("messages").list.filter(pl.element().struct.field("role") == "user").list.last()
    question = asked.struct.field("content").fill_null("")
    said = records.select(
        "row_id",
        "kind",
        "label",
        "group",
        question=question.str.strip_suffix(pl.col("context").fill_null("")),
        completion=pl.col("completion").fill_null(""),
    ).with_columns(
        question_numbers=_numbers("question"),
        numbers=_numbers("completion"),
        verdict=pl.col("completion").str.to_lowercase().str.extract(r"^\W*(yes|no|true|false)\b"),
        length=pl.col("completion").str.to_lowercase().str.count_matches(TOKEN),
    )
    return said.collect(engine="streaming")


def compare(pairs: pl.DataFrame, whole: pl.LazyFrame) -> pl.DataFrame:
    """Add to `pairs` (row_ids a, b) what the words of the two rows of `whole` say; texts of others are not held, and
    words are cut PART pairs at a time.

    same_kind, same_group, same_label, same_question, same_numbers: flags. words: Jaccard index of the
    answers' tokens. equal_phrase: false where a short phrase is not the same phrase. contained: the
    longer answer has every word of the shorter. differs: the
    answers contradict each other in a phrase, in a short answer's numbers, or by yes and no.
    """
    answers = _answers(scan_rows_of(whole, pl.concat([pairs["a"], pairs["b"]]).unique(), _READ))
    return pl.concat([_compared(part, answers) for part in pairs.iter_slices(PART)] or [_compared(pairs, answers)])


def _compared(pairs: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    both = pairs.join(answers, left_on="a", right_on="row_id", how="left", maintain_order="left").join(
        answers, left_on="b", right_on="row_id", how="left", suffix="_b", maintain_order="left"
    )
    both = both.with_columns(
        words=_word_overlap(both, "completion"),
        question_words=_word_overlap(both, "question"),
        shortest=pl.min_horizontal("length", "length_b"),
    ).with_columns(
        equal_phrase=(pl.col("shortest") > LABEL_TOKENS)
        | (_squeezed("completion") == _squeezed("completion_b"))
        | (pl.col("words") == 1)
    )
    # From J = |A and B| / |A or B|: the share of the shorter answer's words that the longer one has.
    held = pl.col("words") * (pl.col("length") + pl.col("length_b")) / (1 + pl.col("words")) / pl.col("shortest")
    numbers = pl.col("numbers") == pl.col("numbers_b")
    question_numbers = pl.col("question_numbers") == pl.col("question_numbers_b")
    return both.select(
        *pairs.columns,
        "words",
        "equal_phrase",
        contained=held >= 1 - 1e-9,
        same_kind=pl.col("kind") == pl.col("kind_b"),
        same_group=(pl.col("group") == pl.col("group_b")).fill_null(False),
        same_label=pl.col("label").eq_missing(pl.col("label_b")),
        same_question=(pl.col("question_words") >= SAME_QUESTION) & question_numbers,
        same_numbers=question_numbers & numbers,
        # "Interrogative" and "Interrogative sentence" are no contradiction.
        differs=(~pl.col("equal_phrase") & (held < 1 - 1e-9))
        | ((pl.col("shortest") <= SHORT_TOKENS) & ~numbers)
        | (pl.col("verdict") != pl.col("verdict_b")).fill_null(False),
    )


def _numbers(column: str) -> pl.Expr:
    return pl.col(column).str.extract_all(_NUMBER).list.unique().list.sort().list.join(" ")


def _squeezed(column: str) -> pl.Expr:
    return pl.col(column).str.to_lowercase().str.replace_all(r"[\s\p{P}]+", " ").str.strip_chars()


def _word_overlap(both: pl.DataFrame, column: str) -> pl.Series:
    texts = pl.concat([both[column], both[f"{column}_b"].rename(column)])
    size = both.height
    places = pl.int_range(0, size, eager=True).to_numpy()
    return pl.Series(jaccard(shingle(texts, 1), places, places + size), dtype=pl.Float64)
