import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.errors import SettingsError
from schemas.settings import AnnotationSettings, Settings, load_settings


def settings_of(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "assay.yaml"
    path.write_text(text)
    return load_settings(path)


def test_without_a_file_the_defaults_hold() -> None:
    assert load_settings(None) == Settings()


def test_the_command_line_wins_over_the_file_and_silence_does_not(tmp_path: Path) -> None:
    path = tmp_path / "assay.yaml"
    path.write_text("seed: 7\ndedup:\n  min_similarity: 0.97\n  min_jaccard: 0.7\n")
    said = load_settings(path, run={"seed": None}, dedup={"min_similarity": 0.99, "model": None})
    assert (said.seed, said.dedup.min_similarity, said.dedup.min_jaccard) == (7, 0.99, 0.7)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("dedup:\n  min_similarty: 0.9\n", "dedup.min_similarty: unknown key"),
        ("dedup:\n  min_similarity: 1.5\n", "dedup.min_similarity: Input should be less than or equal to 1"),
        ("dedup:\n  min_similarity: 0.5\n", "suspect_similarity must not be above min_similarity"),
        ("split:\n  test: 0.6\n  validation: 0.5\n", "must leave something to train on"),
        ("export:\n  formats: [csv]\n", "export.formats.0: Input should be 'trl'"),
        ("- a\n- b\n", "holds a list, not settings"),
        ("seed: [\n", "is not YAML"),
        ("seed: -1\n", "seed: Input should be greater than or equal to 0"),
        ("seed: !!python/object/apply:os.system ['true']\n", "is not YAML"),
    ],
)
def test_a_bad_file_is_one_line_that_names_the_key(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(tmp_path, text)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml: cannot be read \(No such file or directory\)"):
        load_settings(tmp_path / "nowhere.yaml")


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert settings_of(tmp_path, "") == Settings()


def test_default_rules_follow_the_tiers_and_domains_that_are_given() -> None:
    chemistry = {"chemistry": "Compounds and reactions"}
    own = AnnotationSettings.model_validate(
        {"tiers": {"staff": {"price": 1}, "chemists": {"price": 9}}, "domains": chemistry}
    )
    assert [(rule.tier, rule.domains) for rule in own.rules] == [("chemists", ("chemistry",)), ("staff", ())]
    assert own.adjudication == "chemists"
    alone = AnnotationSettings.model_validate({"tiers": {"staff": {"price": 1}}})
    assert [rule.tier for rule in alone.rules] == ["staff"]
    assert alone.adjudication is None
    assert AnnotationSettings.model_validate(own.model_dump(mode="json")) == own


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"rules": [{"tier": "nobody"}]}, "no tier is called 'nobody'; tiers are crowd, expert"),
        ({"rules": [{"tier": "crowd", "domains": ["law"]}, {"tier": "crowd"}]}, "no domain is called 'law'"),
        ({"rules": [{"tier": "crowd", "min_tokens": 5}]}, "the last rule must name a tier and nothing else"),
        ({"rules": []}, "the last rule must name a tier and nothing else"),
        ({"tiers": {}}, "tiers"),
        ({"project": "My Project!"}, "project"),
        ({"currency": "dollars"}, "currency"),
        ({"tiers": {"crowd": {"price": -1}, "expert": {"price": 1}}}, "price"),
        (
            {"tiers": {"t" * 101: {"price": 1}}},
            "the tier 'tttttttttttttttttttt'... has 101 characters; 100 are allowed",
        ),
        (
            {"tiers": {"crowd": {"price": 1, "annotators": ["a" * 101]}}},
            "the annotator 'aaaaaaaaaaaaaaaaaaaa'... has 101",
        ),
        ({"domains": {"d" * 101: "courts"}}, "the domain 'dddddddddddddddddddd'... has 101"),
    ],
)
def test_annotation_settings_that_mean_nothing_are_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(why)):
        AnnotationSettings.model_validate(given)
