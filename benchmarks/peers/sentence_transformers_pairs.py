"""Texts in, pairs out: sentence-transformers with its defaults, and faiss' flat index"""

import faiss
import numpy as np
from sentence_transformers import SentenceTransformer
from timing import arguments, read_texts, say

BLOCK = 4_096

source, out, options = arguments()
texts = read_texts(source)
model = SentenceTransformer(options["model"], local_files_only=True)
vectors = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
index = faiss.IndexFlatIP(vectors.shape[1])
index.add(vectors)
ends = []
for start in range(0, len(vectors), BLOCK):
    limits, _, other = index.range_search(vectors[start : start + BLOCK], float(options["threshold"]))
    row = start + np.repeat(np.arange(len(limits) - 1), np.diff(limits.astype(np.int64)))
    ends.append(np.stack([row, other], axis=1)[row < other])
pairs = np.concatenate(ends)
np.save(out.with_suffix(".npy"), pairs)
say(out, rows=len(texts), pairs=len(pairs))
