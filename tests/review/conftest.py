"""What a person has who reviews for the first time: the commands, a folder, and a browser."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ASSAY = str(Path(sys.executable).parent / "assay")
# Two cold runs of everything on a busy machine.
PATIENCE = 300
SOURCE = Path(__file__).parent / "source"
SAMPLES = Path(__file__).parents[2] / "data" / "samples"
# Chromium speaks to nobody but the page it is told to open.
QUIET = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"  # noqa: E501

# All at once: the page may be on its way to the next record.
_FIELDS = """() => Object.fromEntries([...document.querySelectorAll(".fields > div")].map(field => [
    field.querySelector(".chat__title, .title-area").innerText.trim(),
    field.querySelector(".chat__wrapper, .content-area").innerText,
]))"""

SETTINGS = """\
annotation:
  tiers:
    crowd: {price: 2, annotators: [ana]}
    expert: {price: 50, annotators: [eva]}
  budget: {total: 200}
"""


class House(NamedTuple):
    """A working folder with a source in it, an assay.yaml and a store of its own."""

    folder: Path
    environment: dict[str, str]

    def assay(self, *words: str, code: int = 0) -> str:
        """What the command says on stdout; its exit code must be `code`."""
        return self.heard(*words, code=code)[0]

    def heard(self, *words: str, code: int = 0) -> tuple[str, str]:
        """What it says on stdout, and on the way."""
        done = subprocess.run(
            [ASSAY, *words], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == code, f"assay {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout, done.stderr

    def ask(self, *words: str, code: int = 0) -> dict[str, Any]:
        """What the command says with --json."""
        said: dict[str, Any] = json.loads(self.assay(*words, "--json", code=code))
        return said

    def python(self, code: str) -> dict[str, Any]:
        """What a script prints last, as JSON."""
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return said

    @property
    def passwords(self) -> dict[str, str]:
        accounts = json.loads((self.folder / "store" / "argilla" / "credentials.json").read_text())
        return {one["username"]: one["password"] for one in accounts}


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Nothing was ever reviewed in it. Only the environment of the Argilla server is the user's."""
    yield from _lived_in(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="session")
def other_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """As `house`, for whoever changes what is in it."""
    yield from _lived_in(tmp_path_factory.mktemp("other-house"))


