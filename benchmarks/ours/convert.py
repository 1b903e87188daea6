"""The converted model alone, in both precisions, into an empty cache: done once for a machine"""

from benchmarks.peers.timing import Stopwatch, arguments, say
from pipelines.embedding.encoder import BUILTIN, Encoder, Tier

_, out, options = arguments()
with Stopwatch() as watch:
    encoder = Encoder(BUILTIN, cache=options["cache"], tier=Tier.INT8)
    encoder.encode(["Convert."])
    encoder.refine(["Convert."])
say(out, **watch.said(), backend=encoder.backend)
