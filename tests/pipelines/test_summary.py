"""The end of a run in a dozen lines, and in a page of markdown: true, short, and steered by nobody."""

from pathlib import Path

from pipelines._summary import render_markdown, summary_lines, verdict_lines
from schemas.report import Report, Verdict

REPORTS = Path(__file__).parent / "reports"
HOSTILE = "|</td><script>alert(1)</script> [x](javascript:1) `*_\u202e\x00\x1b[31m\n# big"


def full_report() -> Report:
    return Report.model_validate_json((REPORTS / "full.json").read_bytes())


def empty_report() -> Report:
    return Report.model_validate_json((REPORTS / "empty.json").read_bytes())


def hostile_report() -> Report:
    """The full report with an attack in every text that these lines show."""
    report = full_report()
    assert report.gate is not None
    demands = [d.model_copy(update={"figure": HOSTILE, "requirement": HOSTILE}) for d in report.gate.demands]
    report.run.name = HOSTILE
    report.checks.families = {HOSTILE: {HOSTILE: report.checks.families["refusal"]["full"]}}
    return report.model_copy(update={"gate": Verdict(policy=HOSTILE, passed=False, demands=demands)})


def test_the_terminal_gets_some_dozen_lines() -> None:
    lines = summary_lines(full_report())
    assert len(lines) <= 16
    assert (
        "licences    CC-BY-SA-4.0 5,000, CC-BY-NC-4.0 4,000, MIT 100, House rules 12; 40,210 rows state none; 12 not "
        in ("\n".join(lines))
    )
    assert (
        "calibrated  min_similarity 0.91 calibrated on 2026-11-01 by 50 answers: precision 0.97 (0.87 to 0.99)" in lines
    )
    assert lines[0] == "rows        55,502 as 57,642 ledger rows from 3 sources, 1 source REFUSED"
    assert "gate        FAILED: 2 of 6 demands not met (policy default); 1 warning" in lines
    assert "  unmet     diversity.vendi_share could not be measured, must be at least 1" in lines
    assert "structure.empty_completion 312, refusal.full 187" in "\n".join(lines)


def test_the_terminal_is_not_steered_by_the_data() -> None:
    text = "\n".join(summary_lines(hostile_report()))
    assert not set(text) & {"\x1b", "\x00", "\u202e"}
    assert len(summary_lines(empty_report())) <= 12
    assert "NOT JUDGED" in summary_lines(empty_report())[-1]
    assert "between train and test not measured" in "\n".join(summary_lines(empty_report()))


def test_the_gates_own_lines_list_every_unmet_demand() -> None:
    gate = full_report().gate
    assert gate is not None
    assert verdict_lines(gate) == [
        "gate        FAILED: 2 of 6 demands not met (policy default); 1 warning",
        "  unmet     sources.refused is 1, must be at most 0",
        "  unmet     diversity.vendi_share could not be measured, must be at least 1",
        "  warns     rows.review_share is 0.01646, must be at most 0.01",
    ]


def test_markdown_says_the_same_in_short() -> None:
    text = render_markdown(full_report())
    assert "**FAILED** by the policy default: 2 of 6 demands not met, 1 warning." in text
    assert "| duplicate | 1,204 |" in text
    assert "| **sum** | **57,642** |" in text
    assert "| refusal.full | drop | 187 | 0.3% |" in text
    assert "| semantic | 1,055 | 902 | 9 |" in text
    assert "| validation | 2,744 | 5.0% | 361,005 |" in text


def test_markdown_runs_no_markup_of_the_data() -> None:
    text = render_markdown(hostile_report())
    assert "<script" not in text
    assert "<img" not in text
    assert not set(text) & {"\x1b", "\x00", "\u202e"}
