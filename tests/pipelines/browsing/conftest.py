"""A small release full of what people look for, the real command that shows it, and a real browser."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
HOSTILE = '<img src=x onerror="top.__ran=1"> <script>top.__ran=1</script> <b>bold</b> \u202edellort'
FACTS = {
    "hammer": "to drive nails into wood",
    "kettle": "to boil water for tea or coffee",
    "ledger": "to write down what was earned and spent",
    "sextant": "to find a ship's place by the stars",
    "trellis": "to hold climbing plants upright",
    "prism": "to split white light into colours",
}
ROWS = [
    *(
        {"instruction": f"Explain what a {thing} is for.", "output": f"A {thing} is used {use}."}
        for thing, use in FACTS.items()
    ),
    {"instruction": "Name the capital of France.", "output": "The capital of France is Paris."},
    {"instruction": "name the capital of france.", "output": "The capital of France is Paris."},
    {"instruction": "Say something.", "output": ""},
    {"instruction": "Give me a colour.", "output": "I'm sorry, but I can't help with that request."},
    {"instruction": f"What does this mean? {HOSTILE}", "output": f"It is written so: {HOSTILE}"},
    {"instruction": "Count the (parentheses) in a+b.", "output": "There is one pair of them (around a word)."},
]  # fmt: skip
"""From row 7 on: a capital and its duplicate, no answer, a refusal, hostile text, and what a regex reads otherwise."""


class Shown(NamedTuple):
    """`assay browse` at work."""

    address: str  # with the key
    said: list[str]

    @property
    def url(self) -> str:
        return self.address.partition("/?")[0]

    @property
    def key(self) -> str:
        return parse_qs(urlsplit(self.address).query)["key"][0]


class House(NamedTuple):
    """A source, a release of it, and a store of decisions, in a folder of their own."""

    folder: Path
    environment: dict[str, str]

    @property
    def release(self) -> Path:
        return self.folder / "release"

    def assay(self, *words: str, code: int = 0) -> str:
        """What the command says; its exit code must be `code`."""
        call = [sys.executable, "-m", "pipelines.cli", *words]
        done = subprocess.run(call, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stderr

    def run_again(self) -> dict[int, dict[str, Any]]:
        """The next run on the same source: the ledger, by row."""
        import polars as pl

        self.assay("curate", "raw.jsonl", "--out", "release")
        return {row["source_row"]: row for row in pl.read_parquet(self.release / "ledger.parquet").to_dicts()}


def house_of(folder: Path, cache: Path) -> House:
    here = str(Path(__file__).parents[3])
    foreign = ("ASSAY_DATABASE_URL", "PREFECT_API_URL")
    own = {"ASSAY_HOME": str(folder / "store"), "ASSAY_CACHE": str(cache), "PREFECT_API_URL": "", "PYTHONPATH": here}
    return House(folder, {name: value for name, value in os.environ.items() if name not in foreign} | own)


@pytest.fixture(scope="session")
def made(store: Path, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A release nobody may change, with a row that could not be read at its end."""
    house = house_of(tmp_path_factory.mktemp("browsed"), store)
    lines = [json.dumps(row) for row in ROWS]
    (house.folder / "raw.jsonl").write_text("\n".join([*lines, '{"instruction": "cut <b>sho']) + "\n")
    house.assay("curate", "raw.jsonl", "--out", "release")
    return house


@pytest.fixture
def house(made: House, store: Path, tmp_path: Path) -> House:
    """A copy, with an empty store, for whoever decides something."""
    mine = house_of(tmp_path / "house", store)
    shutil.copytree(made.folder, mine.folder)
    return mine


