"""Embedding by a model that is loaded, in the fastest tier that needs no calibration"""

import numpy as np

from benchmarks.peers.timing import Stopwatch, arguments, read_texts, say
from pipelines.embedding.encoder import BUILTIN, Encoder
from pipelines.embedding.tiers import exact

source, out, options = arguments()
texts = read_texts(source)
encoder = Encoder(BUILTIN, cache=options["cache"], tier=exact())
# Other texts than those below, or the cache would answer.
encoder.encode([f"{text}." for text in texts[:: max(len(texts) // 8, 1)]])
with Stopwatch() as watch:
    vectors = encoder.encode(texts).vectors
np.save(out.with_suffix(".npy"), vectors)
say(out, **watch.said(), rows=len(texts), backend=encoder.backend)
