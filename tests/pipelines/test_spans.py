"""What is marked in an example is what fails the check, and nothing where a text fails as a whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from checks.registry import CHECKS
from pipelines import _spans
from pipelines._examples import CHARACTERS, shown
from pipelines._marks import highlighted
from pipelines._spans import marked, remembered_marks
from schemas.report import Span

MakeRecords = Callable[[list[dict[str, Any]]], pl.DataFrame]
REFUSES = "I'm sorry, but I can't help with that request."


def words(make_records: MakeRecords, reason: str, *rows: dict[str, Any]) -> list[list[str]]:
    """The words marked in each row, which must fail the check."""
    asked = [{"prompt": "What is it?", "completion": "It is that.", **row} for row in rows]
    found = marked(make_records(asked), CHECKS[reason])
    return [
        [row[it.text][start:end] for start, end in it.places] if it else []
        for row, it in zip(asked, found, strict=True)
    ]


@pytest.mark.parametrize(
    ("reason", "row", "said"),
    [
        ("refusal.full", {"completion": REFUSES}, ["sorry, but I can't"]),
        ("refusal.ai_disclaimer", {"completion": "Well. As an AI, I find it nice."}, ["As an AI,"]),
        ("formatting.role_markers", {"completion": "Yes, please.\nAssistant: Here you are."}, ["Assistant:"]),
        ("formatting.open_code_fence", {"completion": "Here:\n```python\nprint(1)"}, ["```python"]),
        ("formatting.template_in_prompt", {"prompt": "Say <|im_start|> twice."}, ["<|im_start|>"]),
        ("formatting.absent_media", {"prompt": "What does the attached photo show?"}, ["attached photo"]),
        (
            "safety.email_address",
            {"completion": "Write to ada.byron@office.halden today."},
            ["ada.byron@office.halden"],
        ),
    ],
)
def test_the_words_that_fail(make_records: MakeRecords, reason: str, row: dict[str, Any], said: list[str]) -> None:
    assert words(make_records, reason, row) == [said]


def test_several_places_are_marked_and_each_row_is_looked_at_by_itself(make_records: MakeRecords) -> None:
    found = words(
        make_records,
        "formatting.html_entities",
        {"completion": "Salt&nbsp;and pepper, bread&nbsp;and butter."},
        {"completion": "Fish &amp; chips."},
    )
    assert found == [["Salt&nbsp;and", "bread&nbsp;and"], ["&amp;"]]


@pytest.mark.parametrize(
    ("reason", "row"),
    [
        ("structure.empty_completion", {"completion": ""}),
        ("length.over_max_tokens", {"completion": "word " * 60}),
        ("constraints.word_limit", {"prompt": "Name it in one word.", "completion": "Ruth and Molly"}),
        (
            "formatting.unfinished",
            {"completion": "The first line ends.\n" + "And the last one goes on and on " * 8 + "to"},
        ),
        ("formatting.html_entities", {"completion": "word " * 500 + "&amp;"}),
    ],
)
def test_what_fails_as_a_whole_or_is_too_long_to_search_has_no_mark(
    make_records: MakeRecords, reason: str, row: dict[str, Any]
) -> None:
    assert words(make_records, reason, row) == [[]]


def test_marks_are_found_once_for_what_a_check_reads(
    make_records: MakeRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "word " * 500 + "&amp;"
    refused = make_records([{"prompt": "What is it?", "completion": said} for said in (REFUSES, "No. " + REFUSES)])
    tagged = make_records([{"prompt": "What is it?", "completion": said} for said in ("A &amp; B.", long)])
    failing = [(refused, CHECKS["refusal.full"]), (tagged, CHECKS["formatting.html_entities"])]
    plain = [marked(*each) for each in failing]
    # Of a check that reads measures alone there is nothing to mark.
    measured = (tagged, CHECKS["language.foreign"])
    assert remembered_marks([measured, *failing], str(tmp_path / "other")) == [[None, None], *plain]
    assert remembered_marks(failing, None) == remembered_marks(failing, str(tmp_path)) == plain
    assert plain[1][1] is None
    asked: list[int] = []
    monkeypatch.setattr(_spans, "marked", lambda rows, check: asked.append(rows.height) or marked(rows, check))
    another = make_records([{"prompt": "What else is it?", "completion": "A &amp; B."}])
    failing[1] = (pl.concat([tagged, another]), failing[1][1])
    assert remembered_marks(failing, str(tmp_path)) == [plain[0], [*plain[1], marked(*failing[1])[2]]]
    assert asked == [1]


def test_an_example_is_cut_around_its_mark(make_records: MakeRecords) -> None:
    completion = "All is well here. " * 60 + "Fish &amp; chips. " + "All is well here. " * 20
    records = make_records([{"prompt": "What?", "completion": completion}]).with_columns(
        outcome=pl.lit("train"), twin=pl.lit(None, pl.String), similarity=pl.lit(None, pl.Float64), detail=pl.lit(None)
    )
    (example,) = shown(records, records, marked(records, CHECKS["formatting.html_entities"]))
    (span,) = example.spans
    assert example.completion is not None
    assert example.completion[span.start : span.end] == "&amp;"
    assert (example.completion[0], example.completion[-1]) == ("…", "…")
    assert len(example.completion) == CHARACTERS + 2


def test_a_mark_hides_nothing_and_obeys_nobody() -> None:
    text = "x" * 500 + "<b>\u202e here</b>" + "y" * 500
    said = str(highlighted(text, [Span(text="prompt", start=500, end=509)], 90))
    assert "<mark>&lt;b&gt;‹U+202E› here</mark>&lt;/b&gt;" in said
    assert said.startswith("[…] xxx")
    assert said.endswith(" […]")
    assert len(said) < 200
