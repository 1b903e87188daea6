"""What tests of the cache share: what the person who waits is told."""

from collections.abc import Iterator

import pytest

from pipelines._progress import Reporter, report_to
from pipelines.cache import said


class Heard(Reporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the person who waits is told."""
    monkeypatch.setattr(said, "_told", set())
    listener = Heard()
    report_to(listener)
    yield listener.lines
    report_to(Reporter())
