"""Constraints that prompts state: kept or broken where that is beyond doubt, and no verdict where it is not."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from checks.catalogue import all_checks, reads_only_the_record, verdicts
from checks.demands.bounds import WORDS as WORD
from checks.demands.bounds import Bound, bound
from checks.demands.choices import inside_options
from checks.demands.lists import items
from checks.demands.tongues import language_wanted
from checks.registry import CHECKS

Make = Callable[[list[dict[str, Any]]], pl.DataFrame]
MINE = [check for check in all_checks() if check.family == "constraints" and reads_only_the_record(check)]

WORDS = "one two three four five six seven eight nine ten "
# check, prompt, answers that keep it, answers that break it
STATED = [
    ("item_count", "List five fruits.", ["- a\n- b\n- c\n- d\n- e"], ["- a\n- b\n- c\n- d"]),
    ("item_count", "What are three reasons to walk?", ["1. a\n2. b\n3. c"], ["1. a\n2. b\n3. c\n4. d"]),
    ("item_count", "Give me at least 2 ideas.", ["1) a\n2) b\n3) c"], []),
    ("item_count", "Name 2-3 colours.", ["red, blue, green", "red, blue"], ["red, blue, green, grey"]),
    ("item_count", "Generate a list of a dozen names.", ["\n".join(f"{n}. A" for n in range(1, 13))], ["1. A\n2. B"]),
    ("item_count", "Name three rivers.", ["Nile, Po and Elbe.", "1. Nile 2. Po 3. Elbe"], ["Nile, Po, Elbe, and Don"]),
    (
        "item_count",
        "列出三个城市。",
        ["1. 北京\n2. 上海\n3. 广州", "北京、上海、广州"],
        ["1. 北京\n2. 上海", "北京、上海、广州、天津"],
    ),
    ("word_limit", "Describe tea in at most 5 words.", ["Warm and green."], ["Warm and green and very good."]),
    ("word_limit", "Describe tea in fewer than five words.", ["Warm and very green."], ["Warm and green and good."]),
    ("word_limit", "Write a text of no less than 5 words.", ["One two three four five."], ["One two three four."]),
    ("word_limit", "Explain it in 50 words or less.", [WORDS * 5], [WORDS * 5 + "more"]),
    ("word_limit", "Explain it in 10 to 12 words.", [WORDS + "more"], [WORDS + "and three more"]),
    ("word_limit", "Write a 5-word slogan.", ["A well-known tea for me", "A tea well-known here"], ["Tea"]),
    ("word_target", "Write a 100-word essay on tea.", [WORDS * 9, WORDS * 11], [WORDS * 8, WORDS * 12]),
    ("word_target", "Summarize it in about 50 words.", [WORDS * 5], [WORDS * 7]),
    ("character_limit", "Write a tweet of at most 280 characters.", ["Tea."], ["Tea! " * 60]),
    ("sentence_count", "Explain tea in one sentence.", ["Tea, e.g. green, is warm."], ["Tea is warm. It is green."]),
    (
        "sentence_count",
        "Write two sentences about tea.",
        ["1. It is hot.\n2. It is green.", "Dr. Ann drank 2.5 cups. It was hot."],
        ["Hot."],
    ),
    (
        "sentence_count",
        "Describe it in 2-3 sentences.",
        ['"Stop! Who?" he said. He ran.'],
        ["A. B is. C is. D is. E is."],
    ),
    ("paragraph_count", "Write two paragraphs on tea.", ["Tea\n\nIt is hot.\n\nIt is green."], ["It is hot."]),
    ("paragraph_count", "Write 3 stanzas separated by ***.", ["a\n***\nb\n***\nc"], ["a\n***\nb"]),
    (
        "required_words",
        "Write a poem with the words moon, river and sun.",
        ["Moonlit rivers, sunny."],
        ["The moon, a river."],
    ),
    ("required_words", 'Use the phrase "by and large" in a sentence.', ["By and large it works."], ["It works."]),
    ("forbidden_words", 'Describe it. Do not include the words "red" or "blue".', ["It is reddish."], ["A Red one."]),
    ("forbidden_words", 'Write a line without using the letter "z".', ["A lion."], ["A zoo."]),
    ("term_frequency", "Make sure the letter q appears at least twice.", ["Quick, quiet."], ["Quick."]),
    ("term_frequency", 'Use the word "tea" exactly 2 times.', ["Tea and tea."], ["Tea, tea, tea."]),
    ("start_with", 'Compose a sentence that begins with "If only".', ["If only I knew."], ["I wish I knew."]),
    ("start_with", "Write 2 paragraphs. Paragraph 2 must start with the word so.", ["A.\n\nSo be it."], ["So.\n\nA."]),
    (
        "end_with",
        "Finish your response with this exact phrase: Any other questions?",
        ["Yes. Any other questions?"],
        ["Yes."],
    ),
    ("letter_case", "Your entire response should be in all lowercase letters.", ["i see."], ["I see."]),
    (
        "letter_case",
        "Words in all capital letters should appear at least 2 times.",
        ["The BIG RED box"],
        ["The big RED box"],
    ),
    ("no_commas", "Refrain from using any commas.", ["Red and blue."], ["Red, blue.", "红，蓝"]),
    ("bullet_points", "Your answer must contain exactly 2 bullet points.", ["* a\n* b", "- a\n  - c\n- b"], ["* a"]),
    ("highlights", "Highlight at least 2 sections in markdown, i.e. *section*.", ["*a b* and **c**"], ["*a b* only"]),
    ("placeholders", "It must contain at least three placeholders in square brackets.", ["[a] [b] [c]"], ["[a] [b]"]),
    ("postscript", "At the end add a postscript starting with P.P.S", ["Bye.\nP.P.S. Tea"], ["Bye.\nP.S. Tea"]),
    ("choice_outside_options", "Is it so? Answer yes or no.", ["Yes.", "No, it is not."], ["It is so."]),
    (
        "choice_outside_options",
        "Which is a fruit?\nA. Fig\nB. Stone",
        ["A", "Fig.", "The answer is B", "(a)"],
        ["C", "Plum"],
    ),
    ("choice_outside_options", 'Output either "noun" or "verb".\n\nrun', ["Verb."], ["An adjective."]),
]

# Prompts that make no such demand of the answer, or none that can be read without doubt.
UNSTATED = {
    "item_count": [
        ("Identify two pros and two cons of tea.", "1. a\n2. b"),
        ("List three advantages and disadvantages of tea.", "1. a\n2. b"),
        ("List three uses of each tool.", "1. a\n2. b"),
        ("Write three sentences about tea.", "- a\n- b"),
        ("Suggest two recipes.", "1. a\n2. b\n3. c"),
        ("Name three rivers.", "There are many rivers, of which the Nile is the longest."),
        ("Name three rivers.", "Rivers:\n- a\n\nHills:\n- b\n\nLakes:\n- c"),
        ("List 10000000000000000000 items.", "1. a\n2. b"),
        ("Create a 5 day plan.", "- a\n- b"),
    ],
    "word_limit": [
        ("Use these 3 words in a sentence.", "A b c d e."),
        ("Add at least two words to the text.", "A"),
        ("Find five words that rhyme with moon.", "soon"),
        ("Write 5 words per line.", "A"),
        ("Translate the 1000-word paragraph.", "A"),
        ("用英语写 in at most 5 words.", "这是一个很长的回答，没有空格。"),
        ("Write a program in at most 5 words.", "```\nprint(1, 2, 3, 4, 5, 6, 7)\n```"),
        ("In 5 words describe it, then in 10 words praise it.", "A"),
    ],
    "sentence_count": [
        ("Combine these two sentences.", "A"),
        ("Given two sentences, produce a unified sentence.", "A"),
        ("Add two sentences to the story.", "A"),
        ("Write a sentence.", "A. B is."),
        ("Write two sentences for each word.", "A"),
    ],
    "paragraph_count": [("Compare the two paragraphs.", "A"), ("Write a 2-paragraph email.", "A")],
    "required_words": [
        ('Find a synonym of the word "sad".', "Blue."),
        ('Name a verb associated with the word "hike".', "Climb."),
        ("Rearrange the following words.", "A"),
        ('Write a line without using the word "tea".', "A"),
    ],
    "forbidden_words": [("Output the words that do not contain the letter e.", "tee"), ("Do not use a pen.", "4")],
    "start_with": [
        ('Name 5 states that start with the letter "M".', "Iowa"),
        ('Find a word starting with "un".', "Do"),
        ('Write a regex matching strings that start with "ab".', "c"),
    ],
    "letter_case": [("Write a function that puts a string in uppercase.", "A"), ("Make a password in all caps.", "a")],
    "no_commas": [("Write a Python program without commas.", "a, b")],
    "choice_outside_options": [
        ("Continue the talk.\nA: Hi\nB: Hello", "C"),
        ("Write a question with options.\nA) Fig\nB) Stone", "C) Plum"),
        ("Which is a fruit?\nA) Fig\nB) Stone", "It depends on many things. " * 20),
    ],
    "postscript": [("What is a postscript?", "A note.")],
}  # fmt: skip


def said(make: Make, name: str, prompts: list[str], answers: list[str]) -> list[bool | None]:
    rows = [{"prompt": prompt, "completion": answer} for prompt, answer in zip(prompts, answers, strict=True)]
    return verdicts(make(rows), [CHECKS[f"constraints.{name}"]]).to_series().to_list()


@pytest.mark.parametrize(
    ("name", "prompt", "kept", "broken"), STATED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_stated_demand_is_kept_or_broken(make_records, name, prompt, kept, broken):
    found = said(make_records, name, [prompt] * len(kept + broken), kept + broken)
    assert dict(zip(kept + broken, found, strict=True)) == dict.fromkeys(kept, True) | dict.fromkeys(broken, False)


@pytest.mark.parametrize("name", UNSTATED)
def test_where_nothing_is_demanded_there_is_no_verdict(make_records, name):
    prompts, answers = zip(*UNSTATED[name], strict=True)
    assert dict(
        zip(UNSTATED[name], said(make_records, name, list(prompts), list(answers)), strict=True)
    ) == dict.fromkeys(UNSTATED[name])


def test_a_number_too_large_to_be_meant_is_none():
    assert bound("Use at most 99999999999999999999 words.", WORD) is None
    assert items("List 10000000000000000000 items.") is None
    assert bound("Use at most 1,200 words.", WORD) == Bound(0, 1200)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ('Translate "good day" from English to French.', "fr"),
        ("Please respond only in Korean.", "ko"),
        ("Write a haiku in Japanese.", "ja"),
        ("What is the word for blue in French?", None),
        ("Name an ingredient used in Italian cuisine.", None),
        ("Translate the text to English and to French.", None),
    ],
)
def test_the_language_asked_for_is_read(request_, code):
    assert language_wanted(request_) == code


def test_what_is_cited_in_another_language_is_no_answer_in_the_wrong_one(make_records):
    rows = [
        {"prompt": "Translate the word 'happiness' into Spanish.", "completion": "The Spanish word is 'felicidad'."},
        {"prompt": "Describe a river in Spanish.", "completion": "The river rises in the hills and meets the sea."},
        {"prompt": "Describe a river in Spanish.", "completion": "42"},
    ]
    measured = make_records(rows).with_columns(completion_language=pl.Series(["en", "en", None]))
    assert verdicts(measured, [CHECKS["constraints.language_asked"]]).to_series().to_list() == [None, False, None]


def test_the_demand_of_an_earlier_turn_or_of_a_document_is_none(make_records):
    turns = [
        {"role": "user", "content": "List five rivers."},
        {"role": "assistant", "content": "1. Nile\n2. Po"},
        {"role": "user", "content": "Thanks. Which is longer?"},
        {"role": "assistant", "content": "1. Nile\n2. Po"},
    ]
    asked = "List five rivers."
    rows = [
        {"prompt": f"{asked}\nThanks. Which is longer?", "completion": "1. Nile\n2. Po", "messages": turns},
        {"prompt": f"What is this?\n\n{asked}", "context": asked, "completion": "1. Nile\n2. Po"},
        {"prompt": asked, "completion": "1. Nile\n2. Po", "kind": "kto", "label": False},
        {"prompt": asked, "completion": "1. Nile\n2. Po", "kind": "kto", "label": True},
    ]
    of_these = verdicts(make_records(rows), [CHECKS["constraints.item_count"]]).to_series()
    assert of_these.to_list() == [None, None, None, False]


HOSTILE = [
    "use the words " + "a, " * 600,
    'without using the word "' * 80,
    "list five " * 190,
    "at least " * 200 + "5 words",
    "(" * 1900,
    "A) " * 600,
    "either 'a' or " * 130,
    "start with " + '"' * 1900,
    "wrap " + "a " * 900 + "quotation marks",
    "\n" * 1990,
    "highlight " + "1 " * 900,
]
ENDLESS = [
    *(sign * 1_000_000 for sign in ("a", "\n", "*", "<", "[", '"', " ", ".")),
    *("1. " * 300_000, "<<a" * 300_000, "a, b and " * 100_000),
]


def test_hostile_requests_and_endless_answers_are_judged_in_the_end(make_records):
    demands = sorted({prompt for _, prompt, _, _ in STATED})
    rows = [{"prompt": text, "completion": "A"} for text in HOSTILE]
    rows += [{"prompt": demand, "completion": text} for demand in demands[::4] for text in ENDLESS]
    assert verdicts(make_records(rows), MINE).height == len(rows)
    assert inside_options("A) " * 2000, "", "A") is None
