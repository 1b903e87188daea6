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
from pipelines._people import DECISIONS, decisions_of, digest, given_out
from pipelines._people_lines import pulled_figures, pulled_lines, pushed_figures, pushed_lines, status_lines
from pipelines.gate import report_of
from schemas.decision import TaskKind
from schemas.errors import ReleaseError
from schemas.manifest import Manifest
from schemas.outcome import Fate
from schemas.settings import AnnotationSettings, Settings, first_problem

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from annotation.asking.gold import Gold
    from annotation.asking.tasks import Planned, Task
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


def push(
    release: Path,
    settings: Settings | None = None,
    *,
    dry_run: bool = False,
    progress: Say,
    instead: Sequence[pl.DataFrame] = (),
) -> Told:
    """Give out what waits for review in `release`, once, within the budget.

    With `instead` what waits in these frames (as records.parquet has it) is given out in its place: without gold
    among it, and its pairs without a verdict that is filled in.
    Of `settings` only `annotation` counts; without them those of the release hold. Exit code 1 where the server
    refused records. Raises ReleaseError, BudgetError (nothing was sent), AnnotationError and StoreError.
    """
    from annotation.exchange.push import plan as sort_out
    from annotation.exchange.push import push as send
    from annotation.spending.budget import count_tasks, forecast, forecast_lines

    manifest = read_manifest(release)
    chosen = _with_annotation(settings_of(manifest, release), settings)
    planned = _plan(release, manifest, chosen, progress, instead)
    with opened_store() as engine:
        if dry_run:
            new = sort_out(planned.tasks, engine, chosen.annotation).new
            foreseen = forecast(count_tasks(new), chosen.annotation, engine)
            figures = {"tasks": len(new), "amount": foreseen.amount, "currency": foreseen.currency}
            return Told(forecast_lines(foreseen), figures, 0 if foreseen.breaks is None else 1)
        with connected() as client:
            sent = send(
                planned.tasks,
                client=client,
                engine=engine,
                settings=chosen.annotation,
                run_id=manifest.run_id,
                progress=progress,
                foretell=lambda expected: progress("\n".join(forecast_lines(expected))),
            )
    return Told(
        pushed_lines(planned, sent, client.url, chosen.annotation),
        pushed_figures(planned, sent, chosen.annotation),
        1 if sent.refused else 0,
    )


def pull(release: Path, settings: Settings | None = None, *, progress: Say) -> Pulled:
    """Read the answers, book them, decide, and say what to make the release of again.

    `settings` as for `push`: the release is made again with its own, whatever people are asked with. Exit code 1
    where something could not be read or not be asked. Raises what `push` raises, but for the budget: what it does
    not allow is reported, and tried again next time.
    """
    from annotation.exchange.pull import pull as read

    manifest = read_manifest(release)
    chosen = _with_annotation(settings_of(manifest, release), settings)
    with opened_store() as engine, connected() as client:
        got = read(client=client, engine=engine, settings=chosen.annotation, run_id=manifest.run_id, progress=progress)
    sources = tuple(manifest.sources) if _outdated(manifest, chosen.annotation) else ()
    failed = any(one.fate == "failed" for one in got.escalated)
    exit_code = 1 if got.read.missing_datasets or got.read.unreadable or failed else 0
    figures = pulled_figures(got, chosen.annotation)
    return Pulled(pulled_lines(got, chosen.annotation), figures, exit_code, sources, chosen)


