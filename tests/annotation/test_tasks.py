"""From a release to tasks: who is asked what, and nobody is lost."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotation.asking.gold import Gold, read_gold
from annotation.asking.planning import plan
from annotation.asking.questions import dataset_spec
from annotation.asking.tasks import Planned, Task, chosen_field, task_id
from schemas.decision import TaskKind, pair_subject
from schemas.errors import ReleaseError
from schemas.settings import AnnotationSettings

VERDICT = {
    "outcome": pl.String(),
    "reasons": pl.List(pl.String),
    "notes": pl.List(pl.String),
    "twin": pl.String(),
    "similarity": pl.Float64(),
    "detail": pl.String(),
    "quality": pl.Float64(),
    "n_tokens": pl.Int64(),
    "cluster": pl.Int64(),
    "language": pl.String(),
}
DESCRIPTIONS = {
    "refusal.full": "The answer does not decline the request.",
    "formatting.template_in_answer": "No chat template's markers in the answer: a model would learn to write them.",
    "formatting.open_code_fence": "Every code fence is closed.",
}
Records = Callable[[list[dict[str, Any]]], pl.DataFrame]


@pytest.fixture
def release(make_records: Records) -> Records:
    """A release's records from dicts; what is not said of a row is that it waits for review of its refusal."""

    def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
        records = make_records([{key: value for key, value in row.items() if key not in VERDICT} for row in rows])
        usual = {**dict.fromkeys(VERDICT), "outcome": "review", "reasons": ["refusal.full"], "notes": []}
        verdicts = [usual | {key: row[key] for key in VERDICT if key in row} for row in rows]
        return records.hstack(pl.DataFrame(verdicts, schema=VERDICT))

    return frame


def planned(records: pl.DataFrame, **given: Any) -> Planned:
    settings = AnnotationSettings.model_validate(given.pop("settings", {}))
    return plan(records, **{"descriptions": DESCRIPTIONS, "settings": settings, "seed": 42, "run_id": "run-1"} | given)


def only(records: pl.DataFrame, **given: Any) -> Task:
    (task,) = planned(records, **given).tasks
    return task


def suggested(task: Task, question: str) -> tuple[Any, float | None, str] | None:
    return next(((hint.value, hint.score, hint.agent) for hint in task.suggestions if hint.question == question), None)


SOUP = {"prompt": "How long does soup keep?", "completion": "I'm sorry, but I can't help with that."}
MOTHS = {"record_id": "b" * 64, "prompt": "What helps against moths?", "completion": "Cold, or heat."}
MOTHS_TOO = {"record_id": "a" * 64, "prompt": "How do I get rid of moths?", "completion": "Heat, or cold."}
SUSPECT = {
    "reasons": ["duplicate.semantic"],
    "twin": "a" * 64,
    "similarity": 0.9,
    "detail": "may say the same as its twin",
}


def test_a_record_is_shown_with_why_and_what_the_check_suggests(release: Records) -> None:
    task = only(release([{**SOUP, "quality": 0.4, "n_tokens": 20, "cluster": 3, "language": "en"}]))
    assert task.fields["prompt"] == "How long does soup keep?"
    assert task.fields["completion"] == "I'm sorry, but I can't help with that."
    assert "The answer does not decline the request. (refusal.full)" in task.fields["why"].replace("\\", "")
    assert suggested(task, "verdict") == ("reject", None, "refusal.full")
    assert suggested(task, "corrected") == (SOUP["completion"], None, "original")
    assert (task.kind, task.tier, task.dataset, task.min_submitted) == ("record", "crowd", "assay-record", 1)
    assert task.task_id == task_id("assay", TaskKind.RECORD, task.record_id)
    assert task.metadata == {
        "reasons": ["refusal.full"],
        "quality": 0.4,
        "n_tokens": 20,
        "cluster": 3,
        "source": "test.jsonl",
        "source_row": 1,
        "language": "en",
        "tier": "crowd",
        "rule": "rule 2: everything else",
        "run_id": "run-1",
    }


