"""Filters and sort orders: on records, metadata, suggestions and responses, and whose responses count."""

from collections.abc import Callable
from typing import Any

import pytest

Json = dict[str, Any]

FIELDS = {"prompt": {"type": "text", "use_markdown": False}}
LABELS = [{"value": value, "text": value} for value in ("accept", "fix", "reject")]
QUESTIONS = {
    "verdict": {"type": "label_selection", "options": LABELS},
    "reasons": {
        "type": "multi_label_selection",
        "options": [{"value": one, "text": one} for one in ("short", "rude", "odd")],
    },
    "rating": {"type": "rating", "options": [{"value": value} for value in range(11)]},
    "comment": {"type": "text", "use_markdown": False},
    "best": {"type": "ranking", "options": [{"value": one, "text": one} for one in ("left", "right")]},
}
METADATA = {"domain": {"type": "terms"}, "tokens": {"type": "integer"}, "quality": {"type": "float"}}
RANKED = [{"value": "left", "rank": 1}, {"value": "right", "rank": 2}]


def text(prompt: str = "words", **said: Any) -> Json:
    return {"fields": {"prompt": prompt}, **said}


@pytest.fixture(scope="module")
def shelf(make_shelf: Callable[..., Any], ana: Any, ben: Any) -> Any:
    """Records a to f: metadata, suggestions and two people's answers, of which many are missing."""
    made = make_shelf(fields=FIELDS, questions=QUESTIONS, metadata=METADATA)
    rated = {"rating": {"value": 9, "score": 0.5, "agent": "Judge"}, "best": {"value": RANKED}}
    many = {
        "reasons": {"value": ["short", "rude"], "score": [0.2, 0.95]},
        "verdict": {"value": "fix", "agent": "assay"},
    }
    sure = {"verdict": {"value": "reject", "score": 0.9, "type": "human"}, "rating": {"value": 10, "score": 0.1}}
    made.add(
        {
            "a": text(metadata={"domain": "legal", "tokens": 5, "quality": 0.5}, suggestions=rated),
            "b": text(metadata={"domain": ["code", "math"], "tokens": 40, "quality": 0.25}, suggestions=many),
            "c": text(metadata={"domain": "Legal", "tokens": 300, "quality": -1.5}, suggestions=sure),
            "d": text(metadata={"domain": None}, suggestions={"comment": {"value": "legal advice", "agent": "assay"}}),
            "e": text(metadata={"tokens": -2}),
            "f": text(),
        }
    )
    made.respond(ana, "a", verdict="accept", rating=2, reasons=["odd"])
    made.respond(ana, "b", verdict="fix", rating=10)
    made.respond(ana, "c", status="discarded")
    made.respond(ana, "d", status="draft", rating=5)
    made.respond(ben, "a", verdict="reject", rating=9, comment="no")
    made.respond(ben, "e", verdict="accept", rating=3)
    return made


def terms(scope: Json, *values: Any) -> Json:
    return {"type": "terms", "scope": scope, "values": list(values)}


def between(scope: Json, ge: Any = None, le: Any = None) -> Json:
    return {"type": "range", "scope": scope, **{name: at for name, at in (("ge", ge), ("le", le)) if at is not None}}


def metadata(name: str) -> Json:
    return {"entity": "metadata", "metadata_property": name}


def suggestion(question: str, what: str = "value") -> Json:
    return {"entity": "suggestion", "question": question, "property": what}


def response(question: str) -> Json:
    return {"entity": "response", "question": question}


def record(what: str) -> Json:
    return {"entity": "record", "property": what}


