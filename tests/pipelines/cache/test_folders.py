"""A thing that is a folder, such as a converted model, is made once and never used when it is not whole."""

from pathlib import Path

import pytest

from pipelines.cache.folders import KeptFolder


def write(folder: Path) -> None:
    (folder / "weights.bin").write_bytes(b"weights" * 100)
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer" / "vocab.txt").write_text("a b c")


def test_what_was_kept_is_found(tmp_path: Path) -> None:
    model = KeptFolder(str(tmp_path), "models", "m1")
    assert model.find() is None
    made = model.keep(write)
    assert model.find() == made == tmp_path / "models" / "m1"
    assert (made / "tokenizer" / "vocab.txt").read_text() == "a b c"
    assert KeptFolder(str(tmp_path), "models", "m2").find() is None


def test_what_was_altered_is_not_found_and_is_made_again(tmp_path: Path) -> None:
    model = KeptFolder(str(tmp_path), "models", "m1")
    made = model.keep(write)
    for alter in (
        lambda: (made / "weights.bin").write_bytes(b"weighty" * 100),
        lambda: (made / "tokenizer" / "vocab.txt").unlink(),
        lambda: (made / "more.bin").touch(),
        lambda: (made / "contents.json").write_text("{"),
    ):
        alter()
        assert model.find() is None
        assert model.keep(write) == made
        assert model.find() == made
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["m1"]


def test_what_is_whole_is_not_replaced(tmp_path: Path) -> None:
    model = KeptFolder(str(tmp_path), "models", "m1")
    written = model.keep(write).stat().st_ino
    assert model.keep(write).stat().st_ino == written


def test_what_fails_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("no conversion")

    with pytest.raises(RuntimeError, match="no conversion"):
        KeptFolder(str(tmp_path), "models", "m1").keep(fail)
    assert list((tmp_path / "models").iterdir()) == []


def test_behind_a_url_it_lies_in_the_platforms_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert KeptFolder("s3://bucket/cache", "models", "m1").keep(write) == tmp_path / "assay" / "models" / "m1"