def _lived_in(folder: Path) -> Iterator[House]:
    shutil.copytree(SOURCE, folder / "incoming")
    (folder / "assay.yaml").write_text(SETTINGS)
    yield from _stopped(House(folder, _environment(folder) | {"ASSAY_CACHE": str(folder / "cache")}))


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """As `house`, but with the project's samples, no assay.yaml, and what the user's cache has of them."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "data").symlink_to(SAMPLES.parent)
    yield from _stopped(House(folder, _environment(folder)))


def _environment(folder: Path) -> dict[str, str]:
    foreign = ("ASSAY_DATABASE_URL", "ARGILLA_API_URL", "ARGILLA_API_KEY", "PREFECT_API_URL")
    own = {"ASSAY_HOME": "store", "PREFECT_HOME": str(folder / "prefect")}
    return {name: value for name, value in os.environ.items() if name not in foreign} | own


def _stopped(house: House) -> Iterator[House]:
    yield house
    house.assay("annotate", "serve", "--stop")


class Sitting:
    """One annotator at one browser: logs in, opens a dataset, reads, answers. Remembers what the browser did."""

    def __init__(self, browser: Any, url: str, keep: Callable[[bytes, str], None]) -> None:
        self.url, self._keep = url, keep
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB")
        self.page.set_default_timeout(20_000)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)

    def log_in(self, name: str, password: str) -> None:
        self.page.goto(self.url)
        self.page.locator("input[name=Username]").fill(name)
        self.page.locator("input[name=Password]").fill(password)
        self.picture("login")
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_text("Your datasets").wait_for()

    def datasets(self) -> list[str]:
        """Those on the home page, as workspace/name."""
        self.page.goto(self.url)
        self.page.get_by_text("rows").first.wait_for()
        lines = [line.strip() for line in self.page.inner_text("body").splitlines() if line.strip()]
        return sorted(f"{lines[at - 1]}/{line}" for at, line in enumerate(lines) if line.startswith("assay-"))

    def open(self, dataset: str) -> None:
        self.page.goto(self.url)
        self.page.get_by_text(dataset, exact=True).first.click()
        self.page.get_by_text("Find similar").wait_for()

    def fields(self) -> dict[str, str]:
        """Title to text of the record that is shown, as the eye sees it."""
        found: dict[str, str] = self.page.evaluate(_FIELDS)
        return {title: text.replace("\u00a0", " ").strip() for title, text in found.items()}

    def total(self) -> int:
        """How many records the pager says there are."""
        return int(self.page.get_by_label("Total Records").inner_text().removeprefix("of"))

    def turn_to(self, question: str) -> None:
        """Page on to the record that asks this."""
        self._panel().focus()  # away from the answers
        for _ in range(self.total()):
            seen = asked(self.fields())
            if seen == question:
                return
            self.page.get_by_label("Next (→)").click()
            self.next_record([seen])

    def similar(self) -> list[str]:
        """What is asked in the record most similar to the one that is shown, and how similar it is."""
        before = asked(self.fields())
        self.page.get_by_role("button", name="Find similar").click()
        found = asked(self.next_record([before]))
        return [found, self.page.locator(".similarity-score, [class*=similarity]").last.inner_text()]

    def search(self, word: str) -> None:
        """With the loupe, in all texts."""
        self.page.locator(".search-area .--search").first.click()
        self.page.locator(".search-area input").first.fill(word)
        with self.page.expect_response(lambda answer: "records/search" in answer.url):
            self.page.keyboard.press("Enter")

    def filter_by_domain(self, domain: str) -> None:
        self.page.get_by_role("button", name="Filters").click()
        self.page.locator(".metadata-filter button").first.click()
        self.page.locator(".metadata-filter .category__item").get_by_text("Domain").click()
        with self.page.expect_response(lambda answer: "records/search" in answer.url):
            self.page.locator(".metadata-filter").get_by_text(domain, exact=True).click()

    def guidelines(self) -> str:
        """What the panel below the record says, opened."""
        self._panel().click()
        panel = self.page.locator(".resizable-h__down").first
        panel.locator("h1").wait_for()
        text: str = panel.inner_text()
        return text

    def close_guidelines(self) -> None:
        """Opened once, they stay open on every page."""
        self._panel().click()

    def _panel(self) -> Any:
        return self.page.locator("button.panel__header:visible").first

    def next_record(self, seen: Collection[str]) -> dict[str, str]:
        """The fields of the record that is shown, once it is not one of `seen` (see `asked`)."""
        for _ in range(100):
            fields = self.fields()
            if fields and asked(fields) not in seen:
                return fields
            self.page.wait_for_timeout(100)
        raise AssertionError(f"the page still shows {asked(fields)!r}")

    def choose(self, *options: str) -> None:
        """Each is QUESTION_VALUE. What a suggestion chose already stays: a click would take it away."""
        for option in options:
            label = self.page.locator(f"label[for={option}]")
            if "label-active" not in (label.get_attribute("class") or ""):
                label.click()

    def chosen(self, question: str) -> list[str]:
        active = self.page.locator(f'[aria-label="Question: {question}"] label.label-active')
        return [str(one.get_attribute("for")).removeprefix(f"{question}_") for one in active.all()]

    def write(self, question: str, text: str) -> None:
        """Instead of what stands there, key by key."""
        self.page.locator(f'[aria-label="Question: {question}"] [contenteditable]').click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.press("Delete")
        for number, line in enumerate(text.split("\n")):
            if number:
                self.page.keyboard.press("Enter")
            self.page.keyboard.type(line)

    def rank(self, *values: str) -> None:
        """Drag the answers into their places, the best first."""
        places = self.page.locator(".draggable__slot-box")
        for number, value in enumerate(values):
            self.page.locator(f"#{value}").drag_to(places.nth(number))

    def press(self, button: str) -> None:
        """Submit, Discard or Save as draft; until the server has taken it."""
        with self._taken():
            self.page.get_by_role("button", name=button).click()

    def press_key(self, key: str) -> None:
        """The same with the key that does it."""
        with self._taken():
            self.page.keyboard.press(key)

    def _taken(self) -> Any:
        return self.page.expect_response(
            lambda answer: "/responses" in answer.url and answer.request.method in ("POST", "PUT") and answer.ok
        )

    def picture(self, name: str) -> None:
        self.page.wait_for_timeout(400)  # the page's own fading in
        self._keep(self.page.screenshot(), f"annotate-{name}.png")


def asked(fields: dict[str, str]) -> str:
    """What is asked last in a record."""
    return fields.get("The prompt") or fields["What was said before"].splitlines()[-1]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Skips where there is no Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("there is no chromium in PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=QUIET.split())
        yield started
        started.close()


@pytest.fixture(scope="session")
def sit(browser: Any, pictures: Path, keep: Callable[[bytes, Path], None]) -> Callable[..., Sitting]:
    """A new sitting at the server of this address; its pictures are the guide's where no other folder is said."""
    return lambda url, folder=pictures: Sitting(browser, url, lambda seen, name: keep(seen, folder / name))