def test_a_repair_is_suggested_as_raw_text_with_the_verdict_fix(release: Records) -> None:
    broken = "<|im_start|>assistant\nUse `<b>` and  *stars*.<|im_end|>"
    reasons = {"reasons": ["formatting.template_in_answer"]}
    task = only(release([{"prompt": "How do I print bold?", "completion": broken, **reasons}]))
    assert suggested(task, "verdict") == ("fix", None, "formatting.template_in_answer")
    assert suggested(task, "corrected") == ("Use `<b>` and  *stars*.", None, "formatting.template_in_answer")


def test_a_repair_of_a_part_is_no_fix(release: Records) -> None:
    broken = "<|im_start|>assistant\nI cannot help with that.<|im_end|>"
    reasons = {"reasons": ["formatting.template_in_answer", "refusal.full"]}
    task = only(release([{"prompt": "How do I boil eggs?", "completion": broken, **reasons}]))
    assert suggested(task, "verdict") == ("reject", None, "refusal.full")
    assert suggested(task, "corrected") == ("I cannot help with that.", None, "formatting.template_in_answer")


def test_what_nothing_speaks_for_is_not_suggested(release: Records) -> None:
    task = only(release([{**SOUP, "reasons": ["language.mixed"]}]))
    assert suggested(task, "verdict") is None
    assert suggested(task, "domain") is None


def test_an_answer_that_cannot_be_corrected_has_no_text_to_edit(release: Records) -> None:
    ends = release([{"prompt": "And the next one?", "completion": None, "reasons": ["structure.ends_without_answer"]}])
    assert [hint.question for hint in only(ends).suggestions] == ["verdict"]
    assert "completion" not in only(ends).fields


def test_a_conversation_is_a_chat_with_its_tools(release: Records) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "find", "arguments": '{"a": 1}'}}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where is it?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "[shelf 3]"},
        {"role": "assistant", "content": "Shelf 3."},
    ]
    row = {"messages": messages, "tools": '[{"name":"find"}]', "prompt": "...", "completion": "Shelf 3."}
    task = only(release([row]))
    assert task.fields["conversation"] == [
        {"role": "tools", "content": '```\n[{"name":"find"}]\n```'},
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where is it?"},
        {"role": "assistant", "content": 'find({"a": 1})'},
        {"role": "tool", "content": "\\[shelf 3\\]"},
    ]
    assert task.fields["completion"] == "Shelf 3."
    assert "prompt" not in task.fields


def test_a_chat_that_argilla_cannot_hold_is_shown_as_text_and_whole(release: Records) -> None:
    long = "word " * 5_000
    turns = [{"role": "user", "content": long}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    prompt = f"user: {long}\n\nassistant: b\n\nuser: c"
    row = {"messages": [*turns, {"role": "assistant", "content": "d"}], "prompt": prompt, "completion": "d"}
    fields = only(release([row])).fields
    assert fields["prompt"].split() == prompt.split()
    assert "conversation" not in fields
    many = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}] * 300
    assert "prompt" in only(release([{"messages": many, "prompt": "user: x", "completion": "y"}])).fields


def test_a_suspected_duplicate_alone_is_asked_as_a_pair(release: Records) -> None:
    task = only(release([{**MOTHS, **SUSPECT}, {**MOTHS_TOO, "outcome": "train", "reasons": []}]))
    assert (task.kind, task.dataset) == ("pair", "assay-pair")
    assert task.subject == pair_subject("a" * 64, "b" * 64)
    assert (task.record_id, task.twin_id) == ("b" * 64, "a" * 64)
    assert task.fields["prompt_a"] == "How do I get rid of moths?"
    assert task.fields["completion_b"] == "Cold, or heat."
    assert "0.90" in task.fields["why"]
    assert suggested(task, "verdict") == ("same", 0.9, "builtin")


def test_a_suspect_with_other_reasons_is_asked_once_and_shown_with_its_twin(release: Records) -> None:
    rows = [{**MOTHS, **SUSPECT, "reasons": ["refusal.full", "duplicate.semantic"]}, {**MOTHS_TOO, "outcome": "train"}]
    task = only(release(rows))
    assert (task.kind, task.record_id, task.twin_id) == ("record", "b" * 64, "a" * 64)
    assert "How do I get rid of moths?" in task.fields["beside"]
    assert "(refusal.full)" in task.fields["why"]
    assert "May say the same" in task.fields["why"]


