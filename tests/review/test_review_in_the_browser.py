"""The second example of the README, done by hand: people answer in a real browser, and the release changes.

With ASSAY_SCREENSHOTS=1 the pictures of docs/annotating.md are made again on the way.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import polars as pl
import pytest

pytestmark = pytest.mark.slow

LIST = "Show me the HTML of a shopping list with two items, and a line of Python that prints its title."
FEVER = "What is the normal body temperature of a healthy adult, and when is it a fever?"
PAINTER = "Write a short biography of the painter Artemisia Gentileschi."
CHESS = "Give the chess opening that begins with 1. e4 c5."
FERRY, MY_FERRY = (
    f"How early must I arrive at the check-in desk of the Holmsund ferry with {a} car?" for a in ("a", "my")
)
FLOOR = "Write a short warning sign for a wet floor."
HOTEL = "And can I have it earlier? My train leaves at 6:40."

BIOGRAPHY = """\
Artemisia Gentileschi (1593 to about 1656) was a painter of the Italian Baroque.

    Rome -> Florence -> Naples

She signed "Judith" & other works, and is <i>not</i> forgotten."""
TEMPERATURE = "It lies between 36.1 and 37.5 °C 🌡; from 38 °C on doctors speak of a fever."
KIND = "Speak to them alone"
BREAKFAST = "Of course: tell the desk before 9 in the evening, and a breakfast bag waits for you from 5:30."


class Done(NamedTuple):
    """What one person saw. The keys are what is asked in a record."""

    datasets: list[str]
    seen: dict[str, dict[str, str]]  # -> field title -> text
    suggested: dict[str, list[str]]  # -> verdicts that were filled in


@pytest.fixture(scope="module")
def served(house: Any) -> dict[str, Any]:
    """A release with rows that wait for people, and beside it the server where they are answered."""
    with ThreadPoolExecutor() as both:
        curated = both.submit(house.assay, "curate", "incoming", "--out", "release", "--config", "assay.yaml")
        served = both.submit(house.ask, "annotate", "serve", "--port", "0", "--config", "assay.yaml")
        curated.result()
        return served.result()


@pytest.fixture(scope="module")
def pushed(house: Any, served: Any) -> dict[str, Any]:
    return house.ask("annotate", "push", "release")


@pytest.fixture(scope="module")
def desks(house: Any, pushed: Any, served: Any, sit: Any) -> dict[str, Any]:
    """Ana and eva, each logged in at a browser of her own."""
    people = {name: sit(served["url"]) for name in ("ana", "eva")}
    for name, desk in people.items():
        desk.log_in(name, house.passwords[name])
    return people


@pytest.fixture(scope="module")
def looked(desks: Any) -> dict[str, Any]:
    """What ana and eva find before they begin."""
    desks["ana"].open("assay-record")
    guidelines = desks["ana"].guidelines()
    desks["ana"].picture("guidelines")
    desks["ana"].close_guidelines()
    desks["ana"].turn_to(FERRY)
    similar = desks["ana"].similar()
    desks["eva"].open("assay-record")
    before = desks["eva"].total()
    desks["eva"].filter_by_domain("medical")
    medical = desks["eva"].next_record([LIST])
    filtered = [before, desks["eva"].total(), medical["The prompt"]]
    return {"guidelines": guidelines, "similar": similar, "filtered": filtered}


@pytest.fixture(scope="module")
def done(desks: Any, looked: Any) -> dict[str, Done]:
    """Ana and eva answer everything they are given."""
    did = {"ana": work_through(desks["ana"], ANA), "eva": work_through(desks["eva"], EVA)}
    call_the_pair_the_same(desks["ana"])
    rank_both_preferences(desks["ana"])
    return did


@pytest.fixture(scope="module")
def pulled(house: Any, done: Any) -> dict[str, Any]:
    return house.ask("annotate", "pull", "release")


def work_through(desk: Any, answers: dict[str, Any]) -> Done:
    """Answers what the page shows, one record after the other, until nothing new is shown."""
    done = Done(desk.datasets(), {}, {})
    desk.open("assay-record")
    for _ in answers:
        fields = desk.next_record(done.seen)
        asked = fields.get("The prompt") or fields["What was said before"].splitlines()[-1]
        done.seen[asked] = fields
        done.suggested[asked] = desk.chosen("verdict")
        answers[asked](desk)
    return done


def fix_as_suggested(desk: Any) -> None:
    desk.press("Submit")


def fix_by_typing(desk: Any) -> None:
    desk.choose("verdict_fix", "reasons_refusal", "correct_1", "well_formed_4")
    desk.write("corrected", BIOGRAPHY)
    desk.picture("record")
    desk.press("Submit")


def fill_the_hole(desk: Any) -> None:
    desk.choose("verdict_fix", "reasons_incomplete")
    desk.write("corrected", TEMPERATURE)
    desk.press("Submit")


def reject_with_reasons(desk: Any) -> None:
    desk.choose("verdict_reject", "reasons_incomplete", "reasons_off_task")
    desk.write("comment", "It is the Sicilian Defence.")
    desk.press("Submit")


def accept_by_keys(desk: Any) -> None:
    """As the guidelines say: a number chooses, Enter submits."""
    desk.page.keyboard.press("1")
    assert desk.chosen("verdict") == ["accept"]
    desk.press_key("Enter")


def discard_by_key(desk: Any) -> None:
    desk.press_key("Backspace")


def save_a_draft(desk: Any) -> None:
    desk.choose("verdict_fix")
    desk.press("Save as draft")
    desk.page.keyboard.press("ArrowRight")


ANA = {
    PAINTER: fix_by_typing,
    CHESS: reject_with_reasons,
    FERRY: accept_by_keys,
    MY_FERRY: discard_by_key,
    FLOOR: save_a_draft,
    HOTEL: fix_as_suggested,
}
EVA = {LIST: fix_as_suggested, FEVER: fill_the_hole}


def call_the_pair_the_same(desk: Any) -> None:
    desk.open("assay-pair")
    desk.picture("pair")
    desk.choose("verdict_same")
    desk.press("Submit")


def rank_both_preferences(desk: Any) -> None:
    """In one of them the data has it the wrong way round; on the page neither says so."""
    desk.open("assay-preference")
    for number in range(2):
        fields = desk.fields()
        better, worse = ("answer_a", "answer_b") if KIND in fields["Answer A"] else ("answer_b", "answer_a")
        desk.choose("verdict_accept")
        desk.rank(better, worse)
        if not number:
            desk.picture("preference")
        desk.press("Submit")
        desk.page.wait_for_timeout(700)  # both ask the same, so the next cannot be told by its question


def lines(text: str) -> list[str]:
    """Those with something on them, indentation and all."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def records(house: Any, name: str = "records.jsonl") -> dict[str, str]:
    """The source: what is asked last, and what is answered."""
    rows = [json.loads(line)["messages"] for line in (house.folder / "incoming" / name).read_text().splitlines()]
    return {turns[-2]["content"]: turns[-1]["content"] for turns in rows}


