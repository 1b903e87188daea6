"""Stage: exactly one record of each cluster of duplicates stays.

Three ways to be the same, in order of their cost: exact (normalised text), near (MinHash, decided by
the true Jaccard index of word 3-grams) and semantic (embedded prompts, decided together with the
answers). What a threshold only suspects, and near-equal prompts whose answers disagree, stay in the
data and carry a suspicion for the route stage. What a person restored is nobody's copy: it stays, and so do those that
are like it.
"""

from math import inf
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._answers import MIN_WORDS, compare
from pipelines._close_prompts import close_prompts
from pipelines._closest import refuse_too_many
from pipelines._clusters import Cut, component_of, cut, explain_bridges, final_twins, losers_of
from pipelines._near import near_pairs, similarities
from pipelines._near_shared import shared_near_pairs
from pipelines._neighbours import DECIMALS
from pipelines._normal import content_key, rejected_text
from pipelines._pair_verdicts import SAID_SAME, is_different, is_same, with_verdicts
from pipelines._prompt_pairs import prompt_similarity, removed_at, row_pairs, with_answer_similarity
from pipelines._restored import ids_restored, is_restored, overruling
from pipelines._runner import Sharing
from pipelines._suspicions import PAIR, contradictions, with_suspicions
from pipelines._texts import Texts, rows_of
from pipelines.embedding.encoder import Embedded, Encoder, Progress
from schemas.decision import VERDICTS, TaskKind
from schemas.outcome import DUPLICATE_EXACT, DUPLICATE_NEAR, DUPLICATE_SEMANTIC, PAIRS_SCHEMA, Outcome
from schemas.record import typed

# Word 3-grams, as the near-duplicate tools of the field use for texts of this length.
NGRAM = 3
# Pairs of prompts from here up are found in every run, so that the curve of min_similarity shows both sides. Each
# step of 0.01 below costs the more answers to embed, the lower it is.
FLOOR = 0.88

# Answers with fewer words in common never reached a cosine of 0.9 on real data; they are not embedded.
FEWEST_WORDS = 0.1

LINKS = pl.Schema({"a": pl.Int64(), "b": pl.Int64(), "similarity": pl.Float64(), "way": pl.String()})
"""Pairs of row_ids that are alike, removed rows included; `way` is exact, near or semantic."""


HELD = ("row_id", "record_id", "kind", "quality", "review_reasons", "original_record_id", "decision")
"""What is held of all records: who is kept follows from it. What they say is read where it is compared."""


_OVERRULED = pl.Schema({"row_id": pl.Int64()})


class Deduped(NamedTuple):
    """The outcome, and what later stages need of the way to it.

    `links` is what splits must not cut, whatever kind of record stands at its ends. Row i of `vectors`
    embeds the prompt of the kept rows whose `vector` is i. `pairs` (PAIRS_SCHEMA) are those that only the threshold
    on their prompts decides, from the floor up, so that the threshold can be judged by people.
    """

    outcome: Outcome
    links: pl.DataFrame
    vectors: NDArray[np.float32]
    pairs: pl.DataFrame


class Found(NamedTuple):
    """What one way of being the same found: who goes, what is alike, what contradicts, what is doubtful."""

    cut: Cut
    links: pl.DataFrame
    conflicts: pl.DataFrame
    suspects: pl.DataFrame
    undecided: pl.DataFrame  # a, b, similarity, answers, said: what a threshold on prompts is asked about
    overruled: pl.DataFrame  # row_id and reason of what stays because a person restored it


