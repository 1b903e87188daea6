"""What changed between two releases, as `assay diff --json` prints it; versioned.

`before` is always the first release's side, `after` the second's. A null figure was not measured there. Shares and
scores are in [0, 1], lengths in tokens or words.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

DIFF_VERSION = 1

Value = float | bool | str | None


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Side(Part):
    """One of the two releases."""

    path: str
    run_id: str
    created: str  # ISO 8601, UTC
    rows: int  # in the ledger
    released: int


class Setting(Part):
    """A setting that differs, by its dotted key in assay.yaml; null where one side does not have it."""

    key: str
    before: object
    after: object


class Cause(Part):
    """What else differs that rows may follow from: a source, the code, a library, the machine, what people decided."""

    what: str
    before: str | None  # a version or the beginning of a digest; null where it was not there
    after: str | None


class Attribution(Part):
    """Whether the rows that changed are one setting's doing: when nothing else differs that rows follow from."""

    setting: str | None  # its key; null where it cannot be told, or nothing changed
    why: str  # one sentence


class Rows(Part):
    """How the rows of the two ledgers belong together, each row once: by content first, then by place.

    `rows` of the first = same + shifted + reordered + moved + edited + removed; of the second, with added instead.
    """

    same: int  # the same content in the same place
    shifted: int  # the same content, in order, on another line, as rows came or went above it
    reordered: int  # the same content in the same source, in another order
    moved: int  # the same content in another source
    edited: int  # another content where a row was
    added: int
    removed: int
    rewritten: int  # of the rows whose content is the same: people or repairs made another record of one side's
    outcomes: dict[str, dict[str, int]]  # before -> after -> rows, of those in both
    added_outcomes: dict[str, int]
    removed_outcomes: dict[str, int]
    changed: int  # rows in both whose outcome or reasons differ
    changed_outcome: int  # of these, those whose outcome differs


class Reason(Part):
    """A reason or a note, over all rows of each side, and over those that are in both."""

    reason: str
    kind: Literal["reason", "note"]
    before: int
    after: int
    appeared: int  # rows in both that have it only after
    went: int  # rows in both that had it only before


class Figure(Part):
    """A figure of the reports by its dotted path, as a policy names it."""

    figure: str
    before: Value
    after: Value
    change: float | None  # after less before, of numbers


class Demand(Part):
    """A figure that the policy of one release at least demands, with its own requirement on each side."""

    figure: str
    required_before: str | None
    required_after: str | None
    before: Value
    after: Value
    passed_before: bool | None
    passed_after: bool | None


class Gate(Part):
    passed_before: bool | None  # null where it was not judged
    passed_after: bool | None
    demands: list[Demand]


class Drift(Part):
    """How far a column of the released rows lies from where it was."""

    column: str
    statistic: str
    source: str  # of the statistic
    value: float | None  # null where a side has no value
    threshold: float
    threshold_source: str
    drifted: bool | None  # value >= threshold
    counted_before: int
    counted_after: int
    few: bool  # a side has so few rows that chance alone may reach the threshold


class ChangedRow(Part):
    """One row that did not stay as it was."""

    how: Literal["same", "shifted", "reordered", "moved", "edited", "added", "removed"]
    source: str  # where it is after; of a removed row, where it was
    source_row: int | None
    part: int | None
    source_before: str | None  # null where the row was not there, or was in the same place
    source_row_before: int | None
    record_id_before: str | None
    record_id: str | None
    outcome_before: str | None
    outcome: str | None
    reasons_before: list[str]
    reasons: list[str]


class Diff(Part):
    """Everything. `rows_changed` has every row that was added, removed, edited, or has another outcome or reason."""

    diff_version: Literal[1] = 1
    before: Side
    after: Side
    settings: list[Setting]
    causes: list[Cause]
    attribution: Attribution
    rows: Rows
    reasons: list[Reason]  # those whose counts or rows differ, most first
    figures: list[Figure]  # all that both or one of the reports have
    gate: Gate
    drift: list[Drift]
    rows_changed: list[ChangedRow]
