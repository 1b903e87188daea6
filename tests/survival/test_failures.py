"""What goes wrong around a run: it costs a line, and neither the earlier release nor a row."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines._manifest import read_manifest, verify_files
from pipelines._workspace import carry_on, install

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Any]:
    """Makes a disk of so many KiB, which is gone after the test."""
    made: list[Path] = []

    def make(kib: int) -> Path:
        folder = tmp_path / f"disk-{len(made)}"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder)]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("the right to mount a file system is not here")
        made.append(folder)
        return folder

    yield make
    for folder in made:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("kib", [200, 900, 2_500])
def test_a_full_disk_is_one_line_and_frees_what_it_took(
    project: Any, undisturbed: Path, small_disk: Any, kib: int
) -> None:
    disk = small_disk(kib)
    ended = project.curate(disk / "out")
    assert ended.code == 2
    assert ended.stderr.splitlines()[-1] == (
        "assay: the disk is full: free some room; then run the same command again: an earlier release is as it was"
    )
    assert "Traceback" not in ended.stderr
    assert os.listdir(disk) == []


def test_a_disk_that_may_only_be_read_is_one_line(project: Any, undisturbed: Path, small_disk: Any) -> None:
    disk = small_disk(60_000)
    release = Path(shutil.copytree(undisturbed, disk / "out"))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    ended = project.curate(release, "--target-size", 50)
    assert ended.code == 2
    assert "cannot be written (Read-only file system); choose another folder for --out" in ended.stderr
    # What needs no writing goes on.
    assert project.assay("gate", release).code in (0, 1)
    assert project.outcome(release) == project.outcome(undisturbed)


def test_a_source_that_vanishes_or_changes_while_it_is_read_is_refused_whole(tmp_path: Path) -> None:
    from pipelines.ingest import ingest

    def reading(name: str, disturb: Any) -> Any:
        first, other = tmp_path / f"{name}.jsonl", tmp_path / f"{name}-other.jsonl"
        row = json.dumps({"instruction": "Say hello.", "output": "Hello."}) + "\n"
        first.write_text(row * 2_000)
        other.write_text(row)
        from pipelines import ingest as module

        real = module._write

        def write(source: str, *rest: Any) -> Any:
            if source == str(first):
                disturb(first)
            return real(source, *rest)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_write", write)
            return ingest(
                [str(first), str(other)],
                workdir=tmp_path / f"{name}-work",
                shape=None,
                batch_bytes=4096,
                max_record_bytes=2**20,
            )

    grown = reading(
        "grown", lambda path: path.write_text(path.read_text() + '{"instruction": "More", "output": "rows"}\n')
    )
    gone = reading("gone", lambda path: path.unlink())
    for read in (grown, gone):
        assert [(file.status, file.rows) for file in read.sources] == [("refused", 0), ("read", 1)]
        assert "changed while it was read; wait until it is written" in (read.sources[0].refusal or "")


def test_a_source_that_changes_later_in_the_run_makes_a_release_that_is_known_to_be_stale(
    project: Any, undisturbed: Path, tmp_path: Path, running: list[Any]
) -> None:
    raw = Path(shutil.copytree(project.sources, tmp_path / "raw"))
    process = project.start(tmp_path / "out", sources=raw)
    running.append(process)
    assert project.until(lambda: (tmp_path / "out" / ".work" / "validate.json").exists(), process)
    first = next(path for path in sorted(raw.rglob("*")) if path.is_file())
    first.unlink()
    process.communicate()
    assert process.returncode in (0, 1)
    # A source that is gone proves nothing; one with another content does.
    first.write_text('{"instruction": "Other", "output": "content"}\n')
    judged = project.assay("gate", tmp_path / "out")
    assert judged.code == 2
    assert "has changed since the release was made; run `assay curate` again" in judged.stderr


def test_two_runs_on_one_folder_never_mix(project: Any, undisturbed: Path, tmp_path: Path, running: list[Any]) -> None:
    out = tmp_path / "out"
    first = project.start(out)
    running.append(first)
    assert project.until(lambda: (out / ".work" / "call.json").exists(), first)
    second = project.curate(out)
    assert second.code == 2
    assert re.search(rf"another run is writing there \(process {first.pid}\); wait for it", second.stderr)
    first.communicate()
    assert first.returncode in (0, 1)
    assert project.outcome(out) == project.outcome(undisturbed)


@pytest.mark.long
def test_what_a_killed_run_left_is_believed_only_as_it_was_written(
    project: Any, undisturbed: Path, tmp_path: Path, running: list[Any]
) -> None:
    """A flipped byte in a frame, another setting, another source: that stage and all after it are run again."""
    killed = tmp_path / "killed"
    process = project.start(killed)
    running.append(process)
    assert project.until(lambda: (killed / ".work" / "dedup.json").exists(), process)
    assert project.kill(process)
    damaged = Path(shutil.copytree(killed, tmp_path / "damaged"))
    frame = damaged / ".work" / "validate.parquet"
    content = bytearray(frame.read_bytes())
    content[len(content) // 2] ^= 1
    frame.write_bytes(content)
    whole = project.curate(Path(shutil.copytree(killed, tmp_path / "whole")))
    mended = project.curate(damaged)
    other = project.curate(Path(shutil.copytree(killed, tmp_path / "other")), "--target-size", 50)
    assert "resumed       after dedup" in whole.stderr
    assert "resumed       after decide" in mended.stderr
    assert "resumed" not in other.stderr
    for name in ("whole", "damaged"):
        assert project.outcome(tmp_path / name) == project.outcome(undisturbed)
    resumed = json.loads((tmp_path / "whole" / "report.json").read_text())["run"]
    assert resumed["resumed_after"] == "dedup"
    assert [stage["name"] for stage in resumed["stages"]][:5] == ["ingest", "repair", "decide", "validate", "dedup"]


def test_a_release_that_was_stopped_half_way_into_its_place_is_finished_by_whoever_comes_next(
    undisturbed: Path, project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before every single step of it, over an earlier release with names that the new one lacks."""
    for step in range(30):
        out = tmp_path / f"{step}"
        shutil.copytree(undisturbed, out)
        (out / "exports" / "old").mkdir()
        staged = out / ".work" / "release"
        shutil.copytree(undisturbed, staged)
        shutil.rmtree(staged / "data_docs")
        left = step
        real_rename, real_unlink, real_rmtree = Path.rename, Path.unlink, shutil.rmtree

        def stopping(real: Any) -> Any:
            def call(*given: Any, **said: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise KeyboardInterrupt
                return real(*given, **said)

            return call

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "rename", stopping(real_rename))
            patch.setattr(Path, "unlink", stopping(real_unlink))
            patch.setattr(shutil, "rmtree", stopping(real_rmtree))
            try:
                install(staged, out)
                stopped = False
            except KeyboardInterrupt:
                stopped = True
        if stopped:
            assert carry_on(out)
        assert sorted(os.listdir(out)) == sorted(set(os.listdir(undisturbed)) - {"data_docs"})
        assert not (out / "exports" / "old").exists()
        assert project.outcome(out) == project.outcome(undisturbed)
        if not stopped:
            return
    raise AssertionError("more steps than were tried")


