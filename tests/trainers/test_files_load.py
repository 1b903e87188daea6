"""LLaMA-Factory and Axolotl read files with `datasets`' JSON loader: ours load there, types and all.

Neither installs beside the project, so this and the rules of their documents, checked in
tests/pipelines/test_export_any_records.py, stand for their own loaders.
"""

import json

import pytest
import yaml

pytestmark = pytest.mark.trainer


def test_each_entry_of_dataset_info_loads_with_the_columns_it_names(exported, tmp_path):
    from datasets import load_dataset

    folder, figures = exported("llama-factory")
    info = json.loads((folder / "dataset_info.json").read_text())
    loaded = {
        name: load_dataset("json", data_files=str(folder / entry["file_name"]), split="train", cache_dir=str(tmp_path))
        for name, entry in info.items()
    }

    assert sum(part.num_rows for part in loaded.values()) == figures.rows
    for name, entry in info.items():
        assert set(entry["columns"].values()) <= set(loaded[name].column_names)
        for row in loaded[name]:
            assert all(isinstance(turn["value"], str) for turn in row["conversations"])
            assert isinstance(row["tools"], str)


def test_each_dataset_of_the_axolotl_configs_loads_with_the_fields_it_names(exported, tmp_path):
    from datasets import load_dataset

    folder, figures = exported("axolotl")
    configs = [yaml.safe_load((folder / name).read_text()) for name in ("sft.yaml", "dpo.yaml")]
    entries = [entry for config in configs for entry in (*config["datasets"], *config.get("test_datasets", []))]
    loaded = [
        load_dataset(
            entry["ds_type"], data_files=str(folder / entry["path"]), split=entry["split"], cache_dir=str(tmp_path)
        )
        for entry in entries
    ]

    assert sum(part.num_rows for part in loaded) == figures.rows
    for entry, part in zip(entries, loaded, strict=True):
        fields = [entry[key] for key in ("field_messages", "field_chosen", "field_rejected") if key in entry]
        assert set(fields) <= set(part.column_names)
        calls = [call for row in part for turn in row[fields[0]] for call in turn.get("tool_calls") or ()]
        assert all(isinstance(json.loads(call["function"]["arguments"]), dict) for call in calls)
