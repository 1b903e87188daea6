"""Each stage between its frames on disk: read what came before, call the stage, leave what comes next.

The only place where settings are unpacked. A run is named by paths alone, so that a stage may run
in another process or on another machine that sees the same folder.
"""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines._manifest import sha256_of
from pipelines._memory import give_back, peak_memory_mb
from pipelines._progress import Stage, counted, reporter
from pipelines._runner import LOCAL, Runner, Sharing
from pipelines._shown import one_line
from pipelines._tally import tallied
from pipelines._texts import rows_of
from pipelines._workspace import save_frame, save_json
from pipelines.embedding.tiers import DRAFT
from schemas.outcome import CONTAMINATION_SIMILAR
from schemas.record import TEXTS
from schemas.report import SourceFigures
from schemas.settings import Settings

if TYPE_CHECKING:
    from pipelines._items import Items
    from pipelines.embedding.encoder import Encoder


class Run(NamedTuple):
    """What every stage is told."""

    work: Path
    out: Path
    sources: tuple[str, ...]
    settings: Settings
    started: str  # ISO 8601, UTC
    runner: Runner = LOCAL
    resumed_after: str | None = None  # the last stage that an interrupted run of the same call had finished

    def sharing(self, stage: str) -> Sharing | None:
        """Who shares the work of a stage; null where it is done here, in memory."""
        return Sharing(self.runner, self.work / f"{stage}.shared") if self.runner.shares else None


class Result(NamedTuple):
    """What a stage leaves: frames to write, and figures for the report."""

    kept: pl.DataFrame | pl.LazyFrame
    dropped: pl.DataFrame | pl.LazyFrame | None
    figures: dict[str, Any]
    rows_in: int


def ingest(run: Run) -> Result:
    """Sources to records."""
    from pipelines.ingest import ingest as read

    settings = run.settings.ingest
    ingested = read(
        run.sources,
        workdir=run.work,
        shape=settings.shape,
        batch_bytes=settings.batch_bytes,
        max_record_bytes=settings.max_record_bytes,
        licenses=settings.licenses,
        on_file=lambda file: reporter().line(_file_line(file)) if file.status == "read" else None,
    )
    # Together and last, where they are seen; without any good source the error tells of them.
    for file in ingested.sources:
        if file.status == "refused":
            reporter().line(_file_line(file))
    unreadable = pl.read_parquet(ingested.unreadable)
    save_frame(unreadable, run.work / "unreadable.parquet")
    figures = {
        "sources": [file.model_dump() for file in ingested.sources],
        "inputs": [entry.model_dump() for entry in ingested.inputs],
    }
    # Lazily, so that memory stays bounded by a part and not by the sources.
    rows = sum(file.records + file.unreadable for file in ingested.sources)
    return Result(pl.scan_parquet(ingested.records), None, figures, rows)


def repair(run: Run) -> Result:
    """What could be repaired, and repaired where that is wanted."""
    from pipelines._sharded import Repairing, repair_shard
    from pipelines._slices import slices_of, together
    from pipelines.repair import summed

    folder, apply = str(run.work / "repair"), run.settings.repairs.apply
    parts = (Repairing(part, folder, apply) for part in slices_of(run.work / "ingest.parquet"))
    left = list(run.runner.map(repair_shard, parts))
    shards = [one.records for one in left]
    return Result(together(shards), None, summed([one.figures for one in left]), sum(shard.rows for shard in shards))


def decide(run: Run) -> Result:
    """What people decided, carried out."""
    from pipelines.decide import decide as carry_out
    from pipelines.decide import undecided

    said = decisions(run)
    everything = pl.scan_parquet(run.work / "repair.parquet")
    if said.is_empty():
        rows = everything.select(pl.len()).collect().item()
        return Result(
            undecided(everything), None, {"accepted": 0, "fixed": 0, "rejected": 0, "restored": 0, "unapplied": 0}, rows
        )
    records = everything.collect()
    return Result(*carry_out(records, said), records.height)


