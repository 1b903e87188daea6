"""A conversion is made once, refused where it breaks its promise, and whatever goes wrong falls back and says why."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines import _processor
from pipelines.embedding import openvino_convert, tiers
from pipelines.embedding.backend import UnavailableError
from pipelines.embedding.bert_graph import bert_graph
from pipelines.embedding.encoder import Encoder
from pipelines.embedding.model_folder import ModelFolder
from pipelines.embedding.openvino_runtime import Converted
from pipelines.embedding.tiers import Tier, choose, exact, unconvertible
from pipelines.embedding.token_batches import Tokenizer

TEXTS = ["the cat sits on the mat", "how is bread baked", "the wide red sea", "the cat sits on the mat"]
MANY = 10**8

Spoil = Callable[[Path], Path]


def test_a_converted_model_gives_the_vectors_of_the_reference(tiny: Path, tmp_path: Path) -> None:
    made, true = (Encoder(str(tiny), cache=tmp_path, tier=tier).encode(TEXTS) for tier in (Tier.FP32, Tier.REFERENCE))
    assert np.abs(made.vectors - true.vectors).max() < 1e-3
    assert np.array_equal(made.vectors[0], made.vectors[3])


def test_the_window_is_that_of_sentence_transformers(tiny: Path, tmp_path: Path) -> None:
    # 32 tokens, of which two are marks.
    texts = ["the " * count for count in (29, 30, 31, 60)]
    made, true = (Encoder(str(tiny), cache=tmp_path, tier=tier).encode(texts) for tier in (Tier.FP32, Tier.REFERENCE))
    assert made.truncated.tolist() == true.truncated.tolist() == [False, False, True, True]
    assert np.abs(made.vectors - true.vectors).max() < 1e-3


def test_a_model_that_breaks_its_promise_is_refused_and_the_better_tier_says_why(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(openvino_convert.PROMISES, Tier.FP32, 1.1)
    encoder = Encoder(str(tiny), cache=tmp_path, tier=Tier.FP32)
    made = encoder.encode(TEXTS)
    assert encoder.backend.startswith("sentence-transformers in full precision (in fp32 its vectors have a mean cosine")
    assert encoder.margin == made.margin == 0
    true = Encoder(str(tiny), cache=tmp_path / "other", tier=Tier.REFERENCE).encode(TEXTS)
    assert np.array_equal(made.vectors, true.vectors)


def test_a_refusal_is_remembered(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setitem(openvino_convert.PROMISES, Tier.FP32, 1.1)
        Encoder(str(tiny), cache=tmp_path, tier=Tier.FP32).encode(TEXTS)
    monkeypatch.setattr(openvino_convert, "_make", lambda *_: pytest.fail("tried again"))
    again = Encoder(str(tiny), cache=tmp_path, tier=Tier.FP32)
    again.encode(["a dog"])
    assert "mean cosine" in again.backend


def test_a_conversion_that_fails_falls_back_and_says_why(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("an operation is not known\nand more")

    monkeypatch.setattr(openvino_convert, "bert_graph", fail)
    encoder = Encoder(str(tiny), cache=tmp_path, tier=Tier.FP32)
    encoder.encode(TEXTS)
    why = "fp32: the model's conversion failed (an operation is not known)"
    assert encoder.backend == f"sentence-transformers in full precision ({why})"


def test_where_the_builtin_models_graph_cannot_be_run_the_reference_does_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("an operation is not known")

    monkeypatch.setattr(openvino_convert, "bert_graph", fail)
    encoder = Encoder(cache=tmp_path)
    assert encoder.encode(["a red sea"]).vectors.shape == (1, 384)
    why = "fp32: the model's conversion failed (an operation is not known)"
    assert encoder.backend == f"sentence-transformers in full precision ({why})"


def test_where_nothing_can_be_kept_the_reference_does_it(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    encoder = Encoder(str(tiny), cache=tmp_path, tier=Tier.FP32)
    assert encoder.encode(TEXTS).vectors.shape == (4, 48)
    assert "the converted model cannot be kept" in encoder.backend


def test_without_openvino_the_reference_does_it(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers, "find_spec", lambda _name: None)
    folder = ModelFolder(str(tiny))
    assert choose(folder, MANY) == (Tier.REFERENCE, "openvino is not installed")
    encoder = Encoder(str(tiny), cache=tmp_path, tier=Tier.FP32)
    made = encoder.encode(TEXTS)
    assert encoder.backend == "sentence-transformers in full precision (openvino is not installed)"
    assert np.array_equal(encoder.refine(TEXTS).vectors, made.vectors)


def test_without_nncf_the_best_exact_tier_does_it(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_processor, "instructions", lambda: "flags : avx2 avx512_vnni")
    monkeypatch.setattr(tiers, "find_spec", lambda name: None if name == "nncf" else object())
    assert choose(ModelFolder(str(tiny)), MANY) == (exact(), "nncf, which makes int8 models, is not installed")


def test_more_text_is_worth_a_faster_tier(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ModelFolder(str(tiny))
    monkeypatch.setattr(tiers, "has_gpu", lambda: False)
    monkeypatch.setattr(_processor, "instructions", lambda: "flags : avx2 avx512_vnni")
    sizes = (0, tiers.BF16_PAYS - 1, tiers.BF16_PAYS, tiers.INT8_PAYS)
    assert [choose(folder, size).tier for size in sizes] == [Tier.FP32, Tier.FP32, exact(), Tier.INT8]
    for without in ("flags : avx2", "flags : avx512_vnni amx_bf16", ""):
        monkeypatch.setattr(_processor, "instructions", lambda without=without: without)
        assert choose(folder, MANY) == (exact(), "on this processor int8 is no faster")
    monkeypatch.setattr(tiers, "has_gpu", lambda: True)
    assert choose(folder, MANY) == (Tier.REFERENCE, "there is a GPU")


def spoilt(folder: Path, name: str, old: str, new: str) -> Path:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return folder


def test_a_model_of_another_kind_is_not_converted(tiny: Path, copied: Spoil) -> None:
    assert unconvertible(ModelFolder(str(tiny))) is None
    other = spoilt(copied(tiny), "config.json", '"model_type": "bert"', '"model_type": "mpnet"')
    assert (
        unconvertible(ModelFolder(str(other)))
        == "the model is not a BERT whose mean or first token is the text's vector"
    )


def test_a_text_is_its_first_token_where_the_model_says_so(tiny: Path, copied: Spoil, tmp_path: Path) -> None:
    first = copied(tiny)
    pooling = first / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps({**json.loads(pooling.read_text()), "pooling_mode": "cls"}))
    shape = ModelFolder(str(first)).shape
    assert shape is not None
    assert shape.pooling == "cls"
    made, true, mean = (
        Encoder(str(folder), cache=tmp_path / "cache", tier=tier).encode(TEXTS).vectors
        for folder, tier in ((first, Tier.FP32), (first, Tier.REFERENCE), (tiny, Tier.REFERENCE))
    )
    assert np.abs(made - true).max() < 1e-3
    assert np.abs(true - mean).max() > 0.01


def test_weights_may_stand_below_the_models_name_and_none_may_be_missing(
    tiny: Path, copied: Spoil, tmp_path: Path
) -> None:
    from safetensors.numpy import load_file, save_file

    folder = copied(tiny)
    weights = load_file(folder / "model.safetensors")
    true = Encoder(str(tiny), cache=tmp_path / "true", tier=Tier.REFERENCE).encode(TEXTS).vectors
    save_file({f"bert.{name}": weight for name, weight in weights.items()}, folder / "model.safetensors")
    graph = Converted(bert_graph(ModelFolder(str(folder))), Tier.FP32, Tokenizer(folder, 32))
    assert np.abs(graph.embed(TEXTS).vectors - true).max() < 1e-3
    lacking = {name: weight for name, weight in weights.items() if name != "encoder.layer.1.output.dense.bias"}
    save_file(lacking, folder / "model.safetensors")
    with pytest.raises(UnavailableError, match=r"model\.safetensors lacks encoder\.layer\.1\.output\.dense\.bias"):
        bert_graph(ModelFolder(str(folder)))
    (folder / "model.safetensors").unlink()
    with pytest.raises(UnavailableError, match=r"the model has no model\.safetensors"):
        bert_graph(ModelFolder(str(folder)))


def test_the_builtin_models_graph_keeps_nothing_and_needs_no_torch(tmp_path: Path) -> None:
    script = (
        "import sys; from pipelines.embedding.encoder import BUILTIN, Encoder;"
        "made = Encoder(BUILTIN, cache=sys.argv[1]).encode(['a red sea']);"
        "print(made.vectors.shape, {'torch', 'transformers', 'sentence_transformers'} & {*sys.modules} or 'none')"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert done.stdout == "(1, 384) none\n", done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["embeddings"]


TOGETHER = """
import sys
import numpy as np
from pipelines.embedding.encoder import Encoder, Tier
encoder = Encoder(sys.argv[1], cache=sys.argv[2], tier=Tier.FP32)
vectors = encoder.encode(["the cat sits on the mat", "how is bread baked"]).vectors
print(encoder.backend, vectors.tobytes().hex())
"""


@pytest.mark.long
def test_two_processes_that_convert_at_once_both_get_a_whole_model(tiny: Path, tmp_path: Path) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", TOGETHER, str(tiny), str(tmp_path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for _ in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=600) for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert said[0][0] == said[1][0]
    assert said[0][0].startswith("OpenVINO in full precision ")
    assert len(list((tmp_path / "models").iterdir())) == 1
