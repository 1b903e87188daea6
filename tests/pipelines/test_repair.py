"""What could be repaired is said and nothing edited; what is safe is repaired where it is wanted, and can be undone."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines._ledger import all_records
from pipelines._mending import ORIGINAL, original_of
from pipelines._records import Draft, message, record, record_frame
from pipelines._repairs import REPAIRS
from pipelines.decide import decide
from pipelines.repair import MARKS, repair, repair_slices, summed
from schemas.decision import DECISION_SCHEMA
from schemas.record import RECORD_SCHEMA, Kind

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def row(prompt: str, answer: str, context: str | None = None, **more: Any) -> Draft:
    asked = prompt if context is None else f"{prompt}\n\n{context}"
    return Draft(Kind.SFT, [message("user", asked), message("assistant", answer)], more, context=context)


def frame(*drafts: Draft) -> pl.DataFrame:
    rows = [record(draft, source="raw.jsonl", source_row=at, part=0) for at, draft in enumerate(drafts, start=1)]
    return record_frame(rows, 0)


def repaired(draft: Draft) -> dict[str, Any]:
    return repair(frame(draft), apply="safe").records.row(0, named=True)


SAFE = {
    "mojibake": (row("Describe a café.", "A cafÃ© thatâ€™s quiet."), "A café that’s quiet."),
    "html_entities": (row("Name a shop.", "Marks &amp; Spencer&#39;s"), "Marks & Spencer's"),
    "template_head": (row("Say hi.", "<|im_start|>assistant\nHi."), "Hi."),
    "template_tail": (row("Say hi.", "Hi.<|im_end|>\n\n### Instruction:\n"), "Hi."),
    "role_markers": (row("Name a fruit.", "**Assistant:** Plum."), "Plum."),
    "surrounding_quotes": (row("Write a slogan for a bakery.", '"Bread first."'), "Bread first."),
}


@pytest.mark.parametrize("name", SAFE)
def test_a_safe_repair_is_made_and_the_original_kept(name: str) -> None:
    draft, better = SAFE[name]
    before, after = frame(draft).row(0, named=True), repaired(draft)
    assert after["completion"] == after["messages"][-1]["content"] == better
    assert (after["repaired"], after["repairs"]) == ([f"repair.{name}"], [])
    assert after["original_record_id"] == before["record_id"] != after["record_id"]
    assert after["original_completion"] == before["completion"]
    was = original_of(after["metadata"])
    assert was is not None
    assert was["record_id"] == before["record_id"]
    assert [turn["content"] for turn in was["messages"]] == [turn["content"] for turn in before["messages"]]
    # The same content has the same name wherever it came from.
    assert after["record_id"] == frame(row(before["prompt"], better))["record_id"][0]


@pytest.mark.parametrize("context", ["<noinput>", "No input required.", "N/A", "&lt;无输入&gt;", '"<noinput>"', "None"])
def test_a_placeholder_input_is_emptied(context: str) -> None:
    after = repaired(row("Name three rivers.", "Rhine, Elbe, Oder.", context))
    assert (after["prompt"], after["context"]) == ("Name three rivers.", None)
    assert after["messages"][0]["content"] == "Name three rivers."
    assert (original_of(after["metadata"]) or {})["context"] == context


def test_one_at_the_end_of_a_chat_is_emptied_too() -> None:
    after = repaired(row("Name three rivers.\n<noinput>", "Rhine, Elbe, Oder."))
    assert after["prompt"] == "Name three rivers."


@pytest.mark.parametrize(
    "draft",
    [
        row("Repair the mojibake in this text.", "CafÃ© becomes café.", "CafÃ©"),
        row("Write HTML for a headline.", "Write &lt;b&gt; and &amp;."),
        row("Explain the sign.", "It reads <b>Fish &amp; chips</b>."),
        row("Explain the sign.", "It is escaped twice: &amp;amp;"),
        row("Which tokens does the chat template use?", "It ends in <|im_end|>"),
        row("Name a fruit.", "Assistant: Plum.\nUser: Another?"),
        row("Write a chatbot dialogue.", "Assistant: Hello."),
        row("Quote Hamlet.", '"To be, or not to be"'),
        row('Complete "to be or".', '"To be or not to be"'),
        row("Return a JSON string.", '"plum"'),
        row("Name two titles.", '"Emma" and "Persuasion"'),
        row("Say it.", "'plum'"),
        row("What does N/A mean in a form?", "Not applicable.", "N/A"),
        row("Complete the sentence.", "The boy threw the ball.", "The boy <noinput> the ball"),
        row("", "Rain.", "<noinput>"),
        row("Say hi.", "<|im_end|>"),
        row("Say hi.", "Assistant: "),
    ],
    ids=lambda draft: draft.messages[-1]["content"][:24],
)
def test_what_may_be_meant_so_or_would_leave_nothing_stays(draft: Draft) -> None:
    assert repair(frame(draft), apply="safe").records.select(RECORD_SCHEMA.names()).equals(frame(draft))


def test_a_repair_that_would_leave_nothing_is_named() -> None:
    after = repaired(row("", "Rain.", "<noinput>"))
    assert after["repair_detail"] == "repair.placeholder_input was not made: it would leave no prompt"
    figures = repair(frame(row("Say hi.", "<|im_end|>")), apply="off").figures["kinds"]["template_tail"]
    assert (figures["suggested"], figures["refused"]) == (0, 1)


def test_a_repair_that_fails_costs_itself_and_not_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> str | None:
        raise ZeroDivisionError

    monkeypatch.setattr("annotation.asking.mends.read_again", broken)
    after = repaired(row("Describe a café.", "A cafÃ© &amp; bar"))
    assert after["completion"] == "A cafÃ© & bar"
    assert "repair.mojibake was not made: it failed (ZeroDivisionError)" in after["repair_detail"]


def test_unless_it_is_wanted_nothing_is_edited_and_all_is_said() -> None:
    records = frame(*(draft for draft, _ in SAFE.values()), row("Say hi.", "Hi.<|im_end|>\n<|im_start|>user\nBye"))
    outcome = repair(records, apply="off")
    assert outcome.records.select(RECORD_SCHEMA.names()).equals(records)
    assert outcome.records["repairs"].to_list() == [[f"repair.{name}"] for name in (*SAFE, "next_turn")]
    assert outcome.records["repaired"].to_list() == [[]] * 7
    assert outcome.records["original_record_id"].null_count() == outcome.records["repair_detail"].null_count() == 7
    assert (outcome.figures["rows"], outcome.figures["changed"]) == (7, 0)


def test_words_of_another_turn_are_never_cut_by_a_run() -> None:
    after = repaired(row("Say hi.", "Hi.<|im_end|>\n<|im_start|>user\nBye"))
    assert (after["completion"], after["repairs"]) == ("Hi.<|im_end|>\n<|im_start|>user\nBye", ["repair.next_turn"])


def test_answers_that_people_compared_or_labelled_stay_as_they_saw_them() -> None:
    turns = [message("user", "Describe a cafÃ©."), message("assistant", "A cafÃ© &amp; bar")]
    kto = repaired(Draft(Kind.KTO, turns, {}, label=False))
    pair = Draft(Kind.PREFERENCE, turns[:1], {}, chosen=turns[1:], rejected=[message("assistant", "CafÃ©")])
    preference = repaired(pair)
    assert (kto["prompt"], kto["completion"]) == ("Describe a café.", "A cafÃ© &amp; bar")
    assert (preference["prompt"], preference["completion"]) == ("Describe a café.", "A cafÃ© &amp; bar")
    assert preference["rejected"][0]["content"] == "CafÃ©"


def test_every_turn_of_a_conversation_is_repaired_and_what_a_tool_said_is_not() -> None:
    turns = [("user", "Hi"), ("assistant", "Hello.<|im_end|>"), ("tool", "a &amp; b"), ("assistant", "a &amp; b")]
    after = repaired(Draft(Kind.SFT, [message(*turn) for turn in turns], {}))
    assert [turn["content"] for turn in after["messages"]] == ["Hi", "Hello.", "a &amp; b", "a & b"]


def test_metadata_keeps_every_byte_of_what_was_there() -> None:
    draft = row("Say hi.", "Hi.<|im_end|>", id=12345678901234567890, note="é")
    before, after = frame(draft)["metadata"][0], repaired(draft)["metadata"]
    assert after.endswith("," + before[1:])
    assert set(json.loads(after)) == {ORIGINAL, "id", "note"}
    twice = draft._replace(metadata={ORIGINAL: {"record_id": "older"}})
    found = json.loads(repaired(twice)["metadata"])
    assert found[ORIGINAL] == {"record_id": "older"}
    assert found[f"{ORIGINAL}_2"]["messages"][1]["content"] == "Hi.<|im_end|>"


def test_the_ledger_names_the_repair_and_says_where_the_original_is() -> None:
    records = decide(
        repair(frame(SAFE["mojibake"][0], row("Say hi.", "Hi.")), apply="safe").records,
        pl.DataFrame(schema=DECISION_SCHEMA),
    ).kept
    ready = records.with_columns(split=pl.lit("train"), notes=pl.lit([], dtype=pl.List(pl.String)))
    told = all_records(ready.with_columns(review_reasons=pl.lit([], dtype=pl.List(pl.String))), [])
    assert told["notes"].to_list() == [["repair.mojibake"], []]
    assert told["detail"].to_list() == ["repaired: text read again in its encoding; metadata holds the original", None]


def test_what_people_decided_of_the_original_or_of_the_repaired_record_holds() -> None:
    records = repair(frame(SAFE["mojibake"][0]), apply="safe").records
    usual = {"kind": "record", "reasons": [], "comment": None, "domain": None, "annotators": 1, "method": "single"}
    for subject in ("record_id", "original_record_id"):
        said = {"subject": records[subject][0], "verdict": "fix", "completion": "Quiet.", "agreement": 1.0, **usual}
        fixed = decide(records, pl.from_dicts([said], schema=DECISION_SCHEMA)).kept.row(0, named=True)
        assert (fixed["completion"], fixed["decision"]) == ("Quiet.", "fix")
        # What people were asked about.
        assert fixed["original_record_id"] == said["subject"]


def test_slices_add_up_to_the_whole() -> None:
    records = frame(*(draft for draft, _ in SAFE.values()))
    whole = repair(records, apply="safe")
    parts = list(repair_slices([records[:2], records[2:]], apply="safe"))
    assert pl.concat([part.records for part in parts]).equals(whole.records)
    assert summed([part.figures for part in parts]) == whole.figures
    example = whole.figures["kinds"]["role_markers"]["examples"][0]
    assert (example["before"], example["after"]) == ("**Assistant:** Plum.", "Plum.")


def test_every_repair_says_why_it_is_safe_or_why_not() -> None:
    for one in REPAIRS.values():
        assert one.description.endswith(".")
        assert ("\n\n    Safe: " if one.safe else "\n\n    Not safe: ") in (one.mend.__doc__ or "")


PIECES = st.sampled_from(
    [
        *("Tea", " ", "\n", '"', "“", "”", "&amp;", "&lt;", "&quot;", "cafÃ©", "â€™", "é", "Ã", "©", "a.", "user\n"),
        *("<|im_end|>", "<|im_start|>assistant\n", "### Instruction:", "Assistant: ", "</s>", "[/INST]"),
        *("<noinput>", "\n\nNo input"),
    ]
)
TEXTS = st.lists(PIECES, max_size=7).map("".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS, st.none() | TEXTS.filter(str.strip)), min_size=1, max_size=4))
def test_repairing_twice_is_repairing_once(rows: list[tuple[str, str, str | None]]) -> None:
    once = repair(frame(*(row(*each) for each in rows)), apply="safe")
    again = repair(once.records.select(RECORD_SCHEMA.names()), apply="safe")
    assert again.figures["changed"] == 0
    assert again.records["record_id"].to_list() == once.records["record_id"].to_list()
    assert once.records.height == len(rows)
    assert set(MARKS.names()) <= set(once.records.columns)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_comes_through(prompt: str, answer: str) -> None:
    clean = (each.encode("utf-8", "ignore").decode() for each in (prompt, answer))
    assert repair(frame(row(*clean)), apply="safe").records.height == 1


def test_a_megabyte_of_anything_comes_through() -> None:
    hostile = ("</s>", "Assistant: ", "&amp;", "<|im_start|>", '"', "\n", " ", "â€™", "### Instruction:\n", "<" * 40)
    drafts = [row("Say hi.", "Hi. " + piece * (10**6 // len(piece))) for piece in hostile]
    assert repair(frame(*drafts), apply="safe").records.height == len(hostile)


@pytest.mark.skipif(not DATA.exists(), reason="needs the labelled rows of Alpaca in ../shared/data")
def test_curators_blanked_what_is_emptied() -> None:
    from pipelines.ingest import read_records

    raw = read_records(str(DATA / "raw" / "alpaca_data.json.gz"))
    emptied = repair(raw, apply="off").records["repairs"].list.contains("repair.placeholder_input")
    labels = json.loads((DATA / "dev_labels" / "alpaca_documented_defects_dev.json").read_text())["defects"]
    found = emptied.gather(labels["noinput_placeholder"])
    assert found.mean() >= 0.97
    known = sorted({row for rows in labels.values() for row in rows})
    assert emptied.gather([row for row in known if row not in labels["noinput_placeholder"]]).sum() == 0
