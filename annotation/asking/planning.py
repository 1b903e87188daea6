"""Planning: from a release's records to the tasks that people are given, and nothing that waits for them is lost.

Who is asked what:

- Rows that say the same have one `record_id`, and make one task.
- A record that is only suspected to be a duplicate is asked about together with its twin (a PAIR). One that has
  other reasons as well is asked about once, as a RECORD that shows the twin: whoever reads it to judge it can see
  whether it is needed beside the twin (reject, "says the same as another record"), and nobody reads it twice.
- Of a conflict both records are asked about, each with the other beside it, since both may be wrong.
- Gold records stand among the real ones of their tier, and everybody whom the tier names answers each of them.
  Argilla asks the same number of people for all records of a dataset, so gold takes HIDING real records for each
  along, which everybody answers as well. A tier that names nobody has gold in the overlap, where there is one.
- Gold has the same form and hints as real records; where nothing is known of why one might be asked about, it has
  no hint, and neither have HIDING real ones for each of them. What annotators can filter by, gold has too.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from annotation.asking import _forms as forms
from annotation.asking import _hints as hints
from annotation.asking._blinding import Placed, accompanied, joined, unhinted
from annotation.asking._notes import thin_gold, too_few_people
from annotation.asking._waiting import Draft, drafts
from annotation.asking.domains import GENERAL, Domain, nearest, parts, told
from annotation.asking.gold import Gold
from annotation.asking.routing import (
    Facts,
    dataset_for,
    gold_people,
    overlaps,
    route,
)
from annotation.asking.tasks import Planned, Skipped, Suggestion, Task, chosen_field, task_id
from schemas.decision import TaskKind
from schemas.settings import AnnotationSettings

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to unit vectors, a row each."""

_KNOWN = "people were asked before, or have decided"
_SAME_PAIR = "the two of them are already one task"
_NO_COMPANY = "gold: there is no real work of its tier to hide it in"


def plan(
    records: pl.DataFrame,
    *,
    descriptions: Mapping[str, str],
    settings: AnnotationSettings,
    seed: int,
    run_id: str,
    embed: Embed | None = None,
    model: str = "builtin",
    corrected: Mapping[str, str] | None = None,
    gold: Sequence[Gold] = (),
    known: Collection[str] = (),
    given: Mapping[str, int] | None = None,
) -> Planned:
    """The tasks of a release: exactly its records with the outcome `review`, and `gold` among them.

    `records` is a release's records.parquet; `descriptions` says in words what each check ("family.check") demands.
    `embed` makes the prompts' vectors and finds domains; without it there are none. `corrected` gives the domains
    that people have corrected, by record_id; `known` the subjects that were asked or decided before; `given` says of
    the tasks that were given out to how many people, by task_id: they stay where they are, and gold among them needs
    no new company. The same input makes the same tasks, whatever is known. Raises ReleaseError where `records` lacks
    a column.
    """
    drafted = drafts(records, gold)
    domains, vectors = _measured(drafted, settings, embed, model, corrected or {})
    placed = [
        _place(draft, domain, vector, settings, seed, given or {})
        for draft, domain, vector in zip(drafted, domains, vectors, strict=True)
    ]
    company = accompanied(joined(placed, seed))
    blind = unhinted(company.seated, settings, seed)
    once, skipped = _asked_once(company.seated, settings, frozenset(known))
    writing = _Writing(settings, descriptions, run_id, model, blind.subjects)
    tasks = sorted((_task(one, writing) for one in once), key=lambda task: task.task_id)
    held = (Skipped(one.draft.row["record_id"], one.draft.subject, _NO_COMPANY) for one in company.alone)
    notes = (*too_few_people(placed, settings), *thin_gold(company.seated, settings), *blind.notes)
    return Planned(tuple(tasks), (*skipped, *held), notes)


def waiting(records: pl.DataFrame) -> set[tuple[str, str]]:
    """Kind and subject of everything that a release would have people asked. Raises ReleaseError as `plan` does."""
    return {(draft.kind.value, draft.subject) for draft in drafts(records, ())}


class _Writing(NamedTuple):
    """What every task is written with."""

    settings: AnnotationSettings
    descriptions: Mapping[str, str]
    run_id: str
    model: str
    unhinted: frozenset[str]  # subjects


def _measured(
    waiting: Sequence[Draft],
    settings: AnnotationSettings,
    embed: Embed | None,
    model: str,
    corrected: Mapping[str, str],
) -> tuple[list[Domain | None], list[tuple[float, ...] | None]]:
    """Each draft's domain and its prompt's vector. What was told goes before what is found."""
    vectors: list[tuple[float, ...] | None] = [None] * len(waiting)
    domains: list[Domain | None] = [None] * len(waiting)
    # A prompt without a visible character has no meaning to embed.
    places = [place for place, draft in enumerate(waiting) if (draft.row["prompt"] or "").strip()]
    if embed and places:
        found = embed([waiting[place].row["prompt"] for place in places])
        compared = parts(settings.domains)
        described = embed(compared.texts) if compared.texts else found[:0]
        guesses = nearest(found, described, compared.names, min_similarity=settings.domain_similarity)
        for place, vector, guess in zip(places, found, guesses, strict=True):
            vectors[place] = tuple(vector.tolist())
            domains[place] = Domain(*guess, model)
    return [
        _told_domain(draft, settings, corrected) or domain for draft, domain in zip(waiting, domains, strict=True)
    ], vectors


