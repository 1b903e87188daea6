"""What tests of the cache share: what the person who waits is told."""

import pytest

from pipelines.cache import said


@pytest.fixture
def heard(heard: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the person who waits is told, as if nothing had been told before."""
    monkeypatch.setattr(said, "_told", set())
    return heard
