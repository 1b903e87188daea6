"""The dataset's contract: what the release, the ledger and the policy's figures must hold."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from checks.contract.frames import figure
from checks.contract.offline_html import offline_page
from checks.contract.run import Contract
from checks.registry import Check, Severity
from schemas.policy import DEFAULT_POLICY, Demand, Policy
from schemas.report import ExpectationResult, Expectations

CHECKS = [
    Check("structure", "empty_completion", Severity.DROP, "The completion has a visible character.", pl.lit(True)),
    Check("refusal", "full", Severity.REVIEW, "The completion is not a refusal.", pl.lit(True)),
    Check("length", "long_prompt", Severity.NOTE, "The prompt is not unusually long.", pl.lit(True)),
]
EMPTY, REFUSAL, LONG = (check.column for check in CHECKS)
ONE_DEMAND = Policy(demands=(Demand(figure="rows.released", min=1),))
FIGURES: dict[str, object] = {"rows": {"released": 3}}


def row(number: int, outcome: str = "train", **columns: object) -> dict[str, object]:
    released = outcome in ("train", "validation", "test")
    usual: dict[str, object] = {
        "record_id": hashlib.sha256(str(number).encode()).hexdigest(),
        "source": "questions.jsonl",
        "source_row": number,
        "kind": "sft",
        "language": "en",
        "n_tokens": 12,
        "quality": 0.7,
        "outcome": outcome,
        "split": outcome if released else None,
        "decision": None,
        EMPTY: outcome != "dropped",
        REFUSAL: outcome != "review",
        LONG: True,
    }
    return usual | columns


def good() -> list[dict[str, object]]:
    return [row(1), row(2, "validation"), row(3, "test"), row(4, "dropped"), row(5, "review"), row(6, "duplicate")]


def contract(
    rows: list[dict[str, object]],
    figures: dict[str, object] = FIGURES,
    *,
    policy: Policy = ONE_DEMAND,
    checks: list[Check] = CHECKS,
    docs: Path | None = None,
) -> Expectations:
    frame = pl.DataFrame(rows, infer_schema_length=None)
    frame = frame.cast({"decision": pl.String}) if rows else frame
    with Contract(frame, checks=checks, policy=policy, docs=docs, run_name="a test") as begun:
        return begun.finish(figures)


def broken(expectations: Expectations) -> list[ExpectationResult]:
    return [result for result in expectations.results if not result.success]


def broken_columns(expectations: Expectations) -> list[str | None]:
    return [result.column for result in broken(expectations)]


def test_a_sound_release_holds_and_says_in_sentences_what_was_asked() -> None:
    found = contract(good())
    assert broken(found) == []
    assert found.success
    assert (found.evaluated, found.successful, found.not_evaluated) == (len(found.results), len(found.results), 0)
    sentences = {result.column: result.sentence for result in found.results}
    assert sentences[EMPTY] == (
        "Every released row passes structure.empty_completion: The completion has a visible character"
    )
    assert sentences[LONG].startswith("At least half of the released rows pass length.long_prompt")
    assert sentences["rows.released"] == "rows.released is at least 1"
    assert [result.suite for result in found.results] == sorted(
        (result.suite for result in found.results), key=["release", "ledger", "policy"].index
    )


def test_a_released_row_that_fails_a_deciding_check_breaks_the_contract() -> None:
    failing = row(7, **{EMPTY: False})
    unknown = row(8, **{REFUSAL: None})
    found = contract([*good(), failing, unknown])
    verdicts = [(r.suite, r.column, r.severity, r.unexpected, r.observed) for r in broken(found)]
    assert verdicts == [
        ("release", EMPTY, "critical", 1, f"1 of 5 rows fail, for example {str(failing['record_id'])[:12]}"),
        ("release", REFUSAL, "critical", 1, f"1 of 5 rows fail, for example {str(unknown['record_id'])[:12]}"),
    ]
    assert "structure.empty_completion" in broken(found)[0].sentence
    assert (found.success, found.critical_failures) == (False, 2)


def test_people_may_release_what_a_check_doubts_and_not_what_one_refuses() -> None:
    accepted = [*good(), row(7, **{REFUSAL: False, "decision": "accept"})]
    assert broken(contract(accepted)) == []
    refused = [*good(), row(7, **{EMPTY: False, "decision": "accept"})]
    assert broken_columns(contract(refused)) == [EMPTY]


def test_notes_inform_and_never_decide() -> None:
    one_in_three = contract([row(1), row(2), row(3, **{LONG: False})])
    assert broken(one_in_three) == []
    (note,) = [result for result in one_in_three.results if result.column == LONG]
    assert (note.unexpected, note.severity) == (1, "info")

    all_of_them = contract([row(number, **{LONG: False}) for number in (1, 2, 3)])
    assert broken_columns(all_of_them) == [LONG]
    assert all_of_them.success
    assert (all_of_them.critical_failures, all_of_them.warning_failures) == (0, 0)


def test_a_release_of_nothing_fails_though_every_rule_about_its_rows_holds() -> None:
    nothing_released = contract([row(1, "dropped"), row(2, "review")])
    assert [result.sentence for result in broken(nothing_released)] == ["At least one row is released"]
    assert not nothing_released.success

    nothing_at_all = contract([])
    assert {"At least one row is released", "At least one row was readable"} <= {
        result.sentence for result in broken(nothing_at_all)
    }
    assert not nothing_at_all.success


def test_what_cannot_be_evaluated_has_not_passed() -> None:
    without = [{name: value for name, value in one.items() if name not in (EMPTY, "n_tokens")} for one in good()]
    found = contract(without)
    silent = [result for result in found.results if result.error]
    assert {result.column for result in silent} == {EMPTY, "n_tokens"}
    assert all("does not exist" in str(result.error) and not result.success for result in silent)
    assert (found.success, found.not_evaluated) == (False, 3)
    assert found.evaluated == len(found.results) - 3


def test_each_rule_catches_the_row_it_is_about() -> None:
    faults: list[tuple[dict[str, object], str]] = [
        ({"record_id": "not a hash"}, "Every record_id is a SHA-256 in 64 hexadecimal digits"),
        ({"record_id": None}, "Every released row has a record_id"),
        ({"record_id": hashlib.sha256(b"1").hexdigest()}, "No two released rows share a record_id"),
        ({"split": "test"}, "The split of a released row is its outcome"),
        ({"split": None}, "Every released row has a split"),
        ({"split": "holdout"}, "Every split is train, validation or test"),
        ({"n_tokens": 0}, "Every released row has at least one token"),
        ({"n_tokens": None}, "The length in tokens is known for every released row"),
        ({"quality": 1.2}, "Quality, where it could be scored, lies between 0 and 1"),
        ({"kind": "essay"}, "Every kind is sft, preference or kto"),
        ({"kind": None}, "Every readable row has a kind"),
        ({"source": None}, "Every readable row names its source"),
        ({"source_row": 0}, "Rows of a source are counted from 1"),
        ({"source_row": None}, "Every readable row says where it stood in its source"),
        ({"outcome": "unreadable", "split": None}, "Every outcome is one the ledger knows for a readable row"),
        ({"outcome": None, "split": None}, "Every readable row has an outcome"),
        ({"outcome": "duplicate"}, "No row outside the release has a split"),
        ({"outcome": "dropped", "split": None}, "Every dropped row fails at least one check that drops"),
    ]
    faulty = [row(number) | change for number, (change, _) in enumerate(faults, start=7)]
    found = contract([*good(), *faulty])
    caught = {result.sentence: result for result in broken(found)}
    # The row without a record_id is released and readable, so both suites say it.
    assert set(caught) == {sentence for _, sentence in faults} | {"Every readable row has a record_id"}
    for (_, sentence), culprit in zip(faults, faulty, strict=True):
        assert str(culprit["record_id"])[:12] in str(caught[sentence].observed), sentence
        assert caught[sentence].severity == "critical"
    assert (found.success, found.not_evaluated, found.critical_failures) == (False, 0, len(caught))


def test_a_quality_that_could_not_be_scored_is_said_and_allowed() -> None:
    found = contract([*good(), row(7, quality=None)])
    (said,) = broken(found)
    assert (said.severity, said.sentence) == ("info", "Quality could be scored for every released row")
    assert found.success


def test_the_policy_is_a_suite_over_the_reports_figures() -> None:
    policy = Policy(
        demands=(
            Demand(figure="rows.released", min=1, max=2, why="small on purpose."),
            Demand(figure="rows.reconciles", equals=True),
            Demand(figure="run.name", equals="nightly"),
            Demand(figure="rows.review_share", max=0.2, severity="warn"),
            Demand(figure="rows.released", min=1, equals=4),
            Demand(figure="checks.refusal.full.released", max=0),
        )
    )
    figures: dict[str, object] = {
        "rows": {"released": 3, "reconciles": True, "review_share": 0.3},
        "run.name": "nightly",
        "checks": {"families": {"refusal": {"full": {"released": 0}}}},
    }
    found = contract(good(), figures, policy=policy)
    verdicts = [(r.sentence, r.success, r.severity, r.observed) for r in found.results if r.suite == "policy"]
    assert verdicts == [
        ("rows.released is at least 1 and at most 2: small on purpose", False, "critical", "3"),
        ("rows.reconciles is equal to True", True, "critical", "True"),
        ("run.name is equal to nightly", True, "critical", "nightly"),
        ("rows.review_share is at most 0.2", False, "warning", "0.3"),
        ("rows.released is at least 1", True, "critical", "3"),
        ("rows.released is equal to 4", False, "critical", "3"),
        ("checks.refusal.full.released is at most 0", True, "critical", "0"),
    ]
    assert (found.critical_failures, found.warning_failures, found.success) == (2, 1, False)


def test_a_warning_alone_does_not_break_the_contract() -> None:
    policy = Policy(demands=(Demand(figure="rows.released", min=1), Demand(figure="x", max=1, severity="warn")))
    found = contract(good(), {"rows": {"released": 3}, "x": 2}, policy=policy)
    assert broken_columns(found) == ["x"]
    assert (found.success, found.warning_failures, found.critical_failures) == (True, 1, 0)


def test_a_figure_that_was_not_measured_never_passes() -> None:
    bounds: list[dict[str, object]] = [{"min": 0}, {"max": 9}, {"equals": True}, {"equals": "yes"}, {"equals": 0}]
    names = ("null", "absent", "not_a_number", "a_list")
    demands = [Demand.model_validate({"figure": name, **bound}) for name in names for bound in bounds]
    figures: dict[str, object] = {"null": None, "not_a_number": float("nan"), "a_list": [1]}
    found = contract(good(), figures, policy=Policy(demands=tuple(demands)))
    assert broken_columns(found) == [demand.figure for demand in demands]
    assert not found.success


def test_a_bound_on_a_word_is_not_evaluated() -> None:
    found = contract(good(), {"run": {"name": "nightly"}}, policy=Policy(demands=(Demand(figure="run.name", min=1),)))
    (result,) = broken(found)
    assert result.error is not None
    assert (found.success, found.not_evaluated, found.critical_failures) == (False, 1, 0)


def test_demands_on_the_contracts_own_result_are_left_to_the_gate() -> None:
    circular = Policy(demands=(Demand(figure="expectations.critical_failures", max=0),))
    found = contract(good(), {}, policy=circular)
    assert found.success
    assert {result.suite for result in found.results} == {"release", "ledger"}
    default = contract(good(), {}, policy=DEFAULT_POLICY)
    assert not [result for result in default.results if str(result.column).startswith("expectations.")]
    assert not default.success


def test_words_from_an_enum_column_and_a_run_without_checks() -> None:
    frame = pl.DataFrame([row(1), row(2)], infer_schema_length=None)
    worded = frame.with_columns(
        pl.col("outcome").cast(pl.Enum(["train", "test"])), pl.col("kind", "source").cast(pl.Categorical)
    )
    with Contract(worded, checks=[], policy=ONE_DEMAND, docs=None, run_name="words") as begun:
        found = begun.finish(FIGURES)
    assert broken(found) == []


def test_figures_are_found_nested_flat_and_with_dots_in_their_keys() -> None:
    assert figure({"quality": {"quantiles": {"0.5": 0.7}}}, "quality.quantiles.0.5") == 0.7
    assert figure({"rows.released": 3}, "rows.released") == 3
    assert figure({"rows": {"released": False}}, "rows.released") is False
    assert figure({"rows": 3}, "rows.released") is None


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    docs = tmp_path_factory.mktemp("release") / "data_docs"
    hostile = '<img src="https://evil.example/x.png"><script>alert(1)</script> for $5 & ${more}.'
    checks = [*CHECKS, Check("safety", "markup", Severity.DROP, hostile, pl.lit(True))]
    markup = {checks[-1].column: True}
    rows = [one | markup for one in good()] + [row(8, split="<script>alert(2)</script>") | markup]
    without = [{name: value for name, value in one.items() if name != LONG} for one in rows]
    docs.mkdir()
    (docs / "stale.html").write_text("from an earlier run")
    found = contract(without, checks=checks, docs=docs)
    assert (found.success, found.not_evaluated) == (False, 1)
    return docs


def test_the_data_docs_are_great_expectations_own_pages_and_an_index(site: Path) -> None:
    pages = {page.relative_to(site).parts[0] for page in site.rglob("*.html")}
    assert pages == {"index.html", "expectations", "validations"}
    assert [path.name for path in site.parent.iterdir()] == ["data_docs"]
    index = (site / "index.html").read_text(encoding="utf-8")
    for suite in ("release", "ledger", "policy"):
        assert f'href="expectations/{suite}.html"' in index
        assert f'href="validations/{suite}/a-test/' in index
        assert "Great Expectations Version" in (site / "expectations" / f"{suite}.html").read_text(encoding="utf-8")
    assert "What does not hold" in index
    assert "The split of a released row is its outcome" in index
    assert "not evaluated" in index
    (results,) = (site / "validations" / "release").rglob("*.html")
    assert "Statistics" in results.read_text(encoding="utf-8")
    assert "<details><summary>Show more info...</summary>" in results.read_text(encoding="utf-8")


def test_the_data_docs_call_nobody(site: Path) -> None:
    loads = re.compile(
        r"""(src|href|action|data)\s*=\s*["']?\s*(\w+:|//)|url\(|@import|<(script|img|iframe|link)""", re.I
    )
    for page in site.rglob("*"):
        if page.is_file():
            text = page.read_text(encoding="utf-8")
            assert page.suffix == ".html"
            assert not loads.search(text), page
            assert "default-src 'none'" in text
            assert "Traceback" not in text
            assert "assay-contract-" not in text


