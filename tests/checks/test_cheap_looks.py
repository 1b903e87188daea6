"""The cheap looks before the dear ones hide nothing: each shortened check says what its plain form says."""

from pathlib import Path

import polars as pl
import pytest

from checks import formatting, length, safety
from checks._text import asks_about, has, has_literal, where
from checks.catalogue import prepared
from checks.quality import quality
from checks.registry import CHECKS
from pipelines.ingest import read_records

RAW = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "raw"

PLANTED = [
    "GB82 WEST 1234 5698 7654 32",
    "xGB82WEST12345698765432",
    "GB82WEST12345698765432.",
    "8.8.8.8",
    "10.0.0.1 and 8.8.4.4",
    "version 1.2.3.4.5",
    "٣.٤.٥.٦",
    "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    "a:b:c:d:e:f:0:1:2",
    "12:30:45",
    "123-45-6789",
    "Design a ſketch of a boat",
    "Create a \u212anown logo",
    "Draw a mindmap",
    "Draw up a mind  map for me",
    "\n  Create an infographic\nabout tea",
    "Compose a sound effect",
    "![a](b.png)",
    "(see the attached chart)",
    "[Image of a house]",
    "HTTP://A.B/C.PNG",
    "attached photo",
    "漢",
    "漢字",
    "ก",
    "กา",
    "aก",
    "漢a",
    "a漢",
    "々",
    "⺀⺀",
    "a ⺀",
    "one",
    "one two",
    "'",
    "  ...  ",
    "",
    "<div>text</div>",
    "```<b>```",
    "&amp; more",
    "ghp_" + "a" * 36,
    "thigh-high light",
    "sk-" + "b" * 40,
    "\x00",
    "\x0b",
    "\x0c",
    "\x7f",
    "\u0085",
    "Ã©",
    "\ufffd",
]
TEXT = pl.concat_str("t_prompt", "t_completion", pl.lit(""), separator="\n")
PLAIN = {
    "length.short_prompt": length._words(pl.col("t_prompt").str.head(200)).list.len() >= 2,
    "safety.id_number": ~(
        has(TEXT.str.replace_all(safety.NO_SSN, " "), safety.SSN)
        | has(TEXT, safety.SSN_NAMED)
        | TEXT.str.extract_all(safety.IBAN).list.eval(safety.is_iban(pl.element())).list.any()
    ),
    "safety.ip_address": ~(
        has(TEXT.str.replace_all(safety._LOCAL_IP + r"[\d.]*", " "), safety._IPV4) | has(TEXT, safety._IPV6)
    ),
    "safety.json_web_token": ~has(TEXT, safety.WEB_TOKEN),
    "safety.private_key": ~has(TEXT, safety.PRIVATE_KEY),
    "formatting.asks_for_media": ~has(pl.col("t_prompt").str.extract(r"^\s*([^\n]*)"), formatting._ASKS_FOR_MEDIUM)
    | has(pl.col("t_prompt").str.extract(r"^\s*([^\n]*)"), formatting._ABOUT_MEDIUM),
    "formatting.absent_media": ~pl.any_horizontal(
        has(pl.col("t_prompt"), pattern)
        for pattern in (
            formatting._MARKDOWN_IMAGE,
            formatting._IMAGE_LINK,
            formatting._MEDIUM_IN_BRACKETS,
            formatting._MEDIA_FILE,
            formatting._ATTACHED_MEDIUM,
        )
    ),
    "formatting.html_tags": ~has(
        where(~has_literal(pl.col("t_answer"), "```") & ~asks_about(*formatting._MARKUP), pl.col("t_answer")),
        f"(?i){formatting._TAG}",
    ),
    "formatting.mojibake": ~(
        has(pl.col("t_prompt"), formatting.MOJIBAKE) | has(pl.col("t_answer"), formatting.MOJIBAKE)
    ),
    "formatting.nul_character": ~(has(pl.col("t_prompt"), "\x00") | has(pl.col("t_answer"), "\x00")),
    "formatting.control_characters": ~pl.any_horizontal(
        has(pl.col(name), "[\x01-\x08\x0b\x0e-\x1f\x7f]") for name in ("t_prompt", "t_answer")
    ),
    "formatting.unfinished": ~formatting.lacks_sentence_end(pl.col("t_answer")),
    "language.replacement_character": ~(has(pl.col("t_prompt"), "\ufffd") | has(pl.col("t_answer"), "\ufffd")),
}


def differing(records: pl.DataFrame) -> dict[str, list[str]]:
    """The checks whose short form says something else than the plain one, with the prompts it is said of."""
    ready = prepared(records)
    both = ready.select("prompt", *(CHECKS[name].passes.alias(name) for name in PLAIN))
    plain = ready.select(expression.alias(name) for name, expression in PLAIN.items())
    found = {name: both.filter(both[name].ne_missing(plain[name]))["prompt"].to_list() for name in PLAIN}
    return {name: texts for name, texts in found.items() if texts}


def test_planted_texts_alone_and_within_others(make_records):
    rows = [{"prompt": prompt, "completion": answer} for prompt in PLANTED for answer in PLANTED]
    rows += [{"prompt": f"Say {text} now.", "completion": f"Said: {text}, and no more."} for text in PLANTED]
    kto = [{**row, "kind": "kto", "label": label} for row in rows[:500] for label in (True, False)]
    assert differing(make_records([*rows, *kto])) == {}


@pytest.mark.parametrize("name", ["alpaca_zh_reviewed.json.gz", "code_alpaca_2k.json", "dolly_3k.jsonl"])
def test_real_texts(name):
    if not (RAW / name).exists():
        pytest.skip("real data is absent")
    records = read_records(str(RAW / name)).filter(pl.col("kind") == "sft")
    assert differing(records) == {}


def test_quality_is_the_same_each_time_to_the_last_bit(make_records):
    rows = [{"prompt": f"Explain {text} to me", "completion": f"{text} is explained. " * 9} for text in PLANTED]
    records = make_records(rows)
    assert len({tuple(quality(records).to_list()) for _ in range(40)}) == 1