def dedup(
    whole: pl.LazyFrame,
    *,
    encoder: Encoder,
    min_jaccard: float,
    min_similarity: float | None,
    suspect_similarity: float,
    answer_agreement: float,
    answer_conflict: float,
    seed: int,
    decided_from: float = 1.0,
    decisions: pl.DataFrame,
    progress: Progress | None = None,
    cache: str | None = None,
    sharing: Sharing | None = None,
) -> Deduped:
    """Keep one record of each cluster: the best by quality, ties by record_id.

    `whole` has RECORD_SCHEMA and the columns HELD, of which `decision` may be missing. It is read several times, as
    it streams; held are HELD, the prompts, and the texts of what is compared. The outcome has HELD: dropped rows name
    the kept copy and the similarity to it, kept rows get `vector` and the columns of `with_suspicions`.
    What people said of a pair (`decisions`, DECISION_SCHEMA) outweighs every threshold on prompts. Where
    `min_similarity` is null nothing is removed by its embedding: from `suspect_similarity` up all are suspects.
    From `decided_from` up, and from `suspect_similarity`, cosines of prompts are those of full precision.
    With `cache` a text's MinHash signature is worked out once and kept there, and so are pairs of prompts. With
    `sharing` others sign, compare and search, and what they find is the same.
    """
    records = whole.select(name for name in HELD if name in whole.collect_schema()).collect(engine="streaming")
    named = records.select("row_id", "record_id")
    exact = _exact(records, whole)
    contradicting = contradictions(exact.cut.kept, whole)
    near = _near(exact.cut.kept, whole, min_jaccard=min_jaccard, seed=seed, cache=cache, sharing=sharing)
    asked = _embed(near.cut.kept, whole, encoder, progress)
    semantic = _semantic(
        asked,
        whole,
        encoder=encoder,
        progress=progress,
        min_similarity=min_similarity,
        suspect_similarity=suspect_similarity,
        answer_agreement=answer_agreement,
        answer_conflict=answer_conflict,
        decisions=decisions,
        decided_from=decided_from,
        cache=cache,
        sharing=sharing,
    )
    found = (exact, near, semantic)
    conflicts = pl.concat([contradicting, *(step.conflicts for step in found)])
    kept = with_suspicions(semantic.cut.kept, conflicts, semantic.suspects).drop("truncated")
    kept = overruling(kept, pl.concat([step.overruled for step in found]))
    dropped = pl.concat([step.cut.dropped for step in found], how="diagonal").sort("row_id")
    figures = {
        "exact": exact.cut.figures,
        "near": near.cut.figures,
        "semantic": semantic.cut.figures,
        "truncated": int(asked.embedded.truncated.sum()),
    }
    outcome = Outcome(kept, final_twins(dropped, named).drop("truncated", strict=False), figures)
    links = pl.concat([step.links for step in found])
    return Deduped(outcome, links, asked.embedded.vectors, _named_pairs(semantic.undecided, named))