def test_two_that_suspect_each_other_make_one_pair(release: Records) -> None:
    other = {**MOTHS_TOO, **SUSPECT, "twin": "b" * 64}
    got = planned(release([{**MOTHS, **SUSPECT}, other]))
    assert len(got.tasks) == 1
    assert [(one.record_id, one.reason) for one in got.skipped] == [("b" * 64, "the two of them are already one task")]


def test_a_suspect_whose_twin_is_gone_is_asked_about_by_itself(release: Records) -> None:
    assert only(release([{**MOTHS, **SUSPECT}])).kind == "record"
    assert only(release([{**MOTHS, **SUSPECT, "twin": "b" * 64}])).kind == "record"


def test_both_sides_of_a_conflict_are_asked_with_the_other_beside_them(release: Records) -> None:
    reasons = {"reasons": ["duplicate.conflict"], "similarity": 0.99}
    rows = [{**MOTHS, **reasons, "twin": "a" * 64}, {**MOTHS_TOO, **reasons, "twin": "b" * 64}]
    one, other = sorted(planned(release(rows)).tasks, key=lambda task: task.record_id)
    assert "What helps against moths?" in one.fields["beside"]
    assert "Heat, or cold." in other.fields["beside"]
    assert suggested(one, "verdict") is None


def test_a_kto_record_says_what_the_data_thinks_of_its_answer(release: Records) -> None:
    row = {**SOUP, "kind": "kto", "reasons": ["duplicate.conflict"], "twin": "a" * 64, "similarity": 1.0}
    rows = [{**row, "label": False}, {**row, "record_id": "a" * 64, "label": True, "outcome": "train"}]
    task = only(release(rows))
    assert "this answer is a **bad example**" in task.fields["why"]
    assert "says the opposite of it" in task.fields["why"]
    assert "(said to be a good example)" in task.fields["beside"]


def preference(number: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": "preference",
        "prompt": f"Is {number} even?",
        "messages": [{"role": "user", "content": f"Is {number} even?"}],
        "chosen": [{"role": "assistant", "content": "CHOSEN"}],
        "rejected": [{"role": "assistant", "content": "REJECTED"}],
        "completion": "CHOSEN",
        **more,
    }


def test_a_preference_is_shown_blind(release: Records) -> None:
    tasks = planned(release([preference(number) for number in range(60)])).tasks
    assert {task.dataset for task in tasks} == {"assay-preference"}
    for task in tasks:
        assert task.fields[chosen_field(task.task_id)] == "CHOSEN"
        assert sorted(task.fields[name] for name in ("answer_a", "answer_b")) == ["CHOSEN", "REJECTED"]
        assert suggested(task, "ranking") is None
    assert 15 < sum(task.fields["answer_a"] == "CHOSEN" for task in tasks) < 45


def test_what_stands_beside_a_preference_does_not_tell_which_is_preferred(release: Records) -> None:
    swapped = {"chosen": preference(1)["rejected"], "rejected": preference(1)["chosen"]}
    conflict = {"reasons": ["duplicate.conflict"], "similarity": 1.0}
    rows = [preference(1, record_id="a" * 64, twin="b" * 64, **conflict)]
    rows += [preference(1, record_id="b" * 64, twin="a" * 64, **conflict, **swapped)]
    one, other = planned(release(rows)).tasks
    assert one.fields["beside"] == other.fields["beside"]


def test_rows_that_say_the_same_make_one_task_with_all_their_reasons(release: Records) -> None:
    rows = [{**MOTHS, "reasons": ["refusal.full"]}, {**MOTHS, "reasons": ["language.mixed", "refusal.full"]}]
    assert only(release(rows)).reasons == ("refusal.full", "language.mixed")


def test_only_what_waits_for_review_is_asked(release: Records) -> None:
    fates = ["train", "validation", "test", "duplicate", "dropped", "contaminated", "rejected", "unselected"]
    rows = [{"prompt": fate, "completion": "x", "outcome": fate} for fate in fates]
    assert planned(release(rows)) == Planned((), (), ())
    assert len(planned(release([*rows, SOUP])).tasks) == 1