def validate(run: Run) -> Result:
    """Every check on every record."""
    from pipelines._sharded import Validating, validate_shard
    from pipelines._slices import slices_of, together
    from pipelines.cache.home import default_cache
    from pipelines.trainability.measuring import plan_of
    from pipelines.validate import summed

    plan = plan_of(run.settings)
    folders = (str(run.work / "validate"), str(run.work / "validate.dropped"))
    settings = run.settings.validation.model_dump()
    parts = slices_of(run.work / "decide.parquet")
    work = (Validating(part, *folders, settings, plan, default_cache()) for part in parts)
    left = list(run.runner.map(validate_shard, work))
    whole = summed([one.figures for one in left])
    told = {**whole, "training": plan and plan.told}
    kept_ones, dropped_ones = (
        together(shards) for shards in zip(*((one.kept, one.dropped) for one in left), strict=True)
    )
    return Result(kept_ones, dropped_ones, told, whole["checked"])


def dedup(run: Run) -> Result:
    """One record of each cluster."""
    from pipelines.cache.home import default_cache
    from pipelines.dedup import HELD
    from pipelines.dedup import dedup as deduplicate
    from pipelines.embedding.encoder import Encoder, Tier

    settings = run.settings.dedup
    sharing = run.sharing("dedup")
    tier = Tier.STATIC if settings.draft else None
    encoder = Encoder(settings.model, cache=default_cache(), tier=tier, sharing=sharing)
    limits = settings.model_dump(exclude={"model", "draft", "draft_similarity"})
    if settings.draft:
        reporter().line(f"{'draft':<13} static vectors: {DRAFT}; they remove nothing")
        limits |= {"min_similarity": None, "suspect_similarity": settings.draft_similarity}
    whole = pl.scan_parquet(run.work / "validate.parquet")
    with reporter().working("embedding prompts") as progress:
        found = deduplicate(
            whole,
            encoder=encoder,
            **limits,
            seed=run.settings.seed,
            # Splits follow from close prompts too.
            decided_from=run.settings.split.link_similarity,
            decisions=decisions(run),
            progress=progress,
            cache=default_cache(),
            sharing=sharing,
        )
    save_frame(found.links, run.work / "links.parquet")
    save_frame(found.pairs, run.work / "pairs.parquet")
    np.save(run.work / "vectors.npy", found.vectors, allow_pickle=False)
    figures = {
        **found.outcome.figures,
        "model": encoder.name,
        "backend": encoder.backend,
        "tier": encoder.tier,
    }
    stayed, left = (
        whole.join(each.drop(HELD[1:]).lazy(), on="row_id", how="inner", maintain_order="left")
        for each in (found.outcome.kept, found.outcome.dropped)
    )
    return Result(stayed, left, figures, found.outcome.kept.height + found.outcome.dropped.height)


def decontaminate(run: Run) -> Result:
    """No benchmark's items in the data."""
    from pipelines._lookalikes import with_lookalikes
    from pipelines.decontaminate import decontaminate as remove

    settings = run.settings.contamination
    wanted = _benchmarks(run)
    # Without a benchmark nothing is looked for, and nobody need hold the records.
    everything = pl.scan_parquet(run.work / "dedup.parquet")
    records = kept(run, "dedup", *TEXTS) if wanted else everything.head(0).collect()
    outcome = remove(records, wanted, ngram=settings.ngram, min_overlap=settings.min_overlap)
    if not wanted:
        rows = everything.select(pl.len()).collect().item()
        return Result(everything, outcome.dropped, {**outcome.figures, "by_words_only": []}, rows)
    kept_ones = outcome.kept
    benchmarks = {name: items for name, items in wanted.items() if isinstance(items, pl.DataFrame)}
    figures = {**outcome.figures, "by_words_only": [name for name in wanted if name not in benchmarks]}
    # Static vectors, a draft's, are no measure of what the model calls alike.
    if benchmarks and settings.review_similarity is not None and not run.settings.dedup.draft:
        kept_ones = with_lookalikes(
            kept_ones,
            vectors(run),
            benchmarks,
            encoder=encoder_of(run),
            min_similarity=settings.review_similarity,
        )
        doubtful = pl.col("suspicion").list.contains(CONTAMINATION_SIMILAR)
        figures = {**figures, "similar": kept_ones.filter(doubtful).height}
    return Result(kept_ones, outcome.dropped, figures, records.height)


