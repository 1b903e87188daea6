"""README's second example with its own data and no settings: three answers by clicking, and what it says comes true."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
# As `make demo`, and the example before it, have it.
CURATE = ["curate", "data/samples/train", "--out", "runs/demo", "--against", "data/samples/benchmarks/holdout.jsonl"]
# What is asked, and a word that finds it.
ACCEPTED = ("Give a one-line weather report for a children's radio.", "radio")
FIXED = ("Write a short biography of the painter Artemisia Gentileschi.", "Artemisia")
REJECTED = ("Give the chess opening that begins with 1. e4 c5.", "chess")
MENDED = 'What a person wrote: "all of it", with <b>signs</b> & an emoji 🚀.'


class Told(NamedTuple):
    """The lines that the commands said, those of `cost` after those of `pull`."""

    pushed: list[str]
    pulled: list[str]


@pytest.fixture(scope="module")
def told(checkout: Any, sit: Any, tmp_path_factory: pytest.TempPathFactory) -> Told:
    with ThreadPoolExecutor() as both:
        curated = both.submit(checkout.assay, *CURATE)
        served = both.submit(checkout.assay, "annotate", "serve", "--port", "0")
        curated.result()
        shown = served.result()
    pushed = lines(checkout.heard("annotate", "push", "runs/demo"))
    answer_three(sit, shown, tmp_path_factory.mktemp("pictures"))
    pulled = lines(checkout.heard("annotate", "pull", "runs/demo"))
    return Told(pushed, [*pulled, *lines(checkout.heard("cost", "runs/demo"))])


def lines(heard: tuple[str, str]) -> list[str]:
    return [line for said in heard for line in said.splitlines()]


def answer_three(sit: Any, shown: str, pictures: Path) -> None:
    """At the address that `serve` shows, as `annotator` with the password that it shows."""
    [url], [password] = re.findall(r"^argilla +(\S+)", shown, re.M), re.findall(r"^  annotator +(\S+)", shown, re.M)
    desk = sit(url, pictures)
    desk.log_in("annotator", password)
    for verdict, (asked, word) in {"accept": ACCEPTED, "fix": FIXED, "reject": REJECTED}.items():
        desk.open("assay-record")
        first = desk.fields()["The prompt"]
        desk.search(word)
        assert first == asked or desk.next_record([first])["The prompt"] == asked
        desk.choose(f"verdict_{verdict}")
        if verdict == "fix":
            desk.write("corrected", MENDED)
        desk.press("Submit")


def block(after: str) -> list[str]:
    """The lines that README shows as said, in the first block after these words."""
    text = README[README.index(after) :]
    [said] = re.findall(r"^```text\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[:1]
    return [line for line in said.splitlines() if line]


def records(checkout: Any) -> pl.DataFrame:
    return pl.read_parquet(checkout.folder / "runs" / "demo" / "records.parquet")


def of(checkout: Any, asked: str) -> dict[str, Any]:
    [row] = records(checkout).filter(pl.col("prompt") == asked).to_dicts()
    return row


def test_readme_shows_what_the_commands_say(told: Told) -> None:
    shown = [line for line in block("`push` says what it may cost") if not line.startswith("answer at")]
    assert [line for line in shown if line not in told.pushed] == [], told.pushed
    assert [line for line in block("After three answers") if line not in told.pulled] == [], told.pulled


def test_the_release_contains_what_a_person_wrote(checkout: Any, told: Told) -> None:
    fixed = of(checkout, FIXED[0])
    assert fixed["decision"] == "fix"
    assert fixed["completion"] == MENDED
    assert fixed["original_completion"] not in (None, MENDED)
    assert fixed["outcome"] in ("train", "validation", "test")
    splits = [file.read_text(encoding="utf-8") for file in (checkout.folder / "runs/demo/splits").glob("*.jsonl")]
    assert "".join(splits).count("What a person wrote") == 1


def test_the_ledger_says_what_was_accepted_and_rejected(checkout: Any, told: Told) -> None:
    assert of(checkout, ACCEPTED[0])["outcome"] in ("train", "validation", "test")
    rejected = of(checkout, REJECTED[0])
    ledger = pl.read_parquet(checkout.folder / "runs" / "demo" / "ledger.parquet")
    assert (rejected["outcome"], rejected["reasons"]) == ("rejected", ["annotator.rejected"])
    assert ledger.filter(pl.col("outcome") == "rejected")["source_row"].to_list() == [rejected["source_row"]]


def test_every_answer_has_its_cost(checkout: Any, told: Told) -> None:
    cost = checkout.ask("cost", "runs/demo")
    assert (cost["spent"], cost["reserved"]) == (600, 110_00 - 600)
    assert [(one["name"], one["responses"], one["spent"]) for one in cost["annotators"]] == [("annotator", 3, 600)]
    status = checkout.ask("annotate", "status")
    assert status["server"]["running"]
    assert (status["server"]["version"], status["server"]["engine"]) == ("2.8.0", "assay")
    assert checkout.assay("gate", "runs/demo")
