"""Review by people: tasks go out, answers come in, and what was decided is told.

The only place where a release, the settings, the store and the Argilla server meet; what each of them
does is in `annotation/`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import ValidationError

from pipelines._manifest import read_manifest
from pipelines._people import DECISIONS, decisions_of, digest
from pipelines._people_lines import pulled_figures, pulled_lines, pushed_figures, pushed_lines, status_lines
from pipelines.gate import report_of
from schemas.errors import ReleaseError
from schemas.manifest import Manifest
from schemas.outcome import Fate
from schemas.settings import AnnotationSettings, Settings, first_problem

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from annotation.asking.tasks import Planned
    from annotation.exchange.client import Client

Say = Callable[[str], None]


class Told(NamedTuple):
    """What a command says: for a person, for a machine, and to the shell."""

    lines: list[str]
    figures: dict[str, Any]
    exit_code: int = 0


class Pulled(NamedTuple):
    """As Told; and where something new was decided, what to make the release of again."""

    lines: list[str]
    figures: dict[str, Any]
    exit_code: int
    sources: tuple[str, ...]  # empty: nothing to do
    settings: Settings


def push(release: Path, settings: Settings | None = None, *, dry_run: bool = False, progress: Say) -> Told:
    """Give out what waits for review in `release`, once, within the budget.

    `settings` default to those of the release. Exit code 1 where the server refused records. Raises
    ReleaseError, BudgetError (nothing was sent), AnnotationError and StoreError.
    """
    from annotation.exchange.push import plan as sort_out
    from annotation.exchange.push import push as send
    from annotation.spending.budget import count_tasks, forecast, forecast_lines

    manifest = read_manifest(release)
    chosen = settings or settings_of(manifest, release)
    planned = _plan(release, manifest, chosen, progress)
    with _store() as engine:
        if dry_run:
            new = sort_out(planned.tasks, engine, chosen.annotation).new
            foreseen = forecast(count_tasks(new), chosen.annotation, engine)
            figures = {"tasks": len(new), "amount": foreseen.amount, "currency": foreseen.currency}
            return Told(forecast_lines(foreseen), figures, 0 if foreseen.breaks is None else 1)
        with _client() as client:
            sent = send(
                planned.tasks,
                client=client,
                engine=engine,
                settings=chosen.annotation,
                run_id=manifest.run_id,
                progress=progress,
            )
    return Told(
        pushed_lines(planned, sent, client.url, chosen.annotation),
        pushed_figures(planned, sent, chosen.annotation),
        1 if sent.refused else 0,
    )


def pull(release: Path, settings: Settings | None = None, *, progress: Say) -> Pulled:
    """Read the answers, book them, decide, and say what to make the release of again.

    Raises what `push` raises, but for the budget: what it does not allow is reported, and tried again next time.
    """
    from annotation.exchange.pull import pull as read

    manifest = read_manifest(release)
    chosen = settings or settings_of(manifest, release)
    with _store() as engine, _client() as client:
        got = read(client=client, engine=engine, settings=chosen.annotation, run_id=manifest.run_id, progress=progress)
    sources = tuple(manifest.sources) if _outdated(manifest, chosen.annotation) else ()
    exit_code = 1 if got.read.missing_datasets else 0
    figures = pulled_figures(got, chosen.annotation)
    return Pulled(pulled_lines(got, chosen.annotation), figures, exit_code, sources, chosen)


def status(settings: AnnotationSettings) -> Told:
    """The server, and how far each dataset of the project is. Raises AnnotationError where none answers."""
    from annotation.home import home
    from annotation.server.serve import health

    with _store() as engine:
        names = _datasets(engine, settings.project)
    with _client() as client:
        found = {f"{tier}/{name}": client.find_dataset(tier, name) for tier, name in names}
        progress = {where: client.progress(dataset) for where, dataset in found.items() if dataset is not None}
    gone = [where for where, dataset in found.items() if dataset is None]
    server = health(home())
    server_is_ours = server if server.url == client.url else None
    lines = status_lines(server_is_ours, client.url, progress)
    lines += [f"{'missing':<12}{where}: the server does not have it; push again" for where in gone]
    figures = {
        "url": client.url,
        "datasets": {where: one._asdict() for where, one in progress.items()},
        "missing": gone,
    }
    return Told(lines, figures, 1 if gone else 0)


def _datasets(engine: "Engine", project: str) -> list[tuple[str, str]]:
    from annotation.store.asked import all_asked
    from annotation.store.database import reading

    with reading(engine) as connection:
        tasks = all_asked(connection, project).values()
    return sorted({(task.tier, task.dataset) for task in tasks if task.state != "withdrawn"})


def cost(release: Path | None, settings: Settings | None = None) -> Told:
    """What people cost, in all and for the records of `release`."""
    from annotation.spending.cost_lines import cost_lines
    from annotation.spending.costs import costs

    chosen, records = settings or Settings(), None
    if release is not None:
        manifest = read_manifest(release)
        chosen = settings or settings_of(manifest, release)
        records = _records(release)
    with _store() as engine:
        report = costs(engine, chosen.annotation, records)
    lines = cost_lines(report)
    if release is None and settings is None:
        lines.append(f"{'settings':<12}none were named, so prices and limits are the defaults; give DIR or --config")
    return Told(lines, report.model_dump(mode="json"))


def settings_of(manifest: Manifest, release: Path) -> Settings:
    """The settings a release was made with. Raises ReleaseError where this version cannot read them."""
    try:
        return Settings.model_validate(manifest.settings)
    except ValidationError as error:
        raise ReleaseError(
            f"{release}: its settings mean nothing to this version ({first_problem(error)}); curate again, or --config"
        ) from error


def _plan(release: Path, manifest: Manifest, settings: Settings, progress: Say) -> "Planned":
    """What of the release people are to be asked."""
    from annotation.asking.gold import read_gold
    from annotation.asking.planning import plan

    asks = settings.annotation
    gold = read_gold(asks.gold.file, domains=asks.domains) if asks.gold.file else ()
    records = _records(release)
    waiting = records.filter(pl.col("outcome") == Fate.REVIEW.value).height
    progress(f"{waiting:,} of {records.height:,} records of {release} wait for people")
    known = decisions_of(asks)
    corrected = known.filter(pl.col("domain").is_not_null()).select("subject", "domain")
    return plan(
        records,
        descriptions=_descriptions(release),
        settings=asks,
        seed=settings.seed,
        run_id=manifest.run_id,
        embed=_embedder(settings),
        model=settings.dedup.model,
        corrected=dict(corrected.iter_rows()),
        gold=gold,
    )


def _embedder(settings: Settings) -> Callable[[Sequence[str]], NDArray[np.float32]]:
    from pipelines.cache.home import default_cache
    from pipelines.embedding.encoder import Encoder

    encoder = Encoder(settings.dedup.model, cache=default_cache())
    return lambda texts: encoder.encode(texts).vectors


def _descriptions(release: Path) -> dict[str, str]:
    """What each check demands, as the release's own report says it."""
    families = report_of(release).checks.families
    return {
        f"{family}.{name}": check.description for family, checks in families.items() for name, check in checks.items()
    }


def _outdated(manifest: Manifest, settings: AnnotationSettings) -> bool:
    """Whether people have decided something that the release does not follow from."""
    said = decisions_of(settings)
    carried = [entry.sha256 for entry in manifest.inputs if entry.source == DECISIONS]
    return carried != ([digest(said)] if said.height else [])


@contextmanager
def _store() -> Iterator["Engine"]:
    from annotation.home import in_home, make_home
    from annotation.store.database import open_store

    if in_home():
        make_home()
    engine = open_store()
    try:
        yield engine
    finally:
        engine.dispose()


def _client() -> "Client":
    from annotation.exchange.client import Client
    from annotation.home import home
    from annotation.server.serve import endpoint

    return Client(*endpoint(home()))


def _records(release: Path) -> pl.DataFrame:
    path = release / "records.parquet"
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReleaseError(f"{path}: cannot be read; run `assay curate` again") from error