def _benchmarks(run: Run) -> "dict[str, pl.DataFrame | Items]":
    """Each benchmark as records, or as what its index has of it."""
    from pipelines._benchmark_index import load

    ngram, found = run.settings.contamination.ngram, {}
    for number, name in enumerate(run.settings.contamination.against):
        index = run.work / index_of(number)
        items = run.work / f"benchmark-{number}.parquet"
        found[name] = load(index.read_bytes(), name, ngram=ngram).items if index.exists() else pl.read_parquet(items)
    return found


def index_of(number: int) -> str:
    """The file in the work folder that the index of a benchmark is kept in."""
    return f"benchmark-{number}.index"


def score(run: Run) -> Result:
    """Clusters, novelty, tone, domains and difficulty."""
    from pipelines._toxicity import with_toxicity
    from pipelines.cache.home import default_cache
    from pipelines.score import score as measure

    settings = run.settings.score
    records = kept(run, "decontaminate", *_scored_by(run.settings))
    scored = measure(records, vectors(run), clusters=settings.clusters, seed=run.settings.seed, cache=default_cache())
    told = scored.records
    # A draft's static vectors know too little of tone.
    if settings.toxicity != "off" and not run.settings.dedup.draft:
        told = with_toxicity(
            told, vectors(run), encoder_of(run), answers=settings.toxicity == "all", cache=default_cache()
        )
    else:
        told = told.with_columns(toxicity=pl.lit(None, dtype=pl.Float64))
    told = _with_domains(run, _with_relevance(run, told))
    told, difficulty = _difficulty(run, told)
    return Result(told, None, {**scored.figures, "difficulty": difficulty}, records.height)


def _scored_by(settings: Settings) -> tuple[str, ...]:
    """Those of TEXTS that scores are made of; what nobody reads, nobody need hold."""
    if settings.difficulty.measure or settings.annotation.domains:
        return TEXTS
    return ("prompt",) if settings.dedup.draft else ("messages", "prompt", "completion")


def _with_relevance(run: Run, records: pl.DataFrame) -> pl.DataFrame:
    from pipelines._relevance import unmeasured, with_relevance

    # Static vectors, a draft's, are no measure of it.
    if run.settings.route.min_relevance == 0 or run.settings.dedup.draft:
        return unmeasured(records)
    with reporter().working("embedding answers") as progress:
        return with_relevance(records, vectors(run), encoder_of(run), progress=progress)


def _with_domains(run: Run, records: pl.DataFrame) -> pl.DataFrame:
    from pipelines._domains import with_domains

    asking = run.settings.annotation
    # Static vectors, a draft's, are no measure of what a text is about.
    described = {} if run.settings.dedup.draft else asking.domains
    similarity = asking.domain_similarity
    return with_domains(records, vectors(run), encoder_of(run), domains=described, min_similarity=similarity)


def _difficulty(run: Run, records: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Any] | None]:
    """`records` with what a small language model makes of them, and its figures; nulls where that is not asked for."""
    from pipelines.difficulty.causal_folder import CausalFolder
    from pipelines.difficulty.measure import unmeasured, with_difficulty

    settings = run.settings.difficulty
    if not settings.measure:
        return unmeasured(records), None
    from pipelines.cache.home import default_cache

    with reporter().working("difficulty of answers") as progress:
        measured = with_difficulty(
            records,
            CausalFolder(settings.model),
            max_tokens=settings.max_tokens,
            sample=settings.sample,
            seed=run.settings.seed,
            cache=default_cache(),
            progress=progress,
        )
    return measured.records, measured.figures


