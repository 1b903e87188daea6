"""A BERT with its pooling as an OpenVINO graph, written from the model's own files

Devlin et al. 2018 (arXiv:1810.04805), post-norm layers of attention and of two linear maps with a GELU between. Written
out and not traced, so that nothing but the weights is loaded: importing torch and sentence-transformers takes longer
than embedding some hundred texts. docs/decisions/0009-speed.md has why.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from pipelines.embedding.backend import UnavailableError
from pipelines.embedding.model_folder import ModelFolder, Shape
from pipelines.embedding.openvino_runtime import library


def bert_graph(folder: ModelFolder) -> Any:
    """From token ids (texts, tokens), which are never padded, to unit vectors (texts, width).

    Raises UnavailableError where the folder lacks a weight that such a model has.
    """
    shape = folder.shape
    if shape is None:
        raise UnavailableError("the model is no BERT that can be written as a graph")
    openvino = library()
    graph = _Graph(openvino.opset15, _weights(folder), shape)
    ids = graph.ops.parameter([-1, -1], np.int64, name="input_ids")
    ids.output(0).set_names({"input_ids"})
    hidden = graph.embedded(ids)
    for number in range(shape.layers):
        hidden = graph.layer(hidden, f"encoder.layer.{number}.")
    return openvino.Model([graph.pooled(hidden)], [ids], "bert")


class _Graph:
    def __init__(self, ops: Any, weight: Callable[[str], Any], shape: Shape) -> None:
        self.ops, self._weight, self._shape = ops, weight, shape

    def embedded(self, ids: Any) -> Any:
        """Words, places, and the type of the first of two sentences."""
        ops = self.ops
        words = ops.gather(self._constant("embeddings.word_embeddings.weight"), ids, 0)
        tokens = ops.gather(ops.shape_of(ids, "i64"), np.int64(1), np.int64(0))
        places = ops.range(np.int64(0), tokens, np.int64(1), "i64")
        placed = ops.gather(self._constant("embeddings.position_embeddings.weight"), places, 0)
        kind = ops.constant(self._weight("embeddings.token_type_embeddings.weight")[0])
        return self._normed(ops.add(ops.add(words, kind), placed), "embeddings.LayerNorm.")

    def layer(self, hidden: Any, name: str) -> Any:
        """One layer."""
        ops = self.ops
        query, key, value = (
            self._heads(self._linear(hidden, f"{name}attention.self.{part}.")) for part in ("query", "key", "value")
        )
        seen = ops.scaled_dot_product_attention(query, key, value)
        joined = ops.reshape(ops.transpose(seen, [0, 2, 1, 3]), [0, 0, self._shape.width], True)
        said = self._linear(joined, f"{name}attention.output.dense.")
        hidden = self._normed(ops.add(said, hidden), f"{name}attention.output.LayerNorm.")
        wide = ops.gelu(self._linear(hidden, f"{name}intermediate.dense."), "erf")
        return self._normed(ops.add(self._linear(wide, f"{name}output.dense."), hidden), f"{name}output.LayerNorm.")

    def pooled(self, hidden: Any) -> Any:
        """The mean of the tokens' vectors, or the first, at length 1."""
        ops = self.ops
        mean = self._shape.pooling == "mean"
        one = ops.reduce_mean(hidden, [1]) if mean else ops.gather(hidden, np.int64(0), np.int64(1))
        # In parts: the whole, which is one operation too, would be rounded to int8 by who quantises.
        return ops.divide(one, ops.maximum(ops.reduce_l2(one, [1], True), np.float32(1e-12)))

    def _heads(self, hidden: Any) -> Any:
        """(texts, tokens, width) -> (texts, heads, tokens, width of a head)"""
        apart = self.ops.reshape(hidden, [0, 0, self._shape.heads, self._shape.head], True)
        return self.ops.transpose(apart, [0, 2, 1, 3])

    def _linear(self, hidden: Any, name: str) -> Any:
        product = self.ops.matmul(hidden, self._constant(f"{name}weight"), False, True)
        return self.ops.add(product, self._constant(f"{name}bias"))

    def _normed(self, hidden: Any, name: str) -> Any:
        even = self.ops.mvn(hidden, [-1], True, self._shape.epsilon, "inside_sqrt")
        return self.ops.add(self.ops.multiply(even, self._constant(f"{name}weight")), self._constant(f"{name}bias"))

    def _constant(self, name: str) -> Any:
        return self.ops.constant(self._weight(name))


def _weights(folder: ModelFolder) -> Callable[[str], Any]:
    """Weights by name, in full precision."""
    from safetensors.numpy import load_file

    try:
        stored = load_file(folder.path / "model.safetensors")
    except FileNotFoundError as error:
        raise UnavailableError("the model has no model.safetensors") from error

    def weight(name: str) -> Any:
        found = stored.get(name, stored.get(f"bert.{name}"))
        if found is None:
            raise UnavailableError(f"model.safetensors lacks {name}")
        return np.ascontiguousarray(found, dtype=np.float32)

    return weight
