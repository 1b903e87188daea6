"""Data-Juicer's `dj-process` with a recipe: `minhash`, or the filters that come nearest to our cheap checks"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import arguments, say

# Bounds that hardly any row fails: what is measured is the measuring of them.
FILTERS = [
    {"text_length_filter": {"min_len": 10, "max_len": 100_000}},
    {"words_num_filter": {"lang": "en", "min_num": 3, "max_num": 100_000}},
    {"alphanumeric_filter": {"min_ratio": 0.25}},
    {"special_characters_filter": {"max_ratio": 0.5}},
    {"character_repetition_filter": {"rep_len": 10, "max_ratio": 0.5}},
    {"word_repetition_filter": {"lang": "en", "rep_len": 10, "max_ratio": 0.5}},
    {"document_deduplicator": {"lowercase": True, "ignore_non_character": True}},
]


def main() -> None:
    source, out, options = arguments()
    minhash = {"tokenization": "space", "window_size": 3, "num_permutations": 128}
    minhash["jaccard_threshold"] = float(options.get("threshold", 0.7))
    recipe = FILTERS if options["recipe"] == "filters" else [{"document_minhash_deduplicator": minhash}]
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        kept = _process(source.resolve(), Path(folder).resolve(), recipe)
    rows = sum(1 for _ in source.open("rb"))
    say(out, rows=rows, kept=kept, removed=rows - kept)


def _process(source: Path, folder: Path, recipe: list[dict[str, object]]) -> int:
    asked = {
        "project_name": "bench",
        "dataset_path": str(source),
        "export_path": str(folder / "kept.jsonl"),
        "np": 2,
        "use_cache": False,
        "open_tracer": False,
        "process": recipe,
    }
    config = folder / "recipe.yaml"
    config.write_text(json.dumps(asked), encoding="utf-8")  # JSON is YAML
    program = Path(sys.executable).with_name("dj-process")
    subprocess.run([sys.executable, str(program), "--config", str(config)], cwd=folder, check=True)
    return sum(1 for _ in (folder / "kept.jsonl").open("rb"))


if __name__ == "__main__":
    main()