def route(run: Run) -> Result:
    """Doubtful records to people."""
    from pipelines.route import route as send

    records = kept(run, "score")
    return Result(*send(records, **run.settings.route.model_dump()), records.height)


def select(run: Run) -> Result:
    """A subset, when one is asked for."""
    from pipelines.selection import select as choose

    settings = run.settings.selection
    if not settings.wanted:
        everything = pl.scan_parquet(run.work / "route.parquet")
        return Result(everything, None, {}, everything.select(pl.len()).collect().item())
    records = kept(run, "route", "completion")
    outcome = choose(
        records,
        vectors(run),
        method=settings.method,
        target_size=settings.target_size,
        target_tokens=settings.target_tokens,
        max_similarity=settings.max_similarity,
        seed=run.settings.seed,
    )
    return Result(*outcome, records.height)


def split(run: Run) -> Result:
    """Train, validation and test."""
    from pipelines.split import split as share_out

    records = kept(run, "select")
    known = ("row_id", "record_id", "source", "group", "context")
    everything = pl.read_parquet(run.work / "ingest.parquet", columns=list(known))
    settings = run.settings.split
    parts = share_out(
        records,
        everything,
        pl.read_parquet(run.work / "links.parquet"),
        vectors(run),
        validation=settings.validation,
        test=settings.test,
        link_similarity=settings.link_similarity,
        seed=run.settings.seed,
        previous=pl.read_parquet(run.work / "previous.parquet") if settings.previous else None,
    )
    return Result(parts.records, None, parts.figures, records.height)


STAGES: dict[str, Callable[[Run], Result]] = {
    stage.__name__: stage
    for stage in (ingest, repair, decide, validate, dedup, decontaminate, score, route, select, split)
}
"""In flow order."""


# What was said changes no more once it was checked, so these leave it where the checks did.
_TEXTS_STAY_AT = "validate"
_WITHOUT_TEXTS = tuple(STAGES)[tuple(STAGES).index(_TEXTS_STAY_AT) + 1 :]

# What a stage leaves beside its frames.
_BESIDE = {"ingest": ("unreadable.parquet",), "dedup": ("links.parquet", "pairs.parquet", "vectors.npy")}


def perform(name: str, run: Run) -> Stage:
    """Run one stage and leave its frames in the work folder, then its figures, with the digests of what it left."""
    began = time.monotonic()
    with tallied() as tally:
        result = STAGES[name](run)
    texts = TEXTS if name in _WITHOUT_TEXTS else ()
    path = save_frame(result.kept.drop(texts, strict=False), run.work / f"{name}.parquet", passing=True)
    if result.dropped is not None:
        save_frame(result.dropped.drop(texts, strict=False), run.work / f"{name}.dropped.parquet")
    left = pl.scan_parquet(path).select(pl.len()).collect().item()
    took, held = round(time.monotonic() - began, 3), peak_memory_mb()
    stage = Stage(name, took, result.rows_in, left, result.rows_in - left, held)
    # What the frames were put together from, and what passed between those who share the work.
    for parts in (name, f"{name}.dropped", f"{name}.shared"):
        shutil.rmtree(run.work / parts, ignore_errors=True)
    files = {file: sha256_of(run.work / file) for file in _left(name, run.work)}
    noted = {
        "stage": stage._asdict(),
        "figures": result.figures,
        "new": tally.told(),
        "spent": tally.spent(),
        "files": files,
    }
    save_json(noted, run.work / f"{name}.json")
    del result  # its frames are given back too
    give_back()
    return stage


def _left(name: str, work: Path) -> list[str]:
    """The files of a stage."""
    return [
        file
        for file in (f"{name}.parquet", f"{name}.dropped.parquet", *_BESIDE.get(name, ()))
        if (work / file).exists()
    ]