STATUS = {"entity": "response", "property": "status"}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (terms(metadata("domain"), "legal"), "a"),
        (terms(metadata("domain"), "math", "Legal"), "bc"),
        (terms(metadata("domain"), "no such"), ""),
        (terms(metadata("tokens"), "5", "40.0"), "ab"),
        (terms(metadata("tokens"), 300), "c"),
        (between(metadata("tokens"), 5, 40), "ab"),
        (between(metadata("tokens"), 5.5), "bc"),
        (between(metadata("tokens"), le="-1"), "e"),
        (between(metadata("quality"), "0.25", "0.5"), "ab"),
        (terms(metadata("quality"), "-1.5"), "c"),
        (terms(suggestion("verdict"), "fix", "accept"), "b"),
        (terms(suggestion("reasons"), "rude"), "b"),
        (terms(suggestion("rating"), "9"), "a"),
        (between(suggestion("rating"), 9.5, 11), "c"),
        (terms(suggestion("comment"), "legal advice"), ""),  # texts are not compared
        (terms(suggestion("best"), "left"), ""),
        (between(suggestion("verdict", "score"), 0.5), "c"),
        (between(suggestion("reasons", "score"), 0.9), "b"),
        (terms(suggestion("rating", "score"), "0.5"), "a"),
        (terms(suggestion("verdict", "agent"), "assay"), "b"),
        (terms(suggestion("comment", "agent"), "assay"), "d"),
        (terms(suggestion("rating", "agent"), "judge"), ""),
        (terms(suggestion("verdict", "type"), "human"), "c"),
        (terms(response("verdict"), "accept"), "ae"),
        (terms(response("reasons"), "odd"), "a"),
        (terms(response("rating"), "9", "10"), "ab"),
        (between(response("rating"), 3, 5), "de"),
        (terms(response("comment"), "no"), ""),
        (terms(STATUS, "submitted"), "abe"),
        (terms(STATUS, "discarded", "draft"), "cd"),
        (terms(STATUS, "pending"), "f"),
        (terms(STATUS, "pending", "draft"), "df"),
        (terms(record("external_id"), "a", "f"), "af"),
        (terms(record("status"), "completed"), "abe"),
        (terms(record("status"), "pending"), "cdf"),
        (between(record("inserted_at"), "2001-01-01", "2100-01-01T00:00:00+01:00"), "abcdef"),
        (between(record("inserted_at"), le="2001-12"), ""),
        (between(record("updated_at"), 0, 4e12), "abcdef"),
    ],
)
def test_what_a_filter_keeps(shelf: Any, wanted: Json, found: str) -> None:
    assert "".join(shelf.find({"filters": {"and": [wanted]}})) == found


def test_filters_are_all_to_hold(shelf: Any) -> None:
    both = [terms(record("status"), "completed"), between(metadata("tokens"), 0, 10)]
    assert shelf.find({"filters": {"and": both}}) == ["a"]
    assert shelf.find({"filters": {"and": [terms(record("id"), shelf.records["c"])]}}) == ["c"]
    assert shelf.find({"query": {"text": {"q": "words -wall"}}, "filters": {"and": both}}) == ["a"]


@pytest.mark.parametrize(
    ("wanted", "of_ana", "of_ben"),
    [
        (terms(STATUS, "pending"), "ef", "bcdf"),
        (terms(STATUS, "submitted"), "ab", "ae"),
        (terms(STATUS, "pending", "draft", "discarded"), "cdef", "bcdf"),
        (terms(response("verdict"), "accept"), "a", "e"),
        (between(response("rating"), 9), "b", "a"),
    ],
)
def test_in_the_annotation_view_only_ones_own_responses_count(
    shelf: Any, ana: Any, ben: Any, wanted: Json, of_ana: str, of_ben: str
) -> None:
    body = {"filters": {"and": [wanted]}}
    assert sorted(shelf.find(body, ana, mine=True)) == list(of_ana)
    assert sorted(shelf.find(body, ben, mine=True)) == list(of_ben)


@pytest.mark.parametrize(
    ("scope", "up", "down"),
    [
        (metadata("tokens"), "eabcdf", "cbaedf"),
        (metadata("quality"), "cbadef", "abcdef"),
        (metadata("domain"), "cbadef", "bacdef"),  # by bytes: Legal, code, legal; of b's two, the first that way
        (suggestion("rating"), "acbdef", "cabdef"),
        (suggestion("verdict", "score"), "cabdef", "cabdef"),
        (suggestion("reasons", "score"), "bacdef", "bacdef"),
        (suggestion("verdict", "agent"), "bacdef", "bacdef"),
        (suggestion("comment"), "abcdef", "abcdef"),
        (response("rating"), "edabcf", "badecf"),
        (record("external_id"), "abcdef", "fedcba"),
        (record("inserted_at"), "abcdef", "fedcba"),
        (record("status"), "abecdf", "cdfabe"),
    ],
)
def test_a_sort_puts_what_is_missing_last_and_equals_as_they_came(shelf: Any, scope: Json, up: str, down: str) -> None:
    assert "".join(shelf.find({"sort": [{"scope": scope, "order": "asc"}]})) == up
    assert "".join(shelf.find({"sort": [{"scope": scope, "order": "desc"}]})) == down


def test_ones_own_answers_sort_ones_own_view(shelf: Any, ana: Any, ben: Any) -> None:
    body = {"sort": [{"scope": response("rating"), "order": "asc"}]}
    assert "".join(shelf.find(body, ana, mine=True)) == "adbcef"  # 2, 5 (a draft), 10
    assert "".join(shelf.find(body, ben, mine=True)) == "eabcdf"  # 3, 9


def test_the_second_sort_decides_among_equals(shelf: Any) -> None:
    sort = [{"scope": record("status"), "order": "asc"}, {"scope": record("external_id"), "order": "desc"}]
    assert "".join(shelf.find({"sort": sort})) == "ebafdc"


def test_a_sorted_page_has_no_scores(shelf: Any) -> None:
    page = shelf.page({"sort": [{"scope": metadata("tokens"), "order": "asc"}]}, limit=2, offset=1)
    assert [item["record"]["external_id"] for item in page["items"]] == ["a", "b"]
    assert [item["query_score"] for item in page["items"]] == [None, None]
    assert page["total"] == 6
    assert shelf.page({}, offset=100) == {"items": [], "total": 6}


