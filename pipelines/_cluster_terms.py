"""The words that mark a cluster of prompts"""

import polars as pl

from pipelines._shingles import tokens

# Words that name a cluster.
TERMS = 6
# Prompts that are cut into words at a time.
_PART = 2**17
# English words that say nothing of what a text is about, and the roles of a conversation.
_STOP_WORDS = """
    about above across after again against all almost alone along already also although always among and another any
    anyone anything are around because been before behind being below between both but can cannot could did does doing
    done down during each either else enough even ever every everyone everything few first for from further get give
    given go goes had has have having her here hers herself him himself his how however into its itself just last least
    less like made make many may might mine more most much must myself neither never next nobody none nor not nothing
    now off often once one only onto other others our ours ourselves out over own per perhaps please put rather same
    see seem several shall she should since some someone something sometimes still such than that the their theirs them
    themselves then there therefore these they this those though through thus together too toward towards two under
    until upon use used using very was well were what whatever when where whether which while who whoever whole whom
    whose why will with within without would yet you your yours yourself yourselves
    user assistant
""".split()  # noqa: SIM905


def cluster_terms(records: pl.DataFrame) -> dict[int, str]:
    """Of `records` (cluster, prompt), for each cluster the words that mark it.

    A word's weight is the share of the cluster's prompts that use it, less the share of all.
    """
    used = pl.concat([_used(part) for part in records.iter_slices(_PART)] or [_used(records)])
    used = used.group_by("cluster", "word").agg(pl.col("used").sum())
    sizes = records.group_by("cluster").agg(size=pl.len())
    everywhere = used.group_by("word").agg(overall=pl.col("used").sum() / records.height)
    marked = (
        used.join(sizes, on="cluster")
        .join(everywhere, on="word")
        .with_columns(weight=pl.col("used") / pl.col("size") - pl.col("overall"))
        .sort("cluster", "weight", "word", descending=[False, True, False])
    )
    named = marked.group_by("cluster", maintain_order=True).agg(pl.col("word").head(TERMS).str.join(", "))
    return dict(named.iter_rows())


def _used(records: pl.DataFrame) -> pl.DataFrame:
    """`used`: how many prompts of each `cluster` use a `word`."""
    words = records.select("cluster", word=tokens(records["prompt"]).list.unique()).explode("word").drop_nulls()
    words = words.filter(pl.col("word").str.len_chars() > 2, pl.col("word").str.contains(r"^\p{L}"))
    words = words.filter(~pl.col("word").is_in(_STOP_WORDS))
    return words.group_by("cluster", "word").agg(used=pl.len())
