"""The search tables beside Argilla's own, as SQL: kept in step by triggers, within the transaction that writes.

- assay_records: a narrow copy of every record with an integer key of our own (SQLite may renumber the implicit
  rowid of `records`), so that lists, filters and sorts never read the records' texts.
- assay_vectors: every vector at length 1 as float32; `seq` grows with each change and is never used again, so a
  reader sees what is new by asking for what is greater.
- assay_text_<dataset>: the words of a published dataset's fields, a column a field, an FTS5 table.

A table counts as there when SQLite shows exactly the statements below: one that is missing, or made by other
code, is made anew from Argilla's tables.
"""

from collections.abc import Iterable
from typing import NamedTuple

from .sql import quoted
from .words import WORDS_FUNCTION

# Raise the number with what the function does: vectors stored by another rule are then made anew.
UNIT_FUNCTION = "assay_unit_1"


class Table(NamedTuple):
    """The statements that make a table and what hangs on it, by name, and those that then fill it."""

    objects: dict[str, str]
    fill: tuple[str, ...]


# SQLite's JSON is stricter than Python's: text with NaN in it would stop every later query.
_METADATA = "CASE WHEN json_valid({0}.metadata) THEN {0}.metadata END"
_COPIED = "{0}.id, {0}.dataset_id, {0}.status, {0}.external_id, {0}.inserted_at, {0}.updated_at, " + _METADATA
_KEY = "(SELECT key FROM assay_records WHERE record_id = {0}.{1})"

RECORDS = Table(
    objects={
        "assay_records": (
            "CREATE TABLE assay_records (key INTEGER PRIMARY KEY AUTOINCREMENT, record_id TEXT NOT NULL UNIQUE, "
            "dataset_id TEXT NOT NULL, status TEXT NOT NULL, external_id TEXT, inserted_at TEXT, updated_at TEXT, "
            "metadata TEXT)"
        ),
        "assay_records_of": "CREATE INDEX assay_records_of ON assay_records (dataset_id, status)",
        "assay_records_new": (
            "CREATE TRIGGER assay_records_new AFTER INSERT ON records BEGIN INSERT INTO assay_records "
            "(record_id, dataset_id, status, external_id, inserted_at, updated_at, metadata) "
            f"VALUES ({_COPIED.format('new')}); END"
        ),
        "assay_records_changed": (
            "CREATE TRIGGER assay_records_changed AFTER UPDATE OF status, external_id, inserted_at, updated_at, "
            "metadata ON records BEGIN UPDATE assay_records SET status = new.status, "
            "external_id = new.external_id, inserted_at = new.inserted_at, updated_at = new.updated_at, "
            f"metadata = {_METADATA.format('new')} WHERE record_id = new.id; END"
        ),
        "assay_records_gone": (
            "CREATE TRIGGER assay_records_gone AFTER DELETE ON records BEGIN "
            "DELETE FROM assay_records WHERE record_id = old.id; END"
        ),
    },
    fill=(
        "INSERT INTO assay_records (record_id, dataset_id, status, external_id, inserted_at, updated_at, metadata) "
        f"SELECT {_COPIED.format('records')} FROM records ORDER BY inserted_at, rowid",
    ),
)

_FORGET_VECTOR = (
    f"DELETE FROM assay_vectors WHERE settings_id = old.vector_settings_id AND key = {_KEY.format('old', 'record_id')};"
)
_KEEP_VECTOR = (
    "INSERT INTO assay_vectors (settings_id, key, unit) "
    f"SELECT new.vector_settings_id, key, {UNIT_FUNCTION}(new.value) FROM assay_records "
    "WHERE record_id = new.record_id;"
)