def test_everybody_sees_the_work_of_his_tier_and_no_other(done: dict[str, Done]) -> None:
    assert done["ana"].datasets == ["crowd/assay-pair", "crowd/assay-preference", "crowd/assay-record"]
    assert done["eva"].datasets == ["expert/assay-record"]
    assert done["ana"].seen.keys() == ANA.keys()
    assert done["eva"].seen.keys() == EVA.keys()


def test_the_annotator_sees_the_text_as_it_is(house: Any, done: dict[str, Done]) -> None:
    """Tags, entities, markdown signs, code with its indentation, emoji: nothing is rendered, nothing is lost."""
    source = records(house)
    for asked, fields in [*done["ana"].seen.items(), *done["eva"].seen.items()]:
        assert lines(fields["The answer that you judge"]) == lines(source[asked])
    shown = lines(done["eva"].seen[LIST]["The answer that you judge"])
    assert shown[0] == "<nooutput>"
    assert "Here is the list 🛒, with <b>nothing</b> but the tags it needs:" in shown
    assert "    <li>Milk &amp; honey</li>" in shown
    assert '        print("Groceries *today*")' in shown
    conversation = done["ana"].seen[HOTEL]["What was said before"]
    assert lines(conversation)[-4:] == ["assistant", "Yes, from 7 to 10 in the garden room.", "user", HOTEL]