def test_the_lock_goes_with_its_holder_and_a_removed_lock_holds_nobody_off(tmp_path: Path) -> None:
    """Many come and go at once: never are two inside."""
    from pipelines._workspace import workspace
    from schemas.errors import UsageError

    out, inside, most, entered = tmp_path / "out", 0, 0, 0
    counting = threading.Lock()

    def visit() -> None:
        nonlocal inside, most, entered
        for _ in range(60):
            try:
                with workspace(out):
                    with counting:
                        inside += 1
                        most, entered = max(most, inside), entered + 1
                    time.sleep(0.001)
                    with counting:
                        inside -= 1
            except UsageError:
                time.sleep(0.0005)

    visitors = [threading.Thread(target=visit) for _ in range(8)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert most == 1
    assert entered > 8


def test_nothing_is_unpickled_from_disk() -> None:
    """Whoever can write a file into the cache or a release must not run code with it."""
    words = re.compile(r"\b(pickle|cloudpickle|joblib|dill|shelve)\b|allow_pickle=True|weights_only=False|yaml\.load\(")
    ours = [path for name in ("schemas", "checks", "annotation", "pipelines") for path in (ROOT / name).rglob("*.py")]
    assert len(ours) > 200
    found = [
        f"{path.name}:{number}"
        for path in ours
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if words.search(line.partition("#")[0]) and ("import" in line or "(" in line)
    ]
    assert found == []


def test_the_manifest_of_a_finished_release_vouches_for_every_file(undisturbed: Path) -> None:
    verify_files(undisturbed, read_manifest(undisturbed))
    names = {path.relative_to(undisturbed).as_posix() for path in undisturbed.rglob("*") if path.is_file()}
    assert {entry.path for entry in read_manifest(undisturbed).files} == names - {"manifest.json"}
