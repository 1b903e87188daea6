"""52,002 real rows in a real browser: everything that is asked of them is answered, and how long it took is printed."""

import os
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

ALPACA = Path(__file__).resolve().parents[4] / "shared" / "data" / "raw" / "alpaca_data.json.gz"
RELEASE = "ASSAY_BROWSE_RELEASE"
"""Names a release that was made of them already."""

TIMES = 5

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def release(made: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if named := os.environ.get(RELEASE):
        return Path(named)
    if not ALPACA.exists():
        pytest.skip(f"the public sets are not beside the project ({ALPACA.name})")
    out = tmp_path_factory.mktemp("many") / "release"
    made.assay("curate", str(ALPACA), "--draft", "--out", str(out))
    return out


class Watch:
    """Does things at a page, each TIMES times, no two alike where there are so many, and keeps the median."""

    def __init__(self, seen: Any) -> None:
        self.seen, self.told = seen, dict[str, float]()

    def each(self, name: str, *steps: Callable[[], Any]) -> None:
        took = []
        for number in range(TIMES):
            took.append(self.seen.timed(steps[number % len(steps)]))
        self.told[name] = median(took)

    def choosing(self, name: str, field: str, *values: str) -> None:
        self.each(name, *(lambda value=value: self.seen.page.select_option(f"#{field}", value) for value in values))
        self.clear()

    def writing(self, name: str, field: str, *texts: str) -> None:
        self.each(name, *(lambda text=text: self.seen.page.fill(f"#{field}", text) for text in texts))
        self.clear()

    def clear(self) -> None:
        self.seen.doing(lambda: self.seen.page.click("#clear"))


def test_each_interaction_is_answered(
    made: Any, release: Path, show: Callable[..., Any], visit: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    watch = Watch(visit(show(made, release=release)))
    assert watch.seen.found() == "52,002 of 52,002 rows"
    _search(watch)
    _page(watch)
    _read(watch)
    _decide(watch)
    with capsys.disabled():
        print("\n" + "\n".join(f"{name:<28}{took:>6.0f} ms" for name, took in watch.told.items()))


def _search(watch: Watch) -> None:
    seen = watch.seen
    names = "all => all.map(one => one.value).filter(Boolean)"
    reasons = seen.page.locator("#reason option").evaluate_all(names)
    watch.choosing("filter by outcome", "outcome", "dropped", "duplicate", "review", "train", "test")
    watch.choosing("filter by reason or note", "reason", *reasons[:TIMES])
    watch.choosing("filter by cluster", "cluster", "1", "2", "3", "4", "5")
    watch.choosing("filter by split", "split", "train", "validation", "test")
    seen.choose("score", "quality")
    watch.writing("filter by score", "least", "0.5", "0.7", "0.9", "0.3", "0.1")
    watch.writing(
        "search a text", "text", "capital of france", "python", "e", "nobody ever said this", "photosynthesis"
    )
    seen.doing(lambda: seen.page.check("#regex"))
    watch.writing(
        "search a regex", "text", r"\bhaiku\b", r"\w+ly \w+ly", r"^write .{0,40}poem", r"\d{4}-\d\d", "sonnet|limerick"
    )
    assert seen.write("text", "capital of france").page.locator(".tabulator-row", has_text="Paris").count() > 1
    watch.clear()


def _page(watch: Watch) -> None:
    page = watch.seen.page
    watch.choosing("order", "sort", "quality", "n_tokens", "outcome", "diversity", "reasons")
    watch.each("next page", lambda: page.click("button[data-page=next]"))
    watch.each(
        "last and first page",
        lambda: page.click("button[data-page=last]"),
        lambda: page.click("button[data-page=first]"),
    )
    assert watch.seen.rows()[0] in (1, 52_001)


def _read(watch: Watch) -> None:
    watch.seen.write("text", "capital of france")
    page, stories, near = watch.seen.page, [], []
    for number in range(TIMES):
        link = page.locator(".tabulator-row a").nth(number)
        stories.append(watch.seen.timed(link.click, "#story", "row"))
        near.append(watch.seen.timed(page.locator(".tabulator-row a").nth(number + TIMES).click, "#story", "near"))
    assert "france" in page.inner_text("#story").lower()
    assert page.locator(".near li").count() >= 12
    watch.told |= {"open a row": median(stories), "open a row, neighbours too": median(near)}
    watch.clear()


def _decide(watch: Watch) -> None:
    seen = watch.seen
    seen.choose("outcome", "dropped")
    seen.open(int(seen.page.locator(".tabulator-row a").first.inner_text()))

    def restore() -> None:
        seen.page.fill("#why", "wanted")
        seen.page.click("text=This should not have been dropped")

    def undo() -> None:
        seen.page.click("text=Take back what was decided by hand")

    watch.each("decide, and take back", restore, undo)
    assert "restore by Ann Lee: wanted" in seen.page.inner_text(".decide")
    seen.doing(undo)
