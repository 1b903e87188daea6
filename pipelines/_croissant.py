"""croissant.json: the release as Croissant 1.0 describes datasets, so that other tools find, verify and load it.

The vocabulary is MLCommons' (http://mlcommons.org/croissant/1.0); its own validator, mlcroissant, accepts the file and
yields the rows of each split (tests/pipelines/test_croissant.py). Paths are relative: nothing is fetched.
"""

from pathlib import Path
from typing import Any

from pipelines._manifest import sha256_of
from pipelines._workspace import save_json
from schemas.outcome import SPLITS
from schemas.report import Report

CROISSANT = "croissant.json"

VERSION = "http://mlcommons.org/croissant/1.0"

# As the specification of Croissant 1.0 gives it.
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_TEXT, _INTEGER, _BOOLEAN = "sc:Text", "sc:Integer", "sc:Boolean"
# Keys of a canonical line, and what they hold. Turns have fields of their own.
_COLUMNS = {
    "record_id": (_TEXT, "SHA-256 of the record's content"),
    "kind": (_TEXT, "sft, preference or kto"),
    "tools": (_TEXT, "tool definitions as a JSON list"),
    "label": (_BOOLEAN, "of kto: whether the completion is a wanted one"),
    "source": (_TEXT, "the file it came from"),
    "source_row": (_INTEGER, "its row there, from 1"),
    "group": (_TEXT, "the conversation or document it came from"),
    "license": (_TEXT, "as its source states it"),
    "language": (_TEXT, "ISO 639 code, as detected"),
    "metadata": (_TEXT, "the source's other keys as a JSON object"),
}
_TURNS = {
    "messages": "the turns; of a preference those that both answers share",
    "chosen": "of a preference: the turns of the preferred answer",
    "rejected": "of a preference: the turns of the other",
}
_MORE_FILES = {
    "records.parquet": ("application/x-parquet", "every readable record, released or not, with all measures"),
    "ledger.parquet": ("application/x-parquet", "one line for each input row, with its outcome and the reasons"),
}


def write_croissant(report: Report, out: Path) -> None:
    """Write `out`/croissant.json from the report and the files that are there already."""
    save_json(croissant(report, out), out / CROISSANT)


def croissant(report: Report, out: Path) -> dict[str, Any]:
    """The description. Only splits with rows have a record set: in an empty file a reader finds no keys."""
    filled = [str(split) for split in SPLITS if getattr(report.splits, split).rows]
    licenses = _licenses(report)
    day = report.run.started[:10]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": report.run.name or "dataset",
        "description": _description(report),
        **({"license": licenses} if licenses else {}),
        "url": "README.md",
        "creator": {"@type": "sc:Organization", "name": f"Assay {report.assay_version}"},
        **({"datePublished": day} if day else {}),
        "version": "1.0.0",
        "citeAs": _citation(report, day),
        "keywords": ["instruction-tuning", "assay"],
        **({"inLanguage": codes} if (codes := [code for code in report.languages if code != "unknown"]) else {}),
        "distribution": _files(out),
        "recordSet": [_record_set(split) for split in filled],
    }


def _description(report: Report) -> str:
    rows = report.rows
    said = f"{rows.released} records for finetuning, curated by Assay from {rows.source_rows} input rows."
    found = report.licenses
    if found is None:
        return said
    unknown = f" {found.unknown} of the records state no licence." if found.unknown else ""
    clash = "".join(f" {one.why[:1].upper()}{one.why[1:]}." for one in found.conflicting)
    return said + unknown + clash


def _licenses(report: Report) -> list[str]:
    """Where the texts of the licences are, or their names; the validator takes none for rows that state none."""
    found = report.licenses.licenses if report.licenses else []
    return [one.url or one.license for one in found]


def _citation(report: Report, day: str) -> str:
    title = "".join(char for char in report.run.name if char not in "{}\\")
    return (
        f"@misc{{assay-{report.run.run_id}, title = {{{title}}}, year = {{{day[:4]}}}, "
        f"note = {{Curated by Assay {report.assay_version}, run {report.run.run_id}}}}}"
    )


def _files(out: Path) -> list[dict[str, Any]]:
    splits = [
        _file(out, f"splits/{split}.jsonl", "application/jsonlines", f"the records of the split {split}")
        for split in SPLITS
        if (out / "splits" / f"{split}.jsonl").exists()
    ]
    return splits + [
        _file(out, name, kind, about) for name, (kind, about) in _MORE_FILES.items() if (out / name).exists()
    ]


def _file(out: Path, path: str, kind: str, about: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "description": about,
        "contentUrl": path,
        "contentSize": f"{(out / path).stat().st_size} B",
        "encodingFormat": kind,
        "sha256": sha256_of(out / path),
    }


def _record_set(split: str) -> dict[str, Any]:
    columns = [
        {**_field(f"{split}/{name}", about, kind), "source": _source(split, name)}
        for name, (kind, about) in _COLUMNS.items()
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"The records of the split {split}.",
        "key": {"@id": f"{split}/record_id"},
        "field": [*columns, *(_turns(split, name, about) for name, about in _TURNS.items())],
    }


def _turns(split: str, name: str, about: str) -> dict[str, Any]:
    parts = [
        {
            **_field(f"{split}/{name}/{part}", meaning, _TEXT),
            "source": {**_source(split, name), "transform": {"jsonPath": part}},
        }
        for part, meaning in (("role", "system, user, assistant or tool"), ("content", "what is said"))
    ]
    return {
        "@type": "cr:Field",
        "@id": f"{split}/{name}",
        "name": name,
        "description": about,
        "repeated": True,
        "subField": parts,
    }


def _field(name: str, about: str, kind: str) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": name, "name": name.rsplit("/", 1)[1], "description": about, "dataType": kind}


def _source(split: str, column: str) -> dict[str, Any]:
    return {"fileObject": {"@id": f"splits/{split}.jsonl"}, "extract": {"column": column}}
