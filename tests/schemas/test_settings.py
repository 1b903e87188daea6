from pathlib import Path

import pytest

from schemas.errors import SettingsError
from schemas.settings import Settings, load_settings


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
