"""The static model of draft mode, distilled into the folder `keep`: done once for a machine"""

from pathlib import Path

from benchmarks.peers.timing import Stopwatch, arguments, say
from pipelines.embedding.model_folder import BUILTIN, ModelFolder
from pipelines.embedding.static_model import distil

_, out, options = arguments()
with Stopwatch() as watch:
    distil(ModelFolder(BUILTIN), Path(options["keep"]))
say(out, **watch.said())
