"""The dataset card, DIR/README.md: what the release holds, where it came from, how to load it.

The front matter follows the Hugging Face hub's dataset card metadata, so that `load_dataset(DIR)` finds
the splits and their column types, and nothing is sent anywhere.
"""

import re
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import yaml

from annotation.spending.money import show
from checks.licenses import summed
from pipelines._licenses_told import NO_ADVICE, demands_told, restrictions
from pipelines._templates import environment
from pipelines._thresholds import calibrated_lines
from pipelines._workspace import save_text
from schemas.outcome import SPLITS
from schemas.report import Licenses, Report

# The hub's own size classes.
SIZES = (("n<1K", 10**3), ("1K<n<10K", 10**4), ("10K<n<100K", 10**5), ("100K<n<1M", 10**6), ("1M<n<10M", 10**7))

# Below one row in a hundred a detected language is as likely a mistake of the detector.
MIN_LANGUAGE_SHARE = 0.01

# The hub's identifiers that are not SPDX's in small letters, and those of SPDX that the hub has.
HUB_NAMES = {
    "ODbL-1.0": "odbl",
    "ODC-By-1.0": "odc-by",
    "PDDL-1.0": "pddl",
    "GPL-2.0-only": "gpl-2.0",
    "GPL-2.0-or-later": "gpl-2.0",
    "GPL-3.0-only": "gpl-3.0",
    "GPL-3.0-or-later": "gpl-3.0",
    "AGPL-3.0-only": "agpl-3.0",
    "AGPL-3.0-or-later": "agpl-3.0",
    "LGPL-2.1-only": "lgpl-2.1",
    "LGPL-2.1-or-later": "lgpl-2.1",
    "LGPL-3.0-only": "lgpl-3.0",
    "LGPL-3.0-or-later": "lgpl-3.0",
    "etalab-2.0": "etalab-2.0",
}
_HUB_SPDX = (
    "apache-2.0 mit bsd-2-clause bsd-3-clause bsd-3-clause-clear isc zlib afl-3.0 artistic-2.0 bsl-1.0 ecl-2.0 ncsa "
    "postgresql unlicense wtfpl mpl-2.0 eupl-1.2 c-uda cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 "
    "cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nd-4.0 cc-by-nc-2.0 cc-by-nc-3.0 "
    "cc-by-nc-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 openrail "
    "creativeml-openrail-m bigscience-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m openrail++ llama2 llama3 "
    "llama3.1 llama3.2 llama3.3 llama4 gemma"
)
HUB = frozenset((*_HUB_SPDX.split(), *HUB_NAMES.values()))
"""The hub's identifiers; any other licence is "other" with its name beside."""

EXPORT_ADVICE = {
    "trl": "TRL: `load_dataset('json', data_files={'train': 'exports/trl/sft/train.jsonl'})`",
    "llama-factory": "LLaMA-Factory: `dataset_dir: exports/llama-factory`, names as in its dataset_info.json",
    "axolotl": "Axolotl: the `datasets` of exports/axolotl/sft.yaml or dpo.yaml, run from that folder",
    "litgpt": "LitGPT: `--data JSON --data.json_path exports/litgpt`",
    "openai": "OpenAI: upload exports/openai/sft_train.jsonl with purpose `fine-tune`",
}


def write_card(report: Report, out: Path) -> None:
    """Write `out`/README.md from the report and the release's own splits/ and dataset/."""
    card = environment()
    card.filters |= {
        "cell": _cell,
        "share": _share,
        "figure": _figure,
        "show": show,
        "demands_told": demands_told,
    }
    licenses = report.licenses or Licenses.model_validate(summed(license_counts(out).items()))
    text = card.get_template("card.md.j2").render(
        report=report,
        front=yaml.safe_dump(front_matter(report, out, licenses), sort_keys=False, allow_unicode=True),
        licenses=licenses,
        restrictions=restrictions(licenses),
        no_advice=NO_ADVICE,
        calibrated=calibrated_lines(report),
        filled=_filled(report),
        advice=EXPORT_ADVICE,
    )
    save_text(text, out / "README.md")


def front_matter(report: Report, out: Path, licenses: Licenses) -> dict[str, Any]:
    """The card's metadata. Only splits with rows are named: a loader fails on an empty file."""
    files = [{"split": split, "path": f"splits/{split}.jsonl"} for split in _filled(report)]
    return {
        "pretty_name": report.run.name,
        **_license(licenses),
        **({"language": codes} if (codes := _languages(report)) else {}),
        "size_categories": [_size(report.rows.released)],
        "task_categories": ["text-generation"],
        "tags": ["assay", "instruction-tuning"],
        "configs": [{"config_name": "default", "data_files": files}] if files else [],
        **_dataset_info(out),
    }


def license_counts(out: Path) -> dict[str | None, int]:
    """Released rows by licence as the sources state it, most first; null where they state none."""
    read = [pl.read_ndjson(file, schema={"license": pl.String}) for file in _split_files(out)]
    if not read:
        return {}
    counted = pl.concat(read).group_by("license").len()
    return dict(counted.sort(["len", "license"], descending=[True, False], nulls_last=True).iter_rows())


def _split_files(out: Path) -> list[Path]:
    files = [out / "splits" / f"{split}.jsonl" for split in SPLITS]
    return [file for file in files if file.exists() and file.stat().st_size]


def _license(found: Licenses) -> dict[str, str]:
    """The hub's identifier where every row agrees; else `other`, and `unknown` where nobody says."""
    if not found.licenses:
        return {"license": "unknown"}
    if len(found.licenses) > 1 or found.unknown:
        return {"license": "other", "license_name": "mixed"}
    one = found.licenses[0].license
    name = HUB_NAMES.get(one, re.sub(r"[^a-z0-9.+]+", "-", one.lower()).strip("-"))
    return {"license": name} if name in HUB else {"license": "other", "license_name": name}


def _languages(report: Report) -> list[str]:
    enough = report.rows.released * MIN_LANGUAGE_SHARE
    return [code for code, rows in report.languages.items() if code != "unknown" and rows >= enough]


def _size(rows: int) -> str:
    return next((name for name, below in SIZES if rows < below), "n>10M")


def _filled(report: Report) -> list[str]:
    return [str(split) for split in SPLITS if getattr(report.splits, split).rows]


def _dataset_info(out: Path) -> dict[str, Any]:
    """The column types of dataset/, in the hub's form: without them a loader guesses from the first rows."""
    described = out / "dataset" / "train" / "dataset_info.json"
    if not described.exists():
        return {}
    features = orjson.loads(described.read_bytes())["features"]
    return {"dataset_info": {"features": [{"name": name, **_yaml_type(kind)} for name, kind in features.items()]}}


def _yaml_type(feature: dict[str, Any]) -> dict[str, Any]:
    if feature.get("_type") == "Value":
        return {"dtype": feature["dtype"]}
    if feature.get("_type") == "List":
        inner = _yaml_type(feature["feature"])
        return {"list": inner.get("struct", inner.get("dtype"))}
    return {"struct": [{"name": name, **_yaml_type(kind)} for name, kind in feature.items()]}


def _cell(text: object) -> str:
    """The text in one cell of a Markdown table."""
    return str(text).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _share(share: float | None) -> str:
    return "not measured" if share is None else f"{share:.1%}"


def _figure(figure: float | None) -> str:
    return "not measured" if figure is None else f"{figure:.3g}"
