"""A model written for OpenVINO, once and offline, from its own weights, and refused where it breaks its promise.

The graph of full precision and of bfloat16 is written anew in each process, which takes no longer than reading one. A
model in int8 lies in the cache, below the digest of what it was made from; so does a note that a model has kept its
promise, or why it did not, so that nobody tries again.
"""

import logging
import warnings
from contextlib import contextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.cache.folders import KeptFolder
from pipelines.cache.keys import made_by
from pipelines.embedding.backend import Backend, UnavailableError
from pipelines.embedding.bert_graph import bert_graph
from pipelines.embedding.calibration import calibration_texts, proof_texts
from pipelines.embedding.model_folder import BUILTIN, ModelFolder
from pipelines.embedding.openvino_runtime import Converted, Int8, library
from pipelines.embedding.reference import Reference
from pipelines.embedding.tiers import MARGINS, Tier, unconvertible
from pipelines.embedding.token_batches import Tokenizer
from schemas.errors import ModelError

# The least mean cosine to the vectors of the next better tier, on our own texts.
PROMISES = {Tier.FP32: 0.9999, Tier.BF16: 0.9999, Tier.INT8: 0.995}
# Pairs of our own texts at least this close must keep the margin of their tier, all but this share of them.
CLOSE, SHARE_BEYOND = 0.8, 0.02
# Raised when the way of converting changes.
_LAYOUT = "3"
# Converted models of all runs and projects lie below it.
KIND = "models"
_MODEL, _PROVEN, _REFUSED = "model.xml", "proven", "refused.txt"


def converted(folder: ModelFolder, tier: Tier, cache: str) -> Converted:
    """The model in `tier`, proven now or before. Raises UnavailableError, ModelError."""
    if why := unconvertible(folder):
        raise UnavailableError(why)
    # What the builtin model promises here, tests have proven: loading its reference takes longer than a small run.
    if tier == Tier.FP32 and folder.name == BUILTIN:
        return _written(folder, tier)
    kept = KeptFolder(cache, KIND, made_from(folder, tier))
    try:
        found = kept.find() or kept.keep(lambda aside: _make(folder, tier, cache, aside))
    except OSError as error:
        raise UnavailableError(f"the converted model cannot be kept ({_first_line(error)})") from error
    if (found / _REFUSED).is_file():
        raise UnavailableError((found / _REFUSED).read_text(encoding="utf-8"))
    return _opened(folder, tier, cache, found)


def _opened(folder: ModelFolder, tier: Tier, cache: str, found: Path) -> Converted:
    if tier != Tier.INT8 or folder.shape is None:
        return _written(folder, tier)
    exact = lambda: converted(folder, Tier.FP32, cache)  # noqa: E731
    return Int8(found / _MODEL, _tokenizer(folder), folder.shape.head, exact)


def _written(folder: ModelFolder, tier: Tier) -> Converted:
    """Raises UnavailableError where the graph cannot be written or run, so that the next better tier is taken."""
    try:
        return Converted(bert_graph(folder), tier, _tokenizer(folder))
    except (MemoryError, ModelError, UnavailableError):
        raise
    except Exception as error:  # the library raises whatever its parts raise
        raise UnavailableError(f"{tier}: the model's conversion failed ({_first_line(error)})") from error


def made_from(folder: ModelFolder, tier: Tier) -> str:
    """What a converted model is stored under: the weights' digest, the tools' versions, the calibration's texts.

    Raises UnavailableError where a tool is not installed.
    """
    try:
        parts = [folder.digest, tier, _LAYOUT, version("openvino")]
        if tier == Tier.INT8:
            parts += [version("nncf"), *calibration_texts()]
    except PackageNotFoundError as error:
        raise UnavailableError(f"{error.name} is not installed") from error
    return made_by(*parts)


def _make(folder: ModelFolder, tier: Tier, cache: str, aside: Path) -> None:
    """Leave in `aside` what has to be kept of the model and a note that it was proven, or one why it is refused."""
    try:
        better = Reference(folder) if tier == Tier.FP32 else converted(folder, Tier.FP32, cache)
        with _quiet() if tier != Tier.BF16 else nullcontext():
            if tier == Tier.INT8:
                model = _quantise(bert_graph(folder), _tokenizer(folder))
                library().save_model(model, str(aside / _MODEL), compress_to_fp16=False)
            _hold_to_promise(_opened(folder, tier, cache, aside), better, tier)
        (aside / _PROVEN).touch()
    except UnavailableError as refusal:
        (aside / _REFUSED).write_text(str(refusal), encoding="utf-8")
    except (OSError, MemoryError, ModelError):
        raise
    except Exception as error:  # each of four libraries raises whatever its parts raise
        (aside / _REFUSED).write_text(f"{tier}: the model's conversion failed ({_first_line(error)})", encoding="utf-8")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def _tokenizer(folder: ModelFolder) -> Tokenizer:
    return Tokenizer(folder.path, folder.shape.window if folder.shape else 0)


def _quantise(model: Any, tokenizer: Tokenizer) -> Any:
    import nncf

    nncf.set_log_level(logging.ERROR)
    rows = tokenizer(calibration_texts()).rows
    return nncf.quantize(
        model,
        nncf.Dataset(rows, lambda ids: {"input_ids": np.array([ids], dtype=np.int64)}),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(rows),
    )


def _hold_to_promise(made: Backend, better: Backend, tier: Tier) -> None:
    """Raise UnavailableError unless vectors and close pairs of our own texts are within what the tier promises."""
    texts = sorted(proof_texts(), key=len)
    mine, true = made.embed(texts).vectors, better.embed(texts).vectors
    mean = float((mine * true).sum(axis=1).mean())
    if not mean >= PROMISES[tier]:
        raise UnavailableError(f"in {tier} its vectors have a mean cosine of {mean:.4f} to the true ones")
    cosines = true @ true.T
    close = np.triu(cosines >= CLOSE, 1)
    beyond = float((np.abs(mine @ mine.T - cosines)[close] > max(MARGINS[tier], 1e-4)).mean()) if close.any() else 0.0
    if beyond > SHARE_BEYOND:
        raise UnavailableError(f"in {tier} {beyond:.0%} of close pairs are further off than {MARGINS[tier]}")


@contextmanager
def _quiet() -> Any:
    """No warnings and no progress bars of the libraries: loading and quantising are their affair."""
    import rich
    from transformers.utils import logging as transformers_logging

    console, said = rich.get_console(), transformers_logging.get_verbosity()
    before, console.quiet = console.quiet, True
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        console.quiet = before
        transformers_logging.set_verbosity(said)