def test_what_is_known_is_not_asked_again_and_said_so(release: Records) -> None:
    records = release([SOUP, {**MOTHS, **SUSPECT}, {**MOTHS_TOO, "outcome": "train"}])
    everything = planned(records)
    again = planned(records, known=[task.subject for task in everything.tasks])
    assert again.tasks == ()
    assert {one.subject for one in again.skipped} == {task.subject for task in everything.tasks}
    assert {one.reason for one in again.skipped} == {"people were asked before, or have decided"}
    (left,) = planned(records, known=[everything.tasks[0].subject]).tasks
    assert left == everything.tasks[1]


def test_the_same_release_makes_the_same_tasks_in_any_order_of_rows(release: Records) -> None:
    records = release([{"prompt": f"What is {number}?", "completion": "No."} for number in range(20)])
    assert planned(records) == planned(records.reverse()) == planned(records)


IDS = [letter * 64 for letter in "abcdef"]
ROW = st.fixed_dictionaries(
    {
        "record_id": st.sampled_from(IDS),
        "twin": st.sampled_from([None, *IDS, "9" * 64]),
        "outcome": st.sampled_from(["review", "review", "train", "dropped"]),
        "reasons": st.lists(
            st.sampled_from(["duplicate.semantic", "duplicate.conflict", "refusal.full"]), max_size=3, unique=True
        ),
        "kind": st.sampled_from(["sft", "kto", "preference"]),
        "detail": st.sampled_from([None, "people asked for a fix and gave no corrected response"]),
    }
)


@given(rows=st.lists(ROW, max_size=8), known=st.sets(st.sampled_from(IDS)), overlap=st.sampled_from([0.0, 0.5]))
def test_every_record_in_review_is_in_one_task_or_skipped(
    make_records: Records, rows: list[dict[str, Any]], known: set[str], overlap: float
) -> None:
    filled = [{"prompt": "p", "completion": "c", "similarity": None, "notes": [], **row} for row in rows]
    records = make_records([{key: value for key, value in row.items() if key not in VERDICT} for row in filled])
    verdicts = [dict.fromkeys(VERDICT) | {key: row[key] for key in VERDICT if key in row} for row in filled]
    records = records.hstack(pl.DataFrame(verdicts, schema=VERDICT))
    got = planned(records, known=known, settings={"tiers": {"crowd": {"price": 1}}, "overlap": {"share": overlap}})
    told = [task.record_id for task in got.tasks] + [one.record_id for one in got.skipped]
    assert sorted(told) == sorted({row["record_id"] for row in rows if row["outcome"] == "review"})
    assert len({task.subject for task in got.tasks}) == len(got.tasks)
    assert not known & {task.subject for task in got.tasks}
    assert sum(got.responses_by_tier.values()) == sum(task.min_submitted for task in got.tasks)


