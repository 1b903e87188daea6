"""The questions as a page, in a real browser: one answers, closes it, comes back, saves, and the answers count."""

import json
import shutil
from pathlib import Path

import pytest

from pipelines.calibration.candidates import Question, Shown
from pipelines.calibration.elsewhere import read_answers, write_questions

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\u202e"


def test_answers_given_in_the_page_are_read_back(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    questions = [Question(f"a:{n}", (Shown(f"Why {n}?", HOSTILE), Shown("How?", "So."))) for n in range(3)]
    page_file = tmp_path / "questions.html"
    write_questions(questions, "Are they the same?", page_file, "draw")
    assert "<img" not in page_file.read_text(encoding="utf-8")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(accept_downloads=True).new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text))
        page.goto(page_file.as_uri())
        assert page.title() == "Assay: 3 questions"
        page.locator("fieldset").nth(0).get_by_label("yes").check()
        page.locator("fieldset").nth(2).get_by_label("no").check()
        page.reload()
        assert page.locator("#done").inner_text() == "2 of 3 answered"
        with page.expect_download() as saved:
            page.locator("#save").click()
        saved.value.save_as(tmp_path / "answers.jsonl")
        assert page.title() == "Assay: 3 questions"
        browser.close()
    assert complaints == []
    assert [json.loads(line)["id"] for line in (tmp_path / "answers.jsonl").read_text().splitlines()] == ["a:0", "a:2"]
    found = read_answers(tmp_path / "answers.jsonl", [question.id for question in questions])
    assert found.answers == {"a:0": "yes", "a:2": "no"}
