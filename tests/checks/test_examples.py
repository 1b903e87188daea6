"""Every check by example: a record that passes it and one that fails it."""

from typing import Any

import polars as pl
import pytest

from checks.catalogue import all_checks, verdicts
from checks.registry import CHECKS
from pipelines.validate import validate
from schemas.outcome import Outcome
from schemas.record import Kind

Row = dict[str, Any]

USER = {"role": "user", "content": "What is 2 + 2?"}
ANSWER = {"role": "assistant", "content": "4"}
CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 2}'}}],
}
BROKEN_CALL = CALL | {
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "add", "arguments": "{a: 2, b"}}]
}
RESULT = {"role": "tool", "content": "4", "tool_call_id": "1"}
SYSTEM = {"role": "system", "content": "Be brief."}
LONG = "The river rises in the hills and winds through three valleys before it meets the sea "


def talk(*turns: Row) -> Row:
    return {"prompt": "What is 2 + 2?", "completion": "4", "messages": list(turns)}


def says(completion: str, prompt: str = "Tell me about the river.", **more: Any) -> Row:
    return {"prompt": prompt, "completion": completion, **more}


def asks(prompt: str, completion: str = "It rises in the hills.", **more: Any) -> Row:
    return says(completion, prompt, **more)


def pair(chosen: str, rejected: str) -> Row:
    return {
        "prompt": "What is 2 + 2?",
        "completion": chosen,
        "kind": Kind.PREFERENCE.value,
        "messages": [USER],
        "chosen": [{"role": "assistant", "content": chosen}],
        "rejected": [{"role": "assistant", "content": rejected}],
    }


def kto(completion: str, label: bool | None) -> Row:
    return says(completion, kind=Kind.KTO.value, label=label)


