"""The page in a real browser without a network: read by day and by night, on a phone, on paper, and by ear.

With ASSAY_SCREENSHOTS=1 the pictures of the README are made again on the way.
"""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from pipelines._page import write_page
from schemas.report import Report

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.slow

LOOKS = Path(__file__).with_name("looks.js").read_text(encoding="utf-8")


class Opened(NamedTuple):
    """A page in the browser, and what it did that it should not have."""

    page: Any
    asked: list[str]  # every address but its own
    said: list[str]  # errors, and dialogs

    def look(self, what: str) -> Any:
        """What looks.js finds."""
        return self.page.evaluate(f"({LOOKS}).{what}()")


Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip(f"no browser ({CHROMIUM})")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Open]:
    """Opens a file as a person does from disk, with no network; `every` opens what is folded, too."""
    contexts = []

    def open_file(path: Path, *, width: int = 1280, every: bool = False, **further: Any) -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **further)
        contexts.append(context)
        it = Opened(context.new_page(), [], [])
        it.page.on("request", lambda asked: it.asked.append(asked.url))
        it.page.on("console", lambda said: it.said.append(f"{said.type}: {said.text}"))
        it.page.on("pageerror", lambda error: it.said.append(str(error)))
        it.page.on("dialog", lambda dialog: (it.said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        it.page.goto(path.as_uri())
        if every:
            it.look("openAll")
        it.asked[:] = [url for url in it.asked if url != path.as_uri() and not url.startswith("data:image/png")]
        return it

    yield open_file
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def pages(
    demo: Path,
    tmp_path_factory: pytest.TempPathFactory,
    stored: Callable[[str], Report],
    map_points: Callable[[int], pl.DataFrame],
) -> dict[str, Path]:
    """The demo's own page; one of as many rows as Alpaca with something in every part; and one full of attacks."""
    folder = tmp_path_factory.mktemp("pages")
    for name, points in (("full", 52_002), ("hostile", 300)):
        write_page(stored(name), folder / f"{name}.html", map_points=map_points(points))
    return {"demo": demo / "report.html", **{name: folder / f"{name}.html" for name in ("full", "hostile")}}


PAGES = pytest.mark.parametrize("name", ["demo", "full", "hostile"])


@PAGES
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_by_day_and_by_night_every_text_stands_out_and_nothing_is_asked_of_anybody(
    pages: dict[str, Path], opened: Open, tmp_path: Path, name: str, scheme: str
) -> None:
    it = opened(pages[name], color_scheme=scheme, every=True)
    assert it.look("faint") == []
    assert (it.asked, it.said) == ([], [])
    it.page.screenshot(path=tmp_path / f"{name}-{scheme}.png")


@PAGES
@pytest.mark.parametrize("every", [False, True], ids=["folded", "opened"])
def test_on_a_phone_nothing_has_to_be_pushed_sideways(
    pages: dict[str, Path], opened: Open, tmp_path: Path, name: str, every: bool
) -> None:
    it = opened(pages[name], width=390, every=every)
    assert it.look("wide") == []
    it.page.screenshot(path=tmp_path / f"{name}-phone.png")


@PAGES
def test_who_hears_the_page_gets_its_outline_and_a_word_for_every_picture(
    pages: dict[str, Path], opened: Open, name: str
) -> None:
    it = opened(pages[name], every=True)
    levels = it.look("headings")
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert it.look("mute") == []
    assert it.page.locator("html").get_attribute("lang") == "en"


def test_the_guides_pictures_are_taken_of_the_demo(
    pages: dict[str, Path], opened: Open, pictures: Path, keep: Callable[[bytes, Path], None]
) -> None:
    """The verdict and the flow; and duplicates from their counts to two pairs side by side."""
    page = opened(pages["demo"], width=1080).page
    near = page.locator("details", has_text="Near duplicates")
    near.locator("summary").first.click()
    page.evaluate("scrollTo(0, 0)")  # boxes are told from what is in sight
    for name, first, last in (
        ("report-top", page.locator("body"), page.locator(".flow").first),
        ("report-duplicates", page.locator("h3:text-is('Duplicates')"), near.locator(".example").nth(1)),
    ):
        top, under = first.bounding_box()["y"] - 12, last.bounding_box()
        clip = {"x": 0, "y": max(top, 0), "width": 1080, "height": under["y"] + under["height"] + 12 - max(top, 0)}
        keep(page.screenshot(full_page=True, clip=clip), pictures / f"{name}.png")
        assert clip["height"] > 500


def test_without_a_script_all_is_there_and_the_map_is_coloured_by_choice(pages: dict[str, Path], opened: Open) -> None:
    page = opened(pages["demo"], java_script_enabled=False).page
    assert page.locator("h2").all_inner_texts()[:2] == ["May I train on this?", "Where did my rows go?"]
    for choice in ("cluster", "source", "outcome", "quality"):
        page.locator(f"label[for=map-{choice}]").click()
        assert [one.get_attribute("class") for one in page.locator(".map").all() if one.is_visible()] == [
            f"map map-{choice}"
        ]
    page.locator("#map-quality").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator(".map-outcome").is_visible()
    page.locator("summary").first.click()
    assert page.locator("details[open] .example").first.is_visible()


def column(page: Any, table: str, number: int) -> list[str]:
    """What stands in a column of a table, from the top; the table by its caption."""
    found = page.locator(f"table:has(caption:text-is('{table}')) tbody tr > :nth-child({number})")
    return [text.split()[0] for text in found.all_inner_texts() if text.strip()]


def test_a_table_is_sorted_by_a_click_or_a_key_and_comes_back(pages: dict[str, Path], opened: Open) -> None:
    it = opened(pages["full"])
    rows = lambda: column(it.page, "Outcomes", 3)  # noqa: E731
    made = rows()
    numbers = [int(text.replace(",", "")) for text in made[:-1]]
    head = it.page.locator("table:has(caption:text-is('Outcomes')) thead th").nth(2)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert [int(text.replace(",", "")) for text in rows()[:-1]] == sorted(numbers, reverse=True)
    assert rows()[-1] == made[-1]  # the sum
    head.get_by_role("button").focus()
    it.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [int(text.replace(",", "")) for text in rows()[:-1]] == sorted(numbers)
    it.page.keyboard.press("Space")
    assert (head.get_attribute("aria-sort"), rows()) == (None, made)
    name = it.page.locator("table:has(caption:text-is('Outcomes')) thead th").first
    name.get_by_role("button").click()
    assert name.get_attribute("aria-sort") == "ascending"
    assert column(it.page, "Outcomes", 1)[:-1] == sorted(column(it.page, "Outcomes", 1)[:-1])
    # 22.8 MB is more than 863 kB, and a refused source has no rows to sort by.
    sizes = it.page.locator("table:has(caption:text-is('Sources')) thead th").last
    sizes.get_by_role("button").click()
    by = it.page.locator("table:has(caption:text-is('Sources')) tbody tr:not(.sum) > :last-child")
    bytes_ = [int(one.get_attribute("data-by") or -1) for one in by.all()]
    assert bytes_ == sorted(bytes_, reverse=True)
    assert it.said == []


def test_the_map_says_what_lies_under_the_pointer_and_by_the_arrow_keys(pages: dict[str, Path], opened: Open) -> None:
    it = opened(pages["full"])
    picture = it.page.locator(".map-cluster img")
    picture.scroll_into_view_if_needed()
    says = it.page.locator(".map-cluster .spot-says")
    assert "Point at the map" in says.inner_text()
    picture.hover()
    pointed = says.inner_text()
    assert re.match(r"\d+ rows? here; most are of .+; most are (train|duplicate); mean quality 0\.\d\d\.", pointed)
    assert "One of them: “Prompt " in pointed
    assert "<script>" in pointed
    picture.focus()
    it.page.keyboard.press("ArrowRight")
    assert says.inner_text() not in ("", pointed)
    assert it.page.locator(".map-cluster .spot").bounding_box()["width"] == pytest.approx(
        picture.bounding_box()["width"] / 48, abs=1
    )
    assert it.said == []


def test_on_paper_every_map_and_every_folded_figure_is_printed(
    pages: dict[str, Path], opened: Open, tmp_path: Path
) -> None:
    printed = tmp_path / "demo.pdf"
    it = opened(pages["demo"], color_scheme="dark")
    it.page.emulate_media(media="print")
    it.page.pdf(path=printed, format="A4")
    assert printed.read_bytes().startswith(b"%PDF")
    assert len(it.look("maps")) == 4
    assert not it.page.locator("nav").is_visible()
    assert it.page.get_by_text("dedup.min_similarity").first.is_visible()
    # Paper is white, whatever the screen was.
    assert it.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert it.look("faint") == []


def test_attacks_are_read_as_text(pages: dict[str, Path], opened: Open) -> None:
    it = opened(pages["hostile"], every=True)
    assert "<script>alert(1)</script>" in it.page.locator("body").inner_text()
    assert it.page.locator("main script, iframe, form, link, img[src=x]").count() == 0
    assert it.page.locator("script").count() == 2  # what the map says, and what says it
    assert (it.asked, it.said) == ([], [])


ALPACA = Path(__file__).resolve().parents[3] / "shared" / "data" / "raw" / "alpaca_data.json.gz"
SLICE = 2_000


@pytest.fixture(scope="module")
def alpaca(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of the first 2,000 rows of Alpaca."""
    if not ALPACA.exists():
        pytest.skip(f"the public sets are not beside the project ({ALPACA.name})")
    from pipelines._course import make_release
    from schemas.settings import Settings

    folder = tmp_path_factory.mktemp("alpaca")
    rows = json.loads(gzip.decompress(ALPACA.read_bytes()))[:SLICE]
    (folder / "alpaca.json").write_text(json.dumps(rows), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_HOME", str(folder / "nobody"))
        make_release([str(folder / "alpaca.json")], folder / "release", Settings())
    return folder / "release"


def test_a_person_sees_the_verdict_on_alpaca_first_and_every_figure_adds_up(
    alpaca: Path, opened: Open, tmp_path: Path
) -> None:
    report = Report.model_validate_json((alpaca / "report.json").read_bytes())
    assert report.gate is not None
    for width, height in ((1280, 900), (390, 844)):
        it = opened(alpaca / "report.html", width=width)
        word = it.page.locator("#verdict .word")
        assert ("PASSED" if report.gate.passed else "FAILED") in word.inner_text()
        assert (it.look("wide"), it.look("faint"), it.said) == ([], [], [])
        it.page.screenshot(path=tmp_path / f"alpaca-{width}.png")
        if width > 1000:
            assert word.bounding_box()["y"] < height  # on the first screen
    for side in ("left", "right"):
        labels = it.page.locator(f".flow-{side} span").all_text_contents()
        assert sum(int(label.split()[0].replace(",", "")) for label in labels) == SLICE
    outcomes = [int(text.replace(",", "")) for text in column(it.page, "Outcomes", 3)]
    assert outcomes[-1] == sum(outcomes[:-1]) == SLICE
    splits = [int(text.replace(",", "")) for text in column(it.page, "Splits", 2)]
    assert splits[-1] == sum(splits[:-1]) == report.rows.released
    squares = json.loads(it.page.locator("#squares").text_content())["squares"]
    assert sum(square[1] for square in squares) == report.diversity.embedded
    # Texts of Alpaca stand beside what was found in them.
    it.look("openAll")
    assert it.page.locator(".example .text").first.inner_text().strip()
    assert it.look("wide") == []
    assert (alpaca / "report.html").stat().st_size < 2_000_000


def test_the_data_docs_open_from_disk_too(demo: Path, opened: Open, tmp_path: Path) -> None:
    """Every page of Great Expectations, as the demo's release has them."""
    docs = sorted((demo / "data_docs").rglob("*.html"))
    assert demo / "data_docs" / "index.html" in docs
    for number, page in enumerate(docs):
        it = opened(page, width=390)
        assert (it.asked, it.said, it.look("wide")) == ([], [], []), page
        it.page.screenshot(path=tmp_path / f"docs-{number}.png")
    page = opened(demo / "report.html").page
    page.get_by_text("The Data Docs beside this page").click()
    assert page.url == (demo / "data_docs" / "index.html").as_uri()
