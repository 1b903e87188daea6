"""Text search: what people type, and what it finds in the fields of records."""

from collections.abc import Callable
from typing import Any

import pytest

TEXT = {"type": "text", "use_markdown": False}
QUESTION = {
    "good": {"type": "label_selection", "options": [{"value": "yes", "text": "yes"}, {"value": "no", "text": "no"}]}
}
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAA"
    "DUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def shelf(make_shelf: Callable[..., Any]) -> Any:
    """Texts in every kind of field, in several scripts."""
    fields = {
        "prompt": TEXT,
        "completion": TEXT,
        "chat": {"type": "chat", "use_markdown": False},
        "picture": {"type": "image"},
        "extra": {"type": "custom", "template": "x", "advanced_mode": False},
    }
    made = make_shelf(fields=fields, questions=QUESTION)
    made.add(
        {
            "pay": {"fields": {"prompt": "How do I pay by card-payment?", "completion": "Open the Wallet app."}},
            "refund": {"fields": {"prompt": "Refund my card", "completion": "A refund of the payment takes 3 days."}},
            "paint": {"fields": {"prompt": "Paint the wall", "completion": "Café walls like Über-white."}},
            "chat": {
                "fields": {
                    "prompt": "see chat",
                    "chat": [
                        {"role": "user", "content": "Is my battery dead?"},
                        {"role": "assistant", "content": "Charge it."},
                    ],
                }
            },
            "picture": {"fields": {"prompt": "look", "picture": PIXEL}},
            "extra": {"fields": {"prompt": "odd", "extra": {"colour": "Magenta", "sizes": [41, {"deep": "abyss"}]}}},
            "tokyo": {"fields": {"prompt": "東京タワーはどこですか", "completion": "東京都港区にあります"}},
            "kyoto": {"fields": {"prompt": "京東 is a shop", "completion": "한국의 서울에서 왔어요"}},
            "hindi": {"fields": {"prompt": "हिन्दी भाषा", "completion": "привет, МИР 😀"}},
        }
    )
    return made


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("card", {"pay", "refund"}),
        ("CARD pay", {"pay"}),
        ("card -refund", {"pay"}),
        ("card | wall", {"pay", "refund", "paint"}),
        ("card + refund", {"refund"}),
        ("card -(wallet | paint)", {"refund"}),
        ("wall | card refund", {"refund"}),  # from the left, AND and OR alike
        ("wall | (card refund)", {"refund", "paint"}),
        ('"refund my card"', {"refund"}),
        ('"card my refund"', set()),
        ("pa*", {"pay", "refund", "paint"}),  # pay, payment, paint
        ("wal*", {"pay", "paint"}),
        ('"the wal"', set()),
        ("card-payment", {"pay", "refund"}),  # its parts, wherever they are
        ('"card-payment"', {"pay"}),
        ("3 days", {"refund"}),
        (r"\-refund", {"refund"}),
        (r"card\*", {"pay", "refund"}),
        ("card~2", {"pay", "refund"}),
        ("refund (", {"refund"}),
        ('refund "', {"refund"}),
        ("café", {"paint"}),
        ("CAFE\u0301", {"paint"}),  # composed otherwise
        ("cafe", set()),  # an accent is a difference, as in Elasticsearch
        ("über-WHITE", {"paint"}),
        ("МИР", {"hindi"}),
        ("भाषा", {"hindi"}),
        ("😀", {"hindi"}),
        ("東京", {"tokyo"}),
        ("京東", {"kyoto"}),
        ("港区", {"tokyo"}),
        ("タワー", {"tokyo"}),
        ("東京 서울", set()),
        ("서울", {"kyoto"}),
        ("battery", {"chat"}),
        ("assistant", set()),  # a role, not a text
        ("magenta", {"extra"}),
        ("abyss 41", {"extra"}),
        ("colour", set()),  # a key, not a text
        ("png", set()),
        ("*", {"pay", "refund", "paint", "chat", "picture", "extra", "tokyo", "kyoto", "hindi"}),
        ("!!!", set()),
    ],
)
def test_what_a_query_finds(shelf: Any, query: str, found: set[str]) -> None:
    assert shelf.text(query) == found


def test_a_search_in_one_field_leaves_the_others_out(shelf: Any) -> None:
    assert shelf.text("refund", "prompt") == {"refund"}
    assert shelf.text("payment", "completion") == {"refund"}
    assert shelf.text("-payment", "completion") == set(shelf.records) - {"refund"}
    assert shelf.text("card payment", "completion") == set()  # both words in that field
    assert shelf.text("battery", "chat") == {"chat"}
    assert shelf.text("look", "picture") == set()
    refused = shelf.ask({"query": {"text": {"q": "card", "field": "no-such"}}})
    assert refused.status_code == 422


def test_a_blank_query_is_no_query(shelf: Any) -> None:
    assert shelf.text("  ") == set(shelf.records)


