"""What was given out is taken back, and what was paid is corrected."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pipelines._manifest import read_manifest
from pipelines._shown import plural
from pipelines.annotate import Told, connected, opened_store, records_of, settings_of
from schemas.errors import UsageError
from schemas.manifest import Manifest
from schemas.settings import AnnotationSettings, Settings

if TYPE_CHECKING:
    from annotation.exchange.withdrawing import Takes, Withdrawn


def withdraw(
    release: Path, settings: Settings | None = None, *, everything: bool = False, dry_run: bool = False
) -> Told:
    """Take back the unanswered tasks of `release` whose records no longer wait for review, and free their money.

    With `everything` all unanswered tasks of the project; a dry run only says which. `settings` default to those
    of the release. Raises ReleaseError, AnnotationError and StoreError.
    """
    from annotation.exchange.withdrawing import withdraw as take_back

    manifest = read_manifest(release)
    asks = (settings or settings_of(manifest, release)).annotation
    takes: Takes = (lambda task, metadata: True) if everything else _left_over(release, manifest)
    with opened_store() as engine, connected() as client:
        done = take_back(takes, client=client, engine=engine, settings=asks, run_id=manifest.run_id, dry_run=dry_run)
    return Told(_lines(done, asks, dry_run), _figures(done, asks, dry_run))


def adjust(
    amount: str,
    reason: str,
    settings: AnnotationSettings,
    *,
    task: str | None = None,
    annotator: str | None = None,
    tier: str | None = None,
) -> Told:
    """Write a correction of what was spent into the ledger. Raises UsageError, SettingsError and StoreError."""
    from annotation.spending.corrections import correct
    from annotation.spending.money import show, to_minor

    try:
        minor = to_minor(Decimal(amount), settings.currency)
    except InvalidOperation as error:
        raise UsageError(f"{amount[:40]!r} is no amount of money; write a number such as 2.50 or -2.50") from error
    with opened_store() as engine:
        done = correct(engine, minor, reason, settings, task_id=task, annotator=annotator, tier=tier)
    lines = [
        f"{'corrected':<12}{show(done.amount, settings.currency)} for tier {done.tier}",
        f"{'spent':<12}{show(done.spent, settings.currency)} by project {settings.project!r} now",
    ]
    return Told(lines, {"currency": settings.currency, **done._asdict()})


def _left_over(release: Path, manifest: Manifest) -> "Takes":
    """What of the release's tasks it no longer waits for."""
    from annotation.asking.planning import waiting
    from annotation.exchange.withdrawing import left_over

    records = records_of(release)
    names = [name for name in ("record_id", "original_record_id") if name in records.columns]
    ids = pl.concat([records[name].cast(pl.String).alias("id") for name in names]).drop_nulls()
    return left_over(waiting(records), frozenset(ids), frozenset(records["source"].drop_nulls()), manifest.run_id)


def _lines(done: "Withdrawn", settings: AnnotationSettings, dry_run: bool) -> list[str]:
    from annotation.spending.money import show

    number = sum(map(len, done.by_dataset.values()))
    places = ", ".join(f"{len(ids):,} in {name}" for name, ids in sorted(done.by_dataset.items()))
    what, freed = ("would take", "would free") if dry_run else ("withdrawn", "freed")
    lines = [f"{what:<12}{plural(number, 'task')}{': ' + places if places else ''}"]
    lines.append(f"{freed:<12}{show(done.freed, settings.currency)}")
    if done.answered:
        lines.append(f"{'kept':<12}{plural(done.answered, 'task')} that people have answered or begun to")
    return lines + [f"{'missing':<12}{name}: the server does not have it" for name in done.missing_datasets]


def _figures(done: "Withdrawn", settings: AnnotationSettings, dry_run: bool) -> dict[str, Any]:
    """The same; amounts in smallest units of `currency`."""
    return {
        "withdrawn": sum(map(len, done.by_dataset.values())),
        "by_dataset": {name: list(ids) for name, ids in done.by_dataset.items()},
        "currency": settings.currency,
        "freed": done.freed,
        "kept": done.answered,
        "missing": list(done.missing_datasets),
        "dry_run": dry_run,
    }
