"""What an annotator sees: planned tasks on a real server, read in a real browser."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from annotation.asking.planning import plan
from annotation.asking.questions import dataset_spec
from annotation.asking.tasks import Task
from annotation.exchange.client import Client
from schemas.decision import TaskKind
from schemas.settings import AnnotationSettings

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.slow

HOSTILE = """<img src=x onerror="top.__ran=1"> <script>top.__ran=1</script> [go](javascript:top.__ran=1)
![seen](http://127.0.0.1:9/x.png) http://127.0.0.1:9/y a@b.example `tick` **bold** $x^2$ &lt;b&gt; \\ | ~~s~~

# no heading
- no list
1. no number
    def f(x):
        return {"a":  [1, 2]}  # kept
שלום עולם, مرحبا بالعالم, 👩‍👩‍👧‍👦"""
LONG = "\n".join(f"{number:>6}  <b>row</b> *{number}*" for number in range(40_000))


@pytest.fixture
def tasks(make_records: Callable[[list[dict[str, Any]]], pl.DataFrame]) -> tuple[Task, ...]:
    turns = [("system", HOSTILE), ("user", "And?"), ("assistant", HOSTILE)]
    rows = [
        {"prompt": HOSTILE, "completion": HOSTILE},
        {"prompt": "Long?", "completion": LONG},
        {
            "prompt": "...",
            "completion": HOSTILE,
            "messages": [{"role": role, "content": content} for role, content in turns],
        },
    ]
    records = make_records(rows).with_columns(
        outcome=pl.lit("review"),
        reasons=pl.lit(["refusal.full"]),
        notes=pl.lit([], dtype=pl.List(pl.String)),
        twin=pl.lit(None, pl.String),
        similarity=pl.lit(None, pl.Float64),
        detail=pl.lit(HOSTILE),
    )
    settings = AnnotationSettings.model_validate({"project": "seen", "tiers": {"crowd": {"price": 1}}})
    told = {"refusal.full": "The answer does not decline."}
    return plan(records, descriptions=told, settings=settings, seed=1, run_id="r").tasks


@pytest.fixture
def page(argilla: Any, tasks: tuple[Task, ...]) -> Iterator[Any]:
    """Ana's page on the dataset."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser ({CHROMIUM})")
    from playwright.sync_api import sync_playwright

    spec = dataset_spec(TaskKind.RECORD, argilla.settings, min_submitted=1, dimensions=None)
    with Client(argilla.url, argilla.api_key) as client:
        dataset = client.ensure_dataset("crowd", "seen-record", spec)
        assert [refused for sent in client.upsert(dataset, tasks) for refused in sent.refused] == []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 1500})
        page.goto(f"{argilla.url}/sign-in")
        page.fill("input[type=text]", "ana")
        page.fill("input[type=password]", argilla.accounts["ana"].password)
        page.click("button:has-text('Sign in')")
        page.wait_for_selector("text=Your datasets")
        page.goto(f"{argilla.url}/dataset/{dataset.id}/annotation-mode")
        page.wait_for_selector(".markdown-render", timeout=60_000)
        yield page
        browser.close()


def plain(text: str) -> str:
    return re.sub(r"\n{2,}", "\n", text.replace("\u00a0", " ")).strip()


def shown(page: Any, number: int) -> list[str]:
    """The texts of the task on that page of the queue."""
    page.goto(f"{page.url.partition('?')[0]}?page={number}&status=pending")
    page.wait_for_selector(".markdown-render", timeout=60_000)
    page.wait_for_timeout(1500)
    assert page.evaluate("top.__ran") is None
    assert page.locator(".markdown-render :is(img, script, a, table, h1, code)").count() == 0
    return [plain(one.inner_text()) for one in page.locator(".markdown-render").all()]


def editable(page: Any) -> str:
    """What stands in the box of the corrected answer."""
    box = page.locator("[contenteditable], textarea").first
    text: str = box.inner_text() if box.get_attribute("contenteditable") else box.input_value()
    return text.replace("\u00a0", " ").rstrip("\n")


def test_texts_are_seen_as_they_are_and_the_answer_to_edit_is_raw(page: Any, tmp_path: Path) -> None:
    """Line by line, indentation included; several blank lines count as one."""
    seen = 0
    for number in (1, 2, 3):
        texts = shown(page, number)
        if "Long?" in texts:
            continue
        seen += 1
        page.screenshot(path=tmp_path / f"task-{number}.png")
        # The prompt or the system message, and the answer.
        assert texts.count(plain(HOSTILE)) == 2
        # Why: a check in words, and the remark of a stage, which is as hostile.
        assert any("The answer does not decline. (refusal.full)" in text and plain(HOSTILE) in text for text in texts)
        assert editable(page) == HOSTILE
    assert seen == 2


def test_a_megabyte_is_seen_as_it_is(page: Any) -> None:
    texts = next(texts for texts in (shown(page, number) for number in (1, 2, 3)) if "Long?" in texts)
    assert editable(page) == LONG
    assert any(plain(LONG) == text for text in texts)