def test_the_best_match_comes_first_and_scores_fall(shelf: Any) -> None:
    page = shelf.page({"query": {"text": {"q": "refund | wallet"}}})
    scores = [item["query_score"] for item in page["items"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0
    twice = shelf.page({"query": {"text": {"q": "refund"}}})["items"]
    assert [item["record"]["external_id"] for item in twice] == ["refund"]


def test_an_opposite_and_no_text_score_one(shelf: Any) -> None:
    for body in ({}, {"query": {"text": {"q": "-card"}}}):
        assert {item["query_score"] for item in shelf.page(body)["items"]} == {1.0}


def test_what_changes_is_found_and_what_was_there_is_not(make_shelf: Callable[..., Any], owner: Any) -> None:
    shelf = make_shelf(fields={"prompt": TEXT}, questions=QUESTION)
    shelf.add({"a": {"fields": {"prompt": "old words"}}, "b": {"fields": {"prompt": "other words"}}})
    shelf.add({"a": {"fields": {"prompt": "new words"}}, "c": {"fields": {"prompt": "late words"}}})
    assert shelf.text("old") == set()
    assert shelf.text("new") == {"a"}
    assert shelf.text("words") == {"a", "b", "c"}
    owner.call("DELETE", f"/datasets/{shelf.id}/records?ids={shelf.records['b']}")
    assert shelf.text("words") == {"a", "c"}
    assert shelf.find({}) == ["a", "c"]


def test_datasets_do_not_see_each_other(make_shelf: Callable[..., Any]) -> None:
    one, two = (make_shelf(fields={"prompt": TEXT}, questions=QUESTION) for _ in range(2))
    one.add({"a": {"fields": {"prompt": "shared word"}}})
    two.add({"b": {"fields": {"prompt": "shared word"}}})
    assert (one.text("shared"), two.text("shared")) == ({"a"}, {"b"})


HOSTILE = [
    *(
        '"',
        '""',
        "((",
        "))",
        ")(",
        "-",
        "--",
        "+",
        "|",
        "*",
        "**",
        "\\",
        "\\\\\\",
        "~",
        "~2",
        '"~',
        "a~~2",
        "()",
        "(-)",
        "-()",
    ),
    *(
        "a | | b",
        "AND OR NOT NEAR",
        "NEAR(a b)",
        "c0:card",
        "{c0}: card",
        "^card",
        'card" OR "x',
        "x'; DROP TABLE records; --",
    ),
    *("'", "%", "_", "?", ":x", "\x00card", "card\x00", "\ufffd", "\u202e", "ﷺ", "\U0010ffff"),
    *(
        "a" * 40_000,
        "(" * 40_000,
        '"' * 40_001,
        "-(" * 20_000 + "a",
        "a " * 1_000,
        "a | b " * 9,
        "\\" * 9_999,
        "💣" * 1_000,
    ),
]


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_no_query_breaks_the_server(shelf: Any, query: str) -> None:
    for field in ({}, {"field": "prompt"}):
        assert shelf.ask({"query": {"text": {"q": query, **field}}}).status_code == 200


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("x " * 3_000, "more than 2000 words"),
        ("a | (b (" * 40 + "c" + "))" * 40, "AND and OR more than 20 deep"),
        ("a | b " * 900, "AND and OR more than 20 deep"),
        ("a" * 60_000, "more than 50000 characters"),
    ],
)
def test_a_query_too_big_is_refused_with_the_reason(shelf: Any, query: str, said: str) -> None:
    answer = shelf.ask({"query": {"text": {"q": query}}})
    assert answer.status_code == 422
    assert said in answer.text


def test_half_a_character_is_no_word(shelf: Any) -> None:
    content = b'{"query": {"text": {"q": "card \\ud800"}}}'
    answer = shelf.owner.http.post(f"/datasets/{shelf.id}/records/search", content=content)
    assert answer.status_code in (200, 422)


@pytest.mark.parametrize(
    "record",
    [
        '{"fields": {"prompt": "odd word"}, "metadata": {"n": 1e999}}',
        '{"fields": {"prompt": "odd word"}, "metadata": {"other": Infinity}}',
        '{"fields": {"prompt": "odd word", "extra": {"a": NaN, "b": [[[[-Infinity]]]]}}}',
        '{"fields": {"prompt": "odd word"}, "vectors": {"v": [NaN, 1e999]}}',
        f'{{"fields": {{"prompt": "odd word"}}, "metadata": {{"n": {"9" * 400}}}}}',
        '{"fields": {"prompt": "odd\\u0000word"}, "metadata": {"kind": "\\u0000"}}',
    ],
)
def test_a_record_that_sqlite_cannot_read_stops_no_search(
    make_shelf: Callable[..., Any], owner: Any, record: str
) -> None:
    extra = {"type": "custom", "template": "x", "advanced_mode": False}
    metadata = {"n": {"type": "float"}, "kind": {"type": "terms"}}
    shelf = make_shelf(fields={"prompt": TEXT, "extra": extra}, questions=QUESTION, metadata=metadata, vectors={"v": 2})
    shelf.add({"good": {"fields": {"prompt": "plain word"}, "metadata": {"n": 1.5}, "vectors": {"v": [1, 0]}}})
    logged = owner.http.post(f"/datasets/{shelf.id}/records/bulk", content=f'{{"items": [{record}]}}'.encode())
    assert logged.is_success or logged.status_code == 422
    number = {"entity": "metadata", "metadata_property": "n"}
    assert shelf.find({"filters": {"and": [{"type": "range", "scope": number, "le": 2}]}}) == ["good"]
    assert "good" in shelf.find({"sort": [{"scope": number, "order": "asc"}]})
    assert shelf.text("plain") == {"good"}
    assert shelf.find({"query": {"vector": {"name": "v", "value": [1, 0]}}})[0] == "good"
    for name in metadata:
        assert owner.ask("GET", f"/metadata-properties/{shelf.made[name]}/metrics").status_code == 200