def _named_pairs(pairs: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """Pairs of row_ids with the record_ids of both sides (PAIRS_SCHEMA)."""
    both = pairs.join(named.select(a="row_id", record_a="record_id"), on="a", how="left", maintain_order="left").join(
        named.select(b="row_id", record_b="record_id"), on="b", how="left", maintain_order="left"
    )
    return typed(both.select(PAIRS_SCHEMA.names()), PAIRS_SCHEMA).sort("a", "b")


def _exact(records: pl.DataFrame, whole: pl.LazyFrame) -> Found:
    restored = pl.when(is_restored(records)).then("record_id")
    said = whole.select(key=content_key()).collect(engine="streaming")["key"]
    keys = records.select("row_id", key=said, restored=restored)
    alike = keys.select("row_id", component=pl.col("row_id").min().over("key"))
    # Of rows that are one record one stays, restored or not.
    component = keys.select("row_id", component=pl.col("row_id").min().over("key", "restored"))
    losers = losers_of(records, component).with_columns(similarity=1.0, detail=pl.lit(None, dtype=pl.String))
    links = alike.filter(pl.col("row_id") != pl.col("component")).select(
        a="component", b="row_id", similarity=pl.lit(1.0)
    )
    freed = _without_restored(links, records, DUPLICATE_EXACT)
    return _found(cut(records, losers, DUPLICATE_EXACT), links, "exact", freed.overruled)


def _without_restored(edges: pl.DataFrame, records: pl.DataFrame, reason: str) -> "Freed":
    """The edges (a, b) between what nobody restored, and what the others would have said: row_id, reason."""
    restored = ids_restored(records)
    ends = pl.concat([edges["a"], edges["b"]]).unique().sort()
    touched = ends.filter(ends.is_in(restored.implode()))
    free = ~pl.col("a").is_in(restored.implode()) & ~pl.col("b").is_in(restored.implode())
    overruled = pl.DataFrame({"row_id": touched}, schema=_OVERRULED).with_columns(reason=pl.lit(reason))
    return Freed(edges.filter(free), overruled)


class Freed(NamedTuple):
    """What `_without_restored` tells apart."""

    edges: pl.DataFrame
    overruled: pl.DataFrame


def _near(
    records: pl.DataFrame,
    whole: pl.LazyFrame,
    *,
    min_jaccard: float,
    seed: int,
    cache: str | None,
    sharing: Sharing | None,
) -> Found:
    text = pl.concat_str("prompt", "completion", rejected_text(), separator="\n", ignore_nulls=True)
    ids = records["row_id"]
    texts = Texts(whole.select("row_id", text=text), ids)
    if sharing is None:
        found = near_pairs(texts, ngram=NGRAM, min_jaccard=min_jaccard, seed=seed, cache=cache)
    else:
        found = shared_near_pairs(texts, ngram=NGRAM, min_jaccard=min_jaccard, seed=seed, sharing=sharing)
    proposed = found.with_columns(
        pl.col("a", "b").map_batches(lambda places: ids.gather(places), return_dtype=pl.Int64)
    )
    alike = compare(proposed, whole)
    pairs = alike.filter("same_kind")
    agree = pl.col("same_label") & pl.col("equal_phrase") & ~pl.col("differs") & (pl.col("words") >= MIN_WORDS)
    edges, overruled = _without_restored(pairs.filter(agree), records, DUPLICATE_NEAR)
    losers = losers_of(records, component_of(ids, edges))
    losers = losers.with_columns(similarity=_similarity_to_survivor(texts, ids, losers))
    losers = explain_bridges(losers, edges, min_jaccard)
    return _found(
        cut(records, losers, DUPLICATE_NEAR, threshold=min_jaccard, pairs=edges.height),
        alike,
        "near",
        overruled,
        conflicts=pairs.filter(
            pl.col("differs") | ~pl.col("same_label"), pl.col("same_question"), ~pl.col("same_group")
        ),
    )


def _semantic(
    asked: "Prompts",
    whole: pl.LazyFrame,
    *,
    encoder: Encoder,
    progress: Progress | None,
    min_similarity: float | None,
    suspect_similarity: float,
    answer_agreement: float,
    answer_conflict: float,
    decisions: pl.DataFrame,
    decided_from: float,
    cache: str | None,
    sharing: Sharing | None,
) -> Found:
    records, prompts, embedded = asked
    floor = min(FLOOR, suspect_similarity)
    decided_from = min(suspect_similarity, decided_from)
    found = close_prompts(
        prompts,
        embedded,
        encoder,
        min_similarity=floor,
        decided_from=decided_from,
        progress=progress,
        cache=cache,
        sharing=sharing,
    )
    near = found.near
    bar = inf if min_similarity is None else min_similarity
    close = pl.col("similarity") >= bar
    may_agree = pl.all_horizontal("same_label", "same_numbers", "equal_phrase", ~pl.col("differs")) & (
        pl.col("words") >= FEWEST_WORDS
    )
    one_question = pl.col("same_question") & ~pl.col("same_group")
    may_conflict = close & one_question
    alike = compare(row_pairs(records, near.pairs), whole)
    # Whatever the threshold, so that it can be moved without embedding an answer more.
    needed = may_agree | (one_question & ~pl.col("differs"))
    judged = with_answer_similarity(
        alike.filter("judged", "same_kind").with_columns(needed=needed),
        whole,
        encoder,
        limits=(answer_agreement, answer_conflict),
    )
    judged = with_verdicts(judged, records, decisions)
    alike_answers = may_agree & (pl.col("answers") >= answer_agreement)
    agree = alike_answers & ~is_different()
    disagree = (
        ((pl.col("answers") < answer_conflict) & ~pl.col("contained")) | pl.col("differs") | ~pl.col("same_label")
    )
    edges, overruled = _without_restored(judged.filter((agree & close) | is_same()), records, DUPLICATE_SEMANTIC)
    losers = losers_of(records, component_of(records["row_id"], edges))
    losers = losers.with_columns(similarity=prompt_similarity(losers, records, found.vectors))
    figures = {
        "threshold": min_similarity,
        "pairs": edges.height,
        "capped": near.capped,
        "refined": found.refined,
        "recall": near.recall,
        "similarities": near.pairs["similarity"].to_list(),
        "removed_at": {} if min_similarity is None else removed_at(records["row_id"], judged.filter(agree), floor),
        "said": {word.value: int((judged["said"] == word).sum()) for word in VERDICTS[TaskKind.PAIR]},
    }

    return _found(
        cut(records, _explained(losers, edges, bar), DUPLICATE_SEMANTIC, **figures),
        alike,
        "semantic",
        overruled,
        conflicts=judged.filter(may_conflict, disagree),
        suspects=judged.filter(agree, ~is_same(), ~close, pl.col("similarity") >= suspect_similarity),
        undecided=judged.filter(alike_answers),
    )


def _explained(losers: pl.DataFrame, edges: pl.DataFrame, min_similarity: float) -> pl.DataFrame:
    """Losers with `detail`: that people called them the same, or how they came into the cluster."""
    said = edges.filter(is_same())
    ends = pl.concat([said["a"], said["b"]]).unique()
    explained = explain_bridges(losers, edges, min_similarity)
    judged = pl.col("row_id").is_in(ends.implode()) & (pl.col("similarity") < min_similarity)
    return explained.with_columns(detail=pl.when(judged).then(pl.lit(SAID_SAME)).otherwise("detail"))


class Prompts(NamedTuple):
    """`records` with `vector` and `truncated` added; `prompts`, each once, and what embeds them."""

    records: pl.DataFrame
    prompts: pl.Series
    embedded: Embedded


def _embed(records: pl.DataFrame, whole: pl.LazyFrame, encoder: Encoder, progress: Progress | None) -> Prompts:
    """Add `vector` (position of the prompt's vector) and `truncated`; equal prompts share one vector."""
    told = rows_of(whole, records["row_id"], ["prompt"])
    prompts = told.select(pl.col("prompt").unique(maintain_order=True)).with_row_index("vector")
    # Before the hours that their embedding takes.
    refuse_too_many(prompts.height)
    embedded = encoder.encode(prompts["prompt"], progress=progress)
    known = prompts.with_columns(pl.col("vector").cast(pl.Int64), truncated=pl.Series(embedded.truncated))
    found = told.join(known, on="prompt", how="left", maintain_order="left").drop("row_id", "prompt")
    return Prompts(records.hstack(found), prompts["prompt"], embedded)


def _similarity_to_survivor(texts: Texts, ids: pl.Series, losers: pl.DataFrame) -> pl.Series:
    place = dict(zip(ids, range(len(ids)), strict=True))
    a = np.array([place[row] for row in losers["row_id"]], dtype=np.int64)
    b = np.array([place[row] for row in losers["survivor"]], dtype=np.int64)
    return similarities(texts, a, b, ngram=NGRAM).round(DECIMALS)


def _found(step: Cut, pairs: pl.DataFrame, way: str, overruled: pl.DataFrame, **doubts: pl.DataFrame) -> Found:
    nothing = pl.DataFrame(schema=PAIR)
    asked = doubts.get("undecided", pl.DataFrame(schema={**PAIR, "answers": pl.Float64, "said": pl.String}))
    links = typed(pairs.select(*PAIR.names(), way=pl.lit(way)), LINKS)
    conflicts, suspects = (doubts.get(name, nothing).select(PAIR.names()) for name in ("conflicts", "suspects"))
    return Found(step, links, conflicts, suspects, asked.select(*PAIR.names(), "answers", "said"), overruled)
