"""The page answers its questions in order, adds up, says what it does not know, and obeys nobody."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines._page import SECTIONS, render_page, write_page
from pipelines._templates import TEMPLATES
from schemas.report import CheckFigures, Report, SourceFigures, Sources, Verdict

REPORTS = Path(__file__).parent / "reports"
Stored = Callable[[str], Report]
MapPoints = Callable[[int], pl.DataFrame]


def full_report() -> Report:
    """A run with something in every part, and with a verdict of FAILED."""
    return Report.model_validate_json((REPORTS / "full.json").read_bytes())


def empty_report() -> Report:
    """A run that read nothing: what could not be measured is null, and nothing judged it."""
    return Report.model_validate_json((REPORTS / "empty.json").read_bytes())


class Page(HTMLParser):
    """What a browser would make of a page: its elements, the text it shows, and the text under each heading."""

    INLINE = frozenset({"a", "b", "bdi", "code", "i", "mark", "small", "span"})
    VOID = frozenset({"meta", "img", "br", "link", "input"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.sections: dict[str, str] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "section":
            self.sections[str(dict(attrs)["id"])] = ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag not in self.INLINE:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.scripts.append(data)
        if {"style", "script"} & set(self.open):
            return
        self.texts.append(data)
        if self.sections and "section" in self.open:
            name = list(self.sections)[-1]
            self.sections[name] = re.sub(r"\s+", " ", self.sections[name] + data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))


KINDS = pytest.mark.parametrize("kind", ["full", "empty", "hostile"])


def test_questions_in_their_order() -> None:
    page = Page(render_page(full_report()))
    assert list(page.sections) == list(SECTIONS)
    for name, title in SECTIONS.items():
        assert page.sections[name].strip().startswith(title)
        assert ("a", {"href": f"#{name}"}) in page.tags


@KINDS
def test_every_page_is_well_formed_and_its_headings_step_down_one_at_a_time(stored: Stored, kind: str) -> None:
    page = Page(render_page(stored(kind)))
    assert page.open == []
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(later - earlier for earlier, later in pairwise(levels)) == 1
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


@KINDS
def test_pictures_have_words_and_table_heads_a_scope(stored: Stored, kind: str, map_points: MapPoints) -> None:
    page = Page(render_page(stored(kind), map_points=map_points(50)))
    assert all(attrs.get("scope") for tag, attrs in page.tags if tag == "th")
    assert all(attrs.get("alt") for tag, attrs in page.tags if tag == "img")
    for tag, attrs in page.tags:
        if tag == "svg":
            assert attrs.get("aria-hidden") == "true" or attrs.get("aria-label") or "viewbox" in attrs


@KINDS
def test_the_page_loads_nothing_and_runs_its_own_script_alone(stored: Stored, kind: str, map_points: MapPoints) -> None:
    html = render_page(stored(kind), map_points=map_points(50))
    page = Page(html)
    assert {tag for tag, _ in page.tags} & {"iframe", "object", "embed", "link", "base", "form"} == set()
    own = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    squares, script = page.scripts
    assert script == own
    assert [attrs for tag, attrs in page.tags if tag == "script"] == [{"type": "application/json", "id": "squares"}, {}]
    digest = b64encode(sha256(own.encode()).digest()).decode()
    (policy,) = [attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert f"script-src 'sha256-{digest}';" in str(policy)
    assert sum(square[1] for square in json.loads(squares)["squares"]) == 50
    assert "http:" not in html
    assert "https:" not in html
    for tag, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on")]
        assert str(attrs.get("src", "data:image/png;base64,")).startswith("data:image/png;base64,"), tag
        assert str(attrs.get("href", "#")) in {f"#{name}" for name in SECTIONS} | {"data_docs/index.html", "#"}


def test_hostile_text_is_shown_as_text_cut_and_with_its_controls_visible(stored: Stored) -> None:
    html = render_page(stored("hostile"))
    page = Page(html)
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "‹U+202E›" in page.text
    assert not set(html) & {"\u202e", "\x00", "\x1b", "\r"}
    assert len(html.encode()) < 500_000


def test_a_lone_surrogate_is_written_as_its_number(tmp_path: Any) -> None:
    report = full_report()
    report.run.name = "half \ud83d of a pair"
    assert "half ‹U+D83D› of a pair" in write_page(report, tmp_path / "report.html").read_text(encoding="utf-8")


def test_failed_names_each_unmet_demand_and_its_reason() -> None:
    verdict = Page(render_page(full_report())).sections["verdict"]
    assert "FAILED" in verdict
    assert "PASSED" not in verdict
    assert "2 of 6 demands are not met" in verdict
    assert "sources.refused: 1; required: at most 0 (no source was refused as a whole)" in verdict
    assert "diversity.vendi_share: could not be measured: not passed; required: at least 1" in verdict
    assert "−0.00646" in verdict


def test_passed_with_a_warning_says_both() -> None:
    report = full_report()
    assert report.gate is not None
    gate = Verdict(policy="house rules", passed=True, demands=report.gate.demands[4:])
    verdict = Page(render_page(report.model_copy(update={"gate": gate}))).sections["verdict"]
    assert "PASSED" in verdict
    assert "house rules" in verdict
    assert "1 demand that only warns is not" in verdict


def test_a_run_that_nothing_judged_is_not_called_passed() -> None:
    verdict = Page(render_page(empty_report())).sections["verdict"]
    assert "NOT JUDGED" in verdict
    assert "PASSED" not in verdict


def test_what_was_not_measured_says_so_and_is_no_zero() -> None:
    page = Page(render_page(empty_report()))
    assert "Vendi score: not measured" in page.sections["diversity"]
    assert "largest similarity between train and test not measured" in page.sections["splits"]
    assert "peak memory not measured" in page.sections["run"]
    assert "Tokens: not measured on any row" in page.sections["length"]
    assert "no benchmark was named" in page.sections["problems"]
    assert "nothing is proven" in page.sections["splits"]
    assert "sealed No link" not in page.sections["splits"]
    assert "0%" not in page.text


def flow_numbers(html: str, side: str) -> list[int]:
    labels = html.split(f'flow-side flow-{side}"', 1)[1].split("</svg>" if side == "left" else "</figure>", 1)[0]
    return [int(number.replace(",", "")) for number in re.findall(r"<span>([\d,]+) <i>", labels)]


def test_both_sides_of_the_flow_have_the_sum_of_the_ledger() -> None:
    html = render_page(full_report())
    assert sum(flow_numbers(html, "left")) == 57_642
    assert sum(flow_numbers(html, "right")) == 57_642
    assert "57,642 rows" in html


def test_rows_without_an_outcome_are_a_band_of_their_own() -> None:
    report = full_report()
    report.rows.outcomes["train"] -= 5
    report.rows.reconciles = False
    html = render_page(report)
    assert flow_numbers(html, "right")[-1] == 5
    assert sum(flow_numbers(html, "right")) == 57_642
    rows = Page(html).sections["rows"]
    assert "without an outcome" in rows
    assert "does not reconcile" in rows


def test_many_sources_share_a_band_and_the_table_has_them_all() -> None:
    report = full_report()
    files = [
        SourceFigures(source=f"feed/part-{at:03}.jsonl", status="read", shape="messages", rows=at, records=at)
        for at in range(1, 101)
    ]
    report.sources = Sources(read=100, refused=0, files=files)
    report.rows.outcomes = {**dict.fromkeys(report.rows.outcomes, 0), "train": 5050}
    html = render_page(report)
    assert len(flow_numbers(html, "left")) == 15
    assert sum(flow_numbers(html, "left")) == 5050
    assert "86 smaller sources" in html
    page = Page(html)
    assert "from 100 sources in feed/" in page.text
    assert " part-001.jsonl " in page.sections["rows"]


def test_a_refused_source_stands_with_its_reason() -> None:
    rows = Page(render_page(full_report())).sections["rows"]
    assert "raw/lfs.json: is a Git LFS pointer, not data; run git lfs pull" in rows
    assert "sum of 3 read, 1 refused" in rows


def test_findings_come_with_rows_that_show_them() -> None:
    problems = Page(render_page(full_report())).sections["problems"]
    assert "empty_completion drop The completion has at least one visible character." in problems
    assert "I'm sorry, but as an AI language model I cannot draw." in problems
    assert "2 checks found nothing: roles_alternate ▼ 0.1% before (4), a better share, starts_with_user" in problems
    assert "white space only" in problems
    assert "similarity 0.962" in problems
    assert "Which colours are called primary?" in problems
    assert "Tell me the primary colours." in problems


def test_an_expectation_that_could_not_run_is_a_failure() -> None:
    report = full_report()
    broken = report.expectations.results[0].model_copy(update={"success": False, "error": "no such column: quality"})
    report.expectations.results[0] = broken
    contract = Page(render_page(report)).sections["contract"]
    assert "could not be evaluated: no such column: quality" in contract
    assert contract.index("no such column") < contract.index("that hold")


def test_the_largest_page_stays_below_two_megabytes(map_points: MapPoints) -> None:
    report = full_report()
    shown = report.duplicates.near.examples[0]
    texts = {"prompt": "<&>" * 3_400, "completion": '"' * 10_000, "twin_prompt": "\u202e" * 10_000}
    long = [shown.model_copy(update=texts)] * 5
    check = CheckFigures(
        severity="drop", description="x" * 10_000, failed=1, failed_share=0.1, released=0, examples=long
    )
    report.checks.families = {f"family{at}": {f"check{n}": check for n in range(8)} for at in range(5)}
    assert len(render_page(report, map_points=map_points(52_002)).encode()) < 2_000_000


def test_the_map_counts_its_points_and_names_clusters_only_when_they_are_the_reports(map_points: MapPoints) -> None:
    points = map_points(4_000)
    other = Page(render_page(full_report(), map_points=points))
    assert "cluster 0" in other.sections["diversity"]
    report = full_report()
    report.diversity.cluster_sizes = [100] * 40
    assert "story, character, write, short 100" in Page(render_page(report, map_points=points)).sections["diversity"]
    alts = [str(attrs["alt"]) for tag, attrs in other.tags if tag == "img"]
    assert alts[2].startswith("Map by outcome: 4,000 points. train: 3,800. duplicate: 200.")
    assert alts[1].startswith(
        "Map by source: 4,000 points. alpaca_data: 1,334. dolly_3k: 1,333. oasst_en_trees: 1,333."
    )
    assert alts[3].startswith("Map by quality: 4,000 points. below 0.25:")


def test_the_map_is_coloured_by_choice_without_a_script(map_points: MapPoints) -> None:
    page = Page(render_page(full_report(), map_points=map_points(90)))
    choices = [attrs for tag, attrs in page.tags if tag == "input"]
    assert [attrs["id"] for attrs in choices] == ["map-cluster", "map-source", "map-outcome", "map-quality"]
    assert [attrs["id"] for attrs in choices if "checked" in attrs] == ["map-cluster"]
    assert {attrs["for"] for tag, attrs in page.tags if tag == "label"} == {attrs["id"] for attrs in choices}


def test_one_source_and_no_score_leave_their_colours_out(map_points: MapPoints) -> None:
    points = map_points(90).with_columns(source=pl.lit("raw/a.jsonl"), quality=pl.lit(None, pl.Float64))
    page = Page(render_page(full_report(), map_points=points))
    assert [attrs["id"] for tag, attrs in page.tags if tag == "input"] == ["map-cluster", "map-outcome"]


def test_points_without_a_place_draw_no_map(map_points: MapPoints) -> None:
    nowhere = map_points(3).with_columns(x=pl.lit(float("nan")))
    assert "Not drawn" in Page(render_page(full_report(), map_points=nowhere)).sections["diversity"]


def test_same_report_same_bytes_and_nothing_else_is_left(tmp_path: Any, map_points: MapPoints) -> None:
    first = write_page(full_report(), tmp_path / "report.html", map_points=map_points(500)).read_bytes()
    again = write_page(full_report(), tmp_path / "report.html", map_points=map_points(500)).read_bytes()
    assert first == again
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_an_outcome_is_shown_with_its_reasons() -> None:
    report = full_report()
    found = {f"structure.check{at}": 20 - at for at in range(8)}
    report.rows.reasons = {"dropped": found, "duplicate": {"duplicate.near": 1204}}
    rows = Page(render_page(report)).sections["rows"]
    assert "structure.check0 20, structure.check1 19" in rows
    assert "structure.check5 15 and 2 more" in rows
    assert "duplicate.near 1,204" in rows


def test_suspects_stand_beside_what_they_may_repeat_and_differing_words_are_marked() -> None:
    report = full_report()
    suspect = report.duplicates.near.examples[0].model_copy(
        update={
            "prompt": "How do I get rid of <moths> quickly?",
            "twin_prompt": "How do I get rid of <ants> quickly?",
            "twin_source": "raw/pests.jsonl",
            "twin_source_row": 7,
        }
    )
    report.duplicates.suspected_examples = [suspect]
    html = render_page(report)
    problems = Page(html).sections["problems"]
    assert "Suspected duplicates: 1 example" in problems
    assert "stays, and may say the same: pests.jsonl row 7" in problems
    assert "get rid of &lt;<mark>moths</mark>&gt; quickly" in html


def test_a_search_that_may_miss_pairs_says_so_and_an_exact_one_does_not() -> None:
    report = full_report()
    assert "full comparison" not in Page(render_page(report)).sections["problems"]
    report.duplicates.recall = 0.9923
    assert "it found 99.2% of the pairs that a full comparison finds" in Page(render_page(report)).sections["problems"]


def test_repairs_are_shown_before_and_after_and_as_what_a_run_would_make_of_them() -> None:
    report = full_report()
    page = render_page(report)
    assert "Nothing was edited" in page
    assert "makes 3 of 723, those that change no meaning" in page
    assert "May change a meaning, so a run only suggests it." in page
    assert "The <mark>cafÃ©</mark> version often" in page
    assert "The <mark>café</mark> version often" in page
    assert report.repairs is not None
    made = report.repairs.model_copy(update={"apply": "safe", "changed": 3})
    assert "were made, in 3 rows" in render_page(report.model_copy(update={"repairs": made}))
    assert "older than repairs are" in render_page(report.model_copy(update={"repairs": None}))


def test_of_an_index_the_page_says_that_only_words_were_compared() -> None:
    report = full_report()
    figures = report.contamination.model_copy(update={"by_words_only": ["humaneval"]})
    page = render_page(report.model_copy(update={"contamination": figures}))
    assert page.count("An index: by words only.") == 1
    assert "it holds no text" in page


def test_sources_are_named_below_the_folder_they_share() -> None:
    report = full_report()
    deep = "/a/very/long/way/down/to/where/the/data/of/this/run/lies/since/last/year/"
    for file in report.sources.files:
        file.source = deep + file.source
    page = Page(render_page(report))
    assert " 4 sources in …" in page.text
    assert "/lies/since/last/year/raw/ · seed" in page.text
    assert deep not in page.text
    assert " lfs.json " in page.sections["rows"]


def test_examples_mark_the_words_that_fail(stored: Stored) -> None:
    assert "an AI language model <mark>I cannot draw</mark>." in render_page(stored("full"))


def test_what_is_thin_is_told_with_a_row_that_shows_it(stored: Stored) -> None:
    diversity = Page(render_page(stored("full"))).sections["diversity"]
    assert "collect more of these" in diversity
    assert "medical domain 880 1.6% 3,685 more What does <b>aspirin</b> do?" in diversity
    assert "translate task 0 0% 3,424 more no released row" in diversity
    assert "general 20,000 18,897 6,103 0" in diversity


def test_lengths_stand_beside_the_window(stored: Stored) -> None:
    length = Page(render_page(stored("full"))).sections["length"]
    assert "is 4,096 tokens. Every released row fits; the longest fills 100% of it." in length
    assert "the context window 4,096" in length


def test_agreement_cost_and_forecast(stored: Stored) -> None:
    people = Page(render_page(stored("full"))).sections["people"]
    assert "crowd record: verdict 0.71 0.62 to 0.79 48" in people
    assert "expert pair: verdicteverybody gave the same answer undefined – 2" in people
    assert "crowd $86.50 46.4%" in people
    assert "4 tasks are open and ask for 7 more answers: $14.00, which is reserved." in people
    assert "At the rate of disagreement so far 1.5 will need somebody else to decide, for $75.00" in people
    assert "Forecast for everything: $275.50, of which $186.50 is spent." in people
    nobody = Page(render_page(stored("empty"))).sections["people"]
    assert "Not measured: no task was answered by two people." in nobody
    assert "so nothing was spent" in nobody


def test_how_splits_were_made_and_what_of_the_work_was_new(stored: Stored) -> None:
    page = Page(render_page(stored("full")))
    assert "follows from seed 42, until validation has 5.0% of the rows and test 5.0%" in page.sections["splits"]
    assert "checked records: by one check or more 57,635 2,640 4.6%" in page.sections["run"]
    assert "not counted in this release" in Page(render_page(stored("empty"))).sections["run"]


def test_advice_is_told_with_its_share_its_doubt_and_rows_that_show_it() -> None:
    report = full_report()
    assert report.advice is not None
    purpose = report.advice.purpose
    assert purpose is not None
    told = Page(render_page(report)).sections["advice"]
    assert f"{purpose.verdict.upper()}: {purpose.says}." in told
    assert f"Confidence {purpose.confidence}: {purpose.confidence_because}." in told
    assert purpose.evidence[0].record_id[:12] in told
    assert f"{report.advice.amount.thin[0].missing} more like cluster" in told
    assert "several adapters on one base are worth a try" in told
    assert "cannot be told" in Page(render_page(nobody_answers(report))).sections["advice"].lower()
    assert "before there was advice" in Page(render_page(empty_report())).sections["advice"]


def nobody_answers(report: Report) -> Report:
    assert report.advice is not None
    return report.model_copy(update={"advice": report.advice.model_copy(update={"purpose": None})})
