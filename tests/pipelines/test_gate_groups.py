"""Demands on some rows: by split, language, source and domain, and what becomes of rows that there are not."""

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines import _groups
from pipelines._figures import figures_of, lookup, paths_of, report_of
from pipelines.gate import gate, judge
from schemas.errors import PolicyError, ReleaseError
from schemas.policy import Demand, Policy
from schemas.report import DemandResult


def judged(release: Path, **demand: Any) -> list[DemandResult]:
    return judge(report_of(release), Policy(demands=(Demand.model_validate(demand),)), release).demands


@pytest.fixture
def told(finished: Path, tmp_path: Path) -> Path:
    """The release with its first four released rows in German and in a domain of their own; the gate did not see it."""
    copy = Path(shutil.copytree(finished, tmp_path / "told"))
    records = pl.read_parquet(copy / "records.parquet")
    rank = pl.col("split").is_not_null().cum_sum()
    mine = pl.col("split").is_not_null() & (rank <= 4)
    records.with_columns(
        language=pl.when(mine).then(pl.lit("de")).otherwise("language"),
        domain=pl.when(mine).then(pl.lit("law")),
    ).write_parquet(copy / "records.parquet")
    return copy


def test_what_is_worked_out_of_all_rows_is_what_the_report_says(finished: Path) -> None:
    figures = figures_of(report_of(finished))
    compared = []
    for path in paths_of(figures):
        try:
            figure = _groups._expression(path, figures)
        except PolicyError:  # of the whole release
            continue
        value = _groups._rows(finished, set(figure.meta.root_names())).select(figure).collect().item()
        assert value == pytest.approx(lookup(figures, path)), path
        compared.append(path.split(".")[0])
    assert {"rows", "checks", "quality", "tokens", "languages", "splits", "duplicates", "repairs"} <= set(compared)


def test_a_demand_on_some_rows_measures_those_alone(told: Path) -> None:
    assert [each.measured for each in judged(told, figure="rows.released", where={"language": "de"}, min=4)] == [4]
    (both,) = judged(told, figure="rows.released", where={"language": "de", "domain": "law"}, max=3)
    assert (both.measured, both.passed, both.name) == (4, False, "rows.released (domain law, language de)")
    report = report_of(told)
    (train,) = judged(told, figure="tokens.mean", where={"split": "train"}, min=0)
    assert train.measured == pytest.approx(report.splits.train.tokens / report.splits.train.rows)


def test_each_group_is_judged_by_itself_and_one_that_fails_is_named(told: Path) -> None:
    found = {each.group: each for each in judged(told, figure="rows.released", each="language", min=5)}
    assert (found["language de"].measured, found["language de"].passed) == (4, False)
    assert found["language en"].passed
    by_split = judged(told, figure="rows.released", each="split", min=1)
    assert [each.group for each in by_split] == ["split train", "split validation", "split test"]
    (source,) = judged(told, figure="rows.unreadable_share", each="source", max=0.5)
    assert source.measured == pytest.approx(1 / 16)
    assert {each.group for each in judged(told, figure="checks.checked", each="domain", min=1)} == {
        "domain law", "domain unknown",
    }  # fmt: skip


def test_an_empty_split_is_a_group_all_the_same(told: Path) -> None:
    records = pl.read_parquet(told / "records.parquet")
    records.with_columns(
        pl.when(pl.col(name) == "test").then(None if name == "split" else pl.lit("review")).otherwise(name).alias(name)
        for name in ("split", "outcome")
    ).write_parquet(told / "records.parquet")
    counted = {
        each.group: (each.measured, each.passed) for each in judged(told, figure="rows.released", each="split", min=1)
    }
    assert counted["split test"] == (0, False)
    unknown = {
        each.group: (each.measured, each.passed) for each in judged(told, figure="tokens.mean", each="split", min=0)
    }
    assert unknown["split test"] == (None, False)