@pytest.mark.parametrize(
    "wanted",
    [
        terms(metadata("tokens"), "many"),
        terms(response("rating"), "4", "four"),
        between(metadata("quality"), "low"),
        between(record("inserted_at"), "yesterday"),
        terms(record("updated_at"), "99999999999999999999999"),
        between(STATUS, "a", "b"),
        terms({"entity": "response"}, "x"),
        terms(response("no-such"), "x"),
        terms(suggestion("no-such"), "x"),
        terms(metadata("no-such"), "x"),
    ],
)
def test_a_value_that_cannot_be_compared_is_refused_with_the_reason(shelf: Any, wanted: Json) -> None:
    answer = shelf.ask({"filters": {"and": [wanted]}})
    assert answer.status_code == 422
    assert "detail" in answer.json()


@pytest.mark.parametrize(
    "value", ["'", '"', "\\", "%", "\x00", "'); DROP TABLE records; --", "💣", "", "x" * 100_000, "NaN"]
)
def test_no_value_breaks_the_server(shelf: Any, value: str) -> None:
    for scope in (metadata("domain"), suggestion("verdict"), response("verdict"), record("id"), suggestion("best")):
        assert shelf.ask({"filters": {"and": [terms(scope, value)]}}).status_code == 200
        assert shelf.ask({"filters": {"and": [terms(STATUS, value)]}}, mine=True).status_code == 200
    assert len(shelf.find({})) == 6


def test_integers_kept_as_text_are_compared_as_numbers(make_shelf: Callable[..., Any], owner: Any) -> None:
    shelf = make_shelf(fields=FIELDS, questions=QUESTIONS)
    shelf.add(
        {name: text(metadata={"n": value}) for name, value in {"a": "00003", "b": "x", "c": True, "d": [20]}.items()}
    )
    # A property may come after its values, and then nothing has checked them.
    body = {"name": "n", "title": "n", "settings": {"type": "integer"}}
    made = owner.call("POST", f"/datasets/{shelf.id}/metadata-properties", body)["id"]
    assert shelf.find({"filters": {"and": [between(metadata("n"), 3, 3)]}}) == ["a"]
    assert shelf.find({"sort": [{"scope": metadata("n"), "order": "desc"}]}) == ["d", "a", "b", "c"]
    assert owner.call("GET", f"/metadata-properties/{made}/metrics") == {"min": 3, "max": 20, "type": "integer"}


def test_metadata_tells_its_values_and_its_limits(shelf: Any, owner: Any) -> None:
    def metrics(name: str) -> Any:
        return owner.call("GET", f"/metadata-properties/{shelf.made[name]}/metrics")

    counts = {one["term"]: one["count"] for one in metrics("domain")["values"]}
    assert counts == {"legal": 1, "Legal": 1, "code": 1, "math": 1}
    assert metrics("domain")["total"] == 4
    assert metrics("tokens") == {"min": -2, "max": 300, "type": "integer"}
    assert metrics("quality") == {"min": -1.5, "max": 0.5, "type": "float"}


def test_metadata_of_no_record_has_no_limits(make_shelf: Callable[..., Any], owner: Any) -> None:
    shelf = make_shelf(fields=FIELDS, questions=QUESTIONS, metadata=METADATA)
    found = {name: owner.call("GET", f"/metadata-properties/{shelf.made[name]}/metrics") for name in METADATA}
    assert found["domain"] == {"type": "terms", "total": 0, "values": []}
    assert found["tokens"] == {"min": None, "max": None, "type": "integer"}


def test_progress_of_the_dataset_and_of_each_person(shelf: Any, owner: Any, ana: Any, ben: Any) -> None:
    progress = owner.call("GET", f"/datasets/{shelf.id}/progress")
    assert (progress["total"], progress["completed"], progress["pending"]) == (6, 3, 3)
    own = [who.call("GET", f"/me/datasets/{shelf.id}/metrics")["responses"] for who in (ana, ben)]
    assert own[0] == {"total": 6, "submitted": 2, "discarded": 1, "draft": 1, "pending": 2}
    assert own[1] == {"total": 6, "submitted": 2, "discarded": 0, "draft": 0, "pending": 4}


def test_a_draft_has_no_records_to_search(owner: Any, workspace_id: str) -> None:
    made = owner.call("POST", "/datasets", {"name": "a-draft", "workspace_id": workspace_id})["id"]
    try:
        assert owner.call("POST", f"/datasets/{made}/records/search", {}) == {"items": [], "total": 0}
        assert owner.call("GET", f"/datasets/{made}/progress")["total"] == 0
    finally:
        owner.call("DELETE", f"/datasets/{made}")
