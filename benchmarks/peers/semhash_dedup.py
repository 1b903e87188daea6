"""SemHash's own deduplication with a static model from a folder"""

from model2vec import StaticModel
from semhash import SemHash
from timing import arguments, read_texts, say

source, out, options = arguments()
texts = read_texts(source)
found = SemHash.from_records(texts, model=StaticModel.from_pretrained(options["model"])).self_deduplicate(
    threshold=float(options["threshold"])
)
say(out, rows=len(texts), kept=len(found.selected), removed=len(texts) - len(found.selected))