# reason: (passes, fails)
EXAMPLES: dict[str, tuple[Row, Row]] = {
    "structure.empty_prompt": (asks("Hi"), asks(" \n\t\u200b")),
    "structure.empty_completion": (says("4"), {"prompt": "What is 2 + 2?"}),
    "structure.empty_rejected": (pair("4", "5"), pair("4", "  ")),
    "structure.same_answers": (pair("4", "5"), pair("4", "4 ")),
    "structure.missing_label": (kto("4", False), kto("4", None)),
    "structure.ends_without_answer": (talk(USER, ANSWER), talk(USER, ANSWER, USER)),
    "structure.roles_repeat": (talk(USER, ANSWER, USER, ANSWER), talk(USER, USER, ANSWER)),
    "structure.starts_with_assistant": (talk(SYSTEM, USER, ANSWER), talk(ANSWER, USER, ANSWER)),
    "structure.late_system_turn": (talk(SYSTEM, USER, ANSWER), talk(USER, SYSTEM, ANSWER)),
    "structure.tool_result_without_call": (talk(USER, CALL, RESULT, ANSWER), talk(USER, RESULT, ANSWER)),
    "structure.silent_user_turn": (talk(USER, ANSWER), talk(USER, ANSWER, USER | {"content": " "}, ANSWER)),
    "structure.silent_assistant_turn": (
        talk(USER, CALL, RESULT, ANSWER),
        talk(USER, ANSWER | {"content": ""}, USER, ANSWER),
    ),
    "structure.tool_arguments_not_json": (talk(USER, CALL, RESULT, ANSWER), talk(USER, BROKEN_CALL, RESULT, ANSWER)),
    "structure.tools_not_json": (talk(USER, ANSWER) | {"tools": '[{"name": "add"}]'}, talk(USER) | {"tools": "add"}),
    "length.short_prompt": (asks("Who swims?"), asks("hello")),
    "length.short_completion": (asks("Is a river wet?", "Yes"), asks("Write a story about a river.", "A river.")),
    "length.over_max_tokens": (says("Short."), says("word " * 60)),
    "length.repeats_itself": (says(LONG * 2), says("I like the river very much. " * 20)),
    "length.unbroken_run": (says("The word is antidisestablishmentarianism."), says("data:" + "QUJD" * 120)),
    "length.echoes_prompt": (asks("Hello!", "Hello!"), asks("Tell me about the river.", "Tell me about the river. ")),
    "length.echoes_context": (
        says("The hills are green, and the river is long.", context="the hills are green and river is long"),
        says("the hills are green and river is long", context="the hills are green and river is long"),
    ),
    "formatting.nul_character": (says("A\tB"), says("A\x00B")),
    "formatting.control_characters": (says("A\r\n\tB"), says("A\x07B")),
    "formatting.mojibake": (says("Café – “naïve”"), says("CafÃ© â€“ naive")),
    "formatting.html_tags": (
        asks("Write the HTML of a paragraph.", "<p>A river.</p>"),
        says("<p>A river<br/> in the hills.</p>"),
    ),
    "formatting.html_entities": (says("Fish & chips"), says("Fish &amp; chips&nbsp;today")),
    "formatting.open_code_fence": (says("```\nprint(1)\n```"), says("```\nprint(1)\n")),
    "formatting.unfinished": (says(LONG + "near the town."), says(LONG + "and then it")),
    "formatting.placeholder_input": (
        asks("Name it.\n\nA river", context="A river without input from springs"),
        asks("Name a river.\n\n<noinput>", context="<noinput>"),
    ),
    "formatting.placeholder_answer": (says("No output shafts are fitted to this pump."), says("<nooutput>")),
    "formatting.nothing_answered": (says("N/A means not applicable."), says("N/A")),
    "formatting.placeholder_in_answer": (says("There is no output yet."), says("<noinput>\nThe Nile")),
    "formatting.template_in_answer": (says("The instruction was clear."), says("Sure.<|im_end|>")),
    "formatting.template_in_prompt": (asks("What is an instruction?"), asks("### Instruction:\nName a river.")),
    "formatting.merged_instructions": (
        says("Input: water. Output: power."),
        says("The Nile.\n##\n6. Instruction: Name a hill.\n6. Input:\n<noinput>\n6. Output:\nArthur's Seat"),
    ),
    "formatting.role_markers": (
        asks("Write a dialogue at the river.", "A: Hi.\nAssistant: Hello."),
        says("The Nile.\nHuman: And the second?\nAssistant: The Amazon."),
    ),
    "formatting.media_in_answer": (
        says("A picture of a river hangs in the hall."),
        says("![A river](https://example.com/river.png)"),
    ),
    "formatting.absent_media": (
        asks("Describe a photo that you would take."),
        asks("Describe this photo.\n\n[Photo of a river]"),
    ),
    "formatting.asks_for_media": (asks("Write a caption for a photo."), asks("Design a logo for a river cruise.")),
    "formatting.url_in_prompt": (asks("Summarise this. The end."), asks("Summarise https://example.com/river")),
    "constraints.item_count": (asks("Name three rivers.", "1. Nile\n2. Po\n3. Elbe"), asks("Name three rivers.", "Nile, Po")),
    "constraints.word_limit": (
        asks("Describe a river in at most 5 words.", "Wide, slow and very old."),
        asks("Describe a river in at most 5 words.", "It is wide, slow and very old."),
    ),
    "constraints.word_target": (
        asks("Write a 20-word story about a river.", "The river was late. " * 5),
        asks("Write a 20-word story about a river.", "The river was late. " * 7),
    ),
    "constraints.character_limit": (
        asks("Write a tweet of at most 30 characters.", "Rivers run."),
        asks("Write a tweet of at most 30 characters.", "Rivers run, and nobody knows whereto."),
    ),
    "constraints.sentence_count": (
        asks("Describe a river in two sentences.", "It is wide. It is old."),
        asks("Describe a river in two sentences.", "It is wide. It is old. It is slow."),
    ),
    "constraints.paragraph_count": (
        asks("Describe a river in two paragraphs.", "It is wide.\n\nIt is old."),
        asks("Describe a river in two paragraphs.", "It is wide."),
    ),
    "constraints.required_words": (
        asks('Write a sentence using the words "river" and "stone".', "Rivers carry stones."),
        asks('Write a sentence using the words "river" and "stone".', "Rivers carry sand."),
    ),
    "constraints.forbidden_words": (
        asks('Describe a river without using the word "water".', "It flows."),
        asks('Describe a river without using the word "water".', "Water flows."),
    ),
    "constraints.term_frequency": (
        asks("Praise it. The word river should appear at least 2 times.", "River, o river!"),
        asks("Praise it. The word river should appear at least 2 times.", "O river!"),
    ),
    "constraints.start_with": (
        asks('Write a story that starts with "It was late".', "It was late, and cold."),
        asks('Write a story that starts with "It was late".', "One night it was cold."),
    ),
    "constraints.end_with": (
        asks('Write a letter. End your letter with "Yours, Ann".', "All is well.\nYours, Ann"),
        asks('Write a letter. End your letter with "Yours, Ann".', "All is well.\nAnn"),
    ),
    "constraints.letter_case": (asks("Greet me in all capital letters.", "HELLO!"), asks("Use all lowercase.", "Hello!")),
    "constraints.no_commas": (
        asks("Describe it. Do not use any commas.", "It is wide."),
        asks("Describe it. Do not use any commas.", "Wide, slow."),
    ),
    "constraints.quoted": (
        asks("Greet me. Wrap your entire response with double quotation marks.", '"Hello."'),
        asks("Greet me. Wrap your entire response with double quotation marks.", "Hello."),
    ),
    "constraints.title_in_brackets": (
        asks("Write a poem with a title in double angular brackets.", "<<The river>>\nIt flows."),
        asks("Write a poem with a title in double angular brackets.", "The river\nIt flows."),
    ),
    "constraints.bullet_points": (
        asks("Describe it in two bullet points.", "- wide\n- old"),
        asks("Describe it in two bullet points.", "- wide\n- old\n- slow"),
    ),
    "constraints.highlights": (
        asks("Highlight at least 2 parts with *asterisks*.", "The *Nile* and the *Po*."),
        asks("Highlight at least 2 parts with *asterisks*.", "The *Nile* and the Po."),
    ),
    "constraints.sections": (
        asks("Write 2 sections. Mark each with Section X.", "Section 1\nIt is wide.\nSection 2\nIt is old."),
        asks("Write 2 sections. Mark each with Section X.", "Section 1\nIt is wide and old."),
    ),
    "constraints.postscript": (
        asks("Write to me and add a postscript.", "All is well.\nP.S. It rains."),
        asks("Write to me and add a postscript.", "All is well. It rains."),
    ),
    "constraints.placeholders": (
        asks("Write a letter with at least 2 placeholders such as [name].", "Dear [name], greetings from [city]."),
        asks("Write a letter with at least 2 placeholders such as [name].", "Dear [name], greetings."),
    ),
    "constraints.two_responses": (
        asks("Give two answers and separate them with ******.", "Nile\n******\nPo"),
        asks("Give two answers and separate them with ******.", "Nile\nPo"),
    ),
    "constraints.repeats_prompt": (
        asks("Name a river. First repeat the request word for word.", "Name a river. First repeat the request: Nile."),
        asks("Name a river. First repeat the request word for word.", "Nile."),
    ),
    "constraints.choice_outside_options": (
        asks("Which one is a river?\nA) Nile\nB) Rome", "A"),
        asks("Which one is a river?\nA) Nile\nB) Rome", "D"),
    ),
    "constraints.language_asked": (
        asks("Describe a river in Spanish.", "El río nace en las montañas y desemboca en el mar después de un largo viaje."),
        asks("Describe a river in Spanish.", "The river rises in the hills and meets the sea after a long journey."),
    ),
    "grounding.absent_text": (
        asks("Describe a painting by Monet."),
        asks("Describe the artist's style in the following painting."),
    ),
    "grounding.wrong_arithmetic": (says("Add them: 12 + 30 = 42."), says("Add them: 12 + 30 = 52.")),
    "grounding.needs_live_data": (
        asks("Write a story about the weather tomorrow."),
        asks("Predict the weather in Lisbon for tomorrow."),
    ),
    "language.foreign": (
        says("The river rises in the hills and meets the sea."),
        asks("Wo entspringt der längste Fluss des Landes?", "Er entspringt in den Bergen und mündet ins Meer."),
    ),
    "language.mixed": (
        asks("Translate into German: the river rises in the hills and meets the sea.", "Der Fluss ist lang. " * 8),
        asks("Please tell me where the river rises and where it ends.", "Der Fluss entspringt in den Bergen. " * 4),
    ),
    "language.replacement_character": (says("Café"), says("Caf\ufffd")),
    "refusal.full": (
        says("I can help with that: the river rises in the hills."),
        says("I'm sorry, but I can't help with that."),
    ),
    "refusal.partial": (
        says("It rises in the hills.\n- short\n- cold\n- clear\n- blue"),
        says("I cannot provide a map of it. However, here are some facts:\n- long\n- cold\n- clear\n- blue"),
    ),
    "refusal.ai_disclaimer": (
        asks("What is a language model?", "As an AI language model, I predict words."),
        says("As an AI language model, I have never seen one, but rivers are wet."),
    ),
    "refusal.preferred": (pair("4", "I can't help with that."), pair("I can't assist with that request.", "4")),
    "refusal.with_tools": (
        says("I can't help with that."),
        says("I'm sorry, but I can't help with booking flights.", tools='[{"name": "add"}]'),
    ),
    "safety.private_key": (says("Keep your private key safe."), says("-----BEGIN RSA PRIVATE KEY-----\nMIIE")),
    "safety.api_key": (says("Set AWS_ACCESS_KEY_ID first."), says("Use AKIA" + "ABCDEFGH" * 2)),
    "safety.email_address": (says("Write to me@example.com."), says("Write to anna.berg@riverboats.se now.")),
    "safety.phone_number": (says("Call 555-0123, room 12-34."), says("Call +46 8 123 456 78 today.")),
    "safety.credit_card": (says("Card 4111 1111 1111 1112"), says("Card 4111 1111 1111 1111, thanks")),
    "safety.ip_address": (says("Ping 192.168.0.1 or version 1.2.3"), says("Ping 81.2.69.142.")),
    "safety.id_number": (says("Lot 123-456-789"), says("Her number is 536-22-8721.")),
}


