"""The lines of the table: what is measured against what, what is required, and when two results are comparable"""

import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks import sides
from benchmarks.desk import Desk
from benchmarks.figures import GIB, Figure, Measured, Needed
from benchmarks.sides import Side

# Shares of the true pairs that have to be found, and of the found ones that have to be true.
RECALL = 0.995
CROWD_RECALL = 0.99
# Mean cosine to the vectors of the reference.
COSINE = 0.9999


class Agreement(NamedTuple):
    """Whether ours may be compared with the peer at all, and the figures that say so."""

    holds: bool
    said: str


Agree = Callable[[Desk, Measured, Measured], Agreement]


class Line(NamedTuple):
    """One line. `ours` and `peer` name sides of its group; without a peer the figure itself is judged.

    `figure` is what is compared; `own` takes it from the facts instead. `needed` is null where nothing is required.
    """

    what: str
    against: str
    ours: str
    peer: str | None
    needed: Needed | None
    figure: Figure = "wall"
    agree: Agree | None = None
    own: Callable[[Measured], float] | None = None


class Group(NamedTuple):
    """Lines whose sides are run together, one after the other, round after round."""

    sides: dict[str, Side]
    lines: list[Line]
    rounds: int = 3


def close_to(least: float, ours: str, peer: str) -> Agree:
    """Vectors of the same texts: their mean cosine is at least `least`."""

    def agree(desk: Desk, _ours: Measured, _peer: Measured) -> Agreement:
        a, b = (_unit(np.load(desk.found(name))) for name in (ours, peer))
        cosines = np.einsum("ij,ij->i", a, b)
        said = f"mean cosine {cosines.mean():.5f}, least {cosines.min():.4f}"
        return Agreement(bool(cosines.mean() >= least), f"{said}; {_ours.facts['backend']}")

    return agree


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    long = vectors.astype(np.float64)
    unit: NDArray[np.float64] = long / np.linalg.norm(long, axis=1, keepdims=True)
    return unit


def found_and_true(found: pl.DataFrame, true: pl.DataFrame) -> tuple[float, float]:
    """Recall and precision of pairs (a < b) against others; 1.0 where there was nothing to find, or nothing found.

    >>> one, two = pl.DataFrame({"a": [1, 1], "b": [2, 3]}), pl.DataFrame({"a": [1], "b": [2]})
    >>> found_and_true(one, two), found_and_true(two, one)
    ((1.0, 0.5), (0.5, 1.0))
    """
    both = found.join(true, on=["a", "b"], how="semi").height
    return both / true.height if true.height else 1.0, both / found.height if found.height else 1.0


def true_pairs(text: str, name: str) -> Agree:
    """Pairs of a sample, by recall and precision against those of the reference."""

    def agree(desk: Desk, ours: Measured, _peer: Measured) -> Agreement:
        path = desk.clusters(text, sides.PAIRED[text])
        ids = np.array([json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines()])
        chosen = pl.Series(ids).implode()
        true = desk.pairs(text).filter(
            pl.col("similarity") >= sides.THRESHOLD, pl.col("a").is_in(chosen), pl.col("b").is_in(chosen)
        )
        ends = ids[np.load(desk.found(name)).reshape(-1, 2)]
        found = pl.DataFrame({"a": ends.min(axis=1), "b": ends.max(axis=1)}, schema={"a": pl.Int64, "b": pl.Int64})
        recall, precision = found_and_true(found, true.select(pl.col("a", "b").cast(pl.Int64)))
        said = f"{ours.facts['rows']:,} rows, {true.height:,} pairs: recall {recall:.4f}, precision {precision:.4f}"
        more = f"; {ours.facts['refined']:,} rows decided in higher precision" if "refined" in ours.facts else ""
        return Agreement(min(recall, precision) >= RECALL, said + more)

    return agree