def _told_domain(draft: Draft, settings: AnnotationSettings, corrected: Mapping[str, str]) -> Domain | None:
    said = corrected.get(draft.row["record_id"])
    if said in (*settings.domains, GENERAL):  # the settings may have dropped it since
        return Domain(str(said), None, "people")
    name = told(draft.row["metadata"], settings.domains)
    return Domain(name, None, "metadata") if name else None


def _place(
    draft: Draft,
    domain: Domain | None,
    vector: tuple[float, ...] | None,
    settings: AnnotationSettings,
    seed: int,
    given: Mapping[str, int],
) -> Placed:
    row = draft.row
    facts = Facts(
        draft.kind,
        domain and domain.name,
        tuple(row["reasons"]),
        row["source"],
        row["n_tokens"],
        row["quality"],
        row["difficulty"],
    )
    chosen = route(facts, settings.rules)
    before = given.get(_name(draft, settings))
    people = before or _people(draft, chosen.tier, settings, seed)
    return Placed(draft, domain, vector, chosen.tier, chosen.rule, people, before is not None)


def _people(draft: Draft, tier: str, settings: AnnotationSettings, seed: int) -> int:
    """How many people answer it."""
    if draft.gold:
        return gold_people(tier, settings)
    return settings.overlap.annotators if overlaps(draft.subject, tier, settings, seed=seed) else 1


def _name(draft: Draft, settings: AnnotationSettings) -> str:
    return task_id(settings.project, draft.kind, draft.subject, gold=draft.gold is not None)


def _asked_once(
    placed: Sequence[Placed], settings: AnnotationSettings, known: frozenset[str]
) -> tuple[list[Placed], list[Skipped]]:
    tasks, skipped = [], []
    seen: set[str] = set()
    for one in placed:
        draft = one.draft
        name = _name(draft, settings)
        if draft.subject in known or name in seen:
            reason = _KNOWN if draft.subject in known else _SAME_PAIR
            skipped.append(Skipped(draft.row["record_id"], draft.subject, reason))
        else:
            seen.add(name)
            tasks.append(one)
    return tasks, skipped


def _task(placed: Placed, writing: _Writing) -> Task:
    draft, domain, settings = placed.draft, placed.domain, writing.settings
    row = draft.row
    name = _name(draft, settings)
    fields, suggestions = _contents(draft, domain, name, writing)
    return Task(
        task_id=name,
        kind=draft.kind,
        subject=draft.subject,
        record_id=row["record_id"],
        twin_id=draft.twin["record_id"] if draft.twin else None,
        tier=placed.tier,
        dataset=dataset_for(draft.kind, placed.people, placed.tier, settings),
        min_submitted=placed.people,
        domain=domain.name if domain else None,
        reasons=tuple(row["reasons"]),
        gold=draft.gold.verdict if draft.gold else None,
        fields=fields,
        suggestions=suggestions,
        metadata=_metadata(placed, writing.run_id),
        vector=placed.vector,
    )


def _contents(
    draft: Draft, domain: Domain | None, name: str, writing: _Writing
) -> tuple[dict[str, Any], tuple[Suggestion, ...]]:
    row, twin = draft.row, draft.twin
    if draft.kind == TaskKind.PAIR and twin:
        return forms.pair_fields(row, twin, forms.pair_why(row)), hints.of_pair(row["similarity"], writing.model)
    prompted = draft.subject not in writing.unhinted
    why = forms.why(row, twin, writing.descriptions, prompted=prompted)
    if draft.kind == TaskKind.PREFERENCE:
        return forms.preference_fields(row, why, twin, chosen_field(name)), hints.of_preference(row)
    return forms.record_fields(row, why, twin), hints.of_record(row, domain, prompted=prompted)


def _metadata(placed: Placed, run_id: str) -> dict[str, Any]:
    """What Argilla filters by; what was not measured is left out."""
    row = placed.draft.row
    told = {
        "domain": placed.domain and placed.domain.name,
        "reasons": list(row["reasons"]) or None,
        **{name: row[name] for name in ("quality", "n_tokens", "similarity", "cluster", "source", "source_row")},
        "difficulty": row["difficulty"],
        "language": row["language"],
        "tier": placed.tier,
        "rule": placed.rule,
        "run_id": run_id,
    }
    return {name: value for name, value in told.items() if value is not None and value == value}