def test_why_it_is_asked_stands_beside_it_with_what_a_program_would_do(done: dict[str, Done]) -> None:
    ana, eva = done["ana"], done["eva"]
    assert "does not decline the request" in ana.seen[PAINTER]["Why you are asked"]
    assert "45 minutes before departure." in ana.seen[FERRY]["For comparison: another record"]
    assert ana.suggested == {
        PAINTER: ["reject"],
        CHESS: ["reject"],
        FERRY: [],
        MY_FERRY: [],
        FLOOR: ["fix"],
        HOTEL: ["fix"],
    }
    assert eva.suggested == {LIST: ["fix"], FEVER: []}


def test_guidelines_filters_and_find_similar_are_at_hand(looked: dict[str, Any]) -> None:
    assert looked["guidelines"].count("The verdict") == 1
    assert "Safety and privacy" in looked["guidelines"]
    assert looked["filtered"] == [2, 1, FEVER]
    assert looked["similar"] == [MY_FERRY, "99.6%"]


def test_the_browser_spoke_to_nobody_else_and_found_no_fault(desks: Any, done: Any, served: Any) -> None:
    for desk in desks.values():
        foreign = [url for url in desk.requests if not url.startswith((served["url"] + "/", "data:", "blob:"))]
        assert foreign == []
        assert desk.complaints == []


def test_what_was_answered_is_booked_and_decided(house: Any, pushed: Any, pulled: dict[str, Any]) -> None:
    assert (pushed["sent"], pushed["reserved"]) == (11, 9 * 200 + 2 * 5000)
    assert (pulled["submitted"], pulled["drafts"], pulled["discarded"]) == (9, 1, 1)
    assert (pulled["booked"], pulled["amount"], pulled["overdrawn"]) == (9, 7 * 200 + 2 * 5000, 0)
    verdicts = sorted(decision["verdict"] for decision in pulled["decided"])
    assert verdicts == ["accept", "accept", "fix", "fix", "fix", "fix", "fix", "reject", "same"]
    cost = house.ask("cost", "release")
    assert (cost["spent"], cost["reserved"], cost["left"]) == (11400, 400, 20000 - 11400 - 400)
    assert {one["name"]: (one["responses"], one["spent"]) for one in cost["annotators"]} == {
        "ana": (7, 1400),
        "eva": (2, 10000),
    }
    assert {"name": "refusal.full", "spent": 200} in cost["reasons"]


def released(house: Any) -> dict[str, dict[str, Any]]:
    """What is asked last -> the released line."""
    found = {}
    for split in sorted((house.folder / "release" / "splits").glob("*.jsonl")):
        for line in split.read_text().splitlines():
            row = json.loads(line)
            turns = [turn for turn in row["messages"] if turn["role"] == "user"]
            found[turns[-1]["content"]] = row
    return found


def test_the_release_holds_what_people_wrote(house: Any, pulled: Any) -> None:
    answers = {asked: row["messages"][-1]["content"] for asked, row in released(house).items()}
    assert answers[PAINTER] == BIOGRAPHY
    assert answers[FEVER] == TEMPERATURE
    assert answers[HOTEL] == BREAKFAST
    assert answers[LIST] == records(house)[LIST].removeprefix("<nooutput>\n")
    assert answers[FERRY] == "120 minutes before departure."
    assert not {CHESS, MY_FERRY, FLOOR} & answers.keys()


