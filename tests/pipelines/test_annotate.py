"""The commands for review by people, called wrongly: one line, the remedy, the right exit code, and nothing made."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines.annotate import settings_of
from pipelines.cli import app
from schemas.errors import ReleaseError
from schemas.manifest import Manifest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of this test's own, and no server."""
    for name in ("ASSAY_DATABASE_URL", "ARGILLA_API_URL", "ARGILLA_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "store"))
    return tmp_path / "store"


def said(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("command", ["push", "pull", "withdraw"])
def test_no_release_no_work(command: str, tmp_path: Path) -> None:
    code, out, err = said("annotate", command, str(tmp_path / "nothing"))
    assert (code, out) == (2, "")
    assert "is not a folder" in err


def test_without_a_server_the_error_says_how_to_get_one(finished: Path) -> None:
    code, _, err = said("annotate", "push", str(finished))
    assert code == 2
    assert "run `assay annotate serve`, or set ARGILLA_API_URL and ARGILLA_API_KEY" in err
    assert "Traceback" not in err


def test_a_server_that_does_not_answer_is_named(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGILLA_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ARGILLA_API_KEY", "key")
    code, _, err = said("annotate", "status")
    assert code == 2
    assert "127.0.0.1:9" in err
    assert len(err.strip().splitlines()) == 1


def test_status_answers_also_where_no_server_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "store"))
    code, out, _ = said("annotate", "status", "--json")
    assert code == 1
    nothing = {"running": False, "version": None, "engine": None, "pid": None}
    assert json.loads(out) == {"url": None, "server": nothing, "datasets": {}, "missing": []}
    code, out, _ = said("annotate", "status")
    assert (code, out.splitlines()) == (
        1,
        ["argilla     no server runs; assay annotate serve starts one, and what it knows is there again"],
    )
    assert not (tmp_path / "store").exists()


def test_a_dry_run_needs_no_server_and_says_what_it_would_cost(finished: Path) -> None:
    code, out, _ = said("annotate", "push", str(finished), "--dry-run")
    waiting = pl.read_parquet(finished / "ledger.parquet").filter(pl.col("outcome") == "review").height
    assert code == 0
    assert waiting == 1
    assert "1 task, 1 answer at $2.00: $2.00" in out


def test_a_dry_run_beyond_the_budget_says_so(finished: Path, tmp_path: Path) -> None:
    config = tmp_path / "assay.yaml"
    config.write_text("annotation:\n  budget: {total: 1}\n")
    code, out, _ = said("annotate", "push", str(finished), "--dry-run", "--config", str(config))
    assert code == 1
    assert "NOT ENOUGH" in out


def test_nothing_given_out_costs_nothing(finished: Path) -> None:
    code, out, _ = said("cost", str(finished))
    assert code == 0
    assert "gave nothing out yet" in out
    code, out, _ = said("cost", "--json")
    assert (code, json.loads(out)["spent"]) == (0, 0)


def test_the_costs_say_whose_limits_they_are_held_against(finished: Path, tmp_path: Path) -> None:
    """A push may have had other settings than the release; the costs do not know, and say what they took."""
    config = tmp_path / "assay.yaml"
    config.write_text("annotation:\n  budget: {total: 150}\n")
    out = said("cost", str(finished))[1]
    assert "these settings set no limit" in out
    assert f"are those {finished} was made with; where push had others, give the same --config" in out
    out = said("cost", str(finished), "--config", str(config))[1]
    assert "$150.00 of $150.00 (project)" in out
    assert f"prices and limits are those of {config}" in out
    told = [json.loads(said("cost", *words, "--json")[1])["settings"] for words in ([], [str(finished)])]
    assert told == [None, str(finished)]


def test_a_correction_is_written_and_told(finished: Path) -> None:
    words = ("annotate", "adjust", "12.50", "--reason", "travel", "--tier", "expert")
    assert said(*words) == (0, "corrected   $12.50 for tier expert\nspent       $12.50 by project 'assay' now\n", "")
    assert said(*words)[0] == 2
    code, out, _ = said("annotate", "adjust", "-2.50", "--reason", "came back", "--tier", "expert", "--json")
    assert (code, json.loads(out)) == (0, {"currency": "USD", "amount": -250, "tier": "expert", "spent": 1000})
    out = said("cost", str(finished))[1]
    assert "corrected   $10.00 of what is spent, by hand" in out
    assert "tier        expert: $10.00 for 0 answers" in out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["much", "--reason", "x", "--tier", "crowd"], "'much' is no amount of money; write a number such as 2.50"),
        (["0.001", "--reason", "x", "--tier", "crowd"], "finer than the smallest unit of USD"),
        (["nan", "--reason", "x", "--tier", "crowd"], "no amount of money"),
        (["2", "--tier", "crowd"], "Missing option '--reason'"),
        (["2", "--reason", "x"], "which tier does it count for?"),
        (["-2", "--reason", "x", "--tier", "crowd"], "more than the $0.00 that tier 'crowd' has cost"),
        (["2", "--reason", "x", "--teir", "crowd"], "unexpected extra argument(s) (--teir crowd)"),
    ],
)
def test_a_correction_called_wrongly_is_one_line(words: list[str], why: str) -> None:
    code, out, err = said("annotate", "adjust", *words)
    assert (code, out) == (2, "")
    assert why in err
    assert len(err.strip().splitlines()) == 1


def test_the_store_is_its_owners_alone_and_no_business_of_gits(home: Path, finished: Path) -> None:
    assert said("cost", str(finished))[0] == 0
    assert home.stat().st_mode & 0o077 == 0
    assert (home / ".gitignore").read_text() == "*\n"


def test_a_store_that_cannot_be_made_is_told(home: Path, finished: Path) -> None:
    home.write_text("a file where the folder should be")
    code, _, err = said("cost", str(finished))
    assert code == 2
    assert "set ASSAY_HOME to another folder" in err


def test_stop_without_a_server_is_no_error() -> None:
    assert said("annotate", "serve", "--stop")[:2] == (0, "no Argilla server was running\n")


def test_a_store_that_is_no_database_is_refused_in_one_line(home: Path, finished: Path) -> None:
    home.mkdir()
    (home / "assay.db").write_text("this is a letter, not a database; it is long enough to be looked at twice\n" * 9)
    code, _, err = said("cost")
    assert code == 2
    assert "assay.db" in err
    assert "Traceback" not in err


def test_settings_of_another_version_are_refused_with_the_remedy(finished: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(finished, tmp_path / "copy"))
    manifest = Manifest.model_validate_json((copy / "manifest.json").read_bytes())
    broken = manifest.model_copy(update={"settings": {"annotation": {"tiers": {}}}})
    with pytest.raises(ReleaseError, match="curate again"):
        settings_of(broken, copy)


def test_agreement_of_a_file_is_told_to_people_and_machines(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    rows = [(worker, task, "yes" if task % 2 else "no") for task in range(10) for worker in ("ana", "ben")]
    file.write_text("worker,task,label\n" + "".join(f"{w},{t},{label}\n" for w, t, label in rows))
    code, out, _ = said("agreement", str(file), "--json")
    result = json.loads(out)
    assert code == 0
    assert (result["alpha"], result["kappa"]) == (1.0, 1.0)
    assert result["consensus"]["accuracy"] is None
    assert "alpha" in said("agreement", str(file))[1]


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "empty"), ("a,b\n1,2\n", "worker"), ("worker,task,label\n", "no row")],
)
def test_a_file_without_labels_is_refused(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(content)
    code, _, err = said("agreement", str(file))
    assert code == 2
    assert words in err
