"""The release with pairs that a threshold decides about, and a store for whoever answers."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def raw(things: Path) -> Path:
    return things


@pytest.fixture(scope="session")
def made(paired: Path) -> Path:
    return paired


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of this test's own."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "store"))
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    return tmp_path / "store"