@pytest.fixture(scope="session")
def show() -> Iterator[Callable[..., Shown]]:
    """Starts `assay browse` on a house's release; all are stopped at the end, and must end well."""
    running: list[subprocess.Popen[str]] = []

    def start(house: House, *more: str, release: Path | None = None) -> Shown:
        words = ["browse", str(release or "release"), "--port", "0", "--no-open", "--by", "Ann Lee", *more]
        call = [sys.executable, "-u", "-m", "pipelines.cli", *words]
        process = subprocess.Popen(
            call, cwd=house.folder, env=house.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        running.append(process)
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line.rstrip())
            if line.startswith("stop"):
                break
        addresses = [line.split()[-1] for line in said if line.startswith("browse")]
        assert addresses, "\n".join(said)
        return Shown(addresses[0], said)

    yield start
    for process in running:
        process.send_signal(signal.SIGTERM)
    rest = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(running), rest


@pytest.fixture(scope="session")
def shown(made: House, show: Callable[..., Shown]) -> Shown:
    """The release that nobody changes, shown."""
    return show(made)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip(f"no browser ({CHROMIUM})")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


# When the person did something, by the page's own clock.
_DID = """for (const kind of ["pointerdown", "keydown", "input", "change"])
    addEventListener(kind, () => { window.did = performance.now(); }, {capture: true});"""
# Resolves with the milliseconds from there to the second frame after `name` of the element changed: then it is seen.
_SEEN = """([selector, name, before]) => new Promise(done => {
    const element = document.querySelector(selector);
    const look = () => (element.dataset[name] ?? "0") !== before;
    const end = () => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - window.did)));
    if (look()) { end(); return; }
    const watch = new MutationObserver(() => { if (look()) { watch.disconnect(); end(); } });
    watch.observe(element, {attributes: true});
})"""


class Visit:
    """Somebody at the page. What the browser complains of is remembered."""

    def __init__(self, browser: Any, address: str, **look: Any) -> None:
        self.page = browser.new_page(**{"viewport": {"width": 1400, "height": 900}, "locale": "en-GB", **look})
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.set_default_timeout(60_000)
        self.page.add_init_script(_DID)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.goto(address)
        self.page.wait_for_selector(".tabulator-row")

    def doing(self, what: Callable[[], Any]) -> "Visit":
        """Do it and wait until the list has answered."""
        self.timed(what)
        return self

    def timed(self, what: Callable[[], Any], selector: str = "body", name: str = "answered") -> float:
        """Do it; milliseconds from the last click, key or change to when the answer is seen, by the page's clock."""
        read = "([selector, name]) => document.querySelector(selector).dataset[name] ?? '0'"
        before = self.page.evaluate(read, [selector, name])
        what()
        took: float = self.page.evaluate(_SEEN, [selector, name, before])
        return took

    def choose(self, field: str, value: str) -> "Visit":
        return self.doing(lambda: self.page.select_option(f"#{field}", value))

    def write(self, field: str, text: str) -> "Visit":
        return self.doing(lambda: self.page.fill(f"#{field}", text))

    def rows(self) -> list[int]:
        """The source's rows that are listed, in order."""
        found = self.page.locator(".tabulator-row .tabulator-cell[tabulator-field=source] a").all_inner_texts()
        return [int(text) for text in found]

    def found(self) -> str:
        text: str = self.page.inner_text("#found")
        return text

    def open(self, row: int) -> str:
        """The story of the source's row, neighbours and all."""
        self.page.evaluate("delete document.getElementById('story').dataset.near")
        self.page.locator(".tabulator-row a", has_text=f"{row}").get_by_text(str(row), exact=True).click()
        self.page.wait_for_selector("#story[data-near]")
        text: str = self.page.inner_text("#story")
        return text


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Opens the page; each must leave without a complaint, and having asked nobody but its server."""
    visits: list[tuple[Visit, str]] = []

    def come(shown: Shown, **look: Any) -> Visit:
        visits.append((Visit(browser, shown.address, **look), shown.url))
        return visits[-1][0]

    yield come
    for one, url in visits:
        assert one.page.evaluate("top.__ran") is None
        assert one.complaints == []
        assert {address.partition("/")[0] for address in one.asked if not address.startswith((url, "data:"))} == set()
        one.page.close()
