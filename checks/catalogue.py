"""Every check there is, and all of them evaluated over a frame of records."""

import inspect
from collections.abc import Sequence

import polars as pl

from checks import (
    constraints,
    formatting,
    grounding,
    language,
    length,
    parsing,
    refusal,
    safety,
    structure,
    trainability,
)
from checks._examples import shown
from checks._text import behind, with_derived
from checks.registry import CHECKS, Check

FAMILIES = (
    structure,
    length,
    formatting,
    parsing,
    constraints,
    grounding,
    language,
    refusal,
    safety,
    trainability,
)
"""The files of checks, in the order in which reasons are listed."""

MEASURED = frozenset(
    {"n_tokens", "limit_tokens", "allowed_languages", "prompt_language", "completion_language", "training"}
)
"""What validate measures or is told, for checks to read beside the record: no part of its content."""

_PREFACE = """\
# The checks

<!-- Written by `python -m checks.catalogue > docs/checks.md`; a test keeps it up to date. -->

A check is one rule about one record. Every failing check is named for every record, as `family.check`.

- **DROP**: the record is certainly useless or harmful, and goes.
- **REVIEW**: only a person can say; the record waits for one and is not released meanwhile.
- **NOTE**: worth knowing; the record stays.

`validation.severities` in assay.yaml changes a check's severity, or turns it `off`:

```yaml
validation:
  severities:
    refusal.full: drop
    formatting.url_in_prompt: off
```
The answer is the completion; where KTO marks a completion as unwanted, rules about good answers pass it.

The last column shows what is particular about a record that fails; the rest of it is a plain question and its answer. A
test runs each of them."""


def all_checks() -> tuple[Check, ...]:
    """Every check, family by family in the order of FAMILIES, within a family as its file has them."""
    order = [module.__name__.rsplit(".", 1)[-1] for module in FAMILIES]
    return tuple(sorted(CHECKS.values(), key=lambda check: order.index(check.family)))


def prepared(records: pl.DataFrame) -> pl.DataFrame:
    """The records with the columns that checks share, computed once. Rows and order are kept."""
    return with_derived(records)


def verdicts(records: pl.DataFrame, checks: Sequence[Check]) -> pl.DataFrame:
    """One boolean column per check, named `chk_family.name`: its `Check.verdict`.

    `records` have RECORD_SCHEMA and what validate measures, see MEASURED. Order of rows is kept. Nothing but
    these checks is worked out.
    """
    ready = with_derived(records, [read for check in checks for read in check.reads])
    return ready.select(check.verdict.alias(check.column) for check in checks)


def reads_only_the_record(check: Check) -> bool:
    """Whether the verdict follows from the record's content alone: from no measure, and from no setting."""
    shared = behind(check.reads).values()
    return MEASURED.isdisjoint(name for one in (*check.reads, *shared) for name in one.meta.root_names())


def _row(check: Check) -> str:
    # Outside of code "<noinput>" is a tag.
    description = check.description.replace("|", "\\|").replace("<", "\\<")
    example = shown(check.fails) if check.fails else ""
    return f"| `{check.name}` | {check.severity.upper()} | {description} | {example} |"


def as_markdown() -> str:
    """docs/checks.md: every check in a table per family, from the registry."""
    lines = [_PREFACE]
    for module in FAMILIES:
        family = module.__name__.rsplit(".", 1)[-1]
        title, about = (inspect.getdoc(module) or "").split("\n", 1)[0].split(": ", 1)
        rows = [_row(c) for c in all_checks() if c.family == family]
        head = [f"\n## {title} (`{family}`)\n", f"{about[:1].upper()}{about[1:]}\n"]
        lines += [
            *head,
            "| check | severity | a record passes when | for example, this fails |",
            "|---|---|---|---|",
            *rows,
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(as_markdown(), end="")