@pytest.mark.parametrize(
    ("demand", "complaint"),
    [
        ({"where": {"language": "fr"}}, "no row of told is in language fr; language has de, en"),
        ({"where": {"source": "nowhere.jsonl"}}, "no row of told is in source nowhere.jsonl"),
        ({"where": {"domain": "law", "split": "test", "language": "en"}}, "no row of told is in"),
        ({"figure": "rows.relased", "where": {"language": "de"}}, "did you mean rows.released?"),
        ({"figure": "diversity.vendi", "each": "language"}, "is a figure of the whole release"),
        ({"figure": "checks.refusal.full.severity", "each": "language"}, "is a figure of the whole release"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("severity", ["fail", "warn"])
def test_rows_that_there_are_not_cannot_be_judged(
    told: Path, demand: dict[str, Any], complaint: str, severity: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        judged(told, **{"figure": "rows.released", "max": 10**9, "severity": severity, **demand})
    assert complaint in str(caught.value)


def test_no_domain_anywhere_is_not_one_unknown_domain_that_passes(told: Path) -> None:
    records = pl.read_parquet(told / "records.parquet")
    for without in (records.with_columns(domain=pl.lit(None, dtype=pl.String)), records.drop("domain")):
        without.write_parquet(told / "records.parquet")
        with pytest.raises(PolicyError, match="has a domain; describe them"):
            judged(told, figure="rows.released", each="domain", min=1)


def test_without_the_folder_no_group_can_be_judged(finished: Path) -> None:
    policy = Policy(demands=(Demand(figure="rows.released", each="language", min=0),))
    with pytest.raises(PolicyError, match="worked out in the release's folder"):
        judge(report_of(finished), policy)


def test_a_figure_that_has_no_groups_is_told_before_the_first_row_is_read(source: Path, tmp_path: Path) -> None:
    from pipelines._prepare import refuse_hopeless
    from schemas.settings import Settings

    policy = tmp_path / "policy.yaml"
    for demand, complaint in (
        ("figure: diversity.vendi, each: source, min: 1", "is a figure of the whole release"),
        ("figure: tokens.mean, no_worse_than: nowhere", "say `better: higher` or `lower`"),
        ("figure: rows.released, no_worse_than: nowhere", "nowhere: is not a folder"),
        ("figure: rows.relased, min: 1", "did you mean rows.released?"),
    ):
        policy.write_text(f"demands:\n- {{{demand}}}\n")
        with pytest.raises((PolicyError, ReleaseError)) as caught:
            refuse_hopeless([str(source)], tmp_path / "out", Settings(policy=str(policy)))
        assert complaint in str(caught.value)


def test_unreadable_records_are_told_in_one_line(told: Path) -> None:
    (told / "records.parquet").write_bytes(b"no parquet")
    with pytest.raises(ReleaseError, match="cannot be read; run `assay curate` again"):
        judged(told, figure="rows.released", each="language", min=1)


def test_a_run_judges_by_groups_too_and_writes_it_into_its_report(
    source: Path, store: Path, prefect_server: None, tmp_path: Path
) -> None:
    from pipelines._course import make_release
    from schemas.settings import Settings

    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "demands:\n- {figure: rows.released, each: split, min: 1}\n"
        "- {figure: checks.refusal.full.released, where: {split: train}, max: 0}\n"
        "- {figure: rows.unreadable_share, max: 0.07, margin: 10%}\n"
    )
    report = make_release([str(source)], tmp_path / "out", Settings(policy=str(policy)))
    assert report.gate is not None
    by_split, refusals, unread = report.gate.demands[:-2], report.gate.demands[-2], report.gate.demands[-1]
    assert [each.group for each in by_split] == ["split train", "split validation", "split test"]
    assert (refusals.measured, refusals.passed) == (0, True)
    assert (unread.passed, unread.close) == (True, False)
    assert gate(tmp_path / "out") == report.gate
