"""Digests of files: of what a release holds, and of models that many ask for."""

import hashlib
import os
from pathlib import Path

import pytest

from pipelines import _manifest
from pipelines._manifest import sha256_of, sha256_once


def test_a_large_file_is_read_once_for_as_long_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr(_manifest, "sha256_of", lambda path: (read.append(path), sha256_of(path))[1])
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    first = [sha256_once(path), sha256_once(path)]
    assert first == [hashlib.sha256(b"one").hexdigest()] * 2
    assert read == [path]
    changed = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(changed.st_atime_ns, changed.st_mtime_ns))  # of the same size, and said to be as old
    assert sha256_once(path) == hashlib.sha256(b"two").hexdigest()
    assert read == [path, path]