def test_the_records_keep_what_stood_there_before(house: Any, pulled: Any) -> None:
    frame = pl.read_parquet(house.folder / "release" / "records.parquet").filter(pl.col("prompt") == PAINTER)
    [row] = frame.select("decision", "completion", "original_completion", "original_record_id", "record_id").to_dicts()
    assert (row["decision"], row["completion"]) == ("fix", BIOGRAPHY)
    assert row["original_completion"] == "I'm sorry, but I cannot help with that request."
    assert row["original_record_id"] != row["record_id"]


def test_the_ledger_says_who_took_out_what_and_why(house: Any, pulled: Any) -> None:
    frame = pl.read_parquet(house.folder / "release" / "records.parquet").filter(
        pl.col("source").str.ends_with("records.jsonl")
    )
    outcome = {row["prompt"].splitlines()[-1]: row for row in frame.iter_rows(named=True)}
    chess = outcome[CHESS]
    assert chess["outcome"] == "rejected"
    assert chess["reasons"] == ["annotator.incomplete", "annotator.off_task"]
    assert chess["detail"] == "rejected by 1 person: It is the Sicilian Defence."
    assert "because of  annotator.incomplete" in house.assay(
        "explain", "release", f"{chess['source']}:{chess['source_row']}"
    )
    assert {outcome[asked]["outcome"] for asked in (MY_FERRY, FLOOR)} == {"review"}
    moths = frame.filter(pl.col("prompt").str.contains("moths"))["outcome"].to_list()
    assert sorted(moths)[0] == "duplicate"
    assert sorted(moths)[1] in ("train", "validation", "test")


def test_a_preference_that_stood_the_wrong_way_round_is_turned(house: Any, pulled: Any) -> None:
    """Then both rows say the same, and one of them is enough."""
    frame = pl.read_parquet(house.folder / "release" / "records.parquet").filter(pl.col("kind") == "preference")
    assert sorted(frame["decision"].to_list()) == ["accept", "fix"]
    assert all(KIND in chosen[-1]["content"] for chosen in frame["chosen"].to_list())
    assert frame.filter(pl.col("outcome") == "duplicate").height == 1


def test_the_report_tells_what_it_cost(house: Any, pulled: Any) -> None:
    report = json.loads((house.folder / "release" / "report.json").read_text())["people"]
    assert (report["accepted"], report["fixed"], report["rejected"], report["same"]) == (2, 5, 1, 1)
    assert (report["cost"]["spent"], report["cost"]["reserved"]) == (11400, 400)
    said = house.assay("report", "release")
    assert "$114.00 spent" in said


def test_pulling_again_changes_nothing_and_pushing_again_asks_nobody_twice(house: Any, pulled: Any) -> None:
    manifest = (house.folder / "release" / "manifest.json").read_bytes()
    again = house.ask("annotate", "pull", "release")
    assert (again["booked"], again["decided"], again["released"]) == (0, [], False)
    assert (house.folder / "release" / "manifest.json").read_bytes() == manifest
    sent = house.ask("annotate", "push", "release")
    assert (sent["sent"], sent["reserved"]) == (0, 0)
    status = house.ask("annotate", "status")
    assert {name: dataset["total"] for name, dataset in status["datasets"].items()} == {
        "crowd/assay-pair": 1,
        "crowd/assay-preference": 2,
        "crowd/assay-record": 6,
        "expert/assay-record": 2,
    }


FLOWS = """
import json
from pipelines.flow import annotate_pull, annotate_push
sent, got = annotate_push("release"), annotate_pull("release")
print(json.dumps({"sent": sent["sent"], "already": sent["already"], "booked": got["booked"], "made": got["released"]}))
"""


def test_the_flows_that_a_schedule_runs_do_the_same(house: Any, pulled: Any) -> None:
    told = house.python(FLOWS)
    # What was decided is no longer in review, and what is in review is on the server already.
    assert (told["sent"], told["booked"], told["made"]) == (0, 0, False)
