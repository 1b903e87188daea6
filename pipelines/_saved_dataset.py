"""A DatasetDict on disk, as `datasets` saves one, written a part at a time and without importing it.

Importing `datasets` costs more than all the rest of writing, and its own way needs the table in memory
twice. A test compares every byte with what `DatasetDict.save_to_disk` writes of the same rows.
"""

import hashlib
import json
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

# `datasets` writes record batches of so many rows (config.DEFAULT_MAX_BATCH_SIZE).
BATCH = 1000

_FILE = "data-00000-of-00001.arrow"
_ARROW = {"String": pa.string(), "Boolean": pa.bool_(), "Int64": pa.int64()}
_NAMES = {"String": "string", "Boolean": "bool", "Int64": "int64"}


class SavedDataset(AbstractContextManager["SavedDataset"]):
    """A DatasetDict below `folder`, which exists; `add` rows to it, and it is whole when the context ends well."""

    def __init__(self, folder: Path, splits: Iterable[str], schema: pl.Schema) -> None:
        self._folder, self._features = folder, features(schema)
        info = {"info": {"features": self._features}}
        self._schema = arrow_schema(schema).with_metadata({"huggingface": json.dumps(info)})
        self._writers = {split: self._writer(split) for split in splits}

    def add(self, split: str, rows: pl.DataFrame) -> None:
        """Append `rows`, which have the schema, to a split."""
        for some in rows.iter_slices(BATCH):
            table = some.to_arrow(compat_level=pl.CompatLevel.oldest())
            self._writers[split].write_table(table.cast(self._schema).combine_chunks(), BATCH)

    def __exit__(self, failed: object, *_: object) -> None:
        for writer in self._writers.values():
            writer.close()
        if failed is None:
            for split in self._writers:
                self._describe(split)
            named = json.dumps({"splits": list(self._writers)})
            (self._folder / "dataset_dict.json").write_text(named, encoding="utf-8")

    def _writer(self, split: str) -> Any:
        (self._folder / split).mkdir()
        return pa.ipc.new_stream(self._folder / split / _FILE, self._schema)

    def _describe(self, split: str) -> None:
        folder = self._folder / split
        # `datasets` names what it caches by it: equal content may share a cache.
        with (folder / _FILE).open("rb") as file:
            fingerprint = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        state: dict[str, Any] = {
            "_data_files": [{"filename": _FILE}],
            "_fingerprint": fingerprint,
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": None,
        }
        info = {"citation": "", "description": "", "features": self._features, "homepage": "", "license": ""}
        (folder / "state.json").write_text(json.dumps(state, indent=2), encoding="utf-8")
        (folder / "dataset_info.json").write_text(json.dumps(info, indent=2), encoding="utf-8")


def features(schema: pl.Schema) -> dict[str, Any]:
    """The schema as dataset_info.json names it: strings, numbers, booleans, lists and structs."""
    return {name: _feature(dtype) for name, dtype in schema.items()}


def _feature(dtype: object) -> Any:
    if isinstance(dtype, pl.List):
        return {"feature": _feature(dtype.inner), "_type": "List"}
    if isinstance(dtype, pl.Struct):
        return {field.name: _feature(field.dtype) for field in dtype.fields}
    return {"dtype": _NAMES[str(dtype)], "_type": "Value"}


def arrow_schema(schema: pl.Schema) -> Any:
    """The schema in the Arrow types that `datasets` uses: 32-bit offsets, which every reader knows."""
    return pa.schema([(name, _arrow(dtype)) for name, dtype in schema.items()])


def _arrow(dtype: object) -> Any:
    if isinstance(dtype, pl.List):
        return pa.list_(_arrow(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return pa.struct([(field.name, _arrow(field.dtype)) for field in dtype.fields])
    return _ARROW[str(dtype)]
