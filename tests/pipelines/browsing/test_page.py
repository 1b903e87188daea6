"""The page in a real browser: rows are found, one is read whole, what is said of it holds in the next run."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def test_rows_are_found_by_outcome_reason_score_split_and_text(visit: Callable[..., Any], shown: Any) -> None:
    seen = visit(shown)
    assert (seen.found(), seen.rows()) == ("13 of 13 rows", list(range(1, 14)))
    assert seen.choose("outcome", "duplicate").rows() == [8]
    assert seen.choose("outcome", "unreadable").rows() == [13]
    assert "cut <b>sho" in seen.page.inner_text(".tabulator-row")
    seen.choose("outcome", "")
    assert seen.choose("reason", "refusal.full").rows() == [10]
    seen.choose("reason", "")
    seen.choose("score", "n_tokens")
    seen.write("least", "18")
    seen.write("most", "20")
    # Two fields written one after the other are two questions; the list may still show the first one's answer.
    seen.page.wait_for_timeout(1_500)
    few = seen.rows()
    tokens = seen.page.locator(".tabulator-cell[tabulator-field=n_tokens]").all_inner_texts()
    assert 0 < len(few) == len(tokens) < 13
    assert all(18 <= int(number) <= 20 for number in tokens)
    seen.doing(lambda: seen.page.click("#clear"))
    assert seen.write("text", "CAPITAL OF france").rows() == [7, 8]
    assert seen.write("text", "nobody says this").found() == "0 of 13 rows"
    assert seen.page.inner_text(".tabulator-placeholder") == "No row is like that."
    in_train = seen.doing(lambda: seen.page.click("#clear")).choose("split", "train").rows()
    assert 8 not in in_train
    assert set(in_train) <= set(range(1, 13))


def test_a_text_is_literal_unless_it_is_said_to_be_a_regex(visit: Callable[..., Any], shown: Any) -> None:
    seen = visit(shown)
    assert seen.write("text", "(parentheses) in a+b").rows() == [12]
    assert seen.write("text", "sextant|trellis").found() == "0 of 13 rows"
    assert seen.doing(lambda: seen.page.check("#regex")).rows() == [4, 5]
    seen.page.fill("#text", "(sext")
    seen.page.wait_for_selector("#found.wrong")
    assert "'(sext' is no pattern" in seen.found()
    assert seen.write("text", "sext.nt").rows() == [4]
    seen.complaints.clear()  # the browser notes the refused pattern as well


def test_the_order_and_the_address_say_what_is_seen(visit: Callable[..., Any], shown: Any) -> None:
    seen = visit(shown)
    assert "key=" not in seen.page.url
    seen.choose("sort", "n_tokens")
    rising = [
        int(text)
        for text in seen.page.locator(".tabulator-cell[tabulator-field=n_tokens]").all_inner_texts()
        if text != "–"
    ]
    assert rising == sorted(rising)
    seen.doing(lambda: seen.page.check("#descending"))
    falling = [
        int(text)
        for text in seen.page.locator(".tabulator-cell[tabulator-field=n_tokens]").all_inner_texts()
        if text != "–"
    ]
    assert falling == rising[::-1]
    seen.write("text", "used to")
    there, rows = seen.page.url, seen.rows()
    seen.page.goto(there)
    seen.page.wait_for_selector(".tabulator-row")
    assert (seen.page.input_value("#text"), seen.page.input_value("#sort"), seen.rows()) == (
        "used to",
        "n_tokens",
        rows,
    )


def test_a_duplicate_is_told_beside_its_twin_with_the_words_that_differ(visit: Callable[..., Any], shown: Any) -> None:
    seen = visit(shown)
    story = seen.open(8)
    assert "duplicate.exact" in story
    assert [mark.strip() for mark in seen.page.locator("#story del").all_inner_texts()] == ["name", "france."]
    assert [mark.strip() for mark in seen.page.locator("#story ins").all_inner_texts()] == ["Name", "France."]
    seen.page.locator("#story a", has_text="raw.jsonl:7").first.click()
    seen.page.wait_for_selector("#story[data-near='6']")
    assert "Rows that name it as their twin" in seen.page.inner_text("#near")
    seen.page.go_back()
    seen.page.wait_for_selector("#story[data-row='7']")


def test_neighbours_are_the_closest_by_the_stored_vectors(visit: Callable[..., Any], shown: Any) -> None:
    seen = visit(shown)
    story = seen.open(1)
    assert "closest prompts by the vectors that the run stored" in story
    near = story.partition("Near neighbours")[2]
    assert near.index("Explain what a") < near.index("Give me a colour.")
    assert "raw.jsonl:1\n" not in near
    assert sum(address.endswith("/api/rows/0") for address in seen.asked) == 1


def test_each_finding_says_where_it_is_or_that_it_has_no_place(visit: Callable[..., Any], shown: Any) -> None:
    seen = visit(shown)
    seen.open(10)
    (quote, *_) = seen.page.locator("[data-finding='refusal.full'] mark").all_inner_texts()
    assert quote == "sorry, but I can't"
    assert quote in seen.page.locator(".messages mark.fails").first.inner_text()
    seen.open(9)
    empty = seen.page.locator("[data-finding='structure.empty_completion']").inner_text()
    assert empty == " – of the row as a whole: no words of it fail by themselves"
    assert seen.page.locator(".messages mark.fails").count() == 0


def test_hostile_text_is_shown_as_it_is_and_does_nothing(visit: Callable[..., Any], shown: Any) -> None:
    seen = visit(shown)
    seen.write("text", "onerror")
    story = seen.open(11)
    assert '<img src=x onerror="top.__ran=1"> <script>top.__ran=1</script> <b>bold</b> ‹U+202E›dellort' in story
    assert seen.page.locator(":is(#story, #rows) :is(img, script, b)").count() == 0
    assert seen.page.locator("#story .messages mark").first.inner_text() == "onerror"


def test_what_could_not_be_read_is_told_and_nothing_can_be_decided_of_it(visit: Callable[..., Any], shown: Any) -> None:
    seen = visit(shown)
    story = seen.open(13)
    assert "no record: the row could not be read" in story
    assert '{"instruction": "cut <b>sho' in story
    assert seen.page.locator("#story .decide").count() == 0


def test_what_should_not_have_been_dropped_comes_out_in_the_next_run(
    visit: Callable[..., Any], house: Any, show: Callable[..., Any]
) -> None:
    seen = visit(show(house))
    seen.open(9)
    seen.page.click("text=This should not have been dropped")
    assert seen.page.inner_text(".decide .wrong") == "Say why first."
    seen.page.fill("#why", "silence is an answer <i>too</i>")
    seen.doing(lambda: seen.page.click("text=This should not have been dropped"))
    assert "restore by Ann Lee: silence is an answer <i>too</i>" in seen.page.inner_text(".decide")
    assert "assay curate raw.jsonl --out release" in seen.page.inner_text(".decide .done")
    seen.open(1)
    seen.page.fill("#why", "we sell no hammers")
    seen.page.select_option("#because", "off_task")
    seen.doing(lambda: seen.page.click("text=This should have been dropped"))
    seen.open(2)
    seen.page.fill("#why", "a slip")
    seen.doing(lambda: seen.page.click("text=This should have been dropped"))
    seen.doing(lambda: seen.page.click("text=Take back what was decided by hand"))
    seen.doing(lambda: seen.page.check("#decided"))
    assert seen.rows() == [1, 9]
    ledger = house.run_again()
    assert ledger[9]["outcome"] in ("train", "validation", "test")
    assert ledger[9]["detail"] == "restored by Ann Lee: silence is an answer <i>too</i>"
    assert {"structure.empty_completion", "annotator.restore"} <= set(ledger[9]["notes"])
    assert (ledger[1]["outcome"], ledger[1]["reasons"]) == ("rejected", ["annotator.off_task"])
    assert ledger[1]["detail"] == "rejected by Ann Lee: we sell no hammers"
    assert ledger[2]["outcome"] in ("train", "validation", "test")
    # The page shows the new release without being started again.
    seen.page.reload()
    seen.page.wait_for_selector(".tabulator-row")
    assert seen.doing(lambda: seen.page.click("#clear")).choose("outcome", "rejected").rows() == [1]


def test_all_of_it_can_be_done_with_the_keyboard(
    visit: Callable[..., Any], house: Any, show: Callable[..., Any]
) -> None:
    seen = visit(show(house))
    seen.page.keyboard.press("/")
    seen.doing(lambda: seen.page.keyboard.type("say something"))
    seen.page.locator(".tabulator-row a").first.focus()
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_selector("#story[data-near]")
    assert seen.page.evaluate("document.activeElement.id") == "story"
    seen.page.keyboard.press("Tab")  # Close
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.type("wanted all the same")
    seen.page.keyboard.press("Tab")
    seen.doing(lambda: seen.page.keyboard.press("Enter"))
    assert "restore by Ann Lee: wanted all the same" in seen.page.inner_text(".decide")
    seen.page.keyboard.press("Escape")
    assert seen.page.locator("#story").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen(visit: Callable[..., Any], shown: Any, scheme: str) -> None:
    seen = visit(shown, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    seen.page.click("#more")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    seen.page.click("#more")
    seen.open(8)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    seen.page.click("text=Close")
    assert seen.page.locator("#filters").is_visible()