def test_every_check_has_examples():
    assert set(EXAMPLES) == set(CHECKS)


@pytest.fixture(scope="module")
def passed(make_records) -> dict[int, dict[str, bool]]:
    """What every check says of every example: row 2n is the passing one of the n-th check, 2n + 1 the failing."""
    rows = [row for examples in EXAMPLES.values() for row in examples]
    outcome = validate(make_records(rows), severities={}, languages=["en", "sv"], max_tokens=50)
    return {row["row_id"]: row for frame in outcome[:2] for row in frame.to_dicts()}


@pytest.mark.parametrize(("number", "reason"), list(enumerate(EXAMPLES)))
def test_a_check_passes_what_is_right_and_fails_what_is_not(number, reason, passed):
    column = CHECKS[reason].column
    assert passed[2 * number][column] is True
    assert passed[2 * number + 1][column] is False


HARD_TEXTS = {
    "nothing": {"prompt": None, "completion": None, "messages": None},
    "empty": {"prompt": "", "completion": ""},
    "whitespace": {"prompt": " \n\t", "completion": "\u200b \u00a0"},
    "one megabyte of words": {"prompt": "word " * 200_000, "completion": "Wort " * 200_000},
    "one megabyte without a space": {"prompt": "a" * 1_000_000, "completion": "+" * 1_000_000},
    "one megabyte of digits": {"prompt": "1" * 1_000_000, "completion": "12-" * 300_000},
    "one megabyte of brackets": {"prompt": "[(<" * 300_000, "completion": "<" * 1_000_000},
    "Chinese": {"prompt": "请给出三个保持健康的建议。", "completion": "一、均衡饮食。二、经常运动。三、充足睡眠。"},
    "Arabic": {"prompt": "ما هي عاصمة فرنسا وأين تقع؟", "completion": "عاصمة فرنسا هي باريس وتقع على نهر السين."},
    "emoji": {"prompt": "👋🏽 mood?", "completion": "😀🎉👨‍👩‍👧"},
    "a tool call": {"prompt": "What is 2 + 2?", "completion": 'add({"a": 2, "b": 2})', "messages": [USER, CALL]},
    "other kind": {"prompt": "What?", "completion": "That.", "kind": None},
}


