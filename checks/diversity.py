"""How varied a dataset is: figures over vectors and prompts, no record judged by itself."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

# Rows multiplied in float32 at a time: their sum is then off by less than a millionth.
_BLOCK = 4_096
# Prompts that are cut into words at a time.
_PROMPTS = 2**17


def blocks(vectors: Vectors, rows: NDArray[np.int64]) -> Iterator[Vectors]:
    """The `rows` of `vectors`, which may lie on disk, some at a time."""
    for start in range(0, len(rows), _BLOCK):
        yield vectors[rows[start : start + _BLOCK]]


def products(parts: Iterable[Vectors], dimensions: int) -> NDArray[np.float64]:
    """X'X, (d, d), summed in float64 from blocks of float32, which takes half the time and little memory.

    >>> products([np.eye(2, 3, dtype=np.float32)], 3).diagonal().tolist()
    [1.0, 1.0, 0.0]
    """
    total = np.zeros((dimensions, dimensions))
    for block in parts:
        total += block.T @ block
    return total


def vendi_score(vectors: Vectors, rows: NDArray[np.int64] | None = None) -> float | None:
    """The effective number of distinct rows: between 1 (all alike) and the number of rows.

    Friedman & Dieng 2023 (arXiv:2210.02410): the exponential of the entropy of the eigenvalues of
    K / n. For a cosine kernel these are the eigenvalues of the d x d matrix X'X / n, which costs
    nothing at any n. `vectors` are unit rows, of which `rows` are meant (null: all); null when there are none.

    >>> round(vendi_score(np.eye(3, dtype=np.float32)), 6)
    3.0
    """
    meant = np.arange(len(vectors)) if rows is None else rows
    if len(meant) == 0:
        return None
    values = np.linalg.eigvalsh(products(blocks(vectors, meant), vectors.shape[1]) / len(meant))
    weights = values[values > 1e-12]
    weights = weights / weights.sum()
    return float(np.exp(-np.sum(weights * np.log(weights))))


class VerbObjects(NamedTuple):
    """`pairs` has verb, object and count, most frequent first; `entropy` is in [0, 1], null without pairs."""

    pairs: pl.DataFrame
    entropy: float | None


# Words between a verb and what it acts on. The figure is a rough one by design: self-instruct
# (arXiv:2212.10560) parses; a parser's model is a download, and the first content word is near it.
_SKIPPED = frozenset(
    """
    a an the this that these those some any all each every of for to in on with from by about into
    and or my your our their his her its me us you it them one two three four five six ten several
    following given new good short simple brief detailed list set example examples few more most at least many much
    how what which why when where who is are was were can could should would do does did be please
    """.split()  # noqa: SIM905
)


def verb_objects(prompts: pl.Series) -> VerbObjects:
    """The opening verb of each English prompt, and the first content word after it.

    A heuristic: the first word, without "please" and "can you", is taken for the verb. Prompts that
    do not open with a Latin word are not counted.
    """
    counted = pl.concat([_verb_objects(part) for part in _parts(prompts)])
    pairs = counted.group_by("verb", "object").agg(pl.col("count").sum())
    pairs = pairs.sort("count", "verb", "object", descending=[True, False, False])
    return VerbObjects(pairs, _entropy(pairs["count"]))


def _parts(prompts: pl.Series) -> Iterator[pl.Series]:
    """Consecutive ones, as many as are cut into words at a time; one that is empty where there are none."""
    for start in range(0, max(1, len(prompts)), _PROMPTS):
        yield prompts.slice(start, _PROMPTS)


def _verb_objects(prompts: pl.Series) -> pl.DataFrame:
    """verb, object and count, in no order."""
    words = _opening_words(prompts).to_frame()
    frame = words.select(
        verb=pl.col("words").list.first(),
        object=pl.col("words").list.slice(1).list.filter(~pl.element().is_in(sorted(_SKIPPED))).list.first(),
    )
    return frame.drop_nulls().group_by("verb", "object").agg(count=pl.len())


def _opening_words(prompts: pl.Series) -> pl.Series:
    """The Latin words that a prompt begins with, courtesies left out."""
    opening = (
        prompts.str.slice(0, 400)
        .str.to_lowercase()
        .str.replace(r"^\W*(?:(?:system|user): )?(?:(?:please|kindly|(?:can|could|would) you)\W+)*", "")
    )
    return opening.str.extract_all(r"[a-z][a-z'-]+").rename("words")


# The words that open the prompts of common tasks. Our own list; what opens with another word is OTHER.
_TASKS = {
    "answer a question": "what how why when where who whom whose which is are was were do does did should will "
    "would can could has have if",
    "explain": "explain describe define discuss clarify elaborate illustrate tell talk",
    "write": "write compose create generate draft craft produce make imagine invent author",
    "rewrite": "rewrite rephrase paraphrase edit revise correct fix improve proofread change modify reword replace "
    "reorder rearrange reformat expand adapt shorten simplify polish",
    "summarise": "summarise summarize condense outline abridge recap",
    "list": "list name give provide suggest recommend brainstorm come propose offer think",
    "classify": "classify categorise categorize identify detect label sort determine choose select rate rank match "
    "pick decide group assign tag",
    "extract": "extract find locate highlight underline search look",
    "complete": "complete fill finish continue add insert",
    "translate": "translate",
    "convert": "convert transform turn express format parse",
    "calculate": "calculate compute solve count estimate multiply divide subtract factor derive prove",
    "compare": "compare contrast distinguish differentiate",
    "analyse": "analyse analyze evaluate assess review critique examine judge predict interpret research investigate",
    "plan": "plan design develop organise organize schedule arrange construct build devise prepare",
    "program": "code program implement debug refactor",
    "play a role": "act pretend roleplay play simulate",
}
TASKS = tuple(_TASKS)
"""Kinds of tasks, as `task` names them."""

OTHER = "other"
"""What opens with no word of a task: statements, dialogues, prompts in other scripts."""


def task(prompts: pl.Series) -> pl.Series:
    """The kind of task that each prompt opens with: one of TASKS, or OTHER. By its first Latin word alone.

    >>> task(pl.Series(["Could you please summarise this?", "Why?", "Hallo!"])).to_list()
    ['summarise', 'answer a question', 'other']
    """
    kinds = {word: kind for kind, words in _TASKS.items() for word in words.split()}
    opening = (_opening_words(part).list.first().str.extract(r"^([a-z]+)") for part in _parts(prompts))
    first = pl.concat(list(opening))
    return first.replace_strict(kinds, default=OTHER, return_dtype=pl.String).rename("task")


def _entropy(counts: pl.Series) -> float | None:
    """Shannon entropy of the shares, over its largest possible value."""
    if len(counts) == 0:
        return None
    if len(counts) == 1:
        return 0.0
    shares = counts.to_numpy() / counts.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(len(counts)))