def test_links_of_the_data_docs_lead_to_pages_that_exist(site: Path) -> None:
    for page in site.rglob("*.html"):
        for link in re.findall(r'href="([^"#]+)', page.read_text(encoding="utf-8")):
            assert (page.parent / link).is_file(), (page, link)


def test_markup_in_a_description_is_shown_and_not_obeyed(site: Path) -> None:
    (results,) = (site / "validations" / "release").rglob("*.html")
    shown = "&lt;script&gt;alert(1)&lt;/script&gt; for $5 &amp; ${more}"
    assert shown in results.read_text(encoding="utf-8")
    assert shown in (site / "expectations" / "release.html").read_text(encoding="utf-8")
    assert shown in (site / "index.html").read_text(encoding="utf-8")


def test_offline_pages_stay_balanced_whatever_they_are_made_of() -> None:
    html = offline_page("<body><div><a href='javascript:x()'>one</a><table><tr><td>two</div></b>three<form>x</form>")
    assert "<div><a>one</a><table><tr><td>two</td></tr></table></div>three" in html
    assert "javascript" not in html


def test_importing_the_module_costs_nothing_and_running_it_tells_nobody() -> None:
    code = (
        "import sys, checks.expectations as e; assert 'great_expectations' not in sys.modules; e.library();"
        "import os; assert os.environ['GX_ANALYTICS_ENABLED'] == 'false'"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_check_about_some_rows_only_is_held_against_these():
    about = CHECKS[1]._replace(applies=pl.lit(True))
    none = [row(number, split, **{REFUSAL: None}) for number, split in ((1, "train"), (2, "test"))]
    assert by_column(contract(none, checks=[about]), REFUSAL).success
    some = [*none, row(3, **{REFUSAL: True}), row(4, **{REFUSAL: False})]
    found = by_column(contract(some, checks=[about]), REFUSAL)
    assert (found.success, found.unexpected) == (False, 1)
    # A check about every row that says nothing has not passed.
    assert not by_column(contract(none, checks=[CHECKS[1]]), REFUSAL).success


def by_column(found: Expectations, column: str) -> ExpectationResult:
    (result,) = [result for result in found.results if result.column == column]
    return result