def encoder_of(run: Run) -> "Encoder":
    """An encoder that works as that of the dedup stage did."""
    from pipelines.cache.home import default_cache
    from pipelines.embedding.encoder import Encoder, Tier

    tier = Tier(noted(run, "dedup")["figures"]["tier"])
    return Encoder(run.settings.dedup.model, cache=default_cache(), tier=tier, sharing=run.sharing("embedding"))


def kept(run: Run, stage: str, *texts: str) -> pl.DataFrame:
    """What `stage` let through; after validation with those of TEXTS that are asked for."""
    return _with_texts(pl.scan_parquet(run.work / f"{stage}.parquet"), run.work, texts)


def _with_texts(rows: pl.LazyFrame, work: Path, texts: Sequence[str]) -> pl.DataFrame:
    """`rows` with these columns of theirs, in the places that they had when they were checked."""
    light = rows.collect()
    if not texts:
        return light
    whole = pl.scan_parquet(work / f"{_TEXTS_STAY_AT}.parquet")
    told = rows_of(whole, light["row_id"], texts)
    if not told["row_id"].equals(light["row_id"]):
        told = light.select("row_id").join(told, on="row_id", how="left", maintain_order="left")
    return in_places(light.hstack(told.drop("row_id")), whole)


def in_places(rows: pl.DataFrame, whole: pl.LazyFrame) -> pl.DataFrame:
    """`rows` with the columns that `whole` has too first, in its order."""
    first = [name for name in whole.collect_schema().names() if name in rows.columns]
    return rows.select(*first, pl.exclude(first))


def decisions(run: Run) -> pl.DataFrame:
    """What people decided before the run began: DECISION_SCHEMA."""
    return pl.read_parquet(run.work / "decisions.parquet")


def dropped(run: Run, *texts: str) -> list[pl.DataFrame]:
    """What each stage took out, with those of TEXTS that are asked for."""
    left_out = [name for name in TEXTS if name not in texts]
    return [
        _with_texts(pl.scan_parquet(path), run.work, texts)
        if name in _WITHOUT_TEXTS
        else pl.scan_parquet(path).drop(left_out, strict=False).collect()
        for name, path in _dropped_at(run)
    ]


def texts_of(run: Run) -> list[pl.LazyFrame]:
    """Where `row_id` and TEXTS of all readable rows lie: those of the checked ones, and of what left before."""
    before = [path for name, path in _dropped_at(run) if name not in _WITHOUT_TEXTS]
    return [pl.scan_parquet(path) for path in (run.work / f"{_TEXTS_STAY_AT}.parquet", *before)]


def _dropped_at(run: Run) -> list[tuple[str, Path]]:
    paths = ((name, run.work / f"{name}.dropped.parquet") for name in STAGES)
    return [(name, path) for name, path in paths if path.exists()]


def noted(run: Run, stage: str) -> dict[str, Any]:
    """`stage` (what it counted), `figures` (what it measured), `new` (what of its work was not known before),
    `spent` (seconds of steps that are timed by themselves) and `files` (what it left, by their digests)."""
    content: dict[str, Any] = json.loads((run.work / f"{stage}.json").read_text(encoding="utf-8"))
    return content


def vectors(run: Run) -> NDArray[np.float32]:
    """The prompts' unit vectors, mapped from disk."""
    stored: NDArray[np.float32] = np.load(run.work / "vectors.npy", mmap_mode="r", allow_pickle=False)
    return stored


def _file_line(file: SourceFigures) -> str:
    name = one_line(file.source, 300)
    if file.status == "refused":
        return f"{'refused':<13} {'':>9} {name}: {one_line(file.refusal or '', 500)}"
    packed = f", {file.compression}" if file.compression else ""
    several = f", making {file.records:,} records" if file.records != file.rows - file.unreadable else ""
    lost = f", {file.unreadable:,} unreadable" if file.unreadable else ""
    return counted("read", file.rows, f"rows of {name}: {file.shape} ({file.format}{packed}){several}{lost}")