# Domains and routing


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Two directions: what is about courts, and the rest."""
    return np.array([[1.0, 0.0] if "court" in text else [0.0, 1.0] for text in texts], dtype=np.float32)


LAW = {
    "domains": {"law": "courts; contracts before court"},
    "rules": [{"tier": "expert", "domains": ["law"]}, {"tier": "crowd"}],
}


def test_what_the_data_calls_difficult_goes_to_whom_the_rules_say(release: Records) -> None:
    rules = {"rules": [{"tier": "expert", "min_difficulty": 4}, {"tier": "crowd"}]}
    said = ['{"difficulty": 4.5}', '{"difficulty": 3}', '{"difficulty": "hard"}', '{"difficulty": true}', None]
    rows = [
        {"prompt": f"What is {number}?", "completion": "No.", "metadata": metadata}
        for number, metadata in enumerate(said)
    ]
    got = planned(release(rows), settings=rules)
    assert {task.fields["prompt"]: task.tier for task in got.tasks} == {
        "What is 0?": "expert",
        **{f"What is {number}?": "crowd" for number in range(1, 5)},
    }
    assert {task.metadata.get("difficulty") for task in got.tasks} == {4.5, 3.0, None}


def test_a_measured_difficulty_goes_before_what_the_data_says(release: Records) -> None:
    rules = {"rules": [{"tier": "expert", "min_difficulty": 0.8}, {"tier": "crowd"}]}
    rows = [{"prompt": f"What is {number}?", "completion": "No.", "metadata": '{"difficulty": 4}'} for number in "123"]
    records = release(rows).with_columns(
        ifd_perplexity_ratio=pl.when(pl.col("prompt") == "What is 1?")
        .then(0.9)
        .when(pl.col("prompt") == "What is 2?")
        .then(0.1)
    )
    got = planned(records, settings=rules)
    # The third could not be measured; its own 4 is of another scale.
    assert {task.fields["prompt"]: (task.tier, task.metadata.get("difficulty")) for task in got.tasks} == {
        "What is 1?": ("expert", 0.9),
        "What is 2?": ("crowd", 0.1),
        "What is 3?": ("crowd", None),
    }


def test_the_domain_decides_the_tier_and_can_be_found_by(release: Records) -> None:
    rows = [{"prompt": "Who speaks first in court?", "completion": "x"}, SOUP]
    got = planned(release(rows), settings=LAW, embed=embed, model="all-MiniLM-L6-v2")
    by_tier = {task.tier: task for task in got.tasks}
    assert by_tier["expert"].domain == by_tier["expert"].metadata["domain"] == "law"
    assert suggested(by_tier["expert"], "domain") == ("law", 1.0, "all-MiniLM-L6-v2")
    assert suggested(by_tier["crowd"], "domain") == ("general", None, "all-MiniLM-L6-v2")
    assert by_tier["expert"].vector == (1.0, 0.0)
    assert by_tier["expert"].metadata["rule"] == "rule 1: domains law"
    assert got.responses_by_tier == {"crowd": 1, "expert": 1}


def test_who_knows_better_goes_before_the_guess(release: Records) -> None:
    row = {**SOUP, "record_id": "a" * 64, "metadata": '{"domain": "Law"}'}
    task = only(release([row]), settings=LAW, embed=embed)
    assert suggested(task, "domain") == ("law", None, "metadata")
    assert task.tier == "expert"
    corrected = only(release([row]), settings=LAW, embed=embed, corrected={"a" * 64: "general"})
    assert suggested(corrected, "domain") == ("general", None, "people")
    assert corrected.tier == "crowd"
    gone = only(release([row]), settings=LAW, embed=embed, corrected={"a" * 64: "alchemy"})
    assert gone.domain == "law"


def test_a_prompt_without_words_is_not_embedded(release: Records) -> None:
    task = only(release([{"prompt": " ", "completion": "x"}]), settings=LAW, embed=embed)
    assert task.vector is None
    assert task.domain is None


def test_a_sample_is_given_to_several_and_the_rest_to_one(release: Records) -> None:
    tiers = {"crowd": {"price": 2, "annotators": ["a", "b", "c"]}}
    rows = [{"prompt": f"What is {number}?", "completion": "No."} for number in range(200)]
    got = planned(release(rows), settings={"tiers": tiers, "overlap": {"share": 0.25, "annotators": 3}})
    several = [task for task in got.tasks if task.dataset == "assay-record-overlap"]
    assert 30 < len(several) < 70
    assert {task.min_submitted for task in several} == {3}
    assert got.responses_by_tier == {"crowd": 200 + 2 * len(several)}
    alone = planned(
        release(rows), settings={"tiers": {"crowd": {"price": 2, "annotators": ["a"]}}, "overlap": {"share": 1}}
    )
    assert {task.min_submitted for task in alone.tasks} == {1}
    assert alone.notes == (
        "crowd: its annotators (1) are too few for an overlap of 3, so each of its tasks is given to one person;"
        " name more of them, or set annotation.overlap.annotators",
    )


# Gold


@pytest.fixture
def gold(tmp_path: Path) -> tuple[Gold, ...]:
    lines = [{"prompt": f"Is {number} a prime?", "completion": "Yes.", "verdict": "accept"} for number in (2, 3, 5)]
    lines += [{"prompt": "Say hello.", "completion": "No, I cannot.", "verdict": "reject", "reasons": ["refusal.full"]}]
    path = tmp_path / "gold.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return read_gold(path, domains=())


def look(task: Task, settings: AnnotationSettings) -> tuple[Any, ...]:
    """All that an annotator can tell two tasks apart by, but for what they say."""
    visible = {
        item.name for item in dataset_spec(task.kind, settings, min_submitted=1, dimensions=2).metadata if item.visible
    }
    hints = tuple((hint.question, hint.score is None, hint.agent) for hint in task.suggestions)
    return (
        len(task.task_id),
        tuple(task.fields),
        task.fields["why"],
        hints,
        tuple(sorted(visible & task.metadata.keys())),
        task.vector is not None,
        task.dataset,
        task.tier,
        task.min_submitted,
    )


def test_gold_looks_like_real_work(release: Records, gold: tuple[Gold, ...]) -> None:
    settings = AnnotationSettings.model_validate({**LAW, "project": "faq"})
    records = release([{"prompt": f"What is {number}?", "completion": "No."} for number in range(40)])
    got = plan(records, descriptions=DESCRIPTIONS, settings=settings, seed=42, run_id="r", embed=embed, gold=gold)
    known = {task.task_id for task in got.tasks if task.gold}
    assert len(known) == 4
    assert Counter(task.gold for task in got.tasks) == {None: 40, "accept": 3, "reject": 1}
    looks = Counter(look(task, settings) for task in got.tasks)
    for task in got.tasks:
        if task.gold:
            real = looks[look(task, settings)] - sum(
                look(other, settings) == look(task, settings) for other in got.tasks if other.gold
            )
            assert real >= 9, "too few real ones look like this gold record"
    places = [number for number, task in enumerate(got.tasks) if task.gold]
    assert places not in ([40, 41, 42, 43], [0, 1, 2, 3])
    sent = json.dumps([[task.task_id, task.fields, task.metadata, task.suggestions] for task in got.tasks if task.gold])
    assert "gold" not in sent
    assert "accept" not in sent.replace("accept if", "")


def test_gold_goes_to_the_overlap_where_there_is_one(release: Records, gold: tuple[Gold, ...]) -> None:
    rows = [{"prompt": f"What is {number}?", "completion": "No."} for number in range(40)]
    tiers = {"crowd": {"price": 2}}
    some = planned(release(rows), gold=gold, settings={"tiers": tiers, "overlap": {"share": 0.5, "annotators": 3}})
    assert {(task.dataset, task.min_submitted) for task in some.tasks if task.gold} == {("assay-record-overlap", 3)}
    none = planned(release(rows), gold=gold, settings={"tiers": tiers})
    assert {(task.dataset, task.min_submitted) for task in none.tasks if task.gold} == {("assay-record", 1)}


THREE = {"crowd": {"price": 2, "annotators": ["ana", "ben", "cem"]}}


def test_everybody_of_the_tier_answers_every_gold_record_and_cannot_tell_which_they_are(
    release: Records, gold: tuple[Gold, ...]
) -> None:
    """Without an overlap as with one for fewer people: gold takes three real records each along."""
    records = release([{"prompt": f"What is {number}?", "completion": "No."} for number in range(40)])
    for overlap in ({}, {"share": 0.2, "annotators": 2}):
        got = planned(records, gold=gold, settings={"tiers": THREE, "overlap": overlap})
        place = {(task.dataset, task.min_submitted) for task in got.tasks if task.gold}
        assert place == {("assay-record-overlap-3", 3)}
        beside = [task for task in got.tasks if not task.gold and (task.dataset, task.min_submitted) in place]
        assert len(beside) == 3 * 4
        settings = AnnotationSettings.model_validate({"tiers": THREE, "overlap": overlap})
        looks = {look(task, settings) for task in beside}
        assert {look(task, settings) for task in got.tasks if task.gold} <= looks
        assert sum(not task.gold for task in got.tasks) == 40
        (note,) = got.notes
        assert "4 gold records bring 12 answers, too few to measure its people (3, who need 5 each)" in note
    assert planned(records, gold=gold, settings={"tiers": THREE}).responses_by_tier == {"crowd": 28 + 3 * 12 + 3 * 4}


def test_where_as_many_overlap_as_there_are_people_gold_is_in_the_sample(
    release: Records, gold: tuple[Gold, ...]
) -> None:
    records = release([{"prompt": f"What is {number}?", "completion": "No."} for number in range(40)])
    settings = {"tiers": THREE, "overlap": {"share": 0.1, "annotators": 3}, "gold": {"min_answers": 4}}
    got = planned(records, gold=gold, settings=settings)
    several = [task for task in got.tasks if task.dataset == "assay-record-overlap"]
    assert {task.min_submitted for task in several} == {3}
    assert Counter(task.gold is None for task in several) == {True: 12, False: 4}
    assert got.notes == ()


def test_gold_that_was_given_out_buys_no_company_a_second_time(release: Records, gold: tuple[Gold, ...]) -> None:
    first = planned(
        release([{"prompt": f"What is {number}?", "completion": "No."} for number in range(40)]),
        gold=gold,
        settings={"tiers": THREE},
    )
    given = {task.task_id: task.min_submitted for task in first.tasks}
    rows = [{"prompt": f"What is {number}?", "completion": "No."} for number in range(30, 70)]
    later = planned(release(rows), gold=gold, given=given, settings={"tiers": THREE})
    new = [task for task in later.tasks if task.task_id not in given]
    assert (len(new), {task.min_submitted for task in new}) == (30, {1})
    assert {task.task_id: task.min_submitted for task in later.tasks if task.task_id in given}.items() <= given.items()
    gone = planned(release([]), gold=gold, given=given, settings={"tiers": THREE})
    assert (len(gone.tasks), gone.skipped) == (4, ())


def test_a_tier_that_names_nobody_is_told_whom_its_gold_can_measure(release: Records, gold: tuple[Gold, ...]) -> None:
    records = release([{"prompt": f"What is {number}?", "completion": "No."} for number in range(40)])
    (note,) = planned(records, gold=gold, settings={"tiers": {"crowd": {"price": 2}}}).notes
    assert note.startswith("crowd: 4 gold records bring 4 answers, enough to measure 0 people at 5 each; name its")


def test_gold_without_company_is_held_back(release: Records, gold: tuple[Gold, ...]) -> None:
    got = planned(release([]), gold=gold)
    assert got.tasks == ()
    assert {one.reason for one in got.skipped} == {"gold: there is no real work of its tier to hide it in"}
    assert {one.record_id for one in got.skipped} == {one.record_id for one in gold}


def test_gold_that_cannot_be_hidden_is_told(release: Records, gold: tuple[Gold, ...]) -> None:
    got = planned(release([{**SOUP, "reasons": ["safety.api_key"]}]), gold=gold)
    thin, unhidden = got.notes
    assert thin.startswith("crowd: 4 gold records bring 4 answers, too few to measure its people (1, who need 5 each)")
    assert unhidden.startswith("crowd/assay-record: 3 gold records without reasons among 0 real ones")
    keyed = next(task for task in got.tasks if not task.gold)
    assert suggested(keyed, "verdict") == ("reject", None, "safety.api_key")


def test_gold_is_asked_once(release: Records, gold: tuple[Gold, ...]) -> None:
    records = release([SOUP])
    first = planned(records, gold=gold)
    again = planned(records, gold=gold, known=[task.subject for task in first.tasks if task.gold])
    assert [task.gold for task in again.tasks] == [None]


# What comes in


def test_a_release_of_another_make_is_told(release: Records) -> None:
    with pytest.raises(ReleaseError, match="lacks the column 'twin'; run `assay curate` again"):
        planned(release([SOUP]).drop("twin"))
    assert only(release([SOUP]).drop("quality", "cluster", "language", "n_tokens")).metadata["source_row"] == 1


def test_what_is_not_a_number_is_no_filter(release: Records) -> None:
    assert "quality" not in only(release([{**SOUP, "quality": float("nan")}])).metadata


def test_every_field_and_suggestion_is_one_that_the_dataset_has(release: Records) -> None:
    rows = [SOUP, preference(2), {**MOTHS, **SUSPECT}, {**MOTHS_TOO, "outcome": "train"}]
    settings = AnnotationSettings.model_validate(LAW)
    tasks = planned(release(rows), settings=LAW, embed=embed).tasks
    assert {task.kind for task in tasks} == set(TaskKind)
    for task in tasks:
        made = dataset_spec(task.kind, settings, min_submitted=1, dimensions=2)
        names = {field.name for field in made.fields}
        assert {field.name for field in made.fields if field.required} <= task.fields.keys() <= names
        options = {question.name: question.options for question in made.questions}
        assert all(not options[hint.question] or hint.value in options[hint.question] for hint in task.suggestions)
        assert task.metadata.keys() <= {item.name for item in made.metadata}
