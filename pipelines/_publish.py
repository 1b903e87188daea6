"""From the stages' frames to the release's folder: exports, contract, report, verdict, and the manifest last."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from checks.contract.process import ready_process
from checks.contract.run import Contract
from checks.diversity import blocks, products
from pipelines import _stages as stages
from pipelines._last_release import last_release
from pipelines._ledger import all_records, ledger_of, reconcile
from pipelines._manifest import files_in, write_manifest
from pipelines._map import MAP_SCHEMA
from pipelines._memory import peak_memory_mb
from pipelines._people import DECISIONS, digest
from pipelines._released import PART, Released, scan_released
from pipelines._slices import leave, together
from pipelines._stages import Run
from pipelines._surroundings import SURROUNDINGS
from pipelines._tally import Tally
from pipelines._versions import version_of, versions
from pipelines._workspace import STAGED, carry_on, install, save_frame, save_json
from pipelines.cache.home import default_cache
from pipelines.embedding.encoder import EMBEDDING
from pipelines.gate import figures_of, report_of
from pipelines.gate import judge as judge_report
from pipelines.report import Measured, build_report
from schemas.errors import PolicyError, ReleaseError
from schemas.manifest import InputEntry, Manifest
from schemas.policy import Policy
from schemas.record import TEXTS, WHOLE_TEXTS
from schemas.report import ExportFigures, New, People, Report, SourceFigures
from schemas.report import Run as RunFigures

# Characters of a prompt that the map tells.
_BEGINNING = 200


class Orchestration(NamedTuple):
    """What ran the steps, and the seconds that it took for itself until the release was begun."""

    by: str
    seconds: float


def publish(run: Run, orchestration: Orchestration) -> Report:
    """Write the release in the work folder, then put it in the place of an earlier one.

    Raises PolicyError, with the release in place but not judged, for a figure, or rows, that only this data lacks,
    and ReleaseError for a compared release that changed meanwhile.
    """
    if carry_on(run.out):  # a try before this one was stopped on the way
        return report_of(run.out)
    staged = run.work / STAGED
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir()
    policy = Policy.model_validate_json((run.work / "policy.json").read_bytes())
    report = _write(run._replace(out=staged), policy, orchestration)
    install(staged, run.out)
    if report.gate is None:
        judge_report(report, policy, run.out)
    return report


def _write(run: Run, policy: Policy, orchestration: Orchestration) -> Report:
    """Everything of a release into `run.out`, the manifest last."""
    measured = _measure(run)
    with Contract(
        measured.records,
        checks=measured.checks,
        policy=policy,
        docs=run.out / "data_docs",
        run_name=_name(run),
        elsewhere=ready_process(),
    ) as contract:
        _save_records(run, measured.records)
        save_frame(measured.ledger, run.out / "ledger.parquet")
        shutil.copyfile(run.work / "pairs.parquet", run.out / "pairs.parquet")
        _write_unreadable(run)
        # What records say is in nobody's way while Great Expectations' frames and the exports take their room.
        exports = _write_data(run)
        measured = measured._replace(exports=exports, records=_with_short_texts(measured.records, run.out))
        report = build_report(
            measured,
            pl.scan_parquet(run.out / "records.parquet"),
            run=_run_figures(run, orchestration),
            version=version_of("assay"),
            cache=default_cache(),
        )
        report = _judged(report, contract, policy, run.out)
    _write_report(run, report, measured)
    _write_manifest(run, report, measured, policy)
    return report


def _measure(run: Run) -> Measured:
    """Everything the stages left, put together and reconciled."""
    from pipelines.validate import checks_in_force

    figures = {name: stages.noted(run, name)["figures"] for name in stages.STAGES}
    sources = [SourceFigures.model_validate(file) for file in figures["ingest"]["sources"]]
    records = all_records(stages.kept(run, "split"), stages.dropped(run))
    ledger = ledger_of(records, pl.read_parquet(run.work / "unreadable.parquet"))
    reconcile(ledger, sources)
    difficulty = figures["score"].pop("difficulty")
    return Measured(
        records=records,
        ledger=ledger,
        sources=sources,
        checks=checks_in_force(run.settings.validation.severities),
        vectors=stages.vectors(run),
        repairs=figures["repair"],
        dedup=figures["dedup"],
        contamination=figures["decontaminate"],
        diversity=figures["score"],
        difficulty=difficulty,
        selection=figures["select"] or None,
        leakage=figures["split"],
        people=_people(run, figures),
        exports=[],
        training=figures["validate"]["training"],
        domains=() if run.settings.dedup.draft else tuple(run.settings.annotation.domains),
        # The release is written one level below the work folder, whose own is where the earlier one stands.
        previous=last_release(run.work.parent, run.settings.split.previous),
    )


def _save_records(run: Run, records: pl.DataFrame) -> None:
    """Write `records`, which are in reading order, with what they say; of many rows memory holds that of a part."""
    said, path = stages.texts_of(run), run.out / "records.parquet"
    if records.height <= PART:
        save_frame(_in_full(records, said), path)
        return
    folder = run.work / "records.parts"
    save_frame(together([leave(_in_full(part, said), folder) for part in records.iter_slices(PART)]), path)
    shutil.rmtree(folder)


def _in_full(part: pl.DataFrame, said: Sequence[pl.LazyFrame]) -> pl.DataFrame:
    """`part` of the records with TEXTS, in the places that these have where they lie."""
    here = pl.col("row_id").is_between(part["row_id"].min(), part["row_id"].max())
    texts = pl.concat([each.filter(here).select("row_id", *TEXTS) for each in said]).collect(engine="streaming")
    whole = part.join(texts, on="row_id", how="left", maintain_order="left")
    return stages.in_places(whole, said[0])


def _with_short_texts(records: pl.DataFrame, out: Path) -> pl.DataFrame:
    """`records` with those of TEXTS that the report looks at, as they were saved."""
    short = [name for name in TEXTS if name not in WHOLE_TEXTS]
    return records.hstack(pl.read_parquet(out / "records.parquet", columns=short))


def _people(run: Run, figures: Mapping[str, Any]) -> People:
    noted = json.loads((run.work / "people.json").read_text(encoding="utf-8"))
    told = {"cost": noted["cost"], "agreement": noted["agreement"]}
    return People(**figures["decide"], **figures["dedup"]["semantic"]["said"], **told)


def _write_data(run: Run) -> list[ExportFigures]:
    from pipelines.export import export, write_dataset, write_splits

    released = Released(scan_released(run.out))
    write_splits(released, run.out)
    write_dataset(released, run.out)
    return export(
        released,
        formats=run.settings.export.formats,
        out=run.out / "exports",
        max_tokens=run.settings.validation.max_tokens,
    )


def _write_unreadable(run: Run) -> None:
    rows = pl.read_parquet(run.work / "unreadable.parquet")
    rows.write_ndjson(run.out / "unreadable.jsonl")


def _judged(report: Report, contract: Contract, policy: Policy, out: Path) -> Report:
    """The report with the contract's result, and the verdict that needs it."""
    judged = report.model_copy(update={"expectations": contract.finish(figures_of(report))})
    try:
        return judged.model_copy(update={"gate": judge_report(judged, policy, out)})
    except (PolicyError, ReleaseError):  # hours of work are kept; the caller hears of it
        return judged