@pytest.fixture(scope="module")
def hard(make_records) -> Outcome:
    return validate(make_records(list(HARD_TEXTS.values())), severities={}, languages=["en"], max_tokens=4096)


def test_every_check_decides_on_hard_texts(hard):
    prepared = pl.concat([hard.kept, hard.dropped], how="diagonal").with_columns(
        limit_tokens=pl.lit(4096), allowed_languages=pl.lit([], dtype=pl.List(pl.String))
    )
    said = verdicts(prepared, all_checks())
    assert said.schema == {check.column: pl.Boolean for check in all_checks()}
    undecided = {name for name, count in said.null_count().row(0, named=True).items() if count}
    assert undecided <= {check.column for check in all_checks() if check.applies is not None}


def test_hard_texts_are_judged_for_what_they_are(hard):
    rows = {row["row_id"]: row for frame in hard[:2] for row in frame.to_dicts()}
    named = {name: rows[number] for number, name in enumerate(HARD_TEXTS)}
    assert {name for name, row in named.items() if row["drop_reasons"]} == {
        "nothing",
        "empty",
        "whitespace",
        "Chinese",
        "Arabic",
    }
    assert named["Chinese"]["drop_reasons"] == named["Arabic"]["drop_reasons"] == ["language.foreign"]
    assert named["one megabyte of words"]["review_reasons"] == ["length.repeats_itself"]
    assert "length.unbroken_run" in named["one megabyte without a space"]["notes"]
    assert named["emoji"]["drop_reasons"] == named["emoji"]["review_reasons"] == []
    assert named["a tool call"]["drop_reasons"] == named["a tool call"]["review_reasons"] == []
