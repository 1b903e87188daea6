"""What would fail only after hours fails before the first row is read.

`refuse_hopeless` looks at the call alone and costs a moment; `gather` reads what later stages need
beside the sources: the policy, benchmarks, and the splits of an earlier release.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

import polars as pl
from pydantic import BaseModel

from pipelines._benchmark_index import can_name, index_path, load, read
from pipelines._people import agreement_of, decided
from pipelines._progress import counted, reporter
from pipelines._resume import note_call
from pipelines._shown import one_line
from pipelines._stages import Run, index_of
from pipelines._surroundings import SURROUNDINGS, surroundings
from pipelines._workspace import refuse_overlap, save_frame, save_json
from schemas.errors import BenchmarkError, PolicyError, ReleaseError, SourceError, UsageError
from schemas.policy import DEFAULT_POLICY, Policy, load_policy
from schemas.record import RECORD_SCHEMA
from schemas.report import CheckFigures, Checks, ExportFigures, Report
from schemas.settings import Settings


def refuse_hopeless(sources: Sequence[str], out: Path, settings: Settings) -> None:
    """Raise the AssayError that a run with this call would end in, where the call alone shows it."""
    from pipelines._shapes import SHAPES
    from pipelines._sources import is_utf8
    from pipelines.cache.home import default_cache
    from pipelines.embedding.encoder import Encoder
    from pipelines.selecting.methods import refuse_unmeasured
    from pipelines.trainability.measuring import plan_of
    from pipelines.validate import checks_in_force

    for name in (str(out), *sources):
        if not is_utf8(name):
            raise UsageError(f"{name}: is not a UTF-8 name, and no release can state it; rename it")
    refuse_overlap(out, sources)
    _refuse_missing(sources)
    shape = settings.ingest.shape
    if shape is not None and shape not in SHAPES:
        raise UsageError(f"--shape {shape}: no such shape; choose one of {', '.join(SHAPES)}")
    checks_in_force(settings.validation.severities)
    _policy(settings)
    plan_of(settings)
    Encoder(settings.dedup.model, cache=default_cache())
    if settings.difficulty.measure:
        from pipelines.difficulty.causal_folder import CausalFolder

        CausalFolder(settings.difficulty.model)
    refuse_unmeasured(settings.selection.method, measured=settings.difficulty.measure)


def _refuse_missing(sources: Sequence[str]) -> None:
    """Raise SourceError when all sources are local files and none of them is there."""
    from pipelines._readers import data_extension
    from pipelines._sources import RefusedSource, find_sources

    missing = [name for name in sources if "://" not in name and not os.path.lexists(name) and data_extension(name)]
    found = find_sources(missing) if len(missing) == len(sources) else []
    refused = [source for source in found if isinstance(source, RefusedSource)]
    if refused and len(refused) == len(found):
        raise SourceError(" | ".join(f"{source.name}: {source.why}" for source in refused[:3]))


def gather(run: Run) -> None:
    """Leave in the work folder what later stages need: surroundings.json, policy.json, people.json,
    decisions.parquet, previous.parquet, and of each benchmark its items or its index.

    Raises PolicyError, StoreError when there is a store of decisions that cannot be read, ReleaseError when
    the earlier release has no records, and BenchmarkError for what is no benchmark.
    """
    # First: what changes while it is read must be found changed by the next run.
    surrounded = surroundings(run.settings)
    save_json(surrounded, run.work / SURROUNDINGS)
    save_json(_policy(run.settings).model_dump(mode="json"), run.work / "policy.json")
    people = decided(run.settings.annotation)
    save_frame(people.decisions, run.work / "decisions.parquet")
    agreement = [one.model_dump() for one in agreement_of(run.settings.annotation)]
    save_json({"cost": people.cost and people.cost.model_dump(), "agreement": agreement}, run.work / "people.json")
    if people.decisions.height:
        reporter().line(counted("decisions", people.decisions.height, "of people, carried out where they apply"))
    if run.settings.split.previous:
        save_frame(_previous(Path(run.settings.split.previous)), run.work / "previous.parquet")
    for number, name in enumerate(run.settings.contamination.against):
        known = f"items of {one_line(name, 300)}"
        if path := index_path(name):
            data = read(path, name)
            items = load(data, name, ngram=run.settings.contamination.ngram).items.number
            (run.work / index_of(number)).write_bytes(data)
            known += ", by words only: an index has no text to embed"
        else:
            frame = _benchmark(name, run.settings)
            items = frame.height
            save_frame(frame, run.work / f"benchmark-{number}.parquet")
        reporter().line(counted("benchmark", items, known))
    note_call(run, surrounded)


def _benchmark(name: str, settings: Settings) -> pl.DataFrame:
    from pipelines.decontaminate import decontaminate
    from pipelines.ingest import read_records

    try:
        items = read_records(name)
    except SourceError as error:
        hint = "; `assay benchmark list` shows the indexes" if can_name(name) else ""
        raise BenchmarkError(f"benchmark {error}{hint}") from error
    # The search itself knows what it can compare with; nothing is searched here.
    limits = settings.contamination
    decontaminate(pl.DataFrame(schema=RECORD_SCHEMA), {name: items}, ngram=limits.ngram, min_overlap=limits.min_overlap)
    return items


def _previous(release: Path) -> pl.DataFrame:
    """record_id and split of an earlier release; what it had corrected or repaired, by its original name too."""
    path = release / "records.parquet"
    try:
        known = pl.scan_parquet(path)
        names = [name for name in ("record_id", "original_record_id") if name in known.collect_schema().names()]
        frame = pl.concat([known.select(pl.col(name).alias("record_id"), "split") for name in names]).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReleaseError(f"{path}: cannot be read; name a finished release for --previous") from error
    return frame.drop_nulls().unique("record_id", keep="first", maintain_order=True)


def _policy(settings: Settings) -> Policy:
    """The policy of a run, every figure of which its report can have, and every release that it names is one."""
    policy = load_policy(Path(settings.policy)) if settings.policy else DEFAULT_POLICY
    for demand in policy.demands:
        refuse_unknown(demand.figure, settings)
        if demand.where or demand.each:
            from pipelines._groups import refuse_whole

            refuse_whole(demand.figure)
        if demand.no_worse_than:
            from pipelines._baseline import before, compared, direction

            direction(demand)
            before(demand, compared(demand))
    return policy


def refuse_unknown(figure: str, settings: Settings) -> None:
    """Raise PolicyError when no report of a run with these settings can hold `figure`."""
    steps = figure.split(".")
    known = _holds(Report, steps)
    if steps[0] == "checks" and not (len(steps) > 1 and steps[1] in Checks.model_fields):
        known = ".".join(steps[1:3]) in _checks(settings) and _holds(CheckFigures, steps[3:])
    if steps[0] == "exports":
        known = steps[1:2] != [] and steps[1] in settings.export.formats and _holds(ExportFigures, steps[2:])
    if steps[0] == "selection":
        known = known and settings.selection.wanted
    # Without a target no check of trainability is about any row, and none would fail.
    if steps[0] == "training" or steps[:2] == ["checks", "trainability"]:
        known = known and settings.training.target is not None
    if not known or steps[0] in ("gate", "previous"):
        from pipelines._policy_schema import nearest

        raise PolicyError(
            f"{figure}: no report of this run can have such a figure{nearest(figure)}; report.schema.json lists them"
        )


def _checks(settings: Settings) -> set[str]:
    from pipelines.validate import checks_in_force

    return {check.reason for check in checks_in_force(settings.validation.severities)}


def _holds(kind: Any, steps: list[str]) -> bool:
    """Whether a value of the type `kind` has a single value at these steps."""
    if NoneType in get_args(kind):
        return any(_holds(each, steps) for each in get_args(kind) if each is not NoneType)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(steps[0]) if steps else None
        return field is not None and _holds(field.annotation, steps[1:])
    if get_origin(kind) is dict:
        # A key may hold dots itself, such as the quantile "0.5".
        return any(_holds(get_args(kind)[1], steps[taken:]) for taken in range(1, len(steps) + 1))
    return not steps and get_origin(kind) is not list