def _write_report(run: Run, report: Report, measured: Measured) -> None:
    from pipelines._card import write_card
    from pipelines._croissant import write_croissant
    from pipelines._page import write_page

    save_json(report.model_dump(mode="json"), run.out / "report.json")
    save_json(Report.model_json_schema(), run.out / "report.schema.json")
    write_page(report, run.out / "report.html", map_points=_map_points(measured))
    write_card(report, run.out)
    write_croissant(report, run.out)


def _map_points(measured: Measured) -> pl.DataFrame:
    """The embedded rows, each with its place."""
    rows = measured.records.filter(pl.col("vector").is_not_null())
    if rows.height < 3:
        return pl.DataFrame(schema=MAP_SCHEMA)
    flat = _flat(measured.vectors, rows["vector"].to_numpy())
    places = {name: pl.Series(flat[:, at], dtype=pl.Float64) for name, at in (("x", 1), ("y", 0))}
    beginning = pl.col("prompt").str.head(_BEGINNING)
    return rows.select("cluster", "outcome", "source", "quality", beginning).with_columns(**places)


def _flat(vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """The `rows` of `vectors` on the two directions in which they differ most (PCA), some at a time."""
    total = sum(block.sum(axis=0, dtype=np.float64) for block in blocks(vectors, rows))
    mean = (total / len(rows)).astype(np.float32)

    def centred() -> Iterator[NDArray[np.float32]]:
        return (block - mean for block in blocks(vectors, rows))

    directions = np.linalg.eigh(products(centred(), vectors.shape[1]))[1][:, -2:]
    # An eigenvector's sign is arbitrary; the largest entry is made positive, so that maps compare.
    signs = np.sign(directions[np.abs(directions).argmax(axis=0), [0, 1]])
    onto = (directions * signs).astype(np.float32)
    return np.concatenate([block @ onto for block in centred()])


def _write_manifest(run: Run, report: Report, measured: Measured, policy: Policy) -> None:
    # `run.out` is where the release is written; it will be read one level above the work folder.
    inputs = [_seen_from(run.work.parent, entry) for entry in _inputs(run)]
    manifest = Manifest(
        assay_version=report.assay_version,
        run_id=report.run.run_id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=report.run.seed,
        sources=list(run.sources),
        settings=report.run.settings,
        versions=report.run.versions,
        surroundings=json.loads((run.work / SURROUNDINGS).read_text(encoding="utf-8")),
        inputs=inputs,
        counts={**report.rows.outcomes, "ledger": measured.ledger.height},
        policy=policy.model_dump(mode="json"),
        files=files_in(run.out),
    )
    write_manifest(manifest, run.out)


def _inputs(run: Run) -> list[dict[str, Any]]:
    """What the release follows from, beside its settings: the sources, and what people decided."""
    said = stages.decisions(run)
    inputs: list[dict[str, Any]] = stages.noted(run, "ingest")["figures"]["inputs"]
    if said.is_empty():
        return inputs
    return [
        *inputs,
        InputEntry(source=DECISIONS, path=None, sha256=digest(said), bytes=None, status="read").model_dump(),
    ]


def _seen_from(out: Path, entry: dict[str, Any]) -> InputEntry:
    """The input with its path as seen from the release, so that the gate finds it from any working folder."""
    path = entry["path"]
    seen = path if path is None or Path(path).is_absolute() else os.path.relpath(path, out)
    return InputEntry.model_validate({**entry, "path": seen})


def _run_figures(run: Run, orchestration: Orchestration) -> RunFigures:
    noted = {name: stages.noted(run, name) for name in stages.STAGES}
    settings = run.settings.model_dump(mode="json")
    dedup = noted["dedup"]["figures"]
    dimensions = stages.vectors(run).shape[1]
    began = datetime.fromisoformat(run.started)
    return RunFigures(
        run_id=_run_id(settings, _inputs(run)),
        name=_name(run),
        seed=run.settings.seed,
        started=run.started,
        seconds=round((datetime.now(UTC) - began).total_seconds(), 1),
        resumed_after=run.resumed_after,
        peak_memory_mb=peak_memory_mb(),
        stages=[entry["stage"] for entry in noted.values()],
        orchestrator=orchestration.by,
        orchestration_seconds=orchestration.seconds,
        versions=versions(),
        settings=settings,
        embedding_model=dedup["model"],
        embedding_backend=dedup["backend"],
        embedding_dimensions=dimensions or None,
        embedding_seconds=round(sum(entry["spent"].get(EMBEDDING, 0.0) for entry in noted.values()), 3),
        draft=run.settings.dedup.draft,
        new=_new(noted),
    )


def _new(noted: Mapping[str, Any]) -> New:
    """What all stages together worked out anew."""
    tally = Tally()
    for entry in noted.values():
        tally.take_in(entry["new"])
    return New.model_validate(tally.told())


def _name(run: Run) -> str:
    return ", ".join(Path(source).name for source in run.sources[:3]) + (", ..." if len(run.sources) > 3 else "")


def _run_id(settings: Mapping[str, Any], inputs: list[dict[str, Any]]) -> str:
    """The same for the same input, settings and version of Assay."""
    content = orjson.dumps([version_of("assay"), settings, inputs], option=orjson.OPT_SORT_KEYS)
    return sha256(content).hexdigest()[:16]
