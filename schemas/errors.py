"""Every exception Assay raises on purpose.

    AssayError                 exit 2 unless said otherwise; one line, with the remedy
    ├── UsageError             the call itself cannot work (flags, folders)
    ├── SettingsError          assay.yaml is unreadable, or has an unknown key or a bad value
    ├── SourceError            a source is not data; beside good sources it is reported, not raised
    ├── ModelError             an embedding model cannot be loaded
    ├── BenchmarkError         a benchmark for decontamination is empty or unreadable
    ├── PolicyError            a policy file is unreadable, or names what the report does not measure
    ├── ReconciliationError    rows in are not rows in the ledger: a defect of ours, never ignored
    ├── ReleaseError           a run's folder is missing, incomplete, stale or altered
    ├── VerdictError           a verdict is unreadable, altered, or of other data, another policy, code or key
    ├── AnnotationError        the Argilla server cannot be started, reached or used, or refuses us
    ├── StoreError             the database of decisions and costs cannot be opened or used
    ├── BudgetError            exit 1: the work would cost more than the budget leaves, so none was given out
    └── GateFailed             exit 1: the gate judged, and the answer is no

Each message names the value, the rule it broke and the remedy, in one line.
"""


class AssayError(Exception):
    """The root. `exit_code` is what the command line returns for it."""

    exit_code = 2


class UsageError(AssayError):
    """The call cannot work as it was made."""


class SettingsError(AssayError):
    """The settings cannot be read or do not mean anything."""


class SourceError(AssayError):
    """A source is not data that Assay can read."""


class ModelError(AssayError):
    """A model cannot be loaded."""


class BenchmarkError(AssayError):
    """A benchmark is empty or unreadable, so decontamination would prove nothing."""


class PolicyError(AssayError):
    """A policy cannot be read, or demands what the report does not measure."""


class ReconciliationError(AssayError):
    """The sum is off: some input row has no outcome, or more than one."""


class ReleaseError(AssayError):
    """A release cannot be judged: missing, incomplete, stale or altered."""


class VerdictError(AssayError):
    """A verdict proves nothing of this release: unreadable, altered, of other data, another policy, code or key."""


class AnnotationError(AssayError):
    """The Argilla server cannot be started, reached or used."""


class StoreError(AssayError):
    """The database of decisions and costs cannot be used."""


class BudgetError(AssayError):
    """The budget does not allow the work; nothing was promised."""

    exit_code = 1


class GateFailed(AssayError):
    """The gate judged the release and refused it."""

    exit_code = 1
