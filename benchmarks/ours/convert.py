"""The converted model alone, in the tier that much text is worth and in full precision, into an empty cache"""

from benchmarks.peers.timing import Stopwatch, arguments, say
from pipelines.embedding.encoder import BUILTIN, Encoder
from pipelines.embedding.model_folder import ModelFolder
from pipelines.embedding.tiers import INT8_PAYS, choose

_, out, options = arguments()
with Stopwatch() as watch:
    encoder = Encoder(BUILTIN, cache=options["cache"], tier=choose(ModelFolder(BUILTIN), INT8_PAYS).tier)
    encoder.encode(["Convert."])
    encoder.refine(["Convert."])
say(out, **watch.said(), backend=encoder.backend)
