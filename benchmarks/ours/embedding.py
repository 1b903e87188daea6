"""What a cold `assay curate` embeds, and nothing else: every different prompt, from an empty cache"""

import orjson
import polars as pl

from benchmarks.peers.timing import Stopwatch, arguments, say
from pipelines.embedding.encoder import BUILTIN, Encoder

source, out, options = arguments()
rows = pl.DataFrame(orjson.loads(source.read_bytes()), schema=["instruction", "input", "output"])
asked = pl.concat_str("instruction", pl.col("input").replace("", None), separator="\n", ignore_nulls=True)
prompts = rows.select(asked.unique(maintain_order=True)).to_series()
with Stopwatch() as watch:
    encoder = Encoder(BUILTIN, cache=options["cache"])
    encoder.encode(prompts)
say(out, **watch.said(), rows=len(prompts), backend=encoder.backend)