def status(settings: AnnotationSettings) -> Told:
    """The server, and how far each dataset of the project is. Exit code 1 where none runs, or it lost a dataset.

    Raises AnnotationError where the one that ARGILLA_API_URL names does not answer.
    """
    from annotation.home import home
    from annotation.server.finding import target

    server = target(home())
    about = {name: getattr(server, name) for name in ("running", "version", "engine", "pid")}
    if server.url is None:
        return Told(status_lines(server), {"url": None, "server": about, "datasets": {}, "missing": []}, 1)
    with opened_store() as engine:
        names = _datasets(engine, settings.project)
    with connected() as client:
        found = {f"{tier}/{name}": client.find_dataset(tier, name) for tier, name in names}
        progress = {where: client.progress(dataset) for where, dataset in found.items() if dataset is not None}
    gone = [where for where, dataset in found.items() if dataset is None]
    lines = status_lines(server, progress)
    lines += [f"{'missing':<12}{where}: the server does not have it; push again" for where in gone]
    figures = {
        "url": client.url,
        "server": about,
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


def cost(release: Path | None, settings: Settings | None = None, config: Path | None = None) -> Told:
    """What people cost, in all and for the records of `release`; `config` is where the `settings` come from."""
    from annotation.spending.cost_lines import cost_lines
    from annotation.spending.costs import costs

    chosen, records = settings or Settings(), None
    if release is not None:
        manifest = read_manifest(release)
        chosen = settings or settings_of(manifest, release)
        records = records_of(release)
    with opened_store() as engine:
        report = costs(engine, chosen.annotation, records)
    where = str(config or release or "") or None
    if settings is not None:
        said = f"prices and limits are those of {where or 'the settings given'}"
    elif release is not None:
        said = f"prices and limits are those {where} was made with; where push had others, give the same --config"
    else:
        said = "none were named, so prices and limits are the defaults; give DIR or --config"
    return Told([*cost_lines(report), f"{'settings':<12}{said}"], {**report.model_dump(mode="json"), "settings": where})


def _with_annotation(own: Settings, given: Settings | None) -> Settings:
    """The release's settings, with what is asked of people as `given` has it: all else is how the release is made."""
    return own if given is None else own.model_copy(update={"annotation": given.annotation})


def settings_of(manifest: Manifest, release: Path) -> Settings:
    """The settings a release was made with. Raises ReleaseError where this version cannot read them."""
    try:
        return Settings.model_validate(manifest.settings)
    except ValidationError as error:
        raise ReleaseError(
            f"{release}: its settings mean nothing to this version ({first_problem(error)}); curate again"
        ) from error


def _plan(
    release: Path, manifest: Manifest, settings: Settings, progress: Say, instead: Sequence[pl.DataFrame] = ()
) -> "Planned":
    """What of the release people are to be asked."""
    from annotation.asking.gold import read_gold

    asks = settings.annotation
    if instead:
        each = [_tasks(frame, (), release, manifest, settings) for frame in instead]
        tasks = sorted((_without_hints(task) for one in each for task in one.tasks), key=lambda task: task.task_id)
        return each[0]._replace(tasks=tuple(tasks), skipped=tuple(skipped for one in each for skipped in one.skipped))
    gold = read_gold(asks.gold.file, domains=asks.domains) if asks.gold.file else ()
    records = records_of(release)
    waiting = records.filter(pl.col("outcome") == Fate.REVIEW.value).height
    progress(f"{waiting:,} of {records.height:,} records of {release} wait for people")
    return _tasks(records, gold, release, manifest, settings)


def _without_hints(task: "Task") -> "Task":
    return task._replace(suggestions=()) if task.kind == TaskKind.PAIR else task


def _tasks(
    records: pl.DataFrame, gold: "Sequence[Gold]", release: Path, manifest: Manifest, settings: Settings
) -> "Planned":
    from annotation.asking.planning import plan

    asks = settings.annotation
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
        given=given_out(asks),
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
def opened_store() -> Iterator["Engine"]:
    """The store, made where there is none. Raises StoreError."""
    from annotation.home import in_home, make_home
    from annotation.store.database import open_store

    if in_home():
        make_home()
    engine = open_store()
    try:
        yield engine
    finally:
        engine.dispose()


def connected() -> "Client":
    """The server of the environment, or else the store's own. Raises AnnotationError."""
    from annotation.exchange.client import Client
    from annotation.home import home
    from annotation.server.finding import endpoint

    return Client(*endpoint(home()))


def records_of(release: Path) -> pl.DataFrame:
    """Every row of a release and its outcome. Raises ReleaseError."""
    path = release / "records.parquet"
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReleaseError(f"{path}: cannot be read; run `assay curate` again") from error
