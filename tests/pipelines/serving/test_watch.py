"""What is new at the sources is seen once, when it rests: in a folder, and in a bucket."""

import os
from pathlib import Path
from typing import Any

import pytest

from pipelines.serving.watch import Watcher, seen


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "store"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "incoming"
    made.mkdir()
    (made / "a.jsonl").write_text("{}\n")
    return made


def test_what_rests_is_asked_for_once(folder: Path) -> None:
    watcher = Watcher(folder / "assay.yaml", [str(folder)])
    assert watcher.look().new == ()  # it may still be written
    found = watcher.look()
    assert found.new == (f"{folder}/a.jsonl",)
    watcher.asked_for(found)
    assert watcher.look().new == ()
    assert Watcher(folder / "assay.yaml", [str(folder)]).look().new == ()


def test_a_change_of_the_same_size_and_a_new_file_are_seen_and_a_file_that_went_is_not(folder: Path) -> None:
    watcher = Watcher(folder / "assay.yaml", [str(folder)])
    (folder / "b.jsonl").write_text("{}\n")
    watcher.look()
    watcher.asked_for(watcher.look())
    os.utime(folder / "a.jsonl", ns=(1, 1))
    (folder / "b.jsonl").unlink()
    (folder / "c.jsonl").write_text("{}\n")
    watcher.look()
    assert watcher.look().new == (f"{folder}/a.jsonl", f"{folder}/c.jsonl")


def test_one_that_never_rests_is_waited_for_only_so_long(folder: Path) -> None:
    watcher = Watcher(folder / "assay.yaml", [str(folder)])
    looks = []
    for number in range(12):
        os.utime(folder / "a.jsonl", ns=(number, number))
        looks.append(watcher.look().new)
    assert looks[:10] == [()] * 10
    assert looks[10] == (f"{folder}/a.jsonl",)


def test_what_was_kept_and_cannot_be_read_costs_one_run(folder: Path, tmp_path: Path) -> None:
    watcher = Watcher(folder / "assay.yaml", [str(folder)])
    watcher.look()
    watcher.asked_for(watcher.look())
    (kept,) = (tmp_path / "store").glob("watched-*.json")
    kept.write_bytes(b"\xff not json")
    again = Watcher(folder / "assay.yaml", [str(folder)])
    again.look()
    assert again.look().new == (f"{folder}/a.jsonl",)


def test_sources_that_are_not_there_are_nothing_yet(tmp_path: Path) -> None:
    assert seen([str(tmp_path / "nowhere"), str(tmp_path / "*.jsonl"), "s3nosuch://bucket"]) == {}


def test_a_bucket_is_watched_too(bucket: Any) -> None:
    bucket.filesystem.pipe("releases/raw/a.jsonl", b"{}\n")
    watcher = Watcher(Path("assay.yaml"), [f"{bucket.url}/raw"])
    watcher.look()
    found = watcher.look()
    assert found.new == ("s3://releases/raw/a.jsonl",)
    watcher.asked_for(found)
    # Another process puts something there, of the same size.
    _as_others_would(bucket, "raw/a.jsonl", b"[]\n")
    _as_others_would(bucket, "raw/b.jsonl", b"{}\n")
    watcher.look()
    assert watcher.look().new == ("s3://releases/raw/a.jsonl", "s3://releases/raw/b.jsonl")


def _as_others_would(bucket: Any, name: str, content: bytes) -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=bucket.environment["AWS_ENDPOINT_URL"])
    client.put_object(Bucket="releases", Key=name, Body=content)
    client.close()