def same_pairs(desk: Desk, ours: Measured, _peer: Measured) -> Agreement:
    """Both searches are exact; a pair within rounding of the threshold may differ."""
    found, true = (_pairs_of(desk, name) for name in ("search", "search-peer"))
    recall, precision = found_and_true(found, true)
    said = f"{found.height:,} pairs, {true.height:,} by faiss; {ours.facts['method']}"
    return Agreement(min(recall, precision) >= 0.999, said)


def recall_of_sample(desk: Desk, ours: Measured, peer: Measured) -> Agreement:
    """Of the pairs that the sampled rows truly have, those that were found."""
    true, found = _pairs_of(desk, "crowd-exact"), _pairs_of(desk, "crowd")
    recall = found_and_true(found, true)[0]
    rows, sampled = ours.facts["rows"], peer.facts["sampled"]
    said = f"{rows:,} rows; recall {recall:.4f} of {true.height:,} pairs of {sampled:,} rows"
    return Agreement(recall >= CROWD_RECALL, f"{said}, from which exact is estimated; {ours.facts['method']}")


def _pairs_of(desk: Desk, name: str) -> pl.DataFrame:
    ends = np.load(desk.found(name)).reshape(-1, 2)
    schema = {"a": pl.Int64, "b": pl.Int64}
    return pl.DataFrame({"a": ends.min(axis=1), "b": ends.max(axis=1)}, schema=schema).unique()


def removed(_desk: Desk, ours: Measured, peer: Measured) -> Agreement:
    """How many rows each takes out: tokens, bands and models differ, so that the counts need not be equal."""
    said = [f"{side.facts['removed']:,}" for side in (ours, peer)]
    rows = ours.facts["rows"] == peer.facts["rows"]
    return Agreement(rows, f"removes {said[0]}, the peer {said[1]}" if rows else "not the same rows")


def same_counts(_desk: Desk, ours: Measured, peer: Measured) -> Agreement:
    """Every check finds as many rows in both."""
    a, b = ours.facts["counts"], peer.facts["counts"]
    differ = sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))
    said = f"{len(a)} checks, equal counts" if not differ else f"counts differ: {', '.join(differ[:3])}"
    return Agreement(not differ, said)


def same_release(_desk: Desk, ours: Measured, peer: Measured) -> Agreement:
    a, b = ours.facts["released"], peer.facts["released"]
    return Agreement(a == b, f"{a:,} released" + ("" if a == b else f", {b:,} by the cold run"))


def orchestration(run: Measured) -> float:
    """What Prefect took for itself until the release was begun, as the report says it."""
    said = run.facts.get("orchestration_seconds")
    return float(said) if said is not None else float("nan")


def beside_embedding(run: Measured) -> float:
    """The whole run over what it embedded, by its own report: prompts, those decided again, and answers."""
    return run.wall / float(run.facts["embedding_seconds"])


def _least(value: float) -> Needed:
    return Needed("at least", value)


def _embedding(text: str) -> Group:
    ours, peer = f"encode-{text}", f"encode-peer-{text}"
    named = {"full": "full text", "prompt": "prompts"}[text]
    line = Line(
        f"embedding, mean cosine {COSINE} or more ({named})",
        "sentence-transformers' default encode",
        ours,
        peer,
        _least(4),
        agree=close_to(COSINE, ours, peer),
    )
    return Group({ours: sides.encode(text), peer: sides.encode_peer(text)}, [line])


def _pairing(text: str, needed: float) -> Group:
    ours, peer = f"pairs-{text}", f"pairs-peer-{text}"
    named = {"full": "full text", "prompt": "prompts only"}[text]
    line = Line(
        f"semantic duplicates end to end, {named}",
        "sentence-transformers' default and faiss Flat",
        ours,
        peer,
        _least(needed),
        agree=true_pairs(text, ours),
    )
    return Group({ours: sides.pairs(text), peer: sides.pairs_peer(text)}, [line])


def _near() -> Group:
    peers: dict[str, tuple[Side, float]] = {
        "text-dedup": (sides.text_dedup, 4),
        "data-juicer": (sides.data_juicer("minhash"), 8),
        "datatrove": (sides.datatrove, 8),
    }
    what = "near-duplicates (MinHash), whole process, verified by Jaccard"
    lines = [Line(what, name, "near", name, _least(needed), agree=removed) for name, (_, needed) in peers.items()]
    return Group({"near": sides.near, **{name: side for name, (side, _) in peers.items()}}, lines)


