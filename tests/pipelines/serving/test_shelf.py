"""A release is published once, whole, under a name of its own: in a folder, and in a bucket."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines._shelf import publish
from schemas.errors import ReleaseError, UsageError


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a manifest that fits it; whether it passes a gate is not asked here."""
    from pipelines._manifest import sha256_of

    folder = tmp_path_factory.mktemp("release")
    (folder / "splits").mkdir()
    (folder / "splits" / "train.jsonl").write_text('{"messages": []}\n' * 100)
    (folder / "report.json").write_text("{}\n")
    files = [
        {"path": name, "sha256": sha256_of(folder / name), "bytes": (folder / name).stat().st_size}
        for name in ("report.json", "splits/train.jsonl")
    ]
    manifest = {
        "assay_version": "0.1.0", "run_id": "12ab34cd", "created": "2026-01-31T14:05:00+00:00", "seed": 1,
        "sources": [], "settings": {}, "versions": {}, "inputs": [], "counts": {}, "policy": {}, "files": files,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def release(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "release"))


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_release_stands_on_the_shelf_as_it_was_made(release: Path, tmp_path: Path) -> None:
    put = publish(release, str(tmp_path / "shelf"))
    assert Path(put.url).name.startswith("2026-01-31-12ab34cd-")
    assert (put.files, put.written) == (3, 3)
    assert content(Path(put.url)) == content(release)


def test_published_again_nothing_is_touched(release: Path, tmp_path: Path) -> None:
    put = publish(release, str(tmp_path / "shelf"))
    before = {path: path.stat() for path in Path(put.url).rglob("*")}
    assert publish(release, f"file://{tmp_path / 'shelf'}").written == 0
    assert {path: path.stat() for path in Path(put.url).rglob("*")} == before


def test_what_was_interrupted_is_completed(release: Path, tmp_path: Path) -> None:
    put = publish(release, str(tmp_path / "shelf"))
    folder = Path(put.url)
    (folder / "manifest.json").unlink()
    (folder / "splits" / "train.jsonl").write_text("half")
    (folder / "splits" / ".train.jsonl.aside").write_text("ha")
    again = publish(release, str(tmp_path / "shelf"))
    assert (again.url, again.written) == (put.url, 2)
    assert content(folder) == content(release)


def test_an_altered_file_is_never_published(release: Path, tmp_path: Path) -> None:
    (release / "splits" / "train.jsonl").write_text("other\n")
    with pytest.raises(ReleaseError, match=r"train\.jsonl: was altered after the release was made"):
        publish(release, str(tmp_path / "shelf"))
    (folder,) = (tmp_path / "shelf").iterdir()
    assert not (folder / "manifest.json").exists()
    (release / "splits" / "train.jsonl").unlink()
    with pytest.raises(ReleaseError, match=r"train\.jsonl: is missing"):
        publish(release, str(tmp_path / "shelf"))


def test_what_is_published_is_never_changed(release: Path, tmp_path: Path) -> None:
    put = publish(release, str(tmp_path / "shelf"))
    (Path(put.url) / "manifest.json").write_text("another\n")
    with pytest.raises(ReleaseError, match="nothing published is ever changed"):
        publish(release, str(tmp_path / "shelf"))
    assert (Path(put.url) / "manifest.json").read_text() == "another\n"


def test_a_shelf_that_cannot_be_reached_is_one_line(release: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for shelf in (str(tmp_path / "file" / "shelf"), "nosuch://bucket"):
        with pytest.raises(UsageError, match="check it, its rights and credentials") as refused:
            publish(release, shelf)
        assert "\n" not in str(refused.value)


def test_a_bucket_is_a_shelf_too(release: Path, bucket: Any) -> None:
    put = publish(release, f"{bucket.url}/data/")
    name = put.url.rsplit("/", 1)[1]
    expected = [f"data/{name}/{path}" for path in ("manifest.json", "report.json", "splits/train.jsonl")]
    assert bucket.names() == expected
    sent = bucket.filesystem.cat_file(f"releases/data/{name}/splits/train.jsonl")
    assert sent == (release / "splits" / "train.jsonl").read_bytes()
    assert publish(release, f"{bucket.url}/data").written == 0

    # Interrupted before the manifest, and with one file cut short.
    bucket.filesystem.rm(f"releases/data/{name}/manifest.json")
    bucket.filesystem.pipe(f"releases/data/{name}/report.json", b"{")
    assert publish(release, f"{bucket.url}/data").written == 2
    assert bucket.names() == expected
    assert bucket.filesystem.cat_file(f"releases/data/{name}/report.json") == b"{}\n"


def test_a_bucket_that_is_not_there_is_one_line(release: Path, bucket: Any) -> None:
    with pytest.raises(UsageError, match="s3://no-such-bucket: cannot be published to"):
        publish(release, "s3://no-such-bucket")
