"""Which domain a prompt belongs to."""

from pathlib import Path

import numpy as np
import pytest

from annotation.asking.domains import Parts, nearest, parts, told
from pipelines.embedding.encoder import Encoder
from schemas.settings import AnnotationSettings

PROMPTS = {
    "Which antibiotic is given for pneumonia, and in what dose?": "medical",
    "My knee is swollen and hot after a fall. What should I do first?": "medical",
    "Can my landlord end the contract without notice?": "legal",
    "What does the Fifth Amendment say about testimony in court?": "legal",
    "Is it better to pay off my mortgage or to invest in an index fund?": "finance",
    "How is tax on dividends calculated?": "finance",
    "Write a function that returns the second largest number of a list.": "code",
    "SELECT the names of all customers who ordered twice": "code",
    "Suggest a name for a grey cat.": "general",
    "Rewrite the sentence in the past tense: she walks to school.": "general",
    "Which country has the most lakes?": "general",
    "Write a haiku about autumn.": "general",
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return Encoder(cache=tmp_path_factory.mktemp("vectors"))


def test_most_prompts_of_a_field_are_found_and_none_is_given_to_another(encoder: Encoder) -> None:
    settings = AnnotationSettings()
    compared = parts(settings.domains)
    guesses = nearest(
        encoder.encode(list(PROMPTS)).vectors,
        encoder.encode(compared.texts).vectors,
        compared.names,
        min_similarity=settings.domain_similarity,
    )
    found = dict(zip(PROMPTS, (name for name, _ in guesses), strict=True))
    assert {prompt: name for prompt, name in found.items() if name not in (PROMPTS[prompt], "general")} == {}
    # Three in four is what the labelled prompts promise; what is missed is for annotators to correct.
    assert sum(found[prompt] == name for prompt, name in PROMPTS.items() if name != "general") >= 6
    assert all((score is None) == (name == "general") for name, score in guesses)


@pytest.mark.slow
def test_programming_tasks_are_found_and_sums_are_none(encoder: Encoder) -> None:
    """On CodeAlpaca 0.66 of 400 rows are found, of grade-school sums 0.98 are left; asked of 60 each."""
    import json

    data = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    sums, code = data / "decontam" / "gsm8k_test.jsonl", data / "raw" / "code_alpaca_2k.json"
    if not sums.exists() or not code.exists():
        pytest.skip("the public sets are not beside the project (shared/data)")
    prompts = [json.loads(line)["question"] for line in sums.read_text().splitlines()[:60]]
    prompts += [
        "\n\n".join(filter(None, (row["instruction"], row["input"]))) for row in json.loads(code.read_text())[:60]
    ]
    settings = AnnotationSettings()
    compared = parts(settings.domains)
    found = [
        name
        for name, _ in nearest(
            encoder.encode(prompts).vectors,
            encoder.encode(compared.texts).vectors,
            compared.names,
            min_similarity=settings.domain_similarity,
        )
    ]
    assert found[:60].count("general") > 54
    assert found[60:].count("code") > 30


def test_the_closest_part_decides_and_the_first_wins_a_tie() -> None:
    described = np.eye(3, dtype=np.float32)
    prompts = np.array([[0.6, 0.8, 0], [0.5, 0.5, 0.70710677], [0.6, 0.6, 0.5291503]], dtype=np.float32)
    found = nearest(prompts, described, ("law", "law", "tax"), min_similarity=0.5)
    assert [name for name, _ in found] == ["law", "tax", "law"]
    assert found[0][1] == pytest.approx(0.8)


def test_below_the_threshold_nothing_was_measured_for_general() -> None:
    vectors = np.array([[1.0, 0.0]], dtype=np.float32)
    described = np.array([[0.6, 0.8]], dtype=np.float32)
    assert nearest(vectors, described, ("law",), min_similarity=0.61) == [("general", None)]
    assert nearest(vectors, described, ("law",), min_similarity=0.6)[0][0] == "law"
    assert nearest(vectors, vectors[:0], (), min_similarity=0.5) == [("general", None)]


def test_a_description_is_taken_apart_at_semicolons() -> None:
    assert parts({"law": " courts;; contracts ;", "tax": "taxes"}) == Parts(
        ("law", "law", "tax"), ("courts", "contracts", "taxes")
    )
    assert parts({"empty": " ; "}) == Parts((), ())


def test_a_records_own_metadata_may_name_its_domain() -> None:
    known = {"Legal": "courts"}
    assert told('{"domain": " legal "}', known) == "Legal"
    assert told('{"domain": "general"}', known) == "general"
    for other in (None, "", "{", "[]", '{"domain": "sport"}', '{"domain": 7}', '{"topic": "legal"}'):
        assert told(other, known) is None
