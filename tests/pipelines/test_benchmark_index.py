"""An index finds what the benchmark's text finds, holds none of it, and is refused when it is not what was made."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines import _benchmark_index as indexes
from pipelines._items import numbers_alike
from pipelines._keyed_ngrams import keyed, normalisation, siphash
from pipelines._surroundings import UNPROVEN, surroundings
from pipelines.cli import app
from pipelines.decontaminate import decontaminate
from schemas.errors import BenchmarkError
from schemas.settings import Settings

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ASSAY = str(Path(sys.executable).parent / "assay")
Make = Callable[[list[dict[str, Any]]], pl.DataFrame]

QUESTIONS = [
    "A gardener plants twelve rows of tulips with nine bulbs in each row and gives away 17. How many are left?",
    "A gardener plants twelve rows of tulips with nine bulbs in each row and gives away 23. How many are left?",
    "Name the largest planet in our solar system and say how it was found by whom",
    "Tell me a joke about cats",
    "東京で一番高い建物は何ですか。",
    "",
]


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "benchmarks"


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    path = tmp_path / "planets.jsonl"
    path.write_text("".join(json.dumps({"prompt": each, "completion": "?"}) + "\n" for each in QUESTIONS[:5]))
    return path


def assay(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def built(questions: list[str], ngram: int = 5) -> bytes:
    return indexes.build(pl.Series(questions), name="planets", sources=["p.jsonl"], unreadable=0, ngram=ngram)


def altered(data: bytes, **change: Any) -> bytes:
    """A sealed index with the same hashes and another account of itself."""
    about = json.loads(pl.read_parquet_metadata(io.BytesIO(data))["assay.benchmark"]) | {"digest": "0" * 64} | change
    out = io.BytesIO()
    told = json.dumps(about, separators=(",", ":"))
    pl.read_parquet(io.BytesIO(data)).write_parquet(out, metadata={"assay.benchmark": told})
    return indexes.seal(out.getvalue())


def same(records: pl.DataFrame, items: pl.DataFrame, data: bytes, ngram: int = 5) -> pl.DataFrame:
    """What is dropped by the text, after the index has dropped the same."""
    by_text = decontaminate(records, {"planets": items}, ngram=ngram, min_overlap=0.5)
    index = indexes.load(data, "planets", ngram=ngram).items
    by_index = decontaminate(records, {"planets": index}, ngram=ngram, min_overlap=0.5)
    assert by_index.dropped.equals(by_text.dropped)
    assert by_index.kept.equals(by_text.kept)
    assert by_index.figures == by_text.figures
    return by_text.dropped


def test_it_finds_what_the_text_finds(make_records: Make) -> None:
    prompts = [f"Please: {QUESTIONS[0]}", QUESTIONS[1].upper(), QUESTIONS[2][:60], QUESTIONS[3], QUESTIONS[4], "Hello"]
    records = make_records([{"prompt": prompt, "completion": "."} for prompt in prompts])
    items = make_records([{"prompt": question, "completion": "?"} for question in QUESTIONS])
    found = same(records, items, built(QUESTIONS))
    assert found["source_row"].to_list() == [1, 2, 3, 4, 5]
    assert found["detail"][0] == "holds item 1 of planets"


WORDS = st.sampled_from([*"abcdefgh", "12", "7", "<", "東", "Ä", "don't", "a_b", "\u0130"])
TEXT = st.lists(WORDS, max_size=24).map(" ".join)


@settings(max_examples=120, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=6), st.lists(TEXT, min_size=1, max_size=6), st.integers(3, 6))
def test_it_finds_what_the_text_finds_whatever_both_hold(items: list[str], rows: list[str], ngram: int) -> None:
    def frame(texts: list[str]) -> pl.DataFrame:
        return pl.DataFrame({"row_id": range(len(texts)), "prompt": texts, "completion": [None] * len(texts)}).cast(
            {"completion": pl.String}
        )

    try:
        data = built(items, ngram)
    except BenchmarkError:
        with pytest.raises(BenchmarkError, match="no question to compare with"):
            decontaminate(frame(rows), {"planets": frame(items)}, ngram=ngram, min_overlap=0.5)
        return
    same(frame([*rows, items[0], f"b {items[-1]} c"]), frame(items), data, ngram)


@pytest.mark.skipif(not DATA.exists(), reason="needs the planted items in ../shared/data")
@pytest.mark.parametrize("name", ["gsm8k_test.jsonl", "humaneval.jsonl.gz", "self_instruct_user_252.jsonl"])
def test_it_finds_the_planted_items_that_the_text_finds(name: str) -> None:
    from pipelines.ingest import read_records

    items = read_records(str(DATA / "decontam" / name))
    records = read_records(str(DATA / "dev_labels" / "contam_planted_dev.jsonl.gz"))
    data = indexes.build(items["prompt"], name="planets", sources=[name], unreadable=0, ngram=5)
    found = same(records, items, data)
    assert found.height == {"gsm8k_test.jsonl": 84, "humaneval.jsonl.gz": 28}.get(name, 0)


def test_it_holds_hashes_and_no_text() -> None:
    data = built(QUESTIONS)
    assert pl.read_parquet(io.BytesIO(data)).schema == pl.Schema(
        {"alike": pl.Boolean(), "item": pl.Int64(), "position": pl.Int64(), "gram": pl.UInt64()}
    )
    words = {word for question in QUESTIONS for word in question.split() if len(word) > 3} - {"planet"}  # its name
    assert not any(word.encode() in data for word in words)
    # The key is each index's own, so that two do not tell that they share an item.
    first, second = (set(pl.read_parquet(io.BytesIO(each))["gram"]) for each in (data, built(QUESTIONS)))
    assert not first & second


def test_one_word_of_a_question_cannot_be_worked_out_from_the_next_n_gram() -> None:
    # A rolling hash alone could be unrolled: g2 = (g1 - first * m^4) * m + sixth. Ours is not that sum.
    key = bytes(16)
    words = [keyed(key)(pl.Series([word]), 5).hashes for word in ("a", "b")]
    both = keyed(key)(pl.Series(["a b"]), 5).hashes
    multiplier = np.uint64(0xD1342543DE82EF95)
    assert both != words[0] * multiplier + words[1]


def test_hashes_are_the_same_in_every_version_and_on_every_machine() -> None:
    # The designers' own vector for SipHash-2-4 of eight bytes, and what we make of words with it.
    number = np.array([0x0706050403020100], dtype=np.uint64)
    assert siphash(number, bytes(range(16))).tolist() == [0x93F5F5799A932462]
    texts = pl.Series(["The quick brown fox jumps over 13 dogs", "Größe", "東京"])
    assert keyed(bytes(16))(texts, 5).hashes.tolist() == [
        *(8984375557783696784, 10358545166058348347, 6753127999267518397, 4779878371261739242),
        *(2490982471492122831, 18428563523008767855),
    ]
    # Where this fails, indexes of before are refused: raise the version, and say so in CHANGELOG.md.
    assert normalisation(5, numbers_alike) == "1-a28903f1909c2255"


def test_add_list_and_against(benchmark: Path, own_store: Path, tmp_path: Path) -> None:
    made = assay("benchmark", "add", "planets", benchmark)
    assert made.exit_code == 0, made.output
    assert "5 items" in made.stdout
    assert "--against planets" in made.stdout
    [one] = json.loads(assay("benchmark", "list", "--json").stdout)["indexes"]
    assert (one["name"], one["items"], one["ngram"], one["sources"]) == ("planets", 5, 5, ["planets.jsonl"])
    assert "key" not in one
    assert "planets" in assay("benchmark", "list").stdout
    again = assay("benchmark", "add", "planets", benchmark)
    assert (again.exit_code, "--force replaces it" in again.stderr) == (2, True)
    assert assay("benchmark", "add", "planets", benchmark, "--force").exit_code == 0
    assert [path.name for path in own_store.iterdir()] == ["planets.assay-benchmark.parquet"]
    assert indexes.index_path("planets") == own_store / "planets.assay-benchmark.parquet"
    settings = Settings.model_validate({"contamination": {"against": ["planets"]}})
    assert surroundings(settings)["benchmark 0"] != UNPROVEN


def test_a_name_that_means_two_things_is_an_error(
    benchmark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assay("benchmark", "add", "planets", benchmark)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "planets").mkdir()
    with pytest.raises(BenchmarkError, match=r"say \./planets or"):
        indexes.index_path("planets")
    assert indexes.index_path("./planets") is None


def test_what_is_no_benchmark_makes_no_index(benchmark: Path, own_store: Path, tmp_path: Path) -> None:
    empty, wordless = tmp_path / "empty.jsonl", tmp_path / "wordless.jsonl"
    empty.write_text("")
    wordless.write_text('{"prompt": "...", "completion": "x"}\n')
    for words, said in (
        (["none", empty], "holds no rows"),
        (["none", wordless], "no question to compare with"),
        (["none", tmp_path / "missing.jsonl"], "does not exist"),
        (["none", benchmark, empty], "holds no rows"),
        (["../none", benchmark], "is no name for an index"),
        (["none", benchmark, "--out", tmp_path / "x.parquet"], "known by its ending"),
        (["none", benchmark, "--out", tmp_path / "no" / f"x{indexes.ENDING}"], "folder does not exist"),
    ):
        done = assay("benchmark", "add", *words)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
        assert said in done.stderr
    assert not own_store.exists() or not list(own_store.iterdir())


def test_an_index_that_is_not_what_was_made_is_refused() -> None:
    data = built(QUESTIONS)
    middle = len(data) // 3
    flipped = bytes([*data[:middle], data[middle] ^ 1, *data[middle + 1 :]])
    renamed = data.replace(b'"name":"planets"', b'"name":"plamets"')
    for damaged in (data[:-1], flipped, renamed, data + b" "):
        with pytest.raises(BenchmarkError, match=r"planets: was altered or damaged.*make it again"):
            indexes.load(damaged, "planets")
    other = io.BytesIO()
    pl.DataFrame({"a": [1]}).write_parquet(other)
    for foreign, said in (
        (b"", "is an empty file"),
        (other.getvalue(), "is no index of a benchmark, or is cut short"),
        (data[: len(data) // 2], "is no index of a benchmark, or is cut short"),
        (altered(data, layout=2), "of another version of Assay"),
    ):
        with pytest.raises(BenchmarkError, match=said):
            indexes.load(foreign, "planets")


def test_an_index_of_another_normalisation_or_n_gram_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    data = built(QUESTIONS)
    with pytest.raises(BenchmarkError, match=r"n-grams of 5 words, and contamination\.ngram is 8.*--ngram 8"):
        indexes.load(data, "planets", ngram=8)
    monkeypatch.setattr(indexes, "normalisation", lambda *_: "2-0123")
    with pytest.raises(BenchmarkError, match=r"made by another normalisation of texts \(1-\w+\); make it again"):
        indexes.load(data, "planets")


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_flipped_bit_passes(data: st.DataObject) -> None:
    whole = bytearray(ONE)
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BenchmarkError):
        indexes.load(bytes(whole), "planets")


ONE = built(QUESTIONS[:3])


def test_of_two_that_are_made_at_once_one_is_there_and_whole(benchmark: Path, own_store: Path) -> None:
    command = [ASSAY, "benchmark", "add", "planets", str(benchmark)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [each.communicate(timeout=120) for each in both]
    assert sorted(each.returncode for each in both) == [0, 2], said
    assert any("is there already; --force replaces it" in stderr for _, stderr in said)
    assert indexes.load(indexes.in_store("planets").read_bytes(), "planets").about.items == 5
    assert len(list(own_store.iterdir())) == 1


def test_a_broken_index_is_listed_as_such_and_the_others_too(benchmark: Path, own_store: Path) -> None:
    assay("benchmark", "add", "planets", benchmark)
    (own_store / f"broken{indexes.ENDING}").write_bytes(b"PAR1")
    done = assay("benchmark", "list")
    assert done.exit_code == 0
    assert "broken" in done.stdout
    assert "cannot be used: broken: is no index of a benchmark, or is cut short" in done.stdout
    assert "5 items" in done.stdout


def test_a_run_against_an_index_removes_the_rows_and_says_that_words_are_all_it_compares(
    benchmark: Path, store: Path, tmp_path: Path
) -> None:
    from pipelines._course import make_release
    from pipelines.gate import report_of

    assay("benchmark", "add", "planets", benchmark)
    rows = [{"prompt": f"Explain what a {thing} is for.", "completion": f"A {thing} has its use in a house."}
            for thing in ("hammer", "kettle", "ledger", "sextant", "trellis", "prism")]  # fmt: skip
    rows.append({"prompt": QUESTIONS[2], "completion": "Jupiter, by looking up."})
    source = tmp_path / "raw.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    chosen = Settings.model_validate({"contamination": {"against": ["planets"]}})
    out = tmp_path / "out"
    make_release([str(source)], out, chosen)
    report = report_of(out)
    assert (report.contamination.removed, report.contamination.benchmarks) == (1, {"planets": 5})
    assert (report.contamination.by_words_only, report.contamination.similar) == (["planets"], None)
    assert "only words were compared" in (out / "report.html").read_text()
    ledger = pl.read_parquet(out / "ledger.parquet").filter(outcome="contaminated")
    assert ledger["reasons"].to_list() == [["contamination.planets"]]
    damaged = indexes.in_store("planets")
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(BenchmarkError, match="was altered or damaged"):
        make_release([str(source)], out, chosen)
