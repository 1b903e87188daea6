"""A benchmark as an index: hashes of its items' n-grams and no text, in one Parquet file that vouches for itself.

Whoever has the index finds in their data what holds an item, exactly as with the benchmark's own files, and cannot read
the items. What a hash protects and what not: docs/benchmarks.md.
"""

import hashlib
import io
import os
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from pydantic import BaseModel, ConfigDict

from annotation.home import home
from pipelines._items import GRAMS, Items, items_of, numbers_alike, sized
from pipelines._keyed_ngrams import KEY_BYTES, keyed, normalisation
from pipelines._versions import version_of
from schemas.errors import BenchmarkError, UsageError

ENDING = ".assay-benchmark.parquet"
MOST_WORDS = 64
"""The longest n-gram that an index may be made for; beyond it one is longer than most questions."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ABOUT = "assay.benchmark"
_DIGEST_AT = b'"digest":"'
_UNSEALED = _DIGEST_AT + b"0" * 64
_SEAL = re.compile(re.escape(_DIGEST_AT) + rb"([0-9a-f]{64})")
_SCHEMA = pl.Schema({"alike": pl.Boolean(), **GRAMS})
_REMEDY = "make it again with `assay benchmark add`"


class About(BaseModel):
    """What an index says of itself."""

    model_config = ConfigDict(frozen=True)

    layout: int = 1
    name: str
    sources: list[str]  # names of files, without folders
    items: int
    unreadable: int  # rows of the sources that no item could be made of
    ngram: int
    normalisation: str
    key: str  # hex; of this index alone, so that two indexes of one benchmark share no hash
    created: str  # ISO 8601, UTC
    assay_version: str
    digest: str = "0" * 64  # SHA-256 (hex) of the whole file with zeros in this place


class Index(NamedTuple):
    about: About
    items: Items


def build(questions: pl.Series, *, name: str, sources: Sequence[str], unreadable: int, ngram: int) -> bytes:
    """The file of an index of `questions`. Raises BenchmarkError where there is nothing to compare with."""
    key = secrets.token_bytes(KEY_BYTES)
    found = items_of(questions, ngram, keyed(key))
    parts = [part.frame.with_columns(alike=alike) for part, alike in ((found.alike, True), (found.exact, False))]
    frame = pl.concat(parts).select(_SCHEMA.names()).cast(_SCHEMA).sort("alike", "item", "position")
    if frame.is_empty():
        raise BenchmarkError(f"{name}: has no question to compare with; check that it is the benchmark you mean")
    about = About(
        name=name,
        sources=list(sources),
        items=len(questions),
        unreadable=unreadable,
        ngram=ngram,
        normalisation=normalisation(ngram, numbers_alike),
        key=key.hex(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        assay_version=version_of("assay"),
    )
    out = io.BytesIO()
    frame.write_parquet(out, metadata={_ABOUT: about.model_dump_json()})
    return seal(out.getvalue())


def seal(data: bytes) -> bytes:
    """The file with its digest in the place that its account of itself has for it."""
    return data.replace(_UNSEALED, _DIGEST_AT + _sum(data), 1)


def _refuse_unsealed(data: bytes, shown: str) -> None:
    """Raise BenchmarkError unless the file is what was sealed.

    To be asked before anything parses it: on damaged Parquet libraries crash, or wait for ever.
    """
    found = list(_SEAL.finditer(data))
    if not data:
        raise BenchmarkError(f"{shown}: is an empty file; {_REMEDY}")
    if len(found) != 1:
        raise BenchmarkError(f"{shown}: is no index of a benchmark, or is cut short; {_REMEDY}")
    whole = data[: found[0].start()] + _UNSEALED + data[found[0].end() :]
    if _sum(whole) != found[0][1]:
        raise BenchmarkError(f"{shown}: was altered or damaged, so nothing it says can be trusted; {_REMEDY}")


def _sum(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def load(data: bytes, shown: str, *, ngram: int | None = None) -> Index:
    """The index that `data` holds. Raises BenchmarkError in one line where it is not whole, altered, of another
    normalisation, or of other n-grams than `ngram` (null: any).
    """
    _refuse_unsealed(data, shown)
    about = About.model_validate_json(pl.read_parquet_metadata(io.BytesIO(data))[_ABOUT])
    if about.layout != About.model_fields["layout"].default:
        raise BenchmarkError(f"{shown}: is an index of another version of Assay (layout {about.layout}); {_REMEDY}")
    frame = pl.read_parquet(io.BytesIO(data))
    if not 1 <= about.ngram <= MOST_WORDS or about.normalisation != normalisation(about.ngram, numbers_alike):
        raise BenchmarkError(f"{shown}: was made by another normalisation of texts ({about.normalisation}); {_REMEDY}")
    if ngram is not None and about.ngram != ngram:
        raise BenchmarkError(
            f"{shown}: was made for n-grams of {about.ngram} words, and contamination.ngram is {ngram}; "
            f"set it to {about.ngram}, or make the index with --ngram {ngram}"
        )
    alike, exact = (
        sized(frame.filter(pl.col("alike") == which).drop("alike"), about.items, about.ngram) for which in (True, False)
    )
    return Index(about, Items(about.items, alike, exact, keyed(bytes.fromhex(about.key))))


def read(path: Path, shown: str) -> bytes:
    """The bytes of an index's file. Raises BenchmarkError where they cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BenchmarkError(f"{shown}: cannot be read ({error.strerror}); check the path") from error


def index_path(name: str) -> Path | None:
    """Where the index lies that --against names: a file with ENDING, or an index of the store; null for other data.

    Raises BenchmarkError where the name could mean either.
    """
    if name.endswith(ENDING):
        if "://" in name and not name.startswith("file://"):
            raise BenchmarkError(f"{name}: an index is read from this machine only; download it first")
        return Path(name.removeprefix("file://"))
    if not can_name(name) or not (kept := in_store(name)).is_file():
        return None
    if os.path.lexists(name):
        raise BenchmarkError(f"{name}: is the name of an index and of something here; say ./{name} or {kept}")
    return kept


def store() -> Path:
    """The folder of indexes in Assay's store."""
    return home() / "benchmarks"


def in_store(name: str) -> Path:
    """Where the index called so lies, or would."""
    return store() / f"{name}{ENDING}"


def can_name(name: str) -> bool:
    """Whether an index may be called so."""
    return _NAME.fullmatch(name) is not None


def refuse_name(name: str) -> None:
    """Raise UsageError for what cannot name an index."""
    if not can_name(name):
        raise UsageError(f"{name[:80]}: is no name for an index; use up to 64 letters, digits, - and _")


def save(data: bytes, path: Path, *, replace: bool) -> None:
    """Write the file whole or not at all. Raises UsageError where one is there and not to be replaced.

    Of two that are written at once one is there afterwards; unless `replace`, the other is told so.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with aside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # A link is made only where nothing is, whoever else tries.
        aside.replace(path) if replace else path.hardlink_to(aside)
    except FileExistsError as error:
        raise UsageError(f"{path}: is there already; --force replaces it") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another place with --out") from error
    finally:
        aside.unlink(missing_ok=True)


def listed() -> list[dict[str, Any]]:
    """What the store has, by name: what each index says of itself, or `error`, why it cannot be used."""
    found = []
    for path in sorted(store().glob(f"*{ENDING}")):
        name = path.name.removesuffix(ENDING)
        try:
            about = load(read(path, name), name).about
            told: dict[str, Any] = about.model_dump(exclude={"key", "digest", "layout"})
        except BenchmarkError as error:
            told = {"error": str(error)}
        found.append({**told, "name": name, "path": str(path)})
    return found