VECTORS = Table(
    objects={
        "assay_vectors": (
            "CREATE TABLE assay_vectors (seq INTEGER PRIMARY KEY AUTOINCREMENT, settings_id TEXT NOT NULL, "
            "key INTEGER NOT NULL, unit BLOB NOT NULL, UNIQUE (key, settings_id))"
        ),
        "assay_vectors_of": "CREATE INDEX assay_vectors_of ON assay_vectors (settings_id)",
        "assay_vectors_new": f"CREATE TRIGGER assay_vectors_new AFTER INSERT ON vectors BEGIN {_KEEP_VECTOR} END",
        "assay_vectors_changed": (
            "CREATE TRIGGER assay_vectors_changed AFTER UPDATE OF value ON vectors BEGIN "
            f"{_FORGET_VECTOR} {_KEEP_VECTOR} END"
        ),
        "assay_vectors_gone": (f"CREATE TRIGGER assay_vectors_gone AFTER DELETE ON vectors BEGIN {_FORGET_VECTOR} END"),
        "assay_vectors_orphan": (
            "CREATE TRIGGER assay_vectors_orphan AFTER DELETE ON assay_records BEGIN "
            "DELETE FROM assay_vectors WHERE key = old.key; END"
        ),
    },
    fill=(
        # A table made anew must not count from 1 again: readers remember how far they have read. Microseconds
        # outrun any count.
        "INSERT INTO assay_vectors VALUES (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER), '', 0, x'')",
        f"INSERT INTO assay_vectors (settings_id, key, unit) SELECT vector_settings_id, key, {UNIT_FUNCTION}(value) "
        "FROM vectors JOIN assay_records USING (record_id) ORDER BY key",
    ),
)

SUGGESTIONS = Table(
    objects={
        # A question's scores and agents are found without reading the suggested texts between them.
        "assay_suggestions_of": (
            "CREATE INDEX assay_suggestions_of ON suggestions (question_id, record_id, score, agent)"
        ),
    },
    fill=(),
)

SHARED = (RECORDS, VECTORS, SUGGESTIONS)


def text_name(dataset_id: str) -> str:
    """The name of a dataset's text table; `dataset_id` is its hexadecimal form without dashes."""
    assert dataset_id.isalnum()
    return f"assay_text_{dataset_id}"


def text(dataset_id: str, fields: Iterable[str]) -> Table:
    """The text table of a dataset with these searchable fields, in the order of its columns c0, c1, ..."""
    name, dataset = text_name(dataset_id), quoted(dataset_id)
    # A dataset of images alone has no words, and FTS5 no tables without columns.
    given = [f"{WORDS_FUNCTION}({{0}}.fields, {quoted(field)})" for field in fields] or ["''"]
    columns = [f"c{number}" for number in range(len(given))]
    listed, values = ", ".join(columns), ", ".join(given)
    changes = ", ".join(f"{column} = {value.format('new')}" for column, value in zip(columns, given, strict=True))
    return Table(
        objects={
            # Words are cut, and their case folded, before they come here: spaces are all it has to know.
            name: f"CREATE VIRTUAL TABLE {name} USING fts5({listed}, tokenize = 'ascii')",
            f"{name}_new": (
                f"CREATE TRIGGER {name}_new AFTER INSERT ON assay_records WHEN new.dataset_id = {dataset} BEGIN "
                f"INSERT INTO {name} (rowid, {listed}) SELECT new.key, {values.format('records')} "
                "FROM records WHERE id = new.record_id; END"
            ),
            f"{name}_changed": (
                f"CREATE TRIGGER {name}_changed AFTER UPDATE OF fields ON records WHEN new.dataset_id = {dataset} "
                f"BEGIN UPDATE {name} SET {changes} WHERE rowid = {_KEY.format('new', 'id')}; END"
            ),
            f"{name}_gone": (
                f"CREATE TRIGGER {name}_gone AFTER DELETE ON assay_records WHEN old.dataset_id = {dataset} BEGIN "
                f"DELETE FROM {name} WHERE rowid = old.key; END"
            ),
        },
        fill=(
            f"INSERT INTO {name} (rowid, {listed}) SELECT key, {values.format('records')} FROM assay_records "
            f"JOIN records ON records.id = assay_records.record_id WHERE records.dataset_id = {dataset} ORDER BY key",
        ),
    )


def quoted_name(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
