"""Every check there is: on its own examples, and on texts that are none, far too long, hostile or not English."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from checks._examples import USER, call, shown
from checks.catalogue import all_checks, verdicts
from checks.registry import CHECKS
from pipelines.trainability.measuring import Plan
from pipelines.trainability.target import find_target
from pipelines.validate import validate
from schemas.outcome import Outcome

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]


def judged(make_records, rows: list[Row], **settings: Any) -> list[Row]:
    """The rows with everything that validate says of them, in their order."""
    outcome = validate(make_records(rows), severities={}, **{"languages": ["en", "sv"], "max_tokens": 4096, **settings})
    both = [row for frame in outcome[:2] for row in frame.to_dicts()]
    return sorted(both, key=lambda row: row["row_id"])


@pytest.mark.parametrize("reason", CHECKS)
def test_a_check_has_a_record_that_fails_it_and_one_that_nearly_does(reason):
    check = CHECKS[reason]
    assert check.fails, f"{reason}: say in @check(..., fails=) which record fails it; checks/_examples.py makes one"
    assert check.but_not, f"{reason}: say in @check(..., but_not=) which record nearly fails it, and passes"
    assert shown(check.fails), f"{reason}: nothing in its example is particular"


# User and assistant in turn, results between them; calls are not written, nor of an answer what it thinks first.
TEMPLATE = (
    "{% for message in messages if message.role != 'system' and message.role != 'tool' %}"
    "{% if (message.role == 'user') != (loop.index0 % 2 == 0) and not messages | selectattr('role', 'equalto', 'tool') "
    "| list %}{{ raise_exception('Roles must alternate') }}{% endif %}{% endfor %}"
    "{% for message in messages %}<|im_start|>"
    "{% if message.role == 'assistant' %}{% generation %}{{ message.content.split('</think>')[-1] }}<|im_end|>"
    "{% endgeneration %}{% else %}{{ message.content }}<|im_end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>{% endif %}"
)


@pytest.fixture(scope="module")
def of_examples(make_records, byte_tokenizer) -> list[Row]:
    """Row 2n is the failing example of the n-th check, 2n + 1 the passing one."""
    rows = [dict(example or {}) for check in CHECKS.values() for example in (check.fails, check.but_not)]
    plan = Plan(find_target(str(byte_tokenizer(TEMPLATE))), 120, "assistant")
    return judged(make_records, rows, max_tokens=50, plan=plan)


@pytest.mark.parametrize(("number", "reason"), list(enumerate(CHECKS)))
def test_a_check_fails_what_is_wrong_and_passes_what_nearly_is(number, reason, of_examples):
    fails, but_not = of_examples[2 * number], of_examples[2 * number + 1]
    assert fails[CHECKS[reason].column] is False
    assert but_not[CHECKS[reason].column] is True


NOTHING = {
    "nothing": {"prompt": None, "completion": None, "messages": None},
    "no turns": {"prompt": None, "completion": None, "messages": []},
    "turns without content": {"prompt": "", "completion": "", "messages": [USER | {"content": None}]},
    "empty": {"prompt": "", "completion": "", "context": ""},
    "whitespace": {"prompt": " \n\t", "completion": "\u200b \u00a0", "context": "\u3000"},
    "other kind": {"prompt": "What?", "completion": "That.", "kind": None},
    "nothing to prefer": {"prompt": "What?", "completion": None, "kind": "preference", "chosen": [], "rejected": None},
    "nothing to want": {"prompt": "What?", "completion": None, "kind": "kto", "label": None},
    "a tool call": {"prompt": "What is 2 + 2?", "completion": 'add({"a": 2})', "messages": [USER, call()]},
}
HOSTILE = [
    "'; DROP TABLE records; --",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }} ${jndi:ldap://a} %s %n",
    "\u202egnirts\u202c \u2066a\u2069 z\u0301\u0302\u0303\u0304\u0305",
    "\ud7ff\ue000\ufdd0\U0010ffff",
    "[[[[{{{{((((",
    "\\\\\\u0000\\x00\\",
    "=cmd|'/c calc'!A1",
    "../../../../etc/passwd",
    "9" * 400 + " = " + "9" * 400,
    "1e999 + 1 = 0, 1/0 = 1, 0.1.2.3 * 4 = 5",
    "|---|\n" * 50,
    "\r\r\n\n\x1b[31m",
]


@pytest.fixture(scope="module")
def strange(make_records) -> Outcome:
    rows = [*NOTHING.values(), *({"prompt": text, "completion": text, "context": text} for text in HOSTILE)]
    return validate(make_records(rows), severities={}, languages=["en"], max_tokens=4096)


def test_every_check_decides_on_nothing_and_on_hostile_texts(strange):
    ready = pl.concat([strange.kept, strange.dropped], how="diagonal").with_columns(
        limit_tokens=pl.lit(4096), allowed_languages=pl.lit([], dtype=pl.List(pl.String))
    )
    said = verdicts(ready, all_checks())
    assert said.schema == {check.column: pl.Boolean for check in all_checks()}
    about_all = [check.column for check in all_checks() if check.applies is None]
    assert {
        name: count for name, count in said.null_count().row(0, named=True).items() if count and name in about_all
    } == {}


def test_nothing_is_dropped_for_being_nothing(strange):
    rows = {row["row_id"]: row for frame in strange[:2] for row in frame.to_dicts()}
    named = {name: rows[number] for number, name in enumerate(NOTHING)}
    for name in ("nothing", "no turns", "turns without content", "empty", "whitespace"):
        assert {"structure.empty_prompt", "structure.empty_completion"} <= set(named[name]["drop_reasons"])
    assert "structure.missing_label" in named["nothing to want"]["drop_reasons"]
    assert "structure.empty_rejected" in named["nothing to prefer"]["drop_reasons"]
    for name in ("other kind", "a tool call"):
        assert named[name]["drop_reasons"] == named[name]["review_reasons"] == []


@pytest.mark.long
def test_a_megabyte_is_judged_for_what_it_is_and_in_sane_memory():
    """In a process of its own, whose memory at its highest is known."""
    program = Path(__file__).with_name("judge_endless_texts.py")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    reasons = dict(line.split("\t") for line in done.stdout.splitlines()[1:])
    assert int(done.stdout.split("\n", 1)[0]) < MOST_MEGABYTES
    assert "length.repeats_itself" in reasons["words"]
    assert "length.unbroken_run" in reasons["one letter"]
    assert "structure.empty_prompt" not in reasons["ideographs"]
    assert "formatting.nul_character" in reasons["mixed"]


# Beside polars and what it holds itself: about 40 megabytes of text, some of it in lower case, as words, as matches.
MOST_MEGABYTES = 2500

ORDINARY = {
    "Chinese": (
        "请给出三个保持健康的建议。",
        "一、均衡饮食。二、经常运动，每周至少三次。三、保证充足的睡眠。",
    ),
    "Japanese": ("健康を保つ方法を教えてください。", "毎日よく眠り、野菜を食べ、週に三回は体を動かしましょう。"),
    "Korean": ("건강을 유지하는 방법을 알려 주세요.", "매일 충분히 자고, 채소를 먹고, 일주일에 세 번 운동하세요."),
    "Arabic": ("ما هي عاصمة فرنسا وأين تقع؟", "عاصمة فرنسا هي باريس، وتقع على نهر السين في شمال البلاد."),
    "Hebrew": ("מהי בירת צרפת?", "בירת צרפת היא פריז, והיא שוכנת על גדות נהר הסן."),
    "Hindi": ("भारत की राजधानी क्या है?", "भारत की राजधानी नई दिल्ली है। यह यमुना नदी के किनारे बसी है।"),
    "Thai": ("เมืองหลวงของประเทศไทยคืออะไร", "เมืองหลวงของประเทศไทยคือกรุงเทพมหานคร ซึ่งตั้งอยู่ริมแม่น้ำเจ้าพระยา"),
    "Russian": (
        "Какая река самая длинная в Европе?",
        "Самая длинная река в Европе — Волга. Она течёт на юг.",
    ),
    "Greek": ("Ποια είναι η πρωτεύουσα της Ελλάδας;", "Η πρωτεύουσα της Ελλάδας είναι η Αθήνα."),
    "German": (
        "Welcher Fluss ist der längste in Europa?",
        "Der längste Fluss in Europa ist die Wolga.",
    ),
    "French": (
        "Quel est le plus long fleuve d'Europe ?",
        "Le plus long fleuve d'Europe est la Volga.",
    ),
    "Turkish": (
        "Avrupa'nın en uzun nehri hangisidir?",
        "Avrupa'nın en uzun nehri Volga'dır.",
    ),
    "Vietnamese": ("Sông nào dài nhất châu Âu?", "Sông Volga là con sông dài nhất châu Âu và đổ ra biển Caspi."),
    "emoji": ("👋🏽 How is the mood today? 🌞", "Great! 😀🎉👨\u200d👩\u200d👧 The sun is out, and so are we. 🌞🏖️"),
}


@pytest.fixture(scope="module")
def ordinary(make_records) -> dict[str, Row]:
    rows = [{"prompt": prompt, "completion": answer} for prompt, answer in ORDINARY.values()]
    return dict(zip(ORDINARY, judged(make_records, rows, languages=[]), strict=True))


@pytest.mark.parametrize("language", ORDINARY)
def test_a_good_answer_in_another_language_fails_nothing(language, ordinary):
    row = ordinary[language]
    assert row["drop_reasons"] + row["review_reasons"] + row["notes"] == []


def test_where_languages_are_set_others_are_dropped_for_that_alone(make_records):
    rows = [{"prompt": prompt, "completion": answer} for prompt, answer in ORDINARY.values()]
    dropped = {row["row_id"]: row["drop_reasons"] for row in judged(make_records, rows, languages=["en"])}
    foreign = {name: dropped[number] for number, name in enumerate(ORDINARY) if dropped[number]}
    assert set(foreign) >= {"Chinese", "Arabic", "Hindi", "Russian", "German"}
    assert {reason for reasons in foreign.values() for reason in reasons} == {"language.foreign"}
    assert "emoji" not in foreign
