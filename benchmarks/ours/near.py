"""Near-duplicates as the near stage finds them: word 3-grams, true Jaccard index, the first of each cluster stays"""

import polars as pl

from benchmarks.peers.timing import arguments, say
from pipelines._near import near_pairs
from pipelines._texts import Texts

source, out, options = arguments()
texts = pl.read_ndjson(source)["text"]
pairs = near_pairs(Texts.held(texts), ngram=3, min_jaccard=float(options["threshold"]), seed=0)
first: dict[int, int] = {}
"""The smaller end of a link, for every row that is not the first of its cluster."""


def first_of(row: int) -> int:
    while row in first:
        row = first[row]
    return row


for a, b in pairs.select("a", "b").iter_rows():
    ends = first_of(a), first_of(b)
    if ends[0] != ends[1]:
        first[max(ends)] = min(ends)
say(out, rows=len(texts), pairs=pairs.height, removed=len(first), kept=len(texts) - len(first))