def _curate() -> Group:
    made: dict[str, Side] = {
        "cold": sides.cold,
        "again": sides.again,
        "elsewhere": sides.elsewhere,
        "on-server": sides.on_server,
        "embedding": sides.embedding_alone,
        "grown": sides.grown,
    }
    whole, cold = "`assay curate`", "the cold run"

    def most(value: float) -> Needed:
        return Needed("at most", value, "%")

    lines = [
        Line(f"{whole}, cold", "its own embedding", "cold", None, Needed("at most", 1.5), own=beside_embedding),
        Line(f"{whole}, cold", "embedding all prompts once", "cold", "embedding", None),
        Line(f"{whole}, the same again", cold, "again", "cold", most(5), agree=same_release),
        Line(f"{whole}, the same again, new folder", cold, "elsewhere", "cold", None, agree=same_release),
        Line(f"{whole}, with 1 % new rows", cold, "grown", "cold", most(10), agree=same_release),
        Line(f"{whole}, peak memory", "-", "cold", None, Needed("at most", 2.5, "GB"), own=lambda run: run.peak / GIB),
        Line(f"{whole}, on a Prefect server", "the same without", "on-server", "elsewhere", None, agree=same_release),
        Line(f"{whole}, orchestration", "-", "on-server", None, Needed("at most", 3, "s"), own=orchestration),
    ]
    return Group(made, lines)


def _starting() -> Group:
    made: dict[str, Side] = {
        "help": sides.command("--help"),
        "explain": sides.command("explain", "DIR", "chats_sharegpt.json:18"),
        "gate": sides.command("gate", "DIR"),
        "polars": sides.importing_polars,
    }
    lines = [
        Line(f"`assay {name}`", "importing polars alone", side, "polars", Needed("at most", most))
        for name, side, most in (("--help", "help", 2), ("explain", "explain", 4), ("gate", "gate", 4))
    ]
    return Group(made, lines, rounds=7)


GROUPS: dict[str, Group] = {
    "start": _starting(),
    "search": Group(
        {"search": sides.search, "search-peer": sides.search_peer},
        [
            Line(
                "exact pair search of all prompts, CPU time",
                "faiss FlatIP range_search",
                "search",
                "search-peer",
                _least(3),
                "cpu",
                same_pairs,
            )
        ],
    ),
    "near": _near(),
    "checks": Group(
        {
            "checking": sides.checking,
            "loop": sides.checks_loop,
            "checks": sides.checks,
            "nearest": sides.nearest_checks,
            "filters": sides.data_juicer("filters"),
        },
        [
            Line("all cheap checks", "the same as a Python loop", "checking", "loop", _least(10), agree=same_counts),
            Line("all cheap checks, whole process", "data-juicer's six filters", "checks", "filters", _least(25)),
            Line("the six nearest to its filters, whole process", "data-juicer", "nearest", "filters", _least(25)),
        ],
    ),
    "draft": Group(
        {"draft": sides.draft, "semhash": sides.semhash},
        [Line("draft mode, whole process", "SemHash, same model", "draft", "semhash", _least(1.2), agree=removed)],
    ),
    "embed": _embedding("full"),
    "embed-prompts": _embedding("prompt"),
    "pairs": _pairing("full", 6),
    "pairs-prompts": _pairing("prompt", 4.5),
    "crowd": Group(
        {"crowd": sides.crowd, "crowd-exact": sides.crowd_exact},
        [
            Line(
                "pair search, ten times the rows",
                "exact search",
                "crowd",
                "crowd-exact",
                _least(8),
                "cpu",
                recall_of_sample,
            )
        ],
        rounds=3,
    ),
    "curate": _curate(),
}
"""By the name that `make bench ONLY=...` takes, quick ones first."""
