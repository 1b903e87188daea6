"""What the benchmarks run on: rows of Alpaca-52k, samples of them, and the files that peers read"""

import gzip
import json
from pathlib import Path

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "raw" / "alpaca_data.json.gz"
"""Not part of the project: https://github.com/tatsu-lab/stanford_alpaca has it as alpaca_data.json."""

ALL = 52_002


class NoRowsError(Exception):
    """The data is not where it should be; the message is one line."""


def alpaca(path: Path, rows: int) -> pl.DataFrame:
    """The first `rows` rows as `id` (the place in the file), `full` and `prompt`: the texts that are compared.

    `prompt` is instruction and input, `full` the output too, each on lines of its own; an empty input has none.
    """
    if not path.is_file():
        raise NoRowsError(f"{path}: is not there; put alpaca_data.json.gz there, or name it with DATA=")
    read = _content(path)[:rows]
    frame = pl.DataFrame(read, schema={"instruction": pl.String, "input": pl.String, "output": pl.String})
    asked = pl.concat_str("instruction", pl.col("input").replace("", None), separator="\n", ignore_nulls=True)
    answered = pl.concat_str(asked, "output", separator="\n")
    return frame.select(prompt=asked, full=answered).with_row_index("id")


def evenly_by_length(texts: pl.Series, count: int) -> list[str]:
    """`count` texts spaced evenly over all, ordered by length, so that a sample's lengths are those of the whole.

    >>> evenly_by_length(pl.Series(["dddd", "a", "ccc", "bb"]), 2)
    ['a', 'dddd']
    """
    ordered = texts.gather(texts.str.len_chars().arg_sort())
    places = np.linspace(0, len(texts) - 1, min(count, len(texts))).round().astype(np.int64)
    return ordered.gather(places).to_list()


def whole_clusters(pairs: pl.DataFrame, rows: int, count: int) -> NDArray[np.int64]:
    """About `count` of `rows` row numbers, ascending: a row comes with all that it is paired with in `pairs` (a, b).

    Drawn row by row, a tenth of the rows would hold a hundredth of the pairs, and there would be nothing to verify.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    ends = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    graph = csr_matrix((np.ones(len(pairs), dtype=np.int8), ends), shape=(rows, rows))
    cluster = connected_components(graph, directed=False)[1]
    order = np.random.default_rng(0).permutation(cluster.max(initial=-1) + 1)
    ranked = np.argsort(order[cluster], kind="stable")
    last = order[cluster[ranked[min(count, rows) - 1]]]
    return np.sort(ranked[order[cluster[ranked]] <= last])


def noisy_copies(vectors: NDArray[np.float32], copies: int) -> NDArray[np.float32]:
    """`copies` times as many unit rows: each vector `copies` times, with noise.

    The noise of a row is .3 to .7 of its length, which leaves a cosine of .96 to .82 to the origin: about one
    pair of copies in forty is at .9 or above. Copies that are all alike would make every search easy.
    """
    draw = np.random.default_rng(0)
    made = np.repeat(vectors, copies, axis=0)
    for start in range(0, len(made), 65_536):  # the noise of all would take as much memory again
        part = made[start : start + 65_536]
        noise = draw.standard_normal(part.shape, dtype=np.float32)
        part += noise * (draw.uniform(0.3, 0.7, (len(part), 1)) / np.sqrt(part.shape[1])).astype(np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return made


def write_lines(frame: pl.DataFrame, text: str, path: Path) -> None:
    """JSON lines of `id` and `text`, which all peers read."""
    frame.select("id", text=text).write_ndjson(path)


def write_alpaca(source: Path, rows: int, path: Path) -> None:
    """The first `rows` rows as Alpaca has them."""
    path.write_text(json.dumps(_content(source)[:rows]), encoding="utf-8")


def _content(path: Path) -> list[dict[str, str]]:
    raw = path.read_bytes()
    read: list[dict[str, str]] = orjson.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    return read
