"""The arms of the comparison: what each run is trained on, out of one pool of Alpaca"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from benchmarks.labels.reading import content, records
from benchmarks.lifting.dirt import planted
from benchmarks.lifting.halves import Halves
from benchmarks.lifting.held_out import Rows, dolly, gsm8k, oasst, self_instruct
from pipelines._released import scan_released
from pipelines.cache.home import default_cache
from pipelines.difficulty.turns import Sequence as Tokens
from pipelines.embedding.encoder import Encoder
from pipelines.selecting.methods import METHODS, choose
from schemas.settings import SelectionSettings

POOL, CLEAN = 1_500, 1_000
"""Rows of Alpaca, drawn at random, that all arms choose from; and rows of Dolly that faults are planted in."""
CHOSEN = 12_000
"""Tokens that a choice holds: about 120 rows."""
CLEAN_ARM, DIRTY_ARM = "clean", "dirty"
CURATED = ("dirty, then Assay", "the same with `--min-relevance 0`")
MAX_SIMILARITY = SelectionSettings().max_similarity
_SAMPLED = {"random"}


class Arm(NamedTuple):
    """`told` in the order of the choice; `drawn` where each seed has its own order."""

    name: str
    told: list[Tokens]
    drawn: bool
    chosen: int | None
    """Tokens that the choice holds; null where a run takes as many as it sees."""
    places: list[int] | None = None
    """Where rows stand in a source that arms share: what they have in common is then drawn in the same order."""

    def of(self, seed: int, tokens: int) -> list[Tokens]:
        """What the run with this seed is trained on, which sees so many tokens."""
        return _first([self.told[at] for at in self._order(seed)], self.chosen or tokens)

    def _order(self, seed: int) -> Sequence[int]:
        if not self.drawn:
            return range(len(self.told))
        places = self.places or list(range(len(self.told)))
        drawn = np.random.default_rng(seed).random(max(places, default=0) + 1)
        return [int(at) for at in np.argsort(drawn[places], kind="stable")]


def write_lines(rows: Rows, path: Path) -> Path:
    """One row a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def curated(rows: Rows, folder: Path, data: Path, *flags: str) -> pl.DataFrame:
    """`rows` through `assay curate` by its defaults, held against all that is held out; what it releases."""
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / "release"
    if not (out / "manifest.json").is_file():
        source = write_lines(rows, folder / "rows.jsonl")
        sets = {"self": self_instruct(data), "dolly": dolly(data).held_out, "oasst": oasst(data)}
        against = [
            flag
            for name, each in sets.items()
            for flag in ("--against", str(write_lines(each, folder / f"held-{name}.jsonl")))
        ]
        command = [sys.executable, "-m", "pipelines.cli", "curate", str(source), "--out", str(out), *against, *flags]
        code = subprocess.run(command, check=False).returncode
        if code not in (0, 1):
            raise SystemExit(f"assay curate ended with {code}; its lines above say why")
    return scan_released(out).collect()


def pool(data: Path) -> Rows:
    """The pool's rows."""
    rows = content(data / "raw" / "alpaca_data.json.gz")
    return [rows[at] for at in np.sort(np.random.default_rng(0).permutation(len(rows))[:POOL])]


def selections(halves: Halves, data: Path, folder: Path) -> Iterator[Arm]:
    """Raw rows, what Assay keeps of them, and every choice out of that."""
    rows = pool(data)
    kept = curated(rows, folder / "pool", data, "--difficulty")
    yield Arm("raw", _there(halves.tokens(records(rows))), drawn=True, chosen=None)
    told = halves.tokens(kept)
    yield Arm("Assay's default", _there(told), drawn=True, chosen=None)
    vectors = Encoder(cache=default_cache()).encode(kept["prompt"]).vectors
    placed = kept.with_columns(vector=pl.int_range(pl.len()))
    for method in METHODS:
        order = choose(method, placed, vectors, size=kept.height, max_similarity=MAX_SIMILARITY, seed=0)
        yield Arm(method, _there([told[at] for at in order]), drawn=method in _SAMPLED, chosen=CHOSEN)


def dirt(halves: Halves, data: Path, folder: Path) -> Iterator[Arm]:
    """Dolly's rows as people wrote them, the same with faults, and what Assay keeps of those: by its defaults, and told
    not to look whether answers belong to their prompts."""
    clean = dolly(data).known[:CLEAN]
    items = gsm8k(data)
    dirty = planted(clean, items, seed=0)
    against = ("--against", str(write_lines(items, folder / "items.jsonl")))
    kept = curated(dirty.rows, folder / "dirty", data, *against)
    unasked = curated(dirty.rows, folder / "dirty-unasked", data, *against, "--min-relevance", "0")
    arms = {CLEAN_ARM: records(clean), DIRTY_ARM: records(dirty.rows), CURATED[0]: kept, CURATED[1]: unasked}
    for name, rows in arms.items():
        told = halves.tokens(rows)
        places = [at for at, one in zip(rows["source_row"], told, strict=True) if one]
        yield Arm(name, _there(told), drawn=True, chosen=None, places=places)


def _there(told: Sequence[Tokens | None]) -> list[Tokens]:
    return [one for one in told if one is not None]


def _first(told: Sequence[Tokens], tokens: int) -> list[Tokens]:
    """The first that hold so many tokens together."""
    ends = np.cumsum([len(one.ids) for one in told])
    return list(told[: int(np.searchsorted(ends, tokens, side="left")) + 1])
