"""sentence-transformers' encode with its defaults, on a model that is loaded"""

import sys

import numpy as np
from sentence_transformers import SentenceTransformer
from timing import Stopwatch, arguments, read_texts, say

source, out, options = arguments()
texts = read_texts(source)
model = SentenceTransformer(options["model"], local_files_only=True)
model.encode(texts[:: max(len(texts) // 8, 1)], show_progress_bar=False)  # the first call allocates
with Stopwatch() as watch:
    vectors = model.encode(texts, show_progress_bar=False)
np.save(out.with_suffix(".npy"), vectors)
say(out, **watch.said(), rows=len(texts), python=sys.version.split()[0])
